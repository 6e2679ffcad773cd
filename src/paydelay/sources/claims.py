"""What the adapters of accounting systems share once they know a source's receivables.

A *claims* frame has one row per receivable: ``LINE``, invoice_id, customer_id,
issue_date, due_date, amount, currency and open_amount (what the source says is open,
null where it does not), optionally entity and recorded_on. A *payments* frame has
``LINE``, invoice_id, payment_date, amount, kind, optionally recorded_on, and
customer_id and currency for cash on account only: a payment that names a refused
invoice is then refused with it, and does not turn into cash that was never on account.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from paydelay.errors import LedgerError
from paydelay.ledger.tables import CENT_HALF
from paydelay.sources.document_currencies import settle_currency
from paydelay.sources.draft import LINE, Draft
from paydelay.sources.options import ImportOptions
from paydelay.sources.reconciliation import agree_with
from paydelay.sources.scope import let_go, let_go_where, refuse_where
from paydelay.sources.terms import NO_TERMS, due_after, terms_of

PAYMENTS = pl.Schema(
    {
        LINE: pl.Int64,
        "invoice_id": pl.String,
        "customer_id": pl.String,
        "payment_date": pl.Date,
        "amount": pl.Float64,
        "kind": pl.String,
        "currency": pl.String,
        "recorded_on": pl.Date,
    }
)
CLAIMS = pl.Schema(
    {
        LINE: pl.Int64,
        "invoice_id": pl.String,
        "customer_id": pl.String,
        "issue_date": pl.Date,
        "due_date": pl.Date,
        "amount": pl.Float64,
        "currency": pl.String,
        "open_amount": pl.Float64,
        "entity": pl.String,
        "recorded_on": pl.Date,
    }
)


def in_frame(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Rows with exactly the columns of a schema, null where they have none.

    Parameters
    ----------
    rows : polars.DataFrame
        Some of its columns.
    schema : polars.Schema
        :data:`CLAIMS` or :data:`PAYMENTS`.

    Returns
    -------
    polars.DataFrame
    """
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in schema.items()
    )


def document_name(number: str, key: str) -> pl.Expr:
    """The number people know a document by, where it names one only; else made distinct by its key.

    Parameters
    ----------
    number : str
        Column with the number on the document.
    key : str
        Column with the key in the system.

    Returns
    -------
    polars.Expr

    Examples
    --------
    >>> rows = pl.DataFrame({"number": ["F1", "F2", "F2", None], "id": ["a", "b", "c", "d"]})
    >>> rows.select(document_name("number", "id"))["number"].to_list()
    ['F1', 'F2#b', 'F2#c', 'd']
    """
    named = pl.col(number)
    return (
        pl.when(named.is_null())
        .then(pl.col(key))
        .when(named.is_duplicated())
        .then(named + "#" + pl.col(key))
        .otherwise(named)
        .alias(number)
    )


# ---- Systems that keep sums and one date per invoice ----------------------------------------------


def payments_of_totals(
    draft: Draft, claims: pl.DataFrame, options: ImportOptions, days: Sequence[pl.Series] = ()
) -> pl.DataFrame:
    """Payments of invoices of which only the sums and the day of full settlement are known.

    A sum paid on an invoice that is still open has no date in such systems. It is
    dated on the day the invoice last changed: the payment was recorded then at the
    latest, so that no model sees it too early.

    Parameters
    ----------
    draft : Draft
        Gets the assumptions.
    claims : polars.DataFrame
        ``LINE``, invoice_id, issue_date, paid_amount, credited_amount, settled_on and
        changed_on, the last two null where unknown.
    options : ImportOptions
        The export date is the last resort.
    days : sequence of polars.Series
        Other days of the books: without an export date the last of all is taken for it.

    Returns
    -------
    polars.DataFrame
        A payments frame.

    Raises
    ------
    LedgerError
        If there is not a single day to date a payment by.
    """
    sums = claims.with_columns(pl.col("paid_amount", "credited_amount").fill_null(0.0))
    moved = (pl.col("paid_amount").abs() > CENT_HALF) | (pl.col("credited_amount").abs() > CENT_HALF)
    sums = sums.filter(moved)
    last = options.export_date or _last_day(
        [*(claims[name] for name in ("settled_on", "changed_on", "issue_date")), *days]
    )
    undated = sums.filter(pl.col("settled_on").is_null() & pl.col("changed_on").is_null()).height
    changed = sums.filter(pl.col("settled_on").is_null()).height - undated
    draft.assume("erp.settled_on_only", n=sums.height - changed - undated)
    draft.assume("erp.part_paid_at_last_change", n=changed)
    if undated:
        if last is None:
            raise LedgerError(
                "The books hold payments without any date; give the day they were exported with "
                "--export-date."
            )
        draft.assume("erp.part_paid_undated", n=undated, date=last)
    dated = sums.with_columns(
        payment_date=pl.coalesce("settled_on", "changed_on", pl.lit(last, dtype=pl.Date))
    )
    parts = [
        dated.filter(pl.col(column).abs() > CENT_HALF).select(
            LINE, "invoice_id", "payment_date", amount=pl.col(column), kind=pl.lit(kind)
        )
        for column, kind in (("paid_amount", "payment"), ("credited_amount", "credit_note"))
    ]
    return in_frame(pl.concat(parts), PAYMENTS)


