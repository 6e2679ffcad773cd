"""Exposure at default and the cover it enjoys.

Amounts are shared out in whole cents, so that no sum drifts, and every
allocation runs oldest invoice first (due date, issue date, invoice id), so that
the order of the rows never matters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from paydelay.config import LossSettings
from paydelay.errors import LedgerError

Ints = NDArray[np.int64]

_OLDEST_FIRST = ("due_date", "issue_date", "invoice_id")
_COVER_AMOUNTS = ("insured_limit", "insured_share", "guarantee_amount")
_PARTS = 1_000_000  # an insured share is read to the millionth
_CENTS_MAX = 2**60  # an unlimited guarantee is still a number


@dataclass(frozen=True)
class CashAllocation:
    """Cash on account set against open invoices.

    Attributes
    ----------
    allocated : polars.Series
        ``cash_allocated``, one value per row of the rows it was made from, in
        their order, reporting currency.
    left_over : polars.DataFrame
        ``customer_id`` and ``cash_left``: what exceeds the customer's open
        items, one row per customer of the cash frame, sorted by customer.
    """

    allocated: pl.Series
    left_over: pl.DataFrame


def allocate_cash_on_account(rows: pl.DataFrame, cash: pl.DataFrame) -> CashAllocation:
    """Set each customer's cash on account against its open invoices, oldest first.

    Parameters
    ----------
    rows : polars.DataFrame
        Open invoices at one as_of: ``invoice_id``, ``customer_id``,
        ``issue_date``, ``due_date``, ``open_amount_reporting``.
    cash : polars.DataFrame
        ``customer_id`` and ``cash_on_account`` (reporting currency, >= 0,
        over-payments included). Several rows of a customer add up.

    Returns
    -------
    CashAllocation
        Per row what was set against it, at most its open amount; per customer
        what is left over.

    Raises
    ------
    LedgerError
        If a column is missing, or an amount is negative or not finite.

    Notes
    -----
    Oldest means by due date, then issue date, then invoice id. Cash is spread
    in cents: per customer, allocated + left over = cash on account.

    Examples
    --------
    >>> from datetime import date
    >>> rows = pl.DataFrame({"invoice_id": ["new", "old"], "customer_id": ["C", "C"],
    ...                      "issue_date": [date(2025, 2, 1), date(2025, 1, 1)],
    ...                      "due_date": [date(2025, 3, 1), date(2025, 2, 1)],
    ...                      "open_amount_reporting": [100.0, 60.0]})
    >>> cash = pl.DataFrame({"customer_id": ["C"], "cash_on_account": [75.0]})
    >>> allocate_cash_on_account(rows, cash).allocated.to_list()
    [15.0, 60.0]
    """
    require_columns(rows, ("customer_id", "open_amount_reporting", *_OLDEST_FIRST), "open invoices")
    require_columns(cash, ("customer_id", "cash_on_account"), "cash on account")
    held = (
        cash.with_columns(pl.Series("cents", _cents(cash["cash_on_account"], "cash on account")))
        .group_by("customer_id")
        .agg(pl.col("cents").sum())
        .sort("customer_id")
    )
    pool = held["cents"].to_numpy()
    oldest = _oldest_first(rows)
    holder = _positions(rows["customer_id"], held["customer_id"])[oldest]
    granted = _grant(holder, _cents(rows["open_amount_reporting"], "open amount")[oldest], pool)
    spent = np.zeros(len(pool), dtype=np.int64)
    np.add.at(spent, holder[holder >= 0], granted[holder >= 0])
    left_over = held.select("customer_id", pl.Series("cash_left", (pool - spent) / 100.0))
    return CashAllocation(_in_row_order("cash_allocated", granted, oldest), left_over)


def exposure_at_default(
    rows: pl.DataFrame, cash: pl.DataFrame | CashAllocation, settings: LossSettings
) -> pl.Series:
    """Exposure at default of each open invoice, in reporting currency.

    EAD = open amount - cash on account set against it, and with
    ``recoverable_vat_deducted`` times (1 - VAT / amount): the VAT share of the
    document applies to what remains open.

    Parameters
    ----------
    rows : polars.DataFrame
        As for `allocate_cash_on_account`; the VAT also needs ``amount``,
        ``open_amount`` and ``vat_amount_reporting`` (null = no VAT known).
    cash : polars.DataFrame or CashAllocation
        The customers' cash, or the allocation already made from these rows.
    settings : LossSettings
        Says whether recoverable VAT is taken off.

    Returns
    -------
    polars.Series
        ``ead`` in the order of the rows, whole cents, never below zero.

    Raises
    ------
    LedgerError
        If a column is missing, or an amount is negative or not finite.

    Examples
    --------
    >>> from datetime import date
    >>> rows = pl.DataFrame({"invoice_id": ["a"], "customer_id": ["C"], "issue_date": [date(2025, 1, 1)],
    ...                      "due_date": [date(2025, 2, 1)], "open_amount_reporting": [100.0]})
    >>> cash = pl.DataFrame({"customer_id": ["C"], "cash_on_account": [30.0]})
    >>> exposure_at_default(rows, cash, LossSettings()).to_list()
    [70.0]
    """
    allocation = cash if isinstance(cash, CashAllocation) else allocate_cash_on_account(rows, cash)
    if len(allocation.allocated) != rows.height:
        raise LedgerError(
            f"The cash was allocated to {len(allocation.allocated)} rows but {rows.height} were given; "
            "allocate it again from these rows."
        )
    open_cents = _cents(rows["open_amount_reporting"], "open amount")
    left = open_cents - _cents(allocation.allocated, "allocated cash")
    if settings.recoverable_vat_deducted:
        require_columns(rows, ("amount", "open_amount", "vat_amount_reporting"), "open invoices")
        # The document's amount is converted at the rate its open amount was converted at.
        amount = pl.col("amount") * pl.col("open_amount_reporting") / pl.col("open_amount")
        share = rows.select(
            (pl.col("vat_amount_reporting") / amount).fill_nan(None).fill_null(0.0).clip(0.0, 1.0)
        ).to_series()
        left = np.rint(left * (1.0 - share.to_numpy())).astype(np.int64)
    return pl.Series("ead", left / 100.0)


def allocate_cover(rows: pl.DataFrame, ead: ArrayLike | pl.Series, customers: pl.DataFrame) -> pl.Series:
    """Spread insurance and guarantees over the exposure, oldest invoice first.

    An insured limit L at share s insures up to L of exposure and pays s of each
    insured euro, so at most L x s. A guarantee then covers what remains, up to
    its amount. A customer's own cover serves its own items; the cover of a
    customer that is another's parent is one pool for its own items and those of
    its subsidiaries, drawn on after the subsidiaries' own cover.

    Parameters
    ----------
    rows : polars.DataFrame
        Open invoices at one as_of: ``invoice_id``, ``customer_id``,
        ``issue_date``, ``due_date``.
    ead : array_like or polars.Series
        Exposure of each row, reporting currency, >= 0.
    customers : polars.DataFrame
        One row per customer as known at as_of: ``customer_id``, ``parent_id``,
        ``insured_limit``, ``insured_share``, ``guarantee_amount`` (reporting
        currency). A null is no cover: a limit without a share insures nothing.

    Returns
    -------
    polars.Series
        ``covered_amount`` in the order of the rows: at most the row's EAD, and
        summed over a cover's items at most the cover. Rounded down to the cent.

    Raises
    ------
    LedgerError
        If a column is missing, a customer appears twice, or an amount is
        negative or not finite.

    Notes
    -----
    Only the direct parent's cover is drawn on. Where the parents run in a
    circle, each customer of the circle counts as having none.

    Examples
    --------
    >>> from datetime import date
    >>> rows = pl.DataFrame({"invoice_id": ["a", "b"], "customer_id": ["C", "C"],
    ...                      "issue_date": [date(2025, 1, 1)] * 2,
    ...                      "due_date": [date(2025, 2, 1), date(2025, 3, 1)]})
    >>> customers = pl.DataFrame({"customer_id": ["C"], "parent_id": [None], "insured_limit": [1500.0],
    ...                           "insured_share": [0.9], "guarantee_amount": [200.0]})
    >>> allocate_cover(rows, [1000.0, 1000.0], customers).to_list()
    [1000.0, 550.0]
    """
    require_columns(rows, ("customer_id", *_OLDEST_FIRST), "open invoices")
    require_columns(customers, ("customer_id", "parent_id", *_COVER_AMOUNTS), "customers")
    if customers["customer_id"].is_duplicated().any():
        raise LedgerError("A customer has several rows; give one row per customer as known at as_of.")
    limit, guarantee = (
        _cents(customers[name].cast(pl.Float64).fill_null(0.0), name.replace("_", " "))
        for name in ("insured_limit", "guarantee_amount")
    )
    share = (
        customers["insured_share"].cast(pl.Float64).fill_nan(None).fill_null(0.0).clip(0.0, 1.0).to_numpy()
    )
    pools = _Pools(limit, np.rint(share * _PARTS).astype(np.int64), guarantee)
    parent = _positions(customers["parent_id"], customers["customer_id"])
    level = _levels(parent)

    oldest = _oldest_first(rows)
    exposure = _cents(pl.Series(np.asarray(ead, dtype=np.float64)), "exposure")[oldest]
    own = _positions(rows["customer_id"], customers["customer_id"])[oldest]
    above = np.where(own >= 0, parent[own], -1) if len(parent) else own
    left = exposure
    # A parent stands on a higher level than its subsidiaries: level by level, a
    # row meets one pool at a time and each pool sees all its items at once.
    for step in np.unique(level[pools.any_cover()]):
        mine = (own >= 0) & (level[own] == step)
        of_parent = (above >= 0) & (level[above] == step)
        left = pools.draw(np.where(mine, own, np.where(of_parent, above, -1)), left)
    return _in_row_order("covered_amount", exposure - left, oldest)


def require_columns(frame: pl.DataFrame, columns: Iterable[str], what: str) -> None:
    """Refuse a frame that lacks a column, by a LedgerError that names what is missing."""
    columns = tuple(columns)
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise LedgerError(f"The {what} lack {', '.join(missing)}; give {', '.join(columns)}.")


@dataclass(frozen=True)
class _Pools:
    """Cover held by each customer: cents insured, share in millionths, guaranteed cents."""

    limit: Ints
    parts: Ints
    guarantee: Ints

    def any_cover(self) -> NDArray[np.bool_]:
        return ((self.limit > 0) & (self.parts > 0)) | (self.guarantee > 0)

    def draw(self, holder: Ints, left: Ints) -> Ints:
        """What stays uncovered once each holder's insurance, then its guarantee, has paid."""
        insured = _grant(holder, left, self.limit)
        whole, rest = np.divmod(insured, _PARTS)  # keeps the product far from overflow
        rate = np.where(holder >= 0, self.parts[holder], 0)
        left = left - whole * rate - rest * rate // _PARTS
        return left - _grant(holder, left, self.guarantee)


