"""What a process that was killed while it logged a model left in the store: taken up, or closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paydelay.config import Config
from paydelay.model import DelayModel
from paydelay.tracking.registry import CHALLENGER, register_version
from paydelay.tracking.runs import LoggedRun
from paydelay.tracking.store import Store, asking, connect

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion


def logged_before(
    model: DelayModel, config: Config | None = None, register: str | None = None
) -> LoggedRun | None:
    """The run that logged this very model, if there is one, registered where a name is given.

    Runs that were broken off are closed as killed; of a whole run what was still to be done,
    registering and naming the challenger, is done.

    Parameters
    ----------
    model : DelayModel
        As it was trained.
    config : Config, optional
        Its ``tracking`` says where it may have been logged.
    register : str, optional
        Name of the registered model that it is to be a version of.

    Returns
    -------
    LoggedRun or None
        None where no whole run of it is found: it is still to be logged.

    Raises
    ------
    TrackingError
        If the store cannot be reached.
    MissingDependencyError
        If mlflow is not installed.

    Notes
    -----
    Only for whoever knows that nobody logs the same model at the same time, as a pipeline does.
    """
    settings = (config or Config()).tracking
    store = connect(settings)
    whole = _whole_run(store, settings.experiment, model)
    if whole is None:
        return None
    run_id = str(whole.info.run_id)
    number = _registered(store, register, model, whole) if register else None
    return LoggedRun(run_id, settings.experiment, store.place, register, number)


def _whole_run(store: Store, experiment: str, model: DelayModel) -> Run | None:
    """The latest whole run of a model; those that nobody works at any longer are closed."""
    with asking(store.uri):
        known = store.client.get_experiment_by_name(experiment)
        if known is None:
            return None
        asked = f"tags.`paydelay.model_version` = '{model.version}'"
        runs = store.client.search_runs([known.experiment_id], asked)
        for run in runs:
            if run.info.status == "RUNNING":
                store.client.set_terminated(run.info.run_id, "KILLED")
    # Newest first, as the store gives them.
    whole: list[Run] = [run for run in runs if run.info.status == "FINISHED"]
    return whole[0] if whole else None


def _registered(store: Store, name: str, model: DelayModel, run: Run) -> str | None:
    """Version of a registered model that a run became, or now becomes."""
    with asking(store.uri):
        asked = f"name = '{name}' and run_id = '{run.info.run_id}'"
        versions: list[ModelVersion] = list(store.client.search_model_versions(asked))
    if versions:
        number = str(versions[0].version)
        with asking(store.uri):
            aliases = store.client.get_registered_model(name).aliases
            newer = any(int(other) > int(number) for other in aliases.values())
            if number not in map(str, aliases.values()) and not newer:
                store.client.set_registered_model_alias(name, CHALLENGER, number)
        return number
    made = run.outputs.model_outputs if run.outputs else []
    if not made:
        return None
    with asking(store.uri):
        logged = store.client.get_logged_model(made[0].model_id)
    return register_version(
        store, name, model, str(run.info.run_id), str(logged.model_id), str(logged.artifact_location)
    )
