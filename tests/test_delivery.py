import csv
import io
import json
import os
import stat
from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paydelay import delivery, files
from paydelay.delivery import check_target, deliver
from paydelay.errors import ConfigError, TargetError

REASON = pl.Struct({"cause": pl.String, "direction": pl.Int8, "contribution": pl.Float64, "text": pl.String})
KINDS = ("parquet", "csv", "json")
FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"


def reason(text, direction=1):
    return {"cause": "customer_late_share", "direction": direction, "contribution": 0.4, "text": text}


def queue():
    return pl.DataFrame(
        {
            "invoice_id": ["F1", "F2", "F3"],
            "customer_id": ["Dupont, Fils", 'a "b"', "=HYPERLINK(1)"],
            "due_date": [date(2025, 6, 13), None, date(1999, 12, 31)],
            "days_past_due": pl.Series([-13, 0, 380], dtype=pl.Int32),
            "open_amount": [-0.1, 1e-7, 123456789.25],
            "set_aside": [None, "", "dispute"],
            "reasons_late": pl.Series(
                [[reason("Pays late"), reason("Pays early", -1)], [], None], dtype=pl.List(REASON)
            ),
        }
    )


def cells(path):
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


def leftovers(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_parquet_comes_back_as_it_was(tmp_path):
    path = deliver(queue(), str(tmp_path / "scores.parquet"))
    assert path == tmp_path / "scores.parquet"
    back = pl.read_parquet(path)
    assert back.schema == queue().schema
    assert back.equals(queue())


def test_json_is_records_with_iso_dates_and_reasons_as_objects(tmp_path):
    records = json.loads(deliver(queue(), tmp_path / "scores.json").read_bytes())
    assert [list(record) for record in records] == [queue().columns] * 3
    assert records[0]["due_date"] == "2025-06-13"
    assert records[0]["reasons_late"] == [reason("Pays late"), reason("Pays early", -1)]
    assert records[1]["reasons_late"] == []
    assert [record["open_amount"] for record in records] == [-0.1, 0.0, 123456789.25]
    assert [record["set_aside"] for record in records] == [None, "", "dispute"]


def test_json_has_a_record_a_line(tmp_path):
    lines = deliver(queue(), tmp_path / "scores.json").read_text("utf-8").splitlines()
    assert lines[0] == "["
    assert lines[-1] == "]"
    assert [json.loads(line.removesuffix(","))["invoice_id"] for line in lines[1:-1]] == ["F1", "F2", "F3"]


def test_csv_is_flat_and_plain(tmp_path):
    path = deliver(queue(), tmp_path / "scores.csv")
    rows = cells(path)
    assert list(rows[0]) == queue().columns
    assert rows[0]["reasons_late"] == "Pays late | Pays early (lowers the risk)"
    assert [row["reasons_late"] for row in rows[1:]] == ["", ""]
    assert [row["customer_id"] for row in rows] == ["Dupont, Fils", 'a "b"', "'=HYPERLINK(1)"]
    assert [row["due_date"] for row in rows] == ["2025-06-13", "", "1999-12-31"]
    assert [row["open_amount"] for row in rows] == ["-0.1", "0", "123456789.25"]
    assert [row["days_past_due"] for row in rows] == ["-13", "0", "380"]
    assert not path.read_bytes().startswith(b"\xef\xbb\xbf")


def noisy():
    """What sums of floats look like: nobody means the digits beyond the cent."""
    return pl.DataFrame(
        {
            "customer_id": ["A;1", "B", "=C"],
            "open_amount": [12.300000000000001, -1e-9, 1234567.891],
            "expected_loss": [0.1 + 0.2, None, float("nan")],
            "prob_late": [1 / 3, 1.0, 1e-9],
            "covered_share": [2 / 3, 0.5, 0.0],
            "days_open": [1 / 3, 2.0, 3.0],
            "as_of": [date(2025, 11, 30)] * 3,
            "reasons_late": pl.Series(
                [[reason("Paie 62,5 % en retard; souvent") | {"contribution": 1 / 3}], [], None],
                dtype=pl.List(REASON),
            ),
        }
    )


def test_money_is_written_to_the_cent_and_probabilities_to_six_decimals(tmp_path):
    rows = cells(deliver(noisy(), tmp_path / "queue.csv"))
    assert [row["open_amount"] for row in rows] == ["12.3", "0", "1234567.89"]
    assert [row["expected_loss"] for row in rows] == ["0.3", "", ""]
    assert [row["prob_late"] for row in rows] == ["0.333333", "1", "0"]
    assert [row["covered_share"] for row in rows] == ["0.666667", "0.5", "0"]
    assert float(rows[0]["days_open"]) == 1 / 3
    records = json.loads(deliver(noisy(), tmp_path / "queue.json").read_bytes())
    assert [record["open_amount"] for record in records] == [12.3, 0.0, 1234567.89]
    assert [record["prob_late"] for record in records] == [0.333333, 1.0, 0.0]
    assert records[0]["reasons_late"][0]["contribution"] == 0.333333
    whole = pl.read_parquet(deliver(noisy(), tmp_path / "queue.parquet"))
    assert whole["open_amount"].to_list() == noisy()["open_amount"].to_list()


def test_a_french_spreadsheet_gets_its_own_marks_and_reads_back_the_same(tmp_path):
    path = deliver(noisy(), tmp_path / "queue.csv", "fr", csv_style="excel-fr")
    text = path.read_bytes()
    assert text.startswith(b"\xef\xbb\xbfcustomer_id;open_amount;")
    assert b"12,3;" in text
    assert '"A;1"' in text.decode("utf-8-sig")
    back = pl.read_csv(path, separator=";", decimal_comma=True, try_parse_dates=True)
    plain = pl.read_csv(deliver(noisy(), tmp_path / "plain.csv", "fr"), try_parse_dates=True)
    assert back.equals(plain)
    assert back["customer_id"].to_list() == ["A;1", "B", "'=C"]
    rows = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert [row["open_amount"] for row in rows] == ["12,3", "0", "1234567,89"]
    assert [row["as_of"] for row in rows] == ["2025-11-30"] * 3


def test_a_style_that_is_unknown_or_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="excel-fr"):
        deliver(noisy(), tmp_path / "queue.csv", csv_style="excel")
    for kind in ("json", "parquet"):
        with pytest.raises(ConfigError, match=f"a .{kind} file"):
            deliver(noisy(), tmp_path / f"two.{kind}", csv_style="excel-fr")
    assert list(tmp_path.iterdir()) == []


