"""What holds of any ledger, however dirty its books: counts, order, and the way to disk and back."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from paydelay.errors import LedgerError
from paydelay.ledger import RULES, TABLES, Ledger, read_ledger

# The cells of dirty books: what is right, and all that goes wrong with it.
DAYS = st.sampled_from(
    ["2024-01-02", "2024-03-01", "2023-06-30", "1980-01-01", "9999-12-31", "2024-02-30", "soon", "", None]
)
AMOUNTS = st.sampled_from(["100", "12.34", " 7 ", "-5", "0", "inf", "nan", "1e300", "1,5", "?", "", None])
IDS = st.sampled_from(["A1", "A2", "A3", " A1", "7", "", None])
CUSTOMERS = st.sampled_from(["C1", "C2", "C3", "", None])
CURRENCIES = st.sampled_from(["EUR", "eur", "EUR", "EURO", "", None])
DIRT = {
    "invoices": {
        "invoice_id": IDS,
        "customer_id": CUSTOMERS,
        "issue_date": DAYS,
        "due_date": DAYS,
        "amount": AMOUNTS,
        "currency": CURRENCIES,
        "terms_days": AMOUNTS,
        "vat_amount": AMOUNTS,
        "recorded_on": DAYS,
        "channel": IDS,
    },
    "payments": {
        "customer_id": CUSTOMERS,
        "invoice_id": IDS,
        "payment_date": DAYS,
        "amount": AMOUNTS,
        "kind": st.sampled_from(["payment", "write_off", "Discount", "credit_note", "gift", None]),
        "recorded_on": DAYS,
    },
    "customers": {
        "customer_id": CUSTOMERS,
        "valid_from": DAYS,
        "insured_share": AMOUNTS,
        "credit_limit": AMOUNTS,
    },
    "events": {
        "event_type": st.sampled_from(["insolvency", "promise_to_pay", "due_date_changed", "party", None]),
        "event_date": DAYS,
        "invoice_id": IDS,
        "customer_id": CUSTOMERS,
        "amount": AMOUNTS,
        "new_date": DAYS,
        "recorded_on": DAYS,
    },
    "rates": {
        "currency": CURRENCIES,
        "rate_date": DAYS,
        "rate": st.sampled_from(["1", "1.0", "0", "x", None]),
    },
}


def dirty_rows(name):
    return st.lists(st.fixed_dictionaries(DIRT[name]), max_size=12).map(
        lambda rows: pl.DataFrame(rows, schema=dict.fromkeys(DIRT[name], pl.String), orient="row")
    )


DIRTY_BOOKS = st.fixed_dictionaries({name: dirty_rows(name) for name in DIRT})


@settings(max_examples=50)
@given(books=DIRTY_BOOKS)
def test_every_row_of_dirty_books_is_used_or_refused(books):
    ledger = Ledger.from_frames(**books)
    for name, rows in ledger.tables.items():
        turned_away = ledger.refusals.filter(pl.col("table") == name)
        assert ledger.rows_read[name] == books[name].height == rows.height + turned_away.height
        assert turned_away["row"].is_unique().all()
        assert turned_away["row"].is_between(1, books[name].height).all()
        assert TABLES[name].contract.is_valid(rows)
    assert set(ledger.refusals["rule"]) <= set(RULES)


@settings(max_examples=50)
@given(books=DIRTY_BOOKS, seed=st.integers(0, 100))
def test_a_ledger_is_the_same_whatever_the_order_of_its_rows(books, seed):
    ledger = Ledger.from_frames(**books)
    shuffled = {name: rows.sample(fraction=1, shuffle=True, seed=seed) for name, rows in books.items()}
    other = Ledger.from_frames(**shuffled)
    assert other.equals(ledger)
    assert other.notes == ledger.notes
    counts = ["table", "rule"]
    assert other.refusals.select(counts).sort(counts).equals(ledger.refusals.select(counts).sort(counts))


@settings(max_examples=50)
@given(books=DIRTY_BOOKS, kind=st.sampled_from(["parquet", "csv"]))
def test_what_is_written_reads_back_the_same(tmp_path_factory, books, kind):
    ledger = Ledger.from_frames(**books)
    folder = tmp_path_factory.mktemp("book") / "ledger"
    ledger.write(folder, kind)
    back = read_ledger(folder)
    assert back.equals(ledger)
    assert back.refusals.height == 0


@settings(max_examples=50)
@given(amounts=st.lists(st.floats(0.01, 1e13), min_size=1), words=st.text(max_size=8))
def test_amounts_and_words_survive_a_csv_file_exactly(tmp_path_factory, amounts, words):
    count = len(amounts)
    invoices = pl.DataFrame(
        {
            "invoice_id": range(count),
            "customer_id": ["C1"] * count,
            "issue_date": ["2024-01-02"] * count,
            "due_date": ["2024-02-01"] * count,
            "amount": amounts,
            "currency": ["EUR"] * count,
            "channel": [words] * count,
        }
    )
    payments = pl.DataFrame({"invoice_id": [0], "payment_date": ["2024-02-03"], "amount": [-amounts[0]]})
    ledger = Ledger.from_frames(invoices, payments)
    folder = tmp_path_factory.mktemp("book") / "ledger"
    ledger.write(folder, "csv")
    assert read_ledger(folder).equals(ledger)


CSV = b"""invoice_id,customer_id,issue_date,due_date,amount,currency,"note"
A1,C1,2024-01-02,2024-02-01,100.00,EUR,"a ""word"" or
two"
A2,C1,2024-01-02,2024-02-01,100.00,EUR,12
"""
SPLINTERS = st.sampled_from(
    [b'"', b",", b";", b"\n", b"\r", b"\0", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\t", b"9"]
)


@settings(max_examples=100)
@given(cuts=st.lists(st.tuples(st.integers(0, len(CSV)), st.integers(0, 5), SPLINTERS), max_size=4))
def test_a_damaged_file_is_read_or_refused_in_words(tmp_path_factory, cuts):
    content = CSV
    for place, length, splinter in cuts:
        content = content[:place] + splinter + content[place + length :]
    folder = tmp_path_factory.mktemp("book")
    (folder / "invoices.csv").write_bytes(content)
    (folder / "payments.csv").write_bytes(b"invoice_id,payment_date,amount\nA1,2024-02-03,40\n")
    said = ""
    try:
        ledger = read_ledger(folder)
    except LedgerError as error:
        said = str(error)
    else:
        lines = ledger.refusals.filter(pl.col("table") == "invoices").height + ledger.invoices.height
        assert lines == ledger.rows_read["invoices"]
    # A file that cannot be read is told of by its shape, never by its cells.
    assert "C1" not in said
    assert "\n" not in said
