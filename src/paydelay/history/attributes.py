"""Slowly changing facts: the last value known of a customer, a group or the whole book."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.errors import LedgerError
from paydelay.history.facts import Codes, codes_of, to_days
from paydelay.history.ordering import DAY_BITS, entity_day_key, sort_order

TEXT_ATTRIBUTES = ("segment", "sector", "country", "external_rating")
_STEPS_BACK = 4
NUMBER_ATTRIBUTES = ("credit_limit", "insured_limit", "insured_share", "guarantee_amount")


@dataclass(frozen=True)
class AsOfTable:
    """Values that hold for an entity from a day on, until the next one.

    Parameters
    ----------
    key : array of shape (n_values,)
        Entity and day, sorted.
    values : array of shape (n_values,)
        Codes for texts, floats for numbers.
    names : polars.Series
        Text of each code; empty for numbers.
    by : str
        What the entity is.
    """

    key: NDArray[np.int64]
    values: NDArray[np.float64]
    names: pl.Series
    by: str = "customer"

    @classmethod
    def build(
        cls,
        entity: Codes,
        day: NDArray[np.integer],
        values: NDArray[np.float64],
        names: pl.Series | None = None,
        by: str = "customer",
    ) -> AsOfTable:
        """Sort values by entity and day; of several on one day the last row counts."""
        key = entity_day_key(entity, day)
        order = sort_order(key)
        key, values = key[order], values[order]
        last = np.append(key[1:] != key[:-1], True) if len(key) else np.empty(0, np.bool_)
        return cls(key[last], values[last], names if names is not None else pl.Series(dtype=pl.String), by)

    @cached_property
    def _first(self) -> NDArray[np.int64]:
        """Position of the first value of each entity, with one more element at the end."""
        count = int(self.key[-1] >> DAY_BITS) + 1 if len(self.key) else 0
        return np.searchsorted(self.key, np.arange(count + 1, dtype=np.int64) << DAY_BITS)

    def at(self, entity: Codes, day: NDArray[np.integer]) -> NDArray[np.float64]:
        """Last value known on a day; NaN where none is."""
        known = (entity >= 0) & (entity < len(self._first) - 1)
        if not known.any():
            return np.full(len(entity), np.nan)
        own = np.where(known, entity, 0)
        wanted = entity_day_key(own, day)
        # Most entities have few values and are asked for the latest: walk back from it.
        row = self._first[own + 1] - 1
        for _ in range(_STEPS_BACK):
            later = self.key[row] > wanted
            if not later.any():
                break
            row -= later & (row > 0)
        else:
            row = np.searchsorted(self.key, wanted, side="right") - 1
        found = known & (row >= self._first[own]) & (self.key[row] <= wanted)
        return np.where(found, self.values[row], np.nan)

    def codes(self, entity: Codes, day: NDArray[np.integer]) -> Codes:
        """Last code known on a day; -1 where none is."""
        value = self.at(entity, day)
        return np.where(np.isnan(value), -1, value).astype(np.int64)


def attribute_tables(table: pl.DataFrame, customers: pl.Series) -> dict[str, AsOfTable]:
    """Every attribute of the customers table as a dated lookup by customer code."""
    tables: dict[str, AsOfTable] = {}
    for name in TEXT_ATTRIBUTES:
        known = table.filter(pl.col(name).is_not_null())
        names = known[name].unique().sort()
        tables[name] = _by_customer(known, customers, codes_of(known[name], names).astype(np.float64), names)
    for name in NUMBER_ATTRIBUTES:
        known = table.filter(pl.col(name).is_not_null())
        tables[name] = _by_customer(known, customers, known[name].to_numpy())
    tables["parent_id"] = _parents(table, customers)
    return tables


def _by_customer(
    known: pl.DataFrame, customers: pl.Series, values: NDArray[np.float64], names: pl.Series | None = None
) -> AsOfTable:
    return AsOfTable.build(
        codes_of(known["customer_id"], customers), to_days(known["valid_from"]), values, names
    )


def _parents(table: pl.DataFrame, customers: pl.Series) -> AsOfTable:
    """Group of each customer: its parent once one is known, itself until then."""
    known = table.filter(pl.col("parent_id").is_not_null())
    names = pl.concat([customers, known["parent_id"]]).unique().sort()
    itself = codes_of(customers, names).astype(np.float64)
    entity = np.concatenate([np.arange(len(customers)), codes_of(known["customer_id"], customers)])
    day = np.concatenate([np.full(len(customers), -(1 << 13), np.int32), to_days(known["valid_from"])])
    values = np.concatenate([itself, codes_of(known["parent_id"], names).astype(np.float64)])
    return AsOfTable.build(entity, day, values, names)


def covariate_columns(table: pl.DataFrame) -> list[str]:
    """Columns of a dated table that can be looked up."""
    return [name for name in table.columns if table.schema[name].is_numeric()]


def covariate_tables(
    covariates: Mapping[str, pl.DataFrame], customers: pl.Series, attributes: Mapping[str, AsOfTable]
) -> dict[tuple[str, str], AsOfTable]:
    """A user's own dated tables as lookups, one per numeric column."""
    tables: dict[tuple[str, str], AsOfTable] = {}
    keys = {"customer_id": customers} | {name: attributes[name].names for name in TEXT_ATTRIBUTES}
    for name, table in covariates.items():
        if "known_on" not in table.columns or table["known_on"].dtype != pl.Date:
            raise LedgerError(
                f"The covariate table '{name}' has no date column 'known_on'; add the day from which "
                "each row was known, so that no score sees it earlier."
            )
        key = next((column for column in keys if column in table.columns), None)
        columns = covariate_columns(table)
        if not columns:
            raise LedgerError(f"The covariate table '{name}' has no numeric column to look up.")
        dated = table.filter(pl.col("known_on").is_not_null()).sort("known_on", maintain_order=True)
        entity = codes_of(dated[key], keys[key]) if key else np.zeros(dated.height, np.int64)
        by = "book" if key is None else key.removesuffix("_id")
        for column in columns:
            known = dated[column].is_not_null().to_numpy() & (entity >= 0)
            tables[name, column] = AsOfTable.build(
                entity[known],
                to_days(dated["known_on"])[known],
                dated[column].cast(pl.Float64).to_numpy()[known],
                by=by,
            )
    return tables
