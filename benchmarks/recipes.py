"""A way to make a model, with the places where ideas differ; the plain one makes what ``train`` makes.

The walk is that of paydelay.training: fit on what was known at the split, choose the
number of trees and calibrate on later rows of other invoices, refit on all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from origins import DELAY_SPAN_DAYS, Origin

from paydelay.calibration import fit_calibration
from paydelay.config import Config, ModelSettings
from paydelay.history import EPOCH
from paydelay.model import HORIZON_COLUMNS, DelayModel, horizon_columns
from paydelay.outcomes import Outcomes
from paydelay.panel import Panel
from paydelay.training import horizon_grid, pooled_curve, training_pairs
from paydelay.training.pairs import Pairs

PULL_INVOICES = 50.0
NEAR_PULL = 16.0


class Prediction(NamedTuple):
    """What an idea says of the judged rows."""

    prob_late: np.ndarray
    median_days: np.ndarray | None = None
    """Of the origin's ``curve_rows``, kept inside DELAY_SPAN_DAYS."""
    tree_count: int | None = None
    prob_open_30: np.ndarray | None = None
    """Of the same rows: still open 30 days after the due date."""


class Learned(NamedTuple):
    """Margins of a booster by matrix, how many trees it has, and what each column brought."""

    margins: Callable[[np.ndarray], np.ndarray]
    tree_count: int
    gains: np.ndarray | None = None


