"""What is told of a backtest, before it is laid out: page, model card and terminal share it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from paydelay.backtest import Backtest, Verdict
from paydelay.figures.naming import best_by_auc, scorer_name, slice_kind, slice_name
from paydelay.figures.proofs import FEW_ROWS, TOP_SHARE
from paydelay.intervals import Interval
from paydelay.language import format_amount, format_number, format_share, phrase

OUTCOMES = ("late", "unpaid")
MODEL = {"late": "model", "unpaid": "unpaid"}
VALUES = {"late": ("late_value", "late_days_value"), "unpaid": ("unpaid_value", "lost_value")}
RANKING = ("auc", "average_precision")
PROBABILITY = ("log_loss", "brier", "brier_skill", "ece", "slope", "intercept")
_DECIMALS = {"slope": 2, "intercept": 2, "width": 1}
_CALLED = 0.7
_WHOLE_FROM = 10.0
_RARER_MIN = 10
"""Rows of the rarer outcome below which an AUC is chance."""


def outcomes_of(proof: Backtest) -> list[str]:
    """The outcomes that the proof judges, late first."""
    return [outcome for outcome in OUTCOMES if outcome in proof.verdicts]


def headed(text: str) -> str:
    """A name as the beginning of a line."""
    return text[:1].upper() + text[1:]


def money(value: float, proof: Backtest, language: str) -> str:
    """An amount in the reporting currency."""
    decimals = 2 if 0.0 < abs(value) < _WHOLE_FROM else 0
    return format_amount(value, proof.reporting_currency, language, decimals)


def signed(value: float, language: str, decimals: int) -> str:
    """A difference of figures with its sign; a dash where there is none."""
    text = format_number(value if math.isfinite(value) else None, language, decimals)
    return f"+{text}" if 0.0 < value < math.inf and text.strip("0.,") else text


def difference(value: float, proof: Backtest, language: str, key: str = "difference") -> str:
    """So much money more or less."""
    n = value if math.isfinite(value) else 0.0
    return phrase(f"backtest.{key}", language, n=n, amount=money(abs(value), proof, language))


def difference_ends(gain: Interval, proof: Backtest, language: str) -> str:
    """From so much money less to so much more; said once where both ends are the same."""
    low, high = (difference(end, proof, language, "difference_end") for end in (gain.low, gain.high))
    return low if low == high else phrase("backtest.difference_ends", language, low=low, high=high)


def figure_text(figure: str, value: float | None, language: str) -> str:
    """A figure with as many digits as say something."""
    if "_value_" in figure:
        return format_share(value, language, 1)
    return format_number(value, language, _DECIMALS.get(figure, 3))


def with_interval(figure: str, row: dict[str, Any], language: str) -> str:
    """A figure with its interval, if it has one."""
    value, low, high = (figure_text(figure, row[name], language) for name in ("value", "low", "high"))
    if row["low"] is None or row["high"] is None:
        return value
    return phrase("backtest.with_interval", language, value=value, low=low, high=high)


def intervals_of(proof: Backtest, outcome: str, view: str = "all") -> dict[str, dict[str, Any]]:
    """Every figure of the model with its interval, by name."""
    rows = proof.tables["intervals"].filter(outcome=outcome, view=view)
    return {row["figure"]: row for row in rows.iter_rows(named=True)}


def scorers_of(proof: Backtest, outcome: str, view: str = "all") -> pl.DataFrame:
    """Figures of every method, one row each."""
    return proof.tables["scorers"].filter(outcome=outcome, view=view)


def chance_of(proof: Backtest, outcome: str) -> float | None:
    """The ECE that the model's probabilities would show on average if they were right."""
    found: float | None = scorers_of(proof, outcome).filter(scorer=MODEL[outcome])["ece_by_chance"].item()
    return found


def method_notes(proof: Backtest, outcome: str, language: str) -> list[str]:
    """What has to be known beside the figures of every method."""
    names = {name: scorer_name(f"{name}_amount", language) for name in ("overdue", "largest")}
    ece = intervals_of(proof, outcome)["ece"]["value"]
    told = {"ece": figure_text("ece", ece, language)}
    told["chance"] = figure_text("ece", chance_of(proof, outcome), language)
    same = [phrase("backtest.means.same_order", language, **names)] if outcome == "late" else []
    return [phrase("backtest.chance", language, **told), *same]


