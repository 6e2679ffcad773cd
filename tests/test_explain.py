"""Contributions are exact, reasons are few, true and readable."""

import itertools
import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import lightgbm
import numpy as np
import polars as pl
import pytest
from books import small_ledger

from paydelay.errors import ConfigError, FeatureMismatchError, ModelError
from paydelay.explain import (
    REASONS_DTYPE,
    check_causes,
    contributions,
    customer_reasons,
    fold_horizon,
    pool,
    reasons,
    rule_reasons,
    shap_explanation,
    small_signs,
    tables,
)
from paydelay.explain import exact as exact_module
from paydelay.explain.tables import ContributionTables, shapley_values
from paydelay.explain.trees import UnsupportedTreesError
from paydelay.features import CATALOGUE, Catalogue, Feature
from paydelay.history import History
from paydelay.panel import build_panel

OPTIONS = {
    "objective": "binary",
    "num_threads": 1,
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
    "min_data_in_leaf": 5,
    "seed": 3,
}


def rows(count, columns, seed=0, missing=0.15):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(count, columns)).astype(np.float32)
    X[:, 0] = np.round(X[:, 0] * 2)  # ties and exact zeros
    X[rng.random(X.shape) < missing] = np.nan
    return X


def outcomes(X, seed=1):
    known = np.nan_to_num(X.astype(np.float64), nan=0.6)
    margin = known[:, 0] * known[:, 1] + np.sin(2 * known[:, 2]) - 0.3
    return (np.random.default_rng(seed).random(len(X)) < 1 / (1 + np.exp(-2 * margin))).astype(float)


def trained(X, y, tree_count=3, **options):
    return lightgbm.train({**OPTIONS, **options}, lightgbm.Dataset(X, label=y), num_boost_round=tree_count)


# ---- The oracle: Shapley values by enumerating every coalition ------------------------------


def goes_left(node, value):
    """LightGBM's own rule, from the words of its dump."""
    value = float(value)
    missing = node["missing_type"]
    if math.isnan(value) and missing != "NaN":
        value = 0.0
    if (missing == "NaN" and math.isnan(value)) or (missing == "Zero" and abs(value) <= 1e-35):
        return node["default_left"]
    return value <= node["threshold"]


def covered(node):
    return node["leaf_count"] if "leaf_count" in node else node.get("internal_count", 1)


def expected(node, row, coalition):
    """Value of a tree where only the coalition's features are known."""
    if "left_child" not in node:
        return node["leaf_value"]
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in coalition:
        return expected(left if goes_left(node, row[node["split_feature"]]) else right, row, coalition)
    weight = covered(left) / covered(node)
    return weight * expected(left, row, coalition) + (1 - weight) * expected(right, row, coalition)


def brute_force(booster, row):
    trees = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    players = range(booster.num_feature())
    worth = {
        coalition: sum(expected(tree, row, coalition) for tree in trees)
        for size in range(len(players) + 1)
        for coalition in itertools.combinations(players, size)
    }
    phi = np.zeros(len(players))
    for player in players:
        for coalition, value in worth.items():
            if player in coalition:
                continue
            joined = tuple(sorted((*coalition, player)))
            weight = (
                math.factorial(len(coalition))
                * math.factorial(len(players) - len(coalition) - 1)
                / math.factorial(len(players))
            )
            phi[player] += weight * (worth[joined] - value)
    return phi, worth[()]


NAN_RULES = {
    "missing goes its own way": ({}, 0.15, 0.15),
    "nothing missing in training": ({}, 0.0, 0.15),
    "zero is missing": ({"zero_as_missing": True}, 0.15, 0.15),
    "missing is zero": ({"use_missing": False}, 0.15, 0.15),
}


@pytest.mark.parametrize("exact", ["single", "bulk"])
@pytest.mark.parametrize("rule", NAN_RULES)
def test_both_paths_equal_shapley_values_by_enumeration(rule, exact):
    options, in_training, in_scoring = NAN_RULES[rule]
    X = rows(400, 4, missing=in_training)
    # Four features and eight splits a path: most features are asked twice on it.
    booster = trained(X, outcomes(X), num_leaves=14, max_depth=8, **options)
    asked = rows(25, 4, seed=9, missing=in_scoring)
    phi, base = contributions(booster, asked, exact=exact)
    for row, found, mean in zip(asked, phi, base, strict=True):
        by_hand, nothing_known = brute_force(booster, row)
        np.testing.assert_allclose(found, by_hand, rtol=0, atol=1e-10)
        assert mean == pytest.approx(nothing_known, abs=1e-10)


