"""Why a score is what it is: exact contributions, then reasons in words.

``exact`` gives what every feature adds to a margin; ``tables`` holds the
algorithm that does so for many rows; ``wording`` chooses what is worth telling and
has :mod:`paydelay.language` say it; ``drawing`` hands over to shap's own drawings.
"""

from paydelay.explain.drawing import shap_explanation
from paydelay.explain.exact import contributions, fold_horizon, pool
from paydelay.explain.wording import REASONS_DTYPE, check_causes, reasons, rule_reasons

__all__ = [
    "REASONS_DTYPE",
    "check_causes",
    "contributions",
    "fold_horizon",
    "pool",
    "reasons",
    "rule_reasons",
    "shap_explanation",
]
