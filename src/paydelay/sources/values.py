"""From text to dates and amounts, in the ways accounting packages write them."""

from __future__ import annotations

import re

import polars as pl

from paydelay.errors import ConfigError

DATE_FORMATS: dict[str, str] = {
    "YYYY-MM-DD": "%Y-%m-%d",
    "YYYYMMDD": "%Y%m%d",
    "DD/MM/YYYY": "%d/%m/%Y",
    "MM/DD/YYYY": "%m/%d/%Y",
    "DD.MM.YYYY": "%d.%m.%Y",
    "DD-MM-YYYY": "%d-%m-%Y",
    "YYYY/MM/DD": "%Y/%m/%d",
    "DD/MM/YY": "%d/%m/%Y",
    "MM/DD/YY": "%m/%d/%Y",
}
"""Ways to write a day, by the name a mapping gives them; a time of day after it is passed over."""
DECIMAL_MARKS = (".", ",")

_SPACE = r"[\s\u00a0\u202f]"
_APOSTROPHE = "['\u2019]"
_ZONE = "(?:Z|UTC|[+-][0-9]{2}:?[0-9]{2})?"
_TIME = rf"[T ] *[0-9]{{1,2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:[.,][0-9]+)?)? *(?:[AaPp][Mm])? *{_ZONE}"
CURRENCY_MARKS = {"€": "EUR", "£": "GBP", "US$": "USD", "$": "USD"}
"""Signs that may stand beside an amount in place of the code of its currency."""
_DOLLARS = ["USD", "CAD", "AUD", "NZD", "HKD", "SGD", "TWD", "MXN", "ARS", "CLP", "COP"]
_MARK = r"(?:€|£|US\$|\$|EUR|GBP|USD|CHF)"
_PLACED_SIGN = rf"^{_SPACE}*(?:{_MARK}{_SPACE}*)?[+-]|-{_SPACE}*(?:{_MARK})?$"
_LAST_CENTURY = "9[0-9]"
"""A ledger holds days from 1990 on: only these of the years of two digits are before 2000."""


def as_text(column: str | pl.Expr) -> pl.Expr:
    """Text without blanks around it, null where nothing is left.

    Parameters
    ----------
    column : str or polars.Expr
        A column of text.

    Returns
    -------
    polars.Expr

    Examples
    --------
    >>> pl.DataFrame({"a": [" F1 ", "  "]}).select(as_text("a"))["a"].to_list()
    ['F1', None]
    """
    stripped = _column(column).str.strip_chars()
    return pl.when(stripped != "").then(stripped)


def as_date(column: str | pl.Expr, formats: str | tuple[str, ...] = "YYYY-MM-DD") -> pl.Expr:
    """Days, null where the text is none.

    Parameters
    ----------
    column : str or polars.Expr
        A column of text.
    formats : str or tuple of str
        Keys of :data:`DATE_FORMATS`, in the order they are tried.

    Returns
    -------
    polars.Expr
        Of type Date.

    Raises
    ------
    ConfigError
        If a format is not known.

    Examples
    --------
    >>> days = pl.DataFrame({"a": ["31/12/2023", "2023-12-31 08:15:00", "soon"]})
    >>> days.select(as_date("a", ("DD/MM/YYYY", "YYYY-MM-DD")))["a"].to_list()
    [datetime.date(2023, 12, 31), datetime.date(2023, 12, 31), None]
    """
    names = (formats,) if isinstance(formats, str) else formats
    unknown = [name for name in names if name not in DATE_FORMATS]
    if unknown:
        raise ConfigError(
            f"The date format '{unknown[0]}' is not known; give one of {', '.join(DATE_FORMATS)}."
        )
    text = as_text(column)
    return pl.coalesce([_day(text, name) for name in names]).alias(text.meta.output_name())


def _day(text: pl.Expr, name: str) -> pl.Expr:
    """Days written in one way only: the parser of polars takes 31/12/23 for a day of the year 23."""
    shape = name.replace(".", r"\.").replace("YYYY", "[0-9]{4}").replace("YY", "[0-9]{2}")
    # One digit may do for a day or a month where something stands between the two.
    least = 2 if name == "YYYYMMDD" else 1
    shape = re.sub("DD|MM", f"[0-9]{{{least},2}}", shape)
    day = pl.when(text.str.contains(f"^{shape}(?:{_TIME})?$")).then(text).str.replace(f"{_TIME}$", "")
    if "YYYY" not in name:
        day = day.str.replace("([0-9]{2})$", "20$1").str.replace(f"20({_LAST_CENTURY})$", "19$1")
    return day.str.to_date(DATE_FORMATS[name], strict=False)


