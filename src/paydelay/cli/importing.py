"""The command ``import``: foreign books to a ledger folder, with an account of every line."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paydelay.cli.books import refuse_a_ledger
from paydelay.cli.options import CsvStyle, Language, LedgerFormat, Matching, Spoken, Styled, day
from paydelay.cli.progress import stages
from paydelay.cli.screen import screen
from paydelay.errors import ConfigError, LedgerError
from paydelay.language import phrase

if TYPE_CHECKING:
    from paydelay.sources import ImportedLedger, ImportReport

KEY_VARIABLE = "PAYDELAY_PSEUDONYM_KEY"
_KEY_LETTERS_MIN = 16
_KEY_BYTES_MAX = 10_000


_Kind = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE_KIND",
        help="fec, sap, odoo, xero, quickbooks, sage-intacct, dynamics-bc, netsuite or csv.",
    ),
]
_Files = Annotated[list[str], typer.Argument(metavar="FILES", help="Its files, in any order.")]
_Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where the ledger is written.")]
_Mapping = Annotated[
    Path | None, typer.Option("--mapping", metavar="FILE", help="csv: which column is which, in YAML.")
]
# As text: what is no number is told in the words of the options.
_TermsDays = Annotated[
    str | None,
    typer.Option("--terms-days", metavar="N", help="Payment terms where no due date is given."),
]
_TermsEndOfMonth = Annotated[
    bool, typer.Option("--terms-end-of-month", help="These terms run on to the end of the month.")
]
_Terms = Annotated[
    Path | None, typer.Option("--terms", metavar="FILE", help="Terms by customer: customer_id, terms_days.")
]
_Unlettered = Annotated[
    Matching | None,
    typer.Option("--match-unlettered", help="fec: settle the oldest invoice with payments that name none."),
]
_Currency = Annotated[
    str | None, typer.Option("--currency", metavar="CODE", help="Of amounts that state none, such as EUR.")
]
_ReportingCurrency = Annotated[
    str | None, typer.Option("--reporting-currency", metavar="CODE", help="To report in, such as EUR.")
]
_Rates = Annotated[
    str | None,
    typer.Option("--rates", metavar="FILE|ecb", help="Table of currency, rate_date, rate; or ecb."),
]
_ExportDate = Annotated[
    date | None,
    typer.Option("--export-date", parser=day, metavar="DATE", help="Day of the export; not for fec."),
]
_Pseudonymise = Annotated[
    str | None,
    typer.Option(
        "--pseudonymise",
        metavar="KEYFILE|env",
        help=f"Hash customers under the key in a file; env: in {KEY_VARIABLE}.",
    ),
]
_Guess = Annotated[
    bool, typer.Option("--guess", help="Print a mapping for csv files, to correct; write nothing.")
]
_Strict = Annotated[
    bool,
    typer.Option(
        "--strict", help="Exit 1 and write no ledger where a line is refused or amounts do not agree."
    ),
]
_Rejects = Annotated[
    Path | None, typer.Option("--rejects", metavar="FILE", help="Write every refused line to a CSV.")
]
_Format = Annotated[LedgerFormat, typer.Option("--format", help="Of the tables.")]
_Force = Annotated[bool, typer.Option("--force", help="Replace a ledger that is there already.")]


def import_books(  # noqa: PLR0913, PLR0917 - every option is an argument
    kind: _Kind,
    files: _Files,
    out: _Out = None,
    mapping: _Mapping = None,
    terms_days: _TermsDays = None,
    terms_end_of_month: _TermsEndOfMonth = False,
    terms: _Terms = None,
    match_unlettered: _Unlettered = None,
    currency: _Currency = None,
    reporting_currency: _ReportingCurrency = None,
    rates: _Rates = None,
    export_date: _ExportDate = None,
    pseudonymise: _Pseudonymise = None,
    guess: _Guess = False,
    strict: _Strict = False,
    rejects: _Rejects = None,
    file_format: _Format = LedgerFormat.csv,
    force: _Force = False,
    language: Spoken = Language.en,
    csv_style: Styled = CsvStyle.standard,
) -> None:
    """Make a ledger of another system's files, and tell what became of every line."""
    from paydelay.delivery import deliver
    from paydelay.report import print_import, refused_lines

    if guess:
        _print_guess(kind, files)
        return
    folder = _checked_folder(out, force, language)
    _check_rejects(rejects, folder, files)
    options: dict[str, Any] = {
        "mapping": mapping,
        "terms_days": terms_days,
        "terms_end_of_month": terms_end_of_month,
        "terms": terms,
        "match_unlettered": match_unlettered.value if match_unlettered else None,
        "currency": currency,
        "reporting_currency": reporting_currency,
        "rates": rates,
        "export_date": export_date,
        "pseudonym_key": pseudonym_key(pseudonymise) if pseudonymise else None,
    }
    ledger = _imported(kind, files, options, language)
    usable = not ledger.invoices.is_empty()
    if rejects is not None:
        deliver(refused_lines(ledger, language), rejects, language, csv_style=csv_style.value)
    # Before it is told of: a reader that closes the screen early must not lose the ledger.
    if usable and not (strict and _flawed(ledger.report)):
        ledger.write(folder, file_format.value)
    print_import(ledger, language, console=screen())
    if rejects is not None:
        count = ledger.report.refusals.height
        typer.echo(phrase("told.written", language, n=count, target=str(rejects)))
    stop_if_strict(ledger.report, strict, language)
    if not usable:
        raise LedgerError(phrase("import.nothing_usable", language))
    typer.echo(phrase("import.saved", language, target=str(folder)))
    if not ledger.report.reconciled:
        # Once more where nobody overlooks it: the report is long and may have gone into a file.
        typer.secho(phrase("import.unreconciled", language), err=True, bold=True, fg=typer.colors.YELLOW)


