"""The catalogue of features: what the model may know of an open invoice.

Every feature is declared with its family, unit, meaning, formula and cause, and
computed from a :class:`~paydelay.history.PastView`, which answers only as of the
row's own date. ``own`` adds those of installed packages and of dated tables.
"""

from paydelay.features.behaviour import smoothed_late_ratio
from paydelay.features.declaration import Catalogue, Feature
from paydelay.features.identity import own_identity
from paydelay.features.own import (
    chosen_features,
    covariate_features,
    installed_catalogue,
    own_declarations,
    own_part,
)
from paydelay.features.rhythm import RUN_RATE_NAMES
from paydelay.features.shipped import CATALOGUE

__all__ = [
    "CATALOGUE",
    "RUN_RATE_NAMES",
    "Catalogue",
    "Feature",
    "chosen_features",
    "covariate_features",
    "installed_catalogue",
    "own_declarations",
    "own_identity",
    "own_part",
    "smoothed_late_ratio",
]
