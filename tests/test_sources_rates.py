"""Exchange rates: only those needed, each under the day it was published, and what is told of them."""

import datetime as dt

import polars as pl
import pytest

from paydelay.errors import ConfigError, CurrencyError, LedgerError
from paydelay.history.facts import rates_at
from paydelay.sources import import_ledger
from paydelay.sources.draft import LINE, Draft
from paydelay.sources.options import ImportOptions
from paydelay.sources.rates import add_rates, ecb_rates, read_rates

FRIDAY, SATURDAY, MONDAY = dt.date(2024, 1, 5), dt.date(2024, 1, 6), dt.date(2024, 1, 8)


def draft(*invoices, paid=dt.date(2024, 2, 9)):
    made = Draft("csv")
    made.tables["invoices"] = pl.DataFrame(
        [(f"F{number}", *invoice, number) for number, invoice in enumerate(invoices)],
        schema={"invoice_id": pl.String, "currency": pl.String, "issue_date": pl.Date, LINE: pl.Int64},
        orient="row",
    )
    made.tables["payments"] = pl.DataFrame({"payment_date": [paid], LINE: [0]})
    return made


def told(made):
    return {said.key: dict(said.values) for said in made.assumptions}


def table(path, lines):
    path.write_text("currency,rate_date,rate\n" + lines)
    return str(path)


def test_rates_run_from_the_one_that_holds_on_the_first_invoice_to_the_end_of_their_table(tmp_path):
    rates = table(
        tmp_path / "rates.csv",
        "USD,2024-01-02,0.91\nUSD,2024-01-05,0.92\nUSD,2024-02-09,0.93\nUSD,2024-02-10,0.94\nGBP,2024-01-05,1.1\n",
    )
    made = draft(("USD", SATURDAY), ("USD", MONDAY), ("EUR", FRIDAY))
    add_rates(made, ImportOptions(rates=rates, reporting_currency="EUR"))
    assert made.tables["rates"].drop(LINE).rows() == [
        ("USD", FRIDAY, 0.92),
        ("USD", dt.date(2024, 2, 9), 0.93),
        ("USD", dt.date(2024, 2, 10), 0.94),
    ]
    assert made.tables["rates"][LINE].null_count() == 3
    assert told(made)["rates.source"] == {
        "n": 3, "source": "rates.csv", "currencies": "USD", "first": FRIDAY, "last": dt.date(2024, 2, 10),
    }  # fmt: skip
    assert told(made)["rates.older"] == {"n": 2, "days": 3.0, "total": 2}


def test_a_day_with_a_rate_of_its_own_is_not_called_older(tmp_path):
    made = draft(("USD", FRIDAY))
    add_rates(made, ImportOptions(rates=table(tmp_path / "r.csv", "USD,2024-01-05,0.92\n")))
    assert "rates.older" not in told(made)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("USD,2024-01-08,0.92\n", "The rates give none of USD on or before 2024-01-05"),
        ("GBP,2024-01-02,0.92\n", "The rates give none of USD on or before 2024-01-05"),
    ],
)
def test_a_currency_without_a_rate_in_time_is_refused(tmp_path, lines, said):
    options = ImportOptions(rates=table(tmp_path / "rates.csv", lines), reporting_currency="EUR")
    with pytest.raises(CurrencyError, match=said):
        add_rates(draft(("USD", FRIDAY)), options)


@pytest.mark.parametrize(
    "line",
    [
        "USD,05/01/2024,0.92",
        "dollar,2024-01-05,0.92",
        "USD,2024-01-05,0",
        "USD,2024-01-05,-1",
        "USD,,1",
        "USD,2024-01-05,n/a",
        "USD,2024-01-05",
    ],
)
def test_a_line_of_rates_that_cannot_be_used_is_told_by_its_number(tmp_path, line):
    path = table(tmp_path / "rates.csv", f"USD,2024-01-02,0.9\n{line}\n")
    with pytest.raises(LedgerError, match=r"Line 3 of rates\.csv is no usable rate|breaks off"):
        read_rates(tmp_path / path)


def test_a_table_without_the_column_rate_is_refused(tmp_path):
    (tmp_path / "rates.csv").write_text("currency,rate_date\nUSD,2024-01-05\n")
    with pytest.raises(LedgerError, match="lacks the column rate; rates need currency, rate_date and rate"):
        read_rates(tmp_path / "rates.csv")


def test_rates_may_stand_in_parquet_with_types_of_their_own(tmp_path):
    rows = pl.DataFrame({"currency": ["usd"], "rate_date": [FRIDAY], "rate": [0.92]})
    rows.write_parquet(tmp_path / "rates.parquet")
    assert read_rates(tmp_path / "rates.parquet").rows() == [("USD", FRIDAY, 0.92)]


