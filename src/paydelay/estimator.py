"""The booster as a scikit-learn classifier.

scikit-learn is an optional dependency, needed to train and not to score: import
this module where a model is fitted, not at the top of another.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from paydelay.config import ModelSettings, booster_threads
from paydelay.preflight import importing

with importing("Training a model"):
    import lightgbm
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

_DEFAULT = ModelSettings()


class LateClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Gradient boosted trees that keep given columns monotone.

    Parameters
    ----------
    tree_count, learning_rate, leaf_count, depth_max, leaf_rows_min
        Settings of the booster, as in :class:`paydelay.config.ModelSettings`.
        ``tree_count`` is the most it grows.
    feature_share, row_share, bin_count, l2_penalty
        Settings of the booster, as in :class:`paydelay.config.ModelSettings`.
    falling_columns : tuple of int
        Columns in which the probability of the second class never rises.
    random_state : int
        Seed.
    thread_count : int
        Threads; 0 takes half of the cores.
    patience_trees : int
        With an ``eval_set``: stop after so many trees that bring nothing on it.

    Attributes
    ----------
    booster_ : lightgbm.Booster
        The fitted trees.
    tree_count_ : int
        How many of them are used: all, or those that did best on the ``eval_set``.
    classes_ : array of shape (2,)
        The two outcomes.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - scikit-learn wants every setting as an argument
        self,
        tree_count: int = 300,
        learning_rate: float = _DEFAULT.learning_rate,
        leaf_count: int = _DEFAULT.leaf_count,
        depth_max: int = _DEFAULT.depth_max,
        leaf_rows_min: int = _DEFAULT.leaf_rows_min,
        feature_share: float = _DEFAULT.feature_share,
        row_share: float = _DEFAULT.row_share,
        bin_count: int = _DEFAULT.bin_count,
        l2_penalty: float = _DEFAULT.l2_penalty,
        falling_columns: tuple[int, ...] = (),
        random_state: int = _DEFAULT.seed,
        thread_count: int = _DEFAULT.thread_count,
        patience_trees: int = 50,
    ) -> None:
        self.tree_count = tree_count
        self.learning_rate = learning_rate
        self.leaf_count = leaf_count
        self.depth_max = depth_max
        self.leaf_rows_min = leaf_rows_min
        self.feature_share = feature_share
        self.row_share = row_share
        self.bin_count = bin_count
        self.l2_penalty = l2_penalty
        self.falling_columns = falling_columns
        self.random_state = random_state
        self.thread_count = thread_count
        self.patience_trees = patience_trees

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.classifier_tags.multi_class = False
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None, eval_set: Any = None) -> LateClassifier:
        """Fit on rows of numbers; NaN means not known.

        Parameters
        ----------
        X : array of shape (n_rows, n_columns)
            Numbers.
        y : array of shape (n_rows,)
            Two outcomes.
        sample_weight : array of shape (n_rows,), optional
            Weight of each row.
        eval_set : tuple of (X, y, sample_weight), optional
            Other rows, by whose log-loss the number of trees is chosen.
        """
        X, y = validate_data(
            self, X, y, dtype=np.float32, ensure_all_finite="allow-nan", ensure_min_samples=2
        )
        check_classification_targets(y)
        self.classes_, coded = np.unique(y, return_inverse=True)
        if len(self.classes_) > 2:
            raise ValueError(
                f"Only binary classification is supported. {len(self.classes_)} classes were found."
            )
        if len(self.classes_) < 2:
            raise ValueError("Two classes are needed, and 1 class was found.")
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        constraints = np.zeros(X.shape[1], np.int64)
        constraints[list(self.falling_columns)] = -1
        data = lightgbm.Dataset(
            X, label=coded, weight=sample_weight, free_raw_data=True, params={"verbosity": -1}
        )
        watched: dict[str, Any] = {}
        if eval_set is not None:
            other_X, other_y, other_weight = eval_set
            other = np.searchsorted(self.classes_, other_y)
            watched = {
                "valid_sets": [data.create_valid(other_X, label=other, weight=other_weight)],
                "callbacks": [lightgbm.early_stopping(self.patience_trees, verbose=False)],
            }
        self.booster_ = lightgbm.train(
            self._parameters(constraints), data, num_boost_round=self.tree_count, **watched
        )
        self.tree_count_ = self.booster_.best_iteration if watched else self.booster_.current_iteration()
        return self

    def _parameters(self, constraints: NDArray[np.int64]) -> dict[str, Any]:
        return {
            "objective": "binary",
            "metric": "binary_logloss",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaf_count,
            "max_depth": self.depth_max,
            "min_data_in_leaf": self.leaf_rows_min,
            "feature_fraction": self.feature_share,
            "bagging_fraction": self.row_share,
            "bagging_freq": 1,
            "max_bin": self.bin_count,
            "lambda_l2": self.l2_penalty,
            "monotone_constraints": constraints.tolist() if constraints.any() else None,
            "seed": self.random_state,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": booster_threads(self.thread_count),
            "verbosity": -1,
        }

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Margin (log-odds) of the second class."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
        return np.asarray(
            self.booster_.predict(X, raw_score=True, num_iteration=self.tree_count_), np.float64
        )

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probability of each class."""
        second = 0.5 * (1.0 + np.tanh(0.5 * self.decision_function(X)))
        return np.column_stack([1.0 - second, second])

    def predict(self, X: Any) -> Any:
        """Most probable class."""
        margin = self.decision_function(X)
        return self.classes_[(margin > 0).astype(np.int64)]


def plain_regression(
    X: NDArray[np.float64], y: NDArray[np.floating], weight: NDArray[np.float64]
) -> Pipeline:
    """Logistic regression on standardised columns: what a model has to beat to be worth its trees.

    Parameters
    ----------
    X : array of shape (n_rows, n_columns)
        Numbers; NaN is filled with the median of its column.
    y : array of shape (n_rows,)
        Two outcomes.
    weight : array of shape (n_rows,)
        Weight of each row.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Fitted.

    Examples
    --------
    >>> X, y = np.array([[0.0], [1.0], [np.nan], [3.0]]), np.array([0, 0, 1, 1])
    >>> plain_regression(X, y, np.ones(4)).predict(np.array([[9.0]])).tolist()
    [1]
    """
    regression = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(max_iter=500),
    )
    return regression.fit(X, y, logisticregression__sample_weight=weight)
