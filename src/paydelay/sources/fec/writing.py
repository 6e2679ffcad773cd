"""A ledger as a FEC, one file for each calendar year, in any of the layouts packages write.

It serves tests and first steps: what is written is known, so that what is read back can
be checked to the cent.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from paydelay.errors import LedgerError
from paydelay.files import replacing_file
from paydelay.ledger import Ledger
from paydelay.sources.fec.booking import KEY, book

_HEADER = (
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
)
# The law's names are camel case; packages spell them as they please.
_SPELLINGS = {
    "accents": {
        "EcritureNum": "ÉcritureNum",
        "EcritureDate": "ÉcritureDate",
        "PieceRef": "PièceRef",
        "PieceDate": "PièceDate",
        "EcritureLib": "ÉcritureLib",
        "Debit": "Débit",
        "Credit": "Crédit",
        "EcritureLet": "ÉcritureLet",
        "Montantdevise": "MontantDevise",
        "Idevise": "IDevise",
    },
    "words": {
        "JournalCode": "Code Journal",
        "JournalLib": "Libellé Journal",
        "EcritureNum": "N° Écriture",
        "EcritureDate": "Date Écriture",
        "CompteNum": "N° Compte",
        "CompteLib": "Libellé Compte",
        "CompAuxNum": "Compte Aux Num",
        "CompAuxLib": "Compte Aux Lib",
        "PieceRef": "Réf. Pièce",
        "PieceDate": "Date Pièce",
        "EcritureLib": "Libellé Écriture",
        "Debit": "Montant Débit",
        "Credit": "Montant Crédit",
        "EcritureLet": "Lettrage",
        "DateLet": "Date Lettrage",
        "ValidDate": "Date Validation",
        "Montantdevise": "Montant Devise",
        "Idevise": "Id Devise",
    },
}
_CASH_BASIS = ("DateRglt", "ModeRglt", "NatOp", "IdClient")
_JOURNALS = {"VE": "Ventes", "BQ": "Banque", "OD": "Opérations diverses", "AN": "A nouveaux"}
_COLLECTIVE = {
    "411": "Clients",
    "413": "Clients - Effets à recevoir",
    "416": "Clients douteux ou litigieux",
    "4191": "Clients - Avances et acomptes reçus",
}
_ACCOUNTS = {
    "512000": "Banque",
    "707000": "Ventes de marchandises",
    "709700": "RRR accordés",
    "445710": "TVA collectée",
    "665000": "Escomptes accordés",
    "654000": "Pertes sur créances irrécouvrables",
    "110000": "Report à nouveau",
}


@dataclass(frozen=True)
class FecLayout:
    r"""How a FEC is written.

    Parameters
    ----------
    encoding : str
        Of the text; ``utf-8-sig`` writes a byte order mark.
    separator : str
        Tab or pipe.
    line_end : str
        ``\r\n`` or ``\n``.
    trailing_separator : bool
        Whether one more separator ends each line.
    column_count : {18, 22}
        With the four columns of cash-basis books or without.
    amounts : {"debit_credit", "montant_sens", "montant_sign"}
        Two columns of amounts, or one and its side, ``D`` and ``C`` or ``+1`` and ``-1``.
    decimal : {",", "."}
        Mark before the cents.
    padded : bool
        Whether amounts are filled with zeros to thirteen characters and cells with blanks.
    header : {"law", "capitals", "small", "blanks", "accents", "words"}
        How the columns are named: as in the law, in capitals, in small letters, with blanks
        around, with accents (``Débit``), or in words (``Date Écriture``).
    accounts : {"auxiliary", "individual"}
        One collective account with auxiliaries, or an account for each customer.
    due_dates : bool
        Whether an invoice's text says when it falls due.
    opening : {"detailed", "summed"}
        What is open at a year's end is carried over line by line, or in one sum for each customer.
    advances : bool
        Whether money that came before its invoice, or names none, is on account 4191 until an
        entry takes it from there; else it is on 411.
    bills : bool
        Whether every fifth customer, by number, pays by bills of exchange (413), accepted within
        ten days of the invoice and cashed on the day of the payment.
    """

    encoding: str = "utf-8"
    separator: str = "\t"
    line_end: str = "\r\n"
    trailing_separator: bool = False
    column_count: Literal[18, 22] = 18
    amounts: Literal["debit_credit", "montant_sens", "montant_sign"] = "debit_credit"
    decimal: Literal[",", "."] = ","
    padded: bool = False
    header: Literal["law", "capitals", "small", "blanks", "accents", "words"] = "law"
    accounts: Literal["auxiliary", "individual"] = "auxiliary"
    due_dates: bool = True
    opening: Literal["detailed", "summed"] = "detailed"
    advances: bool = True
    bills: bool = True


def write_fec(
    ledger: Ledger, folder: str | Path, layout: FecLayout | None = None, *, siren: str = "123456782"
) -> list[Path]:
    """Write a ledger as a FEC, one file for each calendar year.

    Invoices, payments, discounts, credit notes and write-offs are booked in entries of
    their own and lettered, payments that bounce are booked back, debts that are given up
    go through the doubtful account 416, a payment that settles several invoices in full is
    one line, money without an invoice is an advance (4191), and some customers pay by bills of
    exchange (413). Events, limits and days of recording have no place in a FEC.

    Parameters
    ----------
    ledger : Ledger
        Books in euros.
    folder : str or Path
        Where the files go; made where it does not exist.
    layout : FecLayout, optional
        How they are written.
    siren : str
        Nine digits that the files' names begin with.

    Returns
    -------
    list of Path
        The files, in the order of their years.

    Raises
    ------
    LedgerError
        If amounts are in another currency than the euro.

    Examples
    --------
    >>> import tempfile
    >>> invoices = pl.DataFrame({
    ...     "invoice_id": ["F1"], "customer_id": ["C1"], "issue_date": ["2023-12-15"],
    ...     "due_date": ["2024-01-14"], "amount": [120.0], "currency": ["EUR"],
    ... })
    >>> payments = pl.DataFrame({"invoice_id": ["F1"], "payment_date": ["2024-01-20"], "amount": [120.0]})
    >>> files = write_fec(Ledger.from_frames(invoices, payments), tempfile.mkdtemp())
    >>> [path.name for path in files]
    ['123456782FEC20231231.txt', '123456782FEC20241231.txt']
    """
    chosen = layout or FecLayout()
    if ledger.invoices.filter(pl.col("currency") != "EUR").height:
        raise LedgerError("A FEC is kept in euros; give a ledger whose invoices are in EUR.")
    paths = []
    summed = chosen.opening == "summed"
    for year, lines in book(ledger, summed=summed, advances=chosen.advances, bills=chosen.bills):
        path = Path(folder) / f"{siren}FEC{year}1231.txt"
        with replacing_file(path) as draft:
            draft.write(_text(lines, chosen, year).encode(chosen.encoding, "replace"))
        paths.append(path)
    return paths


def _text(lines: pl.DataFrame, layout: FecLayout, year: int) -> str:
    """One year's file; its lines come by journal and entry."""
    header = list(_HEADER)
    if layout.amounts != "debit_credit":
        header[11:13] = ["Montant", "Sens"]
    if layout.column_count == 22:
        header += _CASH_BASIS
    cells = _cells(lines, layout, year).select(header)
    if layout.padded:
        widths = {"JournalCode": 3, "CompAuxNum": 8, "EcritureLet": 3, "PieceRef": 10}
        cells = cells.with_columns(pl.col(name).str.pad_end(width) for name, width in widths.items())
    end = layout.separator if layout.trailing_separator else ""
    names = [_spelled(name, layout.header) for name in header]
    body = cells.select(pl.concat_str(pl.all(), separator=layout.separator)).to_series()
    return (
        layout.line_end.join(f"{line}{end}" for line in (layout.separator.join(names), *body))
        + layout.line_end
    )


