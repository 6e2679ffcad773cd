"""Features and tables of one's own: by argument, by entry point, by ``--covariates``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import yaml
from calls import AS_OF, SMALL, TRAINED, done, one_sentence, pipeline, run

import paydelay as pdl
from paydelay import CATALOGUE, Catalogue, Config, Feature, Ledger
from paydelay.backtest.kept import FoldReplay, KeptFolds
from paydelay.errors import FeatureError, FeatureMismatchError, LeakageError, LedgerError
from paydelay.explain import reasons
from paydelay.features import own_identity, own_part
from paydelay.folds import Fold

PLUG_IN = """
    from paydelay import Feature

    WORDS = {"en": "Due in the first days of a month", "fr": "Échéance en début de mois"}
    FIRST_DAYS = Feature(
        "first_days_flag", "seasonality", "flag", "Due early in a month.", "day of due date <= 5",
        "covariate", lambda view: (view.due_day.astype("datetime64[D]").astype(str).astype("U10")
                                   .astype("datetime64[D]") - view.due_day.astype("datetime64[D]")
                                   .astype("datetime64[M]").astype("datetime64[D]")).astype(int) <= 5,
        words=WORDS,
    )
    TOTAL = Feature(
        "own_invoice_count", "behaviour", "count", "Invoices issued.", "invoices known", "covariate",
        lambda view: view.total("issued"), words={"en": "Invoices so far", "fr": "Factures à ce jour"},
    )


    def features():
        return [FIRST_DAYS]
"""
Install = Callable[..., None]


def distribution(folder: Path, name: str, code: str, entry: str) -> None:
    """What an installation leaves: a module, and the metadata of its distribution."""
    module = name.replace("-", "_")
    (folder / f"{module}.py").write_text(dedent(code), "utf-8")
    info = folder / f"{module}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n", "utf-8")
    (info / "entry_points.txt").write_text(f"[paydelay.features]\nown = {module}:{entry}\n", "utf-8")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs distributions for the time of a test."""
    folder, before = tmp_path / "site", set(sys.modules)
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)

    def installed(name: str = "acme-features", code: str = PLUG_IN, entry: str = "features") -> None:
        distribution(folder, name, code, entry)

    yield installed
    for module in set(sys.modules) - before:
        if module.startswith(("acme", "other")):
            del sys.modules[module]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger, settings, a plug-in, a table, and a model trained with both by the command line."""
    place = tmp_path_factory.mktemp("home")
    (place / "site").mkdir()
    distribution(place / "site", "acme-features", PLUG_IN, "features")
    (place / "small.yaml").write_text(yaml.safe_dump(SMALL), "utf-8")
    done("simulate", "--out", place / "ledger", "--customers", 60, "--months", 14, "--seed", 3)
    days = [date(2023, 5, 1) + timedelta(days=7 * week) for week in range(70)]
    rates = pl.DataFrame({"known_on": days, "index": np.sin(np.arange(70) / 4.0).round(3)})
    rates.write_csv(place / "climate.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(place / "site")
        call = ("train", place / "ledger", "--as-of", TRAINED, "--model", place / "model", "--force")
        done(*call, "--config", place / "small.yaml", "--covariates", f"climate={place}/climate.csv")
    sys.modules.pop("acme_features", None)
    return place


@pytest.fixture
def ready(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The home with its plug-in installed."""
    monkeypatch.syspath_prepend(home / "site")
    yield home
    sys.modules.pop("acme_features", None)


# By entry point and --covariates ------------------------------------------------------------


def test_nothing_installed_leaves_the_catalogue_as_it_is() -> None:
    assert pdl.installed_catalogue() is pdl.CATALOGUE


def test_an_installed_feature_and_a_table_join_the_model_and_its_manifest(home: Path) -> None:
    model = pdl.DelayModel.load(home / "model")
    assert model.feature_names == (*pdl.CATALOGUE.names, "first_days_flag", "climate_index")
    assert {"first_days_flag", "climate_index"} <= set(model.manifest["units"])
    own = model.manifest["own_features"]
    assert own["first_days_flag"]["brought_by"] == "acme-features 1.2"
    assert own["first_days_flag"]["words"]["fr"] == "Échéance en début de mois"
    assert model.manifest["covariates"] == {"climate": {"by": "book", "columns": ["index"]}}


