"""Cells of foreign books as dates and amounts: what is meant is read, what is doubtful is not."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paydelay.errors import ConfigError
from paydelay.sources.values import DATE_FORMATS, DECIMAL_MARKS, as_amount, as_date, as_text, below_zero
from paydelay.sources.values import given as is_given


def amounts(*texts: str | None, decimal: str = ".", with_currency: bool = False) -> list[float | None]:
    return (
        pl.DataFrame({"a": texts}, schema={"a": pl.String})
        .select(as_amount("a", decimal, with_currency=with_currency))["a"]
        .to_list()
    )


def days(*texts: str | None, formats: str | tuple[str, ...]) -> list[date | None]:
    return pl.DataFrame({"a": texts}, schema={"a": pl.String}).select(as_date("a", formats))["a"].to_list()


# ---- Amounts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("12.50", 12.5),
        ("1,250.00", 1250.0),
        ("1,234,567.89", 1234567.89),
        ("1 234.5", 1234.5),
        ("1\u00a0234.5", 1234.5),
        ("1\u202f234.5", 1234.5),
        ("1'234.5", 1234.5),
        ("1\u2019234.5", 1234.5),
        ("0000000074.70", 74.7),
        ("12.00-", -12.0),
        ("12.00 -", -12.0),
        ("- 12.00", -12.0),
        ("\u221212.00", -12.0),
        ("(1,250.50)", -1250.5),
        ("( 3 )", -3.0),
        ("+5", 5.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1.5E-2", 0.015),
        ("  7\t", 7.0),
        ("0", 0.0),
    ],
)
def test_an_amount_is_read_however_it_is_written(text: str, amount: float) -> None:
    assert amounts(text) == [amount]
    turned = text.translate(str.maketrans({".": ",", ",": "."}))
    assert amounts(turned, decimal=",") == [amount]


@pytest.mark.parametrize(
    "text",
    [
        *[
            "12,50",
            "1,25",
            "1,2345",
            "12,345,6",
            "12 50",
            "1 2 3",
            "1.250.00",
            "1,234 567",
            "KG 5",
            "EUR 5 EUR",
            "5 €€",
            "€",
            "- €5-",
            "5 %",
            "n/a",
        ],
        *[
            "",
            "",
            "-",
            ".",
            ",",
            "--5",
            "-5-",
            "+5-",
            "(-5)",
            "(5",
            "5)",
            "()",
            "nan",
            "inf",
            "1e999",
            "1e",
            "0x10",
            "1_000",
        ],
        *(" ", "1\n2", "\u0663"),
    ],
)
def test_what_may_mean_something_else_is_no_amount(text: str) -> None:
    assert amounts(text) == amounts(text, with_currency=True) == [None]


@pytest.mark.parametrize("mark", ["€", "£", "$", "US$", "EUR", "GBP", "USD", "CHF"])
@pytest.mark.parametrize("gap", ["", " ", "\u00a0"])
def test_the_sign_or_code_of_a_currency_may_stand_on_either_side(mark: str, gap: str) -> None:
    above = [f"1 234,50{gap}{mark}", f"{mark}{gap}1 234,50", f"+1 234,50{gap}{mark}"]
    assert amounts(*above, decimal=",", with_currency=True) == [1234.5] * 3
    below = [
        *(f"-1 234,50{gap}{mark}", f"{mark}{gap}-1 234,50", f"-{gap}{mark}{gap}1 234,50"),
        *(f"1 234,50-{gap}{mark}", f"1 234,50{gap}{mark}{gap}-"),
        *(f"(1 234,50){gap}{mark}", f"({mark}{gap}1 234,50)", f"\u22121 234,50{gap}{mark}"),
    ]
    assert amounts(*below, decimal=",", with_currency=True) == [-1234.5] * len(below)
    # Who does not ask for signs does not look at them either.
    assert amounts(*above[:2], *below, decimal=",") == [None] * (2 + len(below))
    signs = pl.DataFrame({"a": [*above, *below]}).select(below_zero(pl.col("a"))).to_series().to_list()
    assert signs == [False] * 3 + [True] * len(below)


def test_a_decimal_comma_under_a_decimal_point_is_not_a_hundred_times_as_much() -> None:
    assert amounts("12,50", "1250,00") == [None, None]
    assert amounts("12.50", "1250.00", decimal=",") == [None, None]
    # Before three digits either mark may group: the mapping has said which one is meant.
    assert amounts("1,250") == [1250.0]
    assert amounts("1,250", decimal=",") == [1.25]


@given(
    st.decimals(min_value=-(10**9), max_value=10**9, places=2, allow_nan=False),
    st.sampled_from(DECIMAL_MARKS),
    st.sampled_from(["", "other", " ", "\u00a0", "\u202f", "'"]),
    st.sampled_from(["before", "after", "brackets"]),
    st.integers(0, 4),
)
def test_amounts_are_those_of_exact_decimals(
    amount: Decimal, decimal: str, group: str, sign: str, zeros: int
) -> None:
    other = "," if decimal == "." else "."
    whole, _, cents = f"{abs(amount):.2f}".partition(".")
    if group:
        whole = f"{int(whole):,}".replace(",", other if group == "other" else group)
    else:
        whole = "0" * zeros + whole
    text = f"{whole}{decimal}{cents}"
    if amount < 0:
        text = {"before": f"-{text}", "after": f"{text}-", "brackets": f"({text})"}[sign]
    assert amounts(text, decimal=decimal) == [float(amount)]


@given(st.text(st.sampled_from("0123456789.,- ()'e"), max_size=12), st.sampled_from(DECIMAL_MARKS))
def test_whatever_is_read_has_the_digits_that_are_written(text: str, decimal: str) -> None:
    (amount,) = amounts(text, decimal=decimal)
    if amount is None or "e" in text:
        return
    whole, _, part = text.partition(decimal)
    digits = re.sub(r"\D", "", whole) or "0"
    exact = Decimal(f"{digits}.{re.sub(r'[^0-9]', '', part) or '0'}")
    assert abs(amount) == float(exact)
    assert amount <= 0 or not set(text) & set("-()")


# ---- Dates -------------------------------------------------------------------------------------

PYTHON = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d"}


def written(day: date, name: str) -> str:
    for part, code in PYTHON.items():
        name = name.replace(part, code)
    return day.strftime(name)


@given(
    st.dates(date(1990, 1, 1), date(2089, 12, 31)),
    st.sampled_from(sorted(DATE_FORMATS)),
    st.sampled_from(["", " 08:15", "T23:59:59", " 0:00:00", "T00:00:00.000+02:00", " 8:15 PM"]),
)
def test_a_day_is_read_in_every_way_it_may_be_written(day: date, name: str, time: str) -> None:
    assert days(written(day, name) + time, formats=name) == [day]


@pytest.mark.parametrize("name", sorted(DATE_FORMATS))
def test_a_day_that_does_not_exist_is_none(name: str) -> None:
    leap = written(date(2023, 12, 31), name)
    for wrong in (
        leap.replace("12", "13"),
        leap.replace("31", "32"),
        leap.replace("12", "00"),
        leap + "1",
        "x" + leap,
    ):
        assert days(wrong, formats=name) == [None]
    assert days(written(date(2024, 2, 29), name), formats=name) == [date(2024, 2, 29)]
    assert days(written(date(2024, 2, 29), name).replace("24", "23"), formats=name) == [None]


def test_one_digit_may_do_for_a_day_or_a_month_where_they_are_parted() -> None:
    assert days("1/2/2023", "01/2/2023", formats="DD/MM/YYYY") == [date(2023, 2, 1)] * 2
    assert days("2023131", "202313", formats="YYYYMMDD") == [None, None]


def test_years_of_two_and_of_four_digits_are_never_mixed_up() -> None:
    assert days("31/12/23", formats="DD/MM/YYYY") == [None]
    assert days("31/12/2023", formats="DD/MM/YY") == [None]
    assert days("31/12/23", "31/12/89", "31/12/90", "31/12/99", "31/12/00", formats="DD/MM/YY") == [
        date(2023, 12, 31), date(2089, 12, 31), date(1990, 12, 31), date(1999, 12, 31), date(2000, 12, 31),
    ]  # fmt: skip
    both = ("DD/MM/YYYY", "DD/MM/YY")
    assert days("31/12/23", "31/12/2023", formats=both) == days("31/12/2023", "31/12/23", formats=both)


def test_of_several_ways_the_first_that_fits_counts() -> None:
    assert days("03/04/2023", formats=("MM/DD/YYYY", "DD/MM/YYYY")) == [date(2023, 3, 4)]
    assert days("13/04/2023", formats=("MM/DD/YYYY", "DD/MM/YYYY")) == [date(2023, 4, 13)]
    assert days("", None, "soon", formats=("MM/DD/YYYY", "DD/MM/YYYY")) == [None] * 3


def test_an_unknown_way_or_mark_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigError, match="'JJ/MM/AAAA' is not known; give one of YYYY-MM-DD"):
        as_date("a", ("DD/MM/YYYY", "JJ/MM/AAAA"))
    with pytest.raises(ConfigError, match=r"'\.' or ','"):
        as_amount("a", ";")


# ---- Text and names ----------------------------------------------------------------------------


def test_text_is_without_blanks_around_it() -> None:
    frame = pl.DataFrame({"a": [" F 1 ", "\u00a0", "", None]})
    assert frame.select(as_text("a"))["a"].to_list() == ["F 1", None, None, None]
    assert frame.select(is_given("a"))["a"].to_list() == [True, False, False, False]


def test_a_column_keeps_its_name_and_the_length_of_its_table() -> None:
    frame = pl.DataFrame({"due": ["2023-01-01", None], "total": ["1", "x"]})
    read = frame.with_columns(as_date("due"), as_amount(pl.col("total")))
    assert read.rows() == [(date(2023, 1, 1), 1.0), (None, None)]
    assert read.columns == ["due", "total"]


def test_a_long_run_of_days_is_read_without_a_gap() -> None:
    first = date(2019, 12, 1)
    every = [first + timedelta(number) for number in range(1000)]
    texts = [written(day, "DD.MM.YYYY") for day in every]
    assert days(*texts, formats="DD.MM.YYYY") == every
