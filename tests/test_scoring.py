"""Scoring: one row per open invoice, its figures worked again by hand, and reasons that add up."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from books import small_ledger
from standings import CHASED, GONE, SET_ASIDE, standings

from paydelay.config import Config, load_config
from paydelay.curve import PooledCurve
from paydelay.errors import (
    ConfigError,
    FeatureMismatchError,
    LedgerError,
    MissingDependencyError,
    StaleBooksWarning,
)
from paydelay.explain import REASONS_DTYPE
from paydelay.features import CATALOGUE, Catalogue, Feature
from paydelay.history import History, cut_ledger, stale_sentence
from paydelay.language import format_share, rounded
from paydelay.ledger import Ledger
from paydelay.loss import LossTable
from paydelay.model import DelayModel
from paydelay.panel import Panel, build_panel
from paydelay.scoring import EXPLAINED_TOP, SCHEMA_VERSION, SCORE_SCHEMA, Scores, score
from paydelay.simulate import SimulationSettings, simulate
from paydelay.training import train
from paydelay.worklist import Order, rank

SMALL = {"tree_count": 12, "learning_rate": 0.2, "leaf_rows_min": 20, "unpaid_positives_min": 20}
CONFIG: Config = load_config(
    {"model": {**SMALL, "thread_count": 1}, "panel": {"step_days": 14, "warm_up_days": 60}}
)
SIMULATED = SimulationSettings(
    customer_count=130,
    month_count=14,
    seed=3,
    insolvency_yearly_share=0.1,
    foreign_currency_share=0.2,
    daily_truth=False,
)
AS_OF = SIMULATED.end_date - timedelta(30)
TRAINED = SIMULATED.end_date - timedelta(90)


# Books and scores ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tables() -> dict[str, pl.DataFrame]:
    book = simulate(SIMULATED)
    found = {name: getattr(book, name) for name in ("invoices", "payments", "customers", "events", "rates")}
    for name, rows in standings(AS_OF).items():
        found[name] = pl.concat([found[name], pl.DataFrame(rows, schema=found[name].schema)])
    return found


@pytest.fixture(scope="module")
def ledger(tables: dict[str, pl.DataFrame]) -> Ledger:
    return Ledger.from_frames(**tables, reporting_currency="EUR")


@pytest.fixture(scope="module")
def model(ledger: Ledger) -> DelayModel:
    return train(ledger, TRAINED, CONFIG, force=True)


@pytest.fixture(scope="module")
def scores(ledger: Ledger, model: DelayModel) -> Scores:
    return score(ledger, model, AS_OF, keep_features=True)


@pytest.fixture(scope="module")
def panel(ledger: Ledger, model: DelayModel) -> Panel:
    return build_panel(History.build(ledger), [AS_OF], CATALOGUE.select(model.feature_names))


def rows_of(scores: Scores) -> list[dict[str, Any]]:
    return scores.frame.to_dicts()


def balances(ledger: Ledger, as_of: date) -> dict[str, float]:
    """Balance of every invoice known by a day, in its own currency, read row by row."""
    found = {
        row["invoice_id"]: row["amount"]
        for row in ledger.invoices.iter_rows(named=True)
        if row["known_on"] <= as_of
    }
    for row in ledger.payments.iter_rows(named=True):
        if row["known_on"] <= as_of and row["kind"] != "write_off" and row["invoice_id"] in found:
            found[row["invoice_id"]] -= row["amount"]
    return found


def rate_on(ledger: Ledger, currency: str, day: date) -> float:
    if currency == ledger.reporting_currency:
        return 1.0
    known = [row for row in ledger.rates.iter_rows() if row[0] == currency and row[1] <= day]
    return float(max(known, key=lambda row: row[1])[2])


# The table -----------------------------------------------------------------------------------


def test_columns_are_those_of_the_score_table_in_order(scores: Scores) -> None:
    stated = (
        "invoice_id, customer_id, as_of, issue_date, due_date, days_past_due, currency, open_amount, "
        "open_amount_reporting, prob_late, prob_late_30, prob_late_60, prob_unpaid, delay_median_days, "
        "delay_low_days, delay_high_days, expected_payment_date, ead, covered_amount, lgd, expected_loss, "
        "cost_of_delay, value_at_stake, scope, set_aside, agreed_due_date, promised_until, promised_amount, "
        "plan_until, priority_rank, reasons_late, reasons_unpaid, prob_unpaid_pooled, model_version, "
        "schema_version"
    )
    assert scores.frame.columns == stated.split(", ")
    assert dict(scores.frame.schema) == SCORE_SCHEMA
    assert list(scores.to_pandas().columns) == scores.frame.columns
    assert scores.frame["schema_version"].unique().to_list() == [SCHEMA_VERSION]
    assert scores.frame["model_version"].str.starts_with(TRAINED.isoformat()).all()
    may_be_missing = {"delay_median_days", "delay_low_days", "delay_high_days", "expected_payment_date"}
    may_be_missing |= {"set_aside", "priority_rank", "agreed_due_date"}
    may_be_missing |= {"promised_until", "promised_amount", "plan_until"}
    assert {column.name for column in scores.frame if column.null_count()} <= may_be_missing


@pytest.mark.parametrize("as_of", [TRAINED - timedelta(75), TRAINED, AS_OF, SIMULATED.end_date])
def test_every_open_invoice_is_scored_once(ledger: Ledger, model: DelayModel, as_of: date) -> None:
    amounts = dict(ledger.invoices.select("invoice_id", "amount").iter_rows())
    expected = {
        name: left
        for name, left in balances(ledger, as_of).items()
        if left > max(1.0, 0.005 * amounts[name]) + 1e-9
    }
    frame = score(ledger, model, as_of, explain="none").frame
    assert len(expected) > 150
    assert frame["invoice_id"].is_unique().all()
    assert set(frame["invoice_id"]) == set(expected)
    for name, left in frame.select("invoice_id", "open_amount").iter_rows():
        assert left == pytest.approx(expected[name], abs=0.005)
    assert frame["as_of"].unique().to_list() == [as_of]


def test_nothing_disappears_whatever_its_standing(scores: Scores) -> None:
    standing = SET_ASIDE | dict.fromkeys(CHASED)
    found = {row["invoice_id"]: row["set_aside"] for row in rows_of(scores)}
    assert {name: found[name] for name in standing} == standing
    assert not GONE & set(found)
    assert scores.frame.filter(pl.col("set_aside").is_null())["priority_rank"].null_count() == 0
    assert scores.frame.filter(pl.col("set_aside").is_not_null())["priority_rank"].count() == 0


def test_scopes_follow_the_due_date(scores: Scores) -> None:
    for row in rows_of(scores):
        overdue = (AS_OF - row["due_date"]).days
        assert row["days_past_due"] == overdue
        expected = "overdue" if overdue > 0 else "due_soon" if overdue >= -7 else "not_due"
        assert row["scope"] == expected
    assert scores.frame["scope"].n_unique() == 3


def test_several_currencies_are_scored_in_one(scores: Scores, ledger: Ledger) -> None:
    assert scores.frame["currency"].value_counts()["count"].min() > 20
    for row in rows_of(scores):
        rate = rate_on(ledger, row["currency"], AS_OF)
        assert row["open_amount_reporting"] == pytest.approx(row["open_amount"] * rate, abs=0.0051)


# Probabilities and delays --------------------------------------------------------------------


def test_the_longer_the_rarer(scores: Scores) -> None:
    names = ["prob_late", "prob_late_30", "prob_late_60", "prob_unpaid"]
    found = scores.frame.select(names).to_numpy()
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found, axis=1) <= 0).all()
    assert np.ptp(found[:, 0]) > 0.5
    overdue = scores.frame["days_past_due"].to_numpy()
    for column, days in enumerate([0, 30, 60, 90]):
        assert (found[overdue >= max(days, 1), column] == 1).all()


def test_payment_is_expected_after_today_or_never_of_what_is_lost(scores: Scores) -> None:
    lost = scores.frame.filter(pl.col("invoice_id").is_in(["written", "insolvent"]))
    assert lost["prob_unpaid"].to_list() == [1.0, 1.0]
    assert lost["expected_payment_date"].to_list() == [None, None]
    paid = scores.frame.filter(pl.col("delay_median_days").is_not_null())
    assert paid.height > 0.8 * len(scores)
    for row in paid.iter_rows(named=True):
        assert row["expected_payment_date"] > AS_OF
        assert row["expected_payment_date"] == row["due_date"] + timedelta(row["delay_median_days"])
        assert row["days_past_due"] < row["delay_low_days"]
        assert row["delay_low_days"] <= row["delay_median_days"] <= row["delay_high_days"]


# Money ---------------------------------------------------------------------------------------


def cash_by_hand(ledger: Ledger, as_of: date) -> dict[str, int]:
    """Cents that a customer paid beyond what it owes: on account, or too much on an invoice."""
    cash: defaultdict[str, float] = defaultdict(float)
    for row in ledger.payments.iter_rows(named=True):
        if row["invoice_id"] is None and row["known_on"] <= as_of:
            cash[row["customer_id"]] += row["amount"]
    left = balances(ledger, as_of)
    for row in ledger.invoices.iter_rows(named=True):
        over = -left.get(row["invoice_id"], 0.0)
        if over > 0.004:
            cash[row["customer_id"]] += over * rate_on(ledger, row["currency"], as_of)
    return {name: max(round(100 * amount), 0) for name, amount in cash.items()}


def test_exposure_is_what_cash_on_account_leaves_oldest_first(scores: Scores, ledger: Ledger) -> None:
    cash = cash_by_hand(ledger, AS_OF)
    assert dict(scores.cash.iter_rows()) == pytest.approx(
        {name: cents / 100 for name, cents in cash.items() if cents}, abs=0.011
    )
    touched = 0
    for row in sorted(
        rows_of(scores), key=lambda row: (row["due_date"], row["issue_date"], row["invoice_id"])
    ):
        open_cents = round(100 * row["open_amount_reporting"])
        spent = min(cash.get(row["customer_id"], 0), open_cents)
        touched += spent > 0
        assert row["ead"] == pytest.approx((open_cents - spent) / 100, abs=0.011)
        cash[row["customer_id"]] = cash.get(row["customer_id"], 0) - spent
    assert touched > 3
    found = {row["invoice_id"]: row["ead"] for row in rows_of(scores)}
    assert [found[f"cash/{n}"] for n in (1, 2, 3, 4)] == [0.0, 0.0, 750.0, 1000.0]


def test_cover_is_that_of_the_customer(scores: Scores) -> None:
    found = {row["invoice_id"]: row["covered_amount"] for row in rows_of(scores)}
    assert found["covered"] == 1000.0
    assert found["partly"] == 150.0
    assert found["plain"] == 0.0
    assert (scores.frame["covered_amount"] <= scores.frame["ead"]).all()


def test_loss_is_the_product_of_its_parts(scores: Scores, model: DelayModel) -> None:
    table = LossTable.from_dict(model.manifest["loss_table"])
    going = scores.frame.filter(
        ~pl.col("set_aside").is_in(["insolvency", "written_off"]).fill_null(value=False)
    )
    np.testing.assert_array_equal(going["lgd"].to_numpy(), table.lgd_at(going["days_past_due"]))
    insolvent = scores.frame.filter(set_aside="insolvency")
    assert insolvent.height
    assert set(insolvent["lgd"]) <= set(table.lost_lgd)
    for row in rows_of(scores):
        loss = row["prob_unpaid"] * row["lgd"] * (row["ead"] - row["covered_amount"])
        assert row["expected_loss"] == pytest.approx(loss, rel=1e-12, abs=1e-12)
        assert row["value_at_stake"] == pytest.approx(loss + row["cost_of_delay"], rel=1e-12)
    assert 0 < scores.frame["expected_loss"].sum() < scores.frame["ead"].sum()


def test_what_was_lost_long_ago_brings_less_than_what_was_lost_today(model: DelayModel) -> None:
    # Written off, insolvent, both: the first of the two is the day of the loss.
    lost = {"today": (0, None), "old": (200, None), "failed": (None, 90), "both": (200, 20)}
    due = AS_OF - timedelta(260)

    def ago(days: int) -> date:
        return AS_OF - timedelta(days)

    books = small_ledger(
        [
            {"invoice_id": name, "customer_id": name, "issue_date": due, "due_date": due, "amount": 100.0}
            for name in lost
        ],
        payments=[
            {"invoice_id": name, "payment_date": ago(off), "amount": 100.0, "kind": "write_off"}
            for name, (off, _) in lost.items()
            if off is not None
        ],
        events=[
            {"event_type": "insolvency", "event_date": ago(failed), "customer_id": name}
            for name, (_, failed) in lost.items()
            if failed is not None
        ],
    )
    table = LossTable.from_dict(model.manifest["loss_table"])
    since = {"today": 0.0, "old": 200.0, "failed": 90.0, "both": 200.0}
    expected = dict(zip(since, table.lgd_at([260] * 4, list(since.values())), strict=True))
    frame = score(books, model, AS_OF, explain="none").frame
    assert dict(frame.select("invoice_id", "lgd").iter_rows()) == pytest.approx(expected)
    assert expected["today"] < expected["failed"] < expected["old"]


@pytest.mark.parametrize(("cap_days", "rate"), [(180, 0.08), (45, 0.2)])
def test_cost_of_delay_is_the_sum_over_every_day(
    ledger: Ledger, panel: Panel, model: DelayModel, cap_days: int, rate: float
) -> None:
    config = load_config({"loss": {"cost_of_delay_cap_days": cap_days, "annual_cost_of_capital": rate}})
    frame = score(ledger, model, AS_OF, config=config, explain="none").frame
    curve = model.survival(panel)
    assert panel.rows["invoice_id"].to_list() == frame["invoice_id"].to_list()
    for number in range(0, frame.height, 17):
        row = frame.row(number, named=True)
        overdue = row["days_past_due"]
        ahead = [column for column, horizon in enumerate(model.horizons_days) if horizon > overdue]
        days = [overdue, *(model.horizons_days[column] for column in ahead)]
        still_open = [1.0, *curve[number, ahead]]
        each = np.arange(overdue + 1, overdue + cap_days + 1)
        lost = row["prob_unpaid"] == 1.0 and row["delay_median_days"] is None
        tail = np.maximum(each - days[-1], 0) * (0.0 if lost else model.pooled.tail_rate)
        waited = (np.interp(each, days, still_open) * np.exp(-tail)).sum()
        share_paid = 1.0 - row["prob_unpaid"] * row["lgd"]
        assert row["cost_of_delay"] == pytest.approx(waited * share_paid * row["ead"] * rate / 365, rel=1e-9)


@pytest.mark.parametrize("order", ["expected-loss", "value-at-stake", "late-value"])
def test_ranks_follow_the_order_and_ties_the_larger_older_smaller(
    ledger: Ledger, model: DelayModel, order: Order
) -> None:
    found = score(ledger, model, AS_OF, order=order, explain="none")

    def value(row: dict[str, Any]) -> float:
        if order == "late-value":
            return float(row["prob_late"] * row["open_amount_reporting"])
        return float(row[order.replace("-", "_")])

    chased = [row for row in rows_of(found) if row["set_aside"] is None]
    chased.sort(
        key=lambda row: (-value(row), -row["open_amount_reporting"], row["due_date"], row["invoice_id"])
    )
    assert [row["priority_rank"] for row in chased] == list(range(1, len(chased) + 1))
    assert rank(found, order=order).frame["invoice_id"].to_list() == [row["invoice_id"] for row in chased]


# Reasons -------------------------------------------------------------------------------------


def told(scores: Scores) -> list[dict[str, Any]]:
    both = pl.concat([scores.frame["reasons_late"], scores.frame["reasons_unpaid"]])
    return [reason for reasons in both for reason in reasons]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_reasons_are_few_and_in_words(ledger: Ledger, model: DelayModel, language: str) -> None:
    found = score(ledger, model, AS_OF, language=language)
    for name in ("reasons_late", "reasons_unpaid"):
        sizes = found.frame[name].list.len()
        assert sizes.max() == 5
        assert (sizes > 0).mean() > 0.95
    texts = {reason["text"] for reason in told(found)}
    assert len(texts) > 100
    assert not [text for text in texts for name in CATALOGUE.names if "_" in name and name in text]
    assert not [text for text in texts if "_" in text or "{" in text or "nan" in text.lower().split()]
    english = {"the", "book's", "days", "invoices"}
    assert any(english & set(text.split()) for text in texts) == (language == "en")


def test_both_languages_give_the_same_reasons(scores: Scores, ledger: Ledger, model: DelayModel) -> None:
    french = score(ledger, model, AS_OF, language="fr")
    for ours, theirs in zip(told(scores), told(french), strict=True):
        assert ours | {"text": ""} == theirs | {"text": ""}
    figures = pl.exclude("reasons_late", "reasons_unpaid")
    assert scores.frame.select(figures).equals(french.frame.select(figures))


def test_a_rule_is_explained_by_the_rule(scores: Scores) -> None:
    by_id = {row["invoice_id"]: row for row in rows_of(scores)}

    def only(name: str, which: str) -> tuple[str, str]:
        (reason,) = by_id[name][which]
        assert (reason["contribution"], reason["direction"]) == (None, 1)
        return reason["cause"], reason["text"]

    assert only("plain", "reasons_late") == ("rule_overdue", "20 days overdue")
    assert by_id["plain"]["prob_late"] == 1.0
    assert by_id["plain"]["prob_unpaid"] < 1.0
    for which in ("reasons_late", "reasons_unpaid"):
        assert only("written", which)[0] == "rule_written_off"
        assert only("insolvent", which)[0] == "rule_insolvent"
    for row in by_id.values():
        ruled = any(reason["cause"].startswith("rule_") for reason in row["reasons_late"])
        assert ruled == (row["prob_late"] == 1.0)


def test_a_pooled_rate_says_so_first(scores: Scores, model: DelayModel) -> None:
    assert model.unpaid_is_pooled
    assert scores.prob_unpaid_is_pooled
    for row in rows_of(scores):
        assert row["prob_unpaid_pooled"] == (row["prob_unpaid"] < 1.0)
        first = row["reasons_unpaid"][0]
        assert (first["cause"] in ("pooled_unpaid", "pooled_rate")) == row["prob_unpaid_pooled"]
        if first["cause"] == "pooled_rate":
            assert (first["contribution"], len(row["reasons_unpaid"])) == (None, 1)
            assert f"{row['days_past_due']} days late" in first["text"]
            assert format_share(rounded(row["prob_unpaid"], "share"), "en") in first["text"]
        one = scores.explain(row["invoice_id"])["unpaid"]
        assert (one["pooled"], one["probability"]) == (row["prob_unpaid_pooled"], row["prob_unpaid"])
        assert bool(one["contributions"]) == (one["rule"] is None)


def test_reasons_can_be_left_out_or_kept_to_the_first(
    scores: Scores, ledger: Ledger, model: DelayModel
) -> None:
    bare = score(ledger, model, AS_OF, explain="none")
    assert told(bare) == []
    assert bare.frame.schema["reasons_late"] == REASONS_DTYPE
    for asked, count in ((7, 7), (0, 0), ("top", EXPLAINED_TOP)):
        some = score(ledger, model, AS_OF, explain=asked)
        for ours, every in zip(rows_of(some), rows_of(scores), strict=True):
            explained = every["priority_rank"] is not None and every["priority_rank"] <= count
            assert ours["reasons_late"] == (every["reasons_late"] if explained else [])
            assert ours["reasons_unpaid"] == (every["reasons_unpaid"] if explained else [])


def check_explained(
    scores: Scores, model: DelayModel, panel: Panel, which: str, days: int
) -> tuple[int, int]:
    """Number of scores that the model gives, each made by its contributions; and of those held flat."""
    margins = model.margins(panel, [0, days])
    calibrated = model.calibration.probability(margins, np.array([0.0, days]))
    count = flat = 0
    for number, row in enumerate(rows_of(scores)):
        one = scores.explain(row["invoice_id"])[which]
        assert one["probability"] == row[f"prob_{which}"]
        assert not one["pooled"]
        if one["rule"] is not None:
            assert one["probability"] == 1.0
            assert (one["base"], one["margin"], one["contributions"]) == (None, None, {})
            continue
        count += 1
        assert one["horizon_days"] == days
        assert one["base"] + sum(one["contributions"].values()) == pytest.approx(one["margin"], abs=1e-6)
        assert one["margin"] == pytest.approx(margins[number, -1], abs=1e-6)
        # Unpaid may not be likelier than late: where the map would make it so, it is as likely.
        assert row[f"prob_{which}"] == pytest.approx(np.nanmin(calibrated[number]), abs=1e-9)
        flat += row[f"prob_{which}"] < calibrated[number, -1] - 1e-9
    return count, flat


def test_contributions_and_base_make_the_score(scores: Scores, panel: Panel, model: DelayModel) -> None:
    count, flat = check_explained(scores, model, panel, "late", 0)
    assert count > 80
    assert flat < 0.05 * count


def test_contributions_come_with_the_values_they_are_of(scores: Scores, model: DelayModel) -> None:
    one = scores.explain("not_due")["late"]
    kept = scores.features.filter(pl.col("invoice_id") == "not_due").select(model.feature_names)
    assert tuple(one["values"]) == model.feature_names
    np.testing.assert_array_equal(np.array(list(one["values"].values()), np.float32), kept.row(0))
    assert (np.diff(np.abs(list(one["contributions"].values()))) <= 0).all()
    assert set(one["contributions"]) == set(model.feature_names)


def test_contributions_of_many_are_those_of_each(scores: Scores) -> None:
    asked = scores.frame["invoice_id"].to_list()[::5]
    for outcome in ("late", "unpaid"):
        made = scores.contributions(outcome, asked)
        assert len(made) + made.ruled_count == len(asked)
        assert len(made) > 3
        assert made.ruled_count > 0
        for invoice_id in made.invoice_ids[:3]:
            one, row = scores.explain(invoice_id)[outcome], made.row_of(invoice_id)
            told = dict(zip(made.feature_names, made.phi[row].tolist(), strict=True))
            assert told == pytest.approx(one["contributions"], abs=1e-9)
            assert made.phi[row].sum() + made.base[row] == pytest.approx(one["margin"], abs=1e-9)
            assert made.probability[row] == one["probability"]
            assert np.array_equal(made.values[row], list(one["values"].values()), equal_nan=True)
    every = scores.contributions()
    assert len(every) + every.ruled_count == len(scores)
    lines = every.to_pandas()
    assert list(lines.columns) == ["invoice_id", "feature", "value", "log_odds"]
    assert len(lines) == every.phi.size
    # The drivers are means of the same lines.
    means = lines["log_odds"].abs().groupby(lines["feature"]).mean()
    for feature, moved in every.tables["drivers"].select("feature", "mean_log_odds").head(5).iter_rows():
        assert means[feature] == pytest.approx(moved)


def test_contributions_are_of_invoices_and_outcomes_that_are_scored(scores: Scores) -> None:
    assert len(scores.contributions("late", [])) == 0
    with pytest.raises(LedgerError, match="1 of the 1 invoices asked for"):
        scores.contributions("late", ["nobody's"])
    with pytest.raises(ConfigError, match="choose one of late, unpaid"):
        scores.contributions("paid")  # type: ignore[arg-type]


def test_contributions_make_the_unpaid_score_where_it_is_the_models_own(
    ledger: Ledger, panel: Panel, model: DelayModel
) -> None:
    own = replace(model, pooled=PooledCurve.flat(model.horizons_days))
    found = score(ledger, own, AS_OF)
    assert not found.prob_unpaid_is_pooled
    assert check_explained(found, own, panel, "unpaid", 90)[0] > 160
    assert not found.frame["prob_unpaid_pooled"].any()
    assert "pooled_unpaid" not in {reason["cause"] for reason in told(found)}


def test_every_row_has_a_reason_by_invoice_and_by_customer(
    scores: Scores, ledger: Ledger, model: DelayModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_found(phi: Any, *_: Any, **__: Any) -> pl.Series:
        return pl.Series("reasons", [[] for _ in phi], dtype=REASONS_DTYPE)

    queue = rank(scores, by="customer").frame
    for frame in (scores.frame, queue):
        for name in ("reasons_late", "reasons_unpaid"):
            assert frame[name].list.len().min() >= 1
    monkeypatch.setattr("paydelay.scoring.teller.reasons", none_found)
    bare = score(ledger, model, AS_OF)
    for row in rows_of(bare):
        late, unpaid = ([reason["cause"] for reason in row[f"reasons_{w}"]] for w in ("late", "unpaid"))
        assert late == (["small_signs"] if row["prob_late"] < 1.0 else late)
        assert unpaid[-1] == "small_signs" or unpaid[-1].startswith(("rule_", "pooled_rate"))


def test_an_invoice_counted_as_unpaid_says_from_when_on(scores: Scores) -> None:
    old = scores.frame.filter((pl.col("days_past_due") >= 90) & pl.col("set_aside").is_null())
    assert old.height
    for row in old.iter_rows(named=True):
        (reason,) = row["reasons_unpaid"]
        assert reason["cause"] == "rule_unpaid"
        assert reason["text"].startswith(f"{row['days_past_due']} days overdue; ")


def test_a_customers_reasons_are_the_weighted_sum_of_every_contribution(scores: Scores) -> None:
    told = rank(scores, by="customer").frame.filter(pl.col("invoice_count") > 2)
    features = [feature for feature in CATALOGUE if feature.name in scores.features.columns]
    values = dict(
        zip(scores.features["invoice_id"], CATALOGUE.select([f.name for f in features]).observed(
            scores.features.select([f.name for f in features]).to_numpy()), strict=True)
    )  # fmt: skip
    checked = 0
    for customer, reasons in told.head(25).select("customer_id", "reasons_late").iter_rows():
        own = scores.frame.filter(
            pl.col("set_aside").is_null() & (pl.col("customer_id") == customer)
        ).to_dicts()
        whole = sum(row["open_amount_reporting"] for row in own)
        largest = values[max(own, key=lambda row: row["open_amount_reporting"])["invoice_id"]]
        sums: defaultdict[str, float] = defaultdict(float)
        for row in own:
            contributions = scores.explain(row["invoice_id"])["late"]["contributions"]
            for column, feature in enumerate(features):
                every = [values[one["invoice_id"]] for one in own]
                shared = len({one[column] for one in every}) == 1
                value = every[0][column] if shared else largest[column]
                count = feature.count and largest[[f.name for f in features].index(feature.count)]
                if not np.isnan(value) and feature.told and (count is None or count > 0):
                    part = contributions.get(feature.name, 0.0)
                    sums[feature.theme] += part * row["open_amount_reporting"] / whole
        for reason in reasons:
            if reason["contribution"] is not None:
                assert reason["contribution"] == pytest.approx(sums[reason["cause"]], abs=1e-9)
                checked += 1
    assert checked > 20


def test_what_is_said_of_a_customer_holds_for_it(scores: Scores) -> None:
    """A fact of one invoice names it; days overdue are those of the oldest."""
    led = 0
    for row in rank(scores, by="customer").frame.iter_rows(named=True):
        for reason in (*row["reasons_late"], *row["reasons_unpaid"]):
            text = reason["text"]
            names_one = text.startswith(("Largest invoice, ", "Oldest invoice, "))
            about_one = any(
                word in text for word in ("due the same day", "Falls due", "past due", "This invoice")
            )
            if row["invoice_count"] > 1:
                assert names_one or not about_one, text
            else:
                assert not names_one
            if reason["cause"] == "rule_overdue":
                assert f"{row['oldest_days_past_due']} day" in text
                led += 1
    assert led > 5


def test_customers_are_explained_as_many_as_invoices_are(ledger: Ledger, model: DelayModel) -> None:
    for asked, count in (("none", 0), (3, 3), ("top", EXPLAINED_TOP)):
        queue = rank(score(ledger, model, AS_OF, explain=asked), by="customer").frame
        explained = queue["reasons_late"].list.len() > 0
        assert explained.to_list() == [number < count for number in range(queue.height)]


def test_reasons_of_a_customer_do_not_depend_on_how_many_are_told(
    scores: Scores, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = rank(scores, by="customer").frame
    first = rank(scores, by="customer", top=4).frame
    monkeypatch.setattr("paydelay.scoring.teller._ROWS_AT_ONCE", 7)
    pieces = rank(scores, by="customer").frame
    for name in ("reasons_late", "reasons_unpaid"):
        for ours, theirs in ((first[name], whole[name].head(4)), (pieces[name], whole[name])):
            for some, every in zip(ours.to_list(), theirs.to_list(), strict=True):
                assert [r["text"] for r in some] == [r["text"] for r in every]


# What was agreed -----------------------------------------------------------------------------


def test_promises_plans_and_new_due_dates_are_shown(
    tables: dict[str, pl.DataFrame], model: DelayModel
) -> None:
    """A promise of a small part is told, and the rest is chased all the same."""
    until, later = AS_OF + timedelta(5), AS_OF + timedelta(40)
    more = [
        {"event_type": "promise_to_pay", "invoice_id": "plain", "amount": 50.0, "new_date": until},
        {"event_type": "due_date_changed", "invoice_id": "not_due", "new_date": later},
    ]
    known = {"event_date": AS_OF - timedelta(3)}
    rows = [{**known, "customer_id": event["invoice_id"], **event} for event in more]
    rows.append({**rows[1], "event_date": AS_OF + timedelta(1), "new_date": later + timedelta(9)})
    added = pl.concat([tables["events"], pl.DataFrame(rows, schema=tables["events"].schema)])
    found = score(Ledger.from_frames(**tables | {"events": added}, reporting_currency="EUR"), model, AS_OF)
    by_id = {row["invoice_id"]: row for row in rows_of(found)}
    plain, promised, plan = by_id["plain"], by_id["promise"], by_id["plan"]
    assert (plain["promised_until"], plain["promised_amount"], plain["set_aside"]) == (until, 50.0, None)
    assert plain["priority_rank"] is not None
    assert (promised["promised_until"], promised["promised_amount"]) == (until, 1000.0)
    assert (plan["plan_until"], plan["set_aside"]) == (until, "payment_plan")
    assert by_id["not_due"]["agreed_due_date"] == later
    assert by_id["not_due"]["due_date"] == AS_OF + timedelta(12)
    assert by_id["partly"]["promised_until"] is None  # its day is over
    customers = rank(found, by="customer").frame
    assert customers.filter(pl.col("customer_id") == "plain")["promised_amount"].item() == 50.0


# Cents ---------------------------------------------------------------------------------------


def test_half_cents_are_rounded_once_and_every_total_is_the_sum_of_its_rows(model: DelayModel) -> None:
    due = AS_OF - timedelta(20)
    amounts = [10.005, 20.015, 33.335, 0.005 + 7, 2.675, 1000.125, 99999.995, 12.345]
    ledger = small_ledger(
        [
            {
                "invoice_id": f"F{number}",
                "customer_id": "ABC"[number % 3],
                "issue_date": due - timedelta(30),
                "due_date": due + timedelta(4 * number),
                "amount": amount,
            }
            for number, amount in enumerate(amounts)
        ],
        payments=[
            {"customer_id": "A", "invoice_id": None, "payment_date": due, "amount": 5.005},
            {"customer_id": "B", "invoice_id": "F1", "payment_date": due, "amount": 10.0},
        ],
        events=[{"event_type": "insolvency", "event_date": due, "customer_id": "C"}],
    )
    found = score(ledger, model, AS_OF)
    cents = found.frame.select(pl.col("open_amount_reporting", "ead", "covered_amount") * 100)
    assert found.frame["invoice_id"].len() == len(amounts)
    for column in cents:
        np.testing.assert_allclose(column, column.round(), atol=1e-6)
    for by in ("invoice", "customer"):
        queue = rank(found, by=by)
        for name, rows in (
            ("actionable", found.frame.filter(pl.col("set_aside").is_null())),
            ("set_aside", queue.set_aside),
        ):
            for total, column in (("open_amount", "open_amount_reporting"), ("ead", "ead")):
                assert queue.totals[name][total] == pytest.approx(rows[column].sum(), abs=1e-9)
        shown = queue.frame["open_amount_reporting" if by == "invoice" else "open_amount"]
        assert shown.sum() == pytest.approx(queue.totals["queued"]["open_amount"], abs=1e-9)
    insolvent = found.frame.filter(pl.col("customer_id") == "C")
    assert found.claims["open_amount_reporting"].sum() == pytest.approx(
        insolvent["open_amount_reporting"].sum(), abs=1e-9
    )
    assert set(found.claims["invoice_id"]) == set(insolvent["invoice_id"])


@pytest.mark.parametrize("name", ["settled", "Secret & Sons"])
def test_an_invoice_that_was_not_scored_is_not_explained(scores: Scores, name: str) -> None:
    with pytest.raises(LedgerError, match="unknown, settled or not issued") as caught:
        scores.explain(name)
    assert "Secret" not in str(caught.value)


# The same book gives the same scores ----------------------------------------------------------


def test_what_was_recorded_later_changes_nothing(scores: Scores, ledger: Ledger, model: DelayModel) -> None:
    cut = score(cut_ledger(ledger, AS_OF), model, AS_OF, keep_features=True)
    assert ledger.payments.height > cut_ledger(ledger, AS_OF).payments.height
    assert cut.frame.equals(scores.frame)
    assert cut.features.equals(scores.features)
    assert cut.cash.sort("customer_id").equals(scores.cash.sort("customer_id"))
    assert cut.claims.equals(scores.claims)


def test_neither_runs_nor_threads_nor_folders_change_a_score(
    scores: Scores, ledger: Ledger, model: DelayModel, tmp_path: Path
) -> None:
    assert score(ledger, model, AS_OF.isoformat()).frame.equals(scores.frame)
    assert score(ledger, replace(model, thread_count=2), AS_OF).frame.equals(scores.frame)
    again = DelayModel.load(model.save(tmp_path / "model"), thread_count=1)
    assert score(ledger, again, AS_OF).frame.equals(scores.frame)


def test_the_order_of_the_source_rows_does_not_matter(
    scores: Scores, tables: dict[str, pl.DataFrame], model: DelayModel
) -> None:
    shuffled = {name: rows.sample(fraction=1.0, shuffle=True, seed=5) for name, rows in tables.items()}
    found = score(Ledger.from_frames(**shuffled, reporting_currency="EUR"), model, AS_OF)
    assert found.frame.equals(scores.frame)


def test_kept_features_are_those_of_the_panel(
    scores: Scores, ledger: Ledger, panel: Panel, model: DelayModel
) -> None:
    assert scores.features.columns == ["invoice_id", "as_of", *model.feature_names]
    assert scores.features["invoice_id"].equals(scores.frame["invoice_id"])
    np.testing.assert_array_equal(scores.features.drop("invoice_id", "as_of").to_numpy(), panel.X)
    assert score(ledger, model, AS_OF, explain="none").features is None


# Settings ------------------------------------------------------------------------------------


def test_what_counts_as_settled_stays_as_the_model_learned_it(
    scores: Scores, ledger: Ledger, model: DelayModel
) -> None:
    config = load_config({"worklist": {"due_soon_days": 12, "reasons_max": 2}})
    found = score(ledger, model, AS_OF, config=config).frame
    same = ["invoice_id", "prob_late", "expected_loss", "cost_of_delay"]
    assert found.select(same).equals(scores.frame.select(same))
    assert found.filter(pl.col("invoice_id") == "not_due")["scope"].item() == "due_soon"
    assert found["reasons_late"].list.len().max() == 2
    learned = load_config({"ledger": {"tolerance_amount": 0.0, "tolerance_share": 0.0}}).model_dump()
    strict = replace(model, manifest=model.manifest | {"config": learned})
    assert "cents" in score(ledger, strict, AS_OF, config=config).frame["invoice_id"]


@pytest.mark.parametrize("wrong", ["outcomes.grace_days", "ledger.tolerance_amount"])
def test_settings_the_model_did_not_learn_are_refused(ledger: Ledger, model: DelayModel, wrong: str) -> None:
    stage, _, name = wrong.partition(".")
    with pytest.raises(ConfigError, match=f"{wrong} is 20.* and the model was trained with "):
        score(ledger, model, AS_OF, config=load_config({stage: {name: 20}}))
    same = getattr(getattr(CONFIG, stage), name)
    assert len(score(ledger, model, AS_OF, config=load_config({stage: {name: same}}), explain="none"))


def test_a_day_far_beyond_the_records_is_warned_of_in_the_readers_language(
    ledger: Ledger, model: DelayModel
) -> None:
    end = max(rows["known_on"].max() for rows in (ledger.invoices, ledger.payments, ledger.events))
    score(ledger, model, end + timedelta(31), explain="none")
    for language, said in (("en", "the books record nothing after"), ("fr", "les données s'arrêtent au")):
        with pytest.warns(StaleBooksWarning, match=said) as caught:
            score(ledger, model, end + timedelta(32), explain="none", language=language)
        assert caught[0].filename == __file__
        # The page and the command line say the same of the same day.
        assert str(caught[0].message) == stale_sentence(ledger, end + timedelta(32), language)


def test_an_empty_book_gives_an_empty_table_of_the_same_types(ledger: Ledger, model: DelayModel) -> None:
    found = score(ledger, model, SIMULATED.start_date - timedelta(1), keep_features=True)
    assert len(found) == 0
    assert dict(found.frame.schema) == SCORE_SCHEMA
    assert found.features.columns == ["invoice_id", "as_of", *model.feature_names]
    assert found.cash.is_empty()
    assert found.claims.is_empty()
    for by in ("invoice", "customer"):
        assert rank(found, by=by).frame.is_empty()


def test_a_ledger_in_another_currency_is_refused(model: DelayModel) -> None:
    dollars = small_ledger(
        [{"invoice_id": "F1", "issue_date": AS_OF, "due_date": AS_OF + timedelta(9), "currency": "USD"}]
    )
    with pytest.raises(LedgerError, match=r"reports in USD .* amounts in EUR"):
        score(dollars, model, AS_OF)


def test_a_catalogue_without_a_feature_of_the_model_is_refused_by_name(
    ledger: Ledger, model: DelayModel
) -> None:
    needed = {feature.count for feature in CATALOGUE}
    needed |= {feature.shrunk_toward[0] for feature in CATALOGUE if feature.shrunk_toward}
    absent = next(name for name in model.feature_names if name not in needed)
    without = Catalogue(feature for feature in CATALOGUE if feature.name != absent)
    with pytest.raises(FeatureMismatchError, match=rf"\b{absent}\b"):
        score(ledger, model, AS_OF, catalogue=without)


def test_features_the_model_does_not_know_are_left_alone(
    scores: Scores, ledger: Ledger, model: DelayModel
) -> None:
    def never(view: Any) -> Any:
        raise AssertionError("a feature the model does not know was computed")

    own = Feature("own", "covariate", "count", "One's own.", "None.", "none", never)
    found = score(ledger, model, AS_OF, catalogue=Catalogue([own, *reversed(CATALOGUE.features)]))
    assert found.frame.equals(scores.frame)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"explain": asked} for asked in ("some", -1, None, True, False)),
        {"language": "xx"},
        {"order": "size"},
    ],
)
def test_an_unknown_choice_is_refused_by_name(
    ledger: Ledger, model: DelayModel, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match=str(next(iter(wrong.values())))):
        score(ledger, model, AS_OF, **wrong)


def test_a_score_table_for_pandas_says_what_to_install(
    scores: Scores, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(_: pl.DataFrame) -> None:
        raise ModuleNotFoundError("pyarrow")

    monkeypatch.setattr(pl.DataFrame, "to_pandas", absent)
    with pytest.raises(MissingDependencyError, match=r"paydelay\[train\]"):
        scores.to_pandas()


def test_model_and_scores_tell_the_content_of_the_ledger_as_it_was_known(
    ledger: Ledger, model: DelayModel, scores: Scores
) -> None:
    assert model.manifest["ledger_sha256"] == cut_ledger(ledger, TRAINED).fingerprint()
    assert scores.ledger_sha256 == cut_ledger(ledger, AS_OF).fingerprint()
    assert scores.ledger_sha256 != ledger.fingerprint()
    assert "ledger_sha256" not in scores.frame.columns
