"""Odoo 17: the accounting tables by their database names.

Column names are those of an Odoo 17 database (``account_move``, ``account_move_line``,
``account_partial_reconcile``, ``account_payment``). Known from documentation only,
never seen on real data: ``res_currency`` (id, name) and ``account_account`` (id,
account_type), and what the values of ``move_type``, ``state``, ``display_type`` and
``account_type`` mean.

A receivable is a posted customer invoice's line on a receivable account: an invoice
payable in instalments has several, each with a due date of its own, and each is a
claim. What settles a line is in ``account_partial_reconcile``; the payment's date is
that of its own line, since ``max_date`` is the later of the two and ``create_date`` the
day of matching.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from paydelay.errors import LedgerError
from paydelay.ledger.tables import CENT_HALF
from paydelay.sources.cells import as_key, typed
from paydelay.sources.claims import PAYMENTS, document_name, finish, in_frame
from paydelay.sources.document_currencies import codes_of, rates_of_documents
from paydelay.sources.draft import LINE, Draft
from paydelay.sources.layouts import Layout, read_tables, require
from paydelay.sources.options import ImportOptions
from paydelay.sources.scope import keep_known, refuse_where, split_off

_MOVE = Layout(
    "account_move",
    ("id", "move_type", "state", "name", "partner_id", "commercial_partner_id", "company_id", "currency_id",
     "date", "invoice_date", "invoice_date_due", "amount_total", "amount_residual", "payment_id",
     "statement_line_id", "create_date"),
    ("id", "move_type", "state", "name", "date"),
    key=("id",),
    identifier="name",
)  # fmt: skip
_LINE = Layout(
    "account_move_line",
    ("id", "move_id", "account_id", "partner_id", "company_id", "currency_id", "company_currency_id",
     "display_type", "date", "date_maturity", "debit", "credit", "amount_currency", "amount_residual",
     "amount_residual_currency", "payment_id", "statement_line_id", "create_date"),
    ("id", "move_id", "account_id", "date", "debit", "credit"),
    key=("id",),
)  # fmt: skip
_PARTIAL = Layout(
    "account_partial_reconcile",
    ("id", "debit_move_id", "credit_move_id", "amount", "debit_amount_currency"),
    ("id", "debit_move_id", "credit_move_id", "amount"),
    key=("id",),
)
_PAYMENT = Layout(
    "account_payment",
    ("id", "move_id", "payment_type", "partner_type", "amount"),
    ("id", "move_id", "payment_type", "partner_type", "amount"),
    key=("id",),
)
_ACCOUNT = Layout(
    "account_account", ("id", "account_type", "code"), ("id", "account_type", "code"), key=("id",)
)
_CURRENCY = Layout(
    "res_currency", ("id", "name", "symbol", "rounding"), ("id", "name", "symbol"), key=("id",)
)
# Tables of the same module that say nothing about what was paid when.
_OTHERS = (
    Layout("account_full_reconcile", ("id", "exchange_move_id", "create_uid"), ("id", "exchange_move_id")),
    Layout("account_payment_term", ("id", "early_discount", "discount_days"), ("id", "early_discount")),
    Layout("account_payment_term_line", ("id", "nb_days", "delay_type"), ("id", "nb_days", "delay_type")),
)

_LEFT_OUT_TYPES = dict.fromkeys(("IN_INVOICE", "IN_REFUND", "IN_RECEIPT"), "erp.payable")
_STATES = {"DRAFT": "erp.draft", "CANCEL": "erp.void"}
_INVOICES = ("out_invoice", "out_receipt")
_LOSSES = ("expense", "expense_depreciation", "expense_direct_cost", "income", "income_other")


def read(files: list[Path], options: ImportOptions) -> Draft:
    """Draft of a ledger from the tables of an Odoo database.

    Parameters
    ----------
    files : list of Path
        ``account_move``, ``account_move_line`` and ``account_partial_reconcile``, and
        optionally ``account_payment``, ``account_account`` and ``res_currency``.
    options : ImportOptions
        Terms, currencies and export date.

    Returns
    -------
    Draft

    Raises
    ------
    LedgerError
        If a table is missing, or amounts cannot be given a currency.
    """
    draft = Draft("odoo")
    layouts = (_MOVE, _LINE, _PARTIAL, _PAYMENT, _ACCOUNT, _CURRENCY, *_OTHERS)
    tables = read_tables(draft, files, layouts, "Odoo")
    require(
        tables,
        ["account_move", "account_move_line", "account_partial_reconcile"],
        "Odoo",
        "an invoice, its due date and what settled it are kept apart",
    )
    for other in _OTHERS:
        if other.table in tables:
            draft.leave_out(tables[other.table], "erp.table_not_needed")
    for name in ("account_account", "res_currency"):
        if name in tables:
            draft.used_besides.append(tables[name][LINE])
    moves = _moves(draft, tables["account_move"])
    lines, counterparts = _receivable_lines(draft, tables, moves, options)
    base = _company_currency(lines)
    claims = _claims(draft, lines)
    credit_rows = _credits(draft, lines, counterparts, tables)
    payments = pl.concat([_settlements(draft, tables, claims, credit_rows), _on_account(draft, credit_rows)])
    seen = pl.concat([lines["move_id"], counterparts["move_id"]]).drop_nulls().unique()
    _account_for_moves(draft, tables, moves, seen, claims, credit_rows)
    rates = lines.select("currency", rate_date="date", rate=pl.col("balance") / pl.col("amount_currency"))
    known = rates_of_documents(rates, base) if base else None
    return finish(draft, options, claims, payments, rates=known, base=base)


# ---- Documents and their receivable lines ----------------------------------------------------------


def _moves(draft: Draft, rows: pl.DataFrame) -> pl.DataFrame:
    kept = ("OUT_INVOICE", "OUT_RECEIPT", "OUT_REFUND", "ENTRY")
    rows = keep_known(draft, rows, "move_type", kept, _LEFT_OUT_TYPES, "document_type_unknown", "name")
    rows = keep_known(draft, rows, "state", ("POSTED",), _STATES, "status_unknown", "name")
    return rows.select(
        as_key("id").alias("move_id"),
        pl.col("move_type").str.to_lowercase(),
        "name",
        "invoice_date",
        move_line=pl.col(LINE),
        bank=pl.col("payment_id").is_not_null() | pl.col("statement_line_id").is_not_null(),
    )


def _receivable_lines(
    draft: Draft, tables: dict[str, pl.DataFrame], moves: pl.DataFrame, options: ImportOptions
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Lines on receivable accounts with their document, and the other lines of those documents."""
    rows = tables["account_move_line"].with_columns(
        as_key(name).alias(name)
        for name in ("id", "move_id", "account_id", "partner_id", "company_id", "currency_id",
                     "company_currency_id", "payment_id", "statement_line_id")
    )  # fmt: skip
    known = moves.drop_nulls("move_id")
    joined = rows.join(known, on="move_id", how="left", maintain_order="left", validate="m:1")
    accounts = _receivable_accounts(tables, joined)
    on_account = pl.col("account_id").is_in(accounts.implode()) & pl.col("move_type").is_not_null()
    counterparts = joined.filter(~on_account.fill_null(False))
    draft.leave_out(counterparts, "erp.not_receivable")
    lines = joined.filter(on_account.fill_null(False)).with_columns(
        # Odoo leaves the amounts of the other side empty in some exports.
        pl.col("debit", "credit").fill_null("0")
    )
    lines = typed(
        draft,
        lines,
        "name",
        days=("date", "date_maturity", "invoice_date", "create_date"),
        amounts=("debit", "credit", "amount_currency", "amount_residual", "amount_residual_currency"),
    )
    balance = pl.col("debit") - pl.col("credit")
    lines = lines.with_columns(
        balance=balance,
        amount_currency=pl.coalesce("amount_currency", balance),
        residual=pl.coalesce("amount_residual_currency", "amount_residual"),
        bank=pl.col("bank") | pl.col("payment_id").is_not_null() | pl.col("statement_line_id").is_not_null(),
    )
    # Differences of exchange are lines of nothing in their own currency.
    lines = split_off(draft, lines, pl.col("amount_currency").abs() < CENT_HALF, "erp.zero_amount")
    return _with_currencies(lines, tables, options), counterparts


