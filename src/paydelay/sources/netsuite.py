"""NetSuite: transactions and what links them, by the names of SuiteAnalytics.

Seen on a real sample: the columns of ``transaction`` as the Fivetran connector writes
it (three vendor bills without amounts). Known from documentation only, never seen on
real data: ``transactionline``, ``transactionaccountingline`` and ``currency`` (columns
as in the package fivetran/dbt_netsuite_source, Apache-2.0), ``nexttransactionlinelink``
(Oracle's record catalogue), the amounts on ``transaction`` (``foreigntotal`` and its
kin, from SuiteQL), transaction types and status codes.

Without the links only the day on which an invoice was closed is known.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from paydelay.errors import LedgerError
from paydelay.ledger.tables import CENT_HALF
from paydelay.sources.cells import as_key, is_true, typed
from paydelay.sources.claims import PAYMENTS, document_name, finish, in_frame, payments_of_totals, unapplied
from paydelay.sources.document_currencies import codes_of, own_currency
from paydelay.sources.draft import LINE, Draft
from paydelay.sources.layouts import Layout, read_tables, require
from paydelay.sources.options import ImportOptions
from paydelay.sources.scope import refuse_where, split_off

_TRANSACTION = Layout(
    "transaction",
    ("id", "type", "tranid", "transactionnumber", "trandate", "duedate", "closedate", "createddate",
     "currency", "entity", "status", "posting", "foreigntotal", "foreignamountpaid", "foreignamountunpaid",
     "foreignpaymentamountunused", "exchangerate", "_fivetran_deleted"),
    ("id", "type", "trandate", "duedate", "closedate", "currency", "entity"),
    key=("id",),
)  # fmt: skip
_LINE_TABLE = Layout(
    "transactionline",
    ("transaction", "id", "mainline", "linesequencenumber", "foreignamount", "foreignamountpaid",
     "foreignamountunpaid", "foreignpaymentamountunused", "subsidiary"),
    ("transaction", "mainline", "linesequencenumber"),
    key=("transaction", "id"),
    identifier="transaction",
)  # fmt: skip
_ACCOUNTING = Layout(
    "transactionaccountingline",
    ("transaction", "transactionline", "accountingbook", "amount", "amountpaid", "amountunpaid",
     "paymentamountunused"),
    ("transaction", "transactionline", "amount", "amountunpaid"),
    key=("transaction", "transactionline", "accountingbook"),
    identifier="transaction",
)  # fmt: skip
_LINK = Layout(
    "nexttransactionlinelink",
    ("previousdoc", "previousline", "nextdoc", "nextline", "linktype", "foreignamount"),
    ("previousdoc", "nextdoc", "linktype", "foreignamount"),
    key=("previousdoc", "previousline", "nextdoc", "nextline", "linktype"),
    identifier="previousdoc",
)
_CURRENCY = Layout("currency", ("id", "name", "symbol"), ("id", "name", "symbol"), key=("id",))

_CREDITS = {
    "CUSTPYMT": "payment",
    "CUSTDEP": "payment",
    "DEPAPPL": "payment",
    "CUSTCRED": "credit_note",
    "JOURNAL": "payment",
}
_PAYABLE = ("VENDBILL", "VENDPYMT", "VENDCRED", "VENDAUTH", "PURCHORD", "EXPREPT", "CHECK", "ITEMRCPT")
_AMOUNTS = ("foreigntotal", "foreignamountpaid", "foreignamountunpaid", "foreignpaymentamountunused")


def read(files: list[Path], options: ImportOptions) -> Draft:
    """Draft of a ledger from the tables of NetSuite.

    Parameters
    ----------
    files : list of Path
        ``transaction``, one of ``transactionline`` and ``transactionaccountingline``
        where the transactions carry no amount, optionally ``nexttransactionlinelink``
        and ``currency``.
    options : ImportOptions
        Terms, currencies and export date.

    Returns
    -------
    Draft

    Raises
    ------
    LedgerError
        If a file is none of these tables, or receivables have no amount or no currency.
    """
    draft = Draft("netsuite")
    layouts = (_TRANSACTION, _LINE_TABLE, _ACCOUNTING, _LINK, _CURRENCY)
    tables = read_tables(draft, files, layouts, "NetSuite")
    require(tables, ["transaction"], "NetSuite", "it holds the receivables")
    for name in sorted(set(tables) - {"transaction"}):
        draft.assume("erp.from_documentation", n=tables[name].height, table=name)
    rows = _transactions(draft, tables["transaction"])
    rows = _with_amounts(draft, rows, tables)
    rows = _with_codes(draft, rows, tables, options)
    claims = _claims(draft, rows.filter(pl.col("kind") == "CUSTINVC"))
    credit_rows = rows.filter(pl.col("kind") != "CUSTINVC")
    if "nexttransactionlinelink" in tables:
        settled = _linked(draft, tables["nexttransactionlinelink"], claims, credit_rows)
    else:
        settled = payments_of_totals(draft, claims, options, [rows["trandate"]])
        draft.assume("netsuite.credits_as_payments", n=settled.height)
        # Payments worked out of what is unpaid would agree with it whatever the truth.
        claims = claims.with_columns(open_amount=pl.when("paid_given").then("open_amount"))
    payments = pl.concat([settled, _unused(draft, credit_rows, settled)])
    base, rates = own_currency(
        rows.select("currency", rate_date="trandate", rate="exchangerate").drop_nulls()
    )
    return finish(draft, options, claims, payments, rates=rates, base=base)


# ---- Transactions ----------------------------------------------------------------------------------


def _transactions(draft: Draft, rows: pl.DataFrame) -> pl.DataFrame:
    rows = split_off(draft, rows, is_true("_fivetran_deleted"), "erp.deleted")
    rows = rows.with_columns(
        as_key("id"), as_key("entity"), as_key("currency"), kind=pl.col("type").str.to_uppercase()
    )
    rows = split_off(draft, rows, pl.col("kind").is_in(_PAYABLE), "erp.payable")
    ours = pl.col("kind").is_in(("CUSTINVC", *_CREDITS)).fill_null(False)
    # NetSuite has some hundred types, a company's own among them; what is no receivable is told by number.
    rows = split_off(draft, rows, ~ours, "erp.not_receivable")
    status = pl.col("status").str.to_uppercase().str.split(":").list.last()
    rows = split_off(draft, rows, status.is_in(("V", "VOIDED")), "erp.void")
    rows = split_off(draft, rows, pl.col("posting").str.to_uppercase().is_in(("F", "FALSE")), "erp.draft")
    days = ("trandate", "duedate", "closedate", "createddate")
    return typed(draft, rows, "id", days=days, amounts=(*_AMOUNTS, "exchangerate"))


def _with_amounts(draft: Draft, rows: pl.DataFrame, tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Amounts from the transaction, else its main line, else its line on the receivable account."""
    for name, reader in (("transactionline", _main_lines), ("transactionaccountingline", _account_lines)):
        if name in tables:
            found = reader(draft, tables[name], rows)
            rows = rows.join(
                found.drop_nulls("id"),
                on="id",
                how="left",
                maintain_order="left",
                suffix="_line",
                validate="m:1",
            )
            rows = rows.with_columns(pl.coalesce(column, f"{column}_line") for column in _AMOUNTS)
            rows = rows.drop(f"{column}_line" for column in _AMOUNTS)
    claims = rows.filter(pl.col("kind") == "CUSTINVC")
    if claims.height and claims["foreigntotal"].null_count() == claims.height:
        raise LedgerError(
            f"The {claims.height} customer invoices of NetSuite carry no amount; give transactionline or "
            "transactionaccountingline too, or transactions with foreigntotal."
        )
    return rows.with_columns(pl.col("foreigntotal").abs(), pl.col("foreignpaymentamountunused").abs())


