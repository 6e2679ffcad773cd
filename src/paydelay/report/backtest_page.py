"""A backtest as one HTML page for a credit manager: the verdict, the money, and where it fails."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paydelay import figures
from paydelay.backtest import LATE_DAYS_CAP, Backtest
from paydelay.backtest.judging import BASELINES
from paydelay.figures.drawing import svg
from paydelay.figures.naming import best_by_auc, scorer_name
from paydelay.figures.proofs import FEW_ROWS, TOP_SHARE
from paydelay.language import format_number, format_share, phrase
from paydelay.report.backtest_tables import (
    books_part,
    calibration_table,
    coverage_table,
    dates_table,
    delay_slices_table,
    folds_table,
    money_table,
    slices_part,
    views_part,
)
from paydelay.report.markup import Markup, document, links, section, tag, together
from paydelay.report.page import check_page, put_page
from paydelay.report.proof_content import (
    called,
    count_sentences,
    difference,
    difference_ends,
    draws,
    failures,
    headline,
    intervals_of,
    limits,
    outcomes_of,
    scorers_of,
    verdict_sentences,
)
from paydelay.report.summaries import refused_sentence

if TYPE_CHECKING:
    from paydelay.ledger import Ledger

_FAILURES_SHOWN = 10
# What it gives is a figure of matplotlib, which belongs to figures.
Drawn = Callable[[Backtest, str, str], Any]


def write_backtest_report(
    path: str | Path, proof: Backtest, *, language: str = "en", ledger: Ledger | None = None
) -> Path:
    """Write a backtest as a self-contained HTML file.

    Parameters
    ----------
    path : str or Path
        The file; its folder is made where it does not exist. A file that is
        there already is replaced once the new one is whole.
    proof : Backtest
        As :func:`~paydelay.backtest` returns it.
    language : {'en', 'fr'}
        Of the page.
    ledger : Ledger, optional
        The books that were replayed, to tell what was refused of them and what was
        assumed in reading them.

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
    >>> proof = pdl.backtest(ledger)  # doctest: +SKIP
    >>> write_backtest_report("out/backtest.html", proof, ledger=ledger)  # doctest: +SKIP
    """
    place = check_page(path)
    return put_page(place, backtest_page(proof, language=language, ledger=ledger))


def backtest_page(proof: Backtest, *, language: str = "en", ledger: Ledger | None = None) -> str:
    """The page of :func:`write_backtest_report` as a text.

    Parameters
    ----------
    proof, language, ledger
        As there.

    Returns
    -------
    str
        HTML; the same proof gives the same text.
    """
    parts = {
        "money": _money_part(proof, language),
        "calibration": _calibration_part(proof, language),
        "stability": _stability_part(proof, language),
        "drivers": _drivers_part(proof, language),
        "failures": _failures_part(proof, language),
        "dates": _dates_part(proof, language),
        "tables": views_part(proof, language),
        "method": _method_part(proof, ledger, language),
    }
    headings = {name: phrase(f"backtest.sections.{name}", language) for name in parts}
    title = phrase("backtest.title", language)
    body = tag(
        "body",
        tag("header", tag("h1", title), tag("p", headline(proof, language))),
        links(phrase("report.sections", language), headings),
        tag(
            "main",
            _verdict_part(proof, language),
            _tiles(proof, language),
            *(section(name, headings[name], inside) for name, inside in parts.items()),
        ),
        tag("footer", "paydelay"),
    )
    return document(title, body, language)


def _verdict_part(proof: Backtest, language: str) -> Markup:
    """One sentence for each outcome, and what stands behind it."""
    said = []
    for outcome in ("late", "unpaid"):
        first, *more = verdict_sentences(proof, outcome, language)
        said.append(tag("p", first, class_="said"))
        if more:
            said.append(tag("ul", *(tag("li", sentence) for sentence in more), class_="more"))
    heading = phrase("backtest.sections.verdict", language)
    return tag(
        "section", tag("h2", heading, id="verdict-h"), *said, id="verdict", aria_labelledby="verdict-h"
    )


def _tiles(proof: Backtest, language: str) -> Markup:
    """The figures that matter first, of late payment."""
    verdict, found = proof.verdict, intervals_of(proof, "late")
    top = format_share(TOP_SHARE, language)
    baseline = best_by_auc(proof, "late")
    best_auc = scorers_of(proof, "late").filter(scorer=baseline)["auc"].item()
    gain, bin_ = verdict.gain_per_book, called(proof)
    of_100 = {
        name: None if bin_[name] is None else 100.0 * bin_[name] for name in ("observed", "low", "high")
    }

    def ends(low: str, high: str) -> str:
        return phrase("backtest.interval", language, low=low, high=high)

    money, auc = found["late_value_20"], found["auc"]
    shown = [
        (
            phrase("backtest.tile.found_late", language, top=top),
            format_share(verdict.captured, language, 1),
            [ends(*(format_share(money[end], language, 1) for end in ("low", "high")))],
        ),
        (
            phrase("backtest.tile.best_simple", language),
            format_share(verdict.baseline_captured, language, 1),
            [scorer_name(verdict.baseline, language)],
        ),
        (
            phrase("backtest.tile.gain", language),
            difference(gain.value, proof, language),
            [phrase("backtest.interval_ends", language, ends=difference_ends(gain, proof, language))]
            if math.isfinite(gain.low)
            else [],
        ),
        (
            phrase("backtest.tile.auc", language),
            format_number(auc["value"], language, 3),
            [
                ends(*(format_number(auc[end], language, 3) for end in ("low", "high"))),
                phrase(
                    "backtest.tile.auc_best",
                    language,
                    value=format_number(best_auc, language, 3),
                    name=scorer_name(baseline, language),
                ),
            ],
        ),
        (
            phrase("backtest.tile.called", language, value=format_share(bin_["predicted"], language, 0)),
            phrase("backtest.tile.called_late", language, n=round(of_100["observed"] or 0.0)),
            [ends(*(format_number(of_100[end], language, 0) for end in ("low", "high")))],
        ),
    ]
    tiles = [
        tag(
            "div",
            tag("dt", name),
            tag("dd", value, class_="figure"),
            *(tag("dd", line, class_="more") for line in more),
        )
        for name, value, more in shown
    ]
    return tag("dl", *tiles, class_="tiles", aria_label=phrase("report.totals", language))


def _pair(proof: Backtest, drawn: Drawn, language: str) -> Markup:
    """A figure for each outcome, side by side where there is room."""
    seen = [
        tag(
            "figure",
            tag("h3", phrase(f"backtest.outcome.{outcome}", language)),
            _drawing(drawn, proof, outcome, language),
        )
        for outcome in outcomes_of(proof)
    ]
    return tag("div", *seen, class_="pair")


def _drawing(drawn: Drawn, proof: Backtest, outcome: str, language: str) -> Markup:
    return Markup(svg(drawn(proof, outcome, language)))


def _meaning(*names: str, language: str, **values: str | float) -> Markup:
    """What the words of a section mean."""
    return together(
        tag("p", phrase(f"backtest.means.{name}", language, **values), class_="more") for name in names
    )


def _money_part(proof: Backtest, language: str) -> Markup:
    currency = proof.reporting_currency
    parts = [
        _meaning("book", "money", "worklist", language=language, currency=currency),
        _pair(proof, figures.lift, language),
    ]
    for outcome in outcomes_of(proof):
        inside = money_table(proof, outcome, language)
        name = phrase(f"backtest.outcome.{outcome}", language)
        if outcome == "late":
            parts += [tag("h3", name), inside]
            parts.append(_meaning("foresight_days", language=language, n=LATE_DAYS_CAP))
        else:
            notes = _meaning("book_unpaid", "money_unpaid", "lost", language=language, currency=currency)
            parts.append(tag("details", tag("summary", name), notes, inside))
    return together(parts)


def _calibration_part(proof: Backtest, language: str) -> Markup:
    return together(
        [
            _meaning("calibrated", language=language),
            _pair(proof, figures.reliability, language),
            calibration_table(proof, language),
            _meaning("slope", language=language),
            _pair(proof, figures.slices, language),
            _meaning("slices", language=language, n=FEW_ROWS),
            slices_part(proof, language),
        ]
    )


def _stability_part(proof: Backtest, language: str) -> Markup:
    return together(
        [
            _pair(proof, figures.stability, language),
            _meaning("auc", "stability", language=language),
            books_part(proof, language),
        ]
    )


def _drivers_part(proof: Backtest, language: str) -> Markup:
    drawing = tag("figure", Markup(svg(figures.drivers(proof, language))))
    return together([drawing, _meaning("drivers", language=language)])


def _failures_part(proof: Backtest, language: str) -> Markup:
    """Where the model falls short, said in words."""
    parts: list[Markup] = []
    for outcome in outcomes_of(proof):
        found = failures(proof, outcome, language)
        parts.append(tag("h3", phrase(f"backtest.outcome.{outcome}", language)))
        if not found:
            parts.append(tag("p", phrase("backtest.failure.none", language)))
            continue
        items = []
        for failure in found[:_FAILURES_SHOWN]:
            count = phrase(
                f"backtest.failure.{'few' if failure.few else 'rows'}", language, n=failure.row_count
            )
            told = " · ".join([count, *failure.flaws])
            items.append(tag("li", tag("span", failure.name, class_="name"), " – ", told))
        parts.append(tag("ul", *items))
        if (more := len(found) - _FAILURES_SHOWN) > 0:
            parts.append(tag("p", phrase("backtest.failure.more", language, n=more), class_="more"))
    parts.append(tag("p", phrase("backtest.failure.chance", language), class_="more"))
    return together(parts)


def _dates_part(proof: Backtest, language: str) -> Markup:
    inside = dates_table(proof, language)
    if inside is None:
        return tag("p", phrase("backtest.date.nothing", language))
    cap = proof.config.backtest.delay_cap_days
    meaning = _meaning("dates", language=language, n=cap)
    return together([inside, meaning, coverage_table(proof, language), delay_slices_table(proof, language)])


def _method_part(proof: Backtest, ledger: Ledger | None, language: str) -> Markup:
    """What was done, what was not judged and why, and what the figures do not tell."""
    checked = min(proof.config.backtest.leak_check_count, sum(len(fold.as_ofs) for fold in proof.folds))
    names = dict.fromkeys(
        scorer_name(name, language) for outcome in outcomes_of(proof) for name in BASELINES[outcome]
    )
    grace, unpaid = proof.config.outcomes.grace_days, proof.config.outcomes.unpaid_after_days
    items = [
        phrase("backtest.method.folds", language, n=len(proof.folds)),
        phrase("backtest.method.blind", language, n=checked),
        phrase("report.means_late", language, n=grace),
        phrase("report.means_unpaid", language, n=unpaid),
        phrase("backtest.method.scored", language, n=proof.rows.height),
        *(" ".join(count_sentences(proof, outcome, language)) for outcome in ("late", "unpaid")),
        phrase("backtest.method.draws", language, draws=draws(proof, language)),
        phrase("backtest.method.baselines", language, names=", ".join(names)),
        phrase("backtest.method.settings", language),
    ]
    parts = [
        tag("ul", *(tag("li", item) for item in items)),
        folds_table(proof, language),
        tag("h3", phrase("backtest.method.limits", language)),
        tag("ul", *(tag("li", limit) for limit in limits(proof, language))),
    ]
    if ledger is not None and (told := refused_sentence(ledger, language)):
        parts += [tag("h3", phrase("report.refused", language)), tag("p", told)]
    if ledger is not None and ledger.notes:
        # The reader of the ledger speaks English.
        spoken = None if language == "en" else "en"
        notes = tag("ul", *(tag("li", note) for note in ledger.notes), lang=spoken)
        parts += [tag("h3", phrase("report.notes", language)), notes]
    return together(parts)