def test_values_that_single_precision_cannot_tell_from_a_threshold():
    steps = np.float32(1) + np.arange(30, dtype=np.float32) * np.spacing(np.float32(1))
    X = np.random.default_rng(0).choice(steps, size=(1500, 3))
    y = (X[:, 0] > steps[13]).astype(float)
    booster = trained(X, y, min_data_in_bin=1)
    bulk, single = (contributions(booster, X[:600], exact=exact)[0] for exact in ("bulk", "single"))
    np.testing.assert_allclose(bulk, single, rtol=0, atol=1e-10)


def test_a_game_of_two_worked_by_hand():
    # Worth: nothing known 8*0.5*0.25 = 1; the first known and met 2; the second 4; both 8.
    values = shapley_values(np.array([[0.5, 0.25]]), np.array([8.0]))[0]
    np.testing.assert_allclose(values[0b11], [(2 - 1 + 8 - 4) / 2, (4 - 1 + 8 - 2) / 2])
    np.testing.assert_allclose(values[0b00], [-0.5, -0.5])  # 1 to 0, shared alike
    np.testing.assert_allclose(values[0b01], [(2 - 1 + 0 - 0) / 2, (0 - 1 + 0 - 2) / 2])


# ---- Sums, determinism, fallbacks -----------------------------------------------------------


@pytest.fixture(scope="module")
def scored():
    X = rows(3000, 12)
    booster = trained(
        X, outcomes(X), tree_count=40, num_leaves=31, max_depth=6, bagging_fraction=0.8, bagging_freq=1
    )
    return booster, X


@pytest.mark.parametrize("exact", ["single", "bulk", "auto"])
def test_contributions_sum_to_the_margin(scored, exact):
    booster, X = scored
    phi, base = contributions(booster, X, exact=exact)
    assert phi.dtype == base.dtype == np.float64
    assert phi.shape == X.shape
    np.testing.assert_allclose(phi.sum(axis=1) + base, booster.predict(X, raw_score=True), rtol=0, atol=1e-9)


def test_bulk_equals_the_walk(scored):
    booster, X = scored
    bulk, single = (contributions(booster, X, exact=exact) for exact in ("bulk", "single"))
    np.testing.assert_allclose(bulk[0], single[0], rtol=0, atol=1e-10)
    np.testing.assert_allclose(bulk[1], single[1], rtol=0, atol=1e-10)


@pytest.mark.parametrize("exact", ["single", "bulk"])
def test_the_same_bits_whatever_the_threads_the_chunks_and_the_neighbours(scored, exact, monkeypatch):
    booster, X = scored
    once = contributions(booster, X, exact=exact, thread_count=1)[0]
    again = contributions(booster, X, exact=exact, thread_count=2)[0]
    monkeypatch.setattr(tables, "CHUNK_ROWS", 700)
    in_chunks = contributions(booster, X, exact=exact)[0]
    alone = contributions(booster, X[1234:1235], exact=exact)[0]
    assert np.array_equal(once, again)
    assert np.array_equal(once, in_chunks)
    assert np.array_equal(once[1234:1235], alone)


def test_double_precision_and_any_memory_order_give_the_same(scored):
    booster, X = scored
    phi, _ = contributions(booster, X, exact="bulk")
    assert np.array_equal(phi, contributions(booster, np.asfortranarray(X, np.float64), exact="bulk")[0])


def test_no_rows():
    X = rows(200, 3)
    booster = trained(X, outcomes(X))
    for exact in ("bulk", "auto"):
        phi, base = contributions(booster, X[:0], exact=exact)
        assert phi.shape == (0, 3)
        assert base.shape == (0,)


def test_trees_that_never_split_contribute_nothing():
    X = rows(200, 3)
    booster = trained(X, outcomes(X), min_data_in_leaf=10_000)
    phi, base = contributions(booster, X, exact="bulk")
    assert not phi.any()
    np.testing.assert_allclose(base, booster.predict(X, raw_score=True))


