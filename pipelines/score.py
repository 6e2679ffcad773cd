"""Score the open book of a day and deliver it, once for each day, model and state of the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import PositiveInt

import paydelay as pdl
from paydelay.cli.books import load_model, tell_left_out, tell_stale, tell_trained_later
from paydelay.delivery import check_target
from paydelay.pipeline import AsOfJob, Stages, run


class Scoring(AsOfJob):
    """Score every invoice open on a day, and deliver the scores or the queue to the target out."""

    model: str
    """Folder that training wrote, or models:/NAME@ALIAS."""
    by: Literal["invoice", "customer"] = "invoice"
    """What one contact is made about."""
    order: Literal["expected-loss", "value-at-stake", "late-value"] = "expected-loss"
    """Value the queue is ranked by."""
    scope: Literal["all", "overdue", "due-soon"] = "all"
    """Invoices to queue."""
    top: PositiveInt | None = None
    """Rows to give at most."""
    capacity: PositiveInt | None = None
    """Contacts that can be made."""
    csv_style: Literal["standard", "excel-fr"] = "standard"
    """How a .csv is written."""


def score(job: Scoring, stages: Stages) -> None:
    """One stage: the file, replaced only where the day, the model, the ledger or the job differ."""
    check_target(job.out)
    config = pdl.load_config(job.config, job.language) if job.config else None
    model, own, ledger = load_model(job.model, config), job.own(), job.books()

    def scored(draft: Path) -> dict[str, int]:
        asked = {"config": config, "language": job.language, "order": job.order} | own.arguments()
        scores = pdl.score(ledger, model, job.as_of, **asked)
        queue = pdl.rank(scores, job.by, job.order, job.scope, capacity=job.capacity, top=job.top)
        ranked = scores.frame.sort("priority_rank", "invoice_id", nulls_last=True)
        if (job.by, job.scope, job.top or job.capacity) != ("invoice", "all", None):
            ranked = queue.frame
            tell_left_out(queue, job.language)
        pdl.deliver(ranked, draft, job.language, csv_style=job.csv_style)
        return {"rows": ranked.height}

    known = job.known(ledger, own, config) | {"model": model.manifest["manifest_sha256"]}
    stages.tell("told.written", n=stages.run("scores", known | {"settings": job.settings()}, scored)["rows"])
    tell_trained_later(model, job.as_of, job.language)
    tell_stale(ledger, job.as_of, job.language)


if __name__ == "__main__":
    run(Scoring, score)
