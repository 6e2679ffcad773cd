"""Opening a table wherever it is: delimited text, Parquet, an Excel sheet or a database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from paydelay.errors import LedgerError
from paydelay.sources.draft import LINE, Draft, line_of
from paydelay.sources.sql import open_database
from paydelay.sources.text import CELL_FLAW, LINE_NUMBER, SEPARATORS, open_text
from paydelay.sources.workbook import open_workbook
from paydelay.sources.workbook_archive import OLE_MAGIC, ZIP_MAGIC, refuse_old_workbook

_PARQUET_ROWS = 250_000
POLARS_FAILURES = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""What polars raises on data it cannot take; its messages may quote cells."""
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")


class OpenTable(Protocol):
    """A table whose columns are known and whose rows come in batches."""

    @property
    def label(self) -> str:
        """What messages call it."""
        ...

    @property
    def header(self) -> tuple[str, ...]:
        """Names of its columns, unnamed ones as empty text."""
        ...

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows: the columns asked for, ``LINE_NUMBER`` and ``CELL_FLAW``."""
        ...


@dataclass(frozen=True)
class ParquetTable:
    """A Parquet file; its rows are numbered from 1, there being no header line.

    Parameters
    ----------
    path : Path
        The file.
    header : tuple of str
        Names of its columns.
    """

    path: Path
    header: tuple[str, ...]

    @property
    def label(self) -> str:
        """What messages call it."""
        return self.path.name

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows in their own types, some hundred thousands at a time.

        Parameters
        ----------
        columns : sequence of str, optional
            Those wanted; all by default.

        Yields
        ------
        polars.DataFrame
            The columns, ``LINE_NUMBER`` and ``CELL_FLAW``.

        Raises
        ------
        LedgerError
            If the file is damaged.
        """
        wanted = [name for name in self.header if columns is None or name in set(columns)]
        at = 0
        try:
            frame = pl.scan_parquet(self.path, glob=False).select(wanted)
            while (rows := frame.slice(at, _PARQUET_ROWS).collect()).height:
                yield rows.with_row_index(LINE_NUMBER, offset=at + 1).select(
                    *wanted,
                    pl.col(LINE_NUMBER).cast(pl.Int64),
                    pl.lit(None, dtype=pl.String).alias(CELL_FLAW),
                )
                at += rows.height
        except (OSError, *POLARS_FAILURES) as error:
            raise LedgerError(
                f"{self.label} is not a readable Parquet file ({type(error).__name__}); write it again."
            ) from None


@dataclass(frozen=True)
class Place:
    """Where in a file or database a table is, and how it is written there.

    Parameters
    ----------
    sheet : str or None
        Sheet of a workbook; the first that holds anything by default.
    table : str or None
        Table of a database, with its schema before a point where it needs one.
    query : str or None
        Query of a database in place of a table.
    skip_lines : int
        Lines above the header, such as a title.
    separator : str or None
        What parts the cells of a text file; found out by default.
    encoding : str or None
        How a text file is encoded, as Python names it; found out by default.
    """

    sheet: str | None = None
    table: str | None = None
    query: str | None = None
    skip_lines: int = 0
    separator: str | None = None
    encoding: str | None = None


ANYWHERE = Place()


def is_address(place: object) -> bool:
    """Whether a place is the address of a database and no file.

    Parameters
    ----------
    place : object
        What a caller named.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_address("sqlite:///books.db#invoices"), is_address("books/invoices.csv")
    (True, False)
    """
    return isinstance(place, str) and _ADDRESS.match(place) is not None


