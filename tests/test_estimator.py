"""LateClassifier: scikit-learn's own checks, and columns in which the probability never rises."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from paydelay.estimator import LateClassifier
from paydelay.features import CATALOGUE
from paydelay.folds import RollingOriginSplit
from paydelay.ledger import Ledger
from paydelay.outcomes import panel
from paydelay.panel import Panel
from paydelay.simulate import SimulationSettings, simulate

SMALL = {"tree_count": 20, "leaf_rows_min": 3, "leaf_count": 7, "thread_count": 1}


NOT_EQUIVALENT = {
    "check_sample_weight_equivalence_on_dense_data": (
        "LightGBM lays its bins and draws its rows by the number of rows, not by their weight."
    )
}


@parametrize_with_checks(
    [LateClassifier(tree_count=12, learning_rate=0.3, leaf_rows_min=1, thread_count=1)],
    expected_failed_checks=lambda _estimator: NOT_EQUIVALENT,
)
def test_it_keeps_scikit_learns_conventions(estimator: LateClassifier, check: Any) -> None:
    check(estimator)


def rows(count: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three columns: the outcome rises with the first and, wrongly signed, with the second."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(count, 3)).astype(np.float32)
    chance = 1.0 / (1.0 + np.exp(-(1.5 * X[:, 0] + 0.7 * X[:, 1])))
    return X, (generator.random(count) < chance).astype(np.float64)


def test_it_learns_what_is_there() -> None:
    X, y = rows()
    found = LateClassifier(**SMALL).fit(X, y)
    assert found.score(X, y) > 0.75
    probability = found.predict_proba(X)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)
    margin = found.decision_function(X)
    np.testing.assert_allclose(probability[:, 1], 1.0 / (1.0 + np.exp(-margin)))
    np.testing.assert_array_equal(found.predict(X), (margin > 0).astype(float))


@pytest.mark.parametrize("columns", [(1,), (0, 1), (0, 1, 2)])
def test_the_probability_falls_in_the_columns_named(columns: tuple[int, ...]) -> None:
    X, y = rows()
    found = LateClassifier(**SMALL, falling_columns=columns).fit(X, y)
    grid = np.linspace(-4, 4, 81)
    for column in range(3):
        some = np.repeat(X[:40, None, :], len(grid), axis=1)
        some[:, :, column] = grid
        margin = found.decision_function(some.reshape(-1, 3)).reshape(40, len(grid))
        if column in columns:
            assert (np.diff(margin, axis=1) <= 1e-12).all()
        elif column < 2:
            assert (np.diff(margin, axis=1) > 0.01).any()


def test_a_column_that_falls_in_truth_is_used() -> None:
    X, y = rows()
    found = LateClassifier(**SMALL, falling_columns=(0,)).fit(-X, y)
    assert found.score(-X, y) > 0.7
    steep = found.decision_function(np.array([[-2, 0, 0], [2, 0, 0]], np.float32))
    assert steep[0] > steep[1] + 0.5


@settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_what_is_not_known_may_be_missing(seed: int) -> None:
    X, y = rows(200, seed)
    X[np.random.default_rng(seed).random(X.shape) < 0.4] = np.nan
    found = LateClassifier(**SMALL, falling_columns=(1,)).fit(X, y)
    assert np.isfinite(found.decision_function(X)).all()
    assert np.isfinite(found.predict_proba(np.full((1, 3), np.nan))).all()


def test_infinite_values_and_texts_are_refused() -> None:
    X, y = rows(50)
    X[3, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        LateClassifier(**SMALL).fit(X, y)
    with pytest.raises(ValueError, match="could not convert"):
        LateClassifier(**SMALL).fit(np.array([["a", "b"], ["c", "d"]], object), [0, 1])


@pytest.mark.parametrize("y", [np.zeros(20), np.ones(20)])
def test_one_outcome_alone_teaches_nothing(y: np.ndarray) -> None:
    with pytest.raises(ValueError, match="Two classes are needed, and 1 class was found"):
        LateClassifier(**SMALL).fit(np.zeros((20, 2)), y)


def test_weights_count() -> None:
    X, y = rows()
    heavy = LateClassifier(**SMALL).fit(X, y, sample_weight=np.where(y == 1, 5.0, 1.0))
    plain = LateClassifier(**SMALL).fit(X, y)
    assert heavy.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean() + 0.1
    for wrong in (np.zeros(len(y)), -np.ones(len(y)), np.ones(len(y) - 1), np.full(len(y), np.nan)):
        with pytest.raises(ValueError, match=r"[Ww]eight"):
            LateClassifier(**SMALL).fit(X, y, sample_weight=wrong)


def test_the_same_seed_and_any_thread_count_give_the_same_trees() -> None:
    X, y = rows(800)

    def trees(**changed: Any) -> str:
        text = LateClassifier(**{**SMALL, "tree_count": 5, **changed}).fit(X, y).booster_.model_to_string()
        return text.partition("\nparameters:")[0]

    assert trees() == trees()
    assert trees() == trees(thread_count=2)
    assert trees() != trees(random_state=8)


def test_settings_are_copied_by_clone() -> None:
    asked = LateClassifier(falling_columns=(2, 3), tree_count=5, random_state=1)
    assert clone(asked).get_params() == asked.get_params()


def test_other_rows_say_how_many_trees_are_enough() -> None:
    X, y = rows(300, seed=1)
    other_X, other_y = rows(4000, seed=2)
    weight = np.ones(len(other_y))
    eager = LateClassifier(**SMALL | {"tree_count": 400, "learning_rate": 0.3})
    found = clone(eager).fit(X, y, eval_set=(other_X, other_y, weight))
    assert 3 <= found.tree_count_ < 100

    def loss(margin: np.ndarray) -> float:
        return float(np.mean(np.logaddexp(0.0, margin) - other_y * margin))

    every = eager.fit(X, y)
    assert every.tree_count_ == 400
    assert loss(found.decision_function(other_X)) < 0.7 * loss(every.decision_function(other_X))
    # They are the same trees, only fewer of them.
    np.testing.assert_array_equal(
        found.decision_function(X), every.booster_.predict(X, raw_score=True, num_iteration=found.tree_count_)
    )
    # Weights of the other rows count.
    first = other_X[:, 0] > 0
    biased = clone(eager).fit(X, y, eval_set=(other_X, (~first).astype(float), weight))
    assert biased.tree_count_ < found.tree_count_


# In scikit-learn's own tools, on a panel ---------------------------------------------------

FEATURES = ("days_past_due", "late_share_shrunk_365", "due_count_365", "book_late_share_365", "amount")
FOLDS = RollingOriginSplit(fold_count=2, fold_days=28)


@pytest.fixture(scope="module")
def experiment() -> Panel:
    """Every second Monday of a small book, labelled at its end."""
    asked = SimulationSettings(customer_count=60, month_count=10, seed=3, daily_truth=False)
    book = simulate(asked)
    ledger = Ledger.from_frames(book.invoices, book.payments)
    days = [asked.end_date - timedelta(days=20 + 14 * number) for number in range(12)]
    return panel(ledger, days, asked.end_date, (0,), catalogue=CATALOGUE.select(FEATURES))


def test_a_panel_as_pandas_is_scored_over_time(experiment: Panel) -> None:
    X, y = experiment.to_pandas(), experiment.y[0]
    assert list(X.columns) == list(FEATURES)
    np.testing.assert_array_equal(X.to_numpy(), experiment.X)
    # Rows without a label are there, and take no part.
    assert np.isnan(y).any()
    found = cross_val_score(
        LateClassifier(**SMALL), X, y, cv=FOLDS, groups=experiment.timing, scoring="roc_auc"
    )
    by_hand = []
    for train, test in FOLDS.split(X, y, experiment.timing):
        fitted = LateClassifier(**SMALL).fit(X.iloc[train], y[train])
        assert list(fitted.feature_names_in_) == list(FEATURES)
        by_hand.append(roc_auc_score(y[test], fitted.predict_proba(X.iloc[test])[:, 1]))
    assert found.tolist() == by_hand
    assert min(by_hand) > 0.5


def test_settings_are_searched_over_time_with_weights(experiment: Panel) -> None:
    X, y = experiment.to_pandas(), experiment.y[0]
    search = GridSearchCV(
        LateClassifier(**SMALL), {"leaf_count": [2, 7]}, cv=clone(FOLDS, safe=False), refit=False
    )
    search.fit(X, y, groups=experiment.timing, sample_weight=experiment.weights)
    assert search.n_splits_ == 2
    assert search.best_params_["leaf_count"] in (2, 7)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("frames", ["pandas", "polars"])
def test_it_ends_a_pipeline_of_either_frames(experiment: Panel, frames: str) -> None:
    X, y = experiment.to_pandas(), experiment.y[0]
    pipeline = make_pipeline(SimpleImputer(keep_empty_features=True), LateClassifier(**SMALL))
    pipeline.set_output(transform=frames)
    found = cross_val_score(clone(pipeline), X, y, cv=FOLDS, groups=experiment.timing, scoring="roc_auc")
    assert found.min() > 0.5
    train, _ = next(FOLDS.split(X, y, experiment.timing))
    fitted = pipeline.fit(X.iloc[train], y[train])
    # The frame that the step before gives, names and all, is what it was fitted on.
    assert type(fitted[:-1].transform(X)).__module__.startswith(frames)
    assert list(fitted[-1].feature_names_in_) == list(FEATURES)
