"""Calibration: one increasing map of the margin and the horizon.

The calibrated log-odds are ``f(margin) + level(horizon) - g(margin, horizon)``. f is
increasing and straight between knots. The level follows what happened lately at
each horizon: few debts paid within a month say little of how many are never
paid. g lets the spread of the odds differ by horizon: it grows in steps, within a
step straight in the margin between its value for the lowest and for the highest
margins, neither of them negative, and the slope of f is kept above all that g
could take from it. So the map rises with the margin at every horizon, and order
and reasons agree with the booster's. The level may rise by less than the odds
fall; where it would not for some row, the model keeps what is told and lets the
days between give way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_HORIZON_KNOTS = (-14.0, -3.0, 0.0, 3.0, 15.0, 30.0, 60.0, 90.0, 180.0)
_MARGIN_KNOT_COUNT = 7
_SLOPE_MIN = 0.05
_SEARCH = {"maxiter": 200, "ftol": 1e-7}
PAIRS_MIN = 50
"""Pairs below which no map is fitted."""
_PAIRS_MAX = 120_000
_PULL_OF_SCALE = 16.0
_FAR_DAYS = 15.0
_SCALE_BOUNDS = (0.3, 3.0)


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
    horizon_knots : array of shape (m_knots,)
        Horizons in days between which g grows; constant beyond them.
    low_drops, high_drops : array of shape (m_knots - 1,)
        How much g grows in each step at the lowest and the highest margin knot.
    level_steps : array of shape (m_knots - 1,)
        How much the level changes in each step.

    Examples
    --------
    >>> calibration = MonotoneCalibration.identity()
    >>> float(calibration.log_odds(np.array([0.5]), np.array([30.0]))[0])
    0.5
    """

    margin_knots: Floats
    margin_values: Floats
    horizon_knots: Floats
    low_drops: Floats
    high_drops: Floats
    level_steps: Floats

    @classmethod
    def identity(cls) -> MonotoneCalibration:
        """The map that leaves margins as they are."""
        ends = np.array([-1.0, 1.0])
        return cls(ends, ends, np.array([0.0]), np.empty(0), np.empty(0), np.empty(0))

    def log_odds(self, margin: NDArray[np.number], horizon_days: NDArray[np.number]) -> Floats:
        """Calibrated log-odds; both arguments are broadcast against each other."""
        margins = np.asarray(margin, np.float64)
        knots, values = self.margin_knots, self.margin_values
        inner = np.interp(margins, knots, values)
        low_slope = (values[1] - values[0]) / (knots[1] - knots[0])
        high_slope = (values[-1] - values[-2]) / (knots[-1] - knots[-2])
        inner += np.minimum(margins - knots[0], 0.0) * low_slope
        inner += np.maximum(margins - knots[-1], 0.0) * high_slope
        horizons = np.asarray(horizon_days, np.float64)
        low, high, level = (
            np.interp(horizons, self.horizon_knots, np.concatenate([[0.0], np.cumsum(steps)]))
            for steps in (self.low_drops, self.high_drops, self.level_steps)
        )
        place = np.clip((margins - knots[0]) / (knots[-1] - knots[0]), 0.0, 1.0)
        return np.asarray(inner + level - (1.0 - place) * low - place * high)

    def probability(self, margin: NDArray[np.number], horizon_days: NDArray[np.number]) -> Floats:
        """Calibrated probability that the invoice is still open at the horizon."""
        return sigmoid(self.log_odds(margin, horizon_days))

    def corrected(
        self, scale: float, shift: float, horizon_knots: Floats, shifts: Floats
    ) -> MonotoneCalibration:
        """The map whose log-odds are ``scale * log_odds + shift``, and shifted by horizon.

        Parameters
        ----------
        scale, shift : float
            Above 0; 1 and 0 leave the map as it is.
        horizon_knots : array of shape (k_knots,)
            Horizons in days between which the further shift runs straight.
        shifts : array of shape (k_knots,)
            Further shift at each of them, constant beyond.

        Returns
        -------
        MonotoneCalibration
            A map of the same kind: it rises with the margin as this one does.

        Examples
        --------
        >>> twice = MonotoneCalibration.identity().corrected(2.0, 0.1, np.array([0.0]), np.array([0.0]))
        >>> float(twice.log_odds(np.array([0.5]), np.array([30.0]))[0])
        1.1
        """
        knots = np.union1d(self.horizon_knots, horizon_knots)

        def steps(of_old: Floats) -> Floats:
            # Straight between the old knots, and so at every new one among them.
            return np.diff(np.interp(knots, self.horizon_knots, np.concatenate([[0.0], np.cumsum(of_old)])))

        further = np.interp(knots, horizon_knots, shifts)
        return MonotoneCalibration(
            margin_knots=self.margin_knots,
            margin_values=scale * self.margin_values + shift + further[0],
            horizon_knots=knots,
            low_drops=scale * steps(self.low_drops),
            high_drops=scale * steps(self.high_drops),
            level_steps=scale * steps(self.level_steps) + np.diff(further),
        )

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
    near_penalty: float | None = None,
) -> MonotoneCalibration:
    """Map that makes log-loss smallest on pairs the booster has not seen.

    Parameters
    ----------
    margin, horizon_days, open_then, weight : array of shape (n_pairs,)
        Raw margins, horizons, outcomes (1 still open) and weights of pairs.
    penalty : float
        Pull toward the identity, in units of a pair's weight: a thin book keeps
        the booster's own odds.
    near_penalty : float, optional
        Pull of all but what the map does beyond 15 days after the due date, where
        the booster has seen the most outcomes; ``penalty`` where None.

    Returns
    -------
    MonotoneCalibration
        The identity where there are fewer than 50 pairs or only one outcome.

    Notes
    -----
    Minimises weighted log-loss plus the penalties times the squared distance of the
    parameters from the identity's, by L-BFGS within bounds of zero.
    """
    from scipy.optimize import minimize

    pairs = np.arange(len(margin))
    if len(pairs) > _PAIRS_MAX:
        # Forty parameters are as sure after a tenth of a million pairs as after a million.
        pairs = np.random.default_rng(len(pairs)).choice(pairs, _PAIRS_MAX, replace=False)
    margins, horizons, outcome, weights = (
        np.asarray(values, np.float64)[pairs] for values in (margin, horizon_days, open_then, weight)
    )
    # Those drawn stand for all, so that the pull is as weak beside them.
    weights *= len(margin) / max(len(pairs), 1)
    if len(margins) < PAIRS_MIN or np.ptp(outcome) == 0:
        return MonotoneCalibration.identity()
    knots = np.unique(np.quantile(margins, np.linspace(0.01, 0.99, _MARGIN_KNOT_COUNT)))
    if len(knots) < 2:
        knots = np.array([margins.min() - 1.0, margins.max() + 1.0])
    steps = np.array(_HORIZON_KNOTS)
    steps = steps[(steps >= horizons.min()) & (steps <= horizons.max())]
    steps = steps if len(steps) else np.array([0.0])
    design, count = _design(margins, horizons, knots, steps)
    start = np.zeros(design.shape[1])
    start[1 : 1 + count] = 1.0 - _SLOPE_MIN
    near = np.concatenate([np.ones(1 + count, np.bool_), np.tile(steps[:-1] < _FAR_DAYS, 3)])
    pull = np.where(near, penalty if near_penalty is None else near_penalty, penalty)
    offset = knots[0] + _SLOPE_MIN * (margins - knots[0])

    def loss(parameters: Floats) -> tuple[float, Floats]:
        log_odds = offset + design @ parameters
        wrong = weights * (sigmoid(log_odds) - outcome)
        cost = float(weights @ (np.logaddexp(0.0, log_odds) - outcome * log_odds))
        away = parameters - start
        return cost + float(pull @ away**2), design.T @ wrong + 2.0 * pull * away

    free = [(None, None)] * (len(steps) - 1)
    bounds = [(None, None)] + [(0.0, None)] * (len(start) - len(steps)) + free
    fitted = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=_SEARCH).x
    low, high, level = fitted[1 + count :].reshape(3, -1)
    slopes = _SLOPE_MIN + fitted[1 : 1 + count] + high.sum() / (knots[-1] - knots[0])
    return MonotoneCalibration(
        margin_knots=knots,
        margin_values=knots[0] + fitted[0] + np.concatenate([[0.0], np.cumsum(slopes * np.diff(knots))]),
        horizon_knots=steps,
        low_drops=low,
        high_drops=high,
        level_steps=level,
    )


