"""Settings as people and editors read them: YAML with its documentation, and a JSON Schema."""

from __future__ import annotations

import textwrap
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from paydelay.config import Config
from paydelay.config_faults import allowed

_WIDTH = 100


class _Schema(GenerateJsonSchema):
    """Names as they are written in a file, without titles made of them."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's own signature
        return False


def config_schema() -> dict[str, Any]:
    """JSON Schema of a file of settings, for editors.

    Returns
    -------
    dict
        Draft 2020-12, with the default, the bounds and the description of every setting.

    Examples
    --------
    >>> grace = config_schema()["$defs"]["OutcomeSettings"]["properties"]["grace_days"]
    >>> grace["default"], grace["minimum"], grace["maximum"], grace["description"]
    (0, 0, 60, 'Days past due that are still called prompt.')
    """
    schema = Config.model_json_schema(schema_generator=_Schema)
    for stage in schema["properties"].values():
        # The defaults of a stage stand with its settings.
        stage.pop("default")
    return {"$schema": _Schema.schema_dialect, **schema}


def config_yaml(config: Config, changed: bool = False) -> str:
    """Settings as a YAML file, with what each means and may be as a comment.

    Parameters
    ----------
    config : Config
        The settings.
    changed : bool
        Only those that differ from their default.

    Returns
    -------
    str
        A file that `load_config` reads as the same settings.

    Examples
    --------
    >>> from paydelay.config import OutcomeSettings
    >>> print(config_yaml(Config(outcomes=OutcomeSettings(grace_days=5)), changed=True))
    # What late and unpaid mean.
    outcomes:
      # Days past due that are still called prompt.
      # A whole number from 0 to 60; 0 by default.
      grace_days: 5
    <BLANKLINE>
    """
    parts = []
    for name in Config.model_fields:
        stage: BaseModel = getattr(config, name)
        lines = _stage_lines(stage, changed)
        if lines:
            parts.append("\n".join([*_comment(type(stage).__doc__ or "", ""), f"{name}:", *lines]) + "\n")
    return "\n".join(parts) or "# Every setting has its default.\n"


def _stage_lines(stage: BaseModel, changed: bool) -> list[str]:
    lines: list[str] = []
    for name, schema in type(stage).model_json_schema()["properties"].items():
        value, default = getattr(stage, name), schema["default"]
        if changed and value == default:
            continue
        may_be = _capital(allowed(schema, "en"))
        may_be += "." if value == default else f"; {_scalar(default)} by default."
        lines += _comment(schema["description"], "  ") + _comment(may_be, "  ")
        lines.append(f"  {name}: {_scalar(value)}")
    return lines


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]


def _comment(text: str, indent: str) -> list[str]:
    mark = f"{indent}# "
    return textwrap.wrap(text, _WIDTH, initial_indent=mark, subsequent_indent=mark, break_on_hyphens=False)


def _scalar(value: Any) -> str:
    """A number, text, flag or null as YAML of any version reads it."""
    return yaml.safe_dump([value], default_flow_style=True, width=1000).strip()[1:-1]
