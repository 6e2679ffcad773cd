"""Whether the model beats what collectors do without it, in money, and how surely."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from paydelay.backtest.comparing import Gain, best_baseline, gain, outermost
from paydelay.backtest.judging import BASELINES, ORDERS, SCORER, Judged, without_largest
from paydelay.config import BacktestSettings
from paydelay.intervals import Interval

MONEY = {"late": "late_value", "unpaid": "unpaid_value"}
"""The money that the verdict of each outcome is about."""


@dataclass(frozen=True)
class Verdict:
    """Whether the model beats the best of what collectors do without it.

    Parameters
    ----------
    outcome : str
        ``late`` or ``unpaid``: the money that is to be found.
    beats, loses : bool
        Whether the interval of the gain lies above zero, or below it, drawn by customer and day
        as well as by customer alone.
    baseline : str
        Whatever finds most of that money without a model.
    captured, baseline_captured : float
        Share of the money in the first 20 % of each book.
    gain_per_book : Interval
        More of it found in the first 20 % of a book, in the reporting currency.
    share_above : float
        Share of the draws in which the model finds more.
    gain_by_customer : Interval
        The same gain, drawn by customer alone: wider, since a customer's weeks are alike.
    gain_without_largest : Interval
        The same without the customer who owes most of the money.
    order : str
        The best of the plain orders that collectors go by where nothing is estimated.
    gain_over_order_per_book : Interval
        More of the money found than by that order.
    auc_gain : Interval
        Over the baseline with the best AUC; its ends are the outer ones of both draws.
    book_count, row_count : int
        Books judged, and invoices in them.
    first, last : date
        Days of the first and the last book judged.
    """

    outcome: str
    beats: bool
    loses: bool
    baseline: str
    captured: float
    baseline_captured: float
    gain_per_book: Interval
    share_above: float
    gain_by_customer: Interval
    gain_without_largest: Interval
    order: str
    gain_over_order_per_book: Interval
    auc_gain: Interval
    book_count: int
    row_count: int
    first: date
    last: date

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {name: plain(value) for name, value in vars(self).items()}


def verdict_of(
    outcome: str, judged: Judged, days: pl.Series, scorers: pl.DataFrame, settings: BacktestSettings
) -> Verdict:
    """The verdict of one outcome.

    Parameters
    ----------
    outcome : {'late', 'unpaid'}
        The money that is to be found.
    judged : Judged
        Its rows.
    days : polars.Series
        Day of scoring of each row.
    scorers : polars.DataFrame
        Figures of every scorer on these rows, as :func:`~paydelay.backtest.comparing.table`
        gives them: the baselines are chosen by them.
    settings : BacktestSettings
        Draws behind the intervals, and their seed.

    Returns
    -------
    Verdict
    """
    figure, scorer = f"{MONEY[outcome]}_20", SCORER[outcome]
    baseline = best_baseline(scorers, figure, BASELINES[outcome])
    captured = {name: scorers.filter(scorer=name)[figure].item() for name in (scorer, baseline)}
    gained = gain(judged, scorer, baseline, figure, settings)
    alone = gain(judged, scorer, baseline, figure, settings, by_customer=True)
    others = without_largest(judged, judged.values[MONEY[outcome]])
    rest = gain(others, scorer, baseline, figure, settings)
    order = best_baseline(scorers, figure, ORDERS[outcome])
    over_order = gain(judged, scorer, order, figure, settings)
    best_auc = best_baseline(scorers, "auc", BASELINES[outcome])
    by_auc = [gain(judged, scorer, best_auc, "auc", settings, whole).interval for whole in (False, True)]
    first, last = days.min(), days.max()
    return Verdict(
        outcome=outcome,
        beats=all(drawn.interval.low > 0.0 for drawn in (gained, alone)),
        loses=all(drawn.interval.high < 0.0 for drawn in (gained, alone)),
        baseline=baseline,
        captured=captured[scorer],
        baseline_captured=captured[baseline],
        gain_per_book=_in_money(outcome, gained, judged),
        share_above=gained.share_above,
        gain_by_customer=_in_money(outcome, alone, judged),
        gain_without_largest=_in_money(outcome, rest, others),
        order=order,
        gain_over_order_per_book=_in_money(outcome, over_order, judged),
        auc_gain=outermost(*by_auc),
        book_count=len(np.unique(judged.book)),
        row_count=len(judged),
        first=first,  # type: ignore[arg-type]
        last=last,  # type: ignore[arg-type]
    )


def _in_money(outcome: str, gained: Gain, judged: Judged) -> Interval:
    """A share of the money of a book that ends so, in money."""
    per_book = float(judged.values[MONEY[outcome]].sum()) / max(len(np.unique(judged.book)), 1)
    ends = (gained.interval.value, gained.interval.low, gained.interval.high)
    return Interval(*(end * per_book for end in ends))


def plain(value: Any) -> Any:
    """Dates, intervals and numbers within tables and lists, as values that JSON knows."""
    if isinstance(value, Interval):
        return value.to_dict()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