def verdict_sentences(proof: Backtest, outcome: str, language: str) -> list[str]:
    """The verdict, how sure it is, what is left without the largest customer, and the AUC.

    Parameters
    ----------
    proof : Backtest
        As :func:`~paydelay.backtest` returns it.
    outcome : {'late', 'unpaid'}
        The money that is to be found.
    language : {'en', 'fr'}
        Of the sentences.

    Returns
    -------
    list of str
        One sentence where the outcome could not be judged.
    """
    if outcome not in proof.verdicts:
        return [phrase(f"backtest.verdict.{outcome}_unjudged", language)]
    verdict = proof.verdicts[outcome]
    gain, rest = verdict.gain_per_book, verdict.gain_without_largest
    kind = "beats" if verdict.beats else "loses" if verdict.loses else "undecided"

    auc = {name: signed(getattr(verdict.auc_gain, name), language, 3) for name in ("value", "low", "high")}
    return [
        phrase(
            f"backtest.verdict.{outcome}_{kind}",
            language,
            top=format_share(TOP_SHARE, language),
            difference=difference(gain.value, proof, language),
            baseline=scorer_name(verdict.baseline, language),
        ),
        *_surely(verdict, proof, language),
        *_told_with_ends("surely_by_customer", verdict.gain_by_customer, proof, language),
        *_told_with_ends("without_largest", rest, proof, language),
        *_over_order(verdict, proof, language),
        phrase(
            "backtest.verdict.auc" if outcome == "late" else "backtest.verdict.auc_unpaid",
            language,
            n=verdict.auc_gain.value if _is_sure(verdict.auc_gain) else 0.0,
            gain=auc["value"],
            low=auc["low"],
            high=auc["high"],
            baseline=scorer_name(best_by_auc(proof, outcome), language),
        ),
    ]


def _surely(verdict: Verdict, proof: Backtest, language: str) -> list[str]:
    """How sure the gain is; nothing where too many draws know of none."""
    if not _has_ends(verdict.gain_per_book):
        return []
    return [
        phrase(
            "backtest.verdict.surely",
            language,
            ends=difference_ends(verdict.gain_per_book, proof, language),
            share=format_share(verdict.share_above, language, 1),
            draws=draws(proof, language),
        )
    ]


def _over_order(verdict: Verdict, proof: Backtest, language: str) -> list[str]:
    """What is gained over the best plain order, where the best simple method is not that one."""
    if verdict.order == verdict.baseline:
        return []
    order = scorer_name(verdict.order, language)
    return _told_with_ends("over_order", verdict.gain_over_order_per_book, proof, language, order=order)


def _told_with_ends(key: str, gain: Interval, proof: Backtest, language: str, **named: str) -> list[str]:
    """A gain in money with its interval; nothing where it has none, as that of a single customer."""
    if not _has_ends(gain):
        return []
    named["ends"] = difference_ends(gain, proof, language)
    told = difference(gain.value, proof, language)
    return [phrase(f"backtest.verdict.{key}", language, difference=told, **named)]


def _has_ends(gain: Interval) -> bool:
    return all(map(math.isfinite, (gain.value, gain.low, gain.high)))


def _is_sure(gain: Interval) -> bool:
    return gain.low > 0.0 or gain.high < 0.0


def draws(proof: Backtest, language: str) -> str:
    """How many draws are behind each interval."""
    return phrase("backtest.draws", language, n=proof.config.backtest.replicate_count)


def called(proof: Backtest) -> dict[str, Any]:
    """The bin of invoices that were called about 70 % late, and how many of 100 came late."""
    bins = proof.tables["reliability"].filter(outcome="late")
    return bins.sort((pl.col("predicted") - _CALLED).abs(), maintain_order=True).row(0, named=True)


@dataclass(frozen=True)
class Failure:
    """A slice in which the model falls short.

    Parameters
    ----------
    name : str
        Kind and slice in words.
    row_count : int
        Rows of the slice.
    few : bool
        Whether they are too few to make much of it.
    flaws : tuple of str
        What is wrong, in words.
    """

    name: str
    row_count: int
    few: bool
    flaws: tuple[str, ...]


def failures(proof: Backtest, outcome: str, language: str) -> list[Failure]:
    """Slices whose slope's interval misses 1, whose level is off, or where a simple method is ahead.

    Parameters
    ----------
    proof : Backtest
        As :func:`~paydelay.backtest` returns it.
    outcome : {'late', 'unpaid'}
        What was foreseen.
    language : {'en', 'fr'}
        Of the words.

    Returns
    -------
    list of Failure
        All rows together first, where even their slope or level is off; then by number of rows.
    """
    rows = (
        proof.tables["slices"].filter(outcome=outcome).sort("row_count", descending=True, maintain_order=True)
    )
    baseline = scorer_name(best_by_auc(proof, outcome), language)
    found = []
    if flaws := tuple(_flaws_of_all(proof, outcome, language)):
        count = proof.verdicts[outcome].row_count
        found.append(Failure(phrase("backtest.view.all", language), count, count < FEW_ROWS, flaws))
    for row in rows.iter_rows(named=True):
        if flaws := tuple(_flaws(row, baseline, language)):
            kind, count = row["kind"], row["row_count"]
            name = phrase(
                "backtest.failure.name",
                language,
                kind=slice_kind(kind, language),
                slice=slice_name(kind, row["slice"], language),
            )
            found.append(Failure(name, count, count < FEW_ROWS, flaws))
    return found


