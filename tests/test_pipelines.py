"""Pipelines: done once, taken up where they were stopped, and what a scheduler is told."""

from __future__ import annotations

import inspect
import os
import re
import runpy
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from calls import PIPELINES, SMALL, contents, one_sentence, pipeline, run
from killing import Server, serving
from proofs import SETTINGS, small_ledger, small_proof

import paydelay
from paydelay import CATALOGUE, DelayModel, Ledger, SimulationSettings, backtest, load_config, simulate
from paydelay.backtest.kept import KeptFolds
from paydelay.errors import ConcurrentRunError, ConfigError, TargetError, ThinLedgerError
from paydelay.pipeline import Job, LedgerJob, Stages, content_of
from paydelay.pipeline.stages import _content
from paydelay.sources.fec import write_fec

JOBS = PIPELINES.parent / "configs" / "pipelines"
TRAINED, SCORED, WATCHED = "2024-06-30", "2024-07-08", "2024-07-28"
FEW = SMALL | {
    "model": SMALL["model"] | {"tree_count": 5},
    "backtest": {"fold_count": 2, "step_days": 14, "replicate_count": 20, "leak_check_count": 1},
}
# What runs that are killed would each import anew.
IMPORTED = (
    "optuna",
    "lightgbm",
    "matplotlib.backends.backend_svg",
    "mlflow.pyfunc",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "paydelay.estimator",
    "paydelay.pipeline",
    "paydelay.sources.fec",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger, the same books as a FEC, settings, a model and the scores of two days."""
    place = tmp_path_factory.mktemp("home")
    found = simulate(SimulationSettings(customer_count=40, month_count=14, seed=11, daily_truth=False))
    ledger = Ledger.from_frames(found.invoices, found.payments, found.customers, found.events)
    ledger.write(place / "ledger")
    small = simulate(SimulationSettings(customer_count=8, month_count=6, seed=11, daily_truth=False))
    write_fec(Ledger.from_frames(small.invoices, small.payments), place / "fec")
    (place / "few.yaml").write_text(yaml.safe_dump(FEW), "utf-8")
    ran = pipeline("train", *arguments(place, "train"), "--out", place / "model")
    assert (ran.code, ran.err) == (0, "")
    for day in ("2024-07-01", SCORED):
        out = place / "scores" / "{as_of}.parquet"
        assert pipeline("score", *arguments(place, "score"), "--as-of", day, "--out", out).code == 0
    return place


def arguments(home: Path, name: str) -> list[object]:
    """What each pipeline is asked for, all but its place."""
    books = ["--ledger", home / "ledger"]
    settings = ["--config", home / "few.yaml"]
    model = ["--model", home / "model"]
    past = ["--scores", f"[{home / 'scores'}]", "--retraining", "never"]
    return {
        "import": ["--kind", "fec", "--files", f"[{home}/fec/*.txt]", "--options", "{terms_days: 30}"],
        "train": [*books, *settings, "--as-of", TRAINED, "--force", "true"],
        "tune": [*books, *settings, "--trials", "2"],
        "backtest": [*books, *settings],
        "score": [*books, *model, "--as-of", SCORED],
        "monitor": [*books, *model, *past, "--as-of", WATCHED],
    }[name]


def job_of(name: str) -> type[Job]:
    """The job that a script declares."""
    found = runpy.run_path(str(PIPELINES / f"{name}.py"), run_name="script").values()
    (job,) = [kind for kind in found if isinstance(kind, type) and kind.__module__ == "script"]
    return job


NAMES = ("import", "train", "tune", "backtest", "score", "monitor")
MADE = {"import": "ledger", "score": "queue.csv"}


# ---- Every pipeline, undisturbed ----


def test_each_pipeline_is_short_and_has_a_job_to_begin_with(monkeypatch: pytest.MonkeyPatch) -> None:
    # Scripts that another test ran here were the module __main__, which inspect would take for theirs.
    monkeypatch.setattr(inspect, "modulesbyfile", {})
    scripts = {path.stem for path in PIPELINES.glob("*.py")} - {"demo"}
    assert scripts == set(NAMES) == {path.stem for path in JOBS.iterdir()}
    for name in NAMES:
        assert len((PIPELINES / f"{name}.py").read_text("utf-8").splitlines()) < 60
        job = job_of(name)
        read = job.read([str(JOBS / f"{name}.yaml")])
        assert "{" not in str(read.out)
        for key, field in job.model_fields.items():
            assert field.description, key
            assert f"--{key.replace('_', '-')}" in job.described()


@pytest.mark.parametrize("name", ["import", "score", "monitor"])
def test_a_second_run_has_nothing_to_do_and_the_same_to_say(home: Path, tmp_path: Path, name: str) -> None:
    given = [*arguments(home, name), "--out", tmp_path / MADE.get(name, "out")]
    first = pipeline(name, *given)
    # Of these past scores one check sounds the alarm, and does so until it is looked into.
    expected = 1 if name == "monitor" else 0
    assert (first.code, first.err) == (expected, "")
    assert "nothing to do" not in first.out
    before = contents(tmp_path)
    again = pipeline(name, *given, "--language", "en")
    assert (again.code, again.err) == (expected, "")
    assert "nothing to do, made of the same inputs before." in again.out
    assert ("Verdict: alarm" in again.out) == (name == "monitor")
    assert contents(tmp_path) == before


def test_what_is_scored_is_what_the_command_scores(home: Path, tmp_path: Path) -> None:
    call = ("score", home / "ledger", "--as-of", SCORED, "--model", home / "model", "--out")
    for options in ((), ("--by", "customer", "--capacity", "5", "--language", "fr")):
        expected, out = tmp_path / "expected.csv", tmp_path / "queue.csv"
        assert pipeline("score", *arguments(home, "score"), *options, "--out", out).code == 0
        assert run(*call, expected, *options).code == 0
        assert out.read_bytes() == expected.read_bytes()


def test_another_day_another_model_or_an_edited_file_is_told_and_made_anew(
    home: Path, tmp_path: Path
) -> None:
    out = tmp_path / "queue.csv"

    def said(*more: object) -> str:
        ran = pipeline("score", *arguments(home, "score"), "--out", out, *more)
        assert (ran.code, ran.err) == (0, "")
        return ran.out

    said()
    first = out.read_bytes()
    assert "have changed: the ledger, the job." in said("--as-of", "2024-07-01")
    assert out.read_bytes() != first
    assert "nothing to do" in said("--as-of", "2024-07-01")
    assert "ont changé : le grand livre, la tâche." in said("--language", "fr").replace(
        "\u202f", " "
    ).replace("\u00a0", " ")
    said()
    out.write_text("edited", "utf-8")
    assert "no longer there as it was" in said()
    assert out.read_bytes() == first


def test_a_table_of_ones_own_counts_by_what_it_held_on_the_day(home: Path, tmp_path: Path) -> None:
    table, out = tmp_path / "climate.csv", tmp_path / "model"
    covariates = ("--covariates", f"climate={table}")

    def said(rows: str) -> str:
        table.write_text(f"known_on,index\n2023-09-01,1\n{rows}", "utf-8")
        ran = pipeline("train", *arguments(home, "train"), *covariates, "--out", out)
        assert (ran.code, ran.err) == (0, "")
        return ran.out

    assert "Model written" in said("2024-01-02,2\n")
    first = DelayModel.load(out)
    assert first.manifest["covariates"] == {"climate": {"by": "book", "columns": ["index"]}}
    # What became known after the training, or was written otherwise, is no change.
    assert "nothing to do" in said("2024-01-02,2.0\n2024-08-01,3\n")
    assert "have changed: features and tables of your own." in said("2024-01-02,5\n")
    usual = [model.manifest["usual"]["climate_index"] for model in (first, DelayModel.load(out))]
    assert usual == [2.0, 5.0]
    # Scored by the pipeline as by the command, and by neither without its table.
    call = ("--ledger", home / "ledger", "--model", out, "--as-of", SCORED, "--out")
    sentence = one_sentence(pipeline("score", *call, tmp_path / "queue.csv"))
    assert "--covariates climate=FILE" in sentence
    assert pipeline("score", *call, tmp_path / "queue.csv", *covariates).code == 0
    of_the_command = ("score", home / "ledger", "--model", out, "--as-of", SCORED, *covariates)
    assert run(*of_the_command, "--out", tmp_path / "expected.csv").code == 0
    assert (tmp_path / "queue.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()


# ---- What a scheduler is told ----


def test_a_wrong_call_ends_in_one_sentence_and_leaves_nothing(home: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "deep" / "out.csv")
    given = arguments(home, "score")
    for words, sentence in (
        ((*given, *out, "--capacitty", "3"), "capacitty is no key of this job; did you mean capacity?"),
        ((*given, *out, "--zzz", "3"), "zzz is no key of this job; it has out, language, ledger"),
        ((*given, *out, "--capacity", "many"), "capacity cannot be used as it is; give a whole number"),
        ((*given, *out, "--as-of", "today"), "'today' is not a date"),
        ((*given, *out, "--scope"), "'--scope' stands where an option belongs"),
        (given, "out is missing; give it in the file of the job, or as --out."),
        ((home / "no.yaml", *out), "There is no settings file"),
        ((*given, "--out", tmp_path / "queue.xlsx"), "not written to .xlsx files"),
        ((*given, *out, "--model", home / "nowhere"), "is not there"),
        ((*given, *out, "--ledger", home / "nowhere"), "does not exist"),
    ):
        assert sentence in one_sentence(pipeline("score", *words))
    french = one_sentence(pipeline("score", *given, "--language", "fr", "--capacity", "0", *out))
    assert "capacity n'est pas utilisable tel quel" in french
    assert contents(tmp_path) == {}


def test_data_that_fall_short_end_in_exit_code_1_and_leave_what_was_there(home: Path, tmp_path: Path) -> None:
    given, out = arguments(home, "train"), tmp_path / "model"
    shutil.copytree(home / "model", out)
    shutil.copytree(home / ".model.paydelay", tmp_path / ".model.paydelay")
    before = contents(tmp_path)
    told = one_sentence(pipeline("train", *given, "--as-of", "2023-07-15", "--out", out), code=1)
    assert "settled" in told
    assert contents(tmp_path) == before


def test_a_job_in_a_file_takes_options_on_top(home: Path, tmp_path: Path) -> None:
    job = tmp_path / "job.yaml"
    job.write_text(f"ledger: {home}\nout: {tmp_path}/queue\nlanguage: fr\n", "utf-8")
    read = LedgerJob.read([str(job), "--ledger=elsewhere"])
    assert (str(read.ledger), read.language, read.config) == ("elsewhere", "fr", None)
    more = ("--covariates", "a=a.csv", "--covariates", "[b=b.csv, c=c.csv]")
    assert LedgerJob.read([str(job), *more]).covariates == ["a=a.csv", "b=b.csv", "c=c.csv"]
    job.write_text("out: queue\nout: other\n", "utf-8")
    with pytest.raises(ConfigError, match="out stands twice"):
        Job.read([str(job)])


def test_the_jobs_and_the_pipeline_of_the_docs_are_such(home: Path, tmp_path: Path) -> None:
    text = (PIPELINES.parent / "docs" / "pipelines.md").read_text("utf-8")
    calls = re.findall(r"^python pipelines/(\w+)\.py (.*)$", text, re.MULTILINE)
    assert {name for name, _ in calls} <= set(NAMES)
    for name, words in calls:
        job_of(name).read(shlex.split(words))
    for name in NAMES:
        row = re.search(rf"^\| `{name}` \|.*\|(.*)\|$", text, re.MULTILINE)
        assert row is not None
        listed = [key for key in re.findall(r"`(\w+)`", row[1]) if key not in ("terms_days", "mapping")]
        assert sorted(listed) == sorted(set(job_of(name).model_fields) - {"out", "language"})
    own = tmp_path / "own.py"
    own.write_text(text.rpartition("```python\n")[2].partition("```")[0], "utf-8")
    given = ("--ledger", home / "ledger", "--model", home / "model", "--as-of", SCORED)
    ran = pipeline(own, *given, "--out", tmp_path / "corrected")
    assert (ran.code, ran.out) == (0, f"Model written to {tmp_path / 'corrected'}.\n")
    assert DelayModel.load(tmp_path / "corrected").feature_names


# ---- Stages ----


def writes(text: str) -> Callable[[Path], dict[str, str]]:
    def make(draft: Path) -> dict[str, str]:
        draft.mkdir(exist_ok=True)
        (draft / "text").write_text(text, "utf-8")
        return {"text": text}

    return make


def stage(out: Path, text: str, make: Callable[[Path], object] | None = None, **more: bool) -> dict[str, str]:
    with Stages(out) as stages:
        return stages.run("model", {"settings": text}, make or writes(text), **more)  # type: ignore[arg-type]


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "model"
    out.mkdir()
    assert stage(out, "a") == {"text": "a"}
    (out / "notes").write_text("mine", "utf-8")
    # What was made is still there, and there is nothing to do.
    assert stage(out, "a") == {"text": "a"}
    before = contents(tmp_path)
    with pytest.raises(TargetError, match="holds something that this job has not made"):
        stage(out, "b")
    assert contents(tmp_path) == before
    (out / "notes").unlink()
    assert stage(out, "b") == {"text": "b"}
    assert contents(out) == {"text": b"b"}


def test_a_stage_that_fails_leaves_what_was_made_before(tmp_path: Path) -> None:
    def fails(draft: Path) -> None:
        writes("half")(draft)
        raise ThinLedgerError("too thin.")

    out = tmp_path / "model"
    with pytest.raises(ThinLedgerError):
        stage(out, "a", fails)
    assert contents(tmp_path) == {}
    stage(out, "a")
    before = contents(tmp_path)
    with pytest.raises(ThinLedgerError):
        stage(out, "b", fails)
    assert contents(tmp_path) == before


def test_a_draft_is_gone_on_with_only_where_the_inputs_are_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, found = tmp_path / "model", []

    def stopped(draft: Path) -> None:
        draft.mkdir(exist_ok=True)
        found.append(sorted(path.name for path in draft.iterdir()))
        (draft / f"trial {len(found)}").touch()
        raise KeyboardInterrupt

    for text in ("a", "a", "b", "b"):
        with pytest.raises(KeyboardInterrupt):
            stage(out, text, stopped, resumable=True)
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "Model: an earlier run was stopped; this one goes on from there.",
        "Model: made anew, since these have changed: the job.",
        "Model: an earlier run was stopped; this one goes on from there.",
    ]
    assert found == [[], ["trial 1"], [], ["trial 3"]]
    assert stage(out, "b", resumable=True) == {"text": "b"}
    assert contents(out) == {"text": b"b", "trial 3": b"", "trial 4": b""}


def test_of_two_runs_at_once_the_second_is_told(tmp_path: Path) -> None:
    with Stages(tmp_path / "model"), pytest.raises(ConcurrentRunError, match="wait until"):
        stage(tmp_path / "model", "a")
    assert ConcurrentRunError.exit_code == 1
    assert contents(tmp_path) == {}


def test_a_place_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", "utf-8")
    for place in (tmp_path / "file" / "model", Path("/")):
        with pytest.raises(TargetError, match="cannot be written to"):
            stage(place, "a")


def test_the_content_of_files_counts_and_not_their_place(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.csv").write_text("1", "utf-8")
    first = content_of([tmp_path / "a"])
    assert first == content_of([tmp_path / "b"]) == content_of([tmp_path / "b" / "x.csv"])
    (tmp_path / "b" / ".x.csv.paydelay").mkdir()
    (tmp_path / "b" / ".hidden").touch()
    assert content_of([tmp_path / "b"]) == first
    (tmp_path / "b" / "x.csv").write_text("2", "utf-8")
    assert content_of([tmp_path / "b"]) != first
    # What a database holds is known only by reading it.
    assert content_of(["sqlite:///books.db"]) != content_of(["sqlite:///books.db"])


def test_the_code_is_what_is_installed_wherever_it_lies(tmp_path: Path) -> None:
    package = Path(paydelay.__file__).parent
    kinds = {path.suffix for path in package.rglob("*") if path.is_file()}
    assert kinds - {".pyc", ".typed"} == {".py", ".yaml", ".css"}
    for place in ("installed", "editable"):
        (tmp_path / place / "report").mkdir(parents=True)
        for name in ("model.py", "report/page.css"):
            (tmp_path / place / name).write_text(name, "utf-8")
    (tmp_path / "editable" / "__pycache__").mkdir()
    (tmp_path / "editable" / "__pycache__" / "model.cpython-311.pyc").write_bytes(b"compiled")
    first = _content(tmp_path / "installed")
    assert _content(tmp_path / "editable") == first
    (tmp_path / "editable" / "report" / "page.css").write_text("other", "utf-8")
    assert _content(tmp_path / "editable") != first


def test_a_stage_of_ones_own_is_told_by_its_own_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for tariff in ("a", "a", "b"):
        with Stages(tmp_path / "out") as stages:
            stages.run("postage", {"tariff": tariff}, writes(tariff))
    assert capsys.readouterr().out.splitlines() == [
        "postage: nothing to do, made of the same inputs before.",
        "postage: made anew, since these have changed: tariff.",
    ]


# ---- Killed, and run again ----


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if not hasattr(os, "fork"):
        pytest.skip("needs a system that forks")
    with serving(*IMPORTED) as running:
        yield running


def kill_points(changes: int, count: int = 5) -> list[int]:
    """From the first change to the last, evenly."""
    return sorted({1 + round(number * (changes - 1) / (count - 1)) for number in range(count)})


def comparable(place: Path, name: str) -> dict[str, bytes | None]:
    """All that was left, without what tells the time: optuna's journal, and its fingerprint."""
    found = contents(place)
    if name == "tune":
        for file in ("out/tune.journal", ".out.paydelay/done.json"):
            assert found.pop(file)
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NAMES)
def test_killed_anywhere_and_run_again_it_leaves_what_an_undisturbed_run_leaves(
    home: Path, tmp_path: Path, server: Server, name: str
) -> None:
    place = tmp_path / "place"
    given = [*arguments(home, name), "--out", place / MADE.get(name, "out")]
    place.mkdir()
    ended = server.run(PIPELINES / f"{name}.py", given, place)
    assert (ended["signal"], ended["code"]) == (0, 1 if name == "monitor" else 0), ended["said"]
    left = contents(place)
    assert "nothing to do" in server.run(PIPELINES / f"{name}.py", given, place)["said"]
    assert contents(place) == left
    whole, points = comparable(place, name), kill_points(ended["changes"])
    assert len(points) == 5
    for point in points:
        shutil.rmtree(place)
        place.mkdir()
        killed = server.run(PIPELINES / f"{name}.py", given, place, point)
        assert killed["signal"] == 9, (point, killed)
        again = server.run(PIPELINES / f"{name}.py", given, place)
        assert (again["signal"], again["code"]) == (0, ended["code"]), again["said"]
        assert comparable(place, name) == whole, point


