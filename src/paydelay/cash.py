"""Cash-in per week: what the delay curves of the open invoices come to, and how surely.

The expected amounts are read off the same curve as every probability and date. The
interval allows for what invoices have in common: in one week a customer pays all or
nothing, and in one week the whole book is slow. How much, training measures on the
books after its split (:func:`fit_shocks`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.config import load_config
from paydelay.curve import Floats
from paydelay.errors import ConfigError
from paydelay.features import CATALOGUE, Catalogue
from paydelay.history import History, customer_standing, warn_if_stale
from paydelay.ledger import Ledger
from paydelay.loss import allocate_cash_on_account
from paydelay.model import DelayModel, lost_rows
from paydelay.panel import Panel, as_date, build_panel
from paydelay.preflight import importing

WEEKS_MAX = 26
WEEKS_LEARNED = 8
"""Weeks ahead over which training measures what invoices have in common."""
_WEEK_DAYS = 7
_DRAW_COUNT = 1_000
_DRAWN_AT_ONCE = 4_000_000
_EDGE = 1e-6
_LEVELS = (0.1, 0.9)
_COMMON_PRIOR, _CUSTOMER_PRIOR = 0.08, 0.35
_PRIOR_WEEKS, _PRIOR_CUSTOMERS = 20.0, 10.0
_COMMON_MAX, _TOGETHER_MAX = 0.5, 0.9


@dataclass(frozen=True)
class CashShocks:
    """How much of the luck of a week invoices share.

    Parameters
    ----------
    common_share : float
        Share of the variance behind a payment in a given week that all invoices of
        the book have in common.
    customer_share : float
        Share that the invoices of one customer have in common besides.
    week_count : int
        Calendar weeks it was measured on; 0 where the prior is all there is.
    """

    common_share: float = _COMMON_PRIOR
    customer_share: float = _CUSTOMER_PRIOR
    week_count: int = 0

    def to_dict(self) -> dict[str, float]:
        """Plain numbers for the manifest."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CashShocks:
        """The shares from the numbers of a manifest."""
        return cls(float(values["common_share"]), float(values["customer_share"]), int(values["week_count"]))


def cash_in(
    ledger: Ledger,
    model: DelayModel,
    as_of: date | str,
    weeks: int = 8,
    *,
    catalogue: Catalogue = CATALOGUE,
    covariates: Mapping[str, pl.DataFrame] | None = None,
) -> pl.DataFrame:
    """Cash expected per week from the invoices open at the close of a day.

    Invoices not issued yet are not among them: in later weeks a going concern takes in
    more than this.

    Parameters
    ----------
    ledger : Ledger
        The books; nothing recorded after ``as_of`` is used.
    model : DelayModel
        Gives the delay curve.
    as_of : date or ISO str
        Last day that is known; a StaleBooksWarning is given where the books end over 31 days before.
    weeks : int
        Weeks told one by one from the next day on, at most 26.
    catalogue : Catalogue
        Holds the model's features; one's own included.
    covariates : mapping of str to polars.DataFrame, optional
        Dated tables of one's own that the features look up.

    Returns
    -------
    polars.DataFrame
        ``part``, ``week_start``, ``week_end``, ``expected_amount`` and the 80 % interval
        ``low_amount``, ``high_amount`` in the reporting currency. Part "week" for each week,
        then "later"; "on_account", paid already without saying for what, which settles the
        oldest invoices; "not_expected", written off or of insolvent customers. The
        expected amounts add up to what is open.

    Raises
    ------
    ConfigError
        If the number of weeks is not between 1 and 26.
    LedgerError
        If the ledger reports in another currency than the model learned in.
    FeatureMismatchError
        If the catalogue lacks a feature of the model.

    Notes
    -----
    An invoice is taken to be paid in one sum, what is open on as_of, in the week in which its curve
    falls. Disputed and promised invoices and those on a plan are as their curves say, which know of it;
    instalments are not spread. What came by as_of and was recorded later counts in the first week.

    Examples
    --------
    >>> from paydelay import SimulationSettings, simulate, train
    >>> book = simulate(SimulationSettings(customer_count=40, month_count=14, seed=3))
    >>> ledger = Ledger.from_frames(book.invoices, book.payments)
    >>> few = load_config({"model": {"tree_count": 5, "thread_count": 1}})
    >>> model = train(ledger, "2024-04-30", few, force=True)
    >>> cash_in(ledger, model, "2024-06-30", weeks=2)["part"].to_list()
    ['week', 'week', 'later', 'on_account', 'not_expected']
    """
    if not 1 <= weeks <= WEEKS_MAX:
        raise ConfigError(f"Cash was asked for {weeks} weeks; give a number between 1 and {WEEKS_MAX}.")
    if ledger.invoices.height:
        model.require_currency(ledger.reporting_currency)
    when, settings = as_date(as_of), load_config(model.manifest.get("config", {}))
    warn_if_stale(ledger, when)
    history = History.build(ledger, settings.ledger, covariates)
    panel = build_panel(history, [when], model.chosen_from(catalogue, covariates))
    standing = customer_standing(history, when).select("customer_id", "cash_on_account")
    on_account = allocate_cash_on_account(panel.rows, standing).allocated.to_numpy()
    amount, lost = panel.rows["open_amount_reporting"].to_numpy() - on_account, lost_rows(panel)
    other = {"on_account": float(on_account.sum()), "not_expected": float(amount[lost].sum())}
    paying = panel.take(~lost)
    share = weekly_shares(model, paying, weeks)
    shocks = CashShocks.from_dict(model.manifest.get("cash_shocks", CashShocks().to_dict()))
    customer = paying.rows["customer_id"].rank("dense").to_numpy().astype(np.int64)
    return _frame(when, share, amount[~lost], customer, shocks, other)


