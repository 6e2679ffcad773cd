"""What an accountant books about customers, worked by hand: who owes what, who paid when."""

import pytest
from fec_books import Style, imported, invoices, left_out, on_account, payments, still_open, told

SALE = "VE 2023-01-10 F1: 411000/C1 +120 A, 707000 -100, 445710 -20"


# ---- Whose account it is ---------------------------------------------------------------------


def test_an_invoice_is_settled_on_the_day_of_the_bank_entry_and_never_on_that_of_lettering(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411000/C1 +120 A@20230415, 707000 -100, 445710 -20
        BQ 2023-03-01 R1: 512000 +120, 411000/C1 -120 A@20230415
        """,
    )
    assert invoices(ledger) == {"F1": ("C1", "2023-01-10", 120.0)}
    assert payments(ledger) == [("C1", "F1", "2023-03-01", 120.0, "payment")]
    assert left_out(ledger) == {}


@pytest.mark.parametrize("treasury", ["512000", "511200", "514000", "531000", "530000", "580000"])
@pytest.mark.parametrize("letter_days", [True, False])
def test_cash_is_any_treasury_account(tmp_path, treasury, letter_days):
    book = f"{SALE}\nOD 2023-03-01 R1: {treasury} +120, 411000/C1 -120 A"
    ledger = imported(tmp_path, book, style=Style(letter_days=letter_days))
    assert payments(ledger) == [("C1", "F1", "2023-03-01", 120.0, "payment")]
    assert "payment_without_cash" not in told(ledger)


def test_a_debtor_is_an_auxiliary_account_or_else_an_account_of_its_own(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411000/C1 +120, 707 -120
        VE 2023-01-11 F2: 411100/C1 +80, 707 -80
        VE 2023-01-12 F3: 411DUPONT +60, 707 -60
        VE 2023-01-13 F4: 41100042 +40, 707 -40
        """,
    )
    assert {name: row[0] for name, row in invoices(ledger).items()} == {
        "F1": "C1",
        "F2": "C1",
        "F3": "411DUPONT",
        "F4": "41100042",
    }
    names = dict(ledger.customers.select("customer_id", "customer_name").iter_rows())
    assert names["C1"] == "Sté Cœur C1"
    assert names["411DUPONT"] == "Compte 411DUPONT"
    assert "collective_account" not in told(ledger)


def test_a_collective_account_without_auxiliary_is_one_debtor_and_told(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411000 +120, 707 -120
        VE 2023-01-11 F2: 411000 +80, 707 -80
        BQ 2023-02-11 R2: 512 +80, 411000 -80
        """,
    )
    assert {row[0] for row in invoices(ledger).values()} == {"411000"}
    assert on_account(ledger) == {"411000": 80.0}
    assert told(ledger)["collective_account"]["n"] == 3


def test_accounts_that_are_no_customers_stay_outside(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411/C1 +120, 707 -120
        OD 2023-12-31 FAE: 418100/C1 +500, 707 -500
        OD 2023-12-31 RRR: 709 +30, 419800/C1 -30
        AC 2023-02-01 X1: 607 +70, 401000/C1 -70
        AC 2023-02-02 X2: 409100/C1 +10, 512 -10
        """,
    )
    assert invoices(ledger) == {"F1": ("C1", "2023-01-10", 120.0)}
    assert payments(ledger) == []
    assert ledger.report.files[0].out_of_scope["fec.other_account"] == 9


# ---- Letters ---------------------------------------------------------------------------------


def test_one_invoice_is_settled_by_many_payments(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {SALE}
        BQ 2023-02-01 R1: 512 +50, 411000/C1 -50 A
        BQ 2023-03-01 R2: 512 +40, 411000/C1 -40 A
        CA 2023-04-01 R3: 530 +30, 411000/C1 -30 A
        """,
    )
    assert payments(ledger) == [
        ("C1", "F1", "2023-02-01", 50.0, "payment"),
        ("C1", "F1", "2023-03-01", 40.0, "payment"),
        ("C1", "F1", "2023-04-01", 30.0, "payment"),
    ]


def test_one_payment_settles_many_invoices(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411/C1 +100 A, 707 -100
        VE 2023-01-20 F2: 411/C1 +70 A, 707 -70
        VE 2023-02-05 F3: 411/C1 +30 A, 707 -30
        BQ 2023-03-01 R1: 512 +200, 411/C1 -200 A
        """,
    )
    assert payments(ledger) == [
        ("C1", "F1", "2023-03-01", 100.0, "payment"),
        ("C1", "F2", "2023-03-01", 70.0, "payment"),
        ("C1", "F3", "2023-03-01", 30.0, "payment"),
    ]


