"""Doubtful debts, advances, payments that come back and ways to settle without cash, worked by hand."""

from dataclasses import replace

import pytest
from fec_books import Style, imported, invoices, jotted, left_out, on_account, payments, still_open, told

SALE = "VE 2023-01-10 F1: 411000/C1 +120 A, 707000 -100, 445710 -20"


# ---- Doubtful debts ----------------------------------------------------------------------------


@pytest.mark.parametrize("letter", [" A", ""])
@pytest.mark.parametrize(
    ("ordinary", "doubtful", "customer"),
    [("411000/C1", "416000/C1", "C1"), ("411C1", "416C1", "411C1"), ("41100017", "41600017", "41100017")],
)
def test_a_debt_that_becomes_doubtful_is_no_new_invoice_and_no_payment(
    tmp_path, letter, ordinary, doubtful, customer
):
    ledger = imported(
        tmp_path,
        f"""
        VE 2023-01-10 F1: {ordinary} +120{letter}, 707000 -100, 445710 -20
        OD 2023-06-30 F1: {doubtful} +120, {ordinary} -120{letter}
        """,
    )
    assert invoices(ledger) == {"F1": (customer, "2023-01-10", 120.0)}
    assert payments(ledger) == []
    assert left_out(ledger) == {"transfer": 2}
    assert told(ledger)["transfers"]["n"] == 1


@pytest.mark.parametrize(("ordinary", "doubtful"), [("411000/C1", "416000/C1"), ("411C1", "416C1")])
def test_what_is_paid_on_a_doubtful_debt_settles_its_invoice(tmp_path, ordinary, doubtful):
    ledger = imported(
        tmp_path,
        f"""
        VE 2023-01-10 F1: {ordinary} +120 A, 707000 -100, 445710 -20
        OD 2023-06-30 F1: {doubtful} +120 a, {ordinary} -120 A
        BQ 2023-09-15 R1: 512 +50, {doubtful} -50 a
        """,
    )
    assert [row[1:4] for row in payments(ledger)] == [("F1", "2023-09-15", 50.0)]
    assert still_open(ledger) == {"F1": 70.0}


def test_what_is_paid_on_a_doubtful_debt_settles_its_invoice_by_document_where_the_transfer_has_no_letter(
    tmp_path,
):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411/C1 +120, 707 -100, 4457 -20
        VE 2023-02-10 F2: 411/C1 +60, 707 -50, 4457 -10
        OD 2023-06-30 F1: 416/C1 +120 B, 411/C1 -120
        BQ 2023-09-15 R1: 512 +120, 416/C1 -120 B
        """,
    )
    assert payments(ledger) == [("C1", "F1", "2023-09-15", 120.0, "payment")]


def test_the_same_letter_on_411_and_416_is_two(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411/C1 +120 A, 707 -120
        OD 2023-03-31 F1: 416/C1 +120 B, 411/C1 -120 A
        VE 2023-04-10 F2: 411/C1 +50 B, 707 -50
        BQ 2023-05-10 R2: 512 +50, 411/C1 -50 B
        BQ 2023-09-15 R1: 512 +120, 416/C1 -120 B
        """,
    )
    assert payments(ledger) == [
        ("C1", "F2", "2023-05-10", 50.0, "payment"),
        ("C1", "F1", "2023-09-15", 120.0, "payment"),
    ]


