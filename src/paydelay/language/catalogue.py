"""The texts themselves: reading the files of ``locale/`` and telling what they lack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from string import Formatter
from typing import Any

import yaml

from paydelay.errors import ConfigError
from paydelay.plain_yaml import PlainLoader

Entry = str | dict[str, str]
"""A text, or its variants by sign, number or presence."""

REFERENCE_LANGUAGE = "en"
OWN_WORDS = "covariate"
"""Cause that is told in the words of whoever declared the feature."""
_VARIANTS = frozenset({"zero", "negative", "positive", "one", "other", "present", "absent"})
_NARROW_SPACE = "\u202f"


def read_catalogue(text: str) -> dict[str, Entry]:
    """Texts of one language, by dotted key.

    Parameters
    ----------
    text : str
        The YAML of a file of ``locale/``.

    Returns
    -------
    dict of str to str or dict
        A text, or its variants.

    Examples
    --------
    >>> read_catalogue("scope: {all: All, due_soon: Due soon}")
    {'scope.all': 'All', 'scope.due_soon': 'Due soon'}
    """
    entries: dict[str, Entry] = {}

    def walk(node: Any, path: str) -> None:
        if isinstance(node, dict) and not (node and _VARIANTS.issuperset(node)):
            for key, child in node.items():
                walk(child, f"{path}.{key}" if path else str(key))
        elif isinstance(node, dict):
            entries[path] = {variant: str(words) for variant, words in node.items()}
        else:
            entries[path] = str(node)

    walk(yaml.load(text, PlainLoader), "")
    for mark in str(entries.get("format.no_break_before", "")):
        # A line must not begin with a mark that French sets off by a space.
        entries = {key: _replaced(entry, f" {mark}", _NARROW_SPACE + mark) for key, entry in entries.items()}
    return entries


def _replaced(entry: Entry, old: str, new: str) -> Entry:
    if isinstance(entry, str):
        return entry.replace(old, new)
    return {variant: words.replace(old, new) for variant, words in entry.items()}


@cache
def languages() -> tuple[str, ...]:
    """Codes of the languages there are texts in.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> languages()
    ('en', 'fr')
    """
    names = (file.name.partition(".") for file in (files("paydelay") / "locale").iterdir())
    return tuple(sorted(stem for stem, _, ending in names if ending == "yaml" and len(stem) == 2))


@cache
def texts(language: str) -> Mapping[str, Entry]:
    """All texts of a language, by dotted key."""
    if language not in languages():
        raise ConfigError(
            f"There are no texts in the language '{language}'; choose one of {', '.join(languages())}."
        )
    return read_catalogue((files("paydelay") / "locale" / f"{language}.yaml").read_text("utf-8"))


@cache
def causes() -> Mapping[str, str]:
    """Every cause of a reason, with the unit its value has.

    Returns
    -------
    mapping of str to str
        The unit is ``any`` where the words come from the user.

    Examples
    --------
    >>> causes()["customer_mean_delay"], causes()["amount_vs_usual"]
    ('days', 'ratio')
    """
    return {cause: unit for unit, names in _cause_file().items() for cause in names}


def cause_fault(name: str, cause: str, unit: str, words: Mapping[str, str] | None) -> str | None:
    """Why no reason can be told of a feature, None where one can.

    Parameters
    ----------
    name, cause, unit : str
        As the feature declares them.
    words : mapping of str to str or None
        The user's words, by language, where the cause is ``covariate``.

    Returns
    -------
    str or None

    Examples
    --------
    >>> cause_fault("strike", "covariate", "flag", None)
    'strike is a covariate without words of its own'
    """
    expected = causes().get(cause)
    if expected is None:
        return f"{name} has the cause '{cause}', which has no sentence"
    if expected not in ("any", unit):
        return f"{name} is in '{unit}', the sentence of {cause} in '{expected}'"
    if cause == OWN_WORDS and not words:
        return f"{name} is a covariate without words of its own"
    return None


@cache
def _cause_file() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """Causes by unit, each with what is said of it."""
    text = (files("paydelay") / "locale" / "causes.yaml").read_text("utf-8")
    found: Mapping[str, Mapping[str, Mapping[str, str]]] = yaml.load(text, PlainLoader)
    return found


@dataclass(frozen=True)
class Reading:
    """How a reader takes a cause.

    Parameters
    ----------
    more : {1, 0, -1}
        Whether a higher value is expected to raise the risk, may do either, or to lower it.
    of_invoice : bool
        Whether its sentence is about one invoice and not about its customer.
    """

    more: int
    of_invoice: bool


@cache
def reading(cause: str, has_window: bool = False) -> Reading:
    """How a reader takes a cause; an unknown one may mean anything.

    Parameters
    ----------
    cause : str
        One of :func:`causes`.
    has_window : bool
        Whether its sentence tells of a period.

    Returns
    -------
    Reading

    Examples
    --------
    >>> reading("customer_mean_delay"), reading("amount")
    (Reading(more=1, of_invoice=False), Reading(more=0, of_invoice=True))
    """
    said = next((names[cause] for names in _cause_file().values() if cause in names), {})
    more = {"raises": 1, "lowers": -1}.get(said.get("more", ""), 0)
    of = said.get("of")
    return Reading(more, of == "invoice" or (of == "invoice_without_window" and not has_window))


def text_entry(key: str, language: str) -> Entry:
    """One text or its variants; KeyError where the language lacks it."""
    try:
        return texts(language)[key]
    except KeyError:
        raise KeyError(f"no text '{key}' in the language '{language}'") from None


@lru_cache(maxsize=1024)
def placeholders(template: str) -> tuple[str, ...]:
    """Placeholders of a text, each once."""
    return tuple(dict.fromkeys(name for _, name, _, _ in Formatter().parse(template) if name is not None))


def catalogue_faults(reference: Mapping[str, Entry], other: Mapping[str, Entry]) -> list[str]:
    """What keeps a catalogue from saying all that another one says.

    Parameters
    ----------
    reference, other : mapping of str to str or dict
        As :func:`read_catalogue` gives them.

    Returns
    -------
    list of str
        One line per key that is missing, or whose variants or placeholders differ.

    Examples
    --------
    >>> catalogue_faults({"scope.all": "All", "a": "{n} rows"}, {"a": "rien"})
    ['scope.all: missing', 'a: placeholders {n} on one side, none on the other']
    """
    faults = [f"{key}: missing" for key in reference if key not in other]
    faults += [f"{key}: not in the reference" for key in other if key not in reference]
    for key in reference:
        mine, theirs = _as_variants(reference[key]), _as_variants(other.get(key, reference[key]))
        if mine.keys() != theirs.keys():
            odd = ", ".join(sorted(mine.keys() ^ theirs.keys()))
            faults.append(f"{key}: variants {odd} on one side only")
            continue
        for variant in mine:
            here, there = _needs(mine[variant]), _needs(theirs[variant])
            if here != there:
                faults.append(f"{key}: placeholders {here} on one side, {there} on the other")
    return faults


def _needs(template: str) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(placeholders(template))) or "none"


def _as_variants(entry: Entry) -> dict[str, str]:
    return {"": entry} if isinstance(entry, str) else entry


def check_catalogue() -> list[str]:
    """Faults of every language against English, and of the causes against their sentences.

    Returns
    -------
    list of str
        Empty where every text is there in every language.

    Examples
    --------
    >>> check_catalogue()
    []
    """
    reference = texts(REFERENCE_LANGUAGE)
    faults = [
        f"{language}: {fault}"
        for language in languages()
        for fault in catalogue_faults(reference, texts(language))
    ]
    sentences = {key.removeprefix("reason.") for key in reference if key.startswith("reason.")}
    faults += [f"causes: {cause} has no sentence" for cause in causes() if cause not in sentences]
    faults += [f"causes: {cause} has no unit" for cause in sentences if cause not in causes()]
    short = {f"driver.{cause.partition('.')[0]}" for cause in causes()}
    faults += [f"causes: {name} has no short name" for name in short if name not in reference]
    return sorted(faults)
