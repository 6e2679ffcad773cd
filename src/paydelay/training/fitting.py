"""The walk itself: panel, outcomes, fit, calibrate, judge, refit."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from importlib.metadata import version
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.calibration import Floats, MonotoneCalibration, fit_calibration
from paydelay.config import Config, ModelSettings
from paydelay.errors import QualityGateError, ThinLedgerError
from paydelay.features import CATALOGUE, Catalogue
from paydelay.history import EPOCH, History, cut_ledger, day_of
from paydelay.ledger import Ledger
from paydelay.loss import fit_loss_table
from paydelay.model import HORIZON_COLUMNS, DelayModel, PooledCurve, horizon_matrix
from paydelay.outcomes import Outcomes, require_recorded
from paydelay.panel import Panel, as_date, build_panel, training_as_ofs
from paydelay.training.defaults import defaulted_invoices
from paydelay.training.gate import Gate, gate_sentence, judge, require_baseline
from paydelay.training.pairs import horizon_grid, pooled_curve, require_enough, training_pairs

logger = logging.getLogger(__name__)

_BOOSTER_SETTINGS = {
    "bin_count",
    "tree_count",
    "learning_rate",
    "leaf_count",
    "depth_max",
    "leaf_rows_min",
    "feature_share",
    "row_share",
    "l2_penalty",
    "thread_count",
}
_USUAL_ROWS_MAX = 200_000


def train(
    ledger: Ledger,
    as_of: date | str,
    config: Config | None = None,
    force: bool = False,
    catalogue: Catalogue = CATALOGUE,
    covariates: Mapping[str, pl.DataFrame] | None = None,
) -> DelayModel:
    """Train a model on what was known at the close of a day.

    Parameters
    ----------
    ledger : Ledger
        The books; nothing recorded after ``as_of`` is used.
    as_of : date or ISO str
        Training date. Outcomes are labelled as known on it.
    config : Config, optional
        Settings; the defaults where None.
    force : bool
        Return the model even where it does not beat the baseline.
    catalogue : Catalogue
        Features to use.
    covariates : mapping of str to polars.DataFrame, optional
        Dated tables of one's own that the features look up.

    Returns
    -------
    DelayModel

    Raises
    ------
    ImmatureOutcomeError
        If ``as_of`` lies beyond what the ledger records.
    ThinLedgerError
        If there is too little to learn from; the message says what is missing.
    QualityGateError
        If the model does not beat the smoothed late ratio and ``force`` is not set.
    FeatureMismatchError
        If the catalogue lacks the baseline or a feature of the delay curve.

    Examples
    --------
    >>> from paydelay import SimulationSettings, load_config, simulate
    >>> book = simulate(SimulationSettings(customer_count=40, month_count=14, seed=3))
    >>> ledger = Ledger.from_frames(book.invoices, book.payments)
    >>> few = load_config({"model": {"tree_count": 5, "thread_count": 1}})
    >>> train(ledger, "2024-07-31", few, force=True).manifest["gate"]["late"]["passed"]
    False
    """
    config, when = config or Config(), as_date(as_of)
    require_baseline(catalogue.names)
    require_recorded(ledger, when)
    history = History.build(cut_ledger(ledger, when), config.ledger, covariates)
    outcomes = Outcomes.of(history, when, config.ledger)
    require_enough(history, outcomes, config)
    dates = training_as_ofs(history, when, config.panel)
    panel = build_panel(history, dates, catalogue)
    history.forget()
    horizons = horizon_grid(outcomes, config)
    calibration, gates = _calibrate_and_gate(history, panel, outcomes, horizons, dates, config)
    if not gates["late"].passed and not force:
        raise QualityGateError(gate_sentence(gates["late"]))
    booster_text = _fit(panel, outcomes, horizons, np.ones(len(panel), np.bool_), config)
    unpaid_days = config.outcomes.unpaid_after_days
    pooled = pooled_curve(
        outcomes, horizons, config.model, gates["unpaid"].passed, unpaid_days, config.outcomes.grace_days
    )
    loss_table = fit_loss_table(
        *defaulted_invoices(history, outcomes, unpaid_days), config.loss, unpaid_after_days=unpaid_days
    )
    manifest = _manifest(history, panel, outcomes, config, catalogue) | {
        "trained_as_of": when.isoformat(),
        "gate": {name: gate.to_dict() for name, gate in gates.items()},
        "loss_table": loss_table.to_dict(),
        "unpaid_is_pooled": unpaid_days > pooled.supported_days,
    }
    return DelayModel(
        booster_text, catalogue.names, horizons, calibration, pooled, manifest, config.model.thread_count
    )


def _fit(
    panel: Panel, outcomes: Outcomes, horizons: Sequence[int], rows: NDArray[np.bool_], config: Config
) -> str:
    """Booster on the pairs of some rows, as text."""
    from paydelay.estimator import LateClassifier

    settings = config.model
    row, horizon, open_then, weight = training_pairs(
        panel, outcomes, horizons, rows, [config.outcomes.grace_days], settings.seed
    )
    if len(row) == 0 or open_then.min() == open_then.max():
        raise ThinLedgerError(
            "Too few rows have outcomes known by then to learn from; shorten panel.warm_up_days or give a "
            "longer ledger."
        )
    matrix = horizon_matrix(panel.X[row], panel.feature_names, horizon)
    width = len(panel.feature_names)
    estimator = LateClassifier(
        **settings.model_dump(include=_BOOSTER_SETTINGS),
        falling_columns=tuple(range(width, width + len(HORIZON_COLUMNS))),
        random_state=settings.seed,
    )
    estimator.fit(matrix, open_then, sample_weight=weight)
    logger.info("fit: %d pairs of %d rows, %d trees", len(row), int(rows.sum()), settings.tree_count)
    return str(estimator.booster_.model_to_string())


def _calibration_days(dates: Sequence[date], settings: ModelSettings) -> int:
    """Length of the latest period that calibrates: a third of the panel where it is short."""
    span = (dates[-1] - dates[0]).days
    return int(min(settings.calibration_days, span // 3))


def _calibrate_and_gate(
    history: History,
    panel: Panel,
    outcomes: Outcomes,
    horizons: tuple[int, ...],
    dates: Sequence[date],
    config: Config,
) -> tuple[MonotoneCalibration, dict[str, Gate]]:
    """Fit on what was known at the split; calibrate and judge on later rows of other invoices."""
    split = dates[-1] - timedelta(days=_calibration_days(dates, config.model))
    earlier = panel.as_of_day <= day_of(split)
    past = Outcomes.of(history, split, config.ledger)
    booster_text = _fit(panel, past, horizons, earlier, config)
    model = DelayModel(
        booster_text,
        panel.feature_names,
        horizons,
        MonotoneCalibration.identity(),
        PooledCurve.flat(horizons),
        {},
        config.model.thread_count,
    )
    seen = np.unique(panel.invoice[earlier])
    later = ~earlier & ~np.isin(panel.invoice, seen)
    judged_at = {"late": config.outcomes.grace_days, "unpaid": config.outcomes.unpaid_after_days}
    row, horizon, open_then, weight = training_pairs(
        panel, outcomes, horizons, later, list(judged_at.values()), config.model.seed
    )
    margin = _pair_margins(model, panel, row, horizon, horizons)
    calibration = fit_calibration(margin, horizon, open_then, weight)
    half = (panel.invoice[row] % 2).astype(np.bool_)
    # Judged by the map fitted on the other half of the invoices.
    judged = np.empty(len(row))
    for side in (half, ~half):
        crossed = fit_calibration(margin[~side], horizon[~side], open_then[~side], weight[~side])
        judged[side] = crossed.probability(margin[side], horizon[side])
    gates = {}
    for name, days in judged_at.items():
        at = horizon == days
        gates[name] = judge(panel, row[at], judged[at], open_then[at], weight[at])
        logger.info("gate %s: AUC gain %.3f", name, gates[name].gain.value)
    return calibration, gates


def _pair_margins(
    model: DelayModel,
    panel: Panel,
    row: NDArray[np.int64],
    horizon: NDArray[np.int64],
    horizons: Sequence[int],
) -> Floats:
    """Raw margin of each pair."""
    margin = np.empty(len(row))
    for days in horizons:
        at = np.flatnonzero(horizon == days)
        if len(at):
            margin[at] = model.margins(panel.take(row[at]), [days])[:, 0]
    return margin


def _manifest(
    history: History, panel: Panel, outcomes: Outcomes, config: Config, catalogue: Catalogue
) -> dict[str, Any]:
    facts = history.invoices
    mature = (outcomes.due_day <= outcomes.mature_until(config.outcomes.grace_days)) & ~outcomes.cancelled
    late = mature & (outcomes.settled_day > outcomes.due_day + config.outcomes.grace_days)
    return {
        "reporting_currency": history.ledger.reporting_currency,
        "outcomes": config.outcomes.model_dump(),
        # How many threads a machine has is nothing a model should carry to the next.
        "config": config.model_dump(exclude={"model": {"thread_count"}}),
        "units": {feature.name: feature.unit for feature in catalogue},
        "usual": usual_values(panel, catalogue),
        "period": {
            "first_invoice": (EPOCH + timedelta(days=int(facts.issue_day.min()))).isoformat(),
            "invoice_count": len(facts),
            "row_count": len(panel),
            "cancelled_share": float(outcomes.cancelled.mean()),
            "late_share": float(late.sum() / max(int(mature.sum()), 1)),
            "recording_lag_days": outcomes.recording_lag_days,
        },
        "versions": {name: version(name) for name in ("paydelay", "lightgbm", "numpy", "polars")},
    }


def usual_values(panel: Panel, catalogue: Catalogue) -> dict[str, float | None]:
    """Median over the panel of what may be told of each feature, None where it is never known.

    Parameters
    ----------
    panel : Panel
        Rows of the training panel; many are thinned out.
    catalogue : Catalogue
        The features of its columns.

    Returns
    -------
    dict
        Feature to median.
    """
    every = max(1, len(panel) // _USUAL_ROWS_MAX)
    told = catalogue.observed(panel.X[::every])
    usual: dict[str, float | None] = {}
    for column, name in enumerate(panel.feature_names):
        known = told[~np.isnan(told[:, column]), column]
        usual[name] = float(np.median(known)) if len(known) else None
    return usual
