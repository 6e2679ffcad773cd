"""Due dates from payment terms, where the books state none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from paydelay.errors import LedgerError
from paydelay.sources.opening import open_table
from paydelay.sources.options import TERMS_DAYS_MAX, ImportOptions
from paydelay.sources.text import CELL_FLAW, LINE_NUMBER
from paydelay.sources.values import as_amount, as_text

NO_TERMS = pl.DataFrame(schema={"customer_id": pl.String, "terms_days": pl.Int32, "end_of_month": pl.Boolean})
"""A table of terms in which no customer stands."""
_FLAGS = {
    "true": True,
    "yes": True,
    "oui": True,
    "1": True,
    "false": False,
    "no": False,
    "non": False,
    "0": False,
}


@dataclass(frozen=True)
class Terms:
    """Payment terms that stand in for a due date.

    Parameters
    ----------
    days : int or None
        Of every customer without terms of its own.
    end_of_month : bool
        Whether those run to the end of the month they end in.
    by_customer : polars.DataFrame or None
        Columns customer_id, terms_days and end_of_month.
    """

    days: int | None = None
    end_of_month: bool = False
    by_customer: pl.DataFrame | None = None

    @property
    def known(self) -> bool:
        """Whether there are any."""
        return self.days is not None or self.by_customer is not None


def terms_of(options: ImportOptions) -> Terms:
    """Terms that the options of an import give.

    Parameters
    ----------
    options : ImportOptions
        ``terms_days``, ``terms_end_of_month`` and ``terms`` are looked at.

    Returns
    -------
    Terms

    Raises
    ------
    LedgerError
        If the table of terms cannot be read.

    Examples
    --------
    >>> terms_of(ImportOptions(terms_days=30)).days
    30
    """
    table = read_terms(options.terms) if options.terms else None
    return Terms(options.terms_days, options.terms_end_of_month, table)


def read_terms(path: Path) -> pl.DataFrame:
    r"""Payment terms by customer.

    Parameters
    ----------
    path : Path
        A table with the columns customer_id, terms_days and optionally end_of_month.

    Returns
    -------
    polars.DataFrame
        Columns customer_id, terms_days and end_of_month.

    Raises
    ------
    LedgerError
        If it cannot be read, a line of it is unusable or a customer stands twice.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "terms.csv"
    >>> _ = path.write_text("customer_id,terms_days,end_of_month\nC1,45,yes\nC2,30,\n")
    >>> read_terms(path).rows()
    [('C1', 45, True), ('C2', 30, False)]
    """
    table = open_table(path)
    lacking = [name for name in ("customer_id", "terms_days") if name not in table.header]
    if lacking:
        raise LedgerError(
            f"{table.label} lacks the column {lacking[0]}; terms need customer_id, terms_days and "
            "optionally end_of_month."
        )
    names = ["customer_id", "terms_days", "end_of_month"]
    flag = pl.col("end_of_month").cast(pl.String) if "end_of_month" in table.header else pl.lit("")
    days = as_amount(pl.col("terms_days").cast(pl.String))
    frames = [
        batch.select(
            LINE_NUMBER,
            CELL_FLAW,
            as_text(pl.col("customer_id").cast(pl.String)).alias("customer_id"),
            pl.when(days.is_between(0, TERMS_DAYS_MAX) & (days == days.round()))
            .then(days)
            .alias("terms_days"),
            as_text(flag).fill_null("no").str.to_lowercase().alias("end_of_month"),
        )
        for batch in table.batches([name for name in names if name in table.header])
    ]
    if not frames:
        raise LedgerError(f"{table.label} holds no terms; it needs one line per customer.")
    rows = pl.concat(frames)
    sound = (
        pl.col(CELL_FLAW).is_null()
        & pl.col("customer_id").is_not_null()
        & pl.col("terms_days").is_not_null()
        & pl.col("end_of_month").is_in(list(_FLAGS))
    )
    bad = rows.filter(~sound)
    if bad.height:
        raise LedgerError(
            f"Line {bad[LINE_NUMBER][0]} of {table.label} is no usable row of terms; it needs a customer_id, "
            f"whole terms_days from 0 to {TERMS_DAYS_MAX}, and yes or no as end_of_month."
        )
    twice = rows.filter(pl.col("customer_id").is_duplicated())
    if twice.height:
        raise LedgerError(
            f"Line {twice[LINE_NUMBER][1]} of {table.label} names a customer that another line names too; "
            "leave one of them."
        )
    return rows.select(
        "customer_id",
        pl.col("terms_days").cast(pl.Int32),
        pl.col("end_of_month").replace_strict(_FLAGS, return_dtype=pl.Boolean),
    )


def due_after(issue_date: pl.Expr, days: pl.Expr, end_of_month: pl.Expr | bool = False) -> pl.Expr:
    """Due dates from issue dates and terms.

    Parameters
    ----------
    issue_date : polars.Expr
        Days.
    days : polars.Expr
        Whole numbers; null gives no due date.
    end_of_month : polars.Expr or bool
        Whether the terms run to the end of the month they end in.

    Returns
    -------
    polars.Expr
        Of type Date.

    Examples
    --------
    >>> from datetime import date
    >>> rows = pl.DataFrame({"issued": [date(2024, 1, 10)], "days": [30]})
    >>> rows.select(
    ...     due_after(pl.col("issued"), pl.col("days")).alias("net"),
    ...     due_after(pl.col("issued"), pl.col("days"), True).alias("end of month"),
    ... ).row(0)
    (datetime.date(2024, 2, 9), datetime.date(2024, 2, 29))
    """
    # By the day number: it is a plain addition, and what lies beyond the calendar is caught below.
    number = issue_date.cast(pl.Int32).cast(pl.Int64) + days.cast(pl.Int64)
    day = pl.when(number.is_between(-25_000, 80_000)).then(number).cast(pl.Int32).cast(pl.Date)
    if isinstance(end_of_month, bool):
        return day.dt.month_end() if end_of_month else day
    return pl.when(end_of_month.fill_null(False)).then(day.dt.month_end()).otherwise(day)
