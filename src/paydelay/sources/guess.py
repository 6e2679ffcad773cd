"""A first mapping, proposed from the headers and cells of files nobody has described yet.

What is found is proposed with the doubt there is about it; what is not found is left
as a comment that says so, and what is not used is listed.
"""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from paydelay.errors import LedgerError
from paydelay.sources.looking import CREDIT_WORDS, DATES, DEBIT_WORDS, Look, look_at

_UNUSED_SHOWN_MAX = 40
_KINDS_MAX = 30
_SHARE_NAMED = 0.5
"""Of the credits of a statement, from which their document numbers are those of invoices."""
_UNPRINTED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True)
class _Proposal:
    """Which of the looks become which table, and what the place of each has to say.

    Parameters
    ----------
    looks : list of Look
        All files and sheets.
    invoices : Look
        Where the invoices are.
    alike : tuple of Look
        Others with the same columns.
    payments : Look
        Where the payments are; that of the invoices where no other has any.
    customers : Look or None
        Where the customers are.
    """

    looks: list[Look]
    invoices: Look
    alike: tuple[Look, ...]
    payments: Look
    customers: Look | None

    @property
    def pattern(self) -> str | None:
        """Pattern of the names of the files of invoices, where it fits these and no other."""
        mine = [self.invoices, *self.alike]
        names = [look.file for look in mine]
        if any(look.place != self.invoices.place or not look.file for look in mine) or not self.alike:
            return None
        begin = os.path.commonprefix(names)  # noqa: RUF071 - of names, not of folders
        end = os.path.commonprefix([name[len(begin) :][::-1] for name in names])[::-1]  # noqa: RUF071
        found = f"{glob.escape(begin)}*{glob.escape(end)}"
        others = [look.file for look in self.looks if look not in mine]
        return None if any(fnmatchcase(name.casefold(), found.casefold()) for name in others) else found


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
    proposal = _proposal([look for path in files for look in look_at(path)])
    invoices, payments, customers = proposal.invoices, proposal.payments, proposal.customers
    lines = [
        "# Proposed by paydelay from the headers and the first rows: correct it, then import with it.",
        "# Lines that begin with # are what was not found, or is only a remark.",
        "",
        *_defaults(invoices),
        "invoices:",
        *_invoices(proposal),
        "",
        *_payments(proposal),
        *_credit_notes(proposal),
    ]
    if customers is not None:
        lines += ["", *_customers(proposal, customers)]
    taken = {"invoices": invoices, "payments": payments, "credit_notes": invoices, "customers": customers}
    lines += ["", *_other_looks(proposal), *_rest(proposal.looks, "\n".join(lines), taken)]
    return "\n".join(lines).rstrip() + "\n"


# ---- Which file or sheet is which table ------------------------------------------------------


def _proposal(looks: list[Look]) -> _Proposal:
    invoices = max(looks, key=_fits_invoices)
    others = [look for look in looks if look is not invoices]
    alike = tuple(look for look in others if look.table.header == invoices.table.header)
    rest = [look for look in others if look not in alike]
    payments = next((look for look in rest if _fits_payments(look)), invoices)
    listed = [look for look in rest if look is not payments]
    customers = next((look for look in listed if {"customer_id", "country"} <= look.roles.keys()), None)
    return _Proposal(looks, invoices, alike, payments, customers)


def _fits_invoices(look: Look) -> tuple[int, int, int]:
    needed = sum(role in look.roles for role in ("invoice_id", "customer_id", "issue_date"))
    needed += "amount" in look.roles or look.has_two_sides
    return needed + 2 * ("due_date" in look.roles), -("payment_date" in look.roles), look.rows.height


def _fits_payments(look: Look) -> bool:
    dated = "payment_date" in look.roles or ("issue_date" in look.roles and "due_date" not in look.roles)
    paid = "payment_amount" in look.roles or "amount" in look.roles
    return dated and paid and bool({"invoice_id", "customer_id"} & look.roles.keys())