def test_trees_without_tables_are_walked():
    X = np.nan_to_num(rows(800, 3))
    X[:, 0] = np.abs(X[:, 0])
    y = outcomes(X)
    categorical = lightgbm.train(
        {**OPTIONS, "min_data_per_group": 5, "cat_smooth": 1.0, "max_cat_to_onehot": 1},
        lightgbm.Dataset(X, label=y, categorical_feature=[0]),
        num_boost_round=3,
    )
    # Each split takes the largest few off the rest: one below the other, deeper than tables go.
    steps = np.arange(800.0)[:, None] * np.ones(3)
    deep = trained(steps, 2.0 ** (steps[:, 0] / 20), objective="regression", num_leaves=99)
    for booster in (categorical, deep):
        with pytest.raises(UnsupportedTreesError):
            ContributionTables(booster.model_to_string())
        with pytest.raises(ModelError, match="exact='auto'"):
            contributions(booster, X, exact="bulk")
        phi, base = contributions(booster, X, exact="auto")
        np.testing.assert_allclose(phi.sum(axis=1) + base, booster.predict(X, raw_score=True), atol=1e-8)


def test_a_matrix_of_other_columns_is_refused(scored):
    booster, X = scored
    with pytest.raises(FeatureMismatchError, match="3000 x 11 was given; the model has 12"):
        contributions(booster, X[:, :-1])


def test_a_model_of_several_outputs_is_refused():
    X = rows(300, 3)
    booster = trained(X, np.arange(300) % 3, objective="multiclass", num_class=3)
    with pytest.raises(ModelError, match="several outputs"):
        contributions(booster, X)


def test_tables_that_sum_right_but_turn_wrong_are_found_out(scored, monkeypatch, caplog):
    booster, X = scored
    right = contributions(booster, X, exact="single")[0]
    monkeypatch.setattr(ContributionTables, "contributions", lambda self, X: right[:, ::-1].copy())
    with caplog.at_level(logging.WARNING):
        phi, _ = contributions(booster, X, exact="bulk")
    assert np.array_equal(phi, right)
    assert "differ from LightGBM's" in caplog.text


def test_rows_that_miss_their_margin_are_walked(scored, monkeypatch, caplog):
    booster, X = scored
    right = contributions(booster, X, exact="single")[0]
    wrong = right.copy()
    wrong[[7, 77], 3] += 1e-3
    monkeypatch.setattr(ContributionTables, "contributions", lambda self, X: wrong)
    with caplog.at_level(logging.WARNING):
        phi, _ = contributions(booster, X, exact="bulk")
    assert np.array_equal(phi, right)
    assert "2 rows whose contributions miss" in caplog.text


def test_margins_that_are_known_spare_a_prediction(scored, monkeypatch):
    booster, X = scored
    margins = booster.predict(X, raw_score=True)
    asked = []

    class Watched:
        num_feature = booster.num_feature
        model_to_string = booster.model_to_string

        def predict(self, data, **options):
            asked.append((len(data), "raw_score" in options))
            return booster.predict(data, **options)

    contributions(Watched(), X, exact="bulk", margins=margins)
    assert asked == [(exact_module._SPOT_ROWS, False)]


# ---- Horizon and customers ------------------------------------------------------------------


def test_the_horizon_goes_into_the_base(scored):
    booster, X = scored
    phi, base = contributions(booster, X[:50])
    rest, folded = fold_horizon(phi, base, [11, 2])
    assert rest.shape == (50, 10)
    np.testing.assert_allclose(rest.sum(axis=1) + folded, phi.sum(axis=1) + base)
    assert np.array_equal(rest, phi[:, [0, 1, 3, 4, 5, 6, 7, 8, 9, 10]])


def test_a_customer_is_the_weighted_mean_of_its_invoices():
    phi = np.array([[1.0, 0.0], [5.0, 5.0], [4.0, 2.0], [3.0, 1.0]])
    X = np.array([[7.0, 1.0], [2.0, np.nan], [7.0, 2.0], [2.0, 4.0]])
    weights, groups = np.array([300.0, 0.0, 100.0, 0.0]), np.array([1, 0, 1, 0])
    pooled, shared = pool(phi, X, weights, groups)
    np.testing.assert_array_equal(pooled, [[4.0, 3.0], [1.75, 0.5]])
    np.testing.assert_array_equal(shared, [[2.0, np.nan], [7.0, np.nan]])
    assert pool(phi[:0], X[:0], weights[:0], groups[:0])[0].shape == (0, 2)


