"""The figures of a proof; each takes whatever has its tables, and says in its title what is seen."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from paydelay.figures.drawing import (
    FOURTH,
    INK,
    LINE,
    OURS,
    SOFT,
    TEXT_SIZE,
    THEIRS,
    THIRD,
    below,
    days_across,
    in_percent,
    label,
    sheet,
    write,
)
from paydelay.figures.naming import (
    Proof,
    best_by_auc,
    best_by_money,
    book_days,
    driver_shares,
    scorer_name,
    slice_kind,
    slice_name,
    table_of,
)
from paydelay.language import format_number, format_share, phrase

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOP_SHARE = 0.2
FEW_ROWS = 100
"""Rows below which a slice is told to be small."""
_DRIVERS_SHOWN = 12
_STROKES = ((OURS, "-", 2.2), (THEIRS, "--", 1.6), (THIRD, "-.", 1.4), (FOURTH, ":", 1.8))
_FORESIGHT = (INK, "-", 0.8)
_END_LETTERS = 16
_LINE_HEIGHT = 0.11
"""Of a text at the end of a line, as a share of the height of its axes."""


def reliability(proof: Proof, outcome: str = "late", language: str = "en") -> Figure:
    """Predicted beside observed rate, over bins of equal mass, with 95 % intervals.

    Parameters
    ----------
    proof : Proof
        As :func:`~paydelay.backtest` returns it.
    outcome : {'late', 'unpaid'}
        What was foreseen.
    language : {'en', 'fr'}
        Of the texts.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigError
        If the proof does not judge the outcome.

    Examples
    --------
    >>> proof = pdl.backtest(ledger)  # doctest: +SKIP
    >>> pdl.figures.reliability(proof).savefig("reliability.svg")  # doctest: +SKIP
    """
    bins = table_of(proof, "reliability", outcome)
    weights = bins["row_count"].to_numpy()
    means = {
        name: float(np.average(bins[name].to_numpy(), weights=weights)) for name in ("predicted", "observed")
    }
    said = {name: format_share(mean, language, 0) for name, mean in means.items()}
    figure, (axis,) = sheet(phrase(f"figure.reliability.{outcome}", language, **said), 3.7)
    predicted, observed = bins["predicted"].to_numpy(), bins["observed"].to_numpy()
    ends = np.vstack(
        [observed - bins["low"].fill_null(0.0).to_numpy(), bins["high"].fill_null(1.0).to_numpy() - observed]
    )
    top = min(1.0, 1.08 * max(float(predicted.max()), float((observed + ends[1]).max())))
    axis.plot([0.0, top], [0.0, top], color=SOFT, linewidth=1.0, linestyle="--")
    # In a small book the middle of the draws may lie beside the rate itself.
    axis.errorbar(
        predicted, observed, yerr=ends.clip(0.0), fmt="o", color=OURS, markersize=4.5, linewidth=1.2
    )
    write(axis, 0.97, 0.06, phrase("figure.points", language), SOFT, ha="right", transform=axis.transAxes)
    write(axis, 0.03, 0.95, phrase("figure.on_the_line", language), SOFT, transform=axis.transAxes)
    axis.set_xlim(0.0, 1.02 * top)
    axis.set_ylim(0.0, 1.02 * top)
    for one in (axis.xaxis, axis.yaxis):
        one.set_major_formatter(in_percent(language))
    label(axis, phrase("figure.predicted", language), phrase(f"figure.came.{outcome}", language))
    return figure


def lift(proof: Proof, outcome: str = "late", language: str = "en") -> Figure:
    """The money curve: share of the money found over the share of each book that is looked at.

    Parameters
    ----------
    proof : Proof
        As :func:`~paydelay.backtest` returns it.
    outcome : {'late', 'unpaid'}
        Which money is to be found.
    language : {'en', 'fr'}
        Of the texts.

    Returns
    -------
    matplotlib.figure.Figure
        The model, the best baseline by this money, the largest amount, the oldest due date and
        foresight.

    Raises
    ------
    ConfigError
        If the proof does not judge the outcome.
    """
    rows = table_of(proof, "lift", outcome)
    names = rows["scorer"].unique(maintain_order=True).to_list()
    strokes = {"oracle": _FORESIGHT} | dict(
        zip([name for name in names if name != "oracle"], _STROKES, strict=False)
    )
    at_top = dict(
        rows.filter((pl.col("top_share") - TOP_SHARE).abs() < 1e-9).select("scorer", "captured").iter_rows()
    )
    title = phrase(
        f"figure.lift.{outcome}",
        language,
        top=format_share(TOP_SHARE, language),
        ours=format_share(at_top[names[0]], language, 1),
        theirs=format_share(at_top[names[1]], language, 1),
        baseline=scorer_name(names[1], language),
    )
    figure, (axis,) = sheet(title, 3.7)
    axis.plot([0.0, 1.0], [0.0, 1.0], color=LINE, linewidth=1.0)
    axis.axvline(TOP_SHARE, color=SOFT, linewidth=0.8, linestyle=":")
    for name, (color, style, width) in strokes.items():
        curve = rows.filter(scorer=name).drop_nulls("captured")
        axis.plot(
            curve["top_share"].to_list(),
            curve["captured"].to_list(),
            color=color,
            linestyle=style,
            linewidth=width,
        )
    _found_at_top(axis, at_top, strokes, language)
    axis.set_xlim(0.0, 1.0)
    axis.set_ylim(0.0, 1.02)
    for one in (axis.xaxis, axis.yaxis):
        one.set_major_formatter(in_percent(language))
    label(axis, phrase("figure.looked_at", language), phrase(f"figure.found.{outcome}", language))
    return figure


def _found_at_top(
    axis: Axes, at_top: dict[str, float], strokes: dict[str, tuple[str, str, float]], language: str
) -> None:
    """The names of the curves where no curve is, in the order in which they cross the line at 20 %."""
    order = sorted(at_top, key=lambda name: at_top[name] or 0.0)
    for place, name in enumerate(order):
        color, style, width = strokes[name]
        height = 0.05 + 0.075 * place
        text = f"{scorer_name(name, language)}\u00a0\u00a0{format_share(at_top[name], language, 1)}"
        write(axis, 0.93, height, text, color, ha="right", transform=axis.transAxes)
        axis.plot(
            [0.945, 0.99],
            [height, height],
            color=color,
            linestyle=style,
            linewidth=width,
            transform=axis.transAxes,
        )
    heading = phrase("figure.found_first", language, top=format_share(TOP_SHARE, language))
    write(axis, 0.99, 0.06 + 0.075 * len(order), heading, SOFT, ha="right", transform=axis.transAxes)


def stability(proof: Proof, outcome: str = "late", language: str = "en") -> Figure:
    """AUC and money found, book by book, each beside the baseline that is best by it.

    Parameters
    ----------
    proof : Proof
        As :func:`~paydelay.backtest` returns it.
    outcome : {'late', 'unpaid'}
        What was foreseen.
    language : {'en', 'fr'}
        Of the texts.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigError
        If the proof does not judge the outcome.
    """
    rows = table_of(proof, "books", outcome)
    auc, money, count = book_days(proof, outcome)
    title = phrase(f"figure.stability.{outcome}", language, auc=auc, money=money, n=count)
    figure, axes = sheet(title, 4.4, rows=2)
    value = f"{outcome}_value_20"
    best = {"auc": best_by_auc(proof, outcome), value: best_by_money(proof, outcome)}
    for axis, (column, baseline) in zip(axes, best.items(), strict=True):
        ends = []
        for name, (color, style, width) in zip((column, f"baseline_{column}"), _STROKES, strict=False):
            known = rows.drop_nulls(name)
            days = [float(day.toordinal()) for day in known["as_of"]]
            axis.plot(
                days,
                known[name].to_list(),
                color=color,
                linestyle=style,
                linewidth=width,
                marker="o",
                markersize=3,
            )
            ends.append((float(known[name][-1]) if known.height else np.nan, color))
        names = [scorer_name(name, language) for name in ("model", baseline)]
        _name_ends(axis, ends, names, rows["as_of"].to_list())
    axes[1].yaxis.set_major_formatter(in_percent(language))
    axes[0].yaxis.set_major_formatter(lambda tick, _position: format_number(tick, language, 2))
    days_across(axes[1], rows["as_of"].to_list(), language)
    label(axes[0], up=phrase("column.auc", language))
    top = format_share(TOP_SHARE, language)
    label(
        axes[1],
        phrase("figure.scored_on", language),
        phrase(f"figure.found_in_top.{outcome}", language, top=top),
    )
    return figure


def _name_ends(
    axis: Axes, ends: Sequence[tuple[float, str]], names: Sequence[str], days: Sequence[date]
) -> None:
    """Names at the right of two lines, pushed apart where the lines end close to each other."""
    low, high = axis.get_ylim()
    first, second = (0.5 if np.isnan(end) else (end - low) / (high - low) for end, _ in ends)
    words = ["\n".join(textwrap.wrap(name, _END_LETTERS)) for name in names]
    apart = max(abs(first - second), _LINE_HEIGHT * max(text.count("\n") + 1.2 for text in words)) / 2.0
    middle = min(max((first + second) / 2.0, apart), 1.0 - apart)
    sign = 1.0 if first >= second else -1.0
    span = max((days[-1] - days[0]).days, 1)
    axis.set_xlim(days[0].toordinal() - 0.03 * span, days[-1].toordinal() + 0.03 * span)
    for text, (_, color), place in zip(words, ends, (sign, -sign), strict=True):
        write(axis, 1.01, middle + place * apart, text, color, transform=axis.transAxes, linespacing=1.0)


def drivers(proof: Proof, language: str = "en") -> Figure:
    """What moves the probability of being late most, by cause.

    Parameters
    ----------
    proof : Proof
        As :func:`~paydelay.backtest` returns it.
    language : {'en', 'fr'}
        Of the texts.

    Returns
    -------
    matplotlib.figure.Figure
        The twelve largest, as shares of all that moves the log-odds.
    """
    shares = driver_shares(proof, language).head(_DRIVERS_SHOWN)
    first = shares.row(0, named=True)
    share = format_share(first["share"], language, 0)
    title = phrase("figure.drivers", language, name=first["name"], share=share)
    figure, (axis,) = sheet(title, 0.9 + 0.24 * shares.height)
    places = list(range(shares.height))
    values = shares["share"].to_list()
    axis.barh(places, values, color=OURS, height=0.62)
    axis.set_yticks(places, shares["name"].to_list())
    _plain_names(axis)
    for place, value in enumerate(values):
        write(axis, value, place, f"\u00a0{format_share(value, language, 0)}")
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    axis.set_xlim(0.0, 1.12 * max(*values, 1e-9))
    axis.xaxis.set_major_formatter(in_percent(language))
    below(figure, phrase("figure.driver_share", language))
    return figure


def slices(proof: Proof, outcome: str = "late", language: str = "en") -> Figure:
    """Predicted beside observed rate in every slice, with 95 % intervals of what came.

    Parameters
    ----------
    proof : Proof
        As :func:`~paydelay.backtest` returns it.
    outcome : {'late', 'unpaid'}
        What was foreseen.
    language : {'en', 'fr'}
        Of the texts.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigError
        If the proof does not judge the outcome.
    """
    rows = table_of(proof, "slices", outcome).with_columns(
        pl.col("came_low").fill_null(0.0), pl.col("came_high").fill_null(1.0)
    )
    inside = pl.col("predicted_share").is_between("came_low", "came_high")
    hits = rows.filter(inside).height
    title = phrase("figure.slices", language, hits=hits, n=rows.height)
    places, headings = _places(rows)
    figure, (axis,) = sheet(title, 1.1 + 0.19 * (len(places) + len(headings)))
    for place, row in zip(places, rows.with_columns(hit=inside).iter_rows(named=True), strict=True):
        faint = SOFT if row["row_count"] < FEW_ROWS else INK
        axis.plot([row["came_low"], row["came_high"]], [place, place], color=faint, linewidth=1.2)
        axis.plot(row["came_share"], place, marker="o", color=faint, markersize=3.5)
        axis.plot(
            row["predicted_share"],
            place,
            marker="D",
            markersize=4.5,
            markerfacecolor="none",
            color=OURS if row["hit"] else THEIRS,
            markeredgewidth=1.4,
        )
        count = format_number(row["row_count"], language, 0)
        write(axis, 1.02, place, count, faint, transform=axis.get_yaxis_transform(), fontsize=TEXT_SIZE - 1)
    named = [(place, slice_name(*row, language)) for place, row in _named(places, rows)]
    named += [(place, slice_kind(kind, language)) for kind, place in headings.items()]
    axis.set_yticks([place for place, _ in named], [name for _, name in named])
    _plain_names(axis)
    for tick in axis.get_yticklabels()[len(places) :]:
        tick.set_color(INK)
        tick.set_fontweight("bold")
    write(
        axis, 1.02, -0.6, phrase("figure.rows", language), SOFT, transform=axis.get_yaxis_transform(),
        fontsize=TEXT_SIZE - 1,
    )  # fmt: skip
    axis.set_ylim(max(places) + 0.8, -1.0)
    axis.grid(axis="y", visible=False)
    axis.xaxis.set_major_formatter(in_percent(language))
    below(figure, phrase(f"figure.slice_key.{outcome}", language))
    return figure


def _places(rows: pl.DataFrame) -> tuple[list[int], dict[str, int]]:
    """How far down each slice and the heading of each kind stand."""
    places: list[int] = []
    headings: dict[str, int] = {}
    down = 0
    for kind in rows["kind"]:
        if kind not in headings:
            headings[kind] = down
            down += 1
        places.append(down)
        down += 1
    return places, headings


def _named(places: list[int], rows: pl.DataFrame) -> list[tuple[int, tuple[str, str]]]:
    return list(zip(places, rows.select("kind", "slice").iter_rows(), strict=True))


def _plain_names(axis: Axes) -> None:
    """Names of a ledger are no formulas, whatever dollars are in them."""
    for tick in axis.get_yticklabels():
        tick.set_parse_math(False)
