"""What the training period looked like, for later books to be held against: kept in the manifest.

Beside each distribution stands how far it moved within the training period by
itself. A book-wide rate or a customer's age is never where it was eight weeks
before; only what moves further than that has drifted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.calibration import Floats
from paydelay.intervals import two_way_interval
from paydelay.metrics import AreaUnderCurve, brier_score
from paydelay.model import DelayModel
from paydelay.outcomes import Outcomes
from paydelay.panel import Panel

PROFILE_VERSION = 1
BLOCK_DAYS = 56
"""Days of a part of the training period that is held against the rest of it."""
NEW_CUSTOMER_SETTLED = 5
"""Settled invoices below which a customer counts as new."""
CATEGORIES = ("currency", "terms_days")
"""What is told value by value: the model knows nothing of a value it never saw."""
_SETTLED = "settled_count_all"
_DECILES = np.arange(0.1, 0.95, 0.1)
_SHARE_FLOOR = 1e-3
_ROWS_MAX = 100_000
_SCORED_MAX = 15_000
_VALUES_MAX = 10
_DRAWS, _LEVEL = 200, 0.99


def stability_index(then: Floats, now: Floats) -> float:
    """Population stability index (PSI) of two distributions over the same bins.

    Parameters
    ----------
    then, now : array of shape (n_bins,)
        Shares; each adds up to 1.

    Returns
    -------
    float
        0 where they are the same. By convention up to 0.1 is small, above 0.25 large.

    Notes
    -----
    Sum of ``(now - then) * ln(now / then)``: the divergence of Kullback and Leibler (1951)
    in both directions. Within the logarithm no share counts as less than 0.001, so that
    an empty bin has no infinite weight.

    Examples
    --------
    >>> round(stability_index(np.array([0.5, 0.5]), np.array([0.6, 0.4])), 4)
    0.0405
    """
    ratio = np.log(np.maximum(now, _SHARE_FLOOR) / np.maximum(then, _SHARE_FLOOR))
    return float(((now - then) * ratio).sum())


def bin_shares(values: NDArray[np.floating], edges: NDArray[np.floating]) -> tuple[Floats, float]:
    """Shares of the known values in each bin, and the share that is missing.

    Parameters
    ----------
    values : array of shape (n_rows,)
        NaN where nothing is known.
    edges : array of shape (n_bins - 1,)
        Increasing; a bin ends with its edge.

    Returns
    -------
    shares : array of shape (n_bins,)
        NaN where no value is known.
    missing_share : float
        NaN where there is no row.

    Examples
    --------
    >>> bin_shares(np.array([0.0, 1.0, 2.0, np.nan]), np.array([0.0, 1.0]))
    (array([0.33333333, 0.33333333, 0.33333333]), 0.25)
    """
    known = values[~np.isnan(values)]
    counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    missing = 1.0 - len(known) / len(values) if len(values) else float("nan")
    return counts / len(known) if len(known) else np.full(len(edges) + 1, np.nan), missing


def category_shares(values: pl.Series, names: Sequence[str]) -> Floats:
    """Shares of some values, and of all others as the last.

    Parameters
    ----------
    values : polars.Series
        One per row.
    names : sequence of str
        Values as texts.

    Returns
    -------
    array of shape (n_names + 1,)

    Examples
    --------
    >>> category_shares(pl.Series(["EUR", "EUR", "USD", "JPY"]), ["EUR", "USD"]).tolist()
    [0.5, 0.25, 0.25]
    """
    counts = dict(values.cast(pl.String).value_counts().iter_rows())
    found = [counts.get(name, 0) for name in names]
    return np.array([*found, len(values) - sum(found)]) / max(len(values), 1)


def effective_customers(panel: Panel) -> float:
    """Customers of equal size that would leave as much to chance as those of a panel do.

    Parameters
    ----------
    panel : Panel

    Returns
    -------
    float
        Kish's effective number: squared sum over sum of squares of the rows per customer.
    """
    counts = panel.rows["customer_id"].value_counts()["count"].to_numpy().astype(np.float64)
    return float(counts.sum() ** 2 / (counts**2).sum()) if len(counts) else 0.0


def new_customers(panel: Panel) -> NDArray[np.bool_] | None:
    """Rows of customers with fewer than five settled invoices; None where the panel does not tell."""
    if _SETTLED not in panel.feature_names:
        return None
    settled = panel.X[:, panel.feature_names.index(_SETTLED)]
    return np.asarray(~(settled >= NEW_CUSTOMER_SETTLED))


def training_profile(
    panel: Panel,
    crossed: tuple[DelayModel, DelayModel],
    model: DelayModel,
    outcomes: Outcomes,
    later: NDArray[np.bool_],
    asked: Mapping[str, int],
) -> dict[str, Any]:
    """Distributions of features, probabilities and population, as plain data for the manifest.

    Parameters
    ----------
    panel : Panel
        The training panel.
    crossed : (DelayModel, DelayModel)
        Models that do not know what came of the later rows: the first is for invoices
        with even codes, the second for odd ones.
    model : DelayModel
        The one that will score.
    outcomes : Outcomes
        As known on the day of training.
    later : array of shape (n_rows,)
        Rows of the latest weeks, of which probabilities are told.
    asked : mapping of str to int
        Days past due of ``late`` and ``unpaid``.

    Returns
    -------
    dict
    """
    few = panel.take(np.arange(0, len(panel), max(1, len(panel) // _ROWS_MAX)))
    block = _blocks(few.as_of_day)
    profile = {
        "version": PROFILE_VERSION,
        "row_count": len(panel),
        "effective_customers": round(effective_customers(panel), 3),
        "first": str(panel.rows["as_of"].min()),
        "last": str(panel.rows["as_of"].max()),
        "block_days": BLOCK_DAYS,
        "block_count": int(block.max()) + 1,
        "features": {name: _binned(few.X[:, column], block) for column, name in enumerate(few.feature_names)},
        "categories": {
            name: _category(values, block)
            for name in CATEGORIES
            if (values := category_values(few, name)) is not None
        },
        "new_customer_share": None if (new := new_customers(few)) is None else _share(new, block),
    }
    rows = np.flatnonzero(later)
    recent = panel.take(rows[:: max(1, len(rows) // _SCORED_MAX)])
    # What is scored later is scored by the one model: how far that alone moves the odds is usual.
    by_others, by_model = _crossed(recent, crossed, asked), _said(recent, model, asked)
    scores = {
        name: _scored(recent, by_others[name], by_model[name], outcomes, days) for name, days in asked.items()
    }
    return profile | {"scores": scores}


def category_values(panel: Panel, name: str) -> pl.Series | None:
    """Values of a category of the population, None where the panel does not know it."""
    if name in panel.rows.columns:
        return panel.rows[name]
    rows = panel.rows
    return (rows["due_date"] - rows["issue_date"]).dt.total_days() if name == "terms_days" else None


def _blocks(as_of_day: NDArray[np.integer]) -> NDArray[np.int64]:
    """Part of the period that each row belongs to, counted from 0; the last may be longer."""
    since = as_of_day.astype(np.int64) - int(as_of_day.min())
    last = max(int(since.max()) + 1, BLOCK_DAYS) // BLOCK_DAYS - 1
    return np.minimum(since // BLOCK_DAYS, last)


def _numbers(values: Sequence[float] | Floats) -> list[float]:
    return [round(float(value), 6) for value in values]


def _or_none(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


def _binned(values: NDArray[np.floating], block: NDArray[np.int64]) -> dict[str, Any]:
    """Bins by deciles, the shares in them, and how far they moved from part to part."""
    known = ~np.isnan(values)
    seen = values[np.isfinite(values)].astype(np.float64)
    # Deciles that were seen, never between two values: so that a count has its own bins.
    edges = np.unique(np.quantile(seen, _DECILES, method="lower")) if len(seen) else np.empty(0)
    width, parts = len(edges) + 1, int(block.max()) + 1
    place = block[known] * width + np.searchsorted(edges, values[known], side="left")
    counts = np.bincount(place, minlength=parts * width).reshape(parts, width).astype(np.float64)
    rows = np.bincount(block, minlength=parts).astype(np.float64)
    return {
        "edges": [float(edge) for edge in edges],
        "shares": _numbers(np.nan_to_num(_of_whole(counts.sum(axis=0)))),
        "missing_share": _or_none(1.0 - counts.sum() / rows.sum()),
        "usual_psi": _largest(_movements(counts)),
        "usual_missing_change": _largest(_missing_changes(rows - counts.sum(axis=1), rows)),
    }


def _of_whole(counts: Floats) -> Floats:
    total = counts.sum()
    return counts / total if total > 0 else np.full(len(counts), np.nan)


def _movements(counts: Floats) -> list[float]:
    """Index of each part of the period against the rest of it; nothing where there is one part only."""
    if len(counts) < 2:
        return []
    every = counts.sum(axis=0)
    return [stability_index(_of_whole(every - part), _of_whole(part)) for part in counts]


def _missing_changes(missing: Floats, rows: Floats) -> list[float]:
    """Difference of the share missing in each part from that in the rest."""
    rest = rows.sum() - rows
    there = (rows > 0) & (rest > 0)
    changes = missing[there] / rows[there] - (missing.sum() - missing[there]) / rest[there]
    return [float(change) for change in np.abs(changes)]


def _largest(values: Any) -> float | None:
    known = [value for value in values if np.isfinite(value)]
    return _or_none(max(known)) if known else None


def _category(values: pl.Series, block: NDArray[np.int64]) -> dict[str, Any]:
    texts = values.cast(pl.String)
    counts = texts.drop_nulls().value_counts().sort(["count", texts.name], descending=True)
    names = counts[texts.name].head(_VALUES_MAX).to_list()
    parts = [
        category_shares(texts.filter(block == number), names) * float((block == number).sum())
        for number in np.unique(block)
    ]
    return {
        "values": names,
        "shares": _numbers(category_shares(texts, names)),
        "usual_psi": _largest(_movements(np.array(parts))),
    }


def _share(flag: NDArray[np.bool_], block: NDArray[np.int64]) -> dict[str, Any]:
    """A share in the later half of the period, and its largest and smallest in a part of it.

    Where a ledger begins, every customer looks new: the earlier half says little.
    """
    late = block >= (int(block.max()) + 1) // 2
    parts = [float(flag[block == number].mean()) for number in np.unique(block[late])]
    return {"share": _or_none(flag[late].mean()), "low": _or_none(min(parts)), "high": _or_none(max(parts))}


def _said(panel: Panel, model: DelayModel, asked: Mapping[str, int]) -> dict[str, Floats]:
    curve, overdue = model.survival(panel), panel.rows["days_past_due"].to_numpy()
    return {name: model.open_share_at(curve, overdue, float(days)) for name, days in asked.items()}


def _crossed(
    panel: Panel, crossed: tuple[DelayModel, DelayModel], asked: Mapping[str, int]
) -> dict[str, Floats]:
    """What is said of each row by the model that did not know what came of it."""
    said = {name: np.empty(len(panel)) for name in asked}
    for half, model in enumerate(crossed):
        at = np.flatnonzero(panel.invoice % 2 == half)
        for name, found in _said(panel.take(at), model, asked).items():
            said[name][at] = found
    return said


def _scored(
    panel: Panel, by_others: Floats, by_model: Floats, outcomes: Outcomes, days: int
) -> dict[str, Any]:
    """Distribution of a probability in the latest weeks, and how right it was."""
    open_yet = np.flatnonzero(undecided(panel, days))
    if not len(open_yet):
        return {}
    said = by_others[open_yet]
    found = _binned(said, _blocks(panel.as_of_day[open_yet]))
    edges = np.array(found["edges"])
    same_rows = stability_index(bin_shares(said, edges)[0], bin_shares(by_model[open_yet], edges)[0])
    found["usual_psi"] = _largest([found["usual_psi"] or 0.0, same_rows])
    found["effective_customers"] = round(effective_customers(panel.take(open_yet)), 3)
    return found | {"figures": _figures(panel, by_others, outcomes, days)}


def undecided(panel: Panel, days: int) -> NDArray[np.bool_]:
    """Rows of which it is not known yet whether they are still open so many days past due."""
    lost = panel.rows["written_off"] | panel.rows["insolvent_on"].is_not_null()
    return np.asarray((panel.rows["days_past_due"] < days) & ~lost)


def _figures(panel: Panel, said: Floats, outcomes: Outcomes, days: int) -> dict[str, Any]:
    """Area under the curve and Brier score, with the spread that customers and weeks give them."""
    came = outcomes.labels(panel.invoice, panel.as_of_day, np.array([days]))[:, 0].astype(np.float64)
    kept = np.flatnonzero(~np.isnan(came))
    came, said = came[kept], said[kept]
    figures: dict[str, Any] = {"row_count": len(kept), "positive_count": int(came.sum())}
    if not 0 < came.sum() < len(came):
        return figures
    customer = panel.rows["customer_id"][kept].rank("dense").to_numpy().astype(np.int64)
    week = outcomes.due_day[panel.invoice[kept]].astype(np.int64) // 7
    area = AreaUnderCurve(said, came)
    found = {
        "auc": two_way_interval(customer, week, area, _DRAWS, level=_LEVEL),
        "brier": two_way_interval(
            customer, week, lambda times: brier_score(said, came, times), _DRAWS, level=_LEVEL
        ),
    }
    return figures | {
        name: {key: _or_none(end) for key, end in vars(each).items()} for name, each in found.items()
    }
