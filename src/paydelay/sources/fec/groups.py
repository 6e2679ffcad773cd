"""Which lines of a customer belong together: by letter, by transfer and by opening balance."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from paydelay.sources.fec.bills import BILL, CHAIN, cashed

_ROW = "__paydelay_row"
_GROUP = ["customer_id", "file", "branch", "letter"]


def settle_together(lines: pl.DataFrame, carried: pl.DataFrame) -> pl.Series:
    """Number of the group in which each line settles or is settled.

    Letters are reused from year to year and from customer to customer, so that one
    counts within a customer, a file and a kind of account only. What joins groups
    beyond that: the two ends of a transfer, a bill and its cash, an opening line and the
    line of an earlier year that it carries over, and one letter over the turn of a year
    where neither year's lines balance and both together do.

    Parameters
    ----------
    lines : polars.DataFrame
        Classified customer lines, in the order of their numbers: customer_id, file,
        account, entry, kind, document, day, letter, letter_day and cents.
    carried : polars.DataFrame
        Columns opening and original: numbers of an opening line and of the line it
        carries over.

    Returns
    -------
    polars.Series
        A group number per line; a line without any tie has one of its own.
    """
    # 411 and 416 are lettered apart, and so are advances and bills; subdivisions of 411 need not be.
    rows = lines.with_row_index(_ROW).with_columns(branch=pl.col("account").str.slice(0, 3))
    lettered = rows.filter(pl.col("letter").is_not_null())
    lettered = _parted(lettered, pl.col("account"), "place")
    lettered = _parted(lettered, pl.col("letter_day"), "part")
    over = carried.select("opening", "original").to_numpy().astype(np.int64).reshape(-1, 2)
    pairs = [
        _ties(lettered, [*_GROUP, "place", "part"]),
        _ties(rows.filter(pl.col("kind") == "transfer"), ["entry", "customer_id"]),
        _moved(rows),
        cashed(rows, _ROW, over),
        over,
        _over_the_year(lettered),
    ]
    ties = np.concatenate(pairs)
    size = rows.height
    graph = coo_array((np.ones(len(ties), dtype=np.int8), (ties[:, 0], ties[:, 1])), shape=(size, size))
    return pl.Series("group", connected_components(graph, directed=False)[1].astype(np.int64))


def with_chains(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines with the number of the group that a bill is part of, as far as it shows by now.

    A cashed bill that comes back is told by it: the debit is on 411, the cash was on 413,
    and the letters of the two accounts have nothing in common.

    Parameters
    ----------
    lines : polars.DataFrame
        Classified customer lines.

    Returns
    -------
    polars.DataFrame
        With :data:`paydelay.sources.fec.bills.CHAIN`, null in groups without any bill.
    """
    if not lines.select(BILL.any()).item():
        return lines.with_columns(pl.lit(None, dtype=pl.Int64).alias(CHAIN))
    nothing = pl.DataFrame(schema={"opening": pl.Int64, "original": pl.Int64})
    grouped = lines.with_columns(settle_together(lines, nothing))
    return grouped.with_columns(pl.when(BILL.any().over("group")).then("group").alias(CHAIN)).drop("group")


def _ties(rows: pl.DataFrame, by: list[str]) -> NDArray[np.int64]:
    """Each row tied to the first of its group."""
    tied = rows.select(pl.col(_ROW), first=pl.col(_ROW).first().over(by))
    return tied.filter(pl.col(_ROW) != pl.col("first")).to_numpy().astype(np.int64).reshape(-1, 2)


def _parted(lettered: pl.DataFrame, mark: pl.Expr, name: str) -> pl.DataFrame:
    """A letter used twice in a year is two groups, where what tells them apart balances by itself.

    That is the day of lettering, or the subdivision of the account; column ``name`` gets
    the mark of the part, null where there is one group.
    """
    marked = lettered.with_columns(mark.alias(name))
    # Few groups have several marks: to look at those alone spares a look at each line.
    several = marked.group_by(_GROUP).agg(
        pl.col(name).n_unique().alias("marks"), pl.col(name).null_count().alias("unmarked")
    )
    several = several.filter((pl.col("marks") > 1) & (pl.col("unmarked") == 0)).select(_GROUP)
    balances = (
        marked.join(several, on=_GROUP, how="semi")
        .group_by([*_GROUP, name])
        .agg(pl.col("cents").sum())
        .group_by(_GROUP)
        .agg(apart=(pl.col("cents") == 0).all())
    )
    joined = marked.join(balances.filter("apart"), on=_GROUP, how="left", maintain_order="left")
    return joined.with_columns(pl.when("apart").then(name).alias(name)).drop("apart")


def _moved(rows: pl.DataFrame) -> NDArray[np.int64]:
    """Invoices without letter and the transfer that takes them off their account.

    What is paid on the doubtful account is lettered with the other end of the transfer;
    the document says of which invoice, or else the amount.
    """
    bare = rows.filter(pl.col("letter").is_null())
    moved = bare.filter((pl.col("kind") == "transfer") & (pl.col("cents") < 0))
    moved = moved.with_columns(cents=-pl.col("cents"))
    owed = bare.filter(pl.col("kind").is_in(["invoice", "opening"]) & (pl.col("cents") > 0))
    # What leaves the account of bills was moved there before, and is found by ``cashed``.
    moved, owed = moved.filter(~BILL), owed.filter(~BILL)
    found = np.empty((0, 2), dtype=np.int64)
    for key in (["customer_id", "account", "document", "cents"], ["customer_id", "account", "cents"]):
        pairs = _first_to_first(moved, owed, key)
        moved = moved.filter(~pl.col(_ROW).is_in(pairs[:, 0]))
        owed = owed.filter(~pl.col(_ROW).is_in(pairs[:, 1]))
        found = np.concatenate([found, pairs])
    return found


