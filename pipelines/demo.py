"""Train on the sample, score its open book, print the queue and write it to out/demo."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import paydelay as pdl
from paydelay.language import phrase
from paydelay.report import print_queue, print_training

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "data" / "sample"
OUT = ROOT / "out" / "demo"
TRAIN_AS_OF = "2025-09-30"
SCORE_AS_OF = "2025-11-30"


def main(language: str = "en") -> None:
    """Run the demonstration in one of the languages."""
    started = time.perf_counter()
    ledger = pdl.read_ledger(SAMPLE)
    model = pdl.train(ledger, as_of=TRAIN_AS_OF)
    print_training(model, language)
    scores = pdl.score(ledger, model, as_of=SCORE_AS_OF, language=language)
    queue = pdl.rank(scores)
    print()
    print_queue(queue, scores, language=language, limit=15, model=model)
    OUT.mkdir(parents=True, exist_ok=True)
    pdl.deliver(queue.frame, str(OUT / "worklist.csv"), language)
    pdl.deliver(scores.frame, str(OUT / "scores.parquet"), language)
    pdl.write_report(
        OUT / "report.html",
        scores,
        pdl.rank(scores, by="customer"),
        model,
        language=language,
        ledger=ledger,
    )
    files = f"{OUT.relative_to(ROOT)}/worklist.csv, scores.parquet, report.html"
    print()
    print(phrase("demo.written", language, files=files))
    print(phrase("demo.took", language, n=round(time.perf_counter() - started)))


if __name__ == "__main__":
    main(*sys.argv[1:2])
