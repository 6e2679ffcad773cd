"""The ledger as it stood at the close of a day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl

from paydelay.ledger import Ledger


def cut_ledger(ledger: Ledger, as_of: date) -> Ledger:
    """Remove every row that was not known at the close of ``as_of``.

    Training reads a ledger only through this, and the oracle test compares
    features of the full ledger with those of the cut one.

    Parameters
    ----------
    ledger : Ledger
        Books.
    as_of : date
        The last day whose records stay.

    Returns
    -------
    Ledger
        The same books with fewer rows.

    Examples
    --------
    >>> from datetime import date
    >>> import polars as pl
    >>> from paydelay.ledger import Ledger
    >>> invoices = pl.DataFrame({
    ...     "invoice_id": ["F1"], "customer_id": ["C1"], "issue_date": [date(2025, 1, 1)],
    ...     "due_date": [date(2025, 1, 31)], "amount": [100.0], "currency": ["EUR"]})
    >>> payments = pl.DataFrame({
    ...     "invoice_id": ["F1"], "payment_date": [date(2025, 2, 5)], "amount": [100.0], "kind": ["payment"]})
    >>> cut_ledger(Ledger.from_frames(invoices, payments), date(2025, 2, 4)).payments.height
    0
    """
    known = pl.col("known_on") <= as_of
    return replace(
        ledger,
        invoices=ledger.invoices.filter(known),
        payments=ledger.payments.filter(known),
        customers=ledger.customers.filter(pl.col("valid_from") <= as_of),
        events=ledger.events.filter(known),
        rates=ledger.rates.filter(pl.col("rate_date") <= as_of),
    )
