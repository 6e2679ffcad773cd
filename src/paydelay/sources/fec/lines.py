"""The lines of a FEC as they stand in its files: columns, amounts in cents, and whose they are."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from paydelay.errors import LedgerError
from paydelay.sources.draft import LINE, Draft, line_of
from paydelay.sources.fec.amounts import cents_of, decimal_mark_of, finer_than_cents
from paydelay.sources.text import CELL_FLAW, LINE_NUMBER, DelimitedText, open_text
from paydelay.sources.values import as_date, as_text

MANDATORY = (
    "journal_code",
    "entry_number",
    "entry_date",
    "account",
)
"""What no line can do without, besides its amount."""

# Article A47 A-1 of the Livre des procedures fiscales names the columns; packages vary their spelling.
_NAMES: dict[str, str] = {
    "journalcode": "journal_code",
    "codejournal": "journal_code",
    "journallib": "journal_label",
    "libjournal": "journal_label",
    "ecriturenum": "entry_number",
    "numecriture": "entry_number",
    "ecrituredate": "entry_date",
    "dateecriture": "entry_date",
    "comptenum": "account",
    "numcompte": "account",
    "comptelib": "account_label",
    "compauxnum": "auxiliary",
    "compteauxnum": "auxiliary",
    "comptauxnum": "auxiliary",
    "numcompteaux": "auxiliary",
    "compauxlib": "auxiliary_label",
    "compteauxlib": "auxiliary_label",
    "comptauxlib": "auxiliary_label",
    "pieceref": "document",
    "refpiece": "document",
    "piecedate": "document_date",
    "datepiece": "document_date",
    "ecriturelib": "label",
    "libecriture": "label",
    "debit": "debit",
    "montantdebit": "debit",
    "credit": "credit",
    "montantcredit": "credit",
    "montant": "amount",
    "sens": "side",
    "ecriturelet": "letter",
    "ecriturelettre": "letter",
    "lettrage": "letter",
    "datelet": "letter_date",
    "datelettrage": "letter_date",
}
_PRESCRIBED = {
    "JournalCode": "journal_code",
    "JournalLib": "journal_label",
    "EcritureNum": "entry_number",
    "EcritureDate": "entry_date",
    "CompteNum": "account",
    "CompteLib": "account_label",
    "CompAuxNum": "auxiliary",
    "CompAuxLib": "auxiliary_label",
    "PieceRef": "document",
    "PieceDate": "document_date",
    "EcritureLib": "label",
    "EcritureLet": "letter",
    "DateLet": "letter_date",
}
"""Columns that are read, besides the amounts, by the names that the article gives them."""
_PASSED_OVER = (
    *("validdate", "datevalid", "datevalidation", "montantdevise", "idevise", "devise"),
    *("daterglt", "datereglement", "moderglt", "modereglement", "natop", "natureop", "idclient"),
)
"""Columns of the article, and of cash accounting, that say nothing of what is owed."""
_DATES = ("YYYYMMDD", "DD/MM/YYYY", "YYYY-MM-DD")
_DEBITS = ("D", "DEBIT", "+", "+1", "1")
_CREDITS = ("C", "CREDIT", "-", "-1")
_CENTS_MAX = 10**15
_AMOUNTS = ("debit", "credit", "amount")
CUSTOMER_ACCOUNT = r"^4(?:11|13|16|191)"
"""Customers, bills receivable, doubtful customers, and advances received from customers."""


@dataclass(frozen=True)
class Books:
    """The lines of all files.

    Parameters
    ----------
    customers : polars.DataFrame
        Lines of customer accounts: LINE, file, journal, entry_number, day, account,
        auxiliary, auxiliary_label, document, document_day, label, letter, letter_day and
        cents (debit above zero).
    others : polars.DataFrame
        All other lines: LINE, file, journal, entry_number, day, account (four
        digits) and cents.
    journals : polars.DataFrame
        Columns file, journal and journal_label.
    """

    customers: pl.DataFrame
    others: pl.DataFrame
    journals: pl.DataFrame


def read_lines(draft: Draft, paths: list[Path]) -> Books:
    """Read every file, refuse what cannot be read of customer accounts, leave the rest out.

    Parameters
    ----------
    draft : Draft
        Gets the files, their line counts and the refused lines.
    paths : list of Path
        The files.

    Returns
    -------
    Books

    Raises
    ------
    LedgerError
        If a file is no FEC.
    """
    customers, others, journals = [], [], []
    for path in paths:
        text = open_text(path, separators=("\t", "|", ";", ","), quoted=_is_quoted(path))
        number = draft.add_file(text.label, encoding=text.encoding, separator=_SPOKEN[text.separator])
        columns = _columns(text)
        _tell_columns(draft, draft.files[number].label, text, columns)
        mark = decimal_mark_of(text, [name for name, meaning in columns.items() if meaning in _AMOUNTS])
        misread = 0
        for batch in text.batches(list(columns)):
            draft.files[number].read += batch.height
            rows = batch.select(
                line_of(number, LINE_NUMBER),
                CELL_FLAW,
                pl.lit(number, dtype=pl.Int32).alias("file"),
                *(as_text(name).alias(meaning) for name, meaning in columns.items()),
            )
            flawed = pl.col(CELL_FLAW).is_not_null()
            draft.refuse(rows.filter(flawed), pl.col(CELL_FLAW), None, None)
            sound = _typed(rows.filter(~flawed), mark)
            ours = pl.col("account").str.contains(CUSTOMER_ACCOUNT)
            # Without an account nobody can tell whose line it is.
            theirs = sound.filter(ours | pl.col("account").is_null())
            customers.append(_accepted(draft, theirs, columns, mark))
            rest = sound.filter(~ours)
            misread += rest.select((pl.col("cents").is_null() | pl.col("day").is_null()).sum()).item()
            others.append(beside(rest))
            draft.leave_out(others[-1], "fec.other_account")
            journals.append(sound.select("file", "journal", "journal_label").unique())
        draft.assume("fec.beside_unreadable", n=misread, file=draft.files[number].label)
    if not customers:
        raise LedgerError("The files hold no line; a FEC has a header and one line per entry line.")
    return Books(pl.concat(customers), pl.concat(others), pl.concat(journals).unique())


_SPOKEN = {"\t": "tab", "|": "|", ";": ";", ",": ","}


def _is_quoted(path: Path) -> bool:
    """Whether the header stands in quotes; the format knows none, some packages write them."""
    try:
        with path.open("rb") as file:
            return file.read(4).lstrip(b"\xef\xbb\xbf").startswith(b'"')
    except OSError as error:
        raise LedgerError(f"{path.name} cannot be opened ({type(error).__name__}).") from error


def _columns(text: DelimitedText) -> dict[str, str]:
    """Which column of the file holds what."""
    found: dict[str, str] = {}
    for name in text.header:
        meaning = _NAMES.get(_plain(name))
        if meaning and meaning not in found.values():
            found[name] = meaning
    held = set(found.values())
    lacking = [name for name in MANDATORY if name not in held]
    if not ({"debit", "credit"} <= held or {"amount", "side"} <= held):
        lacking.append("Debit and Credit, or Montant and Sens")
    if lacking:
        official = {meaning: name for name, meaning in _PRESCRIBED.items()}
        named = ", ".join(official.get(name, name) for name in lacking)
        raise LedgerError(
            f"{text.label} is no FEC: it lacks {named}; a FEC names its columns JournalCode, JournalLib, "
            "EcritureNum and so on in its first line."
        )
    return found


def _tell_columns(draft: Draft, label: str, text: DelimitedText, columns: dict[str, str]) -> None:
    """A column that is misnamed is not read, and what it would have said is missing elsewhere."""
    lacking = [name for name, meaning in _PRESCRIBED.items() if meaning not in columns.values()]
    draft.assume("fec.columns_lacking", n=len(lacking), file=label, columns=", ".join(lacking))
    known = {*columns, ""}
    unknown = [name for name in text.header if name not in known and _plain(name) not in _PASSED_OVER]
    draft.assume("columns_unused", n=len(unknown), file=label, columns=", ".join(unknown))


def _plain(name: str) -> str:
    """A column's name without accents, case and marks, its usual words in their short form."""
    letters = re.sub(r"[^a-z]", "", unicodedata.normalize("NFKD", name.lower()))
    numbered = re.sub(r"^(?:numero|no|n)(?=compte|ecriture)", "num", letters)
    return numbered.replace("libelle", "lib").replace("reference", "ref")


