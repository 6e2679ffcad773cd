"""Xero: the invoice table of a warehouse, with payments and credit notes, or the template of sales invoices.

Seen on real data: the table ``invoice`` as the Fivetran connector writes it. Known
from documentation only, never seen: the tables ``payment`` and ``credit_note`` of the
same connector (columns as in the package fivetran/dbt_xero_source, Apache-2.0), and
the "Sales invoices" CSV template of the user interface (header from public exporters).

``currency_rate`` is units of the document's currency for one of the organisation's:
CAD books carry about 0.75 for a USD invoice and 1 for their own. A credited amount is
the sum of credit notes, over-payments and prepayments (Xero's API documentation).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from paydelay.ledger.tables import CENT_HALF
from paydelay.sources.cells import day_formats_of, decimal_mark_of, typed
from paydelay.sources.claims import (
    CLAIMS,
    PAYMENTS,
    document_name,
    finish,
    in_frame,
    payments_of_totals,
    unspent,
)
from paydelay.sources.document_currencies import own_currency
from paydelay.sources.draft import LINE, Draft
from paydelay.sources.layouts import Layout, read_tables, require
from paydelay.sources.options import ImportOptions
from paydelay.sources.scope import keep_known, refuse_where, split_off

_INVOICE = Layout(
    "invoice",
    (
        "invoice_id", "contact_id", "date", "due_date", "total", "type", "status", "currency_code",
        "amount_paid", "amount_credited", "amount_due", "fully_paid_on_date", "updated_date_utc",
        "currency_rate", "invoice_number",
    ),
    ("invoice_id", "contact_id", "date", "due_date", "total", "type", "status", "currency_code",
     "amount_paid", "amount_credited", "amount_due", "fully_paid_on_date"),
    key=("invoice_id",),
)  # fmt: skip
_PAYMENT = Layout(
    "payment",
    ("payment_id", "invoice_id", "date", "amount", "status"),
    ("payment_id", "invoice_id", "date", "amount", "status"),
    key=("payment_id",),
)
_CREDIT_NOTE = Layout(
    "credit_note",
    ("credit_note_id", "contact_id", "date", "type", "status", "total", "remaining_credit", "currency_code"),
    ("credit_note_id", "contact_id", "date", "type", "status", "total", "remaining_credit"),
    key=("credit_note_id",),
)
_TEMPLATE = Layout(
    "sales invoices template",
    ("contactname", "invoicenumber", "invoicedate", "duedate", "total", "quantity", "unitamount",
     "discount", "taxamount", "currency", "pocountry"),
    ("contactname", "invoicenumber", "invoicedate", "duedate", "quantity", "unitamount"),
)  # fmt: skip

_STATUSES = {
    "VOIDED": "erp.void",
    "DELETED": "erp.void",
    "DRAFT": "erp.draft",
    "SUBMITTED": "erp.draft",
}
_OTHER_TYPES = dict.fromkeys(("ACCPAY", "ACCPAYCREDIT", "APOVERPAYMENT", "APPREPAYMENT"), "erp.payable")


def read(files: list[Path], options: ImportOptions) -> Draft:
    """Draft of a ledger from Xero's tables, or from its template of sales invoices.

    Parameters
    ----------
    files : list of Path
        ``invoice``, optionally ``payment`` and ``credit_note``; or the template.
    options : ImportOptions
        Terms, currencies and export date.

    Returns
    -------
    Draft

    Raises
    ------
    LedgerError
        If a file is none of these tables, or the invoices are missing.
    """
    draft = Draft("xero")
    tables = read_tables(draft, files, (_INVOICE, _PAYMENT, _CREDIT_NOTE, _TEMPLATE), "Xero")
    if "sales invoices template" in tables and "invoice" not in tables:
        return _read_template(draft, tables["sales invoices template"], options)
    require(tables, ["invoice"], "Xero", "it holds the receivables")
    if "sales invoices template" in tables:
        draft.leave_out(tables["sales invoices template"], "erp.table_not_needed")
    rows = tables["invoice"]
    base, rates = _currencies(rows)
    for name in ("payment", "credit_note"):
        if name in tables:
            draft.assume("erp.from_documentation", n=tables[name].height, table=name)
    claims = _claims(draft, rows)
    if "payment" in tables:
        cash = _payments(draft, tables["payment"], claims)
        credited = payments_of_totals(draft, claims.with_columns(paid_amount=pl.lit(0.0)), options)
        payments = pl.concat([cash, credited])
    else:
        payments = payments_of_totals(draft, claims, options)
    draft.assume("xero.credited", n=claims.filter(pl.col("credited_amount") > CENT_HALF).height)
    if "credit_note" in tables:
        payments = pl.concat([payments, _credit_notes(draft, tables["credit_note"])])
    return finish(draft, options, claims, payments, rates=rates, base=base)


def _currencies(rows: pl.DataFrame) -> tuple[str | None, pl.DataFrame]:
    # Payables and void documents are no receivables, but their rates are as good as any.
    rated = rows.select(
        currency=pl.col("currency_code").str.to_uppercase(),
        rate_date=pl.col("date").str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False),
        rate=1.0 / pl.col("currency_rate").cast(pl.Float64, strict=False),
    )
    return own_currency(rated.drop_nulls())


def _claims(draft: Draft, rows: pl.DataFrame) -> pl.DataFrame:
    rows = keep_known(draft, rows, "type", ("ACCREC",), _OTHER_TYPES, "document_type_unknown", "invoice_id")
    rows = keep_known(
        draft, rows, "status", ("AUTHORISED", "PAID"), _STATUSES, "status_unknown", "invoice_id"
    )
    rows = typed(
        draft,
        rows,
        "invoice_id",
        days=("date", "due_date", "fully_paid_on_date", "updated_date_utc"),
        amounts=("total", "amount_paid", "amount_credited", "amount_due"),
    )
    rows = split_off(draft, rows, pl.col("total").abs() < CENT_HALF, "erp.zero_amount")
    return rows.with_columns(document_name("invoice_number", "invoice_id")).select(
        LINE,
        "invoice_number",
        key="invoice_id",
        invoice_id="invoice_number",
        customer_id="contact_id",
        issue_date="date",
        due_date="due_date",
        amount="total",
        currency="currency_code",
        open_amount="amount_due",
        paid_amount="amount_paid",
        credited_amount="amount_credited",
        settled_on="fully_paid_on_date",
        changed_on="updated_date_utc",
    )


def _payments(draft: Draft, rows: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    rows = keep_known(
        draft, rows, "status", ("AUTHORISED",), {"DELETED": "erp.void"}, "status_unknown", "payment_id"
    )
    known = claims.select(pl.col("key").alias("invoice_id"), pl.col("invoice_id").alias("named"))
    known = known.drop_nulls("invoice_id")
    rows = rows.join(known, on="invoice_id", how="left", maintain_order="left", validate="m:1")
    # Payments of bills, and of credit notes and over-payments, name no receivable.
    rows = split_off(draft, rows, pl.col("named").is_null(), "erp.document_not_in_books")
    rows = typed(draft, rows, "payment_id", days=("date",), amounts=("amount",))
    return in_frame(
        rows.select(LINE, "amount", invoice_id="named", payment_date="date", kind=pl.lit("payment")),
        PAYMENTS,
    )


def _credit_notes(draft: Draft, rows: pl.DataFrame) -> pl.DataFrame:
    """What remains of credit notes; what was applied of them is in the invoices' sums."""
    rows = keep_known(
        draft,
        rows,
        "type",
        ("ACCRECCREDIT",),
        {"ACCPAYCREDIT": "erp.payable"},
        "document_type_unknown",
        "credit_note_id",
    )
    rows = keep_known(
        draft, rows, "status", ("AUTHORISED", "PAID"), _STATUSES, "status_unknown", "credit_note_id"
    )
    rows = typed(draft, rows, "credit_note_id", days=("date",), amounts=("total", "remaining_credit"))
    return in_frame(
        unspent(draft, rows, "remaining_credit").select(
            LINE,
            customer_id="contact_id",
            payment_date="date",
            amount="remaining_credit",
            kind=pl.lit("credit_note"),
            currency="currency_code",
        ),
        PAYMENTS,
    )


