"""Exact contributions of a booster's features to its margins."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from paydelay.errors import FeatureMismatchError, ModelError
from paydelay.explain.tables import ContributionTables, tables_of
from paydelay.explain.trees import UnsupportedTreesError

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]

BULK_ROWS_MIN = 500
"""Rows from which building the tables costs less than walking the trees."""
TOLERANCE = 1e-6
"""Log-odds by which a row's contributions may miss its margin."""
_SPOT_ROWS = 8
_WALK_ROWS = 50_000


class Booster(Protocol):
    """What is asked of a LightGBM booster."""

    def predict(self, data: Any, **options: Any) -> Any:
        """Margins or contributions of rows."""

    def model_to_string(self) -> str:
        """The trees as text."""

    def num_feature(self) -> int:
        """Columns a matrix must have."""


def contributions(
    booster: Booster,
    X: NDArray[np.floating],
    exact: Literal["auto", "bulk", "single"] = "auto",
    margins: NDArray[np.floating] | None = None,
    thread_count: int = 0,
) -> tuple[Floats, Floats]:
    """Exact Shapley contribution of every feature to every row's raw margin.

    Parameters
    ----------
    booster : lightgbm.Booster
        A binary classifier or a regression with one output.
    X : array of shape (n_rows, n_features)
        float32 or float64, columns in the booster's order, NaN where nothing is known.
    exact : {'auto', 'bulk', 'single'}
        ``single`` walks the trees row by row, as LightGBM does; ``bulk`` looks
        contributions up in tables, many times faster from some hundred rows on;
        ``auto`` chooses by the number of rows, and walks trees that have no tables.
    margins : array of shape (n_rows,), optional
        Raw margins of the rows where they are known already; they save a prediction.
    thread_count : int
        Threads for LightGBM; 0 takes every core. The result does not depend on it.

    Returns
    -------
    phi : array of shape (n_rows, n_features)
        Log-odds.
    base : array of shape (n_rows,)
        The booster's mean margin; ``phi.sum(axis=1) + base`` is the raw margin.

    Raises
    ------
    FeatureMismatchError
        If the matrix has other columns than the booster.
    ModelError
        If the booster has several outputs, or ``bulk`` is asked of trees without tables.

    Notes
    -----
    Path-dependent TreeSHAP. Bulk results are checked: every row's sum against its
    margin, and some rows in full, since a wrong turn beside a row's own path changes
    its contributions and not their sum. What misses is walked instead.

    Examples
    --------
    >>> import lightgbm
    >>> X = np.random.default_rng(0).normal(size=(600, 3))
    >>> data = lightgbm.Dataset(X, label=(X[:, 0] + X[:, 1] > 0).astype(float))
    >>> options = {"objective": "binary", "verbosity": -1, "num_threads": 1}
    >>> booster = lightgbm.train(options, data, num_boost_round=5)
    >>> phi, base = contributions(booster, X)
    >>> bool(np.allclose(phi.sum(axis=1) + base, booster.predict(X, raw_score=True)))
    True
    """
    if X.ndim != 2 or X.shape[1] != booster.num_feature():
        found = " x ".join(str(length) for length in X.shape)
        raise FeatureMismatchError(
            f"A matrix of {found} was given; the model has {booster.num_feature()} features: "
            "give one column for each, in the model's order."
        )
    if exact == "single" or (exact == "auto" and len(X) < BULK_ROWS_MIN):
        return _walked(booster, X, thread_count)
    try:
        tables = tables_of(booster.model_to_string())
    except UnsupportedTreesError as error:
        if exact == "bulk":
            raise ModelError(
                f"Contributions cannot be tabulated for this model: {error}; ask for exact='auto'."
            ) from error
        logger.info("contributions are walked row by row: %s", error)
        return _walked(booster, X, thread_count)
    return _looked_up(booster, tables, X, margins, thread_count)


