"""What settles what within a group: to the cent, and always the same way.

Claims and settlements of a group are matched by document, then by equal amount, then
the oldest first. Amounts are whole cents.
"""

from __future__ import annotations

import polars as pl

from paydelay.sources.allocation import divide

_CLAIM, _SETTLEMENT = "claim", "settlement"
_PARTS = pl.Schema({_CLAIM: pl.Int64, _SETTLEMENT: pl.Int64, "cents": pl.Int64})


def allocate(claims: pl.DataFrame, settlements: pl.DataFrame, *, in_time: bool = False) -> pl.DataFrame:
    """Parts of settlements that fall to claims.

    Parameters
    ----------
    claims : polars.DataFrame
        Columns claim (number), group, document (or null), day and cents, above zero.
    settlements : polars.DataFrame
        Columns settlement (number), group, document (or null), day and cents, above zero.
    in_time : bool
        Whether a settlement takes claims of its own day and earlier ones only.

    Returns
    -------
    polars.DataFrame
        Columns claim, settlement and cents.

    Examples
    --------
    >>> from datetime import date
    >>> claims = pl.DataFrame({
    ...     "claim": [1, 2, 3], "group": [7, 7, 7], "document": ["F1", "F2", "F3"],
    ...     "day": [date(2023, 1, 5), date(2023, 2, 5), date(2023, 3, 5)], "cents": [100, 250, 80],
    ... })
    >>> settlements = pl.DataFrame({
    ...     "settlement": [1, 2], "group": [7, 7], "document": ["R1", "R2"],
    ...     "day": [date(2023, 3, 1), date(2023, 3, 9)], "cents": [250, 130],
    ... })
    >>> allocate(claims, settlements).rows()
    [(2, 1, 250), (1, 2, 100), (3, 2, 30)]
    """
    parts = [pl.DataFrame(schema=_PARTS)]
    steps = (
        (by_document, ["group", "document"]),
        (_by_amount, ["group", "cents"]),
        (oldest_first, ["group"]),
    )
    for step, key in steps:
        if not claims.height or not settlements.height:
            break
        found = step(claims, _not_too_early(claims, settlements, key) if in_time else settlements)
        parts.append(found)
        claims = less(claims, found, _CLAIM)
        settlements = less(settlements, found, _SETTLEMENT)
    merged = pl.concat(parts).group_by(_CLAIM, _SETTLEMENT).agg(pl.col("cents").sum())
    return merged.sort(_SETTLEMENT, _CLAIM)


def less(rows: pl.DataFrame, parts: pl.DataFrame, name: str) -> pl.DataFrame:
    """Rows with what parts take off them; those of which nothing is left are dropped.

    Parameters
    ----------
    rows : polars.DataFrame
        Claims or settlements.
    parts : polars.DataFrame
        What :func:`allocate` found.
    name : str
        Column that numbers the rows.

    Returns
    -------
    polars.DataFrame
    """
    if not parts.height:
        return rows
    taken = parts.group_by(name).agg(taken=pl.col("cents").sum())
    return (
        rows.join(taken, on=name, how="left", maintain_order="left")
        .with_columns(cents=pl.col("cents") - pl.col("taken").fill_null(0))
        .drop("taken")
        .filter(pl.col("cents") > 0)
    )


def _not_too_early(claims: pl.DataFrame, settlements: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Settlements as far as claims of their key stand on their day, each taken once.

    What then is taken of a key up to any day is no more than was claimed by then, so that
    the oldest settlement in turn finds the oldest claim in time.
    """
    columns = [*dict.fromkeys([*key, "day", "cents"])]
    sides = (claims.select(*columns, number=_CLAIM), settlements.select(*columns, number=_SETTLEMENT))
    events = pl.concat([rows.with_columns(side=pl.lit(side)) for side, rows in enumerate(sides)])
    signed = pl.when(pl.col("side") == 1).then("cents").otherwise(-pl.col("cents"))
    ahead = events.sort("day", "side", "number").with_columns(
        ahead=pl.when(pl.col("side") == 1).then(signed.cum_sum().over(key)).otherwise(0)
    )
    # What came too early stays untaken, and asks for nothing later.
    early = pl.col("ahead").clip(0).cum_max()
    wasted = ahead.with_columns(wasted=(early - early.shift(1).fill_null(0)).over(key))
    too_early = wasted.filter((pl.col("side") == 1) & (pl.col("wasted") > 0))
    taken = too_early.select(pl.col("number").alias(_SETTLEMENT), cents="wasted")
    return less(settlements, taken, _SETTLEMENT)


def by_document(claims: pl.DataFrame, settlements: pl.DataFrame) -> pl.DataFrame:
    """Parts of settlements that fall to claims of the same document in their group.

    Parameters
    ----------
    claims : polars.DataFrame
        As in :func:`allocate`.
    settlements : polars.DataFrame
        As in :func:`allocate`.

    Returns
    -------
    polars.DataFrame
        Columns claim, settlement and cents.
    """
    named = pl.col("document").is_not_null()
    return _overlaps(claims.filter(named), settlements.filter(named), ["group", "document"])


def _by_amount(claims: pl.DataFrame, settlements: pl.DataFrame) -> pl.DataFrame:
    """The k-th settlement of an amount takes the k-th claim of it."""
    key = ["group", "cents"]

    def ranked(rows: pl.DataFrame, name: str) -> pl.DataFrame:
        return rows.sort("day", name).select(*key, name, rank=pl.int_range(pl.len()).over(key))

    both = ranked(claims, _CLAIM).join(ranked(settlements, _SETTLEMENT), on=[*key, "rank"])
    return both.select(_CLAIM, _SETTLEMENT, "cents").cast(pl.Int64)


def oldest_first(claims: pl.DataFrame, settlements: pl.DataFrame) -> pl.DataFrame:
    """Parts of settlements that fall to the oldest claims of their group.

    Parameters
    ----------
    claims : polars.DataFrame
        As in :func:`allocate`.
    settlements : polars.DataFrame
        As in :func:`allocate`.

    Returns
    -------
    polars.DataFrame
        Columns claim, settlement and cents.
    """
    return _overlaps(claims, settlements, ["group"])


def _overlaps(claims: pl.DataFrame, settlements: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """First in, first out within each key."""
    if not claims.height or not settlements.height:
        return _PARTS.to_frame()
    keys = claims.select(key).unique().join(settlements.select(key).unique(), on=key, nulls_equal=True)
    keys = keys.sort(key).with_row_index("lane")

    def in_lanes(rows: pl.DataFrame, name: str, side: str) -> pl.DataFrame:
        return rows.join(keys, on=key).sort("day", name).select(group="lane", cents="cents", **{side: name})

    parts = divide(in_lanes(settlements, _SETTLEMENT, "credit"), in_lanes(claims, _CLAIM, "claim"))
    return (
        parts.drop_nulls()
        .select(pl.col("claim").alias(_CLAIM), pl.col("credit").alias(_SETTLEMENT), "cents")
        .cast(_PARTS)
    )
