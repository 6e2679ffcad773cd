"""Measures of a probability, an order or a delay against what happened."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from paydelay.curve import open_share as read_curve

Floats = NDArray[np.float64]

PROBABILITY_EDGE = 1e-6
"""Probabilities are kept so far from 0 and 1 wherever their logarithm is taken."""
_CHUNK_ROWS = 2_000


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
    clipped = np.clip(probability, PROBABILITY_EDGE, 1.0 - PROBABILITY_EDGE)
    losses = -(outcome * np.log(clipped) + (1.0 - outcome) * np.log1p(-clipped))
    return float(np.average(losses, weights=weight))


def brier_score(
    probability: NDArray[np.floating],
    outcome: NDArray[np.floating],
    weight: NDArray[np.floating] | None = None,
) -> float:
    """Mean squared distance of probability and outcome."""
    return float(np.average((np.asarray(probability) - outcome) ** 2, weights=weight))


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
        P(still open) at each of them.
    days_past_due : array of shape (n_rows,)
        as_of less due date: the curve is 1 up to there, and a forecast from the day after.
    delay_days : array of shape (n_rows,)
        What came; infinite where still open at the last horizon.

    Returns
    -------
    array of shape (n_rows,)
        0 for a curve that falls from 1 to 0 on the day of settlement; for one that
        does so on another day, the days between. NaN where no horizon lies ahead.

    Notes
    -----
    The integral of the squared distance between the curve and the step that came
    (Matheson and Winkler 1976), both cut at the last horizon H: whatever is open then counts as
    settled on that day, as a delay capped at H does in a mean absolute error. An invoice is
    open to the close of the day before it is settled, so that S(h) holds from day h to h + 1.
    The curve is read as :func:`paydelay.curve.open_share` reads it: straight from as_of to
    the first horizon, and from one horizon to the next.

    Examples
    --------
    >>> day = np.arange(-2, 4)
    >>> sharp = (day < 1).astype(float)[None, :]
    >>> curve_score(day, sharp, np.array([-3]), np.array([1.0])).tolist()
    [0.0]
    >>> curve_score(day, sharp, np.array([-3]), np.array([3.0])).tolist()
    [2.0]
    """
    horizons = tuple(np.asarray(horizons_days).tolist())
    last, shares = int(horizons[-1]), np.asarray(open_share, np.float64)
    overdue, came = np.asarray(days_past_due, np.int64), np.minimum(delay_days, last)
    # A payment recorded late may have come before as_of: those days count as well.
    first = np.fmin(overdue + 1, np.floor(came))
    score = np.full(len(overdue), np.nan)
    # The days to add up begin with the earliest of some rows: rows of a kind go together.
    order = np.argsort(first, kind="stable")
    order = order[overdue[order] < last]
    for start in range(0, len(order), _CHUNK_ROWS):
        rows = order[start : start + _CHUNK_ROWS]
        days = np.arange(int(first[rows[0]]), last)[None, :]
        curve = read_curve(shares[rows], horizons, 0.0, overdue[rows], days)
        score[rows] = ((curve - (came[rows, None] > days)) ** 2).sum(axis=1)
    return score


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
