"""From sources to the five tables: what is used, what is refused and what was assumed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from paydelay.errors import LedgerError
from paydelay.ledger.cells import convert
from paydelay.ledger.currencies import check_rates, choose_reporting
from paydelay.ledger.intake import Source
from paydelay.ledger.tables import (
    DATE_FIRST,
    DATE_LAST,
    FLAW,
    ROW,
    RULES,
    TABLES,
    Table,
    column_of,
    reason_of_flaw,
    rule_of,
)

log = logging.getLogger(__name__)

REFUSALS = pl.Schema(
    {
        "table": pl.String,
        "row": pl.Int64,
        "column": pl.String,
        "rule": pl.String,
        "identifier": pl.String,
    }
)
"""Columns of the refusals."""

_IDENTIFIER = "__paydelay_identifier"
_OWNER = "__paydelay_owner"
_OTHER_PAYER = "__paydelay_other_payer"
_ON_ACCOUNT = "__paydelay_on_account"
_UNDATED = "__paydelay_undated"
_RANKS = {rule: rank for rank, rule in enumerate(RULES)}


@dataclass
class Books:
    """A ledger in the making.

    Parameters
    ----------
    tables : dict of str to polars.DataFrame
        The used rows of each table.
    refused : list of polars.DataFrame
        The refused rows of each table.
    notes : list of str
        What was assumed.
    rows_read : dict of str to int
        Rows each table had.
    reporting_currency : str
        Code of the currency all is converted to.
    """

    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    refused: list[pl.DataFrame] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rows_read: dict[str, int] = field(default_factory=dict)
    reporting_currency: str = ""

    def note(self, count: int, one: str, many: str) -> None:
        """Add a note where there is anything to note.

        Parameters
        ----------
        count : int
            How many rows it is about; nothing is noted of none.
        one : str
            The sentence for one row.
        many : str
            The sentence for several, with ``{}`` for their number.
        """
        if count:
            self.notes.append(one if count == 1 else many.format(count))

    def refusals(self) -> pl.DataFrame:
        """All refused rows.

        Returns
        -------
        polars.DataFrame
            Columns of :data:`REFUSALS`, in the order of tables and rows.
        """
        return pl.concat([REFUSALS.to_frame(), *self.refused])


def assemble(
    sources: Mapping[str, Source], *, reporting_currency: str | None, export_date: date | str | None
) -> Books:
    """Read every table, refuse rows and relate the tables to each other.

    Parameters
    ----------
    sources : mapping of str to Source
        The tables that were handed over.
    reporting_currency : str or None
        Currency named by the caller.
    export_date : date, str or None
        Day from which customers without valid_from are known.

    Returns
    -------
    Books
        All that a ledger consists of.

    Raises
    ------
    LedgerError
        If a table cannot be read.
    CurrencyError
        If amounts cannot be converted.
    """
    exported = _export_date(export_date)
    books = Books()
    _take_invoices(books, sources)
    payments = _typed_rows(books, sources, "payments")
    _take_customers(books, sources, exported, payments)
    _take_payments(books, payments)
    _take_events(books, sources)
    rates = _typed_rows(books, sources, "rates")
    _keep(books, "rates", rates)
    invoices = books.tables["invoices"]
    books.reporting_currency, assumed = choose_reporting(invoices, books.tables["rates"], reporting_currency)
    books.notes += [assumed] if assumed else []
    check_rates(invoices, books.tables["rates"], books.reporting_currency)
    if invoices["currency"].n_unique() > 1:
        code = books.reporting_currency
        books.note(
            books.tables["payments"]["invoice_id"].null_count(),
            f"One payment on account is taken to be in {code}, since payments carry no currency.",
            f"{{}} payments on account are taken to be in {code}, since payments carry no currency.",
        )
    # The order in which they are read serves the relations, not the reader.
    books.refused.sort(key=lambda refused: list(TABLES).index(refused["table"][0]))
    used = ", ".join(f"{books.tables[name].height} {name}" for name in TABLES)
    log.info("Read a ledger of %s; refused %d rows.", used, sum(map(len, books.refused)))
    return books


def _export_date(given: date | str | None) -> date | None:
    try:
        day = date.fromisoformat(given) if isinstance(given, str) else given
    except ValueError:
        raise LedgerError("The export date is not written YYYY-MM-DD.") from None
    if isinstance(day, datetime):
        day = day.date()
    if day is not None and not DATE_FIRST <= day <= DATE_LAST:
        raise LedgerError("The export date lies outside 1990-2100.")
    return day


# ---- One table ---------------------------------------------------------------------------------


def _typed_rows(books: Books, sources: Mapping[str, Source], name: str) -> pl.DataFrame:
    """Converted rows with the day they are known from; none where the table is absent."""
    table = TABLES[name]
    if name in sources:
        rows, dropped = convert(sources[name], table)
    else:
        rows, dropped = table.intake.create_empty().drop("known_on", strict=False), []
    books.rows_read[name] = rows.height
    if "known_on" in dropped:
        dropped.remove("known_on")
        books.notes.append(
            f"The column known_on of {name} was left out: a fact is known from recorded_on or its own date."
        )
    if dropped:
        shown = ", ".join(dropped[:8]) + (f" and {len(dropped) - 8} more" if len(dropped) > 8 else "")
        books.notes.append(f"Columns of {name} that a ledger has no place for were left out: {shown}.")
    if table.own_date is None:
        return rows
    return rows.with_columns(
        known_on=pl.when(pl.col(table.own_date).is_not_null()).then(
            pl.max_horizontal("recorded_on", table.own_date)
        )
    )


def _keep(books: Books, name: str, rows: pl.DataFrame, counted: tuple[str, ...] = ()) -> dict[str, int]:
    """Keep the rows that hold the contract, refuse the others, and count marks of those kept."""
    table = TABLES[name]
    refused = _broken(table, rows)
    if refused.height:
        rows = rows.join(refused.select(ROW), on=ROW, how="anti", maintain_order="left")
        books.refused.append(refused.select(pl.lit(name).alias("table"), *_refusal(refused)))
    counts = {mark: int(rows[mark].sum()) for mark in counted}
    if books.rows_read[name] != rows.height + refused.height:
        raise LedgerError(
            f"Of {books.rows_read[name]} rows of {name} {rows.height} were used and {refused.height} "
            "refused, which does not add up; please report it."
        )
    extras = [other for other in rows.columns if other not in table.columns and not _is_own(other)]
    books.tables[name] = rows.select(*table.columns, *extras).sort(table.sorted_by)
    return counts


def _refusal(refused: pl.DataFrame) -> list[pl.Expr | str]:
    named = next((name for name in (_IDENTIFIER, "invoice_id") if name in refused.columns), None)
    identifier = pl.col(named) if named else pl.lit(None, dtype=pl.String)
    return [pl.col(ROW).cast(pl.Int64).alias("row"), "column", "rule", identifier.alias("identifier")]


def _broken(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows to refuse with the first rule each breaks and its column, in the order of the source."""
    copies = _later_copies(table, rows)
    if copies.height:
        # Once the repetitions are gone, rows that share a key contradict each
        # other: the schema's key then refuses them all.
        rows_checked = rows.join(copies.select(ROW), on=ROW, how="anti", maintain_order="left")
    else:
        rows_checked = rows
    columns = table.intake.column_names()
    _, failure = table.intake.filter(rows_checked.lazy().select(columns))
    failed = failure.details()
    flaws = {flaw: reason_of_flaw(flaw) for flaw in failed[FLAW].drop_nulls().unique().sort()}
    constraints = {
        name: (rule_of(table, name), column_of(table, name))
        for name in failed.columns
        if name not in columns and not _is_own(name)
    }
    # Of several rules the first counts, and of several columns under it the first of the contract.
    reasons = sorted(
        {*flaws.values(), *constraints.values()},
        key=lambda reason: (_RANKS[reason[0]], table.columns.index(reason[1]) if reason[1] else -1),
    )
    place = {reason: number for number, reason in enumerate(reasons)}
    found = [
        pl.col(FLAW).replace_strict(
            {flaw: place[reason] for flaw, reason in flaws.items()}, default=None, return_dtype=pl.Int32
        ),
        *(
            pl.when(pl.col(name) == "invalid").then(pl.lit(place[reason], dtype=pl.Int32))
            for name, reason in constraints.items()
        ),
    ]
    first = pl.min_horizontal(found)
    named = [name for name in (_IDENTIFIER, "invoice_id") if name in rows.columns]
    broken = failed.select(
        ROW,
        rule=first.replace_strict({at: rule for (rule, _), at in place.items()}, return_dtype=pl.String),
        column=first.replace_strict({at: name for (_, name), at in place.items()}, return_dtype=pl.String),
    ).join(rows_checked.select(ROW, *named), on=ROW, how="left", maintain_order="left")
    if copies.height:
        repeated = copies.select(
            ROW, pl.lit(table.duplicate_rule).alias("rule"), pl.lit(table.key[0]).alias("column"), *named
        )
        broken = pl.concat([broken, repeated])
    return broken.sort(ROW)


