"""The truth a simulation writes: hazards that sum to settlements, forecasts that come true."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import polars as pl
import pytest

from paydelay.simulate import Simulation, SimulationSettings, simulate
from paydelay.simulate.choice import choice_log_odds


@pytest.fixture(scope="module")
def book() -> Simulation:
    return simulate(SimulationSettings(customer_count=1500, month_count=24, seed=11))


@pytest.fixture(scope="module")
def forecast_book() -> Simulation:
    return simulate(SimulationSettings(customer_count=500, month_count=18, seed=3, truth_path_count=60))


@pytest.fixture(scope="module")
def surprises(book: Simulation) -> pl.DataFrame:
    """Daily hazards beside what happened that day, with what was known of the invoice that day."""
    reminders = (
        book.events.filter(pl.col("event_type") == "reminder_sent")
        .select("invoice_id", pl.col("event_date").alias("reminded_on"))
        .sort("reminded_on")
    )
    disputes = (
        book.events.filter(pl.col("event_type") == "dispute_opened")
        .group_by("invoice_id")
        .agg(pl.col("event_date").min().alias("disputed_on"))
    )
    settled = (pl.col("settled_on") == pl.col("day")).fill_null(False).cast(pl.Float64)
    since_reminder = (pl.col("day") - pl.col("reminded_on")).dt.total_days()
    return (
        book.truth["daily_hazard"]
        .sort("day")
        .join_asof(
            reminders,
            left_on="day",
            right_on="reminded_on",
            by="invoice_id",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .join(book.truth["settlements"], on="invoice_id")
        .join(book.invoices.select("invoice_id", "customer_id", "due_date"), on="invoice_id")
        .join(book.truth["customers"].select("customer_id", "habit", "size_tilt", "debit"), on="customer_id")
        .join(disputes, on="invoice_id", how="left")
        .with_columns(
            settled.alias("settled"),
            (settled - pl.col("hazard")).alias("surprise"),
            (since_reminder <= book.settings.reminder_effect_days).fill_null(False).alias("reminded"),
        )
    )


def _z(rows: pl.DataFrame, column: str = "surprise") -> float:
    # A run pays several invoices of a customer at once: their surprises of one day belong together.
    sums = rows.group_by("customer_id", "day").agg(pl.col(column).cast(pl.Float64).sum())[column]
    return float(sums.sum() / math.sqrt((sums**2).sum()))


SEGMENTS = {
    "all": pl.lit(True),
    "reminded": pl.col("reminded"),
    "not reminded": ~pl.col("reminded"),
    "disputed before": (pl.col("disputed_on") < pl.col("day")).fill_null(False),
    "chronic": pl.col("habit") == "chronic",
    "prompt": pl.col("habit") == "prompt",
    "not yet due": pl.col("day") <= pl.col("due_date"),
    "over 30 days late": pl.col("day") > pl.col("due_date") + pl.duration(days=30),
    "over 90 days late": pl.col("day") > pl.col("due_date") + pl.duration(days=90),
    "direct debit": pl.col("debit"),
    "after a deduction": pl.col("hazard") == np.float32(0.05),
    "cash to be matched": pl.col("hazard") == np.float32(0.15),
    "small ones first": pl.col("size_tilt") < 0,
    "low hazard": pl.col("hazard") < 0.1,
    "high hazard": pl.col("hazard") > 0.8,
    "last half year": pl.col("day") > date(2024, 12, 1),
}


@pytest.mark.parametrize("segment", SEGMENTS)
def test_hazards_sum_to_settlements(surprises: pl.DataFrame, segment: str) -> None:
    rows = surprises.filter(SEGMENTS[segment])
    assert rows["settled"].sum() > 100
    assert abs(_z(rows)) < 4


def test_no_settlement_on_a_day_without_hazard(book: Simulation, surprises: pl.DataFrame) -> None:
    within = book.truth["settlements"].filter(pl.col("settled_on") <= book.settings.end_date)
    assert surprises["settled"].sum() == len(within)
    assert surprises["hazard"].is_between(0, 1).all()
    assert not surprises.select("invoice_id", "day").is_duplicated().any()


def test_reminders_raise_the_hazard_by_the_stated_odds(surprises: pl.DataFrame) -> None:
    """Odds of the choice are multiplied; where the chance is small, so is the hazard itself."""
    ratio = surprises["hazard"].cast(pl.Float64) / surprises["hazard_unreminded"].cast(pl.Float64)
    reminded = surprises["reminded"]
    assert (ratio.filter(~reminded) == 1).all()
    assert ratio.min() >= 1
    assert ratio.max() <= 2.5 + 1e-4
    assert ratio.filter(reminded & (surprises["hazard_unreminded"] < 0.01)).median() > 2.0
    # And what happened follows the reminded hazard, not the other.
    gain = (pl.col("settled") - pl.col("hazard_unreminded")).alias("gain")
    assert _z(surprises.filter("reminded").with_columns(gain), "gain") > 4


def test_reminder_odds_of_one_do_nothing() -> None:
    daily = simulate(SimulationSettings(customer_count=40, month_count=8, reminder_odds=1.0)).truth[
        "daily_hazard"
    ]
    assert (daily["hazard"] == daily["hazard_unreminded"]).all()


@pytest.mark.parametrize("days", [0, 30, 60, 90])
def test_forecasts_are_calibrated(forecast_book: Simulation, days: int) -> None:
    """Whoever was open that day stayed open as often as the truth says, in each band of it."""
    limit = pl.col("due_date") + pl.duration(days=days)
    rows = (
        forecast_book.truth["hazard"]
        .join(forecast_book.truth["settlements"], on="invoice_id")
        .join(forecast_book.invoices, on="invoice_id")
        .filter(pl.col("final_state") != "cancelled", ~pl.col("settled_unrecorded"), pl.col("as_of") < limit)
        .with_columns(
            pl.col(f"prob_open_{days}").cast(pl.Float64).alias("truth"),
            (pl.col("settled_on") > limit).fill_null(True).cast(pl.Float64).alias("happened"),
        )
    )
    assert len(rows) > 2000
    for low, high in ((0.0, 1.01), (0.0, 0.2), (0.2, 0.8), (0.8, 1.01)):
        band = rows.filter(pl.col("truth").is_between(low, high))
        missed = (pl.col("happened") - pl.col("truth")).sum().alias("missed")
        sums = band.group_by("customer_id").agg(missed)["missed"]
        # The noise of 60 paths makes the bands of truth a little too extreme: they get some slack.
        slack = 0.0 if high - low > 1 else 0.03 * len(band)
        assert abs(sums.sum()) < 4 * math.sqrt((sums**2).sum()) + slack


def test_forecasts_cover_what_the_books_show_as_open(forecast_book: Simulation) -> None:
    hazard = forecast_book.truth["hazard"]
    as_of = forecast_book.settings.end_date
    assert hazard["as_of"].max() == as_of
    rows = hazard.filter(pl.col("as_of") == as_of)
    net = (
        forecast_book.payments.filter(pl.col("invoice_id").is_not_null(), pl.col("kind") != "write_off")
        .group_by("invoice_id")
        .agg(pl.col("amount").sum().alias("paid"))
    )
    written_off = forecast_book.payments.filter(pl.col("kind") == "write_off")["invoice_id"].to_list()
    tolerance = pl.max_horizontal(pl.lit(1.0), pl.col("amount") * 0.005)
    still_open = forecast_book.invoices.join(net, on="invoice_id", how="left").filter(
        pl.col("amount") - pl.col("paid").fill_null(0) > tolerance, ~pl.col("invoice_id").is_in(written_off)
    )
    assert set(rows["invoice_id"]) == set(still_open["invoice_id"])
    curve = rows.select(pl.selectors.starts_with("prob_open_")).drop_nulls().to_numpy()
    assert (np.diff(curve, axis=1) <= 0).all()


class _OneAgent:
    slack_days = np.array([5.0])
    discipline = np.array([0.5])
    willingness = np.array([2.0])
    size_tilt = np.array([0.5])
    queue_weight = np.array([0.4])
    month_cents = np.array([100_000.0])


class _TwoInvoices:
    customer = np.array([0, 0])
    agreed = due = np.array([10, 12])
    unpaid = np.array([50_000, 20_000])
    size = np.array([1.0, 0.0])
    with_agency = np.array([False, True])


def test_the_choice_of_a_run_adds_up() -> None:
    rows, liquidity = np.array([0, 1]), np.array([-2.0])
    log_odds = choice_log_odds(_OneAgent(), _TwoInvoices(), rows, liquidity, 18, 2.0)  # type: ignore[arg-type]
    # 18 - 10 - 5 - 2 = 1 day past the day in mind: 2 + 0.5 - 2.2 - 0.5 + 0.5.
    assert log_odds[0] == pytest.approx(0.3)
    # One day before it; half a month's purchases stand before it in the queue; it is with the agency.
    assert log_odds[1] == pytest.approx(2.0 - 0.5 - 2.2 - 0.5 - 0.4 * math.log(1.5) + 0.4)
