"""What the commands have in common: words that may be chosen from, arguments and options."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from paydelay.errors import ConfigError


class By(StrEnum):
    """What one contact is made about."""

    invoice = "invoice"
    customer = "customer"


class Order(StrEnum):
    """Value the queue is ranked by."""

    expected_loss = "expected-loss"
    value_at_stake = "value-at-stake"
    late_value = "late-value"


class Scope(StrEnum):
    """Invoices to queue."""

    all = "all"
    overdue = "overdue"
    due_soon = "due-soon"


class Language(StrEnum):
    """Language of what is read."""

    en = "en"
    fr = "fr"


class Explained(StrEnum):
    """Whose reasons are given."""

    all = "all"
    top = "top"
    none = "none"


class BookFormat(StrEnum):
    """Files of a simulated book."""

    csv = "csv"
    parquet = "parquet"
    fec = "fec"


class CsvStyle(StrEnum):
    """How a CSV is written."""

    standard = "standard"
    excel_fr = "excel-fr"


class LedgerFormat(StrEnum):
    """Files of an imported ledger."""

    csv = "csv"
    parquet = "parquet"


class Matching(StrEnum):
    """How payments that name no invoice are matched."""

    fifo = "fifo"


def day(text: str) -> date:
    """A day the ledger's own dates may be of; anything else is a wrong call.

    Parameters
    ----------
    text : str
        As it was typed.

    Returns
    -------
    datetime.date

    Raises
    ------
    ConfigError
        If it is no day, or lies outside the days a ledger may hold.

    Examples
    --------
    >>> day("2025-11-30")
    datetime.date(2025, 11, 30)
    """
    from paydelay.ledger.tables import DATE_FIRST, DATE_LAST
    from paydelay.panel import as_date

    found = as_date(text)
    if not DATE_FIRST <= found <= DATE_LAST:
        raise ConfigError(
            f"The day {found} lies outside {DATE_FIRST.year}-{DATE_LAST.year}; give another one."
        )
    return found


LedgerPath = Annotated[Path, typer.Argument(metavar="LEDGER", help="Folder with invoices and payments.")]
AsOf = Annotated[
    date,
    typer.Option("--as-of", parser=day, metavar="DATE", help="Day, such as 2025-11-30; its close counts."),
]
ModelPath = Annotated[
    str,
    typer.Option("--model", metavar="DIR", help="Folder that train wrote, or models:/NAME@ALIAS."),
]
LedgerOption = Annotated[
    Path, typer.Option("--ledger", metavar="LEDGER", help="Folder with invoices and payments.")
]
Registered = Annotated[
    str | None,
    typer.Option("--register", metavar="NAME", help="Log the run in MLflow, as a challenger of that name."),
]
CovariateTables = Annotated[
    list[str] | None,
    typer.Option(
        "--covariates", metavar="NAME=FILE", help="Dated table of one's own, .csv or .parquet; repeat."
    ),
]
Kept = Annotated[
    Path | None,
    typer.Option("--keep", metavar="DIR", help="Keep all that 'paydelay replay' needs to score again."),
]
WithoutProof = Annotated[bool, typer.Option("--no-proof", help="Log no backtest, which takes some minutes.")]
Spoken = Annotated[Language, typer.Option("--language", help="Language of what is read.")]
ConfigPath = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings in YAML.")]
Ordered = Annotated[Order, typer.Option("--order", help="Value to rank by.")]
Scoped = Annotated[Scope, typer.Option("--scope", help="Invoices to queue.")]
Styled = Annotated[
    CsvStyle,
    typer.Option(
        "--csv-style", help="Of a .csv file; excel-fr: semicolons, decimal commas, for French Excel."
    ),
]
