"""Invoices as they are issued."""

from __future__ import annotations

import numpy as np

from paydelay.simulate.agents import TERMS, Agents
from paydelay.simulate.days import Array, Days
from paydelay.simulate.pool import Pool
from paydelay.simulate.settings import SimulationSettings

_AMOUNT_SPREAD = 0.7
_AMOUNT_RANGE = (25.0, 400_000.0)
_OTHER_TERMS_SHARE = 0.06
_DOMESTIC_VAT_RATE = 0.2


class OrderBook:
    """Issues invoices day by day and remembers what they say.

    Parameters
    ----------
    settings, agents, days : SimulationSettings, Agents, Days
        What is ordered, by whom, when.
    rng : numpy.random.Generator
        Source of the draws.
    """

    def __init__(
        self, settings: SimulationSettings, agents: Agents, days: Days, rng: np.random.Generator
    ) -> None:
        self.settings, self.agents, self.days, self.rng = settings, agents, days, rng
        self.count = 0
        self._parts: list[dict[str, Array]] = []

    def issue(self, day: int, stopped: Array) -> Pool:
        """The invoices of one day, as a pool.

        Parameters
        ----------
        day : int
            The day.
        stopped : ndarray of bool, shape (agents,)
            Customers that the seller does not serve any more.

        Returns
        -------
        Pool
            Possibly empty.
        """
        agents, rng = self.agents, self.rng
        season = self.days.order_factor[day] * self.days.billing[day]
        years = (day - self.days.book_day_count / 2) / 365.25
        rate = agents.order_rate * season[agents.month_end_billing] * np.exp(agents.growth * years)
        served = (agents.first_day <= day) & (day < agents.stop_day) & ~stopped
        customer = np.repeat(np.arange(len(agents)), rng.poisson(rate) * served).astype(np.int32)
        count = len(customer)
        usual = agents.amount_mean_log[customer]
        amount = np.clip(np.exp(usual + _AMOUNT_SPREAD * rng.standard_normal(count)), *_AMOUNT_RANGE)
        cents = np.round(amount * 100).astype(np.int64)
        terms_days, due = self._terms(customer, day)
        late = rng.random(count) < self.settings.late_invoice_share
        recorded = np.where(late, self.days.next_business[day + rng.integers(1, 6, count)], day)
        domestic = (agents.country[customer] == 0) & (agents.entity[customer] != 2)
        vat = np.where(domestic, np.round(cents * _DOMESTIC_VAT_RATE / (1 + _DOMESTIC_VAT_RATE)), 0)
        number = np.arange(self.count, self.count + count, dtype=np.int32)
        self.count += count
        self._parts.append(
            {
                "customer": customer,
                "issue": np.full(count, day, dtype=np.int32),
                "due": due.astype(np.int32),
                "cents": cents,
                "terms_days": terms_days.astype(np.int32),
                "vat_cents": vat.astype(np.int64),
                "recorded": recorded.astype(np.int32),
            }
        )
        approved = rng.random(count) >= self.settings.unapproved_share
        return Pool.of(number, customer, due, cents, (np.log(cents / 100) - usual) / _AMOUNT_SPREAD, approved)

    def _terms(self, customer: Array, day: int) -> tuple[Array, Array]:
        """Terms in days, and the due date: some run to the end of the month."""
        rng = self.rng
        other = rng.random(len(customer)) < _OTHER_TERMS_SHARE
        code = np.where(other, rng.integers(0, len(TERMS), len(customer)), self.agents.terms[customer])
        terms_days = np.array([days for days, _ in TERMS])[code]
        to_month_end = np.array([end for _, end in TERMS])[code]
        due = day + terms_days
        return terms_days, np.where(to_month_end, self.days.month_end[due], due)

    def register(self) -> dict[str, Array]:
        """All invoices issued so far, in the order of their numbers."""
        names = ("customer", "issue", "due", "cents", "terms_days", "vat_cents", "recorded")
        return {name: np.concatenate([part[name] for part in self._parts]) for name in names}
