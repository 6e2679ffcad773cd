"""Whose a bill is where one account 413 holds those of all customers and no auxiliary says so.

The entry of acceptance names the customer on its other side. The cash names nobody: letter,
document or an amount that no other customer has must say which bill it is of. A bill of
which that cannot be told stays what any other counter account is, and its acceptance pays.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from paydelay.sources.draft import LINE, Draft
from paydelay.sources.fec.advances import ADVANCE
from paydelay.sources.fec.allocation import allocate, less
from paydelay.sources.fec.bills import BILL, POOLED
from paydelay.sources.fec.entries import CUSTOMER_PREFIX, classify, journal_natures, segmented
from paydelay.sources.fec.lines import Books, beside

_BALANCE_SHEET = r"^89[01]"
_OPENS_OR_CLOSES = pl.col("kind").is_in(["opening", "closing"])


def with_owners(draft: Draft, books: Books) -> Books:
    """Books in which each line of account 413 is a customer's, or stands among all other accounts.

    Parameters
    ----------
    draft : Draft
        Gets the lines that are nobody's, as out of scope.
    books : Books
        Lines of all files, those of 413 among the customers'.

    Returns
    -------
    Books
        The customers' lines with :data:`paydelay.sources.fec.bills.POOLED`; a line that
        cashes bills of several customers comes in parts.
    """
    customers = books.customers.with_columns(pl.lit(False).alias(POOLED))
    # A bill's account is called bills: no customer's name.
    customers = customers.with_columns(account_label=pl.when(~BILL).then("account_label"))
    pooled = customers.filter(BILL & pl.col("auxiliary").is_null() & ~_own_account(customers))
    if not pooled.height:
        return Books(customers, books.others, books.journals)
    named = customers.join(pooled, on=LINE, how="anti")
    plain = Books(named, pl.concat([books.others, _as_others(pooled, books)]), books.journals)
    parts = _told(pooled, _with_entries(pooled, plain))
    nobodys = pooled.join(parts, on=LINE, how="anti")
    draft.leave_out(nobodys, "fec.other_account")
    others = pl.concat([books.others, _as_others(nobodys, books)])
    return Books(pl.concat([named, parts.select(named.columns)]), others, books.journals)


def _as_others(rows: pl.DataFrame, books: Books) -> pl.DataFrame:
    cut = beside(rows).join(rows.select(LINE, "company"), on=LINE)
    return cut.select(books.others.columns)


def _own_account(customers: pl.DataFrame) -> pl.Expr:
    """Whether a line is on an account that one customer has, like the 411 of the same number."""
    ordinary = customers.filter(pl.col("account").str.starts_with("411"))
    alone = ordinary.group_by("account").agg(pl.col("auxiliary").is_null().all().alias("alone"))
    number = alone.filter("alone")["account"].str.replace(CUSTOMER_PREFIX, "")
    own = pl.col("account").str.replace(CUSTOMER_PREFIX, "")
    return own.is_in(number.implode()) & ~own.str.contains("^0*$")


def _with_entries(pooled: pl.DataFrame, plain: Books) -> pl.DataFrame:
    """Lines of the collective accounts with entry and owner, as far as the entry has one customer for it."""
    lines = segmented(plain)
    entries = lines.filter(~pl.col("customer")).select(LINE, "entry")
    beside_them = classify(plain).filter(pl.col("entry").is_in(entries["entry"].implode()))
    balances = lines.filter(pl.col("account").str.contains(_BALANCE_SHEET))["entry"]
    opened = beside_them.filter(_OPENS_OR_CLOSES)["entry"]
    natures = journal_natures(plain).filter(nature="opening").select("file", "journal")
    bills = (
        pooled.join(entries, on=LINE)
        .filter(~pl.col("entry").is_in(pl.concat([balances, opened]).implode()))
        .join(natures, on=["file", "journal"], how="anti")
        .with_columns(side=pl.col("cents").sign(), amount=pl.col("cents"))
    )
    other_side = beside_them.filter(~ADVANCE & ~BILL & ~_OPENS_OR_CLOSES).with_columns(
        side=-pl.col("cents").sign(), amount=-pl.col("cents")
    )
    found = []
    # Of several customers in one entry, the one whose amount is the bill's.
    for key in (["entry", "side"], ["entry", "side", "amount"]):
        whose = other_side.group_by(key).agg(
            pl.col("customer_id").n_unique().alias("many"),
            pl.col("customer_id").first().alias("owner"),
            covered=pl.col("cents").sum().abs(),
        )
        needed = pl.col("cents").sum().over(key).abs()
        matched = bills.with_columns(needed=needed).join(whose.filter(pl.col("many") == 1), on=key)
        matched = matched.filter(pl.col("needed") <= pl.col("covered")).select(*bills.columns, "owner")
        found.append(matched)
        bills = bills.join(matched, on=LINE, how="anti")
    nobody = bills.with_columns(pl.lit(None, dtype=pl.String).alias("owner"))
    return (
        pl.concat([*found, nobody])
        .sort(LINE)
        .with_row_index("number")
        .with_columns(pl.col("number").cast(pl.Int64), group=pl.lit(None, dtype=pl.String))
    )


# ---- Which bill a credit is of ------------------------------------------------------------------


def _told(pooled: pl.DataFrame, bills: pl.DataFrame) -> pl.DataFrame:
    """Lines of bills of which all can be told, credits in parts by customer, with their owners."""
    debits = bills.filter((pl.col("cents") > 0) & pl.col("owner").is_not_null())
    debits = debits.rename({"number": "claim"})
    settling = bills.filter(pl.col("cents") < 0).with_columns(cents=-pl.col("cents"))
    settling = settling.rename({"number": "settlement"})
    parts, owed, left = _matched(debits, settling)
    if not debits.height:
        return pooled.clear()
    untold = _untold(bills.height, parts, owed, left)
    ours = debits.filter(~pl.col("claim").is_in(untold.implode())).drop("auxiliary")
    accepted = ours.with_columns(auxiliary="owner")
    cash = (
        parts.filter(~pl.col("claim").is_in(untold.implode()))
        .join(settling.drop("cents", "owner", "auxiliary"), on="settlement")
        .join(debits.select("claim", auxiliary="owner"), on="claim")
        .with_columns(cents=-pl.col("cents"))
    )
    lines = [rows.select(pooled.columns) for rows in (accepted, cash)]
    return pl.concat(lines).with_columns(pl.lit(True).alias(POOLED)).sort(LINE, maintain_order=True)


def _matched(debits: pl.DataFrame, settling: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Parts of credits by bill; then what is left of both sides."""
    account = ["company", "account"]
    found = []
    owners = debits.select("claim", "owner", booked="day")
    names = settling.select("settlement", named="owner", cashed="day")
    for key in (
        [*account, "file", "letter"],
        [*account, "owner"],
        [*account, "document"],
        [*account, "amount"],
    ):
        sides = [
            rows.with_columns(amount=pl.col("cents"))
            .with_columns(group=pl.concat_str(*key, separator="\t"))
            .filter(pl.col("group").is_not_null())
            for rows in (debits, settling)
        ]
        sure = _sure(*sides)
        parts = allocate(*(rows.join(sure, on="group", how="semi") for rows in sides))
        # No bill is cashed before it is accepted, and none by an entry that names another customer.
        told = parts.join(owners, on="claim").join(names, on="settlement")
        fits = (pl.col("booked") <= pl.col("cashed")) & (pl.col("named") == pl.col("owner")).fill_null(True)
        parts = told.filter(fits).select(parts.columns)
        found.append(parts)
        debits, settling = less(debits, parts, "claim"), less(settling, parts, "settlement")
    return pl.concat(found), debits, settling


