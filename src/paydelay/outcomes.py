"""Outcomes: whether an invoice was still open h days after its due date, and since when that is known.

This module makes the one comparison of ``due_date + h`` with the date of
labelling. A pair (row, h) is used by that date rule alone, never because the
invoice happened to be paid already: choosing rows by their outcome would favour
quick payers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.config import Config, LedgerSettings
from paydelay.errors import ImmatureOutcomeError, LedgerError
from paydelay.features import CATALOGUE, Catalogue
from paydelay.history import EPOCH, NEVER, History, cut_ledger, day_of, insolvency_days
from paydelay.history.facts import Codes, Days
from paydelay.ledger import Ledger
from paydelay.panel import Panel, as_date, build_panel

_LAG_QUANTILE = 0.99
_SILENCE_DAYS = 7
_AHEAD_DAYS = 92
_PAYMENT_DAYS_MIN = 20


@dataclass(frozen=True)
class Outcomes:
    """What became of each invoice, as known on the date of labelling.

    Parameters
    ----------
    labels_day : int
        Date of labelling, in days since 1970-01-01.
    recording_lag_days : int
        Days that a payment may take to be recorded.
    settled_day : array of shape (n_invoices,)
        Day of settlement T; NEVER where it has not come, or a write-off or the
        customer's insolvency came first.
    due_day : array of shape (n_invoices,)
    cancelled : array of shape (n_invoices,)
        Wholly credited: neither prompt nor late.
    lost_day : array of shape (n_invoices,)
        Day of the write-off or insolvency that made T infinite; NEVER where none.
    lost_known_day : array of shape (n_invoices,)
        Day from which a write-off or insolvency was known, whether or not money
        had come before; NEVER where none.
    """

    labels_day: int
    recording_lag_days: int
    settled_day: Days
    due_day: Days
    cancelled: NDArray[np.bool_]
    lost_day: Days
    lost_known_day: Days

    @classmethod
    def of(cls, history: History, labels_at: date, settings: LedgerSettings | None = None) -> Outcomes:
        """Label every invoice of a history as known at the close of ``labels_at``.

        Parameters
        ----------
        history : History
            The ledger by what was known when.
        labels_at : date
            Date of labelling.
        settings : LedgerSettings, optional
            Gives the recording lag where it is not to be measured.

        Returns
        -------
        Outcomes
            One element per invoice of the history, in its order.
        """
        labels_day = day_of(labels_at)
        facts, states = history.invoices, history.states
        count = len(facts)
        row = history.state_row(np.arange(count, dtype=np.int64), np.full(count, labels_day))
        known = row >= 0
        at = np.maximum(row, 0)
        settled = np.where(known, states.settled_day[at] if count else NEVER, NEVER).astype(np.int32)
        written_off = np.where(known, states.written_off_day[at] if count else NEVER, NEVER)
        everyone = np.arange(count, dtype=np.int64)
        insolvent, heard = insolvency_days(history, everyone, np.full(count, labels_day))
        lost = np.minimum(written_off, insolvent).astype(np.int32)
        lost = np.where(lost < settled, lost, NEVER).astype(np.int32)
        lag = settings.recording_lag_days if settings is not None else None
        return cls(
            labels_day=labels_day,
            recording_lag_days=recording_lag_days(history, labels_day) if lag is None else lag,
            settled_day=np.where(lost < NEVER, NEVER, settled).astype(np.int32),
            due_day=facts.due_day,
            cancelled=known & (states.cancelled[at] if count else False),
            lost_day=lost,
            lost_known_day=np.minimum(_write_off_known_day(history), heard).astype(np.int32),
        )

    def mature_until(self, horizon_days: int) -> int:
        """Latest due day whose outcome at a horizon is known.

        Parameters
        ----------
        horizon_days : int
            Days after the due date; negative before it.

        Returns
        -------
        int
            Days since 1970-01-01: date of labelling less horizon less recording lag.
        """
        return self.labels_day - horizon_days - self.recording_lag_days

    def labels(
        self, invoice: Codes, as_of_day: NDArray[np.integer], horizons_days: NDArray[np.integer]
    ) -> NDArray[np.float32]:
        """Whether each row's invoice was still open at due date + h.

        Parameters
        ----------
        invoice, as_of_day : array of shape (n_rows,)
            Rows of (as_of, open invoice).
        horizons_days : array of shape (n_horizons,) or (n_rows, n_horizons)
            Days after the due date; negative before it. Each row may have its own.

        Returns
        -------
        array of shape (n_rows, n_horizons)
            1 open, 0 settled, NaN where the pair has no part in training or
            metrics: the answer was already known on as_of, is not mature on the
            date of labelling, or the invoice was wholly credited.

        Raises
        ------
        ImmatureOutcomeError
            If a row's as_of lies after the date of labelling.
        """
        if len(as_of_day) and int(as_of_day.max()) > self.labels_day:
            raise ImmatureOutcomeError(
                "Rows were to be labelled that are dated after the date of labelling; "
                "label on or after the last as_of date."
            )
        horizons = np.asarray(horizons_days, np.int64)
        due = self.due_day[invoice].astype(np.int64)[:, None]
        open_then = self.settled_day[invoice][:, None] > due + horizons
        mature = due <= self.labels_day - horizons - self.recording_lag_days
        unknown_at_as_of = as_of_day.astype(np.int64)[:, None] < due + horizons
        # By the day it was known, not by its own date: scoring knows no more than that.
        lost = self.lost_known_day[invoice][:, None] <= as_of_day[:, None]
        usable = mature & unknown_at_as_of & ~self.cancelled[invoice][:, None] & ~lost
        return np.where(usable, open_then, np.nan).astype(np.float32)

    def label(self, panel: Panel, horizons_days: Sequence[int]) -> Panel:
        """The same panel with labels at some horizons.

        Parameters
        ----------
        panel : Panel
            Rows of the history that these outcomes were made of.
        horizons_days : sequence of int
            Days after the due date; negative before it.

        Returns
        -------
        Panel
            ``y`` maps each horizon to an array of shape (n_rows,): see :meth:`labels`.

        Raises
        ------
        ImmatureOutcomeError
            If a row's as_of lies after the date of labelling.
        """
        labels = self.labels(panel.invoice, panel.as_of_day, np.asarray(horizons_days))
        return replace(
            panel,
            y={int(h): labels[:, column] for column, h in enumerate(horizons_days)},
            recording_lag_days=self.recording_lag_days,
        )

    def delay_days(self, invoice: Codes | None = None) -> NDArray[np.float64]:
        """Settlement less due date; NaN for wholly credited, infinite where not settled.

        Parameters
        ----------
        invoice : array of shape (n_rows,), optional
            Codes of the invoices; all of them where None, in the order of the ledger's invoices.

        Returns
        -------
        array of shape (n_rows,)
            Days, negative where settled early. An invoice lost to a write-off or
            insolvency counts as not settled.
        """
        asked = slice(None) if invoice is None else invoice
        settled = self.settled_day[asked].astype(np.float64)
        delay = np.where(settled >= NEVER, np.inf, settled - self.due_day[asked])
        return np.where(self.cancelled[asked], np.nan, delay)


def panel(
    ledger: Ledger,
    as_ofs: Sequence[date | str],
    labels_at: date | str | None = None,
    horizons_days: Sequence[int] = (0, 30, 60, 90),
    config: Config | None = None,
    catalogue: Catalogue = CATALOGUE,
    covariates: Mapping[str, pl.DataFrame] | None = None,
) -> Panel:
    """Panel of a ledger for one's own experiments: X, y per horizon, groups and weights.

    Parameters
    ----------
    ledger : Ledger
        The books. Nothing recorded after ``labels_at`` is used.
    as_ofs : sequence of date or ISO str
        Dates to look at the book from.
    labels_at : date or ISO str, optional
        Date of labelling; without it the panel has no labels.
    horizons_days : sequence of int
        Days after the due date to label.
    config : Config, optional
        Settings; the defaults where None.
    catalogue : Catalogue
        Features to compute.
    covariates : mapping of str to polars.DataFrame, optional
        Dated tables of one's own that the features look up.

    Returns
    -------
    Panel

    Raises
    ------
    LedgerError
        If no date is given, or one is not a date.
    ImmatureOutcomeError
        If an as_of date lies after ``labels_at``, or that beyond what the ledger
        records.

    Examples
    --------
    >>> invoices = pl.DataFrame({
    ...     "invoice_id": ["F1", "F2", "F3"], "customer_id": ["C1", "C2", "C2"],
    ...     "issue_date": ["2025-01-02", "2025-01-09", "2025-03-12"],
    ...     "due_date": ["2025-02-01", "2025-02-08", "2025-04-11"],
    ...     "amount": [120.0, 80.0, 90.0], "currency": ["EUR", "EUR", "EUR"]})
    >>> payments = pl.DataFrame({
    ...     "invoice_id": ["F1"], "payment_date": ["2025-02-01"], "amount": [120.0]})
    >>> ledger = Ledger.from_frames(invoices, payments)
    >>> experiment = panel(ledger, ["2025-01-20"], labels_at="2025-03-12", horizons_days=(0, 30))
    >>> experiment.rows["invoice_id"].to_list()
    ['F1', 'F2']
    >>> experiment.y[30].tolist()
    [0.0, 1.0]
    """
    config = config or Config()
    dates = [as_date(when) for when in as_ofs]
    if not dates:
        raise LedgerError("No as_of date was given; name at least one date to look at the book from.")
    if labels_at is None:
        return build_panel(History.build(ledger, config.ledger, covariates), dates, catalogue)
    labelled = as_date(labels_at)
    require_recorded(ledger, labelled)
    history = History.build(cut_ledger(ledger, labelled), config.ledger, covariates)
    outcomes = Outcomes.of(history, labelled, config.ledger)
    return outcomes.label(build_panel(history, dates, catalogue), horizons_days)


def require_recorded(ledger: Ledger, when: date) -> None:
    """Refuse a date of labelling that lies beyond what a ledger records.

    After the last record every payment is missing, and each open invoice would be
    labelled as late. A silence as long as the longest of the year before is
    allowed, a week in any case.

    Parameters
    ----------
    ledger : Ledger
        The books.
    when : date
        Date of labelling.

    Raises
    ------
    ImmatureOutcomeError
        If the ledger records nothing for too long before ``when``.
    """
    days = _payment_days(ledger)
    if len(days) < _PAYMENT_DAYS_MIN:
        # So few say little of how long a silence is usual: invoices show that the books were kept.
        stated = ledger.invoices.select(day=pl.coalesce("recorded_on", "issue_date"))["day"]
        days = np.union1d(days, stated.cast(pl.Int32).to_numpy())
    if not len(days):
        return
    last = int(days[-1])
    if day_of(when) > last + _longest_silence(days):
        raise ImmatureOutcomeError(
            f"The ledger records nothing of what was paid after {EPOCH + timedelta(days=last)}, so what came "
            f"by {when} is not known; take a date within the books or give a newer export."
        )


def last_recorded_day(ledger: Ledger) -> date:
    """Last day on which the books say what was paid: the end of what outcomes can be known.

    Invoices do not count: they are often dated ahead, and tell nothing of what came.
    Nor does a payment dated ahead on its own: after more than three months of silence,
    and three times as long a one as any of the year before.

    Parameters
    ----------
    ledger : Ledger
        The books.

    Returns
    -------
    date
        The last invoice's where there is no payment.

    Examples
    --------
    >>> invoices = pl.DataFrame({
    ...     "invoice_id": ["F1", "F2"], "customer_id": ["C1", "C1"],
    ...     "issue_date": ["2025-01-02", "2025-03-31"], "due_date": ["2025-02-01", "2025-04-30"],
    ...     "amount": [100.0, 40.0], "currency": ["EUR", "EUR"]})
    >>> payments = pl.DataFrame({
    ...     "invoice_id": ["F1"], "payment_date": ["2025-02-03"], "amount": [100.0], "kind": ["payment"]})
    >>> print(last_recorded_day(Ledger.from_frames(invoices, payments)))
    2025-02-03
    """
    days = _payment_days(ledger)
    if len(days):
        return EPOCH + timedelta(days=int(days[-1]))
    latest = ledger.invoices["known_on"].max()
    if not isinstance(latest, date):
        raise LedgerError("The ledger holds no invoice; give one that does.")
    return latest


def _payment_days(ledger: Ledger) -> Days:
    """Days on which payments were recorded, in order, without those dated ahead on their own."""
    days = ledger.payments["known_on"].cast(pl.Int32).unique().sort().to_numpy()
    while len(days) > 1 and days[-1] - days[-2] > max(_AHEAD_DAYS, 3 * _longest_silence(days[:-1])):
        days = days[:-1]
    return days


def _longest_silence(days: Days) -> int:
    """The longest stretch without a record in the year up to the last day, and a week at least."""
    return max(_SILENCE_DAYS, int(np.diff(days[days > days[-1] - 365]).max(initial=0)))


def recording_lag_days(history: History, labels_day: int) -> int:
    """Days within which 99 % of payments were recorded, as seen by ``labels_day``.

    Parameters
    ----------
    history : History
        The ledger by what was known when.
    labels_day : int
        Date of labelling, in days since 1970-01-01.

    Returns
    -------
    int
        0 where the ledger does not say when its payments were recorded.
    """
    known = pl.col("known_on").cast(pl.Int32)
    stated = pl.col("recorded_on").is_not_null()
    lag = history.ledger.payments.filter(stated & (known <= labels_day)).select(
        lag=known - pl.col("payment_date").cast(pl.Int32)
    )["lag"]
    quantile = lag.quantile(_LAG_QUANTILE, interpolation="higher")
    return int(quantile) if quantile is not None else 0


def _write_off_known_day(history: History) -> Days:
    """Day on which a write-off of each invoice first became known; NEVER where there is none."""
    events = history.entries("written_off")
    known = np.full(len(history.invoices), NEVER, np.int32)
    np.minimum.at(known, events.invoice, events.day)
    return known
