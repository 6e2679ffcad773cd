"""The quality gate: a model that does not beat the customer's late ratio is not let through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paydelay.calibration import Floats
from paydelay.errors import FeatureMismatchError
from paydelay.intervals import Interval, cluster_bootstrap
from paydelay.metrics import AreaUnderCurve, brier_score, log_loss
from paydelay.panel import Panel
from paydelay.reliability import calibration_line

BASELINE_FEATURE = "late_share_shrunk_365"
"""The customer's smoothed late ratio, which every model has to beat."""


@dataclass(frozen=True)
class Gate:
    """Whether a probability beats the baseline, and by how much.

    Parameters
    ----------
    gain : Interval
        AUC less that of the smoothed late ratio on the same rows, bootstrapped
        by customer.
    figures : dict of str to float
        Plain measures on the same rows.
    passed : bool
        Whether the interval of the gain lies above zero.
    """

    gain: Interval
    figures: dict[str, float]
    passed: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the manifest; None for a figure that could not be told."""
        figures = {name: value if np.isfinite(value) else None for name, value in self.figures.items()}
        return {"gain": self.gain.to_dict(), "figures": figures, "passed": self.passed}


def judge(
    panel: Panel, row: NDArray[np.int64], probability: Floats, open_then: NDArray[np.float32], weight: Floats
) -> Gate:
    """Paired gain of a probability over the smoothed late ratio, bootstrapped by customer."""
    outcome = open_then.astype(np.float64)
    if len(row) == 0 or outcome.min() == outcome.max():
        nothing = Interval(float("nan"), float("-inf"), float("inf"))
        return Gate(nothing, {"row_count": float(len(row))}, passed=False)
    ratio = panel.X[row, panel.feature_names.index(BASELINE_FEATURE)].astype(np.float64)
    customer = panel.rows["customer_id"][row].rank("dense").to_numpy()
    ours, theirs = AreaUnderCurve(probability, outcome), AreaUnderCurve(ratio, outcome)
    gain = cluster_bootstrap(customer, lambda times: ours(times * weight) - theirs(times * weight))
    intercept, slope = calibration_line(probability, outcome, weight)
    figures = {
        "row_count": float(len(row)),
        "positive_count": float(outcome.sum()),
        "auc": ours(weight),
        "auc_late_ratio": theirs(weight),
        "log_loss": log_loss(probability, outcome, weight),
        "brier": brier_score(probability, outcome, weight),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
    }
    return Gate(gain, figures, passed=gain.low > 0.0)


def require_baseline(feature_names: Sequence[str]) -> None:
    """Refuse a catalogue that cannot be compared with the smoothed late ratio."""
    if BASELINE_FEATURE not in feature_names:
        raise FeatureMismatchError(
            f"The gate compares with {BASELINE_FEATURE}, which is not in the catalogue; add it."
        )


def gate_sentence(gate: Gate) -> str:
    """Why a model was not let through."""
    if not np.isfinite([gate.gain.value, gate.gain.low]).all():
        return (
            "The model could not be judged: the latest mature period holds too few invoices of both "
            "outcomes. Give a longer ledger, or keep it all the same with --force (force=True)."
        )
    return (
        f"The model does not beat the customer's late ratio on the latest mature period: its AUC gain is "
        f"{gate.gain.value:+.3f} (95 % interval {gate.gain.low:+.3f} to {gate.gain.high:+.3f}), and the "
        "interval has to lie above zero. Give more history, or keep it all the same with --force "
        "(force=True)."
    )
