"""Dividing what was credited among what was claimed, first in first out within a group.

Both sides of a group are laid end to end as stretches of one line; where a credit and
a claim overlap, the one settles the other. It is exact in cents and takes time in
proportion to the rows, however many a group has.
"""

from __future__ import annotations

import polars as pl


def divide(credit_rows: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """What of each credit goes to which claim.

    Parameters
    ----------
    credit_rows : polars.DataFrame
        Columns group, credit and cents, in the order in which they are spent.
    claims : polars.DataFrame
        Columns group, claim and cents, in the order in which they are served.

    Returns
    -------
    polars.DataFrame
        Columns group, credit, claim and cents. Where one side of a group is larger, the
        rest of it comes with a null on the other side.

    Examples
    --------
    >>> credit_rows = pl.DataFrame({"group": ["g", "g"], "credit": [0, 1], "cents": [70, 50]})
    >>> claims = pl.DataFrame({"group": ["g", "g"], "claim": [0, 1], "cents": [100, 30]})
    >>> divide(credit_rows, claims).drop("group").rows()
    [(0, 0, 70), (1, 0, 30), (1, 1, 20), (None, 1, 10)]
    """
    # Numbers are joined several times faster than the texts that groups are named by.
    names = pl.concat([credit_rows.select("group"), claims.select("group")]).unique()
    names = names.sort("group").with_row_index("code")
    spent = _ends(credit_rows.join(names, on="group", how="left", maintain_order="left"))
    served = _ends(claims.join(names, on="group", how="left", maintain_order="left"))
    ends = (
        pl.concat([spent.select("code", "end"), served.select("code", "end")])
        .unique()
        .sort("code", "end")
        .with_columns(cents=pl.col("end") - pl.col("end").shift(1).over("code").fill_null(0))
    )
    for side, name in ((spent, "credit"), (served, "claim")):
        ends = ends.join_asof(
            side.select("code", "end", name), on="end", by="code", strategy="forward", check_sortedness=False
        )
    return ends.join(names, on="code", how="left", maintain_order="left").select(
        "group", "credit", "claim", "cents"
    )


def _ends(side: pl.DataFrame) -> pl.DataFrame:
    """Where each row's stretch of its group's line ends; join_asof wants ends in order."""
    return side.with_columns(end=pl.col("cents").cum_sum().over("code")).sort("end", maintain_order=True)
