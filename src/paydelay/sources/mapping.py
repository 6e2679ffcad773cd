"""The declared mapping: which column of which file, sheet or table is which of the ledger."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import polars as pl
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from paydelay.ledger.tables import TABLES
from paydelay.sources.opening import Place
from paydelay.sources.values import DATE_FORMATS

REASONS = (
    "filtered",
    "not_receivable",
    "other_document",
    "void",
    "draft",
    "deleted",
    "other_company",
    "test_entry",
)
"""Names of the reasons under which lines may be left out; texts below ``out_of_scope.mapped``."""
_TYPES = {
    name: column.dtype
    for table in TABLES.values()
    for name, column in table.contract.columns().items()
    if name in table.source_columns
}
DATE_COLUMNS = frozenset(name for name, kind in _TYPES.items() if kind == pl.Date)
NUMBER_COLUMNS = frozenset(name for name, kind in _TYPES.items() if kind.is_numeric()) | {"open_amount"}
MAPPED = {
    name: contract
    for table, contract in TABLES.items()
    for name in ((table, "credit_notes") if table == "payments" else (table,))
}
"""Tables of a mapping and what each may hold: credit notes are payments from a place of their own."""
NEEDED = {name: table.required for name, table in MAPPED.items()} | {
    "invoices": ("invoice_id", "customer_id", "issue_date", "amount"),
    **dict.fromkeys(("payments", "credit_notes"), ("payment_date", "amount")),
}
"""Columns that a mapping must say something of; currency and due date may come from options."""
_PLACE_KEYS = ("file", "sheet", "table", "query", "skip_lines", "separator", "encoding")


def _as_list(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


def _known_format(name: str) -> str:
    if name not in DATE_FORMATS:
        raise ValueError(f"the date format should be one of {', '.join(DATE_FORMATS)}")
    return name


def _number_or_column(given: Any) -> Any:
    return int(given) if isinstance(given, str) and given.lstrip("-").isdecimal() else given


def _column_alone(given: Any) -> Any:
    return {"column": given} if isinstance(given, str) else given


Name = Annotated[str, Field(min_length=1)]
Formats = Annotated[
    tuple[Annotated[str, BeforeValidator(_known_format)], ...], BeforeValidator(_as_list), Field(min_length=1)
]
Decimal = Literal[".", ","]
Words = Annotated[tuple[str, ...], BeforeValidator(_as_list), Field(min_length=1)]


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Cell(_Declared):
    """What a column of the ledger is made of.

    Parameters
    ----------
    column : str or None
        Column of the source; a cell that is written as text alone is one.
    constant : str or None
        The same value on every line, in place of a column.
    type : {"text", "date", "number"} or None
        What it holds; known for the ledger's own columns.
    format : tuple of str or None
        Ways its days may be written: keys of ``values.DATE_FORMATS``.
    decimal : {".", ","} or None
        Its decimal mark.
    sign : {1, -1}
        -1 turns the sign of its amounts round.
    values : dict of str to str
        What its codes mean in the ledger; codes that are not named stay as they are.
    not_after : str or None
        Another date of the line that it must not lie after, where it is an estimate:
        it is set back to that date and counted.
    plus_days : int, str or None
        Days to add, or the column that holds them.
    end_of_month : bool
        Whether the day so reached runs on to the end of its month.
    """

    column: Name | None = None
    constant: Name | None = None
    type: Literal["text", "date", "number"] | None = None
    format: Formats | None = None
    decimal: Decimal | None = None
    sign: Annotated[int, Field(strict=False)] = 1
    values: dict[str, str] = Field(default_factory=dict)
    not_after: Name | None = None
    plus_days: Annotated[int | str | None, BeforeValidator(_number_or_column)] = None
    end_of_month: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> Cell:
        if self.sign not in (1, -1):
            raise ValueError("the sign should be 1 or -1")
        if (self.column is None) == (self.constant is None):
            raise ValueError("give either the column of the source or a constant")
        return self


class Condition(_Declared):
    """Which lines a table is made of, by one column.

    Parameters
    ----------
    column : str
        Column of the source.
    equals : str or None
        The one value it must have.
    among : tuple of str or None
        Values of which it must have one; written ``in``.
    not_in : tuple of str or None
        Values of which it must have none.
    present : bool or None
        True: it must not be empty.
    absent : bool or None
        True: it must be empty.
    negative : bool or None
        True: it must be a number below zero, as credit notes among invoices are; False:
        it must be anything else.
    reason : str
        Under which of :data:`REASONS` the other lines are counted.
    """

    column: Name
    equals: str | None = None
    among: Words | None = Field(default=None, alias="in")
    not_in: Words | None = None
    present: Literal[True] | None = None
    absent: Literal[True] | None = None
    negative: bool | None = None
    reason: Literal[REASONS] = "filtered"  # type: ignore[valid-type]

    @model_validator(mode="before")
    @classmethod
    def _flags(cls, given: Any) -> Any:
        if isinstance(given, dict):
            flags = {"true": True, "True": True, "yes": True}
            signs = flags | {"false": False, "False": False, "no": False}
            meant = {"present": flags, "absent": flags, "negative": signs}
            return {
                key: meant[key].get(value, value) if key in meant else value for key, value in given.items()
            }
        return given

    @model_validator(mode="after")
    def _one_test(self) -> Condition:
        tests = (self.equals, self.among, self.not_in, self.present, self.absent, self.negative)
        if sum(test is not None for test in tests) != 1:
            raise ValueError("give one of equals, in, not_in, present: true, absent: true, negative")
        return self


CellOrName = Annotated[Cell, BeforeValidator(_column_alone)]


class TableMapping(_Declared):
    """Where one table of the ledger comes from, and how.

    Parameters
    ----------
    lines_of : str or None
        Another table whose lines it takes: its file, sheet or database table, and the
        conditions on them.
    file : str or None
        Pattern of the names of its files, such as ``invoices*.csv``; not needed with
        one file.
    sheet, table, query, skip_lines, separator, encoding
        As :class:`paydelay.sources.opening.Place` has them.
    date_format : tuple of str or None
        Ways its days may be written where a column says nothing else.
    decimal : {".", ","} or None
        Its decimal mark where a column says nothing else.
    keep : tuple of Condition
        All of which a line must meet.
    columns : dict of str to Cell
        By column of the ledger.
    extras : dict of str to Cell
        Columns besides, as covariates of invoices or customers.
    check : dict of str to Cell
        ``open_amount``: the balance of each invoice according to the source, to
        compare with the ledger's.
    """

    lines_of: Literal["invoices", "payments", "credit_notes", "customers", "events", "rates"] | None = None
    file: Name | None = None
    sheet: Name | None = None
    table: Name | None = None
    query: Name | None = None
    skip_lines: Annotated[int, Field(ge=0, le=1000)] = 0
    separator: Literal["\t", "|", ";", ","] | None = None
    encoding: Name | None = None
    date_format: Formats | None = None
    decimal: Decimal | None = None
    keep: tuple[Condition, ...] = ()
    columns: dict[str, CellOrName]
    extras: dict[str, CellOrName] = Field(default_factory=dict)
    check: dict[Literal["open_amount"], CellOrName] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_place(self) -> TableMapping:
        if self.lines_of and self.model_fields_set & set(_PLACE_KEYS):
            raise ValueError(
                "a table with lines_of takes file, sheet and the like from there; leave them out"
            )
        if self.table and self.query:
            raise ValueError("give a table or a query, not both")
        if self.query and not self.query.lstrip("( \n\t").lower().startswith(("select", "with")):
            raise ValueError("a query should begin with select or with")
        return self

    @property
    def place(self) -> Place:
        """Where in a file or database it is."""
        return Place(self.sheet, self.table, self.query, self.skip_lines, self.separator, self.encoding)


class Mapping(_Declared):
    """A declared mapping.

    Parameters
    ----------
    date_format : tuple of str or None
        Ways days may be written where neither table nor column says.
    decimal : {".", ","} or None
        The decimal mark where neither table nor column says.
    reporting_currency : str or None
        ISO 4217 code of the ledger's reporting currency.
    invoices, payments, credit_notes, customers, events, rates : TableMapping
        The tables; only invoices are needed. Credit notes are put among the payments.

    Examples
    --------
    >>> mapping = Mapping.model_validate({"invoices": {"columns": {"amount": "Total"}}})
    >>> mapping.tables["invoices"].columns["amount"].column
    'Total'
    """

    date_format: Formats = ("YYYY-MM-DD",)
    decimal: Decimal = "."
    reporting_currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    invoices: TableMapping
    payments: TableMapping | None = None
    credit_notes: TableMapping | None = None
    customers: TableMapping | None = None
    events: TableMapping | None = None
    rates: TableMapping | None = None

    @property
    def tables(self) -> dict[str, TableMapping]:
        """The tables it has, by name; those with ``lines_of`` with the place and conditions they take."""
        named: dict[str, TableMapping] = {
            name: table for name in MAPPED if (table := getattr(self, name)) is not None
        }
        found = {}
        for name, table in named.items():
            base = named[table.lines_of] if table.lines_of else None
            shared = {key: getattr(base, key) for key in _PLACE_KEYS} if base else {}
            # What is no invoice has no payment either.
            shared |= {"keep": base.keep + table.keep} if base else {}
            found[name] = table.model_copy(update=shared)
        return found


def type_of(name: str, cell: Cell) -> str:
    """Whether a column of the ledger holds text, dates or numbers.

    Parameters
    ----------
    name : str
        The column.
    cell : Cell
        What it is made of.

    Returns
    -------
    {"text", "date", "number"}

    Examples
    --------
    >>> type_of("due_date", Cell(column="Due")), type_of("channel", Cell(column="Channel"))
    ('date', 'text')
    """
    own = "date" if name in DATE_COLUMNS else "number" if name in NUMBER_COLUMNS else None
    return own or cell.type or "text"
