"""Hold past scores against what came since; exit 1 on alarm."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import paydelay as pdl
from paydelay.cli.books import load_model
from paydelay.language import phrase
from paydelay.pipeline import AsOfJob, Stages, content_of, run
from paydelay.report import print_monitoring


class Watching(AsOfJob):
    """Hold past scores against what came, and write report.html, monitoring.json, checks.csv to out."""

    scores: list[Path]
    """Past scores by invoice: files, or folders of them."""
    model: str | None = None
    """The model that scored, a folder or models:/NAME@ALIAS; drift is measured from it."""
    retraining: Literal["auto", "always", "never"] = "auto"
    """When a newer model is tried; auto: where a check is not ok."""


def watch(job: Watching, stages: Stages) -> int:
    """One stage: the report. Its verdict stands until one of other inputs is made."""
    config = pdl.load_config(job.config, job.language)
    model = load_model(job.model, config) if job.model else None
    own, ledger = job.own(), job.books()

    def watched(draft: Path) -> dict[str, Any]:
        asked = {"model": model, "config": config, "retraining": job.retraining} | own.arguments()
        found = pdl.monitor(ledger, job.scores, job.as_of, **asked)
        draft.mkdir()
        pdl.write_monitoring_report(draft / "report.html", found, language=job.language)
        found.write_json(draft / "monitoring.json")
        pdl.deliver(found.checks, draft / "checks.csv", job.language)
        print_monitoring(found, job.language)
        return {"verdict": found.verdict}

    known = job.known(ledger, own, config) | {
        "scores": content_of(job.scores),
        "model": model and model.manifest["manifest_sha256"],
        "settings": job.settings("as_of", "retraining", "language"),
    }
    made = stages.run("monitoring", known, watched)
    stages.tell("told.monitored")
    if made["verdict"] == "alarm":
        print(phrase("pipeline.alarm", job.language))
    return int(made["verdict"] == "alarm")


if __name__ == "__main__":
    run(Watching, watch)
