"""Contributions to reasons in words: the few causes that matter most to each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.errors import ConfigError, FeatureMismatchError
from paydelay.language import Evidence, causes, detail_cause, languages, reason_text, rounded

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

REASON = pl.Struct({"cause": pl.String, "direction": pl.Int8, "contribution": pl.Float64, "text": pl.String})
"""One reason: +1 raises the risk, -1 lowers it; contribution in log-odds, null for a rule."""
REASONS_DTYPE = pl.List(REASON)
SHARE_MIN = 0.03
"""A cause with less than this share of a row's contributions, by size, is not worth a sentence."""
_BLOCK_ROWS = 50_000
_OWN_WORDS = "covariate"


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


def reasons(
    phi: Floats,
    X: NDArray[np.floating],
    features: Sequence[ReasonFeature],
    usual: Mapping[str, float],
    language: str = "en",
    limit: int = 5,
    currency: str = "EUR",
) -> pl.Series:
    """The causes that matter most to each row, in words.

    Parameters
    ----------
    phi : array of shape (n_rows, n_features)
        Contributions in log-odds.
    X : array of shape (n_rows, n_features)
        The features' values; one that is NaN, or rests on no observation, names no reason.
        Its contribution still counts in what a cause's share is measured by.
    features : sequence of ReasonFeature
        One per column.
    usual : mapping of str to float
        The book's usual value of features, by name.
    language : str
        Of the sentences.
    limit : int
        Reasons per row, at most.
    currency : str
        Of amounts: the ledger's reporting currency.

    Returns
    -------
    polars.Series
        List of structs (cause, direction, contribution, text) per row: the causes with
        the largest contributions, those that raise the risk first, each by size.

    Raises
    ------
    FeatureMismatchError
        If the matrices and the features do not fit one another.
    ConfigError
        If a feature's cause is unknown or of another unit, or the language is.

    Notes
    -----
    A cause contributes what its known features contribute together. Of these, the one
    that contributes most in the direction of the sum gives value, window and count.

    Examples
    --------
    >>> from paydelay.features import CATALOGUE
    >>> columns = CATALOGUE.select(["delay_mean_365", "settled_count_365"]).features
    >>> phi, X = np.array([[0.8, 0.01]]), np.array([[23.0, 14.0]])
    >>> found = reasons(phi, X, columns, {"delay_mean_365": 6.0})
    >>> found[0][0]["text"]
    "Pays on average 23 days late over the last 12 months (14 invoices); the book's usual is 6 days late"
    """
    _check(phi, X, features, language)
    words = _Sentences(features, usual, language, currency)
    pieces = [
        _block(phi[rows], X[rows], words, limit)
        for rows in (slice(start, start + _BLOCK_ROWS) for start in range(0, len(phi), _BLOCK_ROWS))
    ]
    return pl.concat(pieces) if pieces else pl.Series("reasons", [], dtype=REASONS_DTYPE)


def _check(phi: Floats, X: NDArray[np.floating], features: Sequence[ReasonFeature], language: str) -> None:
    if phi.shape != X.shape or phi.ndim != 2 or phi.shape[1] != len(features):
        raise FeatureMismatchError(
            f"Contributions of shape {phi.shape}, values of shape {X.shape} and {len(features)} features "
            "do not fit one another; give one column per feature."
        )
    if language not in languages():
        raise ConfigError(
            f"There are no texts in the language '{language}'; choose one of {', '.join(languages())}."
        )
    check_causes(features)


def check_causes(features: Sequence[ReasonFeature]) -> None:
    """Refuse a feature whose cause has no sentence, or one for another unit.

    Parameters
    ----------
    features : sequence of ReasonFeature
        Those that may name a reason.

    Raises
    ------
    ConfigError
        Naming every such feature: a share told in days would be a wrong sentence.

    Examples
    --------
    >>> from paydelay.features import CATALOGUE
    >>> check_causes(CATALOGUE.select(["delay_mean_365", "settled_count_365"]).features)
    """
    units = causes()
    faults = []
    for feature in features:
        if not _is_told(feature):
            continue
        expected = units.get(feature.cause)
        if expected is None:
            faults.append(f"{feature.name} has the cause '{feature.cause}', which has no sentence")
        elif expected not in ("any", feature.unit):
            faults.append(
                f"{feature.name} is in '{feature.unit}', the sentence of {feature.cause} in '{expected}'"
            )
        elif feature.cause == _OWN_WORDS and not _own_words(feature):
            faults.append(f"{feature.name} is a covariate without words of its own")
    if faults:
        raise ConfigError(f"No reason can be given: {'; '.join(faults)}. Declare a cause that fits.")


def _own_words(feature: ReasonFeature) -> Mapping[str, str]:
    words: Mapping[str, str] = getattr(feature, "words", None) or {}
    return words


def _is_told(feature: ReasonFeature) -> bool:
    return bool(getattr(feature, "told", True))


@dataclass(frozen=True)
class _Cells:
    """Reasons to be told: for which row, which group of features, and which of them leads."""

    row: Integers
    group: Integers
    contribution: Floats
    feature: Integers


