"""A book of a million invoices and more from a CSV file, a Parquet file or a FEC, imported and checked.

Each line of the tables holds an invoice and, where it was settled, the day; the FEC
has one file a year with every entry, lettered, and detailed opening balances. Every
step runs in a process of its own: writing the files, importing them into a ledger
folder, and reading that back with all checks. Memory is the largest that the process
has had resident.

Run with ``--ten-million`` for tables of ten times as many as well, ``--quick`` for a
tenth alone.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measuring import Stopwatch, answer, peak_bytes, print_table, run_apart, write_json

if TYPE_CHECKING:
    import polars as pl

MEMORY_AIM_BYTES = 8_000_000_000
BATCH_ROWS = 500_000
OPEN_SHARE = 0.04
FEC_INVOICES_MAX = 1_000_000
MAPPING = """\
date_format: {date_format}
decimal: "{decimal}"
invoices:
  columns:
    invoice_id: Invoice no.
    customer_id: Customer
    issue_date: Invoice date
    due_date: Due date
    amount: Amount
    currency: Currency
payments:
  lines_of: invoices
  keep:
    - {{column: Cleared on, present: true}}
  columns:
    invoice_id: Invoice no.
    payment_date: Cleared on
    amount: Amount
"""
WRITTEN = {
    "csv": {"date_format": "DD/MM/YYYY", "decimal": ","},
    "parquet": {"date_format": "YYYY-MM-DD", "decimal": "."},
}


def batches(count: int) -> Iterator[pl.DataFrame]:
    """The book: one row per invoice, with the day it was cleared where it was."""
    import numpy as np
    import polars as pl

    rng = np.random.default_rng(7)
    for start in range(0, count, BATCH_ROWS):
        size = min(BATCH_ROWS, count - start)
        issued = 18_262 + rng.integers(0, 1_800, size)
        due = issued + rng.choice([14, 30, 45, 60], size)
        cleared = due + np.rint(rng.normal(4.0, 12.0, size)).astype(np.int64)
        customers = 100_000 + rng.integers(0, max(count // 100, 20), size)
        yield pl.DataFrame(
            {
                "Invoice no.": pl.Series(np.arange(start, start + size)).cast(pl.String).str.zfill(10),
                "Customer": pl.Series(customers).cast(pl.String),
                "Invoice date": pl.Series(issued, dtype=pl.Int32).cast(pl.Date),
                "Due date": pl.Series(due, dtype=pl.Int32).cast(pl.Date),
                "Amount": np.rint(rng.lognormal(7.0, 1.0, size) * 100.0) / 100.0,
                "Currency": pl.Series(["EUR"]).new_from_index(0, size),
                "Cleared on": pl.Series(np.maximum(cleared, issued), dtype=pl.Int32).cast(pl.Date),
            }
        ).with_columns(
            pl.when(pl.Series(rng.random(size) >= OPEN_SHARE)).then("Cleared on").alias("Cleared on")
        )


def write_fec(folder: Path, count: int) -> dict[str, Any]:
    """Write one file for each year: sales, receipts, and what was open when the year began."""
    import polars as pl

    book = pl.concat(list(batches(count)))
    line_count = byte_count = 0
    first, last = (book["Invoice date"].dt.year().min(), book["Cleared on"].dt.year().max())
    for year in range(first, last + 1):
        lines = fec_lines(book, year)
        target = folder / f"123456789FEC{year}1231.txt"
        lines.write_csv(target, separator="\t", quote_style="never")
        line_count += lines.height
        byte_count += target.stat().st_size
    return {"file_bytes": byte_count, "lines": line_count}


def fec_lines(book: pl.DataFrame, year: int) -> pl.DataFrame:
    """The entries of one year, by day."""
    import polars as pl

    begin, end = date(year, 1, 1), date(year, 12, 31)
    issued, cleared = pl.col("Invoice date"), pl.col("Cleared on")
    cents = (pl.col("Amount") * 100).round().cast(pl.Int64)
    net = (cents / 1.2).round().cast(pl.Int64)
    sold = book.filter(issued.is_between(begin, end))
    opened = book.filter(issued < begin, cleared.is_null() | (cleared >= begin))
    paid = book.filter(cleared.is_between(begin, end))
    lettered = pl.when(cleared.is_between(begin, end)).then("Invoice no.")

    def line(
        rows: pl.DataFrame, journal: str, day: pl.Expr, account: str, amount: pl.Expr, letter: pl.Expr
    ) -> pl.DataFrame:
        ours = account.startswith("411")
        return rows.select(
            pl.lit(journal).alias("JournalCode"),
            pl.lit("").alias("JournalLib"),
            (pl.lit(journal) + pl.col("Invoice no.")).alias("EcritureNum"),
            day.alias("EcritureDate"),
            pl.lit(account).alias("CompteNum"),
            pl.lit("").alias("CompteLib"),
            (pl.col("Customer") if ours else pl.lit("")).alias("CompAuxNum"),
            pl.lit("").alias("CompAuxLib"),
            pl.col("Invoice no.").alias("PieceRef"),
            issued.alias("PieceDate"),
            (pl.lit("ECH ") + pl.col("Due date").dt.strftime("%d/%m/%Y")).alias("EcritureLib"),
            amount.clip(0).alias("Debit"),
            (-amount).clip(0).alias("Credit"),
            letter.alias("EcritureLet"),
            pl.when(letter.is_not_null()).then(cleared.dt.month_end()).alias("DateLet"),
            *(pl.lit("").alias(name) for name in ("ValidDate", "Montantdevise", "Idevise")),
        )

    nothing = pl.lit(None, dtype=pl.String)
    lines = pl.concat(
        [
            line(opened, "AN", pl.lit(begin), "411000", cents, lettered),
            line(opened, "AN", pl.lit(begin), "110000", -cents, nothing),
            line(sold, "VE", issued, "411000", cents, lettered),
            line(sold, "VE", issued, "707000", -net, nothing),
            line(sold, "VE", issued, "445710", net - cents, nothing),
            line(paid, "BQ", cleared, "512000", cents, nothing),
            line(paid, "BQ", cleared, "411000", -cents, lettered),
        ]
    ).sort("EcritureDate", "EcritureNum", maintain_order=True)
    amounts = [
        (pl.col(name) // 100).cast(pl.String) + "," + (pl.col(name) % 100).cast(pl.String).str.zfill(2)
        for name in ("Debit", "Credit")
    ]
    days = pl.selectors.date().dt.strftime("%Y%m%d")
    return lines.with_columns(*amounts, days)


def write_source(folder: Path, kind: str, count: int) -> dict[str, Any]:
    """Write the file and its mapping, batch by batch."""
    import polars as pl

    if kind == "fec":
        return write_fec(folder, count)
    target = folder / f"book.{kind}"
    parts = folder / "parts"
    parts.mkdir(exist_ok=True)
    with target.open("wb") as file:
        for number, rows in enumerate(batches(count)):
            if kind == "csv":
                days = pl.selectors.date().dt.strftime("%d/%m/%Y")
                amounts = pl.col("Amount").round(2).cast(pl.String).str.replace(".", ",", literal=True)
                rows.with_columns(days, amounts).write_csv(file, separator=";", include_header=number == 0)
            else:
                rows.write_parquet(parts / f"{number:06}.parquet")
    if kind == "parquet":
        pl.scan_parquet(parts).sink_parquet(target, row_group_size=BATCH_ROWS)
    (folder / f"{kind}.yaml").write_text(MAPPING.format(**WRITTEN[kind]), "utf-8")
    return {"file_bytes": target.stat().st_size}


def measure_import(folder: Path, kind: str, count: int) -> dict[str, Any]:
    """Import the files and write the ledger."""
    from paydelay.sources import import_ledger

    watch = Stopwatch()
    with watch.stage("import"):
        if kind == "fec":
            ledger = import_ledger("fec", sorted(folder.glob("*.txt")))
        else:
            ledger = import_ledger("csv", folder / f"book.{kind}", mapping=folder / f"{kind}.yaml")
    with watch.stage("write"):
        ledger.write(folder / f"ledger_{kind}")
    return watch.to_dict() | {
        "invoices": ledger.invoices.height,
        "payments": ledger.payments.height,
        "lines": sum(file.read for file in ledger.report.files),
        "reconciled": ledger.report.reconciled and ledger.invoices.height == count,
        "peak_bytes": peak_bytes(),
    }


def measure_check(folder: Path, kind: str, count: int) -> dict[str, Any]:
    """Read the ledger back with the command ``paydelay check``."""
    from paydelay.cli import main as paydelay

    watch = Stopwatch()
    with watch.stage("check"):
        try:
            paydelay(["check", str(folder / f"ledger_{kind}")])
        except SystemExit as end:
            if end.code:
                raise
    return watch.to_dict() | {"invoices": count, "peak_bytes": peak_bytes()}


MEASURED = {"import": measure_import, "check": measure_check}


def measure(folder: Path, kind: str, count: int) -> dict[str, Any]:
    """Write, import and check one file, each apart."""
    place = ["--folder", str(folder), "--kind", kind, "--count", str(count)]
    written = run_apart("bench_import.py", "--measure", "write", *place)
    found = {step: run_apart("bench_import.py", "--measure", step, *place) for step in MEASURED}
    return {"kind": kind, "invoices": count, **written, **found}


def report(runs: list[dict[str, Any]]) -> None:
    """Print the table and write the JSON."""
    columns = ["invoices", "file", "MB", "lines", "import s", "lines / s", "write s", "import peak MB"]
    columns += ["check s", "check peak MB", "reconciled"]
    rows = []
    for run in runs:
        seconds = run["import"]["stages_wall_s"]
        rows.append(
            [
                f"{run['invoices']:,}",
                run["kind"],
                run["file_bytes"] / 1e6,
                f"{run['import']['lines']:,}",
                seconds["import"],
                round(run["import"]["lines"] / seconds["import"]),
                seconds["write"],
                run["import"]["peak_bytes"] / 1e6,
                run["check"]["wall_s"],
                run["check"]["peak_bytes"] / 1e6,
                "yes" if run["import"]["reconciled"] else "no",
            ]
        )
    aim = f"aim: at most {MEMORY_AIM_BYTES / 1e6:,.0f} MB resident with ten million invoices"
    print_table(f"Import, and check ({aim})", columns, rows)
    write_json("import", {"runs": runs, "memory_aim_bytes": MEMORY_AIM_BYTES})


def main() -> None:
    """Measure one step where asked to, else run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100,000 invoices only")
    parser.add_argument("--ten-million", action="store_true", help="10,000,000 invoices as well")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--kind", help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure == "write":
        return answer(write_source(given.folder, given.kind, given.count))
    if given.measure:
        return answer(MEASURED[given.measure](given.folder, given.kind, given.count))
    sizes = [100_000] if given.quick else [1_000_000] + [10_000_000] * given.ten_million
    runs = []
    for size in sizes:
        # A FEC is read whole: letters and opening balances join lines that lie years apart.
        for kind in [*WRITTEN, *(["fec"] if size <= FEC_INVOICES_MAX else [])]:
            with tempfile.TemporaryDirectory(prefix="paydelay-bench-") as place:
                runs.append(measure(Path(place), kind, size))
    report(runs)
    return None


if __name__ == "__main__":
    main()
