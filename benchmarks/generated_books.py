"""Large books with realistic shapes, made in seconds, for measurements of speed and memory.

Nothing is learned from them: they have the sizes, ties, heavy tails, corrections
and late records of a real ledger, and no truth worth recovering. For that there is
:mod:`paydelay.simulate`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

FIRST_DAY = 19_358
"""2023-01-01, in days since 1970-01-01."""
MONTHS = 30
SPAN_DAYS = 913
INVOICES_PER_CUSTOMER = 100
PARTIAL_SHARE = 0.05
REVERSAL_SHARE = 0.005
NEVER_PAID_SHARE = 0.004

Days = NDArray[np.int64]


def write_books(folder: Path, invoice_count: int, seed: int = 7) -> Path:
    """Write a ledger folder of parquet files; nothing is done where it exists already.

    Parameters
    ----------
    folder : Path
        Where the ledgers of all sizes are kept.
    invoice_count : int
        Number of invoices; customers are a hundredth of it.
    seed : int
        Seed of the draws.

    Returns
    -------
    Path
        The folder of this ledger.
    """
    target = folder / f"ledger_{invoice_count}"
    if (target / "payments.parquet").exists():
        return target
    target.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    customer_count = max(invoice_count // INVOICES_PER_CUSTOMER, 20)
    customers, habit = _customers(rng, customer_count)
    invoices = _invoices(rng, invoice_count, habit)
    customers.write_parquet(target / "customers.parquet")
    invoices.drop("customer", "paid_day").write_parquet(target / "invoices.parquet")
    _events(rng, invoices).write_parquet(target / "events.parquet")
    # Written last: its presence says that the folder is whole.
    _payments(rng, invoices).write_parquet(target / "payments.parquet")
    return target


def _customers(rng: np.random.Generator, count: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The customers table, and how each of them behaves."""
    weight = rng.pareto(1.1, count) + 0.2
    habit = pl.DataFrame(
        {
            "customer": np.arange(count),
            # The largest customer of a real book holds a tenth or so of it.
            "weight": np.minimum(weight, 0.1 * weight.sum()),
            "delay_mean": rng.normal(4.0, 9.0, count),
            "delay_spread": rng.gamma(2.0, 4.0, count),
            "run_weekday": rng.integers(0, 5, count),
            "terms_days": rng.choice([30, 45, 60], count, p=[0.5, 0.2, 0.3]),
            "log_amount": rng.normal(7.0, 1.0, count),
        }
    )
    parent = rng.integers(0, count, count)
    number = pl.Series(np.arange(count))
    table = pl.DataFrame(
        {
            "customer_id": _names("C", number),
            "valid_from": pl.Series(FIRST_DAY - rng.integers(0, 400, count)).cast(pl.Int32).cast(pl.Date),
            "country": rng.choice(["FR", "DE", "ES", "IT", "BE"], count),
            "sector": rng.choice([f"NAF{n:02d}" for n in range(20)], count),
            "segment": rng.choice(["small", "medium", "large"], count, p=[0.6, 0.3, 0.1]),
            "parent_id": _names("C", pl.Series(parent)),
            "external_rating": rng.choice(["A", "B", "C", "D"], count),
            "credit_limit": np.round(np.exp(rng.normal(10.5, 1.0, count)), -2),
        }
    )
    has_group = pl.Series(rng.random(count) < 0.2)
    return table.with_columns(parent_id=pl.when(has_group).then("parent_id")), habit


