"""The ledger beside what its source says: sums per currency, and invoices that differ."""

import polars as pl
import pytest
from extracts import (
    DYNAMICS_BC,
    DYNAMICS_BC_DETAILED,
    NETSUITE,
    NETSUITE_LINK,
    ODOO,
    QUICKBOOKS,
    QUICKBOOKS_TERM,
    SAP,
    XERO,
    XERO_PAYMENT,
    adds_up,
    imported,
)

from paydelay.ledger import Ledger
from paydelay.sources import Agreement
from paydelay.sources.draft import LINE, Draft
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


def compared(open_amounts, invoices=INVOICES, refused=()):
    read = INVOICES.with_columns(pl.Series(LINE, [2, 3, 4]))
    claims = read.with_columns(open_amount=pl.Series(open_amounts, dtype=pl.Float64))
    draft = Draft("demo", tables={"invoices": read})
    ledger = Ledger.from_frames(invoices, PAYMENTS)
    return list(agree_with(claims, draft)(ledger, pl.Series(refused, dtype=pl.Int64)))


def test_a_ledger_that_says_the_same_agrees():
    assert compared([60.0, 0.0, 0.0]) == [
        Agreement("erp.documents", "EUR", 180.0, 180.0),
        Agreement("erp.open_balance", "EUR", 60.0, 60.0),
    ]


def test_differences_that_cancel_out_in_the_sum_are_still_counted():
    found = compared([50.0, 10.0, 0.0])
    assert found[1].difference == 0.0
    assert found[1].apart_count == 2
    assert not found[1].holds


def test_what_the_source_does_not_say_is_not_compared():
    found = compared([60.0, None, None])
    assert (found[1].source_amount, found[1].ledger_amount) == (60.0, 60.0)


def test_where_the_source_says_nothing_of_its_own_there_is_nothing_to_compare():
    assert compared([None, None, None]) == []
    lacking = compared([None, None, None], INVOICES.head(2))
    assert [(found.key, found.difference) for found in lacking] == [("erp.documents", -30.0)]


def test_a_refused_invoice_is_on_neither_side():
    found = compared([60.0, 0.0, 0.0], INVOICES.tail(2), refused=[2])
    assert found == [
        Agreement("erp.documents", "EUR", 80.0, 80.0),
        Agreement("erp.open_balance", "EUR", 0.0, 0.0),
    ]


def test_an_invoice_that_the_ledger_lacks_differs_even_if_nothing_of_it_is_open():
    found = compared([60.0, 0.0, 0.0], INVOICES.head(2))
    assert found[0].difference == -30.0
    assert found[1].difference == 0.0
    assert found[1].apart_count == 1


# ---- What is taken from the payments of a source turns the comparison red -------------------------


XERO_BOOKS = {**XERO, "payment": XERO_PAYMENT}
QUICKBOOKS_BOOKS = {**QUICKBOOKS, "term": QUICKBOOKS_TERM}
NETSUITE_BOOKS = {**NETSUITE, "link": NETSUITE_LINK}
# 0090000004 was cleared by a document that the extract of SAP does not hold.
SAP_BOOKS = {**SAP, "bsad": SAP["bsad"][: SAP["bsad"].index("1000,0090000004")]}
MUTATIONS = [
    ("xero", XERO_BOOKS, "payment", "p2,i2,", ",150,", ",151,"),
    ("odoo", ODOO, "account_partial_reconcile", "2,21,31,", "30.00,30.00,30.00", "40.00,40.00,40.00"),
    ("sap", SAP_BOOKS, "bsad", "1000,1400000001,", "300.00,300.00", "900.00,900.00"),
    ("sap", SAP_BOOKS, "bsad", "1000,1400000001,", "300.00,300.00", "90.00,90.00"),
    ("sap", SAP_BOOKS, "bsad", "1000,1600000001,", "120.00,120.00", "121.00,121.00"),
    ("sap", SAP_BOOKS, "bsad", "1000,1400000002,", "380.00,380.00", "38.00,38.00"),
    ("netsuite", NETSUITE_BOOKS, "link", "2,0,CustInvc,4,", ",60.00", ",61.00"),
    ("dynamics-bc", DYNAMICS_BC_DETAILED, "detailed", "106;2;", "-60,00;-60,00", "-6,00;-6,00"),
    ("quickbooks", QUICKBOOKS_BOOKS, "payment_line", "1,11,60,", "11,60,", "11,6,"),
]


@pytest.mark.parametrize(("kind", "texts", "name", "line", "said", "instead"), MUTATIONS)
def test_a_payment_that_is_missing_or_changed_shows(tmp_path, kind, texts, name, line, said, instead):
    options = {"currency": "EUR"} if kind == "dynamics-bc" else {}
    assert imported(kind, tmp_path, texts, **options).report.reconciled
    lines = texts[name].splitlines(keepends=True)
    (found,) = [one for one in lines if one.startswith(line)]
    assert said in found
    for other in ("", found.replace(said, instead)):
        changed = {**texts, name: texts[name].replace(found, other)}
        ledger = imported(kind, tmp_path, changed, **options)
        assert not ledger.report.reconciled
        assert adds_up(ledger)


def test_balances_that_payments_were_made_of_are_no_comparison(tmp_path):
    entries = DYNAMICS_BC["entries"].replace(",USD,", ",,")
    ledger = imported("dynamics-bc", tmp_path, {"entries": entries}, currency="EUR")
    assert ledger.payments.height == 3
    assert ledger.report.agreements == ()
    assert imported("netsuite", tmp_path, NETSUITE).report.reconciled
    lines = (
        NETSUITE["transactionline"].replace("200.00,90.00,", "200.00,,").replace("100.00,100.00,", "100.00,,")
    )
    lines = lines.replace("50.00,0.00,", "50.00,,")
    ledger = imported("netsuite", tmp_path, {**NETSUITE, "transactionline": lines})
    assert ledger.payments.height == 3
    assert ledger.report.agreements == ()


def test_pseudonyms_change_no_balance(tmp_path):
    texts = {
        **SAP_BOOKS,
        **{name: text.replace("0000000100", "0000001000") for name, text in SAP_BOOKS.items()},
    }
    ledger = imported("sap", tmp_path, texts, pseudonym_key="sixteen letters or more")
    assert ledger.report.reconciled
    assert ledger.invoices["amount"].sum() == 1800.0


def test_what_one_clearing_lacks_and_another_has_too_much_does_not_cancel_out(tmp_path):
    text = SAP_BOOKS["bsad"].replace("300.00,300.00,EUR", "290.00,290.00,EUR")
    text = text.replace("380.00,380.00,EUR", "390.00,390.00,EUR")
    ledger = imported("sap", tmp_path, {**SAP_BOOKS, "bsad": text})
    found = {(one.key, one.currency): one.difference for one in ledger.report.agreements}
    assert found["sap.cleared_items", "EUR"] == -20.0
    said = {one.key: dict(one.values) for one in ledger.report.assumptions}
    assert said["sap.settled_at_clearing_date"] == {"n": 1, "amount": 10.0, "currency": "EUR"}
    assert said["sap.surplus_credits"] == {"n": 1, "amount": 10.0, "currency": "EUR"}
