"""SAP: customer items from BSAD, BSID and BSEG or the FBL5N list, with BKPF and KNA1.

Seen on samples: the columns of BSAD, BSEG, BKPF and KNA1 (their rows are made up).
Known from documentation only, never seen on real data: BSID (the columns of BSAD), the
FBL5N list, what posting keys, document types and special G/L indicators mean, and how
clearing, partial payments and residual items are written. See ``sap_layouts``.

Items that were cleared together carry one clearing document (AUGBL). What settled an
invoice is a credit of the same group, and its date is that credit's posting date: AUGDT
is the day of matching, which may be later. A partial payment names its invoice (REBZG);
a residual item replaces what a payment left open and is followed as its invoice's own.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from paydelay.errors import LedgerError
from paydelay.ledger.tables import AMOUNT_MAX, CENT_HALF
from paydelay.sources.cells import as_key, day_formats_of, decimal_mark_of, is_true, typed
from paydelay.sources.claims import finish
from paydelay.sources.document_currencies import rates_of_documents
from paydelay.sources.draft import LINE, Draft
from paydelay.sources.layouts import read_tables, require, unique_by
from paydelay.sources.options import ImportOptions
from paydelay.sources.sap_clearing import settle
from paydelay.sources.sap_layouts import (
    CREDIT_MEMO_KEYS,
    CREDIT_MEMO_TYPES,
    CUSTOMERS,
    HEADERS,
    INVOICE_KEYS,
    ITEMS,
    PAYMENT_KEYS,
    PAYMENT_TYPES,
    REVERSED_CREDIT_KEY,
)
from paydelay.sources.sap_sums import agree_in_sum
from paydelay.sources.scope import refuse_where, split_off

_DAYS = ("bldat", "budat", "cpudt", "faedt", "zfbdt", "augdt")
_AMOUNTS = ("wrbtr", "dmbtr", "wrshb", "dmshb", "wskto", "zbd1t", "zbd2t", "zbd3t")
_KEYS = ("bukrs", "belnr", "gjahr", "buzei", "kunnr", "augbl", "rebzg", "rebzj", "rebzz")
_FORMATS = ("YYYYMMDD", "YYYY-MM-DD", "DD.MM.YYYY", "DD/MM/YYYY", "MM/DD/YYYY", "YYYY/MM/DD")
_STANDARD_KEYS = (*PAYMENT_KEYS, *CREDIT_MEMO_KEYS, *INVOICE_KEYS, REVERSED_CREDIT_KEY)


def read(files: list[Path], options: ImportOptions) -> Draft:
    """Draft of a ledger from SAP's customer items.

    Parameters
    ----------
    files : list of Path
        Customer items (BSAD and BSID, BSEG, or the FBL5N list), optionally BKPF and KNA1.
    options : ImportOptions
        Terms, currencies and export date.

    Returns
    -------
    Draft

    Raises
    ------
    LedgerError
        If a file is none of these tables, items or their headers are missing, or companies
        with different currencies are mixed.
    """
    draft = Draft("sap")
    tables = read_tables(draft, files, (ITEMS, HEADERS, CUSTOMERS), "SAP")
    require(tables, [ITEMS.table], "SAP", "they are the receivables")
    items = _items(draft, tables[ITEMS.table], tables.get(HEADERS.table))
    base = _local_currency(items, options)
    items = _in_scope(draft, _with_amounts(draft, items, base))
    raw = items.select(LINE, "currency", "amount", group=_group())
    claims, payments = settle(draft, _classified(draft, items))
    customers = _customers(draft, tables[CUSTOMERS.table]) if CUSTOMERS.table in tables else None
    rates = items.select("currency", rate_date="budat", rate=pl.col("local") / pl.col("amount"))
    known = rates_of_documents(rates, base) if base else None
    finish(draft, options, claims, payments, customers=customers, rates=known, base=base)
    draft.reconcile = agree_in_sum(draft, raw, payments)
    return draft


# ---- Reading ---------------------------------------------------------------------------------------


def _bare(column: str) -> pl.Expr:
    """A number without the zeros that tables pad it with and lists do not; all zeros are nothing."""
    key = as_key(column)
    digits = key.str.contains(r"^\d+$")
    bare = pl.when(digits).then(key.str.strip_chars_start("0")).otherwise(key)
    return pl.when(bare != "").then(bare).alias(column)


def _items(draft: Draft, rows: pl.DataFrame, headers: pl.DataFrame | None) -> pl.DataFrame:
    """Customer items with the facts of their document's header, days and amounts in their types."""
    rows = rows.with_columns(_bare(name) for name in _KEYS)
    rows = split_off(draft, rows, is_true("_fivetran_deleted"), "erp.deleted")
    elsewhere = (pl.col("koart").str.to_uppercase() != "D").fill_null(False)
    rows = split_off(draft, rows, elsewhere, "erp.not_receivable")
    rows = split_off(draft, rows, pl.col("belnr").is_null(), "erp.subtotal")
    # BSEG says of an item in other columns what BSAD or BSID says of it too.
    key = ["bukrs", "belnr", "gjahr", "buzei"]
    twice = pl.col("koart").is_null().any().over(key) & pl.all_horizontal(pl.col(key).is_not_null())
    rows = split_off(draft, rows, pl.col("koart").is_not_null() & twice, "erp.repeated_row")
    rows = unique_by(draft, rows, key, "belnr")
    form = day_formats_of(draft, _without_zeros(rows), _DAYS, _FORMATS)
    mark = decimal_mark_of(rows, _AMOUNTS)
    rows = typed(
        draft, _without_zeros(rows), "belnr", days=_DAYS, amounts=_AMOUNTS, day_formats=form, decimal=mark
    )
    if headers is not None:
        rows = _with_headers(draft, rows, headers)
    elif rows.height and rows["budat"].null_count() == rows.height:
        raise LedgerError(
            "The customer items of SAP carry no posting date (BUDAT), as in BSEG; give BKPF too, which does."
        )
    draft.assume("sap.from_documentation", n=rows.filter(_never_seen()).height)
    return rows


