"""Drafts: rows that know their lines, and what is said, refused and left out of them."""

from __future__ import annotations

from collections import Counter
from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paydelay.sources.draft import LINE, REFUSED, Agreement, Draft, file_of, line_of, number_of


@given(st.integers(0, 10_000), st.integers(1, 2**40 - 1))
def test_a_line_is_its_file_and_its_number(file: int, number: int) -> None:
    rows = pl.DataFrame({"n": [number]}).select(line_of(file, "n"))
    assert rows.columns == [LINE]
    assert rows.select(file_of(pl.col(LINE)), number_of(pl.col(LINE)).alias("n")).row(0) == (file, number)


def test_lines_sort_by_file_and_then_by_number() -> None:
    lines = [
        pl.select(pl.lit(number).alias("n")).select(line_of(file, "n")).item()
        for file, number in ((0, 9_999), (1, 2), (1, 10), (2, 1))
    ]
    assert lines == sorted(lines)


def test_files_are_numbered_and_told_apart() -> None:
    draft = Draft("csv")
    assert [draft.add_file("a.csv", encoding="utf-8"), draft.add_file("b.csv"), draft.add_file("a.csv")] == [
        0,
        1,
        2,
    ]
    assert [file.label for file in draft.files] == ["a.csv", "b.csv", "a.csv (2)"]
    assert draft.files[0].details == {"encoding": "utf-8"}


def test_nothing_is_assumed_of_no_row() -> None:
    draft = Draft("csv")
    draft.assume("terms", n=0)
    draft.assume("terms", n=2)
    draft.assume("export", day=date(2024, 1, 1))
    assert [(said.key, dict(said.values)) for said in draft.assumptions] == [
        ("terms", {"n": 2}),
        ("export", {"day": date(2024, 1, 1)}),
    ]


def test_lines_are_refused_by_a_rule_or_by_a_column_of_rules() -> None:
    draft = Draft("csv")
    draft.add_file("a.csv")
    rows = pl.DataFrame({"n": [2, 3], "number": [7, None], "why": ["date_unreadable", "missing_value"]})
    lines = rows.with_columns(line_of(0, "n"))
    draft.refuse(lines, "amount_zero", "Montant", "number")
    draft.refuse(lines, pl.col("why"), None, None)
    draft.refuse(lines.clear(), "amount_zero", "Montant", "number")
    assert [frame.schema for frame in draft.refused] == [REFUSED, REFUSED]
    assert pl.concat(draft.refused).rows() == [
        (2, "Montant", "amount_zero", "7"),
        (3, "Montant", "amount_zero", None),
        (2, None, "date_unreadable", None),
        (3, None, "missing_value", None),
    ]


def test_lines_left_out_are_counted_by_file_and_reason() -> None:
    draft = Draft("csv")
    draft.add_file("a.csv")
    draft.add_file("b.csv")
    rows = pl.DataFrame({"n": [2, 3, 4]})
    draft.leave_out(rows.select(line_of(0, "n")), "payable")
    draft.leave_out(pl.concat([rows.select(line_of(1, "n")), rows.select(line_of(0, "n"))]), "voided")
    draft.leave_out(rows.clear().select(line_of(0, "n")), "nothing")
    assert [file.out_of_scope for file in draft.files] == [
        Counter(payable=3, voided=3),
        Counter(voided=3),
    ]


@pytest.mark.parametrize(
    ("source", "ledger", "difference"),
    [(100.1, 100.1, 0.0), (0.1 + 0.2, 0.3, 0.0), (100.0, 99.99, -0.01), (1e9, 1e9 + 0.004, 0.0)],
)
def test_amounts_agree_in_whole_cents(source: float, ledger: float, difference: float) -> None:
    assert Agreement("invoices", "EUR", source, ledger).difference == difference
