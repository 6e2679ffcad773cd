"""The seller's bookkeeper: turns what happens into dated rows, with the lags and slips of real books.

Nothing here changes when an invoice is settled: recording lags, double
payments, cents written off and dividends have draws of their own.
"""

from __future__ import annotations

import numpy as np

from paydelay.simulate.agents import Agents
from paydelay.simulate.days import Array, Days
from paydelay.simulate.pool import NEVER, Pool
from paydelay.simulate.scene import Witness
from paydelay.simulate.settings import SimulationSettings

KINDS = ("payment", "discount", "credit_note", "write_off")
_PAYMENT, _DISCOUNT, _CREDIT_NOTE, _WRITE_OFF = range(4)
EVENTS = (
    "dispute_opened",
    "dispute_closed",
    "promise_to_pay",
    "due_date_changed",
    "payment_plan",
    "reminder_sent",
    "insolvency",
    "handed_to_agency",
)
_DISCOUNT_DAYS, _DISCOUNT_RATE = 10, 0.02
_REFUND_SHARE = 0.6
_DIVIDEND_SHARE = 0.2
# Of the runs recorded late: one day, two or three, up to nine, up to twenty-five.
_LAG_SHARES, _LAG_LOW, _LAG_HIGH = (0.62, 0.25, 0.10, 0.03), (1, 2, 4, 10), (2, 4, 10, 26)


_PAYMENT_TYPES = (np.int32, np.int32, np.int32, np.int64, np.int8, np.int32, np.bool_, np.int32)
_EVENT_TYPES = (np.int8, np.int32, np.int32, np.int32, np.int64, np.int32, np.int32)
_HAZARD_TYPES = (np.int32, np.int32, np.float32, np.float32)