def test_a_doubtful_debt_booked_in_both_taxed_parts_is_still_a_transfer(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411/C1 +100 A, 707 -100
        VE 2023-01-11 F2: 411/C1 +50 A, 707 -50
        OD 2023-06-30 DOUT: 411/C1 -100 A, 411/C1 -50 A, 416/C1 +150
        """,
    )
    assert set(invoices(ledger)) == {"F1", "F2"}
    assert payments(ledger) == []


# ---- Advances ----------------------------------------------------------------------------------

ADVANCE = "BQ 2023-01-05 AC1: 512 +50, 4191/C1 -50"


def test_an_advance_is_on_account(tmp_path):
    assert payments(imported(tmp_path, ADVANCE + "\n" + SALE)) == [
        ("C1", None, "2023-01-05", 50.0, "payment")
    ]


def test_an_advance_that_is_lettered_settles_its_invoice_on_the_day_it_came(tmp_path):
    ledger = imported(
        tmp_path,
        """
        BQ 2023-01-05 AC1: 512 +50, 4191/C1 -50 A
        VE 2023-02-01 F1: 411/C1 +120 B, 707 -100, 4457 -20
        OD 2023-02-01 F1: 4191/C1 +50 A, 411/C1 -50 B
        BQ 2023-03-01 R1: 512 +70, 411/C1 -70 B
        """,
    )
    assert payments(ledger) == [
        ("C1", "F1", "2023-01-05", 50.0, "payment"),
        ("C1", "F1", "2023-03-01", 70.0, "payment"),
    ]


def test_an_advance_that_no_letter_ties_to_its_payment_is_taken_from_the_account(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {ADVANCE}
        VE 2023-02-01 F1: 411/C1 +120 B, 707 -100, 4457 -20
        OD 2023-02-01 F1: 4191/C1 +50, 411/C1 -50 B
        """,
    )
    assert still_open(ledger) == {"F1": 70.0}
    assert on_account(ledger) == {}


