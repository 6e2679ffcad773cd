"""Folds: walked back from the last mature outcome, and never past what was known."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paydelay.config import BacktestSettings
from paydelay.errors import ThinLedgerError
from paydelay.folds import sampled_days, walk_back

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
