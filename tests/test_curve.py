"""Reading a delay curve: shares, days and the fewest days that hold most of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paydelay.curve import days_until, fewest_days, never_settles, open_share

TAIL = 0.01


@st.composite
def curves(draw: st.DrawFn) -> tuple[tuple[int, ...], np.ndarray, np.ndarray]:
    """Horizons, falling curves that are 1 up to the days past due, and those days."""
    horizons = tuple(sorted(draw(st.sets(st.integers(-20, 60), min_size=2, max_size=10))))
    overdue = np.array(draw(st.lists(st.integers(-40, 80), min_size=1, max_size=4)))
    curve = np.ones((len(overdue), len(horizons)))
    for row, late in enumerate(overdue):
        for column, horizon in enumerate(horizons):
            before = curve[row, column - 1] if column else 1.0
            curve[row, column] = 1.0 if horizon <= late else before * draw(st.floats(0.2, 1.0))
    return horizons, curve, overdue


def test_a_share_between_horizons_before_them_and_after_them() -> None:
    curve, overdue = np.array([[0.8, 0.4]]), np.array([-4])
    asked = np.array([[-5, -4, -2, 0, 5, 10, 11]])
    found = open_share(curve, (0, 10), TAIL, overdue, asked)[0]
    assert found == pytest.approx([1.0, 1.0, 0.9, 0.8, 0.6, 0.4, 0.4 * np.exp(-TAIL)])


def test_each_row_is_asked_for_days_of_its_own() -> None:
    curve = np.array([[0.8, 0.4], [1.0, 0.4]])
    found = open_share(curve, (0, 10), TAIL, np.array([-4, 5]), np.array([[0], [6]]))
    assert found[:, 0] == pytest.approx([0.8, 1.0 - 0.6 / 5])


def test_a_lost_claim_stays_open_and_one_beyond_the_last_horizon_is_followed_from_today() -> None:
    found = open_share(np.ones((2, 2)), (0, 10), TAIL, np.array([3, 20]), np.array([[99], [30]]))
    assert found[:, 0] == pytest.approx([1.0, np.exp(-TAIL * 10)])
    assert never_settles(np.ones((2, 2)), (0, 10), np.array([3, 20])).tolist() == [True, False]


def test_one_day_that_carries_nearly_all_is_the_whole_interval() -> None:
    # A tenth by day 0, and then the payment run of day 3: a tenth left out on
    # either side would give days 0 to 3, which hold 95 %.
    curve = np.array([[0.90, 0.89, 0.88, 0.05]])
    assert fewest_days(curve, (0, 1, 2, 3), TAIL, np.array([-1])) == (np.array([3.0]), np.array([3.0]))
    assert days_until(curve, (0, 1, 2, 3), TAIL, np.array([-1]), 0.9)[0] == 0


def test_of_runs_as_short_the_one_that_holds_most_and_then_the_earliest() -> None:
    most = np.array([[0.6, 0.15, 0.0]])  # days 0-1 hold 85 %, days 1-2 hold 60 %
    assert [end[0] for end in fewest_days(most, (0, 1, 2), TAIL, np.array([-1]), 0.5)] == [0.0, 1.0]
    tied = np.array([[0.7, 0.4, 0.1]])  # 0.3 each day
    assert [end[0] for end in fewest_days(tied, (0, 1, 2), TAIL, np.array([-1]), 0.5)] == [0.0, 1.0]


def test_an_interval_may_end_in_the_tail() -> None:
    low, high = fewest_days(np.array([[0.5, 0.5]]), (0, 1), TAIL, np.array([-1]))
    assert (low[0], high[0]) == (0.0, 1.0 + np.ceil(np.log(0.5 / 0.2) / TAIL))


@given(curves(), st.sampled_from([0.5, 0.8, 0.95]))
def test_no_shorter_run_holds_as_much_and_the_median_lies_inside(
    drawn: tuple[tuple[int, ...], np.ndarray, np.ndarray], mass: float
) -> None:
    horizons, curve, overdue = drawn
    low, high = fewest_days(curve, horizons, TAIL, overdue, mass)
    median = days_until(curve, horizons, TAIL, overdue, 0.5)
    days = overdue[:, None] + np.arange(0, 700)
    share = open_share(curve, horizons, TAIL, overdue, days)
    for row in range(len(curve)):
        if never_settles(curve, horizons, overdue)[row]:
            continue
        first, last = int(low[row] - overdue[row]), int(high[row] - overdue[row])
        assert first >= 1
        assert share[row, first - 1] - share[row, last] >= mass - 1e-6
        assert low[row] <= median[row] <= high[row]
        length = last - first
        shorter = share[row, : -(length + 1)] - share[row, length:-1]  # runs one day shorter
        assert length == 0 or shorter.max() < mass + 1e-6


@given(curves())
def test_rows_are_read_alike_alone_and_among_others(
    drawn: tuple[tuple[int, ...], np.ndarray, np.ndarray],
) -> None:
    horizons, curve, overdue = drawn
    together = np.column_stack(fewest_days(curve, horizons, TAIL, overdue))
    for row in range(len(curve)):
        alone = np.column_stack(fewest_days(curve[[row]], horizons, TAIL, overdue[[row]]))
        np.testing.assert_array_equal(together[[row]], alone)