def test_the_model_is_scored_and_corrected_by_the_command_line_as_by_the_library(
    ready: Path, tmp_path: Path
) -> None:
    table = f"climate={ready}/climate.csv"
    call = ("score", ready / "ledger", "--as-of", AS_OF, "--model", ready / "model", "--covariates", table)
    done(*call, "--out", tmp_path / "scores.parquet", "--language", "fr")
    tables = pdl.read_covariates({"climate": ready / "climate.csv"})
    catalogue = pdl.Catalogue([*pdl.installed_catalogue(), *pdl.covariate_features(tables)])
    ledger, model = pdl.read_ledger(ready / "ledger"), pdl.DelayModel.load(ready / "model")
    asked: dict[str, Any] = {"catalogue": catalogue, "covariates": tables}
    scores = pdl.score(ledger, model, AS_OF, language="fr", keep_features=True, **asked)
    written = pl.read_parquet(tmp_path / "scores.parquet")
    ours = scores.frame.sort("invoice_id")
    assert written.sort("invoice_id").equals(ours)
    assert scores.features is not None
    assert set(scores.features["first_days_flag"]) == {0.0, 1.0}
    told = scores.explain(ours.filter(pl.col("days_past_due") < 0)["invoice_id"][0])["late"]
    assert {"first_days_flag", "climate_index"} <= set(told["contributions"])
    # What they say is told in their owner's words.
    own = catalogue.select(["first_days_flag", "climate_index"]).features
    (said,) = reasons(np.array([[0.9, 0.8]]), np.array([[1.0, 0.5]]), own, {}, "fr").to_list()
    assert [reason["text"] for reason in said] == [
        "Échéance en début de mois\u202f: oui",
        "Climate index\u202f: 0,5",
    ]
    done("recalibrate", *call[1:], "--out", tmp_path / "newer")
    assert pdl.DelayModel.load(tmp_path / "newer").feature_names == model.feature_names
    assert pdl.cash_in(ledger, model, AS_OF, weeks=1, **asked).height == 4


def test_a_model_without_its_table_or_package_is_refused_by_name(home: Path, tmp_path: Path) -> None:
    call = (
        "score",
        home / "ledger",
        "--as-of",
        AS_OF,
        "--model",
        home / "model",
        "--out",
        tmp_path / "a.csv",
    )
    told = one_sentence(run(*call))
    assert "trained with the covariate table climate" in told
    assert "--covariates climate=FILE" in told
    told = one_sentence(run(*call, "--covariates", f"climate={home}/climate.csv"))
    assert "first_days_flag of acme-features 1.2" in told
    assert "install the package" in told
    assert list(tmp_path.iterdir()) == []


