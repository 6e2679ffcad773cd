"""Customers' numbers and names replaced by keyed hashes, before anything is written.

The same key gives the same pseudonyms, so that ledgers of different months stay one
history; without the key nobody can tell whether a hash is a given customer's. The
ledger is made and compared with the books under the true names first: only what is
finished gets others.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import fields, replace

import polars as pl

from paydelay.errors import LedgerError
from paydelay.ledger import TABLES, Ledger
from paydelay.sources.draft import Assumption, Value
from paydelay.sources.imported import ImportedLedger, ImportReport

_LETTERS = 16
"""Of base32: 80 bits, with which two of a million customers hardly ever agree."""
_CUSTOMERS = ("customer_id", "parent_id")
_WORD_LETTERS_MIN = 3
"""A shorter number of a customer stands in many an invoice's number without meaning it."""


def pseudonymise(ledger: ImportedLedger, key: str) -> ImportedLedger:
    """The same ledger and report under other names.

    Replaced are customer_id and parent_id, every column of text outside the ledger's
    contract (names, addresses, remarks), the number of an invoice that holds a word of
    its customer's number or name, and what refused lines are called by, unless it is
    the number of an invoice that keeps it.

    Parameters
    ----------
    ledger : ImportedLedger
        With the true names; it is left as it is.
    key : str
        The secret; whoever has it can test whether a hash is a given customer's.

    Returns
    -------
    ImportedLedger

    Raises
    ------
    LedgerError
        If two values get the same pseudonym.

    Examples
    --------
    >>> from paydelay.sources.draft import LINE, Draft
    >>> from paydelay.sources.imported import to_ledger
    >>> draft = Draft("csv")
    >>> draft.tables["invoices"] = pl.DataFrame({
    ...     "invoice_id": ["F1", "Dupont2024"], "customer_id": ["C1", "C1"], "customer_name": "Dupont SA",
    ...     "issue_date": "2024-01-02", "due_date": "2024-02-01", "amount": 80.0, "currency": "EUR",
    ...     LINE: pl.Series([None, None], dtype=pl.Int64),
    ... })
    >>> hidden = pseudonymise(to_ledger(draft), "sixteen letters or more").invoices
    >>> hidden["customer_id", "customer_name"].unique().row(0)
    ('4TMK3SFBR5UL4EYG', 'FYG5GXKQ2U23BNOR')
    >>> hidden["invoice_id"].to_list()
    ['F1', 'XHX47WIGYM756UOE']
    """
    customers, texts = _Pseudonyms(key, "customer"), _Pseudonyms(key, "text")
    renamed = _renamed_invoices(ledger, _Pseudonyms(key, "invoice"))
    tables = {
        name: _replaced(rows, customers, texts, renamed, TABLES[name].columns)
        for name, rows in ledger.tables.items()
    }
    hidden = {**texts.known, **customers.known}
    kept = set(ledger.invoices["invoice_id"].to_list()) - renamed.keys()

    def called(value: str) -> str:
        # Of a line that was refused, only the number of an invoice in the ledger is surely nobody's name.
        if value in hidden:
            return hidden[value]
        return renamed[value] if value in renamed else value if value in kept else texts.of(value)

    refusals = ledger.refusals.with_columns(_mapped(ledger.refusals["identifier"], called))
    report = _hidden_report(ledger.report, customers, hidden, called)
    books = _rebuilt(ledger, tables)
    own = {"refusals": refusals, "notes": ledger.notes, "rows_read": ledger.rows_read, "report": report}
    return ImportedLedger(**{f.name: getattr(books, f.name) for f in fields(Ledger)} | own)


class _Pseudonyms:
    """Hashes under a key; those of customers' numbers are apart from those of other texts."""

    def __init__(self, key: str, kind: str) -> None:
        self._key, self._kind = key.encode(), kind
        self._taken: dict[str, str] = {}
        self.known: dict[str, str] = {}

    def of(self, value: str) -> str:
        if value not in self.known:
            digest = hmac.new(self._key, f"{self._kind}\0{value}".encode(), hashlib.sha256).digest()
            made = base64.b32encode(digest).decode()[:_LETTERS]
            if self._taken.setdefault(made, value) != value:
                raise LedgerError("Two values get the same pseudonym under this key; choose another key.")
            self.known[value] = made
        return self.known[value]


def _replaced(
    rows: pl.DataFrame,
    customers: _Pseudonyms,
    texts: _Pseudonyms,
    renamed: dict[str, str],
    own: list[str],
) -> pl.DataFrame:
    columns = []
    for name, dtype in rows.schema.items():
        if name in _CUSTOMERS:
            columns.append(_mapped(rows[name], customers.of))
        elif name == "invoice_id" and renamed:
            columns.append(_mapped(rows[name], lambda value: renamed.get(value, value)))
        elif name not in own and dtype in (pl.String, pl.Categorical, pl.Enum):
            columns.append(_mapped(rows[name], texts.of))
    return rows.with_columns(columns)


