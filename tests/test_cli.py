"""The command line: what it writes, what it shows, and that the library says the same."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from calls import (
    AMOUNT,
    AS_OF,
    SECRET,
    SMALL,
    TRAINED,
    contents,
    done,
    one_sentence,
    planted,
    run,
    train_small,
)
from polars.testing import assert_frame_equal

from paydelay.cli import main
from paydelay.language import phrase
from paydelay.ledger import Ledger, read_ledger
from paydelay.model import DelayModel
from paydelay.report import report_page
from paydelay.scoring import SCORE_SCHEMA, score
from paydelay.worklist import rank

FIRST = date(2024, 1, 1)
SIMULATED_END = date(2024, 7, 31)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_small(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def call(home: Path) -> tuple[object, ...]:
    return ("score", home / "ledger", "--as-of", AS_OF, "--model", home / "model")


def dated_book(late: Callable[[date, np.random.Generator], bool]) -> Ledger:
    """Fifty customers alike, each with an invoice every ten days; ``late`` alone decides on delays."""
    random = np.random.default_rng(4)
    invoices, payments = [], []
    for number in range(1500):
        issued = FIRST + timedelta(days=10 * (number // 50) + int(random.integers(0, 10)))
        due = issued + timedelta(days=14)
        # The prompt ones pay on the last day, so that an invoice open before it tells nothing.
        paid = due + timedelta(days=int(random.integers(5, 12)) if late(due, random) else 0)
        row = {"invoice_id": f"F{number}", "customer_id": f"C{number % 50}", "amount": 500.0}
        invoices.append({**row, "issue_date": issued, "due_date": due, "currency": "EUR"})
        payments.append({**row, "payment_date": paid})
    return Ledger.from_frames(pl.DataFrame(invoices), pl.DataFrame(payments))


# The walk --------------------------------------------------------------------------------------


def test_a_simulated_ledger_is_written_with_its_truth_and_is_the_same_again(tmp_path: Path) -> None:
    for name in ("one", "two"):
        said = done("simulate", "--out", tmp_path / name, "--customers", 12, "--months", 4, "--seed", 9)
        assert "12 customers, 2023-06-01 to 2023-09-30" in said
    written = contents(tmp_path / "one")
    assert written == contents(tmp_path / "two")
    assert {"invoices.csv", "payments.csv", "ledger.json", "truth"} <= set(written)
    assert read_ledger(tmp_path / "one").refusals.is_empty()


def test_check_counts_and_names_every_rule(tmp_path: Path) -> None:
    folder = planted(
        tmp_path / "ledger", "F2,C2,2024-01-02,2023-02-01,5,EUR\nF3,C2,2024-01-02,2024-02-01,-1,EUR\n"
    )
    ran = run("check", folder)
    assert (ran.code, ran.err) == (0, "")
    assert "due_before_issue" in ran.out
    assert "1 invoice in EUR" in ran.out
    assert re.search(r"invoices +amount +1 +amount_not_positive", ran.out)
    rejects = tmp_path / "rejects.csv"
    assert run("check", folder, "--strict", "--rejects", rejects).code == 1
    lines = rejects.read_text("utf-8").splitlines()
    assert lines == [
        "table,row,column,rule,identifier,why",
        "invoices,2,due_date,due_before_issue,F2,the invoice falls due before it is issued",
        "invoices,3,amount,amount_not_positive,F3,an amount is not above zero",
    ]
    assert run("check", planted(tmp_path / "sound"), "--strict").code == 0


def test_check_in_french_is_french(tmp_path: Path) -> None:
    folder = planted(tmp_path / "ledger", "F2,C2,2024-01-02,2023-02-01,5,EUR\n")
    rejects = ("--rejects", tmp_path / "rejects.csv", "--csv-style", "excel-fr")
    ran = run("check", folder, "--language", "fr", *rejects)
    assert (ran.code, ran.err) == (0, "")
    for word in (
        "Refusées",
        "précède",
        "1 facture en EUR",
        "écrite dans",
    ):
        assert word in ran.out
    for word in ("Used", "Refused", "Why", "customers,", "written"):
        assert word not in ran.out
    lines = (tmp_path / "rejects.csv").read_bytes().decode("utf-8-sig").splitlines()
    assert lines[0] == "table;row;column;rule;identifier;why"
    assert lines[1].startswith("invoices;2;due_date;due_before_issue;F2;l'échéance")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_ledger_of_which_nothing_is_left_says_so(tmp_path: Path, language: str) -> None:
    folder = planted(tmp_path / "ledger")
    text = (folder / "invoices.csv").read_text("utf-8")
    (folder / "invoices.csv").write_text(text.replace("2024-02-01", "2023-02-01"), "utf-8")
    rejects = tmp_path / "rejects.csv"
    ran = run("check", folder, "--language", language, "--rejects", rejects)
    assert phrase("told.nothing_usable", language, n=1) in one_sentence(ran)
    assert "due_before_issue" in ran.out
    assert "; ;" not in ran.out
    assert len(rejects.read_text("utf-8").splitlines()) == 3
    ran = run("check", folder, "--language", language, "--strict")
    assert (ran.code, ran.err) == (1, phrase("told.nothing_usable", language, n=1) + "\n")


def test_train_says_what_it_learned_from_and_how_good_it_is(home: Path) -> None:
    model = DelayModel.load(home / "model")
    assert model.manifest["trained_as_of"] == TRAINED
    assert model.manifest["config"]["model"]["tree_count"] == 10
    assert {path.name for path in home.iterdir()} == {"ledger", "model", "small.yaml"}


def test_a_model_that_passes_its_gate_is_saved_and_one_of_noise_only_by_force(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL), "utf-8")
    # All customers are alike, so their late ratio tells nothing; the weekday tells all, or nothing does.
    dated_book(lambda due, _: due.weekday() >= 3).write(tmp_path / "weekday")
    dated_book(lambda _, random: bool(random.random() < 0.5)).write(tmp_path / "noise")
    options = ("--as-of", "2024-10-31", "--config", tmp_path / "small.yaml", "--model")
    before = set(contents(tmp_path))
    assert "does not beat" in one_sentence(
        run("train", tmp_path / "noise", *options, tmp_path / "no"), code=1
    )
    assert set(contents(tmp_path)) == before
    assert "kept although" in done("train", tmp_path / "noise", *options, tmp_path / "no", "--force")
    assert not DelayModel.load(tmp_path / "no").manifest["gate"]["late"]["passed"]
    assert "1,500 invoices" in done("train", tmp_path / "weekday", *options, tmp_path / "yes")
    assert DelayModel.load(tmp_path / "yes").manifest["gate"]["late"]["passed"]


@pytest.mark.parametrize("as_of", ["2023-05-31", "2023-07-31", "1990-01-01"])
def test_a_ledger_too_thin_says_what_is_missing(home: Path, tmp_path: Path, as_of: str) -> None:
    ran = run("train", home / "ledger", "--as-of", as_of, "--model", tmp_path / "model", "--force")
    said = one_sentence(ran, code=1)
    for wanted in ("settled invoices", "late ones", "months of history"):
        assert wanted in said
    assert contents(tmp_path) == {}


# Parity: the library says the same ---------------------------------------------------------------


def by_library(home: Path, **options: Any) -> Any:
    model = DelayModel.load(home / "model")
    return score(read_ledger(home / "ledger"), model, AS_OF, **options)


@pytest.mark.parametrize("order", ["expected-loss", "value-at-stake", "late-value"])
def test_parquet_is_the_score_table_of_the_library(
    home: Path, call: tuple[object, ...], tmp_path: Path, order: Any
) -> None:
    said = done(*call, "--out", tmp_path / "scores.parquet", "--order", order)
    written = pl.read_parquet(tmp_path / "scores.parquet")
    expected = by_library(home, order=order).frame
    assert said == f"{expected.height} rows written to {tmp_path / 'scores.parquet'}.\n"
    assert dict(written.schema) == SCORE_SCHEMA
    assert_frame_equal(written, expected, check_row_order=False, rel_tol=0, abs_tol=1e-12)
    ranks = written["priority_rank"]
    assert ranks.drop_nulls().to_list() == list(range(1, ranks.count() + 1))
    assert ranks.null_count() > 0
    assert ranks.tail(ranks.null_count()).is_null().all()


def test_customers_are_those_of_the_library(home: Path, call: tuple[object, ...], tmp_path: Path) -> None:
    ran = run(*call, "--by", "customer", "--out", tmp_path / "queue.parquet")
    queue = rank(by_library(home), by="customer")
    expected = queue.frame
    told = f"Not in the file: {queue.set_aside.height} invoices set aside.\n"
    assert (ran.code, ran.err) == (0, told)
    assert expected.height > 50
    written = pl.read_parquet(tmp_path / "queue.parquet")
    assert_frame_equal(written.select(expected.columns), expected, rel_tol=0, abs_tol=1e-12)
    # Weighted by what is open, the probability late is the late value over the open amount.
    late = (written["prob_late"] * written["open_amount"]).to_numpy()
    np.testing.assert_allclose(late, written["late_value"].to_numpy(), rtol=1e-9)
    assert written["prob_unpaid"].is_between(0, 1).all()
    assert written["prob_unpaid_pooled"].dtype == pl.Boolean


def test_csv_and_json_say_what_parquet_says(call: tuple[object, ...], tmp_path: Path) -> None:
    for ending in ("parquet", "csv", "json"):
        done(*call, "--out", tmp_path / f"scores.{ending}")
    whole = pl.read_parquet(tmp_path / "scores.parquet")
    flat = pl.read_csv(tmp_path / "scores.csv", try_parse_dates=True, infer_schema_length=None)
    assert flat.columns == whole.columns
    plain = [name for name, dtype in whole.schema.items() if dtype != pl.List and name != "set_aside"]
    cast = flat.select(pl.col(name).cast(whole.schema[name]) for name in plain)
    shares = [name for name in plain if name.startswith("prob_") or name == "lgd"]
    assert_frame_equal(cast.select(shares), whole.select(shares), rel_tol=0, abs_tol=0.5000001e-6)
    money = [name for name in plain if name not in shares]
    assert_frame_equal(cast.select(money), whole.select(money), rel_tol=0, abs_tol=0.0050001)
    records = json.loads((tmp_path / "scores.json").read_bytes())
    assert [row["prob_late"] for row in records] == flat["prob_late"].to_list()
    assert [row["expected_loss"] for row in records] == flat["expected_loss"].to_list()
    texts = [[reason["text"] for reason in row["reasons_late"]] for row in records]
    assert texts == [[reason["text"] for reason in reasons] for reasons in whole["reasons_late"].to_list()]


@pytest.mark.parametrize(
    ("options", "rows"),
    [(("--top", 7), 7), (("--capacity", 4), 4), (("--top", 9, "--capacity", 3), 3), (("--top", 10**9), None)],
)
def test_top_and_capacity_keep_the_head_of_the_queue(
    home: Path, call: tuple[object, ...], tmp_path: Path, options: tuple[object, ...], rows: int | None
) -> None:
    ran = run(*call, "--out", tmp_path / "queue.parquet", *options)
    written = pl.read_parquet(tmp_path / "queue.parquet")
    queue = rank(by_library(home))
    assert_frame_equal(written, queue.frame.head(rows or 10**9), rel_tol=0, abs_tol=1e-12)
    left = queue.frame.height - written.height
    aside = f"{queue.set_aside.height} invoices set aside"
    told = f"Not in the file: {left} ranked rows, {aside}.\n" if left else f"Not in the file: {aside}.\n"
    assert (ran.code, ran.err) == (0, told)


@pytest.mark.parametrize(("scope", "named"), [("overdue", "overdue"), ("due-soon", "due_soon")])
def test_a_scope_keeps_its_rows_and_every_reason(
    call: tuple[object, ...], tmp_path: Path, scope: str, named: str
) -> None:
    ran = run(*call, "--out", tmp_path / "queue.parquet", "--scope", scope, "--explain", "top", "--top", 8)
    assert ran.err.startswith("Not in the file: ")
    written = pl.read_parquet(tmp_path / "queue.parquet")
    assert written["scope"].to_list() == [named] * 8
    assert written["priority_rank"].max() > 8
    assert (written["reasons_unpaid"].list.len() > 0).all()


@pytest.mark.parametrize(
    ("options", "explained"),
    [(("none",), 0), (("all",), 10**9), (("top",), 100), (("top", "--top", "5"), 5), ((), 10**9)],
)
def test_reasons_are_given_of_whom_they_are_asked(
    call: tuple[object, ...], tmp_path: Path, options: tuple[str, ...], explained: int
) -> None:
    assert (
        run(*call, "--out", tmp_path / "scores.parquet", *(("--explain",) if options else ()), *options).code
        == 0
    )
    for row in pl.read_parquet(tmp_path / "scores.parquet").iter_rows(named=True):
        wanted = row["priority_rank"] is None or row["priority_rank"] <= explained
        if explained < 10**9:
            wanted = wanted and row["priority_rank"] is not None
        assert bool(row["reasons_unpaid"]) == wanted


def test_settings_of_scoring_come_from_a_file(home: Path, call: tuple[object, ...], tmp_path: Path) -> None:
    (tmp_path / "dear.yaml").write_text("loss: {annual_cost_of_capital: 0.16}", "utf-8")
    done(*call, "--out", tmp_path / "dear.parquet", "--config", tmp_path / "dear.yaml", "--explain", "none")
    written = pl.read_parquet(tmp_path / "dear.parquet").sort("invoice_id")
    usual = by_library(home, explain="none").frame.sort("invoice_id")
    np.testing.assert_allclose(written["cost_of_delay"], 2 * usual["cost_of_delay"], rtol=1e-12)
    assert written["expected_loss"].equals(usual["expected_loss"])


# The screen ------------------------------------------------------------------------------------


def reason_count(said: str) -> int:
    return sum(line.startswith(("    + ", "    - ")) for line in said.splitlines())


def test_the_screen_shows_the_head_of_the_queue_with_reasons(home: Path, call: tuple[object, ...]) -> None:
    said = done(*call, "--top", 3)
    queue = rank(by_library(home)).frame
    for invoice in queue["invoice_id"].head(3):
        assert invoice in said
    assert queue["invoice_id"][3] not in said
    assert reason_count(said) >= 6
    assert done(*call, "--top", 3, "--out", "-") == said
    assert reason_count(done(*call, "--top", 3, "--explain", "none")) == 0


@pytest.mark.parametrize("by", ["invoice", "customer"])
def test_a_scope_on_the_screen_has_reasons_too(call: tuple[object, ...], by: str) -> None:
    assert reason_count(done(*call, "--scope", "overdue", "--by", by, "--top", 4)) >= 8


def test_french_is_french(call: tuple[object, ...], tmp_path: Path) -> None:
    said = done(*call, "--language", "fr", "--top", 5)
    assert "Perte attendue" in said
    assert "Expected" not in said
    done(*call, "--language", "fr", "--out", tmp_path / "scores.csv")
    texts = (tmp_path / "scores.csv").read_text("utf-8")
    assert "jours de retard" in texts
    assert "book's usual" not in texts
    assert "(réduit le risque)" in texts


def test_a_terminal_that_lacks_a_letter_shows_another(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, "ascii"))
    options = ("--as-of", TRAINED, "--config", str(home / "small.yaml"), "--language", "fr", "--force")
    main(["train", str(home / "ledger"), "--model", str(tmp_path / "model"), *options])
    assert b"portefeuille" in shown.getvalue()


def test_a_day_without_open_invoices_says_so(home: Path, tmp_path: Path) -> None:
    early = ("score", home / "ledger", "--as-of", "2023-05-31", "--model", home / "model")
    ran = run(*early)
    assert ran.code == 0
    assert "No actionable invoice" in ran.out
    assert ran.err == "No invoice was open at the close of 2023-05-31.\n"
    ran = run(*early, "--out", tmp_path / "none.parquet")
    assert ran.out.startswith("0 rows written")
    assert ran.err == "No invoice was open at the close of 2023-05-31.\n"
    assert dict(pl.read_parquet(tmp_path / "none.parquet").schema) == SCORE_SCHEMA


def test_a_model_is_corrected_by_what_came_since(home: Path, tmp_path: Path) -> None:
    later = date.fromisoformat(TRAINED) + timedelta(21)
    options = ("--as-of", later, "--model", home / "model", "--out", tmp_path / "newer")
    said = done("recalibrate", home / "ledger", *options)
    newer = DelayModel.load(tmp_path / "newer")
    count = newer.manifest["corrected_by"]["invoice_count"]
    assert count > 10
    assert said == (
        f"Model corrected by {count} invoices whose outcomes were known as of {later}, and written to "
        f"{tmp_path / 'newer'}.\n"
    )
    day = later - timedelta(7)
    asked = ("score", home / "ledger", "--as-of", day, "--model", tmp_path / "newer", "--top", 1)
    assert run(*asked).err.startswith(f"Warning: the model was corrected on {later}, after {day}")
    soon = date.fromisoformat(TRAINED) + timedelta(1)
    for language, said in (
        ("en", f"Nothing was corrected: 0 outcomes of the books since the training are known as of {soon}"),
        ("fr", "Aucun recalibrage\u202f: pour les encours arrêtés depuis l'entraînement, 0 issue est connue"),
    ):
        none = done("recalibrate", home / "ledger", "--as-of", soon, *options[2:], "--language", language)
        assert none.startswith(said)
        assert "50" in none
        assert str(tmp_path / "newer") in none
    same = DelayModel.load(tmp_path / "newer")
    assert same.manifest["correction_tried"]["why"] == "too_few_pairs"
    assert "calibrated_as_of" not in same.manifest
    again = run("recalibrate", home / "ledger", "--as-of", TRAINED, *options[2:])
    assert again.code == 2
    assert "give a later date" in again.err


def test_a_model_that_has_seen_what_became_of_the_invoices_is_told(home: Path) -> None:
    day = date.fromisoformat(TRAINED) - timedelta(60)
    asked = ("score", home / "ledger", "--as-of", day, "--model", home / "model", "--top", 1)
    ran = run(*asked)
    assert ran.code == 0
    assert ran.err == (
        f"Warning: the model was trained on {TRAINED}, after {day}, and has seen what became of these "
        "invoices. Its scores of that day are no test of it.\n"
    )
    assert "Attention" in run(*asked, "--language", "fr").err


def test_a_day_far_beyond_the_records_is_told(home: Path) -> None:
    stale = SIMULATED_END + timedelta(40)
    ran = run("score", home / "ledger", "--as-of", stale, "--model", home / "model", "--top", 1)
    assert ran.code == 0
    assert ran.err.startswith("Warning: the books record nothing after 2024-0")
    assert " days before 2024-09-09. Whatever was paid since" in ran.err
    assert ran.err.count("\n") == 1
    page = home.parent / "stale.html"
    ran = run("report", home / "ledger", "--as-of", stale, "--model", home / "model", "--out", page)
    assert ran.err.rstrip("\n") in page.read_text("utf-8")


def test_refused_rows_are_told_wherever_a_ledger_is_used(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    books = read_ledger(home / "ledger")
    books.write(folder, "csv")
    with (folder / "invoices.csv").open("a", encoding="utf-8") as file:
        file.write(f"BAD,{SECRET},2024-01-02,2023-02-01,{AMOUNT},EUR,,,,\n")
    ran = run("score", folder, "--as-of", AS_OF, "--model", home / "model", "--out", tmp_path / "scores.csv")
    told = (
        "Refused, and in no figure: 1 row of invoices. 'paydelay check' tells why, and with "
        "--rejects FILE.csv which.\n"
    )
    assert (ran.code, ran.err) == (0, told)
    assert SECRET not in (tmp_path / "scores.csv").read_text("utf-8")
    # Told before the work: a training that ends early has said it too.
    thin = ("train", folder, "--as-of", "2023-07-31", "--model", tmp_path / "model")
    ran = run(*thin)
    assert ran.code == 1
    assert ran.err.startswith(told + "paydelay: ")
    french = run(*thin, "--language", "fr").err
    assert french.startswith("Refusées, et absentes de tout chiffre\u202f: 1 ligne de la table invoices.")


# The report ------------------------------------------------------------------------------------


def test_a_report_of_ones_own_books_is_one_page(home: Path, call: tuple[object, ...], tmp_path: Path) -> None:
    page = tmp_path / "out" / "report.html"
    assert done("report", *call[1:], "--out", page) == f"Report written to {page}.\n"
    text = page.read_text("utf-8")
    queue = rank(by_library(home)).frame
    assert text.startswith("<!DOCTYPE html>")
    assert all(invoice in text for invoice in queue["invoice_id"].head(50))
    done("report", *call[1:], "--out", page, "--language", "fr", "--top", 3, "--order", "late-value")
    short = page.read_text("utf-8")
    assert '<html lang="fr">' in short
    assert len(short) < len(text)
    assert "par montant attendu en retard" in short
    scores = by_library(home, language="fr", order="late-value")
    ranked = rank(scores, order="late-value")
    books, model = read_ledger(home / "ledger"), DelayModel.load(home / "model")
    assert short == report_page(scores, ranked, model, language="fr", ledger=books, top=3)


def test_a_day_without_open_invoices_has_a_report_too(home: Path, tmp_path: Path) -> None:
    early = ("--as-of", "2023-05-31", "--model", home / "model", "--out", tmp_path / "none.html")
    ran = run("report", home / "ledger", *early)
    assert (ran.code, ran.err) == (0, "No invoice was open at the close of 2023-05-31.\n")
    assert "No actionable invoice" in (tmp_path / "none.html").read_text("utf-8")


def test_all_that_is_said_in_french_is_french(call: tuple[object, ...], home: Path, tmp_path: Path) -> None:
    french = ("--language", "fr")
    said = done("simulate", "--out", tmp_path / "book", "--customers", 5, "--months", 3, *french)
    assert "de 5 clients, du 01/06/2023 au 31/08/2023, enregistrés dans" in said
    ran = run(*call, "--by", "customer", "--out", tmp_path / "queue.csv", "--csv-style", "excel-fr", *french)
    assert re.fullmatch(r"\d+ lignes écrites dans .*queue\.csv\.\n", ran.out)
    assert re.fullmatch("Absentes du fichier\u202f: \\d+ factures mises à l'écart.\n", ran.err)
    assert (tmp_path / "queue.csv").read_bytes().startswith("\ufeffpriority_rank;customer_id;".encode())
    options = ("--config", home / "small.yaml", "--force", *french)
    said = done("train", home / "ledger", "--as-of", TRAINED, "--model", tmp_path / "model", *options)
    assert "Modèle enregistré dans" in said
    assert "past prediction" not in said


# As a program ----------------------------------------------------------------------------------


def program(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
    """The command line as a process of its own, its standard output buffered as in a pipe."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "paydelay.cli", *map(str, arguments)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment} | options
    return subprocess.Popen(command, **options)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom paydelay.cli import main\n"
        "try:\n    main(['score', '--help'])\nexcept SystemExit: pass\n"
        "print(*sorted(sys.modules), sep='\\n')"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "--capacity" in found
    heavy = {"lightgbm", "sklearn", "pandas", "shap", "scipy", "pyarrow", "matplotlib", "mlflow"}
    assert not heavy & set(found.split("\n"))