def test_an_advance_that_nothing_letters_lowers_the_debt_all_the_same(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {ADVANCE}
        VE 2023-02-01 F1: 411/C1 +120, 707 -100, 4457 -20
        OD 2023-02-01 F1: 4191/C1 +50, 411/C1 -50
        """,
    )
    assert still_open(ledger)["F1"] - on_account(ledger).get("C1", 0.0) == 70.0


def test_an_invoice_that_takes_up_an_advance_asks_for_the_rest(tmp_path):
    ledger = imported(tmp_path, f"{ADVANCE}\nVE 2023-02-01 F1: 411/C1 +70, 4191/C1 +50, 707 -100, 4457 -20")
    assert still_open(ledger) == {"F1": 70.0}
    assert on_account(ledger) == {}


def test_an_advance_that_is_refunded_leaves_nothing(tmp_path):
    ledger = imported(tmp_path, f"{ADVANCE}\nBQ 2023-02-01 AC1: 4191/C1 +50, 512 -50")
    assert payments(ledger) == [
        ("C1", None, "2023-01-05", 50.0, "payment"),
        ("C1", None, "2023-02-01", -50.0, "payment"),
    ]


# ---- Advances that are invoiced ------------------------------------------------------------------

ADVANCE_INVOICE = "VE 2023-01-05 AC1: 411/C1 +120 A, 4191/C1 -100, 44571 -20"
ADVANCE_PAID = "BQ 2023-01-20 R1: 512 +120, 411/C1 -120 A"


def advances_standing(ledger):
    """By customer and month end: advances that were invoiced and no final invoice took up."""
    rows = ledger.report.detail.select("customer_id", "month_end", "invoiced_advances").iter_rows()
    return {(customer, end.isoformat()): amount for customer, end, amount in rows}


UNTAXED_ADVANCE = "{journal} 2023-01-05 AC1: 411/C1 +100, 4191/C1 -100"


@pytest.mark.parametrize("label", ["", "Ventes", "Journal VE", "Divers"])
def test_a_journal_that_books_sales_invoices_an_advance_whatever_it_is_called(tmp_path, label):
    book = f"""
    {UNTAXED_ADVANCE.format(journal="VE")}
    VE 2023-01-11 F3: 411/C2 +120, 707 -100, 44571 -20
    """
    ledger = imported(tmp_path, book, style=Style(journals=(("VE", label),)))
    assert invoices(ledger)["AC1"] == ("C1", "2023-01-05", 100.0)
    assert left_out(ledger) == {"invoiced_advance": 1}


def test_a_journal_is_known_by_what_it_books_in_another_year(tmp_path):
    books = (
        "VE 2022-12-11 F3: 411/C2 +120, 707 -100, 44571 -20",
        UNTAXED_ADVANCE.format(journal="VE"),
    )
    ledger = imported(tmp_path, *books, style=Style(journals=()))
    assert invoices(ledger)["AC1"] == ("C1", "2023-01-05", 100.0)


@pytest.mark.parametrize(
    "entry",
    [
        "X 2023-12-31 PCA: 707 +80, 487 -80\nX 2023-12-31 A: 681 +5, 281 -5\nX 2023-12-31 B: 641 +5, 421 -5",
        "X 2023-01-11 T1: 530 +120, 707 -100, 44571 -20",
        "X 2023-01-11 P1: 641 +80, 421 -80",
    ],
)
def test_a_journal_that_books_sales_among_other_things_moves_a_credit(tmp_path, entry):
    book = f"{UNTAXED_ADVANCE.format(journal='X')}\n{entry}"
    ledger = imported(tmp_path, book, style=Style(journals=()))
    assert invoices(ledger) == {}
    assert left_out(ledger) == {"transfer": 2}


@pytest.mark.parametrize("letter", ["", " L"])
def test_a_refund_from_before_an_advance_leaves_it_to_the_final_invoice(tmp_path, letter):
    ledger = imported(
        tmp_path,
        f"""
        BQ 2023-01-02 X: 4191/C1 +100{letter}, 512 -100
        {ADVANCE_INVOICE.replace("4191/C1 -100", f"4191/C1 -100{letter}")}
        {ADVANCE_PAID}
        VE 2023-03-05 F1: 411/C1 +240, 4191/C1 +100{letter}, 706 -300, 44571 -40
        """,
    )
    # 100 was paid back of an advance from before the books; the one of 2023 is taken up by F1.
    assert on_account(ledger) == {"C1": -100.0}
    assert still_open(ledger) == {"F1": 240.0}
    assert left_out(ledger) == {"invoiced_advance": 2}
    standing = advances_standing(ledger)
    assert (standing["C1", "2023-01-31"], standing["C1", "2023-03-31"]) == (100.0, 0.0)


def test_an_advance_that_is_invoiced_is_owed_until_it_is_paid(tmp_path):
    ledger = imported(tmp_path, ADVANCE_INVOICE)
    assert invoices(ledger) == {"AC1": ("C1", "2023-01-05", 120.0)}
    assert payments(ledger) == []
    assert left_out(ledger) == {"invoiced_advance": 1}
    assert told(ledger)["invoiced_advances"] == {"n": 1, "amount": 100.0, "currency": "EUR"}
    # The accounts show 20 (the tax), and the customer owes 120.
    assert advances_standing(ledger) == {("C1", "2023-01-31"): 100.0}


def test_an_advance_that_is_invoiced_and_paid_is_settled_and_leaves_nothing_on_account(tmp_path):
    ledger = imported(tmp_path, f"{ADVANCE_INVOICE}\n{ADVANCE_PAID}")
    assert still_open(ledger) == {}
    assert payments(ledger) == [("C1", "AC1", "2023-01-20", 120.0, "payment")]


def test_an_advance_that_is_invoiced_paid_and_taken_up_leaves_the_rest_to_pay(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {ADVANCE_INVOICE}
        {ADVANCE_PAID}
        VE 2023-03-05 F1: 411/C1 +240, 4191/C1 +100, 706 -300, 44571 -40
        """,
    )
    assert invoices(ledger)["F1"] == ("C1", "2023-03-05", 240.0)
    assert still_open(ledger) == {"F1": 240.0}
    assert payments(ledger) == [("C1", "AC1", "2023-01-20", 120.0, "payment")]
    assert left_out(ledger) == {"invoiced_advance": 2}
    assert advances_standing(ledger) == {("C1", "2023-01-31"): 100.0, ("C1", "2023-03-31"): 0.0}


def test_a_final_invoice_leaves_its_unpaid_advance_invoice_owed(tmp_path):
    ledger = imported(
        tmp_path,
        f"{ADVANCE_INVOICE}\nVE 2023-03-05 F1: 411/C1 +240, 4191/C1 +100, 706 -300, 44571 -40",
    )
    assert still_open(ledger) == {"AC1": 120.0, "F1": 240.0}
    assert on_account(ledger) == {}


