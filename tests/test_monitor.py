"""Past scores beside what came: what is read, what is judged, and from where on it is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from books import small_ledger

from paydelay import CATALOGUE, Config, DelayModel, Ledger, deliver, load_config, monitor, rank, score, train
from paydelay.backtest.judging import judged_rows
from paydelay.config import MonitorSettings
from paydelay.errors import ConfigError, ImmatureOutcomeError, ScoresError
from paydelay.intervals import Interval, two_way_interval
from paydelay.metrics import log_loss
from paydelay.monitor import Monitoring
from paydelay.monitor.books import past_books
from paydelay.monitor.drift import (
    by_chance,
    coverage_check,
    feature_checks,
    feature_table,
    population_checks,
)
from paydelay.monitor.past_scores import past_scores
from paydelay.monitor.realised import Realised, realised, realised_checks
from paydelay.monitor.retraining import _advice
from paydelay.monitor.verdicts import by_interval, by_size, worst
from paydelay.report import monitoring_page
from paydelay.scoring import SCHEMA_VERSION, Scores
from paydelay.simulate import SimulationSettings, simulate
from paydelay.training.profile import bin_shares, category_shares, stability_index

CONFIG = load_config(
    {
        "model": {"tree_count": 8, "learning_rate": 0.2, "leaf_rows_min": 20, "thread_count": 1},
        "monitor": {"rows_min": 60},
    }
)
TRAINED, AS_OF = date(2024, 4, 29), date(2024, 7, 22)
DAYS = [TRAINED + timedelta(days=7 * week) for week in range(1, 9)]


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    found = simulate(SimulationSettings(customer_count=60, month_count=14, seed=3, daily_truth=False))
    return Ledger.from_frames(found.invoices, found.payments, found.customers, found.events)


@pytest.fixture(scope="module")
def model(ledger: Ledger) -> DelayModel:
    return train(ledger, TRAINED, CONFIG, force=True)


@pytest.fixture(scope="module")
def past(ledger: Ledger, model: DelayModel) -> list[Scores]:
    return [score(ledger, model, day, explain="none") for day in DAYS]


@pytest.fixture(scope="module")
def found(ledger: Ledger, model: DelayModel, past: list[Scores]) -> Monitoring:
    return monitor(ledger, past, AS_OF, model=model, config=CONFIG, retraining="always")


# ---- What is read ----


def test_files_of_every_kind_folders_and_tables_say_the_same(past: list[Scores], tmp_path: Path) -> None:
    wanted = past_scores(past[:2])
    assert wanted.height == len(past[0]) + len(past[1])
    for ending, style in (
        ("parquet", "standard"),
        ("json", "standard"),
        ("csv", "standard"),
        ("csv", "excel-fr"),
    ):
        folder = tmp_path / f"{ending}-{style}"
        for number, scores in enumerate(past[:2]):
            deliver(scores.frame, folder / f"{number}.{ending}", csv_style=style)  # type: ignore[arg-type]
        read = past_scores(folder)
        for name in ("prob_late", "prob_unpaid"):
            assert read[name].to_list() == pytest.approx(wanted[name].to_list(), abs=1e-6)
        same = ["invoice_id", "customer_id", "as_of", "due_date", "days_past_due", "prob_unpaid_pooled"]
        assert read.select(same).equals(wanted.select(same))
        assert past_scores([folder / f"{number}.{ending}" for number in range(2)]).equals(read)


def test_an_id_that_a_spreadsheet_would_run_comes_back_as_it_was(past: list[Scores], tmp_path: Path) -> None:
    odd = past[0].frame.with_columns(invoice_id="=" + pl.col("invoice_id"))
    deliver(odd, tmp_path / "odd.csv")
    assert past_scores(tmp_path / "odd.csv")["invoice_id"].sort().equals(odd["invoice_id"].sort())


def test_what_is_no_score_table_by_invoice_is_refused(past: list[Scores], tmp_path: Path) -> None:
    customers = rank(past[0], "customer").frame
    deliver(customers, tmp_path / "customers.csv")
    frame = past[0].frame
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    (tmp_path / "broken.parquet").write_text("mine", "utf-8")
    for source, words in (
        (tmp_path / "customers.csv", "holds scores by customer"),
        (
            frame.with_columns(schema_version=pl.lit(1, pl.Int32)),
            f"schema_version 1 and this paydelay reads {SCHEMA_VERSION}",
        ),
        (frame.drop("prob_late", "as_of"), "lacks as_of, prob_late"),
        (frame.with_columns(prob_late=pl.lit(1.5)), "probability from 0 to 1"),
        (frame.with_columns(prob_late=pl.lit("x")), "a cell that is none of a score table"),
        (tmp_path / "notes.txt", "ends in none of"),
        (tmp_path / "broken.parquet", "is no .parquet table"),
        (tmp_path / "nowhere.csv", "cannot be read"),
        (tmp_path / "empty", "holds no .parquet, .csv or .json file"),
        ([], "No past scores were given"),
        ([frame, frame], f"hold {frame.height} rows of an invoice and a day that stand there already"),
    ):
        with pytest.raises(ScoresError, match=words) as refused:
            past_scores(source)
        assert not set(frame["invoice_id"]) & set(str(refused.value).split())


# ---- Which rows are judged ----

_HAND = [
    # due 10, paid 12: late; due 10, paid 9: prompt; due 30: not known by the 25th; due 10, open: late
    {"invoice_id": "late", "issue_date": date(2025, 3, 1), "due_date": date(2025, 3, 10)},
    {"invoice_id": "prompt", "issue_date": date(2025, 3, 1), "due_date": date(2025, 3, 10)},
    {"invoice_id": "waits", "issue_date": date(2025, 3, 1), "due_date": date(2025, 3, 30)},
    {"invoice_id": "open", "issue_date": date(2025, 3, 1), "due_date": date(2025, 3, 10)},
    {"invoice_id": "overdue", "issue_date": date(2025, 2, 1), "due_date": date(2025, 3, 2)},
]
_PAID = [
    {"invoice_id": "late", "payment_date": date(2025, 3, 12)},
    {"invoice_id": "prompt", "payment_date": date(2025, 3, 9)},
    {"invoice_id": "waits", "payment_date": date(2025, 3, 20)},
    {"invoice_id": "overdue", "payment_date": date(2025, 3, 25)},
]


def hand_scores(ids: list[str], day: date = date(2025, 3, 5), **other: Any) -> pl.DataFrame:
    due = {row["invoice_id"]: row["due_date"] for row in _HAND}
    rows = {
        "invoice_id": ids,
        "customer_id": ["C1"] * len(ids),
        "as_of": [day] * len(ids),
        "due_date": [due.get(name, day) for name in ids],
        "days_past_due": [0] * len(ids),
        "open_amount_reporting": [1000.0] * len(ids),
        "prob_late": [0.5] * len(ids),
        "prob_unpaid": [0.1] * len(ids),
        "prob_unpaid_pooled": [True] * len(ids),
        "model_version": ["2025-03-01-abc"] * len(ids),
        "schema_version": [SCHEMA_VERSION] * len(ids),
    }
    return past_scores(pl.DataFrame(rows | other))


def hand_books(scores: pl.DataFrame, ledger: Ledger, as_of: date = date(2025, 3, 25)) -> Any:
    return past_books(ledger, scores, as_of, Config(), CATALOGUE.select(["settled_count_all"]))


def test_an_outcome_counts_from_the_day_it_is_known_whatever_it_is() -> None:
    books = hand_books(hand_scores([row["invoice_id"] for row in _HAND]), small_ledger(_HAND, _PAID))
    late = realised(books, "late", 0)
    came = dict(zip(late.rows["invoice_id"], late.judged.came, strict=True))
    # "waits" is paid already, and counts only once its due date is over; "overdue" was late when scored.
    assert came == {"late": 1.0, "prompt": 0.0, "open": 1.0}
    assert len(realised(books, "unpaid", 90).judged) == 0


def test_rows_that_cannot_be_judged_are_counted_one_by_one() -> None:
    scores = pl.concat(
        [
            hand_scores(["late", "prompt", "gone"]),
            hand_scores(["open"], model_version=["2025-03-06-abc"]),
            hand_scores(["open"], date(2025, 3, 26)),
        ]
    )
    books = hand_books(scores, small_ledger(_HAND, _PAID))
    assert books.counts == {
        "read": 5,
        "after_as_of": 1,
        "before_training": 1,
        "not_in_ledger": 1,
        "kept": 2,
        "not_scored": 3,
    }
    check = coverage_check(books, MonitorSettings())
    assert (check.value, check.verdict) == (0.4, "alarm")
    for odd in (["gone"], []):
        with pytest.raises(ScoresError):
            hand_books(hand_scores(odd), small_ledger(_HAND, _PAID))


def test_contact_counts_between_the_score_and_the_outcome() -> None:
    def event(name: str, day: int, **other: Any) -> dict[str, Any]:
        return {"event_type": "reminder_sent", "event_date": date(2025, 3, day), "invoice_id": name} | other

    scores = hand_scores(["late", "prompt", "open"])
    for events, wanted in (
        ([event("late", 8)], [True, False, False]),
        ([event("late", 5)], None),  # on the day of the score: it may have been before
        ([event("late", 11), event("open", 7)], [False, True, False]),  # after the outcome was decided
        ([event("prompt", 10)], [False, False, False]),  # after it was paid
        ([{"event_type": "dispute_opened", "event_date": date(2025, 3, 8), "invoice_id": "late"}], None),
        (
            [
                {
                    "event_type": "promise_to_pay",
                    "event_date": date(2025, 3, 8),
                    "customer_id": "C1",
                    "new_date": date(2025, 3, 20),
                }
            ],
            [True, True, True],
        ),
    ):
        books = hand_books(scores, small_ledger(_HAND, _PAID, events))
        contacted = books.contacted(0)
        assert (None if contacted is None else contacted.tolist()) == wanted


def test_nothing_recorded_after_the_day_changes_anything(
    ledger: Ledger, model: DelayModel, past: list[Scores], found: Monitoring
) -> None:
    later = pl.col("known_on") > AS_OF
    assert ledger.payments.filter(later).height > 20
    other = replace(
        ledger,
        payments=ledger.payments.with_columns(amount=pl.when(later).then(0.01).otherwise(pl.col("amount"))),
        events=ledger.events.filter(~later),
    )
    again = monitor(other, past, AS_OF, model=model, config=CONFIG, retraining="always")
    assert again.to_dict() == found.to_dict()
    frames = again.to_pandas()
    assert set(frames) == {*found.tables, "checks"}
    assert frames["checks"]["verdict"].tolist() == found.checks["verdict"].to_list()


# ---- Figures and verdicts ----


def test_the_stability_index_by_hand() -> None:
    then, now = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
    assert stability_index(then, now) == pytest.approx(2 * 0.3 * np.log(2.5))
    assert stability_index(then, then) == 0.0
    # An empty bin counts as one in a thousand: 0.1 ln(0.1 / 0.001) + (0.9 - 1) ln(0.9)
    emptied = stability_index(np.array([1.0, 0.0]), np.array([0.9, 0.1]))
    assert emptied == pytest.approx(0.1 * np.log(100.0) - 0.1 * np.log(0.9))
    shares, missing = bin_shares(np.array([1.0, 2.0, 2.0, 3.0, np.nan]), np.array([1.0, 2.0]))
    assert shares.tolist() == [0.25, 0.5, 0.25]
    assert missing == pytest.approx(0.2)
    assert category_shares(pl.Series([30, 30, 45, None]), ["30", "60"]).tolist() == [0.5, 0.0, 0.5]


def test_what_is_told_is_large_and_shown_to_be() -> None:
    for effect, verdict in (
        ((0.05, 0.04, 0.06), "ok"),  # surely there, and small
        ((0.2, -0.01, 0.4), "ok"),  # may be nothing
        ((0.2, 0.01, 0.4), "watch"),
        ((0.3, 0.09, 0.5), "watch"),  # large, and not shown to be worth watching
        ((0.3, 0.1, 0.5), "alarm"),
        ((-0.3, -0.5, -0.1), "alarm"),
        ((float("nan"), float("nan"), float("nan")), "ok"),
    ):
        assert by_interval(Interval(*effect), 0.1, 0.25) == verdict
    assert by_interval(Interval(-0.3, -0.5, -0.1), 0.1, 0.25, either_side=False) == "ok"
    assert [by_size(size, 0.1, 0.25) for size in (0.09, 0.1, 0.25)] == ["ok", "watch", "alarm"]
    assert worst(["ok", "watch", "not_judged"]) == "watch"
    assert worst([]) == "not_judged"


def many_realised(came_share: float, seed: int = 1, customers: int = 40, weeks: int = 12) -> Realised:
    generator = np.random.default_rng(seed)
    count = customers * weeks * 2
    said = generator.uniform(0.2, 0.6, count)
    came = (generator.random(count) < said * came_share / 0.4).astype(float)
    rows = pl.DataFrame(
        {
            "as_of": [date(2025, 1, 6) + timedelta(days=7 * (n % weeks)) for n in range(count)],
            "customer_id": [f"C{n % customers}" for n in range(count)],
            "invoice_id": [f"F{n}" for n in range(count)],
            "open_amount_reporting": generator.uniform(100, 1000, count),
            "model": said,
        }
    )
    judged = judged_rows(
        rows, came, ("model",), {"late_value": came * rows["open_amount_reporting"].to_numpy()}
    )
    return Realised("late", judged, np.arange(count) % weeks, None, rows, np.arange(count))


@pytest.mark.parametrize(
    ("came_share", "verdict"), [(0.4, "ok"), (0.48, "watch"), (0.6, "alarm"), (0.24, "alarm")]
)
def test_more_than_predicted_is_told(came_share: float, verdict: str) -> None:
    found = many_realised(came_share)
    (ratio, *_), figures = realised_checks(found, {}, MonitorSettings())
    assert ratio.value == pytest.approx(found.judged.came.sum() / found.said.sum())
    assert ratio.verdict == verdict
    assert figures["came_share"] == pytest.approx(found.judged.came.mean())


def test_a_fall_of_the_auc_counts_the_spread_of_both_figures() -> None:
    found = many_realised(0.4)
    for before, verdict in (
        ({"value": 0.9, "low": 0.89}, "alarm"),
        ({"value": 0.9, "low": 0.4}, "ok"),
        ({"value": 0.3, "low": 0.29}, "ok"),
    ):
        auc = realised_checks(found, {"auc": before}, MonitorSettings())[0][3]
        assert (auc.name, auc.verdict) == ("auc", verdict)
    assert realised_checks(found, {}, MonitorSettings())[0][3].why == "no_profile"


def test_few_invoices_or_weeks_are_not_judged() -> None:
    few = many_realised(0.4, weeks=4)
    assert {check.why for check in realised_checks(few, {}, MonitorSettings())[0]} == {"too_few"}
    one = many_realised(0.4)
    looks = replace(one.judged, invoice=np.where(one.judged.came == 1.0, 1, 2))
    same = replace(one, judged=looks)
    assert {check.verdict for check in realised_checks(same, {}, MonitorSettings())[0]} == {"not_judged"}


def test_luck_that_a_week_shares_widens_an_interval() -> None:
    generator = np.random.default_rng(3)
    week = np.repeat(np.arange(10), 100)
    customer = np.tile(np.arange(100), 10)

    def width(values: np.ndarray[Any, Any]) -> float:
        mean = two_way_interval(customer, week, lambda times: float(np.average(values, weights=times)))
        return mean.high - mean.low

    alone, shared = generator.normal(size=1000), generator.normal(size=10)[week]
    assert width(shared) > 3.0 * width(alone)
    one = two_way_interval(customer, np.zeros(1000, int), lambda times: float(times.mean()))
    assert (one.low, one.high) == (-np.inf, np.inf)


# ---- Drift ----


def test_a_feature_is_held_against_what_it_usually_moves(
    ledger: Ledger, model: DelayModel, past: list[Scores]
) -> None:
    profile = model.manifest["profile"]
    books = past_books(ledger, past_scores(past), AS_OF, CONFIG, CATALOGUE)
    settings = MonitorSettings()
    table = feature_table(books, profile, CATALOGUE, settings)
    assert set(table["feature"]) == set(CATALOGUE.names)
    assert set(table.filter(family="seasonality")["verdict"]) == {"not_judged"}
    row = table.filter(feature="amount").row(0, named=True)
    edges, then = (np.array(profile["features"]["amount"][name]) for name in ("edges", "shares"))
    now = bin_shares(books.every.X[:, CATALOGUE.names.index("amount")], edges)[0]
    assert row["psi"] == pytest.approx(stability_index(then, now))
    counts = books.every.rows["customer_id"].value_counts()["count"].to_numpy()
    chance = by_chance(len(now), profile["effective_customers"], counts.sum() ** 2 / (counts**2).sum())
    assert row["watch_at"] == pytest.approx(max(0.1 + chance, 2.0 * row["usual_psi"]))
    # Cents for euros: the feature is named, whatever the others do.
    books.every.X[:, CATALOGUE.names.index("amount")] *= 100.0
    drift, _ = feature_checks(feature_table(books, profile, CATALOGUE, settings), len(books.every))
    assert (drift.verdict, drift.subject) == ("alarm", "amount")


def test_another_weekday_than_those_trained_on_is_no_drift(ledger: Ledger, model: DelayModel) -> None:
    profile, settings = model.manifest["profile"], MonitorSettings()
    period = (date.fromisoformat(profile["first"]), date.fromisoformat(profile["last"]))
    # The panel steps by whole weeks, from a Monday.
    thursdays = [TRAINED + timedelta(days=7 * week - 4) for week in (2, 3, 4)]
    past = past_scores([score(ledger, model, day, explain="none") for day in thursdays])
    rows = {}
    for name, known in (("alone", None), ("beside", period)):
        books = past_books(ledger, past, AS_OF, CONFIG, CATALOGUE, period=known)
        table = feature_table(books, profile, CATALOGUE, settings)
        rows[name] = table.filter(feature="days_since_payment").row(0, named=True)
    assert books.before is not None
    assert set(books.before.rows["as_of"].dt.weekday()) == {4}
    assert books.before.rows["as_of"].max() < TRAINED
    # Of a book of more customers the first would be an alarm; beside other Thursdays it is nothing new.
    moved, usual = rows["alone"]["psi"], profile["features"]["days_since_payment"]["usual_psi"]
    assert rows["alone"]["usual_psi"] == usual < moved / settings.alarm_times_usual
    assert rows["beside"]["psi"] == moved < settings.watch_times_usual * rows["beside"]["usual_psi"]
    # Cents for euros are told all the same.
    books.every.X[:, CATALOGUE.names.index("amount")] *= 100.0
    assert feature_table(books, profile, CATALOGUE, settings)["feature"][0] == "amount"


def test_a_currency_or_terms_never_seen_and_strangers_are_told(
    ledger: Ledger, model: DelayModel, past: list[Scores]
) -> None:
    profile, settings = model.manifest["profile"], MonitorSettings()
    books = past_books(ledger, past_scores(past), AS_OF, CONFIG, CATALOGUE)

    def verdicts(**changed: pl.Expr) -> dict[str, str]:
        every = replace(books.every, rows=books.every.rows.with_columns(**changed))
        checks, rows = population_checks(replace(books, every=every), profile, settings)
        assert {row["kind"] for row in rows} == {"new_customers", "currency", "terms_days"}
        return {check.name: check.verdict for check in checks}

    assert set(verdicts().values()) == {"ok"}
    assert verdicts(currency=pl.lit("USD"))["currency"] == "alarm"
    some = pl.when(pl.int_range(pl.len()) % 2 == 0)
    longer = some.then(pl.col("due_date") + pl.duration(days=200)).otherwise(pl.col("due_date"))
    assert verdicts(due_date=longer)["terms_days"] != "ok"
    books.every.X[:, CATALOGUE.names.index("settled_count_all")] = 4.0
    assert verdicts()["new_customers"] == "alarm"


def test_the_profile_is_plain_small_and_survives_the_folder(model: DelayModel, tmp_path: Path) -> None:
    profile = DelayModel.load(model.save(tmp_path / "model")).manifest["profile"]
    assert profile == model.manifest["profile"]
    assert set(profile["features"]) == set(CATALOGUE.names)
    for then in profile["features"].values():
        assert len(then["shares"]) == len(then["edges"]) + 1 <= 10
    assert profile["block_count"] >= 3
    assert (
        profile["scores"]["late"]["figures"]["auc"]["low"]
        < profile["scores"]["late"]["figures"]["auc"]["high"]
    )


def test_without_a_profile_or_a_model_drift_is_told_as_not_judged(
    ledger: Ledger, model: DelayModel, past: list[Scores], found: Monitoring
) -> None:
    bare = replace(model, manifest={name: part for name, part in model.manifest.items() if name != "profile"})
    for given, why in ((bare, "no_profile"), (None, "no_model")):
        other = monitor(ledger, past, AS_OF, model=given, config=CONFIG, retraining="never")
        drift = other.checks.filter(pl.col("check").is_in(["feature_drift", "score_drift", "currency"]))
        assert drift["why"].to_list() == [why] * 4
        assert other.tables["features"].is_empty()
        for name in ("ratio", "coverage"):
            assert other.checks.filter(check=name).equals(found.checks.filter(check=name))


# ---- The whole ----


def test_checks_and_tables_agree_with_the_scores(found: Monitoring, past: list[Scores]) -> None:
    assert found.counts["kept"] == sum(map(len, past)) == found.counts["read"]
    assert (found.first, found.last, found.trained_as_of) == (DAYS[0], DAYS[-1], TRAINED)
    row = found.tables["realised"].filter(outcome="late").row(0, named=True)
    ratio = found.checks.filter(check="ratio", outcome="late").row(0, named=True)
    assert ratio["value"] == pytest.approx(row["came_share"] / row["predicted_share"])
    assert row["row_count"] + row["waiting_count"] + row["decided_count"] == found.counts["kept"]
    assert found.checks["meaning"].null_count() == 0
    days = found.tables["days"].filter(outcome="late")
    assert days["row_count"].sum() == row["row_count"]
    contacts = found.tables["contacts"].filter(outcome="unpaid")
    assert (
        contacts["row_count"].sum() == found.tables["realised"].filter(outcome="unpaid")["row_count"].item()
    )


def test_where_nothing_is_known_yet_nothing_is_judged_and_nothing_breaks(
    ledger: Ledger, model: DelayModel, past: list[Scores]
) -> None:
    early = monitor(ledger, past[:1], DAYS[0], model=model, retraining="always")
    judged = early.checks.filter(pl.col("outcome").is_not_null() & (pl.col("check") != "score_drift"))
    assert set(judged["verdict"]) == {"not_judged"}
    assert early.retraining.advice == "not_possible"
    assert early.tables["realised"]["row_count"].to_list() == [0, 0]
    assert early.tables["realised"]["waiting_count"][0] > 0
    for language in ("en", "fr"):
        assert monitoring_page(early, language=language).count("<section") == 7


def test_newer_models_are_judged_on_the_later_half_alone(
    ledger: Ledger, model: DelayModel, past: list[Scores], found: Monitoring
) -> None:
    tried = found.retraining
    assert tried.as_of is not None
    assert TRAINED < tried.as_of < DAYS[-1]
    books = past_books(ledger, past_scores(past), AS_OF, CONFIG, CATALOGUE)
    late = realised(books, "late", 0)
    later = (late.rows["as_of"] >= tried.as_of).to_numpy()
    assert tried.row_count == later.sum()
    assert tried.log_loss["scored"] == pytest.approx(log_loss(late.said[later], late.judged.came[later]))
    newer = train(ledger, tried.as_of, CONFIG, force=True)
    panel = books.panel.take(late.at[later])
    said = newer.open_share_at(newer.survival(panel), panel.rows["days_past_due"].to_numpy(), 0.0)
    assert tried.log_loss["retrained"] == pytest.approx(log_loss(said, late.judged.came[later]))
    for name in ("recalibrated", "retrained"):
        assert tried.gains[name].value == pytest.approx(tried.log_loss["scored"] - tried.log_loss[name])


@pytest.mark.parametrize(
    ("shown", "advice"),
    [
        ((False, False, False), "not_shown"),
        ((True, False, False), "recalibrate"),
        ((True, True, False), "recalibrate"),  # as good for less
        ((True, True, True), "retrain"),
        ((False, True, False), "retrain"),
        ((False, False, True), "not_shown"),
    ],
)
def test_retraining_is_advised_where_it_gains_more(shown: tuple[bool, ...], advice: str) -> None:
    names = ("recalibrated", "retrained", "retrained_over_recalibrated")
    gains = {
        name: Interval(0.1, 0.01 if good else -0.01, 0.2) for name, good in zip(names, shown, strict=True)
    }
    assert _advice(gains) == advice


def test_a_wrong_call_is_told(ledger: Ledger, past: list[Scores], model: DelayModel) -> None:
    with pytest.raises(ConfigError, match="auto, always or never"):
        monitor(ledger, past, AS_OF, retraining="perhaps")  # type: ignore[arg-type]
    with pytest.raises(ImmatureOutcomeError, match="records nothing of what was paid after"):
        monitor(ledger, past, "2025-06-30", model=model)


# ---- Stationary and changed books, as the benchmark has them ----


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_where_nothing_changes_there_is_at_most_one_alarm_in_ten_books() -> None:
    from bench_monitor import scenario, told

    found = [scenario("control", seed) for seed in range(1, 11)]
    judged = sum(check.verdict != "not_judged" for monitoring in found for check in monitoring.made)
    # Silence is worth something only where something was judged.
    assert judged > 100
    assert sum(len(told(monitoring, "alarm")) for monitoring in found) <= 1


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("shock", "ratio.late"),
        ("cents", "feature_drift"),
        ("terms", "terms_days"),
        ("strangers", "new_customers"),
    ],
)
def test_what_is_planted_is_caught(name: str, check: str) -> None:
    from bench_monitor import scenario, told

    found = scenario(name, 1, retraining="auto" if name == "shock" else "never")
    assert check in told(found, "alarm")
    assert found.verdict == "alarm"
    if name == "shock":
        assert found.retraining.advice in ("retrain", "recalibrate")
        assert found.retraining.gains["retrained"].low > 0.0
