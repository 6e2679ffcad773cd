"""What stood on each customer's account on a day: cash not yet allocated, limits and cover."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from paydelay.history.attributes import NUMBER_ATTRIBUTES
from paydelay.history.facts import codes_of, to_cents
from paydelay.history.history import History, day_of


def customer_standing(history: History, as_of: date) -> pl.DataFrame:
    """One row per customer of the ledger, as known at the close of a day.

    Parameters
    ----------
    history : History
        The ledger by what was known when.
    as_of : date
        The day.

    Returns
    -------
    polars.DataFrame
        ``customer_id``, ``parent_id`` (null where it stands alone),
        ``cash_on_account`` (payments that name no invoice, and what invoices were
        over-paid by; reporting currency, not below zero), ``credit_limit``,
        ``insured_limit``, ``insured_share``, ``guarantee_amount``.
    """
    customers = history.customers
    code = np.arange(len(customers), dtype=np.int64)
    day = np.full(len(customers), day_of(as_of), np.int32)
    parents = history.attributes["parent_id"]
    group = parents.names.gather(parents.codes(code, day)) if len(customers) else customers
    cash = np.maximum(_unallocated_cents(history, as_of) + _over_paid_cents(history, as_of), 0)
    columns = {name: history.attributes[name].at(code, day) for name in NUMBER_ATTRIBUTES}
    return pl.DataFrame(
        {"customer_id": customers, "parent_id": group, "cash_on_account": cash / 100.0, **columns}
    ).with_columns(
        pl.when(pl.col("parent_id") != pl.col("customer_id")).then("parent_id"),
        pl.col(*NUMBER_ATTRIBUTES).fill_nan(None),
    )


def _unallocated_cents(history: History, as_of: date) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Payments known that name no invoice, per customer."""
    table = history.ledger.payments.filter(pl.col("invoice_id").is_null() & (pl.col("known_on") <= as_of))
    cents = np.zeros(len(history.customers), np.int64)
    np.add.at(cents, codes_of(table["customer_id"], history.customers), to_cents(table["amount"]))
    return cents


def _over_paid_cents(history: History, as_of: date) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """What invoices known were paid beyond what was due, per customer, at the rate of their issue."""
    states, facts = history.states, history.invoices
    day = day_of(as_of)
    holds = (states.from_day <= day) & (day < states.to_day) & (states.open < 0)
    invoice = states.invoice[holds]
    share = -states.open[holds] / facts.amount[invoice]
    cents = np.zeros(len(history.customers), np.int64)
    over = np.rint(share * facts.amount_reporting[invoice]).astype(np.int64)
    np.add.at(cents, facts.customer[invoice], over)
    return cents
