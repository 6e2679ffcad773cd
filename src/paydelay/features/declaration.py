"""What a feature declares of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from paydelay.errors import FeatureMismatchError
from paydelay.history import Floats, PastView

Family = Literal["behaviour", "rhythm", "exposure", "seasonality", "invoice", "climate", "covariate"]
Unit = Literal["days", "count", "share", "amount", "ratio", "flag", "date_part"]


@dataclass(frozen=True)
class Feature:
    """One column of the panel, with what a reader needs to trust it.

    Parameters
    ----------
    name : str
        Column name; unit as suffix where it has one.
    family, unit : str
        Where it belongs and what it counts.
    meaning : str
        One English sentence.
    formula : str
        How it is computed, in the words of the ledger.
    cause : str
        Key of the sentence that explains it to a collector.
    compute : callable
        From a :class:`~paydelay.history.PastView` to one float per row, NaN
        where nothing is known.
    window_days, last_count : int, optional
        How far back it looks.
    count : str, optional
        Name of the feature that counts the observations behind it.
    """

    name: str
    family: Family
    unit: Unit
    meaning: str
    formula: str
    cause: str
    compute: Callable[[PastView], Floats]
    window_days: int | None = None
    last_count: int | None = None
    count: str | None = None


class Catalogue:
    """An ordered set of features that computes its own matrix.

    Parameters
    ----------
    features : iterable of Feature
        In the order of the columns.

    Raises
    ------
    FeatureMismatchError
        If two features share a name, or one counts by a feature that is not there.
    """

    def __init__(self, features: Iterable[Feature]) -> None:
        self.features = tuple(features)
        self.names = tuple(feature.name for feature in self.features)
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise FeatureMismatchError(f"Two features are named {', '.join(twice)}; give each its own name.")
        for feature in self.features:
            if feature.count is not None and feature.count not in self.names:
                raise FeatureMismatchError(
                    f"The feature {feature.name} counts by {feature.count}, which is not in the catalogue."
                )

    def __iter__(self) -> Iterator[Feature]:
        return iter(self.features)

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, name: str) -> Feature:
        for feature in self.features:
            if feature.name == name:
                return feature
        raise FeatureMismatchError(f"The catalogue holds no feature named {name}.")

    def select(self, names: Iterable[str]) -> Catalogue:
        """The named features, in the order of the names."""
        return Catalogue(self[name] for name in names)

    def matrix(self, view: PastView) -> NDArray[np.float32]:
        """All features of all rows.

        Parameters
        ----------
        view : PastView
            Rows with their past.

        Returns
        -------
        array of shape (n_rows, n_features)
            float32; NaN where nothing is known.
        """
        matrix = np.empty((len(view), len(self)), np.float32, order="F")
        for column, feature in enumerate(self.features):
            values = np.asarray(feature.compute(view), dtype=np.float64)
            if values.shape != (len(view),):
                raise FeatureMismatchError(
                    f"The feature {feature.name} returned an array of shape {values.shape}; "
                    f"one number for each of the {len(view)} rows is expected."
                )
            matrix[:, column] = values
        return matrix
