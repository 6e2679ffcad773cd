"""Tables of a database, through SQLAlchemy, some ten thousand rows at a time.

An address may carry a password: no address and no message of a driver, which may
quote one, is ever repeated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from paydelay.errors import ConfigError, LedgerError
from paydelay.preflight import importing
from paydelay.sources.text import CELL_FLAW, LINE_NUMBER, told_apart
from paydelay.sources.workbook import number_in

_BATCH_ROWS = 50_000


@dataclass(frozen=True, repr=False)
class DatabaseTable:
    """A table or query of a database; its rows are numbered in the order they come.

    Parameters
    ----------
    label : str
        What messages call it.
    header : tuple of str
        Names of its columns.
    engine : sqlalchemy.Engine
        The database.
    statement : sqlalchemy.Executable
        What gives the rows.
    """

    label: str
    header: tuple[str, ...]
    engine: Any
    statement: Any

    def __repr__(self) -> str:
        # The generated one would show the address.
        return f"DatabaseTable({self.label})"

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows in the types of the database, as text where a column mixes them.

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
            If the database breaks off.
        """
        asked = set(self.header if columns is None else columns)
        wanted = [(place, name) for place, name in enumerate(self.header) if name in asked]
        at = 0
        with _speaking(self.label), self.engine.connect() as connection:
            streamed = connection.execution_options(stream_results=True, max_row_buffer=_BATCH_ROWS)
            result = streamed.execute(self.statement)
            for rows in result.partitions(_BATCH_ROWS):
                cells = list(zip(*rows, strict=True))
                series = [one for place, name in wanted for one in _series(name, cells[place], asked)]
                numbers = pl.int_range(at + 1, at + len(rows) + 1, dtype=pl.Int64, eager=True)
                yield pl.DataFrame(series).with_columns(
                    numbers.alias(LINE_NUMBER), pl.lit(None, dtype=pl.String).alias(CELL_FLAW)
                )
                at += len(rows)


def open_database(address: str, table: str | None = None, query: str | None = None) -> DatabaseTable:
    """Open a table or a query of a database.

    Parameters
    ----------
    address : str
        As SQLAlchemy writes it, such as ``postgresql+psycopg://user@host/books``;
        ``#table`` at its end names a table.
    table : str, optional
        A table, with its schema before a point where it needs one.
    query : str, optional
        A query in place of a table.

    Returns
    -------
    DatabaseTable

    Raises
    ------
    ConfigError
        If the address cannot be understood, or no table is named.
    LedgerError
        If the database cannot be reached or has no such table.
    MissingDependencyError
        If SQLAlchemy or the driver of the database is not installed.

    Examples
    --------
    >>> import sqlite3, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "books.db"
    >>> with sqlite3.connect(path) as books:
    ...     _ = books.execute("create table invoices (number text, total real)")
    ...     _ = books.execute("insert into invoices values ('F1', 12.5)")
    >>> opened = open_database(f"sqlite:///{path}#invoices")
    >>> [batch["total"].to_list() for batch in opened.batches()]
    [[12.5]]
    """
    with importing("Reading a database"):
        import sqlalchemy as sql
    address, _, named = address.partition("#")
    table = table or named or None
    if table is None and query is None:
        raise ConfigError(
            "It is not said which table of the database to read; name a table or a query in the mapping, "
            "or put #table at the end of the address."
        )
    engine = _engine(sql, address)
    statement: Any
    if query is not None:
        # A colon begins no parameter here.
        statement, label = sql.text(query.replace(":", "\\:")), "query"
    else:
        schema, _, name = str(table).rpartition(".")
        source = sql.table(name, schema=schema or None)
        statement, label = sql.select(sql.text("*")).select_from(source), str(table)
    # A name only: an address also says who asks, and how.
    label = f"{engine.dialect.name}: {label}"
    with _speaking(label), engine.connect() as connection:
        result = connection.execution_options(stream_results=True, max_row_buffer=1).execute(statement)
        header = told_apart([" ".join(str(name).split()) for name in result.keys()])  # noqa: SIM118
        result.close()
    return DatabaseTable(label, header, engine, statement)


def _engine(sql: Any, address: str) -> Any:
    try:
        url = sql.engine.make_url(address)
    except (sql.exc.ArgumentError, ValueError):
        raise ConfigError(
            "The address of the database cannot be understood; write it as "
            "postgresql+psycopg://user@host/name or sqlite:///file.db."
        ) from None
    file = url.database if url.get_backend_name() == "sqlite" else None
    # SQLite would make an empty database of a name that is misspelt.
    if file and not file.startswith("file:") and not Path(file).is_file():
        raise LedgerError(f"There is no SQLite database {Path(file).name}; check the address.")
    try:
        with importing("Reading this database"):
            return sql.create_engine(url, poolclass=sql.pool.NullPool)
    except sql.exc.NoSuchModuleError:
        raise ConfigError(
            f"SQLAlchemy knows no database of the kind '{url.drivername}'; install its driver or check the "
            "address."
        ) from None


@contextmanager
def _speaking(label: str) -> Iterator[None]:
    """One sentence without address where the database or its driver fails."""
    import sqlalchemy as sql

    try:
        yield
    except sql.exc.SQLAlchemyError as error:
        cause = type(getattr(error, "orig", None) or error).__name__
        raise LedgerError(
            f"The database cannot be read at {label} ({cause}); check the address, the table or the query, "
            "and what its user may read."
        ) from None
    except (OSError, UnicodeError, ValueError, OverflowError) as error:
        raise LedgerError(
            f"The database gives what cannot be read at {label} ({type(error).__name__}); check it."
        ) from None


# ---- Cells -----------------------------------------------------------------------------------


def _series(name: str, cells: Sequence[Any], asked: set[str]) -> list[pl.Series]:
    """A column in a type of its own; of mixed types as text, with its numbers beside it if asked for."""
    kinds = {type(cell) for cell in cells} - {type(None)}
    mark = number_in(name)
    if kinds <= {str}:
        return [pl.Series(name, cells, dtype=pl.String)]
    if kinds <= {int, float}:
        try:
            return [pl.Series(name, cells, dtype=pl.Int64 if kinds <= {int} else pl.Float64)]
        except (OverflowError, TypeError, pl.exceptions.PolarsError):
            return [pl.Series(name, [_text(cell) for cell in cells], dtype=pl.String)]
    if kinds <= {date}:
        return [pl.Series(name, cells, dtype=pl.Date)]
    # Decimals too: as numbers they would lose digits of long identifiers, as text they keep all.
    text = pl.Series(name, [_text(cell) for cell in cells], dtype=pl.String)
    return [text, *_numbers(mark, cells, asked)]


def _numbers(mark: str, cells: Sequence[Any], asked: set[str]) -> list[pl.Series]:
    if mark not in asked:
        return []
    found = [
        float(cell) if isinstance(cell, int | float | Decimal) and not isinstance(cell, bool) else None
        for cell in cells
    ]
    return [pl.Series(mark, found, dtype=pl.Float64)]


def _text(cell: Any) -> str | None:
    text = None if cell is None else str(cell)
    if isinstance(cell, bool):
        text = "true" if cell else "false"
    elif isinstance(cell, datetime):
        # The day on the clock of its own time zone.
        text = cell.replace(tzinfo=None).isoformat(sep=" ")
    elif isinstance(cell, Decimal | float) and math.isfinite(cell) and cell == int(cell):
        text = str(int(cell))
    elif isinstance(cell, Decimal):
        text = format(cell, "f")
    elif isinstance(cell, bytes | bytearray | memoryview):
        text = bytes(cell).decode("utf-8", "replace")
    return text
