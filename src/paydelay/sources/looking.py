"""What can be made out of files nobody has described: headers, what they mean, how cells are written."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from paydelay.errors import LedgerError
from paydelay.ledger import ISO_4217
from paydelay.sources.headers import roles_of
from paydelay.sources.opening import OpenTable, Place, file_at, is_address, open_table
from paydelay.sources.text import CELL_FLAW, SEPARATORS, DelimitedText
from paydelay.sources.values import CURRENCY_MARKS, DATE_FORMATS, as_amount, as_date, as_text
from paydelay.sources.workbook import WorkbookTable

DATES = ("issue_date", "due_date", "payment_date")
_AMOUNTS = ("amount", "open_amount", "payment_amount", "terms_days", "debit", "credit")
_MONEY = ("amount", "debit", "payment_amount", "open_amount")
DEBIT_WORDS = frozenset({"s", "d", "soll", "debit", "débit", "debe"})
CREDIT_WORDS = frozenset({"h", "c", "haben", "credit", "crédit", "haber"})
_ROWS_LOOKED_AT = 50_000
_TITLE_LINES_MAX = 30
_TITLE_BYTES = 65_536
_ROLES_OF_A_HEADER = 3
"""Fewer names that mean something may as well be a title or a row."""
_SHARE_READABLE = 0.9
_NOT_APART = 100
_SHAPES = {
    r"\d{4}-\d{1,2}-\d{1,2}": ("YYYY-MM-DD",),
    r"\d{8}": ("YYYYMMDD",),
    r"\d{4}/\d{1,2}/\d{1,2}": ("YYYY/MM/DD",),
    r"\d{1,2}/\d{1,2}/\d{4}": ("DD/MM/YYYY", "MM/DD/YYYY"),
    r"\d{1,2}/\d{1,2}/\d{2}": ("DD/MM/YY", "MM/DD/YY"),
    r"\d{1,2}\.\d{1,2}\.\d{4}": ("DD.MM.YYYY",),
    r"\d{1,2}-\d{1,2}-\d{4}": ("DD-MM-YYYY",),
}


@dataclass(frozen=True, eq=False)
class Look:
    """What was made out of a file, or of a sheet of a workbook.

    Parameters
    ----------
    file : str
        Its name; empty for a database.
    place : Place
        Where in it the table is; the sheet where there are several.
    table : OpenTable
        The table.
    rows : polars.DataFrame
        The first of its rows, as text.
    roles : dict of str to str
        Column by what it means, keys of :data:`paydelay.sources.headers.NAMES`.
    formats : dict of str to str or None
        How the days of a role are written, None where they need no format.
    doubtful : dict of str to str
        What is doubtful about it.
    decimal : {".", ","}
        Decimal mark of its amounts.
    currencies : tuple of str
        Codes that stand beside its amounts, or in their header.
    """

    file: str
    place: Place
    table: OpenTable
    rows: pl.DataFrame
    roles: dict[str, str]
    formats: dict[str, str | None]
    doubtful: dict[str, str]
    decimal: str
    currencies: tuple[str, ...]

    @property
    def label(self) -> str:
        """What the proposal calls it."""
        if not self.file:
            return "the database"
        return f"{self.file} [{self.place.sheet}]" if self.place.sheet else self.file

    @property
    def default_format(self) -> str | None:
        """The way in which most of its columns write their days."""
        known = [name for name in self.formats.values() if name]
        return max(known, key=known.count) if known else None

    def amounts(self, role: str) -> pl.Series:
        """Amounts of the column of a role."""
        return self.rows.select(as_amount(self.roles[role], self.decimal, with_currency=True)).to_series()

    @property
    def has_two_sides(self) -> bool:
        """Whether debits and credits stand in columns of their own, as on a statement of account."""
        return "amount" not in self.roles and {"debit", "credit"} <= self.roles.keys()

    @property
    def is_statement(self) -> bool:
        """Whether invoices are its debits and payments its credits."""
        return self.has_two_sides or {"amount", "side"} <= self.roles.keys()

    def is_credit(self) -> pl.Series:
        """Which rows of a statement are credits."""
        if self.has_two_sides:
            return (self.amounts("credit") != 0.0).fill_null(False)
        side = self.rows[self.roles["side"]].str.to_lowercase()
        return side.is_in(list(CREDIT_WORDS)).fill_null(False)


def look_at(path: Path | str) -> list[Look]:
    """Look at a file: at every sheet that holds anything where it is a workbook.

    Parameters
    ----------
    path : Path or str
        A file; text is the address of a database.

    Returns
    -------
    list of Look

    Raises
    ------
    LedgerError
        If it cannot be read.
    """
    table = open_table(path if isinstance(path, str) and is_address(path) else file_at(path))
    if not isinstance(table, WorkbookTable):
        return [_look(path, table, None)]
    names = list(table.reader.sheet_names)
    if len(names) == 1:
        return [_look(path, table, None)]
    looks = []
    for name in names:
        try:
            sheet = table if name == table.sheet else open_table(path, Place(sheet=name))
        except LedgerError:
            # A sheet without anything, such as one of charts, is no table.
            continue
        looks.append(_look(path, sheet, name))
    return looks


def _look(path: Path | str, table: OpenTable, sheet: str | None) -> Look:
    place = Place(sheet=sheet, skip_lines=_title_lines(table))
    if place.skip_lines:
        table = open_table(path, place)
    shown = list(dict.fromkeys(name for name in table.header if name))
    frames = [pl.DataFrame(schema=dict.fromkeys(shown, pl.String))]
    seen = 0
    for batch in table.batches():
        sound = batch.filter(pl.col(CELL_FLAW).is_null()).head(_ROWS_LOOKED_AT - seen)
        frames.append(sound.select(as_text(_as_text(name, sound.schema[name])).alias(name) for name in shown))
        seen += sound.height
        if seen >= _ROWS_LOOKED_AT:
            break
    rows = pl.concat(frames)
    roles = roles_of(table.header, partial(_penalty, rows))
    formats: dict[str, str | None] = {}
    doubtful: dict[str, str] = {}
    for role in DATES:
        if role in roles:
            formats[role], doubt = _date_format(rows[roles[role]].drop_nulls(), table)
            if doubt:
                doubtful[role] = doubt
    _agree_on_order(formats, doubtful)
    name = path.name if isinstance(path, Path) else path.partition("#")[2]
    currencies = _currencies(rows, roles)
    return Look(name, place, table, rows, roles, formats, doubtful, _decimal(rows, roles), currencies)


def _as_text(name: str, kind: pl.DataType) -> pl.Expr:
    if kind.is_nested() or kind in (pl.Binary, pl.Object):
        return pl.lit(None, dtype=pl.String)
    return pl.col(name).cast(pl.String, strict=False)


# ---- Where the header is ---------------------------------------------------------------------


def _title_lines(table: OpenTable) -> int:
    """Lines above the header: titles, the day of the export, the name of the company."""
    scores = [_meaningful(cells) for cells in _first_lines(table)]
    best = max(scores, default=0)
    if best < _ROLES_OF_A_HEADER or best <= _meaningful(table.header):
        return 0
    return scores.index(best)


def _meaningful(names: Sequence[str]) -> int:
    return len(roles_of([name for name in names if name], lambda _role, _name: 0))


def _first_lines(table: OpenTable) -> list[list[str]]:
    """Cells of the first lines, each parted by what parts it into most."""
    if isinstance(table, WorkbookTable):
        head = pl.DataFrame(table.loaded).head(_TITLE_LINES_MAX)
        return [[str(cell or "") for cell in row] for row in head.iter_rows()]
    if not isinstance(table, DelimitedText):
        return []
    with table.path.open("rb") as file:
        text = file.read(_TITLE_BYTES).decode(table.encoding, "replace")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:_TITLE_LINES_MAX]
    return [max((_cells(line, mark) for mark in SEPARATORS), key=len) for line in lines]


def _cells(line: str, mark: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=mark), [])
    except csv.Error:
        return []


# ---- What its columns are --------------------------------------------------------------------


def _penalty(rows: pl.DataFrame, role: str, name: str) -> int | None:
    """How little the cells of a column look like what its name says; None where they cannot be it."""
    if name not in rows.columns:
        return None
    cells = rows[name].drop_nulls()
    if not len(cells):
        return 0
    frame = cells.to_frame("a")
    if role in DATES:
        fitting = frame.select(as_date("a", tuple(DATE_FORMATS)).is_not_null().mean()).item()
    elif role in _AMOUNTS:
        fitting = max(
            frame.select(as_amount("a", mark, with_currency=True).is_not_null().mean()).item()
            for mark in ".,"
        )
    elif role == "currency":
        fitting = frame.select(pl.col("a").str.to_uppercase().is_in(list(ISO_4217)).mean()).item()
    elif role == "side":
        words = [*DEBIT_WORDS, *CREDIT_WORDS]
        fitting = frame.select(pl.col("a").str.to_lowercase().is_in(words).mean()).item()
    else:
        # Of two numbers of an invoice the one that tells them apart.
        apart = cells.n_unique() / rows.height
        return 0 if role != "invoice_id" or apart >= _SHARE_READABLE else _NOT_APART
    return 0 if fitting >= _SHARE_READABLE else None


def _date_format(cells: pl.Series, table: OpenTable) -> tuple[str | None, str]:
    """How days are written, and what is doubtful about it."""
    if not len(cells):
        return None, "the column is empty"
    days = cells.str.replace(r"[T ]\d{1,2}:\d{2}.*$", "")
    shares = {shape: days.str.contains(f"^{shape}$").cast(pl.Int8).sum() for shape in _SHAPES}
    shape = max(shares, key=lambda one: shares[one])
    if shares[shape] < _SHARE_READABLE * len(days):
        return None, "the days are written in no way that is known, or in several"
    names = _SHAPES[shape]
    if not isinstance(table, DelimitedText) and names == ("YYYY-MM-DD",):
        return None, ""
    return (names[0], "") if len(names) == 1 else _order(days, *names)


def _order(days: pl.Series, day_first: str, month_first: str) -> tuple[str, str]:
    """Whether the day or the month comes first, by numbers above twelve."""
    parts = days.str.extract_groups(r"^(?<first>\d+)\D(?<second>\d+)\D").struct.unnest()
    first, second = (int((parts[name].cast(pl.Int64) > 12).sum()) for name in ("first", "second"))
    likelier = day_first if first >= second else month_first
    if first and second:
        return likelier, f"both {day_first} and {month_first} occur: some days will be refused"
    if not first and not second:
        return likelier, f"no day above 12 tells whether it is {day_first} or {month_first}"
    return likelier, ""


def _agree_on_order(formats: dict[str, str | None], doubtful: dict[str, str]) -> None:
    """A column in doubt between two orders follows one of the same file that is not."""
    for role in list(doubtful):
        for other, name in formats.items():
            same = name is not None and {name, formats[role]} in (
                {"DD/MM/YYYY", "MM/DD/YYYY"},
                {"DD/MM/YY", "MM/DD/YY"},
                {"DD/MM/YYYY"},
                {"DD/MM/YY"},
            )
            if doubtful[role].startswith("no day") and other not in doubtful and same:
                formats[role] = name
                del doubtful[role]
                break


def _decimal(rows: pl.DataFrame, roles: dict[str, str]) -> str:
    """The mark that reads more of the amounts; of two that read as many, the one with fewer decimals."""
    columns = [roles[role] for role in _AMOUNTS if role in roles]
    read = {".": 0, ",": 0}
    cents = {".": 0, ",": 0}
    for name in columns:
        for mark in read:
            readable = rows.filter(as_amount(name, mark, with_currency=True).is_not_null())[name]
            read[mark] += len(readable)
            # 1.250 with a decimal point is an amount of three decimals, which few are.
            cents[mark] += int((~readable.str.contains(rf"[{mark}]\d{{3}}(?:\D.*)?$")).sum())
    return max(".,", key=lambda mark: (read[mark], cents[mark], mark == "."))


def _currencies(rows: pl.DataFrame, roles: dict[str, str]) -> tuple[str, ...]:
    """Currencies by the signs beside the amounts, or else in the headers of their columns."""
    columns = [roles[role] for role in _MONEY if role in roles]
    codes = "|".join((*map(re.escape, CURRENCY_MARKS), r"\b[A-Z]{3}\b"))
    found: set[str] = set()
    for name in columns:
        marks = rows[name].str.extract(f"({codes})").drop_nulls().unique()
        found |= {CURRENCY_MARKS.get(mark, mark) for mark in marks}
    if not found:
        found = {CURRENCY_MARKS.get(mark, mark) for name in columns for mark in re.findall(codes, name)}
    return tuple(sorted(found & ISO_4217))
