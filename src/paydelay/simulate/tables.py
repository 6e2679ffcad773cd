"""From the clerk's arrays to the tables of a ledger, cut at the last day of the book."""

from __future__ import annotations

import numpy as np
import polars as pl

from paydelay.simulate.agents import ENTITIES, Agents
from paydelay.simulate.clerk import EVENTS, KINDS, Clerk
from paydelay.simulate.days import Array, Days
from paydelay.simulate.pool import NEVER

_FOREIGN_RATE, _FOREIGN_DAILY_SPREAD = 0.92, 0.004


def customer_names(count: int) -> pl.Series:
    """Identifiers such as C00042.

    Examples
    --------
    >>> customer_names(2).to_list()
    ['C00001', 'C00002']
    """
    return pl.Series("customer_id", [f"C{position + 1:05d}" for position in range(count)], dtype=pl.String)


def invoice_names(issue_dates: Array) -> pl.Series:
    """Identifiers such as F2024-000123, numbered within each year, for dates in order of issue.

    Examples
    --------
    >>> invoice_names(np.array(["2023-12-31", "2024-01-02"], dtype="datetime64[D]")).to_list()
    ['F2023-000001', 'F2024-000001']
    """
    years = issue_dates.astype("datetime64[Y]").astype(int) + 1970
    first = np.searchsorted(years, years)
    places = np.arange(len(years)) - first + 1
    names = [f"F{year}-{place:06d}" for year, place in zip(years, places, strict=True)]
    return pl.Series("invoice_id", names, dtype=pl.String)


class Tables:
    """Builds the frames of one book.

    Parameters
    ----------
    agents, days, clerk : Agents, Days, Clerk
        The finished simulation.
    register : dict of ndarray
        Invoices by number, see ``OrderBook.register``.
    """

    def __init__(self, agents: Agents, days: Days, clerk: Clerk, register: dict[str, Array]) -> None:
        self.agents, self.days, self.clerk, self.register = agents, days, clerk, register
        self.last_day = days.book_day_count - 1
        self.customer_ids = customer_names(len(agents))
        self.invoice_ids = invoice_names(days.date64(register["issue"]))
        self.in_book: Array = register["recorded"] <= self.last_day

    def invoices(self) -> pl.DataFrame:
        """The invoices recorded by the last day."""
        register, agents = self.register, self.agents
        customer = register["customer"]
        frame = pl.DataFrame(
            {
                "invoice_id": self.invoice_ids,
                "customer_id": self.customer_ids.gather(customer),
                "issue_date": self.days.date64(register["issue"]),
                "due_date": self.days.date64(register["due"]),
                "amount": register["cents"] / 100,
                "currency": np.where(agents.foreign[customer], "USD", "EUR"),
                "entity": pl.Series(ENTITIES).gather(agents.entity[customer]),
                "terms_days": register["terms_days"],
                "vat_amount": register["vat_cents"] / 100,
                "recorded_on": self.days.date64(register["recorded"]),
            }
        )
        dates = ("issue_date", "due_date", "recorded_on")
        return frame.with_columns(pl.col(dates).cast(pl.Date)).filter(pl.Series(self.in_book))

    def payments(self) -> pl.DataFrame:
        """Payments, discounts, credit notes and write-offs recorded by the last day."""
        columns = [np.concatenate(part) for part in zip(*self.clerk.payment_parts, strict=True)]
        number, customer, when, cents, kind, recorded, on_account, slip = columns
        # What concerns an invoice is not recorded before the invoice itself.
        recorded = np.maximum(recorded, self.register["recorded"][number])
        failed = self.clerk.insolvent_day[customer]
        # A customer that has failed pays nothing by mistake any more.
        real = (slip == NEVER) | (failed == NEVER) | (slip < failed)
        kept = np.flatnonzero((recorded <= self.last_day) & real)
        order = kept[np.lexsort((cents[kept], kind[kept], number[kept], when[kept], recorded[kept]))]
        frame = pl.DataFrame(
            {
                "customer_id": self.customer_ids.gather(customer[order]),
                "invoice_id": self.invoice_ids.gather(number[order]),
                "payment_date": self.days.date64(when[order]),
                "amount": cents[order] / 100,
                "kind": pl.Series(KINDS).gather(kind[order]),
                "recorded_on": self.days.date64(recorded[order]),
                "_on_account": on_account[order],
            }
        )
        return frame.with_columns(
            pl.when(~pl.col("_on_account")).then("invoice_id"),
            pl.col("payment_date", "recorded_on").cast(pl.Date),
        ).drop("_on_account")

    def events(self) -> pl.DataFrame:
        """Events recorded by the last day."""
        columns = [np.concatenate(part) for part in zip(*self.clerk.event_parts, strict=True)]
        name, when, number, customer, cents, new_day, recorded = columns
        of_invoice = number != NEVER
        recorded = np.where(of_invoice, np.maximum(recorded, self.register["recorded"][number]), recorded)
        kept = np.flatnonzero(recorded <= self.last_day)
        order = kept[np.lexsort((name[kept], number[kept], customer[kept], when[kept], recorded[kept]))]
        frame = pl.DataFrame(
            {
                "event_type": pl.Series(EVENTS).gather(name[order]),
                "event_date": self.days.date64(when[order]),
                "invoice_id": self.invoice_ids.gather(np.maximum(number[order], 0)),
                "customer_id": self.customer_ids.gather(customer[order]),
                "amount": cents[order] / 100,
                "new_date": self.days.date64(new_day[order]),
                "recorded_on": self.days.date64(recorded[order]),
                "_invoice": of_invoice[order],
                "_amount": cents[order] != NEVER,
                "_new_date": new_day[order] != NEVER,
            }
        )
        return frame.with_columns(
            pl.when("_invoice").then("invoice_id"),
            pl.when("_amount").then("amount"),
            pl.when("_new_date").then(pl.col("new_date").cast(pl.Date)),
            pl.col("event_date", "recorded_on").cast(pl.Date),
        ).drop("_invoice", "_amount", "_new_date")

    def rates(self, rng: np.random.Generator) -> pl.DataFrame:
        """Rates of the second currency on business days, empty where nobody uses it."""
        business = np.flatnonzero(self.days.business[: self.days.book_day_count])
        if not self.agents.foreign.any():
            business = business[:0]
        walk = np.cumsum(_FOREIGN_DAILY_SPREAD * rng.standard_normal(len(business)))
        return pl.DataFrame(
            {
                "currency": pl.Series(["USD"] * len(business), dtype=pl.String),
                "rate_date": self.days.date64(business),
                "rate": np.round(_FOREIGN_RATE * np.exp(walk), 4),
            }
        ).with_columns(pl.col("rate_date").cast(pl.Date))
