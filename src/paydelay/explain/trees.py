"""The trees of a LightGBM booster, read from its text, and cut into blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Path = tuple[tuple[int, bool], ...]
"""Splits from the root down, each with whether it is left to the left."""

BLOCK_SPLITS = 9
"""Splits a block may ask: 512 patterns, a table that stays in the fastest cache."""
DEPTH_MAX = 12
"""Deepest leaf that is tabulated; beyond it tables outgrow what they save."""
_MISSING_ZERO, _MISSING_NAN = 1, 2
_ZERO_MAX = 1e-35
"""LightGBM's own width of zero, where zero means missing."""


class UnsupportedTreesError(ValueError):
    """Trees that have no tables: categorical splits, linear leaves, or too deep."""


@dataclass(frozen=True)
class Tree:
    """Arrays as LightGBM writes them; a child below zero is the leaf ``~child``."""

    feature: Integers
    threshold: Floats
    decision: Integers
    left: Integers
    right: Integers
    leaf_value: Floats
    leaf_rows: Floats
    split_rows: Floats

    @property
    def mean_value(self) -> float:
        """Margin the tree gives on average to its training rows."""
        return float(self.leaf_value @ self.leaf_rows / self.leaf_rows.sum())

    def rows(self, node: int) -> float:
        """Training rows that reached a split or a leaf."""
        return float(self.split_rows[node] if node >= 0 else self.leaf_rows[~node])


@dataclass(frozen=True)
class Column:
    """A feature as its splits see it: their thresholds, and where a missing value goes."""

    feature: int
    missing: int
    missing_left: bool
    thresholds: Floats

    def codes(self, values: NDArray[np.floating]) -> NDArray[np.unsignedinteger]:
        """How many thresholds lie below each value, in the precision LightGBM compares in.

        A missing value gets the code that is below, or above, every threshold.
        """
        exact = values.astype(np.float64)
        absent = np.isnan(exact)
        if self.missing != _MISSING_NAN:
            exact[absent] = 0.0
            absent = np.abs(exact) <= _ZERO_MAX if self.missing == _MISSING_ZERO else np.zeros_like(absent)
        codes = np.searchsorted(self.thresholds, exact)
        codes[absent] = 0 if self.missing_left else len(self.thresholds)
        return codes.astype(np.uint8 if len(self.thresholds) < 256 else np.uint32)


def missing_rule(decision: int) -> tuple[int, bool]:
    """What counts as missing, and whether it goes left, from LightGBM's bits."""
    return (decision >> 2) & 3, bool(decision & 2)


def fields_of(text: str) -> dict[str, str]:
    """The lines ``name=value`` of a part of a model's text."""
    fields = (line.partition("=") for line in text.splitlines())
    return {name: value for name, _, value in fields}


def parsed(fields: dict[str, str]) -> Tree:
    """A tree from its lines; UnsupportedTreesError where it cannot be tabulated."""
    if int(fields.get("num_cat", "0")) or fields.get("is_linear", "0") != "0":
        raise UnsupportedTreesError("categorical splits and linear leaves are not tabulated")

    def numbers(name: str) -> Floats:
        return np.array(fields.get(name, "").split(), np.float64)

    def integers(name: str) -> Integers:
        return np.array(fields.get(name, "").split(), np.int64)

    value = numbers("leaf_value")
    lone = len(value) == 1
    rows = np.ones(1) if lone else numbers("leaf_count")
    split_rows = numbers("internal_count")
    if (split_rows <= 0).any():
        raise UnsupportedTreesError("a split that no training row reached has no weights to follow it by")
    return Tree(
        feature=np.empty(0, np.int64) if lone else integers("split_feature"),
        threshold=numbers("threshold"),
        decision=integers("decision_type"),
        left=integers("left_child"),
        right=integers("right_child"),
        leaf_value=value,
        leaf_rows=rows,
        split_rows=split_rows,
    )


def columns_of(trees: list[Tree]) -> list[Column]:
    """Every way in which the splits look at a feature."""
    if not trees:
        return []
    feature = np.concatenate([tree.feature for tree in trees])
    decision = np.concatenate([tree.decision for tree in trees])
    threshold = np.concatenate([tree.threshold for tree in trees])
    columns = []
    for key in np.unique(np.stack([feature, decision], axis=1), axis=0):
        own = (feature == key[0]) & (decision == key[1])
        missing, left = missing_rule(int(key[1]))
        columns.append(Column(int(key[0]), missing, left, np.unique(threshold[own])))
    return columns


def parted(tree: Tree) -> Iterator[tuple[tuple[int, ...], list[tuple[int, Path]]]]:
    """Cut a tree into blocks as large as their splits allow.

    Yields the splits of a block, those above its top included, and its leaves with
    their paths from the root.
    """
    size = _split_counts(tree)
    waiting: list[tuple[int, Path]] = [(0, ())]
    while waiting:
        node, path = waiting.pop()
        if len(path) > DEPTH_MAX:
            raise UnsupportedTreesError(f"a leaf deeper than {DEPTH_MAX} splits is not tabulated")
        if node < 0 or len(path) + size[node] <= BLOCK_SPLITS:
            below, leaves = _below(tree, node, path)
            yield tuple(split for split, _ in path) + below, leaves
        else:
            waiting += [(int(tree.right[node]), (*path, (node, False)))]
            waiting += [(int(tree.left[node]), (*path, (node, True)))]


def _split_counts(tree: Tree) -> Integers:
    """Splits in the subtree of each split; LightGBM numbers a child after its parent."""
    counts = np.ones(len(tree.feature), np.int64)
    for node in range(len(counts) - 1, -1, -1):
        for child in (tree.left[node], tree.right[node]):
            if child >= 0:
                counts[node] += counts[child]
    return counts


def _below(tree: Tree, top: int, path: Path) -> tuple[tuple[int, ...], list[tuple[int, Path]]]:
    splits: list[int] = []
    leaves: list[tuple[int, Path]] = []
    waiting = [(top, path)]
    while waiting:
        node, above = waiting.pop()
        if node < 0:
            leaves.append((~node, above))
            continue
        splits.append(node)
        waiting.append((int(tree.right[node]), (*above, (node, False))))
        waiting.append((int(tree.left[node]), (*above, (node, True))))
    return tuple(splits), leaves
