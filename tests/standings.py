"""A book with every standing that an open invoice can have on one day, for tests."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any


def standings(as_of: date) -> dict[str, list[dict[str, Any]]]:
    """One customer per standing; each invoice fell due 20 days before ``as_of`` unless it says otherwise."""
    due, soon = as_of - timedelta(20), as_of + timedelta(12)
    before, after = as_of - timedelta(5), as_of + timedelta(5)

    def invoice(name: str, **other: Any) -> dict[str, Any]:
        row = {"invoice_id": name, "customer_id": name.partition("/")[0], "issue_date": due - timedelta(30)}
        return {**row, "due_date": due, "amount": 1000.0, "currency": "EUR", **other}

    def paid(name: str, amount: float, **other: Any) -> dict[str, Any]:
        row = {"invoice_id": name, "customer_id": name.partition("/")[0], "payment_date": before}
        return {**row, "amount": amount, "kind": "payment", **other}

    def event(kind: str, name: str, **other: Any) -> dict[str, Any]:
        row = {"event_type": kind, "event_date": before, "invoice_id": name}
        return {**row, "customer_id": name.partition("/")[0], **other}

    open_ones = ["plain", "dispute", "promise", "plan", "insolvent", "agency", "written", "partly", "late"]
    open_ones += ["bounced", "covered", "cash/1", "cash/2", "cash/3"]
    return {
        "invoices": [
            *(invoice(name) for name in open_ones),
            invoice("settled"),
            invoice("credited"),
            invoice("cents"),
            invoice("future", issue_date=after, due_date=after + timedelta(30)),
            invoice("unrecorded", recorded_on=after),
            invoice("cash/4", due_date=soon),
            invoice("not_due", due_date=soon),
        ],
        "payments": [
            paid("partly", 400.0),
            paid("late", 1000.0, recorded_on=after),
            paid("bounced", 1000.0),
            paid("bounced", -1000.0, payment_date=before + timedelta(2)),
            paid("written", 1000.0, kind="write_off"),
            paid("settled", 1000.0),
            paid("credited", 1000.0, kind="credit_note"),
            paid("cents", 996.0),
            paid("plain", 1000.0, payment_date=after),
            {**paid("cash/1", 2250.0), "invoice_id": None},
        ],
        "events": [
            event("dispute_opened", "dispute"),
            event("promise_to_pay", "promise", new_date=after),
            event("payment_plan", "plan", new_date=after),
            event("insolvency", "insolvent"),
            event("handed_to_agency", "agency"),
            event("dispute_opened", "plain", event_date=before),
            event("dispute_closed", "plain", event_date=before + timedelta(1)),
            event("promise_to_pay", "partly", new_date=before + timedelta(1)),
        ],
        "customers": [
            {"customer_id": "covered", "valid_from": before, "insured_limit": 5e3, "insured_share": 1.0},
            {"customer_id": "partly", "valid_from": before, "guarantee_amount": 150.0},
        ],
    }


SET_ASIDE = {
    "dispute": "dispute",
    "promise": "promise",
    "plan": "payment_plan",
    "insolvent": "insolvency",
    "agency": "agency",
    "written": "written_off",
    "covered": "covered",
    "cash/1": "paid_on_account",
    "cash/2": "paid_on_account",
}
CHASED = ("plain", "partly", "late", "bounced", "cash/3", "cash/4", "not_due")
GONE = {"settled", "credited", "cents", "future", "unrecorded"}
