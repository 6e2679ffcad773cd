"""The one path from a ledger to tuned settings, and what they gain where they were not tuned."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import polars as pl

from paydelay.backtest import folds_of
from paydelay.calibration import Floats
from paydelay.config import Config
from paydelay.errors import ConfigError, TargetError, ThinLedgerError
from paydelay.features import CATALOGUE, Catalogue, own_identity
from paydelay.folds import Fold, sampled_days
from paydelay.history import History, cut_ledger, day_of
from paydelay.ledger import Ledger
from paydelay.panel import check_no_leak
from paydelay.tune.judging import FoldRows, figures, gains, prob_late_refitted, rows_to_judge
from paydelay.tune.result import Tuning, best_trial, trial_table
from paydelay.tune.search import Budget, FoldFigures, TrialResult, search
from paydelay.tune.space import Dimension, Settings, search_space, settings_of, with_settings

logger = logging.getLogger(__name__)

TRIALS_USUAL = 20
"""Trials where neither a number nor minutes are asked for."""
_JOURNAL_FILE = "tune.journal"


def tune(  # noqa: PLR0913 - all but the first three have defaults and are named
    ledger: Ledger,
    config: Config | None,
    out: str | Path,
    *,
    trials: int | None = None,
    minutes: float | None = None,
    resume: bool = False,
    catalogue: Catalogue | Callable[[Ledger], Catalogue] = CATALOGUE,
    covariates: Mapping[str, pl.DataFrame] | None = None,
    told: Callable[[int], None] | None = None,
) -> Tuning:
    """Search settings of the booster by rolling backtest, and judge the best on a fold it never saw.

    The folds are those of the backtest. All but the last judge the trials, by the mean log-loss of the
    probability of being late, on the ledger cut at the last fold's training date: as could have been
    done on that day. The last fold is used once, to compare the best trial with the settings given.

    Parameters
    ----------
    ledger : Ledger
        The books.
    config : Config or None
        Settings to start from, the first trial; the defaults where None.
    out : str or Path
        Folder for ``tune.journal``, ``best.yaml``, ``trials.csv`` and ``tune.json``.
    trials : int, optional
        Finished trials in all, earlier ones included; 20 where neither they nor minutes are given.
    minutes : float, optional
        Minutes after which no trial is begun. The first trial and the comparison on the
        last fold are run whatever the budget.
    resume : bool
        Go on with the trials of the folder, if it holds any.
    catalogue : Catalogue or callable
        Features to use, as :func:`~paydelay.backtest` takes them.
    covariates : mapping of str to polars.DataFrame, optional
        Dated tables of one's own that the features look up.
    told : callable, optional
        Called with the number of each trial before it begins.

    Returns
    -------
    Tuning
        The same trials for the same seed (``backtest.seed``), in one run or several.

    Raises
    ------
    ConfigError
        If the budget is not above zero, or there is only one fold.
    TargetError
        If the folder holds trials and ``resume`` is not set, or trials of another search.
    ThinLedgerError
        If there is too little to train on, or to judge by.
    LeakageError
        If a feature or table of one's own sees past its as_of date; no trial is begun.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from paydelay import SimulationSettings, load_config, simulate
    >>> book = simulate(SimulationSettings(customer_count=60, month_count=12, seed=3))
    >>> ledger = Ledger.from_frames(book.invoices, book.payments)
    >>> few = load_config({"model": {"tree_count": 5, "thread_count": 1}, "backtest": {"fold_count": 2}})
    >>> with TemporaryDirectory() as folder:
    ...     tuning = tune(ledger, few, folder, trials=2)
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['best.yaml', 'trials.csv', 'tune.journal', 'tune.json']
    """
    given = config or Config()
    budget = _budget(trials, minutes)
    check_tuning_folder(out, resume)
    folds = _folds(ledger, given)
    _check_ones_own(ledger, given, folds, catalogue, covariates)
    books, known = (_Books.of(ledger, catalogue, covariates, day) for day in (None, folds[-1].train_as_of))
    # Refused before the search, not after it, where nothing could be said of the best trial.
    last = rows_to_judge(books.history(given), folds[-1], given, books.catalogue)
    results = _searched(known, given, folds, budget, Path(out), told or (lambda _: None))
    tuning = _compared(books, last, given, results, folds)
    tuning.write(out)
    return tuning


def _check_ones_own(
    ledger: Ledger,
    given: Config,
    folds: Sequence[Fold],
    catalogue: Catalogue | Callable[[Ledger], Catalogue],
    covariates: Mapping[str, pl.DataFrame] | None,
) -> None:
    """The backtest's check; what is shipped is held against the cut ledger by its own tests."""
    if catalogue is not CATALOGUE or covariates:
        check_no_leak(ledger, sampled_days(folds, given.backtest), catalogue, given, covariates)


class _Books(NamedTuple):
    """A ledger, and the features and tables that are read of it and beside it."""

    ledger: Ledger
    catalogue: Catalogue
    covariates: Mapping[str, pl.DataFrame]

    @classmethod
    def of(
        cls,
        ledger: Ledger,
        catalogue: Catalogue | Callable[[Ledger], Catalogue],
        covariates: Mapping[str, pl.DataFrame] | None,
        as_of: date | None = None,
    ) -> _Books:
        """All of it, or what was known at the close of a day: features made of a ledger see no more."""
        tables = dict(covariates or {})
        if as_of is not None:
            ledger = cut_ledger(ledger, as_of)
            tables = {name: table.filter(pl.col("known_on") <= as_of) for name, table in tables.items()}
        return cls(ledger, catalogue if isinstance(catalogue, Catalogue) else catalogue(ledger), tables)

    def history(self, config: Config) -> History:
        """The ledger by what was known when."""
        return History.build(self.ledger, config.ledger, self.covariates)


