"""Cells of a foreign system: flags, and days and amounts in the one way that a file writes them."""

import polars as pl
import pytest

from paydelay.sources.cells import day_formats_of, decimal_mark_of, is_true, typed
from paydelay.sources.draft import LINE, Draft


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
