"""Calibration: one increasing map of the margin, at every horizon."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paydelay import calibration
from paydelay.calibration import MonotoneCalibration, fit_calibration, sigmoid
from paydelay.metrics import log_loss
from paydelay.reliability import calibration_line

HORIZONS = np.array([-10.0, 0.0, 7.0, 30.0, 90.0, 180.0])


def pairs(
    slope: float, by_horizon: float = 0.0, count: int = 40_000, seed: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Margins and horizons whose true log-odds are ``slope x margin - by_horizon x horizon``."""
    generator = np.random.default_rng(seed)
    margin = generator.normal(0.0, 2.0, count)
    horizon = generator.choice(HORIZONS, count)
    truth = sigmoid(slope * margin - by_horizon * horizon)
    return margin, horizon, (generator.random(count) < truth).astype(float), np.ones(count)


def test_sigmoid_reaches_both_ends_without_overflow() -> None:
    np.testing.assert_allclose(sigmoid(np.array([-1e4, 0.0, np.log(3.0), 1e4])), [0.0, 0.5, 0.75, 1.0])


def test_the_identity_leaves_margins_as_they_are() -> None:
    margins = np.array([-50.0, -1.0, -0.3, 0.0, 0.7, 1.0, 20.0])
    identity = MonotoneCalibration.identity()
    for horizon in (-30.0, 0.0, 400.0):
        np.testing.assert_allclose(identity.log_odds(margins, np.array(horizon)), margins)
    np.testing.assert_allclose(identity.probability(margins, np.array(0.0)), sigmoid(margins))


def test_values_between_and_beyond_the_knots_by_hand() -> None:
    found = MonotoneCalibration(
        margin_knots=np.array([0.0, 1.0, 3.0]),
        margin_values=np.array([0.0, 2.0, 3.0]),
        horizon_knots=np.array([0.0, 10.0]),
        low_drops=np.array([0.5]),
        high_drops=np.array([2.0]),
        level_steps=np.array([0.25]),
    )
    margins = np.array([-1.0, 0.0, 0.5, 1.5, 3.0, 5.0])
    before = [-2.0, 0.0, 1.0, 2.25, 3.0, 4.0]
    np.testing.assert_allclose(found.log_odds(margins, np.array(0.0)), before)
    np.testing.assert_allclose(found.log_odds(margins, np.array(-20.0)), before)
    # A drop of 0.5 at the lowest knot, of 2 at the highest, straight between, constant beyond.
    after = np.array(before) + 0.25 - [0.5, 0.5, 0.75, 1.25, 2.0, 2.0]
    np.testing.assert_allclose(found.log_odds(margins, np.array(10.0)), after)
    np.testing.assert_allclose(found.log_odds(margins, np.array(90.0)), after)
    np.testing.assert_allclose(found.log_odds(margins, np.array(5.0)), (after + before) / 2)


def test_margins_and_horizons_are_broadcast() -> None:
    margins = np.arange(6.0).reshape(2, 3)
    found = MonotoneCalibration.identity().log_odds(margins, np.array([0.0, 5.0, 9.0]))
    np.testing.assert_allclose(found, margins)


