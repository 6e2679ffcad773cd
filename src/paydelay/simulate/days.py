"""The calendar of the simulation: business days, payment runs, seasons, drift and regime.

Inside the simulation a day is an int counted from the first day of the book.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from paydelay.simulate.settings import SimulationSettings, add_months

Array = npt.NDArray[Any]

# Beyond the last day one still asks for due dates, plans and re-simulated paths.
_MARGIN_DAYS = 640
_FIXED_HOLIDAYS = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))

RUN_CALENDARS: tuple[tuple[str, float, int], ...] = (
    # name, share of the customers, usual days between two runs
    ("monday", 0.06, 7),
    ("tuesday", 0.09, 7),
    ("wednesday", 0.07, 7),
    ("thursday", 0.11, 7),
    ("friday", 0.08, 7),
    ("monday_thursday", 0.08, 4),
    ("tuesday_friday", 0.09, 4),
    ("every_day", 0.12, 1),
    ("month_end", 0.08, 30),
    ("10_20_30", 0.10, 10),
    ("15_month_end", 0.08, 15),
    ("10_25", 0.04, 15),
)

SECTORS = ("construction", "manufacturing", "retail", "services", "transport", "public")
_SECTOR_PEAK_MONTH = (7, 10, 12, 6, 9, 3)
_SECTOR_AMPLITUDE = (0.45, 0.15, 0.40, 0.15, 0.25, 0.10)


@dataclass(frozen=True)
class Days:
    """Everything that depends on the day alone, one entry per day.

    Attributes
    ----------
    origin : date
        Day 0.
    book_day_count : int
        Days in the tables; the last day of the book is ``book_day_count - 1``.
    business : ndarray of bool
        Weekdays that are no public holiday.
    next_business : ndarray of int32
        The first business day on or after each day.
    month_end : ndarray of int32
        The last day of each day's month.
    runs : ndarray of bool, shape (days, run calendars)
        Whether customers of that calendar hold a payment run.
    run_factor : ndarray
        Chance that a planned run is held, for holidays and year end.
    order_factor : ndarray
        Seasonality of invoicing.
    billing : ndarray, shape (days, 2)
        Invoicing factor of customers billed as delivered, and of those billed at month end.
    slack : ndarray
        Days later than in the beginning at which everybody aims to pay.
    climate : ndarray
        Common shift of liquidity: 0, or the regime change.
    sector_season : ndarray, shape (days, sectors)
        Seasonal part of liquidity.
    """

    origin: date
    book_day_count: int
    business: Array
    next_business: Array
    month_end: Array
    runs: Array
    run_factor: Array
    order_factor: Array
    billing: Array
    slack: Array
    climate: Array
    sector_season: Array

    def date64(self, days: Array) -> Array:
        """Calendar dates of days counted from the origin."""
        return np.datetime64(self.origin, "D") + days.astype(np.int64)

    def index(self, day: date) -> int:
        """Day counted from the origin."""
        return (day - self.origin).days


def make_days(settings: SimulationSettings) -> Days:
    """The calendar of a simulation.

    Parameters
    ----------
    settings : SimulationSettings
        Start, length, drift and regime are used.

    Returns
    -------
    Days
        One entry per day of the book, of its aftermath and of a margin.

    Examples
    --------
    >>> days = make_days(SimulationSettings(month_count=3))
    >>> days.book_day_count, bool(days.business[0])
    (92, True)
    """
    origin = settings.start_date
    book = (settings.end_date - origin).days + 1
    count = book + settings.aftermath_days + _MARGIN_DAYS
    dates = [origin + timedelta(days=day) for day in range(count)]
    numbers = np.arange(count, dtype=np.int32)
    month = np.array([day.month for day in dates])
    dom = np.array([day.day for day in dates])
    weekday = np.array([day.weekday() for day in dates])
    business = (weekday < 5) & np.array([(day.month, day.day) not in _FIXED_HOLIDAYS for day in dates])
    following = np.minimum.accumulate(np.where(business, numbers, count)[::-1])[::-1].astype(np.int32)
    month_end = np.array([(add_months(day.replace(day=1), 1) - origin).days - 1 for day in dates])
    years = numbers / 365.25
    after = _regime(settings, origin, numbers)
    year_end = (month == 12) & (dom >= 23)
    peak = 2 * np.pi * (month[:, None] + dom[:, None] / 31 - 1 - np.array(_SECTOR_PEAK_MONTH)) / 12
    return Days(
        origin=origin,
        book_day_count=book,
        business=business,
        next_business=following,
        month_end=month_end.astype(np.int32),
        runs=_run_days(business, following, weekday, dom, month_end),
        run_factor=np.where(month == 8, 0.8, np.where(year_end, 0.6, 1.0)),
        order_factor=np.select([month == 8, month == 12, month == 1], [0.6, 1.15, 0.9], 1.03),
        billing=_billing(business, month_end),
        slack=settings.culture_drift_days_per_year * years + settings.regime_slack_days * after,
        climate=-settings.regime_liquidity_fall * after,
        sector_season=np.cos(peak) * np.array(_SECTOR_AMPLITUDE),
    )


def _regime(settings: SimulationSettings, origin: date, numbers: Array) -> Array:
    """0 before the regime change, then up to 1 within 20 days."""
    if not settings.regime_change:
        return np.zeros(len(numbers))
    start = (add_months(origin, settings.regime_change_month) - origin).days
    return np.clip((numbers - start + 1) / 20.0, 0.0, 1.0)


def _run_days(business: Array, following: Array, weekday: Array, dom: Array, month_end: Array) -> Array:
    numbers = np.arange(len(business))
    # A run that falls on a holiday moves to the next business day; one at the
    # month end moves backwards, so that it still counts for the month.
    last_business = np.maximum.accumulate(np.where(business, numbers, -1))

    def on(planned: Array) -> Array:
        held = np.zeros(len(business), dtype=bool)
        moved = following[planned]
        held[moved[moved < len(held)]] = True
        return held

    at_month_end = np.zeros(len(business), dtype=bool)
    ends = last_business[np.unique(month_end[month_end < len(business)])]
    at_month_end[ends[ends >= 0]] = True
    columns = [on(weekday == day) for day in range(5)]
    columns.append(on((weekday == 0) | (weekday == 3)))
    columns.append(on((weekday == 1) | (weekday == 4)))
    columns.append(business)
    columns.append(at_month_end)
    columns.append(on((dom == 10) | (dom == 20)) | at_month_end)
    columns.append(on(dom == 15) | at_month_end)
    columns.append(on((dom == 10) | (dom == 25)))
    runs: Array = np.stack(columns, axis=1) & business[:, None]
    return runs


def _billing(business: Array, month_end: Array) -> Array:
    """Invoicing as delivered, or all within the last three business days of a month."""
    left = np.zeros(len(business), dtype=int)
    cumulative = np.cumsum(business)
    inside = month_end < len(business)
    left[inside] = cumulative[month_end[inside]] - cumulative[inside]
    late = business & inside & (left < 3)
    return np.stack([business * 1.0, late * 7.0], axis=1)
