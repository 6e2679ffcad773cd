"""The commands ``log`` and ``promote``, and what ``train --register`` does after training."""

from __future__ import annotations

from datetime import date
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from paydelay.cli.books import tell_stale, usable_ledger
from paydelay.cli.extending import Own, ones_own
from paydelay.cli.options import (
    ConfigPath,
    CovariateTables,
    Language,
    LedgerOption,
    Registered,
    Spoken,
    WithoutProof,
    day,
)
from paydelay.cli.progress import stages
from paydelay.cli.screen import screen
from paydelay.errors import ThinLedgerError, TrackingError
from paydelay.language import phrase

if TYPE_CHECKING:
    from paydelay.backtest import Backtest
    from paydelay.config import Config
    from paydelay.intervals import Interval
    from paydelay.ledger import Ledger
    from paydelay.model import DelayModel
    from paydelay.report.columns import Lines
    from paydelay.tracking import Promotion
    from paydelay.tracking.contest import Comparison

_ModelFolder = Annotated[Path, typer.Argument(metavar="MODEL_DIR", help="Folder that train wrote.")]
_Name = Annotated[str, typer.Argument(metavar="NAME", help="Registered model.")]
_JudgedAsOf = Annotated[
    date | None,
    typer.Option(
        "--as-of", parser=day, metavar="DATE", help="Judge by what was known then; all where left out."
    ),
]


class TrainedOn(NamedTuple):
    """What a model was trained on: the books, where they are, and features and tables of one's own."""

    ledger: Ledger
    folder: Path
    own: Own


def log_trained(
    model: _ModelFolder,
    ledger: LedgerOption,
    register: Registered = None,
    no_proof: WithoutProof = False,
    config: ConfigPath = None,
    covariates: CovariateTables = None,
    language: Spoken = Language.en,
) -> None:
    """Log a model that was trained before in MLflow, with a backtest of its settings."""
    from paydelay.config import load_config
    from paydelay.model import DelayModel
    from paydelay.tracking.registry import check_name

    settings = load_config(config, language)
    if register is not None:
        check_name(register)
    fitted = DelayModel.load(model)
    own = ones_own(covariates)
    books = usable_ledger(ledger, language)
    trained_on = TrainedOn(books, ledger, own)
    log_model(fitted, model, trained_on, settings, register, not no_proof, language)


def log_model(
    model: DelayModel,
    folder: Path,
    trained_on: TrainedOn,
    config: Config,
    register: str | None,
    with_proof: bool,
    language: str,
    once: bool = False,
) -> None:
    """Log a model that lies in a folder, and say how to log it later where that fails.

    Parameters
    ----------
    model : DelayModel
    folder : Path
        Where it is.
    trained_on : TrainedOn
        Its books, and features and tables of one's own.
    config : Config
        Says where to log, and how its backtest is made.
    register : str or None
        Name of the registered model.
    with_proof : bool
        Whether its settings are tried on the past before.
    language : {'en', 'fr'}
        Of what is told and logged.
    once : bool
        Whether a run that logged this very model before will do.

    Raises
    ------
    TrackingError
        If the store cannot be reached; it says what to do later.
    """
    from paydelay.history import cut_ledger
    from paydelay.panel import as_date
    from paydelay.tracking import log_training, logged_before
    from paydelay.tracking.store import connect

    ledger, ledger_folder, own = trained_on
    books = f" --ledger {ledger_folder}{own.options()}"
    trained = as_date(model.manifest["trained_as_of"])
    known = cut_ledger(ledger, trained)
    if model.manifest.get("ledger_sha256", known.fingerprint()) != known.fingerprint():
        told = phrase("tracking.other_ledger", language, as_of=trained)
        typer.secho(told, err=True, bold=True, fg=typer.colors.YELLOW)
    try:
        # Before the minutes of a backtest, not after them.
        connect(config.tracking)
        run = logged_before(model, config, register) if once else None
        if run is None:
            proof = _proof(model, known, config, own, language) if with_proof else None
            with stages("log", language):
                run = log_training(
                    model,
                    ledger,
                    config,
                    proof=proof,
                    register=register,
                    language=language,
                    **own.arguments(),
                )
    except TrackingError as error:
        named = f" --register {register}" if register else ""
        later = f"paydelay log {folder}{books}{named}"
        kept = phrase("tracking.log_later", language, target=str(folder), command=later)
        raise TrackingError(f"{error} {kept}") from error
    where = {"run": run.run_id, "experiment": run.experiment, "place": run.place}
    typer.echo(phrase("tracking.logged", language, **where))
    if run.name is not None and run.version is not None:
        then = f"paydelay promote {run.name}{books}"
        said = {"version": run.version, "name": run.name, "command": then}
        typer.echo(phrase("tracking.registered", language, **said))


