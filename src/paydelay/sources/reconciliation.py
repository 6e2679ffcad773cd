"""Whether a ledger says what its source says, by currency and to the cent.

Source systems keep a balance per document. The ledger makes its own from payments;
where the two agree, no payment was lost on the way, misread or counted twice.

What is compared differs with what a source knows, how it is compared does not: books
with a balance per document are compared by :func:`agree_with`, mapped tables, whose
balances are optional, by their cells read a second time (``mapped_account``), and SAP's
items by the sums of their groups too (``sap_sums``). Statutory accounts say what stood
open at every month end; ``imported`` compares those by customer and month.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from paydelay.ledger import Ledger
from paydelay.ledger.currencies import NO_CURRENCY
from paydelay.ledger.tables import CENT_HALF
from paydelay.sources.draft import LINE, Agreement, Assumption, Draft

Compare = Callable[[Ledger, pl.Series], Sequence[Agreement | Assumption]]
"""From a ledger and the refused lines to what agrees and what does not."""


def agree_with(claims: pl.DataFrame, draft: Draft) -> Compare:
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
        their own, with how many of them differ. None where no document has a balance.

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
        pl.col("currency").fill_null(NO_CURRENCY),
        pl.col("amount").cast(pl.Float64),
        pl.col("open_amount").cast(pl.Float64),
    )

    def compare(ledger: Ledger, refused: pl.Series) -> Sequence[Agreement | Assumption]:
        stated = accepted(said, refused)
        # A number may have been replaced by a pseudonym since; the line is the same.
        names = draft.tables["invoices"].select(LINE, "invoice_id").drop_nulls()
        made = booked_open(ledger)
        known = stated.filter(pl.col("open_amount").is_not_null()).join(names, on=LINE, how="left")
        found_open = known.join(made.select("invoice_id", "booked_open"), on="invoice_id", how="left")
        total = pl.col("amount").sum()
        found = [
            *compared("erp.documents", by_currency(stated, total), by_currency(ledger.invoices, total)),
            *compared(
                "erp.open_balance",
                by_currency(known, pl.col("open_amount").sum()),
                by_currency(found_open, pl.col("booked_open").round(2).sum()),
                apart(known, made.rename({"booked_open": "open_amount"}), "open_amount"),
            ),
        ]
        # Where nothing independent is there to compare, agreement would mean nothing.
        lost = any(one.difference for one in found)
        return found if known.height or lost else []

    return compare


def compared(
    key: str,
    source: Mapping[str, float],
    ledger: Mapping[str, float],
    apart_counts: Mapping[str, int] | None = None,
) -> list[Agreement]:
    """Amounts in every currency that either side has.

    Parameters
    ----------
    key : str
        What is compared; a key below ``agreement``.
    source, ledger : mapping of str to float
        Amount by currency, as :func:`by_currency` gives them.
    apart_counts : mapping of str to int, optional
        Documents that differ by currency, as :func:`apart` gives them.

    Returns
    -------
    list of Agreement

    Examples
    --------
    >>> [(one.currency, one.difference) for one in compared("erp.documents", {"EUR": 5.0}, {"USD": 7.0})]
    [('EUR', -5.0), ('USD', 7.0)]
    """
    # Adding 0.0 turns the -0.0 of a rounded sum round.
    ours, theirs = (
        {code: round(side.get(code, 0.0), 2) + 0.0 for code in {*source, *ledger}}
        for side in (ledger, source)
    )
    counts = apart_counts or {}
    return [Agreement(key, code, theirs[code], ours[code], counts.get(code, 0)) for code in sorted(ours)]


def apart(stated: pl.DataFrame, booked: pl.DataFrame, amount: str) -> dict[str, int]:
    """How many documents have another balance in the ledger, by currency.

    Errors that cancel out in a sum are errors of two documents all the same.

    Parameters
    ----------
    stated : polars.DataFrame
        Columns invoice_id, currency and the balance according to the source.
    booked : polars.DataFrame
        The same according to the ledger; a document that it lacks differs.
    amount : str
        Column of the balance in both.

    Returns
    -------
    dict of str to int

    Examples
    --------
    >>> stated = pl.DataFrame({"invoice_id": ["A", "B"], "currency": ["EUR", "EUR"], "open": [60.0, 40.0]})
    >>> booked = pl.DataFrame({"invoice_id": ["A", "B"], "open": [40.0, 60.0]})
    >>> apart(stated, booked, "open")
    {'EUR': 2}
    """
    both = stated.join(booked.select("invoice_id", booked=amount), on="invoice_id", how="left")
    differs = ((pl.col(amount) - pl.col("booked")).abs() > CENT_HALF).fill_null(True)
    counts = both.filter(differs).group_by(pl.col("currency").fill_null(NO_CURRENCY)).len()
    return dict(counts.iter_rows())


def by_currency(rows: pl.DataFrame, total: pl.Expr) -> dict[str, float]:
    """Amount by currency.

    Parameters
    ----------
    rows : polars.DataFrame
        With a currency; rows without one are no part of any amount.
    total : polars.Expr
        The amount of the rows of a currency.

    Returns
    -------
    dict of str to float
    """
    return dict(rows.drop_nulls("currency").group_by("currency").agg(total).iter_rows())


def accepted(rows: pl.DataFrame, refused: pl.Series) -> pl.DataFrame:
    """Rows of lines that were not refused.

    Parameters
    ----------
    rows : polars.DataFrame
        With ``LINE``.
    refused : polars.Series
        ``LINE`` of every refused line.

    Returns
    -------
    polars.DataFrame
    """
    return rows.filter(~pl.col(LINE).is_in(refused.implode()).fill_null(False)) if len(refused) else rows


def booked_open(ledger: Ledger) -> pl.DataFrame:
    """What books call open: a write-off closes the item there, though it settles nothing.

    Parameters
    ----------
    ledger : Ledger
        Books.

    Returns
    -------
    polars.DataFrame
        Columns invoice_id, currency and booked_open.
    """
    paid = ledger.payments.group_by("invoice_id").agg(paid=pl.col("amount").sum())
    return ledger.invoices.join(paid, on="invoice_id", how="left").select(
        "invoice_id", "currency", booked_open=pl.col("amount") - pl.col("paid").fill_null(0.0)
    )
