"""Promotion: recipes on the same folds, refreshes on days neither model saw, one at a time, by force."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from calls import one_sentence, run
from proofs import SETTINGS, small_ledger

from paydelay import Config, DelayModel, Ledger, load_config, log_training, promote, train
from paydelay.errors import ConcurrentPromotionError, ConfigError, ThinLedgerError, TrackingError
from paydelay.features import CATALOGUE
from paydelay.intervals import Interval
from paydelay.tracking import Comparison, Promotion, claim, promotion
from paydelay.tracking.contest import compared, same_recipe
from paydelay.tracking.store import Store, connect

pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow")  # deprecated calls within mlflow 3.17

TRAINED, REFRESHED = "2024-04-30", "2024-05-31"
POOR = {**SETTINGS, "model": {**SETTINGS["model"], "tree_count": 1, "learning_rate": 0.001}}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("promoted")


@pytest.fixture(scope="module")
def config(home: Path) -> Config:
    return load_config({**SETTINGS, "tracking": {"uri": f"sqlite:///{home}/mlflow.db"}})


@pytest.fixture(scope="module")
def store(config: Config) -> Store:
    return connect(config.tracking)


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return small_ledger()


@pytest.fixture(scope="module")
def books(home: Path, ledger: Ledger) -> Path:
    ledger.write(home / "books")
    return home / "books"


@pytest.fixture(scope="module")
def own(home: Path, config: Config) -> Path:
    (home / "own.yaml").write_text(yaml.safe_dump(config.model_dump()), "utf-8")
    return home / "own.yaml"


@pytest.fixture(scope="module")
def good(ledger: Ledger, config: Config) -> DelayModel:
    return train(ledger, TRAINED, config, force=True)


@pytest.fixture(scope="module")
def poor(ledger: Ledger) -> DelayModel:
    return train(ledger, TRAINED, load_config(POOR), force=True)


@pytest.fixture(scope="module")
def refresh(ledger: Ledger, config: Config) -> DelayModel:
    return train(ledger, REFRESHED, config, force=True)


def gated(model: DelayModel, passed: bool) -> DelayModel:
    gate = {**model.manifest["gate"], "late": {**model.manifest["gate"]["late"], "passed": passed}}
    return replace(model, manifest={**model.manifest, "gate": gate})


class Registry:
    """Puts models into the registry as they would have come there."""

    def __init__(self, store: Store, ledger: Ledger, config: Config) -> None:
        self.store, self.ledger, self.config, self.count = store, ledger, config, 0

    def of(self, *models: DelayModel) -> str:
        """A registered model whose versions these are, the first the champion if there are two."""
        self.count += 1
        name = f"book-{self.count}"
        for model in models:
            log_training(model, self.ledger, self.config, register=name)
        if len(models) > 1:
            self.store.client.set_registered_model_alias(name, "champion", "1")
        return name

    def champion(self, name: str) -> str | None:
        found = self.store.client.get_registered_model(name).aliases.get("champion")
        return None if found is None else str(found)


@pytest.fixture(scope="module")
def registry(store: Store, ledger: Ledger, config: Config) -> Registry:
    return Registry(store, ledger, config)


Comparing = Callable[..., Comparison]


@pytest.fixture(scope="module")
def compared_once() -> Comparing:
    """A comparison of two models on the same books, made once for all tests that come to it."""
    made: dict[tuple[str, str, str], Comparison] = {}

    def once(champion: DelayModel, challenger: DelayModel, ledger: Ledger, *more: Any) -> Comparison:
        key = (champion.version, challenger.version, ledger.fingerprint())
        if key not in made:
            made[key] = compared(champion, challenger, ledger, *more)
        return made[key]

    return once


def gains(**intervals: tuple[float, float]) -> dict[str, Interval]:
    return {name: Interval((low + high) / 2.0, low, high) for name, (low, high) in intervals.items()}


# By the figures -------------------------------------------------------------------------------


def test_a_better_recipe_is_promoted_and_the_decision_is_written_down(
    registry: Registry,
    poor: DelayModel,
    good: DelayModel,
    ledger: Ledger,
    config: Config,
    tmp_path: Path,
    compared_once: Comparing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(promotion, "compared", compared_once)
    name = registry.of(poor, good)
    decision = promote(name, ledger, config)
    assert (decision.promoted, decision.why, decision.forced) == (True, "better", False)
    assert registry.champion(name) == "2"
    comparison = decision.comparison
    assert comparison is not None
    assert comparison.kind == "new_recipe"
    assert comparison.gains["log_loss"].low > 0.0
    assert [fold.number for fold in comparison.folds] == [1, 2]
    ours, theirs = (comparison.figures[who]["log_loss"] for who in ("challenger", "champion"))
    assert comparison.gains["log_loss"].value == pytest.approx(theirs - ours, abs=1e-12)
    version = registry.store.client.get_model_version(name, "2")
    assert version.tags["paydelay.promotion"] == "promoted"
    assert version.tags["paydelay.promotion_over"] == "1"
    assert version.tags["paydelay.promotion_ledger_sha256"] == ledger.fingerprint()
    written = registry.store.client.list_artifacts(version.run_id, "promotion")
    file = registry.store.client.download_artifacts(version.run_id, written[0].path, str(tmp_path))
    said = json.loads(Path(file).read_text())
    assert said["comparison"]["gains"]["log_loss"]["low"] == comparison.gains["log_loss"].low
    with pytest.raises(TrackingError, match="champion and challenger already"):
        promote(name, ledger, config)


def test_a_worse_recipe_is_not_and_the_command_says_why(
    registry: Registry,
    poor: DelayModel,
    good: DelayModel,
    books: Path,
    own: Path,
    compared_once: Comparing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(promotion, "compared", compared_once)
    name = registry.of(good, poor)
    ran = run("promote", name, "--ledger", books, "--config", own)
    said = " ".join(ran.out.split())
    assert (ran.code, ran.err) == (1, "")
    assert "It is worse in log-loss" in said
    assert f"Not promoted: version 2 of {name} stays challenger." in said
    assert registry.champion(name) == "1"
    assert registry.store.client.get_model_version(name, "2").tags["paydelay.promotion"] == "refused"
    french = run("promote", name, "--ledger", books, "--config", own, "--language", "fr")
    assert f"Non promue : la version 2 de {name} reste challenger." in " ".join(french.out.split())
    # By force, with a reason that is kept.
    forced = run("promote", name, "--ledger", books, "--config", own, "--force", "--reason", "audit 17")
    assert (forced.code, forced.err) == (0, "")
    assert registry.champion(name) == "2"
    tags = registry.store.client.get_model_version(name, "2").tags
    assert (tags["paydelay.promotion"], tags["paydelay.promotion_reason"]) == ("forced", "audit 17")


def test_force_and_reason_go_together(books: Path, own: Path) -> None:
    call = ("promote", "book", "--ledger", books, "--config", own)
    assert "needs a reason" in one_sentence(run(*call, "--force"))
    assert "needs a reason" in one_sentence(run(*call, "--force", "--reason", " "))
    assert "by force only" in one_sentence(run(*call, "--reason", "why not"))


def test_a_refresh_is_judged_on_days_that_neither_model_has_seen(
    registry: Registry, good: DelayModel, refresh: DelayModel, ledger: Ledger, config: Config
) -> None:
    assert same_recipe(good, refresh)
    comparison = compared(good, refresh, ledger, config, CATALOGUE)
    assert comparison.kind == "refresh"
    assert comparison.row_count > 100
    days = [day for fold in comparison.folds for day in fold.as_ofs]
    assert min(days).isoformat() == REFRESHED
    decision = promote(registry.of(good, refresh), ledger, config)
    assert decision.comparison is not None
    assert decision.comparison.gains == comparison.gains
    assert decision.promoted == (not comparison.worse and not comparison.worse_calibrated)
    assert decision.promoted == (decision.why == "not_worse")


def test_a_refresh_without_a_day_since_goes_by_its_gate(
    registry: Registry, good: DelayModel, refresh: DelayModel, ledger: Ledger, config: Config
) -> None:
    for passed, why in ((True, "nothing_since"), (False, "gate_failed")):
        name = registry.of(good, gated(refresh, passed))
        decision = promote(name, ledger, config, as_of="2024-06-10")
        assert (decision.why, decision.promoted) == (why, passed)
        assert decision.comparison == Comparison("refresh")


def test_the_first_champion_has_to_pass_its_gate(
    registry: Registry, good: DelayModel, ledger: Ledger, config: Config
) -> None:
    for passed, why in ((True, "gate_passed"), (False, "gate_failed")):
        name = registry.of(gated(good, passed))
        decision = promote(name, ledger, config)
        assert (decision.why, decision.promoted, decision.champion) == (why, passed, None)
        assert registry.champion(name) == ("1" if passed else None)


def test_settings_that_change_no_prediction_make_no_other_recipe(good: DelayModel) -> None:
    settings = good.manifest["config"]
    other = {**settings, "worklist": {**settings["worklist"], "due_soon_days": 3}}
    assert same_recipe(good, replace(good, manifest={**good.manifest, "config": other}))
    deeper = {**settings, "model": {**settings["model"], "depth_max": 3}}
    assert not same_recipe(good, replace(good, manifest={**good.manifest, "config": deeper}))
    assert not same_recipe(good, replace(good, feature_names=good.feature_names[:-1]))


@pytest.mark.parametrize(
    ("kind", "intervals", "why"),
    [
        ("new_recipe", {"log_loss": (0.01, 0.02)}, "better"),
        ("new_recipe", {"log_loss": (-0.01, 0.02), "late_value_20": (0.01, 0.02)}, "better"),
        ("new_recipe", {"log_loss": (-0.01, 0.02), "auc": (0.01, 0.02)}, "not_better"),
        ("new_recipe", {"log_loss": (0.01, 0.02), "late_value_20": (-0.02, -0.01)}, "worse"),
        ("new_recipe", {"log_loss": (0.01, 0.02), "auc": (-0.02, -0.01)}, "worse"),
        ("new_recipe", {"log_loss": (0.01, 0.02), "ece": (-0.02, -0.01)}, "worse_calibrated"),
        ("new_recipe", {"log_loss": (float("nan"), float("nan"))}, "not_better"),
        ("refresh", {"log_loss": (-0.01, 0.01)}, "not_worse"),
        ("refresh", {"log_loss": (-0.02, -0.01)}, "worse"),
        ("refresh", {"log_loss": (-0.01, 0.01), "slope_distance": (-0.3, -0.1)}, "worse_calibrated"),
    ],
)
def test_what_the_intervals_come_to(
    kind: str, intervals: dict[str, tuple[float, float]], why: str, good: DelayModel
) -> None:
    assert promotion._verdict(Comparison(kind, gains=gains(**intervals)), good) == why


def test_models_that_predict_different_things_are_not_compared(
    registry: Registry, good: DelayModel, poor: DelayModel, ledger: Ledger, config: Config
) -> None:
    settings = poor.manifest["config"]
    outcomes = {**settings["outcomes"], "grace_days": 5}
    other = {**poor.manifest, "config": {**settings, "outcomes": outcomes}, "outcomes": outcomes}
    name = registry.of(good, replace(poor, manifest=other))
    with pytest.raises(TrackingError, match=r"outcomes\.grace_days 0 and the challenger with 5"):
        promote(name, ledger, config)
    decision = promote(name, ledger, config, force=True, reason="a grace of five days was agreed")
    assert (decision.why, decision.forced, decision.promoted) == ("not_compared", True, True)


def test_books_too_short_to_compare_by_are_refused(
    registry: Registry, poor: DelayModel, good: DelayModel, ledger: Ledger, config: Config
) -> None:
    name = registry.of(poor, good)
    with pytest.raises(ThinLedgerError):
        promote(name, ledger, config, as_of="2023-10-31")
    assert registry.champion(name) == "1"


def test_without_a_challenger_there_is_nothing_to_promote(ledger: Ledger, config: Config) -> None:
    with pytest.raises(TrackingError, match="has no challenger of nobody; 'paydelay train --register"):
        promote("nobody", ledger, config)
    with pytest.raises(ConfigError):
        promote("nobody", ledger, config, force=True)


# One at a time ----------------------------------------------------------------------------------


def test_of_two_promotions_one_wins_and_the_other_is_told(
    registry: Registry,
    poor: DelayModel,
    good: DelayModel,
    books: Path,
    own: Path,
    compared_once: Comparing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = registry.of(poor, good)
    first: list[Promotion] = []

    def slow(*arguments: Any) -> Comparison:
        # While this one compares, another one begins and ends.
        monkeypatch.setattr(promotion, "compared", compared_once)
        first.append(promote(name, registry.ledger, registry.config))
        return compared_once(*arguments)

    monkeypatch.setattr(promotion, "compared", slow)
    told = one_sentence(run("promote", name, "--ledger", books, "--config", own), code=1)
    assert f"Another promotion of {name} came first" in told
    assert first[0].promoted
    assert registry.champion(name) == "2"
    assert registry.store.client.get_model_version(name, "2").tags["paydelay.promotion"] == "promoted"


def test_a_file_is_locked_while_the_champion_is_moved(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "_LOCK_SECONDS", 0.1)
    with (
        claim.alone(store, "book"),
        pytest.raises(TrackingError, match=r"lock beside .* cannot be taken"),
        claim.alone(store, "book"),
    ):
        pass
    with claim.alone(store, "book"):
        pass  # free again
    with pytest.raises(sqlite3.IntegrityError), claim.alone(store, "book"):
        raise sqlite3.IntegrityError
    with claim.alone(store, "book"):
        pass


def test_behind_a_server_a_tag_is_claimed(
    registry: Registry, good: DelayModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "_SETTLE_SECONDS", 0.01)
    store, name = registry.store, registry.of(good)

    def tag() -> str | None:
        return store.client.get_registered_model(name).tags.get(claim.CLAIM)

    with claim._claimed(store, name):
        assert tag()
        with pytest.raises(ConcurrentPromotionError), claim._claimed(store, name):
            pass
        assert tag()  # whoever lost has not let go of what is not theirs
    assert tag() is None
    # A promotion that died holds nothing for ever.
    store.client.set_registered_model_tag(name, claim.CLAIM, f"dead {time.time() - 3600:.0f}")
    with claim._claimed(store, name):
        pass

    def overtaken(_seconds: float) -> None:
        store.client.set_registered_model_tag(name, claim.CLAIM, f"other {time.time():.0f}")

    monkeypatch.setattr(claim.time, "sleep", overtaken)
    with pytest.raises(ConcurrentPromotionError), claim._claimed(store, name):
        pass
    assert str(tag()).startswith("other")
