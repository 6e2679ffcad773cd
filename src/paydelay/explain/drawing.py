"""Contributions as shap's own object, for its figures."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paydelay.errors import FeatureMismatchError
from paydelay.preflight import importing


def shap_explanation(
    phi: NDArray[np.floating],
    base: NDArray[np.floating],
    X: NDArray[np.floating],
    feature_names: Sequence[str],
) -> Any:
    """Contributions for ``shap.plots``: beeswarm, waterfall, bar and the others.

    Parameters
    ----------
    phi : array of shape (n_rows, n_features)
        Contributions.
    base : array of shape (n_rows,)
        Margin before any contribution.
    X : array of shape (n_rows, n_features)
        Values.
    feature_names : sequence of str
        One per column.

    Returns
    -------
    shap.Explanation

    Raises
    ------
    FeatureMismatchError
        If the names do not fit the matrices.
    MissingDependencyError
        If shap is not installed.

    Examples
    --------
    One call from ``shap.plots.beeswarm(explanation)`` or, for one row,
    ``shap.plots.waterfall(explanation[0])``:

    >>> explanation = shap_explanation(np.eye(2), np.zeros(2), np.ones((2, 2)), ["a", "b"])
    >>> explanation[0].values
    array([1., 0.])
    """
    if phi.shape != X.shape or phi.shape[1] != len(feature_names):
        raise FeatureMismatchError(
            f"Contributions of shape {phi.shape}, values of shape {X.shape} and {len(feature_names)} names "
            "do not fit one another; give one name per column."
        )
    with importing("Drawing contributions"), warnings.catch_warnings():
        # shap sets up its colour maps at import in a way matplotlib means to give up.
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        import shap
    return shap.Explanation(
        values=np.asarray(phi),
        base_values=np.asarray(base),
        data=np.asarray(X),
        feature_names=list(feature_names),
    )
