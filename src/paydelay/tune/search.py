"""The search itself, kept in a journal so that it can be broken off and taken up again.

What a trial is given depends on the trials finished before it and on the seed, not on
the process that runs it: trials that were broken off leave no trace in the others, and
three trials with three more are the same as six.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paydelay.errors import TargetError
from paydelay.preflight import importing
from paydelay.tune.space import Dimension, Settings

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

logger = logging.getLogger(__name__)

_RANDOM_TRIALS = 8
"""Trials before the sampler says where to look."""
_UNPRUNED_TRIALS = 4
"""Trials that see every fold before any is stopped early."""
_STUDY = "paydelay"

FoldFigures = dict[str, float]
Judge = Callable[[Settings], FoldFigures]
"""From settings to figures on one fold, ``log_loss`` among them."""


@dataclass(frozen=True)
class Budget:
    """When a search ends; whichever comes first.

    Parameters
    ----------
    trials : int, optional
        Finished trials in all, those of earlier runs included.
    minutes : float, optional
        Minutes of this run after which no trial is begun.
    """

    trials: int | None
    minutes: float | None


@dataclass(frozen=True)
class TrialResult:
    """A finished trial.

    Parameters
    ----------
    settings : dict of str to int or float
        Values of the dimensions.
    figures : tuple of dict
        Figures of each fold it was judged on, the first ones where it was stopped early.
    pruned : bool
        Whether it was stopped early.
    """

    settings: Settings
    figures: tuple[FoldFigures, ...]
    pruned: bool


def search(
    journal: Path,
    identity: Mapping[str, str],
    space: Sequence[Dimension],
    given: Settings,
    judges: Sequence[Judge],
    budget: Budget,
    seed: int,
    told: Callable[[int], None],
) -> list[TrialResult]:
    """Run trials until the budget is spent; the first one takes the settings given.

    Parameters
    ----------
    journal : Path
        Where every trial is written to as it goes; continued where it holds any.
    identity : mapping of str to str
        Fingerprints of what trials depend on, each with its name in words.
    space : sequence of Dimension
        What is searched.
    given : dict of str to int or float
        The settings to start from.
    judges : sequence of callable
        What judges settings, one for each fold.
    budget : Budget
        When to end.
    seed : int
        The same seed gives the same trials.
    told : callable
        Called with the number of each trial before it begins, counted from 1.

    Returns
    -------
    list of TrialResult
        All that are finished, in their order.

    Raises
    ------
    TargetError
        If the journal is unreadable or not of this search.
    """
    began = time.monotonic()
    with _quiet():
        study = _opened(journal, identity)
        while (done := len(_finished(study))) == 0 or not _spent(budget, done, began):
            told(done + 1)
            trial = _asked(study, given, seed, done)
            settings = {dimension.name: dimension.suggested(trial) for dimension in space}
            _run(study, trial, settings, judges)
        return [_result(trial) for trial in _finished(study)]


def _spent(budget: Budget, done: int, began: float) -> bool:
    if budget.trials is not None and done >= budget.trials:
        return True
    return budget.minutes is not None and time.monotonic() - began >= 60.0 * budget.minutes


def _opened(journal: Path, identity: Mapping[str, str]) -> Study:
    """The study of a journal: a new one, or the one that was broken off."""
    optuna = _optuna()
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalStorage

    if journal.exists():
        _drop_half_a_line(journal)
    try:
        # Its usual lock is a symbolic link, which not every file system has.
        lock = JournalFileOpenLock(str(journal))
        storage = JournalStorage(JournalFileBackend(str(journal), lock_obj=lock))
        # Not by load_if_exists, which writes into a journal that may be refused below.
        known = bool(storage.get_all_studies())
        study: Study = (optuna.load_study if known else optuna.create_study)(
            storage=storage,
            study_name=_STUDY,
            # Its own median pruner forgives whoever was good on one fold; see _is_behind.
            pruner=optuna.pruners.NopPruner(),
        )
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise TargetError(
            f"The journal {journal} cannot be read ({type(error).__name__}); remove it, or give another "
            "folder."
        ) from error
    if not study.user_attrs:
        study.set_user_attr("identity", dict(identity))
    _require_same(journal, study.user_attrs.get("identity", {}), identity)
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        # Whoever ran it is gone; it is run again under another number.
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return study


def _require_same(journal: Path, written: Mapping[str, str], identity: Mapping[str, str]) -> None:
    other = [name for name, value in identity.items() if written.get(name) != value]
    if other:
        raise TargetError(
            f"The journal {journal} is of another search: not the same {', '.join(other)}; give another "
            "folder, or tune with what it began with."
        )


def _drop_half_a_line(journal: Path) -> None:
    """A process that was killed while it wrote leaves half a line, which the next one would go on with."""
    written = journal.read_bytes()
    whole = written.rfind(b"\n") + 1
    if whole < len(written):
        with journal.open("r+b") as file:
            file.truncate(whole)


def _finished(study: Study) -> list[FrozenTrial]:
    state = _optuna().trial.TrialState
    return list(study.get_trials(deepcopy=False, states=(state.COMPLETE, state.PRUNED)))


def _asked(study: Study, given: Settings, seed: int, done: int) -> Trial:
    """A trial, drawn by a sampler whose seed is the trial's own."""
    optuna = _optuna()
    own_seed = int(np.random.SeedSequence([seed, done]).generate_state(1)[0])
    study.sampler = optuna.samplers.TPESampler(
        n_startup_trials=_RANDOM_TRIALS, constant_liar=False, seed=own_seed
    )
    waiting = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,))
    if done == 0 and not waiting:
        study.enqueue_trial(given)
    return study.ask()


