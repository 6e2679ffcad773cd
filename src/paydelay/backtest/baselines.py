"""What a model has to beat: what collectors do today, and the simplest of predictions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl

from paydelay.calibration import Floats
from paydelay.config import Config
from paydelay.features.behaviour import SHRINKAGE
from paydelay.history import EPOCH, Codes, Days, History, day_of
from paydelay.outcomes import Outcomes
from paydelay.panel import Panel, build_panel, training_as_ofs

REGRESSION_FEATURES = (
    "late_share_shrunk_365",
    "delay_mean_shrunk_365",
    "weekday_late_share_365",
    "terms_late_share_365",
    "cohort_late_share_90",
    "delay_last1",
    "run_wait_days",
    "terms_days",
    "days_past_due",
    "book_late_share_90",
)
"""The ten features of the plain regression."""
BASELINE_FEATURES = ("late_share_shrunk_365", "delay_last1", *REGRESSION_FEATURES)
"""All that baselines take from a panel."""


class Baselines(NamedTuple):
    """What each baseline says of the rows of a panel.

    Parameters
    ----------
    probabilities : dict of str to array of shape (n_rows,)
        Baselines that give a probability of being late; money is ranked by it times the amount.
    unpaid : dict of str to array of shape (n_rows,)
        The same of staying unpaid.
    orders : dict of str to array of shape (n_rows,)
        Baselines that only put rows in an order, the first to be called highest.
    median_days : dict of str to array of shape (n_rows,)
        Baselines that name a delay.
    """

    probabilities: dict[str, Floats]
    unpaid: dict[str, Floats]
    orders: dict[str, Floats]
    median_days: dict[str, Floats]


def baselines(
    history: History, past: History, trained: date, panel: Panel, late_share: float, config: Config
) -> Baselines:
    """Every baseline, by what was known on the day of each row.

    Parameters
    ----------
    history : History
        Of the ledger that the rows were made of.
    past : History
        Of the ledger cut at the training date.
    trained : date
        The training date.
    panel : Panel
        Rows to say something of.
    late_share : float
        Share late of what had matured by the training date.
    config : Config
        Settings of the panel that the regressions learn from, and what counts as late and unpaid.

    Returns
    -------
    Baselines
    """
    amount = panel.rows["open_amount_reporting"].to_numpy()
    overdue = panel.rows["days_past_due"].to_numpy().astype(np.float64)
    customer, day = history.invoices.customer[panel.invoice], panel.as_of_day
    median = customer_medians(history, customer, day)
    ripe, unpaid = _unpaid_counts(past, day_of(trained), config)
    late_regression, unpaid_regression = _regressions(past, trained, panel, config)
    return Baselines(
        probabilities={
            "base_rate": np.full(len(panel), late_share),
            "late_ratio": _feature(panel, "late_share_shrunk_365"),
            "regression": late_regression,
        },
        unpaid={
            "unpaid_rate": np.full(len(panel), unpaid.sum() / max(ripe.sum(), 1)),
            "unpaid_ratio": unpaid_ratios(history, customer, day, config),
            "unpaid_regression": unpaid_regression,
        },
        orders={
            "largest_amount": amount,
            "oldest_due": overdue,
            # Of what is not due yet the larger amount goes first.
            "overdue_amount": (np.maximum(overdue, 0.0) + 1e-6) * amount,
            "last_delay": filled_by_book(_feature(panel, "delay_last1"), day),
            "customer_median": median,
        },
        median_days={"customer_median": median, "always_0": np.zeros(len(panel))},
    )


def customer_medians(history: History, customer: Codes, day: Days) -> Floats:
    """Median delay of what each customer had settled by each day; the book's where it had nothing.

    Parameters
    ----------
    history : History
        The ledger by what was known when.
    customer, day : array of shape (n_rows,)
        Codes, and days since 1970-01-01.

    Returns
    -------
    array of shape (n_rows,)
        Days; 0 where the whole book had settled nothing.
    """
    settled = history.entries("settled")
    events = pl.DataFrame(
        {
            "customer": settled.customer,
            "day": settled.day,
            "back": settled.taken_back_day,
            "delay": np.asarray(settled.measures["delay"], np.float64),
        }
    )
    found = np.zeros(len(day))
    for when in np.unique(day):
        known = events.filter((pl.col("day") <= when) & (pl.col("back") > when))
        if not known.height:
            continue
        medians = known.group_by("customer").agg(pl.col("delay").median())
        rows = np.flatnonzero(day == when)
        asked = pl.DataFrame({"customer": customer[rows]})
        own = asked.join(medians, on="customer", how="left", maintain_order="left")["delay"]
        found[rows] = own.fill_null(known["delay"].median()).to_numpy()
    return found


def unpaid_ratios(history: History, customer: Codes, day: Days, config: Config) -> Floats:
    """Share of invoices that each customer had left unpaid by each day, pulled toward the book's.

    Parameters
    ----------
    history : History
        The ledger by what was known when.
    customer, day : array of shape (n_rows,)
        Codes, and days since 1970-01-01.
    config : Config
        Says after how many days an invoice counts as unpaid.

    Returns
    -------
    array of shape (n_rows,)
        (unpaid + 10 * share of the book) / (invoices + 10), of the invoices whose outcome had
        matured: the pull of ``late_share_shrunk_365``.
    """
    found = np.zeros(len(day))
    for when in np.unique(day):
        ripe, unpaid = _unpaid_counts(history, int(when), config)
        share = unpaid.sum() / max(ripe.sum(), 1)
        ratio = (unpaid + SHRINKAGE * share) / (ripe + SHRINKAGE)
        rows = day == when
        found[rows] = ratio[customer[rows]]
    return found


def _unpaid_counts(history: History, when: int, config: Config) -> tuple[Floats, Floats]:
    """By customer: invoices whose being unpaid had matured by a day, and how many of them were."""
    facts, days = history.invoices, config.outcomes.unpaid_after_days
    outcomes = Outcomes.of(history, EPOCH + timedelta(days=when), config.ledger)
    # An invoice that was recorded after the day was not there to be counted.
    ripe = (facts.due_day <= outcomes.mature_until(days)) & ~outcomes.cancelled & (facts.known_day <= when)
    unpaid = ripe & (outcomes.settled_day > facts.due_day + days)
    ends = [np.bincount(facts.customer[rows], minlength=len(history.customers)) for rows in (ripe, unpaid)]
    return ends[0].astype(np.float64), ends[1].astype(np.float64)


def filled_by_book(values: Floats, day: Days) -> Floats:
    """Values; where there is none the median of its own book, since later ones were not known yet.

    Parameters
    ----------
    values : array of shape (n_rows,)
        NaN where nothing is known.
    day : array of shape (n_rows,)
        Day of scoring of each row.

    Returns
    -------
    array of shape (n_rows,)
        0 where nothing is known of a whole book.

    Examples
    --------
    >>> filled_by_book(np.array([4.0, np.nan, 8.0, np.nan]), np.array([1, 1, 2, 3])).tolist()
    [4.0, 4.0, 8.0, 0.0]
    """
    value = pl.col("value").fill_nan(None)
    filled = value.fill_null(value.median().over("day")).fill_null(0.0)
    return pl.DataFrame({"day": day, "value": values}).select(filled)["value"].to_numpy()


def _feature(panel: Panel, name: str) -> Floats:
    return panel.X[:, panel.feature_names.index(name)].astype(np.float64)


def _regressions(past: History, trained: date, panel: Panel, config: Config) -> Iterator[Floats]:
    """Probabilities of late and of unpaid by plain regressions on ten features.

    They learn from the same past as the model: what had matured by the training date.
    """
    from paydelay.estimator import plain_regression

    learned = build_panel(past, training_as_ofs(past, trained, config.panel))
    outcomes = Outcomes.of(past, trained, config.ledger)
    horizons = np.array([config.outcomes.grace_days, config.outcomes.unpaid_after_days])

    def columns(some: Panel) -> Floats:
        return np.column_stack([_feature(some, name) for name in REGRESSION_FEATURES])

    asked, known = columns(panel), columns(learned)
    for label in outcomes.labels(learned.invoice, learned.as_of_day, horizons).T:
        usable = ~np.isnan(label)
        came = label[usable]
        if len(np.unique(came)) < 2:
            # Of one outcome alone nothing can be told apart.
            yield np.full(len(panel), came.mean() if len(came) else 0.0)
            continue
        regression = plain_regression(known[usable], came, learned.weights[usable])
        yield np.asarray(regression.predict_proba(asked)[:, 1], np.float64)
