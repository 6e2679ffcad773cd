"""DelayModel: from what is known of an open invoice to its delay curve.

The curve is S(h) = P(still open h days after the due date | known at as_of, open
at as_of). One booster gives a margin for every horizon: the horizon and the time
until it enter as columns in which the probability may only fall. One increasing
map calibrates all margins. Where the answer is known already, S is 1.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.calibration import Floats, MonotoneCalibration
from paydelay.config import booster_threads
from paydelay.curve import PooledCurve, days_until, fewest_days, never_settles, open_share
from paydelay.errors import FeatureMismatchError, LedgerError, ModelError, TargetError
from paydelay.features import RUN_RATE_NAMES, Catalogue, chosen_features
from paydelay.features.rhythm import expected_runs
from paydelay.files import replacing_folder
from paydelay.panel import Panel
from paydelay.preflight import importing

logger = logging.getLogger(__name__)

MODEL_SCHEMA_VERSION = 1
HORIZON_COLUMNS = ("horizon_days", "days_ahead", "runs_ahead_count")
"""Columns added for each horizon: days from the due date, days from as_of, and
the customer's payment runs expected in those days. The probability of being
still open falls in each."""
_READ_FEATURES = ("days_past_due", "as_of_weekday", *RUN_RATE_NAMES)
_BOOSTER_FILE = "booster.txt"
_MANIFEST_FILE = "manifest.json"
_CHUNK_ROWS = 200_000


def horizon_columns(
    X: NDArray[np.float32], names: Sequence[str], horizon_days: NDArray[np.integer]
) -> Floats:
    """Columns that depend on the horizon, computed from the features.

    Parameters
    ----------
    X : array of shape (n_rows, n_features)
    names : sequence of str
        Columns of ``X``; days_past_due, as_of_weekday and the run rates are read.
    horizon_days : array of shape (n_rows,) or scalar
        Days after the due date.

    Returns
    -------
    array of shape (n_rows, 3)

    Raises
    ------
    FeatureMismatchError
        If a column that is read is not there.
    """
    column = {name: position for position, name in enumerate(names)}
    missing = [name for name in _READ_FEATURES if name not in column]
    if missing:
        raise FeatureMismatchError(
            f"The delay curve is computed from features that are missing: {', '.join(missing)}; "
            "add them to the catalogue."
        )
    horizon = np.broadcast_to(np.asarray(horizon_days, np.int64), (len(X),))
    ahead = horizon - X[:, column["days_past_due"]].astype(np.int64)
    rates = X[:, [column[name] for name in RUN_RATE_NAMES]].astype(np.float64)
    # 1970-01-05 was a Monday: day 4 plus the weekday stands for tomorrow's weekday.
    tomorrow = X[:, column["as_of_weekday"]].astype(np.int64) + 5
    return np.column_stack([horizon, ahead, expected_runs(rates, tomorrow, ahead)])


def _falling(curve: Floats, anchors: Sequence[int]) -> Floats:
    """Curves that never rise, with the values of the anchors kept.

    The map may let a row's odds rise from one horizon to the next. What is told
    of an invoice is read at the anchors: the days around them give way, and a
    later anchor to an earlier one.
    """
    fallen = curve.copy()
    start = 0
    for anchor in anchors:
        if anchor < start:
            continue
        if start:
            fallen[:, anchor] = np.minimum(fallen[:, anchor], fallen[:, start - 1])
        before = fallen[:, start : anchor + 1]
        before[:] = np.maximum.accumulate(before[:, ::-1], axis=1)[:, ::-1]
        if start:
            np.minimum(before, fallen[:, start - 1, None], out=before)
        start = anchor + 1
    return np.asarray(np.minimum.accumulate(fallen, axis=1))


def horizon_matrix(
    X: NDArray[np.float32], names: Sequence[str], horizon_days: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Matrix of the booster: the features, then the columns of the horizon."""
    return np.concatenate([X, horizon_columns(X, names, horizon_days).astype(np.float32)], axis=1)


def lost_rows(panel: Panel) -> NDArray[np.bool_]:
    """Rows after a known write-off or insolvency: whatever still comes in is a recovery."""
    return (panel.rows["written_off"] | panel.rows["insolvent_on"].is_not_null()).to_numpy()


