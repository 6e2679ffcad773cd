"""What the terminal says of a search of settings: its best trials, and what they gain where it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import polars as pl

from paydelay.intervals import Interval
from paydelay.language import format_number, phrase
from paydelay.report.columns import Column, Lines
from paydelay.tune import Tuning

if TYPE_CHECKING:
    from rich.console import Console

_BEST_SHOWN = 5
_DECIMALS = 4


def print_tuning(tuning: Tuning, language: str = "en", *, console: Console | None = None) -> None:
    """Print the best trials, their settings, the comparison on the last fold and the verdict.

    Parameters
    ----------
    tuning : Tuning
        As the search left it.
    language : {'en', 'fr'}
        Of everything but the names of settings.
    console : rich.console.Console, optional
        Where to print; standard output where None.
    """
    from rich.console import Console

    lines = Lines(console or Console(highlight=False))
    tuned_on, last = tuning.folds[:-1], tuning.folds[-1]
    lines.text(_searched(tuning, language))
    judged = phrase(
        "tuning.judged_on",
        language,
        n=len(tuned_on),
        first=tuned_on[0].train_as_of,
        last=tuned_on[-1].train_as_of,
        labels_at=tuned_on[-1].labels_at,
    )
    lines.text(judged, "dim")
    lines.line()
    _print_trials(lines, tuning, language)
    lines.line()
    _print_settings(lines, tuning, language)
    lines.line()
    held_out = phrase(
        "tuning.held_out",
        language,
        as_of=last.train_as_of,
        rows=phrase("tuning.cases", language, n=tuning.row_count),
    )
    lines.text(held_out, "bold")
    _print_held_out(lines, tuning, language)
    lines.line()
    lines.text(_verdict(tuning, language), "bold")


def _searched(tuning: Tuning, language: str) -> str:
    said = phrase("tuning.trials", language, n=tuning.trials.height)
    if stopped := int(tuning.trials["pruned"].sum()):
        said += " " + phrase("tuning.pruned", language, n=stopped)
    return said


def _print_trials(lines: Lines, tuning: Tuning, language: str) -> None:
    """The best trials that saw every fold, and the first, which had the settings given."""
    best = tuning.trials.filter(~pl.col("pruned")).sort("log_loss", "trial").head(_BEST_SHOWN)
    rows = pl.concat([best, tuning.trials.head(1)]).unique(maintain_order=True).to_dicts()

    def column(name: str, write: Callable[[Any], str]) -> Column:
        return Column([write(row[name]) for row in rows], phrase(f"tuning.column.{name}", language))

    lines.grid(
        [
            column("trial", str),
            column("log_loss", _figure(language)),
            column("log_loss_gain", _figure(language)),
            column("auc", _figure(language)),
            column("captured_20", _figure(language)),
            Column(
                [phrase("tuning.as_given", language) if row["trial"] == 1 else "" for row in rows], left=True
            ),
        ]
    )


def _print_settings(lines: Lines, tuning: Tuning, language: str) -> None:
    names = tuning.setting_names
    of_best = phrase("tuning.of_trial", language, trial=str(tuning.best_trial))
    rows = {phrase("tuning.as_given", language): 0, of_best: tuning.best_trial - 1}
    columns = [
        Column([format_number(tuning.trials[name][row], language, _needed(name)) for name in names], heading)
        for heading, row in rows.items()
    ]
    lines.grid([Column(names, phrase("tuning.setting", language), left=True), *columns])


def _needed(name: str) -> int:
    """Digits after the mark: rates and shares have three, the others are whole or nearly so."""
    return 3 if name.endswith(("_rate", "_share")) else 1 if name.endswith("_penalty") else 0


def _print_held_out(lines: Lines, tuning: Tuning, language: str) -> None:
    names = list(tuning.gains)
    write = _figure(language)
    shown = {
        phrase("tuning.as_given", language): [write(tuning.held_out["given"][name]) for name in names],
        phrase("tuning.best", language): [write(tuning.held_out["best"][name]) for name in names],
        phrase("tuning.gain", language): [
            _interval(tuning.gains[name], "gate.interval", language) for name in names
        ],
    }
    first = Column([phrase(f"tuning.column.{name}", language) for name in names], left=True)
    lines.grid([first, *(Column(cells, heading) for heading, cells in shown.items())])


def _verdict(tuning: Tuning, language: str) -> str:
    if tuning.best_trial == 1:
        return phrase("tuning.nothing_better", language)
    key = "tuning.won" if tuning.won else "tuning.not_won"
    return _interval(tuning.gains["log_loss"], key, language)


def _interval(gain: Interval, key: str, language: str) -> str:
    write = _figure(language)
    return phrase(key, language, value=write(gain.value), low=write(gain.low), high=write(gain.high))


def _figure(language: str) -> Callable[[float | None], str]:
    return lambda value: format_number(value, language, _DECIMALS)
