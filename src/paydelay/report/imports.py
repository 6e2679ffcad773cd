"""What the terminal says of foreign books that were imported: lines, assumptions, reconciliation."""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from paydelay.language import format_days, format_number, format_share, phrase
from paydelay.report.columns import Column, Lines
from paydelay.report.content import clean
from paydelay.report.summaries import print_check
from paydelay.sources import Assumption, ImportedLedger, ImportReport
from paydelay.sources.draft import Value

if TYPE_CHECKING:
    from rich.console import Console

_INDENT = "  "
_LINES_SHOWN = 5
_UNUSED, _UNUSED_SHOWN = "columns_unused", 6
_NAME_WIDTH_MAX = 40
_ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "cp1252": "Windows-1252",
    "iso8859-1": "ISO-8859-1",
    "iso8859-15": "ISO-8859-15",
}
_SEPARATORS = {"tab": "tab", "\t": "tab", ";": "semicolon", ",": "comma", "|": "bar"}


def print_import(ledger: ImportedLedger, language: str = "en", *, console: Console | None = None) -> None:
    """Print what became of every line, what was assumed, and whether the amounts agree.

    Parameters
    ----------
    ledger : ImportedLedger
        As :func:`paydelay.import_ledger` returned it.
    language : {'en', 'fr'}
        Of everything but names of files, columns and tables.
    console : rich.console.Console, optional
        Where to print; standard output where None.
    """
    from rich.console import Console

    console = console or Console(highlight=False)
    lines, report = Lines(console), ledger.report
    _print_files(lines, report, language)
    _print_refused(lines, report, language)
    _print_assumptions(lines, report, language)
    _print_reconciliation(lines, report, language)
    _print_balance_parts(lines, report, language)
    _title(lines, "ledger", language)
    print_check(ledger, language, console=console)


def refused_lines(ledger: ImportedLedger, language: str = "en") -> pl.DataFrame:
    """Every refused line of the files, with the rule in words.

    Parameters
    ----------
    ledger : ImportedLedger
        As :func:`paydelay.import_ledger` returned it.
    language : {'en', 'fr'}
        Of the words.

    Returns
    -------
    polars.DataFrame
        Columns file, line, column, rule, identifier and why.
    """
    refusals = ledger.report.refusals
    words = {rule: _rule(rule, language) for rule in refusals["rule"].unique()}
    why = pl.col("rule").replace_strict(words, default=None, return_dtype=pl.String).alias("why")
    return refusals.with_columns(why)


def assumption_sentence(said: Assumption, language: str = "en") -> str:
    """An assumption in words.

    Parameters
    ----------
    said : Assumption
        Of the report of an import.
    language : {'en', 'fr'}
        Of the sentence.

    Returns
    -------
    str
        Amounts, which are the values named ``amount`` or ``..._amount``, have cents;
        ``days`` has its unit and ``..._share`` is in percent. Of columns that are not
        used the first few are named.

    Examples
    --------
    >>> assumption_sentence(Assumption("rates.older", {"n": 1, "total": 5, "days": 1}))
    'On one of the days with invoices in foreign currency (5 in all) no rate was published:
    the last one before counts, 1 day old at most.'
    """
    values = {name: _written(name, value, language) for name, value in said.values.items()}
    if said.key == _UNUSED:
        values["columns"] = _first_few(str(values["columns"]), said.values["n"], language)
    try:
        return phrase(f"assumption.{said.key}", language, **values)
    except KeyError:
        # A source of a user's own may lack words; what it has to say is not lost for that.
        return ", ".join([said.key, *(f"{name} {value}" for name, value in values.items())])


