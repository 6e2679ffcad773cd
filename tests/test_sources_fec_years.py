"""Opening balances and fiscal years: what is carried over is no new invoice."""

import itertools

import pytest
from fec_books import (
    Style,
    assert_accounted,
    imported,
    invoices,
    jotted,
    left_out,
    on_account,
    payments,
    spelled,
    still_open,
    told,
    write_books,
)

from paydelay.errors import LedgerError
from paydelay.sources import import_ledger

FULL_YEAR = {
    year: (f"OD {year}-01-01 -: 681 +1, 281 -1", f"OD {year}-12-31 -: 681 +1, 281 -1")
    for year in range(2020, 2027)
}


def year_of(year, entries):
    """A book that reaches from the first day of its year to the last."""
    first, last = FULL_YEAR[year]
    return f"{first}\n{entries}\n{last}"


# ---- One year, with what it owes to the years before ------------------------------------------------


OPENINGS = {
    "journal AN": "AN 2023-01-01 F0: 411/C1 +100{}, 110 -100",
    "journal RAN": "RAN 2023-01-01 F0: 411/C1 +100{}, 110 -100",
    "line by line of its documents": "AD 2022-11-15 F0: 411/C1 +100{}, 110 -100",
    "no journal of its own": 'OD 2023-01-01 F0: 411/C1 +100{}, 110 -100 "A NOUVEAU"',
    "accents": 'OD 2023-01-01 F0: 411/C1 +100{}, 110 -100 "Report à nouveau"',
    "small letters": 'OD 2023-01-01 F0: 411/C1 +100{}, 110 -100 "Solde d\'ouverture"',
}
NAMES = Style(
    journals=(
        ("VE", "Ventes"),
        ("BQ", "Banque"),
        ("OD", "Opérations diverses"),
        ("AN", "Journal des à nouveaux"),
        ("RAN", "RAN"),
        ("AD", "A Nouveaux Détaillés"),
    )
)


@pytest.mark.parametrize("name", OPENINGS)
def test_an_opening_balance_is_no_invoice(tmp_path, name):
    book = year_of(2023, OPENINGS[name].format("") + "\nVE 2023-01-10 F1: 411/C1 +50, 707 -50")
    ledger = imported(tmp_path, book, style=NAMES)
    assert invoices(ledger) == {"F1": ("C1", "2023-01-10", 50.0)}
    assert payments(ledger) == []
    assert left_out(ledger) == {"opening": 1}
    assert told(ledger)["opening"] == {"n": 1, "amount": 100.0, "currency": "EUR"}


@pytest.mark.parametrize("name", OPENINGS)
def test_what_is_paid_of_an_opening_balance_is_not_cash_on_account(tmp_path, name):
    book = year_of(
        2023,
        OPENINGS[name].format(" A") + "\nBQ 2023-02-10 R1: 512 +100, 411/C1 -100 A"
        "\nVE 2023-01-10 F1: 411/C1 +50, 707 -50",
    )
    ledger = imported(tmp_path, book, style=NAMES)
    assert payments(ledger) == []
    assert left_out(ledger) == {"opening": 1, "settles_opening": 1}


def test_a_payment_that_is_lettered_alone_settles_what_was_open_before(tmp_path):
    book = year_of(
        2023,
        """
        AN 2023-01-01 SOLDE: 411/C1 +300, 110 -300
        VE 2023-01-10 F1: 411/C1 +50, 707 -50
        BQ 2023-02-10 R1: 512 +100, 411/C1 -100 A
        """,
    )
    ledger = imported(tmp_path, book)
    assert payments(ledger) == []
    assert still_open(ledger) == {"F1": 50.0}
    assert on_account(ledger) == {}
    assert left_out(ledger) == {"opening": 1, "settles_opening": 1}


def test_a_payment_without_letter_is_on_account_even_where_there_is_older_debt(tmp_path):
    book = year_of(
        2023,
        """
        AN 2023-01-01 SOLDE: 411/C1 +300, 110 -300
        VE 2023-01-10 F1: 411/C1 +50, 707 -50
        BQ 2023-02-10 R1: 512 +100, 411/C1 -100
        """,
    )
    assert on_account(imported(tmp_path, book)) == {"C1": 100.0}


