"""From a draft to a ledger: the contract applied, every line accounted for, the report written."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import paydelay.ledger.storage
from paydelay.errors import LedgerError, TargetError
from paydelay.ledger import Ledger, read_ledger
from paydelay.sources.draft import LINE, Agreement, Draft, line_of
from paydelay.sources.imported import ImportedLedger, open_amounts, to_ledger

SECRET = "Geheim und Söhne"
DAY = date(2024, 1, 2)


def table(*rows: tuple[object, ...]) -> pl.DataFrame:
    """Invoices or payments by line, number, amount."""
    numbers, names, amounts = zip(*rows, strict=True) if rows else ((), (), ())
    frame = pl.DataFrame(
        {"n": numbers, "invoice_id": names, "amount": amounts},
        schema={"n": pl.Int64, "invoice_id": pl.String, "amount": pl.Float64},
    )
    return frame.select(line_of(0, "n"), "invoice_id", "amount")


def drafted(
    invoices: list[tuple[object, ...]],
    payments: list[tuple[object, ...]] | tuple[()] = (),
    read: int | None = None,
) -> Draft:
    draft = Draft("csv")
    draft.add_file("books.csv", encoding="utf-8", separator="semicolon")
    lines = {row[0] for row in [*invoices, *payments]}
    draft.files[0].read = len(lines) if read is None else read
    draft.tables["invoices"] = table(*invoices).with_columns(
        customer_id=pl.lit("C1"), issue_date=DAY, due_date=date(2024, 2, 1), currency=pl.lit("EUR")
    )
    draft.tables["payments"] = table(*payments).with_columns(payment_date=date(2024, 2, 3))
    return draft


def counts(ledger: ImportedLedger) -> tuple[int, int, int, int]:
    (file,) = ledger.report.files
    return file.read, file.used, file.refused, file.out_of_scope.total()


# ---- Lines -------------------------------------------------------------------------------------


def test_every_line_is_used_refused_or_out_of_scope() -> None:
    draft = drafted([(2, "F1", 100.0), (3, "F2", -5.0)], [(4, "F1", 40.0)], read=6)
    flawed = pl.DataFrame({"n": [5], "id": ["F9"]}).with_columns(line_of(0, "n"))
    draft.refuse(flawed, "date_unreadable", "Datum", "id")
    draft.leave_out(pl.DataFrame({"n": [6]}).select(line_of(0, "n")), "payable")
    draft.used_besides.append(pl.DataFrame({"n": [7]}).select(line_of(0, "n"))[LINE])
    ledger = to_ledger(draft)
    assert counts(ledger) == (6, 3, 2, 1)
    assert ledger.report.refusals.rows() == [
        ("books.csv", 3, "amount", "amount_not_positive", "F2"),
        ("books.csv", 5, "Datum", "date_unreadable", "F9"),
    ]
    # What was refused on the way in is told by line, not a second time by row.
    assert ledger.refusals.is_empty()
    assert ledger.invoices["invoice_id"].to_list() == ["F1"]


def test_a_line_of_several_rows_is_used_with_all_of_them_or_refused_with_all() -> None:
    # Line 2 is an invoice and what settled it; its amount of nothing is refused, and so would be its invoice.
    ledger = to_ledger(drafted([(2, "F1", 100.0), (3, "F2", 50.0)], [(2, "F1", 0.0), (3, "F2", 50.0)]))
    assert counts(ledger) == (2, 1, 1, 0)
    assert ledger.invoices["invoice_id"].to_list() == ["F2"]
    assert ledger.payments["invoice_id"].to_list() == ["F2"]
    assert ledger.report.refusals.rows() == [("books.csv", 2, "amount", "amount_zero", "F1")]


def test_what_depended_on_a_refused_line_is_refused_in_turn() -> None:
    # The payment of line 3 names an invoice and a customer that only the refused line 2 made known.
    ledger = to_ledger(drafted([(2, "F1", 100.0), (5, "F2", 1.0)], [(2, "F1", 0.0), (3, "F1", 40.0)]))
    assert ledger.report.refusals.rows() == [
        ("books.csv", 2, "amount", "amount_zero", "F1"),
        ("books.csv", 3, "invoice_id", "unknown_party", "F1"),
    ]
    assert counts(ledger) == (3, 1, 2, 0)


def test_of_several_rules_a_line_is_refused_by_the_first() -> None:
    draft = drafted([(2, "F1", -1.0)])
    draft.refuse(draft.tables["invoices"], "date_unreadable", "Datum", "invoice_id")
    assert to_ledger(draft).report.refusals.rows() == [("books.csv", 2, "Datum", "date_unreadable", "F1")]


def test_rows_that_come_from_no_line_are_no_lines() -> None:
    draft = drafted([(2, "F1", 100.0)])
    derived = pl.DataFrame(
        {"customer_id": ["C1", None], LINE: [None, None]}, schema_overrides={LINE: pl.Int64}
    )
    draft.tables["customers"] = derived
    ledger = to_ledger(draft)
    assert counts(ledger) == (1, 1, 0, 0)
    assert ledger.refusals["table"].to_list() == ["customers"]


LINES = st.lists(
    st.tuples(st.sampled_from(["F1", "F2", "F3", ""]), st.sampled_from([100.0, 40.0, 0.0, -5.0])), max_size=12
)


# Each example is three ledgers.
@settings(max_examples=20)
@given(LINES, LINES, st.data())
def test_lines_always_add_up_and_a_draft_that_loses_or_doubles_one_is_caught(
    invoices: list[tuple[str, float]], payments: list[tuple[str, float]], data: st.DataObject
) -> None:
    numbered = [(number, *row) for number, row in enumerate(invoices + payments, 2)]
    first, second = numbered[: len(invoices)], numbered[len(invoices) :]
    read, used, refused, outside = counts(to_ledger(drafted(first, second)))
    assert read == used + refused + outside == len(numbered)
    if not numbered:
        return
    lost = data.draw(st.sampled_from(numbered))
    kept = ([row for row in rows if row != lost] for rows in (first, second))
    with pytest.raises(LedgerError, match="does not add up; please report it"):
        to_ledger(drafted(*kept, read=len(numbered)))
    doubled = drafted(first, second)
    doubled.leave_out(pl.DataFrame({"n": [lost[0]]}).select(line_of(0, "n")), "payable")
    with pytest.raises(LedgerError, match="does not add up"):
        to_ledger(doubled)


def test_a_draft_without_payments_is_a_ledger_and_one_without_invoices_is_none() -> None:
    draft = drafted([(2, "F1", 100.0)])
    del draft.tables["payments"]
    assert to_ledger(draft).payments.is_empty()
    del draft.tables["invoices"]
    with pytest.raises(LedgerError, match="no table of invoices"):
        to_ledger(draft)


# ---- The report --------------------------------------------------------------------------------


def reported() -> ImportedLedger:
    draft = drafted([(2, "F1", 100.0), (3, "F2", -1.0)])
    draft.assume("terms", n=1, day=DAY)
    draft.agreements += [Agreement("invoices", "EUR", 100.0, 100.0), Agreement("open", "EUR", 100.1, 100.0)]
    return to_ledger(draft)


def test_the_report_is_plain_data() -> None:
    report = reported().report
    assert not report.reconciled
    assert json.loads(json.dumps(report.to_dict())) == {
        "kind": "csv",
        "files": [
            {
                "file": "books.csv",
                "encoding": "utf-8",
                "separator": "semicolon",
                "read": 2,
                "used": 1,
                "refused": 1,
                "out_of_scope": {},
            }
        ],
        "assumptions": [{"key": "terms", "n": 1, "day": "2024-01-02"}],
        "agreements": [
            {
                "key": key,
                "currency": "EUR",
                "source_amount": source,
                "ledger_amount": 100.0,
                "difference": off,
                "apart_count": 0,
            }
            for key, source, off in (("invoices", 100.0, 0.0), ("open", 100.1, -0.1))
        ],
        "balance_parts": {},
        "reconciled": False,
    }


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_ledger_and_its_report_are_written_and_the_ledger_reads_back(tmp_path: Path, kind: str) -> None:
    ledger = reported()
    ledger.write(tmp_path / "ledger", kind)
    assert read_ledger(tmp_path / "ledger").equals(ledger)
    assert {path.name for path in (tmp_path / "ledger").iterdir()} == {
        "import.json",
        "import_refused.csv",
        "ledger.json",
        f"invoices.{kind}",
        f"payments.{kind}",
    }
    assert json.loads((tmp_path / "ledger" / "import.json").read_text("utf-8")) == ledger.report.to_dict()
    assert (tmp_path / "ledger" / "import_refused.csv").read_text("utf-8").splitlines() == [
        "file,line,column,rule,identifier",
        "books.csv,3,amount,amount_not_positive,F2",
    ]


def test_what_a_spreadsheet_would_run_is_no_formula_in_the_files_beside_the_ledger(tmp_path: Path) -> None:
    names = ["=HYPERLINK(1)", "+1", "@SUM(1)", "-2"]
    draft = drafted([(2, "F1", 100.0), *((place, name, -1.0) for place, name in enumerate(names, 3))])
    to_ledger(draft).write(tmp_path / "ledger", "csv")
    rows = (tmp_path / "ledger" / "import_refused.csv").read_text("utf-8").splitlines()[1:]
    assert [row.rpartition(",")[2] for row in rows] == [f"'{name}" for name in names]


def test_the_report_of_another_import_does_not_stay_beside_a_new_ledger(tmp_path: Path) -> None:
    reported().write(tmp_path / "ledger", "csv")
    (tmp_path / "ledger" / "mine.txt").write_text("mine", "utf-8")
    plain = to_ledger(drafted([(2, "F1", 100.0)]))
    plain.write(tmp_path / "ledger", "csv")
    names = {path.name for path in (tmp_path / "ledger").iterdir()}
    assert names == {"import.json", "ledger.json", "invoices.csv", "payments.csv", "mine.txt"}
    Ledger.write(read_ledger(tmp_path / "ledger"), tmp_path / "ledger", "csv")
    assert "import.json" not in {path.name for path in (tmp_path / "ledger").iterdir()}


def test_a_report_that_cannot_be_written_leaves_no_ledger_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = to_ledger(drafted([(2, "F1", 100.0)]))
    plain.write(tmp_path / "ledger", "csv")
    before = {path.name: path.read_bytes() for path in (tmp_path / "ledger").iterdir()}

    def full(path: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(paydelay.ledger.storage.Path, "write_bytes", full)
    with pytest.raises(TargetError, match="cannot be written"):
        reported().write(tmp_path / "ledger", "csv")
    assert {path.name: path.read_bytes() for path in (tmp_path / "ledger").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["ledger"]


def test_an_imported_ledger_shows_counts_and_no_cell() -> None:
    draft = drafted([(2, SECRET, 100.0)])
    assert repr(to_ledger(draft)) == (
        "Ledger(1 invoices, 0 payments, 0 customers, 0 events, 0 rates, 0 refused, EUR)"
    )


def test_what_is_open_is_what_nothing_has_taken_off() -> None:
    draft = drafted(
        [(2, "F1", 100.0), (3, "F2", 50.0), (4, "F3", 10.0)],
        [(5, "F1", 30.1), (6, "F1", 0.2), (7, "F2", 60.0)],
    )
    draft.tables["payments"] = draft.tables["payments"].with_columns(kind=pl.lit("payment"))
    write_off = (
        draft.tables["payments"]
        .head(1)
        .with_columns(invoice_id=pl.lit("F3"), amount=pl.lit(10.0), kind=pl.lit("write_off"))
    )
    draft.tables["payments"] = pl.concat([draft.tables["payments"], write_off])
    found = open_amounts(to_ledger(draft)).sort("invoice_id")
    assert found.rows() == [("F1", "EUR", 69.7), ("F2", "EUR", -10.0), ("F3", "EUR", 10.0)]
