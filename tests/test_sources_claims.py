"""What adapters share: names of documents, rates and cash in other currencies."""

from datetime import date

import polars as pl
import pytest

from paydelay.errors import LedgerError
from paydelay.sources.claims import CLAIMS, PAYMENTS, finish, in_frame, payments_of_totals
from paydelay.sources.draft import LINE, Draft
from paydelay.sources.imported import to_ledger
from paydelay.sources.options import ImportOptions
from paydelay.sources.rates import add_rates


def draft_of(lines):
    draft = Draft("demo")
    draft.add_file("books.csv")
    draft.files[0].read = lines
    return draft


def claim(line, number, currency="EUR", customer="C1"):
    return {
        LINE: line,
        "invoice_id": number,
        "customer_id": customer,
        "issue_date": date(2024, 1, 5),
        "due_date": date(2024, 2, 4),
        "amount": 100.0,
        "currency": currency,
        "open_amount": 100.0,
    }


def cash(line, amount, currency, customer="C1", day=date(2024, 3, 1)):
    return {
        LINE: line,
        "customer_id": customer,
        "payment_date": day,
        "amount": amount,
        "kind": "payment",
        "currency": currency,
    }


def frame(rows, schema):
    return in_frame(pl.DataFrame(rows), schema)


RATES = pl.DataFrame(
    {
        "currency": ["USD", "USD"],
        "rate_date": [date(2024, 1, 5), date(2024, 2, 20)],
        "rate": [0.8, 0.9],
        LINE: pl.Series([None, None], dtype=pl.Int64),
    }
)


def test_cash_on_account_is_converted_at_the_last_rate_before_it():
    draft = draft_of(3)
    claims = frame([claim(2, "A1"), claim(3, "A2", "USD")], CLAIMS)
    payments = frame([cash(4, 50.0, "USD")], PAYMENTS)
    finished = finish(draft, ImportOptions(), claims, payments, rates=RATES, base="EUR")
    add_rates(finished, ImportOptions())
    ledger = to_ledger(finished)
    assert ledger.payments["amount"].to_list() == [45.0]
    assert ledger.reporting_currency == "EUR"


def test_cash_on_account_without_a_rate_is_out_of_scope():
    draft = draft_of(2)
    claims = frame([claim(2, "A1")], CLAIMS)
    payments = frame([cash(3, 50.0, "GBP")], PAYMENTS)
    finished = finish(draft, ImportOptions(), claims, payments, rates=RATES, base="EUR")
    add_rates(finished, ImportOptions())
    ledger = to_ledger(finished)
    assert ledger.payments.height == 0
    assert ledger.report.files[0].out_of_scope == {"erp.on_account_without_rate": 1}


def test_rates_of_documents_give_way_to_those_of_the_caller():
    draft = draft_of(2)
    claims = frame([claim(2, "A1"), claim(3, "A2", "USD")], CLAIMS)
    options = ImportOptions(rates="rates.csv")
    finished = finish(draft, options, claims, PAYMENTS.to_frame(), rates=RATES, base="EUR")
    assert "rates" not in finished.tables
    assert finished.reporting_currency == "EUR"


def given_rates(tmp_path, lines):
    (tmp_path / "rates.csv").write_text("currency,rate_date,rate\n" + lines)
    return ImportOptions(rates=str(tmp_path / "rates.csv"), reporting_currency="EUR")


def test_cash_on_account_takes_the_caller_s_rate_before_the_documents_one(tmp_path):
    draft = draft_of(4)
    options = given_rates(tmp_path, "USD,2024-01-02,0.5\nCHF,2024-02-29,2.0\n")
    claims = frame([claim(2, "A1"), claim(3, "A2", "USD")], CLAIMS)
    payments = frame([cash(4, 50.0, "USD"), cash(5, 10.0, "chf")], PAYMENTS)
    finished = finish(draft, options, claims, payments, rates=RATES, base="EUR")
    add_rates(finished, options)
    assert sorted(to_ledger(finished).payments["amount"].to_list()) == [20.0, 25.0]


def test_the_documents_rate_serves_where_the_caller_has_none_by_then(tmp_path):
    draft = draft_of(2)
    options = given_rates(tmp_path, "USD,2024-03-02,0.5\n")
    payments = frame([cash(3, 50.0, "USD")], PAYMENTS)
    finished = finish(draft, options, frame([claim(2, "A1")], CLAIMS), payments, rates=RATES, base="EUR")
    add_rates(finished, options)
    assert to_ledger(finished).payments["amount"].to_list() == [45.0]


def test_rates_into_the_books_currency_convert_into_no_other():
    draft = draft_of(2)
    options = ImportOptions(reporting_currency="GBP")
    payments = frame([cash(3, 50.0, "USD")], PAYMENTS)
    claims = frame([claim(2, "A1", "GBP")], CLAIMS)
    finished = finish(draft, options, claims, payments, rates=RATES, base="EUR")
    add_rates(finished, options)
    ledger = to_ledger(finished)
    assert ledger.payments.height == 0
    assert ledger.report.files[0].out_of_scope == {"erp.on_account_without_rate": 1}


def test_a_line_that_belongs_to_a_refused_one_is_refused_however_far_away():
    draft = draft_of(3)
    claims = frame([{**claim(2, "A1"), "due_date": date(2023, 1, 1)}], CLAIMS)
    draft.belong(pl.DataFrame({LINE: [3, 4], "owner": [2, 3]}), "owner")
    finished = finish(draft, ImportOptions(), claims, PAYMENTS.to_frame())
    add_rates(finished, ImportOptions())
    ledger = to_ledger(finished)
    assert ledger.report.refusals["line"].to_list() == [2, 3, 4]
    assert ledger.report.refusals["rule"].unique().to_list() == ["due_before_issue"]


def test_a_payment_nothing_dates_needs_the_export_date():
    claims = pl.DataFrame(
        {LINE: [2], "invoice_id": ["A1"], "issue_date": [None], "paid_amount": [5.0],
         "credited_amount": [0.0], "settled_on": [None], "changed_on": [None]},
        schema_overrides=dict.fromkeys(("issue_date", "settled_on", "changed_on"), pl.Date),
    )  # fmt: skip
    with pytest.raises(LedgerError, match="--export-date"):
        payments_of_totals(draft_of(1), claims, ImportOptions())
    paid = payments_of_totals(draft_of(1), claims, ImportOptions(export_date=date(2024, 5, 1)))
    assert paid["payment_date"].to_list() == [date(2024, 5, 1)]
