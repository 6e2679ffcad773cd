"""Which features earn their keep: groups of them left out of the catalogue, or added to it.

Each line is a model of its own, trained by ``train`` on the ledger as known at T0 and
judged on the weekly books after it, on rows not yet due whose outcome is mature by the
end. Figures are means over the T0s; differences are to the whole catalogue on the same
rows, with 95 % intervals from drawing pairs of customer and week. A second seed of the
booster says how much of a difference is chance. Late value: open amount of the rows
that end late, in the first fifth of each book by probability x amount.

The real ledger is judged where PAYDELAY_DATA names the folder that holds b2b_ledger; a
simulated one and the sample always.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fnmatch import fnmatch
from typing import Any

import numpy as np
from b2b_ledger import b2b_ledger
from measuring import ROOT, print_table, write_json
from tried_features import DROPPED, TRIED

import paydelay as pdl
from paydelay.features import CATALOGUE, Catalogue, Feature
from paydelay.history import History
from paydelay.intervals import Interval, cluster_bootstrap
from paydelay.metrics import AreaUnderCurve, CapturedValue
from paydelay.outcomes import Outcomes
from paydelay.panel import build_panel

T0S = (date(2019, 8, 5), date(2019, 10, 7))
LAST_AS_OF = date(2019, 11, 18)
LABELS_AT = date(2019, 11, 30)
SIMULATED_T0S = (date(2025, 4, 28), date(2025, 7, 7))
SIMULATED_LAST = date(2025, 9, 22)
SIMULATED_LABELS = date(2025, 11, 28)
DELAY_SPAN_DAYS = (-30, 60)
REPLICATES = 200
SAMPLE = ROOT / "data" / "sample"
LEDGERS = ("b2b", "simulated", "sample")
KINDS = ("without", "with", "trees")
EDGE = 1e-6

WITHOUT = {
    "like amounts": ("like_amount_*", "weekday_like_amount_*"),
    "like amounts by weekday": ("weekday_like_amount_*",),
    "short windows": (
        *("late_share_30", "settled_count_30", "late_share_last5"),
        *("delay_mean_last5", "delay_trend_last5"),
    ),
    "over 15 and 30, weighted, terms": (
        *("late15_share_365", "late30_share_365", "delay_weighted_365", "cohort_delay_weighted_90"),
        *("terms_delay_mean_365", "weekday_delay_mean_last5"),
    ),
    "last 20 and 90 days": (
        *("delay_mean_last20", "late_share_last20"),
        *("delay_mean_90", "late_share_90", "settled_count_90"),
    ),
}
"""Groups of the catalogue that are left out in turn; a star stands for any ending."""


TREES: dict[str, dict[str, Any]] = {
    "depth 6, 31 leaves of 50": {"depth_max": 6, "leaf_count": 31, "leaf_rows_min": 50},
    "depth 6, 31 leaves of 200": {"depth_max": 6, "leaf_count": 31, "leaf_rows_min": 200},
}
"""Shapes of the trees."""


@dataclass(frozen=True)
class Span:
    """The rows judged after one training date."""

    trained: date
    late: np.ndarray
    delay: np.ndarray
    amount: np.ndarray
    book: np.ndarray
    cluster: np.ndarray


@dataclass(frozen=True)
class Said:
    """What one model says of the rows of a span."""

    probability: np.ndarray
    median_days: np.ndarray
    tree_count: int


def without(names: Sequence[str]) -> Catalogue:
    """The catalogue less some features; what counted by them, or leaned on them, keeps its values."""
    kept = [feature for feature in CATALOGUE if not any(fnmatch(feature.name, name) for name in names)]
    return freed(kept)


def added(features: Sequence[Feature]) -> Catalogue:
    """The catalogue and some features more."""
    return freed([*CATALOGUE, *features])


def freed(features: Sequence[Feature]) -> Catalogue:
    """A catalogue in which no feature names another that is not there."""
    names = {feature.name for feature in features}

    def there(feature: Feature) -> Feature:
        toward = feature.shrunk_toward
        return replace(
            feature,
            count=feature.count if feature.count in names else None,
            shrunk_toward=toward if toward is not None and toward[0] in names else None,
        )

    return Catalogue(there(feature) for feature in features)


def variants(kinds: Sequence[str]) -> Iterator[tuple[str, Catalogue, dict[str, Any]]]:
    """Name, catalogue and settings of the booster of each line; the product's own first."""
    yield "catalogue", CATALOGUE, {}
    yield "second seed", CATALOGUE, {"seed": 11}
    if "without" in kinds:
        yield from ((f"- {name}", without(names), {}) for name, names in WITHOUT.items())
    if "with" in kinds:
        groups = {**TRIED, **DROPPED}
        yield from ((f"+ {name}", added(features), {}) for name, features in groups.items())
    if "trees" in kinds:
        yield from ((name, CATALOGUE, settings) for name, settings in TREES.items())


