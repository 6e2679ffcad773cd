"""One logged run per training: what went in, what came out, and the model itself."""

from __future__ import annotations

import json
import logging
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from paydelay.backtest import Backtest
from paydelay.config import Config
from paydelay.features import CATALOGUE, Catalogue
from paydelay.history import cut_ledger
from paydelay.ledger import Ledger
from paydelay.model import DelayModel
from paydelay.panel import as_date
from paydelay.scoring import score
from paydelay.tracking.loader import OUTPUTS
from paydelay.tracking.registry import check_name, register_version
from paydelay.tracking.store import Store, asking, connect, experiment_id

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

_EXAMPLE_ROWS = 5
_BATCH = 100  # mlflow takes no more parameters at once
_LOADER = "paydelay.tracking.loader"
_SVG = "http://www.w3.org/2000/svg"
NATIVE_FOLDER = "delay_model"
"""Name of the model's own folder within what mlflow keeps."""


@dataclass(frozen=True)
class LoggedRun:
    """Where a training was logged.

    Parameters
    ----------
    run_id : str
        Of mlflow.
    experiment : str
        Name of the experiment.
    place : str
        Address of the store, without user and password.
    name : str or None
        Registered model, where it was registered.
    version : str or None
        Its version.
    """

    run_id: str
    experiment: str
    place: str
    name: str | None = None
    version: str | None = None


def log_training(
    model: DelayModel,
    ledger: Ledger,
    config: Config | None = None,
    *,
    proof: Backtest | None = None,
    register: str | None = None,
    language: str = "en",
    catalogue: Catalogue = CATALOGUE,
    covariates: Mapping[str, pl.DataFrame] | None = None,
) -> LoggedRun:
    """Log a trained model as one run of mlflow, and register it where a name is given.

    Parameters
    ----------
    model : DelayModel
        As training, or a correction, left it.
    ledger : Ledger
        The books it was trained on; nothing recorded after the training is used.
    config : Config, optional
        Its ``tracking`` says where to.
    proof : Backtest, optional
        Its folds, figures, tables and page are logged beside the model.
    register : str, optional
        Name of the registered model that this becomes a version of, with the alias
        ``challenger``. What makes it the champion is :func:`promote`.
    language : {'en', 'fr'}
        Of the page, the card and the figures.
    catalogue : Catalogue
        Holds the model's features; one's own included.
    covariates : mapping of str to polars.DataFrame, optional
        Dated tables of one's own that the features look up.

    Returns
    -------
    LoggedRun

    Raises
    ------
    TrackingError
        If the store cannot be reached, or the name cannot be one of a registered model.
    MissingDependencyError
        If mlflow is not installed.

    Notes
    -----
    Parameters: the settings the model was trained with. Tags: versions, commit and the
    fingerprint of the ledger's content. Metrics: those of the quality gate, and of the
    backtest. The model is kept as mlflow's pyfunc over the model's own folder of text and
    JSON, by a loader module: nothing is pickled.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from paydelay import DelayModel, load_config, log_training, read_ledger
    >>> def log_it(folder: str) -> str:
    ...     config = load_config({"tracking": {"uri": f"sqlite:///{folder}/mlflow.db"}})
    ...     run = log_training(DelayModel.load("model"), read_ledger("mybook"), config, register="late")
    ...     return run.version
    """
    settings = (config or Config()).tracking
    if register is not None:
        check_name(register)
    store = connect(settings)
    known = cut_ledger(ledger, as_date(model.manifest["trained_as_of"]))
    example = _example(model, known, catalogue, covariates)
    experiment = experiment_id(store, settings.experiment)
    with tempfile.TemporaryDirectory() as folder, _running(store, experiment, model, known) as run_id:
        _log_values(store, run_id, model, proof)
        _write_files(Path(folder) / "run", model, proof, ledger, language)
        store.client.log_artifacts(run_id, str(Path(folder) / "run"))
        model_id, source = _log_model(store, experiment, run_id, model, example, Path(folder))
    registered = register_version(store, register, model, run_id, model_id, source) if register else None
    logger.info("tracking: logged run %s", run_id)
    return LoggedRun(run_id, settings.experiment, store.place, register, registered)


