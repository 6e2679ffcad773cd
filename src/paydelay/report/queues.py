"""The lists of the page: the two queues, what is set aside, and the claims to declare."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from paydelay.language import format_amount, format_date, format_number, phrase
from paydelay.report.content import (
    Told,
    aside_rows,
    claim_term,
    claims_by_customer,
    due_term,
    heading,
    money_decimals,
    payment_window,
    probability,
    told_reasons,
)
from paydelay.report.markup import Column, Inside, Markup, bar, cell, row, table, tag, together
from paydelay.worklist import Worklist

if TYPE_CHECKING:
    from paydelay.scoring import Scores

_ASIDE_SHOWN = 30


def queue_part(worklist: Worklist, scores: Scores, limit: int, language: str) -> Markup:
    """The head of a queue: a line of figures per row and its reasons under it.

    Parameters
    ----------
    worklist : Worklist
        By invoice or by customer.
    scores : Scores
        What it was ranked from.
    limit : int
        Rows at most.
    language : str
        One of the catalogue's.

    Returns
    -------
    Markup
    """
    rows = worklist.frame.head(limit).to_dicts()
    if not rows:
        return tag("p", phrase("queue.empty", language))
    by_customer = worklist.by == "customer"
    count = worklist.frame.height + worklist.waiting.height
    said = [phrase("queue.shown_customers" if by_customer else "queue.shown", language, n=count)]
    if len(rows) < count:
        said.append(phrase("queue.first_shown", language, n=len(rows)))
    said.append(heading(worklist, scores.reporting_currency, language))
    columns = _columns(worklist, language)
    largest = max(line["expected_loss"] for line in rows) or 1.0
    decimals = money_decimals(line["expected_loss"] for line in rows)
    figures = _customer_figures if by_customer else _invoice_figures
    bodies = []
    for line in rows:
        loss = together(
            [
                format_number(line["expected_loss"], language, decimals),
                bar(line["expected_loss"] / largest, "loss"),
            ]
        )
        named = figures(line, language) | _risks(line, loss, language)
        cells = [
            cell(column, named[name], first=name == worklist.by + "_id") for name, column in columns.items()
        ]
        below = _below(line, scores.reporting_currency, language)
        why = row(tag("td", *below, colspan=str(len(columns)), role="cell"), class_="why") if below else None
        bodies.append(tag("tbody", row(*cells), why, role="rowgroup"))
    title = phrase(f"report.queue_by_{worklist.by}", language)
    shown = table(title, list(columns.values()), bodies, class_="queue")
    return together([tag("p", ", ".join(said), class_="more"), shown])


def _columns(worklist: Worklist, language: str) -> dict[str, Column]:
    if worklist.by == "customer":
        names = ["priority_rank", "customer_id", "invoice_count", "oldest_days_past_due", "open_amount"]
        names += ["overdue_amount", "prob_late", "prob_unpaid", "expected_loss"]
    else:
        names = ["priority_rank", "invoice_id", "due_date", "open_amount", "prob_late", "prob_unpaid"]
        names += ["expected_loss", "expected_payment_date"]
    texts = {"priority_rank": "short.priority_rank", "oldest_days_past_due": "oldest_due"}
    left = (
        "priority_rank",
        "invoice_id",
        "customer_id",
        "oldest_days_past_due",
        "due_date",
        "expected_payment_date",
    )
    return {
        name: Column(phrase(f"column.{texts.get(name, name)}", language), number=name not in left)
        for name in names
    }


def _customer_figures(line: Mapping[str, Any], language: str) -> dict[str, Markup]:
    amounts = {
        name: tag("span", format_number(line[name], language, 0))
        for name in ("open_amount", "overdue_amount")
    }
    return amounts | {
        "priority_rank": tag("span", str(line["priority_rank"]), class_="rank"),
        "customer_id": tag("bdi", line["customer_id"], class_="name"),
        "invoice_count": tag("span", format_number(line["invoice_count"], language)),
        "oldest_days_past_due": _due(line["oldest_days_past_due"], language),
    }


def _invoice_figures(line: Mapping[str, Any], language: str) -> dict[str, Markup]:
    expected = line["expected_payment_date"]
    payment = (
        format_date(expected, language)
        if expected is not None
        else phrase("queue.no_payment_expected", language)
    )
    return {
        "priority_rank": tag("span", str(line["priority_rank"]), class_="rank"),
        "invoice_id": together(
            [
                tag("bdi", line["invoice_id"], class_="name"),
                tag("span", tag("bdi", line["customer_id"]), class_="more"),
            ]
        ),
        "due_date": together(
            [tag("span", format_date(line["due_date"], language)), _due(line["days_past_due"], language)]
        ),
        "open_amount": tag("span", format_number(line["open_amount_reporting"], language, 2)),
        "expected_payment_date": together(
            [tag("span", payment), tag("span", *_whole_dates(payment_window(line, language)), class_="more")]
        ),
    }


def _whole_dates(text: str) -> list[Inside]:
    """The text with its ISO dates marked: a line would break at their dashes."""
    parts = re.split(r"(\d{4}-\d{2}-\d{2})", text)
    return [tag("span", part, class_="whole") if place % 2 else part for place, part in enumerate(parts)]


def _due(days_past_due: int, language: str) -> Markup:
    late = days_past_due > 0
    return tag("span", due_term(days_past_due, language), class_="more late" if late else "more")


def _risks(line: Mapping[str, Any], loss: Markup, language: str) -> dict[str, Markup]:
    shares = {
        name: together([probability(line[name], language), bar(line[name], name)])
        for name in ("prob_late", "prob_unpaid")
    }
    return {**shares, "expected_loss": loss}


def _below(line: Mapping[str, Any], currency: str, language: str) -> list[Markup]:
    """Under a row: what to know before the call, then the reasons."""
    notes = []
    if cash := line.get("cash_on_account"):
        amount = format_amount(cash, currency, language)
        held = phrase("queue.cash_of_customer", language, value=amount)
        notes.append(tag("li", f"{held}, {phrase('queue.allocate_first', language)}"))
    if aside := line.get("set_aside_amount"):
        amount = format_amount(aside, currency, language)
        notes.append(tag("li", phrase("queue.aside_of_customer", language, value=amount)))
    reasons = [_reason(told, language) for told in told_reasons(line)]
    below = []
    if notes:
        below.append(tag("ul", *notes, class_="hints"))
    if reasons:
        below.append(tag("ul", *reasons, class_="reasons"))
    return below


def _reason(told: Told, language: str) -> Markup:
    way = "raises" if told.raises else "lowers"
    spoken = tag("span", phrase(f"report.{way}", language) + " ", class_="unseen")
    return tag("li", spoken, told.text, class_=way)


def aside_part(worklist: Worklist, language: str) -> Markup:
    """What is set aside: sums by reason with what is to be done, and the largest invoices.

    Parameters
    ----------
    worklist : Worklist
        Either of the two.
    language : str
        One of the catalogue's.

    Returns
    -------
    Markup
    """
    rows = aside_rows(worklist.totals)
    if not rows:
        return tag("p", phrase("report.nothing_set_aside", language))
    columns = [
        Column(phrase("column.why_set_aside", language)),
        Column(phrase("column.invoice_count", language), number=True),
        Column(phrase("report.open", language), number=True),
        Column(phrase("column.expected_loss", language), number=True),
        Column(phrase("column.action", language)),
    ]
    lines = [
        row(
            cell(columns[0], phrase(f"set_aside.{line['reason']}", language), first=True),
            cell(columns[1], format_number(line["invoice_count"], language)),
            cell(columns[2], format_number(line["open_amount"], language, 2)),
            cell(columns[3], format_number(line["expected_loss"], language, 2)),
            cell(columns[4], phrase(f"action.{line['action']}", language)),
        )
        for line in rows
    ]
    sums = table(
        phrase("report.set_aside", language),
        columns,
        [tag("tbody", *lines, role="rowgroup")],
        class_="cards",
    )
    return together([sums, _largest_aside(worklist, language)])


def _largest_aside(worklist: Worklist, language: str) -> Markup:
    columns = [
        Column(phrase("column.invoice_id", language)),
        Column(phrase("column.customer_id", language)),
        Column(phrase("column.due_date", language)),
        Column(phrase("column.open_amount", language), number=True),
        Column(phrase("column.why_set_aside", language)),
    ]
    largest = worklist.set_aside.sort("open_amount_reporting", "invoice_id", descending=[True, False])
    lines = [
        row(
            cell(columns[0], tag("bdi", line["invoice_id"]), first=True),
            cell(columns[1], tag("bdi", line["customer_id"])),
            cell(columns[2], format_date(line["due_date"], language)),
            cell(columns[3], format_number(line["open_amount_reporting"], language, 2)),
            cell(columns[4], phrase(f"set_aside.{line['set_aside']}", language)),
        )
        for line in largest.head(_ASIDE_SHOWN).to_dicts()
    ]
    title = phrase("report.set_aside_detail", language, n=len(lines))
    listed = table(title, columns, [tag("tbody", *lines, role="rowgroup")], class_="cards")
    return tag("details", tag("summary", title), listed)


def claims_part(scores: Scores, language: str) -> Markup:
    """Claims to declare, nearest deadline first, and those whose deadline has passed.

    Parameters
    ----------
    scores : Scores
        Holds the claims.
    language : str
        One of the catalogue's.

    Returns
    -------
    Markup
    """
    columns = [
        Column(phrase("column.customer_id", language)),
        Column(phrase("column.invoice_count", language), number=True),
        Column(phrase("column.open_amount", language), number=True),
        Column(phrase("column.insolvent_on", language)),
        Column(phrase("column.declare_by", language)),
        Column(phrase("column.days_left", language)),
    ]
    lines = [
        row(
            cell(columns[0], tag("bdi", claim["customer_id"], class_="name"), first=True),
            cell(columns[1], format_number(claim["invoice_count"], language)),
            cell(columns[2], format_number(claim["open_amount"], language, 2)),
            cell(columns[3], format_date(claim["insolvent_on"], language)),
            cell(columns[4], format_date(claim["claim_deadline"], language)),
            cell(
                columns[5],
                tag(
                    "span",
                    claim_term(claim["days_left"], language),
                    class_="more" if claim["days_left"] < 0 else "term",
                ),
            ),
        )
        for claim in claims_by_customer(scores.claims).to_dicts()
    ]
    return together(
        [
            tag(
                "p",
                phrase("queue.claims_meaning", language) + " " + phrase("report.insolvency_rule", language),
                class_="more",
            ),
            table(
                phrase("report.insolvency", language),
                columns,
                [tag("tbody", *lines, role="rowgroup")],
                class_="cards",
            ),
        ]
    )