def judge(
    ledger: pdl.Ledger, history: History, trained: date, last: date, labels_at: date
) -> tuple[Span, Callable[[Catalogue, pdl.Config], Said]]:
    """The rows after one training date, and how to have a model say something of them."""
    books = [trained + timedelta(days=7 * week) for week in range((last - trained).days // 7 + 1)]
    outcomes = Outcomes.of(history, labels_at)
    panel = build_panel(history, books, CATALOGUE.select(["days_past_due"]))
    label = outcomes.labels(panel.invoice, panel.as_of_day, np.array([0]))[:, 0]
    rows = np.flatnonzero(~np.isnan(label) & (panel.rows["days_past_due"].to_numpy() < 0))
    customer = history.invoices.customer[panel.invoice[rows]]
    span = Span(
        trained=trained,
        late=label[rows].astype(np.float64),
        delay=np.clip(outcomes.delay_days(panel.invoice[rows]), *DELAY_SPAN_DAYS),
        amount=panel.rows["open_amount_reporting"].to_numpy()[rows],
        book=panel.as_of_day[rows],
        cluster=customer.astype(np.int64) * 100_000 + panel.as_of_day[rows],
    )

    def said(catalogue: Catalogue, config: pdl.Config) -> Said:
        model = pdl.train(ledger, trained, config, force=True, catalogue=catalogue)
        scored = build_panel(history, books, catalogue).take(rows)
        curve, overdue = model.survival(scored), scored.rows["days_past_due"].to_numpy()
        median = np.clip(model.delay_quantile(curve, overdue, 0.5), *DELAY_SPAN_DAYS)
        probability = model.open_share_at(curve, overdue, 0.0)
        return Said(probability, median, int(model.manifest["tree_count"]))

    return span, said


Figure = Callable[[np.ndarray], float]


def figures(span: Span, said: Said) -> dict[str, Figure]:
    """Each figure of one model, for any weights of the rows."""
    clipped = np.clip(said.probability, EDGE, 1.0 - EDGE)
    losses = -np.where(span.late > 0, np.log(clipped), np.log1p(-clipped))
    squares, errors = (said.probability - span.late) ** 2, np.abs(said.median_days - span.delay)
    area = AreaUnderCurve(said.probability, span.late)
    captured = CapturedValue(span.amount * span.late, said.probability * span.amount, span.book)
    return {
        "auc": area,
        "log_loss": lambda times: float(np.average(losses, weights=times)),
        "brier": lambda times: float(np.average(squares, weights=times)),
        "late_value": lambda times: captured(times, top_share=0.2),
        "mae_days": lambda times: float(np.average(errors, weights=times)),
    }


def mean_over(spans: Sequence[Span], parts: Sequence[Figure]) -> Figure:
    """Mean over the training dates of a figure of each, for weights of all rows."""
    ends = np.cumsum([len(span.late) for span in spans])[:-1]
    return lambda times: float(
        np.mean([part(own) for part, own in zip(parts, np.split(times, ends), strict=True)])
    )


def compare(spans: Sequence[Span], base: Sequence[Said], other: Sequence[Said]) -> dict[str, Interval]:
    """Difference of each figure to the base, with its interval over the training dates together."""
    cluster = np.concatenate([span.cluster * len(spans) + place for place, span in enumerate(spans)])
    ours = [figures(span, said) for span, said in zip(spans, other, strict=True)]
    theirs = [figures(span, said) for span, said in zip(spans, base, strict=True)]
    found = {}
    for name in ours[0]:
        mine = mean_over(spans, [part[name] for part in ours])
        base_figure = mean_over(spans, [part[name] for part in theirs])
        found[name] = cluster_bootstrap(
            cluster, lambda times, a=mine, b=base_figure: a(times) - b(times), REPLICATES
        )
    return found


COLUMNS = {
    "auc": "AUC",
    "log_loss": "log-loss",
    "brier": "Brier",
    "late_value": "late value",
    "mae_days": "MAE",
}


def measure(
    title: str,
    ledger: pdl.Ledger,
    t0s: Sequence[date],
    ends: tuple[date, date],
    kinds: Sequence[str],
    config: pdl.Config,
) -> list[dict[str, Any]]:
    """Every line on one ledger."""
    history = History.build(ledger)
    judged = [judge(ledger, history, trained, *ends) for trained in t0s]
    spans = [span for span, _ in judged]
    lines: list[dict[str, Any]] = []
    base: list[Said] = []
    for name, catalogue, changes in variants(kinds):
        started = time.perf_counter()
        settings = config.model_copy(update={"model": config.model.model_copy(update=changes)})
        said = [ask(catalogue, settings) for _, ask in judged]
        base = base or said
        ones = np.ones(sum(len(span.late) for span in spans))
        parts = [figures(span, each) for span, each in zip(spans, said, strict=True)]
        line: dict[str, Any] = {"line": name, "features": len(catalogue)}
        line |= {key: mean_over(spans, [part[key] for part in parts])(ones) for key in COLUMNS}
        line["tree_count"] = float(np.mean([each.tree_count for each in said]))
        if said is not base:
            line["difference"] = {key: gain.to_dict() for key, gain in compare(spans, base, said).items()}
        line["seconds"] = time.perf_counter() - started
        lines.append(line)
        print(f"{name}: {line['seconds']:.0f} s", flush=True)
    rows = sum(len(span.late) for span in spans)
    report(f"{title}: {rows:,} rows, trained {', '.join(when.isoformat() for when in t0s)}", lines)
    return lines


def report(title: str, lines: Sequence[dict[str, Any]]) -> None:
    """The table of figures, and that of differences."""
    rows = [
        [line["line"], line["features"], *(f"{line[key]:.4f}" for key in COLUMNS), line["tree_count"]]
        for line in lines
    ]
    print_table(title, ["", "features", *COLUMNS.values(), "trees"], rows)
    rows = [
        [line["line"], *(_written(line["difference"][key]) for key in COLUMNS)]
        for line in lines
        if "difference" in line
    ]
    note = "For AUC and late value more is better, for the others less; * where the interval excludes 0."
    print_table("Difference to the catalogue [95 % interval]", ["", *COLUMNS.values()], rows, note)


def _written(gain: dict[str, float]) -> str:
    mark = "*" if gain["low"] > 0 or gain["high"] < 0 else " "
    return f"{gain['value']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]{mark}"


def simulated_ledger(customer_count: int) -> pdl.Ledger:
    """Books whose customers pay, dispute and are reminded as the simulator has it."""
    settings = pdl.SimulationSettings(customer_count=customer_count, seed=5, daily_truth=False)
    book = pdl.simulate(settings)
    return pdl.Ledger.from_frames(book.invoices, book.payments, book.customers, book.events)


def main() -> None:
    """Measure, print and write out/bench/features.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--t0", type=date.fromisoformat, nargs="+", default=list(T0S))
    parser.add_argument("--labels-at", type=date.fromisoformat, default=LABELS_AT)
    parser.add_argument("--kinds", choices=KINDS, nargs="*", default=list(KINDS))
    parser.add_argument("--ledgers", choices=LEDGERS, nargs="+", default=list(LEDGERS))
    parser.add_argument("--customers", type=int, default=300, help="of the simulated ledger")
    parser.add_argument("--threads", type=int, default=0)
    given = parser.parse_args()
    config = pdl.load_config({"model": {"thread_count": given.threads}})
    found = {}
    real = b2b_ledger() if "b2b" in given.ledgers else None
    if real is not None:
        last = min(LAST_AS_OF, given.labels_at - timedelta(days=12))
        found["b2b"] = measure("b2b", real, given.t0, (last, given.labels_at), given.kinds, config)
    elif "b2b" in given.ledgers:
        print("Left out: the real ledger is not at hand; PAYDELAY_DATA names the folder with b2b_ledger/.")
    simulated = {
        "simulated": lambda: simulated_ledger(given.customers),
        "sample": lambda: pdl.read_ledger(SAMPLE),
    }
    for name, made in simulated.items():
        if name in given.ledgers:
            ends = (SIMULATED_LAST, SIMULATED_LABELS)
            found[name] = measure(name, made(), list(SIMULATED_T0S), ends, given.kinds, config)
    write_json("features", {"lines": found})


if __name__ == "__main__":
    main()
