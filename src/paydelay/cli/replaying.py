"""The command ``replay``: kept scores made again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from paydelay.cli.books import load_model, usable_ledger
from paydelay.cli.extending import ones_own
from paydelay.cli.options import ConfigPath, CovariateTables, Language, LedgerPath, ModelPath, Spoken
from paydelay.cli.progress import stages
from paydelay.cli.screen import screen
from paydelay.language import phrase

_Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder that 'paydelay score --keep' wrote.")]
_Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Every invoice: a .parquet, .csv or .json file."),
]


def replay_scores(
    folder: _Folder,
    ledger: LedgerPath,
    model: ModelPath,
    out: _Out = None,
    config: ConfigPath = None,
    covariates: CovariateTables = None,
    language: Spoken = Language.en,
) -> None:
    """Score again what was kept, and say what differs and why; exit 1 where something does."""
    from paydelay.config import load_config
    from paydelay.delivery import check_target, deliver
    from paydelay.report import print_replay
    from paydelay.scoring import replay
    from paydelay.scoring.keeping import read_kept

    if out is not None:
        check_target(out)
    # Before the books are read: a folder that proves nothing needs no books.
    read_kept(folder)
    settings = load_config(config, language) if config else None
    fitted, own = load_model(model, settings), ones_own(covariates)
    books = usable_ledger(ledger, language)
    with stages("replay", language):
        found = replay(
            folder, books, fitted, config=settings, catalogue=own.catalogue, covariates=own.covariates
        )
    print_replay(found, books.reporting_currency, language, console=screen())
    if out is not None:
        deliver(found.invoices, out, language)
        typer.echo(phrase("told.written", language, n=found.invoices.height, target=str(out)))
    if not found.same:
        raise typer.Exit(1)
