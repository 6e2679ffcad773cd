"""One short FEC in every spelling that packages give it, and what cannot be spelled so."""

import pytest
from fec_books import (
    HEADER,
    PLAIN,
    Style,
    due_dates,
    imported,
    invoices,
    jotted,
    payments,
    spelled,
    still_open,
    told,
    write_books,
)

from paydelay.errors import LedgerError
from paydelay.sources import import_ledger

BOOK = """
VE 2023-01-10 F1: 411000/C1 +1250.40 AA, 707000 -1042.00, 445710 -208.40 "Facture F1"
VE 2023-01-12 F2: 411000/Ç2 +60.00, 707000 -50.00, 445710 -10.00 "Facture F2 échéance 28/02/2023"
BQ 2023-03-01 R1: 512000 +1250.40, 411000/C1 -1250.40 AA "Virement"
VE 2023-03-05 A1: 411000/Ç2 -12.00, 709700 +10.00, 445710 +2.00 "Avoir"
"""
SPELLINGS = {
    "capitals": tuple((name, name.upper()) for name in HEADER),
    "small letters": tuple((name, name.lower()) for name in HEADER),
    "blanks around": tuple((name, f" {name} ") for name in HEADER),
    "underscores": (
        ("JournalCode", "Journal_Code"),
        ("EcritureNum", "Ecriture_Num"),
        ("EcritureDate", "Ecriture_Date"),
        ("CompteNum", "Compte_Num"),
        ("CompAuxNum", "Comp_Aux_Num"),
        ("EcritureLet", "Ecriture_Let"),
    ),
    "accents": (
        ("EcritureNum", "ÉcritureNum"),
        ("EcritureDate", "ÉcritureDate"),
        ("EcritureLib", "ÉcritureLib"),
        ("EcritureLet", "ÉcritureLet"),
        ("PieceRef", "PièceRef"),
        ("PieceDate", "PièceDate"),
        ("Debit", "Débit"),
        ("Credit", "Crédit"),
    ),
    "words": (
        ("JournalCode", "Code Journal"),
        ("JournalLib", "Libellé Journal"),
        ("EcritureNum", "N° Écriture"),
        ("EcritureDate", "Date Écriture"),
        ("CompteNum", "N° Compte"),
        ("CompAuxNum", "N° Compte Aux"),
        ("PieceRef", "Réf. Pièce"),
        ("PieceDate", "Date Pièce"),
        ("EcritureLib", "Libellé Écriture"),
        ("Debit", "Montant Débit"),
        ("Credit", "Montant Crédit"),
        ("EcritureLet", "Lettrage"),
        ("DateLet", "Date Lettrage"),
    ),
}
STYLES = {
    "plain": PLAIN,
    "byte order mark": Style(encoding="utf-8-sig"),
    "cp1252, pipes": Style(encoding="cp1252", separator="|"),
    "iso8859-15": Style(encoding="iso8859-15"),
    "utf-16": Style(encoding="utf-16"),
    "semicolons": Style(separator=";"),
    "plain line ends": Style(line_end="\n"),
    "old line ends": Style(line_end="\r"),
    "no last line end": Style(final_line_end=False),
    "closing pipe": Style(separator="|", trailing=1),
    "three closing tabs": Style(trailing=3),
    "22 columns": Style(cash_basis=True),
    "22 columns and a closing pipe": Style(cash_basis=True, separator="|", trailing=1),
    "Montant and D or C": Style(amounts="D/C"),
    "Montant and +1 or -1": Style(amounts="+1/-1"),
    "negative amounts": Style(negative=True),
    "filled with zeros and blanks": Style(padded=True, separator="|", trailing=1),
    "decimal points": Style(decimal="."),
    "31/12/2023": Style(days="%d/%m/%Y"),
    "2023-12-31": Style(days="%Y-%m-%d"),
    "no day of lettering": Style(letter_days=False),
    **{f"header in {name}": Style(header=header) for name, header in SPELLINGS.items()},
}


