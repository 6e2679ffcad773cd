"""Invoices of a customer that are alike: on the same terms, or of about the same amount.

Amounts are cut into bands of half a doubling, on two grids that lie half a band
apart. An invoice near the edge of a band on one grid is near the middle of one on
the other, so that the sum over both grids weighs a neighbour twice, what shares
one band only once, and cuts nobody off at an edge.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from paydelay.history.facts import Codes, InvoiceFacts
from paydelay.history.ordering import distinct

BANDS_PER_DOUBLING = 2.0
"""Bands in which an amount doubles: each is about 40 % wide."""
LIKE_AMOUNT = ("amount", "amount_between")
"""Groupings by customer and amount: one grid, and the one half a band beside it."""
LIKE_WEEKDAY_AMOUNT = ("weekday_amount", "weekday_amount_between")
"""The same by customer, weekday of the due date and amount."""
TERMS_SPAN = 512
"""Payment terms are told apart up to this many days."""
_BAND_COUNT = 128


def amount_bands(cents: NDArray[np.int64], shift: float = 0.0) -> NDArray[np.int64]:
    """Number of the band that each amount lies in.

    Parameters
    ----------
    cents : array of shape (n_rows,)
        Amounts in hundredths of the reporting currency.
    shift : float
        How far the grid is moved, in bands.

    Returns
    -------
    array of shape (n_rows,)
        From 0 on, growing with the amount.

    Examples
    --------
    One euro, somewhat more, and twice as much:

    >>> amount_bands(np.array([100, 110, 200])).tolist()
    [13, 13, 15]
    """
    bands = np.floor(np.log2(np.maximum(cents, 1)) * BANDS_PER_DOUBLING + shift)
    return np.asarray(np.clip(bands, 0, _BAND_COUNT - 1), np.int64)


def like_codes(invoices: InvoiceFacts, by: str) -> Codes:
    """Code of each invoice's customer and of what makes it like others, without gaps.

    Parameters
    ----------
    invoices : InvoiceFacts
        Their amounts are those at the rate of the issue date, known as soon as they are.
    by : str
        ``terms``, or one of ``LIKE_AMOUNT`` and ``LIKE_WEEKDAY_AMOUNT``.

    Returns
    -------
    array of shape (n_invoices,)
        Whole numbers, the same for invoices that are alike.
    """
    if by == "terms":
        terms = np.clip(invoices.terms_days, 0, TERMS_SPAN - 1)
        return distinct(invoices.customer * TERMS_SPAN + terms)[1]
    shift = 0.5 if by.endswith("_between") else 0.0
    bands = amount_bands(invoices.amount_reporting, shift)
    # Amounts of one book span few bands: narrow codes are told apart without a sort.
    bands -= bands.min(initial=_BAND_COUNT)
    codes = invoices.customer * (bands.max(initial=0) + 1) + bands
    if by in LIKE_WEEKDAY_AMOUNT:
        codes = codes * 7 + (invoices.due_day + 3) % 7
    return distinct(codes)[1]
