"""What the queue is ordered by."""

from __future__ import annotations

from typing import Any, Literal

import polars as pl

from paydelay.errors import ConfigError

Order = Literal["expected-loss", "value-at-stake", "late-value"]

OPEN = pl.col("open_amount_reporting")
OVERDUE = OPEN.filter(pl.col("days_past_due") > 0)
MONEY = ("ead", "covered_amount", "expected_loss", "cost_of_delay", "value_at_stake")
_IN_CENTS = frozenset({"ead", "covered_amount"})
ORDER_VALUES = {
    "expected-loss": pl.col("expected_loss"),
    "value-at-stake": pl.col("value_at_stake"),
    "late-value": pl.col("prob_late") * pl.col("open_amount_reporting"),
}


def summed(amount: pl.Expr) -> pl.Expr:
    """Sum of amounts in cents, without the noise that adding binary fractions leaves."""
    return amount.sum().round(6)


def sums_of_money() -> dict[str, pl.Expr]:
    """The sum of each column of money."""
    return {name: summed(pl.col(name)) if name in _IN_CENTS else pl.col(name).sum() for name in MONEY}


def priority_rank(order: Order = "expected-loss") -> pl.Expr:
    """Expression of the place of each invoice in the actionable book, 1 first.

    Parameters
    ----------
    order : {'expected-loss', 'value-at-stake', 'late-value'}
        What is to be largest on top. Ties go to the larger open amount, then to
        the earlier due date, then to the smaller invoice id.

    Returns
    -------
    polars.Expr
        Int64, null where ``set_aside`` is not null.

    Raises
    ------
    ConfigError
        If the order is unknown.

    Examples
    --------
    >>> from datetime import date
    >>> scores = pl.DataFrame({"invoice_id": ["a", "b", "c"], "expected_loss": [1.0, 9.0, 5.0],
    ...                        "open_amount_reporting": [90.0] * 3, "due_date": [date(2025, 3, 1)] * 3,
    ...                        "set_aside": [None, "dispute", None]})
    >>> scores.select(priority_rank()).to_series().to_list()
    [2, None, 1]
    """
    value = ORDER_VALUES[one_of(order, ORDER_VALUES, "order")]
    aside = pl.col("set_aside").is_not_null()
    # Set aside rows are sorted behind all others, where their rank is blanked.
    place = pl.arg_sort_by(
        aside,
        value,
        OPEN,
        "due_date",
        "invoice_id",
        descending=[False, True, True, False, False],
        nulls_last=True,
    ).arg_sort()
    return pl.when(aside).then(None).otherwise(place.cast(pl.Int64) + 1).alias("priority_rank")


def one_of(value: str, known: Any, name: str) -> str:
    """A choice, refused by name where it is unknown."""
    if value not in known:
        raise ConfigError(f"The {name} {value!r} is unknown; give one of {', '.join(known)}.")
    return value
