"""The same against a real ``mlflow server`` over PostgreSQL: log, register, score by alias, promote."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from calls import done, one_sentence, run
from proofs import SETTINGS, small_ledger

from paydelay.config import TrackingSettings
from paydelay.tracking import claim
from paydelay.tracking.store import connect

POSTGRES = os.environ.get("PAYDELAY_TEST_POSTGRES")
START_SECONDS = 120.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::Warning:mlflow"),  # deprecated calls within mlflow 3.17
]


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """A database of its own in the PostgreSQL that PAYDELAY_TEST_POSTGRES names."""
    if POSTGRES is None:
        if os.environ.get("CI") == "true":
            pytest.fail("PAYDELAY_TEST_POSTGRES does not name a PostgreSQL database, which CI has to have")
        pytest.skip("no PostgreSQL database is named by PAYDELAY_TEST_POSTGRES")
    import sqlalchemy as sql

    name = f"paydelay_mlflow_{os.getpid()}"
    engine = sql.create_engine(POSTGRES, poolclass=sql.pool.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sql.text(f"create database {name}"))
    yield sql.make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sql.text(f"drop database {name} with (force)"))


@pytest.fixture(scope="module")
def server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server that was started for these tests."""
    place = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", database, "--artifacts-destination", str(place / "artifacts")),
        *("--workers", "1"),
    ]
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "PATH": path_with_this_python()}
    with (place / "server.log").open("wb") as log:
        # Its workers are processes of their own, which one signal to their group ends.
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=environment, cwd=place, start_new_session=True
        )
        try:
            wait_for(address, process, place / "server.log")
            yield address
        finally:
            os.killpg(process.pid, 15)
            process.wait(30)


def path_with_this_python() -> str:
    return os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2):
                return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.5)
    pytest.fail(f"mlflow server did not start: {log.read_text()[-2000:]}")


def test_log_register_score_and_promote_over_a_server(server: str, tmp_path: Path) -> None:
    books = tmp_path / "books"
    small_ledger().write(books)
    for name, rate in (("poor", 0.001), ("good", 0.2)):
        settings = {
            **SETTINGS,
            "model": {**SETTINGS["model"], "learning_rate": rate},
            "tracking": {"uri": server, "experiment": "books of a company"},
        }
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    poor, good = (("--config", tmp_path / f"{name}.yaml") for name in ("poor", "good"))

    call = ("train", books, "--as-of", "2024-06-30", "--force", "--register", "late")
    said = done(*call, "--model", tmp_path / "poor", *poor)  # with a backtest
    assert "Registered as version 1 of late" in said
    run("promote", "late", "--ledger", books, "--force", "--reason", "there is none yet", *poor)
    done(*call, "--model", tmp_path / "good", "--no-proof", *good)
    said = done("promote", "late", "--ledger", books, *good)
    assert "Promoted: version 2 of late is the champion." in " ".join(said.split())

    store = connect(TrackingSettings(uri=server))
    assert {
        name: str(number) for name, number in store.client.get_registered_model("late").aliases.items()
    } == {
        "challenger": "2",
        "champion": "2",
    }
    files = {
        file.path for file in store.client.list_artifacts(store.client.get_model_version("late", "1").run_id)
    }
    assert {"report.html", "folds.json", "figures"} <= files

    asked = ("score", books, "--as-of", "2024-07-31", "--out")
    done(*asked, tmp_path / "folder.csv", "--model", tmp_path / "good")
    done(*asked, tmp_path / "alias.csv", "--model", "models:/late@champion", *good)
    assert (tmp_path / "folder.csv").read_bytes() == (tmp_path / "alias.csv").read_bytes()

    # Another promotion holds the claim.
    done(*call, "--model", tmp_path / "again", "--no-proof", *good)
    store.client.set_registered_model_tag("late", claim.CLAIM, f"other {time.time():.0f}")
    forced = run("promote", "late", "--ledger", books, "--force", "--reason", "now", *good)
    assert "Another promotion of late came first" in one_sentence(forced, code=1)
    store.client.delete_registered_model_tag("late", claim.CLAIM)
    refreshed = run("promote", "late", "--ledger", books, "--force", "--reason", "now", *good)
    assert refreshed.code == 0
