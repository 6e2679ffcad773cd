"""What a trial is judged by: rows not yet due, on the days after a training, whose outcome is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from paydelay.calibration import Floats
from paydelay.config import Config
from paydelay.errors import ThinLedgerError
from paydelay.features import Catalogue
from paydelay.folds import Fold
from paydelay.history import History
from paydelay.metrics import AreaUnderCurve, CapturedValue, Interval, cluster_bootstrap, log_loss
from paydelay.model import DelayModel
from paydelay.outcomes import Outcomes
from paydelay.panel import Panel, build_panel

FIGURES = ("log_loss", "auc", "captured_20")
"""What is told of each trial; the first is what trials are chosen by."""
_TOP_SHARE = 0.2

Figure = Callable[[Floats | None], float]


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

    @property
    def amount(self) -> Floats:
        """Open amount in the reporting currency."""
        return np.asarray(self.panel.rows["open_amount_reporting"].to_numpy(), np.float64)

    @property
    def book(self) -> NDArray[np.int64]:
        """Code of the day of scoring."""
        return np.asarray(self.panel.as_of_day, np.int64)

    @property
    def cluster(self) -> NDArray[np.int64]:
        """Customer and day of scoring: what is drawn as one."""
        customer = self.panel.rows["customer_id"].rank("dense").to_numpy().astype(np.int64)
        return customer * (int(self.book.max()) + 1) + self.book


def judged_rows(history: History, fold: Fold, config: Config, catalogue: Catalogue) -> FoldRows:
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
    return {name: figure(None) for name, figure in _figures(rows, said).items()}


def gains(
    rows: FoldRows, ours: Floats, theirs: Floats, replicate_count: int, seed: int
) -> dict[str, Interval]:
    """By how much one probability is better than another, paired on the same draws.

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
        Above zero is better for each: log-loss saved, AUC and late money gained.
    """
    better, worse = _figures(rows, ours), _figures(rows, theirs)

    def gain(name: str) -> Interval:
        sign = -1.0 if name == "log_loss" else 1.0
        return cluster_bootstrap(
            rows.cluster,
            lambda times: sign * (better[name](times) - worse[name](times)),
            replicate_count,
            seed,
        )

    return {name: gain(name) for name in FIGURES}


def _figures(rows: FoldRows, said: Floats) -> dict[str, Figure]:
    area = AreaUnderCurve(said, rows.late)
    captured = CapturedValue(rows.amount * rows.late, rows.amount * said, rows.book)
    return {
        "log_loss": lambda weight: log_loss(said, rows.late, weight),
        "auc": area,
        "captured_20": lambda weight: captured(weight, top_share=_TOP_SHARE),
    }
