"""Double entry: the invoices and payments of a ledger as the lines an accountant books."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import polars as pl

from paydelay.ledger import Ledger
from paydelay.sources.fec.means import (
    ADVANCE,
    BILL,
    IMPUTED,
    ON_ACCOUNT,
    TRANSFER,
    bill_customers,
    with_means,
)

KEY = "entry"
"""Number of the entry that a line belongs to."""

_COLUMNS = (
    "journal",
    "day",
    "account",
    "customer_id",
    "document",
    "document_day",
    "due_date",
    "text",
    "cents",
    "group",
)
_ACCEPTED_WITHIN = timedelta(days=10)
"""After the invoice, where it is not paid sooner."""


def book(
    ledger: Ledger, *, summed: bool, advances: bool = True, bills: bool = True
) -> Iterator[tuple[int, pl.DataFrame]]:
    """Lines of each calendar year, opened with what the year before left open.

    Parameters
    ----------
    ledger : Ledger
        Books in euros.
    summed : bool
        Whether a customer's opening balance is one sum.
    advances : bool
        Whether money that came before its invoice, or names none, is on account 4191.
    bills : bool
        Whether every fifth customer pays by bills of exchange.

    Yields
    ------
    tuple of int and polars.DataFrame
        The year, and its lines with entry, journal, day, account, customer_id (null on
        accounts of no customer), document, document_day, due_date, text, cents (debit
        above zero) and letter.
    """
    entries = _entries(ledger, advances, bills)
    carried = entries.clear()
    years = entries["day"].dt.year()
    first, last = years.min(), years.max()
    if not isinstance(first, int) or not isinstance(last, int):
        return
    for year in range(first, last + 1):
        own = entries.filter(pl.col("day").dt.year() == year)
        opening = _opening(carried, year, summed)
        ours = pl.concat([opening, own.filter(pl.col("customer_id").is_not_null())])
        lettered = _lettered(ours)
        others = own.filter(pl.col("customer_id").is_null()).with_columns(
            letter=pl.lit(None, dtype=pl.String)
        )
        counterpart = _balance_of(opening)
        lines = pl.concat([lettered, counterpart, others])
        yield year, lines.sort(KEY, pl.col("customer_id").is_null(), "account", maintain_order=True)
        standing = pl.concat([carried, own.filter(pl.col("customer_id").is_not_null())])
        balance = pl.col("cents").sum().over("group", "account")
        carried = standing.filter(pl.col("group").is_null() | (balance != 0))


# ---- Entries ---------------------------------------------------------------------------------


def _entries(ledger: Ledger, advances: bool, bills: bool) -> pl.DataFrame:
    """All lines of all years, numbered by entry in the order of their days."""
    invoices = ledger.invoices.select(
        "invoice_id",
        "customer_id",
        "issue_date",
        "due_date",
        cents=_cents("amount"),
        vat=_cents("vat_amount").fill_null(0),
    )
    payments = (
        ledger.payments.select("customer_id", "invoice_id", "payment_date", "kind", cents=_cents("amount"))
        .filter(pl.col("cents") != 0)
        .with_row_index("number")
    )
    held = _held(invoices, payments).filter(pl.lit(bills))
    payments = with_means(payments, invoices, advances=advances, bills=bills)
    together = _paid_together(invoices, payments)
    group = pl.coalesce(pl.col("joint"), pl.col("invoice_id"))
    invoices = invoices.join(together.select("invoice_id", "joint"), on="invoice_id", how="left")
    payments = payments.join(together.select("number", "joint"), on="number", how="left")
    sales = invoices.select(
        pl.lit("VE").alias("journal"),
        pl.col("issue_date").alias("day"),
        "customer_id",
        document="invoice_id",
        document_day="issue_date",
        due_date="due_date",
        text=pl.format("Facture {}", "invoice_id"),
        cents="cents",
        group=group,
        against=pl.lit("707000"),
        tax="vat",
        account=pl.lit("411"),
    )
    single = payments.filter(pl.col("joint").is_null())
    joint = (
        payments.filter(pl.col("joint").is_not_null())
        .group_by("joint", maintain_order=True)
        .agg(
            pl.col("customer_id", "payment_date", "kind", "means").first(),
            # A bill is drawn on all its invoices, and so after the last of them.
            pl.col("issue_date").max(),
            pl.col("cents").sum(),
        )
        .with_columns(invoice_id=pl.col("joint"))
    )
    settled = pl.concat([_settlements(single, group), _settlements(joint, group)])
    accepted = _accepted(_settlements(held, pl.col("invoice_id")))
    booked = pl.concat([sales, *_by_means(settled), accepted], how="diagonal_relaxed")
    numbered = booked.sort("day", "journal", "document", maintain_order=True).with_row_index(KEY, offset=1)
    return _both_sides(numbered)


def _by_means(settled: pl.DataFrame) -> list[pl.DataFrame]:
    """Entries of settlements: some take two, on a day each."""
    lost = pl.col("against") == "654000"
    means, order = pl.col("means"), pl.lit("OD").alias("journal")
    # A debt is doubtful before it is lost: it moves to an account of its own.
    doubtful = settled.filter(lost).with_columns(against=pl.lit("416"), text=pl.lit("Créance douteuse"))
    advance, bill = settled.filter(means == ADVANCE), settled.filter(means == BILL)
    imputed = settled.filter(means == IMPUTED)
    cashed = bill.with_columns(account=pl.lit("413"), text=pl.lit("Encaissement effet"))
    taken_up = advance.with_columns(
        order, day=pl.col("issue_date"), against=pl.lit("4191"), text=pl.lit("Imputation acompte")
    )
    return [
        doubtful,
        settled.filter(lost).with_columns(account=pl.lit("416")),
        settled.filter(~lost & (means == TRANSFER)),
        settled.filter(means == ON_ACCOUNT).with_columns(account=pl.lit("4191")),
        advance.with_columns(account=pl.lit("4191"), text=pl.lit("Acompte reçu")),
        taken_up,
        # Nobody lettered what came on account with the entry that takes it from there.
        imputed.with_columns(
            order, against=pl.lit("4191"), text=pl.lit("Imputation acompte"), tied=pl.lit(False)
        ),
        _accepted(bill),
        cashed,
    ]


def _accepted(bills: pl.DataFrame) -> pl.DataFrame:
    """Entries by which a customer accepts a bill, on or after the invoice and before it is cashed."""
    day = pl.min_horizontal("day", pl.col("issue_date") + _ACCEPTED_WITHIN)
    return bills.with_columns(
        day=day, journal=pl.lit("OD"), against=pl.lit("413"), text=pl.lit("Effet accepté")
    )


def _held(invoices: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    """Invoices of customers who pay by bills that nothing was paid on yet: their bills are still held."""
    last = pl.max_horizontal(
        pl.lit(invoices["issue_date"].max()), pl.lit(payments["payment_date"].max(), dtype=pl.Date)
    )
    unpaid = invoices.join(payments, on="invoice_id", how="anti")
    theirs = unpaid.filter(pl.col("customer_id").is_in(bill_customers(payments)))
    return theirs.select(
        "customer_id",
        "invoice_id",
        "cents",
        "issue_date",
        payment_date=last,
        kind=pl.lit("payment"),
        means=pl.lit(BILL),
    )


def _cents(name: str) -> pl.Expr:
    return (pl.col(name) * 100).round().cast(pl.Int64)


def _paid_together(invoices: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    """Invoices that one transfer of the customer settles, each of them in full and by nothing else."""
    only = payments.filter(
        (pl.len().over("invoice_id") == 1)
        & pl.col("invoice_id").is_not_null()
        & (pl.col("kind") == "payment")
        & pl.col("means").is_in([TRANSFER, BILL])
    )
    full = only.join(invoices.select("invoice_id", amount="cents"), on="invoice_id").filter(
        pl.col("amount") == pl.col("cents")
    )
    several = full.filter(pl.len().over("customer_id", "payment_date") > 1)
    joint = pl.format("VIR {} {}", "customer_id", pl.col("payment_date").dt.strftime("%Y%m%d"))
    return several.select("number", "invoice_id", joint=joint)


def _settlements(payments: pl.DataFrame, group: pl.Expr) -> pl.DataFrame:
    against = {"payment": "512000", "discount": "665000", "credit_note": "709700", "write_off": "654000"}
    journal = {"payment": "BQ", "discount": "OD", "credit_note": "VE", "write_off": "OD"}
    said = {"payment": "Règlement", "discount": "Escompte", "credit_note": "Avoir", "write_off": "Perte"}
    return payments.select(
        pl.col("kind").replace_strict(journal).alias("journal"),
        pl.col("payment_date").alias("day"),
        "customer_id",
        document=pl.coalesce("invoice_id", pl.lit("VIR")),
        document_day="payment_date",
        due_date=pl.lit(None, dtype=pl.Date),
        text=pl.col("kind").replace_strict(said),
        cents=-pl.col("cents"),
        group=group,
        against=pl.col("kind").replace_strict(against),
        tax=pl.lit(0, dtype=pl.Int64),
        account=pl.lit("411"),
        means="means",
        issue_date="issue_date",
        tied=pl.lit(True),
    )


def _both_sides(booked: pl.DataFrame) -> pl.DataFrame:
    """Each booking as its customer line and the lines against it."""
    nobody = pl.lit(None, dtype=pl.String)
    moved = pl.col("against").is_in(["416", "413", "4191"])
    tied = moved & pl.col("tied").fill_null(True)
    customer = booked.select(KEY, *_COLUMNS)
    against = booked.select(
        KEY,
        "journal",
        "day",
        pl.col("against").alias("account"),
        pl.when(moved).then("customer_id").alias("customer_id"),
        "document",
        "document_day",
        pl.lit(None, dtype=pl.Date).alias("due_date"),
        "text",
        (pl.col("tax") - pl.col("cents")).alias("cents"),
        pl.when(tied).then("group").alias("group"),
    )
    tax = booked.filter(pl.col("tax") != 0).select(
        KEY,
        "journal",
        "day",
        pl.lit("445710").alias("account"),
        nobody.alias("customer_id"),
        "document",
        "document_day",
        pl.lit(None, dtype=pl.Date).alias("due_date"),
        "text",
        (-pl.col("tax")).alias("cents"),
        nobody.alias("group"),
    )
    return pl.concat([customer, against, tax])


# ---- Years -----------------------------------------------------------------------------------


def _opening(carried: pl.DataFrame, year: int, summed: bool) -> pl.DataFrame:
    """Lines of the journal of opening balances, all in one entry."""
    opened = carried.with_columns(
        pl.lit(0, dtype=carried.schema[KEY]).alias(KEY),
        journal=pl.lit("AN"),
        day=pl.lit(date(year, 1, 1)),
        text=pl.lit("A nouveau"),
        due_date=pl.lit(None, dtype=pl.Date),
    )
    if not summed:
        return opened
    return (
        opened.group_by("customer_id", "account", maintain_order=True)
        .agg(
            pl.col(KEY, "journal", "day", "due_date", "text").first(),
            document=pl.lit("AN").first(),
            document_day=pl.col("day").first(),
            cents=pl.col("cents").sum(),
            group=pl.lit(None, dtype=pl.String).first(),
        )
        .filter(pl.col("cents") != 0)
        .select(opened.columns)
    )


def _balance_of(opening: pl.DataFrame) -> pl.DataFrame:
    """What balances the opening entry; nothing where there is none."""
    total = opening["cents"].sum()
    return opening.head(1 if total else 0).with_columns(
        account=pl.lit("110000"),
        customer_id=pl.lit(None, dtype=pl.String),
        cents=pl.lit(-int(total), dtype=pl.Int64),
        group=pl.lit(None, dtype=pl.String),
        letter=pl.lit(None, dtype=pl.String),
    )


def _lettered(lines: pl.DataFrame) -> pl.DataFrame:
    """Letters by customer, account and year from AA on; small ones where a group does not balance."""
    by = ["customer_id", "account", "group"]
    groups = (
        lines.filter(pl.col("group").is_not_null())
        .group_by(by, maintain_order=True)
        .agg(pl.len().alias("size"), pl.col("cents").sum())
        # A second payment of what is settled long since has nothing left to be lettered with;
        # an advance waits for its invoice.
        .filter((pl.col("size") > 1) | ((pl.col("cents") < 0) & (pl.col("account") != "4191")))
        .with_columns(place=pl.int_range(pl.len()).over("customer_id", "account"))
    )
    place = pl.col("place")
    letters = [place // 676, place // 26 % 26, place % 26]
    alphabet = dict(enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    spelled = [letter.replace_strict(alphabet, default="Z", return_dtype=pl.String) for letter in letters]
    name = pl.when(place < 676).then(spelled[1] + spelled[2]).otherwise(spelled[0] + spelled[1] + spelled[2])
    named = groups.with_columns(
        letter=pl.when(pl.col("cents") == 0).then(name).otherwise(name.str.to_lowercase())
    )
    return lines.join(named.select(*by, "letter"), on=by, how="left", maintain_order="left")
