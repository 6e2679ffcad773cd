"""Says why the scores of a book are what they are, by invoice and by customer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.config import booster_threads
from paydelay.explain import (
    REASONS_DTYPE,
    Contributions,
    contributions,
    customer_reasons,
    fold_horizon,
    reasons,
    rule_reasons,
    small_signs,
)
from paydelay.features import Catalogue
from paydelay.model import HORIZON_COLUMNS, DelayModel, horizon_matrix
from paydelay.panel import Panel

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

SCORES = ("late", "unpaid")
# Of so many rows at a time contributions are held, however long the queue.
_ROWS_AT_ONCE = 20_000
_NONE = pl.lit([], dtype=REASONS_DTYPE)


@dataclass(frozen=True)
class Telling:
    """How reasons are told.

    Parameters
    ----------
    language : str
        Of the sentences.
    currency : str
        Of amounts.
    limit : int
        Reasons per score, at most.
    """

    language: str
    currency: str
    limit: int


class Teller:
    """Explains the scores of one panel.

    Parameters
    ----------
    panel : Panel
        The rows scored.
    model : DelayModel
        What scored them.
    catalogue : Catalogue
        The model's features.
    prob_unpaid : polars.Series
        Of each row, for the rates of the book that are told.
    telling : Telling
        Language, currency and number of reasons.
    """

    def __init__(
        self,
        panel: Panel,
        model: DelayModel,
        catalogue: Catalogue,
        prob_unpaid: pl.Series,
        telling: Telling,
    ) -> None:
        self._panel, self._model, self._catalogue = panel, model, catalogue
        self._prob_unpaid, self._telling = prob_unpaid.to_numpy(), telling
        outcomes = model.manifest["outcomes"]
        unpaid = outcomes["unpaid_after_days"]
        # A pooled curve follows the individual one up to its last supported horizon.
        self._horizon = {"late": outcomes["grace_days"], "unpaid": min(unpaid, model.pooled.supported_days)}
        self._asked = {"late": outcomes["grace_days"], "unpaid": unpaid}
        self._usual = {name: value for name, value in model.manifest["usual"].items() if value is not None}

    def _contributions(self, which: str, rows: Rows) -> tuple[Floats, Floats]:
        X = self._panel.matrix(self._model.feature_names)[rows]
        matrix = horizon_matrix(X, self._model.feature_names, np.array(self._horizon[which]))
        phi, base = contributions(
            self._model.booster, matrix, thread_count=booster_threads(self._model.thread_count)
        )
        width = X.shape[1]
        return fold_horizon(phi, base, range(width, width + len(HORIZON_COLUMNS)))

    def _values(self, rows: Rows) -> Floats:
        """Features as a reader may be told of them."""
        return self._catalogue.observed(self._panel.matrix(self._model.feature_names)[rows])

    def _is_pooled(self, which: str) -> bool:
        return which == "unpaid" and self._model.unpaid_is_pooled

    def _rules(self, which: str, rows: Rows) -> list[str | None]:
        """Rule that gives each row's score, None where the model does."""
        overdue = pl.col("days_past_due")
        rule = (
            pl.when(pl.col("written_off"))
            .then(pl.lit("rule_written_off"))
            .when(pl.col("insolvent_on").is_not_null())
            .then(pl.lit("rule_insolvent"))
            .when(overdue >= self._asked[which])
            .then(pl.lit("rule_unpaid" if which == "unpaid" else "rule_overdue"))
            .when(pl.lit(self._is_pooled(which)) & (overdue >= self._horizon[which]))
            .then(pl.lit("pooled_rate"))
        )
        return self._panel.rows[rows].select(rule=rule)["rule"].to_list()

    def pooled(self, which: str) -> pl.Series:
        """Whether each row's score follows the book's own rate, at least in part."""
        if not self._is_pooled(which):
            return pl.Series("pooled", np.zeros(len(self._panel), np.bool_))
        ruled = self._rules(which, np.arange(len(self._panel), dtype=np.int64))
        return pl.Series("pooled", [rule in (None, "pooled_rate") for rule in ruled], dtype=pl.Boolean)

    def reasons(self, which: str, rows: Rows) -> pl.Series:
        """Reasons of the given rows; an empty list for every other."""
        ruled = self._rules(which, rows)
        free = np.array([rule is None for rule in ruled], np.bool_)
        others = np.setdiff1d(np.arange(len(self._panel)), rows)
        told = [
            self._by_model(which, rows[free]),
            self._by_rule(which, [rule for rule in ruled if rule], rows[~free]),
            pl.Series("reasons", [[] for _ in others], dtype=REASONS_DTYPE),
        ]
        place = np.argsort(np.concatenate([rows[free], rows[~free], others]), kind="stable")
        return pl.concat(told).gather(place)

    def _by_rule(
        self, which: str, rules: list[str], rows: Rows, oldest: list[str | None] | None = None
    ) -> pl.Series:
        days = self._panel.rows["days_past_due"].to_numpy()[rows]
        is_rate = np.array([rule == "pooled_rate" for rule in rules], np.bool_)
        values = np.where(is_rate, self._prob_unpaid[rows], days)
        limits = np.where(is_rate, days, self._asked[which])
        return rule_reasons(rules, values, self._telling.language, limits=limits, oldest=oldest)

    def _by_model(self, which: str, rows: Rows) -> pl.Series:
        """Reasons the trees give; where the score is pooled in part, that comes first."""
        told = [pl.Series("reasons", [], dtype=REASONS_DTYPE)]
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = rows[start : start + _ROWS_AT_ONCE]
            phi, _ = self._contributions(which, part)
            found = reasons(
                phi,
                self._values(part),
                self._catalogue.features,
                self._usual,
                self._telling.language,
                self._room(which),
                self._telling.currency,
            )
            told.append(self._led(which, found, small_signs(phi, self._telling.language)))
        return pl.concat(told)

    def _room(self, which: str) -> int:
        """Reasons that are left to the trees."""
        return max(1, self._telling.limit - self._is_pooled(which))

    def _led(self, which: str, found: pl.Series, otherwise: pl.Series) -> pl.Series:
        """The reasons found, or what is said where none is; of a pooled score behind a note that it is."""
        both = pl.DataFrame({"found": found, "otherwise": otherwise})
        told = pl.when(pl.col("found").list.len() > 0).then("found").otherwise("otherwise")
        if not self._is_pooled(which):
            return both.select(reasons=told)["reasons"]
        note = self._note(which, np.ones(len(found), np.bool_))
        return both.select(reasons=pl.concat_list(note, told).list.head(self._telling.limit))["reasons"]

    def _note(self, which: str, wanted: NDArray[np.bool_]) -> pl.Series:
        """That a score is pooled, where it is wanted; null elsewhere."""
        rules = ["pooled_unpaid" if one and self._is_pooled(which) else None for one in wanted]
        return rule_reasons(rules, np.zeros(len(rules)), self._telling.language).alias("note")

    # By customer --------------------------------------------------------------------

    def by_customer(self, invoices: pl.DataFrame) -> pl.DataFrame:
        """Reasons of the customers of some invoices, from all contributions of these.

        Parameters
        ----------
        invoices : polars.DataFrame
            ``row`` in the panel, ``invoice_id``, ``customer_id``, ``days_past_due``
            and ``open_amount_reporting`` of each.

        Returns
        -------
        polars.DataFrame
            ``customer_id``, ``reasons_late``, ``reasons_unpaid``; one row per customer.
        """
        told = [self._customers_told(part) for part in _parts(invoices.sort("customer_id", "row"))]
        types: dict[str, Any] = {
            "customer_id": pl.String,
            **{f"reasons_{which}": REASONS_DTYPE for which in SCORES},
        }
        return pl.concat([pl.DataFrame(schema={"customer_id": pl.String, **types}), *told])

    def _customers_told(self, invoices: pl.DataFrame) -> pl.DataFrame:
        customers = invoices["customer_id"].unique(maintain_order=True)
        groups = invoices["customer_id"].rle_id().to_numpy().astype(np.int64)
        told = {f"reasons_{which}": self._of_customers(which, invoices, groups) for which in SCORES}
        return pl.DataFrame({"customer_id": customers, **told})

    def _of_customers(self, which: str, invoices: pl.DataFrame, groups: Rows) -> pl.Series:
        """One list per group: the rule of its oldest invoice, then what the contributions say."""
        rows = invoices["row"].to_numpy().astype(np.int64)
        ruled = self._rules(which, rows)
        free = np.array([rule is None for rule in ruled], np.bool_)
        phi = np.zeros((len(rows), len(self._catalogue)))
        if free.any():
            phi[free], _ = self._contributions(which, rows[free])
        found = customer_reasons(
            phi,
            self._values(rows),
            invoices["open_amount_reporting"].to_numpy(),
            groups,
            invoices["invoice_id"].to_list(),
            self._catalogue.features,
            self._usual,
            language=self._telling.language,
            limit=self._telling.limit,
            currency=self._telling.currency,
        )
        lead = self._lead(which, invoices, groups, ruled)
        starts = np.flatnonzero(np.diff(groups, prepend=-1))
        note = self._note(which, np.logical_or.reduceat(free, starts))
        otherwise = small_signs(np.add.reduceat(phi, starts), self._telling.language)
        whole = pl.DataFrame({"lead": lead, "note": note, "found": found, "otherwise": otherwise})
        nothing = pl.col("lead").is_null() & (pl.col("found").list.len() == 0)
        parts = (
            pl.col("lead").fill_null(_NONE),
            pl.col("note").fill_null(_NONE),
            pl.when(nothing).then("otherwise").otherwise("found"),
        )
        return whole.select(reasons=pl.concat_list(*parts).list.head(max(2, self._telling.limit)))["reasons"]

    def _lead(self, which: str, invoices: pl.DataFrame, groups: Rows, ruled: list[str | None]) -> pl.Series:
        """What a rule says of each customer's oldest invoice; null where no rule gives a score."""
        oldest = (
            invoices.select(
                "row",
                "invoice_id",
                "days_past_due",
                "open_amount_reporting",
                group=pl.Series(groups),
                rule=pl.Series(ruled, dtype=pl.String),
                several=pl.len().over(pl.Series(groups)) > 1,
            )
            .filter(pl.col("rule").is_not_null())
            .sort("days_past_due", "open_amount_reporting", "invoice_id", descending=[True, True, False])
            .unique("group", keep="first", maintain_order=True)
        )
        names = [
            name if several else None for name, several in oldest.select("invoice_id", "several").iter_rows()
        ]
        rows = oldest["row"].to_numpy().astype(np.int64)
        told = pl.DataFrame(
            {"group": oldest["group"], "lead": self._by_rule(which, oldest["rule"].to_list(), rows, names)}
        )
        every = pl.DataFrame({"group": np.unique(groups)})
        return every.join(told, on="group", how="left", maintain_order="left")["lead"]

    # Some rows in full --------------------------------------------------------------

    def contributed(self, which: str, scored: pl.DataFrame) -> Contributions:
        """Contributions of some rows of the score table, whose places are in ``row``."""
        rows = scored["row"].to_numpy().astype(np.int64)
        free = np.array([rule is None for rule in self._rules(which, rows)], np.bool_)
        told = scored.filter(free)
        phi, base = np.zeros((0, len(self._catalogue))), np.zeros(0)
        if free.any():
            phi, base = self._contributions(which, rows[free])
        return Contributions(
            outcome=which,
            invoice_ids=tuple(told["invoice_id"]),
            probability=told[f"prob_{which}"].to_numpy(),
            features=self._catalogue.features,
            values=self._panel.matrix(self._model.feature_names)[rows[free]].astype(np.float64),
            phi=phi,
            base=base,
            ruled_count=int((~free).sum()),
        )

    # One row in full ----------------------------------------------------------------

    def explain(self, scored: Mapping[str, Any]) -> dict[str, Any]:
        """Contributions of one row of the score table, whose place is its ``row``, for both scores."""
        at = np.array([scored["row"]], np.int64)
        names = self._model.feature_names
        values = dict(zip(names, self._panel.X[scored["row"]].tolist(), strict=True))
        told: dict[str, Any] = {}
        for which, horizon in self._horizon.items():
            told[which] = {
                "probability": scored[f"prob_{which}"],
                "rule": self._rules(which, at)[0],
                "pooled": which == "unpaid" and scored["prob_unpaid_pooled"],
                "horizon_days": horizon,
                "base": None,
                "margin": None,
                "contributions": {},
                "values": values,
            }
            if told[which]["rule"] is None:
                phi, base = self._contributions(which, at)
                order = np.argsort(-np.abs(phi[0]), kind="stable")
                told[which] |= {
                    "base": float(base[0]),
                    "margin": float(phi.sum() + base[0]),
                    "contributions": {names[column]: float(phi[0, column]) for column in order},
                }
        return told


def _parts(invoices: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Runs of whole customers of a frame sorted by customer."""
    if invoices.is_empty():
        return
    customer = invoices["customer_id"].rle_id().to_numpy()
    ends = np.append(np.flatnonzero(np.diff(customer)) + 1, len(customer)).tolist()
    start = 0
    for number, end in enumerate(ends):
        following = ends[number + 1] if number + 1 < len(ends) else None
        if following is None or following - start > _ROWS_AT_ONCE:
            yield invoices.slice(start, end - start)
            start = end
