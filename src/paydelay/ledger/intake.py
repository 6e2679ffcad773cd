"""Opening what a caller hands over: files, and frames of three libraries.

Nothing is converted here. What comes out is a lazy frame with clean column
names and the number of each row in its source.
"""

from __future__ import annotations

import csv
import difflib
import io
import mmap
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from paydelay.errors import LedgerError, MissingDependencyError
from paydelay.ledger.tables import FLAW, ROW, Table

SEPARATORS = (",", ";", "\t")
_BATCH_ROWS = 50_000
_UNNAMED = "__paydelay_unnamed_"

POLARS_FAILURES = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""What polars raises on data it cannot take; its messages may quote cells."""


@dataclass(frozen=True)
class Source:
    """A table as it was handed over, not yet looked at.

    Parameters
    ----------
    label : str
        What messages call it, such as ``invoices.csv``.
    frame : polars.LazyFrame
        The source's columns, and the row number.
    schema : polars.Schema
        Types of the source's columns.
    careful : callable or None
        Reads the same rows more slowly, where the quick way can fail on a
        line that is malformed.
    """

    label: str
    frame: pl.LazyFrame
    schema: pl.Schema
    careful: Callable[[], pl.LazyFrame] | None = None


def open_file(path: Path, table: Table) -> Source:
    """A table's file, its header checked.

    Parameters
    ----------
    path : Path
        A .parquet or .csv file.
    table : Table
        The table it holds.

    Returns
    -------
    Source
        The file's columns, all text where it is a CSV file.

    Raises
    ------
    LedgerError
        If the file cannot be read, or lacks a required column.
    """
    label = path.name
    try:
        if path.stat().st_size == 0:
            raise LedgerError(f"{label} is empty; it needs a header and one line per row.")
        return _open_csv(path, table) if path.suffix == ".csv" else _open_parquet(path, table)
    except OSError as error:
        raise LedgerError(f"{label} cannot be opened ({type(error).__name__}).") from error


def open_frame(frame: Any, table: Table) -> Source:
    """A polars, pandas or pyarrow frame, its columns checked.

    Parameters
    ----------
    frame : polars.DataFrame, polars.LazyFrame, pandas.DataFrame or pyarrow.Table
        The rows.
    table : Table
        The table they belong to.

    Returns
    -------
    Source
        The frame's columns.

    Raises
    ------
    LedgerError
        If it is no such frame, or lacks a required column.
    """
    label = f"the {table.name} frame"
    if not isinstance(frame, pl.DataFrame | pl.LazyFrame):
        frame = _to_polars(frame, table, label)
    try:
        given = frame.collect_schema()
    except POLARS_FAILURES as error:
        raise LedgerError(f"{_sentence(label)} cannot be computed ({type(error).__name__}).") from None
    names = _clean_names(list(given), table, label)
    renamed = frame.lazy().rename(dict(zip(given, names, strict=True)))
    return Source(label, _numbered(renamed), pl.Schema(zip(names, given.values(), strict=True)))


def _numbered(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame.drop(ROW, FLAW, strict=False).with_row_index(ROW, offset=1)


# ---- Columns ---------------------------------------------------------------------------------


def _clean_names(given: list[str], table: Table, label: str) -> list[str]:
    """Column names without blanks around them; unnamed columns get one to be dropped by."""
    names = [str(name).strip() for name in given]
    names = [name or f"{_UNNAMED}{place}" for place, name in enumerate(names)]
    missing = [name for name in table.required if name not in names]
    if table.either and not set(table.either) & set(names):
        missing.append(table.either[0])
    if missing and not set(table.columns) & set(names):
        # The first line is then more likely a row than a header: its cells are not for a message.
        raise LedgerError(
            f"{_sentence(label)} has none of the columns of the {table.name} table "
            f"({', '.join(table.required)}); its first line must name them."
        )
    if missing:
        others = [name for name in names if name not in table.columns and not name.startswith(_UNNAMED)]
        lacking = ", ".join(_with_nearest(name, others) for name in missing)
        raise LedgerError(
            f"{_sentence(label)} lacks what the {table.name} table needs: {lacking}; "
            "add the column or rename the one that holds it."
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise LedgerError(
            f"{_sentence(label)} names the column {twice[0]!r} more than once; leave one of them."
        )
    return names


def _with_nearest(name: str, names: list[str]) -> str:
    plain = {_letters(other): other for other in names}
    near = difflib.get_close_matches(_letters(name), plain, n=1, cutoff=0.6)
    return f"the column {name!r}" + (f" (the nearest name there is {plain[near[0]]!r})" if near else "")


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _sentence(label: str) -> str:
    return label if "." in label else label[0].upper() + label[1:]


# ---- Files -----------------------------------------------------------------------------------


def _open_parquet(path: Path, table: Table) -> Source:
    label = path.name
    try:
        frame = pl.scan_parquet(path, glob=False)
        given = frame.collect_schema()
    except POLARS_FAILURES as error:
        raise LedgerError(
            f"{label} is not a readable parquet file ({type(error).__name__}); write it again."
        ) from None
    names = _clean_names(list(given), table, label)
    frame = frame.rename(dict(zip(given, names, strict=True)))
    return Source(label, _numbered(frame), pl.Schema(zip(names, given.values(), strict=True)))


def _open_csv(path: Path, table: Table) -> Source:
    """A CSV file as text cells: a type guessed from some rows would fail on the others."""
    label = path.name
    separator, header = _read_header(path, table)
    names = _clean_names(header, table, label)
    schema = pl.Schema(dict.fromkeys(names, pl.String()))
    sound = _quotes_are_sound(path, separator)

    def careful() -> pl.LazyFrame:
        return _without_blank_lines(_read_carefully(path, separator, names, sound), names)

    if not sound:
        return Source(label, careful(), schema)
    quick = pl.scan_csv(
        path,
        separator=separator,
        has_header=True,
        infer_schema=False,
        with_column_names=lambda _: names,
        glob=False,
    )
    return Source(label, _without_blank_lines(_numbered(quick), names), schema, careful)


def _without_blank_lines(frame: pl.LazyFrame, names: list[str]) -> pl.LazyFrame:
    # Naming every column also keeps polars from skipping the cells of unused
    # ones, and with them its check that no line has too many.
    return frame.filter(~pl.all_horizontal(pl.col(names).is_null()))


def _read_header(path: Path, table: Table) -> tuple[str, list[str]]:
    """Separator and names: the separator that yields most of the table's columns."""
    not_text = LedgerError(
        f"{path.name} is not UTF-8 text with one line per row; save it as CSV with the encoding UTF-8."
    )
    with path.open("rb") as file:
        line = file.readline(1_000_000)
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise not_text from None
    if "\0" in text:
        raise not_text
    text = text.rstrip("\r\n")
    if not text.strip():
        raise LedgerError(f"{path.name} begins with an empty line; its first line must name the columns.")
    try:
        headers = {mark: next(csv.reader([text], delimiter=mark)) for mark in SEPARATORS}
    except csv.Error:
        raise not_text from None

    def fit(mark: str) -> tuple[int, int]:
        names = {name.strip() for name in headers[mark]}
        return len(names & set(table.columns)), len(headers[mark])

    best = max(SEPARATORS, key=fit)
    return best, headers[best]


