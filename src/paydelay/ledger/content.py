"""Fingerprints of what a ledger and its rows say, whatever its files were and however they were ordered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from paydelay.ledger.tables import TABLES

_FORM = "paydelay ledger content 1"
"""Goes in first: another way of writing values down has to give other fingerprints."""
_CHUNK_ROWS = 1 << 16
_DERIVED = "known_on"
_ROW_BYTES = 12
_KEYS = {
    "payments": ("customer_id", "invoice_id", "payment_date", "kind"),
    "events": ("event_type", "event_date", "customer_id", "invoice_id"),
}
"""What names a row of a table whose rows may repeat, near enough to tell that it was altered."""
DIGEST_SCHEMA: dict[str, Any] = {"table": pl.String, "key": pl.Binary, "row": pl.Binary}
"""Columns of :func:`row_digests`."""


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


def row_digests(tables: Mapping[str, pl.DataFrame], secret: bytes) -> pl.DataFrame:
    """Keyed fingerprints of every row of some tables: whether one is the same, not what it says.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        Tables of a ledger by name, and others, whose rows are named by their texts and dates.
    secret : bytes
        Up to 64 bytes; digests of another secret cannot be compared.

    Returns
    -------
    polars.DataFrame
        ``table``, ``key`` (of what names the row) and ``row`` (of all of it), in the order of the rows.

    Examples
    --------
    >>> rates = pl.DataFrame({"currency": ["USD", "USD"], "rate": [0.9, 0.9]})
    >>> row_digests({"own": rates}, b"once")["row"].n_unique()
    1
    """
    parts = [pl.DataFrame(schema=DIGEST_SCHEMA)]
    for name, table in tables.items():
        rows, named = table, name in TABLES
        columns = sorted(set(rows.columns) - ({_DERIVED} if named else set()))
        dated = [column for column in columns if not rows.schema[column].is_numeric()]
        key = (_KEYS.get(name) or TABLES[name].key) if named else dated
        if named:
            # A file of another kind may give them another type.
            extras = set(columns) - set(TABLES[name].source_columns)
            rows = rows.with_columns(_as_text(rows[column]).replace("", None) for column in sorted(extras))
        digests = {"key": _digests(rows, key, secret), "row": _digests(rows, columns, secret)}
        parts.append(pl.DataFrame({"table": [name] * rows.height, **digests}, schema=DIGEST_SCHEMA))
    return pl.concat(parts)


def _digests(rows: pl.DataFrame, columns: Sequence[str], secret: bytes) -> list[bytes]:
    if not columns:
        return [b""] * rows.height
    texts = pl.select(pl.concat_str([_cell(name, rows[name]) for name in columns])).to_series()
    return [
        hashlib.blake2b(text.encode(), key=secret, digest_size=_ROW_BYTES).digest()
        for text in texts.to_list()
    ]


def _cell(name: str, values: pl.Series) -> pl.Series:
    """Cells as texts that cannot run into one another; an empty column is as good as none."""
    empty = values.is_null()
    if values.dtype.is_float():
        bits = (values.cast(pl.Float64).fill_null(0.0).to_numpy() + 0.0).view(np.int64)
        text = pl.Series(bits).cast(pl.String)
    elif values.dtype == pl.String:
        text = values.fill_null("")
    elif values.dtype.is_nested():
        text = _as_text(values)
    else:
        text = values.to_physical().cast(pl.Int64).fill_null(0).cast(pl.String)
    said = pl.lit(f"{name}:") + text.str.len_bytes().cast(pl.String) + ":" + text + ";"
    return pl.select(pl.when(empty).then(pl.lit("")).otherwise(said)).to_series()


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
