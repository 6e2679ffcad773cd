"""Figures of what features contribute to scores: over many invoices, and to one."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from paydelay.errors import ConfigError, FeatureMismatchError
from paydelay.features import Feature
from paydelay.figures.drawing import (
    INK,
    LINE,
    OURS,
    SOFT,
    TEXT_SIZE,
    THEIRS,
    THIRD,
    check_drawing,
    label,
    sheet,
    write,
)
from paydelay.figures.naming import driver_name, shown
from paydelay.language import format_number, format_share, phrase

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

_DRAWN_MAX = 600
"""Points of a row of a swarm: more of them hide one another."""
_NAME_LETTERS = 40
_PARTS = 4
_FACTORS = (2.0, 1.5, 1.2, 1.1, 1.05)
"""Marks on an axis of odds, the largest that fits."""
_WHOLE = ("days", "count", "date_part", "flag")
"""Units told without decimals."""


class Contributed(Protocol):
    """What is drawn: contributions to one score of many invoices, as ``Scores.contributions`` gives them."""

    @property
    def outcome(self) -> str:
        """Which score: late or unpaid."""

    @property
    def invoice_ids(self) -> tuple[str, ...]:
        """One per row."""

    @property
    def probability(self) -> Floats:
        """Of each row."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """One per column."""

    @property
    def values(self) -> Floats:
        """Of shape (n_rows, n_features), NaN where nothing is known."""

    @property
    def phi(self) -> Floats:
        """Log-odds, of the same shape."""

    def row_of(self, invoice_id: str) -> int:
        """Which row is that of an invoice."""


def beeswarm(contributed: Contributed, language: str = "en", top: int = 10) -> Figure:
    """What each feature did to the odds of every invoice, by its value.

    Parameters
    ----------
    contributed : Contributions
        As :meth:`~paydelay.Scores.contributions` returns them.
    language : {'en', 'fr'}
        Of the texts.
    top : int
        Features drawn, those that move the score most.

    Returns
    -------
    matplotlib.figure.Figure
        One point per invoice, of 600 at most.

    Raises
    ------
    ConfigError
        If there is no invoice to draw, or no feature is asked for.

    Examples
    --------
    >>> made = pdl.score(ledger, model, "2025-11-30").contributions("late")  # doctest: +SKIP
    >>> pdl.figures.beeswarm(made).savefig("beeswarm.svg")  # doctest: +SKIP
    """
    if not len(contributed.phi) or top < 1:
        raise ConfigError("There is nothing to draw; give the contributions of one invoice and one feature.")
    moved = np.abs(contributed.phi).mean(axis=0)
    chosen = np.argsort(-moved, kind="stable")[:top]
    first = contributed.features[chosen[0]]
    title = phrase(
        f"figure.beeswarm.{contributed.outcome}",
        language,
        name=_name(first, language),
        factor=_times(float(np.exp(moved[chosen[0]])), language),
        n=len(contributed.phi),
    )
    figure, (axis,) = sheet(title, 1.3 + 0.42 * len(chosen))
    rows = np.unique(np.linspace(0, len(contributed.phi) - 1, _DRAWN_MAX).astype(np.int64))
    phi = contributed.phi[np.ix_(rows, chosen)]
    width = 1.05 * max(float(np.abs(phi).max()), 0.1)
    for place, column in enumerate(chosen):
        _swarm(axis, place, phi[:, place], contributed.values[rows, column], width)
    axis.axvline(0.0, color=SOFT, linewidth=0.8)
    axis.set_yticks(range(len(chosen)), [_two_lines(contributed.features[at], language) for at in chosen])
    _plain_names(axis)
    axis.set_ylim(len(chosen) - 0.5, -0.5)
    axis.grid(axis="y", visible=False)
    axis.set_xlim(-width, width)
    _odds(axis, "x", width, language)
    _key(axis, language)
    label(axis, phrase(f"figure.odds.{contributed.outcome}", language))
    return figure


def dependence(contributed: Contributed, feature: str, language: str = "en") -> Figure:
    """How the odds go with the value of one feature.

    Parameters
    ----------
    contributed : Contributions
        As :meth:`~paydelay.Scores.contributions` returns them.
    feature : str
        Name of a feature of the model.
    language : {'en', 'fr'}
        Of the texts.

    Returns
    -------
    matplotlib.figure.Figure
        One point per invoice, and the median of those of like value; invoices of which the
        value is not known stand apart.

    Raises
    ------
    FeatureMismatchError
        If the model has no such feature.
    ConfigError
        If its value is known of no invoice.
    """
    names = [each.name for each in contributed.features]
    if feature not in names:
        raise FeatureMismatchError(
            f"The model has no feature '{shown(feature)}'; those it has stand in model.feature_names."
        )
    column = names.index(feature)
    values, phi = contributed.values[:, column], contributed.phi[:, column]
    known = ~np.isnan(values)
    if not known.any():
        raise ConfigError(
            f"The value of '{feature}' is known of none of these invoices; choose another feature."
        )
    told = contributed.features[column]
    low, high = _ends(values[known], phi[known])
    said = {
        "name": _name(told, language),
        "low": _times(float(np.exp(low)), language),
        "high": _times(float(np.exp(high)), language),
    }
    figure, (axis,) = sheet(phrase(f"figure.dependence.{contributed.outcome}", language, **said), 3.3)
    axis.axhline(0.0, color=SOFT, linewidth=0.8)
    axis.scatter(values[known], phi[known], s=9, color=OURS, alpha=0.35, linewidths=0)
    across, middle = _medians(values[known], phi[known])
    axis.plot(across, middle, color=THEIRS, linewidth=1.8)
    write(axis, 0.99, 0.05, phrase("figure.dependence_key", language), SOFT, ha="right",
          transform=axis.transAxes)  # fmt: skip
    if not known.all():
        _unknown(axis, values[known], phi[~known], language)
    if told.unit == "flag":
        axis.set_xticks([0.0, 1.0])
    axis.xaxis.set_major_formatter(lambda value, _position: _value(told, value, language))
    width = 1.05 * max(float(np.abs(phi).max()), 0.1)
    axis.set_ylim(-width, width)
    _odds(axis, "y", width, language)
    label(
        axis, f"{_name(told, language)} ({told.name})", phrase(f"figure.odds.{contributed.outcome}", language)
    )
    return figure


def explanation(contributed: Contributed, invoice_id: str, language: str = "en", top: int = 8) -> Figure:
    """What moved the score of one invoice, the strongest first.

    Parameters
    ----------
    contributed : Contributions
        As :meth:`~paydelay.Scores.contributions` returns them.
    invoice_id : str
        One of its invoices.
    language : {'en', 'fr'}
        Of the texts.
    top : int
        Features drawn by themselves; all others are one bar.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    LedgerError
        If the invoice is not among them, or a rule gives its score.
    """
    row = contributed.row_of(invoice_id)
    phi, values = contributed.phi[row], contributed.values[row]
    order = np.argsort(-np.abs(phi), kind="stable")
    chosen, others = order[:top], order[top:]
    title = phrase(
        f"figure.explanation.{contributed.outcome}",
        language,
        invoice=shown(invoice_id),
        share=format_share(float(contributed.probability[row]), language, 0),
        name=_name(contributed.features[chosen[0]], language),
        factor=_times(float(np.exp(phi[chosen[0]])), language),
    )
    names = [_with_value(contributed.features[at], values[at], language) for at in chosen]
    bars = [*phi[chosen], float(phi[others].sum())]
    names.append(phrase("figure.other_features", language, n=len(others)))
    figure, (axis,) = sheet(title, 1.1 + 0.36 * len(bars))
    axis.barh(range(len(bars)), bars, color=[THEIRS if bar > 0.0 else OURS for bar in bars], height=0.6)
    axis.axvline(0.0, color=SOFT, linewidth=0.8)
    axis.set_yticks(range(len(bars)), names)
    _plain_names(axis)
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    width = 1.35 * max(float(np.abs(bars).max()), 0.1)
    axis.set_xlim(-width, width)
    for place, bar in enumerate(bars):
        text = f"\u00a0{_times(float(np.exp(bar)), language)}\u00a0"
        write(axis, bar, place, text, ha="left" if bar >= 0.0 else "right")
    _odds(axis, "x", width, language)
    label(axis, phrase(f"figure.odds.{contributed.outcome}", language))
    return figure


# Words and numbers ----------------------------------------------------------------------


def _name(feature: Feature, language: str) -> str:
    """Of what a feature tells, in words; one's own feature has its own."""
    if feature.words and feature.cause == "covariate":
        words = shown(feature.words.get(language, feature.name))
        return words[:1].lower() + words[1:]
    return driver_name(feature.cause, language)


