"""A FEC, or several years of it, as the draft of a ledger."""

from __future__ import annotations

import logging
from pathlib import Path

import polars as pl

from paydelay.sources.draft import LINE, Agreement, Draft
from paydelay.sources.fec.advances import INVOICED_ADVANCE, with_taken_up
from paydelay.sources.fec.bills import BILL, bills_received, with_letters_of_debts
from paydelay.sources.fec.collective_bills import with_owners
from paydelay.sources.fec.due_dates import with_due_dates
from paydelay.sources.fec.entries import classify
from paydelay.sources.fec.groups import carried_over, settle_together, with_chains
from paydelay.sources.fec.lines import Books, read_lines
from paydelay.sources.fec.openings import KEPT, with_unexplained
from paydelay.sources.fec.settlements import ROW, Clearing, bounced_payments, with_charges_apart
from paydelay.sources.fec.years import Years, order_years
from paydelay.sources.options import ImportOptions

log = logging.getLogger(__name__)

_CURRENCY = "EUR"
_LETTERED_LATE_DAYS = 30
_DOCUMENT_AGE_DAYS_MAX = 366


def read(files: list[Path], options: ImportOptions) -> Draft:
    """Draft of a ledger from the files of a FEC, one for each fiscal year.

    Customers are the accounts 411, 413, 416 and 4191, one debtor for each auxiliary account.
    A letter says what settles what; the settlement date is that of the bank or cash
    entry, never the day of lettering.

    Parameters
    ----------
    files : list of Path
        Files named SIRENFECYYYYMMDD, in any order.
    options : ImportOptions
        Payment terms, and whether settlements without letter are matched.

    Returns
    -------
    Draft

    Raises
    ------
    LedgerError
        If a file is no FEC, or the years do not follow each other.
    """
    currency = options.currency or _CURRENCY
    draft = Draft("fec", reporting_currency=options.reporting_currency or currency)
    books = read_lines(draft, files)
    years = order_years(draft, books)
    _tell_imbalance(draft, books)
    books = Books(*(years.reranked(rows) for rows in (books.customers, books.others, books.journals)))
    lines = classify(with_owners(draft, books))
    if years.several_companies:
        lines = lines.with_columns(customer_id=pl.concat_str("company", "customer_id", separator=":"))
    draft.leave_out(lines.filter(pl.col("kind") == "closing").unique(LINE), "fec.closing")
    lines = with_taken_up(lines.filter(pl.col("kind") != "closing"), years.continued)
    lines = with_charges_apart(with_chains(lines)).with_row_index(ROW)
    bounced = bounced_payments(lines)
    ties, sums = carried_over(lines.drop(ROW), years.continued)
    lines, openings = with_unexplained(lines, ties, years.continued, ROW)
    carries = (pl.col("kind") == "opening") & pl.col("file").is_in(years.continued) & ~pl.col(KEPT)
    # A payment and what takes it back belong together even where letters part them.
    back = bounced.select(opening="reversal", original="payment")
    lines = lines.with_columns(settle_together(lines.drop(ROW), pl.concat([ties, back])))
    lines = with_letters_of_debts(lines)
    draft.leave_out(lines.filter(carries).unique(LINE), "fec.carried_over")
    _tell_unexplained(draft, openings, currency)
    live = lines.filter(~carries)
    clearing = Clearing(live, bounced)
    clearing.clear_groups()
    draft.assume("fec.matched_to_earlier_year", n=clearing.clear_earlier_years(sums))
    clearing.clear_lettered()
    clearing.clear_openings()
    clearing.clear_bills_before()
    clearing.take_back_bounced()
    if options.match_unlettered:
        count = clearing.clear_customers(pl.col("letter").is_null(), by_document_first=True)
        draft.assume("fec.matched_first_in_first_out", n=count)
    # A write-off gives up a debt; where neither letter nor document names it, the oldest one.
    lost = clearing.clear_customers(
        (pl.col("kind") == "write_off") & pl.col("letter").is_null(), by_document_first=True
    )
    draft.assume("fec.write_off_unlettered", n=lost)
    invoices = _invoices(draft, live, options, currency, years)
    payments = _payments(live, clearing, invoices)
    draft.tables = {
        "invoices": invoices.drop("claim"),
        "payments": payments,
        "customers": _customers(lines),
    }
    draft.movements = _movements(live, clearing)
    _leave_out(draft, live, draft.tables)
    _tell(draft, live, clearing, currency, asked=options.match_unlettered is not None)
    log.info(
        "Read %d customer lines: %d invoices, %d payments.", lines.height, invoices.height, payments.height
    )
    return draft


