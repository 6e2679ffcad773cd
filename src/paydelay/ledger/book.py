"""The ledger itself: built from folders or frames, summed up, written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from paydelay.ledger.assembly import Books, assemble
from paydelay.ledger.content import content_fingerprint
from paydelay.ledger.intake import open_file, open_frame
from paydelay.ledger.storage import find_files, stated_currency, write_folder
from paydelay.ledger.tables import TABLES
from paydelay.preflight import pandas_frame

if TYPE_CHECKING:
    import pandas as pd

_FILES_BESIDE: set[str] = set()
"""Files that kinds of ledgers write beside the tables: those of one are not to stay with the next."""


@dataclass(frozen=True, eq=False, repr=False)
class Ledger:
    """A receivables ledger that holds its contract, with what was refused on the way in.

    Build one with :func:`read_ledger` or :meth:`from_frames`. The rows are
    sorted, so that a ledger is the same whatever the order of its source.

    Parameters
    ----------
    invoices : polars.DataFrame
        Columns invoice_id, customer_id, issue_date, due_date, amount, currency,
        entity, terms_days, vat_amount, recorded_on, known_on, then the source's
        others.
    payments : polars.DataFrame
        Columns customer_id, invoice_id (null: cash on account), payment_date,
        amount (negative: reversal), kind, recorded_on, known_on.
    customers : polars.DataFrame
        Columns customer_id, valid_from, country, sector, segment, parent_id,
        external_rating, credit_limit, insured_limit, insured_share,
        guarantee_amount, then the source's others.
    events : polars.DataFrame
        Columns event_type, event_date, invoice_id, customer_id, amount,
        new_date, recorded_on, known_on.
    rates : polars.DataFrame
        Columns currency, rate_date, rate: units of the reporting currency for
        one unit of currency.
    reporting_currency : str
        ISO 4217 code.
    refusals : polars.DataFrame
        Columns table, row (1-based, the header not counted), column (where the
        flaw is, null where it is the whole line), rule (a key of
        ``paydelay.ledger.RULES``) and identifier (the row's invoice id, if any).
    notes : tuple of str
        What was assumed, in sentences.
    rows_read : dict of str to int
        Rows of each source table; those used and those refused add up to it.

    Examples
    --------
    >>> import polars as pl
    >>> invoices = pl.DataFrame({
    ...     "invoice_id": ["A1", "A2"], "customer_id": ["C1", "C1"],
    ...     "issue_date": ["2024-01-02", "2024-01-09"], "due_date": ["2024-02-01", "2024-01-01"],
    ...     "amount": [120.0, 80.0], "currency": ["EUR", "EUR"],
    ... })
    >>> payments = pl.DataFrame({
    ...     "invoice_id": ["A1"], "payment_date": ["2024-02-03"], "amount": [120.0],
    ... })
    >>> ledger = Ledger.from_frames(invoices, payments)
    >>> ledger
    Ledger(1 invoices, 1 payments, 0 customers, 0 events, 0 rates, 1 refused, EUR)
    >>> ledger.refusals.rows()
    [('invoices', 2, 'due_date', 'due_before_issue', 'A2')]
    """

    def __init_subclass__(cls, beside: Iterable[str] = ()) -> None:
        _FILES_BESIDE.update(beside)

    invoices: pl.DataFrame
    payments: pl.DataFrame
    customers: pl.DataFrame
    events: pl.DataFrame
    rates: pl.DataFrame
    reporting_currency: str
    refusals: pl.DataFrame
    notes: tuple[str, ...]
    rows_read: dict[str, int]

    def __repr__(self) -> str:
        # The generated one would print rows, and with them customers, into logs.
        counts = ", ".join(f"{rows.height} {name}" for name, rows in self.tables.items())
        return f"Ledger({counts}, {self.refusals.height} refused, {self.reporting_currency})"

    @classmethod
    def from_frames(
        cls,
        invoices: Any,
        payments: Any,
        customers: Any = None,
        events: Any = None,
        rates: Any = None,
        *,
        reporting_currency: str | None = None,
        export_date: date | str | None = None,
    ) -> Ledger:
        """Ledger from frames of polars (eager or lazy), pandas or pyarrow.

        Identifiers may be numbers or text. Dates may be dates, timestamps (the
        day on the clock of their time zone counts) or text such as 2024-01-31.
        Amounts may be numbers, decimals or text with a decimal point.

        Parameters
        ----------
        invoices : frame
            At least invoice_id, customer_id, issue_date, due_date, amount, currency.
        payments : frame
            At least invoice_id, payment_date, amount.
        customers : frame, optional
            At least customer_id.
        events : frame, optional
            At least event_type, event_date and one of invoice_id, customer_id.
        rates : frame, optional
            Columns currency, rate_date, rate. Needed where several currencies are.
        reporting_currency : str, optional
            ISO 4217 code; the invoices' currency where they have one only.
        export_date : date or str, optional
            Day from which customers without valid_from are known; the last day
            anything was recorded by default.

        Returns
        -------
        Ledger
            The rows that hold the contract, and those refused.

        Raises
        ------
        LedgerError
            If a frame is of no known library, lacks a column or holds a type
            that cannot be converted.
        CurrencyError
            If there are amounts that cannot be converted.

        Examples
        --------
        >>> import polars as pl
        >>> invoices = pl.DataFrame({
        ...     "invoice_id": [7], "customer_id": [1001.0], "issue_date": ["2024-01-02"],
        ...     "due_date": ["2024-02-01"], "amount": ["120.50"], "currency": ["EUR"],
        ... })
        >>> payments = pl.DataFrame(
        ...     schema={"invoice_id": pl.Int64, "payment_date": pl.Date, "amount": pl.Float64}
        ... )
        >>> Ledger.from_frames(invoices, payments).invoices["customer_id", "amount"].rows()
        [('1001', 120.5)]
        """
        given = dict(zip(TABLES, (invoices, payments, customers, events, rates), strict=True))
        sources = {
            name: open_frame(frame, TABLES[name])
            for name, frame in given.items()
            if frame is not None or name in ("invoices", "payments")
        }
        return cls._of(assemble(sources, reporting_currency=reporting_currency, export_date=export_date))

    @classmethod
    def _of(cls, books: Books) -> Ledger:
        return cls(
            **books.tables,
            reporting_currency=books.reporting_currency,
            refusals=books.refusals(),
            notes=tuple(books.notes),
            rows_read={name: books.rows_read[name] for name in TABLES},
        )

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """The five tables by name.

        Returns
        -------
        dict of str to polars.DataFrame
            Invoices, payments, customers, events and rates.
        """
        return {name: getattr(self, name) for name in TABLES}

    def to_pandas(self) -> dict[str, pd.DataFrame]:
        """The tables as pandas frames.

        Returns
        -------
        dict of str to pandas.DataFrame
            Invoices, payments, customers, events and rates, and ``refusals``.

        Raises
        ------
        MissingDependencyError
            If pandas or pyarrow is not installed.
        """
        return {
            name: pandas_frame(rows) for name, rows in (self.tables | {"refusals": self.refusals}).items()
        }

    def equals(self, other: Ledger) -> bool:
        """Whether another ledger says the same, however it was read.

        Parameters
        ----------
        other : Ledger
            The ledger to compare with.

        Returns
        -------
        bool
            True if tables and reporting currency are equal; refusals and notes
            belong to the source and do not count.

        Examples
        --------
        >>> import polars as pl
        >>> invoices = pl.DataFrame({
        ...     "invoice_id": ["A1", "A2"], "customer_id": ["C1", "C1"],
        ...     "issue_date": ["2024-01-02", "2024-01-09"], "due_date": ["2024-02-01", "2024-02-08"],
        ...     "amount": [120.0, 80.0], "currency": ["EUR", "EUR"],
        ... })
        >>> payments = pl.DataFrame({"invoice_id": [], "payment_date": [], "amount": []})
        >>> ledger = Ledger.from_frames(invoices, payments)
        >>> ledger.equals(Ledger.from_frames(invoices.reverse(), payments))
        True
        """
        return self.reporting_currency == other.reporting_currency and all(
            rows.equals(other.tables[name]) and rows.schema == other.tables[name].schema
            for name, rows in self.tables.items()
        )

    def fingerprint(self) -> str:
        """SHA-256 of what the ledger says, to tell later whether it was the same.

        Returns
        -------
        str
            64 hexadecimal digits. The same whatever the order of rows and of columns and the
            kind of file; another for one changed cent. As with :meth:`equals`, refusals and
            notes do not count.

        Examples
        --------
        >>> import polars as pl
        >>> invoices = pl.DataFrame({
        ...     "invoice_id": ["A1", "A2"], "customer_id": ["C1", "C1"],
        ...     "issue_date": ["2024-01-02", "2024-01-09"], "due_date": ["2024-02-01", "2024-02-08"],
        ...     "amount": [120.0, 80.0], "currency": ["EUR", "EUR"],
        ... })
        >>> payments = pl.DataFrame({"invoice_id": [], "payment_date": [], "amount": []})
        >>> Ledger.from_frames(invoices, payments).fingerprint()[:12]
        '4fc654a4b4b5'
        """
        return content_fingerprint(self.tables, self.reporting_currency)

    def summary(self) -> dict[str, Any]:
        """Counts and totals that tell whether the right books were read.

        Returns
        -------
        dict
            ``tables`` (per table rows read, used, and refused by rule),
            ``period`` (first and last dates, ISO), ``customers`` (how many have
            invoices), ``reporting_currency``, ``currencies`` (invoices and their
            amount per currency), ``payments_by_kind`` and ``cash_on_account``
            (count, and amount per currency), ``events_by_type``,
            ``share_without_recorded_on`` and ``notes``. All of it can be
            written as JSON.

        Examples
        --------
        >>> import polars as pl
        >>> invoices = pl.DataFrame({
        ...     "invoice_id": ["A1"], "customer_id": ["C1"], "issue_date": ["2024-01-02"],
        ...     "due_date": ["2024-02-01"], "amount": [120.0], "currency": ["EUR"],
        ... })
        >>> payments = pl.DataFrame({
        ...     "invoice_id": ["A1"], "payment_date": ["2024-02-03"], "amount": [20.0],
        ... })
        >>> summary = Ledger.from_frames(invoices, payments).summary()
        >>> summary["payments_by_kind"]
        {'payment': {'count': 1, 'amount': {'EUR': 20.0}}}
        """
        payments = self._payments_with_currency()
        on_account = payments.filter(pl.col("invoice_id").is_null())
        return {
            "tables": self._counts(),
            "period": self._period(),
            "customers": self.invoices["customer_id"].n_unique(),
            "reporting_currency": self.reporting_currency,
            "currencies": {
                code: {"count": count, "amount": amount}
                for code, count, amount in self.invoices.group_by("currency")
                .agg(pl.len(), pl.col("amount").sum())
                .sort("currency")
                .iter_rows()
            },
            "payments_by_kind": _totals(payments, "kind"),
            "cash_on_account": _totals(on_account.with_columns(all=pl.lit("all")), "all").get(
                "all", {"count": 0, "amount": {}}
            ),
            "events_by_type": dict(self.events.group_by("event_type").len().sort("event_type").iter_rows()),
            "share_without_recorded_on": {
                name: rows["recorded_on"].null_count() / rows.height if rows.height else None
                for name, rows in self.tables.items()
                if "recorded_on" in rows.columns
            },
            "notes": list(self.notes),
        }

    def _counts(self) -> dict[str, dict[str, Any]]:
        refused = self.refusals.group_by("table", "rule").len().sort("table", "rule")
        return {
            name: {
                "read": self.rows_read[name],
                "used": rows.height,
                "refused": dict(refused.filter(pl.col("table") == name).select("rule", "len").iter_rows()),
            }
            for name, rows in self.tables.items()
        }

    def _period(self) -> dict[str, str | None]:
        ends = {
            "first_issue_date": self.invoices["issue_date"].min(),
            "last_issue_date": self.invoices["issue_date"].max(),
            "first_payment_date": self.payments["payment_date"].min(),
            "last_payment_date": self.payments["payment_date"].max(),
        }
        return {end: day.isoformat() if isinstance(day, date) else None for end, day in ends.items()}

    def _payments_with_currency(self) -> pl.DataFrame:
        currencies = self.invoices.select("invoice_id", "currency")
        return self.payments.join(currencies, on="invoice_id", how="left").with_columns(
            pl.col("currency").fill_null(self.reporting_currency)
        )

    def write(self, folder: str | Path, format: Literal["parquet", "csv"] = "parquet") -> None:  # noqa: A002
        """Write the ledger as a folder that reads back the same.

        All is written under a temporary name first, so that no reader and no
        interruption ever leaves half a ledger. A ledger that is there already
        is replaced; other files in its folder stay. Columns outside the
        contract come back from CSV as text.

        Parameters
        ----------
        folder : str or Path
            A folder that does not exist yet, is empty or holds a ledger.
        format : {"parquet", "csv"}, default "parquet"
            Kind of file.

        Raises
        ------
        TargetError
            If the folder holds something else, or cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import polars as pl
        >>> invoices = pl.DataFrame({
        ...     "invoice_id": ["A1"], "customer_id": ["C1"], "issue_date": ["2024-01-02"],
        ...     "due_date": ["2024-02-01"], "amount": [120.0], "currency": ["EUR"],
        ... })
        >>> payments = pl.DataFrame({
        ...     "invoice_id": ["A1"], "payment_date": ["2024-02-03"], "amount": [20.0],
        ... })
        >>> ledger = Ledger.from_frames(invoices, payments)
        >>> folder = Path(tempfile.mkdtemp()) / "ledger"
        >>> ledger.write(folder, "csv")
        >>> read_ledger(folder).equals(ledger)
        True
        """
        given = {
            name: rows.drop("known_on", strict=False)
            for name, rows in self.tables.items()
            if rows.height or name in ("invoices", "payments")
        }
        write_folder(given, self.reporting_currency, Path(folder), format, self._beside(), _FILES_BESIDE)

    def _beside(self) -> dict[str, bytes]:
        """Files to write beside the tables, of those that the class says it may write."""
        return {}


def read_ledger(
    folder: str | Path, *, reporting_currency: str | None = None, export_date: date | str | None = None
) -> Ledger:
    r"""Ledger from a folder of parquet or CSV files.

    The folder holds invoices and payments, optionally customers, events and
    rates, each as ``.parquet`` or ``.csv``, and optionally ``ledger.json`` with
    the reporting currency. CSV files are UTF-8 with a header line; commas,
    semicolons or tabs part the cells; dates are written 2024-01-31, amounts
    with a decimal point. Blank lines are skipped.

    Parameters
    ----------
    folder : str or Path
        The ledger folder.
    reporting_currency : str, optional
        ISO 4217 code. By default that of ``ledger.json``, else the invoices'
        own currency where they have one only, else the one the rates lead to.
    export_date : date or str, optional
        Day from which customers without valid_from are known; the last day
        anything was recorded by default.

    Returns
    -------
    Ledger
        The rows that hold the contract, and those refused.

    Raises
    ------
    LedgerError
        If the folder or a file cannot be read, or a required column is missing.
    CurrencyError
        If there are amounts that cannot be converted.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "invoices.csv").write_text(
    ...     "invoice_id;customer_id;issue_date;due_date;amount;currency\n"
    ...     "A1;C1;2024-01-02;2024-02-01;120.00;EUR\n"
    ... )
    >>> _ = (folder / "payments.csv").write_text("invoice_id,payment_date,amount\nA1,2024-02-03,120\n")
    >>> read_ledger(folder)
    Ledger(1 invoices, 1 payments, 0 customers, 0 events, 0 rates, 0 refused, EUR)
    """
    paths = find_files(folder)
    sources = {name: open_file(path, TABLES[name]) for name, path in paths.items()}
    if reporting_currency is None:
        reporting_currency = stated_currency(Path(folder))
    return Ledger._of(assemble(sources, reporting_currency=reporting_currency, export_date=export_date))


def _totals(payments: pl.DataFrame, by: str) -> dict[str, dict[str, Any]]:
    sums = payments.group_by(by, "currency").agg(pl.len(), pl.col("amount").sum()).sort(by, "currency")
    totals: dict[str, dict[str, Any]] = {}
    for group, currency, count, amount in sums.iter_rows():
        total = totals.setdefault(group, {"count": 0, "amount": {}})
        total["count"] += count
        total["amount"][currency] = amount
    return totals
