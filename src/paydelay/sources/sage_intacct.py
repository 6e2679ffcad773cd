"""Sage Intacct: the table of receivable invoices of a warehouse.

Seen on real samples: ``ar_invoice`` as the Fivetran connector writes it (every row of
the sample is deleted). Known from documentation only, never seen on real data: the
states other than Posted and No Value, record types other than ``ri``, negative
invoices, and the columns of companies with several currencies (``basecurr``,
``trx_total...``; Sage's documentation of the objects).

The table has one date of payment per invoice, that of full settlement, and no link to
payments. ``due_in_days`` counts from the day of the export and is not used.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from paydelay.ledger.tables import CENT_HALF
from paydelay.sources.cells import as_key, is_true, typed
from paydelay.sources.claims import PAYMENTS, document_name, finish, in_frame, payments_of_totals, unspent
from paydelay.sources.document_currencies import rates_of_documents
from paydelay.sources.draft import LINE, Draft
from paydelay.sources.layouts import Layout, read_tables, require
from paydelay.sources.options import ImportOptions
from paydelay.sources.scope import keep_known, split_off

_INVOICE = Layout(
    "ar_invoice",
    ("recordno", "recordid", "recordtype", "state", "customerid", "currency", "basecurr", "totalentered",
     "totalpaid", "totaldue", "trx_totalentered", "trx_totalpaid", "trx_totaldue", "whencreated", "whendue",
     "whenpaid", "whenposted", "whenmodified", "auwhencreated", "megaentityid", "_fivetran_deleted"),
    ("recordno", "customerid", "totalentered", "totalpaid", "totaldue", "whencreated", "whendue", "whenpaid"),
    key=("recordno",),
)  # fmt: skip

# Adjustments, payments, advances and overpayments: what was applied of them is in the
# sums of the invoices, and the table does not say to which.
_OTHER_TYPES = dict.fromkeys(("RA", "RP", "RO", "RR", "RS", "RD"), "erp.other_record")
_KEPT_STATES = ("POSTED", "PAID", "PARTIALLY PAID", "NO VALUE", "SELECTED", "CONFIRMED", "COMPLETE")
_OTHER_STATES = {
    "DRAFT": "erp.draft",
    "SUBMITTED": "erp.draft",
    "APPROVED": "erp.draft",
    "PARTIALLY APPROVED": "erp.draft",
    "DECLINED": "erp.draft",
    "VOIDED": "erp.void",
    "VOID": "erp.void",
    "REVERSED": "erp.reversed",
    "REVERSAL": "erp.reversed",
}


def read(files: list[Path], options: ImportOptions) -> Draft:
    """Draft of a ledger from Sage Intacct's receivable invoices.

    Parameters
    ----------
    files : list of Path
        ``ar_invoice``, in one or several files.
    options : ImportOptions
        Terms, currencies and export date.

    Returns
    -------
    Draft

    Raises
    ------
    LedgerError
        If a file is not that table.
    """
    draft = Draft("sage-intacct")
    tables = read_tables(draft, files, (_INVOICE,), "Sage Intacct")
    require(tables, ["ar_invoice"], "Sage Intacct", "it holds the receivables")
    rows = _rows(draft, tables["ar_invoice"])
    base, rates = _currencies(rows)
    rows = split_off(draft, rows, pl.col("total").abs() < CENT_HALF, "erp.zero_amount")
    own = pl.coalesce(pl.col("coded"), pl.lit(options.currency, dtype=pl.String))
    rows = rows.with_columns(document_name("recordid", "recordno"), coded=own)
    claims = rows.filter(pl.col("total") > 0).select(
        LINE,
        invoice_id="recordid",
        customer_id="customerid",
        issue_date="whencreated",
        due_date="whendue",
        amount="total",
        currency="coded",
        open_amount="due",
        entity="megaentityid",
        recorded_on="auwhencreated",
        paid_amount="paid",
        credited_amount=pl.lit(0.0),
        settled_on="whenpaid",
        changed_on="whenmodified",
    )
    settled = payments_of_totals(draft, claims, options)
    draft.assume("sage_intacct.credits_as_payments", n=settled.height)
    payments = pl.concat([settled, _negative(draft, rows.filter(pl.col("total") < 0))])
    return finish(draft, options, claims, payments, rates=rates, base=base)


def _rows(draft: Draft, rows: pl.DataFrame) -> pl.DataFrame:
    rows = split_off(draft, rows, is_true("_fivetran_deleted"), "erp.deleted")
    rows = rows.with_columns(
        as_key("recordno"),
        recordtype=pl.col("recordtype").fill_null("ri"),
        state=pl.col("state").fill_null("No Value"),
    )
    rows = keep_known(draft, rows, "recordtype", ("RI",), _OTHER_TYPES, "document_type_unknown", "recordno")
    rows = keep_known(draft, rows, "state", _KEPT_STATES, _OTHER_STATES, "status_unknown", "recordno")
    sums = ("totalentered", "totalpaid", "totaldue")
    rows = typed(
        draft,
        rows,
        "recordno",
        days=("whencreated", "whendue", "whenpaid", "whenmodified", "auwhencreated"),
        amounts=(*sums, *(f"trx_{name}" for name in sums)),
    )
    transacted = pl.col("trx_totalentered").is_not_null()
    return rows.with_columns(
        # Plain totals are in the company's currency where it keeps several.
        coded=pl.when(transacted)
        .then(pl.col("currency").str.to_uppercase())
        .otherwise(pl.coalesce("basecurr", "currency").str.to_uppercase()),
        total=pl.coalesce("trx_totalentered", "totalentered").fill_null(0.0),
        paid=pl.when(transacted).then("trx_totalpaid").otherwise("totalpaid"),
        due=pl.when(transacted).then("trx_totaldue").otherwise("totaldue"),
    )


def _currencies(rows: pl.DataFrame) -> tuple[str | None, pl.DataFrame | None]:
    named = rows["basecurr"].str.to_uppercase().drop_nulls().unique().to_list()
    if len(named) != 1:
        return None, None
    rates = rows.select(
        currency="coded", rate_date="whencreated", rate=pl.col("totalentered") / pl.col("trx_totalentered")
    )
    return str(named[0]), rates_of_documents(rates.drop_nulls(), str(named[0]))


def _negative(draft: Draft, rows: pl.DataFrame) -> pl.DataFrame:
    """Negative invoices are credits: what is left of one is on account, the rest in other invoices' sums."""
    return in_frame(
        unspent(draft, rows, "due").select(
            LINE,
            customer_id="customerid",
            payment_date="whencreated",
            amount=-pl.col("due"),
            kind=pl.lit("credit_note"),
            currency="coded",
        ),
        PAYMENTS,
    )
