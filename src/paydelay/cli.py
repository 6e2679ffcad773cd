"""The command line: simulate, check, train, score.

Exit codes: 0 done; 1 the data fell short (refused rows with --strict, a ledger too
thin, a model under its quality gate); 2 a wrong call or unusable input, with one
sentence on stderr.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from paydelay.errors import ConfigError, LedgerError, ModelError, PaydelayError

if TYPE_CHECKING:
    from rich.console import Console

    from paydelay.ledger import Ledger
    from paydelay.model import DelayModel
    from paydelay.worklist import Worklist

_SHOWN = 20
"""Rows on the screen where no number is asked for."""
_STALE_DAYS = 31
"""Days without any record from which a ledger may be an old export."""

application = typer.Typer(
    name="paydelay",
    help="Which open invoices to chase first, what each may cost and why.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


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


class Format(StrEnum):
    """Files of a ledger."""

    csv = "csv"
    parquet = "parquet"


def _day(text: str) -> date:
    """A day the ledger's own dates may be of; anything else is a wrong call."""
    from paydelay.ledger.tables import DATE_FIRST, DATE_LAST
    from paydelay.panel import as_date

    day = as_date(text)
    if not DATE_FIRST <= day <= DATE_LAST:
        raise ConfigError(f"The day {day} lies outside {DATE_FIRST.year}-{DATE_LAST.year}; give another one.")
    return day


LedgerPath = Annotated[Path, typer.Argument(metavar="LEDGER", help="Folder with invoices and payments.")]
AsOf = Annotated[
    date,
    typer.Option("--as-of", parser=_day, metavar="DATE", help="Day, such as 2025-11-30; its close counts."),
]
Spoken = Annotated[Language, typer.Option("--language", help="Language of what is read.")]
ConfigPath = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings in YAML.")]


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
    file_format: Annotated[Format, typer.Option("--format", help="Of the tables.")] = Format.csv,
) -> None:
    """Write a debtor book whose truth is known: a ledger, and DIR/truth beside its tables."""
    from paydelay.simulate import SimulationSettings
    from paydelay.simulate import simulate as simulated

    settings = SimulationSettings.from_values(
        {
            "customer_count": customers,
            "month_count": months,
            "seed": seed,
            "regime_change": regime_change,
            "regime_change_month": min(20, months * 2 // 3),
        }
    )
    with _stages("Simulating"):
        book = simulated(settings)
        book.write(out, format=file_format.value)
    typer.echo(
        f"{book.invoices.height} invoices and {book.payments.height} payments of {customers} customers, "
        f"{settings.start_date} to {settings.end_date}, written to {out}."
    )


@application.command()
def check(
    ledger: LedgerPath,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 where a row is refused.")] = False,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", metavar="FILE", help="Write the refused rows to a CSV.")
    ] = None,
) -> None:
    """Count what a ledger holds, and tell every rule by which rows were refused."""
    from paydelay.delivery import check_target, deliver
    from paydelay.ledger import read_ledger
    from paydelay.report import print_check

    if rejects is not None:
        check_target(rejects)
    with _stages("Reading the ledger"):
        books = read_ledger(ledger)
    print_check(books, console=_screen())
    if rejects is not None:
        deliver(books.refusals, rejects)
    if strict and books.refusals.height:
        raise typer.Exit(1)


@application.command()
def train(
    ledger: LedgerPath,
    as_of: AsOf,
    model: Annotated[Path, typer.Option("--model", metavar="DIR", help="Where the model is written.")],
    config: ConfigPath = None,
    force: Annotated[bool, typer.Option("--force", help="Keep a model under its quality gate.")] = False,
    language: Spoken = Language.en,
) -> None:
    """Train a model on what was known at the close of a day."""
    from paydelay.config import load_config
    from paydelay.model import check_model_folder
    from paydelay.report import print_training
    from paydelay.training import train as trained

    settings = load_config(config)
    check_model_folder(model)
    with _stages("Training"):
        books = _usable_ledger(ledger)
        fitted = trained(books, as_of, settings, force=force)
        fitted.save(model)
    print_training(fitted, language.value, console=_screen())
    _tell_refused(books)