def _other_looks(proposal: _Proposal) -> Iterator[str]:
    """Remarks on files and sheets of which nothing is made."""
    used = (proposal.invoices, proposal.payments, proposal.customers)
    for look in proposal.looks:
        if any(look is one for one in used) or (look in proposal.alike and proposal.pattern):
            continue
        whole = all(other.file != look.file or other is look for other in proposal.looks)
        hint = "; leave it out of the import" if whole and look.file else ""
        if look in proposal.alike:
            yield f"# {look.label} has the columns of {proposal.invoices.label}: it is not used{hint}."
            yield "# Put the rows of both into one table, or import each by itself."
        else:
            yield f"# No table is made of {look.label}{hint}."


# ---- Writing the proposal --------------------------------------------------------------------


def _quoted(text: str) -> str:
    """A name as a double-quoted text, which YAML and JSON write alike."""
    if text.isidentifier() and text.isascii():
        return text
    # What YAML takes for a line end, or does not print, is written by its number.
    return _UNPRINTED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def _listed(words: Iterable[str]) -> str:
    return ", ".join(_quoted(word) for word in words)


def _defaults(look: Look) -> list[str]:
    lines = [f"date_format: {look.default_format}"] if look.default_format else []
    return [*lines, f'decimal: "{look.decimal}"', ""]


def _date_cell(look: Look, role: str, default: str | None) -> str:
    name = _quoted(look.roles[role])
    own = look.formats.get(role)
    cell = f"{{column: {name}, format: {own}}}" if own and own != default else name
    doubt = look.doubtful.get(role)
    return f"{cell}  # doubtful: {doubt}" if doubt else cell


def _place(look: Look, proposal: _Proposal) -> list[str]:
    lines = []
    if look.file and len({one.file for one in proposal.looks}) > 1:
        pattern = proposal.pattern if look is proposal.invoices else None
        lines.append(f"  file: {_quoted(pattern or glob.escape(look.file))}")
    if look.place.sheet:
        lines.append(f"  sheet: {_quoted(look.place.sheet)}")
    if look.place.skip_lines:
        lines.append(f"  skip_lines: {look.place.skip_lines}  # above the header")
    return lines


def _invoices(proposal: _Proposal) -> list[str]:
    look = proposal.invoices
    default = look.default_format
    debits = _keep(look, "debit", DEBIT_WORDS)
    lines = [*_place(look, proposal), *debits, *_kinds(look, bool(debits)), *_negative(look), "  columns:"]
    for role in ("invoice_id", "customer_id", "issue_date"):
        if role in look.roles:
            cell = _date_cell(look, role, default) if role in DATES else _quoted(look.roles[role])
            lines.append(f"    {role}: {cell}")
        else:
            same = "; or {constant: NAME} where all is one customer's" if role == "customer_id" else ""
            lines.append(f"    # {role}: COLUMN  # not found among the headers{same}")
    lines += _due_date(look, default)
    amount = look.roles["debit"] if look.has_two_sides else look.roles.get("amount")
    if amount is not None:
        lines.append(f"    amount: {_quoted(amount)}")
    else:
        lines.append("    # amount: COLUMN  # not found among the headers; with tax, as the customer owes it")
    lines.append(f"    {_currency(look)}")
    # The balance of a statement runs on from line to line.
    if "open_amount" in look.roles and amount is not None and not look.is_statement:
        lines += ["  check:", f"    open_amount: {_quoted(look.roles['open_amount'])}"]
    return lines


def _due_date(look: Look, default: str | None) -> list[str]:
    if "due_date" in look.roles:
        return [f"    due_date: {_date_cell(look, 'due_date', default)}"]
    if "terms_days" in look.roles and "issue_date" in look.roles:
        own = look.formats.get("issue_date")
        written = f", format: {own}" if own and own != default else ""
        days = _quoted(look.roles["terms_days"])
        issued = _quoted(look.roles["issue_date"])
        return [f"    due_date: {{column: {issued}, plus_days: {days}{written}}}  # computed from the terms"]
    return ["    # due_date: COLUMN  # not found among the headers; or give --terms-days"]


def _currency(look: Look) -> str:
    if "currency" in look.roles:
        return f"currency: {_quoted(look.roles['currency'])}"
    if len(look.currencies) == 1:
        return f"currency: {{constant: {look.currencies[0]}}}  # by what stands beside the amounts"
    if look.currencies:
        codes = ", ".join(look.currencies)
        return f"# currency: COLUMN  # {codes} stand beside the amounts: a column has to say which is which"
    return "# currency: {constant: EUR}  # not found among the headers; or give --currency"


