"""Exact Shapley contributions of a LightGBM booster for many rows at once.

The value of a tree where only some features are known is the path-dependent one:
a split on an unknown feature is followed both ways, by the training rows that went
each way (Lundberg et al. 2020, "From local explanations to global understanding with
explainable AI for trees", Nature Machine Intelligence 2, algorithm 1). A leaf that
asks k features is then a game of k players, whose Shapley values depend on a row
only through which of the k conditions it satisfies: 2^k cases.

A block of leaves below one node asks few splits, and all of its Shapley values are
tabulated by the pattern of their answers. A row then costs one lookup per block and
feature instead of a walk over every leaf.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from paydelay.explain.trees import (
    DEPTH_MAX,
    Column,
    Floats,
    Integers,
    Path,
    Tree,
    UnsupportedTreesError,
    columns_of,
    fields_of,
    missing_rule,
    parsed,
    parted,
)

CHUNK_ROWS = 16_384


@dataclass(frozen=True)
class _Question:
    """A split as asked of coded columns: ``codes[column] <= code`` goes left."""

    column: int
    code: int


@dataclass(frozen=True)
class _Block:
    """Some leaves of a tree: the splits they ask and their tabulated contributions."""

    splits: tuple[int, ...]
    features: tuple[int, ...]
    table: Floats


class ContributionTables:
    """A booster, tabulated.

    Parameters
    ----------
    model_text : str
        What ``Booster.model_to_string()`` returns.

    Attributes
    ----------
    feature_count : int
        Columns a matrix must have.
    base : float
        The booster's mean margin over its training rows.

    Raises
    ------
    UnsupportedTreesError
        If the trees cannot be tabulated.
    """

    def __init__(self, model_text: str) -> None:
        header = fields_of(model_text.partition("\nTree=")[0])
        self.feature_count = int(header["max_feature_idx"]) + 1
        if header.get("num_tree_per_iteration", "1") != "1" or "average_output" in header:
            raise UnsupportedTreesError("only a boosted model with one output is tabulated")
        trees = []
        self.base = 0.0
        for text in model_text.split("\nTree=")[1:]:
            tree = parsed(fields_of(text.partition("end of trees")[0]))
            self.base += tree.mean_value
            if len(tree.feature):
                trees.append(tree)
        self._columns = columns_of(trees)
        index = {(c.feature, c.missing, c.missing_left): i for i, c in enumerate(self._columns)}
        self._questions = [_questions(tree, self._columns, index) for tree in trees]
        self._blocks = _tabulated(trees)

    def contributions(self, X: NDArray[np.floating]) -> Floats:
        """Contribution of every feature to every row's margin.

        Parameters
        ----------
        X : array of shape (n_rows, n_features)
            NaN where nothing is known.

        Returns
        -------
        array of shape (n_rows, n_features)
            Log-odds; with ``base`` they sum to the raw margin.
        """
        result = np.empty((len(X), self.feature_count))
        for start in range(0, len(X), CHUNK_ROWS):
            chunk = X[start : start + CHUNK_ROWS]
            result[start : start + CHUNK_ROWS] = self._chunk(chunk).T
        return result

    def _chunk(self, X: NDArray[np.floating]) -> Floats:
        row_count = len(X)
        codes = [column.codes(X[:, column.feature]) for column in self._columns]
        sums = np.zeros((self.feature_count, row_count))
        found = np.empty(row_count)
        for questions, blocks in zip(self._questions, self._blocks, strict=True):
            answers = [(codes[asked.column] <= asked.code).view(np.uint8) for asked in questions]
            for block in blocks:
                pattern = _pattern([answers[split] for split in block.splits])
                for feature, values in zip(block.features, block.table, strict=True):
                    # mode="clip" spares a copy that the default makes to raise on a bad index.
                    np.take(values, pattern, out=found, mode="clip")
                    sums[feature] += found
        return sums


def _pattern(answers: list[NDArray[np.uint8]]) -> NDArray[np.intp]:
    """Answers of each row as one number, the first split in the lowest bit."""
    narrow = np.uint8 if len(answers) <= 8 else np.uint16
    pattern: NDArray[np.unsignedinteger] = np.zeros(len(answers[0]), narrow)
    for answer in reversed(answers):
        np.left_shift(pattern, 1, out=pattern)
        np.bitwise_or(pattern, answer, out=pattern)
    return pattern.astype(np.intp)


def _questions(tree: Tree, columns: list[Column], index: dict[tuple[int, int, bool], int]) -> list[_Question]:
    questions = []
    for feature, decision, threshold in zip(tree.feature, tree.decision, tree.threshold, strict=True):
        column = index[(int(feature), *missing_rule(int(decision)))]
        code = int(np.searchsorted(columns[column].thresholds, threshold))
        questions.append(_Question(column, code))
    return questions


@dataclass
class _Leaf:
    """A leaf as a game: its players, and the share of training rows that follow each."""

    block: int
    features: list[int]
    shares: list[float]
    conditions: list[list[tuple[int, bool]]]
    value: float


def _tabulated(trees: list[Tree]) -> list[list[_Block]]:
    """Blocks of every tree, with their tables."""
    splits: list[tuple[int, ...]] = []
    leaves: list[_Leaf] = []
    owner: list[int] = []
    for number, tree in enumerate(trees):
        for asked, paths in parted(tree):
            leaves += [_game(tree, leaf, path, len(splits)) for leaf, path in paths]
            splits.append(asked)
            owner.append(number)
    features = [
        tuple(int(f) for f in np.unique(trees[owner[block]].feature[list(asked)]))
        for block, asked in enumerate(splits)
    ]
    tables = [np.zeros((len(f), 2 ** len(asked))) for f, asked in zip(features, splits, strict=True)]
    for leaf, shapley in _solved(leaves):
        which = _satisfied(leaf.conditions, splits[leaf.block])
        rows = [features[leaf.block].index(feature) for feature in leaf.features]
        tables[leaf.block][rows] += shapley.T[:, which]
    blocks: list[list[_Block]] = [[] for _ in trees]
    for number, asked, f, table in zip(owner, splits, features, tables, strict=True):
        blocks[number].append(_Block(asked, f, table))
    return blocks


def _game(tree: Tree, leaf: int, path: Path, block: int) -> _Leaf:
    """A leaf's path with the splits on the same feature merged into one condition."""
    game = _Leaf(block, [], [], [], float(tree.leaf_value[leaf]))
    for position, (split, left) in enumerate(path):
        below = path[position + 1][0] if position + 1 < len(path) else ~leaf
        share = tree.rows(below) / tree.rows(split)
        feature = int(tree.feature[split])
        if feature in game.features:
            player = game.features.index(feature)
            game.shares[player] *= share
            game.conditions[player].append((split, left))
        else:
            game.features.append(feature)
            game.shares.append(share)
            game.conditions.append([(split, left)])
    return game


