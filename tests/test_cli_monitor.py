"""``paydelay monitor``: what it prints and leaves behind, its exit codes, and what it refuses."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from calls import SMALL, contents, done, one_sentence, run, train_small

from paydelay import DelayModel, load_config, monitor, read_ledger
from paydelay.cli.monitoring import WRITTEN

FIRST, AS_OF = date(2024, 5, 6), "2024-07-22"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger, a model, and the scores of six weeks as the command writes them."""
    place = train_small(tmp_path_factory.mktemp("home"))
    for week in range(6):
        day, ending = FIRST + timedelta(days=7 * week), ("csv", "parquet")[week % 2]
        out = place / "scores" / f"{day}.{ending}"
        done(
            "score",
            place / "ledger",
            "--as-of",
            day,
            "--model",
            place / "model",
            "--out",
            out,
            "--explain",
            "none",
        )
    return place


@pytest.fixture
def call(home: Path) -> tuple[object, ...]:
    return (
        "monitor",
        home / "ledger",
        "--scores",
        home / "scores",
        "--as-of",
        AS_OF,
        "--model",
        home / "model",
    )


def test_it_says_what_the_library_says(home: Path, call: tuple[object, ...], tmp_path: Path) -> None:
    ran = run(*call, "--out", tmp_path / "found")
    found = monitor(
        read_ledger(home / "ledger"), home / "scores", AS_OF, model=DelayModel.load(home / "model")
    )
    assert ran.err == ""
    assert ran.code == (1 if found.verdict == "alarm" else 0)
    assert sorted(path.name for path in (tmp_path / "found").iterdir()) == sorted(WRITTEN)
    written = json.loads((tmp_path / "found" / "monitoring.json").read_text("utf-8"))
    assert written == json.loads(json.dumps(found.to_dict()))
    table = pl.read_csv(tmp_path / "found" / "checks.csv")
    assert table["verdict"].to_list() == found.checks["verdict"].to_list()
    assert f"Written to {tmp_path / 'found'}" in " ".join(ran.out.split())
    # A report of another day is replaced; the same scores give the same report.
    before = contents(tmp_path)
    assert run(*call, "--out", tmp_path / "found").code == ran.code
    assert contents(tmp_path) == before


def test_an_alarm_ends_in_exit_code_1_with_the_report_written(
    home: Path, call: tuple[object, ...], tmp_path: Path
) -> None:
    # A third of the probability that was said: three times as much came.
    for path in sorted((home / "scores").iterdir()):
        frame = (
            pl.read_csv(path, infer_schema_length=None) if path.suffix == ".csv" else pl.read_parquet(path)
        )
        (tmp_path / "low").mkdir(exist_ok=True)
        low = frame.with_columns(prob_late=pl.col("prob_late") / 3).drop("reasons_late", "reasons_unpaid")
        low.write_parquet(tmp_path / "low" / f"{path.stem}.parquet")
    options = (
        "--scores",
        tmp_path / "low",
        "--out",
        tmp_path / "found",
        "--language",
        "fr",
        "--retraining",
        "never",
    )
    ran = run("monitor", home / "ledger", "--as-of", AS_OF, *options)
    assert (ran.code, ran.err) == (1, "")
    assert "Alerte\u202f: Retard" in ran.out
    assert "aucun modèle n'a été indiqué" in " ".join(ran.out.split())
    assert 'lang="fr"' in (tmp_path / "found" / "report.html").read_text("utf-8")


def test_thresholds_come_from_the_settings(home: Path, call: tuple[object, ...], tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("monitor: {rows_min: 100000}\n", "utf-8")
    ran = run(*call, "--out", tmp_path / "found", "--config", tmp_path / "own.yaml", "--retraining", "never")
    assert ran.code == 0
    assert "too few cases yet" in ran.out
    assert load_config(SMALL).monitor.rows_min == 200


@pytest.mark.parametrize("name", ["file", "file/found"])
def test_a_place_that_cannot_be_a_folder_is_refused(
    call: tuple[object, ...], tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").write_text("mine", "utf-8")
    before = contents(tmp_path)
    assert "is not a folder" in one_sentence(run(*call, "--out", tmp_path / name))
    assert contents(tmp_path) == before


def test_a_wrong_call_leaves_nothing_behind(home: Path, call: tuple[object, ...], tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "notes.txt").write_text("mine", "utf-8")
    customers = tmp_path / "customers.csv"
    score = ("score", home / "ledger", "--as-of", FIRST, "--model", home / "model", "--by", "customer")
    assert run(*score, "--out", customers).code == 0
    before = contents(tmp_path)
    out = ("--out", tmp_path / "out")
    assert "something else" in one_sentence(run(*call, "--out", tmp_path / "kept"))
    wrong = ("monitor", home / "ledger", "--as-of", AS_OF, *out, "--scores")
    assert "by customer" in one_sentence(run(*wrong, customers))
    assert "cannot be read" in one_sentence(run(*wrong, tmp_path / "no.csv"))
    assert "--scores" in one_sentence(run("monitor", home / "ledger", "--as-of", AS_OF, *out))
    late = run(*call[:4], "--as-of", "2025-07-22", *out)
    assert "records nothing of what was paid after" in one_sentence(late)
    assert "--retraining" in one_sentence(run(*call, *out, "--retraining", "perhaps"))
    assert contents(tmp_path) == before
