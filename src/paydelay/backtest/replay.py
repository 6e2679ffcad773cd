"""The past replayed: every fold trains on what was known, and scores the open books after it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from paydelay.backtest.baselines import BASELINE_FEATURES, baselines
from paydelay.backtest.kept import FoldReplay, KeptFolds
from paydelay.calibration import Floats
from paydelay.config import Config, booster_threads
from paydelay.errors import FeatureMismatchError, ThinLedgerError
from paydelay.explain import contributions, fold_horizon
from paydelay.features import CATALOGUE, Catalogue
from paydelay.folds import Fold
from paydelay.history import History, cut_ledger, day_of
from paydelay.ledger import Ledger
from paydelay.metrics import curve_score
from paydelay.model import HORIZON_COLUMNS, DelayModel, horizon_matrix, lost_rows
from paydelay.outcomes import Outcomes
from paydelay.panel import Panel, build_panel
from paydelay.scoring import score
from paydelay.training import train

logger = logging.getLogger(__name__)

_KEPT = (
    *("as_of", "invoice_id", "customer_id", "segment", "due_date", "days_past_due"),
    *("open_amount_reporting", "written_off"),
)
_SLICED = {"settled_count_all": "settled_count", "customer_age_days": "customer_age_days"}
_QUEUED = ("expected_loss", "value_at_stake", "set_aside", "priority_rank")
_EXPLAINED_MAX = 2_000
LATE_DAYS_CAP = 180
"""Days late beyond which one invoice's money is not counted any longer."""


class Replay(NamedTuple):
    """What a replay leaves behind.

    Parameters
    ----------
    rows : polars.DataFrame
        One row per fold, day and open invoice: identity, what every scorer said
        (``model``, ``unpaid``, delays, ``expected_loss``, the queue's ``priority_rank`` and
        baselines by name) and what came. ``late``, ``unpaid_came`` and ``delay_days`` are
        null where they are not ripe, or were out on the day (``unpaid_known``);
        ``late_days``, up to 180, and ``lost_amount`` are as of the day of judging.
    models : list of dict
        What the manifest of each fold's model says of its training.
    drivers : polars.DataFrame
        ``fold``, ``feature``, ``family``, ``cause`` and ``mean_log_odds``: by how much
        each feature moved the log-odds of being late, up or down, over the fold's rows.
    """

    rows: pl.DataFrame
    models: list[dict[str, Any]]
    drivers: pl.DataFrame


def replay(
    ledger: Ledger,
    folds: Sequence[Fold],
    config: Config,
    catalogue: Catalogue = CATALOGUE,
    covariates: Mapping[str, pl.DataFrame] | None = None,
    told: Callable[[Fold], None] | None = None,
    kept_in: Path | None = None,
) -> Replay:
    """Every open invoice on every day of scoring: what was said of it then, and what came.

    Parameters
    ----------
    ledger : Ledger
        The books, to the end.
    folds : sequence of Fold
        Training dates and the days scored after each.
    config : Config
        Settings of every stage.
    catalogue : Catalogue
        Features to use.
    covariates : mapping of str to polars.DataFrame, optional
        Dated tables of one's own that the features look up.
    told : callable, optional
        Called with each fold before it begins.
    kept_in : Path, optional
        Folder that each fold is kept in once it is finished; those it holds are not replayed.

    Returns
    -------
    Replay

    Raises
    ------
    ThinLedgerError
        If the ledger is too thin to train on by the day of a fold.
    FeatureMismatchError
        If the catalogue lacks a feature of the baselines or of a slice.
    """
    _require_judged(catalogue)
    history = History.build(ledger, config.ledger, covariates)
    kept = KeptFolds(kept_in, ledger, config, catalogue, covariates)
    parts = []
    for fold in folds:
        part = kept.read(fold)
        if part is None:
            if told is not None:
                told(fold)
            part = _replayed(ledger, history, fold, config, catalogue, covariates)
            kept.keep(fold, part)
        parts.append(part)
    rows, models, drivers = zip(*parts, strict=True)
    return Replay(pl.concat(rows), list(models), pl.concat(drivers))


