"""The fingerprint of a ledger: the same for the same content, another for anything else."""

import datetime as dt

import polars as pl
import pytest
from books import ledgers
from hypothesis import given, settings
from hypothesis import strategies as st

from paydelay.history import cut_ledger
from paydelay.ledger import Ledger, read_ledger

INVOICES = {
    "invoice_id": ["F2", "F1"],
    "customer_id": ["Café", "C1"],
    "issue_date": ["2024-01-02", "2024-01-03"],
    "due_date": ["2024-02-01", "2024-02-02"],
    "amount": [100.1, 80.0],
    "currency": ["EUR", "EUR"],
}
PAYMENTS = {"invoice_id": ["F1", "F2"], "payment_date": ["2024-02-03", "2024-02-04"], "amount": [80.0, 0.1]}
# Written down once: another value means that every fingerprint kept anywhere has lost its worth.
KNOWN = "bf5011bb2cc7bd0632203096f5de2aacdd88d25941823c3e52d4a61b7a47a3d3"


def book(**changed):
    invoices = INVOICES | changed
    return Ledger.from_frames(pl.DataFrame(invoices), pl.DataFrame(PAYMENTS))


def test_a_fingerprint_is_the_same_on_every_machine_and_with_every_version():
    assert book().fingerprint() == KNOWN


@given(ledgers())
@settings(max_examples=15)
def test_it_depends_neither_on_the_order_of_rows_nor_on_the_kind_of_file(tmp_path_factory, ledger):
    place = tmp_path_factory.mktemp("books")
    for kind in ("parquet", "csv"):
        ledger.write(place / kind, kind)
        assert read_ledger(place / kind).fingerprint() == ledger.fingerprint()
    turned = {
        name: rows.drop("known_on", strict=False).reverse() if rows.height else None
        for name, rows in ledger.tables.items()
    }
    turned["payments"] = ledger.payments.drop("known_on").sample(fraction=1.0, shuffle=True, seed=3)
    assert Ledger.from_frames(**turned).fingerprint() == ledger.fingerprint()


@given(ledgers(), st.data())
@settings(max_examples=15)
def test_one_changed_cent_is_another_content(ledger, data):
    row = data.draw(st.integers(0, ledger.invoices.height - 1))
    cent = pl.when(pl.int_range(pl.len()) == row).then(0.01).otherwise(0.0)
    given = {name: rows.drop("known_on", strict=False) for name, rows in ledger.tables.items()}
    given["invoices"] = given["invoices"].with_columns(pl.col("amount") + cent)
    assert Ledger.from_frames(**given).fingerprint() != ledger.fingerprint()


@pytest.mark.parametrize(
    "changed",
    [
        {"invoice_id": ["F2", "F10"]},
        {"customer_id": ["Cafe", "C1"]},
        {"due_date": ["2024-02-01", "2024-02-03"]},
        {"currency": ["USD", "USD"]},
        {"recorded_on": ["2024-01-09", None]},
        {"vat_amount": [0.0, None]},
        {"channel": ["", "shop"]},
    ],
)
def test_every_column_counts(changed):
    assert book(**changed).fingerprint() != book().fingerprint()


def test_what_stands_in_one_column_is_not_taken_for_another():
    one = book(entity=["A", None], channel=["", "B"])
    other = book(entity=[None, "A"], channel=["B", ""])
    assert len({one.fingerprint(), other.fingerprint()}) == 2


def test_columns_outside_the_contract_count_as_csv_would_hold_them(tmp_path):
    extras = {
        "weight": [1.5, None],
        "pieces": [3, 4],
        "gift": [True, None],
        "day": [dt.date(2024, 1, 2), None],
        "time": [dt.datetime(2024, 1, 2, 3, 4, 5), None],
    }
    ledger = book(**extras)
    turned = book(**dict(reversed(extras.items())))
    assert ledger.fingerprint() == turned.fingerprint() != book().fingerprint()
    ledger.write(tmp_path / "csv", "csv")
    assert read_ledger(tmp_path / "csv").fingerprint() == ledger.fingerprint()


def test_rows_that_became_known_later_leave_the_fingerprint_of_the_day():
    day = dt.date(2024, 2, 3)
    longer = Ledger.from_frames(
        pl.DataFrame(INVOICES),
        pl.concat(
            [pl.DataFrame(PAYMENTS), pl.DataFrame(PAYMENTS).with_columns(payment_date=pl.lit("2024-03-01"))]
        ),
    )
    assert cut_ledger(longer, day).fingerprint() == cut_ledger(book(), day).fingerprint()
    assert longer.fingerprint() != book().fingerprint()


def test_tables_of_many_rows_are_read_in_parts(monkeypatch):
    whole = book().fingerprint()
    monkeypatch.setattr("paydelay.ledger.content._CHUNK_ROWS", 1)
    parts = book().fingerprint()
    assert parts == book().fingerprint() != whole  # the size of a part belongs to the form
