"""Intervals: of known spread, by clusters, and where draws have no figure."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from paydelay.calibration import sigmoid
from paydelay.intervals import Interval, cluster_bootstrap, two_way_interval
from paydelay.metrics import AreaUnderCurve
from paydelay.reliability import calibration_line


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


def test_a_few_draws_without_a_figure_are_left_out() -> None:
    # Of four clusters one alone is late: more than a twentieth of the draws hold none of it.
    score, outcome = np.array([0.1, 0.9, 0.4, 0.3]), np.array([0.0, 1.0, 0.0, 0.0])
    often = cluster_bootstrap(np.arange(4), AreaUnderCurve(score, outcome), 50)
    assert often == Interval(1.0, -math.inf, math.inf)
    # Where it is there in five of ten, hardly any.
    seldom = cluster_bootstrap(np.arange(10), AreaUnderCurve(np.arange(10.0), np.arange(10) > 4), 50)
    assert seldom == Interval(1.0, 1.0, 1.0)
    none = cluster_bootstrap(np.arange(3), AreaUnderCurve(score[:3], np.zeros(3)), 50)
    assert math.isnan(none.value)
    assert (none.low, none.high) == (-math.inf, math.inf)


def test_an_interval_needs_a_figure_in_nineteen_draws_of_twenty() -> None:
    draws = np.arange(100.0)
    found = Interval.of(50.0, draws, 0.9)
    assert (found.low, found.high) == pytest.approx((4.95, 94.05))
    draws[:5] = math.nan
    found = Interval.of(50.0, draws, 0.9)
    assert (found.low, found.high) == pytest.approx((9.7, 94.3))
    draws[5] = math.nan
    assert Interval.of(50.0, draws, 0.9) == Interval(50.0, -math.inf, math.inf)


def test_a_slope_that_some_draws_do_not_have_keeps_sensible_ends() -> None:
    # Few rows: a draw that a threshold parts has no slope, and no draw has one of millions.
    generator = np.random.default_rng(4)
    log_odds = generator.normal(0.0, 3.0, 60)
    came = (generator.random(60) < sigmoid(0.7 * log_odds)).astype(float)
    found = cluster_bootstrap(
        np.arange(60), lambda weight: calibration_line(sigmoid(log_odds), came, weight)[1], 100
    )
    assert 0.2 < found.low < found.value < found.high < 30.0
    parted = (log_odds > 0).astype(float)
    nothing = cluster_bootstrap(
        np.arange(60), lambda weight: calibration_line(sigmoid(log_odds), parted, weight)[1], 20
    )
    assert nothing.to_dict() == {"value": None, "low": None, "high": None}


def test_an_interval_by_two_ways_has_no_ends_where_many_draws_have_no_figure() -> None:
    first, second = np.repeat(np.arange(6), 6), np.tile(np.arange(6), 6)
    late = ((first == 0) & (second == 0)).astype(float)

    def odds(times: np.ndarray) -> float:
        return float(np.log(times @ late)) if times @ late else math.nan

    assert two_way_interval(first, second, odds, 50).to_dict() == {"value": 0.0, "low": None, "high": None}


def test_an_interval_is_written_as_plain_numbers() -> None:
    assert Interval(0.5, 0.25, 0.75).to_dict() == {"value": 0.5, "low": 0.25, "high": 0.75}
    nothing = Interval(math.nan, -math.inf, math.inf)
    assert nothing.to_dict() == {"value": None, "low": None, "high": None}
