"""How the customer has paid: by settlement, by due date, on this weekday, on these terms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from paydelay.features.declaration import Feature
from paydelay.history import Floats, PastView

SHRINKAGE = 10.0
"""Invoices that the broader mean weighs against a customer's own few."""


def _settled_mean(
    name: str, measure: str, cause: str, what: str, days: int | None = None, last: int | None = None
) -> Feature:
    window = f"_{days}" if days else f"_last{last}" if last else "_all"
    span = f"in the last {days} days" if days else f"for its last {last} invoices" if last else "so far"
    return Feature(
        name=f"{name}{window}",
        family="behaviour",
        unit="days" if measure == "delay" else "share",
        meaning=f"{what} of the invoices the customer settled {span}.",
        formula=f"sum of {measure} / number of settlements known {span}",
        cause=cause,
        compute=lambda view: view.mean("settled", measure, days=days, last=last),
        window_days=days,
        last_count=last,
        count=f"settled_count_{days}" if days else "settled_count_all",
        per="customer",
    )


LATE_SHARE_PRIOR = 0.5
"""Share late that estimates are pulled toward in a book that has settled nothing."""
DELAY_PRIOR = 0.0
"""Mean delay that estimates are pulled toward in a book that has settled nothing."""


def book_late_share(view: PastView) -> Floats:
    """Share late among what the whole book settled in the last year; one half where nothing is known."""
    share = view.mean("settled", "late", by="book", days=365)
    return np.where(np.isnan(share), LATE_SHARE_PRIOR, share)


def book_mean_delay(view: PastView) -> Floats:
    """Mean delay of what the whole book settled in the last year; zero where nothing is known."""
    delay = view.mean("settled", "delay", by="book", days=365)
    return np.where(np.isnan(delay), DELAY_PRIOR, delay)


def smoothed_late_ratio(view: PastView) -> Floats:
    """Customer's late share pulled toward the book's: the baseline every model has to beat."""
    return view.shrunk_mean("due", "late", "customer", view.once(book_late_share), SHRINKAGE, days=365)


def shrunk_mean_delay(view: PastView) -> Floats:
    """Customer's mean delay pulled toward the book's."""
    return view.shrunk_mean("settled", "delay", "customer", view.once(book_mean_delay), SHRINKAGE, days=365)


def _narrow(name: str, measure: str, by: str, cause: str, what: str) -> Feature:
    """A mean over part of the customer's invoices, pulled toward the customer's own."""
    toward = shrunk_mean_delay if measure == "delay" else smoothed_late_ratio
    return Feature(
        name=name,
        family="behaviour",
        unit="days" if measure == "delay" else "share",
        meaning=f"{what}, pulled toward the customer's own mean where they are few.",
        formula=f"(sum of {measure} by {by} over 365 days + 4 x customer's shrunk mean) / (count + 4)",
        cause=cause,
        compute=lambda view: view.shrunk_mean("settled", measure, by, view.once(toward), 4.0, days=365),
        window_days=365,
        count=f"{by}_settled_count_365",
        per=by,
        shrunk_toward=("delay_mean_shrunk_365" if measure == "delay" else "late_share_shrunk_365", 4.0),
    )


def _count(
    name: str,
    stream: str,
    meaning: str,
    cause: str,
    by: str = "customer",
    days: int | None = None,
    measure: str = "count",
) -> Feature:
    return Feature(
        name=name,
        family="behaviour",
        unit="count",
        meaning=meaning,
        formula=f"sum of {measure} over '{stream}' events by {by}"
        + (f" known in {days} days" if days else " known so far"),
        cause=cause,
        compute=lambda view: view.total(stream, measure, by=by, days=days),
        window_days=days,
        per=by,
    )


def _rate(name: str, stream: str, meaning: str, cause: str, days: int, measure: str = "count") -> Feature:
    """Events of a customer per hundred invoices that fell due: a bare count tells first who it is."""
    due_count = f"due_count_{days}"

    def compute(view: PastView) -> Floats:
        return 100.0 * view.total(stream, measure, days=days) / (view.total("due", days=days) + 1.0)

    def observed(columns: Mapping[str, Floats]) -> Floats:
        due = columns[due_count]
        events = columns[name] * (due + 1.0)
        return np.asarray(np.divide(events, due, out=np.full(len(due), np.nan), where=due > 0))

    return Feature(
        name,
        "behaviour",
        "ratio",
        meaning,
        f"100 x sum of {measure} over '{stream}' events / (invoices due + 1), both of {days} days",
        cause,
        compute,
        window_days=days,
        count=due_count,
        observed=observed,
        per="customer",
    )


