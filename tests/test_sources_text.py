"""Delimited text of every make: each line once, with its number, or one sentence for the whole file."""

from __future__ import annotations

import csv
import io
import json
import re
import time
import tracemalloc
import zipfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paydelay.errors import ConfigError, LedgerError
from paydelay.sources import encoding, rows, text
from paydelay.sources.text import CELL_FLAW, LINE_NUMBER, open_text

SECRET = "Geheim und Söhne"
TABLE = "Numéro;Client;Montant\nF1;Société Élan;12,50\nF2;Cœur à l'œuvre;7 €\n"
Row = tuple[int, tuple[str | None, ...], str | None]


def put(folder: Path, content: str | bytes, name: str = "books.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, **options: object) -> list[Row]:
    """Line number, cells and flaw of every row."""
    opened = open_text(path, **options)
    names = [name for name in opened.header if name]
    return [
        (row[LINE_NUMBER], tuple(row[name] for name in names), row[CELL_FLAW])
        for batch in opened.batches()
        for row in batch.iter_rows(named=True)
    ]


def cells(path: Path, **options: object) -> list[tuple[str | None, ...]]:
    return [row[1] for row in read(path, **options)]


def refused(path: Path, match: str | None = None, **options: object) -> str:
    with pytest.raises(LedgerError, match=match) as caught:
        read(path, **options)
    told = str(caught.value)
    assert "\n" not in told
    assert told.endswith(".")
    assert "Geheim" not in told
    return told


# ---- Encodings ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", ["\t", "|", ";", ","])
@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("cp1252", "cp1252"),
        ("iso8859-15", "iso8859-15"),
        ("utf-16", "utf-16"),
    ],
)
def test_encoding_separator_and_line_end_are_found(
    tmp_path: Path, written: str, found: str, separator: str, ending: str
) -> None:
    table = TABLE.replace("12,50", "12.50").replace(";", separator).replace("\n", ending)
    path = put(tmp_path, table.encode(written))
    opened = open_text(path)
    assert (opened.encoding, opened.separator, opened.header) == (
        found,
        separator,
        ("Numéro", "Client", "Montant"),
    )
    assert read(path) == [
        (2, ("F1", "Société Élan", "12.50"), None),
        (3, ("F2", "Cœur à l'œuvre", "7 €"), None),
    ]


def test_big_endian_utf_16_is_read_and_a_letter_may_be_parted_between_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, b"\xfe\xff" + TABLE.encode("utf-16-be"))
    whole = read(path)
    monkeypatch.setattr(encoding, "BLOCK_BYTES", 3)
    assert read(path) == whole
    assert whole[0] == (2, ("F1", "Société Élan", "12,50"), None)


def test_letters_that_only_cp1252_has_are_not_taken_for_iso_8859_15(tmp_path: Path) -> None:
    path = put(tmp_path, "a;b\nl’été;œuvre\n".encode("cp1252"))
    assert open_text(path).encoding == "cp1252"
    assert cells(path) == [("l’été", "œuvre")]


def test_the_euro_sign_of_iso_8859_15_is_known_by_standing_alone(tmp_path: Path) -> None:
    assert cells(put(tmp_path, "a;b\n7 €;x\n".encode("iso8859-15"))) == [("7 €", "x")]


def test_a_damaged_letter_in_utf_8_does_not_make_another_encoding_of_it(tmp_path: Path) -> None:
    content = TABLE.encode().replace("É".encode(), b"\xc3")
    assert cells(put(tmp_path, content))[0][1] == "Société \ufffdlan"


def test_an_encoding_far_down_is_found(tmp_path: Path) -> None:
    content = b"a;b\n" + b"1;2\n" * 50_000 + "é;è\n".encode("cp1252")
    path = put(tmp_path, content)
    assert open_text(path).encoding == "cp1252"
    assert read(path)[-1] == (50_002, ("é", "è"), None)