def test_first_in_first_out_pays_the_opening_balance_before_the_invoices(tmp_path):
    book = year_of(
        2023,
        """
        AN 2023-01-01 SOLDE: 411/C1 +80, 110 -80
        VE 2023-01-10 F1: 411/C1 +50, 707 -50
        BQ 2023-02-10 R1: 512 +100, 411/C1 -100
        """,
    )
    ledger = imported(tmp_path, book, match_unlettered="fifo")
    assert payments(ledger) == [("C1", "F1", "2023-02-10", 20.0, "payment")]
    assert told(ledger)["matched_first_in_first_out"]["n"] == 1


def test_a_payment_that_settles_older_debt_and_an_invoice_is_split(tmp_path):
    book = year_of(
        2023,
        """
        AN 2023-01-01 F0: 411/C1 +80 A, 110 -80
        VE 2023-01-10 F1: 411/C1 +50 A, 707 -50
        BQ 2023-02-10 R1: 512 +130, 411/C1 -130 A
        """,
    )
    ledger = imported(tmp_path, book)
    assert payments(ledger) == [("C1", "F1", "2023-02-10", 50.0, "payment")]
    assert left_out(ledger) == {"opening": 1}


def test_credit_that_was_carried_over_is_on_account(tmp_path):
    book = year_of(
        2023,
        """
        AN 2023-01-01 SOLDE: 411/C1 -30, 4191/C2 -40, 110 +70
        VE 2023-01-10 F1: 411/C1 +50, 707 -50
        """,
    )
    ledger = imported(tmp_path, book)
    assert on_account(ledger) == {"C1": 30.0, "C2": 40.0}
    assert invoices(ledger) == {"F1": ("C1", "2023-01-10", 50.0)}


def test_doubtful_debt_that_was_carried_over_is_older_debt_too(tmp_path):
    book = year_of(
        2023,
        """
        AN 2023-01-01 SOLDE: 416/C1 +120 A, 110 -120
        VE 2023-01-10 F1: 411/C1 +50, 707 -50
        OD 2023-06-30 PERTE: 654 +100, 4457 +20, 416/C1 -120 A
        """,
    )
    ledger = imported(tmp_path, book)
    assert payments(ledger) == []
    assert still_open(ledger) == {"F1": 50.0}


def test_an_older_debt_that_becomes_doubtful_and_is_paid_stays_out(tmp_path):
    book = year_of(
        2023,
        """
        AN 2023-01-01 F0: 411/C1 +120 A, 110 -120
        OD 2023-03-31 F0: 416/C1 +120 B, 411/C1 -120 A
        VE 2023-01-10 F1: 411/C1 +50, 707 -50
        BQ 2023-06-30 R1: 512 +120, 416/C1 -120 B
        """,
    )
    ledger = imported(tmp_path, book)
    assert payments(ledger) == []
    assert left_out(ledger) == {"opening": 1, "settles_opening": 1, "transfer": 2}


@pytest.mark.parametrize(
    ("code", "label", "entry"),
    [
        ("VN", "Ventes nouveautés", "VN 2023-02-10 F1: 411/C1 +50, 707 -50"),
        ("VO", "Ventes ouvertures et portes", "VO 2023-02-10 F1: 411/C1 +50, 707 -50"),
        ("VR", "Ventes reportages", "VR 2023-02-10 F1: 411/C1 +50, 707 -50"),
        ("AND", "Ventes Andorre", "AND 2023-02-10 F1: 411/C1 +50, 707 -50"),
    ],
)
def test_a_journal_of_sales_is_one_whatever_else_its_name_says(tmp_path, code, label, entry):
    style = Style(journals=((code, label), ("OD", "OD")))
    assert set(invoices(imported(tmp_path, year_of(2023, entry), style=style))) == {"F1"}


def test_a_whole_balance_sheet_opens_the_year_in_a_journal_of_other_things(tmp_path):
    book = year_of(
        2023,
        """
        OD 2023-01-01 AN: 512 +500, 411/C1 +100 A, 411/C2 -30, 401/S1 -200, 44571 -70, 101 -300 "A NOUVEAU"
        BQ 2023-02-10 R1: 512 +100, 411/C1 -100 A
        """,
    )
    ledger = imported(tmp_path, book)
    assert payments(ledger) == [("C2", None, "2023-01-01", 30.0, "payment")]
    assert invoices(ledger) == {}
    assert left_out(ledger) == {"opening": 1, "settles_opening": 1}