def _keep(look: Look, role: str, words: frozenset[str]) -> list[str]:
    """Conditions on the lines of a statement: its debits, or its credits."""
    if look.has_two_sides:
        name = _quoted(look.roles[role])
        nothing = look.rows.filter(look.amounts(role) == 0.0)[look.roles[role]].unique().sort()
        lines = ["  keep:", f"    - {{column: {name}, present: true}}"]
        if len(nothing):
            zeros = sorted({"0", *nothing})
            lines.append(f"    - {{column: {name}, not_in: [{', '.join(map(json.dumps, zeros))}]}}")
        return lines
    if not look.is_statement:
        return []
    name = look.roles["side"]
    codes = [code for code in look.rows[name].drop_nulls().unique().sort() if code.lower() in words]
    return ["  keep:", f"    - {{column: {_quoted(name)}, in: [{_listed(codes)}]}}"] if codes else []


def _kinds(look: Look, kept: bool) -> list[str]:
    """Remark on kinds of documents: credit notes and payables are no invoices."""
    name = look.roles.get("document_type")
    if name is None:
        return []
    kinds = look.rows[name].drop_nulls().n_unique()
    if not 1 < kinds <= _KINDS_MAX:
        return []
    condition = f"{{column: {_quoted(name)}, in: [INVOICE], reason: other_document}}"
    return [
        f"  # {_quoted(name)} holds {kinds} kinds of documents: keep the invoices, for example",
        f"  #   - {condition}" if kept else f"  # keep: [{condition}]",
    ]


def _negative(look: Look) -> list[str]:
    count = _below_zero(look)
    if not count:
        return []
    name = _quoted(look.roles["amount"])
    return ["  keep:", f"    - {{column: {name}, negative: false}}"]


def _below_zero(look: Look) -> int:
    """Lines with an amount below zero, which are credit notes rather than invoices."""
    if "amount" not in look.roles or look.is_statement:
        return 0
    return int((look.amounts("amount") < 0).sum())


def _credit_notes(proposal: _Proposal) -> list[str]:
    """Lines of the invoices that are below zero, as credits of their customer."""
    look = proposal.invoices
    count = _below_zero(look)
    if not count:
        return []
    name = _quoted(look.roles["amount"])
    lines = [f"# Lines below zero in {name}: {count}.", "credit_notes:", *_place(look, proposal)]
    lines += ["  keep:", f"    - {{column: {name}, negative: true}}", "  columns:"]
    for column in ("customer_id", "issue_date"):
        if column not in look.roles:
            return ["", *(line if line.startswith("#") else f"# {line}" for line in lines)]
    lines += [
        f"    customer_id: {_quoted(look.roles['customer_id'])}",
        f"    payment_date: {_date_cell(look, 'issue_date', look.default_format)}",
        f"    amount: {{column: {name}, sign: -1}}",
        "    # invoice_id: COLUMN  # what each credits; without it they are credit on account",
    ]
    return ["", *lines]


def _payments(proposal: _Proposal) -> list[str]:
    look, invoices = proposal.payments, proposal.invoices
    if look is invoices and look.is_statement:
        return _credits(proposal)
    if look is invoices and "payment_date" not in look.roles:
        return ["# payments: no date of payment was found; without payments every invoice looks open"]
    role = "payment_date" if "payment_date" in look.roles else "issue_date"
    amount = look.roles.get("payment_amount") or look.roles.get("amount")
    lines = ["payments:"]
    if look is invoices:
        present = _quoted(look.roles["payment_date"])
        lines += ["  lines_of: invoices", "  keep:", f"    - {{column: {present}, present: true}}"]
    else:
        lines += _place(look, proposal)
        if look.decimal != invoices.decimal:
            lines.append(f'  decimal: "{look.decimal}"')
    lines.append("  columns:")
    for column in ("invoice_id", "customer_id"):
        if column in look.roles and (column == "invoice_id" or "invoice_id" not in look.roles):
            lines.append(f"    {column}: {_quoted(look.roles[column])}")
    lines.append(f"    payment_date: {_date_cell(look, role, invoices.default_format)}")
    if amount is None:
        return [f"# {line}" for line in lines] + ["#     amount: COLUMN  # not found among the headers"]
    lines.append(f"    amount: {_quoted(amount)}")
    if "payment_amount" not in look.roles and look is invoices:
        lines[-1] += "  # no amount paid was found: each is taken to be paid in full"
    if look is invoices and not {"invoice_id", "customer_id"} & look.roles.keys():
        return [f"# {line}" for line in lines]
    return lines