def file_at(path: str | Path) -> Path:
    """A path, refused where it leads to something else than a file.

    Parameters
    ----------
    path : str or Path
        Where a file should be.

    Returns
    -------
    Path

    Raises
    ------
    LedgerError
        If it is not there, or is a folder, a device or a pipe, which cannot be read twice.

    Examples
    --------
    >>> file_at("books.csv")
    Traceback (most recent call last):
    paydelay.errors.LedgerError: books.csv is not there; give the path of a file.
    """
    place = Path(path)
    if not place.exists():
        raise LedgerError(f"{place.name} is not there; give the path of a file.")
    if not place.is_file():
        what = "a folder" if place.is_dir() else "no file that can be read twice"
        raise LedgerError(f"{place.resolve().name or place} is {what}; name the files themselves.")
    return place


def open_table(path: Path | str, place: Place = ANYWHERE) -> OpenTable:
    """Open a table by what its file holds, not by what it is called.

    Parameters
    ----------
    path : Path or str
        A text file, a Parquet file or an Excel workbook; text is the address of a
        database.
    place : Place
        Where in it the table is.

    Returns
    -------
    OpenTable

    Raises
    ------
    LedgerError
        If it is none of them, or cannot be read.
    ConfigError
        If an address, an encoding or a table is not known.
    MissingDependencyError
        If the packages it needs are not installed.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "invoices.parquet"
    >>> pl.DataFrame({"number": ["F1"], "total": [12.5]}).write_parquet(path)
    >>> open_table(path).header
    ('number', 'total')
    """
    if isinstance(path, str):
        return open_database(path, place.table, place.query)
    try:
        with path.open("rb") as file:
            head = file.read(8)
        if head.startswith(OLE_MAGIC):
            refuse_old_workbook(path)
    except OSError as error:
        raise LedgerError(f"{path.name} cannot be opened ({type(error).__name__}).") from error
    if head.startswith(ZIP_MAGIC):
        return open_workbook(path, place.sheet, place.skip_lines)
    if place.sheet is not None:
        raise LedgerError(f"{path.name} is no Excel workbook, but a sheet of it is asked for; leave it out.")
    if head.startswith(b"PAR1"):
        return _open_parquet(path)
    separators = (place.separator,) if place.separator else SEPARATORS
    return open_text(path, separators=separators, skip_lines=place.skip_lines, encoding=place.encoding)


def _open_parquet(path: Path) -> ParquetTable:
    try:
        names = tuple(pl.scan_parquet(path, glob=False).collect_schema())
    except (OSError, *POLARS_FAILURES) as error:
        raise LedgerError(
            f"{path.name} is not a readable Parquet file ({type(error).__name__}); write it again."
        ) from None
    return ParquetTable(path, names)


def read_rows(draft: Draft, table: OpenTable, columns: Sequence[str]) -> pl.DataFrame:
    """All rows of a table as text, its unreadable lines refused.

    Parameters
    ----------
    draft : Draft
        Gets the file, its line count, the columns that are not wanted and the refused
        lines.
    table : OpenTable
        The table.
    columns : sequence of str
        Those wanted; one that the table lacks comes as null.

    Returns
    -------
    polars.DataFrame
        The columns as text, and ``LINE``.
    """
    number = draft.add_file(table.label, **getattr(table, "details", {}))
    unused = [name for name in table.header if name and name not in columns]
    label = draft.files[number].label
    draft.assume("columns_unused", n=len(unused), file=label, columns=", ".join(unused))
    frames = [pl.DataFrame(schema={**dict.fromkeys(columns, pl.String), LINE: pl.Int64})]
    lacking = [pl.lit(None, dtype=pl.String).alias(name) for name in columns if name not in table.header]
    for batch in table.batches(columns):
        draft.files[number].read += batch.height
        rows = batch.with_columns(line_of(number, LINE_NUMBER), *lacking)
        flawed = rows.filter(pl.col(CELL_FLAW).is_not_null())
        draft.refuse(flawed, pl.col(CELL_FLAW), None, None)
        sound = rows.filter(pl.col(CELL_FLAW).is_null())
        frames.append(sound.select(pl.col(list(columns)).cast(pl.String), LINE))
    return pl.concat(frames)