def _sure(debits: pl.DataFrame, settling: pl.DataFrame) -> pl.DataFrame:
    """Groups that are one customer's, or that balance: there, all are settled whoever they are of."""
    sides = pl.concat(
        [debits.select("group", "owner", "cents"), settling.select("group", "owner", cents=-pl.col("cents"))]
    )
    sums = sides.group_by("group").agg(pl.col("owner").drop_nulls().n_unique(), pl.col("cents").sum())
    return sums.filter((pl.col("owner") == 1) | (pl.col("cents") == 0)).select("group")


def _untold(size: int, parts: pl.DataFrame, owed: pl.DataFrame, left: pl.DataFrame) -> pl.Series:
    """Bills that may have been cashed otherwise than is known, and those cashed together with them."""
    account = ["company", "account"]
    # What nobody's credit after it could have cashed is held for sure.
    latest = left.sort("day", descending=True).with_columns(largest=pl.col("cents").cum_max().over(account))
    threat = latest.select(*account, "day", "largest").sort("day")
    compared = owed.sort("day").join_asof(
        threat, on="day", by=account, strategy="forward", check_sortedness=False
    )
    doubtful = compared.filter(pl.col("largest") >= pl.col("cents"))["claim"]
    ends = parts.select("claim", "settlement").to_numpy()
    graph = coo_array((np.ones(len(ends), dtype=np.int8), (ends[:, 0], ends[:, 1])), shape=(size, size))
    component = connected_components(graph, directed=False)[1]
    bad = np.unique(component[pl.concat([doubtful, left["settlement"]]).to_numpy()])
    return pl.Series(np.flatnonzero(np.isin(component, bad)), dtype=pl.Int64)
