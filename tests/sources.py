"""A source small enough to be read in a test: one line is an invoice and what was paid of it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from paydelay.sources import KINDS, Agreement, Draft, ImportOptions
from paydelay.sources.draft import LINE
from paydelay.sources.opening import open_table, read_rows
from paydelay.sources.scope import split_off
from paydelay.sources.values import as_amount, as_date

SECRET = "Geheim und Söhne"
HEADER = "number;customer;name;issued;due;total;paid\n"
ROWS = (
    f"F1;C100;{SECRET};02/01/2024;01/02/2024;100,50;40\n"
    "F2;C200;Dupont;03/01/2024;;80;80\n"
    "F3;C200;Dupont;soon;;80;\n"
    "F4;C200;Dupont;05/01/2024;01/01/2024;10;\n"
    "F5;C200\n"
    "F6;supplier;Other;05/01/2024;;10;\n"
)
COLUMNS = ["number", "customer", "name", "issued", "due", "total", "paid"]


def read(files: list[Path], options: ImportOptions) -> Draft:
    draft = Draft("tiny")
    rows = pl.concat(read_rows(draft, open_table(Path(file)), COLUMNS) for file in files)
    rows = split_off(draft, rows, pl.col("customer") == "supplier", "tiny.supplier")
    rows = rows.with_columns(
        as_date("issued", "DD/MM/YYYY").alias("issue_date"),
        as_date("due", "DD/MM/YYYY").alias("due_date"),
        as_amount("total", ",").alias("amount"),
        as_amount("paid", ",").fill_null(0.0),
    )
    unread = rows.filter(pl.col("issue_date").is_null())
    draft.refuse(unread, "date_unreadable", "issued", "number")
    rows = rows.filter(pl.col("issue_date").is_not_null())
    draft.assume(
        "tiny.no_due_date", n=rows["due_date"].null_count(), open_amount=1234.5, day=rows["issue_date"].min()
    )
    terms = pl.col("issue_date").dt.offset_by(f"{options.terms_days or 0}d")
    invoices = rows.with_columns(pl.coalesce("due_date", terms), currency=pl.lit(options.currency or "EUR"))
    names = {"number": "invoice_id", "customer": "customer_id", "name": "customer_name"}
    kept = [
        "invoice_id",
        "customer_id",
        "customer_name",
        "issue_date",
        "due_date",
        "amount",
        "currency",
        LINE,
    ]
    draft.tables["invoices"] = invoices.rename(names).select(kept)
    draft.tables["payments"] = rows.filter(pl.col("paid") > 0).select(
        LINE, invoice_id="number", payment_date="issue_date", amount="paid"
    )
    # A file called so has accounts of its own that do not agree.
    accounts = 180.5 if not any(Path(file).stem == "contrary" for file in files) else 190.5
    draft.agreements.append(Agreement("accounts", "EUR", accounts, 180.5))
    return draft


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of the kind ``tiny``, which is known as long as the test runs."""
    module = ModuleType("tiny_source")
    module.read = read
    monkeypatch.setitem(sys.modules, "tiny_source", module)
    monkeypatch.setitem(KINDS, "tiny", "tiny_source")
    path = tmp_path / "books.csv"
    path.write_text(HEADER + ROWS, "cp1252")
    return path
