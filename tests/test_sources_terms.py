"""Payment terms in place of due dates."""

import datetime as dt

import polars as pl
import pytest

from paydelay.errors import LedgerError
from paydelay.sources.options import ImportOptions
from paydelay.sources.terms import due_after, read_terms, terms_of


def due(day, days, end_of_month=False):
    rows = pl.DataFrame({"day": [day], "days": [days]}, schema={"day": pl.Date, "days": pl.Int32})
    return rows.select(due_after(pl.col("day"), pl.col("days"), end_of_month)).item()


@pytest.mark.parametrize(
    ("day", "days", "end_of_month", "expected"),
    [
        (dt.date(2024, 1, 31), 30, False, dt.date(2024, 3, 1)),
        (dt.date(2024, 1, 31), 30, True, dt.date(2024, 3, 31)),
        (dt.date(2023, 12, 1), 45, True, dt.date(2024, 1, 31)),
        (dt.date(2024, 1, 31), 0, False, dt.date(2024, 1, 31)),
        (dt.date(2024, 1, 31), None, False, None),
        (None, 30, True, None),
        (dt.date(9999, 12, 31), 30, False, None),
    ],
)
def test_due_dates_by_hand(day, days, end_of_month, expected):
    assert due(day, days, end_of_month) == expected


def test_terms_may_run_to_the_end_of_the_month_for_some(tmp_path):
    (tmp_path / "t.csv").write_text("end_of_month;terms_days;customer_id\nOUI;30; C1 \n;60;C2\n0;0;C3\n")
    assert read_terms(tmp_path / "t.csv").rows() == [("C1", 30, True), ("C2", 60, False), ("C3", 0, False)]


def test_numbers_of_a_parquet_file_are_customers_too(tmp_path):
    pl.DataFrame({"customer_id": [7, 8], "terms_days": [30, 45]}).write_parquet(tmp_path / "t.parquet")
    assert read_terms(tmp_path / "t.parquet")["customer_id"].to_list() == ["7", "8"]


@pytest.mark.parametrize(
    "line", ["C2,thirty,", "C2,1.5,", "C2,-1,", "C2,9999,", ",30,", "C2,30,perhaps", "C2,,"]
)
def test_a_line_that_cannot_be_used_is_told_by_its_number(tmp_path, line):
    (tmp_path / "t.csv").write_text(f"customer_id,terms_days,end_of_month\nC1,30,\n{line}\n")
    with pytest.raises(LedgerError, match=r"Line 3 of t\.csv is no usable row of terms") as caught:
        read_terms(tmp_path / "t.csv")
    assert "C2" not in str(caught.value)


def test_a_customer_given_twice_an_empty_table_and_a_lacking_column_are_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("customer_id,terms_days\nC1,30\nC2,1\nC1,30\n")
    with pytest.raises(LedgerError, match=r"Line 4 of t\.csv names a customer that another line names too"):
        read_terms(path)
    path.write_text("customer_id,terms_days\n")
    with pytest.raises(LedgerError, match="holds no terms"):
        read_terms(path)
    path.write_text("customer,terms_days\nC1,30\n")
    with pytest.raises(LedgerError, match="lacks the column customer_id"):
        read_terms(path)


def test_options_without_terms_have_none():
    assert not terms_of(ImportOptions()).known
    assert terms_of(ImportOptions(terms_days=0)).known
