"""Ledger folders: files of every make, files that cannot be read, and writing all or nothing."""

import datetime as dt
import logging
import re
from pathlib import Path

import polars as pl
import pytest

from paydelay.errors import CurrencyError, LedgerError, TargetError
from paydelay.ledger import Ledger, read_ledger

SECRET = "Maison Dupont-Secret"
INVOICES = "invoice_id,customer_id,issue_date,due_date,amount,currency\nA1,C1,2024-01-02,2024-02-01,100,EUR\n"
PAYMENTS = "invoice_id,payment_date,amount\nA1,2024-02-03,40\n"


@pytest.fixture
def folder(tmp_path):
    """A small sound ledger as CSV."""
    (tmp_path / "invoices.csv").write_text(INVOICES, "utf-8")
    (tmp_path / "payments.csv").write_text(PAYMENTS, "utf-8")
    return tmp_path


def put(folder, content, name="invoices.csv"):
    data = content if isinstance(content, bytes) else content.encode()
    (folder / name).write_bytes(data)
    return folder


def unreadable(folder, match=None):
    """The error of a folder that cannot be read: one sentence, without a cell."""
    with pytest.raises(LedgerError, match=match) as caught:
        read_ledger(folder)
    text = str(caught.value)
    assert SECRET not in text
    assert "\n" not in text
    assert caught.value.__cause__ is None or SECRET not in str(caught.value.__cause__)
    return text


# ---- CSV files of every make -------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_separator_byte_order_mark_and_line_ending_are_found(folder, separator, mark, ending):
    text = mark + INVOICES.replace(",", separator).replace("\n", ending)
    assert read_ledger(put(folder, text)).invoices.height == 1


def test_quoted_cells_hold_separators_quotes_and_line_breaks(folder):
    text = INVOICES.replace("currency\n", "currency,note\n").replace("EUR\n", 'EUR,"1,5"" and\nmore"\n')
    assert read_ledger(put(folder, text)).invoices["note"].item() == '1,5" and\nmore'


def test_a_header_may_be_quoted_and_padded(folder):
    text = INVOICES.replace("invoice_id,customer_id", '"invoice_id", customer_id ')
    assert read_ledger(put(folder, text)).invoices["customer_id"].item() == "C1"


def test_csv_cells_are_never_given_a_guessed_type(folder):
    text = INVOICES.replace("A1,C1", "007,1e3") + "1.0,0,2024-01-02,2024-02-01,1,EUR\n"
    ledger = read_ledger(put(folder, text))
    assert ledger.invoices.select("invoice_id", "customer_id").rows() == [("007", "1e3"), ("1.0", "0")]


def test_a_bad_cell_far_down_refuses_its_row_alone(folder):
    lines = [f"B{place},C1,2024-01-02,2024-02-01,{place + 1}.50,EUR" for place in range(20_000)]
    lines[15_000] = lines[15_000].replace("15001.50", SECRET)
    ledger = read_ledger(put(folder, INVOICES + "\n".join(lines)))
    assert ledger.refusals.rows() == [("invoices", 15_002, "amount", "amount_unreadable", "B15000")]
    assert ledger.rows_read["invoices"] == 20_001


def test_blank_lines_are_skipped_and_still_counted_in_row_numbers(folder):
    text = INVOICES + "\n\nA2,C1,?,2024-02-01,1,EUR\n,,,,,\n\n"
    ledger = read_ledger(put(folder, text))
    assert ledger.refusals.rows() == [("invoices", 4, "issue_date", "date_unreadable", "A2")]
    assert ledger.rows_read["invoices"] == 2


def test_a_short_line_lacks_its_last_cells(folder):
    ledger = read_ledger(put(folder, INVOICES + "A2,C1,2024-01-02\n"))
    assert ledger.refusals["rule"].to_list() == ["missing_value"]


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_line_with_too_many_cells_is_refused_alone(folder, place):
    long = "A2,C1,2024-01-02,2024-02-01,1,234.50,EUR\n"
    header, sound = INVOICES.splitlines(keepends=True)
    text = header + (long + sound if place == "before" else sound + long)
    ledger = read_ledger(put(folder, text))
    assert ledger.refusals.rows() == [
        ("invoices", 1 if place == "before" else 2, None, "too_many_cells", "A2")
    ]
    assert ledger.invoices["invoice_id"].to_list() == ["A1"]