def weekly_shares(model: DelayModel, panel: Panel, weeks: int) -> Floats:
    """Share of each row still open at the end of each week after its as_of.

    Parameters
    ----------
    model : DelayModel
    panel : Panel
    weeks : int
        Weeks of seven days.

    Returns
    -------
    array of shape (n_rows, weeks + 1)
        The first column is 1: as_of itself.
    """
    overdue = panel.rows["days_past_due"].to_numpy().astype(np.int64)
    ends = overdue[:, None] + _WEEK_DAYS * np.arange(weeks + 1)
    return model.open_shares(model.survival(panel), overdue, ends)


def _frame(
    when: date,
    share: Floats,
    amount: Floats,
    customer: NDArray[np.int64],
    shocks: CashShocks,
    other_parts: Mapping[str, float],
) -> pl.DataFrame:
    weeks = share.shape[1] - 1
    expected = amount @ -np.diff(share, axis=1)
    low, high = np.quantile(drawn_cash(share, amount, customer, shocks), _LEVELS, axis=0)
    later = float(amount @ share[:, -1])
    start = [when + timedelta(days=_WEEK_DAYS * week + 1) for week in range(weeks + 1)]
    other = list(other_parts.values())
    return pl.DataFrame(
        {
            "part": ["week"] * weeks + ["later", *other_parts],
            "week_start": [*start, *(None for _ in other)],
            "week_end": [day + timedelta(days=_WEEK_DAYS - 1) for day in start[:-1]]
            + [None] * (1 + len(other)),
            "expected_amount": [*expected, later, *other],
            "low_amount": [*low, *other],
            "high_amount": [*high, *other],
        },
        schema_overrides={"week_start": pl.Date, "week_end": pl.Date},
    )


