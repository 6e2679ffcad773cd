"""Whether a ledger says of each receivable what the source says itself.

Source systems keep a balance per document. The ledger makes its own from payments;
where the two agree, no payment was lost on the way, misread or counted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from paydelay.ledger import Ledger
from paydelay.ledger.tables import CENT_HALF
from paydelay.sources.draft import LINE, Agreement, Assumption, Draft

_NO_CURRENCY = "XXX"


def agree_with(
    claims: pl.DataFrame, draft: Draft
) -> Callable[[Ledger, pl.Series], Sequence[Agreement | Assumption]]:
    """What compares a ledger with the receivables of its source.

    Parameters
    ----------
    claims : polars.DataFrame
        Every receivable of the source that could be read: ``LINE``, currency, amount and
        open_amount, the last null where the source does not say, or says what the
        payments were made of.
    draft : Draft
        Its invoices say by what number the ledger knows each of them.

    Returns
    -------
    callable
        From the ledger and the refused lines to the agreements: per currency the
        documents that were not refused, and what is open of those with a balance of
        their own; and how many invoices differ. None where no document has a balance.

    Examples
    --------
    >>> invoices = pl.DataFrame({
    ...     "invoice_id": ["A1"], "customer_id": ["C1"], "issue_date": ["2024-01-02"],
    ...     "due_date": ["2024-02-01"], "amount": [120.0], "currency": ["EUR"],
    ... })
    >>> payments = pl.DataFrame({
    ...     "invoice_id": ["A1"], "payment_date": ["2024-02-03"], "amount": [20.0],
    ... })
    >>> ledger = Ledger.from_frames(invoices, payments)
    >>> draft = Draft("demo", tables={"invoices": invoices.with_columns(pl.lit(2).alias(LINE))})
    >>> claims = draft.tables["invoices"].with_columns(open_amount=pl.lit(100.0))
    >>> found = agree_with(claims, draft)(ledger, pl.Series([], dtype=pl.Int64))
    >>> [(compared.key, compared.source_amount, compared.difference) for compared in found]
    [('erp.documents', 120.0, 0.0), ('erp.open_balance', 100.0, 0.0)]
    """
    said = claims.select(
        LINE,
        pl.col("currency").fill_null(_NO_CURRENCY),
        pl.col("amount").cast(pl.Float64),
        pl.col("open_amount").cast(pl.Float64),
    )

    def compare(ledger: Ledger, refused: pl.Series) -> Sequence[Agreement | Assumption]:
        stated = said.filter(~pl.col(LINE).is_in(refused.implode())) if len(refused) else said
        amounts = ledger.invoices.group_by("currency").agg(made=pl.col("amount").sum())
        documents = stated.group_by("currency").agg(said=pl.col("amount").sum())
        # A number may have been replaced by a pseudonym since; the line is the same.
        names = draft.tables["invoices"].select(LINE, "invoice_id").drop_nulls()
        known = stated.filter(pl.col("open_amount").is_not_null())
        known = known.join(names, on=LINE, how="left").join(_booked_open(ledger), on="invoice_id", how="left")
        balances = known.group_by("currency").agg(
            said=pl.col("open_amount").sum(), made=pl.col("made_open").sum()
        )
        apart = (pl.col("open_amount") - pl.col("made_open")).abs() > CENT_HALF
        # A document that the ledger lacks differs, whatever is open of it.
        differing = known.filter(apart.fill_null(True)).height
        found: list[Agreement | Assumption] = [
            *_agreements("erp.documents", documents.join(amounts, on="currency", how="full", coalesce=True)),
            *_agreements("erp.open_balance", balances),
        ]
        if differing:
            found.append(Assumption("erp.open_differs", {"n": differing}))
        # Where nothing independent is there to compare, agreement would mean nothing.
        lost = any(one.difference for one in found if isinstance(one, Agreement))
        return found if known.height or lost else []

    return compare


def _booked_open(ledger: Ledger) -> pl.DataFrame:
    """What books call open: a write-off closes the item there, though it settles nothing."""
    paid = ledger.payments.group_by("invoice_id").agg(paid=pl.col("amount").sum())
    return ledger.invoices.join(paid, on="invoice_id", how="left").select(
        "invoice_id", made_open=(pl.col("amount") - pl.col("paid").fill_null(0.0)).round(2)
    )


def _agreements(key: str, sums: pl.DataFrame) -> list[Agreement]:
    rows = sums.select("currency", pl.col("said").fill_null(0.0), pl.col("made").fill_null(0.0))
    return [
        Agreement(key, currency, round(said, 2), round(made, 2))
        for currency, said, made in rows.sort("currency").iter_rows()
    ]