def _grant(holder: Ints, demand: Ints, pool: Ints) -> Ints:
    """Share each holder's pool out over its rows (-1 = no holder), first come first served."""
    granted = np.zeros(len(demand), dtype=np.int64)
    order = np.argsort(holder, kind="stable")
    order = order[holder[order] >= 0]
    if len(order) == 0:
        return granted
    who, asked = holder[order], demand[order]
    before = np.cumsum(asked) - asked
    first = np.flatnonzero(np.r_[True, who[1:] != who[:-1]])
    before -= np.repeat(before[first], np.diff(np.r_[first, len(who)]))
    granted[order] = np.clip(pool[who] - before, 0, asked)
    return granted


def _levels(parent: Ints) -> Ints:
    """Level of each customer, above those of its subsidiaries; all of a circle share the top one.

    On one level a row meets its own customer's pool only, so that inside a
    circle, or as one's own parent, nobody draws on a parent.
    """
    count = len(parent)
    level = np.full(count, -1, dtype=np.int64)
    waiting = np.bincount(parent[parent >= 0], minlength=count)
    ready, step = np.flatnonzero(waiting == 0), 0
    while len(ready):
        level[ready] = step
        above = parent[ready]
        done = np.bincount(above[above >= 0], minlength=count)
        waiting = waiting - done
        ready, step = np.flatnonzero((done > 0) & (waiting == 0)), step + 1
    # With one parent each, what never gets ready stands on a circle.
    return np.where(level < 0, step, level)


