"""Every feature that the package brings."""

from __future__ import annotations

from paydelay.features.behaviour import BEHAVIOUR
from paydelay.features.declaration import Catalogue
from paydelay.features.exposure import EXPOSURE
from paydelay.features.likeness import LIKENESS
from paydelay.features.rhythm import RHYTHM
from paydelay.features.surroundings import SURROUNDINGS

CATALOGUE = Catalogue((*BEHAVIOUR, *LIKENESS, *RHYTHM, *EXPOSURE, *SURROUNDINGS))
"""Every built-in feature, in column order."""
