"""Past scores beside what came as one HTML page: every verdict, and what stands behind it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from paydelay import figures
from paydelay.figures.drawing import svg
from paydelay.figures.naming import driver_name, shown
from paydelay.language import format_number, format_share, phrase
from paydelay.monitor import OUTCOMES, Check, Monitoring
from paydelay.report.backtest_tables import grid
from paydelay.report.markup import Markup, document, links, section, tag, together
from paydelay.report.monitoring_content import (
    check_name,
    headline,
    limit_text,
    measure_writers,
    method_sentences,
    named,
    overall_sentence,
    retraining_sentences,
    subject_text,
    value_text,
)
from paydelay.report.page import check_page, put_page

_FEATURES_SHOWN = 12


def write_monitoring_report(path: str | Path, monitoring: Monitoring, *, language: str = "en") -> Path:
    """Write what became of past scores as a self-contained HTML file.

    Parameters
    ----------
    path : str or Path
        The file; its folder is made where it does not exist. A file that is
        there already is replaced once the new one is whole.
    monitoring : Monitoring
        As :func:`~paydelay.monitor` returns it.
    language : {'en', 'fr'}
        Of the page.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    TargetError
        If the path does not end in .html, or cannot be written to.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> found = pdl.monitor(ledger, "scores/", "2025-11-30", model=model)  # doctest: +SKIP
    >>> write_monitoring_report("out/monitoring.html", found)  # doctest: +SKIP
    """
    place = check_page(path)
    return put_page(place, monitoring_page(monitoring, language=language))


def monitoring_page(monitoring: Monitoring, *, language: str = "en") -> str:
    """The page of :func:`write_monitoring_report` as a text.

    Parameters
    ----------
    monitoring, language
        As there.

    Returns
    -------
    str
        HTML; the same checks give the same text.
    """
    parts: dict[str, Callable[[Monitoring, str], Markup]] = {
        "checks": _checks_part,
        "realised": _realised_part,
        "contacts": _contacts_part,
        "drift": _drift_part,
        "population": _population_part,
        "retraining": _retraining_part,
        "method": _method_part,
    }
    headings = {name: phrase(f"monitoring.sections.{name}", language) for name in parts}
    title = phrase("monitoring.title", language)
    body = tag(
        "body",
        tag(
            "header",
            tag("h1", title),
            tag("p", headline(monitoring, language)),
            tag("p", overall_sentence(monitoring, language), class_=_warning(monitoring)),
        ),
        links(phrase("report.sections", language), headings),
        tag(
            "main",
            *(section(name, headings[name], made(monitoring, language)) for name, made in parts.items()),
        ),
        tag("footer", "paydelay"),
    )
    return document(title, body, language)


def _warning(found: Monitoring) -> str | None:
    return "warning" if found.verdict == "alarm" else None


def _column(name: str, language: str) -> str:
    return phrase(f"monitoring.column.{name}", language)


def _grid(section_name: str, columns: tuple[str, ...], lines: list[list[str]], language: str) -> Markup:
    caption = phrase(f"monitoring.sections.{section_name}", language)
    return grid(caption, [_column(name, language) for name in columns], lines, class_="cards")


def _checks_part(found: Monitoring, language: str) -> Markup:
    """Every check, the worst first, and what each means."""
    order = ("alarm", "watch", "ok", "not_judged")
    checks = sorted(found.made, key=lambda check: order.index(check.verdict))
    lines = [
        [
            check_name(check, language),
            phrase(f"monitoring.verdict.{check.verdict}", language),
            value_text(check, language),
            *(limit_text(check, getattr(check, name), language) for name in ("watch_at", "alarm_at")),
            format_number(check.row_count, language, 0),
        ]
        for check in checks
    ]
    columns = ("check", "verdict", "value", "watch_at", "alarm_at", "rows")
    kinds: dict[str, list[str]] = {}
    for check in checks:
        kinds.setdefault(check.name, []).append(check_name(check, language))
    meanings = tag(
        "ul",
        *(
            tag("li", tag("span", " / ".join(names), class_="name"), " – ", _means(kind, language))
            for kind, names in kinds.items()
        ),
    )
    return together([_grid("checks", columns, lines, language), *_subjects(checks, language), meanings])


def _means(kind: str, language: str) -> str:
    return phrase(f"monitoring.means.{kind}", language)


def _subjects(checks: list[Check], language: str) -> list[Markup]:
    return [
        tag("p", named(check_name(check, language), told, language))
        for check in checks
        if (told := subject_text(check, language))
    ]


def _realised_part(found: Monitoring, language: str) -> Markup:
    table = found.tables["realised"]
    rows = {row["outcome"]: row for row in table.iter_rows(named=True)}
    lines = [
        [phrase(f"monitoring.measure.{name}", language), *(write(rows[each][name]) for each in OUTCOMES)]
        for name, write in measure_writers(language).items()
    ]
    drawings = [
        tag("figure", Markup(svg(drawn(found, outcome, language))))
        for name, drawn in (("days", figures.realised), ("reliability", figures.reliability))
        for outcome in OUTCOMES
        if not found.tables[name].filter(outcome=outcome).is_empty()
    ]
    return together(
        [
            tag("div", *drawings, class_="pair"),
            _grid("realised", ("measure", *OUTCOMES), lines, language),
            tag("p", phrase("monitoring.bins_note", language), class_="more"),
        ]
    )


def _contacts_part(found: Monitoring, language: str) -> Markup:
    if not found.contacts_known:
        return tag("p", phrase("monitoring.contacts_unknown", language))
    lines = []
    for row in found.tables["contacts"].iter_rows(named=True):
        ratio = row["ratio"]
        text = format_number(ratio, language, 2)
        if ratio is not None and row["low"] is not None and row["high"] is not None:
            ends = {name: format_number(row[name], language, 2) for name in ("low", "high")}
            text = phrase("backtest.with_interval", language, value=text, **ends)
        lines.append(
            [
                f"{_column(row['outcome'], language)}, "
                + phrase("monitoring.contact", language, n=int(row["contacted"])),
                format_number(row["row_count"], language, 0),
                format_share(row["predicted_share"], language, 1),
                format_share(row["came_share"], language, 1),
                text,
            ]
        )
    caveat = tag("p", phrase("monitoring.contacts_caveat", language), class_="more")
    columns = ("contact", "rows", "predicted", "came", "ratio")
    return together([_grid("contacts", columns, lines, language), caveat])


def _drift_part(found: Monitoring, language: str) -> Markup:
    table = found.tables["features"]
    if table.is_empty():
        return _not_compared(found, language)
    every = tag(
        "details", tag("summary", phrase("monitoring.show_features", language)), _features(table, language)
    )
    note = tag("p", phrase("monitoring.feature_note", language), class_="more")
    return together([_features(table.head(_FEATURES_SHOWN), language), note, every])


def _not_compared(found: Monitoring, language: str) -> Markup:
    why = next((check.why for check in found.made if check.name == "feature_drift"), None)
    return tag("p", phrase(f"monitoring.why.{why or 'too_few'}", language))


def _features(table: pl.DataFrame, language: str) -> Markup:
    lines = [
        [
            shown(row["feature"]),
            driver_name(row["cause"], language),
            phrase(f"monitoring.verdict.{row['verdict']}", language),
            *(format_number(row[name], language, 2) for name in ("psi", "usual_psi", "watch_at", "alarm_at")),
            *(format_share(row[name], language, 1) for name in ("missing_then", "missing_now")),
            phrase(f"monitoring.verdict.{row['missing_verdict']}", language),
        ]
        for row in table.iter_rows(named=True)
    ]
    columns = ("feature", "cause", "verdict", "psi", "usual", "watch_at", "alarm_at")
    return _grid("drift", (*columns, "missing_then", "missing_now", "verdict"), lines, language)


def _population_part(found: Monitoring, language: str) -> Markup:
    table = found.tables["population"]
    if table.is_empty():
        return _not_compared(found, language)

    def value(row: dict[str, Any]) -> str:
        kind = phrase(f"monitoring.kind.{row['kind']}", language)
        if row["kind"] == "new_customers":
            return kind
        return named(kind, shown(row["value"] or phrase("monitoring.other_values", language)), language)

    lines = [
        [value(row), *(format_share(row[name], language, 1) for name in ("share_then", "share_now"))]
        for row in table.iter_rows(named=True)
    ]
    return _grid("population", ("value_of", "share_then", "share_now"), lines, language)


def _retraining_part(found: Monitoring, language: str) -> Markup:
    tried = found.retraining
    parts = [tag("p", sentence) for sentence in retraining_sentences(found, language)]
    if tried.as_of is None:
        return together(parts)
    lines = []
    for name, loss in tried.log_loss.items():
        gain = tried.gains.get(name)
        ends = (
            {}
            if gain is None
            else {end: format_number(number, language, 4) for end, number in vars(gain).items()}
        )
        saved = phrase("backtest.with_interval", language, **ends) if ends else format_number(None, language)
        lines.append([phrase(f"monitoring.model.{name}", language), format_number(loss, language, 4), saved])
    return together([*parts, _grid("retraining", ("model", "log_loss", "gain"), lines, language)])


def _method_part(found: Monitoring, language: str) -> Markup:
    return tag("ul", *(tag("li", sentence) for sentence in method_sentences(found, language)))
