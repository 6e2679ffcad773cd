"""Tables of SQLite and PostgreSQL: their types, their errors, and no word of an address."""

import datetime as dt
import os
import sqlite3
from decimal import Decimal

import polars as pl
import pytest

from paydelay.errors import ConfigError, LedgerError
from paydelay.sources import import_ledger
from paydelay.sources.opening import is_address
from paydelay.sources.sql import open_database
from paydelay.sources.text import LINE_NUMBER
from paydelay.sources.workbook import number_in

PASSWORD = "s3cret-of-nobody"
POSTGRES = os.environ.get("PAYDELAY_TEST_POSTGRES")
MAPPING = """
invoices:
  table: {table}
  keep: [{{column: kind, equals: invoice, reason: other_document}}]
  columns: {{invoice_id: number, customer_id: customer, issue_date: issued, due_date: due, amount: total,
            currency: {{constant: EUR}}}}
payments:
  query: "select number, paid, total from {table} where paid is not null and '12:30' <> ':x' and 10 % 3 = 1"
  columns: {{invoice_id: number, payment_date: paid, amount: total}}
"""
ROWS = [
    ("invoice", 1001, "C1", dt.date(2024, 1, 2), dt.date(2024, 2, 1), Decimal("100.50"), dt.date(2024, 2, 3)),
    ("invoice", 1002, "C2", dt.date(2024, 1, 3), dt.date(2024, 2, 2), Decimal("80.00"), None),
    ("order", 1003, "C2", dt.date(2024, 1, 3), dt.date(2024, 2, 2), Decimal("5.00"), None),
    ("invoice", 1004, None, dt.date(2024, 1, 3), dt.date(2024, 2, 2), Decimal("1.00"), None),
]


@pytest.fixture
def books(tmp_path):
    path = tmp_path / "books.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table invoices (kind, number, customer, issued, due, total, paid)")
        texts = [[str(cell) if isinstance(cell, dt.date | Decimal) else cell for cell in row] for row in ROWS]
        connection.executemany("insert into invoices values (?, ?, ?, ?, ?, ?, ?)", texts)
    return path


@pytest.fixture
def postgres():
    """A schema of its own in the database that PAYDELAY_TEST_POSTGRES names."""
    if POSTGRES is None:
        if os.environ.get("CI") == "true":
            pytest.fail("PAYDELAY_TEST_POSTGRES does not name a PostgreSQL database, which CI has to have")
        pytest.skip("no PostgreSQL database is named by PAYDELAY_TEST_POSTGRES")
    import sqlalchemy as sql

    name = f"paydelay_test_{os.getpid()}"
    engine = sql.create_engine(POSTGRES, poolclass=sql.pool.NullPool)
    with engine.begin() as connection:
        connection.execute(sql.text(f"create schema {name}"))
    yield engine, name
    with engine.begin() as connection:
        connection.execute(sql.text(f"drop schema {name} cascade"))


def silent(call, match=None):
    """The one sentence an error ends in, without the address, its password or a cell."""
    with pytest.raises((LedgerError, ConfigError), match=match) as caught:
        call()
    error = caught.value
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    assert PASSWORD not in str(error)
    assert "\n" not in str(error)
    return str(error)


def check_book(ledger):
    assert ledger.invoices["invoice_id", "issue_date", "amount"].rows() == [
        ("1001", dt.date(2024, 1, 2), 100.5),
        ("1002", dt.date(2024, 1, 3), 80.0),
    ]
    assert ledger.payments["invoice_id", "payment_date", "amount"].rows() == [
        ("1001", dt.date(2024, 2, 3), 100.5)
    ]
    assert ledger.report.refusals["line", "column", "rule", "identifier"].rows() == [
        (4, "customer", "missing_value", "1004")
    ]
    assert ledger.report.files[0].out_of_scope["mapped.other_document"] == 1
    assert ledger.report.reconciled


def test_an_address_survives_the_way_in_and_a_book_in_sqlite_reads_by_a_mapping(tmp_path, books):
    (tmp_path / "book.yaml").write_text(MAPPING.format(table="invoices"))
    ledger = import_ledger("csv", f"sqlite:///{books}", mapping=tmp_path / "book.yaml")
    check_book(ledger)
    assert [file.label for file in ledger.report.files] == ["sqlite: invoices", "sqlite: query"]


def test_the_table_may_stand_behind_the_address(tmp_path, books):
    (tmp_path / "book.yaml").write_text(
        MAPPING.partition("payments")[0].format(table="invoices").replace("  table: invoices\n", "")
    )
    ledger = import_ledger("csv", f"sqlite:///{books}#invoices", mapping=tmp_path / "book.yaml")
    assert ledger.invoices.height == 2


def test_a_file_and_a_database_may_make_one_ledger(tmp_path, books):
    (tmp_path / "paid.csv").write_text("No;Le;Montant\n1002;2024-02-09;80\n")
    (tmp_path / "book.yaml").write_text(
        MAPPING.partition("payments")[0].format(table="invoices")
        + "payments: {columns: {invoice_id: No, payment_date: Le, amount: Montant}}\n"
    )
    ledger = import_ledger(
        "csv", [tmp_path / "paid.csv", f"sqlite:///{books}"], mapping=tmp_path / "book.yaml"
    )
    assert ledger.payments["amount"].to_list() == [80.0]


