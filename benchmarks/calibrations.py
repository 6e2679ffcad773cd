"""Kinds of calibration: what is done with the margins on the later pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from recipes import Later, Map

from paydelay.calibration import MonotoneCalibration, fit_calibration, sigmoid

_TIE = 1e-4
_PROBABILITY_EDGE = 1e-3


def uncalibrated(late_days: int, later: Later) -> Map:  # noqa: ARG001 - called as the others are
    """The booster's own odds."""
    return MonotoneCalibration.identity()


def evenly_pulled(late_days: int, later: Later) -> Map:  # noqa: ARG001 - called as the others are
    """The map of paydelay as free near the due date as beyond it."""
    return fit_calibration(later.margin, later.horizon_days, later.open_then, later.weight, later.pull)


@dataclass(frozen=True)
class Platt:
    """Log-odds = intercept + slope x margin, at the late horizon and at all others."""

    late_days: int
    late: tuple[float, float]
    others: tuple[float, float]

    def probability(self, margin: np.ndarray, horizon_days: np.ndarray) -> np.ndarray:
        """Probability of being still open."""
        at_late = np.asarray(horizon_days) == self.late_days
        lines = [line[0] + line[1] * np.asarray(margin) for line in (self.late, self.others)]
        return sigmoid(np.where(at_late, *lines))


def platt(late_days: int, later: Later) -> Map:
    """Logistic regression on the margin (Platt 1999)."""
    from paydelay.reliability import calibration_line

    at = later.horizon_days == late_days
    lines = [
        calibration_line(sigmoid(later.margin[rows]), later.open_then[rows], later.weight[rows])
        for rows in (at, ~at)
    ]
    # Where no line is the best, as of outcomes that a threshold parts, the margin stays as it is.
    return Platt(late_days, *(line if np.isfinite(line).all() else (0.0, 1.0) for line in lines))


@dataclass(frozen=True)
class Isotonic:
    """Steps of the margin, each with a slight rise, so that no two margins tie."""

    late_days: int
    late: tuple[np.ndarray, np.ndarray]
    others: tuple[np.ndarray, np.ndarray]

    def probability(self, margin: np.ndarray, horizon_days: np.ndarray) -> np.ndarray:
        """Probability of being still open."""
        at_late = np.asarray(horizon_days) == self.late_days
        steps = [np.interp(margin, *knots) for knots in (self.late, self.others)]
        told = np.clip(np.where(at_late, *steps), _PROBABILITY_EDGE, 1.0 - _PROBABILITY_EDGE)
        return (1.0 - _TIE) * told + _TIE * sigmoid(np.asarray(margin))


def isotonic(late_days: int, later: Later) -> Map:
    """Best increasing steps (Zadrozny and Elkan 2002), ties broken by the margin."""
    at = later.horizon_days == late_days
    return Isotonic(late_days, *(_steps(later, rows) for rows in (at, ~at)))


def _steps(later: Later, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(
        later.margin[rows], later.open_then[rows], sample_weight=later.weight[rows]
    )
    return fitted.X_thresholds_, fitted.y_thresholds_
