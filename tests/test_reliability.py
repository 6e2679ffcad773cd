"""Reliability: lines that are known, errors worked by hand, and what chance alone shows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from paydelay.calibration import sigmoid
from paydelay.reliability import (
    calibration_error_by_chance,
    calibration_line,
    expected_calibration_error,
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


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("middle", "spread", "slope"),
    [
        (0.0, 6.0, 0.22),
        (0.0, 6.0, -0.49),
        (-5.0, 2.0, 0.5),
        (0.0, 12.0, 0.1),
        (-8.0, 4.0, 2.0),
        (0.0, 0.3, 8.0),
        (3.0, 0.01, 1.0),
        (0.0, 1.0, 1.0),
    ],
)
def test_the_calibration_line_is_the_logistic_regression_of_scikit_learn(
    middle: float, spread: float, slope: float, weighted: bool
) -> None:
    generator = np.random.default_rng(5)
    log_odds = np.clip(generator.normal(middle, spread, 1500), -13.8, 13.8)
    outcome = (generator.random(1500) < sigmoid(slope * log_odds)).astype(float)
    weight = generator.integers(0, 4, 1500).astype(float) if weighted else np.ones(1500)
    theirs = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10, max_iter=1000)
    theirs.fit(log_odds[weight > 0, None], outcome[weight > 0], weight[weight > 0])
    found = calibration_line(sigmoid(log_odds), outcome, weight if weighted else None)
    assert found == pytest.approx((theirs.intercept_[0], theirs.coef_[0, 0]), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(
    ("probability", "outcome"),
    [
        ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]),  # parted
        ([0.1, 0.2, 0.8, 0.9], [1, 1, 0, 0]),  # parted the wrong way round
        ([0.1, 0.5, 0.5, 0.9], [0, 0, 1, 1]),  # parted but for a tie
        ([0.3, 0.3, 0.3, 0.3], [0, 1, 0, 1]),  # nothing told apart
        ([0.0, 0.0, 1.0, 1.0], [0, 0, 1, 1]),
        ([0.1, 0.4, 0.5, 0.9], [1, 1, 1, 1]),
        ([0.1, 0.4, 0.5, 0.9], [0, 0, 0, 0]),
        ([], []),
    ],
)
def test_where_no_line_is_the_best_there_is_none(probability: list[float], outcome: list[int]) -> None:
    said, came = np.array(probability), np.array(outcome, float)
    assert np.isnan(calibration_line(said, came)).all()
    # A row of no weight is not there: it does not mend what is parted.
    mixed = np.append(said, [0.05, 0.95]), np.append(came, [1.0, 0.0])
    weight = np.append(np.ones(len(said)), [0.0, 0.0])
    assert np.isnan(calibration_line(*mixed, weight)).all()


@given(st.lists(st.tuples(st.integers(-60, 60), st.booleans()), min_size=4, max_size=30))
def test_a_calibration_line_leaves_no_gradient_or_is_none(rows: list[tuple[int, bool]]) -> None:
    log_odds, came = np.array([place / 5.0 for place, _ in rows]), np.array([float(late) for _, late in rows])
    intercept, slope = calibration_line(sigmoid(log_odds), came)
    assume(not math.isnan(slope))
    missed = came - sigmoid(intercept + slope * log_odds)
    assert abs(missed.mean()) < 1e-6
    assert abs((missed * log_odds).mean()) < 1e-5


# The calibration error -------------------------------------------------------------------


def test_the_calibration_error_by_hand() -> None:
    said = np.repeat([0.1, 0.3, 0.6], 10)
    came = np.array([1] * 2 + [0] * 8 + [1] * 3 + [0] * 7 + [1] * 9 + [0])
    # Distances 0.1, 0 and 0.3, each of a third.
    plain = expected_calibration_error(said, came, bin_count=3, debiased=False)
    assert plain == pytest.approx(0.4 / 3)
    # Chance adds 0.2 * 0.8 / 9 to 0.01, which leaves nothing, and 0.9 * 0.1 / 9 to 0.09.
    assert expected_calibration_error(said, came, bin_count=3) == pytest.approx(math.sqrt(0.09 - 0.01) / 3)
    # One bin holds all: 14 of 30 came, 10 of 30 were predicted.
    assert expected_calibration_error(said, came, bin_count=1, debiased=False) == pytest.approx(4 / 30)


def test_the_calibration_error_counts_a_row_by_its_weight() -> None:
    said, came = np.array([0.2, 0.2, 0.8, 0.8]), np.array([0.0, 1.0, 1.0, 1.0])
    weight = np.array([3.0, 1.0, 2.0, 2.0])
    # A quarter of the first four came and a fifth was said; all of the last four, and 0.8 was.
    plain = expected_calibration_error(said, came, weight, bin_count=2, debiased=False)
    assert plain == pytest.approx((0.05 + 0.2) / 2)
    # Weights of 3 and 1 are 16 / 10 rows: the chance of one row is the least that is taken off.
    assert expected_calibration_error(said, came, weight, bin_count=2) == pytest.approx(0.2 / 2)
    more = np.append(said, 0.5), np.append(came, 1.0), np.append(weight, 0.0)
    assert expected_calibration_error(*more, bin_count=2, debiased=False) == pytest.approx(plain)


def test_the_calibration_error_of_nothing_is_not_a_number() -> None:
    assert math.isnan(expected_calibration_error(np.zeros(0), np.zeros(0)))
    assert math.isnan(expected_calibration_error(np.array([0.5]), np.array([1.0]), np.zeros(1)))
    assert math.isnan(calibration_error_by_chance(np.zeros(0)))


def test_perfect_probabilities_show_the_error_of_chance_on_average() -> None:
    generator = np.random.default_rng(8)
    said = sigmoid(generator.normal(0.0, 1.5, 2000))
    weight = generator.integers(1, 4, 2000).astype(float)
    for times in (None, weight):
        errors = [
            expected_calibration_error(said, (generator.random(2000) < said).astype(float), times)
            for _ in range(100)
        ]
        chance = calibration_error_by_chance(said, times)
        assert chance == pytest.approx(np.mean(errors), abs=4 * np.std(errors) / math.sqrt(50))
        assert 0.008 < chance < 0.025
    assert calibration_error_by_chance(said) == calibration_error_by_chance(said)


def test_chance_shows_more_where_rows_share_their_fate() -> None:
    said = np.tile(np.linspace(0.05, 0.95, 300), 4)
    alone = calibration_error_by_chance(said)
    shared = calibration_error_by_chance(said, fate=np.tile(np.arange(300), 4))
    # Four rows of one outcome weigh as much as one, of a quarter as many.
    few = calibration_error_by_chance(said[:300], debiased=False)
    plain = calibration_error_by_chance(said, debiased=False, fate=np.tile(np.arange(300), 4))
    assert shared > 1.5 * alone
    assert plain == pytest.approx(few, rel=0.1)


def test_certain_probabilities_are_never_off_by_chance() -> None:
    assert calibration_error_by_chance(np.array([0.0, 0.0, 1.0, 1.0]), bin_count=2) == 0.0
