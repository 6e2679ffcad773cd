"""Short FECs written by hand, one entry per line of text, and what they amount to line by line.

An entry reads ``journal day document: account[/customer] amount [letter[@day of lettering]], ...``
and may end with a label in double quotes: debits are above zero, ``-`` is an empty document,
and ``^day`` after the document is its date. The arithmetic here is Python's own, so that
nothing of the reader is used to judge it.
"""

from __future__ import annotations

import calendar
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import polars as pl

from paydelay.sources import ImportedLedger, import_ledger

SIREN = "123456789"
JOURNALS = {
    "VE": "Ventes",
    "BQ": "Banque",
    "CA": "Caisse",
    "OD": "Opérations diverses",
    "AC": "Achats",
    "AN": "A nouveaux",
}
HEADER = [
    "JournalCode",
    "JournalLib",
    "EcritureNum",
    "EcritureDate",
    "CompteNum",
    "CompteLib",
    "CompAuxNum",
    "CompAuxLib",
    "PieceRef",
    "PieceDate",
    "EcritureLib",
    "Debit",
    "Credit",
    "EcritureLet",
    "DateLet",
    "ValidDate",
    "Montantdevise",
    "Idevise",
]
CASH_BASIS = ["DateRglt", "ModeRglt", "NatOp", "IdClient"]


@dataclass(frozen=True)
class Line:
    """One line of an entry; debits above zero."""

    journal: str
    number: str
    day: date
    account: str
    customer: str
    document: str
    document_day: date | None
    label: str
    cents: int
    letter: str = ""
    letter_day: str = ""

    @property
    def owner(self) -> str:
        return self.customer or self.account


@dataclass(frozen=True)
class Style:
    """How a FEC is spelled; the default is what the article of law asks for."""

    encoding: str = "utf-8"
    separator: str = "\t"
    line_end: str = "\r\n"
    trailing: int = 0
    cash_basis: bool = False
    amounts: Literal["columns", "D/C", "+1/-1"] = "columns"
    negative: bool = False
    padded: bool = False
    decimal: str = ","
    days: str = "%Y%m%d"
    header: tuple[tuple[str, str], ...] = ()
    journals: tuple[tuple[str, str], ...] = tuple(JOURNALS.items())
    final_line_end: bool = True
    letter_days: bool = True


PLAIN = Style()
_ENTRY = re.compile(r'^(\w+) (\d{4}-\d\d-\d\d) (.+?)(?:\^(\d{4}-\d\d-\d\d))?: (.*?)(?: "(.*)")?$')
_PART = re.compile(r"^(\w+)(?:/(\S+))? ([+-][\d.]+)(?: ([^@ ]+)(?:@(\d{8}))?)?$")


def jotted(text: str, numbers: Literal["running", "by journal", "zero"] = "running") -> list[Line]:
    """Lines of the entries that a text jots down."""
    lines: list[Line] = []
    counts: Counter[str] = Counter()
    for row in filter(None, (row.strip() for row in text.splitlines())):
        found = _ENTRY.match(row)
        assert found, row
        journal, day, document, document_day, parts, label = found.groups()
        key = journal if numbers == "by journal" else ""
        counts[key] += 1
        number = "0" if numbers == "zero" else str(counts[key])
        document = "" if document == "-" else document
        for part in parts.split(", "):
            taken = _PART.match(part)
            assert taken, part
            account, customer, amount, letter, letter_day = taken.groups()
            lines.append(
                Line(
                    journal,
                    number,
                    date.fromisoformat(day),
                    account,
                    customer or "",
                    document,
                    date.fromisoformat(document_day or day),
                    label or f"Piece {document}",
                    int(Decimal(amount) * 100),
                    letter or "",
                    letter_day or "",
                )
            )
    return lines


def spelled(lines: Iterable[Line], style: Style = PLAIN) -> str:
    """The text of a FEC."""
    header = list(HEADER)
    if style.amounts != "columns":
        header[11:13] = ["Montant", "Sens"]
    if style.cash_basis:
        header += CASH_BASIS
    renamed = dict(style.header)
    rows = [[renamed.get(name, name) for name in header]]
    for line in lines:
        cells = _cells(line, style)
        rows.append([cells.get(name, "") for name in header])
    tail = style.separator * style.trailing
    text = style.line_end.join(style.separator.join(row) + tail for row in rows)
    return text + (style.line_end if style.final_line_end else "")