def _flaws_of_all(proof: Backtest, outcome: str, language: str) -> Iterator[str]:
    """What is wrong with all rows together: the slope or, where it is right, the level."""
    found = intervals_of(proof, outcome)
    slope, level = found["slope"], found["intercept"]
    if flaw := _slope_flaw(slope["value"], slope["low"], slope["high"], language):
        yield flaw
    elif level["low"] is not None and level["high"] is not None and not level["low"] <= 0.0 <= level["high"]:
        ends = {name: format_number(level[name], language, 2) for name in ("value", "low", "high")}
        key = "level_low" if level["low"] > 0.0 else "level_high"
        yield phrase(f"backtest.failure.{key}", language, **ends)


def _flaws(row: dict[str, Any], baseline: str, language: str) -> Iterator[str]:
    if flaw := _slope_flaw(row["slope"], row["slope_low"], row["slope_high"], language):
        yield flaw
    said, least, most = row["predicted_share"], row["came_low"], row["came_high"]
    if least is not None and most is not None and not least <= said <= most:
        yield phrase(
            f"backtest.failure.{'too_low' if said < least else 'too_high'}",
            language,
            predicted=format_share(said, language, 1),
            came=format_share(row["came_share"], language, 1),
            low=format_share(least, language, 1),
            high=format_share(most, language, 1),
        )
    ours, theirs = row["auc"], row["baseline_auc"]
    rarer = row["row_count"] * min(row["came_share"], 1.0 - row["came_share"])
    if ours is not None and theirs is not None and theirs > ours and rarer >= _RARER_MIN:
        yield phrase(
            "backtest.failure.behind",
            language,
            baseline=baseline,
            ours=format_number(ours, language, 3),
            theirs=format_number(theirs, language, 3),
        )


def _slope_flaw(slope: float | None, low: float | None, high: float | None, language: str) -> str:
    """That the probabilities are spread too little or too much; empty where that is not shown."""
    if low is None or high is None or low <= 1.0 <= high:
        return ""
    ends = {"slope": slope, "low": low, "high": high}
    told = {name: format_number(end, language, 2) for name, end in ends.items()}
    return phrase(f"backtest.failure.{'timid' if low > 1.0 else 'bold'}", language, **told)


def counts_of(proof: Backtest, outcome: str) -> dict[str, int]:
    """Rows that were judged and those that were not, by reason."""
    return dict(proof.tables["counts"].filter(outcome=outcome).select("reason", "row_count").iter_rows())


def count_sentences(proof: Backtest, outcome: str, language: str) -> list[str]:
    """How many rows were judged, and why the others were not; none vanishes silently."""
    counts = counts_of(proof, outcome)
    if judged := counts.get("judged", 0):
        said = [phrase(f"backtest.method.{outcome}_judged", language, n=judged)]
    else:
        said = [phrase(f"backtest.method.{outcome}_none", language)]
    for reason in ("known", "not_ripe"):
        if n := counts.get(reason, 0):
            key = f"backtest.method.{outcome}_{reason}"
            said.append(phrase(key, language, n=n, date=proof.folds[0].labels_at))
    return said


def _ripe_sentence(proof: Backtest, language: str) -> str:
    """How much of the books could be judged at all, in all and of the last one."""
    not_due = proof.rows.filter((pl.col("days_past_due") < 0) & ~pl.col("unpaid_known"))
    ripe = pl.col("late").is_not_null().mean()
    last = not_due.filter(pl.col("as_of") == proof.verdict.last)
    shares = {"share": not_due.select(ripe).item(), "last": last.select(ripe).item()}
    return phrase(
        "backtest.method.ripe", language, **{name: format_share(v, language, 0) for name, v in shares.items()}
    )


def limits(proof: Backtest, language: str) -> list[str]:
    """What the figures do not tell."""
    verdict = proof.verdict
    days = (verdict.last - verdict.first).days + 1
    return [
        phrase("backtest.method.policy", language),
        phrase("backtest.method.found_not_saved", language),
        phrase("backtest.method.short", language, n=days),
        _ripe_sentence(proof, language),
        phrase("backtest.method.repeated", language),
        phrase("backtest.method.chosen", language),
    ]


def headline(proof: Backtest, language: str) -> str:
    """How many books of which days, and as of when they were judged."""
    verdict = proof.verdict
    return phrase(
        "backtest.headline",
        language,
        books=phrase("backtest.books", language, n=verdict.book_count),
        first=verdict.first,
        last=verdict.last,
        judged=proof.folds[0].labels_at,
    )
