"""The one path from a ledger to a model.

``pairs`` says what is learned from, ``gate`` what is let through, ``defaults`` what
loss given default rests on; ``fitting`` walks the path. ``weeks`` measures what invoices have in common.
"""

from paydelay.training.defaults import defaulted_invoices
from paydelay.training.fitting import train
from paydelay.training.gate import Gate
from paydelay.training.pairs import horizon_grid, pooled_curve, training_pairs

__all__ = [
    "Gate",
    "defaulted_invoices",
    "horizon_grid",
    "pooled_curve",
    "train",
    "training_pairs",
]
