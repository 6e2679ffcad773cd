"""What a search leaves behind: its trials, the verdict on the last fold, and the files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from polars import selectors as cs

from paydelay.config import Config
from paydelay.files import replacing_file
from paydelay.folds import Fold
from paydelay.intervals import Interval
from paydelay.tune.judging import FIGURES
from paydelay.tune.search import FoldFigures, TrialResult
from paydelay.tune.space import settings_of, with_settings

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
        return best_trial(self.trials)

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


def best_trial(trials: pl.DataFrame) -> int:
    """Number of the trial with the lowest log-loss among those that saw every fold."""
    return int(trials.filter(~pl.col("pruned")).sort("log_loss", "trial")["trial"][0])


def trial_table(results: Sequence[TrialResult]) -> pl.DataFrame:
    """One row per trial, as :class:`Tuning` holds them."""
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
