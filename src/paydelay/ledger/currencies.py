"""Currencies: the known codes, the choice of the reporting one, and the rates it needs."""

from __future__ import annotations

import polars as pl

from paydelay.errors import CurrencyError

_IN_USE = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP
    BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB
    EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD
    JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP
    MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR
    RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND
    TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF
    YER ZAR ZMW ZWG
"""
# Since 1990; old books still hold them.
_WITHDRAWN = """
    ADP AFA ANG AOK AON AOR ARA ATS AZM BAD BEF BGL BRE BRN BRR BYB BYR CSD CSK CUC CYP DDM
    DEM ECS EEK ESP FIM FRF GHC GRD GWP HRD HRK IEP ITL LTL LTT LUF LVL LVR MGF MRO MTL MXP MZM
    NLG PEI PLZ PTE ROL RUR SDD SDP SIT SKK SLL SRG STD SUR TJR TMM TPE TRL UAK UYP VEB VEF XEU
    YDD YUD YUM ZMK ZRN ZRZ ZWD ZWL ZWR
"""
ISO_4217: frozenset[str] = frozenset((_IN_USE + _WITHDRAWN).split())
"""Codes of ISO 4217 for money, without metals, funds and test codes."""

NO_CURRENCY = "XXX"
"""ISO 4217 for "no currency": the reporting currency of a ledger without an invoice."""

_HOW = (
    "give a table rates (rates.csv or rates.parquet beside the invoices, or rates=...) with the columns "
    "currency, rate_date and rate, where rate is the number of units of the reporting currency for one "
    "unit of currency, and name the reporting currency, for example reporting_currency={example!r}"
)


def choose_reporting(
    invoices: pl.DataFrame, rates: pl.DataFrame, asked: str | None
) -> tuple[str, str | None]:
    """Reporting currency of a ledger, and what was assumed to find it.

    Parameters
    ----------
    invoices : polars.DataFrame
        Used invoices, with the column currency.
    rates : polars.DataFrame
        Used rates.
    asked : str or None
        The currency the caller named.

    Returns
    -------
    tuple of str and (str or None)
        The code, and a note where it was neither named nor the only one.

    Raises
    ------
    CurrencyError
        If the named code is unknown, or none is named and several would do.

    Examples
    --------
    >>> invoices = pl.DataFrame({"currency": ["EUR", "EUR", "USD"]})
    >>> rates = pl.DataFrame({"currency": ["USD"], "rate": [0.9]})
    >>> choose_reporting(invoices, rates, None)[0]
    'EUR'
    """
    if asked is not None:
        code = str(asked).strip().upper()
        if code not in ISO_4217:
            raise CurrencyError(
                "The reporting currency is not an ISO 4217 code; give three letters, for example 'EUR'."
            )
        return code, None
    counts = invoices.group_by("currency").len().sort("len", "currency", descending=[True, False])
    codes = counts["currency"].to_list()
    if not codes:
        return NO_CURRENCY, "There is no usable invoice, hence no currency to report in."
    if len(codes) == 1:
        return str(codes[0]), None
    if not rates.height:
        raise CurrencyError(
            f"The invoices are in {len(codes)} currencies ({_listed(codes)}) and there are no rates; "
            f"{_HOW.format(example=codes[0])}."
        )
    # Rates say what one unit of a currency is worth in the reporting one, so
    # that the reporting currency itself is the one they say nothing about.
    rated = set(rates.filter(pl.col("rate") != 1.0)["currency"].to_list())
    bare = [code for code in codes if code not in rated]
    # Equal counts would leave the choice to the alphabet.
    first = counts.filter(pl.col("len") == pl.col("len").max())["currency"].to_list()
    if len(bare) == 1 and first == bare:
        return bare[0], (
            f"The reporting currency was taken to be {bare[0]}: the currency of most invoices, and the only "
            "one without a rate."
        )
    raise CurrencyError(
        f"The invoices are in {len(codes)} currencies ({_listed(codes)}) and the rates do not tell which one "
        f"they lead to; name it: reporting_currency={codes[0]!r} in Python, or beside the tables a file "
        f'ledger.json that holds {{"reporting_currency": "{codes[0]}"}}.'
    )


def check_rates(invoices: pl.DataFrame, rates: pl.DataFrame, reporting: str) -> None:
    """Refuse a ledger that holds an amount no rate converts.

    Parameters
    ----------
    invoices : polars.DataFrame
        Used invoices, with currency and issue_date.
    rates : polars.DataFrame
        Used rates.
    reporting : str
        Code of the reporting currency.

    Raises
    ------
    CurrencyError
        If a currency has no rate on or before its first invoice, or the rates
        contradict the reporting currency.

    Examples
    --------
    >>> from datetime import date
    >>> invoices = pl.DataFrame({"currency": ["USD"], "issue_date": [date(2024, 1, 5)]})
    >>> rates = pl.DataFrame({"currency": ["USD"], "rate_date": [date(2024, 1, 5)], "rate": [0.9]})
    >>> check_rates(invoices, rates, "EUR")
    """
    own = rates.filter((pl.col("currency") == reporting) & (pl.col("rate") != 1.0)).height
    if own:
        raise CurrencyError(
            f"The rates give {reporting} a rate other than 1 although it is the reporting currency; rates "
            "are units of the reporting currency for one unit of currency: name the one they lead to with "
            "reporting_currency=..., or turn them round."
        )
    needed = (
        invoices.filter(pl.col("currency") != reporting)
        .group_by("currency")
        .agg(needed_from=pl.col("issue_date").min())
        .join(rates.group_by("currency").agg(given_from=pl.col("rate_date").min()), on="currency", how="left")
        .filter(pl.col("given_from").is_null() | (pl.col("given_from") > pl.col("needed_from")))
        .sort("currency")
    )
    if not needed.height:
        return
    lacking = _listed([f"{code} from {day} on" for code, day, _ in needed.iter_rows()])
    if rates.height:
        raise CurrencyError(
            f"Rates into {reporting} are lacking: {lacking}; add a rate of that day or earlier to the rates."
        )
    raise CurrencyError(
        f"Invoices need rates into {reporting} and there are none: {lacking}; "
        f"{_HOW.format(example=reporting)}."
    )


def _listed(words: list[str], most: int = 8) -> str:
    shown = ", ".join(words[:most])
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"
