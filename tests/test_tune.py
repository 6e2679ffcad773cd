"""Tuning: by what was known before the last fold, the same every time, and told honestly."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rich.console import Console

from paydelay import SimulationSettings, load_config, simulate, train, tune
from paydelay.backtest.judging import judged_late
from paydelay.backtest.replay import replay
from paydelay.config import Config
from paydelay.errors import ConfigError, LeakageError, TargetError, ThinLedgerError
from paydelay.features import CATALOGUE, Catalogue, Feature
from paydelay.folds import Fold
from paydelay.intervals import Interval
from paydelay.ledger import Ledger
from paydelay.metrics import AreaUnderCurve, log_loss
from paydelay.outcomes import last_recorded_day
from paydelay.report import print_tuning
from paydelay.tune import Tuning, judging
from paydelay.tune.search import Budget, search
from paydelay.tune.space import Dimension, search_space, settings_of, with_settings

SETTINGS = {
    "model": {"tree_count": 5, "leaf_rows_min": 20, "thread_count": 1},
    "panel": {"step_days": 14},
    "backtest": {"fold_count": 3, "fold_days": 21, "history_min_days": 180, "replicate_count": 20},
}
CONFIG = load_config(SETTINGS)


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    book = simulate(SimulationSettings(customer_count=60, month_count=14, seed=11))
    return Ledger.from_frames(book.invoices, book.payments, book.customers, book.events)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tuned")


@pytest.fixture(scope="module")
def tuned(ledger: Ledger, home: Path) -> Tuning:
    return tune(ledger, CONFIG, home, trials=4)


# What judges ------------------------------------------------------------------------------


def test_a_trial_is_judged_by_what_was_known_before_the_last_fold_is_trained(tuned: Tuning) -> None:
    *earlier, last = tuned.folds
    assert len(earlier) == 2
    for fold in earlier:
        assert fold.labels_at == last.train_as_of
        assert max(fold.as_ofs) < last.train_as_of
    assert last.labels_at > max(last.as_ofs)


def test_nothing_recorded_after_the_last_training_changes_a_trial(
    ledger: Ledger, tuned: Tuning, tmp_path: Path
) -> None:
    cut, end = tuned.folds[-1].train_as_of, last_recorded_day(ledger)
    # Of what came later only some stays, which says where the books end.
    some = (pl.col("known_on") == end) | (pl.col("known_on").dt.day() % 10 == 0)
    known = (pl.col("known_on") <= cut) | some
    other = replace(ledger, invoices=ledger.invoices, payments=ledger.payments.filter(known))
    assert other.payments.height < ledger.payments.height - 50
    again = tune(other, CONFIG, tmp_path, trials=4)
    assert_frame_equal(again.trials, tuned.trials)
    assert again.held_out != tuned.held_out


def test_figures_are_those_of_the_backtest(ledger: Ledger, tuned: Tuning) -> None:
    last = tuned.folds[-1]
    replayed = judged_late(replay(ledger, [last], CONFIG)[0])
    said = replayed.said["model"]
    assert tuned.row_count == len(replayed) > 50
    assert tuned.held_out["given"]["log_loss"] == pytest.approx(log_loss(said, replayed.came), abs=1e-12)
    assert tuned.held_out["given"]["auc"] == pytest.approx(AreaUnderCurve(said, replayed.came)(), abs=1e-12)
    first = tuned.trials.row(0, named=True)
    losses = []
    for fold in tuned.folds[:-1]:
        rows = judged_late(replay(ledger, [fold], CONFIG)[0])
        losses.append(log_loss(rows.said["model"], rows.came))
    assert first["log_loss"] == pytest.approx(np.mean(losses), abs=1e-12)


def test_the_model_of_the_best_trial_is_that_of_train(
    ledger: Ledger, tuned: Tuning, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown = []

    def watched(*given: Any, **named: Any) -> Any:
        grown.append(train(*given, **named))
        return grown[-1]

    monkeypatch.setattr(judging, "train", watched)
    tune(ledger, CONFIG, home, trials=4, resume=True)
    assert len(grown) == (1 if tuned.best_trial == 1 else 2)
    alone = train(ledger, tuned.folds[-1].train_as_of, tuned.best, force=True)
    assert grown[-1].version == alone.version


# The trials -------------------------------------------------------------------------------


def test_the_first_trial_is_as_given_and_every_other_within_its_range(tuned: Tuning) -> None:
    space = search_space(CONFIG, 400)
    assert tuned.setting_names == [dimension.name for dimension in space]
    first = tuned.trials.row(0, named=True)
    assert {name: first[name] for name in tuned.setting_names} == settings_of(CONFIG, tuned.setting_names)
    assert (first["log_loss_gain"], first["pruned"]) == (0.0, False)
    for dimension in space:
        assert tuned.trials[dimension.name].is_between(dimension.low, dimension.high).all(), dimension
        assert tuned.trials[dimension.name].n_unique() > 1, dimension


def test_two_trials_and_two_more_are_the_same_as_four(
    ledger: Ledger, tuned: Tuning, home: Path, tmp_path: Path
) -> None:
    assert tune(ledger, CONFIG, tmp_path, trials=2).trials.height == 2
    resumed = tune(ledger, CONFIG, tmp_path, trials=4, resume=True)
    assert_frame_equal(resumed.trials, tuned.trials)
    for name in ("best.yaml", "trials.csv", "tune.json"):
        assert (tmp_path / name).read_bytes() == (home / name).read_bytes(), name


def test_a_search_broken_off_within_a_trial_goes_on_as_if_it_had_not_been(
    ledger: Ledger, tuned: Tuning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[date] = []

    def until_somebody_stops_it(books: Ledger, as_of: date, *given: Any, **named: Any) -> Any:
        trained.append(as_of)
        if len(trained) in {2, 5}:
            raise KeyboardInterrupt
        return train(books, as_of, *given, **named)

    monkeypatch.setattr(judging, "train", until_somebody_stops_it)
    for again in (False, True):
        with pytest.raises(KeyboardInterrupt):
            tune(ledger, CONFIG, tmp_path, trials=4, resume=again)
        assert {path.name for path in tmp_path.iterdir()} == {"tune.journal"}
    # As if the machine had lost its power while a line was written.
    with (tmp_path / "tune.journal").open("ab") as journal:
        journal.write(b'{"op_code":')
    assert_frame_equal(tune(ledger, CONFIG, tmp_path, trials=4, resume=True).trials, tuned.trials)


def by_leaf_count(settings: dict[str, int | float]) -> dict[str, float]:
    return {"log_loss": 0.5 + abs(settings["model.leaf_count"] - 20) / 100}


def searched(
    folder: Path, trials: int, judge: Callable[[Any], dict[str, float]] = by_leaf_count, **changed: Any
) -> list[Any]:
    named: dict[str, Any] = {
        "journal": folder / "tune.journal",
        "identity": {"ledger": "a", "settings": "b"},
        "space": [Dimension("model.leaf_count", 7, 63)],
        "given": {"model.leaf_count": 31},
        "judges": [judge] * 3,
        "budget": Budget(trials, None),
        "seed": 7,
        "told": lambda _: None,
    }
    return search(**(named | changed))


def test_a_trial_behind_most_others_is_stopped_and_none_of_the_first_four(tmp_path: Path) -> None:
    found = searched(tmp_path, 25)
    pruned = [result.pruned for result in found]
    assert not any(pruned[:4])
    assert 3 < sum(pruned) < 22
    worst_kept = max(by_leaf_count(result.settings)["log_loss"] for result in found if not result.pruned)
    for result in found:
        assert len(result.figures) == (1 if result.pruned else 3)
    best = min(found, key=lambda result: result.figures[0]["log_loss"])
    assert abs(best.settings["model.leaf_count"] - 20) <= 2
    assert worst_kept > best.figures[0]["log_loss"]


def test_a_fold_harder_for_everybody_stops_nobody(tmp_path: Path) -> None:
    # Every trial does alike on each fold, the second being far the hardest.
    judges = [lambda _, loss=loss: {"log_loss": loss} for loss in (0.2, 0.9, 0.4)]
    assert not any(result.pruned for result in searched(tmp_path, 8, judges=judges))


def test_another_seed_is_another_search(tmp_path: Path) -> None:
    taken = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        (tmp_path / name).mkdir()
        taken.append([result.settings for result in searched(tmp_path / name, 12, seed=seed)])
    assert taken[0] == taken[1] != taken[2]


def test_minutes_end_a_search_that_has_begun_and_the_first_trial_is_always_run(tmp_path: Path) -> None:
    assert len(searched(tmp_path, 9, budget=Budget(None, 1e-9))) == 1
    assert len(searched(tmp_path, 9, budget=Budget(None, 1e-9))) == 1
    assert len(searched(tmp_path, 9, budget=Budget(3, 60.0))) == 3


def test_what_optuna_logs_is_left_out_and_its_level_put_back(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = optuna.logging.get_verbosity()
    searched(tmp_path, 2)
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")


def test_each_trial_is_told_before_it_begins(tmp_path: Path) -> None:
    told: list[int] = []
    searched(tmp_path, 2, told=told.append)
    searched(tmp_path, 4, told=told.append)
    assert told == [1, 2, 3, 4]


# The space --------------------------------------------------------------------------------


def test_the_settings_given_always_lie_in_the_space() -> None:
    given = load_config({"model": {"leaf_count": 500, "learning_rate": 0.001, "l2_penalty": 0}})
    for dimension in search_space(given, 100):
        value = settings_of(given, [dimension.name])[dimension.name]
        assert dimension.low <= value <= dimension.high
        assert not dimension.log or dimension.low > 0, dimension


def test_a_window_that_expands_has_no_length_to_search(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"backtest": SETTINGS["backtest"] | {"window": "expanding"}, "panel": {"history_days": 60}}
    given = load_config(SETTINGS | asked)
    names = [dimension.name for dimension in search_space(given, 800)]
    assert "panel.history_days" not in names
    assert [*names, "panel.history_days"] == [each.name for each in search_space(CONFIG, 800)]
    looked_back: list[int] = []

    def watched(books: Ledger, as_of: date, config: Config, **named: Any) -> Any:
        looked_back.append(config.panel.history_days)
        return train(books, as_of, config, **named)

    monkeypatch.setattr(judging, "train", watched)
    found = tune(ledger, given, tmp_path, trials=1)
    assert min(looked_back) > 500
    assert found.config.panel.history_days == 60


def test_settings_are_changed_by_name_and_nothing_else_is() -> None:
    changed = with_settings(CONFIG, {"model.leaf_count": 9, "panel.history_days": 400})
    assert (changed.model.leaf_count, changed.panel.history_days) == (9, 400)
    restored = with_settings(changed, settings_of(CONFIG, ["model.leaf_count", "panel.history_days"]))
    assert restored.model_dump() == CONFIG.model_dump()


# Features and tables of one's own ----------------------------------------------------------


def with_feature(compute: Callable[[Any], np.ndarray], name: str) -> Catalogue:
    words = {"en": name, "fr": name}
    own = Feature(name, "covariate", "count", "One's own.", "Its own.", "covariate", compute, words=words)
    return Catalogue([*CATALOGUE, own])


def test_a_feature_that_peeks_is_refused_before_any_trial(ledger: Ledger, tmp_path: Path) -> None:
    def leaky(books: Ledger) -> Catalogue:
        return with_feature(lambda view: np.full(len(view), books.payments.height), "payments_in_all")

    def too_late(number: int) -> None:
        pytest.fail(f"trial {number} was begun")

    with pytest.raises(LeakageError, match="payments_in_all"):
        tune(ledger, CONFIG, tmp_path, trials=1, catalogue=leaky, told=too_late)
    assert list(tmp_path.iterdir()) == []


def test_a_table_of_ones_own_is_tuned_with_as_far_as_it_was_known(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[date, date, str]] = []

    def watched(books: Ledger, as_of: date, config: Config, **named: Any) -> Any:
        model = train(books, as_of, config, **named)
        seen.append((as_of, named["covariates"]["rates"]["known_on"].max(), model.feature_names[-1]))
        return model

    monkeypatch.setattr(judging, "train", watched)
    two = load_config(SETTINGS | {"backtest": SETTINGS["backtest"] | {"fold_count": 2}})
    days = pl.date_range(ledger.invoices["known_on"].min(), last_recorded_day(ledger), eager=True)
    rates = pl.DataFrame({"known_on": days, "key_rate": np.arange(len(days)) / 100.0})
    own = with_feature(lambda view: view.covariate("rates", "key_rate"), "key_rate")
    given = {"trials": 1, "catalogue": lambda _: own}
    found = tune(ledger, two, tmp_path, covariates={"rates": rates}, **given)
    first, last = (fold.train_as_of for fold in found.folds)
    assert seen == [(first, last, "key_rate"), (last, days[-1], "key_rate")]
    # What is published after the last training is not known to a trial, and changes none.
    later = rates.with_columns(key_rate=pl.when(pl.col("known_on") > last).then(9.0).otherwise("key_rate"))
    tune(ledger, two, tmp_path, covariates={"rates": later}, resume=True, **given)
    with pytest.raises(TargetError, match=r"not the same covariates; give another folder"):
        tune(ledger, two, tmp_path, covariates={"rates": rates[1:]}, resume=True, **given)


# What is refused --------------------------------------------------------------------------


def test_a_search_is_not_begun_over_nor_mixed_with_another(
    ledger: Ledger, home: Path, tuned: Tuning, tmp_path: Path
) -> None:
    before = {path.name: path.read_bytes() for path in home.iterdir()}
    with pytest.raises(TargetError, match=r"holds the trials of a search already; continue it with --resume"):
        tune(ledger, CONFIG, home, trials=1)
    other = load_config(SETTINGS | {"loss": {"recovery_days": 90}})
    with pytest.raises(TargetError, match=r"not the same settings; give another folder"):
        tune(ledger, other, home, trials=7, resume=True)
    fewer = replace(ledger, payments=ledger.payments[1:])
    with pytest.raises(TargetError, match=r"not the same ledger; give another folder"):
        tune(fewer, CONFIG, home, trials=7, resume=True)
    assert {path.name: path.read_bytes() for path in home.iterdir()} == before
    (tmp_path / "file").write_text("no folder", "utf-8")
    with pytest.raises(TargetError, match="not a folder"):
        tune(ledger, CONFIG, tmp_path / "file", trials=1)
    with pytest.raises(TargetError, match=r"cannot be written to \(NotADirectoryError\)"):
        tune(ledger, CONFIG, tmp_path / "file" / "below", trials=1)


def test_threads_and_draws_do_not_make_another_search(
    ledger: Ledger, home: Path, tuned: Tuning, tmp_path: Path
) -> None:
    shutil.copy(home / "tune.journal", tmp_path)
    model, backtest = SETTINGS["model"] | {"thread_count": 2}, SETTINGS["backtest"] | {"replicate_count": 30}
    same = load_config(SETTINGS | {"model": model, "backtest": backtest})
    assert_frame_equal(tune(ledger, same, tmp_path, trials=4, resume=True).trials, tuned.trials)


@pytest.mark.parametrize(
    "text", ["no journal\nat all\n", '{"op_code": 99}\n{}\n', "[]\n[]\n", "\xff\xfe\n\n"]
)
def test_a_journal_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "tune.journal").write_text(text, "latin-1")
    with pytest.raises(TargetError, match=r"cannot be read \(\w+\); remove it"):
        searched(tmp_path, 1)


@pytest.mark.parametrize(
    ("budget", "said"),
    [({"trials": 0}, "at least 1"), ({"minutes": 0.0}, "above 0"), ({"minutes": float("nan")}, "above 0")],
)
def test_a_budget_of_nothing_is_refused(
    ledger: Ledger, tmp_path: Path, budget: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        tune(ledger, CONFIG, tmp_path, **budget)
    assert list(tmp_path.iterdir()) == []


def test_one_fold_is_too_few(ledger: Ledger, tmp_path: Path) -> None:
    one = load_config(SETTINGS | {"backtest": {"fold_count": 1}})
    with pytest.raises(ConfigError, match="give at least 2"):
        tune(ledger, one, tmp_path)
    short = load_config(SETTINGS | {"backtest": {"fold_count": 2, "fold_days": 150}})
    with pytest.raises(ThinLedgerError, match="one fold only"):
        tune(ledger, short, tmp_path)
    empty = replace(ledger, invoices=ledger.invoices.clear(), payments=ledger.payments.clear())
    with pytest.raises(ThinLedgerError, match="no invoice"):
        tune(empty, CONFIG, tmp_path)
    assert list(tmp_path.iterdir()) == []


# What is left behind ----------------------------------------------------------------------


def test_the_files_hold_the_trials_the_verdict_and_settings_to_go_on_with(
    ledger: Ledger, tuned: Tuning, home: Path
) -> None:
    written = pl.read_csv(home / "trials.csv")
    assert written["trial"].to_list() == [1, 2, 3, 4]
    assert np.allclose(written["log_loss"], tuned.trials["log_loss"], rtol=0, atol=1e-12)
    facts = json.loads((home / "tune.json").read_text("utf-8"))
    assert facts == tuned.to_dict()
    assert facts["won"] == tuned.won
    assert facts["held_out"]["gain"]["log_loss"]["value"] == tuned.gains["log_loss"].value
    assert load_config(home / "best.yaml").model_dump() == tuned.config.model_dump()


def told(trials: pl.DataFrame, gain: Interval) -> Tuning:
    day = date(2025, 1, 6)
    folds = [Fold(n, day + timedelta(28 * n), (day + timedelta(28 * n),), day) for n in (1, 2, 3)]
    held_out = {who: {"log_loss": 0.5, "auc": 0.75, "captured_20": 0.5} for who in ("given", "best")}
    best = with_settings(Config(), {"model.leaf_count": 9})
    gains = {"log_loss": gain, "auc": Interval(0.0, -0.1, 0.1), "captured_20": Interval(0.0, -0.1, 0.1)}
    return Tuning(trials, Config(), best, held_out, gains, 1234, tuple(folds))


TRIALS = pl.DataFrame(
    {
        "trial": [1, 2, 3],
        "pruned": [False, True, False],
        "fold_count": [2, 1, 2],
        "log_loss": [0.5, 0.3, 0.45],
        "log_loss_gain": [0.0, 0.1, 0.05],
        "auc": [0.75, 0.8, 0.77],
        "captured_20": [0.5, 0.5, 0.625],
        "model.leaf_count": [31, 20, 9],
    }
)


def test_a_trial_stopped_early_is_never_the_best_and_a_gain_must_clear_its_interval(tmp_path: Path) -> None:
    clear, unsure = Interval(0.02, 0.01, 0.03), Interval(0.02, -0.01, 0.05)
    assert told(TRIALS, clear).best_trial == 3
    assert told(TRIALS, clear).config.model.leaf_count == 9
    assert told(TRIALS, unsure).config.model.leaf_count == Config().model.leaf_count
    assert told(TRIALS[:2], clear).won is False
    told(TRIALS, unsure).write(tmp_path)
    # As given, and said outright: a default may change.
    assert f"leaf_count: {Config().model.leaf_count}" in (tmp_path / "best.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("language", "gain", "count", "said"),
    [
        ("en", Interval(0.02, 0.01, 0.03), 3, "it saves 0.0200 of log-loss (95% interval 0.0100 to 0.0300)"),
        ("en", Interval(0.02, -0.01, 0.05), 3, "is not shown to beat the settings given"),
        ("en", Interval(0.0, 0.0, 0.0), 1, "No trial did better than the settings given"),
        ("fr", Interval(0.02, 0.01, 0.03), 3, "fait mieux que les réglages fournis"),
        ("fr", Interval(0.02, -0.01, 0.05), 3, "Il n'est pas établi que le meilleur essai"),
    ],
)
def test_the_verdict_is_told(language: str, gain: Interval, count: int, said: str) -> None:
    out = io.StringIO()
    print_tuning(told(TRIALS[:count], gain), language, console=Console(file=out, width=500))
    text = out.getvalue()
    assert said in text
    assert "model.leaf_count" in text
    assert ("3 trials. 1 of them was stopped early" in text) == (language == "en" and count == 3)


def test_the_tables_fit_a_narrow_terminal() -> None:
    out = io.StringIO()
    print_tuning(told(TRIALS, Interval(0.02, 0.01, 0.03)), "fr", console=Console(file=out, width=80))
    assert max(map(len, out.getvalue().splitlines())) <= 80
