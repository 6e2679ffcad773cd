"""Panel: one row per as_of date and open invoice, with what was known of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.config import Config, PanelSettings
from paydelay.errors import FeatureMismatchError, LeakageError, LedgerError
from paydelay.features import CATALOGUE, Catalogue
from paydelay.history import NEVER, Codes, Days, History, PastView, cut_ledger, day_of, rates_at
from paydelay.ledger import Ledger
from paydelay.preflight import importing

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

PLAN_STEP_DAYS = 35
"""Days without a payment after which a payment plan is no longer kept."""

_PART_ROWS = 1 << 16
_THREADS_MAX = 4
_LOOK_DECAY = 0.5 ** (1.0 / 8.0)
INVOICE_WEIGHT_MAX = 1.0 / (1.0 - _LOOK_DECAY)
"""Rows of one invoice weigh together less than this (about twelve), however long it stays open."""


@dataclass(frozen=True)
class Panel:
    """Rows of (as_of, open invoice) and their features.

    Parameters
    ----------
    rows : polars.DataFrame
        Identity and standing of each row: as_of, invoice_id, customer_id,
        parent_id, segment, entity, issue_date, due_date, days_past_due, currency,
        amount, open_amount, open_amount_reporting, vat_amount_reporting,
        written_off, written_off_on, insolvent_on, disputed, promised_until, plan_until, with_agency.
    X : array of shape (n_rows, n_features)
        float32, NaN where nothing is known.
    feature_names : tuple of str
        Columns of ``X``.
    y : mapping of int to array of shape (n_rows,)
        Per horizon in days: 1 still open at due date + h, 0 settled, NaN where the
        pair is not for training. Empty without labels.
    recording_lag_days : int
        Days that a payment may take to be recorded, by which labels are mature; 0 without labels.
    weights : array of shape (n_rows,)
        Rows of one invoice weigh together less than twelve: see :func:`invoice_weights`.
    invoice, as_of_day : array of shape (n_rows,)
        Codes of the invoice and the date, for further questions to the history.
    """

    rows: pl.DataFrame
    X: NDArray[np.float32]
    feature_names: tuple[str, ...]
    weights: NDArray[np.float64]
    invoice: Codes
    as_of_day: Days
    y: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)
    recording_lag_days: int = 0

    def __len__(self) -> int:
        return len(self.X)

    @property
    def groups(self) -> pl.DataFrame:
        """Invoice and customer of each row, for splits that must not part them."""
        return self.rows.select("invoice_id", "customer_id")

    @property
    def timing(self) -> pl.DataFrame:
        """Dates of each row and its lag, from which :class:`~paydelay.RollingOriginSplit` makes folds."""
        return self.rows.select("as_of", "due_date", recording_lag_days=pl.lit(self.recording_lag_days))

    def to_pandas(self) -> pd.DataFrame:
        """The features as a pandas frame.

        Returns
        -------
        pandas.DataFrame
            Columns of ``X`` by name, float32, one row per row of the panel; labels stay in ``y``.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        with importing("A panel for pandas"):
            import pandas as pd
        return pd.DataFrame(self.X, columns=list(self.feature_names))

    def matrix(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Columns of ``X`` by name, in the order asked for.

        Parameters
        ----------
        names : sequence of str
            All of the panel's features, in any order.

        Returns
        -------
        array of shape (n_rows, n_features)
            float32; ``X`` itself where the order is the panel's own.

        Raises
        ------
        FeatureMismatchError
            If a name is not among the panel's features, or the panel has others.
        """
        if tuple(names) == self.feature_names:
            return self.X
        missing = [name for name in names if name not in self.feature_names]
        extra = [name for name in self.feature_names if name not in names]
        if missing or extra:
            parts = [f"lacks {', '.join(missing)}"] if missing else []
            parts += [f"holds {', '.join(extra)}, which the model does not know"] if extra else []
            raise FeatureMismatchError(
                f"The panel {' and '.join(parts)}; build it with the catalogue the model was trained on."
            )
        return self.X[:, [self.feature_names.index(name) for name in names]]

    def take(self, rows: NDArray[np.bool_] | NDArray[np.integer]) -> Panel:
        """The same panel with some of its rows.

        Parameters
        ----------
        rows : array of bool of shape (n_rows,), or array of int
            Mask of the rows to keep, or their positions in the order wanted.

        Returns
        -------
        Panel
            Features, labels and weights of those rows, unchanged.
        """
        index = np.flatnonzero(rows) if rows.dtype == np.bool_ else np.asarray(rows)
        return Panel(
            rows=self.rows[index],
            X=self.X[index],
            feature_names=self.feature_names,
            weights=self.weights[index],
            invoice=self.invoice[index],
            as_of_day=self.as_of_day[index],
            y={horizon: labels[index] for horizon, labels in self.y.items()},
            recording_lag_days=self.recording_lag_days,
        )


def build_panel(
    history: History,
    as_ofs: Sequence[date],
    catalogue: Catalogue = CATALOGUE,
) -> Panel:
    """Rows and features of the book open on some dates; :mod:`paydelay.outcomes` adds the labels.

    Parameters
    ----------
    history : History
        The ledger by what was known when.
    as_ofs : sequence of date
        Dates to look at the book from.
    catalogue : Catalogue
        Features to compute.

    Returns
    -------
    Panel
    """
    invoice, as_of_day = history.open_rows(as_ofs)
    parts = _parts(as_of_day)
    # numpy lets other threads run while it works; a few keep the cores busy.
    thread_count = min(pl.thread_pool_size(), len(parts), _THREADS_MAX)
    X = np.empty((len(invoice), len(catalogue)), np.float32, order="F")

    def view(number: int) -> PastView:
        return PastView(history, invoice[parts[number]], as_of_day[parts[number]])

    def fill(number: int) -> None:
        begin_with = number * len(catalogue) // thread_count if number < thread_count else 0
        catalogue.matrix(view(number), out=X[parts[number]], begin_with=begin_with)

    with ThreadPoolExecutor(thread_count) as pool:
        # Identities first, before the streams are built: to join the parts takes twice their room.
        standing = pool.map(lambda number: _standing(history, view(number)), range(len(parts)))
        rows = pl.concat(standing, rechunk=True)
        list(pool.map(fill, range(len(parts))))
    panel = Panel(
        rows=rows,
        X=X,
        feature_names=catalogue.names,
        weights=invoice_weights(invoice),
        invoice=invoice,
        as_of_day=as_of_day,
    )
    logger.info("panel: %d dates, %d rows, %d features", len(set(as_ofs)), len(panel), len(catalogue))
    return panel


def _parts(as_of_day: Days) -> list[slice]:
    """Runs of whole dates: columns that fit the processor's cache cost half of what long ones do."""
    ends = np.append(np.flatnonzero(np.diff(as_of_day)) + 1, len(as_of_day)).tolist()
    parts, start = [], 0
    for end in ends:
        if end - start >= _PART_ROWS or end == len(as_of_day):
            parts.append(slice(start, end))
            start = end
    return parts


def invoice_weights(invoice: Codes) -> NDArray[np.float64]:
    """Weight of each row: halved with every eighth earlier look at the same invoice.

    The weights of one invoice add up to less than INVOICE_WEIGHT_MAX, however
    long it stays open. A row's weight depends only on the looks before it. Were
    it shared out over all rows of the invoice, the invoices that stay open
    longest would weigh least per row, and the model would take them for rare.

    Parameters
    ----------
    invoice : array of shape (n_rows,)
        Codes, rows sorted by date.
    """
    order = np.argsort(invoice, kind="stable")
    grouped = invoice[order]
    first = np.searchsorted(grouped, grouped)
    looks = np.empty(len(invoice))
    looks[order] = np.arange(len(invoice)) - first
    return np.asarray(_LOOK_DECAY**looks, np.float64)


def training_as_ofs(history: History, as_of: date, settings: PanelSettings) -> list[date]:
    """Dates of the training panel: every ``step_days`` back from as_of, after the warm-up.

    The step of a week keeps the weekday of scoring, on which much depends when
    customers pay on fixed weekdays.
    """
    first = int(history.invoices.known_day.min()) + settings.warm_up_days if len(history.invoices) else 0
    first = max(first, day_of(as_of) - settings.history_days)
    back = range(0, max(day_of(as_of) - first, 0) + 1, settings.step_days)
    return sorted(as_of - timedelta(days=days) for days in back)


def _standing(history: History, view: PastView) -> pl.DataFrame:
    """Identity of each row and all that decides whether it may be chased."""
    table = history.ledger.invoices
    chosen = table.select(
        "invoice_id", "customer_id", "issue_date", "due_date", "currency", "amount", "vat_amount", "entity"
    )[view.invoice]
    states = history.states
    as_of = pl.Series("as_of", view.as_of_day).cast(pl.Date)
    open_amount = np.maximum(states.open[view.state], 0) / 100.0
    rate = _rates(history.ledger, chosen["currency"], as_of)
    customers, row = view.per("customer")
    parent = customers.attribute_text("parent_id").set(pl.Series(~customers.has_parent()), None)
    return pl.DataFrame(
        {
            "as_of": as_of,
            "invoice_id": chosen["invoice_id"],
            "customer_id": chosen["customer_id"],
            # A customer without a group is a group of its own to the features, and none to a reader.
            "parent_id": parent.gather(row),
            "segment": customers.attribute_text("segment").gather(row),
            "entity": chosen["entity"],
            "issue_date": chosen["issue_date"],
            "due_date": chosen["due_date"],
            "days_past_due": pl.Series(view.days_past_due, dtype=pl.Int32),
            "currency": chosen["currency"],
            "amount": chosen["amount"],
            "open_amount": open_amount,
            "open_amount_reporting": np.rint(open_amount * rate * 100.0) / 100.0,
            "vat_amount_reporting": chosen["vat_amount"] * pl.Series(rate),
            "written_off": states.written_off_day[view.state] < NEVER,
            "written_off_on": _date_or_null(states.written_off_day[view.state]),
            "insolvent_on": _date_or_null(view.insolvent_day()),
            "disputed": _disputed(view),
            "promised_until": _date_or_null(_running_to(view, "promise")),
            "plan_until": _date_or_null(np.where(_keeps_plan(view), _running_to(view, "plan"), NEVER)),
            "with_agency": (view.total("agency", by="invoice") + view.total("agency", "for_all")) > 0,
        }
    )


def _rates(ledger: Ledger, currency: pl.Series, as_of: pl.Series) -> NDArray[np.float64]:
    """Last rate known at as_of of each row, into the reporting currency."""
    if ledger.rates.is_empty():
        return np.ones(len(currency))
    return rates_at(ledger, pl.DataFrame({"currency": currency, "rate_date": as_of}))


def _disputed(view: PastView) -> NDArray[np.bool_]:
    """Whether the latest word on an invoice, or on all that its customer owes, opened a dispute."""
    own, general = view.latest("dispute", "opened", by="invoice"), view.latest("dispute_for_all", "opened")
    own_age = np.nan_to_num(view.days_since("dispute", by="invoice"), nan=np.inf)
    general_age = np.nan_to_num(view.days_since("dispute_for_all"), nan=np.inf)
    return np.asarray(np.where(own_age <= general_age, own, general) == 1)


def _running_to(view: PastView, stream: str) -> NDArray[np.float64]:
    """Date that a promise or plan still runs to, NEVER where none does.

    The invoice's latest own one counts; where that has run out, or there was none,
    the latest for all that the customer owes.
    """
    own = view.latest(stream, "new_day", by="invoice")
    general = view.latest(f"{stream}_for_all", "new_day")
    until = np.where(own >= view.as_of_day, own, general)
    return np.where(until >= view.as_of_day, until, NEVER)


def _keeps_plan(view: PastView) -> NDArray[np.bool_]:
    """Whether a plan is on schedule: the customer paid within a month and some days, or it is as young."""
    started = np.fmin(view.days_since("plan", by="invoice"), view.days_since("plan_for_all"))
    latest = np.fmin(started, view.days_since("payment_run"))
    return latest <= PLAN_STEP_DAYS


def _date_or_null(days: NDArray[np.number]) -> pl.Series:
    if (days >= NEVER).all():
        return pl.Series([None], dtype=pl.Date).new_from_index(0, len(days))
    known = pl.Series(np.asarray(days, np.int32))
    return known.set(known >= int(NEVER), None).cast(pl.Date)


def check_no_leak(
    ledger: Ledger,
    as_ofs: Sequence[date | str],
    catalogue: Catalogue | Callable[[Ledger], Catalogue] = CATALOGUE,
    config: Config | None = None,
    covariates: Mapping[str, pl.DataFrame] | None = None,
) -> int:
    """Compare every feature of the full ledger with that of the ledger cut at each date.

    Parameters
    ----------
    ledger : Ledger
        The books.
    as_ofs : sequence of date or ISO str
        Dates to compare on.
    catalogue : Catalogue or callable
        Features to compare, one's own included. Features that read a ledger of
        their own accord, rather than ask their view, are given as a function from
        a ledger to the catalogue: what such a feature has enclosed cannot be cut.
    config : Config, optional
        Settings; the defaults where None.
    covariates : mapping of str to polars.DataFrame, optional
        Dated tables of one's own, as :meth:`History.build` takes them.

    Returns
    -------
    int
        Number of rows compared.

    Raises
    ------
    LeakageError
        If a feature, or the set of open invoices, differs; the features are named.

    Examples
    --------
    >>> invoices = pl.DataFrame({
    ...     "invoice_id": ["F1"], "customer_id": ["C1"], "issue_date": ["2025-01-02"],
    ...     "due_date": ["2025-02-01"], "amount": [120.0], "currency": ["EUR"]})
    >>> payments = pl.DataFrame({"invoice_id": ["F1"], "payment_date": ["2025-02-05"], "amount": [120.0]})
    >>> ledger = Ledger.from_frames(invoices, payments)
    >>> check_no_leak(ledger, [date(2025, 2, 3)])
    1

    A feature that reads the whole ledger, whatever its date, is found out:

    >>> from paydelay.features import Feature
    >>> def leaky(books):
    ...     told = ("paid_count", "climate", "count", "Payments.", "payments", "paid")
    ...     return Catalogue([Feature(*told, lambda view: np.full(len(view), books.payments.height))])
    >>> check_no_leak(ledger, [date(2025, 2, 3)], leaky)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    paydelay.errors.LeakageError: On 2025-02-03 1 features differ ... as_of date: paid_count.
    """
    config, asked = config or Config(), sorted({as_date(when) for when in as_ofs})

    def looked_at(books: Ledger, dates: Sequence[date], tables: Mapping[str, pl.DataFrame] | None) -> Panel:
        features = catalogue if isinstance(catalogue, Catalogue) else catalogue(books)
        return build_panel(History.build(books, config.ledger, tables), dates, features)

    full = looked_at(ledger, asked, covariates)
    for when in asked:
        known = {name: table.filter(pl.col("known_on") <= when) for name, table in (covariates or {}).items()}
        cut = looked_at(cut_ledger(ledger, when), [when], known)
        ours = full.take(full.as_of_day == day_of(when))
        if not ours.rows.equals(cut.rows):
            raise LeakageError(
                f"On {when} the open invoices of the full ledger and of the ledger cut that day differ; "
                "something looks at facts that were not known yet."
            )
        same = (ours.X == cut.X) | (np.isnan(ours.X) & np.isnan(cut.X))
        if not same.all():
            names = [
                name for name, equal in zip(full.feature_names, same.all(axis=0), strict=True) if not equal
            ]
            raise LeakageError(
                f"On {when} {len(names)} features differ between the full ledger and the ledger cut "
                f"that day, so they see past their as_of date: {', '.join(names)}."
            )
    return len(full)


def as_date(when: date | str) -> date:
    """A date, or an ISO text as one.

    Raises
    ------
    LedgerError
        If the text is not a date such as 2025-11-30.
    """
    if isinstance(when, date):
        return when
    try:
        return date.fromisoformat(when)
    except (TypeError, ValueError) as error:
        raise LedgerError(
            f"'{when}' is not a date; write it as year-month-day, such as 2025-11-30."
        ) from error
