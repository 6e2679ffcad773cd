"""Streams: what happened to an entity, by the day it became known.

A stream is arranged once; every total, window and last-k sum over it is then the
difference of two prefix sums. The cost of a question is the number of rows that
ask it, however long the past.

An :class:`EventStream` sorts its entries by entity and day. A :class:`DayStream`
sums the entries of few entities day by day, which takes no sort and no memory per
entry. In both an entry counts from the day it became known, and may be taken back
on a later day (a settlement whose debit bounced).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from paydelay.errors import LeakageError
from paydelay.history.built import BuiltOnce
from paydelay.history.facts import NEVER, Codes, Days
from paydelay.history.ordering import DAY_BITS, entity_day_key, sort_order

Integers = NDArray[np.int64]
Answer = TypeVar("Answer")
Measure = NDArray[np.integer] | Callable[[], NDArray[np.integer]]
"""Whole numbers of the entries, or how to make them when they are first asked for."""

_Sums = tuple[NDArray[np.integer], Integers, NDArray[np.integer]]
"""Prefix sums of a measure, its values where entries were taken back, and prefix sums of those."""
_FEW_CELLS = 1 << 20


def prefix_sums(values: NDArray[np.integer]) -> NDArray[np.integer]:
    """Cumulative sums with a leading zero; wrap-around cancels in differences."""
    # Counts and days are held at half the size: a ledger has dozens of these.
    flags = values.dtype.itemsize == 1 and len(values) < 1 << 24
    sums: NDArray[np.integer] = np.zeros(len(values) + 1, np.int32 if flags else np.int64)
    np.cumsum(values, dtype=sums.dtype, out=sums[1:])
    small = np.iinfo(np.int32)
    fits = flags or (small.min < sums.min() and sums.max() < small.max)
    return np.asarray(sums, np.int32) if fits else sums


def measured(measures: Mapping[str, Measure], name: str) -> NDArray[np.integer]:
    """Values of a measure, made now where they were only described."""
    values = measures[name]
    return values if isinstance(values, np.ndarray) else values()


@dataclass(frozen=True)
class Span:
    """Where the answer to one question lies, whatever the measure.

    ``low`` and ``high`` are positions in the prefix sums, one pair per asker;
    ``back_low`` and ``back_high`` those of entries taken back, for totals.
    ``asker`` and ``back`` list, for windows, the entries inside that no longer hold.
    """

    low: Integers
    high: Integers
    back_low: Integers | None = None
    back_high: Integers | None = None
    asker: Integers | None = None
    back: Integers | None = None


class Answers:
    """Where the answers of one set of rows lie, kept while they ask for further measures.

    A view holds one, so that what it found is given back with the view.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[int, str], list[tuple[Codes, NDArray[np.integer], object]]] = {}
        self._streams: dict[int, _Dated] = {}
        self._made: dict[Hashable, object] = {}

    def once(self, key: Hashable, make: Callable[[], Answer]) -> Answer:
        """What was made under a key before, or is made now."""
        if key not in self._made:
            self._made[key] = make()
        return cast(Answer, self._made[key])

    def find(
        self,
        stream: _Dated,
        question: str,
        asked: tuple[Codes, NDArray[np.integer]],
        search: Callable[[], Answer],
    ) -> Answer:
        """Answer to a question about (entity, day) found before, or searched now."""
        # Held, so that no other stream can come to have its number.
        self._streams[id(stream)] = stream
        found = self._found.setdefault((id(stream), question), [])
        for entity, day, answer in found:
            if np.array_equal(entity, asked[0]) and np.array_equal(day, asked[1]):
                return cast(Answer, answer)
        fresh = search()
        found.append((*asked, fresh))
        return fresh


