"""A first mapping, proposed from the headers and cells of files nobody has described yet.

Headers are known in English, French, German and Spanish. What is found is proposed
with the doubt there is about it; what is not found is left as a comment that says so.
"""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from paydelay.errors import LedgerError
from paydelay.ledger.currencies import ISO_4217
from paydelay.sources.headers import roles_of
from paydelay.sources.opening import OpenTable, open_table
from paydelay.sources.text import CELL_FLAW, DelimitedText
from paydelay.sources.values import DATE_FORMATS, as_amount, as_date, as_text

_ROWS_LOOKED_AT = 50_000
_SHARE_READABLE = 0.9
_UNUSED_SHOWN_MAX = 40

_NOT_APART = 100
_UNPRINTED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")

_DATES = ("issue_date", "due_date", "payment_date")
_AMOUNTS = ("amount", "open_amount", "payment_amount", "terms_days")
_SHAPES = {
    r"\d{4}-\d{1,2}-\d{1,2}": ("YYYY-MM-DD",),
    r"\d{8}": ("YYYYMMDD",),
    r"\d{4}/\d{1,2}/\d{1,2}": ("YYYY/MM/DD",),
    r"\d{1,2}/\d{1,2}/\d{4}": ("DD/MM/YYYY", "MM/DD/YYYY"),
    r"\d{1,2}/\d{1,2}/\d{2}": ("DD/MM/YY", "MM/DD/YY"),
    r"\d{1,2}\.\d{1,2}\.\d{4}": ("DD.MM.YYYY",),
    r"\d{1,2}-\d{1,2}-\d{4}": ("DD-MM-YYYY",),
}


@dataclass(frozen=True)
class _Look:
    """What was made out of a file."""

    file: str
    table: OpenTable
    rows: pl.DataFrame
    roles: dict[str, str]
    formats: dict[str, str | None]
    doubtful: dict[str, str]
    decimal: str


def guess_mapping(files: Sequence[Path | str]) -> str:
    r"""A mapping to correct, as commented YAML.

    Parameters
    ----------
    files : sequence of Path or str
        Files; text is the address of a database with ``#table`` at its end.

    Returns
    -------
    str
        It can be used as it stands where every column was found.

    Raises
    ------
    LedgerError
        If a file cannot be read, or none was given.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "factures.csv"
    >>> _ = path.write_text(
    ...     "N° facture;Code client;Date facture;Échéance;Montant TTC\n"
    ...     "F1;C1;31/01/2024;01/03/2024;1 250,00\n", "utf-8"
    ... )
    >>> print(guess_mapping([path]).split("invoices:")[1].split("#")[0].rstrip())
    <BLANKLINE>
      columns:
        invoice_id: "N° facture"
        customer_id: "Code client"
        issue_date: "Date facture"
        due_date: "Échéance"
        amount: "Montant TTC"
    """
    if not files:
        raise LedgerError("No file was given; name the files to propose a mapping for.")
    looks = [_look(path) for path in files]
    invoices = max(looks, key=_fits_invoices)
    several = len(looks) > 1
    lines = [
        "# Proposed by paydelay from the headers and the first rows: correct it, then import with it.",
        "# Lines that begin with # are what was not found, or is only a remark.",
        "",
        *_defaults(invoices),
        "invoices:",
        *_invoices(invoices, several),
    ]
    payments = next((look for look in looks if look is not invoices and _fits_payments(look)), invoices)
    lines += ["", *_payments(payments, invoices, several)]
    for look in looks:
        if look is not invoices and look is not payments:
            if {"customer_id", "country"} <= look.roles.keys():
                lines += ["", *_customers(look)]
            else:
                lines += ["", f"# Nothing was recognised in {_file_name(look)}: it is not used."]
    lines += ["", *_rest(looks, "\n".join(lines) + "\n")]
    return "\n".join(lines).rstrip() + "\n"


# ---- Looking at a file -----------------------------------------------------------------------