def _invoices(rng: np.random.Generator, count: int, habit: pl.DataFrame) -> pl.DataFrame:
    """Invoices with the day on which each is paid; -1 where it never is."""
    share = habit["weight"].to_numpy() / habit["weight"].sum()
    customer = rng.choice(len(share), count, p=share)
    issue = FIRST_DAY + rng.integers(0, SPAN_DAYS, count)
    own = habit["terms_days"].to_numpy()[customer]
    terms = np.where(rng.random(count) < 0.9, own, rng.choice([30, 45, 60], count))
    due = issue + terms
    wanted = due + np.rint(
        habit["delay_mean"].to_numpy()[customer]
        + habit["delay_spread"].to_numpy()[customer] * rng.standard_normal(count)
        + np.where(rng.random(count) < 0.03, rng.exponential(60.0, count), 0.0)
    ).astype(np.int64)
    # Payments wait for the customer's weekly run. Day 4 after 1970-01-01 was a Monday.
    run = habit["run_weekday"].to_numpy()[customer]
    paid = np.maximum(wanted, issue + 1)
    paid = paid + (run - (paid + 3)) % 7
    paid = np.where(rng.random(count) < NEVER_PAID_SHARE, -1, paid)
    amount = np.exp(habit["log_amount"].to_numpy()[customer] + 0.8 * rng.standard_normal(count))
    return pl.DataFrame(
        {
            "invoice_id": _names("F", pl.Series(np.arange(count))),
            "customer_id": _names("C", pl.Series(customer)),
            "issue_date": _dates(issue),
            "due_date": _dates(due),
            "amount": np.round(amount + 5.0, 2),
            "currency": pl.repeat("EUR", count, eager=True),
            "recorded_on": _dates(issue + rng.integers(0, 3, count)),
            "customer": customer,
            "paid_day": paid,
        }
    )


def _payments(rng: np.random.Generator, invoices: pl.DataFrame) -> pl.DataFrame:
    """Payments known by the end of the books: whole, in two parts, or bounced and made again."""
    last = FIRST_DAY + SPAN_DAYS
    paid = invoices.filter(pl.col("paid_day") >= 0)
    day, amount = paid["paid_day"].to_numpy(), paid["amount"].to_numpy()
    kind = rng.random(len(day))
    partial = kind < PARTIAL_SHARE
    bounced = (kind >= PARTIAL_SHARE) & (kind < PARTIAL_SHARE + REVERSAL_SHARE)
    first = np.where(partial, np.round(amount * 0.6, 2), amount)
    row = np.arange(len(day))
    rows = [row, row[partial], row[bounced], row[bounced]]
    days = [day, day[partial] + 14, day[bounced] + 5, day[bounced] + 21]
    amounts = [first, (amount - first)[partial], -amount[bounced], amount[bounced]]
    who = np.concatenate(rows)
    when = np.concatenate(days)
    lag = rng.choice([0, 0, 1, 2, 4], len(who))
    table = pl.DataFrame(
        {
            "invoice_id": paid["invoice_id"].gather(who),
            "customer_id": paid["customer_id"].gather(who),
            "payment_date": _dates(when),
            "amount": np.round(np.concatenate(amounts), 2),
            "kind": pl.repeat("payment", len(who), eager=True),
            "recorded_on": _dates(when + lag),
        }
    )
    known = pl.Series(when + lag <= last)
    return table.filter(known).sample(fraction=1.0, shuffle=True, seed=7)


def _events(rng: np.random.Generator, invoices: pl.DataFrame) -> pl.DataFrame:
    """A reminder for every second invoice ten days late, and a dispute for one in a hundred."""
    due = invoices["due_date"].cast(pl.Int32).to_numpy().astype(np.int64)
    paid = invoices["paid_day"].to_numpy()
    late = ((paid < 0) | (paid > due + 10)) & (rng.random(len(due)) < 0.5)
    disputed = rng.random(len(due)) < 0.01
    row = np.concatenate([np.flatnonzero(late), np.flatnonzero(disputed), np.flatnonzero(disputed)])
    count, opened = int(late.sum()), int(disputed.sum())
    types = ["reminder_sent"] * count + ["dispute_opened"] * opened + ["dispute_closed"] * opened
    days = np.concatenate([due[late] + 10, due[disputed] - 5, due[disputed] + 20])
    return pl.DataFrame(
        {
            "event_type": types,
            "event_date": _dates(days),
            "invoice_id": invoices["invoice_id"].gather(row),
            "customer_id": invoices["customer_id"].gather(row),
        }
    ).filter(pl.Series(days <= FIRST_DAY + SPAN_DAYS))


def _names(letter: str, number: pl.Series) -> pl.Series:
    text = number.cast(pl.String).str.zfill(8)
    return pl.select(pl.concat_str(pl.lit(letter), text)).to_series()


def _dates(days: Days) -> pl.Series:
    return pl.Series(days.astype(np.int32)).cast(pl.Date)


if __name__ == "__main__":
    print(json.dumps({"folder": str(write_books(Path(sys.argv[1]), int(sys.argv[2])))}))
