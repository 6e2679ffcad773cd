"""Ranks the score table and says what the queue leaves out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from paydelay.config import WorklistSettings
from paydelay.errors import ConfigError, LedgerError
from paydelay.loss.exposure import require_columns
from paydelay.preflight import pandas_frame
from paydelay.worklist.customers import REASONS, ranked_customers, stated_reasons, with_reasons
from paydelay.worklist.order import MONEY, OPEN, OVERDUE, Order, one_of, priority_rank, summed, sums_of_money

if TYPE_CHECKING:
    import pandas as pd

By = Literal["invoice", "customer"]
Scope = Literal["all", "overdue", "due-soon"]

_SCOPES = {"all": None, "overdue": "overdue", "due-soon": "due_soon"}


@dataclass(frozen=True)
class Worklist:
    """The ranked queue and everything it leaves out.

    Attributes
    ----------
    frame : polars.DataFrame
        The queue, first to chase on top: invoices with the columns of the score
        table, or customers. ``priority_rank`` counts over the whole actionable
        book, whatever the scope. A customer's probabilities are those of its invoices
        to chase, weighted by open amount, and so are its reasons: every contribution
        to every such invoice counts, where the scores can give them.
    waiting : polars.DataFrame
        Ranked too, but beyond the capacity or the top asked for; of customers
        without reasons.
    out_of_scope : polars.DataFrame
        Ranked too, but outside the scope asked for; of customers without reasons.
    set_aside : polars.DataFrame
        Invoices (also by customer) not to be chased, each with its reason.
    claims : polars.DataFrame or None
        Claims to declare against insolvent customers, where they were given.
    totals : dict
        Counts and sums in reporting currency over every scored invoice, and the
        same ``actionable``, ``queued`` (in the frame), ``set_aside`` and
        ``by_set_aside`` reason. Actionable and set aside make up the whole.
    capacity : int or None
        Contacts that can be made.
    by, order, scope : str
        As asked for.
    """

    frame: pl.DataFrame
    waiting: pl.DataFrame
    out_of_scope: pl.DataFrame
    set_aside: pl.DataFrame
    claims: pl.DataFrame | None
    totals: dict[str, Any]
    capacity: int | None
    by: By
    order: Order
    scope: Scope

    def to_pandas(self) -> pd.DataFrame:
        """Give the queue as a pandas frame.

        Returns
        -------
        pandas.DataFrame
            Rows and columns of ``frame``.

        Raises
        ------
        MissingDependencyError
            If pandas or pyarrow is not installed.
        """
        return pandas_frame(self.frame)


def rank(
    scores: Any,
    by: By = "invoice",
    order: Order = "expected-loss",
    scope: Scope = "all",
    *,
    capacity: int | None = None,
    top: int | None = None,
    cash: pl.DataFrame | None = None,
    settings: WorklistSettings | None = None,
) -> Worklist:
    """Rank the open book, by invoice or by customer.

    Parameters
    ----------
    scores : polars.DataFrame or Scores
        The score table of one as_of, or an object with it as ``.frame``, and
        where it has them ``.cash``, ``.claims`` (`claims_to_declare`) and
        ``.reasons_by_customer``. A bare table has but the reasons stated of invoices,
        the largest of each, to sum up a customer's from.
    by : {'invoice', 'customer'}
        What one contact is made about.
    order : {'expected-loss', 'value-at-stake', 'late-value'}
        Value ranked by, largest first; ``late-value`` = prob_late x open amount. Ties:
        larger open amount, older, smaller id.
    scope : {'all', 'overdue', 'due-soon'}
        Invoices to queue; by customer, those with at least one such invoice. Its sums
        run over all its actionable invoices, since one contact deals with them all.
    capacity : int, optional
        Contacts that can be made; None for no bound.
    top : int, optional
        Rows to show at most, when fewer than the capacity.
    cash : polars.DataFrame, optional
        ``customer_id`` and ``cash_on_account``, shown by customer.
    settings : WorklistSettings, optional
        Holds ``reasons_max``.

    Returns
    -------
    Worklist
        Each scored invoice is in exactly one of its frames.

    Raises
    ------
    ConfigError
        If by, order, scope, capacity or top is not usable.
    LedgerError
        If a column is missing, an invoice has several scores or dates differ.

    Examples
    --------
    >>> from datetime import date
    >>> scores = pl.DataFrame({
    ...     "invoice_id": ["a", "b"], "customer_id": ["C", "D"], "as_of": [date(2025, 4, 1)] * 2,
    ...     "due_date": [date(2025, 3, 1)] * 2, "days_past_due": [31, 31], "prob_late": [1.0, 1.0],
    ...     "prob_unpaid": [0.1, 0.2], "open_amount_reporting": [90.0, 80.0], "ead": [90.0, 80.0],
    ...     "covered_amount": [0.0, 0.0], "expected_loss": [3.0, 7.0], "cost_of_delay": [1.0, 1.0],
    ...     "value_at_stake": [4.0, 8.0], "scope": ["overdue"] * 2, "set_aside": [None, None],
    ...     "reasons_late": [[], []], "reasons_unpaid": [[], []]})
    >>> queue = rank(scores, capacity=1)
    >>> queue.frame["invoice_id"].to_list(), queue.waiting["invoice_id"].to_list()
    (['b'], ['a'])
    """
    wanted = _SCOPES[one_of(scope, _SCOPES, "scope")]
    one_of(by, ("invoice", "customer"), "by")
    limits = [_count(capacity, "capacity"), _count(top, "top")]
    cash = getattr(scores, "cash", None) if cash is None else cash
    book = _book(getattr(scores, "frame", scores), order)
    actionable = book.filter(pl.col("set_aside").is_null())
    ranked = actionable if by == "invoice" else ranked_customers(book, actionable, order, cash)
    within = pl.lit(value=True) if wanted is None else _within(wanted, by, actionable)
    eligible = ranked.filter(within)
    queue = eligible.head(min((limit for limit in limits if limit is not None), default=eligible.height))
    waiting, out_of_scope = eligible.slice(queue.height), ranked.filter(~within)
    if by == "customer":
        told = _customer_reasons(scores, queue, actionable, (settings or WorklistSettings()).reasons_max)
        queue, waiting, out_of_scope = (with_reasons(rows, told) for rows in (queue, waiting, out_of_scope))
    aside, claims = book.filter(pl.col("set_aside").is_not_null()), getattr(scores, "claims", None)
    totals = _totals(book, actionable, _invoices_of(queue, actionable, by))
    return Worklist(queue, waiting, out_of_scope, aside, claims, totals, capacity, by, order, scope)


def _customer_reasons(
    scores: Any, queue: pl.DataFrame, actionable: pl.DataFrame, reasons_max: int
) -> pl.DataFrame:
    """Reasons of the customers of a queue, from all contributions where the scores can give them."""
    explained = getattr(scores, "reasons_by_customer", None)
    if explained is None:
        return stated_reasons(_invoices_of(queue, actionable, "customer"), reasons_max)
    told: pl.DataFrame = explained(queue["customer_id"].to_list())
    return told.with_columns(pl.col(REASONS).list.head(reasons_max))


def _invoices_of(queue: pl.DataFrame, actionable: pl.DataFrame, by: By) -> pl.DataFrame:
    """Actionable invoices that the rows of a queue stand for."""
    key = "invoice_id" if by == "invoice" else "customer_id"
    return actionable.filter(pl.col(key).is_in(queue[key].implode()))


def _book(frame: pl.DataFrame, order: Order) -> pl.DataFrame:
    """The score table, ranked anew and sorted by rank, set aside rows last."""
    needed = ["invoice_id", "customer_id", "as_of", "due_date", "days_past_due", "prob_late"]
    needed += ["prob_unpaid", "open_amount_reporting", *MONEY, "scope", "set_aside", *REASONS]
    require_columns(frame, needed, "scores")
    if frame["invoice_id"].is_duplicated().any() or frame["as_of"].n_unique() > 1:
        raise LedgerError(
            "The scores hold several rows for one invoice or several as_of dates; "
            "rank one score table at a time."
        )
    numbers = frame.select(
        pl.col("open_amount_reporting", "prob_late", "prob_unpaid", *MONEY).cast(pl.Float64)
    )
    if not all(column.fill_null(float("nan")).is_finite().all() for column in numbers):
        raise LedgerError(
            "The scores hold missing or infinite amounts, which cannot be ranked; score the ledger again."
        )
    # Where the column is there already it keeps its place in the table.
    return frame.with_columns(priority_rank(order)).sort("priority_rank", "invoice_id", nulls_last=True)


def _within(wanted: str, by: By, actionable: pl.DataFrame) -> pl.Expr:
    """Rows of the ranked frame that are in the scope."""
    if by == "invoice":
        return pl.col("scope").eq_missing(wanted)
    named = actionable.filter(pl.col("scope") == wanted)["customer_id"].unique()
    return pl.col("customer_id").is_in(named.implode())


def _totals(book: pl.DataFrame, actionable: pl.DataFrame, queued: pl.DataFrame) -> dict[str, Any]:
    aside = book.filter(pl.col("set_aside").is_not_null())
    return {
        **_sums(book),
        "actionable": _sums(actionable),
        "queued": _sums(queued),
        "set_aside": _sums(aside),
        "by_set_aside": {
            reason: _sums(aside.filter(pl.col("set_aside") == reason))
            for reason in sorted(aside["set_aside"].unique())
        },
    }


def _sums(rows: pl.DataFrame) -> dict[str, Any]:
    return rows.select(
        invoice_count=pl.len().cast(pl.Int64),
        open_amount=summed(OPEN),
        overdue_amount=summed(OVERDUE),
        **sums_of_money(),
    ).row(0, named=True)


def _count(value: int | None, name: str) -> int | None:
    if value is not None and value < 0:
        raise ConfigError(f"The {name} is {value}; give a count of 0 or more, or none.")
    return value
