"""Other learners on the same panel, the same pairs and the same books.

Boosters take the place of ours, with the horizon as falling columns and our
calibration; the others say the probability of being late only. A package that
is not installed is told as such by whoever calls.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import islice

import numpy as np
from bench_cores import HORIZONS, daily_hazard, separate_heads
from idea_columns import column, pay_day_columns
from origins import Origin
from recipes import Learned, Prediction, Rows

from paydelay.backtest.baselines import REGRESSION_FEATURES
from paydelay.calibration import sigmoid
from paydelay.config import ModelSettings
from paydelay.history import NEVER
from paydelay.panel import Panel

_PATIENCE_TREES = 50
_COX_ROWS_MAX = 12_000
_COX_CAP_DAYS = 60.0
_COX_SHIFT_DAYS = 1000.0
"""Its times may not be negative."""
_PROBABILITY_EDGE = 1e-6


def catboost_rows(
    rows: Rows, later: Rows | None, settings: ModelSettings, falling: tuple[int, ...]
) -> Learned:
    """CatBoost: oblivious trees, ordered by nothing, on the same numbers."""
    from catboost import CatBoostClassifier, Pool

    model = CatBoostClassifier(
        iterations=settings.tree_count,
        learning_rate=settings.learning_rate,
        depth=settings.depth_max,
        l2_leaf_reg=settings.l2_penalty,
        border_count=settings.bin_count,
        rsm=settings.feature_share,
        bootstrap_type="Bernoulli",
        subsample=settings.row_share,
        monotone_constraints=dict.fromkeys(falling, -1),
        random_seed=settings.seed,
        thread_count=max(settings.thread_count, 1),
        allow_writing_files=False,
        verbose=False,
    )
    watched = None if later is None else Pool(later.X, later.y, weight=later.weight)
    model.fit(
        Pool(rows.X, rows.y, weight=rows.weight),
        eval_set=watched,
        early_stopping_rounds=None if later is None else _PATIENCE_TREES,
    )

    def margins(X: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict(X, prediction_type="RawFormulaVal"), np.float64)

    return Learned(margins, int(model.tree_count_))


def xgboost_rows(
    rows: Rows, later: Rows | None, settings: ModelSettings, falling: tuple[int, ...]
) -> Learned:
    """XGBoost, trees grown by histogram to the same depth."""
    import xgboost

    constraints = tuple(-1 if place in falling else 0 for place in range(rows.X.shape[1]))
    parameters = {
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "tree_method": "hist",
        "max_depth": settings.depth_max,
        "max_leaves": settings.leaf_count,
        "grow_policy": "lossguide",
        "eta": settings.learning_rate,
        # The least weight of a leaf is a sum of p (1 - p): a quarter of the rows at most.
        "min_child_weight": settings.leaf_rows_min / 4,
        "lambda": settings.l2_penalty,
        "subsample": settings.row_share,
        "colsample_bytree": settings.feature_share,
        "max_bin": settings.bin_count,
        "monotone_constraints": constraints,
        "seed": settings.seed,
        "nthread": max(settings.thread_count, 1),
        "verbosity": 0,
    }
    data = xgboost.DMatrix(rows.X, rows.y, weight=rows.weight, nthread=1)
    stopping = {}
    if later is not None:
        watched = xgboost.DMatrix(later.X, later.y, weight=later.weight, nthread=1)
        stopping = {"evals": [(watched, "later")], "early_stopping_rounds": _PATIENCE_TREES}
    model = xgboost.train(parameters, data, settings.tree_count, verbose_eval=False, **stopping)
    trees = model.best_iteration + 1 if later is not None else settings.tree_count

    def margins(X: np.ndarray) -> np.ndarray:
        asked = xgboost.DMatrix(X, nthread=1)
        return model.predict(asked, output_margin=True, iteration_range=(0, trees)).astype(np.float64)

    return Learned(margins, int(trees))


def histogram_rows(
    rows: Rows, later: Rows | None, settings: ModelSettings, falling: tuple[int, ...]
) -> Learned:
    """The boosted trees of scikit-learn; it draws no rows, and features for each split."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    constraints = np.zeros(rows.X.shape[1], np.int64)
    constraints[list(falling)] = -1
    model = HistGradientBoostingClassifier(
        max_iter=settings.tree_count,
        learning_rate=settings.learning_rate,
        max_depth=settings.depth_max,
        max_leaf_nodes=settings.leaf_count,
        min_samples_leaf=settings.leaf_rows_min,
        l2_regularization=settings.l2_penalty,
        max_features=settings.feature_share,
        max_bins=settings.bin_count,
        monotonic_cst=constraints,
        early_stopping=later is not None,
        n_iter_no_change=_PATIENCE_TREES,
        random_state=settings.seed,
    )
    # Its bins want a value in every column.
    empty = np.isnan(rows.X).all(axis=0)
    rows = rows._replace(X=np.where(empty, 0.0, rows.X))
    watched = {}
    if later is not None:
        watched = {"X_val": later.X, "y_val": later.y, "sample_weight_val": later.weight}
    model.fit(rows.X, rows.y, sample_weight=rows.weight, **watched)
    # The first score is that of no tree at all.
    trees = model.n_iter_ if later is None else max(int(np.argmax(model.validation_score_)), 1)

    def margins(X: np.ndarray) -> np.ndarray:
        return next(islice(model.staged_decision_function(X), trees - 1, None)).ravel().astype(np.float64)

    return Learned(margins, int(trees))


