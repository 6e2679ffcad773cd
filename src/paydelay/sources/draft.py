"""What an adapter makes of foreign books before the ledger's contract is applied.

Every row of a draft knows the lines it came from, so that in the end each line
of each file is told as used, refused or out of scope, and none is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from paydelay.ledger import Ledger

LINE = "__paydelay_line"
"""File and line of a row in one number; see :func:`line_of`."""
OWNER = "__paydelay_owner_line"
"""``LINE`` of the line that a belonging line shares its fate with."""
_FILE_SHIFT = 40

REFUSED = pl.Schema({LINE: pl.Int64, "column": pl.String, "rule": pl.String, "identifier": pl.String})
"""Columns of a draft's refused lines."""

Value = str | float | date


@dataclass(frozen=True)
class Assumption:
    """Something the books do not say and the reader had to settle, as a sentence to be.

    Parameters
    ----------
    key : str
        Key of the catalogue of texts, below ``assumption``.
    values : mapping of str to str, float or date
        What its placeholders stand for; ``n`` also chooses singular or plural.
    """

    key: str
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Agreement:
    """One amount according to the books and according to the ledger made of them.

    Parameters
    ----------
    key : str
        What is compared: a key of the catalogue of texts, below ``agreement``.
    currency : str
        ISO 4217 code.
    source_amount : float
        According to the source's own lines.
    ledger_amount : float
        According to the ledger.
    apart_count : int
        How many documents differ, though what they differ by may cancel out in the sum.
    """

    key: str
    currency: str
    source_amount: float
    ledger_amount: float
    apart_count: int = 0

    @property
    def difference(self) -> float:
        """Ledger less source, in whole cents."""
        return round(self.ledger_amount - self.source_amount, 2)

    @property
    def holds(self) -> bool:
        """Whether the sums agree to the cent, and every document that was compared."""
        return not self.difference and not self.apart_count


@dataclass
class SourceFile:
    """A file or table that was read, and what became of its lines.

    Parameters
    ----------
    label : str
        Its name, without folders.
    read : int
        Lines that hold a row; header and blank lines are none.
    out_of_scope : Counter of str
        Lines that are no matter of a receivables ledger, by reason: a key of the
        catalogue of texts, below ``out_of_scope``.
    details : dict of str to str
        How it is written, such as its encoding.
    used : int
        Lines in the ledger; counted once it is made.
    refused : int
        Lines refused; counted once the ledger is made.
    """

    label: str
    read: int = 0
    out_of_scope: Counter[str] = field(default_factory=Counter)
    details: dict[str, str] = field(default_factory=dict)
    used: int = 0
    refused: int = 0


