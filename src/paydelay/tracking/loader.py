"""A model as mlflow loads it: pandas in, pandas out, from plain files and nothing pickled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from paydelay.errors import FeatureMismatchError
from paydelay.model import DelayModel
from paydelay.panel import Panel
from paydelay.preflight import importing

if TYPE_CHECKING:
    import pandas as pd

OUTPUTS = ("prob_late", "prob_unpaid", "delay_median_days", "delay_low_days", "delay_high_days")
"""Columns of a prediction, named as in the score table."""


class PandasModel:
    """What an open invoice's features say of its delay.

    Parameters
    ----------
    model : DelayModel
        The model that answers.
    """

    def __init__(self, model: DelayModel) -> None:
        self.model = model

    def predict(self, frame: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002 - mlflow's own signature
        """Probabilities and days of delay of each row.

        Parameters
        ----------
        frame : pandas.DataFrame
            The model's features, in any order, as ``score(..., keep_features=True).features``
            gives them. No row may be written off or its customer insolvent: those are known
            to be lost, and a rule gives their score.
        params : dict, optional
            Not used.

        Returns
        -------
        pandas.DataFrame
            Columns of ``OUTPUTS`` as float64, on the frame's index; days of delay are NaN
            where the invoice is not expected to be paid.

        Raises
        ------
        FeatureMismatchError
            If a feature is missing, there are other columns, or days_past_due is not known.
        """
        import pandas as pd

        panel = self._panel(frame)
        overdue = panel.rows["days_past_due"].to_numpy()
        curve = self.model.survival(panel)
        asked = self.model.manifest["outcomes"]
        said = [
            *(
                self.model.open_share_at(curve, overdue, float(asked[name]))
                for name in ("grace_days", "unpaid_after_days")
            ),
            self.model.delay_quantile(curve, overdue, 0.5),
            *self.model.delay_interval(curve, overdue),
        ]
        return pd.DataFrame(dict(zip(OUTPUTS, said, strict=True)), index=frame.index)

    def _panel(self, frame: pd.DataFrame) -> Panel:
        names = self.model.feature_names
        missing = [name for name in names if name not in frame.columns]
        other = [str(name) for name in frame.columns if name not in names]
        if missing or other:
            parts = [f"lacks {', '.join(missing)}"] if missing else []
            parts += [f"holds {', '.join(other)}, which the model does not know"] if other else []
            raise FeatureMismatchError(
                f"The frame {' and '.join(parts)}; give the features that score(..., keep_features=True) "
                "keeps, without invoice_id and as_of."
            )
        X = frame.loc[:, list(names)].to_numpy(np.float32)
        overdue = X[:, names.index("days_past_due")]
        if not np.isfinite(overdue).all():
            raise FeatureMismatchError(
                "The frame has rows without days_past_due, from which every delay is counted; fill it, or "
                "leave those rows out."
            )
        rows = pl.DataFrame({"days_past_due": overdue.astype(np.int32)}).with_columns(
            written_off=pl.lit(value=False), insolvent_on=pl.lit(None, dtype=pl.Date)
        )
        return Panel(rows, X, names, np.ones(len(X)), np.zeros(len(X), np.int64), np.zeros(len(X), np.int32))


def _load_pyfunc(path: str) -> PandasModel:
    """What mlflow calls, with the folder that :meth:`~paydelay.DelayModel.save` wrote."""
    with importing("A model for pandas"):
        import pandas as pd  # noqa: F401
    return PandasModel(DelayModel.load(path))
