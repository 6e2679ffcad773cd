"""The command line given what it cannot use: one sentence, an exit code, and nothing written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from calls import AMOUNT, AS_OF, SECRET, TRAINED, Ran, contents, done, one_sentence, planted, run, train_small

import paydelay.training
from paydelay.cli import main
from paydelay.ledger import read_ledger
from paydelay.model import DelayModel


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_small(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def call(home: Path) -> tuple[object, ...]:
    return ("score", home / "ledger", "--as-of", AS_OF, "--model", home / "model")


@pytest.fixture
def untouched(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Checks, when called and at the end, that nothing was written since the first call."""
    before: list[dict[str, bytes | None]] = []

    def check() -> None:
        before.append(contents(tmp_path))
        assert before[-1] == before[0]

    yield check
    assert before
    check()


# Wrong calls ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--bogus", "1"), "--bogus"),
        (("--order", "size"), "expected-loss"),
        (("--by", "parent"), "customer"),
        (("--language", "de"), "fr"),
        (("--scope", "late"), "due-soon"),
        (("--explain", "some"), "none"),
        (("--top", "0"), "--top"),
        (("--top", "-5"), "--top"),
        (("--top", "many"), "--top"),
        (("--capacity", "0"), "--capacity"),
        (("--capacity",), "--capacity"),
        (("another",), "another"),
        (("--as-of", "2025-13-01"), "2025-13-01"),
        (("--as-of", "yesterday"), "year-month-day"),
        (("--as-of", "2024-06-30T10:00"), "year-month-day"),
        (("--as-of", ""), "year-month-day"),
        (("--as-of", "9999-12-31"), "1990-2100"),
        (("--as-of", "0001-01-01"), "1990-2100"),
        (("--model", "models:/queue@champion"), "registry"),
    ],
)
def test_a_wrong_call_is_told_in_one_sentence(
    call: tuple[object, ...], options: tuple[str, ...], named: str
) -> None:
    assert named in one_sentence(run(*call, *options))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("rank",), "rank"),
        (("score", "ledger"), "--as-of"),
        (("train", "ledger", "--as-of", "2024-01-01"), "--model"),
        (("check",), "LEDGER"),
        (("check", "ledger", "--csv-style", "excel"), "excel-fr"),
        (("report", "ledger", "--as-of", "2024-01-01", "--model", "m"), "--out"),
        (("simulate", "--out", "x", "--customers", "-5"), "customer_count"),
        (("simulate", "--out", "x", "--months", "0"), "month_count"),
        (("simulate", "--out", "x", "--seed", "-1"), "seed"),
        (("simulate", "--out", "x", "--format", "xlsx"), "parquet"),
    ],
)
def test_a_call_that_lacks_something_names_it(
    arguments: tuple[str, ...], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert named in one_sentence(run(*arguments))
    assert contents(tmp_path) == {}


def test_no_command_shows_the_commands() -> None:
    for ran in (run(), run("--verbose")):
        assert ran.code == 2
        assert ran.out == ""
        for command in ("simulate", "check", "train", "score", "report"):
            assert command in ran.err
    assert run("--help").code == 0
    assert run("--version").out.count(".") == 2


# Unusable input ---------------------------------------------------------------------------------


def change(name: str, content: str | bytes) -> Callable[[Path], object]:
    """Put something else in the place of a file."""
    data = content if isinstance(content, bytes) else content.encode()
    return lambda folder: (folder / name).write_bytes(data)


HEADER = "invoice_id,customer_id,issue_date,due_date,amount,currency\n"
ROW = f"F1,{SECRET},2024-01-02,2024-02-01,{AMOUNT},EUR\n"
UNUSABLE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "no invoices": ("neither invoices", lambda folder: (folder / "invoices.csv").unlink()),
    "no payments": ("neither payments", lambda folder: (folder / "payments.csv").unlink()),
    "missing column": ("due_date", change("invoices.csv", (HEADER + ROW).replace("due_date", "due"))),
    "wrong encoding": ("UTF-8", change("invoices.csv", (HEADER + ROW).encode("latin-1"))),
    "wide encoding": ("UTF-8", change("invoices.csv", (HEADER + ROW).encode("utf-16"))),
    "binary": ("invoices", change("invoices.csv", bytes(range(256)) * 9)),
    "empty": ("invoices", change("invoices.csv", b"")),
    "empty payments": ("payments", change("payments.csv", b"")),
    "a folder": ("neither invoices", lambda folder: (folder / "invoices.csv").rename(folder / "i.csv")),
    "both kinds": ("both", change("invoices.parquet", b"PAR1")),
    "settings": ("ledger.json", change("ledger.json", "{")),
    "no parquet": ("customers", change("customers.parquet", f"{SECRET} {AMOUNT}")),
    "several currencies": (
        "rates",
        change("invoices.csv", HEADER + ROW + ROW.replace("F1", "F2").replace("EUR", "USD")),
    ),
}


