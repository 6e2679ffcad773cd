"""One call from a ledger to the proof: is the model worth anything, in money, and how surely."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from paydelay.backtest.comparing import best_baseline, gain, table
from paydelay.backtest.delays import coverage_by_fold, delay_slices, delays
from paydelay.backtest.judging import (
    BASELINES,
    SCORER,
    Judged,
    first_looks,
    judged_late,
    judged_unpaid,
    late_rows,
    unpaid_rows,
    without_largest,
)
from paydelay.backtest.replay import Replay, replay
from paydelay.backtest.tables import (
    CAME_MIN,
    by_book,
    by_slice,
    figures_with_intervals,
    lift,
    money,
    reliability,
    views,
)
from paydelay.backtest.verdict import MONEY, Verdict, plain, verdict_of
from paydelay.config import Config
from paydelay.errors import ThinLedgerError
from paydelay.features import CATALOGUE, Catalogue
from paydelay.files import replacing_file
from paydelay.folds import Fold, sampled_days, walk_back
from paydelay.history import History
from paydelay.ledger import Ledger
from paydelay.outcomes import Outcomes, last_recorded_day
from paydelay.panel import check_no_leak
from paydelay.preflight import pandas_frame

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

_SCHEMA_VERSION = 1
_GAINS = {
    "late": ("auc", "log_loss", "brier", "late_value_20", "late_days_value_20", "late_value_contacts"),
    "unpaid": ("auc", "log_loss", "brier", "unpaid_value_20", "lost_value_20", "unpaid_value_contacts"),
}


@dataclass(frozen=True)
class Backtest:
    """What a replay of the past proves.

    Parameters
    ----------
    rows : polars.DataFrame
        Every open invoice on every day of scoring, judged or not: see
        :class:`~paydelay.backtest.replay.Replay`.
    folds : tuple of Fold
        Training dates and the days scored after each.
    models : list of dict
        What is known of each fold's model.
    config : Config
        Settings of the run.
    reporting_currency : str
        Of every amount.
    tables : dict of str to polars.DataFrame
        ``counts`` (rows scored, judged, and why not), ``scorers``, ``intervals``, ``gains``,
        ``reliability``, ``lift``, ``money``, ``slices``, ``books``, ``delays``,
        ``delay_folds``, ``delay_slices``, ``drivers``. Where a table holds both, ``outcome`` tells ``late``
        from ``unpaid``.
    verdicts : dict of str to Verdict
        Of ``late``, and of ``unpaid`` where enough went unpaid to tell.
    """

    rows: pl.DataFrame = field(repr=False)
    folds: tuple[Fold, ...]
    models: list[dict[str, Any]] = field(repr=False)
    config: Config = field(repr=False)
    reporting_currency: str
    tables: dict[str, pl.DataFrame] = field(repr=False)
    verdicts: dict[str, Verdict]

    @property
    def verdict(self) -> Verdict:
        """Of money that comes late, which every book has enough of to tell."""
        return self.verdicts["late"]

    def to_pandas(self) -> dict[str, pd.DataFrame]:
        """Tables and scored rows as pandas frames.

        Returns
        -------
        dict of str to pandas.DataFrame
            Those of ``tables`` by name, and ``rows``.

        Raises
        ------
        MissingDependencyError
            If pandas or pyarrow is not installed.
        """
        return {name: pandas_frame(rows) for name, rows in (self.tables | {"rows": self.rows}).items()}

    def to_dict(self) -> dict[str, Any]:
        """Everything but the rows, as plain values for JSON.

        Returns
        -------
        dict
            ``schema_version``, ``reporting_currency``, ``verdicts``, ``folds``, ``models``,
            ``config`` and ``tables``, each a list of rows.
        """
        return {
            "schema_version": _SCHEMA_VERSION,
            "reporting_currency": self.reporting_currency,
            "verdicts": {name: verdict.to_dict() for name, verdict in self.verdicts.items()},
            "folds": [plain(vars(fold)) for fold in self.folds],
            "models": plain(self.models),
            "config": self.config.recorded(),
            "tables": {name: plain(found.to_dicts()) for name, found in self.tables.items()},
        }

    def write_json(self, path: str | Path) -> Path:
        """Write everything but the rows as one JSON file.

        Parameters
        ----------
        path : str or Path
            The file; replaced once the new one is whole.

        Returns
        -------
        Path
            The file.
        """
        place = Path(path)
        with replacing_file(place) as draft:
            draft.write(json.dumps(self.to_dict(), ensure_ascii=False, indent=1).encode("utf-8"))
        return place


def backtest(
    ledger: Ledger,
    config: Config | None = None,
    *,
    catalogue: Catalogue | Callable[[Ledger], Catalogue] = CATALOGUE,
    covariates: Mapping[str, pl.DataFrame] | None = None,
    told: Callable[[Fold], None] | None = None,
    kept_in: str | Path | None = None,
) -> Backtest:
    """Replay the past: train on what was known, score the books after, judge by what came.

    Parameters
    ----------
    ledger : Ledger
        The books; the last day they record is the day of judging.
    config : Config, optional
        Settings of every stage; ``config.backtest`` says which past is replayed.
    catalogue : Catalogue or callable
        Features to use. Those that read a ledger of their own accord are given as a
        function from a ledger to the catalogue, as :func:`~paydelay.check_no_leak` takes it.
    covariates : mapping of str to polars.DataFrame, optional
        Dated tables of one's own that the features look up.
    told : callable, optional
        Called with each fold before it begins.
    kept_in : str or Path, optional
        Folder that each fold is kept in once it is finished. A replay of the same ledger, settings
        and features that was stopped goes on from there.

    Returns
    -------
    Backtest

    Raises
    ------
    ThinLedgerError
        If there is too little history for one fold, or nothing to judge.
    LeakageError
        If a feature sees past its as_of date on one of the days looked at.

    Examples
    --------
    >>> from paydelay import SimulationSettings, load_config, simulate
    >>> book = simulate(SimulationSettings(customer_count=40, month_count=14, seed=3))
    >>> ledger = Ledger.from_frames(book.invoices, book.payments)
    >>> few = load_config({
    ...     "model": {"tree_count": 5, "thread_count": 1},
    ...     "backtest": {"fold_count": 1, "replicate_count": 20, "leak_check_count": 1}})
    >>> proof = backtest(ledger, few)
    >>> proof.verdict.book_count, proof.verdict.beats
    (4, False)
    """
    config = config or Config()
    labels_at = last_recorded_day(ledger)
    folds = folds_of(ledger, config)
    check_no_leak(ledger, sampled_days(folds, config.backtest), catalogue, config, covariates)
    features = catalogue if isinstance(catalogue, Catalogue) else catalogue(ledger)
    past = replay(
        ledger, folds, config, features, covariates, told, None if kept_in is None else Path(kept_in)
    )
    judged = {"late": judged_late(past.rows), "unpaid": judged_unpaid(past.rows)}
    late = judged["late"]
    if not _can_be_judged(late):
        raise ThinLedgerError(
            f"Of the {past.rows.height} rows that were scored, {len(late)} have an outcome that was known by "
            f"{labels_at}, {late.came.sum():.0f} of them late; {CAME_MIN} late and {CAME_MIN} prompt ones "
            "are needed, of two customers or more. Give a longer ledger, or raise backtest.lead_days."
        )
    if not _can_be_judged(judged["unpaid"]):
        del judged["unpaid"]
    tables = _tables(past, judged, config)
    return Backtest(
        rows=past.rows,
        folds=folds,
        models=past.models,
        config=config,
        reporting_currency=ledger.reporting_currency,
        tables=tables,
        verdicts=_verdicts(past.rows, judged, tables["scorers"].filter(view="all"), config),
    )


def _can_be_judged(judged: Judged) -> bool:
    """Whether there is enough of both outcomes to say anything."""
    rarer = min(judged.came.sum(), (1.0 - judged.came).sum()) if len(judged) else 0.0
    return bool(rarer >= CAME_MIN and len(np.unique(judged.customer)) > 1)


def folds_of(ledger: Ledger, config: Config) -> tuple[Fold, ...]:
    """The folds that a ledger has room for.

    Parameters
    ----------
    ledger : Ledger
        The books.
    config : Config
        Settings of the backtest, the outcomes and the recording lag.

    Returns
    -------
    tuple of Fold

    Raises
    ------
    ThinLedgerError
        If there is no room for one.
    """
    if ledger.invoices.is_empty():
        raise ThinLedgerError("The ledger holds no invoice; there is no past to replay.")
    first, labels_at = ledger.invoices["known_on"].min(), last_recorded_day(ledger)
    lag = Outcomes.of(History.build(ledger, config.ledger), labels_at, config.ledger).recording_lag_days
    return walk_back(first, labels_at, config.backtest, lag + config.outcomes.grace_days)  # type: ignore[arg-type]


def _tables(past: Replay, judged: Mapping[str, Judged], config: Config) -> dict[str, pl.DataFrame]:
    rows = {"late": late_rows(past.rows), "unpaid": unpaid_rows(past.rows)}
    parts: dict[str, list[pl.DataFrame]] = {}
    for outcome, some in judged.items():
        for name, found in _tables_of(outcome, some, rows[outcome], config):
            labelled = found.insert_column(0, pl.lit(outcome).alias("outcome"))
            parts.setdefault(name, []).append(labelled)
    tables = {name: pl.concat(found, how="diagonal_relaxed") for name, found in parts.items()}
    drivers = past.drivers.group_by("feature", "family", "cause").agg(pl.col("mean_log_odds").mean())
    return {
        "counts": counts(past.rows),
        **tables,
        "delays": delays(past.rows, config.backtest),
        "delay_folds": coverage_by_fold(past.rows, config.backtest),
        "delay_slices": delay_slices(past.rows, config.backtest),
        "drivers": drivers.sort("mean_log_odds", "feature", descending=[True, False]),
    }


def _verdicts(
    rows: pl.DataFrame, judged: Mapping[str, Judged], scorers: pl.DataFrame, config: Config
) -> dict[str, Verdict]:
    days = {"late": late_rows(rows)["as_of"], "unpaid": unpaid_rows(rows)["as_of"]}
    return {
        outcome: verdict_of(outcome, some, days[outcome], scorers.filter(outcome=outcome), config.backtest)
        for outcome, some in judged.items()
    }


def _tables_of(
    outcome: str, judged: Judged, rows: pl.DataFrame, config: Config
) -> list[tuple[str, pl.DataFrame]]:
    settings, scorer = config.backtest, SCORER[outcome]
    found: list[tuple[str, pl.DataFrame]] = []
    seen = views(judged, first_looks(judged), without_largest(judged))
    for name, (some, weight) in seen.items():
        if not len(some) or not 0.0 < some.came.mean() < 1.0:
            continue
        view = pl.lit(name).alias("view")
        scorers = table(some, settings.contact_count, weight)
        found.append(("scorers", scorers.insert_column(0, view)))
        ends = figures_with_intervals(some, scorer, settings, weight)
        found.append(("intervals", ends.insert_column(0, view)))
        if weight is None:
            found.append(("gains", _gains(outcome, some, scorers, config).insert_column(0, view)))
    whole = next(found for name, found in found if name == "scorers")
    best_auc = best_baseline(whole, "auc", BASELINES[outcome])
    best_money = best_baseline(whole, f"{MONEY[outcome]}_20", BASELINES[outcome])
    shown = tuple(dict.fromkeys((scorer, best_money, "largest_amount", "oldest_due", "oracle")))
    return [
        *found,
        ("reliability", reliability(judged, scorer, settings)),
        ("lift", lift(judged, shown)),
        ("money", money(judged, (scorer, "worklist", *shown[1:]), settings.contact_count)),
        ("slices", by_slice(judged, rows, scorer, best_auc, settings)),
        ("books", by_book(judged, rows["as_of"], scorer, (best_auc, best_money), settings.contact_count)),
    ]


def _gains(outcome: str, judged: Judged, scorers: pl.DataFrame, config: Config) -> pl.DataFrame:
    """Of every figure the gain over whichever baseline is best by it."""
    found = []
    for figure in _GAINS[outcome]:
        baseline = best_baseline(scorers, figure, BASELINES[outcome])
        gained = gain(judged, SCORER[outcome], baseline, figure, config.backtest)
        found.append(
            {"figure": figure, "baseline": baseline}
            | gained.interval.to_dict()
            | {"share_above": gained.share_above}
        )
    return pl.DataFrame(found).fill_nan(None)


def counts(rows: pl.DataFrame) -> pl.DataFrame:
    """How many rows were scored, how many judged, and why the others were not.

    Parameters
    ----------
    rows : polars.DataFrame
        As a replay gives them.

    Returns
    -------
    polars.DataFrame
        ``outcome``, ``reason`` and ``row_count``; the rows of an outcome add up to all
        that were scored. Reasons: ``judged``, ``known`` (due, written off or insolvent already
        on the day of scoring), ``not_ripe`` (wholly credited, or too close to the end).
    """
    late_known = (pl.col("days_past_due") >= 0) | pl.col("unpaid_known")
    reasons = {
        "late": pl.when(late_known).then(pl.lit("known")).when(pl.col("late").is_null()),
        "unpaid": pl.when(pl.col("unpaid_known")).then(pl.lit("known")).when(pl.col("unpaid_came").is_null()),
    }
    found = []
    for outcome, started in reasons.items():
        reason = started.then(pl.lit("not_ripe")).otherwise(pl.lit("judged"))
        sums = rows.group_by(reason=reason).agg(pl.len().cast(pl.Int64).alias("row_count"))
        found.append(sums.sort("reason").insert_column(0, pl.lit(outcome).alias("outcome")))
    return pl.concat(found)