def test_every_command_that_reads_a_book_takes_what_is_installed(
    ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    class Enough(Exception):  # noqa: N818 - it ends a call, and tells of no error
        pass

    def watched(name: str) -> Callable[..., Any]:
        def call(*_: Any, catalogue: pdl.Catalogue, covariates: Any, **__: Any) -> Any:
            seen[name] = catalogue.names[-2:], list(covariates)
            raise Enough

        return call

    for module, name in (
        ("backtest", "backtest"),
        ("tune", "tune"),
        ("monitor", "monitor"),
        ("tracking", "promote"),
        ("tracking", "log_training"),
        ("scoring", "score"),
    ):
        monkeypatch.setattr(sys.modules[f"paydelay.{module}"], name, watched(name))
    table = ("--covariates", f"climate={ready}/climate.csv")
    ledger, model = ready / "ledger", ("--model", ready / "model")
    settings = tmp_path / "own.yaml"
    settings.write_text(yaml.safe_dump({"tracking": {"uri": f"sqlite:///{tmp_path}/runs.db"}}), "utf-8")
    run("backtest", ledger, "--out", tmp_path / "a", *table)
    run("tune", ledger, "--out", tmp_path / "b", *table)
    run("monitor", ledger, "--scores", tmp_path, "--as-of", AS_OF, "--out", tmp_path / "c", *table)
    run("promote", "late", "--ledger", ledger, *table)
    run("report", ledger, "--as-of", AS_OF, *model, "--out", tmp_path / "page.html", *table)
    expected = (("first_days_flag", "climate_index"), ["climate"])
    assert seen == dict.fromkeys(("backtest", "tune", "monitor", "promote", "score"), expected)


@pytest.mark.parametrize(
    ("code", "entry", "told"),
    [
        ("import no_such_package", "features", "cannot be loaded (ModuleNotFoundError)"),
        ("features = [1]", "features", "gives a int; a Feature, an iterable of them"),
        ("features = 3", "features", "cannot be loaded (TypeError)"),
        ("def features():\n    raise ValueError('Geheim')", "features", "cannot be loaded (ValueError)"),
        (
            PLUG_IN.replace("first_days_flag", "days_past_due"),
            "FIRST_DAYS",
            "which paydelay itself has already",
        ),
        (PLUG_IN.replace("first_days_flag", "as_of"), "FIRST_DAYS", "the name as_of is taken"),
        (
            PLUG_IN.replace('"covariate", lambda', '"mood", lambda'),
            "FIRST_DAYS",
            "'mood', which has no sentence",
        ),
        (PLUG_IN.replace("words=WORDS", "words=None"), "FIRST_DAYS", "without words of its own"),
    ],
)
def test_an_entry_point_that_cannot_be_used_is_told_of_in_one_sentence(
    install: Install, home: Path, code: str, entry: str, told: str
) -> None:
    install(code=code, entry=entry)
    with pytest.raises(FeatureError, match=r"The entry point own of acme-features 1\.2"):
        pdl.installed_catalogue()
    ran = run("score", home / "ledger", "--as-of", AS_OF, "--model", home / "model")
    assert told in one_sentence(ran)


def test_two_packages_with_one_name_are_told_apart(install: Install) -> None:
    install()
    install("other-features", entry="FIRST_DAYS")
    with pytest.raises(FeatureError, match=r"other-features 1\.2 brings .* acme-features 1\.2 has already"):
        pdl.installed_catalogue()


@pytest.mark.parametrize("entry", ["features", "FIRST_DAYS"])
def test_a_feature_or_a_function_of_features_is_an_entry_point(install: Install, entry: str) -> None:
    install(entry=entry)
    found = pdl.installed_catalogue()
    assert found.names == (*pdl.CATALOGUE.names, "first_days_flag")
    assert own_part(found).names == ("first_days_flag",)


def test_an_installed_feature_that_peeks_is_refused_before_training(
    install: Install, home: Path, tmp_path: Path
) -> None:
    peeks = PLUG_IN.replace('lambda view: view.total("issued")', "lambda view: [PAYMENTS(view)] * len(view)")
    install(code=peeks + "\n    PAYMENTS = lambda view: view._history.ledger.payments.height", entry="TOTAL")
    call = ("train", home / "ledger", "--as-of", TRAINED, "--model", tmp_path / "model")
    asked = ("--ledger", home / "ledger", "--as-of", TRAINED, "--out", tmp_path / "model")
    for ran in (run(*call), pipeline("train", *asked)):
        assert "see past their as_of date: own_invoice_count" in one_sentence(ran)
        assert not (tmp_path / "model").exists()


def test_an_installed_feature_that_fails_is_named(install: Install, home: Path, tmp_path: Path) -> None:
    install(code=PLUG_IN.replace('view.total("issued")', "{}[view]"), entry="TOTAL")
    call = ("train", home / "ledger", "--as-of", TRAINED, "--model", tmp_path / "model")
    assert "own_invoice_count cannot be computed: its function ends in a TypeError" in one_sentence(
        run(*call)
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("climate", "write NAME=FILE"),
        ("a b=climate.csv", "write NAME=FILE"),
        ("climate=no.csv", "cannot be read from no.csv (No such file or directory)"),
        ("climate=climate.xlsx", "read from a .csv or .parquet file"),
    ],
)
def test_a_table_that_is_not_one_is_a_wrong_call(home: Path, given: str, told: str) -> None:
    call = ("score", home / "ledger", "--as-of", AS_OF, "--model", home / "model", "--covariates", given)
    assert told in one_sentence(run(*call))


