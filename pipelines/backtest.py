"""Replay the past, fold by fold; folds that a stopped run has finished are not replayed again."""

from __future__ import annotations

from pathlib import Path

import paydelay as pdl
from paydelay.pipeline import LedgerJob, Stages, run
from paydelay.report import model_card, print_backtest


class Proving(LedgerJob):
    """Replay the past and write report.html, backtest.json, model_card.md and rows.parquet to out."""


def backtest(job: Proving, stages: Stages) -> None:
    """One stage: the folder. Beside its draft lie the folds as they are finished."""
    config = pdl.load_config(job.config, job.language)
    own, ledger = job.own(), job.books()

    def replayed(draft: Path) -> None:
        proof = pdl.backtest(ledger, config, kept_in=draft.with_name("folds"), **own.arguments())
        draft.mkdir(exist_ok=True)
        pdl.write_backtest_report(draft / "report.html", proof, language=job.language, ledger=ledger)
        proof.write_json(draft / "backtest.json")
        (draft / "model_card.md").write_text(model_card(proof, job.language), "utf-8")
        proof.rows.write_parquet(draft / "rows.parquet")
        print_backtest(proof, job.language)

    known = job.known(ledger, own, config) | {"settings": job.settings("language")}
    stages.run("backtest", known, replayed, resumable=True)
    stages.tell("backtest.saved")


if __name__ == "__main__":
    run(Proving, backtest)
