"""The way in: which options a kind uses, and how they are given."""

from __future__ import annotations

from pathlib import Path

import extracts
import pytest

from paydelay.errors import ConfigError, LedgerError
from paydelay.sources import KINDS, ImportOptions, import_ledger
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
    with pytest.raises(ConfigError, match="terms_days is not usable"):
        import_ledger("xero", books, options, terms_days=-1)
    with pytest.raises(ConfigError, match="term_days is not usable"):
        import_ledger("xero", books, term_days=30)