@pytest.mark.parametrize("name", STYLES)
def test_the_same_books_come_out_of_every_spelling(tmp_path, name):
    ledger = imported(tmp_path, BOOK, style=STYLES[name])
    assert invoices(ledger) == {
        "F1": ("C1", "2023-01-10", 1250.40),
        "F2": ("Ç2", "2023-01-12", 60.0),
    }
    assert due_dates(ledger) == {"F1": "2023-02-09", "F2": "2023-02-28"}
    assert payments(ledger) == [
        ("C1", "F1", "2023-03-01", 1250.40, "payment"),
        ("Ç2", None, "2023-03-05", 12.0, "credit_note"),
    ]
    names = dict(ledger.customers.select("customer_id", "customer_name").iter_rows())
    assert names == {"C1": "Sté Cœur C1", "Ç2": "Sté Cœur Ç2"}


@pytest.mark.parametrize(
    ("style", "encoding", "separator"),
    [
        (Style(encoding="cp1252", separator="|"), "cp1252", "|"),
        (Style(encoding="iso8859-15"), "iso8859-15", "tab"),
        (Style(encoding="utf-8-sig"), "utf-8-sig", "tab"),
    ],
)
def test_the_report_says_how_a_file_is_written(tmp_path, style, encoding, separator):
    (file,) = imported(tmp_path, BOOK, style=style).report.to_dict()["files"]
    assert (file["encoding"], file["separator"]) == (encoding, separator)
    assert (file["first_day"], file["last_day"]) == ("2023-01-10", "2023-03-05")
    assert file["read"] == 11


@pytest.mark.parametrize(
    ("cell", "cents"),
    [
        ("120,00", 12000),
        ("120", 12000),
        ("120,5", 12050),
        ("0000000120,50", 12050),
        ("1 250,40", 125040),
        ("1\u00a0250,40", 125040),
        ("1\u202f250,40", 125040),
        ("1.250,40", 125040),
        ("120.50", 12050),
        ("1250.4", 125040),
        (" 120,00 ", 12000),
        ("+120,00", 12000),
        ("120,00-", -12000),
        ("-120,00", -12000),
    ],
)
def test_an_amount_is_read_as_it_is_meant(tmp_path, cell, cents):
    text = spelled(jotted("VE 2023-01-10 F1: 411/C1 +1.11, 707 -1.11")).replace("1,11", cell)
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    ledger = import_ledger("fec", tmp_path / "a.txt")
    if cents > 0:
        assert invoices(ledger)["F1"][2] == cents / 100
    else:
        assert payments(ledger) == [("C1", None, "2023-01-10", -cents / 100, "credit_note")]


def read_amounts(folder, *cells, nought="0,00"):
    """Amounts of invoices F1, F2... in euros, None where their line is refused, and the rules of refusal."""
    book = jotted("\n".join(f"VE 2023-01-10 F{place}: 411/C1 +1.11" for place in range(1, len(cells) + 1)))
    text = spelled(book).replace("0,00", nought)
    for cell in cells:
        text = text.replace("1,11", cell, 1)
    (folder / "a.txt").write_text(text, encoding="utf-8")
    ledger = import_ledger("fec", folder / "a.txt")
    found = dict(ledger.invoices.select("invoice_id", "amount").iter_rows())
    return [found.get(f"F{place}") for place in range(1, len(cells) + 1)], ledger.report.refusals[
        "rule"
    ].to_list()


@pytest.mark.parametrize(
    ("cells", "nought", "euros"),
    [
        (("12.5", "12.500"), "0", [12.5, 12.5]),
        (("12.500", "12.5"), "0.00", [12.5, 12.5]),
        (("12.500",), "0.00", [12.5]),
        (("12.500",), "0,00", [12500.0]),
        (("12.500", "7"), "0", [12500.0, 7.0]),
        (("12.500", "12,5"), "0,00", [12500.0, 12.5]),
        (("12,500", "12.5"), "0.00", [12500.0, 12.5]),
        (("12,500", "12,5"), "0,00", [12.5, 12.5]),
        (("0000012.500", "0000000012.50"), "0000000000.00", [12.5, 12.5]),
        (("1250", "7"), "0", [1250.0, 7.0]),
        (("9999999999999,99",), "0,00", [9999999999999.99]),
        (("117,60000000000001",), "0,00", [117.6]),
    ],
)
def test_a_file_has_one_decimal_mark(tmp_path, cells, nought, euros):
    assert read_amounts(tmp_path, *cells, nought=nought) == (euros, [])


