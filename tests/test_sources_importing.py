"""The way in: which options a kind uses, and how they are given."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import extracts
import pytest

from paydelay.errors import ConfigError, CurrencyError, LedgerError
from paydelay.sources import KINDS, ImportedLedger, ImportOptions, import_ledger
from paydelay.sources.importing import EVERY_KIND, OPTIONS


@pytest.fixture
def books(tmp_path: Path) -> Path:
    path = tmp_path / "export.csv"
    path.write_text(extracts.XERO["invoice"], "utf-8")
    return path


def test_every_kind_and_every_option_is_declared():
    assert OPTIONS.keys() == KINDS.keys()
    assert EVERY_KIND.union(*OPTIONS.values()) == ImportOptions.model_fields.keys()


@pytest.mark.parametrize(
    ("kind", "options", "flag"),
    [
        ("xero", {"match_unlettered": "fifo"}, "--match-unlettered"),
        ("csv", {"match_unlettered": "fifo"}, "--match-unlettered"),
        ("xero", {"mapping": "m.yaml"}, "--mapping"),
        ("fec", {"mapping": "m.yaml"}, "--mapping"),
        ("fec", {"export_date": "2024-01-01"}, "--export-date"),
    ],
)
def test_an_option_that_the_kind_has_no_use_for_is_refused(books, kind, options, flag):
    with pytest.raises(ConfigError) as caught:
        import_ledger(kind, books, **options)
    assert str(caught.value) == f"The kind '{kind}' has no use for {flag}; leave it out."


def test_an_option_left_as_it_is_anyway_is_not_refused(books):
    plain = import_ledger("xero", books)
    assert import_ledger("xero", books, match_unlettered=None, mapping=None).equals(plain)


def test_a_table_of_terms_that_is_not_there_is_an_error_though_every_due_date_is_stated(books):
    with pytest.raises(LedgerError, match=r"absent\.csv"):
        import_ledger("xero", books, terms=books.with_name("absent.csv"))


def test_options_may_be_one_object_or_names_and_the_names_go_first(books):
    options = ImportOptions(export_date="2024-04-30", terms_days=30, pseudonym_key="sixteen letters or more")
    hidden = import_ledger("xero", books, options)
    assert hidden.equals(import_ledger("xero", books, **options.model_dump()))
    assert import_ledger("xero", books, options, pseudonym_key=None).equals(import_ledger("xero", books))
    with pytest.raises(ConfigError, match="--terms-days is not usable; give a whole number"):
        import_ledger("xero", books, options, terms_days=-1)
    with pytest.raises(ConfigError, match="no option term_days; did you mean terms_days"):
        import_ledger("xero", books, term_days=30)


def test_terms_to_the_end_of_the_month_need_days_unless_the_kind_has_days_of_its_own(books, tmp_path):
    terms = tmp_path / "terms.csv"
    terms.write_text("customer_id,terms_days,end_of_month\nC1,30,yes\n", "utf-8")
    for more in ({}, {"terms": terms}):
        with pytest.raises(ConfigError, match="changes nothing without --terms-days"):
            import_ledger("xero", books, terms_end_of_month=True, **more)
    assert import_ledger("xero", books, terms_end_of_month=True, terms_days=30).invoices.height
    legal = fec(tmp_path, terms_end_of_month=True)
    assert legal.invoices["due_date"].to_list() == [date(2023, 2, 28)]


def fec(folder: Path, **options: object) -> ImportedLedger:
    path = folder / "123456789FEC20231231.txt"
    path.write_text(
        "JournalCode|JournalLib|EcritureNum|EcritureDate|CompteNum|CompteLib|CompAuxNum|CompAuxLib|PieceRef|"
        "PieceDate|EcritureLib|Debit|Credit|EcritureLet|DateLet|ValidDate|Montantdevise|Idevise\n"
        "VE||1|20230110|411000|Clients|C1|Dupont|F1|20230110|Facture|120,00|0,00|||||\n"
        "VE||1|20230110|707000|Ventes|||F1|20230110|Facture|0,00|120,00|||||\n",
        "utf-8",
    )
    return import_ledger("fec", path, **options)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {},
            r"2 currencies \(EUR, USD\) and .* --rates ecb or --rates FILE, and --reporting-currency CODE",
        ),
        ({"reporting_currency": "EUR"}, "what USD is worth in EUR, .* give --rates ecb or --rates FILE"),
        ({"rates": "both.csv"}, "do not tell which of them they lead to; name it with --reporting-currency"),
    ],
)
def test_amounts_that_cannot_be_converted_name_the_options_that_help(tmp_path, options, told):
    (tmp_path / "book.csv").write_text(
        "no,client,date,due,total,cur\nF1,C1,2024-01-05,2024-02-05,5,EUR\nF2,C1,2024-01-05,2024-02-05,5,USD\n"
    )
    (tmp_path / "book.yaml").write_text(
        "invoices:\n  columns: {invoice_id: no, customer_id: client, issue_date: date, due_date: due, "
        "amount: total, currency: cur}\n"
    )
    (tmp_path / "both.csv").write_text("currency,rate_date,rate\nEUR,2024-01-01,4.3\nUSD,2024-01-01,3.9\n")
    given = options | ({"rates": str(tmp_path / options["rates"])} if "rates" in options else {})
    with pytest.raises(CurrencyError, match=told):
        import_ledger("csv", tmp_path / "book.csv", mapping=tmp_path / "book.yaml", **given)
    if not options:
        # What no option mends is told as the ledger tells it.
        text = (tmp_path / "book.yaml").read_text("utf-8")
        (tmp_path / "book.yaml").write_text(f"reporting_currency: EUX\n{text}", "utf-8")
        with pytest.raises(CurrencyError, match="reporting currency is not an ISO 4217 code"):
            import_ledger("csv", tmp_path / "book.csv", mapping=tmp_path / "book.yaml")
