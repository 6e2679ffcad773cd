"""Two real FECs, where they are at hand: figures looked up in the files by hand."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from fec_books import assert_accounted, balances, left_out, month_end, still_open, told

from paydelay.sources import ImportedLedger, import_ledger

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("PAYDELAY_DATA", ROOT.parent / "shared" / "data")) / "fec"
PADDED = FOLDER / "111111111FEC20221231.txt"
CASH_BASIS = FOLDER / "000000000FEC20231231.txt"

pytestmark = pytest.mark.skipif(
    not PADDED.is_file(), reason="the real FEC files are not at hand (PAYDELAY_DATA)"
)


def customer_lines(path: Path, encoding: str, separator: str) -> list[tuple[str, date, int, str]]:
    """Customer, day, cents and journal of each line of a customer account, by Python's csv."""
    with path.open(encoding=encoding, newline="") as file:
        rows = csv.DictReader(file, delimiter=separator, quoting=csv.QUOTE_NONE)
        return [
            (
                row["CompAuxNum"].strip() or row["CompteNum"].strip(),
                date.fromisoformat(row["EcritureDate"].strip()),
                int(row["Debit"].replace(",", "")) - int(row["Credit"].replace(",", "")),
                row["JournalCode"].strip(),
            )
            for row in rows
            if row["CompteNum"].startswith(("411", "416", "4191"))
        ]


def assert_same_balances(ledger: ImportedLedger, lines: list[tuple[str, date, int, str]]) -> None:
    ends = {month_end(day) for _, day, _, _ in lines}
    expected = balances([line[:3] for line in lines], ends)
    detail = ledger.report.detail
    assert (detail["difference"] == 0).all()
    for customer, end, amount in detail.select("customer_id", "month_end", "ledger_balance").iter_rows():
        assert round(amount * 100) == expected[customer, end]
    assert set(detail["customer_id"]) == {line[0] for line in lines}


def payments_of(ledger: ImportedLedger, customer: str) -> list[tuple[str | None, str, float, str]]:
    rows = ledger.payments.filter(pl.col("customer_id") == customer).sort("payment_date")
    return [
        (name, day.isoformat(), amount, kind)
        for name, day, amount, kind in rows.select("invoice_id", "payment_date", "amount", "kind").iter_rows()
    ]


def test_the_file_of_zeros_and_blanks_agrees_with_its_accounts():
    ledger = import_ledger("fec", PADDED)
    assert_accounted(ledger)
    lines = customer_lines(PADDED, "cp1252", "|")
    assert len(lines) == 151
    assert_same_balances(ledger, lines)
    (file,) = ledger.report.files
    assert (file.read, file.refused) == (934, 0)
    assert file.out_of_scope["fec.other_account"] == 934 - 151
    # The file is named for 2022 and is of 2023.
    assert told(ledger)["name_of_another_year"]["last"] == date(2023, 6, 30)
    assert told(ledger)["opening"]["amount"] == 15_545.09


def test_invoices_are_settled_on_the_day_of_the_bank_entry():
    ledger = import_ledger("fec", PADDED)
    issued = {
        name: (day.isoformat(), amount)
        for name, day, amount in ledger.invoices.select("invoice_id", "issue_date", "amount").iter_rows()
    }
    # The 55.07 of 2023-04-11 settle the opening balance that bears the same letter.
    assert [(*issued[name], day, amount) for name, day, amount, _ in payments_of(ledger, "41101590")] == [
        ("2023-01-09", 74.70, "2023-02-09", 74.70),
        ("2023-02-02", 148.13, "2023-02-20", 148.13),
        ("2023-03-06", 112.06, "2023-03-20", 112.06),
        ("2023-04-14", 280.24, "2023-05-17", 280.24),
        ("2023-05-05", 155.09, "2023-05-22", 155.09),
    ]
    owed = ledger.invoices.filter(pl.col("customer_id") == "41101590")["invoice_id"]
    assert not set(owed) & set(still_open(ledger))


def test_a_cent_too_much_is_no_invoice():
    ledger = import_ledger("fec", PADDED)
    assert ledger.invoices["amount"].min() > 1
    mine = [row for row in payments_of(ledger, "41101591") if row[1] == "2023-05-03"]
    assert sum(round(row[2] * 100) for row in mine) == 560_31


def test_the_file_without_letters_leaves_its_payments_on_account():
    ledger = import_ledger("fec", CASH_BASIS)
    assert_accounted(ledger)
    lines = customer_lines(CASH_BASIS, "utf-8", "\t")
    assert len(lines) == 153
    assert_same_balances(ledger, lines)
    assert ledger.payments["invoice_id"].null_count() == ledger.payments.height
    assert told(ledger)["unlettered_on_account"]["n"] == 130
    # Six debits of the detailed opening are of 2022, and its three credits take them first.
    assert left_out(ledger) == {"opening": 6, "settles_opening": 3}
    assert told(ledger)["opening"]["amount"] == 195.50
    assert ledger.payments["payment_date"].min() >= date(2023, 1, 1)


def test_matched_first_in_first_out_the_takings_pay_the_months_they_are_of():
    ledger = import_ledger("fec", CASH_BASIS, match_unlettered="fifo")
    assert_accounted(ledger)
    assert told(ledger)["matched_first_in_first_out"]["n"] > 100
    transfers = payments_of(ledger, "CVIR")
    assert transfers == [("FAE", "2023-02-09", 8196.0, "payment")]
    by_customer: dict[str, int] = defaultdict(int)
    for customer, _, cents, _ in customer_lines(CASH_BASIS, "utf-8", "\t"):
        by_customer[customer] += cents
    # All of its credits are laid on its debits, the oldest first.
    assert (
        sum(still_open(ledger).values()) <= sum(max(cents, 0) for cents in by_customer.values()) / 100 + 0.001
    )
