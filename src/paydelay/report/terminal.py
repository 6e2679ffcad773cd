"""The queue as a terminal shows it: a line of figures per row, its reasons below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from paydelay.language import format_date, format_number, phrase
from paydelay.report.columns import Column, Lines, fitting, heading_lines, row_lines
from paydelay.report.content import (
    aside_rows,
    claim_term,
    claims_by_customer,
    clean,
    heading,
    money_decimals,
    probability,
    told_reasons,
)
from paydelay.report.quality import pooled_sentence
from paydelay.worklist import Worklist

if TYPE_CHECKING:
    from rich.console import Console

    from paydelay.model import DelayModel
    from paydelay.scoring import Scores

_INDENT = "    "
_NAME_WIDTH_MAX = 24
_CLAIMS_SHOWN = 10


def print_queue(
    worklist: Worklist,
    scores: Scores,
    *,
    language: str = "en",
    console: Console | None = None,
    limit: int = 20,
    model: DelayModel | None = None,
) -> None:
    """Print the head of a queue with its reasons, then what it leaves out and the totals.

    Parameters
    ----------
    worklist : Worklist
        By invoice or by customer.
    scores : Scores
        What it was ranked from.
    language : {'en', 'fr'}
        Of everything that is printed.
    console : rich.console.Console, optional
        Where to print; standard output where None. Its width decides how many
        columns there are, and only a terminal gets colours.
    limit : int
        Rows at most.
    model : DelayModel, optional
        What the scores came from, to say up to where the probability unpaid is the
        invoice's own.

    Examples
    --------
    >>> import polars as pl
    >>> from types import SimpleNamespace
    >>> from paydelay.worklist import rank
    >>> amounts = ("open_amount_reporting", "ead", "covered_amount", "expected_loss", "cost_of_delay")
    >>> table = pl.DataFrame(schema={
    ...     "invoice_id": pl.String, "customer_id": pl.String, "as_of": pl.Date, "due_date": pl.Date,
    ...     "days_past_due": pl.Int32, "prob_late": pl.Float64, "prob_unpaid": pl.Float64,
    ...     **dict.fromkeys((*amounts, "value_at_stake"), pl.Float64), "scope": pl.String,
    ...     "set_aside": pl.String, "reasons_late": pl.List(pl.Null), "reasons_unpaid": pl.List(pl.Null)})
    >>> none = pl.DataFrame()
    >>> scores = SimpleNamespace(frame=table, cash=none, claims=none, reporting_currency="EUR")
    >>> print_queue(rank(scores), scores)
    No actionable invoice.
    """
    from rich.console import Console

    lines = Lines(console or Console())
    rows = worklist.frame.head(limit).to_dicts()
    if rows:
        _print_rows(lines, worklist, rows, scores.reporting_currency, language)
        if model is not None and (pooled := pooled_sentence(model, language)):
            lines.text(pooled, "dim")
    else:
        lines.line(phrase("queue.empty", language))
    if scores.frame.height:
        _print_totals(lines, worklist, language)
        _print_claims(lines, scores, language)
        _print_cash(lines, scores, language)


def _print_rows(
    lines: Lines, worklist: Worklist, rows: list[dict[str, Any]], currency: str, language: str
) -> None:
    """Title, heading, then each row and why it is there."""
    by_customer = worklist.by == "customer"
    count = worklist.frame.height + worklist.waiting.height
    title = phrase("queue.shown_customers" if by_customer else "queue.shown", language, n=count)
    if len(rows) < count:
        title += ", " + phrase("queue.first_shown", language, n=len(rows))
    lines.text(title, "bold")
    lines.text(heading(worklist, currency, language), "dim")
    lines.line()
    columns = (_customer_columns if by_customer else _invoice_columns)(rows, language)
    kept = fitting(columns, lines.width)
    for line in heading_lines(kept):
        lines.line(line, "dim")
    lines.rule(kept)
    customer_hidden = not by_customer and all(column is not columns[2] for column in kept)
    for number, row in enumerate(rows):
        if number:
            lines.line()
        for line in row_lines(kept, number):
            lines.line(line, "bold")
        if customer_hidden:
            name = phrase("column.customer_id", language)
            lines.text(f"{name} {clean(row['customer_id'])}", indent=_INDENT)
        for note in _customer_notes(row, language):
            lines.text(note, "yellow", indent=_INDENT)
        for reason in told_reasons(row):
            sign, style = ("+ ", "") if reason.raises else ("- ", "green")
            lines.text(reason.text, style, indent=_INDENT, hanging=sign)
    if any(told_reasons(row) for row in rows):
        lines.line()
        lines.text(phrase("queue.signs", language), "dim")


def _invoice_columns(rows: list[dict[str, Any]], language: str) -> list[Column]:
    def cells(name: str, write: Callable[[Any], str]) -> list[str]:
        return [write(row[name]) for row in rows]

    def day(value: Any) -> str:
        if value is None:
            return phrase("queue.no_payment_expected", language)
        return format_date(value, language)

    return [
        Column(cells("priority_rank", str), _short("priority_rank", language)),
        _names(rows, "invoice_id", language),
        _names(rows, "customer_id", language, spare=2),
        Column(cells("due_date", day), _short("due_date", language), spare=3),
        Column(cells("days_past_due", str), _short("days_past_due", language)),
        Column(_money(rows, "open_amount_reporting", language, 2), _short("open_amount", language)),
        *_risk_columns(rows, language),
        Column(cells("expected_payment_date", day), _short("expected_payment_date", language), spare=1),
    ]


def _customer_columns(rows: list[dict[str, Any]], language: str) -> list[Column]:
    def counts(name: str) -> list[str]:
        return [format_number(row[name], language, 0) for row in rows]

    return [
        Column(counts("priority_rank"), _short("priority_rank", language)),
        _names(rows, "customer_id", language),
        Column(counts("invoice_count"), _short("invoice_count", language), spare=1),
        Column(counts("oldest_days_past_due"), _short("oldest_days_past_due", language)),
        Column(_money(rows, "open_amount", language), _short("open_amount", language)),
        Column(_money(rows, "overdue_amount", language), _short("overdue_amount", language)),
        *_risk_columns(rows, language),
        Column(_money(rows, "cost_of_delay", language), _short("cost_of_delay", language), spare=2),
    ]


def _names(rows: list[dict[str, Any]], name: str, language: str, spare: int = 0) -> Column:
    names = [clean(row[name]) for row in rows]
    return Column(names, _short(name, language), left=True, spare=spare, width_max=_NAME_WIDTH_MAX)


def _risk_columns(rows: list[dict[str, Any]], language: str) -> list[Column]:
    columns = [
        Column([probability(row[name], language) for row in rows], _short(name, language))
        for name in ("prob_late", "prob_unpaid")
    ]
    return [*columns, Column(_money(rows, "expected_loss", language), _short("expected_loss", language))]


def _short(name: str, language: str) -> str:
    """Heading of a narrow column, where there is one of its own."""
    try:
        return phrase(f"column.short.{name}", language)
    except KeyError:
        return phrase(f"column.{name}", language)


def _money(
    rows: Iterable[Mapping[str, Any]], name: str, language: str, decimals: int | None = None
) -> list[str]:
    values = [row[name] for row in rows]
    return [
        format_number(value, language, money_decimals(values) if decimals is None else decimals)
        for value in values
    ]


def _customer_notes(row: Mapping[str, Any], language: str) -> list[str]:
    """What to know before a customer is called; nothing for a row by invoice."""
    notes = []
    if cash := row.get("cash_on_account"):
        held = phrase("queue.cash_of_customer", language, value=format_number(cash, language, 2))
        notes.append(f"{held}, {phrase('queue.allocate_first', language)}")
    if aside := row.get("set_aside_amount"):
        notes.append(phrase("queue.aside_of_customer", language, value=format_number(aside, language, 2)))
    return notes


def _print_totals(lines: Lines, worklist: Worklist, language: str) -> None:
    """What the whole book holds and how much of it is set aside, then that by reason."""
    totals, chased = worklist.totals, worklist.totals["actionable"]
    names = {
        "report.open": "open_amount",
        "report.overdue": "overdue_amount",
        "column.expected_loss": "expected_loss",
        "column.cost_of_delay": "cost_of_delay",
    }
    lines.line()
    lines.text(phrase("report.totals", language), "bold")
    aside = aside_rows(totals)
    columns = [
        Column([phrase(key, language) for key in names], left=True),
        _amounts((totals[name] for name in names.values()), language, phrase("report.whole_book", language)),
    ]
    if aside:
        apart = (totals[name] - chased[name] for name in names.values())
        columns.append(_amounts(apart, language, phrase("report.set_aside_part", language)))
    lines.grid(columns, indent="  ")
    if not aside:
        return
    lines.line()
    count = sum(row["invoice_count"] for row in aside)
    lines.text(phrase("queue.set_aside", language, n=count), "bold")
    reasons = [phrase(f"set_aside.{row['reason']}", language) for row in aside]
    counts = [format_number(row["invoice_count"], language) for row in aside]
    lines.grid(
        [
            Column(reasons, left=True),
            Column(counts, phrase("column.invoice_count", language)),
            _amounts((row["open_amount"] for row in aside), language, phrase("report.open", language)),
            _amounts((row["expected_loss"] for row in aside), language, _short("expected_loss", language)),
        ],
        indent="  ",
    )


def _amounts(values: Iterable[float], language: str, heading: str = "") -> Column:
    return Column([format_number(value, language, 2) for value in values], heading)


def _print_claims(lines: Lines, scores: Scores, language: str) -> None:
    """Claims that can still be declared, one by one; the others in one line."""
    claims = claims_by_customer(scores.claims).to_dicts()
    if claims:
        lines.line()
        lines.text(phrase("report.insolvency", language), "bold")
        lines.text(phrase("queue.claims_meaning", language), "dim")
    timely = [claim for claim in claims if claim["days_left"] >= 0]
    if timely:
        lines.text(phrase("queue.claims_open", language, n=len(timely)), "bold red")
        _print_timely(lines, timely[:_CLAIMS_SHOWN], language)
    if len(timely) > _CLAIMS_SHOWN:
        lines.text(phrase("queue.more", language, n=len(timely) - _CLAIMS_SHOWN), indent="  ")
    passed = claims[len(timely) :]
    if passed:
        amount = format_number(sum(claim["open_amount"] for claim in passed), language, 2)
        lines.text(phrase("queue.claims_passed", language, n=len(passed), amount=amount))


def _print_timely(lines: Lines, claims: Sequence[Mapping[str, Any]], language: str) -> None:
    terms = [
        phrase(
            "queue.declare_by",
            language,
            date=claim["claim_deadline"],
            left=claim_term(claim["days_left"], language),
        )
        for claim in claims
    ]
    names = [clean(claim["customer_id"]) for claim in claims]
    lines.grid(
        [
            Column(names, left=True, width_max=_NAME_WIDTH_MAX),
            _amounts([claim["open_amount"] for claim in claims], language),
            Column(terms, left=True),
        ],
        indent="  ",
    )


def _print_cash(lines: Lines, scores: Scores, language: str) -> None:
    if scores.cash.height:
        amount = format_number(float(scores.cash["cash_on_account"].sum()), language, 2)
        lines.line()
        lines.text(phrase("queue.cash", language, n=scores.cash.height, amount=amount))
