"""Features: what they declare, and their values worked by hand."""

from __future__ import annotations

import math
import re
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from books import START, day, ledgers, small_ledger
from hypothesis import given, settings
from hypothesis import strategies as st

from paydelay.errors import FeatureMismatchError
from paydelay.explain import check_causes
from paydelay.features import CATALOGUE, RUN_RATE_NAMES, Catalogue, Feature, smoothed_late_ratio
from paydelay.features.behaviour import SHRINKAGE, book_late_share
from paydelay.features.rhythm import WAIT_CAP_DAYS, expected_runs, run_rates
from paydelay.history import History, PastView
from paydelay.language import Evidence, languages, reason_text
from paydelay.ledger import Ledger
from paydelay.panel import build_panel

SUFFIX_UNITS = {"days": "days", "count": "count", "share": "share", "amount": "amount"}
RATIOS_NAMED_SHARE = {"partly_paid_share_365"}
"""An invoice may be paid in many parts; the column keeps the name models know it by."""
WINDOW = re.compile(r"_(?P<days>\d+)$|_last(?P<last>\d+)$|_all$")


# What they declare -----------------------------------------------------------------------


def test_every_feature_says_what_it_is() -> None:
    assert len(CATALOGUE) >= 80
    assert len(set(CATALOGUE.names)) == len(CATALOGUE)
    for feature in CATALOGUE:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", feature.name), feature.name
        assert feature.meaning.endswith("."), feature.name
        assert feature.formula.strip(), feature.name
        assert feature.cause.strip(), feature.name


@pytest.mark.parametrize("feature", CATALOGUE.features, ids=lambda feature: feature.name)
def test_names_agree_with_units_and_windows(feature: Feature) -> None:
    window = WINDOW.search(feature.name)
    suffix = WINDOW.sub("", feature.name).rpartition("_")[2]
    if suffix in SUFFIX_UNITS and feature.name not in RATIOS_NAMED_SHARE:
        assert feature.unit == SUFFIX_UNITS[suffix]
    if window and window["days"]:
        assert feature.window_days == int(window["days"])
    if window and window["last"]:
        assert feature.last_count == int(window["last"])
    assert feature.window_days is None or feature.last_count is None


def test_what_counts_the_observations_is_a_count() -> None:
    counted = [feature for feature in CATALOGUE if feature.count]
    assert len(counted) > 20
    for feature in counted:
        assert CATALOGUE[str(feature.count)].unit == "count", feature.name


def test_every_family_of_the_design_is_there() -> None:
    families = {feature.family for feature in CATALOGUE}
    assert families == {"behaviour", "rhythm", "exposure", "seasonality", "invoice", "climate"}


def test_every_cause_can_be_told_in_every_language() -> None:
    check_causes(CATALOGUE.features)
    assert set(languages()) >= {"en", "fr"}
    for language in languages():
        for feature in (each for each in CATALOGUE if each.told):
            for value in (1.0, 3.0) if feature.unit == "date_part" else (0.0, 1.0, 3.0):
                told = Evidence(value, feature.unit, feature.window_days, feature.last_count, 4, 2.0, 3.0)
                text = reason_text(feature.cause, told, language)
                assert text.strip(), feature.name
                assert "_" not in text, feature.name


