"""Figures of an idea over all origins of a ledger, and its paired differences from the plain model.

A figure is the mean over the origins, that of the plain model also over its seeds.
Intervals draw whole pairs of customer and week, the same for every origin and for
both sides: weeks that two origins score are drawn together. That holds what other
customers and weeks would do to the difference. What another seed would do is as
large, and is added: the spread of the plain model's figures over its seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from origins import Origin
from recipes import Prediction

from paydelay.intervals import Interval, cluster_bootstrap
from paydelay.metrics import AreaUnderCurve, CapturedValue
from paydelay.reliability import expected_calibration_error

FIGURES = {"auc": 1, "log_loss": -1, "brier": -1, "late_value": 1, "mae": -1, "log_loss_30": -1}
"""Figures with an interval: 1 where more is better, -1 where less is."""
REPLICATES = 200
TOP_SHARE = 0.2
_PROBABILITY_EDGE = 1e-6
_STUDENT = 2.776
"""97.5 % point of Student's t with 4 degrees of freedom, those of five seeds."""

Weighted = Callable[[np.ndarray], float]


@dataclass(frozen=True)
class Said:
    """What one idea says on one origin, ready to be weighted many times."""

    figures: dict[str, Weighted]
    ece: float


def said(origin: Origin, prediction: Prediction) -> Said:
    """Figures of a prediction as functions of the rows' weights.

    Parameters
    ----------
    origin : Origin
    prediction : Prediction

    Returns
    -------
    Said
        Without ``mae`` and ``log_loss_30`` where the idea has no curve.
    """
    probability, late = prediction.prob_late, origin.late
    captured = CapturedValue(origin.amount * late, probability * origin.amount, origin.judged.as_of_day)
    figures: dict[str, Weighted] = {
        "auc": AreaUnderCurve(probability, late),
        "log_loss": _mean(_losses(probability, late)),
        "brier": _mean((probability - late) ** 2),
        "late_value": lambda weight: captured(weight, top_share=TOP_SHARE),
    }
    if prediction.median_days is not None:
        errors = np.abs(prediction.median_days - origin.delay_days[origin.curve_rows])
        figures["mae"] = _mean(errors, origin.curve_rows)
    if prediction.prob_open_30 is not None:
        losses = _losses(prediction.prob_open_30, origin.open_30[origin.curve_rows])
        figures["log_loss_30"] = _mean(losses, origin.curve_rows)
    return Said(figures, expected_calibration_error(probability, late))


def _losses(probability: np.ndarray, came: np.ndarray) -> np.ndarray:
    clipped = np.clip(probability, _PROBABILITY_EDGE, 1.0 - _PROBABILITY_EDGE)
    return -(came * np.log(clipped) + (1.0 - came) * np.log1p(-clipped))


def _mean(values: np.ndarray, rows: np.ndarray | None = None) -> Weighted:
    def mean(weight: np.ndarray) -> float:
        weights = weight if rows is None else weight[rows]
        return float(weights @ values / weights.sum()) if weights.sum() > 0 else float("nan")

    return mean


class Clusters:
    """Pairs of customer and week over all origins, and where each origin's rows are.

    Parameters
    ----------
    pairs : sequence of list of (str, int)
        Customer and day of every row, by origin.
    """

    def __init__(self, pairs: Sequence[Sequence[tuple[str, int]]]) -> None:
        codes: dict[tuple[str, int], int] = {}
        self.code = np.array([codes.setdefault(pair, len(codes)) for part in pairs for pair in part])
        self._ends = np.cumsum([len(part) for part in pairs])[:-1]

    def by_origin(self, weight: np.ndarray) -> list[np.ndarray]:
        """Weights of each origin's rows."""
        return np.split(weight, self._ends)


def values(told: Sequence[Said], clusters: Clusters) -> dict[str, float]:
    """Every figure of one model: means over the origins."""
    parts = clusters.by_origin(np.ones(len(clusters.code)))
    return {name: _over(told, name, parts) for name in told[0].figures} | {
        "ece": float(np.mean([one.ece for one in told]))
    }


def _over(told: Sequence[Said], name: str, parts: Sequence[np.ndarray]) -> float:
    return float(np.mean([one.figures[name](part) for one, part in zip(told, parts, strict=True)]))


@dataclass(frozen=True)
class Plain:
    """The plain model, once for each seed.

    Parameters
    ----------
    seeds : sequence of sequence of Said
        By seed, then by origin.
    clusters : Clusters
    """

    seeds: Sequence[Sequence[Said]]
    clusters: Clusters

    @cached_property
    def _by_seed(self) -> list[dict[str, float]]:
        return [values(seed, self.clusters) for seed in self.seeds]

    @property
    def mean(self) -> dict[str, float]:
        """Mean figures over the seeds."""
        return {name: float(np.mean([seed[name] for seed in self._by_seed])) for name in self._by_seed[0]}

    @property
    def spread(self) -> dict[str, float]:
        """Standard deviation of the figures over the seeds; 0 where there is one seed only."""
        count = len(self._by_seed)
        return {
            name: float(np.std([seed[name] for seed in self._by_seed], ddof=1)) if count > 1 else 0.0
            for name in self._by_seed[0]
        }

    @property
    def first(self) -> Plain:
        """Its first seed alone: for ideas that share its very booster."""
        return Plain(self.seeds[:1], self.clusters)


def differences(told: Sequence[Said], plain: Plain, replicates: int = REPLICATES) -> dict[str, Interval]:
    """Each figure less that of the plain model, with its interval.

    Parameters
    ----------
    told : sequence of Said
        Of an idea, by origin.
    plain : Plain
    replicates : int
        Draws behind each interval.

    Returns
    -------
    dict of str to Interval
        Around the difference: half as wide as the bootstrap's, and the seeds' part, added as
        squares.
    """
    clusters, found = plain.clusters, {}
    for name in FIGURES:
        if name not in told[0].figures or name not in plain.mean:
            continue

        def difference(weight: np.ndarray, name: str = name) -> float:
            parts = clusters.by_origin(weight)
            theirs = [_over(seed, name, parts) for seed in plain.seeds]
            return _over(told, name, parts) - float(np.mean(theirs))

        drawn = cluster_bootstrap(clusters.code, difference, replicates)
        half = 0.5 * (drawn.high - drawn.low)
        # The idea was grown once, the plain model as often as it has seeds.
        chance = _STUDENT * plain.spread[name] * np.sqrt(1.0 + 1.0 / len(plain.seeds))
        reach = float(np.hypot(half, chance))
        found[name] = Interval(drawn.value, drawn.value - reach, drawn.value + reach)
    return found


def verdict(gaps: dict[str, Interval]) -> dict[str, Any]:
    """Which figures win and lose by more than their interval, and what follows.

    Kept is an idea of which at least one figure wins by more than its interval and none
    loses by more than its own.

    Examples
    --------
    >>> verdict({"auc": Interval(0.01, 0.002, 0.02), "brier": Interval(0.001, -0.001, 0.002)})
    {'wins': ['auc'], 'loses': [], 'kept': True}
    """
    better = {name: (gap.low > 0, gap.high < 0)[FIGURES[name] < 0] for name, gap in gaps.items()}
    worse = {name: (gap.high < 0, gap.low > 0)[FIGURES[name] < 0] for name, gap in gaps.items()}
    wins = [name for name, is_so in better.items() if is_so]
    loses = [name for name, is_so in worse.items() if is_so]
    return {"wins": wins, "loses": loses, "kept": bool(wins) and not loses}
