"""What settled which of SAP's customer items, and when.

Within a group that was cleared together, credits that name an invoice go to it first,
then the oldest credit to the item due first. The date is the credit's own. What no
credit of the group accounts for was settled by something these files do not hold, and
is dated on the day of clearing.
"""

from __future__ import annotations

import polars as pl

from paydelay.ledger.tables import CENT_HALF
from paydelay.sources.allocation import divide
from paydelay.sources.claims import PAYMENTS, in_frame
from paydelay.sources.draft import LINE, Draft

_FOLLOWED_TIMES = 10


def settle(draft: Draft, items: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Claims and payments of classified customer items.

    Parameters
    ----------
    draft : Draft
        Gets what was assumed, and the lines that belong to others.
    items : polars.DataFrame
        Customer items with role, group, invoice_id, issue_date and due_date.

    Returns
    -------
    tuple of two polars.DataFrame
        A claims frame and a payments frame.
    """
    items = _followed(draft, items.with_row_index("item"))
    cleared = items.filter(pl.col("group").is_not_null())
    pieces = _cleared(draft, cleared)
    payments = [
        _payments_of(draft, pieces),
        _residuals(draft, items),
        _referring(draft, items.filter(pl.col("group").is_null())),
        _on_account(draft, items.filter(pl.col("group").is_null())),
    ]
    # A cleared credit or counter of which nothing settled a claim still did its part in its group.
    draft.used_besides.append(cleared.filter(pl.col("role") != "claim")[LINE])
    return _claims(items), pl.concat(payments)


def _followed(draft: Draft, items: pl.DataFrame) -> pl.DataFrame:
    """Items with the claim they are about: their own, or that of the invoice they name."""
    keys = ["bukrs", "belnr", "gjahr", "buzei"]
    claim = pl.col("role") == "claim"
    items = items.with_columns(
        claim=pl.when(claim).then("item"), claim_line=pl.when(claim).then(pl.col(LINE))
    )
    named = items.select("item", "bukrs", belnr="rebzg", gjahr="rebzj", buzei="rebzz").filter(
        pl.col("belnr").is_not_null()
    )
    targets = items.filter(pl.col("role").is_in(("claim", "residual"))).select(*keys, target="item")
    links = _links(named, targets)
    items = items.join(links, on="item", how="left", maintain_order="left", validate="m:1")
    for _ in range(_FOLLOWED_TIMES):
        # A residual of a residual is still about the first invoice.
        known = items.select(target="item", next_claim="claim", next_line="claim_line")
        items = (
            items.join(known, on="target", how="left", maintain_order="left", validate="m:1")
            .with_columns(
                claim=pl.coalesce("claim", "next_claim"), claim_line=pl.coalesce("claim_line", "next_line")
            )
            .drop("next_claim", "next_line")
        )
    # A residual of an invoice that is not here is all that is known of it: a claim of its own.
    orphan = (pl.col("role") == "residual") & pl.col("claim").is_null()
    draft.assume("sap.residuals_as_claims", n=items.filter(orphan).height)
    names = items.filter(pl.col("role") == "claim").select(claim="item", claim_id="invoice_id")
    return (
        items.with_columns(
            role=pl.when(orphan).then(pl.lit("claim")).otherwise("role"),
            claim=pl.when(orphan).then("item").otherwise("claim"),
            claim_line=pl.when(orphan).then(pl.col(LINE)).otherwise("claim_line"),
        )
        .join(names, on="claim", how="left", maintain_order="left")
        .with_columns(claim_id=pl.when(orphan).then("invoice_id").otherwise("claim_id"))
    )


def _links(named: pl.DataFrame, targets: pl.DataFrame) -> pl.DataFrame:
    """The item that each one names: by its whole key, else the only one that the given parts fit."""
    pairs = named.join(
        targets, on=["bukrs", "belnr"], how="inner", nulls_equal=True, suffix="_target"
    ).filter(pl.col("item") != pl.col("target"))
    parts = [(pl.col(name), pl.col(f"{name}_target")) for name in ("gjahr", "buzei")]
    exact = pl.all_horizontal((part == other).fill_null(False) for part, other in parts)
    # A list names the document only, and may have no numbers of items itself.
    fits = pl.all_horizontal((part == other).fill_null(True) for part, other in parts)
    pairs = pairs.with_columns(__exact=exact).filter(fits)
    whole = pairs.filter("__exact")
    loose = pairs.join(whole, on="item", how="anti")
    links = pl.concat([rows.filter(pl.len().over("item") == 1) for rows in (whole, loose)])
    return links.select("item", "target")


def _claims(items: pl.DataFrame) -> pl.DataFrame:
    """Claims with what SAP has open of them: their open items, less partial payments that name them."""
    balances = (
        items.filter(pl.col("claim").is_not_null())
        .with_columns(still=pl.when(pl.col("group").is_null()).then("amount").otherwise(0.0))
        .group_by("claim")
        .agg(open_amount=pl.col("still").sum().round(2))
    )
    claims = items.filter(pl.col("role") == "claim").join(
        balances, on="claim", how="left", maintain_order="left"
    )
    return claims.select(
        LINE,
        "invoice_id",
        "issue_date",
        "due_date",
        "amount",
        "currency",
        "open_amount",
        customer_id="kunnr",
        entity="bukrs",
        recorded_on="cpudt",
    )


# ---- Cleared groups --------------------------------------------------------------------------------


def _cleared(draft: Draft, items: pl.DataFrame) -> pl.DataFrame:
    """Which credit settled which debit of each group, in cents."""
    sized = items.with_columns(cents=(pl.col("amount").abs() * 100).round().cast(pl.Int64))
    debits = sized.filter(pl.col("amount") > 0).sort("group", "due_date", "item", nulls_last=True)
    credit_rows = sized.filter(pl.col("amount") < 0).sort("group", "budat", "item")
    named = _pieces(
        credit_rows.filter(pl.col("claim").is_not_null()).with_columns(_within("claim")),
        debits.filter(pl.col("claim").is_not_null()).with_columns(_within("claim")),
    ).filter(pl.col("credit").is_not_null() & pl.col("debit").is_not_null())
    rest = _pieces(_less(credit_rows, named, "credit"), _less(debits, named, "debit"))
    several = rest.drop_nulls().group_by("group").agg(pl.col("credit").n_unique(), pl.col("debit").n_unique())
    draft.assume("sap.groups_by_age", n=several.filter((pl.col("credit") > 1) & (pl.col("debit") > 1)).height)
    codes = sized.select("group", "currency").unique()
    over = rest.filter(pl.col("debit").is_null()).join(codes, on="group", how="left", validate="m:1")
    _tell_amounts(draft, "sap.surplus_credits", over, "group")
    pieces = pl.concat([named.with_columns(group=pl.lit(None, dtype=pl.String)), rest])
    pieces = pieces.filter(pl.col("debit").is_not_null()).join(
        debits.select(
            "claim_line",
            "claim_id",
            "augdt",
            "currency",
            debit="item",
            debit_role="role",
            debit_line=pl.col(LINE),
        ),
        on="debit",
        how="left",
    )
    pieces = pieces.filter(pl.col("claim_id").is_not_null()).join(
        credit_rows.select(
            "budat", "cpudt", "role", credit="item", credit_line=pl.col(LINE),
            waived=(pl.col("wskto").abs() / pl.col("amount").abs()).fill_null(0.0).clip(0.0, 1.0),
        ),
        on="credit",
        how="left",
    )  # fmt: skip
    unexplained = pieces.filter(pl.col("credit").is_null())
    _tell_amounts(draft, "sap.settled_at_clearing_date", unexplained, "claim_id")
    of_credits = pieces.filter(pl.col("credit_line").is_not_null())
    draft.belong(of_credits.select(pl.col("credit_line").alias(LINE), owner="claim_line"), "owner")
    return pieces


def _tell_amounts(draft: Draft, key: str, pieces: pl.DataFrame, counted: str) -> None:
    """Tell of pieces in which the other side is missing: how many, and how much in each currency."""
    told = pieces.group_by("currency").agg(n=pl.col(counted).n_unique(), cents=pl.col("cents").sum())
    for currency, n, cents in told.sort("currency").iter_rows():
        draft.assume(key, n=n, amount=cents / 100.0, currency=currency or "")


def _within(column: str) -> pl.Expr:
    return pl.concat_str("group", pl.col(column).cast(pl.String), separator="|").alias("group")


def _pieces(credit_rows: pl.DataFrame, debits: pl.DataFrame) -> pl.DataFrame:
    return divide(
        credit_rows.select("group", "cents", credit="item"), debits.select("group", "cents", claim="item")
    ).rename({"claim": "debit"})


def _less(side: pl.DataFrame, pieces: pl.DataFrame, column: str) -> pl.DataFrame:
    """What of each item is left once the pieces are taken off."""
    taken = pieces.group_by(pl.col(column).alias("item")).agg(taken=pl.col("cents").sum())
    left = side.join(taken, on="item", how="left", maintain_order="left")
    left = left.with_columns(cents=pl.col("cents") - pl.col("taken").fill_null(0)).drop("taken")
    return left.filter(pl.col("cents") > 0)


def _payments_of(draft: Draft, pieces: pl.DataFrame) -> pl.DataFrame:
    """Payments of the pieces, under the line of their invoice: they are refused with it, not it with them."""
    amount = pl.col("cents") / 100.0
    waived = pl.when(pl.col("role") == "payment").then((amount * pl.col("waived")).round(2)).otherwise(0.0)
    split = pieces.with_columns(
        whole=amount,
        discount=waived.fill_null(0.0),
        payment_date=pl.coalesce("budat", "augdt"),
        kind=pl.coalesce("role", pl.lit("payment")),
    )
    draft.assume("sap.discounts", n=split.filter(pl.col("discount") > CENT_HALF).height)
    common = [
        pl.col("claim_line").alias(LINE),
        pl.col("claim_id").alias("invoice_id"),
        pl.col("payment_date"),
        pl.col("cpudt").alias("recorded_on"),
    ]
    parts = [
        split.select(*common, "kind", amount=pl.col("whole") - pl.col("discount")),
        split.select(*common, kind=pl.lit("discount"), amount=pl.col("discount")),
    ]
    return pl.concat([in_frame(part.filter(pl.col("amount") > CENT_HALF), PAYMENTS) for part in parts])


# ---- Residuals, partial payments, cash on account --------------------------------------------------


def _residuals(draft: Draft, items: pl.DataFrame) -> pl.DataFrame:
    """What clearing left of an invoice: its payment was smaller by that much."""
    residuals = items.filter(pl.col("role") == "residual")
    draft.assume("sap.residuals", n=residuals.height)
    draft.belong(residuals, "claim_line")
    return _on_claim(residuals, pl.lit("payment"))


def _referring(draft: Draft, items: pl.DataFrame) -> pl.DataFrame:
    """Open credits that name a claim: partial payments and credit notes on it."""
    partial = items.filter(pl.col("role").is_in(("payment", "credit_note")), pl.col("claim").is_not_null())
    draft.belong(partial, "claim_line")
    return _on_claim(partial, pl.col("role"))


def _on_claim(items: pl.DataFrame, kind: pl.Expr) -> pl.DataFrame:
    """Payments of items, under the line of the claim they are about."""
    return in_frame(
        items.select(
            pl.col("claim_line").alias(LINE),
            pl.col("claim_id").alias("invoice_id"),
            pl.col("budat").alias("payment_date"),
            -pl.col("amount"),
            pl.col("cpudt").alias("recorded_on"),
            kind=kind,
        ),
        PAYMENTS,
    )


def _on_account(draft: Draft, items: pl.DataFrame) -> pl.DataFrame:
    """Open credits that name no claim, and debits that take such credit back."""
    free = items.filter(
        (pl.col("role").is_in(("payment", "credit_note")) & pl.col("claim").is_null())
        | (pl.col("role") == "counter")
    )
    draft.assume("sap.debits_on_account", n=free.filter(pl.col("role") == "counter").height)
    kind = pl.when(pl.col("role") == "counter").then(pl.lit("payment")).otherwise("role")
    rows = free.select(
        LINE,
        "currency",
        pl.col("kunnr").alias("customer_id"),
        pl.col("budat").alias("payment_date"),
        -pl.col("amount"),
        pl.col("cpudt").alias("recorded_on"),
        kind=kind,
    )
    return in_frame(rows, PAYMENTS)