@dataclass(frozen=True)
class DelayModel:
    """A trained model: booster, calibration, and all that scoring needs besides the ledger.

    Parameters
    ----------
    booster_text : str
        LightGBM's text form of the trees.
    feature_names : tuple of str
        Features in the order of the booster's columns.
    horizons_days : tuple of int
        Horizons of the delay curve, increasing.
    calibration : MonotoneCalibration
        Map from margins to calibrated log-odds.
    pooled : PooledCurve
        The book's own curve.
    manifest : dict
        Plain data: outcomes, training period, versions, gate, loss table, the
        book's usual values.
    """

    booster_text: str
    feature_names: tuple[str, ...]
    horizons_days: tuple[int, ...]
    calibration: MonotoneCalibration
    pooled: PooledCurve
    manifest: dict[str, Any] = field(default_factory=dict)
    thread_count: int = 0

    @cached_property
    def booster(self) -> Any:
        """The trees, loaded when first used."""
        with importing("Scoring"):
            import lightgbm
        return lightgbm.Booster(model_str=self.booster_text)

    def __repr__(self) -> str:
        # The generated one would print every tree.
        when = self.manifest.get("trained_as_of", "no date")
        if "calibrated_as_of" in self.manifest:
            when += f", corrected as of {self.manifest['calibrated_as_of']}"
        return (
            f"DelayModel(trained as of {when}, {len(self.feature_names)} features, "
            f"{len(self.horizons_days)} horizons)"
        )

    @property
    def version(self) -> str:
        """Short name of this very model: training date and fingerprint of all that scores depend on."""
        trained = self.manifest.get("trained_as_of", "unknown")
        # The text ends with the settings it was grown with; how many threads there were changes no score.
        trees = self.booster_text.partition("\nparameters:")[0]
        rest = {name: self.manifest.get(name) for name in ("loss_table", "outcomes")}
        rest |= {"calibration": self.calibration.to_dict(), "pooled": self.pooled.to_dict()}
        return f"{trained}-{fingerprint(trees + json.dumps(rest, sort_keys=True))[:8]}"

    @property
    def content_sha256(self) -> str:
        """Fingerprint of all that its folder says, 64 hexadecimal digits."""
        return _manifest_fingerprint(self._as_manifest())

    @property
    def unpaid_is_pooled(self) -> bool:
        """Whether prob_unpaid is the book's rate by age instead of the booster's."""
        return bool(self.manifest["outcomes"]["unpaid_after_days"] > self.pooled.supported_days)

    def require_currency(self, reporting_currency: str) -> None:
        """Refuse books in another currency than the one the model learned amounts in.

        Parameters
        ----------
        reporting_currency : str
            Of the ledger.

        Raises
        ------
        LedgerError
            If it is another one.
        """
        learned = self.manifest.get("reporting_currency", reporting_currency)
        if reporting_currency != learned:
            raise LedgerError(
                f"The ledger reports in {reporting_currency} and the model learned from amounts in "
                f"{learned}; state that reporting currency, with rates, or train a model on this ledger."
            )

    def chosen_from(
        self, catalogue: Catalogue, covariates: Mapping[str, pl.DataFrame] | None = None
    ) -> Catalogue:
        """The model's own features, in its order.

        Parameters
        ----------
        catalogue : Catalogue
            Holds them; one's own included.
        covariates : mapping of str to polars.DataFrame, optional
            Dated tables of one's own that are given.

        Returns
        -------
        Catalogue

        Raises
        ------
        FeatureMismatchError
            If the catalogue lacks one: it is named, with the package that brought it.
        LedgerError
            If a table that the model was trained with is not given.
        """
        return chosen_features(self.feature_names, self.manifest, catalogue, covariates)

    def margins(self, panel: Panel, horizons_days: Sequence[int] | None = None) -> Floats:
        """Raw log-odds of the booster.

        Parameters
        ----------
        panel : Panel
        horizons_days : sequence of int, optional
            Horizons; all of the model's where None.

        Returns
        -------
        array of shape (n_rows, n_horizons)
            NaN where the horizon has passed already.

        Raises
        ------
        FeatureMismatchError
            If the panel has other features than the model.
        """
        horizons = self.horizons_days if horizons_days is None else tuple(horizons_days)
        X = panel.matrix(self.feature_names)
        margins = np.full((len(X), len(horizons)), np.nan)
        overdue = panel.rows["days_past_due"].to_numpy()
        for start in range(0, len(X), _CHUNK_ROWS):
            rows = slice(start, start + _CHUNK_ROWS)
            matrix = horizon_matrix(X[rows], self.feature_names, np.array(0))
            for column, horizon in enumerate(horizons):
                ahead = np.flatnonzero(overdue[rows] < horizon)
                if not len(ahead):
                    continue
                part = matrix[ahead]
                part[:, -3:] = horizon_columns(part[:, :-3], self.feature_names, np.array(horizon))
                margins[start + ahead, column] = self._raw(part)
        return margins

    def _raw(self, matrix: NDArray[np.float32]) -> Floats:
        if matrix.shape[1] != self.booster.num_feature():
            raise FeatureMismatchError(
                f"The booster has {self.booster.num_feature()} columns and was given {matrix.shape[1]}; "
                "the model folder and its manifest do not belong together."
            )
        return np.asarray(
            self.booster.predict(matrix, raw_score=True, num_threads=booster_threads(self.thread_count)),
            np.float64,
        )

    def survival(self, panel: Panel) -> Floats:
        """Calibrated delay curve of each row.

        Parameters
        ----------
        panel : Panel

        Returns
        -------
        array of shape (n_rows, n_horizons)
            S(h) for the model's horizons, non-increasing along each row; 1 where
            ``h <= days_past_due``, and throughout after a known write-off or
            insolvency.
        """
        horizons = np.array(self.horizons_days, np.float64)
        overdue = panel.rows["days_past_due"].to_numpy().astype(np.float64)
        supported = [h for h in self.horizons_days if h <= self.pooled.supported_days]
        margins = self.margins(panel, supported)
        curve = np.ones((len(panel), len(horizons)))
        known = np.isnan(margins)
        calibrated = self.calibration.probability(
            np.where(known, 0.0, margins), np.array(supported, np.float64)
        )
        curve[:, : len(supported)] = _falling(np.where(known, 1.0, calibrated), self._anchors(supported))
        # Beyond the supported horizons everyone follows the book's curve, from
        # the last supported horizon or from today, whichever is later.
        anchor = np.maximum(overdue, float(supported[-1]) if supported else -np.inf)
        at_anchor = curve[:, len(supported) - 1] if supported else np.ones(len(panel))
        beyond = horizons[len(supported) :]
        share = self.pooled.at(beyond)[None, :] / self.pooled.at(anchor)[:, None]
        curve[:, len(supported) :] = np.where(
            beyond[None, :] <= overdue[:, None], 1.0, at_anchor[:, None] * np.minimum(share, 1.0)
        )
        curve[lost_rows(panel)] = 1.0
        return np.minimum.accumulate(curve, axis=1)

    def _anchors(self, supported: Sequence[int]) -> list[int]:
        """Columns of prob_late and prob_unpaid, where each invoice has its own."""
        asked = self.manifest.get("outcomes", {})
        days = [asked[name] for name in ("grace_days", "unpaid_after_days") if name in asked]
        return [supported.index(day) for day in days if day in supported]

    def open_share_at(self, curve: Floats, days_past_due: NDArray[np.integer], horizon_days: float) -> Floats:
        """S at any horizon, straight between the model's horizons and 1 at as_of.

        Parameters
        ----------
        curve : array of shape (n_rows, n_horizons)
            As :meth:`survival` gives it.
        days_past_due : array of shape (n_rows,)
            as_of less due date, in days.
        horizon_days : float
            Days after the due date.

        Returns
        -------
        array of shape (n_rows,)
            Shares in [0, 1]; 1 where the horizon has passed already. After the
            last horizon H the share is ``S(H) exp(-tail_rate (h - max(H,
            days_past_due)))``, except that a curve still at 1 stays there.

        Examples
        --------
        >>> model = DelayModel("", (), (0, 30), MonotoneCalibration.identity(), PooledCurve.flat((0, 30)))
        >>> model.open_share_at(np.array([[0.6, 0.2]]), np.array([-10]), 15.0).round(3)
        array([0.4])
        """
        asked = np.full((len(curve), 1), horizon_days)
        return self.open_shares(curve, days_past_due, asked)[:, 0]

    def open_shares(
        self, curve: Floats, days_past_due: NDArray[np.integer], asked_days: NDArray[np.number]
    ) -> Floats:
        """S on days of each row's own: see :func:`paydelay.curve.open_share`.

        Parameters
        ----------
        curve : array of shape (n_rows, n_horizons)
        days_past_due : array of shape (n_rows,)
        asked_days : array of shape (n_rows, n_days)
            Days after the due date.

        Returns
        -------
        array of shape (n_rows, n_days)

        Examples
        --------
        >>> model = DelayModel("", (), (0, 30), MonotoneCalibration.identity(), PooledCurve.flat((0, 30)))
        >>> model.open_shares(np.array([[0.6, 0.2]]), np.array([-10]), np.array([[-5, 15]])).round(3)
        array([[0.8, 0.4]])
        """
        return open_share(curve, self.horizons_days, self.pooled.tail_rate, days_past_due, asked_days)

    def delay_quantile(
        self,
        curve: Floats,
        days_past_due: NDArray[np.integer],
        share: float,
        lost: NDArray[np.bool_] | None = None,
    ) -> Floats:
        """Whole days of delay by which the share still open has come down to ``share``.

        Parameters
        ----------
        curve : array of shape (n_rows, n_horizons)
        days_past_due : array of shape (n_rows,)
        share : float
            0.5 for the median. For the 80 % interval see :meth:`delay_interval`.
        lost : array of shape (n_rows,), optional
            Rows after a known write-off or insolvency; of one late beyond the last
            horizon the curve cannot tell.

        Returns
        -------
        array of shape (n_rows,)
            At least days past due + 1; NaN where the invoice is not expected to
            be paid at all.
        """
        days = days_until(curve, self.horizons_days, self.pooled.tail_rate, days_past_due, share)
        return np.where(never_settles(curve, self.horizons_days, days_past_due, lost), np.nan, days)

    def delay_interval(
        self,
        curve: Floats,
        days_past_due: NDArray[np.integer],
        lost: NDArray[np.bool_] | None = None,
        mass: float = 0.8,
    ) -> tuple[Floats, Floats]:
        """Shortest run of whole days of delay in which the invoice settles with probability ``mass``.

        Parameters
        ----------
        curve : array of shape (n_rows, n_horizons)
        days_past_due : array of shape (n_rows,)
        lost : array of shape (n_rows,), optional
            As of :meth:`delay_quantile`.
        mass : float
            At least 0.5, so that the median lies inside; 0.8 for what the score table tells.

        Returns
        -------
        low, high : array of shape (n_rows,)
            First and last day of the run: ``S(low - 1) - S(high) >= mass``, and no
            shorter run holds as much. At least days past due + 1; NaN where the invoice
            is not expected to be paid at all. See :func:`paydelay.curve.fewest_days`.
        """
        low, high = fewest_days(curve, self.horizons_days, self.pooled.tail_rate, days_past_due, mass)
        never = never_settles(curve, self.horizons_days, days_past_due, lost)
        return np.where(never, np.nan, low), np.where(never, np.nan, high)

    def save(self, folder: str | Path) -> Path:
        """Write the model as a folder of plain files: the trees as text and a JSON manifest.

        Parameters
        ----------
        folder : str or Path
            Created, or replaced if it holds a model already.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        TargetError
            If the place holds something else, or cannot be written to.
        """
        target = Path(folder)
        try:
            check_model_folder(target)
            with replacing_folder(target) as draft:
                (draft / _BOOSTER_FILE).write_text(self.booster_text, "utf-8")
                (draft / _MANIFEST_FILE).write_text(
                    json.dumps(self._as_manifest(), indent=1, allow_nan=False), "utf-8"
                )
        except OSError as error:
            raise TargetError(f"The model cannot be written to {target}: {error.strerror}.") from error
        return target

    def _as_manifest(self) -> dict[str, Any]:
        manifest = self.manifest | {
            "schema_version": MODEL_SCHEMA_VERSION,
            "feature_names": list(self.feature_names),
            "horizons_days": list(self.horizons_days),
            "calibration": self.calibration.to_dict(),
            "pooled": self.pooled.to_dict(),
            "booster_sha256": fingerprint(self.booster_text),
        }
        return manifest | {"manifest_sha256": _manifest_fingerprint(manifest)}

    @classmethod
    def load(cls, folder: str | Path, thread_count: int = 0) -> DelayModel:
        """Read a model folder.

        Parameters
        ----------
        folder : str or Path
            As :meth:`save` wrote it.
        thread_count : int
            Threads of the booster; 0 takes half of the cores.

        Returns
        -------
        DelayModel
            Scores as the one that was saved.

        Raises
        ------
        ModelError
            If a file is missing, was altered, or is of a newer version.
        """
        source = Path(folder)
        manifest_text = _read(source / _MANIFEST_FILE)
        booster_text = _read(source / _BOOSTER_FILE)
        try:
            manifest = json.loads(manifest_text)
        except ValueError as error:
            raise ModelError(f"{_MANIFEST_FILE} in {source} is not JSON; train the model again.") from error
        found = manifest.get("schema_version") if isinstance(manifest, dict) else None
        if found != MODEL_SCHEMA_VERSION:
            raise ModelError(
                f"{_MANIFEST_FILE} in {source} has schema version {found} and this paydelay reads version "
                f"{MODEL_SCHEMA_VERSION}; train the model again or use the paydelay that wrote it."
            )
        if manifest.get("booster_sha256") != fingerprint(booster_text):
            raise ModelError(
                f"{_BOOSTER_FILE} in {source} was altered after training; train the model again."
            )
        if manifest.get("manifest_sha256") != _manifest_fingerprint(manifest):
            raise ModelError(
                f"{_MANIFEST_FILE} in {source} was altered after training; train the model again."
            )
        try:
            return cls(
                booster_text=booster_text,
                feature_names=tuple(manifest["feature_names"]),
                horizons_days=tuple(manifest["horizons_days"]),
                calibration=MonotoneCalibration.from_dict(manifest["calibration"]),
                pooled=PooledCurve.from_dict(manifest["pooled"]),
                manifest=manifest,
                thread_count=thread_count,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{_MANIFEST_FILE} in {source} lacks what scoring needs; train the model again."
            ) from error