def test_an_amount_in_another_mark_than_its_file_s_is_refused(tmp_path):
    assert read_amounts(tmp_path, "10,50", "20,50", "12.5") == (
        [10.5, 20.5, None],
        ["amount_unreadable"],
    )


@pytest.mark.parametrize("cell", ["12,345", "12,3456", "0,004", "-12,005", "1,2345e1", "9999999999,999"])
def test_an_amount_with_parts_of_a_cent_is_refused_and_not_rounded(tmp_path, cell):
    assert read_amounts(tmp_path, "10,50", cell) == ([10.5, None], ["amount_finer_than_cents"])


def test_the_mark_is_found_far_below_amounts_that_do_not_tell_it(tmp_path):
    cells = [*["7"] * 60_000, *["1.250"] * 9, "12.5"]
    rows = spelled(jotted("VE 2023-01-10 F1: 411/C1 +1.11")).replace("0,00", "0").split("\r\n")
    text = "\n".join([rows[0], *(rows[1].replace("1,11", cell) for cell in cells)])
    (tmp_path / "a.txt").write_text(text + "\n", encoding="utf-8")
    ledger = import_ledger("fec", tmp_path / "a.txt")
    assert sorted(ledger.invoices["amount"].unique()) == [1.25, 7.0, 12.5]


@pytest.mark.parametrize("cell", ["12O,00", "abc", "1,2,3", "--5", "1.25.0", "∞", "nan", "inf", "1e999"])
def test_an_unreadable_amount_is_refused_with_its_line(tmp_path, cell):
    text = spelled(jotted(BOOK)).replace("1250,40\t0,00", f"{cell}\t0,00", 1)
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    ledger = import_ledger("fec", tmp_path / "a.txt")
    assert ledger.report.refusals.rows() == [("a.txt", 2, "Debit", "amount_unreadable", "F1")]
    assert list(invoices(ledger)) == ["F2"]


def test_an_unreadable_credit_is_told_of_the_column_it_stands_in(tmp_path):
    text = spelled(jotted(BOOK)).replace("0,00\t1250,40\tAA", "0,00\t12S0,40\tAA")
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    (refusal,) = import_ledger("fec", tmp_path / "a.txt").report.refusals.rows()
    assert refusal == ("a.txt", 9, "Credit", "amount_unreadable", "R1")


def test_what_cannot_be_read_on_other_accounts_is_told(tmp_path):
    text = spelled(jotted(BOOK)).replace("0,00\t1042,00", "0,00\tabc")
    text = text.replace("\t20230301\t512000", "\t20230399\t512000")
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    ledger = import_ledger("fec", tmp_path / "a.txt")
    assert told(ledger)["beside_unreadable"] == {"n": 2, "file": "a.txt"}
    assert ledger.report.refusals.height == 0
    assert ledger.report.files[0].out_of_scope == {"fec.other_account": 7}


@pytest.mark.parametrize(
    ("day", "rule"),
    [
        ("20230230", "date_unreadable"),
        ("2023", "date_unreadable"),
        ("soon", "date_unreadable"),
        ("", "missing_value"),
        ("00010101", "date_out_of_range"),
        ("99991231", "date_out_of_range"),
        ("19391231", "date_out_of_range"),
    ],
)
def test_an_unreadable_day_is_refused_with_its_line(tmp_path, day, rule):
    text = spelled(jotted(BOOK)).replace("\t20230110\t411000", f"\t{day}\t411000")
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    ledger = import_ledger("fec", tmp_path / "a.txt")
    assert ledger.report.refusals.rows() == [("a.txt", 2, "EcritureDate", rule, "F1")]


def test_a_line_without_account_is_refused(tmp_path):
    text = spelled(jotted(BOOK)).replace("\t411000\t", "\t\t", 1)
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    ledger = import_ledger("fec", tmp_path / "a.txt")
    assert ledger.report.refusals.rows() == [("a.txt", 2, "CompteNum", "missing_value", "F1")]
    assert ledger.report.files[0].refused == 1


