"""What a model is fitted on: horizons, and pairs of a row and a horizon with a mature outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from paydelay.calibration import Floats
from paydelay.config import Config, ModelSettings
from paydelay.curve import PooledCurve
from paydelay.errors import ThinLedgerError
from paydelay.history import NEVER, History
from paydelay.model import DelayModel
from paydelay.outcomes import Outcomes
from paydelay.panel import Panel

SETTLED_MIN = 200
"""Settled invoices below which nothing is learned."""
LATE_MIN = 40
"""Late ones, and prompt ones, below which nothing is learned."""
HISTORY_MIN_DAYS = 150
"""Days from the first invoice to the training date."""
_PAIRS_MAX = 1_000_000
_HORIZONS_DRAWN = 3
_FIXED_HORIZONS = (15, 30, 60, 90)
_COARSE = (35, 40, 45, 50, 60, 75, 90, 105, 120, 150, 180, 210, 240, 270, 300, 330, 360)
_HORIZON_COUNT_MAX = 40
_PRIOR_DAYS = 30.0


def require_enough(history: History, outcomes: Outcomes, config: Config) -> None:
    """Stop where a model could only be noise, and say what is missing."""
    delay = outcomes.delay_days(np.arange(len(history.invoices), dtype=np.int64))
    mature = outcomes.due_day <= outcomes.mature_until(config.outcomes.grace_days)
    late = int((mature & (delay > config.outcomes.grace_days)).sum())
    prompt = int((mature & (delay <= config.outcomes.grace_days)).sum())
    settled = int(np.isfinite(delay).sum())
    days = outcomes.labels_day - int(history.invoices.known_day.min()) if len(history.invoices) else 0
    missing = []
    if settled < SETTLED_MIN:
        missing.append(f"{settled} settled invoices of at least {SETTLED_MIN}")
    if late < LATE_MIN:
        missing.append(f"{late} late ones of at least {LATE_MIN}")
    if prompt < LATE_MIN:
        missing.append(f"{prompt} prompt ones of at least {LATE_MIN}")
    if days < HISTORY_MIN_DAYS:
        missing.append(f"{days // 30} months of history of at least {HISTORY_MIN_DAYS // 30}")
    if missing:
        raise ThinLedgerError(
            f"The ledger is too thin to learn from by the training date: it holds {', '.join(missing)}. "
            "Give a longer ledger or a later date."
        )


def horizon_grid(outcomes: Outcomes, config: Config) -> tuple[int, ...]:
    """Horizons of the delay curve: daily where this book's payments fall, coarser beyond.

    Parameters
    ----------
    outcomes : Outcomes
        Gives the delays that were observed.
    config : Config
        Grace, unpaid and cap, which are always horizons.

    Returns
    -------
    tuple of int
        Increasing, at most 40 of them or so.
    """
    settled = (outcomes.settled_day < NEVER) & ~outcomes.cancelled
    delays = (outcomes.settled_day - outcomes.due_day)[settled].astype(np.float64)
    cap = config.model.curve_cap_days
    fixed = {0, config.outcomes.grace_days, config.outcomes.unpaid_after_days, cap}
    fixed |= {h for h in _FIXED_HORIZONS if h <= cap}
    coarse = {h for h in _COARSE if h <= cap}
    inner = np.clip(np.quantile(delays, [0.01, 0.99]), -30, 30) if len(delays) else np.array([-7.0, 30.0])
    daily = np.arange(int(inner[0]), int(inner[1]) + 1)
    room = _HORIZON_COUNT_MAX - len(fixed | coarse)
    if len(daily) > room and len(delays):
        # Where days are many, the horizons go where the payments are.
        wanted = np.quantile(np.clip(delays, -30, 30), np.linspace(0.01, 0.99, room))
        daily = np.unique(np.rint(wanted).astype(np.int64))
    return tuple(sorted({int(day) for day in daily} | fixed | coarse))


class Pairs(NamedTuple):
    """Pairs of a row and a horizon with a mature outcome.

    Parameters
    ----------
    row : array of shape (n_pairs,)
        Rows of the panel.
    horizon_days : array of shape (n_pairs,)
        Days after the due date.
    open_then : array of shape (n_pairs,)
        1 where the invoice was still open then, 0 where it was settled.
    weight : array of shape (n_pairs,)
        Weight of the row.
    """

    row: NDArray[np.int64]
    horizon_days: NDArray[np.int64]
    open_then: NDArray[np.float32]
    weight: Floats

    @property
    def can_be_learned(self) -> bool:
        """Whether both outcomes are among them."""
        return len(self.row) > 0 and bool(self.open_then.min() < self.open_then.max())

    def stressing(self, horizon_days: int, factor: float) -> Pairs:
        """The same pairs, those at one horizon weighing more beside the others.

        Weights add up to what they did, since the penalties of the booster count in them.
        """
        stressed = np.where(self.horizon_days == horizon_days, self.weight * factor, self.weight)
        return self._replace(weight=stressed * (self.weight.sum() / stressed.sum()))


def training_pairs(
    panel: Panel,
    outcomes: Outcomes,
    horizons: Sequence[int],
    rows: NDArray[np.bool_],
    always: Sequence[int],
    seed: int,
) -> Pairs:
    """Pairs of a row and a horizon whose outcome is mature and was open on as_of.

    Each row gives the pairs at the horizons that are ``always`` wanted, where they
    are usable, and three others drawn at random; which ones does not depend on any
    outcome.

    Parameters
    ----------
    panel : Panel
    outcomes : Outcomes
        Labelled at the date of training.
    horizons : sequence of int
        Horizons in days after the due date to draw from, increasing.
    rows : array of shape (n_rows,)
        Rows of the panel that may be used.
    always : sequence of int
        Horizons that every row gives.
    seed : int
        Of the draw.
    """
    chosen = np.flatnonzero(rows)
    grid = np.asarray(horizons, np.int64)
    labels = outcomes.labels(panel.invoice[chosen], panel.as_of_day[chosen], grid)
    usable = ~np.isnan(labels)
    generator = np.random.default_rng(seed)
    draw = generator.random(labels.shape, np.float32)
    draw[:, np.isin(grid, always)] = -1.0
    draw[~usable] = np.inf
    keep = min(_HORIZONS_DRAWN + len(always), len(grid))
    limit = np.partition(draw, keep - 1, axis=1)[:, keep - 1]
    usable &= draw <= limit[:, None]
    surplus = usable.sum() / _PAIRS_MAX
    if surplus > 1.0:
        usable &= (generator.random(len(chosen)) < 1.0 / surplus)[:, None]
    at_row, at_horizon = np.nonzero(usable)
    row = chosen[at_row]
    return Pairs(row, grid[at_horizon], labels[at_row, at_horizon], panel.weights[row])


def pair_margins(
    model: DelayModel,
    panel: Panel,
    row: NDArray[np.int64],
    horizon: NDArray[np.int64],
    horizons: Sequence[int],
) -> Floats:
    """Raw margin of each pair of a row of the panel and one of the horizons."""
    margin = np.empty(len(row))
    for days in horizons:
        at = np.flatnonzero(horizon == days)
        if len(at):
            margin[at] = model.margins(panel.take(row[at]), [days])[:, 0]
    return margin


def pooled_curve(
    outcomes: Outcomes,
    horizons: Sequence[int],
    settings: ModelSettings,
    trust_unpaid: bool = True,
    unpaid_days: int = 90,
    grace_days: int = 0,
) -> PooledCurve:
    """The book's own curve, and the last horizon at which individuals can be told apart.

    Between two horizons the share that stays open is taken from the invoices
    mature at the later one and not known to be lost at the earlier, with one
    invoice as prior that settles within a month.

    Parameters
    ----------
    outcomes : Outcomes
    horizons : sequence of int
    settings : ModelSettings
        Fewest invoices still open at a horizon to be told apart there.
    trust_unpaid : bool
        Whether the booster passed its gate at ``unpaid_days``.
    unpaid_days, grace_days : int
        Days past due that mean unpaid and late.
    """
    grid = np.asarray(horizons, np.int64)
    due = outcomes.due_day.astype(np.int64)
    share, open_count = np.ones(len(grid)), np.zeros(len(grid))
    previous = int(grid[0]) - 1
    level = 1.0
    for column, horizon in enumerate(grid):
        mature = (due <= outcomes.mature_until(int(horizon))) & ~outcomes.cancelled
        # Whoever was known to be lost by then is not followed: the curve is for those who are not.
        followed = (
            mature & (outcomes.settled_day > due + previous) & (outcomes.lost_known_day > due + previous)
        )
        before = float(followed.sum())
        after = float((followed & (outcomes.settled_day > due + horizon)).sum())
        level *= (after + np.exp((previous - horizon) / _PRIOR_DAYS)) / (before + 1.0)
        share[column], open_count[column] = min(level, 1.0), after
        previous = int(horizon)
    enough = grid[open_count >= settings.unpaid_positives_min]
    # What is told of lateness is always each invoice's own.
    supported = max(int(enough[-1]) if len(enough) else grace_days, grace_days)
    if not trust_unpaid and supported >= unpaid_days:
        supported = int(grid[grid < unpaid_days][-1])
    span = np.searchsorted(grid, int(grid[-1]) // 2)
    fall = np.log(share[span] / share[-1]) / max(float(grid[-1] - grid[span]), 1.0)
    return PooledCurve(grid.astype(np.float64), share, float(np.clip(fall, 1e-4, 0.1)), supported)
