"""What the terminal says of a ledger that was read and of a model that was trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paydelay.language import format_number, format_share, phrase
from paydelay.ledger import RULES, Ledger
from paydelay.model import DelayModel
from paydelay.report.quality import gate_sentences

if TYPE_CHECKING:
    from rich.console import Console


def print_check(ledger: Ledger, *, console: Console | None = None) -> None:
    """Rows read, used and refused per table, and every rule with what it refused.

    Parameters
    ----------
    ledger : Ledger
        Books as they were read.
    console : rich.console.Console, optional
        Where to print; standard output where None.
    """
    from rich.console import Console
    from rich.table import Table

    console = console or Console(highlight=False)
    summary = ledger.summary()
    table = Table("Table", *(_right(name) for name in ("Read", "Used", "Refused")), box=None, pad_edge=False)
    for name, counts in summary["tables"].items():
        refused = sum(counts["refused"].values())
        table.add_row(name, *(format_number(n, "en") for n in (counts["read"], counts["used"], refused)))
    console.print(table)
    rules = [(name, rule, n) for name, c in summary["tables"].items() for rule, n in c["refused"].items()]
    if rules:
        console.print()
        why = Table("Refused", _right("Rows"), "Why", box=None, pad_edge=False)
        for name, rule, count in rules:
            why.add_row(f"{name}: {rule}", format_number(count, "en"), RULES[rule])
        console.print(why)
    console.print()
    period = summary["period"]
    dates = ", ".join(f"{name.replace('_', ' ')} {when}" for name, when in period.items() if when)
    amounts = ", ".join(
        f"{format_number(total['count'], 'en')} invoices in {code}"
        for code, total in summary["currencies"].items()
    )
    console.print(f"{format_number(summary['customers'], 'en')} customers; {amounts}; {dates}.")
    for note in summary["notes"]:
        console.print(f"Note: {note}", markup=False)


def print_training(model: DelayModel, language: str = "en", *, console: Console | None = None) -> None:
    """What a model was trained on, and whether it beats the baseline.

    Parameters
    ----------
    model : DelayModel
        As training returned it.
    language : {'en', 'fr'}
        Of the sentences.
    console : rich.console.Console, optional
        Where to print; standard output where None.
    """
    from rich.console import Console

    console = console or Console(highlight=False)
    period = model.manifest["period"]
    console.print(
        phrase(
            "training.period",
            language,
            as_of=model.manifest["trained_as_of"],
            invoices=phrase("unit.invoices", language, n=period["invoice_count"]),
            late=format_share(period["late_share"], language),
        )
    )
    for sentence in gate_sentences(model, language):
        console.print(sentence, markup=False)


def _right(name: str) -> Any:
    from rich.table import Column

    return Column(name, justify="right")
