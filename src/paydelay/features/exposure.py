"""How much the customer owes, against its limit, its habit and the book."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from paydelay.features.declaration import Feature, Unit
from paydelay.history import LOG_SCALE, Floats, PastView


def share(part: Floats, whole: Floats) -> Floats:
    """Part by whole; NaN where the whole is not positive."""
    return np.asarray(np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0))


def _limit_use(view: PastView) -> Floats:
    return share(view.open_book("amount"), view.attribute("credit_limit"))


def _amount_vs_usual(view: PastView) -> Floats:
    """Ratio of this invoice to the customer's usual one, by geometric mean, at most a hundredfold."""
    usual = view.mean("issued", "log_amount", days=365) / LOG_SCALE
    return np.exp(np.clip(np.log(np.maximum(view.amount, 0.01)) - usual, -4.6, 4.6))


def _feature(
    name: str,
    unit: Unit,
    meaning: str,
    formula: str,
    cause: str,
    compute: Callable[[PastView], Floats],
    per: str = "customer",
) -> Feature:
    return Feature(name, "exposure", unit, meaning, formula, cause, compute, per=per)


EXPOSURE: tuple[Feature, ...] = (
    _feature(
        "customer_open_amount",
        "amount",
        "Open amount of the customer.",
        "sum of open amounts on as_of, in reporting currency",
        "open_amount",
        lambda view: view.open_book("amount"),
    ),
    _feature(
        "customer_overdue_count",
        "count",
        "Overdue invoices of the customer.",
        "number of open invoices with due date before as_of",
        "overdue_count",
        lambda view: view.open_book("overdue_count"),
    ),
    _feature(
        "customer_overdue_amount",
        "amount",
        "Overdue amount of the customer.",
        "sum of open amounts due before as_of",
        "overdue_amount",
        lambda view: view.open_book("overdue_amount"),
    ),
    _feature(
        "customer_overdue_share",
        "share",
        "Share of what the customer owes that is overdue.",
        "overdue amount / open amount",
        "overdue_share",
        lambda view: share(view.open_book("overdue_amount"), view.open_book("amount")),
    ),
    _feature(
        "oldest_overdue_days",
        "days",
        "Days past due of the customer's oldest open invoice.",
        "largest as_of - due date among open invoices",
        "oldest_overdue_days",
        lambda view: view.open_book("oldest_days"),
    ),
    _feature(
        "limit_use",
        "share",
        "Use of the credit limit.",
        "customer's open amount / credit limit known on as_of",
        "limit_use",
        _limit_use,
    ),
    _feature(
        "amount_vs_usual",
        "ratio",
        "This invoice against the customer's usual one.",
        "amount / geometric mean of the amounts issued in 365 days",
        "amount_vs_usual",
        _amount_vs_usual,
        per="invoice",
    ),
    _feature(
        "parent_overdue_amount",
        "amount",
        "Overdue amount of the customer's group.",
        "sum of open amounts due before as_of, by parent",
        "parent_overdue_amount",
        lambda view: np.where(view.has_parent(), view.open_book("overdue_amount", by="parent"), np.nan),
    ),
)
