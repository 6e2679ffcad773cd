"""The tables of a proof: where the model is right, what it finds, when, and where it fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.backtest.comparing import TOP_SHARES, ece_by_chance, interval_of_rate, intervals, measures
from paydelay.backtest.judging import Judged, slices
from paydelay.calibration import Floats
from paydelay.config import BacktestSettings
from paydelay.intervals import cluster_bootstrap
from paydelay.metrics import CapturedValue
from paydelay.reliability import calibration_line

BINS = 15
"""Bins of equal mass in which predicted and observed rates are set side by side."""
_LIFT_STEPS = 50
CAME_MIN = 10
"""Rows of each outcome below which a slope is chance."""


def reliability(judged: Judged, scorer: str, settings: BacktestSettings) -> pl.DataFrame:
    """Predicted and observed rate over bins of equal mass.

    Parameters
    ----------
    judged : Judged
    scorer : str
        A probability that the rows hold.
    settings : BacktestSettings
        Draws behind the intervals of the observed rates.

    Returns
    -------
    polars.DataFrame
        ``bin``, ``row_count``, ``predicted``, ``observed``, ``low``, ``high``; at most 15 rows.
    """
    said = judged.said[scorer]
    place = np.empty(len(said))
    place[np.argsort(said, kind="stable")] = np.arange(len(said))
    bins = (place * min(BINS, len(said)) / max(len(said), 1)).astype(np.int64)
    found = []
    for number in np.unique(bins):
        part = judged.take(np.flatnonzero(bins == number))
        rate = interval_of_rate(part.came, part.cluster, settings).to_dict()
        found.append(
            {
                "bin": int(number) + 1,
                "row_count": len(part),
                "predicted": float(part.said[scorer].mean()),
                "observed": rate["value"],
                "low": rate["low"],
                "high": rate["high"],
            }
        )
    return pl.DataFrame(found)


def lift(judged: Judged, scorers: tuple[str, ...]) -> pl.DataFrame:
    """Share of the value found by how far down each book collectors get.

    Parameters
    ----------
    judged : Judged
    scorers : tuple of str
        Of those that the rows hold, ``oracle`` among them.

    Returns
    -------
    polars.DataFrame
        ``scorer``, ``top_share`` from 0 to 1 in steps of 0.02, ``captured``.
    """
    value = next(iter(judged.values.values()))
    shares = np.linspace(0.0, 1.0, _LIFT_STEPS + 1)
    found = []
    for scorer in scorers:
        order = value if scorer == "oracle" else judged.order(scorer)
        captured = CapturedValue(value, order, judged.book)
        # Nothing is looked at where no row is: the class rounds up to whole rows.
        found += [
            {
                "scorer": scorer,
                "top_share": float(share),
                "captured": captured(top_share=float(share)) if share else 0.0,
            }
            for share in shares
        ]
    return pl.DataFrame(found).fill_nan(None)


def money(judged: Judged, scorers: tuple[str, ...], contact_count: int) -> pl.DataFrame:
    """What each scorer finds per book, and what it leaves behind that foresight would have found.

    Parameters
    ----------
    judged : Judged
    scorers : tuple of str
        Of those that the rows hold, ``oracle`` among them.
    contact_count : int
        Rows of each book that collectors get round to.

    Returns
    -------
    polars.DataFrame
        ``value`` (what is to be found), ``depth`` (``5``, ``10``, ``20`` % or ``contacts``),
        ``scorer``, ``captured`` (share), ``found_per_book`` and ``regret_per_book`` in the
        unit of the value: reporting currency, or that times days.
    """
    books = max(len(np.unique(judged.book)), 1)
    found = {scorer: measures(judged, scorer, contact_count) for scorer in scorers}
    depths = [f"{share * 100:.0f}" for share in TOP_SHARES] + ["contacts"]
    rows = []
    for name, value in judged.values.items():
        per_book = float(value.sum()) / books
        for depth in depths:
            best = measures(judged, "oracle", contact_count)[f"{name}_{depth}"](None)
            for scorer in scorers:
                captured = found[scorer][f"{name}_{depth}"](None)
                rows.append(
                    {
                        "value": name,
                        "depth": depth,
                        "scorer": scorer,
                        "captured": captured,
                        "found_per_book": captured * per_book,
                        "regret_per_book": (best - captured) * per_book,
                    }
                )
    return pl.DataFrame(rows).fill_nan(None)


def by_slice(
    judged: Judged, rows: pl.DataFrame, scorer: str, baseline: str, settings: BacktestSettings
) -> pl.DataFrame:
    """Figures of the model in every slice, beside the best baseline.

    Parameters
    ----------
    judged : Judged
    rows : polars.DataFrame
        The same rows of the replay.
    scorer, baseline : str
        Of those that the rows hold.
    settings : BacktestSettings
        Draws behind the interval of the slope, and contacts per book.

    Returns
    -------
    polars.DataFrame
        ``kind``, ``slice``, ``row_count``, ``came_share`` with ``came_low`` and ``came_high``,
        ``predicted_share``, ``auc``, ``baseline_auc``, ``log_loss``, ``ece``, ``ece_by_chance``,
        ``slope``, ``slope_low``, ``slope_high`` and the first value found in the first 20 %; figures are
        null where a slice holds only one outcome.
    """
    value = f"{next(iter(judged.values))}_20"
    found = []
    for kind, name, part in _parts(judged, rows):
        ours, theirs = (measures(part, one, settings.contact_count) for one in (scorer, baseline))
        slope = intervals_of_slope(part, scorer, settings)
        came = interval_of_rate(part.came, part.cluster, settings).to_dict()
        found.append(
            {
                "kind": kind,
                "slice": name,
                "row_count": len(part),
                "came_share": came["value"],
                "came_low": came["low"],
                "came_high": came["high"],
                "predicted_share": float(part.said[scorer].mean()),
                "auc": ours["auc"](None),
                "baseline_auc": theirs["auc"](None),
                "log_loss": ours["log_loss"](None),
                "ece": ours["ece"](None),
                "ece_by_chance": ece_by_chance(part, scorer),
                **slope,
                value: ours[value](None),
            }
        )
    return pl.DataFrame(found, infer_schema_length=None).fill_nan(None)


def _parts(judged: Judged, rows: pl.DataFrame) -> Iterator[tuple[str, str, Judged]]:
    for kind, parts in slices(rows).items():
        for name, inside in parts.items():
            if inside.any():
                yield kind, str(name), judged.take(np.flatnonzero(inside))


def intervals_of_slope(judged: Judged, scorer: str, settings: BacktestSettings) -> dict[str, float | None]:
    """Calibration slope with its interval; null where fewer than ten came, or fewer than ten did not.

    Parameters
    ----------
    judged : Judged
    scorer : str
        A probability that the rows hold.
    settings : BacktestSettings
        Draws behind the interval.

    Returns
    -------
    dict
        ``slope``, ``slope_low``, ``slope_high``.
    """
    said, came = judged.said[scorer], judged.came
    names = ("slope", "slope_low", "slope_high")
    if np.ptp(said) == 0.0 or min(came.sum(), (1.0 - came).sum()) < CAME_MIN:
        return dict.fromkeys(names)

    def slope(weight: Floats) -> float:
        both = 0.0 < weight @ came < weight.sum()
        return calibration_line(said, came, weight)[1] if both else float("nan")

    found = cluster_bootstrap(judged.cluster, slope, settings.replicate_count, settings.seed).to_dict()
    return dict(zip(names, found.values(), strict=True))


def by_book(
    judged: Judged, days: pl.Series, scorer: str, baselines: tuple[str, str], contact_count: int
) -> pl.DataFrame:
    """How the model and the best baselines did on each day of scoring.

    Parameters
    ----------
    judged : Judged
    days : polars.Series
        Day of scoring of each row.
    scorer : str
        Of those that the rows hold.
    baselines : (str, str)
        The one that is best by AUC, and the one that finds most of the first value.
    contact_count : int
        Rows of each book that collectors get round to.

    Returns
    -------
    polars.DataFrame
        ``as_of``, ``row_count``, ``came_share``, ``predicted_share``, ``auc`` and ``baseline_auc``
        (of the first baseline), ``log_loss``, the first value found in the first 20 % and what
        the second baseline finds of it.
    """
    value = f"{next(iter(judged.values))}_20"
    found = []
    for day in days.unique().sort():
        part = judged.take(np.flatnonzero((days == day).to_numpy()))
        ours, by_auc, by_money = (measures(part, one, contact_count) for one in (scorer, *baselines))
        found.append(
            {
                "as_of": day,
                "row_count": len(part),
                "came_share": float(part.came.mean()),
                "predicted_share": float(part.said[scorer].mean()),
                "auc": ours["auc"](None),
                "baseline_auc": by_auc["auc"](None),
                "log_loss": ours["log_loss"](None),
                value: ours[value](None),
                f"baseline_{value}": by_money[value](None),
            }
        )
    return pl.DataFrame(found).fill_nan(None)


def views(judged: Judged, first: Judged, others: Judged) -> dict[str, tuple[Judged, Floats | None]]:
    """The ways the same rows are counted.

    Parameters
    ----------
    judged, first, others : Judged
        All rows, one per invoice, and those without the largest customer.

    Returns
    -------
    dict of str to (Judged, array or None)
        Rows and their weights: ``all``, ``by_amount`` (rows count by their open amount; money
        is counted by itself, so nothing of it is there), ``first_look``, ``without_largest``.
    """
    amount: NDArray[np.float64] = judged.amount / max(float(judged.amount.mean()), 1e-9)
    return {
        "all": (judged, None),
        "by_amount": (replace(judged, values={}), amount),
        "first_look": (first, None),
        "without_largest": (others, None),
    }


def figures_with_intervals(
    judged: Judged, scorer: str, settings: BacktestSettings, weight: Floats | None
) -> pl.DataFrame:
    """Every figure of a scorer with its interval, one row each.

    Parameters
    ----------
    judged : Judged
    scorer : str
        One of those that the rows hold.
    settings : BacktestSettings
        Number of draws and their seed, and contacts per book.
    weight : array of shape (n_rows,) or None
        Weights of the rows.

    Returns
    -------
    polars.DataFrame
        ``figure``, ``value``, ``low``, ``high``.
    """
    found = intervals(judged, scorer, settings, weight)
    return pl.DataFrame(
        [{"figure": name} | one.to_dict() for name, one in found.items()],
        schema={"figure": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64},
    )
