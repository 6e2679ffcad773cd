"""Kept scores made again: the same where nothing changed, and what changed told where something did."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from calls import AS_OF, SMALL, TRAINED, contents, done, one_sentence, run

import paydelay as pdl
from paydelay import DelayModel, Ledger, Replay, Scores, load_config
from paydelay.errors import ScoresError, TargetError

DAY = date.fromisoformat(AS_OF)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger, a model, and scores that the command line kept."""
    place = tmp_path_factory.mktemp("home")
    done("simulate", "--out", place / "ledger", "--customers", 60, "--months", 14, "--seed", 3)
    pdl.train(pdl.read_ledger(place / "ledger"), TRAINED, load_config(SMALL), force=True).save(
        place / "model"
    )
    call = ("score", place / "ledger", "--as-of", AS_OF, "--model", place / "model")
    told = done(*call, "--out", place / "scores.parquet", "--keep", place / "kept")
    assert "kept in" in told
    return place


@pytest.fixture(scope="module")
def ledger(home: Path) -> Ledger:
    return pdl.read_ledger(home / "ledger")


@pytest.fixture(scope="module")
def model(home: Path) -> DelayModel:
    return DelayModel.load(home / "model")


@pytest.fixture(scope="module")
def scores(ledger: Ledger, model: DelayModel) -> Scores:
    return pdl.score(ledger, model, AS_OF)


@pytest.fixture
def kept(home: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(home / "kept", tmp_path / "kept"))


def counts(found: Replay) -> dict[str, tuple[int, int, int]]:
    return {table: tuple(changes) for table, *changes in found.books.rows()}  # type: ignore[misc]


# The same -----------------------------------------------------------------------------------


def test_the_same_books_model_and_settings_give_the_same_scores(
    home: Path, ledger: Ledger, model: DelayModel, scores: Scores
) -> None:
    found = pdl.replay(home / "kept", ledger, model)
    assert found.same
    assert (found.changed, found.settings, dict(found.software)) == ((), (), {})
    assert found.books.height == found.rows.height == 0
    assert found.invoices["invoice_id"].to_list() == scores.frame["invoice_id"].to_list()
    for name in ("probability", "expected_loss", "reasons", "rest", "rank", "features"):
        assert found.invoices[f"same_{name}"].all()
    # What the command line keeps is what it writes, and what the library scores.
    assert pl.read_parquet(home / "kept" / "scores.parquet").equals(scores.frame)
    assert pl.read_parquet(home / "scores.parquet").sort("invoice_id").equals(scores.frame.sort("invoice_id"))