def _look(path: Path | str) -> _Look:
    table = open_table(path)
    frames = []
    seen = 0
    for batch in table.batches():
        frames.append(batch.filter(pl.col(CELL_FLAW).is_null()).head(_ROWS_LOOKED_AT - seen))
        seen += frames[-1].height
        if seen >= _ROWS_LOOKED_AT:
            break
    rows = pl.concat(frames, how="vertical_relaxed") if frames else pl.DataFrame()
    shown = [name for name in table.header if name and name in rows.columns]
    rows = rows.select(as_text(_as_text(name, rows.schema[name])).alias(name) for name in shown)
    roles = roles_of(table.header, partial(_penalty, rows))
    formats: dict[str, str | None] = {}
    doubtful: dict[str, str] = {}
    for role in _DATES:
        if role in roles and roles[role] in rows.columns:
            formats[role], doubt = _date_format(rows[roles[role]].drop_nulls(), table)
            if doubt:
                doubtful[role] = doubt
    _agree_on_order(formats, doubtful)
    name = path.name if isinstance(path, Path) else path.partition("#")[2]
    return _Look(name, table, rows, roles, formats, doubtful, _decimal(rows, roles))


def _as_text(name: str, kind: pl.DataType) -> pl.Expr:
    if kind.is_nested() or kind in (pl.Binary, pl.Object):
        return pl.lit(None, dtype=pl.String)
    return pl.col(name).cast(pl.String, strict=False)


def _penalty(rows: pl.DataFrame, role: str, name: str) -> int | None:
    """How little the cells of a column look like what its name says; None where they cannot be it."""
    if name not in rows.columns:
        return None
    cells = rows[name].drop_nulls()
    if not len(cells):
        return 0
    frame = cells.to_frame("a")
    if role in _DATES:
        fitting = frame.select(as_date("a", tuple(DATE_FORMATS)).is_not_null().mean()).item()
    elif role in _AMOUNTS:
        fitting = max(frame.select(as_amount("a", mark).is_not_null().mean()).item() for mark in ".,")
    elif role == "currency":
        fitting = frame.select(pl.col("a").str.to_uppercase().is_in(list(ISO_4217)).mean()).item()
    else:
        # Of two numbers of an invoice the one that tells them apart.
        apart = cells.n_unique() / rows.height
        return 0 if role != "invoice_id" or apart >= _SHARE_READABLE else _NOT_APART
    return 0 if fitting >= _SHARE_READABLE else None


def _date_format(cells: pl.Series, table: OpenTable) -> tuple[str | None, str]:
    """How days are written, and what is doubtful about it."""
    if not len(cells):
        return None, "the column is empty"
    days = cells.str.replace(r"[T ]\d{1,2}:\d{2}.*$", "")
    shares = {shape: days.str.contains(f"^{shape}$").cast(pl.Int8).sum() for shape in _SHAPES}
    shape = max(shares, key=lambda one: shares[one])
    if shares[shape] < _SHARE_READABLE * len(days):
        return None, "the days are written in no way that is known, or in several"
    names = _SHAPES[shape]
    if not isinstance(table, DelimitedText) and names == ("YYYY-MM-DD",):
        return None, ""
    return (names[0], "") if len(names) == 1 else _order(days, *names)


def _order(days: pl.Series, day_first: str, month_first: str) -> tuple[str, str]:
    """Whether the day or the month comes first, by numbers above twelve."""
    parts = days.str.extract_groups(r"^(?<first>\d+)\D(?<second>\d+)\D").struct.unnest()
    first, second = (int((parts[name].cast(pl.Int64) > 12).sum()) for name in ("first", "second"))
    likelier = day_first if first >= second else month_first
    if first and second:
        return likelier, f"both {day_first} and {month_first} occur: some days will be refused"
    if not first and not second:
        return likelier, f"no day above 12 tells whether it is {day_first} or {month_first}"
    return likelier, ""