@pytest.mark.parametrize(
    "taken_up",
    [
        "OD 2023-03-05 F1: 4191/C1 +100, 44571 +20, 411/C1 -120 B",
        "OD 2023-03-05 F1: 4191/C1 +100 L, 44571 +20, 411/C1 -120 B",
    ],
)
def test_an_invoiced_advance_taken_up_in_an_entry_of_its_own_lowers_the_final_invoice(tmp_path, taken_up):
    ledger = imported(
        tmp_path,
        f"""
        {ADVANCE_INVOICE.replace("4191/C1 -100", "4191/C1 -100 L")}
        {ADVANCE_PAID}
        VE 2023-03-05 F1: 411/C1 +360 B, 706 -300, 44571 -60
        {taken_up}
        """,
    )
    assert still_open(ledger) == {"F1": 240.0}
    assert payments(ledger) == [
        ("C1", "AC1", "2023-01-20", 120.0, "payment"),
        ("C1", "F1", "2023-03-05", 120.0, "credit_note"),
    ]


@pytest.mark.parametrize("letter", ["", " L"])
def test_an_invoiced_advance_without_tax_is_a_claim_and_lowers_the_final_invoice(tmp_path, letter):
    ledger = imported(
        tmp_path,
        f"""
        VE 2023-01-05 AC1: 411/C1 +100 A, 4191/C1 -100{letter}
        BQ 2023-01-20 R1: 512 +100, 411/C1 -100 A
        VE 2023-03-05 F1: 411/C1 +300 B, 706 -300
        OD 2023-03-05 F1: 4191/C1 +100{letter}, 411/C1 -100 B
        """,
    )
    assert invoices(ledger)["AC1"] == ("C1", "2023-01-05", 100.0)
    assert still_open(ledger) == {"F1": 200.0}
    assert payments(ledger) == [
        ("C1", "AC1", "2023-01-20", 100.0, "payment"),
        ("C1", "F1", "2023-03-05", 100.0, "credit_note"),
    ]
    assert left_out(ledger) == {"invoiced_advance": 2}


def test_an_invoiced_advance_is_taken_up_by_several_invoices(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {ADVANCE_INVOICE}
        {ADVANCE_PAID}
        VE 2023-03-05 S1: 411/C1 +132, 4191/C1 +40, 704 -150, 44571 -22
        VE 2023-04-05 S2: 411/C1 +108, 4191/C1 +60, 704 -150, 44571 -18
        """,
    )
    assert still_open(ledger) == {"S1": 132.0, "S2": 108.0}
    assert on_account(ledger) == {}
    assert list(advances_standing(ledger).values()) == [100.0, 60.0, 0.0]


def test_money_on_account_and_an_invoiced_advance_of_one_customer_are_taken_up_each_for_itself(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {ADVANCE_INVOICE}
        {ADVANCE_PAID}
        BQ 2023-02-01 V1: 512 +50, 4191/C1 -50
        VE 2023-03-05 F1: 411/C1 +250, 4191/C1 +50, 706 -250, 44571 -50
        """,
    )
    # The amount tells which one is meant: what was invoiced still stands.
    assert on_account(ledger) == {}
    assert advances_standing(ledger)["C1", "2023-03-31"] == 100.0


def test_an_invoice_that_takes_up_both_kinds_of_advances_at_once_is_parted(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {ADVANCE_INVOICE}
        {ADVANCE_PAID}
        BQ 2023-02-01 V1: 512 +50, 4191/C1 -50
        VE 2023-03-05 F1: 411/C1 +190, 4191/C1 +150, 706 -300, 44571 -40
        """,
    )
    assert still_open(ledger) == {"F1": 190.0}
    assert on_account(ledger) == {}
    assert advances_standing(ledger)["C1", "2023-03-31"] == 0.0


def test_an_advance_invoice_that_is_credited_is_owed_no_longer(tmp_path):
    ledger = imported(
        tmp_path,
        f"{ADVANCE_INVOICE}\nVE 2023-02-05 AV1: 411/C1 -120 A, 4191/C1 +100, 44571 +20",
    )
    assert still_open(ledger) == {}
    assert payments(ledger) == [("C1", "AC1", "2023-02-05", 120.0, "credit_note")]
    assert advances_standing(ledger)["C1", "2023-02-28"] == 0.0


def test_an_invoiced_advance_on_an_account_without_auxiliary_is_owed_by_the_customer_invoiced(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {ADVANCE_INVOICE.replace("4191/C1", "419100")}
        VE 2023-03-05 F1: 411/C1 +240, 419100 +100, 706 -300, 44571 -40
        """,
    )
    assert still_open(ledger) == {"AC1": 120.0, "F1": 240.0}
    assert payments(ledger) == []