def test_a_bank_that_is_new_opens_no_year(tmp_path):
    book = year_of(
        2023,
        """
        VE 2023-01-10 F1: 411/C1 +50 A, 707 -50
        BN 2023-02-10 R1: 512 +50, 411/C1 -50 A
        """,
    )
    style = Style(journals=(("VE", "Ventes"), ("BN", "Banque nouveau compte")))
    assert payments(imported(tmp_path, book, style=style)) == [("C1", "F1", "2023-02-10", 50.0, "payment")]


def test_an_invoice_of_the_first_day_that_names_an_opening_is_still_an_invoice(tmp_path):
    book = year_of(2023, 'VE 2023-01-01 F1: 411/C1 +60, 707 -50, 4457 -10 "Menu A NOUVEAU"')
    assert set(invoices(imported(tmp_path, book))) == {"F1"}


# ---- Several years ---------------------------------------------------------------------------------

FIRST = year_of(
    2022,
    """
    VE 2022-02-10 F1: 411/C1 +100 A, 707 -100
    BQ 2022-04-10 R1: 512 +100, 411/C1 -100 A
    VE 2022-11-10 F2: 411/C1 +70, 707 -70
    VE 2022-11-20 F3: 411/C2 +60, 707 -60
    VE 2022-12-05 F4: 411/C2 +60, 707 -60
    BQ 2022-12-20 AC1: 512 +15, 411/C3 -15
    """,
)
SECOND = """
    BQ 2023-02-10 R2: 512 +70, 411/C1 -70 {0}
    BQ 2023-03-10 R3: 512 +60, 411/C2 -60 {0}
    BQ 2023-05-10 R4: 512 +60, 411/C2 -60 {1}
    VE 2023-06-01 F5: 411/C1 +20, 707 -20
    """
DETAILED = """
    AN 2023-01-01 F2^2022-11-10: 411/C1 +70 A, 110 -70
    AN 2023-01-01 F3^2022-11-20: 411/C2 +60 B, 110 -60
    AN 2023-01-01 F4^2022-12-05: 411/C2 +60 A, 110 -60
    AN 2023-01-01 AC1^2022-12-20: 411/C3 -15, 110 +15
    """
SUMMED = """
    AN 2023-01-01 SOLDE: 411/C1 +70{0}, 110 -70
    AN 2023-01-01 SOLDE: 411/C2 +120{0}, 110 -120
    AN 2023-01-01 SOLDE: 411/C3 -15, 110 +15
    """
CARRIED = {
    "line by line": (DETAILED, "A", "B"),
    "summed, not lettered": (SUMMED.format(""), "A", "B"),
    "summed, lettered": (SUMMED.format(" A"), "A", "A"),
}
ALL_INVOICES = {
    "F1": ("C1", "2022-02-10", 100.0),
    "F2": ("C1", "2022-11-10", 70.0),
    "F3": ("C2", "2022-11-20", 60.0),
    "F4": ("C2", "2022-12-05", 60.0),
    "F5": ("C1", "2023-06-01", 20.0),
}


def second(opening, first_letter, second_letter):
    return year_of(2023, opening + SECOND.format(first_letter, second_letter))


@pytest.mark.parametrize("name", CARRIED)
def test_what_is_carried_over_vanishes_into_the_year_before(tmp_path, name):
    ledger = imported(tmp_path, FIRST, second(*CARRIED[name]))
    assert invoices(ledger) == ALL_INVOICES
    paid = payments(ledger)
    assert paid[:3] == [
        ("C1", "F1", "2022-04-10", 100.0, "payment"),
        ("C3", None, "2022-12-20", 15.0, "payment"),
        ("C1", "F2", "2023-02-10", 70.0, "payment"),
    ]
    assert still_open(ledger) == {"F5": 20.0}
    assert on_account(ledger) == {"C3": 15.0}
    assert left_out(ledger)["carried_over"] == (4 if name == "line by line" else 3)
    assert "opening" not in told(ledger)