def _agree_on_order(formats: dict[str, str | None], doubtful: dict[str, str]) -> None:
    """A column in doubt between two orders follows one of the same file that is not."""
    for role in list(doubtful):
        for other, name in formats.items():
            same = name is not None and {name, formats[role]} in (
                {"DD/MM/YYYY", "MM/DD/YYYY"},
                {"DD/MM/YY", "MM/DD/YY"},
                {"DD/MM/YYYY"},
                {"DD/MM/YY"},
            )
            if doubtful[role].startswith("no day") and other not in doubtful and same:
                formats[role] = name
                del doubtful[role]
                break


def _decimal(rows: pl.DataFrame, roles: dict[str, str]) -> str:
    """The mark that reads more of the amounts; of two that read as many, the one with fewer decimals."""
    columns = [roles[role] for role in _AMOUNTS if roles.get(role) in rows.columns]
    read = {".": 0, ",": 0}
    cents = {".": 0, ",": 0}
    for name in columns:
        for mark in read:
            readable = rows.filter(as_amount(name, mark).is_not_null())[name]
            read[mark] += len(readable)
            # 1.250 with a decimal point is an amount of three decimals, which few are.
            cents[mark] += int((~readable.str.contains(rf"[{mark}]\d{{3}}$")).sum())
    return max(".,", key=lambda mark: (read[mark], cents[mark], mark == "."))


# ---- Writing the proposal --------------------------------------------------------------------


def _fits_invoices(look: _Look) -> tuple[int, int]:
    needed = sum(role in look.roles for role in ("invoice_id", "customer_id", "issue_date", "amount"))
    return needed + 2 * ("due_date" in look.roles), -("payment_date" in look.roles)


def _fits_payments(look: _Look) -> bool:
    dated = "payment_date" in look.roles or "issue_date" in look.roles
    paid = "payment_amount" in look.roles or "amount" in look.roles
    return dated and paid and bool({"invoice_id", "customer_id"} & look.roles.keys())


def _quoted(text: str) -> str:
    """A name as a double-quoted text, which YAML and JSON write alike."""
    if text.isidentifier() and text.isascii():
        return text
    # What YAML takes for a line end, or does not print, is written by its number.
    return _UNPRINTED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def _file_name(look: _Look) -> str:
    return look.file or "the database"


def _defaults(look: _Look) -> list[str]:
    known = [name for name in look.formats.values() if name]
    lines = [f"date_format: {max(known, key=known.count)}"] if known else []
    return [*lines, f'decimal: "{look.decimal}"', ""]


def _date_cell(look: _Look, role: str, default: str | None) -> str:
    name = _quoted(look.roles[role])
    own = look.formats.get(role)
    cell = f"{{column: {name}, format: {own}}}" if own and own != default else name
    doubt = look.doubtful.get(role)
    return f"{cell}  # doubtful: {doubt}" if doubt else cell


def _default_format(look: _Look) -> str | None:
    known = [name for name in look.formats.values() if name]
    return max(known, key=known.count) if known else None


def _place(look: _Look, several: bool) -> list[str]:
    return [f"  file: {_quoted(glob.escape(look.file))}"] if several and look.file else []


def _invoices(look: _Look, several: bool) -> list[str]:
    default = _default_format(look)
    lines = [*_place(look, several), *_kinds(look), "  columns:"]
    for role in ("invoice_id", "customer_id", "issue_date"):
        if role in look.roles:
            cell = _date_cell(look, role, default) if role in _DATES else _quoted(look.roles[role])
            lines.append(f"    {role}: {cell}")
        else:
            lines.append(f"    # {role}: COLUMN  # not found among the headers")
    lines += _due_date(look, default)
    if "amount" in look.roles:
        lines.append(f"    amount: {_quoted(look.roles['amount'])}")
    else:
        lines.append("    # amount: COLUMN  # not found among the headers; with tax, as the customer owes it")
    if "currency" in look.roles:
        lines.append(f"    currency: {_quoted(look.roles['currency'])}")
    else:
        lines.append("    # currency: {constant: EUR}  # not found among the headers; or give --currency")
    if "open_amount" in look.roles and "amount" in look.roles:
        lines += ["  check:", f"    open_amount: {_quoted(look.roles['open_amount'])}"]
    return lines


