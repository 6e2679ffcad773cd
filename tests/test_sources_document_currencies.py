"""Currencies as documents carry them: which one is the books' own, and what numbers mean."""

from datetime import date

import polars as pl
import pytest

from paydelay.errors import LedgerError
from paydelay.sources.document_currencies import codes_of, own_currency
from paydelay.sources.options import ImportOptions

DAY = date(2024, 1, 5)


def rated(*pairs):
    codes, rates = zip(*pairs, strict=True)
    return pl.DataFrame(
        {"currency": codes, "rate_date": [DAY] * len(pairs), "rate": rates},
        schema_overrides={"rate": pl.Float64},
    )


def test_the_own_currency_is_the_one_whose_documents_all_carry_the_rate_one_or_none():
    base, rates = own_currency(rated(("EUR", 1.0), ("EUR", None), ("USD", 0.9), ("USD", 1.0)))
    assert base == "EUR"
    assert rates.select("currency", "rate").rows() == [("USD", 0.95)]


@pytest.mark.parametrize("pairs", [[("EUR", 1.0), ("USD", None)], [("USD", 0.9)]])
def test_where_several_could_be_it_or_none_nobody_knows(pairs):
    assert own_currency(rated(*pairs))[0] is None


def test_one_number_without_a_code_is_the_given_currency_and_two_are_an_error():
    keys = pl.Series(["1", "2", "USD", None])
    given = ImportOptions(currency="GBP")
    assert codes_of(keys, {"2": "EUR"}, given, "Demo", "currencies") == {"1": "GBP", "2": "EUR"}
    with pytest.raises(LedgerError, match=r"Demo .* \(2 of them\); give the table currencies"):
        codes_of(keys, {}, given, "Demo", "currencies")
    with pytest.raises(LedgerError, match=r"\(1 of them\)"):
        codes_of(keys, {"2": "EUR"}, ImportOptions(), "Demo", "currencies")
