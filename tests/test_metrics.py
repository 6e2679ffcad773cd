"""Metrics: worked by hand, and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as sk

from paydelay.calibration import sigmoid
from paydelay.metrics import (
    AreaUnderCurve,
    CapturedValue,
    Interval,
    brier_score,
    calibration_line,
    captured_share,
    cluster_bootstrap,
    curve_score,
    log_loss,
    pinball_loss,
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


# The calibration line --------------------------------------------------------------------


def simulated(slope: float, intercept: float, count: int = 60_000) -> tuple[np.ndarray, np.ndarray]:
    """Predictions whose true log-odds are ``intercept + slope x`` those predicted."""
    generator = np.random.default_rng(1)
    log_odds = generator.normal(0.0, 1.5, count)
    outcome = (generator.random(count) < sigmoid(intercept + slope * log_odds)).astype(float)
    return sigmoid(log_odds), outcome


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.5, 0.3), (1.6, -0.7), (0.0, -1.0)])
def test_the_calibration_line_recovers_a_known_one(slope: float, intercept: float) -> None:
    found = calibration_line(*simulated(slope, intercept))
    assert found == pytest.approx((intercept, slope), abs=0.04)


def test_the_calibration_line_of_repeated_rows_is_that_of_weights() -> None:
    probability, outcome = simulated(0.7, 0.2, 400)
    times = np.random.default_rng(2).integers(1, 4, 400)
    found = calibration_line(probability, outcome, times.astype(float))
    assert found == pytest.approx(
        calibration_line(np.repeat(probability, times), np.repeat(outcome, times)), abs=1e-6
    )


@pytest.mark.parametrize(
    "probability", [np.array([0.1, 0.2, 0.8, 0.9]), np.full(4, 0.3), np.array([0, 0, 1, 1.0])]
)
def test_the_calibration_line_of_hopeless_data_is_still_a_number(probability: np.ndarray) -> None:
    # Perfectly separated outcomes and constant predictions have no line of their own.
    assert np.isfinite(calibration_line(probability, np.array([0, 0, 1, 1.0]))).all()


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


# The bootstrap ---------------------------------------------------------------------------


def clustered(count: int = 60, each: int = 5, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Clusters with a mean of their own around 2."""
    generator = np.random.default_rng(seed)
    own = np.repeat(generator.normal(2.0, 1.0, count), each)
    return np.repeat(np.arange(count), each), own + generator.normal(0.0, 0.2, count * each)


def test_the_bootstrap_is_the_same_for_a_seed_and_not_for_another() -> None:
    cluster, value = clustered()

    def mean(weight: np.ndarray) -> float:
        return float(np.average(value, weights=weight))

    first = cluster_bootstrap(cluster, mean, seed=5)
    assert first == cluster_bootstrap(cluster, mean, seed=5)
    assert first != cluster_bootstrap(cluster, mean, seed=6)
    assert first.value == pytest.approx(value.mean())
    assert first.low < first.value < first.high


def test_the_bootstrap_draws_whole_clusters() -> None:
    cluster, value = clustered(count=30, each=20)

    def mean(weight: np.ndarray) -> float:
        assert all(len(set(weight[cluster == name])) == 1 for name in (0, 7, 29))
        assert weight.sum() == len(cluster)
        return float(np.average(value, weights=weight))

    by_cluster = cluster_bootstrap(cluster, mean)
    rows = cluster_bootstrap(np.arange(len(value)), lambda weight: float(np.average(value, weights=weight)))
    # Rows of one cluster are alike, so that taking them for independent pretends to know more.
    assert by_cluster.high - by_cluster.low > 3 * (rows.high - rows.low)
    expected = 2 * 1.96 * value.reshape(30, 20).mean(axis=1).std() / math.sqrt(30)
    assert by_cluster.high - by_cluster.low == pytest.approx(expected, rel=0.15)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(200):
        cluster, value = clustered(count=100, each=2, seed=seed)
        found = cluster_bootstrap(
            cluster, lambda weight, value=value: float(np.average(value, weights=weight)), 100, level=0.9
        )
        hits += found.low <= 2.0 <= found.high
    # A percentile interval is a little narrow; six standard errors of a share of 0.88 lie within.
    assert 160 <= hits <= 195


