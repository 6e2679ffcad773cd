"""Whether probabilities are as often right as they say: the calibration line and the calibration error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from paydelay.metrics import PROBABILITY_EDGE

Floats = NDArray[np.float64]

_STEPS_MAX = 100
_HALVINGS_MAX = 40
_DRAWS = 100
_SEED = 7
_NO_LINE = (float("nan"), float("nan"))


def calibration_line(
    probability: NDArray[np.floating],
    outcome: NDArray[np.floating],
    weight: NDArray[np.floating] | None = None,
) -> tuple[float, float]:
    """Intercept and slope of the outcome on the predicted log-odds.

    Parameters
    ----------
    probability, outcome : array of shape (n_rows,)
        Outcome is 1 or 0.
    weight : array of shape (n_rows,), optional
        Weights of the rows.

    Returns
    -------
    intercept, slope : float
        Both NaN where the likelihood has no single maximum: where one outcome only came, where
        every probability is the same, or where a threshold parts the outcomes, so that the
        steeper the line the better it fits.

    Notes
    -----
    Logistic regression (Cox 1958) by Newton's method, each step halved until the log-loss
    falls. A slope of 1 and an intercept of 0 mean that the odds are right; a slope below 1,
    that they are too extreme.

    Examples
    --------
    >>> said = np.repeat([0.2, 0.8], 10)
    >>> came = np.array([1] * 4 + [0] * 6 + [1] * 6 + [0] * 4)
    >>> intercept, slope = calibration_line(said, came)
    >>> abs(round(intercept, 6)), round(slope, 3)
    (0.0, 0.292)
    """
    weights = np.ones(len(probability)) if weight is None else np.asarray(weight, np.float64)
    kept = weights > 0.0
    weights, came = weights[kept], np.asarray(outcome, np.float64)[kept]
    clipped = np.clip(np.asarray(probability, np.float64)[kept], PROBABILITY_EDGE, 1.0 - PROBABILITY_EDGE)
    log_odds = np.log(clipped) - np.log1p(-clipped)
    if _is_parted(log_odds, came):
        return _NO_LINE
    middle = float(np.average(log_odds, weights=weights))
    spread = float(np.sqrt(np.average((log_odds - middle) ** 2, weights=weights)))
    # On a scale of its own a narrow spread of log-odds is as well conditioned as a wide one.
    level, rise = _fitted((log_odds - middle) / spread, came, weights / weights.sum(), (middle, spread))
    return level - rise * middle / spread, rise / spread


def _is_parted(log_odds: Floats, came: Floats) -> bool:
    """Whether a threshold parts the outcomes, ties on it allowed, so that no line is the best."""
    late, prompt = log_odds[came > 0.5], log_odds[came <= 0.5]
    if not len(late) or not len(prompt):
        return True
    return bool(late.min() >= prompt.max() or prompt.min() >= late.max())


def _fitted(x: Floats, came: Floats, weights: Floats, line: tuple[float, float]) -> tuple[float, float]:
    """Level and rise of the log-odds along x at which the mean log-loss is least."""
    level, rise = line
    margin = level + rise * x
    loss = _mean_loss(margin, came, weights)
    for _ in range(_STEPS_MAX):
        fitted = 0.5 * (1.0 + np.tanh(0.5 * margin))
        missed, curvature = weights * (came - fitted), weights * fitted * (1.0 - fitted)
        down, across = float(missed.sum()), float(missed @ x)
        bent, both, wide = float(curvature.sum()), float(curvature @ x), float(curvature @ (x * x))
        determinant = bent * wide - both * both
        if determinant <= 0.0:
            return _NO_LINE
        step = (wide * down - both * across) / determinant, (bent * across - both * down) / determinant
        for _ in range(_HALVINGS_MAX):
            margin = level + step[0] + (rise + step[1]) * x
            after = _mean_loss(margin, came, weights)
            # Next to the minimum the losses differ by rounding alone.
            if after <= loss + 1e-13:
                break
            step = 0.5 * step[0], 0.5 * step[1]
        else:
            return _NO_LINE
        level, rise, loss = level + step[0], rise + step[1], after
        if max(map(abs, step)) < 1e-9 * max(1.0, abs(level), abs(rise)):
            return level, rise
    return _NO_LINE


def _mean_loss(margin: Floats, came: Floats, weights: Floats) -> float:
    return float(weights @ (np.logaddexp(0.0, margin) - came * margin))


def expected_calibration_error(
    probability: NDArray[np.floating],
    outcome: NDArray[np.floating],
    weight: NDArray[np.floating] | None = None,
    bin_count: int = 15,
    debiased: bool = True,
) -> float:
    """Mean distance of predicted and observed rate over bins of equal mass.

    Parameters
    ----------
    probability, outcome : array of shape (n_rows,)
        Outcome is 1 or 0.
    weight : array of shape (n_rows,), optional
        Weights of the rows.
    bin_count : int
        Bins, each with the same weight of rows.
    debiased : bool
        Take from each bin's squared distance what chance alone adds to it.

    Returns
    -------
    float
        0 where every bin's rate is as predicted; NaN without rows.

    Notes
    -----
    A perfect forecast of n rows shows a squared distance of about
    rate (1 - rate) / (n - 1) in a bin by chance; this is subtracted, and what
    falls below zero counts as zero (after Kumar, Liang and Ma 2019, who sum the
    squares instead). Weighted rows count as their effective number. Rows that
    share an outcome are fewer than they seem, and leave some of the bias.

    Since no bin counts as less than zero, chance can only add: a perfect forecast
    has an error above 0 on average, which :func:`calibration_error_by_chance` tells, and
    no interval drawn of it reaches below 0. That an interval lies above 0 therefore does
    not show a forecast to be wrong; the slope and the intercept of :func:`calibration_line` can.

    Examples
    --------
    >>> probability = np.repeat([0.2, 0.8], 10)
    >>> outcome = np.array([0] * 8 + [1] * 2 + [0] * 4 + [1] * 6)
    >>> round(expected_calibration_error(probability, outcome, bin_count=2, debiased=False), 2)
    0.1
    >>> round(expected_calibration_error(probability, outcome, bin_count=2), 2)
    0.06
    """
    bins = _Bins.of(np.asarray(probability, np.float64), weight, bin_count)
    return bins.error(np.asarray(outcome, np.float64), debiased) if len(bins.rows) else float("nan")


def calibration_error_by_chance(
    probability: NDArray[np.floating],
    weight: NDArray[np.floating] | None = None,
    bin_count: int = 15,
    debiased: bool = True,
    fate: NDArray[np.integer] | None = None,
) -> float:
    """The calibration error that perfect probabilities would show on average, by chance alone.

    Parameters
    ----------
    probability : array of shape (n_rows,)
        Taken to be right.
    weight, bin_count, debiased
        As :func:`expected_calibration_error` takes them.
    fate : array of shape (n_rows,), optional
        Rows that share one outcome, such as those of one invoice scored on several days.

    Returns
    -------
    float
        NaN without rows.

    Notes
    -----
    The mean over 100 draws of the outcomes, always the same ones. Rows of one fate come
    together: where a draw lies below the probability of each. What rows share beyond that, such
    as a bad month of one customer, would add to it.

    Examples
    --------
    >>> said = np.linspace(0.05, 0.95, 2000)
    >>> round(calibration_error_by_chance(said), 3)
    0.014
    >>> round(calibration_error_by_chance(said, debiased=False), 3)
    0.03
    """
    said = np.asarray(probability, np.float64)
    bins = _Bins.of(said, weight, bin_count)
    if not len(bins.rows):
        return float("nan")
    fates = np.arange(len(said)) if fate is None else np.unique(fate, return_inverse=True)[1]
    generator, fate_count = np.random.default_rng(_SEED), int(fates.max()) + 1
    errors = [
        bins.error((generator.random(fate_count)[fates] < said).astype(np.float64), debiased)
        for _ in range(_DRAWS)
    ]
    return float(np.mean(errors))


class _Bins(NamedTuple):
    """Rows with weight by bins of equal mass, in the order of their probability."""

    rows: NDArray[np.int64]
    weights: Floats
    bins: NDArray[np.intp]
    predicted: Floats
    mass: Floats
    effective: Floats

    @classmethod
    def of(cls, said: Floats, weight: NDArray[np.floating] | None, bin_count: int) -> _Bins:
        given = np.ones(len(said)) if weight is None else np.asarray(weight, np.float64)
        rows = np.argsort(said, kind="stable")
        rows = rows[given[rows] > 0]
        weights = given[rows]
        middle = np.cumsum(weights) - 0.5 * weights
        places = (middle / max(weights.sum(), 1e-300) * bin_count).astype(np.int64)
        # Bins without a row fall away, so that none divides by nothing.
        _, bins = np.unique(np.minimum(places, bin_count - 1), return_inverse=True)
        mass = np.asarray(np.bincount(bins, weights), np.float64)
        predicted = np.bincount(bins, weights * said[rows]) / mass
        effective = mass**2 / np.bincount(bins, weights**2)
        return cls(rows, weights, bins, predicted, mass, effective)

    def error(self, came: Floats, debiased: bool) -> float:
        observed = np.bincount(self.bins, self.weights * came[self.rows]) / self.mass
        squared = (self.predicted - observed) ** 2
        if debiased:
            chance = observed * (1.0 - observed) / np.maximum(self.effective - 1.0, 1.0)
            squared = np.maximum(squared - chance, 0.0)
        return float(np.average(np.sqrt(squared), weights=self.mass))
