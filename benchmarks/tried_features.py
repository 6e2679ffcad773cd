"""Features that were tried and are not in the catalogue: bench_features.py adds them to it in turn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from paydelay.features import Feature
from paydelay.features.exposure import share
from paydelay.history import Floats, PastView

PASSED_OVER_DAYS = 30
_SPAN = 1 << 20


def tried(name: str, compute: Callable[[PastView], Floats]) -> Feature:
    """A column that is measured and never told."""
    return Feature(name, "behaviour", "ratio", f"{name}.", name, "part_payments", compute, told=False)


def paid_siblings(view: PastView) -> dict[str, Floats]:
    """What the customer settled in 30 days: how many of it are due on the row's day, and how many later.

    An invoice of which later ones are paid already was passed over by the payment run.
    """
    history = view._history
    settled = history.entries("settled")
    order = np.argsort(settled.day, kind="stable")
    day, back = settled.day[order], settled.taken_back_day[order]
    key = settled.customer[order] * _SPAN + history.invoices.due_day[settled.invoice[order]]
    found = {name: np.zeros(len(view)) for name in ("same", "later", "all")}
    for when in np.unique(view.as_of_day):
        first, last = np.searchsorted(day, [when - PASSED_OVER_DAYS, when], side="right")
        paid = np.sort(key[first:last][back[first:last] > when])
        rows = np.flatnonzero(view.as_of_day == when)
        own = view.customer[rows] * _SPAN
        low, high = np.searchsorted(paid, own), np.searchsorted(paid, own + _SPAN)
        here = np.searchsorted(paid, own + view.due_day[rows])
        after = np.searchsorted(paid, own + view.due_day[rows], side="right")
        found["same"][rows], found["later"][rows], found["all"][rows] = after - here, high - after, high - low
    return found


def later_paid_share(view: PastView) -> Floats:
    """Share of what the customer settled in 30 days that is due later than the row."""
    found = view.once(paid_siblings)
    return share(found["later"], found["all"])


def growth(view: PastView) -> Floats:
    """Daily sales of 90 days by those of a year."""
    year = np.clip(view.days_since_first("issued") + 1.0, 90.0, 365.0)
    return share(
        view.total("issued", "amount", days=90) / 90.0, view.total("issued", "amount", days=365) / year
    )


def share_of_book(view: PastView) -> Floats:
    """What the customer owes by what the whole book is owed."""
    return share(view.open_book("amount"), view.open_book("amount", by="book"))


def due_month(view: PastView) -> Floats:
    """Month of the due date, 0 to 11."""
    month = view.due_day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return np.asarray(month % 12, np.float64)


TRIED: dict[str, tuple[Feature, ...]] = {
    "passed over": (
        tried("same_due_paid_count", lambda view: view.once(paid_siblings)["same"]),
        tried("later_due_paid_count", lambda view: view.once(paid_siblings)["later"]),
        tried("later_due_paid_share", later_paid_share),
    ),
}
"""Ideas that were never in the catalogue."""
DROPPED: dict[str, tuple[Feature, ...]] = {
    "season, account": (
        tried("late_a_year_ago", lambda view: view.mean("settled", "late", days=61, ago_days=335)),
        tried("due_month", due_month),
        tried("book_delay_of_30", lambda view: view.mean("settled", "delay", by="book", days=30)),
        tried("open_count", lambda view: view.open_book("count")),
        tried("share_of_book", share_of_book),
        tried("growth", growth),
    ),
}
"""What was in the catalogue and did not earn its keep; the concentration of open amounts went with it."""
