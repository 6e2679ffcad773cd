"""The score table: its columns, and the object that holds it with what it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from paydelay.errors import ConfigError, LedgerError
from paydelay.explain import REASONS_DTYPE, Contributions
from paydelay.preflight import pandas_frame
from paydelay.scoring.keeping import Origin, write_kept
from paydelay.scoring.teller import Teller

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 2

SCORE_SCHEMA: dict[str, Any] = {
    "invoice_id": pl.String,
    "customer_id": pl.String,
    "as_of": pl.Date,
    "issue_date": pl.Date,
    "due_date": pl.Date,
    "days_past_due": pl.Int32,
    "currency": pl.String,
    "open_amount": pl.Float64,
    "open_amount_reporting": pl.Float64,
    "prob_late": pl.Float64,
    "prob_late_30": pl.Float64,
    "prob_late_60": pl.Float64,
    "prob_unpaid": pl.Float64,
    "delay_median_days": pl.Int32,
    "delay_low_days": pl.Int32,
    "delay_high_days": pl.Int32,
    "expected_payment_date": pl.Date,
    "ead": pl.Float64,
    "covered_amount": pl.Float64,
    "lgd": pl.Float64,
    "expected_loss": pl.Float64,
    "cost_of_delay": pl.Float64,
    "value_at_stake": pl.Float64,
    "scope": pl.String,
    "set_aside": pl.String,
    "agreed_due_date": pl.Date,
    "promised_until": pl.Date,
    "promised_amount": pl.Float64,
    "plan_until": pl.Date,
    "priority_rank": pl.UInt32,
    "reasons_late": REASONS_DTYPE,
    "reasons_unpaid": REASONS_DTYPE,
    "prob_unpaid_pooled": pl.Boolean,
    "model_version": pl.String,
    "schema_version": pl.Int32,
}
"""Columns of the score table, in order.

``agreed_due_date`` is the latest due date agreed after the first one, which stays the
measure of lateness. ``promised_until``, ``promised_amount`` (reporting currency, at most
what is open) and ``plan_until`` tell of the promise that is running and of the plan that
is kept, whether or not they set the invoice aside.

