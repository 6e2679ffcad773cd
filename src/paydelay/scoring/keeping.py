"""Scores kept with what they were made from, so that they can be made again."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from paydelay.config import Config
from paydelay.errors import ScoresError, TargetError
from paydelay.features import Catalogue, own_declarations
from paydelay.files import replacing_folder
from paydelay.ledger import Ledger
from paydelay.ledger.content import row_digests
from paydelay.model import DelayModel, fingerprint
from paydelay.panel import Panel

logger = logging.getLogger(__name__)

KEPT_SCHEMA_VERSION = 1
_MANIFEST_FILE = "kept.json"
_TABLES = ("scores", "features", "books")
_FILES = {_MANIFEST_FILE, *(f"{name}.parquet" for name in _TABLES)}
_STAGES = ("ledger", "outcomes", "loss", "worklist")
_GIVE = "give the folder that 'paydelay score --keep' wrote"


@dataclass(frozen=True)
class Origin:
    """What a score table was made from.

    Parameters
    ----------
    as_of : date
        Day of scoring.
    known : Ledger
        The books as known on it.
    covariates : mapping of str to polars.DataFrame or None
        Tables of one's own.
    model : DelayModel
        What scored.
    config : Config
        Settings that counted.
    features : Catalogue
        The model's features.
    panel : Panel
        Their values.
    order, language : str
        As they were asked for.
    explained_count : int or None
        How many rows have reasons, None for all.
    """

    as_of: date
    known: Ledger
    covariates: Mapping[str, pl.DataFrame] | None
    model: DelayModel
    config: Config
    features: Catalogue
    panel: Panel
    order: str
    language: str
    explained_count: int | None

    def tables(self) -> dict[str, pl.DataFrame]:
        """The books, and the tables of one's own beside them, as known on the day."""
        known = pl.col("known_on") <= self.as_of
        own = {f"covariates {name}": rows.filter(known) for name, rows in (self.covariates or {}).items()}
        return {**self.known.tables, **own}

    def settings(self) -> dict[str, Any]:
        """Settings that a score depends on, by dotted name."""
        recorded = self.config.recorded()
        return json_values(
            {f"{stage}.{name}": value for stage in _STAGES for name, value in recorded[stage].items()}
        )

    def versions(self) -> dict[str, str]:
        """What computes: this package, the libraries below it, and the packages that bring features."""
        found = {name: version(name) for name in ("paydelay", "lightgbm", "numpy", "polars")}
        brought = {own["brought_by"] for own in own_declarations(self.features).values()} - {None}
        return found | {f"features of {source}": source for source in sorted(brought)}

    def digests(self, ledger_sha256: str) -> pl.DataFrame:
        """Fingerprints of the rows of the books, keyed by what they were when they were first kept."""
        return row_digests(self.tables(), hashlib.sha256(f"paydelay kept {ledger_sha256}".encode()).digest())


@dataclass(frozen=True)
class Kept:
    """A kept folder, read and found whole.

    Parameters
    ----------
    manifest : dict
        ``as_of``, ``model_version``, ``model_sha256``, ``ledger_sha256``, ``settings``, ``versions`` and
        how the scores were asked for.
    scores, features, books : polars.DataFrame
        The score table, its feature rows, and the fingerprints of the rows of the books.
    """

    manifest: dict[str, Any]
    scores: pl.DataFrame
    features: pl.DataFrame
    books: pl.DataFrame

    @property
    def as_of(self) -> date:
        """Day of scoring."""
        return date.fromisoformat(self.manifest["as_of"])


def feature_rows(panel: Panel) -> pl.DataFrame:
    """The features of a panel as a frame, with the invoice and the day of each row."""
    columns = {name: panel.X[:, number] for number, name in enumerate(panel.feature_names)}
    return pl.DataFrame({"invoice_id": panel.rows["invoice_id"], "as_of": panel.rows["as_of"], **columns})


