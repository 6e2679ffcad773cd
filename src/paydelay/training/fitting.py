"""The walk itself: panel, outcomes, fit, calibrate, judge, refit."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.calibration import MonotoneCalibration, fit_calibration
from paydelay.config import Config, ModelSettings
from paydelay.curve import PooledCurve
from paydelay.errors import QualityGateError, ThinLedgerError
from paydelay.features import CATALOGUE, Catalogue, own_declarations
from paydelay.history import EPOCH, History, cut_ledger, day_of
from paydelay.ledger import Ledger
from paydelay.loss import fit_loss_table
from paydelay.model import HORIZON_COLUMNS, DelayModel, horizon_matrix
from paydelay.outcomes import Outcomes, require_recorded
from paydelay.panel import Panel, as_date, build_panel, training_as_ofs
from paydelay.training.defaults import defaulted_invoices
from paydelay.training.gate import Gate, gate_sentence, judge, require_baseline
from paydelay.training.pairs import (
    Pairs,
    horizon_grid,
    pair_margins,
    pooled_curve,
    require_enough,
    training_pairs,
)
from paydelay.training.profile import training_profile
from paydelay.training.weeks import measured_shocks

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
_PULL_INVOICES = 50.0
_NEAR_PULL = 16.0


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
        If there is too little to learn from; it says what is missing.
    QualityGateError
        If the model does not beat the late ratio and ``force`` is not set.
    FeatureMismatchError
        If the catalogue lacks the baseline or a feature of the curve.

    Examples
    --------
    >>> from paydelay import SimulationSettings, load_config, simulate
    >>> book = simulate(SimulationSettings(customer_count=40, month_count=14, seed=3))
    >>> ledger = Ledger.from_frames(book.invoices, book.payments)
    >>> few = load_config({"model": {"tree_count": 5, "thread_count": 1}})
    >>> train(ledger, "2024-07-31", few, force=True).manifest["gate"]["late"]["passed"]
    False
    """
    require_baseline(catalogue.names)
    config, when = config or Config(), as_date(as_of)
    require_recorded(ledger, when)
    history = History.build(cut_ledger(ledger, when), config.ledger, covariates)
    outcomes = Outcomes.of(history, when, config.ledger)
    require_enough(history, outcomes, config)
    dates = training_as_ofs(history, when, config.panel)
    panel = build_panel(history, dates, catalogue)
    history.forget()
    horizons = horizon_grid(outcomes, config)
    asked = grace_days, unpaid_days = config.outcomes.grace_days, config.outcomes.unpaid_after_days
    calibration, gates, tree_count, crossed, later = _calibrate_and_gate(
        history, panel, outcomes, horizons, asked, dates, config
    )
    if not gates["late"].passed and not force:
        raise QualityGateError(gate_sentence(gates["late"]))
    pairs = training_pairs(panel, outcomes, horizons, np.ones(len(panel), np.bool_), asked, config.model.seed)
    booster_text, _ = _fit(panel, pairs, config, tree_count)
    pooled = pooled_curve(outcomes, horizons, config.model, gates["unpaid"].passed, unpaid_days, grace_days)
    defaults = defaulted_invoices(history, outcomes, unpaid_days)
    loss_table = fit_loss_table(*defaults, config.loss, unpaid_after_days=unpaid_days)
    manifest = _manifest(history, panel, outcomes, config, catalogue) | {
        "tree_count": tree_count,
        "gate": {name: gate.to_dict() for name, gate in gates.items()},
        "loss_table": loss_table.to_dict(),
        "unpaid_is_pooled": unpaid_days > pooled.supported_days,
        "cash_shocks": measured_shocks(crossed, panel, outcomes, later, config.model.seed).to_dict(),
    }
    parts = (booster_text, catalogue.names, horizons, calibration, pooled, manifest)
    return _profiled(DelayModel(*parts, config.model.thread_count), panel, crossed, outcomes, later)


def _fit(
    panel: Panel, pairs: Pairs, config: Config, tree_count: int, later: Pairs | None = None
) -> tuple[str, int]:
    """Booster on some pairs, as text, and its number of trees: the best on ``later``, if given."""
    from paydelay.estimator import LateClassifier

    if not pairs.can_be_learned:
        raise ThinLedgerError(
            "Too few rows have outcomes known by then to learn from; shorten panel.warm_up_days or give a "
            "longer ledger."
        )
    settings = config.model
    width = len(panel.feature_names)
    estimator = LateClassifier(
        **settings.model_dump(include=_BOOSTER_SETTINGS) | {"tree_count": tree_count},
        falling_columns=tuple(range(width, width + len(HORIZON_COLUMNS))),
        random_state=settings.seed,
    )

    def matrix(some: Pairs) -> NDArray[np.float32]:
        return horizon_matrix(panel.X[some.row], panel.feature_names, some.horizon_days)

    watched = None if later is None else (matrix(later), later.open_then, later.weight)
    weight = pairs.stressing(config.outcomes.grace_days, settings.late_weight).weight
    estimator.fit(matrix(pairs), pairs.open_then, sample_weight=weight, eval_set=watched)
    logger.info("fit: %d pairs, %d trees", len(pairs.row), estimator.tree_count_)
    text = estimator.booster_.model_to_string(num_iteration=estimator.tree_count_)
    return str(text), int(estimator.tree_count_)


