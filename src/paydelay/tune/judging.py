"""What a trial is judged by: rows not yet due, on the days after a training, whose outcome is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.backtest.comparing import LOWER_IS_BETTER, Measure, measures, outermost
from paydelay.backtest.judging import Judged, judged_rows
from paydelay.calibration import Floats
from paydelay.config import Config
from paydelay.errors import ThinLedgerError
from paydelay.features import Catalogue
from paydelay.folds import Fold
from paydelay.history import History
from paydelay.intervals import Interval, cluster_bootstrap
from paydelay.ledger import Ledger
from paydelay.model import DelayModel
from paydelay.outcomes import Outcomes
from paydelay.panel import Panel, build_panel
from paydelay.training import train
from paydelay.tune.space import with_settings

_MEASURES = {"log_loss": "log_loss", "auc": "auc", "captured_20": "late_value_20"}
FIGURES = tuple(_MEASURES)
"""What is told of each trial; the first is what trials are chosen by."""
_CONTACTS = 1  # figures by number of contacts are not asked for


@dataclass(frozen=True)
class FoldRows:
    """The rows that a fold is judged by. They depend on no setting that is tuned.

    Parameters
    ----------
    fold : Fold
        Training date and days of scoring.
    panel : Panel
        Open invoices on those days that were not due yet and whose outcome is mature.
    late : array of shape (n_rows,)
        1 where the invoice was still open after the grace, else 0.
    """

    fold: Fold
    panel: Panel = field(repr=False)
    late: Floats = field(repr=False)

    def judged(self, said: Floats) -> Judged:
        """The rows with what a model says of them, as the backtest judges them."""
        value = self.panel.rows["open_amount_reporting"].to_numpy() * self.late
        return judged_rows(
            self.panel.rows.with_columns(model=said), self.late, ("model",), {"late_value": value}
        )


def rows_to_judge(history: History, fold: Fold, config: Config, catalogue: Catalogue) -> FoldRows:
    """Rows of a fold whose being late is known on its day of judging.

    Parameters
    ----------
    history : History
        The ledger by what was known when.
    fold : Fold
        Training date, days of scoring, day of judging.
    config : Config
        Says what late means.
    catalogue : Catalogue
        Features that models ask for.

    Returns
    -------
    FoldRows

    Raises
    ------
    ThinLedgerError
        If there is none.
    """
    panel = build_panel(history, fold.as_ofs, catalogue)
    outcomes = Outcomes.of(history, fold.labels_at, config.ledger)
    grace = np.array([config.outcomes.grace_days])
    late = outcomes.labels(panel.invoice, panel.as_of_day, grace)[:, 0].astype(np.float64)
    kept = ~np.isnan(late) & (panel.rows["days_past_due"].to_numpy() < 0)
    if not kept.any():
        raise ThinLedgerError(
            f"No invoice that was open and not yet due from {fold.as_ofs[0]} to {fold.as_ofs[-1]} has an "
            f"outcome that was known by {fold.labels_at}, so nothing judges a trial there; raise "
            "backtest.fold_days or give a ledger with more invoices."
        )
    return FoldRows(fold, panel.take(kept), late[kept])


def prob_late(model: DelayModel, rows: FoldRows, config: Config) -> Floats:
    """What a model says of the rows: the probability of being late, as scoring gives it.

    Parameters
    ----------
    model : DelayModel
        Trained as of the fold's date.
    rows : FoldRows
    config : Config
        Says what late means.

    Returns
    -------
    array of shape (n_rows,)
    """
    overdue = rows.panel.rows["days_past_due"].to_numpy()
    curve = model.survival(rows.panel)
    return model.open_share_at(curve, overdue, float(config.outcomes.grace_days))


def prob_late_refitted(
    ledger: Ledger,
    rows: FoldRows,
    config: Config,
    catalogue: Catalogue,
    covariates: Mapping[str, pl.DataFrame] | None = None,
) -> Floats:
    """What a model trained on the fold's date says of its rows, its window laid as the backtest lays it.

    Parameters
    ----------
    ledger : Ledger
        The books; nothing recorded after the fold's date is trained on.
    rows : FoldRows
    config : Config
        Settings to train with.
    catalogue : Catalogue
        Features to train with, those of the rows.
    covariates : mapping of str to polars.DataFrame, optional
        Dated tables of one's own that the features look up.

    Returns
    -------
    array of shape (n_rows,)
        Probability of being late.
    """
    as_of = rows.fold.train_as_of
    if config.backtest.window == "expanding":
        config = with_settings(config, {"panel.history_days": (as_of - date.min).days})
    model = train(ledger, as_of, config, force=True, catalogue=catalogue, covariates=covariates)
    return prob_late(model, rows, config)


def figures(rows: FoldRows, said: Floats) -> dict[str, float]:
    """Log-loss, AUC and the share of late money in the first fifth of each book.

    Parameters
    ----------
    rows : FoldRows
    said : array of shape (n_rows,)
        Probability of being late.

    Returns
    -------
    dict of str to float
        NaN where a figure has no meaning, as the AUC has none for one outcome.
    """
    return {name: figure(None) for name, figure in _measures(rows, said).items()}


def gains(
    rows: FoldRows, ours: Floats, theirs: Floats, replicate_count: int, seed: int
) -> dict[str, Interval]:
    """By how much one probability is better than another, paired on the same draws.

    Drawn by pairs of customer and day, and by whole customers, whose weeks are alike.

    Parameters
    ----------
    rows : FoldRows
    ours, theirs : array of shape (n_rows,)
        Probabilities of being late.
    replicate_count, seed : int
        Number of draws, and their seed.

    Returns
    -------
    dict of str to Interval
        Above zero is better for each: log-loss saved, AUC and late money gained. The ends are
        the outer ones of both draws.
    """
    better, worse = _measures(rows, ours), _measures(rows, theirs)
    judged = rows.judged(ours)

    def gain(name: str, drawn: NDArray[np.integer]) -> Interval:
        sign = -1.0 if name in LOWER_IS_BETTER else 1.0
        return cluster_bootstrap(
            drawn,
            lambda times: sign * (better[name](times) - worse[name](times)),
            replicate_count,
            seed,
        )

    ways = judged.cluster, judged.customer
    return {name: outermost(*(gain(name, drawn) for drawn in ways)) for name in FIGURES}


def _measures(rows: FoldRows, said: Floats) -> dict[str, Measure]:
    found = measures(rows.judged(said), "model", _CONTACTS)
    return {name: found[theirs] for name, theirs in _MEASURES.items()}
