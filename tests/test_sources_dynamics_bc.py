"""Business Central: ledger entries in several spellings, and the detailed ones that date applications."""

import polars as pl
import pytest
from extracts import (
    DYNAMICS_BC,
    DYNAMICS_BC_DETAILED,
    EDITS,
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

from paydelay.errors import CurrencyError, LedgerError

ENTRIES = {"entries": DYNAMICS_BC["entries"].replace(",USD,", ",,")}


def test_entries_alone_give_the_day_an_invoice_was_closed(tmp_path):
    ledger = imported("dynamics-bc", tmp_path, ENTRIES, currency="EUR")
    assert invoiced(ledger) == [
        ("OPEN-1", "20000", "2024-01-01", "2024-01-31", 25.0, "EUR"),
        ("PSI-1", "10000", "2024-01-05", "2024-02-04", 100.0, "EUR"),
        ("PSI-2", "10000", "2024-01-10", "2024-02-09", 200.0, "EUR"),
        ("PSI-3", "20000", "2024-02-01", "2024-03-02", 80.0, "EUR"),
    ]
    assert settled(ledger) == [
        (None, "2024-02-18", 10.0, "payment"),
        ("PSI-1", "2024-02-20", 100.0, "payment"),
        # 60.00 of PSI-2 were paid on no day the table tells; its last one is 2024-02-25.
        ("PSI-2", "2024-02-25", 60.0, "payment"),
    ]
    said = told(ledger)
    assert said["dynamics_bc.credits_as_payments"] == 2
    assert said["dynamics_bc.entries_as_claims"] == 1
    assert said["erp.part_paid_undated"] == 1
    assert ledger.report.reconciled
    assert adds_up(ledger)


def test_detailed_entries_give_each_application_its_payer_and_its_day(tmp_path):
    ledger = imported("dynamics-bc", tmp_path, DYNAMICS_BC_DETAILED, currency="EUR")
    assert invoiced(ledger) == [
        ("PSI-1", "10000", "2024-01-05", "2024-02-04", 1100.0, "EUR"),
        ("PSI-2", "10000", "2024-01-10", "2024-02-09", 200.0, "EUR"),
        ("PSI-3", "20000", "2024-02-01", "2024-03-02", 80.0, "USD"),
    ]
    assert settled(ledger) == [
        (None, "2024-02-18", 10.0, "payment"),
        # Applied on 2024-02-20, paid on 2024-02-18; for PSI-2 the payment's own entry says so.
        ("PSI-1", "2024-02-18", 1100.0, "payment"),
        ("PSI-2", "2024-02-18", 60.0, "payment"),
        ("PSI-2", "2024-02-20", 2.0, "discount"),
        ("PSI-2", "2024-02-25", 30.0, "credit_note"),
    ]
    assert left_out(ledger) == {"erp.reversed": 1, "erp.unapplied": 2, "erp.document_not_in_books": 1}
    assert ledger.rates.select("currency", "rate").rows() == [("USD", 0.9)]
    assert ledger.report.reconciled
    assert adds_up(ledger)


def test_detailed_entries_need_the_number_of_the_entries(tmp_path):
    header, rest = DYNAMICS_BC_DETAILED["entries"].split("\n", 1)
    texts = {**DYNAMICS_BC_DETAILED, "entries": f"{header.replace('Entry No.', 'Key')}\n{rest}"}
    with pytest.raises(LedgerError, match=r"lack Entry No\., by which the detailed ones"):
        imported("dynamics-bc", tmp_path, texts, currency="EUR")


@pytest.mark.parametrize(
    "spelling", ["Document No.", "document_no", "DOCUMENT NO", "Belegnr.", "N° document"]
)
def test_headers_are_known_in_their_spellings(tmp_path, spelling):
    text = ENTRIES["entries"].replace("Document_No_,Due", f"{spelling},Due")
    assert imported("dynamics-bc", tmp_path, {"entries": text}, currency="EUR").invoices.height == 4


@pytest.mark.parametrize(
    "words",
    [("Facture", "Paiement", "Avoir"), ("2", "1", "3"), ("Invoice", "Payment", "Credit_x0020_Memo")],
)
def test_document_types_are_known_in_their_languages(tmp_path, words):
    text = ENTRIES["entries"]
    for word, other in zip(("Invoice", "Payment", "Credit Memo"), words, strict=True):
        text = text.replace(f"\n{word},", f"\n{other},")
    ledger = imported("dynamics-bc", tmp_path, {"entries": text}, currency="EUR")
    assert ledger.equals(imported("dynamics-bc", tmp_path, ENTRIES, currency="EUR"))


def test_the_database_s_day_zero_is_no_day(tmp_path):
    text = ENTRIES["entries"].replace("PO-2,200.00,,,", "PO-2,200.00,,1753-01-01 00:00:00.000,")
    ledger = imported("dynamics-bc", tmp_path, {"entries": text}, currency="EUR")
    assert ledger.payments.filter(pl.col("payment_date") < pl.date(2024, 1, 1)).height == 0


def test_entries_without_a_currency_code_need_the_company_s(tmp_path):
    with pytest.raises(LedgerError, match=r"6 customer ledger entries .* name it with --currency"):
        imported("dynamics-bc", tmp_path, ENTRIES)


def test_a_foreign_currency_without_local_amounts_is_one_sentence(tmp_path):
    with pytest.raises(CurrencyError, match="EUR, USD"):
        imported("dynamics-bc", tmp_path, DYNAMICS_BC, currency="EUR")


def test_an_unknown_type_is_refused(tmp_path):
    text = ENTRIES["entries"].replace("\nInvoice,10000,PSI-1", "\nBill,10000,PSI-1")
    ledger = imported("dynamics-bc", tmp_path, {"entries": text}, currency="EUR")
    assert refused(ledger) == [(2, "document_type", "document_type_unknown", "PSI-1")]


def test_a_wrong_file_is_told_in_one_sentence(tmp_path):
    with pytest.raises(LedgerError, match="fits no table of Business Central"):
        imported("dynamics-bc", tmp_path, {"other": "a;b\n1;2\n"})
    with pytest.raises(LedgerError, match="lack the table customer ledger entries"):
        imported("dynamics-bc", tmp_path, {"detailed": DYNAMICS_BC_DETAILED["detailed"]})


@settings(max_examples=40)
@given(edits=EDITS)
def test_damaged_files_end_as_a_ledger_or_as_one_sentence(tmp_path_factory, edits):
    texts = mutated(DYNAMICS_BC_DETAILED, edits)
    assert survives("dynamics-bc", tmp_path_factory.mktemp("d"), texts, currency="EUR")
