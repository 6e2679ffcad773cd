"""The one path from a ledger to tuned settings, and what they gain where they were not tuned."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from polars import selectors as cs

from paydelay.backtest import folds_of
from paydelay.calibration import Floats
from paydelay.config import Config
from paydelay.errors import ConfigError, TargetError, ThinLedgerError
from paydelay.features import CATALOGUE, Catalogue
from paydelay.files import replacing_file
from paydelay.folds import Fold
from paydelay.history import History, cut_ledger, day_of
from paydelay.ledger import Ledger
from paydelay.metrics import Interval
from paydelay.training import train
from paydelay.tune.judging import FIGURES, FoldRows, figures, gains, judged_rows, prob_late
from paydelay.tune.search import Budget, FoldFigures, TrialResult, search
from paydelay.tune.space import Dimension, Settings, search_space, settings_of, with_settings

logger = logging.getLogger(__name__)

TRIALS_USUAL = 20
"""Trials where neither a number nor minutes are asked for."""
_JOURNAL_FILE = "tune.journal"
_YAML_HEAD = "# What paydelay tune leaves to train and backtest with, by --config.\n"


@dataclass(frozen=True)
class Tuning:
    """The trials of a search, and what its best one gains on the fold it never saw.

    Parameters
    ----------
    trials : polars.DataFrame
        One row per trial: ``trial`` (1 is the settings given), ``pruned``, ``fold_count``,
        ``log_loss``, ``auc`` and ``captured_20`` as means over its folds,
        ``log_loss_gain`` over the settings given on the same folds, and the settings.
    given : Config
        Settings that the search started from.
    best : Config
        Settings of the best trial.
    held_out : dict of str to dict of str to float
        Figures of ``given`` and ``best`` on the last fold.
    gains : dict of str to Interval
        What ``best`` gains over ``given`` there, paired; above zero is better.
    row_count : int
        Rows that the last fold is judged by.
    folds : tuple of Fold
        All of them; the last was held out.
    """

    trials: pl.DataFrame
    given: Config
    best: Config
    held_out: dict[str, dict[str, float]]
    gains: dict[str, Interval]
    row_count: int
    folds: tuple[Fold, ...]

    @property
    def won(self) -> bool:
        """Whether the best trial saves log-loss on the last fold by more than its interval."""
        return self.best_trial != 1 and self.gains["log_loss"].low > 0.0

    @property
    def config(self) -> Config:
        """Settings to go on with: those of the best trial where they won, else those given."""
        return self.best if self.won else self.given

    @property
    def best_trial(self) -> int:
        """Number of the trial with the lowest log-loss among those that saw every fold."""
        return _best_trial(self.trials)

    @property
    def setting_names(self) -> list[str]:
        """What was searched, such as ``model.leaf_count``."""
        return [name for name in self.trials.columns if "." in name]

    def to_dict(self) -> dict[str, Any]:
        """Folds, the best trial, the figures on the last fold and the verdict, as plain data.

        Returns
        -------
        dict
        """
        names = self.setting_names
        chosen = {name: self.trials[name][self.best_trial - 1] for name in names}
        return {
            "tuned_on": [fold.train_as_of.isoformat() for fold in self.folds[:-1]],
            "tuning_labels_at": self.folds[-2].labels_at.isoformat(),
            "held_out": {
                "train_as_of": self.folds[-1].train_as_of.isoformat(),
                "labels_at": self.folds[-1].labels_at.isoformat(),
                "row_count": self.row_count,
                **{
                    who: {name: value if np.isfinite(value) else None for name, value in found.items()}
                    for who, found in self.held_out.items()
                },
                "gain": {name: gain.to_dict() for name, gain in self.gains.items()},
            },
            "trial_count": self.trials.height,
            "pruned_count": int(self.trials["pruned"].sum()),
            "best_trial": self.best_trial,
            "given": {name: self.trials[name][0] for name in names},
            "best": chosen,
            "won": self.won,
        }

    def write(self, folder: str | Path) -> None:
        """Write ``best.yaml``, ``trials.csv`` and ``tune.json``.

        Parameters
        ----------
        folder : str or Path
            Where they go; each takes its place once it is whole.
        """
        names = self.setting_names
        # Stated even where they are the defaults: those may change, and these were tried.
        explicit = with_settings(self.config, settings_of(self.config, names))
        texts = {
            "trials.csv": self.trials.write_csv(),
            "tune.json": json.dumps(self.to_dict(), indent=1) + "\n",
            "best.yaml": _YAML_HEAD + yaml.safe_dump(explicit.model_dump(exclude_unset=True)),
        }
        for name, text in texts.items():
            with replacing_file(Path(folder) / name) as draft:
                draft.write(text.encode())


def tune(
    ledger: Ledger,
    config: Config | None,
    out: str | Path,
    *,
    trials: int | None = None,
    minutes: float | None = None,
    resume: bool = False,
    catalogue: Catalogue = CATALOGUE,
    told: Callable[[int], None] | None = None,
) -> Tuning:
    """Search settings of the booster by rolling backtest, and judge the best on a fold it never saw.

    The folds are those of the backtest. All but the last judge the trials, by the mean
    log-loss of the probability of being late, on the ledger cut at the last fold's
    training date: tuning as it could have been done on that day. The last fold is
    used once, to compare the best trial with the settings given.

    Parameters
    ----------
    ledger : Ledger
        The books.
    config : Config or None
        Settings to start from, the first trial; the defaults where None.
    out : str or Path
        Folder for ``tune.journal``, ``best.yaml``, ``trials.csv`` and ``tune.json``.
    trials : int, optional
        Finished trials in all, those before a resumption included; 20 where neither
        they nor minutes are given.
    minutes : float, optional
        Minutes after which no trial is begun. The first trial and the comparison on the
        last fold are run whatever the budget.
    resume : bool
        Go on with the trials of the folder, if it holds any.
    catalogue : Catalogue
        Features to use.
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
    >>> tuning.trials.height, tuning.trials["model.leaf_count"][0]
    (2, 63)
    """
    given = config or Config()
    budget = _budget(trials, minutes)
    check_tuning_folder(out, resume)
    folds = _folds(ledger, given)
    # Refused before the search, not after it, where nothing could be said of the best trial.
    last = judged_rows(History.build(ledger, given.ledger), folds[-1], given, catalogue)
    results = _searched(ledger, given, folds, catalogue, budget, Path(out), told or (lambda _: None))
    tuning = _compared(ledger, last, given, results, folds, catalogue)
    tuning.write(out)
    return tuning


def _searched(
    ledger: Ledger,
    given: Config,
    folds: Sequence[Fold],
    catalogue: Catalogue,
    budget: Budget,
    out: Path,
    told: Callable[[int], None],
) -> list[TrialResult]:
    """The trials, from what was known on the last fold's training date and from nothing else."""
    *tuned_on, last = folds
    known = cut_ledger(ledger, last.train_as_of)
    history = History.build(known, given.ledger)
    space = search_space(given, day_of(last.train_as_of) - int(history.invoices.known_day.min()))
    judges = [
        partial(_judged, known, judged_rows(history, fold, given, catalogue), given, catalogue)
        for fold in tuned_on
    ]
    identity = _identity(known, given, tuned_on, space, catalogue)
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
    known: Ledger,
    given: Config,
    folds: Sequence[Fold],
    space: Sequence[Dimension],
    catalogue: Catalogue,
) -> dict[str, str]:
    """Fingerprints of all that trials depend on, by the name that a refusal gives it."""
    tables = (known.invoices, known.payments, known.customers, known.events, known.rates)
    rows = "".join(table.select(~cs.nested()).write_csv() for table in tables)
    # How many threads there are changes no trial, and how many draws only the last comparison.
    settings = given.model_dump(exclude={"model": {"thread_count"}, "backtest": {"replicate_count"}})
    said = {
        "ledger": known.reporting_currency + rows,
        "settings": json.dumps(settings, sort_keys=True),
        "folds": repr(folds),
        "ranges searched": repr(space),
        "features": repr(catalogue.names),
        "versions": repr([version(name) for name in ("paydelay", "lightgbm", "optuna")]),
    }
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in said.items()}


