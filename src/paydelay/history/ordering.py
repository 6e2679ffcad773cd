"""Orders and codes of whole numbers: how the history sorts, and how it avoids to."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

DAY_BITS = 17
_DAY_ZERO = 1 << 14
"""Days run from 1925 to 2283 in 17 bits, which covers every date a ledger may hold."""
_CELLS_PER_ELEMENT = 8
_CELLS_MIN = 1 << 16


def entity_day_key(entity: NDArray[np.integer], day: NDArray[np.integer]) -> Integers:
    """One integer that sorts by entity, then by day; days beyond reach sort last."""
    clipped = np.clip(day.astype(np.int64) + _DAY_ZERO, 0, (1 << DAY_BITS) - 1)
    return (entity.astype(np.int64) << DAY_BITS) | clipped


def sort_order(key: NDArray[np.integer]) -> Integers:
    """Stable order of a key; packs key and position into one integer where they fit."""
    if not len(key):
        return np.empty(0, np.int64)
    position_bits = max(1, int(len(key) - 1).bit_length())
    if int(key.max()).bit_length() + position_bits < 63:
        packed = (key.astype(np.int64) << position_bits) | np.arange(len(key), dtype=np.int64)
        packed.sort()
        packed &= (1 << position_bits) - 1
        return packed
    return np.argsort(key, kind="stable")


def distinct(codes: Integers) -> tuple[Integers, NDArray[np.intp]]:
    """Sorted distinct codes, none negative, and the position of each element among them.

    As ``np.unique`` does by a sort; codes that are not many more than elements
    are marked in a table instead.
    """
    width = int(codes.max()) + 1 if len(codes) else 0
    if width > max(_CELLS_PER_ELEMENT * len(codes), _CELLS_MIN):
        values, position = np.unique(codes, return_inverse=True)
        return values, position
    present = np.zeros(width, np.bool_)
    present[codes] = True
    values = np.flatnonzero(present)
    rank = np.empty(width, np.intp)
    rank[values] = np.arange(len(values))
    return values, rank[codes]


def differs(values: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Whether each element is another than the one before."""
    return np.asarray(np.diff(values, prepend=values[:1] - 1) != 0)


def order_by(*columns: NDArray[np.integer]) -> NDArray[np.int64]:
    """Stable order by several columns, the first one first."""
    if not len(columns[0]):
        return np.empty(0, np.int64)
    lowest = [int(column.min()) for column in columns]
    widths = [int(column.max()) - low + 1 for column, low in zip(columns, lowest, strict=True)]
    if math.prod(widths) >= 1 << 62:
        return np.lexsort(columns[::-1])
    key = np.zeros(len(columns[0]), np.int64)
    for column, low, width in zip(columns, lowest, widths, strict=True):
        key = key * width + (column - low)
    return sort_order(key)
