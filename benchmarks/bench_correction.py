"""Does it help to correct a model by what came since? And how wide is the interval of a date.

A model is trained once; the open book is scored weekly after that, by the model as it
was trained and by the model corrected on each day with the outcomes known then. Judged:
whether an invoice not yet due ends late, the median delay (kept in -30..60 days) and the
80 % interval: its coverage and its width, by the rule in use (the fewest days in a row
that hold 80 %) and by equal tails (a tenth left out on either side). The gain is the
log-loss before less that after, with an interval from whole pairs of customer and week.

Where PAYDELAY_DATA names no folder that holds b2b_ledger, the real book is left out.
"""

from __future__ import annotations

import argparse
from datetime import date, timedelta
from typing import Any

import numpy as np
from b2b_ledger import b2b_ledger
from measuring import Stopwatch, print_table, write_json

import paydelay as pdl
from paydelay.history import History, day_of
from paydelay.intervals import cluster_bootstrap
from paydelay.model import DelayModel
from paydelay.outcomes import Outcomes
from paydelay.panel import Panel, build_panel
from paydelay.reliability import calibration_line, expected_calibration_error
from paydelay.training import corrected

REAL = ((date(2019, 8, 5), 15), (date(2019, 10, 7), 6))
REAL_LABELS_AT = date(2019, 11, 30)
TRAINED, WEEKS = date(2025, 1, 27), 26
CONFIG = {"model": {"tree_count": 200, "thread_count": 1}}
SPAN_DAYS = (-30, 60)
WEEKS_BACK = 26


def losses(probability: np.ndarray, came: np.ndarray) -> np.ndarray:
    """Log-loss of each row."""
    kept = np.clip(probability, 1e-6, 1 - 1e-6)
    return -(came * np.log(kept) + (1 - came) * np.log(1 - kept))


def corrected_curves(history: History, model: DelayModel, panel: Panel) -> np.ndarray:
    """Curve of each row by the model as corrected on the row's own day."""
    curve = np.empty((len(panel), len(model.horizons_days)))
    for day in np.unique(panel.as_of_day):
        now = panel.as_of_day == day
        before = (panel.as_of_day < day) & (panel.as_of_day >= day - 7 * WEEKS_BACK)
        when = date(1970, 1, 1) + timedelta(days=int(day))
        newer = corrected(model, panel.take(before), Outcomes.of(history, when)) if before.any() else model
        curve[now] = newer.survival(panel.take(now))
    return curve


def figures(
    model: DelayModel, curve: np.ndarray, overdue: np.ndarray, came: np.ndarray, delay: np.ndarray
) -> tuple[dict[str, float], np.ndarray]:
    """Figures of one set of curves."""
    late = model.open_share_at(curve, overdue, float(model.manifest["outcomes"]["grace_days"]))
    median = model.delay_quantile(curve, overdue, 0.5)
    ends = {
        "fewest": model.delay_interval(curve, overdue),
        "tails": tuple(model.delay_quantile(curve, overdue, share) for share in (0.9, 0.1)),
    }
    found = {
        "log_loss": float(losses(late, came).mean()),
        "ece": expected_calibration_error(late, came),
        "slope": calibration_line(late, came)[1],
        "mae": float(np.abs(np.clip(median, *SPAN_DAYS) - np.clip(delay, *SPAN_DAYS)).mean()),
    }
    for name, (low, high) in ends.items():
        found[f"{name}_covered"] = float(((delay >= low) & (delay <= high)).mean())
        found[f"{name}_days"] = float(np.minimum(high - low, SPAN_DAYS[1]).mean())
    return found, losses(late, came)


def judge(
    ledger: pdl.Ledger, when: date, weeks: int, labels_at: date, config: dict[str, Any]
) -> dict[str, Any]:
    """Before and after, on the books after a training."""
    model = pdl.train(ledger, when, pdl.load_config(config), force=True)
    history = History.build(ledger)
    panel = build_panel(history, [when + timedelta(days=7 * week) for week in range(weeks + 1)])
    outcomes = Outcomes.of(history, labels_at)
    grace = model.manifest["outcomes"]["grace_days"]
    label = outcomes.labels(panel.invoice, panel.as_of_day, np.array([grace]))[:, 0]
    overdue = panel.rows["days_past_due"].to_numpy()
    rows = np.flatnonzero(~np.isnan(label) & (overdue < 0) & (panel.as_of_day > day_of(when)))
    came, delay = label[rows].astype(np.float64), outcomes.delay_days(panel.invoice[rows])
    curves = {"as trained": model.survival(panel), "corrected": corrected_curves(history, model, panel)}
    told, loss = {}, {}
    for name, curve in curves.items():
        told[name], loss[name] = figures(model, curve[rows], overdue[rows], came, delay)
    cluster = history.invoices.customer[panel.invoice[rows]] * 100_000 + panel.as_of_day[rows]
    less = loss["as trained"] - loss["corrected"]
    gain = cluster_bootstrap(cluster, lambda times: float(np.average(less, weights=times)), 200)
    return {"rows": len(rows), "late_share": float(came.mean()), "told": told, "gain": gain.to_dict()}


def main() -> None:
    """Judge every book, print and write out/bench/correction.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    seeds = parser.parse_args().seeds
    found, watch = {}, Stopwatch()
    real = b2b_ledger()
    for when, weeks in REAL if real is not None else ():
        with watch.stage(f"real {when}"):
            found[f"real, {when}"] = judge(real, when, weeks, REAL_LABELS_AT, {})
    for seed in range(1, seeds + 1):
        for regime_change in (False, True):
            name = f"simulated {seed}, {'regime change' if regime_change else 'stationary'}"
            settings = pdl.SimulationSettings(
                customer_count=300, seed=seed, regime_change=regime_change, daily_truth=False
            )
            book = pdl.simulate(settings)
            ledger = pdl.Ledger.from_frames(book.invoices, book.payments, book.customers, book.events)
            with watch.stage(name):
                found[name] = judge(ledger, TRAINED, WEEKS, settings.end_date, CONFIG)
    keys = ("log_loss", "ece", "slope", "mae", "fewest_covered", "fewest_days", "tails_covered", "tails_days")
    columns = ["book", "log-loss", "ECE", "slope", "MAE", "covers", "days", "tails cover", "tails days"]
    lines = [
        [f"{name}, {which}", *(told[key] for key in keys)]
        for name, facts in found.items()
        for which, told in facts["told"].items()
    ]
    print_table("Not yet due, weekly books after the training", columns, lines)
    gains = [
        [name, facts["rows"], facts["late_share"], *facts["gain"].values()] for name, facts in found.items()
    ]
    print_table("Log-loss saved by the correction", ["book", "rows", "late", "saved", "low", "high"], gains)
    write_json("correction", {"books": found, "seconds": watch.wall})


if __name__ == "__main__":
    main()