def test_the_same_scores_are_kept_in_the_same_bytes(home: Path, scores: Scores, tmp_path: Path) -> None:
    scores.keep(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(home / "kept")
    scores.keep(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(home / "kept")


def test_what_came_after_the_day_is_no_change(
    home: Path, ledger: Ledger, model: DelayModel, tmp_path: Path
) -> None:
    assert pdl.replay(home / "kept", pdl.cut_ledger(ledger, DAY), model).same
    # Other files of the same books are the same books.
    ledger.write(tmp_path / "other", format="parquet")
    found = pdl.replay(home / "kept", pdl.read_ledger(tmp_path / "other"), model)
    assert (found.same, found.changed) == (True, ())


def test_a_day_without_an_open_invoice_is_replayed_too(
    ledger: Ledger, model: DelayModel, tmp_path: Path
) -> None:
    found = pdl.replay(pdl.score(ledger, model, "2001-01-01").keep(tmp_path / "kept"), ledger, model)
    assert (found.same, found.changed, found.invoices.height) == (True, (), 0)


def test_the_command_line_says_so(home: Path, tmp_path: Path) -> None:
    call = ("replay", home / "kept", home / "ledger", "--model", home / "model")
    said = " ".join(done(*call).split())
    assert "come out exactly the same" in said
    assert "Books as known on 2024-06-30: the same." in said
    french = " ".join(done(*call, "--language", "fr", "--out", tmp_path / "rows.csv").split(" "))
    assert "Réglages\u202f: les mêmes." in french
    assert pl.read_csv(tmp_path / "rows.csv")["standing"].unique().to_list() == ["same"]


# What changed -------------------------------------------------------------------------------


def test_rows_added_removed_and_altered_after_the_fact_are_told_apart(
    home: Path, ledger: Ledger, model: DelayModel, scores: Scores
) -> None:
    known = (pl.col("known_on") <= DAY).cum_sum()
    payments = ledger.payments.with_columns(
        amount=pl.when(known == 3).then(pl.col("amount") - 1.0).otherwise("amount")
    ).filter(known != 7)
    late = payments[-1:].with_columns(payment_date=DAY - timedelta(9), known_on=DAY - timedelta(9))
    late = late.with_columns(recorded_on=pl.lit(None, pl.Date))
    invoices = ledger.invoices.with_columns(
        amount=pl.when(pl.col("invoice_id") == scores.frame["invoice_id"][4])
        .then(pl.col("amount") + 5_000.0)
        .otherwise("amount")
    )
    changed = replace(ledger, invoices=invoices, payments=pl.concat([payments, late]))
    found = pdl.replay(home / "kept", changed, model)
    assert found.changed == ("books",)
    assert counts(found) == {"invoices": (0, 0, 1), "payments": (1, 1, 1)}
    named = found.rows.filter(pl.col("table") == "invoices")
    assert named.select("change", "invoice_id").rows() == [("altered", scores.frame["invoice_id"][4])]
    assert sorted(found.rows["change"]) == ["added", "altered", "altered"]
    assert not found.same
    (moved,) = found.invoices.filter(invoice_id=scores.frame["invoice_id"][4]).to_dicts()
    assert moved["standing"] == "different"
    assert not moved["same_expected_loss"]
    assert not moved["same_features"]
    frames = found.to_pandas()
    assert frames["books"]["altered"].sum() == 2
    assert frames["rows"]["change"].tolist() == found.rows["change"].to_list()
    assert moved["expected_loss_now"] != moved["expected_loss_then"] == scores.frame["expected_loss"][4]
    # Of the book's larger part nothing but shares of the whole moved.
    assert found.invoices["same_probability"].sum() > 0


def test_an_invoice_paid_after_the_fact_is_not_scored_any_more(
    home: Path, ledger: Ledger, model: DelayModel, scores: Scores
) -> None:
    gone = scores.frame["invoice_id"][0]
    found = pdl.replay(
        home / "kept", replace(ledger, invoices=ledger.invoices.filter(pl.col("invoice_id") != gone)), model
    )
    assert found.invoices.filter(standing="only_then")["invoice_id"].to_list() == [gone]
    assert counts(found)["invoices"] == (0, 1, 0)
    assert found.rows.filter(table="invoices").is_empty()


def test_other_settings_are_named_and_nothing_else(home: Path, ledger: Ledger, model: DelayModel) -> None:
    other = load_config({"loss": {"annual_cost_of_capital": 0.5}})
    found = pdl.replay(home / "kept", ledger, model, config=other)
    assert (found.changed, found.settings) == (("settings",), ("loss.annual_cost_of_capital",))
    assert found.invoices["same_probability"].all()
    assert found.invoices["same_features"].all()
    assert not found.invoices["same_rest"].all()


def test_another_model_is_told_by_exit_code_and_in_both_languages(
    home: Path, ledger: Ledger, model: DelayModel, tmp_path: Path
) -> None:
    pdl.recalibrate(ledger, model, AS_OF).save(tmp_path / "newer")
    call = ("replay", home / "kept", home / "ledger", "--model", tmp_path / "newer")
    ran = run(*call, "--out", tmp_path / "rows.parquet")
    assert (ran.code, ran.err) == (1, "")
    said = " ".join(ran.out.split())
    assert "Only the model changed" in said
    assert f"instead of {model.version}" in said
    assert "Settings: the same." in said
    rows = pl.read_parquet(tmp_path / "rows.parquet")
    assert rows["same_features"].all()
    assert not rows["same_probability"].all()
    french = run(*call, "--language", "fr")
    assert french.code == 1
    assert "Rien d'autre n'a changé que le modèle" in " ".join(french.out.split())


def test_changed_books_are_counted_on_the_screen(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "ledger", tmp_path / "ledger")
    file = tmp_path / "ledger" / "payments.csv"
    lines = file.read_text("utf-8").splitlines(keepends=True)
    file.write_text("".join([*lines[:200], *lines[201:]]), "utf-8")
    ran = run("replay", home / "kept", tmp_path / "ledger", "--model", home / "model")
    said = " ".join(ran.out.split())
    assert ran.code == 1
    assert "not as they were" in said
    assert "payments 0 1 0" in said
    assert "Only the books changed" in said


def test_other_versions_of_the_software_are_named(
    home: Path, ledger: Ledger, model: DelayModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paydelay.scoring.keeping.version", lambda name: "9.9")
    found = pdl.replay(home / "kept", ledger, model)
    assert found.same
    assert found.changed == ("software",)
    assert found.software["polars"] == (pl.__version__, "9.9")


# What is kept -------------------------------------------------------------------------------


def test_the_books_are_kept_as_fingerprints_that_tell_nothing_of_them(home: Path, ledger: Ledger) -> None:
    books = pl.read_parquet(home / "kept" / "books.parquet")
    known = pdl.cut_ledger(ledger, DAY)
    assert books.height == sum(table.height for table in known.tables.values())
    assert books["row"].bin.size().unique().to_list() == [12]
    told = (home / "kept" / "books.parquet").read_bytes() + (home / "kept" / "kept.json").read_bytes()
    for name in ("invoice_id", "customer_id"):
        assert not any(value.encode() in told for value in ledger.invoices[name].unique().to_list())
    # Another book's rows cannot be looked up in it.
    manifest = json.loads((home / "kept" / "kept.json").read_text("utf-8"))
    assert manifest["ledger_sha256"] == known.fingerprint()


def test_the_manifest_tells_day_model_and_settings(home: Path, model: DelayModel) -> None:
    manifest = json.loads((home / "kept" / "kept.json").read_text("utf-8"))
    assert (manifest["as_of"], manifest["model_version"]) == (AS_OF, model.version)
    assert manifest["model_sha256"] == model.content_sha256
    assert manifest["settings"]["outcomes.grace_days"] == 0
    assert (
        model.content_sha256 == json.loads((home / "model" / "manifest.json").read_text())["manifest_sha256"]
    )


def test_covariate_tables_are_part_of_the_books(ledger: Ledger, tmp_path: Path) -> None:
    days = [date(2023, 5, 1) + timedelta(days=7 * week) for week in range(70)]
    table = pl.DataFrame({"known_on": days, "index": [0.1 * week for week in range(70)]})
    names = [name for name in pdl.CATALOGUE.names if "weekday" not in name or name == "as_of_weekday"]
    catalogue = pdl.Catalogue([*pdl.CATALOGUE.select(names), *pdl.covariate_features({"climate": table})])
    few = load_config(SMALL | {"model": SMALL["model"] | {"tree_count": 2}})
    asked = {"catalogue": catalogue, "covariates": {"climate": table}}
    model = pdl.train(ledger, TRAINED, few, force=True, **asked)
    pdl.score(ledger, model, AS_OF, explain="none", **asked).keep(tmp_path / "kept")
    assert pdl.replay(tmp_path / "kept", ledger, model, **asked).changed == ()
    later = pl.col("known_on") > DAY
    revised = table.with_columns(index=pl.when(later).then(9.0).otherwise("index"))
    assert pdl.replay(tmp_path / "kept", ledger, model, **asked | {"covariates": {"climate": revised}}).same
    revised = table.with_columns(index=pl.when(pl.col("known_on") == days[20]).then(9.0).otherwise("index"))
    found = pdl.replay(tmp_path / "kept", ledger, model, **asked | {"covariates": {"climate": revised}})
    assert counts(found) == {"covariates climate": (0, 0, 1)}


# What is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["kept.json", "scores.parquet", "features.parquet", "books.parquet"])
def test_a_folder_altered_cut_short_or_incomplete_is_refused_by_name(
    home: Path, kept: Path, name: str
) -> None:
    file, call = kept / name, ("replay", kept, home / "ledger", "--model", home / "model")
    whole = file.read_bytes()
    for spoilt in (whole[: len(whole) // 2], whole.replace(b"a", b"b", 1), b""):
        file.write_bytes(spoilt)
        assert f"{name} in {kept} was altered or cut short" in one_sentence(run(*call))
    file.unlink()
    assert f"holds no {name}" in one_sentence(run(*call))


def test_a_newer_version_and_what_is_no_folder_are_refused(
    home: Path, kept: Path, ledger: Ledger, model: DelayModel
) -> None:
    manifest = json.loads((kept / "kept.json").read_text("utf-8"))
    (kept / "kept.json").write_text(json.dumps(manifest | {"schema_version": 2}), "utf-8")
    with pytest.raises(ScoresError, match="schema version 2 and this paydelay reads version 1"):
        pdl.replay(kept, ledger, model)
    with pytest.raises(ScoresError, match=r"is no folder with kept\.json"):
        pdl.replay(home / "nowhere", ledger, model)


def test_evidence_is_not_replaced_by_other_scores(
    home: Path, kept: Path, ledger: Ledger, model: DelayModel, tmp_path: Path
) -> None:
    before = contents(kept)
    earlier = pdl.score(ledger, model, DAY - timedelta(7), explain="none")
    with pytest.raises(TargetError, match="keeps scores of 2024-06-30 already, which are not these"):
        earlier.keep(kept)
    call = ("score", home / "ledger", "--as-of", AS_OF, "--model", home / "model", "--explain", "none")
    out = tmp_path / "queue.csv"
    assert "which are not these" in one_sentence(run(*call, "--keep", kept, "--out", out))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine", "utf-8")
    assert "something else" in one_sentence(run(*call, "--keep", tmp_path / "mine", "--out", out))
    assert "is not a folder" in one_sentence(run(*call, "--keep", home / "scores.parquet", "--out", out))
    assert contents(kept) == before
    assert not out.exists()


def test_nothing_half_written_is_left(
    scores: Scores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, *_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(TargetError, match="No space left on device"):
        scores.keep(tmp_path / "kept")
    assert list(tmp_path.iterdir()) == []