def test_books_with_rates_of_their_own_take_no_others(tmp_path):
    made = draft(("USD", FRIDAY))
    made.tables["rates"] = pl.DataFrame(
        {"currency": ["USD"], "rate_date": [FRIDAY], "rate": [0.9], LINE: [1]}
    )
    with pytest.raises(ConfigError, match="bring exchange rates of their own"):
        add_rates(made, ImportOptions(rates=table(tmp_path / "r.csv", "USD,2024-01-05,0.92\n")))


def test_without_rates_asked_for_nothing_changes_but_the_reporting_currency():
    made = draft(("USD", FRIDAY))
    add_rates(made, ImportOptions(reporting_currency="USD"))
    assert made.reporting_currency == "USD"
    assert "rates" not in made.tables


# ---- The European Central Bank -------------------------------------------------------------------


def needed(*codes):
    return pl.DataFrame({"currency": codes})


def test_the_rates_of_the_bank_lead_to_the_reporting_currency():
    # Published on 2014-03-28: one euro is 1.3759 dollars or 140.9 yen.
    day = dt.date(2014, 3, 28)
    euro = ecb_rates(needed("USD", "JPY"), "EUR").filter(pl.col("rate_date") == day)
    assert dict(euro.select("currency", "rate").rows()) == {
        "USD": pytest.approx(1 / 1.3759),
        "JPY": pytest.approx(1 / 140.9),
    }
    dollar = ecb_rates(needed("EUR", "JPY"), "USD").filter(pl.col("rate_date") == day)
    assert dict(dollar.select("currency", "rate").rows()) == {
        "EUR": pytest.approx(1.3759),
        "JPY": pytest.approx(1.3759 / 140.9),
    }


def test_weekends_have_no_rate_of_their_own():
    rates = ecb_rates(needed("USD"), "EUR")
    assert rates["rate_date"].dt.weekday().max() == 5
    assert rates["rate_date"].min() == dt.date(1999, 1, 4)


def test_a_currency_that_the_bank_does_not_know_is_refused():
    with pytest.raises(CurrencyError, match="publishes no rates of XOF; give a table of rates"):
        ecb_rates(needed("USD", "XOF"), "EUR")


def test_history_converts_at_the_issue_date_and_exposure_at_the_last_known(tmp_path):
    (tmp_path / "book.csv").write_text(
        "no,client,date,due,total,cur,paid\n"
        "F1,C1,2024-01-06,2024-02-06,100,USD,2024-03-29\nF2,C1,2024-01-06,2024-02-06,100,EUR,\n"
    )
    (tmp_path / "book.yaml").write_text(
        "invoices:\n  columns: {invoice_id: no, customer_id: client, issue_date: date, due_date: due,"
        " amount: total, currency: cur}\n"
        "payments:\n  lines_of: invoices\n  keep: [{column: paid, present: true}]\n"
        "  columns: {invoice_id: no, payment_date: paid, amount: total}\n"
    )
    ledger = import_ledger("csv", tmp_path / "book.csv", mapping=tmp_path / "book.yaml", rates="ecb")
    assert ledger.reporting_currency == "EUR"
    published = dict(ecb_rates(needed("USD"), "EUR").select("rate_date", "rate").rows())
    asked = pl.DataFrame(
        {"currency": ["USD"] * 3, "rate_date": [SATURDAY, dt.date(2024, 2, 1), dt.date(2024, 3, 31)]}
    )
    assert rates_at(ledger, asked).tolist() == [
        published[FRIDAY],
        published[dt.date(2024, 2, 1)],
        published[dt.date(2024, 3, 28)],
    ]
    assert ledger.rates["rate_date"].min() == FRIDAY
    # A month behind the payment of the 29th of March, the last day of the books.
    assert ledger.rates["rate_date"].max() == dt.date(2024, 4, 29)
    said = {one.key: dict(one.values) for one in ledger.report.assumptions}
    assert said["rates.bank"]["currencies"] == "USD"
    assert said["rates.older"] == {"n": 1, "days": 1.0, "total": 1}
    assert ledger.report.reconciled


@pytest.mark.parametrize(
    ("exported", "last"),
    [(None, dt.date(2014, 5, 12)), (dt.date(2014, 4, 15), dt.date(2014, 4, 15)), (FRIDAY, FRIDAY)],
)
def test_rates_of_the_bank_end_with_the_export_or_a_month_behind_the_books(exported, last):
    made = draft(("USD", dt.date(2014, 3, 28)), paid=dt.date(2014, 4, 11))
    add_rates(made, ImportOptions(rates="ecb", export_date=exported))
    assert made.tables["rates"]["rate_date"].max() == last


def test_two_rates_of_one_day_are_refused_unless_they_are_the_same(tmp_path):
    table = tmp_path / "rates.csv"
    table.write_text("currency,rate_date,rate\nUSD,2024-01-02,0.9\nUSD,2024-01-02,0.90\n", "utf-8")
    assert read_rates(table).height == 1
    table.write_text("currency,rate_date,rate\nUSD,2024-01-02,0.9\nUSD,2024-01-02,1.9\n", "utf-8")
    with pytest.raises(LedgerError, match=r"Line 3 of rates\.csv gives another rate"):
        read_rates(table)
