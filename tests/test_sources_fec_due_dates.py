"""Due dates, which a FEC does not hold: where they are read from, and what is told of it."""

import polars as pl
import pytest
from fec_books import due_dates, imported, invoices, jotted, payments, told

from paydelay.errors import LedgerError


def due_of(tmp_path, label, day="2023-03-10", **options):
    ledger = imported(tmp_path, f'VE {day} F1: 411/C1 +120, 707 -120 "{label}"', **options)
    return due_dates(ledger)["F1"], {key for key in told(ledger) if key.startswith("due_")}


@pytest.mark.parametrize(
    ("label", "due"),
    [
        ("Facture 12 ECH 31/03/2023", "2023-03-31"),
        ("Facture 12 éch. 31/03/2023", "2023-03-31"),
        ("Facture échéance 30/04/23", "2023-04-30"),
        ("FACT 12 ECHEANCE AU 30-04-2023", "2023-04-30"),
        ("Facture - Echéance le : 5.4.2023", "2023-04-05"),
        ("ECHEANCE 10/03/2023 F12", "2023-03-10"),
        ("A payer le 15/04/2023", "2023-04-15"),
        ("Facture ECH 310323", "2023-03-31"),
        ("Facture Ech.31/03/23", "2023-03-31"),
    ],
)
def test_a_day_that_the_text_calls_the_due_date_is_taken(tmp_path, label, due):
    assert due_of(tmp_path, label, terms_days=10) == (due, {"due_written"})


@pytest.mark.parametrize(
    ("label", "due"),
    [
        ("Facture 45 JOURS FIN DE MOIS", "2023-04-30"),
        ("Facture 30J FDM", "2023-04-30"),
        ("30 jours net", "2023-04-09"),
        ("Règlement à 10 jours", "2023-03-20"),
        ("Facture 60 jours date de facture", "2023-05-09"),
        ("60 j. fin de mois", "2023-05-31"),
        ("8 JOURS NET", "2023-03-18"),
    ],
)
def test_terms_in_the_text_are_taken(tmp_path, label, due):
    assert due_of(tmp_path, label, terms_days=99) == (due, {"due_text"})


@pytest.mark.parametrize("label", ["Facture 30 jours", "FACT 12 A 30J", "Location benne 30 jours"])
def test_a_bare_number_of_days_counts_only_where_the_user_gives_no_terms(tmp_path, label):
    assert due_of(tmp_path, label) == ("2023-04-09", {"due_text"})
    assert due_of(tmp_path / "given", label, terms_days=60) == ("2023-05-09", {"due_given"})


@pytest.mark.parametrize(
    "label",
    [
        "Formation 2 jours",
        "Location nacelle 12 jours",
        "Facture du 31/03/2023",
        "ECH 31/03/2022",
        "ECH 31/03/2032",
        "ECH 45/13/2023",
        "Vente 2023 j",
        "Séjour 5 jours",
        "Technique 31/03/2023",
        "MECH 31/03/2023",
        "Pêche 31/03/2023 lot 4",
        "900 jours fin de mois",
    ],
)
def test_other_days_in_the_text_are_no_terms(tmp_path, label):
    assert due_of(tmp_path, label, terms_days=20) == ("2023-03-30", {"due_given"})


def test_without_any_word_the_legal_thirty_days_are_taken_and_told(tmp_path):
    assert due_of(tmp_path, "Facture") == ("2023-04-09", {"due_legal"})


def test_terms_given_may_run_to_the_end_of_the_month(tmp_path):
    assert due_of(tmp_path, "Facture", terms_days=45, terms_end_of_month=True)[0] == "2023-04-30"
    assert (
        due_of(tmp_path, "Facture", day="2024-01-31", terms_days=0, terms_end_of_month=True)[0]
        == "2024-01-31"
    )
    assert (
        due_of(tmp_path, "Facture", day="2024-01-30", terms_days=30, terms_end_of_month=True)[0]
        == "2024-02-29"
    )