def _spelled(name: str, style: str) -> str:
    """A column's name as a package writes it."""
    plain = {"capitals": name.upper(), "small": name.lower(), "blanks": f" {name} "}
    return plain.get(style) or _SPELLINGS.get(style, {}).get(name, name)


def _cells(lines: pl.DataFrame, layout: FecLayout, year: int) -> pl.DataFrame:
    """Every column as text."""
    customer = pl.col("customer_id").is_not_null()
    name = pl.format("Société Cœur & Fils {}", "customer_id")
    alone = layout.accounts == "individual"
    account = (
        pl.when(customer)
        .then(pl.col("account") + pl.col("customer_id") if alone else pl.col("account").str.pad_end(6, "0"))
        .otherwise("account")
    )
    debit, credit = ("+1", "-1") if layout.amounts == "montant_sign" else ("D", "C")
    empty = pl.lit("")
    cents = pl.col("cents")
    text = pl.col("text")
    if layout.due_dates:
        due = pl.col("due_date").dt.strftime(" ECH %d/%m/%Y").fill_null("")
        text = text + due
    return lines.select(
        JournalCode="journal",
        JournalLib=pl.col("journal").replace_strict(_JOURNALS),
        EcritureNum=pl.col(KEY).cast(pl.String).str.zfill(8),
        EcritureDate=_written(pl.col("day")),
        CompteNum=account,
        CompteLib=pl.when(customer)
        .then(name if alone else pl.col("account").replace_strict(_COLLECTIVE))
        .otherwise(pl.col("account").replace_strict(_ACCOUNTS, default="")),
        CompAuxNum=empty if alone else pl.col("customer_id").fill_null(""),
        CompAuxLib=empty if alone else pl.when(customer).then(name).otherwise(empty),
        PieceRef=pl.col("document").fill_null(""),
        PieceDate=_written(pl.col("document_day")),
        EcritureLib=text,
        Debit=_amount(pl.when(cents > 0).then(cents).otherwise(0), layout),
        Credit=_amount(pl.when(cents < 0).then(-cents).otherwise(0), layout),
        Montant=_amount(cents.abs(), layout),
        Sens=pl.when(cents > 0).then(pl.lit(debit)).otherwise(pl.lit(credit)),
        EcritureLet=pl.col("letter").fill_null(""),
        # Lettering is done long after: its day is no day of payment.
        DateLet=pl.when(pl.col("letter").is_not_null()).then(pl.lit(f"{year}1231")).otherwise(empty),
        ValidDate=pl.lit(f"{year}1231"),
        Montantdevise=empty,
        Idevise=empty,
        DateRglt=_written(pl.col("day")),
        ModeRglt=pl.lit("VIR"),
        NatOp=empty,
        IdClient=empty,
    )


def _written(day: pl.Expr) -> pl.Expr:
    return day.dt.strftime("%Y%m%d").fill_null("")


def _amount(cents: pl.Expr, layout: FecLayout) -> pl.Expr:
    euros = (cents // 100).cast(pl.String)
    written = euros + layout.decimal + (cents % 100).cast(pl.String).str.zfill(2)
    return written.str.zfill(13) if layout.padded else written
