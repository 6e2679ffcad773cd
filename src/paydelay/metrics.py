"""Measures of a probability against what happened, plain and by bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paydelay.preflight import importing

Floats = NDArray[np.float64]

_PROBABILITY_EDGE = 1e-6


@dataclass(frozen=True)
class Interval:
    """A figure with the ends of its interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, draws: Floats, level: float = 0.95) -> Interval:
        """A figure with the middle of its draws; without end where there are none."""
        if not len(draws):
            return cls(value, float("-inf"), float("inf"))
        tail = 50.0 * (1.0 - level)
        low, high = np.percentile(draws, [tail, 100.0 - tail])
        return cls(float(value), float(low), float(high))

    def to_dict(self) -> dict[str, float | None]:
        """Plain numbers; None where there is no finite one, since JSON has no other word for it."""
        ends = {"value": self.value, "low": self.low, "high": self.high}
        return {name: end if np.isfinite(end) else None for name, end in ends.items()}


class AreaUnderCurve:
    """Area under the ROC curve of one score, for any weights of its rows.

    Ties count half. The rows are sorted once, so that many weightings of the
    same rows, as a bootstrap needs, cost two passes each.

    Parameters
    ----------
    score, outcome : array of shape (n_rows,)
        Outcome is 1 or 0.

    Examples
    --------
    >>> round(AreaUnderCurve(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))(), 2)
    0.75
    """

    def __init__(self, score: NDArray[np.floating], outcome: NDArray[np.floating]) -> None:
        _, self._group = np.unique(score, return_inverse=True)
        self._outcome = np.asarray(outcome, np.float64)

    def __call__(self, weight: NDArray[np.floating] | None = None) -> float:
        """Area; NaN where only one outcome has weight."""
        weights = np.ones(len(self._outcome)) if weight is None else np.asarray(weight, np.float64)
        positive = np.bincount(self._group, weights * self._outcome)
        negative = np.bincount(self._group, weights * (1.0 - self._outcome))
        total = positive.sum() * negative.sum()
        if total <= 0:
            return float("nan")
        below = np.cumsum(negative) - 0.5 * negative
        return float((positive * below).sum() / total)


def log_loss(
    probability: NDArray[np.floating],
    outcome: NDArray[np.floating],
    weight: NDArray[np.floating] | None = None,
) -> float:
    """Mean negative log-likelihood, probabilities kept 1e-6 from the ends.

    Examples
    --------
    >>> round(log_loss(np.array([0.5, 0.5]), np.array([0, 1])), 4)
    0.6931
    """
    clipped = np.clip(probability, _PROBABILITY_EDGE, 1.0 - _PROBABILITY_EDGE)
    losses = -(outcome * np.log(clipped) + (1.0 - outcome) * np.log1p(-clipped))
    return float(np.average(losses, weights=weight))


def brier_score(
    probability: NDArray[np.floating],
    outcome: NDArray[np.floating],
    weight: NDArray[np.floating] | None = None,
) -> float:
    """Mean squared distance of probability and outcome."""
    return float(np.average((np.asarray(probability) - outcome) ** 2, weights=weight))


