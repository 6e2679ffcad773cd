"""What a reader can be told of a row: which values speak for a reason, and the sentence of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.errors import ConfigError
from paydelay.language import OWN_WORDS, Evidence, detail_cause, reading, reason_text, rounded

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]


class ReasonFeature(Protocol):
    """What a feature declares of itself for its reasons.

    One whose cause is ``covariate`` carries ``words``, a mapping of language to text;
    one that is never a reason carries ``told``, which is False.
    """

    @property
    def name(self) -> str:
        """Column name, which no reader sees."""

    @property
    def cause(self) -> str:
        """Key of the sentence; what stands before a dot is the cause it counts towards."""

    @property
    def unit(self) -> str:
        """Unit of the value."""

    @property
    def window_days(self) -> int | None:
        """Days the value looks back."""

    @property
    def last_count(self) -> int | None:
        """Last invoices the value looks at."""

    @property
    def count(self) -> str | None:
        """Name of the feature that counts the observations behind the value."""


def own_words(feature: ReasonFeature) -> Mapping[str, str]:
    """The user's words for a feature of theirs, by language."""
    words: Mapping[str, str] = getattr(feature, "words", None) or {}
    return words


def is_told(feature: ReasonFeature) -> bool:
    """Whether the value is a reason at all."""
    return bool(getattr(feature, "told", True))


@dataclass(frozen=True)
class Cells:
    """Reasons to be told: for which row, which group of features, and which of them leads."""

    row: Integers
    group: Integers
    contribution: Floats
    feature: Integers


