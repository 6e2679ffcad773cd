"""Search the model's settings, trial by trial; a search that was stopped goes on from its journal."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

import paydelay as pdl
from paydelay.pipeline import LedgerJob, Stages, run
from paydelay.report import print_tuning


class Search(LedgerJob):
    """Search the model's settings on past folds; best.yaml and the trials go to the folder out."""

    trials: int | None = Field(default=None, ge=1)
    """Trials in all; 20 where minutes are not given either."""
    minutes: float | None = Field(default=None, gt=0)
    """Minutes of one run after which no trial is begun."""


def tune(job: Search, stages: Stages) -> None:
    """One stage: the folder, with the journal that a stopped run left."""
    config = pdl.load_config(job.config, job.language)
    own, ledger = job.own(), job.books()

    def tuned(draft: Path) -> None:
        # Left by a run that was killed: of two at once, the second does not come as far as here.
        for lock in draft.glob("tune.journal.lock*"):
            lock.unlink()
        limits = {"trials": job.trials, "minutes": job.minutes}
        found = pdl.tune(ledger, config, draft, **limits, resume=True, **own.arguments())
        print_tuning(found, job.language)

    known = job.known(ledger, own, config) | {"settings": job.settings("trials", "minutes")}
    stages.run("tuning", known, tuned, resumable=True)
    stages.tell("told.tuned")


if __name__ == "__main__":
    run(Search, tune)