def _due_date(look: _Look, default: str | None) -> list[str]:
    if "due_date" in look.roles:
        return [f"    due_date: {_date_cell(look, 'due_date', default)}"]
    if "terms_days" in look.roles and "issue_date" in look.roles:
        own = look.formats.get("issue_date")
        written = f", format: {own}" if own and own != default else ""
        days = _quoted(look.roles["terms_days"])
        issued = _quoted(look.roles["issue_date"])
        return [f"    due_date: {{column: {issued}, plus_days: {days}{written}}}  # computed from the terms"]
    return ["    # due_date: COLUMN  # not found among the headers; or give --terms-days"]


def _kinds(look: _Look) -> list[str]:
    """Remark on kinds of documents: credit notes and payables are no invoices."""
    name = look.roles.get("document_type")
    if name is None or name not in look.rows.columns:
        return []
    kinds = look.rows[name].drop_nulls().n_unique()
    if not 1 < kinds <= 30:
        return []
    return [
        f"  # {_quoted(name)} holds {kinds} kinds of documents: keep the invoices, for example",
        f"  # keep: [{{column: {_quoted(name)}, in: [INVOICE], reason: other_document}}]",
    ]


def _payments(look: _Look, invoices: _Look, several: bool) -> list[str]:
    if look is invoices and "payment_date" not in look.roles:
        return ["# payments: no date of payment was found; without payments every invoice looks open"]
    role = "payment_date" if "payment_date" in look.roles else "issue_date"
    default = _default_format(invoices)
    amount = look.roles.get("payment_amount") or look.roles.get("amount")
    lines = ["payments:"]
    if look is invoices:
        present = _quoted(look.roles["payment_date"])
        lines += ["  lines_of: invoices", "  keep:", f"    - {{column: {present}, present: true}}"]
    else:
        lines += _place(look, several)
        if look.decimal != invoices.decimal:
            lines.append(f'  decimal: "{look.decimal}"')
    lines.append("  columns:")
    for column in ("invoice_id", "customer_id"):
        if column in look.roles and (column == "invoice_id" or "invoice_id" not in look.roles):
            lines.append(f"    {column}: {_quoted(look.roles[column])}")
    lines.append(f"    payment_date: {_date_cell(look, role, default)}")
    if amount is None:
        return [f"# {line}" for line in lines] + ["#     amount: COLUMN  # not found among the headers"]
    lines.append(f"    amount: {_quoted(amount)}")
    if "payment_amount" not in look.roles and look is invoices:
        lines[-1] += "  # no amount paid was found: each is taken to be paid in full"
    if look is invoices and not {"invoice_id", "customer_id"} & look.roles.keys():
        return [f"# {line}" for line in lines]
    return lines


def _customers(look: _Look) -> list[str]:
    return [
        "customers:",
        *_place(look, several=True),
        "  columns:",
        f"    customer_id: {_quoted(look.roles['customer_id'])}",
        f"    country: {_quoted(look.roles['country'])}",
    ]


def _rest(looks: Sequence[_Look], written: str) -> list[str]:
    """Remarks on the columns that are not used."""
    lines = []
    for look in looks:
        left = [
            _quoted(name)
            for name in look.table.header
            if name and not re.search(rf"(?<=[ {{]){re.escape(_quoted(name))}(?=[,}} \n])", written)
        ]
        for start in range(0, min(len(left), _UNUSED_SHOWN_MAX), 8):
            what = f"# Not used of {_file_name(look)}: " if not start else "#   "
            lines.append(what + ", ".join(left[start : start + 8]))
        if len(left) > _UNUSED_SHOWN_MAX:
            lines.append(f"#   and {len(left) - _UNUSED_SHOWN_MAX} more")
    return lines
