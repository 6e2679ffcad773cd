"""One function per command: it reads, calls the library and shows or writes what comes back."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from paydelay.cli.backtesting import backtest
from paydelay.cli.books import (
    load_model,
    refuse_a_ledger,
    tell_corrected,
    tell_left_out,
    tell_stale,
    tell_trained_later,
    usable_ledger,
)
from paydelay.cli.configuring import settings_commands
from paydelay.cli.extending import check_ones_own, ones_own
from paydelay.cli.importing import import_books
from paydelay.cli.monitoring import monitor_scores
from paydelay.cli.options import (
    AsOf,
    BookFormat,
    By,
    ConfigPath,
    CovariateTables,
    CsvStyle,
    Explained,
    Kept,
    Language,
    LedgerPath,
    ModelPath,
    Order,
    Ordered,
    Registered,
    Scope,
    Scoped,
    Spoken,
    Styled,
    WithoutProof,
)
from paydelay.cli.progress import stages
from paydelay.cli.replaying import replay_scores
from paydelay.cli.screen import screen
from paydelay.cli.tracking import TrainedOn, log_model, log_trained, promote
from paydelay.cli.tuning import tune_settings
from paydelay.errors import LedgerError
from paydelay.language import phrase

if TYPE_CHECKING:
    import polars as pl

    from paydelay.scoring import Scores
    from paydelay.worklist import Worklist

_SHOWN = 20
"""Rows on the screen where no number is asked for."""

application = typer.Typer(
    name="paydelay",
    help="Which open invoices to chase first, what each may cost and why.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@application.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log each stage to stderr.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as version_of

        typer.echo(version_of("paydelay"))
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)


@application.command()
def simulate(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the ledger is written.")],
    customers: Annotated[int, typer.Option("--customers", help="Number of customers.")] = 400,
    months: Annotated[int, typer.Option("--months", help="Months of history.")] = 30,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same ledger.")] = 1,
    regime_change: Annotated[bool, typer.Option("--regime-change", help="Add a liquidity shock.")] = False,
    file_format: Annotated[
        BookFormat, typer.Option("--format", help="Of the tables; fec: a FEC for each calendar year instead.")
    ] = BookFormat.csv,
    force: Annotated[bool, typer.Option("--force", help="Replace a ledger that is there already.")] = False,
    language: Spoken = Language.en,
) -> None:
    """Write a debtor book whose truth is known: a ledger, and DIR/truth beside its tables."""
    from paydelay.ledger import Ledger
    from paydelay.simulate import SimulationSettings
    from paydelay.simulate import simulate as simulated
    from paydelay.sources.fec import write_fec

    if not force:
        refuse_a_ledger(out, language)
    settings = SimulationSettings.from_values(
        {
            "customer_count": customers,
            "month_count": months,
            "seed": seed,
            "regime_change": regime_change,
            "regime_change_month": min(20, months * 2 // 3),
        }
    )
    with stages("simulate", language):
        book = simulated(settings)
        if file_format is BookFormat.fec:
            write_fec(Ledger.from_frames(book.invoices, book.payments), out)
        else:
            book.write(out, format="parquet" if file_format is BookFormat.parquet else "csv")
    typer.echo(
        phrase(
            "told.simulated",
            language,
            invoices=phrase("unit.invoices", language, n=book.invoices.height),
            payments=phrase("unit.payments", language, n=book.payments.height),
            customers=phrase("unit.customers", language, n=customers),
            first=settings.start_date,
            last=settings.end_date,
            target=str(out),
        )
    )


application.command("import")(import_books)


@application.command()
def check(
    ledger: LedgerPath,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 where a row is refused.")] = False,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", metavar="FILE", help="Write every refused row to a CSV.")
    ] = None,
    language: Spoken = Language.en,
    csv_style: Styled = CsvStyle.standard,
) -> None:
    """Count what a ledger holds, and tell every rule by which rows were refused."""
    from paydelay.delivery import check_target, deliver
    from paydelay.ledger import read_ledger
    from paydelay.report import nothing_usable, print_check, refused_rows

    if rejects is not None:
        check_target(rejects)
    with stages("read", language):
        books = read_ledger(ledger)
    print_check(books, language, console=screen())
    if rejects is not None:
        listed = refused_rows(books, language)
        deliver(listed, rejects, language, csv_style=csv_style.value)
        typer.echo(phrase("told.written", language, n=listed.height, target=str(rejects)))
    if nothing_usable(books):
        told = phrase("told.nothing_usable", language, n=books.rows_read["invoices"])
        if not strict:
            raise LedgerError(told)
        typer.echo(told, err=True)
    if strict and books.refusals.height:
        raise typer.Exit(1)


@application.command()
def train(  # noqa: PLR0913, PLR0917 - every option is an argument
    ledger: LedgerPath,
    as_of: AsOf,
    model: Annotated[Path, typer.Option("--model", metavar="DIR", help="Where the model is written.")],
    config: ConfigPath = None,
    covariates: CovariateTables = None,
    force: Annotated[bool, typer.Option("--force", help="Keep a model under its quality gate.")] = False,
    register: Registered = None,
    no_proof: WithoutProof = False,
    language: Spoken = Language.en,
) -> None:
    """Train a model on what was known at the close of a day."""
    from paydelay.config import load_config
    from paydelay.model import check_model_folder
    from paydelay.report import print_training
    from paydelay.tracking.registry import check_name
    from paydelay.training import train as trained

    settings = load_config(config, language)
    check_model_folder(model)
    if register is not None:
        check_name(register)
    own = ones_own(covariates)
    books = usable_ledger(ledger, language)
    with stages("train", language):
        check_ones_own(own, books, as_of, settings)
        fitted = trained(
            books, as_of, settings, force=force, catalogue=own.catalogue, covariates=own.covariates
        )
        fitted.save(model)
    print_training(fitted, language, console=screen())
    typer.echo(phrase("told.model_written", language, target=str(model)))
    tell_stale(books, as_of, language)
    if register is not None:
        log_model(fitted, model, TrainedOn(books, ledger, own), settings, register, not no_proof, language)


application.command()(backtest)
application.command("tune")(tune_settings)
application.command("log")(log_trained)
application.command()(promote)
application.command("monitor")(monitor_scores)
application.add_typer(settings_commands, name="config")


@application.command()
def recalibrate(
    ledger: LedgerPath,
    as_of: AsOf,
    model: ModelPath,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the corrected model is written.")],
    covariates: CovariateTables = None,
    language: Spoken = Language.en,
) -> None:
    """Correct a model's probabilities and dates by what came since it was trained."""
    from paydelay.model import check_model_folder
    from paydelay.training import recalibrate as recalibrated

    check_model_folder(out)
    fitted, own = load_model(model), ones_own(covariates)
    books = usable_ledger(ledger, language)
    with stages("recalibrate", language):
        newer = recalibrated(books, fitted, as_of, catalogue=own.catalogue, covariates=own.covariates)
        newer.save(out)
    tell_corrected(newer, as_of, out, language)
    tell_stale(books, as_of, language)