def _calibration_days(dates: Sequence[date], settings: ModelSettings) -> int:
    """Length of the latest period that calibrates: a third of the panel where it is short."""
    span = (dates[-1] - dates[0]).days
    return int(min(settings.calibration_days, span // 3))


class _Proved(NamedTuple):
    """What the latest period leaves: the map, the judgement, and models that have not seen it."""

    calibration: MonotoneCalibration
    gates: dict[str, Gate]
    tree_count: int
    crossed: list[DelayModel]
    later: NDArray[np.bool_]


def _calibrate_and_gate(
    history: History,
    panel: Panel,
    outcomes: Outcomes,
    horizons: tuple[int, ...],
    asked: Sequence[int],
    dates: Sequence[date],
    config: Config,
) -> _Proved:
    """Fit on what was known at the split; calibrate and judge on later rows of other invoices.

    The number of trees is the one that does best there: too few leave the odds
    too timid on a large book, too many too bold on a small one.
    """
    seed = config.model.seed
    split = dates[-1] - timedelta(days=_calibration_days(dates, config.model))
    earlier = panel.as_of_day <= day_of(split)
    past = Outcomes.of(history, split, config.ledger)
    fitted = training_pairs(panel, past, horizons, earlier, asked, seed)
    seen = np.unique(panel.invoice[earlier])
    others = ~earlier & ~np.isin(panel.invoice, seen)
    later = training_pairs(panel, outcomes, horizons, others, asked, seed)
    # Without both outcomes later on, nothing says how many trees are too many: half as many are safer.
    trees_max = config.model.tree_count if later.can_be_learned else (config.model.tree_count + 1) // 2
    booster_text, tree_count = _fit(panel, fitted, config, trees_max, later if later.can_be_learned else None)
    model = DelayModel(
        booster_text,
        panel.feature_names,
        horizons,
        MonotoneCalibration.identity(),
        PooledCurve.flat(horizons),
        {},
        config.model.thread_count,
    )
    row, horizon, open_then, weight = later
    margin = pair_margins(model, panel, row, horizon, horizons)
    # A pull worth some invoices: the many looks at one invoice are no more than one piece of evidence.
    pull = _PULL_INVOICES * float(weight.sum()) / max(len(np.unique(panel.invoice[row])), 1)
    # Near the due date the booster has seen the same customers pay, and the latest period is one season.
    pulls = pull, _NEAR_PULL * pull
    calibration = fit_calibration(margin, horizon, open_then, weight, *pulls)
    half = (panel.invoice[row] % 2).astype(np.bool_)
    # Judged by the map fitted on the other half of the invoices: first the even, then the odd ones.
    judged, crossed = np.empty(len(row)), []
    for side in (~half, half):
        other = fit_calibration(margin[~side], horizon[~side], open_then[~side], weight[~side], *pulls)
        judged[side] = other.probability(margin[side], horizon[side])
        crossed.append(replace(model, calibration=other))
    gates = {}
    for name, days in zip(("late", "unpaid"), asked, strict=True):
        at = horizon == days
        gates[name] = judge(panel, row[at], judged[at], open_then[at], weight[at])
        logger.info("gate %s: AUC gain %.3f", name, gates[name].gain.value)
    return _Proved(calibration, gates, tree_count, crossed, ~earlier)


def _profiled(
    model: DelayModel,
    panel: Panel,
    crossed: Sequence[DelayModel],
    outcomes: Outcomes,
    later: NDArray[np.bool_],
) -> DelayModel:
    """The model with what later books are held against, probabilities as scoring would have given them."""
    days = model.manifest["outcomes"]
    asked = {"late": days["grace_days"], "unpaid": days["unpaid_after_days"]}
    even, odd = (replace(each, pooled=model.pooled, manifest={"outcomes": days}) for each in crossed)
    profile = training_profile(panel, (even, odd), model, outcomes, later, asked)
    return replace(model, manifest=model.manifest | {"profile": profile})


def _manifest(
    history: History, panel: Panel, outcomes: Outcomes, config: Config, catalogue: Catalogue
) -> dict[str, Any]:
    facts = history.invoices
    mature = (outcomes.due_day <= outcomes.mature_until(config.outcomes.grace_days)) & ~outcomes.cancelled
    late = mature & (outcomes.settled_day > outcomes.due_day + config.outcomes.grace_days)
    return {
        "trained_as_of": (EPOCH + timedelta(days=outcomes.labels_day)).isoformat(),
        "reporting_currency": history.ledger.reporting_currency,
        "ledger_sha256": history.ledger.fingerprint(),
        "outcomes": config.outcomes.model_dump(),
        "config": config.recorded(),
        "own_features": own_declarations(catalogue),
        "covariates": _looked_up(history),
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


def _looked_up(history: History) -> dict[str, dict[str, Any]]:
    """Dated tables of one's own: whose their values are, and which there are."""
    tables: dict[str, dict[str, Any]] = {}
    for (table, column), dated in sorted(history.covariates.items()):
        tables.setdefault(table, {"by": dated.by, "columns": []})["columns"].append(column)
    return tables


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
