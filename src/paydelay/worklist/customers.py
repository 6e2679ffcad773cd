"""The queue by customer: sums, probabilities and reasons of what each one owes."""

from __future__ import annotations

import polars as pl

from paydelay.explain import REASONS_DTYPE
from paydelay.loss.exposure import require_columns
from paydelay.worklist.order import OPEN, ORDER_VALUES, OVERDUE, Order, summed, sums_of_money

REASONS = ("reasons_late", "reasons_unpaid")
_PROBABILITIES = ("prob_late", "prob_unpaid")
_CANCELLED = 1e-9  # log-odds that cancel out between invoices, but for rounding
_OF_ONE_INVOICE = ("age", "calendar", "disputes_open", "rhythm", "settled_share", "size")
"""Causes whose sentence is about one invoice: with several of them it is not true of the customer."""


def ranked_customers(
    book: pl.DataFrame, actionable: pl.DataFrame, order: Order, cash: pl.DataFrame | None
) -> pl.DataFrame:
    """One row per customer with something to chase, best first; reasons are for :func:`with_reasons`."""
    set_aside = (
        book.filter(pl.col("set_aside").is_not_null())
        .group_by("customer_id")
        .agg(set_aside_amount=summed(OPEN))
    )
    if cash is None:
        held = pl.DataFrame(schema={"customer_id": pl.String, "cash_on_account": pl.Float64})
    else:
        require_columns(cash, ("customer_id", "cash_on_account"), "cash on account")
        held = cash.group_by("customer_id").agg(pl.col("cash_on_account").sum())
    known = pl.col("cash_on_account")
    pooled = pl.col("prob_unpaid_pooled") if "prob_unpaid_pooled" in actionable.columns else pl.lit(None)
    promised = pl.col("promised_amount") if "promised_amount" in actionable.columns else pl.lit(0.0)
    customers = (
        actionable.group_by("customer_id", maintain_order=True)
        .agg(
            pl.col("as_of").first(),
            invoice_count=pl.len().cast(pl.Int64),
            open_amount=summed(OPEN),
            overdue_amount=summed(OVERDUE),
            promised_amount=summed(promised),
            oldest_days_past_due=pl.col("days_past_due").max(),
            **{name: _weighted(name) for name in _PROBABILITIES},
            prob_unpaid_pooled=pooled.cast(pl.Boolean).any(),
            **sums_of_money(),
            late_value=ORDER_VALUES["late-value"].sum(),
        )
        .join(held, on="customer_id", how="left")
        .join(set_aside, on="customer_id", how="left")
        .with_columns(
            known if cash is None else known.fill_null(0.0), pl.col("set_aside_amount").fill_null(0.0)
        )
        .sort(
            order.replace("-", "_"),
            "open_amount",
            "oldest_days_past_due",
            "customer_id",
            descending=[True, True, True, False],
            nulls_last=True,
        )
        .with_row_index("priority_rank", offset=1)
        .with_columns(pl.col("priority_rank").cast(pl.Int64))
    )
    first = ["priority_rank", "customer_id", "as_of", "invoice_count", "open_amount", "overdue_amount"]
    first += ["cash_on_account", "set_aside_amount"]
    return customers.select(*first, pl.exclude(*first))


def _weighted(name: str) -> pl.Expr:
    """Mean over a customer's invoices by open amount; a plain one where nothing is open."""
    chance = pl.col(name)
    return pl.when(OPEN.sum() > 0).then((chance * OPEN).sum() / OPEN.sum()).otherwise(chance.mean())


def with_reasons(customers: pl.DataFrame, reasons: pl.DataFrame) -> pl.DataFrame:
    """The same rows with their reasons; an empty list where there are none."""
    joined = customers.join(reasons, on="customer_id", how="left", maintain_order="left")
    return joined.with_columns(pl.col(REASONS).fill_null(pl.lit([], dtype=REASONS_DTYPE)))


def stated_reasons(actionable: pl.DataFrame, reasons_max: int) -> pl.DataFrame:
    """Reasons of customers from those stated of their invoices, where that is all there is."""
    told = actionable.select("customer_id").unique()
    for name in REASONS:
        told = told.join(_stated(actionable, name, reasons_max), on="customer_id", how="left")
    return told


def _stated(actionable: pl.DataFrame, name: str, reasons_max: int) -> pl.DataFrame:
    """Money-weighted mean of the stated contributions per customer and cause, largest first.

    A reason that holds by rule has no contribution; it stays one, and leads, told of the
    oldest invoice. Otherwise the text is the one of the invoice that carries most of the
    result, among those that point the same way.
    """
    weight = pl.when(OPEN.sum().over("customer_id") > 0).then(OPEN / OPEN.sum().over("customer_id"))
    part = pl.col("contribution") * pl.col("weight")
    whole = part.sum().over("customer_id", "cause")
    by_rule = pl.col("contribution").is_null()
    stated = (
        actionable.select(
            "customer_id",
            "invoice_id",
            "days_past_due",
            pl.len().over("customer_id").alias("invoice_count"),
            weight.otherwise(1.0).alias("weight"),
            pl.col(name).cast(REASONS_DTYPE),
        )
        .explode(name, empty_as_null=False, keep_nulls=False)
        .unnest(name)
        .with_columns(pl.when(pl.col("contribution").is_finite()).then("contribution").alias("contribution"))
        .with_columns(rule=by_rule.any().over("customer_id", "cause"), part=part, whole=whole)
    )
    # By rule: the oldest invoice under the rule speaks. Otherwise: the largest part in the
    # direction of the sum.
    voice = (
        pl.when(pl.col("rule"))
        .then(pl.when(by_rule).then("days_past_due"))
        .otherwise(pl.col("part") * pl.col("whole").sign())
    )
    return (
        stated.filter((pl.col("invoice_count") == 1) | ~pl.col("cause").is_in(_OF_ONE_INVOICE))
        .filter(pl.col("rule") | (pl.col("whole").abs() > _CANCELLED))
        .with_columns(voice=voice, share=pl.col("weight").sum().over("customer_id", "cause"))
        .sort("voice", "weight", "invoice_id", descending=[True, True, False], nulls_last=True)
        .unique(["customer_id", "cause"], keep="first", maintain_order=True)
        .with_columns(size=pl.when(pl.col("rule")).then("share").otherwise(pl.col("whole").abs()))
        .sort("customer_id", "rule", "size", "cause", descending=[False, True, True, False])
        .group_by("customer_id", maintain_order=True)
        .agg(
            pl.struct(
                "cause",
                pl.when("rule")
                .then("direction")
                .otherwise(pl.col("whole").sign())
                .cast(pl.Int8)
                .alias("direction"),
                pl.when(~pl.col("rule")).then("whole").alias("contribution"),
                "text",
            )
            .head(reasons_max)
            .alias(name)
        )
    )
