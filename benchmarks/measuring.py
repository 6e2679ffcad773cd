"""What every benchmark shares: runs apart in a fresh process, tables, and the JSON beside them.

Figures are ratios of things measured side by side in one run. Times and memory of
a run are read by the process itself: a parent's view of a child counts pages that
the two have shared.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "out" / "bench"
_PACKAGES = ("paydelay", "polars", "numpy", "lightgbm")


class Stopwatch:
    """Wall and processor seconds of named stages."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what runs inside."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall[name] = time.perf_counter() - wall
        self.cpu[name] = time.process_time() - cpu

    def to_dict(self) -> dict[str, Any]:
        """Sums and stages as plain numbers."""
        return {
            "wall_s": sum(self.wall.values()),
            "cpu_s": sum(self.cpu.values()),
            "stages_wall_s": self.wall,
            "stages_cpu_s": self.cpu,
        }


def peak_bytes() -> int:
    """Largest resident memory this process has had so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # The high-water mark of this program alone: ru_maxrss starts from that of the parent.
        for line in status.read_text("utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def run_apart(script: str, *arguments: str) -> dict[str, Any]:
    """Run a script of this folder in a process of its own and read the JSON of its last line."""
    command = [sys.executable, str(Path(__file__).with_name(script)), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        sys.exit(f"{script} {' '.join(arguments)} failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def answer(result: Mapping[str, Any]) -> None:
    """Print what :func:`run_apart` reads."""
    print(json.dumps(result))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], note: str = "") -> None:
    """Print a table; numbers to the right."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", caption=note or None, caption_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, str) else _written(cell) for cell in row))
    # A file or a pipe has no width of its own.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _written(cell: object) -> str:
    if cell is None or (isinstance(cell, float) and cell != cell):  # noqa: PLR0124
        return "-"
    if isinstance(cell, float):
        return f"{cell:.3f}" if abs(cell) < 10 else f"{cell:,.1f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def write_json(name: str, figures: Mapping[str, Any]) -> Path:
    """Write the figures of a benchmark, with what they were measured on, to out/bench/NAME.json."""
    OUT.mkdir(parents=True, exist_ok=True)
    target = OUT / f"{name}.json"
    facts = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cpu_count": os.cpu_count(),
        "versions": {package: version(package) for package in _PACKAGES},
    }
    fresh = target.with_suffix(".tmp")
    fresh.write_text(json.dumps({"machine": facts, **figures}, indent=1, default=float), "utf-8")
    fresh.replace(target)
    print(f"written to {target.relative_to(ROOT)}")
    return target
