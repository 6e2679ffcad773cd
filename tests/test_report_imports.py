"""The report of an import tells of every line, in both languages, at any width."""

from __future__ import annotations

import io
import re
from collections import Counter
from datetime import date
from pathlib import Path

import extracts
import polars as pl
import pytest
from rich.console import Console
from sources import HEADER, ROWS, tiny

from paydelay.language.catalogue import texts
from paydelay.report import assumption_sentence, print_import, refused_lines
from paydelay.report.columns import text_width
from paydelay.sources import (
    Agreement,
    Assumption,
    ImportedLedger,
    ImportReport,
    SourceFile,
    import_ledger,
)

__all__ = ["tiny"]
THIN = "\u202f"
REFUSALS = pl.Schema(
    {"file": pl.String, "line": pl.Int64, "column": pl.String, "rule": pl.String, "identifier": pl.String}
)


def shown(ledger: ImportedLedger, language: str = "en", width: int = 120, terminal: bool = False) -> str:
    file = io.StringIO()
    colours = {"force_terminal": True, "color_system": "standard"} if terminal else {}
    console = Console(file=file, width=width, highlight=False, **colours)
    print_import(ledger, language, console=console)
    return file.getvalue()


def reported(ledger: ImportedLedger, **changes: object) -> ImportedLedger:
    """The ledger with another report."""
    told = {name: getattr(ledger.report, name) for name in ImportReport.__dataclass_fields__} | changes
    kept = {name: getattr(ledger, name) for name in ImportedLedger.__dataclass_fields__} | {
        "report": ImportReport(**told)
    }
    return ImportedLedger(**kept)


@pytest.fixture
def ledger(tiny: Path) -> ImportedLedger:
    return import_ledger("tiny", tiny, terms_days=30)


def test_every_line_is_told_and_why_it_was_refused(ledger: ImportedLedger) -> None:
    text = shown(ledger)
    row = next(line for line in text.splitlines() if line.startswith("  books.csv  "))
    assert row.split() == ["books.csv", "6", "2", "3", "1"]
    assert "books.csv: Windows-1252, semicolons between the cells" in text
    assert "1  tiny.supplier" in text
    assert "1 line of books.csv, column issued: a date cannot be read as one" in text
    assert "1 line of books.csv: the line has fewer cells than the header has names (line 6)" in text
    assert "1 line of books.csv, column due_date: the invoice falls due before it is issued (line 5)" in text
    assert "Apart from the 3 refused lines, the ledger agrees with the files to the cent." in text
    assert "Balance of the customer accounts  EUR       180.50  180.50        0.00" in text
    assert "1 customers" not in text
    assert "2 customers, 2 invoices in EUR" in text


def test_french_is_french(ledger: ImportedLedger) -> None:
    text = shown(ledger, "fr").replace(THIN, " ").replace("\u00a0", " ")
    for words in (
        "Fichiers lus",
        "books.csv : Windows-1252, points-virgules entre les cellules",
        "1 ligne du fichier books.csv, colonne issued : une date n'est pas lisible",
        "l'échéance de la facture précède son émission (ligne 5)",
        "Aux 3 lignes refusées près, les données reprises concordent avec les fichiers au centime.",
        "Solde des comptes clients  EUR",
    ):
        assert words in text
    english = [words for key, words in texts("en").items() if key.startswith("import.")]
    assert [words for words in english if isinstance(words, str) and f"{words}\n" in text] == []


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(ledger: ImportedLedger, language: str, width: int) -> None:
    long = [
        Assumption("pseudonyms", {"n": 2}),
        Assumption("a key of a source that has no words", {"n": 1, "name": "x" * 90}),
    ]
    label = "an_export_of_the_whole_year_under_a_long_name_2024-12-31.csv"
    told = reported(
        ledger,
        assumptions=tuple(long),
        files=(
            SourceFile(
                label,
                1_000_000,
                Counter({"tiny.supplier": 10}),
                {"encoding": "utf-8", "separator": ";"},
                999_990,
            ),
        ),
        agreements=(Agreement("accounts", "EUR", 1e6, 1e6 - 1),),
    )
    lines = shown(told, language, width).splitlines()
    assert [line for line in lines if text_width(line) > width] == []