def test_a_program_ends_as_the_call_does(tmp_path: Path) -> None:
    process = program("check", tmp_path / "absent")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert out == b""
    assert err.decode().startswith("paydelay: The ledger folder")
    assert err.count(b"\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="pipes close in another way")
@pytest.mark.parametrize("arguments", [("--help",), ("check",)])
def test_a_reader_who_leaves_is_no_failure(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ledger = (planted(tmp_path / "ledger"),) if arguments == ("check",) else ()
    process = program(*arguments, *ledger)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as stderr:
        said = stderr.read()
    assert (process.wait(timeout=60), said) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_is_told() -> None:
    with Path("/dev/full").open("wb") as full:
        process = program("--help", stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == b"paydelay: the disk is full where the output goes; make room and try again.\n"


@pytest.mark.skipif(os.name == "nt", reason="interrupts are sent in another way")
def test_ctrl_c_stops_a_training_and_leaves_nothing(home: Path, tmp_path: Path) -> None:
    settings = {"model": {"tree_count": 9000}, "panel": {"warm_up_days": 60}}
    (tmp_path / "slow.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    options = ("--as-of", TRAINED, "--model", tmp_path / "model", "--config", tmp_path / "slow.yaml")
    process = program("--verbose", "train", home / "ledger", *options)
    assert process.stderr is not None
    assert process.stdout is not None
    with process.stderr as stderr, process.stdout as stdout:
        # The panel is there: what follows is the long fit.
        while not (line := stderr.readline()).startswith(b"panel:"):
            assert line
        process.send_signal(signal.SIGINT)
        said, shown = stderr.read(), stdout.read()
    assert process.wait(timeout=60) == 130
    assert b"Traceback" not in said
    assert shown == b""
    assert set(contents(tmp_path)) == {"slow.yaml"}