def _without_zeros(rows: pl.DataFrame) -> pl.DataFrame:
    """Days with null where SAP writes 00000000."""
    return rows.with_columns(
        pl.when(~pl.col(name).str.contains(r"^[0.\-/ ]*$")).then(pl.col(name)).alias(name)
        for name in _DAYS
        if name in rows.columns
    )


def _never_seen() -> pl.Expr:
    """Rows of BSID and of the list: no sample of either was at hand."""
    listed = pl.col("wrshb").is_not_null() | pl.col("dmshb").is_not_null() | pl.col("faedt").is_not_null()
    return pl.col("augbl").is_null() | listed


def _with_headers(draft: Draft, rows: pl.DataFrame, headers: pl.DataFrame) -> pl.DataFrame:
    filled = ("blart", "bldat", "budat", "cpudt", "waers", "hwaer")
    heads = headers.with_columns(_bare(name) for name in ("bukrs", "belnr", "gjahr", "stblg"))
    heads = split_off(draft, heads, is_true("_fivetran_deleted"), "erp.deleted")
    heads = unique_by(draft, heads, ["bukrs", "belnr", "gjahr"], "belnr")
    wanted = heads.join(rows, on=["bukrs", "belnr", "gjahr"], how="semi")
    draft.leave_out(heads.join(wanted.select(LINE), on=LINE, how="anti"), "erp.not_receivable")
    form = day_formats_of(draft, _without_zeros(wanted), ("bldat", "budat", "cpudt"), _FORMATS)
    wanted = typed(draft, _without_zeros(wanted), "belnr", days=("bldat", "budat", "cpudt"), day_formats=form)
    joined = rows.join(
        wanted.select("bukrs", "belnr", "gjahr", "stblg", *filled, header_line=pl.col(LINE)),
        on=["bukrs", "belnr", "gjahr"],
        how="left",
        maintain_order="left",
        suffix="_head",
        validate="m:1",
    )
    draft.belong(
        joined.filter(pl.col("header_line").is_not_null()).select(
            pl.col("header_line").alias(LINE), owner=pl.col(LINE)
        ),
        "owner",
    )
    return joined.with_columns(pl.coalesce(name, f"{name}_head").alias(name) for name in filled)


