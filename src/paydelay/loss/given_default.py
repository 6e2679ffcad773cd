"""Loss given default by age of the debt, unfinished recoveries developed.

Workout LGD (Basel; EBA/GL/2017/16, section 6.3) = 1 - discounted cash received
within ``recovery_days`` of default / balance at default. Recoveries cut short by
the date of observation are developed by the chain ladder (Mack, ASTIN Bulletin
23, 1993), here on the balance still open, the complement of the cumulative
recovery, which unlike it is never zero at the start. One development period is
a day, so no part of a month is dropped. Over the defaults still observed on day
d after default:

- collected share x(d) = sum of cash of day d / sum of balances open before it;
- still open S(d) = product of (1 - x(j)) for j <= d;
- present value of what is yet to come, per euro open after day d:
  V(d-1) = v (x(d) + (1 - x(d)) V(d)), V(recovery_days) = 0, with
  v = (1 + annual cost of capital) ^ (-1/365);
- LGD of a euro open d days after default = 1 - V(d).

Where all recoveries are finished and no prior weighs in, LGD(0) is exactly 1 -
sum of discounted cash / sum of balances. At the end of the window LGD is 1: what
comes later does not count as recovered.

The prior joins every x(d) as ``lgd_prior_count`` pseudo-defaults that collect a
constant share a day and lose ``lgd_prior``: the thinner the data, the more it
weighs, and beyond the longest recovery observed it decides alone. Each has the
balance sum b^2 / sum b, so that a book of one giant and many dwarfs counts as
the few defaults it amounts to (Kish's effective number).

A debt of age a that defaulted at age k has been in default max(0, a - k) days.
LGD at age a is the mean over the defaults, weighted by the balance still open
then, taken at the middle of a 30-day bucket and made non-decreasing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from paydelay.config import LossSettings
from paydelay.errors import LedgerError, ModelError
from paydelay.loss.exposure import require_columns

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BUCKET_DAYS = 30


@dataclass(frozen=True)
class LossTable:
    """Loss given default by age of the debt.

    Attributes
    ----------
    age_to_days : tuple of int
        Last day past due of each bucket but the last, which is open-ended.
    lgd : tuple of float
        Share of the balance never received, one per bucket, non-decreasing.
    recovered_share_by_month : tuple of float
        Share of a defaulted balance received, undiscounted, by the end of each
        30 days after default.
    default_count : int
        Defaulted invoices it was fitted on.
    effective_default_count : float
        The same, as equal balances would count (Kish): what weighs against the
        prior.
    recovery_days : int
        How long cash received after default counts.

    Examples
    --------
    >>> table = LossTable((0, 30), (0.5, 0.6, 1.0), (0.5,), 12, 8.4, 30)
    >>> table.lgd_at([-4, 30, 31]).tolist()
    [0.5, 0.6, 1.0]
    >>> LossTable.from_dict(table.to_dict()) == table
    True
    """

    age_to_days: tuple[int, ...]
    lgd: tuple[float, ...]
    recovered_share_by_month: tuple[float, ...]
    default_count: int
    effective_default_count: float
    recovery_days: int

    def lgd_at(self, days_past_due: ArrayLike | pl.Series) -> Floats:
        """LGD of debts of these ages (days past due at as_of, negative before due)."""
        ages = np.asarray(days_past_due)
        return np.asarray(self.lgd)[np.searchsorted(np.asarray(self.age_to_days), ages, side="left")]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the model's JSON manifest."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> LossTable:
        """Read what `to_dict` wrote; ModelError where it is something else."""
        try:
            table = cls(
                age_to_days=tuple(map(int, data["age_to_days"])),
                lgd=tuple(map(float, data["lgd"])),
                recovered_share_by_month=tuple(map(float, data["recovered_share_by_month"])),
                default_count=int(data["default_count"]),
                effective_default_count=float(data["effective_default_count"]),
                recovery_days=int(data["recovery_days"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                "The loss table of the model is incomplete or not numeric; save the model again."
            ) from error
        lgd = np.asarray(table.lgd)
        rising = bool(np.all(np.diff(lgd) >= 0)) and bool(np.all(np.diff(table.age_to_days) > 0))
        if len(lgd) != len(table.age_to_days) + 1 or not rising or not np.all((lgd >= 0) & (lgd <= 1)):
            raise ModelError(
                "The loss table of the model was altered: one LGD per age bucket, between 0 and 1 and "
                "never falling with age, is expected; save the model again."
            )
        return table


def fit_loss_table(
    defaults: pl.DataFrame,
    recoveries: pl.DataFrame,
    settings: LossSettings,
    *,
    unpaid_after_days: int = 90,
) -> LossTable:
    """Loss given default by age, unfinished recoveries developed.

    Parameters
    ----------
    defaults : polars.DataFrame
        One row per defaulted invoice: ``invoice_id``, ``default_on`` (date),
        ``age_days_at_default`` (days past due on that day), ``balance`` (at the
        close of that day, reporting currency), ``observed_until`` (the date of
        labelling).
    recoveries : polars.DataFrame
        ``invoice_id``, ``received_on``, ``amount``: cash received after default,
        reversals negative. Cash of the day of default is in the balance already
        and, like cash after ``observed_until`` or ``recovery_days``, left out.
    settings : LossSettings
        Recovery window, cost of capital, prior.
    unpaid_after_days : int, default 90
        Age at which a debt defaults at the latest, and the prior's do.

    Returns
    -------
    LossTable
        LGD per 30-day bucket of age, until nothing more can be received.

    Raises
    ------
    LedgerError
        If a column is missing, an invoice defaults twice or a value is not usable.

    Notes
    -----
    The formulas and their sources stand at the head of this module.

    Examples
    --------
    >>> from datetime import date
    >>> defaults = pl.DataFrame({"invoice_id": ["a"], "default_on": [date(2024, 1, 1)],
    ...                          "age_days_at_default": [90], "balance": [1000.0],
    ...                          "observed_until": [date(2025, 6, 1)]})
    >>> recoveries = pl.DataFrame({"invoice_id": ["a"], "received_on": [date(2024, 3, 1)], "amount": [250.0]})
    >>> settings = LossSettings(lgd_prior_count=0, annual_cost_of_capital=0)
    >>> fit_loss_table(defaults, recoveries, settings).lgd[0]
    0.75
    """
    window = settings.recovery_days
    discount = (1.0 + settings.annual_cost_of_capital) ** (-1.0 / 365.0)
    known = _usable_defaults(defaults, window)
    open_before, collected = _development(known, recoveries, window)

    balance = known["balance"].to_numpy()
    total, mean_balance, prior_weight = _weights(balance, settings.lgd_prior_count)
    prior_share = _constant_share(settings.lgd_prior, window, discount)
    prior_open = prior_weight * (1.0 - prior_share) ** np.arange(window)
    base = open_before + prior_open
    share = np.full(window, prior_share)
    np.divide(collected + prior_share * prior_open, base, out=share, where=base > 0)
    share = np.minimum(share, 1.0)

    still_open = np.concatenate([[1.0], np.cumprod(1.0 - share)]).clip(0.0, 1.0)
    age_to_days, lgd = _lgd_by_age(
        np.minimum(np.append(known["age_days_at_default"].to_numpy(), unpaid_after_days), unpaid_after_days),
        np.append(balance, prior_weight),
        still_open,
        _lgd_by_day(share, discount),
    )
    months = [*range(_BUCKET_DAYS, window, _BUCKET_DAYS), window]
    return LossTable(
        age_to_days=age_to_days,
        lgd=lgd,
        recovered_share_by_month=tuple((1.0 - still_open[months]).tolist()),
        default_count=known.height,
        effective_default_count=total / mean_balance if total > 0 else 0.0,
        recovery_days=window,
    )


def _weights(balance: Floats, prior_count: float) -> tuple[float, float, float]:
    """Sum of the balances, their size-weighted mean, and the balance the prior stands for."""
    total = float(balance.sum())
    mean_balance = float(np.square(balance).sum()) / total if total > 0 else 1.0
    prior_weight = mean_balance * prior_count
    return total, mean_balance, prior_weight if total + prior_weight > 0.0 else 1.0


def _usable_defaults(defaults: pl.DataFrame, window: int) -> pl.DataFrame:
    """Defaults with a balance and at least one day observed; ``observed`` is cut at the window."""
    columns = ("invoice_id", "default_on", "age_days_at_default", "balance", "observed_until")
    require_columns(defaults, columns, "defaults")
    if defaults["invoice_id"].is_duplicated().any():
        raise LedgerError("An invoice defaults twice; give its first default event only.")
    if defaults.select(columns).null_count().sum_horizontal().sum() or not (
        defaults["balance"].cast(pl.Float64).is_finite().all()
    ):
        raise LedgerError("The defaults hold missing or infinite values; every date and balance is needed.")
    days = (pl.col("observed_until") - pl.col("default_on")).dt.total_days().clip(upper_bound=window)
    return (
        defaults.select(
            "invoice_id",
            "default_on",
            pl.col("age_days_at_default").cast(pl.Int64),
            pl.col("balance").cast(pl.Float64),
            days.alias("observed"),
        )
        .filter(pl.col("balance") > 0, pl.col("observed") >= 1)
        .sort("invoice_id")
    )


def _development(known: pl.DataFrame, recoveries: pl.DataFrame, window: int) -> tuple[Floats, Floats]:
    """Balance open before, and cash collected on, each day 1 .. window, over defaults observed that day."""
    balance, observed = known["balance"].to_numpy(), known["observed"].to_numpy()
    day, until, cash = _recovery_flows(known, recoveries)
    # A balance is there from day 1 to the last day observed; cash leaves it
    # from the day after it came.
    open_before = _running(np.ones(len(balance)), observed + 1, balance, window)
    open_before -= _running(day + 1, until + 1, cash, window)
    collected: Floats = np.bincount(day, weights=cash, minlength=window + 1)[1:].astype(np.float64)
    # Sums and differences leave dust where everything was collected.
    return np.maximum(np.round(open_before, 6), 0.0), collected


def _recovery_flows(known: pl.DataFrame, recoveries: pl.DataFrame) -> tuple[Ints, Ints, Floats]:
    """Day since default, days its default is observed, and cash, the sum kept within the balance."""
    require_columns(recoveries, ("invoice_id", "received_on", "amount"), "recoveries")
    if recoveries["received_on"].has_nulls() or not (
        recoveries["amount"].cast(pl.Float64).fill_null(np.nan).is_finite().all()
    ):
        raise LedgerError("The recoveries hold missing or infinite values; every date and amount is needed.")
    flows = (
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
    return (
        flows["day"].to_numpy().astype(np.int64),
        flows["observed"].to_numpy().astype(np.int64),
        flows["cash"].to_numpy(),
    )


def _running(first: ArrayLike, after: ArrayLike, amount: Floats, window: int) -> Floats:
    """Sum of the amounts present on each day 1 .. window, each from ``first`` until before ``after``."""
    size = window + 2
    come = np.bincount(np.asarray(first, dtype=np.int64), weights=amount, minlength=size)
    gone = np.bincount(np.asarray(after, dtype=np.int64), weights=amount, minlength=size)
    return np.cumsum(come - gone)[1 : window + 1]


def _constant_share(lgd: float, window: int, discount: float) -> float:
    """Daily collected share of the open balance whose discounted recoveries leave this LGD."""
    low, high = 0.0, 1.0
    for _ in range(80):
        share = (low + high) / 2.0
        step = discount * (1.0 - share)
        # Geometric sum of discount * share * step^j, j < window.
        recovered = discount * share * (1.0 - step**window) / (1.0 - step) if step < 1.0 else 0.0
        low, high = (share, high) if recovered < 1.0 - lgd else (low, share)
    return (low + high) / 2.0


def _lgd_by_day(share: Floats, discount: float) -> Floats:
    """1 - V(d) for d = 0 .. window, by the recursion of `fit_loss_table`."""
    value = np.zeros(len(share) + 1)
    for d in range(len(share), 0, -1):
        value[d - 1] = discount * (share[d - 1] + (1.0 - share[d - 1]) * value[d])
    return np.clip(1.0 - value, 0.0, 1.0)


def _lgd_by_age(
    age_at_default: Ints, balance: Floats, still_open: Floats, lgd: Floats
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Upper edges of the age buckets and the LGD of each, the last one open-ended."""
    window = len(lgd) - 1
    ages, place = np.unique(age_at_default, return_inverse=True)
    weight = np.bincount(place, weights=balance)
    edges = np.arange(0, max(int(ages.max()), 0) + window + _BUCKET_DAYS, _BUCKET_DAYS)
    middle = edges[1:] - _BUCKET_DAYS // 2
    # Before the due date every default is still to come, hence the very low first age.
    at = np.concatenate([[ages.min()], middle, [ages.max() + window]])
    days = np.clip(at[:, None] - ages[None, :], 0, window)
    open_balance = weight[None, :] * np.maximum(still_open[days], 1e-12)
    by_age = (open_balance * lgd[days]).sum(axis=1) / open_balance.sum(axis=1)
    rising = np.maximum.accumulate(np.clip(by_age, 0.0, 1.0))
    return tuple(edges.tolist()), tuple(rising.tolist())
