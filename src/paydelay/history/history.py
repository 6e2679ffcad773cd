"""History: the ledger arranged by what was known when."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.config import LedgerSettings
from paydelay.errors import LedgerError
from paydelay.history.attributes import AsOfTable, attribute_tables, covariate_tables
from paydelay.history.built import BuiltOnce
from paydelay.history.cohorts import Cohorts, CohortStream
from paydelay.history.entries import ENTRIES, Entries, coded_events
from paydelay.history.facts import (
    NEVER,
    Codes,
    Days,
    InvoiceFacts,
    InvoiceStates,
    codes_of,
    invoice_facts,
    invoice_states,
    payment_facts,
)
from paydelay.history.likeness import LIKE_AMOUNT, LIKE_WEEKDAY_AMOUNT, like_codes
from paydelay.history.streams import DayStream, EventStream, stream_of
from paydelay.ledger import Ledger

logger = logging.getLogger(__name__)

COARSE = frozenset({"book", "currency", "entity", "segment", "sector", "country", "external_rating"})
"""Groupings of few entities, whose events are summed day by day instead of sorted."""

EPOCH = date(1970, 1, 1)


def day_of(when: date) -> int:
    """Days since 1970-01-01 of a date."""
    return (when - EPOCH).days


@dataclass
class History:
    """The only door to the past of a ledger.

    Build it once; ask it for the book open on some dates (:meth:`open_rows`)
    and for a :class:`~paydelay.history.PastView` of those rows
    (``PastView(history, rows)``), which answers as of each row's own date.

    Parameters
    ----------
    ledger : Ledger
        The books.
    invoices, states
        Coded invoices, and all they were known to be.
    customers : polars.Series
        Customer ids in the order of their codes.
    attributes : mapping of str to AsOfTable
        Slowly changing facts of customers.
    covariates : mapping of (str, str) to AsOfTable
        A user's own dated tables, by name and column.
    """

    ledger: Ledger
    invoices: InvoiceFacts
    states: InvoiceStates
    customers: pl.Series
    attributes: Mapping[str, AsOfTable]
    covariates: Mapping[tuple[str, str], AsOfTable]
    _entries: BuiltOnce[str, Entries] = field(default_factory=BuiltOnce, repr=False)
    _streams: BuiltOnce[tuple[str, str], EventStream] = field(default_factory=BuiltOnce, repr=False)
    _coarse: BuiltOnce[tuple[str, str], EventStream | DayStream] = field(
        default_factory=BuiltOnce, repr=False
    )
    _cohort_streams: BuiltOnce[str, CohortStream] = field(default_factory=BuiltOnce, repr=False)
    _cohorts: BuiltOnce[None, Cohorts] = field(default_factory=BuiltOnce, repr=False)
    _like_codes: BuiltOnce[str, Codes] = field(default_factory=BuiltOnce, repr=False)
    _open_book: tuple[Days, Codes, Days] = field(
        default_factory=lambda: (np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int32)),
        repr=False,
    )
    """Days last asked for, and the rows open on them."""

    @classmethod
    def build(
        cls,
        ledger: Ledger,
        settings: LedgerSettings | None = None,
        covariates: Mapping[str, pl.DataFrame] | None = None,
    ) -> History:
        """Arrange a ledger by what was known when.

        Parameters
        ----------
        ledger : Ledger
            Checked books.
        settings : LedgerSettings, optional
            Tolerances of settlement.
        covariates : mapping of str to polars.DataFrame, optional
            Dated tables of one's own: ``known_on``, at most one key column
            among ``customer_id``, ``segment``, ``sector``, ``country``, and
            numeric columns. They are looked up as of each row's date.

        Raises
        ------
        LedgerError
            If a covariate table has no ``known_on`` or no numeric column.
        """
        settings = settings or LedgerSettings()
        ids = [ledger.invoices["customer_id"], ledger.payments["customer_id"]]
        ids += [ledger.customers["customer_id"], ledger.events["customer_id"]]
        customers = pl.concat(ids).drop_nulls().unique().sort()
        invoices = invoice_facts(ledger, settings, customers)
        states = invoice_states(invoices, payment_facts(ledger, invoices))
        attributes = attribute_tables(ledger.customers, customers)
        logger.info(
            "history: %d invoices, %d states, %d customers",
            len(invoices),
            len(states.invoice),
            len(customers),
        )
        return cls(
            ledger=ledger,
            invoices=invoices,
            states=states,
            customers=customers,
            attributes=attributes,
            covariates=covariate_tables(covariates or {}, customers, attributes),
        )

    def state_row(self, invoice: Codes, day: NDArray[np.integer]) -> NDArray[np.int64]:
        """Row of ``states`` that holds for each invoice on a day; -1 where it was not known yet.

        Parameters
        ----------
        invoice : array of shape (n_rows,)
            Codes of the invoices.
        day : array of shape (n_rows,)
            Days since 1970-01-01; each counts to its close.

        Returns
        -------
        array of shape (n_rows,)
            Positions in ``states``.
        """
        wanted = (invoice << 32) | day.astype(np.int64)
        row = np.searchsorted(self.states.key, wanted, side="right") - 1
        # Invoices are coded in order of knowledge: one beyond the last is not in these books yet.
        count = len(self.invoices)
        before = (invoice >= count) | (row < self.states.first[np.minimum(invoice, count)])
        return np.where(before, -1, row)

    def open_rows(self, as_ofs: Sequence[date]) -> tuple[Codes, Days]:
        """Every invoice open on each date, as known at its close.

        Parameters
        ----------
        as_ofs : sequence of date
            Dates, in any order; each is used once.

        Returns
        -------
        invoice : array of shape (n_rows,)
            Codes of the invoices, sorted by date, then by order of knowledge.
        day : array of shape (n_rows,)
            The as_of date of each row.
        """
        return self.open_on_days(np.unique(np.array([day_of(when) for when in as_ofs], np.int32)))

    def open_on_days(self, days: Days) -> tuple[Codes, Days]:
        """:meth:`open_rows` for sorted distinct days since 1970-01-01.

        Parameters
        ----------
        days : array of shape (n_days,)
            Increasing.

        Returns
        -------
        invoice, day : array of shape (n_rows,)
            As of :meth:`open_rows`.
        """
        kept, invoice, day = self._open_book
        if not len(kept) or not np.isin(days, kept).all():
            kept, invoice, day = self._open_book = (days, *self._found_open(days))
        if len(days) == len(kept):
            return invoice, day
        first, last = np.searchsorted(day, days, side="left"), np.searchsorted(day, days, side="right")
        rows = [np.arange(low, high) for low, high in zip(first, last, strict=True)]
        row = np.concatenate(rows) if rows else np.empty(0, np.int64)
        return invoice[row], day[row]

    def _found_open(self, days: Days) -> tuple[Codes, Days]:
        row = np.flatnonzero(self.states.is_open)
        first = np.searchsorted(days, self.states.from_day[row], side="left")
        last = np.searchsorted(days, self.states.to_day[row], side="left")
        size = last - first
        invoice = np.repeat(self.states.invoice[row], size)
        offset = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        position = (np.repeat(first, size) + offset).astype(np.uint16)
        order = np.argsort(position, kind="stable")
        return invoice[order], days[position[order]]

    def is_of_customer(self, by: str) -> bool:
        """Whether the customer and the day alone say to whom an invoice belongs.

        Parameters
        ----------
        by : str
            Kind of entity: see :meth:`entity`.

        Returns
        -------
        bool
        """
        return by in ("book", "parent") or by in self.attributes

    def entity(self, by: str, invoice: Codes, customer: Codes, day: NDArray[np.integer]) -> Codes:
        """Code of the entity a row belongs to; -1 where it has none.

        Parameters
        ----------
        by : str
            ``invoice``, ``customer``, ``weekday`` (customer and weekday of the due
            date), ``terms`` (customer and payment terms), ``amount`` and
            ``amount_between`` (customer and band of amount, on two grids half a band
            apart), ``weekday_amount`` and ``weekday_amount_between`` (the same by
            weekday of the due date), ``currency``, ``entity``, ``book``, ``parent``,
            or an attribute of the customer as known on ``day``: ``segment``,
            ``sector``, ``country``, ``external_rating``.
        invoice, customer : array of shape (n_rows,)
            Codes; -1 where a row concerns no invoice.
        day : array of shape (n_rows,)
            Days since 1970-01-01.

        Returns
        -------
        array of shape (n_rows,)
            Whole numbers, the same for rows of one entity.

        Raises
        ------
        LedgerError
            If nothing is grouped that way.
        """
        if by == "customer":
            return customer
        if by == "book":
            return np.zeros(len(customer), np.int64)
        if by in self.attributes:
            return self.attributes[by].codes(customer, day)
        if by == "parent":
            return self.attributes["parent_id"].codes(customer, day)
        facts = self.invoices
        known = np.where(invoice >= 0, invoice, 0)
        if not len(facts):
            return np.full(len(invoice), -1, np.int64)
        if by == "invoice":
            code = invoice
        elif by == "weekday":
            code = customer * 7 + (facts.due_day[known] + 3) % 7
        elif by in ("terms", *LIKE_AMOUNT, *LIKE_WEEKDAY_AMOUNT):
            code = self._like_codes.get(by, lambda: like_codes(facts, by))[known]
        elif by in ("currency", "entity"):
            code = getattr(facts, by)[known]
        else:
            raise LedgerError(
                f"Nothing in a ledger is grouped by '{by}'; use customer, weekday, terms, amount, "
                "weekday_amount, parent, book, currency, entity, invoice or one of "
                f"{', '.join(sorted(self.attributes))}."
            )
        return np.where(invoice >= 0, code, -1)

    @cached_property
    def events(self) -> pl.DataFrame:
        """Events of the ledger in coded form: see :func:`~paydelay.history.entries.coded_events`."""
        return coded_events(self.ledger, self.customers)

    @cached_property
    def own_group(self) -> Codes:
        """Code among the parents that each customer has while it belongs to nobody else."""
        return codes_of(self.customers, self.attributes["parent_id"].names)

    def entries(self, name: str) -> Entries:
        """Events of one kind, built when first asked for.

        Parameters
        ----------
        name : str
            Kind of event, a key of ``paydelay.history.entries.ENTRIES``.

        Returns
        -------
        Entries
            Each with the day it became known.
        """
        return self._entries.get(name, lambda: ENTRIES[name](self))

    def stream(self, name: str, by: str) -> EventStream:
        """Event stream of one kind and grouping, sorted when first asked for.

        Parameters
        ----------
        name : str
            Kind of event, a key of ``paydelay.history.entries.ENTRIES``.
        by : str
            Whose events: see :meth:`entity`.

        Returns
        -------
        EventStream
            Answers totals, windows and the last few events.
        """

        def build() -> EventStream:
            entries = self.entries(name)
            entity = self.entity(by, entries.invoice, entries.customer, entries.day)
            return EventStream(entity, entries.day, entries.all_measures, entries.taken_back_day)

        return self._streams.get((name, by), build)

    def sums(self, name: str, by: str) -> EventStream | DayStream:
        """Events of one kind and grouping, arranged for totals and windows.

        Parameters
        ----------
        name : str
            Kind of event, a key of ``paydelay.history.entries.ENTRIES``.
        by : str
            Whose events: see :meth:`entity`.

        Returns
        -------
        EventStream or DayStream
            Summed by day where the grouping has few entities.
        """
        if by not in COARSE:
            return self.stream(name, by)

        def build() -> EventStream | DayStream:
            entries = self.entries(name)
            entity = self.entity(by, entries.invoice, entries.customer, entries.day)
            return stream_of(entity, entries.day, entries.all_measures, entries.taken_back_day, ordered=False)

        return self._coarse.get((name, by), build)

    def cohort_stream(self, by: str) -> CohortStream:
        """Invoices by due date, grouped; arranged when first asked for.

        Parameters
        ----------
        by : str
            Whose invoices: see :meth:`entity`.

        Returns
        -------
        CohortStream
            Answers totals and windows of due dates.
        """

        def build() -> CohortStream:
            cohorts = self._cohorts.get(None, lambda: Cohorts(self))
            entity, final = self._due_entity(by).astype(np.int32), cohorts.final
            due_day = self.invoices.due_day[final.invoice]
            finals = stream_of(entity[final.invoice], due_day, final.measures, ordered=by not in COARSE)
            return CohortStream(cohorts, entity, finals)

        return self._cohort_streams.get(by, build)

    def _due_entity(self, by: str) -> Codes:
        """Entity of every invoice as it stood when the invoice fell due and was known."""
        facts = self.invoices
        day = np.maximum(facts.due_day, facts.known_day)
        return self.entity(by, np.arange(len(facts), dtype=np.int64), facts.customer, day)

    def forget(self) -> None:
        """Drop streams and prefix sums, to give the memory back; they are built again when asked for."""
        self._streams.clear()
        self._coarse.clear()
        self._cohort_streams.clear()
        self._cohorts.clear()
        self._like_codes.clear()
        self._entries.clear()
        self._open_book = (self._open_book[0][:0], *self._open_book[1:])


__all__ = ["EPOCH", "NEVER", "History", "day_of"]
