"""Bills of exchange: the customer who accepts one owes the invoice until the bill is cashed.

Account 413 is to its customer what 416 is: what an acceptance moves there from 411 is the
same debt, and its cash settles it. What stands on 413 is told apart from the balance of
the other accounts, since that is what an accountant compares.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

BILL = pl.col("account").str.starts_with("413")
"""Whether a line is on an account of bills receivable."""
POOLED = "__paydelay_pooled"
"""Whether a bill is on one account for all customers, and its owner was found out."""
CHAIN = "__paydelay_chain"
"""Group of lines that a bill belongs to; null where there is none."""
_PLACE = "__paydelay_place"


def with_moved(lines: pl.DataFrame, advance: pl.Expr) -> pl.DataFrame:
    """Lines, with what an entry of several counterparts moves to a bill or back as parts of their own.

    An acceptance less a discount, or a dishonoured bill with its costs, is no plain transfer:
    what stands on both sides for a customer is, and the rest is what its counterpart says.

    Parameters
    ----------
    lines : polars.DataFrame
        Lines with entry, customer_id, account, kind and cents.
    advance : polars.Expr
        Whether a line is on an account of advances, which moves nothing here.

    Returns
    -------
    polars.DataFrame
        A line that is moved in part comes in two parts, the moved one of kind ``transfer``.
    """
    if not lines.select(BILL.any()).item():
        return lines
    key = ["entry", "customer_id"]
    cents = pl.col("cents")
    free = ~pl.col("kind").is_in(["opening", "closing", "transfer"]) & ~advance
    amount = pl.when(free).then(cents.abs()).otherwise(0)
    to_bill = (cents > 0) == BILL
    sides = [pl.when(to_bill & on).then(amount).otherwise(0).sum().over(key) for on in (BILL, ~BILL)]
    back = [pl.when(~to_bill & on).then(amount).otherwise(0).sum().over(key) for on in (BILL, ~BILL)]
    limit = pl.when(to_bill).then(pl.min_horizontal(sides)).otherwise(pl.min_horizontal(back))
    before = amount.cum_sum().over([*key, BILL, cents > 0]) - amount
    moved = pl.min_horizontal((limit - before).clip(0), amount)
    rows = lines.with_row_index(_PLACE).with_columns(moved=moved * cents.sign())
    rest = rows.with_columns(cents=cents - pl.col("moved")).filter(cents != 0)
    parts = rows.filter(pl.col("moved") != 0).with_columns(cents=pl.col("moved"), kind=pl.lit("transfer"))
    return pl.concat([rest, parts]).sort(_PLACE, maintain_order=True).select(lines.columns)


def cashed(rows: pl.DataFrame, row: str, ties: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bills and what takes them off their account, where no letter joins the two.

    The document and the amount say so, else the document alone where its lines balance,
    else the amount, the first for the first. An account of bills holds nothing
    else: of a customer's bills of one amount it makes little odds which is cashed.

    Parameters
    ----------
    rows : polars.DataFrame
        Classified customer lines with numbers.
    row : str
        Column of the numbers.
    ties : numpy.ndarray
        Pairs of opening lines and the lines that they carry over.

    Returns
    -------
    numpy.ndarray
        Pairs of numbers.
    """
    found = np.empty((0, 2), dtype=np.int64)
    ours = rows.filter(BILL)
    if not ours.height:
        return found
    # A year's opening repeats what stands for itself; lettered, it speaks for it.
    repeating = ours.filter((pl.col("kind") == "opening") & pl.col(row).is_in(ties[:, 0]))
    spoken_for = set(ties[np.isin(ties[:, 0], repeating.filter(pl.col("letter").is_not_null())[row]), 1])
    letter = ["customer_id", "file", "letter"]
    credit = pl.col("cents") < 0
    paired = (
        pl.col("letter").is_not_null() & credit.any().over(letter) & (pl.col("cents") > 0).any().over(letter)
    )
    bare = ours.filter(~paired & ~pl.col(row).is_in(repeating[row].implode()))
    bare = bare.filter(~pl.col(row).is_in(list(spoken_for)))
    bare = bare.with_columns(amount=pl.col("cents").abs()).sort("day", row)
    document = ["customer_id", "document"]
    for joined, key in (
        (_first_to_first, [*document, "amount"]),
        (_even, document),
        (_first_to_first, ["customer_id", "amount"]),
    ):
        pairs = joined(bare, row, key)
        bare = bare.filter(~pl.col(row).is_in(pairs.ravel()))
        found = np.concatenate([found, pairs])
    return found


def _even(bare: pl.DataFrame, row: str, key: list[str]) -> NDArray[np.int64]:
    """Lines of a key that balance, each with the first of them."""
    known = bare.filter(~pl.any_horizontal(pl.col(key).is_null()))
    even = known.filter(pl.col("cents").sum().over(key) == 0)
    pairs = even.select(pl.col(row).first().over(key), pl.col(row).alias("other"))
    return pairs.to_numpy().astype(np.int64).reshape(-1, 2)


def _first_to_first(bare: pl.DataFrame, row: str, key: list[str]) -> NDArray[np.int64]:
    """Debits and credits of a key, each credit with the first debit not after it."""
    standing: dict[tuple[object, ...], list[int]] = {}
    pairs: list[tuple[int, int]] = []
    # On one day a bill is accepted before it is cashed.
    events = bare.with_columns(credit=pl.col("cents") < 0)
    events = events.filter(~pl.any_horizontal(pl.col(key).is_null())).sort("day", "credit", row)
    for *place, number, credit in events.select(*key, row, "credit").iter_rows():
        queue = standing.setdefault(tuple(place), [])
        if not credit:
            queue.append(number)
        elif queue:
            pairs.append((queue.pop(0), number))
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def with_letters_of_debts(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines in which a bill bears the letter of the debt it was accepted for.

    The letter of 413 joins a bill with its cash and says nothing of invoices: a bill that
    was accepted without letter is without one, however well its account is lettered.

    Parameters
    ----------
    lines : polars.DataFrame
        Lines with their group.

    Returns
    -------
    polars.DataFrame
    """
    if not lines.select(BILL.any()).item():
        return lines
    debt = ~BILL
    given = debt & pl.col("letter").is_not_null()
    first = {
        name: pl.col(name).filter(given).first().over("group").alias(name)
        for name in ("letter", "letter_day")
    }
    accepted = debt & (pl.col("kind") == "transfer")
    known = BILL & (given.any().over("group") | accepted.any().over("group"))
    return lines.with_columns(
        pl.when(known).then(taken).otherwise(name).alias(name) for name, taken in first.items()
    )


def bills_received(live: pl.DataFrame) -> pl.DataFrame:
    """Debits of 413 that are bills: accepted, drawn with their sale, or from before the books.

    Parameters
    ----------
    live : polars.DataFrame
        Classified lines without openings of years whose earlier one is given.

    Returns
    -------
    polars.DataFrame
    """
    return live.filter(BILL & (pl.col("cents") > 0) & (pl.col("kind") != "reversal"))
