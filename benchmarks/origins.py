"""What every modelling idea is tried on: the same past to learn from, the same weekly books to be judged on.

An origin is one training date of one ledger. Its history and its panel are built
once, from the ledger as known that day; the books scored are the weekly ones after
it, seen with history rolling forward. Judged are the rows not yet due whose being
late is mature at the end; none is chosen by its outcome.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from b2b_ledger import ROOT, b2b_ledger

import paydelay as pdl
from paydelay.config import Config
from paydelay.history import History, cut_ledger, day_of
from paydelay.ledger import Ledger
from paydelay.outcomes import Outcomes
from paydelay.panel import Panel, build_panel, invoice_weights, training_as_ofs
from paydelay.sources import import_ledger

DELAY_SPAN_DAYS = (-30, 30)
"""Delays are judged inside this span, on the rows due long enough before the end."""
CURVE_ROWS_MAX = 4_000
"""Rows whose whole curve is judged, drawn once per origin: a curve costs as much as its horizons."""
TRUTH_PATHS = 300


class NotTriedError(Exception):
    """Why an idea has nothing to say on a ledger."""


@dataclass(frozen=True)
class Origin:
    """One training date: what is learned from, and what is judged.

    Parameters
    ----------
    train_as_of : date
    config : Config
        Settings that an idea starts from.
    history : History
        Of the ledger cut at the training date.
    panel : Panel
        Training rows, with the longest window that any idea asks for.
    outcomes : Outcomes
        As known at the training date.
    books : Panel
        Every row of the weekly books.
    judged_rows : array of int
        Those of them that are judged.
    late : array of shape (n_judged,)
        1 where the invoice was still open when it was late.
    open_30 : array of shape (n_judged,)
        1 where it was still open 30 days after the due date; NaN where that is not mature.
    delay_days : array of shape (n_judged,)
        Delay kept inside DELAY_SPAN_DAYS; NaN where it is not mature.
    curve_rows : array of int
        Rows of ``judged`` whose median delay is asked for.
    truth : array of shape (n_judged,), optional
        The probability that the simulator itself gives.
    """

    train_as_of: date
    config: Config
    history: History
    panel: Panel
    outcomes: Outcomes
    books: Panel
    judged_rows: np.ndarray
    late: np.ndarray
    open_30: np.ndarray
    delay_days: np.ndarray
    curve_rows: np.ndarray
    truth: np.ndarray | None = None
    grown: dict[Any, Any] = field(default_factory=dict, repr=False)
    """Boosters that several ideas share."""

    @property
    def late_days(self) -> int:
        """The horizon that is judged."""
        return self.config.outcomes.grace_days

    @property
    def asked(self) -> list[int]:
        """Horizons that every row of training gives."""
        return [self.late_days, self.config.outcomes.unpaid_after_days]

    @cached_property
    def judged(self) -> Panel:
        """The rows of the weekly books that are judged."""
        return self.books.take(self.judged_rows)

    @property
    def amount(self) -> np.ndarray:
        """Open amount of the judged rows."""
        return self.judged.rows["open_amount_reporting"].to_numpy()

    @property
    def cluster(self) -> list[tuple[str, int]]:
        """Customer and week of the judged rows."""
        return list(
            zip(self.judged.rows["customer_id"].to_list(), self.judged.as_of_day.tolist(), strict=True)
        )


@dataclass(frozen=True)
class Ground:
    """A ledger, its training dates, and where its outcomes are read."""

    name: str
    ledger: Ledger
    train_as_ofs: tuple[date, ...]
    last_as_of: date
    labels_at: date
    truth: pl.DataFrame | None = None

    def origins(self, config: Config) -> Iterator[Origin]:
        """Each training date, made when it is asked for."""
        history = History.build(self.ledger, config.ledger)
        for when in self.train_as_ofs:
            yield lay_out(self, history, when, config)


def lay_out(ground: Ground, history: History, when: date, config: Config) -> Origin:
    """Panel of one training date and the rows judged after it.

    Parameters
    ----------
    ground : Ground
    history : History
        Of the whole ledger: its views stop at the date of each row.
    when : date
        The training date.
    config : Config
    """
    past = History.build(cut_ledger(ground.ledger, when), config.ledger)
    panel = build_panel(past, training_as_ofs(past, when, config.panel))
    weeks = range((ground.last_as_of - when).days // 7 + 1)
    books = build_panel(history, [when + timedelta(days=7 * week) for week in weeks])
    outcomes = Outcomes.of(history, ground.labels_at, config.ledger)
    horizons = np.array([config.outcomes.grace_days, DELAY_SPAN_DAYS[1]])
    labels = outcomes.labels(books.invoice, books.as_of_day, horizons)
    not_due = books.rows["days_past_due"].to_numpy() < 0
    rows = np.flatnonzero(not_due & ~np.isnan(labels[:, 0]))
    judged, labels = books.take(rows), labels[rows]
    delay = np.clip(outcomes.delay_days(judged.invoice), *DELAY_SPAN_DAYS)
    delay = np.where(np.isnan(labels[:, 1]), np.nan, delay)
    known = np.flatnonzero(~np.isnan(delay))
    drawn = np.random.default_rng(7).permutation(known)[:CURVE_ROWS_MAX]
    return Origin(
        train_as_of=when,
        config=config,
        history=past,
        panel=panel,
        outcomes=Outcomes.of(past, when, config.ledger),
        books=books,
        judged_rows=rows,
        late=labels[:, 0].astype(np.float64),
        open_30=labels[:, 1].astype(np.float64),
        delay_days=delay,
        curve_rows=np.sort(drawn),
        truth=None if ground.truth is None else _truth(judged, ground.truth),
    )


def _truth(judged: Panel, truth: pl.DataFrame) -> np.ndarray:
    """True probability of each row, NaN where the simulator has none."""
    rows = judged.rows.select("as_of", "invoice_id").join(
        truth, on=["as_of", "invoice_id"], how="left", maintain_order="left"
    )
    return rows["prob_open_0"].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def window(origin: Origin, days: int) -> Panel:
    """Training rows of the last days only.

    Raises
    ------
    NotTriedError
        If there are no older ones.
    """
    if (origin.panel.as_of_day >= day_of(origin.train_as_of) - days).all():
        raise NotTriedError("the ledger has no older rows")
    return _some(origin.panel, origin.panel.as_of_day >= day_of(origin.train_as_of) - days)


def every(origin: Origin, days: int) -> Panel:
    """Training rows of every so many days only."""
    return _some(origin.panel, (day_of(origin.train_as_of) - origin.panel.as_of_day) % days == 0)


def twice_a_week(origin: Origin) -> Panel:
    """Training rows of the same days and of the third day after each."""
    days = training_as_ofs(origin.history, origin.train_as_of, origin.config.panel)
    between = [day + timedelta(days=3) for day in days if day < origin.train_as_of]
    return build_panel(origin.history, sorted({*days, *between}))


def not_due(origin: Origin) -> Panel:
    """Training rows that are not due yet, as those judged are."""
    return _some(origin.panel, origin.panel.rows["days_past_due"].to_numpy() < 0)


def flat(origin: Origin) -> Panel:
    """Training rows that all weigh the same."""
    return replace(origin.panel, weights=np.ones(len(origin.panel)))


def first_looks(origin: Origin) -> Panel:
    """The first row of each invoice only."""
    _, first = np.unique(origin.panel.invoice, return_index=True)
    return origin.panel.take(np.sort(first))


def _some(panel: Panel, rows: np.ndarray) -> Panel:
    """Some rows, weighted by the looks that are left."""
    kept = panel.take(rows)
    return replace(kept, weights=invoice_weights(kept.invoice))


def real_ground(train_as_ofs: Sequence[date]) -> Ground | None:
    """The real ledger, where it is at hand."""
    ledger = b2b_ledger()
    if ledger is None:
        return None
    return Ground("b2b_ledger", ledger, tuple(train_as_ofs), date(2019, 11, 18), date(2019, 11, 30))


def tutorial_ground() -> Ground | None:
    """The published synthetic tutorial set, where it is at hand."""
    folder = Path(os.environ.get("PAYDELAY_DATA", ROOT.parent / "shared" / "data")) / "ibm_late_payment"
    source = folder / "WA_Fn-UseC_-Accounts-Receivable.csv"
    if not source.is_file():
        return None
    ledger = import_ledger("csv", source, mapping=ROOT / "configs" / "sources" / "ibm_late_payment.yaml")
    # Its last invoices are of early December: outcomes are read where all but a few are settled.
    when = (date(2013, 2, 4), date(2013, 5, 6), date(2013, 8, 5))
    return Ground("ibm_late_payment", ledger, when, date(2013, 10, 28), date(2013, 12, 16))


def simulated_ground(customer_count: int) -> Ground:
    """A simulated ledger whose true probabilities are known on the days judged."""
    when, last = (date(2025, 3, 31), date(2025, 7, 14)), date(2025, 9, 29)
    days = tuple(when[0] + timedelta(days=7 * week) for week in range((last - when[0]).days // 7 + 1))
    book = pdl.simulate(
        pdl.SimulationSettings(
            customer_count=customer_count,
            seed=11,
            daily_truth=False,
            truth_dates=days,
            truth_path_count=TRUTH_PATHS,
        )
    )
    ledger = Ledger.from_frames(book.invoices, book.payments, book.customers, book.events)
    return Ground("simulated", ledger, when, last, date(2025, 11, 30), book.truth["hazard"])
