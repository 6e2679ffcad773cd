"""How long the sample takes: imports, reading, training, scoring, ranking, each apart.

Every run is a process of its own, as a person at a command line has it; imports
that happen at the first use of a stage are done before the clock starts.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
from typing import Any

from measuring import ROOT, Stopwatch, answer, peak_bytes, print_table, run_apart, write_json

SAMPLE = ROOT / "data" / "sample"
TRAIN_AS_OF = "2025-09-30"
SCORE_AS_OF = "2025-11-30"
RUNS = 3


def measure() -> dict[str, Any]:
    """One run: import, read, train, score with all reasons, score with none, rank."""
    watch = Stopwatch()
    with watch.stage("import paydelay"):
        import paydelay as pdl

        # Public names are loaded when first asked for.
        read_ledger, train, score, rank = pdl.read_ledger, pdl.train, pdl.score, pdl.rank
    with watch.stage("import lightgbm"):
        importlib.import_module("lightgbm.sklearn")
    with watch.stage("read"):
        ledger = read_ledger(SAMPLE)
    with watch.stage("train"):
        model = train(ledger, TRAIN_AS_OF)
    with watch.stage("score, no reasons"):
        scores = score(ledger, model, SCORE_AS_OF, explain="none")
    with watch.stage("score, all reasons"):
        scores = score(ledger, model, SCORE_AS_OF)
    with watch.stage("rank"):
        rank(scores)
    return watch.to_dict() | {
        "invoices": ledger.invoices.height,
        "scored": len(scores),
        "peak_bytes": peak_bytes(),
    }


def main() -> None:
    """Measure once where asked to, else run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    if parser.parse_args().measure:
        answer(measure())
        return
    if not (SAMPLE / "invoices.parquet").exists():
        print("Skipped: data/sample is not here.")
        return
    runs = [run_apart("bench_sample.py", "--measure") for _ in range(RUNS)]
    rows = [
        [
            stage,
            *(
                statistics.median(run[kind][stage] for run in runs)
                for kind in ("stages_wall_s", "stages_cpu_s")
            ),
        ]
        for stage in runs[0]["stages_wall_s"]
    ]
    peak = statistics.median(run["peak_bytes"] for run in runs) / 1e6
    note = f"{runs[0]['invoices']:,} invoices, {runs[0]['scored']:,} scored; medians of {RUNS} runs."
    print_table("The sample", ["stage", "wall s", "cpu s"], rows, f"{note} Peak memory {peak:,.0f} MB.")
    write_json("sample", {"runs": runs, "medians": {stage: wall for stage, wall, _ in rows}, "peak_mb": peak})


if __name__ == "__main__":
    main()