def test_a_miss_is_told_in_bold_and_to_the_cent(ledger: ImportedLedger) -> None:
    misses = (
        Agreement("accounts", "EUR", 100.0, 99.99),
        Agreement("accounts", "USD", 5.0, 5.0),
        Agreement("accounts", "GBP", 5.0, 6.0),
    )
    detail = pl.DataFrame({"customer_id": ["C1", "C1"], "difference": [0.0, -0.01]})
    told = reported(ledger, agreements=misses, detail=detail)
    text = shown(told, terminal=True)
    assert "\x1b[1;31m  The ledger does not agree with the files: 2 amounts differ." in text
    assert "\x1b[1;31m  2 balances of customers at month ends compared: 1 of them differ" in text
    assert "-0.01" in text
    assert "to the cent" not in text
    agreed = reported(ledger, agreements=misses[1:2], detail=detail.head(1))
    assert "1 balance of a customer at a month end compared: it agrees to the cent." in shown(agreed)
    assert "nothing in these files to reconcile" in shown(reported(ledger, agreements=()))


def test_lines_are_listed_up_to_a_few(ledger: ImportedLedger) -> None:
    rows = [("a.csv", 1000 + line, None, "too_many_cells", None) for line in range(8)]
    rows += [("b.csv", 7, "Betrag", "amount_unreadable", "F7"), ("b.csv", 9, "Betrag", "own_rule", "F7")]
    text = shown(reported(ledger, refusals=pl.DataFrame(rows, schema=REFUSALS, orient="row")))
    first = "lines 1000, 1001, 1002, 1003, 1004, 3 more"
    told = f"8 lines of a.csv: the line has more cells than the header has names ({first})"
    assert told in " ".join(text.split())
    assert "1 line of b.csv, column Betrag: own_rule (line 9)" in text
    nothing = shown(reported(ledger, refusals=pl.DataFrame(schema=REFUSALS)))
    assert "Refused lines" not in nothing


def test_the_balance_is_told_in_its_parts_with_their_sum(ledger: ImportedLedger) -> None:
    assert "What customers owe" not in shown(ledger)
    parts = {"open_invoices": 150.0, "written_off": 0.0, "cash_on_account": -5.5, "before_books": 100.0}
    text = shown(reported(ledger, balance_parts=parts), "fr")
    told = text[text.index("Ce que doivent les clients") :].split("\n\n")[0].splitlines()[1:]
    assert [line.split("  ")[-1].strip().replace(THIN, " ") for line in told] == [
        "150,00",
        "-5,50",
        "100,00",
        "244,50",
    ]
    assert told[-1].strip().startswith("Solde des comptes clients")


def test_names_from_files_do_not_steer_the_terminal(ledger: ImportedLedger) -> None:
    rows = [("a\x1b[2J.csv", 2, "x\x1b]0;y\x07", "missing_value", None)]
    told = reported(
        ledger,
        refusals=pl.DataFrame(rows, schema=REFUSALS, orient="row"),
        files=(SourceFile("a\x1b[2J.csv", details={"encoding": "utf-8", "separator": "\x1b"}),),
        assumptions=(Assumption("of a source", {"name": "\x1b[31mred"}),),
    )
    assert "\x1b" not in shown(told)


def test_amounts_of_assumptions_have_cents_and_days_are_dates() -> None:
    said = Assumption("no words", {"n": 2, "open_amount": 1234.5, "amount": 7, "day": date(2024, 1, 2)})
    assert assumption_sentence(said) == "no words, n 2, open_amount 1,234.50, amount 7.00, day 2024-01-02"
    assert "2 customers" in assumption_sentence(Assumption("pseudonyms", {"n": 2}))


def test_how_files_are_written_is_told_where_it_is_known(ledger: ImportedLedger) -> None:
    files = tuple(
        SourceFile(f"{place}.csv", details=details)
        for place, details in enumerate(
            (
                {},
                {
                    "encoding": "utf-8-sig",
                    "separator": "tab",
                    "first_day": "2023-01-01",
                    "last_day": "2023-12-31",
                },
                {"encoding": "koi8-r", "separator": "^"},
            )
        )
    )
    text = shown(reported(ledger, files=files))
    assert "0.csv:" not in text
    assert "1.csv: UTF-8, tabs between the cells" in text
    assert "1.csv: entries from 2023-01-01 to 2023-12-31" in text
    assert "2.csv: koi8-r, '^' between the cells" in text


