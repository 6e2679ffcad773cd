"""The command ``backtest``: the past replayed, and what it proves in one folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paydelay.cli.books import usable_ledger
from paydelay.cli.extending import Own, ones_own
from paydelay.cli.options import ConfigPath, CovariateTables, Language, LedgerPath, Spoken
from paydelay.cli.progress import stages
from paydelay.cli.screen import screen
from paydelay.errors import TargetError
from paydelay.language import phrase

if TYPE_CHECKING:
    from paydelay.backtest import Backtest
    from paydelay.config import Config
    from paydelay.ledger import Ledger

WRITTEN = ("report.html", "backtest.json", "model_card.md", "rows.parquet")
"""Files of the folder."""

_Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder that the report is written to.")]
_Force = Annotated[bool, typer.Option("--force", help="Replace a backtest that is there already.")]


def backtest(
    ledger: LedgerPath,
    out: _Out,
    config: ConfigPath = None,
    covariates: CovariateTables = None,
    language: Spoken = Language.en,
    force: _Force = False,
) -> None:
    """Replay the past: would the model have been worth it, in money, and how surely."""
    from paydelay.config import load_config
    from paydelay.figures import check_drawing
    from paydelay.report import print_backtest

    settings = load_config(config, language)
    _check_folder(out, force, language)
    check_drawing()
    own = ones_own(covariates)
    books = usable_ledger(ledger, language)
    proof = _replayed(books, settings, own, language)
    # Before it is told of: a reader that closes the screen early must not lose the work.
    _write(proof, books, out, language)
    print_backtest(proof, language, console=screen())
    typer.echo(phrase("backtest.saved", language, target=str(out)))


def _replayed(books: Ledger, settings: Config, own: Own, language: str) -> Backtest:
    from paydelay.backtest import backtest as replayed
    from paydelay.backtest import folds_of

    with stages("backtest", language) as say:
        count = len(folds_of(books, settings))
        return replayed(
            books,
            settings,
            catalogue=own.catalogue,
            covariates=own.covariates,
            told=lambda fold: say(
                phrase("progress.fold", language, n=fold.number, count=count, date=fold.train_as_of),
                (fold.number - 1) / count,
            ),
        )


def _check_folder(folder: Path, force: bool, language: str) -> None:
    """Refuse a place that cannot be written to, or whose contents would be lost, before the work."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise TargetError(
            f"The backtest cannot be written to {folder}: {place.name or place} is not a folder that can be "
            "written to; name an empty or new folder."
        )
    if not folder.exists():
        return
    found = {entry.name for entry in folder.iterdir()}
    if found - set(WRITTEN):
        raise TargetError(
            f"The folder {folder} exists and holds something else than a backtest; name an empty or new "
            "folder."
        )
    if found and not force:
        raise TargetError(phrase("backtest.there", language, target=str(folder)))


def _write(proof: Backtest, books: Ledger, folder: Path, language: str) -> None:
    """The whole folder, or nothing of it."""
    from paydelay.files import replacing_folder
    from paydelay.report import model_card, write_backtest_report

    try:
        with replacing_folder(folder) as draft:
            write_backtest_report(draft / "report.html", proof, language=language, ledger=books)
            proof.write_json(draft / "backtest.json")
            (draft / "model_card.md").write_text(model_card(proof, language), "utf-8")
            proof.rows.write_parquet(draft / "rows.parquet")
    except OSError as error:
        why = error.strerror or "the path is not usable"
        raise TargetError(
            f"The backtest cannot be written to {folder} ({why}); name a folder that can be written to."
        ) from error
