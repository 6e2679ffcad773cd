"""What is judged: the rows of a replay whose outcome is known, what was said of them, and their slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.calibration import Floats

SCORER = {"late": "model", "unpaid": "unpaid"}
"""What the model says of each outcome."""
ORDERS = {
    "late": ("last_delay", "customer_median", "largest_amount", "overdue_amount", "oldest_due"),
    # What says something of who never pays, and not merely who pays late.
    "unpaid": ("overdue_amount", "oldest_due", "largest_amount", "customer_median"),
}
"""Baselines that only put rows in an order."""
_PROBABILITIES = {
    "late": ("regression", "late_ratio", "base_rate"),
    "unpaid": ("unpaid_regression", "unpaid_ratio", "unpaid_rate"),
}
BASELINES = {outcome: (*_PROBABILITIES[outcome], *ORDERS[outcome]) for outcome in SCORER}
PROBABILITIES = {*SCORER.values(), *(name for names in _PROBABILITIES.values() for name in names)}
_SEGMENTS_MAX = 12


@dataclass(frozen=True)
class Judged:
    """Rows with an outcome of one kind, and what each scorer says of them.

    Parameters
    ----------
    came : array of shape (n_rows,)
        1 where it happened, such as ended late.
    amount : array of shape (n_rows,)
        Open amount in the reporting currency.
    book, customer, invoice : array of shape (n_rows,)
        Codes of the day of scoring, the customer and the invoice.
    said : dict of str to array of shape (n_rows,)
        Probability or order of each scorer.
    values : dict of str to array of shape (n_rows,)
        What is to be found early, in money or money times days; the first is ranked by.
    orders : dict of str to array of shape (n_rows,)
        What a scorer puts money in order by, where that is not its probability times the amount;
        and ``worklist``, the order of the queue, which is judged by the money it finds alone.
    """

    came: Floats
    amount: Floats
    book: NDArray[np.int64]
    customer: NDArray[np.int64]
    invoice: NDArray[np.int64]
    said: Mapping[str, Floats] = field(repr=False)
    values: Mapping[str, Floats] = field(repr=False)
    orders: Mapping[str, Floats] = field(repr=False, default_factory=dict)

    def __len__(self) -> int:
        return len(self.came)

    def take(self, rows: NDArray[np.integer]) -> Judged:
        """The same with some of the rows."""
        parts: dict[str, Any] = {
            name: {key: array[rows] for key, array in value.items()}
            if isinstance(value, Mapping)
            else value[rows]
            for name, value in vars(self).items()
        }
        return Judged(**parts)

    @property
    def cluster(self) -> NDArray[np.int64]:
        """Customer and day of scoring: what is drawn as one."""
        return self.customer * (int(self.book.max(initial=0)) + 1) + self.book

    def order(self, scorer: str) -> Floats:
        """What the scorer ranks money by: its own order, or probability times amount."""
        if scorer in self.orders:
            return self.orders[scorer]
        said = self.said[scorer]
        return said * self.amount if is_probability(scorer) else said


def is_probability(scorer: str) -> bool:
    """Whether a scorer names a probability, and not merely an order."""
    return scorer in PROBABILITIES


def judged_late(rows: pl.DataFrame) -> Judged:
    """Rows not yet due whose being late is mature.

    Parameters
    ----------
    rows : polars.DataFrame
        As a replay gives them.

    Returns
    -------
    Judged
    """
    some = late_rows(rows)
    came = some["late"].to_numpy().astype(np.float64)
    amount = some["open_amount_reporting"].to_numpy()
    values = {"late_value": amount * came, "late_days_value": amount * some["late_days"].to_numpy()}
    return _judged(some, came, "late", values)


def late_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of :func:`judged_late`: not yet due, not written off, and ripe to be judged."""
    return rows.filter(pl.col("late").is_not_null() & (pl.col("days_past_due") < 0))


def judged_unpaid(rows: pl.DataFrame) -> Judged:
    """Rows whose being unpaid after the stated days is mature and was not known yet.

    Parameters
    ----------
    rows : polars.DataFrame
        As a replay gives them.

    Returns
    -------
    Judged
    """
    some = unpaid_rows(rows)
    came = some["unpaid_came"].to_numpy().astype(np.float64)
    amount = some["open_amount_reporting"].to_numpy()
    values = {"unpaid_value": amount * came, "lost_value": some["lost_amount"].to_numpy() * came}
    return _judged(some, came, "unpaid", values)


