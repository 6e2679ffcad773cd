"""The contributions of many scores as one object: as a table, for shap, and for figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.errors import LedgerError
from paydelay.explain.drawing import shap_explanation
from paydelay.features import Feature
from paydelay.preflight import importing

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Contributions:
    """What every feature adds to one score of some invoices, in log-odds.

    Parameters
    ----------
    outcome : {'late', 'unpaid'}
        Whose probability it is.
    invoice_ids : tuple of str
        One per row.
    probability : array of shape (n_rows,)
        As the score table tells it.
    features : tuple of Feature
        One per column.
    values : array of shape (n_rows, n_features)
        What the model was given, NaN where nothing is known.
    phi : array of shape (n_rows, n_features)
        Contributions.
    base : array of shape (n_rows,)
        Log-odds before any; with the row's contributions they sum to its margin, which is
        calibrated to the probability.
    ruled_count : int
        Invoices asked for whose score a rule gives, such as those overdue already; nothing
        contributes to it and they have no row here.
    """

    outcome: str
    invoice_ids: tuple[str, ...] = field(repr=False)
    probability: Floats = field(repr=False)
    features: tuple[Feature, ...] = field(repr=False)
    values: Floats = field(repr=False)
    phi: Floats = field(repr=False)
    base: Floats = field(repr=False)
    ruled_count: int

    def __len__(self) -> int:
        return len(self.phi)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(feature.name for feature in self.features)

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """``drivers``: by how much each feature moves the score on average, the most first.

        As that of a backtest, so that :func:`paydelay.figures.drivers` draws either.
        """
        moved = np.abs(self.phi).mean(axis=0) if len(self) else np.zeros(len(self.features))
        drivers = pl.DataFrame(
            {
                "feature": list(self.feature_names),
                "family": [feature.family for feature in self.features],
                "cause": [feature.cause for feature in self.features],
                "mean_log_odds": moved,
            }
        )
        return {"drivers": drivers.sort("mean_log_odds", "feature", descending=[True, False])}

    def row_of(self, invoice_id: str) -> int:
        """Which row is that of an invoice.

        Parameters
        ----------
        invoice_id : str

        Returns
        -------
        int

        Raises
        ------
        LedgerError
            If it has none.
        """
        if invoice_id not in self.invoice_ids:
            raise LedgerError(
                "That invoice has no contributions here; a rule gives its score, or it was not asked for."
            )
        return self.invoice_ids.index(invoice_id)

    def to_pandas(self) -> pd.DataFrame:
        """One line per invoice and feature, as a pandas frame.

        Returns
        -------
        pandas.DataFrame
            ``invoice_id``, ``feature``, ``value`` and ``log_odds``.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        with importing("Contributions for pandas"):
            import pandas as pd
        count, width = self.phi.shape
        return pd.DataFrame(
            {
                "invoice_id": np.repeat(np.array(self.invoice_ids, dtype=object), width),
                "feature": np.tile(np.array(self.feature_names, dtype=object), count),
                "value": self.values.ravel(),
                "log_odds": self.phi.ravel(),
            }
        )

    def to_shap(self) -> Any:
        """The same for ``shap.plots``: see :func:`~paydelay.explain.shap_explanation`.

        Returns
        -------
        shap.Explanation

        Raises
        ------
        MissingDependencyError
            If shap is not installed.
        """
        return shap_explanation(self.phi, self.base, self.values, self.feature_names)
