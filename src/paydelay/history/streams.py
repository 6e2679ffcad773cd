"""Event streams: what happened to an entity, by the day it became known.

A stream is sorted once; every total, window and last-k sum over it is then the
difference of two prefix sums, found by binary search. The cost of a question is
the number of rows that ask it, however long the past.

Two kinds exist. In an :class:`EventStream` each entry counts from the day it
became known, and may be taken back on a later day (a settlement whose debit
bounced). In a :class:`CohortStream` invoices enter on their due date and the
sums grow day by day: an invoice still open counts at the days late so far.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from paydelay.errors import LeakageError
from paydelay.history.facts import NEVER, Codes, Days

Integers = NDArray[np.int64]

_DAY_BITS = 17
_DAY_ZERO = 1 << 14
"""Days run from 1925 to 2283 in 17 bits, which covers every date a ledger may hold."""


def entity_day_key(entity: Codes, day: NDArray[np.integer]) -> Integers:
    """One integer that sorts by entity, then by day; days beyond reach sort last."""
    clipped = np.clip(day.astype(np.int64) + _DAY_ZERO, 0, (1 << _DAY_BITS) - 1)
    return (entity.astype(np.int64) << _DAY_BITS) | clipped


def sort_order(key: Integers) -> Integers:
    """Stable order of a key; packs key and position into one integer where they fit."""
    if not len(key):
        return np.empty(0, np.int64)
    position_bits = max(1, int(len(key) - 1).bit_length())
    if int(key.max()).bit_length() + position_bits < 63:
        packed = (key << position_bits) | np.arange(len(key), dtype=np.int64)
        packed.sort()
        return packed & ((1 << position_bits) - 1)
    return np.argsort(key, kind="stable")


def prefix_sums(values: Integers) -> Integers:
    """Cumulative sums with a leading zero; wrap-around cancels in differences."""
    sums = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, dtype=np.int64, out=sums[1:])
    return sums


@dataclass
class EventStream:
    """Entries of entities in order of knowledge, with exact sums over windows.

    Parameters
    ----------
    entity, day : array of shape (n_entries,)
        Whose entry it is, and the day it became known. Entries with a negative
        entity are left out.
    measures : mapping of str to array of shape (n_entries,)
        Whole numbers to sum: cents, days, counts.
    taken_back_day : array of shape (n_entries,), optional
        Day from which an entry no longer holds; NEVER where it stands.
    """

    entity: Codes
    day: Days
    measures: Mapping[str, NDArray[np.integer]]
    taken_back_day: Days | None = None
    _sums: dict[str, tuple[Integers, Integers]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        entries = np.flatnonzero((self.entity >= 0) & (self.day < NEVER))
        key = entity_day_key(self.entity[entries], self.day[entries])
        order = sort_order(key)
        self._order = entries[order]
        self._key = key[order]
        self._minus_key = np.empty(0, np.int64)
        self._minus_position = np.empty(0, np.int64)
        if self.taken_back_day is not None:
            back = self.taken_back_day[self._order]
            position = np.flatnonzero(back < NEVER)
            minus_key = entity_day_key(self.entity[self._order[position]], back[position])
            minus_order = sort_order(minus_key)
            self._minus_key = minus_key[minus_order]
            self._minus_position = position[minus_order]

    def _prefix(self, measure: str) -> tuple[Integers, Integers]:
        if measure not in self._sums:
            values = self._values(measure)
            self._sums[measure] = (prefix_sums(values), prefix_sums(values[self._minus_position]))
        return self._sums[measure]

    def _values(self, measure: str, position: Integers | slice = slice(None)) -> Integers:
        entries = self._order[position]
        if measure == "count":
            return np.ones(len(entries), np.int64)
        return self.measures[measure][entries].astype(np.int64)

    def forget(self) -> None:
        """Drop the cached prefix sums, to give the memory back."""
        self._sums.clear()

    def end(self, entity: Codes, day: NDArray[np.integer]) -> Integers:
        """Number of entries of all entities that sort up to (entity, day), that day included."""
        return np.searchsorted(self._key, entity_day_key(entity, day), side="right")

    def start(self, entity: Codes) -> Integers:
        """Position of the first entry of each entity."""
        return np.searchsorted(self._key, entity.astype(np.int64) << _DAY_BITS, side="left")

    def total(self, measure: str, entity: Codes, day: NDArray[np.integer]) -> Integers:
        """Sum of all entries known, and standing, on a day."""
        plus, minus = self._prefix(measure)
        sums = plus[self.end(entity, day)] - plus[self.start(entity)]
        if len(self._minus_key):
            key = entity.astype(np.int64)
            last = np.searchsorted(self._minus_key, entity_day_key(entity, day), side="right")
            sums -= minus[last] - minus[np.searchsorted(self._minus_key, key << _DAY_BITS, side="left")]
        return sums

    def window(self, measure: str, entity: Codes, day: NDArray[np.integer], days: int) -> Integers:
        """Sum of the entries that became known in the ``days`` days up to and including ``day``."""
        if days < 1:
            raise LeakageError(f"A window of {days} days was asked; it must be one day or longer.")
        low = np.maximum(self.end(entity, day - days), self.start(entity))
        return self._between(measure, entity, day, low, self.end(entity, day))

    def last(self, measure: str, entity: Codes, day: NDArray[np.integer], last: int) -> Integers:
        """Sum of the last ``last`` entries known on a day; those taken back count as zero."""
        if last < 1:
            raise LeakageError(f"The last {last} entries were asked; it must be one or more.")
        high = self.end(entity, day)
        low = np.maximum(high - last, self.start(entity))
        return self._between(measure, entity, day, low, high)

    def latest_day(self, entity: Codes, day: NDArray[np.integer]) -> Days:
        """Day of the latest entry known on a day; NEVER where there is none."""
        high = self.end(entity, day)
        found = high > self.start(entity)
        latest = np.full(len(entity), NEVER, np.int32)
        latest[found] = self.day[self._order[high[found] - 1]]
        return latest

    def first_day(self, entity: Codes, day: NDArray[np.integer]) -> Days:
        """Day of the first entry known on a day; NEVER where there is none."""
        low = self.start(entity)
        found = self.end(entity, day) > low
        first = np.full(len(entity), NEVER, np.int32)
        first[found] = self.day[self._order[low[found]]]
        return first

    def latest(self, measure: str, entity: Codes, day: NDArray[np.integer]) -> Integers:
        """Value of the latest entry known on a day; 0 where there is none."""
        high = self.end(entity, day)
        found = high > self.start(entity)
        values = np.zeros(len(entity), np.int64)
        values[found] = self.measures[measure][self._order[high[found] - 1]]
        return values

    def _between(
        self, measure: str, entity: Codes, day: NDArray[np.integer], low: Integers, high: Integers
    ) -> Integers:
        """Sum over positions low..high, less the entries there that were taken back by ``day``."""
        plus, _ = self._prefix(measure)
        sums = plus[high] - plus[low]
        if not len(self._minus_key):
            return sums
        # Few entries are ever taken back, so these are looked at one by one: an
        # entry at or after `low` was taken back after the day that opens the range.
        opening = np.where(low < high, self._key[np.minimum(low, len(self._key) - 1)], 0)
        first = np.searchsorted(self._minus_key, opening, side="left")
        last = np.searchsorted(self._minus_key, entity_day_key(entity, day), side="right")
        size = np.where(low < high, np.maximum(last - first, 0), 0)
        asking = np.repeat(np.arange(len(entity)), size)
        entry = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size) + first[asking]
        position = self._minus_position[entry]
        inside = (position >= low[asking]) & (position < high[asking])
        np.subtract.at(sums, asking[inside], self._values(measure, position[inside]))
        return sums


@dataclass
class CohortStream:
    """Sums over the invoices that fell due in a window, as known on a day.

    What an invoice adds changes with time, as a line: ``slope * day +
    intercept``. It is frozen ``cap_days`` after the due date. For any window at
    least that long, whatever lies before the window is therefore final, and the
    sum over the window is again a difference of two prefix sums.

    Parameters
    ----------
    entity, day : array of shape (n_changes,)
        Whose sums change, and from which day.
    slopes, intercepts : mapping of str to array of shape (n_changes,)
        By how much each measure's line changes.
    final_entity, final_day : array of shape (n_invoices,)
        Entity and due date of each invoice.
    finals : mapping of str to array of shape (n_invoices,)
        What each invoice adds once frozen.
    cap_days : int
        Days after the due date at which an invoice is frozen.
    """

    entity: Codes
    day: Days
    slopes: Mapping[str, Integers]
    intercepts: Mapping[str, Integers]
    final_entity: Codes
    final_day: Days
    finals: Mapping[str, Integers]
    cap_days: int

    def __post_init__(self) -> None:
        measures = {f"slope {name}": values for name, values in self.slopes.items()}
        measures |= {f"intercept {name}": values for name, values in self.intercepts.items()}
        self._changes = EventStream(self.entity, self.day, measures)
        self._finals = EventStream(self.final_entity, self.final_day, self.finals)

    def forget(self) -> None:
        """Drop the cached prefix sums, to give the memory back."""
        self._changes.forget()
        self._finals.forget()

    def total(self, measure: str, entity: Codes, day: NDArray[np.integer]) -> Integers:
        """Sum over all invoices that had fallen due by a day."""
        sums = self._changes.total(f"intercept {measure}", entity, day)
        if measure in self.slopes:
            sums = sums + self._changes.total(f"slope {measure}", entity, day) * day.astype(np.int64)
        return sums

    def window(self, measure: str, entity: Codes, day: NDArray[np.integer], days: int) -> Integers:
        """Sum over the invoices that fell due in the ``days`` days up to and including ``day``."""
        if days < self.cap_days:
            raise LeakageError(
                f"A window of {days} days was asked of invoices frozen {self.cap_days} days after their "
                f"due date; what lies before it is not final, so ask for {self.cap_days} days or more."
            )
        return self.total(measure, entity, day) - self._finals.total(measure, entity, day - days)
