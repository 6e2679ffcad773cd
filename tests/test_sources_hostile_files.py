"""Files that are not what they claim: always a ledger with its refusals, or one clean sentence."""

import datetime as dt
import functools
import io
import os
import tempfile
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from paydelay.errors import LedgerError, PaydelayError
from paydelay.sources import import_ledger
from paydelay.sources.opening import Place, open_table

SECRET = "Maison Dupont-Secret"
MAPPING = """
date_format: DD/MM/YYYY
decimal: ","
invoices:
  columns: {invoice_id: No, customer_id: Client, issue_date: Date, due_date: Due, amount: Total,
            currency: {constant: EUR}}
payments:
  lines_of: invoices
  keep: [{column: Paid, present: true}]
  columns: {invoice_id: No, payment_date: Paid, amount: Total}
"""
EXAMPLES = 150 if os.environ.get("CI") == "true" else 30
HEADER = ("No", "Client", "Date", "Due", "Total", "Paid")
START = dt.date(2024, 1, 2)


def lines(count=12):
    for number in range(count):
        day = START + dt.timedelta(number)
        paid = day + dt.timedelta(40) if number % 3 else None
        yield f"F{number}", f"{SECRET} {number % 4}", day, day + dt.timedelta(30), 10.25 * (number + 1), paid


def as_cell(value):
    if value is None:
        return ""
    if isinstance(value, dt.date):
        return value.strftime("%d/%m/%Y")
    return str(value).replace(".", ",")


@functools.cache
def sound(kind):
    """The bytes of a small file that reads without a refusal."""
    if kind == "csv":
        rows = [HEADER, *([as_cell(cell) for cell in line] for line in lines())]
        return "".join(";".join(row) + "\r\n" for row in rows).encode()
    if kind == "quoted":
        rows = [HEADER, *([as_cell(cell) for cell in line] for line in lines())]
        return "".join(";".join(f'"{cell}"' for cell in row) + "\n" for row in rows).encode("utf-16")
    target = io.BytesIO()
    if kind == "parquet":
        pl.DataFrame(list(lines()), schema=list(HEADER), orient="row").write_parquet(target)
    else:
        book = xlsxwriter.Workbook(target, {"in_memory": True, "default_date_format": "dd/mm/yyyy"})
        page = book.add_worksheet()
        page.write_row(0, 0, HEADER)
        for row, line in enumerate(lines(), 1):
            for column, cell in enumerate(line):
                if cell is not None:
                    (page.write_datetime if isinstance(cell, dt.date) else page.write)(row, column, cell)
        book.close()
    return target.getvalue()


