"""Is "unpaid" right? Simulated books whose losses are known to the end.

Each model is trained on a book as known two years after its start and scores the open
book at the five month ends from then on; the tables run on for twenty months more, so
that of every default all that came back within a year is on record. Prob. true: the
simulator's own process run on from the state of that day, many times. Slope: logistic
fit of the outcome on the predicted log-odds; intervals draw whole customers. Realised
loss: balance at default (or on the day of scoring, if later) less what came back within
a year of default, discounted as the model discounts, of the part that is neither insured
nor lies on account. What is set aside (insolvencies apart) is in no queue, so it is not
ranked; the totals count it.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from measuring import print_table, write_json

import paydelay as pdl
from paydelay.config import LossSettings
from paydelay.history import History
from paydelay.intervals import cluster_bootstrap
from paydelay.loss import fit_loss_table
from paydelay.metrics import AreaUnderCurve, CapturedValue
from paydelay.outcomes import Outcomes
from paydelay.reliability import calibration_line
from paydelay.simulate.settings import add_months
from paydelay.training.defaults import defaulted_invoices

TRAINED_AFTER_MONTHS = 24
BOOK_COUNT = 5
MONTHS = 48
UNPAID_DAYS, RECOVERY_DAYS = 90, 365
YEARLY_RATE = 0.08
REPLICATES = 200
SHARES = (0.05, 0.1, 0.2)
AGES = ((-10_000, 0), (1, 30), (31, 60), (61, 90), (91, 180), (181, 10_000))
BINS = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
ORDERS = {
    "model: expected loss": pl.col("expected_loss"),
    "days past due x amount": pl.max_horizontal("days_past_due", 1e-6) * pl.col("open_amount_reporting"),
    "oldest due": pl.col("days_past_due"),
    "largest amount": pl.col("open_amount_reporting"),
    "oracle": pl.col("realised_loss"),
}


def book_days(settings: pdl.SimulationSettings) -> list[date]:
    """Month ends from the training on."""
    return [
        add_months(settings.start_date, TRAINED_AFTER_MONTHS + number) - timedelta(days=1)
        for number in range(BOOK_COUNT)
    ]


def realised(history: History, rows: pl.DataFrame, labels_at: date) -> pl.DataFrame:
    """Rows with ``unpaid``, ``balance`` from which the loss counts, and ``lost`` of it."""
    outcomes = Outcomes.of(history, labels_at)
    defaults, recoveries = defaulted_invoices(history, outcomes, UNPAID_DAYS)
    known = rows.join(defaults, on="invoice_id", how="left", maintain_order="left").with_row_index("row")
    start = pl.max_horizontal("as_of", "default_on")
    known = known.with_columns(start=start, unpaid=pl.col("default_on").is_not_null())
    received = known.select("row", "invoice_id", "start", "default_on").join(recoveries, on="invoice_id")
    received = received.filter(
        pl.col("received_on") <= pl.col("default_on") + pl.duration(days=RECOVERY_DAYS)
    )
    days = (pl.col("received_on") - pl.col("start")).dt.total_days()
    later = days > 0
    worth = pl.col("amount") * (1.0 + YEARLY_RATE) ** (-days / 365.0)
    sums = received.group_by("row").agg(
        before=pl.col("amount").filter(~later).sum(), back=worth.filter(later).sum()
    )
    known = known.join(sums, on="row", how="left", maintain_order="left").with_columns(
        pl.col("before", "back", "balance").fill_null(0.0)
    )
    balance = (pl.col("balance") - pl.col("before")).clip(0.0)
    return known.with_columns(
        balance=balance, lost=(balance - pl.col("back")).clip(0.0, balance).fill_null(0.0)
    ).drop("row", "before", "back", "start", "default_on", "age_days_at_default", "observed_until")


def scored_book(seed: int, arguments: argparse.Namespace, changed: dict[str, Any]) -> pl.DataFrame:
    """Simulate, train, score five books; every open invoice with what was said and what came."""
    started = time.perf_counter()
    plain = {"customer_count": arguments.customers, "month_count": MONTHS, "daily_truth": False, "seed": seed}
    settings = pdl.SimulationSettings.from_values(plain | changed)
    days = book_days(settings)
    settings = settings.model_copy(
        update={"truth_path_count": arguments.paths, "truth_dates": (days[0], days[-1])}
    )
    book = pdl.simulate(settings)
    ledger = pdl.Ledger.from_frames(book.invoices, book.payments, book.customers, book.events)
    insolvent = int(book.truth["customers"]["insolvent_on"].is_not_null().sum())
    simulated = time.perf_counter()
    model = pdl.train(ledger, days[0], pdl.load_config({"model": {"thread_count": arguments.threads}}), True)
    scores = pl.concat(pdl.score(ledger, model, day, explain="none").frame for day in days)
    rows = realised(History.build(ledger), scores, settings.end_date)
    rows = rows.with_columns(lgd_of_all=_one_lgd(ledger, days[0], rows["days_past_due"]))
    if "hazard" in book.truth:
        truth = book.truth["hazard"].select("as_of", "invoice_id", prob_true=f"prob_open_{UNPAID_DAYS}")
        rows = rows.join(truth, on=["as_of", "invoice_id"], how="left", maintain_order="left")
    cancelled = book.truth["settlements"].filter(pl.col("final_state") == "cancelled")["invoice_id"]
    print(
        f"seed {seed}: {book.invoices.height:,} invoices, {insolvent} customers insolvent; simulated in "
        f"{simulated - started:.0f} s, trained and scored in {time.perf_counter() - simulated:.0f} s",
        flush=True,
    )
    # What lies on account already, or is insured, is no loss of the seller's.
    exposed = (pl.col("ead") - pl.col("covered_amount")) / pl.col("open_amount_reporting")
    return rows.filter(~pl.col("invoice_id").is_in(cancelled.implode())).with_columns(
        seed=pl.lit(seed), realised_loss=pl.col("lost") * exposed.clip(0.0, 1.0)
    )


def _one_lgd(ledger: pdl.Ledger, trained: date, days_past_due: pl.Series) -> pl.Series:
    """What LGD would be if failed and slow customers shared one table."""
    history = History.build(pdl.cut_ledger(ledger, trained))
    defaults, recoveries = defaulted_invoices(history, Outcomes.of(history, trained), UNPAID_DAYS)
    table = fit_loss_table(defaults.drop("lost_on"), recoveries, LossSettings())
    return pl.Series(table.lgd_at(days_past_due))


def at_risk(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose being unpaid was open on the day: not due for 90 days, not lost already."""
    aside = pl.col("set_aside").is_in(["insolvency", "written_off"]).fill_null(value=False)
    return rows.filter((pl.col("days_past_due") < UNPAID_DAYS) & ~aside)