def _require_judged(catalogue: Catalogue) -> None:
    """Refuse a catalogue without what the baselines say and what rows are sliced by, before any training."""
    needed = dict.fromkeys((*BASELINE_FEATURES, *_SLICED))
    missing = [name for name in needed if name not in catalogue.names]
    if missing:
        raise FeatureMismatchError(
            f"The baselines and slices of a backtest need {', '.join(missing)}, which the catalogue lacks; "
            "add them from pdl.CATALOGUE."
        )


def _replayed(
    ledger: Ledger,
    history: History,
    fold: Fold,
    config: Config,
    catalogue: Catalogue,
    covariates: Mapping[str, pl.DataFrame] | None,
) -> FoldReplay:
    """One fold: a model trained on what was known, and the books after it."""
    trained = _windowed(config, history, fold)
    model = _trained(ledger, fold, trained, catalogue, covariates)
    past = History.build(cut_ledger(ledger, fold.train_as_of), config.ledger, covariates)
    panel = build_panel(history, fold.as_ofs, catalogue)
    outcomes = Outcomes.of(history, fold.labels_at, config.ledger)
    rows = _rows(history, past, fold, panel, model, outcomes, trained)
    queued = [
        score(ledger, model, day, explain="none", catalogue=catalogue, covariates=covariates).frame
        for day in fold.as_ofs
    ]
    queues = pl.concat(queued).select("as_of", "invoice_id", *_QUEUED)
    drivers = _drivers(model, panel, catalogue).insert_column(0, pl.lit(fold.number).alias("fold"))
    facts = {name: model.manifest[name] for name in ("period", "gate", "tree_count", "unpaid_is_pooled")}
    logger.info("fold %d: trained as of %s, %d rows", fold.number, fold.train_as_of, len(panel))
    return FoldReplay(
        rows.join(queues, on=["as_of", "invoice_id"], how="left", maintain_order="left"),
        {"fold": fold.number, "train_as_of": fold.train_as_of.isoformat()} | facts,
        drivers,
    )


def _trained(
    ledger: Ledger,
    fold: Fold,
    config: Config,
    catalogue: Catalogue,
    covariates: Mapping[str, pl.DataFrame] | None,
) -> DelayModel:
    """The fold's model; where the ledger is too thin by its day, what a backtest can do about it."""
    try:
        return train(ledger, fold.train_as_of, config, True, catalogue, covariates)
    except ThinLedgerError as error:
        raise ThinLedgerError(
            f"Fold {fold.number} cannot be trained as of {fold.train_as_of}. {error} In a backtest: lower "
            "backtest.fold_count, or raise backtest.history_min_days."
        ) from error


def _windowed(config: Config, history: History, fold: Fold) -> Config:
    """The settings of a fold's training: an expanding window reaches back to the first day."""
    if config.backtest.window == "sliding" or not len(history.invoices):
        return config
    days = max(day_of(fold.train_as_of) - int(history.invoices.known_day.min()), config.panel.history_days)
    return config.model_copy(update={"panel": config.panel.model_copy(update={"history_days": days})})


