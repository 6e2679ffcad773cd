"""What only a simulation knows: true hazards, true probabilities, true types."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from paydelay.simulate.agents import HABITS, SEGMENTS, Agents
from paydelay.simulate.clerk import Clerk
from paydelay.simulate.days import RUN_CALENDARS, SECTORS, Array
from paydelay.simulate.pool import NEVER, Pool
from paydelay.simulate.process import advance
from paydelay.simulate.scene import CANCELLED, INSOLVENT, OPEN, SETTLED, STATES, Scene, Witness
from paydelay.simulate.tables import Tables

TRUTH_HORIZONS_DAYS = (0, 30, 60, 90)
_TRAITS = (
    *("slack_days", "discipline", "willingness", "size_tilt", "queue_weight"),
    *("reliability", "liquidity_mean", "debit", "reminded"),
)
# Rows times paths worked on at once: small enough for the processor's cache.
_CHUNK_ROWS = 300_000


class _Forecaster(Witness):
    """A witness that drops the invoices of a failed customer: they are never settled."""

    def failed(self, agents: Array, pool: Pool, day: int) -> None:  # noqa: ARG002
        pool.closed |= np.isin(pool.customer, agents)


def forecast(scene: Scene, day: int, path_count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """True probabilities that open invoices are still unsettled some days after their due date.

    The scene's own process is run on from its state at the close of ``day``,
    ``path_count`` times, without new invoices, which do not matter to older
    ones. Paths on which an invoice is cancelled do not count for it.

    Parameters
    ----------
    scene : Scene
        State at the close of ``day``; it is left as it is.
    day : int
        Day counted from the first of the book.
    path_count : int
        Paths per invoice.
    rng : numpy.random.Generator
        Source of the draws, apart from those of the book.

    Returns
    -------
    numbers : ndarray of int32
        Invoices unsettled at the close of that day.
    probabilities : ndarray, shape (invoices, 4)
        Of being unsettled at the end of due + 0, 30, 60 and 90 days; 1 where
        that day has passed, NaN where every path ends in a cancellation.
    """
    pool = scene.pool.take(~scene.pool.closed)
    horizon_days = pool.due[:, None] + np.array(TRUTH_HORIZONS_DAYS)
    failed = scene.world.insolvent[pool.customer]
    unsettled = np.zeros(horizon_days.shape)
    counted = np.zeros(len(pool))
    solvent = np.flatnonzero(~failed)
    if len(solvent):
        size = max(1, _CHUNK_ROWS // len(solvent))
        for start in range(0, path_count, size):
            paths = min(size, path_count - start)
            settled, cancelled = _run_paths(scene, pool.take(solvent), day, paths, rng)
            late = (settled[:, :, None] > horizon_days[solvent]) & ~cancelled[:, :, None]
            unsettled[solvent] += late.sum(axis=0)
            counted[solvent] += (~cancelled).sum(axis=0)
    with np.errstate(invalid="ignore"):
        probabilities = unsettled / counted[:, None]
    probabilities[failed] = 1.0
    probabilities[horizon_days <= day] = 1.0
    return pool.number, probabilities


def _run_paths(
    scene: Scene, pool: Pool, day: int, path_count: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Settlement day and cancellation per path and row of the pool."""
    members, local = np.unique(pool.customer, return_inverse=True)
    agents = scene.agents.take(np.tile(members, path_count))
    world_number = np.repeat(np.arange(path_count, dtype=np.int32), len(members))
    group_count = int(scene.agents.group.max()) + 1
    group = np.where(agents.group >= 0, agents.group + world_number * group_count, NEVER)
    agents = replace(agents, world=world_number, group=group.astype(np.int32))
    copies = pool.take(np.tile(np.arange(len(pool)), path_count))
    path = np.repeat(np.arange(path_count), len(pool))
    copies.number = np.arange(len(copies), dtype=np.int32)
    copies.customer = (np.tile(local, path_count) + path * len(members)).astype(np.int32)
    witness = _Forecaster(len(copies))
    world = scene.world.copies(agents, members, path_count)
    twin = Scene(scene.settings, scene.days, agents, world, copies, rng, witness)
    last = int(pool.due.max()) + TRUTH_HORIZONS_DAYS[-1]
    for today in range(day + 1, last + 1):
        advance(twin, today)
        if not len(twin.pool):
            break
    shape = (path_count, len(pool))
    return witness.settled_day.reshape(shape), (witness.state == CANCELLED).reshape(shape)