def customers_of(rows: pl.DataFrame) -> np.ndarray:
    """Codes of the customers, apart for each seed."""
    return rows.select(pl.struct("seed", "customer_id").rank("dense"))["seed"].to_numpy()


def probability_rows(rows: pl.DataFrame) -> list[list[Any]]:
    """Rate, mean, true mean, AUC and slope of each seed."""
    found = []
    for seed, part in at_risk(rows).group_by("seed", maintain_order=True):
        came, said = part["unpaid"].cast(pl.Float64).to_numpy(), part["prob_unpaid"].to_numpy()
        slope = cluster_bootstrap(
            customers_of(part), lambda times, p=said, y=came: calibration_line(p, y, times)[1], REPLICATES
        )
        true = part.filter(pl.col("prob_true").is_not_null()) if "prob_true" in part.columns else part.head(0)
        pair = true.select("prob_unpaid", "prob_true").to_numpy() if true.height else np.full((1, 2), np.nan)
        found.append(
            [
                f"seed {seed[0]}",
                part.height,
                float(came.mean()),
                float(said.mean()),
                float(pair[:, 0].mean()),
                float(pair[:, 1].mean()),
                AreaUnderCurve(said, came)(),
                slope.value,
                slope.low,
                slope.high,
            ]
        )
    return found


def truth_rows(rows: pl.DataFrame) -> list[list[Any]]:
    """Predicted beside true probability, over bins of what was predicted."""
    if "prob_true" not in rows.columns:
        return []
    known = at_risk(rows).filter(pl.col("prob_true").is_not_null())
    found = []
    for low, high in itertools.pairwise(BINS):
        part = known.filter(pl.col("prob_unpaid").is_between(low, high, closed="right" if low else "both"))
        if part.height:
            error = (part["prob_unpaid"] - part["prob_true"]).abs()
            found.append(
                [
                    f"{low:.1%} to {high:.1%}",
                    part.height,
                    part["prob_unpaid"].mean(),
                    part["prob_true"].mean(),
                    part["unpaid"].mean(),
                    error.median(),
                ]
            )
    return found


