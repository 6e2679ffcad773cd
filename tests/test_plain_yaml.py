"""YAML is read as YAML 1.2 and editors read it, and says each thing once."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from paydelay.plain_yaml import DuplicateKeyError, PlainLoader, PlainTextLoader


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("-7", -7),
        ("+7", 7),
        ("0", 0),
        ("0.5", 0.5),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("1.0e-05", 0.00001),
        ("2E+2", 200.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        # What YAML 1.1 takes for eight, ninety, a thousand, false, and a date.
        ("010", "010"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("NO", "NO"),
        ("off", "off"),
        ("2025-01-01", "2025-01-01"),
        (".inf", ".inf"),
        ("0x1f", "0x1f"),
        ("7 days", "7 days"),
        ("'7'", "7"),
        ("1e", "1e"),
        (".", "."),
    ],
)
def test_a_value_is_what_it_looks_like(text: str, value: Any) -> None:
    read = yaml.load(f"a: {text}", PlainLoader)["a"]
    assert read == value
    assert type(read) is type(value)


def test_text_stays_text() -> None:
    assert yaml.load("{a: 7, b: NO, c: null, d: [1.5]}", PlainTextLoader) == {
        "a": "7",
        "b": "NO",
        "c": "null",
        "d": ["1.5"],
    }


@pytest.mark.parametrize("loader", [PlainLoader, PlainTextLoader])
@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3", "b: {a: 1, c: 2, a: 1}", "- x\n- {a: 1, 'a': 2}"])
def test_a_key_given_twice_is_refused_and_named(loader: Any, text: str) -> None:
    with pytest.raises(DuplicateKeyError) as caught:
        yaml.load(text, loader)
    assert caught.value.key == "a"
    assert caught.value.problem_mark is not None
    assert caught.value.problem_mark.line == text.count("\n")


@pytest.mark.parametrize("loader", [PlainLoader, PlainTextLoader])
@pytest.mark.parametrize("text", ["a: &x 1\nb: *x", "a: &x {b: 1}\nc: {<<: *x}", "[a]: 1", "{a: 1}: 2"])
def test_references_and_keys_that_are_no_text_are_refused(loader: Any, text: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError):
        yaml.load(text, loader)


def test_nothing_is_run() -> None:
    with pytest.raises(yaml.YAMLError):
        yaml.load("!!python/object/apply:os.getcwd []", PlainLoader)