def _typed(rows: pl.DataFrame, mark: str) -> pl.DataFrame:
    """Dates and cents, null where unreadable."""
    for name in ("journal_label", "auxiliary", "auxiliary_label", "account_label", "document"):
        rows = _with_default(rows, name)
    for name in ("document_date", "label", "letter", "letter_date"):
        rows = _with_default(rows, name)
    if "debit" in rows.columns and "credit" in rows.columns:
        amount = cents_of("debit", mark) - cents_of("credit", mark)
    else:
        side = pl.col("side").str.to_uppercase().str.replace("É", "E")
        signed = pl.when(side.is_in(_DEBITS)).then(1).when(side.is_in(_CREDITS)).then(-1)
        amount = cents_of("amount", mark) * signed
    return rows.with_columns(
        cents=amount,
        day=as_date("entry_date", _DATES),
        document_day=as_date("document_date", _DATES),
        letter_day=as_date("letter_date", _DATES),
        journal=pl.col("journal_code").fill_null(""),
        entry_number=pl.col("entry_number").fill_null(""),
    )


def _with_default(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    return rows if name in rows.columns else rows.with_columns(pl.lit(None, dtype=pl.String).alias(name))


def _accepted(draft: Draft, rows: pl.DataFrame, columns: dict[str, str], mark: str) -> pl.DataFrame:
    """Customer lines that can be read; the others are refused, those of nothing left out."""
    official = {meaning: name for name, meaning in columns.items()}
    pairs = (("debit", "credit"), ("amount", "amount"))
    first, second = next(pair for pair in pairs if pair[0] in official)
    day = pl.col("day")
    checks = (
        (pl.col("account").is_null(), "missing_value", official["account"]),
        (day.is_null() & pl.col("entry_date").is_null(), "missing_value", official["entry_date"]),
        (day.is_null(), "date_unreadable", official["entry_date"]),
        (~day.dt.year().is_between(1990, 2100), "date_out_of_range", official["entry_date"]),
        (cents_of(first, mark).is_null(), "amount_unreadable", official[first]),
        (cents_of(second, mark).is_null(), "amount_unreadable", official[second]),
        (finer_than_cents(first, mark), "amount_finer_than_cents", official[first]),
        (finer_than_cents(second, mark), "amount_finer_than_cents", official[second]),
        # Of a single amount nobody can tell on which side it stands.
        (pl.col("cents").is_null(), "amount_unreadable", official.get("side", official[first])),
        (pl.col("cents").abs() > _CENTS_MAX, "amount_too_large", official[first]),
    )
    for broken, rule, column in checks:
        draft.refuse(rows.filter(broken.fill_null(False)), rule, column, "document")
        rows = rows.filter(~broken.fill_null(False))
    draft.leave_out(rows.filter(pl.col("cents") == 0), "fec.no_amount")
    return rows.filter(pl.col("cents") != 0).select(
        LINE,
        "file",
        "journal",
        "entry_number",
        "day",
        "account",
        "auxiliary",
        "auxiliary_label",
        "account_label",
        "document",
        "document_day",
        "label",
        "letter",
        "letter_day",
        "cents",
    )


def beside(rows: pl.DataFrame) -> pl.DataFrame:
    """Lines of accounts of no customer, as :class:`Books` holds them.

    Parameters
    ----------
    rows : polars.DataFrame
        Lines with account, any length, and cents.

    Returns
    -------
    polars.DataFrame
    """
    return rows.filter(pl.col("account").is_not_null()).select(
        LINE,
        "file",
        "journal",
        "entry_number",
        "day",
        pl.col("account").str.slice(0, 4),
        pl.col("cents").fill_null(0),
    )
