"""The one path from a ledger to a model.

``pairs`` says what is learned from, ``gate`` what is let through, ``defaults`` what
loss given default rests on; ``weeks`` how far invoices are paid together;
``fitting`` walks the path, and ``recalibration`` corrects a model by what came since.
"""

from paydelay.training.defaults import defaulted_invoices
from paydelay.training.fitting import train
from paydelay.training.gate import Gate
from paydelay.training.pairs import horizon_grid, pooled_curve, training_pairs
from paydelay.training.recalibration import corrected, recalibrate

__all__ = [
    "Gate",
    "corrected",
    "defaulted_invoices",
    "horizon_grid",
    "pooled_curve",
    "recalibrate",
    "train",
    "training_pairs",
]
