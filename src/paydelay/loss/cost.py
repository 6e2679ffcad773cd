"""Expected loss of an exposure and cost of waiting for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paydelay.config import LossSettings
from paydelay.errors import ModelError

Floats = NDArray[np.float64]

_CHUNK_ROWS = 16_384  # keeps the working arrays of a wide curve near the cache


def expected_loss(
    prob_unpaid: ArrayLike, lgd: ArrayLike, ead: ArrayLike, covered_amount: ArrayLike
) -> Floats:
    """Amount expected to be lost: prob_unpaid x LGD x (EAD - covered), as PD x LGD x EAD of Basel and IFRS 9.

    Parameters
    ----------
    prob_unpaid, lgd : array_like, shape (n,)
        Probability of default and share lost, in [0, 1].
    ead, covered_amount : array_like, shape (n,)
        Exposure and cover, reporting currency.

    Returns
    -------
    numpy.ndarray, shape (n,)
        Reporting currency.

    Examples
    --------
    >>> expected_loss([0.1], [0.6], [1000.0], [400.0]).round(2).tolist()
    [36.0]
    """
    bare = np.maximum(_floats(ead) - _floats(covered_amount), 0.0)
    return _floats(prob_unpaid) * _floats(lgd) * bare


def expected_days_open(
    survival: NDArray[np.floating[Any]],
    horizons_days: ArrayLike,
    days_past_due: ArrayLike,
    cap_days: int,
    tail_rate: float = 0.0,
) -> Floats:
    """Days an invoice is expected to stay open after as_of: the sum of S over the next ``cap_days`` days.

    Parameters
    ----------
    survival : numpy.ndarray, shape (n, k)
        S(h) = P(not settled by due date + h), per row and horizon.
    horizons_days : array_like of int, shape (k,)
        Horizons relative to the due date, increasing.
    days_past_due : array_like of int, shape (n,)
        as_of - due date. Horizons up to it are known: S = 1, whatever is given.
    cap_days : int
        Days counted at most.
    tail_rate : float, default 0
        Rate a day at which S decays from the last horizon on, or from as_of where
        that is later; a curve still at 1 on the last horizon stays there.

    Returns
    -------
    numpy.ndarray, shape (n,)
        Days, between 0 and ``cap_days``.

    Raises
    ------
    ModelError
        If the shapes do not match, the horizons do not increase or the tail rises.

    Notes
    -----
    S is linear between horizons, starts at (days_past_due, 1) and is S(H)
    exp(-tail_rate d) on the d-th day after the last horizon H, the sum of which
    over n days is S(H) (1 - exp(-tail_rate n)) / (exp(tail_rate) - 1). On a cell
    of m days from S0 to S1 the daily sum is m (S0 + S1) / 2 + (S1 - S0) / 2; the
    second terms telescope, so that the trapezoid rule plus (S(end) - 1) / 2
    equals the sum over every single day.

    Examples
    --------
    >>> expected_days_open(np.array([[0.5, 0.0]]), [10, 20], [0], 180).tolist()
    [9.5]
    """
    grid = np.asarray(horizons_days, dtype=np.float64)
    start = np.asarray(days_past_due, dtype=np.float64)
    if survival.shape != (len(start), len(grid)) or len(grid) == 0 or bool(np.any(np.diff(grid) <= 0)):
        raise ModelError(
            f"A delay curve of shape {survival.shape} does not fit {len(start)} rows and {len(grid)} "
            "horizons; give one value per row and per increasing horizon."
        )
    if not 0.0 <= tail_rate < np.inf:
        raise ModelError(f"The tail of the delay curve has the rate {tail_rate}; give one of 0 or more.")
    days = np.empty(len(start))
    for first in range(0, len(start), _CHUNK_ROWS):
        part = slice(first, first + _CHUNK_ROWS)
        days[part] = _days_open(survival[part].astype(np.float64), grid, start[part], cap_days, tail_rate)
    return days


def cost_of_delay(
    days_open: ArrayLike, prob_unpaid: ArrayLike, lgd: ArrayLike, ead: ArrayLike, settings: LossSettings
) -> Floats:
    """Cost of the money tied up until it is paid.

    expected days open x (1 - prob_unpaid x LGD) x EAD x annual cost of capital / 365;
    only days after as_of count, the past is sunk.

    Parameters
    ----------
    days_open : array_like, shape (n,)
        From `expected_days_open`.
    prob_unpaid, lgd : array_like, shape (n,)
        In [0, 1]; one less their product is the share expected to be paid.
    ead : array_like, shape (n,)
        Exposure, reporting currency.
    settings : LossSettings
        Holds the annual cost of capital.

    Returns
    -------
    numpy.ndarray, shape (n,)
        Reporting currency.

    Examples
    --------
    >>> settings = LossSettings(annual_cost_of_capital=0.1)
    >>> cost_of_delay([36.5], [0.5], [0.4], [1000.0], settings).round(2).tolist()
    [8.0]
    """
    share_paid = 1.0 - _floats(prob_unpaid) * _floats(lgd)
    rate = settings.annual_cost_of_capital / 365.0
    return _floats(days_open) * share_paid * _floats(ead) * rate


def _days_open(curve: Floats, grid: Floats, start: Floats, cap_days: int, tail_rate: float) -> Floats:
    """One chunk of `expected_days_open`."""
    # Up to here the curve tells; what follows is the tail.
    end = np.minimum(start + cap_days, np.maximum(start, grid[-1]))
    curve[grid[None, :] <= start[:, None]] = 1.0
    at = np.minimum(np.searchsorted(grid, end, side="left"), len(grid) - 1)
    row = np.arange(len(start))
    lower = np.maximum(at - 1, 0)
    begun = (at > 0) & (grid[lower] > start)  # the cell starts at a horizon, not at as_of itself
    x0, y0 = np.where(begun, grid[lower], start), np.where(begun, curve[row, lower], 1.0)
    last = y0 + (curve[row, at] - y0) * (end - x0) / np.maximum(grid[at] - x0, 1.0)
    x = np.clip(grid[None, :], start[:, None], end[:, None])
    y = np.where(grid[None, :] >= end[:, None], last[:, None], curve)
    area: Floats = np.einsum("ij,ij->i", np.diff(x, axis=1), y[:, 1:] + y[:, :-1]) / 2.0
    area += (x[:, 0] - start) * (1.0 + y[:, 0]) / 2.0 + (last - 1.0) / 2.0
    left = start + cap_days - end
    stays = (last >= 1.0) & (start < grid[-1])
    area += last * np.where(stays, left, _decayed_days(left, tail_rate))
    return area


def _decayed_days(days: Floats, rate: float) -> Floats:
    """Sum of exp(-rate d) over d = 1 .. days."""
    if rate == 0.0:
        return days
    total: Floats = -np.expm1(-rate * days) / np.expm1(rate)
    return total


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)
