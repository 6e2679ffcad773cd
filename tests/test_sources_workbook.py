"""Excel workbooks: what their cells mean, and those that are no workbook or would fill the memory."""

import datetime as dt
import re
import struct
import zipfile

import polars as pl
import pytest
import xlsxwriter

from paydelay.errors import LedgerError
from paydelay.sources import import_ledger, workbook_archive
from paydelay.sources.opening import Place, open_table
from paydelay.sources.text import CELL_FLAW, LINE_NUMBER
from paydelay.sources.workbook import number_in, open_workbook

SECRET = "Maison Dupont-Secret"


def written(path, cells, sheet="Factures", title_rows=0, also=()):
    book = xlsxwriter.Workbook(path)
    for name in also:
        book.add_worksheet(name)
    page = book.add_worksheet(sheet)
    day = book.add_format({"num_format": "dd/mm/yyyy"})
    for row, line in enumerate(cells, title_rows):
        for column, cell in enumerate(line):
            if isinstance(cell, dt.date):
                page.write_datetime(row, column, cell, day)
            elif isinstance(cell, str) and cell.startswith("#"):
                page.write_formula(row, column, "=1/0", None, cell)
            elif cell is not None:
                page.write(row, column, cell)
    book.close()
    return path


def unreadable(path, match=None):
    """The one sentence, without a cell, that a file ends in."""
    with pytest.raises(LedgerError, match=match) as caught:
        open_table(path)
    text = str(caught.value)
    assert path.name in text
    assert "\n" not in text
    assert SECRET not in text
    return text


