"""QuickBooks Online: the tables of a warehouse.

Seen on real samples: ``invoice``, ``payment`` and ``payment_line`` as the Fivetran
connector writes them. Known from documentation only, never seen: ``term`` and
``credit_memo`` of the same connector (columns as in the package
fivetran/dbt_quickbooks_source, Apache-2.0), and what ``deposit`` means on an invoice
(Intuit's API reference: paid on the day of the invoice).

A payment's lines say what it settles: invoices, and the credit memos it used up to do
so. ``exchange_rate`` is units of the company's currency for one of the document's.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from paydelay.ledger.tables import CENT_HALF
from paydelay.sources.allocation import divide
from paydelay.sources.cells import as_key, is_true, typed
from paydelay.sources.claims import PAYMENTS, document_name, finish, in_frame, unapplied, unspent
from paydelay.sources.document_currencies import own_currency
from paydelay.sources.draft import LINE, Draft
from paydelay.sources.layouts import Layout, read_tables, require
from paydelay.sources.options import ImportOptions
from paydelay.sources.scope import refuse_where, split_off

_INVOICE = Layout(
    "invoice",
    ("id", "customer_id", "doc_number", "transaction_date", "due_date", "total_amount", "balance", "deposit",
     "currency_id", "exchange_rate", "sales_term_id", "created_at", "_fivetran_deleted"),
    ("id", "customer_id", "transaction_date", "due_date", "total_amount", "balance"),
    key=("id",),
)  # fmt: skip
_PAYMENT = Layout(
    "payment",
    ("id", "customer_id", "transaction_date", "total_amount", "unapplied_amount", "currency_id",
     "exchange_rate", "created_at", "_fivetran_deleted"),
    ("id", "customer_id", "transaction_date", "total_amount", "unapplied_amount"),
    key=("id",),
)  # fmt: skip
_PAYMENT_LINE = Layout(
    "payment_line",
    ("payment_id", "index", "amount", "invoice_id", "credit_memo_id"),
    ("payment_id", "index", "amount", "invoice_id"),
    key=("payment_id", "index"),
    identifier="payment_id",
)
_TERM = Layout(
    "term",
    ("id", "due_days", "day_of_month_due", "name"),
    ("id", "due_days", "day_of_month_due"),
    key=("id",),
)
_CREDIT_MEMO = Layout(
    "credit_memo",
    ("id", "customer_id", "transaction_date", "total_amount", "balance", "currency_id",
     "_fivetran_deleted"),
    ("id", "customer_id", "transaction_date", "total_amount", "balance"),
    key=("id",),
)  # fmt: skip


def read(files: list[Path], options: ImportOptions) -> Draft:
    """Draft of a ledger from the tables of QuickBooks Online.

    Parameters
    ----------
    files : list of Path
        ``invoice``, ``payment`` and ``payment_line``, optionally ``term`` and
        ``credit_memo``.
    options : ImportOptions
        Terms, currencies and export date.

    Returns
    -------
    Draft

    Raises
    ------
    LedgerError
        If a file is none of these tables, or one of the three is missing.
    """
    draft = Draft("quickbooks")
    layouts = (_INVOICE, _PAYMENT, _PAYMENT_LINE, _TERM, _CREDIT_MEMO)
    tables = read_tables(draft, files, layouts, "QuickBooks")
    require(
        tables,
        ["invoice", "payment", "payment_line"],
        "QuickBooks",
        "an invoice, the day of a payment and what it settled are kept apart",
    )
    for name in ("term", "credit_memo"):
        if name in tables:
            draft.assume("erp.from_documentation", n=tables[name].height, table=name)
    invoices = _documents(draft, tables["invoice"], "due_date", "balance", "deposit")
    received = _documents(draft, tables["payment"], "unapplied_amount")
    base, rates = _currencies(invoices, received)
    invoices = split_off(draft, invoices, pl.col("total_amount").abs() < CENT_HALF, "erp.zero_amount")
    claims = _claims(draft, invoices, tables.get("term"), options)
    settled = _settled(draft, tables["payment_line"], claims, received)
    payments = [settled, _deposits(draft, claims), _unapplied(draft, received, settled)]
    if "credit_memo" in tables:
        payments.append(_credit_memos(draft, tables["credit_memo"]))
    return finish(draft, options, claims, pl.concat(payments), rates=rates, base=base)


# ---- Documents -------------------------------------------------------------------------------------


def _documents(draft: Draft, rows: pl.DataFrame, *others: str) -> pl.DataFrame:
    """Rows that are not deleted, with days and amounts in their types."""
    rows = split_off(draft, rows, is_true("_fivetran_deleted"), "erp.deleted")
    rows = rows.with_columns(as_key("id"), as_key("customer_id"))
    days = ["transaction_date", "created_at", *(name for name in others if name == "due_date")]
    amounts = ["total_amount", "exchange_rate", *(name for name in others if name != "due_date")]
    present = [name for name in (*days, *amounts) if name in rows.columns]
    return typed(
        draft,
        rows,
        "id",
        days=[name for name in days if name in present],
        amounts=[name for name in amounts if name in present],
    )


def _currencies(invoices: pl.DataFrame, received: pl.DataFrame) -> tuple[str | None, pl.DataFrame]:
    rated = (
        rows.select(
            currency=pl.col("currency_id").str.to_uppercase(),
            rate_date="transaction_date",
            rate="exchange_rate",
        )
        for rows in (invoices, received)
    )
    return own_currency(pl.concat(rated))


def _claims(
    draft: Draft, invoices: pl.DataFrame, terms: pl.DataFrame | None, options: ImportOptions
) -> pl.DataFrame:
    due = pl.col("due_date")
    if terms is not None:
        draft.used_besides.append(terms[LINE])
        days = terms.select(
            as_key("id").alias("sales_term_id"), due_days=pl.col("due_days").cast(pl.Int64, strict=False)
        ).filter(pl.col("due_days").is_between(0, 3650)).drop_nulls("sales_term_id")  # fmt: skip
        invoices = invoices.with_columns(as_key("sales_term_id")).join(
            days, on="sales_term_id", how="left", maintain_order="left", validate="m:1"
        )
        agreed = pl.col("transaction_date").dt.offset_by(pl.format("{}d", "due_days"))
        due = pl.coalesce("due_date", agreed)
        from_terms = invoices.filter(pl.col("due_date").is_null() & pl.col("due_days").is_not_null())
        draft.assume("erp.due_from_terms", n=from_terms.height)
    own = pl.lit(options.currency, dtype=pl.String)
    return invoices.with_columns(document_name("doc_number", "id")).select(
        LINE,
        "deposit",
        "customer_id",
        key="id",
        invoice_id="doc_number",
        issue_date="transaction_date",
        due_date=due,
        amount="total_amount",
        currency=pl.coalesce("currency_id", own),
        open_amount="balance",
        recorded_on="created_at",
    )


# ---- Payments --------------------------------------------------------------------------------------


def _settled(draft: Draft, rows: pl.DataFrame, claims: pl.DataFrame, received: pl.DataFrame) -> pl.DataFrame:
    """What each line of a payment settled: by credit memos as far as the payment used them, else by cash."""
    rows = rows.with_columns(as_key(name) for name in ("payment_id", "invoice_id", "credit_memo_id"))
    known = claims.select(pl.col("key").alias("invoice_id"), named="invoice_id").drop_nulls("invoice_id")
    heads = received.select(
        pl.col("id").alias("payment_id"), "transaction_date", "created_at", head_line=pl.col(LINE)
    ).drop_nulls("payment_id")
    rows = rows.join(known, on="invoice_id", how="left", maintain_order="left", validate="m:1").join(
        heads, on="payment_id", how="left", maintain_order="left", validate="m:1"
    )
    is_credit = pl.col("invoice_id").is_null() & pl.col("credit_memo_id").is_not_null()
    about = pl.col("named").is_not_null() | (is_credit & pl.col("head_line").is_not_null())
    rows = split_off(draft, rows, ~about, "erp.document_not_in_books")
    rows = typed(draft, rows, "payment_id", amounts=("amount",))
    headless = pl.col("head_line").is_null()
    rows = refuse_where(draft, rows, headless, "payment_not_given", "payment_id", "named")
    rows = rows.with_columns(pl.col("amount").fill_null(0.0))
    credit_rows, lines = rows.filter(is_credit), rows.filter(~is_credit)
    lines = split_off(draft, lines, pl.col("amount").abs() < CENT_HALF, "erp.zero_amount")
    # A credit memo's line is part of the payment, and with it of the invoices it settles.
    draft.belong(credit_rows, "head_line")
    draft.belong(lines.select(pl.col("head_line").alias(LINE), owner=pl.col(LINE)), "owner")
    split = _shares(lines, credit_rows)
    several = split.filter(pl.len().over(LINE) > 1)
    draft.assume("quickbooks.credit_first", n=several["payment_id"].n_unique())
    return in_frame(
        split.select(
            LINE,
            "amount",
            "kind",
            invoice_id="named",
            payment_date="transaction_date",
            recorded_on="created_at",
        ).filter(pl.col("amount").abs() > CENT_HALF),
        PAYMENTS,
    )


def _shares(lines: pl.DataFrame, credit_rows: pl.DataFrame) -> pl.DataFrame:
    """Lines on invoices cut into what credit memos paid and what cash did, credit memos first."""

    def sized(rows: pl.DataFrame, name: str) -> pl.DataFrame:
        cents = (pl.col("amount").clip(-1e13, 1e13) * 100).round().cast(pl.Int64)
        return rows.select(pl.col(LINE).alias(name), group="payment_id", cents=cents).filter(
            pl.col("cents") > 0
        )

    pieces = divide(sized(credit_rows, "credit"), sized(lines, "claim")).filter(pl.col("claim").is_not_null())
    credited = (
        pieces.filter(pl.col("credit").is_not_null())
        .group_by(pl.col("claim").alias(LINE))
        .agg(credited=pl.col("cents").sum() / 100.0)
    )
    joined = lines.join(credited, on=LINE, how="left", maintain_order="left").with_columns(
        pl.col("credited").fill_null(0.0)
    )
    cash = joined.with_columns(
        amount=(pl.col("amount") - pl.col("credited")).round(2), kind=pl.lit("payment")
    )
    memo = joined.with_columns(amount=pl.col("credited"), kind=pl.lit("credit_note"))
    return pl.concat([cash, memo]).filter(pl.col("amount").abs() > CENT_HALF)


def _deposits(draft: Draft, claims: pl.DataFrame) -> pl.DataFrame:
    """Deposits taken on the invoice itself, of which there is no payment."""
    taken = claims.filter(pl.col("deposit").abs() > CENT_HALF)
    draft.assume("quickbooks.deposits", n=taken.height)
    return in_frame(
        taken.select(
            LINE,
            "invoice_id",
            payment_date="issue_date",
            amount="deposit",
            kind=pl.lit("payment"),
        ),
        PAYMENTS,
    )


def _unapplied(draft: Draft, received: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """What of payments settles nothing yet; payments that settled other documents are left out."""
    free = unapplied(draft, received, "unapplied_amount", settled, "erp.document_not_in_books")
    return in_frame(
        free.select(
            LINE,
            "customer_id",
            payment_date="transaction_date",
            amount="unapplied_amount",
            kind=pl.lit("payment"),
            currency="currency_id",
            recorded_on="created_at",
        ),
        PAYMENTS,
    )


def _credit_memos(draft: Draft, rows: pl.DataFrame) -> pl.DataFrame:
    """What remains of credit memos; what was used of them is in the lines of payments."""
    return in_frame(
        unspent(draft, _documents(draft, rows, "balance"), "balance").select(
            LINE,
            "customer_id",
            payment_date="transaction_date",
            amount="balance",
            kind=pl.lit("credit_note"),
            currency="currency_id",
        ),
        PAYMENTS,
    )