def test_a_wider_level_gives_a_wider_interval() -> None:
    cluster, value = clustered()
    wide, narrow = (
        cluster_bootstrap(cluster, lambda weight: float(np.average(value, weights=weight)), level=level)
        for level in (0.99, 0.5)
    )
    assert wide.low < narrow.low < narrow.high < wide.high


@given(st.integers(0, 1000))
def test_a_paired_gain_of_nothing_has_zero_in_its_interval(seed: int) -> None:
    generator = np.random.default_rng(seed)
    score, outcome = generator.random(80), (generator.random(80) < 0.4).astype(float)
    assume(0 < outcome.sum() < 80)
    ours, theirs = AreaUnderCurve(score, outcome), AreaUnderCurve(3.0 * score + 1.0, outcome)
    gain = cluster_bootstrap(np.arange(80) // 4, lambda weight: ours(weight) - theirs(weight), 50)
    assert gain == Interval(0.0, 0.0, 0.0)
    assert gain.low <= 0.0 <= gain.high


def test_a_real_gain_lies_above_zero() -> None:
    generator = np.random.default_rng(1)
    truth = generator.normal(size=2000)
    outcome = (generator.random(2000) < sigmoid(2.0 * truth)).astype(float)
    ours = AreaUnderCurve(truth, outcome)
    theirs = AreaUnderCurve(truth + generator.normal(0.0, 2.0, 2000), outcome)
    gain = cluster_bootstrap(np.arange(2000) // 10, lambda weight: ours(weight) - theirs(weight))
    assert gain.low > 0.05


def test_draws_without_a_figure_are_left_out() -> None:
    score, outcome = np.array([0.1, 0.9, 0.4]), np.array([0.0, 1.0, 0.0])
    found = cluster_bootstrap(np.arange(3), AreaUnderCurve(score, outcome), 50)
    assert found == Interval(1.0, 1.0, 1.0)
    none = cluster_bootstrap(np.arange(3), AreaUnderCurve(score, np.zeros(3)), 50)
    assert math.isnan(none.value)
    assert (none.low, none.high) == (-math.inf, math.inf)


def test_an_interval_is_written_as_plain_numbers() -> None:
    assert Interval(0.5, 0.25, 0.75).to_dict() == {"value": 0.5, "low": 0.25, "high": 0.75}
    nothing = Interval(math.nan, -math.inf, math.inf)
    assert nothing.to_dict() == {"value": None, "low": None, "high": None}


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
    # Settled on day 1: open on the days -2, -1 and 0, so that 0.5, 0.5, 0.25 and 0 miss by as much.
    assert curve_score(days, curve, ahead, np.array([1.0]))[0] == 0.25 + 0.25 + 0.0625
    # Never settled: open throughout.
    assert curve_score(days, curve, ahead, np.array([np.inf]))[0] == 0.25 + 0.25 + 0.5625 + 1.0
    # As of day 0 the past is no forecast; after the last day nothing is.
    assert curve_score(days, curve, np.array([0]), np.array([2.0]))[0] == 0.25 + 0.0625
    assert math.isnan(curve_score(days, curve, np.array([3]), np.array([5.0]))[0])


def test_between_two_horizons_a_curve_runs_straight() -> None:
    coarse = curve_score(np.array([0, 4]), np.array([[1.0, 0.0]]), np.array([-1]), np.array([2.0]))
    fine = curve_score(np.arange(5), np.array([[1.0, 0.75, 0.5, 0.25, 0.0]]), np.array([-1]), np.array([2.0]))
    assert coarse[0] == fine[0] == 0.25**2 + 0.5**2 + 0.25**2


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
