"""The state that a simulated day works on, and the witness of what happens in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paydelay.simulate.agents import Agents
from paydelay.simulate.days import Array, Days
from paydelay.simulate.pool import Pool
from paydelay.simulate.settings import SimulationSettings
from paydelay.simulate.world import World

STATES = ("open", "settled", "cancelled", "insolvent", "written_off")
OPEN, SETTLED, CANCELLED, INSOLVENT, WRITTEN_OFF = range(5)
UNSETTLED_DAY = np.iinfo(np.int32).max


class Witness:
    """Notes when each invoice was settled, and nothing else.

    The process tells it everything that happens; a clerk who keeps the books
    overrides the methods about papers. Re-simulated paths need no papers.

    Parameters
    ----------
    capacity : int
        Invoice numbers run from 0 to ``capacity - 1``.
    """

    keeps_books: bool = False

    def __init__(self, capacity: int) -> None:
        self.settled_day: Array = np.full(capacity, UNSETTLED_DAY, dtype=np.int32)
        self.state: Array = np.full(capacity, OPEN, dtype=np.int8)

    def finished(self, pool: Pool, rows: Array, day: int, state: int) -> None:
        """The invoices left the pool in that state."""
        numbers = pool.number[rows]
        self.state[numbers] = state
        if state == SETTLED:
            self.settled_day[numbers] = day

    def hazard(
        self, pool: Pool, rows: Array, day: int, hazard: Array, unreminded: Array | None = None
    ) -> None:
        """Chance of settlement today given today's state, with reminders and had none been sent."""

    def paid(self, pool: Pool, rows: Array, day: int, cents: Array) -> None:
        """A payment that does not settle, or whose return is still to come."""

    def paid_in_full(self, pool: Pool, rows: Array, day: int) -> None:
        """A payment of all that is unpaid."""

    def returned(self, pool: Pool, rows: Array, day: int) -> None:
        """The bank took a payment of all that is unpaid back."""

    def credited(self, pool: Pool, rows: Array, day: int, cents: Array) -> None:
        """A credit note."""

    def written_off(self, pool: Pool, rows: Array, day: int) -> None:
        """The seller gave up what is unpaid."""

    def cash_arrived(self, pool: Pool, rows: Array, day: int) -> None:
        """Cash without a reference, of all that is unpaid."""

    def cash_matched(self, pool: Pool, rows: Array, day: int) -> None:
        """That cash was matched to its invoice."""

    def failed(self, agents: Array, pool: Pool, day: int) -> None:
        """These agents became insolvent."""

    def event(
        self,
        name: str,
        pool: Pool,
        rows: Array,
        day: int,
        cents: Array | None = None,
        new_day: Array | None = None,
    ) -> None:
        """Anything else worth noting about an invoice."""


@dataclass
class Scene:
    """Everything a day needs: state, calendar, settings, draws and witness."""

    settings: SimulationSettings
    days: Days
    agents: Agents
    world: World
    pool: Pool
    rng: np.random.Generator
    witness: Witness

    def live(self) -> Array:
        """Rows that are not finished and whose customer is solvent."""
        live: Array = ~self.pool.closed & ~self.world.insolvent[self.pool.customer]
        return live

    def settle(self, rows: Array, day: int) -> None:
        """Finish rows whose payment, match or credit has already been told."""
        self.finish(rows, day, SETTLED)

    def finish(self, rows: Array, day: int, state: int) -> None:
        """Take rows out of the game."""
        self.witness.finished(self.pool, rows, day, state)
        self.pool.closed[rows] = True

    def business_day_after(self, day: int, low: int, high: int, count: int) -> Array:
        """Random business days from ``low`` to ``high`` days on, both included, one per row."""
        return self.days.next_business[day + self.rng.integers(low, high + 1, count)]
