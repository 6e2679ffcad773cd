"""The queue: which open invoices or customers to chase first, and what is set aside.

Nothing disappears on the way. Every scored invoice ends in exactly one place:
ranked within capacity, waiting beyond it, out of the scope asked for, or set
aside with a reason; the totals count them all. An insolvent customer's
invoices have a list of their own, because a claim that is not declared in time
is lost whatever the queue says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from paydelay.config import WorklistSettings
from paydelay.errors import ConfigError, LedgerError, MissingDependencyError
from paydelay.loss.exposure import require_columns

if TYPE_CHECKING:
    import pandas as pd

By = Literal["invoice", "customer"]
Order = Literal["expected-loss", "value-at-stake", "late-value"]
Scope = Literal["all", "overdue", "due-soon"]

SET_ASIDE_REASONS = (
    "dispute",
    "promise",
    "payment_plan",
    "insolvency",
    "agency",
    "covered",
    "written_off",
    "paid_on_account",
)

_ORDER_VALUES = {
    "expected-loss": pl.col("expected_loss"),
    "value-at-stake": pl.col("value_at_stake"),
    "late-value": pl.col("prob_late") * pl.col("open_amount_reporting"),
}
_SCOPES = {"all": None, "overdue": "overdue", "due-soon": "due_soon"}
_MONEY = ("ead", "covered_amount", "expected_loss", "cost_of_delay", "value_at_stake")
_REASONS = ("reasons_late", "reasons_unpaid")
_REASON = pl.Struct({"cause": pl.String, "direction": pl.Int8, "contribution": pl.Float64, "text": pl.String})
_OPEN = pl.col("open_amount_reporting")
_OVERDUE = _OPEN.filter(pl.col("days_past_due") > 0)
_TO_THE_CENT = 0.005
_CANCELLED = 1e-9  # log-odds that cancel out between invoices, but for rounding


def scope(due_soon_days: int) -> pl.Expr:
    """Expression of the scope of a row: ``overdue``, ``due_soon`` or ``not_due``.

    Parameters
    ----------
    due_soon_days : int
        Days before the due date from which an invoice is due soon. One due on
        the day itself is due soon, not overdue.

    Returns
    -------
    polars.Expr
        String, from ``days_past_due``.

    Examples
    --------
    >>> rows = pl.DataFrame({"days_past_due": [1, 0, -7, -8]})
    >>> rows.select(scope(7)).to_series().to_list()
    ['overdue', 'due_soon', 'due_soon', 'not_due']
    """
    late = pl.col("days_past_due")
    return (
        pl.when(late > 0)
        .then(pl.lit("overdue"))
        .when(late >= -due_soon_days)
        .then(pl.lit("due_soon"))
        .otherwise(pl.lit("not_due"))
        .alias("scope")
    )


def set_aside_reason() -> pl.Expr:
    """Expression of why a row is not to be chased, null where it is.

    The first that holds, in this order: ``dispute`` open, ``promise`` running,
    ``payment_plan`` on schedule, ``insolvency``, ``agency`` or court, ``covered``
    wholly, ``written_off``, ``paid_on_account`` (cash on account covers it all).

    Returns
    -------
    polars.Expr
        String or null, from ``disputed``, ``promised_until``, ``plan_until``,
        ``insolvent_on``, ``with_agency``, ``written_off`` as known at as_of (a
        date is there only while the promise runs or the plan is kept), and from
        ``open_amount_reporting``, ``cash_allocated``, ``ead``, ``covered_amount``.

    Examples
    --------
    >>> from datetime import date
    >>> row = {"disputed": False, "promised_until": None, "plan_until": None, "with_agency": True,
    ...        "insolvent_on": date(2025, 3, 1), "written_off": False, "open_amount_reporting": 90.0,
    ...        "cash_allocated": 0.0, "ead": 90.0, "covered_amount": 0.0}
    >>> pl.DataFrame([row]).select(set_aside_reason()).item()
    'insolvency'
    """
    exposed = pl.col("ead") >= _TO_THE_CENT
    holds = (
        pl.col("disputed"),
        pl.col("promised_until").is_not_null(),
        pl.col("plan_until").is_not_null(),
        pl.col("insolvent_on").is_not_null(),
        pl.col("with_agency"),
        exposed & (pl.col("ead") - pl.col("covered_amount") < _TO_THE_CENT),
        pl.col("written_off"),
        _OPEN - pl.col("cash_allocated") < _TO_THE_CENT,
    )
    named = (
        pl.when(held).then(pl.lit(reason)) for held, reason in zip(holds, SET_ASIDE_REASONS, strict=True)
    )
    return pl.coalesce(*named).alias("set_aside")


def claims_to_declare(rows: pl.DataFrame, settings: WorklistSettings) -> pl.DataFrame:
    """Open invoices of insolvent customers, by the last day for declaring the claim.

    Parameters
    ----------
    rows : polars.DataFrame
        Open invoices at one as_of: ``as_of``, ``invoice_id``, ``customer_id``,
        ``open_amount_reporting``, ``insolvent_on`` (date of the event, read as
        the day on which the insolvency was published).
    settings : WorklistSettings
        Holds ``claim_months``.

    Returns
    -------
    polars.DataFrame
        ``customer_id``, ``invoice_id``, ``open_amount_reporting``,
        ``insolvent_on``, ``claim_deadline``, ``days_left`` (negative once past),
        nearest deadline first. Disputed, covered and written off debts included:
        each has to be declared as well.

    Raises
    ------
    LedgerError
        If a column is missing.

    Notes
    -----
    Two months from publication, as art. R622-24 of the French Code de commerce
    has it: the same day of the month, or its last one where the month is too
    short. A day off that would put the deadline back is not counted in.

    Examples
    --------
    >>> from datetime import date
    >>> rows = pl.DataFrame({"as_of": [date(2025, 4, 1)], "invoice_id": ["a"], "customer_id": ["C"],
    ...                      "open_amount_reporting": [90.0], "insolvent_on": [date(2025, 3, 1)]})
    >>> claims_to_declare(rows, WorklistSettings()).select("claim_deadline", "days_left").row(0)
    (datetime.date(2025, 5, 1), 30)
    """
    columns = ["customer_id", "invoice_id", "open_amount_reporting", "insolvent_on"]
    require_columns(rows, ["as_of", *columns], "open invoices")
    deadline = pl.col("insolvent_on").dt.offset_by(f"{settings.claim_months}mo")
    return (
        rows.filter(pl.col("insolvent_on").is_not_null())
        .select(
            *columns,
            claim_deadline=deadline,
            days_left=(deadline - pl.col("as_of")).dt.total_days().cast(pl.Int32),
        )
        .sort("claim_deadline", "customer_id", "invoice_id")
    )


@dataclass(frozen=True)
class Worklist:
    """The ranked queue and everything it leaves out.

    Attributes
    ----------
    frame : polars.DataFrame
        The queue, first to chase on top: invoices with the columns of the score
        table, or customers. ``priority_rank`` counts over the whole actionable
        book, whatever the scope. A customer's reasons are those of its explained
        invoices: score with ``explain="all"`` to have every one weigh in.
    waiting : polars.DataFrame
        Ranked too, but beyond the capacity or the top asked for.
    out_of_scope : polars.DataFrame
        Ranked too, but outside the scope asked for.
    set_aside : polars.DataFrame
        Invoices (also by customer) not to be chased, each with its reason.
    claims : polars.DataFrame or None
        Claims to declare against insolvent customers, where they were given.
    totals : dict
        Counts and sums in reporting currency over every scored invoice, and the
        same ``actionable``, ``queued`` (in the frame) and ``by_set_aside`` reason.
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


