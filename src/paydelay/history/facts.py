"""The ledger as integer-coded arrays, and the state of each invoice as it was known.

Money is held in integer cents and time in integer days, so that sums over
history are exact: a figure computed from the full ledger and from the ledger
cut at as_of is the same to the last bit, whatever rows lie beyond.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.config import LedgerSettings
from paydelay.history.ordering import differs, order_by
from paydelay.ledger import Ledger

Days = NDArray[np.int32]
Codes = NDArray[np.int64]
Cents = NDArray[np.int64]

NEVER = np.int32(2**30)
"""A day later than any date: not settled, not ended, not known."""


def to_cents(amounts: pl.Series) -> Cents:
    """Amounts as integer cents, rounded to the nearest."""
    return np.rint(amounts.to_numpy() * 100.0).astype(np.int64)


def to_days(dates: pl.Series) -> Days:
    """Dates as days since 1970-01-01; null becomes NEVER."""
    return dates.cast(pl.Int32).fill_null(int(NEVER)).to_numpy()


def codes_of(values: pl.Series, catalogue: pl.Series) -> Codes:
    """Position of each value in a catalogue of unique values; -1 where absent or null."""
    lookup = pl.DataFrame({"value": catalogue, "code": np.arange(len(catalogue), dtype=np.int64)})
    joined = pl.DataFrame({"value": values}).join(lookup, on="value", how="left", maintain_order="left")
    return joined["code"].fill_null(-1).to_numpy()


@dataclass(frozen=True)
class InvoiceFacts:
    """What each invoice says of itself, one element per invoice in order of knowledge.

    Being sorted by the day they became known, the invoices known at a date are
    a prefix: codes do not change when the ledger is cut.
    """

    customer: Codes
    known_day: Days
    issue_day: Days
    due_day: Days
    terms_days: Days
    amount: Cents
    amount_reporting: Cents
    vat_share: NDArray[np.float64]
    currency: Codes
    entity: Codes
    tolerance: Cents

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(frozen=True)
class InvoiceStates:
    """What was known of each invoice, and from which day to which.

    One row per invoice and day on which something about it became known, sorted
    by invoice and day. A row holds from ``from_day`` up to the day before
    ``to_day``.
    """

    invoice: Codes
    from_day: Days
    to_day: Days
    open: Cents
    """Amount due less payments and discounts; negative where over-paid."""
    due: Cents
    """Amount less credit notes."""
    paid: Cents
    settled_day: Days
    """Value date from which open stays within tolerance; NEVER where it does not."""
    written_off: Cents
    written_off_day: Days
    payment_count: NDArray[np.int32]
    cancelled: NDArray[np.bool_]
    """Wholly credited: neither prompt nor late."""
    first: NDArray[np.int64]
    """Row at which each invoice starts, with one more element at the end."""

    @cached_property
    def key(self) -> NDArray[np.int64]:
        """Invoice and first day of each row in one sorted integer."""
        return (self.invoice << 32) | self.from_day

    @property
    def is_open(self) -> NDArray[np.bool_]:
        """Rows in which the invoice has something left to pay."""
        still: NDArray[np.bool_] = (self.settled_day == NEVER) & ~self.cancelled
        return still


def invoice_facts(ledger: Ledger, settings: LedgerSettings, customers: pl.Series) -> InvoiceFacts:
    """Coded columns of the invoices, in the ledger's canonical order.

    Parameters
    ----------
    ledger : Ledger
        Checked books.
    settings : LedgerSettings
        Tolerances.
    customers : polars.Series
        Catalogue of customer ids that gives the codes.
    """
    table = ledger.invoices
    amount = to_cents(table["amount"])
    tolerance = np.maximum(settings.tolerance_amount * 100.0, settings.tolerance_share * amount)
    # An invoice below the tolerance would be born settled; half of it must be paid.
    tolerance = np.minimum(np.rint(tolerance).astype(np.int64), amount // 2)
    rate = issue_date_rates(ledger)
    vat = (table["vat_amount"] / table["amount"]).cast(pl.Float64).to_numpy().copy()
    return InvoiceFacts(
        customer=codes_of(table["customer_id"], customers),
        known_day=to_days(table["known_on"]),
        issue_day=to_days(table["issue_date"]),
        due_day=to_days(table["due_date"]),
        terms_days=to_days(table["terms_days"]),
        amount=amount,
        amount_reporting=np.rint(amount * rate).astype(np.int64),
        vat_share=vat,
        currency=codes_of(table["currency"], table["currency"].unique().sort()),
        entity=codes_of(table["entity"], table["entity"].drop_nulls().unique().sort()),
        tolerance=tolerance,
    )


def issue_date_rates(ledger: Ledger) -> NDArray[np.float64]:
    """Rate into the reporting currency on each invoice's issue date, 1 for that currency itself."""
    if ledger.rates.is_empty():
        return np.ones(ledger.invoices.height)
    asked = ledger.invoices.select("currency", rate_date="issue_date")
    return rates_at(ledger, asked)


