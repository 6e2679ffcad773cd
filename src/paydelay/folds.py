"""Folds of a backtest: training dates and the weekly books scored after each, walked back in time.

A fold trains on the ledger cut at its date, whose maturity rule is the embargo, and
scores the books of the period after it. Folds are laid back from the last day on
which outcomes can be mature; none is chosen by what happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from paydelay.config import BacktestSettings
from paydelay.errors import ThinLedgerError


@dataclass(frozen=True)
class Fold:
    """A training date, and the days on which its model scores the book.

    Parameters
    ----------
    number : int
        1 for the earliest.
    train_as_of : date
        Nothing known after its close is trained on.
    as_ofs : tuple of date
        Days of scoring, the first on ``train_as_of``.
    labels_at : date
        Day as of which outcomes are judged; the same for every fold.
    """

    number: int
    train_as_of: date
    as_ofs: tuple[date, ...]
    labels_at: date


def walk_back(
    first_day: date, labels_at: date, settings: BacktestSettings, ripe_after_days: int = 0
) -> tuple[Fold, ...]:
    """Folds back from the last mature outcome, the earliest first.

    Parameters
    ----------
    first_day : date
        First day on which the ledger knows anything.
    labels_at : date
        Last day that it records.
    settings : BacktestSettings
        How many folds, how long each scores, and how often.
    ripe_after_days : int
        Grace and recording lag: an invoice due that long before ``labels_at`` is mature.

    Returns
    -------
    tuple of Fold
        Fewer than asked for where the ledger begins too late for more. Their days of
        scoring do not overlap. Weekly books fall on the weekday asked for, so that the
        invoices that fall due before the next look are the same days of every week.

    Raises
    ------
    ThinLedgerError
        If not even one fold has the history it needs.

    Examples
    --------
    >>> settings = BacktestSettings(fold_count=2, fold_days=14, lead_days=7, history_min_days=150)
    >>> for fold in walk_back(date(2024, 1, 1), date(2025, 1, 31), settings):
    ...     print(fold.number, fold.train_as_of, [day.isoformat() for day in fold.as_ofs])
    1 2024-12-30 ['2024-12-30', '2025-01-06']
    2 2025-01-13 ['2025-01-13', '2025-01-20']
    """
    step = timedelta(days=settings.step_days)
    looks = max(1, settings.fold_days // settings.step_days)
    last = labels_at - timedelta(days=settings.lead_days + ripe_after_days)
    if settings.step_days % 7 == 0:
        last -= timedelta(days=(last.weekday() - settings.weekday) % 7)
    starts = []
    for back in range(settings.fold_count):
        start = last - step * (looks * (back + 1) - 1)
        if (start - first_day).days < settings.history_min_days:
            break
        starts.append(start)
    if not starts:
        raise ThinLedgerError(
            f"The ledger knows {(labels_at - first_day).days} days; a backtest needs at least "
            f"{settings.history_min_days} before the first of {looks} books and "
            f"{settings.lead_days + ripe_after_days} after the last. Give a longer ledger, or lower "
            "backtest.fold_days or backtest.history_min_days."
        )
    return tuple(
        Fold(number, start, tuple(start + step * look for look in range(looks)), labels_at)
        for number, start in enumerate(reversed(starts), start=1)
    )


def sampled_days(folds: Sequence[Fold], settings: BacktestSettings) -> list[date]:
    """Days of scoring on which features are held against the ledger cut that day.

    Parameters
    ----------
    folds : sequence of Fold
    settings : BacktestSettings
        How many, and the seed of the draw.

    Returns
    -------
    list of date
        In their order; all of them where there are no more than asked for.

    Examples
    --------
    >>> days = tuple(date(2025, 1, day) for day in (6, 13, 20))
    >>> fold = Fold(1, days[0], days, date(2025, 3, 1))
    >>> sampled_days([fold], BacktestSettings(leak_check_count=3)) == list(days)
    True
    """
    days = [day for fold in folds for day in fold.as_ofs]
    count = min(settings.leak_check_count, len(days))
    chosen = np.random.default_rng(settings.seed).choice(len(days), count, replace=False)
    return [days[number] for number in sorted(chosen)]