def _is_own(column: str) -> bool:
    return column.startswith("__paydelay_")


def _later_copies(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that repeat an earlier one in every column."""
    if not table.key:
        return rows.clear()
    key = pl.col(table.key[0]) if len(table.key) == 1 else pl.struct(table.key)
    if rows.select(key.n_unique()).item() == rows.height:
        return rows.clear()
    named = ~pl.any_horizontal(pl.col(table.key).is_null())
    shared = rows.filter(key.is_duplicated(), named)
    return shared.filter(~pl.struct(pl.exclude(ROW)).is_first_distinct())


# ---- The five of them --------------------------------------------------------------------------


def _take_invoices(books: Books, sources: Mapping[str, Source]) -> None:
    agreed = (pl.col("due_date") - pl.col("issue_date")).dt.total_days().cast(pl.Int32)
    rows = _typed_rows(books, sources, "invoices").with_columns(terms_days=pl.coalesce("terms_days", agreed))
    _keep(books, "invoices", rows)


def _take_customers(
    books: Books, sources: Mapping[str, Source], exported: date | None, payments: pl.DataFrame
) -> None:
    rows = _typed_rows(books, sources, "customers")
    # An unreadable date is a flaw of its row, not a table without dates.
    undated = pl.col("valid_from").is_null() & pl.col(FLAW).is_null()
    day = exported or _last_known(books.tables["invoices"], payments)
    dated = rows.with_columns(
        undated.alias(_UNDATED), valid_from=pl.when(undated).then(day).otherwise("valid_from")
    )
    count = _keep(books, "customers", dated, (_UNDATED,))[_UNDATED]
    whence = "the export date" if exported else "the last day on which anything was recorded"
    if day == DATE_FIRST:
        # Books in which nothing was recorded: there is no day that anything could be seen from.
        return
    books.note(
        count,
        f"One customer row without valid_from is taken to be known from {day} on only, {whence}.",
        f"{{}} customer rows without valid_from are taken to be known from {day} on only, {whence}.",
    )


def _last_known(*tables: pl.DataFrame) -> date:
    inside = pl.col("known_on").is_between(DATE_FIRST, DATE_LAST)
    days = [rows.filter(inside)["known_on"].max() for rows in tables]
    return max((day for day in days if isinstance(day, date)), default=DATE_FIRST)


def _related(books: Books, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose invoice and customer are both known or null, and what had to be changed.

    The customer of a known invoice is the invoice's, whoever pays. A row whose
    invoice is not known falls back on its customer, if that one is known.
    """
    invoices = books.tables["invoices"].select("invoice_id", pl.col("customer_id").alias(_OWNER))
    invoices = invoices if rows.height else invoices.clear()
    known = pl.concat([invoices[_OWNER], books.tables["customers"]["customer_id"]]).unique()
    owner, customer, invoice = pl.col(_OWNER), pl.col("customer_id"), pl.col("invoice_id")
    falls_back = owner.is_null() & customer.is_in(known.implode()).fill_null(False)
    return (
        rows.join(invoices, on="invoice_id", how="left", maintain_order="left")
        .with_columns(
            customer_id=pl.coalesce(owner, pl.when(falls_back).then(customer)),
            invoice_id=pl.when(owner.is_not_null()).then(invoice),
            **{
                _IDENTIFIER: invoice,
                _OTHER_PAYER: (owner != customer).fill_null(False),
                _ON_ACCOUNT: falls_back & invoice.is_not_null(),
            },
        )
        .drop(_OWNER)
    )


def _take_payments(books: Books, payments: pl.DataFrame) -> None:
    counts = _keep(books, "payments", _related(books, payments), (_OTHER_PAYER, _ON_ACCOUNT))
    books.note(
        counts[_OTHER_PAYER],
        "One payment names another customer than its invoice; it counts for the invoice's customer.",
        "{} payments name another customer than their invoice; they count for the invoice's customer.",
    )
    books.note(
        counts[_ON_ACCOUNT],
        "One payment names an invoice that is not in the ledger; it counts as cash on account.",
        "{} payments name an invoice that is not in the ledger; they count as cash on account.",
    )


def _take_events(books: Books, sources: Mapping[str, Source]) -> None:
    rows = _related(books, _typed_rows(books, sources, "events"))
    # An insolvency is the customer's whatever invoice it names. Any other event
    # of an unknown invoice would, as the customer's, touch all its invoices.
    strays = pl.col(_ON_ACCOUNT) & (pl.col("event_type") != "insolvency")
    rows = rows.with_columns(pl.coalesce(FLAW, pl.when(strays).then(pl.lit("unknown_invoice"))).alias(FLAW))
    counts = _keep(books, "events", rows, (_OTHER_PAYER, _ON_ACCOUNT))
    books.note(
        counts[_OTHER_PAYER],
        "One event names another customer than its invoice; it counts for the invoice's customer.",
        "{} events name another customer than their invoice; they count for the invoice's customer.",
    )
    books.note(
        counts[_ON_ACCOUNT],
        "One insolvency names an invoice that is not in the ledger; it counts for its customer.",
        "{} insolvencies name an invoice that is not in the ledger; they count for their customer.",
    )
