"""Invoices by due date, the open ones counted at the days late so far.

A mean over settled invoices only shows the quick payers. In a cohort every
invoice that fell due takes part: a settled one with its delay, an open one with
the days it is late by then. Each is followed for a stated number of days after
its due date and then frozen, which makes the past of any longer window final.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from paydelay.errors import LeakageError
from paydelay.history.entries import COHORT_CAP_DAYS, COHORT_EARLY_DAYS
from paydelay.history.facts import NEVER, Codes, Days
from paydelay.history.ordering import sort_order
from paydelay.history.streams import Answers, DayStream, EventStream, Integers, Measure, measured

if TYPE_CHECKING:
    from paydelay.history.history import History

_LATE_THRESHOLDS = {"late": 0, "late15": 15, "late30": 30}


@dataclass(frozen=True)
class Lateness:
    """What some invoices add to their cohorts, each as known on a day of its own.

    Invoices not known by then, or wholly credited, are left out.
    """

    invoice: NDArray[np.int32]
    measures: Mapping[str, Measure]


def lateness(history: History, invoice: Codes, day: Days) -> Lateness:
    """How late each invoice was on a day: by its settlement where there is one, so far where not."""
    states, facts = history.states, history.invoices
    row = history.state_row(invoice, day)
    counted = np.flatnonzero((row >= 0) & ~states.cancelled[np.maximum(row, 0)]) if len(facts) else row[:0]
    invoice, row = invoice[counted], row[counted]
    due, settled = facts.due_day[invoice], states.settled_day[row]
    so_far = day[counted] - due
    delay = np.where(
        settled == NEVER, so_far, np.clip(settled - due, -COHORT_EARLY_DAYS, COHORT_CAP_DAYS)
    ).astype(np.int32)
    amount = facts.amount_reporting
    measures: dict[str, Measure] = {
        "delay": delay,
        "amount": lambda: amount[invoice],
        "amount_delay": lambda: delay * amount[invoice],
    }
    for name, limit in _LATE_THRESHOLDS.items():
        measures[name] = (delay > limit).astype(np.int8)
    return Lateness(invoice.astype(np.int32), measures)


class Cohorts:
    """All invoices by due date: what each adds for ever, and what the young ones add on a day.

    Parameters
    ----------
    history : History
        The ledger by what was known when.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        due = history.invoices.due_day
        order = sort_order(due - due.min()) if len(due) else np.empty(0, np.int64)
        self._due, self._invoice = due[order], order.astype(np.int32)
        everyone = np.arange(len(due), dtype=np.int64)
        self.final = lateness(history, everyone, due + np.int32(COHORT_CAP_DAYS))

    def young(self, day: int) -> Lateness:
        """Invoices that fell due by a day and are not frozen yet, as known on it."""
        first, last = np.searchsorted(self._due, [day - COHORT_CAP_DAYS, day], side="right")
        # In order of their codes the states are looked up along the memory, not across it.
        invoice = np.sort(self._invoice[first:last]).astype(np.int64)
        return lateness(self._history, invoice, np.full(len(invoice), day, np.int32))


@dataclass
class CohortStream:
    """Sums over the invoices that fell due in a window, as known on a day.

    What an invoice adds is final COHORT_CAP_DAYS after its due date: older ones
    are a difference of two prefix sums. The younger ones of a day are few, and
    are summed one by one.

    Parameters
    ----------
    cohorts : Cohorts
        Invoices by due date.
    entity : array of shape (n_invoices,)
        Whose each invoice is.
    finals : EventStream or DayStream
        What each invoice adds once frozen, by due date.
    """

    _cohorts: Cohorts
    _entity: NDArray[np.int32]
    _finals: EventStream | DayStream

    def __post_init__(self) -> None:
        self._width = int(self._entity.max(initial=-1)) + 1

    def total(
        self, measure: str, entity: Codes, day: NDArray[np.integer], answers: Answers | None = None
    ) -> Integers:
        """Sum over all invoices that had fallen due by a day."""
        answers = answers or Answers()
        # Windows of any length end on the same young invoices.
        young = answers.find(
            self._finals,
            f"young {measure}",
            (entity, day),
            lambda: self._summed(measure, entity, day, answers),
        )
        return young + self._finals.total(measure, entity, day - COHORT_CAP_DAYS, answers)

    def window(
        self,
        measure: str,
        entity: Codes,
        day: NDArray[np.integer],
        days: int,
        answers: Answers | None = None,
    ) -> Integers:
        """Sum over the invoices that fell due in the ``days`` days up to and including ``day``."""
        if days < COHORT_CAP_DAYS:
            raise LeakageError(
                f"A window of {days} days was asked of invoices frozen {COHORT_CAP_DAYS} days after their "
                f"due date; what lies before it is not final, so ask for {COHORT_CAP_DAYS} days or more."
            )
        before = self._finals.total(measure, entity, day - days, answers)
        return self.total(measure, entity, day, answers) - before

    def _summed(self, measure: str, entity: Codes, day: NDArray[np.integer], answers: Answers) -> Integers:
        """Sum over the young invoices of each asker, as known on its day."""
        sums = np.zeros(len(entity), np.int64)
        order = np.argsort(day, kind="stable")
        days, start = np.unique(day[order], return_index=True)
        for when, asker in zip(days.tolist(), np.split(order, start[1:]), strict=False):
            young = answers.once((self._cohorts, when), partial(self._cohorts.young, when))
            # One cell more, for invoices that belong to nobody (-1) and askers that own none.
            cells = np.zeros(self._width + 1, np.int64)
            values = 1 if measure == "count" else measured(young.measures, measure).astype(np.int64)
            np.add.at(cells, self._entity[young.invoice], values)
            cells[-1] = 0
            sums[asker] = cells[np.clip(entity[asker], -1, self._width)]
        return sums
