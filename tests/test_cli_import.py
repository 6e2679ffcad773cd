"""The command import: what it writes, what it tells, and what it refuses in one sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from calls import contents, done, one_sentence, run
from sources import HEADER, ROWS, SECRET, tiny

import paydelay as pdl
from paydelay.cli.commands import application
from paydelay.ledger import read_ledger
from paydelay.sources import KINDS

__all__ = ["tiny"]
DAYS = "a whole number of days from 0 to 3650."
CODE = "an ISO 4217 code in three capital letters, such as EUR."


def test_a_ledger_is_written_with_its_report_and_reads_back(tiny: Path, tmp_path: Path) -> None:
    out = done("import", "tiny", tiny, "--out", tmp_path / "ledger", "--terms-days", 30)
    assert out.startswith("Files read\n")
    assert out.endswith(f"Ledger written to {tmp_path / 'ledger'}, with this report in import.json.\n")
    ledger = read_ledger(tmp_path / "ledger")
    assert ledger.invoices.select("invoice_id", "amount").rows() == [("F1", 100.5), ("F2", 80.0)]
    assert str(ledger.invoices["due_date"][1]) == "2024-02-02"
    report = json.loads((tmp_path / "ledger" / "import.json").read_text("utf-8"))
    assert report["files"][0]["read"] == 6
    assert report["reconciled"] is True


def test_the_library_and_the_command_make_the_same_ledger(tiny: Path, tmp_path: Path) -> None:
    done("import", "tiny", tiny, "--out", tmp_path / "a", "--format", "parquet", "--currency", "USD")
    pdl.import_ledger("tiny", tiny, currency="USD").write(tmp_path / "b", "parquet")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert {path.suffix for path in (tmp_path / "a").iterdir()} == {".parquet", ".json", ".csv"}


def test_french_is_french(tiny: Path, tmp_path: Path) -> None:
    out = done("import", "tiny", tiny, "--out", tmp_path / "ledger", "--language", "fr")
    assert "Rapprochement" in out
    assert out.endswith("avec ce compte rendu dans import.json.\n")
    assert "Ledger" not in out


def test_refused_lines_go_to_a_file_and_strict_stops_before_anything_is_written(
    tiny: Path, tmp_path: Path
) -> None:
    call = ("import", "tiny", tiny, "--out", tmp_path / "ledger", "--rejects", tmp_path / "rejects.csv")
    ran = run(*call, "--strict")
    assert (ran.code, ran.err) == (1, "3 lines were refused: with --strict no ledger is written.\n")
    assert not (tmp_path / "ledger").exists()
    assert (tmp_path / "rejects.csv").read_text("utf-8").splitlines() == [
        "file,line,column,rule,identifier,why",
        'books.csv,4,issued,date_unreadable,F3,"a date cannot be read as one, or is not '
        'written as the others of its column"',
        "books.csv,5,due_date,due_before_issue,F4,the invoice falls due before it is issued",
        "books.csv,6,,too_few_cells,,the line has fewer cells than the header has names",
    ]
    french = run(*call, "--language", "fr", "--csv-style", "excel-fr")
    assert french.code == 0
    assert "3 lignes écrites dans" in french.out
    assert "précède" in (tmp_path / "rejects.csv").read_text("utf-8-sig")
    tiny.write_text(HEADER + ROWS.splitlines()[0] + "\n", "cp1252")
    done("import", "tiny", tiny, "--out", tmp_path / "strict", "--strict")


def test_amounts_that_do_not_agree_are_told_on_stderr_and_stop_a_strict_import(
    tiny: Path, tmp_path: Path
) -> None:
    contrary = tiny.with_name("contrary.csv")
    contrary.write_text(HEADER + ROWS.splitlines()[0] + "\n", "cp1252")
    call = ("import", "tiny", contrary, "--out", tmp_path / "ledger")
    ran = run(*call, "--strict")
    assert ran.code == 1
    assert ran.err == "The ledger does not agree with the files: with --strict no ledger is written.\n"
    assert not (tmp_path / "ledger").exists()
    ran = run(*call)
    assert (ran.code, ran.err.count("\n")) == (0, 1)
    assert ran.err.startswith("The ledger does not agree with the files: look at the reconciliation above")
    assert "concordent pas" in run(*call, "--force", "--language", "fr").err
    contrary.write_text(HEADER + ROWS, "cp1252")
    assert run(*call, "--force", "--strict").err.count("--strict") == 2
    assert run("import", "tiny", tiny, "--out", tmp_path / "sound").err == ""


def test_a_ledger_that_is_there_is_replaced_only_when_asked(tiny: Path, tmp_path: Path) -> None:
    call = ("import", "tiny", tiny, "--out", tmp_path / "ledger")
    done(*call)
    before = contents(tmp_path)
    assert "--force" in one_sentence(run(*call))
    assert "--force" in one_sentence(run(*call, "--language", "fr"))
    tiny.write_text("nothing", "utf-8")
    # A failure leaves what is there, asked or not.
    one_sentence(run(*call, "--force"))
    assert {name: data for name, data in contents(tmp_path).items() if name != "books.csv"} == {
        name: data for name, data in before.items() if name != "books.csv"
    }
    tiny.write_text(HEADER + ROWS.splitlines()[0] + "\n", "cp1252")
    done(*call, "--force")
    assert read_ledger(tmp_path / "ledger").invoices.height == 1
    assert not (tmp_path / "ledger" / "import_refused.csv").exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--out",), "--out"),
        ((), "--out"),
        (("--out", "ledger", "--terms-days", "-1"), f"--terms-days is not usable; give {DAYS}"),
        (("--out", "ledger", "--terms-days", "soon"), f"--terms-days is not usable; give {DAYS}"),
        (("--out", "ledger", "--terms-days", "99999"), f"--terms-days is not usable; give {DAYS}"),
        (("--out", "ledger", "--terms-end-of-month"), "changes nothing without --terms-days"),
        (("--out", "ledger", "--currency", "euro"), f"--currency is not usable; give {CODE}"),
        (("--out", "ledger", "--currency", "EUX"), f"--currency is not usable; give {CODE}"),
        (
            ("--out", "ledger", "--reporting-currency", "eur"),
            f"--reporting-currency is not usable; give {CODE}",
        ),
        (("--out", "ledger", "--export-date", "soon"), "year-month-day"),
        (("--out", "ledger", "--match-unlettered", "lifo"), "fifo"),
        (("--out", "ledger", "--format", "xlsx"), "parquet"),
        (
            ("--out", "ledger", "--mapping", "m.yaml"),
            "The kind 'tiny' has no use for --mapping",
        ),
        (("--out", "ledger", "--match-unlettered", "fifo"), "has no use for --match-unlettered"),
        (("--out", "ledger", "--terms", "absent.csv"), "absent.csv"),
        (("--out", "ledger", "--guess"), "csv only"),
        (("--out", "ledger", "--rejects", "r.xlsx"), ".xlsx"),
        (("--out", "ledger", "--rejects", "ledger/r.csv"), "import_refused.csv; leave --rejects out"),
        (("--out", "ledger", "--rejects", "./books.csv"), "--rejects is one of those to be read"),
        (("--out", "ledger", "--rejects", "r.json", "--csv-style", "excel-fr"), "excel-fr"),
        (("--out", "books.csv"), "is a file"),
        (("--out", "."), "other things than a ledger"),
        (("--out", "ledger", "--pseudonymise", "absent.key"), "cannot be read"),
        (("--out", "ledger", "--pseudonymise", "short.key"), "a key of 5 characters"),
        (("--out", "ledger", "--pseudonymise", "binary.key"), "cannot be read"),
        (("--out", "ledger", "--pseudonymise", "env"), "PAYDELAY_PSEUDONYM_KEY"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_writes_nothing(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PAYDELAY_PSEUDONYM_KEY", raising=False)
    (tmp_path / "short.key").write_text("12345\n", "utf-8")
    (tmp_path / "binary.key").write_bytes(b"\xff" * 40)
    before = contents(tmp_path)
    told = one_sentence(run("import", "tiny", tiny, *options))
    assert named in told
    assert "12345" not in told
    assert contents(tmp_path) == before


def test_an_unknown_kind_or_no_file_is_a_wrong_call(tmp_path: Path) -> None:
    told = one_sentence(run("import", "sage-50", tmp_path / "x.csv", "--out", tmp_path / "ledger"))
    assert "sage-intacct" in told
    assert "FILES" in one_sentence(run("import", "fec", "--out", tmp_path / "ledger"))
    assert contents(tmp_path) == {}


def html(path: Path) -> None:
    path.write_text(f"<html><body>{SECRET}", "utf-8")


def torn(path: Path) -> None:
    path.write_text(HEADER + "F1;C1;Geheim", "utf-8")


UNUSABLE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "absent": ("is not there", Path.unlink),
    "empty": ("is empty", lambda path: path.write_bytes(b"")),
    "html": ("web page", html),
    "zip": ("zip archive", lambda path: path.write_bytes(b"PK\x03\x04" + b"x" * 100)),
    "binary": ("binary", lambda path: path.write_bytes(bytes(range(256)))),
    "torn": ("breaks off", torn),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_a_file_that_cannot_be_used_ends_in_one_sentence(tiny: Path, tmp_path: Path, what: str) -> None:
    named, spoil = UNUSABLE[what]
    spoil(tiny)
    before = contents(tmp_path)
    ran = run("import", "tiny", tiny, "--out", tmp_path / "ledger", "--rejects", tmp_path / "rejects.csv")
    if what == "zip" and "workbook" in ran.err:
        named = "workbook"
    assert named in one_sentence(ran)
    assert ran.out == ""
    assert contents(tmp_path) == before


@pytest.mark.parametrize("rows", ["", "F3;C200;Dupont;soon;;80;\n"])
def test_files_without_a_usable_invoice_tell_why_and_write_no_ledger(
    tiny: Path, tmp_path: Path, rows: str
) -> None:
    tiny.write_text(HEADER + rows, "utf-8")
    call = ("import", "tiny", tiny, "--out", tmp_path / "ledger", "--rejects", tmp_path / "rejects.csv")
    ran = run(*call)
    assert "no usable invoice" in one_sentence(ran)
    assert ran.out.startswith("Files read")
    assert ("column issued: a date cannot be read" in ran.out) == bool(rows)
    assert {path.name for path in tmp_path.iterdir()} == {"books.csv", "rejects.csv"}


def test_under_a_key_no_customer_is_named_anywhere(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my.key").write_text("a key of more than sixteen letters\n", "utf-8")
    call = ("import", "tiny", tiny, "--rejects", tmp_path / "rejects.csv")
    out = done(*call, "--out", tmp_path / "a", "--pseudonymise", tmp_path / "my.key")
    assert "2 customers" in out
    monkeypatch.setenv("PAYDELAY_PSEUDONYM_KEY", "a key of more than sixteen letters")
    done(*call, "--out", tmp_path / "b", "--pseudonymise", "env")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    written = (
        b"".join(data or b"" for data in contents(tmp_path / "a").values())
        + (tmp_path / "rejects.csv").read_bytes()
    )
    for name in (SECRET, "Dupont", "C100", "C200"):
        assert name.encode() not in written
        assert name not in out
    monkeypatch.setenv("PAYDELAY_PSEUDONYM_KEY", "another key of sixteen letters")
    done(*call, "--out", tmp_path / "c", "--pseudonymise", "env")
    assert contents(tmp_path / "b") != contents(tmp_path / "c")


def test_a_guess_is_printed_and_nothing_written(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    module = ModuleType("paydelay.sources.guess")
    module.guess_mapping = lambda files: asked.append(list(files)) or "tables:\n  invoices: {}\n"
    monkeypatch.setitem(sys.modules, "paydelay.sources.guess", module)
    monkeypatch.setattr(sys.modules["paydelay.sources"], "guess", module, raising=False)
    before = contents(tmp_path)
    address = "sqlite:///books.db#invoices"
    assert done("import", "csv", tiny, address, "--guess") == "tables:\n  invoices: {}\n"
    assert asked == [[tiny, address]]
    assert contents(tmp_path) == before


def test_the_help_names_every_kind() -> None:
    told = "".join(run("import", "--help").out.split())
    assert [kind for kind in KINDS if kind not in told] == []
    assert [command.name or command.callback.__name__ for command in application.registered_commands] == [
        "simulate",
        "import",
        "check",
        "train",
        "backtest",
        "tune",
        "log",
        "promote",
        "monitor",
        "recalibrate",
        "score",
        "replay",
        "report",
    ]


def test_the_library_names_what_an_import_returns() -> None:
    for name in ("import_ledger", "ImportedLedger", "ImportOptions", "ImportReport"):
        assert name in pdl.__all__
    assert "``sources``" in (pdl.__doc__ or "")