def _rows(
    history: History,
    past: History,
    fold: Fold,
    panel: Panel,
    model: DelayModel,
    outcomes: Outcomes,
    config: Config,
) -> pl.DataFrame:
    late_days, unpaid_days = config.outcomes.grace_days, config.outcomes.unpaid_after_days
    overdue = panel.rows["days_past_due"].to_numpy()
    curve = model.survival(panel)
    late, unpaid = outcomes.labels(
        panel.invoice, panel.as_of_day, np.array([late_days, unpaid_days])
    ).T.astype(np.float64)
    delay = _delays(outcomes, panel, config.backtest.delay_cap_days)
    simple = baselines(history, past, fold.train_as_of, panel, model.manifest["period"]["late_share"], config)
    lost = lost_rows(panel)
    low, high = model.delay_interval(curve, overdue, lost)
    capped, horizons = _up_to(model, curve, config.backtest.delay_cap_days)
    said = {
        "model": model.open_share_at(curve, overdue, float(late_days)),
        "unpaid": model.open_share_at(curve, overdue, float(unpaid_days)),
        "delay_median": model.delay_quantile(curve, overdue, 0.5, lost),
        "delay_10": model.delay_quantile(curve, overdue, 0.9, lost_rows(panel)),
        "delay_90": model.delay_quantile(curve, overdue, 0.1, lost_rows(panel)),
        "delay_low": low,
        "delay_high": high,
        "curve_score": np.where(np.isnan(delay), np.nan, curve_score(horizons, capped, overdue, delay)),
        **simple.probabilities,
        **simple.unpaid,
        **simple.orders,
        "always_0": simple.median_days["always_0"],
    }
    came = {"late": late, "unpaid_came": unpaid, "delay_days": delay}
    came |= _money(history, outcomes, panel)
    lost = panel.rows["written_off"].to_numpy() | panel.rows["insolvent_on"].is_not_null().to_numpy()
    came["unpaid_known"] = (overdue >= unpaid_days) | lost
    sliced = {name: _feature(panel, feature) for feature, name in _SLICED.items()}
    return panel.rows.select(pl.lit(fold.number, dtype=pl.Int32).alias("fold"), *_KEPT).with_columns(
        **{name: pl.Series(values, nan_to_null=True) for name, values in (sliced | said | came).items()}
    )


def _money(history: History, outcomes: Outcomes, panel: Panel) -> dict[str, Floats]:
    """Days late and money still out by the day of judging, whether or not more is to come."""
    so_far = (outcomes.labels_day - outcomes.due_day[panel.invoice]).astype(np.float64)
    delay = outcomes.delay_days(panel.invoice)
    then = history.state_row(panel.invoice, panel.as_of_day)
    last = history.state_row(panel.invoice, np.full(len(panel), outcomes.labels_day))
    left = history.states.open[last] / np.maximum(history.states.open[then], 1)
    amount = panel.rows["open_amount_reporting"].to_numpy()
    return {
        "late_days": np.clip(np.minimum(delay, so_far), 0.0, LATE_DAYS_CAP),
        "lost_amount": amount * np.clip(left, 0.0, 1.0),
    }


def _drivers(model: DelayModel, panel: Panel, catalogue: Catalogue) -> pl.DataFrame:
    """By how much each feature moves the log-odds of being late, on average over some rows."""
    rows = np.flatnonzero(panel.rows["days_past_due"].to_numpy() < 0)
    rows = rows[:: max(1, len(rows) // _EXPLAINED_MAX)]
    names, width = model.feature_names, len(model.feature_names)
    matrix = horizon_matrix(
        panel.matrix(names)[rows], names, np.array(model.manifest["outcomes"]["grace_days"])
    )
    phi, base = contributions(model.booster, matrix, thread_count=booster_threads(model.thread_count))
    phi, _ = fold_horizon(phi, base, range(width, width + len(HORIZON_COLUMNS)))
    features = catalogue.select(names).features
    return pl.DataFrame(
        {
            "feature": list(names),
            "family": [feature.family for feature in features],
            "cause": [feature.cause for feature in features],
            "mean_log_odds": np.abs(phi).mean(axis=0) if len(rows) else np.zeros(width),
        }
    )


def _up_to(model: DelayModel, curve: Floats, cap_days: int) -> tuple[Floats, Floats]:
    """The curve at the horizons up to a cap, which is one of them."""
    horizons = np.array(model.horizons_days, np.float64)
    kept = horizons < cap_days
    at_cap = np.array([np.interp(cap_days, horizons, row) for row in curve]) if len(curve) else np.empty(0)
    return np.column_stack([curve[:, kept], at_cap]), np.append(horizons[kept], cap_days)


def _delays(outcomes: Outcomes, panel: Panel, cap_days: int) -> Floats:
    """Delay of each row, infinite beyond the cap; NaN where the cap is not mature, known or cancelled."""
    mature = outcomes.labels(panel.invoice, panel.as_of_day, np.array([cap_days]))[:, 0]
    delay = outcomes.delay_days(panel.invoice)
    return np.where(np.isnan(mature), np.nan, np.where(delay > cap_days, np.inf, delay))


def _feature(panel: Panel, name: str) -> Floats:
    return panel.X[:, panel.feature_names.index(name)].astype(np.float64)
