"""What came beside what was said: calibration, order and money, of outcomes that are known by now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.backtest.judging import SCORER, Judged, judged_rows
from paydelay.calibration import Floats
from paydelay.config import MonitorSettings
from paydelay.intervals import Interval, two_way_interval
from paydelay.metrics import AreaUnderCurve, CapturedValue, brier_score, log_loss
from paydelay.monitor.books import PastBooks
from paydelay.monitor.verdicts import Check, by_interval, finite
from paydelay.reliability import calibration_line, expected_calibration_error

TOP_SHARE = 0.2
"""Share of each book of which it is told how much of the money it held."""
PROBABILITY = {"late": "prob_late", "unpaid": "prob_unpaid"}
"""Column of the score table that foretells an outcome."""
_DRAWS, _SEED = 300, 7
_NAMES = ("ratio", "slope", "captured", "auc")


@dataclass(frozen=True)
class Realised:
    """Rows whose outcome is known, what was said of them, and their weeks.

    Parameters
    ----------
    outcome : {'late', 'unpaid'}
    judged : Judged
        As the backtest judges them.
    week : array of shape (n_rows,)
        Week in which each falls due.
    contacted : array of bool of shape (n_rows,), or None
        Whether there was contact in between; None where the ledger does not tell.
    rows : polars.DataFrame
        The past scores of the same rows.
    at : array of shape (n_rows,)
        Their positions in the past books.
    """

    outcome: str
    judged: Judged = field(repr=False)
    week: NDArray[np.int64] = field(repr=False)
    contacted: NDArray[np.bool_] | None = field(repr=False)
    rows: pl.DataFrame = field(repr=False)
    at: NDArray[np.int64] = field(repr=False)

    @property
    def said(self) -> Floats:
        """The probability."""
        return self.judged.said[SCORER[self.outcome]]

    def interval(
        self, figure: Callable[[Floats], float], settings: MonitorSettings, level: float | None = None
    ) -> Interval:
        """A figure of weights with its interval, by customer and by week in which invoices fall due."""
        return two_way_interval(
            self.judged.customer,
            self.week,
            figure,
            _DRAWS,
            _SEED,
            settings.interval_level if level is None else level,
        )


def realised(books: PastBooks, outcome: str, days: int) -> Realised:
    """Rows of the past books whose outcome is known and was not known when they were scored.

    Parameters
    ----------
    books : PastBooks
    outcome : {'late', 'unpaid'}
    days : int
        Days past due on which it is decided.

    Returns
    -------
    Realised
    """
    came = books.came(days)
    at = np.flatnonzero(~np.isnan(came))
    rows = books.scores[at].with_columns(
        open_amount_reporting=books.panel.rows["open_amount_reporting"][at],
        **{SCORER[outcome]: pl.col(PROBABILITY[outcome])},
    )
    value = {f"{outcome}_value": rows["open_amount_reporting"].to_numpy() * came[at]}
    judged = judged_rows(rows, came[at], (SCORER[outcome],), value)
    contacted = books.contacted(days)
    return Realised(
        outcome, judged, books.due_week[at], None if contacted is None else contacted[at], rows, at
    )


def realised_checks(
    found: Realised, then: dict[str, Any], settings: MonitorSettings
) -> tuple[list[Check], dict[str, Any]]:
    """Whether probabilities, their order and the money went as foreseen, and the figures behind it.

    Parameters
    ----------
    found : Realised
    then : dict
        Figures of the training, from the model's profile; empty where there are none.
    settings : MonitorSettings

    Returns
    -------
    checks : list of Check
    figures : dict
        One row for the table ``realised``.
    """
    judged, came = found.judged, found.judged.came
    weeks = len(np.unique(found.week))
    # Counted by invoice: ten looks at one are no ten pieces of evidence.
    fewest = min(len(np.unique(judged.invoice[came == end])) for end in (0.0, 1.0))
    figures = {"outcome": found.outcome, **_told(found, then), "week_count": weeks}
    if len(judged) < settings.rows_min or fewest < settings.outcomes_min or weeks < settings.weeks_min:
        few = [Check(name, found.outcome, "not_judged", len(judged), why="too_few") for name in _NAMES]
        return few, figures
    checks = [_ratio(found, settings), _slope(found, settings), _captured(found, settings)]
    checks.append(_auc(found, then, settings))
    return checks, figures


def _told(found: Realised, then: dict[str, Any]) -> dict[str, Any]:
    """Plain figures; the calibration error and the Brier score are told and not judged."""
    judged, came, said = found.judged, found.judged.came, found.said
    both = 0.0 < came.mean() < 1.0 if len(came) else False
    # By chance alone a calibration error lies above zero, and a Brier score moves with how much comes late.
    line = calibration_line(said, came) if both else (float("nan"), float("nan"))
    captured = CapturedValue(judged.amount * came, said * judged.amount, judged.book)
    expected = CapturedValue(judged.amount * said, said * judged.amount, judged.book)
    told = {
        "row_count": len(came),
        "invoice_count": len(np.unique(judged.invoice)),
        "customer_count": len(np.unique(judged.customer)),
        "predicted_share": said.mean() if len(came) else float("nan"),
        "came_share": came.mean() if len(came) else float("nan"),
        "intercept": line[0],
        "slope": line[1],
        "ece": expected_calibration_error(said, came),
        "log_loss": log_loss(said, came) if len(came) else float("nan"),
        "brier": brier_score(said, came) if len(came) else float("nan"),
        "auc": AreaUnderCurve(said, came)(),
        "captured": captured(top_share=TOP_SHARE) if len(came) else float("nan"),
        "captured_expected": expected(top_share=TOP_SHARE) if len(came) else float("nan"),
    }
    told |= {f"{name}_then": then.get(name, {}).get("value") for name in ("auc", "brier")}
    return {name: finite(value) if isinstance(value, float) else value for name, value in told.items()}


def _check(
    name: str, found: Realised, effect: Interval, limits: tuple[float, float], either_side: bool
) -> Check:
    watch, alarm = limits
    return Check(
        name,
        found.outcome,
        by_interval(effect, watch, alarm, either_side=either_side),
        len(found.judged),
        finite(effect.value),
        finite(effect.low),
        finite(effect.high),
        watch,
        alarm,
    )


def log_ratio(came: Floats, said: Floats) -> Callable[[Floats], float]:
    """Logarithm of the cases that came over those predicted, as a figure of weights."""

    def figure(times: Floats) -> float:
        observed, expected = float(times @ came), float(times @ said)
        return float(np.log(observed / expected)) if observed > 0.0 and expected > 0.0 else float("nan")

    return figure


def _ratio(found: Realised, settings: MonitorSettings) -> Check:
    """On the scale of logarithms, on which half and double are equally far; told as a ratio."""
    effect = found.interval(log_ratio(found.judged.came, found.said), settings)
    limits = (
        float(np.log(settings.watch_came_over_predicted)),
        float(np.log(settings.alarm_came_over_predicted)),
    )
    verdict = by_interval(effect, *limits)
    value, low, high = (finite(float(np.exp(end))) for end in (effect.value, effect.low, effect.high))
    return Check(
        "ratio",
        found.outcome,
        verdict,
        len(found.judged),
        value,
        low,
        high,
        settings.watch_came_over_predicted,
        settings.alarm_came_over_predicted,
    )


def _slope(found: Realised, settings: MonitorSettings) -> Check:
    came, said = found.judged.came, found.said

    def figure(times: Floats) -> float:
        return calibration_line(said, came, times)[1] - 1.0 if 0.0 < times @ came < times.sum() else np.nan

    limits = (settings.watch_slope_distance, settings.alarm_slope_distance)
    return _check("slope", found, found.interval(figure, settings), limits, True).shifted(1.0)


def _captured(found: Realised, settings: MonitorSettings) -> Check:
    """Money that the first fifth of each book should have held by the model's own word, and did not."""
    judged, order = found.judged, found.said * found.judged.amount
    held = CapturedValue(judged.amount * judged.came, order, judged.book)
    promised = CapturedValue(judged.amount * found.said, order, judged.book)
    effect = found.interval(
        lambda times: promised(times, top_share=TOP_SHARE) - held(times, top_share=TOP_SHARE), settings
    )
    limits = (settings.watch_captured_fall_share, settings.alarm_captured_fall_share)
    return _check("captured", found, effect, limits, either_side=False)


