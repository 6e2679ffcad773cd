"""Scorers, slices and drivers of a proof in words: the figures and the report share them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import polars as pl

from paydelay.errors import ConfigError
from paydelay.language import format_share, phrase

_NAME_LETTERS_MAX = 30
OUTCOMES = ("late", "unpaid")


class Proof(Protocol):
    """What is drawn: anything with the tables of a backtest."""

    @property
    def tables(self) -> Mapping[str, pl.DataFrame]:
        """Frames by name; those with both outcomes tell them apart by ``outcome``."""


def table_of(proof: Proof, name: str, outcome: str) -> pl.DataFrame:
    """The rows of a table that are about one outcome.

    Parameters
    ----------
    proof : Proof
        With the tables of a backtest.
    name : str
        Of the table.
    outcome : {'late', 'unpaid'}
        What was to be foreseen.

    Returns
    -------
    polars.DataFrame

    Raises
    ------
    ConfigError
        If there is no such outcome, or too little of it came to be judged.
    """
    if outcome not in OUTCOMES:
        raise ConfigError(f"There is no outcome '{outcome}'; choose one of {', '.join(OUTCOMES)}.")
    rows = proof.tables[name].filter(outcome=outcome)
    if rows.is_empty():
        raise ConfigError(
            f"The proof does not judge the outcome '{outcome}': too little of it came in the books that were "
            "replayed. Look at the other outcome, or replay a longer ledger."
        )
    return rows


def scorer_name(scorer: str, language: str) -> str:
    """What a scorer is called.

    Parameters
    ----------
    scorer : str
        As the tables name it.
    language : {'en', 'fr'}
        Of the name.

    Returns
    -------
    str

    Examples
    --------
    >>> scorer_name("late_ratio", "en"), scorer_name("oldest_due", "fr")
    ("customer's late ratio", "échéances les plus anciennes d'abord")
    """
    return phrase(f"scorer.{scorer}", language)


def metric_name(figure: str, language: str, contact_count: int) -> str:
    """What a figure is called: that of a ranking, or the share of a value found so far down.

    Parameters
    ----------
    figure : str
        As the tables name it, such as ``auc`` or ``late_value_20``.
    language : {'en', 'fr'}
        Of the name.
    contact_count : int
        Contacts per book, which the name of some tells.

    Returns
    -------
    str

    Examples
    --------
    >>> metric_name("auc", "en", 25), metric_name("late_value_contacts", "en", 25)
    ('AUC', 'Late money, first 25 contacts')
    """
    value, _, depth = figure.rpartition("_")
    if not value.endswith("_value"):
        return phrase(f"column.{figure}", language)
    return f"{phrase(f'value_found.{value}', language)}, {depth_name(depth, language, contact_count)}"


def depth_name(depth: str, language: str, contact_count: int) -> str:
    """How far down a book collectors get: a share of it, or a number of contacts."""
    if depth == "contacts":
        return phrase("depth.contacts", language, n=contact_count)
    return phrase("depth.share", language, value=format_share(int(depth) / 100.0, language))


def slice_kind(kind: str, language: str) -> str:
    """By what rows were sliced.

    Parameters
    ----------
    kind : str
        As the tables name it.
    language : {'en', 'fr'}
        Of the name.

    Returns
    -------
    str
    """
    return phrase(f"slice_kind.{kind}", language)


def slice_name(kind: str, name: str, language: str) -> str:
    """Which part of the rows a slice holds; a segment is called what the ledger calls it.

    Parameters
    ----------
    kind, name : str
        As the tables name them.
    language : {'en', 'fr'}
        Of the name.

    Returns
    -------
    str

    Examples
    --------
    >>> slice_name("month", "2025-07", "en"), slice_name("amount_quartile", "4", "en")
    ('Jul 2025', 'largest quarter')
    """
    if kind == "segment":
        return shown(name)
    if kind == "month":
        year, month = name.split("-")
        return f"{phrase(f'month_short.{int(month)}', language)} {year}"
    return phrase(f"slice.{kind}.{name}", language)


def shown(name: str) -> str:
    """A name from a ledger as one short line, without what steers a terminal or a page."""
    plain = "".join(letter if letter.isprintable() else " " for letter in name)
    return plain if len(plain) <= _NAME_LETTERS_MAX else f"{plain[: _NAME_LETTERS_MAX - 1]}…"


def driver_name(cause: str, language: str) -> str:
    """The short name of a cause; a cause of one's own feature is called what it is."""
    try:
        return phrase(f"driver.{cause.partition('.')[0]}", language)
    except KeyError:
        return shown(cause)


def driver_shares(proof: Proof, language: str) -> pl.DataFrame:
    """What moves the scores, by cause in words.

    Parameters
    ----------
    proof : Proof
        With the table ``drivers``.
    language : {'en', 'fr'}
        Of the names.

    Returns
    -------
    polars.DataFrame
        ``name``, ``feature_count`` and ``share`` of all that moves the log-odds of being late,
        the largest first; the features of one cause are added up.
    """
    named = proof.tables["drivers"].with_columns(
        name=pl.col("cause").map_elements(lambda cause: driver_name(cause, language), return_dtype=pl.String)
    )
    sums = named.group_by("name").agg(pl.col("mean_log_odds").sum(), pl.len().alias("feature_count"))
    total = pl.col("mean_log_odds").sum()
    return sums.select(
        "name",
        "feature_count",
        share=pl.when(total > 0).then(pl.col("mean_log_odds") / total).otherwise(0.0),
    ).sort("share", "name", descending=[True, False])


def best_by_auc(proof: Proof, outcome: str) -> str:
    """The baseline that tables set beside the model where they compare by AUC."""
    return _best(proof, outcome, "auc")


def best_by_money(proof: Proof, outcome: str) -> str:
    """The baseline that tables set beside the model where they compare by money found."""
    return _best(proof, outcome, f"{outcome}_value_20")


def _best(proof: Proof, outcome: str, figure: str) -> str:
    gains = table_of(proof, "gains", outcome).filter(view="all", figure=figure)
    return str(gains["baseline"].item())


def book_days(proof: Proof, outcome: str) -> tuple[int, int, int]:
    """On how many days the model was ahead, by AUC and by money, and how many there are.

    Parameters
    ----------
    proof : Proof
        With the table ``books``.
    outcome : {'late', 'unpaid'}
        What was to be foreseen.

    Returns
    -------
    (int, int, int)
        Ahead by AUC, ahead by money in the first 20 %, all.
    """
    rows, value = table_of(proof, "books", outcome), f"{outcome}_value_20"
    auc = rows.filter(pl.col("auc") > pl.col("baseline_auc")).height
    return auc, rows.filter(pl.col(value) > pl.col(f"baseline_{value}")).height, rows.height
