"""Ledgers for tests: hypothesis-made ones, and short ones written by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
from hypothesis import strategies as st

from paydelay.ledger import Ledger

START = date(2024, 1, 1)
SPAN_DAYS = 150
INVOICE_SCHEMA = {
    "invoice_id": pl.String,
    "customer_id": pl.String,
    "issue_date": pl.Date,
    "due_date": pl.Date,
    "amount": pl.Float64,
    "currency": pl.String,
    "entity": pl.String,
    "recorded_on": pl.Date,
}
PAYMENT_SCHEMA = {
    "customer_id": pl.String,
    "invoice_id": pl.String,
    "payment_date": pl.Date,
    "amount": pl.Float64,
    "kind": pl.String,
    "recorded_on": pl.Date,
}
EVENT_SCHEMA = {
    "event_type": pl.String,
    "event_date": pl.Date,
    "invoice_id": pl.String,
    "customer_id": pl.String,
    "amount": pl.Float64,
    "new_date": pl.Date,
    "recorded_on": pl.Date,
}
CUSTOMER_SCHEMA = {
    "customer_id": pl.String,
    "valid_from": pl.Date,
    "segment": pl.String,
    "sector": pl.String,
    "country": pl.String,
    "external_rating": pl.String,
    "parent_id": pl.String,
    "credit_limit": pl.Float64,
}


def day(text: str) -> date:
    """An ISO date."""
    return date.fromisoformat(text)


def small_ledger(
    invoices: list[dict[str, Any]],
    payments: list[dict[str, Any]] | None = None,
    events: list[dict[str, Any]] | None = None,
    customers: list[dict[str, Any]] | None = None,
) -> Ledger:
    """A ledger from rows written by hand; what is left out has a plain default."""
    defaults = {"customer_id": "C1", "currency": "EUR", "amount": 1000.0}
    rows = [{**defaults, **row} for row in invoices]
    paid = [{"kind": "payment", "amount": 1000.0, **row} for row in payments or []]
    return Ledger.from_frames(
        invoices=pl.DataFrame(rows, schema=INVOICE_SCHEMA),
        payments=pl.DataFrame(paid, schema=PAYMENT_SCHEMA),
        events=pl.DataFrame(events, schema=EVENT_SCHEMA) if events else None,
        customers=pl.DataFrame(customers, schema=CUSTOMER_SCHEMA) if customers else None,
    )


_offsets = st.integers(0, SPAN_DAYS)
_lags = st.sampled_from([0, 0, 0, 1, 2, 5, 12, 40])
_kinds = st.sampled_from(["payment"] * 8 + ["discount", "credit_note", "write_off"])
_shares = st.sampled_from([1.0, 1.0, 1.0, 0.5, 0.5, 0.3, 1.2, 0.02, -1.0, -0.5])


@st.composite
def ledgers(draw: st.DrawFn, max_invoices: int = 14) -> Ledger:
    """A ledger with partial, late-recorded, double and bounced payments, and every other fact."""
    customers = ["C1", "C2", "C3"]
    invoices = []
    payments = []
    for number in range(draw(st.integers(2, max_invoices))):
        issued = START + timedelta(draw(_offsets))
        invoice = {
            "invoice_id": f"F{number:02d}",
            "customer_id": draw(st.sampled_from(customers)),
            "issue_date": issued,
            "due_date": issued + timedelta(draw(st.sampled_from([0, 10, 30, 30, 45]))),
            "amount": draw(st.sampled_from([0.9, 100.0, 250.5, 1000.0, 99999.99])),
            "currency": "EUR",
            "entity": draw(st.sampled_from(["A", "B", None])),
            "recorded_on": issued + timedelta(draw(_lags)),
        }
        invoices.append(invoice)
        for _ in range(draw(st.integers(0, 4))):
            paid = issued + timedelta(draw(st.integers(-3, 110)))
            payments.append(
                {
                    "customer_id": invoice["customer_id"],
                    "invoice_id": invoice["invoice_id"],
                    "payment_date": paid,
                    "amount": round(invoice["amount"] * draw(_shares), 2) or 0.01,
                    "kind": draw(_kinds),
                    "recorded_on": paid + timedelta(draw(_lags)),
                }
            )
    for _ in range(draw(st.integers(0, 3))):
        paid = START + timedelta(draw(_offsets))
        payments.append(
            {
                "customer_id": invoices[0]["customer_id"],
                "invoice_id": None,
                "payment_date": paid,
                "amount": draw(st.sampled_from([50.0, 400.0, -50.0])),
                "kind": "payment",
                "recorded_on": paid + timedelta(draw(_lags)),
            }
        )
    return Ledger.from_frames(
        invoices=pl.DataFrame(invoices, schema=INVOICE_SCHEMA),
        payments=pl.DataFrame(payments, schema=PAYMENT_SCHEMA),
        events=pl.DataFrame(draw(_events(invoices)), schema=EVENT_SCHEMA),
        customers=pl.DataFrame(
            draw(_customers(sorted({i["customer_id"] for i in invoices}))), schema=CUSTOMER_SCHEMA
        ),
    )


@st.composite
def _events(draw: st.DrawFn, invoices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kinds = [
        "reminder_sent",
        "dispute_opened",
        "dispute_closed",
        "promise_to_pay",
        "due_date_changed",
        "payment_plan",
        "insolvency",
        "handed_to_agency",
    ]
    events = []
    for _ in range(draw(st.integers(0, 10))):
        invoice = draw(st.sampled_from(invoices))
        happened = invoice["issue_date"] + timedelta(draw(st.integers(0, 90)))
        kind = draw(st.sampled_from(kinds))
        names_invoice = kind == "due_date_changed" or draw(st.booleans())
        dated = kind in ("promise_to_pay", "due_date_changed", "payment_plan")
        events.append(
            {
                "event_type": kind,
                "event_date": happened,
                "invoice_id": invoice["invoice_id"] if names_invoice else None,
                "customer_id": invoice["customer_id"],
                "amount": draw(st.sampled_from([None, 100.0])) if kind == "promise_to_pay" else None,
                "new_date": happened + timedelta(draw(st.integers(1, 30))) if dated else None,
                "recorded_on": happened + timedelta(draw(_lags)),
            }
        )
    return events


@st.composite
def _customers(draw: st.DrawFn, ids: list[str]) -> list[dict[str, Any]]:
    rows = {}
    for customer in ids:
        for _ in range(draw(st.integers(0, 2))):
            valid_from = START + timedelta(draw(_offsets))
            rows[customer, valid_from] = {
                "customer_id": customer,
                "valid_from": valid_from,
                "segment": draw(st.sampled_from(["large", "small", None])),
                "sector": draw(st.sampled_from(["food", None])),
                "country": draw(st.sampled_from(["FR", "BE"])),
                "external_rating": draw(st.sampled_from(["1", "2", None])),
                "parent_id": draw(st.sampled_from(["P", "C1", None])),
                "credit_limit": draw(st.sampled_from([1000.0, 50000.0, None])),
            }
    return list(rows.values())
