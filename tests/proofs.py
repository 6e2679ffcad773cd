"""One small proof for the tests of what is seen of it."""

from __future__ import annotations

from functools import cache

from paydelay import Backtest, Ledger, SimulationSettings, backtest, load_config, simulate

SETTINGS = {
    "model": {"tree_count": 8, "leaf_rows_min": 20, "learning_rate": 0.2, "thread_count": 1},
    "outcomes": {"unpaid_after_days": 30},
    "backtest": {"fold_count": 2, "replicate_count": 20, "leak_check_count": 1},
}


def small_ledger() -> Ledger:
    book = simulate(SimulationSettings(customer_count=40, month_count=14, seed=11))
    return Ledger.from_frames(book.invoices, book.payments, book.customers, book.events)


@cache
def small_proof() -> Backtest:
    """Of both outcomes: unpaid means 30 days here, so that a short book has some."""
    return backtest(small_ledger(), load_config(SETTINGS))
