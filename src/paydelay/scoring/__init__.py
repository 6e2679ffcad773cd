"""From a ledger and a model to the score table, and why its scores are what they are.

``path`` is the one way there; ``table`` holds the columns and the object that is
returned; ``teller`` gives the reasons, by invoice and by customer. ``keeping`` keeps the
scores of a day, ``replaying`` makes them again.
"""

from paydelay.scoring.keeping import check_kept_folder
from paydelay.scoring.path import EXPLAINED_TOP, Explained, score
from paydelay.scoring.replaying import Replay, replay
from paydelay.scoring.table import SCHEMA_VERSION, SCORE_SCHEMA, Scores

__all__ = [
    "EXPLAINED_TOP",
    "SCHEMA_VERSION",
    "SCORE_SCHEMA",
    "Explained",
    "Replay",
    "Scores",
    "check_kept_folder",
    "replay",
    "score",
]
