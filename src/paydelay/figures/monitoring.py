"""The figure of past scores beside what came."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from paydelay.figures.drawing import OURS, THEIRS, days_across, in_percent, label, sheet
from paydelay.figures.naming import Proof, table_of
from paydelay.language import format_share, phrase

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def realised(found: Proof, outcome: str = "late", language: str = "en") -> Figure:
    """Predicted share beside what came, by day of scoring.

    Parameters
    ----------
    found : Proof
        As :func:`~paydelay.monitor` returns it.
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
        If no outcome of that kind is known yet.

    Examples
    --------
    >>> found = pdl.monitor(ledger, "scores/", "2025-11-30", model=model)  # doctest: +SKIP
    >>> pdl.figures.realised(found).savefig("realised.svg")  # doctest: +SKIP
    """
    rows = table_of(found, "days", outcome)
    weights = rows["row_count"].to_numpy()
    said = {
        name: format_share(float(np.average(rows[f"{name}_share"].to_numpy(), weights=weights)), language, 0)
        for name in ("predicted", "came")
    }
    figure, (axis,) = sheet(phrase(f"figure.monitored.{outcome}", language, **said), 2.9)
    days = rows["as_of"].to_list()
    across = [float(day.toordinal()) for day in days]
    lines = {"predicted": (OURS, "--"), "came": (THEIRS, "-")}
    for name, (color, style) in lines.items():
        axis.plot(
            across,
            rows[f"{name}_share"].to_list(),
            color=color,
            linestyle=style,
            marker="o",
            markersize=3,
            label=phrase(f"figure.{name}_line", language),
        )
    highest = max(float(rows[f"{name}_share"].to_numpy().max()) for name in lines)
    axis.set_ylim(0.0, 1.1 * max(highest, 0.01))
    axis.yaxis.set_major_formatter(in_percent(language))
    axis.legend(frameon=False, fontsize=8)
    days_across(axis, days, language)
    label(axis, phrase("figure.scored_on", language), phrase(f"figure.came.{outcome}", language))
    return figure
