"""The invoice itself, the calendar, and the climate of the book around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from paydelay.features.behaviour import DELAY_PRIOR, LATE_SHARE_PRIOR, book_late_share
from paydelay.features.declaration import Family, Feature, Unit
from paydelay.features.exposure import share
from paydelay.history import Floats, PastView

Dates = NDArray[np.datetime64]


def _of_due_date(view: PastView, compute: Callable[[Dates], NDArray[np.int64]]) -> Floats:
    """What the calendar says of each due date, computed once for each day."""
    due = view.due_day
    first, last = int(due.min(initial=0)), int(due.max(initial=0))
    days = np.arange(first, last + 1).astype("datetime64[D]")
    return np.asarray(compute(days), np.float64)[due - first]


def _month_day(dates: Dates) -> NDArray[np.int64]:
    first = dates.astype("datetime64[M]").astype("datetime64[D]")
    return np.asarray((dates - first).astype(np.int64) + 1)


def _month_end_distance(dates: Dates) -> NDArray[np.int64]:
    next_month = (dates.astype("datetime64[M]") + 1).astype("datetime64[D]")
    return np.asarray((next_month - dates).astype(np.int64) - 1)


def _group_late_share(name: str, by: str, cause: str, days: int, meaning: str) -> Feature:
    def compute(view: PastView) -> Floats:
        estimate = view.shrunk_mean("due", "late", by, view.once(book_late_share), 20.0, days=days)
        # A group without invoices would pass the book's share off as its own.
        return np.where(view.total("due", by=by, days=days) > 0, estimate, np.nan)

    return Feature(
        name,
        "climate",
        "share",
        meaning,
        f"(late by due date over {days} days by {by} + 20 x book's late share) / (count + 20); "
        "missing where none fell due",
        cause,
        compute,
        window_days=days,
        per=by,
    )


def _known_or_missing(by: str, feature: Feature) -> Feature:
    """The same feature, but missing where the customer's group is not known."""
    inner = feature.compute

    def compute(view: PastView) -> Floats:
        return np.where(view.has(by), inner(view), np.nan)

    return replace(feature, compute=compute)


def _plain(
    family: Family,
    name: str,
    unit: Unit,
    meaning: str,
    formula: str,
    cause: str,
    compute: Callable[[PastView], Floats],
    per: str = "invoice",
) -> Feature:
    return Feature(name, family, unit, meaning, formula, cause, compute, per=per)


SURROUNDINGS: tuple[Feature, ...] = (
    _plain(
        "invoice",
        "days_past_due",
        "days",
        "Days past due; negative before the due date.",
        "as_of - due date",
        "days_past_due",
        lambda view: view.days_past_due.astype(np.float64),
    ),
    _plain(
        "invoice",
        "invoice_age_days",
        "days",
        "Days since the invoice was issued.",
        "as_of - issue date",
        "invoice_age_days",
        lambda view: (view.as_of_day - view.issue_day).astype(np.float64),
    ),
    _plain(
        "invoice",
        "terms_days",
        "days",
        "Payment terms.",
        "due date - issue date, or as given",
        "terms_days",
        lambda view: view.terms_days.astype(np.float64),
    ),
    _plain(
        "invoice",
        "amount",
        "amount",
        "Amount of the invoice.",
        "amount in reporting currency at issue",
        "amount",
        lambda view: view.amount,
    ),
    _plain(
        "invoice",
        "settled_share",
        "share",
        "Share of the invoice already paid.",
        "payments known / amount due",
        "settled_share",
        lambda view: view.settled_share,
    ),
    _plain(
        "invoice",
        "open_dispute_count",
        "count",
        "Disputes open on this invoice.",
        "disputes opened - disputes closed, by invoice",
        "disputes_open",
        # A dispute may have been opened before the books begin, and closed in them.
        lambda view: np.maximum(view.total("dispute", "open", by="invoice"), 0.0),
    ),
    _plain(
        "seasonality",
        "due_weekday",
        "date_part",
        "Weekday of the due date, Monday 0.",
        "weekday of the due date",
        "due_weekday",
        lambda view: ((view.due_day + 3) % 7).astype(np.float64),
    ),
    _plain(
        "seasonality",
        "due_month_day",
        "date_part",
        "Day of the month of the due date.",
        "day of month",
        "due_month_day",
        lambda view: _of_due_date(view, _month_day),
    ),
    _plain(
        "seasonality",
        "due_month_end_days",
        "days",
        "Days from the due date to the end of its month.",
        "last day of the month - due date",
        "month_end_distance",
        lambda view: _of_due_date(view, _month_end_distance),
    ),
    Feature(
        "as_of_weekday",
        "seasonality",
        "date_part",
        "Weekday of the day of scoring, Monday 0.",
        "weekday of as_of",
        "as_of_weekday",
        lambda view: ((view.as_of_day + 3) % 7).astype(np.float64),
        # It says how far the next pay day is, and nothing of the invoice.
        told=False,
        per="book",
    ),
    _plain(
        "invoice",
        "customer_age_days",
        "days",
        "Days since the customer's first invoice.",
        "as_of - day the customer's first invoice became known",
        "customer_age_days",
        lambda view: view.days_since_first("issued"),
        per="customer",
    ),
    Feature(
        "issued_count_90",
        "invoice",
        "count",
        "Invoices issued to the customer in 90 days.",
        "invoices known in 90 days",
        "invoice_count",
        lambda view: view.total("issued", days=90),
        window_days=90,
        per="customer",
    ),
    _plain(
        "invoice",
        "same_due_share",
        "share",
        "Share of the customer's open invoices in this one.",
        "open amount / customer's open amount",
        "invoice_share",
        lambda view: share(view.open_amount, view.open_book("amount")),
    ),
    _group_late_share("book_late_share_90", "book", "book_late_share", 90, "Share late of the whole book."),
    Feature(
        "book_late_share_365",
        "climate",
        "share",
        "Share late of all that was settled in the last year.",
        "late / settlements of the book known in 365 days",
        "book_late_share",
        lambda view: view.mean("settled", "late", by="book", days=365),
        window_days=365,
        prior=LATE_SHARE_PRIOR,
        per="book",
    ),
    Feature(
        "book_delay_mean_365",
        "climate",
        "days",
        "Mean delay of all that was settled in the last year.",
        "sum of delay / settlements of the book known in 365 days",
        "book_mean_delay",
        lambda view: view.mean("settled", "delay", by="book", days=365),
        window_days=365,
        prior=DELAY_PRIOR,
        per="book",
    ),
    _known_or_missing(
        "segment",
        _group_late_share(
            "segment_late_share_90", "segment", "segment_late_share", 90, "Share late of the segment."
        ),
    ),
    _known_or_missing(
        "sector",
        _group_late_share(
            "sector_late_share_90", "sector", "sector_late_share", 90, "Share late of the sector."
        ),
    ),
    _known_or_missing(
        "external_rating",
        _group_late_share(
            "rating_late_share_365",
            "external_rating",
            "rating_late_share",
            365,
            "Share late among customers of this external rating.",
        ),
    ),
    _known_or_missing(
        "country",
        _group_late_share(
            "country_late_share_365", "country", "country_late_share", 365, "Share late of the country."
        ),
    ),
    _group_late_share(
        "currency_late_share_365", "currency", "currency_late_share", 365, "Share late in this currency."
    ),
    _known_or_missing(
        "entity",
        _group_late_share(
            "entity_late_share_365", "entity", "entity_late_share", 365, "Share late of the entity."
        ),
    ),
)