class Sentences:
    """Features with what their sentences need, and the sentences told so far."""

    def __init__(
        self, features: Sequence[ReasonFeature], usual: Mapping[str, float], language: str, currency: str
    ) -> None:
        self.features = features
        self.usual = [usual.get(feature.name) for feature in features]
        self.language = language
        self.currency = currency
        names = [feature.name for feature in features]
        kinds = [feature.cause for feature in features]
        # A covariate is a cause of its own; a dotted cause counts towards what stands before the dot.
        groups = [f.name if f.cause == OWN_WORDS else _group(f) for f in features]
        self.groups = sorted(set(groups))
        self.group_of = np.array([self.groups.index(group) for group in groups], np.int64)
        by_name = {f.name: f.cause for f in features if f.cause == OWN_WORDS}
        self.cause_names = [by_name.get(group, group) for group in self.groups]
        self.count_column = [
            names.index(f.count) if f.count is not None and f.count in names else -1 for f in features
        ]
        details = [detail_cause(kind) for kind in kinds]
        self.detail_column = [
            kinds.index(detail) if detail is not None and detail in kinds else -1 for detail in details
        ]
        # How many of a part of the history, such as what fell due on Mondays, would read as of all of it.
        partial = {f.count for f, detail in zip(features, details, strict=True) if detail is not None}
        self._may_speak = np.array([f.name not in partial for f in features], np.bool_)
        self._is_told = np.array([is_told(f) for f in features], np.bool_)
        readings = [reading(f.cause, _has_window(f)) for f in features]
        self._more = np.array([read.more for read in readings], np.int64)
        self.of_invoice = np.array([read.of_invoice for read in readings], np.bool_)
        # A sentence that names its weekday or its terms holds for the customer whatever the invoice.
        self.stands_alone = np.array([detail is not None for detail in details], np.bool_) & ~self.of_invoice
        self._told: dict[tuple[int, float, float, float], str] = {}

    def known(self, X: NDArray[np.floating]) -> Mask:
        """Whether a value may be told: one that was observed, of a feature that names reasons."""
        known: Mask = ~np.isnan(X) & self._is_told
        for column, count in enumerate(self.count_column):
            if count >= 0:
                known[:, column] &= X[:, count] > 0
        return known

    def speaking(self, X: NDArray[np.floating], known: Mask) -> tuple[Mask, Mask]:
        """Which values read as a reason for more risk, and which as one for less.

        A value that is told like the book's median is no reason to a reader, and neither
        is one on the wrong side of it, such as a short delay for a high risk: there the
        trees know something beside it that the sentence does not say.
        """
        up, down = known & self._may_speak, known & self._may_speak
        for column, feature in enumerate(self.features):
            usual = self.usual[column]
            if usual is None or np.isnan(usual) or feature.unit in ("date_part", "flag"):
                continue
            apart = shown_values(X[:, column], feature.unit) - rounded(usual, feature.unit)
            more = self._more[column]
            up[:, column] &= apart * more > 0 if more else apart != 0
            down[:, column] &= apart * more < 0 if more else apart != 0
        return up, down

    def texts(self, cells: Cells, X: NDArray[np.floating]) -> pl.Series:
        """The sentence of each cell; one that is told before is not told again."""
        asked = pl.DataFrame(
            {
                "feature": cells.feature,
                "value": self._shown(cells.feature, X[cells.row, cells.feature]),
                "count": _looked_up(X, cells, self.count_column),
                "detail": _looked_up(X, cells, self.detail_column),
            }
        )
        distinct = asked.unique(maintain_order=True)
        told = pl.Series([self._text(*key) for key in distinct.iter_rows()], dtype=pl.String)
        keys = asked.columns
        told_of = distinct.with_columns(text=told)
        return asked.join(told_of, on=keys, how="left", maintain_order="left")["text"]

    def _shown(self, feature: Integers, value: NDArray[np.floating]) -> Floats:
        """Values as exactly as a sentence shows them, so that equal sentences are told once."""
        shown = value.astype(np.float64)
        for unit in sorted({declared.unit for declared in self.features}):
            own = np.array([declared.unit == unit for declared in self.features])[feature]
            distinct, place = np.unique(shown[own], return_inverse=True)
            shown[own] = np.array([rounded(number, unit) for number in distinct])[place]
        return shown

    def _text(self, feature: int, value: float, count: float, detail: float) -> str:
        key = (feature, value, count, detail)
        text = self._told.get(key)
        if text is None:
            text = self._told[key] = self._tell(*key)
        return text

    def _tell(self, feature: int, value: float, count: float, detail: float) -> str:
        declared = self.features[feature]
        label = ""
        if declared.cause == OWN_WORDS:
            label = own_words(declared).get(self.language, "")
            if not label:
                raise ConfigError(
                    f"The covariate {declared.name} has no words in the language '{self.language}'; add them."
                )
        evidence = Evidence(
            value=value,
            unit=declared.unit,
            window_days=declared.window_days,
            last_count=declared.last_count,
            count=None if count < 0 else count,
            usual=self.usual[feature],
            detail=None if detail < 0 else detail,
            currency=self.currency,
            label=label,
        )
        return reason_text(declared.cause, evidence, self.language)


def shown_values(values: NDArray[np.floating], unit: str) -> Floats:
    """Values as :func:`~paydelay.language.rounded` gives them, many at a time."""
    exact = np.asarray(values, np.float64)
    if unit == "share":
        shown: Floats = np.where(np.abs(exact) >= 0.1, np.round(exact, 2), np.round(exact, 3))
        return shown
    return np.round(exact, 1 if unit in ("count", "ratio") else 0)


def _has_window(feature: ReasonFeature) -> bool:
    return feature.window_days is not None or feature.last_count is not None


def _group(feature: ReasonFeature) -> str:
    """What a feature's contribution counts towards: its theme, or its cause where it names none."""
    return getattr(feature, "theme", None) or feature.cause.partition(".")[0]


def _looked_up(X: NDArray[np.floating], cells: Cells, column_of: list[int]) -> Floats:
    """Another column of the same row, -1 where there is none or nothing is known."""
    column = np.array(column_of, np.int64)[cells.feature]
    values = X[cells.row, column].astype(np.float64)
    # A count that weighs some by half is told as one more, never as none.
    return np.where((column < 0) | np.isnan(values), -1.0, np.floor(values + 0.5))
