"""The tables of a backtest's page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl

from paydelay.backtest import Backtest
from paydelay.figures.naming import (
    best_by_auc,
    best_by_money,
    depth_name,
    metric_name,
    scorer_name,
    slice_kind,
    slice_name,
)
from paydelay.language import format_date, format_number, format_share, phrase
from paydelay.report.markup import Column, Markup, cell, row, table, tag, together
from paydelay.report.proof_content import (
    MODEL,
    PROBABILITY,
    RANKING,
    VALUES,
    chance_of,
    figure_text,
    headed,
    intervals_of,
    method_notes,
    money,
    outcomes_of,
    scorers_of,
    with_interval,
)

DEPTHS = ("5", "10", "20", "contacts")
_CALIBRATION = ("ece", "slope", "intercept", "log_loss", "brier", "brier_skill")


def grid(
    caption: str, headings: Sequence[str], lines: Sequence[Sequence[str]], class_: str | None = None
) -> Markup:
    """A table of texts: the first cell names the row, the others are figures."""
    columns = [Column(heading, number=place > 0) for place, heading in enumerate(headings)]
    body = [
        row(
            *(
                cell(column, text, first=place == 0)
                for place, (column, text) in enumerate(zip(columns, line, strict=True))
            )
        )
        for line in lines
    ]
    inside = table(caption, columns, [tag("tbody", *body, role="rowgroup")], class_=class_)
    return tag("div", inside, class_="wide")


def _column(name: str, language: str) -> str:
    return phrase(f"backtest.column.{name}", language)


def _method(scorer: str, language: str) -> str:
    return headed(scorer_name(scorer, language))


def money_table(proof: Backtest, outcome: str, language: str) -> Markup:
    """What each method finds and leaves behind, by how far down collectors get."""
    first, second = VALUES[outcome]
    rows = proof.tables["money"].filter(outcome=outcome)
    shares = intervals_of(proof, outcome)
    last = "days_found" if outcome == "late" else "lost_found"
    headings = [
        _column(name, language) for name in ("method", "found", "found_per_book", "left_behind", last)
    ]
    columns = [Column(heading, number=place > 0) for place, heading in enumerate(headings)]
    contacts = proof.config.backtest.contact_count
    groups = []
    for depth in DEPTHS:
        at_depth = rows.filter(depth=depth)
        also = dict(at_depth.filter(value=second).select("scorer", "captured").iter_rows())
        title = headed(depth_name(depth, language, contacts))
        lines = [row(tag("th", title, colspan="5", scope="rowgroup", class_="name"), class_="group")]
        for line in at_depth.filter(value=first).iter_rows(named=True):
            ours = line["scorer"] == MODEL[outcome]
            found = format_share(line["captured"], language, 1)
            said = with_interval(f"{first}_{depth}", shares[f"{first}_{depth}"], language) if ours else found
            texts = [
                _method(line["scorer"], language),
                said,
                money(line["found_per_book"], proof, language),
                money(line["regret_per_book"], proof, language),
                format_share(also[line["scorer"]], language, 1),
            ]
            cells = [
                cell(column, text, first=place == 0)
                for place, (column, text) in enumerate(zip(columns, texts, strict=True))
            ]
            lines.append(row(*cells, class_="ours" if ours else None))
        groups.append(tag("tbody", *lines, role="rowgroup"))
    caption = phrase("backtest.sections.money", language)
    return tag("div", table(caption, columns, groups, class_="cards"), class_="wide")


def calibration_table(proof: Backtest, language: str) -> Markup:
    """How far the probabilities are from what came, with intervals."""
    outcomes = outcomes_of(proof)
    found = {outcome: intervals_of(proof, outcome) for outcome in outcomes}
    lines = [
        [
            phrase(f"column.{figure}", language),
            *(with_interval(figure, found[outcome][figure], language) for outcome in outcomes),
        ]
        for figure in _CALIBRATION
    ]
    chance = [figure_text("ece", chance_of(proof, outcome), language) for outcome in outcomes]
    lines.insert(1, [phrase("column.ece_by_chance", language), *chance])
    headings = [
        phrase("column.measure", language),
        *(phrase(f"backtest.outcome.{outcome}", language) for outcome in outcomes),
    ]
    return together(
        [
            grid(phrase("backtest.sections.calibration", language), headings, lines, class_="cards"),
            tag("p", phrase("backtest.means.losses", language), class_="more"),
        ]
    )


def slices_part(proof: Backtest, language: str) -> Markup:
    """Figures of every slice, folded away."""
    return _folded(proof, "show_slices", _slices_table, language)


def books_part(proof: Backtest, language: str) -> Markup:
    """Figures of every book, folded away."""
    return _folded(proof, "show_books", _books_table, language)


def _folded(proof: Backtest, key: str, made: Any, language: str) -> Markup:
    found = []
    for outcome in outcomes_of(proof):
        title = f"{phrase(f'backtest.outcome.{outcome}', language)} – {phrase(f'backtest.{key}', language)}"
        found.append(tag("details", tag("summary", title), made(proof, outcome, language)))
    return together(found)


def _slices_table(proof: Backtest, outcome: str, language: str) -> Markup:
    value = f"{outcome}_value_20"
    contacts = proof.config.backtest.contact_count
    headings = [
        *(_column(name, language) for name in ("slice", "rows", "predicted", "came")),
        phrase("column.slope", language),
        phrase("column.ece", language),
        phrase("column.ece_by_chance", language),
        phrase("column.log_loss", language),
        phrase("column.auc", language),
        headed(scorer_name(best_by_auc(proof, outcome), language)),
        metric_name(value, language, contacts),
    ]
    lines = []
    for line in proof.tables["slices"].filter(outcome=outcome).iter_rows(named=True):
        came = {"value": line["came_share"], "low": line["came_low"], "high": line["came_high"]}
        slope = {"value": line["slope"], "low": line["slope_low"], "high": line["slope_high"]}
        lines.append(
            [
                phrase(
                    "backtest.failure.name",
                    language,
                    kind=slice_kind(line["kind"], language),
                    slice=slice_name(line["kind"], line["slice"], language),
                ),
                format_number(line["row_count"], language, 0),
                format_share(line["predicted_share"], language, 1),
                with_interval("_value_", came, language),
                with_interval("slope", slope, language),
                *(
                    figure_text(name, line[name], language)
                    for name in ("ece", "ece_by_chance", "log_loss", "auc")
                ),
                figure_text("auc", line["baseline_auc"], language),
                figure_text(value, line[value], language),
            ]
        )
    return grid(phrase("backtest.show_slices", language), headings, lines)


def _books_table(proof: Backtest, outcome: str, language: str) -> Markup:
    value = f"{outcome}_value_20"
    by_auc, by_money = (
        headed(scorer_name(best(proof, outcome), language)) for best in (best_by_auc, best_by_money)
    )
    contacts = proof.config.backtest.contact_count
    headings = [
        *(_column(name, language) for name in ("day", "rows", "predicted", "came")),
        phrase("column.log_loss", language),
        phrase("column.auc", language),
        by_auc,
        metric_name(value, language, contacts),
        by_money,
    ]
    lines = [
        [
            format_date(line["as_of"], language),
            format_number(line["row_count"], language, 0),
            format_share(line["predicted_share"], language, 1),
            format_share(line["came_share"], language, 1),
            figure_text("log_loss", line["log_loss"], language),
            figure_text("auc", line["auc"], language),
            figure_text("auc", line["baseline_auc"], language),
            figure_text(value, line[value], language),
            figure_text(value, line[f"baseline_{value}"], language),
        ]
        for line in proof.tables["books"].filter(outcome=outcome).iter_rows(named=True)
    ]
    return grid(phrase("backtest.show_books", language), headings, lines)


def dates_table(proof: Backtest, language: str) -> Markup | None:
    """How far predicted days of payment were from what came; None where none was ripe."""
    lines = []
    for line in proof.tables["delays"].filter(pl.col("row_count") > 0).iter_rows(named=True):
        error = {"value": line["mae_days"], "low": line["mae_low"], "high": line["mae_high"]}
        lines.append(
            [
                _method(line["scorer"], language),
                with_interval("slope", error, language),
                format_number(line["crps_days"], language, 2),
                *_coverage(line, language),
                format_number(line["row_count"], language, 0),
            ]
        )
    headings = [
        *(_column(name, language) for name in ("method", "mae")),
        phrase("column.crps_days", language),
        *(_column(name, language) for name in ("coverage", "width", "rows")),
    ]
    if not lines:
        return None
    return grid(phrase("backtest.sections.dates", language), headings, lines, class_="cards")


def coverage_table(proof: Backtest, language: str) -> Markup:
    """How often payments fell into the predicted interval, training by training."""
    days = {known["fold"]: date.fromisoformat(known["train_as_of"]) for known in proof.models}
    lines = [
        [
            str(line["fold"]),
            format_date(days[line["fold"]], language),
            *_coverage(line, language),
            format_number(line["row_count"], language, 0),
        ]
        for line in proof.tables["delay_folds"].iter_rows(named=True)
    ]
    headings = [_column(name, language) for name in ("fold", "trained_on", "coverage", "width", "rows")]
    title = phrase("backtest.coverage_by_training", language)
    return together([tag("h3", title), grid(title, headings, lines, class_="cards")])


def delay_slices_table(proof: Backtest, language: str) -> Markup:
    """The model's figures of payment dates, counted in other ways and slice by slice, folded away."""
    lines = []
    for line in proof.tables["delay_slices"].filter(pl.col("row_count") > 0).iter_rows(named=True):
        kind, name = line["kind"], line["slice"]
        if kind == "view":
            called = phrase(f"backtest.view.{name}", language)
        else:
            named = {"kind": slice_kind(kind, language), "slice": slice_name(kind, name, language)}
            called = phrase("backtest.failure.name", language, **named)
        error = {"value": line["mae_days"], "low": line["mae_low"], "high": line["mae_high"]}
        lines.append(
            [
                called,
                with_interval("slope", error, language),
                format_number(line["crps_days"], language, 2),
                *_coverage(line, language),
                format_number(line["row_count"], language, 0),
            ]
        )
    headings = [
        *(_column(name, language) for name in ("slice", "mae")),
        phrase("column.crps_days", language),
        *(_column(name, language) for name in ("coverage", "width", "rows")),
    ]
    title = phrase("backtest.show_slices", language)
    return tag("details", tag("summary", title), grid(title, headings, lines))