def _receivable_accounts(tables: dict[str, pl.DataFrame], lines: pl.DataFrame) -> pl.Series:
    """Accounts of type receivable; without the accounts, those on which customer invoices fall due."""
    if "account_account" in tables:
        accounts = tables["account_account"].filter(pl.col("account_type") == "asset_receivable")
        return accounts.select(as_key("id"))["id"].drop_nulls().unique()
    of_customers = pl.col("move_type").is_in(("out_invoice", "out_refund", "out_receipt"))
    falls_due = pl.coalesce(pl.col("display_type") == "payment_term", pl.col("date_maturity").is_not_null())
    return lines.filter(of_customers & falls_due)["account_id"].drop_nulls().unique()


def _with_currencies(
    lines: pl.DataFrame, tables: dict[str, pl.DataFrame], options: ImportOptions
) -> pl.DataFrame:
    """Codes in place of the database's numbers of currencies."""
    names: dict[str, str] = {}
    if "res_currency" in tables:
        named = tables["res_currency"].select(as_key("id"), "name").drop_nulls()
        names = dict(named.iter_rows())
    keys = pl.concat([lines["currency_id"], lines["company_currency_id"]])
    names = codes_of(keys, names, options, "Odoo", "res_currency")

    def code(column: str) -> pl.Expr:
        return pl.col(column).replace(names) if names else pl.col(column)

    company = pl.coalesce(code("company_currency_id"), pl.lit(options.currency, dtype=pl.String))
    return lines.with_columns(currency=pl.coalesce(code("currency_id"), company), company_currency=company)