def test_the_table_of_refused_lines_says_why(ledger: ImportedLedger) -> None:
    listed = refused_lines(ledger)
    assert listed.columns == ["file", "line", "column", "rule", "identifier", "why"]
    assert listed.select("line", "rule", "identifier").rows() == [
        (4, "date_unreadable", "F3"),
        (5, "due_before_issue", "F4"),
        (6, "too_few_cells", None),
    ]
    assert listed["why"].null_count() == 0
    assert refused_lines(ledger, "fr")["why"][1] == "l'échéance de la facture précède son émission"


def test_an_import_without_a_flaw_says_so_by_what_is_not_there(tiny: Path) -> None:
    tiny.write_text(HEADER + ROWS.splitlines()[0] + "\n", "cp1252")
    text = shown(import_ledger("tiny", tiny))
    assert "Refused lines" not in text
    assert "Out of scope: no matter" not in text
    assert "Assumed" not in text


def test_days_shares_and_the_central_bank_are_told_as_a_reader_says_them() -> None:
    older = Assumption("rates.older", {"n": 1, "total": 1, "days": 1.0})
    assert "1 day old" in assumption_sentence(older)
    assert "vieux de 1 jour au plus" in assumption_sentence(older, "fr").replace(THIN, " ")
    due = Assumption("mapped.due_from_terms", {"n": 3, "invoice_share": 0.015, "days": 45})
    assert assumption_sentence(due).startswith("3 invoices (1.5%) have no due date: they are")
    assert assumption_sentence(due).endswith("45 days after their issue.")
    assert "(1,5\u202f%)" in assumption_sentence(due, "fr")
    days = {"first": date(2024, 1, 2), "last": date(2024, 1, 9)}
    bank = Assumption("rates.bank", {"n": 2, "currencies": "USD", **days})
    assert "de la BCE (USD)" in assumption_sentence(bank, "fr")
    assert "European Central Bank (USD)" in assumption_sentence(bank)


def test_cash_on_account_has_one_name_in_french() -> None:
    """An advance is paid before its invoice; cash that names no invoice is no advance."""
    names = {key: str(words) for key, words in texts("en").items() if "cash on account" in str(words).lower()}
    french = texts("fr")
    assert len(names) > 8
    for key in names:
        assert re.search("non affecté|règlements? reçus", str(french[key])), key
        assert not re.search("acompte|avance", str(french[key])), key


def test_one_day_is_told_as_one(tiny: Path) -> None:
    tiny.write_text(HEADER + ROWS.splitlines()[0] + "\n", "cp1252")
    one = import_ledger("tiny", tiny)
    assert "issued on 2024-01-02, payments on 2024-01-02." in shown(one).replace("\n", " ")
    assert "émission le 02/01/2024, règlements le 02/01/2024." in shown(one, "fr").replace("\n", " ")


def test_of_unused_columns_the_first_few_are_told_apart_from_what_was_assumed(tmp_path: Path) -> None:
    head = extracts.XERO["invoice"].splitlines()[0]
    more = "".join(f",extra{at}" for at in range(9))
    (tmp_path / "xero_invoice.csv").write_text(extracts.XERO["invoice"].replace(head, head + more), "utf-8")
    made = import_ledger("xero", tmp_path / "xero_invoice.csv")
    text = " ".join(shown(made).split())
    told = "9 columns of xero_invoice.csv: extra0, extra1, extra2, extra3, extra4, extra5, 3 more."
    assert f"Columns that are not used - {told}" in text
    french = " ".join(shown(made, "fr").split())
    assert "Colonnes non utilisées - 9 colonnes du fichier xero_invoice.csv" in french
    assert "extra5, 3 autres." in french
    said = next(one for one in made.report.to_dict()["assumptions"] if one["key"] == "columns_unused")
    assert said["columns"] == ", ".join(f"extra{at}" for at in range(9))
    comma = Assumption("columns_unused", {"n": 2, "file": "a.csv", "columns": "a, b, c, d, e, f, g"})
    assert assumption_sentence(comma).endswith(": a, b, c, d, e, f, g.")