def _coverage(line: dict[str, Any], language: str) -> list[str]:
    """Share inside the interval and days that it spans, each with the interval of its own."""
    share, days = (
        {"value": line[value], "low": line[f"{name}_low"], "high": line[f"{name}_high"]}
        for name, value in (("coverage", "coverage"), ("width", "width_days"))
    )
    return [with_interval("_value_", share, language), with_interval("width", days, language)]


def folds_table(proof: Backtest, language: str) -> Markup:
    """When each model was trained, on how much, and which books it scored."""
    names = ("fold", "trained_on", "learned_from", "late_share", "trees", "scored")
    lines = []
    for fold, known in zip(proof.folds, proof.models, strict=True):
        scored = phrase("backtest.books", language, n=len(fold.as_ofs))
        lines.append(
            [
                str(fold.number),
                format_date(date.fromisoformat(known["train_as_of"]), language),
                phrase("unit.invoices", language, n=known["period"]["invoice_count"]),
                format_share(known["period"]["late_share"], language, 1),
                format_number(known["tree_count"], language, 0),
                scored,
            ]
        )
    headings = [_column(name, language) for name in names]
    return grid(phrase("backtest.sections.method", language), headings, lines, class_="cards")


def views_part(proof: Backtest, language: str) -> Markup:
    """Every figure of every method in every view, folded away."""
    parts = [
        tag("p", phrase(f"backtest.means.{name}", language), class_="more")
        for name in ("views", "auc", "losses", "gains")
    ]
    for outcome in outcomes_of(proof):
        views = proof.tables["scorers"].filter(outcome=outcome)["view"].unique(maintain_order=True)
        for view in views:
            names = (
                phrase(f"backtest.outcome.{outcome}", language),
                phrase(f"backtest.view.{view}", language),
            )
            title = " – ".join(names)
            parts.append(tag("details", tag("summary", title), *_of_view(proof, outcome, view, language)))
    return together(parts)


