"""By which means each payment of a ledger is made, as far as its rows tell, to book it so.

Nothing is drawn by lot: the same ledger is always booked in the same way.
"""

from __future__ import annotations

import polars as pl

TRANSFER, ADVANCE, IMPUTED, BILL, ON_ACCOUNT = "transfer", "advance", "imputed", "bill", "on_account"
_BILL_EVERY = 5


def with_means(
    payments: pl.DataFrame, invoices: pl.DataFrame, *, advances: bool, bills: bool
) -> pl.DataFrame:
    """Payments with the means of each; a row that only takes money off the account is dropped.

    Parameters
    ----------
    payments : polars.DataFrame
        Columns number, customer_id, invoice_id, payment_date, kind and cents.
    invoices : polars.DataFrame
        Columns invoice_id and issue_date.
    advances : bool
        Whether money that came before its invoice, or names none, is on account 4191.
    bills : bool
        Whether every fifth customer pays by bills of exchange.

    Returns
    -------
    polars.DataFrame
        With issue_date, and means: ``transfer`` to the bank; ``advance``, money that came
        before the invoice was issued; ``on_account``, money that names none; ``imputed``,
        money on account that was found to be an invoice's; ``bill`` of exchange.

    Examples
    --------
    >>> from datetime import date
    >>> payments = pl.DataFrame({
    ...     "number": [0, 1], "customer_id": ["C1", "C1"], "invoice_id": ["F1", None],
    ...     "payment_date": [date(2023, 1, 5), date(2023, 1, 9)], "kind": ["payment", "payment"],
    ...     "cents": [5000, 700],
    ... })
    >>> invoices = pl.DataFrame({"invoice_id": ["F1"], "issue_date": [date(2023, 2, 1)]})
    >>> with_means(payments, invoices, advances=True, bills=False)["means"].to_list()
    ['advance', 'on_account']
    """
    rows = payments.join(
        invoices.select("invoice_id", "issue_date"), on="invoice_id", how="left", maintain_order="left"
    )
    money = pl.col("kind") == "payment"
    named = pl.col("invoice_id").is_not_null()
    # Where money went back, the bank's own days and sums are what tells the two apart.
    steady = named & (pl.col("cents").min().over("invoice_id") > 0)
    paid = money & steady
    in_time = pl.col("payment_date") >= pl.col("issue_date")
    # A bill that was cashed may be dishonoured: the money went back as that of a transfer does.
    cashed = money & named & (pl.col("cents") > 0) & in_time
    imputed, off_account = _imputed(rows) if advances else ([], [])
    by_bill = bill_customers(rows) if bills else []
    means = (
        pl.when(pl.col("number").is_in(imputed))
        .then(pl.lit(IMPUTED))
        .when(paid & (pl.col("payment_date") < pl.col("issue_date")) & advances)
        .then(pl.lit(ADVANCE))
        .when(cashed & pl.col("customer_id").is_in(by_bill))
        .then(pl.lit(BILL))
        .when(money & ~named & advances)
        .then(pl.lit(ON_ACCOUNT))
        .otherwise(pl.lit(TRANSFER))
    )
    return rows.with_columns(means=means).filter(~pl.col("number").is_in(off_account))


def _imputed(rows: pl.DataFrame) -> tuple[list[int], list[int]]:
    """Payments of invoices for which the same sum left the account that day, and what left it."""
    key = ["customer_id", "payment_date", "cents"]
    money = rows.filter(pl.col("kind") == "payment")
    left = money.filter(pl.col("invoice_id").is_null() & (pl.col("cents") < 0))
    sides = [
        side.with_columns(rank=pl.int_range(pl.len()).over(key))
        for side in (
            money.filter(pl.col("invoice_id").is_not_null() & (pl.col("cents") > 0)),
            left.with_columns(-pl.col("cents")),
        )
    ]
    both = sides[0].join(sides[1], on=[*key, "rank"], suffix="_left")
    return both["number"].to_list(), both["number_left"].to_list()


def bill_customers(rows: pl.DataFrame) -> list[str]:
    """Every fifth customer in the order of their numbers.

    Parameters
    ----------
    rows : polars.DataFrame
        Payments, with customer_id.

    Returns
    -------
    list of str
    """
    return rows["customer_id"].unique().sort().gather_every(_BILL_EVERY, _BILL_EVERY - 1).to_list()