def unpaid_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of :func:`judged_unpaid`."""
    return rows.filter(pl.col("unpaid_came").is_not_null())


def _judged(rows: pl.DataFrame, came: Floats, outcome: str, values: Mapping[str, Floats]) -> Judged:
    # What is set aside has no rank: it comes last.
    orders = {"worklist": -rows["priority_rank"].cast(pl.Float64).fill_null(np.inf).to_numpy()}
    if outcome == "unpaid":
        orders["unpaid"] = rows["expected_loss"].to_numpy().astype(np.float64)
    return judged_rows(rows, came, (SCORER[outcome], *BASELINES[outcome]), values, orders)


def judged_rows(
    rows: pl.DataFrame,
    came: Floats,
    scorers: Sequence[str],
    values: Mapping[str, Floats],
    orders: Mapping[str, Floats] | None = None,
) -> Judged:
    """Rows whose outcome is known, with what columns of theirs say of them.

    Parameters
    ----------
    rows : polars.DataFrame
        ``as_of``, ``customer_id``, ``invoice_id``, ``open_amount_reporting`` and the scorers.
    came, scorers, values, orders
        As :class:`Judged` holds them; the scorers are names of columns.

    Returns
    -------
    Judged
    """
    return Judged(
        came=came,
        amount=rows["open_amount_reporting"].to_numpy(),
        book=rows["as_of"].to_physical().rank("dense").to_numpy().astype(np.int64),
        customer=rows["customer_id"].rank("dense").to_numpy().astype(np.int64),
        invoice=rows["invoice_id"].rank("dense").to_numpy().astype(np.int64),
        said={name: rows[name].to_numpy().astype(np.float64) for name in scorers},
        values=values,
        orders=orders or {},
    )


def first_looks(judged: Judged) -> Judged:
    """One row per invoice: the first that was scored."""
    _, first = np.unique(judged.invoice, return_index=True)
    return judged.take(np.sort(first))


def without_largest(judged: Judged, value: Floats | None = None) -> Judged:
    """All rows but those of the customer with most of them, or with most of a value."""
    counts = np.bincount(judged.customer, value) if len(judged) else np.zeros(1)
    return judged.take(np.flatnonzero(judged.customer != counts.argmax()))


def slices(rows: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Names of slices, and which rows belong to each.

    Parameters
    ----------
    rows : polars.DataFrame
        Rows in the order of a :class:`Judged`.

    Returns
    -------
    dict of str to dict of str to array of bool
        By kind: quartile of amount, settled invoices of the customer, how long it has been
        one, days to the due date, month, and the twelve largest segments.
    """
    amount = rows["open_amount_reporting"].to_numpy()
    quartile = np.searchsorted(np.quantile(amount, [0.25, 0.5, 0.75]), amount, side="right") + 1
    settled = rows["settled_count"].fill_null(0.0).to_numpy()
    age = rows["customer_age_days"].fill_null(0.0).to_numpy()
    ahead = -rows["days_past_due"].to_numpy()
    month = rows["as_of"].dt.strftime("%Y-%m").to_numpy()
    segment = rows["segment"].fill_null("").to_numpy()
    names, counts = np.unique(segment[segment != ""], return_counts=True)
    largest = names[np.argsort(-counts, kind="stable")][:_SEGMENTS_MAX]
    return {
        "amount_quartile": {str(number): quartile == number for number in range(1, 5)},
        "settled_count": {
            "0": settled == 0,
            "1-4": (settled >= 1) & (settled < 5),
            "5-19": (settled >= 5) & (settled < 20),
            "20+": settled >= 20,
        },
        "customer_age": {
            "0-90": age <= 90,
            "91-365": (age > 90) & (age <= 365),
            "366+": age > 365,
        },
        "days_to_due": {
            "1-3": (ahead > 0) & (ahead <= 3),
            "4-7": (ahead > 3) & (ahead <= 7),
            "8-14": (ahead > 7) & (ahead <= 14),
            "15+": ahead > 14,
            "overdue": ahead <= 0,
        },
        "month": {name: month == name for name in np.unique(month)},
        "segment": {str(name): segment == name for name in sorted(largest)},
    }