# ---- Tables ----------------------------------------------------------------------------------


def _invoices(
    draft: Draft, live: pl.DataFrame, options: ImportOptions, currency: str, years: Years
) -> pl.DataFrame:
    """Debits that are claims, each under a name of its own."""
    claims = live.filter((pl.col("kind") == "invoice") & (pl.col("cents") > 0))
    old = (pl.col("day") - pl.col("document_day")).dt.total_days()
    issued = pl.when(old.is_between(0, _DOCUMENT_AGE_DAYS_MAX)).then("document_day").otherwise("day")
    named = _with_names(claims).with_columns(issue_date=issued)
    rows = named.select(
        LINE,
        "invoice_id",
        "customer_id",
        "issue_date",
        "label",
        amount=(pl.col("cents") / 100).round(2),
        currency=pl.lit(currency),
        entity=pl.col("company") if years.several_companies else pl.lit(None, dtype=pl.String),
        recorded_on=pl.when(pl.col("issue_date") != pl.col("day")).then("day"),
        claim=pl.col(ROW).cast(pl.Int64),
    )
    return with_due_dates(draft, rows, options)


def _with_names(claims: pl.DataFrame) -> pl.DataFrame:
    """The document's number for its first claim, made longer by the entry for every other one.

    A name does not depend on later lines: next month's export calls an invoice the same.
    """
    entry = pl.concat_str("journal", "entry_number", separator="-")
    # What bears no number goes by its entry from the first on.
    document = pl.coalesce("document", entry)
    repeated = pl.int_range(pl.len()).over("name")
    ordered = claims.sort("file", LINE).with_columns(name=document)
    longer = pl.concat_str("name", entry, separator="/")
    ordered = ordered.with_columns(name=pl.when(repeated == 0).then("name").otherwise(longer))
    numbered = pl.concat_str("name", (repeated + 1).cast(pl.String), separator="/")
    return ordered.with_columns(invoice_id=pl.when(repeated == 0).then("name").otherwise(numbered)).drop(
        "name"
    )


def _payments(live: pl.DataFrame, clearing: Clearing, invoices: pl.DataFrame) -> pl.DataFrame:
    """Payments of invoices and cash on account, with what was taken back of them."""
    kinds = live.select(pl.col(ROW).cast(pl.Int64), "kind", "cents")
    parts = (
        clearing.parts.join(kinds.select(pl.col(ROW).alias("claim"), pl.col("kind").alias("of")), on="claim")
        .filter(pl.col("of") != "opening")
        # What a refund pays out was money on account until then.
        .join(invoices.select("claim", "invoice_id"), on="claim", how="left")
    )
    columns = ["settlement", "reversal", "cents", "invoice_id"]
    nobody = pl.lit(None, dtype=pl.String).alias("invoice_id")
    came = pl.concat([parts.select(columns), clearing.on_account().select(*columns[:3], nobody)])
    back = came.filter(pl.col("reversal").is_not_null())
    bounced = clearing.bounced["reversal"].implode()
    refunds = kinds.filter((pl.col("kind") == "reversal") & ~pl.col(ROW).is_in(bounced))
    went = pl.concat(
        [
            back.select(pl.col("reversal").alias("settlement"), "reversal", "cents", "invoice_id"),
            refunds.select(
                pl.col(ROW).alias("settlement"),
                pl.lit(None, dtype=pl.Int64).alias("reversal"),
                "cents",
                nobody,
            ),
        ]
    ).with_columns(-pl.col("cents"))
    rows = pl.concat([came, went]).join(
        live.select(pl.col(ROW).cast(pl.Int64).alias("settlement"), LINE, "customer_id", "day", "kind"),
        on="settlement",
    )
    kind = pl.col("kind").replace({"reversal": "payment", "opening": "payment"})
    # A loss that names no invoice of these books would be refused: it lowers the customer's balance.
    kind = (
        pl.when((kind == "write_off") & pl.col("invoice_id").is_null())
        .then(pl.lit("discount"))
        .otherwise(kind)
    )
    return rows.sort(LINE, "settlement", "invoice_id").select(
        LINE,
        "customer_id",
        "invoice_id",
        payment_date=pl.col("day"),
        amount=(pl.col("cents") / 100).round(2),
        kind=kind,
    )