@pytest.mark.parametrize("what", UNUSABLE)
@pytest.mark.parametrize("command", ["check", "train", "score"])
def test_a_ledger_that_cannot_be_read_ends_in_one_sentence(
    home: Path, tmp_path: Path, untouched: Callable[[], None], command: str, what: str
) -> None:
    named, spoil = UNUSABLE[what]
    spoil(planted(tmp_path / "ledger"))
    untouched()
    options: tuple[object, ...] = ("--rejects", tmp_path / "rejects.csv")
    if command == "train":
        options = ("--as-of", AS_OF, "--model", tmp_path / "model")
    elif command == "score":
        options = ("--as-of", AS_OF, "--model", home / "model", "--out", tmp_path / "scores.csv")
    assert named in one_sentence(run(command, tmp_path / "ledger", *options))


def test_a_ledger_that_is_no_folder(home: Path, tmp_path: Path) -> None:
    assert "does not exist" in one_sentence(run("check", tmp_path / "absent"))
    assert "is a file" in one_sentence(run("check", home / "small.yaml"))
    assert "neither" in one_sentence(run("check", tmp_path))


def test_a_ledger_of_refused_rows_only_is_nothing_to_score(
    home: Path, tmp_path: Path, untouched: Callable[[], None]
) -> None:
    folder = planted(tmp_path / "ledger")
    change("invoices.csv", HEADER + ROW.replace("2024-02-01", "2023-02-01"))(folder)
    untouched()
    options = ("--as-of", AS_OF, "--model", home / "model", "--out", tmp_path / "scores.csv")
    assert "no usable invoice" in one_sentence(run("score", folder, *options))
    ran = run("train", folder, "--as-of", AS_OF, "--model", tmp_path / "model")
    assert "no usable invoice" in one_sentence(ran)
    ran = run("report", folder, *options[:4], "--out", tmp_path / "report.html")
    assert "no usable invoice" in one_sentence(ran)
    assert run("check", folder).code == 2
    assert run("check", folder, "--strict").code == 1


def test_a_ledger_without_any_row_is_thin_and_its_book_empty(home: Path, tmp_path: Path) -> None:
    folder = planted(tmp_path / "ledger")
    change("invoices.csv", HEADER)(folder)
    change("payments.csv", "invoice_id,payment_date,amount\n")(folder)
    assert "too thin" in one_sentence(
        run("train", folder, "--as-of", AS_OF, "--model", tmp_path / "m"), code=1
    )
    ran = run("score", folder, "--as-of", AS_OF, "--model", home / "model")
    assert (ran.code, ran.err) == (0, f"No invoice was open at the close of {AS_OF}.\n")


def edited(name: str, edit: Callable[[str], str]) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(edit((folder / name).read_text("utf-8")), "utf-8")


