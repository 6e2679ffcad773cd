"""When the customer pays: its payment runs, by weekday and at month end.

Most companies pay on fixed days. An invoice that falls due the day after the
weekly run is late for that reason alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from paydelay.features.declaration import Feature
from paydelay.history import Floats, PastView

RUN_WINDOW_DAYS = 182
"""Payment runs are counted over half a year, which follows a change of habit."""
_WEEKS = RUN_WINDOW_DAYS / 7.0
_RUN_PRIOR = 0.5
_PRIOR_WEEKS = 2.0
WAIT_CAP_DAYS = 14
"""Waits for a payment run are counted over two weeks."""
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
RUN_RATE_NAMES = tuple(f"run_rate_{name}" for name in WEEKDAYS)
"""The columns from which expected payment runs ahead are counted."""


def run_rates(view: PastView) -> NDArray[np.float64]:
    """Chance that the customer pays somebody's invoice on each weekday, Monday first.

    Runs on the weekday over the last 26 weeks, by the weeks the customer has
    been known, with half a run spread over the working days for those with few.

    Returns
    -------
    array of shape (n_rows, 7)
        Between 0 and 1.
    """
    known_weeks = _known_weeks(view.days_since_first("issued"))
    rates = np.empty((len(view), 7), order="F")
    for number in range(7):
        runs = view.total("payment_run", f"weekday_{number}", days=RUN_WINDOW_DAYS)
        rates[:, number] = np.clip((runs + _prior(number)) / (known_weeks + _PRIOR_WEEKS), 0.0, 1.0)
    return rates


def _known_weeks(age_days: Floats) -> Floats:
    weeks: Floats = np.clip(age_days / 7.0, 4.0, _WEEKS)
    return weeks


def _prior(number: int) -> float:
    return _RUN_PRIOR if number < 5 else 0.0


def _rate_observed(number: int, columns: Mapping[str, Floats]) -> Floats:
    """Share of the weeks with a run on the weekday, without the prior; it rests on the customer's age."""
    rate, age_days = columns[RUN_RATE_NAMES[number]], columns.get("customer_age_days")
    if age_days is None:
        return np.full(len(rate), np.nan)
    weeks = _known_weeks(age_days)
    runs = np.rint(rate * (weeks + _PRIOR_WEEKS) - _prior(number))
    return np.clip(runs / weeks, 0.0, 1.0)


def _run_rate(number: int) -> Feature:
    return Feature(
        name=RUN_RATE_NAMES[number],
        family="rhythm",
        unit="share",
        meaning=f"Chance that the customer makes a payment run on a {WEEKDAYS[number].capitalize()}.",
        formula=f"(runs on that weekday in {RUN_WINDOW_DAYS} days + prior) / (weeks known + 2)",
        cause=f"payment_run.{WEEKDAYS[number]}",
        compute=lambda view: view.once(run_rates)[:, number],
        window_days=RUN_WINDOW_DAYS,
        count="run_count_182",
        observed=lambda columns: _rate_observed(number, columns),
        per="customer",
    )


def _waits(view: PastView) -> NDArray[np.float64]:
    """Expected days to the next payment run from each weekday on, of shape (7, n_rows)."""
    none = 1.0 - view.once(run_rates).T
    # P(no run up to a day), summed over a week from each weekday on: none (1 + none (1 + ...)).
    week = np.empty((7, len(view)))
    for weekday in range(7):
        later = np.ones(len(view))
        for ahead in range(6, 0, -1):
            later = 1.0 + none[(weekday + ahead) % 7] * later
        week[weekday] = none[weekday] * later
    # The second week is as the first, once that has passed without a run.
    return np.asarray(week * (1.0 + none.prod(axis=0)))


def run_wait_days(view: PastView) -> Floats:
    """Expected days from the due date, or from tomorrow if that is later, to the next payment run."""
    customers, row = view.per("customer")
    start = np.maximum(view.due_day, view.as_of_day.astype(np.int64) + 1)
    wait: Floats = customers.once(_waits)[(start + 3) % 7, row]
    return wait


def _runs_until(view: PastView) -> NDArray[np.float64]:
    """Runs expected from a Monday up to each day of two weeks, of shape (14, n_rows)."""
    return runs_until(view.once(run_rates))


def runs_before_due(view: PastView) -> Floats:
    """Expected payment runs from tomorrow to the due date, both counted."""
    customers, row = view.per("customer")
    first_day = view.as_of_day.astype(np.int64) + 1
    return _expected(customers.once(_runs_until), row, first_day, -view.days_past_due)


def expected_runs(
    rates: NDArray[np.floating], first_day: NDArray[np.int64], day_count: NDArray[np.int64]
) -> Floats:
    """Expected payment runs over consecutive days.

    Parameters
    ----------
    rates : array of shape (n_rows, 7)
        Chance of a run on each weekday, Monday first.
    first_day : array of shape (n_rows,)
        First day, since 1970-01-01.
    day_count : array of shape (n_rows,)
        Number of days; none where it is not positive.
    """
    return _expected(runs_until(rates), np.arange(len(rates)), first_day, day_count)


def runs_until(rates: NDArray[np.floating]) -> NDArray[np.float64]:
    """Runs expected from a Monday up to each day of two weeks, of shape (14, n_rows)."""
    until = np.zeros((14, len(rates)))
    for day in range(1, 14):
        until[day] = until[day - 1] + rates[:, (day - 1) % 7]
    return until


def _expected(
    until: NDArray[np.float64],
    row: NDArray[np.intp],
    first_day: NDArray[np.int64],
    day_count: NDArray[np.int64],
) -> Floats:
    count, weekday = np.maximum(day_count, 0), (first_day + 3) % 7
    # Division is fast where remainders are not.
    weeks = count // 7
    days = count - 7 * weeks
    runs: Floats = weeks * until[7][row] + until[weekday + days, row] - until[weekday, row]
    return runs


RHYTHM: tuple[Feature, ...] = (
    *(_run_rate(number) for number in range(7)),
    Feature(
        "run_wait_days",
        "rhythm",
        "days",
        "Days from the due date to the customer's next usual pay day.",
        "sum over 14 days of the chance that no payment run has come yet",
        "payment_run_wait",
        run_wait_days,
        window_days=RUN_WINDOW_DAYS,
        count="run_count_182",
    ),
    Feature(
        "run_before_due_count",
        "rhythm",
        "count",
        "Payment runs of the customer expected before the due date.",
        "sum of the weekday run rates over the days from as_of to the due date",
        "payment_runs_before_due",
        runs_before_due,
        window_days=RUN_WINDOW_DAYS,
        count="run_count_182",
    ),
    Feature(
        "run_count_182",
        "rhythm",
        "count",
        "Days on which the customer paid in the last half year.",
        "distinct payment dates known in 182 days",
        "payment_day_count",
        lambda view: view.total("payment_run", days=RUN_WINDOW_DAYS),
        window_days=RUN_WINDOW_DAYS,
        per="customer",
    ),
    Feature(
        "run_month_end_share",
        "rhythm",
        "share",
        "Share of the customer's payment runs in the last three days of a month.",
        "runs within 2 days of a month's end / runs, known in 365 days",
        "month_end_share",
        lambda view: view.mean("payment_run", "month_end", days=365),
        window_days=365,
        count="run_count_182",
        per="customer",
    ),
    Feature(
        "days_since_payment",
        "rhythm",
        "days",
        "Days since a payment of the customer was last recorded.",
        "as_of - day the latest payment became known",
        "days_since_payment",
        lambda view: view.days_since("payment_run"),
        per="customer",
    ),
)
