"""What the terminal says of a ledger that was read and of a model that was trained."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl

from paydelay.language import format_number, format_share, phrase
from paydelay.ledger import RULES, Ledger
from paydelay.model import DelayModel
from paydelay.report.columns import Lines
from paydelay.report.quality import gate_sentences

if TYPE_CHECKING:
    from rich.console import Console

_CHECK_HEADINGS = ("table", "read", "used", "refused", "column", "why")


def nothing_usable(ledger: Ledger) -> bool:
    """Whether invoices were read and every one of them was refused."""
    return bool(ledger.rows_read["invoices"]) and ledger.invoices.is_empty()


def refused_rows(ledger: Ledger, language: str = "en") -> pl.DataFrame:
    """Every refused row with its table, place, column and rule, and the rule in words.

    Parameters
    ----------
    ledger : Ledger
        Books as they were read.
    language : {'en', 'fr'}
        Of the words.

    Returns
    -------
    polars.DataFrame
        ``Ledger.refusals`` and ``why``.
    """
    words = {rule: phrase(f"rule.{rule}", language) for rule in RULES}
    why = pl.col("rule").replace_strict(words, return_dtype=pl.String).alias("why")
    return ledger.refusals.with_columns(why)


def refused_sentence(ledger: Ledger, language: str = "en") -> str:
    """How many rows of which table were refused, and how to see them.

    Parameters
    ----------
    ledger : Ledger
        Books as they were read.
    language : {'en', 'fr'}
        Of the sentence.

    Returns
    -------
    str
        Empty where no row was refused.
    """
    counts = ledger.refusals.group_by("table", maintain_order=True).len().iter_rows()
    rows = [
        phrase("told.refused_of", language, rows=phrase("unit.rows", language, n=count), table=table)
        for table, count in counts
    ]
    return phrase("told.refused", language, rows=", ".join(rows)) if rows else ""


def print_check(ledger: Ledger, language: str = "en", *, console: Console | None = None) -> None:
    """Rows read, used and refused per table, and every rule with what it refused.

    Parameters
    ----------
    ledger : Ledger
        Books as they were read.
    language : {'en', 'fr'}
        Of everything but the names of tables, columns and rules, and the reader's notes.
    console : rich.console.Console, optional
        Where to print; standard output where None.
    """
    from rich.console import Console
    from rich.table import Table

    console = console or Console(highlight=False)
    said = {name: phrase(f"check.{name}", language) for name in _CHECK_HEADINGS}
    summary = ledger.summary()
    numbers = (_right(said[name]) for name in ("read", "used", "refused"))
    table = Table(said["table"], *numbers, box=None, pad_edge=False)
    for name, counts in summary["tables"].items():
        refused = sum(counts["refused"].values())
        table.add_row(name, *(format_number(n, language) for n in (counts["read"], counts["used"], refused)))
    console.print(table)
    if ledger.refusals.height:
        console.print()
        _print_refused(ledger, said, language, console)
    lines = Lines(console)
    lines.line()
    lines.text(_extent(summary, language))
    for note in summary["notes"]:
        lines.text(phrase("check.note", language, text=note))


def _print_refused(ledger: Ledger, said: dict[str, str], language: str, console: Console) -> None:
    """One entry per table, column and rule, with the rule in words below its name."""
    from rich.table import Table

    why = Table(
        said["table"],
        said["column"],
        _right(said["refused"]),
        said["why"],
        box=None,
        pad_edge=False,
    )
    grouped = ledger.refusals.group_by("table", "column", "rule", maintain_order=True).len()
    for table, column, rule, count in grouped.iter_rows():
        words = phrase(f"rule.{rule}", language)
        why.add_row(table, column or "", format_number(count, language), f"{rule}: {words}")
    console.print(why)


def _extent(summary: Mapping[str, Any], language: str) -> str:
    """How many customers and invoices there are, and from when to when."""
    parts = [phrase("unit.customers", language, n=summary["customers"])]
    parts += [
        phrase(
            "check.in_currency",
            language,
            invoices=phrase("unit.invoices", language, n=total["count"]),
            currency=code,
        )
        for code, total in summary["currencies"].items()
    ] or [phrase("unit.invoices", language, n=0)]
    period = summary["period"]
    for key, kind in (("issued", "issue"), ("paid", "payment")):
        first, last = (period[f"{end}_{kind}_date"] for end in ("first", "last"))
        if first and last:
            ends = {"first": date.fromisoformat(first), "last": date.fromisoformat(last)}
            several = key if first != last else f"{key}_on"
            parts.append(phrase(f"check.{several}", language, **ends))
    return ", ".join(parts) + "."


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

    lines = Lines(console or Console(highlight=False))
    period = model.manifest["period"]
    trained = phrase(
        "training.period",
        language,
        as_of=date.fromisoformat(model.manifest["trained_as_of"]),
        invoices=phrase("unit.invoices", language, n=period["invoice_count"]),
        late=format_share(period["late_share"], language),
    )
    for sentence in (trained, *gate_sentences(model, language)):
        lines.text(sentence)


def _right(name: str) -> Any:
    from rich.table import Column

    return Column(name, justify="right")