def _quotes_are_sound(path: Path, separator: str) -> bool:
    """Whether every quote opens, closes or is doubled inside a cell.

    A stray one, as in 12" pipe, makes polars merge lines without a word: it
    takes all up to the next quote for one cell.
    """
    mark = re.escape(separator).encode()
    cell = rb'(?:"(?:[^"]|"")*+"|[^"' + mark + rb"\n]*+)"
    text = re.compile(rb"(?:\xef\xbb\xbf)?(?:" + cell + rb"(?:" + mark + rb"|\r?\n|\Z))*+")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(b'"') < 0 or text.fullmatch(content) is not None


def _read_carefully(path: Path, separator: str, names: list[str], sound: bool) -> pl.LazyFrame:
    """A CSV file line by line, so that a malformed line costs that line only.

    Slow, since it is a loop in Python: for files on which polars gives up.
    """
    label = path.name
    frames = [pl.DataFrame(schema={**dict.fromkeys(names, pl.String), FLAW: pl.String})]
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = _lines(file, separator, label, sound)
            next(lines)
            while batch := list(islice(lines, _BATCH_ROWS)):
                frames.append(_as_frame(batch, names))
    except UnicodeDecodeError:
        raise LedgerError(f"{label} is not UTF-8 text; save it as CSV with the encoding UTF-8.") from None
    except csv.Error as error:
        raise LedgerError(
            f"{label} is not a readable CSV file ({type(error).__name__}); write it again."
        ) from None
    return pl.concat(frames).lazy().with_row_index(ROW, offset=1)


