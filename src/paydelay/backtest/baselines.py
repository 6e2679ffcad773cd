"""What a model has to beat: what collectors do today, and the simplest of predictions."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from paydelay.calibration import Floats
from paydelay.config import Config
from paydelay.history import Codes, Days, History
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


class Baselines(NamedTuple):
    """What each baseline says of the rows of a panel.

    Parameters
    ----------
    probabilities : dict of str to array of shape (n_rows,)
        Baselines that give a probability of being late; money is ranked by it times the amount.
    orders : dict of str to array of shape (n_rows,)
        Baselines that only put rows in an order, the first to be called highest.
    median_days : dict of str to array of shape (n_rows,)
        Baselines that name a delay.
    """

    probabilities: dict[str, Floats]
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
        Settings of the panel that the regression learns from.

    Returns
    -------
    Baselines
    """
    amount = panel.rows["open_amount_reporting"].to_numpy()
    overdue = panel.rows["days_past_due"].to_numpy().astype(np.float64)
    last_delay = _feature(panel, "delay_last1")
    known = last_delay[~np.isnan(last_delay)]
    median = customer_medians(history, history.invoices.customer[panel.invoice], panel.as_of_day)
    return Baselines(
        probabilities={
            "base_rate": np.full(len(panel), late_share),
            "late_ratio": _feature(panel, "late_share_shrunk_365"),
            "regression": _regression(past, trained, panel, config),
        },
        orders={
            "largest_amount": amount,
            "oldest_due": overdue,
            # Of what is not due yet the larger amount goes first.
            "overdue_amount": (np.maximum(overdue, 0.0) + 1e-6) * amount,
            "last_delay": np.where(np.isnan(last_delay), np.median(known) if len(known) else 0.0, last_delay),
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


def _feature(panel: Panel, name: str) -> Floats:
    return panel.X[:, panel.feature_names.index(name)].astype(np.float64)


def _regression(past: History, trained: date, panel: Panel, config: Config) -> Floats:
    """Probability by a plain regression on ten features, trained on the same past as the model."""
    from paydelay.estimator import plain_regression

    learned = build_panel(past, training_as_ofs(past, trained, config.panel))
    horizon = np.array([config.outcomes.grace_days])
    outcomes = Outcomes.of(past, trained, config.ledger)
    label = outcomes.labels(learned.invoice, learned.as_of_day, horizon)[:, 0]
    usable = ~np.isnan(label)

    def columns(some: Panel) -> Floats:
        return np.column_stack([_feature(some, name) for name in REGRESSION_FEATURES])

    regression = plain_regression(columns(learned)[usable], label[usable], learned.weights[usable])
    return np.asarray(regression.predict_proba(columns(panel))[:, 1], np.float64)
