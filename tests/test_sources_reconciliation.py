"""The ledger beside what its source says: sums per currency, and invoices that differ."""

import polars as pl
import pytest

from paydelay.ledger import Ledger
from paydelay.sources import Agreement
from paydelay.sources.reconciliation import agree_with

INVOICES = pl.DataFrame(
    {
        "invoice_id": ["A1", "A2", "A3"],
        "customer_id": ["C1", "C1", "C2"],
        "issue_date": ["2024-01-02"] * 3,
        "due_date": ["2024-02-01"] * 3,
        "amount": [100.0, 50.0, 30.0],
        "currency": ["EUR"] * 3,
    }
)
PAYMENTS = pl.DataFrame(
    {
        "invoice_id": ["A1", "A2", "A3"],
        "payment_date": ["2024-02-03"] * 3,
        "amount": [40.0, 50.0, 30.0],
        "kind": ["payment", "credit_note", "write_off"],
    }
)


def compared(open_amounts, invoices=INVOICES):
    claims = INVOICES.select("invoice_id", "currency", "amount").with_columns(
        open_amount=pl.Series(open_amounts, dtype=pl.Float64)
    )
    return list(agree_with(claims)(Ledger.from_frames(invoices, PAYMENTS), pl.Series([])))


def test_a_ledger_that_says_the_same_agrees():
    assert compared([60.0, 0.0, 0.0]) == [
        Agreement("erp.documents", "EUR", 180.0, 180.0),
        Agreement("erp.open_balance", "EUR", 60.0, 60.0),
    ]


def test_differences_that_cancel_out_in_the_sum_are_still_counted():
    found = compared([50.0, 10.0, 0.0])
    assert found[1].difference == 0.0
    assert found[2].key == "erp.open_differs"
    assert found[2].values == {"n": 2}


def test_what_the_source_does_not_say_is_not_compared():
    found = compared([60.0, None, None])
    assert (found[1].source_amount, found[1].ledger_amount) == (60.0, 60.0)
    assert len(compared([None, None, None])) == 1


@pytest.mark.parametrize("code", ["EURO", ""])
def test_a_refused_invoice_is_missing_from_the_ledger_s_side(code):
    invoices = INVOICES.with_columns(
        currency=pl.when(pl.col("invoice_id") == "A1").then(pl.lit(code)).otherwise("currency")
    )
    documents, balance = compared([60.0, 0.0, 0.0], invoices)[:2]
    assert (documents.source_amount, documents.ledger_amount) == (180.0, 80.0)
    assert balance.difference == -60.0