def test_an_invoiced_advance_is_taken_up_in_the_next_year(tmp_path):
    ledger = imported(
        tmp_path,
        ADVANCE_INVOICE.replace("2023-01", "2023-12"),
        """
        AN 2024-01-01 AC1: 411/C1 +120 A, 4191/C1 -100, 110 -20
        BQ 2024-01-20 R1: 512 +120, 411/C1 -120 A
        VE 2024-03-05 F1: 411/C1 +240, 4191/C1 +100, 706 -300, 44571 -40
        """,
    )
    assert still_open(ledger) == {"F1": 240.0}
    assert payments(ledger) == [("C1", "AC1", "2024-01-20", 120.0, "payment")]
    assert left_out(ledger) == {"carried_over": 2, "invoiced_advance": 2}


def test_what_is_paid_beyond_a_sale_over_the_counter_is_money_on_account(tmp_path):
    ledger = imported(
        tmp_path,
        "CA 2023-01-05 T1: 411/C1 +120 A, 512 +170, 4191/C1 -50, 411/C1 -120 A, 707 -100, 44571 -20",
    )
    assert on_account(ledger) == {"C1": 50.0}
    assert "invoiced_advances" not in told(ledger)


def test_a_customer_s_credit_moved_to_the_account_of_advances_invoices_nothing(tmp_path):
    ledger = imported(
        tmp_path,
        """
        BQ 2023-01-20 R1: 512 +50, 411/C1 -50
        OD 2023-12-31 REGUL: 411/C1 +50, 4191/C1 -50
        """,
    )
    assert invoices(ledger) == {}
    assert on_account(ledger) == {"C1": 50.0}


# ---- Payments that come back -------------------------------------------------------------------


def test_a_payment_that_bounces_opens_the_invoice_again_until_the_second(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {SALE}
        BQ 2023-03-01 R1: 512 +120, 411000/C1 -120 A
        BQ 2023-03-10 R1: 411000/C1 +120 A, 512 -120 "IMPAYE C1"
        BQ 2023-04-05 R2: 512 +120, 411000/C1 -120 A
        """,
    )
    assert invoices(ledger) == {"F1": ("C1", "2023-01-10", 120.0)}
    assert payments(ledger) == [
        ("C1", "F1", "2023-03-01", 120.0, "payment"),
        ("C1", "F1", "2023-03-10", -120.0, "payment"),
        ("C1", "F1", "2023-04-05", 120.0, "payment"),
    ]
    assert told(ledger)["bounced"]["n"] == 1


def test_a_payment_that_bounced_and_is_not_made_good_leaves_the_invoice_open(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {SALE}
        BQ 2023-03-01 R1: 512 +120, 411000/C1 -120 A
        BQ 2023-03-10 I1: 411000/C1 +120 A, 512 -120 "IMPAYE C1"
        """,
    )
    assert still_open(ledger) == {"F1": 120.0}
    assert [row[1:4] for row in payments(ledger)] == [
        ("F1", "2023-03-01", 120.0),
        ("F1", "2023-03-10", -120.0),
    ]