ONE_STAGE = """
import sys
from pathlib import Path
from paydelay.pipeline import Stages

def make(draft):
    draft.mkdir()
    (draft / "text").write_text(sys.argv[2])

with Stages(Path(sys.argv[1])) as stages:
    stages.run("model", {"settings": sys.argv[2]}, make)
"""


@pytest.mark.slow
def test_killed_at_any_of_the_last_changes_while_one_folder_replaces_another_one_of_them_is_there(
    tmp_path: Path, server: Server
) -> None:
    place, script = tmp_path / "place", tmp_path / "stage.py"
    out = place / "out"
    script.write_text(ONE_STAGE, "utf-8")
    place.mkdir()
    server.run(script, [out, "older"], place)
    shutil.copytree(place, tmp_path / "older")
    changes, seen = server.run(script, [out, "newer"], place)["changes"], []
    newer = contents(place)
    for point in range(changes - 7, changes + 1):
        shutil.rmtree(place)
        shutil.copytree(tmp_path / "older", place)
        assert server.run(script, [out, "newer"], place, point)["signal"] == 9
        # Whatever comes next mends it: the former folder is put back before anything else is done.
        with Stages(out):
            seen.append((out / "text").read_text("utf-8"))
        assert server.run(script, [out, "newer"], place)["code"] == 0
        assert contents(place) == newer
    assert set(seen) == {"older", "newer"}