@dataclass
class _Dated(ABC):
    """Sums over entries that hold from a day on, and perhaps until another.

    Parameters
    ----------
    entity, day : array of shape (n_entries,)
        Whose entry it is, and the day it became known. Entries with a negative
        entity are left out.
    measures : mapping of str to array of shape (n_entries,), or to a callable that makes it
        Whole numbers to sum: cents, days, counts.
    taken_back_day : array of shape (n_entries,), optional
        Day from which an entry no longer holds; NEVER where it stands.
    """

    entity: NDArray[np.integer]
    day: Days
    measures: Mapping[str, Measure]
    taken_back_day: Days | None = None
    _sums: BuiltOnce[str, _Sums] = field(default_factory=BuiltOnce, repr=False)
    # Entries taken back, sorted by entity and that day, and where each one is.
    _back_key: Integers = field(default_factory=lambda: np.empty(0, np.int64), repr=False)
    _back_entry: Integers = field(default_factory=lambda: np.empty(0, np.int64), repr=False)
    _back_position: NDArray[np.integer] = field(default_factory=lambda: np.empty(0, np.int64), repr=False)

    @abstractmethod
    def end(self, entity: Codes, day: NDArray[np.integer]) -> Integers:
        """Position in the prefix sums after the last entry of (entity, day)."""

    @abstractmethod
    def start(self, entity: Codes) -> Integers:
        """Position in the prefix sums before the first entry of each entity."""

    @abstractmethod
    def _prefix(self, measure: str) -> NDArray[np.integer]:
        """Prefix sums of a measure over the positions."""

    def _laid_out(self) -> NDArray[np.integer]:
        """Cell of each entry when entities and days are laid out in one line, a cell per day.

        Entries that belong to nobody, or never become known, come after the last cell.
        """
        counted = (self.entity >= 0) & (self.day < NEVER)
        complete = bool(counted.all())
        known = self.day if complete else self.day[counted]
        self._first_day = int(known.min()) if len(known) else 0
        self._days = int(known.max()) - self._first_day + 1 if len(known) else 1
        self._cell_count = (int(self.entity.max()) + 1) * self._days if len(known) else 0
        kind = np.int32 if self._cell_count < 1 << 31 else np.int64
        cell: NDArray[np.integer] = np.multiply(self.entity, self._days, dtype=kind, casting="same_kind")
        cell += self.day - np.int32(self._first_day)
        if not complete:
            cell[~counted] = self._cell_count
        return cell

    def _cells_until(self, entity: Codes, day: NDArray[np.integer]) -> Integers:
        """Number of cells up to (entity, day), that day included."""
        days = np.clip(day.astype(np.int64) - self._first_day + 1, 0, self._days)
        cells: Integers = np.clip(entity * self._days + days, 0, self._cell_count)
        return cells

    def _arrange_taken_back(self, entry: NDArray[np.integer], position: NDArray[np.integer]) -> None:
        """Sort the entries taken back; ``position`` says where each of ``entry`` lies."""
        if self.taken_back_day is not None:
            back = self.taken_back_day[entry]
            row = np.flatnonzero(back < NEVER)
            key = entity_day_key(self.entity[entry[row]], back[row])
            order = sort_order(key)
            self._back_key = key[order]
            self._back_entry = entry[row[order]].astype(np.int64)
            self._back_position = position[row[order]]
        # All is arranged by now; millions of entries need not be held twice.
        nothing = np.empty(0, np.int64)
        self.entity, self.day, self.taken_back_day = nothing, nothing.astype(np.int32), None

    def _values(self, measure: str, entry: Integers) -> Integers:
        if measure == "count":
            return np.ones(len(entry), np.int64)
        return measured(self.measures, measure)[entry].astype(np.int64)

    def forget(self) -> None:
        """Drop the cached prefix sums, to give the memory back."""
        self._sums.clear()

    def span(
        self, entity: Codes, day: NDArray[np.integer], days: int | None, answers: Answers | None
    ) -> Span:
        """Where the entries known on a day lie: all of them, or those of the last ``days`` days."""
        answers = answers or Answers()
        return answers.find(
            self, f"{days} days", (entity, day), lambda: self._span(entity, day, days, answers)
        )

    def _known(self, entity: Codes, day: NDArray[np.integer], answers: Answers) -> Integers:
        """:meth:`end`, searched once for all windows that end on a day."""
        return answers.find(self, "end", (entity, day), lambda: self.end(entity, day))

    def _span(self, entity: Codes, day: NDArray[np.integer], days: int | None, answers: Answers) -> Span:
        if days is None:
            low, high = self.start(entity), self._known(entity, day, answers)
            if not len(self._back_key):
                return Span(low, high)
            back_low = np.searchsorted(self._back_key, entity.astype(np.int64) << DAY_BITS, side="left")
            back_high = np.searchsorted(self._back_key, entity_day_key(entity, day), side="right")
            return Span(low, high, back_low, back_high)
        if days < 1:
            raise LeakageError(f"A window of {days} days was asked; it must be one day or longer.")
        before = day - days
        low = np.maximum(self.end(entity, before), self.start(entity))
        opening = entity_day_key(entity, before)
        return self._without_taken_back(entity, day, low, self._known(entity, day, answers), opening)

    def sums(self, measure: str, span: Span) -> Integers:
        """Sum of a measure over a span, one number per asker."""
        plus, back, back_sums = self._sums.get(measure, lambda: self._summed(measure))
        sums = self._difference(plus, measure, span)
        if span.back_low is not None and span.back_high is not None:
            sums -= back_sums[span.back_high]
            sums += back_sums[span.back_low]
        if span.asker is not None and span.back is not None:
            np.subtract.at(sums, span.asker, back[span.back])
        return sums

    def _difference(self, prefix: NDArray[np.integer], measure: str, span: Span) -> Integers:  # noqa: ARG002
        difference = prefix[span.high].astype(np.int64)
        difference -= prefix[span.low]
        return difference

    def _summed(self, measure: str) -> _Sums:
        back = self._values(measure, self._back_entry)
        return self._prefix(measure), back, prefix_sums(back)

    def total(
        self, measure: str, entity: Codes, day: NDArray[np.integer], answers: Answers | None = None
    ) -> Integers:
        """Sum of all entries known, and standing, on a day."""
        return self.sums(measure, self.span(entity, day, None, answers))

    def window(
        self,
        measure: str,
        entity: Codes,
        day: NDArray[np.integer],
        days: int,
        answers: Answers | None = None,
    ) -> Integers:
        """Sum of the entries that became known in the ``days`` days up to and including ``day``."""
        return self.sums(measure, self.span(entity, day, days, answers))

    def _without_taken_back(
        self, entity: Codes, day: NDArray[np.integer], low: Integers, high: Integers, opening: Integers
    ) -> Span:
        """Span low..high less the entries there that were taken back by ``day``.

        Few entries are ever taken back, so these are looked at one by one: what
        became known after the key ``opening`` was taken back after it too.
        """
        if not len(self._back_key):
            return Span(low, high)
        first = np.searchsorted(self._back_key, opening, side="left")
        last = np.searchsorted(self._back_key, entity_day_key(entity, day), side="right")
        size = np.where(low < high, np.maximum(last - first, 0), 0)
        asker = np.repeat(np.arange(len(entity)), size)
        place = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size) + first[asker]
        position = self._back_position[place]
        inside = (position >= low[asker]) & (position < high[asker])
        return Span(low, high, asker=asker[inside], back=place[inside])