def _lines(file: io.TextIOBase, separator: str, label: str, sound: bool) -> Iterator[list[str]]:
    reader = csv.reader(file, delimiter=separator)
    before = 0
    for cells in reader:
        if not sound and reader.line_num > before + 1:
            raise LedgerError(
                f"Line {before + 1} of {label} opens a quote that is not closed on that line; close it, or "
                "double the quote where it is part of the text."
            )
        before = reader.line_num
        yield cells


def _as_frame(batch: list[list[str]], names: list[str]) -> pl.DataFrame:
    width = len(names)
    rows = [
        [cell or None for cell in cells[:width]]
        + [None] * (width - len(cells))
        + ["too_many_cells" if any(cell.strip() for cell in cells[width:]) else None]
        for cells in batch
    ]
    return pl.DataFrame(rows, schema={**dict.fromkeys(names, pl.String), FLAW: pl.String}, orient="row")


# ---- Frames of other libraries ----------------------------------------------------------------


def _to_polars(frame: Any, table: Table, label: str) -> pl.DataFrame:
    library = type(frame).__module__.partition(".")[0]
    try:
        if library == "pandas" and hasattr(frame, "columns"):
            return _from_pandas(frame, table, label)
        if hasattr(frame, "__arrow_c_stream__"):
            # A name given twice is refused here in words; polars only says that it failed.
            _clean_names(list(getattr(frame, "column_names", table.columns)), table, label)
            return pl.DataFrame(frame)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"Reading a {library} frame needs the package {error.name}; install paydelay[train]."
        ) from error
    except (*POLARS_FAILURES, ValueError, TypeError, AttributeError) as error:
        raise LedgerError(
            f"{_sentence(label)} cannot be converted ({type(error).__name__}); give plain columns of text, "
            "numbers and dates."
        ) from None
    raise LedgerError(
        f"{_sentence(label)} is a {type(frame).__name__}; give a polars, pandas or pyarrow frame."
    )


def _from_pandas(frame: Any, table: Table, label: str) -> pl.DataFrame:
    """A pandas frame column by column, so that one of mixed types is not the end of all."""
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    names = _clean_names(list(frame.columns), table, label)
    columns = {}
    for place, name in enumerate(names):
        if name.startswith(_UNNAMED):
            continue
        column = frame.iloc[:, place]
        try:
            columns[name] = pl.from_pandas(column)
        except ModuleNotFoundError:
            raise
        except Exception:  # pyarrow has errors of many families for a column of mixed types
            values = column.astype(object).where(column.notna(), None).tolist()
            columns[name] = pl.Series(name, [_as_text(value) for value in values], dtype=pl.String)
    return pl.DataFrame(columns)


def _as_text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    # A timestamp among texts: the day is what a ledger keeps of it.
    return value.date().isoformat() if isinstance(value, datetime) else str(value)
