"""The ideas, each with its family, and today's model under five seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from calibrations import evenly_pulled, isotonic, platt, uncalibrated
from ceilings import hindsight, simulated_truth
from idea_columns import (
    RISING,
    RISING_SHRUNK,
    like_customers,
    like_invoices,
    pay_days,
    pulled,
    strongest,
    without_runs,
)
from origins import Origin, every, first_looks, flat, not_due, twice_a_week, window
from peers import (
    all_features,
    catboost_rows,
    cox,
    hazard,
    heads,
    histogram_rows,
    late_ratio,
    regression,
    runs_alone,
    runs_and_ratio,
    ten_features,
    xgboost_rows,
)
from recipes import Growth, Later, Map, Prediction, predict

from paydelay.config import Config
from paydelay.outcomes import Outcomes
from paydelay.panel import Panel
from paydelay.training import horizon_grid
from paydelay.training.pairs import Pairs

PLAIN = "as it is"


@dataclass(frozen=True)
class Idea:
    """A way to predict, or a blend of ideas named before it."""

    family: str
    name: str
    say: Callable[[Origin], Prediction] | None = None
    blend_of: tuple[str, ...] = ()
    quick: bool = False
    """Whether it is tried without --all."""
    same_booster: bool = False
    """Whether it does something else with the very booster of the first seed."""


def _grown(family: str, name: str, *, quick: bool = False, **parts: Any) -> Idea:
    return Idea(family, name, partial(_predict, (Growth(**parts),)), quick=quick)


def _predict(growths: tuple[Growth, ...], origin: Origin) -> Prediction:
    return predict(origin, growths)


def _set(name: str, *, quick: bool = False, **settings: Any) -> Idea:
    return _grown("tree shape", name, quick=quick, settings=tuple(settings.items()))


def _by_amount(power: float, panel: Panel, pairs: Pairs) -> np.ndarray:
    return np.maximum(panel.rows["open_amount_reporting"].to_numpy(), 1.0)[pairs.row] ** power


def _by_age(half_life_days: float, panel: Panel, pairs: Pairs) -> np.ndarray:
    return 0.5 ** ((panel.as_of_day.max() - panel.as_of_day[pairs.row]) / half_life_days)


def _by_standing(factor: float, panel: Panel, pairs: Pairs) -> np.ndarray:
    """A factor on the rows that are due."""
    return np.where(panel.rows["days_past_due"].to_numpy()[pairs.row] >= 0, factor, 1.0)


def _by_nearness(factor: float, panel: Panel, pairs: Pairs) -> np.ndarray:  # noqa: ARG001 - as the others
    """A factor on the pairs at the due date that fades within days of it."""
    return 1.0 + (factor - 1.0) * np.exp(-np.abs(pairs.horizon_days) / 3.0)


def _grid(horizons: tuple[int, ...], outcomes: Outcomes, config: Config) -> tuple[int, ...]:
    """The horizons named, and those that are always there; beyond two months as today."""
    far = {horizon for horizon in horizon_grid(outcomes, config) if horizon > 60}
    asked = {config.outcomes.grace_days, config.outcomes.unpaid_after_days}
    return tuple(sorted(set(horizons) | far | asked))


_COARSE = (-14, -7, -3, 0, 3, 7, 15, 30, 60)
_FINE = (*range(-30, 31), 35, 40, 45, 50, 60)


def _pulled(strength: float, origin: Origin, panel: Panel) -> Panel:  # noqa: ARG001 - as Growth calls it
    return pulled(panel, strength)


def _strongest(count: int, origin: Origin, panel: Panel) -> Panel:
    return strongest(origin, panel, count)


def _rows(take: Callable[..., Panel], days: int) -> Callable[[Origin], Panel]:
    return partial(_call, take, days)


def _call(take: Callable[..., Panel], days: int, origin: Origin) -> Panel:
    return take(origin, days)


def _calibrated(name: str, kind: Callable[[int, Later], Map]) -> Idea:
    def say(origin: Origin) -> Prediction:
        return predict(origin, calibrate=partial(kind, origin.late_days))

    return Idea("calibration", name, say, quick=True, same_booster=True)


SEEDS = tuple(Growth(settings=(("seed", seed),) if seed != 7 else ()) for seed in (7, 17, 27, 37, 47))
"""Today's model, and the same with other seeds of trees and drawn horizons."""
_NO_RUNS = ("horizon_days", "days_ahead")

