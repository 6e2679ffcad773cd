"""Rows that share an entity and a date, and what is open of each such pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from paydelay.history.facts import Codes, Days
from paydelay.history.ordering import distinct, entity_day_key
from paydelay.history.streams import Integers

if TYPE_CHECKING:
    from paydelay.history.history import History
    from paydelay.history.view import PastView


@dataclass(frozen=True)
class Group:
    """Distinct (entity, as_of) pairs of the rows, and which pair each row belongs to.

    ``row_pair`` is None where every row is a pair of its own.
    """

    entity: Codes
    day: Days
    row_pair: NDArray[np.intp] | None

    def taken(self, row: NDArray[np.intp] | None) -> Group:
        """The same pairs, for some of the rows."""
        return Group(self.entity, self.day, row if self.row_pair is None else self.row_pair[row])

    def position(self, others: Group) -> NDArray[np.intp]:
        """Position among these pairs of each pair of another group, all of which are here."""
        key = entity_day_key(self.entity, self.day)
        order = np.argsort(key, kind="stable")
        found = np.searchsorted(key, entity_day_key(others.entity, others.day), sorter=order)
        return np.asarray(order[found])


def distinct_pairs(entity: Codes, day: Days) -> Group:
    """The distinct pairs of each row's entity and day."""
    days, number = _numbered(day)
    # One more than the entity, since rows without one are marked -1.
    pairs, row_pair = distinct((entity + 1) * len(days) + number)
    return Group(pairs // len(days) - 1, days[pairs % len(days)], row_pair)


def _numbered(day: Days) -> tuple[Days, NDArray[np.intp]]:
    """The distinct days, increasing, and the number of each row's among them."""
    step = np.diff(day)
    if len(day) and bool((step >= 0).all()):
        # Rows mostly come by date, and need no sort.
        number = np.zeros(len(day), np.intp)
        np.cumsum(step > 0, out=number[1:])
        return day[np.flatnonzero(np.append(True, step > 0))], number
    days, number = np.unique(day, return_inverse=True)
    return days, number


def open_figures(history: History, view: PastView, group: Group, measure: str) -> Integers:
    """A figure of each pair of a view that holds the whole open book."""
    facts, states = history.invoices, history.states
    pair = np.arange(len(view)) if group.row_pair is None else group.row_pair
    late = view.days_past_due
    if measure == "oldest_days":
        oldest = np.full(len(group.entity), -(10**6), np.int64)
        np.maximum.at(oldest, pair, late)
        return oldest
    chosen = np.flatnonzero(late > 0) if measure.startswith("overdue") else slice(None)
    pair, invoice = pair[chosen], view.invoice[chosen]
    figures = np.zeros(len(group.entity), np.int64)
    if measure.endswith("count"):
        np.add.at(figures, pair, 1)
        return figures
    share = states.open[view.state[chosen]] / facts.amount[invoice]
    cents = np.rint(np.maximum(share, 0.0) * facts.amount_reporting[invoice]).astype(np.int64)
    np.add.at(figures, pair, cents)
    return figures