def fit_correction(
    trained: MonotoneCalibration,
    margin: NDArray[np.floating],
    horizon_days: NDArray[np.number],
    open_then: NDArray[np.floating],
    weight: NDArray[np.floating],
    penalty: float,
) -> MonotoneCalibration:
    """The map of training, moved as little as what came since asks for.

    Parameters
    ----------
    trained : MonotoneCalibration
        The map to correct.
    margin, horizon_days, open_then, weight : array of shape (n_pairs,)
        Raw margins, horizons, outcomes (1 still open) and weights of pairs.
    penalty : float
        Pull of each shift toward none, in units of a pair's weight.

    Returns
    -------
    MonotoneCalibration
        ``trained`` itself where there are fewer than 50 pairs or only one outcome.

    Notes
    -----
    With z the log-odds of ``trained``, minimises the weighted log-loss of
    ``scale z + shift + shift(horizon)`` plus the penalty times the squared distance
    from z itself. The pull on the scale is sixteen times as strong: what hits all
    customers at once moves the level, and the spread of the odds is the booster's.
    """
    from scipy.optimize import minimize

    if len(margin) < PAIRS_MIN or np.ptp(open_then) == 0:
        return trained
    log_odds, horizons = trained.log_odds(margin, horizon_days), np.asarray(horizon_days, np.float64)
    steps = np.array(_HORIZON_KNOTS)
    steps = steps[(steps >= horizons.min()) & (steps <= horizons.max())]
    steps = steps if len(steps) else np.array([0.0])
    design = np.column_stack([log_odds, np.ones(len(log_odds)), _falls(horizons, steps)])
    start = np.zeros(design.shape[1])
    start[0] = 1.0
    pull = np.full(len(start), penalty)
    pull[0] *= _PULL_OF_SCALE

    def loss(parameters: Floats) -> tuple[float, Floats]:
        told = design @ parameters
        away = parameters - start
        cost = float(weight @ (np.logaddexp(0.0, told) - open_then * told))
        gradient = design.T @ (weight * (sigmoid(told) - open_then)) + 2.0 * pull * away
        return cost + float(pull @ away**2), gradient

    bounds = [_SCALE_BOUNDS] + [(None, None)] * (len(start) - 1)
    fitted = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=_SEARCH).x
    shifts = np.concatenate([[0.0], np.cumsum(fitted[2:])])
    return trained.corrected(float(fitted[0]), float(fitted[1]), steps, shifts)


def _design(margins: Floats, horizons: Floats, knots: Floats, steps: Floats) -> tuple[Floats, int]:
    """Columns of the parameters: start, extra slopes of f, drops at low and high margins, level steps.

    Every drop at high margins also raises the slope of f by as much as it could
    take from it, so that bounds of zero are all the map needs to rise with the margin.
    """
    hinges = _hinges(margins, knots)
    falls = _falls(horizons, steps)
    span = knots[-1] - knots[0]
    place = np.clip((margins - knots[0]) / span, 0.0, 1.0)[:, None]
    low = -falls * (1.0 - place)
    high = -falls * place + ((margins - knots[0]) / span)[:, None]
    columns = [np.ones((len(margins), 1)), hinges, low, high, falls]
    return np.concatenate(columns, axis=1), hinges.shape[1]


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
