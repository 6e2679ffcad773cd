"""Settings chosen by the backtest's own folds, all but the last, which judges the choice.

``space`` says what is searched, ``search`` how (the owner of optuna), ``judging`` by what;
``tuning`` walks the path, ``result`` keeps what came of it.
"""

from paydelay.tune.result import Tuning
from paydelay.tune.tuning import TRIALS_USUAL, check_tuning_folder, tune

__all__ = ["TRIALS_USUAL", "Tuning", "check_tuning_folder", "tune"]