def test_many_payments_of_many_invoices_go_by_document_then_amount_then_age(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411/C1 +100 A, 707 -100
        VE 2023-01-20 F2: 411/C1 +250 A, 707 -250
        VE 2023-02-05 F3: 411/C1 +80 A, 707 -80
        VE 2023-02-06 F4: 411/C1 +55 A, 707 -55
        BQ 2023-03-01 R1: 512 +250, 411/C1 -250 A
        BQ 2023-03-02 F3: 512 +20, 411/C1 -20 A
        BQ 2023-03-09 R2: 512 +215, 411/C1 -215 A
        """,
    )
    assert payments(ledger) == [
        ("C1", "F2", "2023-03-01", 250.0, "payment"),
        ("C1", "F3", "2023-03-02", 20.0, "payment"),
        ("C1", "F1", "2023-03-09", 100.0, "payment"),
        ("C1", "F3", "2023-03-09", 60.0, "payment"),
        ("C1", "F4", "2023-03-09", 55.0, "payment"),
    ]


def test_a_group_that_is_short_leaves_the_rest_open(tmp_path):
    ledger = imported(tmp_path, f"{SALE}\nBQ 2023-03-01 R1: 512 +110, 411000/C1 -110 A")
    assert still_open(ledger) == {"F1": 10.0}
    assert told(ledger)["uneven_letters"]["n"] == 1


def test_an_over_payment_of_one_invoice_is_that_invoice_s(tmp_path):
    ledger = imported(tmp_path, f"{SALE}\nBQ 2023-03-01 R1: 512 +130, 411000/C1 -130 A")
    assert still_open(ledger) == {"F1": -10.0}


def test_an_over_payment_of_several_invoices_is_on_account(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411/C1 +100 A, 707 -100
        VE 2023-01-20 F2: 411/C1 +70 A, 707 -70
        BQ 2023-03-01 R1: 512 +180, 411/C1 -180 A
        """,
    )
    assert still_open(ledger) == {}
    assert on_account(ledger) == {"C1": 10.0}


def test_small_letters_are_partial_lettering_and_other_letters_than_capitals(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411/C1 +100 a, 707 -100
        VE 2023-01-11 F2: 411/C1 +50 A, 707 -50
        BQ 2023-03-01 R1: 512 +60, 411/C1 -60 a
        BQ 2023-03-02 R2: 512 +50, 411/C1 -50 A
        """,
    )
    assert payments(ledger) == [
        ("C1", "F1", "2023-03-01", 60.0, "payment"),
        ("C1", "F2", "2023-03-02", 50.0, "payment"),
    ]
    assert still_open(ledger) == {"F1": 40.0}


def test_a_letter_counts_within_one_customer(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411/C1 +100 A, 707 -100
        VE 2023-01-11 F2: 411/C2 +100 A, 707 -100
        BQ 2023-03-01 R1: 512 +100, 411/C2 -100 A
        BQ 2023-04-01 R2: 512 +100, 411/C1 -100 A
        """,
    )
    assert payments(ledger) == [
        ("C2", "F2", "2023-03-01", 100.0, "payment"),
        ("C1", "F1", "2023-04-01", 100.0, "payment"),
    ]


def test_a_letter_counts_within_one_year(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2022-01-10 F1: 411/C1 +100 A, 707 -100
        BQ 2022-03-01 R1: 512 +100, 411/C1 -100 A
        OD 2022-12-31 -: 681 +1, 281 -1
        """,
        """
        OD 2023-01-01 -: 681 +1, 281 -1
        VE 2023-01-10 F2: 411/C1 +100 A, 707 -100
        BQ 2023-05-01 R2: 512 +100, 411/C1 -100 A
        """,
    )
    assert payments(ledger) == [
        ("C1", "F1", "2022-03-01", 100.0, "payment"),
        ("C1", "F2", "2023-05-01", 100.0, "payment"),
    ]


def test_a_letter_used_twice_in_a_year_is_told_apart_by_its_days(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411/C1 +100 A@20230201, 707 -100
        VE 2023-01-11 F2: 411/C1 +90 A@20230601, 707 -90
        BQ 2023-02-01 R1: 512 +100, 411/C1 -100 A@20230201
        BQ 2023-06-01 R2: 512 +40, 411/C1 -40 A@20230601
        BQ 2023-06-02 R3: 512 +50, 411/C1 -50 A@20230601
        """,
    )
    assert payments(ledger) == [
        ("C1", "F1", "2023-02-01", 100.0, "payment"),
        ("C1", "F2", "2023-06-01", 40.0, "payment"),
        ("C1", "F2", "2023-06-02", 50.0, "payment"),
    ]


