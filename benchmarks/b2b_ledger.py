"""The real ledger that predictions are judged on, where it is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from paydelay.ledger import Ledger

ROOT = Path(__file__).resolve().parent.parent


def b2b_ledger() -> Ledger | None:
    """The ledger from the folder named by PAYDELAY_DATA, or from ../shared/data; None where it is absent.

    Issue dates are estimates and some lie after the due date: the earlier counts.
    About 8 % of the amounts are in another currency and not converted: they are
    taken as they stand.
    """
    folder = Path(os.environ.get("PAYDELAY_DATA", ROOT.parent / "shared" / "data"))
    source = folder / "b2b_ledger" / "closed_and_open_2019-11-30.csv"
    if not source.is_file():
        return None
    rows = pl.read_csv(source, try_parse_dates=True)
    invoices = rows.select(
        "invoice_id",
        "due_date",
        "amount",
        customer_id=pl.col("cust_number").cast(pl.String),
        issue_date=pl.min_horizontal("issue_date_est", "due_date"),
        currency=pl.lit("USD"),
    )
    payments = rows.filter(pl.col("clear_date").is_not_null()).select(
        "invoice_id", "amount", payment_date="clear_date", kind=pl.lit("payment")
    )
    return Ledger.from_frames(invoices, payments)
