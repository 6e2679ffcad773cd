"""The one path from a ledger to a model: panel, outcomes, fit, calibrate, gate, refit."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paydelay.calibration import Floats, MonotoneCalibration, fit_calibration
from paydelay.config import Config, ModelSettings
from paydelay.errors import QualityGateError, ThinLedgerError
from paydelay.features import CATALOGUE, Catalogue
from paydelay.history import NEVER, History, cut_ledger, day_of
from paydelay.ledger import Ledger
from paydelay.metrics import (
    AreaUnderCurve,
    Interval,
    brier_score,
    calibration_line,
    cluster_bootstrap,
    log_loss,
)
from paydelay.model import HORIZON_COLUMNS, DelayModel, PooledCurve, horizon_matrix
from paydelay.outcomes import Outcomes
from paydelay.panel import Panel, as_date, build_panel, training_as_ofs

logger = logging.getLogger(__name__)

SETTLED_MIN = 200
"""Settled invoices below which nothing is learned."""
LATE_MIN = 40
"""Late ones, and prompt ones, below which nothing is learned."""
HISTORY_MIN_DAYS = 150
"""Days from the first invoice to the training date."""
_PAIRS_MAX = 2_500_000
_HORIZONS_PER_ROW = 4
_FIXED_HORIZONS = (15, 30, 60, 90)
_COARSE = (35, 40, 45, 50, 60, 75, 90, 105, 120, 150, 180, 210, 240, 270, 300, 330, 360)
_HORIZON_COUNT_MAX = 40
_TAIL_RATE_PRIOR = 1.0 / 365.0


@dataclass(frozen=True)
class Gate:
    """Whether a probability beats the baseline, and by how much.

    Parameters
    ----------
    gain : Interval
        AUC less that of the smoothed late ratio on the same rows, bootstrapped
        by customer.
    figures : dict of str to float
        Plain measures on the same rows.
    passed : bool
        Whether the interval of the gain lies above zero.
    """

    gain: Interval
    figures: dict[str, float]
    passed: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the manifest."""
        return {"gain": self.gain.to_dict(), "figures": self.figures, "passed": self.passed}