def _customers(draft: Draft, rows: pl.DataFrame) -> pl.DataFrame:
    rows = split_off(draft, rows, is_true("_fivetran_deleted"), "erp.deleted")
    rows = unique_by(draft, rows.with_columns(_bare("kunnr")), ["kunnr"])
    return rows.select(LINE, customer_id="kunnr", country="land1", sector="brsch", segment="kukla")


# ---- Amounts ---------------------------------------------------------------------------------------


def _local_currency(rows: pl.DataFrame, options: ImportOptions) -> str | None:
    """The company's currency: named by the documents, or that in which both amounts are always the same."""
    named = rows["hwaer"].str.to_uppercase().drop_nulls().unique().to_list()
    if len(named) > 1:
        raise LedgerError(
            f"The items are those of companies with {len(named)} currencies of their own; import one company "
            "code at a time."
        )
    if named:
        return str(named[0])
    document, local = pl.coalesce("wrbtr", "wrshb"), pl.coalesce("dmbtr", "dmshb")
    pairs = rows.select(
        currency=pl.col("waers").str.to_uppercase(), same=(document - local).abs() < CENT_HALF
    )
    alike = pairs.drop_nulls().group_by("currency").agg(pl.col("same").all()).filter("same")
    return str(alike.item(0, "currency")) if alike.height == 1 else options.currency


def _with_amounts(draft: Draft, rows: pl.DataFrame, base: str | None) -> pl.DataFrame:
    """Signed amounts in the document's currency and in the company's."""
    sign = pl.col("shkzg").str.to_uppercase().replace_strict({"S": 1.0, "H": -1.0}, default=None)
    unsigned = pl.coalesce("wrbtr", "dmbtr").is_not_null()
    unknown = sign.is_null() & unsigned & pl.coalesce("wrshb", "dmshb").is_null()
    rows = refuse_where(draft, rows, unknown, "sign_unknown", "shkzg", "belnr")
    rows = rows.with_columns(
        amount=pl.coalesce(pl.col("wrbtr") * sign, "wrshb"),
        local=pl.coalesce(pl.col("dmbtr") * sign, "dmshb"),
    )
    # A list may show the local amount only.
    own = pl.lit(base, dtype=pl.String)
    rows = rows.with_columns(
        currency=pl.when(pl.col("amount").is_null())
        .then(own)
        .otherwise(pl.coalesce(pl.col("waers").str.to_uppercase(), own)),
        amount=pl.coalesce("amount", "local"),
    )
    rows = refuse_where(draft, rows, pl.col("amount").is_null(), "missing_value", "wrbtr", "belnr")
    large = pl.col("amount").abs() > AMOUNT_MAX
    rows = refuse_where(draft, rows, large, "amount_too_large", "wrbtr", "belnr")
    return refuse_where(draft, rows, pl.col("budat").is_null(), "missing_value", "budat", "belnr")


def _in_scope(draft: Draft, rows: pl.DataFrame) -> pl.DataFrame:
    """Without what is no claim and no settlement: reversed documents, noted items, other special G/L."""
    special = pl.col("umskz").str.to_uppercase()
    if "stblg" in rows.columns:
        rows = split_off(draft, rows, pl.col("stblg").is_not_null(), "erp.reversed")
    rows = split_off(draft, rows, special == "F", "erp.noted_item")
    rows = split_off(draft, rows, special.is_not_null() & (special != "A"), "erp.special_gl")
    # A down payment that was cleared lives on as the credit that its clearing posted.
    cleared = (special == "A") & pl.col("augbl").is_not_null()
    rows = split_off(draft, rows, cleared, "erp.cleared_down_payment")
    return split_off(draft, rows, pl.col("amount").abs() < CENT_HALF, "erp.zero_amount")