def _cohort_mean(name: str, measure: str, cause: str, what: str, days: int, weight: str = "count") -> Feature:
    return Feature(
        name=f"{name}_{days}",
        family="behaviour",
        unit="days" if "delay" in measure else "share",
        meaning=f"{what} of the invoices that fell due in {days} days, open ones at the days late so far.",
        formula=f"sum of {measure} / sum of {weight} over invoices by due date, frozen 60 days after it",
        cause=cause,
        compute=lambda view: view.mean("due", measure, days=days, weight=weight),
        window_days=days,
        count=f"due_count_{days}",
        per="customer",
    )


def delay_trend(view: PastView) -> Floats:
    """Mean delay of the last 5 settlements less that of the last 20."""
    return view.mean("settled", "delay", last=5) - view.mean("settled", "delay", last=20)


def _trend_observed(columns: Mapping[str, Floats]) -> Floats:
    """The trend where there is an older settlement to compare the last five with."""
    return np.where(columns["settled_count_all"] > 5, columns["delay_trend_last5"], np.nan)


def part_payments(view: PastView) -> Floats:
    """Payments that left something open, by settlements and one more for customers with few."""
    return view.total("partly_paid", days=365) / (view.total("settled", days=365) + 1.0)


def _part_payments_observed(columns: Mapping[str, Floats]) -> Floats:
    """Payments that left something open by settlements, NaN where nothing was settled."""
    settled = columns["settled_count_365"]
    payments = columns["partly_paid_share_365"] * (settled + 1.0)
    return np.asarray(np.divide(payments, settled, out=np.full(len(settled), np.nan), where=settled > 0))


