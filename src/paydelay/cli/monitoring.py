"""The command ``monitor``: past scores held against what came since."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paydelay.cli.books import load_model, usable_ledger
from paydelay.cli.extending import ones_own
from paydelay.cli.options import AsOf, ConfigPath, CovariateTables, Language, LedgerPath, Spoken
from paydelay.cli.progress import stages
from paydelay.cli.screen import screen
from paydelay.errors import TargetError
from paydelay.language import phrase

if TYPE_CHECKING:
    from paydelay.monitor import Monitoring

WRITTEN = ("report.html", "monitoring.json", "checks.csv")
"""Files of the folder."""


class Trying(StrEnum):
    """When a newer model is tried."""

    auto = "auto"
    always = "always"
    never = "never"


_Scores = Annotated[
    list[Path],
    typer.Option("--scores", metavar="PAST_SCORES", help="Past scores by invoice: a file or folder; repeat."),
]
_Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder that the report is written to.")]
_Model = Annotated[
    str | None,
    typer.Option("--model", metavar="DIR", help="The model that scored; drift is measured from it."),
]
_Retraining = Annotated[
    Trying, typer.Option("--retraining", help="Try a newer model; auto: where a check is not ok.")
]


def monitor_scores(  # noqa: PLR0913, PLR0917 - every option is an argument
    ledger: LedgerPath,
    scores: _Scores,
    as_of: AsOf,
    out: _Out,
    model: _Model = None,
    retraining: _Retraining = Trying.auto,
    config: ConfigPath = None,
    covariates: CovariateTables = None,
    language: Spoken = Language.en,
) -> None:
    """Hold past scores against what came since; exit 1 on alarm."""
    from paydelay.config import load_config
    from paydelay.figures import check_drawing
    from paydelay.monitor import monitor
    from paydelay.report import print_monitoring

    settings = load_config(config, language)
    _check_folder(out)
    check_drawing()
    fitted = None if model is None else load_model(model)
    own = ones_own(covariates)
    books = usable_ledger(ledger, language)
    with stages("monitor", language):
        found = monitor(
            books,
            scores,
            as_of,
            model=fitted,
            config=settings,
            retraining=retraining.value,
            catalogue=own.catalogue,
            covariates=own.covariates,
        )
    _write(found, out, language)
    print_monitoring(found, language, console=screen())
    typer.echo(phrase("told.monitored", language, target=str(out)))
    if found.verdict == "alarm":
        raise typer.Exit(1)


def _check_folder(folder: Path) -> None:
    """Refuse a place that cannot be written to, or holds something else, before the work."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise TargetError(
            f"The report cannot be written to {folder}: {place.name or place} is not a folder that can be "
            "written to; name an empty or new folder."
        )
    if folder.exists() and {entry.name for entry in folder.iterdir()} - set(WRITTEN):
        raise TargetError(
            f"The folder {folder} exists and holds something else than such a report; name an empty or new "
            "folder."
        )


def _write(found: Monitoring, folder: Path, language: str) -> None:
    """The whole folder, or nothing of it; a report of another day is replaced."""
    from paydelay.delivery import deliver
    from paydelay.files import replacing_folder
    from paydelay.report import write_monitoring_report

    try:
        with replacing_folder(folder) as draft:
            write_monitoring_report(draft / "report.html", found, language=language)
            found.write_json(draft / "monitoring.json")
            deliver(found.checks, draft / "checks.csv", language)
    except OSError as error:
        why = error.strerror or "the path is not usable"
        raise TargetError(
            f"The report cannot be written to {folder} ({why}); name a folder that can be written to."
        ) from error
