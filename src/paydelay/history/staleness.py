"""Books that end long before the day they are looked at."""

from __future__ import annotations

import warnings
from datetime import date

from paydelay.errors import StaleBooksWarning
from paydelay.language import format_days, phrase
from paydelay.ledger import Ledger

# Without any record for as long, a ledger may be an old export.
_STALE_DAYS = 31


def stale_sentence(ledger: Ledger, as_of: date, language: str = "en") -> str:
    """That the books end long before the day they are looked at, and what that does to them.

    Parameters
    ----------
    ledger : Ledger
        Books as they were read.
    as_of : datetime.date
        Day they are looked at.
    language : {'en', 'fr'}
        Of the sentence.

    Returns
    -------
    str
        Empty up to 31 days after the last day on which anything was recorded.
    """
    ends = [rows["known_on"].max() for rows in (ledger.invoices, ledger.payments, ledger.events)]
    latest = max((end for end in ends if isinstance(end, date)), default=None)
    if latest is None or (as_of - latest).days <= _STALE_DAYS:
        return ""
    days = format_days((as_of - latest).days, language)
    return phrase("told.stale", language, latest=latest, days=days, as_of=as_of)


def warn_if_stale(ledger: Ledger, as_of: date, language: str = "en") -> None:
    """Warn whoever called the caller of books that end long before a day.

    Parameters
    ----------
    ledger : Ledger
        Books as they were read.
    as_of : datetime.date
        Day they are looked at.
    language : {'en', 'fr'}
        Of the warning.

    Warns
    -----
    StaleBooksWarning
        Where more than 31 days lie between the last record and the day.
    """
    if told := stale_sentence(ledger, as_of, language):
        warnings.warn(told, StaleBooksWarning, stacklevel=3)
