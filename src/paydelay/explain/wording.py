"""Contributions to reasons in words: the few causes that matter most to each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.errors import ConfigError, FeatureMismatchError
from paydelay.explain.exact import pool
from paydelay.explain.telling import (
    Cells,
    Floats,
    Integers,
    Mask,
    ReasonFeature,
    Sentences,
    is_told,
    own_words,
)
from paydelay.language import Evidence, cause_fault, causes, languages, phrase, reason_text

REASON = pl.Struct({"cause": pl.String, "direction": pl.Int8, "contribution": pl.Float64, "text": pl.String})
"""One reason: +1 raises the risk, -1 lowers it; contribution in log-odds, null for a rule."""
REASONS_DTYPE = pl.List(REASON)
SHARE_MIN = 0.03
"""A cause with less than this share of a row's contributions, by size, is not worth a sentence."""
LEAD_MIN = 0.1
"""A value with less than this share of its cause's contribution does not speak for it."""
_BLOCK_ROWS = 20_000


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
        The book's median of features, by name.
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
    that contributes most in the direction of the sum, and whose value reads as a reason
    for it, gives value, window and count: a value that is told like the book's median,
    or lies on the other side of it than the sentence suggests, never speaks. A cause for
    which no value speaks is not told; its contribution still counts in the whole.

    Examples
    --------
    >>> from paydelay.features import CATALOGUE
    >>> columns = CATALOGUE.select(["delay_mean_365", "settled_count_365"]).features
    >>> phi, X = np.array([[0.8, 0.01]]), np.array([[23.0, 14.0]])
    >>> found = reasons(phi, X, columns, {"delay_mean_365": 6.0})
    >>> found[0][0]["text"]
    "Pays on average 23 days late over the last 12 months (14 invoices); the book's median is 6 days late"
    """
    _check(phi, X, features, language)
    words = Sentences(features, usual, language, currency)
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
    told = (feature for feature in features if is_told(feature))
    found = (cause_fault(each.name, each.cause, each.unit, own_words(each)) for each in told)
    faults = [fault for fault in found if fault is not None]
    if faults:
        raise ConfigError(f"No reason can be given: {'; '.join(faults)}. Declare a cause that fits.")


@dataclass(frozen=True)
class _Largest:
    """The largest invoice of each customer: which values are its own, and what they contribute."""

    invoice_id: Sequence[str]
    own: Mask
    phi: Floats


def customer_reasons(
    phi: Floats,
    X: NDArray[np.floating],
    weights: NDArray[np.floating],
    groups: NDArray[np.integer],
    invoice_ids: Sequence[str],
    features: Sequence[ReasonFeature],
    usual: Mapping[str, float],
    **options: Any,
) -> pl.Series:
    """The causes that matter most to each customer: its invoices' contributions, weighted by money.

    Parameters
    ----------
    phi, X : array of shape (n_rows, n_features)
        Contributions and values of invoices, as :func:`reasons` takes them; rows whose
        score a rule gives contribute nothing.
    weights : array of shape (n_rows,)
        Open amounts.
    groups : array of shape (n_rows,)
        Which customer a row belongs to, 0 to n_groups - 1, each present.
    invoice_ids : sequence of str
        Name of each row.
    features : sequence of ReasonFeature
        One per column.
    usual : mapping of str to float
        The book's median of features, by name.
    **options : str or int
        ``language``, ``limit`` and ``currency``, as of :func:`reasons`.

    Returns
    -------
    polars.Series
        One list per customer, as :func:`reasons` gives.

    Raises
    ------
    FeatureMismatchError, ConfigError
        As of :func:`reasons`.

    Notes
    -----
    What all invoices share is told of the customer. What they differ in, or what is a
    fact of one invoice only, is told of the largest one and names it, where that invoice
    pulls the same way: an average of due dates or amounts is true of none of them.

    Examples
    --------
    >>> from paydelay.features import CATALOGUE
    >>> columns = CATALOGUE.select(["days_past_due", "customer_overdue_count"]).features
    >>> phi, X = np.array([[0.2, 0.4], [0.8, 0.4]]), np.array([[0.0, 2.0], [31.0, 2.0]])
    >>> told = customer_reasons(phi, X, np.array([50.0, 900.0]), np.array([0, 0]), ["F1", "F2"], columns, {})
    >>> [reason["text"] for reason in told[0]]
    ['Largest invoice, F2: 31 days past due', '2 overdue invoices']
    """
    settings = {"language": "en", "limit": 5, "currency": "EUR", **options}
    language, limit = str(settings["language"]), int(settings["limit"])
    _check(phi, X, features, language)
    words = Sentences(features, usual, language, str(settings["currency"]))
    if not len(groups):
        return pl.Series("reasons", [], dtype=REASONS_DTYPE)
    pooled, shared = pool(phi, X, weights, groups)
    # The first of the largest, whatever the order of the others.
    order = np.lexsort((np.arange(len(groups)), -np.asarray(weights, np.float64), groups))
    largest = order[np.flatnonzero(np.diff(groups[order], prepend=-1))]
    several = np.bincount(groups) > 1
    own = np.isnan(shared) | (several[:, None] & words.of_invoice)
    values = np.where(own, X[largest], shared)
    named = _Largest([invoice_ids[row] for row in largest], own & several[:, None], phi[largest])
    return _block(pooled, values, words, limit, named)


def _block(
    phi: Floats, X: NDArray[np.floating], words: Sentences, limit: int, largest: _Largest | None = None
) -> pl.Series:
    known = words.known(X)
    up, down = words.speaking(X, known)
    if largest is not None:
        up &= ~largest.own | (largest.phi > 0)
        down &= ~largest.own | (largest.phi < 0)
    told = np.where(known, phi, 0.0)
    untold = np.abs(np.where(known, 0.0, phi)).sum(axis=1)
    toward = np.where(phi > 0, np.where(up, phi, 0.0), np.where(down, phi, 0.0))
    cells = _chosen(told, toward, untold, words.group_of, limit)
    texts = words.texts(cells, X)
    if largest is not None:
        texts = _of_largest(texts, cells, words, largest)
    structs = pl.DataFrame(
        {
            "row": cells.row,
            "cause": pl.Series(words.cause_names, dtype=pl.String).gather(cells.group),
            "direction": np.sign(cells.contribution).astype(np.int8),
            "contribution": cells.contribution,
            "text": texts,
        }
    )
    lists = structs.group_by("row", maintain_order=True).agg(reasons=pl.struct(*REASON.to_schema()))
    rows = pl.DataFrame({"row": np.arange(len(phi))})
    none = pl.lit([], dtype=REASONS_DTYPE)
    joined = rows.join(lists, on="row", how="left", maintain_order="left")
    return joined.select(pl.col("reasons").fill_null(none).cast(REASONS_DTYPE))["reasons"]


def _of_largest(texts: pl.Series, cells: Cells, words: Sentences, largest: _Largest) -> pl.Series:
    """The same sentences, those about one invoice with its name."""
    named = largest.own[cells.row, cells.feature] & ~words.stands_alone[cells.feature]
    said = [
        phrase("part.of_largest", words.language, invoice=largest.invoice_id[row], text=text)
        if of_one
        else text
        for row, of_one, text in zip(cells.row.tolist(), named.tolist(), texts, strict=True)
    ]
    return pl.Series("text", said, dtype=pl.String)


def _chosen(phi: Floats, toward: Floats, untold: Floats, group_of: Integers, limit: int) -> Cells:
    """Largest causes of each row, those that raise the risk first, and the feature that leads each.

    ``toward`` holds the contributions of the values that speak for them, 0 elsewhere.
    """
    order = np.argsort(group_of, kind="stable")
    starts = np.flatnonzero(np.diff(group_of[order], prepend=-1))
    sums = np.add.reduceat(phi[:, order], starts, axis=1)
    best = np.where(
        sums > 0,
        np.maximum.reduceat(toward[:, order], starts, axis=1),
        -np.minimum.reduceat(toward[:, order], starts, axis=1),
    )
    size = np.abs(sums)
    small = size < SHARE_MIN * (size.sum(axis=1) + untold)[:, None]
    size[small | (best < LEAD_MIN * size)] = 0.0
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
        pull = toward[row[own][:, None], columns] * np.sign(contribution[own])[:, None]
        leader[own] = columns[np.argmax(pull, axis=1)]
    return Cells(row, group, contribution, leader)


def small_signs(phi: Floats, language: str = "en") -> pl.Series:
    """What is said of rows for which no single cause can be told.

    Parameters
    ----------
    phi : array of shape (n_rows, n_features)
        Contributions in log-odds.
    language : str
        Of the sentence.

    Returns
    -------
    polars.Series
        As :func:`reasons` gives: one reason per row, with the sum of its contributions.

    Examples
    --------
    >>> small_signs(np.array([[0.25, -0.5]]))[0][0]["contribution"]
    -0.25
    """
    text = reason_text("small_signs", Evidence(0, "flag"), language)
    told = [
        [
            {
                "cause": "small_signs",
                "direction": -1 if whole < 0 else 1,
                "contribution": whole,
                "text": text,
            }
        ]
        for whole in phi.sum(axis=1).tolist()
    ]
    return pl.Series("reasons", told, dtype=REASONS_DTYPE)


def rule_reasons(
    rules: Sequence[str | None],
    values: NDArray[np.number],
    language: str = "en",
    *,
    limits: NDArray[np.number] | None = None,
    oldest: Sequence[str | None] | None = None,
) -> pl.Series:
    """Reasons of scores that a rule gives and not the model.

    Parameters
    ----------
    rules : sequence of str or None
        Per row ``rule_overdue``, ``rule_unpaid``, ``rule_written_off``,
        ``rule_insolvent``, ``pooled_rate`` or ``pooled_unpaid``; None where the model
        gives the score.
    values : array of shape (n_rows,)
        Days past due, which ``rule_overdue`` and ``rule_unpaid`` tell; the share that
        ``pooled_rate`` tells.
    language : str
        Of the sentences.
    limits : array of shape (n_rows,), optional
        Days from which on an invoice counts as unpaid, or the age a pooled rate is of.
    oldest : sequence of str or None, optional
        Name of the oldest invoice, where a rule is told of a customer that has others.

    Returns
    -------
    polars.Series
        As :func:`reasons` gives, with one reason of unknown contribution, or null
        where there is no rule.

    Examples
    --------
    >>> rule_reasons(["rule_overdue", None], np.array([38, 2])).to_list()[0][0]["text"]
    '38 days overdue'
    >>> rule_reasons(["pooled_rate"], np.array([0.3]), limits=np.array([62]))[0][0]["text"]
    "Of the book's invoices that get 62 days late, 30% stay unpaid"
    """
    units = causes()
    details = [None] * len(rules) if limits is None else limits.tolist()
    names = oldest or [None] * len(rules)
    told: list[list[dict[str, object]] | None] = []
    for rule, value, limit, name in zip(rules, values.tolist(), details, names, strict=True):
        if rule is None:
            told.append(None)
            continue
        text = reason_text(rule, Evidence(value, units[rule], detail=limit), language)
        if name is not None:
            text = phrase("part.of_oldest", language, invoice=name, text=text)
        told.append([{"cause": rule, "direction": 1, "contribution": None, "text": text}])
    return pl.Series("reasons", told, dtype=REASONS_DTYPE)