def _credits(proposal: _Proposal) -> list[str]:
    """Payments as the credits of a statement: on account, unless they bear the numbers of invoices."""
    look = proposal.invoices
    keep = _keep(look, "credit", CREDIT_WORDS)
    named = ["invoice_id"] if _credits_name_invoices(look) else []
    named += ["customer_id"] if "customer_id" in look.roles else []
    if not named or not keep or "issue_date" not in look.roles:
        return [
            "# payments: the credits of this statement are they; name the customer of each line, or the",
            "# invoice that it pays, and their day",
        ]
    lines = ["payments:", *_place(look, proposal), *keep, "  columns:"]
    lines += [f"    {column}: {_quoted(look.roles[column])}" for column in named]
    lines.append(f"    payment_date: {_date_cell(look, 'issue_date', look.default_format)}")
    role = "credit" if look.has_two_sides else "amount"
    cell = _quoted(look.roles[role])
    below = int((look.amounts(role).filter(look.is_credit()) < 0).sum())
    turned = below > _SHARE_NAMED * int(look.rows.select(look.is_credit().sum()).item())
    lines.append(f"    amount: {{column: {cell}, sign: -1}}" if turned else f"    amount: {cell}")
    if "invoice_id" not in named:
        lines.append("    # invoice_id: COLUMN  # what each credit pays; without it all is cash on account")
    lines.append("    # Credit notes among them would count as payments: leave them out by a condition.")
    return lines


def _credits_name_invoices(look: Look) -> bool:
    name = look.roles.get("invoice_id")
    if name is None:
        return False
    credit = look.is_credit()
    numbers = look.rows.filter(credit)[name]
    known = numbers.is_in(look.rows.filter(~credit)[name].drop_nulls().implode())
    return len(numbers) > 0 and int(known.fill_null(False).sum()) >= _SHARE_NAMED * len(numbers)


def _customers(proposal: _Proposal, look: Look) -> list[str]:
    return [
        "customers:",
        *_place(look, proposal),
        "  columns:",
        f"    customer_id: {_quoted(look.roles['customer_id'])}",
        f"    country: {_quoted(look.roles['country'])}",
    ]


# ---- What is left out ------------------------------------------------------------------------


def _rest(looks: Sequence[Look], written: str, taken: dict[str, Look | None]) -> Iterator[str]:
    """Remarks on the columns that the proposal, without its remarks, does not name."""
    proposed = yaml.load(written, yaml.BaseLoader)
    for look in looks:
        if not look.roles:
            # Perhaps no header at all, and then these are a customer's names and amounts.
            yield f"# Nothing was recognised in {look.label}: is its first line a header?"
            continue
        tables = [proposed[name] for name, one in taken.items() if one is look and name in proposed]
        used = {name for table in tables for name in _names_in(table)}
        left = [_quoted(name) for name in look.table.header if name and name not in used]
        for start in range(0, min(len(left), _UNUSED_SHOWN_MAX), 8):
            what = f"# Not used of {look.label}: " if not start else "#   "
            yield what + ", ".join(left[start : start + 8])
        if len(left) > _UNUSED_SHOWN_MAX:
            yield f"#   and {len(left) - _UNUSED_SHOWN_MAX} more"


def _names_in(table: dict[str, Any]) -> Iterator[str]:
    for part in ("columns", "check"):
        # A table of which nothing was found is empty text.
        for cell in (table.get(part) or {}).values():
            yield from (
                (cell.get("column", ""), cell.get("plus_days", "")) if isinstance(cell, dict) else (cell,)
            )
    for condition in table.get("keep", ()):
        yield condition["column"]