def test_letters_of_opening_lines_say_which_invoice_of_the_year_before_is_paid(tmp_path):
    ledger = imported(tmp_path, FIRST, second(*CARRIED["line by line"]))
    assert [row[1:3] for row in payments(ledger)[3:]] == [("F4", "2023-03-10"), ("F3", "2023-05-10")]


def test_a_sum_that_is_carried_over_is_paid_oldest_first_and_told(tmp_path):
    ledger = imported(tmp_path, FIRST, second(*CARRIED["summed, not lettered"]))
    assert [row[1:3] for row in payments(ledger)[3:]] == [("F3", "2023-03-10"), ("F4", "2023-05-10")]
    assert told(ledger)["matched_to_earlier_year"]["n"] == 3


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_three_years_come_out_the_same_in_any_order(tmp_path, order):
    third = year_of(
        2024,
        """
        AN 2024-01-01 F5^2023-06-01: 411/C1 +20 A, 110 -20
        AN 2024-01-01 AC1^2022-12-20: 411/C3 -15, 110 +15
        BQ 2024-02-01 R5: 512 +20, 411/C1 -20 A
        """,
    )
    paths = write_books(tmp_path, FIRST, second(*CARRIED["line by line"]), third)
    ledger = import_ledger("fec", [paths[place] for place in order])
    assert_accounted(ledger)
    assert invoices(ledger) == ALL_INVOICES
    assert still_open(ledger) == {}
    assert payments(ledger)[-1] == ("C1", "F5", "2024-02-01", 20.0, "payment")
    assert left_out(ledger) == {"carried_over": 6}


def test_an_invoice_that_stays_open_over_two_closings_is_one_invoice(tmp_path):
    ledger = imported(
        tmp_path,
        year_of(2022, "VE 2022-11-10 F2: 411/C1 +70, 707 -70"),
        year_of(2023, "AN 2023-01-01 F2^2022-11-10: 411/C1 +70, 110 -70"),
        year_of(
            2024,
            """
            AN 2024-01-01 F2^2022-11-10: 411/C1 +70 A, 110 -70
            BQ 2024-02-01 R5: 512 +70, 411/C1 -70 A
            """,
        ),
    )
    assert invoices(ledger) == {"F2": ("C1", "2022-11-10", 70.0)}
    assert payments(ledger) == [("C1", "F2", "2024-02-01", 70.0, "payment")]


def test_a_part_payment_before_the_closing_is_carried_over_in_one_line_with_the_invoice(tmp_path):
    ledger = imported(
        tmp_path,
        year_of(
            2022,
            """
            VE 2022-11-10 F2: 411/C1 +70 a, 707 -70
            BQ 2022-12-10 R1: 512 +30, 411/C1 -30 a
            """,
        ),
        year_of(
            2023,
            """
            AN 2023-01-01 F2^2022-11-10: 411/C1 +40 A, 110 -40
            BQ 2023-02-01 R2: 512 +40, 411/C1 -40 A
            """,
        ),
    )
    assert payments(ledger) == [
        ("C1", "F2", "2022-12-10", 30.0, "payment"),
        ("C1", "F2", "2023-02-01", 40.0, "payment"),
    ]
    assert still_open(ledger) == {}


def test_the_later_year_alone_knows_nothing_of_older_invoices(tmp_path):
    ledger = imported(tmp_path, second(*CARRIED["line by line"]))
    assert invoices(ledger) == {"F5": ("C1", "2023-06-01", 20.0)}
    assert payments(ledger) == [("C3", None, "2023-01-01", 15.0, "payment")]
    assert told(ledger)["opening"] == {"n": 2, "amount": 190.0, "currency": "EUR"}


def test_a_letter_that_was_kept_over_the_turn_of_the_year(tmp_path):
    ledger = imported(
        tmp_path,
        year_of(2022, "VE 2022-11-10 F2: 411/C1 +70 AB, 707 -70"),
        year_of(
            2023,
            """
            AN 2023-01-01 SOLDE: 411/C1 +70, 110 -70
            BQ 2023-02-01 R2: 512 +70, 411/C1 -70 AB
            """,
        ),
    )
    assert payments(ledger) == [("C1", "F2", "2023-02-01", 70.0, "payment")]


