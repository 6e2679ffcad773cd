"""What stood on each customer's account on a day: cash not yet allocated, limits and cover."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.history.attributes import NUMBER_ATTRIBUTES
from paydelay.history.facts import NEVER, Codes, codes_of, rates_at, to_cents
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
        over-paid by, at the last rate known; reporting currency, not below zero), ``credit_limit``,
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
    """What invoices known were paid beyond what was due, per customer, at the last rate known."""
    states, facts = history.states, history.invoices
    day = day_of(as_of)
    holds = (states.from_day <= day) & (day < states.to_day) & (states.open < 0)
    invoice = states.invoice[holds]
    currency = history.ledger.invoices["currency"].gather(invoice)
    rate = rates_at(history.ledger, pl.DataFrame({"currency": currency}).with_columns(rate_date=as_of))
    cents = np.zeros(len(history.customers), np.int64)
    over = np.rint(-states.open[holds] * rate).astype(np.int64)
    np.add.at(cents, facts.customer[invoice], over)
    return cents


def insolvency_days(
    history: History, invoice: Codes, day: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First insolvency of each invoice's customer on or after its issue, as known on a day.

    An invoice issued after the insolvency was sold to a debtor known to be in
    proceedings and is paid out of turn; it is judged like any other.

    Parameters
    ----------
    history : History
        The ledger by what was known when.
    invoice, day : array of shape (n_rows,)
        Codes of invoices, and the day on which each asks.

    Returns
    -------
    event_day, known_day : array of shape (n_rows,)
        Day of the insolvency and the day it became known, in days since
        1970-01-01; NEVER where none is known.
    """
    facts, events = history.invoices, history.entries("insolvency")
    event_day = np.full(len(invoice), np.int64(NEVER))
    known_day = event_day.copy()
    insolvencies = pl.DataFrame(
        {"customer": events.customer, "known_day": events.day, "event_day": events.measures["event_day"]}
    )
    concerned = np.flatnonzero(np.isin(facts.customer[invoice], events.customer))
    asked = pl.DataFrame(
        {
            "row": concerned,
            "customer": facts.customer[invoice[concerned]],
            "issue_day": facts.issue_day[invoice[concerned]],
            "day": np.asarray(day)[concerned],
        }
    )
    hit = asked.join(insolvencies, on="customer").filter(
        (pl.col("event_day") >= pl.col("issue_day")) & (pl.col("known_day") <= pl.col("day"))
    )
    row = hit["row"].to_numpy()
    np.minimum.at(event_day, row, hit["event_day"].to_numpy())
    np.minimum.at(known_day, row, hit["known_day"].to_numpy())
    return event_day, known_day