# ---- Reasons --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    name: str
    cause: str
    unit: str
    window_days: int | None = None
    last_count: int | None = None
    count: str | None = None
    words: Mapping[str, str] | None = None


MEAN_90 = Column("delay_mean_90", "customer_mean_delay", "days", 90, count="settled_90")
MEAN_365 = Column("delay_mean_365", "customer_mean_delay", "days", 365, count="settled_365")
SETTLED_90 = Column("settled_90", "invoice_count", "count", 90)
SETTLED_365 = Column("settled_365", "invoice_count", "count", 365)
AMOUNT = Column("amount", "amount", "amount")
WEEKDAY = Column("due_weekday", "due_weekday", "date_part")
ON_WEEKDAY = Column("weekday_delay", "weekday_mean_delay", "days", 365)
MONDAYS = Column("run_0", "payment_run.monday", "share", 182)
TUESDAYS = Column("run_1", "payment_run.tuesday", "share", 182)
CLIMATE = Column("ifo", "covariate", "ratio", words={"en": "Business climate", "fr": "Climat des affaires"})
RATES = Column("ecb", "covariate", "ratio", words={"en": "Key rate"})

DELAYS = [MEAN_90, MEAN_365, SETTLED_90, SETTLED_365, AMOUNT]


def told(phi, X, features, language="en", usual=None, **options):
    found = reasons(np.atleast_2d(phi), np.atleast_2d(X), features, usual or {}, language, **options)
    return found.to_list()[0]


def test_features_of_one_cause_are_one_reason_with_the_value_that_weighs_most():
    found = told([0.3, 0.5, 0.0, 0.0, 0.1], [30, 23, 4, 14, 900], DELAYS, usual={"delay_mean_365": 6.0})
    assert found[0] == {
        "cause": "customer_mean_delay",
        "direction": 1,
        "contribution": 0.8,
        "text": "Pays on average 23 days late over the last 12 months (14 invoices); the book's median is 6 "
        "days late",
    }
    assert [reason["cause"] for reason in found] == ["customer_mean_delay", "amount"]


def test_the_same_in_french():
    text = told([0.3, 0.5, 0, 0, 0], [30, 23, 4, 14, 9], DELAYS, "fr", {"delay_mean_365": 6.0})[0]["text"]
    assert text == (
        "Paie en moyenne avec 23 jours de retard sur les 12 derniers mois (14 factures)\u202f; "
        "la médiane du portefeuille est de 6 jours de retard"
    )


def test_the_value_told_pulls_where_the_cause_pulls():
    # The largest single contribution lowers the risk, the cause as a whole raises it.
    features = [MEAN_90, MEAN_365, Column("delay_all", "customer_mean_delay", "days")]
    found = told([-0.5, 0.4, 0.3], [2, 23, 20], features)
    assert found[0]["direction"] == 1
    assert "23 days late" in found[0]["text"]


def test_what_raises_the_risk_comes_first_then_by_size():
    features = [AMOUNT, WEEKDAY, SETTLED_90, Column("dpd", "days_past_due", "days")]
    found = told([-0.9, 0.2, 0.4, -0.3], [100, 2, 3, 5], features)
    assert [(reason["cause"], reason["direction"]) for reason in found] == [
        ("invoice_count", 1),
        ("due_weekday", 1),
        ("amount", -1),
        ("days_past_due", -1),
    ]


def test_a_missing_value_names_no_reason_nor_adds_to_one():
    found = told([9.0, 0.5, 0.0, 0.0, 0.4], [np.nan, 23, np.nan, 14, 100], DELAYS)
    assert [reason["cause"] for reason in found] == ["customer_mean_delay", "amount"]
    assert found[0]["contribution"] == 0.5
    assert told([5.0], [np.nan], [AMOUNT]) == []


def test_a_value_that_rests_on_no_observation_names_no_reason():
    assert told([5.0, 0.0], [6.0, 0.0], [MEAN_90, SETTLED_90]) == []
    assert told([5.0, 0.0], [6.0, np.nan], [MEAN_90, SETTLED_90]) == []


