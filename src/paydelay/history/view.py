"""The past as features see it: every answer is as of the row's own date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.errors import LeakageError, LedgerError
from paydelay.history.balances import insolvency_days
from paydelay.history.facts import NEVER, Codes, Days
from paydelay.history.groups import Group, distinct_pairs, open_figures
from paydelay.history.history import History
from paydelay.history.streams import Answers, Integers

Floats = NDArray[np.float64]
Result = TypeVar("Result")


@dataclass
class PastView:
    """Rows of (as_of, open invoice) that may ask about the past, and only about the past.

    A feature receives a view and nothing else. The view binds every question to
    the as_of date of the row that asks: a feature names a stream, a measure, a
    group and a window, never a date, so it cannot be written to see ahead.

    Parameters
    ----------
    history : History
        The ledger by what was known when.
    invoice, as_of_day : array of shape (n_rows,)
        Rows, as :meth:`History.open_rows` gives them.
    """

    _history: History
    invoice: Codes
    as_of_day: Days
    _groups: dict[str, Group] = field(default_factory=dict, repr=False)
    _cache: dict[tuple[object, ...], Integers] = field(default_factory=dict, repr=False)
    _results: dict[Callable[[PastView], object], object] = field(default_factory=dict, repr=False)
    _answers: Answers = field(default_factory=Answers, repr=False)
    _book: PastView | None = field(default=None, repr=False)
    _wider: PastView | None = field(default=None, repr=False)
    _row: NDArray[np.intp] | None = field(default=None, repr=False)
    _narrower: dict[str, tuple[PastView, NDArray[np.intp]]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        known = self._wider
        self.state: NDArray[np.int64] = (
            self._history.state_row(self.invoice, self.as_of_day) if known is None else known.state[self._row]
        )
        if (self.state < 0).any():
            raise LeakageError(
                f"{int((self.state < 0).sum())} rows ask about invoices that were not known yet on their "
                "as_of date; ask only for invoices open on the date."
            )
        self.customer: Codes = self._history.invoices.customer[self.invoice]

    def __len__(self) -> int:
        return len(self.invoice)

    # What the invoice says of itself -------------------------------------------------

    @property
    def days_past_due(self) -> NDArray[np.int64]:
        """as_of less due date; negative before it."""
        return self.as_of_day.astype(np.int64) - self.due_day

    @property
    def due_day(self) -> NDArray[np.int64]:
        """Due date as first agreed, in days since 1970-01-01."""
        return self._history.invoices.due_day[self.invoice].astype(np.int64)

    @property
    def issue_day(self) -> NDArray[np.int64]:
        """Issue date, in days since 1970-01-01."""
        return self._history.invoices.issue_day[self.invoice].astype(np.int64)

    @property
    def terms_days(self) -> NDArray[np.int64]:
        """Payment terms in days."""
        return self._history.invoices.terms_days[self.invoice].astype(np.int64)

    @property
    def amount(self) -> Floats:
        """Amount in the reporting currency, at the rate of the issue date."""
        return self._history.invoices.amount_reporting[self.invoice] / 100.0

    @property
    def open_amount(self) -> Floats:
        """What is left to pay as known, in the reporting currency at the rate of the issue date."""
        states, facts = self._history.states, self._history.invoices
        share = np.maximum(states.open[self.state], 0) / facts.amount[self.invoice]
        return share * facts.amount_reporting[self.invoice] / 100.0

    @property
    def settled_share(self) -> Floats:
        """Share of the amount due already paid, as known."""
        states = self._history.states
        return np.clip(states.paid[self.state] / np.maximum(states.due[self.state], 1), 0.0, 1.0)

    @property
    def payment_count(self) -> Floats:
        """Payments received for this invoice so far, as known."""
        return self._history.states.payment_count[self.state].astype(np.float64)

    # What happened before -----------------------------------------------------------

    def total(
        self,
        stream: str,
        measure: str = "count",
        by: str = "customer",
        days: int | None = None,
        last: int | None = None,
        ago_days: int = 0,
    ) -> Floats:
        """Sum of a measure over the events of an entity known as of each row.

        Parameters
        ----------
        stream : str
            Kind of event, or ``"due"`` for invoices by due date.
        measure : str
            What to sum; ``"count"`` counts the events.
        by : str
            Whose events: see :meth:`History.entity`.
        days : int, optional
            Only the events of so many days up to the date.
        last : int, optional
            Only the last so many events.
        ago_days : int
            Ask as of so many days earlier.

        Returns
        -------
        array of shape (n_rows,)
            In the unit of the measure: days, cents, counts. 0 where nothing is known.

        Raises
        ------
        LeakageError
            If ``ago_days`` is negative, or a window is shorter than a day (than 60
            days, where invoices are asked for by due date).
        LedgerError
            If ``days`` and ``last`` are both given, or ``last`` with invoices by
            due date.
        """
        return self._spread(by, self._sums(stream, measure, by, days, last, ago_days))

    def mean(
        self,
        stream: str,
        measure: str,
        by: str = "customer",
        days: int | None = None,
        last: int | None = None,
        ago_days: int = 0,
        weight: str = "count",
    ) -> Floats:
        """Sum of a measure divided by the sum of a weight; NaN where nothing is known.

        Parameters
        ----------
        stream, measure, by : str
            As of :meth:`total`.
        days, last, ago_days : int, optional
            As of :meth:`total`.
        weight : str
            Measure to divide by; ``"count"`` gives the plain mean.

        Returns
        -------
        array of shape (n_rows,)
            NaN, too, where the weights sum to zero or less.

        Raises
        ------
        LeakageError, LedgerError
            As :meth:`total` does.
        """
        sums = self._sums(stream, measure, by, days, last, ago_days)
        weights = self._sums(stream, weight, by, days, last, ago_days)
        return self._spread(by, _ratio(sums, weights))

    def shrunk_mean(
        self,
        stream: str,
        measure: str,
        by: str,
        toward: Floats,
        strength: float,
        days: int | None = None,
        last: int | None = None,
    ) -> Floats:
        """Mean pulled toward a broader one: (sum + strength * toward) / (count + strength).

        Parameters
        ----------
        stream, measure, by : str
            As of :meth:`total`.
        toward : array of shape (n_rows,)
            The broader mean, in the unit of the measure.
        strength : float
            How many events it weighs; above 0.
        days, last : int, optional
            As of :meth:`total`.

        Returns
        -------
        array of shape (n_rows,)
            ``toward`` where nothing is known.

        Raises
        ------
        LeakageError, LedgerError
            As :meth:`total` does.
        """
        sums = self._spread(by, self._sums(stream, measure, by, days, last, 0))
        counts = self._spread(by, self._sums(stream, "count", by, days, last, 0))
        return (sums + strength * toward) / (counts + strength)

    def spread(
        self,
        stream: str,
        measure: str,
        by: str = "customer",
        days: int | None = None,
        last: int | None = None,
    ) -> Floats:
        """Standard deviation of a measure whose squares the stream holds; NaN below two events.

        Parameters
        ----------
        stream : str
            Kind of event.
        measure : str
            One with a measure of the same name and ``_squared``, such as ``"delay"``.
        by : str
            Whose events: see :meth:`History.entity`.
        days, last : int, optional
            As of :meth:`total`.

        Returns
        -------
        array of shape (n_rows,)
            In the unit of the measure; the sum of squares is divided by the count.

        Raises
        ------
        LeakageError, LedgerError
            As :meth:`total` does.
        """
        counts = self._sums(stream, "count", by, days, last, 0)
        sums = self._sums(stream, measure, by, days, last, 0)
        squares = self._sums(stream, f"{measure}_squared", by, days, last, 0)
        # n * sum(x^2) - sum(x)^2 in whole numbers: no cancellation.
        scaled = counts * squares - sums * sums
        return self._spread(by, np.sqrt(np.where(counts > 1, _ratio(scaled, counts * counts), np.nan)))

    def days_since(self, stream: str, by: str = "customer") -> Floats:
        """Days since the latest event became known; NaN where there was none.

        Parameters
        ----------
        stream : str
            Kind of event.
        by : str
            Whose events: see :meth:`History.entity`.

        Returns
        -------
        array of shape (n_rows,)
            0 for an event of the row's own date.
        """
        group = self._group(by)
        latest = self._history.stream(stream, by).latest_day(group.entity, group.day, self._answers)
        return self._spread(by, np.where(latest < NEVER, group.day - latest.astype(np.float64), np.nan))

    def days_since_first(self, stream: str, by: str = "customer") -> Floats:
        """Days since the first event became known; 0 where there was none.

        Parameters
        ----------
        stream : str
            Kind of event.
        by : str
            Whose events: see :meth:`History.entity`.

        Returns
        -------
        array of shape (n_rows,)
            0 for an event of the row's own date.
        """
        group = self._group(by)
        first = self._history.stream(stream, by).first_day(group.entity, group.day, self._answers)
        return self._spread(by, np.where(first < NEVER, group.day - first.astype(np.float64), 0.0))

    def has(self, by: str) -> NDArray[np.bool_]:
        """Whether each row belongs to such an entity, as known.

        Parameters
        ----------
        by : str
            Kind of entity: see :meth:`History.entity`.

        Returns
        -------
        array of bool of shape (n_rows,)
        """
        group = self._group(by)
        return self._spread(by, group.entity) >= 0

    def has_parent(self) -> NDArray[np.bool_]:
        """Whether the customer is known to belong to another one.

        Returns
        -------
        array of bool of shape (n_rows,)
        """
        own = self._history.own_group[self.customer]
        return np.asarray(self._spread("parent", self._group("parent").entity) != own)

    def latest(self, stream: str, measure: str, by: str = "customer") -> Floats:
        """Measure of the latest event known; NaN where there was none.

        Parameters
        ----------
        stream : str
            Kind of event.
        measure : str
            What to read of it.
        by : str
            Whose events: see :meth:`History.entity`.

        Returns
        -------
        array of shape (n_rows,)
            In the unit of the measure; dates as days since 1970-01-01.
        """
        group = self._group(by)
        events = self._history.stream(stream, by)
        known = events.latest_day(group.entity, group.day, self._answers) < NEVER
        value = events.latest(measure, group.entity, group.day, self._answers)
        return self._spread(by, np.where(known, value, np.nan))

    def attribute(self, name: str) -> Floats:
        """Number known of the customer, such as its credit limit; NaN where none is.

        Parameters
        ----------
        name : str
            credit_limit, insured_limit, insured_share or guarantee_amount.

        Returns
        -------
        array of shape (n_rows,)
            As the customers table gives it; ``insured_share`` lies in [0, 1].
        """
        return self._history.attributes[name].at(self.customer, self.as_of_day)

    def attribute_text(self, name: str) -> pl.Series:
        """Text known of the customer, such as its segment; null where none is.

        Parameters
        ----------
        name : str
            segment, sector, country, external_rating or parent_id.

        Returns
        -------
        polars.Series
            One text a row. The ``parent_id`` of a customer without one is itself.
        """
        table = self._history.attributes[name]
        code = pl.Series(table.codes(self.customer, self.as_of_day))
        return (
            table.names.gather(code.set(code < 0, None))
            if len(table.names)
            else pl.Series([None] * len(self), dtype=pl.String)
        )

    def insolvent_day(self) -> NDArray[np.int64]:
        """Day of the first insolvency known of the customer on or after the issue of the invoice.

        Returns
        -------
        array of shape (n_rows,)
            Days since 1970-01-01; NEVER where none is known.
        """
        return insolvency_days(self._history, self.invoice, self.as_of_day)[0]

    def covariate(self, table: str, column: str) -> Floats:
        """Value of a user's own dated table, as known; NaN where none is.

        Parameters
        ----------
        table : str
            Name given to :meth:`History.build`.
        column : str
            A numeric column of it.

        Returns
        -------
        array of shape (n_rows,)
            The last value known for the row's key, in the unit of the column.

        Raises
        ------
        LedgerError
            If the history holds no such table or column.
        """
        if (table, column) not in self._history.covariates:
            raise LedgerError(
                f"This history holds no covariate '{column}' of a table '{table}'; pass the table "
                f"(covariates=, on the command line --covariates {table}=FILE)."
            )
        dated = self._history.covariates[table, column]
        entity = self._history.entity(dated.by, self.invoice, self.customer, self.as_of_day)
        return dated.at(entity, self.as_of_day)

    # The book that is open on the same day ------------------------------------------

    def open_book(
        self,
        measure: Literal["count", "amount", "overdue_count", "overdue_amount", "oldest_days"],
        by: str = "customer",
    ) -> Floats:
        """A figure of all invoices open on the row's date that belong to the row's entity.

        Parameters
        ----------
        measure : {'count', 'amount', 'overdue_count', 'overdue_amount', 'oldest_days'}
            ``oldest_days`` is the highest number of days past due among them.
        by : str
            Whose invoices: see :meth:`History.entity`.

        Returns
        -------
        array of shape (n_rows,)
            Open amounts are in the reporting currency, at the rate of the issue date.
        """
        asked = self._wider or self
        figures = self._cached(("open book", measure, by), lambda: asked._book_figures(measure, by))
        spread = self._spread(by, figures)
        return spread / (1.0 if "count" in measure or measure == "oldest_days" else 100.0)

    def _book_figures(self, measure: str, by: str) -> Integers:
        """A figure of the whole book for each group of this view."""
        book = self._whole_book()
        ours, theirs = self._group(by), book._group(by)
        figures = book._cached(
            ("book", measure, by), lambda: open_figures(self._history, book, theirs, measure)
        )
        return figures if book is self else figures[theirs.position(ours)]

    def _whole_book(self) -> PastView:
        """All invoices open on the dates of the rows: this very view where it holds them all."""
        if self._book is None:
            invoice, day = self._history.open_on_days(np.unique(self.as_of_day))
            whole = np.array_equal(invoice, self.invoice) and np.array_equal(day, self.as_of_day)
            self._book = self if whole else PastView(self._history, invoice, day)
        return self._book

    # Machinery ------------------------------------------------------------------------

    def once(self, compute: Callable[[PastView], Result]) -> Result:
        """Result of a function of this view, computed when first asked for.

        Features that share an expensive part name it here instead of calling it.

        Parameters
        ----------
        compute : callable
            From a view to anything; told apart by identity, so not a new lambda
            each time.

        Returns
        -------
        object
            What ``compute`` returned the first time.
        """
        if compute not in self._results:
            self._results[compute] = compute(self)
        return cast(Result, self._results[compute])

    def per(self, by: str) -> tuple[PastView, NDArray[np.intp]]:
        """One row for each entity and date of these rows, and which of them each row belongs to.

        What depends on the entity and the date alone is computed once for each, in
        place of once for each of its open invoices.

        Parameters
        ----------
        by : str
            Kind of entity: see :meth:`History.entity`. Not ``invoice``.

        Returns
        -------
        view : PastView
            One invoice of each entity and date stands for the others.
        row : array of shape (n_rows,)
            Positions in that view.
        """
        if by not in self._narrower:
            row = self._group(by).row_pair
            if row is None:
                row = np.arange(len(self))
            chosen = np.empty(len(self._group(by).entity), np.intp)
            chosen[row] = np.arange(len(self))
            # Groups are those of the wider view, so that what is found for one serves all.
            view = PastView(
                self._history,
                self.invoice[chosen],
                self.as_of_day[chosen],
                _cache=self._cache,
                _answers=self._answers,
                _wider=self._wider or self,
                _row=chosen if self._row is None else self._row[chosen],
            )
            self._narrower[by] = view, row
        return self._narrower[by]

    def _group(self, by: str) -> Group:
        if by not in self._groups:
            self._groups[by] = self._grouped(by)
        return self._groups[by]

    def _grouped(self, by: str) -> Group:
        if self._wider is not None:
            group = self._wider._group(by)
            return group.taken(self._row)
        if by == "invoice":
            return Group(self.invoice, self.as_of_day, None)
        if self._history.is_of_customer(by):
            # Whose a customer is, is asked once for each of them, not for each invoice.
            customers = self._group("customer")
            nobody = np.full(len(customers.entity), -1, np.int64)
            entity = self._history.entity(by, nobody, customers.entity, customers.day)
            return distinct_pairs(entity, customers.day).taken(customers.row_pair)
        entity = self._history.entity(by, self.invoice, self.customer, self.as_of_day)
        return distinct_pairs(entity, self.as_of_day)

    def _spread(self, by: str, values: NDArray[np.number]) -> Floats:
        row_pair, numbers = self._group(by).row_pair, np.asarray(values, np.float64)
        return numbers if row_pair is None else numbers[row_pair]

    def _cached(self, key: tuple[object, ...], make: Callable[[], Integers]) -> Integers:
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]

    def _sums(
        self, stream: str, measure: str, by: str, days: int | None, last: int | None, ago_days: int
    ) -> Integers:
        if ago_days < 0:
            raise LeakageError(
                f"A feature asked for the state {-ago_days} days after its as_of date; "
                "'ago_days' looks back, so it is zero or more."
            )
        key = (stream, measure, by, days, last, ago_days)
        return self._cached(key, lambda: self._summed(stream, measure, by, days, last, ago_days))

    def _summed(
        self, stream: str, measure: str, by: str, days: int | None, last: int | None, ago_days: int
    ) -> Integers:
        group = self._group(by)
        entity, day = group.entity, group.day - np.int32(ago_days)
        if stream == "due":
            cohort = self._history.cohort_stream(by)
            if last is not None:
                raise LedgerError("Invoices by due date are asked for by days, not by the last few.")
            if days is None:
                return cohort.total(measure, entity, day, self._answers)
            return cohort.window(measure, entity, day, days, self._answers)
        if days is not None and last is not None:
            raise LedgerError("Ask for a window of days or for the last few events, not for both.")
        if last is not None:
            return self._history.stream(stream, by).last(measure, entity, day, last, self._answers)
        events = self._history.sums(stream, by)
        if days is not None:
            return events.window(measure, entity, day, days, self._answers)
        return events.total(measure, entity, day, self._answers)


def _ratio(sums: Integers, weights: Integers) -> Floats:
    """Sums by weights; NaN where the weight is not positive."""
    return np.asarray(np.divide(sums, weights, out=np.full(len(sums), np.nan), where=weights > 0))


__all__ = ["Floats", "PastView"]