BROKEN_MODELS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "no manifest": ("manifest.json", lambda folder: (folder / "manifest.json").unlink()),
    "no booster": ("booster.txt", lambda folder: (folder / "booster.txt").unlink()),
    "short booster": ("altered", edited("booster.txt", lambda text: text[: len(text) // 2])),
    "short manifest": ("not JSON", edited("manifest.json", lambda text: text[: len(text) // 2])),
    "other leaf": (
        "altered",
        edited("booster.txt", lambda text: text.replace("leaf_value=", "leaf_value=1")),
    ),
    "other setting": (
        "altered",
        edited("manifest.json", lambda t: t.replace('"grace_days": 0', '"grace_days": 9')),
    ),
    "newer": (
        "version 2",
        edited("manifest.json", lambda t: t.replace('"schema_version": 1', '"schema_version": 2')),
    ),
    "list": ("version None", edited("manifest.json", lambda _: "[1, 2]")),
    "binary": ("not text", lambda folder: (folder / "manifest.json").write_bytes(b"\xff\xfe\x00")),
}


@pytest.mark.parametrize("what", BROKEN_MODELS)
def test_a_model_that_is_not_whole_is_refused(
    home: Path, tmp_path: Path, untouched: Callable[[], None], what: str
) -> None:
    named, spoil = BROKEN_MODELS[what]
    spoil(DelayModel.load(home / "model").save(tmp_path / "model"))
    untouched()
    options = ("--as-of", AS_OF, "--model", tmp_path / "model", "--out", tmp_path / "scores.csv")
    assert named in one_sentence(run("score", home / "ledger", *options))


@pytest.mark.parametrize("place", ["absent", "ledger", "small.yaml", ""])
def test_a_place_without_a_model_is_refused(home: Path, place: str) -> None:
    ran = run("score", home / "ledger", "--as-of", AS_OF, "--model", home / place)
    what = "is not there" if place == "absent" else "is not a model folder"
    assert what in one_sentence(ran)


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("scores", "ending"),
        ("scores.xlsx", ".xlsx"),
        ("folder.csv", "is a folder"),
        ("file/scores.csv", "cannot be written"),
        ("a" * 300 + ".csv", "cannot be written"),
        ("sqlite:///queue.db#worklist", "Databases"),
        ("postgresql://me:Geheim@host/db#worklist", "Databases"),
        ("", "ending"),
    ],
)
def test_a_target_that_cannot_be_written_is_refused(
    call: tuple[object, ...],
    tmp_path: Path,
    untouched: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    target: str,
    named: str,
) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").write_text("mine", "utf-8")
    untouched()
    monkeypatch.chdir(tmp_path)
    assert named in one_sentence(run(*call, "--out", target))
    ran = run("check", planted(tmp_path.parent / "sound"), "--rejects", target)
    one_sentence(ran)
    if "written" not in named:
        assert ran.out == ""


@pytest.mark.parametrize("target", ["report.pdf", "report", "folder.html", "file/report.html", ""])
def test_a_page_that_cannot_be_written_is_refused(
    call: tuple[object, ...],
    tmp_path: Path,
    untouched: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    target: str,
) -> None:
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "file").write_text("mine", "utf-8")
    untouched()
    monkeypatch.chdir(tmp_path)
    assert ".html" in one_sentence(run("report", *call[1:], "--out", target))


def test_what_was_there_stays_when_scoring_fails(home: Path, tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text("yesterday's", "utf-8")
    options = ("--as-of", AS_OF, "--model", home / "model", "--out", tmp_path / "scores.csv")
    one_sentence(run("score", tmp_path / "absent", *options))
    assert contents(tmp_path) == {"scores.csv": b"yesterday's"}


@pytest.mark.parametrize("place", ["mine", "file", "file/model"])
def test_a_model_never_takes_the_place_of_something_else(
    home: Path, tmp_path: Path, untouched: Callable[[], None], place: str
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work", "utf-8")
    (tmp_path / "file").write_text("mine", "utf-8")
    untouched()
    options = ("--as-of", TRAINED, "--config", home / "small.yaml", "--force")
    one_sentence(run("train", home / "ledger", *options, "--model", tmp_path / place))
    if place != "file/model":
        # Before the ledger is looked for, let alone an hour of training.
        ran = run("train", tmp_path / "absent", *options, "--model", tmp_path / place)
        assert "empty or new folder" in one_sentence(ran)
        one_sentence(run("simulate", "--out", tmp_path / place, "--customers", 5, "--months", 3))


def test_books_that_are_there_are_not_replaced_by_simulated_ones(tmp_path: Path) -> None:
    books = tmp_path / "mine"
    asked = ("simulate", "--out", books, "--customers", 5, "--months", 3)
    done(*asked)
    (books / "invoices.csv").write_text("mine", "utf-8")
    before = contents(tmp_path)
    assert "--force" in one_sentence(run(*asked))
    assert "--force" in one_sentence(run(*asked, "--language", "fr"))
    assert contents(tmp_path) == before
    done(*asked, "--force")
    assert read_ledger(books).refusals.is_empty()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("modell: {}", "modell"),
        ("model: {trees: 3}", "model.trees"),
        ("model: {tree_count: 0}", "model.tree_count"),
        (f"model: {{tree_count: {SECRET}}}", "model.tree_count"),
        ("model: [1", "YAML"),
        ("- 1", "mapping"),
        ("!!python/object/apply:os.getcwd []", "YAML"),
        (b"\xff\xfe\x00", "YAML"),
        (None, "YAML"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_before_any_work(
    call: tuple[object, ...],
    tmp_path: Path,
    untouched: Callable[[], None],
    text: str | bytes | None,
    named: str,
) -> None:
    if text is not None:
        change("settings.yaml", text)(tmp_path)
    untouched()
    settings = ("--config", tmp_path / "settings.yaml")
    assert named in one_sentence(run(*call, *settings))
    # Before the ledger is looked for, too.
    absent = ("train", tmp_path / "absent", "--as-of", AS_OF, "--model", tmp_path / "model")
    assert named in one_sentence(run(*absent, *settings))


# Interruptions ---------------------------------------------------------------------------------


def failing(error: BaseException) -> Callable[..., Any]:
    def train(*_: Any, **__: Any) -> Any:
        raise error

    return train


def test_an_interruption_is_quiet_and_leaves_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paydelay.training, "train", failing(KeyboardInterrupt()))
    ran = run("train", home / "ledger", "--as-of", TRAINED, "--model", tmp_path / "model")
    assert ran == Ran(130, "", "")
    assert contents(tmp_path) == {}


def test_an_unforeseen_error_tells_its_kind_and_no_cell(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paydelay.training, "train", failing(ValueError(f"{SECRET} {AMOUNT}")))
    call = ("train", str(home / "ledger"), "--as-of", TRAINED, "--model", str(tmp_path / "model"))
    ran = run(*call)
    assert ran.code == 2
    assert ran.err == (
        "paydelay: an unforeseen ValueError; set PAYDELAY_DEBUG=1 to see where, and report it.\n"
    )
    monkeypatch.setenv("PAYDELAY_DEBUG", "1")
    with pytest.raises(ValueError, match=SECRET):
        main(call)
