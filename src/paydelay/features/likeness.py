"""How the customer pays invoices of about this amount, and those of them due on this weekday.

Many customers pay small invoices at once and have large ones approved first, or
the other way round; a mean over all of them says neither.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from paydelay.features.behaviour import shrunk_mean_delay, smoothed_late_ratio
from paydelay.features.declaration import Feature
from paydelay.history import LIKE_AMOUNT, LIKE_WEEKDAY_AMOUNT, Floats, PastView

PULL = 2.0
"""Invoices that the broader mean weighs against those of like amount."""
_DAYS = 365

Measure = Literal["count", "late", "delay"]


def _sum(view: PastView, measure: Measure, grids: tuple[str, str]) -> Floats:
    """Mean over two grids of amounts: near neighbours count fully, those at an edge by half."""
    one, other = (view.total("settled", measure, by=by, days=_DAYS) for by in grids)
    return (one + other) / 2.0


def like_mean(
    view: PastView, measure: Measure, grids: tuple[str, str], toward: Callable[[PastView], Floats]
) -> Floats:
    """Mean over the customer's invoices of like amount, pulled toward a broader one.

    Parameters
    ----------
    view : PastView
        Rows that ask.
    measure : {'late', 'delay'}
        What is averaged over the settlements of the last year.
    grids : tuple of str
        Two groupings of a history, half a band of amount apart.
    toward : callable
        Gives the broader mean of each row.

    Returns
    -------
    array of shape (n_rows,)
        In the unit of the measure; the broader mean where nothing alike is known.
    """
    broader = view.once(toward)
    return (_sum(view, measure, grids) + PULL * broader) / (_sum(view, "count", grids) + PULL)


def weekday_late_share(view: PastView) -> Floats:
    """Late share of what was due on this weekday, as the feature of that name."""
    return view.shrunk_mean("settled", "late", "weekday", view.once(smoothed_late_ratio), 4.0, days=_DAYS)


def weekday_mean_delay(view: PastView) -> Floats:
    """Mean delay of what was due on this weekday, as the feature of that name."""
    return view.shrunk_mean("settled", "delay", "weekday", view.once(shrunk_mean_delay), 4.0, days=_DAYS)


def _mean(prefix: str, measure: Literal["late", "delay"]) -> Feature:
    weekday = prefix.startswith("weekday")
    grids = LIKE_WEEKDAY_AMOUNT if weekday else LIKE_AMOUNT
    kind = "late_share" if measure == "late" else "delay_mean"
    toward = {
        ("like_amount", "late"): smoothed_late_ratio,
        ("like_amount", "delay"): shrunk_mean_delay,
        ("weekday_like_amount", "late"): weekday_late_share,
        ("weekday_like_amount", "delay"): weekday_mean_delay,
    }[prefix, measure]
    broader = f"weekday_{kind}_365" if weekday else f"{kind}_shrunk_365"
    what = "Share late" if measure == "late" else "Mean delay"
    due = " due on this weekday" if weekday else ""
    return Feature(
        name=f"{prefix}_{kind}_365",
        family="behaviour",
        unit="share" if measure == "late" else "days",
        meaning=f"{what} of the customer's invoices of like amount{due}, pulled toward its broader mean.",
        formula=f"(sum of {measure} by {' and '.join(grids)} over 365 days / 2 + {PULL:g} x {broader}) / "
        f"({prefix}_settled_count_365 + {PULL:g})",
        cause=f"{prefix}_late_share" if measure == "late" else f"{prefix}_mean_delay",
        compute=lambda view: like_mean(view, measure, grids, toward),
        window_days=_DAYS,
        count=f"{prefix}_settled_count_365",
        shrunk_toward=(broader, PULL),
    )


def _count(prefix: str) -> Feature:
    weekday = prefix.startswith("weekday")
    grids = LIKE_WEEKDAY_AMOUNT if weekday else LIKE_AMOUNT
    due = " that were due on this weekday" if weekday else ""
    return Feature(
        name=f"{prefix}_settled_count_365",
        family="behaviour",
        unit="count",
        meaning=f"Settlements of the last year of like amount{due}; one at the edge counts half.",
        formula=f"settlements by {' and '.join(grids)} known in 365 days / 2",
        cause="invoice_count",
        compute=lambda view: _sum(view, "count", grids),
        window_days=_DAYS,
        # How many of a part of the history would read as how many of all of it.
        told=False,
    )


_PREFIXES: tuple[str, ...] = ("like_amount", "weekday_like_amount")
LIKENESS: tuple[Feature, ...] = tuple(
    feature
    for prefix in _PREFIXES
    for feature in (_mean(prefix, "late"), _mean(prefix, "delay"), _count(prefix))
)