def _cells(line: Line, style: Style) -> dict[str, str]:
    def amount(cents: int) -> str:
        whole = f"{abs(cents) // 100}{style.decimal}{abs(cents) % 100:02}"
        return ("-" if cents < 0 else "") + (whole.zfill(13) if style.padded else whole)

    debit, credit = max(line.cents, 0), max(-line.cents, 0)
    if style.negative:
        # A package that knows one column only, or books a correction in red.
        debit, credit = (line.cents, 0) if line.cents < 0 else (0, -line.cents)
    minus_one = style.amounts == "+1/-1"
    side = ("+1" if minus_one else "D") if line.cents >= 0 else ("-1" if minus_one else "C")
    cells = {
        "JournalCode": line.journal,
        "JournalLib": dict(style.journals).get(line.journal, ""),
        "EcritureNum": line.number,
        "EcritureDate": line.day.strftime(style.days),
        "CompteNum": line.account,
        "CompteLib": f"Compte {line.account}",
        "CompAuxNum": line.customer,
        "CompAuxLib": f"Sté Cœur {line.customer}" if line.customer else "",
        "PieceRef": line.document,
        "PieceDate": line.document_day.strftime(style.days) if line.document_day else "",
        "EcritureLib": line.label,
        "Debit": amount(debit),
        "Credit": amount(credit),
        "Montant": amount(abs(line.cents)),
        "Sens": side,
        "EcritureLet": line.letter,
        # A day of lettering far from any payment: none may be dated by it.
        "DateLet": line.letter_day or ("20991231" if line.letter and style.letter_days else ""),
        "ValidDate": "20991231",
        "DateRglt": line.day.strftime(style.days),
        "ModeRglt": "VIR",
    }
    if style.padded:
        for name, width in (("JournalCode", 4), ("CompAuxNum", 12), ("PieceRef", 15), ("EcritureLet", 4)):
            cells[name] = cells[name].ljust(width)
        cells["EcritureLib"] = cells["EcritureLib"].ljust(40)
    return cells


def write_books(
    folder: Path, *books: list[Line] | str, style: Style = PLAIN, siren: str = SIREN
) -> list[Path]:
    """One file per book, named by the year that most of its entries are of."""
    paths = []
    for book in books:
        lines = jotted(book) if isinstance(book, str) else book
        # A detailed opening bears the dates of older documents.
        years = Counter(line.day.year for line in lines if line.journal not in ("AN", "AD"))
        year = (years or Counter(line.day.year for line in lines)).most_common(1)[0][0]
        path = folder / f"{siren}FEC{year}1231.txt"
        path.write_bytes(spelled(lines, style).encode(style.encoding, "replace"))
        paths.append(path)
    return paths


def imported(folder: Path, *books: list[Line] | str, style: Style = PLAIN, **options: Any) -> ImportedLedger:
    """Books written and read; every line must be accounted for and every cent agree."""
    folder.mkdir(parents=True, exist_ok=True)
    ledger = import_ledger("fec", write_books(folder, *books, style=style), **options)
    assert_accounted(ledger)
    return ledger


def assert_accounted(ledger: ImportedLedger) -> None:
    """Lines read are those used, refused and out of scope; refused ones are listed; amounts agree."""
    for file in ledger.report.files:
        assert file.read == file.used + file.refused + sum(file.out_of_scope.values())
    assert sum(file.refused for file in ledger.report.files) == ledger.report.refusals.height
    assert ledger.refusals.height == 0
    # A year that opens otherwise than the one before closed is told as a difference of its own.
    differing = {agreement.key for agreement in ledger.report.agreements if agreement.difference}
    assert differing <= {"fec.openings"}
    assert ledger.report.detail is None or (ledger.report.detail["difference"] == 0).all()
    balance = {agreement.key: agreement.ledger_amount for agreement in ledger.report.agreements}["accounts"]
    assert round(sum(ledger.report.balance_parts.values()), 2) == balance


