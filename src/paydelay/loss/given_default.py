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
- lost share i(d): balances whose customer fails, or that are written off, on the day;
- present value of what is yet to come, per euro open after day d:
  V(d-1) = v (x(d) + i(d) L(d) + (1 - x(d) - i(d)) V(d)), V(recovery_days) = 0, with
  v = (1 + annual cost of capital) ^ (-1/365) and L(d) what a lost debt brings in the days left;
- LGD of a euro open d days after default = 1 - V(d).

Debts that are lost (insolvency, write-off) have a chain of their own from that day on, and
so an LGD by days since the loss: a failed customer pays far less than a slow one, and a
score knows which of the two it is.

Where all recoveries are finished, nothing is lost and no prior weighs in, LGD(0) is
exactly 1 - sum of discounted cash / sum of balances. At the end of the window LGD is 1:
what comes later does not count as recovered.

The prior joins every x(d) as ``lgd_prior_count`` pseudo-defaults that collect a constant
share a day and lose ``lgd_prior`` (``lgd_lost_prior`` of lost debts): the thinner the
data, the more it weighs, and beyond the longest recovery observed it decides alone. Each
has the balance sum b^2 / sum b, so that a book of one giant and many dwarfs counts as the
few defaults it amounts to (Kish's effective number).

A debt of age a that defaulted at age k has been in default max(0, a - k) days.
LGD at age a is the mean over the defaults that a debt of that age may still meet or be in,
weighted by the balance still open then, taken at the middle of a 30-day bucket. It may fall
up to the day of default, since who has not failed by then is more likely merely slow; from
there on it is made non-decreasing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from paydelay.config import LossSettings, OutcomeSettings
from paydelay.errors import ModelError
from paydelay.loss.development import development, fallen, split_by_loss, usable_defaults

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BUCKET_DAYS = 30
_DEFAULT = OutcomeSettings()


@dataclass(frozen=True)
class LossTable:
    """Loss given default by age of the debt.

    Attributes
    ----------
    age_to_days : tuple of int
        Last day past due of each bucket but the last, which is open-ended.
    lgd : tuple of float
        Share of the balance never received, one per bucket, of debts that are not lost.
    lost_to_days : tuple of int
        Last day since the loss of each bucket of lost debts but the last.
    lost_lgd : tuple of float
        The same of debts written off or caught in an insolvency, non-decreasing.
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
    >>> table = LossTable((0, 30), (0.5, 0.6, 1.0), (30,), (0.9, 1.0), (0.5,), 12, 8.4, 30)
    >>> table.lgd_at([-4, 30, 31]).tolist()
    [0.5, 0.6, 1.0]
    >>> table.lgd_at([-4, 30], days_since_loss=[12.0, float("nan")]).tolist()
    [0.9, 0.6]
    >>> LossTable.from_dict(table.to_dict()) == table
    True
    """

    age_to_days: tuple[int, ...]
    lgd: tuple[float, ...]
    lost_to_days: tuple[int, ...]
    lost_lgd: tuple[float, ...]
    recovered_share_by_month: tuple[float, ...]
    default_count: int
    effective_default_count: float
    recovery_days: int

    def lgd_at(
        self, days_past_due: ArrayLike | pl.Series, days_since_loss: ArrayLike | pl.Series | None = None
    ) -> Floats:
        """LGD of debts of these ages.

        Parameters
        ----------
        days_past_due : array-like of shape (n_rows,)
            At as_of, negative before the due date.
        days_since_loss : array-like of shape (n_rows,), optional
            Days since the write-off or the insolvency; NaN where there is none.

        Returns
        -------
        array of shape (n_rows,)
        """
        by_age = np.asarray(self.lgd)[_bucket(days_past_due, self.age_to_days)]
        if days_since_loss is None:
            return by_age
        since = np.asarray(days_since_loss, np.float64)
        lost = np.asarray(self.lost_lgd)[_bucket(np.nan_to_num(since), self.lost_to_days)]
        return np.where(np.isnan(since), by_age, lost)

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
                lost_to_days=tuple(map(int, data["lost_to_days"])),
                lost_lgd=tuple(map(float, data["lost_lgd"])),
                recovered_share_by_month=tuple(map(float, data["recovered_share_by_month"])),
                default_count=int(data["default_count"]),
                effective_default_count=float(data["effective_default_count"]),
                recovery_days=int(data["recovery_days"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                "The loss table of the model is incomplete or not numeric; save the model again."
            ) from error
        for days, lgd in ((table.age_to_days, table.lgd), (table.lost_to_days, table.lost_lgd)):
            values = np.asarray(lgd)
            in_order = len(values) == len(days) + 1 and bool(np.all(np.diff(days) > 0))
            if not in_order or not np.all((values >= 0) & (values <= 1)):
                raise ModelError(
                    "The loss table of the model was altered: one LGD per age bucket, between 0 and 1, is "
                    "expected; save the model again."
                )
        return table


def _bucket(days: ArrayLike | pl.Series, last_days: tuple[int, ...]) -> NDArray[np.intp]:
    return np.searchsorted(np.asarray(last_days), np.asarray(days), side="left")


def fit_loss_table(
    defaults: pl.DataFrame,
    recoveries: pl.DataFrame,
    settings: LossSettings,
    *,
    unpaid_after_days: int = _DEFAULT.unpaid_after_days,
) -> LossTable:
    """Loss given default by age, unfinished recoveries developed.

    Parameters
    ----------
    defaults : polars.DataFrame
        One row per defaulted invoice: ``invoice_id``, ``default_on`` (date),
        ``age_days_at_default`` (days past due on that day), ``balance`` (at the
        close of that day, reporting currency), ``observed_until`` (the date of
        labelling); ``lost_on`` (date of the write-off or insolvency, null where none came)
        may be left out where nothing was lost.
    recoveries : polars.DataFrame
        ``invoice_id``, ``received_on``, ``amount``: cash received after default,
        reversals negative. Cash of the day of default is in the balance already
        and, like cash after ``observed_until`` or ``recovery_days``, left out.
    settings : LossSettings
        Recovery window, cost of capital, prior.
    unpaid_after_days : int
        Days past due at which a debt defaults at the latest, and the prior's do.

    Returns
    -------
    LossTable
        LGD per 30-day bucket of age, until nothing more can be received, and of lost debts
        per 30 days since the loss.

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
    known = usable_defaults(defaults, window)
    solvent, lost = split_by_loss(known, recoveries)
    by_day, lost_lgd, still_open, prior_weight = _losses_by_day(solvent, lost, recoveries, settings)
    first_losses = lost.filter(pl.col("lost_day") == 0)
    age_to_days, lgd = _lgd_by_age(
        np.minimum(
            np.append(solvent["age_days_at_default"].to_numpy(), unpaid_after_days), unpaid_after_days
        ),
        np.append(solvent["balance"].to_numpy(), prior_weight),
        still_open,
        by_day,
        (first_losses["age_days_at_default"].to_numpy(), first_losses["balance"].to_numpy(), lost_lgd[0]),
    )
    months = [*range(_BUCKET_DAYS, window, _BUCKET_DAYS), window]
    (collected, _), _ = _shares(known, recoveries, settings.lgd_prior, settings)
    total, mean_balance, _ = _weights(known["balance"].to_numpy(), settings.lgd_prior_count)
    return LossTable(
        age_to_days=age_to_days,
        lgd=lgd,
        lost_to_days=tuple(months[:-1]),
        lost_lgd=tuple(np.maximum.accumulate(lost_lgd[[0, *months[:-1]]]).tolist()),
        recovered_share_by_month=tuple((1.0 - _still_open(collected)[months]).tolist()),
        default_count=known.height,
        effective_default_count=total / mean_balance if total > 0 else 0.0,
        recovery_days=window,
    )


def _losses_by_day(
    solvent: pl.DataFrame, lost: pl.DataFrame, recoveries: pl.DataFrame, settings: LossSettings
) -> tuple[Floats, Floats, Floats, float]:
    """LGD by days in default and by days since the loss; what is open and not lost; the prior's balance."""
    window = settings.recovery_days
    discount = (1.0 + settings.annual_cost_of_capital) ** (-1.0 / 365.0)
    fell = fallen(solvent, lost, window)
    (share, falling), prior_weight = _shares(solvent, recoveries, settings.lgd_prior, settings, fell)
    (lost_share, none), _ = _shares(lost, recoveries, settings.lgd_lost_prior, settings)
    lost_lgd = _lgd_by_day(lost_share, none, none, discount)
    # What a debt that is lost d days after its default still brings in the days left to it.
    paid_out = _present_value(lost_share, discount)[::-1]
    by_day = _lgd_by_day(share, falling, paid_out, discount)
    return by_day, lost_lgd, _still_open(share + falling), prior_weight


def _shares(
    known: pl.DataFrame,
    recoveries: pl.DataFrame,
    prior_lgd: float,
    settings: LossSettings,
    fell: Floats | None = None,
) -> tuple[tuple[Floats, Floats], float]:
    """Shares of the open balance collected, and lost, on each day; and the balance of the prior."""
    window = settings.recovery_days
    discount = (1.0 + settings.annual_cost_of_capital) ** (-1.0 / 365.0)
    open_before, collected = development(known, recoveries, window)
    _, _, prior_weight = _weights(known["balance"].to_numpy(), settings.lgd_prior_count)
    prior_share = _constant_share(prior_lgd, window, discount)
    prior_open = prior_weight * (1.0 - prior_share) ** np.arange(window)
    base = open_before + prior_open
    share, lost = np.full(window, prior_share), np.zeros(window)
    np.divide(collected + prior_share * prior_open, base, out=share, where=base > 0)
    if fell is not None:
        np.divide(fell, base, out=lost, where=base > 0)
    share = np.minimum(share, 1.0)
    return (share, np.minimum(lost, 1.0 - share)), prior_weight


def _still_open(share: Floats) -> Floats:
    """Share of a balance still open at the close of day 0, 1, .. window."""
    return np.concatenate([[1.0], np.cumprod(1.0 - share)]).clip(0.0, 1.0)


def _present_value(share: Floats, discount: float) -> Floats:
    """Worth of the cash of the first 0, 1, .. window - 1 days, per euro open at the start."""
    days = np.arange(1, len(share) + 1)
    worth = discount**days * _still_open(share)[:-1] * share
    return np.concatenate([[0.0], np.cumsum(worth)[:-1]])


def _weights(balance: Floats, prior_count: float) -> tuple[float, float, float]:
    """Sum of the balances, their size-weighted mean, and the balance the prior stands for."""
    total = float(balance.sum())
    mean_balance = float(np.square(balance).sum()) / total if total > 0 else 1.0
    prior_weight = mean_balance * prior_count
    return total, mean_balance, prior_weight if total + prior_weight > 0.0 else 1.0


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


def _lgd_by_day(share: Floats, lost: Floats, paid_out: Floats, discount: float) -> Floats:
    """1 - V(d) for d = 0 .. window, by the recursion at the head of this module."""
    value = np.zeros(len(share) + 1)
    for d in range(len(share), 0, -1):
        going_on = 1.0 - share[d - 1] - lost[d - 1]
        value[d - 1] = discount * (share[d - 1] + lost[d - 1] * paid_out[d - 1] + going_on * value[d])
    return np.clip(1.0 - value, 0.0, 1.0)


def _lgd_by_age(
    age_at_default: Ints,
    balance: Floats,
    still_open: Floats,
    lgd: Floats,
    first_losses: tuple[Ints, Floats, float],
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Upper edges of the age buckets and the LGD of each, the last one open-ended.

    ``first_losses`` are ages, balances and the LGD of debts whose default is their loss: they
    weigh where it is still to come, since a debt that is known to be lost has its own LGD.
    """
    window = len(lgd) - 1
    ages, place = np.unique(age_at_default, return_inverse=True)
    weight = np.bincount(place, weights=balance)
    edges = np.arange(0, max(int(ages.max()), 0) + window + _BUCKET_DAYS, _BUCKET_DAYS)
    middle = edges[1:] - _BUCKET_DAYS // 2
    lost_age, lost_balance, lost_lgd = first_losses
    # Before the due date every default is still to come, hence the very low first age.
    lowest = min(int(ages.min()), int(lost_age.min(initial=0)) - 1)
    at = np.concatenate([[lowest], middle, [ages.max() + window]])
    days = np.clip(at[:, None] - ages[None, :], 0, window)
    open_balance = weight[None, :] * np.maximum(still_open[days], 1e-12)
    to_fall = (lost_balance[None, :] * (lost_age[None, :] > at[:, None])).sum(axis=1)
    total = open_balance.sum(axis=1) + to_fall
    by_age = np.clip(((open_balance * lgd[days]).sum(axis=1) + to_fall * lost_lgd) / total, 0.0, 1.0)
    # Once in default, less time is left to every debt.
    settled = at >= ages.max()
    by_age[settled] = np.maximum.accumulate(by_age[settled])
    return tuple(edges.tolist()), tuple(by_age.tolist())