def loss_rows(rows: pl.DataFrame) -> list[list[Any]]:
    """Expected and realised loss of each seed's books, of all and by what is set aside, and their ratio."""
    insolvent = pl.col("set_aside") == "insolvency"
    parts = {f"seed {seed[0]}": part for seed, part in rows.group_by("seed", maintain_order=True)}
    parts["all seeds"] = rows
    parts["to be chased"] = rows.filter(pl.col("set_aside").is_null())
    parts["insolvent"] = rows.filter(insolvent)
    parts["set aside otherwise"] = rows.filter(~insolvent)
    found: list[list[Any]] = []
    for name, part in parts.items():
        expected, came = part["expected_loss"].to_numpy(), part["realised_loss"].to_numpy()
        if not came.sum() > 0.0:
            continue
        ratio = cluster_bootstrap(
            customers_of(part), lambda times, e=expected, c=came: _ratio(times @ e, times @ c), REPLICATES
        )
        books = part.select(pl.struct("seed", "as_of").n_unique()).item()
        shared = (part["expected_loss"] / part["lgd"] * part["lgd_of_all"]).sum()
        found.append(
            [name, expected.sum() / books, came.sum() / books, *vars(ratio).values(), shared / came.sum()]
        )
    return found


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0.0 else float("nan")


def lgd_rows(rows: pl.DataFrame) -> list[list[Any]]:
    """Loss given default by age, said and come, over the rows that went unpaid."""
    found = []
    for low, high in AGES:
        part = rows.filter(
            pl.col("unpaid") & pl.col("days_past_due").is_between(low, high) & (pl.col("balance") > 0)
        )
        if not part.height:
            continue
        balance, lost = part["balance"].to_numpy(), part["lost"].to_numpy()
        said = part["lgd"].to_numpy()
        came = cluster_bootstrap(
            customers_of(part),
            lambda times, b=balance, x=lost: _ratio(times @ x, times @ b),
            REPLICATES,
        )
        name = "not yet due" if high == 0 else f"{low} and more" if high > 9_999 else f"{low} to {high}"
        found.append([name, part.height, float(said @ balance / balance.sum()), *vars(came).values()])
    return found


def captured_rows(rows: pl.DataFrame) -> list[list[Any]]:
    """Share of the realised loss found first by each order."""
    known = rows.filter(pl.col("set_aside").is_null()).with_columns(
        book=pl.struct("seed", "as_of").rank("dense")
    )
    value = known["realised_loss"].to_numpy()
    found = []
    for name, order in ORDERS.items():
        score = known.select(order.alias("order"))["order"].to_numpy()
        captured = CapturedValue(value, score, known["book"].to_numpy())
        ends = [
            cluster_bootstrap(
                customers_of(known), lambda times, c=captured, s=share: c(times, top_share=s), 50
            )
            for share in SHARES
        ]
        found.append([name, *(figure for one in ends for figure in vars(one).values())])
    return found


def judged(title: str, rows: pl.DataFrame) -> dict[str, Any]:
    """Print and return every table of some books."""
    intervals = ["low", "high"]
    tables: dict[str, tuple[Sequence[str], list[list[Any]]]] = {
        "probability of going unpaid (the slope's interval should hold 1)": (
            ["book", "rows", "happened", "predicted", "pred. *", "true *", "AUC", "slope", *intervals],
            probability_rows(rows),
        ),
        "predicted and true probability, at the first and the last book": (
            ["predicted", "rows", "mean predicted", "mean true", "happened", "median distance"],
            truth_rows(rows),
        ),
        "expected and realised loss per book (the ratio's interval should hold 1)": (
            ["book", "expected", "realised", "ratio", *intervals, "ratio, one LGD for all"],
            loss_rows(rows),
        ),
        "loss given default by age of the debt, weighted by balance": (
            ["days past due", "rows", "said", "came", *intervals],
            lgd_rows(rows),
        ),
        "share of the realised loss in the first 5, 10, 20 % of each book": (
            ["order", "5 %", *intervals, "10 %", *intervals, "20 %", *intervals],
            captured_rows(rows),
        ),
    }
    for name, (columns, lines) in tables.items():
        note = (
            "* at the first and the last book, where the true probability is known"
            if "pred. *" in columns
            else ""
        )
        print_table(f"{title}: {name}", columns, lines, note)
    return {name: {"columns": list(columns), "rows": lines} for name, (columns, lines) in tables.items()}


def main() -> None:
    """Judge stationary books and one with a regime change; write out/bench/unpaid.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=2900, help="2,900 give about 160,000 invoices")
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3, 4, 5])
    parser.add_argument("--paths", type=int, default=100, help="simulated futures per invoice; 0 for none")
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    found = {}
    calm = {"culture_drift_days_per_year": 0.0}
    shocked = {"regime_change": True, "regime_change_month": 25}
    for title, changed, seeds in (
        ("stationary books", calm, arguments.seeds),
        ("a shock in the month after training", shocked, arguments.seeds[:1]),
    ):
        rows = pl.concat([scored_book(seed, arguments, changed) for seed in seeds])
        found[title] = judged(title, rows)
    write_json("unpaid", found)


if __name__ == "__main__":
    main()
