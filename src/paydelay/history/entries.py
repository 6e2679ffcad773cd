"""What goes into the streams: the events of a ledger, each with the day it became known.

Every function here turns coded facts into entries. None of them knows an as_of
date: an entry carries the day from which it holds, and the streams do the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.history.facts import NEVER, Codes, Days, codes_of, to_cents, to_days
from paydelay.history.streams import Measure

if TYPE_CHECKING:
    from paydelay.history.history import History
    from paydelay.ledger import Ledger

DELAY_CAP_DAYS = 365
"""Delays are clipped to a year either way, so that one wrong year cannot own a mean."""
COHORT_CAP_DAYS = 60
"""Days after the due date at which an invoice's part in a cohort is frozen."""
COHORT_EARLY_DAYS = 60
"""Payments earlier than this count as this early in a cohort."""
PROMISE_RECORDING_DAYS = 3
"""Days after the promised date at which a promise is judged, for payments still being recorded."""
LOG_SCALE = 1_000_000
"""Fixed point of log amounts, which keeps their sums exact."""


@dataclass(frozen=True)
class Entries:
    """Events in coded form, one element each.

    ``invoice`` is -1 where the event names a customer only.
    """

    invoice: Codes
    customer: Codes
    day: Days
    measures: Mapping[str, NDArray[np.integer]]
    taken_back_day: Days | None = None
    products: Mapping[str, Callable[[], NDArray[np.integer]]] = field(default_factory=dict)
    """Further measures, made when first asked for: most are asked for of one grouping only."""

    @property
    def all_measures(self) -> Mapping[str, Measure]:
        """Measures and products together."""
        return {**self.measures, **self.products}


def log_cents(cents: NDArray[np.int64]) -> NDArray[np.int64]:
    """Natural logarithm of an amount in currency units, in fixed point."""
    scaled = np.rint(np.log(np.maximum(cents, 1) / 100.0) * LOG_SCALE)
    return np.asarray(scaled, np.int64)


def issued(history: History) -> Entries:
    """An invoice became known."""
    invoices = history.invoices
    amount = invoices.amount_reporting
    return Entries(
        invoice=np.arange(len(invoices), dtype=np.int64),
        customer=invoices.customer,
        day=invoices.known_day,
        measures={"amount": amount},
        products={"log_amount": lambda: log_cents(amount)},
    )


def settled(history: History) -> Entries:
    """An invoice was known to be settled, from a day on, until its settlement was taken back."""
    states, invoices = history.states, history.invoices
    valid = (states.settled_day < NEVER) & ~states.cancelled & (states.written_off_day >= states.settled_day)
    value = np.where(valid, states.settled_day, NEVER)
    # A run of states with one settlement date is one entry.
    starts = np.ones(len(value), np.bool_)
    starts[1:] = (states.invoice[1:] != states.invoice[:-1]) | (value[1:] != value[:-1])
    start = np.flatnonzero(starts)
    run_end = np.append(start[1:], len(value))[: len(start)] - 1
    taken_back = states.to_day[run_end]
    kept = value[start] < NEVER
    start, taken_back = start[kept], taken_back[kept]
    invoice = states.invoice[start]
    due = invoices.due_day[invoice]
    delay = np.clip(value[start] - due, -DELAY_CAP_DAYS, DELAY_CAP_DAYS)
    amount = invoices.amount_reporting
    return Entries(
        invoice=invoice,
        customer=invoices.customer[invoice],
        day=states.from_day[start],
        measures={
            "delay": delay,
            "delay_squared": delay * delay,
            "late": (delay > 0).astype(np.int8),
            "late15": (delay > 15).astype(np.int8),
            "late30": (delay > 30).astype(np.int8),
        },
        taken_back_day=taken_back,
        products={
            "amount": lambda: amount[invoice],
            "amount_delay": lambda: amount[invoice] * delay,
            "log_amount": lambda: log_cents(amount[invoice]),
            "payment_days": lambda: np.clip(
                value[start] - invoices.issue_day[invoice], 0, 3 * DELAY_CAP_DAYS
            ),
        },
    )


