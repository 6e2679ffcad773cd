"""What mapped books leave unsaid, and how their amounts compare with the ledger's.

A mapping need not name a balance, and one that it names is what a customer still owes:
unlike the books of a system, it is not closed by a write-off. So the amounts of the
lines themselves are compared, read a second time in another way.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

import polars as pl

from paydelay.ledger import Ledger
from paydelay.sources.conversion import Batch
from paydelay.sources.draft import LINE, Agreement, Draft
from paydelay.sources.imported import open_amounts
from paydelay.sources.mapping import Mapping, TableMapping
from paydelay.sources.options import ImportOptions
from paydelay.sources.reconciliation import accepted, apart, by_currency, compared
from paydelay.sources.terms import Terms
from paydelay.sources.values import bears_another
from paydelay.sources.workbook import number_in

OPEN_AMOUNT = "open_amount"
_INVOICES = pl.Schema(
    {
        **dict.fromkeys(("invoice_id", "customer_id", "currency"), pl.String()),
        **dict.fromkeys(("issue_date", "due_date"), pl.Date()),
        "amount": pl.Float64(),
        LINE: pl.Int64(),
    }
)
_PAYMENTS = pl.Schema(
    {"invoice_id": pl.String(), "payment_date": pl.Date(), "amount": pl.Float64(), LINE: pl.Int64()}
)
_CENTS = "__paydelay_cents"
MARK = "__paydelay_mark"
"""Sign of a currency that stands beside the amount of a payment."""


@dataclass
class Progress:
    """Rows so far, and how often something had to be settled.

    Parameters
    ----------
    frames : dict of str to list of polars.DataFrame
        Rows of each table, batch by batch.
    checks : list of polars.DataFrame
        Open amounts according to the source: currency, open_amount and ``LINE``.
    stated : dict of str to list of polars.Series
        Cents that the lines of invoices and payments state, row by row of ``frames``.
    counts : Counter of str
        Invoices, those without a currency, and by whence their due date is.
    changed_dates : Counter of (str, str)
        Dates set back, by column and the one they may not lie after.
    unused : dict of str to list of str
        Columns that no part of the mapping names, by file.
    shares_customers : bool
        Whether customers are made of lines of other tables.
    """

    frames: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    checks: list[pl.DataFrame] = field(default_factory=list)
    stated: dict[str, list[pl.Series]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    changed_dates: Counter[tuple[str, str]] = field(default_factory=Counter)
    unused: dict[str, list[str]] = field(default_factory=dict)
    shares_customers: bool = False


def finish(draft: Draft, mapping: Mapping, options: ImportOptions, terms: Terms, progress: Progress) -> None:
    """Give a draft its tables, what was settled, and the comparison of amounts.

    Parameters
    ----------
    draft : Draft
        All files have been read into it.
    mapping : Mapping
        The mapping.
    options : ImportOptions
        Those of the import.
    terms : Terms
        Payment terms used where no due date is given.
    progress : Progress
        What reading left.
    """
    for name, frames in progress.frames.items():
        # Credit notes may lack columns that payments have, and the other way round.
        draft.tables[name] = pl.concat(frames, how="diagonal_relaxed")
        frames.clear()
    if "kind" in draft.tables.get("payments", _PAYMENTS.to_frame()).columns:
        draft.tables["payments"] = draft.tables["payments"].with_columns(pl.col("kind").fill_null("payment"))
    for name, schema in (("invoices", _INVOICES), ("payments", _PAYMENTS)):
        draft.tables.setdefault(name, schema.to_frame())
    if "customers" in draft.tables:
        _settle_customers(draft, options, shared=progress.shares_customers)
    _tell(draft, mapping, options, terms, progress)
    checks = pl.concat(progress.checks) if progress.checks else None
    invoices, payments = (_stated(draft, progress, name) for name in ("invoices", "payments"))
    draft.reconcile = partial(_agreements, invoices, payments, checks)
    paid = mapping.payments or mapping.credit_notes
    if paid is not None and MARK in draft.tables["payments"].columns:
        _refuse_other_currencies(draft, paid.columns["amount"].column, options)


def _refuse_other_currencies(draft: Draft, column: str | None, options: ImportOptions) -> None:
    """Refuse payments that bear the sign of another currency than that of the invoice they pay."""
    payments = draft.tables["payments"]
    marked = payments.filter(pl.col(MARK).is_not_null())
    draft.tables["payments"] = payments.drop(MARK)
    if not marked.height:
        return
    invoices = draft.tables["invoices"].select("invoice_id", "currency").unique("invoice_id")
    if "invoice_id" not in marked.columns:
        marked = marked.with_columns(invoice_id=pl.lit(None, dtype=pl.String))
    # What names no invoice is in the currency of the books.
    used = invoices["currency"].drop_nulls().unique()
    books = draft.reporting_currency or options.currency or (used[0] if len(used) == 1 else None)
    owned = marked.join(invoices, on="invoice_id", how="left", maintain_order="left")
    currency = pl.coalesce("currency", pl.lit(books, dtype=pl.String))
    wrong = owned.filter(bears_another(pl.col(MARK), currency).fill_null(False))
    draft.refuse(wrong, "currency_contradicted", column, "invoice_id")
    lines = wrong[LINE].implode()
    for name, rows in draft.tables.items():
        draft.tables[name] = rows.filter(~pl.col(LINE).is_in(lines).fill_null(False))


def _stated(draft: Draft, progress: Progress, name: str) -> pl.DataFrame:
    """Which document and line states how many cents."""
    rows = draft.tables[name]
    cents = pl.concat(progress.stated.get(name, [pl.Series(dtype=pl.Int64)]))
    return rows.select(pl.col("^(invoice_id|currency)$"), LINE).with_columns(cents.alias(_CENTS))


def _settle_customers(draft: Draft, options: ImportOptions, *, shared: bool) -> None:
    """Customers known from a day on; of those that stand on lines of invoices, each change once."""
    rows = draft.tables["customers"]
    if "valid_from" not in rows.columns and options.export_date is not None:
        rows = rows.with_columns(valid_from=pl.lit(options.export_date))
        known = rows.height if not shared else rows["customer_id"].n_unique()
        draft.assume("mapped.customers_known_from", n=known, date=options.export_date)
    if shared:
        key = ["customer_id"] + (["valid_from"] if "valid_from" in rows.columns else [])
        facts = [name for name in rows.columns if name not in (*key, LINE)]
        # The lines are used whether or not they say anything new of their customer.
        draft.used_besides.append(rows[LINE])
        distinct = rows.sort(*key, LINE).unique(key + facts, keep="first", maintain_order=True)
        contrary = distinct.select(pl.struct(key).is_duplicated().sum()).item()
        draft.assume("mapped.customers_contradict", n=int(contrary))
        latest = distinct.unique(key, keep="last", maintain_order=True)
        same = pl.lit(True)
        for name in facts:
            same &= pl.col(name).eq_missing(pl.col(name).shift(1))
        same &= pl.col("customer_id") == pl.col("customer_id").shift(1)
        rows = latest.filter(~same.fill_null(False)).with_columns(pl.lit(None, pl.Int64).alias(LINE))
    draft.tables["customers"] = rows


def _tell(draft: Draft, mapping: Mapping, options: ImportOptions, terms: Terms, progress: Progress) -> None:
    """What the source does not say and was settled otherwise."""
    counts, total = progress.counts, progress.counts["invoices"]
    columns = mapping.invoices.columns

    def share(n: int) -> float:
        return round(n / total, 3) if total else 0.0

    due = columns.get("due_date")
    if due is not None and due.plus_days is not None:
        n = counts["given"]
        draft.assume("mapped.due_computed", n=n, invoice_share=share(n))
    if terms.days is not None:
        n = counts["terms_days"]
        key = "mapped.due_from_terms_end_of_month" if terms.end_of_month else "mapped.due_from_terms"
        draft.assume(key, n=n, invoice_share=share(n), days=terms.days)
    n = counts["terms_table"]
    draft.assume("mapped.due_from_terms_table", n=n, invoice_share=share(n))
    for (column, bound), changed in sorted(progress.changed_dates.items()):
        draft.assume("mapped.date_set_back", n=changed, column=column, bound=bound)
    if options.currency is not None:
        n = counts["empty_currency"]
        draft.assume("mapped.currency_given", n=n, invoice_share=share(n), currency=options.currency)
    currency = columns.get("currency")
    if currency is not None and currency.constant is not None:
        draft.assume("mapped.currency_constant", n=total, currency=currency.constant)
    paid = mapping.payments
    if paid is None:
        draft.assume("mapped.no_payments", n=total)
    elif paid.lines_of == "invoices" and paid.columns["amount"].column == columns["amount"].column:
        draft.assume("mapped.paid_in_full", n=draft.tables["payments"].height)
    if OPEN_AMOUNT not in mapping.invoices.check:
        draft.assume("mapped.payments_unchecked", n=draft.tables["payments"].height)
    for label, names in progress.unused.items():
        draft.assume("columns_unused", n=len(names), file=label, columns=", ".join(names))


# ---- Agreement -------------------------------------------------------------------------------


def stated_cents(table: TableMapping, batch: Batch, converted: pl.Expr) -> pl.Expr:
    """Whole cents of a table's amounts by the digits in their cells.

    They are read in another way than the amounts of the ledger are, so that the two can
    be compared; only amounts with an exponent or parts of cents are taken as converted.

    Parameters
    ----------
    table : TableMapping
        The table; its decimal mark is known.
    batch : Batch
        The rows at hand.
    converted : polars.Expr
        The amounts as the ledger will have them.

    Returns
    -------
    polars.Expr
        Of type Int64.

    Examples
    --------
    >>> rows = pl.DataFrame({"Total": ["1 234,5 €", "(3,07)", "12- EUR"], "amount": [0.0, 0.0, 0.0]})
    >>> table = TableMapping(columns={"amount": {"column": "Total"}}, decimal=",")
    >>> batch = Batch(rows.schema, {"Total": "Total"}, iso_dates=False)
    >>> rows.select(stated_cents(table, batch, pl.col("amount"))).to_series().to_list()
    [123450, -307, -1200]
    """
    cell = table.columns["amount"]
    if cell.column is None:
        return _in_cents(converted).alias(_CENTS)
    column = batch.names[cell.column]
    if batch.schema[column].is_numeric():
        return _in_cents(pl.col(column).cast(pl.Float64) * cell.sign).alias(_CENTS)
    text = batch.text(cell.column)
    if number_in(column) in batch.schema:
        # Of a cell that is a number in its workbook, the text is only how it was shown.
        text = pl.when(pl.col(number_in(column)).is_null()).then(text)
    mark = re.escape(cell.decimal or table.decimal or ".")
    whole = text.str.replace(rf"{mark}.*$", "").str.replace_all(r"[^0-9]", "")
    part = text.str.extract(rf"{mark}([0-9]*)").fill_null("").str.pad_end(2, "0")
    plain = (part.str.len_chars() == 2) & ~text.str.contains("[0-9][eE][-+0-9]")
    cents = pl.when(plain).then(pl.concat_str(whole, part)).cast(pl.Int64, strict=False)
    sign = pl.when(text.str.contains(r"[-\u2212(]")).then(-cell.sign).otherwise(cell.sign)
    return pl.coalesce(cents * sign, _in_cents(converted)).cast(pl.Int64).alias(_CENTS)


def _in_cents(amount: pl.Expr) -> pl.Expr:
    """Whole cents: sums of them do not depend on the order of the rows."""
    return (amount * 100.0).round().cast(pl.Int64, strict=False)


def _total(cents: pl.Expr) -> pl.Expr:
    return cents.sum() / 100.0


def _agreements(
    invoices: pl.DataFrame,
    payments: pl.DataFrame,
    checks: pl.DataFrame | None,
    ledger: Ledger,
    refused: pl.Series,
) -> list[Agreement]:
    """What lines that were not refused state, against the amounts of the ledger."""
    kept = accepted(invoices, refused)
    said, made = _total(pl.col(_CENTS)), _total(_in_cents(pl.col("amount")))
    reporting = ledger.reporting_currency
    found = compared("mapped.invoices", by_currency(kept, said), by_currency(ledger.invoices, made))
    found += compared(
        "mapped.payments",
        by_currency(_paid(accepted(payments, refused), kept, reporting), said),
        by_currency(_paid(ledger.payments, ledger.invoices, reporting), made),
    )
    if checks is not None:
        still = _total(_in_cents(pl.col(OPEN_AMOUNT)))
        kept_checks = accepted(checks, refused).join(invoices.select("invoice_id", LINE), on=LINE, how="left")
        booked = open_amounts(ledger)
        found += compared(
            "mapped.open",
            by_currency(kept_checks, still),
            by_currency(booked, still),
            apart(kept_checks, booked, OPEN_AMOUNT),
        )
    return found


def _paid(payments: pl.DataFrame, invoices: pl.DataFrame, reporting: str) -> pl.DataFrame:
    """Payments in their currency: that of the invoice, else the reporting one."""
    own = pl.lit(reporting, dtype=pl.String)
    if invoices["currency"].unique().to_list() == [reporting]:
        return payments.with_columns(currency=own)
    if "invoice_id" not in payments.columns:
        payments = payments.with_columns(invoice_id=pl.lit(None, dtype=pl.String))
    named = invoices.select("invoice_id", "currency").unique("invoice_id")
    owned = payments.drop("currency", strict=False).join(named, on="invoice_id", how="left")
    return owned.with_columns(pl.col("currency").fill_null(own))
