"""Training: what is learned from, what is let through, and that it is the same every time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import lightgbm
import numpy as np
import polars as pl
import pytest
from books import day, ledgers, small_ledger
from hypothesis import given, settings
from hypothesis import strategies as st

from paydelay.config import Config, LedgerSettings, ModelSettings, OutcomeSettings, load_config
from paydelay.errors import (
    FeatureMismatchError,
    ImmatureOutcomeError,
    LedgerError,
    QualityGateError,
    ThinLedgerError,
)
from paydelay.estimator import LateClassifier
from paydelay.features import CATALOGUE, Catalogue, Feature
from paydelay.history import NEVER, History, cut_ledger, day_of
from paydelay.ledger import Ledger
from paydelay.model import HORIZON_COLUMNS, DelayModel
from paydelay.outcomes import Outcomes
from paydelay.panel import Panel, build_panel
from paydelay.scoring import score
from paydelay.simulate import SimulationSettings, simulate
from paydelay.training import Gate, fitting, horizon_grid, pooled_curve, train, training_pairs

SETTINGS = {
    "model": {"tree_count": 12, "learning_rate": 0.25, "leaf_rows_min": 20, "thread_count": 1},
    "panel": {"step_days": 14, "warm_up_days": 60},
}
CONFIG = load_config(SETTINGS)
START = day("2023-01-02")
NO_LAG = LedgerSettings(recording_lag_days=0)

Pays = Callable[[np.random.Generator, date], int]


def a_book(pays: Pays, month_count: int = 14, customer_count: int = 30, seed: int = 1) -> Ledger:
    """Invoices every ten days or so, due after 30 days; ``pays`` gives the days of delay."""
    generator = np.random.default_rng(seed)
    end = START + timedelta(30 * month_count)
    invoices, payments = [], []
    for customer in range(customer_count):
        issued = START + timedelta(int(generator.integers(0, 10)))
        while issued < end:
            name, due = f"F{len(invoices):05d}", issued + timedelta(30)
            amount = float(generator.integers(100, 5000))
            invoices.append(
                {
                    "invoice_id": name,
                    "customer_id": f"C{customer:02d}",
                    "issue_date": issued,
                    "due_date": due,
                    "amount": amount,
                }
            )
            paid = due + timedelta(pays(generator, due))
            if paid <= end:
                payments.append({"invoice_id": name, "payment_date": paid, "amount": amount})
            issued += timedelta(int(generator.integers(7, 14)))
    return small_ledger(invoices, payments)


def end_of(month_count: int = 14) -> date:
    return START + timedelta(30 * month_count)


def by_coin(generator: np.random.Generator, _due: date) -> int:
    """On the day or ten days late, whoever and whenever it is."""
    return 10 * int(generator.integers(0, 2))


def by_weekday(generator: np.random.Generator, due: date) -> int:
    """Late where due at the start of a week, which no late ratio of a customer tells."""
    usual = 8 if due.weekday() < 3 else 0
    return 8 - usual if generator.random() < 0.1 else usual


@pytest.fixture(scope="module")
def noise() -> Ledger:
    return a_book(by_coin)


@pytest.fixture(scope="module")
def weekday_book() -> Ledger:
    return a_book(by_weekday)


@pytest.fixture(scope="module")
def weekday_model(weekday_book: Ledger) -> DelayModel:
    return train(weekday_book, end_of(), CONFIG)


# The gate --------------------------------------------------------------------------------


def test_a_model_of_noise_is_not_let_through(noise: Ledger) -> None:
    with pytest.raises(QualityGateError, match=r"does not beat the customer's late ratio .*95 % interval"):
        train(noise, end_of(), CONFIG)


def test_a_model_of_noise_can_be_forced_and_says_that_it_failed(noise: Ledger) -> None:
    model = train(noise, end_of(), CONFIG, force=True)
    gate = model.manifest["gate"]["late"]
    assert gate["passed"] is False
    assert gate["gain"]["low"] <= 0
    assert gate["figures"]["auc"] == pytest.approx(0.5, abs=0.08)
    assert gate["figures"]["row_count"] > 200


def test_a_model_that_knows_more_than_the_ratio_is_let_through(weekday_model: DelayModel) -> None:
    gate = weekday_model.manifest["gate"]["late"]
    assert gate["passed"] is True
    assert gate["gain"]["low"] > 0.2
    assert gate["figures"]["auc"] > 0.8
    assert gate["figures"]["auc_late_ratio"] < 0.65
    assert gate["figures"]["calibration_slope"] == pytest.approx(1.0, abs=0.35)
    assert 0 < gate["figures"]["positive_count"] < gate["figures"]["row_count"]


def test_what_was_learned_is_scored(weekday_book: Ledger, weekday_model: DelayModel) -> None:
    panel = build_panel(History.build(weekday_book), [end_of()])
    ahead = panel.take((panel.rows["days_past_due"] < 0).to_numpy())
    late = weekday_model.open_share_at(
        weekday_model.survival(ahead), ahead.rows["days_past_due"].to_numpy(), 0.0
    )
    start_of_week = (ahead.rows["due_date"].dt.weekday() <= 3).to_numpy()
    assert np.median(late[start_of_week]) > 0.8
    assert np.median(late[~start_of_week]) < 0.2
    # A customer's few odd invoices may speak against the weekday; most rows may not overlap.
    assert np.quantile(late[start_of_week], 0.05) > np.quantile(late[~start_of_week], 0.95)


def test_noise_grows_few_trees_and_what_can_be_learned_more(noise: Ledger, weekday_model: DelayModel) -> None:
    config = load_config(SETTINGS | {"model": SETTINGS["model"] | {"tree_count": 120}})
    model = train(noise, end_of(), config, force=True)
    assert model.manifest["tree_count"] == lightgbm.Booster(model_str=model.booster_text).num_trees()
    assert model.manifest["tree_count"] < 40
    assert weekday_model.manifest["tree_count"] > 0.75 * SETTINGS["model"]["tree_count"]


def test_non_payment_has_a_gate_of_its_own(weekday_model: DelayModel) -> None:
    # Everybody pays in the end: nothing to judge by, and nothing to tell apart.
    gate = weekday_model.manifest["gate"]["unpaid"]
    assert gate["passed"] is False
    assert gate["gain"] == {"value": None, "low": None, "high": None}
    assert weekday_model.unpaid_is_pooled


def test_a_book_that_cannot_be_judged_says_so(weekday_book: Ledger) -> None:
    late = load_config({**SETTINGS, "outcomes": {"grace_days": 8}})
    # With eight days of grace, those late in the last third cannot be told from the rest.
    quiet = a_book(lambda generator, due: 20 if due < day("2023-08-01") and generator.random() < 0.3 else 0)
    with pytest.raises(QualityGateError, match="could not be judged"):
        train(quiet, end_of(), late)


def test_grace_moves_what_late_means(weekday_book: Ledger) -> None:
    model = train(weekday_book, end_of(), load_config({**SETTINGS, "outcomes": {"grace_days": 5}}))
    assert model.manifest["outcomes"]["grace_days"] == 5
    assert 5 in model.horizons_days
    assert model.manifest["period"]["late_share"] == pytest.approx(3 / 7, abs=0.06)


# Too little to learn from ----------------------------------------------------------------


def refusal(ledger: Ledger, when: date, config: Config = CONFIG) -> str:
    with pytest.raises(ThinLedgerError) as caught:
        train(ledger, when, config)
    assert caught.value.exit_code == 1
    return str(caught.value)


def test_a_thin_ledger_says_what_is_missing(weekday_book: Ledger) -> None:
    found = refusal(weekday_book, START + timedelta(60))
    assert "settled invoices of at least 200" in found
    assert "late ones of at least 40" in found
    assert "2 months of history of at least 5" in found
    assert "C0" not in found


def test_only_what_is_missing_is_named() -> None:
    prompt = a_book(lambda _generator, _due: 0)
    assert "holds 0 late ones of at least 40. " in refusal(prompt, end_of())
    late = a_book(lambda _generator, _due: 3)
    assert "holds 0 prompt ones of at least 40. " in refusal(late, end_of())
    short = a_book(by_weekday, month_count=4, customer_count=60)
    assert "holds 4 months of history of at least 5. " in refusal(short, end_of(4))


def test_lost_claims_are_late_and_not_settled() -> None:
    never = a_book(lambda generator, _due: 9999 if generator.random() < 0.9 else 0, customer_count=8)
    found = refusal(never, end_of())
    assert "settled invoices of at least 200" in found
    assert "late ones" not in found


def test_a_date_before_the_books_is_thin() -> None:
    assert "holds 0 settled invoices" in refusal(a_book(by_coin, 6, 5), day("2020-01-01"))


def test_a_warm_up_longer_than_the_books_is_thin(weekday_book: Ledger) -> None:
    long = load_config({**SETTINGS, "panel": {"step_days": 14, "warm_up_days": 600}})
    assert "warm_up_days" in refusal(weekday_book, end_of(), long)


# The same every time, from what was known ------------------------------------------------


@pytest.fixture(scope="module")
def simulated() -> Ledger:
    found = simulate(SimulationSettings(customer_count=120, month_count=15, seed=4, daily_truth=False))
    return Ledger.from_frames(found.invoices, found.payments, found.customers, found.events)


TRAINED = day("2024-06-30")


@pytest.fixture(scope="module")
def simulated_model(simulated: Ledger) -> DelayModel:
    return train(simulated, TRAINED, CONFIG, force=True)


def without_threads(model: DelayModel) -> tuple[str, str]:
    """Trees and manifest, less the line that names the number of threads."""
    trees = "\n".join(line for line in model.booster_text.split("\n") if "num_threads" not in line)
    manifest = model.manifest | {"config": None}
    return trees, json.dumps([manifest, model.calibration.to_dict(), model.pooled.to_dict()])


def test_training_twice_gives_the_same_model(simulated: Ledger, simulated_model: DelayModel) -> None:
    again = train(simulated, TRAINED.isoformat(), CONFIG, force=True)
    assert again.booster_text == simulated_model.booster_text
    assert again.manifest == simulated_model.manifest
    assert again.version == simulated_model.version
    assert without_threads(again) == without_threads(simulated_model)


def test_two_threads_grow_the_same_trees(simulated: Ledger) -> None:
    # Few trees: two threads that wait for one core are slow.
    one, two = (
        train(
            simulated,
            TRAINED,
            load_config({**SETTINGS, "model": {"tree_count": 3, "leaf_rows_min": 20, "thread_count": count}}),
            force=True,
        )
        for count in (1, 2)
    )
    assert without_threads(one) == without_threads(two)


def test_another_seed_gives_another_model(simulated: Ledger, simulated_model: DelayModel) -> None:
    other = {**SETTINGS, "model": {**SETTINGS["model"], "seed": 8}}
    found = train(simulated, TRAINED, load_config(other), force=True)
    assert without_threads(found)[0] != without_threads(simulated_model)[0]


def test_nothing_recorded_after_the_date_is_used(simulated: Ledger, simulated_model: DelayModel) -> None:
    assert simulated.payments["known_on"].max() > TRAINED + timedelta(30)
    cut = train(cut_ledger(simulated, TRAINED), TRAINED, CONFIG, force=True)
    assert cut.booster_text == simulated_model.booster_text
    assert without_threads(cut) == without_threads(simulated_model)
    # Nor does it matter what is recorded later.
    later = pl.col("known_on") > TRAINED
    payments = simulated.payments.with_columns(amount=pl.when(later).then(0.01).otherwise(pl.col("amount")))
    changed = train(replace(simulated, payments=payments), TRAINED, CONFIG, force=True)
    assert without_threads(changed) == without_threads(simulated_model)


def test_calibration_sees_later_days_and_other_invoices(
    simulated: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Panel, Outcomes, np.ndarray, np.ndarray]] = []
    original = fitting.training_pairs

    def spied(panel: Panel, outcomes: Outcomes, *rest: Any, **more: Any) -> Any:
        pairs = original(panel, outcomes, *rest, **more)
        seen.append((panel, outcomes, pairs[0], pairs[1]))
        return pairs

    monkeypatch.setattr(fitting, "training_pairs", spied)
    train(simulated, TRAINED, CONFIG, force=True)
    (panel, past, fitted, horizon), (_, now, judged, _), (_, _, refitted, _) = seen
    split = panel.as_of_day[fitted].max()
    assert (panel.as_of_day[judged] > split).all()
    assert not set(panel.invoice[fitted]) & set(panel.invoice[judged])
    # The first fit knows no outcome that came after the split.
    assert past.labels_day < panel.as_of_day[judged].min()
    assert (past.due_day[panel.invoice[fitted]] + horizon <= past.labels_day - past.recording_lag_days).all()
    assert now.labels_day == day_of(TRAINED)
    # The refit lets the newest mature months count.
    assert panel.as_of_day[refitted].max() > split + 30


def test_late_pairs_weigh_more_in_the_trees_and_nowhere_else(
    simulated: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown: list[tuple[Any, Any]] = []
    watched: list[Any] = []
    calibrated: list[tuple[Any, Any]] = []
    fit, calibrate = LateClassifier.fit, fitting.fit_calibration

    def spied_fit(self: LateClassifier, X: Any, y: Any, sample_weight: Any, eval_set: Any = None) -> Any:
        grown.append((X[:, HORIZON_COLUMNS.index("horizon_days") - len(HORIZON_COLUMNS)], sample_weight))
        watched.append(eval_set)
        return fit(self, X, y, sample_weight=sample_weight, eval_set=eval_set)

    def spied_calibration(margin: Any, horizon: Any, open_then: Any, weight: Any, *pulls: float) -> Any:
        calibrated.append((horizon, weight))
        return calibrate(margin, horizon, open_then, weight, *pulls)

    monkeypatch.setattr(LateClassifier, "fit", spied_fit)
    monkeypatch.setattr(fitting, "fit_calibration", spied_calibration)

    def seen(late_weight: float) -> list[tuple[Any, Any]]:
        for kept in (grown, watched, calibrated):
            kept.clear()
        asked = {**SETTINGS, "model": {**SETTINGS["model"], "late_weight": late_weight}}
        train(simulated, TRAINED, load_config(asked), force=True)
        return [(X, np.asarray(weight)) for X, weight in grown]

    even = seen(1.0)
    even_watched, even_calibrated = watched[0][2].copy(), [weight.copy() for _, weight in calibrated]
    for (horizon, before), (_, after) in zip(even, seen(4.0), strict=True):
        late = horizon == 0
        ratio = after / before
        assert np.ptp(ratio[late]) == pytest.approx(0, abs=1e-9)
        assert ratio[late][0] / ratio[~late] == pytest.approx(4.0)
        assert after.sum() == pytest.approx(before.sum())
    assert np.array_equal(watched[0][2], even_watched)
    assert all(map(np.array_equal, [weight for _, weight in calibrated], even_calibrated))


# Pairs -----------------------------------------------------------------------------------

GRID = (-10, 0, 5, 15, 30, 60, 90)


def pairs_of(
    ledger: Ledger, when: list[date], labels_at: date, always: tuple[int, ...] = GRID, seed: int = 7
) -> tuple[Panel, Outcomes, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    history = History.build(cut_ledger(ledger, labels_at), NO_LAG)
    panel = build_panel(history, when, CATALOGUE.select(["days_past_due"]))
    outcomes = Outcomes.of(history, labels_at, NO_LAG)
    found = training_pairs(panel, outcomes, GRID, np.ones(len(panel), np.bool_), always, seed)
    return panel, outcomes, *found


@settings(max_examples=30)
@given(ledgers(), st.integers(20, 200), st.integers(0, 120))
def test_pairs_are_mature_open_and_not_cancelled(ledger: Ledger, offset: int, wait: int) -> None:
    when = [day("2024-01-01") + timedelta(offset + step) for step in (0, 7, 14)]
    labels_at = when[-1] + timedelta(wait)
    panel, outcomes, row, horizon, open_then, weight = pairs_of(ledger, when, labels_at)
    due = outcomes.due_day[panel.invoice[row]].astype(np.int64)
    assert (due + horizon <= day_of(labels_at)).all()
    assert (due + horizon > panel.as_of_day[row]).all()
    assert not outcomes.cancelled[panel.invoice[row]].any()
    np.testing.assert_array_equal(open_then, outcomes.settled_day[panel.invoice[row]] > due + horizon)
    np.testing.assert_array_equal(weight, panel.weights[row])


def test_every_usable_pair_is_there_or_those_always_wanted_and_three(simulated: Ledger) -> None:
    when = [TRAINED - timedelta(days) for days in (200, 100, 14)]
    panel, outcomes, row, horizon, _, _ = pairs_of(simulated, when, TRAINED)
    labels = outcomes.labels(panel.invoice, panel.as_of_day, np.array(GRID))
    usable = {(r, GRID[c]) for r, c in zip(*np.nonzero(~np.isnan(labels)), strict=True)}
    assert set(zip(row, horizon, strict=True)) == usable
    _, _, few_row, few_horizon, _, _ = pairs_of(simulated, when, TRAINED, always=(0,))
    few = set(zip(few_row, few_horizon, strict=True))
    assert few < usable
    assert {pair for pair in usable if pair[1] == 0} <= few
    count = np.bincount(row, minlength=len(panel))
    np.testing.assert_array_equal(np.bincount(few_row, minlength=len(panel)), np.minimum(count, 4))


def test_which_pairs_are_drawn_depends_on_the_seed_and_on_no_outcome(simulated: Ledger) -> None:
    when = [TRAINED - timedelta(days) for days in (200, 100)]
    panel, outcomes, row, horizon, open_then, _ = pairs_of(simulated, when, TRAINED, always=(0,))
    rows = np.ones(len(panel), np.bool_)
    same = training_pairs(panel, outcomes, GRID, rows, [0], 7)
    np.testing.assert_array_equal(same[1], horizon)
    other = training_pairs(panel, outcomes, GRID, rows, [0], 8)
    assert not np.array_equal(other[1], horizon)
    paid = replace(outcomes, settled_day=outcomes.due_day - 5)
    reversed_ = training_pairs(panel, paid, GRID, rows, [0], 7)
    np.testing.assert_array_equal(reversed_[0], row)
    np.testing.assert_array_equal(reversed_[1], horizon)
    assert open_then.mean() > 0.2
    assert reversed_[2][horizon >= 0].sum() == 0


def test_only_the_rows_asked_for_give_pairs(simulated: Ledger) -> None:
    panel, outcomes, _, _, _, _ = pairs_of(simulated, [TRAINED - timedelta(100)], TRAINED)
    wanted = np.zeros(len(panel), np.bool_)
    wanted[[3, 8]] = True
    assert set(training_pairs(panel, outcomes, GRID, wanted, [0], 7)[0]) <= {3, 8}
    none = training_pairs(panel, outcomes, GRID, np.zeros(len(panel), np.bool_), [0], 7)
    assert [len(part) for part in none] == [0, 0, 0, 0]


# Horizons and the book's curve -----------------------------------------------------------


def ends(delays: list[int | None], due: list[int] | None = None, labels_day: int = 1000) -> Outcomes:
    """Outcomes written by hand: days of delay, None where not settled."""
    due_day = np.array(due if due is not None else [0] * len(delays), np.int32)
    settled = [NEVER if late is None else when + late for late, when in zip(delays, due_day, strict=True)]
    never = np.full(len(delays), NEVER, np.int32)
    return Outcomes(
        labels_day=labels_day,
        recording_lag_days=0,
        settled_day=np.array(settled, np.int32),
        due_day=due_day,
        cancelled=np.zeros(len(delays), np.bool_),
        lost_day=never,
        lost_known_day=never,
    )


def test_horizons_are_daily_where_payments_fall() -> None:
    found = horizon_grid(ends([-3, -1, 0, 0, 1, 2, 4, 6] * 20), Config())
    assert set(range(-3, 7)) <= set(found)
    assert found[0] == -3
    assert found == tuple(sorted(set(found)))
    assert {0, 15, 30, 60, 90, 180} <= set(found)
    assert found[-1] == 180


def test_horizons_hold_what_is_asked_for_and_are_few() -> None:
    wide = list(np.random.default_rng(1).integers(-90, 200, 5000))
    config = Config(
        outcomes=OutcomeSettings(grace_days=11, unpaid_after_days=101),
        model=ModelSettings(curve_cap_days=365),
    )
    found = horizon_grid(ends([int(late) for late in wide]), config)
    assert {0, 11, 101, 365} <= set(found)
    assert len(found) <= 42
    assert found[0] == -30
    short = horizon_grid(ends([1, 2]), Config(model=ModelSettings(curve_cap_days=30)))
    assert short[-2:] == (30, 90)
    assert 60 not in short
    assert horizon_grid(ends([None, None]), Config())[0] == -7


def test_the_books_curve_by_hand() -> None:
    # Of ten, two are settled by the due date, four more by 30 days, none by 60.
    outcomes = ends([-1, 0, 5, 10, 20, 30, None, None, 70, 90])
    found = pooled_curve(outcomes, (0, 30, 60), ModelSettings(unpaid_positives_min=4), unpaid_days=60)
    # Open the day before the first horizon: nine. One invoice as prior that settles within a month.
    day, month = np.exp(-1 / 30), np.exp(-1)
    expected = np.cumprod([(8 + day) / (9 + 1), (4 + month) / (8 + 1), (4 + month) / (4 + 1)])
    np.testing.assert_allclose(found.open_share, expected)
    assert found.horizons_days.tolist() == [0, 30, 60]
    assert found.supported_days == 60
    fall = np.log(expected[1] / expected[2]) / 30
    assert found.tail_rate == pytest.approx(fall)


@pytest.mark.parametrize(("fewest", "supported"), [(1, 60), (4, 60), (5, 0), (8, 0), (9, 0)])
def test_the_booster_is_used_where_enough_stayed_open(fewest: int, supported: int) -> None:
    outcomes = ends([-1, 0, 5, 10, 20, 30, None, None, 70, 90])
    found = pooled_curve(outcomes, (0, 30, 60), ModelSettings(unpaid_positives_min=fewest))
    assert found.supported_days == supported


@pytest.mark.parametrize("grace", [0, 30, 60])
def test_lateness_is_never_pooled(grace: int) -> None:
    # Everybody settles early: at no horizon do enough stay open.
    outcomes = ends([-1] * 40)
    found = pooled_curve(outcomes, (0, 30, 60, 90), ModelSettings(), grace_days=grace)
    assert found.supported_days == grace
    assert pooled_curve(outcomes, (0, 30, 60, 90), ModelSettings(), False, 90, grace).supported_days == grace


def test_a_failed_gate_pools_non_payment() -> None:
    outcomes = ends([None] * 60)
    wanted = ModelSettings(unpaid_positives_min=10)
    assert pooled_curve(outcomes, (0, 30, 60, 90), wanted, unpaid_days=60).supported_days == 90
    assert pooled_curve(outcomes, (0, 30, 60, 90), wanted, False, 60).supported_days == 30
    assert pooled_curve(outcomes, (0, 30, 60, 90), wanted, False, 90).supported_days == 60


def test_the_books_curve_leaves_out_the_cancelled_and_the_young() -> None:
    wanted = ModelSettings(unpaid_positives_min=1)
    plain = pooled_curve(ends([0, 10, 40, None]), (0, 30), wanted)
    cancelled = replace(ends([0, 10, 40, None, None]), cancelled=np.array([False] * 4 + [True]))
    np.testing.assert_array_equal(pooled_curve(cancelled, (0, 30), wanted).open_share, plain.open_share)
    young = ends([0, 10, 40, None, None], due=[0, 0, 0, 0, 1001])
    np.testing.assert_array_equal(pooled_curve(young, (0, 30), wanted).open_share, plain.open_share)
    half = pooled_curve(ends([0, 10, 40, None, None], due=[0, 0, 0, 0, 980]), (0, 30), wanted)
    day, month = np.exp(-1 / 30), np.exp(-1)
    np.testing.assert_allclose(half.open_share, [(4 + day) / (5 + 1), (4 + day) / 6 * (2 + month) / (3 + 1)])


def test_the_books_curve_does_not_follow_whom_it_knows_to_be_lost() -> None:
    plain = ends([0, 10, 40, None])
    lost = replace(ends([0, 10, 40, None, None]), lost_known_day=np.array([NEVER] * 4 + [0], np.int32))
    wanted = ModelSettings(unpaid_positives_min=1)
    found = [pooled_curve(outcomes, (0, 30), wanted).open_share for outcomes in (plain, lost)]
    # Both count it up to the day on which it is known to be lost, the first horizon's own.
    assert found[1][0] > found[0][0]
    assert found[1][1] / found[1][0] == pytest.approx(found[0][1] / found[0][0])


def test_a_date_beyond_the_books_is_refused(simulated: Ledger) -> None:
    with pytest.raises(ImmatureOutcomeError, match="records nothing of what was paid after"):
        train(simulated, "2026-06-30", CONFIG)


# What is written down --------------------------------------------------------------------


def test_the_manifest_says_what_was_learned_from(simulated: Ledger, simulated_model: DelayModel) -> None:
    manifest = simulated_model.manifest
    known = cut_ledger(simulated, TRAINED).invoices
    assert manifest["trained_as_of"] == "2024-06-30"
    assert manifest["period"]["invoice_count"] == known.height
    assert manifest["period"]["first_invoice"] == known["issue_date"].min().isoformat()
    assert 0.2 < manifest["period"]["late_share"] < 0.8
    assert 0 < manifest["period"]["cancelled_share"] < 0.1
    assert manifest["period"]["recording_lag_days"] > 0
    assert manifest["config"] == CONFIG.recorded()
    assert manifest["units"] == {feature.name: feature.unit for feature in CATALOGUE}
    assert set(manifest["usual"]) == set(CATALOGUE.names)
    assert manifest["usual"]["terms_days"] in (30, 45, 60)
    assert set(manifest["versions"]) == {"paydelay", "lightgbm", "numpy", "polars"}
    json.dumps(manifest, allow_nan=False)


def test_a_gate_is_written_as_plain_data(weekday_model: DelayModel) -> None:
    assert set(weekday_model.manifest["gate"]) == {"late", "unpaid"}
    for gate in weekday_model.manifest["gate"].values():
        assert set(gate) == set(Gate.__dataclass_fields__)


# Features of one's own -------------------------------------------------------------------


def test_a_feature_of_ones_own_is_learned_from(weekday_book: Ledger) -> None:
    own = Feature(
        "due_early_flag",
        "covariate",
        "flag",
        "Due at the start of a week.",
        "weekday of the due date",
        "due_weekday",
        lambda view: ((view.due_day + 3) % 7 < 3).astype(np.float64),
    )
    weekday = {"due_weekday", "run_wait_days", "run_before_due_count"}
    names = [name for name in CATALOGUE.names if name not in weekday and "weekday_" not in name]
    model = train(weekday_book, end_of(), CONFIG, catalogue=Catalogue([*CATALOGUE.select(names), own]))
    assert model.feature_names == (*names, "due_early_flag")
    gains = dict(zip(model.booster.feature_name(), model.booster.feature_importance("gain"), strict=True))
    assert max(gains, key=gains.__getitem__) in (f"Column_{len(names)}", f"Column_{len(names) + 1}")


def test_a_covariate_of_ones_own_is_learned_from_and_scored_with(weekday_book: Ledger) -> None:
    own = Feature(
        "strike",
        "covariate",
        "flag",
        "Post on strike.",
        "as published",
        "covariate",
        lambda view: view.covariate("post", "strike"),
        words={"en": "Post on strike", "fr": "Grève de la poste"},
    )
    # Published each day, and as if made for this book: on strike when the week begins.
    days = pl.date_range(START, end_of(), eager=True)
    post = pl.DataFrame({"known_on": days, "strike": (days.dt.weekday() <= 3).cast(pl.Float64)})
    catalogue = Catalogue([*CATALOGUE, own])
    covariates = {"post": post}
    model = train(weekday_book, end_of(), CONFIG, catalogue=catalogue, covariates=covariates)
    assert model.feature_names[-1] == "strike"
    assert model.manifest["usual"]["strike"] in (0.0, 1.0)
    scores = score(weekday_book, model, end_of(), catalogue=catalogue, covariates=covariates)
    assert scores.frame["prob_late"].is_between(0, 1).all()
    with pytest.raises(LedgerError, match="no covariate"):
        score(weekday_book, model, end_of(), catalogue=catalogue)
    with pytest.raises(LedgerError, match="no covariate"):
        train(weekday_book, end_of(), CONFIG, catalogue=catalogue)


@pytest.mark.parametrize("name", ["days_past_due", "run_rate_friday", "late_share_shrunk_365"])
def test_a_catalogue_without_what_training_needs_names_it(weekday_book: Ledger, name: str) -> None:
    needed = {"days_past_due", "as_of_weekday", "late_share_shrunk_365", "terms_days"}
    needed |= {each for each in CATALOGUE.names if each.startswith("run_rate_")}
    rest = {"due_count_365", "book_late_share_365", "run_count_182"}
    names = [each for each in CATALOGUE.names if each in (needed | rest) - {name}]
    with pytest.raises(FeatureMismatchError, match=name):
        train(weekday_book, end_of(), CONFIG, force=True, catalogue=CATALOGUE.select(names))