# ---- Headers -----------------------------------------------------------------------------------


def test_closing_separators_may_be_on_the_header_or_on_the_lines_alone(tmp_path: Path) -> None:
    for content in ("a|b|\n1|2|\n", "a|b|\n1|2\n", "a|b\n1|2|\n", "a|b\n1|2| |\n"):
        assert read(put(tmp_path, content)) == [(2, ("1", "2"), None)]


def test_lines_of_several_widths_keep_their_order(tmp_path: Path) -> None:
    content = "a;b;\n1;1\n2;2;\n3;3;;\n4;4\n5;5;6\n6;6;;7\n"
    assert [(row[1][0], row[2]) for row in read(put(tmp_path, content))] == [
        ("1", None),
        ("2", None),
        ("3", None),
        ("4", None),
        ("5", None),
        ("6", "too_many_cells"),
    ]


def test_title_lines_are_passed_over_where_their_number_is_given(tmp_path: Path) -> None:
    path = put(tmp_path, "Invoices of 2024;\n\nprinted today\n\na;b\n1;2\n")
    assert read(path, skip_lines=3) == [(6, ("1", "2"), None)]
    assert open_text(put(tmp_path, "\n  \na;b\n")).header == ("a", "b")


def test_the_line_by_which_excel_is_told_the_separator_is_no_header(tmp_path: Path) -> None:
    path = put(tmp_path, "sep=,\na,b;c\n1,2\n")
    assert (open_text(path).header, read(path)) == (("a", "b;c"), [(3, ("1", "2"), None)])
    assert "has no header" in refused(put(tmp_path, "sep=;\n"))


def test_a_name_in_quotes_may_hold_separators_and_line_ends(tmp_path: Path) -> None:
    path = put(tmp_path, '"Amount, net, EUR";"Net\nof tax";x\n1;2;3\n')
    assert open_text(path).header == ("Amount, net, EUR", "Net of tax", "x")
    assert read(path) == [(3, ("1", "2", "3"), None)]


def test_names_that_repeat_are_numbered_and_never_take_the_name_of_another(tmp_path: Path) -> None:
    path = put(tmp_path, "a;b;a;a_2;a;\n1;2;3;4;5;\n")
    assert open_text(path).header == ("a", "b", "a_3", "a_2", "a_4", "")
    assert cells(path) == [("1", "2", "3", "4", "5")]


def test_columns_are_those_asked_for(tmp_path: Path) -> None:
    opened = open_text(put(tmp_path, "a;b;c\n1;2;3\n"))
    (batch,) = opened.batches(["c", "z", "a"])
    assert batch.columns == ["a", "c", LINE_NUMBER, CELL_FLAW]


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    for content in ("a;b\n", "a;b", "a;b\n\n;\n  \n"):
        assert read(put(tmp_path, content)) == []


@pytest.mark.parametrize(
    "content", ["", "\n\n", "\ufeff", "\ufeff\n", "\n" * 3000 + "a;b\n1;2\n", ";;;\n1;2;3;4\n"]
)
def test_a_file_without_a_header_is_refused(tmp_path: Path, content: str) -> None:
    assert re.search("is empty|has no header", refused(put(tmp_path, content)))


# ---- Lines -------------------------------------------------------------------------------------


def test_ragged_lines_are_marked_with_their_numbers_and_blank_ones_left_out(tmp_path: Path) -> None:
    content = "a;b;c\r\n1;2;3\r\n\r\n;;\r\n \t;;\r\n4;5\r\n6;7;8;9\r\n6;7;8; \r\n;;x\r\n"
    assert read(put(tmp_path, content)) == [
        (2, ("1", "2", "3"), None),
        (6, ("4", "5", None), "too_few_cells"),
        (7, ("6", "7", "8"), "too_many_cells"),
        (8, ("6", "7", "8"), None),
        (9, (None, None, "x"), None),
    ]