def pandas_frame(frame: pl.DataFrame) -> pd.DataFrame:
    """Give a frame as one of pandas.

    Parameters
    ----------
    frame : polars.DataFrame
        Of a queue or a score table.

    Returns
    -------
    pandas.DataFrame
        The same rows and columns.

    Raises
    ------
    MissingDependencyError
        If pandas or pyarrow is not installed.

    Examples
    --------
    >>> pandas_frame(pl.DataFrame({"priority_rank": [1, 2]})).shape
    (2, 1)
    """
    try:
        return frame.to_pandas()
    except ImportError as error:
        raise MissingDependencyError(
            "A pandas frame was asked for, but pandas and pyarrow are not both installed; "
            "install paydelay[train], or use .frame (polars)."
        ) from error


def priority_rank(order: Order = "expected-loss") -> pl.Expr:
    """Expression of the place of each invoice in the actionable book, 1 first.

    Parameters
    ----------
    order : {'expected-loss', 'value-at-stake', 'late-value'}
        What is to be largest on top. Ties go to the larger open amount, then to
        the earlier due date, then to the smaller invoice id.

    Returns
    -------
    polars.Expr
        Int64, null where ``set_aside`` is not null.

    Raises
    ------
    ConfigError
        If the order is unknown.

    Examples
    --------
    >>> from datetime import date
    >>> scores = pl.DataFrame({"invoice_id": ["a", "b", "c"], "expected_loss": [1.0, 9.0, 5.0],
    ...                        "open_amount_reporting": [90.0] * 3, "due_date": [date(2025, 3, 1)] * 3,
    ...                        "set_aside": [None, "dispute", None]})
    >>> scores.select(priority_rank()).to_series().to_list()
    [2, None, 1]
    """
    value = _ORDER_VALUES[_one_of(order, _ORDER_VALUES, "order")]
    aside = pl.col("set_aside").is_not_null()
    # Set aside rows are sorted behind all others, where their rank is blanked.
    place = pl.arg_sort_by(
        aside,
        value,
        _OPEN,
        "due_date",
        "invoice_id",
        descending=[False, True, True, False, False],
        nulls_last=True,
    ).arg_sort()
    return pl.when(aside).then(None).otherwise(place.cast(pl.Int64) + 1).alias("priority_rank")


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
        where it has them ``.cash`` and ``.claims`` (`claims_to_declare`).
    by : {'invoice', 'customer'}
        What one contact is made about.
    order : {'expected-loss', 'value-at-stake', 'late-value'}
        Value ranked by, largest first; ``late-value`` = prob_late x open amount.
        Ties: larger open amount, older, smaller id.
    scope : {'all', 'overdue', 'due-soon'}
        Invoices to queue; by customer, those with at least one such invoice. A
        customer's sums always run over all its actionable invoices, since one
        contact deals with them all.
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
    ...     "open_amount_reporting": [90.0, 80.0], "ead": [90.0, 80.0], "covered_amount": [0.0, 0.0],
    ...     "expected_loss": [3.0, 7.0], "cost_of_delay": [1.0, 1.0], "value_at_stake": [4.0, 8.0],
    ...     "scope": ["overdue"] * 2, "set_aside": [None, None],
    ...     "reasons_late": [[], []], "reasons_unpaid": [[], []]})
    >>> queue = rank(scores, capacity=1)
    >>> queue.frame["invoice_id"].to_list(), queue.waiting["invoice_id"].to_list()
    (['b'], ['a'])
    """
    wanted = _SCOPES[_one_of(scope, _SCOPES, "scope")]
    _one_of(by, ("invoice", "customer"), "by")
    limits = [_count(capacity, "capacity"), _count(top, "top")]
    if cash is None:
        cash = getattr(scores, "cash", None)
    book = _book(getattr(scores, "frame", scores), order)
    actionable = book.filter(pl.col("set_aside").is_null())
    ranked = actionable
    if by == "customer":
        ranked = _customers(book, actionable, order, cash, (settings or WorklistSettings()).reasons_max)
    within = pl.lit(value=True) if wanted is None else _within(wanted, by, actionable)
    eligible = ranked.filter(within)
    queue = eligible.head(min((limit for limit in limits if limit is not None), default=eligible.height))
    aside, claims = book.filter(pl.col("set_aside").is_not_null()), getattr(scores, "claims", None)
    totals = _totals(book, actionable, _invoices_of(queue, actionable, by))
    waiting, out_of_scope = eligible.slice(queue.height), ranked.filter(~within)
    return Worklist(queue, waiting, out_of_scope, aside, claims, totals, capacity, by, order, scope)


def _invoices_of(queue: pl.DataFrame, actionable: pl.DataFrame, by: By) -> pl.DataFrame:
    """Actionable invoices that the rows of a queue stand for."""
    key = "invoice_id" if by == "invoice" else "customer_id"
    return actionable.filter(pl.col(key).is_in(queue[key].implode()))


def _book(frame: pl.DataFrame, order: Order) -> pl.DataFrame:
    """The score table, ranked anew and sorted by rank, set aside rows last."""
    needed = ["invoice_id", "customer_id", "as_of", "due_date", "days_past_due", "prob_late"]
    needed += ["open_amount_reporting", *_MONEY, "scope", "set_aside", *_REASONS]
    require_columns(frame, needed, "scores")
    if frame["invoice_id"].is_duplicated().any() or frame["as_of"].n_unique() > 1:
        raise LedgerError(
            "The scores hold several rows for one invoice or several as_of dates; "
            "rank one score table at a time."
        )
    numbers = frame.select(pl.col("open_amount_reporting", "prob_late", *_MONEY).cast(pl.Float64))
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


def _customers(
    book: pl.DataFrame, actionable: pl.DataFrame, order: Order, cash: pl.DataFrame | None, reasons_max: int
) -> pl.DataFrame:
    """One row per customer with something to chase, best first."""
    set_aside = (
        book.filter(pl.col("set_aside").is_not_null())
        .group_by("customer_id")
        .agg(set_aside_amount=_OPEN.sum())
    )
    if cash is None:
        held = pl.DataFrame(schema={"customer_id": pl.String, "cash_on_account": pl.Float64})
    else:
        require_columns(cash, ("customer_id", "cash_on_account"), "cash on account")
        held = cash.group_by("customer_id").agg(pl.col("cash_on_account").sum())
    known = pl.col("cash_on_account")
    customers = (
        actionable.group_by("customer_id", maintain_order=True)
        .agg(
            pl.col("as_of").first(),
            invoice_count=pl.len().cast(pl.Int64),
            open_amount=_OPEN.sum(),
            overdue_amount=_OVERDUE.sum(),
            oldest_days_past_due=pl.col("days_past_due").max(),
            **{name: pl.col(name).sum() for name in _MONEY},
            late_value=_ORDER_VALUES["late-value"].sum(),
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
    for name in _REASONS:
        reasons = _customer_reasons(actionable, name, reasons_max)
        customers = customers.join(reasons, on="customer_id", how="left", maintain_order="left").with_columns(
            pl.col(name).fill_null(pl.lit([], dtype=pl.List(_REASON)))
        )
    first = ["priority_rank", "customer_id", "as_of", "invoice_count", "open_amount", "overdue_amount"]
    return customers.select(
        *first,
        "cash_on_account",
        "set_aside_amount",
        pl.exclude(*first, "cash_on_account", "set_aside_amount"),
    )


def _customer_reasons(actionable: pl.DataFrame, name: str, reasons_max: int) -> pl.DataFrame:
    """Money-weighted mean of the stated contributions per customer and cause, largest first.

    A reason that holds by rule has no contribution; it stays one, and leads.
    The text is the one of the invoice that carries most of the result, among
    those that point the same way.
    """
    weight = pl.when(_OPEN.sum().over("customer_id") > 0).then(_OPEN / _OPEN.sum().over("customer_id"))
    part = pl.col("contribution") * pl.col("weight")
    whole = part.sum().over("customer_id", "cause")
    by_rule = pl.col("contribution").is_null()
    stated = (
        actionable.select(
            "customer_id",
            "invoice_id",
            weight.otherwise(1.0).alias("weight"),
            pl.col(name).cast(pl.List(_REASON)),
        )
        .explode(name, empty_as_null=False, keep_nulls=False)
        .unnest(name)
        .with_columns(pl.when(pl.col("contribution").is_finite()).then("contribution").alias("contribution"))
        .with_columns(rule=by_rule.any().over("customer_id", "cause"), part=part, whole=whole)
    )
    # By rule: the weightiest invoice under the rule speaks. Otherwise: the
    # largest part in the direction of the sum.
    voice = (
        pl.when(pl.col("rule"))
        .then(pl.when(by_rule).then("weight"))
        .otherwise(pl.col("part") * pl.col("whole").sign())
    )
    return (
        stated.filter(pl.col("rule") | (pl.col("whole").abs() > _CANCELLED))
        .with_columns(voice=voice, share=pl.col("weight").sum().over("customer_id", "cause"))
        .sort("voice", "invoice_id", descending=[True, False], nulls_last=True)
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


def _totals(book: pl.DataFrame, actionable: pl.DataFrame, queued: pl.DataFrame) -> dict[str, Any]:
    aside = book.filter(pl.col("set_aside").is_not_null())
    return {
        **_sums(book),
        "actionable": _sums(actionable),
        "queued": _sums(queued),
        "by_set_aside": {
            reason: _sums(aside.filter(pl.col("set_aside") == reason))
            for reason in sorted(aside["set_aside"].unique())
        },
    }


def _sums(rows: pl.DataFrame) -> dict[str, Any]:
    return rows.select(
        invoice_count=pl.len().cast(pl.Int64),
        open_amount=_OPEN.sum(),
        overdue_amount=_OVERDUE.sum(),
        **{name: pl.col(name).sum() for name in _MONEY},
    ).row(0, named=True)


def _one_of(value: str, known: Any, name: str) -> str:
    if value not in known:
        raise ConfigError(f"The {name} {value!r} is unknown; give one of {', '.join(known)}.")
    return value


def _count(value: int | None, name: str) -> int | None:
    if value is not None and value < 0:
        raise ConfigError(f"The {name} is {value}; give a count of 0 or more, or none.")
    return value
