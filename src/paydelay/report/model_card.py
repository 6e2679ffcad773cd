"""A model card of what was backtested: what it is, how good it is, and what it is not for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from paydelay.backtest import Backtest
from paydelay.figures.naming import metric_name, scorer_name
from paydelay.language import format_date, format_number, format_share, phrase
from paydelay.report.proof_content import (
    MODEL,
    PROBABILITY,
    VALUES,
    count_sentences,
    draws,
    figure_text,
    headed,
    intervals_of,
    limits,
    method_notes,
    outcomes_of,
    scorers_of,
    verdict_sentences,
    with_interval,
)

_DEPTHS = ("20", "contacts")


def model_card(proof: Backtest, language: str = "en") -> str:
    """The model that was backtested, in Markdown.

    Parameters
    ----------
    proof : Backtest
        As :func:`~paydelay.backtest` returns it.
    language : {'en', 'fr'}
        Of the card.

    Returns
    -------
    str
        Data, period, what is predicted, trainings, figures with intervals beside the best
        simple method, what it is for and not for, and its limits.

    Examples
    --------
    >>> print(model_card(pdl.backtest(ledger)))  # doctest: +SKIP
    """
    outcomes = outcomes_of(proof)
    parts = [
        f"# {phrase('card.title', language)}",
        *_bullets(proof, language),
        f"## {phrase('card.data', language)}",
        _data(proof, language),
        _list(" ".join(count_sentences(proof, outcome, language)) for outcome in ("late", "unpaid")),
        f"## {phrase('card.predicts', language)}",
        _list(
            [
                phrase("card.late", language, n=proof.config.outcomes.grace_days),
                phrase("card.unpaid", language, n=proof.config.outcomes.unpaid_after_days),
                phrase("card.delay", language),
            ]
        ),
        phrase("card.how", language),
        f"## {phrase('card.trainings', language)}",
        _trainings(proof, language),
        f"## {phrase('card.figures', language)}",
        *(_figures(proof, outcome, language) for outcome in outcomes),
        phrase("backtest.method.draws", language, draws=draws(proof, language)),
        f"## {phrase('card.use', language)}",
        _list([phrase("card.meant", language)]),
        f"## {phrase('card.not_for', language)}",
        _list(phrase(f"card.{name}", language) for name in ("no_decisions", "no_other_books", "no_causes")),
        f"## {phrase('backtest.method.limits', language)}",
        _list(limits(proof, language)),
    ]
    return "\n\n".join(parts) + "\n"


def _bullets(proof: Backtest, language: str) -> list[str]:
    """The verdicts, late first."""
    return [" ".join(verdict_sentences(proof, outcome, language)) for outcome in ("late", "unpaid")]


def _data(proof: Backtest, language: str) -> str:
    verdict = proof.verdict
    return phrase(
        "card.invoices",
        language,
        books=phrase("backtest.books", language, n=verdict.book_count),
        rows=phrase("unit.rows", language, n=proof.rows.height),
        first=verdict.first,
        last=verdict.last,
        currency=proof.reporting_currency,
        judged=proof.folds[0].labels_at,
    )


def _trainings(proof: Backtest, language: str) -> str:
    names = ("fold", "trained_on", "learned_from", "late_share", "trees")
    return _table(
        [phrase(f"backtest.column.{name}", language) for name in names],
        [
            [
                str(known["fold"]),
                format_date(date.fromisoformat(known["train_as_of"]), language),
                phrase("unit.invoices", language, n=known["period"]["invoice_count"]),
                format_share(known["period"]["late_share"], language, 1),
                format_number(known["tree_count"], language, 0),
            ]
            for known in proof.models
        ],
    )


def _figures(proof: Backtest, outcome: str, language: str) -> str:
    """Figures of the model with their intervals, and of every simple method."""
    contacts = proof.config.backtest.contact_count
    found = intervals_of(proof, outcome)
    names = ["auc", *PROBABILITY, *(f"{value}_{depth}" for value in VALUES[outcome] for depth in _DEPTHS)]
    ours = _table(
        [phrase("card.figure", language), phrase("card.value", language)],
        [
            [metric_name(name, language, contacts), with_interval(name, found[name], language)]
            for name in names
        ],
    )
    shown = ["auc", "log_loss", "brier", *(f"{value}_20" for value in VALUES[outcome])]
    others = _table(
        [
            phrase("backtest.column.method", language),
            *(metric_name(name, language, contacts) for name in shown),
        ],
        [
            [
                headed(scorer_name(line["scorer"], language)),
                *(figure_text(name, line[name], language) for name in shown),
            ]
            for line in scorers_of(proof, outcome).iter_rows(named=True)
            if line["scorer"] != MODEL[outcome]
        ],
    )
    notes = method_notes(proof, outcome, language)
    return "\n\n".join([f"### {phrase(f'backtest.outcome.{outcome}', language)}", ours, others, *notes])


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _table(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in headings[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in (headings, rule, *lines))