def test_a_table_of_one_column_has_blank_lines_too(tmp_path: Path) -> None:
    assert read(put(tmp_path, "a\n1\n\n2\n")) == [(2, ("1",), None), (4, ("2",), None)]


def test_quotes_of_every_make(tmp_path: Path) -> None:
    content = (
        'a;b;c\n1;"x;y";3\n2;"line\r\nbreak";4\n3;12" pipe;5\n4;"said ""so""";6\n5;"open;6\n6;"";x\n'
        '7;"a" b;8\n8;5" tap;"two\nlines"\n"";" "; \n9;x;y\n'
    )
    expected: list[Row] = [
        (2, ("1", "x;y", "3"), None),
        (3, ("2", "line\r\nbreak", "4"), None),
        (5, ("3", '12" pipe', "5"), None),
        (6, ("4", 'said "so"', "6"), None),
        (7, (None, None, None), "quote_not_closed"),
        (8, ("6", None, "x"), None),
        (9, (None, None, None), "quote_not_closed"),
        (10, ("8", '5" tap', "two\nlines"), None),
        (13, ("9", "x", "y"), None),
    ]
    assert read(put(tmp_path, content)) == expected
    # Without what is amiss the quick way reads the same.
    sound = "".join(
        line
        for line in content.splitlines(keepends=True)
        if not any(odd in line for odd in ("pipe", "open", "tap", '" b', "lines"))
    )
    assert [row[1] for row in read(put(tmp_path, sound))] == [
        row[1] for row in expected if row[0] in (2, 3, 6, 8, 13)
    ]


def test_quotes_are_characters_like_any_other_where_the_format_has_none(tmp_path: Path) -> None:
    path = put(tmp_path, 'a|"b"\n1|"open\n2|"x"\n')
    assert open_text(path, quoted=False).header == ("a", '"b"')
    assert cells(path, quoted=False) == [("1", '"open'), ("2", '"x"')]


def test_a_quote_left_open_costs_its_own_line_only(tmp_path: Path) -> None:
    content = 'a;b\n1;"open\n' + "2;x\n" * 200_000
    found = read(put(tmp_path, content))
    assert found[0] == (2, (None, None), "quote_not_closed")
    assert len(found) == 200_001
    assert {row[2] for row in found[1:]} == {None}


# ---- Oracle: Python's own reader -----------------------------------------------------------------

CELL = st.text(st.sampled_from('aé0";\n ,'), max_size=4)
WRITTEN = st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=8)
BLOCKS = st.integers(1, 40)


def written_by_csv(table: list[list[str]], ending: str, quoting: int) -> str:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=";", lineterminator=ending, quoting=quoting).writerows(
        [["a", "b", "c"], *table]
    )
    return file.getvalue()


def read_by_csv(content: str) -> list[Row]:
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=";")
    next(reader)
    found: list[Row] = []
    line = reader.line_num
    for row in reader:
        if any(cell.strip(' \n";') for cell in row):
            found.append((line + 1, tuple(cell or None for cell in row), None))
        line = reader.line_num
    return found