def _walked(booster: Booster, X: NDArray[np.floating], thread_count: int) -> tuple[Floats, Floats]:
    phi, base = np.empty(X.shape), np.empty(len(X))
    for start in range(0, len(X), _WALK_ROWS):
        rows = slice(start, start + _WALK_ROWS)
        found = np.asarray(booster.predict(X[rows], pred_contrib=True, num_threads=thread_count))
        if found.shape[1] != X.shape[1] + 1:
            raise ModelError("The model has several outputs; contributions are given for a model with one.")
        phi[rows], base[rows] = found[:, :-1], found[:, -1]
    return phi, base


def _looked_up(
    booster: Booster,
    tables: ContributionTables,
    X: NDArray[np.floating],
    margins: NDArray[np.floating] | None,
    thread_count: int,
) -> tuple[Floats, Floats]:
    phi = tables.contributions(X)
    base = np.full(len(X), tables.base)
    if not len(X):
        return phi, base
    spots = np.unique(np.linspace(0, len(X) - 1, _SPOT_ROWS).astype(np.int64))
    if not np.allclose(phi[spots], _walked(booster, X[spots], thread_count)[0], rtol=0, atol=TOLERANCE):
        logger.warning("tabulated contributions differ from LightGBM's; every row is walked instead")
        return _walked(booster, X, thread_count)
    if margins is None:
        margins = np.asarray(booster.predict(X, raw_score=True, num_threads=thread_count))
    missed = np.flatnonzero(np.abs(phi.sum(axis=1) + base - margins) > TOLERANCE)
    if len(missed):
        logger.warning("%d rows whose contributions miss their margin are walked instead", len(missed))
        phi[missed], base[missed] = _walked(booster, X[missed], thread_count)
    return phi, base


def fold_horizon(phi: Floats, base: Floats, horizon_columns: Sequence[int]) -> tuple[Floats, Floats]:
    """Count what the horizon contributes into the base, which then depends on it.

    Parameters
    ----------
    phi : array of shape (n_rows, n_features)
        Contributions.
    base : array of shape (n_rows,)
        Margin before any contribution.
    horizon_columns : sequence of int
        Columns that describe the horizon and not the invoice.

    Returns
    -------
    phi : array of shape (n_rows, n_features - n_horizon_columns)
        Contributions of the other columns, in their order.
    base : array of shape (n_rows,)
        Sums as before.

    Examples
    --------
    >>> fold_horizon(np.array([[0.5, -0.25, 1.0]]), np.array([0.125]), [2])
    (array([[ 0.5 , -0.25]]), array([1.125]))
    """
    columns = list(horizon_columns)
    return np.delete(phi, columns, axis=1), base + phi[:, columns].sum(axis=1)


def pool(
    phi: Floats, X: NDArray[np.floating], weights: NDArray[np.floating], groups: NDArray[np.integer]
) -> tuple[Floats, NDArray[np.float64]]:
    """Contributions of a customer: the weighted mean of its invoices'.

    Parameters
    ----------
    phi, X : array of shape (n_rows, n_features)
        Contributions and features of invoices.
    weights : array of shape (n_rows,)
        Money at stake; rows of a group whose weights are all zero count alike.
    groups : array of shape (n_rows,)
        Which customer a row belongs to, 0 to n_groups - 1, each present.

    Returns
    -------
    phi : array of shape (n_groups, n_features)
        Weighted means.
    X : array of shape (n_groups, n_features)
        The value its invoices share, NaN where they differ: a reason for the
        customer must hold for all of its invoices.

    Examples
    --------
    >>> phi, X = np.array([[1.0, 0.0], [4.0, 2.0]]), np.array([[7.0, 1.0], [7.0, 2.0]])
    >>> pool(phi, X, np.array([300.0, 100.0]), np.array([0, 0]))
    (array([[1.75, 0.5 ]]), array([[ 7., nan]]))
    """
    if not len(groups):
        return phi, np.asarray(X, np.float64)
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    sizes = np.diff(starts, append=len(order))
    weight = np.maximum(np.asarray(weights, np.float64)[order], 0.0)
    total = np.repeat(np.add.reduceat(weight, starts), sizes)
    even = 1.0 / np.repeat(sizes, sizes)
    share = np.divide(weight, total, out=even, where=total > 0)
    values = np.asarray(X, np.float64)[order]
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    return np.add.reduceat(phi[order] * share[:, None], starts), np.where(low == high, low, np.nan)
