"""The command ``backtest``: one folder that is there whole or not at all."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml
from calls import contents, done, one_sentence, planted, run
from proofs import SETTINGS, small_ledger, small_proof

from paydelay.cli.backtesting import WRITTEN
from paydelay.cli.progress import stages
from paydelay.errors import MissingDependencyError
from paydelay.language import phrase

FILES = sorted(WRITTEN)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger, settings, and what the command made of them."""
    place = tmp_path_factory.mktemp("home")
    small_ledger().write(place / "ledger")
    (place / "small.yaml").write_text(yaml.safe_dump(SETTINGS), "utf-8")
    arguments = ("backtest", place / "ledger", "--out", place / "out" / "proof", "--language", "fr")
    (place / "said.txt").write_text(done(*arguments, "--config", place / "small.yaml"), "utf-8")
    return place


def test_the_folder_holds_page_figures_card_and_rows(home: Path) -> None:
    folder = home / "out" / "proof"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert [path.name for path in folder.parent.iterdir()] == ["proof"]
    page = (folder / "report.html").read_text("utf-8")
    assert '<html lang="fr">' in page
    found = json.loads((folder / "backtest.json").read_text("utf-8"))
    assert found["schema_version"] == 1
    assert found["config"]["backtest"]["fold_count"] == 2
    rows = pl.read_parquet(folder / "rows.parquet")
    counts = [row["row_count"] for row in found["tables"]["counts"] if row["outcome"] == "late"]
    assert rows.height == sum(counts)
    assert (folder / "model_card.md").read_text("utf-8").startswith(f"# {phrase('card.title', 'fr')}\n")


def test_the_terminal_says_the_verdict_and_where_it_is_written(home: Path) -> None:
    said = (home / "said.txt").read_text("utf-8")
    flat = " ".join(said.split())
    assert "Retard\u202f: ce n'est pas établi." in said
    assert f"Enregistré dans {home / 'out' / 'proof'}" in flat
    assert "2 entraînements" in said
    assert "The " not in said


def test_a_backtest_that_is_there_is_replaced_only_with_force(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "proof"
    folder.mkdir()
    for name in FILES:
        (folder / name).write_text("mine", "utf-8")
    before = contents(tmp_path)
    call = ("backtest", home / "ledger", "--out", folder, "--config", home / "small.yaml")
    assert "holds a backtest already" in one_sentence(run(*call))
    assert contents(tmp_path) == before
    done(*call, "--force")
    assert sorted(path.name for path in folder.iterdir()) == FILES
    # The same ledger and settings give the same figures, whatever the language.
    for name in ("backtest.json", "rows.parquet"):
        assert (folder / name).read_bytes() == (home / "out" / "proof" / name).read_bytes()


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_folder_with_other_things_is_never_replaced(
    home: Path, tmp_path: Path, force: tuple[str, ...]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine", "utf-8")
    before = contents(tmp_path)
    told = one_sentence(run("backtest", home / "ledger", "--out", tmp_path / "out", *force))
    assert "holds something else than a backtest" in told
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["file", "file/proof"])
def test_a_place_that_cannot_be_a_folder_is_refused_before_the_work(
    home: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").write_text("mine", "utf-8")
    before = contents(tmp_path)
    assert "file is not a folder" in one_sentence(run("backtest", home / "ledger", "--out", tmp_path / name))
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("backtest: {fold_count: 0}", "backtest.fold_count"),
        ("backtest: {folds: 3}", "backtest.folds"),
        ("[1, 2]", "mapping of stages"),
    ],
)
def test_settings_that_are_no_settings_are_a_wrong_call(
    home: Path, tmp_path: Path, settings: str, words: str
) -> None:
    (tmp_path / "odd.yaml").write_text(settings, "utf-8")
    call = ("backtest", home / "ledger", "--out", tmp_path / "out", "--config", tmp_path / "odd.yaml")
    assert words in one_sentence(run(*call))
    assert not (tmp_path / "out").exists()


def test_a_ledger_that_is_none_or_too_short_leaves_nothing_behind(tmp_path: Path) -> None:
    one_sentence(run("backtest", tmp_path / "nowhere", "--out", tmp_path / "out"))
    short = planted(tmp_path / "short")
    told = one_sentence(run("backtest", short, "--out", tmp_path / "out"), code=1)
    assert "a backtest needs at least" in told
    assert not (tmp_path / "out").exists()
    assert "Missing option '--out'" in one_sentence(run("backtest", short))


def test_a_failure_while_writing_leaves_what_was_there(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    # Not by its name: the package's own `backtest` hides the module of that name.
    module = sys.modules["paydelay.backtest"]
    monkeypatch.setattr(module, "backtest", lambda *_arguments, **_options: small_proof())
    monkeypatch.setattr("paydelay.report.model_card", full)
    call = ("backtest", home / "ledger", "--out", tmp_path / "proof", "--config", home / "small.yaml")
    assert "No space left on device" in one_sentence(run(*call))
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_to_draw_is_told_before_the_work(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise MissingDependencyError("Drawing a figure needs the package matplotlib: install it.")

    monkeypatch.setattr("paydelay.figures.check_drawing", missing)
    assert "matplotlib" in one_sentence(run("backtest", home / "ledger", "--out", tmp_path / "proof"))
    assert list(tmp_path.iterdir()) == []


def test_the_bar_says_which_training_of_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    seen = Terminal()
    monkeypatch.setattr("sys.stderr", seen)
    monkeypatch.setenv("TERM", "xterm")
    with stages("backtest", "en") as say:
        say(phrase("progress.fold", "en", n=2, count=4, date="2025-08-18"), 0.25)
    assert "training 2 of 4, as of 2025-08-18" in seen.getvalue()
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with stages("backtest", "en") as say:
        say("nobody watches", 0.5)
    assert sys.stderr.getvalue() == ""