class _Sentences:
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
        groups = [f.name if f.cause == _OWN_WORDS else _group(f) for f in features]
        self.groups = sorted(set(groups))
        self.group_of = np.array([self.groups.index(group) for group in groups], np.int64)
        by_name = {f.name: f.cause for f in features if f.cause == _OWN_WORDS}
        self.cause_names = [by_name.get(group, group) for group in self.groups]
        self.count_column = [
            names.index(f.count) if f.count is not None and f.count in names else -1 for f in features
        ]
        details = [detail_cause(kind) for kind in kinds]
        self.detail_column = [
            kinds.index(detail) if detail is not None and detail in kinds else -1 for detail in details
        ]
        self._told: dict[tuple[int, float, float, float], str] = {}

    def known(self, X: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether a value may be told: one that was observed, of a feature that names reasons."""
        known: NDArray[np.bool_] = ~np.isnan(X) & np.array([_is_told(f) for f in self.features], np.bool_)
        for column, count in enumerate(self.count_column):
            if count >= 0:
                known[:, column] &= X[:, count] > 0
        return known

    def texts(self, cells: _Cells, X: NDArray[np.floating]) -> pl.Series:
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
        if declared.cause == _OWN_WORDS:
            label = _own_words(declared).get(self.language, "")
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


def _group(feature: ReasonFeature) -> str:
    """What a feature's contribution counts towards: its theme, or its cause where it names none."""
    return getattr(feature, "theme", None) or feature.cause.partition(".")[0]


def _looked_up(X: NDArray[np.floating], cells: _Cells, column_of: list[int]) -> Floats:
    """Another column of the same row, -1 where there is none or nothing is known."""
    column = np.array(column_of, np.int64)[cells.feature]
    values = X[cells.row, column].astype(np.float64)
    return np.where((column < 0) | np.isnan(values), -1.0, np.rint(values))


def _block(phi: Floats, X: NDArray[np.floating], words: _Sentences, limit: int) -> pl.Series:
    known = words.known(X)
    told = np.where(known, phi, 0.0)
    untold = np.abs(np.where(known, 0.0, phi)).sum(axis=1)
    cells = _chosen(told, untold, words.group_of, limit)
    structs = pl.DataFrame(
        {
            "row": cells.row,
            "cause": pl.Series(words.cause_names, dtype=pl.String).gather(cells.group),
            "direction": np.sign(cells.contribution).astype(np.int8),
            "contribution": cells.contribution,
            "text": words.texts(cells, X),
        }
    )
    lists = structs.group_by("row", maintain_order=True).agg(reasons=pl.struct(*REASON.to_schema()))
    rows = pl.DataFrame({"row": np.arange(len(phi))})
    none = pl.lit([], dtype=REASONS_DTYPE)
    joined = rows.join(lists, on="row", how="left", maintain_order="left")
    return joined.select(pl.col("reasons").fill_null(none).cast(REASONS_DTYPE))["reasons"]


def _chosen(phi: Floats, untold: Floats, group_of: Integers, limit: int) -> _Cells:
    """Largest causes of each row, those that raise the risk first, and the feature that leads each."""
    order = np.argsort(group_of, kind="stable")
    starts = np.flatnonzero(np.diff(group_of[order], prepend=-1))
    sums = np.add.reduceat(phi[:, order], starts, axis=1)
    size = np.abs(sums)
    size[size < SHARE_MIN * (size.sum(axis=1) + untold)[:, None]] = 0.0
    kept = min(limit, size.shape[1])
    top = np.argpartition(-size, kept - 1, axis=1)[:, :kept]
    row, group = np.repeat(np.arange(len(phi)), kept), top.ravel()
    contribution = sums[row, group]
    told = size[row, group] > 0
    row, group, contribution = row[told], group[told], contribution[told]
    ranked = np.lexsort((group, -np.abs(contribution), contribution < 0, row))
    row, group, contribution = row[ranked], group[ranked], contribution[ranked]
    leader = np.empty(len(row), np.int64)
    for number in np.unique(group):
        own = np.flatnonzero(group == number)
        columns = np.flatnonzero(group_of == number)
        toward = phi[row[own][:, None], columns] * np.sign(contribution[own])[:, None]
        leader[own] = columns[np.argmax(toward, axis=1)]
    return _Cells(row, group, contribution, leader)


def rule_reasons(rules: Sequence[str | None], days: NDArray[np.integer], language: str = "en") -> pl.Series:
    """Reasons of scores that a rule gives and not the model.

    Parameters
    ----------
    rules : sequence of str or None
        Per row ``rule_overdue``, ``rule_written_off``, ``rule_insolvent`` or
        ``pooled_unpaid``; None where the model gives the score.
    days : array of shape (n_rows,)
        Days past due, which ``rule_overdue`` tells.
    language : str
        Of the sentences.

    Returns
    -------
    polars.Series
        As :func:`reasons` gives, with one reason of unknown contribution, or null
        where there is no rule.

    Examples
    --------
    >>> rule_reasons(["rule_overdue", None], np.array([38, 2])).to_list()[0][0]["text"]
    '38 days overdue'
    """
    units = causes()
    told: list[list[dict[str, object]] | None] = []
    for rule, day in zip(rules, days.tolist(), strict=True):
        if rule is None:
            told.append(None)
            continue
        text = reason_text(rule, Evidence(day, units[rule]), language)
        told.append([{"cause": rule, "direction": 1, "contribution": None, "text": text}])
    return pl.Series("reasons", told, dtype=REASONS_DTYPE)
