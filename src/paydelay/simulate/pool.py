"""The open invoices of the simulation, one array per property."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from paydelay.simulate.days import Array

NEVER = -1
"""Day that stands for 'not planned'."""


@dataclass
class Pool:
    """Invoices that are not finished, kept in the order of customer and number.

    The order is what lets a payment run see which older invoices of the same
    customer come first; invoices issued later never matter to older ones, so
    that a re-simulation needs no new invoices to be exact.

    Attributes
    ----------
    number : ndarray of int32
        Position in the order of issue.
    customer : ndarray of int32
        Position among the agents.
    due, agreed : ndarray of int32
        Due date as first agreed, and the date now agreed after rescheduling.
    amount, unpaid : ndarray of int64
        Cents of the document, and what is still to pay after credit notes.
    size : ndarray of float32
        Log of the amount against the customer's usual one.
    closed : ndarray of bool
        Finished; such rows wait for the next clearing of the pool.
    approved, disputed, was_disputed, rescheduled : ndarray of bool
        Paperwork at the customer's.
    debited : ndarray of bool
        The seller collected once already, so that the ordinary run pays next.
    bounce_day : ndarray of int32
        Day on which a payment just made will come back.
    on_account, on_account_stuck : ndarray of bool
        Cash has arrived without a reference and waits to be matched.
    deducted : ndarray of bool
        Paid short; the difference waits for a credit note.
    promise_day, plan_day, plan_left : ndarray
        Promised day, next instalment, instalments left.
    reminder_day, reminder_level : ndarray
        Day of the last reminder and how many were sent.
    with_agency : ndarray of bool
        Handed to a collection agency.
    """

    number: Array
    customer: Array
    due: Array
    agreed: Array
    amount: Array
    unpaid: Array
    size: Array
    closed: Array
    approved: Array
    disputed: Array
    was_disputed: Array
    rescheduled: Array
    debited: Array
    bounce_day: Array
    on_account: Array
    on_account_stuck: Array
    deducted: Array
    promise_day: Array
    plan_day: Array
    plan_left: Array
    reminder_day: Array
    reminder_level: Array
    with_agency: Array

    def __len__(self) -> int:
        return len(self.number)

    @classmethod
    def of(
        cls, number: Array, customer: Array, due: Array, cents: Array, size: Array, approved: Array
    ) -> Pool:
        """A pool of freshly issued invoices."""
        count = len(number)

        def flags() -> Array:
            return np.zeros(count, dtype=bool)

        def never() -> Array:
            return np.full(count, NEVER, dtype=np.int32)

        return cls(
            number=number.astype(np.int32),
            customer=customer.astype(np.int32),
            due=due.astype(np.int32),
            agreed=due.astype(np.int32),
            amount=cents.astype(np.int64),
            unpaid=cents.astype(np.int64),
            size=size.astype(np.float32),
            closed=flags(),
            approved=approved.astype(bool),
            disputed=flags(),
            was_disputed=flags(),
            rescheduled=flags(),
            debited=flags(),
            bounce_day=never(),
            on_account=flags(),
            on_account_stuck=flags(),
            deducted=flags(),
            promise_day=never(),
            plan_day=never(),
            plan_left=np.zeros(count, dtype=np.int16),
            reminder_day=never(),
            reminder_level=np.zeros(count, dtype=np.int16),
            with_agency=flags(),
        )

    def take(self, rows: Array) -> Pool:
        """A copy of the rows at those positions (or where a mask is true)."""
        return Pool(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def with_new(self, new: Pool) -> Pool:
        """The pool and freshly issued invoices, in the pool's order; finished rows are dropped."""
        rows = np.flatnonzero(~self.closed)
        merged = {
            field.name: np.concatenate([getattr(self, field.name)[rows], getattr(new, field.name)])
            for field in fields(self)
        }
        # Numbers grow with issue, so that a stable sort by customer keeps them in order.
        order = np.argsort(merged["customer"], kind="stable")
        return Pool(**{name: values[order] for name, values in merged.items()})

    def cleared(self, above_share: float = 0.1) -> Pool:
        """The pool without its finished rows, once they are more than that share."""
        if np.count_nonzero(self.closed) <= above_share * len(self):
            return self
        return self.take(~self.closed)
