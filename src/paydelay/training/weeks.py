"""What the weeks after the split say of how far invoices are paid together."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from paydelay.cash import WEEKS_LEARNED, CashShocks, fit_shocks, weekly_shares
from paydelay.model import DelayModel, lost_rows
from paydelay.outcomes import Outcomes
from paydelay.panel import Panel

logger = logging.getLogger(__name__)

_ROWS_MAX = 15_000
_WEEK_DAYS = 7


def measured_shocks(
    crossed: Sequence[DelayModel], panel: Panel, outcomes: Outcomes, later: NDArray[np.bool_], seed: int
) -> CashShocks:
    """Shares of luck that invoices had in common in the books after the split.

    Parameters
    ----------
    crossed : sequence of DelayModel
        Fitted on what was known at the split; the first is calibrated on the invoices with
        odd codes and used on the even ones, the second the other way round.
    panel : Panel
    outcomes : Outcomes
        Labelled at the date of training.
    later : array of shape (n_rows,)
        Rows of books after the split; no model knows the outcomes of those it is used on.
    seed : int
        Of the draw of customers, where a book has more rows than are needed.

    Returns
    -------
    CashShocks
    """
    ends = panel.rows["days_past_due"].to_numpy().astype(np.int64)[:, None] + _WEEK_DAYS * np.arange(
        1, WEEKS_LEARNED + 1
    )
    open_then = outcomes.labels(panel.invoice, panel.as_of_day, ends)
    customer = panel.rows["customer_id"].rank("dense").to_numpy().astype(np.int64)
    rows = np.flatnonzero(later & ~lost_rows(panel) & ~np.isnan(open_then[:, 0]))
    if len(rows) > _ROWS_MAX:
        # Whole customers, so that the pairs that are left are as they were.
        luck = np.random.default_rng(seed).random(int(customer.max()) + 1)[customer[rows]]
        rows = rows[luck < _ROWS_MAX / len(rows)]
    few = panel.take(rows)
    share = np.empty((len(rows), WEEKS_LEARNED + 1))
    for half, model in enumerate(crossed):
        at = np.flatnonzero(few.invoice % 2 == half)
        share[at] = weekly_shares(model, few.take(at), WEEKS_LEARNED)
    shocks = fit_shocks(
        share,
        open_then[rows].astype(np.float64),
        few.rows["open_amount_reporting"].to_numpy(),
        customer[rows],
        few.as_of_day,
    )
    logger.info(
        "weeks: %.3f of luck in common, %.3f of a customer, %d rows",
        shocks.common_share,
        shocks.customer_share,
        len(rows),
    )
    return shocks