def _solved(leaves: list[_Leaf]) -> Iterator[tuple[_Leaf, Floats]]:
    """Each leaf with its Shapley values, of shape (2^k patterns, k players)."""
    for count in sorted({len(leaf.features) for leaf in leaves}):
        same = [leaf for leaf in leaves if len(leaf.features) == count]
        # Batches bound the memory: 2^12 patterns of 12 players take 0.4 MB a leaf.
        step = max(1, 2**22 // (count * 2**count))
        for start in range(0, len(same), step):
            batch = same[start : start + step]
            shares = np.array([leaf.shares for leaf in batch])
            values = np.array([leaf.value for leaf in batch])
            yield from zip(batch, shapley_values(shares, values), strict=True)


def shapley_values(shares: Floats, values: Floats) -> Floats:
    """Shapley values of leaves, for every pattern of satisfied conditions.

    The game of a leaf of value w gives a coalition S the value
    w * prod(s_i, i in S) * prod(c_i, i not in S), where s_i tells whether the row
    satisfies condition i and c_i is the share of training rows that do.

    Parameters
    ----------
    shares : array of shape (n_leaves, k)
        c_i.
    values : array of shape (n_leaves,)
        w.

    Returns
    -------
    array of shape (n_leaves, 2^k, k)
        Pattern p satisfies condition i where bit i of p is set.

    Notes
    -----
    phi_j = w (s_j - c_j) * integral over t in [0, 1] of prod(c_i (1 - t) + s_i t, i != j):
    the integral of t^a (1 - t)^b is the Shapley weight of a coalition of size a. The
    integrand is a polynomial of degree k - 1, so Gauss-Legendre with ceil(k / 2)
    nodes is exact.

    Examples
    --------
    >>> shapley_values(np.array([[0.5]]), np.array([2.0]))[0].ravel()
    array([-1.,  1.])
    """
    count = shares.shape[1]
    satisfied = ((np.arange(2**count)[:, None] >> np.arange(count)) & 1).astype(np.float64)
    result = np.zeros((len(shares), 2**count, count))
    nodes, weights = np.polynomial.legendre.leggauss((count + 1) // 2)
    for node, weight in zip(nodes, weights, strict=True):
        t = (node + 1.0) / 2.0
        factors = shares[:, None, :] * (1.0 - t) + satisfied * t
        others = np.ones_like(factors)
        # Product over all players but one: those before it, then those after it.
        others[..., 1:] = np.cumprod(factors[..., :-1], axis=-1)
        others[..., :-1] *= np.cumprod(factors[..., :0:-1], axis=-1)[..., ::-1]
        result += weight / 2.0 * others
    return result * (satisfied - shares[:, None, :]) * values[:, None, None]


def _satisfied(conditions: list[list[tuple[int, bool]]], splits: tuple[int, ...]) -> Integers:
    """The leaf's own pattern of satisfied conditions, for each pattern of a block's answers."""
    bits = _bits(len(splits))
    pattern = np.zeros(bits.shape[1], np.int64)
    for player, asked in enumerate(conditions):
        holds = np.ones(bits.shape[1], np.bool_)
        for split, left in asked:
            holds &= bits[splits.index(split)] == left
        pattern |= holds.astype(np.int64) << player
    return pattern


@lru_cache(maxsize=DEPTH_MAX + 1)
def _bits(count: int) -> NDArray[np.bool_]:
    return ((np.arange(2**count) >> np.arange(count)[:, None]) & 1).astype(np.bool_)


@lru_cache(maxsize=4)
def tables_of(model_text: str) -> ContributionTables:
    """Tables of a model, kept for the next call.

    Parameters
    ----------
    model_text : str
        What ``Booster.model_to_string()`` returns.

    Returns
    -------
    ContributionTables

    Raises
    ------
    UnsupportedTreesError
        If the trees cannot be tabulated.
    """
    return ContributionTables(model_text)
