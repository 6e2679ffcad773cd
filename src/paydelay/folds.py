"""Folds of a backtest: training dates and the weekly books scored after each, walked back in time.

A fold trains on the ledger cut at its date, whose maturity rule is the embargo, and
scores the books of the period after it. Folds are laid back from the last day on
which outcomes can be mature; none is chosen by what happened. The same rule over the
rows of a panel is a splitter for scikit-learn's own searches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paydelay.config import BacktestSettings
from paydelay.errors import ConfigError, ThinLedgerError

Rows = NDArray[np.int64]
_DATED = ("as_of", "due_date", "recording_lag_days")


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


@dataclass(frozen=True)
class RollingOriginSplit:
    """Rows of a panel split in time, as scikit-learn's searches and scores take it by ``cv=``.

    Each fold trains on what was known and mature on its date, and tests on the books of
    the ``fold_days`` from that date on. The last fold's books are the panel's last.

    Parameters
    ----------
    fold_count : int
        Folds; no fewer are given.
    fold_days : int
        Days of as_of dates that each fold tests on.
    horizon_days : int
        Horizon of the labels, in days after the due date.
    history_days : int, optional
        Training rows look back so far from the fold's date; all the way where None.

    Notes
    -----
    A row is trained on where its ``as_of`` is not later than the fold's date T, and its outcome
    was mature on T: ``due_date + horizon_days + recording_lag_days <= T``. It is tested on
    where ``T <= as_of < T + fold_days`` and its outcome was not known on ``as_of`` already, so that
    no invoice is on both sides. Rows whose label is NaN take no part. Labels are the panel's,
    as of its ``labels_at``; :func:`paydelay.backtest` labels anew at each fold's date.

    Examples
    --------
    >>> import polars as pl
    >>> rows = pl.DataFrame({
    ...     "as_of": [date(2025, 1, 6), date(2025, 1, 13), date(2025, 2, 3), date(2025, 2, 10)],
    ...     "due_date": [date(2025, 1, 20), date(2025, 2, 9), date(2025, 2, 20), date(2025, 2, 9)],
    ...     "recording_lag_days": [2, 2, 2, 2]})
    >>> for train, test in RollingOriginSplit(fold_count=1, fold_days=14).split(rows, groups=rows):
    ...     print(train.tolist(), test.tolist())
    [0] [2]
    """

    fold_count: int = 4
    fold_days: int = 28
    horizon_days: int = 0
    history_days: int | None = None

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002 - scikit-learn's own signature
        """How many folds there are.

        Parameters
        ----------
        X, y, groups : object, optional
            Not used.

        Returns
        -------
        int
        """
        return self.fold_count

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Rows, Rows]]:
        """Positions of the rows to train and to test on, the earliest fold first.

        Parameters
        ----------
        X : array or frame of shape (n_rows, n_columns)
            The panel's rows; only their number is looked at.
        y : array of shape (n_rows,), optional
            Labels; rows where it is NaN are left out.
        groups : frame of n_rows rows
            ``as_of``, ``due_date`` and ``recording_lag_days`` of each row, as ``panel.timing`` gives them.

        Yields
        ------
        train, test : array of int

        Raises
        ------
        ConfigError
            If the dates are not given, or not one for each row, or a setting is below 1.
        ThinLedgerError
            If a fold would have nothing to train or to test on.
        """
        as_of, due, lag = self._dates(X, groups)
        usable = np.ones(len(as_of), np.bool_) if y is None else ~np.isnan(np.asarray(y, np.float64))
        usable &= as_of < due + self.horizon_days
        mature_on = due + self.horizon_days + lag
        end = int(as_of.max(initial=0)) + 1
        for number in range(self.fold_count, 0, -1):
            start = end - number * self.fold_days
            trained = usable & (as_of <= start) & (mature_on <= start)
            if self.history_days is not None:
                trained &= as_of > start - self.history_days
            tested = usable & (as_of >= start) & (as_of < start + self.fold_days)
            if not trained.any() or not tested.any():
                lacking = "test" if trained.any() else "train"
                raise ThinLedgerError(
                    f"The panel leaves fold {self.fold_count + 1 - number} of {self.fold_count} nothing to "
                    f"{lacking} on; give it more as_of dates, or ask for fewer or shorter folds."
                )
            yield np.flatnonzero(trained), np.flatnonzero(tested)

    def _dates(self, X: Any, groups: Any) -> tuple[Rows, Rows, Rows]:
        """Days since 1970-01-01 of as_of and due date, and the lag, of each row."""
        if min(self.fold_count, self.fold_days, self.history_days or 1) < 1:
            raise ConfigError("fold_count, fold_days and history_days are whole numbers from 1 on.")
        missing = list(_DATED) if groups is None else [name for name in _DATED if name not in groups]
        if missing:
            raise ConfigError(
                f"The rows come without {', '.join(missing)}; give groups=panel.timing of the same rows."
            )
        as_of, due = (np.asarray(groups[name], "datetime64[D]").astype(np.int64) for name in _DATED[:2])
        count = X.shape[0] if hasattr(X, "shape") else len(X)
        if len(as_of) != count:
            raise ConfigError(
                f"There are {count} rows and {len(as_of)} of their dates; give groups=panel.timing of the "
                "same rows."
            )
        return as_of, due, np.asarray(groups[_DATED[2]], np.int64)