def _auc(found: Realised, then: dict[str, Any], settings: MonitorSettings) -> Check:
    """Fall since training; both figures have a spread, and the fall has that of both."""
    before = then.get("auc", {})
    if before.get("value") is None or before.get("low") is None:
        return Check("auc", found.outcome, "not_judged", len(found.judged), why="no_profile")
    now = found.interval(AreaUnderCurve(found.said, found.judged.came), settings)
    reach = float(np.hypot(now.high - now.value, before["value"] - before["low"]))
    fall = before["value"] - now.value
    limits = (settings.watch_auc_fall, settings.alarm_auc_fall)
    return _check("auc", found, Interval(fall, fall - reach, fall + reach), limits, either_side=False)


def by_contact(found: Realised, settings: MonitorSettings) -> list[dict[str, Any]]:
    """Predicted and came, of rows with and without contact in between.

    Parameters
    ----------
    found : Realised
    settings : MonitorSettings

    Returns
    -------
    list of dict
        Rows of the table ``contacts``; empty where the ledger does not tell of contacts. The
        groups differ by what came after the score, so that no verdict is given on them.
    """
    if found.contacted is None:
        return []
    rows = []
    for contacted in (False, True):
        at = np.flatnonzero(found.contacted == contacted)
        part = Realised(
            found.outcome, found.judged.take(at), found.week[at], None, found.rows[at], found.at[at]
        )
        came, said = part.judged.came, part.said
        ratio = (
            part.interval(log_ratio(came, said), settings) if len(at) else Interval(np.nan, np.nan, np.nan)
        )
        rows.append(
            {
                "outcome": found.outcome,
                "contacted": contacted,
                "row_count": len(at),
                "predicted_share": float(said.mean()) if len(at) else None,
                "came_share": float(came.mean()) if len(at) else None,
                "ratio": finite(float(np.exp(ratio.value))),
                "low": finite(float(np.exp(ratio.low))),
                "high": finite(float(np.exp(ratio.high))),
            }
        )
    return rows


def by_day(found: Realised) -> pl.DataFrame:
    """Predicted and came, by day of scoring.

    Parameters
    ----------
    found : Realised

    Returns
    -------
    polars.DataFrame
        ``outcome``, ``as_of``, ``row_count``, ``predicted_share`` and ``came_share``.
    """
    rows = found.rows.select("as_of").with_columns(
        said=pl.Series(found.said), came=pl.Series(found.judged.came)
    )
    return (
        rows.group_by("as_of")
        .agg(
            outcome=pl.lit(found.outcome),
            row_count=pl.len().cast(pl.Int64),
            predicted_share=pl.col("said").mean(),
            came_share=pl.col("came").mean(),
        )
        .select("outcome", "as_of", "row_count", "predicted_share", "came_share")
        .sort("as_of")
    )
