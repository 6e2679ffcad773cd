"""Sums of SAP's items as they stand in the files, beside what the ledger makes of them.

What settled an item is worked out from the items themselves, so that a payment that is
missing would not show in the balance of its invoice. The sums do not depend on that:
items that were cleared together balance, and open ones are what is open less what is
on account.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from paydelay.ledger import Ledger
from paydelay.sources.draft import LINE, Agreement, Assumption, Draft
from paydelay.sources.reconciliation import Compare, booked_open, by_currency, compared


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
            [
                booked_open(ledger).select("currency", amount="booked_open"),
                on_account.filter(~lost).select("currency", -pl.col("amount")),
            ]
        )
        total = pl.col("amount").sum()
        found = list(usual(ledger, refused)) if usual is not None else []
        found += compared("sap.open_items", by_currency(open_items, total), by_currency(made, total))
        # The ledger takes what was cleared for settled, to the cent. What one clearing
        # lacks and another has too much must not cancel out.
        balances = by_currency(cleared.group_by("group", "currency").agg(total.abs()), total)
        return found + list(compared("sap.cleared_items", balances, dict.fromkeys(balances, 0.0)))

    return compare
