"""From cells to typed columns: what cannot be converted marks its row, never the table."""

from __future__ import annotations

from collections.abc import Sequence

import dataframely as dy
import polars as pl

from paydelay.errors import LedgerError
from paydelay.ledger.intake import POLARS_FAILURES, Source
from paydelay.ledger.tables import FLAW, ROW, RULES, Table, flaw_in

_TEXTS = (pl.String, pl.Categorical, pl.Enum)
_NESTED = (pl.List, pl.Array, pl.Struct, pl.Object, pl.Binary)
_INT64_SAFE = 2.0**62


def convert(source: Source, table: Table) -> tuple[pl.DataFrame, list[str]]:
    """Typed rows of a source, and which of its columns were left out.

    Parameters
    ----------
    source : Source
        A table as it was handed over.
    table : Table
        What it is to hold.

    Returns
    -------
    tuple of polars.DataFrame and list of str
        The row number, the flaw (a rule and where it is broken, or null), the columns a source may
        give (null where it does not) and, where the table keeps them, the
        others; then the names of those that were dropped.

    Raises
    ------
    LedgerError
        If a column is of a type that cannot hold what it should, or the rows
        cannot be read.
    """
    contract = {name: table.contract.columns()[name] for name in table.source_columns}
    typed: dict[str, pl.Expr] = {}
    unreadable: list[tuple[str, str, pl.Expr]] = []
    for name, column in contract.items():
        given = source.schema.get(name)
        if given is None or given == pl.Null:
            typed[name] = _default(pl.lit(None, dtype=column.dtype), column)
            continue
        typed[name], present, rule = _typed(name, given, column, source.label)
        if rule is not None:
            unreadable.append((rule, flaw_in(rule, name), present & typed[name].is_null()))
    extras, dropped = _extras(source, table)
    # The flaws in the order of the rules, since the first one found is the one reported.
    unreadable.sort(key=lambda found: list(RULES).index(found[0]))
    flaws = [pl.when(failed).then(pl.lit(flaw)) for _, flaw, failed in unreadable]
    columns = [expression.alias(name) for name, expression in typed.items()]
    return _collect(source, [*columns, *extras], flaws), dropped


def _collect(source: Source, columns: Sequence[pl.Expr], flaws: Sequence[pl.Expr]) -> pl.DataFrame:
    def typed_rows(frame: pl.LazyFrame) -> pl.DataFrame:
        known = [pl.col(FLAW)] if FLAW in frame.collect_schema() else []
        flaw = pl.coalesce([*known, *flaws, pl.lit(None, dtype=pl.String)]).alias(FLAW)
        return frame.select(pl.col(ROW), flaw, *columns).collect(engine="streaming")

    try:
        return typed_rows(source.frame)
    except POLARS_FAILURES as error:
        if source.careful is None:
            raise LedgerError(
                f"The rows of {source.label} cannot be read ({type(error).__name__}); write them again."
            ) from None
    return typed_rows(source.careful())


def _typed(
    name: str, given: pl.DataType, column: dy.Column, label: str
) -> tuple[pl.Expr, pl.Expr, str | None]:
    """The converted column, whether its cell holds something, and the rule for what failed."""
    rule = (column.metadata or {}).get("unreadable")
    cell = pl.col(name)
    if isinstance(column, dy.String):
        text = _text(cell, given)
        if text is None:
            raise _wrong_type(name, given, label, "text or numbers")
        return _default(text, column), text.is_not_null(), None
    if isinstance(column, dy.Date):
        day = _day(cell, given)
        if day is None:
            raise _wrong_type(name, given, label, "dates, or text such as 2024-01-31")
        return day, _present(cell, given), rule
    number = _number(cell, given)
    if number is None:
        raise _wrong_type(name, given, label, "numbers")
    if column.nullable or isinstance(column, dy.Int32):
        # Where a value may be absent, "not a number" is how float columns write that it is.
        present = _present(cell, given) & number.is_not_nan().fill_null(True)
        number = number.fill_nan(None)
    else:
        present = _present(cell, given)
    if isinstance(column, dy.Int32):
        number = pl.when(number == number.round()).then(number).cast(pl.Int32, strict=False)
    return number, present, rule


def _wrong_type(name: str, given: pl.DataType, label: str, wanted: str) -> LedgerError:
    return LedgerError(
        f"The column {name!r} of {label} is of type {given.base_type()}; it should hold {wanted}."
    )


def _default(text: pl.Expr, column: dy.Column) -> pl.Expr:
    settings = column.metadata or {}
    if "letters" in settings:
        text = text.str.to_uppercase() if settings["letters"] == "upper" else text.str.to_lowercase()
    return text.fill_null(settings["default"]) if "default" in settings else text


def _present(cell: pl.Expr, given: pl.DataType) -> pl.Expr:
    return _trimmed(cell).is_not_null() if given in _TEXTS else cell.is_not_null()


def _trimmed(cell: pl.Expr) -> pl.Expr:
    text = cell.cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)


def _text(cell: pl.Expr, given: pl.DataType) -> pl.Expr | None:
    """Text without blanks around it; a number as it is written without decimals it has not."""
    if given in _TEXTS:
        return _trimmed(cell)
    if given.is_integer():
        return cell.cast(pl.String)
    if given.is_float():
        # An id column with gaps is a float column in pandas: 1001.0 is the customer "1001".
        whole = (cell == cell.floor()) & (cell.abs() < _INT64_SAFE)
        text = pl.when(whole).then(cell.cast(pl.Int64, strict=False).cast(pl.String))
        return text.otherwise(cell.fill_nan(None).cast(pl.String))
    if given.is_decimal():
        return cell.cast(pl.String).str.replace(r"\.0+$", "")
    return None


def _day(cell: pl.Expr, given: pl.DataType) -> pl.Expr | None:
    if given == pl.Date:
        return cell
    if given == pl.Datetime:
        return cell.dt.date()
    if given in _TEXTS:
        text = _trimmed(cell)
        # The parser alone would take 2024-1-5 and +2024-01-05.
        written = pl.when(text.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")).then(text)
        return written.str.to_date("%Y-%m-%d", strict=False)
    return None


def _number(cell: pl.Expr, given: pl.DataType) -> pl.Expr | None:
    if given in _TEXTS:
        return _trimmed(cell).cast(pl.Float64, strict=False)
    return cell.cast(pl.Float64) if given.is_numeric() else None


def _extras(source: Source, table: Table) -> tuple[list[pl.Expr], list[str]]:
    """Columns outside the contract that stay, and the names of those that do not."""
    kept: list[pl.Expr] = []
    dropped: list[str] = []
    for name, given in source.schema.items():
        if name in table.source_columns or name.startswith("__paydelay_"):
            continue
        if not table.extras_kept or name == "known_on" or given in _NESTED:
            dropped.append(name)
        else:
            kept.append((_trimmed(pl.col(name)) if given in _TEXTS else pl.col(name)).alias(name))
    return kept, dropped