@application.command()
def score(  # noqa: PLR0913, PLR0917 - every option is an argument
    ledger: LedgerPath,
    as_of: AsOf,
    model: Annotated[str, typer.Option("--model", metavar="DIR", help="Folder that train wrote.")],
    out: Annotated[
        str, typer.Option("--out", metavar="TARGET", help="A .parquet, .csv or .json file, or - for a table.")
    ] = "-",
    by: Annotated[By, typer.Option("--by", help="What one contact is made about.")] = By.invoice,
    order: Annotated[Order, typer.Option("--order", help="Value to rank by.")] = Order.expected_loss,
    scope: Annotated[Scope, typer.Option("--scope", help="Invoices to queue.")] = Scope.all,
    top: Annotated[int | None, typer.Option("--top", min=1, help="Rows to give at most.")] = None,
    capacity: Annotated[
        int | None, typer.Option("--capacity", min=1, help="Contacts that can be made.")
    ] = None,
    language: Spoken = Language.en,
    explain: Annotated[Explained | None, typer.Option("--explain", help="Whose reasons are given.")] = None,
    config: ConfigPath = None,
) -> None:
    """Score every open invoice and rank what to chase first."""
    from paydelay.config import load_config
    from paydelay.delivery import check_target, deliver
    from paydelay.report import print_queue
    from paydelay.scoring import score as scored
    from paydelay.worklist import rank

    on_screen = out == "-"
    if not on_screen:
        check_target(out)
    settings = load_config(config) if config else None
    fitted = _load_model(model)
    shown = top or capacity or (_SHOWN if on_screen else None)
    with _stages("Scoring"):
        books = _usable_ledger(ledger)
        scores = scored(
            books,
            fitted,
            as_of,
            config=settings,
            language=language.value,
            explain=_rows_to_explain(explain, by, scope, shown, on_screen),
            order=order.value,
        )
        queue = rank(scores, by.value, order.value, scope.value, capacity=capacity, top=top)
    if on_screen:
        print_queue(queue, scores, language=language.value, limit=shown or _SHOWN, console=_screen())
    else:
        whole_book = by is By.invoice and scope is Scope.all and shown is None
        table = (
            scores.frame.sort("priority_rank", "invoice_id", nulls_last=True) if whole_book else queue.frame
        )
        deliver(table, out, language.value)
        typer.echo(f"{table.height} {'row' if table.height == 1 else 'rows'} written to {out}.")
        if not whole_book:
            _tell_left_out(queue)
    if not len(scores):
        typer.echo(f"No invoice was open at the close of {as_of}.", err=True)
    _tell_stale(books, as_of)
    _tell_refused(books)


def _rows_to_explain(
    asked: Explained | None, by: By, scope: Scope, shown: int | None, on_screen: bool
) -> Literal["all", "top", "none"] | int:
    """Whose reasons are worth the time: all that are read, and no more on a screen."""
    if asked is Explained.none:
        return "none"
    # Ranks count over the whole actionable book: the first of a scope may be far down, and a
    # customer's reasons are those of all its invoices.
    if by is By.customer or scope is not Scope.all:
        return "all"
    if asked is Explained.all or (asked is None and not on_screen):
        return "all"
    return shown or "top"


def _usable_ledger(folder: Path) -> Ledger:
    """A ledger with something to learn from or to score."""
    from paydelay.ledger import read_ledger

    books = read_ledger(folder)
    if books.rows_read["invoices"] and books.invoices.is_empty():
        raise LedgerError(
            "The ledger holds no usable invoice, all were refused; 'paydelay check' tells which and why."
        )
    return books


def _load_model(model: str) -> DelayModel:
    from paydelay.model import DelayModel

    if model.startswith("models:"):
        raise ModelError(
            "Models of a registry are not read by this version; give the folder that train wrote."
        )
    return DelayModel.load(model)