def _two_lines(feature: Feature, language: str) -> str:
    """Words, and below them the name by which the model knows the feature: several share the words."""
    return f"{textwrap.shorten(_name(feature, language), _NAME_LETTERS, placeholder='…')}\n{feature.name}"


def _with_value(feature: Feature, value: float, language: str) -> str:
    return f"{_name(feature, language)}\n{feature.name} = {_value(feature, value, language)}"


def _value(feature: Feature, value: float, language: str) -> str:
    if np.isnan(value):
        return phrase("figure.not_known", language)
    if feature.unit == "share":
        return format_share(value, language, 0)
    return format_number(value, language, 0 if feature.unit in (*_WHOLE, "amount") else None)


def _times(factor: float, language: str) -> str:
    """A factor on the odds."""
    return f"×\u00a0{format_number(factor, language, 2 if factor < 0.995 else 1)}"


# Parts of a drawing ----------------------------------------------------------------------


def _odds(axis: Axes, side: str, width: float, language: str) -> None:
    """Log-odds marked by the factors they are: equal steps to either side of 1."""
    steps, base = 1, next((factor for factor in _FACTORS if np.log(factor) <= 0.98 * width), _FACTORS[-1])
    if base >= 2.0:
        base = 2.0 if width < np.log(12.0) else 4.0
        steps = int(width / np.log(base))
    powers = range(-steps, steps + 1)
    names = [f"×\u00a0{_plain_factor(base**power, language)}" for power in powers]
    ticks = [power * float(np.log(base)) for power in powers]
    (axis.set_xticks if side == "x" else axis.set_yticks)(ticks, names)