def _of_view(proof: Backtest, outcome: str, view: str, language: str) -> list[Markup]:
    contacts = proof.config.backtest.contact_count
    scorers = scorers_of(proof, outcome, view)
    found = intervals_of(proof, outcome, view)
    valued = [f"{value}_{depth}" for value in VALUES[outcome] for depth in DEPTHS]
    parts = []
    for figures in ((*RANKING, *PROBABILITY, "ece_by_chance"), valued):
        known = [name for name in figures if name in scorers.columns and scorers[name].is_not_null().any()]
        if not known:
            continue
        headings = [_column("method", language), *(metric_name(name, language, contacts) for name in known)]
        # Foresight has no figure but of money.
        lines = [
            [_method(line["scorer"], language), *(figure_text(name, line[name], language) for name in known)]
            for line in scorers.iter_rows(named=True)
            if any(line[name] is not None for name in known)
        ]
        title = phrase("backtest.figures_of_all", language)
        parts += [tag("h3", title), grid(title, headings, lines)]
    title = phrase("backtest.figures_of_model", language)
    lines = [
        [metric_name(name, language, contacts), with_interval(name, line, language)]
        for name, line in found.items()
    ]
    parts += [
        *(tag("p", note, class_="more") for note in method_notes(proof, outcome, language)[1:]),
        tag("h3", title),
        grid(title, [phrase("column.measure", language), _method("model", language)], lines),
    ]
    return [*parts, *_gains(proof, outcome, view, language)]


def _gains(proof: Backtest, outcome: str, view: str, language: str) -> list[Markup]:
    rows = proof.tables["gains"].filter(outcome=outcome, view=view)
    if rows.is_empty():
        return []
    contacts = proof.config.backtest.contact_count
    lines = [
        [
            metric_name(line["figure"], language, contacts),
            _method(line["baseline"], language),
            with_interval(line["figure"], line, language),
            format_share(line["share_above"], language, 1),
        ]
        for line in rows.iter_rows(named=True)
    ]
    headings = [
        phrase("column.measure", language),
        *(_column(name, language) for name in ("against", "gain", "surely")),
    ]
    title = phrase("backtest.gains_of_model", language)
    return [tag("h3", title), grid(title, headings, lines)]
