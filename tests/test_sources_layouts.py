"""Foreign tables: known by their headers, with keys that name one row."""

from pathlib import Path

import polars as pl
import pytest

from paydelay.errors import LedgerError
from paydelay.sources.draft import LINE, Draft
from paydelay.sources.layouts import Layout, read_tables, require, unique_by

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


def test_a_row_without_a_key_is_nobody_s_double():
    draft = Draft("demo")
    draft.add_file("f.csv")
    rows = pl.DataFrame({"id": [None, None, "1"], "a": ["x", "x", "y"], LINE: [2, 3, 4]})
    assert unique_by(draft, rows, ["id"], "id").height == 3


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
