"""Runs logged in MLflow, and the registry of models with its champion and challenger.

``store`` reaches MLflow (whose owner this package is), ``runs`` logs a training, ``loader``
is what MLflow loads a model by, ``registry`` keeps versions and aliases; ``contest`` compares
champion and challenger, ``promotion`` decides, ``claim`` lets one promotion through at a time;
``resuming`` takes up what a killed process left.
"""

from paydelay.tracking.contest import Comparison
from paydelay.tracking.promotion import Promotion, promote
from paydelay.tracking.registry import load_registered
from paydelay.tracking.resuming import logged_before
from paydelay.tracking.runs import LoggedRun, log_training

__all__ = [
    "Comparison",
    "LoggedRun",
    "Promotion",
    "load_registered",
    "log_training",
    "logged_before",
    "promote",
]