def rates_at(ledger: Ledger, asked: pl.DataFrame) -> NDArray[np.float64]:
    """Last rate on or before each asked date.

    Parameters
    ----------
    ledger : Ledger
        Books with their rate table.
    asked : polars.DataFrame
        Columns ``currency`` and ``rate_date``.
    """
    rates = ledger.rates.select("currency", "rate_date", "rate").sort("rate_date")
    found = (
        asked.with_row_index("row")
        .sort("rate_date")
        .join_asof(rates, on="rate_date", by="currency", strategy="backward", check_sortedness=False)
        .sort("row")
    )
    own = pl.col("currency") == ledger.reporting_currency
    return found.select(rate=pl.when(own).then(1.0).otherwise(pl.col("rate")))["rate"].to_numpy()


def payment_facts(ledger: Ledger, invoices: InvoiceFacts) -> pl.DataFrame:
    """Payments that name an invoice, as coded rows sorted by invoice and day of knowledge.

    A payment recorded before its invoice is known counts from the day the
    invoice is. Columns: invoice, known_day, value_day, paid, credit, written_off
    (cents) and count (positive payments).
    """
    table = ledger.payments
    code = codes_of(table["invoice_id"], ledger.invoices["invoice_id"])
    # Not those on account, nor those of invoices that are not known yet.
    row = np.flatnonzero(code >= 0)
    code = code[row]
    known = np.maximum(to_days(table["known_on"])[row], invoices.known_day[code])
    value = to_days(table["payment_date"])[row]
    order = order_by(code, known, value)
    code, known, value, row = code[order], known[order], value[order], row[order]
    starts = np.flatnonzero(differs(code) | differs(known) | differs(value))
    cents, kind = to_cents(table["amount"])[row], table["kind"].gather(row)
    positive = (table["amount"].to_numpy()[row] > 0).astype(np.int64)

    def summed(chosen: pl.Series, values: NDArray[np.integer]) -> NDArray[np.int64]:
        counted = np.where(chosen.to_numpy(), values, 0)
        return np.add.reduceat(counted, starts, dtype=np.int64) if len(starts) else counted

    return pl.DataFrame(
        {
            "invoice": code[starts],
            "known_day": known[starts],
            "value_day": value[starts],
            "paid": summed(kind.is_in(["payment", "discount"]), cents),
            "credit": summed(kind == "credit_note", cents),
            "written_off": summed(kind == "write_off", cents),
            "count": summed(kind == "payment", positive),
        }
    )


def invoice_states(invoices: InvoiceFacts, payments: pl.DataFrame) -> InvoiceStates:
    """Every state each invoice was known to be in.

    Parameters
    ----------
    invoices : InvoiceFacts
        The invoices.
    payments : polars.DataFrame
        Coded rows of :func:`payment_facts`.
    """
    first, from_day, totals = _moments(invoices, payments)
    invoice = np.repeat(np.arange(len(invoices), dtype=np.int64), np.diff(first))
    due = invoices.amount[invoice] - totals["credit"]
    tolerance = invoices.tolerance[invoice]
    to_day = np.full(len(invoice), NEVER, np.int32)
    inner = np.flatnonzero(invoice[1:] == invoice[:-1]) if len(invoice) else np.empty(0, np.int64)
    to_day[inner] = from_day[inner + 1]
    return InvoiceStates(
        invoice=invoice,
        from_day=from_day,
        to_day=to_day,
        open=due - totals["paid"],
        due=due,
        paid=totals["paid"],
        settled_day=_settled_days(invoices, payments, invoice, from_day, due - totals["paid"]),
        written_off=totals["written_off"],
        written_off_day=_written_off_days(
            payments, invoice, from_day, np.where(totals["written_off"] > tolerance, totals["written_off"], 0)
        ),
        payment_count=totals["count"].astype(np.int32),
        cancelled=(due <= tolerance) & (totals["credit"] > 0),
        first=first,
    )


def _moments(
    invoices: InvoiceFacts, payments: pl.DataFrame
) -> tuple[NDArray[np.int64], Days, dict[str, NDArray[np.int64]]]:
    """Days on which something became known of each invoice, its own first, and all paid by then.

    Returns
    -------
    first : array of shape (n_invoices + 1,)
        Row at which each invoice starts.
    from_day : array of shape (n_rows,)
    totals : dict of str to array of shape (n_rows,)
    """
    owner, known = payments["invoice"].to_numpy(), payments["known_day"].to_numpy()
    starts = differs(owner) | differs(known)
    # What became known with the invoice itself belongs to its first row.
    new = starts & (known > invoices.known_day[owner])
    size = np.bincount(owner[new], minlength=len(invoices)) + 1
    first = np.concatenate([[0], np.cumsum(size)])
    # Every invoice up to this one adds a row of its own to those of the payments before.
    row = np.cumsum(new) + owner
    from_day = np.empty(first[-1], np.int32)
    from_day[first[:-1]] = invoices.known_day
    from_day[row[new]] = known[new]
    totals = {}
    for name in ("paid", "credit", "written_off", "count"):
        sums = np.zeros(first[-1], np.int64)
        np.add.at(sums, row, payments[name].to_numpy())
        totals[name] = _running(sums, first)
    return first, from_day, totals


