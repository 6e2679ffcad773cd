"""The harness that modelling ideas are judged by: what it compares is what it says."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from bench_ideas import chosen
from calibrations import isotonic, platt
from ceilings import others_late
from idea_columns import RUN_RATE_NAMES, like_invoices, pay_day_columns, repull, with_columns
from idea_list import IDEAS
from origins import Ground, NotTriedError, Origin, every, flat, lay_out, not_due, window
from paired import Clusters, Plain, Said, differences, said, values, verdict
from peers import blend
from recipes import Growth, Later, Prediction, predict, remembered

import paydelay as pdl
from paydelay.config import load_config
from paydelay.history import History
from paydelay.intervals import Interval
from paydelay.panel import Panel
from paydelay.training import train

FEW = load_config({"model": {"tree_count": 8, "thread_count": 1}})
WHEN = date(2024, 7, 29)


@pytest.fixture(scope="module")
def ground() -> Ground:
    book = pdl.simulate(pdl.SimulationSettings(customer_count=60, month_count=18, seed=3, daily_truth=False))
    ledger = pdl.Ledger.from_frames(book.invoices, book.payments, book.customers, book.events)
    return Ground("small", ledger, (WHEN,), date(2024, 8, 26), date(2024, 11, 30))


@pytest.fixture(scope="module")
def origin(ground: Ground) -> Origin:
    return lay_out(ground, History.build(ground.ledger), WHEN, FEW)


def panel_of(columns: dict[str, list[float]], due: list[date], customers: list[str] | None = None) -> Panel:
    count = len(due)
    return Panel(
        rows=pl.DataFrame(
            {"due_date": due, "customer_id": customers or [f"C{number}" for number in range(count)]}
        ),
        X=np.column_stack([np.array(values, np.float32) for values in columns.values()]),
        feature_names=tuple(columns),
        weights=np.ones(count),
        invoice=np.arange(count),
        as_of_day=np.full(count, 20_000, np.int32),
    )


def test_the_plain_growth_is_what_train_makes(ground: Ground, origin: Origin) -> None:
    model = train(ground.ledger, WHEN, FEW, force=True)
    found = predict(origin)
    curve = model.survival(origin.judged)
    np.testing.assert_array_equal(found.prob_late, curve[:, model.horizons_days.index(0)])
    overdue = origin.judged.rows["days_past_due"].to_numpy()
    median = np.clip(model.delay_quantile(curve, overdue, 0.5), -30, 30)[origin.curve_rows]
    np.testing.assert_array_equal(found.median_days, median)
    assert found.tree_count == model.manifest["tree_count"]


def test_nothing_judged_is_due_or_trained_on(ground: Ground, origin: Origin) -> None:
    assert len(origin.judged) > 100
    assert (origin.judged.rows["days_past_due"] < 0).all()
    assert set(np.unique(origin.late)) == {0.0, 1.0}
    assert origin.judged.as_of_day.min() >= origin.panel.as_of_day.max()
    # Labels of training end at the training date: what is due later has none.
    label = origin.outcomes.labels(origin.panel.invoice, origin.panel.as_of_day, np.array([0]))[:, 0]
    due = origin.panel.rows["due_date"].to_numpy()
    assert np.isnan(label[due > np.datetime64(WHEN)]).all()


def test_a_growth_is_grown_once(origin: Origin) -> None:
    before = predict(origin)
    count = len(origin.grown)
    again = predict(origin, (Growth(),))
    assert len(origin.grown) == count
    np.testing.assert_array_equal(before.prob_late, again.prob_late)


def test_a_mean_of_growths_lies_between_them(origin: Origin) -> None:
    other = Growth(settings=(("seed", 11),))

    def as_is(late_days: int, later: Later) -> object:
        from paydelay.calibration import MonotoneCalibration

        return MonotoneCalibration.identity()

    parts = [predict(origin, (one,), lambda later: as_is(0, later)).prob_late for one in (Growth(), other)]
    both = predict(origin, (Growth(), other), lambda later: as_is(0, later)).prob_late
    assert not np.array_equal(*parts)
    assert (both >= np.minimum(*parts) - 1e-12).all()
    assert (both <= np.maximum(*parts) + 1e-12).all()


def test_rising_features_are_held_rising(origin: Origin) -> None:
    growth = Growth(rising=("delay_last1", "late_share_90"))
    names = origin.panel.feature_names
    width = len(names) + 3
    assert growth.falling(names, width)[:2] == (names.index("delay_last1"), names.index("late_share_90"))
    assert growth.falling(names, width)[2:] == (width - 3, width - 2, width - 1)
    margins = []
    for days in (-20.0, 0.0, 20.0, 60.0):
        asked = with_columns(origin.judged, {"delay_last1": np.full(len(origin.judged), days)})
        matrix = growth.matrix(asked, np.arange(len(asked)), np.zeros(len(asked), np.int64))
        predict(origin, (growth,))
        margins.append(origin.grown[growth].last.margins(matrix))
    assert (np.diff(margins, axis=0) >= -1e-12).all()


def test_rows_are_thinned_and_weighed_anew(origin: Origin) -> None:
    fortnights = every(origin, 14)
    assert set(np.diff(np.unique(fortnights.as_of_day))) == {14}
    assert fortnights.as_of_day.max() == origin.panel.as_of_day.max()
    _, first = np.unique(fortnights.invoice, return_index=True)
    assert (fortnights.weights[first] == 1.0).all()
    assert (not_due(origin).rows["days_past_due"] < 0).all()
    assert set(flat(origin).weights) == {1.0}
    assert window(origin, 90).as_of_day.min() >= origin.panel.as_of_day.max() - 90
    with pytest.raises(NotTriedError, match="no older rows"):
        window(origin, 5000)


def test_repull_by_hand() -> None:
    # 3 late of 10, pulled toward one half with 10: (3 + 5) / 20.
    estimate = repull(np.array([0.4]), np.array([10.0]), (np.array([0.5]),) * 2, 10.0, 0.25)
    assert estimate[0] == pytest.approx((3 + 2.5 * 0.5) / 12.5)
    moved = repull(np.array([0.4]), np.array([10.0]), (np.array([0.5]), np.array([0.2])), 10.0, 1.0)
    assert moved[0] == pytest.approx((3 + 10 * 0.2) / 20)


def test_pay_days_by_hand() -> None:
    # Pays on half of the Fridays and on a fifth of the Mondays; due on a Monday.
    rates = {name: [0.0, 0.0] for name in RUN_RATE_NAMES} | {
        "run_rate_friday": [0.5, 0.5],
        "run_rate_monday": [0.2, 0.2],
    }
    due = [date(2024, 3, 11), date(2024, 3, 11)]
    found = pay_day_columns(panel_of(rates | {"days_past_due": [-4.0, -10.0]}, due))
    # From Friday to Monday; from the Saturday before the Monday a week earlier.
    np.testing.assert_allclose(found["prob_no_run_before_due"], [0.8 * 0.5, 0.8 * 0.5 * 0.8], rtol=1e-6)
    np.testing.assert_allclose(found["run_rate_due"], 0.2, rtol=1e-6)
    np.testing.assert_allclose(found["run_rate_day_after"], 0.0)
    # Monday itself, else three days back, else a week.
    expected = 0.2 * 0 + 0.8 * 0.5 * 3 + 0.8 * 0.5 * 7
    np.testing.assert_allclose(found["run_last_before_due_days"], expected, rtol=1e-6)


def test_a_pooled_rate_counts_each_customer_once() -> None:
    columns = {
        "terms_days": [30.0, 30.0, 30.0, 60.0],
        "terms_late_share_365": [0.2, 0.2, 0.8, 0.5],
        "terms_delay_mean_365": [1.0, 1.0, 5.0, 9.0],
        "terms_settled_count_365": [9.0, 9.0, 9.0, 0.0],
        "weekday_late_share_365": [0.1, 0.1, 0.3, 0.3],
        "weekday_delay_mean_365": [0.0, 0.0, 0.0, 0.0],
        "weekday_settled_count_365": [0.0, 0.0, 0.0, 0.0],
    }
    panel = panel_of(columns, [date(2024, 3, 11)] * 4, ["A", "A", "B", "C"])
    found = like_invoices(None, panel)  # type: ignore[arg-type] # it reads the panel only
    share = found.X[:, found.feature_names.index("terms_book_late_share")]
    np.testing.assert_allclose(share, [0.5, 0.5, 0.5, 0.5], rtol=1e-6)
    delay = found.X[:, found.feature_names.index("terms_book_delay_mean")]
    np.testing.assert_allclose(delay, [3.0, 3.0, 3.0, 9.0], rtol=1e-6)
    weekday = found.X[:, found.feature_names.index("weekday_book_late_share")]
    np.testing.assert_allclose(weekday, (0.1 + 0.3 + 0.3) / 3, rtol=1e-6)


def test_calibrations_rise_and_do_not_tie() -> None:
    generator = np.random.default_rng(1)
    margin = generator.normal(size=4000)
    horizon = np.repeat([0, 30], 2000)
    odds = np.where(horizon == 0, 0.5 + 2.0 * margin, margin)
    came = (generator.random(4000) < 1 / (1 + np.exp(-odds))).astype(np.float32)
    later = Later(margin, horizon, came, np.ones(4000), 1.0)
    line = platt(0, later)
    assert line.late == pytest.approx((0.5, 2.0), abs=0.25)
    assert line.others == pytest.approx((0.0, 1.0), abs=0.2)
    asked = np.linspace(-6.0, 6.0, 500)
    told = isotonic(0, later).probability(asked, np.zeros(500))
    assert (np.diff(told) > 0).all()
    assert ((told > 0) & (told < 1)).all()


def test_a_blend_is_the_mean_of_log_odds() -> None:
    both = blend([Prediction(np.array([0.2, 0.9])), Prediction(np.array([0.8, 0.9]))])
    np.testing.assert_allclose(both.prob_late, [0.5, 0.9])
    assert both.median_days is None


def judged_by(losses: list[float]) -> Said:
    values = np.array(losses)
    return Said({"log_loss": lambda weight: float(weight @ values / weight.sum())}, 0.0)


def test_weeks_that_two_origins_score_are_drawn_together() -> None:
    clusters = Clusters([[("A", 1), ("A", 8), ("B", 8)], [("A", 8), ("B", 8)]])
    assert clusters.code.tolist() == [0, 1, 2, 1, 2]
    assert [part.tolist() for part in clusters.by_origin(np.arange(5))] == [[0, 1, 2], [3, 4]]


def test_a_difference_is_paired_and_holds_the_spread_over_seeds() -> None:
    clusters = Clusters([[("A", week) for week in range(40)]])
    noise = np.random.default_rng(2).normal(size=40)
    plain = judged_by(list(noise))
    better = judged_by(list(noise - 0.1))
    certain = differences([better], Plain([[plain]], clusters), 50)["log_loss"]
    # The same gain on every row: whatever is drawn, it is there.
    assert (certain.low, certain.value, certain.high) == pytest.approx((-0.1, -0.1, -0.1))
    assert verdict({"log_loss": certain})["kept"]
    seeds = Plain([[judged_by(list(noise + shift))] for shift in (-0.2, -0.1, 0.0, 0.1, 0.2)], clusters)
    assert seeds.spread["log_loss"] == pytest.approx(np.std([-0.2, -0.1, 0.0, 0.1, 0.2], ddof=1))
    unsure = differences([better], seeds, 50)["log_loss"]
    assert unsure.value == pytest.approx(-0.1)
    assert unsure.high > 0
    assert not verdict({"log_loss": unsure})["kept"]
    assert seeds.first.spread["log_loss"] == 0.0


def test_figures_of_a_perfect_forecast(origin: Origin) -> None:
    perfect = said(origin, Prediction(origin.late, origin.delay_days[origin.curve_rows]))
    clusters = Clusters([origin.cluster])
    found = values([perfect], clusters)
    assert found["auc"] == 1.0
    assert found["brier"] == found["mae"] == found["ece"] == 0.0
    assert found["log_loss"] < 1e-5
    assert "mae" not in said(origin, Prediction(origin.late)).figures


def test_what_wins_here_and_loses_there_is_dropped() -> None:
    mixed = {"auc": Interval(0.01, 0.005, 0.02), "mae": Interval(0.2, 0.1, 0.3)}
    assert verdict(mixed) == {"wins": ["auc"], "loses": ["mae"], "kept": False}
    assert verdict({"auc": Interval(0.01, -0.005, 0.02)}) == {"wins": [], "loses": [], "kept": False}


def test_a_blend_brings_its_members_along() -> None:
    names = [idea.name for idea in chosen(["CatBoost + XGBoost"], False)]
    assert names == ["XGBoost", "CatBoost", "as it is + CatBoost + XGBoost"]
    assert len(chosen([], True)) == len(IDEAS) == len({idea.name for idea in IDEAS})
    assert 20 <= len(chosen([], False)) < len(IDEAS)


def test_a_prediction_is_made_again_unless_a_run_is_resumed(tmp_path: Path) -> None:
    place = tmp_path / "ledger" / "2024-07-29-idea.npz"
    made = []

    def make() -> Prediction:
        made.append(1)
        return Prediction(np.array([0.25, 0.5]), np.array([3.0]), 12)

    for resume in (True, False, True):
        found = remembered(place, make, resume)
        assert (found.prob_late.tolist(), found.median_days.tolist(), found.tree_count) == (
            [0.25, 0.5],
            [3.0],
            12,
        )
    assert len(made) == 2
    bare = remembered(tmp_path / "bare.npz", lambda: Prediction(np.array([0.1])), True)
    again = remembered(tmp_path / "bare.npz", lambda: Prediction(np.array([0.9])), True)
    assert again.prob_late.tolist() == bare.prob_late.tolist()
    assert again.median_days is None
    assert again.tree_count is None


def test_hindsight_leaves_the_invoice_itself_out() -> None:
    due = date(2024, 3, 11)
    found = others_late(
        pl.Series(["A", "A", "A", "A", "B"]),
        pl.Series([due, due, due, due, due]),
        np.array([1, 1, 2, 3, 4]),
        np.array([1.0, 1.0, 0.0, 1.0, 1.0]),
        np.full(5, 0.4),
    )
    # Invoice 1 has two rows and counts once: of the two others one was late.
    np.testing.assert_allclose(found, [1.4 / 3, 1.4 / 3, 2.4 / 3, 1.4 / 3, 0.4])
