"""Past scores beside the books of their days, and what is known by now of what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.calibration import Floats
from paydelay.config import Config
from paydelay.errors import ScoresError
from paydelay.features import Catalogue
from paydelay.history import History, cut_ledger
from paydelay.ledger import Ledger
from paydelay.outcomes import Outcomes
from paydelay.panel import Panel, build_panel

CONTACTS = ("reminder_sent", "promise_to_pay", "payment_plan", "handed_to_agency")
"""Events that show that somebody was in contact with a customer."""
_DAYS_ALIKE_MAX = 8


@dataclass(frozen=True)
class PastBooks:
    """Open invoices of past days with what was said of them.

    Parameters
    ----------
    scores : polars.DataFrame
        Past scores, row by row beside ``panel``.
    panel : Panel
        The same rows as the ledger knew them on their day.
    every : Panel
        All invoices that were open on those days, scored or not.
    outcomes : Outcomes
        What became of them, as known on the day of monitoring.
    known : Ledger
        The books by that day.
    counts : dict of str to int
        Rows read, left out by reason, and kept.
    before : Panel or None
        All invoices that were open on days of the same weekdays in the training period, which
        tells how far the choice of days alone moves a feature; None where there are none.
    """

    scores: pl.DataFrame = field(repr=False)
    panel: Panel = field(repr=False)
    every: Panel = field(repr=False)
    outcomes: Outcomes = field(repr=False)
    known: Ledger = field(repr=False)
    counts: dict[str, int]
    before: Panel | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.panel)

    @property
    def due_week(self) -> NDArray[np.int64]:
        """Week in which each row falls due: payments of a week share its luck."""
        return self.outcomes.due_day[self.panel.invoice].astype(np.int64) // 7

    def came(self, days: int) -> Floats:
        """1 where the invoice was still open so many days past due, NaN where not known or not asked."""
        labels = self.outcomes.labels(self.panel.invoice, self.panel.as_of_day, np.array([days]))
        return labels[:, 0].astype(np.float64)

    def contacted(self, days: int) -> NDArray[np.bool_] | None:
        """Whether there was contact between the score and the outcome; None where no contact is recorded.

        Parameters
        ----------
        days : int
            Days past due on which the outcome is decided.

        Returns
        -------
        array of bool of shape (n_rows,), or None
        """
        events = self.known.events.filter(
            pl.col("event_type").is_in(CONTACTS) & (pl.col("event_date") > self.scores["as_of"].min())
        )
        if events.is_empty():
            return None
        settled = self.outcomes.settled_day[self.panel.invoice].astype(np.int64)
        due = self.outcomes.due_day[self.panel.invoice].astype(np.int64)
        rows = self.panel.rows.select("invoice_id", "customer_id", after=pl.col("as_of").cast(pl.Int32) + 1)
        end = np.minimum(due + days, settled)
        named = events.filter(pl.col("invoice_id").is_not_null())
        general = events.filter(pl.col("invoice_id").is_null())
        found = np.minimum(_next(rows, named, "invoice_id"), _next(rows, general, "customer_id"))
        return np.asarray(found <= end)


def _next(rows: pl.DataFrame, events: pl.DataFrame, by: str) -> NDArray[np.int64]:
    """Day of the first event on or after ``after`` of each row; far away where there is none."""
    days = events.select(by, after=pl.col("event_date").cast(pl.Int32)).sort("after")
    days = days.with_columns(day=pl.col("after"))
    asked = rows.with_row_index("row").sort("after")
    found = asked.join_asof(days, on="after", by=by, strategy="forward", check_sortedness=False)
    return found.sort("row")["day"].cast(pl.Int64).fill_null(np.iinfo(np.int32).max).to_numpy()


def past_books(
    ledger: Ledger,
    scores: pl.DataFrame,
    as_of: date,
    config: Config,
    catalogue: Catalogue,
    covariates: Mapping[str, pl.DataFrame] | None = None,
    period: tuple[date, date] | None = None,
) -> PastBooks:
    """Find every past score again in the books of its day.

    Parameters
    ----------
    ledger : Ledger
        The books; nothing recorded after ``as_of`` is used.
    scores : polars.DataFrame
        As :func:`~paydelay.monitor.past_scores.past_scores` gives them.
    as_of : date
        Day of monitoring.
    config : Config
        Settles as the model learned it.
    catalogue : Catalogue
        Features to compute.
    covariates : mapping of str to polars.DataFrame, optional
        Dated tables of one's own that the features look up.
    period : (date, date), optional
        First and last day of the training panel.

    Returns
    -------
    PastBooks

    Raises
    ------
    ScoresError
        If no score is left to look at.
    """
    # A model that was trained later knows what came of what it scores: that is no forecast.
    trained = pl.col("model_version").str.head(10).str.to_date("%Y-%m-%d", strict=False)
    in_time = scores.filter(pl.col("as_of") <= as_of)
    foreseen = in_time.filter(trained.is_null() | (trained <= pl.col("as_of")))
    counts = {
        "read": scores.height,
        "after_as_of": scores.height - in_time.height,
        "before_training": in_time.height - foreseen.height,
    }
    days = foreseen["as_of"].unique().sort().to_list()
    if not days:
        raise ScoresError(
            f"Of {scores.height} past scores none lies between the training of its model and {as_of}; give "
            "scores of days in between."
        )
    known = cut_ledger(ledger, as_of)
    history = History.build(known, config.ledger, covariates)
    every = build_panel(history, days, catalogue)
    places = every.rows.select("as_of", "invoice_id").with_row_index("place")
    kept = foreseen.join(places, on=["as_of", "invoice_id"], how="inner", maintain_order="left")
    counts |= {
        "not_in_ledger": foreseen.height - kept.height,
        "kept": kept.height,
        "not_scored": len(every) - kept.height,
    }
    if kept.is_empty():
        raise ScoresError(
            f"None of {foreseen.height} past scores is of an invoice that the ledger knows as open on its "
            "day; give the ledger that was scored."
        )
    panel = every.take(kept["place"].to_numpy().astype(np.int64))
    outcomes = Outcomes.of(history, as_of, config.ledger)
    same = [] if period is None else days_alike(days, *period)
    before = build_panel(history, same, catalogue) if same else None
    return PastBooks(kept.drop("place"), panel, every, outcomes, known, counts, before)


def days_alike(days: Sequence[date], first: date, last: date) -> list[date]:
    """Days of the training period on the weekdays of later ones, as far apart.

    Parameters
    ----------
    days : sequence of date
        In order; of many the last eight count, as many as one more than a week has.
    first, last : date
        Of the training panel, which may know one weekday only.

    Returns
    -------
    list of date
        Set back by as few whole weeks as it takes.

    Examples
    --------
    >>> found = days_alike([date(2025, 10, 6), date(2025, 10, 13)], date(2024, 1, 2), date(2025, 9, 30))
    >>> [day.isoformat() for day in found]
    ['2025-09-22', '2025-09-29']
    """
    latest = days[-_DAYS_ALIKE_MAX:]
    weeks = max(0, -((last - latest[-1]).days // 7))
    moved = [day - timedelta(days=7 * weeks) for day in latest]
    return [day for day in moved if first <= day]
