"""Which core for the delay curve: one booster with the horizon, separate heads, or a daily hazard.

All three see the same features, rows, dates and booster settings, are trained on
the ledger as known on one day, and are judged uncalibrated on later weekly books
of a real ledger (where it is at hand) and of a simulated one. Rows not yet due.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from b2b_ledger import b2b_ledger

import paydelay as pdl
from paydelay.calibration import sigmoid
from paydelay.estimator import LateClassifier
from paydelay.features.rhythm import RUN_RATE_NAMES, expected_runs
from paydelay.history import History
from paydelay.metrics import AreaUnderCurve, log_loss
from paydelay.model import horizon_columns, horizon_matrix
from paydelay.outcomes import Outcomes
from paydelay.panel import Panel, build_panel, training_as_ofs
from paydelay.training import horizon_grid, training_pairs

HORIZONS = (0, 7, 15, 30)
HAZARD_DAYS = 60
HAZARD_ROWS_MAX = 15_000
SETTINGS: dict[str, Any] = {"tree_count": 300, "thread_count": 1}


def one_booster(panel: Panel, outcomes: Outcomes, judged: Panel) -> np.ndarray:
    """Booster with the horizon as columns in which the probability falls."""
    grid = horizon_grid(outcomes, pdl.Config())
    row, horizon, open_then, weight = training_pairs(panel, outcomes, grid, np.ones(len(panel), bool), [0], 7)
    names = panel.feature_names
    falling = tuple(range(len(names), len(names) + 3))
    model = LateClassifier(falling_columns=falling, **SETTINGS)
    model.fit(horizon_matrix(panel.X[row], names, horizon), open_then, sample_weight=weight)
    matrices = (horizon_matrix(judged.X, names, np.array(h)) for h in HORIZONS)
    return np.column_stack([sigmoid(model.decision_function(matrix)) for matrix in matrices])


def separate_heads(panel: Panel, outcomes: Outcomes, judged: Panel) -> np.ndarray:
    """A booster of its own for every horizon."""
    labels = outcomes.labels(panel.invoice, panel.as_of_day, np.array(HORIZONS))
    heads = []
    for column in range(len(HORIZONS)):
        usable = ~np.isnan(labels[:, column])
        model = LateClassifier(**SETTINGS)
        model.fit(panel.X[usable], labels[usable, column], sample_weight=panel.weights[usable])
        heads.append(sigmoid(model.decision_function(judged.X)))
    return np.column_stack(heads)


def daily_hazard(panel: Panel, outcomes: Outcomes, judged: Panel) -> np.ndarray:
    """Chance of settling on each day ahead; the curve is the product of the days survived."""
    chosen = np.random.default_rng(7).permutation(len(panel))[:HAZARD_ROWS_MAX]
    due = outcomes.due_day[panel.invoice[chosen]].astype(np.int64)
    today = panel.as_of_day[chosen].astype(np.int64)
    settled = outcomes.settled_day[panel.invoice[chosen]].astype(np.int64)
    mature = outcomes.labels_day - outcomes.recording_lag_days
    last = np.minimum(np.minimum(settled, today + HAZARD_DAYS), mature)
    size = np.where(outcomes.cancelled[panel.invoice[chosen]], 0, np.maximum(last - today, 0))
    row = np.repeat(np.arange(len(chosen)), size)
    day = today[row] + 1 + np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    matrix = _with_day(panel.X[chosen[row]], panel.feature_names, day - due[row], day)
    model = LateClassifier(**SETTINGS)
    model.fit(matrix, (settled[row] == day).astype(np.float32), sample_weight=panel.weights[chosen[row]])
    due = judged.rows["due_date"].to_physical().to_numpy().astype(np.int64)
    today = judged.as_of_day.astype(np.int64)
    log_open = np.zeros((len(judged), len(HORIZONS)))
    for ahead in range(1, HAZARD_DAYS + 1):
        day = today + ahead
        hazard = sigmoid(model.decision_function(_with_day(judged.X, judged.feature_names, day - due, day)))
        for column, horizon in enumerate(HORIZONS):
            log_open[:, column] += np.where(day <= due + horizon, np.log1p(-hazard), 0.0)
    return np.exp(log_open)


def _with_day(X: np.ndarray, names: Sequence[str], horizon: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Features, days from due date and as_of, and the chance of a payment run on that very day."""
    columns = horizon_columns(X, names, horizon)
    rates = X[:, [names.index(n) for n in RUN_RATE_NAMES]].astype(np.float64)
    today = expected_runs(rates, day, np.ones(len(day), np.int64))
    return np.concatenate([X, columns[:, :2], today[:, None], ((day + 3) % 7)[:, None]], axis=1).astype(
        np.float32
    )


CORES = {"one booster": one_booster, "separate heads": separate_heads, "daily hazard": daily_hazard}


def compare(
    name: str, ledger: pdl.Ledger, train_as_of: date, weeks: int, labels_at: date
) -> list[dict[str, Any]]:
    """Figures of each core on one ledger."""
    history = History.build(ledger)
    past = Outcomes.of(history, train_as_of)
    panel = build_panel(history, training_as_ofs(history, train_as_of, pdl.Config().panel))
    books = [train_as_of + timedelta(7 * week) for week in range(weeks)]
    judged = build_panel(history, books)
    judged = judged.take(judged.as_of_day < Outcomes.of(history, labels_at).due_day[judged.invoice])
    labels = Outcomes.of(history, labels_at).labels(judged.invoice, judged.as_of_day, np.array(HORIZONS))
    rows = []
    for core, fit in CORES.items():
        started = time.process_time()
        predicted = fit(panel, past, judged)
        seconds = time.process_time() - started
        for column, horizon in enumerate(HORIZONS):
            usable = ~np.isnan(labels[:, column])
            outcome, probability = labels[usable, column].astype(float), predicted[usable, column]
            rows.append(
                {
                    "ledger": name,
                    "core": core,
                    "horizon_days": horizon,
                    "rows": int(usable.sum()),
                    "auc": AreaUnderCurve(probability, outcome)(),
                    "log_loss": log_loss(probability, outcome),
                    "cpu_seconds": seconds,
                }
            )
            print(
                "{ledger:10s} {core:15s} h={horizon_days:3d} n={rows:6d} auc={auc:.4f} "
                "log-loss={log_loss:.4f} cpu={cpu_seconds:.0f}s".format(**rows[-1]),
                flush=True,
            )
    return rows


def main() -> None:
    """Compare the cores and write out/bench/cores.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=800)
    arguments = parser.parse_args()
    rows = []
    real = b2b_ledger()
    if real is None:
        print("The real ledger is not at hand (PAYDELAY_DATA); the simulated one only.")
    else:
        rows += compare("b2b_ledger", real, date(2019, 9, 2), 12, date(2019, 11, 30))
    book = pdl.simulate(
        pdl.SimulationSettings(customer_count=arguments.customers, seed=11, daily_truth=False)
    )
    ledger = pdl.Ledger.from_frames(book.invoices, book.payments, book.customers, book.events)
    rows += compare("simulated", ledger, date(2025, 6, 30), 12, date(2025, 11, 30))
    out = Path("out/bench/cores.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main()