def _running(values: NDArray[np.int64], first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cumulative sums that start anew at each position of ``first``, which has the end as well."""
    if not values.any():
        # Many books know no credit notes, and nearly all few write-offs.
        return values
    total = np.cumsum(values, dtype=np.int64)
    before = np.concatenate([[0], total])[first[:-1]]
    total -= np.repeat(before, np.diff(first))
    return total


def _settled_days(
    invoices: InvoiceFacts, payments: pl.DataFrame, invoice: Codes, from_day: Days, open_amount: Cents
) -> Days:
    """Settlement date of each state, as known from that state's first day.

    It is the value date on which the balance last came down to the tolerance:
    what was paid and bounced does not count.
    """
    settled = np.full(len(invoice), NEVER, np.int32)
    closed = np.flatnonzero(open_amount <= invoices.tolerance[invoice])
    if not len(closed):
        return settled
    owner = payments["invoice"].to_numpy()
    value = payments["value_day"].to_numpy()
    # Where value dates strictly follow the order of knowledge, what is known at
    # any moment is a prefix of one running balance; the few others are replayed.
    same = owner[1:] == owner[:-1]
    shuffled = np.zeros(len(invoices), np.bool_)
    shuffled[owner[1:][same & (value[1:] <= value[:-1])]] = True
    first = np.searchsorted(owner, np.arange(len(invoices) + 1))
    crossing = _crossing_days(invoices, payments, first)
    key = (owner << 32) | payments["known_day"].to_numpy()
    last_fact = np.searchsorted(key, (invoice[closed] << 32) | from_day[closed], side="right") - 1
    settled[closed] = crossing[last_fact]
    replay = closed[shuffled[invoice[closed]]]
    if len(replay):
        settled[replay] = _replayed(invoices, payments, first, invoice[replay], from_day[replay])
    return settled


def _crossing_days(invoices: InvoiceFacts, payments: pl.DataFrame, first: NDArray[np.int64]) -> Days:
    """Value day on which the running balance last fell to the tolerance, at each payment row."""
    owner = payments["invoice"].to_numpy()
    moved = (payments["paid"] + payments["credit"]).to_numpy()
    balance = invoices.amount[owner] - _running(moved, first)
    within = balance <= invoices.tolerance[owner]
    before = (balance + moved) <= invoices.tolerance[owner]
    row = np.where(within & ~before, np.arange(len(owner)), -1)
    latest = np.maximum.accumulate(row) if len(row) else row
    return np.where(latest >= 0, payments["value_day"].to_numpy()[latest], NEVER).astype(np.int32)


def _replayed(
    invoices: InvoiceFacts,
    payments: pl.DataFrame,
    first: NDArray[np.int64],
    invoice: Codes,
    moment: Days,
) -> Days:
    """Settlement dates by replaying, for each state, the payments known then in value order."""
    size = first[invoice + 1] - first[invoice]
    state = np.repeat(np.arange(len(invoice)), size)
    fact = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size) + first[invoice][state]
    known = payments["known_day"].to_numpy()[fact] <= moment[state]
    replay = (
        pl.DataFrame(
            {
                "state": state[known],
                "day": payments["value_day"].to_numpy()[fact[known]],
                "moved": (payments["paid"] + payments["credit"]).to_numpy()[fact[known]],
            }
        )
        .group_by("state", "day")
        .agg(pl.col("moved").sum())
        .sort("state", "day")
        .with_columns(total=pl.col("moved").cum_sum().over("state"))
    )
    owner = invoice[replay["state"].to_numpy()]
    balance = invoices.amount[owner] - replay["total"].to_numpy()
    before = balance + replay["moved"].to_numpy()
    crossed = (balance <= invoices.tolerance[owner]) & (before > invoices.tolerance[owner])
    last = replay.filter(pl.Series(crossed)).group_by("state").agg(pl.col("day").max())
    settled = np.full(len(invoice), NEVER, np.int32)
    settled[last["state"].to_numpy()] = last["day"].to_numpy()
    return settled


def _written_off_days(payments: pl.DataFrame, invoice: Codes, from_day: Days, written_off: Cents) -> Days:
    """First value date of a write-off known in each state; NEVER where none stands that matters."""
    days = np.full(len(invoice), NEVER, np.int32)
    standing = np.flatnonzero(written_off > 0)
    if not len(standing):
        return days
    facts = payments.filter(pl.col("written_off") > 0).with_columns(
        first_day=pl.col("value_day").cum_min().over("invoice")
    )
    key = (facts["invoice"].to_numpy() << 32) | facts["known_day"].to_numpy()
    row = np.searchsorted(key, (invoice[standing] << 32) | from_day[standing], side="right") - 1
    days[standing] = facts["first_day"].to_numpy()[row]
    return days
