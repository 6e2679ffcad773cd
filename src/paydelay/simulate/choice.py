"""How a payment run picks invoices: the one formula behind the true hazard.

The chance that an invoice is settled on a day, given the state of that day, is

    P(the run is held) x P(the run takes the invoice) x P(it is then paid in full for good)

The first factor is shared by all invoices of a customer, which is why one run
settles several of them. None of the factors looks at a later day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paydelay.simulate.agents import Agents
from paydelay.simulate.days import Array
from paydelay.simulate.pool import Pool

# Cents below which nobody splits or shortens a payment.
SPLIT_MIN_CENTS = 20_000
_AGENCY_LOG_ODDS = 0.4


def chance(log_odds: Array) -> Array:
    """The probability of log-odds.

    Examples
    --------
    >>> chance(np.array([0.0])).tolist()
    [0.5]
    """
    result: Array = 1.0 / (1.0 + np.exp(-log_odds))
    return result


def run_chance(liquidity: Array, factor: float) -> Array:
    """Chance that a planned payment run is held.

    Parameters
    ----------
    liquidity : ndarray
        Of the customer, on that day.
    factor : float
        1, or less around holidays.

    Returns
    -------
    ndarray
        Probabilities.
    """
    return factor * chance(3.0 + 0.9 * liquidity)


def older_payable_months(customer: Array, unpaid: Array, payable: Array, month_cents: Array) -> Array:
    """What stands before an invoice in its customer's queue, in months of usual purchases.

    Parameters
    ----------
    customer, unpaid, payable : ndarray
        Of invoices in the order of customer and issue.
    month_cents : ndarray
        The customer's usual purchases per month, per invoice row.

    Returns
    -------
    ndarray
        Unpaid amount of the customer's older payable invoices over ``month_cents``.

    Examples
    --------
    >>> rows = np.array([0, 0, 1]), np.array([100, 50, 10]), np.array([True, True, True])
    >>> older_payable_months(*rows, np.array([50.0, 50.0, 50.0])).tolist()
    [0.0, 2.0, 0.0]
    """
    amounts = np.where(payable, unpaid, 0)
    before = np.cumsum(amounts) - amounts
    first = np.ones(len(customer), dtype=bool)
    first[1:] = customer[1:] != customer[:-1]
    base = before[np.flatnonzero(first)][np.cumsum(first) - 1]
    result: Array = (before - base) / month_cents
    return result


def choice_log_odds(
    agents: Agents, pool: Pool, rows: Array, liquidity: Array, day: int, slack: float
) -> Array:
    """Log-odds that a run held today takes each invoice, reminders apart.

    Parameters
    ----------
    agents, pool : Agents, Pool
        The state.
    rows : ndarray of int
        Positions in the pool, increasing.
    liquidity : ndarray
        Of the agents.
    day : int
        Today.
    slack : float
        Days later than in the beginning at which everybody aims to pay.

    Returns
    -------
    ndarray
        One value per row.
    """
    customer = pool.customer[rows]
    past_target = day - pool.agreed[rows] - agents.slack_days[customer] - slack
    overdue = day - pool.due[rows]
    cash = np.minimum(liquidity[customer], 1.0)
    queue = older_payable_months(customer, pool.unpaid[rows], past_target >= -2, agents.month_cents[customer])
    # Not before the day in mind; at once when it has come; what has lain about for months gets forgotten.
    urgency = np.clip(agents.discipline[customer] * past_target, -12.0, 0.8)
    forgotten = np.clip(0.012 * (overdue - 50.0), 0.0, 1.2)
    log_odds: Array = (
        agents.willingness[customer]
        + urgency
        - forgotten
        + 1.1 * cash
        - 0.5 * np.maximum(-1.0 - cash, 0.0)
        + agents.size_tilt[customer] * np.clip(pool.size[rows], -2.0, 2.0)
        - agents.queue_weight[customer] * np.log1p(queue)
        + _AGENCY_LOG_ODDS * pool.with_agency[rows]
    )
    return log_odds


@dataclass(frozen=True)
class Ways:
    """Probabilities of what happens to a payment that a run has decided on.

    Attributes
    ----------
    good, partial, deducted, unreferenced, bounced : ndarray
        In full for good; in part; short by a deduction; without a reference
        (cash on account); in full but to come back. They sum to 1.
    """

    good: Array
    partial: Array
    deducted: Array
    unreferenced: Array
    bounced: Array


def payment_ways(agents: Agents, pool: Pool, rows: Array, liquidity: Array, collected: Array) -> Ways:
    """How likely each way of paying is.

    Parameters
    ----------
    agents, pool, rows, liquidity
        As in `choice_log_odds`.
    collected : ndarray of bool
        Whether the seller collects by direct debit.

    Returns
    -------
    Ways
        Probabilities per row.
    """
    customer = pool.customer[rows]
    cash = liquidity[customer]
    divisible = pool.unpaid[rows] >= SPLIT_MIN_CENTS
    whole = pool.unpaid[rows] == pool.amount[rows]
    short_of_cash = 0.3 * chance(-1.6 * cash - 4.0)
    partial = divisible * ~collected * np.minimum(agents.partial_rate[customer] + short_of_cash, 0.4)
    deducted = divisible * whole * ~collected * agents.deduction_rate[customer]
    unreferenced = ~collected * agents.on_account_rate[customer]
    bounced = np.where(collected, chance(-3.2 - 1.0 * cash), 0.0015)
    good = 1.0 - partial - deducted - unreferenced - bounced
    return Ways(good, partial, deducted, unreferenced, bounced)
