"""Predicted days of payment against the real ones: how far off, and how often inside the interval."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.backtest.comparing import interval_of_rate, mean_of
from paydelay.calibration import Floats
from paydelay.config import BacktestSettings
from paydelay.intervals import cluster_bootstrap
from paydelay.metrics import pinball_loss

_QUANTILES = {"delay_10": 0.1, "delay_median": 0.5, "delay_90": 0.9}
_SCORERS = {"model": "delay_median", "customer_median": "customer_median", "always_0": "always_0"}
_COVERAGE = ("coverage", "coverage_low", "coverage_high", "width_days", "width_low", "width_high")


def delays(rows: pl.DataFrame, settings: BacktestSettings) -> pl.DataFrame:
    """How far the predicted delays were from what came, in days, up to the cap.

    Parameters
    ----------
    rows : polars.DataFrame
        As a replay gives them.
    settings : BacktestSettings
        Cap, and draws behind the intervals.

    Returns
    -------
    polars.DataFrame
        ``scorer``, ``row_count``, ``mae_days`` with its interval, ``crps_days``; of the model
        also ``pinball_10``, ``pinball_50``, ``pinball_90``, and coverage and width of its 80 %
        interval, each with the ends of its own. One row without figures where no delay was ripe.
    """
    some, cap = _ripe(rows), float(settings.delay_cap_days)
    actual = _capped(some["delay_days"], cap)
    cluster = _cluster(some)
    found = []
    for scorer, column in _SCORERS.items():
        error = np.abs(_capped(some[column], cap) - actual)
        mae = cluster_bootstrap(cluster, mean_of(error), settings.replicate_count, settings.seed).to_dict()
        line: dict[str, object] = {"scorer": scorer, "row_count": some.height}
        line |= {"mae_days": mae["value"], "mae_low": mae["low"], "mae_high": mae["high"]}
        # Of a single day the score of the curve is its distance.
        line["crps_days"] = some["curve_score"].mean() if scorer == "model" else mae["value"]
        if scorer == "model" and some.height:
            line |= {
                f"pinball_{level * 100:.0f}": pinball_loss(_capped(some[name], cap), actual, level)
                for name, level in _QUANTILES.items()
            }
            line |= _coverage(some, settings)
        found.append(line)
    return pl.DataFrame(found, infer_schema_length=None).fill_nan(None)


def coverage_by_fold(rows: pl.DataFrame, settings: BacktestSettings) -> pl.DataFrame:
    """Coverage and width of the 80 % interval of the delay, training by training.

    Parameters
    ----------
    rows : polars.DataFrame
        As a replay gives them.
    settings : BacktestSettings
        Cap, and draws behind the intervals.

    Returns
    -------
    polars.DataFrame
        ``fold``, ``row_count``, ``coverage`` and ``width_days``, each with the ends of its
        interval: ``coverage_low``, ``width_high`` and so on; null where no delay of the fold
        was ripe.
    """
    found = []
    for fold in rows["fold"].unique().sort():
        some = _ripe(rows.filter(fold=fold))
        line: dict[str, object] = {"fold": fold, "row_count": some.height}
        found.append(line | (_coverage(some, settings) if some.height else {}))
    types = {"fold": pl.Int32, "row_count": pl.Int64} | dict.fromkeys(_COVERAGE, pl.Float64)
    return pl.DataFrame(found, schema=types)


def _coverage(some: pl.DataFrame, settings: BacktestSettings) -> dict[str, float | None]:
    """Share of delays inside the interval, and how many days it spans."""
    cap, cluster = float(settings.delay_cap_days), _cluster(some)
    actual = _capped(some["delay_days"], cap)
    low, high = _capped(some["delay_low"], cap), _capped(some["delay_high"], cap)
    inside = ((actual >= low) & (actual <= high)).astype(np.float64)
    share = interval_of_rate(inside, cluster, settings).to_dict()
    days = cluster_bootstrap(cluster, mean_of(high - low), settings.replicate_count, settings.seed).to_dict()
    return dict(zip(_COVERAGE, (*share.values(), *days.values()), strict=True))


def _ripe(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows not yet due whose delay was ripe."""
    return rows.filter(pl.col("delay_days").is_not_null() & (pl.col("days_past_due") < 0))


def _cluster(rows: pl.DataFrame) -> NDArray[np.integer]:
    """Customer and day of scoring: what is drawn as one."""
    return rows.select(pl.struct("customer_id", "as_of").rank("dense")).to_series().to_numpy()


def _capped(said: pl.Series, cap: float) -> Floats:
    """Days up to the cap; where none was named, the end lies beyond it."""
    days: Floats = said.cast(pl.Float64).fill_null(float("inf")).to_numpy()
    return np.minimum(days, cap)
