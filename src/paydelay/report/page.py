"""The report as one HTML file that needs nothing else: no network, no script, no other file."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from paydelay.errors import TargetError
from paydelay.figures import aged_balance
from paydelay.files import replacing_file
from paydelay.history import stale_sentence
from paydelay.language import format_amount, format_date, format_number, format_share, phrase
from paydelay.model import DelayModel
from paydelay.report.content import expected_unpaid
from paydelay.report.markup import Column, Markup, cell, document, links, row, section, table, tag, together
from paydelay.report.quality import gate_figures, gate_sentences
from paydelay.report.queues import aside_part, claims_part, queue_part
from paydelay.report.summaries import refused_sentence
from paydelay.worklist import Worklist, rank

if TYPE_CHECKING:
    from paydelay.ledger import Ledger
    from paydelay.scoring import Scores

_CUSTOMERS_SHOWN = 25
_INVOICES_SHOWN = 50


def write_report(
    path: str | Path,
    scores: Scores,
    worklist: Worklist | None,
    model: DelayModel,
    *,
    language: str = "en",
    ledger: Ledger | None = None,
    top: int | None = None,
) -> Path:
    """Write the report of one day as a self-contained HTML file.

    Parameters
    ----------
    path : str or Path
        The file; its folder is made where it does not exist. A file that is
        there already is replaced once the new one is whole.
    scores : Scores
        The score table, cash on account and claims.
    worklist : Worklist or None
        Gives one of the two queues; the other is ranked from the scores in the
        same order and scope. Where None both are, by expected loss.
    model : DelayModel
        What the scores came from.
    language : {'en', 'fr'}
        Of the page; the reasons come in the language they were scored in.
    ledger : Ledger, optional
        The books that were scored: what was refused of them, what was assumed in
        reading them, and whether they end long before the day of the report.
    top : int, optional
        Rows of each queue; 25 customers and 50 invoices where None.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    TargetError
        If the path does not end in .html, or cannot be written to.

    Examples
    --------
    >>> model = DelayModel.load("model")  # doctest: +SKIP
    >>> scores = score(ledger, model, "2025-11-30", language="fr")  # doctest: +SKIP
    >>> write_report("out/report.html", scores, None, model, language="fr", ledger=ledger)  # doctest: +SKIP
    """
    place = check_page(path)
    text = report_page(scores, worklist, model, language=language, ledger=ledger, top=top)
    return put_page(place, text)


def check_page(path: str | Path) -> Path:
    """Refuse a path that no report can be written to, before any work is done for it.

    Parameters
    ----------
    path : str or Path
        As given to :func:`write_report`.

    Returns
    -------
    Path
        The path it names.

    Raises
    ------
    TargetError
        If it does not end in .html, or names a folder.

    Examples
    --------
    >>> check_page("out/report.html").name
    'report.html'
    """
    place = Path(path)
    if place.suffix.lower() not in (".html", ".htm"):
        raise TargetError("The report is an HTML page; give a path that ends in .html.")
    try:
        is_folder = place.is_dir()
    except (OSError, ValueError) as error:
        raise _unwritable(error) from error
    if is_folder:
        raise TargetError(f"The target {place.name} is a folder; give a path that ends in .html.")
    return place


def report_page(
    scores: Scores,
    worklist: Worklist | None,
    model: DelayModel,
    *,
    language: str = "en",
    ledger: Ledger | None = None,
    top: int | None = None,
) -> str:
    """The page of :func:`write_report` as a text.

    Parameters
    ----------
    scores, worklist, model, language, ledger, top
        As there.

    Returns
    -------
    str
        HTML; the same scores give the same text.
    """
    customers, invoices = _both_queues(scores, worklist)
    parts = {
        "ageing": (phrase("ageing.title", language), _ageing_part(scores, language)),
        "customers": (
            phrase("report.queue_by_customer", language),
            queue_part(customers, scores, top or _CUSTOMERS_SHOWN, language),
        ),
        "invoices": (
            phrase("report.queue_by_invoice", language),
            queue_part(invoices, scores, top or _INVOICES_SHOWN, language),
        ),
        "aside": (phrase("report.set_aside", language), aside_part(invoices, language)),
    }
    if scores.claims.height:
        parts["claims"] = (phrase("report.insolvency", language), claims_part(scores, language))
    parts["quality"] = (phrase("report.quality", language), _quality_part(model, language))
    parts["notes"] = (phrase("report.reading", language), _notes_part(model, ledger, language))
    return _document(scores, invoices, model, parts, _warning(scores, ledger, language), language)


def _both_queues(scores: Scores, worklist: Worklist | None) -> tuple[Worklist, Worklist]:
    if worklist is None:
        return rank(scores, by="customer"), rank(scores)
    if worklist.by == "customer":
        return worklist, rank(scores, by="invoice", order=worklist.order, scope=worklist.scope)
    return rank(scores, by="customer", order=worklist.order, scope=worklist.scope), worklist


def _document(
    scores: Scores,
    worklist: Worklist,
    model: DelayModel,
    parts: dict[str, tuple[str, Markup]],
    warning: Markup | None,
    language: str,
) -> str:
    title = phrase("report.title", language)
    as_of: date | None = scores.frame["as_of"].item(0) if scores.frame.height else None
    body = tag(
        "body",
        _header(title, as_of, scores, model, language),
        warning,
        links(phrase("report.sections", language), {name: heading for name, (heading, _) in parts.items()}),
        tag(
            "main",
            _tiles(scores, worklist, model, language),
            *(section(name, heading, inside) for name, (heading, inside) in parts.items()),
        ),
        tag("footer", f"paydelay · {phrase('column.model_version', language)} {model.version}"),
    )
    return document(" · ".join([title, *([format_date(as_of, language)] if as_of else [])]), body, language)


def _warning(scores: Scores, ledger: Ledger | None, language: str) -> Markup | None:
    """What makes the whole page doubtful: books that end long before its day."""
    if ledger is None or not scores.frame.height:
        return None
    told = stale_sentence(ledger, scores.frame["as_of"].item(0), language)
    return tag("p", told, class_="warning", role="alert") if told else None


def _header(title: str, as_of: date | None, scores: Scores, model: DelayModel, language: str) -> Markup:
    trained = format_date(date.fromisoformat(model.manifest["trained_as_of"]), language, long=True)
    said = [
        phrase("queue.amounts_in", language, currency=scores.reporting_currency),
        phrase("report.model", language, date=trained),
    ]
    if as_of is not None:
        said.insert(0, phrase("report.as_of", language, date=format_date(as_of, language, long=True)))
    return tag("header", tag("h1", title), tag("p", " · ".join(said)))


def _tiles(scores: Scores, worklist: Worklist, model: DelayModel, language: str) -> Markup:
    """The figures that matter first."""
    totals = worklist.totals
    settings = model.manifest["config"]["loss"]
    aside = totals["expected_loss"] - totals["actionable"]["expected_loss"]

    def money(value: float) -> str:
        return format_amount(value, scores.reporting_currency, language, decimals=0)

    overdue_share = totals["overdue_amount"] / totals["open_amount"] if totals["open_amount"] else 0.0
    unpaid_days = model.manifest["outcomes"]["unpaid_after_days"]
    shown = [
        (
            phrase("report.open", language),
            money(totals["open_amount"]),
            phrase("unit.invoices", language, n=totals["invoice_count"]),
        ),
        (
            phrase("report.overdue", language),
            money(totals["overdue_amount"]),
            phrase("report.of_open", language, value=format_share(overdue_share, language)),
        ),
        (
            phrase("report.expected_unpaid", language),
            money(expected_unpaid(scores.frame)),
            phrase("report.unpaid_after", language, n=unpaid_days),
        ),
        (
            phrase("column.expected_loss", language),
            money(totals["expected_loss"]),
            phrase("report.of_it_set_aside", language, value=money(aside)),
        ),
        (
            phrase("column.cost_of_delay", language),
            money(totals["cost_of_delay"]),
            phrase(
                "report.yearly_rate",
                language,
                value=format_share(settings["annual_cost_of_capital"], language),
            ),
        ),
    ]
    tiles = [
        tag("div", tag("dt", name), tag("dd", value, class_="figure"), tag("dd", more, class_="more"))
        for name, value, more in shown
    ]
    return tag("dl", *tiles, class_="tiles", aria_label=phrase("report.totals", language))


def _ageing_part(scores: Scores, language: str) -> Markup:
    """The aged balance as one bar, and as the table that says the same."""
    columns = [
        Column(phrase("column.days_past_due", language)),
        Column(phrase("report.open", language), number=True),
        Column(phrase("column.share_of_open", language), number=True),
        Column(phrase("column.invoice_count", language), number=True),
    ]
    rows = aged_balance(scores.frame).to_dicts()
    stacked = [
        tag("span", class_=line["age"], style=f"flex-grow:{line['share']:.4f}")
        for line in rows
        if line["share"] > 0
    ]
    lines = [
        row(
            cell(
                columns[0],
                tag("span", class_=f"swatch {line['age']}", aria_hidden="true"),
                phrase(f"ageing.{line['age']}", language),
                first=True,
            ),
            cell(columns[1], format_number(line["open_amount"], language, 0)),
            cell(columns[2], format_share(line["share"], language, 1)),
            cell(columns[3], format_number(line["invoice_count"], language)),
        )
        for line in rows
    ]
    return together(
        [
            tag("div", *stacked, class_="stack", aria_hidden="true"),
            table(
                phrase("ageing.title", language),
                columns,
                [tag("tbody", *lines, role="rowgroup")],
                class_="ageing",
            ),
        ]
    )


def _quality_part(model: DelayModel, language: str) -> Markup:
    """What the gate measured, in sentences and figures, and what the scores hold under."""
    period = model.manifest["period"]
    trained = phrase(
        "training.period",
        language,
        as_of=date.fromisoformat(model.manifest["trained_as_of"]),
        invoices=phrase("unit.invoices", language, n=period["invoice_count"]),
        late=format_share(period["late_share"], language),
    )
    sentences = [trained, *gate_sentences(model, language), phrase("report.policy", language)]
    columns = [
        Column(phrase("column.measure", language)),
        Column(phrase("gate.late", language), number=True),
        Column(phrase("gate.unpaid", language), number=True),
    ]
    lines = [
        row(cell(columns[0], name, first=True), cell(columns[1], late), cell(columns[2], unpaid))
        for name, late, unpaid in gate_figures(model.manifest["gate"], language)
    ]
    return together(
        [
            tag("ul", *(tag("li", sentence) for sentence in sentences)),
            table(phrase("report.quality", language), columns, [tag("tbody", *lines, role="rowgroup")]),
            tag("p", phrase("gate.meaning", language), class_="more"),
        ]
    )


def _notes_part(model: DelayModel, ledger: Ledger | None, language: str) -> Markup:
    """What the words mean, what was assumed and what was refused."""
    outcomes, loss = model.manifest["outcomes"], model.manifest["config"]["loss"]
    meanings = [
        phrase("report.means_late", language, n=outcomes["grace_days"]),
        phrase("report.means_unpaid", language, n=outcomes["unpaid_after_days"]),
        phrase("report.means_loss", language),
        phrase("report.means_delay", language, value=format_share(loss["annual_cost_of_capital"], language)),
        phrase("report.means_customer", language),
        phrase("report.means_set_aside", language),
    ]
    parts = [tag("ul", *(tag("li", meaning) for meaning in meanings))]
    if ledger is not None and (told := refused_sentence(ledger, language)):
        parts.append(tag("h3", phrase("report.refused", language)))
        parts.append(tag("p", told))
    if ledger is not None and ledger.notes:
        parts.append(tag("h3", phrase("report.notes", language)))
        # The reader of the ledger speaks English.
        spoken = None if language == "en" else "en"
        parts.append(tag("ul", *(tag("li", note) for note in ledger.notes), lang=spoken))
    return together(parts)


def put_page(path: Path, text: str) -> Path:
    """Write a page in whole or not at all."""
    try:
        with replacing_file(path) as draft:
            draft.write(text.encode("utf-8"))
    except (OSError, ValueError) as error:
        raise _unwritable(error) from error
    return path


def _unwritable(error: Exception) -> TargetError:
    why = getattr(error, "strerror", None) or "the path is not usable"
    return TargetError(
        f"The report cannot be written ({why}); give a path that ends in .html, in a folder that can be "
        "written to."
    )
