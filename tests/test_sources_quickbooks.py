"""QuickBooks: payments and their lines, credit memos used in them, and what is not applied."""

import polars as pl
import pytest
from extracts import (
    EDITS,
    QUICKBOOKS,
    QUICKBOOKS_CREDIT_MEMO,
    QUICKBOOKS_TERM,
    adds_up,
    differences,
    imported,
    invoiced,
    left_out,
    mutated,
    refused,
    settled,
    survives,
    told,
)
from hypothesis import given, settings

from paydelay.errors import LedgerError

WITH_TERMS = {**QUICKBOOKS, "term": QUICKBOOKS_TERM}


def test_invoices_have_their_due_date_or_that_of_their_term(tmp_path):
    ledger = imported("quickbooks", tmp_path, WITH_TERMS)
    assert invoiced(ledger) == [
        ("1001", "C1", "2024-01-05", "2024-02-04", 100.0, "USD"),
        ("1002", "C1", "2024-01-10", "2024-02-09", 200.0, "USD"),
        ("1003", "C2", "2024-01-15", "2024-02-29", 80.0, "USD"),
        ("1004", "C3", "2024-02-01", "2024-03-02", 300.0, "EUR"),
    ]
    assert told(ledger)["erp.due_from_terms"] == 1


def test_payments_settle_by_their_lines_with_credit_memos_first(tmp_path):
    ledger = imported("quickbooks", tmp_path, WITH_TERMS)
    assert settled(ledger) == [
        (None, "2024-03-01", 15.0, "payment"),
        # EUR 10.00 not applied, at the payment's rate of 1.2.
        (None, "2024-03-05", 12.0, "payment"),
        ("1001", "2024-02-10", 25.0, "credit_note"),
        ("1001", "2024-02-10", 75.0, "payment"),
        ("1002", "2024-02-10", 60.0, "payment"),
        ("1003", "2024-03-01", 80.0, "payment"),
        # A deposit of 50.00 was taken on the invoice.
        ("1004", "2024-02-01", 50.0, "payment"),
    ]
    said = told(ledger)
    assert said["quickbooks.credit_first"] == 1
    assert said["quickbooks.deposits"] == 1
    assert ledger.report.reconciled
    first = ledger.payments.filter(pl.col("invoice_id") == "1003")
    assert first["recorded_on"].item().isoformat() == "2024-03-01"


def test_every_line_is_told(tmp_path):
    ledger = imported("quickbooks", tmp_path, {**WITH_TERMS, "credit_memo": QUICKBOOKS_CREDIT_MEMO})
    assert left_out(ledger) == {
        "erp.deleted": 2,
        # A line about invoice 999 and its payment; the other customer has no invoice at all.
        "erp.document_not_in_books": 2,
        "erp.customer_without_invoice": 1,
    }
    assert adds_up(ledger)
    assert (None, "2024-02-20", 12.0, "credit_note") in settled(ledger)


def test_without_terms_a_missing_due_date_refuses_the_invoice_and_what_paid_it(tmp_path):
    ledger = imported("quickbooks", tmp_path, QUICKBOOKS)
    # The invoice, the line that settled it, and the payment, which did nothing else.
    assert sorted(row[1:] for row in refused(ledger)) == [
        ("due_date", "due_date_not_given", "1003"),
        ("invoice_id", "unknown_party", "1003"),
        ("invoice_id", "unknown_party", "1003"),
    ]
    filled = imported("quickbooks", tmp_path, QUICKBOOKS, terms_days=30)
    assert invoiced(filled)[2][3] == "2024-02-14"
    end = imported("quickbooks", tmp_path, QUICKBOOKS, terms_days=30, terms_end_of_month=True)
    assert invoiced(end)[2][3] == "2024-02-29"


def test_terms_may_be_given_by_customer(tmp_path):
    terms = tmp_path / "terms.csv"
    terms.write_text("customer_id,terms_days,end_of_month\nC2,60,\nC1,10,\n")
    ledger = imported("quickbooks", tmp_path, QUICKBOOKS, terms=terms)
    assert invoiced(ledger)[2][3] == "2024-03-15"
    terms.write_text("customer_id,terms_days\nC2,soon\n")
    with pytest.raises(LedgerError, match=r"terms\.csv is no usable row of terms"):
        imported("quickbooks", tmp_path, QUICKBOOKS, terms=terms)


def test_a_line_whose_payment_is_missing_is_refused(tmp_path):
    texts = {**WITH_TERMS, "payment": QUICKBOOKS["payment"].replace("\n12,", "\n912,")}
    ledger = imported("quickbooks", tmp_path, texts)
    assert (5, "payment_id", "payment_not_given", "1003") in refused(ledger)
    assert differences(ledger)["erp.open_balance", "USD"] == 80.0
    assert sum(agreement.apart_count for agreement in ledger.report.agreements) == 1


def test_a_line_of_nothing_and_a_payment_of_credit_alone_are_told(tmp_path):
    lines = QUICKBOOKS["payment_line"].replace("1,11,60,,2,", "1,11,0,,2,") + "0,12,5,31,,\n"
    ledger = imported("quickbooks", tmp_path, {**WITH_TERMS, "payment_line": lines})
    assert left_out(ledger)["erp.zero_amount"] == 1
    assert adds_up(ledger)
    alone = "index,payment_id,amount,credit_memo_id,invoice_id\n0,11,25,31,\n"
    ledger = imported("quickbooks", tmp_path, {**WITH_TERMS, "payment_line": alone})
    # The payment used a credit memo for nothing that is here: both its lines are left out.
    assert left_out(ledger)["erp.document_not_in_books"] == 3
    assert adds_up(ledger)


@pytest.mark.parametrize("missing", ["invoice", "payment", "payment_line"])
def test_each_of_the_three_tables_is_needed(tmp_path, missing):
    with pytest.raises(LedgerError, match=f"The books of QuickBooks lack the table {missing}:"):
        imported("quickbooks", tmp_path, {name: text for name, text in QUICKBOOKS.items() if name != missing})


def test_a_wrong_file_is_told_in_one_sentence(tmp_path):
    with pytest.raises(LedgerError, match=r"export3\.csv fits no table of QuickBooks"):
        imported("quickbooks", tmp_path, {**QUICKBOOKS, "other": "name;sum\nx;1\n"})


@settings(max_examples=40)
@given(edits=EDITS)
def test_damaged_files_end_as_a_ledger_or_as_one_sentence(tmp_path_factory, edits):
    texts = {**WITH_TERMS, "credit_memo": QUICKBOOKS_CREDIT_MEMO}
    assert survives("quickbooks", tmp_path_factory.mktemp("q"), mutated(texts, edits))
