"""Several currencies: the reporting one, and the rates that lead to it."""

import datetime as dt

import polars as pl
import pytest

from paydelay.errors import CurrencyError
from paydelay.ledger import ISO_4217, Ledger

INVOICE = {
    "invoice_id": "A1",
    "customer_id": "C1",
    "issue_date": "2024-01-02",
    "due_date": "2024-02-01",
    "amount": 100.0,
    "currency": "EUR",
}
PAYMENT = {"invoice_id": "A1", "customer_id": "C1", "payment_date": "2024-02-03", "amount": 40.0}
RATE = {"currency": "USD", "rate_date": "2024-01-01", "rate": "0.9"}
DOLLARS = INVOICE | {"invoice_id": "A2", "currency": "USD"}


ON_ACCOUNT = PAYMENT | {"invoice_id": None}


def build(invoices, rates=(RATE,), payments=(PAYMENT,), **settings):
    given = {"invoices": invoices, "payments": payments, "rates": rates}
    frames = {name: pl.DataFrame(list(rows)) for name, rows in given.items() if rows is not None}
    return Ledger.from_frames(**frames, **settings)


def test_several_currencies_without_rates_are_refused_with_the_way_out():
    with pytest.raises(CurrencyError) as caught:
        build([INVOICE, DOLLARS], [RATE | {"currency": "?"}])
    for word in ("EUR, USD", "rates.csv", "currency, rate_date and rate", "reporting_currency='EUR'"):
        assert word in str(caught.value)


def test_a_named_reporting_currency_is_taken_as_it_is():
    ledger = build([INVOICE, DOLLARS], reporting_currency="eur")
    assert ledger.reporting_currency == "EUR"
    assert ledger.rates.rows() == [("USD", dt.date(2024, 1, 1), 0.9)]
    assert ledger.notes == ()


def test_the_reporting_currency_is_found_where_the_rates_leave_one():
    more = INVOICE | {"invoice_id": "A3"}
    ledger = build([INVOICE, DOLLARS, more], payments=[ON_ACCOUNT, ON_ACCOUNT])
    assert ledger.reporting_currency == "EUR"
    assert "taken to be EUR" in ledger.notes[0]
    assert (
        ledger.notes[1] == "2 payments on account are taken to be in EUR, since payments carry no currency."
    )


@pytest.mark.parametrize(
    "invoices",
    [
        [INVOICE, DOLLARS],  # as many of the one as of the other
        [INVOICE, DOLLARS, DOLLARS | {"invoice_id": "A3"}],  # most are in the currency that has a rate
        [INVOICE, INVOICE | {"invoice_id": "A4"}, DOLLARS, DOLLARS | {"invoice_id": "A3", "currency": "GBP"}],
    ],
)
def test_an_ambiguous_reporting_currency_is_asked_for(invoices):
    with pytest.raises(CurrencyError, match="reporting_currency="):
        build(invoices)


def test_rates_are_needed_from_the_first_invoice_on():
    late = RATE | {"rate_date": "2024-01-03"}
    with pytest.raises(CurrencyError, match="into EUR are lacking: USD from 2024-01-02 on"):
        build([INVOICE, DOLLARS], [late], reporting_currency="EUR")
    with pytest.raises(CurrencyError, match="lacking: EUR from 2024-01-02 on"):
        build([INVOICE], reporting_currency="GBP")
    with pytest.raises(CurrencyError, match=r"there are none: EUR from .*rates\.csv"):
        build([INVOICE], None, reporting_currency="GBP")


def test_rates_that_contradict_the_reporting_currency_are_refused():
    with pytest.raises(CurrencyError, match="give USD a rate other than 1"):
        build([INVOICE, DOLLARS], reporting_currency="USD")
    ones = [RATE, RATE | {"currency": "EUR", "rate": "1.0"}]
    more = INVOICE | {"invoice_id": "A3"}
    assert build([INVOICE, DOLLARS, more], ones).reporting_currency == "EUR"


@pytest.mark.parametrize("code", ["EURO", "€", ""])
def test_a_reporting_currency_that_is_no_code_is_refused(code):
    with pytest.raises(CurrencyError, match="ISO 4217"):
        build([INVOICE], reporting_currency=code)


def test_currency_codes_are_three_capital_letters():
    assert all(len(code) == 3 and code.isalpha() and code.isupper() for code in ISO_4217)
    assert {"EUR", "USD", "GBP", "CHF", "CAD", "JPY", "XOF", "FRF", "DEM"} <= ISO_4217
    assert "XXX" not in ISO_4217
