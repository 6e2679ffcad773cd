"""Settings written as YAML are those settings, and the schema says what the loader does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from paydelay.config import Config, load_config
from paydelay.config_faults import setting_names
from paydelay.config_text import config_schema, config_yaml
from paydelay.errors import ConfigError

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
GIVEN = sorted(CONFIGS.glob("*.yaml"))


def read_back(tmp_path: Path, text: str) -> Config:
    (tmp_path / "back.yaml").write_text(text, "utf-8")
    return load_config(tmp_path / "back.yaml")


def number(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Any value that a setting's schema lets through."""
    if "anyOf" in schema:
        return st.one_of(*map(number, schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "integer":
        return st.integers(schema.get("minimum"), schema.get("maximum", 10**9))
    if schema["type"] == "number":
        low, high = schema.get("minimum"), schema.get("maximum")
        above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
        return st.floats(
            low if above is None else above,
            high if below is None else below,
            exclude_min=above is not None,
            exclude_max=below is not None,
            allow_nan=False,
            allow_infinity=False,
        )
    if schema["type"] == "string":
        return st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), min_size=1)
    return {"boolean": st.booleans(), "null": st.none()}[schema["type"]]


def any_settings() -> st.SearchStrategy[dict[str, Any]]:
    stages = {}
    for name, stage in config_schema()["properties"].items():
        properties = config_schema()["$defs"][stage["$ref"].rpartition("/")[2]]["properties"]
        stages[name] = st.fixed_dictionaries(
            {}, optional={each: number(schema) for each, schema in properties.items()}
        )
    return st.fixed_dictionaries(stages)


def usable(values: dict[str, Any]) -> bool:
    """Whether the one rule that no schema can state holds."""
    outcomes = {"grace_days": 0, "unpaid_after_days": 90} | values["outcomes"]
    return bool(outcomes["unpaid_after_days"] > outcomes["grace_days"])


@given(any_settings().filter(usable))
def test_what_the_schema_lets_through_loads_and_comes_back_from_its_yaml(values: dict[str, Any]) -> None:
    config = load_config(values)
    for changed in (False, True):
        written = yaml.safe_load(config_yaml(config, changed)) or {}
        assert load_config(written) == config


def test_the_round_trip_goes_through_our_own_reader(tmp_path: Path) -> None:
    odd = load_config(
        {"model": {"learning_rate": 1e-7, "l2_penalty": 1e22}, "ledger": {"recording_lag_days": 4}}
    )
    assert read_back(tmp_path, config_yaml(odd)) == odd
    assert read_back(tmp_path, config_yaml(odd, changed=True)) == odd
    assert read_back(tmp_path, config_yaml(Config(), changed=True)) == Config()


def test_what_is_shown_documents_every_setting() -> None:
    text = config_yaml(Config())
    shown = yaml.safe_load(text)
    assert {f"{stage}.{name}" for stage in shown for name in shown[stage]} == set(setting_names(Config))
    lines = text.splitlines()
    bare = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if line and not line.lstrip().startswith("#") and not before.lstrip().startswith("#")
    ]
    assert bare == []
    assert max(map(len, lines)) <= 100


def test_changed_settings_are_shown_alone_and_with_their_default() -> None:
    config = load_config({"outcomes": {"grace_days": 5, "unpaid_after_days": 90}})
    assert yaml.safe_load(config_yaml(config, changed=True)) == {"outcomes": {"grace_days": 5}}
    assert "from 0 to 60; 0 by default." in config_yaml(config)
    assert "by default" not in config_yaml(Config())


def test_the_schema_states_draft_defaults_bounds_and_no_other_keys() -> None:
    schema = config_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(schema)) == schema
    objects = [schema, *schema["$defs"].values()]
    assert all(each["additionalProperties"] is False and each["description"] for each in objects)
    properties = [
        (name, each) for stage in schema["$defs"].values() for name, each in stage["properties"].items()
    ]
    assert len(properties) == len(setting_names(Config))
    for name, each in properties:
        assert {"default", "description"} <= set(each), name
        assert "title" not in each
        if each.get("type") in ("integer", "number"):
            assert {"minimum", "exclusiveMinimum"} & set(each), name
    assert all(set(stage) == {"$ref"} for stage in schema["properties"].values())
    defaults = {
        name: {
            each: prop["default"]
            for each, prop in schema["$defs"][stage["$ref"].rpartition("/")[2]]["properties"].items()
        }
        for name, stage in schema["properties"].items()
    }
    assert defaults == Config().model_dump()


def beyond() -> list[tuple[str, str, Any]]:
    """Values just outside each bound, and of another type, with the setting they are given to."""
    schema, found = config_schema(), []
    for stage, reference in schema["properties"].items():
        for name, each in schema["$defs"][reference["$ref"].rpartition("/")[2]]["properties"].items():
            part = each["anyOf"][0] if "anyOf" in each else each
            found.append((stage, name, 7 if part["type"] == "string" else "7"))
            for key, step in (
                ("minimum", -1),
                ("maximum", 1),
                ("exclusiveMinimum", 0),
                ("exclusiveMaximum", 0),
            ):
                if key in part:
                    found.append((stage, name, part[key] + step))
    return found


@pytest.mark.parametrize(("stage", "name", "value"), beyond())
def test_what_the_schema_does_not_let_through_is_refused(stage: str, name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"^{stage}.{name} is "):
        load_config({stage: {name: value}})


# The files of configs/ ---------------------------------------------------------------------------


def test_the_default_file_and_the_schema_are_what_the_commands_print() -> None:
    assert (CONFIGS / "default.yaml").read_text("utf-8") == config_yaml(Config())
    assert json.loads((CONFIGS / "paydelay.schema.json").read_text("utf-8")) == config_schema()


@pytest.mark.parametrize("path", GIVEN, ids=lambda path: path.stem)
def test_a_file_of_the_project_sets_what_it_is_for_and_nothing_else(path: Path) -> None:
    config = load_config(path)
    if path.stem == "default":
        assert config == Config()
        return
    assert config != Config()
    # Nothing is repeated that is so by default.
    assert yaml.safe_load(config_yaml(config, changed=True)) == config.model_dump(exclude_unset=True)
    text = path.read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=paydelay.schema.json\n# ")


def test_the_files_of_the_project_are_all_there() -> None:
    assert {path.stem for path in GIVEN} == {
        "default",
        "fast",
        "grace-5-days",
        "notebooks",
        "vat-deducted",
        "whole-history",
    }