def _company_currency(lines: pl.DataFrame) -> str | None:
    codes = lines["company_currency"].drop_nulls().unique().to_list()
    if len(codes) > 1:
        raise LedgerError(
            f"The books are those of companies with {len(codes)} currencies of their own; import one company "
            "at a time."
        )
    return codes[0] if codes else None


# ---- What is claimed, and what was credited --------------------------------------------------------


def _claims(draft: Draft, lines: pl.DataFrame) -> pl.DataFrame:
    """One claim per line that an invoice falls due with, numbered where there are several."""
    invoices = lines.filter(pl.col("move_type").is_in(_INVOICES))
    claims = invoices.filter(pl.col("amount_currency") > 0).sort("move_id", "date_maturity", "id")
    count = pl.len().over("move_id")
    draft.assume("odoo.instalments", n=claims.filter(count > 1)["move_id"].n_unique())
    position = pl.int_range(pl.len()).over("move_id") + 1
    number = pl.when(count > 1).then(pl.format("{}/{}", "name", position)).otherwise("name")
    named = claims.with_columns(name=pl.when(pl.col("name") != "/").then(number))
    return named.with_columns(document_name("name", "id")).select(
        LINE,
        "id",
        "move_id",
        "move_line",
        invoice_id="name",
        customer_id="partner_id",
        issue_date=pl.coalesce("invoice_date", "date"),
        due_date="date_maturity",
        amount="amount_currency",
        currency="currency",
        open_amount="residual",
        entity="company_id",
        recorded_on="create_date",
    )


