"""Figures of every scorer, with intervals, and paired gains of the model over the best baseline."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.backtest.judging import PROBABILITIES, Judged, is_probability
from paydelay.calibration import Floats
from paydelay.config import BacktestSettings
from paydelay.intervals import Interval, bootstrap_draws, cluster_bootstrap
from paydelay.metrics import AreaUnderCurve, CapturedValue, average_precision, brier_score, log_loss, skill
from paydelay.reliability import (
    calibration_error_by_chance,
    calibration_line,
    expected_calibration_error,
)

TOP_SHARES = (0.05, 0.1, 0.2)
"""Shares of a book that collectors get round to."""
_LINE_VALUES_MIN = 10
LOWER_IS_BETTER = ("log_loss", "brier", "ece")

_TAIL = 0.025

Measure = Callable[[Floats | None], float]


class Gain(NamedTuple):
    """How much better a scorer is than a baseline.

    Parameters
    ----------
    interval : Interval
        Better is positive, whatever the figure.
    share_above : float
        Share of the draws in which it is better.
    """

    interval: Interval
    share_above: float


def measures(judged: Judged, scorer: str, contact_count: int) -> dict[str, Measure]:
    """Every figure of one scorer, as a function of the weights of the rows.

    Parameters
    ----------
    judged : Judged
    scorer : str
        One of those that the rows hold, or ``oracle``, which knows what came.
        Of it and of ``worklist``, the order of the queue, there is the value found alone.
    contact_count : int
        Rows of each book that collectors get round to.

    Returns
    -------
    dict of str to callable
        ``auc`` and ``average_precision`` of everyone; ``log_loss``, ``brier``,
        ``brier_skill``, ``ece``, ``slope`` and ``intercept`` of probabilities; and of each
        value to be found the share that lies in the first 5, 10 and 20 % of each book, and
        in its first ``contact_count`` rows: ``late_value_20``, ``late_value_contacts``.
    """
    if scorer not in judged.said:
        return _captured(judged, judged.orders.get(scorer), contact_count)
    said, came = judged.said[scorer], judged.came
    area = AreaUnderCurve(said, came)
    found: dict[str, Measure] = {
        "auc": area,
        "average_precision": lambda weight: average_precision(said, came, weight),
    }
    if is_probability(scorer):
        found |= _of_probability(said, came)
    return found | _captured(judged, judged.order(scorer), contact_count)


def _of_probability(said: Floats, came: Floats) -> dict[str, Measure]:
    few = len(np.unique(said)) < _LINE_VALUES_MIN

    def rate(weight: Floats | None) -> float:
        return float(np.average(came, weights=weight))

    def avoided(weight: Floats | None) -> float:
        share = rate(weight)
        return skill(brier_score(said, came, weight), share * (1.0 - share))

    def line(weight: Floats | None) -> tuple[float, float]:
        # Where there is one value per training or one thing only came, there is no line.
        if few or not 0.0 < rate(weight) < 1.0:
            return float("nan"), float("nan")
        return calibration_line(said, came, weight)

    return {
        "log_loss": lambda weight: log_loss(said, came, weight),
        "brier": lambda weight: brier_score(said, came, weight),
        "brier_skill": avoided,
        "ece": lambda weight: expected_calibration_error(said, came, weight),
        "slope": lambda weight: line(weight)[1],
        "intercept": lambda weight: line(weight)[0],
    }


def _captured(judged: Judged, order: Floats | None, contact_count: int) -> dict[str, Measure]:
    """Shares of each value found first; the oracle takes what is worth most of each."""
    found: dict[str, Measure] = {}
    for name, value in judged.values.items():
        captured = CapturedValue(value, value if order is None else order, judged.book)
        for share in TOP_SHARES:
            found[f"{name}_{share * 100:.0f}"] = _at_share(captured, share)
        found[f"{name}_contacts"] = _at_count(captured, contact_count)
    return found


def _at_share(captured: CapturedValue, share: float) -> Measure:
    return lambda weight: captured(weight, top_share=share)


def _at_count(captured: CapturedValue, count: int) -> Measure:
    return lambda weight: captured(weight, top_count=count)


def table(judged: Judged, contact_count: int, weight: Floats | None = None) -> pl.DataFrame:
    """Figures of every scorer, one row each, the queue's own order and the oracle last.

    Parameters
    ----------
    judged : Judged
    contact_count : int
        Rows of each book that collectors get round to.
    weight : array of shape (n_rows,), optional
        Weights of the rows, such as their amounts.

    Returns
    -------
    polars.DataFrame
        ``scorer``, the columns of :func:`measures` and ``ece_by_chance``, the ECE that perfect
        probabilities of the same sizes would show on average; null where a scorer has none.
    """
    rows = [
        {"scorer": name}
        | {key: measure(weight) for key, measure in found.items()}
        | {"ece_by_chance": ece_by_chance(judged, name, weight)}
        for name in dict.fromkeys((*judged.said, *judged.orders, "oracle"))
        for found in [measures(judged, name, contact_count)]
    ]
    return pl.DataFrame(rows, infer_schema_length=None).fill_nan(None)


def ece_by_chance(judged: Judged, scorer: str, weight: Floats | None = None) -> float:
    """The ECE that a scorer's probabilities would show on average if they were right.

    Parameters
    ----------
    judged : Judged
    scorer : str
        Anyone; only of probabilities there is an ECE.
    weight : array of shape (n_rows,), optional
        Weights of the rows, such as their amounts.

    Returns
    -------
    float
        The rows of an invoice share one outcome. NaN of what is no probability.
    """
    if not is_probability(scorer) or scorer not in judged.said:
        return float("nan")
    return calibration_error_by_chance(judged.said[scorer], weight, fate=judged.invoice)


def intervals(
    judged: Judged, scorer: str, settings: BacktestSettings, weight: Floats | None = None
) -> dict[str, Interval]:
    """Every figure of a scorer with its interval, drawing pairs of customer and day.

    Parameters
    ----------
    judged : Judged
    scorer : str
        One of those that the rows hold.
    settings : BacktestSettings
        Number of draws and their seed, and contacts per book.
    weight : array of shape (n_rows,), optional
        Weights of the rows, such as their amounts.

    Returns
    -------
    dict of str to Interval
    """
    found = measures(judged, scorer, settings.contact_count)
    return {
        name: cluster_bootstrap(
            judged.cluster, weighted(measure, weight), settings.replicate_count, settings.seed
        )
        for name, measure in found.items()
    }


def weighted(measure: Callable[[Floats], float], weight: Floats | None) -> Callable[[Floats], float]:
    """A figure of how often each row was drawn, where rows have weights of their own."""
    return lambda times: measure(times if weight is None else times * weight)


def mean_of(values: Floats) -> Callable[[Floats], float]:
    """The weighted mean of some values, as a figure of weights."""

    def mean(weight: Floats) -> float:
        total = weight.sum()
        return float(weight @ values / total) if total > 0 else float("nan")

    return mean


def interval_of_rate(
    came: Floats, cluster: NDArray[np.integer], settings: BacktestSettings, weight: Floats | None = None
) -> Interval:
    """Share that came, with an interval that has a width even where none or all of it came.

    Parameters
    ----------
    came : array of shape (n_rows,)
        1 where it happened.
    cluster : array of shape (n_rows,)
        Customer and day of each row.
    settings : BacktestSettings
        Draws behind the interval.
    weight : array of shape (n_rows,), optional
        Weights of the rows.

    Returns
    -------
    Interval
        Where draws cannot tell, as every one of them is the same, the exact end for as many
        independent tries as there are pairs of customer and day (Clopper and Pearson 1934).
    """
    share = weighted(mean_of(came), weight)
    rate = cluster_bootstrap(cluster, share, settings.replicate_count, settings.seed)
    end = _TAIL ** (1.0 / max(len(np.unique(cluster)), 1))
    if rate.value == 0.0:
        return Interval(0.0, 0.0, 1.0 - end)
    return Interval(1.0, end, 1.0) if rate.value == 1.0 else rate


def gain(
    judged: Judged,
    scorer: str,
    baseline: str,
    figure: str,
    settings: BacktestSettings,
    by_customer: bool = False,
) -> Gain:
    """Paired gain of a scorer over a baseline, on the same draws.

    Parameters
    ----------
    judged : Judged
    scorer, baseline : str
        Of those that the rows hold.
    figure : str
        A figure that both have.
    settings : BacktestSettings
        Number of draws and their seed, and contacts per book.
    by_customer : bool
        Draw whole customers, rather than pairs of customer and day: an invoice stands in the
        books of several weeks, and what its customer does is one piece of evidence.

    Returns
    -------
    Gain
    """
    ours, theirs = (measures(judged, name, settings.contact_count)[figure] for name in (scorer, baseline))
    sign = -1.0 if figure in LOWER_IS_BETTER else 1.0

    def difference(times: Floats) -> float:
        return sign * (ours(times) - theirs(times))

    cluster = judged.customer if by_customer else judged.cluster
    draws = bootstrap_draws(cluster, difference, settings.replicate_count, settings.seed)
    value = difference(np.ones(len(judged)))
    # A draw without a figure does not speak for the scorer.
    above = float((draws > 0.0).mean()) if np.isfinite(draws).any() else float("nan")
    return Gain(Interval.of(value, draws), above)


def outermost(by_day: Interval, by_customer: Interval) -> Interval:
    """One interval for two ways of drawing: what holds within it holds by both.

    Parameters
    ----------
    by_day, by_customer : Interval
        Of the same figure, drawn by pairs of customer and day, and by whole customers.

    Returns
    -------
    Interval
        From the lower low to the higher high; NaN where one of them has no ends.

    Examples
    --------
    >>> outermost(Interval(0.3, 0.1, 0.5), Interval(0.3, -0.1, 0.4))
    Interval(value=0.3, low=-0.1, high=0.5)
    """
    low, high = np.array([[each.low, each.high] for each in (by_day, by_customer)]).T
    return Interval(by_day.value, float(low.min()), float(high.max()))


def best_baseline(found: pl.DataFrame, figure: str, baselines: tuple[str, ...]) -> str:
    """The baseline that is best by a figure.

    Parameters
    ----------
    found : polars.DataFrame
        As :func:`table` gives it.
    figure : str
        Column to go by.
    baselines : tuple of str
        Scorers to choose from.

    Returns
    -------
    str
        Of those that tie a plain order: nobody needs a constant probability to rank by amount.
    """
    theirs = found.filter(pl.col("scorer").is_in(baselines))
    falls = [figure not in LOWER_IS_BETTER, False]
    ordered = theirs.sort(
        figure, pl.col("scorer").is_in(PROBABILITIES), descending=falls, nulls_last=True, maintain_order=True
    )
    return str(ordered["scorer"][0])