class HazardDiary:
    """Collects forecasts of the dates asked for, as the seller's book shows them.

    Parameters
    ----------
    days : sequence of int
        The days to look at.
    path_count : int
        Paths per invoice.
    rng : numpy.random.Generator
        Source of the draws.
    """

    def __init__(self, days: tuple[int, ...], path_count: int, rng: np.random.Generator) -> None:
        self.days, self.path_count, self.rng = frozenset(days), path_count, rng
        self._parts: list[tuple[int, Array, Array, Array]] = []

    def look(self, scene: Scene, clerk: Clerk, day: int) -> None:
        """Forecast the invoices that the books show as open at the close of the day."""
        if day not in self.days:
            return
        number, probabilities = forecast(scene, day, self.path_count, self.rng)
        returning = scene.pool.number[scene.pool.bounce_day != NEVER]
        # A payment that will bounce closes the invoice in the books, once it is recorded.
        shown = ~np.isin(number, returning[clerk.recorded_until[returning] <= day])
        # Paid already, but recorded later: the books still show these as open.
        hidden = np.flatnonzero((clerk.settled_day <= day) & (clerk.recorded_until > day))
        self._parts.append((day, number[shown], probabilities[shown], hidden))

    def frame(self, tables: Tables) -> pl.DataFrame:
        """Table truth/hazard: as_of, invoice_id, prob_open_0 ... prob_open_90, settled_unrecorded."""
        register, clerk = tables.register, tables.clerk
        frames = []
        for day, number, probabilities, hidden in self._parts:
            due = register["due"][hidden]
            known = clerk.settled_day[hidden][:, None] > due[:, None] + np.array(TRUTH_HORIZONS_DAYS)
            numbers = np.concatenate([number, hidden])
            order = np.argsort(numbers, kind="stable")
            order = order[register["recorded"][numbers[order]] <= day]
            values = np.concatenate([probabilities, known.astype(np.float64)])[order].astype(np.float32)
            frames.append(
                pl.DataFrame(
                    {
                        "as_of": np.full(len(order), tables.days.date64(np.array(day))),
                        "invoice_id": tables.invoice_ids.gather(numbers[order]),
                        **{f"prob_open_{days}": values[:, at] for at, days in enumerate(TRUTH_HORIZONS_DAYS)},
                        "settled_unrecorded": (np.arange(len(numbers)) >= len(number))[order],
                    }
                ).with_columns(pl.col("as_of").cast(pl.Date), pl.selectors.float().fill_nan(None))
            )
        return pl.concat(frames)


def truth_frames(tables: Tables, diary: HazardDiary | None) -> dict[str, pl.DataFrame]:
    """The tables of truth: customers, settlements, daily_hazard and, where asked for, hazard.

    Parameters
    ----------
    tables : Tables
        The finished book.
    diary : HazardDiary or None
        Forecasts made on the way.

    Returns
    -------
    dict of polars.DataFrame
        By name.
    """
    frames = {"customers": _customers(tables), "settlements": _settlements(tables)}
    if tables.clerk.settings.daily_truth:
        frames["daily_hazard"] = _daily_hazard(tables)
    if diary is not None and diary.days:
        frames["hazard"] = diary.frame(tables)
    return frames


def _dates(tables: Tables, name: str, day: Array, known: Array) -> pl.Series:
    dates = pl.Series(name, tables.days.date64(np.where(known, day, 0))).cast(pl.Date)
    return pl.select(pl.when(pl.Series(known)).then(dates).alias(name)).to_series()


def _customers(tables: Tables) -> pl.DataFrame:
    agents: Agents = tables.agents
    clerk, book = tables.clerk, tables.days.book_day_count
    frame = pl.DataFrame(
        {
            "customer_id": tables.customer_ids,
            "habit": pl.Series(HABITS).gather(agents.habit),
            "run_calendar": pl.Series([name for name, _, _ in RUN_CALENDARS]).gather(agents.calendar),
            "sector": pl.Series(SECTORS).gather(agents.sector),
            "segment": pl.Series(SEGMENTS).gather(agents.segment),
            **{name: getattr(agents, name) for name in _TRAITS},
        }
    )
    return frame.with_columns(
        _dates(tables, "first_on", agents.first_day, np.ones(len(agents), dtype=bool)),
        _dates(tables, "stopped_on", agents.stop_day, agents.stop_day < book),
        _dates(tables, "insolvent_on", clerk.insolvent_day, clerk.insolvent_day != NEVER),
        pl.Series("dividend_share", clerk.dividend_rate),
        _dates(tables, "dividend_on", clerk.dividend_day, clerk.dividend_day != NEVER),
    )


def _settlements(tables: Tables) -> pl.DataFrame:
    clerk, register = tables.clerk, tables.register
    count = len(register["issue"])
    settled, state = clerk.settled_day[:count], clerk.state[:count]
    # Not written off yet, but the customer has failed: it will not be paid.
    failed = clerk.insolvent_day[register["customer"]] != NEVER
    state = np.where((state == OPEN) & failed, INSOLVENT, state)
    frame = pl.DataFrame(
        [
            tables.invoice_ids,
            _dates(tables, "settled_on", settled, state == SETTLED),
            pl.Series("final_state", STATES).gather(state),
        ]
    )
    return frame.filter(pl.Series(tables.in_book))


def _daily_hazard(tables: Tables) -> pl.DataFrame:
    columns = (np.concatenate(part) for part in zip(*tables.clerk.hazard_parts, strict=True))
    number, day, hazard, plain = columns
    kept = np.flatnonzero(tables.in_book[number])
    order = kept[np.lexsort((day[kept], number[kept]))]
    return pl.DataFrame(
        {
            "invoice_id": tables.invoice_ids.gather(number[order]),
            "day": tables.days.date64(day[order]),
            "hazard": hazard[order],
            "hazard_unreminded": plain[order],
        }
    ).with_columns(pl.col("day").cast(pl.Date))