def train(
    ledger: Ledger,
    as_of: date | str,
    config: Config | None = None,
    force: bool = False,
    catalogue: Catalogue = CATALOGUE,
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

    Returns
    -------
    DelayModel

    Raises
    ------
    ThinLedgerError
        If there is too little to learn from; the message says what is missing.
    QualityGateError
        If the model does not beat the smoothed late ratio and ``force`` is not set.
    """
    config = config or Config()
    when = as_date(as_of)
    history = History.build(cut_ledger(ledger, when), config.ledger)
    outcomes = Outcomes.of(history, when, config.ledger)
    _require_enough(history, outcomes, config)
    dates = training_as_ofs(history, when, config.panel)
    panel = build_panel(history, dates, catalogue)
    history.forget()
    horizons = horizon_grid(outcomes, config)
    split = when - timedelta(days=_calibration_days(dates, config.model))
    calibration, gates = _calibrate_and_gate(history, panel, outcomes, horizons, split, config)
    if not gates["late"].passed and not force:
        raise QualityGateError(_gate_sentence(gates["late"]))
    booster_text = _fit(panel, outcomes, horizons, np.ones(len(panel), np.bool_), config)
    unpaid_days = config.outcomes.unpaid_after_days
    pooled = pooled_curve(
        outcomes, horizons, config.model, trust_unpaid=gates["unpaid"].passed, unpaid_days=unpaid_days
    )
    manifest = _manifest(history, panel, outcomes, when, config, gates, catalogue)
    return DelayModel(
        booster_text, catalogue.names, horizons, calibration, pooled, manifest, config.model.thread_count
    )


def _require_enough(history: History, outcomes: Outcomes, config: Config) -> None:
    """Stop where a model could only be noise, and say what is missing."""
    delay = outcomes.delay_days(np.arange(len(history.invoices), dtype=np.int64))
    mature = outcomes.due_day <= outcomes.mature_until(config.outcomes.grace_days)
    late = int((mature & (delay > config.outcomes.grace_days)).sum())
    prompt = int((mature & (delay <= config.outcomes.grace_days)).sum())
    settled = int(np.isfinite(delay).sum())
    days = outcomes.labels_day - int(history.invoices.known_day.min()) if len(history.invoices) else 0
    missing = []
    if settled < SETTLED_MIN:
        missing.append(f"{settled} settled invoices of at least {SETTLED_MIN}")
    if late < LATE_MIN:
        missing.append(f"{late} late ones of at least {LATE_MIN}")
    if prompt < LATE_MIN:
        missing.append(f"{prompt} prompt ones of at least {LATE_MIN}")
    if days < HISTORY_MIN_DAYS:
        missing.append(f"{days // 30} months of history of at least {HISTORY_MIN_DAYS // 30}")
    if missing:
        raise ThinLedgerError(
            f"The ledger is too thin to learn from by the training date: it holds {', '.join(missing)}. "
            "Give a longer ledger or a later date."
        )


def horizon_grid(outcomes: Outcomes, config: Config) -> tuple[int, ...]:
    """Horizons of the delay curve: daily where this book's payments fall, coarser beyond.

    Parameters
    ----------
    outcomes : Outcomes
        Gives the delays that were observed.
    config : Config
        Grace, unpaid and cap, which are always horizons.

    Returns
    -------
    tuple of int
        Increasing, at most 40 of them or so.
    """
    settled = (outcomes.settled_day < NEVER) & ~outcomes.cancelled
    delays = (outcomes.settled_day - outcomes.due_day)[settled].astype(np.float64)
    cap = config.model.curve_cap_days
    fixed = {0, config.outcomes.grace_days, config.outcomes.unpaid_after_days, cap}
    fixed |= {h for h in _FIXED_HORIZONS if h <= cap}
    coarse = {h for h in _COARSE if h <= cap}
    inner = np.clip(np.quantile(delays, [0.01, 0.99]), -30, 30) if len(delays) else np.array([-7.0, 30.0])
    daily = np.arange(int(inner[0]), int(inner[1]) + 1)
    room = _HORIZON_COUNT_MAX - len(fixed | coarse)
    if len(daily) > room and len(delays):
        # Where days are many, the horizons go where the payments are.
        wanted = np.quantile(np.clip(delays, -30, 30), np.linspace(0.01, 0.99, room))
        daily = np.unique(np.rint(wanted).astype(np.int64))
    return tuple(sorted({int(day) for day in daily} | fixed | coarse))


def training_pairs(
    panel: Panel,
    outcomes: Outcomes,
    horizons: Sequence[int],
    rows: NDArray[np.bool_],
    grace_days: int,
    seed: int,
    all_horizons: bool = False,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], Floats]:
    """Pairs of a row and a horizon whose outcome is mature and was open on as_of.

    Each row gives the pair at the grace horizon, where it is usable, and three
    others drawn at random; which ones does not depend on any outcome.

    Returns
    -------
    row, horizon_days, open_then, weight : arrays of shape (n_pairs,)
    """
    chosen = np.flatnonzero(rows)
    grid = np.asarray(horizons, np.int64)
    labels = outcomes.labels(panel.invoice[chosen], panel.as_of_day[chosen], grid)
    usable = ~np.isnan(labels)
    if not all_horizons:
        generator = np.random.default_rng(seed)
        draw = generator.random(labels.shape, np.float32)
        draw[:, int(np.flatnonzero(grid == grace_days)[0])] = -1.0
        draw[~usable] = np.inf
        keep = min(_HORIZONS_PER_ROW, len(grid))
        limit = np.partition(draw, keep - 1, axis=1)[:, keep - 1]
        usable &= draw <= limit[:, None]
        surplus = usable.sum() / _PAIRS_MAX
        if surplus > 1.0:
            usable &= (generator.random(len(chosen)) < 1.0 / surplus)[:, None]
    at_row, at_horizon = np.nonzero(usable)
    row = chosen[at_row]
    return row, grid[at_horizon], labels[at_row, at_horizon], panel.weights[row]


def _fit(
    panel: Panel, outcomes: Outcomes, horizons: Sequence[int], rows: NDArray[np.bool_], config: Config
) -> str:
    """Booster on the pairs of some rows, as text."""
    from paydelay.estimator import LateClassifier

    settings = config.model
    row, horizon, open_then, weight = training_pairs(
        panel, outcomes, horizons, rows, config.outcomes.grace_days, settings.seed
    )
    matrix = horizon_matrix(panel.X[row], panel.feature_names, horizon)
    width = len(panel.feature_names)
    estimator = LateClassifier(
        **settings.model_dump(
            include={
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
        ),
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
    history: History, panel: Panel, outcomes: Outcomes, horizons: tuple[int, ...], split: date, config: Config
) -> tuple[MonotoneCalibration, dict[str, Gate]]:
    """Fit on what was known at the split; calibrate and judge on later rows of other invoices."""
    earlier = panel.as_of_day <= day_of(split)
    past = Outcomes.of(history, split, config.ledger)
    booster_text = _fit(panel, past, horizons, earlier, config)
    model = DelayModel(
        booster_text,
        panel.feature_names,
        horizons,
        MonotoneCalibration.identity(),
        _flat(horizons),
        {},
        config.model.thread_count,
    )
    seen = np.unique(panel.invoice[earlier])
    later = ~earlier & ~np.isin(panel.invoice, seen)
    row, horizon, open_then, weight = training_pairs(
        panel, outcomes, horizons, later, config.outcomes.grace_days, config.model.seed, all_horizons=True
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
    for name, days in (("late", config.outcomes.grace_days), ("unpaid", config.outcomes.unpaid_after_days)):
        at = horizon == days
        gates[name] = _gate(panel, row[at], judged[at], open_then[at], weight[at])
        logger.info("gate %s: AUC gain %.3f", name, gates[name].gain.value)
    return calibration, gates


def _flat(horizons: Sequence[int]) -> PooledCurve:
    return PooledCurve(np.array([0.0]), np.array([1.0]), _TAIL_RATE_PRIOR, max(horizons))


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


def _gate(
    panel: Panel, row: NDArray[np.int64], probability: Floats, open_then: NDArray[np.float32], weight: Floats
) -> Gate:
    """Paired gain of a probability over the smoothed late ratio, bootstrapped by customer."""
    outcome = open_then.astype(np.float64)
    if len(row) == 0 or outcome.min() == outcome.max():
        nothing = Interval(float("nan"), float("-inf"), float("inf"))
        return Gate(nothing, {"row_count": float(len(row))}, passed=False)
    ratio = panel.X[row, panel.feature_names.index("late_share_shrunk_365")].astype(np.float64)
    customer = panel.rows["customer_id"][row].rank("dense").to_numpy()
    ours, theirs = AreaUnderCurve(probability, outcome), AreaUnderCurve(ratio, outcome)
    gain = cluster_bootstrap(customer, lambda times: ours(times * weight) - theirs(times * weight))
    intercept, slope = calibration_line(probability, outcome, weight)
    figures = {
        "row_count": float(len(row)),
        "positive_count": float(outcome.sum()),
        "auc": ours(weight),
        "auc_late_ratio": theirs(weight),
        "log_loss": log_loss(probability, outcome, weight),
        "brier": brier_score(probability, outcome, weight),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
    }
    return Gate(gain, figures, passed=gain.low > 0.0)


def _gate_sentence(gate: Gate) -> str:
    if not np.isfinite(gate.gain.value):
        return (
            "The model could not be judged: the latest mature period holds too few invoices of both "
            "outcomes. Give a longer ledger, or force the model to be saved."
        )
    return (
        f"The model does not beat the customer's late ratio on the latest mature period: its AUC gain is "
        f"{gate.gain.value:+.3f} (95 % interval {gate.gain.low:+.3f} to {gate.gain.high:+.3f}), and the "
        "interval has to lie above zero. Give more history, or force the model to be saved."
    )


def pooled_curve(
    outcomes: Outcomes,
    horizons: Sequence[int],
    settings: ModelSettings,
    trust_unpaid: bool = True,
    unpaid_days: int = 90,
) -> PooledCurve:
    """The book's own curve, and the last horizon at which individuals can be told apart.

    Between two horizons the share that stays open is taken from the invoices
    mature at the later one, with one invoice of the earlier rate as prior.

    Parameters
    ----------
    outcomes : Outcomes
    horizons : sequence of int
    settings : ModelSettings
        Fewest invoices still open at a horizon to be told apart there.
    trust_unpaid : bool
        Whether the booster passed its gate at ``unpaid_days``.
    unpaid_days : int
    """
    grid = np.asarray(horizons, np.int64)
    due = outcomes.due_day.astype(np.int64)
    share, open_count = np.ones(len(grid)), np.zeros(len(grid))
    previous = int(grid[0]) - 1
    level = 1.0
    for column, horizon in enumerate(grid):
        mature = (due <= outcomes.mature_until(int(horizon))) & ~outcomes.cancelled
        before = float((mature & (outcomes.settled_day > due + previous)).sum())
        after = float((mature & (outcomes.settled_day > due + horizon)).sum())
        level *= (after + 0.9) / (before + 1.0) if before else 0.9
        share[column], open_count[column] = min(level, 1.0), after
        previous = int(horizon)
    enough = grid[open_count >= settings.unpaid_positives_min]
    supported = int(enough[-1]) if len(enough) else int(grid[0])
    if not trust_unpaid and supported >= unpaid_days:
        supported = int(grid[grid < unpaid_days][-1])
    span = np.searchsorted(grid, int(grid[-1]) // 2)
    fall = np.log(share[span] / share[-1]) / max(float(grid[-1] - grid[span]), 1.0)
    return PooledCurve(grid.astype(np.float64), share, float(np.clip(fall, 1e-4, 0.1)), supported)


def _manifest(
    history: History,
    panel: Panel,
    outcomes: Outcomes,
    when: date,
    config: Config,
    gates: dict[str, Gate],
    catalogue: Catalogue,
) -> dict[str, Any]:
    facts = history.invoices
    mature = (outcomes.due_day <= outcomes.mature_until(0)) & ~outcomes.cancelled
    late = mature & (outcomes.settled_day > outcomes.due_day)
    with np.errstate(invalid="ignore"):
        usual = np.nanmedian(np.where(np.isfinite(panel.X), panel.X, np.nan), axis=0)
    return {
        "trained_as_of": when.isoformat(),
        "reporting_currency": history.ledger.reporting_currency,
        "outcomes": config.outcomes.model_dump(),
        "config": config.model_dump(),
        "units": {feature.name: feature.unit for feature in catalogue},
        "usual": {
            name: None if np.isnan(value) else float(value)
            for name, value in zip(panel.feature_names, usual, strict=True)
        },
        "period": {
            "first_invoice": _iso(int(facts.issue_day.min())),
            "invoice_count": len(facts),
            "row_count": len(panel),
            "cancelled_share": float(outcomes.cancelled.mean()),
            "late_share": float(late.sum() / max(int(mature.sum()), 1)),
            "recording_lag_days": outcomes.recording_lag_days,
        },
        "gate": {name: gate.to_dict() for name, gate in gates.items()},
        "versions": {name: version(name) for name in ("paydelay", "lightgbm", "numpy", "polars")},
    }


def _iso(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()