class Rows(NamedTuple):
    """Matrix, outcomes and weights."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray


class Fitter(Protocol):
    """Fits rows; the number of trees is the best on later ones, where they are given."""

    def __call__(
        self, rows: Rows, later: Rows | None, settings: ModelSettings, falling: tuple[int, ...]
    ) -> Learned:
        """Fit."""
        ...


class Map(Protocol):
    """From margins and horizons to probabilities."""

    def probability(self, margin: np.ndarray, horizon_days: np.ndarray) -> np.ndarray:
        """Probability that the invoice is still open."""
        ...


class Later(NamedTuple):
    """Pairs that the first booster has not seen, with its margins."""

    margin: np.ndarray
    horizon_days: np.ndarray
    open_then: np.ndarray
    weight: np.ndarray
    pull: float


def lightgbm_rows(
    rows: Rows, later: Rows | None, settings: ModelSettings, falling: tuple[int, ...]
) -> Learned:
    """The booster of paydelay."""
    from paydelay.estimator import LateClassifier

    wanted = set(LateClassifier().get_params()) & set(ModelSettings.model_fields)
    estimator = LateClassifier(
        **settings.model_dump(include=wanted), falling_columns=falling, random_state=settings.seed
    )
    estimator.fit(rows.X, rows.y, sample_weight=rows.weight, eval_set=later)
    gains = estimator.booster_.feature_importance("gain")
    return Learned(estimator.decision_function, int(estimator.tree_count_), gains)


def own_calibration(later: Later) -> Map:
    """The map of paydelay."""
    pulls = later.pull, NEAR_PULL * later.pull
    return fit_calibration(later.margin, later.horizon_days, later.open_then, later.weight, *pulls)


@dataclass(frozen=True)
class Growth:
    """How the boosters are grown.

    Parameters
    ----------
    settings : tuple of (str, value)
        Settings of the model that differ from the origin's.
    rows : callable, optional
        From an origin to the panel that is learned from.
    weigh : callable, optional
        From a panel and pairs of it to a factor on the weights that the booster learns by.
    columns : callable, optional
        From an origin and a panel, of training or of the weekly books, to the panel
        with the columns that the booster sees.
    rising : tuple of str
        Features in which the probability of being late may only rise.
    horizon_columns : tuple of str
        Which of the columns of the horizon are used.
    horizons : callable, optional
        From outcomes and settings to the grid.
    refit : bool
        Whether the booster is grown again on all rows.
    fitter : callable
        What is grown.
    """

    settings: tuple[tuple[str, Any], ...] = ()
    rows: Callable[[Origin], Panel] | None = None
    weigh: Callable[[Panel, Pairs], np.ndarray] | None = None
    columns: Callable[[Origin, Panel], Panel] | None = None
    rising: tuple[str, ...] = ()
    horizon_columns: tuple[str, ...] = HORIZON_COLUMNS
    horizons: Callable[[Outcomes, Config], tuple[int, ...]] | None = None
    refit: bool = True
    fitter: Fitter = lightgbm_rows

    def matrix(self, panel: Panel, row: np.ndarray, horizon: np.ndarray) -> np.ndarray:
        """Columns of pairs: those of the row, then those of the horizon."""
        X = panel.X[row]
        ahead = horizon_columns(X, panel.feature_names, horizon).astype(np.float32)
        used = [HORIZON_COLUMNS.index(name) for name in self.horizon_columns]
        if self.rising:
            # The booster keeps columns falling: what is to rise is turned around.
            X[:, [panel.feature_names.index(name) for name in self.rising]] *= -1.0
        return np.concatenate([X, ahead[:, used]], axis=1)

    def seen(self, origin: Origin, panel: Panel) -> Panel:
        """A panel with the columns that the booster sees."""
        return panel if self.columns is None else self.columns(origin, panel)

    def falling(self, names: Sequence[str], width: int) -> tuple[int, ...]:
        """Positions of the columns in which the probability of being open may only fall."""
        turned = tuple(names.index(name) for name in self.rising)
        return turned + tuple(range(width - len(self.horizon_columns), width))


@dataclass(frozen=True)
class Grown:
    """What came of a growth: the later pairs, both boosters, and the grid."""

    growth: Growth
    later: Later
    first: Learned
    last: Learned
    horizons: tuple[int, ...]


@dataclass(frozen=True)
class Curves(DelayModel):
    """The delay model with margins that come from anywhere."""

    margins_of: Callable[[Panel, int], np.ndarray] = field(default=lambda panel, _: np.zeros(len(panel)))

    def margins(self, panel: Panel, horizons_days: Sequence[int] | None = None) -> np.ndarray:
        """Margins of rows whose horizon lies ahead, NaN elsewhere."""
        horizons = self.horizons_days if horizons_days is None else tuple(horizons_days)
        overdue = panel.rows["days_past_due"].to_numpy()
        margins = np.full((len(panel), len(horizons)), np.nan)
        for column, horizon in enumerate(horizons):
            ahead = overdue < horizon
            if ahead.any():
                margins[ahead, column] = self.margins_of(panel.take(ahead), horizon)
        return margins


def grow(origin: Origin, growth: Growth) -> Grown:
    """Both boosters of a growth; one that was grown on this origin is not grown again."""
    if growth in origin.grown:
        return origin.grown[growth]
    config = origin.config
    config = config.model_copy(update={"model": config.model.model_copy(update=dict(growth.settings))})
    panel = growth.seen(origin, origin.panel if growth.rows is None else growth.rows(origin))
    horizons = (growth.horizons or horizon_grid)(origin.outcomes, config)
    first, last = int(panel.as_of_day.min()), int(panel.as_of_day.max())
    split = last - min(config.model.calibration_days, (last - first) // 3)
    earlier = panel.as_of_day <= split
    past = Outcomes.of(origin.history, EPOCH + timedelta(days=split), config.ledger)
    seed = config.model.seed
    fitted = training_pairs(panel, past, horizons, earlier, origin.asked, seed)
    others = ~earlier & ~np.isin(panel.invoice, np.unique(panel.invoice[earlier]))
    later = training_pairs(panel, origin.outcomes, horizons, others, origin.asked, origin.config.model.seed)
    learns = later.can_be_learned
    trees = config.model.tree_count if learns else (config.model.tree_count + 1) // 2
    settings = config.model.model_copy(update={"tree_count": trees})
    watched = _rows(growth, panel, later)
    width = watched.X.shape[1]
    falling = growth.falling(panel.feature_names, width)

    def learned(pairs: Pairs) -> Rows:
        stressed = pairs.stressing(config.outcomes.grace_days, config.model.late_weight)
        return _rows(growth, panel, stressed, growth.weigh)

    early = growth.fitter(learned(fitted), watched if learns else None, settings, falling)
    final = early
    if growth.refit:
        every = np.ones(len(panel), np.bool_)
        pairs = training_pairs(panel, origin.outcomes, horizons, every, origin.asked, seed)
        settings = settings.model_copy(update={"tree_count": early.tree_count})
        final = growth.fitter(learned(pairs), None, settings, falling)
    invoices = max(len(np.unique(panel.invoice[later.row])), 1)
    pull = PULL_INVOICES * float(later.weight.sum()) / invoices
    margin = early.margins(watched.X)
    kept = Later(margin, later.horizon_days, later.open_then, later.weight, pull)
    origin.grown[growth] = Grown(growth, kept, early, final, horizons)
    return origin.grown[growth]


def _rows(
    growth: Growth,
    panel: Panel,
    pairs: Pairs,
    weigh: Callable[[Panel, Pairs], np.ndarray] | None = None,
) -> Rows:
    weight = pairs.weight
    if weigh is not None:
        factor = weigh(panel, pairs)
        # As much weight as before: the penalties of the booster count in it.
        weight = weight * factor * (weight.sum() / (weight * factor).sum())
    matrix = growth.matrix(panel, pairs.row, pairs.horizon_days)
    return Rows(matrix, pairs.open_then, weight)


def predict(
    origin: Origin,
    growths: Sequence[Growth] = (Growth(),),
    calibrate: Callable[[Later], Map] = own_calibration,
) -> Prediction:
    """What the mean margin of some growths says of the judged rows, calibrated as one.

    Parameters
    ----------
    origin : Origin
    growths : sequence of Growth
        With the same columns, on the same later pairs.
    calibrate : callable
        From the later pairs to a map.
    """
    grown = [grow(origin, growth) for growth in growths]
    later = grown[0].later._replace(margin=np.mean([one.later.margin for one in grown], axis=0))
    chart = calibrate(later)
    judged = growths[0].seen(origin, origin.books).take(origin.judged_rows)

    def margins_of(panel: Panel, horizon: int) -> np.ndarray:
        everyone, days = np.arange(len(panel)), np.full(len(panel), horizon)
        return np.mean([one.last.margins(one.growth.matrix(panel, everyone, days)) for one in grown], axis=0)

    late_days = np.array(origin.late_days)
    probability = chart.probability(margins_of(judged, origin.late_days), late_days)
    part = judged.take(origin.curve_rows)
    horizons = grown[0].horizons
    pooled = pooled_curve(origin.outcomes, horizons, origin.config.model, trust_unpaid=False)
    manifest = {"outcomes": origin.config.outcomes.model_dump()}
    model = Curves("", part.feature_names, horizons, chart, pooled, manifest, margins_of=margins_of)
    curve, overdue = model.survival(part), part.rows["days_past_due"].to_numpy()
    median = model.delay_quantile(curve, overdue, 0.5)
    # An invoice that is not expected to be paid at all counts as at the end of the span.
    median = np.clip(np.nan_to_num(median, nan=DELAY_SPAN_DAYS[1]), *DELAY_SPAN_DAYS)
    trees = int(np.mean([one.last.tree_count for one in grown]))
    return Prediction(
        probability, median, trees, model.open_share_at(curve, overdue, float(DELAY_SPAN_DAYS[1]))
    )


def remembered(place: Path, make: Callable[[], Prediction], resume: bool) -> Prediction:
    """A prediction, written to a file; read from it where that is wanted and it is there."""
    if resume and place.exists():
        with np.load(place) as found:
            parts = dict(found)
            return Prediction(**parts | {"tree_count": int(parts.get("tree_count", 0)) or None})
    said = make()
    place.parent.mkdir(parents=True, exist_ok=True)
    np.savez(place, **{name: value for name, value in said._asdict().items() if value is not None})
    return said
