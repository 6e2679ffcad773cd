"""Columns that ideas add to a panel, take away or make anew, from what the panel knows at each as_of.

None reads an outcome: the rates that are pooled are those that the features had on
the same day.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from origins import Origin
from recipes import Growth, grow

from paydelay.features import CATALOGUE, RUN_RATE_NAMES
from paydelay.panel import Panel

RISING = (
    *("delay_mean_90", "delay_mean_365", "delay_mean_last5", "delay_mean_last20", "delay_mean_all"),
    *("delay_last1", "late_share_30", "late_share_90", "late_share_last5", "late_share_last20"),
    *("late15_share_365", "late30_share_365", "late_share_shrunk_365", "delay_mean_shrunk_365"),
    *("delay_weighted_365", "cohort_delay_mean_90", "cohort_delay_mean_365", "cohort_delay_weighted_90"),
    *("cohort_late_share_90", "cohort_late30_share_365", "weekday_delay_mean_365"),
    *("weekday_late_share_365", "terms_delay_mean_365", "terms_late_share_365"),
    *("weekday_delay_mean_last5", "parent_cohort_delay_mean_365", "season_late_share"),
)
"""Who paid later before pays later now: any of these, all else equal."""
RISING_SHRUNK = (
    *("late_share_shrunk_365", "delay_mean_shrunk_365", "weekday_late_share_365"),
    *("weekday_delay_mean_365", "terms_late_share_365", "terms_delay_mean_365"),
)
"""The same for the pulled ones only, whose number says no more than how late."""
_OWN_PULL, _PART_PULL = 10.0, 4.0
_CLUSTER_FEATURES = (
    *("late_share_shrunk_365", "delay_mean_shrunk_365", "delay_spread_365", "run_wait_days"),
    *("run_count_182", "run_month_end_share", "terms_days", "issued_count_90", *RUN_RATE_NAMES[:5]),
)


def column(panel: Panel, name: str) -> np.ndarray:
    """One feature of every row."""
    return panel.X[:, panel.feature_names.index(name)].astype(np.float64)


def with_columns(panel: Panel, added: dict[str, np.ndarray]) -> Panel:
    """The panel with columns of these names, in place of its own where it has them."""
    places = {name: place for place, name in enumerate(panel.feature_names)}
    X = panel.X.copy()
    for name in added.keys() & places.keys():
        X[:, places[name]] = added[name]
    fresh = [name for name in added if name not in places]
    X = np.column_stack([X, *(added[name] for name in fresh)]).astype(np.float32)
    return replace(panel, X=X, feature_names=(*panel.feature_names, *fresh))


def pay_days(origin: Origin, panel: Panel) -> Panel:  # noqa: ARG001 - as Growth calls it
    """On which of its pay days would the customer pay: none before the due date, on it, just after it."""
    return with_columns(panel, pay_day_columns(panel))


def pay_day_columns(panel: Panel) -> dict[str, np.ndarray]:
    """What the usual weekdays of the customer's payments say of the days around the due date.

    Parameters
    ----------
    panel : Panel
        With the run rates, the due weekday and the days past due.

    Returns
    -------
    dict of str to array of shape (n_rows,)
        ``prob_no_run_before_due``, over the days from tomorrow to the due date;
        ``run_rate_due``, ``run_rate_day_after``: chance of a run on the due date and the
        day after it; ``run_last_before_due_days``: expected days from the last run
        of the week that ends on the due date to it.
    """
    rates = np.column_stack([column(panel, name) for name in RUN_RATE_NAMES])
    due = _due_weekday(panel)
    row = np.arange(len(panel))
    ahead = np.maximum(-column(panel, "days_past_due").astype(np.int64), 0)
    log_none = np.log1p(-np.minimum(rates, 0.999))
    none = (ahead // 7) * log_none.sum(axis=1)
    left = ahead % 7
    gone, none_since = np.zeros(len(panel)), np.ones(len(panel))
    for back in range(7):
        weekday = (due - back) % 7
        none = none + np.where(back < left, log_none[row, weekday], 0.0)
        gone += none_since * rates[row, weekday] * back
        none_since = none_since * (1.0 - rates[row, weekday])
    return {
        "prob_no_run_before_due": np.exp(none),
        "run_rate_due": rates[row, due],
        "run_rate_day_after": rates[row, (due + 1) % 7],
        "run_last_before_due_days": gone + 7.0 * none_since,
    }


def _due_weekday(panel: Panel) -> np.ndarray:
    """Monday 0 to Sunday 6."""
    return panel.rows["due_date"].dt.weekday().to_numpy().astype(np.int64) - 1


def without_runs(origin: Origin, panel: Panel) -> Panel:  # noqa: ARG001 - as Growth calls it
    """The run rates blotted out, and with them what is expected of them at each horizon."""
    known = {feature.name for feature in CATALOGUE if feature.family == "rhythm"}
    # A rate of 0 on every day expects no run; the columns of the horizon need a number.
    blank = {name: np.full(len(panel), 0.0 if name in RUN_RATE_NAMES else np.nan) for name in sorted(known)}
    return with_columns(panel, blank)


def pulled(panel: Panel, strength: float) -> Panel:
    """Customer effects pulled ``strength`` times as hard toward the broader means."""
    made: dict[str, np.ndarray] = {}
    for measure, count in (("late_share", "due_count_365"), ("delay_mean", "settled_count_365")):
        book = "book_late_share_365" if measure == "late_share" else "book_delay_mean_365"
        toward = np.nan_to_num(column(panel, book), nan=0.5 if measure == "late_share" else 0.0)
        name = f"{measure}_shrunk_365"
        own = column(panel, name)
        made[name] = repull(own, column(panel, count), (toward, toward), _OWN_PULL, strength)
        for part in ("weekday", "terms"):
            narrow = f"{part}_{measure}_365"
            number = column(panel, f"{part}_settled_count_365")
            narrowed = column(panel, narrow)
            made[narrow] = repull(narrowed, number, (own, made[name]), _PART_PULL, strength)
    return with_columns(panel, made)


def repull(
    estimate: np.ndarray,
    count: np.ndarray,
    toward: tuple[np.ndarray, np.ndarray],
    pull: float,
    strength: float,
) -> np.ndarray:
    """An estimate pulled toward a mean, with another strength and another mean.

    Parameters
    ----------
    estimate, count : array of shape (n_rows,)
        (sum + pull x old mean) / (count + pull), and the count.
    toward : tuple of two arrays of shape (n_rows,)
        The mean it was pulled toward, and the one it is to be pulled toward.
    pull, strength : float
        How many events the mean weighed, and the factor on that.
    """
    old, new = toward
    total = estimate * (count + pull) - pull * old
    return (total + pull * strength * new) / (count + pull * strength)


def like_customers(origin: Origin, panel: Panel) -> Panel:
    """Late share and delay of the customers that pay alike, on the same day."""
    return with_columns(panel, _means(panel, _group(origin, panel), "like"))


def like_invoices(origin: Origin, panel: Panel) -> Panel:  # noqa: ARG001 - as Growth calls it
    """Late share and delay of all customers with invoices of like terms, and due on the same weekday."""
    terms = np.digitize(column(panel, "terms_days"), [1, 8, 15, 25, 32, 46, 62])
    made = _means(panel, terms, "terms_book", "terms")
    return with_columns(panel, made | _means(panel, _due_weekday(panel), "weekday_book", "weekday"))


def _group(origin: Origin, panel: Panel) -> np.ndarray:
    """Cluster of each row's customer, by centres drawn from the training rows."""
    from sklearn.cluster import KMeans

    key = "customer clusters"
    if key not in origin.grown:
        known = _like(origin.panel)
        middle, spread = np.nanmean(known, axis=0), np.nanstd(known, axis=0) + 1e-9
        scaled = np.nan_to_num((known - middle) / spread)
        drawn = np.random.default_rng(7).permutation(len(scaled))[:10_000]
        origin.grown[key] = (
            middle,
            spread,
            KMeans(n_clusters=12, n_init=2, random_state=7).fit(scaled[drawn]),
        )
    middle, spread, centres = origin.grown[key]
    return centres.predict(np.nan_to_num((_like(panel) - middle) / spread))