def _proof(model: DelayModel, known: Ledger, config: Config, own: Own, language: str) -> Backtest | None:
    """A backtest of the model's own settings on what was known when it was trained."""
    from paydelay.backtest import backtest
    from paydelay.config import load_config

    recipe = load_config(model.manifest["config"]).model_copy(update={"backtest": config.backtest})
    with stages("backtest", language):
        try:
            chosen = model.chosen_from(own.catalogue, own.covariates)
            return backtest(known, recipe, catalogue=chosen, covariates=own.covariates)
        except ThinLedgerError:
            typer.echo(phrase("tracking.no_proof", language), err=True)
            return None


def promote(
    name: _Name,
    ledger: LedgerOption,
    as_of: _JudgedAsOf = None,
    config: ConfigPath = None,
    covariates: CovariateTables = None,
    force: Annotated[bool, typer.Option("--force", help="Promote whatever the figures say.")] = False,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why; needed with --force, and logged.")
    ] = None,
    language: Spoken = Language.en,
) -> None:
    """Make the challenger the champion, if it is better, or a refresh that is not worse."""
    from paydelay.config import load_config
    from paydelay.tracking import promote as promoted

    settings = load_config(config, language)
    own = ones_own(covariates)
    books = usable_ledger(ledger, language)
    with stages("promote", language) as say:
        decision = promoted(
            name,
            books,
            settings,
            as_of=as_of,
            force=force,
            reason=reason,
            catalogue=own.catalogue,
            covariates=own.covariates,
            told=lambda fold: say(
                phrase("progress.promote_fold", language, n=fold.number, date=fold.train_as_of)
            ),
        )
    _print_promotion(decision, language)
    if as_of is not None:
        tell_stale(books, as_of, language)
    if not decision.promoted:
        raise typer.Exit(1)


def _print_promotion(decision: Promotion, language: str) -> None:
    """What was compared, the figures of both, and what came of it."""
    from paydelay.report.columns import Lines

    lines = Lines(screen())
    lines.text(_compared(decision, language))
    if decision.comparison is not None and decision.comparison.gains:
        lines.line()
        _print_figures(lines, decision.comparison, language)
        lines.line()
    lines.text(phrase(f"promotion.why.{decision.why}", language))
    version = {"version": decision.challenger, "name": decision.name}
    if decision.forced:
        lines.text(phrase("promotion.forced", language, **version, reason=decision.reason or ""), "bold")
    else:
        key = "promoted" if decision.promoted else "not_promoted"
        lines.text(phrase(f"promotion.{key}", language, **version), "bold")


def _compared(decision: Promotion, language: str) -> str:
    from paydelay.tracking.contest import first_and_last

    both = {
        "challenger": decision.challenger,
        "champion": decision.champion or "",
        "name": decision.name,
    }
    if decision.champion is None:
        return phrase("promotion.first", language, **both)
    comparison = decision.comparison
    if comparison is None:
        return phrase("promotion.not_compared", language, **both)
    if not comparison.gains:
        return phrase("promotion.refresh_unseen", language, **both)
    first, last = first_and_last(comparison.folds)
    cases = phrase("tuning.cases", language, n=comparison.row_count)
    said: dict[str, Any] = {"cases": cases, "first": first, "last": last, "n": len(comparison.folds)}
    return phrase(f"promotion.{comparison.kind}", language, **both, **said)


def _print_figures(lines: Lines, comparison: Comparison, language: str) -> None:
    from paydelay.language import format_number
    from paydelay.report.columns import Column

    names = list(comparison.gains)

    def written(value: float) -> str:
        return format_number(value if isfinite(value) else None, language, 4)

    def interval(gain: Interval) -> str:
        ends = {"value": gain.value, "low": gain.low, "high": gain.high}
        return phrase("gate.interval", language, **{end: written(value) for end, value in ends.items()})

    figures = [
        Column(
            [written(comparison.figures[who][name]) for name in names], phrase(f"promotion.{who}", language)
        )
        for who in ("champion", "challenger")
    ]
    lines.grid(
        [
            Column([phrase(f"promotion.figure.{name}", language) for name in names], left=True),
            *figures,
            Column([interval(comparison.gains[name]) for name in names], phrase("promotion.gain", language)),
        ]
    )
