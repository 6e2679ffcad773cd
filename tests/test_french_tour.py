"""A French company's way from its FEC to the queue, in the three commands of the README."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from calls import done

from paydelay.ledger import read_ledger

TRAINED, AS_OF = "2025-09-30", "2025-11-30"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the FEC, the ledger, the model and the queue."""
    home = tmp_path_factory.mktemp("tour")
    simulated = ("--seed", 5, "--format", "fec")
    done("simulate", "--out", home / "fec", *simulated)
    files = sorted((home / "fec").glob("*.txt"))
    said = done("import", "fec", *files, "--out", home / "ledger", "--language", "fr")
    (home / "said.txt").write_text(said, "utf-8")
    # One thread, as all tests, and fewer, larger steps: what is looked at here is the books.
    few = "model: {thread_count: 1, tree_count: 40, learning_rate: 0.3}\n"
    (home / "one.yaml").write_text(few, "utf-8")
    model = ("--model", home / "model")
    done("train", home / "ledger", "--as-of", TRAINED, *model, "--config", home / "one.yaml")
    done("score", home / "ledger", "--as-of", AS_OF, *model, "--out", home / "queue.parquet")
    return home


def customer_lines(home: Path) -> list[dict[str, str]]:
    """Lines of customer accounts, opening balances of later years left out."""
    lines = []
    for place, path in enumerate(sorted((home / "fec").glob("*.txt"))):
        with path.open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file, delimiter="\t"):
                carried = place > 0 and line["JournalCode"] == "AN"
                if line["CompteNum"].startswith(("411", "413", "416", "4191")) and not carried:
                    lines.append(line)
    return lines


def test_the_report_says_in_french_that_the_books_agree(tour: Path) -> None:
    said = (tour / "said.txt").read_text("utf-8")
    assert "concordent avec les fichiers au centime près" in said
    assert "figure dans le libellé" in said
    report = json.loads((tour / "ledger" / "import.json").read_text("utf-8"))
    assert report["reconciled"] is True
    assert [file["refused"] for file in report["files"]] == [0, 0, 0]


def test_what_the_queue_holds_is_what_customers_owe_on_that_day_by_their_accounts(tour: Path) -> None:
    owed: dict[str, Decimal] = defaultdict(Decimal)
    for line in customer_lines(tour):
        booked = line["EcritureDate"]
        if date(int(booked[:4]), int(booked[4:6]), int(booked[6:])) <= date.fromisoformat(AS_OF):
            amount = Decimal(line["Debit"].replace(",", ".")) - Decimal(line["Credit"].replace(",", "."))
            owed[line["CompAuxNum"]] += amount
    scores = pl.read_parquet(tour / "queue.parquet")
    known = read_ledger(tour / "ledger").payments.filter(pl.col("payment_date") <= date.fromisoformat(AS_OF))
    on_account = (
        known.filter(pl.col("invoice_id").is_null()).group_by("customer_id").agg(pl.col("amount").sum())
    )
    lost = known.filter(pl.col("kind") == "write_off").group_by("customer_id").agg(pl.col("amount").sum())
    given_up = dict(lost.iter_rows())
    cash = dict(on_account.iter_rows())
    paid_over = over_paid(tour)
    open_amounts = dict(scores.group_by("customer_id").agg(pl.col("open_amount").sum()).iter_rows())
    assert len(open_amounts) > 100
    for customer, balance in owed.items():
        queued = open_amounts.get(customer, 0.0)
        # The queue keeps what was written off among the open; accounts do not.
        expected = float(balance) + cash.get(customer, 0.0) + given_up.get(customer, 0.0)
        # Within the tolerance under which an invoice counts as settled.
        assert queued == pytest.approx(expected + paid_over.get(customer, 0.0), abs=0.005 * abs(queued) + 20)


def test_the_import_tells_what_the_scores_hold_as_open(tour: Path) -> None:
    parts = json.loads((tour / "ledger" / "import.json").read_text("utf-8"))["balance_parts"]
    scores = pl.read_parquet(tour / "queue.parquet")
    assert scores["open_amount"].sum() == pytest.approx(parts["open_invoices"], abs=0.005)
    # What is within the tolerance of settlement is open in the accounts only.
    assert parts["remainders"] > 0
    assert parts["before_books"] == 0


def over_paid(home: Path) -> dict[str, float]:
    """By customer, what was paid on invoices beyond their amount by the day of the queue."""
    ledger = read_ledger(home / "ledger")
    payments = ledger.payments.filter(
        (pl.col("payment_date") <= date.fromisoformat(AS_OF)) & (pl.col("kind") != "write_off")
    )
    paid = payments.group_by("invoice_id").agg(paid=pl.col("amount").sum())
    over = ledger.invoices.join(paid, on="invoice_id").filter(pl.col("paid") > pl.col("amount"))
    return dict(over.group_by("customer_id").agg((pl.col("paid") - pl.col("amount")).sum()).iter_rows())


def test_the_queue_names_the_invoices_of_the_books_and_says_why(tour: Path) -> None:
    scores = pl.read_parquet(tour / "queue.parquet")
    documents = {line["PieceRef"] for line in customer_lines(tour)}
    assert scores.height > 300
    assert set(scores["invoice_id"]) <= documents
    assert scores["reasons_late"].list.len().min() > 0
    assert scores["prob_late"].n_unique() > 50
