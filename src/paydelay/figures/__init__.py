"""Figures of a proof, as functions that take it: ``pdl.figures.lift(proof)``.

``proofs`` draws, ``monitoring`` past scores beside what came; ``naming`` says scorers,
slices and drivers in words, and ``drawing`` owns
matplotlib: the sheet, the colours, and the SVG for a page.
"""

from paydelay.figures.drawing import check_drawing, svg
from paydelay.figures.monitoring import realised
from paydelay.figures.naming import book_days, driver_shares, metric_name, scorer_name, slice_kind, slice_name
from paydelay.figures.proofs import drivers, lift, reliability, slices, stability

__all__ = [
    "book_days",
    "check_drawing",
    "driver_shares",
    "drivers",
    "lift",
    "metric_name",
    "realised",
    "reliability",
    "scorer_name",
    "slice_kind",
    "slice_name",
    "slices",
    "stability",
    "svg",
]