def _customers(lines: pl.DataFrame) -> pl.DataFrame:
    """Customers by the name last booked, known from their first entry on."""
    name = pl.coalesce("auxiliary_label", "account_label")
    return (
        lines.group_by("customer_id")
        .agg(
            pl.lit(None, dtype=pl.Int64).first().alias(LINE),
            pl.col("day").min().alias("valid_from"),
            name.sort_by("day").drop_nulls().last().alias("customer_name"),
        )
        .sort("customer_id")
    )


def _movements(live: pl.DataFrame, clearing: Clearing) -> pl.DataFrame:
    """By customer and day: what the accounts say, and what of it is no matter of the ledger."""
    opening = live.filter((pl.col("kind") == "opening") & (pl.col("cents") > 0))
    days = live.select(pl.col(ROW).cast(pl.Int64).alias("settlement"), "day", "customer_id")
    parts = clearing.parts.join(
        opening.select(pl.col(ROW).cast(pl.Int64).alias("claim")), on="claim", how="semi"
    )
    back = parts.filter(pl.col("reversal").is_not_null())
    back = back.with_columns(-pl.col("cents"), settlement=pl.col("reversal"))
    settled = pl.concat([parts, back]).join(days, on="settlement")
    advances = live.filter(pl.col("kind") == INVOICED_ADVANCE).with_columns(cents=-pl.col("cents"))
    frames = [
        rows.select(
            "customer_id", "day", pl.lit(measure).alias("measure"), amount=(pl.col("cents") / 100).round(2)
        )
        for rows, measure in (
            (live.filter(~BILL), "accounts"),
            (live.filter(BILL), "bills_held"),
            (opening, "opening"),
            (settled, "payments_on_opening"),
            (advances, "invoiced_advances"),
        )
    ]
    return pl.concat(frames)


def _leave_out(draft: Draft, live: pl.DataFrame, tables: dict[str, pl.DataFrame]) -> None:
    """Lines that make no row of the ledger, each counted once."""
    counted = pl.concat([rows[LINE].drop_nulls() for rows in tables.values()]).unique()
    kind, credit = pl.col("kind"), pl.col("cents") < 0
    settles = (kind == "reversal") | (~kind.is_in(["transfer", INVOICED_ADVANCE]) & credit)
    for chosen, reason in (
        ((kind == "opening") & ~credit, "fec.opening"),
        (settles, "fec.settles_opening"),
        (kind == INVOICED_ADVANCE, "fec.invoiced_advance"),
        (kind == "transfer", "fec.transfer"),
    ):
        # A balance that is missing from a year's opening stands on no line of it; of a line in
        # parts the first that counts decides.
        rows = live.filter(chosen & ~pl.col(LINE).is_in(counted.implode())).unique(LINE)
        draft.leave_out(rows, reason)
        counted = pl.concat([counted, rows[LINE]])


def _euros(cents: pl.Series) -> float:
    return int(cents.sum()) / 100


def _tell_unexplained(draft: Draft, openings: pl.DataFrame, currency: str) -> None:
    """Opening balances that their year before does not close with; sums alone could cancel out."""
    if not openings.height:
        return
    total = openings.group_by("customer_id", "file").agg(pl.col("opening", "cents").sum())
    opened, missed = int(total["opening"].sum()) / 100, int(total["cents"].abs().sum()) / 100
    draft.agreements.append(Agreement("fec.openings", currency, round(opened, 2), round(opened - missed, 2)))
    differing = total.filter(pl.col("cents") != 0)
    draft.assume(
        "fec.opening_unexplained",
        n=differing["customer_id"].n_unique(),
        amount=missed,
        currency=currency,
    )