def _credits(
    draft: Draft, lines: pl.DataFrame, counterparts: pl.DataFrame, tables: dict[str, pl.DataFrame]
) -> pl.DataFrame:
    """Lines that lower a receivable, what they are, and how much of each was waived."""
    credit = pl.col("amount_currency") < 0
    debit_elsewhere = ~credit & ~pl.col("move_type").is_in(_INVOICES)
    draft.leave_out(lines.filter(debit_elsewhere), "erp.debit_entry")
    waived = _waived_shares(lines.filter(credit), counterparts, tables)
    credit_rows = lines.filter(credit).join(
        waived, on="move_id", how="left", maintain_order="left", validate="m:1"
    )
    credit_rows = credit_rows.with_columns(
        waived=pl.col("waived").fill_null(0.0).clip(0.0, 1.0),
        kind=pl.when(pl.col("move_type") != "entry")
        .then(pl.lit("credit_note"))
        .when(pl.col("bank") | (pl.col("waived").fill_null(0.0) < 0.5))
        .then(pl.lit("payment"))
        .otherwise(pl.lit("write_off")),
    )
    return credit_rows.select(
        pl.col(LINE).alias("credit_line"), "id", "move_id", "move_line", "date", "create_date", "partner_id",
        "amount_currency", "residual", "currency", "kind", "bank", "waived", "move_type",
    )  # fmt: skip


def _waived_shares(
    credit_rows: pl.DataFrame, counterparts: pl.DataFrame, tables: dict[str, pl.DataFrame]
) -> pl.DataFrame:
    """Share of a document's credit that no money stands for: booked as an expense, or above the payment."""
    totals = credit_rows.group_by("move_id").agg(
        credited=-pl.col("balance").sum(), credited_currency=-pl.col("amount_currency").sum()
    )
    if "account_account" in tables:
        accounts = tables["account_account"].filter(pl.col("account_type").is_in(_LOSSES))
        losses = accounts.select(as_key("id"))["id"].drop_nulls()
        amounts = counterparts.filter(pl.col("account_id").is_in(losses.implode())).select(
            "move_id",
            lost=pl.col("debit").cast(pl.Float64, strict=False).fill_null(0.0)
            - pl.col("credit").cast(pl.Float64, strict=False).fill_null(0.0),
        )
        lost = amounts.group_by("move_id").agg(pl.col("lost").sum())
        return totals.join(lost, on="move_id").select("move_id", waived=pl.col("lost") / pl.col("credited"))
    if "account_payment" in tables:
        paid = tables["account_payment"].select(
            as_key("move_id"), amount=pl.col("amount").cast(pl.Float64, strict=False)
        )
        received = paid.drop_nulls().group_by("move_id").agg(pl.col("amount").sum())
        return totals.join(received, on="move_id").select(
            "move_id", waived=1.0 - pl.col("amount") / pl.col("credited_currency")
        )
    return pl.DataFrame(schema={"move_id": pl.String, "waived": pl.Float64})


# ---- What settled what -----------------------------------------------------------------------------


