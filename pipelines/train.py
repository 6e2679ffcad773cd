"""Train a model on what was known at the close of a day; log it where it bears a registered name."""

from __future__ import annotations

from pathlib import Path

import paydelay as pdl
from paydelay.cli.books import tell_stale
from paydelay.cli.extending import check_ones_own
from paydelay.cli.tracking import TrainedOn, log_model
from paydelay.pipeline import AsOfJob, Stages, run
from paydelay.report import print_training
from paydelay.tracking.registry import check_name
from paydelay.tracking.store import place_of, tracking_uri


class Training(AsOfJob):
    """Train a model as of a day, into the folder out; log it in MLflow where registered_as is given."""

    force: bool = False
    """Keep a model under its quality gate."""
    registered_as: str | None = None
    """Name in the registry of MLflow that the model becomes a challenger of."""
    proof: bool = True
    """Whether a backtest of its settings is logged beside it; it takes some minutes."""


def train(job: Training, stages: Stages) -> None:
    """Two stages: the model in its folder, and its run in MLflow."""
    config = pdl.load_config(job.config, job.language)
    if job.registered_as is not None:
        check_name(job.registered_as)
    own, ledger = job.own(), job.books()
    known = job.known(ledger, own, config)

    def trained(draft: Path) -> None:
        check_ones_own(own, ledger, job.as_of, config)
        model = pdl.train(ledger, job.as_of, config, force=job.force, **own.arguments())
        model.save(draft)
        print_training(model, job.language)
        tell_stale(ledger, job.as_of, job.language)

    def logged(_: Path) -> None:
        model, books = pdl.DelayModel.load(job.out), TrainedOn(ledger, job.ledger, own)
        log_model(model, job.out, books, config, job.registered_as, job.proof, job.language, once=True)

    stages.run("model", known | {"settings": job.settings("as_of", "force")}, trained)
    stages.tell("told.model_written")
    if job.registered_as is not None:
        asked = {
            "settings": [job.registered_as, config.tracking.experiment],
            "config": place_of(tracking_uri(config.tracking)),
        }
        model = {"model": pdl.DelayModel.load(job.out).manifest["manifest_sha256"]}
        stages.run("log", asked | model, logged, places=False)


if __name__ == "__main__":
    run(Training, train)
