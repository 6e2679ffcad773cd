"""What a report says, before it is laid out: the terminal and the page share it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl

from paydelay.language import format_date, format_days, format_share, phrase

if TYPE_CHECKING:
    from paydelay.worklist import Worklist

REASONS_SHOWN = 3

_OPEN = pl.col("open_amount_reporting")
# The row shows the days late already, and one sentence for the whole report says what is pooled.
_SAID_ELSEWHERE = frozenset({"rule_overdue", "pooled_unpaid"})
_ACTIONS = {
    "dispute": "settle_dispute",
    "promise": "follow_promise",
    "payment_plan": "follow_plan",
    "insolvency": "declare_claim",
    "agency": "follow_agency",
    "covered": "notify_insurer",
    "written_off": "none",
    "paid_on_account": "allocate_cash",
}


@dataclass(frozen=True)
class Told:
    """A reason as it is told.

    Parameters
    ----------
    text : str
        The sentence.
    raises : bool
        Whether it raises the risk.
    """

    text: str
    raises: bool


def clean(text: str) -> str:
    r"""A name or sentence without the characters that steer a terminal or turn a line around.

    Parameters
    ----------
    text : str
        From a user's file.

    Returns
    -------
    str
        Controls, direction marks and line ends replaced; everything else as it was.

    Examples
    --------
    >>> clean("ACME\x1b[2J\nLtd")
    'ACME�[2J Ltd'
    """
    if text.isascii() and text.isprintable():
        return text
    kinds = ((character, unicodedata.category(character)) for character in text)
    return "".join(
        " " if character in "\t\n\r" or kind in ("Zl", "Zp") else "\ufffd" if kind[0] == "C" else character
        for character, kind in kinds
    )


def told_reasons(row: Mapping[str, Any], limit: int = REASONS_SHOWN) -> list[Told]:
    """The reasons worth telling beside a row, each cause once.

    Parameters
    ----------
    row : mapping
        A row of a queue, by invoice or by customer.
    limit : int
        Reasons at most.

    Returns
    -------
    list of Told
        Of an overdue row first why it may stay unpaid, since that it is late is
        plain to see; of any other first why it may be late.

    Examples
    --------
    >>> late = {"cause": "customer_late_share", "direction": 1, "text": "Pays 62% of its invoices late"}
    >>> rule = {"cause": "rule_overdue", "direction": 1, "text": "8 days overdue"}
    >>> told_reasons({"days_past_due": 8, "reasons_late": [rule], "reasons_unpaid": [late]})
    [Told(text='Pays 62% of its invoices late', raises=True)]
    """
    late, unpaid = row.get("reasons_late") or [], row.get("reasons_unpaid") or []
    overdue = row["oldest_days_past_due" if "oldest_days_past_due" in row else "days_past_due"] > 0
    given = [*unpaid, *late] if overdue else [*late, *unpaid]
    by_cause: dict[str, Told] = {}
    for reason in given:
        if reason["cause"] not in _SAID_ELSEWHERE:
            by_cause.setdefault(reason["cause"], Told(clean(reason["text"]), reason["direction"] > 0))
    return list(by_cause.values())[:limit]


def expected_unpaid(scores: pl.DataFrame) -> float:
    """Open amount times the probability that it stays unpaid, over every open invoice."""
    return float(scores.select((pl.col("prob_unpaid") * _OPEN).sum()).item())


def aside_rows(totals: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Sums per reason for setting aside, largest open amount first, each with what is to be done."""
    rows = [
        {"reason": reason, "action": _ACTIONS[reason], **sums}
        for reason, sums in totals["by_set_aside"].items()
    ]
    return sorted(rows, key=lambda row: (-row["open_amount"], row["reason"]))


def claims_by_customer(claims: pl.DataFrame) -> pl.DataFrame:
    """Claims, one per insolvency: those still in time first, nearest deadline on top.

    Parameters
    ----------
    claims : polars.DataFrame
        As ``Scores.claims``.

    Returns
    -------
    polars.DataFrame
        ``customer_id``, ``insolvent_on``, ``claim_deadline``, ``days_left``,
        ``invoice_count``, ``open_amount``; then the deadlines that have passed,
        the latest of them first.
    """
    return (
        claims.group_by("customer_id", "insolvent_on", "claim_deadline", "days_left")
        .agg(pl.len().cast(pl.Int64).alias("invoice_count"), _OPEN.sum().alias("open_amount"))
        .sort(pl.col("days_left") < 0, pl.col("days_left").abs(), "customer_id")
    )


def claim_term(days_left: int, language: str) -> str:
    """How long a claim can still be declared, or since when it no longer can."""
    return phrase("queue.passed" if days_left < 0 else "queue.left", language, n=abs(days_left))


def due_term(days_past_due: int, language: str) -> str:
    """How late, or due in how many days."""
    if days_past_due == 0:
        return phrase("queue.due_today", language)
    key = "late_by" if days_past_due > 0 else "due_in"
    return phrase(f"queue.{key}", language, days=format_days(abs(days_past_due), language))


def probability(value: float, language: str) -> str:
    """A probability in percent, which is 0 or 100 only where it is really so.

    Parameters
    ----------
    value : float
        From 0 to 1.
    language : str
        One of the catalogue's.

    Returns
    -------
    str

    Examples
    --------
    >>> [probability(value, "en") for value in (0.0, 0.0004, 0.0213, 0.424, 0.998, 1.0)]
    ['0%', '<0.1%', '2.1%', '42%', '>99%', '100%']
    """
    if 0.0 < value < 0.001:
        return phrase("queue.below", language, value=format_share(0.001, language))
    if 0.99 < value < 1.0:
        return phrase("queue.above", language, value=format_share(0.99, language, 0))
    return format_share(value, language, 1 if 0.0 < value < 0.0995 else 0)


def money_decimals(values: Iterable[float]) -> int:
    """Cents where the amounts are small, none where they would only be in the way."""
    return 2 if max((abs(value) for value in values), default=0.0) < 1000.0 else 0


def heading(worklist: Worklist, currency: str, language: str) -> str:
    """Currency, order and scope of a queue, in one line."""
    said = [
        phrase("queue.amounts_in", language, currency=currency),
        phrase(f"queue.ranked.{worklist.order.replace('-', '_')}", language),
    ]
    if worklist.scope != "all":
        said.append(phrase(f"queue.scope.{worklist.scope.replace('-', '_')}", language))
    return ", ".join(said)


def payment_window(row: Mapping[str, Any], language: str) -> str:
    """The 80 % interval of the day of payment in words; empty where there is none."""
    low, high = row.get("delay_low_days"), row.get("delay_high_days")
    if low is None or high is None or row["expected_payment_date"] is None:
        return ""
    due: date = row["due_date"]
    days = {"low": low, "high": high}
    ends = {
        name: format_date(date.fromordinal(due.toordinal() + day), language) for name, day in days.items()
    }
    return phrase("queue.between", language, **ends)