BOOK = """
VE 2023-03-10 F1: 411/C1 +120, 707 -120 "Facture ECH 15/03/2023"
VE 2023-03-10 F2: 411/C1 +120, 707 -120 "Facture 60 jours"
VE 2023-03-10 F3: 411/C2 +120, 707 -120 "Facture 60 jours nets"
VE 2023-03-10 F4: 411/C2 +120, 707 -120 "Facture"
VE 2023-03-10 F5: 411/C3 +120, 707 -120 "Facture"
"""


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_of_terms_counts_for_its_customers_and_a_written_day_more(tmp_path, suffix):
    table = tmp_path / f"terms.{suffix}"
    rows = pl.DataFrame(
        {"customer_id": ["C1", "C9"], "terms_days": ["45", "10"], "end_of_month": ["oui", ""]}
    )
    rows.write_csv(table) if suffix == "csv" else rows.write_parquet(table)
    ledger = imported(tmp_path / "books", BOOK, terms=table, terms_days=7)
    assert due_dates(ledger) == {
        "F1": "2023-03-15",
        "F2": "2023-04-30",
        "F3": "2023-05-09",
        "F4": "2023-03-17",
        "F5": "2023-03-17",
    }
    shares = {
        key: (said["n"], said["invoice_share"])
        for key, said in told(ledger).items()
        if key.startswith("due_")
    }
    assert shares == {
        "due_written": (1, 0.2),
        "due_customer": (1, 0.2),
        "due_text": (1, 0.2),
        "due_given": (2, 0.4),
    }
    assert len(ledger.report.files) == 1


@pytest.mark.parametrize(
    "content",
    [
        "customer_id;terms_days\nC1;soon\n",
        "customer_id;terms_days\nC1;-3\n",
        "customer;days\nC1;3\n",
        "",
        "\x00\x01",
    ],
)
def test_a_table_of_terms_that_cannot_be_read_ends_in_one_sentence(tmp_path, content):
    (tmp_path / "terms.csv").write_text(content, encoding="utf-8")
    with pytest.raises(LedgerError) as raised:
        imported(tmp_path, BOOK, terms=tmp_path / "terms.csv")
    assert "\n" not in str(raised.value)
    assert "C1" not in str(raised.value)


def test_terms_run_from_the_document_s_day_and_the_entry_is_when_it_is_known(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-03-31 F1^2023-03-02: 411/C1 +120, 707 -120
        VE 2023-03-31 F2^2023-04-15: 411/C1 +120, 707 -120
        VE 2023-03-31 F3^2021-03-02: 411/C1 +120, 707 -120
        """,
        terms_days=10,
    )
    assert due_dates(ledger) == {"F1": "2023-03-12", "F2": "2023-04-10", "F3": "2023-04-10"}
    known = dict(ledger.invoices.select("invoice_id", pl.col("known_on").cast(pl.String)).iter_rows())
    assert set(known.values()) == {"2023-03-31"}


# ---- Names and entries -----------------------------------------------------------------------------


def test_instalments_are_claims_of_their_own_with_their_own_due_dates(tmp_path):
    text = """
        VE 2023-03-10 F1: 411/C1 +40, 411/C1 +40, 411/C1 +40, 707 -100, 4457 -20 "Facture"
        """
    ledger = imported(tmp_path, text)
    assert sorted(invoices(ledger)) == ["F1", "F1/VE-1", "F1/VE-1/2"]
    assert ledger.invoices["amount"].sum() == 120.0


def test_many_invoices_under_one_document_get_names_of_their_own(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2023-03-10 VE0323: 411/C1 +40 A, 707 -40
        VE 2023-03-11 VE0323: 411/C1 +50 B, 707 -50
        VE 2023-03-11 VE0323: 411/C2 +60, 707 -60
        VE 2023-03-12 F9: 411/C2 +70, 707 -70
        BQ 2023-04-11 BQ0423: 512 +50, 411/C1 -50 B
        """,
    )
    assert {name: row[2] for name, row in invoices(ledger).items()} == {
        "VE0323": 40.0,
        "VE0323/VE-2": 50.0,
        "VE0323/VE-3": 60.0,
        "F9": 70.0,
    }
    assert ledger.payments["invoice_id"].to_list() == ["VE0323/VE-2"]


