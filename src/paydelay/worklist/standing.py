"""Whether an open invoice is to be chased: its scope, why it is set aside, claims to declare."""

from __future__ import annotations

import polars as pl

from paydelay.config import WorklistSettings
from paydelay.loss.exposure import require_columns

SET_ASIDE_REASONS = (
    "dispute",
    "promise",
    "payment_plan",
    "insolvency",
    "agency",
    "covered",
    "written_off",
    "paid_on_account",
)

_OPEN = pl.col("open_amount_reporting")
_TO_THE_CENT = 0.005


def scope(due_soon_days: int) -> pl.Expr:
    """Expression of the scope of a row: ``overdue``, ``due_soon`` or ``not_due``.

    Parameters
    ----------
    due_soon_days : int
        Days before the due date from which an invoice is due soon. One due on
        the day itself is due soon, not overdue.

    Returns
    -------
    polars.Expr
        String, from ``days_past_due``.

    Examples
    --------
    >>> rows = pl.DataFrame({"days_past_due": [1, 0, -7, -8]})
    >>> rows.select(scope(7)).to_series().to_list()
    ['overdue', 'due_soon', 'due_soon', 'not_due']
    """
    late = pl.col("days_past_due")
    return (
        pl.when(late > 0)
        .then(pl.lit("overdue"))
        .when(late >= -due_soon_days)
        .then(pl.lit("due_soon"))
        .otherwise(pl.lit("not_due"))
        .alias("scope")
    )


def set_aside_reason() -> pl.Expr:
    """Expression of why a row is not to be chased, null where it is.

    The first that holds, in this order: ``dispute`` open, ``promise`` running for all
    that is open (a smaller one leaves the rest to be chased),
    ``payment_plan`` on schedule, ``insolvency``, ``agency`` or court, ``covered``
    wholly, ``written_off``, ``paid_on_account`` (cash on account covers it all).

    Returns
    -------
    polars.Expr
        String or null, from ``disputed``, ``promised_until``, ``promise_covers``
        (see :func:`~paydelay.worklist.agreements`), ``plan_until``,
        ``insolvent_on``, ``with_agency``, ``written_off`` as known at as_of (a
        date is there only while the promise runs or the plan is kept), and from
        ``open_amount_reporting``, ``cash_allocated``, ``ead``, ``covered_amount``.

    Examples
    --------
    >>> from datetime import date
    >>> row = {"disputed": False, "promised_until": None, "promise_covers": False, "plan_until": None,
    ...        "insolvent_on": date(2025, 3, 1), "with_agency": True, "written_off": False,
    ...        "open_amount_reporting": 90.0, "cash_allocated": 0.0, "ead": 90.0, "covered_amount": 0.0}
    >>> pl.DataFrame([row]).select(set_aside_reason()).item()
    'insolvency'
    """
    exposed = pl.col("ead") >= _TO_THE_CENT
    holds = (
        pl.col("disputed"),
        pl.col("promised_until").is_not_null() & pl.col("promise_covers"),
        pl.col("plan_until").is_not_null(),
        pl.col("insolvent_on").is_not_null(),
        pl.col("with_agency"),
        exposed & (pl.col("ead") - pl.col("covered_amount") < _TO_THE_CENT),
        pl.col("written_off"),
        _OPEN - pl.col("cash_allocated") < _TO_THE_CENT,
    )
    named = (
        pl.when(held).then(pl.lit(reason)) for held, reason in zip(holds, SET_ASIDE_REASONS, strict=True)
    )
    return pl.coalesce(*named).alias("set_aside")


def claims_to_declare(rows: pl.DataFrame, settings: WorklistSettings) -> pl.DataFrame:
    """Open invoices of insolvent customers, by the last day for declaring the claim.

    Parameters
    ----------
    rows : polars.DataFrame
        Open invoices at one as_of: ``as_of``, ``invoice_id``, ``customer_id``,
        ``open_amount_reporting``, ``insolvent_on`` (date of the event, read as
        the day on which the insolvency was published).
    settings : WorklistSettings
        Holds ``claim_months``.

    Returns
    -------
    polars.DataFrame
        ``customer_id``, ``invoice_id``, ``open_amount_reporting``,
        ``insolvent_on``, ``claim_deadline``, ``days_left`` (negative once past),
        nearest deadline first. Disputed, covered and written off debts included:
        each has to be declared as well.

    Raises
    ------
    LedgerError
        If a column is missing.

    Notes
    -----
    Two months from publication, as art. R622-24 of the French Code de commerce
    has it: the same day of the month, or its last one where the month is too
    short. A day off that would put the deadline back is not counted in.

    Examples
    --------
    >>> from datetime import date
    >>> rows = pl.DataFrame({"as_of": [date(2025, 4, 1)], "invoice_id": ["a"], "customer_id": ["C"],
    ...                      "open_amount_reporting": [90.0], "insolvent_on": [date(2025, 3, 1)]})
    >>> claims_to_declare(rows, WorklistSettings()).select("claim_deadline", "days_left").row(0)
    (datetime.date(2025, 5, 1), 30)
    """
    columns = ["customer_id", "invoice_id", "open_amount_reporting", "insolvent_on"]
    require_columns(rows, ["as_of", *columns], "open invoices")
    deadline = pl.col("insolvent_on").dt.offset_by(f"{settings.claim_months}mo")
    return (
        rows.filter(pl.col("insolvent_on").is_not_null())
        .select(
            *columns,
            claim_deadline=deadline,
            days_left=(deadline - pl.col("as_of")).dt.total_days().cast(pl.Int32),
        )
        .sort("claim_deadline", "customer_id", "invoice_id")
    )