def _judged(
    ledger: Ledger, rows: FoldRows, given: Config, catalogue: Catalogue, settings: Settings
) -> FoldFigures:
    """Figures of some settings on a fold."""
    return figures(rows, _said(ledger, rows, with_settings(given, settings), catalogue))


def _said(ledger: Ledger, rows: FoldRows, config: Config, catalogue: Catalogue) -> Floats:
    """What a model trained on the fold's date says of its rows, its window laid as the backtest lays it."""
    as_of = rows.fold.train_as_of
    if config.backtest.window == "expanding":
        config = with_settings(config, {"panel.history_days": (as_of - date.min).days})
    model = train(ledger, as_of, config, force=True, catalogue=catalogue)
    return prob_late(model, rows, config)


def _compared(
    ledger: Ledger,
    last: FoldRows,
    given: Config,
    results: Sequence[TrialResult],
    folds: tuple[Fold, ...],
    catalogue: Catalogue,
) -> Tuning:
    """The best trial beside the settings given, on the fold that no trial has seen."""
    table = _table(results)
    number = _best_trial(table)
    best = given if number == 1 else with_settings(given, results[number - 1].settings)
    theirs = _said(ledger, last, given, catalogue)
    ours = theirs if number == 1 else _said(ledger, last, best, catalogue)
    found = gains(last, ours, theirs, given.backtest.replicate_count, given.backtest.seed)
    logger.info("held out: log-loss gain %.4f over %d rows", found["log_loss"].value, len(last.late))
    held_out = {"given": figures(last, theirs), "best": figures(last, ours)}
    return Tuning(table, given, best, held_out, found, len(last.late), folds)


def _best_trial(trials: pl.DataFrame) -> int:
    return int(trials.filter(~pl.col("pruned")).sort("log_loss", "trial")["trial"][0])


def _table(results: Sequence[TrialResult]) -> pl.DataFrame:
    start = results[0].figures

    def row(number: int, result: TrialResult) -> dict[str, Any]:
        means, same = _means(result.figures), _means(start[: len(result.figures)])
        return {
            "trial": number,
            "pruned": result.pruned,
            "fold_count": len(result.figures),
            **means,
            "log_loss_gain": same["log_loss"] - means["log_loss"],
            **result.settings,
        }

    rows = [row(number, result) for number, result in enumerate(results, start=1)]
    floats = dict.fromkeys(FIGURES, pl.Float64)
    table = pl.DataFrame(rows, infer_schema_length=None, schema_overrides=floats)
    return table.with_columns(cs.float().fill_nan(None))


def _means(found: Sequence[FoldFigures]) -> dict[str, float]:
    """Mean of each figure over the folds that have it: one of a single outcome has no AUC."""
    known = {name: [fold[name] for fold in found if np.isfinite(fold[name])] for name in FIGURES}
    return {name: float(np.mean(values)) if values else float("nan") for name, values in known.items()}