def test_documents_numbered_afresh_each_year_get_names_of_their_own(tmp_path):
    ledger = imported(
        tmp_path,
        """
        VE 2022-03-10 F1: 411/C1 +40, 707 -40
        OD 2022-12-31 -: 681 +1, 281 -1
        """,
        """
        OD 2023-01-01 -: 681 +1, 281 -1
        VE 2023-03-10 F1: 411/C1 +50, 707 -50
        """,
    )
    assert len(invoices(ledger)) == 2
    assert {row[2] for row in invoices(ledger).values()} == {40.0, 50.0}


def test_an_invoice_without_document_is_named_by_its_entry(tmp_path):
    ledger = imported(tmp_path, "VE 2023-03-10 -: 411/C1 +40, 707 -40\nVE 2023-03-11 -: 411/C1 +50, 707 -50")
    assert len(set(invoices(ledger))) == 2


def test_the_name_of_an_invoice_does_not_depend_on_later_lines(tmp_path):
    first = "VE 2023-03-10 F1: 411/C1 +40, 707 -40\n"
    later = "VE 2023-04-10 F1: 411/C2 +40, 707 -40\n"
    before, after = imported(tmp_path / "a", first), imported(tmp_path / "b", first + later)
    assert set(invoices(before)) <= set(invoices(after))


@pytest.mark.parametrize("numbers", ["running", "by journal", "zero"])
def test_entries_are_told_apart_however_they_are_numbered(tmp_path, numbers):
    book = jotted(
        """
        VE 2023-01-10 F1: 411/C1 +120 A, 707 -100, 4457 -20
        VE 2023-01-10 F2: 411/C2 +60 A, 707 -50, 4457 -10
        VE 2023-01-10 A1: 707 +10, 4457 +2, 411/C2 -12 A
        BQ 2023-02-10 R1: 512 +117.60, 665 +2, 4457 +0.40, 411/C1 -120 A
        BQ 2023-02-10 R2: 411/C2 -48 A, 512 +48
        OD 2023-02-10 X: 416/C3 +50, 411/C3 -50
        OD 2023-02-10 X: 658 +0.50, 411/C4 -0.50
        """,
        numbers,
    )
    ledger = imported(tmp_path, book)
    assert len(invoices(ledger)) == 2
    assert [row[:1] + row[2:] for row in payments(ledger)] == [
        ("C2", "2023-01-10", 12.0, "credit_note"),
        ("C1", "2023-02-10", 2.4, "discount"),
        ("C1", "2023-02-10", 117.6, "payment"),
        ("C2", "2023-02-10", 48.0, "payment"),
        ("C4", "2023-02-10", 0.5, "discount"),
    ]


@pytest.mark.parametrize(
    "entry",
    [
        "VE 2023-01-10 F1: 411/C1 +120, 707 -100, 4457 -20, 530 +120, 411/C1 -120",
        "VE 2023-01-10 F1: 411/C1 +120, 411/C1 -120, 707 -100, 4457 -20, 530 +120",
        "VE 2023-01-10 F1: 530 +120, 411/C1 +120, 707 -100, 4457 -20, 411/C1 -120",
        "VE 2023-01-10 F1: 530 +120, 411/C1 -120, 411/C1 +120, 4457 -20, 707 -100",
    ],
)
def test_a_sale_paid_at_the_counter_is_an_invoice_and_a_payment_in_one_entry(tmp_path, entry):
    ledger = imported(tmp_path, entry)
    assert invoices(ledger) == {"F1": ("C1", "2023-01-10", 120.0)}
    assert [(row[0], *row[2:]) for row in payments(ledger)] == [("C1", "2023-01-10", 120.0, "payment")]
