"""What a ledger tells the loss: balances at default, what came back, and what stands on an account."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from books import INVOICE_SCHEMA, PAYMENT_SCHEMA, day, small_ledger

from paydelay.config import LossSettings
from paydelay.history import History, customer_standing
from paydelay.ledger import Ledger
from paydelay.loss import fit_loss_table
from paydelay.outcomes import Outcomes
from paydelay.training import defaulted_invoices

LABELLED = day("2025-06-30")
DUE = {"issue_date": day("2024-05-01"), "due_date": day("2024-05-31")}  # defaults on 2024-08-29


def paid(amount: float, on: str, kind: str = "payment") -> dict[str, object]:
    return {"customer_id": "C1", "invoice_id": "F1", "payment_date": day(on), "amount": amount, "kind": kind}


def evidence(*payments: dict[str, object]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Defaults and recoveries of one invoice of 1,000; another settled one keeps the books going."""
    other = {"invoice_id": "F2", "issue_date": day("2025-05-01"), "due_date": day("2025-06-30")}
    settled = {"customer_id": "C1", "invoice_id": "F2", "payment_date": LABELLED}
    ledger = small_ledger([{"invoice_id": "F1", **DUE}, other], [*payments, settled])
    history = History.build(ledger)
    return defaulted_invoices(history, Outcomes.of(history, LABELLED), 90)


@pytest.mark.parametrize("kind", ["credit_note", "discount"])
def test_a_credit_after_default_is_not_a_loss(kind: str) -> None:
    # 100 paid before, 300 credited after: 600 were ever to come, and all of them came.
    before, after = paid(100.0, "2024-07-01"), paid(300.0, "2024-10-01", kind)
    defaults, recoveries = evidence(before, after, paid(600.0, "2024-11-01"))
    assert defaults.select("default_on", "balance").rows() == [(date(2024, 8, 29), 600.0)]
    assert recoveries.rows() == [("F1", date(2024, 11, 1), 600.0)]
    settings = LossSettings(lgd_prior_count=0, annual_cost_of_capital=0)
    assert fit_loss_table(defaults, recoveries, settings).lgd[0] == pytest.approx(0.0, abs=1e-9)


def test_cash_after_default_is_recovery_and_a_credit_taken_back_is_owed_again() -> None:
    back = [paid(300.0, "2024-10-01", "credit_note"), paid(-200.0, "2024-12-01", "credit_note")]
    defaults, recoveries = evidence(*back, paid(450.0, "2024-11-01"))
    assert defaults["balance"].to_list() == [900.0]
    assert recoveries["amount"].to_list() == [450.0]


def test_a_write_off_is_a_default_and_takes_nothing_off() -> None:
    defaults, recoveries = evidence(
        paid(1000.0, "2024-07-10", "write_off"), paid(250.0, "2024-09-01", "credit_note")
    )
    assert defaults.select("default_on", "balance").rows() == [(date(2024, 7, 10), 750.0)]
    assert recoveries.is_empty()


def test_what_was_paid_too_much_is_held_at_the_last_rate_known() -> None:
    # 40 dollars too much: at the rate of the issue 36 euros, of May 30, of June 20.
    rates = [("2024-05-01", 0.9), ("2024-05-20", 0.75), ("2024-06-20", 0.5)]
    ledger = Ledger.from_frames(
        invoices=pl.DataFrame(
            [{"invoice_id": "F1", "customer_id": "C1", "amount": 100.0, "currency": "USD", **DUE}],
            schema=INVOICE_SCHEMA,
        ),
        payments=pl.DataFrame([paid(140.0, "2024-05-10")], schema=PAYMENT_SCHEMA),
        rates=pl.DataFrame(
            [("USD", day(on), rate) for on, rate in rates],
            schema=["currency", "rate_date", "rate"],
            orient="row",
        ),
        reporting_currency="EUR",
    )
    history = History.build(ledger)
    for as_of, held in (
        ("2024-05-09", 0.0),
        ("2024-05-19", 36.0),
        ("2024-06-19", 30.0),
        ("2024-06-20", 20.0),
    ):
        assert customer_standing(history, day(as_of))["cash_on_account"].to_list() == [held]


def test_the_own_currency_needs_no_rate() -> None:
    history = History.build(small_ledger([{"invoice_id": "F1", **DUE}], [paid(1040.0, "2024-05-10")]))
    assert customer_standing(history, LABELLED)["cash_on_account"].to_list() == [40.0]
