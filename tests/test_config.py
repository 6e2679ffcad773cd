"""Every setting is documented and names its unit, and what cannot be used is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from paydelay.config import Config, LossSettings, OutcomeSettings, load_config
from paydelay.config_faults import setting_names
from paydelay.errors import ConfigError

# A suffix, and the word that the documentation of such a setting has to say.
UNITS = {
    "days": r"\b[Dd]ays?\b|\b[Dd]elays\b.*\bdays\b",
    "months": r"\b[Mm]onths\b",
    "amount": r"\b[Aa]mount\b.*\bcurrency\b",
    "share": r"\b[Ss]hare\b",
    "count": "",
    "min": "",
    "max": "",
}
# Numbers that have no unit, or one that a suffix would only repeat.
WITHOUT_UNIT = {
    "model.learning_rate",
    "model.l2_penalty",
    "model.late_weight",
    "model.seed",
    "loss.lgd_prior",
    "loss.lgd_lost_prior",
    "loss.annual_cost_of_capital",
    "backtest.weekday",
    "backtest.seed",
    "monitor.interval_level",
    *(
        f"monitor.{from_where}_{figure}"
        for from_where in ("watch", "alarm")
        for figure in ("came_over_predicted", "slope_distance", "auc_fall", "psi", "times_usual")
    ),
}


def settings() -> dict[str, FieldInfo]:
    return {
        name: type(getattr(Config(), name.partition(".")[0])).model_fields[name.partition(".")[2]]
        for name in setting_names(Config)
    }


def test_every_setting_and_stage_is_documented_in_sentences() -> None:
    said = {name: field.description or "" for name, field in settings().items()}
    said |= {name: type(getattr(Config(), name)).__doc__ or "" for name in Config.model_fields}
    assert len(said) > 40
    odd = {
        name: text
        for name, text in said.items()
        # One line that a comment, an editor and a page can repeat as it stands.
        if not re.fullmatch(r"[A-Z][^\n`]{10,}\.", text)
    }
    assert odd == {}


def test_numbers_have_their_unit_in_the_name_and_the_documentation() -> None:
    numbers = {
        name: str(field.description)
        for name, field in settings().items()
        if field.annotation in (int, float, int | None, float | None)
    }
    bare = {name for name in numbers if name.rpartition("_")[2] not in UNITS and "_min_" not in name}
    assert bare == WITHOUT_UNIT
    untold = [
        name for name, text in numbers.items() if not re.search(UNITS.get(name.rpartition("_")[2], ""), text)
    ]
    assert untold == []


def test_a_time_an_amount_or_a_share_is_not_named_without_its_unit() -> None:
    loose = re.compile(r"(^|_)(delay|window|horizon|lag|period|tolerance|fraction|percent|ratio|eur)$")
    assert [name for name in setting_names(Config) if loose.search(name.rpartition(".")[2])] == [
        "backtest.window"  # which rows, not how long
    ]


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Config().outcomes.grace_days = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            {"model": {"tree_cout": 7}},
            "model.tree_cout is not a setting; did you mean model.tree_count?",
        ),
        ({"model": {"Tree-Count": 7}}, "did you mean model.tree_count?"),
        ({"modell": {}}, "modell is not a setting; did you mean model?"),
        ({"grace_days": 3}, "grace_days belongs to outcomes: outcomes.grace_days."),
        ({"model": {"grace_days": 3}}, "grace_days belongs to outcomes: outcomes.grace_days."),
        ({"grace_day": 3}, "grace_day is not a setting; did you mean outcomes.grace_days?"),
        ({"seed": 3}, "seed belongs to model or backtest: model.seed, backtest.seed."),
        (
            {"panel": {"seed": 3}},
            "seed belongs to model or backtest: model.seed, backtest.seed.",
        ),
        ({"model.seed": 3}, "model.seed is written as one word; write 'model: {seed: ...}'."),
        ({"xyz": 1}, "xyz is not a setting; 'paydelay config show' lists those there are."),
        ({"model": {"xyz": 1}}, "model.xyz is not a setting; 'paydelay config show' lists"),
        ({"model": {3: 1}}, "in model a key is none of a setting"),
        ({3: 1}, "in the file a key is none of a setting"),
        ({"outcomes": {"grace_days": 61}}, "outcomes.grace_days is 61; give a whole number from 0 to 60."),
        ({"outcomes": {"grace_days": "7"}}, "outcomes.grace_days is a text; give a whole number from 0 to"),
        ({"outcomes": {"grace_days": 7.0}}, "outcomes.grace_days is 7; give a whole number from 0 to 60."),
        ({"outcomes": {"grace_days": True}}, "outcomes.grace_days is true; give a whole number"),
        ({"outcomes": {"grace_days": None}}, "outcomes.grace_days is empty; give a whole number from 0"),
        ({"outcomes": {"grace_days": [7]}}, "outcomes.grace_days is a list; give a whole number"),
        ({"outcomes": {"grace_days": {"a": 7}}}, "outcomes.grace_days is a group of settings; give"),
        ({"model": {"learning_rate": 0}}, "model.learning_rate is 0; give a number above 0 and at most 1."),
        ({"model": {"learning_rate": "1e-3"}}, "model.learning_rate is a text; give a number above 0"),
        ({"model": {"l2_penalty": float("nan")}}, "model.l2_penalty is nan; give a number of at least 0."),
        ({"model": {"l2_penalty": False}}, "model.l2_penalty is false; give a number of at least 0."),
        ({"backtest": {"window": "open"}}, "is a text; give one of sliding, expanding."),
        ({"loss": {"recoverable_vat_deducted": 1}}, "is 1; give true or false."),
        ({"loss": {"recoverable_vat_deducted": "yes"}}, "is a text; give true or false."),
        ({"ledger": {"recording_lag_days": -1}}, "is -1; give a whole number from 0 to 365, or null."),
        ({"model": None}, "model is empty; give settings of its own, indented below it, or leave it out."),
        ({"model": 3}, "model is 3; give settings of its own, indented below it."),
        ({"model": {"tree_count": 10**50}}, "is 10000000000000000000; give a whole number from 1 to 10000."),
    ],
)
def test_what_cannot_be_used_is_said_with_what_to_do(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(values)
    said = str(caught.value)
    assert told in said
    assert said.endswith((".", "?"))
    assert "\n" not in said


def test_unpaid_comes_after_late() -> None:
    assert load_config({"outcomes": {"grace_days": 60, "unpaid_after_days": 61}}).outcomes.grace_days == 60
    with pytest.raises(ConfigError, match=r"unpaid_after_days is 30; give more days than outcomes.* 30\."):
        load_config({"outcomes": {"grace_days": 30, "unpaid_after_days": 30}})
    with pytest.raises(ValidationError, match="give more than grace_days, 30"):
        OutcomeSettings(grace_days=30, unpaid_after_days=10)


def test_a_whole_number_is_a_number() -> None:
    assert load_config({"loss": {"lgd_prior": 1}}).loss == LossSettings(lgd_prior=1.0)
    assert load_config({"ledger": {"recording_lag_days": None}}) == Config()


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}", "---\n"])
def test_a_file_without_settings_keeps_every_default(tmp_path: Path, text: str) -> None:
    (tmp_path / "empty.yaml").write_text(text, "utf-8")
    assert load_config(tmp_path / "empty.yaml") == Config() == load_config() == load_config({})


def test_a_key_that_may_be_a_customer_is_not_told() -> None:
    for key in ("Müller & Fils", "Dupont SARL", "x" * 41, "a\nb", ""):
        for values in ({key: 1}, {"model": {key: 1}}):
            with pytest.raises(ConfigError) as caught:
                load_config(values)
            assert not key or key not in str(caught.value)
            assert "\n" not in str(caught.value)
