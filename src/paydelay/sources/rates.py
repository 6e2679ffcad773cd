"""Exchange rates for imported books: a table of one's own, or those of the European Central Bank.

Only what the books need is taken: for each foreign currency the rates from its first
invoice on, each under the day it was published. A table of one's own is taken to its
end: a prediction may be asked for a day on which nothing was booked any more, and
history cuts off what lies behind the day of a model. Those of the European Central
Bank end with the export date, or a month after the last day of the books.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from paydelay.errors import ConfigError, CurrencyError, LedgerError
from paydelay.ledger import ISO_4217
from paydelay.preflight import importing
from paydelay.sources.draft import LINE, Draft, Value
from paydelay.sources.on_account import convert_on_account
from paydelay.sources.opening import open_table
from paydelay.sources.options import ImportOptions
from paydelay.sources.text import CELL_FLAW, LINE_NUMBER
from paydelay.sources.values import as_amount, as_date, as_text

ECB = "ecb"
_EURO = "EUR"
_BANK_DAYS_BEHIND_BOOKS = 31
_CODES_SHOWN = 8
_SCHEMA = pl.Schema({"currency": pl.String, "rate_date": pl.Date, "rate": pl.Float64})
_DATES = {
    "invoices": ("issue_date", "recorded_on"),
    "payments": ("payment_date", "recorded_on"),
    "events": ("event_date", "recorded_on"),
}


def add_rates(draft: Draft, options: ImportOptions) -> None:
    """Give a draft the rates that the options of an import name, and convert its cash on account.

    Parameters
    ----------
    draft : Draft
        What an adapter made of the files; gets a table ``rates`` and tells whence.
    options : ImportOptions
        ``rates`` and ``reporting_currency`` are looked at.

    Raises
    ------
    ConfigError
        If the books bring rates of their own.
    LedgerError
        If the table of rates cannot be read.
    CurrencyError
        If it lacks a currency, or begins after its first invoice.
    MissingDependencyError
        If the package CurrencyConverter is asked for and not installed.
    """
    if options.reporting_currency is not None:
        draft.reporting_currency = options.reporting_currency
    convert_on_account(draft, _given(draft, options) if options.rates is not None else None)


def named_options(error: CurrencyError, draft: Draft) -> CurrencyError:
    """What a ledger says of currencies it cannot convert, in the words of an import.

    A ledger asks for a table beside its own, where an import has options.

    Parameters
    ----------
    error : CurrencyError
        What the ledger said.
    draft : Draft
        What the ledger was to be made of.

    Returns
    -------
    CurrencyError
        The same where no option would help.

    Examples
    --------
    >>> draft = Draft("demo", tables={"invoices": pl.DataFrame({"currency": ["EUR", "USD"]})})
    >>> print(named_options(CurrencyError("..."), draft))
    The invoices are in 2 currencies (EUR, USD) and nothing says what one is worth in the other; give
    --rates ecb or --rates FILE, and --reporting-currency CODE for the one to report in.
    """
    reporting, rates = draft.reporting_currency, draft.tables.get("rates")
    codes = draft.tables["invoices"]["currency"].str.to_uppercase().drop_nulls().unique().sort()
    known = [code for code in codes if code in ISO_4217]
    if reporting is not None and (reporting not in ISO_4217 or (rates is not None and rates.height)):
        return error
    shown = ", ".join(known[:_CODES_SHOWN]) + (", ..." if len(known) > _CODES_SHOWN else "")
    if rates is not None and rates.height:
        return CurrencyError(
            f"The invoices are in {len(known)} currencies ({shown}), and the rates do not tell which of them "
            "they lead to; name it with --reporting-currency CODE."
        )
    if reporting is not None:
        foreign = [code for code in known if code != reporting]
        return CurrencyError(
            f"Nothing says what {' or '.join(foreign[:_CODES_SHOWN])} is worth in {reporting}, the reporting "
            "currency, and there are invoices in it; give --rates ecb or --rates FILE."
        )
    return CurrencyError(
        f"The invoices are in {len(known)} currencies ({shown}) and nothing says what one is worth in the "
        "other; give --rates ecb or --rates FILE, and --reporting-currency CODE for the one to report in."
    )


def _given(draft: Draft, options: ImportOptions) -> pl.DataFrame:
    """The rates that the options name; those that the invoices need become the draft's own."""
    own = draft.tables.get("rates")
    if own is not None and own.height:
        raise ConfigError("These books bring exchange rates of their own; leave --rates out.")
    needed, asked, last = _needed(draft), str(options.rates), _last_day(draft)
    if asked.strip().lower() == ECB:
        draft.reporting_currency = draft.reporting_currency or _EURO
        wanted = pl.concat([needed["currency"], _on_account_codes(draft)])
        published, source = ecb_rates(wanted.to_frame(), draft.reporting_currency), None
        published = published.filter(pl.col("rate_date") <= _bank_until(last, options.export_date))
    else:
        published, source = read_rates(Path(asked)), Path(asked).name
    reporting = draft.reporting_currency
    foreign = needed.filter(pl.col("currency") != reporting) if reporting else needed
    rates = _span(published, foreign, reporting)
    draft.tables["rates"] = rates.with_columns(pl.lit(None, pl.Int64).alias(LINE))
    if rates.height:
        _tell(draft, rates, foreign, source)
    return published


