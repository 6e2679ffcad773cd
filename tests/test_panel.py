"""Panel: every open invoice once per date, its standing, and what a model may take from it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from books import INVOICE_SCHEMA, START, day, ledgers, small_ledger
from hypothesis import given, settings
from hypothesis import strategies as st

from paydelay.config import PanelSettings
from paydelay.errors import FeatureMismatchError, LeakageError, LedgerError
from paydelay.features import CATALOGUE, Catalogue, Feature
from paydelay.history import History, PastView, cut_ledger, day_of
from paydelay.ledger import Ledger
from paydelay.outcomes import Outcomes
from paydelay.panel import (
    INVOICE_WEIGHT_MAX,
    Panel,
    as_date,
    build_panel,
    check_no_leak,
    invoice_weights,
    training_as_ofs,
)

COLUMNS = [
    "as_of",
    "invoice_id",
    "customer_id",
    "parent_id",
    "segment",
    "entity",
    "issue_date",
    "due_date",
    "days_past_due",
    "currency",
    "amount",
    "open_amount",
    "open_amount_reporting",
    "vat_amount_reporting",
    "written_off",
    "written_off_on",
    "insolvent_on",
    "disputed",
    "promised_until",
    "plan_until",
    "with_agency",
]
INVOICE = {"invoice_id": "F1", "issue_date": day("2024-01-01"), "due_date": day("2024-01-31")}
SECOND = {**INVOICE, "invoice_id": "F2"}
FEW = CATALOGUE.select(["days_past_due", "amount", "terms_days"])


def event(kind: str, when: str, invoice: str | None = None, **rest: Any) -> dict[str, Any]:
    return {"event_type": kind, "event_date": day(when), "invoice_id": invoice, "customer_id": "C1", **rest}


def panel_of(ledger: Ledger, *when: str, catalogue: Catalogue = FEW) -> Panel:
    return build_panel(History.build(ledger), [day(each) for each in when], catalogue)


def standing(ledger: Ledger, when: str, column: str) -> dict[str, Any]:
    """A column of the rows of one date, by invoice."""
    rows = panel_of(ledger, when).rows
    return dict(zip(rows["invoice_id"], rows[column], strict=True))


def a_ledger(
    *payments: dict[str, Any], events: list[dict[str, Any]] | None = None, customers: Any = None
) -> Ledger:
    """Two invoices of one customer."""
    return small_ledger([INVOICE, SECOND], list(payments), events, customers)


# Rows ------------------------------------------------------------------------------------


def test_a_row_tells_who_owes_what_since_when() -> None:
    ledger = small_ledger(
        [{**INVOICE, "entity": "A", "amount": 1200.0}],
        [{"invoice_id": "F1", "payment_date": day("2024-02-03"), "amount": 450.0}],
        customers=[
            {
                "customer_id": "C1",
                "valid_from": day("2024-01-01"),
                "segment": "large",
                "parent_id": "P",
                "country": "FR",
            }
        ],
    )
    found = panel_of(ledger, "2024-02-10")
    assert found.rows.columns == COLUMNS
    assert found.rows.row(0, named=True) == {
        "as_of": day("2024-02-10"),
        "invoice_id": "F1",
        "customer_id": "C1",
        "parent_id": "P",
        "segment": "large",
        "entity": "A",
        "issue_date": day("2024-01-01"),
        "due_date": day("2024-01-31"),
        "days_past_due": 10,
        "currency": "EUR",
        "amount": 1200.0,
        "open_amount": 750.0,
        "open_amount_reporting": 750.0,
        "vat_amount_reporting": None,
        "written_off": False,
        "written_off_on": None,
        "insolvent_on": None,
        "disputed": False,
        "promised_until": None,
        "plan_until": None,
        "with_agency": False,
    }
    assert found.rows["days_past_due"].dtype == pl.Int32
    assert found.feature_names == FEW.names
    assert found.X.tolist() == [[10.0, 1200.0, 30.0]]


def test_what_is_not_known_of_a_customer_is_null() -> None:
    row = panel_of(a_ledger(), "2024-01-10").rows.row(0, named=True)
    assert (row["parent_id"], row["segment"], row["entity"]) == (None, None, None)


def test_an_invoice_is_a_row_from_its_recording_to_its_settlement() -> None:
    ledger = small_ledger(
        [{**INVOICE, "recorded_on": day("2024-01-04")}],
        [{"invoice_id": "F1", "payment_date": day("2024-02-05"), "recorded_on": day("2024-02-07")}],
    )
    days = ["2024-01-03", "2024-01-04", "2024-02-05", "2024-02-06", "2024-02-07", "2024-03-01"]
    assert panel_of(ledger, *days).rows["as_of"].to_list() == [day(when) for when in days[1:4]]


def test_cancelled_invoices_are_not_rows_and_written_off_ones_are() -> None:
    ledger = a_ledger(
        {"invoice_id": "F1", "payment_date": day("2024-02-01"), "kind": "credit_note"},
        {"invoice_id": "F2", "payment_date": day("2024-02-01"), "kind": "write_off"},
    )
    assert standing(ledger, "2024-02-02", "written_off") == {"F2": True}
    assert standing(ledger, "2024-01-31", "written_off") == {"F1": False, "F2": False}
    assert standing(ledger, "2024-03-15", "written_off_on") == {"F2": day("2024-02-01")}
    assert standing(ledger, "2024-01-31", "written_off_on") == {"F1": None, "F2": None}


def test_dates_may_come_in_any_order_and_twice() -> None:
    one = panel_of(a_ledger(), "2024-01-10", "2024-02-10")
    other = panel_of(a_ledger(), "2024-02-10", "2024-01-10", "2024-02-10")
    assert one.rows.equals(other.rows)
    assert len(other) == 4


def test_a_date_before_the_books_gives_an_empty_panel_of_the_same_shape() -> None:
    empty = panel_of(a_ledger(), "2023-12-31", catalogue=CATALOGUE)
    assert len(empty) == 0
    assert empty.X.shape == (0, len(CATALOGUE))
    assert empty.rows.schema == panel_of(a_ledger(), "2024-01-10").rows.schema
    assert empty.weights.shape == (0,)


_dates = st.lists(st.integers(0, 260), min_size=1, max_size=4)


@settings(max_examples=30)
@given(ledgers(), _dates)
def test_every_open_invoice_is_there_once_per_date(ledger: Ledger, offsets: list[int]) -> None:
    when = sorted({START + timedelta(offset) for offset in offsets})
    found = build_panel(History.build(ledger), when, FEW)
    assert not found.rows.select("as_of", "invoice_id").is_duplicated().any()
    assert found.rows["as_of"].is_sorted()
    for each in when:
        known = History.build(cut_ledger(ledger, each))
        # Settled or cancelled by what is known; a write-off or an insolvency does not close a claim.
        last = known.states.first[1:] - 1
        closed = known.states.cancelled[last] | (known.states.settled_day[last] <= day_of(each))
        expected = set(known.ledger.invoices["invoice_id"].filter(~pl.Series(closed, dtype=pl.Boolean)))
        assert set(found.rows.filter(pl.col("as_of") == each)["invoice_id"]) == expected
    assert (found.rows["open_amount"] > 0).all()


@settings(max_examples=15)
@given(ledgers(), st.randoms(use_true_random=False))
def test_the_order_of_the_source_rows_makes_no_difference(ledger: Ledger, chance: Any) -> None:
    def shuffled(table: pl.DataFrame) -> pl.DataFrame:
        order = list(range(table.height))
        chance.shuffle(order)
        return table.drop("known_on", strict=False)[order]

    again = Ledger.from_frames(
        shuffled(ledger.invoices),
        shuffled(ledger.payments),
        shuffled(ledger.customers),
        shuffled(ledger.events),
        reporting_currency="EUR",
    )
    when = [START + timedelta(offset) for offset in (40, 90, 150)]
    one, other = (build_panel(History.build(each), when) for each in (ledger, again))
    assert one.rows.equals(other.rows)
    np.testing.assert_array_equal(one.X, other.X)
    np.testing.assert_array_equal(one.weights, other.weights)


def test_rows_of_many_dates_are_those_of_each_date() -> None:
    # Beyond 32,768 rows the panel is built in parts.
    book = [{**INVOICE, "invoice_id": f"F{n:04d}", "customer_id": f"C{n % 7}"} for n in range(1500)]
    days = [day("2024-01-05") + timedelta(n) for n in range(30)]
    history = History.build(small_ledger(book))
    catalogue = CATALOGUE.select(["days_past_due", "customer_open_amount", "customer_overdue_share"])
    whole = build_panel(history, days, catalogue)
    assert len(whole) == 45_000
    pieces = [build_panel(history, [when], catalogue) for when in (days[0], days[17], days[-1])]
    for piece in pieces:
        same = whole.take(whole.as_of_day == piece.as_of_day[0])
        assert same.rows.equals(piece.rows)
        np.testing.assert_array_equal(same.X, piece.X)


# Weights ---------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 5), max_size=200))
def test_one_invoice_never_weighs_more_than_its_bound(invoice: list[int]) -> None:
    weights = invoice_weights(np.array(invoice, np.int64))
    assert weights.shape == (len(invoice),)
    assert ((weights > 0) & (weights <= 1)).all()
    for code in set(invoice):
        assert weights[np.array(invoice) == code].sum() <= INVOICE_WEIGHT_MAX


def test_an_invoice_open_for_years_weighs_no_more_than_its_bound() -> None:
    weights = invoice_weights(np.zeros(5000, np.int64))
    assert weights.sum() == pytest.approx(INVOICE_WEIGHT_MAX)
    assert weights[0] == 1.0
    assert weights[8] == pytest.approx(0.5)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.lists(st.integers(0, 5), max_size=20))
def test_a_weight_does_not_depend_on_how_long_the_invoice_stays_open(
    early: list[int], late: list[int]
) -> None:
    both = invoice_weights(np.array(early + late, np.int64))
    np.testing.assert_array_equal(both[: len(early)], invoice_weights(np.array(early, np.int64)))


# Columns and rows by name ----------------------------------------------------------------


def test_features_are_taken_by_name_whatever_their_order() -> None:
    found = panel_of(a_ledger(), "2024-02-10")
    np.testing.assert_array_equal(found.matrix(FEW.names), found.X)
    mixed = ["terms_days", "days_past_due", "amount"]
    np.testing.assert_array_equal(found.matrix(mixed), found.X[:, [2, 0, 1]])
    reordered = panel_of(a_ledger(), "2024-02-10", catalogue=FEW.select(mixed))
    np.testing.assert_array_equal(reordered.matrix(FEW.names), found.X)


def test_missing_and_foreign_features_are_refused_by_name() -> None:
    found = panel_of(a_ledger(), "2024-02-10")
    with pytest.raises(FeatureMismatchError, match=r"lacks invoice_age_days, customer_overdue_share;"):
        found.matrix([*FEW.names, "invoice_age_days", "customer_overdue_share"])
    with pytest.raises(FeatureMismatchError, match=r"holds amount, terms_days, which the model"):
        found.matrix(["days_past_due"])
    with pytest.raises(FeatureMismatchError, match=r"lacks customer_overdue_share and holds terms_days"):
        found.matrix(["days_past_due", "amount", "customer_overdue_share"])


@pytest.mark.parametrize("rows", [np.array([True, False, False, True]), np.array([0, 3])])
def test_some_rows_keep_all_that_belongs_to_them(rows: np.ndarray) -> None:
    ledger = a_ledger({"invoice_id": "F1", "payment_date": day("2024-02-20")})
    whole = panel_of(ledger, "2024-01-10", "2024-02-10")
    whole = Outcomes.of(History.build(ledger), day("2024-03-01")).label(whole, [0, 15])
    some = whole.take(rows)
    assert len(some) == 2
    assert some.rows.equals(whole.rows[[0, 3]])
    np.testing.assert_array_equal(some.X, whole.X[[0, 3]])
    np.testing.assert_array_equal(some.weights, whole.weights[[0, 3]])
    np.testing.assert_array_equal(some.invoice, whole.invoice[[0, 3]])
    np.testing.assert_array_equal(some.as_of_day, whole.as_of_day[[0, 3]])
    for horizon in (0, 15):
        np.testing.assert_array_equal(some.y[horizon], whole.y[horizon][[0, 3]])
    assert some.groups.rows() == [("F1", "C1"), ("F2", "C1")]
    assert len(whole.take(np.empty(0, np.int64))) == 0


# Standing --------------------------------------------------------------------------------


def test_a_dispute_stands_from_its_opening_to_its_closing() -> None:
    ledger = a_ledger(
        events=[
            event("dispute_opened", "2024-02-01", "F1"),
            event("dispute_closed", "2024-02-10", "F1", recorded_on=day("2024-02-12")),
        ]
    )
    for when, expected in (("2024-01-31", False), ("2024-02-01", True), ("2024-02-11", True)):
        assert standing(ledger, when, "disputed") == {"F1": expected, "F2": False}
    assert standing(ledger, "2024-02-12", "disputed") == {"F1": False, "F2": False}


def test_a_dispute_of_the_customer_stands_for_all_it_owes() -> None:
    opened = event("dispute_opened", "2024-02-01")
    everything = a_ledger(events=[opened, event("dispute_closed", "2024-02-10")])
    assert standing(everything, "2024-02-05", "disputed") == {"F1": True, "F2": True}
    assert standing(everything, "2024-02-10", "disputed") == {"F1": False, "F2": False}
    one_closed = a_ledger(events=[opened, event("dispute_closed", "2024-02-10", "F1")])
    assert standing(one_closed, "2024-02-10", "disputed") == {"F1": False, "F2": True}


@pytest.mark.parametrize(
    ("kind", "column"), [("promise_to_pay", "promised_until"), ("payment_plan", "plan_until")]
)
def test_a_promise_or_plan_runs_until_its_date(kind: str, column: str) -> None:
    ledger = a_ledger(events=[event(kind, "2024-02-01", "F1", new_date=day("2024-02-15"))])
    assert standing(ledger, "2024-01-31", column) == {"F1": None, "F2": None}
    assert standing(ledger, "2024-02-01", column) == {"F1": day("2024-02-15"), "F2": None}
    assert standing(ledger, "2024-02-15", column) == {"F1": day("2024-02-15"), "F2": None}
    assert standing(ledger, "2024-02-16", column) == {"F1": None, "F2": None}


@pytest.mark.parametrize(
    ("kind", "column"), [("promise_to_pay", "promised_until"), ("payment_plan", "plan_until")]
)
def test_the_latest_promise_counts_and_one_for_all_holds_where_no_own_one_runs(
    kind: str, column: str
) -> None:
    ledger = a_ledger(
        events=[
            event(kind, "2024-02-01", "F1", new_date=day("2024-02-20")),
            event(kind, "2024-02-05", "F1", new_date=day("2024-02-12")),
            event(kind, "2024-02-08", new_date=day("2024-03-10")),
        ]
    )
    assert standing(ledger, "2024-02-04", column) == {"F1": day("2024-02-20"), "F2": None}
    assert standing(ledger, "2024-02-06", column) == {"F1": day("2024-02-12"), "F2": None}
    assert standing(ledger, "2024-02-12", column) == {"F1": day("2024-02-12"), "F2": day("2024-03-10")}
    # The own promise has run out; the one for everything has not.
    assert standing(ledger, "2024-02-13", column) == {"F1": day("2024-03-10"), "F2": day("2024-03-10")}
    assert standing(ledger, "2024-03-11", column) == {"F1": None, "F2": None}


def test_a_case_is_with_the_agency_by_invoice_or_by_customer() -> None:
    one = a_ledger(events=[event("handed_to_agency", "2024-02-01", "F1")])
    assert standing(one, "2024-02-01", "with_agency") == {"F1": True, "F2": False}
    everything = a_ledger(events=[event("handed_to_agency", "2024-02-01")])
    assert standing(everything, "2024-01-31", "with_agency") == {"F1": False, "F2": False}
    assert standing(everything, "2024-02-01", "with_agency") == {"F1": True, "F2": True}


def test_insolvency_holds_for_invoices_issued_before_it_once_it_is_known() -> None:
    later = {**INVOICE, "invoice_id": "F3", "issue_date": day("2024-02-20"), "due_date": day("2024-03-20")}
    insolvent = event("insolvency", "2024-02-10", recorded_on=day("2024-02-25"))
    ledger = small_ledger([INVOICE, later, {**SECOND, "customer_id": "C2"}], events=[insolvent])
    assert set(standing(ledger, "2024-02-24", "insolvent_on").values()) == {None}
    expected = {"F1": day("2024-02-10"), "F2": None, "F3": None}
    assert standing(ledger, "2024-02-25", "insolvent_on") == expected


def test_a_write_off_is_known_from_its_recording_on_until_it_is_taken_back() -> None:
    gone = {"invoice_id": "F1", "payment_date": day("2024-02-01"), "kind": "write_off"}
    back = {**gone, "payment_date": day("2024-02-20"), "amount": -1000.0}
    ledger = a_ledger({**gone, "recorded_on": day("2024-02-05")}, back)
    for when, expected in (("2024-02-04", False), ("2024-02-05", True), ("2024-02-20", False)):
        assert standing(ledger, when, "written_off") == {"F1": expected, "F2": False}


# Currencies ------------------------------------------------------------------------------


def test_exposure_converts_at_as_of_and_history_at_issue() -> None:
    invoices = pl.DataFrame(
        [
            {**INVOICE, "customer_id": "C1", "currency": "USD", "amount": 1000.0},
            {**SECOND, "customer_id": "C1", "currency": "EUR", "amount": 300.0},
        ],
        schema=INVOICE_SCHEMA,
    ).with_columns(vat_amount=pl.Series([100.0, 50.0]))
    payments = pl.DataFrame(
        {"invoice_id": ["F1"], "payment_date": [day("2024-02-05")], "amount": [400.0], "kind": ["payment"]}
    )
    rates = pl.DataFrame(
        {
            "currency": ["USD"] * 3,
            "rate_date": [day("2023-12-29"), day("2024-02-01"), day("2024-03-01")],
            "rate": [0.90, 0.80, 0.50],
        }
    )
    ledger = Ledger.from_frames(invoices, payments, rates=rates, reporting_currency="EUR")
    catalogue = CATALOGUE.select(["amount", "customer_open_amount"])
    found = panel_of(ledger, "2024-01-31", "2024-02-10", "2024-03-01", catalogue=catalogue)
    usd = found.rows["currency"] == "USD"
    assert found.rows.filter(usd)["open_amount"].to_list() == [1000.0, 600.0, 600.0]
    assert found.rows.filter(usd)["open_amount_reporting"].to_list() == [900.0, 480.0, 300.0]
    assert found.rows.filter(usd)["vat_amount_reporting"].to_list() == pytest.approx([90.0, 80.0, 50.0])
    assert found.rows.filter(~usd)["open_amount_reporting"].to_list() == [300.0] * 3
    assert found.rows.filter(~usd)["vat_amount_reporting"].to_list() == [50.0] * 3
    # What the model sees of amounts does not move with the rate of the day.
    assert found.X[usd.to_numpy(), 0].tolist() == [900.0] * 3
    assert found.X[usd.to_numpy(), 1].tolist() == [1200.0, 840.0, 840.0]
    assert check_no_leak(ledger, [day("2024-02-10"), day("2024-03-01")]) == 4


# Dates of training -----------------------------------------------------------------------


def test_training_looks_back_in_steps_after_the_warm_up() -> None:
    history = History.build(a_ledger())
    found = training_as_ofs(history, day("2024-05-01"), PanelSettings(step_days=7, warm_up_days=90))
    assert found == [
        day("2024-04-03"),
        day("2024-04-10"),
        day("2024-04-17"),
        day("2024-04-24"),
        day("2024-05-01"),
    ]
    short = PanelSettings(step_days=30, history_days=60, warm_up_days=0)
    assert training_as_ofs(history, day("2024-12-31"), short) == [
        day("2024-11-01"),
        day("2024-12-01"),
        day("2024-12-31"),
    ]
    long = PanelSettings(warm_up_days=900)
    assert training_as_ofs(history, day("2024-05-01"), long) == [day("2024-05-01")]


def test_dates_are_read_from_text() -> None:
    assert as_date("2024-02-29") == date(2024, 2, 29)
    assert as_date(date(2024, 2, 29)) == date(2024, 2, 29)
    for wrong in ("2024-02-30", "29/02/2024", ""):
        with pytest.raises(LedgerError, match="is not a date"):
            as_date(wrong)


# Leaks of one's own ----------------------------------------------------------------------


def peeking(ledger: Ledger) -> Feature:
    """A feature that does not ask its view but reads the whole ledger."""
    last = ledger.payments.group_by("invoice_id").agg(pl.col("payment_date").max())
    paid = dict(last.iter_rows())

    def compute(view: PastView) -> np.ndarray:
        names = ledger.invoices["invoice_id"].gather(view.invoice)
        return np.array([day_of(paid[name]) if name in paid else np.nan for name in names], np.float64)

    return Feature("peeked_days", "invoice", "days", "Day paid.", "last payment", "amount", compute)


def a_paid_book() -> Ledger:
    return a_ledger(
        {"invoice_id": "F1", "payment_date": day("2024-02-20")},
        {"invoice_id": "F2", "payment_date": day("2024-01-20"), "amount": 100.0},
    )


def test_a_feature_that_looks_at_the_unpaid_future_is_caught() -> None:
    ledger = a_paid_book()
    assert check_no_leak(ledger, [day("2024-01-25"), day("2024-02-25")], Catalogue([*FEW])) == 3
    reads_history = Feature(
        "last_settled_days",
        "invoice",
        "days",
        "Day of the last state of each invoice.",
        "state",
        "amount",
        lambda view: view._history.states.settled_day[view._history.states.first[view.invoice + 1] - 1] * 1.0,
    )
    with pytest.raises(LeakageError, match=r"2024-01-25 1 features differ .*: last_settled_days"):
        check_no_leak(ledger, [day("2024-01-25")], Catalogue([*FEW, reads_history]))


def test_a_feature_that_encloses_the_whole_ledger_is_caught_when_made_from_one() -> None:
    ledger = a_paid_book()

    def own(books: Ledger) -> Catalogue:
        return Catalogue([*FEW, peeking(books)])

    with pytest.raises(LeakageError, match=r"On 2024-01-25 1 features differ .*: peeked_days\."):
        check_no_leak(ledger, [day("2024-01-25"), day("2024-02-25")], own)
    assert check_no_leak(ledger, [day("2024-02-25")], own) == 1


def test_a_leak_on_one_date_of_several_is_dated() -> None:
    counts_all = Feature(
        "payments_count",
        "invoice",
        "count",
        "Payments of the book.",
        "rows",
        "amount",
        lambda view: np.full(len(view), float(view._history.ledger.payments.height)),
    )
    ledger = a_paid_book()
    assert check_no_leak(ledger, [day("2024-02-25")], Catalogue([counts_all])) == 1
    with pytest.raises(LeakageError, match="On 2024-02-10"):
        check_no_leak(ledger, [day("2024-02-25"), day("2024-02-10")], Catalogue([counts_all]))


def test_own_dated_tables_are_cut_like_the_ledger() -> None:
    rates = pl.DataFrame({"known_on": [day("2024-01-10"), day("2024-02-10")], "euribor": [3.9, 3.5]})
    own = Feature(
        "euribor_share",
        "covariate",
        "share",
        "Interest.",
        "as published",
        "amount",
        lambda view: view.covariate("rates", "euribor"),
    )
    dates = [day("2024-01-25"), day("2024-02-15")]
    assert check_no_leak(a_paid_book(), dates, Catalogue([own]), covariates={"rates": rates}) == 4


# What a review found ---------------------------------------------------------------------


def test_a_stray_closing_does_not_hide_the_next_dispute() -> None:
    days = [
        ("opened", "2024-02-01"),
        ("closed", "2024-02-03"),
        ("closed", "2024-02-04"),
        ("opened", "2024-02-06"),
    ]
    ledger = a_ledger(events=[event(f"dispute_{kind}", when, "F1") for kind, when in days])
    assert standing(ledger, "2024-02-05", "disputed") == {"F1": False, "F2": False}
    assert standing(ledger, "2024-02-06", "disputed") == {"F1": True, "F2": False}


def test_two_openings_and_one_closing_end_a_dispute() -> None:
    days = [("opened", "2024-02-01"), ("opened", "2024-02-02"), ("closed", "2024-02-03")]
    ledger = a_ledger(events=[event(f"dispute_{kind}", when, "F1") for kind, when in days])
    assert standing(ledger, "2024-02-03", "disputed") == {"F1": False, "F2": False}
    open_disputes = CATALOGUE.select(["open_dispute_count"])
    panel = build_panel(History.build(ledger), [day("2024-02-02"), day("2024-02-03")], open_disputes)
    assert panel.X[panel.rows["invoice_id"].to_numpy() == "F1", 0].tolist() == [1.0, 0.0]


def test_a_plan_that_nobody_pays_is_no_longer_on_schedule() -> None:
    plan = event("payment_plan", "2024-02-01", new_date=day("2024-12-31"))
    silent = a_ledger(events=[plan])
    kept = a_ledger({"invoice_id": "F2", "payment_date": day("2024-03-01"), "amount": 10.0}, events=[plan])
    soon, later = "2024-03-07", "2024-03-08"
    assert standing(silent, soon, "plan_until")["F1"] == day("2024-12-31")
    assert standing(silent, later, "plan_until")["F1"] is None
    assert standing(kept, later, "plan_until")["F1"] == day("2024-12-31")


def test_an_insolvency_heard_of_late_does_not_hide_an_earlier_one() -> None:
    ledger = a_ledger(
        events=[
            event("insolvency", "2024-02-10"),
            event("insolvency", "2023-12-01", recorded_on=day("2024-03-01")),
        ]
    )
    for when in ("2024-02-10", "2024-03-01"):
        assert standing(ledger, when, "insolvent_on")["F1"] == day("2024-02-10")


def test_a_small_difference_written_off_is_no_loss() -> None:
    def written_off(amount: float) -> bool:
        row = {"invoice_id": "F1", "payment_date": day("2024-02-01"), "amount": amount, "kind": "write_off"}
        return bool(standing(a_ledger(row), "2024-02-10", "written_off")["F1"])

    assert not written_off(5.0)
    assert written_off(5.01)


def test_huge_amounts_keep_their_share() -> None:
    ledger = small_ledger(
        [
            {
                "invoice_id": "F1",
                "issue_date": day("2024-01-01"),
                "due_date": day("2024-01-31"),
                "amount": amount,
            }
            for amount in [9e12]
        ]
    )
    panel = build_panel(History.build(ledger), [day("2024-02-01")], CATALOGUE.select(["same_due_share"]))
    assert panel.X[0, 0] == pytest.approx(1.0)
