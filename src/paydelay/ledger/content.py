"""Fingerprint of what a ledger says, whatever its files were and however its rows were ordered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from paydelay.ledger.tables import TABLES

_FORM = "paydelay ledger content 1"
"""Goes in first: another way of writing values down has to give other fingerprints."""
_CHUNK_ROWS = 1 << 16
_DERIVED = "known_on"


def content_fingerprint(tables: Mapping[str, pl.DataFrame], reporting_currency: str) -> str:
    """SHA-256 of the content of the tables of a ledger.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        The five tables, as a ledger holds them.
    reporting_currency : str
        Of the ledger.

    Returns
    -------
    str
        64 hexadecimal digits.

    Notes
    -----
    Rows are put in order by the columns of the contract, other columns by name. Numbers go in as
    64-bit bytes and not as text, so that no library's way of printing them matters; columns outside
    the contract as text, which is all that CSV knows of them.
    """
    digest = hashlib.sha256(_FORM.encode())
    _add(digest, reporting_currency)
    for name, table in TABLES.items():
        rows = tables[name]
        if rows.is_empty():  # A table without rows is not written, and neither are its columns.
            continue
        own = table.source_columns
        extras = sorted(set(rows.columns) - {*own, _DERIVED})
        _add(digest, json.dumps([name, rows.height, extras], ensure_ascii=True))
        # Where rows may differ in other columns, the contract gives every row a key of its own.
        ordered = rows.select(*own, *extras).sort(own, nulls_last=False, maintain_order=True)
        for column in own:
            _add_column(digest, ordered[column])
        for column in extras:
            _add_column(digest, _as_text(ordered[column]))
    return digest.hexdigest()


def _add(digest: Any, text: str) -> None:
    encoded = text.encode("utf-8", "surrogatepass")
    digest.update(len(encoded).to_bytes(8, "little"))
    digest.update(encoded)


def _add_column(digest: Any, values: pl.Series) -> None:
    for start in range(0, len(values), _CHUNK_ROWS):
        part = values.slice(start, _CHUNK_ROWS)
        digest.update(np.packbits(part.is_null().to_numpy()).tobytes())
        if part.dtype == pl.String:
            filled = part.fill_null("")
            digest.update(filled.str.len_bytes().to_numpy().astype("<i8").tobytes())
            digest.update("".join(filled.to_list()).encode())
        elif part.dtype.is_float():
            # Zero has a sign that nobody sees.
            digest.update((part.fill_null(0.0).to_numpy() + 0.0).astype("<f8").tobytes())
        else:
            digest.update(part.to_physical().fill_null(0).to_numpy().astype("<i8").tobytes())


def _as_text(values: pl.Series) -> pl.Series:
    """A column outside the contract as CSV holds it, where an empty text is none."""
    if values.dtype.is_float() or values.dtype.is_nested():
        texts = ["" if value is None else _plain(value) for value in values.to_list()]
        return pl.Series(values.name, texts, dtype=pl.String)
    if values.dtype == pl.Datetime:
        values = values.dt.to_string("%Y-%m-%dT%H:%M:%S%.6f")
    return values.cast(pl.String).fill_null("")


def _plain(value: Any) -> str:
    return repr(value) if isinstance(value, float) else json.dumps(value, default=str)
