"""Tracking: what a run holds, the model as mlflow loads it, and the registry's aliases."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import polars as pl
import pytest
import yaml
from calls import done, one_sentence, run
from proofs import SETTINGS, small_ledger, small_proof

from paydelay import (
    Config,
    DelayModel,
    Ledger,
    cut_ledger,
    load_config,
    load_registered,
    log_training,
    score,
    train,
)
from paydelay.config import TrackingSettings
from paydelay.errors import FeatureMismatchError, ModelError, TrackingError
from paydelay.features import CATALOGUE
from paydelay.history import History
from paydelay.model import lost_rows
from paydelay.panel import build_panel
from paydelay.tracking import LoggedRun
from paydelay.tracking.loader import OUTPUTS, PandasModel
from paydelay.tracking.runs import code_version
from paydelay.tracking.store import Store, connect, place_of, tracking_uri

pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow")  # deprecated calls within mlflow 3.17

TRAINED, NEXT = "2024-06-30", "2024-07-31"
NAME = "late"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tracked")


@pytest.fixture(scope="module")
def config(home: Path) -> Config:
    return load_config({**SETTINGS, "tracking": {"uri": f"sqlite:///{home}/store/mlflow.db"}})


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return small_ledger()


@pytest.fixture(scope="module")
def model(ledger: Ledger, config: Config) -> DelayModel:
    return train(ledger, TRAINED, config, force=True)


@pytest.fixture(scope="module")
def store(config: Config) -> Store:
    return connect(config.tracking)


@pytest.fixture(scope="module")
def logged(store: Store, model: DelayModel, ledger: Ledger, config: Config) -> LoggedRun:
    return log_training(model, ledger, config, proof=small_proof(), register=NAME)


@pytest.fixture(scope="module")
def kept(store: Store, logged: LoggedRun) -> Path:
    """The folder in which mlflow keeps the model."""
    source = store.client.get_model_version(NAME, str(logged.version)).source
    return Path(unquote(urlsplit(source).path))


def features(ledger: Ledger, model: DelayModel, as_of: str) -> tuple[pl.DataFrame, Any]:
    scores = score(ledger, model, as_of, explain="none", keep_features=True)
    assert scores.features is not None
    return scores.frame, scores.features.select(model.feature_names).cast(pl.Float64).to_pandas()


# What a run holds ---------------------------------------------------------------------------


def test_a_run_holds_settings_versions_figures_and_pages(
    store: Store, logged: LoggedRun, ledger: Ledger, model: DelayModel
) -> None:
    run = store.client.get_run(logged.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["model.tree_count"] == str(SETTINGS["model"]["tree_count"])
    assert run.data.params["outcomes.unpaid_after_days"] == "30"
    tags = run.data.tags
    assert tags["paydelay.ledger_sha256"] == cut_ledger(ledger, pl.lit(TRAINED).str.to_date()).fingerprint()
    assert tags["paydelay.model_version"] == model.version
    # There is none where the tests run outside a checkout.
    assert code_version().items() <= tags.items()
    figures = run.data.metrics
    assert figures["gate.late.auc"] == model.manifest["gate"]["late"]["figures"]["auc"]
    whole = small_proof().tables["scorers"].filter(view="all", outcome="late", scorer="model")
    assert figures["backtest.late.log_loss"] == whole["log_loss"].item()
    files = {file.path for file in store.client.list_artifacts(logged.run_id)}
    assert files == {
        "report.html",
        "backtest.json",
        "folds.json",
        "model_card.md",
        "training.json",
        "figures",
    }


def test_folds_and_figures_can_be_read_again(store: Store, logged: LoggedRun, tmp_path: Path) -> None:
    place = Path(store.client.download_artifacts(logged.run_id, "", str(tmp_path)))
    folds = json.loads((place / "folds.json").read_text())
    assert [fold["number"] for fold in folds] == [1, 2]
    drawn = sorted(path.name for path in (place / "figures").iterdir())
    assert drawn == ["drivers.svg", "lift.svg", "reliability.svg", "slices.svg", "stability.svg"]
    assert 'xmlns="http://www.w3.org/2000/svg"' in (place / "figures" / "lift.svg").read_text()


def test_a_store_and_its_runs_hold_no_address_and_no_customer(
    store: Store, logged: LoggedRun, kept: Path, ledger: Ledger
) -> None:
    run = store.client.get_run(logged.run_id)
    said = json.dumps({**run.data.params, **run.data.tags}) + (kept / "input_example.json").read_text()
    assert "sqlite" not in said
    customers = ledger.invoices["customer_id"].unique().to_list()
    assert not [name for name in customers if f'"{name}"' in said]


# The model as mlflow loads it -----------------------------------------------------------------


def test_nothing_is_pickled(kept: Path) -> None:
    names = {path.relative_to(kept).as_posix() for path in kept.rglob("*") if path.is_file()}
    assert {"MLmodel", "data/delay_model/manifest.json", "data/delay_model/booster.txt"} <= names
    assert not [name for name in names if "pkl" in name or "pickle" in name or name.endswith(".bin")]
    for path in kept.rglob("*"):
        if path.is_file():
            path.read_text("utf-8")  # text throughout, as no pickle is
    assert "cloudpickle" not in (kept / "MLmodel").read_text() + (kept / "requirements.txt").read_text()


def test_mlflow_says_what_score_says(kept: Path, ledger: Ledger, model: DelayModel) -> None:
    import mlflow.pyfunc

    frame, X = features(ledger, model, NEXT)
    said = mlflow.pyfunc.load_model(str(kept)).predict(X.iloc[:, ::-1])
    panel = build_panel(
        History.build(ledger), [date.fromisoformat(NEXT)], CATALOGUE.select(model.feature_names)
    )
    own = ~lost_rows(panel)
    assert frame["invoice_id"].equals(panel.rows["invoice_id"])
    assert own.sum() > 50
    assert tuple(said.columns) == OUTPUTS
    for name in OUTPUTS:
        asked = frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        np.testing.assert_allclose(said[name].to_numpy()[own], asked[own], rtol=0.0, atol=1e-12)


def test_the_signature_is_of_floats_and_the_example_answers(kept: Path, model: DelayModel) -> None:
    import mlflow.pyfunc

    loaded = mlflow.pyfunc.load_model(str(kept))
    signature = loaded.metadata.signature
    assert signature.inputs.input_names() == list(model.feature_names)
    assert {str(kind) for kind in signature.inputs.input_types()} == {"DataType.double"}
    assert signature.outputs.input_names() == list(OUTPUTS)
    example = loaded.metadata.load_input_example(str(kept))
    said = loaded.predict(example)
    assert len(said) == len(example) == 5
    assert said["prob_late"].between(0.0, 1.0).all()


def test_missing_and_other_columns_are_refused_by_name(ledger: Ledger, model: DelayModel, kept: Path) -> None:
    import mlflow.pyfunc
    from mlflow.exceptions import MlflowException

    _, X = features(ledger, model, NEXT)
    loaded = PandasModel(model)
    with pytest.raises(FeatureMismatchError, match=r"lacks days_to_due_of_nobody|lacks open_amount|lacks "):
        loaded.predict(X.drop(columns=model.feature_names[3]))
    with pytest.raises(FeatureMismatchError, match="holds mood, which the model does not know"):
        loaded.predict(X.assign(mood=1.0))
    with pytest.raises(FeatureMismatchError, match="rows without days_past_due"):
        loaded.predict(X.assign(days_past_due=np.nan))
    with pytest.raises(MlflowException, match=model.feature_names[3]):
        mlflow.pyfunc.load_model(str(kept)).predict(X.drop(columns=model.feature_names[3]))


# The registry ---------------------------------------------------------------------------------


def test_a_registered_model_scores_as_the_one_that_was_trained(
    logged: LoggedRun, model: DelayModel, ledger: Ledger, config: Config
) -> None:
    assert (logged.name, logged.version) == (NAME, "1")
    for address in (f"models:/{NAME}@challenger", f"models:/{NAME}/1"):
        loaded = load_registered(address, config.tracking)
        assert loaded.version == model.version
    ours, theirs = (score(ledger, each, NEXT, explain="none").frame for each in (model, loaded))
    assert ours.equals(theirs)
    assert (
        load_registered(address, config.tracking).manifest["ledger_sha256"] == model.manifest["ledger_sha256"]
    )


@pytest.mark.usefixtures("logged")
@pytest.mark.parametrize("address", ["models:/late@champion", "models:/late/7", "models:/nobody@champion"])
def test_what_is_not_there_is_told_with_what_to_do(address: str, config: Config) -> None:
    with pytest.raises(TrackingError, match=f"has no {address}; 'paydelay train --register"):
        load_registered(address, config.tracking)


@pytest.mark.parametrize("address", ["models:/late", "models:late@a", "models:/a/b", "models:/late@a/b"])
def test_what_is_no_address_is_refused_before_anything_is_asked(address: str) -> None:
    with pytest.raises(TrackingError, match="is no address of a registered model"):
        load_registered(address)


def test_a_name_that_no_address_could_hold_is_refused(model: DelayModel, ledger: Ledger) -> None:
    for name in ("a/b", "a:b", "a@b", "", " "):
        with pytest.raises(TrackingError, match="cannot bear that name"):
            log_training(model, ledger, register=name)


@pytest.mark.parametrize(
    ("name", "pattern", "by", "told"),
    [
        ("booster.txt", r"leaf_value=\S", "leaf_value=7", "booster.txt was altered"),
        ("booster.txt", r"\nTree=1\n(.|\n)*", "", "booster.txt was altered"),
        ("manifest.json", r"(.|\n){200}$", "", "manifest.json is not JSON"),
        ("manifest.json", '"unpaid_after_days": 30', '"unpaid_after_days": 31', "manifest.json was altered"),
        (
            "manifest.json",
            '"schema_version": [0-9]+',
            '"schema_version": 99',
            "manifest.json has schema version 99",
        ),
    ],
)
def test_a_model_that_was_tampered_with_is_refused_by_name(
    name: str, pattern: str, by: str, told: str, kept: Path, config: Config
) -> None:
    file = kept / "data" / "delay_model" / name
    before = file.read_text("utf-8")
    after = re.sub(pattern, by, before, count=1)
    assert after != before
    file.write_text(after, "utf-8")
    refused = f"Version 1 of late in the registry cannot be used: {told}"
    try:
        with pytest.raises(ModelError, match=refused) as caught:
            load_registered(f"models:/{NAME}/1", config.tracking)
    finally:
        file.write_text(before, "utf-8")
    assert "/tmp" not in str(caught.value)
    load_registered(f"models:/{NAME}/1", config.tracking)


def test_another_sound_model_in_its_place_is_refused(kept: Path, model: DelayModel, config: Config) -> None:
    native = kept / "data" / "delay_model"
    manifest = {**model.manifest, "outcomes": {**model.manifest["outcomes"], "grace_days": 1}}
    replace(model, manifest=manifest).save(native)
    try:
        with pytest.raises(ModelError, match=r"where .* was registered"):
            load_registered(f"models:/{NAME}/1", config.tracking)
    finally:
        model.save(native)


# The store ------------------------------------------------------------------------------------


def test_the_store_is_a_file_unless_somebody_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert tracking_uri() == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert tracking_uri() == "http://127.0.0.1:5000"
    assert tracking_uri(TrackingSettings(uri="sqlite:///own.db")) == f"sqlite:///{tmp_path}/own.db"
    with pytest.raises(TrackingError, match="no address"):
        tracking_uri(TrackingSettings(uri="mlruns"))


def test_artifacts_lie_beside_the_database(store: Store, logged: LoggedRun, home: Path, kept: Path) -> None:
    assert (home / "store" / "mlruns") in kept.parents
    assert store.place.endswith("/store/mlflow.db")


def test_nothing_is_sent_to_those_who_make_mlflow() -> None:
    script = (
        "import os; os.environ.pop('CI', None); os.environ.pop('PYTEST_CURRENT_TEST', None)\n"
        "from paydelay.tracking.store import _prepare\n"
        "_prepare()\n"
        "import mlflow.telemetry.client as t\n"
        "print(t.get_telemetry_client())"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == "None\n"


def test_a_server_that_is_not_there_is_told_without_its_password(model: DelayModel, ledger: Ledger) -> None:
    away = load_config({"tracking": {"uri": "http://ana:s3cret@127.0.0.1:9"}})
    with pytest.raises(TrackingError, match=r"http://127\.0\.0\.1:9 cannot be reached") as caught:
        log_training(model, ledger, away)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    assert place_of("postgresql+psycopg://a:b@h/x?password=c") == "postgresql+psycopg://h/x"


# The command line -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def books(home: Path, ledger: Ledger) -> Path:
    ledger.write(home / "books")
    return home / "books"


@pytest.fixture(scope="module")
def own(home: Path, config: Config) -> Path:
    file = home / "own.yaml"
    # One fold is enough where only what is logged of it is looked at.
    few = SETTINGS["backtest"] | {"fold_count": 1, "step_days": 14}
    values = {**SETTINGS, "backtest": few, "tracking": {"uri": config.tracking.uri}}
    file.write_text(yaml.safe_dump(values), "utf-8")
    return file


@pytest.fixture(scope="module")
def away(home: Path) -> Path:
    """Settings of a server where nobody listens."""
    file = home / "away.yaml"
    file.write_text(yaml.safe_dump({**SETTINGS, "tracking": {"uri": "http://127.0.0.1:9"}}), "utf-8")
    return file


@pytest.fixture(scope="module")
def covariates(home: Path) -> tuple[object, ...]:
    """A dated table of one's own, as commands take it."""
    days = [date(2023, 7, 1) + timedelta(days=7 * week) for week in range(60)]
    rates = pl.DataFrame({"known_on": days, "index": np.sin(np.arange(60) / 4.0).round(3)})
    rates.write_csv(home / "climate.csv")
    return ("--covariates", f"climate={home}/climate.csv")


