"""What nobody could know on the day: how far the best model could go.

These are no ideas but measures of what is left. They see outcomes that no feature may see.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from idea_columns import column
from origins import NotTriedError, Origin
from recipes import Prediction


def simulated_truth(origin: Origin) -> Prediction:
    """What the simulator itself gives, knowing every customer's habits and state: no model can beat it."""
    if origin.truth is None:
        raise NotTriedError("the truth is known of simulated ledgers only")
    return Prediction(origin.truth)


def hindsight(origin: Origin) -> Prediction:
    """Late share of the customer's other invoices due on the same day, as it came to be."""
    rows = origin.judged.rows
    share = others_late(
        rows["customer_id"],
        rows["due_date"],
        origin.judged.invoice,
        origin.late,
        column(origin.judged, "late_share_shrunk_365"),
    )
    return Prediction(share)


def others_late(
    customer: pl.Series, due: pl.Series, invoice: np.ndarray, late: np.ndarray, prior: np.ndarray
) -> np.ndarray:
    """Late share of the other invoices of the same customer and due date, and one of its usual ones.

    Parameters
    ----------
    customer, due : polars.Series
        Of every row.
    invoice, late, prior : array of shape (n_rows,)
        Code of the invoice, of which there may be several rows; whether it came to be late;
        the share that weighs one invoice more.

    Returns
    -------
    array of shape (n_rows,)
    """
    rows = pl.DataFrame({"customer": customer, "due": due, "invoice": invoice, "late": late, "prior": prior})
    sums = (
        rows.unique("invoice")
        .group_by("customer", "due")
        .agg(pl.col("late").sum().alias("late_count"), pl.len().alias("count"))
    )
    found = rows.join(sums, on=["customer", "due"], how="left", maintain_order="left")
    share = (pl.col("late_count") - pl.col("late") + pl.col("prior")) / pl.col("count")
    return found.select(share.alias("share"))["share"].to_numpy()