@application.command()
def score(  # noqa: PLR0913, PLR0917 - every option is an argument
    ledger: LedgerPath,
    as_of: AsOf,
    model: ModelPath,
    out: Annotated[
        str, typer.Option("--out", metavar="TARGET", help="A .parquet, .csv or .json file, or - for a table.")
    ] = "-",
    by: Annotated[By, typer.Option("--by", help="What one contact is made about.")] = By.invoice,
    order: Ordered = Order.expected_loss,
    scope: Scoped = Scope.all,
    top: Annotated[int | None, typer.Option("--top", min=1, help="Rows to give at most.")] = None,
    capacity: Annotated[
        int | None, typer.Option("--capacity", min=1, help="Contacts that can be made.")
    ] = None,
    language: Spoken = Language.en,
    explain: Annotated[Explained | None, typer.Option("--explain", help="Whose reasons are given.")] = None,
    csv_style: Styled = CsvStyle.standard,
    config: ConfigPath = None,
    covariates: CovariateTables = None,
    keep: Kept = None,
) -> None:
    """Score every open invoice and rank what to chase first."""
    from paydelay.config import load_config
    from paydelay.delivery import check_target, deliver
    from paydelay.report import print_queue
    from paydelay.scoring import check_kept_folder
    from paydelay.scoring import score as scored
    from paydelay.worklist import rank

    on_screen = out == "-"
    if not on_screen:
        check_target(out)
    if keep is not None:
        check_kept_folder(keep)
        explain = explain or Explained.all
    settings = load_config(config, language) if config else None
    fitted, own = load_model(model, settings), ones_own(covariates)
    shown = top or capacity or (_SHOWN if on_screen else None)
    books = usable_ledger(ledger, language)
    with stages("score", language):
        scores = scored(
            books,
            fitted,
            as_of,
            config=settings,
            language=language.value,
            explain=_rows_to_explain(explain, by, scope, shown, on_screen),
            order=order.value,
            catalogue=own.catalogue,
            covariates=own.covariates,
        )
        queue = rank(scores, by.value, order.value, scope.value, capacity=capacity, top=top)
        if keep is not None:
            scores.keep(keep)
    if on_screen:
        print_queue(queue, scores, language=language, limit=shown or _SHOWN, console=screen(), model=fitted)
    else:
        whole_book = by is By.invoice and scope is Scope.all and shown is None
        table = _delivered(queue, scores, whole_book)
        deliver(table, out, language, csv_style=csv_style.value)
        typer.echo(phrase("told.written", language, n=table.height, target=out))
        if not whole_book:
            tell_left_out(queue, language)
    if keep is not None:
        typer.echo(phrase("told.kept", language, n=len(scores), target=str(keep)))
    if not len(scores):
        typer.echo(phrase("told.nothing_open", language, as_of=as_of), err=True)
    else:
        tell_trained_later(fitted, as_of, language)
    tell_stale(books, as_of, language)