def test_train_registers_and_score_reads_it_by_its_alias(
    home: Path, books: Path, own: Path, covariates: tuple[object, ...], store: Store
) -> None:
    ours = ("--config", own, *covariates)
    said = done(
        *("train", books, "--as-of", "2024-04-30", "--model", home / "cli", "--force", *ours),
        *("--register", "cli", "--no-proof"),
    )
    assert "Registered as version 1 of cli, alias challenger." in " ".join(said.split())
    for model, out in ((home / "cli", "folder"), ("models:/cli@challenger", "alias")):
        done("score", books, "--as-of", NEXT, "--model", model, "--out", home / f"{out}.parquet", *ours)
    folder, alias = (pl.read_parquet(home / f"{out}.parquet") for out in ("folder", "alias"))
    assert folder.equals(alias)
    missing = run("score", books, "--as-of", NEXT, "--model", "models:/cli@champion", *ours)
    assert "has no models:/cli@champion" in one_sentence(missing)
    # It is neither scored nor logged nor promoted without the table that it was trained with.
    log = ("log", home / "cli", "--ledger", books, "--register", "cli", "--no-proof", "--config", own)
    promote = ("promote", "cli", "--ledger", books, "--config", own)
    store.client.set_registered_model_alias("cli", "champion", "1")
    by_alias = ("score", books, "--as-of", NEXT, "--model", "models:/cli@challenger", "--config", own)
    for call in (by_alias, log):
        assert "--covariates climate=FILE" in one_sentence(run(*call))
    told = " ".join(done(*log, *covariates).split())
    assert f"'paydelay promote cli --ledger {books} {covariates[0]} {covariates[1]}'" in told
    assert "--covariates climate=FILE" in one_sentence(run(*promote))
    # As the same model, the second is a refresh that is not worse.
    assert "version 2 of cli is the champion" in " ".join(done(*promote, *covariates).split())


