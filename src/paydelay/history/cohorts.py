"""Invoices by due date, the open ones counted at the days late so far.

A mean over settled invoices only shows the quick payers. In a cohort every
invoice that fell due takes part: a settled one with its delay, an open one with
the days it is late by then. Each is followed for a stated number of days after
its due date and then frozen, which makes the past of any longer window final.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from paydelay.history.entries import COHORT_CAP_DAYS, COHORT_EARLY_DAYS
from paydelay.history.facts import NEVER, Cents, Days
from paydelay.history.streams import Measure

if TYPE_CHECKING:
    from paydelay.history.history import History

_LATE_THRESHOLDS = {"late": 0, "late15": 15, "late30": 30}
_KINDS = {"count": np.int8, "slope": np.int8, "delay": np.int32} | dict.fromkeys(_LATE_THRESHOLDS, np.int8)
"""How each measure of a change is held: there are several changes to every invoice of a ledger."""


@dataclass(frozen=True)
class Cohort:
    """Changes of each invoice's line, and what it comes to, in coded form.

    ``measures`` holds ``slope NAME`` and ``intercept NAME`` of each change;
    ``finals`` what each invoice adds once frozen.
    """

    invoice: NDArray[np.int32]
    day: Days
    measures: dict[str, Measure]
    final_invoice: NDArray[np.int32]
    finals: dict[str, Measure]


@dataclass(frozen=True)
class _Pieces:
    """States that overlap the time between due date and freezing, with the state before each."""

    invoice: NDArray[np.int32]
    due: Days
    start: Days
    end: Days
    """First day of the next state; NEVER where the state holds when frozen."""
    open: NDArray[np.bool_]
    delay: Days
    counted: NDArray[np.bool_]
    follows: NDArray[np.bool_]
    """The row before is an earlier piece of the same invoice."""


class _Changes:
    """Changes of the lines, gathered part by part; what a part does not name stays as it was."""

    def __init__(self) -> None:
        self.invoice: list[NDArray[np.int32]] = []
        self.day: list[Days] = []
        self.measures: dict[str, list[NDArray[np.integer]]] = {name: [] for name in _KINDS}

    def add(self, invoice: NDArray[np.int32], day: Days, moved: dict[str, NDArray[np.integer] | int]) -> None:
        self.invoice.append(invoice)
        self.day.append(day)
        for name, kind in _KINDS.items():
            values = np.broadcast_to(np.asarray(moved.get(name, 0), kind), len(invoice))
            self.measures[name].append(values)


def _pieces(history: History) -> _Pieces:
    states, invoices = history.states, history.invoices
    due = invoices.due_day[states.invoice]
    start = np.maximum(states.from_day, due)
    row = np.flatnonzero((states.from_day <= due + COHORT_CAP_DAYS) & (states.to_day > start))
    invoice, due, start = states.invoice[row].astype(np.int32), due[row], start[row]
    to_day = states.to_day[row]
    is_open = states.is_open[row]
    delay = np.clip(states.settled_day[row] - due, -COHORT_EARLY_DAYS, COHORT_CAP_DAYS)
    delay[is_open] = 0
    follows = np.zeros(len(row), np.bool_)
    follows[1:] = invoice[1:] == invoice[:-1]
    return _Pieces(
        invoice=invoice,
        due=due,
        start=start,
        end=np.where(to_day > due + COHORT_CAP_DAYS, NEVER, to_day),
        open=is_open,
        delay=delay,
        counted=~states.cancelled[row],
        follows=follows,
    )


def _change(
    now: NDArray[np.generic], before: NDArray[np.generic], follows: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """What a piece adds less what the piece before it had added until then."""
    change = now.astype(np.int32)
    change[1:] -= np.where(follows[1:], before[:-1], 0).astype(np.int32)
    return change


def cohort(history: History) -> Cohort:
    """Every invoice's line from its due date on."""
    pieces = _pieces(history)
    is_open = pieces.open & pieces.counted
    settled = ~pieces.open & pieces.counted
    constant = np.where(is_open, -pieces.due, np.where(settled, pieces.delay, 0))
    moved: dict[str, NDArray[np.integer] | int] = {
        "count": _change(pieces.counted, pieces.counted, pieces.follows),
        "slope": _change(is_open, is_open, pieces.follows),
        "delay": _change(constant, constant, pieces.follows),
    }
    for name, limit in _LATE_THRESHOLDS.items():
        now = np.where(is_open, pieces.start > pieces.due + limit, settled & (pieces.delay > limit))
        # Before this piece the open piece before it had crossed the limit by its own last day.
        next_start = np.append(pieces.start[1:], 0)
        before = np.where(is_open, next_start - 1 > pieces.due + limit, settled & (pieces.delay > limit))
        moved[name] = _change(now, before, pieces.follows)
    changes = _Changes()
    changes.add(pieces.invoice, pieces.start, moved)
    frozen = np.flatnonzero(is_open & (pieces.end == NEVER))
    end = pieces.due[frozen] + np.int32(COHORT_CAP_DAYS)
    changes.add(pieces.invoice[frozen], end, {"slope": -1, "delay": end})
    for name, limit in _LATE_THRESHOLDS.items():
        row = _crossing(pieces, is_open, limit)
        changes.add(pieces.invoice[row], pieces.due[row] + np.int32(limit + 1), {name: 1})
    invoice = np.concatenate(changes.invoice)
    final_invoice, finals = _finals(history, pieces, is_open, settled)
    return Cohort(
        invoice=invoice,
        day=np.concatenate(changes.day),
        measures=_line_measures(changes, invoice, history.invoices.amount_reporting),
        final_invoice=final_invoice,
        finals=finals,
    )


def _line_measures(changes: _Changes, invoice: NDArray[np.int32], amount: Cents) -> dict[str, Measure]:
    """Measures of the changes; products are made when asked for."""
    merged = {name: np.concatenate(parts) for name, parts in changes.measures.items()}
    slope = merged.pop("slope")
    measures: dict[str, Measure] = {f"intercept {name}": values for name, values in merged.items()}
    measures["slope delay"] = slope
    measures["slope amount_delay"] = lambda: slope * amount[invoice]
    measures["intercept amount"] = lambda: merged["count"] * amount[invoice]
    measures["intercept amount_delay"] = lambda: merged["delay"] * amount[invoice]
    return measures


def _crossing(pieces: _Pieces, is_open: NDArray[np.bool_], limit: int) -> NDArray[np.intp]:
    """Open pieces during which an invoice becomes more than ``limit`` days late."""
    day = pieces.due + limit + 1
    return np.flatnonzero(is_open & (pieces.start < day) & (day < pieces.end))


def _finals(
    history: History, pieces: _Pieces, is_open: NDArray[np.bool_], settled: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], dict[str, Measure]]:
    """What each invoice adds for ever once its time is over."""
    last = np.flatnonzero((pieces.end == NEVER) & pieces.counted)
    invoice = pieces.invoice[last]
    delay = np.where(is_open[last], COHORT_CAP_DAYS, pieces.delay[last]).astype(np.int32)
    amount = history.invoices.amount_reporting
    finals: dict[str, Measure] = {
        "delay": delay,
        "amount": lambda: amount[invoice],
        "amount_delay": lambda: delay * amount[invoice],
    }
    for name, limit in _LATE_THRESHOLDS.items():
        finals[name] = (is_open[last] | (settled[last] & (delay > limit))).astype(np.int8)
    return invoice, finals