def _tell_imbalance(draft: Draft, books: Books) -> None:
    """A FEC whose debits and settling differ is not whole."""
    columns = ["file", "cents"]
    every = pl.concat([books.customers.select(columns), books.others.select(columns)])
    for file, cents in every.group_by("file").agg(pl.col("cents").sum()).sort("file").iter_rows():
        if cents:
            draft.assume("fec.unbalanced", file=draft.files[file].label, amount=abs(cents) / 100)


def _tell(draft: Draft, live: pl.DataFrame, clearing: Clearing, currency: str, *, asked: bool) -> None:
    """What the books do not say of openings, letters and counterparts."""
    owed = live.filter((pl.col("kind") == "opening") & ~pl.col(KEPT)).group_by("customer_id")
    owing = owed.agg(pl.col("cents").sum()).filter(pl.col("cents") > 0)
    draft.assume("fec.opening", n=owing.height, amount=_euros(owing["cents"]), currency=currency)
    none = ["transfer", "opening", INVOICED_ADVANCE]
    settling = live.filter((pl.col("cents") < 0) & ~pl.col("kind").is_in(none))
    bare = settling.filter(pl.col("letter").is_null()).select(pl.col(ROW).cast(pl.Int64).alias("settlement"))
    account = clearing.on_account().join(bare, on="settlement")
    cash = draft.tables["payments"].filter(pl.col("invoice_id").is_null())
    draft.assume(
        # Whoever asked for the oldest first is not advised to do so.
        "fec.still_on_account" if asked else "fec.unlettered_on_account",
        n=account["settlement"].n_unique(),
        of=settling.height,
        # What was taken back of it since is no longer there.
        amount=round(float(cash["amount"].sum()), 2),
        currency=currency,
    )
    advances = live.filter((pl.col("kind") == INVOICED_ADVANCE) & (pl.col("cents") < 0))
    draft.assume(
        "fec.invoiced_advances", n=advances.height, amount=-_euros(advances["cents"]), currency=currency
    )
    losses = settling.filter(pl.col("kind") == "write_off").select(LINE)
    nameless = cash.join(losses.unique(), on=LINE, how="semi")
    draft.assume(
        "fec.loss_without_invoice",
        n=nameless.height,
        amount=round(float(nameless["amount"].sum()), 2),
        currency=currency,
    )
    bills = settling.filter(pl.col("counterpart") == "bill")
    draft.assume("fec.bills", n=bills.height, amount=-_euros(bills["cents"]), currency=currency)
    received = bills_received(live)
    draft.assume(
        "fec.bills_followed",
        n=received.height,
        amount=_euros(received["cents"]),
        held=_euros(live.filter(BILL)["cents"]),
        currency=currency,
    )
    lettered = live.filter(pl.col("letter").is_not_null())
    late = (pl.col("letter_day") - pl.col("day")).dt.total_days()
    later = lettered.filter((pl.col("cents") < 0) & (late > _LETTERED_LATE_DAYS)).select(late)
    draft.assume(
        "fec.lettered_later",
        n=later.height,
        days=_LETTERED_LATE_DAYS,
        of=lettered.filter(pl.col("cents") < 0).height,
    )
    uneven = lettered.filter(~BILL).group_by("group").agg(pl.col("cents").sum()).filter(pl.col("cents") != 0)
    draft.assume("fec.uneven_letters", n=uneven.height)
    draft.assume("fec.transfers", n=live.filter(pl.col("kind") == "transfer")["entry"].n_unique())
    told = settling.filter(pl.col("kind") == "payment")
    draft.assume(
        "fec.payment_without_cash",
        n=told.filter(pl.col("counterpart").is_in(["other", "none"])).height,
    )
    # What is taken back of cash on account is no invoice left unpaid.
    invoiced = draft.tables["payments"].filter(pl.col("invoice_id").is_not_null() & (pl.col("amount") < 0))
    draft.assume("fec.bounced", n=invoiced[LINE].n_unique())
    nameless = clearing.on_account().filter(pl.col("reversal").is_not_null())
    draft.assume("fec.bounced_on_account", n=nameless["settlement"].n_unique())
    collective = live.filter(pl.col("auxiliary").is_null() & pl.col("account").str.contains(r"^4\d{2}0*$"))
    draft.assume("fec.collective_account", n=collective.height)