def _last_day(days: Sequence[pl.Series]) -> date | None:
    return max((day for day in (series.max() for series in days) if isinstance(day, date)), default=None)


def unspent(draft: Draft, rows: pl.DataFrame, amount: str) -> pl.DataFrame:
    """Credits of which something is left; those spent in full are in the sums of the invoices.

    Parameters
    ----------
    draft : Draft
        Gets the lines of the others, which are used.
    rows : polars.DataFrame
        Payments and credit notes, with ``LINE``.
    amount : str
        Column of what is left.

    Returns
    -------
    polars.DataFrame
    """
    left = _is_left(amount)
    draft.used_besides.append(rows.filter(~left)[LINE])
    return rows.filter(left)


def unapplied(
    draft: Draft, rows: pl.DataFrame, amount: str, settled: pl.DataFrame, reason: str
) -> pl.DataFrame:
    """Credits of which something is left; those that settled nothing of these books are let go.

    Parameters
    ----------
    draft : Draft
        Gets the lines of the others.
    rows : polars.DataFrame
        Payments and credit notes, with ``LINE``.
    amount : str
        Column of what is left.
    settled : polars.DataFrame
        The payments made of them so far, with ``LINE``.
    reason : str
        Why the others are no matter of the ledger; a key below ``out_of_scope``.

    Returns
    -------
    polars.DataFrame
    """
    left = _is_left(amount)
    used = pl.concat(
        [pl.Series(LINE, [], dtype=pl.Int64), *(rows[LINE] for rows in draft.belonging), settled[LINE]]
    )
    let_go(draft, rows.filter(~left, ~pl.col(LINE).is_in(used.implode()))[LINE], reason)
    return rows.filter(left)


def _is_left(amount: str) -> pl.Expr:
    return (pl.col(amount).abs() > CENT_HALF).fill_null(False)


# ---- The end of every adapter ----------------------------------------------------------------------


def finish(
    draft: Draft,
    options: ImportOptions,
    claims: pl.DataFrame,
    payments: pl.DataFrame,
    *,
    customers: pl.DataFrame | None = None,
    rates: pl.DataFrame | None = None,
    base: str | None = None,
) -> Draft:
    """Complete a draft: due dates, tables, rates, and what compares it with its source.

    Parameters
    ----------
    draft : Draft
        With its files.
    options : ImportOptions
        Terms, currencies and export date.
    claims : polars.DataFrame
        A claims frame.
    payments : polars.DataFrame
        A payments frame.
    customers : polars.DataFrame, optional
        Columns of the ledger's table, and ``LINE``.
    rates : polars.DataFrame, optional
        From :func:`rates_of_documents`.
    base : str, optional
        The books' own currency, to which the rates lead.

    Returns
    -------
    Draft
        The same.
    """
    claims = in_frame(claims, CLAIMS)
    draft.reconcile = agree_with(claims, draft)
    claims = _with_due_dates(draft, claims, options)
    draft.assume("erp.due_dates_of_today", n=claims.height)
    invoices = claims.drop("open_amount")
    if invoices["entity"].n_unique() <= 1:
        invoices = invoices.drop("entity")
    settle_currency(draft, options, invoices, rates, base)
    payments = in_frame(payments, PAYMENTS)
    payments = let_go_where(draft, payments, _stray(claims), "erp.customer_without_invoice")
    # Its currency waits for the rates that the caller may give.
    free = pl.col("invoice_id").is_null()
    draft.on_account = payments.filter(free)
    draft.document_rates, draft.document_currency = rates, base
    draft.tables |= {"invoices": invoices, "payments": payments.filter(~free).drop("currency")}
    if customers is not None and customers.height:
        day = pl.lit(options.export_date, dtype=pl.Date).alias("valid_from")
        draft.tables["customers"] = customers.with_columns(day) if options.export_date else customers
    return draft


def _with_due_dates(draft: Draft, claims: pl.DataFrame, options: ImportOptions) -> pl.DataFrame:
    """Due dates that the source lacks, from the payment terms; without terms the rows are refused."""
    lacking = pl.col("due_date").is_null() & pl.col("issue_date").is_not_null()
    if not claims.filter(lacking).height:
        return claims
    terms = terms_of(options)
    by_customer = terms.by_customer if terms.by_customer is not None else NO_TERMS
    days = pl.coalesce("terms_days", pl.lit(terms.days, dtype=pl.Int32))
    month_end = pl.coalesce("end_of_month", pl.lit(terms.end_of_month))
    agreed = due_after(pl.col("issue_date"), days, month_end)
    filled = (
        claims.join(by_customer, on="customer_id", how="left", maintain_order="left")
        .with_columns(due_date=pl.when(lacking).then(agreed).otherwise("due_date"), __lacked=lacking)
        .drop("terms_days", "end_of_month")
    )
    draft.assume("erp.due_from_terms", n=filled.filter("__lacked", pl.col("due_date").is_not_null()).height)
    nowhere = pl.col("__lacked") & pl.col("due_date").is_null()
    filled = refuse_where(draft, filled, nowhere, "due_date_not_given", "due_date", "invoice_id")
    return filled.drop("__lacked")


def _stray(claims: pl.DataFrame) -> pl.Expr:
    """Cash on account of a customer who has no invoice in these books."""
    known = claims["customer_id"].drop_nulls().unique().implode()
    return pl.col("invoice_id").is_null() & ~pl.col("customer_id").is_in(known).fill_null(False)
