"""Exact contributions in bulk, against LightGBM's own and shap's, on the sample's model.

The matrix is the model's: the rows of a panel of the sample over many dates,
repeated with small changes up to the size asked for, with the columns of the
horizon. LightGBM and shap are timed on fewer rows where they are slow; the time
per row is compared. Equal means equal in every row and feature.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
from measuring import ROOT, print_table, write_json

from paydelay.explain import contributions
from paydelay.history import History
from paydelay.ledger import read_ledger
from paydelay.model import DelayModel, horizon_matrix
from paydelay.panel import build_panel
from paydelay.training import train

SAMPLE = ROOT / "data" / "sample"
TRAIN_AS_OF = date(2025, 9, 30)
DATES = 40
ROWS = 100_000
LIGHTGBM_ROWS = 20_000
SHAP_ROWS = 2_000
RUNS = 3


def matrix_of(model: DelayModel, rows: int) -> np.ndarray:
    """Rows as the booster is given them, drawn from a panel of the sample."""
    history = History.build(read_ledger(SAMPLE))
    panel = build_panel(history, [TRAIN_AS_OF - timedelta(days=7 * week) for week in range(DATES)])
    rng = np.random.default_rng(7)
    X = panel.matrix(model.feature_names)[rng.integers(0, len(panel), rows)]
    # Repeated rows would share paths more than real ones do.
    X = X * rng.normal(1.0, 1e-3, X.shape).astype(np.float32)
    return horizon_matrix(X, model.feature_names, np.array(0))


def best_of(work: Callable[[], Any], runs: int) -> tuple[float, Any]:
    """Shortest of some runs, and the last result."""
    seconds, result = float("inf"), None
    for _ in range(runs):
        started = time.perf_counter()
        result = work()
        seconds = min(seconds, time.perf_counter() - started)
    return seconds, result


def main() -> None:
    """Explain in three ways, print and write out/bench/explain.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--threads", type=int, default=0, help="of LightGBM; 0 takes every core")
    given = parser.parse_args()
    if not (SAMPLE / "invoices.parquet").exists():
        print("Skipped: data/sample is not here.")
        return
    model = train(read_ledger(SAMPLE), TRAIN_AS_OF, force=True)
    X, booster = matrix_of(model, given.rows), model.booster
    few, fewer = X[:LIGHTGBM_ROWS], X[:SHAP_ROWS]
    predict_s, margins = best_of(lambda: booster.predict(X, raw_score=True, num_threads=given.threads), RUNS)
    bulk_s, (phi, base) = best_of(lambda: contributions(booster, X, "bulk", margins, given.threads), RUNS)
    walk_s, theirs = best_of(lambda: booster.predict(few, pred_contrib=True, num_threads=given.threads), RUNS)
    difference = float(np.abs(np.column_stack([phi, base])[: len(few)] - theirs).max())
    additivity = float(np.abs(phi.sum(axis=1) + base - margins).max())
    rows: list[list[Any]] = [
        ["predict, margins alone", len(X), predict_s, predict_s / len(X) * 1e6, None, None],
        ["contributions, in bulk", len(X), bulk_s, bulk_s / len(X) * 1e6, f"{additivity:.1e}", None],
        ["LightGBM pred_contrib", len(few), walk_s, walk_s / len(few) * 1e6, None, f"{difference:.1e}"],
    ]
    figures: dict[str, Any] = {
        "rows": len(X),
        "trees": booster.num_trees(),
        "features": X.shape[1],
        "seconds_per_row": {
            "predict": predict_s / len(X),
            "bulk": bulk_s / len(X),
            "lightgbm": walk_s / len(few),
        },
        "additivity": additivity,
        "difference_lightgbm": difference,
        "faster_than_lightgbm": (walk_s / len(few)) / (bulk_s / len(X)),
        "bulk_over_predict": bulk_s / predict_s,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import shap

            explainer = shap.TreeExplainer(booster)
            shap_s, values = best_of(lambda: explainer.shap_values(fewer), 1)
    except ImportError:
        print("shap is not installed and left out.")
    else:
        gap = float(np.abs(phi[: len(fewer)] - values).max())
        rows.append(["shap.TreeExplainer", len(fewer), shap_s, shap_s / len(fewer) * 1e6, None, f"{gap:.1e}"])
        figures["seconds_per_row"]["shap"] = shap_s / len(fewer)
        figures["difference_shap"] = gap
        figures["faster_than_shap"] = (shap_s / len(fewer)) / (bulk_s / len(X))
    columns = ["", "rows", "s", "µs per row", "sum less margin, at most", "differs from bulk by, at most"]
    note = (
        f"{figures['trees']} trees, {figures['features']} columns. In bulk "
        f"{figures['faster_than_lightgbm']:.1f} times as fast per row as LightGBM (to reach: 5), "
        f"{figures['bulk_over_predict']:.1f} times the time of predict."
    )
    print_table("Exact contributions", columns, rows, note)
    write_json("explain", figures)


if __name__ == "__main__":
    main()