def _flawed(report: ImportReport) -> bool:
    return bool(report.refusals.height) or not report.reconciled


def stop_if_strict(report: ImportReport, strict: bool, language: str) -> None:
    """Tell what is flawed in an import, and end with exit code 1, where that is asked for.

    Parameters
    ----------
    report : ImportReport
        Of the import.
    strict : bool
        Whether flaws end it.
    language : {'en', 'fr'}
        Of what is told.

    Raises
    ------
    typer.Exit
        If a line was refused or amounts do not agree.
    """
    flaws = [phrase("import.strict", language, n=report.refusals.height)] if report.refusals.height else []
    if not report.reconciled:
        flaws.append(phrase("import.strict_unreconciled", language))
    if strict and flaws:
        for flaw in flaws:
            typer.secho(flaw, err=True, bold=True)
        raise typer.Exit(1)


def _imported(
    kind: str,
    files: list[str],
    options: dict[str, Any],
    language: Language,
) -> ImportedLedger:
    from paydelay.sources import import_ledger

    with stages("import", language):
        return import_ledger(kind, files, **options)


def _checked_folder(out: Path | None, force: bool, language: Language) -> Path:
    """The folder, if a ledger may be written to it: known before any file is read."""
    from paydelay.ledger.storage import check_folder

    if out is None:
        raise ConfigError("Missing option '--out'; 'paydelay import --help' tells what is possible.")
    check_folder(out)
    if not force:
        refuse_a_ledger(out, language)
    return out


def _check_rejects(rejects: Path | None, folder: Path, files: list[str]) -> None:
    """Refuse a place for the refused lines at which they would do harm."""
    from paydelay.delivery import check_target

    if rejects is None:
        return
    place = check_target(rejects).resolve()
    # A folder that holds them and no ledger is one that the next import may not write to.
    if folder.resolve() in place.parents:
        raise ConfigError(
            "The file of --rejects would lie in the folder of the ledger, which holds the refused lines as "
            "import_refused.csv; leave --rejects out, or give a file elsewhere."
        )
    if place in {Path(file).resolve() for file in files if "://" not in file}:
        raise ConfigError("The file of --rejects is one of those to be read; give another one.")


def _print_guess(kind: str, files: list[str]) -> None:
    if kind != "csv":
        raise ConfigError(f"Columns are guessed for the kind csv only; the kind '{kind}' knows its own.")
    from paydelay.sources.guess import guess_mapping

    # As a path, the address of a database would lose one of its slashes.
    places = [file if "://" in file else Path(file) for file in files]
    typer.echo(guess_mapping(places).rstrip("\n"))


def pseudonym_key(place: str) -> str:
    """The key of pseudonyms, which is never part of the call: other users of a machine see calls.

    Parameters
    ----------
    place : str
        A file that holds it, or ``env`` for the environment.

    Returns
    -------
    str

    Raises
    ------
    ConfigError
        If there is none, or a short one.
    """
    if place == "env":
        key, where = os.environ.get(KEY_VARIABLE, ""), f"The variable {KEY_VARIABLE}"
    else:
        where = f"The key file {Path(place).name}"
        try:
            with Path(place).open("rb") as file:
                key = file.read(_KEY_BYTES_MAX).decode("utf-8")
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{where} cannot be read as text ({type(error).__name__}); give a file that holds the key."
            ) from None
    key = key.strip()
    if len(key) < _KEY_LETTERS_MIN:
        raise ConfigError(
            f"{where} holds a key of {len(key)} characters; give one of at least {_KEY_LETTERS_MIN}, and "
            "keep it: only the same key gives the same pseudonyms."
        )
    return key
