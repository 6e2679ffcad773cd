"""Are the probabilities right? Simulated books whose outcomes are known to the end.

Trains on each book as known six months before its end, scores the open book at
the five month ends that follow, and compares with what truly became of each
invoice, known also after the last day of the tables. Slope: logistic fit of the
outcome on the predicted log-odds, with an interval from whole customers, and without
the largest customer.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import paydelay as pdl
from paydelay.history import History
from paydelay.intervals import cluster_bootstrap
from paydelay.metrics import AreaUnderCurve
from paydelay.panel import Panel, build_panel
from paydelay.reliability import calibration_line

TRAIN_AS_OF = date(2025, 5, 31)
BOOKS = [date(2025, 5, 31), date(2025, 6, 30), date(2025, 7, 31), date(2025, 8, 31), date(2025, 9, 30)]
REPLICATES = 100
NEVER_SETTLED = 2**30


def figures(name: str, model: pdl.DelayModel, panel: Panel, truth: pl.DataFrame) -> list[dict[str, Any]]:
    """Rate, mean, AUC and calibration line of each probability against the truth."""
    known = panel.rows.select("invoice_id").join(truth, on="invoice_id", how="left", maintain_order="left")
    settled = known["settled_on"].cast(pl.Int32).fill_null(NEVER_SETTLED).to_numpy()
    due = panel.rows["due_date"].cast(pl.Int32).to_numpy()
    overdue = panel.rows["days_past_due"].to_numpy()
    customer = panel.rows["customer_id"].rank("dense").to_numpy()
    cancelled = (known["final_state"] == "cancelled").to_numpy()
    lost = (panel.rows["written_off"] | panel.rows["insolvent_on"].is_not_null()).to_numpy()
    curve = model.survival(panel)
    rows = []
    for what, horizon in (("prob_late", 0), ("prob_late_30", 30), ("prob_unpaid", 90)):
        judged = (overdue < horizon) & ~cancelled & ~lost
        outcome = (settled > due + horizon)[judged].astype(np.float64)
        probability = model.open_share_at(curve, overdue, horizon)[judged]
        clusters = customer[judged]
        intercept, slope = calibration_line(probability, outcome)
        # One customer with a tenth of the book is one piece of evidence, and can hide all others.
        rest = clusters != np.bincount(clusters.astype(np.int64)).argmax()
        _, slope_rest = calibration_line(probability[rest], outcome[rest])
        interval = cluster_bootstrap(
            clusters,
            lambda times, p=probability, y=outcome: calibration_line(p, y, times)[1],
            replicate_count=REPLICATES,
        )
        rows.append(
            {
                "book": name,
                "what": what,
                "rows": int(judged.sum()),
                "happened": float(outcome.mean()),
                "predicted": float(probability.mean()),
                "auc": AreaUnderCurve(probability, outcome)(),
                "slope": slope,
                "slope_low": interval.low,
                "slope_high": interval.high,
                "slope_without_largest": slope_rest,
                "largest_share": 1.0 - float(rest.mean()),
                "intercept": intercept,
                "pooled": model.unpaid_is_pooled and what == "prob_unpaid",
            }
        )
        print(
            "{book:16s} {what:12s} rows {rows:6d}  happened {happened:.4f}  predicted {predicted:.4f}  "
            "AUC {auc:.3f}  slope {slope:.3f} [{slope_low:.3f}, {slope_high:.3f}], "
            "{slope_without_largest:.3f} without the largest ({largest_share:.1%} of rows){mark}".format(
                **rows[-1], mark="  pooled" if rows[-1]["pooled"] else ""
            ),
            flush=True,
        )
    return rows


def judge(name: str, settings: pdl.SimulationSettings, threads: int) -> list[dict[str, Any]]:
    """Simulate, train and compare one book."""
    started = time.perf_counter()
    book = pdl.simulate(settings)
    ledger = pdl.Ledger.from_frames(book.invoices, book.payments, book.customers, book.events)
    simulated = time.perf_counter()
    config = pdl.load_config({"model": {"thread_count": threads}})
    model = pdl.train(ledger, TRAIN_AS_OF, config, force=True)
    trained = time.perf_counter()
    insolvent = book.truth["settlements"].filter(pl.col("final_state") == "insolvent").height
    print(
        f"{name}: {book.invoices.height} invoices, {insolvent} lost to insolvency; simulated and read in "
        f"{simulated - started:.0f} s, trained in {trained - simulated:.0f} s",
        flush=True,
    )
    for gate, result in model.manifest["gate"].items():
        gain = result["gain"]
        ends = f"[{gain['low']:+.3f}, {gain['high']:+.3f}]"
        print(f"  gate {gate}: AUC gain {gain['value']:+.3f} {ends}, passed {result['passed']}")
    return figures(name, model, build_panel(History.build(ledger), BOOKS), book.truth["settlements"])


def main() -> None:
    """Judge stationary books and one with a regime change; write out/bench/truth.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=2900, help="2,900 give about 100,000 invoices")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    rows = []
    plain: dict[str, Any] = {"customer_count": arguments.customers, "daily_truth": False}
    for seed in arguments.seeds:
        settings = pdl.SimulationSettings.from_values(
            plain | {"seed": seed, "culture_drift_days_per_year": 0.0}
        )
        rows += judge(f"stationary {seed}", settings, arguments.threads)
    shocked = plain | {"seed": arguments.seeds[0], "regime_change": True, "regime_change_month": 25}
    rows += judge("regime change", pdl.SimulationSettings.from_values(shocked), arguments.threads)
    out = Path("out/bench/truth.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main()
