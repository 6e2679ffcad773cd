"""What was agreed after the due date: a new date, a promise, and how much of the debt it covers."""

from __future__ import annotations

import polars as pl

from paydelay.config import LedgerSettings
from paydelay.loss.exposure import require_columns

_OPEN = pl.col("open_amount_reporting")
_RATE = pl.col("open_amount_reporting") / pl.col("open_amount")


def agreements(
    rows: pl.DataFrame, events: pl.DataFrame, payments: pl.DataFrame, settings: LedgerSettings
) -> pl.DataFrame:
    """What is agreed on each open invoice: a later due date, and the promise that is running.

    Parameters
    ----------
    rows : polars.DataFrame
        Open invoices at one as_of: ``as_of``, ``invoice_id``, ``customer_id``,
        ``issue_date``, ``due_date``, ``amount``, ``open_amount``,
        ``open_amount_reporting``.
    events, payments : polars.DataFrame
        Those of the ledger that were known at as_of; payments with
        ``amount_reporting`` where the ledger has several currencies.
    settings : LedgerSettings
        Holds what counts as settled: a promise that leaves less covers the invoice.

    Returns
    -------
    polars.DataFrame
        In the order of the rows: ``agreed_due_date``; ``promised_until``,
        ``promised_amount`` (reporting currency, what of the promise is still to come,
        at most what is open) and ``promise_covers``, whether that is all that is open.

    Raises
    ------
    LedgerError
        If a column is missing.

    Notes
    -----
    The invoice's latest own promise counts; where its day is over, or there is none, the
    customer's latest for all it owes. What was paid after a promise was made is taken off
    it. One without an amount is of all that is open. A promise of a sum for all that a
    customer owes is set against its invoices oldest first, as cash on account is.

    Examples
    --------
    >>> from datetime import date
    >>> rows = pl.DataFrame({"as_of": [date(2025, 4, 1)], "invoice_id": ["F1"], "customer_id": ["C"],
    ...                      "issue_date": [date(2025, 2, 1)], "due_date": [date(2025, 3, 1)],
    ...                      "amount": [900.0], "open_amount": [900.0], "open_amount_reporting": [900.0]})
    >>> events = pl.DataFrame({"event_type": ["promise_to_pay"], "event_date": [date(2025, 3, 20)],
    ...                        "known_on": [date(2025, 3, 20)], "invoice_id": ["F1"], "customer_id": ["C"],
    ...                        "amount": [50.0], "new_date": [date(2025, 4, 9)]})
    >>> payments = pl.DataFrame(schema={"customer_id": pl.String, "invoice_id": pl.String, "kind": pl.String,
    ...                                 "payment_date": pl.Date, "amount": pl.Float64})
    >>> agreed = agreements(rows, events, payments, LedgerSettings())
    >>> agreed.select("promised_until", "promised_amount", "promise_covers").row(0)
    (datetime.date(2025, 4, 9), 50.0, False)
    """
    needed = ("as_of", "invoice_id", "customer_id", "issue_date", "due_date", "amount", "open_amount")
    require_columns(rows, (*needed, "open_amount_reporting"), "open invoices")
    in_time = events.sort("known_on", maintain_order=True)
    promised = _promised(rows, in_time, payments)
    tolerance = pl.min_horizontal(
        pl.max_horizontal(settings.tolerance_amount, settings.tolerance_share * pl.col("amount")),
        pl.col("amount") / 2,
    )
    due = _latest(in_time, "due_date_changed", "invoice_id").select("invoice_id", agreed_due_date="until")
    changed = pl.col("agreed_due_date") != pl.col("due_date")
    return (
        rows.select(*needed, "open_amount_reporting")
        .with_columns(promised)
        .join(due, on="invoice_id", how="left", maintain_order="left")
        .select(
            pl.when(changed).then("agreed_due_date").alias("agreed_due_date"),
            "promised_until",
            "promised_amount",
            promise_covers=(pl.col("promised_amount") >= _OPEN - tolerance * _RATE).fill_null(value=False),
        )
    )


def _latest(events: pl.DataFrame, kind: str, by: str) -> pl.DataFrame:
    """The last word of a kind on each invoice, or on all that a customer owes; events in order of time."""
    names_invoice = pl.col("invoice_id").is_not_null()
    return (
        events.filter(
            (pl.col("event_type") == kind) & (names_invoice if by == "invoice_id" else ~names_invoice)
        )
        .group_by(by, maintain_order=True)
        .agg(pl.col("new_date").last().alias("until"), pl.col("amount").last(), pl.col("event_date").last())
    )


def _still_promised(promises: pl.DataFrame, payments: pl.DataFrame, by: str) -> pl.DataFrame:
    """Promises less what was paid since they were made; without an amount where they have none.

    A payment from before that bounced since makes no promise larger.
    """
    # A promise for all that a customer owes is in the reporting currency.
    general = by == "customer_id" and "amount_reporting" in payments.columns
    paid = (
        payments.filter(pl.col("kind") == "payment")
        .select(by, "payment_date", paid="amount_reporting" if general else "amount")
        .join(promises.select(by, "event_date"), on=by)
        .filter(pl.col("payment_date") > pl.col("event_date"))
        .group_by(by)
        .agg(pl.col("paid").sum())
    )
    left = pl.col("amount") - pl.col("paid").fill_null(0.0).clip(lower_bound=0.0)
    return promises.join(paid, on=by, how="left", maintain_order="left").select(by, "until", left=left)


def _promised(rows: pl.DataFrame, events: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    """``promised_until`` and ``promised_amount`` of each row."""
    found = rows.with_row_index("row")
    for name, by in (("own", "invoice_id"), ("all", "customer_id")):
        promises = _still_promised(_latest(events, "promise_to_pay", by), payments, by)
        promises = promises.rename({"until": f"until_{name}", "left": f"left_{name}"})
        found = found.join(promises, on=by, how="left", maintain_order="left")
    is_own = (pl.col("until_own") >= pl.col("as_of")).fill_null(value=False)
    is_general = ~is_own & (pl.col("until_all") >= pl.col("as_of")).fill_null(value=False)
    # Of a sum for all that is owed, what the older invoices leave.
    demand = pl.when("is_general").then(_OPEN).otherwise(0.0)
    older = (demand.cum_sum() - demand).over("customer_id")
    amount = (
        pl.when("is_own")
        .then((pl.col("left_own") * _RATE).fill_null(_OPEN))
        .when("is_general")
        .then((pl.col("left_all") - older).fill_null(_OPEN))
        .clip(0.0, _OPEN)
    )
    return (
        found.with_columns(is_own=is_own, is_general=is_general)
        .sort("due_date", "issue_date", "invoice_id")
        .with_columns(promised_amount=amount)
        .sort("row")
        .with_columns(promised_amount=pl.when(pl.col("promised_amount") > 0).then("promised_amount"))
        .select(
            promised_until=pl.when(pl.col("promised_amount").is_not_null()).then(
                pl.when("is_own").then("until_own").otherwise("until_all")
            ),
            promised_amount="promised_amount",
        )
    )
