"""Currencies as documents carry them: their codes, the books' own one, and rates into it."""

from __future__ import annotations

import polars as pl

from paydelay.errors import LedgerError
from paydelay.sources.draft import LINE, Draft
from paydelay.sources.options import ImportOptions


def rates_of_documents(rows: pl.DataFrame, base: str) -> pl.DataFrame:
    """Rates into the books' own currency, as documents of foreign currencies carry them.

    Parameters
    ----------
    rows : polars.DataFrame
        Columns currency, rate_date and rate: units of the books' currency for one of the
        document's.
    base : str
        The books' own currency.

    Returns
    -------
    polars.DataFrame
        A table of rates, the median where a day has several.

    Examples
    --------
    >>> from datetime import date
    >>> rows = pl.DataFrame({
    ...     "currency": ["USD", "USD", "EUR"], "rate_date": [date(2024, 1, 5)] * 3, "rate": [0.9, 0.92, 1.0],
    ... })
    >>> rates_of_documents(rows, "EUR").drop(LINE).rows()
    [('USD', datetime.date(2024, 1, 5), 0.91)]
    """
    usable = (pl.col("rate") > 0) & pl.col("rate").is_finite() & (pl.col("currency") != base)
    return (
        rows.filter(usable.fill_null(False), pl.col("rate_date").is_not_null())
        .group_by("currency", "rate_date")
        .agg(pl.col("rate").median())
        .sort("currency", "rate_date")
        .with_columns(pl.lit(None, dtype=pl.Int64).alias(LINE))
    )


def own_currency(rows: pl.DataFrame) -> tuple[str | None, pl.DataFrame]:
    """The books' own currency, whose documents all carry the rate 1 or none, and the rates into it.

    Parameters
    ----------
    rows : polars.DataFrame
        Columns currency, rate_date and rate, of every document that may tell.

    Returns
    -------
    tuple of (str or None) and polars.DataFrame
        None where several currencies could be it, or none.

    Examples
    --------
    >>> from datetime import date
    >>> rows = pl.DataFrame({"currency": ["USD", "EUR"], "rate_date": [date(2024, 1, 5)] * 2})
    >>> rows = rows.with_columns(rate=pl.Series([0.9, 1.0]))
    >>> own_currency(rows)[0]
    'EUR'
    """
    is_own = (pl.col("rate").is_null() | (pl.col("rate") == 1.0)).all()
    own = rows.drop_nulls("currency").group_by("currency").agg(own=is_own).filter("own")
    base = str(own.item(0, "currency")) if own.height == 1 else None
    return base, rates_of_documents(rows.drop_nulls(), base or "")


def codes_of(
    keys: pl.Series, names: dict[str, str], options: ImportOptions, system: str, table: str
) -> dict[str, str]:
    """Codes of currencies that a database knows by number.

    Parameters
    ----------
    keys : polars.Series
        Numbers that amounts are in; a code may stand there too.
    names : dict of str to str
        Code by number, as far as the database says.
    options : ImportOptions
        ``currency`` is that of the one number left.
    system : str
        What messages call the system.
    table : str
        Its table of currencies.

    Returns
    -------
    dict of str to str
        Code by number.

    Raises
    ------
    LedgerError
        If a number has no code.

    Examples
    --------
    >>> codes_of(pl.Series(["1", "USD"]), {}, ImportOptions(currency="EUR"), "Demo", "currencies")
    {'1': 'EUR'}
    """
    given = keys.drop_nulls().unique().to_list()
    unknown = [key for key in given if key not in names and not (len(key) == 3 and key.isalpha())]
    if len(unknown) == 1 and options.currency is not None:
        return names | {unknown[0]: options.currency}
    if unknown:
        raise LedgerError(
            f"The amounts of {system} are in currencies known by number only ({len(unknown)} of them); give "
            f"the table {table} with id, name and symbol too, or the one currency with --currency."
        )
    return names


def settle_currency(
    draft: Draft,
    options: ImportOptions,
    invoices: pl.DataFrame,
    rates: pl.DataFrame | None,
    base: str | None,
) -> None:
    """Set the reporting currency, and keep those of the documents' rates that the invoices need.

    Parameters
    ----------
    draft : Draft
        Gets both.
    options : ImportOptions
        A reporting currency and rates that the caller gives go before.
    invoices : polars.DataFrame
        With their currency.
    rates : polars.DataFrame or None
        From :func:`rates_of_documents`.
    base : str or None
        The books' own currency, to which those rates lead.
    """
    reporting = options.reporting_currency or base
    codes = set(invoices["currency"].drop_nulls().unique().to_list())
    foreign = codes - {reporting}
    if not foreign or options.rates is not None:
        draft.reporting_currency = reporting
        return
    if rates is not None and reporting == base:
        needed = rates.filter(pl.col("currency").is_in(sorted(foreign)))
        if needed.height:
            draft.tables["rates"] = needed
            draft.assume("erp.rates_of_documents", n=needed.height, currency=str(base))
            draft.reporting_currency = reporting
            return
    draft.reporting_currency = options.reporting_currency
