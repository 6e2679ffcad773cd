"""``paydelay config``: what it shows, what it calls valid, and the schema it writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calls import contents, done, one_sentence, run

from paydelay.config import Config, load_config
from paydelay.config_text import config_schema, config_yaml

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
CONFIG = sorted(CONFIGS.glob("*.yaml"))


def test_show_prints_a_file_that_is_valid_and_shows_the_same(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(done("config", "show"), "utf-8")
    assert load_config(tmp_path / "all.yaml") == Config()
    assert done("config", "show", "--config", tmp_path / "all.yaml") == done("config", "show")
    fast = ("--config", CONFIGS / "fast.yaml")
    (tmp_path / "fast.yaml").write_text(done("config", "show", *fast, "--changed"), "utf-8")
    assert load_config(tmp_path / "fast.yaml") == load_config(CONFIGS / "fast.yaml")
    assert done("config", "show", *fast) == config_yaml(load_config(CONFIGS / "fast.yaml"))
    assert done("config", "show", "--changed") == "# Every setting has its default.\n"


@pytest.mark.parametrize("path", CONFIG, ids=lambda path: path.stem)
def test_the_files_of_the_project_are_valid(path: Path) -> None:
    said = done("config", "validate", path)
    assert said.startswith(f"{path.name} is valid")
    assert said.count("\n") == 1


def test_validate_counts_what_a_file_sets(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    for text, english, french in (
        ("", "sets nothing: every setting has its default.", "ne fixe rien"),
        ("model: {seed: 8}", "it sets 1 setting, and 1 differently", "1 paramètre, dont 1 autrement"),
        (
            "model: {seed: 7}\noutcomes: {grace_days: 3}",
            "it sets 2 settings, and 1 differently from the default.",
            "il fixe 2 paramètres, dont 1 autrement que par défaut.",
        ),
    ):
        file.write_text(text, "utf-8")
        assert english in done("config", "validate", file)
        assert french in done("config", "validate", file, "--language", "fr")


def test_a_file_that_is_not_valid_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("model: {tree_cout: 7}\n", "utf-8")
    for command in (("validate", tmp_path / "own.yaml"), ("show", "--config", tmp_path / "own.yaml")):
        said = one_sentence(run("config", *command))
        assert said == (
            "paydelay: own.yaml: model.tree_cout is not a setting; did you mean model.tree_count?\n"
        )
        assert "vouliez-vous dire" in one_sentence(run("config", *command, "--language", "fr"))
    assert "There is no settings file" in one_sentence(run("config", "validate", tmp_path / "no.yaml"))


def test_every_command_refuses_settings_in_the_language_asked_for(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("grace_days: 7\n", "utf-8")
    options = ("--config", tmp_path / "own.yaml", "--language", "fr")
    dated, model = ("--as-of", "2024-06-30"), ("--model", tmp_path / "model")
    for call in (
        ("train", tmp_path, *dated, *model),
        ("score", tmp_path, *dated, *model),
        ("report", tmp_path, *dated, *model, "--out", tmp_path / "page.html"),
        ("backtest", tmp_path, "--out", tmp_path / "proof"),
        ("tune", tmp_path, "--out", tmp_path / "tuned"),
    ):
        assert "grace_days appartient à outcomes" in one_sentence(run(*call, *options))
    assert set(contents(tmp_path)) == {"own.yaml"}


def test_the_schema_is_printed_or_written(tmp_path: Path) -> None:
    assert json.loads(done("config", "schema")) == config_schema()
    target = tmp_path / "new" / "schema.json"
    assert str(target) in done("config", "schema", "--out", target)
    assert target.read_text("utf-8") == done("config", "schema")
    assert "enregistré" in done("config", "schema", "--out", target, "--language", "fr")
    (tmp_path / "file").write_text("mine", "utf-8")
    before = contents(tmp_path)
    assert "cannot be written" in one_sentence(run("config", "schema", "--out", tmp_path / "file" / "s.json"))
    assert contents(tmp_path) == before


def test_a_command_is_needed() -> None:
    assert "'paydelay config --help'" in one_sentence(run("config"))
    assert "'paydelay config --help'" in one_sentence(run("config", "shw"))
