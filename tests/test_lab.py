"""From the lab to the queue: train, track, promote, score by alias, monitor, and drift is caught."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml
from bench_monitor import CONFIG, SHOCK, TRAINED, book
from calls import pipeline, run

from paydelay import cut_ledger, load_config, load_registered

pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow")  # deprecated calls within mlflow 3.17

WEEKS, SEED = 12, 5
CHAMPION = "models:/late@champion"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_model_is_trained_tracked_promoted_and_watched_and_drift_is_caught(tmp_path: Path) -> None:
    """Of the same book, once as it was and once with a liquidity shock after the training."""
    settings = CONFIG | {"tracking": {"uri": f"sqlite:///{tmp_path}/mlflow.db"}}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    config = ("--config", tmp_path / "own.yaml")
    books = {"steady": book(SEED), "shocked": book(SEED, **SHOCK)}
    for name, ledger in books.items():
        ledger.write(tmp_path / name)
    known = {cut_ledger(ledger, TRAINED).fingerprint() for ledger in books.values()}
    assert len(known) == 1  # what was planted came after the training

    training = ("--ledger", tmp_path / "shocked", "--as-of", TRAINED, "--out", tmp_path / "model")
    trained = pipeline("train", *training, *config, "--registered-as", "late", "--proof", "false")
    assert (trained.code, trained.err) == (0, "")
    promoted = run("promote", "late", "--ledger", tmp_path / "shocked", "--as-of", TRAINED, *config)
    assert promoted.code == 0
    assert "version 1 of late is the champion" in promoted.out
    model = load_registered(CHAMPION, load_config(tmp_path / "own.yaml").tracking)

    verdicts = {}
    for name in books:
        of = ("--ledger", tmp_path / name, "--model", CHAMPION, *config)
        for week in range(2, WEEKS + 1, 2):
            day, out = TRAINED + timedelta(days=7 * week), tmp_path / f"scores-{name}" / "{as_of}.parquet"
            assert pipeline("score", *of, "--as-of", day, "--out", out).code == 0
        scores = pl.read_parquet(tmp_path / f"scores-{name}" / "*.parquet")
        assert scores["model_version"].unique().to_list() == [model.version]
        as_of = TRAINED + timedelta(days=7 * WEEKS + 28)
        past = ("--scores", f"[{tmp_path}/scores-{name}]", "--out", tmp_path / f"watched-{name}")
        watched = pipeline("monitor", *of, *past, "--as-of", as_of)
        found = json.loads((tmp_path / f"watched-{name}" / "monitoring.json").read_text("utf-8"))
        verdicts[name] = (watched.code, found["verdict"])
        if name == "shocked":
            alarms = {(c["check"], c["outcome"]) for c in found["checks"] if c["verdict"] == "alarm"}
            assert ("ratio", "late") in alarms
            assert found["retraining"]["advice"] in ("retrain", "recalibrate")
    assert verdicts["shocked"] == (1, "alarm")
    assert verdicts["steady"][0] == 0
    assert verdicts["steady"][1] != "alarm"
