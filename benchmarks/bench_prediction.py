"""Is the prediction good? The real ledger, cut at a date and judged on the weeks after it.

Trained on the ledger as known on the first day; the open book is scored weekly with
history rolling forward. Judged: whether an invoice not yet due ends late, wherever
its due date and grace lie inside the data. No row is chosen by its outcome.

Scorers that give probabilities rank money by probability x amount, the others by
their own order. Late value: open amount of the rows that end late; late EUR-days:
that amount x days late, at most 180. ECE: see paydelay.metrics. Intervals come from
drawing whole pairs of customer and week.

Where PAYDELAY_DATA names no folder that holds b2b_ledger, there is nothing to judge.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from b2b_ledger import b2b_ledger
from measuring import Stopwatch, print_table, write_json

from paydelay.backtest.baselines import baselines
from paydelay.config import Config
from paydelay.history import History, cut_ledger
from paydelay.metrics import (
    AreaUnderCurve,
    average_precision,
    brier_score,
    calibration_line,
    captured_share,
    cluster_bootstrap,
    expected_calibration_error,
    log_loss,
)
from paydelay.model import DelayModel
from paydelay.outcomes import Outcomes
from paydelay.panel import build_panel
from paydelay.training import train

TRAIN_AS_OF = date(2019, 9, 2)
LAST_AS_OF = date(2019, 11, 18)
LABELS_AT = date(2019, 11, 30)
DELAY_SPAN_DAYS = (-30, 60)
LATE_DAYS_CAP = 180
REPLICATES = 200
FEW_SETTLED = 5


@dataclass(frozen=True)
class Judged:
    """Rows to judge, their truth, and what each scorer says of them."""

    late: np.ndarray
    delay: np.ndarray
    amount: np.ndarray
    book: np.ndarray
    customer: np.ndarray
    invoice: np.ndarray
    settled_count: np.ndarray
    probabilities: dict[str, np.ndarray]
    orders: dict[str, np.ndarray]
    delays: dict[str, np.ndarray]

    def take(self, rows: np.ndarray) -> Judged:
        """The same with some of the rows."""
        arrays = {
            name: value[rows] if isinstance(value, np.ndarray) else {n: v[rows] for n, v in value.items()}
            for name, value in vars(self).items()
        }
        return Judged(**arrays)

    @property
    def cluster(self) -> np.ndarray:
        """Customer and week."""
        return self.customer.astype(np.int64) * 100_000 + self.book


def judge(
    history: History, model: DelayModel, when: date, last: date, config: Config
) -> tuple[Judged, np.ndarray]:
    """Score the weekly books and lay out what is judged; also the ends of the 80 % interval."""
    weeks = range((last - when).days // 7 + 1)
    panel = build_panel(history, [when + timedelta(days=7 * week) for week in weeks])
    outcomes = Outcomes.of(history, LABELS_AT)
    horizon = config.outcomes.grace_days
    label = outcomes.labels(panel.invoice, panel.as_of_day, np.array([horizon]))[:, 0]
    overdue = panel.rows["days_past_due"].to_numpy()
    rows = np.flatnonzero(~np.isnan(label) & (overdue < 0))
    curve = model.survival(panel)
    probability = curve[:, model.horizons_days.index(horizon)]
    customer = history.invoices.customer[panel.invoice]

    amount = panel.rows["open_amount_reporting"].to_numpy()[rows]
    past = History.build(cut_ledger(history.ledger, when), config.ledger)
    late_share = float(model.manifest["period"]["late_share"])
    simple = baselines(history, past, when, panel, late_share, config)
    settled_count = panel.X[rows, panel.feature_names.index("settled_count_all")].astype(np.float64)
    middle = model.delay_quantile(curve, overdue, 0.5)[rows]
    low, high = (end[rows] for end in model.delay_interval(curve, overdue))
    judged = Judged(
        late=label[rows].astype(np.float64),
        delay=outcomes.delay_days(panel.invoice[rows]),
        amount=amount,
        book=panel.as_of_day[rows],
        customer=customer[rows],
        invoice=panel.invoice[rows],
        settled_count=settled_count,
        probabilities={
            "base rate": simple.probabilities["base_rate"][rows],
            "smoothed late ratio": simple.probabilities["late_ratio"][rows],
            "logistic regression": simple.probabilities["regression"][rows],
            "model": probability[rows],
        },
        orders={
            "oldest due first": simple.orders["oldest_due"][rows],
            "largest amount first": amount,
            "last delay": simple.orders["last_delay"][rows],
            "customer median delay": simple.orders["customer_median"][rows],
        },
        delays={
            "model": middle,
            "always 0": np.zeros(len(rows)),
            "customer median": simple.median_days["customer_median"][rows],
        },
    )
    return judged, np.column_stack([low, high])


def figures_of(judged: Judged, name: str) -> dict[str, float]:
    """Figures of one scorer."""
    days = judged.amount * np.clip(judged.delay, 0.0, LATE_DAYS_CAP)
    value = judged.amount * judged.late
    if name == "oracle":
        scores = {"value": value, "days": days}
        return {"auc": 1.0, "ap": 1.0, "log_loss": 0.0, "brier": 0.0} | _captured(value, days, scores, judged)
    if name in judged.orders:
        order = judged.orders[name]
        ranks = {"auc": AreaUnderCurve(order, judged.late)(), "ap": average_precision(order, judged.late)}
        return ranks | _captured(value, days, {"value": order, "days": order}, judged)
    probability = judged.probabilities[name]
    by_money = probability * judged.amount
    return {
        "auc": AreaUnderCurve(probability, judged.late)(),
        "ap": average_precision(probability, judged.late),
        "log_loss": log_loss(probability, judged.late),
        "brier": brier_score(probability, judged.late),
        "ece": expected_calibration_error(probability, judged.late),
        "slope": calibration_line(probability, judged.late)[1] if np.ptp(probability) > 0 else float("nan"),
    } | _captured(value, days, {"value": by_money, "days": by_money}, judged)


def _captured(
    value: np.ndarray, days: np.ndarray, scores: dict[str, np.ndarray], judged: Judged
) -> dict[str, float]:
    return {
        "late_value": captured_share(value, scores["value"], judged.book),
        "late_eur_days": captured_share(days, scores["days"], judged.book),
    }


COLUMNS = {
    "auc": "AUC",
    "ap": "AP",
    "log_loss": "log-loss",
    "brier": "Brier",
    "ece": "ECE",
    "slope": "slope",
    "late_value": "late value, top 20 %",
    "late_eur_days": "late EUR-days",
}


def compare(title: str, judged: Judged) -> dict[str, Any]:
    """Table of all scorers on some rows, and the gain over the late ratio with its interval."""
    names = ["oldest due first", "largest amount first", "base rate", "smoothed late ratio", "last delay"]
    names += ["customer median delay", "logistic regression", "model", "oracle"]
    found = {name: figures_of(judged, name) for name in names}
    rows = [[name, *(found[name].get(key) for key in COLUMNS)] for name in names]
    share = f"{len(judged.late):,} rows, {judged.late.mean():.1%} late"
    print_table(f"{title}: {share}", ["scorer", *COLUMNS.values()], rows)
    ours = AreaUnderCurve(judged.probabilities["model"], judged.late)
    gains = {}
    for baseline in ("smoothed late ratio", "logistic regression"):
        theirs = AreaUnderCurve(judged.probabilities[baseline], judged.late)
        gain = cluster_bootstrap(judged.cluster, lambda times, t=theirs: ours(times) - t(times), REPLICATES)
        gains[baseline] = gain.to_dict()
        print(f"AUC gain over the {baseline}: {gain.value:+.3f} (95 %: {gain.low:+.3f} to {gain.high:+.3f})")
    probability, late = judged.probabilities["model"], judged.late
    error = cluster_bootstrap(
        judged.cluster, lambda times: expected_calibration_error(probability, late, times), REPLICATES
    )
    print(f"ECE of the model: {error.value:.3f} (95 %: {error.low:.3f} to {error.high:.3f})\n")
    return {
        "rows": len(late),
        "late_share": float(late.mean()),
        "scorers": found,
        "auc_gain": gains,
        "ece": error.to_dict(),
    }


def slopes(judged: Judged) -> list[dict[str, Any]]:
    """Calibration slope in every quartile of amount, and for customers with few settled invoices."""
    edges = np.quantile(judged.amount, [0.25, 0.5, 0.75])
    quartile = np.searchsorted(edges, judged.amount, side="right")
    groups = {f"amount, quartile {number + 1}": quartile == number for number in range(4)}
    groups[f"fewer than {FEW_SETTLED} settled"] = judged.settled_count < FEW_SETTLED
    found = []
    for name, rows in groups.items():
        part = judged.take(np.flatnonzero(rows))
        probability, late = part.probabilities["model"], part.late
        if not 0.0 < late.mean() < 1.0:
            continue
        slope = cluster_bootstrap(
            part.cluster,
            lambda times, p=probability, y=late: calibration_line(p, y, times)[1],
            REPLICATES // 2,
        )
        facts = {"group": name, "rows": len(late), "late_share": float(late.mean())}
        found.append(facts | {"mean_probability": float(probability.mean()), "slope": slope.to_dict()})
    return found


def delay_errors(judged: Judged, interval: np.ndarray) -> dict[str, Any]:
    """Mean absolute error of the median delay, and the 80 % interval."""
    clipped = np.clip(judged.delay, *DELAY_SPAN_DAYS)
    settled = np.isfinite(judged.delay)
    errors = {
        name: {
            "mae_clipped": float(np.abs(np.clip(days, *DELAY_SPAN_DAYS) - clipped).mean()),
            "mae_settled": float(np.abs(days[settled] - judged.delay[settled]).mean()),
        }
        for name, days in judged.delays.items()
    }
    inside = (judged.delay >= interval[:, 0]) & (judged.delay <= interval[:, 1])
    width = interval[:, 1] - interval[:, 0]
    return {"errors": errors, "coverage": float(inside.mean()), "width_days": float(np.nanmean(width))}


def print_details(groups: Sequence[dict[str, Any]], delays: dict[str, Any]) -> None:
    """Tables of slopes and of delays."""
    rows = [
        [group["group"], group["rows"], group["late_share"], group["mean_probability"]]
        + [group["slope"][end] for end in ("value", "low", "high")]
        for group in groups
    ]
    columns = ["rows of", "rows", "late", "predicted", "slope", "low", "high"]
    print_table("Calibration slope of the model (the interval should hold 1)", columns, rows)
    low, high = DELAY_SPAN_DAYS
    rows = [[name, *errors.values()] for name, errors in delays["errors"].items()]
    note = f"80 % interval: covers {delays['coverage']:.1%}, {delays['width_days']:.1f} days wide."
    columns = ["predicted delay", f"MAE, delays kept in {low}..{high} days", "MAE, settled rows"]
    print_table("Median delay", columns, rows, note)


def main() -> None:
    """Train, judge, print and write out/bench/prediction.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train-as-of", type=date.fromisoformat, default=TRAIN_AS_OF)
    when = parser.parse_args().train_as_of
    ledger = b2b_ledger()
    if ledger is None:
        print(
            "Skipped: the real ledger is not at hand; PAYDELAY_DATA names the folder that holds b2b_ledger/."
        )
        return
    refused = ledger.refusals.group_by("table", "rule").len().sort("table", "rule").rows()
    print(f"{ledger.invoices.height:,} invoices, taken as of one currency: about 8 % of the amounts are in")
    print("another one and not converted. Issue dates are estimates, cut at the due date where later.")
    print(f"Refused: {', '.join(f'{count} {table} ({rule})' for table, rule, count in refused) or 'none'}.\n")
    config, watch = Config(), Stopwatch()
    with watch.stage("train"):
        model = train(ledger, when, config, force=True)
    with watch.stage("score and judge"):
        judged, interval = judge(History.build(ledger, config.ledger), model, when, LAST_AS_OF, config)
    largest = np.bincount(judged.customer).argmax()
    _, first = np.unique(judged.invoice, return_index=True)
    parts = {
        "All rows": np.arange(len(judged.late)),
        "Without the largest customer": np.flatnonzero(judged.customer != largest),
        "One row per invoice, its first": first,
    }
    tables = {name: compare(name, judged.take(rows)) for name, rows in parts.items()}
    groups, delays = slopes(judged), delay_errors(judged, interval)
    print_details(groups, delays)
    figures = {"train_as_of": when.isoformat(), "tables": tables, "slopes": groups, "delays": delays}
    write_json("prediction", figures | {"gate": model.manifest["gate"], "seconds": watch.wall})


if __name__ == "__main__":
    main()