def test_a_separator_at_the_end_of_every_line_does_no_harm(folder):
    header, sound = INVOICES.splitlines()
    assert read_ledger(put(folder, f"{header},\n{sound},\n")).invoices.height == 1
    ledger = read_ledger(put(folder, f"{header}\n{sound},\n"))
    assert ledger.invoices.height == 1
    assert ledger.refusals.height == 0


def test_columns_that_are_not_used_still_count_as_cells(folder):
    text = "invoice_id,payment_date,amount,bank\nA1,2024-02-03,40,x\nA1,2024-02-03,1,000.00,y\n"
    ledger = read_ledger(put(folder, text, "payments.csv"))
    assert ledger.refusals.rows() == [("payments", 2, None, "too_many_cells", "A1")]


def test_a_stray_quote_costs_nothing_and_merges_no_lines(folder):
    rows = [f'B{place},C1,2024-01-02,2024-02-01,1,EUR,{place}" pipe' for place in range(4)]
    text = INVOICES.replace("currency\n", "currency,goods\n") + "\n".join(rows)
    ledger = read_ledger(put(folder, text))
    assert ledger.invoices["goods"].to_list() == [None, '0" pipe', '1" pipe', '2" pipe', '3" pipe']


def test_a_quote_that_is_never_closed_names_its_line(folder):
    text = INVOICES + f'A2,"{SECRET},2024-01-02,2024-02-01,1,EUR\nA3,C1,2024-01-02,2024-02-01,1,EUR\n'
    assert "Line 3 of invoices.csv" in unreadable(put(folder, text), "opens a quote")


def test_a_header_without_rows_is_an_empty_table(folder):
    ledger = read_ledger(put(folder, INVOICES.splitlines()[0]))
    assert ledger.rows_read == {"invoices": 0, "payments": 1, "customers": 0, "events": 0, "rates": 0}
    assert ledger.refusals["rule"].to_list() == ["unknown_party"]


# ---- What cannot be read -----------------------------------------------------------------------


def test_a_folder_that_is_not_there_is_said_so(tmp_path):
    assert "does not exist" in unreadable(tmp_path / "nowhere")
    assert "is a file" in unreadable(put(tmp_path, "x", "file") / "file")
    assert "holds neither invoices.parquet nor invoices.csv" in unreadable(tmp_path)


def test_both_kinds_of_one_table_are_refused(folder):
    pl.DataFrame({"invoice_id": ["A1"]}).write_parquet(folder / "invoices.parquet")
    assert "holds both invoices.parquet and invoices.csv" in unreadable(folder)


def test_a_folder_without_payments_is_refused(folder):
    (folder / "payments.csv").unlink()
    assert "holds neither payments.parquet nor payments.csv" in unreadable(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "invoices.csv is empty"),
        ("\n" + INVOICES, "begins with an empty line"),
        (INVOICES.replace("C1", SECRET + "é").encode("cp1252"), "is not UTF-8 text"),
        (INVOICES.encode("utf-16"), "is not UTF-8 text"),
        (INVOICES.encode("utf-16-le"), "is not UTF-8 text"),
        (INVOICES.replace("A1", SECRET).replace("\n", "\r"), "one line per row"),
        (INVOICES.replace("due_date", "due date"), "'due_date' .the nearest name there is 'due date'"),
        (INVOICES.replace("due_date", "dd").replace("amount", "a"), "'due_date', the column 'amount'"),
        (INVOICES.replace("currency", "amount"), "'currency'"),
        (INVOICES.replace("currency", "currency,amount"), "names the column 'amount' more than once"),
        (f"{SECRET},{SECRET},2024-01-02,2024-02-01,100,EUR\n", "none of the columns of the invoices table"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is not UTF-8 text"),
    ],
)
def test_a_csv_file_that_is_none_is_one_clear_sentence(folder, content, message):
    assert re.search(message, unreadable(put(folder, content)))