def late_rows(origin: Origin) -> tuple[np.ndarray, np.ndarray]:
    """Training rows whose being late is mature and was not known, and whether they were."""
    panel = origin.panel
    label = origin.outcomes.labels(panel.invoice, panel.as_of_day, np.array([origin.late_days]))[:, 0]
    rows = np.flatnonzero(~np.isnan(label))
    return rows, label[rows].astype(np.float64)


def regression(columns: Callable[[Panel], np.ndarray], origin: Origin) -> Prediction:
    """Logistic regression on some columns of the rows."""
    from paydelay.estimator import plain_regression

    rows, late = late_rows(origin)
    learned = plain_regression(columns(origin.panel)[rows], late, origin.panel.weights[rows])
    probability = learned.predict_proba(columns(origin.judged))[:, 1]
    return Prediction(np.asarray(probability, np.float64))


def ten_features(panel: Panel) -> np.ndarray:
    """Those of the regression that the backtest knows."""
    return np.column_stack([column(panel, name) for name in REGRESSION_FEATURES])


def all_features(panel: Panel) -> np.ndarray:
    """Every feature; a missing value is filled with the median by the regression."""
    return panel.X.astype(np.float64)


def runs_and_ratio(panel: Panel) -> np.ndarray:
    """Chance that no payment run comes before the due date, and the customer's late ratio, as log-odds."""
    none = pay_day_columns(panel)["prob_no_run_before_due"]
    both = np.column_stack([none, column(panel, "late_share_shrunk_365")])
    both = np.clip(both, 1e-3, 1.0 - 1e-3)
    odds = np.log(both) - np.log1p(-both)
    return np.column_stack([odds, odds[:, 0] * odds[:, 1]])


def runs_alone(origin: Origin) -> Prediction:
    """Late is who has no usual pay day before the due date."""
    return Prediction(pay_day_columns(origin.judged)["prob_no_run_before_due"])


def late_ratio(origin: Origin) -> Prediction:
    """The customer's smoothed late ratio."""
    return Prediction(column(origin.judged, "late_share_shrunk_365"))


def cox(origin: Origin) -> Prediction:
    """Cox regression of settlement by days after the due date, entering on as_of, on ten features.

    P(late) = exp(-(H(late) - H(days past due)) exp(x b)), H the baseline hazard of Breslow.
    """
    from statsmodels.duration.hazard_regression import PHReg

    panel, outcomes = origin.panel, origin.outcomes
    drawn = np.sort(np.random.default_rng(7).permutation(len(panel))[:_COX_ROWS_MAX])
    part = panel.take(drawn)
    due = outcomes.due_day[part.invoice].astype(np.float64)
    entry = part.as_of_day - due
    settled = outcomes.settled_day[part.invoice].astype(np.float64)
    known = np.minimum(outcomes.labels_day - outcomes.recording_lag_days - due, _COX_CAP_DAYS)
    came = (settled < NEVER) & (settled - due <= known)
    end = np.where(came, settled - due, known)
    features, asked = ten_features(part), ten_features(origin.judged)
    # What never differs has no coefficient.
    told = np.nanstd(features, axis=0) > 1e-6
    features, asked = features[:, told], asked[:, told]
    middle = np.nanmedian(features, axis=0)
    features = np.where(np.isnan(features), middle, features)
    mean, spread = features.mean(axis=0), features.std(axis=0)
    usable = (end > entry) & ~outcomes.cancelled[part.invoice]
    model = PHReg(
        end[usable] + _COX_SHIFT_DAYS,
        (features[usable] - mean) / spread,
        status=came[usable].astype(np.int64),
        entry=entry[usable] + _COX_SHIFT_DAYS,
        ties="breslow",
    )
    with warnings.catch_warnings():
        # Its search warns of a gradient that it calls not small enough; the figures tell.
        warnings.simplefilter("ignore")
        fitted = model.fit(disp=0)
    days, hazard, _ = fitted.baseline_cumulative_hazard[0]
    asked = (np.where(np.isnan(asked), middle, asked) - mean) / spread
    overdue = origin.judged.rows["days_past_due"].to_numpy().astype(np.float64)
    step, days = np.concatenate([[0.0], hazard]), days - _COX_SHIFT_DAYS
    ahead = (
        step[np.searchsorted(days, origin.late_days, side="right")]
        - step[np.searchsorted(days, overdue, side="right")]
    )
    return Prediction(np.exp(-ahead * np.exp(np.clip(asked @ fitted.params, -20.0, 20.0))))


def heads(origin: Origin) -> Prediction:
    """A booster of its own for the late horizon, uncalibrated (bench_cores.py)."""
    return _core(separate_heads(origin.panel, origin.outcomes, origin.judged), origin)


def hazard(origin: Origin) -> Prediction:
    """A hazard for every day ahead, uncalibrated (bench_cores.py)."""
    return _core(daily_hazard(origin.panel, origin.outcomes, origin.judged), origin)


def _core(curve: np.ndarray, origin: Origin) -> Prediction:
    return Prediction(curve[:, HORIZONS.index(origin.late_days)])


def blend(members: list[Prediction]) -> Prediction:
    """Mean of the log-odds, and of the medians where all have them."""
    odds = []
    for member in members:
        said = np.clip(member.prob_late, _PROBABILITY_EDGE, 1.0 - _PROBABILITY_EDGE)
        odds.append(np.log(said) - np.log1p(-said))
    medians = [member.median_days for member in members if member.median_days is not None]
    whole = np.mean(medians, axis=0) if len(medians) == len(members) else None
    return Prediction(sigmoid(np.mean(odds, axis=0)), whole)