BEHAVIOUR: tuple[Feature, ...] = (
    _settled_mean("delay_mean", "delay", "customer_mean_delay", "Mean delay", days=90),
    _settled_mean("delay_mean", "delay", "customer_mean_delay", "Mean delay", days=365),
    _settled_mean("delay_mean", "delay", "customer_mean_delay", "Mean delay", last=5),
    _settled_mean("delay_mean", "delay", "customer_mean_delay", "Mean delay", last=20),
    _settled_mean("delay_mean", "delay", "customer_mean_delay", "Mean delay"),
    _settled_mean("delay", "delay", "customer_last_delay", "Delay", last=1),
    _settled_mean("late_share", "late", "customer_late_share", "Share paid late", days=30),
    _settled_mean("late_share", "late", "customer_late_share", "Share paid late", days=90),
    _settled_mean("late_share", "late", "customer_late_share", "Share paid late", last=5),
    _settled_mean("late_share", "late", "customer_late_share", "Share paid late", last=20),
    _settled_mean(
        "late15_share", "late15", "customer_late15_share", "Share paid over 15 days late", days=365
    ),
    _settled_mean(
        "late30_share", "late30", "customer_late30_share", "Share paid over 30 days late", days=365
    ),
    Feature(
        "late_share_shrunk_365",
        "behaviour",
        "share",
        "Share late of the invoices due in the last year, pulled toward the book's where they are few.",
        "(late by due date over 365 days + 10 x book's late share) / (due count + 10)",
        # By due date: an invoice still open is late, though it is not paid late.
        "cohort_late_share",
        smoothed_late_ratio,
        window_days=365,
        count="due_count_365",
        shrunk_toward=("book_late_share_365", SHRINKAGE),
        per="customer",
    ),
    Feature(
        "delay_mean_shrunk_365",
        "behaviour",
        "days",
        "Mean delay of the last year, pulled toward the book's where settlements are few.",
        "(sum of delay over 365 days + 10 x book's mean delay) / (settled count + 10)",
        "customer_mean_delay",
        shrunk_mean_delay,
        window_days=365,
        count="settled_count_365",
        shrunk_toward=("book_delay_mean_365", SHRINKAGE),
        per="customer",
    ),
    Feature(
        "delay_weighted_365",
        "behaviour",
        "days",
        "Mean delay of the last year, weighted by amount.",
        "sum of amount x delay / sum of amount over settlements known in 365 days",
        "customer_weighted_delay",
        lambda view: view.mean("settled", "amount_delay", days=365, weight="amount"),
        window_days=365,
        count="settled_count_365",
        per="customer",
    ),
    Feature(
        "delay_spread_365",
        "behaviour",
        "days",
        "Standard deviation of the delays of the last year.",
        "sqrt(mean of squared delay - squared mean delay) over settlements known in 365 days",
        "customer_delay_spread",
        lambda view: view.spread("settled", "delay", days=365),
        window_days=365,
        count="settled_count_365",
        per="customer",
    ),
    Feature(
        "delay_trend_last5",
        "behaviour",
        "days",
        "Whether the customer pays later than it used to: last 5 settlements against the last 20.",
        "mean delay of the last 5 settlements - mean delay of the last 20",
        "customer_delay_trend",
        delay_trend,
        last_count=5,
        count="settled_count_all",
        observed=_trend_observed,
        per="customer",
    ),
    _cohort_mean("cohort_delay_mean", "delay", "cohort_mean_delay", "Mean days late", 90),
    _cohort_mean("cohort_delay_mean", "delay", "cohort_mean_delay", "Mean days late", 365),
    _cohort_mean(
        "cohort_delay_weighted",
        "amount_delay",
        "cohort_mean_delay",
        "Amount-weighted days late",
        90,
        "amount",
    ),
    _cohort_mean("cohort_late_share", "late", "cohort_late_share", "Share late", 90),
    _cohort_mean("cohort_late30_share", "late30", "customer_late30_share", "Share over 30 days late", 365),
    _narrow(
        "weekday_delay_mean_365",
        "delay",
        "weekday",
        "weekday_mean_delay",
        "Mean delay when due on this weekday",
    ),
    _narrow(
        "weekday_late_share_365",
        "late",
        "weekday",
        "weekday_late_share",
        "Share late when due on this weekday",
    ),
    _narrow(
        "terms_delay_mean_365", "delay", "terms", "terms_mean_delay", "Mean delay on these payment terms"
    ),
    _narrow("terms_late_share_365", "late", "terms", "terms_late_share", "Share late on these payment terms"),
    Feature(
        "weekday_delay_mean_last5",
        "behaviour",
        "days",
        "Mean delay of the customer's last 5 settlements that were due on this weekday.",
        "sum of delay / count over the last 5 settlements by customer and due weekday",
        "weekday_mean_delay",
        lambda view: view.mean("settled", "delay", by="weekday", last=5),
        last_count=5,
        count="weekday_settled_count_365",
        per="weekday",
    ),
    Feature(
        "parent_cohort_delay_mean_365",
        "behaviour",
        "days",
        "Mean days late in the customer's group, of invoices due in the last year.",
        "sum of days late / count over invoices by due date and parent",
        "parent_mean_delay",
        lambda view: np.where(view.has_parent(), view.mean("due", "delay", by="parent", days=365), np.nan),
        window_days=365,
        per="customer",
    ),
    _count(
        "settled_count_30",
        "settled",
        "Invoices the customer settled in the last 30 days.",
        "invoice_count",
        days=30,
    ),
    _count(
        "settled_count_90",
        "settled",
        "Invoices the customer settled in the last 90 days.",
        "invoice_count",
        days=90,
    ),
    _count(
        "settled_count_365",
        "settled",
        "Invoices the customer settled in the last year.",
        "invoice_count",
        days=365,
    ),
    _count("settled_count_all", "settled", "Invoices the customer has settled so far.", "invoice_count"),
    _count(
        "due_count_90",
        "due",
        "Invoices of the customer that fell due in the last 90 days.",
        "invoice_count",
        days=90,
    ),
    _count(
        "due_count_365",
        "due",
        "Invoices of the customer that fell due in the last year.",
        "invoice_count",
        days=365,
    ),
    _count(
        "weekday_settled_count_365",
        "settled",
        "Settlements of the last year that were due on this weekday.",
        "invoice_count",
        by="weekday",
        days=365,
    ),
    _count(
        "terms_settled_count_365",
        "settled",
        "Settlements of the last year on these payment terms.",
        "invoice_count",
        by="terms",
        days=365,
    ),
    Feature(
        "partly_paid_share_365",
        "behaviour",
        "ratio",
        "Payments of the last year that left something open, per settlement.",
        "partial payments known in 365 days / (settlements known in 365 days + 1)",
        "part_payments",
        part_payments,
        window_days=365,
        count="settled_count_365",
        observed=_part_payments_observed,
        per="customer",
    ),
    _rate(
        "broken_promises_per_100_365",
        "judged_promise",
        "Promises of the last year that were not kept, per 100 invoices that fell due.",
        "broken_promise_rate",
        days=365,
        measure="broken",
    ),
    _count(
        "reminder_count",
        "reminder",
        "Reminders sent for this invoice so far.",
        "reminders_sent",
        by="invoice",
    ),
    _rate(
        "reminders_per_100_90",
        "reminder",
        "Reminders sent to the customer in 90 days, per 100 invoices that fell due.",
        "reminder_rate",
        days=90,
    ),
    _rate(
        "disputes_per_100_365",
        "dispute",
        "Disputes the customer opened in the last year, per 100 invoices that fell due.",
        "dispute_rate",
        days=365,
        measure="opened",
    ),
    _count(
        "rescheduled_count",
        "rescheduled",
        "Times the due date of this invoice was changed.",
        "rescheduled_count",
        by="invoice",
    ),
    _rate(
        "rescheduled_per_100_365",
        "rescheduled",
        "Due dates the customer had changed in a year, per 100 invoices that fell due.",
        "rescheduled_rate",
        days=365,
    ),
)