def test_doubtful_debt_over_the_turn_of_the_year_is_still_that_invoice(tmp_path):
    ledger = imported(
        tmp_path,
        year_of(
            2022,
            """
            VE 2022-05-10 F2: 411/C1 +120 A, 707 -100, 4457 -20
            OD 2022-12-31 F2: 416/C1 +120, 411/C1 -120 A
            """,
        ),
        year_of(
            2023,
            """
            AN 2023-01-01 F2: 416/C1 +120 A, 110 -120
            OD 2023-06-30 F2: 654 +100, 4457 +20, 416/C1 -120 A
            """,
        ),
    )
    assert invoices(ledger) == {"F2": ("C1", "2022-05-10", 120.0)}
    assert payments(ledger) == [("C1", "F2", "2023-06-30", 120.0, "write_off")]


def test_fiscal_years_need_not_be_calendar_years(tmp_path):
    ledger = imported(
        tmp_path,
        """
        OD 2022-07-01 -: 681 +1, 281 -1
        VE 2023-06-10 F1: 411/C1 +70, 707 -70
        OD 2023-06-30 -: 681 +1, 281 -1
        """,
        """
        AN 2023-07-01 F1^2023-06-10: 411/C1 +70 A, 110 -70
        OD 2023-07-01 -: 681 +1, 281 -1
        BQ 2024-02-01 R2: 512 +70, 411/C1 -70 A
        OD 2024-06-30 -: 681 +1, 281 -1
        """,
    )
    assert payments(ledger) == [("C1", "F1", "2024-02-01", 70.0, "payment")]


def test_a_year_that_is_missing_between_two_is_asked_for(tmp_path):
    paths = write_books(tmp_path, FIRST, year_of(2024, "VE 2024-02-10 F9: 411/C1 +100, 707 -100"))
    with pytest.raises(LedgerError, match="fiscal year between") as raised:
        import_ledger("fec", paths)
    assert "\n" not in str(raised.value)


def test_the_same_year_twice_is_refused(tmp_path):
    (path,) = write_books(tmp_path, FIRST)
    other = tmp_path / "copie.txt"
    other.write_bytes(path.read_bytes())
    with pytest.raises(LedgerError, match="same days"):
        import_ledger("fec", [path, other])
    with pytest.raises(LedgerError, match="same days"):
        import_ledger("fec", [path, path])


