"""The 24-date panel against the floor, and one part of it against DuckDB.

The floor is what no library can do without: read the parquet files, sort invoices
and payments once by customer and date, take one cumulative sum per measure used,
and write an array of the panel's shape. Panel and floor run in turn, each in a
process of its own; imports are left out. The panel is timed from the files as
well, checks of the ledger included.

Run with ``--ten-million`` for a third size, ``--quick`` for the small one alone.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from measuring import Stopwatch, answer, peak_bytes, print_table, run_apart, write_json

LAST_AS_OF = date(2025, 6, 1)
STEP_DAYS = 28
RUNS = 3
MEASURES = {"invoices": 9, "payments": 18}
"""Measures the catalogue sums: of invoices (issued: amount, log amount and count; by due date: count,
delay, late, late30, amount, amount x delay), and of payments (settled: nine; runs: nine)."""

# The part compared with DuckDB: windows over settlements, issues, payments runs and the open book.
PART = (
    "delay_mean_90",
    "delay_mean_365",
    "delay_mean_all",
    "late_share_30",
    "late_share_90",
    "late15_share_365",
    "late30_share_365",
    "delay_weighted_365",
    "delay_spread_365",
    "settled_count_30",
    "settled_count_90",
    "settled_count_365",
    "settled_count_all",
    "issued_count_90",
    "customer_age_days",
    "customer_overdue_count",
    "oldest_overdue_days",
    "days_past_due",
    "terms_days",
)


def measure_panel(folder: Path, when: list[date]) -> dict[str, Any]:
    """Time the panel, from the files on."""
    from paydelay.history import History
    from paydelay.ledger import read_ledger
    from paydelay.panel import build_panel

    watch = Stopwatch()
    with watch.stage("read"):
        ledger = read_ledger(folder)
    with watch.stage("history"):
        history = History.build(ledger)
    with watch.stage("panel"):
        panel = build_panel(history, when)
    rows, columns = panel.X.shape
    ledger_bytes = sum(table.estimated_size() for table in ledger.tables.values())
    output_bytes = panel.X.nbytes + panel.rows.estimated_size()
    peak = peak_bytes()
    return watch.to_dict() | {
        "rows": rows,
        "columns": columns,
        "ledger_bytes": ledger_bytes,
        "output_bytes": output_bytes,
        "peak_bytes": peak,
        "memory_ratio": peak / (ledger_bytes + output_bytes),
    }


def measure_floor(folder: Path, rows: int, columns: int) -> dict[str, Any]:
    """Time what cannot be left out, for a panel of a known shape."""
    import numpy as np
    import polars as pl

    watch = Stopwatch()
    with watch.stage("read"):
        tables = {path.stem: pl.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
    with watch.stage("sort"):
        ordered = {
            "invoices": tables["invoices"].sort("customer_id", "due_date"),
            "payments": tables["payments"].sort("customer_id", "payment_date"),
        }
    with watch.stage("sums"):
        cents = {name: np.rint(table["amount"].to_numpy() * 100.0) for name, table in ordered.items()}
        sums = [
            np.cumsum(cents[name].astype(np.int64)) for name, count in MEASURES.items() for _ in range(count)
        ]
    with watch.stage("array"):
        array = np.empty((rows, columns), np.float32, order="F")
        array.fill(sums[0][-1])
    return watch.to_dict() | {"peak_bytes": peak_bytes()}


def measure_part(folder: Path, when: list[date]) -> dict[str, Any]:
    """Time the features that DuckDB computes as well, and no others."""
    import numpy as np

    from paydelay.features import CATALOGUE, Catalogue
    from paydelay.history import History
    from paydelay.ledger import read_ledger
    from paydelay.panel import build_panel

    # Without the features that explanations would name beside them.
    part = Catalogue(replace(CATALOGUE[name], count=None, shrunk_toward=None) for name in PART)
    ledger = read_ledger(folder)
    watch = Stopwatch()
    with watch.stage("history"):
        history = History.build(ledger)
    with watch.stage("panel"):
        panel = build_panel(history, when, part)
    np.save(folder / "part.npy", panel.X)
    return watch.to_dict() | {"rows": len(panel), "peak_bytes": peak_bytes()}


def measure_duckdb(folder: Path, when: list[date]) -> dict[str, Any]:
    """Time the same features in DuckDB, and compare the values with ours."""
    import duckdb_part
    import numpy as np

    from paydelay.history import History
    from paydelay.ledger import read_ledger

    inputs = folder / "derived"
    if not inputs.exists():
        inputs.mkdir()
        duckdb_part.write_inputs(History.build(read_ledger(folder)), inputs)
    watch = Stopwatch()
    with watch.stage("query"):
        theirs = duckdb_part.panel(inputs, when)
    peak = peak_bytes()
    ours = np.load(folder / "part.npy")
    same = ours.shape == theirs.shape and np.allclose(ours, theirs, rtol=1e-5, atol=1e-5, equal_nan=True)
    return watch.to_dict() | {"equal": bool(same), "peak_bytes": peak}


def in_turn(kinds: dict[str, list[str]]) -> dict[str, list[dict[str, Any]]]:
    """Run each kind RUNS times, A B A B, each in a process of its own."""
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    for _ in range(RUNS):
        for kind, arguments in kinds.items():
            found[kind].append(run_apart("bench_panel.py", "--measure", kind, *arguments))
    return found


def median(runs: list[dict[str, Any]], key: str, stage: str | None = None) -> float:
    """Median over runs of a figure, or of one stage of it."""
    return statistics.median(run[key][stage] if stage else run[key] for run in runs)


def compare_with_floor(books: Path, size: int) -> dict[str, Any]:
    """Panel of 24 dates and floor, in turn."""
    folder = Path(run_apart("generated_books.py", str(books), str(size))["folder"])
    first = run_apart("bench_panel.py", "--measure", "panel", "--folder", str(folder))
    shape = ["--rows", str(first["rows"]), "--columns", str(first["columns"])]
    runs = in_turn({"panel": ["--folder", str(folder)], "floor": ["--folder", str(folder), *shape]})
    panel, floor = runs["panel"], runs["floor"]
    return {
        "invoices": size,
        "rows": first["rows"],
        "columns": first["columns"],
        "panel_s": median(panel, "wall_s"),
        "panel_cpu_s": median(panel, "cpu_s"),
        "stages_s": {name: median(panel, "stages_wall_s", name) for name in panel[0]["stages_wall_s"]},
        "floor_s": median(floor, "wall_s"),
        "floor_cpu_s": median(floor, "cpu_s"),
        "floor_stages_s": {name: median(floor, "stages_wall_s", name) for name in floor[0]["stages_wall_s"]},
        "peak_mb": median(panel, "peak_bytes") / 1e6,
        "memory_ratio": median(panel, "memory_ratio"),
        "runs": runs,
    }


def exponent(small: dict[str, Any], large: dict[str, Any], by: str, of: str) -> float:
    """Slope of log time against log size."""
    return math.log(large[of] / small[of]) / math.log(large[by] / small[by])


def report(sizes: list[dict[str, Any]], by_dates: list[dict[str, Any]], part: dict[str, Any]) -> None:
    """Print the tables and write the JSON."""
    columns = ["invoices", "panel rows", "read s", "history s", "panel s", "all s", "floor s", "all / floor"]
    columns += ["cpu / cpu", "unchecked / floor", "peak MB", "peak / (ledger + output)"]
    rows = []
    for size in sizes:
        stages = size["stages_s"]
        # The floor reads the files too: this puts its reading in the place of ours.
        unchecked = stages["history"] + stages["panel"] + size["floor_stages_s"]["read"]
        size["ratio"] = size["panel_s"] / size["floor_s"]
        size["cpu_ratio"] = size["panel_cpu_s"] / size["floor_cpu_s"]
        size["ratio_unchecked"] = unchecked / size["floor_s"]
        times = [*stages.values(), size["panel_s"], size["floor_s"]]
        ratios = [size[key] for key in ("ratio", "cpu_ratio", "ratio_unchecked", "peak_mb", "memory_ratio")]
        rows.append([f"{size['invoices']:,}", size["rows"], *times, *ratios])
    note = (
        f"Panel of 24 dates, {sizes[0]['columns']} features; medians of {RUNS} runs, in turn with the floor."
    )
    print_table("Panel against the floor (aim: at most 6 times, memory at most 3 times)", columns, rows, note)
    names = [f"{size['invoices']:,}" for size in sizes]
    exponents = {
        f"{low} to {high}": exponent(a, b, "invoices", "panel_s")
        for low, high, a, b in zip(names, names[1:], sizes, sizes[1:], strict=False)
    }
    for span, value in exponents.items():
        print(f"Time grows with the invoices to the power {value:.2f} from {span} (aim: at most 1.1).")
    many = exponent(by_dates[0], by_dates[-1], "dates", "panel_s")
    table = [
        [str(run["dates"]), run["rows"], run["panel_s"], run["panel_s"] / run["dates"]] for run in by_dates
    ]
    print_table("By number of dates", ["dates", "panel rows", "history + panel s", "s per date"], table)
    print(f"Time grows with the dates to the power {many:.2f}.")
    print_table(
        f"{len(PART)} features, {part['invoices']:,} invoices, 24 dates",
        ["", "s", "peak MB"],
        [
            ["history and panel", part["ours_s"], part["ours_mb"]],
            ["DuckDB", part["duckdb_s"], part["duckdb_mb"]],
        ],
        f"DuckDB takes {part['ratio']:.1f} times as long; values equal: {part['equal']}. It is given the "
        "settlements and the days each invoice was open, which our time includes.",
    )
    write_json(
        "panel",
        {
            "floor": sizes,
            "exponents": exponents,
            "by_dates": by_dates,
            "dates_exponent": many,
            "duckdb": part,
        },
    )


def grow_dates(books: Path, size: int) -> list[dict[str, Any]]:
    """The panel over 12, 24 and 48 dates."""
    folder = ["--folder", str(books / f"ledger_{size}")]
    counts = (12, 24, 48)
    steps = {count: ["--dates", str(count), "--step", "14", *folder] for count in counts}
    found: dict[int, list[dict[str, Any]]] = {count: [] for count in counts}
    for _ in range(RUNS):
        for count, arguments in steps.items():
            found[count].append(run_apart("bench_panel.py", "--measure", "panel", *arguments))
    return [
        {
            "dates": count,
            "rows": runs[0]["rows"],
            "panel_s": median(runs, "stages_wall_s", "history") + median(runs, "stages_wall_s", "panel"),
        }
        for count, runs in found.items()
    ]


def compare_with_duckdb(books: Path, size: int) -> dict[str, Any]:
    """A part of the features by both, in turn."""
    folder = ["--folder", str(books / f"ledger_{size}")]
    runs = in_turn({"part": folder, "duckdb": folder})
    ours, theirs = median(runs["part"], "wall_s"), median(runs["duckdb"], "wall_s")
    return {
        "invoices": size,
        "features": PART,
        "ours_s": ours,
        "duckdb_s": theirs,
        "ratio": theirs / ours,
        "ours_mb": median(runs["part"], "peak_bytes") / 1e6,
        "duckdb_mb": median(runs["duckdb"], "peak_bytes") / 1e6,
        "equal": all(run["equal"] for run in runs["duckdb"]),
        "runs": runs,
    }


def main() -> None:
    """Measure one thing where asked to, else run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100,000 invoices only")
    parser.add_argument("--ten-million", action="store_true", help="10,000,000 invoices as well")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    for name, default in (("rows", 0), ("columns", 0), ("dates", 24), ("step", STEP_DAYS)):
        parser.add_argument(f"--{name}", type=int, default=default, help=argparse.SUPPRESS)
    given = parser.parse_args()
    when = sorted(LAST_AS_OF - timedelta(days=given.step * back) for back in range(given.dates))
    if given.measure == "floor":
        return answer(measure_floor(given.folder, given.rows, given.columns))
    if given.measure:
        return answer(MEASURED[given.measure](given.folder, when))
    sizes = [100_000] + [1_000_000] * (not given.quick) + [10_000_000] * given.ten_million
    with tempfile.TemporaryDirectory(prefix="paydelay-bench-") as place:
        books = Path(place)
        found = [compare_with_floor(books, size) for size in sizes]
        largest = 100_000 if given.quick else 1_000_000
        report(found, grow_dates(books, largest), compare_with_duckdb(books, largest))
    return None


MEASURED = {"panel": measure_panel, "part": measure_part, "duckdb": measure_duckdb}

if __name__ == "__main__":
    main()