def test_small_causes_are_dropped_and_the_limit_kept():
    features = [Column(f"share_{cause}", cause, "share") for cause in (
        "customer_late_share", "limit_use", "overdue_share", "settled_share", "country_late_share",
        "month_end_share", "terms_late_share", "invoice_share",
    )]  # fmt: skip
    phi = [0.4, -0.35, 0.3, 0.25, -0.2, 0.15, 0.01, 0.0]
    assert len(told(phi, [0.5] * 8, features)) == 5
    assert len(told(phi, [0.5] * 8, features, limit=8)) == 6  # 0.01 is below its share, 0.0 is nothing
    two = told(phi, [0.5] * 8, features, limit=2)
    assert [r["cause"] for r in two] == ["customer_late_share", "limit_use"]
    assert told([0.0] * 8, [0.5] * 8, features) == []


def test_a_habit_by_weekday_names_the_weekday_of_the_row():
    X = np.array([[9.0, 1.0], [9.0, np.nan]])
    found = reasons(np.array([[0.5, 0.0], [0.5, 0.0]]), X, [ON_WEEKDAY, WEEKDAY], {})
    assert [row[0]["text"] for row in found.to_list()] == [
        "When due on a Tuesday, pays on average 9 days late over the last 12 months",
        "When due on this weekday, pays on average 9 days late over the last 12 months",
    ]


def test_dotted_causes_count_together_and_speak_for_themselves():
    found = told([0.2, 0.3], [0.5, 0.25], [MONDAYS, TUESDAYS])
    assert len(found) == 1
    assert found[0]["cause"] == "payment_run"
    assert found[0]["contribution"] == 0.5
    assert found[0]["text"] == "Pays on 25% of Tuesdays over the last 6 months"


def test_covariates_are_causes_of_their_own_in_their_own_words():
    found = told([0.2, 0.3], [98.4, 2.5], [CLIMATE, RATES])
    assert [(reason["cause"], reason["text"]) for reason in found] == [
        ("covariate", "Key rate: 2.5"),
        ("covariate", "Business climate: 98.4"),
    ]
    with pytest.raises(ConfigError, match="ecb has no words in the language 'fr'"):
        told([0.2, 0.3], [98.4, 2.5], [CLIMATE, RATES], "fr")


def test_a_feature_of_ones_own_is_told_in_its_own_words():
    own = Feature(
        "climate_index",
        "covariate",
        "ratio",
        "Business climate.",
        "as published",
        "covariate",
        lambda view: np.full(len(view), 98.4),
        words={"en": "Business climate", "fr": "Climat des affaires"},
    )
    assert len({own, replace(own, words=None)}) == 2
    catalogue = Catalogue([*CATALOGUE.select(["days_past_due", "amount"]), own])
    issued = date(2024, 1, 1)
    book = small_ledger([{"invoice_id": "F1", "issue_date": issued, "due_date": date(2024, 1, 31)}])
    panel = build_panel(History.build(book), [date(2024, 1, 10)], catalogue)
    X = catalogue.observed(panel.X)
    phi = np.array([[0.1, 0.0, -0.4]])
    for language, text in (("en", "Business climate: 98.4"), ("fr", "Climat des affaires\u202f: 98,4")):
        found = reasons(phi, X, catalogue.features, {}, language).to_list()[0]
        assert [reason["direction"] for reason in found] == [1, -1]
        assert (found[1]["cause"], found[1]["text"]) == ("covariate", text)
    with pytest.raises(ConfigError, match="climate_index is a covariate without words"):
        check_causes([replace(own, words=None)])


def test_what_is_never_told_names_no_reason_but_counts_in_the_total():
    untold = CATALOGUE["as_of_weekday"]
    check_causes([untold])
    assert told([0.9, 0.5], [6.0, 100.0], [untold, AMOUNT]) == told([0.5], [100.0], [AMOUNT])
    # Beside so much that is not told, the amount is too small a cause.
    assert told([20.0, 0.5], [6.0, 100.0], [untold, AMOUNT]) == []


def test_amounts_are_in_the_currency_of_the_ledger():
    assert told([0.4], [1234.5], [AMOUNT], currency="GBP")[0]["text"] == "Invoice of GBP 1,234"