def test_books_that_rest_in_winter_are_told_to_follow_by_their_names(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2022-05-10 F1: 411/C1 +70 A, 707 -70
        BQ 2022-09-10 R1: 512 +70, 411/C1 -70 A
        """,
        "VE 2023-05-10 F2: 411/C1 +80, 707 -80",
    )
    assert set(invoices(ledger)) == {"F1", "F2"}


def test_two_companies_keep_their_customers_apart(tmp_path):
    book = year_of(
        2023,
        """
        VE 2023-05-10 F1: 411/C1 +70 A, 707 -70
        BQ 2023-09-10 R1: 512 +70, 411/C1 -70 A
        """,
    )
    paths = write_books(tmp_path, book) + write_books(tmp_path, book, siren="987654321")
    ledger = import_ledger("fec", paths)
    assert_accounted(ledger)
    assert set(ledger.invoices["customer_id"]) == {"123456789:C1", "987654321:C1"}
    assert set(ledger.invoices["entity"]) == {"123456789", "987654321"}
    assert still_open(ledger) == {}


def test_a_year_whose_debits_and_credits_differ_is_told(tmp_path):
    book = year_of(2023, "VE 2023-05-10 F1: 411/C1 +70, 707 -69")
    assert told(imported(tmp_path, book))["unbalanced"]["amount"] == 1.0


def test_one_mistyped_day_makes_no_other_year(tmp_path):
    entries = "\n".join(
        f"VE 2023-{month:02}-{day:02} F{month}-{day}: 411/C1 +10, 707 -10"
        for month in range(1, 13)
        for day in range(1, 28)
    )
    book = year_of(2023, entries + "\nBQ 2032-05-10 R1: 512 +10, 411/C1 -10")
    ledger = imported(tmp_path, FIRST, book)
    assert len(invoices(ledger)) == 12 * 27 + 4
    assert told(ledger).get("name_of_another_year") is None


def test_a_file_named_for_another_year_is_told(tmp_path):
    path = tmp_path / "123456789FEC20191231.txt"
    path.write_text(spelled(jotted(FIRST)), encoding="utf-8")
    assert told(import_ledger("fec", path))["name_of_another_year"]["file"] == path.name


@pytest.mark.parametrize("document", ["SOLDE", "VE10"])
def test_what_is_carried_over_is_what_was_open_and_not_what_looks_like_it(tmp_path, document):
    months = [
        f"VE 2022-{month:02}-10 VE{month}: 411/C1 +100{letter}, 707 -100"
        for month in range(1, 13)
        for letter in ["" if month == 10 else f" {chr(64 + month)}"]
    ]
    paid = [
        f"BQ 2022-{month:02}-20 R{month}: 512 +100, 411/C1 -100 {chr(64 + month)}"
        for month in range(1, 13)
        if month != 10
    ]
    ledger = imported(
        tmp_path,
        year_of(2022, "\n".join([*months, *paid])),
        year_of(
            2023,
            f"""
            AN 2023-01-01 {document}: 411/C1 +100 A, 110 -100
            BQ 2023-02-01 R99: 512 +100, 411/C1 -100 A
            """,
        ),
    )
    assert ("C1", "VE10", "2023-02-01", 100.0, "payment") in payments(ledger)
    assert still_open(ledger) == {}


def test_a_sum_carried_over_that_nothing_letters_is_paid_by_what_is_lettered_alone(tmp_path):
    ledger = imported(
        tmp_path,
        year_of(2022, "VE 2022-11-10 F2: 411/C1 +70, 707 -70"),
        year_of(
            2023,
            """
            AN 2023-01-01 SOLDE: 411/C1 +70, 110 -70
            VE 2023-01-15 F3: 411/C1 +10 B, 707 -10
            BQ 2023-02-01 R2: 512 +70, 411/C1 -70 A
            BQ 2023-02-02 R3: 512 +12, 411/C1 -12 B
            """,
        ),
    )
    assert payments(ledger) == [
        ("C1", "F2", "2023-02-01", 70.0, "payment"),
        ("C1", "F3", "2023-02-02", 12.0, "payment"),
    ]


def test_a_file_whose_name_tells_no_company_is_of_the_only_one_that_is_named(tmp_path):
    (first,) = write_books(tmp_path, FIRST)
    (later,) = write_books(tmp_path, second(*CARRIED["line by line"]))
    ledger = import_ledger("fec", [first, later.rename(tmp_path / "FEC exercice 2023.txt")])
    assert invoices(ledger) == ALL_INVOICES


def test_a_bounced_payment_of_older_debt_was_never_cash_on_account(tmp_path):
    ledger = imported(
        tmp_path,
        year_of(
            2023,
            """
            AN 2023-01-01 F0: 411/C1 +100 A, 110 -100
            BQ 2023-02-10 R1: 512 +100, 411/C1 -100 A
            BQ 2023-02-20 I1: 411/C1 +100 A, 512 -100 "IMPAYE"
            BQ 2023-03-10 R2: 512 +100, 411/C1 -100 A
            VE 2023-01-10 F1: 411/C1 +50, 707 -50
            """,
        ),
    )
    assert payments(ledger) == []
    assert left_out(ledger) == {"opening": 1, "settles_opening": 3}


def test_a_loss_that_is_lettered_is_never_laid_on_a_later_invoice(tmp_path):
    ledger = imported(
        tmp_path,
        year_of(
            2023,
            """
            AN 2023-01-01 F0: 411/C1 +100 a, 411/C1 -99 a, 411/C1 -50 a, 110 +49
            OD 2023-01-02 F0: 416/C1 +1 A, 411/C1 -1 a
            OD 2023-01-02 F0: 654 +1, 416/C1 -1 A
            VE 2023-07-10 F1: 411/C1 +50, 707 -50
            """,
        ),
    )
    assert still_open(ledger) == {"F1": 50.0}
    assert not [row for row in payments(ledger) if row[1] == "F1"]


def test_thousands_of_openings_that_fit_no_line_end_in_time(tmp_path):
    count = 4_000
    older = "\n".join(f"VE 2022-05-10 F{n}: 411000 +{n + 1}, 707 -{n + 1}" for n in range(count))
    newer = "\n".join(f"AN 2023-01-01 S{n}: 411000 +{n + 1}.50 A, 110 -{n + 1}.50" for n in range(count))
    ledger = imported(tmp_path, year_of(2022, older), year_of(2023, newer))
    assert len(invoices(ledger)) == count
    # What they hold beyond the year before stays, on one of them.
    assert left_out(ledger) == {"carried_over": count - 1, "opening": 1}


def test_a_debt_from_before_the_first_year_is_carried_on_line_by_line_and_settled_in_the_third(tmp_path):
    ledger = imported(
        tmp_path,
        """
        AN 2023-01-01 F0: 411/C1 +120, 411/C1 +80, 110 -200
        VE 2023-02-01 F1: 411/C1 +60, 707 -60
        """,
        """
        AN 2024-01-01 F0: 411/C1 +120 A, 110 -120
        AN 2024-01-01 F0: 411/C1 +80, 110 -80
        AN 2024-01-01 F1: 411/C1 +60, 110 -60
        BQ 2024-02-01 R0: 512 +120, 411/C1 -120 A
        """,
    )
    assert still_open(ledger) == {"F1": 60.0}
    assert payments(ledger) == []
    # Each line of the opening stands for one of the year before: there is no balance in one sum.
    assert "matched_to_earlier_year" not in told(ledger)


def test_a_second_payment_of_a_settled_invoice_takes_no_other_of_the_year_before(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-02-01 F1: 411/C1 +120 A, 707 -120
        VE 2023-03-01 F2: 411/C1 +120, 707 -120
        BQ 2023-12-31 F1: 512 +120, 411/C1 -120 A
        """,
        """
        AN 2024-01-01 F2: 411/C1 +120, 110 -120
        BQ 2024-01-02 F1: 512 +120, 411/C1 -120 a
        """,
    )
    assert still_open(ledger) == {"F1": -120.0, "F2": 120.0}
    assert "matched_to_earlier_year" not in told(ledger)