@contextmanager
def _running(store: Store, experiment: str, model: DelayModel, known: Ledger) -> Iterator[str]:
    """A run that ends with what is done inside, and says so where that fails."""
    with asking(store.uri):
        run = store.client.create_run(experiment, run_name=model.version, tags=_tags(model, known))
        run_id = str(run.info.run_id)
        try:
            yield run_id
        except BaseException:
            with suppress(Exception):  # the first failure is the one to tell
                store.client.set_terminated(run_id, "FAILED")
            raise
        store.client.set_terminated(run_id, "FINISHED")


def _example(
    model: DelayModel,
    known: Ledger,
    catalogue: Catalogue,
    covariates: Mapping[str, pl.DataFrame] | None,
) -> pd.DataFrame | None:
    """Features of a few invoices open on the training day, without who they are."""
    scores = score(
        known,
        model,
        model.manifest["trained_as_of"],
        explain="none",
        keep_features=True,
        catalogue=catalogue,
        covariates=covariates,
    )
    if scores.features is None or scores.features.is_empty():
        return None
    rows = scores.features.select(model.feature_names).head(_EXAMPLE_ROWS)
    return rows.cast(pl.Float64).to_pandas()


def _tags(model: DelayModel, known: Ledger) -> dict[str, str]:
    manifest, content = model.manifest, known.fingerprint()
    tags = {
        "paydelay.version": version("paydelay"),
        "paydelay.model_version": model.version,
        "paydelay.trained_as_of": manifest["trained_as_of"],
        "paydelay.ledger_sha256": manifest.get("ledger_sha256", content),
        "paydelay.ledger_sha256_when_logged": content,
    }
    if "calibrated_as_of" in manifest:
        tags["paydelay.calibrated_as_of"] = manifest["calibrated_as_of"]
    return tags | code_version()


def code_version() -> dict[str, str]:
    """Commit that paydelay runs from, as tags; none where it is installed and no checkout.

    Returns
    -------
    dict of str to str
        mlflow's own tag of the commit, and whether files differ from it.
    """
    here = Path(__file__)

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(here.parent), *words], capture_output=True, text=True, check=True, timeout=10
        )
        return done.stdout.strip()

    try:
        # Packages installed within some other checkout are none of its files.
        git("ls-files", "--error-unmatch", here.name)
        said = git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except (OSError, subprocess.SubprocessError):
        return {}
    commit, _, changed = said.partition("-")
    return {"mlflow.source.git.commit": commit, "paydelay.code_changed": str(bool(changed)).lower()}


def _log_values(store: Store, run_id: str, model: DelayModel, proof: Backtest | None) -> None:
    from mlflow.entities import Metric, Param

    params = [Param(name, str(value)) for name, value in flat(model.manifest["config"])]
    for start in range(0, len(params), _BATCH):
        store.client.log_batch(run_id, params=params[start : start + _BATCH])
    figures = dict(_figures_of_gate(model)) | dict(_figures_of_proof(proof))
    metrics = [Metric(name, value, 0, 0) for name, value in figures.items() if np.isfinite(value)]
    store.client.log_batch(run_id, metrics=metrics)


