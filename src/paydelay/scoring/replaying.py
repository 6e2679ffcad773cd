"""Kept scores made again: whether they come out the same, and what has changed where they do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from paydelay.config import Config, load_config
from paydelay.features import CATALOGUE, Catalogue
from paydelay.ledger import Ledger
from paydelay.model import DelayModel
from paydelay.preflight import pandas_frame
from paydelay.scoring.keeping import Kept, Origin, feature_rows, json_values, read_kept
from paydelay.scoring.path import score
from paydelay.scoring.table import Scores

if TYPE_CHECKING:
    import pandas as pd

COMPARED = {
    "probability": ("prob_late", "prob_late_30", "prob_late_60", "prob_unpaid"),
    "expected_loss": ("expected_loss",),
    "reasons": ("reasons_late", "reasons_unpaid"),
}
"""What is compared of each invoice, and the columns it stands in; all other columns are ``rest``."""
_APART = ("invoice_id", "model_version", "priority_rank")


@dataclass(frozen=True)
class Replay:
    """Kept scores beside the same made again.

    Parameters
    ----------
    as_of : date
        Day of scoring.
    model_versions : (str, str)
        Of the model then and now.
    changed : tuple of str
        What is not as it was: ``model``, ``settings``, ``books`` (tables of one's own too), ``software``.
    settings : tuple of str
        Names of the settings that differ, such as ``loss.recovery_days``.
    software : mapping of str to (str, str)
        Versions then and now, where they differ.
    books : polars.DataFrame
        ``table``, ``added``, ``removed`` and ``altered``: rows as they were known on that day, then and now.
    rows : polars.DataFrame
        Each row that was added or altered since: ``table``, ``change``, and the ``invoice_id`` and
        ``customer_id`` it names. What was removed is not in the books to be named.
    invoices : polars.DataFrame
        One row per invoice scored then or now: ``invoice_id``, ``standing`` (``same``, ``different``,
        ``only_then``, ``only_now``), ``same_probability``, ``same_expected_loss``, ``same_reasons``,
        ``same_rest`` (every other column), ``same_rank`` and ``same_features``, and ``prob_late``,
        ``prob_unpaid`` and ``expected_loss`` with the suffixes ``_then`` and ``_now``. The rank and the
        features do not count in the standing: a rank moves with those of other invoices.
    """

    as_of: date
    model_versions: tuple[str, str]
    changed: tuple[str, ...]
    settings: tuple[str, ...]
    software: Mapping[str, tuple[str, str]]
    books: pl.DataFrame = field(repr=False)
    rows: pl.DataFrame = field(repr=False)
    invoices: pl.DataFrame = field(repr=False)

    @property
    def same(self) -> bool:
        """Whether every score came out exactly as it was."""
        return bool((self.invoices["standing"] == "same").all())

    def to_pandas(self) -> dict[str, pd.DataFrame]:
        """What was compared as pandas frames.

        Returns
        -------
        dict of str to pandas.DataFrame
            ``invoices``, ``books`` and ``rows``.

        Raises
        ------
        MissingDependencyError
            If pandas or pyarrow is not installed.
        """
        return {name: pandas_frame(getattr(self, name)) for name in ("invoices", "books", "rows")}


def replay(
    folder: str | Path,
    ledger: Ledger,
    model: DelayModel,
    *,
    config: Config | None = None,
    catalogue: Catalogue = CATALOGUE,
    covariates: Mapping[str, pl.DataFrame] | None = None,
) -> Replay:
    """Score again what was kept, and say what is exactly the same and what has changed.

    Parameters
    ----------
    folder : str or Path
        As :meth:`~paydelay.Scores.keep` wrote it.
    ledger : Ledger
        The books of today; nothing recorded after the day of scoring is used.
    model : DelayModel
        The one that scored then, or another to compare.
    config : Config, optional
        Loss and worklist settings to score with; those that were kept where None.
    catalogue : Catalogue
        Holds the model's features; one's own included.
    covariates : mapping of str to polars.DataFrame, optional
        Dated tables of one's own that the features look up.

    Returns
    -------
    Replay

    Raises
    ------
    ScoresError
        If the folder is incomplete, was altered, or is of a newer version.
    FeatureMismatchError
        If the catalogue lacks a feature of the model.
    LedgerError
        If the ledger reports in another currency than the model learned in.

    Notes
    -----
    The books are compared by keyed fingerprints of their rows as they were known on that day: payments
    that came since are no change, a row recorded later under an earlier date is. Values are compared to
    the last bit.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from paydelay import SimulationSettings, load_config, simulate, train
    >>> book = simulate(SimulationSettings(customer_count=40, month_count=14, seed=3))
    >>> ledger = Ledger.from_frames(book.invoices, book.payments)
    >>> few = load_config({"model": {"tree_count": 5, "thread_count": 1}})
    >>> model = train(ledger, "2024-04-30", few, force=True)
    >>> with TemporaryDirectory() as place:
    ...     kept = score(ledger, model, "2024-06-30").keep(f"{place}/kept")
    ...     replay(kept, ledger, model).same
    True
    """
    kept = read_kept(folder)
    said = kept.manifest
    count = said["explained_count"]
    scores = score(
        ledger,
        model,
        kept.as_of,
        config=config or _settings_of(said),
        language=said["language"],
        explain="all" if count is None else count,
        order=said["order"],
        catalogue=catalogue,
        covariates=covariates,
    )
    return _beside(kept, scores)


def _beside(kept: Kept, scores: Scores) -> Replay:
    """What was kept beside what came out now, and all that either depends on."""
    said, origin = kept.manifest, scores._origin
    rows = _changed_rows(kept.books, origin, said["ledger_sha256"])
    books = _counts(rows)
    settings = _differing(said["settings"], origin.settings())
    then, now = said["versions"], origin.versions()
    software = {name: (then.get(name, ""), now.get(name, "")) for name in _differing(then, now)}
    differs = {
        "model": said["model_sha256"] != origin.model.content_sha256,
        "settings": bool(settings),
        "books": books.height > 0 or said["ledger_sha256"] != scores.ledger_sha256,
        "software": bool(software),
    }
    return Replay(
        as_of=kept.as_of,
        model_versions=(said["model_version"], origin.model.version),
        changed=tuple(name for name, changed in differs.items() if changed),
        settings=tuple(settings),
        software=software,
        books=books,
        rows=rows.filter(pl.col("change") != "removed"),
        invoices=_compared(kept, scores.frame, feature_rows(origin.panel)),
    )


def _settings_of(said: Mapping[str, Any]) -> Config:
    """The settings kept, but for those that come with the model."""
    stages: dict[str, dict[str, Any]] = {"loss": {}, "worklist": {}}
    for dotted, value in said["settings"].items():
        stage, _, name = dotted.partition(".")
        if stage in stages:
            stages[stage][name] = value
    return load_config(stages)


def _differing(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    now = json_values(now)
    return [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]


def _changed_rows(then: pl.DataFrame, origin: Origin, ledger_sha256: str) -> pl.DataFrame:
    """Rows of the books that are not as they were, with what those of today name."""
    now = origin.digests(ledger_sha256).with_columns(_names(origin))
    here, there = ["table", "row"], pl.int_range(pl.len()).over("table", "row").alias("copy")
    then, now = then.with_columns(there), now.with_columns(there)
    # Rows may repeat: a copy more is a row more.
    gone = then.join(now, on=[*here, "copy"], how="anti", maintain_order="left")
    new = now.join(then, on=[*here, "copy"], how="anti", maintain_order="left")
    copy = pl.int_range(pl.len()).over("table", "key").alias("copy")
    gone, new = gone.with_columns(copy), new.with_columns(copy)
    keyed = ["table", "key", "copy"]
    removed = gone.join(new, on=keyed, how="anti", maintain_order="left")
    was = gone.select(*keyed, was=pl.lit(value=True))
    told = new.join(was, on=keyed, how="left", maintain_order="left").with_columns(
        change=pl.when(pl.col("was")).then(pl.lit("altered")).otherwise(pl.lit("added"))
    )
    columns = ["table", "change", "invoice_id", "customer_id"]
    nameless = removed.select(
        "table",
        change=pl.lit("removed"),
        invoice_id=pl.lit(None, pl.String),
        customer_id=pl.lit(None, pl.String),
    )
    return pl.concat([told.select(columns), nameless])


def _names(origin: Origin) -> list[pl.Series]:
    """Invoice and customer of each row of the books, in the order of the fingerprints."""
    tables = origin.tables().values()
    return [
        pl.concat(
            [
                rows[name].cast(pl.String)
                if name in rows.columns
                else pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)
                for rows in tables
            ]
        ).alias(name)
        for name in ("invoice_id", "customer_id")
    ]


def _counts(rows: pl.DataFrame) -> pl.DataFrame:
    changes = [(pl.col("change") == name).sum().alias(name) for name in ("added", "removed", "altered")]
    return rows.group_by("table", maintain_order=True).agg(changes)


def _compared(kept: Kept, now: pl.DataFrame, features_now: pl.DataFrame) -> pl.DataFrame:
    """Each invoice, and what of it is exactly the same."""
    then = kept.scores
    named = {name for columns in COMPARED.values() for name in columns}
    rest = [name for name in then.columns if name in now.columns and name not in (*named, *_APART)]
    groups = {**COMPARED, "rest": tuple(rest)}
    both = then.join(
        now, on="invoice_id", how="full", suffix="_now", coalesce=True, maintain_order="left_right"
    )
    features = kept.features.join(
        features_now, on="invoice_id", how="full", suffix="_now", coalesce=True, maintain_order="left_right"
    )
    common = [name for name in kept.features.columns[2:] if name in features_now.columns]
    found = {f"same_{what}": _equal(both, columns) for what, columns in groups.items()}
    same = pl.all_horizontal(list(found))
    standing = (
        pl.when(pl.col("schema_version_now").is_null())
        .then(pl.lit("only_then"))
        .when(pl.col("schema_version").is_null())
        .then(pl.lit("only_now"))
        .when(same)
        .then(pl.lit("same"))
        .otherwise(pl.lit("different"))
    )
    figures = [
        pl.col(f"{name}{now_or_not}").alias(f"{name}{'_now' if now_or_not else '_then'}")
        for name in ("prob_late", "prob_unpaid", "expected_loss")
        for now_or_not in ("", "_now")
    ]
    found_too = found | {"same_rank": _equal(both, ("priority_rank",))}
    told = both.with_columns(**found_too).select(
        "invoice_id", standing.alias("standing"), *found_too, *figures
    )
    in_features = features.select("invoice_id", same_features=_equal(features, common))
    return told.join(in_features, on="invoice_id", how="left", maintain_order="left").select(
        "invoice_id", "standing", *found_too, "same_features", pl.col("^.*_(then|now)$")
    )


def _equal(both: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Whether some columns are equal to the last bit, row by row."""
    equal = pl.Series([True]).new_from_index(0, both.height)
    for name in columns:
        then, now = both[name], both[f"{name}_now"]
        if then.dtype.is_nested():
            equal &= pl.Series(
                [a == b for a, b in zip(then.to_list(), now.to_list(), strict=True)], dtype=pl.Boolean
            )
        else:
            equal &= then.eq_missing(now)
    return equal