def _searched(
    known: _Books,
    given: Config,
    folds: Sequence[Fold],
    budget: Budget,
    out: Path,
    told: Callable[[int], None],
) -> list[TrialResult]:
    """The trials, from what was known on the last fold's training date and from nothing else."""
    *tuned_on, last = folds
    history = known.history(given)
    space = search_space(given, day_of(last.train_as_of) - int(history.invoices.known_day.min()))
    judges = [
        partial(_judged, known, rows_to_judge(history, fold, given, known.catalogue), given)
        for fold in tuned_on
    ]
    identity = _identity(known, given, tuned_on, space)
    start = settings_of(given, [dimension.name for dimension in space])
    return search(_journal_in(out), identity, space, start, judges, budget, given.backtest.seed, told)


def _journal_in(out: Path) -> Path:
    """The journal of a folder, made where there is none: what cannot be written to is known at once."""
    journal = out / _JOURNAL_FILE
    try:
        out.mkdir(parents=True, exist_ok=True)
        journal.touch()
    except OSError as error:
        raise TargetError(
            f"{out} cannot be written to ({type(error).__name__}); name another folder."
        ) from error
    return journal


def check_tuning_folder(out: str | Path, resume: bool) -> None:
    """Refuse a place that is no folder, and one that holds trials which are not to be continued.

    Parameters
    ----------
    out : str or Path
        Where trials are to be written to.
    resume : bool
        Whether those that are there are continued.

    Raises
    ------
    TargetError
        If the place cannot be used.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as empty:
    ...     check_tuning_folder(empty, resume=False)
    """
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise TargetError(f"{folder} exists and is not a folder; name another place.")
    if not resume and (folder / _JOURNAL_FILE).exists():
        raise TargetError(
            f"The folder {folder} holds the trials of a search already; continue it with --resume "
            "(resume=True), or give another folder."
        )


def _budget(trials: int | None, minutes: float | None) -> Budget:
    if trials is not None and trials < 1:
        raise ConfigError(f"{trials} trials were asked for; give at least 1.")
    if minutes is not None and not 0.0 < minutes < float("inf"):
        raise ConfigError(f"{minutes} minutes were given; give a number above 0.")
    return Budget(TRIALS_USUAL if trials is None and minutes is None else trials, minutes)


def _folds(ledger: Ledger, config: Config) -> tuple[Fold, ...]:
    """The backtest's folds; what judges a trial was known before the last training."""
    if config.backtest.fold_count < 2:
        raise ConfigError(
            "Tuning needs a fold to tune on and one to hold out, and backtest.fold_count is "
            f"{config.backtest.fold_count}; give at least 2."
        )
    folds = folds_of(ledger, config)
    if len(folds) < 2:
        raise ThinLedgerError(
            "The ledger is long enough for one fold only, and tuning needs one to tune on and one to hold "
            "out; give a longer ledger, or lower backtest.fold_days or backtest.history_min_days."
        )
    return (*(replace(fold, labels_at=folds[-1].train_as_of) for fold in folds[:-1]), folds[-1])


def _identity(
    known: _Books, given: Config, folds: Sequence[Fold], space: Sequence[Dimension]
) -> dict[str, str]:
    """Fingerprints of all that trials depend on, by the name that a refusal gives it."""
    settings = given.recorded()
    # How many draws there are changes only the last comparison.
    del settings["backtest"]["replicate_count"]
    own = own_identity(known.catalogue, known.covariates)
    said = {
        "ledger": known.ledger.fingerprint(),
        "settings": json.dumps(settings, sort_keys=True),
        "folds": repr(folds),
        "ranges searched": repr(space),
        "features": json.dumps([own["names"], own["features"]], sort_keys=True),
        "covariates": json.dumps(own["tables"]),
        "versions": repr([version(name) for name in ("paydelay", "lightgbm", "optuna")]),
    }
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in said.items()}


def _judged(known: _Books, rows: FoldRows, given: Config, settings: Settings) -> FoldFigures:
    """Figures of some settings on a fold."""
    return figures(rows, _said(known, rows, with_settings(given, settings)))


def _said(books: _Books, rows: FoldRows, config: Config) -> Floats:
    """What a model trained on the fold's date says of its rows."""
    ledger, catalogue, covariates = books
    return prob_late_refitted(ledger, rows, config, catalogue, covariates)


def _compared(
    books: _Books,
    last: FoldRows,
    given: Config,
    results: Sequence[TrialResult],
    folds: tuple[Fold, ...],
) -> Tuning:
    """The best trial beside the settings given, on the fold that no trial has seen."""
    table = trial_table(results)
    number = best_trial(table)
    best = given if number == 1 else with_settings(given, results[number - 1].settings)
    theirs = _said(books, last, given)
    ours = theirs if number == 1 else _said(books, last, best)
    found = gains(last, ours, theirs, given.backtest.replicate_count, given.backtest.seed)
    logger.info("held out: log-loss gain %.4f over %d rows", found["log_loss"].value, len(last.late))
    held_out = {"given": figures(last, theirs), "best": figures(last, ours)}
    return Tuning(table, given, best, held_out, found, len(last.late), folds)