def fingerprint(text: str) -> str:
    """SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _manifest_fingerprint(manifest: dict[str, Any]) -> str:
    """Fingerprint of all that a manifest says, in whatever order and layout."""
    said = {name: value for name, value in manifest.items() if name != "manifest_sha256"}
    # Once through JSON, which knows neither tuples nor keys that are numbers.
    return fingerprint(json.dumps(json.loads(json.dumps(said)), sort_keys=True))


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as error:
        there = file.parent.exists()
        what = f"is not a model folder: {file.name} cannot be read" if there else "is not there"
        raise ModelError(
            f"{file.parent} {what}; give the folder that 'paydelay train --model' wrote."
        ) from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{file.name} in {file.parent} is not text; train the model again.") from error


def check_model_folder(folder: str | Path) -> None:
    """Refuse a place that holds anything but a model: saving would remove it.

    Parameters
    ----------
    folder : str or Path
        Where a model is to be written.

    Raises
    ------
    TargetError
        If it exists and is neither an empty folder nor one with a model alone.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as empty:
    ...     check_model_folder(empty)
    """
    target = Path(folder)
    if not target.exists():
        return
    if not target.is_dir():
        raise TargetError(f"{target} exists and is not a folder; name an empty or new folder.")
    found = {entry.name for entry in target.iterdir()}
    if found and found != {_BOOSTER_FILE, _MANIFEST_FILE}:
        raise TargetError(
            f"The folder {target} exists and holds something else than a model; name an empty or new folder."
        )
