"""Files of settings that cannot be read, and the same sentences in French."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from paydelay.config import load_config
from paydelay.config_faults import SETTINGS_BYTES_MAX, allowed
from paydelay.errors import ConfigError


def refused(path: Path, content: str | bytes, language: str = "en") -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        load_config(path, language)
    said = str(caught.value)
    assert said.endswith((".", "?"))
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    ("content", "english", "french"),
    [
        (
            "model: {seed: 1}\nmodel: {seed: 2}\n",
            "own.yaml: model stands twice, again at line 2; keep one of them.",
            "own.yaml : model figure deux fois, la seconde à la ligne 2 ; n'en gardez qu'une.",
        ),
        (
            "model:\n  seed: 1\n  seed: 2\n",
            "own.yaml: seed stands twice, again at line 3; keep one of them.",
            "own.yaml : seed figure deux fois, la seconde à la ligne 3",
        ),
        ("Dupont SARL: 1\nDupont SARL: 2\n", "own.yaml: a key stands twice", "une clé figure deux fois"),
        ("model: [1\n", "own.yaml is no plain YAML at line 2", "n'est pas du YAML simple à la ligne 2"),
        ("a: &x 1\nb: *x\n", "no plain YAML at line 2; mend that line", "mis en référence"),
        (b"\xff\xfe\x00", "own.yaml is no YAML in UTF-8", "n'est pas du YAML en UTF-8"),
        ("a: \x07", "own.yaml is no YAML in UTF-8", "n'est pas du YAML en UTF-8"),
        ("[" * 100_000, "own.yaml is no YAML", "n'est pas du YAML"),
        ("model: {seed: " + "1" * 5000 + "}", "own.yaml is no YAML", "n'est pas du YAML"),
        (
            "#" * (SETTINGS_BYTES_MAX + 1),
            "own.yaml is too large for a file of settings",
            "own.yaml est trop volumineux",
        ),
        (
            "- 1",
            "own.yaml: the settings should be a mapping",
            "own.yaml : les paramètres doivent être groupés",
        ),
        ("text", "such as 'outcomes: {grace_days: 3}'.", "par exemple 'outcomes: {grace_days: 3}'."),
        (
            "model: {tree_cout: 3}",
            "own.yaml: model.tree_cout is not a setting; did you mean model.tree_count?",
            "model.tree_cout n'est pas un paramètre ; vouliez-vous dire model.tree_count ?",
        ),
        (
            "seed: 3",
            "own.yaml: seed belongs to model or backtest: model.seed, backtest.seed.",
            "seed appartient à model ou backtest : model.seed, backtest.seed.",
        ),
        (
            "loss: {lgd_prior: '0.5'}",
            "own.yaml: loss.lgd_prior is a text; give a number from 0 to 1.",
            "loss.lgd_prior contient un texte ; indiquez un nombre de 0 à 1.",
        ),
        (
            "outcomes: {unpaid_after_days: 20, grace_days: 25}",
            "outcomes.unpaid_after_days is 20; give more days than outcomes.grace_days, 25.",
            "outcomes.unpaid_after_days contient 20 ; indiquez plus de jours que outcomes.grace_days, qui en "
            "compte 25.",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_both_languages(
    tmp_path: Path, content: str | bytes, english: str, french: str
) -> None:
    assert english in refused(tmp_path / "own.yaml", content)
    said = refused(tmp_path / "own.yaml", content, "fr").replace("\u202f", " ")
    assert french in said


def test_a_file_that_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "no.yaml", "There is no settings file"), (tmp_path, "cannot be read")):
        with pytest.raises(ConfigError) as caught:
            load_config(path)
        assert words in str(caught.value)
        assert str(path) in str(caught.value)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_bytes(b"\xef\xbb\xbfoutcomes: {grace_days: 3}\n")
    assert load_config(str(tmp_path / "own.yaml")).outcomes.grace_days == 3


@pytest.mark.parametrize(
    ("schema", "english", "french"),
    [
        ({"type": "integer"}, "a whole number", "un nombre entier"),
        ({"type": "integer", "maximum": 9}, "a whole number at most 9", "un nombre entier d'au plus 9"),
        (
            {"type": "number", "minimum": 0, "exclusiveMaximum": 0.5},
            "a number of at least 0 and below 0.5",
            "un nombre d'au moins 0 et inférieur à 0.5",
        ),
        ({"type": "string"}, "a text", "un texte"),
        (
            {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 9}, {"type": "null"}]},
            "a whole number from 0 to 9, or null",
            "un nombre entier de 0 à 9, ou null",
        ),
    ],
)
def test_what_a_setting_may_be_is_said(schema: dict[str, Any], english: str, french: str) -> None:
    assert (allowed(schema, "en"), allowed(schema, "fr")) == (english, french)