class Clerk(Witness):
    """Keeps payments, events and daily hazards as growing lists of arrays.

    Parameters
    ----------
    settings, agents, days : SimulationSettings, Agents, Days
        The simulated world.
    rng : numpy.random.Generator
        Draws of bookkeeping alone.
    """

    keeps_books = True

    def __init__(
        self, settings: SimulationSettings, agents: Agents, days: Days, rng: np.random.Generator
    ) -> None:
        super().__init__(1024)
        self.settings, self.agents, self.days, self.rng = settings, agents, days, rng
        self.recorded_until: Array = np.full(1024, NEVER, dtype=np.int32)
        self.insolvent_day: Array = np.full(len(agents), NEVER, dtype=np.int32)
        self.dividend_rate: Array = np.zeros(len(agents))
        self.dividend_day: Array = np.full(len(agents), NEVER, dtype=np.int32)
        # Each begins with an empty part, so that a book in which something never happens has its columns.
        self.payment_parts = [tuple(np.zeros(0, dtype=kind) for kind in _PAYMENT_TYPES)]
        self.event_parts = [tuple(np.zeros(0, dtype=kind) for kind in _EVENT_TYPES)]
        self.hazard_parts = [tuple(np.zeros(0, dtype=kind) for kind in _HAZARD_TYPES)]

    def make_room(self, count: int) -> None:
        """Be ready for invoice numbers below ``count``."""
        missing = count - len(self.state)
        if missing > 0:
            extra = max(missing, len(self.state))
            fresh = Witness(extra)
            self.state = np.concatenate([self.state, fresh.state])
            self.settled_day = np.concatenate([self.settled_day, fresh.settled_day])
            self.recorded_until = np.concatenate([self.recorded_until, np.full(extra, NEVER, dtype=np.int32)])

    def hazard(
        self, pool: Pool, rows: Array, day: int, hazard: Array, unreminded: Array | None = None
    ) -> None:
        """Keep the chances that are not zero."""
        if not self.settings.daily_truth or day >= self.days.book_day_count:
            return
        plain = hazard if unreminded is None else unreminded
        kept = np.flatnonzero(hazard > 0)
        numbers = pool.number[rows[kept]]
        when = np.full(len(kept), day, dtype=np.int32)
        self.hazard_parts.append(
            (numbers, when, hazard[kept].astype(np.float32), plain[kept].astype(np.float32))
        )

    def paid(self, pool: Pool, rows: Array, day: int, cents: Array) -> None:
        """A partial, short or bouncing payment."""
        # What will bounce is on the bank statement at once, so that its return is never booked first.
        self._pay(pool, rows, day, cents, lag=self._lag(pool.customer[rows], day, short=True))

    def paid_in_full(self, pool: Pool, rows: Array, day: int) -> None:
        """A whole payment, with the slips that do not matter to settlement."""
        if not len(rows):
            return
        rng, settings = self.rng, self.settings
        customer, cents = pool.customer[rows], pool.unpaid[rows]
        recorded = self._lag(customer, day)
        residual = (rng.random(len(rows)) < settings.residual_share) & (cents > 10_000)
        missing = np.where(residual, rng.integers(5, 80, len(rows)), 0)
        early = self.agents.discount_taker[customer] & (day <= pool.due[rows] - _DISCOUNT_DAYS)
        discount = np.where(early & ~residual, np.round(cents * _DISCOUNT_RATE).astype(np.int64), 0)
        self._pay(pool, rows, day, cents - missing - discount, lag=recorded)
        taken = np.flatnonzero(discount > 0)
        self._pay(pool, rows[taken], day, discount[taken], kind=_DISCOUNT, lag=recorded[taken])
        slips = rows[residual]
        later = self.days.next_business[day + rng.integers(20, 60, len(slips))]
        self._row(pool.number[slips], pool.customer[slips], later, missing[residual], _WRITE_OFF, later)
        self._pay_twice(pool, rows[rng.random(len(rows)) < settings.double_payment_share], day)
        self._remind_in_vain(pool, rows, day, recorded)

    def returned(self, pool: Pool, rows: Array, day: int) -> None:
        """The reversal of a bounced payment."""
        self._pay(pool, rows, day, -pool.unpaid[rows])

    def credited(self, pool: Pool, rows: Array, day: int, cents: Array) -> None:
        """A credit note."""
        self._pay(pool, rows, day, cents, kind=_CREDIT_NOTE)

    def written_off(self, pool: Pool, rows: Array, day: int) -> None:
        """A write-off of all that is not announced as a dividend."""
        dividend = self._dividend(pool, rows)
        self._pay(pool, rows, day, pool.unpaid[rows] - dividend, kind=_WRITE_OFF)

    def cash_arrived(self, pool: Pool, rows: Array, day: int) -> None:
        """Cash on the customer's account."""
        self._pay(pool, rows, day, pool.unpaid[rows], on_account=True)

    def cash_matched(self, pool: Pool, rows: Array, day: int) -> None:
        """Cash taken off the account and put on the invoice."""
        self._pay(pool, rows, day, -pool.unpaid[rows], on_account=True)
        self._pay(pool, rows, day, pool.unpaid[rows])

    def failed(self, agents: Array, pool: Pool, day: int) -> None:
        """An insolvency, published up to three weeks later, and the dividend of a few."""
        self.insolvent_day[agents] = day
        none = np.full(len(agents), NEVER, dtype=np.int32)
        published = self.days.next_business[day + self.rng.integers(0, 21, len(agents))]
        self._event_row("insolvency", none, agents, day, recorded=published)
        pays = self.rng.random(len(agents)) < _DIVIDEND_SHARE
        self.dividend_rate[agents] = np.where(pays, self.rng.uniform(0.02, 0.15, len(agents)), 0.0)
        paid_on = self.days.next_business[day + self.rng.integers(150, 400, len(agents))]
        self.dividend_day[agents] = np.where(pays, paid_on, NEVER)
        rows = np.flatnonzero(np.isin(pool.customer, agents[pays]) & ~pool.closed & ~pool.on_account)
        when = self.dividend_day[pool.customer[rows]]
        cents = self._dividend(pool, rows)
        self._row(pool.number[rows], pool.customer[rows], when, cents, _PAYMENT, when)

    def event(
        self,
        name: str,
        pool: Pool,
        rows: Array,
        day: int,
        cents: Array | None = None,
        new_day: Array | None = None,
    ) -> None:
        """An event of an invoice, noted the same day."""
        self._event_row(name, pool.number[rows], pool.customer[rows], day, cents=cents, new_day=new_day)

    def _dividend(self, pool: Pool, rows: Array) -> Array:
        cents: Array = (pool.unpaid[rows] * self.dividend_rate[pool.customer[rows]]).astype(np.int64)
        return cents

    def _pay_twice(self, pool: Pool, rows: Array, day: int) -> None:
        """A second payment by mistake; most are paid back weeks later."""
        if not len(rows):
            return
        rng, next_business = self.rng, self.days.next_business
        number, customer, cents = pool.number[rows], pool.customer[rows], pool.unpaid[rows]
        again = next_business[day + rng.integers(1, 20, len(rows))]
        back = next_business[again + rng.integers(20, 50, len(rows))]
        self._row(number, customer, again, cents, _PAYMENT, again, slip=again)
        refunded = rng.random(len(rows)) < _REFUND_SHARE
        # A refund hangs on its second payment: both vanish where the customer failed before that one.
        self._row(
            number[refunded], customer[refunded], back[refunded], -cents[refunded], _PAYMENT, back[refunded],
            slip=again[refunded],
        )  # fmt: skip

    def _remind_in_vain(self, pool: Pool, rows: Array, day: int, recorded: Array) -> None:
        """Reminders of what is paid but not recorded yet: otherwise their absence would tell."""
        waiting = (recorded > day) & self.agents.reminded[pool.customer[rows]]
        steps = np.array(self.settings.reminder_steps_days)
        for row, until in zip(rows[waiting], recorded[waiting], strict=True):
            for step in steps[pool.reminder_level[row] :]:
                sent = int(self.days.next_business[max(pool.due[row] + step, day)])
                if sent < until and self.rng.random() < self.settings.reminder_daily_share:
                    self.event("reminder_sent", pool, np.array([row]), sent)

    def _lag(self, customer: Array, day: int, short: bool = False) -> Array:
        """Day of recording, one per customer: a run is recorded at once."""
        rng = self.rng
        who, place = np.unique(customer, return_inverse=True)
        late = rng.random(len(who)) < self.settings.late_recording_share
        kind = rng.choice(len(_LAG_SHARES), size=len(who), p=_LAG_SHARES)
        lag = rng.integers(np.array(_LAG_LOW)[kind], np.array(_LAG_HIGH)[kind])
        lag = np.where(late, np.minimum(lag, 2) if short else lag, 0)
        recorded: Array = np.where(lag > 0, self.days.next_business[day + lag], day)[place]
        return recorded

    def _pay(
        self, pool: Pool, rows: Array, day: int, cents: Array, *,
        kind: int = _PAYMENT, lag: Array | None = None, on_account: bool = False,
    ) -> None:  # fmt: skip
        when = np.full(len(rows), day, dtype=np.int32)
        recorded = when if lag is None else lag
        number = pool.number[rows]
        self._row(number, pool.customer[rows], when, cents, kind, recorded, on_account=on_account)
        self.recorded_until[number] = np.maximum(self.recorded_until[number], recorded)

    def _row(
        self, number: Array, customer: Array, when: Array, cents: Array, kind: int, recorded: Array,
        *, on_account: bool = False, slip: Array | None = None,
    ) -> None:  # fmt: skip
        kept = np.flatnonzero(cents != 0)
        count = len(kept)
        if not count:
            return
        self.payment_parts.append(
            (
                number[kept],
                customer[kept].astype(np.int32),
                when[kept].astype(np.int32),
                cents[kept].astype(np.int64),
                np.full(count, kind, dtype=np.int8),
                recorded[kept].astype(np.int32),
                np.full(count, on_account),
                np.full(count, NEVER, dtype=np.int32) if slip is None else slip[kept].astype(np.int32),
            )
        )

    def _event_row(
        self, name: str, number: Array, customer: Array, day: int, *,
        cents: Array | None = None, new_day: Array | None = None, recorded: Array | None = None,
    ) -> None:  # fmt: skip
        count = len(number)
        if not count:
            return
        when = np.full(count, day, dtype=np.int32)
        none = np.full(count, NEVER, dtype=np.int64)
        self.event_parts.append(
            (
                np.full(count, EVENTS.index(name), dtype=np.int8),
                when,
                number.astype(np.int32),
                customer.astype(np.int32),
                none if cents is None else cents.astype(np.int64),
                (none if new_day is None else new_day).astype(np.int32),
                (when if recorded is None else recorded).astype(np.int32),
            )
        )