def _on_account_codes(draft: Draft) -> pl.Series:
    """Currencies of cash that names no invoice."""
    if draft.on_account is None:
        return pl.Series("currency", [], dtype=pl.String)
    return draft.on_account["currency"].str.to_uppercase().drop_nulls().unique()


def read_rates(path: Path) -> pl.DataFrame:
    r"""Rates of a table of one's own.

    Parameters
    ----------
    path : Path
        A table with the columns currency, rate_date (YYYY-MM-DD) and rate.

    Returns
    -------
    polars.DataFrame
        The columns.

    Raises
    ------
    LedgerError
        If it cannot be read, or a line of it is unusable.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "rates.csv"
    >>> _ = path.write_text("currency,rate_date,rate\nUSD,2024-01-05,0.9132\n")
    >>> read_rates(path).row(0)
    ('USD', datetime.date(2024, 1, 5), 0.9132)
    """
    table = open_table(path)
    lacking = [name for name in _SCHEMA if name not in table.header]
    if lacking:
        raise LedgerError(
            f"{table.label} lacks the column {lacking[0]}; rates need currency, rate_date and rate, the "
            "number of units of the reporting currency for one unit of currency."
        )
    frames = [pl.DataFrame(schema={LINE_NUMBER: pl.Int64, CELL_FLAW: pl.String, **_SCHEMA})]
    frames += [
        batch.with_columns(pl.col(list(_SCHEMA)).cast(pl.String)).select(
            LINE_NUMBER,
            CELL_FLAW,
            as_text("currency").str.to_uppercase(),
            as_date("rate_date"),
            as_amount("rate"),
        )
        for batch in table.batches(list(_SCHEMA))
    ]
    rows = pl.concat(frames)
    sound = (
        pl.col(CELL_FLAW).is_null()
        & pl.col("currency").str.contains("^[A-Z]{3}$")
        & pl.col("rate_date").is_not_null()
        & pl.col("rate").is_finite()
        & (pl.col("rate") > 0)
    )
    bad = rows.filter(~sound.fill_null(False))
    if bad.height:
        raise LedgerError(
            f"Line {bad[LINE_NUMBER][0]} of {table.label} is no usable rate; it needs a currency of three "
            "letters, a rate_date written YYYY-MM-DD and a rate above zero with a decimal point."
        )
    rows = rows.unique(_SCHEMA.names(), keep="first", maintain_order=True)
    twice = rows.filter(pl.struct("currency", "rate_date").is_first_distinct().not_())
    if twice.height:
        raise LedgerError(
            f"Line {twice[LINE_NUMBER][0]} of {table.label} gives another rate for a currency and a day that "
            "has one already; keep the right one."
        )
    return rows.select(_SCHEMA.names())