def _written(name: str, value: Value, language: str) -> Value:
    """A value of an assumption by what its name says it is."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, date):
        return value
    if name.endswith("amount"):
        return format_number(value, language, 2)
    if name.endswith("_share"):
        return format_share(value, language)
    return format_days(value, language) if name == "days" else value


def _first_few(names: str, count: Value, language: str) -> str:
    """The first of many columns: tables of accounting systems have hundreds, and import.json names all."""
    listed = names.split(", ")
    # A name may hold a comma itself.
    if len(listed) != count or len(listed) <= _UNUSED_SHOWN:
        return names
    more = phrase("import.and_more", language, n=len(listed) - _UNUSED_SHOWN)
    return ", ".join([*listed[:_UNUSED_SHOWN], more])


def _title(lines: Lines, key: str, language: str) -> None:
    lines.line()
    lines.text(phrase(f"import.{key}", language), "bold")


def _print_files(lines: Lines, report: ImportReport, language: str) -> None:
    """Lines of each file and what became of them, how it is written, and what was left out."""
    lines.text(phrase("import.files", language), "bold")
    counts = {
        "check.read": [file.read for file in report.files],
        "check.used": [file.used for file in report.files],
        "check.refused": [file.refused for file in report.files],
        "import.out_of_scope": [file.out_of_scope.total() for file in report.files],
    }
    names = [clean(file.label) for file in report.files]
    columns = [Column(names, phrase("import.file", language), left=True, width_max=_NAME_WIDTH_MAX)]
    columns += [
        Column([format_number(count, language) for count in of_files], phrase(key, language))
        for key, of_files in counts.items()
    ]
    lines.grid(columns, _INDENT)
    for file in report.files:
        for note in _how_written(clean(file.label), file.details, language):
            lines.text(note, "dim", _INDENT)
    reasons: dict[str, int] = {}
    for file in report.files:
        for reason, count in file.out_of_scope.items():
            reasons[reason] = reasons.get(reason, 0) + count
    if reasons:
        _title(lines, "left_out", language)
        ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        lines.grid(
            [
                Column([format_number(count, language) for _, count in ordered]),
                Column([_words("out_of_scope", reason, language) for reason, _ in ordered], left=True),
            ],
            _INDENT,
        )


def _how_written(label: str, details: dict[str, str], language: str) -> list[str]:
    notes = []
    if {"encoding", "separator"} <= details.keys():
        mark = clean(details["separator"])
        name = _SEPARATORS.get(mark, "other")
        separator = phrase(
            f"import.separator.{name}", language, **({"mark": mark} if name == "other" else {})
        )
        encoding = _ENCODINGS.get(details["encoding"], details["encoding"])
        notes.append(phrase("import.written", language, file=label, encoding=encoding, separator=separator))
    if {"first_day", "last_day"} <= details.keys():
        first, last = (date.fromisoformat(details[end]) for end in ("first_day", "last_day"))
        notes.append(phrase("import.period", language, file=label, first=first, last=last))
    return notes


def _print_refused(lines: Lines, report: ImportReport, language: str) -> None:
    """One sentence per file, column and rule, with the first lines it was broken on."""
    if not report.refusals.height:
        return
    _title(lines, "refused", language)
    grouped = report.refusals.group_by("file", "column", "rule", maintain_order=True).agg(
        pl.len().alias("n"), pl.col("line").head(_LINES_SHOWN)
    )
    for file, column, rule, count, first in grouped.iter_rows():
        said = {"lines": phrase("import.lines", language, n=count), "file": clean(file)}
        said["why"] = _rule(rule, language)
        if column is None:
            text = phrase("import.refused_line", language, **said)
        else:
            text = phrase("import.refused_cell", language, **said, column=clean(column))
        shown = ", ".join(map(str, first))
        if more := count - len(first):
            shown += ", " + phrase("import.and_more", language, n=more)
        lines.text(f"{text} ({phrase('import.at', language, n=count, first=shown)})", indent=_INDENT)


def _print_assumptions(lines: Lines, report: ImportReport, language: str) -> None:
    unused = [said for said in report.assumptions if said.key == _UNUSED]
    settled = [said for said in report.assumptions if said.key != _UNUSED]
    for title, told in (("assumptions", settled), ("unused", unused)):
        if told:
            _title(lines, title, language)
        for said in told:
            lines.text(assumption_sentence(said, language), indent=_INDENT, hanging="- ")


def _print_reconciliation(lines: Lines, report: ImportReport, language: str) -> None:
    """The compared amounts, and whether they agree."""
    _title(lines, "reconciliation", language)
    if not report.agreements:
        lines.text(phrase("import.nothing_to_compare", language), indent=_INDENT)
    else:
        amounts = {
            "by_files": [agreement.source_amount for agreement in report.agreements],
            "by_ledger": [agreement.ledger_amount for agreement in report.agreements],
            "difference": [agreement.difference for agreement in report.agreements],
        }
        columns = [
            Column(
                [_words("agreement", agreement.key, language) for agreement in report.agreements],
                phrase("import.amount", language),
                left=True,
            ),
            Column(
                [agreement.currency for agreement in report.agreements],
                phrase("import.currency", language),
                left=True,
            ),
        ]
        columns += [
            Column([format_number(value, language, 2) for value in values], phrase(f"import.{key}", language))
            for key, values in amounts.items()
        ]
        lines.grid(columns, _INDENT)
        differing = sum(bool(agreement.difference) for agreement in report.agreements)
        if apart := sum(agreement.apart_count for agreement in report.agreements):
            lines.text(phrase("import.documents_apart", language, n=apart), "bold red", _INDENT)
        if differing:
            lines.text(phrase("import.differs", language, n=differing), "bold red", _INDENT)
        elif apart:
            lines.text(phrase("import.cancels_out", language), "bold red", _INDENT)
        elif report.refusals.height:
            # What was refused is in neither sum, and what hangs on it may look open or on account.
            lines.text(phrase("import.agrees_apart", language, n=report.refusals.height), "bold", _INDENT)
        else:
            lines.text(phrase("import.agrees", language), "green", _INDENT)
    if report.detail is not None and report.detail.height:
        differing = int((report.detail["difference"] != 0).sum())
        compared = {"n": report.detail.height, "count": differing}
        key, style = ("months_differ", "bold red") if differing else ("months_agree", "green")
        lines.text(phrase(f"import.{key}", language, **compared), style, _INDENT)


def _print_balance_parts(lines: Lines, report: ImportReport, language: str) -> None:
    """From what a queue will hold to what the accounts say customers owe."""
    parts = {name: amount for name, amount in report.balance_parts.items() if amount}
    if not parts:
        return
    _title(lines, "balance_parts", language)
    names = [phrase(f"balance_part.{name}", language) for name in [*parts, "balance"]]
    amounts = [*parts.values(), math.fsum(parts.values())]
    lines.grid(
        [Column(names, left=True), Column([format_number(amount, language, 2) for amount in amounts])],
        _INDENT,
    )


def _rule(rule: str, language: str) -> str:
    """What a refused line looks like: of foreign books before of our own tables."""
    try:
        return phrase(f"source_rule.{rule}", language)
    except KeyError:
        return _words("rule", rule, language)


def _words(group: str, key: str, language: str) -> str:
    try:
        return phrase(f"{group}.{key}", language)
    except KeyError:
        return key