def test_a_wrong_encoding_far_down_is_found(folder):
    text = INVOICES + "".join(f"B{place},C1,2024-01-02,2024-02-01,1,EUR\n" for place in range(30_000))
    assert "is not UTF-8 text" in unreadable(put(folder, text.encode() + (SECRET + "é\n").encode("latin-1")))


@pytest.mark.parametrize("damage", ["text", "cut", "empty"])
def test_a_parquet_file_that_is_none_is_refused(folder, damage):
    (folder / "invoices.csv").unlink()
    pl.DataFrame({"invoice_id": [SECRET] * 9}).write_parquet(folder / "invoices.parquet")
    data = (folder / "invoices.parquet").read_bytes()
    content = {"text": INVOICES.encode(), "cut": data[:-20], "empty": b""}[damage]
    assert re.search(
        "invoices.parquet is (not a readable|empty)", unreadable(put(folder, content, "invoices.parquet"))
    )


def test_damage_inside_a_parquet_file_is_refused(folder):
    (folder / "invoices.csv").unlink()
    rows = 2_000
    invoices = pl.DataFrame(
        {"invoice_id": range(rows), "customer_id": [SECRET] * rows, "currency": ["EUR"] * rows}
    )
    invoices.with_columns(
        issue_date=dt.date(2024, 1, 2), due_date=dt.date(2024, 2, 1), amount=pl.int_range(1, rows + 1)
    ).write_parquet(folder / "invoices.parquet")
    data = bytearray((folder / "invoices.parquet").read_bytes())
    data[8:200] = b"\xff" * 192
    assert "rows of invoices.parquet cannot be read" in unreadable(
        put(folder, bytes(data), "invoices.parquet")
    )


def test_a_column_is_missing_from_parquet_as_from_csv(folder):
    (folder / "payments.csv").unlink()
    pl.DataFrame({"invoice_id": ["A1"], "Amount": [1.0], "payment_date": ["?"]}).write_parquet(
        folder / "payments.parquet"
    )
    assert re.search(
        r"payments.parquet lacks .* 'amount' \(the nearest name there is 'Amount'\)", unreadable(folder)
    )


@pytest.mark.parametrize("content", ["", "[]", '{"reporting_currency": 3}', "{", b"\xff"])
def test_a_broken_settings_file_is_refused(folder, content):
    assert "ledger.json" in unreadable(put(folder, content, "ledger.json"))


def test_the_folder_may_state_its_reporting_currency(folder):
    text = INVOICES + "A2,C1,2024-01-02,2024-02-01,100,USD\n"
    put(put(folder, text), "currency,rate_date,rate\nUSD,2024-01-01,0.9\n", "rates.csv")
    with pytest.raises(CurrencyError, match="name it"):
        read_ledger(folder)
    put(folder, '{"reporting_currency": "EUR"}', "ledger.json")
    assert read_ledger(folder).reporting_currency == "EUR"
    with pytest.raises(CurrencyError, match="give USD a rate other than 1"):
        read_ledger(folder, reporting_currency="USD")
    put(folder, '{"reporting_currency": null}', "ledger.json")
    with pytest.raises(CurrencyError, match="name it"):
        read_ledger(folder)


def test_reading_logs_counts_once(folder, caplog):
    with caplog.at_level(logging.INFO, logger="paydelay"):
        read_ledger(folder)
    expected = "Read a ledger of 1 invoices, 1 payments, 0 customers, 0 events, 0 rates; refused 0 rows."
    assert caplog.messages == [expected]


# ---- Writing -----------------------------------------------------------------------------------


