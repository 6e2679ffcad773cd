"""The simulated book: what happens in it, and that its truth is the truth."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from paydelay.errors import ConfigError, TargetError
from paydelay.ledger import Ledger, read_ledger
from paydelay.simulate import Simulation, SimulationSettings, simulate
from paydelay.simulate.days import RUN_CALENDARS, make_days

SMALL = SimulationSettings(customer_count=40, month_count=8, seed=5)


@pytest.fixture(scope="module")
def book() -> Simulation:
    return simulate(SimulationSettings(customer_count=1500, month_count=24, seed=11))


@pytest.fixture(scope="module")
def ended(book: Simulation) -> pl.DataFrame:
    """Invoices that fell due within the book and were not cancelled, with their true delay."""
    delay = (pl.col("settled_on") - pl.col("due_date")).dt.total_days()
    return (
        book.invoices.join(book.truth["settlements"], on="invoice_id")
        .filter(pl.col("due_date") <= book.settings.end_date, pl.col("final_state") != "cancelled")
        .with_columns(delay.fill_null(9999).alias("delay_days"))
    )


def _digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# ---- the same seed, the same bytes --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, kind: str) -> None:
    for name in ("one", "two"):
        simulate(SMALL).write(tmp_path / name, kind)  # type: ignore[arg-type]
    assert _digest(tmp_path / "one") == _digest(tmp_path / "two")
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two"}


def test_other_seeds_give_other_books() -> None:
    other = simulate(SMALL.model_copy(update={"seed": 6}))
    assert not simulate(SMALL).invoices.equals(other.invoices)


def test_asking_for_truth_leaves_the_tables_alone() -> None:
    plain = simulate(SMALL)
    asked = simulate(SMALL.model_copy(update={"truth_path_count": 3, "daily_truth": False}))
    for name in ("invoices", "payments", "customers", "events"):
        assert getattr(plain, name).equals(getattr(asked, name))
    assert sorted(asked.truth) == ["customers", "hazard", "settlements"]
    assert sorted(plain.truth) == ["customers", "daily_hazard", "settlements"]


# ---- what the tables say ------------------------------------------------------------------------


def test_the_ledger_reader_refuses_nothing(book: Simulation, tmp_path: Path) -> None:
    ledger = Ledger.from_frames(book.invoices, book.payments, book.customers, book.events)
    assert len(ledger.refusals) == 0
    assert ledger.notes == ()
    small = simulate(SMALL)
    small.write(tmp_path / "book", "csv")
    small.write(tmp_path / "book")
    read = read_ledger(tmp_path / "book")
    assert len(read.refusals) == 0
    assert (len(read.invoices), len(read.payments)) == (len(small.invoices), len(small.payments))
    assert not list(tmp_path.glob("book/*.csv"))


def test_dates_keep_their_order(book: Simulation) -> None:
    invoices, end = book.invoices, book.settings.end_date
    assert (invoices["due_date"] > invoices["issue_date"]).all()
    assert (invoices["recorded_on"] >= invoices["issue_date"]).all()
    rows = book.payments.join(invoices, on="invoice_id", suffix="_invoice")
    assert (rows["payment_date"] > rows["issue_date"]).all()
    assert (rows["recorded_on"] >= rows["recorded_on_invoice"]).all()
    for frame, own in ((book.payments, "payment_date"), (book.events, "event_date")):
        assert (frame["recorded_on"] >= frame[own]).all()
        assert (frame["recorded_on"] <= end).all()
    later = book.events.filter(pl.col("new_date").is_not_null())
    assert (later["new_date"] > later["event_date"]).mean() > 0.99
    assert (book.customers["valid_from"] <= end).all()
    assert set(invoices["customer_id"]) <= set(book.customers["customer_id"])


def test_every_customer_is_known_before_its_first_invoice(book: Simulation) -> None:
    known = book.customers.group_by("customer_id").agg(pl.col("valid_from").min())
    first = (
        book.invoices.group_by("customer_id").agg(pl.col("issue_date").min()).join(known, on="customer_id")
    )
    assert (first["valid_from"] <= first["issue_date"]).all()


def test_settlement_follows_from_the_rows(book: Simulation) -> None:
    """The date from which the tables show an open amount within tolerance is the true one."""
    cents = (pl.col("amount") * 100).round().cast(pl.Int64)
    paid = (
        book.payments.filter(pl.col("invoice_id").is_not_null(), pl.col("kind") != "write_off")
        .with_columns(cents.alias("cents"))
        .group_by("invoice_id", "payment_date")
        .agg(pl.col("cents").sum())
        .sort("invoice_id", "payment_date")
        .with_columns(pl.col("cents").cum_sum().over("invoice_id").alias("paid"))
    )
    rows = paid.join(book.invoices, on="invoice_id").with_columns(
        (cents - pl.col("paid")).alias("left"),
        pl.max_horizontal(pl.lit(100.0), pl.col("amount") * 0.5).alias("tolerance"),
    )
    last_open = (
        rows.filter(pl.col("left") > pl.col("tolerance"))
        .group_by("invoice_id")
        .agg(pl.col("payment_date").max().alias("last_open"))
    )
    settled = (
        rows.join(last_open, on="invoice_id", how="left")
        .filter(
            pl.col("left") <= pl.col("tolerance"),
            pl.col("last_open").is_null() | (pl.col("payment_date") > pl.col("last_open")),
        )
        .group_by("invoice_id")
        .agg(pl.col("payment_date").min().alias("shown"))
    )
    truth = book.truth["settlements"].filter(pl.col("final_state") == "settled")
    both = truth.join(settled, on="invoice_id", how="left")
    seen = both.filter(pl.col("shown").is_not_null())
    assert len(seen) > 30_000
    # A payment about to bounce at the very end of the book looks settled: its return is not recorded yet.
    early = seen.filter(pl.col("shown") < pl.col("settled_on"))
    assert (early["shown"] > book.settings.end_date - timedelta(days=14)).all()
    assert (seen["shown"] <= seen["settled_on"]).all()
    unseen = both.filter(pl.col("shown").is_null())
    assert (unseen["settled_on"] > book.settings.end_date - timedelta(days=45)).all()


def test_settled_invoices_are_paid_to_the_cent_but_for_residuals(book: Simulation) -> None:
    known = pl.col("settled_on") < book.settings.end_date - timedelta(days=45)
    settled = book.truth["settlements"].filter(known)
    sums = (
        book.payments.filter(pl.col("kind") != "write_off")
        .join(settled, on="invoice_id")
        .join(book.invoices, on="invoice_id", suffix="_invoice")
        .group_by("invoice_id")
        .agg(pl.col("amount").sum() - pl.col("amount_invoice").first(), pl.col("amount_invoice").first())
    )
    assert len(sums) == len(settled)
    twice = (sums["amount"] - sums["amount_invoice"]).abs() < 0.005
    assert twice.sum() < 0.005 * len(sums)
    exact = sums.filter(~twice)
    # A second payment of what was left after a part was paid or credited is an over-payment too.
    assert (exact["amount"] > 0.005).sum() < 0.001 * len(exact)
    short = exact.filter(pl.col("amount") < -0.005)
    assert 0 < len(short) < 0.01 * len(exact)
    assert (short["amount"] > -0.8).all()


def test_cancelled_invoices_are_credited_in_full_and_never_paid(book: Simulation) -> None:
    cancelled = book.truth["settlements"].filter(pl.col("final_state") == "cancelled")
    rows = book.payments.join(cancelled, on="invoice_id").join(
        book.invoices, on="invoice_id", suffix="_invoice"
    )
    # What was paid by a debit that bounced came back.
    sums = rows.group_by("invoice_id", "kind").agg(pl.col("amount").sum(), pl.col("amount_invoice").first())
    money = sums.filter(pl.col("kind") == "payment")
    assert (money["amount"].abs() < 0.005).all()
    credit = sums.filter(pl.col("kind") == "credit_note")
    assert ((credit["amount"] - credit["amount_invoice"]).abs() < 0.005).all()
    assert len(credit) > 200


def test_insolvent_customers_pay_nothing_but_stated_dividends(book: Simulation) -> None:
    failed = book.truth["customers"].filter(pl.col("insolvent_on").is_not_null())
    after = book.payments.join(failed, on="customer_id").filter(
        pl.col("payment_date") >= pl.col("insolvent_on"), pl.col("kind") == "payment", pl.col("amount") > 0
    )
    assert (after["payment_date"] == after["dividend_on"]).all()
    assert len(after) > 0
    share = after.join(book.invoices, on="invoice_id", suffix="_invoice")
    assert (share["amount"] <= share["dividend_share"] * share["amount_invoice"] + 0.01).all()
    settled = (
        book.truth["settlements"]
        .join(book.invoices.select("invoice_id", "customer_id"), on="invoice_id")
        .join(failed, on="customer_id")
    )
    assert (settled["settled_on"] < settled["insolvent_on"]).all()
    late_orders = book.invoices.join(failed, on="customer_id").filter(
        pl.col("issue_date") > pl.col("insolvent_on")
    )
    assert len(late_orders) == 0


# ---- every mechanism occurs ---------------------------------------------------------------------


def _by_invoice(book: Simulation) -> pl.DataFrame:
    positive = (pl.col("kind") == "payment") & (pl.col("amount") > 0)
    return (
        book.payments.filter(pl.col("invoice_id").is_not_null())
        .group_by("invoice_id")
        .agg(
            pl.col("amount").filter(positive).sum().alias("paid"),
            pl.col("amount").filter(positive).first().alias("first_paid"),
            pl.col("payment_date").filter(positive).n_unique().alias("pay_days"),
            (pl.col("amount") < 0).sum().alias("reversals"),
            (pl.col("payment_date").filter(pl.col("amount") < 0).min() - pl.col("payment_date").min())
            .dt.total_days()
            .alias("returned_after"),
            pl.col("amount").filter(pl.col("kind") == "credit_note").sum().alias("credited"),
            pl.col("amount").filter(pl.col("kind") == "write_off").sum().alias("given_up"),
        )
        .join(book.invoices.select("invoice_id", "customer_id", "amount"), on="invoice_id")
    )


def _invoices_where(condition: pl.Expr) -> Callable[[Simulation], int]:
    return lambda book: len(_by_invoice(book).filter(condition))


def _payments_where(condition: pl.Expr) -> Callable[[Simulation], int]:
    return lambda book: len(book.payments.filter(condition))


def _events(name: str) -> Callable[[Simulation], int]:
    return lambda book: len(book.events.filter(pl.col("event_type") == name))


def _customers_where(condition: pl.Expr) -> Callable[[Simulation], int]:
    return lambda book: len(book.customers.filter(condition))


def _group_payments(book: Simulation) -> int:
    runs = book.payments.filter(pl.col("kind") == "payment").group_by("customer_id", "payment_date").len()
    return len(runs.filter(pl.col("len") >= 3))


def _promises(kept: bool) -> Callable[[Simulation], int]:
    def count(book: Simulation) -> int:
        given = book.events.filter(
            pl.col("event_type") == "promise_to_pay", pl.col("new_date") <= book.settings.end_date
        ).join(book.truth["settlements"], on="invoice_id")
        held = (pl.col("settled_on") == pl.col("new_date")).fill_null(False)
        return len(given.filter(held if kept else ~held))

    return count


def _truth_where(table: str, condition: pl.Expr) -> Callable[[Simulation], int]:
    return lambda book: len(book.truth[table].filter(condition))


def _rating_changes(book: Simulation) -> int:
    return len(
        book.customers.group_by("customer_id")
        .agg(pl.col("external_rating").n_unique() > 1)
        .filter("external_rating")
    )


def _to_month_end(book: Simulation) -> int:
    beyond = (pl.col("due_date") - pl.col("issue_date")).dt.total_days() > pl.col("terms_days")
    return len(book.invoices.filter(beyond, pl.col("due_date") == pl.col("due_date").dt.month_end()))


_ON_ACCOUNT = pl.col("invoice_id").is_null()

# A bank returns within days, a customer is paid back after weeks.
_BOUNCED = pl.col("returned_after").fill_null(999) <= 14
_PAID_TWICE = (pl.col("paid") > 1.9 * pl.col("amount")) & ~_BOUNCED
_PARTLY = (pl.col("first_paid") < 0.75 * pl.col("amount")) & (pl.col("pay_days") > 1)
_CREDITED_WHOLE = (pl.col("credited") - pl.col("amount")).abs() < 0.005
_CREDITED_PARTLY = (pl.col("credited") > 0) & (pl.col("credited") < 0.6 * pl.col("amount"))
_SHORT = pl.col("first_paid").is_between(0.88 * pl.col("amount"), 0.981 * pl.col("amount"))
_LOST = (pl.col("given_up") > 0.2 * pl.col("amount")) & (pl.col("credited") == 0)
_RECORDED_LATE = pl.col("recorded_on") > pl.col("payment_date") + timedelta(days=3)


def _late_invoices(book: Simulation) -> int:
    return len(book.invoices.filter(pl.col("recorded_on") > pl.col("issue_date")))


MECHANISMS: dict[str, tuple[Callable[[Simulation], int], int]] = {
    "partial payment": (_invoices_where(_PARTLY), 300),
    "group payment": (_group_payments, 2000),
    "double payment": (_invoices_where(_PAID_TWICE), 50),
    "double payment refunded": (_invoices_where(_PAID_TWICE & (pl.col("reversals") > 0)), 25),
    "bounced debit": (_invoices_where(_BOUNCED), 50),
    "cash on account": (_payments_where(_ON_ACCOUNT & (pl.col("amount") > 0)), 200),
    "cash matched": (_payments_where(_ON_ACCOUNT & (pl.col("amount") < 0)), 150),
    "whole credit note": (_invoices_where(_CREDITED_WHOLE), 200),
    "partial credit note": (_invoices_where(_CREDITED_PARTLY), 200),
    "deduction": (_invoices_where(_SHORT & (pl.col("credited") > 0)), 100),
    "cash discount": (_payments_where(pl.col("kind") == "discount"), 100),
    "small residual written off": (_invoices_where(pl.col("given_up").is_between(0.01, 0.8)), 50),
    "bad debt written off": (_invoices_where(_LOST), 30),
    "late recorded payment": (_payments_where(_RECORDED_LATE), 1000),
    "late recorded invoice": (_late_invoices, 500),
    "rescheduled": (_events("due_date_changed"), 100),
    "dispute opened": (_events("dispute_opened"), 300),
    "dispute closed": (_events("dispute_closed"), 300),
    "promise kept": (_promises(True), 300),
    "promise broken": (_promises(False), 300),
    "payment plan": (_events("payment_plan"), 25),
    "reminder": (_events("reminder_sent"), 5000),
    "agency": (_events("handed_to_agency"), 40),
    "insolvency": (_events("insolvency"), 50),
    "dividend": (_truth_where("customers", pl.col("dividend_share") > 0), 8),
    "new customer": (_truth_where("customers", pl.col("first_on") > date(2023, 6, 1)), 200),
    "churn": (_truth_where("customers", pl.col("stopped_on").is_not_null()), 50),
    "parent": (_customers_where(pl.col("parent_id").is_not_null()), 100),
    "insured": (_customers_where(pl.col("insured_limit") > 0), 500),
    "cover withdrawn": (_customers_where(pl.col("insured_limit") == 0), 50),
    "not insured": (_customers_where(pl.col("insured_limit").is_null()), 500),
    "guarantee": (_customers_where(pl.col("guarantee_amount") > 0), 50),
    "rating drifts": (_rating_changes, 500),
    "unrated": (_customers_where(pl.col("external_rating").is_null()), 200),
    "terms to the month end": (_to_month_end, 3000),
}  # fmt: skip


@pytest.mark.parametrize("name", MECHANISMS)
def test_mechanism_occurs(book: Simulation, name: str) -> None:
    count, at_least = MECHANISMS[name]
    assert count(book) >= at_least


def test_every_kind_of_agent_occurs(book: Simulation) -> None:
    customers = book.truth["customers"]
    assert set(customers["habit"]) == {"anticipates", "prompt", "slack", "chronic"}
    assert set(customers["run_calendar"]) == {name for name, _, _ in RUN_CALENDARS}
    assert set(book.invoices["terms_days"]) == {10, 30, 45, 60}
    assert set(book.customers["country"]) == {"FR", "BE", "DE", "ES", "IT"}


def test_weekly_payers_pay_on_their_weekday(book: Simulation) -> None:
    fridays = book.truth["customers"].filter(pl.col("run_calendar") == "friday", ~pl.col("debit"))
    good = book.truth["settlements"].filter(pl.col("final_state") == "settled")
    days = (
        good.join(book.invoices, on="invoice_id").join(fridays, on="customer_id")["settled_on"].dt.weekday()
    )
    assert (days == 5).mean() > 0.85


def test_invoicing_rests_in_august(book: Simulation) -> None:
    by_month = book.invoices.group_by(pl.col("issue_date").dt.month().alias("month")).len()
    counts = dict(by_month.iter_rows())
    assert counts[8] < 0.75 * (counts[9] + counts[10]) / 2


# ---- sizes and rates ----------------------------------------------------------------------------


def test_sizes_are_those_asked_for(book: Simulation) -> None:
    settings = book.settings
    expected = settings.customer_count * settings.month_count * settings.invoices_per_customer_month
    assert len(book.invoices) == pytest.approx(expected, rel=0.1)
    largest = book.invoices["customer_id"].value_counts()["count"].max()
    assert 0.05 < largest / len(book.invoices) < 0.1
    assert book.invoices["issue_date"].min() == settings.start_date
    assert book.customers["customer_id"].n_unique() <= settings.customer_count
    assert SimulationSettings().end_date == date(2025, 11, 30)


@pytest.mark.parametrize(
    ("more_than_days", "low", "high"),
    [(0, 0.33, 0.47), (15, 0.07, 0.15), (30, 0.03, 0.075), (90, 0.007, 0.025)],
)
def test_lateness_is_realistic(ended: pl.DataFrame, more_than_days: int, low: float, high: float) -> None:
    assert low < (ended["delay_days"] > more_than_days).mean() < high


def test_insolvency_is_realistic(book: Simulation) -> None:
    failed = (book.truth["customers"]["insolvent_on"] <= book.settings.end_date).sum()
    assert 0.015 < failed / book.settings.customer_count / 2 < 0.04


def test_the_last_day_has_a_full_open_book(book: Simulation) -> None:
    end = book.settings.end_date
    unsettled = book.truth["settlements"].filter(
        pl.col("settled_on").is_null() | (pl.col("settled_on") > end), pl.col("final_state") != "cancelled"
    )
    per_day = len(book.invoices) / (end - book.settings.start_date).days
    assert len(unsettled) > 30 * per_day


# ---- regime, effects of the settings ------------------------------------------------------------


def _late_share(book: Simulation, first: date, last: date) -> float:
    rows = book.invoices.join(book.truth["settlements"], on="invoice_id").filter(
        pl.col("due_date").is_between(first, last), pl.col("final_state") != "cancelled"
    )
    return len(rows.filter((pl.col("settled_on") > pl.col("due_date")).fill_null(True))) / len(rows)


def test_regime_change_moves_lateness_only_after_its_date() -> None:
    settings = SimulationSettings(customer_count=400, month_count=18, seed=2)
    calm = simulate(settings)
    shocked = simulate(settings.model_copy(update={"regime_change": True, "regime_change_month": 10}))
    start = date(2024, 4, 1)
    for own, name in (("payment_date", "payments"), ("issue_date", "invoices"), ("event_date", "events")):
        before = [getattr(run, name).filter(pl.col(own) < start).sort(pl.all()) for run in (calm, shocked)]
        assert before[0].equals(before[1])
    after = date(2024, 6, 1), date(2024, 11, 30)
    assert _late_share(shocked, *after) > _late_share(calm, *after) + 0.1


def test_a_second_currency_comes_with_rates(tmp_path: Path) -> None:
    book = simulate(SMALL.model_copy(update={"foreign_currency_share": 0.3}))
    assert set(book.invoices["currency"]) == {"EUR", "USD"}
    assert len(book.rates) > 100
    book.write(tmp_path / "book")
    ledger = read_ledger(tmp_path / "book")
    assert ledger.reporting_currency == "EUR"
    assert len(ledger.refusals) == 0


def test_switched_off_mechanisms_do_not_occur() -> None:
    off = ["new_customer", "churn_yearly", "insolvency_yearly", "dispute", "cancelled", "rescheduled"]
    off += ["deduction", "on_account", "double_payment", "residual", "late_recording", "late_invoice"]
    off += ["reminder_daily"]
    # In the smallest of books next to nothing may happen at all.
    tiny = SimulationSettings(customer_count=5, month_count=3, invoices_per_customer_month=0.2, seed=1)
    assert len(simulate(tiny.model_copy(update={f"{name}_share": 0.0 for name in off})).events) == 0
    book = simulate(SMALL.model_copy(update={f"{name}_share": 0.0 for name in off}))
    assert (book.payments["recorded_on"] == book.payments["payment_date"]).all()
    assert (book.invoices["recorded_on"] == book.invoices["issue_date"]).all()
    assert book.payments["invoice_id"].null_count() == 0
    assert set(book.payments["kind"]) <= {"payment", "discount"}
    assert set(book.events["event_type"]) <= {"payment_plan", "handed_to_agency"}


# ---- settings, calendar, formula ----------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"customer_count": 0},
        {"customers": 10},
        {"reminder_steps_days": (14, 7)},
        {"regime_change": True, "regime_change_month": 30},
        {"truth_dates": (date(2020, 1, 1),)},
        {"dispute_share": float("nan")},
    ],
)
def test_unusable_settings_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="not usable"):
        SimulationSettings.from_values(values)


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    with pytest.raises(TargetError):
        simulate(SMALL).write(mine)
    assert [path.name for path in mine.iterdir()] == ["notes.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_payment_runs_follow_the_calendar() -> None:
    days = make_days(SimulationSettings())
    names = [name for name, _, _ in RUN_CALENDARS]
    held = {name: days.date64(np.flatnonzero(days.runs[:122, at])).tolist() for at, name in enumerate(names)}
    # June 2023 began on a Thursday; Friday 14 July is a holiday, Saturday 30 September no business day.
    assert held["month_end"] == [date(2023, 6, 30), date(2023, 7, 31), date(2023, 8, 31), date(2023, 9, 29)]
    assert date(2023, 7, 14) not in held["friday"]
    assert date(2023, 7, 17) in held["friday"]
    assert held["10_25"][:2] == [date(2023, 6, 12), date(2023, 6, 26)]
    assert all(day.weekday() < 5 for runs in held.values() for day in runs)


# ---- the sample ---------------------------------------------------------------------------------


def test_the_sample_is_a_small_clean_book_with_open_invoices() -> None:
    folder = Path(__file__).parents[1] / "data" / "sample"
    if not folder.is_dir():
        pytest.skip("data/sample is not part of this installation")
    ledger = read_ledger(folder)
    assert len(ledger.refusals) == 0
    assert 14_000 < len(ledger.invoices) < 16_000
    assert 300 <= ledger.invoices["customer_id"].n_unique() <= 400
    assert ledger.invoices["issue_date"].max() == date(2025, 11, 28)
    paid = ledger.payments["invoice_id"].drop_nulls().to_list()
    assert len(ledger.invoices.filter(~pl.col("invoice_id").is_in(paid))) > 500
    assert sum(path.stat().st_size for path in folder.rglob("*")) < 2_000_000
