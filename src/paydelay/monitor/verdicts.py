"""When a difference is told as nothing, as something to watch, and as an alarm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from paydelay.intervals import Interval

Verdict = Literal["ok", "watch", "alarm", "not_judged"]
"""What a check comes to; not judged where there is too little to go by."""
VERDICTS: tuple[Verdict, ...] = ("not_judged", "ok", "watch", "alarm")
"""From the least to the worst."""


@dataclass(frozen=True)
class Check:
    """One thing that was checked.

    Parameters
    ----------
    name : str
        What: ``ratio``, ``slope``, ``captured``, ``auc``, ``score_drift``, ``feature_drift``,
        ``missing_values``, ``new_customers``, ``currency``, ``terms_days`` or ``coverage``.
    outcome : str or None
        ``late`` or ``unpaid``, of a check of probabilities.
    verdict : {'ok', 'watch', 'alarm', 'not_judged'}
    value : float or None
        What was found.
    low, high : float or None
        Ends of its interval, where it has one.
    watch_at, alarm_at : float or None
        Where watching and alarm begin.
    row_count : int
        Rows it rests on.
    subject : str or None
        The feature, of a check of all features: the one that went furthest.
    count : int or None
        How many features went beyond where watching begins.
    why : str or None
        Why it was not judged: ``too_few``, ``no_model`` or ``no_profile``.
    """

    name: str
    outcome: str | None
    verdict: Verdict
    row_count: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    watch_at: float | None = None
    alarm_at: float | None = None
    subject: str | None = None
    count: int | None = None
    why: str | None = None

    @property
    def key(self) -> str:
        """Name of the check within a run, such as ``ratio.late``."""
        return self.name if self.outcome is None else f"{self.name}.{self.outcome}"

    def shifted(self, by: float) -> Check:
        """The same check told from another zero: a slope of 1 and not a distance from it."""
        names = ("value", "low", "high")
        moved = {name: None if (end := getattr(self, name)) is None else end + by for name in names}
        return replace(self, value=moved["value"], low=moved["low"], high=moved["high"])


def by_interval(effect: Interval, watch: float, alarm: float, *, either_side: bool = True) -> Verdict:
    """Verdict on an effect of which zero is nothing.

    Parameters
    ----------
    effect : Interval
        What was found; above zero is worse.
    watch, alarm : float
        Sizes, above zero.
    either_side : bool
        Whether below zero is as bad as above it.

    Returns
    -------
    {'ok', 'watch', 'alarm'}
        An alarm is as large as one and shown to be worth watching: its whole interval lies
        beyond ``watch``. What is watched is that large, and shown not to be nothing.

    Examples
    --------
    >>> by_interval(Interval(0.3, 0.12, 0.48), 0.1, 0.25)
    'alarm'
    >>> by_interval(Interval(0.3, 0.02, 0.58), 0.1, 0.25)
    'watch'
    >>> by_interval(Interval(0.3, -0.1, 0.7), 0.1, 0.25)
    'ok'
    """
    size, nearest = effect.value, effect.low
    if either_side and size < 0.0:
        size, nearest = -effect.value, -effect.high
    if size >= max(watch, alarm) and nearest >= watch:
        return "alarm"
    return "watch" if size >= watch and nearest > 0.0 else "ok"


def by_size(value: float, watch: float, alarm: float) -> Verdict:
    """Verdict on a size whose limits allow for what is usual already.

    Examples
    --------
    >>> by_size(0.2, 0.1, 0.25), by_size(0.25, 0.1, 0.25)
    ('watch', 'alarm')
    """
    if value >= max(watch, alarm):
        return "alarm"
    return "watch" if value >= watch else "ok"


def worst(verdicts: list[Verdict]) -> Verdict:
    """The worst of some verdicts; ``not_judged`` where there is none."""
    return max(verdicts, key=VERDICTS.index, default="not_judged")


def finite(value: float) -> float | None:
    """A number, or None where there is none."""
    return float(value) if np.isfinite(value) else None
