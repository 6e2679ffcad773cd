"""Metrics: worked by hand, and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from paydelay.metrics import (
    AreaUnderCurve,
    CapturedValue,
    average_precision,
    brier_score,
    captured_share,
    curve_score,
    log_loss,
    pinball_loss,
    skill,
)


def auc(score: list[float], outcome: list[int], weight: list[float] | None = None) -> float:
    return AreaUnderCurve(np.array(score), np.array(outcome))(None if weight is None else np.array(weight))


# Area under the curve --------------------------------------------------------------------


def test_auc_counts_pairs_in_the_right_order_and_ties_half() -> None:
    assert auc([0.1, 0.2, 0.3], [0, 0, 1]) == 1.0
    assert auc([0.3, 0.2, 0.1], [0, 0, 1]) == 0.0
    assert auc([0.5, 0.5, 0.5, 0.5], [0, 1, 0, 1]) == 0.5
    # Pairs: 0.4 beats 0.1 and ties with 0.4; 0.2 beats 0.1 and loses.
    assert auc([0.4, 0.2, 0.1, 0.4], [1, 1, 0, 0]) == (1 + 0.5 + 1 + 0) / 4


def test_auc_weighs_pairs_by_the_product_of_their_weights() -> None:
    # Positive weighs 1 and 3, negative 1 and 2: right pairs 1*1 + 3*1 + 3*2 of 4*3.
    assert auc([0.2, 0.9, 0.1, 0.5], [1, 1, 0, 0], [1, 3, 1, 2]) == pytest.approx(10 / 12)


def test_auc_without_both_outcomes_is_not_a_number() -> None:
    assert math.isnan(auc([0.1, 0.2], [1, 1]))
    assert math.isnan(auc([0.1, 0.2], [0, 0]))
    assert math.isnan(auc([0.1, 0.2], [0, 1], [1.0, 0.0]))


_scores = st.lists(
    st.tuples(st.integers(0, 6), st.booleans(), st.integers(1, 5)), min_size=2, max_size=60
).filter(lambda rows: len({outcome for _, outcome, _ in rows}) == 2)


@given(_scores)
def test_measures_equal_those_of_scikit_learn(rows: list[tuple[int, bool, int]]) -> None:
    score = np.array([place for place, _, _ in rows]) / 7.0
    outcome = np.array([float(positive) for _, positive, _ in rows])
    weight = np.array([float(times) for _, _, times in rows])
    area = AreaUnderCurve(score, outcome)
    assert area() == pytest.approx(sk.roc_auc_score(outcome, score))
    assert area(weight) == pytest.approx(sk.roc_auc_score(outcome, score, sample_weight=weight))
    assert brier_score(score, outcome, weight) == pytest.approx(
        sk.brier_score_loss(outcome, score, sample_weight=weight)
    )
    inside = np.clip(score, 0.01, 0.99)
    assert log_loss(inside, outcome) == pytest.approx(sk.log_loss(outcome, inside))
    assert log_loss(inside, outcome, weight) == pytest.approx(
        sk.log_loss(outcome, inside, sample_weight=weight)
    )


@given(_scores)
def test_a_whole_weight_is_as_good_as_repeated_rows(rows: list[tuple[int, bool, int]]) -> None:
    score, outcome, weight = (np.array(column, float) for column in zip(*rows, strict=True))
    times = weight.astype(int)
    again = AreaUnderCurve(np.repeat(score, times), np.repeat(outcome, times))
    assert AreaUnderCurve(score, outcome)(weight) == pytest.approx(again())


# Proper scores ---------------------------------------------------------------------------


def test_log_loss_by_hand() -> None:
    assert log_loss(np.array([0.8, 0.3]), np.array([1, 0])) == pytest.approx(
        -(math.log(0.8) + math.log(0.7)) / 2
    )
    weighted = -(3 * math.log(0.8) + math.log(0.7)) / 4
    assert log_loss(np.array([0.8, 0.3]), np.array([1, 0]), np.array([3.0, 1.0])) == pytest.approx(weighted)


def test_log_loss_of_a_certain_error_is_large_but_finite() -> None:
    assert log_loss(np.array([0.0]), np.array([1])) == pytest.approx(-math.log(1e-6))
    assert log_loss(np.array([1.0]), np.array([0])) == pytest.approx(-math.log(1e-6))
    assert log_loss(np.array([1.0, 0.0]), np.array([1, 0])) == pytest.approx(1e-6, rel=1e-3)


def test_brier_score_by_hand() -> None:
    assert brier_score(np.array([0.8, 0.3]), np.array([1, 0])) == pytest.approx((0.04 + 0.09) / 2)
    assert brier_score(np.array([0.8, 0.3]), np.array([1, 0]), np.array([3.0, 1.0])) == pytest.approx(
        (3 * 0.04 + 0.09) / 4
    )


# Captured value --------------------------------------------------------------------------


def test_captured_share_by_hand() -> None:
    value = np.array([10.0, 0.0, 30.0, 0.0, 60.0])
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    book = np.zeros(5, int)
    assert captured_share(value, score, book, 0.2) == 0.1
    assert captured_share(value, score, book, 0.6) == 0.4
    assert captured_share(value, score, book, 1.0) == 1.0
    # A share that ends inside a row takes the row.
    assert captured_share(value, score, book, 0.21) == 0.1
    assert captured_share(value, score, book, 0.41) == 0.4


def test_captured_share_ranks_each_book_on_its_own() -> None:
    value = np.array([5.0, 1.0, 2.0, 8.0])
    score = np.array([1.0, 0.9, 0.2, 0.1])
    assert captured_share(value, score, np.array([1, 1, 2, 2]), 0.5) == 7 / 16
    assert captured_share(value, score, np.zeros(4, int), 0.5) == 6 / 16
    mixed = [2, 0, 3, 1]
    assert captured_share(value[mixed], score[mixed], np.array([1, 1, 2, 2])[mixed], 0.5) == 7 / 16


def test_captured_share_keeps_the_order_of_rows_on_ties() -> None:
    assert captured_share(np.array([1.0, 3.0]), np.array([0.5, 0.5]), np.zeros(2, int), 0.5) == 0.25


def test_captured_share_of_nothing_is_not_a_number() -> None:
    assert math.isnan(captured_share(np.zeros(3), np.arange(3.0), np.zeros(3, int)))


# Value captured by weights, quantiles and curves ------------------------------------------


def test_a_row_of_weight_two_is_captured_like_two_rows() -> None:
    value, score, book = (
        np.array([8.0, 4.0, 2.0, 6.0]),
        np.array([3.0, 2.0, 1.0, 9.0]),
        np.array([0, 0, 0, 1]),
    )
    times = np.array([2.0, 1.0, 0.0, 1.0])
    repeated = np.repeat(np.arange(4), times.astype(int))
    for asked in ({"top_share": 0.5}, {"top_count": 1}, {"top_count": 2}):
        ours = CapturedValue(value, score, book)(times, **asked)
        assert ours == CapturedValue(value[repeated], score[repeated], book[repeated])(**asked)
    # Book 0: the two eights are the top half of three rows, rounded up; book 1: its only row.
    assert CapturedValue(value, score, book)(times, top_share=0.5) == (16 + 6) / (20 + 6)


def test_what_is_captured_of_nothing_is_not_a_number() -> None:
    assert math.isnan(CapturedValue(np.zeros(2), np.ones(2), np.zeros(2, int))(top_count=1))
    with pytest.raises(ValueError, match="either"):
        CapturedValue(np.ones(2), np.ones(2), np.zeros(2, int))()


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=1, max_size=30))
def test_pinball_loss_is_that_of_scikit_learn(rows: list[tuple[float, float]]) -> None:
    quantile, actual = (np.array(side) for side in zip(*rows, strict=True))
    for level in (0.1, 0.5, 0.9):
        theirs = sk.mean_pinball_loss(actual, quantile, alpha=level)
        assert pinball_loss(quantile, actual, level) == pytest.approx(theirs)


def test_the_score_of_a_curve_is_the_integral_worked_by_hand() -> None:
    days = np.array([-2, -1, 0, 1, 2, 3])
    curve = np.array([[1.0, 1.0, 0.5, 0.5, 0.25, 0.0]])
    ahead = np.array([-3])
    # Settled on day 1: open on the days -2, -1 and 0, so that 0.5, 0.5 and 0.25 miss by as much.
    assert curve_score(days, curve, ahead, np.array([1.0]))[0] == 0.25 + 0.25 + 0.0625
    # Never settled: open up to the last day, on which it counts as settled.
    assert curve_score(days, curve, ahead, np.array([np.inf]))[0] == 0.25 + 0.25 + 0.5625
    # As of day 0 the past is no forecast; after the last day nothing is.
    assert curve_score(days, curve, np.array([0]), np.array([2.0]))[0] == 0.25 + 0.0625
    assert math.isnan(curve_score(days, curve, np.array([3]), np.array([5.0]))[0])


def test_the_days_before_the_first_horizon_count() -> None:
    days = np.arange(-14, 31)
    due = (days < 0).astype(float)[None, :]
    # Foreseen for the due date and paid 20 days early: 20 days off, as a mean absolute error has it.
    assert curve_score(days, due, np.array([-40]), np.array([-20.0]))[0] == 20.0
    # Paid on the first day there is, and 10 days before the invoice was even scored.
    assert curve_score(days, due, np.array([-40]), np.array([-39.0]))[0] == 39.0
    assert curve_score(days, due, np.array([-40]), np.array([-50.0]))[0] == 50.0
    # From as_of on the curve falls straight to its first horizon: 0.75, 0.5 and 0.25 on the way to 0.
    soon = np.zeros((1, len(days)))
    assert curve_score(days, soon, np.array([-18]), np.array([-17.0]))[0] == 0.75**2 + 0.5**2 + 0.25**2


@given(
    st.lists(
        st.tuples(st.integers(-60, -1), st.integers(1, 90), st.integers(-59, 50)), min_size=1, max_size=8
    ),
    st.booleans(),
)
def test_of_a_single_day_the_score_is_the_absolute_error_up_to_the_cap(
    rows: list[tuple[int, int, int]], never: bool
) -> None:
    days, cap = np.arange(-60, 31), 30
    overdue, ahead, came = (np.array(column) for column in zip(*rows, strict=True))
    foreseen = np.minimum(overdue + ahead, cap)
    curve = (days < foreseen[:, None]).astype(float)
    curve[:, -1] = np.where(foreseen == cap, 1.0, 0.0)
    delay = np.where(never, np.inf, came.astype(float))
    found = curve_score(days, curve, overdue, delay)
    assert found.tolist() == np.abs(foreseen - np.minimum(delay, cap)).tolist()


def test_between_two_horizons_a_curve_runs_straight() -> None:
    coarse = curve_score(np.array([0, 4]), np.array([[1.0, 0.0]]), np.array([-1]), np.array([2.0]))
    fine = curve_score(np.arange(5), np.array([[1.0, 0.75, 0.5, 0.25, 0.0]]), np.array([-1]), np.array([2.0]))
    assert coarse[0] == fine[0] == 0.25**2 + 0.5**2 + 0.25**2


# Average precision and skill ---------------------------------------------------------------


def test_average_precision_by_hand() -> None:
    score, outcome = np.array([0.9, 0.8, 0.7, 0.6]), np.array([1.0, 0.0, 1.0, 0.0])
    # Half of the late at a precision of 1, the other half at 2 of 3.
    assert average_precision(score, outcome) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    # A tie is one step: both of the first two are looked at for the first late one.
    tied = np.array([0.9, 0.9, 0.7, 0.6])
    assert average_precision(tied, outcome) == pytest.approx(0.5 * 1 / 2 + 0.5 * 2 / 3)
    # Weights 1, 2, 3: the first late row is a quarter of what is late, the second comes after 2 of 6.
    weight = np.array([1.0, 2.0, 3.0, 5.0])
    assert average_precision(score, outcome, weight) == pytest.approx(0.25 * 1 + 0.75 * 4 / 6)
    assert math.isnan(average_precision(score, np.zeros(4)))
    assert math.isnan(average_precision(score, outcome, np.array([0.0, 1.0, 0.0, 1.0])))


@given(_scores)
def test_average_precision_is_that_of_scikit_learn(rows: list[tuple[int, bool, int]]) -> None:
    score, outcome, weight = (np.array(column, float) for column in zip(*rows, strict=True))
    assert average_precision(score, outcome) == pytest.approx(sk.average_precision_score(outcome, score))
    assert average_precision(score, outcome, weight) == pytest.approx(
        sk.average_precision_score(outcome, score, sample_weight=weight)
    )


def test_the_skill_of_a_brier_score_by_hand() -> None:
    said, came = np.array([0.8, 0.6, 0.3, 0.1]), np.array([1.0, 1.0, 0.0, 0.0])
    # 0.04, 0.16, 0.09 and 0.01 on average, against 0.25 of a constant that says a half.
    assert skill(brier_score(said, came), 0.25) == pytest.approx(1.0 - 0.075 / 0.25)
    assert skill(brier_score(came, came), 0.25) == 1.0
    assert skill(brier_score(np.full(4, 0.5), came), 0.25) == 0.0
    assert skill(brier_score(1.0 - said, came), 0.25) < 0.0
    assert math.isnan(skill(0.1, 0.0))


@given(_scores)
def test_the_skill_of_a_brier_score_is_the_share_explained(rows: list[tuple[int, bool, int]]) -> None:
    said, came, weight = (np.array(column, float) for column in zip(*rows, strict=True))
    said, rate = said / 7.0, float(np.average(came, weights=weight))
    found = skill(brier_score(said, came, weight), rate * (1.0 - rate))
    assert found == pytest.approx(sk.r2_score(came, said, sample_weight=weight))


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5), st.integers(0, 6))
def test_the_score_of_a_curve_is_proper(shares: list[float], delay: int) -> None:
    days = np.arange(5)
    truth = np.sort(np.array(shares))[::-1][None, :]
    chance = -np.diff(np.concatenate([[1.0], truth[0], [0.0]]))
    outcomes = np.array([0.0, 1.0, 2.0, 3.0, 4.0, np.inf])

    def expected(curve: np.ndarray) -> float:
        scores = [curve_score(days, curve, np.array([-1]), np.array([came]))[0] for came in outcomes]
        return float(chance @ scores)

    other = (days < delay).astype(float)[None, :]
    assert expected(truth) <= expected(other) + 1e-9