# Tables from files --------------------------------------------------------------------------


def test_tables_are_read_as_they_are_known(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "known_on,customer_id,score\n2024-01-05,007, 3.5\n2024-02-01,007,\n", "utf-8"
    )
    table = pdl.read_covariates({"a": tmp_path / "a.csv"})["a"]
    assert table.rows() == [(date(2024, 1, 5), "007", 3.5), (date(2024, 2, 1), "007", None)]
    table.with_columns(pl.col("known_on").cast(pl.Datetime), pl.col("score").cast(pl.Float32)).write_parquet(
        tmp_path / "a.parquet"
    )
    assert pdl.read_covariates({"a": tmp_path / "a.parquet"})["a"].equals(table)


def test_frames_of_pandas_are_tables_too() -> None:
    frame = pd.DataFrame(
        {
            "known_on": pd.to_datetime(["2024-01-05", "2024-02-01"]),
            "customer_id": ["007"] * 2,
            "score": [3, None],
        },
        index=[8, 9],
    )
    table = pdl.read_covariates({"a": frame})["a"]
    assert table.rows() == [(date(2024, 1, 5), "007", 3.0), (date(2024, 2, 1), "007", None)]
    assert pdl.read_covariates({"a": table})["a"].equals(table)
    with pytest.raises(LedgerError, match="rows whose score is not a number"):
        pdl.read_covariates({"a": frame.assign(score="many")})
    for none in (5, "a.txt"):
        with pytest.raises(LedgerError, match="The covariate table 'a'"):
            pdl.read_covariates({"a": none})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("day,index\n2024-01-05,1\n", "has no column 'known_on'"),
        ("known_on\n2024-01-05\n", "no numeric column"),
        ("known_on,index\n5 May,1\n2024-01-05,1\n,2\n", "2 rows whose known_on is not a date"),
        ('known_on,index\n2024-01-05,"1,5"\n', "1 rows whose index is not a number"),
        ("known_on,index\n2024-01-05,inf\n", "1 rows whose index is not a number"),
        ("known_on,customer_id,index\n2024-01-05,,1\n", "1 rows whose customer_id is not a text"),
        ("known_on,customer_id,country,index\n2024-01-05,C,FR,1\n", "has the keys customer_id, country"),
        ("", "it is no .csv table"),
    ],
)
def test_a_table_with_a_row_that_cannot_be_used_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "a.csv").write_text(text, "utf-8")
    with pytest.raises(LedgerError, match="The covariate table 'climate'") as caught:
        pdl.read_covariates({"climate": tmp_path / "a.csv"})
    assert told in str(caught.value)


# By argument --------------------------------------------------------------------------------


def own(compute: Callable[[pdl.PastView], Any]) -> pdl.Catalogue:
    words = {"en": "Own", "fr": "Soi"}
    told = ("covariate", "count", "One's own.", "Its own.", "covariate")
    return pdl.Catalogue([pdl.Feature("own_count", *told, compute, words=words)])


def test_a_feature_by_argument_is_held_against_the_cut_ledger_and_computed(home: Path) -> None:
    ledger = pdl.read_ledger(home / "ledger")
    assert pdl.check_no_leak(ledger, [TRAINED], own(lambda view: view.total("issued"))) > 50
    with pytest.raises(LeakageError, match="own_count"):
        pdl.check_no_leak(
            ledger, [TRAINED], own(lambda view: np.full(len(view), view._history.ledger.payments.height))
        )
    with pytest.raises(FeatureError, match=r"own_count cannot be computed: .* ZeroDivisionError"):
        pdl.panel(ledger, [TRAINED], catalogue=own(lambda view: 1 / 0))
    with pytest.raises(FeatureError, match="own_count returned numbers that are infinite"):
        pdl.panel(ledger, [TRAINED], catalogue=own(lambda view: np.full(len(view), np.inf)))


