"""Customers' numbers and names replaced by keyed hashes, before anything is written.

The same key gives the same pseudonyms, so that ledgers of different months stay one
history; without the key nobody can tell whether a hash is a given customer's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import fields

import polars as pl

from paydelay.errors import LedgerError
from paydelay.ledger import TABLES
from paydelay.sources.draft import Assumption, Draft, Value

_LETTERS = 16
"""Of base32: 80 bits, with which two of a million customers hardly ever agree."""
_CUSTOMERS = ("customer_id", "parent_id")
_WORD_LETTERS_MIN = 3
"""A shorter number of a customer stands in many an invoice's number without meaning it."""


def pseudonymise(draft: Draft, key: str) -> None:
    """Replace what names customers in every table of a draft.

    Replaced are customer_id and parent_id, every column of text outside the ledger's
    contract (names, addresses, remarks), a customer's number or name within an
    invoice's number, and identifiers of refused lines that are no known invoice's.

    Parameters
    ----------
    draft : Draft
        Is changed.
    key : str
        The secret; whoever has it can test whether a hash is a given customer's.

    Raises
    ------
    LedgerError
        If two values get the same pseudonym.

    Examples
    --------
    >>> draft = Draft("csv")
    >>> draft.tables["customers"] = pl.DataFrame({"customer_id": ["C1"], "customer_name": ["Dupont"]})
    >>> pseudonymise(draft, "sixteen letters or more")
    >>> draft.tables["customers"].row(0)
    ('4TMK3SFBR5UL4EYG', 'TMP2UWINGDAJQHLQ')
    """
    customers, texts = _Pseudonyms(key, "customer"), _Pseudonyms(key, "text")
    known_invoices = _invoice_numbers(draft)
    renamed = _renamed_invoices(draft, customers, texts)
    for name, rows in draft.tables.items():
        own = TABLES[name].columns
        draft.tables[name] = _replaced(rows, customers, texts, renamed, own)
    for each in fields(draft):
        rows = getattr(draft, each.name)
        if isinstance(rows, pl.DataFrame):
            # What an adapter compares with has columns of its own, which are not the customers'.
            own = [other for other in rows.columns if "name" not in other]
            setattr(draft, each.name, _replaced(rows, customers, texts, renamed, own))
    hidden = {**texts.known, **customers.known}
    draft.refused = [
        rows.with_columns(
            identifier=_mapped(
                rows["identifier"], lambda value: _identifier(value, hidden, known_invoices, renamed, texts)
            )
        )
        for rows in draft.refused
    ]
    draft.assumptions = [
        Assumption(said.key, {name: _hidden(value, hidden) for name, value in said.values.items()})
        for said in draft.assumptions
    ]
    draft.assume("pseudonyms", n=len(customers.known))


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
    written = _written(values)
    found = {value: change(value) for value in written.unique(maintain_order=True).drop_nulls().to_list()}
    return written.replace_strict(found, default=None, return_dtype=pl.String).alias(values.name)


def _written(values: pl.Series) -> pl.Series:
    """Values as the ledger will write them: a number without the decimals it has not."""
    text = values.cast(pl.String).str.strip_chars()
    if values.dtype.is_float() or values.dtype.is_decimal():
        text = text.str.replace(r"\.0+$", "")
    return text.to_frame("v").select(pl.when(pl.col("v") != "").then("v"))["v"]


# ---- Numbers of invoices -----------------------------------------------------------------------


def _invoice_numbers(draft: Draft) -> set[str]:
    rows = draft.tables.get("invoices")
    return (
        set() if rows is None or "invoice_id" not in rows else set(_written(rows["invoice_id"]).drop_nulls())
    )


def _renamed_invoices(draft: Draft, customers: _Pseudonyms, texts: _Pseudonyms) -> dict[str, str]:
    """Invoices whose number holds their customer's number or name, with the number they get."""
    names = _names(draft)
    renamed: dict[str, str] = {}
    for rows in draft.tables.values():
        if not {"invoice_id", "customer_id"} <= set(rows.columns):
            continue
        pairs = (
            pl.DataFrame({"invoice": _written(rows["invoice_id"]), "customer": _written(rows["customer_id"])})
            .drop_nulls()
            .unique(maintain_order=True)
        )
        words = pl.concat([pairs.with_columns(word="customer"), pairs.join(names, on="customer")])
        lower = pl.col("invoice").str.to_lowercase()
        held = words.filter(
            pl.col("word").str.len_chars() >= _WORD_LETTERS_MIN,
            lower.str.contains(pl.col("word").str.to_lowercase(), literal=True),
        )
        for invoice, customer, word in held.iter_rows():
            made = customers.of(word) if word == customer else texts.of(word)
            alone = rf"(?<![^\W_]){re.escape(word)}(?![^\W_])"
            renamed[invoice] = re.sub(alone, made, renamed.get(invoice, invoice), flags=re.IGNORECASE)
    return {invoice: made for invoice, made in renamed.items() if made != invoice}


def _names(draft: Draft) -> pl.DataFrame:
    """Every name that a customer goes by in any table."""
    found = [pl.DataFrame(schema={"customer": pl.String, "word": pl.String})]
    for rows in draft.tables.values():
        if "customer_id" in rows.columns:
            found += [
                pl.DataFrame({"customer": _written(rows["customer_id"]), "word": _written(rows[name])})
                for name, dtype in rows.schema.items()
                if "name" in name and dtype == pl.String
            ]
    return pl.concat(found).drop_nulls().unique(maintain_order=True)


# ---- What is told ------------------------------------------------------------------------------


def _identifier(
    value: str, hidden: dict[str, str], invoices: set[str], renamed: dict[str, str], texts: _Pseudonyms
) -> str:
    """Of a refused line: only a known invoice's is surely no customer's."""
    if value in hidden:
        return hidden[value]
    return renamed.get(value, value) if value in invoices else texts.of(value)


def _hidden(value: Value, hidden: dict[str, str]) -> Value:
    return hidden.get(value, value) if isinstance(value, str) else value
