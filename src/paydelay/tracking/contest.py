"""Champion and challenger on the same rows: recipes trained anew, or two trainings of one recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from paydelay.backtest import folds_of
from paydelay.backtest.comparing import LOWER_IS_BETTER, Measure, measures
from paydelay.backtest.judging import Judged, judged_rows
from paydelay.backtest.tables import CAME_MIN
from paydelay.backtest.verdict import plain
from paydelay.calibration import Floats
from paydelay.config import Config, load_config
from paydelay.errors import ThinLedgerError, TrackingError
from paydelay.features import Catalogue
from paydelay.folds import Fold
from paydelay.history import History
from paydelay.intervals import Interval, cluster_bootstrap
from paydelay.ledger import Ledger
from paydelay.model import DelayModel
from paydelay.outcomes import Outcomes, last_recorded_day
from paydelay.panel import as_date
from paydelay.tune.judging import FoldRows, prob_late, prob_late_refitted, rows_to_judge

MAIN_FIGURES = ("log_loss", "late_value_20")
"""What a new recipe has to be better by: how right the probabilities are, and the late money found."""
SKILL_FIGURES = (*MAIN_FIGURES, "auc")
CALIBRATION_FIGURES = ("ece", "slope_distance")
FIGURES = (*SKILL_FIGURES, *CALIBRATION_FIGURES)
_RECIPE_STAGES = ("ledger", "outcomes", "panel", "model")
_DEFINING_STAGES = ("ledger", "outcomes")
_STEP_DAYS = 7
_WEEKS_MAX = 26
_CONTACTS = 1  # figures by number of contacts are not asked for


@dataclass(frozen=True)
class Comparison:
    """How a challenger does beside the champion on the same rows.

    Parameters
    ----------
    kind : {'new_recipe', 'refresh'}
        Whether the recipes were trained anew on the same folds, or the two models were
        themselves judged on days that neither had seen.
    figures : dict of str to dict of str to float
        ``champion`` and ``challenger``: log-loss, AUC, late money in the first fifth of each
        book, ECE, and how far the calibration slope is from 1.
    gains : dict of str to Interval
        Paired; above zero the challenger is better, whatever the figure. Empty where there
        was nothing to judge by.
    row_count : int
        Rows judged.
    folds : tuple of Fold
        Trainings and days of scoring; of a refresh one, whose training is the later one of the two.
    """

    kind: str
    figures: dict[str, dict[str, float]] = field(default_factory=dict)
    gains: dict[str, Interval] = field(default_factory=dict)
    row_count: int = 0
    folds: tuple[Fold, ...] = ()

    @property
    def better(self) -> list[str]:
        """Main figures by which the challenger is better, by the whole interval."""
        return [name for name in MAIN_FIGURES if name in self.gains and self.gains[name].low > 0.0]

    @property
    def worse(self) -> list[str]:
        """Figures of skill by which it is worse, by the whole interval."""
        return self._below(SKILL_FIGURES)

    @property
    def worse_calibrated(self) -> list[str]:
        """Figures of calibration by which it is worse, by the whole interval."""
        return self._below(CALIBRATION_FIGURES)

    def _below(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if name in self.gains and self.gains[name].high < 0.0]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "kind": self.kind,
            "row_count": self.row_count,
            "figures": plain(self.figures),
            "gains": plain(self.gains),
            "folds": [plain(vars(fold)) for fold in self.folds],
        }


def same_recipe(one: DelayModel, other: DelayModel) -> bool:
    """Whether two models were trained with the same features and settings.

    Parameters
    ----------
    one, other : DelayModel

    Returns
    -------
    bool
        What says how money is lost or work is queued is not part of a recipe.
    """
    ours, theirs = _recipe(one), _recipe(other)
    return one.feature_names == other.feature_names and all(
        getattr(ours, stage) == getattr(theirs, stage) for stage in _RECIPE_STAGES
    )


def compared(
    champion: DelayModel,
    challenger: DelayModel,
    ledger: Ledger,
    config: Config,
    catalogue: Catalogue,
    covariates: Mapping[str, pl.DataFrame] | None = None,
    told: Callable[[Fold], None] | None = None,
) -> Comparison:
    """Judge a challenger beside the champion.

    Parameters
    ----------
    champion, challenger : DelayModel
    ledger : Ledger
        The books; their last day is the day of judging.
    config : Config
        Its ``backtest`` says which past is replayed, and how many draws make an interval.
    catalogue : Catalogue
        Holds the features of both.
    covariates : mapping of str to polars.DataFrame, optional
        Dated tables of one's own that the features look up.
    told : callable, optional
        Called with each fold before it begins.

    Returns
    -------
    Comparison
        Of a refresh without gains, where no outcome came after both trainings.

    Raises
    ------
    TrackingError
        If the two call late, or settled, by different rules.
    ThinLedgerError
        If there is too little to train on, or to judge by.
    """
    _require_same_outcomes(champion, challenger)
    recipe = _recipe(champion)
    judging = recipe.model_copy(update={"backtest": config.backtest})
    history = History.build(ledger, recipe.ledger, covariates)
    if same_recipe(champion, challenger):
        return _refresh(champion, challenger, history, judging, champion.chosen_from(catalogue, covariates))
    folds = folds_of(ledger, judging)
    rows: list[FoldRows] = []
    said: dict[str, list[Floats]] = {"champion": [], "challenger": []}
    for fold in folds:
        if told is not None:
            told(fold)
        for who, model in (("champion", champion), ("challenger", challenger)):
            own = model.chosen_from(catalogue, covariates)
            some = rows_to_judge(history, fold, judging, own)
            trained = _recipe(model).model_copy(update={"backtest": config.backtest})
            said[who].append(prob_late_refitted(ledger, some, trained, own, covariates))
        rows.append(some)
    judged = {who: _judged(rows, parts) for who, parts in said.items()}
    if not _can_be_judged(judged["champion"]):
        raise ThinLedgerError(
            f"The folds hold {len(judged['champion'])} rows whose outcome is known, too few of them late or "
            "prompt to compare two models by; give a longer ledger, or raise backtest.fold_count."
        )
    return _of("new_recipe", judged, judging, folds)


def _recipe(model: DelayModel) -> Config:
    return load_config(model.manifest["config"])


def _require_same_outcomes(champion: DelayModel, challenger: DelayModel) -> None:
    ours, theirs = _recipe(champion), _recipe(challenger)
    for stage in _DEFINING_STAGES:
        for name in type(getattr(ours, stage)).model_fields:
            asked = [getattr(getattr(recipe, stage), name) for recipe in (ours, theirs)]
            if asked[0] != asked[1]:
                raise TrackingError(
                    f"The champion was trained with {stage}.{name} {asked[0]} and the challenger with "
                    f"{asked[1]}, so that they predict different things and cannot be compared; train with "
                    "the champion's, or promote with --force and a reason."
                )


def _refresh(
    champion: DelayModel, challenger: DelayModel, history: History, judging: Config, catalogue: Catalogue
) -> Comparison:
    """Both models as they are, on days after the later training whose outcomes are known."""
    fold = _days_since(champion, challenger, history, judging)
    if fold is None:
        return Comparison("refresh")
    try:
        rows = rows_to_judge(history, fold, judging, catalogue)
    except ThinLedgerError:
        return Comparison("refresh")
    models = {"champion": champion, "challenger": challenger}
    judged = {who: _judged([rows], [prob_late(model, rows, judging)]) for who, model in models.items()}
    if not _can_be_judged(judged["champion"]):
        return Comparison("refresh")
    return _of("refresh", judged, judging, (fold,))


def _days_since(
    champion: DelayModel, challenger: DelayModel, history: History, judging: Config
) -> Fold | None:
    """The weeks since both models were made, up to the last that is ripe; None where there is none."""
    made = [
        as_date(model.manifest.get("calibrated_as_of", model.manifest["trained_as_of"]))
        for model in (champion, challenger)
    ]
    labels_at = last_recorded_day(history.ledger)
    lag = Outcomes.of(history, labels_at, judging.ledger).recording_lag_days
    ripe = judging.backtest.lead_days + lag + judging.outcomes.grace_days
    count = (labels_at - timedelta(days=ripe) - max(made)).days // _STEP_DAYS + 1
    days = [max(made) + timedelta(days=_STEP_DAYS * week) for week in range(count)]
    return Fold(1, max(made), tuple(days[-_WEEKS_MAX:]), labels_at) if days else None


def _judged(parts: Sequence[FoldRows], said: Sequence[Floats]) -> Judged:
    late = np.concatenate([part.late for part in parts])
    rows = pl.concat([part.panel.rows for part in parts]).with_columns(model=np.concatenate(said))
    value = rows["open_amount_reporting"].to_numpy() * late
    return judged_rows(rows, late, ("model",), {"late_value": value})


def _can_be_judged(judged: Judged) -> bool:
    rarer = min(judged.came.sum(), (1.0 - judged.came).sum())
    return bool(rarer >= CAME_MIN and len(np.unique(judged.customer)) > 1)


def _of(kind: str, judged: Mapping[str, Judged], judging: Config, folds: tuple[Fold, ...]) -> Comparison:
    found = {who: _measures(some) for who, some in judged.items()}
    settings = judging.backtest
    cluster = judged["champion"].cluster

    def gain(name: str) -> Interval:
        sign = -1.0 if name in (*LOWER_IS_BETTER, "slope_distance") else 1.0
        ours, theirs = found["challenger"][name], found["champion"][name]

        def difference(times: Floats) -> float:
            return sign * (ours(times) - theirs(times))

        return cluster_bootstrap(cluster, difference, settings.replicate_count, settings.seed)

    figures = {who: {name: measure(None) for name, measure in of.items()} for who, of in found.items()}
    return Comparison(kind, figures, {name: gain(name) for name in FIGURES}, len(judged["champion"]), folds)


def _measures(judged: Judged) -> dict[str, Measure]:
    found = measures(judged, "model", _CONTACTS)
    slope = found["slope"]
    return {
        **{name: found[name] for name in FIGURES if name in found},
        "slope_distance": lambda weight: abs(slope(weight) - 1.0),
    }


def first_and_last(folds: Sequence[Fold]) -> tuple[date, date]:
    """First and last day of scoring of some folds."""
    days = [day for fold in folds for day in fold.as_ofs]
    return min(days), max(days)
