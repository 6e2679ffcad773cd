"""The customers table: what the seller knows of its customers, revised as ratings drift."""

from __future__ import annotations

import numpy as np
import polars as pl

from paydelay.simulate.agents import COUNTRIES, SEGMENTS, Agents
from paydelay.simulate.days import SECTORS, Array, Days
from paydelay.simulate.world import World

RATINGS = ("A", "B", "C", "D", "E")
_RATING_BOUNDS = (-2.2, -0.9, 0.2, 1.3)
_REVIEW_DAYS = 91
_REVIEW_NOISE = 0.6
_CREDIT_MONTHS = 2.5
_CREDIT_FACTOR = np.array([1.5, 1.2, 1.0, 0.7, 0.4])
_INSURED_FACTOR = np.array([1.0, 1.0, 0.8, 0.4, 0.0])
_INSURED_SHARE = 0.9


class MasterFile:
    """Reviews every customer once a quarter and keeps what changed.

    Parameters
    ----------
    agents, days : Agents, Days
        Whose file it is.
    rng : numpy.random.Generator
        Noise of the raters.
    """

    def __init__(self, agents: Agents, days: Days, rng: np.random.Generator) -> None:
        self.agents, self.days, self.rng = agents, days, rng
        self.rating: Array = np.full(len(agents), -1, dtype=np.int16)
        self._parts: list[tuple[Array, Array, Array]] = []

    def review(self, day: int, world: World) -> None:
        """Rate the customers that arrive today and those whose quarter is over.

        Parameters
        ----------
        day : int
            Today.
        world : World
            Their liquidity, which a rater sees with an error.
        """
        agents = self.agents
        numbers = np.arange(len(agents))
        due = (numbers - day) % _REVIEW_DAYS == 0
        rows = np.flatnonzero((agents.first_day == day) | (due & (agents.first_day < day) & ~world.insolvent))
        seen = world.liquidity[rows] + _REVIEW_NOISE * self.rng.standard_normal(len(rows))
        rating = (len(RATINGS) - 1 - np.searchsorted(_RATING_BOUNDS, seen)).astype(np.int16)
        changed = rating != self.rating[rows]
        self.rating[rows] = rating
        rows = rows[changed]
        if len(rows):
            self._parts.append((rows, np.full(len(rows), day, dtype=np.int32), self.rating[rows].copy()))

    def frame(self, customer_ids: pl.Series) -> pl.DataFrame:
        """The slowly changing table, one row per customer and change.

        Parameters
        ----------
        customer_ids : polars.Series
            Identifier by position.

        Returns
        -------
        polars.DataFrame
            In the order of customer and ``valid_from``.
        """
        rows, day, rating = (np.concatenate(columns) for columns in zip(*self._parts, strict=True))
        order = np.lexsort((day, rows))
        rows, day, rating = rows[order], day[order], rating[order]
        agents = self.agents
        euros = agents.month_cents[rows].astype(np.float64) / 100
        credit = np.maximum(np.round(_CREDIT_MONTHS * euros * _CREDIT_FACTOR[rating], -3), 1000.0)
        insured = np.round(credit * _INSURED_FACTOR[rating], -2)
        group = agents.group[rows]
        parents = pl.Series([f"G{code:04d}" if code >= 0 else None for code in group], dtype=pl.String)
        is_insured = pl.Series(agents.insured[rows])
        frame = pl.DataFrame(
            {
                "customer_id": customer_ids.gather(rows),
                "valid_from": self.days.date64(day),
                "country": pl.Series(COUNTRIES).gather(agents.country[rows]),
                "sector": pl.Series(SECTORS).gather(agents.sector[rows]),
                "segment": pl.Series(SEGMENTS).gather(agents.segment[rows]),
                "parent_id": parents,
                "credit_limit": credit,
                "insured_limit": insured,
                "insured_share": np.full(len(rows), _INSURED_SHARE),
                "guarantee_amount": agents.guarantee_cents[rows] / 100,
                "external_rating": pl.Series(RATINGS).gather(rating),
                "_rated": agents.rated[rows],
            }
        )
        held = pl.col("guarantee_amount") > 0
        return frame.with_columns(
            pl.col("valid_from").cast(pl.Date),
            pl.when(is_insured).then(pl.col("insured_limit", "insured_share")),
            pl.when(held).then("guarantee_amount"),
            pl.when("_rated").then("external_rating"),
        ).drop("_rated")
