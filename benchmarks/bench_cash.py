"""Is the expected cash-in per week right? Forecast weeks of simulated books, and of the real one.

Every fourth week the open book is forecast eight weeks ahead, by a model trained at
most half a year before and corrected on the day by what had come since. Truth: payments
on the invoices that were open, by their date; what had come before but was not yet
recorded counts in the first week. Credit notes and write-offs are no cash.

Beside it, without a model: every invoice paid its customer's median delay after the
due date (if that has passed, in the first week); and each week's average share of the
open book that came in so many weeks ahead in the year before. Error: sum of the absolute
errors per week over the sum of what came.

Where PAYDELAY_DATA names no folder that holds b2b_ledger, the real book is left out.
"""

from __future__ import annotations

import argparse
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from b2b_ledger import b2b_ledger
from measuring import Stopwatch, print_table, write_json

import paydelay as pdl
from paydelay.backtest.baselines import customer_medians
from paydelay.cash import CashShocks, drawn_cash, weekly_shares
from paydelay.history import History, day_of
from paydelay.model import DelayModel, lost_rows
from paydelay.outcomes import Outcomes
from paydelay.panel import Panel, build_panel
from paydelay.training import corrected

WEEKS = 8
START = date(2024, 12, 2)
RETRAIN_WEEKS, FORECAST_STEP, FORECAST_WEEKS = 26, 4, 72
CONFIG = {"model": {"tree_count": 200, "thread_count": 1}}
LABELS_AT = date(2019, 11, 30)
REAL_TRAINED = (date(2019, 8, 5), date(2019, 10, 7))
FORECASTS = ("model", "trained, uncorrected", "independent", "customer median", "past average")


