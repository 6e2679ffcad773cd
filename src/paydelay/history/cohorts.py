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
from paydelay.history.facts import NEVER, Codes, Days
from paydelay.history.streams import Integers

if TYPE_CHECKING:
    from paydelay.history.history import History

_LATE_THRESHOLDS = {"late": 0, "late15": 15, "late30": 30}


@dataclass(frozen=True)
class Cohort:
    """Changes of each invoice's line, and what it comes to, in coded form."""

    invoice: Codes
    day: Days
    slopes: dict[str, Integers]
    intercepts: dict[str, Integers]
    final_invoice: Codes
    finals: dict[str, Integers]


@dataclass(frozen=True)
class _Pieces:
    """States that overlap the time between due date and freezing, with the state before each."""

    invoice: Codes
    due: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    """First day of the next state; NEVER where the state holds when frozen."""
    open: NDArray[np.bool_]
    delay: NDArray[np.int64]
    counted: NDArray[np.bool_]
    follows: NDArray[np.bool_]
    """The row before is an earlier piece of the same invoice."""


def _pieces(history: History) -> _Pieces:
    states, invoices = history.states, history.invoices
    due = invoices.due_day[states.invoice].astype(np.int64)
    start = np.maximum(states.from_day, due)
    row = np.flatnonzero((states.from_day <= due + COHORT_CAP_DAYS) & (states.to_day > start))
    invoice, due, start = states.invoice[row], due[row], start[row]
    to_day = states.to_day[row].astype(np.int64)
    is_open = states.is_open[row]
    delay = np.clip(states.settled_day[row] - due, -COHORT_EARLY_DAYS, COHORT_CAP_DAYS)
    follows = np.zeros(len(row), np.bool_)
    follows[1:] = invoice[1:] == invoice[:-1]
    return _Pieces(
        invoice=invoice,
        due=due,
        start=start,
        end=np.where(to_day > due + COHORT_CAP_DAYS, np.int64(NEVER), to_day),
        open=is_open,
        delay=np.where(is_open, 0, delay),
        counted=~states.cancelled[row],
        follows=follows,
    )


def _change(now: NDArray[np.generic], before: NDArray[np.generic], follows: NDArray[np.bool_]) -> Integers:
    """What a piece adds less what the piece before it had added until then."""
    change = now.astype(np.int64)
    change[1:] -= np.where(follows[1:], before[:-1].astype(np.int64), 0)
    return change


def cohort(history: History) -> Cohort:
    """Every invoice's line from its due date on."""
    pieces = _pieces(history)
    is_open = pieces.open & pieces.counted
    settled = ~pieces.open & pieces.counted
    constant = np.where(is_open, -pieces.due, np.where(settled, pieces.delay, 0))
    rows = [pieces.invoice]
    days = [pieces.start]
    changes: dict[str, list[Integers]] = {
        "count": [_change(pieces.counted, pieces.counted, pieces.follows)],
        "slope": [_change(is_open, is_open, pieces.follows)],
        "delay": [_change(constant, constant, pieces.follows)],
    }
    crossings = {name: _crossing(pieces, is_open, limit) for name, limit in _LATE_THRESHOLDS.items()}
    for name, limit in _LATE_THRESHOLDS.items():
        now = np.where(is_open, pieces.start > pieces.due + limit, settled & (pieces.delay > limit))
        # Before this piece the open piece before it had crossed the limit by its own last day.
        next_start = np.append(pieces.start[1:], 0)
        before = np.where(is_open, next_start - 1 > pieces.due + limit, settled & (pieces.delay > limit))
        changes[name] = [_change(now, before, pieces.follows)]
    frozen = np.flatnonzero(is_open & (pieces.end == NEVER))
    _append(rows, days, changes, pieces.invoice[frozen], pieces.due[frozen] + COHORT_CAP_DAYS)
    changes["slope"][-1][:] = -1
    changes["delay"][-1][:] = pieces.due[frozen] + COHORT_CAP_DAYS
    for name, row in crossings.items():
        _append(rows, days, changes, pieces.invoice[row], pieces.due[row] + _LATE_THRESHOLDS[name] + 1)
        changes[name][-1][:] = 1
    invoice = np.concatenate(rows)
    merged = {name: np.concatenate(parts) for name, parts in changes.items()}
    amount = history.invoices.amount_reporting[invoice]
    slope = merged.pop("slope")
    intercepts = merged | {"amount_delay": merged["delay"] * amount, "amount": merged["count"] * amount}
    final_invoice, finals = _finals(history, pieces, is_open, settled)
    return Cohort(
        invoice=invoice,
        day=np.concatenate(days).astype(np.int32),
        slopes={"delay": slope, "amount_delay": slope * amount},
        intercepts=intercepts,
        final_invoice=final_invoice,
        finals=finals,
    )


def _append(
    rows: list[Codes], days: list[Integers], changes: dict[str, list[Integers]], row: Codes, day: Integers
) -> None:
    """Room for further changes, all zero until the caller says which measure moves."""
    rows.append(row)
    days.append(day)
    for parts in changes.values():
        parts.append(np.zeros(len(row), np.int64))


def _crossing(pieces: _Pieces, is_open: NDArray[np.bool_], limit: int) -> NDArray[np.intp]:
    """Open pieces during which an invoice becomes more than ``limit`` days late."""
    day = pieces.due + limit + 1
    return np.flatnonzero(is_open & (pieces.start < day) & (day < pieces.end))


def _finals(
    history: History, pieces: _Pieces, is_open: NDArray[np.bool_], settled: NDArray[np.bool_]
) -> tuple[Codes, dict[str, Integers]]:
    """What each invoice adds for ever once its time is over."""
    last = np.flatnonzero((pieces.end == NEVER) & pieces.counted)
    invoice = pieces.invoice[last]
    delay = np.where(is_open[last], COHORT_CAP_DAYS, pieces.delay[last])
    amount = history.invoices.amount_reporting[invoice]
    finals: dict[str, Integers] = {
        "count": np.ones(len(last), np.int64),
        "delay": delay,
        "amount": amount,
        "amount_delay": delay * amount,
    }
    for name, limit in _LATE_THRESHOLDS.items():
        finals[name] = (is_open[last] | (settled[last] & (delay > limit))).astype(np.int64)
    return invoice, finals