def as_amount(column: str | pl.Expr, decimal: str = ".", *, with_currency: bool = False) -> pl.Expr:
    """Amounts, null where the text is none.

    Spaces, apostrophes or the other mark group thousands, where one of them stands
    before every three digits: taken away wherever they stand, 12,50 would be read as
    1250. A minus may stand before or after, or brackets around it; not two of them.

    Parameters
    ----------
    column : str or polars.Expr
        A column of text.
    decimal : {".", ","}
        The decimal mark.
    with_currency : bool
        Pass over the sign or code of a currency beside the number. Who allows it has to
        see to it that it is the right one: :func:`bears_another`.

    Returns
    -------
    polars.Expr
        Of type Float64.

    Raises
    ------
    ConfigError
        If the mark is neither.

    Examples
    --------
    >>> amounts = pl.DataFrame({"a": ["1 234,50", "0000000074,70", "12,00-", "(3,5)", "n/a"]})
    >>> amounts.select(as_amount("a", ","))["a"].to_list()
    [1234.5, 74.7, -12.0, -3.5, None]
    >>> pl.DataFrame({"a": ["12,50", "1,250.00"]}).select(as_amount("a"))["a"].to_list()
    [None, 1250.0]
    """
    if decimal not in DECIMAL_MARKS:
        raise ConfigError("A decimal mark is '.' or ','.")
    mark, other = (r"\.", ",") if decimal == "." else (",", r"\.")
    grouped = "|".join(rf"[0-9]{{1,3}}(?:{group}[0-9]{{3}})+" for group in (other, _SPACE, _APOSTROPHE))
    number = rf"(?:(?:{grouped}|[0-9]+)(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]{{1,2}})?"
    before, after = rf"{_MARK}{_SPACE}*", rf"{_SPACE}*{_MARK}"
    # One sign: before, after, or as brackets; and one currency, outside of it or inside.
    core = rf"(?:[+-]?{_SPACE}*{number}|{number}{_SPACE}*-|\({_SPACE}*{number}{_SPACE}*\))"
    inside = rf"[+-]{_SPACE}*{before}{number}|{number}{after}{_SPACE}*-"
    bracketed = rf"\({_SPACE}*(?:{before}{number}|{number}{after}){_SPACE}*\)"
    signed = rf"{core}|{before}{core}|{core}{after}|{inside}|{bracketed}" if with_currency else core
    text = as_text(column)
    plain = text.str.replace("\u2212", "-", literal=True)
    written = pl.when(plain.str.contains(f"^(?:{signed})$")).then(plain)
    digits = written.str.replace_all(rf"{_SPACE}|{_APOSTROPHE}|{other}|{_PLACED_SIGN}|{_MARK}|[()]", "")
    value = digits.str.replace(decimal, ".", literal=True).cast(pl.Float64, strict=False)
    return pl.when(below_zero(written)).then(-value).otherwise(value).alias(text.meta.output_name())


def below_zero(text: pl.Expr) -> pl.Expr:
    """Whether the sign of an amount says that it is below zero, readable or not.

    Parameters
    ----------
    text : polars.Expr
        Text.

    Returns
    -------
    polars.Expr
        Of type Boolean, null where there is no text.

    Examples
    --------
    >>> amounts = pl.DataFrame({"a": ["-5 €", "€ (5)", "5,00- EUR", "5", "1e-3"]})
    >>> amounts.select(below_zero(pl.col("a")))["a"].to_list()
    [True, True, True, False, False]
    """
    minus = "[-\u2212]"
    return text.str.contains(rf"^\s*(?:{_MARK}\s*)?(?:{minus}|\()|{minus}\s*(?:{_MARK}\s*)?$")


def bears_another(text: pl.Expr, currency: pl.Expr) -> pl.Expr:
    """Whether an amount bears the sign or code of another currency than the one it is taken to be in.

    Parameters
    ----------
    text : polars.Expr
        The amount as written.
    currency : polars.Expr
        ISO 4217 code; a mere ``$`` may be any dollar or peso.

    Returns
    -------
    polars.Expr
        Of type Boolean, null where there is no sign.

    Examples
    --------
    >>> amounts = pl.DataFrame({"a": ["5 €", "$5", "$5", "5"], "c": ["EUR", "CAD", "EUR", "EUR"]})
    >>> amounts.select(bears_another(pl.col("a"), pl.col("c")))["a"].to_list()
    [False, False, True, None]
    """
    mark = mark_of(text)
    dollars = (mark == "$") & currency.is_in(_DOLLARS)
    return (mark.replace(CURRENCY_MARKS) != currency) & ~dollars


def mark_of(text: pl.Expr) -> pl.Expr:
    """Sign or code of a currency in an amount, null where there is none.

    Parameters
    ----------
    text : polars.Expr
        The amount as written.

    Returns
    -------
    polars.Expr
        Of type String.
    """
    return text.str.extract(f"({_MARK})")


def given(column: str | pl.Expr) -> pl.Expr:
    """Whether a cell holds anything.

    Parameters
    ----------
    column : str or polars.Expr
        A column of text.

    Returns
    -------
    polars.Expr
        Of type Boolean.
    """
    return as_text(column).is_not_null()


def _column(column: str | pl.Expr) -> pl.Expr:
    return pl.col(column) if isinstance(column, str) else column
