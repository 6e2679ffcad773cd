"""The replay of a book: every open invoice on every day, by what was known then, against what came."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import partial

import numpy as np
import polars as pl
import pytest

from paydelay import SimulationSettings, load_config, score, simulate, train
from paydelay.backtest.baselines import baselines, customer_medians, unpaid_ratios
from paydelay.backtest.comparing import (
    best_baseline,
    gain,
    interval_of_rate,
    measures,
    outermost,
    table,
)
from paydelay.backtest.judging import (
    BASELINES,
    Judged,
    first_looks,
    judged_late,
    late_rows,
    slices,
    without_largest,
)
from paydelay.backtest.replay import replay
from paydelay.backtest.tables import intervals_of_slope
from paydelay.config import BacktestSettings, Config
from paydelay.folds import Fold, walk_back
from paydelay.history import History, cut_ledger, day_of
from paydelay.intervals import Interval
from paydelay.ledger import Ledger
from paydelay.metrics import AreaUnderCurve
from paydelay.outcomes import Outcomes, last_recorded_day
from paydelay.panel import Panel, build_panel

CONFIG = load_config(
    {
        "model": {"tree_count": 15, "thread_count": 1},
        "backtest": {"fold_count": 2, "fold_days": 21, "history_min_days": 150, "replicate_count": 20},
    }
)


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    book = simulate(SimulationSettings(customer_count=60, month_count=14, seed=11))
    return Ledger.from_frames(book.invoices, book.payments, book.customers, book.events)


@pytest.fixture(scope="module")
def folds(ledger: Ledger) -> tuple[Fold, ...]:
    first = ledger.invoices["known_on"].min()
    assert isinstance(first, date)
    return walk_back(first, last_recorded_day(ledger), CONFIG.backtest)


@pytest.fixture(scope="module")
def rows(ledger: Ledger, folds: tuple[Fold, ...]) -> pl.DataFrame:
    return replay(ledger, folds, CONFIG).rows


def test_every_invoice_open_on_a_day_of_scoring_is_there_once(
    ledger: Ledger, folds: tuple[Fold, ...], rows: pl.DataFrame
) -> None:
    assert rows.select(pl.struct("as_of", "invoice_id").is_duplicated().any()).item() is False
    for fold in folds:
        for day in fold.as_ofs:
            invoice, _ = History.build(cut_ledger(ledger, day)).open_rows([day])
            known = cut_ledger(ledger, day).invoices["invoice_id"][invoice]
            scored = rows.filter(as_of=day)
            assert set(scored["invoice_id"]) == set(known)
            assert set(scored["fold"]) == {fold.number}


def test_what_is_said_is_what_the_model_of_that_day_says_to_anybody(
    ledger: Ledger, folds: tuple[Fold, ...], rows: pl.DataFrame
) -> None:
    fold = folds[0]
    model = train(ledger, fold.train_as_of, CONFIG, force=True)
    scores = score(ledger, model, fold.as_ofs[-1], explain="none").frame
    both = rows.filter(as_of=fold.as_ofs[-1]).join(scores, on="invoice_id", suffix="_scored")
    assert both.height == scores.height > 20
    for ours, theirs in (("model", "prob_late"), ("unpaid", "prob_unpaid"), ("delay_low", "delay_low_days")):
        said = both.select(ours, theirs).drop_nulls()
        assert np.allclose(said[ours].to_numpy(), said[theirs].to_numpy(), rtol=0, atol=1e-12)


def test_no_model_learns_from_an_outcome_that_was_not_mature_when_it_was_trained(
    ledger: Ledger, folds: tuple[Fold, ...], rows: pl.DataFrame
) -> None:
    # What happened after a training cannot have changed what its model says on that day.
    fold = folds[0]
    cut = cut_ledger(ledger, fold.train_as_of)
    once = [Fold(1, fold.train_as_of, fold.as_ofs[:1], fold.train_as_of)]
    alone = replay(cut, once, CONFIG).rows
    full = rows.filter(as_of=fold.as_ofs[0])
    for name in ("model", "unpaid", "delay_median", *BASELINES["late"], *BASELINES["unpaid"]):
        assert alone[name].equals(full[name]), name


def test_no_baseline_sees_a_later_book(ledger: Ledger, folds: tuple[Fold, ...]) -> None:
    trained = folds[0].train_as_of
    history, past = History.build(ledger), History.build(cut_ledger(ledger, trained))
    # The first customers of a book have settled nothing: what fills their last delay must not come later.
    days = [date(2024, 2, 5), folds[-1].as_ofs[-1]]
    panel = build_panel(history, days)
    earlier = panel.as_of_day == day_of(days[0])
    assert np.isnan(panel.X[earlier, panel.feature_names.index("delay_last1")]).any()
    later = np.where(earlier[:, None], panel.X, 99.0).astype(np.float32)

    def said(some: Panel) -> dict[str, np.ndarray]:
        found = baselines(history, past, trained, some, 0.3, CONFIG)
        return found.probabilities | found.unpaid | found.orders | found.median_days

    alone, changed = said(panel.take(earlier)), said(replace(panel, X=later))
    # A product of matrices may round the last digit otherwise where it has other rows beside.
    same = partial(np.testing.assert_allclose, rtol=1e-12)
    for name, scores in said(panel).items():
        same(scores[earlier], alone[name], err_msg=name)
        same(scores[earlier], changed[name][earlier], err_msg=name)


def test_outcomes_are_those_of_the_last_day_and_only_where_they_are_mature(
    ledger: Ledger, folds: tuple[Fold, ...], rows: pl.DataFrame
) -> None:
    last = day_of(folds[0].labels_at)
    due = rows["due_date"].to_physical().to_numpy()
    overdue = rows["days_past_due"].to_numpy()
    lag = Outcomes.of(History.build(ledger), folds[0].labels_at).recording_lag_days
    late, unpaid = (rows[name].is_not_null().to_numpy() for name in ("late", "unpaid_came"))
    assert late.any()
    assert (due[late] + lag <= last).all()
    assert (overdue[late] < 0).all()
    assert (due[unpaid] + 90 + lag <= last).all()
    delay = rows["delay_days"].to_numpy()
    assert set(rows.filter(pl.col("delay_days") > 0)["late"].drop_nulls()) <= {1.0}
    assert (delay[np.isfinite(delay)] <= CONFIG.backtest.delay_cap_days).all()


def test_the_same_replay_twice_says_the_same(
    ledger: Ledger, folds: tuple[Fold, ...], rows: pl.DataFrame
) -> None:
    assert replay(ledger, folds, CONFIG).rows.equals(rows)


def test_a_customer_without_settlements_has_the_median_of_the_book() -> None:
    invoices = pl.DataFrame(
        {
            "invoice_id": ["A", "B", "C", "D"],
            "customer_id": ["X", "X", "Y", "Z"],
            "issue_date": ["2025-01-01"] * 4,
            "due_date": ["2025-01-31"] * 4,
            "amount": [10.0] * 4,
            "currency": ["EUR"] * 4,
        }
    )
    payments = pl.DataFrame(
        {
            "invoice_id": ["A", "B", "C"],
            "payment_date": ["2025-01-31", "2025-02-10", "2025-02-20"],
            "amount": [10.0] * 3,
        }
    )
    history = History.build(Ledger.from_frames(invoices, payments))
    names = history.customers.to_list()
    asked = np.array([names.index(name) for name in ("X", "Y", "Z", "X")])
    days = np.array([day_of(date(2025, 3, 1))] * 3 + [day_of(date(2025, 1, 15))], np.int32)
    assert customer_medians(history, asked, days).tolist() == [5.0, 20.0, 10.0, 0.0]


def test_a_customers_unpaid_ratio_counts_what_had_matured_by_the_day() -> None:
    invoices = pl.DataFrame(
        {
            "invoice_id": ["A", "B", "C", "D", "E"],
            "customer_id": ["X", "X", "Y", "Y", "Y"],
            "issue_date": ["2025-01-01"] * 5,
            "due_date": ["2025-01-31", "2025-01-31", "2025-01-31", "2025-03-31", "2025-01-31"],
            "amount": [10.0] * 5,
            "currency": ["EUR"] * 5,
            # The last was entered half a year late.
            "recorded_on": ["2025-01-01"] * 4 + ["2025-07-01"],
        }
    )
    payments = pl.DataFrame(
        {"invoice_id": ["A", "B"], "payment_date": ["2025-02-10", "2025-05-20"], "amount": [10.0, 10.0]}
    )
    history = History.build(Ledger.from_frames(invoices, payments))
    names = history.customers.to_list()
    asked = np.array([names.index(name) for name in ("X", "Y")] * 2)
    # 90 days after 31 January is 1 May: the day before nothing had matured.
    days = np.array([day_of(date(2025, 4, 30))] * 2 + [day_of(date(2025, 5, 1))] * 2, np.int32)
    ratios = unpaid_ratios(history, asked, days, Config())
    # Then two of the three are unpaid: B, though it is paid later, and C; E is not in the books yet.
    expected = [0.0, 0.0, (1 + 10 * 2 / 3) / 12, (1 + 10 * 2 / 3) / 11]
    assert ratios.tolist() == pytest.approx(expected)


def test_a_regression_learns_nothing_from_one_outcome(ledger: Ledger, folds: tuple[Fold, ...]) -> None:
    # 365 days after their due date none of these invoices has matured.
    never = load_config({"outcomes": {"unpaid_after_days": 365}})
    trained = folds[0].train_as_of
    history = History.build(cut_ledger(ledger, trained))
    panel = build_panel(history, [trained])
    found = baselines(history, history, trained, panel, 0.3, never)
    assert set(found.unpaid["unpaid_regression"]) == {0.0}
    assert len(set(found.probabilities["regression"])) > 10


# Judging ----------------------------------------------------------------------------------


def judged(**said: list[float]) -> Judged:
    came, amount = np.array([1.0, 0.0, 1.0, 0.0]), np.array([100.0, 50.0, 10.0, 200.0])
    return Judged(
        came=came,
        amount=amount,
        book=np.array([1, 1, 1, 1]),
        customer=np.array([1, 1, 2, 3]),
        invoice=np.array([1, 2, 3, 1]),
        said={name: np.array(values) for name, values in said.items()},
        values={"late_value": came * amount, "late_days_value": came * amount * np.array([1, 0, 30, 0])},
    )


def figure(some: Judged, scorer: str, name: str, weight: np.ndarray | None = None) -> float:
    return measures(some, scorer, 2)[name](weight)


def test_money_is_ranked_by_probability_times_amount_or_by_an_order_of_its_own() -> None:
    some = judged(model=[0.9, 0.1, 0.8, 0.2], largest_amount=[100.0, 50.0, 10.0, 200.0])
    # By money the model goes 90, 40, 8, 5: the first of four rows is the 100 that end late.
    assert figure(some, "model", "late_value_20") == 100 / 110
    assert figure(some, "largest_amount", "late_value_20") == 0.0
    assert figure(some, "largest_amount", "late_value_contacts") == 100 / 110
    assert figure(some, "oracle", "late_value_20") == 100 / 110
    # 100 one day late, 10 thirty: foresight goes by money times days.
    assert figure(some, "model", "late_days_value_20") == 100 / 400
    assert figure(some, "oracle", "late_days_value_20") == 300 / 400
    assert figure(some, "model", "auc") == 1.0
    assert figure(some, "largest_amount", "auc") == 1 / 4
    assert "brier" not in measures(some, "largest_amount", 2)
    assert figure(some, "model", "brier") == pytest.approx((0.01 + 0.01 + 0.04 + 0.04) / 4)


def test_the_worklist_is_judged_as_it_is_delivered(rows: pl.DataFrame) -> None:
    # As if what ranks first of each book were in dispute.
    rank = pl.col("priority_rank")
    rows = rows.with_columns(
        set_aside=pl.when(rank == 1).then(pl.lit("dispute")).otherwise("set_aside"),
        priority_rank=pl.when(rank > 1).then(rank),
    )
    found = table(judged_late(rows), 25).filter(scorer="worklist").row(0, named=True)
    top = (
        late_rows(rows)
        .sort("as_of", pl.col("set_aside").is_not_null(), "priority_rank")
        .with_columns(place=pl.int_range(pl.len()).over("as_of"), size=pl.len().over("as_of"))
        .with_columns(money=pl.col("open_amount_reporting") * pl.col("late"))
    )
    reached = top.filter(pl.col("place") < (0.2 * pl.col("size")).ceil())["money"].sum()
    assert found["late_value_20"] == pytest.approx(reached / top["money"].sum())
    assert 0.0 < reached < top["money"].sum()
    assert (found["auc"], found["brier"]) == (None, None)


def test_weights_count_rows_and_amounts() -> None:
    some = judged(model=[0.9, 0.1, 0.8, 0.2])
    twice = np.array([2.0, 1.0, 1.0, 1.0])
    assert figure(some, "model", "late_value_20", twice) == 100 / 210
    assert figure(some, "model", "brier", twice) == pytest.approx((0.02 + 0.01 + 0.04 + 0.04) / 5)


def test_the_table_holds_every_scorer_and_names_the_best_baseline(rows: pl.DataFrame) -> None:
    late = judged_late(rows)
    found = table(late, 25)
    assert found["scorer"].to_list()[0] == "model"
    assert found["scorer"].to_list()[-1] == "oracle"
    ours = found.filter(scorer="model").row(0, named=True)
    assert ours["auc"] == AreaUnderCurve(late.said["model"], late.came)()
    theirs = found.filter(~pl.col("scorer").is_in(["model", "worklist", "oracle"]))
    best = found.filter(scorer=best_baseline(found, "auc", BASELINES["late"]))["auc"].item()
    assert best == theirs["auc"].max()
    least = found.filter(scorer=best_baseline(found, "brier", BASELINES["late"]))["brier"].item()
    assert least == theirs["brier"].min()
    for value in ("late_value_20", "late_days_value_5", "late_value_contacts"):
        assert found[value].max() == found.filter(scorer="oracle")[value].item()


def test_a_gain_over_oneself_is_nothing_and_one_draw_serves_both(rows: pl.DataFrame) -> None:
    late = judged_late(rows)
    nothing = gain(late, "model", "model", "auc", CONFIG.backtest)
    assert (nothing.interval.low, nothing.interval.value, nothing.interval.high) == (0.0, 0.0, 0.0)
    assert nothing.share_above == 0.0
    over = gain(late, "model", "oldest_due", "auc", CONFIG.backtest)
    assert 0.0 < over.interval.low <= over.interval.value <= over.interval.high
    assert over.share_above == 1.0
    # Less is better of a loss, and a gain is better whatever the figure.
    assert gain(late, "model", "base_rate", "log_loss", CONFIG.backtest).interval.value > 0.0


def test_a_rate_of_none_or_all_still_has_an_interval() -> None:
    some = judged(model=[0.9, 0.1, 0.8, 0.2])
    # Three pairs of customer and day: 1 - 0.025 ** (1 / 3) of nothing, 0.025 ** (1 / 3) of all.
    rate = interval_of_rate(np.zeros(4), some.cluster, CONFIG.backtest)
    assert (rate.value, rate.low) == (0.0, 0.0)
    assert rate.high == pytest.approx(0.7076, abs=1e-4)
    rate = interval_of_rate(np.ones(4), some.cluster, CONFIG.backtest)
    assert (rate.value, rate.high) == (1.0, 1.0)
    assert rate.low == pytest.approx(0.2924, abs=1e-4)
    assert interval_of_rate(some.came, some.cluster, CONFIG.backtest).value == 0.5


def test_a_slope_needs_ten_of_each_outcome(rows: pl.DataFrame) -> None:
    late = judged_late(rows)
    came = np.flatnonzero(late.came == 1.0)
    few = late.take(np.concatenate([came[:9], np.flatnonzero(late.came == 0.0)]))
    assert set(intervals_of_slope(few, "model", CONFIG.backtest).values()) == {None}
    enough = late.take(np.concatenate([came[:10], np.flatnonzero(late.came == 0.0)]))
    assert intervals_of_slope(enough, "model", CONFIG.backtest)["slope"] is not None


def test_first_looks_and_the_rest_without_the_largest_customer() -> None:
    some = judged(model=[0.9, 0.1, 0.8, 0.2])
    assert first_looks(some).amount.tolist() == [100.0, 50.0, 10.0]
    assert without_largest(some).amount.tolist() == [10.0, 200.0]
    owed = np.array([0.0, 9.0, 1.0, 2.0])
    rest = without_largest(some, owed)
    assert sorted(rest.amount) == sorted(some.amount[some.customer != some.customer[1]])


def test_what_holds_by_both_ways_of_drawing_lies_between_the_outer_ends() -> None:
    def ends(low: float, high: float) -> Interval:
        return Interval(0.2, low, high)

    assert outermost(ends(0.1, 0.3), ends(-0.1, 0.25)) == ends(-0.1, 0.3)
    alone = outermost(ends(0.1, 0.3), ends(float("nan"), float("nan")))
    assert not alone.low > 0.0
    assert not alone.high < 0.0


def test_slices_part_the_rows(rows: pl.DataFrame) -> None:
    some = late_rows(rows)
    found = slices(some)
    kinds = {"amount_quartile", "settled_count", "customer_age", "days_to_due", "month", "segment"}
    assert set(found) == kinds
    for kind, parts in found.items():
        counted = sum(part.astype(int) for part in parts.values())
        assert (counted == 1).all() or kind == "segment"


def test_settings_of_a_backtest_are_settings_of_a_run() -> None:
    assert Config().backtest == BacktestSettings()
    assert load_config({"backtest": {"fold_days": 14}}).backtest.fold_days == 14