@pytest.mark.slow
def test_a_fold_that_was_finished_is_not_replayed_again(tmp_path: Path) -> None:
    ledger, config, told = small_ledger(), load_config(SETTINGS), []
    for _ in range(2):
        told.append([])
        proof = backtest(ledger, config, kept_in=tmp_path, told=lambda fold: told[-1].append(fold.number))
        assert proof.to_dict() == small_proof().to_dict()
        assert proof.rows.equals(small_proof().rows)
    assert told == [[1, 2], []]
    # Of other settings nothing is kept.
    for settings, kept in ((config, True), (load_config({"model": {"seed": 8}}), False)):
        found = KeptFolds(tmp_path, ledger, settings, CATALOGUE).read(proof.folds[0])
        assert (found is not None) == kept


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_while_a_model_is_logged_it_is_registered_once(
    home: Path, tmp_path: Path, server: Server
) -> None:
    from paydelay.tracking.store import connect

    place = tmp_path / "place"
    place.mkdir()
    uri = f"sqlite:///{place}/store/mlflow.db"
    (tmp_path / "few.yaml").write_text(yaml.safe_dump(FEW | {"tracking": {"uri": uri}}), "utf-8")
    script, out = PIPELINES / "train.py", place / "model"
    given = [*arguments(home, "train"), "--config", tmp_path / "few.yaml", "--out", out, "--proof", "false"]
    assert server.run(script, given, place)["code"] == 0
    client = connect(load_config(tmp_path / "few.yaml").tracking).client
    shutil.copytree(place, tmp_path / "trained")
    logging = [*given, "--registered-as", "late"]
    ended = server.run(script, logging, place)
    assert ended["code"] == 0, ended["said"]
    assert "alias challenger" in ended["said"]
    version = DelayModel.load(out).version
    for point in kill_points(ended["changes"]):
        client._tracking_client.store.engine.dispose()
        shutil.rmtree(place)
        shutil.copytree(tmp_path / "trained", place)
        assert server.run(script, logging, place, point)["signal"] == 9
        again = server.run(script, logging, place)
        assert again["code"] == 0, again["said"]
        assert "Model: nothing to do" in again["said"]
        client._tracking_client.store.engine.dispose()
        experiment = client.get_experiment_by_name("paydelay").experiment_id
        runs = client.search_runs([experiment])
        assert sum(run.info.status == "FINISHED" for run in runs) == 1
        assert {run.info.status for run in runs} <= {"FINISHED", "KILLED"}
        (registered,) = client.search_model_versions("name = 'late'")
        assert registered.tags["paydelay.model_version"] == version
        assert client.get_registered_model("late").aliases == {"challenger": registered.version}


@pytest.mark.slow
def test_where_the_store_cannot_be_reached_the_model_stays_and_the_next_run_only_logs(
    home: Path, tmp_path: Path, server: Server
) -> None:
    (tmp_path / "file").write_text("mine", "utf-8")
    settings, script = tmp_path / "few.yaml", PIPELINES / "train.py"
    given = [*arguments(home, "train"), "--config", settings, "--out", tmp_path / "model"]
    given += ["--registered-as", "late", "--proof", "false"]
    settings.write_text(yaml.safe_dump(FEW | {"tracking": {"uri": f"sqlite:///{tmp_path}/file/mlflow.db"}}))
    ran = server.run(script, given, tmp_path)
    assert ran["code"] == 2
    assert f"log it later with 'paydelay log {tmp_path / 'model'}" in ran["said"]
    settings.write_text(yaml.safe_dump(FEW | {"tracking": {"uri": f"sqlite:///{tmp_path}/mlflow.db"}}))
    ran = server.run(script, given, tmp_path)
    assert ran["code"] == 0
    assert "Model: nothing to do" in ran["said"]
    assert "Registered as version 1 of late" in ran["said"]
    assert "Logging: nothing to do" in server.run(script, given, tmp_path)["said"]
