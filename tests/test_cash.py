"""Cash-in per week: sums, intervals, and what invoices have in common."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from paydelay.calibration import MonotoneCalibration
from paydelay.cash import CashShocks, cash_in, drawn_cash, fit_shocks, weekly_shares
from paydelay.config import load_config
from paydelay.errors import ConfigError, LedgerError, StaleBooksWarning
from paydelay.history import History, cut_ledger
from paydelay.ledger import Ledger
from paydelay.model import DelayModel
from paydelay.panel import Panel, build_panel
from paydelay.simulate import SimulationSettings, simulate
from paydelay.training import fitting, train, weeks

CONFIG = load_config({"model": {"tree_count": 10, "leaf_rows_min": 20, "thread_count": 1}})
TRAINED, AS_OF = date(2024, 6, 30), date(2024, 7, 21)


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    found = simulate(SimulationSettings(customer_count=100, month_count=15, seed=4, daily_truth=False))
    return Ledger.from_frames(found.invoices, found.payments, found.customers, found.events)


@pytest.fixture(scope="module")
def model(ledger: Ledger) -> DelayModel:
    return train(ledger, TRAINED, CONFIG, force=True)


@pytest.fixture(scope="module")
def cash(ledger: Ledger, model: DelayModel) -> pl.DataFrame:
    return cash_in(ledger, model, AS_OF, weeks=6)


# The frame ---------------------------------------------------------------------------------


def test_no_open_invoice_is_left_out(ledger: Ledger, model: DelayModel, cash: pl.DataFrame) -> None:
    panel = build_panel(History.build(ledger), [AS_OF])
    open_amount = panel.rows["open_amount_reporting"].sum()
    assert open_amount > 100_000
    assert cash["expected_amount"].sum() == pytest.approx(open_amount, abs=0.01)
    assert cash["part"].to_list() == ["week"] * 6 + ["later", "on_account", "not_expected"]


def test_weeks_begin_on_the_day_after_and_follow_each_other(cash: pl.DataFrame) -> None:
    weeks = cash.filter(part="week")
    assert weeks["week_start"][0] == AS_OF + timedelta(days=1)
    assert (weeks["week_end"] - weeks["week_start"]).dt.total_days().to_list() == [6] * 6
    assert weeks["week_start"].to_list()[1:] == [end + timedelta(days=1) for end in weeks["week_end"][:-1]]
    later = cash.filter(part="later")
    assert later["week_start"][0] == weeks["week_end"][-1] + timedelta(days=1)
    assert later["week_end"][0] is None


def test_the_expected_amounts_are_those_of_the_curve(
    ledger: Ledger, model: DelayModel, cash: pl.DataFrame
) -> None:
    panel = build_panel(History.build(ledger), [AS_OF])
    overdue = panel.rows["days_past_due"].to_numpy()
    curve = model.survival(panel)
    by = [model.open_shares(curve, overdue, overdue[:, None] + days)[:, 0] for days in (0, 7, 14)]
    lost = (panel.rows["written_off"] | panel.rows["insolvent_on"].is_not_null()).to_numpy()
    amount = np.where(lost, 0.0, panel.rows["open_amount_reporting"].to_numpy())
    for week in (0, 1):
        by_hand = float(amount @ (by[week] - by[week + 1]))
        # Money on account is taken off; this book has little of it.
        on_account = cash.filter(part="on_account")["expected_amount"][0]
        assert by_hand - on_account - 0.01 <= cash["expected_amount"][week] <= by_hand + 0.01


def test_intervals_lie_about_what_is_expected_and_within_the_book(cash: pl.DataFrame) -> None:
    weeks = cash.filter(part="week")
    assert (weeks["low_amount"] >= 0).all()
    assert (weeks["low_amount"] < weeks["high_amount"]).all()
    near = weeks.head(3)
    assert (near["low_amount"] < near["expected_amount"]).all()
    assert (near["expected_amount"] < near["high_amount"]).all()
    told = cash.filter(pl.col("part").is_in(["on_account", "not_expected"]))
    assert (told["low_amount"] == told["high_amount"]).all()


def test_what_is_recorded_later_changes_nothing(
    ledger: Ledger, model: DelayModel, cash: pl.DataFrame
) -> None:
    assert ledger.payments["known_on"].max() > AS_OF
    assert cash_in(cut_ledger(ledger, AS_OF), model, AS_OF, weeks=6).equals(cash)
    assert cash_in(ledger, model, AS_OF.isoformat(), weeks=6).equals(cash)


def test_lost_invoices_and_money_on_account_are_told_apart() -> None:
    invoices = pl.DataFrame(
        {
            "invoice_id": ["A", "B", "C"],
            "customer_id": ["X", "Y", "Z"],
            "issue_date": ["2025-01-01"] * 3,
            "due_date": ["2025-01-31"] * 3,
            "amount": [100.0, 200.0, 400.0],
            "currency": ["EUR"] * 3,
        }
    )
    payments = pl.DataFrame(
        {
            "invoice_id": [None],
            "customer_id": ["Y"],
            "payment_date": ["2025-01-10"],
            "amount": [150.0],
        }
    )
    events = pl.DataFrame(
        {
            "customer_id": ["Z"],
            "event_date": ["2025-01-12"],
            "event_type": ["insolvency"],
            "invoice_id": [None],
        }
    )
    books = Ledger.from_frames(invoices, payments, events=events)
    found = cash_in(books, a_model(), "2025-01-20", weeks=2)
    parts = dict(zip(found["part"], found["expected_amount"], strict=True))
    assert parts["not_expected"] == 400.0
    assert parts["on_account"] == 150.0
    assert found["expected_amount"].sum() == pytest.approx(700.0)


@pytest.mark.parametrize("weeks", [0, 27])
def test_a_number_of_weeks_that_makes_no_sense_is_refused(
    ledger: Ledger, model: DelayModel, weeks: int
) -> None:
    with pytest.raises(ConfigError, match="between 1 and 26"):
        cash_in(ledger, model, AS_OF, weeks=weeks)


def test_another_currency_is_refused(ledger: Ledger, model: DelayModel) -> None:
    other = replace(model, manifest=model.manifest | {"reporting_currency": "USD"})
    with pytest.raises(LedgerError, match="reports in EUR and the model learned from amounts in USD"):
        cash_in(ledger, other, AS_OF)


def test_a_day_far_beyond_the_records_is_warned_of(ledger: Ledger, model: DelayModel) -> None:
    end = max(rows["known_on"].max() for rows in (ledger.invoices, ledger.payments, ledger.events))
    cash_in(ledger, model, end + timedelta(days=31), weeks=1)
    with pytest.warns(StaleBooksWarning, match=f"record nothing after {end}, 32 days before") as caught:
        cash_in(ledger, model, end + timedelta(days=32), weeks=1)
    # Where it was asked for, and not where paydelay looked.
    assert caught[0].filename == __file__


def test_an_empty_book_expects_nothing(ledger: Ledger, model: DelayModel) -> None:
    found = cash_in(ledger, model, ledger.invoices["issue_date"].min() - timedelta(days=30), weeks=2)
    assert found.height == 5
    assert found["expected_amount"].sum() == 0.0
    assert found["high_amount"].sum() == 0.0


# Draws -------------------------------------------------------------------------------------


def test_draws_keep_the_curves_and_every_cent() -> None:
    generator = np.random.default_rng(3)
    share = np.minimum.accumulate(
        np.column_stack([np.ones(300), generator.random((300, 3)).cumprod(axis=1)]), axis=1
    )
    amount, customer = generator.random(300) * 100, generator.integers(0, 60, 300)
    for shocks in (CashShocks(0.0, 0.0), CashShocks(0.1, 0.4)):
        drawn = drawn_cash(share, amount, customer, shocks)
        assert drawn.sum(axis=1) == pytest.approx(np.full(1000, amount.sum()))
        expected = np.append(amount @ -np.diff(share, axis=1), amount @ share[:, -1])
        error = drawn.std(axis=0) / np.sqrt(1000)
        assert (np.abs(drawn.mean(axis=0) - expected) < 4.5 * error).all()


def test_what_is_in_common_widens_the_interval() -> None:
    share = np.column_stack([np.ones(400), np.full(400, 0.5)])
    amount, customer = np.ones(400), np.repeat(np.arange(100), 4)
    width = []
    for shocks in (CashShocks(0.0, 0.0), CashShocks(0.0, 0.4), CashShocks(0.1, 0.4)):
        low, high = np.quantile(drawn_cash(share, amount, customer, shocks)[:, 0], [0.1, 0.9])
        width.append(high - low)
    # Alone: 2 x 1.28 x sqrt(400 / 4) is 26.
    assert width[0] == pytest.approx(26, abs=4)
    assert width[0] < width[1] < width[2]


def test_the_same_seed_draws_the_same() -> None:
    share = np.column_stack([np.ones(50), np.full(50, 0.4)])
    one, two = (drawn_cash(share, np.ones(50), np.arange(50), CashShocks(), seed=1) for _ in range(2))
    np.testing.assert_array_equal(one, two)


# What is in common --------------------------------------------------------------------------


def book_of_weeks(common: float, customer: float, seed: int, days: int = 60) -> tuple[np.ndarray, ...]:
    """Books whose payments share luck as stated: shares, what came, amounts, customers, days."""
    generator = np.random.default_rng(seed)
    rows, customers = 240, 40
    code = np.tile(np.repeat(np.arange(customers), rows // customers), days)
    day = np.repeat(np.arange(days) * 7, rows)
    hazard = generator.uniform(0.1, 0.9, rows * days)
    luck = np.sqrt(common) * np.repeat(generator.standard_normal(days), rows)
    luck += np.sqrt(customer) * np.repeat(generator.standard_normal(days * customers), rows // customers)
    luck += np.sqrt(1 - common - customer) * generator.standard_normal(rows * days)
    from scipy.special import ndtr

    open_then = (ndtr(luck) > hazard).astype(float)[:, None]
    share = np.column_stack([np.ones(rows * days), 1.0 - hazard])
    return share, open_then, generator.uniform(10, 1000, rows * days), code, day


@pytest.mark.parametrize(("common", "customer"), [(0.0, 0.0), (0.1, 0.0), (0.05, 0.5)])
def test_what_weeks_and_customers_share_is_found_again(common: float, customer: float) -> None:
    found = fit_shocks(*book_of_weeks(common, customer, seed=2))
    assert found.week_count == 60
    # Pulled a little toward the prior.
    assert found.common_share == pytest.approx(common, abs=0.045)
    assert found.customer_share == pytest.approx(customer, abs=0.13)


def test_without_weeks_there_is_the_prior() -> None:
    nothing = fit_shocks(np.ones((0, 3)), np.ones((0, 2)), np.ones(0), np.ones(0, int), np.ones(0, int))
    assert nothing == CashShocks()


def test_rows_without_an_outcome_have_no_part() -> None:
    share, open_then, amount, code, day = book_of_weeks(0.05, 0.3, seed=5, days=20)
    unknown = np.where(day[:, None] >= 70, np.nan, open_then)
    few = day < 70
    assert fit_shocks(share, unknown, amount, code, day) == fit_shocks(
        share[few], open_then[few], amount[few], code[few], day[few]
    )


def test_training_keeps_what_it_measured(model: DelayModel) -> None:
    kept = CashShocks.from_dict(model.manifest["cash_shocks"])
    assert kept.week_count > 5
    assert 0.0 < kept.common_share < 0.5
    assert 0.0 <= kept.customer_share < 0.9
    assert kept.to_dict() == model.manifest["cash_shocks"]


def test_weeks_are_measured_by_a_map_fitted_on_the_other_half_of_the_invoices(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[tuple[float, set[int]]] = []

    def half_of_each(_: DelayModel, panel: Panel, row: np.ndarray, *__: object) -> np.ndarray:
        return (panel.invoice[row] % 2).astype(float)

    def told_by_its_level(margin: np.ndarray, *_: object) -> MonotoneCalibration:
        identity = MonotoneCalibration.identity()
        return replace(identity, margin_values=identity.margin_values + margin.mean())

    def watched(fitted: DelayModel, panel: Panel, weeks: int) -> np.ndarray:
        level = float(fitted.calibration.margin_values.mean())
        measured.append((level, set((panel.invoice % 2).tolist())))
        return weekly_shares(fitted, panel, weeks)

    monkeypatch.setattr(fitting, "pair_margins", half_of_each)
    monkeypatch.setattr(fitting, "fit_calibration", told_by_its_level)
    monkeypatch.setattr(weeks, "weekly_shares", watched)
    train(ledger, TRAINED, CONFIG, force=True)
    assert sorted(measured) == [(0.0, {1}), (1.0, {0})]


def test_shares_begin_at_one_and_never_rise(ledger: Ledger, model: DelayModel) -> None:
    share = weekly_shares(model, build_panel(History.build(ledger), [AS_OF]), 8)
    assert (share[:, 0] == 1.0).all()
    assert (np.diff(share, axis=1) <= 1e-12).all()


def a_model() -> DelayModel:
    """A small trained model, for books of a few invoices."""
    found = simulate(SimulationSettings(customer_count=60, month_count=14, seed=1, daily_truth=False))
    books = Ledger.from_frames(found.invoices, found.payments)
    return train(books, "2024-06-30", CONFIG, force=True)
