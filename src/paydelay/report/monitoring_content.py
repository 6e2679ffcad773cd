"""What is told of past scores, before it is laid out: page and terminal share it."""

from __future__ import annotations

from collections.abc import Callable

from paydelay.features import CATALOGUE
from paydelay.figures.naming import driver_name, shown
from paydelay.intervals import Interval
from paydelay.language import format_number, format_share, phrase
from paydelay.monitor import Check, Monitoring

_SHARES = ("captured", "missing_values", "new_customers", "coverage")
_LOG_LOSS_DECIMALS = 4


def check_name(check: Check, language: str) -> str:
    """What was checked, in a few words."""
    outcome = "" if check.outcome is None else f".{check.outcome}"
    return phrase(f"monitoring.check.{check.name}{outcome}", language)


def named(name: str, told: str, language: str) -> str:
    """What is told of something, after its name."""
    return phrase("monitoring.named", language, name=name, told=told)


def figure_text(check: Check, value: float | None, language: str) -> str:
    """A figure of a check in its unit."""
    if check.name in _SHARES:
        return format_share(value, language, 1)
    return format_number(value, language, 3 if check.name == "auc" else 2)


def value_text(check: Check, language: str) -> str:
    """What a check found, with its interval where it has one, or why there is nothing."""
    if check.value is None:
        return phrase(f"monitoring.why.{check.why}", language)
    value = figure_text(check, check.value, language)
    if check.low is None or check.high is None:
        return value
    ends = {end: figure_text(check, getattr(check, end), language) for end in ("low", "high")}
    return phrase("backtest.with_interval", language, value=value, **ends)


def subject_text(check: Check, language: str) -> str | None:
    """The feature that went furthest, and how many went beyond where watching begins."""
    if check.subject is None:
        return None
    name = shown(check.subject)
    if check.subject in CATALOGUE.names:
        name += f" ({driver_name(CATALOGUE[check.subject].cause, language)})"
    return phrase("monitoring.furthest", language, n=check.count or 0, name=name)


def limit_text(check: Check, limit: float | None, language: str) -> str:
    """From where on a check is watched or an alarm; of a slope, the distance from 1."""
    text = figure_text(check, limit, language)
    return f"1 ± {text}" if check.name == "slope" and limit is not None else text


def headline(found: Monitoring, language: str) -> str:
    """Which scores, and by what was known when."""
    return phrase("monitoring.headline", language, first=found.first, last=found.last, as_of=found.as_of)


def overall_sentence(found: Monitoring, language: str) -> str:
    """The worst verdict, and the checks that it comes from."""
    names = ", ".join(check_name(check, language) for check in found.made if check.verdict == found.verdict)
    return phrase(f"monitoring.overall.{found.verdict}", language, names=names)


def retraining_sentences(found: Monitoring, language: str) -> list[str]:
    """Whether a newer model would help, with the evidence."""
    tried = found.retraining
    if tried.as_of is None:
        quiet = tried.advice == "not_tried" and found.verdict in ("watch", "alarm")
        return [phrase(f"monitoring.retraining.{tried.advice}{'_told' if quiet else ''}", language)]

    def told(key: str, gain: Interval) -> str:
        ends = {name: format_number(end, language, _LOG_LOSS_DECIMALS) for name, end in vars(gain).items()}
        return phrase(f"monitoring.retraining.{key}", language, as_of=tried.as_of or found.as_of, **ends)

    of = "recalibrated" if tried.advice == "recalibrate" else "retrained"
    return [
        told(tried.advice, tried.gains[of]),
        told("over", tried.gains["retrained_over_recalibrated"]),
        phrase("monitoring.retraining.lags", language),
    ]


def method_sentences(found: Monitoring, language: str) -> list[str]:
    """What was read and left out, and how it was judged."""

    def told(name: str, **values: str | float) -> str:
        return phrase(f"monitoring.method.{name}", language, **values)

    counted = {name: format_number(found.counts[name], language, 0) for name in ("read", "kept")}
    said = [told("counts", **counted)]
    left = ("after_as_of", "before_training", "not_in_ledger", "not_scored")
    said += [told(name, n=found.counts[name]) for name in left if found.counts[name]]
    said += [told("mature"), told("interval", level=format_share(found.settings.interval_level, language))]
    if found.model_versions:
        said.append(told("versions", names=", ".join(map(shown, found.model_versions))))
    if found.trained_as_of is not None:
        said.append(phrase("monitoring.method.trained", language, date=found.trained_as_of))
    return said


def measure_writers(language: str) -> dict[str, Callable[[float | None], str]]:
    """How each measure of the table ``realised`` is written, in the order told."""

    def number(decimals: int) -> Callable[[float | None], str]:
        return lambda value: format_number(value, language, decimals)

    def share(value: float | None) -> str:
        return format_share(value, language, 1)

    counts = ("row_count", "invoice_count", "week_count", "waiting_count", "decided_count")
    return {
        **dict.fromkeys(counts, number(0)),
        **dict.fromkeys(("predicted_share", "came_share"), share),
        **dict.fromkeys(("slope", "intercept"), number(2)),
        **dict.fromkeys(("ece", "log_loss", "brier", "brier_then", "auc", "auc_then"), number(3)),
        **dict.fromkeys(("captured", "captured_expected"), share),
    }
