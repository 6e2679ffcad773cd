"""Registered models: versions, the aliases champion and challenger, and loading them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from paydelay.config import TrackingSettings
from paydelay.errors import ModelError, TrackingError
from paydelay.model import DelayModel
from paydelay.tracking.store import Store, asking, connect, is_absent, is_there_already

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

CHAMPION, CHALLENGER = "champion", "challenger"
_ADDRESS = re.compile(r"models:/(?P<name>[^/@:]+)(?:@(?P<alias>[^/@:]+)|/(?P<version>[0-9]+))")
_NAME = re.compile(r"[^/:@.\\\s](?:[^/:@\\]*[^/:@\\\s])?")


def check_name(name: str) -> None:
    """Refuse what cannot be part of an address such as ``models:/NAME@champion``.

    Parameters
    ----------
    name : str
        Of a registered model.

    Raises
    ------
    TrackingError
        If it is empty, or holds a slash, a colon or an @.

    Examples
    --------
    >>> check_name("late-payment")
    """
    if not _NAME.fullmatch(name):
        raise TrackingError(
            "A registered model cannot bear that name; give one without slash, colon and @, such as "
            "late-payment."
        )


def register_version(
    store: Store, name: str, model: DelayModel, run_id: str, model_id: str, source: str
) -> str:
    """Make a logged model the next version of a registered one, and the challenger.

    Parameters
    ----------
    store : Store
    name : str
        Of the registered model, which is made where there is none.
    model : DelayModel
    run_id, model_id, source : str
        Where it was logged.

    Returns
    -------
    str
        The version.
    """
    from mlflow.exceptions import MlflowException

    manifest = model.manifest
    tags = {
        "paydelay.model_version": model.version,
        "paydelay.trained_as_of": manifest["trained_as_of"],
        "paydelay.gate_passed": str(manifest["gate"]["late"]["passed"]).lower(),
    }
    with asking(store.uri):
        try:
            store.client.create_registered_model(name)
        except MlflowException as error:
            if not is_there_already(error):
                raise
        made = store.client.create_model_version(
            name, source=source, run_id=run_id, model_id=model_id, tags=tags
        )
        store.client.set_registered_model_alias(name, CHALLENGER, str(made.version))
    return str(made.version)


def version_at(store: Store, name: str, alias: str) -> ModelVersion | None:
    """The version an alias stands for.

    Parameters
    ----------
    store : Store
    name, alias : str
        Of a registered model.

    Returns
    -------
    mlflow.entities.model_registry.ModelVersion or None
        None where there is no such model or alias.
    """
    from mlflow.exceptions import MlflowException

    with asking(store.uri):
        try:
            # Asked for the model and not for the alias: of an alias that is not set, mlflow speaks as of
            # a wrong call.
            aliases: Mapping[str, str] = store.client.get_registered_model(name).aliases
        except MlflowException as error:
            if not is_absent(error):
                raise
            return None
        if alias not in aliases:
            return None
        return store.client.get_model_version(name, str(aliases[alias]))


def load_registered(address: str, settings: TrackingSettings | None = None) -> DelayModel:
    """Read a model of the registry.

    Parameters
    ----------
    address : str
        ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.
    settings : TrackingSettings, optional
        Says where the registry is.

    Returns
    -------
    DelayModel
        Scores as the one that was registered.

    Raises
    ------
    TrackingError
        If there is no such version, or the registry cannot be reached.
    ModelError
        If what is kept there was altered, is incomplete or of a newer version.

    Examples
    --------
    >>> load_registered("models:late")
    Traceback (most recent call last):
    paydelay.errors.TrackingError: 'models:late' is no address of a registered model; give \
models:/NAME@ALIAS or models:/NAME/VERSION.
    """
    parts = _ADDRESS.fullmatch(address)
    if parts is None:
        raise TrackingError(
            f"'{address}' is no address of a registered model; give models:/NAME@ALIAS or "
            "models:/NAME/VERSION."
        )
    store, name = connect(settings), parts["name"]
    if parts["alias"]:
        version = version_at(store, name, parts["alias"])
    else:
        version = _numbered(store, name, parts["version"])
    if version is None:
        raise TrackingError(
            f"The registry at {store.place} has no {address}; 'paydelay train --register {name}' registers a "
            f"version, as challenger, and 'paydelay promote {name}' makes it champion."
        )
    return load_version(store, version)


def _numbered(store: Store, name: str, number: str) -> ModelVersion | None:
    from mlflow.exceptions import MlflowException

    with asking(store.uri):
        try:
            return store.client.get_model_version(name, number)
        except MlflowException as error:
            if not is_absent(error):
                raise
            return None


def load_version(store: Store, version: ModelVersion) -> DelayModel:
    """Read one version of a registered model, and make sure that it is the one that was registered.

    Parameters
    ----------
    store : Store
    version : ModelVersion
        As the registry describes it.

    Returns
    -------
    DelayModel

    Raises
    ------
    ModelError
        If its files are not those of a model, or not those that were registered.
    """
    which = f"Version {version.version} of {version.name} in the registry"
    with tempfile.TemporaryDirectory() as folder:
        with asking(store.uri):
            from mlflow.artifacts import download_artifacts

            place = download_artifacts(
                artifact_uri=store.client.get_model_version_download_uri(version.name, version.version),
                dst_path=folder,
                tracking_uri=store.uri,
                registry_uri=store.uri,
            )
        native = next(Path(place).glob("data/*/manifest.json"), None)
        if native is None:
            raise ModelError(f"{which} holds no manifest.json of a paydelay model; register it again.")
        try:
            model = DelayModel.load(native.parent)
        except ModelError as error:
            # The folder it was read from is gone by the time that anybody could look.
            told = str(error).replace(f" in {native.parent}", "").replace(str(native.parent), "its folder")
            raise ModelError(f"{which} cannot be used: {told}") from error
    known = version.tags.get("paydelay.model_version")
    if known is not None and known != model.version:
        raise ModelError(
            f"{which} holds the model {model.version} where {known} was registered; register it again."
        )
    return model