def test_csv_says_in_the_language_of_the_reasons_which_ones_lower_the_risk(tmp_path):
    rows = cells(deliver(queue(), tmp_path / "scores.csv", "fr"))
    assert rows[0]["reasons_late"] == "Pays late | Pays early (réduit le risque)"


def test_other_lists_and_structures_become_one_cell(tmp_path):
    frame = pl.DataFrame(
        {"names": [["a", "b"]], "ends": [{"low": 1, "high": 2}], "many": [[{"n": 1}, {"n": 2}]]}
    )
    row = cells(deliver(frame, tmp_path / "other.csv"))[0]
    assert row == {"names": "a | b", "ends": '{"low":1,"high":2}', "many": '{"n":1} | {"n":2}'}


def test_what_is_no_number_is_missing(tmp_path):
    frame = pl.DataFrame({"name": ["a", "b", "c"], "gain": [float("nan"), float("-inf"), 1.0]})
    assert [row["gain"] for row in cells(deliver(frame, tmp_path / "gain.csv"))] == ["", "", "1"]
    written = deliver(frame, tmp_path / "gain.json").read_text("utf-8")
    assert [record["gain"] for record in json.loads(written, parse_constant=pytest.fail)] == [None, None, 1.0]


def test_times_are_iso(tmp_path):
    frame = pl.DataFrame({"at": [datetime(2025, 1, 2, 3, 4, 5)]})
    assert cells(deliver(frame, tmp_path / "at.csv"))[0]["at"].startswith("2025-01-02T03:04:05")
    at = json.loads(deliver(frame, tmp_path / "at.json").read_bytes())[0]["at"]
    assert datetime.fromisoformat(at) == datetime(2025, 1, 2, 3, 4, 5)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_table_keeps_its_columns_or_is_an_empty_list(tmp_path, kind):
    path = deliver(queue().clear(), tmp_path / f"empty.{kind}")
    if kind == "parquet":
        assert pl.read_parquet(path).schema == queue().schema
    elif kind == "csv":
        assert path.read_text("utf-8") == ",".join(queue().columns) + "\n"
    else:
        assert json.loads(path.read_bytes()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_table_gives_the_same_bytes_however_it_was_built(tmp_path, kind):
    whole = deliver(queue(), tmp_path / f"whole.{kind}").read_bytes()
    parts = pl.concat([queue().head(1), queue().slice(1)], rechunk=False)
    assert deliver(parts, tmp_path / f"parts.{kind}").read_bytes() == whole


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_table_of_many_slices_has_every_row_once_and_in_order(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(delivery, "_ROWS_AT_ONCE", 7)
    frame = pl.DataFrame({"number": range(50)})
    path = deliver(frame, tmp_path / f"many.{kind}")
    rows = cells(path) if kind == "csv" else json.loads(path.read_bytes())
    assert [int(row["number"]) for row in rows] == list(range(50))


nasty = st.one_of(
    st.text(max_size=8),
    st.builds(
        lambda start, rest: start + rest,
        st.sampled_from([*FORMULA_STARTS, '"', "'", ",", ";"]),
        st.text(max_size=4),
    ),
)


@given(texts=st.lists(st.one_of(st.none(), nasty), min_size=1, max_size=6))
def test_any_text_survives_and_none_starts_a_formula(texts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nasty")
    frame = pl.DataFrame({"key": range(len(texts)), "text": pl.Series(texts, dtype=pl.String)})
    rows = cells(deliver(frame, folder / "texts.csv"))
    assert [row["key"] for row in rows] == [str(key) for key in range(len(texts))]
    for text, row in zip(texts, rows, strict=True):
        wanted = text or ""
        guarded = wanted[:1] != "" and wanted[0] in FORMULA_STARTS
        assert row["text"] == ("'" + wanted if guarded else wanted)
    records = json.loads(deliver(frame, folder / "texts.json").read_bytes())
    assert [record["text"] for record in records] == texts
    assert pl.read_parquet(deliver(frame, folder / "texts.parquet")).equals(frame)


@given(numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=6))
def test_numbers_are_written_whole_and_are_never_guarded(numbers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("numbers")
    frame = pl.DataFrame({"key": range(len(numbers)), "number": numbers})
    written = [row["number"] for row in cells(deliver(frame, folder / "numbers.csv"))]
    assert [float(text) for text in written] == numbers
    assert not any(set(text) & set("eE'") for text in written)


@pytest.mark.parametrize("target", ["queue.xlsx", "queue", "queue.csv.gz", ".csv", "", "-", "folder/"])
def test_other_targets_are_refused_with_what_is_accepted(target, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TargetError, match=r"\.parquet, \.csv or \.json"):
        deliver(queue(), target)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "target", ["sqlite:///queue.db#worklist", "postgresql+psycopg://ana:secret@db/x#q.csv"]
)
def test_databases_are_refused_without_repeating_the_address(target):
    with pytest.raises(TargetError, match="Databases are not served yet by this version") as caught:
        check_target(target)
    assert "secret" not in str(caught.value)


def test_endings_may_be_written_large_and_folders_are_made(tmp_path):
    path = deliver(queue(), tmp_path / "out" / "today" / "Scores.CSV")
    assert len(cells(path)) == 3
    assert leftovers(path.parent) == []


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path):
    (tmp_path / "queue.csv").mkdir()
    with pytest.raises(TargetError, match=r"queue\.csv is a folder"):
        deliver(queue(), tmp_path / "queue.csv")


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(TargetError, match="cannot be written"):
        deliver(queue(), tmp_path / "out" / "queue.csv")
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("target", ["a\0b.csv", "x" * 400 + ".csv"])
def test_an_impossible_name_is_refused(target, tmp_path):
    with pytest.raises(TargetError, match="cannot be written"):
        deliver(queue(), tmp_path / target)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user whom permissions stop")
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(TargetError, match="Permission denied"):
            deliver(queue(), tmp_path / "queue.csv")
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_permission_denied_is_told_in_a_sentence(tmp_path, monkeypatch):
    def denied(*_args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "fsync", denied)
    with pytest.raises(TargetError, match=r"cannot be written \(Permission denied\)"):
        deliver(queue(), tmp_path / "queue.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt])
def test_a_write_that_is_broken_off_leaves_the_old_file(tmp_path, monkeypatch, kind, stop):
    path = tmp_path / f"queue.{kind}"
    path.write_bytes(b"yesterday")

    def half(*_):
        yield b"half of"
        raise stop

    monkeypatch.setitem(delivery._WRITERS, f".{kind}", half)
    with pytest.raises(stop):
        deliver(queue(), path)
    assert path.read_bytes() == b"yesterday"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is always full")  # noqa: PTH110
@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_is_noticed(tmp_path, monkeypatch, kind):
    class Full:
        hex = "full"

    (tmp_path / ".paydelay-full.tmp").symlink_to("/dev/full")
    monkeypatch.setattr(files.uuid, "uuid4", Full)
    path = tmp_path / f"queue.{kind}"
    path.write_bytes(b"yesterday")
    with pytest.raises(TargetError, match="No space left"):
        deliver(queue(), path)
    assert path.read_bytes() == b"yesterday"


def test_an_older_file_is_replaced_and_a_link_stays_a_link(tmp_path):
    real, link = tmp_path / "real.csv", tmp_path / "latest.csv"
    real.write_text("yesterday")
    link.symlink_to(real)
    assert deliver(queue(), link) == link
    assert link.is_symlink()
    assert len(cells(real)) == 3


def test_a_column_that_no_file_holds_is_refused(tmp_path):
    frame = pl.DataFrame({"thing": pl.Series([object()], dtype=pl.Object)})
    with pytest.raises(TargetError, match="cannot hold this table"):
        deliver(frame, tmp_path / "things.json")
    assert list(tmp_path.iterdir()) == []