def imported(content, name="book.csv"):
    """The ledger of a file, or the one sentence in its place; any other error is raised."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / name
        path.write_bytes(content)
        mapping = Path(place) / "book.yaml"
        mapping.write_text(MAPPING)
        try:
            return import_ledger("csv", path, mapping=mapping)
        except PaydelayError as error:
            return str(error)


def faults(found):
    """What is wrong with how an import ended: lines that do not add up, or more than one plain sentence."""
    if isinstance(found, str):
        told = {"lines": "\n" in found, "cells": SECRET in found, "length": len(found) >= 1000}
        return [name for name, wrong in told.items() if wrong]
    lost = [
        file.name
        for file in found.report.files
        if file.read != file.used + file.refused + sum(file.out_of_scope.values())
    ]
    return lost + ([] if found.report.reconciled else ["not reconciled"])


@pytest.mark.parametrize("kind", ["csv", "quoted", "parquet", "xlsx"])
def test_the_files_that_are_mutated_below_are_sound(kind):
    ledger = imported(sound(kind), f"book.{kind}")
    assert faults(ledger) == []
    assert (ledger.invoices.height, ledger.payments.height) == (12, 8)
    assert ledger.report.refusals.is_empty()
    assert ledger.invoices["amount"].sum() == pytest.approx(10.25 * 78)


def mutations(length):
    """Pieces of a file replaced, cut out, doubled or moved."""
    place = st.integers(0, length)
    odd = st.sampled_from([b"\0", b'"', b";", b"\n", b"\r", b"\t", b",", b"\xff\xfe", b"\xc3", b"=1+1", b"-"])
    piece = st.one_of(st.binary(max_size=8), odd, odd.map(lambda mark: mark * 40))
    return st.lists(st.tuples(place, st.integers(0, 30), piece), min_size=1, max_size=4)


def mutated(content, changes):
    for start, length, piece in changes:
        content = content[:start] + piece + content[start + length :]
    return content


@given(mutations(len(sound("csv"))))
@settings(max_examples=EXAMPLES)
def test_any_bytes_of_a_text_file_may_change(changes):
    assert faults(imported(mutated(sound("csv"), changes))) == []


@given(mutations(len(sound("quoted"))))
@settings(max_examples=EXAMPLES)
def test_any_bytes_of_a_quoted_utf16_file_may_change(changes):
    assert faults(imported(mutated(sound("quoted"), changes))) == []


@given(mutations(len(sound("parquet"))))
@settings(max_examples=EXAMPLES)
def test_any_bytes_of_a_parquet_file_may_change(changes):
    assert faults(imported(mutated(sound("parquet"), changes), "book.parquet")) == []


@given(mutations(len(sound("xlsx"))))
@settings(max_examples=EXAMPLES)
def test_any_bytes_of_a_workbook_may_change(changes):
    assert faults(imported(mutated(sound("xlsx"), changes), "book.xlsx")) == []


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"PK\x03\x04", b"PAR1", b"No;Client;Date;Due;Total;Paid\n"]),
)
@settings(max_examples=EXAMPLES)
def test_so_may_all_of_them(content, head):
    assert faults(imported(head + content)) == []


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
@settings(max_examples=EXAMPLES)
def test_any_text_below_the_header_is_refused_or_read(text):
    assert faults(imported(f"{';'.join(HEADER)}\n{text}\n".encode())) == []


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.97])
@pytest.mark.parametrize("kind", ["csv", "quoted", "parquet", "xlsx"])
def test_a_truncated_file_is_refused_or_told_line_by_line(kind, share):
    whole = sound(kind)
    result = imported(whole[: int(len(whole) * share)], f"book.{kind}")
    assert faults(result) == []
    if kind in ("parquet", "xlsx"):
        assert isinstance(result, str)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n\n  \n", "is empty"),
        (b"<!DOCTYPE html><html>Session expired</html>", "is a web page"),
        (b'{"invoices": [1]}', "is JSON"),
        (b"%PDF-1.7 ...", "is a PDF document"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is binary"),
        (b"SQLite format 3\0", "is an SQLite database"),
        (b"\x1f\x8b\x08\0", "is a gzip archive"),
        (b"No;Client\n" + b"F1;C\0;x\n" * 3, "is binary"),
        (b"No;Client\nF1;" + b"x" * 2_000_000, "a line of more than"),
        (b"x" * 3_000_000, "a line of more than"),
        (b"PAR1" + b"\0" * 100, "is not a readable Parquet file"),
        (b"PK\x03\x04" + b"\0" * 100, "is not a whole Excel workbook"),
        (b"No;Nom\nF1;2\n", "has no column"),
    ],
)
def test_what_is_not_a_table_ends_in_one_sentence(content, said):
    told = imported(content)
    assert faults(told) == []
    assert said in told


def test_a_line_with_another_separator_is_told_by_its_number():
    head = ";".join(HEADER)
    told = imported(f"{head}\nF1;C1;02/01/2024;01/02/2024;1;\nF2,C1,02/01/2024,01/02/2024,1,\n".encode())
    assert faults(told) == []
    assert told.startswith("Line 3 of book.csv parts its cells otherwise")


def test_a_sheet_asked_of_a_text_file_is_refused(tmp_path):
    (tmp_path / "book.csv").write_text("No\n1\n")
    with pytest.raises(LedgerError, match="is no Excel workbook, but a sheet of it is asked for"):
        open_table(tmp_path / "book.csv", Place(sheet="A"))


def test_separator_and_encoding_may_be_named_where_they_cannot_be_found_out(tmp_path):
    path = tmp_path / "book.csv"
    path.write_bytes("Numéro,1;Nom,2\nF,1;Ï,2\n".encode("cp1252"))
    assert open_table(path, Place(separator=";", encoding="cp1252")).header == ("Numéro,1", "Nom,2")
    with pytest.raises(PaydelayError, match="The encoding 'latin-99' is not known"):
        open_table(path, Place(encoding="latin-99"))


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(LedgerError, match="cannot be opened"):
            open_table(path)


def test_a_column_of_a_type_that_no_ledger_holds_is_told_by_its_name_and_others_are_not_looked_at():
    rows = pl.DataFrame(
        {
            "No": [b"F1", b"F2"],
            "Client": ["C1", "C2"],
            "Date": [START, START],
            "Due": [dt.time(1), dt.time(2)],
            "Total": [1, 2],
            "Paid": [None, None],
            "Lines": [["F1"], ["F2"]],
        }
    )
    target = io.BytesIO()
    rows.write_parquet(target)
    ledger = imported(target.getvalue(), "book.parquet")
    assert faults(ledger) == []
    assert ledger.report.refusals["line", "column", "rule"].rows() == [
        (1, "Due", "date_unreadable"),
        (2, "Due", "date_unreadable"),
    ]
    for kind, cells in (("List", pl.col("Lines")), ("Binary", pl.lit(b"\xff\xfe"))):
        target = io.BytesIO()
        rows.with_columns(No=cells).write_parquet(target)
        told = imported(target.getvalue(), "book.parquet")
        assert faults(told) == []
        assert told.startswith(f"The column 'No' of book.parquet is of type {kind}")