def test_a_side_that_is_none_is_refused(tmp_path):
    text = spelled(jotted(BOOK), Style(amounts="D/C")).replace("1250,40\tD", "1250,40\tX", 1)
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    (refusal,) = import_ledger("fec", tmp_path / "a.txt").report.refusals.rows()
    assert refusal == ("a.txt", 2, "Sens", "amount_unreadable", "F1")


def test_what_stands_on_both_sides_of_a_line_is_netted(tmp_path):
    text = spelled(jotted("VE 2023-01-10 F1: 411/C1 +120, 707 -120"))
    (tmp_path / "a.txt").write_text(text.replace("120,00\t0,00", "150,00\t30,00"), encoding="utf-8")
    assert invoices(import_ledger("fec", tmp_path / "a.txt")) == {"F1": ("C1", "2023-01-10", 120.0)}


def test_a_customer_line_of_nothing_is_counted_and_makes_nothing(tmp_path):
    text = (
        spelled(jotted(BOOK))
        + spelled(jotted("VE 2023-02-01 F9: 411/C9 +0.00, 707 -0.00")).split("\r\n", 1)[1]
    )
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    ledger = import_ledger("fec", tmp_path / "a.txt")
    assert ledger.report.files[0].out_of_scope["fec.no_amount"] == 1
    assert set(invoices(ledger)) == {"F1", "F2"}


def test_columns_in_another_order_are_found_by_name(tmp_path):
    rows = [line.split("\t") for line in spelled(jotted(BOOK)).split("\r\n") if line]
    text = "".join("\t".join(reversed(row)) + "\n" for row in rows)
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    assert still_open(import_ledger("fec", tmp_path / "a.txt")) == {"F2": 60.0}


@pytest.mark.parametrize("missing", ["CompteNum", "EcritureDate", "Debit", "EcritureNum", "JournalCode"])
def test_a_file_without_a_column_it_needs_is_no_fec(tmp_path, missing):
    text = spelled(jotted(BOOK), Style(header=((missing, "Autre"),)))
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    with pytest.raises(LedgerError, match=missing):
        import_ledger("fec", tmp_path / "a.txt")


@pytest.mark.parametrize(
    "missing", ["JournalLib", "CompteLib", "CompAuxLib", "EcritureLib", "PieceDate", "DateLet"]
)
def test_a_column_that_nothing_depends_on_may_be_missing(tmp_path, missing):
    text = spelled(jotted(BOOK), Style(header=((missing, "Autre"),)))
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    assert still_open(import_ledger("fec", tmp_path / "a.txt")) == {"F2": 60.0}


def test_columns_that_are_misnamed_are_told(tmp_path):
    names = (("CompAuxNum", "CompAux"), ("EcritureLet", "EcritLet"), ("PieceDate", "DatePce"))
    ledger = imported(tmp_path, BOOK, style=Style(header=names, cash_basis=True))
    assert told(ledger)["columns_lacking"] == {
        "n": 3,
        "file": "123456789FEC20231231.txt",
        "columns": "CompAuxNum, PieceDate, EcritureLet",
    }
    assert told(ledger)["columns_unused"]["columns"] == "CompAux, DatePce, EcritLet"


def test_a_second_column_of_a_name_is_told(tmp_path):
    rows = spelled(jotted(BOOK)).split("\r\n")
    text = "\n".join([rows[0] + "\tDebit", *(row + "\t5,00" for row in rows[1:] if row)])
    (tmp_path / "a.txt").write_text(text + "\n", encoding="utf-8")
    ledger = import_ledger("fec", tmp_path / "a.txt")
    assert told(ledger)["columns_unused"]["columns"] == "Debit_2"


@pytest.mark.parametrize("name", STYLES)
def test_no_column_of_a_sound_file_is_told(tmp_path, name):
    assert not {"columns_lacking", "columns_unused", "beside_unreadable"} & set(
        told(imported(tmp_path, BOOK, style=STYLES[name]))
    )


def test_the_file_of_a_year_is_named_by_the_law_and_read_whatever_its_name(tmp_path):
    (path,) = write_books(tmp_path, BOOK)
    assert path.name == "123456789FEC20231231.txt"
    other = path.rename(tmp_path / "export comptable.txt")
    assert set(invoices(import_ledger("fec", other))) == {"F1", "F2"}