@dataclass
class EventStream(_Dated):
    """Entries of entities in order of knowledge, with exact sums over windows and over the last few."""

    def __post_init__(self) -> None:
        cell = self._laid_out()
        self._order = sort_order(cell).astype(np.int32)
        self._key = cell[self._order]
        count = int(np.searchsorted(self._key, self._cell_count))
        self._order, self._key = self._order[:count], self._key[:count]
        entities = self._cell_count // self._days
        cells = np.arange(entities + 1, dtype=np.int64) * self._days
        self._first = np.searchsorted(self._key, cells.astype(self._key.dtype))
        self._arrange_taken_back(self._order, np.arange(count))

    def _prefix(self, measure: str) -> NDArray[np.integer]:
        if measure == "count":
            return self._order[:0]
        return prefix_sums(measured(self.measures, measure)[self._order])

    def _difference(self, prefix: NDArray[np.integer], measure: str, span: Span) -> Integers:
        # Positions count the entries: sums of ones need not be held.
        return span.high - span.low if measure == "count" else super()._difference(prefix, measure, span)

    def end(self, entity: Codes, day: NDArray[np.integer]) -> Integers:
        """Number of entries of all entities that sort up to (entity, day), that day included."""
        if not len(self._key):
            return np.zeros(len(entity), np.int64)
        return np.searchsorted(self._key, self._cells_until(entity, day).astype(self._key.dtype))

    def start(self, entity: Codes) -> Integers:
        """Number of entries of all entities that sort before an entity."""
        first: Integers = self._first[np.clip(entity, 0, len(self._first) - 1)]
        return first

    def last(
        self,
        measure: str,
        entity: Codes,
        day: NDArray[np.integer],
        last: int,
        answers: Answers | None = None,
    ) -> Integers:
        """Sum of the last ``last`` entries known on a day; those taken back count as zero."""
        if last < 1:
            raise LeakageError(f"The last {last} entries were asked; it must be one or more.")
        kept = answers or Answers()
        span = kept.find(
            self, f"last {last}", (entity, day), lambda: self._last_span(entity, day, last, kept)
        )
        return self.sums(measure, span)

    def _last_span(self, entity: Codes, day: NDArray[np.integer], last: int, answers: Answers) -> Span:
        high = self._known(entity, day, answers)
        low = np.maximum(high - last, self.start(entity))
        if not len(self._back_key):
            return Span(low, high)
        opening = entity_day_key(entity, self._day_at(np.minimum(low, len(self._key) - 1)))
        return self._without_taken_back(entity, day, low, high, opening)

    def _day_at(self, position: Integers) -> Days:
        return (self._key[position] % self._days + self._first_day).astype(np.int32)

    def latest_day(self, entity: Codes, day: NDArray[np.integer], answers: Answers | None = None) -> Days:
        """Day of the latest entry known on a day; NEVER where there is none."""
        high = self._known(entity, day, answers or Answers())
        found = high > self.start(entity)
        latest = np.full(len(entity), NEVER, np.int32)
        latest[found] = self._day_at(high[found] - 1)
        return latest

    def first_day(self, entity: Codes, day: NDArray[np.integer], answers: Answers | None = None) -> Days:
        """Day of the first entry known on a day; NEVER where there is none."""
        low = self.start(entity)
        found = self._known(entity, day, answers or Answers()) > low
        first = np.full(len(entity), NEVER, np.int32)
        first[found] = self._day_at(low[found])
        return first

    def latest(
        self, measure: str, entity: Codes, day: NDArray[np.integer], answers: Answers | None = None
    ) -> Integers:
        """Value of the latest entry known on a day; 0 where there is none."""
        high = self._known(entity, day, answers or Answers())
        found = high > self.start(entity)
        values = np.zeros(len(entity), np.int64)
        values[found] = measured(self.measures, measure)[self._order[high[found] - 1]]
        return values


