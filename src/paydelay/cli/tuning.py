"""The command ``tune``: settings by rolling backtest, judged on a fold they were not tuned on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from paydelay.cli.books import usable_ledger
from paydelay.cli.extending import ones_own
from paydelay.cli.options import ConfigPath, CovariateTables, Language, LedgerPath, Spoken
from paydelay.cli.progress import stages
from paydelay.cli.screen import screen
from paydelay.language import phrase

_Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where trials and settings are written.")]
_Trials = Annotated[
    int | None, typer.Option("--trials", metavar="N", min=1, help="Trials in all; 20 without --minutes.")
]
_Minutes = Annotated[
    float | None, typer.Option("--minutes", metavar="M", help="Minutes after which no trial is begun.")
]
_Resume = Annotated[bool, typer.Option("--resume", help="Go on with the trials that DIR holds.")]


def tune_settings(
    ledger: LedgerPath,
    out: _Out,
    config: ConfigPath = None,
    covariates: CovariateTables = None,
    trials: _Trials = None,
    minutes: _Minutes = None,
    resume: _Resume = False,
    language: Spoken = Language.en,
) -> None:
    """Search the model's settings on past folds, and judge the best on one it never saw."""
    from paydelay.config import load_config
    from paydelay.report import print_tuning
    from paydelay.tune import check_tuning_folder, tune

    settings = load_config(config, language)
    check_tuning_folder(out, resume)
    own = ones_own(covariates)
    books = usable_ledger(ledger, language)
    with stages("tune", language) as say:
        found = tune(
            books,
            settings,
            out,
            trials=trials,
            minutes=minutes,
            resume=resume,
            catalogue=own.catalogue,
            covariates=own.covariates,
            told=lambda number: say(phrase("progress.trial", language, n=number)),
        )
    print_tuning(found, language, console=screen())
    typer.echo(phrase("told.tuned", language, target=str(out)))
