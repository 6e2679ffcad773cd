"""Monitoring of books in which nothing has changed, and of books in which something was planted.

A model is trained on a simulated book, the open book is scored weekly for sixteen weeks
after that, and the scores are held against what came four weeks after the last of them.
In the control nothing changes but what luck brings: customers come and go, and their
liquidity, that of their sectors and of the economy wander as they did before. Then
changes are planted after the training: a liquidity shock to all customers (simulated),
amounts in cents for euros, two weeks more of payment terms, every second invoice with a
customer never seen. Told is what was found, check by check, and what a newer model gains.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import polars as pl
from measuring import Stopwatch, print_table, write_json

import paydelay as pdl

TRAINED = date(2024, 8, 26)
DAYS = [TRAINED + timedelta(days=7 * week) for week in range(1, 17)]
AS_OF = DAYS[-1] + timedelta(days=28)
CUSTOMERS, MONTHS, SEEDS = 60, 20, 10
CONFIG = {"model": {"tree_count": 15, "learning_rate": 0.2, "leaf_rows_min": 20, "thread_count": 1}}
SHOCK = {"regime_change": True, "regime_change_month": 15, "regime_slack_days": 10.0}
LATER = pl.col("issue_date") > TRAINED


def book(seed: int, customers: int = CUSTOMERS, **settings: object) -> pdl.Ledger:
    """A book in which nothing changes for good, unless the settings say so."""
    steady = {"culture_drift_days_per_year": 0.0, "new_customer_share": 0.1, "daily_truth": False}
    size = {"customer_count": customers, "month_count": MONTHS, "seed": seed}
    found = pdl.simulate(pdl.SimulationSettings.from_values(size | steady | settings))
    return pdl.Ledger.from_frames(found.invoices, found.payments, found.customers, found.events)


def in_cents(ledger: pdl.Ledger) -> pdl.Ledger:
    """Invoices issued after the training, and what is paid of them, a hundred times as large."""
    changed = ledger.invoices.filter(LATER)["invoice_id"].implode()
    times = pl.when(pl.col("invoice_id").is_in(changed)).then(100.0).otherwise(1.0)
    return replace(
        ledger,
        invoices=ledger.invoices.with_columns(pl.col("amount", "vat_amount") * times),
        payments=ledger.payments.with_columns(amount=pl.col("amount") * times.fill_null(1.0)),
    )


def longer_terms(ledger: pdl.Ledger) -> pdl.Ledger:
    """Two weeks more to pay for invoices issued after the training."""
    more = pl.when(LATER).then(14).otherwise(0)
    return replace(
        ledger,
        invoices=ledger.invoices.with_columns(
            due_date=pl.col("due_date") + pl.duration(days=more),
            terms_days=pl.col("terms_days") + more.cast(pl.Int32),
        ),
    )


def strangers(ledger: pdl.Ledger) -> pdl.Ledger:
    """Every second invoice issued after the training is one of fifty customers never seen."""
    number = pl.col("invoice_id").rank("ordinal")
    name = pl.when(LATER & (number % 2 == 0)).then(pl.format("new{}", number % 50))
    invoices = ledger.invoices.with_columns(customer_id=name.otherwise(pl.col("customer_id")))
    owner = invoices.select("invoice_id", owner="customer_id")
    payments = ledger.payments.join(owner, on="invoice_id", how="left", maintain_order="left")
    return replace(
        ledger,
        invoices=invoices,
        payments=payments.with_columns(customer_id=pl.coalesce("owner", "customer_id")).drop("owner"),
        events=ledger.events.clear(),
    )


PLANTED: dict[str, Callable[[pdl.Ledger], pdl.Ledger]] = {
    "cents": in_cents,
    "terms": longer_terms,
    "strangers": strangers,
}


def watched(ledger: pdl.Ledger, retraining: str = "never") -> pdl.Monitoring:
    """Train, score week by week, and hold the scores against what came."""
    model = pdl.train(ledger, TRAINED, pdl.load_config(CONFIG), force=True)
    past = [pdl.score(ledger, model, day, explain="none") for day in DAYS]
    return pdl.monitor(ledger, past, AS_OF, model=model, retraining=retraining)


def scenario(name: str, seed: int, customers: int = CUSTOMERS, retraining: str = "never") -> pdl.Monitoring:
    """One of ``control``, ``shock`` and the planted changes."""
    ledger = book(seed, customers, **(SHOCK if name == "shock" else {}))
    return watched(PLANTED[name](ledger) if name in PLANTED else ledger, retraining)


def told(found: pdl.Monitoring, verdict: str) -> list[str]:
    """Checks that came to a verdict, by name."""
    return [check.key for check in found.made if check.verdict == verdict]


def main() -> None:
    """Print and write what every book comes to."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--customers", type=int, default=CUSTOMERS)
    asked.add_argument("--seeds", type=int, default=SEEDS, help="books of the control")
    asked.add_argument("--first-seed", type=int, default=1, help="seed of the first of them")
    asked.add_argument("--control-only", action="store_true", help="nothing is planted")
    given = asked.parse_args()
    runs = [("control", given.first_seed + more) for more in range(given.seeds)]
    if not given.control_only:
        runs += [("shock", seed) for seed in (1, 2, 3)] + [(name, 1) for name in PLANTED]
    watch, rows = Stopwatch(), []
    for name, seed in runs:
        with watch.stage(name):
            found = scenario(name, seed, given.customers, "never" if name == "control" else "auto")
        gain = found.retraining.gains.get("retrained")
        ratio = found.checks.filter(check="ratio", outcome="late")["value"].item()
        rows.append(
            {
                "book": f"{name} {seed}",
                "judged": sum(check.verdict != "not_judged" for check in found.made),
                "came_over_predicted": None if ratio is None else round(ratio, 2),
                "alarm": ", ".join(told(found, "alarm")),
                "watch": ", ".join(told(found, "watch")),
                "advice": found.retraining.advice,
                "retraining_saves": ""
                if gain is None
                else f"{gain.value:.3f} [{gain.low:.3f} to {gain.high:.3f}]",
            }
        )
    control = [row for row in rows if row["book"].startswith("control")]
    alarms = sum(len(row["alarm"].split(", ")) for row in control if row["alarm"])
    print_table("Monitoring", list(rows[0]), [list(row.values()) for row in rows])
    checks = sum(row["judged"] for row in control)
    print(f"Control: {alarms} alarms in {len(control)} books, of {checks} checks that could be judged.")
    write_json(
        "monitor", {"rows": rows, "control_alarms": alarms, "control_checks": checks, "seconds": watch.wall}
    )


if __name__ == "__main__":
    main()