def _first_to_first(moved: pl.DataFrame, owed: pl.DataFrame, key: list[str]) -> NDArray[np.int64]:
    """The k-th of each side of a key, where the claim is the older of the two."""
    rank = pl.int_range(pl.len()).over(key).alias("rank")
    sides = [
        rows.filter(~pl.any_horizontal(pl.col(key).is_null())).sort("day", _ROW).with_columns(rank)
        for rows in (moved, owed)
    ]
    both = sides[0].join(sides[1], on=[*key, "rank"], suffix="_owed")
    both = both.filter(pl.col("day_owed") <= pl.col("day"))
    return both.select(_ROW, f"{_ROW}_owed").to_numpy().astype(np.int64).reshape(-1, 2)


def _over_the_year(lettered: pl.DataFrame) -> NDArray[np.int64]:
    """Groups of one letter in successive files that balance only together."""
    groups = (
        lettered.group_by([*_GROUP, "place", "part"])
        .agg(pl.col("cents").sum(), pl.col(_ROW).first(), pl.col("kind").eq("opening").any().alias("opened"))
        .filter((pl.col("cents") != 0) & ~pl.col("opened"))
    )
    later = groups.with_columns(file=pl.col("file") - 1, cents=-pl.col("cents"))
    joined = groups.join(later, on=[*_GROUP, "cents"], suffix="_later")
    return joined.select(_ROW, f"{_ROW}_later").to_numpy().astype(np.int64).reshape(-1, 2)


def carried_over(lines: pl.DataFrame, continued: list[int]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Opening lines of files whose earlier year is given, and the lines they carry over.

    Only what no balanced letter had settled is carried over. Tried in turn: the same
    document and amount, the same document, the same day and amount, the same amount. Of
    equal candidates the first is taken for the first. An opening balance in one sum,
    lettered with a settlement, stands for all that the customer had open.

    Parameters
    ----------
    lines : polars.DataFrame
        Classified customer lines, in the order of their numbers.
    continued : list of int
        Files whose opening balance carries over that of the file before.

    Returns
    -------
    tuple of polars.DataFrame
        Columns opening and original, numbers of lines; then customer_id, file and
        alone of opening balances that letters do not tie to settlements: where they
        carry over lines known one by one, only a settlement lettered ``alone`` can
        be theirs.
    """
    rows = lines.with_row_index(_ROW).with_columns(side=pl.col("cents").sign())
    found = [pl.DataFrame(schema={"opening": pl.Int64, "original": pl.Int64})]
    sums = [rows.clear().select("customer_id", "file", alone=pl.lit(True))]
    # An opening balance of bills carries over bills, and one of other accounts none.
    rows = rows.with_columns(branch=pl.col("account").str.slice(0, 3), bill=BILL)
    even = pl.col("letter").is_not_null() & (pl.col("cents").sum().over([*_GROUP, "letter_day"]) == 0)
    unsettled = rows.filter(~even)
    owner = ["customer_id", "bill"]
    for file in continued:
        opening = rows.filter((pl.col("kind") == "opening") & (pl.col("file") == file))
        # The opening of the first year is all there is of its debts: later years carry it on.
        known = (pl.col("kind") != "opening") | ~pl.col("file").is_in(continued)
        earlier = unsettled.filter(known & (pl.col("file") < file))
        bare = opening.filter(pl.col("letter").is_null())
        for key in (
            ["document", "side", "cents"],
            ["document", "side"],
            ["document_day", "side", "cents"],
            ["side", "cents"],
        ):
            matched = _paired(opening, earlier, ["customer_id", "bill", *key])
            found.append(matched)
            opening = opening.filter(~pl.col(_ROW).is_in(matched["opening"].implode()))
            earlier = earlier.filter(~pl.col(_ROW).is_in(matched["original"].implode()))
        one_by_one = bare.join(opening, on=_ROW, how="anti")
        for carried, alone in ((opening, False), (one_by_one, True)):
            sums.append(carried.select("customer_id", "file", alone=pl.lit(alone)).unique())
        summed = opening.filter(pl.col("letter").is_not_null())
        still_open = earlier.filter(pl.col("letter").is_null())
        # To tie each to the first of the other side joins all: each to each would be their product.
        for one, other in (
            (summed, still_open.unique(owner, keep="first")),
            (summed.unique(owner, keep="first"), still_open),
        ):
            found.append(
                one.select(*owner, opening=pl.col(_ROW).cast(pl.Int64))
                .join(other.select(*owner, original=pl.col(_ROW).cast(pl.Int64)), on=owner)
                .select("opening", "original")
            )
    return pl.concat(found), pl.concat(sums)


def _paired(opening: pl.DataFrame, earlier: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """The k-th opening line of a key with the k-th earlier line of it, the latest first."""

    def ranked(rows: pl.DataFrame, name: str) -> pl.DataFrame:
        given = rows.filter(~pl.any_horizontal(pl.col(key).is_null())).sort("day", _ROW, descending=True)
        rank = pl.int_range(pl.len()).over(key).alias("rank")
        return given.select(*key, rank, pl.col(_ROW).cast(pl.Int64).alias(name))

    both = ranked(opening, "opening").join(ranked(earlier, "original"), on=[*key, "rank"])
    return both.select("opening", "original")