def test_a_cause_that_does_not_fit_is_refused():
    wrong = [Column("a", "mood", "days"), Column("b", "amount", "share"), Column("c", "covariate", "days")]
    with pytest.raises(ConfigError) as caught:
        check_causes(wrong)
    message = str(caught.value)
    assert "a has the cause 'mood'" in message
    assert "b is in 'share'" in message
    assert "c is a covariate without words" in message
    with pytest.raises(ConfigError, match="mood"):
        told([0.1], [1.0], wrong[:1])


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(FeatureMismatchError, match="one column per feature"):
        reasons(np.zeros((2, 3)), np.zeros((2, 3)), [AMOUNT], {})
    with pytest.raises(FeatureMismatchError, match="one column per feature"):
        reasons(np.zeros((2, 1)), np.zeros((3, 1)), [AMOUNT], {})
    with pytest.raises(ConfigError, match="choose one of en, fr"):
        reasons(np.zeros((2, 1)), np.zeros((2, 1)), [AMOUNT], {}, "de")


def test_no_rows_have_no_reasons():
    found = reasons(np.zeros((0, 1)), np.zeros((0, 1)), [AMOUNT], {})
    assert found.dtype == REASONS_DTYPE
    assert len(found) == 0


VALUES = {
    "days": (-12, 60),
    "share": (0, 1),
    "count": (0, 30),
    "amount": (0, 90_000),
    "ratio": (0, 9),
    "date_part": (1, 6),
    "flag": (0, 1),
}


@pytest.fixture(scope="module")
def explained():
    """A matrix of every built-in feature whose cause fits, with contributions."""
    features = [feature for feature in CATALOGUE if _fits(feature)]
    rng = np.random.default_rng(4)
    X = np.column_stack([rng.integers(*VALUES[f.unit], 600, endpoint=True) for f in features]).astype(
        np.float32
    )
    X[rng.random(X.shape) < 0.1] = np.nan
    phi = rng.laplace(0, 0.1, X.shape)
    usual = {f.name: float(np.nanmedian(X[:, j])) for j, f in enumerate(features)}
    return phi, X, features, usual


def _fits(feature):
    try:
        check_causes([feature])
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("language", ["en", "fr"])
def test_no_feature_name_reaches_a_reader(explained, language):
    phi, X, features, usual = explained
    sentences = reasons(phi, X, features, usual, language).explode().struct.field("text").unique().to_list()
    assert len(sentences) > 500
    assert not [text for text in sentences if "_" in text]
    names = [feature.name for feature in features if "_" in feature.name]
    assert not [name for name in names if any(name in text for text in sentences)]


def test_reasons_of_many_rows_are_those_of_each_row(explained, monkeypatch):
    phi, X, features, usual = explained
    whole = reasons(phi, X, features, usual)
    assert whole.dtype == REASONS_DTYPE
    assert whole.null_count() == 0
    assert whole.list.len().max() <= 5
    monkeypatch.setattr("paydelay.explain.wording._BLOCK_ROWS", 70)
    assert whole.to_list() == reasons(phi, X, features, usual).to_list()
    for row in (0, 17, 599):
        assert whole.to_list()[row] == told(phi[row], X[row], features, usual=usual)


def test_contributions_of_reasons_are_sums_of_known_contributions(explained):
    phi, X, features, usual = explained
    names = [feature.name for feature in features]
    for row, found in enumerate(reasons(phi, X, features, usual, limit=99).to_list()[:60]):
        sums = {}
        for column, feature in enumerate(features):
            count = X[row, names.index(feature.count)] if feature.count in names else 1.0
            if not np.isnan(X[row, column]) and count > 0 and feature.told:
                group = feature.theme
                sums[group] = sums.get(group, 0.0) + phi[row, column]
        for reason in found:
            assert reason["contribution"] == pytest.approx(sums[reason["cause"]])
            assert reason["direction"] == np.sign(sums[reason["cause"]])
        ranks = [(reason["direction"] < 0, -abs(reason["contribution"])) for reason in found]
        assert ranks == sorted(ranks)


def test_a_rule_is_its_own_reason():
    rules = ["rule_overdue", None, "rule_written_off", "rule_insolvent", "pooled_unpaid"]
    found = rule_reasons(rules, np.array([38, 2, 90, 5, 1]), "fr")
    assert found.dtype == REASONS_DTYPE
    assert found[1] is None
    texts = [row[0]["text"] for row in found.to_list() if row]
    assert texts[:3] == ["38 jours de retard", "Passée en perte", "Le client est en procédure collective"]
    assert found.to_list()[0][0] == {
        "cause": "rule_overdue",
        "direction": 1,
        "contribution": None,
        "text": "38 jours de retard",
    }


