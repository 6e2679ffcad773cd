"""Simulate a book from its first day to its last, and write it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from paydelay.errors import TargetError
from paydelay.files import replacing_folder
from paydelay.ledger.storage import write_folder
from paydelay.simulate.agents import draw_agents
from paydelay.simulate.clerk import Clerk
from paydelay.simulate.days import Array, Days, make_days
from paydelay.simulate.master import MasterFile
from paydelay.simulate.orders import OrderBook
from paydelay.simulate.pool import Pool
from paydelay.simulate.process import advance
from paydelay.simulate.scene import Scene
from paydelay.simulate.settings import SimulationSettings, add_months
from paydelay.simulate.tables import Tables
from paydelay.simulate.truth import HazardDiary, truth_frames
from paydelay.simulate.world import World

_LOG = logging.getLogger(__name__)
REPORTING_CURRENCY = "EUR"
_TABLES = ("invoices", "payments", "customers", "events", "rates")


@dataclass(frozen=True)
class Simulation:
    """A simulated ledger and the truth behind it.

    Attributes
    ----------
    settings : SimulationSettings
        What was asked for.
    invoices, payments, customers, events, rates : polars.DataFrame
        Tables as a source system would export them on the last day; ``rates``
        is empty unless a second currency was asked for.
    truth : dict of polars.DataFrame
        ``customers`` (latent types, insolvency), ``settlements`` (when each
        invoice was truly settled, the aftermath included), ``daily_hazard``
        (chance of settlement per invoice and day given the state of that day;
        days not listed have chance 0) and, where paths were asked for,
        ``hazard`` (chance of being unsettled 0, 30, 60, 90 days past due).
    """

    settings: SimulationSettings
    invoices: pl.DataFrame
    payments: pl.DataFrame
    customers: pl.DataFrame
    events: pl.DataFrame
    rates: pl.DataFrame
    truth: dict[str, pl.DataFrame]

    def write(self, folder: str | Path, format: Literal["parquet", "csv"] = "parquet") -> None:  # noqa: A002
        """Write the tables as a ledger folder, and the truth into ``truth/`` beside them.

        A ledger that is there already is replaced with its truth; other files
        in its folder stay.

        Parameters
        ----------
        folder : str or Path
            A folder that does not exist yet, is empty or holds a ledger.
        format : {"parquet", "csv"}, default "parquet"
            Format of the tables; truth is always parquet.

        Raises
        ------
        TargetError
            If the folder holds something else, or cannot be written.
        """
        folder = Path(folder)
        tables = {name: getattr(self, name) for name in _TABLES if name != "rates" or len(self.rates)}
        write_folder(tables, REPORTING_CURRENCY, folder, format)
        try:
            with replacing_folder(folder / "truth") as draft:
                for name, frame in self.truth.items():
                    frame.write_parquet(draft / f"{name}.parquet")
        except OSError as error:
            raise TargetError(
                f"The truth cannot be written beside {folder} ({type(error).__name__}); give a folder that "
                "can be written to, on a disk with room."
            ) from error


def simulate(
    settings: SimulationSettings | None = None, progress: Callable[[int, int], None] | None = None
) -> Simulation:
    """Simulate a debtor book whose truth is known.

    Customers are agents with liquidity that moves day by day, payment runs on
    their own calendar, a habit, priorities among invoices and a response to
    reminders; the book is what their seller's clerk records of it.

    Parameters
    ----------
    settings : SimulationSettings, optional
        Sizes, rates, seed and switches.
    progress : callable, optional
        Called with (days done, days in all).

    Returns
    -------
    Simulation
        Tables and truth; the same settings give the same bytes.

    Examples
    --------
    >>> book = simulate(SimulationSettings(customer_count=20, month_count=6, seed=3))
    >>> book.invoices.columns[:4]
    ['invoice_id', 'customer_id', 'issue_date', 'due_date']
    >>> sorted(book.truth)
    ['customers', 'daily_hazard', 'settlements']
    """
    settings = settings or SimulationSettings()
    # One stream per part: switching truth on, or a change in bookkeeping, leaves the others' draws alone.
    seeds = np.random.SeedSequence(settings.seed).spawn(8)
    streams = [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]
    for_agents, for_world, for_orders, for_process, for_books, for_raters, for_truth, for_rates = streams
    days = make_days(settings)
    agents = draw_agents(settings, days, for_agents)
    orders = OrderBook(settings, agents, days, for_orders)
    clerk = Clerk(settings, agents, days, for_books)
    master = MasterFile(agents, days, for_raters)
    world = World(agents, days, for_world)
    empty = Pool.of(*(np.zeros(0, dtype=np.int64) for _ in range(6)))
    scene = Scene(settings, days, agents, world, empty, for_process, clerk)
    diary = HazardDiary(_truth_days(settings, days), settings.truth_path_count, for_truth)
    total = days.book_day_count + settings.aftermath_days
    for day in range(total):
        advance(scene, day)
        if day < days.book_day_count:
            master.review(day, world)
            _take_orders(scene, orders, clerk, day)
            diary.look(scene, clerk, day)
        if progress is not None:
            progress(day + 1, total)
    tables = Tables(agents, days, clerk, orders.register())
    book = Simulation(
        settings=settings,
        invoices=tables.invoices(),
        payments=tables.payments(),
        customers=master.frame(tables.customer_ids),
        events=tables.events(),
        rates=tables.rates(for_rates),
        truth=truth_frames(tables, diary),
    )
    _LOG.info("simulated %d invoices and %d payments", len(book.invoices), len(book.payments))
    return book


def _take_orders(scene: Scene, orders: OrderBook, clerk: Clerk, day: int) -> None:
    """Issue the day's invoices; who has failed or is with the agency is not served any more."""
    if not scene.days.business[day]:
        return
    stopped: Array = scene.world.insolvent.copy()
    stopped[scene.pool.customer[scene.pool.with_agency]] = True
    new = orders.issue(day, stopped)
    clerk.make_room(orders.count)
    scene.pool = scene.pool.with_new(new)


def _truth_days(settings: SimulationSettings, days: Days) -> tuple[int, ...]:
    """The days at which truth/hazard looks at the book; none without paths."""
    if settings.truth_path_count == 0:
        return ()
    if settings.truth_dates is not None:
        return tuple(days.index(day) for day in settings.truth_dates)
    # Counted back from the end, and not within the first half year, when the book still fills up.
    months = range(settings.month_count, min(6, settings.month_count - 1), -settings.truth_step_months)
    return tuple(days.index(add_months(settings.start_date, month)) - 1 for month in months)