def test_a_bounced_payment_lettered_apart_is_no_settlement_of_the_invoice(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {SALE}
        BQ 2023-03-01 R1: 512 +120, 411000/C1 -120 B
        BQ 2023-03-10 I1: 411000/C1 +120 B, 512 -120 "IMPAYE C1"
        BQ 2023-04-05 R2: 512 +120, 411000/C1 -120 A
        """,
    )
    assert set(invoices(ledger)) == {"F1"}
    assert ("C1", "F1", "2023-04-05", 120.0, "payment") in payments(ledger)
    assert still_open(ledger) == {}
    assert on_account(ledger) == {}


def test_a_bounced_payment_without_any_letter_leaves_the_customer_owing(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411/C1 +120, 707 -120
        BQ 2023-03-01 R1: 512 +120, 411/C1 -120
        BQ 2023-03-10 R1: 411/C1 +120, 512 -120 "IMPAYE C1"
        """,
    )
    assert set(invoices(ledger)) == {"F1"}
    assert still_open(ledger) == {"F1": 120.0}
    assert on_account(ledger) == {}


@pytest.mark.parametrize("charged", ["791 -15", "512 -15", "627 -12.50, 4456 -2.50"])
def test_what_the_bank_charges_for_a_bounced_payment_is_a_claim_of_its_own(tmp_path, charged):
    book = f"""
        {SALE}
        BQ 2023-03-01 R1: 512 +120, 411000/C1 -120 A
        BQ 2023-03-10 I1: 411000/C1 +135 A, 512 -120, {charged} "IMPAYE C1"
        """
    ledger = imported(tmp_path / "open", book)
    assert still_open(ledger) == {"F1": 120.0, "I1": 15.0}
    assert on_account(ledger) == {}
    assert invoices(ledger)["I1"] == ("C1", "2023-03-10", 15.0)
    ledger = imported(tmp_path / "paid", book + "BQ 2023-04-05 R2: 512 +135, 411000/C1 -135 A")
    assert still_open(ledger) == {}
    assert [row[1:4] for row in payments(ledger) if row[1] == "F1"] == [
        ("F1", "2023-03-01", 120.0),
        ("F1", "2023-03-10", -120.0),
        ("F1", "2023-04-05", 120.0),
    ]


def test_what_the_bank_charges_for_a_bounced_payment_of_older_debt_is_still_a_claim(tmp_path):
    ledger = imported(
        tmp_path,
        """
        AN 2023-01-01 F0: 411/C1 +120 A, 110 -120
        VE 2023-01-10 F1: 411/C1 +60, 707 -60
        BQ 2023-03-01 R1: 512 +120, 411/C1 -120 A
        BQ 2023-03-10 I1: 411/C1 +135 A, 512 -135 "IMPAYE C1"
        """,
    )
    assert still_open(ledger) == {"F1": 60.0, "I1": 15.0}
    assert payments(ledger) == []
    assert left_out(ledger) == {"opening": 1, "settles_opening": 1}


def test_a_refund_of_something_larger_is_no_bounced_payment(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {SALE}
        BQ 2023-03-01 R1: 512 +120, 411000/C1 -120 A
        BQ 2023-03-10 R9: 411000/C1 +900 A, 512 -900
        """,
    )
    assert set(invoices(ledger)) == {"F1"}
    assert still_open(ledger) == {}
    assert on_account(ledger) == {"C1": -900.0}


@pytest.mark.parametrize("documents", ["F1", "R{}", "-", "F{}"])
def test_a_payment_may_bounce_any_number_of_times(tmp_path, documents):
    rows = [f"VE 2023-01-10 F{place}: 411/C1 +120 A, 707 -120" for place in range(1, 31)]
    for place in range(1, 31):
        day, document = f"2023-{place % 10 + 2:02}-{place // 10 + 1:02}", documents.format(place)
        rows.append(f"BQ {day} {document}: 512 +120, 411/C1 -120 A")
        rows.append(f"BQ {day} {document}: 411/C1 +120 A, 512 -120")
    ledger = imported(tmp_path, "\n".join(rows))
    assert still_open(ledger) == {f"F{place}": 120.0 for place in range(1, 31)}
    paid = [(name, amount) for _, name, _, amount, _ in payments(ledger)]
    # Each names the invoice of its document, else the first that asks for as much.
    named = {f"F{place}": 1 for place in range(1, 31)} if documents == "F{}" else {"F1": 30}
    assert {name: paid.count((name, 120.0)) for name, _ in paid} == named
    assert {name: paid.count((name, -120.0)) for name, _ in paid} == named
    assert told(ledger)["bounced"]["n"] == 30
    assert "bounced_on_account" not in told(ledger)


def test_a_bounced_payment_that_names_no_invoice_is_told(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411/C1 +120, 707 -120
        BQ 2023-02-10 R1: 512 +60, 411/C1 -60 A
        BQ 2023-02-12 R1: 411/C1 +60 A, 512 -60
        """,
    )
    assert payments(ledger) == [
        ("C1", None, "2023-02-10", 60.0, "payment"),
        ("C1", None, "2023-02-12", -60.0, "payment"),
    ]
    assert told(ledger)["bounced_on_account"] == {"n": 1}


