"""Writes a table to a file, once and whole: parquet, CSV or JSON, named by its ending.

The three say the same. Parquet keeps every type and digit; JSON is a list of records
with ISO dates and reasons as lists of objects; CSV is flat, for spreadsheets: UTF-8
without a byte order mark (which would become part of the first column's name in most
other readers), points as decimal marks, ISO dates, reasons joined to one text. In CSV
and JSON money is rounded to cents and probabilities to six decimals: what follows is
noise of floating point, which a reader would take for precision. Column names and codes
are the same in every language, since other systems depend on them.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, get_args

import polars as pl
from polars import selectors as cs

from paydelay.errors import ConfigError, TargetError
from paydelay.files import replacing_file
from paydelay.language import phrase
from paydelay.ledger.spreadsheets import no_formula

logger = logging.getLogger(__name__)

_ACCEPTED = "a path that ends in .parquet, .csv or .json"
_BETWEEN_REASONS = " | "
_ROWS_AT_ONCE = 20_000
_MONEY = re.compile(
    r".*_amount(_reporting)?|expected_loss|cost_of_delay|value_at_stake|late_value|cash_on_account|ead"
)
_SHARE = re.compile(r"prob_.*|.*_share|lgd")
_SHARE_DECIMALS = 6

CsvStyle = Literal["standard", "excel-fr"]
"""How a CSV is written."""


def deliver(
    frame: pl.DataFrame, target: str | Path, language: str = "en", *, csv_style: CsvStyle = "standard"
) -> Path:
    """Write a table to a file that is there in whole or not at all.

    Parameters
    ----------
    frame : polars.DataFrame
        The score table, a queue, refused rows or any other table.
    target : str or Path
        A path that ends in .parquet, .csv or .json; its folder is made where it
        does not exist. A file that is there already is replaced.
    language : {'en', 'fr'}
        Of the words a CSV adds to a reason that lowers the risk.
    csv_style : {'standard', 'excel-fr'}
        How a CSV is written. ``excel-fr`` is what Excel opens by a double click where
        the decimal mark is a comma: semicolons between cells, decimal commas, and a
        byte order mark, by which Excel knows UTF-8.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    TargetError
        If the target is of another kind, or cannot be written to. The file that
        was there before is left as it was.
    ConfigError
        If there is no such style, or the target is no CSV.

    Notes
    -----
    In CSV, a text that begins with ``=``, ``+``, ``-``, ``@`` (full-width too), a tab
    or a line end gets a leading apostrophe, since a spreadsheet would run it as a
    formula; numbers stay as they are. What is no number (NaN, infinite) is written as missing
    to CSV and JSON. The same table gives the same bytes.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> queue = pl.DataFrame({"customer_id": ["A", "=1+1"], "expected_loss": [48.2, -0.5]})
    >>> with TemporaryDirectory() as folder:
    ...     print(deliver(queue, f"{folder}/queue.csv").read_text("utf-8").rstrip())
    customer_id,expected_loss
    A,48.2
    '=1+1,-0.5
    """
    path = check_target(target)
    if csv_style not in get_args(CsvStyle):
        raise ConfigError(
            f"The CSV style '{csv_style}' is unknown; give one of {', '.join(get_args(CsvStyle))}."
        )
    if csv_style != "standard" and path.suffix.lower() != ".csv":
        raise ConfigError(
            f"The CSV style '{csv_style}' was asked for a {path.suffix.lower()} file; give a target that "
            "ends in .csv, or leave the style out."
        )
    written = _WRITERS[path.suffix.lower()]
    try:
        with replacing_file(path) as draft:
            for part in written(frame.rechunk(), language, csv_style):
                draft.write(part)
    except (OSError, ValueError) as error:
        raise _unwritable(error) from error
    except pl.exceptions.PolarsError as error:
        raise TargetError(
            f"A {path.suffix} file cannot hold this table ({type(error).__name__}); give numbers, texts, "
            "dates, and lists of them."
        ) from error
    logger.info("deliver: %d rows to a %s file", frame.height, path.suffix.lower())
    return path


def check_target(target: str | Path) -> Path:
    """Refuse a target that cannot be delivered to, before any work is done for it.

    Parameters
    ----------
    target : str or Path
        As given to :func:`deliver`.

    Returns
    -------
    Path
        The path it names.

    Raises
    ------
    TargetError
        If it is not a path that ends in .parquet, .csv or .json, or names a folder.

    Examples
    --------
    >>> check_target("queue.csv").name
    'queue.csv'
    >>> check_target("queue.xlsx")
    Traceback (most recent call last):
    paydelay.errors.TargetError: A table is not written to .xlsx files; give a path that ends in
    .parquet, .csv or .json.
    """
    text = str(target)
    # The address may hold a password: it is not repeated.
    if "://" in text and isinstance(target, str):
        raise TargetError(f"Databases are not served yet by this version; give {_ACCEPTED}.")
    path = Path(target)
    if path.suffix.lower() not in _WRITERS:
        kind = (
            f"{path.suffix} files" if path.suffix.isprintable() and path.suffix else "a path without ending"
        )
        raise TargetError(f"A table is not written to {kind}; give {_ACCEPTED}.")
    try:
        is_folder = path.is_dir()
    except (OSError, ValueError) as error:
        raise _unwritable(error) from None
    if is_folder:
        raise TargetError(f"The target {path.name} is a folder; give {_ACCEPTED}.")
    return path


def _unwritable(error: Exception) -> TargetError:
    why = getattr(error, "strerror", None) or "the path is not usable"
    return TargetError(
        f"The target cannot be written ({why}); give {_ACCEPTED}, in a folder that can be written to."
    )


# The writers give bytes, and Python writes them: polars' own JSON writer does not notice a full disk.


def _as_parquet(frame: pl.DataFrame, _language: str, _style: CsvStyle) -> Iterator[bytes]:
    file = io.BytesIO()
    frame.write_parquet(file, compression="zstd")
    yield file.getvalue()


def _as_json(frame: pl.DataFrame, _language: str, _style: CsvStyle) -> Iterator[bytes]:
    """One record a line, so that two files can be compared by line."""
    opening = "["
    # polars writes dates as ISO has them, but a blank between a date and its time.
    frame = _rounded(frame).with_columns(cs.datetime().dt.to_string("iso:strict"))
    for rows in frame.iter_slices(_ROWS_AT_ONCE):
        yield (opening + "\n" + rows.write_ndjson().rstrip("\n").replace("\n", ",\n")).encode()
        opening = ","
    yield b"\n]\n" if frame.height else b"[]\n"


def _as_csv(frame: pl.DataFrame, language: str, style: CsvStyle) -> Iterator[bytes]:
    columns = [_flat(name, dtype, language).alias(name) for name, dtype in frame.schema.items()]
    french = style == "excel-fr"
    separator = ";" if french else ","
    yield frame.clear().select(columns).write_csv(separator=separator, include_bom=french).encode()
    for rows in _rounded(frame).iter_slices(_ROWS_AT_ONCE):
        yield (
            rows.select(columns)
            .write_csv(
                separator=separator, decimal_comma=french, include_header=False, float_scientific=False
            )
            .encode()
        )


def _rounded(frame: pl.DataFrame) -> pl.DataFrame:
    """The table without the noise of floating point: money to cents, shares to six decimals."""
    columns = []
    for name, dtype in frame.schema.items():
        column = pl.col(name)
        if dtype.is_float() and (_MONEY.fullmatch(name) or _SHARE.fullmatch(name)):
            columns.append(_round(column, 2 if _MONEY.fullmatch(name) else _SHARE_DECIMALS).alias(name))
        elif _is_reasons(dtype, "contribution"):
            part = _round(pl.element().struct.field("contribution"), _SHARE_DECIMALS)
            columns.append(column.list.eval(pl.element().struct.with_fields(part.alias("contribution"))))
    return frame.with_columns(columns)


def _round(number: pl.Expr, decimals: int) -> pl.Expr:
    """A number rounded, and never to minus zero."""
    rounded = number.round(decimals)
    return pl.when(rounded == 0.0).then(0.0).otherwise(rounded)


def _is_reasons(dtype: pl.DataType, *needed: str) -> bool:
    """Whether a column holds lists of objects with the fields that reasons have."""
    inner = dtype.inner if isinstance(dtype, pl.List) else None
    return isinstance(inner, pl.Struct) and set(needed) <= {field.name for field in inner.fields}


def _flat(name: str, dtype: pl.DataType, language: str) -> pl.Expr:
    """A column as cells of a spreadsheet."""
    column = pl.col(name)
    if dtype.is_float():
        return pl.when(column.is_finite()).then(column)
    if isinstance(dtype, pl.List):
        return no_formula(_joined(column, dtype, language))
    if isinstance(dtype, pl.Struct):
        return no_formula(column.struct.json_encode())
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return no_formula(column.cast(pl.String))
    return column


def _joined(column: pl.Expr, dtype: pl.List, language: str) -> pl.Expr:
    """A list as one text; of reasons, what they say."""
    inner, item = dtype.inner, pl.element()
    if _is_reasons(dtype, "text", "direction"):
        # Without its sign a reason for paying well would read as one for paying late.
        lowers = " (" + phrase("direction.lowers", language) + ")"
        lowering = pl.when(item.struct.field("direction") < 0).then(pl.lit(lowers)).otherwise(pl.lit(""))
        texts = item.struct.field("text") + lowering
    elif isinstance(inner, pl.Struct):
        texts = item.struct.json_encode()
    else:
        texts = item.cast(pl.String)
    return column.list.eval(texts).list.join(_BETWEEN_REASONS)


_WRITERS: dict[str, Callable[[pl.DataFrame, str, CsvStyle], Iterator[bytes]]] = {
    ".parquet": _as_parquet,
    ".csv": _as_csv,
    ".json": _as_json,
}
