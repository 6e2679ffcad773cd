"""Outcomes: every rule of settlement worked by hand, and which pairs may be learned from."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from books import START, day, ledgers, small_ledger
from hypothesis import given, settings
from hypothesis import strategies as st

from paydelay.config import Config, LedgerSettings
from paydelay.errors import ImmatureOutcomeError, LedgerError
from paydelay.features import CATALOGUE
from paydelay.history import NEVER, History, cut_ledger, day_of
from paydelay.ledger import Ledger
from paydelay.outcomes import Outcomes, panel, recording_lag_days
from paydelay.panel import build_panel, invoice_weights

INVOICE = {"invoice_id": "F1", "issue_date": day("2024-01-01"), "due_date": day("2024-01-31")}
LATER = "2024-12-31"
CANCELLED = "cancelled"
UNSETTLED = float("inf")
NO_LAG = LedgerSettings(recording_lag_days=0)
FEW = CATALOGUE.select(["days_past_due", "amount"])

thorough = settings(max_examples=40)


def paid(when: str, amount: float = 1000.0, **rest: Any) -> dict[str, Any]:
    return {"customer_id": "C1", "invoice_id": "F1", "payment_date": day(when), "amount": amount, **rest}


def happened(kind: str, when: str, **rest: Any) -> dict[str, Any]:
    return {"event_type": kind, "event_date": day(when), "customer_id": "C1", **rest}


def a_ledger(*payments: dict[str, Any], events: Any = None, **invoice: Any) -> Ledger:
    return small_ledger([{**INVOICE, **invoice}], list(payments), events)


def outcomes(ledger: Ledger, labels_at: str = LATER, lag: int | None = 0) -> Outcomes:
    wanted = LedgerSettings(recording_lag_days=lag)
    return Outcomes.of(History.build(ledger, wanted), day(labels_at), wanted)


def delay(ledger: Ledger, labels_at: str = LATER, invoice: int = 0) -> float | str:
    """Days of delay of one invoice, infinite where it is not settled."""
    found = outcomes(ledger, labels_at).delay_days(np.array([invoice]))[0]
    return CANCELLED if np.isnan(found) else float(found)


def open_at(
    ledger: Ledger, as_of: str, horizons: list[int], labels_at: str = LATER, lag: int = 0
) -> list[float | None]:
    """Label of the first invoice at each horizon; None where the pair has no part."""
    labels = outcomes(ledger, labels_at, lag).labels(
        np.array([0]), np.array([day_of(day(as_of))]), np.array(horizons)
    )
    return [None if np.isnan(label) else float(label) for label in labels[0]]


# Settlement ------------------------------------------------------------------------------


def test_delay_runs_from_the_due_date_and_is_negative_when_early() -> None:
    assert delay(a_ledger(paid("2024-02-05"))) == 5
    assert delay(a_ledger(paid("2024-01-31"))) == 0
    assert delay(a_ledger(paid("2024-01-21"))) == -10
    assert delay(a_ledger()) == UNSETTLED


@pytest.mark.parametrize(
    ("amount", "enough", "too_little"),
    [
        (1000.0, 995.00, 994.99),  # half a percent
        (100.0, 99.00, 98.99),  # one unit of the currency
        (200.0, 199.00, 198.99),  # both the same
        (0.90, 0.45, 0.44),  # of a tiny invoice half has to be paid
        (1.50, 0.75, 0.74),
        (0.01, 0.01, None),
    ],
)
def test_what_is_left_within_the_tolerance_settles(
    amount: float, enough: float, too_little: float | None
) -> None:
    assert delay(a_ledger(paid("2024-02-10", enough), amount=amount)) == 10
    if too_little is not None:
        assert delay(a_ledger(paid("2024-02-10", too_little), amount=amount)) == UNSETTLED


def test_the_tolerance_can_be_set() -> None:
    wanted = LedgerSettings(tolerance_amount=50.0, tolerance_share=0.0, recording_lag_days=0)
    ledger = a_ledger(paid("2024-02-10", 950.0))
    assert Outcomes.of(History.build(ledger, wanted), day(LATER), wanted).delay_days(np.array([0])) == [10]


def test_part_payments_settle_on_the_day_of_the_last_one_needed() -> None:
    parts = [paid("2024-01-20", 300.0), paid("2024-02-20", 400.0), paid("2024-03-01", 300.0)]
    assert delay(a_ledger(*parts)) == 30
    assert delay(a_ledger(*parts[:2])) == UNSETTLED
    assert delay(a_ledger(*parts, paid("2024-04-01", 10.0))) == 30


def test_a_bounced_debit_is_not_a_settlement() -> None:
    bounced = [paid("2024-01-31"), paid("2024-02-06", -1000.0)]
    ledger = a_ledger(*bounced, paid("2024-02-20"))
    assert delay(ledger, "2024-02-05") == 0
    assert delay(ledger, "2024-02-06") == UNSETTLED
    assert delay(ledger, "2024-02-19") == UNSETTLED
    assert delay(ledger, "2024-02-20") == 20
    assert delay(a_ledger(*bounced)) == UNSETTLED


def test_a_payment_taken_back_the_same_day_never_settled() -> None:
    undone = [paid("2024-01-31"), paid("2024-01-31", -1000.0)]
    assert delay(a_ledger(*undone)) == UNSETTLED
    assert delay(a_ledger(*undone, paid("2024-02-20"))) == 20


def test_a_bounce_recorded_after_the_second_payment_is_dated_before_it() -> None:
    ledger = a_ledger(
        paid("2024-01-31"),
        paid("2024-02-06", -1000.0, recorded_on=day("2024-03-01")),
        paid("2024-02-20", recorded_on=day("2024-02-20")),
    )
    # Twice paid by what is known, so the first payment still stands.
    assert delay(ledger, "2024-02-25") == 0
    assert delay(ledger, "2024-03-01") == 20


def test_the_second_of_two_payments_does_not_move_the_settlement() -> None:
    ledger = a_ledger(paid("2024-02-05"), paid("2024-02-20"), paid("2024-03-05", -1000.0))
    assert delay(ledger, "2024-02-10") == 5
    assert delay(ledger, "2024-02-25") == 5
    assert delay(ledger) == 5


def test_a_discount_counts_like_money() -> None:
    short = paid("2024-01-21", 980.0)
    assert delay(a_ledger(short)) == UNSETTLED
    assert delay(a_ledger(short, paid("2024-01-21", 20.0, kind="discount"))) == -10
    assert delay(a_ledger(short, paid("2024-02-02", 20.0, kind="discount"))) == 2


def test_one_transfer_settles_a_group_of_invoices() -> None:
    invoices = [
        {"invoice_id": f"F{n}", "issue_date": day("2024-01-01"), "due_date": day(due), "amount": amount}
        for n, (due, amount) in enumerate(
            [("2024-01-31", 100.0), ("2024-02-10", 250.0), ("2024-02-29", 650.0)]
        )
    ]
    payments = [
        {"invoice_id": f"F{n}", "payment_date": day("2024-02-15"), "amount": amount}
        for n, amount in enumerate([100.0, 250.0, 650.0])
    ]
    ledger = small_ledger(invoices, payments)
    assert [delay(ledger, invoice=n) for n in range(3)] == [15, 5, -14]


def test_cash_on_account_settles_only_when_it_is_allocated() -> None:
    on_account = paid("2024-01-30", invoice_id=None)
    allocated = [paid("2024-03-01", -1000.0, invoice_id=None), paid("2024-03-01")]
    assert delay(a_ledger(on_account)) == UNSETTLED
    assert delay(a_ledger(on_account, *allocated), "2024-02-29") == UNSETTLED
    assert delay(a_ledger(on_account, *allocated)) == 30


def test_a_new_due_date_leaves_the_first_one_to_measure_by() -> None:
    moved = happened("due_date_changed", "2024-01-20", invoice_id="F1", new_date=day("2024-03-31"))
    ledger = a_ledger(paid("2024-03-15"), events=[moved])
    assert delay(ledger) == 44
    assert open_at(ledger, "2024-01-25", [0, 30, 60]) == [1, 1, 0]


def test_a_payment_recorded_late_settles_on_its_own_date_once_it_is_known() -> None:
    ledger = a_ledger(paid("2024-01-31", recorded_on=day("2024-02-20")))
    assert delay(ledger, "2024-02-19") == UNSETTLED
    assert delay(ledger, "2024-02-20") == 0
    # On 10 February nobody knew, so the pair is learned from, with what the bank says today.
    assert open_at(ledger, "2024-01-25", [0, 15]) == [0, 0]
    assert open_at(ledger, "2024-02-10", [15]) == [0]


# Lost claims -----------------------------------------------------------------------------


@pytest.mark.parametrize("written_off_on", ["2024-01-20", "2024-01-31", "2024-03-01"])
def test_a_write_off_before_the_money_is_never_settled(written_off_on: str) -> None:
    ledger = a_ledger(paid(written_off_on, kind="write_off"), paid("2024-04-01"))
    assert delay(ledger) == UNSETTLED
    assert open_at(ledger, "2024-01-10", [0, 30, 90]) == [1, 1, 1]


def test_a_write_off_settles_nothing_by_itself() -> None:
    assert delay(a_ledger(paid("2024-03-01", kind="write_off"))) == UNSETTLED
    part = [paid("2024-02-01", 600.0), paid("2024-03-01", 400.0, kind="write_off")]
    assert delay(a_ledger(*part)) == UNSETTLED


@pytest.mark.parametrize("written_off_on", ["2024-02-10", "2024-03-01"])
def test_a_write_off_of_what_is_paid_already_changes_nothing(written_off_on: str) -> None:
    ledger = a_ledger(paid("2024-02-10", 996.0), paid(written_off_on, 4.0, kind="write_off"))
    assert delay(ledger) == 10


def test_a_write_off_taken_back_counts_no_more() -> None:
    ledger = a_ledger(
        paid("2024-02-15", kind="write_off"),
        paid("2024-02-20", -1000.0, kind="write_off"),
        paid("2024-03-01"),
    )
    assert delay(ledger, "2024-02-16") == UNSETTLED
    assert delay(ledger) == 30


def test_insolvency_before_the_money_is_never_settled() -> None:
    insolvent = happened("insolvency", "2024-02-15")
    assert delay(a_ledger(events=[insolvent])) == UNSETTLED
    assert delay(a_ledger(paid("2024-06-01"), events=[insolvent])) == UNSETTLED
    assert delay(a_ledger(paid("2024-02-10"), events=[insolvent])) == 10
    assert delay(a_ledger(paid("2024-02-15"), events=[insolvent])) == 15


def test_insolvency_is_known_from_its_recording_on() -> None:
    insolvent = happened("insolvency", "2024-02-15", recorded_on=day("2024-03-10"))
    ledger = a_ledger(paid("2024-03-01"), events=[insolvent])
    assert delay(ledger, "2024-03-09") == 30
    assert delay(ledger, "2024-03-10") == UNSETTLED


def test_an_invoice_issued_after_the_insolvency_is_judged_like_any_other() -> None:
    insolvent = [happened("insolvency", "2023-12-15")]
    assert delay(a_ledger(paid("2024-02-05"), events=insolvent)) == 5
    assert open_at(a_ledger(paid("2024-02-05"), events=insolvent), "2024-01-10", [0, 30]) == [1, 0]


def test_the_first_insolvency_after_the_issue_counts_not_the_customers_first() -> None:
    twice = [happened("insolvency", "2023-06-01"), happened("insolvency", "2024-02-15")]
    ledger = a_ledger(paid("2024-06-01"), events=twice)
    assert delay(ledger) == UNSETTLED
    assert open_at(ledger, "2024-02-14", [30, 60]) == [1, 1]
    assert open_at(ledger, "2024-02-15", [30, 60]) == [None, None]


def test_another_customers_insolvency_changes_nothing() -> None:
    other = [happened("insolvency", "2024-01-15") | {"customer_id": "C2"}]
    invoices = [INVOICE, {**INVOICE, "invoice_id": "F2", "customer_id": "C2"}]
    ledger = small_ledger(invoices, [paid("2024-02-05"), paid("2024-02-05", invoice_id="F2")], other)
    assert [delay(ledger, invoice=n) for n in (0, 1)] == [5, UNSETTLED]


# Credit notes ----------------------------------------------------------------------------


def test_a_wholly_credited_invoice_is_a_third_outcome() -> None:
    ledger = a_ledger(paid("2024-02-20", kind="credit_note"))
    assert delay(ledger, "2024-02-19") == UNSETTLED
    assert delay(ledger) == CANCELLED
    assert outcomes(ledger).cancelled.tolist() == [True]
    assert open_at(ledger, "2024-01-10", [0, 30, 60]) == [None, None, None]
    assert delay(a_ledger(paid("2024-02-20", 996.0, kind="credit_note"))) == CANCELLED
    assert delay(a_ledger(paid("2024-02-05"), paid("2024-02-20", kind="credit_note"))) == CANCELLED


def test_a_part_credited_invoice_is_settled_by_the_rest() -> None:
    credit = paid("2024-01-20", 400.0, kind="credit_note")
    assert delay(a_ledger(credit)) == UNSETTLED
    assert delay(a_ledger(credit, paid("2024-02-10", 600.0))) == 10
    assert delay(a_ledger(credit, paid("2024-02-10", 590.0))) == UNSETTLED


def test_a_credit_note_for_the_rest_settles_on_its_date() -> None:
    assert delay(a_ledger(paid("2024-01-31", 600.0), paid("2024-02-15", 400.0, kind="credit_note"))) == 15


def test_a_credit_note_taken_back_leaves_the_claim_open() -> None:
    ledger = a_ledger(paid("2024-02-01", kind="credit_note"), paid("2024-02-10", -1000.0, kind="credit_note"))
    assert delay(ledger, "2024-02-05") == CANCELLED
    assert delay(ledger) == UNSETTLED


# Which pairs have a label ----------------------------------------------------------------


def test_labels_say_whether_the_invoice_was_still_open_at_the_horizon() -> None:
    ledger = a_ledger(paid("2024-02-10"))
    assert open_at(ledger, "2024-01-15", [-10, 0, 9, 10, 11, 90]) == [1, 1, 1, 0, 0, 0]


def test_on_the_due_date_the_horizon_of_that_day_is_known_already() -> None:
    ledger = a_ledger(paid("2024-02-10"))
    assert open_at(ledger, "2024-01-30", [-1, 0, 1]) == [None, 1, 1]
    assert open_at(ledger, "2024-01-31", [-1, 0, 1]) == [None, None, 1]
    assert open_at(ledger, "2024-02-05", [0, 5, 6, 10]) == [None, None, 1, 0]


@pytest.mark.parametrize("payments", [[], [paid("2024-01-15")], [paid("2024-02-20")]])
def test_a_pair_is_mature_by_its_dates_alone(payments: list[dict[str, Any]]) -> None:
    def usable(labels_at: str, lag: int) -> list[bool]:
        found = open_at(a_ledger(*payments), "2024-01-10", [0, 10, 30], labels_at, lag)
        return [label is not None for label in found]

    assert usable("2024-01-30", 0) == [False, False, False]
    assert usable("2024-01-31", 0) == [True, False, False]
    assert usable("2024-02-09", 0) == [True, False, False]
    assert usable("2024-02-10", 0) == [True, True, False]
    assert usable("2024-02-10", 5) == [True, False, False]
    assert usable("2024-02-15", 5) == [True, True, False]
    assert usable("2024-03-05", 5) == [True, True, False]
    assert usable("2024-03-06", 5) == [True, True, True]
    assert usable("2024-03-01", 0) == [True, True, True]


def test_mature_until_names_the_last_due_day() -> None:
    found = outcomes(a_ledger(), "2024-03-01", lag=5)
    assert found.mature_until(20) == day_of(day("2024-02-05"))


def test_the_recording_lag_is_the_99th_percentile_of_what_was_seen() -> None:
    def lag_with(late_count: int, labels_at: str = LATER) -> int:
        invoices = [{**INVOICE, "invoice_id": f"F{n:03d}"} for n in range(201)]
        payments = [
            {
                "invoice_id": f"F{n:03d}",
                "payment_date": day("2024-02-01"),
                "recorded_on": day("2024-02-01") + timedelta(20 if n < late_count else 3),
            }
            for n in range(201)
        ]
        return recording_lag_days(History.build(small_ledger(invoices, payments)), day_of(day(labels_at)))

    assert lag_with(2) == 3
    assert lag_with(3) == 20
    assert lag_with(3, "2024-02-10") == 3
    assert lag_with(3, "2024-02-02") == 0


def test_the_measured_lag_holds_back_young_pairs_and_a_given_one_replaces_it() -> None:
    ledger = a_ledger(paid("2024-02-01", recorded_on=day("2024-02-08")))
    assert outcomes(ledger, lag=None).recording_lag_days == 7
    assert Outcomes.of(History.build(ledger), day(LATER)).recording_lag_days == 7
    assert outcomes(ledger, lag=2).recording_lag_days == 2
    assert outcomes(a_ledger(paid("2024-02-01")), lag=None).recording_lag_days == 0
    assert outcomes(a_ledger(), lag=None).recording_lag_days == 0


def test_a_claim_known_to_be_lost_is_not_learned_from() -> None:
    ledger = a_ledger(paid("2024-02-15", kind="write_off"))
    assert open_at(ledger, "2024-02-14", [30, 60]) == [1, 1]
    assert open_at(ledger, "2024-02-15", [30, 60]) == [None, None]
    insolvent = a_ledger(events=[happened("insolvency", "2024-02-15")])
    assert open_at(insolvent, "2024-02-14", [30, 60]) == [1, 1]
    assert open_at(insolvent, "2024-02-15", [30, 60]) == [None, None]


def test_a_loss_recorded_late_is_learned_from_until_it_is_known() -> None:
    recorded = {"recorded_on": day("2024-03-10")}
    for ledger in (
        a_ledger(paid("2024-02-15", kind="write_off", **recorded)),
        a_ledger(events=[happened("insolvency", "2024-02-15", **recorded)]),
    ):
        assert open_at(ledger, "2024-03-09", [60]) == [1]
        assert open_at(ledger, "2024-03-10", [60]) == [None]


def test_a_pair_known_to_be_lost_is_left_out_even_where_the_money_had_come_before() -> None:
    # On 20 February the score is 1 by rule: the payment of the 10th is not recorded yet.
    ledger = a_ledger(
        paid("2024-02-10", recorded_on=day("2024-02-25")), events=[happened("insolvency", "2024-02-15")]
    )
    assert delay(ledger) == 10
    assert open_at(ledger, "2024-02-14", [20]) == [0]
    assert open_at(ledger, "2024-02-20", [30, 60]) == [None, None]


def test_rows_after_the_date_of_labelling_are_refused() -> None:
    with pytest.raises(ImmatureOutcomeError, match="after the date of labelling"):
        open_at(a_ledger(), "2024-03-02", [60], labels_at="2024-03-01")


def test_no_rows_have_no_labels() -> None:
    none = outcomes(a_ledger()).labels(np.empty(0, np.int64), np.empty(0, np.int32), np.array([0, 30]))
    assert none.shape == (0, 2)


def test_an_invoice_not_known_when_labelling_has_no_outcome() -> None:
    found = outcomes(a_ledger(paid("2024-01-05"), recorded_on=day("2024-02-20")), "2024-02-19")
    assert found.settled_day.tolist() == [NEVER]
    assert found.cancelled.tolist() == [False]


# Against a slow reading, and against the payments ----------------------------------------


def slow_delay(ledger: Ledger, row: dict[str, Any], labels_at: date) -> float | None:
    """Delay of an invoice by reading its facts known at a date; None where cancelled."""
    known = (pl.col("invoice_id") == row["invoice_id"]) & (pl.col("known_on") <= labels_at)
    facts = ledger.payments.filter(known).to_dicts()
    cents = round(row["amount"] * 100)
    limit = min(round(max(100.0, 0.005 * cents)), cents // 2)
    moved: dict[date, int] = defaultdict(int)
    lost: dict[tuple[date, date], int] = defaultdict(int)
    for fact in facts:
        value = round(fact["amount"] * 100)
        if fact["kind"] == "write_off":
            lost[max(fact["known_on"], row["known_on"]), fact["payment_date"]] += value
        else:
            moved[fact["payment_date"]] += value
    credit = sum(round(fact["amount"] * 100) for fact in facts if fact["kind"] == "credit_note")
    if credit > 0 and cents - credit <= limit:
        return None
    settled = None
    for when in sorted(moved, reverse=True):
        if cents - sum(value for other, value in moved.items() if other <= when) > limit:
            break
        settled = when
    ended = [when for (_, when), value in lost.items() if value > 0] if sum(lost.values()) > limit else []
    heard = (pl.col("event_type") == "insolvency") & (pl.col("known_on") <= labels_at)
    same = pl.col("customer_id") == row["customer_id"]
    ended += ledger.events.filter(heard & same & (pl.col("event_date") >= row["issue_date"]))[
        "event_date"
    ].to_list()
    if settled is None or any(when < settled for when in ended):
        return UNSETTLED
    return float((settled - row["due_date"]).days)


@thorough
@given(ledgers(), st.integers(30, 330))
def test_delays_equal_the_slow_reading(ledger: Ledger, offset: int) -> None:
    labels_at = START + timedelta(offset)
    found = Outcomes.of(History.build(ledger), labels_at)
    delays = found.delay_days(np.arange(ledger.invoices.height))
    for number, row in enumerate(ledger.invoices.to_dicts()):
        if row["known_on"] > labels_at:
            continue
        expected = slow_delay(ledger, row, labels_at)
        assert np.isnan(delays[number]) if expected is None else delays[number] == expected


def every_pair(ledger: Ledger, labels_at: date, horizons: np.ndarray) -> np.ndarray:
    """Labels of all invoices on every tenth day, open or not."""
    found = Outcomes.of(History.build(ledger, NO_LAG), labels_at, NO_LAG)
    days = np.arange(day_of(START), day_of(labels_at) + 1, 10)
    invoice = np.repeat(np.arange(ledger.invoices.height), len(days))
    return found.labels(invoice, np.tile(days, ledger.invoices.height), horizons)


HORIZONS = np.array([-10, 0, 15, 30, 60, 90])


@thorough
@given(ledgers(), st.integers(30, 330), st.randoms(use_true_random=False))
def test_whether_and_when_an_invoice_was_paid_decides_no_pair(
    ledger: Ledger, offset: int, chance: Any
) -> None:
    labels_at = START + timedelta(offset)
    usable = ~np.isnan(every_pair(ledger, labels_at, HORIZONS))
    money = pl.col("kind").is_in(["payment", "discount"])
    unpaid = replace(ledger, payments=ledger.payments.filter(~money))
    np.testing.assert_array_equal(usable, ~np.isnan(every_pair(unpaid, labels_at, HORIZONS)))
    shift = pl.Series(
        [timedelta(chance.randint(-40, 40)) for _ in range(ledger.payments.height)], dtype=pl.Duration
    )
    moved = ledger.payments.with_columns(
        pl.when(money).then(pl.col(name) + shift).otherwise(pl.col(name)).alias(name)
        for name in ("payment_date", "known_on")
    ).sort("known_on", "invoice_id", "customer_id", "payment_date", "amount", "kind")
    other = every_pair(replace(ledger, payments=moved), labels_at, HORIZONS)
    np.testing.assert_array_equal(usable, ~np.isnan(other))


@thorough
@given(ledgers(), st.integers(30, 200), st.integers(0, 130))
def test_usable_pairs_are_mature_open_and_not_decided_by_rule(ledger: Ledger, offset: int, wait: int) -> None:
    as_of, labels_at = START + timedelta(offset), START + timedelta(offset + wait)
    history = History.build(ledger, NO_LAG)
    found = Outcomes.of(history, labels_at, NO_LAG)
    rows = build_panel(history, [as_of], FEW)
    labels = found.label(rows, HORIZONS.tolist()).y
    decided = (rows.rows["written_off"] | rows.rows["insolvent_on"].is_not_null()).to_numpy()
    due = rows.rows["due_date"].cast(pl.Int32).to_numpy()
    for horizon in HORIZONS.tolist():
        used = ~np.isnan(labels[horizon])
        by_date = (due + horizon > day_of(as_of)) & (due + horizon <= day_of(labels_at))
        assert not (used & decided).any()
        assert not (used & ~by_date).any()
        left_out = by_date & ~used
        ended = found.cancelled[rows.invoice] | (found.lost_known_day[rows.invoice] <= day_of(as_of))
        assert not (left_out & ~ended).any()


@thorough
@given(ledgers(), st.integers(30, 330))
def test_labels_use_nothing_recorded_after_the_date_of_labelling(ledger: Ledger, offset: int) -> None:
    labels_at = START + timedelta(offset)
    full = Outcomes.of(History.build(ledger), labels_at)
    cut = Outcomes.of(History.build(cut_ledger(ledger, labels_at)), labels_at)
    count = len(cut.due_day)
    assert full.recording_lag_days == cut.recording_lag_days
    for name in ("settled_day", "cancelled", "lost_day"):
        np.testing.assert_array_equal(getattr(full, name)[:count], getattr(cut, name))
    assert (full.settled_day[count:] == NEVER).all()


# The front for one's own experiments -----------------------------------------------------


def test_a_panel_carries_features_labels_groups_and_weights() -> None:
    ledger = a_ledger(paid("2024-02-10", recorded_on=day("2024-02-14")))
    found = panel(ledger, ["2024-01-15", date(2024, 2, 5)], labels_at="2024-03-01", horizons_days=[0, 20])
    assert found.rows["as_of"].to_list() == [day("2024-01-15"), day("2024-02-05")]
    assert found.X.shape == (2, len(CATALOGUE))
    np.testing.assert_array_equal(found.y[0], [1.0, np.nan])
    # 31 January + 20 days + a lag of 4 lies before 1 March.
    np.testing.assert_array_equal(found.y[20], [0.0, 0.0])
    assert found.groups.rows() == [("F1", "C1"), ("F1", "C1")]
    assert found.weights.tolist() == invoice_weights(found.invoice).tolist()


def test_a_panel_takes_its_lag_from_the_settings() -> None:
    ledger = a_ledger(paid("2024-02-10"))
    config = Config(ledger=LedgerSettings(recording_lag_days=20))
    assert np.isnan(panel(ledger, ["2024-01-15"], "2024-02-19", [0], config, FEW).y[0]).all()
    assert panel(ledger, ["2024-01-15"], "2024-02-20", [0], config, FEW).y[0].tolist() == [1.0]


def test_a_panel_without_a_date_of_labelling_has_no_labels() -> None:
    found = panel(a_ledger(), ["2024-01-15"], catalogue=FEW)
    assert found.y == {}
    assert len(found) == 1


def test_a_panel_asks_for_dates_it_can_read() -> None:
    with pytest.raises(LedgerError, match="at least one date"):
        panel(a_ledger(), [])
    with pytest.raises(LedgerError, match="'15/01/2024' is not a date"):
        panel(a_ledger(), ["15/01/2024"])
    with pytest.raises(ImmatureOutcomeError):
        panel(a_ledger(), ["2024-03-02"], labels_at="2024-03-01", catalogue=FEW)


def test_a_panel_is_not_labelled_beyond_what_the_ledger_records() -> None:
    invoices = [
        {"issue_date": day("2024-01-01") + timedelta(7 * week), "due_date": day("2024-03-01")}
        for week in range(5)
    ]
    rows = [
        row | {"invoice_id": f"F{number}", "customer_id": "C1", "amount": 10.0}
        for number, row in enumerate(invoices)
    ]
    ledger = small_ledger(rows, [])
    assert panel(ledger, ["2024-01-20"], labels_at="2024-02-05").y[0].shape == (3,)
    with pytest.raises(ImmatureOutcomeError):
        panel(ledger, ["2024-01-20"], labels_at="2024-02-06")