def _like(panel: Panel) -> np.ndarray:
    return np.column_stack([column(panel, name) for name in _CLUSTER_FEATURES])


def _means(panel: Panel, group: np.ndarray, prefix: str, part: str = "") -> dict[str, np.ndarray]:
    """Mean of the customers' own rates over a group on a day, each customer once, by its settlements."""
    late, delay, count = (
        (f"{part}_late_share_365", f"{part}_delay_mean_365", f"{part}_settled_count_365")
        if part
        else ("late_share_shrunk_365", "delay_mean_shrunk_365", "settled_count_365")
    )
    rows = pl.DataFrame(
        {
            "day": panel.as_of_day,
            "group": group,
            "customer": panel.rows["customer_id"],
            "late": column(panel, late),
            "delay": column(panel, delay),
            "count": column(panel, count) + 1.0,
        }
    ).fill_nan(None)
    once = rows.unique(["day", "group", "customer"], maintain_order=True)
    # One large customer is not its group: beyond 30 settlements it counts no more.
    weight = pl.col("count").clip(upper_bound=30.0)
    means = once.group_by("day", "group").agg(
        ((pl.col(name) * weight).sum() / weight.sum()).alias(f"{name}_mean") for name in ("late", "delay")
    )
    found = rows.join(means, on=["day", "group"], how="left", maintain_order="left")
    return {
        f"{prefix}_late_share": found["late_mean"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        f"{prefix}_delay_mean": found["delay_mean"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
    }


def strongest(origin: Origin, panel: Panel, count: int) -> Panel:
    """The features that bring the first booster most, and those that the curve is computed from.

    The first booster is that of the plain growth: it knows the outcomes that were
    known at the split, and no later ones.
    """
    gains = grow(origin, Growth()).first.gains[: len(panel.feature_names)]
    kept = np.argsort(-gains, kind="stable")[:count]
    blank = [name for place, name in enumerate(panel.feature_names) if place not in set(kept.tolist())]
    needed = {"days_past_due", "as_of_weekday", *RUN_RATE_NAMES}
    return with_columns(panel, {n: np.full(len(panel), np.nan) for n in blank if n not in needed})
