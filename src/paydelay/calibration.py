"""Calibration: one increasing map of the margin and the horizon.

The calibrated log-odds are ``f(margin) + c(horizon)``, where f increases and c
never does. Both are straight between knots. Because f is the same for every
row and horizon and c falls with the horizon, order and reasons agree with the
booster's, and a curve that falls with the horizon still does so afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_HORIZON_KNOTS = (-30.0, -14.0, -7.0, -3.0, 0.0, 3.0, 7.0, 15.0, 30.0, 60.0, 90.0, 180.0)
_MARGIN_KNOT_COUNT = 7
_SLOPE_MIN = 0.05


def sigmoid(log_odds: Floats) -> Floats:
    """Probability of log-odds, without overflow."""
    half = 0.5 * np.asarray(log_odds, np.float64)
    return np.asarray(0.5 * (1.0 + np.tanh(half)))


@dataclass(frozen=True)
class MonotoneCalibration:
    """A fitted map from margins and horizons to calibrated log-odds.

    Parameters
    ----------
    margin_knots, margin_values : array of shape (n_knots,)
        f at its knots, strictly increasing; the outer slopes go on beyond them.
    horizon_knots, horizon_values : array of shape (m_knots,)
        c at its knots, never increasing; constant beyond them.

    Examples
    --------
    >>> calibration = MonotoneCalibration.identity()
    >>> float(calibration.log_odds(np.array([0.5]), np.array([30.0]))[0])
    0.5
    """

    margin_knots: Floats
    margin_values: Floats
    horizon_knots: Floats
    horizon_values: Floats

    @classmethod
    def identity(cls) -> MonotoneCalibration:
        """The map that leaves margins as they are."""
        return cls(np.array([-1.0, 1.0]), np.array([-1.0, 1.0]), np.array([0.0]), np.array([0.0]))

    def log_odds(self, margin: NDArray[np.floating], horizon_days: NDArray[np.number]) -> Floats:
        """Calibrated log-odds; both arguments are broadcast against each other."""
        margins = np.asarray(margin, np.float64)
        knots, values = self.margin_knots, self.margin_values
        inner = np.interp(margins, knots, values)
        low_slope = (values[1] - values[0]) / (knots[1] - knots[0])
        high_slope = (values[-1] - values[-2]) / (knots[-1] - knots[-2])
        inner += np.minimum(margins - knots[0], 0.0) * low_slope
        inner += np.maximum(margins - knots[-1], 0.0) * high_slope
        return inner + np.interp(
            np.asarray(horizon_days, np.float64), self.horizon_knots, self.horizon_values
        )

    def probability(self, margin: NDArray[np.floating], horizon_days: NDArray[np.number]) -> Floats:
        """Calibrated probability that the invoice is still open at the horizon."""
        return sigmoid(self.log_odds(margin, horizon_days))

    def to_dict(self) -> dict[str, list[float]]:
        """The map as plain numbers, for the manifest."""
        return {name: getattr(self, name).tolist() for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> MonotoneCalibration:
        """The map from the numbers of a manifest."""
        return cls(**{name: np.asarray(values[name], np.float64) for name in cls.__dataclass_fields__})


def fit_calibration(
    margin: NDArray[np.floating],
    horizon_days: NDArray[np.number],
    open_then: NDArray[np.floating],
    weight: NDArray[np.floating],
    penalty: float = 3.0,
) -> MonotoneCalibration:
    """Map that makes log-loss smallest on pairs the booster has not seen.

    Parameters
    ----------
    margin, horizon_days, open_then, weight : array of shape (n_pairs,)
        Raw margins, horizons, outcomes (1 still open) and weights of pairs.
    penalty : float
        Pull toward the identity, in units of a pair's weight: a thin book keeps
        the booster's own odds.

    Returns
    -------
    MonotoneCalibration
        The identity where there are fewer than 50 pairs or only one outcome.

    Notes
    -----
    Minimises weighted log-loss plus ``penalty`` times the squared distance of
    slopes and of steps of c from the identity, by L-BFGS within the bounds that
    make f increasing and c never increasing.
    """
    from scipy.optimize import minimize

    margins = np.asarray(margin, np.float64)
    if len(margins) < 50 or np.ptp(open_then) == 0:
        return MonotoneCalibration.identity()
    knots = np.unique(np.quantile(margins, np.linspace(0.01, 0.99, _MARGIN_KNOT_COUNT)))
    if len(knots) < 2:
        knots = np.array([margins.min() - 1.0, margins.max() + 1.0])
    steps = np.array(_HORIZON_KNOTS)
    steps = steps[(steps >= horizon_days.min()) & (steps <= horizon_days.max())]
    steps = steps if len(steps) else np.array([0.0])
    hats = _hinges(margins, knots)
    falls = _falls(np.asarray(horizon_days, np.float64), steps)
    outcome, weights = np.asarray(open_then, np.float64), np.asarray(weight, np.float64)
    slope_count = hats.shape[1]
    start = np.concatenate([[0.0], np.ones(slope_count), np.zeros(falls.shape[1])])
    gaps = np.diff(knots)
    design = np.concatenate([np.ones((len(margins), 1)), hats, falls], axis=1)
    offset = np.full(len(margins), knots[0])

    def loss(parameters: Floats) -> tuple[float, Floats]:
        log_odds = offset + design @ parameters
        wrong = weights * (sigmoid(log_odds) - outcome)
        cost = float(weights @ (np.logaddexp(0.0, log_odds) - outcome * log_odds))
        pull = parameters - start
        return cost + penalty * float(pull @ pull), design.T @ wrong + 2.0 * penalty * pull

    bounds = [(None, None)] + [(_SLOPE_MIN, None)] * slope_count + [(None, 0.0)] * falls.shape[1]
    fitted = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500}).x
    slopes, drops = fitted[1 : 1 + slope_count], fitted[1 + slope_count :]
    return MonotoneCalibration(
        margin_knots=knots,
        margin_values=knots[0] + fitted[0] + np.concatenate([[0.0], np.cumsum(slopes * gaps)]),
        horizon_knots=steps,
        horizon_values=np.concatenate([[0.0], np.cumsum(drops)]),
    )


def _hinges(margins: Floats, knots: Floats) -> Floats:
    """How far a margin lies into each interval between knots; the outer intervals have no end."""
    low = np.concatenate([[-np.inf], knots[1:-1]])
    high = np.concatenate([knots[1:-1], [np.inf]])
    from_knot = np.concatenate([[knots[0]], knots[1:-1]])
    return np.asarray(np.clip(margins[:, None], low, high) - from_knot)


def _falls(horizons: Floats, steps: Floats) -> Floats:
    """Share of each step between horizon knots that lies before a horizon."""
    if len(steps) < 2:
        return np.zeros((len(horizons), 0))
    return np.asarray(np.clip((horizons[:, None] - steps[:-1]) / np.diff(steps), 0.0, 1.0))