@dataclass
class Draft:
    """The tables of a ledger to be, with the line of each row.

    Parameters
    ----------
    kind : str
        The kind of source, such as ``fec``.
    files : list of SourceFile
        In the order of their numbers.
    tables : dict of str to polars.DataFrame
        Ledger tables by name, each with the columns of its contract that are known
        and ``LINE`` (null for rows that come from no line).
    refused : list of polars.DataFrame
        Lines refused while reading; columns of :data:`REFUSED`.
    used_besides : list of polars.Series
        ``LINE`` of lines that are used without a row of their own.
    assumptions : list of Assumption
        In the order they are told.
    agreements : list of Agreement
        Amounts the adapter compares itself.
    gone : list of polars.Series
        ``LINE`` of lines out of scope after rows were made of them.
    belonging : list of polars.DataFrame
        Lines that share the fate of another one; see :meth:`belong`.
    movements : polars.DataFrame or None
        Where the source keeps accounts of its customers, what moved on them: columns
        customer_id, day, measure (``accounts``: debits less credits; ``opening``,
        ``payments_on_opening``, ``invoiced_advances`` and ``bills_held``: what of it is no
        matter of the ledger, or stands elsewhere) and amount.
    reconcile : callable or None
        Compares the books with the ledger made of them, given that ledger and the
        ``LINE`` of every refused line; gives agreements, and assumptions that can only
        be told now.
    reporting_currency : str or None
        Of the ledger, where the source says.
    on_account : polars.DataFrame or None
        Payments that name no invoice, each in its ``currency``, until they are converted
        and put among the payments.
    document_rates : polars.DataFrame or None
        Rates that the documents carry: currency, rate_date and rate.
    document_currency : str or None
        The currency to which those rates lead.
    """

    kind: str
    files: list[SourceFile] = field(default_factory=list)
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    refused: list[pl.DataFrame] = field(default_factory=list)
    used_besides: list[pl.Series] = field(default_factory=list)
    assumptions: list[Assumption] = field(default_factory=list)
    agreements: list[Agreement] = field(default_factory=list)
    gone: list[pl.Series] = field(default_factory=list)
    belonging: list[pl.DataFrame] = field(default_factory=list)
    movements: pl.DataFrame | None = None
    reconcile: Callable[[Ledger, pl.Series], Sequence[Agreement | Assumption]] | None = None
    reporting_currency: str | None = None
    on_account: pl.DataFrame | None = None
    document_rates: pl.DataFrame | None = None
    document_currency: str | None = None

    def add_file(self, label: str, **details: str) -> int:
        """Number of a new file.

        Parameters
        ----------
        label : str
            Its name, without folders; of files of one name the later are numbered.
        **details : str
            How it is written.

        Returns
        -------
        int
            0-based.
        """
        same = sum(file.label == label or file.label.startswith(f"{label} (") for file in self.files)
        self.files.append(SourceFile(f"{label} ({same + 1})" if same else label, details=details))
        return len(self.files) - 1

    def assume(self, key: str, **values: Value) -> None:
        """Tell something that was assumed; nothing is told of ``n`` = 0.

        Parameters
        ----------
        key : str
            Key of the text, below ``assumption``.
        **values : str, float or date
            What its placeholders stand for.
        """
        if values.get("n") != 0:
            self.assumptions.append(Assumption(key, values))

    def refuse(
        self, rows: pl.DataFrame, rule: str | pl.Expr, column: str | None, identifier: str | None
    ) -> None:
        """Refuse lines.

        Parameters
        ----------
        rows : polars.DataFrame
            The lines, with ``LINE``.
        rule : str or polars.Expr
            Key of the text that says why, below ``rule``, or a column of keys.
        column : str or None
            Column of the source in which the flaw is.
        identifier : str or None
            Column of ``rows`` that names the document.
        """
        if rows.height:
            self.refused.append(
                rows.select(
                    LINE,
                    pl.lit(column, dtype=pl.String).alias("column"),
                    (pl.lit(rule) if isinstance(rule, str) else rule).alias("rule"),
                    (
                        pl.col(identifier).cast(pl.String) if identifier else pl.lit(None, dtype=pl.String)
                    ).alias("identifier"),
                )
            )

    def belong(self, rows: pl.DataFrame, owner: str) -> None:
        """Say that lines are part of what another line became.

        They are used where that line is, and refused with it: the receivable line of a
        refused invoice was not used either. Who belongs to several is used with any.

        Parameters
        ----------
        rows : polars.DataFrame
            The lines, with ``LINE``.
        owner : str
            Column with the ``LINE`` of the line they belong to.
        """
        if rows.height:
            self.belonging.append(rows.select(pl.col(LINE), pl.col(owner).cast(pl.Int64).alias(OWNER)))

    def leave_out(self, rows: pl.DataFrame, reason: str) -> None:
        """Count lines as no matter of a receivables ledger.

        Parameters
        ----------
        rows : polars.DataFrame
            The lines, with ``LINE``.
        reason : str
            Key of the text that says why, below ``out_of_scope``.
        """
        for number, count in rows.group_by(file_of(pl.col(LINE)).alias("file")).len().iter_rows():
            self.files[number].out_of_scope[reason] += count


def line_of(file: int, number: str) -> pl.Expr:
    """File and line of a row in one number.

    Parameters
    ----------
    file : int
        Number of the file, from :meth:`Draft.add_file`.
    number : str
        Column with the 1-based number of the line in its file.

    Returns
    -------
    polars.Expr
        Of type Int64, named :data:`LINE`.

    Examples
    --------
    >>> rows = pl.DataFrame({"n": [7]}).select(line_of(2, "n"))
    >>> rows.select(file_of(pl.col(LINE)).alias("file"), number_of(pl.col(LINE)).alias("line")).row(0)
    (2, 7)
    """
    return (pl.lit(file << _FILE_SHIFT, dtype=pl.Int64) + pl.col(number).cast(pl.Int64)).alias(LINE)


def file_of(line: pl.Expr) -> pl.Expr:
    """Number of the file a row came from.

    Parameters
    ----------
    line : polars.Expr
        ``LINE`` of the row.

    Returns
    -------
    polars.Expr
        Of type Int64.
    """
    return line // (1 << _FILE_SHIFT)


def number_of(line: pl.Expr) -> pl.Expr:
    """Number of the line in its file.

    Parameters
    ----------
    line : polars.Expr
        ``LINE`` of the row.

    Returns
    -------
    polars.Expr
        Of type Int64, the header counted.
    """
    return line % (1 << _FILE_SHIFT)