def _mapped(values: pl.Series, change: Callable[[str], str]) -> pl.Series:
    """A column of texts with each of its values changed once."""
    written = values.cast(pl.String)
    found = {value: change(value) for value in written.unique(maintain_order=True).drop_nulls().to_list()}
    return written.replace_strict(found, default=None, return_dtype=pl.String).alias(values.name)


def _rebuilt(ledger: Ledger, tables: dict[str, pl.DataFrame]) -> Ledger:
    """A ledger of the renamed tables, in the order that its contract asks for."""
    given = {
        name: rows.drop("known_on", strict=False)
        for name, rows in tables.items()
        if rows.height or name in ("invoices", "payments")
    }
    books = Ledger.from_frames(
        given["invoices"],
        given["payments"],
        given.get("customers"),
        given.get("events"),
        given.get("rates"),
        reporting_currency=ledger.reporting_currency,
    )
    if books.refusals.height:
        raise LedgerError(
            f"{books.refusals.height} rows no longer hold the ledger's contract under other names, which "
            "does not add up; please report it."
        )
    return books


# ---- Numbers of invoices -----------------------------------------------------------------------


def _renamed_invoices(ledger: Ledger, numbers: _Pseudonyms) -> dict[str, str]:
    """Invoices whose number holds a word of their customer's number or name, with the one they get.

    The whole number is replaced: of letters glued to a name, others may tell as much.
    Numbers of other customers are not sought: a company's code may be one of them.
    """
    pairs = ledger.invoices.select("invoice_id", "customer_id", number=_plain(pl.col("invoice_id")))
    words = pl.concat([_words_of_numbers(ledger.invoices), _words_of_names(ledger)]).filter(
        pl.col("word").str.len_chars() >= _WORD_LETTERS_MIN
    )
    held = (
        pairs.join(words.unique(maintain_order=True), on="customer_id")
        .filter(pl.col("number").str.contains(pl.col("word"), literal=True))
        .select(pl.col("invoice_id").unique(maintain_order=True))
    )
    return {number: numbers.of(number) for number in held["invoice_id"].to_list()}


def _words_of_numbers(invoices: pl.DataFrame) -> pl.DataFrame:
    """Words of customers' numbers, without the company that stands before them where there are several."""
    number = pl.col("customer_id")
    company = pl.concat_str(pl.col("entity").cast(pl.String), pl.lit(":"))
    own = pl.when(number.str.starts_with(company)).then(number.str.strip_prefix(company)).otherwise(number)
    return _words(invoices.select("customer_id", text=own).unique(maintain_order=True))


def _words_of_names(ledger: Ledger) -> pl.DataFrame:
    """Words of every name that a customer goes by in any table."""
    found = [pl.DataFrame(schema={"customer_id": pl.String, "text": pl.String})]
    for rows in ledger.tables.values():
        if "customer_id" in rows.columns:
            found += [
                rows.select("customer_id", pl.col(name).cast(pl.String).alias("text"))
                for name, dtype in rows.schema.items()
                if "name" in name and dtype in (pl.String, pl.Categorical, pl.Enum)
            ]
    return _words(pl.concat(found).unique(maintain_order=True))


def _words(texts: pl.DataFrame) -> pl.DataFrame:
    """Columns customer_id and word: each text as a whole, and each run of letters and digits in it."""
    plain = texts.select("customer_id", text=_plain(pl.col("text"))).drop_nulls()
    runs = plain.select("customer_id", word=pl.col("text").str.extract_all(r"[\p{L}\p{N}]+"))
    whole = plain.select("customer_id", word="text")
    return pl.concat([whole, runs.explode("word").drop_nulls()])


def _plain(text: pl.Expr) -> pl.Expr:
    """Small letters without accents: a number spells a name as it likes."""
    return text.str.normalize("NFKD").str.replace_all(r"\p{M}", "").str.to_lowercase()


# ---- What is told ------------------------------------------------------------------------------


def _hidden_report(
    report: ImportReport, customers: _Pseudonyms, hidden: dict[str, str], called: Callable[[str], str]
) -> ImportReport:
    # Before the comparison by month is looked at, which may know a customer without any invoice.
    count = len(customers.known)
    # Where there are several companies, what is told may name a customer without its company.
    alone = {name.partition(":")[2]: made for name, made in hidden.items() if ":" in name}

    def told(value: Value) -> Value:
        return hidden.get(value, alone.get(value, value)) if isinstance(value, str) and value else value

    assumptions = [
        Assumption(said.key, {name: told(value) for name, value in said.values.items()})
        for said in report.assumptions
    ]
    assumptions.append(Assumption("pseudonyms", {"n": count}))
    detail = report.detail
    if detail is not None:
        detail = detail.with_columns(_mapped(detail["customer_id"], customers.of)).sort(
            "customer_id", "month_end"
        )
    return replace(
        report,
        refusals=report.refusals.with_columns(_mapped(report.refusals["identifier"], called)),
        assumptions=tuple(assumptions if count else assumptions[:-1]),
        detail=detail,
    )
