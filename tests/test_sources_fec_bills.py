"""Bills of exchange (413): accepted is not paid, and what was dishonoured is owed."""

from __future__ import annotations

import pytest
from fec_books import imported, left_out, on_account, payments, still_open, told

SALE = "VE 2023-01-10 F1: 411000/C1 +120 A, 707 -100, 44571 -20"
ACCEPTED = f"""
{SALE}
OD 2023-02-01 LCR1: 413000/C1 +120, 411000/C1 -120 A
"""


def bills(ledger):
    """Number, amount and what is held at the end, as the report tells them."""
    said = told(ledger)["bills_followed"]
    return said["n"], said["amount"], said["held"]


@pytest.mark.parametrize("cash", ["512", "5113", "5114", "530", "580"])
@pytest.mark.parametrize("document", ["LCR1", "REM7"])
def test_a_bill_settles_on_the_day_it_is_cashed(tmp_path, cash, document):
    ledger = imported(tmp_path, f"{ACCEPTED}\nBQ 2023-04-30 {document}: {cash} +120, 413000/C1 -120")
    assert payments(ledger) == [("C1", "F1", "2023-04-30", 120.0, "payment")]
    assert bills(ledger) == (1, 120.0, 0.0)
    assert "bills" not in told(ledger)
    assert left_out(ledger) == {"transfer": 2}


def test_a_bill_that_is_still_held_leaves_its_invoice_open(tmp_path):
    ledger = imported(tmp_path, ACCEPTED)
    assert payments(ledger) == []
    assert still_open(ledger) == {"F1": 120.0}
    assert bills(ledger) == (1, 120.0, 120.0)
    rows = ledger.report.detail.select("month_end", "invoices", "accounts", "bills_held").iter_rows()
    assert [(end.isoformat(), *row) for end, *row in rows] == [
        ("2023-01-31", 120.0, 120.0, 0.0),
        ("2023-02-28", 120.0, 0.0, 120.0),
    ]
    parts = ledger.report.balance_parts
    assert (parts["open_invoices"], parts["bills_held"]) == (120.0, -120.0)


@pytest.mark.parametrize("doubtful", ["411000", "416000"])
def test_a_bill_that_is_dishonoured_before_it_is_cashed_is_owed_again(tmp_path, doubtful):
    back = f'OD 2023-04-30 IMP1: {doubtful}/C1 +120 B, 413000/C1 -120 "LCR IMPAYEE"'
    ledger = imported(tmp_path / "open", f"{ACCEPTED}\n{back}")
    assert payments(ledger) == []
    assert still_open(ledger) == {"F1": 120.0}
    assert bills(ledger) == (1, 120.0, 0.0)
    later = imported(
        tmp_path / "paid", f"{ACCEPTED}\n{back}\nBQ 2023-06-30 V1: 512 +120, {doubtful}/C1 -120 B"
    )
    assert payments(later) == [("C1", "F1", "2023-06-30", 120.0, "payment")]


def test_what_a_dishonoured_bill_cost_is_a_claim_of_its_own(tmp_path):
    ledger = imported(tmp_path, f"{ACCEPTED}\nOD 2023-04-30 IMP1: 411000/C1 +135, 413000/C1 -120, 708 -15")
    assert payments(ledger) == []
    assert still_open(ledger) == {"F1": 120.0, "IMP1": 15.0}


@pytest.mark.parametrize(
    "back",
    [
        "BQ 2023-05-05 IMP1: 411000/C1 +120 B, 512 -120",
        "BQ 2023-05-05 IMP1: 416000/C1 +120 B, 512 -120",
        "BQ 2023-05-05 IMP1: 413000/C1 +120, 512 -120\nOD 2023-05-06 IMP1: 411000/C1 +120 B, 413000/C1 -120",
    ],
)
def test_a_bill_that_is_dishonoured_after_it_was_cashed_is_taken_back(tmp_path, back):
    cashed = f"{ACCEPTED}\nBQ 2023-04-30 R9: 512 +120, 413000/C1 -120\n{back}"
    ledger = imported(tmp_path / "open", cashed)
    came_and_went = [
        ("C1", "F1", "2023-04-30", 120.0, "payment"),
        ("C1", "F1", "2023-05-05", -120.0, "payment"),
    ]
    assert payments(ledger) == came_and_went
    assert still_open(ledger) == {"F1": 120.0}
    assert told(ledger)["bounced"] == {"n": 1}
    account = "416000" if "416000" in back else "411000"
    later = imported(tmp_path / "paid", f"{cashed}\nBQ 2023-06-30 V1: 512 +120, {account}/C1 -120 B")
    assert still_open(later) == {}
    assert on_account(later) == {}


