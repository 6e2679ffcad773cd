"""Kept scores made again, as a terminal shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from paydelay.language import format_amount, format_number, format_share, phrase
from paydelay.report.columns import Column, Lines
from paydelay.scoring import Replay

if TYPE_CHECKING:
    from rich.console import Console

_SHOWN = 20
_PARTS = ("probability", "expected_loss", "reasons", "rest", "rank", "features")


def print_replay(
    found: Replay, currency: str, language: str = "en", *, console: Console | None = None
) -> None:
    """Print how many scores came out the same, what has changed since, and what the difference comes from.

    Parameters
    ----------
    found : Replay
        As :func:`~paydelay.replay` returns it.
    currency : str
        Reporting currency of the books.
    language : {'en', 'fr'}
        Of everything that is printed.
    console : rich.console.Console, optional
        Where to print; standard output where None.
    """
    from rich.console import Console

    lines = Lines(console or Console(highlight=False))
    lines.text(_headline(found, language), "bold")
    standings = found.invoices["standing"]
    for name in ("only_then", "only_now"):
        if count := int((standings == name).sum()):
            lines.text(phrase(f"replay.{name}", language, n=count))
    if not found.same:
        _print_counts(lines, found, language)
        _print_invoices(lines, found, currency, language)
    lines.line()
    for sentence in _sources(found, language):
        lines.text(sentence)
    if found.books.height:
        lines.line()
        _print_books(lines, found.books, language)
    if told := _because(found, language):
        lines.line()
        lines.text(told, "bold")


def _headline(found: Replay, language: str) -> str:
    count = found.invoices.height
    if not count:
        return phrase("replay.none", language, as_of=found.as_of)
    if found.same:
        return phrase("replay.same", language, n=count, as_of=found.as_of)
    same = int((found.invoices["standing"] == "same").sum())
    return phrase("replay.differs", language, n=count, same=same, as_of=found.as_of)


def _print_counts(lines: Lines, found: Replay, language: str) -> None:
    """How many invoices scored both times are the same in what."""
    both = found.invoices.filter(pl.col("standing").is_in(["same", "different"]))
    if both.is_empty():
        return
    counts = [int(both[f"same_{part}"].sum()) for part in _PARTS]
    lines.line()
    lines.grid(
        [
            Column(
                [phrase(f"replay.part.{part}", language) for part in _PARTS],
                phrase("replay.compared", language),
                left=True,
            ),
            Column(
                [format_number(count, language, 0) for count in counts], phrase("replay.count_same", language)
            ),
            Column(
                [format_number(both.height - count, language, 0) for count in counts],
                phrase("replay.count_different", language),
            ),
        ]
    )


def _print_invoices(lines: Lines, found: Replay, currency: str, language: str) -> None:
    """The invoices whose probabilities or loss differ, those that moved most in money first."""
    moved = (pl.col("expected_loss_now").fill_null(0.0) - pl.col("expected_loss_then").fill_null(0.0)).abs()
    told = found.invoices.filter(
        (pl.col("standing") != "same") & ~(pl.col("same_probability") & pl.col("same_expected_loss"))
    )
    if told.is_empty():
        return
    told = told.sort(moved, "invoice_id", descending=[True, False]).head(_SHOWN)

    def column(name: str, heading: str, money: bool) -> Column:
        written = [
            format_amount(value, currency, language) if money else format_share(value, language, 2)
            for value in told[name].to_list()
        ]
        return Column(written, phrase(f"replay.column.{heading}", language))

    lines.line()
    lines.grid(
        [
            Column(told["invoice_id"].to_list(), phrase("replay.column.invoice", language), left=True),
            column("prob_late_then", "then", money=False),
            column("prob_late_now", "now", money=False),
            column("expected_loss_then", "loss_then", money=True),
            column("expected_loss_now", "loss_now", money=True),
        ]
    )


def _sources(found: Replay, language: str) -> list[str]:
    """A sentence for each thing that a score depends on."""
    then, now = found.model_versions
    names = ", ".join(found.settings)
    absent = phrase("replay.version_absent", language)
    versions = ", ".join(
        phrase("replay.version_changed", language, name=name, then=was or absent, now=is_ or absent)
        for name, (was, is_) in found.software.items()
    )
    said: dict[str, dict[str, Any]] = {
        "model": {"version": now, "then": then},
        "settings": {"names": names},
        "books": {"as_of": found.as_of},
        "software": {"names": versions},
    }
    return [
        phrase(f"replay.{what}_{'other' if what in found.changed else 'same'}", language, **values)
        for what, values in said.items()
    ]


def _print_books(lines: Lines, books: pl.DataFrame, language: str) -> None:
    changes = ("added", "removed", "altered")
    lines.grid(
        [
            Column(books["table"].to_list(), phrase("replay.table", language), left=True),
            *(
                Column(
                    [format_number(count, language, 0) for count in books[name].to_list()],
                    phrase(f"replay.{name}", language),
                )
                for name in changes
            ),
        ]
    )


def _because(found: Replay, language: str) -> str:
    """What the difference comes from, as far as can be said."""
    if found.same:
        return phrase("replay.unimportant", language) if found.changed else ""
    what = ", ".join(phrase(f"replay.what.{name}", language) for name in found.changed)
    if not found.changed:
        return phrase("replay.unexplained", language)
    return phrase(f"replay.because_{'one' if len(found.changed) == 1 else 'several'}", language, what=what)
