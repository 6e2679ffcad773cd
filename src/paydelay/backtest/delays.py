"""Predicted days of payment against the real ones: how far off, and how often inside the interval."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.backtest.comparing import interval_of_rate, mean_of, weighted
from paydelay.backtest.judging import slices
from paydelay.calibration import Floats
from paydelay.config import BacktestSettings
from paydelay.intervals import cluster_bootstrap
from paydelay.metrics import pinball_loss

_QUANTILES = {"delay_10": 0.1, "delay_median": 0.5, "delay_90": 0.9}
_SCORERS = {"model": "delay_median", "customer_median": "customer_median", "always_0": "always_0"}
_ERRORS = ("mae_days", "mae_low", "mae_high", "crps_days")
_PINBALLS = tuple(f"pinball_{level * 100:.0f}" for level in _QUANTILES.values())
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
    some = _ripe(rows)
    found = []
    for scorer, column in _SCORERS.items():
        line: dict[str, object] = {"scorer": scorer, "row_count": some.height}
        if scorer == "model" and some.height:
            line |= _of_model(some, settings)
        else:
            line |= _error(some, column, settings)
            # Of a single day the score of the curve is its distance.
            line["crps_days"] = line["mae_days"]
        found.append(line)
    return pl.DataFrame(found, infer_schema_length=None).fill_nan(None)


def delay_slices(rows: pl.DataFrame, settings: BacktestSettings) -> pl.DataFrame:
    """The model's figures of delays, counted in other ways and slice by slice.

    Parameters
    ----------
    rows : polars.DataFrame
        As a replay gives them.
    settings : BacktestSettings
        Cap, and draws behind the intervals.

    Returns
    -------
    polars.DataFrame
        ``kind`` and ``slice``: of kind ``view`` ``all``, ``by_amount`` (rows count by their open
        amount), ``first_look`` (one row per invoice) and ``without_largest`` (customer), then
        those of :func:`~paydelay.backtest.judging.slices`. Then ``row_count`` and the model's
        columns of :func:`delays`.
    """
    some = _ripe(rows)
    found = []
    if some.height:
        amount = some["open_amount_reporting"].to_numpy()
        first = some.sort("as_of", maintain_order=True).unique(
            "invoice_id", keep="first", maintain_order=True
        )
        largest = some["customer_id"].mode().sort()[0]
        parts = {
            "all": (some, None),
            "by_amount": (some, amount / max(float(amount.mean()), 1e-9)),
            "first_look": (first, None),
            "without_largest": (some.filter(pl.col("customer_id") != largest), None),
        }
        found = [_sliced("view", name, part, settings, weight) for name, (part, weight) in parts.items()]
        found += [
            _sliced(kind, name, some.filter(pl.Series(inside)), settings)
            for kind, named in slices(some).items()
            for name, inside in named.items()
        ]
    types = {"kind": pl.String, "slice": pl.String, "row_count": pl.Int64}
    types |= dict.fromkeys((*_ERRORS, *_PINBALLS, *_COVERAGE), pl.Float64)
    return pl.DataFrame(found, schema=types).fill_nan(None)


def _sliced(
    kind: str, name: str, some: pl.DataFrame, settings: BacktestSettings, weight: Floats | None = None
) -> dict[str, object]:
    line: dict[str, object] = {"kind": kind, "slice": name, "row_count": some.height}
    return line | _of_model(some, settings, weight) if some.height else line


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


def _of_model(
    some: pl.DataFrame, settings: BacktestSettings, weight: Floats | None = None
) -> dict[str, float | None]:
    """Error, score of the curve, pinball losses, coverage and width of the model."""
    cap = float(settings.delay_cap_days)
    actual = _capped(some["delay_days"], cap)
    pinballs = {
        f"pinball_{level * 100:.0f}": pinball_loss(_capped(some[name], cap), actual, level, weight)
        for name, level in _QUANTILES.items()
    }
    scored = {"crps_days": float(np.average(some["curve_score"].to_numpy(), weights=weight))}
    return (
        _error(some, _SCORERS["model"], settings, weight)
        | scored
        | pinballs
        | _coverage(some, settings, weight)
    )


def _error(
    some: pl.DataFrame, column: str, settings: BacktestSettings, weight: Floats | None = None
) -> dict[str, float | None]:
    """Mean distance of a median from what came, with its interval."""
    cap = float(settings.delay_cap_days)
    mean = mean_of(np.abs(_capped(some[column], cap) - _capped(some["delay_days"], cap)))
    drawn = cluster_bootstrap(_cluster(some), weighted(mean, weight), settings.replicate_count, settings.seed)
    return {"mae_days": drawn.value, "mae_low": drawn.low, "mae_high": drawn.high}


def _coverage(
    some: pl.DataFrame, settings: BacktestSettings, weight: Floats | None = None
) -> dict[str, float | None]:
    """Share of delays inside the interval, and how many days it spans."""
    cap, cluster = float(settings.delay_cap_days), _cluster(some)
    actual = _capped(some["delay_days"], cap)
    low, high = _capped(some["delay_low"], cap), _capped(some["delay_high"], cap)
    inside = ((actual >= low) & (actual <= high)).astype(np.float64)
    share = interval_of_rate(inside, cluster, settings, weight).to_dict()
    width = weighted(mean_of(high - low), weight)
    days = cluster_bootstrap(cluster, width, settings.replicate_count, settings.seed).to_dict()
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
