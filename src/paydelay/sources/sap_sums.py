"""Sums of SAP's items as they stand in the files, beside what the ledger makes of them.

What settled an item is worked out from the items themselves, so that a payment that is
missing would not show in the balance of its invoice. The sums do not depend on that:
items that were cleared together balance, and open ones are what is open less what is
on account.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from paydelay.ledger import Ledger
from paydelay.sources.draft import LINE, Agreement, Assumption, Draft

Compare = Callable[[Ledger, pl.Series], Sequence[Agreement | Assumption]]


def agree_in_sum(draft: Draft, items: pl.DataFrame, payments: pl.DataFrame) -> Compare:
    """What compares a ledger with the sums of the items, besides what the draft compares already.

    Parameters
    ----------
    draft : Draft
        With the lines that were let go.
    items : polars.DataFrame
        Customer items in scope, as read: ``LINE``, currency, signed amount, and the group
        in which they were cleared, null for open ones.
    payments : polars.DataFrame
        Payments made of them: ``LINE``, invoice_id, currency, amount; those without an
        invoice are on account.

    Returns
    -------
    callable
        As :attr:`Draft.reconcile` has it.
    """
    usual = draft.reconcile
    on_account = payments.filter(pl.col("invoice_id").is_null()).select(LINE, "currency", "amount")

    def compare(ledger: Ledger, refused: pl.Series) -> Sequence[Agreement | Assumption]:
        gone = pl.concat([refused.cast(pl.Int64), *(lines.cast(pl.Int64) for lines in draft.gone)])
        lost = pl.col(LINE).is_in(gone.implode())
        open_items = items.filter(pl.col("group").is_null() & ~lost)
        # What is refused of a group leaves the others unbalanced, and is told already.
        broken = items.filter(lost)["group"].drop_nulls().unique()
        cleared = items.filter(pl.col("group").is_not_null() & ~pl.col("group").is_in(broken.implode()))
        made = pl.concat(
            [_open_in(ledger), on_account.filter(~lost).select("currency", -pl.col("amount"))],
        )
        found = list(usual(ledger, refused)) if usual is not None else []
        found += _agreements("sap.open_items", _sums(open_items), _sums(made))
        # The ledger takes what was cleared for settled, to the cent. What one clearing
        # lacks and another has too much must not cancel out.
        balances = _sums(cleared.group_by("group", "currency").agg(pl.col("amount").sum().abs()))
        return found + _agreements("sap.cleared_items", balances, dict.fromkeys(balances, 0.0))

    return compare


def _open_in(ledger: Ledger) -> pl.DataFrame:
    """Invoices less what was paid on them, in the currency of the invoice."""
    named = ledger.invoices.select("invoice_id", "currency")
    paid = ledger.payments.filter(pl.col("invoice_id").is_not_null()).join(
        named, on="invoice_id", how="inner"
    )
    return pl.concat(
        [ledger.invoices.select("currency", "amount"), paid.select("currency", -pl.col("amount"))]
    )


def _sums(rows: pl.DataFrame) -> dict[str, float]:
    return {
        str(code): total
        for code, total in rows.drop_nulls("currency").group_by("currency").agg(pl.col("amount").sum()).rows()
    }


def _agreements(key: str, source: dict[str, float], made: dict[str, float]) -> list[Agreement | Assumption]:
    # Adding 0.0 turns the -0.0 of a rounded sum round.
    return [
        Agreement(key, code, round(source.get(code, 0.0), 2) + 0.0, round(made.get(code, 0.0), 2) + 0.0)
        for code in sorted({*source, *made})
    ]
