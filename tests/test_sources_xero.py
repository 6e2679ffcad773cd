"""Xero: receivables of a warehouse, payments where they are given, and the template that has none."""

import polars as pl
import pytest
from extracts import (
    EDITS,
    XERO,
    XERO_CREDIT_NOTE,
    XERO_PAYMENT,
    XERO_TEMPLATE,
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

from paydelay.errors import CurrencyError, LedgerError
from paydelay.sources import import_ledger


def test_receivables_are_read_and_everything_else_is_told_apart(tmp_path):
    ledger = imported("xero", tmp_path, XERO)
    assert invoiced(ledger) == [
        ("INV-1", "C1", "2024-01-10", "2024-02-09", 1200.0, "GBP"),
        ("INV-2", "C1", "2024-02-01", "2024-03-02", 1000.0, "GBP"),
        ("INV-3", "C2", "2024-02-05", "2024-03-06", 500.0, "GBP"),
        ("INV-4", "C2", "2024-03-01", "2024-03-31", 250.0, "USD"),
    ]
    assert left_out(ledger) == {"erp.payable": 1, "erp.void": 1, "erp.draft": 1}
    assert ledger.report.files[0].used == 4
    assert adds_up(ledger)


def test_without_payments_sums_are_dated_on_full_settlement_or_on_the_last_change(tmp_path):
    ledger = imported("xero", tmp_path, XERO)
    assert settled(ledger) == [
        ("INV-1", "2024-02-15", 1200.0, "payment"),
        ("INV-2", "2024-03-20", 400.0, "payment"),
        ("INV-3", "2024-03-01", 200.0, "credit_note"),
        ("INV-3", "2024-03-01", 300.0, "payment"),
    ]
    said = told(ledger)
    assert said["erp.settled_on_only"] == 2
    assert said["erp.part_paid_at_last_change"] == 1
    assert said["xero.credited"] == 1
    assert said["erp.due_dates_of_today"] == 4
    assert ledger.report.reconciled


def test_the_rate_of_an_invoice_is_its_currency_for_one_of_the_organisation(tmp_path):
    ledger = imported("xero", tmp_path, XERO)
    assert ledger.reporting_currency == "GBP"
    assert ledger.rates.select("currency", "rate").rows() == [("USD", 0.8)]


def test_payments_are_read_where_they_are_given(tmp_path):
    ledger = imported("xero", tmp_path, {**XERO, "payment": XERO_PAYMENT})
    assert [row for row in settled(ledger) if row[0] in ("INV-1", "INV-2")] == [
        ("INV-1", "2024-02-14", 1200.0, "payment"),
        ("INV-2", "2024-03-05", 150.0, "payment"),
        ("INV-2", "2024-03-12", 250.0, "payment"),
    ]
    assert left_out(ledger)["erp.document_not_in_books"] == 1
    assert "erp.part_paid_at_last_change" not in told(ledger)
    assert ledger.report.reconciled


def test_what_remains_of_credit_notes_is_on_account_in_the_reporting_currency(tmp_path):
    ledger = imported("xero", tmp_path, {**XERO, "credit_note": XERO_CREDIT_NOTE})
    on_account = ledger.payments.filter(pl.col("invoice_id").is_null()).sort("amount")
    assert on_account.select("customer_id", "amount", "kind").rows() == [
        ("C2", 40.0, "credit_note"),
        ("C1", 60.0, "credit_note"),
    ]
    assert adds_up(ledger)


def test_a_payment_that_is_missing_shows_in_the_balance(tmp_path):
    lacking = "\n".join(line for line in XERO_PAYMENT.split("\n") if not line.startswith("p3"))
    ledger = imported("xero", tmp_path, {**XERO, "payment": lacking})
    assert differences(ledger)["erp.open_balance", "GBP"] == 250.0
    assert sum(agreement.apart_count for agreement in ledger.report.agreements) == 1
    assert not ledger.report.reconciled


def test_an_unreadable_amount_refuses_its_line_and_shows_in_no_figure(tmp_path):
    texts = {"invoice": XERO["invoice"].replace("1200,1200,GBP", "1200,12OO,GBP")}
    ledger = imported("xero", tmp_path, texts)
    assert refused(ledger) == [(2, "total", "amount_not_understood", "i1")]
    assert ledger.report.files[0].refused == 1
    assert ledger.invoices.height == 3


def test_a_type_or_status_that_xero_does_not_have_is_refused(tmp_path):
    texts = {"invoice": XERO["invoice"].replace("INV-1,PAID,ACCREC", "INV-1,PAYED,ACCREC")}
    assert refused(imported("xero", tmp_path, texts)) == [(2, "status", "status_unknown", "i1")]
    texts = {"invoice": XERO["invoice"].replace("INV-1,PAID,ACCREC", "INV-1,PAID,ACCREX")}
    assert refused(imported("xero", tmp_path, texts)) == [(2, "type", "document_type_unknown", "i1")]


def test_an_invoice_refused_by_the_ledger_takes_its_payment_with_it(tmp_path):
    texts = {
        "invoice": XERO["invoice"].replace("i2,C1,2024-02-01", "i2,C1,2024-05-01"),
        "payment": XERO_PAYMENT,
    }
    ledger = imported("xero", tmp_path, texts)
    rules = ledger.report.refusals["rule"].to_list()
    assert sorted(rules) == ["due_before_issue", "unknown_party", "unknown_party"]
    assert ledger.payments.filter(pl.col("invoice_id").is_null()).height == 0
    assert ledger.report.reconciled


def test_only_payables_make_an_empty_ledger_that_says_why(tmp_path):
    header, *lines = XERO["invoice"].splitlines(keepends=True)
    ledger = imported("xero", tmp_path, {"invoice": header + lines[5]})
    assert ledger.invoices.height == 0
    assert left_out(ledger) == {"erp.payable": 1}


def test_headers_may_be_in_capitals_and_tables_in_parquet(tmp_path):
    header, rest = XERO["invoice"].split("\n", 1)
    path = tmp_path / "INVOICE.CSV"
    path.write_text(f"{header.upper()}\n{rest}", "utf-8")
    parquet = tmp_path / "invoice.parquet"
    days = pl.col("DATE", "DUE_DATE", "FULLY_PAID_ON_DATE").str.to_date()
    pl.read_csv(path).with_columns(days, pl.col("TOTAL").cast(pl.Float64)).write_parquet(parquet)
    ledger = import_ledger("xero", parquet)
    assert ledger.equals(imported("xero", tmp_path, XERO))


def test_the_template_gives_one_invoice_per_number_and_says_that_it_holds_no_payment(tmp_path):
    ledger = imported("xero", tmp_path, {"template": XERO_TEMPLATE})
    # T-1 has its total; T-2 is 3 x 30.00 and 18.00 of tax.
    assert invoiced(ledger) == [
        ("T-1", "Alder", "2024-01-05", "2024-02-04", 180.0, "GBP"),
        ("T-2", "Birch", "2024-01-31", "2024-03-01", 108.0, "GBP"),
    ]
    assert ledger.payments.height == 0
    said = told(ledger)
    assert said["xero.template_without_payments"] == 2
    assert said["xero.template_sums"] == 1


def test_an_invoice_of_the_template_is_refused_with_all_its_lines(tmp_path):
    ledger = imported("xero", tmp_path, {"template": XERO_TEMPLATE})
    assert refused(ledger) == [
        (5, "quantity", "amount_not_understood", "T-3"),
        (6, "invoicenumber", "line_of_refused_invoice", "T-3"),
    ]
    # The ledger refuses T-1 by its due date, and both its lines are told as refused.
    late = XERO_TEMPLATE.replace("05/01/2024,04/02/2024", "05/01/2024,04/01/2024")
    ledger = imported("xero", tmp_path, {"template": late})
    assert [row[:3] for row in refused(ledger)][:2] == [
        (2, "due_date", "due_before_issue"),
        (3, "due_date", "due_before_issue"),
    ]


def test_days_that_could_be_months_are_told(tmp_path):
    ledger = imported("xero", tmp_path, {"template": XERO_TEMPLATE.replace("31/01", "03/01")})
    assert told(ledger)["erp.day_before_month"] == 10


def test_a_wrong_file_is_told_in_one_sentence(tmp_path):
    with pytest.raises(LedgerError, match="fits no table of Xero; give files with the columns of invoice"):
        imported("xero", tmp_path, {"other": "a,b\n1,2\n"})
    with pytest.raises(LedgerError, match="taken for payment it lacks amount"):
        imported("xero", tmp_path, {"payment": XERO_PAYMENT.replace("amount", "sum")})
    with pytest.raises(LedgerError, match="The books of Xero lack the table invoice"):
        imported("xero", tmp_path, {"payment": XERO_PAYMENT})


def test_a_foreign_currency_without_a_rate_is_one_sentence(tmp_path):
    with pytest.raises(CurrencyError, match="GBP, USD"):
        imported("xero", tmp_path, {"invoice": XERO["invoice"].replace("USD,1.25", "USD,")})


@settings(max_examples=40)
@given(edits=EDITS)
def test_damaged_files_end_as_a_ledger_or_as_one_sentence(tmp_path_factory, edits):
    texts = {**XERO, "payment": XERO_PAYMENT, "credit_note": XERO_CREDIT_NOTE}
    assert survives("xero", tmp_path_factory.mktemp("x"), mutated(texts, edits))