def test_one_bill_for_several_invoices(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411000/C1 +100 A, 707 -100
        VE 2023-01-12 F2: 411000/C1 +200 A, 707 -200
        OD 2023-02-01 LCR1: 413000/C1 +300, 411000/C1 -300 A
        BQ 2023-04-30 R9: 512 +298, 627 +2, 413000/C1 -300
        """,
    )
    assert payments(ledger) == [
        ("C1", "F1", "2023-04-30", 100.0, "payment"),
        ("C1", "F2", "2023-04-30", 200.0, "payment"),
    ]


def test_several_bills_for_one_invoice(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411000/C1 +300 A, 707 -300
        OD 2023-02-01 LCR1: 413000/C1 +100, 413000/C1 +200, 411000/C1 -300 A
        BQ 2023-03-31 R1: 512 +100, 413000/C1 -100
        """,
    )
    assert payments(ledger) == [("C1", "F1", "2023-03-31", 100.0, "payment")]
    assert still_open(ledger) == {"F1": 200.0}
    assert bills(ledger) == (2, 300.0, 200.0)


def test_a_bill_less_a_discount_moves_what_it_is_for(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {SALE}
        OD 2023-02-01 LCR1: 413000/C1 +117.60, 665 +2.40, 411000/C1 -120 A
        BQ 2023-04-30 R9: 512 +117.60, 413000/C1 -117.60
        """,
    )
    assert payments(ledger) == [
        ("C1", "F1", "2023-02-01", 2.4, "discount"),
        ("C1", "F1", "2023-04-30", 117.6, "payment"),
    ]


def test_bills_of_which_some_are_lettered(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411000/C1 +120 A, 707 -120
        VE 2023-01-11 F2: 411000/C1 +120 B, 707 -120
        VE 2023-01-12 F3: 411000/C1 +50, 707 -30, 44571 -20
        OD 2023-02-01 LCR1: 413000/C1 +120, 411000/C1 -120 A
        OD 2023-02-02 LCR2: 413000/C1 +120 K, 411000/C1 -120 B
        OD 2023-02-03 LCR3: 413000/C1 +80 L, 411000/C1 -80
        BQ 2023-03-31 R1: 512 +120, 413000/C1 -120 K
        BQ 2023-04-30 R2: 512 +120, 413000/C1 -120
        BQ 2023-05-31 R3: 512 +80, 413000/C1 -80 L
        """,
    )
    # What was accepted without letter names no invoice, however its bill is lettered.
    assert payments(ledger) == [
        ("C1", "F2", "2023-03-31", 120.0, "payment"),
        ("C1", "F1", "2023-04-30", 120.0, "payment"),
        ("C1", None, "2023-05-31", 80.0, "payment"),
    ]


def test_bills_over_the_turn_of_a_year(tmp_path):
    first = f"{ACCEPTED}\nVE 2023-02-10 F2: 411000/C2 +50, 707 -50"
    later = """
        AN 2024-01-01 LCR1: 413000/C1 +120, 411000/C2 +50, 110 -170
        BQ 2024-01-31 R9: 512 +120, 413000/C1 -120
        VE 2024-02-01 F3: 411000/C1 +5, 707 -5
        """
    both = imported(tmp_path / "both", first, later)
    assert payments(both) == [("C1", "F1", "2024-01-31", 120.0, "payment")]
    assert still_open(both) == {"F2": 50.0, "F3": 5.0}
    assert bills(both) == (1, 120.0, 0.0)
    assert left_out(both) == {"carried_over": 2, "transfer": 2}

    alone = imported(tmp_path / "later", later)
    assert payments(alone) == []
    assert told(alone)["opening"] == {"n": 2, "amount": 170.0, "currency": "EUR"}
    assert alone.report.balance_parts["before_books"] == 50.0
    assert left_out(alone) == {"opening": 2, "settles_opening": 1}


def test_an_opening_balance_of_bills_in_one_sum(tmp_path):
    alone = imported(
        tmp_path,
        """
        AN 2024-01-01 AN: 413000/C1 +300, 110 -300
        BQ 2024-01-31 R1: 512 +100, 413000/C1 -100
        BQ 2024-02-29 R2: 512 +200, 413000/C1 -200
        """,
    )
    assert payments(alone) == []
    assert alone.report.balance_parts["before_books"] == 0.0