@given(WRITTEN, st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), BLOCKS)
def test_what_python_writes_is_read_as_python_reads_it_in_blocks_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]], ending: str, quoting: int, block: int
) -> None:
    content = written_by_csv(table, ending, quoting)
    path = put(tmp_path_factory.getbasetemp(), content, "oracle.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "BLOCK_BYTES", block)
        assert read(path) == read_by_csv(content)


def outcome(path: Path) -> list[Row] | str:
    try:
        return read(path)
    except LedgerError as error:
        return str(error)


@given(st.text(st.sampled_from('ab"";;\n\n\r é'), max_size=60), BLOCKS)
def test_whatever_the_text_the_size_of_blocks_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, body: str, block: int
) -> None:
    path = put(tmp_path_factory.getbasetemp(), "x;y\n" + body, "blocks.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "RECORD_LINES_MAX", 3)
        whole = outcome(path)
        patch.setattr(encoding, "BLOCK_BYTES", block)
        assert outcome(path) == whole


@given(st.text(st.sampled_from('ab"";;\n\n\r é'), max_size=60))
def test_the_quick_way_and_the_careful_one_agree(tmp_path_factory: pytest.TempPathFactory, body: str) -> None:
    path = put(tmp_path_factory.getbasetemp(), "x;y\n" + body, "ways.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "RECORD_LINES_MAX", 3)
        quick = outcome(path)
        patch.setattr(rows, "quoted_spans", lambda *_, **__: None)
        assert outcome(path) == quick


@given(st.text(st.sampled_from('ab";\n\r é'), max_size=60))
def test_every_line_that_is_not_blank_is_part_of_one_row(
    tmp_path_factory: pytest.TempPathFactory, body: str
) -> None:
    path = put(tmp_path_factory.getbasetemp(), "x;y\n" + body + "\n", "lines.csv")
    found = outcome(path)
    if isinstance(found, str):
        return
    numbers = [row[0] for row in found]
    assert numbers == sorted(set(numbers))
    lines = body.split("\n")
    for place, line in enumerate(lines):
        if line.strip(' ;"\r') and '"' not in body:
            assert place + 2 in numbers


def test_a_row_over_the_end_of_a_block_is_whole_although_a_stray_quote_stands_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = 'a;b\n1;12" pipe\n' + "2;x\n" * 5 + '3;"two\nlines"\n4;y\n'
    path = put(tmp_path, content)
    for block in range(1, len(content) + 1):
        monkeypatch.setattr(encoding, "BLOCK_BYTES", block)
        assert read(path)[-2:] == [(8, ("3", "two\nlines"), None), (10, ("4", "y"), None)]


# ---- What is no table of rows --------------------------------------------------------------------


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("books.csv", "0" * 1000)
    return file.getvalue()


DISGUISES: dict[str, tuple[bytes, str]] = {
    "zip": (zipped(), "zip archive or an Excel workbook"),
    "gzip": (b"\x1f\x8b\x08\x00abc", "gzip archive"),
    "pdf": (b"%PDF-1.7\n...", "PDF document"),
    "old excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel workbook"),
    "parquet": (b"PAR1\x15\x04", "Parquet"),
    "sqlite": (b"SQLite format 3\0", "SQLite"),
    "html": (b"<!DOCTYPE html><html><body>Session expired", "web page"),
    "html under a mark": (b"\xef\xbb\xbf \n<table><tr><td>1", "web page"),
    "xml": (b"<?xml version='1.0'?><AuditFile>", "web page"),
    "json": (json.dumps([{"invoice": 1}]).encode(), "JSON"),
    "binary": (bytes(range(256)) * 4, "binary"),
    "nul in the middle": (b"a;b\n" + b"1;2\n" * 30_000 + b"\0;2\n", "binary or damaged"),
    "nul in utf-16": ("a;b\n1;\0\n".encode("utf-16"), "binary or damaged"),
}


@pytest.mark.parametrize("what", DISGUISES)
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, what: str) -> None:
    content, named = DISGUISES[what]
    assert named in refused(put(tmp_path, content), "export it again|unpack it first")


def test_a_last_line_that_breaks_off_is_told(tmp_path: Path) -> None:
    whole = f"a;b;c\n1;{SECRET};3\n2;{SECRET};4"
    assert len(read(put(tmp_path, whole))) == 2
    for torn in (f"a;b;c\n1;2;3\n2;{SECRET}", 'a;b;c\n1;"x";3\n2;"Geheim', "a;b;c\n1;2;3\n2"):
        assert "line, 3;" in refused(put(tmp_path, torn), "breaks off in the middle")
    # With a line end behind it the line was meant so.
    assert read(put(tmp_path, "a;b;c\n1;2;3\n2\n"))[-1] == (3, ("2", None, None), "too_few_cells")


