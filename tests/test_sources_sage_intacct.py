"""Sage Intacct: sums and one date per invoice, negative invoices, and records of other kinds."""

import pytest
from extracts import (
    EDITS,
    SAGE_INTACCT,
    adds_up,
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

TEXT = SAGE_INTACCT["ar_invoice"]


def test_invoices_and_what_was_paid_on_them(tmp_path):
    ledger = imported("sage-intacct", tmp_path, SAGE_INTACCT)
    assert invoiced(ledger) == [
        ("SI-1", "C-1", "2024-01-05", "2024-02-04", 100.0, "USD"),
        ("SI-2", "C-1", "2024-01-10", "2024-02-09", 200.0, "USD"),
        ("SI-3", "C-2", "2024-01-12", "2024-02-11", 75.0, "USD"),
    ]
    assert settled(ledger) == [
        # A negative invoice of which nothing was used yet.
        (None, "2024-01-14", 30.0, "credit_note"),
        ("SI-1", "2024-02-19", 100.0, "payment"),
        ("SI-2", "2024-03-01", 50.0, "payment"),
    ]
    said = told(ledger)
    assert said["erp.settled_on_only"] == 1
    assert said["erp.part_paid_at_last_change"] == 1
    assert said["sage_intacct.credits_as_payments"] == 2
    assert ledger.invoices.sort("invoice_id")["entity"].to_list() == ["E1", "E2", "E1"]
    assert ledger.report.reconciled


def test_what_is_no_posted_invoice_is_told_apart(tmp_path):
    ledger = imported("sage-intacct", tmp_path, SAGE_INTACCT)
    assert left_out(ledger) == {
        "erp.deleted": 1,
        "erp.draft": 1,
        "erp.reversed": 1,
        "erp.other_record": 1,
        "erp.zero_amount": 1,
    }
    assert adds_up(ledger)


def test_a_company_of_several_currencies_has_amounts_of_the_transaction(tmp_path):
    header, *lines = TEXT.splitlines()
    extra = f"{header},basecurr,trx_totalentered,trx_totalpaid,trx_totaldue"
    first = lines[0].replace(",USD,", ",EUR,") + ",USD,80,80,0"
    third = lines[2] + ",USD,75,0,75"
    ledger = imported("sage-intacct", tmp_path, {"ar_invoice": "\n".join((extra, first, third, ""))})
    assert [row[4:] for row in invoiced(ledger)] == [(80.0, "EUR"), (75.0, "USD")]
    assert ledger.reporting_currency == "USD"
    assert ledger.rates.select("currency", "rate").rows() == [("EUR", 1.25)]
    assert ledger.report.reconciled


def test_a_balance_that_does_not_follow_from_the_sums_is_told(tmp_path):
    texts = {"ar_invoice": TEXT.replace(",150,200,50,", ",120,200,50,")}
    ledger = imported("sage-intacct", tmp_path, texts)
    assert sum(agreement.apart_count for agreement in ledger.report.agreements) == 1
    assert not ledger.report.reconciled


def test_an_unknown_state_or_record_is_refused(tmp_path):
    texts = {"ar_invoice": TEXT.replace(",ri,Paid,", ",ri,Lost,")}
    assert refused(imported("sage-intacct", tmp_path, texts)) == [(2, "state", "status_unknown", "1")]
    texts = {"ar_invoice": TEXT.replace(",ri,Paid,", ",zz,Paid,")}
    assert refused(imported("sage-intacct", tmp_path, texts)) == [
        (2, "recordtype", "document_type_unknown", "1")
    ]


def test_a_wrong_file_is_told_in_one_sentence(tmp_path):
    with pytest.raises(LedgerError, match="taken for ar_invoice it lacks totaldue"):
        imported("sage-intacct", tmp_path, {"ar_invoice": TEXT.replace("totaldue", "due")})


@settings(max_examples=40)
@given(edits=EDITS)
def test_damaged_files_end_as_a_ledger_or_as_one_sentence(tmp_path_factory, edits):
    assert survives("sage-intacct", tmp_path_factory.mktemp("i"), mutated(SAGE_INTACCT, edits))
