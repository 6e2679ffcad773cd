"""A backtest as a terminal shows it: the verdict, every method, the money, the folds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paydelay.backtest import Backtest
from paydelay.figures.naming import depth_name, scorer_name
from paydelay.figures.proofs import TOP_SHARE
from paydelay.language import format_share, phrase
from paydelay.report.columns import Column, Lines
from paydelay.report.proof_content import (
    VALUES,
    draws,
    figure_text,
    headed,
    headline,
    method_notes,
    money,
    outcomes_of,
    scorers_of,
    verdict_sentences,
)

if TYPE_CHECKING:
    from rich.console import Console

_DEPTHS = ("20", "contacts")
# Where a terminal is narrow the last of these goes first.
_SPARED = {"auc": 0, "log_loss": 3, "brier": 4, "ece": 5}


def print_backtest(proof: Backtest, language: str = "en", *, console: Console | None = None) -> None:
    """Print what a backtest proves.

    Parameters
    ----------
    proof : Backtest
        As :func:`~paydelay.backtest` returns it.
    language : {'en', 'fr'}
        Of everything that is printed.
    console : rich.console.Console, optional
        Where to print; standard output where None.

    Examples
    --------
    >>> proof = pdl.backtest(ledger)  # doctest: +SKIP
    >>> print_backtest(proof, "fr")  # doctest: +SKIP
    """
    from rich.console import Console

    lines = Lines(console or Console(highlight=False))
    lines.text(headline(proof, language), "bold")
    for outcome in ("late", "unpaid"):
        first, *more = verdict_sentences(proof, outcome, language)
        lines.line()
        lines.text(first, "bold")
        for sentence in more:
            lines.text(sentence, indent="  ")
    for outcome in outcomes_of(proof):
        _print_methods(lines, proof, outcome, language)
        _print_money(lines, proof, outcome, language)
    lines.line()
    lines.text(_folds_line(proof, language), "dim")


def _print_methods(lines: Lines, proof: Backtest, outcome: str, language: str) -> None:
    """Every method with its main figures."""
    rows = scorers_of(proof, outcome).to_dicts()
    names = [headed(scorer_name(row["scorer"], language)) for row in rows]
    first, second = VALUES[outcome]
    in_top = phrase("depth.share", language, value=format_share(TOP_SHARE, language))
    found = f"{phrase('backtest.column.found', language)}, {in_top}"
    also = phrase(f"backtest.column.{'days' if outcome == 'late' else 'lost'}_found", language)
    headings = {name: phrase(f"column.{name}", language) for name in _SPARED}
    headings |= {f"{first}_20": found, f"{second}_20": f"{also}, {in_top}"}
    columns = [
        Column(names, phrase("backtest.column.method", language), left=True),
        *(
            Column(
                [figure_text(figure, row[figure], language) for row in rows],
                heading,
                spare=_SPARED.get(figure, 2 if figure.startswith(second) else 0),
            )
            for figure, heading in headings.items()
        ),
    ]
    _titled(lines, f"backtest.outcome.{outcome}", language)
    lines.grid(columns, indent="  ")
    for note in method_notes(proof, outcome, language):
        lines.text(note, "dim", indent="  ")


def _print_money(lines: Lines, proof: Backtest, outcome: str, language: str) -> None:
    """What is found and left behind per book, in the first fifth and by the contacts there are."""
    value = VALUES[outcome][0]
    for depth in _DEPTHS:
        rows = proof.tables["money"].filter(outcome=outcome, value=value, depth=depth).to_dicts()
        names = [headed(scorer_name(row["scorer"], language)) for row in rows]
        columns = [
            Column(names, phrase("backtest.column.method", language), left=True),
            Column(
                [format_share(row["captured"], language, 1) for row in rows],
                phrase("backtest.column.found", language),
            ),
            *(
                Column(
                    [money(row[name], proof, language) for row in rows],
                    phrase(f"backtest.column.{key}", language),
                )
                for name, key in (("found_per_book", "found_per_book"), ("regret_per_book", "left_behind"))
            ),
        ]
        lines.line()
        where = depth_name(depth, language, proof.config.backtest.contact_count)
        lines.text(f"{phrase(f'value_found.{value}', language)}, {where}", "bold")
        lines.grid(columns, indent="  ")


def _titled(lines: Lines, key: str, language: str) -> None:
    lines.line()
    lines.text(phrase(key, language), "bold")


def _folds_line(proof: Backtest, language: str) -> str:
    return phrase(
        "backtest.folds_line",
        language,
        n=len(proof.folds),
        rows=phrase("unit.rows", language, n=proof.rows.height),
        judged=phrase("unit.rows", language, n=proof.verdict.row_count),
        draws=draws(proof, language),
    )
