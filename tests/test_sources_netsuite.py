"""NetSuite: amounts from three places, links between transactions, and closing dates without them."""

import pytest
from extracts import (
    EDITS,
    NETSUITE,
    NETSUITE_ACCOUNTING,
    NETSUITE_LINK,
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

LINKED = {**NETSUITE, "link": NETSUITE_LINK}
INVOICES = [
    ("INV1", "100", "2024-01-05", "2024-02-04", 100.0, "USD"),
    ("INV2", "100", "2024-01-10", "2024-02-09", 200.0, "USD"),
    ("INV3", "200", "2024-02-01", "2024-03-02", 50.0, "USD"),
]


def test_links_date_each_payment_and_tell_credit_memos_apart(tmp_path):
    ledger = imported("netsuite", tmp_path, LINKED)
    assert invoiced(ledger) == INVOICES
    assert settled(ledger) == [
        (None, "2024-02-18", 10.0, "payment"),
        ("INV1", "2024-02-18", 100.0, "payment"),
        ("INV2", "2024-02-18", 60.0, "payment"),
        ("INV2", "2024-02-25", 30.0, "credit_note"),
    ]
    assert ledger.report.reconciled
    assert adds_up(ledger)


def test_what_is_no_receivable_is_told_apart(tmp_path):
    ledger = imported("netsuite", tmp_path, LINKED)
    assert left_out(ledger) == {
        "erp.payable": 1,
        "erp.void": 1,
        "erp.draft": 1,
        "erp.document_not_in_books": 1,
        # A sales order and its link, a revenue line, the line of a bill.
        "erp.not_receivable": 4,
    }


def test_without_links_an_invoice_has_its_closing_date_only(tmp_path):
    ledger = imported("netsuite", tmp_path, NETSUITE)
    assert settled(ledger) == [
        (None, "2024-02-18", 10.0, "payment"),
        ("INV1", "2024-02-20", 100.0, "payment"),
        # 90.00 of INV2 were paid on no day the table tells; the books end on 2024-02-25.
        ("INV2", "2024-02-25", 90.0, "payment"),
    ]
    said = told(ledger)
    assert said["erp.settled_on_only"] == 1
    assert said["erp.part_paid_undated"] == 1
    assert said["netsuite.credits_as_payments"] == 2
    assert left_out(ledger)["erp.application_not_told"] == 2
    assert ledger.report.reconciled
    later = imported("netsuite", tmp_path, NETSUITE, export_date="2024-04-30")
    assert ("INV2", "2024-04-30", 90.0, "payment") in settled(later)


def test_amounts_may_come_from_the_accounting_lines_of_the_first_book(tmp_path):
    texts = {name: text for name, text in LINKED.items() if name != "transactionline"}
    ledger = imported("netsuite", tmp_path, {**texts, "accounting": NETSUITE_ACCOUNTING})
    assert invoiced(ledger) == INVOICES
    assert told(ledger)["netsuite.base_amounts"] == 5
    assert adds_up(ledger)


def test_amounts_may_be_on_the_transaction(tmp_path):
    header, *lines = NETSUITE["transaction"].splitlines()
    amounts = ["100.00", "200.00", "50.00", "-170.00", "-30.00", "80.00", "5.00", "1.00", "1.00"]
    rows = [f"{line},{amount}" for line, amount in zip(lines, amounts, strict=True)]
    text = "\n".join([f"{header},foreigntotal", *rows, ""])
    ledger = imported("netsuite", tmp_path, {"transaction": text, "link": NETSUITE_LINK}, currency="USD")
    assert invoiced(ledger) == INVOICES


def test_customer_invoices_without_an_amount_are_one_sentence(tmp_path):
    with pytest.raises(LedgerError, match="The 3 customer invoices of NetSuite carry no amount"):
        imported("netsuite", tmp_path, {name: NETSUITE[name] for name in ("transaction", "currency")})


def test_vendor_bills_alone_make_an_empty_ledger_that_says_why(tmp_path):
    header, *lines = NETSUITE["transaction"].splitlines(keepends=True)
    ledger = imported("netsuite", tmp_path, {"transaction": header + lines[5]})
    assert ledger.invoices.height == 0
    assert left_out(ledger) == {"erp.payable": 1}


def test_currencies_known_by_number_only_need_a_name(tmp_path):
    texts = {name: text for name, text in LINKED.items() if name != "currency"}
    with pytest.raises(LedgerError, match="give the table currency with id, name and symbol too"):
        imported("netsuite", tmp_path, texts)
    assert invoiced(imported("netsuite", tmp_path, texts, currency="USD")) == INVOICES


def test_a_link_to_a_payment_that_is_missing_is_refused(tmp_path):
    texts = {**LINKED, "link": NETSUITE_LINK.replace("1,0,CustInvc,4,", "1,0,CustInvc,44,")}
    ledger = imported("netsuite", tmp_path, texts)
    assert refused(ledger) == [(2, "nextdoc", "payment_not_given", "INV1")]
    assert sum(agreement.apart_count for agreement in ledger.report.agreements) == 1


@settings(max_examples=40)
@given(edits=EDITS)
def test_damaged_files_end_as_a_ledger_or_as_one_sentence(tmp_path_factory, edits):
    assert survives("netsuite", tmp_path_factory.mktemp("n"), mutated(LINKED, edits))