def ecb_rates(needed: pl.DataFrame, reporting_currency: str) -> pl.DataFrame:
    """Rates of the European Central Bank, as the package CurrencyConverter brings them.

    Parameters
    ----------
    needed : polars.DataFrame
        Column currency.
    reporting_currency : str
        ISO 4217 code the rates lead to.

    Returns
    -------
    polars.DataFrame
        Currency, rate_date and rate on every day on which both were published.

    Raises
    ------
    CurrencyError
        If the bank publishes no rates of a currency.
    MissingDependencyError
        If CurrencyConverter is not installed.
    """
    with importing("Taking the rates of the European Central Bank"):
        from currency_converter import CurrencyConverter, RateNotFoundError

    bank = CurrencyConverter()
    wanted = sorted({*needed["currency"], reporting_currency} - {_EURO, None})
    unknown = [code for code in wanted if code not in bank.currencies]
    if unknown:
        raise CurrencyError(
            f"The European Central Bank publishes no rates of {', '.join(unknown)}; give a table of rates "
            "with --rates FILE."
        )
    found: list[tuple[str, date, float]] = []
    for code in sorted({*needed["currency"]} - {reporting_currency, None}):
        day, last = bank.bounds[code]
        while day <= last:
            # Weekends and holidays have none.
            with suppress(RateNotFoundError):
                found.append((code, day, float(bank.convert(1.0, code, reporting_currency, day))))
            day += timedelta(1)
    return pl.DataFrame(found, schema=_SCHEMA, orient="row").sort("currency", "rate_date")


def _needed(draft: Draft) -> pl.DataFrame:
    """Currencies of the invoices with the days they were issued on."""
    invoices = draft.tables["invoices"]
    return (
        invoices.select(pl.col("currency").str.to_uppercase(), pl.col("issue_date").cast(pl.Date))
        .drop_nulls()
        .unique()
        .sort("currency", "issue_date")
    )


def _last_day(draft: Draft) -> date | None:
    days = [
        draft.tables[name][column].max()
        for name, columns in _DATES.items()
        if name in draft.tables
        for column in columns
        if column in draft.tables[name].columns and draft.tables[name].schema[column] == pl.Date
    ]
    if draft.on_account is not None:
        days.append(draft.on_account["payment_date"].max())
    return max((day for day in days if isinstance(day, date)), default=None)


def _bank_until(last: date | None, exported: date | None) -> date:
    """The day to which rates of the bank are taken: that of the export, else a month behind the books."""
    if last is None:
        return exported or date.max
    return max(last, exported) if exported else last + timedelta(_BANK_DAYS_BEHIND_BOOKS)


def _span(published: pl.DataFrame, needed: pl.DataFrame, reporting: str | None) -> pl.DataFrame:
    """Rates from the one that holds on the first issue date of each currency on."""
    first = needed.group_by("currency").agg(pl.col("issue_date").min()).sort("currency", "issue_date")
    if not first.height:
        return _SCHEMA.to_frame()
    known = published.sort("rate_date")
    starts = first.sort("issue_date").join_asof(
        known.select("currency", "rate_date", start="rate_date"),
        left_on="issue_date",
        right_on="rate_date",
        by="currency",
        strategy="backward",
        check_sortedness=False,
    )
    lacking = starts.filter(pl.col("start").is_null()).sort("currency")
    # Without a reporting currency that is named, the one without rates is it.
    told = lacking if reporting else lacking.filter(pl.col("currency").is_in(published["currency"].implode()))
    if told.height:
        code, day = told.select("currency", "issue_date").row(0)
        raise CurrencyError(
            f"The rates give none of {code} on or before {day}, its first invoice; add one, or a table that "
            "begins earlier."
        )
    return (
        published.join(starts.select("currency", "start"), on="currency")
        .filter(pl.col("rate_date") >= pl.col("start"))
        .select(_SCHEMA.names())
        .unique()
        .sort("currency", "rate_date")
    )


def _tell(draft: Draft, rates: pl.DataFrame, needed: pl.DataFrame, source: str | None) -> None:
    used = needed.sort("issue_date").join_asof(
        rates.sort("rate_date").with_columns(published="rate_date"),
        left_on="issue_date",
        right_on="rate_date",
        by="currency",
        strategy="backward",
        check_sortedness=False,
    )
    first, last = rates["rate_date"].min(), rates["rate_date"].max()
    if isinstance(first, date) and isinstance(last, date):
        codes = ", ".join(rates["currency"].unique().sort())
        said: dict[str, Value] = {"currencies": codes, "first": first, "last": last}
        if source is None:
            draft.assume("rates.bank", n=rates.height, **said)
        else:
            draft.assume("rates.source", n=rates.height, source=source, **said)
    age = (pl.col("issue_date") - pl.col("published")).dt.total_days()
    older = used.select(age.alias("age")).filter(pl.col("age") > 0)
    oldest = older["age"].max()
    draft.assume(
        "rates.older",
        n=older.height,
        days=float(oldest) if isinstance(oldest, int) else 0.0,
        total=used.height,
    )
