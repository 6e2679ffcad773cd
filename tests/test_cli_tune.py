"""``paydelay tune``: what it prints and leaves behind, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from calls import SMALL, TRAINED, contents, done, one_sentence, run

from paydelay import load_config, read_ledger, tune
from paydelay.tune import judging

SETTINGS = SMALL | {"backtest": {"fold_count": 2, "fold_days": 21, "replicate_count": 20}}
FILES = {"best.yaml", "trials.csv", "tune.journal", "tune.json"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("home")
    (place / "small.yaml").write_text(yaml.safe_dump(SETTINGS), "utf-8")
    done("simulate", "--out", place / "ledger", "--customers", 60, "--months", 14, "--seed", 3)
    return place


@pytest.fixture
def call(home: Path) -> tuple[object, ...]:
    return ("tune", home / "ledger", "--config", home / "small.yaml")


def test_tune_says_what_the_library_says_and_train_takes_its_settings(
    home: Path, call: tuple[object, ...], tmp_path: Path
) -> None:
    said = done(*call, "--out", tmp_path / "tuned", "--trials", 2)
    assert {path.name for path in (tmp_path / "tuned").iterdir()} == FILES
    assert said.startswith("2 trials.\n")
    assert f"Written to {tmp_path / 'tuned'}: best.yaml" in said
    found = tune(read_ledger(home / "ledger"), load_config(home / "small.yaml"), tmp_path / "again", trials=2)
    written = pl.read_csv(tmp_path / "tuned" / "trials.csv")
    assert written["log_loss"].to_list() == pytest.approx(found.trials["log_loss"].to_list(), abs=1e-12)
    for row in found.trials.iter_rows(named=True):
        assert f"{row['log_loss']:.4f}" in said
    best = ("--config", tmp_path / "tuned" / "best.yaml", "--model", tmp_path / "model", "--force")
    assert "Model written" in done("train", home / "ledger", "--as-of", TRAINED, *best)


def test_tune_goes_on_where_it_was_broken_off_and_in_french(
    call: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*given: Any, **named: Any) -> Any:
        raise KeyboardInterrupt

    out = ("--out", tmp_path / "tuned", "--language", "fr")
    with monkeypatch.context() as patched:
        patched.setattr(judging, "train", stopped)
        ran = run(*call, *out)
        assert (ran.code, ran.out, ran.err) == (130, "", "")
    assert {path.name for path in (tmp_path / "tuned").iterdir()} == {"tune.journal"}
    assert "continue it with --resume" in one_sentence(run(*call, *out))
    said = done(*call, *out, "--resume", "--minutes", 0.00001)
    for word in ("1 essai.", "Dernière période", "Aucun essai n'a fait mieux", "Enregistrés dans"):
        assert word in said
    for word in ("trial", "fold", "best trial", "as given", "Written"):
        assert word not in said.replace("trials.csv", "")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--trials", "0"), "--trials"),
        (("--trials", "many"), "--trials"),
        (("--minutes", "0"), "above 0"),
        (("--minutes", "-5"), "above 0"),
        (("--minutes", "nan"), "above 0"),
    ],
)
def test_a_budget_of_nothing_is_a_wrong_call(
    call: tuple[object, ...], tmp_path: Path, options: tuple[str, ...], named: str
) -> None:
    assert named in one_sentence(run(*call, "--out", tmp_path / "tuned", *options))
    assert contents(tmp_path) == {}


def test_a_place_that_cannot_hold_trials_is_refused_before_anything_is_read(
    call: tuple[object, ...], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine", "utf-8")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "tune.journal").write_text("of another day", "utf-8")
    before = contents(tmp_path)
    nowhere = ("tune", tmp_path / "no-ledger", "--out")
    assert "is not a folder" in one_sentence(run(*nowhere, tmp_path / "file"))
    assert "--resume" in one_sentence(run(*nowhere, tmp_path / "kept"))
    assert "--out" in one_sentence(run(*call))
    assert contents(tmp_path) == before


def test_a_ledger_too_short_to_hold_a_fold_out_is_told(home: Path, tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_text(
        "backtest: {fold_count: 2, fold_days: 21, history_min_days: 372}\n", "utf-8"
    )
    settings = ("--config", tmp_path / "long.yaml")
    ran = run("tune", home / "ledger", *settings, "--out", tmp_path / "tuned", "--trials", 1)
    assert "give a longer ledger" in one_sentence(ran, code=1)
    assert not (tmp_path / "tuned").exists()
