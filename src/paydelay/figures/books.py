"""Figures of a book: how old what is open is, and how late what fell due was paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from paydelay.errors import ConfigError
from paydelay.figures.drawing import FOURTH, OURS, SOFT, THEIRS, in_percent, label, sheet, write
from paydelay.language import format_amount, format_number, format_share, phrase

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

_OPEN = pl.col("open_amount_reporting")
_AGEING = {"not_due": 0, "days_1_30": 30, "days_31_60": 60, "days_61_90": 90, "over_90": None}
_FIRST_DAY, _LAST_DAY, _BAR_DAYS = -30, 90, 3
"""Delays that have bars of their own; what lies beyond is in the bar at either end."""


def aged_balance(scores: pl.DataFrame) -> pl.DataFrame:
    """The aged balance: what is open by days past due.

    Parameters
    ----------
    scores : polars.DataFrame
        ``days_past_due`` and ``open_amount_reporting`` of each open invoice.

    Returns
    -------
    polars.DataFrame
        Five rows, youngest first: ``age`` (key of a text), ``invoice_count``,
        ``open_amount`` and ``share`` of all that is open. Due on the day itself
        is not yet late.

    Examples
    --------
    >>> open_items = pl.DataFrame({"days_past_due": [-3, 0, 31], "open_amount_reporting": [5.0, 20.0, 75.0]})
    >>> aged_balance(open_items).filter(pl.col("share") > 0).select("age", "open_amount").rows()
    [('not_due', 25.0), ('days_31_60', 75.0)]
    """
    late = pl.col("days_past_due")
    named = pl.lit("over_90")
    for name, last in reversed(_AGEING.items()):
        if last is not None:
            named = pl.when(late <= last).then(pl.lit(name)).otherwise(named)
    sums = scores.group_by(age=named).agg(
        pl.len().cast(pl.Int64).alias("invoice_count"), _OPEN.sum().alias("open_amount")
    )
    total = pl.col("open_amount").sum()
    return (
        pl.DataFrame({"age": list(_AGEING)})
        .join(sums, on="age", how="left", maintain_order="left")
        .with_columns(pl.col("invoice_count", "open_amount").fill_null(0))
        .with_columns(share=pl.when(total > 0).then(pl.col("open_amount") / total).otherwise(0.0))
    )


def ageing(book: Any, currency: str | None = None, language: str = "en") -> Figure:
    """The aged balance: what is open by days past due.

    Parameters
    ----------
    book : Scores, or Panel of one date
        The open invoices; a panel shows them before there is a model.
    currency : str, optional
        Of the amounts, where the book does not say so itself: the ledger's reporting currency.
    language : {'en', 'fr'}
        Of the texts.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigError
        If the book holds several dates, or nothing tells the currency.

    Examples
    --------
    >>> panel = pdl.panel(ledger, ["2025-11-30"])  # doctest: +SKIP
    >>> pdl.figures.ageing(panel, ledger.reporting_currency).savefig("ageing.svg")  # doctest: +SKIP
    """
    rows: pl.DataFrame = book.frame if hasattr(book, "frame") else book.rows
    currency = currency or getattr(book, "reporting_currency", None)
    if currency is None:
        raise ConfigError("The book does not tell its currency; give currency=ledger.reporting_currency.")
    if rows["as_of"].n_unique() > 1:
        raise ConfigError("The book holds several dates, and a balance is of one; give the book of one date.")
    sums = aged_balance(rows)
    amounts, shares = sums["open_amount"].to_list(), sums["share"].to_list()
    said = {
        "total": format_amount(sum(amounts), currency, language, 0),
        "overdue": format_share(sum(shares[1:]), language, 0),
        "old": format_share(shares[-1], language, 1),
    }
    figure, (axis,) = sheet(phrase("figure.ageing", language, **said), 2.8)
    places = list(range(sums.height))
    axis.bar(places, amounts, color=[FOURTH] + [THEIRS] * (sums.height - 1), width=0.68)
    for place, amount, share in zip(places, amounts, shares, strict=True):
        text = f"{format_amount(amount, currency, language, 0)}\n{format_share(share, language, 1)}"
        write(axis, place, amount, text, ha="center", va="bottom")
    axis.set_xticks(places, [phrase(f"ageing.{age}", language) for age in sums["age"]])
    axis.set_yticks([])
    axis.set_ylim(0.0, 1.22 * max(*amounts, 1e-9))
    axis.spines["left"].set_visible(False)
    axis.grid(visible=False)
    label(axis, phrase("figure.days_past_due", language))
    return figure


def delays(delay_days: ArrayLike, language: str = "en") -> Figure:
    """How many days after the due date invoices were paid.

    Parameters
    ----------
    delay_days : array of shape (n_invoices,)
        As :meth:`~paydelay.Outcomes.delay_days` gives them: negative where early, infinite where not
        paid; NaN (wholly credited) is left out. Take invoices that fell due some months before the
        ledger ends: of younger ones only the quick payers are known.
    language : {'en', 'fr'}
        Of the texts.

    Returns
    -------
    matplotlib.figure.Figure
        Bars of three days; beyond 30 days early and 90 days late they hold all the rest.

    Raises
    ------
    ConfigError
        If there is no delay to draw.

    Examples
    --------
    >>> known = pdl.Outcomes.of(pdl.History.build(ledger), labels_at)  # doctest: +SKIP
    >>> pdl.figures.delays(known.delay_days()).savefig("delays.svg")  # doctest: +SKIP
    """
    days = np.asarray(delay_days, np.float64)
    days = days[~np.isnan(days)]
    if not len(days):
        raise ConfigError("There is no delay to draw; give the delays of one invoice or more.")
    late = days > 0.0
    said = {
        "count": format_number(len(days), language, 0),
        "late": format_share(float(late.mean()), language, 0),
        "very_late": format_share(float((days > 30.0).mean()), language, 1),
    }
    figure, (axis,) = sheet(phrase("figure.delays", language, **said), 3.0)
    # Whole days: a bar of -2 to 0 ends with the due date itself.
    edges = np.arange(_FIRST_DAY, _LAST_DAY + 2 * _BAR_DAYS, _BAR_DAYS) + 0.5
    held = np.clip(days, _FIRST_DAY + 1, _LAST_DAY + _BAR_DAYS)
    shares = np.histogram(held, edges)[0] / len(days)
    colors = [THEIRS if edge > 0.0 else OURS for edge in edges[:-1]]
    axis.bar(edges[:-1], shares, width=_BAR_DAYS * 0.9, align="edge", color=colors)
    axis.axvline(0.5, color=SOFT, linewidth=0.8)
    axis.set_ylim(0.0, 1.2 * float(shares.max()))
    step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2) if shares.max() <= 8.0 * step)
    axis.set_yticks(np.arange(0.0, 1.2 * shares.max(), step))
    write(axis, 0.01, 0.93, phrase("figure.to_due_date", language), OURS, ha="left", transform=axis.transAxes)
    write(axis, 0.99, 0.93, phrase("figure.after_due_date", language), THEIRS, ha="right",
          transform=axis.transAxes)  # fmt: skip
    ticks = list(range(_FIRST_DAY, _LAST_DAY + 1, 30))
    names = [format_number(tick, language, 0) for tick in ticks]
    last = phrase("figure.more_or_never", language, days=names[-1])
    axis.set_xticks([*ticks[:-1], _LAST_DAY + _BAR_DAYS], [*names[:-1], last])
    axis.grid(axis="x", visible=False)
    axis.yaxis.set_major_formatter(in_percent(language))
    label(axis, phrase("figure.delay_days", language), phrase("figure.share_of_invoices", language))
    return figure
