"""Dated tables of one's own, read from files: what was known of the world, or of a customer, when."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from paydelay.errors import LedgerError
from paydelay.history.attributes import TEXT_ATTRIBUTES
from paydelay.preflight import importing

KEYS = ("customer_id", *TEXT_ATTRIBUTES)
"""Columns of which a table may have one: whose the values are; without it they are everybody's."""
_KNOWN_ON = "known_on"


def read_covariates(files: Mapping[str, Any]) -> dict[str, pl.DataFrame]:
    r"""Read dated tables, for ``covariates=`` of training, scoring and whatever else takes it.

    Parameters
    ----------
    files : mapping of str to str, Path or frame
        Name of each table to its .csv or .parquet file, or to a frame of pandas, polars or pyarrow
        (an index of pandas does not count): ``known_on`` (the day from which
        a row was known), at most one key among ``customer_id``, ``segment``, ``sector``, ``country``
        and ``external_rating``, and numbers. A CSV has commas, ISO dates and decimal points.

    Returns
    -------
    dict of str to polars.DataFrame
        ``known_on`` as dates, the key as text, every other column as float64.

    Raises
    ------
    LedgerError
        If a file cannot be read, or a row lacks its day or its key, or a cell is no number.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     written = (Path(folder) / "rates.csv").write_text("known_on,euribor\n2025-01-02,2.7\n")
    ...     read_covariates({"rates": f"{folder}/rates.csv"})["rates"].rows()
    [(datetime.date(2025, 1, 2), 2.7)]
    """
    return {
        name: _checked(
            name, _read(name, Path(given)) if isinstance(given, str | Path) else _framed(name, given)
        )
        for name, given in files.items()
    }


def _framed(name: str, frame: Any) -> pl.DataFrame:
    """A frame of whatever library as one of polars."""
    try:
        if type(frame).__module__.partition(".")[0] == "pandas":
            with importing("Reading a pandas frame"):
                read: pl.DataFrame = pl.from_pandas(frame)
                return read
        return pl.DataFrame(frame)
    except (pl.exceptions.PolarsError, ValueError, TypeError) as error:
        raise LedgerError(
            f"The covariate table '{name}' is a {type(frame).__name__} that cannot be read "
            f"({type(error).__name__}); give a file, or a frame of plain columns."
        ) from error


def _read(name: str, path: Path) -> pl.DataFrame:
    ending = path.suffix.lower()
    if ending not in (".csv", ".parquet"):
        raise LedgerError(f"The covariate table '{name}' is read from a .csv or .parquet file; give one.")
    try:
        with path.open("rb") as file:
            if ending == ".parquet":
                return pl.read_parquet(file)
            # A customer's number may begin with a zero: every cell is a text until its column is known.
            return pl.read_csv(file.read().removeprefix(b"\xef\xbb\xbf"), infer_schema=False)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise LedgerError(f"The covariate table '{name}' cannot be read from {path} ({why}).") from error
    except pl.exceptions.PolarsError as error:
        raise LedgerError(
            f"The covariate table '{name}' cannot be read from {path}: it is no {ending} table "
            f"({type(error).__name__})."
        ) from error


def _checked(name: str, table: pl.DataFrame) -> pl.DataFrame:
    """The table in its types; a cell that does not fit is refused, not left out."""
    if _KNOWN_ON not in table.columns:
        raise LedgerError(
            f"The covariate table '{name}' has no column 'known_on'; add the day from which each row was "
            "known, so that no score sees it earlier."
        )
    keys = [column for column in table.columns if column in KEYS]
    if len(keys) > 1:
        raise LedgerError(
            f"The covariate table '{name}' has the keys {', '.join(keys)}; give a table for each."
        )
    numbers = [column for column in table.columns if column not in (_KNOWN_ON, *keys)]
    if not numbers:
        raise LedgerError(f"The covariate table '{name}' has no numeric column to look up.")
    wanted = [
        _cast(table, _KNOWN_ON, pl.Date),
        *(_cast(table, column, pl.String) for column in keys),
        *(_cast(table, column, pl.Float64) for column in numbers),
    ]
    typed = table.select(wanted)
    for column in typed.columns:
        was, found = table[column], typed[column]
        empty = was.is_null() | (was.cast(pl.String) == "") if was.dtype == pl.String else was.is_null()
        unread = int((found.is_null() & ~empty).sum())
        lacking = int(empty.sum()) if column not in numbers else 0
        if unread or lacking:
            expected = {_KNOWN_ON: "a date such as 2025-11-30"}.get(
                column, "a number with a decimal point" if column in numbers else "a text"
            )
            raise LedgerError(
                f"The covariate table '{name}' has {unread + lacking} rows whose {column} is not {expected}; "
                "mend them."
            )
    return typed


def _cast(table: pl.DataFrame, column: str, wanted: type[pl.Date | pl.String | pl.Float64]) -> pl.Expr:
    value = pl.col(column)
    if wanted is pl.Date and table.schema[column] == pl.String:
        return value.str.to_date("%Y-%m-%d", strict=False)
    if wanted is pl.Float64 and table.schema[column] == pl.String:
        value = value.str.strip_chars()
    cast = value.cast(wanted, strict=False)
    if wanted is pl.Float64:
        # NaN is not known, infinity is no number.
        return pl.when(cast.is_finite()).then(cast)
    return cast