def partly_paid(history: History) -> Entries:
    """A payment became known that left something of its invoice open."""
    states = history.states
    more = np.zeros(len(states.invoice), np.bool_)
    more[1:] = (states.invoice[1:] == states.invoice[:-1]) & (
        states.payment_count[1:] > states.payment_count[:-1]
    )
    row = np.flatnonzero(more & states.is_open)
    invoice = states.invoice[row]
    return Entries(invoice, history.invoices.customer[invoice], states.from_day[row], {})


def written_off(history: History) -> Entries:
    """A write-off became known."""
    states = history.states
    now = states.written_off_day < NEVER
    new = now.copy()
    new[1:] &= ~(now[:-1] & (states.invoice[1:] == states.invoice[:-1]))
    row = np.flatnonzero(new)
    invoice = states.invoice[row]
    return Entries(invoice, history.invoices.customer[invoice], states.from_day[row], {})


def payment_runs(history: History) -> Entries:
    """A day on which a customer paid, counted once however many invoices it settled."""
    paid = (
        history.ledger.payments.filter((pl.col("kind") == "payment") & (pl.col("amount") > 0))
        .group_by("customer_id", "payment_date")
        .agg(pl.col("known_on").min())
        .sort("customer_id", "payment_date")
    )
    value = paid["payment_date"]
    weekday = value.dt.weekday().to_numpy() - 1
    days_left = (value.dt.month_end() - value).dt.total_days().to_numpy()
    measures: dict[str, NDArray[np.integer]] = {
        f"weekday_{number}": (weekday == number).astype(np.int8) for number in range(7)
    }
    measures["month_end"] = (days_left <= 2).astype(np.int8)
    measures["value_day"] = to_days(value)
    return Entries(
        invoice=np.full(paid.height, -1, np.int64),
        customer=codes_of(paid["customer_id"], history.customers),
        day=to_days(paid["known_on"]),
        measures=measures,
    )


def coded_events(ledger: Ledger, customers: pl.Series) -> pl.DataFrame:
    """Events as codes: invoice, customer, for_all, kind, known_day, event_day, new_day, cents."""
    table = ledger.events
    return pl.DataFrame(
        {
            "invoice": codes_of(table["invoice_id"], ledger.invoices["invoice_id"]),
            "customer": codes_of(table["customer_id"], customers),
            # Not the same as an unknown code: an event may precede what is known of its invoice.
            "for_all": table["invoice_id"].is_null(),
            "kind": table["event_type"],
            "known_day": to_days(table["known_on"]),
            "event_day": to_days(table["event_date"]),
            "new_day": to_days(table["new_date"]),
            "cents": pl.Series(to_cents(table["amount"].fill_null(0.0))),
        }
    )


def events_of(history: History, *kinds: str) -> pl.DataFrame:
    """Rows of :func:`coded_events` of some kinds."""
    return history.events.filter(pl.col("kind").is_in(kinds))


def _entries(events: pl.DataFrame, **measures: NDArray[np.integer]) -> Entries:
    return Entries(
        events["invoice"].to_numpy(),
        events["customer"].to_numpy(),
        events["known_day"].to_numpy(),
        measures,
    )


def reminders(history: History) -> Entries:
    """A reminder was sent."""
    return _entries(events_of(history, "reminder_sent"))


def rescheduled(history: History) -> Entries:
    """A due date was changed; the first one stays the measure of lateness."""
    return _entries(events_of(history, "due_date_changed"))


def disputes(history: History) -> Entries:
    """A dispute was opened, or the one that was open was closed: +1 or -1 where that changes anything."""
    opens = pl.col("kind") == "dispute_opened"
    target = ("customer", "invoice", "for_all")
    events = (
        events_of(history, "dispute_opened", "dispute_closed")
        .with_columns(opened=opens.cast(pl.Int64))
        # Opened and closed on one day: it is over at the close of that day.
        .sort(*target, "known_day", "event_day", -pl.col("opened"))
        .with_columns(change=pl.col("opened") - pl.col("opened").shift(1, fill_value=0).over(target))
    )
    return _entries(events, opened=events["opened"].to_numpy(), open=events["change"].to_numpy())


def disputes_for_all(history: History) -> Entries:
    """A dispute was opened or closed over all that the customer owes."""
    events = events_of(history, "dispute_opened", "dispute_closed").filter("for_all")
    opened = (events["kind"] == "dispute_opened").cast(pl.Int64)
    events = events.with_columns(opened=opened).sort("known_day", "event_day", -pl.col("opened"))
    return _entries(events, opened=events["opened"].to_numpy())


