"""Folds of a replay, kept as they are finished, so that one that was stopped goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from paydelay.config import Config
from paydelay.features import Catalogue, own_identity
from paydelay.files import replacing_folder
from paydelay.folds import Fold
from paydelay.ledger import Ledger


class FoldReplay(NamedTuple):
    """What one fold of a replay leaves behind, as :class:`~paydelay.backtest.replay.Replay` has it of all."""

    rows: pl.DataFrame
    model: dict[str, Any]
    drivers: pl.DataFrame


class KeptFolds:
    """Finished folds in a folder, each by the fingerprint of all it depends on.

    Parameters
    ----------
    folder : Path or None
        Where they are; nothing is kept where None.
    ledger : Ledger
    config : Config
    catalogue : Catalogue
    covariates : mapping of str to polars.DataFrame, optional
        What is replayed.
    """

    def __init__(
        self,
        folder: Path | None,
        ledger: Ledger,
        config: Config,
        catalogue: Catalogue,
        covariates: Mapping[str, pl.DataFrame] | None = None,
    ) -> None:
        self._folder, self._identity = folder, ""
        if folder is not None:
            versions = [version(name) for name in ("paydelay", "lightgbm")]
            own = own_identity(catalogue, covariates)
            said = [ledger.fingerprint(), config.recorded(), own, versions]
            self._identity = json.dumps(said, sort_keys=True, default=str)

    def read(self, fold: Fold) -> FoldReplay | None:
        """A fold that was finished before.

        Parameters
        ----------
        fold : Fold

        Returns
        -------
        FoldReplay or None
            None where there is none of the same ledger, settings, features and versions.
        """
        place = self._place(fold)
        if place is None or not place.is_dir():
            return None
        return FoldReplay(
            pl.read_parquet(place / "rows.parquet"),
            json.loads((place / "model.json").read_text("utf-8")),
            pl.read_parquet(place / "drivers.parquet"),
        )

    def keep(self, fold: Fold, found: FoldReplay) -> None:
        """Write a fold, whole or not at all.

        Parameters
        ----------
        fold : Fold
        found : FoldReplay
            What it left behind.
        """
        place = self._place(fold)
        if place is None:
            return
        with replacing_folder(place) as draft:
            found.rows.write_parquet(draft / "rows.parquet")
            found.drivers.write_parquet(draft / "drivers.parquet")
            (draft / "model.json").write_text(json.dumps(found.model), "utf-8")

    def _place(self, fold: Fold) -> Path | None:
        if self._folder is None:
            return None
        digest = hashlib.sha256((self._identity + repr(fold)).encode()).hexdigest()
        return self._folder / f"fold-{fold.number}-{digest[:16]}"
