"""What an unpaid invoice may cost: exposure, cover, loss given default, delay.

The order of the money: what is open, less the customer's cash on account, is
the exposure (``exposure``), over which insurance and guarantees are spread; the
loss table says which share of an unpaid debt never comes back
(``given_default``); the delay curve says how long the rest ties up money
(``cost``).
"""

from paydelay.loss.cost import cost_of_delay, expected_days_open, expected_loss
from paydelay.loss.exposure import (
    CashAllocation,
    allocate_cash_on_account,
    allocate_cover,
    exposure_at_default,
)
from paydelay.loss.given_default import LossTable, fit_loss_table

__all__ = [
    "CashAllocation",
    "LossTable",
    "allocate_cash_on_account",
    "allocate_cover",
    "cost_of_delay",
    "expected_days_open",
    "expected_loss",
    "exposure_at_default",
    "fit_loss_table",
]