# ---- Years that were opened and no more -------------------------------------------------------------


SOLD_IN_2022 = year_of(
    2022,
    """
    VE 2022-01-10 F1: 411/C1 +120, 707 -120
    BQ 2022-11-10 R1: 512 +50, 411/C2 -50
    """,
)
OPENED_ONLY = {
    "balances": "AN 2023-01-01 SOLDE: 411/C1 +120, 411/C2 -50, 110 -70",
    "line by line": "AN 2022-01-10 F1: 411/C1 +120, 110 -120\nAN 2022-11-10 R1: 411/C2 -50, 110 +50",
    "no journal of its own": 'OD 2023-01-01 S: 411/C1 +120, 411/C2 -50, 110 -70 "A NOUVEAU"',
}


def opened_books(folder, *books):
    """Books written as files of 2022, 2023 and so on, whatever days they hold."""
    paths = []
    for year, book in enumerate(books, 2022):
        paths.append(folder / f"123456789FEC{year}1231.txt")
        paths[-1].write_text(spelled(jotted(book)), encoding="utf-8")
    return paths


@pytest.mark.parametrize("name", OPENED_ONLY)
def test_a_year_that_holds_its_opening_only_carries_on_the_year_before(tmp_path, name):
    ledger = import_ledger("fec", opened_books(tmp_path, SOLD_IN_2022, OPENED_ONLY[name]))
    assert_accounted(ledger)
    assert invoices(ledger) == {"F1": ("C1", "2022-01-10", 120.0)}
    assert payments(ledger) == [("C2", None, "2022-11-10", 50.0, "payment")]
    assert left_out(ledger) == {"carried_over": 2}
    agreed = {one.key: one.source_amount for one in ledger.report.agreements}
    assert agreed == {"accounts": 70.0, "fec.openings": 70.0}
    assert "name_of_another_year" not in told(ledger)


def test_of_three_years_the_last_may_hold_its_opening_only(tmp_path):
    sold = year_of(
        2023, "AN 2023-01-01 S: 411/C1 +120, 411/C2 -50, 110 -70\nVE 2023-02-10 F2: 411/C1 +30, 707 -30"
    )
    opened = "AN 2024-01-01 S: 411/C1 +150, 411/C2 -50, 110 -100"
    paths = opened_books(tmp_path, SOLD_IN_2022, sold, opened)
    for order in itertools.permutations(paths):
        ledger = import_ledger("fec", list(order))
        assert_accounted(ledger)
        assert still_open(ledger) == {"F1": 120.0, "F2": 30.0}
        assert on_account(ledger) == {"C2": 50.0}
        agreed = {one.key: one.source_amount for one in ledger.report.agreements}
        assert agreed["accounts"] == 100.0


