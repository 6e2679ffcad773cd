"""Texts with their values filled in, and how numbers, money and dates are written."""

from __future__ import annotations

import math
from datetime import date

from paydelay.language.catalogue import Entry, text_entry, texts


def phrase(key: str, language: str, **values: str | float | date) -> str:
    """A text of the catalogue with its values filled in.

    Parameters
    ----------
    key : str
        Dotted key, such as ``scope.overdue``.
    language : str
        One of :func:`languages`.
    **values : str, float or date
        What the placeholders stand for; numbers and dates are written as the
        language does. ``n`` also chooses between singular and plural.

    Returns
    -------
    str

    Raises
    ------
    KeyError
        If there is no such text, or a placeholder of it was not given.
    ConfigError
        If there are no texts in the language.

    Examples
    --------
    >>> phrase("queue.shown", "en", n=1), phrase("queue.shown", "fr", n=0)
    ('1 invoice to chase', '0 facture à relancer')
    """
    n = values.get("n")
    number = float(n) if isinstance(n, int | float) else None
    template = chosen(text_entry(key, language), number, language)
    written = {name: _written(value, language) for name, value in values.items()}
    try:
        return template.format_map(written)
    except KeyError as error:
        raise KeyError(f"the text '{key}' needs a value for {error}") from None


def chosen(entry: Entry, number: float | None, language: str) -> str:
    """The variant that fits a number: by presence, by sign, then by grammatical number."""
    if isinstance(entry, str):
        return entry
    if number is None:
        raise KeyError(f"the text has the variants {', '.join(entry)}: give the number n that chooses one")
    if "present" in entry:
        return entry["present" if number else "absent"]
    if number == 0 and "zero" in entry:
        return entry["zero"]
    if number < 0 and "negative" in entry:
        return entry["negative"]
    if "one" in entry:
        singular = abs(number) < 2 if _format("plural", language) == "one_below_two" else abs(number) == 1
        return entry["one" if singular else "other"]
    return entry["positive"]


def _written(value: str | float | date, language: str) -> str:
    if isinstance(value, str):
        return value
    return format_date(value, language) if isinstance(value, date) else format_number(value, language)


def _format(key: str, language: str) -> str:
    return str(text_entry(f"format.{key}", language))


def is_missing(value: float | None) -> bool:
    """Whether there is no number to write."""
    return value is None or not math.isfinite(value)


def format_number(value: float | None, language: str, decimals: int | None = None) -> str:
    """A number with the separators of the language.

    Parameters
    ----------
    value : float or None
        A dash is written for what is missing.
    language : str
        One of :func:`languages`.
    decimals : int, optional
        Digits after the mark; without it at most one, and none where it is zero.

    Returns
    -------
    str

    Examples
    --------
    >>> format_number(12345.5, "en"), format_number(3.0, "en"), format_number(2.5, "fr")
    ('12,345.5', '3', '2,5')
    """
    if value is None or is_missing(value):
        return _format("missing", language)
    text = f"{value:,.{1 if decimals is None else decimals}f}"
    if decimals is None:
        text = text.removesuffix(".0")
    if not text.strip("-0.,"):
        text = text.removeprefix("-")
    return text.translate({ord(","): _format("group", language), ord("."): _format("decimal", language)})


def format_amount(value: float | None, currency: str, language: str, decimals: int = 2) -> str:
    """A sum of money.

    Parameters
    ----------
    value : float or None
        A dash is written for what is missing.
    currency : str
        ISO 4217 code.
    language : str
        One of :func:`languages`.
    decimals : int
        Digits after the mark.

    Returns
    -------
    str
        With narrow no-break spaces in French.

    Examples
    --------
    >>> format_amount(12345.6, "EUR", "en")
    'EUR 12,345.60'
    >>> format_amount(12345.6, "EUR", "fr").replace(chr(0x202F), "_")
    '12_345,60_€'
    """
    if is_missing(value):
        return _format("missing", language)
    symbol = texts(language).get(f"currency.{currency}", currency)
    return _format("amount", language).format(value=format_number(value, language, decimals), currency=symbol)


def format_share(value: float | None, language: str, decimals: int | None = None) -> str:
    """A share of one, in percent.

    Parameters
    ----------
    value : float or None
        0.125 is 12.5 %; a dash is written for what is missing.
    language : str
        One of :func:`languages`.
    decimals : int, optional
        Digits after the mark; without it at most one, and none where it is zero.

    Returns
    -------
    str

    Examples
    --------
    >>> format_share(0.125, "en"), format_share(0.5, "en")
    ('12.5%', '50%')
    """
    if value is None or is_missing(value):
        return _format("missing", language)
    return _format("share", language).format(value=format_number(100.0 * value, language, decimals))


def format_days(value: float | None, language: str) -> str:
    """A number of whole days.

    Parameters
    ----------
    value : float or None
        A dash is written for what is missing.
    language : str
        One of :func:`languages`.

    Returns
    -------
    str

    Examples
    --------
    >>> format_days(1, "en"), format_days(22.6, "en"), format_days(0, "fr")
    ('1 day', '23 days', '0 jour')
    """
    if value is None or is_missing(value):
        return _format("missing", language)
    return phrase("unit.days", language, n=round(value))


def format_date(value: date | None, language: str, long: bool = False) -> str:
    """A date.

    Parameters
    ----------
    value : date or None
        A dash is written for what is missing.
    language : str
        One of :func:`languages`.
    long : bool
        With the month in words.

    Returns
    -------
    str

    Examples
    --------
    >>> format_date(date(2025, 11, 30), "en"), format_date(date(2025, 11, 30), "fr")
    ('2025-11-30', '30/11/2025')
    >>> format_date(date(2025, 11, 30), "en", long=True)
    '30 Nov 2025'
    """
    if value is None:
        return _format("missing", language)
    if not long:
        return value.strftime(_format("date", language))
    month = phrase(f"{_format('month_style', language)}.{value.month}", language)
    return _format("date_long", language).format(day=value.day, month=month, year=value.year)