# ---- What each item is -----------------------------------------------------------------------------


def _classified(draft: Draft, rows: pl.DataFrame) -> pl.DataFrame:
    """Items with what they are: claim, residual or counter on the debit side, payment or credit note."""
    posting, kind = pl.col("bschl"), pl.col("blart").str.to_uppercase()
    standard = posting.is_in(_STANDARD_KEYS).fill_null(False)
    of_payment = pl.when(standard).then(posting.is_in(PAYMENT_KEYS)).otherwise(kind.is_in(PAYMENT_TYPES))
    of_payment = of_payment.fill_null(False) | (pl.col("umskz").is_not_null())
    memo = pl.when(standard).then(posting.is_in(CREDIT_MEMO_KEYS)).otherwise(kind.is_in(CREDIT_MEMO_TYPES))
    debit = pl.col("amount") > 0
    reverse = (posting == REVERSED_CREDIT_KEY).fill_null(False)
    rows = rows.with_columns(
        role=pl.when(debit & ~of_payment & ~reverse)
        .then(pl.lit("claim"))
        .when(debit & pl.col("rebzg").is_not_null())
        .then(pl.lit("residual"))
        .when(debit)
        .then(pl.lit("counter"))
        .when(memo.fill_null(False) & pl.col("umskz").is_null())
        .then(pl.lit("credit_note"))
        .otherwise(pl.lit("payment")),
        group=_group(),
        **_terms(),
    )
    other = (pl.col("role") == "payment") & ~of_payment
    draft.assume("sap.other_credits_as_payments", n=rows.filter(other).height)
    no_base = pl.col("due_date").is_not_null() & pl.col("faedt").is_null() & pl.col("zfbdt").is_null()
    draft.assume("sap.baseline_is_document_date", n=rows.filter(no_base, pl.col("role") == "claim").height)
    return rows.with_columns(invoice_id=_identifier(rows))


def _group() -> pl.Expr:
    """What was cleared together in one currency; nothing for open items."""
    cleared = pl.col("augbl").is_not_null() & pl.col("augdt").is_not_null()
    parts = [
        pl.col("bukrs").fill_null(""),
        pl.col("augbl"),
        pl.col("augdt").cast(pl.String),
        pl.col("currency"),
    ]
    return pl.when(cleared).then(pl.concat_str(parts, separator="|", ignore_nulls=True))


def _terms() -> dict[str, pl.Expr]:
    """Net due date: given, or the baseline date and the longest term that is filled in."""
    days = [pl.when(pl.col(name) > 0).then(pl.col(name)) for name in ("zbd3t", "zbd2t", "zbd1t")]
    term = pl.coalesce(*days, pl.lit(0.0)).clip(0, 3650).round().cast(pl.Int64)
    has_terms = pl.any_horizontal(pl.col(name).is_not_null() for name in ("zfbdt", "zbd1t", "zbd2t", "zbd3t"))
    start = pl.coalesce("zfbdt", "bldat", "budat")
    computed = pl.when(has_terms).then(start.dt.offset_by(pl.format("{}d", term)))
    return {
        "issue_date": pl.coalesce("bldat", "budat"),
        "due_date": pl.coalesce("faedt", computed),
    }


def _identifier(rows: pl.DataFrame) -> pl.Series:
    """Company code, document, year and item; a list without items gets a number per document."""
    key = rows.select(
        key=pl.concat_str("bukrs", "belnr", "gjahr", "buzei", separator="/", ignore_nulls=True),
        no_item=pl.col("buzei").is_null(),
        claimed=pl.col("role") == "claim",
    )
    position = pl.int_range(pl.len()).over("key", "claimed") + 1
    several = pl.len().over("key", "claimed") > 1
    return key.select(
        invoice_id=pl.when(several & pl.col("no_item"))
        .then(pl.format("{}/{}", "key", position))
        .otherwise("key")
    )["invoice_id"]
