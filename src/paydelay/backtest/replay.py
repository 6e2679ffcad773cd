"""The past replayed: every fold trains on what was known, and scores the open books after it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from paydelay.backtest.baselines import baselines
from paydelay.calibration import Floats
from paydelay.config import Config
from paydelay.features import CATALOGUE, Catalogue
from paydelay.folds import Fold
from paydelay.history import History, cut_ledger
from paydelay.ledger import Ledger
from paydelay.metrics import curve_score
from paydelay.model import DelayModel, lost_rows
from paydelay.outcomes import Outcomes
from paydelay.panel import Panel, build_panel
from paydelay.training import train

logger = logging.getLogger(__name__)

_KEPT = (
    *("as_of", "invoice_id", "customer_id", "segment", "due_date", "days_past_due"),
    *("open_amount_reporting", "written_off"),
)
_SLICED = {"settled_count_all": "settled_count", "customer_age_days": "customer_age_days"}


def replay(
    ledger: Ledger,
    folds: Sequence[Fold],
    config: Config,
    catalogue: Catalogue = CATALOGUE,
    covariates: Mapping[str, pl.DataFrame] | None = None,
    told: Callable[[Fold], None] | None = None,
) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """Every open invoice on every day of scoring: what was said of it then, and what came.

    Parameters
    ----------
    ledger : Ledger
        The books, to the end.
    folds : sequence of Fold
        Training dates and the days scored after each.
    config : Config
        Settings of every stage.
    catalogue : Catalogue
        Features to use.
    covariates : mapping of str to polars.DataFrame, optional
        Dated tables of one's own that the features look up.
    told : callable, optional
        Called with each fold before it begins.

    Returns
    -------
    rows : polars.DataFrame
        One row per fold, day and open invoice: identity, what every scorer said
        (``model``, ``unpaid``, delays, baselines by name) and the outcomes ``late``,
        ``unpaid_came`` and ``delay_days``, null where they are not mature or were known.
    models : list of dict
        What the manifest of each fold's model says of its training.
    """
    history = History.build(ledger, config.ledger, covariates)
    parts, models = [], []
    for fold in folds:
        if told is not None:
            told(fold)
        model = train(ledger, fold.train_as_of, config, True, catalogue, covariates)
        past = History.build(cut_ledger(ledger, fold.train_as_of), config.ledger, covariates)
        panel = build_panel(history, fold.as_ofs, catalogue)
        outcomes = Outcomes.of(history, fold.labels_at, config.ledger)
        parts.append(_rows(history, past, fold, panel, model, outcomes, config))
        facts = {name: model.manifest[name] for name in ("period", "gate", "tree_count", "unpaid_is_pooled")}
        models.append({"fold": fold.number, "train_as_of": fold.train_as_of.isoformat()} | facts)
        logger.info("fold %d: trained as of %s, %d rows", fold.number, fold.train_as_of, len(panel))
    return pl.concat(parts), models


def _rows(
    history: History,
    past: History,
    fold: Fold,
    panel: Panel,
    model: DelayModel,
    outcomes: Outcomes,
    config: Config,
) -> pl.DataFrame:
    late_days, unpaid_days = config.outcomes.grace_days, config.outcomes.unpaid_after_days
    overdue = panel.rows["days_past_due"].to_numpy()
    curve = model.survival(panel)
    late, unpaid = outcomes.labels(
        panel.invoice, panel.as_of_day, np.array([late_days, unpaid_days])
    ).T.astype(np.float64)
    delay = _delays(outcomes, panel, config.backtest.delay_cap_days)
    simple = baselines(history, past, fold.train_as_of, panel, model.manifest["period"]["late_share"], config)
    lost = lost_rows(panel)
    low, high = model.delay_interval(curve, overdue, lost)
    capped, horizons = _up_to(model, curve, config.backtest.delay_cap_days)
    said = {
        "model": model.open_share_at(curve, overdue, float(late_days)),
        "unpaid": model.open_share_at(curve, overdue, float(unpaid_days)),
        "delay_median": model.delay_quantile(curve, overdue, 0.5, lost),
        "delay_low": low,
        "delay_high": high,
        "curve_score": np.where(np.isnan(delay), np.nan, curve_score(horizons, capped, overdue, delay)),
        **simple.probabilities,
        **simple.orders,
        "always_0": simple.median_days["always_0"],
    }
    came = {"late": late, "unpaid_came": unpaid, "delay_days": delay}
    sliced = {name: _feature(panel, feature) for feature, name in _SLICED.items()}
    return panel.rows.select(pl.lit(fold.number, dtype=pl.Int32).alias("fold"), *_KEPT).with_columns(
        **{name: pl.Series(values).fill_nan(None) for name, values in (sliced | said | came).items()}
    )


def _up_to(model: DelayModel, curve: Floats, cap_days: int) -> tuple[Floats, Floats]:
    """The curve at the horizons up to a cap, which is one of them."""
    horizons = np.array(model.horizons_days, np.float64)
    kept = horizons < cap_days
    at_cap = np.array([np.interp(cap_days, horizons, row) for row in curve]) if len(curve) else np.empty(0)
    return np.column_stack([curve[:, kept], at_cap]), np.append(horizons[kept], cap_days)


def _delays(outcomes: Outcomes, panel: Panel, cap_days: int) -> Floats:
    """Delay of each row, infinite beyond the cap; NaN where the cap is not mature, known or cancelled."""
    mature = outcomes.labels(panel.invoice, panel.as_of_day, np.array([cap_days]))[:, 0]
    delay = outcomes.delay_days(panel.invoice)
    return np.where(np.isnan(mature), np.nan, np.where(delay > cap_days, np.inf, delay))


def _feature(panel: Panel, name: str) -> Floats:
    return panel.X[:, panel.feature_names.index(name)].astype(np.float64)


def labels_day(ledger: Ledger) -> date:
    """Last day on which the books record anything: what came is judged as of then.

    Parameters
    ----------
    ledger : Ledger
        The books.

    Returns
    -------
    date
    """
    days = [rows["known_on"].max() for rows in (ledger.invoices, ledger.payments) if rows.height]
    return max(day for day in days if isinstance(day, date))