def _oldest_first(rows: pl.DataFrame) -> Ints:
    """Positions of the rows from the oldest to the newest invoice."""
    order = rows.select(pl.arg_sort_by(*_OLDEST_FIRST)).to_series()
    return order.to_numpy().astype(np.int64)


def _positions(values: pl.Series, among: pl.Series) -> Ints:
    """Position of each value among the unique others, -1 where it is not there."""
    index = pl.DataFrame({"key": among.cast(pl.String)}).with_row_index("position")
    wanted = pl.DataFrame({"key": values.cast(pl.String)})
    found = wanted.join(index, on="key", how="left", maintain_order="left")["position"]
    return found.cast(pl.Int64).fill_null(-1).to_numpy()


def _cents(amounts: pl.Series, what: str) -> Ints:
    values = amounts.cast(pl.Float64).to_numpy()
    # NaN also fails the comparison; a null arrives here as NaN.
    if not np.all((values >= 0) & (values < np.inf)):
        raise LedgerError(f"An amount of {what} is missing, negative or not finite; give amounts >= 0.")
    return np.minimum(np.rint(values * 100.0), float(_CENTS_MAX)).astype(np.int64)


def _in_row_order(name: str, cents: Ints, oldest: Ints) -> pl.Series:
    amounts = np.empty(len(cents))
    amounts[oldest] = cents / 100.0
    return pl.Series(name, amounts)
