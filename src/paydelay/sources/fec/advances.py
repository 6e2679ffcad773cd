"""Advances that were invoiced: the customer owes them as any invoice, and owes less at the end.

Account 4191 holds two things. An advance that came without an invoice is money on account
from its bank entry on. One that was invoiced (411 to 4191 and 4457) is money through its
invoice alone: its line on 4191 is goods or work still to be delivered, and neither pays
nor owes anything, until the final invoice takes it up and asks for the rest.
"""

from __future__ import annotations

import polars as pl

from paydelay.sources.fec.allocation import allocate, less

INVOICED_ADVANCE = "invoiced_advance"
"""Kind of a line that books an advance with its invoice, or takes such a one up."""
ADVANCE = pl.col("account").str.starts_with("4191")
"""Whether a line is on the account of advances received."""
_ROW = "__paydelay_advance_row"
_TAKEN, _KIND = "__paydelay_taken", "__paydelay_kind"


def invoiced() -> pl.Expr:
    """Whether a line books an advance that its own entry invoices.

    Returns
    -------
    polars.Expr
        Over classified lines with ``sales``, the cents of their entry on accounts of sales.
        A customer is then debited by more than is sold, and the advance is in the difference.
    """
    credit = ADVANCE & (pl.col("cents") < 0) & (pl.col("kind") == "payment")
    claim = pl.col("kind") == "invoice"
    # Advances are often kept without auxiliary: the entry says whose they are.
    billed = claim.any().over("entry", "customer_id") | (
        pl.col("auxiliary").is_null() & claim.any().over("entry")
    )
    asked = pl.when(claim).then("cents").otherwise(0).sum().over("entry")
    advanced = pl.when(credit).then(-pl.col("cents")).otherwise(0).sum().over("entry")
    return credit & billed & (asked + pl.col("sales").fill_null(0) >= advanced)


def with_taken_up(lines: pl.DataFrame, continued: list[int]) -> pl.DataFrame:
    """Lines, with what takes up an invoiced advance told from what takes up money on account.

    An advance is taken up by letter, else by document, else by equal amount, else the
    oldest first, and none before it was booked.

    Parameters
    ----------
    lines : polars.DataFrame
        Classified lines.
    continued : list of int
        Files whose opening balance repeats what the file before holds.

    Returns
    -------
    polars.DataFrame
        A line that takes up both comes in two parts. What an entry without an invoice takes
        off a customer's debt by an invoiced advance is a credit note: no money came then.
    """
    if not (lines["kind"] == INVOICED_ADVANCE).any():
        return lines
    rows = lines.with_row_index(_ROW).with_columns(pl.col(_ROW).cast(pl.Int64))
    taken = _taken_up(rows, continued)
    rows = rows.join(taken, on=_ROW, how="left", maintain_order="left")
    rows = rows.with_columns(pl.col(_TAKEN).fill_null(0), pl.lit(INVOICED_ADVANCE).alias(_KIND))
    settles = ~ADVANCE & (pl.col("cents") < 0) & pl.col("kind").is_in(["payment", "transfer"])
    settles &= ~(pl.col("kind") == "invoice").any().over("entry")
    owing = pl.when(settles).then(-pl.col("cents")).otherwise(0)
    before = owing.cum_sum().over("entry") - owing
    deducted = pl.min_horizontal((pl.col(_TAKEN).sum().over("entry") - before).clip(0), owing)
    rows = rows.with_columns(
        pl.when(settles).then(deducted).otherwise(_TAKEN).alias(_TAKEN),
        pl.when(settles).then(pl.lit("credit_note")).otherwise(_KIND).alias(_KIND),
    )
    part = pl.col("cents").sign() * pl.col(_TAKEN)
    rest = rows.with_columns(cents=pl.col("cents") - part).filter(pl.col("cents") != 0)
    parts = rows.filter(pl.col(_TAKEN) > 0).with_columns(cents=part, kind=_KIND)
    return pl.concat([rest, parts]).sort(_ROW, maintain_order=True).select(lines.columns)


def _taken_up(rows: pl.DataFrame, continued: list[int]) -> pl.DataFrame:
    """Debits of advances by row, and the cents of each that fall to invoiced ones."""
    ours = rows.filter(ADVANCE)
    repeated = (pl.col("kind") == "opening") & pl.col("file").is_in(continued)
    # Money on account is taken up as well: what is lettered with it is none of the invoiced.
    standing = ours.filter((pl.col("cents") < 0) & ~repeated).with_columns(cents=-pl.col("cents"))
    standing = standing.rename({_ROW: "claim"})
    debits = ours.filter((pl.col("cents") > 0) & pl.col("kind").is_in(["reversal", "transfer"]))
    debits = debits.rename({_ROW: "settlement"})
    found = []
    for group in (["customer_id", "file", "letter"], ["customer_id"]):
        key = pl.concat_str(*group, separator="\t").alias("group")
        given = pl.col("group").is_not_null()
        # A debit from before an advance, such as a refund, takes up none of it and leaves it to others.
        keyed = (rows.with_columns(key).filter(given) for rows in (standing, debits))
        parts = allocate(*keyed, in_time=True)
        found.append(parts)
        standing, debits = less(standing, parts, "claim"), less(debits, parts, "settlement")
    kinds = rows.select(claim=_ROW, of="kind")
    named = pl.concat(found).join(kinds, on="claim").filter(pl.col("of") == INVOICED_ADVANCE)
    return named.group_by(pl.col("settlement").alias(_ROW)).agg(pl.col("cents").sum().alias(_TAKEN))
