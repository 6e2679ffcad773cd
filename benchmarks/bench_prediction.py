"""Is the prediction good? The real ledger, cut at a date and judged on the weeks after it.

One fold of a backtest, at a date of one's own: trained on the ledger as known on the
first day; the open book is scored weekly with history rolling forward. Judged: whether
an invoice not yet due ends late, wherever its due date and grace lie inside the data. No
row is chosen by its outcome. What each figure means: see ``paydelay.backtest`` and
``paydelay.metrics``. Late EUR-days count up to the day of judging, at most 180.

Where PAYDELAY_DATA names no folder that holds b2b_ledger, there is nothing to judge.
"""

from __future__ import annotations

import argparse
from datetime import date, timedelta
from typing import Any

import polars as pl
from b2b_ledger import b2b_ledger
from measuring import Stopwatch, print_table, write_json

from paydelay.backtest.comparing import gain, measures, table
from paydelay.backtest.delays import delays
from paydelay.backtest.judging import Judged, first_looks, judged_late, late_rows, without_largest
from paydelay.backtest.replay import replay
from paydelay.backtest.tables import by_slice
from paydelay.config import BacktestSettings, Config
from paydelay.folds import Fold
from paydelay.intervals import cluster_bootstrap

TRAIN_AS_OF = date(2019, 9, 2)
LAST_AS_OF = date(2019, 11, 18)
LABELS_AT = date(2019, 11, 30)
COLUMNS = {
    "scorer": "scorer",
    "auc": "AUC",
    "average_precision": "AP",
    "log_loss": "log-loss",
    "brier": "Brier",
    "ece": "ECE",
    "slope": "slope",
    "late_value_20": "late value, top 20 %",
    "late_days_value_20": "late EUR-days",
}
SLICES = ("amount_quartile", "settled_count")


def compare(title: str, judged: Judged, settings: BacktestSettings) -> dict[str, Any]:
    """Table of all scorers on some rows, and the gain over the late ratio with its interval."""
    found = table(judged, settings.contact_count).select(*COLUMNS)
    share = f"{len(judged):,} rows, {judged.came.mean():.1%} late"
    print_table(f"{title}: {share}", list(COLUMNS.values()), found.rows())
    gains = {}
    for baseline in ("late_ratio", "regression"):
        gained = gain(judged, "model", baseline, "auc", settings).interval
        gains[baseline] = gained.to_dict()
        print(
            f"AUC gain over {baseline}: {gained.value:+.3f} (95 %: {gained.low:+.3f} to {gained.high:+.3f})"
        )
    ece = measures(judged, "model", settings.contact_count)["ece"]
    error = cluster_bootstrap(judged.cluster, ece, settings.replicate_count, settings.seed)
    print(f"ECE of the model: {error.value:.3f} (95 %: {error.low:.3f} to {error.high:.3f})\n")
    facts = {"rows": len(judged), "late_share": float(judged.came.mean()), "scorers": found.to_dicts()}
    return facts | {"auc_gain": gains, "ece": error.to_dict()}


def print_all(title: str, found: pl.DataFrame) -> list[dict[str, Any]]:
    """A table of the proof as it is."""
    print_table(title, found.columns, found.rows())
    return found.to_dicts()


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
    print(f"Refused: {', '.join(f'{count} {name} ({rule})' for name, rule, count in refused) or 'none'}.\n")
    config, watch = Config(), Stopwatch()
    weeks = range((LAST_AS_OF - when).days // 7 + 1)
    fold = Fold(1, when, tuple(when + timedelta(days=7 * week) for week in weeks), LABELS_AT)
    with watch.stage("train and score"):
        past = replay(ledger, [fold], config)
    rows, judged = late_rows(past.rows), judged_late(past.rows)
    parts = {
        "All rows": judged,
        "Without the largest customer": without_largest(judged),
        "One row per invoice, its first": first_looks(judged),
    }
    tables = {name: compare(name, some, config.backtest) for name, some in parts.items()}
    sliced = by_slice(judged, rows, "model", "late_ratio", config.backtest)
    slopes = print_all(
        "Calibration slope of the model (the interval should hold 1)",
        sliced.filter(pl.col("kind").is_in(SLICES)).select(
            "kind", "slice", "row_count", "came_share", "predicted_share", "slope", "slope_low", "slope_high"
        ),
    )
    of_delays = print_all("Delays, up to the cap", delays(past.rows, config.backtest))
    figures = {"train_as_of": when.isoformat(), "tables": tables, "slopes": slopes, "delays": of_delays}
    write_json("prediction", figures | {"gate": past.models[0]["gate"], "seconds": watch.wall})


if __name__ == "__main__":
    main()