``prob_unpaid_pooled`` is True where the book holds too few unpaid invoices to tell its
invoices apart up to the day they count as unpaid. From the last horizon that enough of
them reached open, ``prob_unpaid`` then falls at the same rate for all, the book's own;
what is told apart is how likely an invoice is to get that far, and of one that is
already there nothing is. It is False where the model or a rule gives the whole figure.
"""


@dataclass(frozen=True)
class Scores:
    """The score table of one book on one day.

    Parameters
    ----------
    frame : polars.DataFrame
        One row per open invoice, columns of ``SCORE_SCHEMA``.
    cash : polars.DataFrame
        ``customer_id`` and ``cash_on_account`` where there is some.
    claims : polars.DataFrame
        Claims to declare against insolvent customers, nearest deadline first.
    reporting_currency : str
        Currency of every amount but ``open_amount``.
    prob_unpaid_is_pooled : bool
        Whether the book holds too few unpaid invoices to tell customers apart.
    features : polars.DataFrame or None
        Feature row of each score, where it was asked to be kept.
    explained_count : int or None
        How many rows at most have reasons, of invoices or of customers; None for all.
    """

    frame: pl.DataFrame
    cash: pl.DataFrame
    claims: pl.DataFrame
    reporting_currency: str
    prob_unpaid_is_pooled: bool
    features: pl.DataFrame | None
    explained_count: int | None
    _teller: Teller = field(repr=False)
    _origin: Origin = field(repr=False)

    @cached_property
    def ledger_sha256(self) -> str:
        """Fingerprint of the ledger as it was known on the day of scoring, taken when first asked for."""
        return self._origin.known.fingerprint()

    def __len__(self) -> int:
        return self.frame.height

    def keep(self, folder: str | Path) -> Path:
        """Keep the scores with all that tells later why they were so: see :func:`~paydelay.replay`.

        Parameters
        ----------
        folder : str or Path
            A new or empty folder, or one that holds the same scores of the same books.

        Returns
        -------
        Path
            The folder: the scores and their feature rows as Parquet, fingerprints of the rows of the
            books, and in ``kept.json`` the day, model, settings and versions.

        Raises
        ------
        TargetError
            If it holds something else, or cannot be written to; it is left as it was.
        """
        return write_kept(folder, self.frame, self.ledger_sha256, self._origin)

    def to_pandas(self) -> pd.DataFrame:
        """The score table as a pandas frame.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        MissingDependencyError
            If pandas or pyarrow is not installed.
        """
        return pandas_frame(self.frame)

    def explain(self, invoice_id: str) -> dict[str, Any]:
        """Every contribution to one invoice's scores.

        Parameters
        ----------
        invoice_id : str
            One of the scored invoices.

        Returns
        -------
        dict
            For ``late`` and ``unpaid``: ``probability`` (the table's), ``rule``,
            ``pooled``, ``horizon_days``, ``base`` and ``margin`` (log-odds before
            calibration), ``contributions`` (feature to log-odds, largest first; they
            and the base sum to the margin) and ``values``. Where a rule gives the
            score, such as ``rule_overdue``, ``rule`` names it, nothing contributes,
            and ``base`` and ``margin`` are None. ``pooled`` is True as
            ``prob_unpaid_pooled`` is; what contributes is then told
            of ``horizon_days``, the last horizon that the customer's own curve
            reaches. Elsewhere the probability is the calibrated margin, or less
            where the curve is held flat.

        Raises
        ------
        LedgerError
            If the invoice is not among the scored ones.
        """
        row = self.frame["invoice_id"].index_of(invoice_id)
        if row is None:
            raise LedgerError(
                "That invoice is not among the scored ones; it is unknown, settled or not issued yet."
            )
        return self._teller.explain({"row": row, **self.frame.row(row, named=True)})

    def contributions(
        self, outcome: Literal["late", "unpaid"] = "late", invoice_ids: Sequence[str] | None = None
    ) -> Contributions:
        """Every contribution to one score of many invoices: for importance, beeswarm and dependence.

        Parameters
        ----------
        outcome : {'late', 'unpaid'}
            Whose probability is explained; ``unpaid`` at the horizon that :meth:`explain` tells.
        invoice_ids : sequence of str, optional
            Of which invoices; of all that are scored where None.

        Returns
        -------
        Contributions
            In the order asked for; ``.to_pandas()`` is a table of them. Invoices whose score a rule
            gives, such as those overdue already, are counted in ``ruled_count``.

        Raises
        ------
        ConfigError
            If there is no such outcome.
        LedgerError
            If an invoice is not among the scored ones.
        """
        if outcome not in ("late", "unpaid"):
            raise ConfigError(f"There is no outcome '{outcome}'; choose one of late, unpaid.")
        every = self.frame.with_row_index("row")
        if invoice_ids is None:
            return self._teller.contributed(outcome, every)
        asked = pl.DataFrame({"invoice_id": list(invoice_ids)}, schema={"invoice_id": pl.String})
        chosen = asked.join(every, on="invoice_id", how="left", maintain_order="left")
        unknown = chosen["row"].null_count()
        if unknown:
            raise LedgerError(
                f"{unknown} of the {asked.height} invoices asked for are not among the scored ones; they are "
                "unknown, settled or not issued yet."
            )
        return self._teller.contributed(outcome, chosen)

    def reasons_by_customer(self, customer_ids: Sequence[str]) -> pl.DataFrame:
        """Why customers may pay late or not at all: their invoices' contributions, weighted by money.

        Parameters
        ----------
        customer_ids : sequence of str
            In order of interest: no more than ``explained_count`` are explained.

        Returns
        -------
        polars.DataFrame
            ``customer_id``, ``reasons_late`` and ``reasons_unpaid``, one row per customer
            that is explained and has an invoice to chase. All of these weigh in by open
            amount, with every contribution and not only those that are told of each.
            Where a rule gives the score of some, that of the oldest one leads.
        """
        wanted = pl.Series("customer_id", list(customer_ids)[: self.explained_count], dtype=pl.String)
        actionable = self.frame.with_row_index("row").filter(
            pl.col("set_aside").is_null() & pl.col("customer_id").is_in(wanted.implode())
        )
        return self._teller.by_customer(actionable)