# ---- The template ----------------------------------------------------------------------------------


def _read_template(draft: Draft, rows: pl.DataFrame, options: ImportOptions) -> Draft:
    """Sales invoices as the user interface writes them: one line per item, and no payment at all."""
    days, amounts = ("invoicedate", "duedate"), ("total", "quantity", "unitamount", "discount", "taxamount")
    form = day_formats_of(draft, rows, days, ("DD/MM/YYYY", "MM/DD/YYYY", "YYYY-MM-DD"))
    mark = decimal_mark_of(rows, amounts)
    cleaned = rows.with_columns(pl.col("discount").str.strip_suffix("%"))
    sound = typed(draft, cleaned, "invoicenumber", days=days, amounts=amounts, day_formats=form, decimal=mark)
    # An invoice without one of its lines would be too small: it is refused whole.
    lost = rows.join(sound.select(LINE), on=LINE, how="anti")["invoicenumber"].drop_nulls().unique()
    broken = pl.col("invoicenumber").is_in(lost.implode()).fill_null(False)
    sound = refuse_where(draft, sound, broken, "line_of_refused_invoice", "invoicenumber", "invoicenumber")
    item = pl.col("quantity") * pl.col("unitamount") * (1.0 - pl.col("discount").fill_null(0.0) / 100.0)
    grouped = sound.group_by("invoicenumber", maintain_order=True).agg(
        pl.col(LINE).first(),
        pl.col("contactname", "invoicedate", "duedate", "currency").drop_nulls().first(),
        total=pl.col("total").drop_nulls().first(),
        summed=(item.fill_null(0.0) + pl.col("taxamount").fill_null(0.0)).sum().round(2),
    )
    owners = grouped.select("invoicenumber", pl.col(LINE).alias("__owner"))
    draft.belong(sound.join(owners, on="invoicenumber", nulls_equal=True), "__owner")
    draft.assume("xero.template_sums", n=grouped.filter(pl.col("total").is_null()).height)
    draft.assume("xero.template_without_payments", n=grouped.height)
    claims = grouped.select(
        LINE,
        invoice_id="invoicenumber",
        customer_id="contactname",
        issue_date="invoicedate",
        due_date="duedate",
        amount=pl.coalesce("total", "summed"),
        currency=pl.coalesce("currency", pl.lit(options.currency, dtype=pl.String)),
        open_amount=pl.lit(None, dtype=pl.Float64),
    )
    return finish(draft, options, in_frame(claims, CLAIMS), PAYMENTS.to_frame())
