"""How good the model is, in sentences and figures, from the gate it had to pass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from paydelay.language import format_number, phrase
from paydelay.model import DelayModel

_DECIMALS = {
    "auc": 3,
    "auc_late_ratio": 3,
    "gain": 3,
    "calibration_slope": 2,
    "brier": 3,
    "row_count": 0,
    "positive_count": 0,
}


def gate_sentences(model: DelayModel, language: str = "en") -> list[str]:
    """How each probability did against the customer's late ratio, and what is pooled.

    Parameters
    ----------
    model : DelayModel
        As training returned it.
    language : str
        One of the catalogue's.

    Returns
    -------
    list of str
    """
    gates = model.manifest["gate"]
    said = [_gate_sentence(name, gates[name], language) for name in ("late", "unpaid")]
    if not gates["late"]["passed"]:
        said.append(phrase("gate.forced", language))
    if pooled := pooled_sentence(model, language):
        said.append(pooled)
    return said


def pooled_sentence(model: DelayModel, language: str = "en") -> str:
    """Up to how many days past due the probability unpaid is the invoice's own.

    Parameters
    ----------
    model : DelayModel
        As training returned it.
    language : str
        One of the catalogue's.

    Returns
    -------
    str
        Empty where it is the invoice's own throughout.
    """
    if not model.unpaid_is_pooled:
        return ""
    beyond = model.pooled.supported_days
    return phrase(f"gate.pooled_{'beyond' if beyond > 0 else 'throughout'}", language, n=beyond)


def _gate_sentence(name: str, gate: Mapping[str, Any], language: str) -> str:
    if not _measured(gate):
        return phrase(f"gate.{name}_unjudged", language)
    gain = {end: format_number(gate["gain"][end], language, 3) for end in ("value", "low", "high")}
    return phrase(
        f"gate.{name}_{'passed' if gate['passed'] else 'failed'}",
        language,
        gain=gain["value"],
        low=gain["low"],
        high=gain["high"],
        count=phrase("gate.cases", language, n=int(gate["figures"]["row_count"])),
    )


def _measured(gate: Mapping[str, Any]) -> bool:
    # JSON has no NaN: a gain that could not be measured, or has no ends, may come back as None.
    ends = (gate["gain"][name] for name in ("value", "low", "high"))
    return all(end is not None and math.isfinite(end) for end in ends)


def gate_figures(gates: Mapping[str, Mapping[str, Any]], language: str) -> list[tuple[str, str, str]]:
    """Measures of the gate, for late payment and for non-payment.

    Parameters
    ----------
    gates : mapping
        As in the manifest: ``late`` and ``unpaid``.
    language : str
        One of the catalogue's.

    Returns
    -------
    list of tuple of str
        Name of the measure and its two figures; a dash for what was not measured.
    """
    return [
        (
            phrase(f"gate.measure.{name}", language),
            _figure(gates["late"], name, language),
            _figure(gates["unpaid"], name, language),
        )
        for name in _DECIMALS
    ]


def _figure(gate: Mapping[str, Any], name: str, language: str) -> str:
    if name != "gain" or not _measured(gate):
        return format_number(gate["figures"].get(name), language, _DECIMALS[name])
    ends = {end: format_number(gate["gain"][end], language, 3) for end in ("value", "low", "high")}
    return phrase("gate.interval", language, **ends)
