"""A trained model corrected by what came since: the same trees, the same curve, newer odds."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from paydelay.calibration import PAIRS_MIN, MonotoneCalibration, fit_correction
from paydelay.config import load_config
from paydelay.errors import ImmatureOutcomeError
from paydelay.features import CATALOGUE, Catalogue
from paydelay.history import EPOCH, History, cut_ledger
from paydelay.ledger import Ledger
from paydelay.model import DelayModel
from paydelay.outcomes import Outcomes, require_recorded
from paydelay.panel import Panel, as_date, build_panel
from paydelay.training.pairs import pair_margins, training_pairs

logger = logging.getLogger(__name__)

_STEP_DAYS = 7
_WEEKS_MAX = 26
_HALF_LIFE_DAYS = 56.0
_PULL_INVOICES = 25.0


def recalibrate(
    ledger: Ledger,
    model: DelayModel,
    as_of: date | str,
    *,
    catalogue: Catalogue = CATALOGUE,
    covariates: Mapping[str, pl.DataFrame] | None = None,
) -> DelayModel:
    """Correct a model's one curve by the outcomes that came in since it was trained.

    The books between training and ``as_of`` are scored week by week, as they stood,
    and compared with what is known of them on ``as_of``. All that is told of an
    invoice is read off the corrected curve: probabilities, dates, expected cash.

    Parameters
    ----------
    ledger : Ledger
        The books; nothing recorded after ``as_of`` is used.
    model : DelayModel
        Trained before ``as_of``. One that was corrected before is corrected anew
        from what training left, never twice by the same outcomes.
    as_of : date or ISO str
        Day of correction.
    catalogue : Catalogue
        Holds the model's features; one's own included.
    covariates : mapping of str to polars.DataFrame, optional
        Dated tables of one's own that the features look up.

    Returns
    -------
    DelayModel
        The same trees under a corrected map; the manifest tells ``calibrated_as_of``
        and on how much the correction rests (``corrected_by``). Where too little has come
        since, map and date are as they were, and ``correction_tried`` tells when and why:
        fewer than 50 pairs, or all of one outcome.

    Raises
    ------
    ImmatureOutcomeError
        If ``as_of`` does not lie after the training, or lies beyond the ledger.
    LedgerError
        If the ledger reports in another currency than the model learned in.
    FeatureMismatchError
        If the catalogue lacks a feature of the model.

    Notes
    -----
    See :func:`paydelay.calibration.fit_correction`. The pull toward the trained map is
    worth 25 invoices, and a book eight weeks old counts half. Days before the due
    date and after it have matured to different degrees: each pair of a row and a
    horizon is used from the day its outcome is known, whatever it was.

    Examples
    --------
    >>> from paydelay import SimulationSettings, simulate, train
    >>> book = simulate(SimulationSettings(customer_count=40, month_count=14, seed=3))
    >>> ledger = Ledger.from_frames(book.invoices, book.payments)
    >>> few = load_config({"model": {"tree_count": 5, "thread_count": 1}})
    >>> model = train(ledger, "2024-04-30", few, force=True)
    >>> recalibrate(ledger, model, "2024-06-30").manifest["corrected_by"]["invoice_count"] > 50
    True
    """
    when, trained = as_date(as_of), date.fromisoformat(model.manifest["trained_as_of"])
    if when <= trained:
        raise ImmatureOutcomeError(
            f"The model was trained as of {trained} and is to be corrected as of {when}, by which nothing "
            "has come since; give a later date."
        )
    require_recorded(ledger, when)
    if ledger.invoices.height:
        model.require_currency(ledger.reporting_currency)
    settings = load_config(model.manifest["config"]).ledger
    chosen = model.chosen_from(catalogue, covariates)
    history = History.build(cut_ledger(ledger, when), settings, covariates)
    weeks = min((when - trained).days // _STEP_DAYS, _WEEKS_MAX)
    dates = [when - timedelta(days=_STEP_DAYS * week) for week in range(weeks, 0, -1)]
    panel = build_panel(history, dates, chosen)
    return corrected(model, panel, Outcomes.of(history, when, settings))


def corrected(model: DelayModel, panel: Panel, outcomes: Outcomes) -> DelayModel:
    """The model with its map corrected by rows scored since training.

    Parameters
    ----------
    model : DelayModel
    panel : Panel
        Weekly books on and after the day of training.
    outcomes : Outcomes
        Of the panel's history, as known on the day of correction.

    Returns
    -------
    DelayModel
        With its map, and the date of it, as they were where there is too little to go by.
    """
    trained = MonotoneCalibration.from_dict(
        model.manifest.get("calibration_trained", model.calibration.to_dict())
    )
    supported = [days for days in model.horizons_days if days <= model.pooled.supported_days]
    asked = [model.manifest["outcomes"][name] for name in ("grace_days", "unpaid_after_days")]
    seed = load_config(model.manifest["config"]).model.seed
    pairs = training_pairs(panel, outcomes, supported, np.ones(len(panel), np.bool_), asked, seed)
    row, horizon, open_then, _ = pairs
    age_days = outcomes.labels_day - panel.as_of_day[row].astype(np.float64)
    weight = pairs.weight * 0.5 ** (age_days / _HALF_LIFE_DAYS)
    invoices = len(np.unique(panel.invoice[row]))
    calibration = trained
    if len(row):
        margin = pair_margins(model, panel, row, horizon, supported)
        pull = _PULL_INVOICES * float(weight.sum()) / invoices
        calibration = fit_correction(trained, margin, horizon, open_then.astype(np.float64), weight, pull)
    logger.info("recalibrate: %d pairs of %d invoices", len(row), invoices)
    manifest: dict[str, Any] = {
        name: entry for name, entry in model.manifest.items() if name != "correction_tried"
    }
    day = (EPOCH + timedelta(days=outcomes.labels_day)).isoformat()
    rests_on = {"pair_count": len(row), "invoice_count": invoices}
    if calibration is trained:
        why = "too_few_pairs" if len(row) < PAIRS_MIN else "one_outcome"
        return replace(model, manifest=manifest | {"correction_tried": {"as_of": day, "why": why} | rests_on})
    manifest |= {
        "calibrated_as_of": day,
        "calibration_trained": trained.to_dict(),
        "corrected_by": rests_on,
    }
    return replace(model, calibration=calibration, manifest=manifest)