def flat(values: Mapping[str, Any], stage: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by their dotted names.

    Parameters
    ----------
    values : mapping
        Settings, in stages.
    stage : str
        What their names begin with.

    Yields
    ------
    tuple of str and value

    Examples
    --------
    >>> list(flat({"outcomes": {"grace_days": 0}}))
    [('outcomes.grace_days', 0)]
    """
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{stage}{name}.")
        else:
            yield f"{stage}{name}", value


def _figures_of_gate(model: DelayModel) -> Iterator[tuple[str, float]]:
    for outcome, gate in model.manifest["gate"].items():
        yield f"gate.{outcome}.passed", float(gate["passed"])
        for name, value in {
            **gate["figures"],
            **{f"auc_gain_{k}": v for k, v in gate["gain"].items()},
        }.items():
            if value is not None:
                yield f"gate.{outcome}.{name}", float(value)
    yield "tree_count", float(model.manifest["tree_count"])


def _figures_of_proof(proof: Backtest | None) -> Iterator[tuple[str, float]]:
    """Figures of the model over the whole replay, and its gains over the best baselines."""
    if proof is None:
        return
    whole = proof.tables["scorers"].filter(
        pl.col("view") == "all", pl.col("scorer").is_in(["model", "unpaid"])
    )
    for row in whole.iter_rows(named=True):
        for name, value in row.items():
            if isinstance(value, float):
                yield f"backtest.{row['outcome']}.{name}", value
    for row in proof.tables["gains"].filter(view="all").iter_rows(named=True):
        for end in ("value", "low", "high"):
            if row[end] is not None:
                yield f"backtest.{row['outcome']}.{row['figure']}_gain_{end}", row[end]
    for outcome, verdict in proof.verdicts.items():
        yield f"backtest.{outcome}.beats_baselines", float(verdict.beats)


def _write_files(
    folder: Path, model: DelayModel, proof: Backtest | None, ledger: Ledger, language: str
) -> None:
    """What a run keeps beside the model: all of it is for people, but the folds and backtest.json."""
    folder.mkdir()
    parts = ("trained_as_of", "period", "gate", "versions")
    facts = {name: model.manifest[name] for name in parts if name in model.manifest}
    (folder / "training.json").write_text(json.dumps(facts, indent=1), "utf-8")
    if proof is None:
        return
    from paydelay import figures
    from paydelay.report import model_card, write_backtest_report

    write_backtest_report(folder / "report.html", proof, language=language, ledger=ledger)
    proof.write_json(folder / "backtest.json")
    (folder / "folds.json").write_text(json.dumps(proof.to_dict()["folds"], indent=1), "utf-8")
    (folder / "model_card.md").write_text(model_card(proof, language), "utf-8")
    (folder / "figures").mkdir()
    for name in ("reliability", "lift", "stability", "drivers", "slices"):
        drawn = getattr(figures, name)(proof, language=language)
        # Within a page it needs no namespace, as a file it does.
        file = figures.svg(drawn).replace("<svg ", f'<svg xmlns="{_SVG}" ', 1)
        (folder / "figures" / f"{name}.svg").write_text(file, "utf-8")


def _log_model(
    store: Store,
    experiment: str,
    run_id: str,
    model: DelayModel,
    example: pd.DataFrame | None,
    folder: Path,
) -> tuple[str, str]:
    """Id and place of the model that mlflow keeps."""
    logged = store.client.create_logged_model(experiment, name="paydelay", source_run_id=run_id)
    try:
        native, packed = folder / NATIVE_FOLDER, folder / "pyfunc"
        model.save(native)
        save_pyfunc(model, native, packed, example)
        store.client.log_model_artifacts(logged.model_id, str(packed))
    except BaseException:
        store.client.finalize_logged_model(logged.model_id, "FAILED")
        raise
    store.client.finalize_logged_model(logged.model_id, "READY")
    return str(logged.model_id), str(logged.artifact_location)


def save_pyfunc(model: DelayModel, native: Path, target: Path, example: pd.DataFrame | None) -> None:
    """Write a model as mlflow's pyfunc, which the loader module reads from the model's own files.

    Parameters
    ----------
    model : DelayModel
    native : Path
        Folder that the model was saved to.
    target : Path
        A folder that does not exist yet.
    example : pandas.DataFrame, optional
        Rows of features.
    """
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    # Whole numbers refuse fractions, and nothing else has a value for what is not known.
    takes = Schema([ColSpec("double", name) for name in model.feature_names])
    gives = Schema([ColSpec("double", name) for name in OUTPUTS])
    mlflow.pyfunc.save_model(
        target,
        loader_module=_LOADER,
        data_path=str(native),
        signature=ModelSignature(takes, gives),
        input_example=example,
        pip_requirements=[f"paydelay[train]=={version('paydelay')}", f"lightgbm=={version('lightgbm')}"],
        metadata={"model_version": model.version},
    )
