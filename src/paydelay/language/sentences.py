"""The sentence behind a reason: its value, window, count and the book's median."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from paydelay.language.catalogue import placeholders, text_entry
from paydelay.language.writing import (
    chosen,
    format_amount,
    format_days,
    format_number,
    format_share,
    is_missing,
    phrase,
)

_MONTHS_OF_DAYS = {90: 3, 91: 3, 92: 3, 180: 6, 182: 6, 183: 6, 365: 12, 366: 12, 730: 24, 731: 24}
_WEEKDAY_CAUSES = frozenset(
    {
        *("weekday_mean_delay", "weekday_late_share"),
        *("weekday_like_amount_mean_delay", "weekday_like_amount_late_share"),
    }
)
_TERMS_CAUSES = frozenset({"terms_mean_delay", "terms_late_share"})
_BOOK_CAUSES = frozenset({"book_mean_delay", "book_late_share"})
_NAMES_OF_CAUSE = {"due_weekday": "weekday"}
_SETTLED_CAUSES = (
    *("customer_mean_delay", "customer_last_delay", "customer_weighted_delay", "book_mean_delay"),
    *("weekday_mean_delay", "terms_mean_delay"),
    *("like_amount_mean_delay", "weekday_like_amount_mean_delay"),
)
LONGEST_DELAYS = {
    "cohort_mean_delay": 60,
    "parent_mean_delay": 60,
    **dict.fromkeys(_SETTLED_CAUSES, 365),
}
"""Days by cause that delays are counted up to: one told of so many may have been longer."""


@dataclass(frozen=True)
class Evidence:
    """What stands behind a reason.

    Parameters
    ----------
    value : float
        The feature's value, a number that is known.
    unit : str
        days, count, share, amount, ratio, flag or date_part.
    window_days, last_count : int, optional
        How far back the value looks; the whole history where both are None.
    count : float, optional
        Observations behind the value.
    usual : float, optional
        The book's median.
    detail : float, optional
        For a habit by weekday or by terms: the weekday (Monday is 0) or the days of the terms;
        for a rule that counts from so many days on, these.
    currency : str
        Of amounts.
    label : str
        The user's own words for a feature of theirs.
    """

    value: float
    unit: str
    window_days: int | None = None
    last_count: int | None = None
    count: float | None = None
    usual: float | None = None
    detail: float | None = None
    currency: str = "EUR"
    label: str = ""


def rounded(value: float, unit: str) -> float:
    """A value as exactly as a sentence shows it.

    Parameters
    ----------
    value : float
        A known value.
    unit : str
        Whole days, amounts and dates; shares to the percent, below a tenth to its tenth;
        counts and ratios to the tenth.

    Returns
    -------
    float

    Examples
    --------
    >>> rounded(22.6, "days"), rounded(0.1249, "share"), rounded(-0.2, "days")
    (23.0, 0.12, 0.0)
    """
    fine = 1 if unit in ("count", "ratio") else 0
    decimals = fine if unit != "share" else 2 if abs(value) >= 0.1 else 3
    return round(float(value), decimals) + 0.0


def reason_text(cause: str, evidence: Evidence, language: str) -> str:
    """The sentence that names a cause, with its value, window, count and the book's median.

    Parameters
    ----------
    cause : str
        One of :func:`causes`.
    evidence : Evidence
        What stands behind it.
    language : str
        One of :func:`languages`.

    Returns
    -------
    str

    Raises
    ------
    KeyError
        If there is no sentence for the cause.
    ConfigError
        If there are no texts in the language.

    Examples
    --------
    >>> reason_text("customer_mean_delay", Evidence(23, "days", 365, count=14, usual=6), "en")
    "Pays on average 23 days late over the last 12 months (14 invoices); the book's median is 6 days late"
    >>> reason_text("customer_mean_delay", Evidence(-4, "days", last_count=5), "en")
    'Pays on average 4 days early on its last 5 invoices'
    """
    value = rounded(evidence.value, evidence.unit)
    template = chosen(text_entry(f"reason.{cause}", language), value, language)
    parts = placeholders(template)
    known = {
        "value": lambda: _value_text(cause, value, evidence, language),
        "n": lambda: format_number(abs(value), language),
        "window": lambda: format_window(evidence.window_days, _last(evidence), language),
        "recent": lambda: _recent(evidence, language),
        "count": lambda: _count_text(evidence, language),
        "usual": lambda: _usual_text(cause, evidence, value, language),
        "usual_delay": lambda: _usual_delay_text(cause, evidence, language),
        "day": lambda: _detail_text("day", evidence, language),
        "terms": lambda: _detail_text("terms", evidence, language),
        "limit": lambda: format_days(evidence.detail, language),
        "label": lambda: evidence.label,
    }
    return template.format_map({name: known[name]() for name in parts})


def detail_cause(cause: str) -> str | None:
    """The cause whose value is the detail of this one's sentence.

    Parameters
    ----------
    cause : str
        One of :func:`causes`.

    Returns
    -------
    str or None
        ``due_weekday`` for habits by weekday, ``terms_days`` for habits by terms.

    Examples
    --------
    >>> detail_cause("weekday_mean_delay"), detail_cause("amount")
    ('due_weekday', None)
    """
    if cause in _WEEKDAY_CAUSES:
        return "due_weekday"
    return "terms_days" if cause in _TERMS_CAUSES else None


def _value_text(cause: str, value: float, evidence: Evidence, language: str) -> str:
    names = _NAMES_OF_CAUSE.get(cause)
    if names:
        return phrase(f"{names}.{value:.0f}", language)
    if evidence.unit == "flag":
        return phrase("flag", language, n=value)
    return (
        _delay_text(cause, value, language) if evidence.unit == "days" else _bare(value, evidence, language)
    )


def _delay_text(cause: str, value: float, language: str) -> str:
    """Days without sign; where no more are counted, more may have passed."""
    days = format_days(abs(value), language)
    if abs(value) >= LONGEST_DELAYS.get(cause, float("inf")):
        return phrase("part.or_more", language, value=days)
    return days


def _bare(value: float, evidence: Evidence, language: str) -> str:
    """A value without sign, with its unit."""
    if evidence.unit == "days":
        return format_days(abs(value), language)
    if evidence.unit == "share":
        return format_share(abs(value), language)
    if evidence.unit == "amount":
        return format_amount(abs(value), evidence.currency, language, decimals=0)
    return format_number(abs(value), language)


def _last(evidence: Evidence) -> int | None:
    """How many last invoices were really looked at: a new customer has fewer than the window takes."""
    if evidence.last_count is None or evidence.count is None:
        return evidence.last_count
    return max(1, min(evidence.last_count, round(evidence.count)))


def format_window(window_days: int | None, last_count: int | None, language: str) -> str:
    """How far back a value looks, with its leading space.

    Parameters
    ----------
    window_days, last_count : int or None
        Days or last invoices; the whole history where both are None.
    language : str
        One of :func:`languages`.

    Returns
    -------
    str

    Examples
    --------
    >>> format_window(365, None, "en"), format_window(30, None, "en"), format_window(None, 5, "en")
    (' over the last 12 months', ' over the last 30 days', ' on its last 5 invoices')
    """
    return _window_text(window_days, last_count, language)


@lru_cache(maxsize=256)
def _window_text(window_days: int | None, last_count: int | None, language: str) -> str:
    if last_count is not None:
        return phrase("part.window_last", language, n=last_count)
    if window_days is None:
        return phrase("part.window_all", language)
    if window_days in _MONTHS_OF_DAYS:
        return phrase("part.window_months", language, n=_MONTHS_OF_DAYS[window_days])
    return phrase("part.window_days", language, n=window_days)


def _recent(evidence: Evidence, language: str) -> str:
    if evidence.window_days is None and evidence.last_count is None:
        return ""
    return format_window(evidence.window_days, _last(evidence), language)


def _count_text(evidence: Evidence, language: str) -> str:
    # A window of last invoices already says how many.
    if evidence.count is None or evidence.last_count is not None:
        return ""
    return phrase("part.count", language, n=round(evidence.count))


def _usual_text(cause: str, evidence: Evidence, value: float, language: str) -> str:
    usual = _usual(evidence)
    if usual is None or usual * value < 0 or usual < 0:
        return ""
    key = "part.usual_so_far" if cause in _BOOK_CAUSES else "part.usual"
    return phrase(key, language, value=_bare(usual, evidence, language))


def _usual_delay_text(cause: str, evidence: Evidence, language: str) -> str:
    usual = _usual(evidence)
    if usual is None:
        return ""
    written = _delay_text(cause, usual, language)
    key = "part.usual_delay_so_far" if cause in _BOOK_CAUSES else "part.usual_delay"
    return chosen(text_entry(key, language), usual, language).format(value=written)


def _usual(evidence: Evidence) -> float | None:
    if evidence.usual is None or is_missing(evidence.usual):
        return None
    return rounded(evidence.usual, evidence.unit)


def _detail_text(part: str, evidence: Evidence, language: str) -> str:
    if evidence.detail is None or is_missing(evidence.detail):
        return phrase(f"part.{part}_unnamed", language)
    if part == "day":
        return phrase("part.day", language, name=phrase(f"weekday.{evidence.detail:.0f}", language))
    return phrase("part.terms", language, value=format_days(evidence.detail, language))
