"""Twenty features of the panel in DuckDB, by prefix sums and as-of joins.

DuckDB is given what the history derives from the payments: settlements with the
day they became known (and the day they were taken back, if they were), and the
days from and to which each invoice was open. That is work it is spared; our own
side does it inside its time.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from paydelay.history import NEVER, History, day_of

WINDOWS = (30, 90, 365)
_SUMS = ("n", "delay", "delay_squared", "late", "late15", "late30", "amount", "amount_delay")


def write_inputs(history: History, folder: Path) -> None:
    """Write the derived tables as parquet."""
    facts, states, settled = history.invoices, history.states, history.entries("settled")
    delay = np.asarray(settled.measures["delay"], np.int64)
    amount = facts.amount_reporting[settled.invoice]
    pl.DataFrame(
        {
            "customer": settled.customer,
            "day": settled.day,
            "back_day": settled.taken_back_day,
            "n": np.ones(len(delay), np.int64),
            "delay": delay,
            "delay_squared": delay * delay,
            "late": (delay > 0).astype(np.int64),
            "late15": (delay > 15).astype(np.int64),
            "late30": (delay > 30).astype(np.int64),
            "amount": amount,
            "amount_delay": amount * delay,
        }
    ).write_parquet(folder / "settlements.parquet")
    row = np.flatnonzero(states.is_open)
    invoice = states.invoice[row]
    pl.DataFrame(
        {
            "invoice": invoice,
            "customer": facts.customer[invoice],
            "due_day": facts.due_day[invoice],
            "terms_days": facts.terms_days[invoice],
            "from_day": states.from_day[row],
            "to_day": states.to_day[row],
        }
    ).write_parquet(folder / "open.parquet")
    pl.DataFrame({"customer": facts.customer, "day": facts.known_day}).write_parquet(
        folder / "issued.parquet"
    )


def _window(name: str, days: int | None) -> str:
    """Sum over a window: prefix sum now, less the one before, less what was taken back."""
    if days is None:
        return f"(coalesce(now.{name}, 0) - coalesce(back.{name}_all, 0))"
    before, back = f"coalesce(before_{days}.{name}, 0)", f"coalesce(back.{name}_{days}, 0)"
    return f"(coalesce(now.{name}, 0) - {before} - {back})"


def _mean(name: str, days: int | None, weight: str = "n") -> str:
    return f"{_window(name, days)} / nullif({_window(weight, days)}, 0)::DOUBLE"


def query(folder: Path, dates: list[date]) -> str:
    """The whole statement: the panel's rows with nineteen features, in the order of the panel."""
    listed = ", ".join(f"({day_of(when)})" for when in dates)
    sums = ", ".join(f"sum(sum({name})) OVER w AS {name}" for name in _SUMS)
    back = ", ".join(
        [f"sum(r.{name}) AS {name}_all" for name in _SUMS]
        + [f"sum(r.{name}) FILTER (r.day > p.day - {d}) AS {name}_{d}" for name in _SUMS for d in WINDOWS]
    )
    joins = "\n".join(
        f"ASOF LEFT JOIN cum before_{d} ON p.customer = before_{d}.customer AND p.day - {d} >= before_{d}.day"
        for d in WINDOWS
    )
    n, total, squares = _window("n", 365), _window("delay", 365), _window("delay_squared", 365)
    spread = f"CASE WHEN {n} > 1 THEN sqrt(({n} * {squares} - {total} * {total}) / ({n} * {n})::DOUBLE) END"
    return f"""
WITH dates(day) AS (VALUES {listed}),
settled AS (SELECT * FROM '{folder}/settlements.parquet'),
invoices AS (SELECT * FROM '{folder}/open.parquet'),
issued AS (SELECT * FROM '{folder}/issued.parquet'),
book AS (SELECT i.*, d.day FROM dates d JOIN invoices i ON i.from_day <= d.day AND d.day < i.to_day),
p AS (SELECT customer, day, count(*) FILTER (due_day < day) AS overdue_count,
      max(day - due_day) AS oldest FROM book GROUP BY customer, day),
cum AS (SELECT customer, day, {sums} FROM settled GROUP BY customer, day
        WINDOW w AS (PARTITION BY customer ORDER BY day)),
issues AS (SELECT customer, day, sum(count(*)) OVER (PARTITION BY customer ORDER BY day) AS n,
           min(day) OVER (PARTITION BY customer) AS first_day FROM issued GROUP BY customer, day),
back AS (SELECT p.customer, p.day, {back} FROM p JOIN settled r
         ON r.customer = p.customer AND r.back_day <= p.day WHERE r.back_day < {int(NEVER)} GROUP BY ALL),
known AS (SELECT p.customer, p.day, p.overdue_count, p.oldest,
  {_mean("delay", 90)} AS f0, {_mean("delay", 365)} AS f1, {_mean("delay", None)} AS f2,
  {_mean("late", 30)} AS f3, {_mean("late", 90)} AS f4, {_mean("late15", 365)} AS f5,
  {_mean("late30", 365)} AS f6, {_mean("amount_delay", 365, "amount")} AS f7, {spread} AS f8,
  {_window("n", 30)} AS f9, {_window("n", 90)} AS f10, {_window("n", 365)} AS f11,
  {_window("n", None)} AS f12,
  coalesce(i.n, 0) - coalesce(i90.n, 0) AS f13, p.day - i.first_day AS f14
  FROM p ASOF LEFT JOIN cum now ON p.customer = now.customer AND p.day >= now.day
  {joins}
  ASOF LEFT JOIN issues i ON p.customer = i.customer AND p.day >= i.day
  ASOF LEFT JOIN issues i90 ON p.customer = i90.customer AND p.day - 90 >= i90.day
  LEFT JOIN back ON p.customer = back.customer AND p.day = back.day)
SELECT {", ".join(f"k.f{number}::FLOAT AS f{number}" for number in range(15))},
  k.overdue_count::FLOAT AS f15, k.oldest::FLOAT AS f16,
  (b.day - b.due_day)::FLOAT AS f17, b.terms_days::FLOAT AS f18
FROM book b JOIN known k ON b.customer = k.customer AND b.day = k.day
ORDER BY b.day, b.invoice"""


def panel(folder: Path, dates: list[date]) -> Any:
    """The features as a float32 array of shape (n_rows, 19)."""
    import duckdb

    with duckdb.connect() as connection:
        columns = connection.execute(query(folder, dates)).fetchnumpy()
    return np.column_stack([np.ma.filled(columns[f"f{n}"], np.nan) for n in range(19)]).astype(np.float32)
