"""Reading a delay curve: what is open on any day, the day of any share, the days that hold most of it.

A curve is S(h) = P(still open h days after the due date) at some horizons. Between
two of them it runs straight, it is 1 up to as_of, and after the last horizon what
is open settles at one rate per day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_CHUNK_ROWS = 2_000
_ROUNDING = 1e-9


@dataclass(frozen=True)
class PooledCurve:
    """Share of the book's invoices still open by days after the due date.

    Used beyond ``supported_days``, where too few invoices were ever open to
    learn who differs from whom, and after the last horizon, where the rate of
    settlement per day is held constant.

    Parameters
    ----------
    horizons_days : array of shape (n_horizons,)
    open_share : array of shape (n_horizons,)
        Non-increasing, in (0, 1].
    tail_rate : float
        Share of those open that settle each day after the last horizon.
    supported_days : int
        Last horizon at which the booster is used.
    """

    horizons_days: Floats
    open_share: Floats
    tail_rate: float
    supported_days: int

    def at(self, horizon_days: NDArray[np.floating]) -> Floats:
        """Share still open at any horizon."""
        horizon = np.asarray(horizon_days, np.float64)
        inner = np.interp(horizon, self.horizons_days, self.open_share)
        beyond = np.maximum(horizon - self.horizons_days[-1], 0.0)
        return np.asarray(inner * np.exp(-self.tail_rate * beyond))

    @classmethod
    def flat(cls, horizons_days: Sequence[int]) -> PooledCurve:
        """A curve that leaves every horizon to the booster."""
        return cls(np.array([0.0]), np.array([1.0]), 1.0 / 365.0, max(horizons_days))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for the manifest."""
        return {
            "horizons_days": self.horizons_days.tolist(),
            "open_share": self.open_share.tolist(),
            "tail_rate": self.tail_rate,
            "supported_days": self.supported_days,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PooledCurve:
        """The curve from the numbers of a manifest."""
        return cls(
            np.asarray(values["horizons_days"], np.float64),
            np.asarray(values["open_share"], np.float64),
            float(values["tail_rate"]),
            int(values["supported_days"]),
        )


def open_share(
    curve: Floats,
    horizons_days: Sequence[int],
    tail_rate: float,
    days_past_due: NDArray[np.integer],
    asked_days: NDArray[np.number],
) -> Floats:
    """Share still open some days after the due date, each row asked for days of its own.

    Parameters
    ----------
    curve : array of shape (n_rows, n_horizons)
        S at the horizons.
    horizons_days : sequence of int
        Increasing.
    tail_rate : float
        Share of those open that settle per day after the last horizon.
    days_past_due : array of shape (n_rows,)
        as_of less due date, in days.
    asked_days : array of shape (n_rows, n_days)
        Days after the due date.

    Returns
    -------
    array of shape (n_rows, n_days)
        1 where the day has passed. After the last horizon H the share is
        ``S(H) exp(-tail_rate (h - max(H, days_past_due)))``, except that a curve
        still at 1 stays there.

    Examples
    --------
    >>> curve = np.array([[0.6, 0.2]])
    >>> open_share(curve, (0, 30), 0.01, np.array([-10]), np.array([[-10, -5, 15, 30]])).round(3)
    array([[1. , 0.8, 0.4, 0.2]])
    """
    horizons = np.asarray(horizons_days, np.float64)
    overdue = np.asarray(days_past_due, np.float64)[:, None]
    asked = np.asarray(asked_days, np.float64)
    right = np.minimum(np.searchsorted(horizons, asked, side="left"), len(horizons) - 1)
    left = np.maximum(right - 1, 0)
    row = np.arange(len(curve))[:, None]
    # A cell begins at the horizon before, or at as_of where that lies in it.
    from_horizon = (right > 0) & (horizons[left] > overdue)
    low = np.where(from_horizon, horizons[left], overdue)
    at_low = np.where(from_horizon, curve[row, left], 1.0)
    part = np.clip((asked - low) / np.maximum(horizons[right] - low, _ROUNDING), 0.0, 1.0)
    share = at_low + part * (curve[row, right] - at_low)
    # Someone late beyond the last horizon already is followed from today on.
    waited = asked - np.maximum(overdue, horizons[-1])
    never = (curve[:, -1:] >= 1.0) & (overdue < horizons[-1])
    tail = np.where(never, 1.0, curve[:, -1:] * np.exp(-tail_rate * np.maximum(waited, 0.0)))
    return np.where(asked <= overdue, 1.0, np.where(asked > horizons[-1], tail, share))


def never_settles(
    curve: Floats,
    horizons_days: Sequence[int],
    days_past_due: NDArray[np.integer],
    lost: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_]:
    """Rows whose curve stays at 1, or that are known to be lost."""
    never = (curve[:, -1] >= 1.0) & (np.asarray(days_past_due) < horizons_days[-1])
    return never if lost is None else never | lost


def days_until(
    curve: Floats,
    horizons_days: Sequence[int],
    tail_rate: float,
    days_past_due: NDArray[np.integer],
    share: float,
) -> Floats:
    """First whole day after the due date on which no more than a share is open.

    Parameters
    ----------
    curve : array of shape (n_rows, n_horizons)
        S at the horizons.
    horizons_days : sequence of int
        Increasing.
    tail_rate : float
        Share of those open that settle per day after the last horizon.
    days_past_due : array of shape (n_rows,)
        as_of less due date, in days.
    share : float
        Between 0 and 1.

    Returns
    -------
    array of shape (n_rows,)
        At least days past due + 1.

    Examples
    --------
    >>> days_until(np.array([[0.6, 0.2]]), (0, 30), 0.01, np.array([-10]), 0.4)
    array([15.])
    """
    horizons = np.asarray(horizons_days, np.float64)
    overdue = np.asarray(days_past_due, np.float64)
    reached = curve <= share
    right = np.where(reached.any(axis=1), reached.argmax(axis=1), len(horizons))
    row = np.arange(len(curve))
    at = np.minimum(right, len(horizons) - 1)
    left = np.maximum(at - 1, 0)
    low = np.where(at > 0, np.maximum(horizons[left], overdue), overdue)
    at_low = np.where((at > 0) & (horizons[left] > overdue), curve[row, left], 1.0)
    fall = np.maximum(at_low - curve[row, at], 1e-12)
    crossing = low + (at_low - share) / fall * (horizons[at] - low)
    start = np.maximum(overdue, horizons[-1])
    at_start = np.where(overdue >= horizons[-1], 1.0, curve[:, -1])
    tail = start + np.log(np.maximum(at_start, share) / share) / tail_rate
    days = np.where(right < len(horizons), crossing, tail)
    return np.maximum(np.ceil(days - _ROUNDING), overdue + 1.0)


def fewest_days(
    curve: Floats,
    horizons_days: Sequence[int],
    tail_rate: float,
    days_past_due: NDArray[np.integer],
    mass: float = 0.8,
) -> tuple[Floats, Floats]:
    """Shortest run of whole days in which an invoice settles with some probability.

    Parameters
    ----------
    curve : array of shape (n_rows, n_horizons)
        S at the horizons.
    horizons_days : sequence of int
        Increasing.
    tail_rate : float
        Share of those open that settle per day after the last horizon.
    days_past_due : array of shape (n_rows,)
        as_of less due date, in days.
    mass : float
        Probability that the run holds at least; above one half the median lies in it.

    Returns
    -------
    low, high : array of shape (n_rows,)
        First and last day of the run, in days after the due date:
        ``S(low - 1) - S(high) >= mass``. Of several as short, the one that holds
        most, then the earliest.

    Notes
    -----
    The interval of highest mass for whole days. Payments fall on few days, so that
    the day on which a tenth has been paid often carries far more than a tenth; an
    interval with a tenth left out on either side then holds much more than it says.

    Examples
    --------
    >>> curve = np.array([[0.85, 0.1, 0.05, 0.0]])
    >>> fewest_days(curve, (0, 1, 2, 3), 0.01, np.array([-1]))
    (array([0.]), array([1.]))
    """
    overdue = np.asarray(days_past_due, np.int64)
    low, high = np.empty(len(curve)), np.empty(len(curve))
    # Rows of one standing together: the days to look through begin with the least overdue.
    order = np.argsort(overdue, kind="stable")
    for start in range(0, len(order), _CHUNK_ROWS):
        rows = order[start : start + _CHUNK_ROWS]
        span = max(int(horizons_days[-1] - overdue[rows[0]]), 1)
        days = overdue[rows, None] + np.arange(span + 1)
        share = open_share(curve[rows], horizons_days, tail_rate, overdue[rows], days)
        low[rows], high[rows] = _shortest(share, days, mass, tail_rate)
    return low, high


def _shortest(share: Floats, days: NDArray[np.int64], mass: float, tail_rate: float) -> tuple[Floats, Floats]:
    """First and last day of each row's shortest run, from its shares on consecutive days."""
    count, width = share.shape
    row, before = np.nonzero(share > mass + _ROUNDING)
    wanted = share[row, before] - mass
    # One ascending sequence for all rows, so that one search finds every end.
    ascending = (2.0 * np.arange(count)[:, None] + 1.0 - share).ravel()
    end = np.searchsorted(ascending, 2.0 * row + 1.0 - wanted - _ROUNDING) - row * width
    found, at = end < width, np.minimum(end, width - 1)
    beyond = np.log(np.maximum(share[row, -1] / wanted, 1.0)) / tail_rate
    last = days[row, at] + np.where(found, 0.0, np.ceil(beyond - _ROUNDING))
    first = days[row, before] + 1.0
    held = share[row, before] - np.where(found, share[row, at], wanted)
    best = np.lexsort((first, -held, last - first, row))
    best = best[np.searchsorted(row[best], np.arange(count))]
    return np.asarray(first[best], np.float64), np.asarray(last[best], np.float64)
