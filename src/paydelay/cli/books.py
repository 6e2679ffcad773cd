"""Reading what a command works on, and telling what is amiss with it on stderr."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from paydelay.calibration import PAIRS_MIN
from paydelay.cli.progress import stages
from paydelay.errors import LedgerError, TargetError
from paydelay.language import phrase

if TYPE_CHECKING:
    from paydelay.config import Config
    from paydelay.ledger import Ledger
    from paydelay.model import DelayModel
    from paydelay.worklist import Worklist


def usable_ledger(folder: Path, language: str) -> Ledger:
    """A ledger with something to learn from or to score; what was refused is told at once.

    Parameters
    ----------
    folder : Path
        The ledger folder.
    language : {'en', 'fr'}
        Of what is told.

    Returns
    -------
    Ledger

    Raises
    ------
    LedgerError
        If it cannot be read, or every invoice was refused.
    """
    from paydelay.ledger import read_ledger
    from paydelay.report import nothing_usable, refused_sentence

    with stages("read", language):
        books = read_ledger(folder)
    if nothing_usable(books):
        raise LedgerError(phrase("told.nothing_usable", language, n=books.rows_read["invoices"]))
    # Before the work, not after it: a run that ends early has told it all the same.
    if told := refused_sentence(books, language):
        typer.echo(told, err=True)
    return books


def load_model(model: str, config: Config | None = None) -> DelayModel:
    """The model of a folder or of the registry.

    Parameters
    ----------
    model : str
        The folder that train wrote, ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.
    config : Config, optional
        Its ``tracking`` says where the registry is.

    Returns
    -------
    DelayModel

    Raises
    ------
    ModelError
        If there is none, or it was altered.
    TrackingError
        If the registry cannot be reached, or has no such version.
    """
    if model.startswith("models:"):
        from paydelay.tracking import load_registered

        return load_registered(model, config.tracking if config else None)
    from paydelay.model import DelayModel

    return DelayModel.load(model)


def refuse_a_ledger(folder: Path, language: str) -> None:
    """Books that lie in a folder are not replaced by simulated ones unless that is asked for."""
    if any(folder.glob("invoices.*")):
        raise TargetError(phrase("told.ledger_there", language, target=str(folder)))


def tell_trained_later(model: DelayModel, as_of: date, language: str) -> None:
    """A model trained or corrected after the day it scores knows what became of its invoices."""
    trained = date.fromisoformat(model.manifest["trained_as_of"])
    corrected = date.fromisoformat(model.manifest.get("calibrated_as_of", trained.isoformat()))
    if corrected > as_of:
        told = (
            phrase("told.trained_later", language, trained=trained, as_of=as_of)
            if trained > as_of
            else phrase("told.corrected_later", language, corrected=corrected, as_of=as_of)
        )
        typer.secho(told, err=True, bold=True, fg=typer.colors.YELLOW)


def tell_corrected(model: DelayModel, as_of: date, out: Path, language: str) -> None:
    """On how many invoices a correction rests, or why nothing was corrected."""
    tried = model.manifest.get("correction_tried")
    rests_on = tried or model.manifest["corrected_by"]
    invoices = phrase("unit.invoices", language, n=rests_on["invoice_count"])
    if tried is None:
        typer.echo(phrase("told.recalibrated", language, invoices=invoices, as_of=as_of, target=str(out)))
        return
    told = phrase(
        f"told.uncorrected_{tried['why']}",
        language,
        n=tried["pair_count"],
        least=PAIRS_MIN,
        invoices=invoices,
        as_of=as_of,
    )
    typer.echo(f"{told} {phrase('told.uncorrected', language, target=str(out))}")


def tell_stale(books: Ledger, as_of: date, language: str) -> None:
    """An old export makes every paid invoice look open: a day far beyond it is told."""
    from paydelay.history import stale_sentence

    if told := stale_sentence(books, as_of, language):
        typer.secho(told, err=True, bold=True, fg=typer.colors.YELLOW)


def tell_left_out(queue: Worklist, language: str) -> None:
    """What was scored and is not in the file: a cut queue is not to pass for the book."""
    counts = {
        "told.ranked_rows": queue.waiting.height + queue.out_of_scope.height,
        "queue.set_aside": queue.set_aside.height,
    }
    left = ", ".join(phrase(key, language, n=count) for key, count in counts.items() if count)
    if left:
        typer.echo(phrase("told.left_out", language, left=left), err=True)