def rebuilt(path, **members):
    """The workbook with some members in place of its own; None takes one away."""
    with zipfile.ZipFile(path) as old:
        content = {name: old.read(name) for name in old.namelist()}
    content |= {name.replace("__", "/").replace("_xml", ".xml"): text for name, text in members.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, text in content.items():
            if text is not None:
                new.writestr(name, text)
    return path


def sheet(rows):
    return (
        '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<sheetData>{rows}</sheetData></worksheet>"
    )


# ---- What cells mean -----------------------------------------------------------------------------


def test_days_numbers_and_text_come_as_what_they_are(tmp_path):
    path = written(
        tmp_path / "book.xlsx",
        [
            ["No", "Date", "Total"],
            [1001.0, dt.datetime(2024, 1, 31), 12.125],
            ["00123", "31/01/2024", "1.234,50"],
            [None, None, None],
            ["F3", dt.datetime(2024, 2, 29, 14, 5), 1_000_000.5],
        ],
    )
    table = open_table(path)
    rows = pl.concat(table.batches())
    assert table.header == ("No", "Date", "Total")
    assert rows["No"].to_list() == ["1001", "00123", "F3"]
    assert rows["Date"].to_list() == ["2024-01-31 00:00:00", "31/01/2024", "2024-02-29 14:05:00"]
    assert rows["Total"].to_list() == ["12.125", "1.234,50", "1000000.5"]
    assert rows[LINE_NUMBER].to_list() == [2, 3, 5]
    assert table.label == "book.xlsx [Factures]"


def test_a_number_is_told_from_text_that_looks_like_one(tmp_path):
    cells = ["1.234", 1.234, "1.234,5", -0.5, 7, 5_000_000.25, dt.datetime(2024, 1, 2), True, "7", None]
    path = written(
        tmp_path / "book.xlsx", [["No", "Total"], *([f"F{at}", cell] for at, cell in enumerate(cells))]
    )
    rows = pl.concat(open_table(path).batches(["No", "Total", number_in("Total")]))
    assert rows[number_in("Total")].to_list() == [
        None, 1.234, None, -0.5, 7.0, 5_000_000.25, None, None, None, None,
    ]  # fmt: skip


def test_a_book_by_a_mapping_reads_text_and_numbers_of_a_comma_country(tmp_path):
    path = written(
        tmp_path / "book.xlsx",
        [
            ["Balance clients", None, None, None, None],
            ["No", "Client", "Date", "Echéance", "Total"],
            [1001, 7, dt.datetime(2024, 1, 2), "01/02/2024", "1.234"],
            [1002, 7, dt.datetime(2024, 1, 2), "01/02/2024", 1.5],
            [1003, 7, "02/01/2024", dt.datetime(2024, 2, 1), "1.234,5"],
            [1004, 7, "02/01/2024", dt.datetime(2024, 2, 1), "#DIV/0!"],
        ],
        sheet="Factures",
        also=["Lisez-moi"],
    )
    (tmp_path / "book.yaml").write_text(
        """
date_format: DD/MM/YYYY
decimal: ","
invoices:
  sheet: Factures
  skip_lines: 1
  columns: {invoice_id: No, customer_id: Client, issue_date: Date, due_date: Echéance, amount: Total,
            currency: {constant: EUR}}
""",
        "utf-8",
    )
    ledger = import_ledger("csv", path, mapping=tmp_path / "book.yaml")
    assert ledger.invoices["invoice_id", "customer_id", "amount"].rows() == [
        ("1001", "7", 1234.0),
        ("1002", "7", 1.5),
        ("1003", "7", 1234.5),
    ]
    assert ledger.invoices["due_date"].to_list() == [dt.date(2024, 2, 1)] * 3
    assert ledger.report.refusals.rows() == [("book.xlsx [Factures]", 6, None, "cell_error", None)]


def test_the_first_sheet_with_anything_on_it_is_read_unless_one_is_named(tmp_path):
    path = written(tmp_path / "book.xlsx", [["No"], ["F1"]], also=["Vide"])
    assert open_table(path).header == ("No",)
    assert open_table(path, Place(sheet="Factures")).header == ("No",)
    with pytest.raises(LedgerError, match="has no sheet of the name that the mapping gives, 'Clients'"):
        open_table(path, Place(sheet="Clients"))
    with pytest.raises(LedgerError, match=r"The sheet 'Vide' of book\.xlsx is empty"):
        open_table(path, Place(sheet="Vide"))


def test_headers_are_told_apart_and_blanks_in_them_do_not_matter(tmp_path):
    path = written(tmp_path / "book.xlsx", [["No", " Total\nTTC ", "No", None], ["F1", 1, "x", "y"]])
    assert open_table(path).header == ("No", "Total TTC", "No_2", "")


def test_an_error_in_a_column_that_is_not_asked_for_refuses_nothing(tmp_path):
    path = written(tmp_path / "book.xlsx", [["No", "Note"], ["F1", "#N/A"], ["F2", "x"]])
    assert pl.concat(open_table(path).batches(["No"]))[CELL_FLAW].to_list() == [None, None]
    assert pl.concat(open_table(path).batches())[CELL_FLAW].to_list() == ["cell_error", None]


# ---- What is no workbook ---------------------------------------------------------------------


def test_other_archives_and_old_or_protected_workbooks_are_refused_by_what_they_are(tmp_path):
    for name, member, said in (
        ("photos.xlsx", "photo.png", "is a zip archive and not an Excel workbook; unpack it first"),
        ("book.xlsb.xlsx", "xl/workbook.bin", "is a binary Excel workbook"),
        ("book.ods", "content.xml", "is an OpenDocument file"),
    ):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(member, SECRET)
        assert re.search(said, unreadable(tmp_path / name))
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 1000
    (tmp_path / "old.xls").write_bytes(ole)
    assert "is an old Excel workbook" in unreadable(tmp_path / "old.xls")
    (tmp_path / "secret.xlsx").write_bytes(ole + "EncryptedPackage".encode("utf-16-le"))
    assert "is protected by a password" in unreadable(tmp_path / "secret.xlsx")


def test_an_encrypted_archive_is_refused(tmp_path):
    path = written(tmp_path / "book.xlsx", [["No"], ["F1"]])
    content = bytearray(path.read_bytes())
    for at in (found.start() for found in re.finditer(b"PK\x01\x02", bytes(content))):
        content[at + 8] |= 1
    path.write_bytes(content)
    assert "is protected by a password" in unreadable(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_workbook_is_refused(tmp_path, share):
    path = written(tmp_path / "book.xlsx", [["No"], *([f"F{number}"] for number in range(500))])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert "is not a whole Excel workbook" in unreadable(path)


def test_damaged_xml_is_refused(tmp_path):
    path = written(tmp_path / "book.xlsx", [["No"], ["F1"]])
    rebuilt(path, xl__worksheets__sheet1_xml="<worksheet><sheetData><row><c></row>")
    assert re.search("book.xlsx is not a readable Excel workbook|is empty", unreadable(path))
    rebuilt(path, xl__workbook_xml=b"\xff\xfe\x00nonsense")
    assert re.search("is not a readable Excel workbook|is empty", unreadable(path))


# ---- What would fill the memory ------------------------------------------------------------------


def test_an_archive_that_explodes_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(workbook_archive, "_RATIO_FROM_BYTES", 1_000_000)
    path = written(tmp_path / "book.xlsx", [["No"], ["F1"]])
    rebuilt(path, xl__media_xml=b"\0" * 20_000_000)
    assert path.stat().st_size < 60_000
    assert "as no workbook of rows does" in unreadable(path, "unpacks to more than")


def test_what_an_archive_says_of_its_own_size_is_not_believed(tmp_path, monkeypatch):
    monkeypatch.setattr(workbook_archive, "UNPACKED_BYTES_MAX", 5_000_000)
    path = written(tmp_path / "book.xlsx", [["No"], ["F1"]])
    rebuilt(path, xl__media_xml=b"\0" * 20_000_000)
    content = path.read_bytes()
    real, told = struct.pack("<L", 20_000_000), struct.pack("<L", 1_000)
    assert content.count(real) == 2
    path.write_bytes(content.replace(real, told))
    assert re.search("unpacks to more than|is not a whole Excel workbook", unreadable(path))


def test_two_cells_in_opposite_corners_are_refused(tmp_path):
    path = written(tmp_path / "book.xlsx", [["No"], ["F1"]])
    far = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    rebuilt(path, xl__worksheets__sheet1_xml=sheet(far))
    assert "1,048,576 rows by 16,384 columns" in unreadable(path, "than can be read safely")


def test_so_are_cells_that_do_not_say_where_they_are(tmp_path):
    path = written(tmp_path / "book.xlsx", [["No"], ["F1"]])
    rows = f"<row>{'<c><v>1</v></c>' * 16_000}</row>{'<row></row>' * 4_000}<row><c><v>1</v></c></row>"
    rebuilt(path, xl__worksheets__sheet1_xml=sheet(rows))
    assert "4,002 rows by 16,000 columns" in unreadable(path, "than can be read safely")


def test_cells_that_are_only_coloured_do_not_count(tmp_path):
    path = written(tmp_path / "book.xlsx", [["No"], ["F1"]])
    blank = '<row r="1"><c r="A1" t="inlineStr"><is><t>No</t></is></c><c r="XFD1" s="0"/></row>'
    rows = blank + '<row r="2"><c r="A2"><v>7</v></c></row><row r="1048576"><c r="XFD1048576" s="0"/></row>'
    rebuilt(path, xl__worksheets__sheet1_xml=sheet(rows))
    assert pl.concat(open_table(path).batches())["No"].to_list() == ["7"]


def test_a_long_text_that_many_cells_share_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(workbook_archive, "TEXT_BYTES_MAX", 1_000_000)
    path = written(tmp_path / "book.xlsx", [["x" * 30_000] for _ in range(40)])
    assert path.stat().st_size < 20_000
    assert "holds cells with more text than can be read safely" in unreadable(path)


@pytest.mark.parametrize("block_bytes", [7, 40, 1000])
@pytest.mark.parametrize("quick", [True, False])
def test_a_cell_torn_between_two_blocks_is_counted_once(tmp_path, monkeypatch, block_bytes, quick):
    path = written(
        tmp_path / "book.xlsx", [["No", "Total"], *([f"F{number}", number] for number in range(30))]
    )
    monkeypatch.setattr(workbook_archive, "_BLOCK_BYTES", block_bytes)
    seen = []

    class Watched(workbook_archive._SheetBounds):
        def are_safe(self, contents):
            seen.append((self.places_known, self.columns, self.shared))
            return super().are_safe(contents) and quick

    monkeypatch.setattr(workbook_archive, "_SheetBounds", Watched)
    sizes = []
    monkeypatch.setattr(
        workbook_archive._SheetSize, "check", lambda size: sizes.append((size.last_row, size.last_column))
    )
    contents = workbook_archive._Contents("book.xlsx", 1)
    with zipfile.ZipFile(path) as archive:
        for name in ("xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"):
            workbook_archive._look_into(archive, archive.getinfo(name), contents)
    assert len(contents.strings) == 32
    assert contents.strings[1] == len("<si><t>Total</t>")
    assert contents.longest == max(contents.strings)
    assert seen[-1] == (True, {b"", b"A", b"B"}, 32)
    assert (sizes == []) == quick
    assert quick or sizes[-1] == (31, 2)


def test_the_packages_that_are_missing_are_named(tmp_path, monkeypatch):
    import sys

    from paydelay.errors import MissingDependencyError

    monkeypatch.setitem(sys.modules, "fastexcel", None)
    path = written(tmp_path / "book.xlsx", [["No"], ["F1"]])
    with pytest.raises(MissingDependencyError, match=re.escape("pip install 'paydelay[excel]'")):
        open_workbook(path)