def test_a_letter_given_on_two_days_is_one_group_where_neither_day_balances(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411/C1 +100 A@20230201, 707 -100
        BQ 2023-02-01 R1: 512 +60, 411/C1 -60 A@20230201
        BQ 2023-06-01 R2: 512 +40, 411/C1 -40 A@20230601
        """,
    )
    assert still_open(ledger) == {}


def test_a_letter_spans_the_subdivisions_of_a_customer_s_account(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411000/C1 +114 A, 411700/C1 +6 A, 707 -120
        BQ 2023-03-01 R1: 512 +120, 411000/C1 -120 A
        """,
    )
    assert still_open(ledger) == {}
    assert on_account(ledger) == {}


def test_payments_without_letter_are_on_account(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411/C1 +100, 707 -100
        BQ 2023-03-01 R1: 512 +100, 411/C1 -100
        """,
    )
    assert still_open(ledger) == {"F1": 100.0}
    assert payments(ledger) == [("C1", None, "2023-03-01", 100.0, "payment")]
    assert told(ledger)["unlettered_on_account"] == {"n": 1, "of": 1, "amount": 100.0, "currency": "EUR"}


def test_payments_without_letter_are_matched_first_in_first_out_where_asked(tmp_path):
    book = """
        VE 2023-01-10 F1: 411/C1 +100, 707 -100
        VE 2023-02-10 F2: 411/C1 +70, 707 -70
        VE 2023-03-10 F3: 411/C1 +30 A, 707 -30
        BQ 2023-03-20 R1: 512 +70, 411/C1 -70
        BQ 2023-04-20 F2: 512 +80, 411/C1 -80
        BQ 2023-04-21 R3: 512 +30, 411/C1 -30 A
        BQ 2023-04-22 R4: 512 +50, 411/C1 -50
        VE 2023-01-01 F9: 411/C9 +100, 707 -100
        """
    ledger = imported(tmp_path, book, match_unlettered="fifo")
    assert payments(ledger) == [
        ("C1", "F1", "2023-03-20", 70.0, "payment"),
        # What its document names comes before the oldest.
        ("C1", "F1", "2023-04-20", 10.0, "payment"),
        ("C1", "F2", "2023-04-20", 70.0, "payment"),
        ("C1", "F3", "2023-04-21", 30.0, "payment"),
        ("C1", None, "2023-04-22", 30.0, "payment"),
        ("C1", "F1", "2023-04-22", 20.0, "payment"),
    ]
    assert still_open(ledger) == {"F9": 100.0}
    assert told(ledger)["matched_first_in_first_out"]["n"] == 3
    assert told(ledger)["still_on_account"]["amount"] == 30.0


def test_a_credit_note_without_letter_is_matched_too_where_asked(tmp_path):
    book = """
        VE 2023-01-10 F1: 411/C1 +100, 707 -100
        VE 2023-02-10 A1: 411/C1 -30, 707 +30
        """
    assert payments(imported(tmp_path, book, match_unlettered="fifo")) == [
        ("C1", "F1", "2023-02-10", 30.0, "credit_note")
    ]


# ---- Credit notes, discounts, losses -----------------------------------------------------------


def test_a_credit_note_lettered_with_its_invoice_lowers_it(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {SALE}
        VE 2023-02-10 A1: 411000/C1 -24 A, 709700 +20, 445710 +4
        BQ 2023-03-01 R1: 512 +96, 411000/C1 -96 A
        """,
    )
    assert payments(ledger) == [
        ("C1", "F1", "2023-02-10", 24.0, "credit_note"),
        ("C1", "F1", "2023-03-01", 96.0, "payment"),
    ]


def test_a_credit_note_without_letter_is_credit_of_the_customer(tmp_path):
    ledger = imported(tmp_path, f"{SALE}\nVE 2023-02-10 A1: 411000/C1 -24, 707000 +20, 445710 +4")
    assert payments(ledger) == [("C1", None, "2023-02-10", 24.0, "credit_note")]