# ---- What came out ---------------------------------------------------------------------------


def invoices(ledger: ImportedLedger) -> dict[str, tuple[str, str, float]]:
    """By invoice: customer, day of issue and amount."""
    rows = ledger.invoices.select("invoice_id", "customer_id", "issue_date", "amount").iter_rows()
    return {name: (customer, day.isoformat(), amount) for name, customer, day, amount in rows}


def due_dates(ledger: ImportedLedger) -> dict[str, str]:
    """By invoice: the day it falls due."""
    return {
        name: day.isoformat() for name, day in ledger.invoices.select("invoice_id", "due_date").iter_rows()
    }


def payments(ledger: ImportedLedger) -> list[tuple[str, str | None, str, float, str]]:
    """Customer, invoice, day, amount and kind, by day."""
    rows = ledger.payments.select("customer_id", "invoice_id", "payment_date", "amount", "kind").iter_rows()
    told = [(customer, name, day.isoformat(), amount, kind) for customer, name, day, amount, kind in rows]
    return sorted(told, key=lambda row: (row[2], row[0], row[1] or "", row[3], row[4]))


def still_open(ledger: ImportedLedger) -> dict[str, float]:
    """By invoice: what no payment, discount or credit note took off; what is settled is left out."""
    cents = {name: round(amount * 100) for name, (_, _, amount) in invoices(ledger).items()}
    for _, name, _, amount, kind in payments(ledger):
        if name is not None and kind != "write_off":
            cents[name] -= round(amount * 100)
    return {name: value / 100 for name, value in cents.items() if value}


def on_account(ledger: ImportedLedger) -> dict[str, float]:
    """By customer: money that names no invoice."""
    cents: Counter[str] = Counter()
    for customer, name, _, amount, _ in payments(ledger):
        if name is None:
            cents[customer] += round(amount * 100)
    return {customer: value / 100 for customer, value in cents.items() if value}


def left_out(ledger: ImportedLedger) -> dict[str, int]:
    """Customer lines out of scope, by reason."""
    counts: Counter[str] = Counter()
    for file in ledger.report.files:
        counts.update(file.out_of_scope)
    return {
        reason.removeprefix("fec."): count
        for reason, count in sorted(counts.items())
        if reason != "fec.other_account"
    }


def told(ledger: ImportedLedger) -> dict[str, dict[str, Any]]:
    """What was assumed, by key."""
    return {said.key.removeprefix("fec."): dict(said.values) for said in ledger.report.assumptions}


# ---- What the lines say ----------------------------------------------------------------------

CUSTOMER_ACCOUNTS = ("411", "416", "4191")


def month_end(day: date) -> date:
    """Last day of the day's month."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def balances(moves: Iterable[tuple[str, date, int]], months: Iterable[date]) -> dict[tuple[str, date], int]:
    """Running sum of cents by customer at each month end."""
    by_customer: dict[str, list[tuple[date, int]]] = defaultdict(list)
    for customer, day, cents in moves:
        by_customer[customer].append((day, cents))
    ends = sorted(set(months))
    return {
        (customer, end): sum(cents for day, cents in rows if day <= end)
        for customer, rows in by_customer.items()
        for end in ends
    }


def ledger_moves(ledger: ImportedLedger) -> list[tuple[str, date, int]]:
    """Claims less all that was taken off them, as the tables of the ledger have them."""
    claims = ledger.invoices.select("customer_id", "known_on", pl.col("amount")).iter_rows()
    taken = ledger.payments.select("customer_id", "known_on", -pl.col("amount")).iter_rows()
    return [
        (customer, day, round(amount * 100)) for rows in (claims, taken) for customer, day, amount in rows
    ]


def is_customers(line: Line) -> bool:
    """Whether a line moves a customer's account."""
    return line.account.startswith(CUSTOMER_ACCOUNTS) and line.cents != 0


def is_bill(line: Line) -> bool:
    """Whether a line moves an account of bills of exchange."""
    return line.account.startswith("413") and line.cents != 0
