"""Cash on account in the reporting currency, once it is known which rates the books have.

A ledger takes cash on account for an amount in the reporting currency. Adapters leave
it in the currency of the document; rates that the caller gives come after them.
"""

from __future__ import annotations

import polars as pl

from paydelay.sources.draft import LINE, Draft
from paydelay.sources.scope import let_go_where

_RATES = pl.Schema({"currency": pl.String, "rate_date": pl.Date, "rate": pl.Float64})


def convert_on_account(draft: Draft, published: pl.DataFrame | None) -> None:
    """Put the cash on account of a draft among its payments, in the reporting currency.

    Each amount is converted at the last rate on or before its day: one of those given,
    or, where they have none by then, one of the documents'. Without either it is out
    of scope.

    Parameters
    ----------
    draft : Draft
        With the cash on account that its adapter found; is changed.
    published : polars.DataFrame or None
        The rates that the caller gave: currency, rate_date and rate.
    """
    cash, draft.on_account = draft.on_account, None
    if cash is None or not cash.height:
        return
    given = _RATES.to_frame() if published is None else published.select(_RATES.names())
    reporting = _reporting(draft, given)
    own = pl.lit(reporting, dtype=pl.String)
    cash = cash.with_columns(pl.col("currency").str.to_uppercase())
    # Without a reporting currency there is no invoice either, and nothing to convert to.
    foreign = (pl.col("currency") != own).fill_null(False)
    dated = _dated(cash, given, "given")
    leading = reporting is not None and reporting == draft.document_currency
    dated = _dated(dated, draft.document_rates if leading else None, "of_document")
    rate = pl.coalesce("given", "of_document")
    dated = dated.with_columns(
        rate=pl.when(foreign).then(rate).otherwise(1.0), amount=pl.when(foreign).then(pl.col("amount") * rate)
        .otherwise("amount"),
    ).drop("given", "of_document")  # fmt: skip
    payments = pl.concat([draft.tables["payments"], dated.drop("rate", "currency")], how="diagonal")
    lost = pl.col(LINE).is_in(dated.filter(pl.col("rate").is_null())[LINE].implode())
    lost = lost & pl.col("invoice_id").is_null()
    draft.tables["payments"] = let_go_where(draft, payments, lost, "erp.on_account_without_rate")


def _reporting(draft: Draft, given: pl.DataFrame) -> str | None:
    """The currency that the ledger will report in: named, the only one, or the only one without rates."""
    if draft.reporting_currency is not None:
        return draft.reporting_currency
    codes = draft.tables["invoices"]["currency"].str.to_uppercase().drop_nulls().unique()
    unrated = codes.filter(~codes.is_in(given["currency"].implode()))
    alone = codes if len(codes) == 1 else unrated
    return str(alone[0]) if len(alone) == 1 else None


def _dated(cash: pl.DataFrame, rates: pl.DataFrame | None, name: str) -> pl.DataFrame:
    """Rows with the last rate on or before their day."""
    if rates is None or not rates.height:
        return cash.with_columns(pl.lit(None, dtype=pl.Float64).alias(name))
    joined = (
        cash.with_row_index("__place")
        .sort("payment_date", nulls_last=True)
        .join_asof(
            rates.select("currency", "rate_date", pl.col("rate").alias(name)).sort("rate_date"),
            left_on="payment_date",
            right_on="rate_date",
            by="currency",
            strategy="backward",
            check_sortedness=False,
        )
    )
    return joined.sort("__place").drop("__place", "rate_date")