@st.composite
def any_pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pairs with any relation of margin and outcome, a reversed one included."""
    generator = np.random.default_rng(draw(st.integers(0, 10_000)))
    count = draw(st.integers(50, 300))
    margin = generator.normal(draw(st.floats(-3, 3)), draw(st.sampled_from([0.0, 0.01, 1.0, 5.0])), count)
    horizon = generator.choice(HORIZONS[: draw(st.integers(1, len(HORIZONS)))], count)
    truth = sigmoid(draw(st.floats(-2, 2)) * margin + draw(st.floats(-0.05, 0.05)) * horizon)
    return margin, horizon, (generator.random(count) < truth).astype(float), generator.random(count)


@settings(max_examples=50)
@given(any_pairs())
def test_the_map_increases_with_the_margin_at_every_horizon(
    drawn: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    found = fit_calibration(*drawn)
    margins = np.linspace(-30.0, 30.0, 301)
    log_odds = found.log_odds(margins[:, None], np.linspace(-60.0, 400.0, 47)[None, :])
    assert np.isfinite(log_odds).all()
    assert (np.diff(log_odds, axis=0) > 0).all()
    probability = found.probability(margins[:, None], HORIZONS[None, :])
    assert ((probability >= 0) & (probability <= 1)).all()


@pytest.mark.parametrize("slope", [0.4, 1.0, 1.8])
def test_a_known_distortion_is_undone(slope: float) -> None:
    found = fit_calibration(*pairs(slope))
    margin, horizon, outcome, weight = pairs(slope, seed=2)
    intercept, after = calibration_line(found.probability(margin, horizon), outcome, weight)
    assert after == pytest.approx(1.0, abs=0.05)
    assert intercept == pytest.approx(0.0, abs=0.05)
    if slope != 1.0:
        before = log_loss(sigmoid(margin), outcome)
        assert log_loss(found.probability(margin, horizon), outcome) < before - 0.001


@pytest.mark.parametrize("by_horizon", [0.02, -0.01])
def test_a_level_that_moves_with_the_horizon_is_recovered_at_each(by_horizon: float) -> None:
    found = fit_calibration(*pairs(1.0, by_horizon))
    margin, horizon, outcome, _ = pairs(1.0, by_horizon, seed=2)
    probability = found.probability(margin, horizon)
    for days in HORIZONS:
        at = horizon == days
        assert probability[at].mean() == pytest.approx(outcome[at].mean(), abs=0.025)


def test_odds_that_fall_faster_for_some_are_recovered() -> None:
    # Those with low margins have paid by 90 days, those with high ones are no nearer to it.
    generator = np.random.default_rng(5)
    margin, horizon = generator.normal(0.0, 2.0, 60_000), generator.choice([0.0, 90.0], 60_000)
    truth = sigmoid(margin - horizon / 90.0 * np.where(margin < 0, 2.0, 0.0))
    outcome = (generator.random(60_000) < truth).astype(float)
    found = fit_calibration(margin, horizon, outcome, np.ones(60_000))
    fall = found.log_odds(np.array([-3.0, 3.0]), np.array(0.0)) - found.log_odds(
        np.array([-3.0, 3.0]), np.array(90.0)
    )
    assert fall[0] > 1.0
    assert fall[1] < 0.5


def test_a_bent_relation_is_straightened() -> None:
    generator = np.random.default_rng(4)
    margin = generator.normal(0.0, 2.0, 60_000)
    truth = sigmoid(np.where(margin > 0, 0.3 * margin, 1.5 * margin))
    outcome = (generator.random(60_000) < truth).astype(float)
    found = fit_calibration(margin, np.zeros(60_000), outcome, np.ones(60_000))
    asked = np.array([-3.0, -1.0, 1.0, 3.0])
    np.testing.assert_allclose(found.log_odds(asked, np.array(0.0)), [-4.5, -1.5, 0.3, 0.9], atol=0.4)


def test_pairs_without_weight_do_not_count() -> None:
    margin, horizon, outcome, weight = pairs(0.5, count=4000)
    wrong = np.concatenate([outcome, 1.0 - outcome])
    twice = fit_calibration(
        np.tile(margin, 2), np.tile(horizon, 2), wrong, np.concatenate([weight, np.zeros(4000)])
    )
    once = fit_calibration(margin, horizon, outcome, weight)
    asked = np.linspace(-3.0, 3.0, 13)
    np.testing.assert_allclose(
        twice.log_odds(asked, np.array(0.0)), once.log_odds(asked, np.array(0.0)), atol=0.02
    )


def test_few_pairs_stay_near_the_booster() -> None:
    margin, horizon, outcome, weight = pairs(3.0, count=60)
    light, heavy = (fit_calibration(margin, horizon, outcome, weight, penalty) for penalty in (0.01, 1e6))
    asked = np.linspace(-2.0, 2.0, 9)
    np.testing.assert_allclose(heavy.log_odds(asked, np.array(0.0)), asked, atol=0.01)
    assert np.abs(light.log_odds(asked, np.array(0.0)) - asked).max() > 0.5


def test_thin_data_give_the_identity() -> None:
    margin, horizon, outcome, weight = pairs(2.0, count=49)
    same = MonotoneCalibration.identity()
    found = fit_calibration(margin, horizon, outcome, weight)
    np.testing.assert_array_equal(found.margin_values, same.margin_values)
    one_outcome = fit_calibration(*pairs(2.0, count=500)[:2], np.ones(500), np.ones(500))
    np.testing.assert_array_equal(one_outcome.margin_values, same.margin_values)
    none = fit_calibration(*(np.empty(0) for _ in range(4)))
    np.testing.assert_array_equal(none.margin_values, same.margin_values)


def test_the_map_survives_its_numbers() -> None:
    found = fit_calibration(*pairs(0.6, by_horizon=0.01, count=5000))
    again = MonotoneCalibration.from_dict(json.loads(json.dumps(found.to_dict())))
    asked = np.linspace(-9.0, 9.0, 61)[:, None]
    np.testing.assert_array_equal(
        again.log_odds(asked, HORIZONS[None, :]), found.log_odds(asked, HORIZONS[None, :])
    )


def test_the_fit_is_the_same_twice() -> None:
    first, second = fit_calibration(*pairs(0.6, count=3000)), fit_calibration(*pairs(0.6, count=3000))
    assert first.to_dict() == second.to_dict()


def test_the_pull_weighs_as_little_beside_pairs_that_were_drawn_as_beside_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = np.random.default_rng(5)
    margin = generator.normal(0.0, 2.0, 60_000)
    horizon = generator.choice([0.0, 30.0, 90.0], len(margin))
    outcome = (generator.random(len(margin)) < sigmoid(1.4 * margin - 0.5)).astype(float)
    weight = np.ones(len(margin))
    asked = np.linspace(-4.0, 4.0, 9)
    every = fit_calibration(margin, horizon, outcome, weight, 2000.0).log_odds(asked, np.full(9, 30.0))
    monkeypatch.setattr(calibration, "_PAIRS_MAX", 12_000)
    drawn = fit_calibration(margin, horizon, outcome, weight, 2000.0).log_odds(asked, np.full(9, 30.0))
    np.testing.assert_allclose(drawn, every, atol=0.12)
    # A pull five times as strong would be seen.
    harder = fit_calibration(margin, horizon, outcome, weight, 10_000.0).log_odds(asked, np.full(9, 30.0))
    assert np.abs(harder - every).max() > 0.2


def test_the_near_pull_holds_what_is_told_up_to_the_due_date_and_frees_what_comes_later() -> None:
    given_pairs = pairs(0.7, by_horizon=0.02)
    free, held = (fit_calibration(*given_pairs, 3.0, near) for near in (None, 1e7))
    assert fit_calibration(*given_pairs, 3.0, 3.0).to_dict() == free.to_dict()
    asked = np.linspace(-2.0, 2.0, 9)
    np.testing.assert_allclose(held.log_odds(asked, np.array(0.0)), asked, atol=0.02)
    np.testing.assert_allclose(held.log_odds(asked, np.array(15.0)), asked, atol=0.02)
    assert np.abs(free.log_odds(asked, np.array(0.0)) - asked).max() > 0.3
    # True log-odds have fallen by 0.02 a day.
    far = held.log_odds(np.zeros(1), np.array(180.0)) - held.log_odds(np.zeros(1), np.array(15.0))
    assert far[0] < -1.0
