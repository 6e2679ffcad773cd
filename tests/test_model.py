"""DelayModel: the curve and what is read off it, and the folder it is kept in."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from books import day
from hypothesis import given, settings
from hypothesis import strategies as st

import paydelay.model as module
from paydelay.calibration import MonotoneCalibration
from paydelay.config import Config, load_config
from paydelay.curve import PooledCurve
from paydelay.errors import FeatureMismatchError, ModelError, TargetError
from paydelay.features import CATALOGUE, RUN_RATE_NAMES
from paydelay.history import History, cut_ledger
from paydelay.ledger import Ledger
from paydelay.model import DelayModel, horizon_columns, horizon_matrix, lost_rows
from paydelay.panel import Panel, build_panel
from paydelay.simulate import SimulationSettings, simulate
from paydelay.training import train

CONFIG: Config = load_config(
    {
        "model": {
            "tree_count": 15,
            "learning_rate": 0.2,
            "leaf_rows_min": 20,
            "thread_count": 1,
            "unpaid_positives_min": 20,
        },
        "panel": {"step_days": 14, "warm_up_days": 60},
    }
)
SIMULATED = SimulationSettings(
    customer_count=150, month_count=16, seed=3, insolvency_yearly_share=0.1, daily_truth=False
)
TRAINED = SIMULATED.end_date - timedelta(90)


@pytest.fixture(scope="module")
def book() -> Ledger:
    found = simulate(SIMULATED)
    return Ledger.from_frames(found.invoices, found.payments, found.customers, found.events)


@pytest.fixture(scope="module")
def model(book: Ledger) -> DelayModel:
    return train(book, TRAINED, CONFIG, force=True)


@pytest.fixture(scope="module")
def panel(book: Ledger) -> Panel:
    history = History.build(book, CONFIG.ledger)
    return build_panel(history, [TRAINED, SIMULATED.end_date - timedelta(30), SIMULATED.end_date])


@pytest.fixture(scope="module")
def curve(model: DelayModel, panel: Panel) -> np.ndarray:
    return model.survival(panel)


def overdue_of(panel: Panel) -> np.ndarray:
    return panel.rows["days_past_due"].to_numpy()


# The curve -------------------------------------------------------------------------------


def test_the_curve_is_a_chance_that_never_rises(curve: np.ndarray, panel: Panel, model: DelayModel) -> None:
    assert curve.shape == (len(panel), len(model.horizons_days))
    assert len(panel) > 300
    assert np.isfinite(curve).all()
    assert ((curve >= 0) & (curve <= 1)).all()
    assert (np.diff(curve, axis=1) <= 0).all()
    assert np.ptp(curve[:, model.horizons_days.index(0)]) > 0.5


def test_what_has_passed_is_certain_and_what_has_not_is_not(
    curve: np.ndarray, panel: Panel, model: DelayModel
) -> None:
    passed = np.array(model.horizons_days)[None, :] <= overdue_of(panel)[:, None]
    assert passed.any()
    assert (curve[passed] == 1).all()
    ahead = ~passed & ~lost_rows(panel)[:, None]
    assert (curve[ahead] < 1).all()


def test_a_claim_known_to_be_lost_is_never_settled(
    curve: np.ndarray, panel: Panel, model: DelayModel
) -> None:
    lost = lost_rows(panel)
    expected = panel.rows["written_off"].to_numpy() | panel.rows["insolvent_on"].is_not_null().to_numpy()
    np.testing.assert_array_equal(lost, expected)
    assert 5 < lost.sum() < len(panel) / 2
    assert (curve[lost] == 1).all()
    unpaid = model.open_share_at(curve, overdue_of(panel), 90.0)
    assert (unpaid[lost] == 1).all()
    assert np.isnan(model.delay_quantile(curve, overdue_of(panel), 0.5, lost)[lost]).all()


def test_the_curve_follows_the_margins_up_to_the_last_supported_horizon(
    curve: np.ndarray, panel: Panel, model: DelayModel
) -> None:
    supported = [h for h in model.horizons_days if h <= model.pooled.supported_days]
    margins = model.margins(panel, supported)
    calibrated = model.calibration.probability(margins, np.array(supported, float))
    # Held flat where a calibrated chance would rise with the horizon.
    expected = np.minimum.accumulate(np.where(np.isnan(margins), 1.0, calibrated), axis=1)
    kept = ~lost_rows(panel)
    np.testing.assert_allclose(curve[kept][:, : len(supported)], expected[kept], rtol=1e-12)


def test_where_the_map_lets_the_odds_rise_what_is_told_is_kept_and_the_days_around_give_way(
    panel: Panel, model: DelayModel
) -> None:
    # The map lifts the odds from the due date to the 15th day and again up to the 60th.
    knots = np.array([-14.0, 0.0, 15.0, 60.0, 90.0])
    steps = np.array([-1.0, 4.0, 0.0, 3.0])
    rising = replace(model.calibration, horizon_knots=knots, low_drops=np.zeros(4), high_drops=np.zeros(4))
    lifted = replace(
        model,
        calibration=replace(rising, level_steps=steps),
        pooled=replace(model.pooled, supported_days=model.horizons_days[-1]),
    )
    found = lifted.survival(panel)
    assert (np.diff(found, axis=1) <= 1e-12).all()
    ahead = ~lost_rows(panel) & (overdue_of(panel) < 0)
    for days in (0, 90):
        column = model.horizons_days.index(days)
        told = lifted.calibration.probability(model.margins(panel, [days])[:, 0], np.array(float(days)))
        lower = np.minimum(told, found[:, model.horizons_days.index(0)])
        np.testing.assert_allclose(found[ahead, column], lower[ahead], rtol=1e-12)
    between = found[ahead, model.horizons_days.index(30)]
    assert (between == found[ahead, model.horizons_days.index(0)]).mean() > 0.5


def test_margins_are_missing_where_the_horizon_has_passed(panel: Panel, model: DelayModel) -> None:
    margins = model.margins(panel, [0, 45])
    overdue = overdue_of(panel)
    np.testing.assert_array_equal(np.isnan(margins), np.array([0, 45])[None, :] <= overdue[:, None])
    every = model.margins(panel)
    at = [model.horizons_days.index(0), model.horizons_days.index(45)]
    np.testing.assert_array_equal(every[:, at], margins)
    with np.errstate(invalid="ignore"):
        assert not (np.diff(every, axis=1) > 1e-9).any()


def test_a_margin_is_that_of_the_booster(panel: Panel, model: DelayModel) -> None:
    ahead = np.flatnonzero(overdue_of(panel) < 30)[:20]
    matrix = horizon_matrix(panel.X[ahead], panel.feature_names, np.array(30))
    assert matrix.shape[1] == model.booster.num_feature() == len(CATALOGUE) + 3
    expected = lightgbm.Booster(model_str=model.booster_text).predict(matrix, raw_score=True)
    np.testing.assert_array_equal(model.margins(panel.take(ahead), [30])[:, 0], expected)


def test_rows_are_scored_alike_alone_and_among_others(
    panel: Panel, model: DelayModel, curve: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = np.array([5, 0, 99])
    np.testing.assert_array_equal(model.survival(panel.take(some)), curve[some])
    monkeypatch.setattr(module, "_CHUNK_ROWS", 70)
    np.testing.assert_array_equal(model.survival(panel), curve)
    assert model.survival(panel.take(np.empty(0, np.int64))).shape == (0, curve.shape[1])


def test_columns_in_another_order_give_the_same_curve_and_others_are_refused(
    panel: Panel, model: DelayModel, curve: np.ndarray
) -> None:
    backwards = replace(panel, X=panel.X[:, ::-1], feature_names=panel.feature_names[::-1])
    np.testing.assert_array_equal(model.survival(backwards), curve)
    lacking = replace(panel, X=panel.X[:, 1:], feature_names=panel.feature_names[1:])
    with pytest.raises(FeatureMismatchError, match=f"lacks {panel.feature_names[0]}"):
        model.survival(lacking)
    more = replace(
        panel,
        X=np.concatenate([panel.X, panel.X[:, :1]], axis=1),
        feature_names=(*panel.feature_names, "colour"),
    )
    with pytest.raises(FeatureMismatchError, match="holds colour"):
        model.survival(more)


def test_trees_of_another_width_are_refused(panel: Panel, model: DelayModel) -> None:
    fewer = replace(model, feature_names=model.feature_names[:-1])
    same = replace(panel, X=panel.X[:, :-1], feature_names=panel.feature_names[:-1])
    with pytest.raises(FeatureMismatchError, match="do not belong together"):
        fewer.survival(same)


def test_scores_see_nothing_after_their_date(book: Ledger, model: DelayModel) -> None:
    when = SIMULATED.end_date - timedelta(30)
    full, cut = (
        build_panel(History.build(ledger, CONFIG.ledger), [when]) for ledger in (book, cut_ledger(book, when))
    )
    np.testing.assert_array_equal(model.survival(full), model.survival(cut))


# Columns of the horizon ------------------------------------------------------------------


def test_columns_of_the_horizon_by_hand() -> None:
    names = ["days_past_due", "as_of_weekday", *RUN_RATE_NAMES]
    rates = [0.5, 0.25, 0.0, 0.0, 0.125, 0.0, 0.0]
    X = np.array([[-3, 0, *rates], [10, 4, *rates], [10, 6, *rates]], np.float32)
    found = horizon_columns(X, names, np.array([2, 30, 5]))
    # A Monday, five days ahead: Tuesday to Saturday. A Friday, twenty: two weeks and Saturday to Thursday.
    week = sum(rates)
    assert found[0].tolist() == pytest.approx([2, 5, 0.25 + 0.125])
    assert found[1].tolist() == pytest.approx([30, 20, 2 * week + 0.5 + 0.25])
    assert found[2].tolist() == pytest.approx([5, -5, 0])
    np.testing.assert_array_equal(horizon_matrix(X, names, np.array([2, 30, 5]))[:, :-3], X)


def test_columns_of_the_horizon_name_what_they_lack() -> None:
    with pytest.raises(FeatureMismatchError, match="missing: as_of_weekday, run_rate_monday"):
        horizon_columns(np.zeros((1, 1), np.float32), ["days_past_due"], np.array(0))


# Read off the curve ----------------------------------------------------------------------


def a_model(horizons: tuple[int, ...] = (0, 10, 30), **rest: Any) -> DelayModel:
    """A model without trees, for what is read off a curve."""
    pooled = PooledCurve(np.array(horizons, float), np.linspace(0.9, 0.3, len(horizons)), 0.01, horizons[-1])
    given = {"pooled": pooled, "manifest": {"outcomes": {"grace_days": 0, "unpaid_after_days": 90}}, **rest}
    return DelayModel("", (), horizons, MonotoneCalibration.identity(), **given)


def test_a_share_between_horizons_lies_on_the_line() -> None:
    curve = np.array([[0.8, 0.6, 0.2]])

    def at(horizon: float, overdue: int) -> float:
        return float(a_model().open_share_at(curve, np.array([overdue]), horizon)[0])

    assert [at(h, -10) for h in (0, 10, 30)] == pytest.approx([0.8, 0.6, 0.2])
    assert at(5, -10) == pytest.approx(0.7)
    assert at(25, -10) == pytest.approx(0.3)
    # From 1 on the day of looking, ten days before due, to 0.8 on the due date.
    assert at(-5, -10) == pytest.approx(0.9)
    assert at(-10, -10) == 1.0
    assert at(-20, -10) == 1.0
    # Beyond the last horizon a stated share settles each day.
    assert at(40, -10) == pytest.approx(0.2 * np.exp(-0.1))


def test_a_share_of_an_overdue_invoice_starts_at_one_today() -> None:
    curve = np.array([[1.0, 0.6, 0.2]])

    def at(horizon: float, overdue: int) -> float:
        return float(a_model().open_share_at(curve, np.array([overdue]), horizon)[0])

    assert at(4, 4) == 1.0
    assert at(7, 4) == pytest.approx(0.8)
    assert at(10, 4) == pytest.approx(0.6)
    # Overdue beyond the last horizon: the stated share from today on.
    certain = a_model().open_share_at(np.ones((1, 3)), np.array([50]), 60.0)
    assert certain[0] == pytest.approx(np.exp(-0.1))
    assert a_model().open_share_at(np.ones((1, 3)), np.array([50]), 45.0)[0] == 1.0
    # Lost before the last horizon: never settled.
    assert a_model().open_share_at(np.ones((1, 3)), np.array([5]), 60.0)[0] == 1.0


def test_quantiles_by_hand() -> None:
    curve = np.array([[0.8, 0.6, 0.2]])

    def days(share: float, overdue: int = -10) -> float:
        return float(a_model().delay_quantile(curve, np.array([overdue]), share)[0])

    assert days(0.5) == 15
    assert days(0.6) == 10
    assert days(0.61) == 10
    assert days(0.59) == 11
    assert days(0.9) == -5
    assert days(0.2) == 30
    assert days(0.1) == 30 + np.ceil(np.log(2) / 0.01)
    # Overdue by 20 days, at 1 today and 0.2 in ten days.
    late = np.array([[1.0, 1.0, 0.2]])
    assert a_model().delay_quantile(late, np.array([20]), 0.6)[0] == 25
    assert a_model().delay_quantile(late, np.array([29]), 0.6)[0] == 30
    beyond = a_model().delay_quantile(np.ones((1, 3)), np.array([50]), 0.5)
    assert beyond[0] == 50 + np.ceil(np.log(2) / 0.01)


def test_a_lost_claim_has_no_expected_day() -> None:
    ones, overdue = np.ones((2, 3)), np.array([5, 50])
    found = a_model().delay_quantile(ones, overdue, 0.5, np.array([True, True]))
    assert np.isnan(found).all()
    # Of one late beyond the last horizon the curve alone cannot tell.
    assert np.isnan(a_model().delay_quantile(ones, overdue, 0.5)).tolist() == [True, False]


@st.composite
def curves(draw: st.DrawFn) -> tuple[tuple[int, ...], np.ndarray, np.ndarray]:
    """Horizons, a falling curve that is 1 up to the days past due, and those days."""
    horizons = tuple(sorted(draw(st.sets(st.integers(-30, 180), min_size=2, max_size=12))))
    overdue = draw(st.integers(-60, 200))
    falls = draw(st.lists(st.floats(0.3, 0.999), min_size=len(horizons), max_size=len(horizons)))
    curve = np.where(np.array(horizons) <= overdue, 1.0, 0.0)
    level = 1.0
    for position, horizon in enumerate(horizons):
        if horizon > overdue:
            level *= falls[position]
            curve[position] = level
    return horizons, curve[None, :], np.array([overdue])


@given(curves(), st.floats(0.02, 0.98))
def test_a_quantile_is_the_first_day_on_which_no_more_than_its_share_is_open(
    drawn: tuple[tuple[int, ...], np.ndarray, np.ndarray], share: float
) -> None:
    horizons, curve, overdue = drawn
    model = a_model(horizons)
    found = model.delay_quantile(curve, overdue, share)
    assert found[0] == np.round(found[0])
    assert found[0] > overdue[0]
    assert model.open_share_at(curve, overdue, float(found[0]))[0] <= share + 1e-9
    if found[0] > overdue[0] + 1:
        assert model.open_share_at(curve, overdue, float(found[0]) - 1)[0] > share - 1e-9


@given(curves(), st.lists(st.floats(-80, 400), min_size=2, max_size=8))
def test_shares_never_rise_with_the_horizon(
    drawn: tuple[tuple[int, ...], np.ndarray, np.ndarray], asked: list[float]
) -> None:
    horizons, curve, overdue = drawn
    model = a_model(horizons)
    shares = [model.open_share_at(curve, overdue, horizon)[0] for horizon in sorted(asked)]
    assert all(0 <= share <= 1 for share in shares)
    assert (np.diff(shares) <= 1e-12).all()


def test_the_interval_lies_ahead_and_holds_the_median(
    curve: np.ndarray, panel: Panel, model: DelayModel
) -> None:
    overdue, lost = overdue_of(panel), lost_rows(panel)
    median = model.delay_quantile(curve, overdue, 0.5, lost)
    low, high = model.delay_interval(curve, overdue, lost)
    for quantile in (low, median, high):
        np.testing.assert_array_equal(np.isnan(quantile), lost)
    kept = ~lost
    assert (low[kept] > overdue[kept]).all()
    assert (low[kept] <= median[kept]).all()
    assert (median[kept] <= high[kept]).all()
    assert (high[kept] > low[kept]).mean() > 0.9


# Beyond what can be told apart -----------------------------------------------------------


def test_beyond_the_supported_horizon_everyone_follows_the_books_curve(
    panel: Panel, model: DelayModel
) -> None:
    horizons = np.array(model.horizons_days)
    pooled = replace(model.pooled, supported_days=30)
    found = replace(model, pooled=pooled).survival(panel)
    overdue, lost = overdue_of(panel), lost_rows(panel)
    at, before = int(np.flatnonzero(horizons == 90)[0]), int(np.flatnonzero(horizons == 30)[0])
    early = (overdue < 30) & ~lost
    ratio = float(pooled.at(np.array(90.0)) / pooled.at(np.array(30.0)))
    np.testing.assert_allclose(found[early, at], found[early, before] * ratio)
    late = (overdue >= 30) & (overdue < 90) & ~lost
    assert late.sum() > 5
    np.testing.assert_allclose(
        found[late, at], float(pooled.at(np.array(90.0))) / pooled.at(overdue[late].astype(float))
    )
    assert (found[overdue >= 90, at] == 1).all()
    assert (np.diff(found, axis=1) <= 0).all()


def test_a_pooled_model_says_so(model: DelayModel) -> None:
    assert replace(model, pooled=replace(model.pooled, supported_days=75)).unpaid_is_pooled
    assert not replace(model, pooled=replace(model.pooled, supported_days=90)).unpaid_is_pooled


def test_with_no_supported_horizon_the_books_curve_is_all(panel: Panel, model: DelayModel) -> None:
    found = replace(model, pooled=replace(model.pooled, supported_days=-100)).survival(panel)
    overdue = overdue_of(panel)
    early = (overdue < model.horizons_days[0]) & ~lost_rows(panel)
    assert early.any()
    shares = model.pooled.at(np.array(model.horizons_days, float)) / model.pooled.at(overdue[early][:1] * 1.0)
    np.testing.assert_allclose(found[early], np.broadcast_to(shares, found[early].shape))


def test_the_pooled_curve_between_and_beyond_its_horizons() -> None:
    pooled = PooledCurve(np.array([0.0, 10.0]), np.array([0.8, 0.4]), 0.02, 10)
    np.testing.assert_allclose(
        pooled.at(np.array([-5.0, 0.0, 5.0, 10.0, 60.0])), [0.8, 0.8, 0.6, 0.4, 0.4 * np.exp(-1.0)]
    )
    again = PooledCurve.from_dict(json.loads(json.dumps(pooled.to_dict())))
    assert again.to_dict() == pooled.to_dict()
    flat = PooledCurve.flat([0, 90])
    assert flat.supported_days == 90
    assert flat.at(np.array([-30.0, 0.0])).tolist() == [1.0, 1.0]


# The folder ------------------------------------------------------------------------------


def test_a_saved_model_scores_as_before(
    model: DelayModel, panel: Panel, curve: np.ndarray, tmp_path: Path
) -> None:
    folder = model.save(tmp_path / "models" / "first")
    assert sorted(file.name for file in folder.iterdir()) == ["booster.txt", "manifest.json"]
    again = DelayModel.load(folder, thread_count=1)
    np.testing.assert_array_equal(again.survival(panel), curve)
    assert again.feature_names == model.feature_names
    assert again.horizons_days == model.horizons_days
    assert again.version == model.version
    assert again.unpaid_is_pooled == model.unpaid_is_pooled
    second = DelayModel.load(again.save(tmp_path / "second"), thread_count=1)
    np.testing.assert_array_equal(second.survival(panel), curve)
    assert (tmp_path / "second/manifest.json").read_text() == (folder / "manifest.json").read_text()


def test_a_model_is_named_by_its_date_and_its_trees(model: DelayModel) -> None:
    assert model.version.startswith(f"{TRAINED.isoformat()}-")
    assert len(model.version) == len("2024-01-01-") + 8
    grown_elsewhere = model.booster_text.replace("[num_threads: 1]", "[num_threads: 8]")
    assert grown_elsewhere != model.booster_text
    assert replace(model, booster_text=grown_elsewhere).version == model.version
    other_trees = model.booster_text.replace("leaf_value=", "leaf_value=0", 1)
    assert replace(model, booster_text=other_trees).version != model.version
    assert replace(model, calibration=MonotoneCalibration.identity()).version != model.version


def test_the_manifest_is_plain_json_with_nothing_of_a_customer(
    model: DelayModel, book: Ledger, tmp_path: Path
) -> None:
    text = (model.save(tmp_path / "model") / "manifest.json").read_text("utf-8")

    def refused(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    manifest = json.loads(text, parse_constant=refused)
    assert manifest["feature_names"] == list(CATALOGUE.names)
    assert manifest["horizons_days"] == list(model.horizons_days)
    assert manifest["trained_as_of"] == TRAINED.isoformat()
    for identifier in [*book.customers["customer_id"], *book.invoices["invoice_id"][:200]]:
        assert f'"{identifier}"' not in text


def test_a_gain_that_could_not_be_measured_is_kept_as_null(model: DelayModel, tmp_path: Path) -> None:
    nothing = {"gain": {"value": None, "low": None, "high": None}, "figures": {}, "passed": False}
    unjudged = replace(model, manifest=model.manifest | {"gate": {"late": nothing, "unpaid": nothing}})
    again = DelayModel.load(unjudged.save(tmp_path / "model"))
    assert again.manifest["gate"]["late"] == nothing


def test_saving_again_replaces_the_model_and_leaves_nothing_behind(model: DelayModel, tmp_path: Path) -> None:
    folder = model.save(tmp_path / "model")
    (tmp_path / "empty").mkdir()
    model.save(tmp_path / "empty")
    changed = replace(model, manifest=model.manifest | {"remark": "second"})
    changed.save(folder)
    assert DelayModel.load(folder).manifest["remark"] == "second"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["empty", "model"]


@pytest.mark.parametrize(
    "files",
    [
        {"notes.txt": "mine"},
        {"manifest.json": '{"name": "a web page"}'},
        {"manifest.json": "{}", "booster.txt": "", "notes.txt": "mine"},
        {"manifest.json": "{}", "index.html": "<html>"},
    ],
    ids=["no model", "another's manifest", "a model and more", "a site"],
)
def test_a_folder_that_holds_something_else_is_left_alone(
    model: DelayModel, tmp_path: Path, files: dict[str, str]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    with pytest.raises(TargetError, match="something else than a model"):
        model.save(folder)
    assert {file.name: file.read_text() for file in folder.iterdir()} == files
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_a_file_is_no_place_for_a_model(model: DelayModel, tmp_path: Path) -> None:
    file = tmp_path / "model"
    file.write_text("mine")
    with pytest.raises(TargetError, match="is not a folder"):
        model.save(file)
    with pytest.raises(TargetError, match="cannot be written"):
        model.save(file / "below")
    assert file.read_text() == "mine"


def test_a_disk_that_fails_leaves_the_old_model_whole(
    model: DelayModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = model.save(tmp_path / "model")
    before = (folder / "manifest.json").read_text()
    write = Path.write_text

    def full(self: Path, text: str, *rest: Any, **more: Any) -> int:
        if self.name == "manifest.json":
            raise OSError(28, "No space left on device")
        return write(self, text, *rest, **more)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(TargetError, match="No space left"):
        replace(model, manifest={"remark": "second"}).save(folder)
    assert (folder / "manifest.json").read_text() == before
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


@pytest.fixture
def saved(model: DelayModel, tmp_path: Path) -> Path:
    return model.save(tmp_path / "model")


def rewrite(folder: Path, **changed: Any) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | changed))


def test_a_missing_folder_or_file_is_named(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere is not there; give the folder"):
        DelayModel.load(tmp_path / "nowhere")
    (saved / "booster.txt").unlink()
    with pytest.raises(ModelError, match=r"booster\.txt cannot be read"):
        DelayModel.load(saved)
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(ModelError, match=r"manifest\.json cannot be read"):
        DelayModel.load(file)


@pytest.mark.parametrize("cut", [0, 1, 500, -2])
def test_a_truncated_manifest_is_named(saved: Path, cut: int) -> None:
    text = (saved / "manifest.json").read_text()
    (saved / "manifest.json").write_text(text[:cut])
    with pytest.raises(ModelError, match=r"manifest\.json in .* is not JSON"):
        DelayModel.load(saved)


@pytest.mark.parametrize("name", ["manifest.json", "booster.txt"])
def test_a_file_that_is_not_text_is_named(saved: Path, name: str) -> None:
    (saved / name).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match=rf"{name} in .* is not text"):
        DelayModel.load(saved)


@pytest.mark.parametrize("change", [lambda text: text[:-40], lambda text: text.replace("0.1", "0.2", 1)])
def test_altered_trees_are_refused(saved: Path, change: Any) -> None:
    text = (saved / "booster.txt").read_text()
    assert change(text) != text
    (saved / "booster.txt").write_text(change(text))
    with pytest.raises(ModelError, match=r"booster\.txt in .* was altered"):
        DelayModel.load(saved)


def test_an_altered_manifest_is_refused(saved: Path, model: DelayModel) -> None:
    # Two features swapped would give other scores without a word.
    swapped = [model.feature_names[1], model.feature_names[0], *model.feature_names[2:]]
    rewrite(saved, feature_names=swapped)
    with pytest.raises(ModelError, match=r"manifest\.json in .* was altered"):
        DelayModel.load(saved)
    rewrite(saved, feature_names=list(model.feature_names))
    assert DelayModel.load(saved).feature_names == model.feature_names
    rewrite(saved, pooled=model.pooled.to_dict() | {"tail_rate": 0.5})
    with pytest.raises(ModelError, match=r"manifest\.json in .* was altered"):
        DelayModel.load(saved)


def test_a_manifest_in_another_layout_is_the_same_manifest(saved: Path, model: DelayModel) -> None:
    manifest = json.loads((saved / "manifest.json").read_text())
    (saved / "manifest.json").write_text(json.dumps(dict(reversed(manifest.items()))))
    assert DelayModel.load(saved).version == model.version


@pytest.mark.parametrize("version", [2, 0, "1", None])
def test_a_model_of_another_version_says_which(saved: Path, version: Any) -> None:
    rewrite(saved, schema_version=version)
    with pytest.raises(ModelError, match=rf"manifest\.json in .* schema version {version} .* version 1"):
        DelayModel.load(saved)


@pytest.mark.parametrize("text", ["[]", "3", '"model"', "null"])
def test_json_that_is_no_manifest_is_refused(saved: Path, text: str) -> None:
    (saved / "manifest.json").write_text(text)
    with pytest.raises(ModelError, match=r"manifest\.json in .* schema version None"):
        DelayModel.load(saved)


@pytest.mark.parametrize("name", ["feature_names", "horizons_days", "calibration", "pooled"])
def test_a_manifest_that_lacks_a_part_is_refused(
    saved: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = json.loads((saved / "manifest.json").read_text())
    del manifest[name]
    manifest["manifest_sha256"] = module._manifest_fingerprint(manifest)
    (saved / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=r"manifest\.json in .* lacks what scoring needs"):
        DelayModel.load(saved)


@settings(max_examples=20, deadline=None)
@given(st.integers(-20, 200), st.integers(0, 6))
def test_the_columns_of_the_horizon_count_the_days_ahead(ahead: int, weekday: int) -> None:
    monday = day("2024-01-01")
    as_of = monday + timedelta(weekday)
    names = ["days_past_due", "as_of_weekday", *RUN_RATE_NAMES]
    rates = np.arange(7) / 10.0
    X = np.array([[0, weekday, *rates]], np.float32)
    walked = sum(rates[(as_of + timedelta(n)).weekday()] for n in range(1, max(ahead, 0) + 1))
    found = horizon_columns(X, names, np.array(ahead))[0]
    assert found.tolist() == pytest.approx([ahead, ahead, walked], abs=1e-5)


def test_what_is_printed_of_a_model_is_a_line(model: DelayModel) -> None:
    assert repr(model) == (
        f"DelayModel(trained as of {TRAINED}, {len(model.feature_names)} features, "
        f"{len(model.horizons_days)} horizons)"
    )