application.command("replay")(replay_scores)


@application.command()
def report(  # noqa: PLR0913, PLR0917 - every option is an argument
    ledger: LedgerPath,
    as_of: AsOf,
    model: ModelPath,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The page, a file that ends in .html.")],
    order: Ordered = Order.expected_loss,
    scope: Scoped = Scope.all,
    top: Annotated[
        int | None, typer.Option("--top", min=1, help="Rows of each queue; else 25 customers, 50 invoices.")
    ] = None,
    language: Spoken = Language.en,
    config: ConfigPath = None,
    covariates: CovariateTables = None,
) -> None:
    """Write the day's queues, totals and what the model is worth as one HTML page."""
    from paydelay.config import load_config
    from paydelay.report import check_page, write_report
    from paydelay.scoring import score as scored
    from paydelay.worklist import rank

    check_page(out)
    settings = load_config(config, language) if config else None
    fitted, own = load_model(model, settings), ones_own(covariates)
    books = usable_ledger(ledger, language)
    with stages("score", language):
        scores = scored(
            books,
            fitted,
            as_of,
            config=settings,
            language=language.value,
            order=order.value,
            catalogue=own.catalogue,
            covariates=own.covariates,
        )
        queue = rank(scores, "invoice", order.value, scope.value)
        write_report(out, scores, queue, fitted, language=language, ledger=books, top=top)
    typer.echo(phrase("told.report_written", language, target=str(out)))
    if not len(scores):
        typer.echo(phrase("told.nothing_open", language, as_of=as_of), err=True)
    else:
        tell_trained_later(fitted, as_of, language)
    tell_stale(books, as_of, language)


def _rows_to_explain(
    asked: Explained | None, by: By, scope: Scope, shown: int | None, on_screen: bool
) -> Literal["all", "top", "none"] | int:
    """Whose reasons are worth the time: all that are read, and no more on a screen."""
    if asked is Explained.none:
        return "none"
    # Ranks count over the whole actionable book: the first invoice of a scope may be far down.
    # Customers get theirs for the rows of their own queue.
    if scope is not Scope.all and by is By.invoice:
        return "all"
    if asked is Explained.all or (asked is None and not on_screen):
        return "all"
    return shown or "top"


def _delivered(queue: Worklist, scores: Scores, whole_book: bool) -> pl.DataFrame:
    """What a file is given: every open invoice, or the queue that was asked for."""
    if whole_book:
        return scores.frame.sort("priority_rank", "invoice_id", nulls_last=True)
    return queue.frame
