"""Folds: walked back from the last mature outcome, and never past what was known."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paydelay.config import BacktestSettings
from paydelay.errors import ConfigError, ThinLedgerError
from paydelay.folds import RollingOriginSplit, sampled_days, walk_back

FIRST, LAST = date(2023, 1, 1), date(2025, 1, 31)
settings = st.builds(
    BacktestSettings,
    fold_count=st.integers(1, 8),
    step_days=st.integers(1, 35),
    fold_days=st.integers(1, 120),
    lead_days=st.integers(0, 60),
    history_min_days=st.integers(60, 400),
    weekday=st.integers(0, 6),
)


def test_the_last_book_leaves_time_for_its_invoices_to_fall_due_and_be_recorded() -> None:
    folds = walk_back(FIRST, LAST, BacktestSettings(fold_count=3, fold_days=21, lead_days=14), 3)
    # 2025-01-14 is a Tuesday: the book of the Monday before it is the last.
    assert folds[-1].as_ofs[-1] == date(2025, 1, 13)
    assert [fold.number for fold in folds] == [1, 2, 3]
    assert {fold.labels_at for fold in folds} == {LAST}


@given(settings, st.integers(0, 30))
def test_every_day_is_scored_once_by_a_model_that_was_trained_before_it(
    asked: BacktestSettings, ripe: int
) -> None:
    try:
        folds = walk_back(FIRST, LAST, asked, ripe)
    except ThinLedgerError:
        longest = (LAST - FIRST).days - asked.lead_days - ripe - 6
        assert longest - asked.fold_days + asked.step_days < asked.history_min_days + asked.step_days
        return
    assert 1 <= len(folds) <= asked.fold_count
    days = [day for fold in folds for day in fold.as_ofs]
    if asked.step_days % 7 == 0:
        assert {day.weekday() for day in days} == {asked.weekday}
    # One step apart throughout: no gap, no day twice.
    assert all(later - day == timedelta(days=asked.step_days) for day, later in pairwise(days))
    for fold in folds:
        assert fold.as_ofs[0] == fold.train_as_of
        assert (fold.train_as_of - FIRST).days >= asked.history_min_days
        assert fold.as_ofs[-1] + timedelta(days=asked.lead_days + ripe) <= fold.labels_at


def test_a_ledger_that_begins_late_has_fewer_folds_and_one_that_is_too_short_none() -> None:
    asked = BacktestSettings(fold_count=10, fold_days=28, lead_days=14, history_min_days=180, weekday=4)
    # Trained 35 and 63 days before the end, on 225 and 197 days; 91 before it would leave 169.
    folds = walk_back(LAST - timedelta(days=260), LAST, asked)
    assert [(LAST - fold.train_as_of).days for fold in folds] == [63, 35]
    with pytest.raises(ThinLedgerError, match="knows 150 days; a backtest needs at least 180"):
        walk_back(LAST - timedelta(days=150), LAST, asked)


def test_days_to_hold_against_the_cut_ledger_are_days_of_scoring_in_their_order() -> None:
    folds = walk_back(FIRST, LAST, BacktestSettings(fold_count=3))
    every = [day for fold in folds for day in fold.as_ofs]
    few = sampled_days(folds, BacktestSettings(leak_check_count=3))
    assert few == sorted(few) == sampled_days(folds, BacktestSettings(leak_check_count=3))
    assert len(set(few)) == 3
    assert set(few) <= set(every)
    assert sampled_days(folds, BacktestSettings(leak_check_count=60)) == every
    assert sampled_days(folds, BacktestSettings(leak_check_count=0)) == []


# Rows of a panel ---------------------------------------------------------------------------


def panel_rows(seed: int = 0, lag: int = 3, count: int = 600) -> pl.DataFrame:
    """Four looks at each of some invoices within 200 days, now and then after it fell due."""
    drawn = np.random.default_rng(seed)
    invoice = np.repeat(np.arange(count // 4), 4)
    due = drawn.integers(0, 240, count // 4)[invoice]
    as_of = np.clip(due - drawn.integers(-10, 60, count), 0, 200)
    epoch = (FIRST - date(1970, 1, 1)).days
    days = {
        name: pl.Series(epoch + days).cast(pl.Date) for name, days in (("as_of", as_of), ("due_date", due))
    }
    return pl.DataFrame(days).with_columns(invoice=invoice, recording_lag_days=pl.lit(lag))


@given(st.integers(0, 1000), st.sampled_from([0, 14, 30]), st.integers(0, 20), st.sampled_from([None, 120]))
def test_no_fold_trains_on_an_outcome_that_was_not_known_on_its_date(
    seed: int, horizon: int, lag: int, history: int | None
) -> None:
    rows = panel_rows(seed, lag)
    y = np.where(np.random.default_rng(seed).random(rows.height) < 0.1, np.nan, 1.0)
    asked = RollingOriginSplit(fold_count=3, fold_days=14, horizon_days=horizon, history_days=history)
    folds = list(asked.split(rows.to_numpy(), y, rows))
    assert len(folds) == asked.get_n_splits() == 3
    ends = rows["as_of"].max() + timedelta(days=1)
    for number, (train, test) in enumerate(folds):
        start = ends - timedelta(days=14 * (3 - number))
        trained, tested = rows[train], rows[test]
        known = trained["due_date"] + timedelta(days=horizon + lag)
        assert trained["as_of"].max() <= start
        assert known.max() <= start
        assert tested["as_of"].is_between(start, start + timedelta(days=13)).all()
        assert not set(trained["invoice"]) & set(tested["invoice"])
        assert not np.isnan(y[[*train, *test]]).any()
        if history is not None:
            assert trained["as_of"].min() > start - timedelta(days=history)
    # A day's books are tested on once.
    every = np.concatenate([test for _, test in folds])
    assert len(every) == len(np.unique(every))


def test_rows_of_pandas_are_split_as_those_of_polars() -> None:
    rows, asked = panel_rows(), RollingOriginSplit(fold_count=2)
    for ours, theirs in zip(
        asked.split(rows, groups=rows), asked.split(rows, groups=rows.to_pandas()), strict=True
    ):
        np.testing.assert_array_equal(np.concatenate(ours), np.concatenate(theirs))


def test_rows_that_cannot_be_split_are_refused() -> None:
    rows = panel_rows()
    with pytest.raises(ConfigError, match=r"without as_of, due_date, recording_lag_days; give groups=panel"):
        next(RollingOriginSplit().split(rows))
    with pytest.raises(ConfigError, match="600 rows and 599 of their dates"):
        next(RollingOriginSplit().split(rows, groups=rows[1:]))
    with pytest.raises(ThinLedgerError, match="leaves fold 1 of 9 nothing to train on"):
        list(RollingOriginSplit(fold_count=9).split(rows, groups=rows))
    early = np.where(rows["as_of"] < rows["as_of"].max() - timedelta(days=40), 1.0, np.nan)
    with pytest.raises(ThinLedgerError, match="nothing to test on"):
        list(RollingOriginSplit(fold_count=1).split(rows, early, rows))
    with pytest.raises(ConfigError, match="whole numbers from 1 on"):
        next(RollingOriginSplit(fold_days=0).split(rows, groups=rows))
