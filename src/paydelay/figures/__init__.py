"""Figures of a proof, as functions that take it: ``pdl.figures.lift(proof)``.

``proofs`` draws, ``naming`` says scorers, slices and drivers in words, and ``drawing`` owns
matplotlib: the sheet, the colours, and the SVG for a page.
"""

from paydelay.figures.drawing import check_drawing, svg
from paydelay.figures.naming import book_days, driver_shares, metric_name, scorer_name, slice_kind, slice_name
from paydelay.figures.proofs import drivers, lift, reliability, slices, stability

__all__ = [
    "book_days",
    "check_drawing",
    "driver_shares",
    "drivers",
    "lift",
    "metric_name",
    "reliability",
    "scorer_name",
    "slice_kind",
    "slice_name",
    "slices",
    "stability",
    "svg",
]
