"""Calls of the command line and of pipelines for tests: how they ended, and the books they are given."""

from __future__ import annotations

import io
import runpy
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import yaml

from paydelay.cli import main

SECRET, AMOUNT = "Geheim und Söhne", "987654.32"
SMALL = {
    "model": {
        "tree_count": 10,
        "learning_rate": 0.2,
        "leaf_rows_min": 20,
        "unpaid_positives_min": 5,
        "thread_count": 1,
    },
    "panel": {"step_days": 14, "warm_up_days": 60},
}
TRAINED, AS_OF = "2024-05-02", "2024-06-30"


PIPELINES = Path(__file__).resolve().parents[1] / "pipelines"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


def run(*arguments: object) -> Ran:
    """One call of the command line, in this process."""
    code = 0
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())


def pipeline(name: str | Path, *arguments: object) -> Ran:
    """One run of a script, by the name of a pipeline or its path, in this process."""
    script = PIPELINES / f"{name}.py" if isinstance(name, str) else name
    before, code = sys.argv, 0
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        try:
            sys.argv = [str(script), *map(str, arguments)]
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as stop:
            code = int(stop.code or 0)
        finally:
            sys.argv = before
    return Ran(code, out.getvalue(), err.getvalue())


def done(*arguments: object) -> str:
    ran = run(*arguments)
    assert (ran.code, ran.err) == (0, "")
    return ran.out


def one_sentence(ran: Ran, code: int = 2) -> str:
    """What a call that failed says: one line, of the program, without any cell of the books."""
    assert ran.code == code, ran
    assert ran.err.startswith("paydelay: ")
    assert ran.err.endswith((".\n", "?\n"))
    assert ran.err.count("\n") == 1
    for word in ("unforeseen", "Traceback", "Error:", SECRET, "Geheim", AMOUNT, "987654"):
        assert word not in ran.err
    return ran.err


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder below, hidden ones too."""
    found = sorted(folder.rglob("*"))
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in found}


def planted(folder: Path, row: str = "") -> Path:
    """A small sound ledger that holds what may never be told."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "invoices.csv").write_text(
        "invoice_id,customer_id,issue_date,due_date,amount,currency\n"
        f"F1,{SECRET},2024-01-02,2024-02-01,{AMOUNT},EUR\n{row}",
        "utf-8",
    )
    (folder / "payments.csv").write_text("invoice_id,payment_date,amount\nF1,2024-02-03,40\n", "utf-8")
    return folder


def train_small(place: Path) -> Path:
    """A folder with a simulated ledger, settings and a model trained by them."""
    (place / "small.yaml").write_text(yaml.safe_dump(SMALL), "utf-8")
    done("simulate", "--out", place / "ledger", "--customers", 120, "--months", 14, "--seed", 3)
    settings = ("--config", place / "small.yaml")
    done("train", place / "ledger", "--as-of", TRAINED, "--model", place / "model", "--force", *settings)
    return place