def _tell_stale(books: Ledger, as_of: date) -> None:
    """An old export makes every paid invoice look open: a day far beyond it is told."""
    ends = [rows["known_on"].max() for rows in (books.invoices, books.payments, books.events)]
    latest = max((end for end in ends if isinstance(end, date)), default=None)
    if latest is not None and (as_of - latest).days > _STALE_DAYS:
        typer.echo(
            f"The ledger records nothing after {latest}: what was paid since then looks open on {as_of}.",
            err=True,
        )


def _tell_left_out(queue: Worklist) -> None:
    """What was scored and is not in the file: a cut queue is not to pass for the book."""
    ranked = queue.waiting.height + queue.out_of_scope.height
    aside = queue.set_aside.height
    if ranked or aside:
        rows = f"ranked {'row' if ranked == 1 else 'rows'}"
        invoices = f"set-aside {'invoice' if aside == 1 else 'invoices'}"
        typer.echo(f"Not in the file: {ranked} {rows} and {aside} {invoices}.", err=True)


def _tell_refused(books: Ledger) -> None:
    """No row vanishes silently: what was refused is said wherever the ledger was used."""
    if books.refusals.height:
        rows = "row was" if books.refusals.height == 1 else "rows were"
        typer.echo(f"{books.refusals.height} {rows} refused; 'paydelay check' tells which and why.", err=True)


class _LatestStage(logging.Handler):
    """Shows the latest stage's line on a progress bar."""

    def __init__(self, progress: Any, task: Any) -> None:
        super().__init__(logging.INFO)
        self._progress, self._task = progress, task

    def emit(self, record: logging.LogRecord) -> None:
        self._progress.update(self._task, description=record.getMessage())


@contextmanager
def _stages(doing: str) -> Iterator[None]:
    """A progress bar on stderr that names the stage just done; nothing where nobody watches."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    logger = logging.getLogger("paydelay")
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        handler = _LatestStage(progress, progress.add_task(doing, total=None))
        before = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(before)


def _screen() -> Console:
    """Standard output, which leaves it to ``main`` when its reader has gone, as ``head`` does."""
    from rich.console import Console

    class Screen(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Screen(highlight=False)


def _call(arguments: Sequence[str] | None) -> None:
    """Parse and run one command.

    Not by typer's own runner: it tells a wrong call in several lines, and a closed pipe
    by the exit code of data that fell short.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that lacks a letter shows another one; the work is not lost for it.
        sys.stdout.reconfigure(errors="replace")
    command = typer.main.get_command(application)
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with command.make_context("paydelay", given) as context:
            command.invoke(context)
    except typer.Exit as stop:
        raise SystemExit(stop.exit_code) from None
    except typer.TyperException as error:
        # What typer raises of a wrong call knows its command and words it; its public base does not.
        told = getattr(error, "format_message", error.__str__)().replace("Value error, ", "")
        asked = getattr(getattr(error, "ctx", None), "command_path", "paydelay")
        raise ConfigError(f"{told.rstrip('.')}; '{asked} --help' tells what is possible.") from error
    finally:
        _flush()


def _flush() -> None:
    """Write out what standard output still holds."""
    if sys.stdout is None:  # it was closed before the program began
        return
    try:
        sys.stdout.flush()
    except OSError:
        # Python would try once more on its way out, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; every foreseen error ends in one sentence on stderr.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after the program's name; those of this process where None.

    Raises
    ------
    SystemExit
        With the exit code, where it is not 0.

    Examples
    --------
    >>> main(["--version"])
    Traceback (most recent call last):
    SystemExit: 0
    """
    try:
        _call(arguments)
    except PaydelayError as error:
        typer.echo(f"paydelay: {error}", err=True)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        raise SystemExit(0) from None
    except Exception as error:
        if os.environ.get("PAYDELAY_DEBUG"):
            raise
        told = f"an unforeseen {type(error).__name__}; set PAYDELAY_DEBUG=1 to see where, and report it."
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            told = "the disk is full where the output goes; make room and try again."
        typer.echo(f"paydelay: {told}", err=True)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