def test_run_rates_are_monday_to_sunday() -> None:
    assert [name.rpartition("_")[2][:3] for name in RUN_RATE_NAMES] == [
        *("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    ]
    assert set(RUN_RATE_NAMES) <= set(CATALOGUE.names)


# The catalogue ---------------------------------------------------------------------------


def a_feature(name: str, compute: Any = None, **rest: Any) -> Feature:
    return Feature(
        name,
        "invoice",
        "days",
        "Of one's own.",
        "formula",
        "amount",
        compute or (lambda view: np.zeros(len(view))),
        **rest,
    )


def test_two_features_of_one_name_are_refused() -> None:
    with pytest.raises(FeatureMismatchError, match="Two features are named one, two"):
        Catalogue([a_feature(name) for name in ("two", "one", "two", "three", "one")])


def test_a_feature_that_counts_by_an_absent_one_is_refused() -> None:
    with pytest.raises(FeatureMismatchError, match=r"The feature mean .*payment_count"):
        Catalogue([a_feature("mean", count="payment_count")])


def test_features_are_selected_by_name_in_the_order_asked() -> None:
    names = ["terms_days", "amount", "days_past_due"]
    chosen = CATALOGUE.select(names)
    assert chosen.names == tuple(names)
    assert [feature.name for feature in chosen] == names
    with pytest.raises(FeatureMismatchError, match="no feature named colour"):
        CATALOGUE.select(["colour"])


@pytest.mark.parametrize("wrong", [lambda view: np.zeros(len(view) + 1), lambda _view: np.float64(1.0)])
def test_a_feature_gives_one_number_per_row(wrong: Any) -> None:
    view = view_of(small_ledger([invoice("F1", "2024-01-01", "2024-01-31")]), "2024-01-10")
    with pytest.raises(FeatureMismatchError, match=r"mine returned .*each of the 1 rows"):
        Catalogue([a_feature("mine", wrong)]).matrix(view)


# A book worked by hand -------------------------------------------------------------------


def invoice(name: str, issued: str, due: str, amount: float = 1000.0, customer: str = "C1") -> dict[str, Any]:
    return {
        "invoice_id": name,
        "customer_id": customer,
        "issue_date": day(issued),
        "due_date": day(due),
        "amount": amount,
    }


def paid(name: str, when: str, amount: float = 1000.0, **rest: Any) -> dict[str, Any]:
    return {"invoice_id": name, "payment_date": day(when), "amount": amount, **rest}


def event(kind: str, when: str, name: str | None = None, **rest: Any) -> dict[str, Any]:
    return {"event_type": kind, "event_date": day(when), "invoice_id": name, "customer_id": "C1", **rest}


def view_of(ledger: Ledger, when: str) -> PastView:
    history = History.build(ledger)
    return PastView(history, *history.open_rows([day(when)]))


def values_of(ledger: Ledger, when: str) -> dict[str, dict[str, float]]:
    """Every feature of every open invoice, by invoice id."""
    panel = build_panel(History.build(ledger), [day(when)])
    return {
        name: dict(zip(panel.feature_names, row.tolist(), strict=True))
        for name, row in zip(panel.rows["invoice_id"], panel.X.astype(np.float64), strict=True)
    }


def a_book() -> Ledger:
    """Looked at on Sunday 30 June 2024: C1 pays late, C2 on time, C3 is new."""
    invoices = [
        invoice("A1", "2024-01-01", "2024-01-31"),
        invoice("A2", "2024-02-01", "2024-03-02"),
        invoice("A3", "2024-03-01", "2024-03-31"),
        invoice("A4", "2024-04-01", "2024-05-01", 3000.0),
        invoice("LATE", "2024-05-01", "2024-05-31"),
        invoice("OPEN", "2024-06-03", "2024-07-03", 2000.0),
        invoice("B1", "2024-03-01", "2024-03-31", customer="C2"),
        invoice("B2", "2024-04-01", "2024-05-01", customer="C2"),
        invoice("B3", "2024-06-10", "2024-07-10", 4000.0, "C2"),
        invoice("NEW", "2024-06-20", "2024-07-20", 500.0, "C3"),
    ]
    payments = [
        paid("A1", "2024-02-10"),  # 10 days late
        paid("A2", "2024-03-02"),  # on the day
        paid("A3", "2024-05-05"),  # 35 days late
        paid("A4", "2024-05-21", 3000.0),  # 20 days late
        paid("OPEN", "2024-06-20", 500.0),
        paid("B1", "2024-03-31"),
        paid("B2", "2024-04-26"),  # 5 days early
    ]
    events = [
        event("reminder_sent", "2024-02-05", "A1"),
        event("reminder_sent", "2024-06-10", "LATE"),
        event("dispute_opened", "2024-06-15", "LATE"),
        event("due_date_changed", "2024-06-12", "OPEN", new_date=day("2024-07-20")),
        event("promise_to_pay", "2024-06-05", "LATE", new_date=day("2024-06-15")),
        event("promise_to_pay", "2024-06-20", "LATE", new_date=day("2024-07-15")),
    ]
    start = day("2024-01-01")
    customers = [
        {"customer_id": "C1", "segment": "large", "parent_id": "P", "credit_limit": 5000.0},
        {"customer_id": "C2", "segment": "small"},
        {"customer_id": "C3", "parent_id": "P"},
    ]
    known = [{"valid_from": start, "country": "FR", **row} for row in customers]
    return small_ledger(invoices, payments, events, known)


AS_OF = "2024-06-30"
BOOK_LATE = 3 / 6
OWN_LATE = (4 + 10 * BOOK_LATE) / (5 + 10)
OWN_DELAY = (10 + 0 + 35 + 20 + 10 * (60 / 6)) / (4 + 10)
WEEKS = 181 / 7

BY_HAND = {
    # The invoice and the calendar.
    "days_past_due": -3,
    "invoice_age_days": 27,
    "terms_days": 30,
    "amount": 2000,
    "settled_share": 0.25,
    "open_dispute_count": 0,
    "due_weekday": 2,
    "due_month_day": 3,
    "due_month_end_days": 28,
    "as_of_weekday": 6,
    "customer_age_days": 181,
    "issued_count_90": 2,
    # By settlement: delays 10, 0, 35 and 20, the last two within 90 days.
    "delay_mean_90": 55 / 2,
    "delay_mean_365": 65 / 4,
    "delay_mean_last5": 65 / 4,
    "delay_mean_all": 65 / 4,
    "delay_last1": 20,
    "late_share_30": math.nan,
    "late_share_90": 1,
    "late_share_last5": 3 / 4,
    "late15_share_365": 2 / 4,
    "late30_share_365": 1 / 4,
    "delay_weighted_365": (10_000 + 0 + 35_000 + 60_000) / 6000,
    "delay_spread_365": math.sqrt((100 + 0 + 1225 + 400) / 4 - (65 / 4) ** 2),
    "delay_trend_last5": 0,
    "settled_count_30": 0,
    "settled_count_90": 2,
    "settled_count_365": 4,
    "settled_count_all": 4,
    # By due date, with LATE open for 30 days.
    "cohort_delay_mean_90": (20 + 30) / 2,
    "cohort_delay_mean_365": (10 + 0 + 35 + 20 + 30) / 5,
    "cohort_delay_weighted_90": (20 * 3000 + 30 * 1000) / 4000,
    "cohort_late_share_90": 1,
    "cohort_late30_share_365": 1 / 5,
    "parent_cohort_delay_mean_365": 95 / 5,
    "due_count_90": 2,
    "due_count_365": 5,
    # Shrunk: toward the book, then toward the customer's own.
    "late_share_shrunk_365": OWN_LATE,
    "delay_mean_shrunk_365": OWN_DELAY,
    "weekday_delay_mean_365": (10 + 20 + 4 * OWN_DELAY) / (2 + 4),
    "weekday_late_share_365": (2 + 4 * OWN_LATE) / (2 + 4),
    "weekday_delay_mean_last5": 15,
    "weekday_settled_count_365": 2,
    "terms_delay_mean_365": (65 + 4 * OWN_DELAY) / (4 + 4),
    "terms_late_share_365": (3 + 4 * OWN_LATE) / (4 + 4),
    "terms_settled_count_365": 4,
    # Habits other than delay.
    "partly_paid_share_365": 1 / 5,
    "broken_promises_per_100_365": 100 / 6,
    "reminder_count": 0,
    "reminders_per_100_90": 100 / 3,
    "disputes_per_100_365": 100 / 6,
    "rescheduled_count": 1,
    "rescheduled_per_100_365": 100 / 6,
    # Payment runs: Saturday, Saturday, Sunday, Tuesday, Thursday.
    "run_count_182": 5,
    "run_rate_monday": 0.5 / (WEEKS + 2),
    "run_rate_tuesday": 1.5 / (WEEKS + 2),
    "run_rate_saturday": 2 / (WEEKS + 2),
    "run_before_due_count": (0.5 + 1.5 + 0.5) / (WEEKS + 2),
    "run_month_end_share": 0,
    "days_since_payment": 10,
    # What is open: 1500 of OPEN and 1000 of LATE, 4000 of C2 and 500 of C3.
    "customer_open_amount": 2500,
    "customer_overdue_count": 1,
    "customer_overdue_amount": 1000,
    "customer_overdue_share": 0.4,
    "oldest_overdue_days": 30,
    "limit_use": 0.5,
    "amount_vs_usual": 2 / 6 ** (1 / 6),
    "parent_overdue_amount": 1000,
    "same_due_share": 0.6,
    # Climate.
    "book_late_share_90": (2 + 20 * BOOK_LATE) / (3 + 20),
    "segment_late_share_90": (2 + 20 * BOOK_LATE) / (2 + 20),
    "sector_late_share_90": math.nan,
    "rating_late_share_365": math.nan,
    "country_late_share_365": (4 + 20 * BOOK_LATE) / (7 + 20),
    "currency_late_share_365": (4 + 20 * BOOK_LATE) / (7 + 20),
    "entity_late_share_365": math.nan,
}


@pytest.fixture(scope="module")
def worked() -> dict[str, dict[str, float]]:
    return values_of(a_book(), AS_OF)


@pytest.mark.parametrize("name", BY_HAND)
def test_values_worked_by_hand(name: str, worked: dict[str, dict[str, float]]) -> None:
    assert worked["OPEN"][name] == pytest.approx(BY_HAND[name], rel=1e-5, nan_ok=True)


@pytest.mark.parametrize(
    ("row", "name", "expected"),
    [
        ("LATE", "days_past_due", 30),
        ("LATE", "reminder_count", 1),
        ("LATE", "open_dispute_count", 1),
        ("LATE", "rescheduled_count", 0),
        ("LATE", "same_due_share", 0.4),
        # Due on a Friday, on which nothing was due before: the customer's own mean.
        ("LATE", "weekday_delay_mean_365", OWN_DELAY),
        ("LATE", "weekday_delay_mean_last5", math.nan),
        ("LATE", "run_before_due_count", 0),
        ("B3", "delay_mean_all", -2.5),
        ("B3", "late_share_shrunk_365", (0 + 10 * BOOK_LATE) / 12),
        ("B3", "cohort_late_share_90", 0),
        ("B3", "oldest_overdue_days", -10),
        ("B3", "run_month_end_share", 0.5),
        ("B3", "limit_use", math.nan),
        ("B3", "customer_overdue_share", 0),
        ("NEW", "parent_cohort_delay_mean_365", 19),
        ("NEW", "parent_overdue_amount", 1000),
        ("NEW", "customer_overdue_amount", 0),
        ("NEW", "amount_vs_usual", 1),
        ("NEW", "segment_late_share_90", math.nan),
    ],
)
def test_values_of_other_rows(
    row: str, name: str, expected: float, worked: dict[str, dict[str, float]]
) -> None:
    assert worked[row][name] == pytest.approx(expected, rel=1e-5, nan_ok=True)


def test_a_new_customer_gets_shrunk_values_not_holes(worked: dict[str, dict[str, float]]) -> None:
    new = worked["NEW"]
    assert new["settled_count_all"] == 0
    assert new["late_share_shrunk_365"] == pytest.approx(BOOK_LATE)
    assert new["delay_mean_shrunk_365"] == pytest.approx(10)
    for name in ("weekday", "terms"):
        assert new[f"{name}_delay_mean_365"] == pytest.approx(10)
        assert new[f"{name}_late_share_365"] == pytest.approx(BOOK_LATE)
    assert [new[name] for name in RUN_RATE_NAMES] == pytest.approx([0.5 / 6] * 5 + [0, 0])
    shrunk = [f.name for f in CATALOGUE if "shrunk" in f.name or f.family == "rhythm"]
    never_paid = {"run_month_end_share", "days_since_payment"}
    assert all(np.isfinite(new[name]) for name in set(shrunk) - never_paid)
    assert all(np.isnan(new[name]) for name in never_paid | {"delay_mean_365", "cohort_delay_mean_365"})


def test_the_first_invoice_of_an_empty_book_is_half_late_and_on_time() -> None:
    only = values_of(small_ledger([invoice("F1", "2024-01-01", "2024-01-31")]), "2024-01-05")["F1"]
    assert only["late_share_shrunk_365"] == 0.5
    assert only["delay_mean_shrunk_365"] == 0.0
    assert only["same_due_share"] == 1.0


# What a reader may be told -----------------------------------------------------------------


def observed_of(ledger: Ledger, when: str, names: list[str] | None = None) -> dict[str, dict[str, float]]:
    """What may be told of every open invoice, by invoice id."""
    catalogue = CATALOGUE.select(names or CATALOGUE.names)
    panel = build_panel(History.build(ledger), [day(when)], catalogue)
    return {
        name: dict(zip(catalogue.names, row.tolist(), strict=True))
        for name, row in zip(panel.rows["invoice_id"], catalogue.observed(panel.X), strict=True)
    }


def test_nothing_is_told_of_a_book_in_which_nothing_was_due_or_paid() -> None:
    ledger = small_ledger(
        [invoice("F1", "2024-01-01", "2024-01-31")],
        customers=[
            {
                "customer_id": "C1",
                "valid_from": day("2024-01-01"),
                "country": "FR",
                "segment": "large",
                "sector": "trade",
                "external_rating": "A",
            }
        ],
    )
    told = observed_of(ledger, "2024-01-05")["F1"]
    habits = [f.name for f in CATALOGUE if f.family in ("climate", "behaviour") and f.unit != "count"]
    assert len(habits) > 30
    assert {name: told[name] for name in habits if not math.isnan(told[name])} == {}


def test_a_group_is_told_of_once_an_invoice_of_its_own_fell_due(worked: dict[str, dict[str, float]]) -> None:
    told = observed_of(a_book(), AS_OF)
    # C2 alone is small; of its invoices one fell due in 90 days, and was paid in time.
    assert told["B3"]["segment_late_share_90"] == pytest.approx((0 + 20 * BOOK_LATE) / (1 + 20))
    assert told["OPEN"]["book_late_share_365"] == worked["OPEN"]["book_late_share_365"] == BOOK_LATE
    # C9 is alone in its country, and nothing of it has fallen due.
    book = [
        invoice("E1", "2024-05-01", "2024-08-31", customer="C9"),
        invoice("E2", "2024-01-01", "2024-02-01"),
    ]
    known = [
        {"customer_id": name, "valid_from": day("2024-01-01"), "country": country}
        for name, country in (("C1", "FR"), ("C9", "DE"))
    ]
    abroad = observed_of(small_ledger(book, [paid("E2", "2024-02-20")], customers=known), AS_OF)["E1"]
    assert math.isnan(abroad["country_late_share_365"])
    assert abroad["book_late_share_365"] == 1.0


def test_own_means_are_told_in_a_book_that_has_settled_nothing() -> None:
    book = [invoice("F1", "2024-01-01", "2024-01-31"), invoice("F2", "2024-01-01", "2024-03-31")]
    told = observed_of(small_ledger(book), "2024-02-10")["F2"]
    assert told["late_share_shrunk_365"] == pytest.approx(1.0, abs=1e-6)
    assert told["currency_late_share_365"] == pytest.approx((1 + 20 * 0.5) / 21)
    assert math.isnan(told["book_late_share_365"])
    assert math.isnan(told["delay_mean_shrunk_365"])


def test_payment_days_are_told_as_they_were_and_not_as_estimated(
    worked: dict[str, dict[str, float]],
) -> None:
    told = observed_of(a_book(), AS_OF)["OPEN"]
    assert worked["OPEN"]["run_rate_monday"] > 0
    assert [told[name] for name in RUN_RATE_NAMES] == pytest.approx(
        [0, 1 / WEEKS, 0, 1 / WEEKS, 0, 2 / WEEKS, 1 / WEEKS]
    )
    without = observed_of(a_book(), AS_OF, [*RUN_RATE_NAMES, "run_count_182"])["OPEN"]
    assert all(math.isnan(without[name]) for name in RUN_RATE_NAMES)


def test_parts_are_told_by_settled_invoice() -> None:
    parts = [paid("F1", f"2024-02-{when:02d}", 200.0) for when in (1, 5, 9, 13, 17)]
    book = [invoice("F1", "2024-01-01", "2024-01-31"), invoice("F2", "2024-02-01", "2024-03-31")]
    ledger = small_ledger(book, parts)
    assert values_of(ledger, "2024-02-20")["F2"]["partly_paid_share_365"] == 4 / 2
    assert observed_of(ledger, "2024-02-20")["F2"]["partly_paid_share_365"] == 4
    assert math.isnan(observed_of(ledger, "2024-02-16")["F2"]["partly_paid_share_365"])


def test_a_trend_is_told_only_where_there_is_something_older_to_compare_with() -> None:
    invoices = [invoice(f"F{n}", "2024-01-01", "2024-01-31") for n in range(7)]
    payments = [paid(f"F{n}", f"2024-02-{n + 1:02d}") for n in range(6)]
    ledger = small_ledger(invoices, payments)
    assert math.isnan(observed_of(ledger, "2024-02-05")["F6"]["delay_trend_last5"])
    assert observed_of(ledger, "2024-02-06")["F6"]["delay_trend_last5"] == pytest.approx(4 - 3.5)


def test_windows_of_settlements_go_by_the_day_of_recording() -> None:
    ledger = small_ledger(
        [invoice("F1", "2024-01-01", "2024-01-31"), invoice("F2", "2024-03-01", "2024-03-31")],
        [paid("F1", "2024-02-05", recorded_on=day("2024-03-20"))],
    )
    before, after = values_of(ledger, "2024-03-19")["F2"], values_of(ledger, "2024-03-20")["F2"]
    assert (before["settled_count_30"], after["settled_count_30"]) == (0, 1)
    assert after["delay_mean_all"] == 5
    assert np.isnan(before["delay_mean_all"])
    assert values_of(ledger, "2024-04-18")["F2"]["settled_count_30"] == 1
    assert values_of(ledger, "2024-04-19")["F2"]["settled_count_30"] == 0


def test_a_cohort_counts_open_invoices_where_settlements_show_only_quick_payers() -> None:
    invoices = [invoice(f"F{n}", "2024-01-01", "2024-01-31") for n in range(4)]
    ledger = small_ledger(invoices, [paid("F0", "2024-02-02")])
    row = values_of(ledger, "2024-03-01")["F1"]
    assert row["delay_mean_all"] == 2
    assert row["cohort_delay_mean_90"] == (2 + 3 * 30) / 4
    assert row["cohort_late_share_90"] == 1
    assert row["cohort_late30_share_365"] == 0
    assert values_of(ledger, "2024-03-02")["F1"]["cohort_late30_share_365"] == 3 / 4


def test_a_feature_may_ask_for_the_same_season_a_year_ago() -> None:
    invoices = [invoice(f"F{n}", "2023-05-01", "2023-06-15") for n in range(4)]
    payments = [paid("F0", "2023-06-14"), paid("F1", "2023-06-20"), paid("F2", "2023-07-10")]
    ledger = small_ledger([*invoices, invoice("NOW", "2024-05-20", "2024-06-20")], payments)
    # 335 days before 30 May 2024 is 30 June 2023; the 61 days up to it hold F0 and F1.
    for when, share in (("2024-05-30", 0.5), ("2024-06-09", 2 / 3)):
        view = view_of(ledger, when)
        found = view.mean("settled", "late", days=61, ago_days=335)
        assert found[view.days_past_due < 0] == pytest.approx([share])


def test_the_trend_is_the_last_five_against_the_last_twenty() -> None:
    invoices = [invoice(f"F{n:02d}", "2024-01-01", "2024-01-31") for n in range(11)]
    payments = [
        paid(f"F{n:02d}", str(day("2024-02-01") + timedelta(n))) for n in range(10)
    ]  # 1 to 10 days late
    row = values_of(small_ledger(invoices, payments), "2024-02-20")["F10"]
    assert row["delay_trend_last5"] == pytest.approx((6 + 7 + 8 + 9 + 10) / 5 - 5.5)
    assert row["delay_mean_last20"] == 5.5
    assert row["late_share_last20"] == 1


def test_what_was_disputed_and_closed_is_not_open_and_never_less_than_none() -> None:
    closed = [event("dispute_opened", "2024-01-10", "F1"), event("dispute_closed", "2024-01-20", "F1")]
    book = [invoice("F1", "2024-01-01", "2024-01-31")]
    assert values_of(small_ledger(book, events=closed), "2024-01-15")["F1"]["open_dispute_count"] == 1
    assert values_of(small_ledger(book, events=closed), "2024-01-20")["F1"]["open_dispute_count"] == 0
    # Opened before the books begin.
    assert values_of(small_ledger(book, events=closed[1:]), "2024-01-20")["F1"]["open_dispute_count"] == 0


def test_the_baseline_is_the_shrunk_late_share() -> None:
    view = view_of(a_book(), AS_OF)
    expected = view.shrunk_mean("due", "late", "customer", book_late_share(view), SHRINKAGE, days=365)
    np.testing.assert_array_equal(smoothed_late_ratio(view), expected)


# Payment runs ----------------------------------------------------------------------------


@given(
    st.lists(st.floats(0, 1), min_size=7, max_size=7),
    st.integers(day("2023-12-25").toordinal(), day("2024-03-10").toordinal()),
    st.integers(-5, 60),
)
def test_expected_runs_equal_a_walk_over_the_days(rates: list[float], first: int, count: int) -> None:
    start = date.fromordinal(first)
    walked = sum(rates[(start + timedelta(ahead)).weekday()] for ahead in range(max(count, 0)))
    epoch_day = (start - date(1970, 1, 1)).days
    found = expected_runs(np.array([rates]), np.array([epoch_day]), np.array([count]))
    assert found[0] == pytest.approx(walked, abs=1e-9)


def test_the_wait_for_a_run_equals_a_walk_over_the_days() -> None:
    view = view_of(a_book(), AS_OF)
    rates = run_rates(view)
    waits = CATALOGUE["run_wait_days"].compute(view)
    for row in range(len(view)):
        due = date(1970, 1, 1) + timedelta(int(view.due_day[row]))
        start = max(due, day(AS_OF) + timedelta(1))
        none_yet, wait = 1.0, 0.0
        for ahead in range(WAIT_CAP_DAYS):
            none_yet *= 1.0 - rates[row, (start + timedelta(ahead)).weekday()]
            wait += none_yet
        assert waits[row] == pytest.approx(wait)


def test_a_weekly_run_is_learned_and_waited_for() -> None:
    mondays = [day("2024-01-01") + timedelta(7 * week) for week in range(26)]
    invoices = [invoice(f"F{n:02d}", "2023-12-01", "2023-12-31") for n in range(26)]
    payments = [paid(f"F{n:02d}", str(when)) for n, when in enumerate(mondays)]
    tuesday = invoice("NOW", "2024-06-04", "2024-07-02")
    row = values_of(small_ledger([*invoices, tuesday], payments), "2024-06-28")["NOW"]
    assert row["run_rate_monday"] > 0.9
    assert max(row[name] for name in RUN_RATE_NAMES[1:]) < 0.05
    assert 4.5 < row["run_wait_days"] < 7.0
    assert 0.9 < row["run_before_due_count"] < 1.1


# Over any ledger -------------------------------------------------------------------------

SHARES_ABOVE_ONE = {"limit_use"}
"""Use of a limit has no upper end."""


@settings(max_examples=40)
@given(ledgers(), st.lists(st.integers(10, 400), min_size=1, max_size=3))
def test_values_are_finite_and_in_range_or_missing(ledger: Ledger, offsets: list[int]) -> None:
    panel = build_panel(History.build(ledger), [START + timedelta(offset) for offset in offsets])
    assert panel.X.dtype == np.float32
    assert panel.X.shape == (len(panel.rows), len(CATALOGUE))
    assert not np.isinf(panel.X).any()
    for column, feature in enumerate(CATALOGUE):
        values = panel.X[:, column]
        values = values[~np.isnan(values)]
        if feature.unit in ("count", "amount", "ratio", "share", "flag"):
            assert (values >= 0).all(), feature.name
        if feature.unit == "share" and feature.name not in SHARES_ABOVE_ONE:
            assert (values <= 1 + 1e-6).all(), feature.name
    always = ["days_past_due", "amount", "late_share_shrunk_365", "customer_overdue_count", *RUN_RATE_NAMES]
    assert not np.isnan(panel.matrix(CATALOGUE.names)[:, [CATALOGUE.names.index(n) for n in always]]).any()


@settings(max_examples=25)
@given(ledgers(), st.integers(20, 260))
def test_a_figure_does_not_depend_on_the_rows_asked_with_it(ledger: Ledger, offset: int) -> None:
    history, when = History.build(ledger), START + timedelta(offset)
    alone = build_panel(history, [when])
    among = build_panel(history, [when - timedelta(13), when, when + timedelta(40)])
    same = among.take((among.rows["as_of"] == pl.Series([when])).to_numpy())
    np.testing.assert_array_equal(same.X, alone.X)


# Computed once for whom they belong to ------------------------------------------------------


@settings(max_examples=30)
@given(ledgers(), st.lists(st.integers(20, 260), min_size=1, max_size=3, unique=True))
def test_what_belongs_to_a_customer_is_the_same_when_computed_for_every_row(
    ledger: Ledger, offsets: list[int]
) -> None:
    history = History.build(ledger)
    view = PastView(history, *history.open_rows([START + timedelta(offset) for offset in offsets]))
    matrix = CATALOGUE.matrix(view)
    for column, feature in enumerate(CATALOGUE):
        every_row = np.asarray(feature.compute(view), np.float32)
        np.testing.assert_array_equal(matrix[:, column], every_row, feature.name)


def test_most_features_are_computed_once_for_each_customer() -> None:
    assert sum(feature.per == "customer" for feature in CATALOGUE) > len(CATALOGUE) / 2
