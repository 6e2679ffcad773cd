"""Past scores beside what came, as a terminal shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paydelay.language import format_number, phrase
from paydelay.monitor import Monitoring
from paydelay.report.columns import Column, Lines
from paydelay.report.monitoring_content import (
    check_name,
    headline,
    limit_text,
    named,
    overall_sentence,
    retraining_sentences,
    subject_text,
    value_text,
)

if TYPE_CHECKING:
    from rich.console import Console


def print_monitoring(found: Monitoring, language: str = "en", *, console: Console | None = None) -> None:
    """Print the verdict, every check, and whether a newer model would help.

    Parameters
    ----------
    found : Monitoring
        As :func:`~paydelay.monitor` returns it.
    language : {'en', 'fr'}
        Of everything that is printed.
    console : rich.console.Console, optional
        Where to print; standard output where None.
    """
    from rich.console import Console

    lines = Lines(console or Console(highlight=False))
    lines.text(headline(found, language))
    lines.text(overall_sentence(found, language), "bold")
    lines.line()
    judged = [check for check in found.made if check.verdict != "not_judged"]

    def heading(name: str) -> str:
        return phrase(f"monitoring.column.{name}", language)

    if judged:
        names = [check_name(check, language) for check in judged]
        verdicts = [phrase(f"monitoring.verdict.{check.verdict}", language) for check in judged]
        columns = [
            Column(names, heading("check"), left=True),
            Column(verdicts, heading("verdict"), left=True),
            Column([value_text(check, language) for check in judged], heading("value")),
            *(
                Column(
                    [limit_text(check, getattr(check, name), language) for check in judged],
                    heading(name),
                    spare=2,
                )
                for name in ("watch_at", "alarm_at")
            ),
            Column(
                [format_number(check.row_count, language, 0) for check in judged], heading("rows"), spare=1
            ),
        ]
        lines.grid(columns)
    for check in found.made:
        if check.verdict == "not_judged":
            lines.text(named(check_name(check, language), value_text(check, language), language), "dim")
        elif check.verdict != "ok" and (told := subject_text(check, language)):
            lines.text(named(check_name(check, language), told, language))
    lines.line()
    for sentence in retraining_sentences(found, language):
        lines.text(sentence)
