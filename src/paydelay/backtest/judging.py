"""Figures of every scorer on the rows of a replay, whole and by slice, with paired intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.calibration import Floats
from paydelay.config import BacktestSettings
from paydelay.metrics import (
    AreaUnderCurve,
    CapturedValue,
    Interval,
    average_precision,
    brier_score,
    calibration_line,
    cluster_bootstrap,
    expected_calibration_error,
    log_loss,
    skill,
)

TOP_SHARES = (0.05, 0.1, 0.2)
"""Shares of a book that collectors get round to."""
PROBABILITIES = ("model", "regression", "late_ratio", "base_rate")
ORDERS = ("last_delay", "customer_median", "overdue_amount", "largest_amount", "oldest_due")
SCORERS = (*PROBABILITIES, *ORDERS)
BASELINES = SCORERS[1:]
UNPAID_BASELINES = ("overdue_amount", "oldest_due", "largest_amount", "customer_median")
"""What says something of who never pays, and not merely who pays late."""


@dataclass(frozen=True)
class Judged:
    """Rows with an outcome of one kind, and what each scorer says of them.

    Parameters
    ----------
    came : array of shape (n_rows,)
        1 where it happened, such as ended late.
    amount : array of shape (n_rows,)
        Open amount in the reporting currency.
    book, customer, invoice : array of shape (n_rows,)
        Codes of the day of scoring, the customer and the invoice.
    said : dict of str to array of shape (n_rows,)
        Probability or order of each scorer.
    """

    came: Floats
    amount: Floats
    book: NDArray[np.int64]
    customer: NDArray[np.int64]
    invoice: NDArray[np.int64]
    said: Mapping[str, Floats] = field(repr=False)

    def __len__(self) -> int:
        return len(self.came)

    def take(self, rows: NDArray[np.integer]) -> Judged:
        """The same with some of the rows."""
        parts = {name: value[rows] for name, value in vars(self).items() if name != "said"}
        return Judged(**parts, said={name: value[rows] for name, value in self.said.items()})

    @property
    def cluster(self) -> NDArray[np.int64]:
        """Customer and day of scoring: what is drawn as one."""
        return self.customer * (int(self.book.max(initial=0)) + 1) + self.book

    def order(self, scorer: str) -> Floats:
        """What the scorer ranks money by: probability times amount, or its own order."""
        said = self.said[scorer]
        return said * self.amount if scorer in PROBABILITIES or scorer == "unpaid" else said


def judged_late(rows: pl.DataFrame) -> Judged:
    """Rows not yet due whose being late is mature.

    Parameters
    ----------
    rows : polars.DataFrame
        As a replay gives them.

    Returns
    -------
    Judged
    """
    return _judged(rows.filter(pl.col("late").is_not_null() & (pl.col("days_past_due") < 0)), "late", SCORERS)


def judged_unpaid(rows: pl.DataFrame) -> Judged:
    """Rows whose being unpaid after the stated days is mature and was not known yet.

    Parameters
    ----------
    rows : polars.DataFrame
        As a replay gives them.

    Returns
    -------
    Judged
    """
    mature = rows.filter(pl.col("unpaid_came").is_not_null())
    return _judged(mature, "unpaid_came", ("unpaid", *UNPAID_BASELINES))


def _judged(rows: pl.DataFrame, outcome: str, scorers: tuple[str, ...]) -> Judged:
    return Judged(
        came=rows[outcome].to_numpy().astype(np.float64),
        amount=rows["open_amount_reporting"].to_numpy(),
        book=rows["as_of"].to_physical().rank("dense").to_numpy().astype(np.int64),
        customer=rows["customer_id"].rank("dense").to_numpy().astype(np.int64),
        invoice=rows["invoice_id"].rank("dense").to_numpy().astype(np.int64),
        said={name: rows[name].to_numpy().astype(np.float64) for name in scorers},
    )


def figures_of(judged: Judged, scorer: str, weight: Floats | None = None) -> dict[str, float]:
    """Every figure of one scorer.

    Parameters
    ----------
    judged : Judged
    scorer : str
        One of those that the rows hold, or ``oracle``, which knows what came.
    weight : array of shape (n_rows,), optional
        Weights of the rows: one row per invoice, or its amount.

    Returns
    -------
    dict
        ``auc`` and ``average_precision`` of everyone; ``log_loss``, ``brier``, ``brier_skill``,
        ``ece``, ``slope`` and ``intercept`` of probabilities; ``captured_5``, ``captured_10``
        and ``captured_20``: share of the amounts that end so in the first 5, 10 and 20 % of
        each book.
    """
    if scorer == "oracle":
        order = judged.came * judged.amount
        return {"auc": 1.0, "average_precision": 1.0} | _captured(judged, order, weight)
    said, came = judged.said[scorer], judged.came
    found = {
        "auc": AreaUnderCurve(said, came)(weight),
        "average_precision": average_precision(said, came, weight),
    }
    if scorer in PROBABILITIES or scorer == "unpaid":
        rate = float(np.average(came, weights=weight))
        brier = brier_score(said, came, weight)
        found |= {
            "log_loss": log_loss(said, came, weight),
            "brier": brier,
            "brier_skill": skill(brier, rate * (1.0 - rate)),
            "ece": expected_calibration_error(said, came, weight),
        }
        if np.ptp(said) > 0.0 and 0.0 < rate < 1.0:
            found["intercept"], found["slope"] = calibration_line(said, came, weight)
    return found | _captured(judged, judged.order(scorer), weight)


def _captured(judged: Judged, order: Floats, weight: Floats | None) -> dict[str, float]:
    captured = CapturedValue(judged.amount * judged.came, order, judged.book)
    return {f"captured_{share * 100:.0f}": captured(weight, top_share=share) for share in TOP_SHARES}


def table(judged: Judged, weight: Floats | None = None) -> pl.DataFrame:
    """Figures of every scorer, one row each, the oracle last.

    Parameters
    ----------
    judged : Judged
    weight : array of shape (n_rows,), optional
        Weights of the rows.

    Returns
    -------
    polars.DataFrame
        ``scorer`` and the columns of :func:`figures_of`, null where a scorer has none.
    """
    rows = [{"scorer": name, **figures_of(judged, name, weight)} for name in (*judged.said, "oracle")]
    return pl.DataFrame(rows, infer_schema_length=None).fill_nan(None)


def interval(judged: Judged, figure: Callable[[Floats], float], settings: BacktestSettings) -> Interval:
    """A figure with its interval, drawing pairs of customer and day.

    Parameters
    ----------
    judged : Judged
    figure : callable
        From weights of the rows to the figure; a difference for a paired gain.
    settings : BacktestSettings
        Number of draws and their seed.

    Returns
    -------
    Interval
    """
    return cluster_bootstrap(judged.cluster, figure, settings.replicate_count, settings.seed)


def gains(judged: Judged, scorer: str, baseline: str, settings: BacktestSettings) -> dict[str, Interval]:
    """Paired gains of a scorer over a baseline, on the same draws.

    Parameters
    ----------
    judged : Judged
    scorer, baseline : str
        Of those that the rows hold.
    settings : BacktestSettings
        Number of draws and their seed.

    Returns
    -------
    dict of str to Interval
        ``auc``, and ``captured_20``: more of the amount found in the first fifth.
    """
    areas = [AreaUnderCurve(judged.said[name], judged.came) for name in (scorer, baseline)]
    value = judged.amount * judged.came
    found = [CapturedValue(value, judged.order(name), judged.book) for name in (scorer, baseline)]
    return {
        "auc": interval(judged, lambda times: areas[0](times) - areas[1](times), settings),
        "captured_20": interval(
            judged, lambda times: found[0](times, top_share=0.2) - found[1](times, top_share=0.2), settings
        ),
    }


def best_baseline(found: pl.DataFrame, figure: str) -> str:
    """The baseline that is best by a figure.

    Parameters
    ----------
    found : polars.DataFrame
        As :func:`table` gives it.
    figure : str
        Column to go by; the highest is best.

    Returns
    -------
    str
    """
    theirs = found.filter(pl.col("scorer").is_in(BASELINES)).sort(figure, descending=True, nulls_last=True)
    return str(theirs["scorer"][0])


def first_looks(judged: Judged) -> Judged:
    """One row per invoice: the first that was scored."""
    _, first = np.unique(judged.invoice, return_index=True)
    return judged.take(np.sort(first))


def without_largest(judged: Judged) -> Judged:
    """All rows but those of the customer with most of them."""
    counts = np.bincount(judged.customer) if len(judged) else np.zeros(1)
    return judged.take(np.flatnonzero(judged.customer != counts.argmax()))


def slices(rows: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Names of slices, and which rows belong to each.

    Parameters
    ----------
    rows : polars.DataFrame
        Rows in the order of a :class:`Judged`.

    Returns
    -------
    dict of str to dict of str to array of bool
        By kind: quartile of amount, settled invoices of the customer, segment, month and days
        to the due date.
    """
    amount = rows["open_amount_reporting"].to_numpy()
    quartile = np.searchsorted(np.quantile(amount, [0.25, 0.5, 0.75]), amount, side="right") + 1
    settled = rows["settled_count"].fill_null(0.0).to_numpy()
    ahead = -rows["days_past_due"].to_numpy()
    month = rows["as_of"].dt.strftime("%Y-%m").to_numpy()
    segment = rows["segment"].fill_null("").to_numpy()
    return {
        "amount_quartile": {str(number): quartile == number for number in range(1, 5)},
        "settled_count": {
            "0": settled == 0,
            "1-4": (settled >= 1) & (settled < 5),
            "5-19": (settled >= 5) & (settled < 20),
            "20+": settled >= 20,
        },
        "days_to_due": {
            "1-3": ahead <= 3,
            "4-7": (ahead > 3) & (ahead <= 7),
            "8-14": (ahead > 7) & (ahead <= 14),
            "15+": ahead > 14,
        },
        "month": {name: month == name for name in np.unique(month)},
        "segment": {str(name): segment == name for name in np.unique(segment) if name},
    }