def test_lines_parted_otherwise_than_the_header_are_told(tmp_path: Path) -> None:
    path = put(tmp_path, f"a;b;c\n1;2;3\n4,{SECRET},6\n")
    assert "Line 3 " in refused(path, "parts its cells otherwise")


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("block", [100, 64, 7, 10_000])
def test_a_line_is_refused_above_the_bound_and_not_at_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, ending: str
) -> None:
    monkeypatch.setattr(encoding, "LINE_BYTES_MAX", 80)
    monkeypatch.setattr(encoding, "BLOCK_BYTES", block)
    at_bound = "1;" + "x" * (78 - len(ending) + 1)
    for after in ("", f"2;y{ending}" * 20):
        path = put(tmp_path, f"a;b{ending}{at_bound}{ending}{after}")
        assert len(read(path)) == 1 + 20 * bool(after)
        assert "a line of more than 80" in refused(put(tmp_path, f"a;b{ending}{at_bound}x{ending}{after}"))


@pytest.mark.parametrize("head", [b"", b"a;b\n1;2\n", "a;b\n1;2\n".encode("utf-16")])
def test_two_gigabytes_without_a_line_are_refused_without_being_read(tmp_path: Path, head: bytes) -> None:
    path = put(tmp_path, head)
    with path.open("r+b") as file:
        file.truncate(2_000_000_000)
    tracemalloc.start()
    began = time.perf_counter()
    assert re.search("binary|is empty", refused(path))
    # The file system alone would take about a second to read so many bytes.
    assert time.perf_counter() - began < 1
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()


def test_one_endless_line_is_refused_within_its_first_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, b"a;b\n" + b"x" * 12_000_000)
    taken = []
    kept = encoding._raw_blocks

    class Counted(io.BufferedReader):
        def read(self, size: int | None = -1) -> bytes:
            taken.append(size)
            return super().read(size)

    monkeypatch.setattr(
        encoding,
        "_raw_blocks",
        lambda file, *rest: kept(Counted(io.FileIO(file.fileno(), closefd=False)), *rest),
    )
    assert "a line of more than 1,000,000" in refused(path)
    assert taken == [encoding.BLOCK_BYTES]


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    assert "cannot be opened" in refused(tmp_path / "absent.csv")
    assert "cannot be opened" in refused(tmp_path)


def test_batches_are_bounded_and_their_lines_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "BLOCK_BYTES", 1000)
    opened = open_text(put(tmp_path, "a;b\n" + "1;2\n" * 1000))
    batches = list(opened.batches())
    assert len(batches) > 3
    assert pl.concat(batches)[LINE_NUMBER].to_list() == list(range(2, 1002))


def test_what_other_modules_use_is_named() -> None:
    assert [name for name in text.__all__ if not hasattr(text, name)] == []


def test_an_encoding_may_be_named(tmp_path: Path) -> None:
    table = "a;b\né;ü\n"
    for name in ("cp850", "mac-roman", "utf-16-le", "UTF8", "latin-1", "cp437"):
        path = put(tmp_path, table.encode(name))
        if name == "utf-16-le":
            refused(path, "binary", encoding=name)
        else:
            assert cells(path, encoding=name) == [("é", "ü")]
    assert cells(put(tmp_path, table.encode("utf-8-sig")), encoding="utf-8") == [("é", "ü")]
    for name in ("utf-99", "base64", "klingon\0"):
        with pytest.raises(ConfigError, match="is not known"):
            open_text(put(tmp_path, table), encoding=name)


def test_a_quote_left_open_in_the_header_is_told(tmp_path: Path) -> None:
    assert re.search("The header of .* opens a quote", refused(put(tmp_path, 'a;"b\n1;2\n')))
    assert open_text(put(tmp_path, 'length;12" pipes\n1;2\n')).header == ("length", '12" pipes')
