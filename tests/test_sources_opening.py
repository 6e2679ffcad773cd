"""Opening tables by what their files hold, and reading all their rows or saying why not."""

from __future__ import annotations

import os
from collections import Counter
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from paydelay.errors import LedgerError
from paydelay.sources import import_ledger, opening
from paydelay.sources.draft import LINE, Draft, file_of, number_of
from paydelay.sources.guess import guess_mapping
from paydelay.sources.opening import open_table, read_rows
from paydelay.sources.text import CELL_FLAW, LINE_NUMBER


def parquet(folder: Path, name: str = "books.parquet") -> Path:
    path = folder / name
    pl.DataFrame({"id": [1, 2, 3], "day": [date(2024, 1, 2), None, date(2024, 1, 4)]}).write_parquet(path)
    return path


def lines(rows: pl.DataFrame) -> list[tuple[int, int]]:
    return rows.select(file_of(pl.col(LINE)).alias("file"), number_of(pl.col(LINE)).alias("line")).rows()


def test_a_file_is_what_it_holds_and_not_what_it_is_called(tmp_path: Path) -> None:
    assert open_table(parquet(tmp_path, "export.csv")).header == ("id", "day")
    (tmp_path / "export.parquet").write_text("a;b\n1;2\n", "utf-8")
    table = open_table(tmp_path / "export.parquet")
    assert (table.label, table.header) == ("export.parquet", ("a", "b"))


def test_parquet_rows_are_numbered_from_one_in_their_own_types_over_all_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_PARQUET_ROWS", 2)
    batches = list(open_table(parquet(tmp_path)).batches())
    assert [batch.height for batch in batches] == [2, 1]
    assert pl.concat(batches).rows() == [
        (1, date(2024, 1, 2), 1, None),
        (2, None, 2, None),
        (3, date(2024, 1, 4), 3, None),
    ]
    (narrow, _) = open_table(parquet(tmp_path)).batches(["day", "absent"])
    assert narrow.columns == ["day", LINE_NUMBER, CELL_FLAW]


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: data[:4] + bytes(len(data) - 4)]
)
def test_a_damaged_parquet_file_is_told_in_one_sentence(tmp_path: Path, damage: object) -> None:
    path = parquet(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(
        LedgerError, match=r"books\.parquet is not a readable Parquet file .*; write it again\."
    ):
        list(open_table(path).batches())


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    for place in (tmp_path / "absent.csv", tmp_path):
        with pytest.raises(LedgerError, match="cannot be opened"):
            open_table(place)


def test_rows_are_read_as_text_with_flawed_ones_refused(tmp_path: Path) -> None:
    path = tmp_path / "books.csv"
    path.write_text("id;kind\n1;sale\n2\n3;purchase\n\n4;\n5;sale;x\n6;sale\n", "utf-8")
    draft = Draft("csv")
    draft.add_file("before.csv")
    rows = read_rows(draft, open_table(path), ["id", "kind", "absent"])
    assert rows.drop(LINE).rows() == [
        ("1", "sale", None),
        ("3", "purchase", None),
        ("4", None, None),
        ("6", "sale", None),
    ]
    assert lines(rows) == [(1, 2), (1, 4), (1, 6), (1, 8)]
    (_, file) = draft.files
    assert (file.label, file.read, file.out_of_scope) == ("books.csv", 6, Counter())
    refused = pl.concat(draft.refused)
    assert lines(refused) == [(1, 3), (1, 7)]
    assert refused["rule"].to_list() == ["too_few_cells", "too_many_cells"]


def test_how_a_file_is_written_is_kept_for_the_report(tmp_path: Path) -> None:
    (tmp_path / "books.csv").write_text("a\tb\n1\té\n", "cp1252")
    draft = Draft("csv")
    read_rows(draft, open_table(tmp_path / "books.csv"), ["a"])
    read_rows(draft, open_table(parquet(tmp_path)), ["id"])
    assert [file.details for file in draft.files] == [{"encoding": "cp1252", "separator": "tab"}, {}]


def test_typed_rows_come_as_text_and_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    draft = Draft("csv")
    rows = read_rows(draft, open_table(parquet(tmp_path)), ["day", "id"])
    assert rows.rows()[0][:2] == ("2024-01-02", "1")
    (tmp_path / "empty.csv").write_text("a;b\n", "utf-8")
    empty = read_rows(draft, open_table(tmp_path / "empty.csv"), ["b", "c"])
    assert empty.schema == {"b": pl.String, "c": pl.String, LINE: pl.Int64}
    assert [file.read for file in draft.files] == [3, 0]


def test_what_is_no_file_is_told_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for place, what in (
        (tmp_path / "pipe.csv", "pipe.csv is no file that can be read twice"),
        (tmp_path, "a folder"),
    ):
        with pytest.raises(LedgerError, match=what):
            import_ledger("fec", place)
        with pytest.raises(LedgerError, match=what):
            guess_mapping([place])