def test_a_credit_note_that_is_refunded_leaves_nothing(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {SALE}
        BQ 2023-02-01 R1: 512 +120, 411000/C1 -120 A
        VE 2023-02-10 A1: 411000/C1 -24 B, 707000 +20, 445710 +4
        BQ 2023-03-01 V1: 411000/C1 +24 B, 512 -24
        """,
    )
    assert payments(ledger) == [
        ("C1", "F1", "2023-02-01", 120.0, "payment"),
        ("C1", None, "2023-02-10", 24.0, "credit_note"),
        ("C1", None, "2023-03-01", -24.0, "payment"),
    ]
    assert still_open(ledger) == {}


def test_an_over_payment_that_is_refunded_leaves_nothing(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {SALE}
        BQ 2023-02-01 R1: 512 +150, 411000/C1 -150 A
        BQ 2023-03-01 V1: 411000/C1 +30 A, 512 -30
        """,
    )
    assert still_open(ledger) == {}
    assert on_account(ledger) == {}


def test_cash_and_discount_in_one_entry_are_two_payments(tmp_path):
    ledger = imported(
        tmp_path, f"{SALE}\nBQ 2023-01-20 R1: 512 +117.60, 665 +2.00, 445710 +0.40, 411000/C1 -120 A"
    )
    assert payments(ledger) == [
        ("C1", "F1", "2023-01-20", 2.40, "discount"),
        ("C1", "F1", "2023-01-20", 117.60, "payment"),
    ]


def test_a_discount_in_an_entry_of_its_own(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {SALE}
        BQ 2023-01-20 R1: 512 +117.60, 411000/C1 -117.60 A
        OD 2023-01-20 E1: 665 +2.00, 445710 +0.40, 411000/C1 -2.40 A
        """,
    )
    assert payments(ledger) == [
        ("C1", "F1", "2023-01-20", 2.40, "discount"),
        ("C1", "F1", "2023-01-20", 117.60, "payment"),
    ]


def test_charges_of_the_bank_are_not_the_customer_s(tmp_path):
    ledger = imported(tmp_path, f"{SALE}\nBQ 2023-03-01 R1: 512 +118, 627 +2, 411000/C1 -120 A")
    assert payments(ledger) == [("C1", "F1", "2023-03-01", 120.0, "payment")]


def test_a_difference_of_cents_is_a_discount(tmp_path):
    ledger = imported(
        tmp_path,
        f"""
        {SALE}
        BQ 2023-03-01 R1: 512 +119.99, 411000/C1 -119.99 A
        OD 2023-03-31 D1: 658 +0.01, 411000/C1 -0.01 A
        """,
    )
    assert payments(ledger)[1] == ("C1", "F1", "2023-03-31", 0.01, "discount")


def test_a_doubtful_debt_that_is_lost_is_written_off_and_stays_unpaid(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411000/C1 +120 A, 707000 -100, 445710 -20
        OD 2023-06-30 F1: 416000/C1 +120 A, 411000/C1 -120 A
        OD 2023-12-01 PERTE: 654000 +100, 445710 +20, 416000/C1 -120 A
        """,
    )
    assert payments(ledger) == [("C1", "F1", "2023-12-01", 120.0, "write_off")]
    assert still_open(ledger) == {"F1": 120.0}
    assert left_out(ledger) == {"transfer": 2}


def test_a_loss_without_letter_gives_up_the_oldest_debt(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-01-10 F1: 411/C1 +120, 707 -100, 4457 -20
        VE 2023-02-10 F2: 411/C1 +120, 707 -100, 4457 -20
        OD 2023-12-01 PERTE: 654 +100, 4457 +20, 411/C1 -120
        """,
    )
    assert payments(ledger) == [("C1", "F1", "2023-12-01", 120.0, "write_off")]
    assert told(ledger)["write_off_unlettered"]["n"] == 1


def test_part_paid_and_part_lost_in_one_entry(tmp_path):
    ledger = imported(tmp_path, f"{SALE}\nBQ 2023-09-01 R1: 512 +24, 654 +80, 445710 +16, 411000/C1 -120 A")
    assert payments(ledger) == [
        ("C1", "F1", "2023-09-01", 24.0, "payment"),
        ("C1", "F1", "2023-09-01", 96.0, "write_off"),
    ]


@pytest.mark.parametrize(
    "entry",
    [
        "CA 2023-03-01 R1: 530 +200, 665 +2, 445710 -82, 411000/C1 -120 A",
        "CA 2023-03-01 R1: 530 +200, 654 +2, 445710 -82, 411000/C1 -120 A",
        "BQ 2023-03-01 R1: 512 +50, 654 +90, 665 -20, 411000/C1 -120 A",
        "BQ 2023-03-01 R1: 512 +50, 654 -20, 665 +90, 411000/C1 -120 A",
    ],
)
def test_an_entry_that_holds_other_business_too_is_not_taken_apart(tmp_path, entry):
    ledger = imported(tmp_path, f"{SALE}\n{entry}")
    assert payments(ledger) == [("C1", "F1", "2023-03-01", 120.0, "payment")]