@pytest.fixture
def ledger(folder):
    return read_ledger(folder)


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_ledger_reads_back_the_same_with_all_its_tables(tmp_path, kind):
    whole = Ledger.from_frames(
        invoices=pl.DataFrame(
            {
                "invoice_id": ["001", "A;2"],
                "customer_id": ['C "1"', "C\n2"],
                "issue_date": [dt.date(2024, 1, 2)] * 2,
                "due_date": [dt.date(2024, 2, 1)] * 2,
                "amount": [0.1 + 0.2, 1e12 / 3],
                "currency": ["EUR", "USD"],
                "terms_days": [None, 45],
                "vat_amount": [None, 1 / 3],
                "recorded_on": [None, dt.date(2024, 1, 9)],
                "channel": [None, "web, or shop"],
            }
        ),
        payments=pl.DataFrame({"invoice_id": ["001"], "payment_date": ["2024-02-01"], "amount": [-0.1]}),
        customers=pl.DataFrame({"customer_id": ["C\n2"], "insured_share": [0.9], "sector": ["é"]}),
        events=pl.DataFrame(
            {"event_type": ["insolvency"], "event_date": ["2024-03-01"], "invoice_id": ["A;2"]}
        ),
        rates=pl.DataFrame({"currency": ["USD"], "rate_date": ["2024-01-01"], "rate": [1 / 1.1]}),
        reporting_currency="EUR",
    )
    whole.write(tmp_path / "made" / "on the way", kind)
    back = read_ledger(tmp_path / "made" / "on the way")
    assert back.equals(whole)
    assert back.notes == ()
    tables = [f"{name}.{kind}" for name in ("customers", "events", "invoices")]
    assert names(tmp_path / "made" / "on the way") == [
        *tables,
        "ledger.json",
        f"payments.{kind}",
        f"rates.{kind}",
    ]
    assert names(tmp_path / "made") == ["on the way"]


def test_other_tables_are_not_equal(ledger, folder):
    assert not ledger.equals(read_ledger(put(folder, PAYMENTS.replace("40", "41"), "payments.csv")))
    assert not ledger.equals(read_ledger(put(folder, INVOICES.replace("EUR", "USD"))))


def test_a_ledger_is_replaced_whole_and_other_files_stay(ledger, folder):
    (folder / "truth").mkdir()
    put(folder / "truth", "kept", "hazard.txt")
    put(folder, "event_type,event_date,invoice_id\ninsolvency,2024-03-01,A1\n", "events.csv")
    ledger.write(folder)
    assert names(folder) == ["invoices.parquet", "ledger.json", "payments.parquet", "truth"]
    assert (folder / "truth" / "hazard.txt").read_text() == "kept"
    assert read_ledger(folder).equals(ledger)
    assert list(folder.parent.glob(f".{folder.name}.*")) == []


def test_an_empty_folder_is_written_to(ledger, tmp_path):
    (tmp_path / "new").mkdir()
    ledger.write(tmp_path / "new")
    assert read_ledger(tmp_path / "new").equals(ledger)


def test_a_folder_of_other_things_is_left_alone(ledger, tmp_path):
    (tmp_path / "home").mkdir()
    put(tmp_path / "home", "mine", "letter.txt")
    with pytest.raises(TargetError, match="holds other things"):
        ledger.write(tmp_path / "home")
    assert names(tmp_path / "home") == ["letter.txt"]
    with pytest.raises(TargetError, match="is a file"):
        ledger.write(tmp_path / "home" / "letter.txt")
    with pytest.raises(TargetError, match="'parquet' or 'csv'"):
        ledger.write(tmp_path / "new", "xlsx")


@pytest.mark.parametrize("step", ["write_csv", "rename"])
def test_a_failure_leaves_the_former_ledger_and_no_draft(ledger, folder, monkeypatch, step):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fail(self, *args):
        raise OSError(28, "No space left on device")

    real = Path.rename

    def fail_into_place(self, target):
        if self.suffix == ".tmp":
            raise OSError(13, "Permission denied")
        return real(self, target)

    if step == "rename":
        monkeypatch.setattr(Path, "rename", fail_into_place)
    else:
        monkeypatch.setattr(pl.DataFrame, "write_csv", fail)
    with pytest.raises(TargetError, match="cannot be written"):
        ledger.write(folder, "csv")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert names(folder.parent).count(folder.name) == 1
    assert list(folder.parent.glob(f".{folder.name}.*")) == []