def _settlements(
    draft: Draft, tables: dict[str, pl.DataFrame], claims: pl.DataFrame, credit_rows: pl.DataFrame
) -> pl.DataFrame:
    rows = tables["account_partial_reconcile"].with_columns(
        as_key(name).alias(name) for name in ("id", "debit_move_id", "credit_move_id")
    )
    of_claims = claims.select(pl.col("id").alias("debit_move_id"), "invoice_id", claim_line=pl.col(LINE))
    of_claims = of_claims.drop_nulls("debit_move_id")
    rows = rows.join(of_claims, on="debit_move_id", how="left", maintain_order="left", validate="m:1")
    rows = split_off(draft, rows, pl.col("invoice_id").is_null(), "erp.document_not_in_books")
    rows = typed(draft, rows, "invoice_id", amounts=("amount", "debit_amount_currency"))
    rows = rows.with_columns(amount=pl.coalesce("debit_amount_currency", "amount").fill_null(0.0))
    # A difference of exchange moves no amount of the invoice's own currency.
    still = pl.col("amount").abs() < CENT_HALF
    draft.belong(rows.filter(still), "claim_line")
    of_credits = credit_rows.rename({"id": "credit_move_id"}).drop_nulls("credit_move_id")
    rows = rows.filter(~still).join(
        of_credits, on="credit_move_id", how="left", maintain_order="left", validate="m:1"
    )
    missing = pl.col("kind").is_null()
    rows = refuse_where(draft, rows, missing, "payment_not_given", "credit_move_id", "invoice_id")
    draft.belong(rows.select(pl.col("credit_line").alias(LINE), owner=pl.col(LINE)), "owner")
    draft.belong(rows.select(pl.col("move_line").alias(LINE), owner=pl.col(LINE)), "owner")
    partly = pl.col("bank") & (pl.col("kind") == "payment")
    waived = pl.when(partly).then((pl.col("amount") * pl.col("waived")).round(2)).otherwise(0.0)
    split = rows.with_columns(discount=waived).with_columns(amount=pl.col("amount") - pl.col("discount"))
    draft.assume("odoo.payment_difference", n=split.filter(pl.col("discount") > CENT_HALF).height)
    entries = ~pl.col("bank") & (pl.col("move_type") == "entry")
    draft.assume(
        "odoo.entries_as_write_offs", n=split.filter(entries & (pl.col("kind") == "write_off")).height
    )
    draft.assume("odoo.entries_as_payments", n=split.filter(entries & (pl.col("kind") == "payment")).height)
    common = [
        pl.col(LINE),
        pl.col("invoice_id"),
        pl.col("date").alias("payment_date"),
        pl.col("create_date").alias("recorded_on"),
    ]
    parts = [
        split.filter(pl.col("amount").abs() > CENT_HALF).select(*common, "amount", "kind"),
        split.filter(pl.col("discount") > CENT_HALF).select(
            *common, amount=pl.col("discount"), kind=pl.lit("discount")
        ),
    ]
    return pl.concat([in_frame(part, PAYMENTS) for part in parts])


def _on_account(draft: Draft, credit_rows: pl.DataFrame) -> pl.DataFrame:
    """What of payments and credit notes has not been matched with an invoice."""
    left = credit_rows.filter(pl.col("residual").abs() > CENT_HALF)
    draft.belong(left.select(pl.col("move_line").alias(LINE), owner=pl.col("credit_line")), "owner")
    return in_frame(
        left.select(
            pl.col("credit_line").alias(LINE),
            "currency",
            customer_id="partner_id",
            payment_date="date",
            amount=-pl.col("residual"),
            kind=pl.when(pl.col("kind") == "credit_note").then("kind").otherwise(pl.lit("payment")),
            recorded_on="create_date",
        ),
        PAYMENTS,
    )


def _account_for_moves(
    draft: Draft,
    tables: dict[str, pl.DataFrame],
    moves: pl.DataFrame,
    seen: pl.Series,
    claims: pl.DataFrame,
    credit_rows: pl.DataFrame,
) -> None:
    """Tell of every document and payment what became of it, through its receivable lines."""
    draft.belong(claims.select(pl.col("move_line").alias(LINE), owner=pl.col(LINE)), "owner")
    used = pl.concat([pl.Series(LINE, [], dtype=pl.Int64), *(rows[LINE] for rows in draft.belonging)])
    is_used = pl.col("credit_line").is_in(used.implode()) | (pl.col("residual").abs() > CENT_HALF)
    idle = credit_rows.filter(~is_used.fill_null(False))
    draft.leave_out(idle.select(pl.col("credit_line").alias(LINE)), "erp.document_not_in_books")
    rest = moves.filter(~pl.col("move_line").is_in(used.implode())).rename({"move_line": LINE})
    lost = pl.col("move_type").is_in(_INVOICES) & ~pl.col("move_id").is_in(seen.implode()).fill_null(False)
    draft.refuse(rest.filter(lost), "document_without_lines", "id", "name")
    draft.leave_out(rest.filter(~lost), "erp.not_receivable")
    if "account_payment" in tables:
        paid = tables["account_payment"]
        of_used = credit_rows.filter(is_used.fill_null(False))["move_id"].unique()
        known = as_key("move_id").is_in(of_used.implode()).fill_null(False)
        draft.used_besides.append(paid.filter(known)[LINE])
        draft.leave_out(paid.filter(~known), "erp.not_receivable")