def json_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as JSON gives them back."""
    found: dict[str, Any] = json.loads(json.dumps(values))
    return found


def write_kept(folder: str | Path, scores: pl.DataFrame, ledger_sha256: str, origin: Origin) -> Path:
    """Write scores and what they were made from to a folder that is there in whole or not at all.

    Parameters
    ----------
    folder : str or Path
        New or empty, or with the same scores.
    scores : polars.DataFrame
        The score table.
    ledger_sha256 : str
        Fingerprint of the books as known.
    origin : Origin
        What the scores were made from.

    Returns
    -------
    Path

    Raises
    ------
    TargetError
        If the folder holds something else, or cannot be written to.
    """
    target = Path(folder)
    tables = {
        "scores": scores,
        "features": feature_rows(origin.panel),
        "books": origin.digests(ledger_sha256),
    }
    files = {f"{name}.parquet": _parquet(table) for name, table in tables.items()}
    manifest = _manifest(scores, ledger_sha256, origin) | {
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    }
    _check_identity(target, manifest)
    text = json.dumps(manifest | {"kept_sha256": _content(manifest)}, indent=1, allow_nan=False)
    try:
        with replacing_folder(target) as draft:
            for name, content in files.items():
                (draft / name).write_bytes(content)
            (draft / _MANIFEST_FILE).write_text(text, "utf-8")
    except OSError as error:
        raise TargetError(f"The scores cannot be kept in {target}: {error.strerror}.") from error
    logger.info("score: %d rows kept", scores.height)
    return target


def _manifest(scores: pl.DataFrame, ledger_sha256: str, origin: Origin) -> dict[str, Any]:
    return {
        "schema_version": KEPT_SCHEMA_VERSION,
        "as_of": origin.as_of.isoformat(),
        "invoice_count": scores.height,
        "model_version": origin.model.version,
        "model_sha256": origin.model.content_sha256,
        "ledger_sha256": ledger_sha256,
        "reporting_currency": origin.known.reporting_currency,
        "covariates": sorted(origin.covariates or ()),
        "settings": origin.settings(),
        "order": origin.order,
        "language": origin.language,
        "explained_count": origin.explained_count,
        "versions": origin.versions(),
    }


def check_kept_folder(folder: str | Path) -> None:
    """Refuse a place that holds anything but kept scores, before the work.

    Parameters
    ----------
    folder : str or Path
        Where scores are to be kept.

    Raises
    ------
    TargetError
        If it is no folder, or holds something else.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as empty:
    ...     check_kept_folder(empty)
    """
    target = Path(folder)
    if not target.exists():
        return
    if not target.is_dir():
        raise TargetError(f"{target} exists and is not a folder; name an empty or new folder.")
    found = {entry.name for entry in target.iterdir()}
    if found and not (_MANIFEST_FILE in found and found <= _FILES):
        raise TargetError(
            f"The folder {target} exists and holds something else than kept scores; name an empty or new "
            "folder."
        )


def _check_identity(target: Path, manifest: Mapping[str, Any]) -> None:
    """What was kept is evidence: only the very same takes its place."""
    check_kept_folder(target)
    if not (target / _MANIFEST_FILE).exists():
        return
    there = read_kept(target).manifest
    if there != json_values(manifest):
        raise TargetError(
            f"The folder {target} keeps scores of {there['as_of']} already, which are not these; name an "
            "empty or new folder."
        )


def read_kept(folder: str | Path) -> Kept:
    """Read a kept folder, and make sure that nothing in it has changed.

    Parameters
    ----------
    folder : str or Path
        As :meth:`~paydelay.Scores.keep` wrote it.

    Returns
    -------
    Kept

    Raises
    ------
    ScoresError
        If a file is missing, was altered or cut short, or is of a newer version.
    """
    source = Path(folder)
    text = _read(source, _MANIFEST_FILE)
    try:
        manifest = json.loads(text)
        found, stated = manifest["schema_version"], manifest.pop("kept_sha256")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _altered(source, _MANIFEST_FILE) from error
    if found != KEPT_SCHEMA_VERSION:
        raise ScoresError(
            f"{_MANIFEST_FILE} in {source} has schema version {found} and this paydelay reads version "
            f"{KEPT_SCHEMA_VERSION}; use the paydelay that wrote it."
        )
    if stated != _content(manifest):
        raise _altered(source, _MANIFEST_FILE)
    tables = {}
    for name in _TABLES:
        content = _read(source, f"{name}.parquet")
        if hashlib.sha256(content).hexdigest() != manifest["files"][f"{name}.parquet"]:
            raise _altered(source, f"{name}.parquet")
        tables[name] = pl.read_parquet(io.BytesIO(content))
    return Kept(manifest, **tables)


def _read(source: Path, name: str) -> bytes:
    try:
        return (source / name).read_bytes()
    except OSError as error:
        what = "holds no" if source.is_dir() else "is no folder with"
        raise ScoresError(f"{source} {what} {name}; {_GIVE}, whole.") from error


def _altered(source: Path, name: str) -> ScoresError:
    return ScoresError(
        f"{name} in {source} was altered or cut short since it was kept, and proves nothing any more; "
        f"{_GIVE}."
    )


def _content(manifest: Mapping[str, Any]) -> str:
    return fingerprint(json.dumps(json_values(manifest), sort_keys=True))


def _parquet(table: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    table.write_parquet(file, compression="zstd")
    return file.getvalue()
