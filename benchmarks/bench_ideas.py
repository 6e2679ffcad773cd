"""Which modelling ideas win: each on the same panels, by rolling origin, against today's model.

Per ledger and training date, history and panel are built once; every idea learns
from those rows and is judged on the weekly books after them (benchmarks/origins.py).
Differences are means over the training dates, with paired intervals over pairs of
customer and week that also hold what another seed would do (benchmarks/paired.py).
Kept: at least one figure wins by more than its interval and none loses by more. Of
as many ideas as these, one or two win by chance alone.

--all tries every idea; without it, one or two of each family. --ideas takes those
whose family or name holds one of the words. What a ledger printed is in
out/bench/ideas-LEDGER.json. With --resume, what an earlier run of the same code
predicted is read from out/bench/ideas and not made again.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any

from idea_list import IDEAS, PLAIN, SEEDS, Idea
from measuring import OUT, print_table, write_json
from origins import Ground, NotTriedError, Origin, real_ground, simulated_ground, tutorial_ground
from paired import Clusters, Plain, Said, differences, said, values, verdict
from peers import blend
from recipes import Prediction, predict, remembered

from paydelay.config import Config, load_config

TRAIN_AS_OFS = (date(2019, 8, 5), date(2019, 10, 7))
LEDGERS = ("b2b_ledger", "ibm_late_payment", "simulated")
COLUMNS = {
    "auc": "AUC",
    "log_loss": "log-loss",
    "brier": "Brier",
    "late_value": "late value",
    "mae": "MAE, days",
    "log_loss_30": "log-loss 30 d",
}


def chosen(words: Sequence[str], every: bool) -> list[Idea]:
    """The ideas to try, and what a blend is made of."""
    if words:
        asked = [idea for idea in IDEAS if any(word in f"{idea.family}: {idea.name}" for word in words)]
    else:
        asked = [idea for idea in IDEAS if every or idea.quick]
    needed = {name for idea in asked for name in idea.blend_of}
    return [idea for idea in IDEAS if idea in asked or idea.name in needed]


def tried(idea: Idea, origin: Origin, before: dict[str, list[Prediction]], number: int) -> Prediction:
    """What an idea says of one origin.

    Raises
    ------
    NotTriedError
        If it has nothing to say there, or a package is not installed.
    """
    if idea.say is not None:
        try:
            return idea.say(origin)
        except ModuleNotFoundError as error:
            raise NotTriedError(f"not installed: {error.name}") from error
    if any(name not in before for name in idea.blend_of):
        raise NotTriedError("a part of it is not there")
    return blend([before[name][number] for name in idea.blend_of])


def compare(ground: Ground, ideas: Sequence[Idea], config: Config, resume: bool = False) -> None:
    """Try every idea on one ledger, print its table and write its figures."""
    origins = list(ground.origins(config))
    store = OUT / "ideas" / ground.name
    clusters = Clusters([origin.cluster for origin in origins])

    def kept(name: str, at: int, make: Callable[[], Prediction]) -> Prediction:
        place = store / f"{origins[at].train_as_of}-{re.sub('[^a-z0-9.]+', '-', name.lower())}.npz"
        return remembered(place, make, resume)

    seeds = [
        [kept(f"seed {number}", at, partial(predict, origin, (seed,))) for at, origin in enumerate(origins)]
        for number, seed in enumerate(SEEDS)
    ]
    told = {PLAIN: seeds[0]}
    plain = Plain([_said(origins, seed) for seed in seeds], clusters)
    rows: list[dict[str, Any]] = []
    facts = [_facts(origin) for origin in origins]
    for idea in ideas:
        started = time.process_time()
        try:
            told[idea.name] = [
                kept(f"{idea.family} {idea.name}", at, partial(tried, idea, origin, told, at))
                for at, origin in enumerate(origins)
            ]
        except NotTriedError as reason:
            rows.append({"family": idea.family, "idea": idea.name, "missing": str(reason)})
        else:
            seconds = time.process_time() - started
            trees = [one.tree_count for one in told[idea.name]]
            row = _row(idea, _said(origins, told[idea.name]), plain.first if idea.same_booster else plain)
            rows.append(row | {"trees": trees, "cpu_seconds": seconds})
        print(*_line(rows[-1]), sep="  ", file=sys.stderr, flush=True)
    _print(ground.name, facts, plain, rows)
    trees = [one.tree_count for one in told[PLAIN]]
    today = {"figures": plain.mean, "spread_over_seeds": plain.spread, "trees": trees}
    write_json(f"ideas-{ground.name}", {"origins": facts, PLAIN: today, "ideas": rows})


def _said(origins: Sequence[Origin], predictions: Sequence[Prediction]) -> list[Said]:
    return [said(origin, one) for origin, one in zip(origins, predictions, strict=True)]


def _facts(origin: Origin) -> dict[str, Any]:
    return {
        "train_as_of": origin.train_as_of.isoformat(),
        "training_rows": len(origin.panel),
        "judged_rows": len(origin.late),
        "late_share": float(origin.late.mean()),
    }


def _row(idea: Idea, ours: list[Said], plain: Plain) -> dict[str, Any]:
    """Figures, differences and verdict of one idea."""
    gaps = differences(ours, plain)
    return {
        "family": idea.family,
        "idea": idea.name,
        "figures": values(ours, plain.clusters),
        "differences": {figure: gap.to_dict() for figure, gap in gaps.items()},
        "verdict": verdict(gaps),
    }


def _print(name: str, facts: Sequence[dict[str, Any]], plain: Plain, rows: Sequence[dict[str, Any]]) -> None:
    when = ", ".join(f"{one['train_as_of']} ({one['judged_rows']:,} rows judged)" for one in facts)
    columns = (*COLUMNS, "ece")
    lines = [
        [
            f"{PLAIN}, mean of {len(plain.seeds)} seeds",
            *(f"{plain.mean[figure]:.4f}" for figure in columns),
            "",
        ],
        ["  standard deviation over the seeds", *(f"{plain.spread[figure]:.4f}" for figure in columns), ""],
        *map(_line, rows),
    ]
    note = "Below the first lines: difference, and half of its interval; * wins, ! loses by more than that."
    titles = ["idea", *COLUMNS.values(), "ECE", "verdict"]
    print_table(f"{name}, trained as of {when}", titles, lines, note)


def _told(figures: dict[str, float], name: str) -> str:
    return f"{figures[name]:.4f}" if name in figures else "-"


def _line(row: dict[str, Any]) -> list[str]:
    title = f"{row['family']}: {row['idea']}"
    if "missing" in row:
        return [title, *["-"] * (len(COLUMNS) + 1), row["missing"]]
    cells = []
    for name in COLUMNS:
        gap = row["differences"].get(name)
        mark = "*" if name in row["verdict"]["wins"] else "!" if name in row["verdict"]["loses"] else " "
        ends = gap and f"{gap['value']:+.4f} ±{gap['high'] - gap['value']:.4f}{mark}"
        cells.append(ends or "-")
    return [title, *cells, f"{row['figures']['ece']:.4f}", "kept" if row["verdict"]["kept"] else "dropped"]


def main() -> None:
    """Try the ideas on each ledger and write out/bench/ideas-LEDGER.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ledger", choices=LEDGERS, nargs="+", default=LEDGERS)
    parser.add_argument("--train-as-of", type=date.fromisoformat, nargs="+", default=TRAIN_AS_OFS)
    parser.add_argument("--customers", type=int, default=250, help="of the simulated ledger")
    parser.add_argument("--ideas", nargs="+", default=(), help="words of families or names")
    parser.add_argument("--all", action="store_true", help="every idea")
    parser.add_argument("--resume", action="store_true", help="go on where a run of this code stopped")
    arguments = parser.parse_args()
    ideas = chosen(arguments.ideas, arguments.all)
    config = load_config({"model": {"thread_count": 1}})
    for name in arguments.ledger:
        ground = {
            "b2b_ledger": lambda: real_ground(arguments.train_as_of),
            "ibm_late_payment": tutorial_ground,
            "simulated": lambda: simulated_ground(arguments.customers),
        }[name]()
        if ground is None:
            print(f"Skipped {name}: PAYDELAY_DATA names no folder that holds it.")
            continue
        compare(ground, ideas, config, arguments.resume)


if __name__ == "__main__":
    main()
