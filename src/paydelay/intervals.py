"""Figures with the ends of their intervals, by drawing what belongs together with replacement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paydelay.preflight import importing

Floats = NDArray[np.float64]

_KNOWN_SHARE_MIN = 0.95
_ONE_SIGMA = 0.6826


@dataclass(frozen=True)
class Interval:
    """A figure with the ends of its interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, draws: Floats, level: float = 0.95) -> Interval:
        """A figure with the middle of its draws; without end where too many draws have no figure.

        Parameters
        ----------
        value : float
            The figure.
        draws : array of shape (n_draws,)
            The same of each draw; NaN where a draw has none, such as a slope of one outcome only.
        level : float
            Coverage of the interval.

        Returns
        -------
        Interval
            Of the draws that have a figure, where they are 95 % of all or more: a figure that
            is often not there at all has ends that nobody knows.
        """
        known = draws[np.isfinite(draws)]
        if not len(known) or len(known) < _KNOWN_SHARE_MIN * len(draws):
            return cls(value, float("-inf"), float("inf"))
        tail = 50.0 * (1.0 - level)
        low, high = np.percentile(known, [tail, 100.0 - tail])
        return cls(float(value), float(low), float(high))

    def to_dict(self) -> dict[str, float | None]:
        """Plain numbers; None where there is no finite one, since JSON has no other word for it."""
        ends = {"value": self.value, "low": self.low, "high": self.high}
        return {name: end if np.isfinite(end) else None for name, end in ends.items()}


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
    array of shape (replicate_count,)
        NaN where the figure of a draw is not finite; without rows no draws at all.
    """
    _, code = np.unique(cluster, return_inverse=True)
    count = int(code.max()) + 1 if len(code) else 0
    generator = np.random.default_rng(seed)
    draws = []
    for _ in range(replicate_count if count else 0):
        times = np.bincount(generator.integers(0, count, count), minlength=count).astype(np.float64)
        draws.append(figure(times[code]))
    found = np.array(draws, np.float64)
    return np.where(np.isfinite(found), found, np.nan)


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
        Even about the figure; without end where a way has one group only, or where more than a
        twentieth of the draws have no figure.

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
    # A few draws without a case of one kind have no slope: they are not to be all the spread.
    drawn = Interval.of(value, np.array(draws, np.float64), _ONE_SIGMA)
    spread = (drawn.high - drawn.low) / 2.0
    reach = float(stdtrit(min(counts) - 1, 0.5 + 0.5 * level)) * spread
    return Interval(value, value - reach, value + reach)
