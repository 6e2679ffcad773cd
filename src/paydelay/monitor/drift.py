"""How far features, probabilities and the population have moved since training."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.calibration import Floats
from paydelay.config import MonitorSettings
from paydelay.features import Catalogue, Feature
from paydelay.monitor.books import PastBooks
from paydelay.monitor.realised import PROBABILITY
from paydelay.monitor.verdicts import Check, Verdict, by_size, worst
from paydelay.training.profile import (
    bin_shares,
    category_shares,
    category_values,
    effective_customers,
    new_customers,
    stability_index,
    undecided,
)

FEATURE_SCHEMA = {
    "feature": pl.String,
    "family": pl.String,
    "cause": pl.String,
    "psi": pl.Float64,
    "usual_psi": pl.Float64,
    "watch_at": pl.Float64,
    "alarm_at": pl.Float64,
    "missing_then": pl.Float64,
    "missing_now": pl.Float64,
    "missing_watch_at": pl.Float64,
    "missing_alarm_at": pl.Float64,
    "verdict": pl.String,
    "missing_verdict": pl.String,
}
"""Columns of the table ``features``; the verdicts are ``not_judged`` of what follows the calendar."""
CALENDAR = "seasonality"
"""Family of features that move with the calendar, whatever customers do: told and not judged."""


def by_chance(bin_count: int, customers_then: float, customers_now: float) -> float:
    """Stability index to be expected where nothing has changed.

    Parameters
    ----------
    bin_count : int
    customers_then, customers_now : float
        Effective numbers of customers: what one of them does is one piece of evidence.

    Returns
    -------
    float
        ``(bins - 1) (1 / then + 1 / now)``, the mean of the chi-squared distribution that the
        index follows for small differences (Yurdakul 2018).

    Examples
    --------
    >>> round(by_chance(10, 90.0, 90.0), 3)
    0.2
    """
    return (bin_count - 1) * (1.0 / max(customers_then, 1.0) + 1.0 / max(customers_now, 1.0))


def _limits(
    usual: float | None, watch: float, alarm: float, settings: MonitorSettings, chance: float = 0.0
) -> tuple[float, float]:
    """Sizes from which on to watch and to sound the alarm.

    The setting beyond what chance gives, or a multiple of what moved within training by
    itself, whichever is larger.
    """
    moved = usual or 0.0
    return (
        max(watch + chance, settings.watch_times_usual * moved),
        max(alarm + chance, settings.alarm_times_usual * moved),
    )


def feature_table(
    books: PastBooks, profile: dict[str, Any], catalogue: Catalogue, settings: MonitorSettings
) -> pl.DataFrame:
    """Movement of every feature since training.

    Parameters
    ----------
    books : PastBooks
    profile : dict
        The model's training profile.
    catalogue : Catalogue
        Of the panel's features.
    settings : MonitorSettings

    Returns
    -------
    polars.DataFrame
        Columns of :data:`FEATURE_SCHEMA`, those that went furthest first.
    """
    panel, before = books.every, books.before
    customers = profile["effective_customers"], effective_customers(panel)
    rows = [
        _feature_row(
            name,
            panel.X[:, column],
            _allowing_for_days(profile["features"][name], None if before is None else before.X[:, column]),
            catalogue[name],
            customers,
            settings,
        )
        for column, name in enumerate(panel.feature_names)
        if name in profile["features"]
    ]
    table = pl.DataFrame(rows, schema=FEATURE_SCHEMA, orient="row")
    return table.sort(
        pl.col("psi") / pl.col("watch_at"), "feature", descending=[True, False], nulls_last=True
    )


def _allowing_for_days(then: dict[str, Any], before: NDArray[np.floating] | None) -> dict[str, Any]:
    """A feature's profile, in which what the days of the scores alone would move counts as usual.

    Training looks at one weekday where its step is whole weeks: on Mondays nobody has paid
    the day before.
    """
    if before is None:
        return then
    shares, missing = bin_shares(before, np.array(then["edges"]))
    psi, change = stability_index(np.array(then["shares"]), shares), abs(missing - then["missing_share"])
    usual = {"usual_psi": psi, "usual_missing_change": change}
    return then | {name: max(then[name] or 0.0, np.nan_to_num(moved)) for name, moved in usual.items()}


def _feature_row(
    name: str,
    values: NDArray[np.floating],
    then: dict[str, Any],
    feature: Feature,
    customers: tuple[float, float],
    settings: MonitorSettings,
) -> dict[str, Any]:
    shares, missing = bin_shares(values, np.array(then["edges"]))
    psi = stability_index(np.array(then["shares"]), shares)
    chance = by_chance(len(shares), *customers)
    watch, alarm = _limits(then["usual_psi"], settings.watch_psi, settings.alarm_psi, settings, chance)
    missing_limits = _limits(
        then["usual_missing_change"],
        settings.watch_missing_change_share,
        settings.alarm_missing_change_share,
        settings,
    )
    # What was always missing has no bins to compare; that it is known now shows in the share missing.
    judged = feature.family != CALENDAR
    comparable = judged and bool(then["edges"]) and np.isfinite(psi)
    change = abs(missing - then["missing_share"])
    return {
        "feature": name,
        "family": feature.family,
        "cause": feature.cause,
        "psi": psi if np.isfinite(psi) and then["edges"] else None,
        "usual_psi": then["usual_psi"],
        "watch_at": watch,
        "alarm_at": alarm,
        "missing_then": then["missing_share"],
        "missing_now": missing,
        "missing_watch_at": missing_limits[0],
        "missing_alarm_at": missing_limits[1],
        "verdict": by_size(psi, watch, alarm) if comparable else "not_judged",
        "missing_verdict": by_size(change, *missing_limits) if judged else "not_judged",
    }


def feature_checks(table: pl.DataFrame, row_count: int) -> list[Check]:
    """One check of all features, and one of the shares that are missing.

    Parameters
    ----------
    table : polars.DataFrame
        As :func:`feature_table` gives it.
    row_count : int
        Rows looked at.

    Returns
    -------
    list of Check
        Each tells the feature that went furthest beyond its own limits, and how many did.
    """
    moved = (pl.col("missing_now") - pl.col("missing_then")).abs()
    return [
        _furthest("feature_drift", table, "verdict", pl.col("psi"), "", row_count),
        _furthest("missing_values", table, "missing_verdict", moved, "missing_", row_count),
    ]


def _furthest(
    name: str, table: pl.DataFrame, verdict: str, size: pl.Expr, prefix: str, row_count: int
) -> Check:
    judged = table.filter(pl.col(verdict) != "not_judged").with_columns(size=size)
    if judged.is_empty():
        return Check(name, None, "not_judged", row_count, why="too_few")
    # By verdict first: what is beyond an alarm has gone further than what is far beyond a watch.
    order = pl.col(verdict).replace_strict({"ok": 0, "watch": 1, "alarm": 2}, return_dtype=pl.Int8)
    first = judged.sort(order, pl.col("size") / pl.col(f"{prefix}watch_at"), descending=True).row(
        0, named=True
    )
    return Check(
        name,
        None,
        first[verdict],
        row_count,
        first["size"],
        watch_at=first[f"{prefix}watch_at"],
        alarm_at=first[f"{prefix}alarm_at"],
        subject=first["feature"],
        count=judged.filter(pl.col(verdict) != "ok").height,
    )


def score_check(
    books: PastBooks, profile: dict[str, Any], outcome: str, days: int, settings: MonitorSettings
) -> tuple[Check, list[dict[str, Any]]]:
    """Movement of a probability since the latest weeks of training.

    Parameters
    ----------
    books : PastBooks
    profile : dict
        The model's training profile.
    outcome : {'late', 'unpaid'}
    days : int
        Days past due on which it is decided.
    settings : MonitorSettings

    Returns
    -------
    check : Check
    rows : list of dict
        Shares of each bin then and now, for the table ``score_bins``.
    """
    then = profile["scores"].get(outcome) or {}
    said = books.scores[PROBABILITY[outcome]].to_numpy()[undecided(books.panel, days)]
    if not then.get("edges") or not len(said):
        return Check("score_drift", outcome, "not_judged", len(said), why="no_profile"), []
    edges, before = np.array(then["edges"]), np.array(then["shares"])
    now = bin_shares(said, edges)[0]
    customers = then["effective_customers"], effective_customers(books.panel)
    check = _moved("score_drift", (before, now), then["usual_psi"], customers, len(said), settings, outcome)
    ends = [*then["edges"], 1.0]
    rows = [
        {"outcome": outcome, "up_to": float(end), "share_then": float(old), "share_now": float(new)}
        for end, old, new in zip(ends, before, now, strict=True)
    ]
    return check, rows


def _moved(
    name: str,
    shares: tuple[Floats, Floats],
    usual: float | None,
    customers: tuple[float, float],
    row_count: int,
    settings: MonitorSettings,
    outcome: str | None = None,
) -> Check:
    """Check of one distribution, then and now."""
    if row_count < settings.rows_min:
        return Check(name, outcome, "not_judged", row_count, why="too_few")
    psi, chance = stability_index(*shares), by_chance(len(shares[0]), *customers)
    watch, alarm = _limits(usual, settings.watch_psi, settings.alarm_psi, settings, chance)
    return Check(name, outcome, by_size(psi, watch, alarm), row_count, psi, watch_at=watch, alarm_at=alarm)


def population_checks(
    books: PastBooks, profile: dict[str, Any], settings: MonitorSettings
) -> tuple[list[Check], list[dict[str, Any]]]:
    """New customers, currencies and payment terms beside those of training.

    Parameters
    ----------
    books : PastBooks
    profile : dict
        The model's training profile.
    settings : MonitorSettings

    Returns
    -------
    checks : list of Check
    rows : list of dict
        Shares then and now, for the table ``population``.
    """
    checks, rows = [], []
    customers = profile["effective_customers"], effective_customers(books.every)
    for name, then in profile["categories"].items():
        values = category_values(books.every, name)
        if values is None:
            continue
        now = category_shares(values, then["values"])
        shares = np.array(then["shares"]), now
        checks.append(_moved(name, shares, then["usual_psi"], customers, len(values), settings))
        rows += [
            {"kind": name, "value": value, "share_then": float(old), "share_now": float(new)}
            for value, old, new in zip([*then["values"], None], then["shares"], now, strict=True)
        ]
    new, before = new_customers(books.every), profile["new_customer_share"]
    if new is None or before is None:
        return checks, rows
    check, row = _new_customers(new, before, settings)
    return [check, *checks], [row, *rows]


def _new_customers(
    new: NDArray[np.bool_], then: dict[str, Any], settings: MonitorSettings
) -> tuple[Check, dict[str, Any]]:
    """Only more of them is worse: of few settled invoices the model knows little."""
    share = float(new.mean())
    more = share - then["high"]
    watch, alarm = settings.watch_new_customers_share, settings.alarm_new_customers_share
    count = len(new)
    enough = count >= settings.rows_min
    check = Check(
        "new_customers",
        None,
        by_size(more, watch, alarm) if enough else "not_judged",
        count,
        share if enough else None,
        watch_at=then["high"] + watch,
        alarm_at=then["high"] + alarm,
        why=None if enough else "too_few",
    )
    return check, {"kind": "new_customers", "value": None, "share_then": then["share"], "share_now": share}


def coverage_check(books: PastBooks, settings: MonitorSettings) -> Check:
    """Whether the past scores hold the whole book of their days.

    Parameters
    ----------
    books : PastBooks
    settings : MonitorSettings

    Returns
    -------
    Check
        The smaller of two shares: of the open invoices that are among the scores, and of
        the scores that the ledger knows.
    """
    counts, kept = books.counts, books.counts["kept"]
    share = kept / (kept + max(counts["not_scored"], counts["not_in_ledger"]))
    verdict: Verdict = "ok"
    if share < settings.watch_coverage_share:
        verdict = "alarm" if share < settings.alarm_coverage_share else "watch"
    return Check(
        "coverage",
        None,
        verdict,
        kept + counts["not_scored"],
        share,
        watch_at=settings.watch_coverage_share,
        alarm_at=settings.alarm_coverage_share,
    )


def overall(checks: list[Check]) -> Verdict:
    """The worst verdict of all checks."""
    return worst([check.verdict for check in checks])