def test_rules_and_reasons_fit_in_one_column():
    modelled = reasons(np.array([[0.4], [0.4]]), np.array([[10.0], [20.0]]), [AMOUNT], {})
    ruled = rule_reasons(["rule_overdue", None], np.array([38, 2]))
    both = pl.DataFrame({"model": modelled, "rule": ruled}).select(pl.coalesce("rule", "model"))
    assert [row[0]["text"] for row in both.to_series().to_list()] == ["38 days overdue", "Invoice of EUR 20"]


def test_shap_takes_the_contributions():
    pytest.importorskip("shap")
    explanation = shap_explanation(np.eye(2), np.array([0.5, 0.25]), np.ones((2, 2)), ["a", "b"])
    assert explanation.shape == (2, 2)
    assert explanation[1].base_values == 0.25
    assert explanation.feature_names == ["a", "b"]
    with pytest.raises(FeatureMismatchError, match="one name per column"):
        shap_explanation(np.eye(2), np.zeros(2), np.ones((2, 2)), ["a"])


# ---- What reads as a reason -----------------------------------------------------------------


def spoken(value, phi, usual=6.0, column=MEAN_365, language="en"):
    count = Column("settled_365", "invoice_count", "count", 365)
    found = told([phi, 0.0], [value, 14], [column, count], language, {column.name: usual})
    return [reason["text"].partition(" over")[0] for reason in found]


def test_a_value_told_like_the_median_is_no_reason():
    assert spoken(6.3, 0.5) == spoken(5.6, -0.5) == []
    assert spoken(6.6, 0.5) == ["Pays on average 7 days late"]
    share = Column("late", "customer_late_share", "share", 365, count="settled_365")
    assert spoken(0.324, 0.5, 0.318, share) == []
    assert spoken(0.326, 0.5, 0.318, share) == ["Pays 33% of its invoices late"]


def test_a_value_on_the_other_side_of_the_median_is_no_reason():
    assert spoken(3, 0.5) == spoken(23, -0.5) == []
    assert spoken(3, -0.5) == ["Pays on average 3 days late"]
    assert spoken(23, 0.5) == ["Pays on average 23 days late"]
    runs = Column("runs", "payment_runs_before_due", "count")
    assert told(0.5, 0.0, [runs], usual={"runs": 2.0})[0]["text"].startswith("No payment day")
    assert told(-0.5, 0.0, [runs], usual={"runs": 2.0}) == []


def test_a_value_that_may_mean_either_speaks_unless_it_is_the_median():
    for direction in (1, -1):
        for value, count in ((900.0, 1), (1200.0, 0), (1500.0, 1)):
            assert len(told(0.5 * direction, value, [AMOUNT], usual={"amount": 1200.0})) == count
    # A weekday is not above or below another one.
    assert len(told(0.5, 2.0, [WEEKDAY], usual={"due_weekday": 2.0})) == 1


def test_a_cause_is_told_by_its_most_telling_value():
    usual = {"delay_mean_90": 30.0, "delay_mean_365": 6.0}
    found = told([0.9, 0.2, 0.0, 0.0, 0.0], [30, 23, 4, 14, 900], DELAYS, usual=usual)
    assert (found[0]["contribution"], found[0]["direction"]) == (pytest.approx(1.1), 1)
    assert found[0]["text"].startswith("Pays on average 23 days late over the last 12 months")
    # One that hardly contributes does not stand for the others.
    assert told([0.9, 0.05, 0.0, 0.0, 0.0], [30, 23, 4, 14, 900], DELAYS, usual=usual) == []


def test_how_many_fell_due_on_a_weekday_is_not_told_as_the_whole_history():
    on_weekday = replace(ON_WEEKDAY, count="weekday_settled")
    count = Column("weekday_settled", "invoice_count", "count", 365)
    found = told([0.1, -0.5, 0.0], [9.0, 4.0, 1.0], [on_weekday, count, WEEKDAY])
    assert [reason["cause"] for reason in found] == ["weekday_mean_delay"]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_no_sentence_gives_the_median_as_its_own_value(explained, language):
    phi, X, features, usual = explained
    sentences = reasons(phi, X, features, usual, language).explode().struct.field("text").unique().to_list()
    mark = {"en": "; the book's median is ", "fr": "\u202f; la médiane du portefeuille est de "}[language]
    other = ("On terms", "Sur ses factures", "early", "d'avance")
    compared = [
        text.split(mark) for text in sentences if mark in text and not any(word in text for word in other)
    ]
    assert len(compared) > 200
    number = re.compile(r"\d[\d.,\u202f]*%?")
    for said, median in compared:
        value = number.search(said)
        assert value is None or value[0] != number.search(median)[0], (said, median)