def _run(study: Study, trial: Trial, settings: Settings, judges: Sequence[Judge]) -> None:
    """Judge settings fold by fold, and stop where they are behind most of those that saw all folds."""
    state = _optuna().trial.TrialState
    trial.set_user_attr("settings", settings)
    finished = _finished(study)
    first = [fold["log_loss"] for fold in finished[0].user_attrs["figures"]] if finished else None
    figures: list[FoldFigures] = []
    for number, judge in enumerate(judges):
        figures.append(judge(settings))
        trial.set_user_attr("figures", figures)
        losses = [fold["log_loss"] for fold in figures]
        # Beside the settings given: some folds are harder than others, for every trial.
        start = losses if first is None else first[: len(losses)]
        excess = float(np.mean(losses) - np.mean(start))
        trial.report(excess, number)
        if number + 1 < len(judges) and _is_behind(finished, excess, number):
            study.tell(trial, state=state.PRUNED)
            break
    else:
        study.tell(trial, float(np.mean(losses)))
    logger.info("trial %d: log-loss %.4f over %d folds", len(finished) + 1, np.mean(losses), len(figures))


def _is_behind(finished: Sequence[FrozenTrial], excess: float, fold: int) -> bool:
    """Whether log-loss up to a fold lies above the median of the trials that saw every fold."""
    state = _optuna().trial.TrialState
    whole = [trial.intermediate_values[fold] for trial in finished if trial.state == state.COMPLETE]
    return len(whole) >= _UNPRUNED_TRIALS and excess > float(np.median(whole))


def _result(trial: FrozenTrial) -> TrialResult:
    kept = trial.user_attrs
    return TrialResult(
        settings=dict(kept["settings"]),
        figures=tuple(kept["figures"]),
        pruned=trial.state == _optuna().trial.TrialState.PRUNED,
    )


def _optuna() -> Any:
    with importing("Tuning"):
        import optuna
    return optuna


@contextmanager
def _quiet() -> Iterator[None]:
    """What optuna logs of its own accord is left out, and its level put back."""
    level = _optuna().logging.get_verbosity()
    _optuna().logging.set_verbosity(_optuna().logging.ERROR)
    try:
        yield
    finally:
        _optuna().logging.set_verbosity(level)