def test_rows_come_in_batches_and_keep_their_count(books, monkeypatch):
    monkeypatch.setattr("paydelay.sources.sql._BATCH_ROWS", 3)
    batches = list(open_database(f"sqlite:///{books}", "invoices").batches())
    assert [batch.height for batch in batches] == [3, 1]
    assert [line for batch in batches for line in batch[LINE_NUMBER]] == [1, 2, 3, 4]


def test_columns_of_mixed_types_come_as_text_with_their_numbers_beside(tmp_path):
    path = tmp_path / "mixed.db"
    cells = [1.234, "1.234", 7, None, b"abc", 2**70, True]
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (a)")
        connection.executemany("insert into t values (?)", [(str(c) if c == 2**70 else c,) for c in cells])
    rows = pl.concat(open_database(f"sqlite:///{path}", "t").batches(["a", number_in("a")]))
    assert rows["a"].to_list() == ["1.234", "1.234", "7", None, "abc", str(2**70), "1"]
    assert rows[number_in("a")].to_list() == [1.234, None, 7.0, None, None, None, 1.0]


def test_what_cannot_be_reached_or_understood_is_told_without_the_address(tmp_path, books):
    silent(lambda: open_database(f"nonsense{PASSWORD}", "t"), "cannot be understood")
    silent(lambda: open_database(f"oracel://ana:{PASSWORD}@host/x", "t"), "no database of the kind 'oracel'")
    silent(lambda: open_database(f"sqlite:///{tmp_path}/none.db", "t"), r"no SQLite database none\.db")
    silent(lambda: open_database(f"sqlite:///{books}", "Dupont"), r"sqlite: Dupont \(OperationalError\)")
    silent(lambda: open_database(f"sqlite:///{books}", None, "select * from nowhere"), "sqlite: query")
    silent(lambda: open_database(f"sqlite:///{books}"), "which table of the database to read")
    (tmp_path / "text.db").write_text("no database")
    silent(lambda: open_database(f"sqlite:///{tmp_path}/text.db", "t"), "DatabaseError")
    unreachable = f"postgresql+psycopg://ana:{PASSWORD}@127.0.0.1:1/books?connect_timeout=2"
    told = silent(lambda: open_database(unreachable, "t"), "OperationalError")
    assert "ana" not in told
    assert PASSWORD not in repr(open_database(f"sqlite:///{books}#invoices"))


def test_a_database_is_for_the_kind_csv_alone(books):
    with pytest.raises(ConfigError, match="reads files and no database"):
        import_ledger("xero", f"sqlite:///{books}")


def test_addresses_are_told_from_paths():
    assert is_address("postgresql+psycopg://user@host/db")
    assert not is_address("C:\\books\\invoices.csv")
    assert not is_address("books/invoices.csv")


def test_a_misspelt_database_is_not_created(tmp_path):
    silent(lambda: open_database(f"sqlite:///{tmp_path}/new.db", "t"), "check the address")
    assert list(tmp_path.iterdir()) == []


# ---- PostgreSQL ----------------------------------------------------------------------------------


def test_a_book_in_postgresql_reads_by_a_mapping(tmp_path, postgres):
    import sqlalchemy as sql

    engine, schema = postgres
    with engine.begin() as connection:
        connection.execute(
            sql.text(
                f"create table {schema}.invoices (kind text, number bigint, customer text, issued date, "
                "due timestamptz, total numeric(12, 2), paid date)"
            )
        )
        connection.execute(
            sql.text(f"insert into {schema}.invoices values (:a, :b, :c, :d, :e, :f, :g)"),
            [dict(zip("abcdefg", row, strict=True)) for row in ROWS],
        )
    (tmp_path / "book.yaml").write_text(MAPPING.format(table=f"{schema}.invoices"))
    ledger = import_ledger("csv", POSTGRES, mapping=tmp_path / "book.yaml")
    check_book(ledger)
    assert ledger.invoices["due_date"].to_list() == [dt.date(2024, 2, 1), dt.date(2024, 2, 2)]


def test_names_with_capitals_and_blanks_are_quoted_in_postgresql(postgres):
    import sqlalchemy as sql

    engine, schema = postgres
    with engine.begin() as connection:
        connection.execute(sql.text(f'create table {schema}."Sales Invoices" ("No." text, total numeric)'))
        connection.execute(
            sql.text(f"insert into {schema}.\"Sales Invoices\" values ('F1', 12345678901234567890)")
        )
    table = open_database(POSTGRES, f"{schema}.Sales Invoices")
    assert table.header == ("No.", "total")
    rows = pl.concat(table.batches(["No.", "total", number_in("total")]))
    assert rows["total"].to_list() == ["12345678901234567890"]
    assert rows[number_in("total")].to_list() == [1.2345678901234567e19]


def test_rows_are_streamed_and_never_all_there_at_once(postgres):
    _, schema = postgres
    table = open_database(
        POSTGRES, None, f"select n, 'F' || n as number from generate_series(1, 200000) n -- {schema}"
    )
    batches = table.batches()
    assert next(batches).height == 50_000
    assert sum(batch.height for batch in batches) == 150_000


def test_days_that_python_does_not_have_are_told_in_one_sentence(postgres):
    told = silent(lambda: list(open_database(POSTGRES, None, "select 'infinity'::date as d").batches()))
    assert "cannot be read" in told
