"""Reads a file of settings, and says in one sentence what keeps settings from being used.

What a setting may be is taken from its JSON Schema, so that sentences, comments and
editors agree.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from paydelay.errors import ConfigError
from paydelay.language import phrase
from paydelay.plain_yaml import DuplicateKeyError, PlainLoader

SETTINGS_BYTES_MAX = 1_000_000
# Anything else may be a line of somebody's books, given for settings by mistake.
_TELLABLE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")
_BOUNDS = {
    "minimum": "at_least",
    "exclusiveMinimum": "above",
    "maximum": "at_most",
    "exclusiveMaximum": "below",
}


def read_settings(path: Path, language: str) -> Any:
    """What a file of settings holds.

    Parameters
    ----------
    path : Path
        A YAML file; an empty one, or comments alone, settle nothing.
    language : str
        Of the sentence, where the file is refused.

    Returns
    -------
    object
        A mapping, if it is a file of settings.

    Raises
    ------
    ConfigError
        If it cannot be read, is no YAML, or holds a key twice or references.
    """
    try:
        if path.stat().st_size > SETTINGS_BYTES_MAX:
            raise ConfigError(phrase("setting.too_large", language, file=path.name))
        values = yaml.load(path.read_text("utf-8-sig"), PlainLoader)
    except DuplicateKeyError as error:
        line = str(error.problem_mark.line + 1) if error.problem_mark else "?"
        key = _tellable(error.key, language)
        raise ConfigError(phrase("setting.twice", language, file=path.name, given=key, line=line)) from None
    except yaml.MarkedYAMLError as error:
        line = str(error.problem_mark.line + 1) if error.problem_mark else "?"
        raise ConfigError(phrase("setting.no_yaml_at", language, file=path.name, line=line)) from None
    except FileNotFoundError:
        raise ConfigError(phrase("setting.missing", language, file=str(path))) from None
    except OSError:
        raise ConfigError(phrase("setting.unreadable", language, file=str(path))) from None
    except (ValueError, yaml.YAMLError, RecursionError):
        raise ConfigError(phrase("setting.no_yaml", language, file=path.name)) from None
    return {} if values is None else values


def told(error: ValidationError, settings: type[BaseModel], language: str) -> str:
    """What is wrong with settings, in one sentence about the first fault.

    Parameters
    ----------
    error : ValidationError
        What pydantic says of them.
    settings : type of BaseModel
        What they should be.
    language : str
        Of the sentence.

    Returns
    -------
    str

    Examples
    --------
    >>> class Trees(BaseModel, extra="forbid"):
    ...     tree_count: int = 5
    >>> class All(BaseModel, extra="forbid"):
    ...     model: Trees = Trees()
    >>> try:
    ...     All.model_validate({"model": {"tree_cout": 7}})
    ... except ValidationError as error:
    ...     told(error, All, "en")
    'model.tree_cout is not a setting; did you mean model.tree_count?'
    """
    first = error.errors()[0]
    place, kind = first["loc"], first["type"]
    if not place:
        return phrase("setting.no_stages", language)
    if kind in ("extra_forbidden", "invalid_key"):
        return _unknown([str(part) for part in place], settings, language)
    if kind == "unpaid_within_grace":
        return phrase(f"setting.{kind}", language, **first["ctx"])
    name = ".".join(str(part) for part in place)
    wanted = allowed(_schema_at(settings, place), language)
    if first["input"] is None:
        return phrase("setting.empty", language, place=name, wanted=wanted)
    found = _found(first["input"], language)
    return phrase("setting.unusable", language, place=name, found=found, wanted=wanted)


def allowed(schema: dict[str, Any], language: str) -> str:
    """What a setting may be, such as ``a whole number from 0 to 60``.

    Parameters
    ----------
    schema : dict
        JSON Schema of the setting.
    language : str
        Of the words.

    Returns
    -------
    str

    Examples
    --------
    >>> allowed({"type": "integer", "minimum": 0, "maximum": 60}, "en")
    'a whole number from 0 to 60'
    >>> allowed({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "en")
    'a number above 0 and at most 1'
    """
    if "anyOf" in schema:
        number = next(part for part in schema["anyOf"] if part["type"] != "null")
        return phrase("setting.or_null", language, wanted=allowed(number, language))
    if "enum" in schema:
        return phrase("setting.one_of", language, words=", ".join(map(str, schema["enum"])))
    kind = schema.get("type", "object")
    if kind == "object":
        return phrase("setting.kind.object", language)
    bounds = {word: str(schema[name]) for name, word in _BOUNDS.items() if name in schema}
    words = phrase(f"setting.kind.{kind}", language)
    if {"at_least", "at_most"} <= set(bounds):
        return words + phrase("setting.bound.between", language, **bounds)
    said = [phrase(f"setting.bound.{word}", language, bound=bound) for word, bound in bounds.items()]
    return words + phrase("setting.bound.both", language).join(said)


def setting_names(settings: type[BaseModel]) -> list[str]:
    """Dotted names of all settings.

    Parameters
    ----------
    settings : type of BaseModel
        Settings, or stages of them at any depth.

    Returns
    -------
    list of str
    """
    names = []
    for name, field in settings.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names += [f"{name}.{rest}" for rest in setting_names(inner)]
        else:
            names.append(name)
    return names


def _unknown(place: list[str], settings: type[BaseModel], language: str) -> str:
    """The sentence about a key that is none: where it belongs, or what it is most like."""
    names, key, stage = setting_names(settings), place[-1], ".".join(place[:-1])
    stages = list(settings.model_fields)
    if not _TELLABLE.fullmatch(key):
        return phrase("setting.untellable", language, place=stage or phrase("setting.top", language))
    elsewhere = [name for name in names if name.rpartition(".")[2] == key]
    if elsewhere:
        homes = phrase("setting.or", language).join(name.rpartition(".")[0] for name in elsewhere)
        return phrase("setting.elsewhere", language, given=key, stage=homes, places=", ".join(elsewhere))
    if not stage and key in names:
        outer, _, inner = key.rpartition(".")
        return phrase("setting.dotted", language, given=key, stage=outer, name=inner)
    whole = ".".join(place)
    beside = [name for name in names if name.rpartition(".")[0] == stage] if stage else stages
    near = _nearest(whole, beside) or _nearest_by_name(key, names)
    if near:
        return phrase("setting.nearest", language, place=whole, near=near)
    return phrase("setting.unknown", language, place=whole)


def _nearest(asked: str, names: list[str]) -> str:
    """The name most like what was asked for; the stage they share does not make two alike."""
    asked = asked.lower().replace("-", "_").rpartition(".")[2]
    known = {name.rpartition(".")[2]: name for name in names}
    return "".join(known[name] for name in difflib.get_close_matches(asked, known, n=1))


def _nearest_by_name(key: str, names: list[str]) -> str:
    # Misspelt and in the wrong place at once: it has to be liker than within a stage.
    known = {name.rpartition(".")[2]: name for name in names}
    return "".join(known[name] for name in difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.8))


def _schema_at(settings: type[BaseModel], place: tuple[int | str, ...]) -> dict[str, Any]:
    """JSON Schema of one setting; of a stage, that of an object."""
    here: Any = settings
    for part in place[:-1]:
        here = here.model_fields[part].annotation
    found: dict[str, Any] = here.model_json_schema()["properties"][place[-1]]
    return found


def _found(value: Any, language: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:.6g}" if isinstance(value, float) else str(value)[:20]
    kinds: dict[type, str] = {str: "text", list: "list", dict: "mapping"}
    return phrase(f"setting.found.{kinds.get(type(value), 'other')}", language)


def _tellable(key: str, language: str) -> str:
    return key if _TELLABLE.fullmatch(key) else phrase("setting.some_key", language)