def agency(history: History) -> Entries:
    """A case went to an agency or to court."""
    events = events_of(history, "handed_to_agency")
    return _entries(events, for_all=events["for_all"].to_numpy().astype(np.int8))


def insolvencies(history: History) -> Entries:
    """A customer was known to be insolvent; the measure is the date of the insolvency."""
    events = events_of(history, "insolvency").with_columns(invoice=pl.lit(-1, pl.Int64))
    return _entries(events, event_day=events["event_day"].to_numpy())


def promises(history: History) -> Entries:
    """A promise to pay was made; the measure is the day it runs to."""
    return _running_to(events_of(history, "promise_to_pay"))


def promises_for_all(history: History) -> Entries:
    """A promise was made for all that the customer owes."""
    return _running_to(events_of(history, "promise_to_pay").filter("for_all"))


def plans(history: History) -> Entries:
    """A payment plan was agreed; the measure is the day it runs to, NEVER where none is named."""
    return _running_to(events_of(history, "payment_plan"))


def plans_for_all(history: History) -> Entries:
    """A payment plan was agreed for all that the customer owes."""
    return _running_to(events_of(history, "payment_plan").filter("for_all"))


def _running_to(events: pl.DataFrame) -> Entries:
    return _entries(events, new_day=events["new_day"].to_numpy())


def judged_promises(history: History) -> Entries:
    """A promise came to its date and was kept or broken, as known three days after."""
    events = events_of(history, "promise_to_pay")
    judged = np.maximum(events["new_day"].to_numpy() + PROMISE_RECORDING_DAYS, events["known_day"].to_numpy())
    invoice = events["invoice"].to_numpy()
    broken = np.zeros(events.height, np.int8)
    named = np.flatnonzero(invoice >= 0)
    row = history.state_row(invoice[named], judged[named])
    broken[named] = np.where(row >= 0, history.states.is_open[row], False)
    general = np.flatnonzero(events["for_all"].to_numpy())
    if len(general):
        broken[general] = _unpaid_promises(history, events[general.tolist()], judged[general])
    return Entries(invoice, events["customer"].to_numpy(), judged.astype(np.int32), {"broken": broken})


def _unpaid_promises(history: History, events: pl.DataFrame, judged: Days) -> NDArray[np.bool_]:
    """Promises of a customer as a whole that less than 95 % of the amount followed."""
    payments = history.ledger.payments.filter(pl.col("kind") == "payment").select(
        customer=pl.Series(codes_of(history.ledger.payments["customer_id"], history.customers)).filter(
            history.ledger.payments["kind"] == "payment"
        ),
        known_day=pl.col("known_on").cast(pl.Int32),
        value_day=pl.col("payment_date").cast(pl.Int32),
        paid=pl.col("amount"),
    )
    asked = events.with_row_index("promise").with_columns(judged=pl.Series(judged))
    received = (
        asked.join(payments, on="customer", how="inner", suffix="_payment")
        .filter(
            (pl.col("value_day") > pl.col("event_day"))
            & (pl.col("value_day") <= pl.col("new_day") + PROMISE_RECORDING_DAYS)
            & (pl.col("known_day_payment") <= pl.col("judged"))
        )
        .group_by("promise")
        .agg(pl.col("paid").sum())
    )
    cents = asked.join(received, on="promise", how="left", maintain_order="left")["paid"].fill_null(0.0) * 100
    return ((cents <= 0) | (cents < 0.95 * asked["cents"])).to_numpy()


ENTRIES: dict[str, Callable[[History], Entries]] = {
    "issued": issued,
    "settled": settled,
    "partly_paid": partly_paid,
    "written_off": written_off,
    "payment_run": payment_runs,
    "reminder": reminders,
    "rescheduled": rescheduled,
    "dispute": disputes,
    "dispute_for_all": disputes_for_all,
    "agency": agency,
    "insolvency": insolvencies,
    "promise": promises,
    "promise_for_all": promises_for_all,
    "plan": plans,
    "plan_for_all": plans_for_all,
    "judged_promise": judged_promises,
}
"""Every kind of event, by the name features ask for."""
