"""Recoveries of defaulted debts developed: balances open before, and cash collected on, each day.

Apart from :mod:`given_default`, which turns shares collected into losses: here cash is laid
beside the defaults it belongs to.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from paydelay.errors import LedgerError
from paydelay.loss.exposure import require_columns

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def usable_defaults(defaults: pl.DataFrame, window: int) -> pl.DataFrame:
    """Defaults with a balance and at least one day observed.

    Parameters
    ----------
    defaults : polars.DataFrame
        As :func:`~paydelay.loss.fit_loss_table` takes them.
    window : int
        Days of recovery that count.

    Returns
    -------
    polars.DataFrame
        ``invoice_id``, ``default_on``, ``age_days_at_default``, ``balance``, ``observed`` (days,
        cut at the window) and ``lost_day``: days from default to the loss, 0 where the loss
        was the default, null where none is known.
    """
    columns = ("invoice_id", "default_on", "age_days_at_default", "balance", "observed_until")
    require_columns(defaults, columns, "defaults")
    if defaults["invoice_id"].is_duplicated().any():
        raise LedgerError("An invoice defaults twice; give its first default event only.")
    if defaults.select(columns).null_count().sum_horizontal().sum() or not (
        defaults["balance"].cast(pl.Float64).is_finite().all()
    ):
        raise LedgerError("The defaults hold missing or infinite values; every date and balance is needed.")
    days = (pl.col("observed_until") - pl.col("default_on")).dt.total_days().clip(upper_bound=window)
    lost_on = pl.col("lost_on") if "lost_on" in defaults.columns else pl.lit(None, pl.Date)
    lost_day = (lost_on - pl.col("default_on")).dt.total_days().clip(lower_bound=0)
    return (
        defaults.select(
            "invoice_id",
            "default_on",
            pl.col("age_days_at_default").cast(pl.Int64),
            pl.col("balance").cast(pl.Float64),
            days.alias("observed"),
            lost_day.alias("lost_day"),
        )
        .filter(pl.col("balance") > 0, pl.col("observed") >= 1)
        .sort("invoice_id")
    )


def development(known: pl.DataFrame, recoveries: pl.DataFrame, window: int) -> tuple[Floats, Floats]:
    """Balance open before, and cash collected on, each day 1 .. window, over defaults observed that day.

    Parameters
    ----------
    known : polars.DataFrame
        As :func:`usable_defaults` gives them.
    recoveries : polars.DataFrame
        ``invoice_id``, ``received_on``, ``amount``.
    window : int
        Days of recovery that count.

    Returns
    -------
    open_before, collected : array of shape (window,)
    """
    balance, observed = known["balance"].to_numpy(), known["observed"].to_numpy()
    flows = recovery_flows(known, recoveries)
    day, until = (flows[name].to_numpy().astype(np.int64) for name in ("day", "observed"))
    cash = flows["cash"].to_numpy()
    # A balance is there from day 1 to the last day observed; cash leaves it
    # from the day after it came.
    open_before = _running(np.ones(len(balance)), observed + 1, balance, window)
    open_before -= _running(day + 1, until + 1, cash, window)
    collected: Floats = np.bincount(day, weights=cash, minlength=window + 1)[1:].astype(np.float64)
    # Sums and differences leave dust where everything was collected.
    return np.maximum(np.round(open_before, 6), 0.0), collected


def recovery_flows(known: pl.DataFrame, recoveries: pl.DataFrame) -> pl.DataFrame:
    """Cash by day since default while the default is observed, its sum kept within the balance.

    Parameters
    ----------
    known, recoveries : polars.DataFrame
        As :func:`development` takes them.

    Returns
    -------
    polars.DataFrame
        ``invoice_id``, ``day``, ``observed``, ``received`` (so far) and ``cash`` (of the day).
    """
    require_columns(recoveries, ("invoice_id", "received_on", "amount"), "recoveries")
    if recoveries["received_on"].has_nulls() or not (
        recoveries["amount"].cast(pl.Float64).fill_null(np.nan).is_finite().all()
    ):
        raise LedgerError("The recoveries hold missing or infinite values; every date and amount is needed.")
    return (
        recoveries.select("invoice_id", "received_on", pl.col("amount").cast(pl.Float64))
        .join(known, on="invoice_id", how="inner")
        .with_columns(day=(pl.col("received_on") - pl.col("default_on")).dt.total_days())
        .filter(pl.col("day") >= 1, pl.col("day") <= pl.col("observed"))
        .group_by("invoice_id", "day")
        .agg(pl.col("amount").sum(), pl.col("balance", "observed").first())
        .sort("invoice_id", "day")
        .with_columns(
            # Cash above the balance pays something else; a reversal cannot take back what never came.
            received=pl.col("amount").cum_sum().over("invoice_id").clip(0.0, pl.col("balance"))
        )
        .with_columns(
            cash=pl.col("received") - pl.col("received").shift(1, fill_value=0.0).over("invoice_id")
        )
    )


def _running(first: ArrayLike, after: ArrayLike, amount: Floats, window: int) -> Floats:
    """Sum of the amounts present on each day 1 .. window, each from ``first`` until before ``after``."""
    size = window + 2
    come = np.bincount(np.asarray(first, dtype=np.int64), weights=amount, minlength=size)
    gone = np.bincount(np.asarray(after, dtype=np.int64), weights=amount, minlength=size)
    return np.cumsum(come - gone)[1 : window + 1]


def split_by_loss(known: pl.DataFrame, recoveries: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Defaults while nobody had failed, and debts from the day of their loss on.

    Parameters
    ----------
    known, recoveries : polars.DataFrame
        As :func:`development` takes them.

    Returns
    -------
    solvent : polars.DataFrame
        Defaults by age alone; observed up to the loss, if one came.
    lost : polars.DataFrame
        Debts written off or caught in an insolvency, with that day as the start and what was
        open then as the balance; the window still runs from the default.
    """
    loss = pl.col("lost_day")
    solvent = known.filter(loss.is_null() | (loss > 0)).with_columns(
        observed=pl.min_horizontal("observed", "lost_day")
    )
    lost = known.filter(loss < pl.col("observed"))
    flows = recovery_flows(known, recoveries).join(lost.select("invoice_id", "lost_day"), on="invoice_id")
    before = flows.filter(pl.col("day") <= loss).group_by("invoice_id").agg(before=pl.col("cash").sum())
    lost = lost.join(before, on="invoice_id", how="left", maintain_order="left").with_columns(
        default_on=pl.col("default_on") + pl.duration(days=loss),
        age_days_at_default=pl.col("age_days_at_default") + loss,
        balance=pl.col("balance") - pl.col("before").fill_null(0.0),
        observed=pl.col("observed") - loss,
    )
    return solvent, lost.filter(pl.col("balance") > 0)


def fallen(solvent: pl.DataFrame, lost: pl.DataFrame, window: int) -> Floats:
    """Balance that turns into a loss on each day 1 .. window after default.

    Parameters
    ----------
    solvent, lost : polars.DataFrame
        As :func:`split_by_loss` gives them.
    window : int
        Days of recovery that count.

    Returns
    -------
    array of shape (window,)
    """
    fell = lost.filter(pl.col("lost_day") > 0).join(solvent, on="invoice_id", how="semi")
    day = fell["lost_day"].to_numpy().astype(np.int64)
    return np.bincount(day, weights=fell["balance"].to_numpy(), minlength=window + 1)[1:].astype(np.float64)