@dataclass
class DayStream(_Dated):
    """Entries of few entities summed by day: one cell per entity and day, no sort.

    It answers totals and windows, as an :class:`EventStream` does, but not the
    last few entries, which lie within a day.
    """

    def __post_init__(self) -> None:
        self._cell = self._laid_out()
        entry = np.flatnonzero(self._cell < self._cell_count)
        self._arrange_taken_back(entry, self._cell[entry])
        if not self._cell_count:
            self._cell = self._cell[:0].copy()
        elif self._cell_count <= np.iinfo(np.int16).max:
            self._cell = self._cell.astype(np.int16)

    @staticmethod
    def suits(entity: NDArray[np.integer], day: Days) -> bool:
        """Whether entities and days are few enough for one cell each."""
        known = day[day < NEVER]
        if not len(known):
            return False
        cells = (int(entity.max()) + 1) * (int(known.max()) - int(known.min()) + 1)
        return cells <= max(_FEW_CELLS, len(entity))

    def _prefix(self, measure: str) -> NDArray[np.integer]:
        cells = np.zeros(self._cell_count + 1, np.int64)
        if len(self._cell):
            values = 1 if measure == "count" else measured(self.measures, measure).astype(np.int64)
            np.add.at(cells, self._cell, values)
        return prefix_sums(cells[:-1])

    def end(self, entity: Codes, day: NDArray[np.integer]) -> Integers:
        """Number of cells up to (entity, day), that day included."""
        return self._cells_until(entity, day)

    def start(self, entity: Codes) -> Integers:
        """Number of cells before an entity."""
        cells: Integers = np.clip(entity * self._days, 0, self._cell_count)
        return cells


def stream_of(
    entity: NDArray[np.integer],
    day: Days,
    measures: Mapping[str, Measure],
    taken_back_day: Days | None = None,
    ordered: bool = True,
) -> EventStream | DayStream:
    """The cheaper of the two arrangements; ``ordered`` asks for the one that knows the last few."""
    kind = DayStream if not ordered and DayStream.suits(entity, day) else EventStream
    return kind(entity, day, measures, taken_back_day)