def test_an_account_of_bills_for_each_customer(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411DUPONT +120 A, 707 -120
        OD 2023-02-01 LCR1: 413DUPONT +120, 411DUPONT -120 A
        BQ 2023-04-30 R1: 512 +120, 413DUPONT -120
        """,
    )
    assert payments(ledger) == [("411DUPONT", "F1", "2023-04-30", 120.0, "payment")]
    assert ledger.customers["customer_name"].to_list() == ["Compte 411DUPONT"]


# ---- One account 413 for all customers -------------------------------------------------------------

POOLED = """
VE 2023-01-10 F1: 411000/C1 +120 A, 707 -120
VE 2023-01-10 F2: 411000/C2 +80 A, 707 -80
OD 2023-02-01 LCR1: 413000 +120{letter}, 411000/C1 -120 A
OD 2023-02-02 LCR2: 413000 +80{letter}, 411000/C2 -80 A
"""


@pytest.mark.parametrize(
    ("letter", "cash"),
    [
        ("", "BQ 2023-04-30 R1: 512 +120, 413000 -120\nBQ 2023-04-30 R2: 512 +80, 413000 -80"),
        ("", "BQ 2023-04-30 R1: 512 +200, 413000 -120, 413000 -80"),
        (" K", "BQ 2023-04-30 REM1: 5113 +200, 413000 -200 K"),
    ],
)
def test_cash_on_a_collective_account_finds_its_bills_by_amount_or_letter(tmp_path, letter, cash):
    ledger = imported(tmp_path, POOLED.format(letter=letter) + cash)
    assert payments(ledger) == [
        ("C1", "F1", "2023-04-30", 120.0, "payment"),
        ("C2", "F2", "2023-04-30", 80.0, "payment"),
    ]
    assert bills(ledger) == (2, 200.0, 0.0)
    assert "bills" not in told(ledger)


def test_bills_of_one_amount_on_a_collective_account_are_told_apart_by_document(tmp_path):
    books = POOLED.replace("80", "120").format(letter="")
    ledger = imported(
        tmp_path / "named",
        f"{books}BQ 2023-04-30 LCR2: 512 +120, 413000 -120\nBQ 2023-05-31 LCR1: 512 +120, 413000 -120",
    )
    assert payments(ledger) == [
        ("C2", "F2", "2023-04-30", 120.0, "payment"),
        ("C1", "F1", "2023-05-31", 120.0, "payment"),
    ]
    # Of two customers' bills of one amount, one was cashed: nobody can tell whose.
    unknown = imported(tmp_path / "unknown", f"{books}BQ 2023-04-30 R1: 512 +120, 413000 -120")
    assert [row[2] for row in payments(unknown)] == ["2023-02-01", "2023-02-02"]
    assert told(unknown)["bills"] == {"n": 2, "amount": 240.0, "currency": "EUR"}
    assert "bills_followed" not in told(unknown)


def test_bills_on_a_collective_account_that_nothing_cashed_are_held(tmp_path):
    ledger = imported(tmp_path, POOLED.format(letter="") + "BQ 2023-04-30 R1: 512 +120, 413000 -120")
    assert payments(ledger) == [("C1", "F1", "2023-04-30", 120.0, "payment")]
    assert still_open(ledger) == {"F2": 80.0}
    assert bills(ledger) == (2, 200.0, 80.0)


def test_bills_paid_in_together_without_a_sign_count_as_paid_when_accepted(tmp_path):
    ledger = imported(tmp_path, POOLED.format(letter="") + "BQ 2023-04-30 REM1: 5113 +200, 413000 -200")
    assert payments(ledger) == [
        ("C1", "F1", "2023-02-01", 120.0, "payment"),
        ("C2", "F2", "2023-02-02", 80.0, "payment"),
    ]
    assert told(ledger)["bills"] == {"n": 2, "amount": 200.0, "currency": "EUR"}
    assert (ledger.report.detail["bills_held"] == 0).all()


def test_a_dishonoured_bill_of_a_collective_account_is_its_customer_s(tmp_path):
    ledger = imported(
        tmp_path,
        POOLED.format(letter="")
        + "OD 2023-04-30 IMP: 411000/C1 +120, 413000 -120\nBQ 2023-05-30 R2: 512 +80, 413000 -80",
    )
    assert payments(ledger) == [("C2", "F2", "2023-05-30", 80.0, "payment")]
    assert still_open(ledger) == {"F1": 120.0}


def test_a_collective_account_over_the_turn_of_a_year(tmp_path):
    ledger = imported(
        tmp_path,
        POOLED.format(letter=""),
        """
        AN 2024-01-01 AN: 413000 +200, 110 -200
        VE 2024-02-01 F3: 411000/C1 +5, 707 -5
        BQ 2024-04-30 LCR1: 512 +120, 413000 -120
        """,
    )
    assert payments(ledger) == [("C1", "F1", "2024-04-30", 120.0, "payment")]
    assert still_open(ledger) == {"F2": 80.0, "F3": 5.0}
    assert bills(ledger) == (2, 200.0, 80.0)
