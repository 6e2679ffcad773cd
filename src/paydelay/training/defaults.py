"""Invoices that defaulted and what came back: the evidence behind loss given default."""

from __future__ import annotations

import numpy as np
import polars as pl

from paydelay.history import NEVER, History
from paydelay.history.facts import codes_of, to_cents, to_days
from paydelay.outcomes import Outcomes


def defaulted_invoices(
    history: History, outcomes: Outcomes, unpaid_after_days: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Every default seen by the date of labelling, and the cash received after it.

    An invoice defaults on the earliest of its due date + ``unpaid_after_days``
    while still open, its write-off, and the insolvency of its customer. Cash is
    taken by value date, as known on the date of labelling. Credit notes and
    discounts known by then come off the balance at default whatever their date:
    what was never to be paid is no loss, and cash alone is recovered.

    Parameters
    ----------
    history : History
        The ledger by what was known when, cut at the date of labelling.
    outcomes : Outcomes
        What became of each invoice.
    unpaid_after_days : int
        Days past due after which an open invoice counts as defaulted.

    Returns
    -------
    defaults : polars.DataFrame
        ``invoice_id``, ``default_on``, ``age_days_at_default``, ``balance``
        (reporting currency), ``lost_on`` (null where nothing was lost by the date of
        labelling), ``observed_until``.
    recoveries : polars.DataFrame
        ``invoice_id``, ``received_on``, ``amount`` (reporting currency).
    """
    facts = history.invoices
    unpaid_day = facts.due_day.astype(np.int64) + unpaid_after_days
    still_open = outcomes.settled_day > unpaid_day
    event = np.where(still_open, unpaid_day, np.int64(NEVER))
    event = np.minimum(event, outcomes.lost_day)
    known = (event <= outcomes.labels_day - outcomes.recording_lag_days) & ~outcomes.cancelled
    invoice = np.flatnonzero(known)
    moved = _movements(history, invoice, event)
    settled = moved.filter((pl.col("day") <= pl.col("event")) | ~pl.col("is_cash"))
    sums = settled.group_by("invoice").agg(pl.col("cents").sum())
    paid = np.zeros(len(facts), np.int64)
    paid[sums["invoice"].to_numpy()] = sums["cents"].to_numpy()
    # The currency of the document, at the rate of the issue date.
    rate = facts.amount_reporting / facts.amount if len(facts) else np.empty(0)
    balance = np.maximum(facts.amount - paid, 0)[invoice] * rate[invoice] / 100.0
    ids = history.ledger.invoices["invoice_id"]
    defaults = pl.DataFrame(
        {
            "invoice_id": ids[invoice],
            "default_on": pl.Series(event[invoice].astype(np.int32)).cast(pl.Date),
            "age_days_at_default": (event - facts.due_day)[invoice],
            "balance": balance,
            "lost_on": _date_or_null(outcomes, invoice),
            "observed_until": pl.Series(
                np.full(len(invoice), outcomes.labels_day - outcomes.recording_lag_days, np.int32)
            ).cast(pl.Date),
        }
    ).filter(pl.col("balance") > 0)
    after = moved.filter((pl.col("day") > pl.col("event")) & pl.col("is_cash"))
    recoveries = pl.DataFrame(
        {
            "invoice_id": ids[after["invoice"].to_numpy()],
            "received_on": after["day"].cast(pl.Int32).cast(pl.Date),
            "amount": after["cents"].to_numpy() * rate[after["invoice"].to_numpy()] / 100.0,
        }
    )
    return defaults, recoveries.join(defaults, on="invoice_id", how="semi")


def _date_or_null(outcomes: Outcomes, invoice: np.ndarray[tuple[int], np.dtype[np.intp]]) -> pl.Series:
    """Day of the loss, where it came by the last day observed."""
    day = outcomes.lost_day[invoice].astype(np.int64)
    known = day <= outcomes.labels_day - outcomes.recording_lag_days
    dates = pl.Series(np.where(known, day, 0).astype(np.int32)).cast(pl.Date)
    return pl.select(pl.when(pl.Series(known)).then(dates)).to_series()


def _movements(
    history: History,
    invoice: np.ndarray[tuple[int], np.dtype[np.intp]],
    event: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> pl.DataFrame:
    """Payments, discounts and credit notes of the defaulted invoices with the day of their default."""
    table = history.ledger.payments.filter(
        pl.col("invoice_id").is_not_null() & (pl.col("kind") != "write_off")
    )
    code = codes_of(table["invoice_id"], history.ledger.invoices["invoice_id"])
    wanted = np.isin(code, invoice)
    return pl.DataFrame(
        {
            "invoice": code[wanted],
            "day": to_days(table["payment_date"])[wanted].astype(np.int64),
            "cents": to_cents(table["amount"])[wanted],
            "is_cash": (table["kind"] == "payment").to_numpy()[wanted],
            "event": event[code[wanted]],
        }
    )