def test_thousands_of_payments_and_bounces_of_one_document_end_in_time(tmp_path):
    count = 3_000
    lines = [
        line
        for number in range(count)
        for line in jotted(
            f"""
            BQ 2023-0{1 + number % 6}-10 PRLV: 512 +9.99, 411000 -9.99
            BQ 2023-0{1 + number % 6}-20 PRLV: 411000 +9.99, 512 -9.99
            """,
            "zero",
        )
    ]
    ledger = imported(tmp_path, lines)
    assert on_account(ledger) == {}
    assert ledger.payments.height == 2 * count
    # They had settled no invoice: none is told to be owed again.
    assert "bounced" not in told(ledger)


def test_part_of_a_payment_comes_back(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {SALE}
        BQ 2023-03-01 R1: 512 +120, 411000/C1 -120 A
        BQ 2023-03-10 I1: 411000/C1 +20 A, 512 -20 "REJET PARTIEL"
        """,
    )
    assert set(invoices(ledger)) == {"F1"}
    assert still_open(ledger).get("F1", 0.0) - on_account(ledger).get("C1", 0.0) == 20.0


# ---- Other ways to settle ----------------------------------------------------------------------


def test_a_debt_set_off_against_a_supplier_s_is_settled_and_told(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {SALE}
        OD 2023-03-31 COMP: 401000/S1 +50, 411000/C1 -50 A
        BQ 2023-04-05 R1: 512 +70, 411000/C1 -70 A
        """,
    )
    assert payments(ledger) == [
        ("C1", "F1", "2023-03-31", 50.0, "payment"),
        ("C1", "F1", "2023-04-05", 70.0, "payment"),
    ]
    assert told(ledger)["payment_without_cash"]["n"] == 1


def test_a_debt_that_another_customer_takes_over_moves(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {SALE}
        OD 2023-03-31 REPRISE: 411000/C2 +120, 411000/C1 -120 A
        BQ 2023-04-30 R1: 512 +120, 411000/C2 -120
        """,
    )
    assert invoices(ledger)["REPRISE"] == ("C2", "2023-03-31", 120.0)
    assert payments(ledger) == [
        ("C1", "F1", "2023-03-31", 120.0, "payment"),
        ("C2", None, "2023-04-30", 120.0, "payment"),
    ]
    assert told(ledger)["payment_without_cash"]["n"] == 1


def test_one_bank_entry_for_a_remittance_of_several_customers(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411/C1 +100 A, 707 -100
        VE 2023-01-11 F2: 411/C2 +50 A, 707 -50
        BQ 2023-03-01 REM1: 512 +149, 627 +1, 411/C1 -100 A, 411/C2 -50 A
        """,
    )
    assert payments(ledger) == [
        ("C1", "F1", "2023-03-01", 100.0, "payment"),
        ("C2", "F2", "2023-03-01", 50.0, "payment"),
    ]


def test_a_bank_journal_in_one_monthly_entry_keeps_each_line_s_day(tmp_path):
    lines = jotted(
        """
        VE 2023-01-10 F1: 411/C1 +120 A, 707 -120
        VE 2023-01-10 F2: 411/C2 +80 A, 707 -80
        BQ 2023-02-03 R1: 411/C1 -120 A
        BQ 2023-02-17 R2: 411/C2 -80 A
        BQ 2023-02-28 BQ02: 512 +200
        """
    )
    monthly = [replace(line, number="BQ02") if line.journal == "BQ" else line for line in lines]
    ledger = imported(tmp_path, monthly)
    assert payments(ledger) == [
        ("C1", "F1", "2023-02-03", 120.0, "payment"),
        ("C2", "F2", "2023-02-17", 80.0, "payment"),
    ]
    assert "payment_without_cash" not in told(ledger)