def test_a_model_with_a_feature_by_argument_names_it_where_it_is_missing(home: Path) -> None:
    model = pdl.DelayModel.load(home / "model")
    tables = pdl.read_covariates({"climate": home / "climate.csv"})
    with pytest.raises(
        FeatureMismatchError,
        match=r"features first_days_flag of acme-features 1\.2, climate_index of the covariate table",
    ):
        model.chosen_from(pdl.CATALOGUE, tables)


def test_the_feature_of_the_documentation_is_one(home: Path) -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "extending.md").read_text("utf-8")
    said: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], said)
    ledger, own = pdl.read_ledger(home / "ledger"), own_part(said["catalogue"])
    found = pdl.panel(ledger, ["2023-12-20"], catalogue=own)
    due = found.rows["due_date"]
    assert (
        found.X[:, 0].tolist() == ((due.dt.month() == 12) & (due.dt.day() >= 25)).cast(pl.Float64).to_list()
    )
    assert pdl.check_no_leak(ledger, ["2023-12-20"], own) == len(found)


# What tells one feature from another ----------------------------------------------------


def counted(days: int, name: str = "issued_own") -> Catalogue:
    told = ("behaviour", "count", "Invoices.", "as counted", "invoice_count")
    return Catalogue(
        [
            *CATALOGUE,
            Feature(name, *told, lambda view: view.total("issued", "count", by="customer", days=days)),
        ]
    )


class Counting:
    """A feature that is an object."""

    def __init__(self, days: int) -> None:
        self.days = days

    def __call__(self, view: Any) -> Any:
        return view.total("issued", "count", by="customer", days=self.days)


def test_an_identity_changes_with_what_a_feature_does_and_not_from_run_to_run() -> None:
    found = own_identity(counted(30))
    assert found == own_identity(counted(30))
    assert found != own_identity(counted(31))
    assert found != own_identity(counted(30, "issued_other"))
    other = replace(counted(30)["issued_own"], compute=lambda view: -view.total("issued", "count", days=30))
    assert found != own_identity(Catalogue([*CATALOGUE, other]))
    bound = [replace(other, compute=partial(lambda days, view: days, days)) for days in (1, 2)]
    first, second = (own_identity(Catalogue([*CATALOGUE, each])) for each in bound)
    assert first != second
    called = [
        own_identity(Catalogue([*CATALOGUE, replace(other, compute=each)]))
        for each in (Counting(3), Counting(3), Counting(4), Counting(4).__call__)
    ]
    assert called[0] == called[1]
    assert called[1] != called[2] == called[3]
    # No address of this run, which would make every run another one.
    assert "0x" not in json.dumps([found, first, *called])
    assert own_identity(CATALOGUE)["features"] == []


def test_a_kept_fold_of_a_feature_that_was_mended_is_not_used_again(tmp_path: Path) -> None:
    ledger = Ledger.from_frames(
        pl.DataFrame(
            {
                "invoice_id": ["F1"],
                "customer_id": ["C1"],
                "issue_date": ["2025-01-02"],
                "due_date": ["2025-02-01"],
                "amount": [1.0],
                "currency": ["EUR"],
            }
        ),
        pl.DataFrame({"invoice_id": ["F1"], "payment_date": ["2025-02-03"], "amount": [1.0]}),
    )
    fold = Fold(1, date(2025, 2, 1), (date(2025, 2, 1),), date(2025, 3, 1))
    rows = pl.DataFrame({"row": [1]})
    KeptFolds(tmp_path, ledger, Config(), counted(30)).keep(fold, FoldReplay(rows, {}, rows))
    assert KeptFolds(tmp_path, ledger, Config(), counted(30)).read(fold) is not None
    assert KeptFolds(tmp_path, ledger, Config(), counted(60)).read(fold) is None
