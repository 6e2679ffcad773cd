"""What was known when: the only door to the past of a ledger.

``facts`` codes the ledger and lists every state an invoice was known to be in;
``entries`` turns those into events, which ``streams`` sorts once and sums over
windows; ``cohorts`` sums invoices by due date; ``view`` is what features are given.
"""

from paydelay.history.attributes import covariate_columns
from paydelay.history.balances import customer_standing, insolvency_days
from paydelay.history.covariates import read_covariates
from paydelay.history.cut import cut_ledger
from paydelay.history.entries import LOG_SCALE
from paydelay.history.facts import NEVER, Codes, Days, rates_at
from paydelay.history.history import EPOCH, History, day_of
from paydelay.history.likeness import LIKE_AMOUNT, LIKE_WEEKDAY_AMOUNT
from paydelay.history.staleness import stale_sentence, warn_if_stale
from paydelay.history.view import Floats, PastView

__all__ = [
    "EPOCH",
    "LIKE_AMOUNT",
    "LIKE_WEEKDAY_AMOUNT",
    "LOG_SCALE",
    "NEVER",
    "Codes",
    "Days",
    "Floats",
    "History",
    "PastView",
    "covariate_columns",
    "customer_standing",
    "cut_ledger",
    "day_of",
    "insolvency_days",
    "rates_at",
    "read_covariates",
    "stale_sentence",
    "warn_if_stale",
]
