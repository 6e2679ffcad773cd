"""Whether a year opens with what the year before closed with, customer by customer.

Opening balances whose year before is given vanish into it. What they hold beyond it,
or lack of it, would vanish with them: that part stays, as a debt or a credit from
before the books.
"""

from __future__ import annotations

import polars as pl

from paydelay.sources.draft import LINE
from paydelay.sources.fec.bills import BILL, POOLED

KEPT = "__paydelay_kept"
"""Whether an opening line stands for what the year before does not explain."""
_BLOCK = 1_000
# Bills stand apart from the other accounts: a sum of both could hide what is amiss in each.
_OWNER = ["customer_id", "bill"]


def with_unexplained(
    lines: pl.DataFrame, ties: pl.DataFrame, continued: list[int], row: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Lines in which an opening balance keeps what its year before does not explain.

    Parameters
    ----------
    lines : polars.DataFrame
        Classified customer lines.
    ties : polars.DataFrame
        Columns opening and original, numbers of lines, of :func:`carried_over`.
    continued : list of int
        Files whose opening balance carries over that of the file before.
    row : str
        Column with the numbers of lines.

    Returns
    -------
    tuple of polars.DataFrame
        The lines, with :data:`KEPT`; the opening line that keeps a difference has the
        difference as its amount. Then customer_id, file, opening and cents of every
        opening balance: what it is, and what of it is unexplained.
    """
    lines = lines.with_columns(pl.lit(False).alias(KEPT), bill=BILL)
    compared = [lines.clear().select("customer_id", "file", opening="cents", cents="cents")]
    for file in continued:
        opened = lines.filter((pl.col("kind") == "opening") & (pl.col("file") == file))
        if not opened.height:
            # Its balances are not booked yet: those of the year before stand.
            continue
        earlier = pl.col("file").is_between(file // _BLOCK * _BLOCK, file - 1)
        carried = (pl.col("kind") == "opening") & pl.col("file").is_in(continued) & ~pl.col(KEPT)
        # A collective account of bills opens without a word on whose they are.
        standing = lines.filter(earlier & ~carried & ~pl.col(POOLED))
        closing = standing.group_by(_OWNER).agg(closing=pl.col("cents").sum())
        both = opened.group_by(_OWNER).agg(opening=pl.col("cents").sum())
        both = both.join(closing, on=_OWNER, how="full", coalesce=True).select(
            *_OWNER,
            pl.lit(file, dtype=lines.schema["file"]).alias("file"),
            pl.col("opening").fill_null(0),
            cents=pl.col("opening").fill_null(0) - pl.col("closing").fill_null(0),
        )
        compared.append(both.sort(_OWNER).drop("bill"))
        lines = _keeping(lines, opened, both.filter(pl.col("cents") != 0), ties, row)
    return lines.drop("bill"), pl.concat(compared)


def _keeping(
    lines: pl.DataFrame, opened: pl.DataFrame, unexplained: pl.DataFrame, ties: pl.DataFrame, row: str
) -> pl.DataFrame:
    """Lines with the differences of one year's opening on one line for each customer."""
    tied = pl.col(row).cast(pl.Int64).is_in(ties["opening"].implode())
    # The line that carries nothing known over is the likeliest to hold what is unknown.
    likeliest = opened.sort(
        tied, pl.col("letter").is_null(), pl.col("cents").abs(), descending=[False, False, True]
    )
    bearer = likeliest.unique(_OWNER, keep="first", maintain_order=True)
    changed = bearer.join(unexplained.select(*_OWNER, difference="cents"), on=_OWNER).select(
        row, "difference"
    )
    kept = lines.join(changed, on=row, how="left", maintain_order="left").with_columns(
        pl.coalesce("difference", "cents").alias("cents"),
        (pl.col(KEPT) | pl.col("difference").is_not_null()).alias(KEPT),
    )
    absent = unexplained.join(bearer, on=_OWNER, how="anti").sort(_OWNER)
    stand_in = (
        lines.join(absent, on=_OWNER, how="semi")
        # Years come in the order of the files given; the last line is that of the last year.
        .sort("file", row)
        .unique(_OWNER, keep="last", maintain_order=True)
        .join(absent.select(*_OWNER, "file", difference="cents"), on=_OWNER, suffix="_opened")
        .with_columns(
            pl.lit(None, dtype=pl.Int64).alias(LINE),
            pl.lit(None, dtype=pl.String).alias("letter"),
            pl.lit(None, dtype=pl.String).alias("document"),
            pl.col("file_opened").alias("file"),
            pl.lit(opened["day"].min()).alias("day"),
            pl.lit("opening").alias("kind"),
            pl.col("difference").alias("cents"),
            pl.lit(True).alias(KEPT),
            pl.lit(False).alias(POOLED),
            pl.int_range(lines.height, lines.height + pl.len()).cast(lines.schema[row]).alias(row),
        )
    )
    return pl.concat([kept.drop("difference"), stand_in.select(lines.columns)])
