"""The proof as a whole: nothing that peeks gets through, nothing is left out, and the verdict adds up."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import paydelay as pdl
from paydelay.backtest import Backtest, backtest, folds_of
from paydelay.backtest.delays import coverage_by_fold, delays
from paydelay.backtest.judging import BASELINES, judged_late, judged_unpaid, late_rows
from paydelay.backtest.tables import lift, reliability
from paydelay.errors import FeatureMismatchError, LeakageError, ThinLedgerError
from paydelay.features import CATALOGUE, Catalogue, Feature
from paydelay.metrics import CapturedValue

CONFIG = pdl.load_config(
    {
        "model": {"tree_count": 10, "thread_count": 1},
        "backtest": {
            "fold_count": 2,
            "fold_days": 28,
            "history_min_days": 150,
            "replicate_count": 20,
            "lead_days": 100,
            "contact_count": 5,
        },
    }
)


@pytest.fixture(scope="module")
def ledger() -> pdl.Ledger:
    book = pdl.simulate(pdl.SimulationSettings(customer_count=60, month_count=16, seed=5))
    return pdl.Ledger.from_frames(book.invoices, book.payments, book.customers, book.events)


@pytest.fixture(scope="module")
def proof(ledger: pdl.Ledger) -> Backtest:
    return backtest(ledger, CONFIG)


def with_feature(compute, name: str = "own") -> Catalogue:
    told = ("climate", "count", "One's own.", "own", "invoice_count")
    return Catalogue([*CATALOGUE.features, Feature(name, *told, compute)])


def book_of(rows: pl.DataFrame) -> np.ndarray:
    return rows["as_of"].to_physical().to_numpy()


def test_every_row_is_accounted_for(proof: Backtest) -> None:
    for outcome in ("late", "unpaid"):
        found = proof.tables["counts"].filter(outcome=outcome)
        assert found["row_count"].sum() == proof.rows.height
        judged = found.filter(reason="judged")["row_count"].item()
        assert judged == proof.verdicts[outcome].row_count > 50
    # What is known or not ripe is so by dates alone, and never because it was paid.
    known = proof.rows.filter((pl.col("days_past_due") >= 0) | pl.col("unpaid_known"))
    counted = proof.tables["counts"].filter(outcome="late", reason="known")["row_count"].item()
    assert counted == known.height


def test_the_verdict_is_the_money_found_beyond_the_best_baseline(proof: Backtest) -> None:
    rows = late_rows(proof.rows)
    money = (rows["open_amount_reporting"] * rows["late"]).to_numpy()
    book = book_of(rows)
    verdict = proof.verdict

    def found(score: pl.Series) -> float:
        return CapturedValue(money, score.to_numpy(), book)(top_share=0.2)

    ours = found(rows["model"] * rows["open_amount_reporting"])
    probabilities = ("regression", "late_ratio", "base_rate")
    theirs = {
        name: found(rows[name] * rows["open_amount_reporting"] if name in probabilities else rows[name])
        for name in BASELINES["late"]
    }
    assert verdict.captured == pytest.approx(ours)
    assert verdict.baseline_captured == pytest.approx(max(theirs.values()))
    assert theirs[verdict.baseline] == max(theirs.values())
    per_book = money.sum() / len(np.unique(book))
    gained = (ours - max(theirs.values())) * per_book
    assert verdict.gain_per_book.value == pytest.approx(gained)
    assert verdict.beats == (min(verdict.gain_per_book.low, verdict.gain_by_customer.low) > 0.0)
    assert verdict.loses == (max(verdict.gain_per_book.high, verdict.gain_by_customer.high) < 0.0)
    owed = np.bincount(rows["customer_id"].rank("dense").to_numpy() - 1, money)
    largest = rows["customer_id"].unique().sort()[int(owed.argmax())]
    rest = rows.with_columns(model=pl.col("model") * pl.col("open_amount_reporting"), money=money)
    rest = rest.filter(pl.col("customer_id") != largest)
    without = CapturedValue(rest["money"].to_numpy(), rest["model"].to_numpy(), book_of(rest))
    gained = without(top_share=0.2)
    best = rest[verdict.baseline] * (
        rest["open_amount_reporting"] if verdict.baseline in probabilities else 1.0
    )
    gained -= CapturedValue(rest["money"].to_numpy(), best.to_numpy(), book_of(rest))(top_share=0.2)
    per_book = rest["money"].sum() / rest["as_of"].n_unique()
    assert verdict.gain_without_largest.value == pytest.approx(gained * per_book)
    assert verdict.gain_by_customer.value == verdict.gain_per_book.value
    assert verdict.book_count == 8
    assert 0.0 <= verdict.share_above <= 1.0


@pytest.mark.parametrize("outcome", ["late", "unpaid"])
def test_a_book_is_set_beside_the_baseline_that_finds_most_money_of_all_books(
    proof: Backtest, outcome: str
) -> None:
    judged = {"late": judged_late, "unpaid": judged_unpaid}[outcome](proof.rows)
    books = proof.tables["books"].filter(outcome=outcome)
    value = next(iter(judged.values.values()))
    captured = CapturedValue(value, judged.order(proof.verdicts[outcome].baseline), judged.book)
    theirs = [captured((judged.book == book).astype(float), top_share=0.2) for book in np.unique(judged.book)]
    found = books[f"baseline_{outcome}_value_20"].fill_null(float("nan")).to_numpy()
    assert np.allclose(found, theirs, equal_nan=True)


def test_unpaid_money_is_ranked_by_expected_loss(proof: Backtest) -> None:
    rows = proof.rows.filter(pl.col("unpaid_came").is_not_null())
    money = (rows["open_amount_reporting"] * rows["unpaid_came"]).to_numpy()
    found = CapturedValue(money, rows["expected_loss"].to_numpy(), rows["as_of"].to_physical().to_numpy())
    assert proof.verdicts["unpaid"].captured == pytest.approx(found(top_share=0.2))


@pytest.mark.parametrize("view", ["all", "by_amount", "first_look", "without_largest"])
def test_every_view_has_every_scorer_and_the_models_figures_their_intervals(
    proof: Backtest, view: str
) -> None:
    scorers = proof.tables["scorers"].filter(outcome="late", view=view)
    assert scorers["scorer"].to_list() == ["model", *BASELINES["late"], "worklist", "oracle"]
    unpaid = proof.tables["scorers"].filter(outcome="unpaid", view=view)
    assert unpaid["scorer"].to_list() == ["unpaid", *BASELINES["unpaid"], "worklist", "oracle"]
    probabilities = ("unpaid", "unpaid_regression", "unpaid_ratio", "unpaid_rate")
    assert unpaid.filter(pl.col("brier").is_not_null())["scorer"].to_list() == list(probabilities)
    ends = proof.tables["intervals"].filter(outcome="late", view=view)
    ours = scorers.filter(scorer="model").row(0, named=True)
    for figure, value, low, high in ends.select("figure", "value", "low", "high").iter_rows():
        assert ours[figure] == pytest.approx(value)
        assert low <= high
    assert {"auc", "log_loss", "brier", "ece", "slope"} <= set(ends["figure"])


def test_a_feature_that_peeks_is_caught_before_anything_is_trained(ledger: pdl.Ledger) -> None:
    def leaky(books: pdl.Ledger) -> Catalogue:
        return with_feature(lambda view: np.full(len(view), books.payments.height), "payments_in_all")

    with pytest.raises(LeakageError, match="payments_in_all"):
        backtest(ledger, CONFIG, catalogue=leaky, told=lambda fold: pytest.fail(f"trained fold {fold}"))


def test_a_feature_of_ones_own_that_does_not_peek_is_used(ledger: pdl.Ledger) -> None:
    once = CONFIG.model_copy(
        update={"backtest": CONFIG.backtest.model_copy(update={"fold_count": 1, "fold_days": 7})}
    )
    own = with_feature(lambda view: view.total("issued", "count", by="customer", days=90), "issued_own")
    assert "issued_own" in backtest(ledger, once, catalogue=own).tables["drivers"]["feature"].to_list()


def test_folds_end_before_outcomes_do(ledger: pdl.Ledger) -> None:
    folds = folds_of(ledger, CONFIG)
    last = ledger.payments["known_on"].max()
    assert folds[-1].labels_at == last
    assert folds[-1].as_ofs[-1] <= last - timedelta(days=CONFIG.backtest.lead_days)


@pytest.mark.parametrize("days", [30, 900])
def test_invoices_and_a_payment_dated_ahead_do_not_make_what_is_not_paid_yet_late(
    ledger: pdl.Ledger, days: int
) -> None:
    ahead = ledger.payments["known_on"].max() + timedelta(days=days)  # type: ignore[operator]
    dates = {name: pl.lit(ahead) for name in ("issue_date", "due_date")}
    billed = ledger.invoices.head(3).with_columns(
        pl.format("{}-ahead", "invoice_id").alias("invoice_id"), recorded_on=pl.lit(None, pl.Date), **dates
    )
    invoices = pl.concat([ledger.invoices, billed]).drop("known_on")
    payments = ledger.payments.drop("known_on")
    if days > 92:
        paid = payments.head(1).with_columns(payment_date=pl.lit(ahead), recorded_on=pl.lit(None, pl.Date))
        payments = pl.concat([payments, paid])
    more = pdl.Ledger.from_frames(invoices, payments, ledger.customers, ledger.events)
    assert more.invoices.height == ledger.invoices.height + 3
    assert folds_of(more, CONFIG) == folds_of(ledger, CONFIG)


@pytest.mark.parametrize("feature", ["cohort_late_share_90", "customer_age_days"])
def test_a_catalogue_without_what_the_baselines_or_slices_need_is_refused_before_any_training(
    ledger: pdl.Ledger, feature: str
) -> None:
    fewer = CATALOGUE.select([name for name in CATALOGUE.names if name != feature])
    with pytest.raises(FeatureMismatchError, match=f"need {feature}, which the catalogue lacks"):
        backtest(ledger, CONFIG, catalogue=fewer, told=lambda fold: pytest.fail(f"trained fold {fold}"))


def test_an_expanding_window_learns_from_the_first_day_and_a_sliding_one_does_not(
    ledger: pdl.Ledger,
) -> None:
    def row_count(window: str, history_days: int) -> int:
        asked = pdl.load_config(
            {
                "model": {"tree_count": 2, "thread_count": 1},
                "panel": {"history_days": history_days, "warm_up_days": 30},
                "backtest": CONFIG.backtest.model_dump()
                | {"fold_count": 1, "fold_days": 7, "leak_check_count": 0, "window": window},
            }
        )
        return int(backtest(ledger, asked).models[0]["period"]["row_count"])

    assert row_count("sliding", 120) < row_count("sliding", 200) < row_count("expanding", 120)
    assert row_count("expanding", 120) == row_count("expanding", 200)


def test_the_same_ledger_proves_the_same_twice(ledger: pdl.Ledger, proof: Backtest) -> None:
    again = backtest(ledger, CONFIG)
    assert again.to_dict() == proof.to_dict()
    assert again.rows.equals(proof.rows)


def test_what_is_written_is_plain_json(proof: Backtest, tmp_path: Path) -> None:
    written = json.loads(proof.write_json(tmp_path / "backtest.json").read_text("utf-8"))
    assert written == proof.to_dict()
    assert written["verdicts"]["late"]["captured"] == proof.verdict.captured
    assert set(written["tables"]) == set(proof.tables)
    assert "thread_count" not in written["config"]["model"]
    assert "NaN" not in (tmp_path / "backtest.json").read_text("utf-8")
    frames = proof.to_pandas()
    assert {name: len(rows) for name, rows in frames.items()} == {
        name: rows.height for name, rows in (proof.tables | {"rows": proof.rows}).items()
    }


def test_the_money_curve_ends_where_all_is_found(proof: Backtest) -> None:
    curve = lift(judged_late(proof.rows), ("model", "oracle"))
    for scorer in ("model", "oracle"):
        captured = curve.filter(scorer=scorer)["captured"].to_numpy()
        assert captured[0] == 0.0
        assert captured[-1] == pytest.approx(1.0)
        assert (np.diff(captured) >= -1e-12).all()
    ours, best = (curve.filter(scorer=name)["captured"].to_numpy() for name in ("model", "oracle"))
    assert (best >= ours - 1e-12).all()


def test_reliability_parts_the_rows_into_equal_bins(proof: Backtest) -> None:
    late = judged_late(proof.rows)
    found = reliability(late, "model", CONFIG.backtest)
    assert found["row_count"].sum() == len(late)
    assert found["row_count"].max() - found["row_count"].min() <= 1
    assert found["predicted"].is_sorted()
    mean = (found["observed"] * found["row_count"]).sum() / len(late)
    assert mean == pytest.approx(late.came.mean())


def test_delays_are_worked_by_hand() -> None:
    # Came: 2 days early, 10 late, and still open at the cap of 30.
    rows = pl.DataFrame(
        {
            "fold": [1, 1, 2],
            "customer_id": ["A", "B", "C"],
            "as_of": [date(2025, 1, 6)] * 3,
            "days_past_due": [-5, -5, -5],
            "delay_days": [-2.0, 10.0, float("inf")],
            "delay_median": [0.0, 12.0, None],
            "delay_10": [-4.0, 8.0, 20.0],
            "delay_90": [2.0, 22.0, None],
            "delay_low": [-3.0, 11.0, 20.0],
            "delay_high": [1.0, 20.0, None],
            "curve_score": [1.0, 2.0, 3.0],
            "customer_median": [0.0, 0.0, 40.0],
            "always_0": [0.0, 0.0, 0.0],
        }
    )
    found = delays(rows, CONFIG.backtest)
    ours = found.filter(scorer="model").row(0, named=True)
    assert ours["mae_days"] == pytest.approx((2 + 2 + 0) / 3)
    assert ours["crps_days"] == 2.0
    assert ours["pinball_50"] == pytest.approx(ours["mae_days"] / 2)
    # A tenth lies below -4, 8 and 20: -2, 10 and 30 are 2, 2 and 10 above, at a tenth of a day each.
    assert ours["pinball_10"] == pytest.approx(0.1 * (2 + 2 + 10) / 3)
    assert ours["pinball_90"] == pytest.approx(0.1 * (4 + 12 + 0) / 3)
    # Inside: the first (-3 to 1) and the third (20 to beyond the cap).
    assert ours["coverage"] == pytest.approx(2 / 3)
    assert ours["width_days"] == pytest.approx((4 + 9 + 10) / 3)
    assert ours["coverage_low"] < 2 / 3 < ours["coverage_high"]
    assert 4 <= ours["width_low"] < 23 / 3 < ours["width_high"] <= 10
    first, second = coverage_by_fold(rows, CONFIG.backtest).rows(named=True)
    assert (first["fold"], first["row_count"], second["fold"], second["row_count"]) == (1, 2, 2, 1)
    assert (first["coverage"], first["width_days"]) == (0.5, 6.5)
    # Of one payment that fell inside, as few as 2.5 % may.
    assert (second["coverage"], second["coverage_low"], second["coverage_high"]) == (1.0, 0.025, 1.0)
    assert found.filter(scorer="customer_median")["mae_days"].item() == pytest.approx((2 + 10 + 0) / 3)
    assert found.filter(scorer="always_0")["mae_days"].item() == pytest.approx((2 + 10 + 30) / 3)


def test_a_fold_without_a_ripe_delay_is_there_without_figures(proof: Backtest) -> None:
    last = proof.rows["fold"].max()
    unripe = pl.when(pl.col("fold") < last).then("delay_days")
    found = coverage_by_fold(proof.rows.with_columns(delay_days=unripe), CONFIG.backtest)
    assert found["fold"].to_list() == [fold.number for fold in proof.folds]
    assert found.row(-1)[1:] == (0, None, None, None, None, None, None)
    # The folds together make up the rows of the whole.
    whole = proof.tables["delays"].filter(scorer="model").row(0, named=True)
    parts = proof.tables["delay_folds"]
    assert parts["row_count"].sum() == whole["row_count"]
    inside = (parts["coverage"] * parts["row_count"]).sum() / parts["row_count"].sum()
    assert whole["coverage"] == pytest.approx(inside)


def test_delays_are_counted_in_other_ways_and_slice_by_slice(proof: Backtest) -> None:
    rows = proof.rows.filter(pl.col("delay_days").is_not_null() & (pl.col("days_past_due") < 0))
    cap = float(CONFIG.backtest.delay_cap_days)
    error = [
        pl.col(name).cast(pl.Float64).fill_null(cap).clip(upper_bound=cap)
        for name in ("delay_median", "delay_days")
    ]
    rows = rows.with_columns(error=(error[0] - error[1]).abs())
    found = proof.tables["delay_slices"]
    views = {row["slice"]: row for row in found.filter(kind="view").rows(named=True)}
    whole = proof.tables["delays"].filter(scorer="model").row(0, named=True)
    assert views["all"] == {"kind": "view", "slice": "all"} | {
        name: whole[name] for name in found.columns[2:]
    }
    by_amount = np.average(rows["error"], weights=rows["open_amount_reporting"])
    assert views["by_amount"]["mae_days"] == pytest.approx(by_amount)
    once = rows.sort("as_of").unique("invoice_id", keep="first", maintain_order=True)
    assert views["first_look"]["row_count"] == once.height < rows.height
    assert views["first_look"]["mae_days"] == pytest.approx(once["error"].mean())
    most = rows["customer_id"].value_counts()["count"].max()
    assert views["without_largest"]["row_count"] == rows.height - most
    for kind in ("amount_quartile", "settled_count", "month"):
        parts = found.filter(kind=kind)
        assert parts["row_count"].sum() == rows.height
        mean = (parts["mae_days"].fill_null(0.0) * parts["row_count"]).sum() / rows.height
        assert mean == pytest.approx(rows["error"].mean())


def test_a_fold_that_begins_too_early_says_what_a_backtest_can_do(ledger: pdl.Ledger) -> None:
    early = pdl.load_config(
        {"backtest": CONFIG.backtest.model_dump() | {"history_min_days": 60, "fold_count": 12}}
    )
    with pytest.raises(ThinLedgerError, match=r"Fold 1 cannot be trained as of .* lower backtest.fold_count"):
        backtest(ledger, early)


def test_one_customer_or_one_outcome_judges_nobody(ledger: pdl.Ledger) -> None:
    largest = ledger.invoices["customer_id"].mode().sort()[0]
    own = ledger.invoices.filter(customer_id=largest)
    alone = pdl.Ledger.from_frames(
        own.select("invoice_id", "customer_id", "issue_date", "due_date", "amount", "currency"),
        ledger.payments.join(own, on="invoice_id", how="semi").select("invoice_id", "payment_date", "amount"),
    )
    once = pdl.load_config(
        {
            "model": {"tree_count": 2, "thread_count": 1},
            "backtest": CONFIG.backtest.model_dump() | {"leak_check_count": 0, "fold_count": 1},
        }
    )
    with pytest.raises(ThinLedgerError):
        backtest(alone, once)


def test_a_ledger_without_a_past_is_refused(ledger: pdl.Ledger) -> None:
    with pytest.raises(ThinLedgerError, match="no invoice"):
        folds_of(pdl.Ledger.from_frames(ledger.invoices.head(0), ledger.payments.head(0)), CONFIG)
    short = pdl.load_config({"backtest": {"history_min_days": 800}})
    with pytest.raises(ThinLedgerError, match="needs at least 800"):
        backtest(ledger, short)