def paid_by_week(ledger: pdl.Ledger, panel: Panel) -> np.ndarray:
    """What came on each row's invoice in each week after its as_of."""
    rate = panel.rows["open_amount_reporting"] / panel.rows["open_amount"]
    rows = panel.rows.select("invoice_id", "as_of", rate=rate).with_row_index("row")
    paid = ledger.payments.filter(kind="payment").select("invoice_id", "payment_date", "known_on", "amount")
    days = (pl.col("payment_date") - pl.col("as_of")).dt.total_days()
    found = rows.join(paid, on="invoice_id").filter(pl.col("known_on") > pl.col("as_of"))
    found = found.with_columns(week=((days - 1) // 7).clip(lower_bound=0)).filter(pl.col("week") < WEEKS)
    came = np.zeros((len(panel), WEEKS))
    amount = (found["amount"] * found["rate"]).to_numpy()
    np.add.at(came, (found["row"].to_numpy(), found["week"].to_numpy()), amount)
    return came


def expected(share: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Sums per week."""
    return amount @ -np.diff(share, axis=1)


def by_median(history: History, panel: Panel, amount: np.ndarray) -> np.ndarray:
    """Every invoice in the week that its customer's median delay points to."""
    customer = history.invoices.customer[panel.invoice]
    median = customer_medians(history, customer, panel.as_of_day)
    week = np.clip((median - panel.rows["days_past_due"].to_numpy() - 1) // 7, 0, WEEKS).astype(int)
    return np.bincount(week, amount, minlength=WEEKS + 1)[:WEEKS]


def by_average(ledger: pdl.Ledger, history: History, day: date) -> np.ndarray:
    """Average share of the open book that came in each week ahead, over the year before."""
    first = ledger.invoices["issue_date"].min() + timedelta(days=90)
    ends = [day - timedelta(days=7 * back) for back in range(WEEKS, 60)]
    past = build_panel(history, [when for when in ends if when > first], pdl.Catalogue(()))
    came = paid_by_week(ledger, past).sum(axis=0)
    return came / past.rows["open_amount_reporting"].sum()


def forecast(
    ledger: pdl.Ledger, history: History, model: DelayModel, day: date, last: date
) -> list[dict[str, Any]]:
    """One row per week: what came, what each forecast expected, and the ends of the interval."""
    back = (day - date.fromisoformat(model.manifest["trained_as_of"])).days // 7
    dates = [day - timedelta(days=7 * week) for week in range(min(back, 26), -1, -1)]
    panel = build_panel(history, dates)
    now = panel.take(panel.as_of_day == day_of(day))
    rows = now.take(~lost_rows(now))
    newer = corrected(model, panel.take(panel.as_of_day < day_of(day)), Outcomes.of(history, day))
    amount = rows.rows["open_amount_reporting"].to_numpy()
    customer = rows.rows["customer_id"].rank("dense").to_numpy().astype(np.int64)
    shares = weekly_shares(newer, rows, WEEKS)
    trained = weekly_shares(model, rows, WEEKS)
    shocks = CashShocks.from_dict(model.manifest["cash_shocks"])
    told = {
        "model": (shares, shocks),
        "trained, uncorrected": (trained, shocks),
        "independent": (shares, CashShocks(0.0, 0.0)),
    }
    means = {name: expected(share, amount) for name, (share, _) in told.items()}
    ends = {
        name: np.quantile(drawn_cash(share, amount, customer, shock), [0.1, 0.9], axis=0)
        for name, (share, shock) in told.items()
    }
    means["customer median"] = by_median(history, rows, amount)
    means["past average"] = by_average(ledger, history, day) * now.rows["open_amount_reporting"].sum()
    came = paid_by_week(ledger, rows).sum(axis=0)
    weeks = [week for week in range(WEEKS) if day + timedelta(days=7 * week + 7) <= last]
    return [
        {"day": day.isoformat(), "week": week + 1, "came": came[week]}
        | {name: mean[week] for name, mean in means.items()}
        | {
            f"{name} {end}": ends[name][number, week]
            for name in ends
            for number, end in enumerate(("low", "high"))
        }
        for week in weeks
    ]


def tell(title: str, frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Table of every forecast, and of the model's by weeks ahead."""
    found = []
    groups = [("all weeks", name, frame) for name in FORECASTS]
    groups += [(f"week {week}", "model", frame.filter(week=week)) for week in range(1, WEEKS + 1)]
    for weeks, name, part in groups:
        if part.is_empty():
            continue
        came, mean = part["came"].to_numpy(), part[name].to_numpy()
        facts = {"weeks": weeks, "forecast": name, "count": len(came), "bias": mean.sum() / came.sum() - 1.0}
        facts["error"] = np.abs(mean - came).sum() / came.sum()
        if f"{name} low" in frame.columns:
            low, high = part[f"{name} low"].to_numpy(), part[f"{name} high"].to_numpy()
            facts |= {"covered": float(((came >= low) & (came <= high)).mean())}
            facts |= {"below": float((came < low).mean()), "width": float((high - low).sum() / mean.sum())}
        found.append(facts)
    columns = ["forecast", "weeks", "bias", "error", "80 % covers", "below", "width / expected"]
    keys = ("count", "bias", "error", "covered", "below", "width")
    lines = [[f"{facts['forecast']}, {facts['weeks']}", *(facts.get(key) for key in keys)] for facts in found]
    print_table(title, columns, lines)
    return found


def simulated(seed: int, regime_change: bool, weeks: int) -> list[dict[str, Any]]:
    """Forecasts of one simulated book."""
    settings = pdl.SimulationSettings(
        customer_count=250, month_count=38, seed=seed, regime_change=regime_change, daily_truth=False
    )
    book = pdl.simulate(settings)
    ledger = pdl.Ledger.from_frames(book.invoices, book.payments, book.customers, book.events)
    history = History.build(ledger)
    rows, model = [], None
    for week in range(0, weeks, FORECAST_STEP):
        day = START + timedelta(days=7 * week)
        if week % RETRAIN_WEEKS < FORECAST_STEP:
            model = pdl.train(ledger, day, pdl.load_config(CONFIG), force=True)
        rows += forecast(ledger, history, model, day, settings.end_date)
    return [{"seed": seed, **row} for row in rows]


def real() -> dict[str, Any]:
    """Forecasts of the real book, from every week after each training."""
    ledger, found = b2b_ledger(), {}
    if ledger is None:
        print("The real ledger is not at hand; PAYDELAY_DATA names the folder that holds b2b_ledger/.")
        return {}
    history = History.build(ledger)
    for when in REAL_TRAINED:
        model = pdl.train(ledger, when, force=True)
        weeks = (LABELS_AT - when).days // 7
        rows = [
            row
            for week in range(weeks)
            for row in forecast(ledger, history, model, when + timedelta(days=7 * week), LABELS_AT)
        ]
        found[when.isoformat()] = tell(f"Real book, trained as of {when}", pl.DataFrame(rows))
        first = [row for row in rows if row["day"] == when.isoformat()]
        lines = [
            [f"week {row['week']}", *(row[key] / 1e6 for key in ("came", "model", "model low", "model high"))]
            for row in first
        ]
        print_table(f"Cash-in in millions, as of {when}", ["", "came", "expected", "low", "high"], lines)
    return found


def main() -> None:
    """Forecast, print and write out/bench/cash.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--weeks", type=int, default=FORECAST_WEEKS)
    parser.add_argument("--only", choices=["simulated", "real"])
    asked = parser.parse_args()
    found, watch = {}, Stopwatch()
    for name, regime_change in (("stationary", False), ("regime change", True)):
        if asked.only == "real":
            break
        with watch.stage(name):
            rows = [
                row
                for seed in range(1, asked.seeds + 1)
                for row in simulated(seed, regime_change, asked.weeks)
            ]
        found[name] = tell(f"Simulated books, {name}, {asked.seeds} seeds", pl.DataFrame(rows))
    if asked.only != "simulated":
        with watch.stage("real"):
            found["real"] = real()
    write_json("cash", found | {"seconds": watch.wall})


if __name__ == "__main__":
    main()
