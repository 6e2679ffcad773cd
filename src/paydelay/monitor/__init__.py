"""Past scores held against what came since, and their books against the training period.

``past_scores`` reads them, ``books`` finds them again in the books of their days; ``realised``
compares with what came and ``drift`` with the training period, ``verdicts`` says from where on
a difference is told; ``retraining`` tries what a newer model would have gained, and
``monitoring`` is the one call that makes it all.
"""

from paydelay.monitor.monitoring import OUTCOMES, Monitoring, Trying, monitor
from paydelay.monitor.retraining import Retraining
from paydelay.monitor.verdicts import Check, Verdict

__all__ = ["OUTCOMES", "Check", "Monitoring", "Retraining", "Trying", "Verdict", "monitor"]
