"""Invoices of like amount: the bands, and what the customer's other invoices in them say."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from books import day, small_ledger
from hypothesis import given
from hypothesis import strategies as st

from paydelay.explain import customer_reasons, reasons
from paydelay.features import CATALOGUE
from paydelay.history import LIKE_AMOUNT, LIKE_WEEKDAY_AMOUNT, History
from paydelay.history.likeness import BANDS_PER_DOUBLING, amount_bands
from paydelay.ledger import Ledger
from paydelay.panel import build_panel, check_no_leak

amounts = st.integers(1, 10**12)
AS_OF = day("2024-05-31")
NAMES = [feature.name for feature in CATALOGUE if "like_amount" in feature.name]


def both_grids(cents: int) -> list[int]:
    return [int(amount_bands(np.array([cents]), shift)[0]) for shift in (0.0, 0.5)]


def shared(one: int, other: int) -> int:
    """Grids on which two amounts lie in one band."""
    return sum(a == b for a, b in zip(both_grids(one), both_grids(other), strict=True))


# The bands ---------------------------------------------------------------------------------


@given(amounts, st.floats(1.0, 2.0 ** (0.499 / BANDS_PER_DOUBLING)))
def test_amounts_less_than_half_a_band_apart_share_one(cents: int, ratio: float) -> None:
    assert shared(cents, int(cents * ratio)) >= 1


@given(amounts, st.floats(2.0 ** (1.001 / BANDS_PER_DOUBLING), 100.0))
def test_amounts_more_than_a_band_apart_share_none(cents: int, ratio: float) -> None:
    assert shared(cents, math.ceil(cents * ratio)) == 0


@given(amounts, amounts)
def test_bands_grow_with_the_amount(one: int, other: int) -> None:
    low, high = sorted([one, other])
    assert both_grids(low) <= both_grids(high)
    assert shared(one, one) == 2


def test_customers_and_weekdays_are_kept_apart() -> None:
    rows = [
        invoice("A", 1000.0, "2024-03-04"),
        invoice("B", 1000.0, "2024-03-11"),
        invoice("C", 1000.0, "2024-03-05"),
        invoice("D", 1000.0, "2024-03-04", customer="C2"),
        invoice("E", 4000.0, "2024-03-04"),
    ]
    history = History.build(small_ledger(rows))
    ids = history.ledger.invoices["invoice_id"].to_list()
    codes = np.arange(len(ids), dtype=np.int64)
    day_zero = np.zeros(len(ids), np.int64)
    for by in (*LIKE_AMOUNT, *LIKE_WEEKDAY_AMOUNT):
        found = history.entity(by, codes, history.invoices.customer, day_zero)
        code = dict(zip(ids, found.tolist(), strict=True))
        assert code["A"] == code["B"]
        assert (code["A"] == code["C"]) == (by in LIKE_AMOUNT)
        assert code["A"] not in (code["D"], code["E"])
        nothing = history.entity(by, np.array([-1]), np.array([0]), np.array([0]))
        assert nothing.tolist() == [-1]


# A customer worked by hand --------------------------------------------------------------------


def invoice(name: str, amount: float, due: str, customer: str = "C1", **rest: Any) -> dict[str, Any]:
    issued = day(due) - timedelta(30)
    return {
        "invoice_id": name,
        "customer_id": customer,
        "issue_date": issued,
        "due_date": day(due),
        "amount": amount,
        **rest,
    }


def paid(name: str, amount: float, when: str) -> dict[str, Any]:
    return {"invoice_id": name, "payment_date": day(when), "amount": amount}


def a_book() -> Ledger:
    """C1 pays its large invoice 40 days late, those of about 1,000 sooner; OPEN is due on a Monday."""
    return small_ledger(
        [
            invoice("SAME", 1000.0, "2024-03-04"),  # a Monday
            invoice("NEAR", 1200.0, "2024-03-12"),  # shares a band on one grid of two
            invoice("LARGE", 5000.0, "2024-03-11"),  # a Monday
            invoice("OPEN", 1000.0, "2024-06-10"),
            invoice("NEW", 700.0, "2024-06-11", "C2"),
        ],
        [
            paid("SAME", 1000.0, "2024-03-14"),  # 10 days late
            paid("NEAR", 1200.0, "2024-03-12"),  # on the day
            paid("LARGE", 5000.0, "2024-04-20"),  # 40 days late
        ],
    )


BOOK_LATE, BOOK_DELAY = 2 / 3, 50 / 3
OWN_LATE = (2 + 10 * BOOK_LATE) / (3 + 10)
OWN_DELAY = (50 + 10 * BOOK_DELAY) / (3 + 10)
MONDAY_LATE = (2 + 4 * OWN_LATE) / (2 + 4)
MONDAY_DELAY = (50 + 4 * OWN_DELAY) / (2 + 4)


def values(ledger: Ledger, row: str) -> dict[str, float]:
    panel = build_panel(History.build(ledger), [AS_OF])
    place = panel.rows["invoice_id"].to_list().index(row)
    return dict(zip(panel.feature_names, panel.X[place].tolist(), strict=True))


@pytest.mark.parametrize(
    ("row", "name", "expected"),
    [
        ("OPEN", "like_amount_settled_count_365", 1.5),
        ("OPEN", "like_amount_late_share_365", (1 + 2 * OWN_LATE) / 3.5),
        ("OPEN", "like_amount_delay_mean_365", (10 + 2 * OWN_DELAY) / 3.5),
        ("OPEN", "weekday_like_amount_settled_count_365", 1),
        ("OPEN", "weekday_like_amount_late_share_365", (1 + 2 * MONDAY_LATE) / 3),
        ("OPEN", "weekday_like_amount_delay_mean_365", (10 + 2 * MONDAY_DELAY) / 3),
        # A customer of whom nothing is known takes the book's means.
        ("NEW", "like_amount_settled_count_365", 0),
        ("NEW", "like_amount_late_share_365", BOOK_LATE),
        ("NEW", "weekday_like_amount_delay_mean_365", BOOK_DELAY),
    ],
)
def test_values_worked_by_hand(row: str, name: str, expected: float) -> None:
    assert values(a_book(), row)[name] == pytest.approx(expected, rel=1e-5)


def test_what_is_told_is_the_mean_of_the_like_ones_alone() -> None:
    panel = build_panel(History.build(a_book()), [AS_OF])
    told = dict(zip(panel.rows["invoice_id"], CATALOGUE.observed(panel.X), strict=True))
    column = {name: place for place, name in enumerate(CATALOGUE.names)}
    assert told["OPEN"][column["like_amount_late_share_365"]] == pytest.approx(1 / 1.5, rel=1e-4)
    assert told["OPEN"][column["weekday_like_amount_delay_mean_365"]] == pytest.approx(10, rel=1e-4)
    assert math.isnan(told["NEW"][column["like_amount_delay_mean_365"]])


def test_amounts_in_another_currency_are_those_of_the_issue_date() -> None:
    invoices = [
        invoice("OWN", 1000.0, "2024-03-04", currency="EUR"),
        invoice("FOREIGN", 2000.0, "2024-06-10", currency="USD"),
    ]
    # What the dollar was worth later moves no invoice out of its band.
    moved = [("2024-01-01", 0.5), ("2024-05-20", 0.1)]
    rates = pl.DataFrame([{"currency": "USD", "rate_date": day(when), "rate": rate} for when, rate in moved])
    payments = pl.DataFrame([paid("OWN", 1000.0, "2024-03-14")])
    ledger = Ledger.from_frames(pl.DataFrame(invoices), payments, rates=rates, reporting_currency="EUR")
    assert values(ledger, "FOREIGN")["like_amount_settled_count_365"] == 1.0
    assert check_no_leak(ledger, [day("2024-03-10"), AS_OF]) == 2


# What is told -----------------------------------------------------------------------------------


def test_a_count_of_one_half_is_told_as_one_invoice() -> None:
    columns = CATALOGUE.select(
        [
            *("like_amount_late_share_365", "like_amount_settled_count_365"),
            *("late_share_shrunk_365", "book_late_share_365", "due_count_365"),
        ]
    ).features
    X = np.array([[1.0, 0.5, 0.3, 0.4, 9.0]])
    found = reasons(np.array([[0.9, 0.0, 0.0, 0.0, 0.0]]), X, columns, {"like_amount_late_share_365": 0.4})
    assert found[0][0]["text"] == (
        "Pays 100% of its invoices of like amount late over the last 12 months (1 invoice); "
        "the book's median is 40%"
    )


def test_how_a_like_amount_is_paid_is_told_of_one_invoice_and_not_of_its_customer() -> None:
    names = ["weekday_like_amount_late_share_365", "weekday_like_amount_settled_count_365"]
    needed = ["weekday_late_share_365", "weekday_settled_count_365", "due_weekday"]
    rest = ["late_share_shrunk_365", "book_late_share_365", "due_count_365"]
    columns = CATALOGUE.select([*names, *needed, *rest]).features
    X = np.array([[0.8, 5.0, 0.5, 9.0, 0.0, 0.5, 0.5, 20.0]] * 2)
    phi = np.zeros((2, 8))
    phi[:, 0] = 0.7
    weights, groups = np.array([100.0, 900.0]), np.array([0, 0])
    told = customer_reasons(phi, X, weights, groups, ["F1", "F2"], columns, {}, language="fr")
    assert told[0][0]["text"] == (
        "Plus grosse facture, F2\u202f: Quand l'échéance tombe un lundi, paie en retard 80\u202f% de ses "
        "factures de montant comparable sur les 12 derniers mois (5 factures)"
    )


def test_every_feature_of_like_amounts_counts_its_observations() -> None:
    assert len(NAMES) == 6
    for name in NAMES:
        feature = CATALOGUE[name]
        if feature.unit == "count":
            assert not feature.told
        else:
            assert CATALOGUE[str(feature.count)].window_days == feature.window_days == 365
