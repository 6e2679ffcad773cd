"""Past scores as they were written: read, checked, and put together."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from paydelay.errors import ScoresError
from paydelay.scoring import SCHEMA_VERSION, SCORE_SCHEMA, Scores

Source = str | Path | pl.DataFrame | Scores
"""One or more score tables: a file, a folder of files, a frame, or what scoring returned."""

_COLUMNS = (
    *("invoice_id", "customer_id", "as_of", "due_date", "days_past_due", "open_amount_reporting"),
    *("prob_late", "prob_unpaid", "prob_unpaid_pooled", "model_version", "schema_version"),
)
_ENDINGS = (".parquet", ".csv", ".json")
# Before what a spreadsheet would run a CSV has an apostrophe; it is no part of the text.
_GUARDED = r"^'([=+\-@\t\r\n＝＋－＠])"
_WANTED = "give what 'paydelay score --out' wrote, by invoice"


def past_scores(source: Source | Sequence[Source]) -> pl.DataFrame:
    """Score tables of past days, one below the other.

    Parameters
    ----------
    source : str, Path, polars.DataFrame, Scores, or a sequence of these
        Files that end in .parquet, .csv or .json, folders of such files, or tables.

    Returns
    -------
    polars.DataFrame
        The columns that monitoring needs, sorted by ``as_of`` and ``invoice_id``.

    Raises
    ------
    ScoresError
        If there is nothing, or something that is not a score table by invoice of the
        version that this paydelay reads, or one invoice stands twice on one day.

    Examples
    --------
    >>> past_scores(pl.DataFrame({"customer_id": ["C1"], "invoice_count": [3]}))
    Traceback (most recent call last):
    paydelay.errors.ScoresError: The table holds scores by customer; give what 'paydelay score --out'
    wrote, by invoice.
    """
    given = [source] if isinstance(source, str | Path | pl.DataFrame | Scores) else list(source)
    tables = [table for each in given for table in _tables(each)]
    if not tables:
        raise ScoresError(f"No past scores were given; {_WANTED}.")
    scores = pl.concat(tables).sort("as_of", "invoice_id")
    twice = scores.height - scores.select("as_of", "invoice_id").unique().height
    if twice:
        raise ScoresError(
            f"The past scores hold {twice} rows of an invoice and a day that stand there already; give the "
            "scores of each day once."
        )
    return scores


def _tables(source: Source) -> list[pl.DataFrame]:
    if isinstance(source, Scores):
        return [_checked(source.frame, "The table")]
    if isinstance(source, pl.DataFrame):
        return [_checked(source, "The table")]
    path = Path(source)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in _ENDINGS)
        if not files:
            raise ScoresError(f"The folder {path} holds no .parquet, .csv or .json file; {_WANTED}.")
        return [_read(file) for file in files]
    return [_read(path)]


def _read(path: Path) -> pl.DataFrame:
    if path.suffix.lower() not in _ENDINGS:
        raise ScoresError(f"{path.name} ends in none of {', '.join(_ENDINGS)}; {_WANTED}.")
    try:
        frame = {".parquet": _parquet, ".csv": _csv, ".json": _json}[path.suffix.lower()](path.read_bytes())
    except OSError as error:
        raise ScoresError(f"{path} cannot be read ({error.strerror}); {_WANTED}.") from error
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise ScoresError(
            f"{path.name} is no {path.suffix} table ({type(error).__name__}); {_WANTED}."
        ) from error
    return _checked(frame, path.name)


def _parquet(data: bytes) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(data))


def _json(data: bytes) -> pl.DataFrame:
    return pl.read_json(io.BytesIO(data), infer_schema_length=None)


def _csv(data: bytes) -> pl.DataFrame:
    """A CSV of either style, every cell a text."""
    text = data.decode("utf-8-sig")
    header = text.partition("\n")[0]
    french = header.count(";") > header.count(",")
    frame = pl.read_csv(io.StringIO(text), separator=";" if french else ",", infer_schema=False)
    frame = frame.with_columns(pl.all().str.replace(_GUARDED, "${1}"))
    numbers = [name for name in frame.columns if SCORE_SCHEMA.get(name) == pl.Float64]
    return frame.with_columns(pl.col(numbers).str.replace(",", ".", literal=True)) if french else frame


def _checked(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """The columns needed, in the types of the score table."""
    if "invoice_id" not in frame.columns and {"customer_id", "invoice_count"} <= set(frame.columns):
        raise ScoresError(f"{name} holds scores by customer; {_WANTED}.")
    missing = [column for column in _COLUMNS if column not in frame.columns]
    if missing:
        raise ScoresError(f"{name} is no score table: it lacks {', '.join(missing)}; {_WANTED}.")
    try:
        chosen = frame.select(_as(column, SCORE_SCHEMA[column], frame.schema[column]) for column in _COLUMNS)
    except pl.exceptions.PolarsError as error:
        raise ScoresError(f"{name} holds a cell that is none of a score table; {_WANTED}.") from error
    versions = chosen["schema_version"].unique().to_list()
    if frame.height and versions != [SCHEMA_VERSION]:
        found = ", ".join(sorted(map(str, versions)))
        raise ScoresError(
            f"{name} has schema_version {found} and this paydelay reads {SCHEMA_VERSION}; score those days "
            "again, or use the paydelay that wrote it."
        )
    asked = ("invoice_id", "customer_id", "as_of", "due_date", "prob_late", "prob_unpaid")
    bad = chosen.filter(
        pl.any_horizontal(pl.col(*asked).is_null())
        | ~pl.col("prob_late").is_between(0.0, 1.0)
        | ~pl.col("prob_unpaid").is_between(0.0, 1.0)
    ).height
    if bad:
        raise ScoresError(
            f"{name} holds {bad} rows without an id, a date or a probability from 0 to 1; {_WANTED}."
        )
    return chosen


def _as(column: str, wanted: Any, found: Any) -> pl.Expr:
    if wanted == pl.Boolean and found == pl.String:
        return pl.col(column) == "true"
    if wanted == pl.Date and found == pl.String:
        return pl.col(column).str.to_date("%Y-%m-%d")
    return pl.col(column).cast(wanted)