def calibration_line(
    probability: NDArray[np.floating],
    outcome: NDArray[np.floating],
    weight: NDArray[np.floating] | None = None,
) -> tuple[float, float]:
    """Intercept and slope of the outcome on the predicted log-odds.

    Notes
    -----
    Logistic regression by Newton's method (Cox 1958). A slope of 1 and an
    intercept of 0 mean that the odds are right; a slope below 1, too extreme.
    """
    clipped = np.clip(np.asarray(probability, np.float64), _PROBABILITY_EDGE, 1.0 - _PROBABILITY_EDGE)
    log_odds = np.log(clipped) - np.log1p(-clipped)
    design = np.column_stack([np.ones_like(log_odds), log_odds])
    weights = np.ones(len(log_odds)) if weight is None else np.asarray(weight, np.float64)
    line = np.array([0.0, 1.0])
    for _ in range(50):
        fitted = 0.5 * (1.0 + np.tanh(0.5 * design @ line))
        curvature = weights * np.maximum(fitted * (1.0 - fitted), 1e-12)
        hessian = (design * curvature[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, design.T @ (weights * (outcome - fitted)))
        line = line + step
        if np.abs(step).max() < 1e-10:
            break
    return float(line[0]), float(line[1])


class CapturedValue:
    """Share of a value that lies in the top rows of each book, for any weights of the rows.

    The rows are ranked once, so that many weightings, as a bootstrap needs, cost
    two passes each. A row of weight k counts as k rows of its kind.

    Parameters
    ----------
    value : array of shape (n_rows,)
        What is to be captured, such as the open amount of rows that end late.
    score : array of shape (n_rows,)
        Highest first; ties keep the order of the rows.
    book : array of shape (n_rows,)
        Which book a row belongs to; each is ranked on its own.

    Examples
    --------
    >>> captured = CapturedValue(np.array([5.0, 1.0, 4.0]), np.array([3, 2, 1]), np.zeros(3, int))
    >>> captured(top_share=1 / 3), captured(top_count=2)
    (0.5, 0.6)
    """

    def __init__(
        self, value: NDArray[np.floating], score: NDArray[np.floating], book: NDArray[np.integer]
    ) -> None:
        self._order = np.lexsort((-np.asarray(score, np.float64), book))
        self._value = np.asarray(value, np.float64)[self._order]
        _, self._book = np.unique(np.asarray(book)[self._order], return_inverse=True)

    def __call__(
        self,
        weight: NDArray[np.floating] | None = None,
        *,
        top_share: float | None = None,
        top_count: float | None = None,
    ) -> float:
        """Share captured; NaN where there is no value at all.

        Parameters
        ----------
        weight : array of shape (n_rows,), optional
            How often each row is there.
        top_share : float, optional
            Share of each book's rows that is looked at, rounded up to whole rows.
        top_count : float, optional
            Rows of each book that are looked at; exactly one of the two is given.

        Returns
        -------
        float
        """
        if (top_share is None) == (top_count is None):
            raise ValueError("Give either top_share or top_count.")
        weights = np.ones(len(self._value)) if weight is None else np.asarray(weight, np.float64)[self._order]
        total = float(weights @ self._value)
        if total <= 0.0:
            return float("nan")
        size = np.bincount(self._book, weights)
        if top_share is None:
            limit = np.full(len(size), top_count, np.float64)
        else:
            limit = np.ceil(size * top_share - 1e-9)
        before = np.cumsum(weights) - weights - (np.cumsum(size) - size)[self._book]
        taken = np.clip(limit[self._book] - before, 0.0, weights)
        return float(taken @ self._value) / total


def captured_share(
    value: NDArray[np.floating],
    score: NDArray[np.floating],
    book: NDArray[np.integer],
    top_share: float = 0.2,
) -> float:
    """Share of a value that lies in the top rows of each book, ranked by a score.

    Parameters
    ----------
    value, score, book : array of shape (n_rows,)
        As :class:`CapturedValue` takes them.
    top_share : float
        Share of each book's rows that is looked at.

    Examples
    --------
    >>> captured_share(np.array([5.0, 1.0, 4.0]), np.array([3, 2, 1]), np.zeros(3, int), 1 / 3)
    0.5
    """
    return CapturedValue(value, score, book)(top_share=top_share)


def skill(loss: float, reference_loss: float) -> float:
    """Share of a reference's loss that is avoided: 1 perfect, 0 no better, below 0 worse.

    Examples
    --------
    >>> skill(0.1, 0.2)
    0.5
    """
    return 1.0 - loss / reference_loss if reference_loss > 0.0 else float("nan")


def pinball_loss(
    quantile: NDArray[np.floating],
    actual: NDArray[np.floating],
    level: float,
    weight: NDArray[np.floating] | None = None,
) -> float:
    """Mean loss of a predicted quantile: ``level`` per unit above it, ``1 - level`` per unit below.

    Parameters
    ----------
    quantile, actual : array of shape (n_rows,)
        Predicted quantile and what came, in the same unit.
    level : float
        Share of cases that should lie below the quantile.
    weight : array of shape (n_rows,), optional
        Weights of the rows.

    Notes
    -----
    Koenker and Bassett 1978; at 0.5 it is half the mean absolute error.

    Examples
    --------
    >>> pinball_loss(np.array([2.0, 2.0]), np.array([4.0, 0.0]), 0.9)
    1.0
    """
    above = np.asarray(actual, np.float64) - quantile
    return float(np.average(np.maximum(level * above, (level - 1.0) * above), weights=weight))


def curve_score(
    horizons_days: NDArray[np.number],
    open_share: NDArray[np.floating],
    days_past_due: NDArray[np.number],
    delay_days: NDArray[np.floating],
) -> Floats:
    """Continuous ranked probability score of each delay curve, up to the last horizon, in days.

    Parameters
    ----------
    horizons_days : array of shape (n_horizons,)
        Days after the due date, increasing.
    open_share : array of shape (n_rows, n_horizons)
        P(still open) at each of them; 1 where the horizon has passed.
    days_past_due : array of shape (n_rows,)
        as_of less due date: from there on the curve is a forecast.
    delay_days : array of shape (n_rows,)
        What came; infinite where still open after the last horizon.

    Returns
    -------
    array of shape (n_rows,)
        0 for a curve that falls from 1 to 0 on the day of settlement; for one that
        does so on another day, the days between. NaN where no horizon lies ahead.

    Notes
    -----
    The integral of the squared distance between the curve and the step that came
    (Matheson and Winkler 1976), cut at the last horizon H. An invoice is open to the
    close of the day before it is settled, so that S(h) holds from day h to h + 1; between
    two horizons S runs straight.

    Examples
    --------
    >>> day = np.arange(-2, 4)
    >>> sharp = (day < 1).astype(float)[None, :]
    >>> curve_score(day, sharp, np.array([-3]), np.array([1.0])).tolist()
    [0.0]
    >>> curve_score(day, sharp, np.array([-3]), np.array([3.0])).tolist()
    [2.0]
    """
    first, last = int(horizons_days[0]), int(horizons_days[-1])
    days = np.arange(first, last + 1)
    right = np.searchsorted(horizons_days, days)
    left = np.maximum(right - (np.asarray(horizons_days)[right] != days), 0)
    width = np.maximum(np.asarray(horizons_days)[right] - np.asarray(horizons_days)[left], 1)
    share = (days - np.asarray(horizons_days)[left]) / width
    curve = open_share[:, left] + (open_share[:, right] - open_share[:, left]) * share
    came = delay_days[:, None] > days
    ahead = days > np.asarray(days_past_due)[:, None]
    score = np.where(ahead, (curve - came) ** 2, 0.0).sum(axis=1)
    return np.where(ahead.any(axis=1), score, np.nan)


def bootstrap_draws(
    cluster: NDArray[np.integer],
    figure: Callable[[Floats], float],
    replicate_count: int = 300,
    seed: int = 7,
) -> Floats:
    """A weighted figure under draws of whole clusters with replacement.

    Parameters
    ----------
    cluster : array of shape (n_rows,)
        Rows that belong together, such as those of one customer.
    figure : callable
        From row weights to the figure. For a paired gain it returns the
        difference of two figures under the same weights.
    replicate_count, seed
        Number of draws and their seed: the same seed gives the same draws.

    Returns
    -------
    array of shape (n_draws,)
        Those of the draws in which the figure is finite.
    """
    _, code = np.unique(cluster, return_inverse=True)
    count = int(code.max()) + 1 if len(code) else 0
    generator = np.random.default_rng(seed)
    draws = []
    for _ in range(replicate_count if count else 0):
        times = np.bincount(generator.integers(0, count, count), minlength=count).astype(np.float64)
        draws.append(figure(times[code]))
    return np.array([draw for draw in draws if np.isfinite(draw)])


def cluster_bootstrap(
    cluster: NDArray[np.integer],
    figure: Callable[[Floats], float],
    replicate_count: int = 300,
    seed: int = 7,
    level: float = 0.95,
) -> Interval:
    """Interval of a weighted figure by drawing whole clusters with replacement.

    Parameters
    ----------
    cluster, figure, replicate_count, seed
        As :func:`bootstrap_draws` takes them.
    level : float
        Coverage of the interval.

    Returns
    -------
    Interval
    """
    draws = bootstrap_draws(cluster, figure, replicate_count, seed)
    return Interval.of(figure(np.ones(len(cluster))), draws, level)


def two_way_interval(
    first: NDArray[np.integer],
    second: NDArray[np.integer],
    figure: Callable[[Floats], float],
    replicate_count: int = 300,
    seed: int = 7,
    level: float = 0.95,
) -> Interval:
    """Interval of a weighted figure whose rows share luck in two ways, such as by customer and by week.

    Parameters
    ----------
    first, second : array of shape (n_rows,)
        The two groups of each row.
    figure : callable
        From row weights to the figure.
    replicate_count, seed
        Number of draws and their seed.
    level : float
        Coverage of the interval.

    Returns
    -------
    Interval
        Even about the figure, and without end where a way has one group only.

    Notes
    -----
    Groups of both ways are drawn with replacement, each on its own, and a row counts as
    often as both of its groups were drawn (the pigeonhole bootstrap of Owen 2007, whose
    spread is rather too large than too small). The interval is the spread of the draws (half
    the way between their 16th and 84th percentile) times the quantile of Student's
    distribution with one degree less than the fewer groups (after Cameron, Gelbach and
    Miller 2008), since few weeks tell little of their spread.

    Examples
    --------
    >>> customer, week = np.repeat(np.arange(20), 10), np.tile(np.arange(10), 20)
    >>> paid = ((customer + week) % 2).astype(float)
    >>> mean = two_way_interval(customer, week, lambda times: float(np.average(paid, weights=times)))
    >>> mean.low < 0.5 < mean.high
    True
    """
    with importing("Telling an interval"):
        from scipy.special import stdtrit

    codes = [np.unique(group, return_inverse=True)[1] for group in (first, second)]
    counts = [int(code.max()) + 1 if len(code) else 0 for code in codes]
    value = figure(np.ones(len(first)))
    if min(counts) < 2 or not np.isfinite(value):
        return Interval(value, float("-inf"), float("inf"))
    generator = np.random.default_rng(seed)
    draws = []
    for _ in range(replicate_count):
        times = np.ones(len(first))
        for code, count in zip(codes, counts, strict=True):
            times *= np.bincount(generator.integers(0, count, count), minlength=count)[code]
        draws.append(figure(times) if times.any() else float("nan"))
    # A few draws without a case of one kind have a slope without end: they are not to be all the spread.
    known = np.array(draws)[np.isfinite(draws)]
    spread = float(np.diff(np.percentile(known, [15.87, 84.13]))[0] / 2.0) if len(known) else float("inf")
    reach = float(stdtrit(min(counts) - 1, 0.5 + 0.5 * level)) * spread
    return Interval(value, value - reach, value + reach)


def average_precision(
    score: NDArray[np.floating],
    outcome: NDArray[np.floating],
    weight: NDArray[np.floating] | None = None,
) -> float:
    """Area under the steps of precision over recall; tied scores are one step.

    Parameters
    ----------
    score, outcome : array of shape (n_rows,)
        Outcome is 1 or 0.
    weight : array of shape (n_rows,), optional
        Weights of the rows.

    Returns
    -------
    float
        Between 0 and 1; NaN where no outcome is 1.

    Examples
    --------
    >>> round(average_precision(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])), 4)
    0.8333
    """
    weights = np.ones(len(score)) if weight is None else np.asarray(weight, np.float64)
    values, group = np.unique(score, return_inverse=True)
    late = np.bincount(group, weights * outcome, minlength=len(values))[::-1]
    found = np.cumsum(late)
    looked_at = np.cumsum(np.bincount(group, weights, minlength=len(values))[::-1])
    if not len(found) or found[-1] <= 0:
        return float("nan")
    precision = np.divide(found, looked_at, out=np.zeros(len(found)), where=looked_at > 0)
    return float((precision * late).sum() / found[-1])


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
    has an error above 0 on average, and no interval drawn of it reaches below 0.
    That an interval lies above 0 therefore does not show a forecast to be wrong;
    the slope and the intercept of :func:`calibration_line` can.

    Examples
    --------
    >>> probability = np.repeat([0.2, 0.8], 10)
    >>> outcome = np.array([0] * 8 + [1] * 2 + [0] * 4 + [1] * 6)
    >>> round(expected_calibration_error(probability, outcome, bin_count=2, debiased=False), 2)
    0.1
    >>> round(expected_calibration_error(probability, outcome, bin_count=2), 2)
    0.06
    """
    weights = np.ones(len(probability)) if weight is None else np.asarray(weight, np.float64)
    order = np.argsort(probability, kind="stable")
    order = order[weights[order] > 0]
    if not len(order):
        return float("nan")
    weights = weights[order]
    middle = np.cumsum(weights) - 0.5 * weights
    bins = np.minimum((middle / weights.sum() * bin_count).astype(np.int64), bin_count - 1)
    mass = np.bincount(bins, weights, minlength=bin_count)
    filled = mass > 0
    predicted = np.bincount(bins, weights * probability[order], minlength=bin_count)[filled] / mass[filled]
    observed = np.bincount(bins, weights * outcome[order], minlength=bin_count)[filled] / mass[filled]
    squared = (predicted - observed) ** 2
    if debiased:
        effective = mass[filled] ** 2 / np.bincount(bins, weights**2, minlength=bin_count)[filled]
        chance = observed * (1.0 - observed) / np.maximum(effective - 1.0, 1.0)
        squared = np.maximum(squared - chance, 0.0)
    return float(np.average(np.sqrt(squared), weights=mass[filled]))
