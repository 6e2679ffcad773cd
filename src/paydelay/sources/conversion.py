"""From the cells of a source to typed columns of the ledger, as a mapping declares them."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from paydelay.sources.mapping import Cell, Condition, TableMapping, type_of
from paydelay.sources.options import TERMS_DAYS_MAX
from paydelay.sources.terms import due_after
from paydelay.sources.values import as_amount, as_date, below_zero
from paydelay.sources.workbook import number_in

_TEXTS = (pl.String, pl.Categorical, pl.Enum)
_INT64_SAFE = 2.0**62
WHOLE_COLUMNS = frozenset({"terms_days"})
MONEY_COLUMNS = frozenset({"amount", "vat_amount", "open_amount"})
"""Amounts in the currency of their line, whose sign may stand beside them."""
_UPPER = frozenset({"currency"})


@dataclass(frozen=True)
class Converted:
    """A typed column and what may be wrong with its cells.

    Parameters
    ----------
    value : polars.Expr
        Text, days or numbers.
    column : str or None
        Column of the source.
    rule : str
        Rule that a cell breaks of which no value comes.
    needs : polars.Expr or None
        Which lines should have a value; where they have none, they break the rule.
    flaws : tuple of (str, str, polars.Expr)
        Other rules, columns of the source, and which lines break them.
    """

    value: pl.Expr
    column: str | None
    rule: str = ""
    needs: pl.Expr | None = None
    flaws: tuple[tuple[str, str, pl.Expr], ...] = ()


@dataclass(frozen=True)
class Batch:
    """What converting needs to know of the rows at hand, whose text is stripped of blanks.

    Parameters
    ----------
    schema : polars.Schema
        Types of the columns.
    names : dict of str to str
        Column of the source by the name that the mapping gives it.
    iso_dates : bool
        Whether days that the source itself knows as such come as YYYY-MM-DD.
    """

    schema: pl.Schema
    names: dict[str, str]
    iso_dates: bool

    def text(self, name: str) -> pl.Expr:
        """Cells of a column as text, null where empty."""
        column = self.names[name]
        return _as_written(pl.col(column), self.schema[column])

    def number(self, name: str, decimal: str, *, with_currency: bool = False) -> pl.Expr:
        """Cells of a column as numbers, null where they are none."""
        column = self.names[name]
        kind = self.schema[column]
        if kind.is_numeric():
            number = pl.col(column).cast(pl.Float64)
            # "Not a number" is how columns of numbers write that there is none.
            return number.fill_nan(None)
        read = as_amount(self.text(name), decimal, with_currency=with_currency)
        if number_in(column) in self.schema:
            return pl.coalesce(number_in(column), read)
        return read

    def given(self, name: str) -> pl.Expr:
        """Whether cells of a column hold anything."""
        column = self.names[name]
        if self.schema[column].is_float():
            return pl.col(column).is_not_null() & pl.col(column).is_not_nan()
        return self.text(name).is_not_null()

    def day(self, name: str, formats: tuple[str, ...]) -> pl.Expr:
        """Cells of a column as days, null where they are none."""
        column = self.names[name]
        kind = self.schema[column]
        if kind == pl.Date:
            return pl.col(column)
        if kind == pl.Datetime:
            return pl.col(column).dt.date()
        ways = ("YYYY-MM-DD", *formats) if self.iso_dates else formats
        return as_date(self.text(name), tuple(dict.fromkeys(ways)))


def _as_written(cell: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """Text of a cell; a number without decimals that it has not: 1001.0 is the customer 1001."""
    if kind in _TEXTS:
        return cell.cast(pl.String)
    if kind.is_float():
        whole = (cell == cell.floor()) & (cell.abs() < _INT64_SAFE)
        text = pl.when(whole).then(cell.cast(pl.Int64, strict=False).cast(pl.String))
        return text.otherwise(cell.fill_nan(None).cast(pl.String))
    if kind.is_decimal():
        return cell.cast(pl.String).str.replace(r"\.0+$", "")
    return cell.cast(pl.String)


def convert(name: str, cell: Cell, table: TableMapping, batch: Batch) -> Converted:
    """A column of the ledger from the cells that the mapping names.

    Parameters
    ----------
    name : str
        The column.
    cell : Cell
        What it is made of.
    table : TableMapping
        The table it belongs to; its date format and decimal mark are known.
    batch : Batch
        The rows at hand.

    Returns
    -------
    Converted

    Examples
    --------
    >>> rows = pl.DataFrame({"Total": ["-12.50", "n/a"]})
    >>> batch = Batch(rows.schema, {"Total": "Total"}, iso_dates=False)
    >>> table = TableMapping(columns={}, date_format=("YYYY-MM-DD",), decimal=".")
    >>> amount = convert("amount", Cell(column="Total", sign=-1), table, batch)
    >>> rows.select(amount.value, amount.needs.alias("needed")).rows()
    [(12.5, True), (None, True)]
    >>> amount.rule
    'amount_unreadable'
    """
    kind = type_of(name, cell)
    if kind == "date":
        return _date(cell, table, batch)
    if kind == "number":
        return _number(name, cell, table, batch)
    text = pl.lit(cell.constant, dtype=pl.String) if cell.column is None else batch.text(cell.column)
    if cell.values:
        text = text.replace({code.strip(): meaning for code, meaning in cell.values.items()})
    return Converted(text.str.to_uppercase() if name in _UPPER else text, cell.column)


def _number(name: str, cell: Cell, table: TableMapping, batch: Batch) -> Converted:
    decimal = cell.decimal or table.decimal or "."
    if cell.column is None:
        value, present = as_amount(pl.lit(cell.constant), decimal), pl.lit(True)
    else:
        value = batch.number(cell.column, decimal, with_currency=name in MONEY_COLUMNS)
        present = batch.given(cell.column)
    rule = "number_unreadable" if name in WHOLE_COLUMNS else "amount_unreadable"
    if name in WHOLE_COLUMNS:
        whole = (value == value.round()) & (value.abs() < 2**31)
        value = pl.when(whole).then(value).cast(pl.Int32, strict=False)
    return Converted(value * cell.sign if cell.sign == -1 else value, cell.column, rule, present)


def _date(cell: Cell, table: TableMapping, batch: Batch) -> Converted:
    formats = cell.format or table.date_format or ("YYYY-MM-DD",)
    if cell.column is None:
        return Converted(as_date(pl.lit(cell.constant), formats), None, "date_unreadable", pl.lit(True))
    value, present = batch.day(cell.column, formats), batch.given(cell.column)
    if cell.plus_days is None:
        return Converted(value, cell.column, "date_unreadable", present)
    if isinstance(cell.plus_days, int):
        due = due_after(value, pl.lit(cell.plus_days), cell.end_of_month)
        return Converted(due, cell.column, "date_unreadable", present)
    days = batch.number(cell.plus_days, table.decimal or ".")
    stated = batch.given(cell.plus_days)
    usable = (days == days.round()) & days.is_between(-TERMS_DAYS_MAX, TERMS_DAYS_MAX)
    due = due_after(value, pl.when(usable).then(days), cell.end_of_month)
    unusable = stated & ~usable.fill_null(False)
    # Terms that are not stated are no flaw: others may stand in for them.
    flaws = (("number_unreadable", cell.plus_days, unusable),)
    return Converted(due, cell.column, "date_unreadable", present & stated & ~unusable, flaws)


def meets(condition: Condition, batch: Batch) -> pl.Expr:
    """Which lines meet a condition.

    Parameters
    ----------
    condition : Condition
        Of a mapping.
    batch : Batch
        The rows at hand.

    Returns
    -------
    polars.Expr
        Of type Boolean, never null.

    Examples
    --------
    >>> rows = pl.DataFrame({"Type": ["Invoice", "Order", None]})
    >>> batch = Batch(rows.schema, {"Type": "Type"}, iso_dates=False)
    >>> rows.select(meets(Condition(column="Type", not_in=("Order",)), batch)).to_series().to_list()
    [True, False, True]
    """
    if condition.present or condition.absent:
        given = batch.given(condition.column).fill_null(False)
        return given if condition.present else ~given
    text = batch.text(condition.column)
    if condition.negative is not None:
        # By its sign alone: what cannot be read is to be refused as an invoice, not left out.
        below = below_zero(text).fill_null(False)
        return below if condition.negative else ~below
    if condition.not_in is not None:
        return ~text.is_in([word.strip() for word in condition.not_in]).fill_null(False)
    words = condition.among or (condition.equals or "",)
    return text.is_in([word.strip() for word in words]).fill_null(False)