IDEAS = (
    Idea("seeds", "5 seeds, mean margin", partial(_predict, SEEDS), quick=True),
    _grown("loss weights", "amount^0.25", weigh=partial(_by_amount, 0.25), quick=True),
    _grown("loss weights", "amount^0.5", weigh=partial(_by_amount, 0.5), quick=True),
    _grown("window", "90 days", rows=_rows(window, 90)),
    _grown("window", "180 days", rows=_rows(window, 180)),
    _grown("window", "365 days", rows=_rows(window, 365)),
    _grown("window", "540 days", rows=_rows(window, 540)),
    *(
        _grown("recency", f"half-life {days:.0f} days", weigh=partial(_by_age, days), quick=days == 180)
        for days in (90.0, 180.0, 365.0)
    ),
    _grown("row weights", "all rows alike", rows=flat, quick=True),
    _grown("row weights", "first look only", rows=first_looks),
    _grown("row weights", "rows not due only", rows=not_due, quick=True),
    _grown("pair weights", "due rows a quarter", weigh=partial(_by_standing, 0.25), quick=True),
    *(
        _grown("pair weights", f"late horizon {times:g} times", settings=(("late_weight", times),))
        for times in (1.0, 6.0, 10.0)
    ),
    _grown("pair weights", "near the due date 5 times", weigh=partial(_by_nearness, 5.0), quick=True),
    _grown("density", "every 14 days", rows=_rows(every, 14), quick=True),
    _grown("density", "twice a week", rows=twice_a_week, quick=True),
    _calibrated("none", uncalibrated),
    _calibrated("as free near the due date as beyond it", evenly_pulled),
    _calibrated("Platt", platt),
    _calibrated("isotonic, ties broken", isotonic),
    _grown("calibration", "latest 60 days", settings=(("calibration_days", 60),)),
    _grown("refit", "none: the first booster", refit=False, quick=True),
    _grown("monotone", "all late shares and delays", rising=RISING),
    _grown("monotone", "the pulled ones", rising=RISING_SHRUNK, quick=True),
    _set("leaves of 20 rows", leaf_rows_min=20),
    _set("leaves of 200 rows", leaf_rows_min=200),
    _set("depth 4, 15 leaves", depth_max=4, leaf_count=15),
    _set("depth 6, 31 leaves of 50", depth_max=6, leaf_count=31, leaf_rows_min=50),
    _set("rate 0.025", learning_rate=0.025, tree_count=1600),
    _set("rate 0.1", learning_rate=0.1),
    _set("a third of the features", feature_share=0.3),
    _set("penalty 30", l2_penalty=30.0),
    _grown("horizons", "coarse grid", horizons=partial(_grid, _COARSE), quick=True),
    _grown("horizons", "every day to 30", horizons=partial(_grid, _FINE)),
    _grown("shrinkage", "a quarter as strong", columns=partial(_pulled, 0.25)),
    _grown("shrinkage", "4 times as strong", columns=partial(_pulled, 4.0), quick=True),
    _grown("pooling", "customers that pay alike", columns=like_customers, quick=True),
    _grown("pooling", "like terms and weekdays", columns=like_invoices),
    _grown("payment runs", "pay days around the due date", columns=pay_days, quick=True),
    _grown("payment runs", "without any", columns=without_runs, horizon_columns=_NO_RUNS),
    Idea("payment runs", "alone: no pay day before due", runs_alone, quick=True),
    Idea("payment runs", "with the late ratio", partial(regression, runs_and_ratio), quick=True),
    _grown("fewer features", "the 40 strongest", columns=partial(_strongest, 40), quick=True),
    _grown("fewer features", "the 20 strongest", columns=partial(_strongest, 20)),
    Idea("core", "separate heads, uncalibrated", heads),
    Idea("core", "daily hazard, uncalibrated", hazard),
    Idea("peer", "smoothed late ratio", late_ratio, quick=True),
    Idea("peer", "regression, ten features", partial(regression, ten_features), quick=True),
    Idea("peer", "regression, all features", partial(regression, all_features)),
    Idea("peer", "Cox, ten features", cox, quick=True),
    _grown("peer", "XGBoost", quick=True, fitter=xgboost_rows),
    _grown("peer", "HistGradientBoosting", quick=True, fitter=histogram_rows),
    _grown("peer", "CatBoost", quick=True, fitter=catboost_rows),
    Idea("blend", "as it is + CatBoost", blend_of=(PLAIN, "CatBoost"), quick=True),
    Idea("blend", "as it is + CatBoost + XGBoost", blend_of=(PLAIN, "CatBoost", "XGBoost"), quick=True),
    Idea("ceiling", "hindsight: others due that day", hindsight, quick=True),
    Idea("ceiling", "the simulator's own truth", simulated_truth, quick=True),
)