def test_what_was_trained_stays_where_the_server_cannot_be_reached(
    home: Path, books: Path, own: Path, away: Path, config: Config, covariates: tuple[object, ...]
) -> None:
    kept = home / "kept"
    call = ("train", books, "--as-of", TRAINED, "--model", kept, "--force", *covariates)
    told = one_sentence(run(*call, "--register", "kept", "--no-proof", "--config", away))
    assert "http://127.0.0.1:9 cannot be reached" in told
    assert f"The model stays in {kept}; log it later with 'paydelay log {kept}" in told
    french = run("log", kept, "--ledger", books, "--config", away, "--language", "fr")
    assert "Le modèle reste dans" in one_sentence(french)
    later = told.partition("'paydelay ")[2].rpartition("'")[0].split()
    said = done(*later, "--config", own, "--no-proof")
    assert "version 1 of kept" in said
    assert load_registered("models:/kept/1", config.tracking).version == DelayModel.load(kept).version


@pytest.mark.usefixtures("store")
def test_a_model_is_logged_with_a_backtest_of_its_settings(
    home: Path, books: Path, own: Path, model: DelayModel, store: Store
) -> None:
    model.save(home / "plain")
    said = done("log", home / "plain", "--ledger", books, "--config", own)
    run_id = said.split()[-1].rstrip(".")
    metrics = store.client.get_run(run_id).data.metrics
    assert "backtest.late.log_loss" in metrics
    folds = json.loads(Path(store.client.download_artifacts(run_id, "folds.json")).read_text())
    # Nothing that came after the training is used.
    assert max(fold["labels_at"] for fold in folds) <= TRAINED


def test_another_ledger_than_the_one_trained_on_is_told(
    home: Path, own: Path, model: DelayModel, ledger: Ledger
) -> None:
    model.save(home / "plain")
    one = ledger.payments.with_row_index().filter(pl.col("index") != 3).drop("index")
    replace(ledger, payments=one).write(home / "other")
    ran = run("log", home / "plain", "--ledger", home / "other", "--config", own, "--no-proof")
    assert ran.code == 0
    assert "is not the one that the model was trained on" in ran.err