def test_what_a_year_of_its_opening_only_adds_is_unexplained(tmp_path):
    opened = "AN 2023-01-01 S: 411/C1 +125, 411/C2 -50, 110 -75"
    ledger = import_ledger("fec", opened_books(tmp_path, SOLD_IN_2022, opened))
    assert_accounted(ledger)
    assert told(ledger)["opening_unexplained"] == {"n": 1, "amount": 5.0, "currency": "EUR"}


def test_an_opening_alone_is_debt_from_before_the_books(tmp_path):
    (path,) = opened_books(tmp_path, "AN 2022-01-01 S: 411/C1 +120, 411/C2 -50, 110 -70")
    ledger = import_ledger("fec", path)
    assert_accounted(ledger)
    assert invoices(ledger) == {}
    assert on_account(ledger) == {"C2": 50.0}
    assert told(ledger)["opening"] == {"n": 1, "amount": 120.0, "currency": "EUR"}


def test_a_year_opened_on_the_day_of_another_file_s_entries_is_refused(tmp_path):
    paths = opened_books(tmp_path, SOLD_IN_2022, OPENED_ONLY["balances"].replace("2023-01-01", "2022-06-01"))
    paths[1] = paths[1].rename(tmp_path / "opened.txt")
    with pytest.raises(LedgerError, match="cover the same days"):
        import_ledger("fec", paths)


def test_files_that_share_a_few_days_are_refused(tmp_path):
    sales = "\n".join(
        f"VE 2022-{1 + n // 28:02}-{1 + n % 28:02} F{n}: 411/C1 +100, 707 -100" for n in range(330)
    )
    twice = "VE 2022-12-30 F900: 411/C1 +120, 707 -120\nVE 2022-12-31 F901: 411/C1 +130, 707 -130"
    later = "\n".join(
        f"VE 2023-{1 + n // 28:02}-{1 + n % 28:02} G{n}: 411/C1 +100, 707 -100" for n in range(330)
    )
    files = write_books(
        tmp_path, jotted(f"{sales}\n{twice}", "by journal"), jotted(f"{twice}\n{later}", "zero")
    )
    # Numbered alike, as an export of overlapping days is.
    text = files[1].read_bytes().decode()
    numbers = [
        line.split("\t") for line in files[0].read_text().splitlines() if "F900" in line or "F901" in line
    ]
    assert len(numbers) == 4
    kept = [line for line in text.splitlines() if "F900" not in line and "F901" not in line]
    files[1].write_text("\n".join([*kept, *("\t".join(row) for row in numbers)]) + "\n")
    with pytest.raises(LedgerError, match="share 2 lines of customers, the first of 2022-12-30"):
        import_ledger("fec", files)


def test_the_days_told_are_the_first_and_the_last_but_for_mistyped_ones(tmp_path):
    days = [f"2022-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29)]
    sales = "\n".join(f"VE {day} F{n}: 411/C1 +100, 707 -100" for n, day in enumerate(days))
    book = f"VE 2022-12-31 FX: 411/C1 +100, 707 -100\n{sales}\nVE 2032-05-04 FY: 411/C1 +100, 707 -100"
    (file,) = imported(tmp_path, book).report.files
    assert (file.details["first_day"], file.details["last_day"]) == ("2022-01-01", "2022-12-31")


def test_files_of_two_companies_are_told(tmp_path):
    book = "VE 2022-01-02 F1: 411/C1 +100, 707 -100"
    one, two = (write_books(tmp_path, book, siren=siren)[0] for siren in ("111111111", "222222222"))
    ledger = import_ledger("fec", [one, two])
    assert told(ledger)["several_companies"] == {"n": 2, "companies": "111111111, 222222222"}
    assert ledger.invoices["customer_id"].to_list() == ["111111111:C1", "222222222:C1"]
    assert "several_companies" not in told(import_ledger("fec", [one]))
