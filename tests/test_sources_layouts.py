"""Foreign tables: known by their headers, keys that name one row, and one way to write a day per file."""

from pathlib import Path

import polars as pl
import pytest

from paydelay.errors import LedgerError
from paydelay.sources.draft import LINE, Draft
from paydelay.sources.layouts import (
    Layout,
    day_formats_of,
    decimal_mark_of,
    is_true,
    read_tables,
    require,
    typed,
    unique_by,
)

INVOICE = Layout("invoice", ("id", "customer_no", "total", "note"), ("id", "total"), {"total": ("Betrag",)})
PAYMENT = Layout("payment", ("id", "total", "paid_on"), ("id", "total", "paid_on"))
EITHER = Layout("item", ("id", "net", "gross"), ("id",), either=(("net", "gross"),))


def put(folder, name, text):
    path = Path(folder / name)
    path.write_text(text, "utf-8")
    return path


def read(folder, *texts):
    files = [put(folder, f"f{place}.csv", text) for place, text in enumerate(texts)]
    return read_tables(Draft("demo"), files, (INVOICE, PAYMENT, EITHER), "Demo")


def test_a_table_is_the_one_with_most_of_its_columns_there(tmp_path):
    tables = read(tmp_path, "ID,Total,Paid on\n1,2,3\n", "id;betrag\n7;8\n", "id,net\n1,1\n")
    assert {name: rows.height for name, rows in tables.items()} == {"payment": 1, "invoice": 1, "item": 1}
    assert tables["invoice"].select("id", "total", "note").rows() == [("7", "8", None)]


def test_files_of_one_table_are_joined_and_keep_their_lines(tmp_path):
    rows = read(tmp_path, "id,total\n1,2\n", "total,id\n4,3\n")["invoice"]
    assert rows.select("id", "total").rows() == [("1", "2"), ("3", "4")]
    assert rows[LINE].n_unique() == 2


def test_a_file_that_fits_nothing_is_told_with_what_it_lacks(tmp_path):
    with pytest.raises(LedgerError, match=r"f0\.csv fits no table of Demo: taken for payment it lacks id"):
        read(tmp_path, "total,paid_on\n1,Secret\n")
    with pytest.raises(LedgerError, match="give files with the columns of invoice, payment, item") as caught:
        read(tmp_path, "Secret\nx\n")
    assert "Secret" not in str(caught.value)


def test_a_wrong_file_is_told_before_another_is_read(tmp_path):
    draft = Draft("demo")
    files = [put(tmp_path, "good.csv", "id,total\n1,2\n"), put(tmp_path, "bad.csv", "a\n1\n")]
    with pytest.raises(LedgerError, match=r"bad\.csv"):
        read_tables(draft, files, (INVOICE,), "Demo")
    assert draft.files == []


def test_missing_tables_are_named():
    with pytest.raises(LedgerError, match="lack the tables a and b: why not; give them too"):
        require({}, ["a", "b"], "Demo", "why not")
    require({"a": pl.DataFrame()}, ["a"], "Demo", "why not")


def test_cells_that_cannot_be_read_refuse_their_line_once():
    draft = Draft("demo")
    rows = pl.DataFrame(
        {"id": ["1", "2", "3"], "on": ["2024-01-05", "soon", None], "sum": ["x", "y", None], LINE: [2, 3, 4]}
    )
    kept = typed(draft, rows, "id", days=("on",), amounts=("sum",))
    assert kept.select("id", "on", "sum").rows() == [("3", None, None)]
    refused = pl.concat(draft.refused).sort(LINE)
    assert refused.select(LINE, "column", "rule", "identifier").rows() == [
        (2, "sum", "amount_not_understood", "1"),
        (3, "on", "date_not_understood", "2"),
    ]


def test_a_row_without_a_key_is_nobody_s_double():
    draft = Draft("demo")
    draft.add_file("f.csv")
    rows = pl.DataFrame({"id": [None, None, "1"], "a": ["x", "x", "y"], LINE: [2, 3, 4]})
    assert unique_by(draft, rows, ["id"], "id").height == 3


def test_a_file_writes_its_days_in_one_way():
    rows = pl.DataFrame({"a": ["01/02/2024", "13/02/2024"], "b": ["02/03/2024", None]})
    draft = Draft("demo")
    assert day_formats_of(draft, rows, ["a", "b"], ["MM/DD/YYYY", "DD/MM/YYYY"]) == "DD/MM/YYYY"
    assert draft.assumptions == []
    either = pl.DataFrame({"a": ["01/02/2024"]})
    assert day_formats_of(draft, either, ["a"], ["DD/MM/YYYY", "MM/DD/YYYY"]) == "DD/MM/YYYY"
    assert draft.assumptions[0].values["n"] == 1


@pytest.mark.parametrize(
    ("amounts", "mark"),
    [
        (["1,250.00"], "."),
        (["1.250,00"], ","),
        (["1,250", "3"], "."),
        (["1.250", "3"], ","),
        (["12.5"], "."),
        (["12,5"], ","),
        (["7"], "."),
        ([None], "."),
    ],
)
def test_the_decimal_mark_is_found_by_what_reads_as_money(amounts, mark):
    assert decimal_mark_of(pl.DataFrame({"a": amounts}, schema={"a": pl.String}), ["a"]) == mark


def test_yes_is_written_in_many_ways():
    rows = pl.DataFrame({"a": ["TRUE", "t", "Ja", "oui", "1", "false", "0", "Nein", "", None]})
    assert rows.select(is_true("a"))["a"].to_list() == [True] * 5 + [False] * 5


KEYED = Layout("line", ("id", "of", "total", "_fivetran_deleted"), ("id", "of", "total"), key=("id", "of"))


def kept_and_told(folder, *texts, layout=KEYED):
    draft = Draft("demo")
    files = [put(folder, f"f{place}.csv", text) for place, text in enumerate(texts)]
    rows = read_tables(draft, files, (layout,), "Demo")["line"]
    copies = sum(file.out_of_scope["erp.repeated_row"] for file in draft.files)
    return rows["id"].to_list(), copies, [rule for frame in draft.refused for rule in frame["rule"]]


def test_a_key_of_a_layout_names_one_row_in_all_files_together(tmp_path):
    head = "id,of,total\n"
    assert kept_and_told(tmp_path, head + "1,a,5\n", head + "1,a,5\n1,b,5\n") == (["1", "1"], 1, [])
    assert kept_and_told(tmp_path, head + "1,a,5\n1,a,5\n2,a,5\n") == (["1", "2"], 1, [])
    contrary = head + "1,a,5\n1.0,a,6\n2,a,5\n"
    assert kept_and_told(tmp_path, contrary) == (["2"], 0, ["key_repeated", "key_repeated"])


def test_a_row_marked_as_deleted_contradicts_nobody(tmp_path):
    text = "id,of,total,_fivetran_deleted\n1,a,5,false\n1,a,,true\n"
    assert kept_and_told(tmp_path, text) == (["1", "1"], 0, [])


def test_without_a_key_the_rows_of_another_file_count_once_and_those_of_one_file_each(tmp_path):
    keyless = Layout("line", ("id", "total"), ("id", "total"))
    twice = "id,total\n1,5\n1,5\n"
    assert kept_and_told(tmp_path, twice, layout=keyless) == (["1", "1"], 0, [])
    assert kept_and_told(tmp_path, twice, twice + "1,5\n2,5\n", layout=keyless) == (
        ["1", "1", "1", "2"],
        2,
        [],
    )
