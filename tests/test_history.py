"""History: what was known when, against the cut ledger and against a slow reading of the rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from books import START, day, ledgers, small_ledger
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from paydelay.errors import LeakageError, LedgerError
from paydelay.features import CATALOGUE
from paydelay.history import (
    NEVER,
    History,
    PastView,
    customer_standing,
    cut_ledger,
    day_of,
    insolvency_days,
)
from paydelay.history.attributes import AsOfTable
from paydelay.history.cohorts import Cohorts, CohortStream, lateness
from paydelay.history.entries import COHORT_CAP_DAYS, COHORT_EARLY_DAYS
from paydelay.history.groups import distinct_pairs
from paydelay.history.streams import DayStream, EventStream
from paydelay.ledger import Ledger
from paydelay.panel import build_panel, check_no_leak

as_of_offsets = st.lists(st.integers(20, 260), min_size=1, max_size=4, unique=True)
thorough = settings(max_examples=60)


def dates(offsets: list[int]) -> list[date]:
    return [START + timedelta(offset) for offset in sorted(offsets)]


# The oracle ---------------------------------------------------------------------------


@thorough
@given(ledgers(), as_of_offsets)
def test_no_feature_sees_past_its_as_of_date(ledger: Ledger, offsets: list[int]) -> None:
    assert check_no_leak(ledger, dates(offsets)) >= 0


def a_ledger_with_every_difficulty() -> Ledger:
    """Payments recorded late, bounced and doubled around the date on which it is looked at."""
    invoices, payments, events = [], [], []
    for number in range(30):
        issued = START + timedelta(3 * number)
        name = f"F{number:02d}"
        invoices.append(
            {
                "invoice_id": name,
                "customer_id": f"C{number % 3}",
                "issue_date": issued,
                "due_date": issued + timedelta(20),
                "recorded_on": issued + timedelta(number % 4),
            }
        )
        paid = issued + timedelta(15 + number % 12)
        payments.append(
            {"invoice_id": name, "payment_date": paid, "recorded_on": paid + timedelta(number % 7)}
        )
        if number % 5 == 0:
            payments.append(
                {
                    "invoice_id": name,
                    "payment_date": paid + timedelta(4),
                    "amount": -1000.0,
                    "recorded_on": paid + timedelta(6),
                }
            )
            payments.append({"invoice_id": name, "payment_date": paid + timedelta(30)})
        events.append(
            {
                "event_type": "reminder_sent",
                "event_date": paid,
                "invoice_id": name,
                "customer_id": f"C{number % 3}",
            }
        )
    events.append(
        {
            "event_type": "insolvency",
            "event_date": START + timedelta(95),
            "customer_id": "C2",
            "recorded_on": START + timedelta(99),
        }
    )
    customers = [
        {
            "customer_id": f"C{number}",
            "valid_from": START + timedelta(20 * step),
            "segment": f"S{step % 2}",
            "credit_limit": 1000.0 * (step + 1),
        }
        for number in range(3)
        for step in range(5)
    ]
    return small_ledger(invoices, payments, events, customers)


# Every fifth day, and days with a payment that is recorded on the next.
DATES = [START + timedelta(offset) for offset in (*range(30, 110, 5), 47, 91)]


@contextmanager
def patched(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, new: Callable[..., object]
) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, new)
        yield


def test_the_oracle_finds_nothing_in_the_code_as_it_is() -> None:
    assert check_no_leak(a_ledger_with_every_difficulty(), DATES) > 50


def _mutant_time_filter_removed() -> tuple[type, str, Callable[..., object]]:
    original = EventStream.end
    return (
        EventStream,
        "end",
        lambda self, entity, _day: original(self, entity, np.full(len(entity), NEVER - 1)),
    )


def _mutant_next_day_let_in() -> tuple[type, str, Callable[..., object]]:
    original = EventStream.end
    return EventStream, "end", lambda self, entity, when: original(self, entity, when + np.int32(1))


def _mutant_last_state_for_all_days() -> tuple[type, str, Callable[..., object]]:
    original = History.state_row
    return (
        History,
        "state_row",
        lambda self, invoice, when: original(self, invoice, np.full(len(when), NEVER - 1)),
    )


def _mutant_attributes_of_today() -> tuple[type, str, Callable[..., object]]:
    original = AsOfTable.at
    return AsOfTable, "at", lambda self, entity, _day: original(self, entity, np.full(len(entity), NEVER - 1))


def _mutant_cohort_not_frozen() -> tuple[type, str, Callable[..., object]]:
    original = CohortStream.window

    def aggregate_before_filter(
        self: CohortStream, measure: str, entity: np.ndarray, when: np.ndarray, days: int, *rest: object
    ) -> object:
        # Sums the final delays of all that fell due in the window, before asking what was known.
        finals = self._finals
        return (
            finals.total(measure, entity, when)
            - finals.total(measure, entity, when - days)
            + 0 * original(self, measure, entity, when, days, *rest)
        )

    return CohortStream, "window", aggregate_before_filter


def _mutant_recorded_on_ignored() -> tuple[type, str, Callable[..., object]]:
    original = History.build.__func__  # type: ignore[attr-defined]

    def build(cls: type[History], ledger: Ledger, *rest: object) -> History:
        own = {"invoices": "issue_date", "payments": "payment_date", "events": "event_date"}
        tables = {
            name: getattr(ledger, name)
            .with_columns(known_on=pl.col(column))
            .sort("known_on", maintain_order=True)
            for name, column in own.items()
        }
        return original(cls, replace(ledger, **tables), *rest)

    return History, "build", classmethod(build)  # type: ignore[return-value]


def _mutant_same_day_facts_let_in() -> tuple[type, str, Callable[..., object]]:
    original = History.build.__func__  # type: ignore[attr-defined]

    def build(cls: type[History], ledger: Ledger, *rest: object) -> History:
        # What was recorded the day after is taken for known on its own day.
        lag = (pl.col("known_on") - pl.col("payment_date")).dt.total_days()
        known = pl.when(lag == 1).then(pl.col("payment_date")).otherwise(pl.col("known_on"))
        payments = ledger.payments.with_columns(known_on=known).sort("known_on", maintain_order=True)
        return original(cls, replace(ledger, payments=payments), *rest)

    return History, "build", classmethod(build)  # type: ignore[return-value]


def _mutant_next_day_let_in_by_day() -> tuple[type, str, Callable[..., object]]:
    original = DayStream.end
    return DayStream, "end", lambda self, entity, when: original(self, entity, when + np.int32(1))


def _mutant_insolvency_foreseen() -> tuple[type, str, Callable[..., object]]:
    def far_ahead(self: PastView) -> np.ndarray:
        return insolvency_days(self._history, self.invoice, np.full(len(self), NEVER - 1))[0]

    return PastView, "insolvent_day", far_ahead


def _mutant_retraction_foreseen() -> tuple[type, str, Callable[..., object]]:
    def only_what_lasted(self: EventStream) -> None:
        if self.taken_back_day is not None:
            self.day = np.where(self.taken_back_day < NEVER, NEVER, self.day).astype(np.int32)
            self.taken_back_day = None
        original(self)

    original = EventStream.__post_init__
    return EventStream, "__post_init__", only_what_lasted


def _mutant_young_invoices_seen_a_week_later() -> tuple[type, str, Callable[..., object]]:
    def young(self: Cohorts, when: int) -> object:
        first, last = np.searchsorted(self._due, [when - COHORT_CAP_DAYS, when], side="right")
        invoice = np.sort(self._invoice[first:last]).astype(np.int64)
        return lateness(self._history, invoice, np.full(len(invoice), when + 7, np.int32))

    return Cohorts, "young", young


def _mutant_cohorts_by_todays_segment() -> tuple[type, str, Callable[..., object]]:
    def of_today(self: History, by: str) -> np.ndarray:
        facts = self.invoices
        day = np.full(len(facts), NEVER - 1, np.int32)
        return self.entity(by, np.arange(len(facts), dtype=np.int64), facts.customer, day)

    return History, "_due_entity", of_today


MUTANTS = {
    "young invoices of a cohort seen a week later": _mutant_young_invoices_seen_a_week_later,
    "cohorts by today's segment": _mutant_cohorts_by_todays_segment,
    "time filter removed": _mutant_time_filter_removed,
    "the next day let in": _mutant_next_day_let_in,
    "the next day let in by day": _mutant_next_day_let_in_by_day,
    "same-day facts let in": _mutant_same_day_facts_let_in,
    "an insolvency foreseen": _mutant_insolvency_foreseen,
    "recorded_on ignored": _mutant_recorded_on_ignored,
    "aggregate before filter": _mutant_cohort_not_frozen,
    "last state for all days": _mutant_last_state_for_all_days,
    "attributes of today": _mutant_attributes_of_today,
    "a bounce foreseen": _mutant_retraction_foreseen,
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_oracle_catches_a_leak(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = a_ledger_with_every_difficulty()
    owner, name, new = MUTANTS[mutant]()
    with patched(monkeypatch, owner, name, new), pytest.raises(LeakageError, match="differ"):
        check_no_leak(ledger, DATES)


def test_same_day_payment_recorded_later_is_not_known() -> None:
    ledger = small_ledger(
        [{"invoice_id": "F1", "issue_date": day("2024-01-01"), "due_date": day("2024-01-31")}],
        [{"invoice_id": "F1", "payment_date": day("2024-02-10"), "recorded_on": day("2024-02-12")}],
    )
    history = History.build(ledger)
    for when, open_count in (("2024-02-10", 1), ("2024-02-11", 1), ("2024-02-12", 0)):
        assert len(history.open_rows([day(when)])[0]) == open_count


# A slow reading of the rules -------------------------------------------------------------


class SlowHistory:
    """The same questions answered by reading every row of the cut ledger."""

    def __init__(self, ledger: Ledger, as_of: date) -> None:
        self.as_of = as_of
        cut = cut_ledger(ledger, as_of)
        self.invoices = {row["invoice_id"]: row for row in cut.invoices.to_dicts()}
        self.facts = defaultdict(list)
        for row in cut.payments.to_dicts():
            if row["invoice_id"] in self.invoices:
                self.facts[row["invoice_id"]].append(row)

    def tolerance(self, invoice: str) -> int:
        cents = round(self.invoices[invoice]["amount"] * 100)
        return min(round(max(100.0, 0.005 * cents)), cents // 2)

    def known_states(self, invoice: str) -> list[tuple[date, date | None, bool, int]]:
        """(known from, settled on or None, cancelled, open cents) at each day something became known."""
        born = self.invoices[invoice]["known_on"]
        moments = sorted({born} | {max(born, fact["known_on"]) for fact in self.facts[invoice]})
        return [(moment, *self.state(invoice, moment)) for moment in moments]

    def state(self, invoice: str, moment: date) -> tuple[date | None, bool, int]:
        cents = round(self.invoices[invoice]["amount"] * 100)
        known = [fact for fact in self.facts[invoice] if fact["known_on"] <= moment]
        credit = sum(round(f["amount"] * 100) for f in known if f["kind"] == "credit_note")
        moved: dict[date, int] = defaultdict(int)
        for fact in known:
            if fact["kind"] != "write_off":
                moved[fact["payment_date"]] += round(fact["amount"] * 100)
        balance, settled, limit = cents, None, self.tolerance(invoice)
        for when in sorted(moved):
            before, balance = balance, balance - moved[when]
            if balance <= limit < before:
                settled = when
        if balance > limit:
            settled = None
        return settled, credit > 0 and cents - credit <= limit, balance

    def written_off_on(self, invoice: str, moment: date) -> date | None:
        facts = [f for f in self.facts[invoice] if f["kind"] == "write_off" and f["known_on"] <= moment]
        if sum(round(f["amount"] * 100) for f in facts) <= self.tolerance(invoice):
            return None
        return min(f["payment_date"] for f in facts if f["amount"] > 0)

    def settlements(self, customer: str) -> list[tuple[date, int]]:
        """(known from, delay) of settlements that stand on as_of."""
        found = []
        for invoice, row in self.invoices.items():
            if row["customer_id"] != customer:
                continue
            known_from, standing = None, None
            for moment, settled, cancelled, _ in self.known_states(invoice):
                lost = self.written_off_on(invoice, moment)
                valid = None if cancelled or (lost is not None and settled and lost < settled) else settled
                if valid != standing:
                    known_from, standing = moment, valid
            if standing is not None and known_from is not None:
                delay = (standing - row["due_date"]).days
                found.append((known_from, max(-365, min(365, delay))))
        return found

    def cohort_delays(self, customer: str, days: int | None) -> list[int]:
        """Days late of each invoice that fell due, frozen when its time was over."""
        delays = []
        for invoice, row in self.invoices.items():
            due = row["due_date"]
            if row["customer_id"] != customer or due > self.as_of:
                continue
            if days is not None and due <= self.as_of - timedelta(days):
                continue
            moment = min(self.as_of, due + timedelta(COHORT_CAP_DAYS))
            if row["known_on"] > moment:
                continue
            settled, cancelled, _ = self.state(invoice, moment)
            if cancelled:
                continue
            late = (moment - due).days if settled is None else (settled - due).days
            delays.append(max(-COHORT_EARLY_DAYS, min(COHORT_CAP_DAYS, late)))
        return delays


@thorough
@given(ledgers(), st.integers(20, 260))
def test_open_rows_and_amounts_equal_the_slow_reading(ledger: Ledger, offset: int) -> None:
    as_of = START + timedelta(offset)
    slow = SlowHistory(ledger, as_of)
    expected = {}
    for invoice in slow.invoices:
        settled, cancelled, balance = slow.state(invoice, as_of)
        if settled is None and not cancelled:
            expected[invoice] = balance
    history = History.build(ledger)
    rows = build_panel(history, [as_of], CATALOGUE.select(["days_past_due"])).rows
    found = dict(
        zip(rows["invoice_id"], np.rint(rows["open_amount"].to_numpy() * 100).astype(int), strict=True)
    )
    assert found == expected


@thorough
@given(ledgers(), st.integers(20, 260))
def test_sums_over_streams_equal_the_slow_reading(ledger: Ledger, offset: int) -> None:
    as_of = START + timedelta(offset)
    history = History.build(ledger)
    invoice, when = history.open_rows([as_of])
    assume(len(invoice))
    view = PastView(history, invoice, when)
    slow = SlowHistory(ledger, as_of)
    customers = [history.customers[int(code)] for code in view.customer]
    for row, customer in enumerate(customers):
        standing = slow.settlements(customer)
        delays = [delay for _, delay in standing]
        assert view.total("settled")[row] == len(delays)
        assert view.total("settled", "delay")[row] == sum(delays)
        recent = [delay for known, delay in standing if known > as_of - timedelta(30)]
        assert view.total("settled", days=30)[row] == len(recent)
        assert view.total("settled", "late", days=30)[row] == sum(delay > 0 for delay in recent)
        if len(delays) > 1:
            assert view.spread("settled", "delay")[row] == pytest.approx(np.std(delays))
        everyone, window = slow.cohort_delays(customer, None), slow.cohort_delays(customer, 90)
        assert view.total("due", "delay")[row] == sum(everyone)
        assert view.total("due", days=90)[row] == len(window)
        assert view.total("due", "delay", days=90)[row] == sum(window)
        for name, limit in (("late", 0), ("late15", 15), ("late30", 30)):
            assert view.total("due", name, days=90)[row] == sum(delay > limit for delay in window)


def test_the_last_few_settlements_leave_out_one_that_bounced() -> None:
    invoices = [
        {"invoice_id": f"F{n}", "issue_date": day("2024-01-01"), "due_date": day("2024-01-31")}
        for n in range(5)
    ]
    payments = [{"invoice_id": f"F{n}", "payment_date": day("2024-02-01") + timedelta(n)} for n in range(4)]
    payments.append({"invoice_id": "F2", "payment_date": day("2024-02-20"), "amount": -1000.0})
    history = History.build(small_ledger(invoices, payments))

    def sums(when: str) -> tuple[float, float]:
        view = PastView(history, *history.open_rows([day(when)]))
        row = np.flatnonzero(view.invoice == 4)[0]
        return view.total("settled", "count", last=2)[row], view.total("settled", "delay", last=2)[row]

    assert sums("2024-02-19") == (2, 3 + 4)
    assert sums("2024-02-20") == (1, 4)


# What views refuse ----------------------------------------------------------------------


def view_of_a_small_book() -> PastView:
    ledger = small_ledger(
        [{"invoice_id": "F1", "issue_date": day("2024-01-01"), "due_date": day("2024-01-31")}]
    )
    history = History.build(ledger)
    return PastView(history, *history.open_rows([day("2024-02-10")]))


def test_a_feature_cannot_ask_about_the_days_ahead() -> None:
    with pytest.raises(LeakageError, match="looks back"):
        view_of_a_small_book().total("settled", ago_days=-1)


def test_a_window_has_at_least_a_day() -> None:
    with pytest.raises(LeakageError, match="one day or longer"):
        view_of_a_small_book().total("settled", days=0)


def test_a_cohort_window_is_not_shorter_than_the_time_an_invoice_is_followed() -> None:
    with pytest.raises(LeakageError, match="not final"):
        view_of_a_small_book().total("due", days=COHORT_CAP_DAYS - 1)


def test_rows_of_invoices_not_known_yet_are_refused() -> None:
    ledger = small_ledger(
        [{"invoice_id": "F1", "issue_date": day("2024-01-01"), "due_date": day("2024-01-31")}]
    )
    history = History.build(ledger)
    with pytest.raises(LeakageError, match="not known yet"):
        PastView(history, np.array([0]), np.array([day_of(day("2023-12-31"))], np.int32))


def a_ledger_that_starts_with_cash_on_account() -> Ledger:
    """Cash, promises and a dispute come weeks before the first invoice."""
    return small_ledger(
        [{"invoice_id": "F1", "issue_date": day("2024-03-01"), "due_date": day("2024-03-31")}],
        [
            {"customer_id": "C2", "payment_date": day("2024-01-05")},
            {"invoice_id": "F1", "payment_date": day("2024-01-08"), "amount": 200.0},
            {"customer_id": "C1", "payment_date": day("2024-01-09"), "amount": -50.0},
        ],
        [
            {"event_type": kind, "event_date": day("2024-01-10"), "customer_id": "C1", "invoice_id": invoice}
            | {"new_date": day("2024-01-20"), "amount": 100.0}
            for kind in ("promise_to_pay", "payment_plan", "dispute_opened", "insolvency")
            for invoice in (None, "F1")
        ],
        [{"customer_id": "C1", "valid_from": day("2024-01-01"), "segment": "S1", "parent_id": "C2"}],
    )


@pytest.mark.parametrize("when", ["2023-12-31", "2024-01-06", "2024-01-30", "2024-02-29"])
def test_books_of_cash_and_events_alone_have_an_empty_panel(when: str) -> None:
    ledger, as_of = a_ledger_that_starts_with_cash_on_account(), day(when)
    assert check_no_leak(ledger, [as_of]) == 0
    for books in (ledger, cut_ledger(ledger, as_of)):
        history = History.build(books)
        panel = build_panel(history, [as_of])
        assert panel.X.shape == (0, len(CATALOGUE))
        known = (books.payments["known_on"] <= as_of) & (books.payments["customer_id"] == "C2")
        cash = customer_standing(history, as_of).filter(pl.col("customer_id") == "C2")["cash_on_account"]
        assert cash.sum() == 1000.0 * known.sum()


def test_dates_before_the_first_invoice_add_no_rows_to_those_after_it() -> None:
    ledger = a_ledger_that_starts_with_cash_on_account()
    early, late = [day("2023-12-31"), day("2024-01-30")], [day("2024-03-02"), day("2024-03-09")]
    assert check_no_leak(ledger, [*early, *late]) == len(late)
    history = History.build(ledger)
    np.testing.assert_array_equal(build_panel(history, early + late).X, build_panel(history, late).X)


def test_an_invoice_beyond_the_cut_is_refused_as_not_known() -> None:
    ledger = a_ledger_that_starts_with_cash_on_account()
    cut = History.build(cut_ledger(ledger, day("2024-02-01")))
    with pytest.raises(LeakageError, match="not known yet"):
        PastView(cut, np.array([0]), np.array([day_of(day("2024-02-01"))], np.int32))


def test_an_unknown_group_is_named_with_those_that_exist() -> None:
    with pytest.raises(LedgerError, match="grouped by 'colour'"):
        view_of_a_small_book().total("settled", by="colour")


def test_covariates_are_known_from_their_date_on() -> None:
    ledger = small_ledger(
        [{"invoice_id": "F1", "issue_date": day("2024-01-01"), "due_date": day("2024-01-31")}]
    )
    series = pl.DataFrame({"known_on": [day("2024-02-01"), day("2024-03-01")], "euribor": [3.9, 3.5]})
    scores = pl.DataFrame({"customer_id": ["C1"], "known_on": [day("2024-02-15")], "score": [7]})
    history = History.build(ledger, covariates={"rates": series, "agency": scores})
    view = PastView(history, *history.open_rows([day("2024-01-15"), day("2024-02-10"), day("2024-03-01")]))
    np.testing.assert_array_equal(view.covariate("rates", "euribor"), [np.nan, 3.9, 3.5])
    np.testing.assert_array_equal(view.covariate("agency", "score"), [np.nan, np.nan, 7.0])
    with pytest.raises(LedgerError, match="no covariate"):
        view.covariate("rates", "inflation")


def test_a_covariate_without_a_date_is_refused() -> None:
    ledger = small_ledger(
        [{"invoice_id": "F1", "issue_date": day("2024-01-01"), "due_date": day("2024-01-31")}]
    )
    with pytest.raises(LedgerError, match="known_on"):
        History.build(ledger, covariates={"rates": pl.DataFrame({"euribor": [3.9]})})


# Groups ------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(-1, 4), st.integers(19_700, 19_705)), max_size=30), st.booleans())
def test_pairs_of_entity_and_day_are_those_of_the_rows(rows: list[tuple[int, int]], by_date: bool) -> None:
    rows = sorted(rows, key=lambda row: row[1]) if by_date else rows
    entity = np.array([row[0] for row in rows], np.int64)
    when = np.array([row[1] for row in rows], np.int32)
    group = distinct_pairs(entity, when)
    found = list(zip(group.entity.tolist(), group.day.tolist(), strict=True))
    assert found == sorted(set(rows))
    assert group.row_pair is not None
    assert [found[pair] for pair in group.row_pair] == rows