def _lines_of(
    draft: Draft, lines: pl.DataFrame, rows: pl.DataFrame, amounts: tuple[str, ...], test: pl.Expr
) -> pl.DataFrame:
    """Lines of the transactions that are read, one each; the others are left out."""
    lines = lines.with_columns(id=as_key("transaction"))
    heads = rows.select("id", head_line=pl.col(LINE)).drop_nulls("id")
    lines = lines.join(heads, on="id", how="left", maintain_order="left", validate="m:1")
    wanted = test.fill_null(False) & pl.col("head_line").is_not_null()
    lines = split_off(draft, lines, ~wanted, "erp.not_receivable")
    lines = typed(draft, lines, "id", amounts=amounts)
    first = pl.col("id").is_first_distinct()
    lines = split_off(draft, lines, ~first, "erp.further_line")
    draft.belong(lines, "head_line")
    return lines


def _main_lines(draft: Draft, lines: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    amounts = ("foreignamount", *_AMOUNTS[1:])
    main = pl.col("mainline").str.to_uppercase().is_in(("T", "TRUE"))
    return _lines_of(draft, lines, rows, amounts, main).select(
        "id", *_AMOUNTS[1:], foreigntotal="foreignamount"
    )


def _account_lines(draft: Draft, lines: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The line that says what is paid and unpaid is that on the receivable account."""
    book = pl.col("accountingbook").cast(pl.Float64, strict=False)
    primary = (book == book.min()) | pl.col("accountingbook").is_null()
    said = pl.any_horizontal(
        pl.col(name).is_not_null() for name in ("amountpaid", "amountunpaid", "paymentamountunused")
    )
    amounts = ("amount", "amountpaid", "amountunpaid", "paymentamountunused")
    found = _lines_of(draft, lines, rows, amounts, primary & said)
    draft.assume("netsuite.base_amounts", n=found.height)
    return found.select(
        "id",
        foreigntotal="amount",
        foreignamountpaid="amountpaid",
        foreignamountunpaid="amountunpaid",
        foreignpaymentamountunused="paymentamountunused",
    )


def _with_codes(
    draft: Draft, rows: pl.DataFrame, tables: dict[str, pl.DataFrame], options: ImportOptions
) -> pl.DataFrame:
    """Codes in place of the numbers of currencies."""
    names: dict[str, str] = {}
    if "currency" in tables:
        draft.used_besides.append(tables["currency"][LINE])
        names = dict(tables["currency"].select(as_key("id"), "symbol").drop_nulls().iter_rows())
    names = codes_of(rows["currency"], names, options, "NetSuite", "currency")
    code = pl.col("currency").replace(names) if names else pl.col("currency")
    return rows.with_columns(
        currency=pl.coalesce(code.str.to_uppercase(), pl.lit(options.currency, dtype=pl.String))
    )


# ---- Claims and payments ---------------------------------------------------------------------------


def _claims(draft: Draft, rows: pl.DataFrame) -> pl.DataFrame:
    rows = split_off(draft, rows, pl.col("foreigntotal") < CENT_HALF, "erp.zero_amount")
    paid = pl.coalesce(
        "foreignamountpaid",
        pl.col("foreigntotal") - pl.col("foreignamountunpaid"),
        pl.when(pl.col("closedate").is_not_null()).then("foreigntotal").otherwise(0.0),
    )
    return rows.with_columns(tranid=pl.coalesce("tranid", "transactionnumber")).with_columns(
        document_name("tranid", "id")
    ).select(
        LINE,
        key="id",
        invoice_id="tranid",
        customer_id="entity",
        issue_date="trandate",
        due_date="duedate",
        amount="foreigntotal",
        currency="currency",
        open_amount="foreignamountunpaid",
        recorded_on="createddate",
        paid_amount=paid,
        paid_given=pl.col("foreignamountpaid").is_not_null(),
        credited_amount=pl.lit(0.0),
        settled_on="closedate",
        changed_on=pl.lit(None, dtype=pl.Date),
    )  # fmt: skip


def _linked(
    draft: Draft, links: pl.DataFrame, claims: pl.DataFrame, credit_rows: pl.DataFrame
) -> pl.DataFrame:
    """What payments, deposits and credit memos were applied to, on their own dates."""
    links = links.with_columns(as_key("previousdoc"), as_key("nextdoc"))
    named = claims.select(pl.col("key").alias("previousdoc"), named="invoice_id").drop_nulls("previousdoc")
    heads = credit_rows.select(
        pl.col("id").alias("nextdoc"), "kind", "trandate", "createddate", head_line=pl.col(LINE)
    ).drop_nulls("nextdoc")
    links = links.join(named, on="previousdoc", how="left", maintain_order="left", validate="m:1").join(
        heads, on="nextdoc", how="left", maintain_order="left", validate="m:1"
    )
    payment = (pl.col("linktype").str.to_lowercase() == "payment").fill_null(False)
    links = split_off(draft, links, ~payment, "erp.not_receivable")
    links = split_off(draft, links, pl.col("named").is_null(), "erp.document_not_in_books")
    links = typed(draft, links, "previousdoc", amounts=("foreignamount",))
    headless = pl.col("head_line").is_null()
    links = refuse_where(draft, links, headless, "payment_not_given", "nextdoc", "named")
    draft.belong(links.select(pl.col("head_line").alias(LINE), owner=pl.col(LINE)), "owner")
    return in_frame(
        links.select(
            LINE,
            invoice_id="named",
            payment_date="trandate",
            amount=pl.col("foreignamount").abs(),
            kind=pl.col("kind").replace_strict(_CREDITS, default="payment"),
            recorded_on="createddate",
        ),
        PAYMENTS,
    )


def _unused(draft: Draft, credit_rows: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """What of payments and credit memos is not applied yet; those applied elsewhere are left out."""
    # What the others settled is in the sums of the invoices, or no receivable of these books.
    free = unapplied(draft, credit_rows, "foreignpaymentamountunused", settled, "erp.application_not_told")
    return in_frame(
        free.select(
            LINE,
            "currency",
            customer_id="entity",
            payment_date="trandate",
            amount="foreignpaymentamountunused",
            kind=pl.col("kind").replace_strict(_CREDITS, default="payment"),
            recorded_on="createddate",
        ),
        PAYMENTS,
    )
