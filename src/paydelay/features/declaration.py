"""What a feature declares of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from paydelay.errors import FeatureError, FeatureMismatchError, PaydelayError
from paydelay.history import Floats, PastView

Family = Literal["behaviour", "rhythm", "exposure", "seasonality", "invoice", "climate", "covariate"]
_THEMES = {
    "customer_mean_delay": "habit",
    "customer_late_share": "habit",
    "customer_late15_share": "habit",
    "customer_late30_share": "habit",
    "customer_last_delay": "habit",
    "customer_weighted_delay": "habit",
    "cohort_mean_delay": "habit",
    "cohort_late_share": "habit",
    "weekday_mean_delay": "weekday",
    "weekday_late_share": "weekday",
    "terms_mean_delay": "terms",
    "terms_late_share": "terms",
    "terms_days": "terms",
    "like_amount_mean_delay": "like_amount",
    "like_amount_late_share": "like_amount",
    "weekday_like_amount_mean_delay": "like_amount",
    "weekday_like_amount_late_share": "like_amount",
    "payment_run_wait": "rhythm",
    "payment_runs_before_due": "rhythm",
    "payment_run": "rhythm",
    "payment_day_count": "rhythm",
    "month_end_share": "rhythm",
    "overdue_amount": "overdue",
    "overdue_count": "overdue",
    "overdue_share": "overdue",
    "oldest_overdue_days": "overdue",
    "open_amount": "exposure",
    "invoice_share": "size",
    "amount": "size",
    "amount_vs_usual": "size",
    "due_weekday": "calendar",
    "due_month_day": "calendar",
    "month_end_distance": "calendar",
    "book_late_share": "climate",
    "book_mean_delay": "climate",
    "currency_late_share": "climate",
    "entity_late_share": "climate",
    "days_past_due": "age",
    "invoice_age_days": "age",
}
"""Causes that tell one story: a collector hears each story once, through its strongest figure."""

_LARGEST = float(np.finfo(np.float32).max)

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
        where nothing is known. Views hold some of a panel's dates, and several
        are computed at a time.
    window_days, last_count : int, optional
        How far back it looks.
    count : str, optional
        Name of the feature that counts the observations behind it.
    shrunk_toward : tuple of (str, float), optional
        Name of the feature it is pulled toward, and how many observations that
        one weighs. A reader is told the customer's own mean, not the estimate.
    prior : float, optional
        What features pulled toward this one take where nothing is known of it.
    observed : callable, optional
        From the columns of a matrix, by name, to what a reader may be told in place
        of the value, NaN where nothing was observed. What it rests on may be absent.
    told : bool
        Whether the value is a reason at all.
    per : str
        Whose the value is: what depends on the customer and the date alone, say, is
        computed once for each, for all of its open invoices. ``invoice``, or a kind
        of entity of :meth:`~paydelay.history.History.entity`.
    words : mapping of str to str, optional
        Language to text, of a feature of one's own whose cause is ``covariate``.
    brought_by : str, optional
        Package that an entry point brought it with; nobody has to state it.

    Examples
    --------
    A covariate is told in its owner's words:

    >>> own = Feature(
    ...     "climate_index", "covariate", "ratio", "Business climate.", "as published", "covariate",
    ...     lambda view: view.covariate("climate", "index"),
    ...     words={"en": "Business climate", "fr": "Climat des affaires"},
    ... )
    >>> own.theme
    'covariate'
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
    shrunk_toward: tuple[str, float] | None = None
    prior: float | None = None
    observed: Callable[[Mapping[str, Floats]], Floats] | None = None
    told: bool = True
    per: str = "invoice"
    # A mapping has no hash; a catalogue goes by names, which differ.
    words: Mapping[str, str] | None = field(default=None, hash=False)
    brought_by: str | None = None

    @property
    def theme(self) -> str:
        """The story its cause belongs to."""
        cause = self.cause.partition(".")[0]
        return _THEMES.get(cause, cause)


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
            toward = feature.shrunk_toward[0] if feature.shrunk_toward else None
            for needed in (feature.count, toward):
                if needed is not None and needed not in self.names:
                    raise FeatureMismatchError(
                        f"The feature {feature.name} rests on {needed}, which the catalogue lacks; add it."
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
        """The named features, in the order of the names.

        Parameters
        ----------
        names : iterable of str
            Features of this catalogue; what one counts by or is pulled toward has
            to be among them.

        Returns
        -------
        Catalogue

        Raises
        ------
        FeatureMismatchError
            If a name is not in the catalogue or is given twice, or a feature rests
            on one that is not named.
        """
        return Catalogue(self[name] for name in names)

    def observed(self, X: NDArray[np.floating]) -> NDArray[np.float64]:
        """The matrix as a reader may be told of it: what was observed in place of estimates.

        Parameters
        ----------
        X : array of shape (n_rows, n_features)

        Returns
        -------
        array of shape (n_rows, n_features)
            NaN where a value rests on no observation.
        """
        told = X.astype(np.float64)
        columns = {name: X[:, number].astype(np.float64) for number, name in enumerate(self.names)}
        for number, feature in enumerate(self.features):
            if feature.observed is not None:
                told[:, number] = feature.observed(columns)
            elif feature.shrunk_toward is not None and feature.count is not None:
                told[:, number] = self._own_mean(feature, columns)
        return told

    def _own_mean(self, feature: Feature, columns: Mapping[str, Floats]) -> Floats:
        """A mean without what it was pulled toward; NaN where it is of no observation."""
        toward, strength = feature.shrunk_toward or ("", 0.0)
        broader, count = columns[toward], columns[feature.count or ""]
        prior = self[toward].prior
        if prior is not None:
            broader = np.where(np.isnan(broader), prior, broader)
        total = columns[feature.name] * (count + strength) - strength * broader
        own: Floats = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
        return np.clip(own, 0.0, 1.0) if feature.unit == "share" else own

    def matrix(
        self, view: PastView, out: NDArray[np.float32] | None = None, begin_with: int = 0
    ) -> NDArray[np.float32]:
        """All features of all rows.

        Parameters
        ----------
        view : PastView
            Rows with their past.
        out : array of shape (n_rows, n_features), optional
            Where to write them.
        begin_with : int
            Column to compute first. Threads that begin apart do not wait for each
            other to arrange the same events.

        Returns
        -------
        array of shape (n_rows, n_features)
            float32; NaN where nothing is known.
        """
        matrix = np.empty((len(view), len(self)), np.float32, order="F") if out is None else out
        columns = range(len(self))
        for column in (*columns[begin_with:], *columns[:begin_with]):
            feature = self.features[column]
            asked, row = (view, None) if feature.per == "invoice" else view.per(feature.per)
            values = _computed(feature, asked)
            matrix[:, column] = values if row is None else values.astype(np.float32)[row]
        return matrix


def _computed(feature: Feature, view: PastView) -> Floats:
    """One number for each row, or a sentence that names the feature of one's own."""
    shipped = (getattr(feature.compute, "__module__", None) or "").startswith("paydelay.")
    try:
        values = np.asarray(feature.compute(view), dtype=np.float64)
    except PaydelayError:
        raise
    except Exception as error:
        if shipped:
            raise
        raise FeatureError(
            f"The feature {feature.name} cannot be computed: its function ends in a {type(error).__name__}; "
            "mend it, or leave the feature out."
        ) from error
    if values.shape != (len(view),):
        raise FeatureMismatchError(
            f"The feature {feature.name} returned an array of shape {values.shape}; "
            f"one number for each of the {len(view)} rows is expected."
        )
    if not shipped and (np.abs(values) > _LARGEST).any():
        raise FeatureError(
            f"The feature {feature.name} returned numbers that are infinite or too large; give NaN where "
            "nothing is known."
        )
    return values
