"""Why a score is what it is: exact contributions, then reasons in words.

``exact`` gives what every feature adds to a margin; ``tables`` holds the
algorithm that does so for many rows; ``wording`` chooses what is worth telling of an
invoice or a customer, by the values that ``telling`` lets speak, and has
:mod:`paydelay.language` say it; ``contributed`` holds what many scores are made of, and
``drawing`` hands it over to shap's own drawings.
"""

from paydelay.explain.contributed import Contributions
from paydelay.explain.drawing import shap_explanation
from paydelay.explain.exact import contributions, fold_horizon, pool
from paydelay.explain.wording import (
    REASONS_DTYPE,
    check_causes,
    customer_reasons,
    reasons,
    rule_reasons,
    small_signs,
)

__all__ = [
    "REASONS_DTYPE",
    "Contributions",
    "check_causes",
    "contributions",
    "customer_reasons",
    "fold_horizon",
    "pool",
    "reasons",
    "rule_reasons",
    "shap_explanation",
    "small_signs",
]