def drawn_cash(
    share: Floats, amount: Floats, customer: NDArray[np.int64], shocks: CashShocks, seed: int = 7
) -> Floats:
    """Cash per week on a thousand ways the weeks may go.

    Parameters
    ----------
    share : array of shape (n_rows, weeks + 1)
        As :func:`weekly_shares` gives it.
    amount : array of shape (n_rows,)
    customer : array of shape (n_rows,)
        Codes.
    shocks : CashShocks
    seed : int
        Of the draws.

    Returns
    -------
    array of shape (1000, weeks + 1)
        The last column is what comes later.

    Notes
    -----
    Among those open at the end of a week, an invoice is paid in the next with its
    hazard h = 1 - S(next) / S. It is where ``sqrt(c) Z + sqrt(k) Y + sqrt(1-c-k) e``
    lies below the h-quantile of the standard normal; Z is drawn for every week, Y for
    every week and customer, e for every week and invoice, c and k are the shares of
    :class:`CashShocks`. A probit of one common factor (Vasicek 2002), per week: every
    invoice keeps its own curve exactly.
    """
    bound = _normal_quantile(_hazards(share))
    weeks, count = bound.shape[1], len(amount)
    _, code = np.unique(customer, return_inverse=True)
    customers = int(code.max()) + 1 if count else 0
    common, shared = shocks.common_share, shocks.customer_share
    own = np.float32(np.sqrt(max(1.0 - common - shared, 0.0)))
    generator = np.random.default_rng(seed)
    cash = np.zeros((_DRAW_COUNT, weeks + 1))
    step = max(1, _DRAWN_AT_ONCE // max(count, 1))
    for start in range(0, _DRAW_COUNT, step):
        draws = slice(start, min(start + step, _DRAW_COUNT))
        size = draws.stop - draws.start
        still_open = np.ones((size, count), np.bool_)
        for week in range(weeks):
            together = np.sqrt(shared) * generator.standard_normal((size, customers))
            together += np.sqrt(common) * generator.standard_normal((size, 1))
            luck = own * generator.standard_normal((size, count), np.float32)
            paid = still_open & (luck + together.astype(np.float32)[:, code] <= bound[:, week])
            cash[draws, week] = paid @ amount
            still_open &= ~paid
        cash[draws, weeks] = still_open @ amount
    return cash


def _hazards(share: Floats) -> Floats:
    """Probability of each week that an invoice open at its beginning is paid in it."""
    return np.clip(1.0 - share[:, 1:] / np.maximum(share[:, :-1], 1e-12), 0.0, 1.0)


def _normal_quantile(probability: Floats) -> Floats:
    with importing("Forecasting cash"):
        from scipy.special import ndtri
    return np.asarray(ndtri(probability), np.float64)


def fit_shocks(
    share: Floats,
    open_then: NDArray[np.floating],
    amount: Floats,
    customer: NDArray[np.int64],
    as_of_day: NDArray[np.integer],
) -> CashShocks:
    """What invoices had in common in past weeks, from forecasts and what came.

    Parameters
    ----------
    share : array of shape (n_rows, weeks + 1)
        As :func:`weekly_shares` gives it, for books that the model had not seen.
    open_then : array of shape (n_rows, weeks)
        1 where the row was still open at the end of the week, 0 where settled, NaN
        where that is not known or has no part.
    amount : array of shape (n_rows,)
    customer : array of shape (n_rows,)
        Codes.
    as_of_day : array of shape (n_rows,)
        Day of each row's book.

    Returns
    -------
    CashShocks

    Notes
    -----
    Of two invoices with hazards h and j that share a part c of the variance, the
    payments in a week covary by about ``c f(h) f(j)``, f the normal density at the
    quantile of the hazard. c is fitted to the products of what two invoices paid
    beyond their expectation, summed over pairs of different customers in one week,
    and to the pairs of one customer for both shares together; weeks count by how
    surely they tell. Both are pulled toward 0.08 and 0.35, with twenty weeks' and ten
    customers' worth of evidence: weeks are few, and too narrow an interval misleads
    more than one too wide. A covariance below zero counts as none.
    """
    hazard = np.clip(_hazards(share), _EDGE, 1.0 - _EDGE)
    before = np.column_stack([np.ones(len(share)), open_then[:, :-1]])
    beyond = amount[:, None] * (1.0 - open_then - hazard)
    tilt = amount[:, None] * np.exp(-0.5 * _normal_quantile(hazard) ** 2) / np.sqrt(2.0 * np.pi)
    noise = amount[:, None] ** 2 * hazard * (1.0 - hazard)
    common, together = _Covariance(_COMMON_PRIOR), _Covariance(_COMMON_PRIOR + _CUSTOMER_PRIOR)
    seen_weeks, seen_customers = set(), set()
    for day in np.unique(as_of_day):
        for week in range(open_then.shape[1]):
            rows = (as_of_day == day) & (before[:, week] == 1.0) & ~np.isnan(open_then[:, week])
            at = np.flatnonzero(rows)
            if not len(at):
                continue
            names, code = np.unique(customer[at], return_inverse=True)
            came, leans = (np.bincount(code, part[at, week]) for part in (beyond, tilt))
            pairs = leans**2 - np.bincount(code, tilt[at, week] ** 2)
            alone = np.bincount(code, noise[at, week])
            together.add(came**2 - np.bincount(code, beyond[at, week] ** 2), pairs, alone)
            common.add(
                np.atleast_1d(came.sum() ** 2 - (came**2).sum()),
                np.atleast_1d(leans.sum() ** 2 - (leans**2).sum()),
                np.atleast_1d((alone + together.prior * pairs).sum()),
            )
            seen_weeks.add(int(day) + _WEEK_DAYS * week)
            seen_customers.update(names[np.bincount(code) > 1].tolist())
    shared = min(common.pulled(len(seen_weeks) / _PRIOR_WEEKS), _COMMON_MAX)
    both = min(together.pulled(len(seen_customers) / _PRIOR_CUSTOMERS), _TOGETHER_MAX)
    return CashShocks(shared, max(both - shared, 0.0), len(seen_weeks))


class _Covariance:
    """Weighted regression of products of surprises on what a share of one would make of them."""

    def __init__(self, prior: float) -> None:
        self.prior, self._top, self._bottom = prior, 0.0, 0.0

    def add(self, products: NDArray[Any], leans: NDArray[Any], noise: NDArray[Any]) -> None:
        # A product spreads by about its own expectation and the noise of the single invoices.
        some = leans > 0.0
        spread = (noise + self.prior * np.maximum(leans, 0.0)) ** 2
        self._top += float((products * leans / spread)[some].sum())
        self._bottom += float((leans**2 / spread)[some].sum())

    def pulled(self, evidence: float) -> float:
        """The share, drawn toward the prior, which weighs 1 beside the evidence."""
        found = self._top / self._bottom if self._bottom > 0.0 else self.prior
        return float((evidence * max(found, 0.0) + self.prior) / (evidence + 1.0))
