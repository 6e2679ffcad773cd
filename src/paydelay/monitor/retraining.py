"""Whether a newer model would have said it better: tried in the past, and judged on what came after."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import polars as pl

from paydelay.calibration import Floats
from paydelay.config import Config, MonitorSettings
from paydelay.errors import ImmatureOutcomeError, ThinLedgerError
from paydelay.features import Catalogue
from paydelay.intervals import Interval
from paydelay.ledger import Ledger
from paydelay.metrics import log_loss
from paydelay.model import DelayModel
from paydelay.monitor.books import PastBooks
from paydelay.monitor.realised import Realised
from paydelay.training import recalibrate, train

logger = logging.getLogger(__name__)

Advice = Literal["retrain", "recalibrate", "not_shown", "not_tried", "not_possible"]
"""What the evidence says: not shown is no proof that nothing would be gained."""
_LEVEL = 0.95
_GAINS = {
    "recalibrated": ("recalibrated", "scored"),
    "retrained": ("retrained", "scored"),
    "retrained_over_recalibrated": ("retrained", "recalibrated"),
}


@dataclass(frozen=True)
class Retraining:
    """What a newer model would have gained.

    Parameters
    ----------
    advice : {'retrain', 'recalibrate', 'not_shown', 'not_tried', 'not_possible'}
    as_of : date or None
        Day by what was known on which the newer models were made; both are judged on the
        books from then on.
    row_count : int
        Past scores they were judged on.
    log_loss : dict of str to float
        Of being late: ``scored`` as the past scores said, ``recalibrated``, ``retrained``.
    gains : dict of str to Interval
        Log-loss saved over the past scores by each, and by retraining over recalibrating.
    """

    advice: Advice
    as_of: date | None
    row_count: int
    log_loss: dict[str, float]
    gains: dict[str, Interval]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON.

        Returns
        -------
        dict
        """
        return {
            "advice": self.advice,
            "as_of": None if self.as_of is None else self.as_of.isoformat(),
            "row_count": self.row_count,
            "log_loss": dict(self.log_loss),
            "gains": {name: gain.to_dict() for name, gain in self.gains.items()},
        }


def nothing_tried(advice: Advice = "not_tried") -> Retraining:
    """Where no newer model was made."""
    return Retraining(advice, None, 0, {}, {})


def try_retraining(
    ledger: Ledger,
    model: DelayModel,
    books: PastBooks,
    late: Realised,
    config: Config,
    settings: MonitorSettings,
    catalogue: Catalogue,
    covariates: Mapping[str, pl.DataFrame] | None,
) -> Retraining:
    """Recalibrate and retrain in the middle of the period, and judge both on the rest of it.

    Parameters
    ----------
    ledger : Ledger
        The books.
    model : DelayModel
        The one that scored.
    books : PastBooks
    late : Realised
        Rows whose being late is known.
    config : Config
        Settings of the model's training.
    settings : MonitorSettings
    catalogue : Catalogue
        Holds the model's features.
    covariates : mapping of str to polars.DataFrame, optional

    Returns
    -------
    Retraining
    """
    days = late.rows["as_of"].unique().sort()
    trained = date.fromisoformat(model.manifest["trained_as_of"])
    middle = days[len(days) // 2] if len(days) else trained
    later = np.flatnonzero((late.rows["as_of"] >= middle).to_numpy())
    if middle <= trained or len(later) < settings.rows_min:
        return nothing_tried("not_possible")
    panel = books.panel.take(late.at[later])
    grace = float(config.outcomes.grace_days)

    def said(newer: DelayModel) -> Floats:
        return newer.open_share_at(newer.survival(panel), panel.rows["days_past_due"].to_numpy(), grace)

    found = {"scored": late.said[later]}
    try:
        newer = recalibrate(books.known, model, middle, catalogue=catalogue, covariates=covariates)
        found["recalibrated"] = said(newer)
        found["retrained"] = said(train(ledger, middle, config, True, catalogue, covariates))
    except (ThinLedgerError, ImmatureOutcomeError):
        return nothing_tried("not_possible")
    return _compared(late, later, found, middle, settings)


def _compared(
    late: Realised,
    later: np.ndarray[Any, Any],
    found: dict[str, Floats],
    middle: date,
    settings: MonitorSettings,
) -> Retraining:
    came = late.judged.came[later]
    part = Realised(
        late.outcome, late.judged.take(later), late.week[later], None, late.rows[later], late.at[later]
    )

    def gain(better: Floats, worse: Floats) -> Interval:
        return part.interval(
            lambda times: log_loss(worse, came, times) - log_loss(better, came, times), settings, _LEVEL
        )

    gains = {name: gain(found[better], found[worse]) for name, (better, worse) in _GAINS.items()}
    losses = {name: log_loss(probability, came) for name, probability in found.items()}
    logger.info("retraining: log-loss gain %.4f over %d rows", gains["retrained"].value, len(later))
    return Retraining(_advice(gains), middle, len(later), losses, gains)


def _advice(gains: dict[str, Interval]) -> Advice:
    """Retraining costs more: it is advised where it gains, and more than recalibrating does."""
    shown = {name: gain.low > 0.0 for name, gain in gains.items()}
    if shown["retrained"] and (shown["retrained_over_recalibrated"] or not shown["recalibrated"]):
        return "retrain"
    return "recalibrate" if shown["recalibrated"] else "not_shown"
