"""Dynamics 365 Business Central and NAV: customer ledger entries.

Seen: the column names of an export of customer ledger entries (``Document_Type``,
``Customer_No_`` ... ``ClosedAtDate``, ``Open``, ``Remaining_Amount``), without rows.
Known from documentation only, never seen on real data: further columns of the table
(``Entry No.``, ``Posting Date``, ``Amount (LCY)``, ``Reversed``), the table *Detailed
Cust. Ledg. Entry* (Microsoft's reference of the base application), and the names and
numbers of document types and entry types.

With the detailed entries every application has its date; without them only the day on
which an entry was closed is known. An entry without a currency code is in the
company's own, which the table does not name: ``--currency`` does.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from paydelay.errors import LedgerError
from paydelay.ledger.tables import CENT_HALF
from paydelay.sources.cells import as_key, day_formats_of, decimal_mark_of, is_true, typed
from paydelay.sources.claims import PAYMENTS, document_name, finish, in_frame, payments_of_totals, unspent
from paydelay.sources.document_currencies import rates_of_documents
from paydelay.sources.draft import LINE, Draft
from paydelay.sources.layouts import Layout, read_tables, require
from paydelay.sources.options import ImportOptions
from paydelay.sources.scope import refuse_where, split_off

_ENTRY = Layout(
    "customer ledger entries",
    ("entry_no", "customer_no", "document_type", "document_no", "document_date", "posting_date", "due_date",
     "amount", "amount_lcy", "remaining_amount", "currency_code", "closed_at_date", "open", "reversed",
     "_fivetran_deleted"),
    ("customer_no", "document_type", "document_no", "due_date", "amount"),
    {
        "customer_no": ("Debitorennr.", "Kundennr.", "N° client", "Nº cliente"),
        "document_type": ("Belegart", "Type document", "Type de document", "Tipo documento"),
        "document_no": ("Belegnr.", "N° document", "N° doc.", "Nº documento"),
        "document_date": ("Belegdatum", "Date document", "Date du document", "Fecha emisión documento"),
        "posting_date": ("Buchungsdatum", "Date comptabilisation", "Fecha registro"),
        "due_date": ("Fälligkeitsdatum", "Date d'échéance", "Date échéance", "Fecha vencimiento"),
        "amount": ("Original Amount", "Betrag", "Ursprungsbetrag", "Montant", "Montant initial", "Importe"),
        "amount_lcy": ("Amount (LCY)", "Original Amount (LCY)", "Betrag (MW)", "Montant DS", "Importe ($)"),
        "remaining_amount": ("Restbetrag", "Montant ouvert", "Montant restant", "Importe pendiente"),
        "currency_code": ("Währungscode", "Code devise", "Cód. divisa"),
        "closed_at_date": ("Geschlossen am", "Date lettrage", "Fermé le", "Cerrado a la fecha"),
        "open": ("Offen", "Ouvert", "Pendiente"),
        "entry_no": ("Lfd. Nr.", "N° séquence", "Nº mov."),
        "reversed": ("Storniert", "Contrepassé", "Extornado"),
    },
    key=("entry_no",),
    identifier="document_no",
)  # fmt: skip
_DETAIL = Layout(
    "detailed customer ledger entries",
    ("entry_no", "cust_ledger_entry_no", "entry_type", "posting_date", "document_type", "amount",
     "applied_cust_ledger_entry_no", "unapplied"),
    ("cust_ledger_entry_no", "entry_type", "posting_date", "amount"),
    key=("entry_no",),
)  # fmt: skip

_TYPES = {
    "invoice": ("INVOICE", "2", "RECHNUNG", "FACTURE", "FACTURA"),
    "credit_memo": ("CREDIT MEMO", "3", "GUTSCHRIFT", "AVOIR", "ABONO"),
    "payment": ("PAYMENT", "1", "ZAHLUNG", "PAIEMENT", "RÈGLEMENT", "PAGO"),
    "refund": ("REFUND", "6", "ERSTATTUNG", "REMBOURSEMENT", "REEMBOLSO"),
    "finance_charge": ("FINANCE CHARGE MEMO", "4", "ZINSRECHNUNG", "FACTURE D'INTÉRÊTS", "DOC. INTERÉS"),
    "reminder": ("REMINDER", "5", "MAHNUNG", "RELANCE", "RECORDATORIO"),
    "blank": ("", "0"),
}
_ENTRY_TYPES = {
    "initial": ("INITIAL ENTRY", "1"),
    "application": ("APPLICATION", "2"),
    "discount": (
        "PAYMENT DISCOUNT", "7", "PAYMENT DISCOUNT (VAT EXCL.)", "8",
        "PAYMENT DISCOUNT (VAT ADJUSTMENT)", "9", "APPLN. ROUNDING", "10",
        "PAYMENT TOLERANCE", "12", "PAYMENT DISCOUNT TOLERANCE", "13",
        "PAYMENT TOLERANCE (VAT EXCL.)", "14", "PAYMENT TOLERANCE (VAT ADJUSTMENT)", "15",
        "PAYMENT DISCOUNT TOLERANCE (VAT EXCL.)", "16", "PAYMENT DISCOUNT TOLERANCE (VAT ADJUSTMENT)", "17",
    ),
    "currency": (
        "UNREALIZED LOSS", "3", "UNREALIZED GAIN", "4", "REALIZED LOSS", "5", "REALIZED GAIN", "6",
        "CORRECTION OF REMAINING AMOUNT", "11",
    ),
}  # fmt: skip
_DAYS = ("document_date", "posting_date", "due_date", "closed_at_date")
_FORMATS = ("YYYY-MM-DD", "DD/MM/YYYY", "MM/DD/YYYY", "DD.MM.YYYY", "DD-MM-YYYY", "DD/MM/YY", "MM/DD/YY")
_ZERO_DAYS = ("0001-01-01", "1753-01-01")


def read(files: list[Path], options: ImportOptions) -> Draft:
    """Draft of a ledger from customer ledger entries.

    Parameters
    ----------
    files : list of Path
        Customer ledger entries, and optionally the detailed ones.
    options : ImportOptions
        Terms, currencies (that of entries without a code) and export date.

    Returns
    -------
    Draft

    Raises
    ------
    LedgerError
        If a file is neither, or entries have no currency.
    """
    draft = Draft("dynamics-bc")
    tables = read_tables(draft, files, (_ENTRY, _DETAIL), "Business Central")
    require(tables, [_ENTRY.table], "Business Central", "they are the receivables")
    rows = _entries(draft, tables[_ENTRY.table], options)
    rates = rows.select(
        currency="currency_code",
        rate_date=pl.coalesce("posting_date", "document_date"),
        rate=pl.col("amount_lcy") / pl.col("amount"),
    )
    known = rates_of_documents(rates.drop_nulls(), options.currency) if options.currency else None
    claims = _claims(rows.filter("claimed"))
    credit_rows = rows.filter(~pl.col("claimed"))
    if _DETAIL.table in tables:
        if rows["entry_no"].null_count() == rows.height and rows.height:
            raise LedgerError(
                "The customer ledger entries of Business Central lack Entry No., by which the detailed ones "
                "name them; export that column too."
            )
        draft.assume("erp.from_documentation", n=tables[_DETAIL.table].height, table=_DETAIL.table)
        settled = _applied(draft, tables[_DETAIL.table], claims, credit_rows)
    else:
        days = [rows["posting_date"], rows["document_date"]]
        settled = payments_of_totals(draft, claims, options, days)
        draft.assume("dynamics_bc.credits_as_payments", n=settled.height)
        # The payments are what does not remain: beside them the remaining amount proves nothing.
        claims = claims.with_columns(open_amount=pl.lit(None, dtype=pl.Float64))
    payments = pl.concat([settled, _remaining(draft, credit_rows)])
    return finish(draft, options, claims, payments, rates=known, base=options.currency)


# ---- Entries ---------------------------------------------------------------------------------------


def _word(column: str) -> pl.Expr:
    """A word in capitals; OData writes a blank as _x0020_."""
    return pl.col(column).str.replace_all("_x0020_", " ", literal=True).str.to_uppercase()


def _meaning(column: str, words: dict[str, tuple[str, ...]]) -> pl.Expr:
    known = {spelling: meaning for meaning, spellings in words.items() for spelling in spellings}
    return _word(column).fill_null("").replace_strict(known, default=None, return_dtype=pl.String)


def _entries(draft: Draft, rows: pl.DataFrame, options: ImportOptions) -> pl.DataFrame:
    rows = split_off(draft, rows, is_true("_fivetran_deleted"), "erp.deleted")
    rows = split_off(draft, rows, is_true("reversed"), "erp.reversed")
    rows = rows.with_columns(
        _meaning("document_type", _TYPES).alias("document"), as_key("entry_no"), *_without_zeros(_DAYS)
    )
    unknown = pl.col("document").is_null()
    rows = refuse_where(draft, rows, unknown, "document_type_unknown", "document_type", "document_no")
    amounts = ("amount", "amount_lcy", "remaining_amount")
    form, mark = day_formats_of(draft, rows, _DAYS, _FORMATS), decimal_mark_of(rows, amounts)
    rows = typed(draft, rows, "document_no", days=_DAYS, amounts=amounts, day_formats=form, decimal=mark)
    bare = rows.filter(pl.col("currency_code").is_null()).height
    if bare and options.currency is None:
        raise LedgerError(
            f"{bare} customer ledger entries of Business Central have no currency code, which means the "
            "company's own; name it with --currency."
        )
    lacking = pl.col("amount").is_null()
    rows = refuse_where(draft, rows, lacking, "missing_value", "amount", "document_no")
    rows = split_off(draft, rows, pl.col("amount").abs() < CENT_HALF, "erp.zero_amount")
    own = pl.lit(options.currency, dtype=pl.String)
    debit = pl.col("amount") > 0
    rows = rows.with_columns(
        currency_code=pl.coalesce(pl.col("currency_code").str.to_uppercase(), own),
        # An entry without a type, as a journal makes it, is a claim where it is a debit.
        claimed=debit & pl.col("document").is_in(("invoice", "finance_charge", "reminder", "blank")),
    )
    draft.assume(
        "dynamics_bc.entries_as_claims", n=rows.filter("claimed", pl.col("document") == "blank").height
    )
    return rows


def _without_zeros(columns: tuple[str, ...]) -> list[pl.Expr]:
    """Days with null where the database writes its day zero."""
    return [
        pl.when(~pl.col(name).str.slice(0, 10).is_in(_ZERO_DAYS)).then(pl.col(name)).alias(name)
        for name in columns
    ]


def _claims(rows: pl.DataFrame) -> pl.DataFrame:
    """Claims; what was paid is what does not remain, and all of it where an entry is closed."""
    closed = pl.col("closed_at_date").is_not_null()
    remaining = pl.coalesce("remaining_amount", pl.when(closed).then(0.0))
    key = pl.coalesce("entry_no", pl.col("document_no") + "/" + pl.col("document_type").fill_null(""))
    return (
        rows.with_columns(key=key, remaining=remaining)
        .with_columns(document_name("document_no", "key"))
        .select(
            LINE,
            "key",
            invoice_id="document_no",
            customer_id="customer_no",
            issue_date=pl.coalesce("document_date", "posting_date"),
            due_date="due_date",
            amount="amount",
            currency="currency_code",
            open_amount="remaining_amount",
            recorded_on=pl.lit(None, dtype=pl.Date),
            paid_amount=pl.col("amount") - pl.coalesce("remaining", "amount"),
            credited_amount=pl.lit(0.0),
            settled_on="closed_at_date",
            changed_on=pl.lit(None, dtype=pl.Date),
        )
    )


# ---- Applications ----------------------------------------------------------------------------------


def _applied(
    draft: Draft, rows: pl.DataFrame, claims: pl.DataFrame, credit_rows: pl.DataFrame
) -> pl.DataFrame:
    """Payments from the detailed entries of the claims, on the date of the entry that was applied."""
    rows = rows.with_columns(
        as_key("cust_ledger_entry_no").alias("key"),
        as_key("applied_cust_ledger_entry_no").alias("applied"),
        _meaning("entry_type", _ENTRY_TYPES).alias("meaning"),
        _meaning("document_type", _TYPES).alias("document"),
        *_without_zeros(("posting_date",)),
    )
    unknown = pl.col("meaning").is_null()
    rows = refuse_where(draft, rows, unknown, "entry_type_unknown", "entry_type", "entry_no")
    rows = split_off(draft, rows, is_true("unapplied"), "erp.unapplied")
    form, mark = day_formats_of(draft, rows, ["posting_date"], _FORMATS), decimal_mark_of(rows, ["amount"])
    rows = typed(
        draft, rows, "entry_no", days=("posting_date",), amounts=("amount",), day_formats=form, decimal=mark
    )
    heads = pl.concat([claims.select("key", owner=LINE), credit_rows.select(key="entry_no", owner=LINE)])
    # Entries without a number of their own are named by none of these.
    heads = heads.drop_nulls("key").filter(pl.col("key").is_unique())
    rows = rows.join(heads, on="key", how="left", maintain_order="left", validate="m:1")
    rows = split_off(draft, rows, pl.col("owner").is_null(), "erp.document_not_in_books")
    named = claims.select("key", "invoice_id", claim_line=LINE)
    named = named.drop_nulls("key").filter(pl.col("key").is_unique())
    rows = rows.join(named, on="key", how="left", maintain_order="left", validate="m:1")
    moving = pl.col("meaning").is_in(("application", "discount")) & (pl.col("amount").abs() > CENT_HALF)
    settles = pl.col("invoice_id").is_not_null() & moving
    # What the entries of payments say mirrors those of invoices; they are read, and made nothing of.
    draft.belong(rows.filter(~settles), "owner")
    paid = _with_payer(rows.filter(settles), rows, credit_rows)
    by_credit = pl.coalesce("payer_document", "document") == "credit_memo"
    kind = (
        pl.when(pl.col("meaning") == "discount")
        .then(pl.lit("discount"))
        .when(by_credit)
        .then(pl.lit("credit_note"))
        .otherwise(pl.lit("payment"))
    )
    applied = pl.col("meaning") == "application"
    return in_frame(
        paid.select(
            LINE,
            "invoice_id",
            payment_date=pl.when(applied)
            .then(pl.coalesce("payer_date", "posting_date"))
            .otherwise("posting_date"),
            amount=-pl.col("amount"),
            kind=kind,
        ),
        PAYMENTS,
    )


def _with_payer(paid: pl.DataFrame, rows: pl.DataFrame, credit_rows: pl.DataFrame) -> pl.DataFrame:
    """Applications with the entry that was applied: named, or that which names this one on the same day."""
    mirror = (
        rows.filter(pl.col("invoice_id").is_null(), pl.col("applied").is_not_null())
        .select("posting_date", mirrored="key", key="applied", amount=-pl.col("amount"))
        .unique(["key", "posting_date", "amount"], keep="first", maintain_order=True)
    )
    paid = paid.join(
        mirror, on=["key", "posting_date", "amount"], how="left", maintain_order="left", validate="m:1"
    )
    paid = paid.with_columns(
        payer=pl.when(pl.col("applied") != pl.col("key")).then("applied").otherwise("mirrored")
    ).with_columns(payer=pl.coalesce("payer", "mirrored"))
    heads = credit_rows.select(
        payer="entry_no", payer_date=pl.coalesce("posting_date", "document_date"), payer_document="document"
    ).drop_nulls("payer")
    return paid.join(heads, on="payer", how="left", maintain_order="left", validate="m:1")


def _remaining(draft: Draft, credit_rows: pl.DataFrame) -> pl.DataFrame:
    """What of payments and credit memos is not applied; what was applied is in the invoices."""
    memo = pl.col("document") == "credit_memo"
    return in_frame(
        unspent(draft, credit_rows, "remaining_amount").select(
            LINE,
            customer_id="customer_no",
            payment_date=pl.coalesce("posting_date", "document_date"),
            amount=-pl.col("remaining_amount"),
            kind=pl.when(memo).then(pl.lit("credit_note")).otherwise(pl.lit("payment")),
            currency="currency_code",
        ),
        PAYMENTS,
    )
