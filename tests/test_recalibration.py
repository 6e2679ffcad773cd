"""Correcting a trained model by the outcomes that came in since."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from paydelay.calibration import MonotoneCalibration, fit_correction, sigmoid
from paydelay.config import load_config
from paydelay.errors import ImmatureOutcomeError, LedgerError
from paydelay.history import History, cut_ledger
from paydelay.ledger import Ledger
from paydelay.metrics import log_loss
from paydelay.model import DelayModel
from paydelay.outcomes import Outcomes
from paydelay.panel import build_panel
from paydelay.simulate import SimulationSettings, simulate
from paydelay.training import corrected, recalibrate, train

CONFIG = load_config({"model": {"tree_count": 15, "leaf_rows_min": 20, "thread_count": 1}})
TRAINED, LATER = date(2024, 8, 31), date(2024, 11, 30)


def a_book(regime_change: bool) -> Ledger:
    found = simulate(
        SimulationSettings(
            customer_count=100,
            month_count=20,
            seed=4,
            daily_truth=False,
            regime_change=regime_change,
            regime_change_month=15,
            regime_slack_days=10.0,
        )
    )
    return Ledger.from_frames(found.invoices, found.payments, found.customers, found.events)


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return a_book(regime_change=True)


@pytest.fixture(scope="module")
def model(ledger: Ledger) -> DelayModel:
    return train(ledger, TRAINED, CONFIG, force=True)


@pytest.fixture(scope="module")
def newer(ledger: Ledger, model: DelayModel) -> DelayModel:
    return recalibrate(ledger, model, LATER)


def late_loss(ledger: Ledger, model: DelayModel) -> float:
    """Log-loss of being late of the books of the six weeks after the correction."""
    history = History.build(ledger)
    panel = build_panel(history, [LATER + timedelta(days=7 * week) for week in range(6)])
    late = Outcomes.of(history, date(2025, 1, 25)).labels(panel.invoice, panel.as_of_day, np.array([0]))[:, 0]
    said = model.open_share_at(model.survival(panel), panel.rows["days_past_due"].to_numpy(), 0.0)
    kept = ~np.isnan(late)
    return log_loss(said[kept], late[kept].astype(float))


def test_a_book_that_has_shifted_is_told_better(ledger: Ledger, model: DelayModel, newer: DelayModel) -> None:
    before, after = late_loss(ledger, model), late_loss(ledger, newer)
    assert after < before - 0.02


def test_a_book_that_goes_on_as_before_is_told_no_worse() -> None:
    steady = a_book(regime_change=False)
    trained = train(steady, TRAINED, CONFIG, force=True)
    assert late_loss(steady, recalibrate(steady, trained, LATER)) < late_loss(steady, trained) + 0.005


def test_trees_stay_and_the_manifest_tells_of_the_correction(model: DelayModel, newer: DelayModel) -> None:
    assert newer.booster_text == model.booster_text
    assert newer.manifest["trained_as_of"] == TRAINED.isoformat()
    assert newer.manifest["calibrated_as_of"] == LATER.isoformat()
    assert newer.manifest["corrected_by"]["invoice_count"] > 100
    assert newer.manifest["calibration_trained"] == model.calibration.to_dict()
    assert newer.version != model.version
    assert newer.version.startswith(TRAINED.isoformat())
    assert f"corrected as of {LATER}" in repr(newer)
    assert "calibrated_as_of" not in model.manifest


def test_nothing_recorded_after_the_day_is_used(ledger: Ledger, model: DelayModel, newer: DelayModel) -> None:
    assert ledger.payments["known_on"].max() > LATER + timedelta(days=30)
    alone = recalibrate(cut_ledger(ledger, LATER), model, LATER.isoformat())
    assert alone.calibration.to_dict() == newer.calibration.to_dict()
    assert alone.manifest == newer.manifest
    changed = pl.when(pl.col("known_on") > LATER).then(0.01).otherwise(pl.col("amount"))
    other = replace(ledger, payments=ledger.payments.with_columns(amount=changed))
    assert recalibrate(other, model, LATER).calibration.to_dict() == newer.calibration.to_dict()


def test_correcting_again_starts_from_the_training(
    ledger: Ledger, model: DelayModel, newer: DelayModel
) -> None:
    again = recalibrate(ledger, newer, LATER)
    assert again.calibration.to_dict() == newer.calibration.to_dict()
    assert again.manifest == newer.manifest


def test_without_new_outcomes_the_map_stays(ledger: Ledger, model: DelayModel) -> None:
    history = History.build(ledger)
    panel = build_panel(history, [TRAINED])
    same = corrected(model, panel, Outcomes.of(history, TRAINED))
    assert same.calibration.to_dict() == model.calibration.to_dict()
    assert same.version == model.version
    tried = {"as_of": TRAINED.isoformat(), "why": "too_few_pairs", "pair_count": 0, "invoice_count": 0}
    # No date of a correction and nothing it rests on: there was none.
    assert same.manifest == model.manifest | {"correction_tried": tried}
    assert repr(same) == repr(model)


def test_an_earlier_correction_stands_where_nothing_came_since(
    ledger: Ledger, model: DelayModel, newer: DelayModel
) -> None:
    history, before = History.build(ledger), newer.manifest
    none = corrected(newer, build_panel(history, [LATER]), Outcomes.of(history, LATER))
    assert none.calibration is newer.calibration
    assert none.manifest["correction_tried"]["as_of"] == LATER.isoformat()
    assert {name: none.manifest[name] for name in before} == before
    # The next one that has something to go by says no more of it.
    assert recalibrate(ledger, none, LATER).manifest == newer.manifest


def test_outcomes_all_alike_correct_nothing(ledger: Ledger, model: DelayModel) -> None:
    cut = replace(ledger, payments=ledger.payments.filter(pl.col("known_on") <= TRAINED))
    history = History.build(cut)
    # Nobody is paid after the training: whatever is known by then is still open.
    panel = build_panel(history, [TRAINED])
    same = corrected(model, panel, Outcomes.of(history, LATER))
    assert same.manifest["correction_tried"]["why"] == "one_outcome"
    assert same.manifest["correction_tried"]["pair_count"] > 50
    assert same.calibration.to_dict() == model.calibration.to_dict()


def test_a_corrected_model_is_saved_whole(model: DelayModel, newer: DelayModel, tmp_path) -> None:
    loaded = DelayModel.load(newer.save(tmp_path / "model"))
    assert loaded.version == newer.version
    assert loaded.manifest["calibration_trained"] == model.calibration.to_dict()


@pytest.mark.parametrize("when", [TRAINED, TRAINED - timedelta(days=30)])
def test_a_day_on_or_before_the_training_is_refused(ledger: Ledger, model: DelayModel, when: date) -> None:
    with pytest.raises(ImmatureOutcomeError, match="give a later date"):
        recalibrate(ledger, model, when)


def test_a_day_beyond_the_books_and_another_currency_are_refused(ledger: Ledger, model: DelayModel) -> None:
    with pytest.raises(ImmatureOutcomeError, match="records nothing of what was paid after"):
        recalibrate(ledger, model, date(2026, 6, 30))
    other = replace(model, manifest=model.manifest | {"reporting_currency": "USD"})
    with pytest.raises(LedgerError, match="USD"):
        recalibrate(ledger, other, LATER)


# The map -------------------------------------------------------------------------------------


def shifted(scale: float, shift: float, count: int = 6_000) -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng(1)
    margin = generator.normal(0.0, 2.0, count)
    horizon = generator.choice([0.0, 15.0, 30.0], count)
    came = (generator.random(count) < sigmoid(scale * margin + shift)).astype(float)
    return margin, horizon, came, np.ones(count)


def test_a_corrected_map_by_hand() -> None:
    trained = MonotoneCalibration(
        margin_knots=np.array([0.0, 1.0]),
        margin_values=np.array([0.0, 2.0]),
        horizon_knots=np.array([0.0, 10.0]),
        low_drops=np.array([0.5]),
        high_drops=np.array([1.0]),
        level_steps=np.array([0.25]),
    )
    found = trained.corrected(1.5, 0.1, np.array([-5.0, 5.0]), np.array([0.0, 0.4]))
    margins, horizons = np.meshgrid(
        np.array([-2.0, 0.0, 0.3, 1.0, 4.0]), np.array([-9.0, 0, 2, 5, 7, 10, 50])
    )
    further = np.interp(horizons, [-5.0, 5.0], [0.0, 0.4])
    expected = 1.5 * trained.log_odds(margins, horizons) + 0.1 + further
    np.testing.assert_allclose(found.log_odds(margins, horizons), expected, atol=1e-12)


def test_a_shift_is_found_and_a_strong_pull_holds_it() -> None:
    identity = MonotoneCalibration.identity()
    pairs, asked = shifted(1.0, 0.8), np.array([0.0, 15.0, 30.0])
    maps = [fit_correction(identity, *pairs, pull) for pull in (1.0, 300.0, 1e7)]
    level = [float(found.log_odds(np.zeros(3), asked).mean()) for found in maps]
    assert level[0] == pytest.approx(0.8, abs=0.1)
    assert 0.05 < level[1] < level[0]
    assert level[2] == pytest.approx(0.0, abs=1e-3)


def test_few_pairs_or_one_outcome_correct_nothing() -> None:
    identity = MonotoneCalibration.identity()
    margin, horizon, came, weight = shifted(1.0, 0.8)
    few = [part[:49] for part in (margin, horizon, came, weight)]
    assert fit_correction(identity, *few, 1.0) is identity
    assert fit_correction(identity, margin, horizon, np.ones(len(came)), weight, 1.0) is identity
