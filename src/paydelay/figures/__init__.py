"""Figures of a book, a proof and a model, as functions that take it: ``pdl.figures.lift(proof)``.

``proofs`` draws a proof, ``monitoring`` past scores beside what came, ``books`` the open invoices and
how late they are paid, ``contributions`` what moves the scores; ``naming`` says scorers,
slices and drivers in words, and ``drawing`` owns
matplotlib: the sheet, the colours, and the SVG for a page.
"""

from paydelay.figures.books import aged_balance, ageing, delays
from paydelay.figures.contributions import beeswarm, dependence, explanation
from paydelay.figures.drawing import check_drawing, svg
from paydelay.figures.monitoring import realised
from paydelay.figures.naming import book_days, driver_shares, metric_name, scorer_name, slice_kind, slice_name
from paydelay.figures.proofs import drivers, lift, reliability, slices, stability

__all__ = [
    "aged_balance",
    "ageing",
    "beeswarm",
    "book_days",
    "check_drawing",
    "delays",
    "dependence",
    "driver_shares",
    "drivers",
    "explanation",
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
