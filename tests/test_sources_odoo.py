"""Odoo: moves, their receivable lines, and what was matched with what."""

import polars as pl
import pytest
from extracts import (
    EDITS,
    ODOO,
    ODOO_ACCOUNT,
    ODOO_PAYMENT,
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


def test_each_line_that_falls_due_is_a_claim(tmp_path):
    ledger = imported("odoo", tmp_path, ODOO)
    assert invoiced(ledger) == [
        ("INV/1", "10", "2024-01-05", "2024-02-04", 120.0, "EUR"),
        ("INV/2/1", "10", "2024-01-10", "2024-02-10", 100.0, "EUR"),
        ("INV/2/2", "10", "2024-01-10", "2024-03-10", 100.0, "EUR"),
        ("INV/3", "11", "2024-02-01", "2024-03-02", 110.0, "USD"),
        ("INV/4", "11", "2024-02-20", "2024-03-21", 75.0, "EUR"),
    ]
    assert told(ledger)["odoo.instalments"] == 1
    assert ledger.report.reconciled


def test_a_payment_is_dated_by_its_own_line_and_not_by_its_matching(tmp_path):
    ledger = imported("odoo", tmp_path, ODOO)
    assert settled(ledger) == [
        (None, "2024-02-15", 20.0, "credit_note"),
        ("INV/1", "2024-02-10", 120.0, "payment"),
        ("INV/2/1", "2024-02-10", 30.0, "payment"),
        ("INV/2/1", "2024-02-15", 30.0, "credit_note"),
        ("INV/3", "2024-03-04", 110.0, "payment"),
        ("INV/4", "2024-06-30", 75.0, "payment"),
    ]
    one = ledger.payments.filter(pl.col("invoice_id") == "INV/1")
    assert one["recorded_on"].item().isoformat() == "2024-02-12"


def test_every_line_of_every_table_is_told(tmp_path):
    ledger = imported("odoo", tmp_path, {**ODOO, "payment": ODOO_PAYMENT, "account": ODOO_ACCOUNT})
    assert adds_up(ledger)
    assert left_out(ledger) == {
        "erp.payable": 1,
        "erp.draft": 1,
        "erp.void": 1,
        "erp.debit_entry": 1,
        # Eight lines on other accounts, the opening entry, the payment to a supplier.
        "erp.not_receivable": 9,
    }


def test_accounts_tell_differences_and_write_offs_from_money(tmp_path):
    ledger = imported("odoo", tmp_path, {**ODOO, "account": ODOO_ACCOUNT})
    assert [row for row in settled(ledger) if row[0] in ("INV/3", "INV/4")] == [
        ("INV/3", "2024-03-04", 2.0, "discount"),
        ("INV/3", "2024-03-04", 108.0, "payment"),
        ("INV/4", "2024-06-30", 75.0, "write_off"),
    ]
    said = told(ledger)
    assert said["odoo.payment_difference"] == 1
    assert said["odoo.entries_as_write_offs"] == 1
    # A write-off closes the item in Odoo: its balance agrees though nothing was paid.
    assert ledger.report.reconciled


def test_without_accounts_the_amount_of_the_payment_tells_the_difference(tmp_path):
    ledger = imported("odoo", tmp_path, {**ODOO, "payment": ODOO_PAYMENT})
    # 147.00 came in for 150.00: 2 % of each of its two settlements was waived.
    assert [row for row in settled(ledger) if row[3] == "discount"] == [
        ("INV/1", "2024-02-10", 2.4, "discount"),
        ("INV/2/1", "2024-02-10", 0.6, "discount"),
    ]
    assert told(ledger)["odoo.entries_as_payments"] == 1
    assert ledger.report.reconciled


def test_rates_come_from_both_amounts_of_a_line(tmp_path):
    ledger = imported("odoo", tmp_path, ODOO)
    assert ledger.reporting_currency == "EUR"
    assert ledger.rates["rate"].round(6).to_list() == [round(100 / 110, 6), 0.9]


def test_currencies_known_by_number_only_need_a_name(tmp_path):
    tables = {name: text for name, text in ODOO.items() if name != "res_currency"}
    with pytest.raises(LedgerError, match="give the table res_currency"):
        imported("odoo", tmp_path, tables)
    one = {name: text.replace(",400,2,11,", ",400,1,11,") for name, text in tables.items()}
    assert imported("odoo", tmp_path, one, currency="EUR").invoices["currency"].unique().to_list() == ["EUR"]


def test_companies_become_entities(tmp_path):
    assert imported("odoo", tmp_path, ODOO).invoices["entity"].drop_nulls().to_list() == []
    lines = ODOO["account_move_line"].replace("71,7,1,1,", "71,7,2,1,")
    ledger = imported("odoo", tmp_path, {**ODOO, "account_move_line": lines})
    assert sorted(ledger.invoices["entity"].unique().to_list()) == ["1", "2"]


def test_an_invoice_whose_line_is_missing_is_refused(tmp_path):
    lines = "".join(
        line for line in ODOO["account_move_line"].splitlines(keepends=True) if not line.startswith("91,")
    )
    ledger = imported("odoo", tmp_path, {**ODOO, "account_move_line": lines})
    assert (10, "id", "document_without_lines", "INV/4") in refused(ledger)
    assert adds_up(ledger)


def test_a_settlement_whose_payment_is_missing_is_refused(tmp_path):
    lines = "".join(
        line for line in ODOO["account_move_line"].splitlines(keepends=True) if not line.startswith("81,")
    )
    ledger = imported("odoo", tmp_path, {**ODOO, "account_move_line": lines})
    assert (5, "credit_move_id", "payment_not_given", "INV/3") in refused(ledger)
    assert sum(agreement.apart_count for agreement in ledger.report.agreements) == 1


def test_overlapping_extracts_count_once_and_contradicting_ones_not_at_all(tmp_path):
    again = dict(ODOO)
    again["more"] = ODOO["account_move"]
    ledger = imported("odoo", tmp_path, again)
    # All twelve, whatever their own reasons to be left out.
    assert left_out(ledger)["erp.repeated_row"] == 12
    assert ledger.equals(imported("odoo", tmp_path, ODOO))
    again["more"] = ODOO["account_move"].replace("INV/1,", "INV/X,")
    ledger = imported("odoo", tmp_path, again)
    assert "key_repeated" in ledger.report.refusals["rule"].to_list()
    assert not {"INV/1", "INV/X"} & set(ledger.invoices["invoice_id"])


@pytest.mark.parametrize("missing", ["account_move", "account_move_line", "account_partial_reconcile"])
def test_each_of_the_three_tables_is_needed(tmp_path, missing):
    with pytest.raises(LedgerError, match=f"The books of Odoo lack the table {missing}:"):
        imported("odoo", tmp_path, {name: text for name, text in ODOO.items() if name != missing})


def test_tables_that_say_nothing_of_payments_are_left_out(tmp_path):
    full = "id,exchange_move_id,create_uid,write_uid,create_date,write_date\n1,,1,1,2024-01-01,2024-01-01\n"
    ledger = imported("odoo", tmp_path, {**ODOO, "full": full})
    assert left_out(ledger)["erp.table_not_needed"] == 1


def test_a_list_as_the_user_interface_exports_it_is_told_in_one_sentence(tmp_path):
    with pytest.raises(LedgerError, match="fits no table of Odoo"):
        imported("odoo", tmp_path, {"list": '"External ID","Asientos/Debe","Asientos/Haber"\nx,1,2\n'})


@settings(max_examples=40)
@given(edits=EDITS)
def test_damaged_files_end_as_a_ledger_or_as_one_sentence(tmp_path_factory, edits):
    texts = {**ODOO, "payment": ODOO_PAYMENT, "account": ODOO_ACCOUNT}
    assert survives("odoo", tmp_path_factory.mktemp("o"), mutated(texts, edits))
