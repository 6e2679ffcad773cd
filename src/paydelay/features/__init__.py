"""The catalogue of features: what the model may know of an open invoice.

Every feature is declared with its family, unit, meaning, formula and cause, and
computed from a :class:`~paydelay.history.PastView`, which answers only as of the
row's own date.
"""

from paydelay.features.behaviour import BEHAVIOUR, smoothed_late_ratio
from paydelay.features.declaration import Catalogue, Feature
from paydelay.features.exposure import EXPOSURE
from paydelay.features.likeness import LIKENESS
from paydelay.features.rhythm import RHYTHM, RUN_RATE_NAMES
from paydelay.features.surroundings import SURROUNDINGS

CATALOGUE = Catalogue((*BEHAVIOUR, *LIKENESS, *RHYTHM, *EXPOSURE, *SURROUNDINGS))
"""Every built-in feature, in column order."""

__all__ = ["CATALOGUE", "RUN_RATE_NAMES", "Catalogue", "Feature", "smoothed_late_ratio"]