def _plain_factor(factor: float, language: str) -> str:
    """With as few decimals as tell it: 0.5, 0.67, 2."""
    return format_number(
        factor,
        language,
        next((places for places in (0, 1, 2) if abs(round(factor, places) - factor) < 1e-9), 2),
    )


def _swarm(axis: Axes, place: int, phi: Floats, values: Floats, width: float) -> None:
    """The invoices of one feature: stacked where they are many, coloured by the rank of their value."""
    known = ~np.isnan(values)
    axis.axhline(place, color=LINE, linewidth=0.6, zorder=0)
    height = place + _stacked(phi, width)
    if (~known).any():
        axis.scatter(phi[~known], height[~known], s=5, color=SOFT, alpha=0.5, linewidths=0)
    if known.any():
        axis.scatter(
            phi[known], height[known], s=7, c=_rank(values[known]), cmap=_ramp(), vmin=0.0, vmax=1.0,
            alpha=0.9, linewidths=0,
        )  # fmt: skip


def _stacked(phi: Floats, width: float) -> Floats:
    """How far each point is moved from the middle of its row: the more alike, the further."""
    bins = np.round(phi / width * 45.0).astype(np.int64)
    order = np.argsort(bins, kind="stable")
    first = np.searchsorted(bins[order], bins[order])
    number = np.empty(len(phi), np.int64)
    number[order] = np.arange(len(phi)) - first
    counts = np.bincount(bins - bins.min())[bins - bins.min()]
    side = np.where(number % 2 == 0, 1.0, -1.0) * ((number + 1) // 2)
    # The fullest bin of a row reaches to its edge; a thin one stays in the middle.
    return np.asarray(0.38 * side / max(int(counts.max()) / 2.0, 6.0), np.float64)


def _rank(values: Floats) -> Floats:
    """From 0, the lowest value, to 1; equal ones rank alike."""
    _, code, count = np.unique(values, return_inverse=True, return_counts=True)
    above = np.cumsum(count) - count / 2.0
    return np.asarray(above[code] / len(values), np.float64) if len(count) > 1 else np.full(len(values), 0.5)


def _ramp() -> Colormap:
    """From the colour of low to that of high, through one that either stands out from."""
    check_drawing()
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("low_to_high", [OURS, "#b9b4a5", THEIRS])


def _key(axis: Axes, language: str) -> None:
    """What the colours say, above the rows."""
    words = [("low_value", OURS, 0.0), ("high_value", THEIRS, 0.34), ("not_known", SOFT, 0.68)]
    for key, color, across in words:
        text = f"●\u00a0{phrase(f'figure.{key}', language)}"
        write(axis, across, 1.01, text, color, va="bottom", transform=axis.transAxes, fontsize=TEXT_SIZE - 1)


def _ends(values: Floats, phi: Floats) -> tuple[float, float]:
    """Median contribution of the quarter with the lowest values, and of that with the highest."""
    low, high = np.quantile(values, (1.0 / _PARTS, 1.0 - 1.0 / _PARTS))
    return float(np.median(phi[values <= low])), float(np.median(phi[values >= high]))


def _medians(values: Floats, phi: Floats) -> tuple[Sequence[float], Sequence[float]]:
    """Median contribution over runs of like values, each of a twelfth of the rows or of one value."""
    edges = np.unique(np.quantile(values, np.linspace(0.0, 1.0, 13)))
    part = np.searchsorted(edges[1:-1], values, side="right") if len(edges) > 2 else (values > edges[0]) * 1
    parts = np.unique(part)
    return (
        [float(np.median(values[part == one])) for one in parts],
        [float(np.median(phi[part == one])) for one in parts],
    )


def _unknown(axis: Axes, known: Floats, phi: Floats, language: str) -> None:
    """Invoices whose value is not known, left of all others."""
    span = max(float(known.max() - known.min()), 1.0)
    at = float(known.min()) - 0.09 * span
    spread = np.linspace(-0.02, 0.02, len(phi)) * span if len(phi) > 1 else np.zeros(1)
    axis.scatter(at + spread, phi, s=9, color=THIRD, alpha=0.5, linewidths=0)
    axis.axvline(float(known.min()) - 0.045 * span, color=LINE, linewidth=1.0)
    text = phrase("figure.not_known_count", language, n=len(phi))
    write(axis, at, 0.97, text, THIRD, ha="left", transform=axis.get_xaxis_transform())


def _plain_names(axis: Axes) -> None:
    """Names from a ledger are no formulas; a second line is the smaller one's."""
    for tick in axis.get_yticklabels():
        tick.set_parse_math(False)
        tick.set_fontsize(TEXT_SIZE - 1)
        tick.set_color(INK)
