"""The store of runs and models: where it is, how it is reached, and what is said where it is not."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from paydelay.config import TrackingSettings
from paydelay.errors import TrackingError
from paydelay.preflight import importing

if TYPE_CHECKING:
    from mlflow import MlflowClient

_USUAL_URI = "sqlite:///mlflow.db"
"""What mlflow itself looks for: ``mlflow ui`` in the same folder shows the runs."""
_SQLITE = "sqlite:///"
_ENVIRONMENT = {
    # Twenty seconds and one more try, where mlflow itself would try for many minutes.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_ABSENT = "RESOURCE_DOES_NOT_EXIST"
_THERE = "RESOURCE_ALREADY_EXISTS"


@dataclass(frozen=True)
class Store:
    """A store that was reached.

    Parameters
    ----------
    uri : str
        Its address.
    client : mlflow.MlflowClient
        What talks to it.
    """

    uri: str
    client: MlflowClient

    @property
    def place(self) -> str:
        """The address without user and password, for people to read."""
        return place_of(self.uri)


def tracking_uri(settings: TrackingSettings | None = None) -> str:
    """Address of the store.

    Parameters
    ----------
    settings : TrackingSettings, optional
        Its ``uri`` counts first, then ``MLFLOW_TRACKING_URI``.

    Returns
    -------
    str
        ``sqlite:///mlflow.db`` in the working folder where nothing is said; paths are absolute.

    Raises
    ------
    TrackingError
        If it is a folder: mlflow keeps its runs in a database.

    Examples
    --------
    >>> tracking_uri(TrackingSettings(uri="http://127.0.0.1:5000"))
    'http://127.0.0.1:5000'
    """
    asked = settings.uri if settings else None
    uri = asked or os.environ.get("MLFLOW_TRACKING_URI") or _USUAL_URI
    if "://" not in uri:
        raise TrackingError(
            "The address of the tracking store is no address; give one such as sqlite:///mlflow.db or "
            "http://127.0.0.1:5000."
        )
    if uri.startswith(_SQLITE):
        path = sqlite_file(uri).resolve()
        # Three slashes and a path that begins with its own, or with a drive.
        return _SQLITE + path.as_posix()
    return uri


def sqlite_file(uri: str) -> Path:
    """The file of a SQLite store."""
    return Path(uri.removeprefix(_SQLITE).partition("?")[0])


def is_sqlite(uri: str) -> bool:
    """Whether the store is a file of SQLite."""
    return uri.startswith(_SQLITE)


def place_of(uri: str) -> str:
    """An address as it may be told: without user, password and query.

    Parameters
    ----------
    uri : str
        Of the store.

    Returns
    -------
    str

    Examples
    --------
    >>> place_of("postgresql+psycopg://ana:secret@db.example:5432/runs?sslmode=require")
    'postgresql+psycopg://db.example:5432/runs'
    """
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def connect(settings: TrackingSettings | None = None) -> Store:
    """Reach the store, made where it is a file that does not exist yet.

    Parameters
    ----------
    settings : TrackingSettings, optional
        Says where it is.

    Returns
    -------
    Store

    Raises
    ------
    TrackingError
        If it cannot be reached or its address cannot be used.
    MissingDependencyError
        If mlflow is not installed.
    """
    uri = tracking_uri(settings)
    _prepare()
    if is_sqlite(uri):
        try:
            sqlite_file(uri).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrackingError(_unreachable(uri, type(error).__name__)) from None
    with asking(uri), importing("Tracking"):
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        # A client asks nothing before it is used: what cannot be reached is known at once.
        client.search_experiments(max_results=1)
    return Store(uri, client)


def _prepare() -> None:
    """Nothing is sent to anybody but the store, and nobody waits for minutes."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings(), importing("Tracking"):
        # What mlflow's modules do at import is deprecated elsewhere, and nobody here can mend it.
        warnings.simplefilter("ignore")
        import mlflow.pyfunc  # noqa: F401
        from mlflow.telemetry import set_telemetry_client
    for name in ("mlflow", "alembic"):
        # Importing it sets levels of its own.
        logging.getLogger(name).setLevel(logging.ERROR)
    # Where somebody imported it before with its telemetry on.
    set_telemetry_client()  # type: ignore[no-untyped-call]


@contextmanager
def asking(uri: str) -> Iterator[None]:
    """Put what goes wrong in a store into one sentence that holds neither an address's password nor data.

    Parameters
    ----------
    uri : str
        Address of the store.

    Yields
    ------
    None

    Raises
    ------
    TrackingError
        Of whatever mlflow, the network, the database or the disk raise inside.
    """
    with importing("Tracking"):
        from mlflow.exceptions import MlflowException
        from requests import RequestException
        from sqlalchemy.exc import SQLAlchemyError
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"mlflow(\.|$)")
            yield
    except MlflowException as error:
        raise TrackingError(_unreachable(uri, str(error.error_code))) from None
    except (RequestException, SQLAlchemyError, OSError) as error:
        raise TrackingError(_unreachable(uri, type(error).__name__)) from None


def _unreachable(uri: str, what: str) -> str:
    return (
        f"The tracking store at {place_of(uri)} cannot be reached or refused what was asked ({what}); check "
        "that it runs, and its address in tracking.uri or MLFLOW_TRACKING_URI."
    )


def is_absent(error: Exception) -> bool:
    """Whether mlflow complains that a thing is not there."""
    return getattr(error, "error_code", None) == _ABSENT


def is_there_already(error: Exception) -> bool:
    """Whether mlflow complains that a thing is there already."""
    return getattr(error, "error_code", None) == _THERE


def experiment_id(store: Store, name: str) -> str:
    """The experiment of a name, made where there is none.

    Parameters
    ----------
    store : Store
    name : str
        Of the experiment.

    Returns
    -------
    str

    Raises
    ------
    TrackingError
        If it was deleted, or the store fails.
    """
    from mlflow.exceptions import MlflowException

    with asking(store.uri):
        known = store.client.get_experiment_by_name(name)
        if known is None:
            # Beside the database, and not wherever the program was called from.
            beside = (sqlite_file(store.uri).parent / "mlruns").as_uri() if is_sqlite(store.uri) else None
            try:
                return str(store.client.create_experiment(name, artifact_location=beside))
            except MlflowException as error:
                if not is_there_already(error):
                    raise
                known = store.client.get_experiment_by_name(name)
    if known is None or known.lifecycle_stage != "active":
        raise TrackingError(
            f"The experiment {name} of the tracking store was deleted; restore it, or name another one in "
            "tracking.experiment."
        )
    return str(known.experiment_id)
