"""Excel workbooks: looked through before they are opened, then read sheet by sheet.

Of a cell the reader tells its text, its number or its day, and not which of them it
is: where that matters the sheet is read in several ways and the answers compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from paydelay.errors import LedgerError
from paydelay.preflight import importing
from paydelay.sources.draft import LINE
from paydelay.sources.text import CELL_FLAW, LINE_NUMBER, told_apart
from paydelay.sources.workbook_archive import look_through


def number_in(column: str) -> str:
    """Name under which a workbook gives the numbers of a column that may also hold text.

    Parameters
    ----------
    column : str
        Name of the column.

    Returns
    -------
    str
        Ask for it among the columns: 1.234 is a number where the cell is one, and
        what the decimal mark makes of it where the cell is text.

    Examples
    --------
    >>> number_in("Amount").endswith("Amount")
    True
    """
    return f"__paydelay_number:{column}"


@dataclass(frozen=True)
class WorkbookTable:
    """A sheet of a workbook; its rows have the numbers that Excel shows.

    Parameters
    ----------
    path : Path
        The workbook.
    sheet : str
        Name of the sheet.
    header : tuple of str
        Names of its columns, unnamed ones as empty text.
    header_lines : int
        Rows up to and including the header.
    loaded : fastexcel.ExcelSheet
        The sheet as text.
    reader : fastexcel.ExcelReader
        The open workbook.
    """

    path: Path
    sheet: str
    header: tuple[str, ...]
    header_lines: int
    loaded: Any
    reader: Any

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"{self.path.name} [{self.sheet}]"

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows as text, in one batch: days as YYYY-MM-DD, numbers with a decimal point.

        Parameters
        ----------
        columns : sequence of str, optional
            Those wanted; all by default. Names of :func:`number_in` give the numbers
            of a column.

        Yields
        ------
        polars.DataFrame
            The columns, ``LINE_NUMBER`` and ``CELL_FLAW``. Blank rows are left out.

        Raises
        ------
        LedgerError
            If the workbook is damaged.
        """
        named = [(place, name) for place, name in enumerate(self.header) if name]
        wanted = [(place, name) for place, name in named if columns is None or name in set(columns)]
        asked = set(columns or ())
        numbers = [(place, number_in(name)) for place, name in wanted if number_in(name) in asked]
        with _reading(self.path.name):
            cells, errors = self.loaded.to_arrow_with_errors()
            everything = pl.DataFrame(pl.from_arrow(cells))
            broken = {position.position for position in (errors.errors if errors else ())}
        # By what reading it failed on: an error of a formula is no empty cell.
        places = {place for place, _ in wanted}
        lines = sorted({row for row, place in broken if place in places})
        rows = everything.select(
            *(pl.nth(place).alias(name) for place, name in wanted),
            pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(LINE_NUMBER),
            pl.when(pl.int_range(pl.len()).is_in(lines)).then(pl.lit("cell_error")).alias(CELL_FLAW),
            ~pl.all_horizontal(pl.all().str.strip_chars().fill_null("") == "").alias(LINE),
        )
        if numbers:
            rows = rows.with_columns(self._numbers(rows, wanted, numbers))
        kept = rows.filter(
            pl.col(LINE_NUMBER) > self.header_lines, pl.col(LINE) | pl.col(CELL_FLAW).is_not_null()
        )
        if kept.height:
            yield kept.drop(LINE)

    def _numbers(
        self, rows: pl.DataFrame, wanted: list[tuple[int, str]], numbers: list[tuple[int, str]]
    ) -> list[pl.Series]:
        """Numbers of the cells that are numbers.

        The reader also makes a number of the text 1.234, which may be one thousand
        two hundred; it makes a day of small numbers only and never of text.
        """
        text = dict(wanted)
        with _reading(self.path.name):
            kinds = {
                kind: pl.DataFrame(
                    self.reader.load_sheet(
                        self.sheet, header_row=None, dtypes=kind, use_columns=[place for place, _ in numbers]
                    )
                )
                for kind in ("float", "datetime")
            }
        found = []
        for at, (place, name) in enumerate(numbers):
            frame = pl.DataFrame(
                {
                    "number": kinds["float"].to_series(at),
                    "day": kinds["datetime"].to_series(at),
                    "text": rows[text[place]],
                }
            )
            is_day = pl.col("text").str.contains(r"^\d{4}-\d\d-\d\d \d\d:\d\d")
            sure = pl.col("day").is_not_null() | (pl.col("number").abs() >= 1000)
            is_flag = pl.col("text").is_in(["true", "false"])
            number = pl.when(sure & ~is_day.fill_null(False) & ~is_flag.fill_null(False)).then("number")
            found.append(frame.select(number.alias(name)).to_series())
        return found


def open_workbook(path: Path, sheet: str | None = None, skip_lines: int = 0) -> WorkbookTable:
    """Open a sheet of a workbook, once the workbook is known to be one and of bounded size.

    Parameters
    ----------
    path : Path
        An .xlsx or .xlsm file.
    sheet : str, optional
        Name of the sheet; the first one that holds anything by default.
    skip_lines : int
        Rows above the header, such as a title.

    Returns
    -------
    WorkbookTable

    Raises
    ------
    LedgerError
        If it is no workbook, is damaged, encrypted or larger than a workbook gets,
        or has no such sheet.
    MissingDependencyError
        If the packages that read workbooks are not installed.
    """
    with importing("Reading an Excel workbook"):
        import fastexcel
        import pyarrow  # noqa: F401  # for what fastexcel tells of cells it cannot read
    look_through(path)
    with _reading(path.name):
        reader = fastexcel.read_excel(path)
        names = list(reader.sheet_names)
    if sheet is not None and sheet not in names:
        raise LedgerError(
            f"{path.name} has no sheet of the name that the mapping gives, '{sheet}'; it has {len(names)}: "
            "name one of them."
        )
    for name in names if sheet is None else [sheet]:
        with _reading(path.name):
            loaded = reader.load_sheet(name, header_row=None, dtypes="string")
            # A sheet that is empty has no columns, which a frame cannot be made of.
            rows = pl.DataFrame(loaded) if loaded.width else pl.DataFrame()
        header, at = _header(rows, skip_lines)
        if header:
            return WorkbookTable(path, name, header, at, loaded, reader)
    which = f"The sheet '{sheet}' of {path.name} is" if sheet else f"Every sheet of {path.name} is"
    raise LedgerError(f"{which} empty; it needs a header and one row per document.")


class _reading:  # noqa: N801
    """What a damaged workbook makes the reader raise, in one sentence.

    Parameters
    ----------
    label : str
        What messages call the workbook.
    """

    def __init__(self, label: str) -> None:
        self.label = label

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        # A panic of the reader's native code is no Exception.
        if error is None or isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit | LedgerError):
            return
        raise LedgerError(
            f"{self.label} is not a readable Excel workbook ({type(error).__name__}); save it again."
        ) from None


def _header(rows: pl.DataFrame, skip_lines: int) -> tuple[tuple[str, ...], int]:
    """Names of the columns and the number of their row; no names where nothing is written."""
    for at, cells in enumerate(rows.slice(skip_lines).iter_rows(), skip_lines + 1):
        names = [" ".join((cell or "").split()) for cell in cells]
        if any(names):
            return told_apart(names), at
    return (), 0