def test_where_nothing_can_be_told_the_sum_is():
    found = small_signs(np.array([[0.25, -0.5], [0.0, 0.0]]), "fr").to_list()
    assert [reason["direction"] for (reason,) in found] == [-1, 1]
    assert found[0][0]["text"] == "Un ensemble de petits signes, dont aucun ne ressort"


# ---- Reasons of customers -------------------------------------------------------------------

LATE = Column("dpd", "days_past_due", "days")
OVERDUE = Column("overdue", "overdue_count", "count")
LATE_SHARE = Column("late_share", "customer_late_share", "share", 365)


def of_customer(phi, X, weights, features, **options):
    groups = np.zeros(len(phi), np.int64)
    names = [f"F{number}" for number in range(len(phi))]
    found = customer_reasons(
        np.array(phi), np.array(X), np.array(weights), groups, names, features, {}, **options
    )
    return found.to_list()[0]


def test_a_customer_is_explained_by_all_contributions_of_its_invoices():
    # 0.75 x 0.4 + 0.25 x 0.2; the many small contributions count as much as the few large ones.
    found = of_customer([[0.4, 3.0], [0.2, -1.0]], [[0.6, 2.0]] * 2, [300.0, 100.0], [LATE_SHARE, OVERDUE])
    assert [(r["cause"], r["contribution"], r["text"]) for r in found] == [
        ("overdue_count", pytest.approx(2.0), "2 overdue invoices"),
        ("customer_late_share", pytest.approx(0.35), "Pays 60% of its invoices late over the last 12 months"),
    ]


def test_a_fact_of_one_invoice_names_the_largest_one():
    found = of_customer([[0.1], [0.8]], [[0.0], [31.0]], [100.0, 900.0], [LATE])
    assert found[0]["text"] == "Largest invoice, F1: 31 days past due"
    assert found[0]["contribution"] == pytest.approx(0.73)
    french = of_customer([[0.1], [0.8]], [[0.0], [31.0]], [100.0, 900.0], [LATE], language="fr")
    assert french[0]["text"] == "Plus grosse facture, F1\u202f: Échéance dépassée de 31 jours"
    # Even where the invoices are alike: the sentence is about one.
    assert of_customer([[0.8], [0.8]], [[0.0], [0.0]], [1.0, 2.0], [LATE])[0]["text"].startswith("Largest")
    assert of_customer([[0.8]], [[31.0]], [1.0], [LATE])[0]["text"] == "31 days past due"


def test_the_largest_invoice_does_not_speak_against_the_others():
    assert of_customer([[3.0], [-0.2]], [[31.0], [0.0]], [100.0, 150.0], [LATE]) == []


def test_a_habit_on_its_weekday_is_the_customers_own():
    found = of_customer([[0.1, 0.0], [0.8, 0.0]], [[9.0, 1.0], [4.0, 2.0]], [1.0, 2.0], [ON_WEEKDAY, WEEKDAY])
    assert found[0]["text"].startswith("When due on a Wednesday, pays on average 4 days late")


def test_reasons_of_many_customers_are_those_of_each(explained):
    phi, X, features, usual = explained
    groups = np.random.default_rng(2).permutation(np.arange(len(phi)) % 70)
    weights, names = np.random.default_rng(3).integers(0, 5, len(phi)), [f"F{n}" for n in range(len(phi))]
    whole = customer_reasons(phi, X, weights, groups, names, features, usual).to_list()
    assert len(whole) == 70
    assert max(map(len, whole)) <= 5
    for number in (0, 33, 69):
        own = np.flatnonzero(groups == number)
        alone = customer_reasons(
            phi[own], X[own], weights[own], np.zeros(len(own), int), [names[n] for n in own], features, usual
        ).to_list()[0]
        assert [(r["cause"], r["text"]) for r in alone] == [(r["cause"], r["text"]) for r in whole[number]]
    none = np.zeros((0, len(features)))
    assert len(customer_reasons(none, none, np.zeros(0), np.zeros(0, int), [], features, usual)) == 0