def test_a_retention_is_a_claim_of_its_own(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-05 F1: 411000/C1 +114 A, 411700/C1 +6, 704 -100, 44571 -20
        BQ 2023-02-20 R1: 512 +114, 411000/C1 -114 A
        """,
    )
    assert sorted(still_open(ledger).values()) == [6.0]


def test_a_debt_that_is_sold_to_a_factor_is_settled_and_told(tmp_path):
    ledger = imported(tmp_path, f"{SALE}\nOD 2023-01-15 QUITT: 467100 +120, 411000/C1 -120 A")
    assert payments(ledger) == [("C1", "F1", "2023-01-15", 120.0, "payment")]
    assert told(ledger)["payment_without_cash"]["n"] == 1


def test_a_loss_beyond_what_is_open_is_told(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {SALE}
        OD 2023-12-31 PERTE: 654 +150, 411000/C1 -150
        """,
    )
    assert payments(ledger) == [
        ("C1", None, "2023-12-31", 30.0, "discount"),
        ("C1", "F1", "2023-12-31", 120.0, "write_off"),
    ]
    assert told(ledger)["loss_without_invoice"] == {"n": 1, "amount": 30.0, "currency": "EUR"}


def test_closing_entries_that_clear_the_balance_sheet_pay_nothing(tmp_path):
    ledger = imported(tmp_path, f"{SALE}\nCL 2023-12-31 CLOTURE: 891 +120, 411000/C1 -120")
    assert payments(ledger) == []


def test_the_balance_is_told_in_its_parts(tmp_path):
    ledger = imported(
        tmp_path,
        """
        AN 2023-01-01 F0: 411/C1 +100, 110 -100
        VE 2023-01-02 F1: 411/C1 +200 A, 707 -200
        VE 2023-01-03 F2: 411/C2 +50 B, 707 -50
        VE 2023-01-04 F3: 411/C3 +70 D, 707 -70
        BQ 2023-02-01 R1: 512 +120, 411/C1 -120 A
        BQ 2023-02-02 R2: 512 +60, 411/C2 -60 B
        BQ 2023-02-03 R3: 512 +5, 411/C1 -5
        VE 2023-01-05 F4: 411/C3 +90 E, 707 -90
        BQ 2023-02-03 R4: 512 +89.10, 411/C3 -89.10 E
        OD 2023-02-04 P1: 654 +70, 411/C3 -70 D
        """,
    )
    assert ledger.report.balance_parts == {
        "open_invoices": 80.0 + 70.0,
        "remainders": 0.9,
        "written_off": -70.0,
        "paid_over": -10.0,
        "cash_on_account": -5.0,
        "invoiced_advances": 0.0,
        "bills_held": 0.0,
        "before_books": 100.0,
    }


UNLETTERED = """
VE 2023-01-02 F1: 411/C1 +100, 707 -100
VE 2023-01-03 F2: 411/C1 +100, 707 -100
VE 2023-01-04 F3: 411/C1 +100, 707 -100
BQ 2023-02-01 F3: 512 +100, 411/C1 -100
OD 2023-03-01 F2: 654 +100, 411/C1 -100
"""


def test_a_write_off_without_letter_is_of_the_invoice_that_its_document_names(tmp_path):
    ledger = imported(tmp_path, UNLETTERED)
    assert [row for row in payments(ledger) if row[4] == "write_off"] == [
        ("C1", "F2", "2023-03-01", 100.0, "write_off")
    ]


def test_first_in_first_out_comes_after_the_document(tmp_path):
    ledger = imported(tmp_path, UNLETTERED, match_unlettered="fifo")
    assert payments(ledger)[0] == ("C1", "F3", "2023-02-01", 100.0, "payment")
    # The payment, and the loss as well.
    assert told(ledger)["matched_first_in_first_out"] == {"n": 2}
