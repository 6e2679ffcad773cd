"""The proof: the past replayed, and the model set beside what collectors do without it.

``replay`` trains and scores as it would have been done; ``judging`` says which rows have an
outcome, ``baselines`` what has to be beaten; ``comparing``, ``tables`` and ``delays`` hold the
figures, ``proof`` the one call that makes them all, ``verdict`` what they come to.
"""

from paydelay.backtest.proof import Backtest, backtest, folds_of
from paydelay.backtest.replay import LATE_DAYS_CAP
from paydelay.backtest.verdict import Verdict

__all__ = ["LATE_DAYS_CAP", "Backtest", "Verdict", "backtest", "folds_of"]
