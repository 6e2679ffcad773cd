"""The contract of the tables: every rule, every kind of frame and of cell, and the counts."""

import datetime as dt
import json
import math
from decimal import Decimal

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from paydelay.errors import LedgerError
from paydelay.ledger import RULES, TABLES, Ledger

SECRET = "Maison Dupont-Secret"

INVOICE = {
    "invoice_id": "A1",
    "customer_id": "C1",
    "issue_date": "2024-01-02",
    "due_date": "2024-02-01",
    "amount": "100.00",
    "currency": "EUR",
}
PAYMENT = {"invoice_id": "A1", "customer_id": "C1", "payment_date": "2024-02-03", "amount": "40.00"}
CUSTOMER = {"customer_id": "C1", "valid_from": "2024-01-01"}
EVENT = {"event_type": "reminder_sent", "event_date": "2024-02-05", "invoice_id": "A1", "customer_id": "C1"}
RATE = {"currency": "USD", "rate_date": "2024-01-01", "rate": "0.9"}
GOOD = {"invoices": INVOICE, "payments": PAYMENT, "customers": CUSTOMER, "events": EVENT, "rates": RATE}


def table(*rows):
    """Frame of text cells whose rows may lack columns."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pl.DataFrame(
        [[row.get(name) for name in names] for row in rows],
        schema=dict.fromkeys(names, pl.String),
        orient="row",
    )


def frames(**rows):
    """Frames of every table, the good row in those that are not given."""
    return {name: table(*rows.get(name, [good])) for name, good in GOOD.items()}


def build(**rows):
    return Ledger.from_frames(**frames(**rows))


def refused(ledger):
    return ledger.refusals.select("table", "row", "rule").rows()


# ---- The good ledger ---------------------------------------------------------------------------


def test_a_sound_ledger_is_used_whole():
    ledger = build()
    assert refused(ledger) == []
    assert ledger.rows_read == {"invoices": 1, "payments": 1, "customers": 1, "events": 1, "rates": 1}
    for name, rows in ledger.tables.items():
        assert rows.columns == TABLES[name].columns
        TABLES[name].contract.validate(rows)
    assert ledger.reporting_currency == "EUR"
    assert ledger.notes == ()


def test_optional_columns_are_filled():
    invoice = build().invoices.row(0, named=True)
    assert invoice["terms_days"] == 30
    assert invoice["entity"] is invoice["vat_amount"] is invoice["recorded_on"] is None
    assert invoice["known_on"] == invoice["issue_date"] == dt.date(2024, 1, 2)
    assert build().payments["kind"].item() == "payment"
    assert build(invoices=[INVOICE | {"terms_days": "45"}]).invoices["terms_days"].item() == 45


def test_a_fact_is_known_from_the_later_of_its_date_and_its_recording():
    ledger = build(
        invoices=[INVOICE | {"recorded_on": "2024-01-05"}],
        payments=[PAYMENT | {"recorded_on": "2024-01-15"}],
        events=[EVENT | {"recorded_on": "2024-02-09"}],
    )
    assert ledger.invoices["known_on"].item() == dt.date(2024, 1, 5)
    assert ledger.payments["known_on"].item() == dt.date(2024, 2, 3)
    assert ledger.payments["recorded_on"].item() == dt.date(2024, 1, 15)
    assert ledger.events["known_on"].item() == dt.date(2024, 2, 9)


def test_a_known_on_of_the_source_is_not_believed():
    ledger = build(invoices=[INVOICE | {"known_on": "2023-01-01"}])
    assert ledger.invoices["known_on"].item() == dt.date(2024, 1, 2)
    assert any("known_on" in note for note in ledger.notes)


def test_other_columns_stay_with_invoices_and_customers_only():
    ledger = build(
        invoices=[INVOICE | {"channel": " web "}],
        customers=[CUSTOMER | {"macro": ""}],
        payments=[PAYMENT | {"bank": "x"}],
    )
    assert ledger.invoices.columns == [*TABLES["invoices"].columns, "channel"]
    assert ledger.invoices["channel"].item() == "web"
    assert ledger.customers["macro"].item() is None
    assert ledger.payments.columns == TABLES["payments"].columns
    assert ledger.notes == ("Columns of payments that a ledger has no place for were left out: bank.",)


def test_only_invoices_and_payments_are_required():
    ledger = Ledger.from_frames(table(INVOICE), table(PAYMENT))
    assert [rows.height for rows in ledger.tables.values()] == [1, 1, 0, 0, 0]
    assert ledger.events.schema == build().events.schema


def test_the_repr_holds_counts_and_no_rows():
    ledger = build(customers=[CUSTOMER | {"sector": SECRET}])
    text = "Ledger(1 invoices, 1 payments, 1 customers, 1 events, 1 rates, 0 refused, EUR)"
    assert repr(ledger) == str(ledger) == text


def test_pandas_gets_every_table_and_what_was_refused():
    ledger = build(invoices=[INVOICE, INVOICE | {"invoice_id": "F2", "amount": -5.0}])
    frames = ledger.to_pandas()
    assert {name: len(rows) for name, rows in frames.items()} == {
        **{name: rows.height for name, rows in ledger.tables.items()},
        "refusals": 1,
    }
    assert frames["invoices"]["invoice_id"].tolist() == ledger.invoices["invoice_id"].to_list()
    assert frames["refusals"]["rule"].tolist() == ledger.refusals["rule"].to_list()


# ---- One case per rule -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "cells", "rule"),
    [
        ("invoices", {"invoice_id": "A2", "issue_date": "02/01/2024"}, "date_unreadable"),
        ("invoices", {"invoice_id": "A2", "issue_date": "2024-1-2"}, "date_unreadable"),
        ("invoices", {"invoice_id": "A2", "due_date": "2024-02-30"}, "date_unreadable"),
        ("invoices", {"invoice_id": "A2", "due_date": "2024-02-01 00:00:00"}, "date_unreadable"),
        ("invoices", {"invoice_id": "A2", "recorded_on": "soon"}, "date_unreadable"),
        ("invoices", {"invoice_id": "A2", "amount": "1 200,50"}, "amount_unreadable"),
        ("invoices", {"invoice_id": "A2", "vat_amount": "20%"}, "amount_unreadable"),
        ("invoices", {"invoice_id": "A2", "terms_days": "30 days"}, "number_unreadable"),
        ("invoices", {"invoice_id": "A2", "terms_days": "30.5"}, "number_unreadable"),
        ("invoices", {"invoice_id": None}, "missing_value"),
        ("invoices", {"invoice_id": "A2", "customer_id": "  "}, "missing_value"),
        ("invoices", {"invoice_id": "A2", "due_date": None}, "missing_value"),
        ("invoices", {"invoice_id": "A2", "amount": ""}, "missing_value"),
        ("invoices", {"invoice_id": "A2", "issue_date": "1989-12-31"}, "date_out_of_range"),
        ("invoices", {"invoice_id": "A2", "due_date": "9999-12-31"}, "date_out_of_range"),
        ("invoices", {"invoice_id": "A2", "recorded_on": "2101-01-01"}, "date_out_of_range"),
        ("invoices", {"invoice_id": "A2", "amount": "inf"}, "amount_not_finite"),
        ("invoices", {"invoice_id": "A2", "amount": "NaN"}, "amount_not_finite"),
        ("invoices", {"invoice_id": "A2", "amount": "1e400"}, "amount_not_finite"),
        ("invoices", {"invoice_id": "A2", "amount": "0"}, "amount_not_positive"),
        ("invoices", {"invoice_id": "A2", "amount": "-5"}, "amount_not_positive"),
        ("invoices", {"invoice_id": "A2", "amount": "0.004"}, "amount_not_positive"),
        ("invoices", {"invoice_id": "A2", "amount": "1e14"}, "amount_too_large"),
        ("invoices", {"invoice_id": "A2", "vat_amount": "-1"}, "vat_out_of_range"),
        ("invoices", {"invoice_id": "A2", "vat_amount": "100.01"}, "vat_out_of_range"),
        ("invoices", {"invoice_id": "A2", "currency": "EURO"}, "unknown_currency"),
        ("invoices", {"invoice_id": "A2", "due_date": "2024-01-01"}, "due_before_issue"),
        ("invoices", {"invoice_id": "A2", "terms_days": "-1"}, "terms_negative"),
        ("invoices", {"amount": "99"}, "duplicate_invoice_id"),
        ("payments", {"payment_date": "3 Feb"}, "date_unreadable"),
        ("payments", {"amount": "forty"}, "amount_unreadable"),
        ("payments", {"payment_date": None}, "missing_value"),
        ("payments", {"payment_date": "1970-01-01"}, "date_out_of_range"),
        ("payments", {"amount": "-inf"}, "amount_not_finite"),
        ("payments", {"amount": "0.00"}, "amount_zero"),
        ("payments", {"amount": "-1e14"}, "amount_too_large"),
        ("payments", {"kind": "barter"}, "unknown_kind"),
        ("payments", {"customer_id": "C9", "invoice_id": "A9"}, "unknown_party"),
        ("payments", {"customer_id": None, "invoice_id": None}, "unknown_party"),
        ("payments", {"customer_id": None, "invoice_id": "A9"}, "unknown_party"),
        ("payments", {"kind": "write_off", "invoice_id": None}, "invoice_not_named"),
        ("payments", {"kind": "write_off", "invoice_id": "A9"}, "invoice_not_named"),
        ("customers", {"customer_id": None}, "missing_value"),
        ("customers", {"valid_from": "yesterday"}, "date_unreadable"),
        ("customers", {"valid_from": "1900-01-01"}, "date_out_of_range"),
        ("customers", {"customer_id": "C2", "credit_limit": "much"}, "amount_unreadable"),
        ("customers", {"customer_id": "C2", "credit_limit": "-1"}, "limit_negative"),
        ("customers", {"customer_id": "C2", "insured_limit": "-1"}, "limit_negative"),
        ("customers", {"customer_id": "C2", "guarantee_amount": "-0.01"}, "limit_negative"),
        ("customers", {"customer_id": "C2", "credit_limit": "inf"}, "amount_not_finite"),
        ("customers", {"customer_id": "C2", "insured_share": "1.01"}, "share_out_of_range"),
        ("customers", {"customer_id": "C2", "insured_share": "-0.1"}, "share_out_of_range"),
        ("customers", {"customer_id": "C2", "insured_share": "most"}, "number_unreadable"),
        ("events", {"event_type": "birthday"}, "unknown_event_type"),
        ("events", {"event_type": None}, "missing_value"),
        ("events", {"event_date": "?"}, "date_unreadable"),
        ("events", {"amount": "?"}, "amount_unreadable"),
        ("events", {"amount": "0"}, "amount_not_positive"),
        ("events", {"event_type": "promise_to_pay"}, "missing_new_date"),
        ("events", {"event_type": "payment_plan"}, "missing_new_date"),
        ("events", {"event_type": "due_date_changed"}, "missing_new_date"),
        ("events", {"event_type": "promise_to_pay", "new_date": "2024-02-04"}, "new_date_before_event"),
        (
            "events",
            {"event_type": "due_date_changed", "new_date": "2024-03-01", "invoice_id": None},
            "invoice_not_named",
        ),
        ("events", {"customer_id": "C9", "invoice_id": None}, "unknown_party"),
        ("events", {"customer_id": "C9", "invoice_id": "A9"}, "unknown_party"),
        ("events", {"event_type": "dispute_opened", "invoice_id": "A9"}, "unknown_invoice"),
        ("rates", {"currency": "GBP", "rate": "0"}, "rate_not_positive"),
        ("rates", {"currency": "GBP", "rate": "-1"}, "rate_not_positive"),
        ("rates", {"currency": "GBP", "rate": "inf"}, "rate_not_positive"),
        ("rates", {"currency": "GBP", "rate": "x"}, "number_unreadable"),
        ("rates", {"currency": "?", "rate": "1"}, "unknown_currency"),
        ("rates", {"rate_date": "now"}, "date_unreadable"),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused_and_the_rest_goes_on(name, cells, rule):
    ledger = build(**{name: [GOOD[name], GOOD[name] | cells]})
    found = refused(ledger)
    assert (name, 2, rule) in found
    # The column named is one of those that were spoilt, or the one that is missing.
    own = ledger.refusals.filter(table=name, row=2).row(0, named=True)
    named = {"duplicate_invoice_id": "invoice_id", "missing_new_date": "new_date"}.get(rule)
    assert own["column"] == named if named else own["column"] in cells
    alone = {"duplicate_invoice_id": {1, 2}}.get(rule, {2})
    assert {row for where, row, _ in found if where == name} == alone


@pytest.mark.parametrize(
    ("name", "other", "rule"),
    [
        ("invoices", {"amount": "99"}, "duplicate_invoice_id"),
        ("invoices", {"channel": "web"}, "duplicate_invoice_id"),
        ("customers", {"sector": "steel"}, "duplicate_customer"),
        ("rates", {"rate": "0.8"}, "duplicate_rate"),
    ],
)
def test_of_rows_with_one_key_the_first_is_kept_if_alike_and_none_if_not(name, other, rule):
    good = GOOD[name]
    alike = build(**{name: [good, good, good]})
    assert refused(alike) == [(name, 2, rule), (name, 3, rule)]
    assert alike.tables[name].height == 1
    contradicting = build(**{name: [good, good | other, good]})
    assert {(row, why) for where, row, why in refused(contradicting) if where == name} == {
        (1, rule),
        (2, rule),
        (3, rule),
    }
    assert contradicting.tables[name].height == 0


def test_a_copy_that_cannot_be_read_still_contradicts():
    ledger = build(invoices=[INVOICE, INVOICE | {"due_date": "?"}])
    assert [rule for where, _, rule in refused(ledger) if where == "invoices"] == [
        "duplicate_invoice_id",
        "date_unreadable",
    ]


def test_equal_payments_are_two_payments():
    assert build(payments=[PAYMENT, PAYMENT]).payments.height == 2


def test_the_first_rule_in_the_stated_order_is_reported():
    worst = INVOICE | {
        "invoice_id": "A2",
        "due_date": "?",
        "amount": "-1",
        "currency": "?",
        "customer_id": "",
    }
    for rule, mend in [
        ("date_unreadable", {"due_date": "2023-12-31"}),
        ("missing_value", {"customer_id": "C1"}),
        ("amount_not_positive", {"amount": "1"}),
        ("unknown_currency", {"currency": "EUR"}),
        ("due_before_issue", {"due_date": "2024-02-01"}),
    ]:
        assert refused(build(invoices=[INVOICE, worst])) == [("invoices", 2, rule)]
        worst |= mend
    assert refused(build(invoices=[INVOICE, worst])) == []
    assert list(RULES).index("date_unreadable") < list(RULES).index("missing_value")


def test_refusals_name_the_invoice_where_there_is_one():
    ledger = build(
        invoices=[INVOICE, INVOICE | {"invoice_id": "A2", "amount": "0"}],
        payments=[PAYMENT | {"invoice_id": "A7", "customer_id": "C7"}],
        customers=[CUSTOMER | {"insured_share": "2"}],
    )
    assert ledger.refusals.select("table", "identifier").rows() == [
        ("invoices", "A2"),
        ("payments", "A7"),
        ("customers", None),
    ]


# ---- Relations between the tables --------------------------------------------------------------


def test_a_payment_by_another_customer_counts_for_that_of_the_invoice():
    ledger = build(payments=[PAYMENT | {"customer_id": "C9"}, PAYMENT | {"customer_id": None}])
    assert refused(ledger) == []
    assert ledger.payments["customer_id"].to_list() == ["C1", "C1"]
    assert ledger.notes == (
        "One payment names another customer than its invoice; it counts for the invoice's customer.",
    )


def test_a_payment_of_a_refused_invoice_is_cash_on_account_if_its_customer_is_known():
    ledger = build(
        invoices=[INVOICE, INVOICE | {"invoice_id": "A2", "amount": "0", "customer_id": "C5"}],
        payments=[PAYMENT | {"invoice_id": "A2"}, PAYMENT | {"invoice_id": "A2", "customer_id": "C5"}],
    )
    assert refused(ledger) == [("invoices", 2, "amount_not_positive"), ("payments", 2, "unknown_party")]
    assert ledger.payments.select("customer_id", "invoice_id").rows() == [("C1", None)]
    assert "counts as cash on account" in " ".join(ledger.notes)


def test_a_customer_may_be_known_from_the_customers_table_alone():
    ledger = build(
        payments=[PAYMENT | {"invoice_id": None, "customer_id": "C8"}],
        customers=[CUSTOMER | {"customer_id": "C8"}],
    )
    assert ledger.payments.select("customer_id", "invoice_id").rows() == [("C8", None)]


def test_customer_id_may_be_left_out_of_payments_with_invoices():
    payments = table({name: PAYMENT[name] for name in ("invoice_id", "payment_date", "amount")})
    assert Ledger.from_frames(table(INVOICE), payments).payments["customer_id"].item() == "C1"


def test_events_find_their_customer_and_insolvency_needs_no_invoice():
    ledger = build(
        events=[
            EVENT | {"customer_id": None},
            EVENT | {"event_type": "insolvency", "invoice_id": "A9"},
            EVENT | {"event_type": "insolvency", "invoice_id": None},
        ]
    )
    assert refused(ledger) == []
    assert set(ledger.events["customer_id"]) == {"C1"}
    assert ledger.events["invoice_id"].null_count() == 2
    assert ledger.notes == (
        "One insolvency names an invoice that is not in the ledger; it counts for its customer.",
    )


@pytest.mark.parametrize(("export_date", "known"), [(None, "2024-02-03"), ("2024-06-30", "2024-06-30")])
def test_customers_without_valid_from_are_known_from_the_export_on(export_date, known):
    given = frames(customers=[{"customer_id": "C1"}])
    ledger = Ledger.from_frames(**given, export_date=export_date)
    assert ledger.customers["valid_from"].item() == dt.date.fromisoformat(known)
    assert known in " ".join(ledger.notes)
    same = Ledger.from_frames(**given, export_date=dt.datetime.fromisoformat(known))
    assert same.equals(ledger)


def test_a_gap_in_valid_from_is_filled_and_an_unreadable_one_is_not():
    ledger = build(customers=[CUSTOMER, CUSTOMER | {"valid_from": None}, CUSTOMER | {"valid_from": "?"}])
    assert refused(ledger) == [("customers", 3, "date_unreadable")]
    assert ledger.customers["valid_from"].to_list() == [dt.date(2024, 1, 1), dt.date(2024, 2, 3)]


@pytest.mark.parametrize("export_date", ["30/06/2024", "1980-01-01"])
def test_an_export_date_that_is_none_is_refused(export_date):
    with pytest.raises(LedgerError, match="export date"):
        Ledger.from_frames(**frames(), export_date=export_date)


# ---- Kinds of frames and of cells --------------------------------------------------------------


def typed_frames():
    invoices = pl.DataFrame(
        {
            "invoice_id": [1, 2],
            "customer_id": [1001, 1002],
            "issue_date": [dt.date(2024, 1, 2), dt.date(2024, 1, 3)],
            "due_date": [dt.datetime(2024, 2, 1, 23, 59), dt.datetime(2024, 2, 2)],
            "amount": [Decimal("100.10"), Decimal("7.00")],
            "currency": pl.Series(["EUR", "EUR"], dtype=pl.Categorical),
        }
    )
    payments = pl.DataFrame(
        {
            "invoice_id": [1, None],
            "customer_id": [None, 1002.0],
            "payment_date": [dt.date(2024, 2, 3), dt.date(2024, 2, 4)],
            "amount": [100, -7],
        }
    )
    return invoices, payments


CONVERSIONS = {
    "polars": lambda frame: frame,
    "polars lazy": lambda frame: frame.lazy(),
    "pandas": lambda frame: frame.to_pandas(),
    "pandas arrow": lambda frame: frame.to_pandas(use_pyarrow_extension_array=True),
    "pandas objects": lambda frame: frame.to_pandas().astype(object),
    "pandas index": lambda frame: frame.to_pandas().set_index(frame.columns[0]),
    "pyarrow": lambda frame: frame.to_arrow(),
    "pyarrow batch": lambda frame: frame.to_arrow().to_batches()[0],
}


@pytest.mark.parametrize("kind", CONVERSIONS)
def test_every_kind_of_frame_gives_the_same_ledger(kind):
    ledger = Ledger.from_frames(*map(CONVERSIONS[kind], typed_frames()))
    assert refused(ledger) == []
    assert ledger.invoices.select("invoice_id", "customer_id", "due_date", "amount", "currency").rows() == [
        ("1", "1001", dt.date(2024, 2, 1), 100.1, "EUR"),
        ("2", "1002", dt.date(2024, 2, 2), 7.0, "EUR"),
    ]
    assert ledger.payments.select("invoice_id", "customer_id", "amount").rows() == [
        ("1", "1001", 100.0),
        (None, "1002", -7.0),
    ]


def test_text_and_numbers_mixed_in_a_pandas_column_meet_as_text():
    invoices = pd.DataFrame([INVOICE, INVOICE, INVOICE])
    invoices["invoice_id"] = pd.Series([7.0, "8", 9], dtype=object)
    invoices["issue_date"] = pd.Series(
        ["2024-01-02", pd.Timestamp("2024-01-03"), dt.date(2024, 1, 4)], dtype=object
    )
    ledger = Ledger.from_frames(invoices, table(PAYMENT | {"invoice_id": "7"}))
    assert ledger.invoices["invoice_id"].to_list() == ["7", "8", "9"]
    assert ledger.invoices["issue_date"].dt.day().to_list() == [2, 3, 4]
    assert ledger.payments["invoice_id"].item() == "7"


def test_identifiers_lose_blanks_and_decimals_they_never_had():
    invoices = pl.concat([table(INVOICE | {"customer_id": f" {name}\u00a0"}) for name in ("0042", "C 7")])
    invoices = invoices.with_columns(invoice_id=pl.Series([1e15, 2.5]))
    ledger = Ledger.from_frames(invoices, table(PAYMENT | {"invoice_id": "1000000000000000"}))
    assert dict(ledger.invoices.select("invoice_id", "customer_id").rows()) == {
        "1000000000000000": "0042",
        "2.5": "C 7",
    }
    assert ledger.payments["customer_id"].item() == "0042"


def test_words_are_read_in_any_case():
    ledger = build(
        invoices=[INVOICE | {"currency": " eur"}],
        payments=[PAYMENT | {"kind": "Credit_Note"}],
        events=[EVENT | {"event_type": "INSOLVENCY"}],
    )
    assert ledger.invoices["currency"].item() == "EUR"
    assert ledger.payments["kind"].item() == "credit_note"
    assert ledger.events["event_type"].item() == "insolvency"


def test_a_missing_number_is_missing_however_it_is_written():
    customers = pl.DataFrame({"customer_id": ["C1", "C2"], "credit_limit": [math.nan, None]})
    ledger = Ledger.from_frames(table(INVOICE), table(PAYMENT), customers)
    assert ledger.customers["credit_limit"].to_list() == [None, None]
    invoices = table(INVOICE).with_columns(amount=pl.lit(math.nan))
    assert refused(Ledger.from_frames(invoices, table(PAYMENT)))[0] == ("invoices", 1, "amount_not_finite")


def test_the_day_of_a_timestamp_is_that_of_its_own_clock():
    late = dt.datetime(2024, 1, 31, 23, 30, tzinfo=dt.UTC)
    moments = pl.Series([late]).dt.convert_time_zone("Europe/Paris")
    ledger = Ledger.from_frames(table(INVOICE).with_columns(due_date=moments), table(PAYMENT))
    assert ledger.invoices["due_date"].item() == dt.date(2024, 2, 1)


@pytest.mark.parametrize(
    ("name", "column", "values", "wanted"),
    [
        ("invoices", "amount", [True], "numbers"),
        ("invoices", "amount", [dt.date(2024, 1, 1)], "numbers"),
        ("invoices", "issue_date", [20240102], "dates"),
        ("invoices", "customer_id", [dt.date(2024, 1, 1)], "text"),
        ("payments", "amount", [[1.0]], "numbers"),
    ],
)
def test_a_column_of_a_hopeless_type_is_one_clear_error(name, column, values, wanted):
    given = frames()
    given[name] = given[name].with_columns(pl.Series(column, values))
    with pytest.raises(
        LedgerError, match=rf"'{column}' of the {name} frame is of type .* should hold {wanted}"
    ):
        Ledger.from_frames(**given)


def test_columns_without_values_are_columns_of_gaps():
    nothing = pl.DataFrame({name: [None] for name in INVOICE})
    ledger = Ledger.from_frames(nothing, table(PAYMENT))
    assert refused(ledger) == [("invoices", 1, "missing_value"), ("payments", 1, "unknown_party")]
    assert ledger.reporting_currency == "XXX"
    assert "no usable invoice" in " ".join(ledger.notes)
    assert ledger.summary()["period"]["first_issue_date"] is None


def test_a_frame_of_no_known_library_is_refused():
    with pytest.raises(LedgerError, match="The invoices frame is a list; give a polars, pandas or pyarrow"):
        Ledger.from_frames([1, 2], table(PAYMENT))
    with pytest.raises(LedgerError, match="payments frame is a NoneType"):
        Ledger.from_frames(table(INVOICE), None)
    with pytest.raises(LedgerError, match="events frame"):
        Ledger.from_frames(table(INVOICE), table(PAYMENT), events=pd.Series([1]))


def test_a_lazy_frame_that_fails_is_refused_without_its_cells():
    failing = table(INVOICE | {"amount": SECRET}).lazy().with_columns(pl.col("amount").cast(pl.Float64))
    with pytest.raises(LedgerError, match="cannot be read") as caught:
        Ledger.from_frames(failing, table(PAYMENT))
    assert SECRET not in str(caught.value)
    with pytest.raises(LedgerError, match="cannot be computed"):
        Ledger.from_frames(table(INVOICE).lazy().select("nowhere"), table(PAYMENT))


@pytest.mark.parametrize("library", ["pandas", "pyarrow"])
def test_a_column_named_twice_is_refused(library):
    names = [*INVOICE, "amount"]
    if library == "pandas":
        invoices = pd.DataFrame([[*INVOICE.values(), "1"]], columns=names)
    else:
        invoices = pa.table([pa.array([value]) for value in [*INVOICE.values(), "1"]], names=names)
    with pytest.raises(LedgerError, match="names the column 'amount' more than once"):
        Ledger.from_frames(invoices, table(PAYMENT))


@pytest.mark.parametrize(
    ("name", "renamed", "message"),
    [
        (
            "invoices",
            {"due_date": "DueDate"},
            r"the column 'due_date' \(the nearest name there is 'DueDate'\)",
        ),
        (
            "invoices",
            {"currency": "money"},
            "The invoices frame lacks .* the column 'currency'; add the column",
        ),
        ("payments", {"invoice_id": "ref"}, "the payments table needs: the column 'invoice_id'"),
        ("events", {"invoice_id": "a", "customer_id": "b"}, "the column 'invoice_id'"),
    ],
)
def test_a_missing_column_is_named_with_the_nearest_one(name, renamed, message):
    given = frames()
    given[name] = given[name].rename(renamed)
    with pytest.raises(LedgerError, match=message):
        Ledger.from_frames(**given)


# ---- Whole ledgers -----------------------------------------------------------------------------


def test_the_summary_counts_what_was_read_and_can_be_written_as_json():
    dollars = INVOICE | {"invoice_id": "A2", "currency": "USD"}
    ledger = Ledger.from_frames(
        **frames(
            invoices=[INVOICE, dollars, INVOICE | {"invoice_id": "A3", "amount": "-1"}],
            payments=[
                PAYMENT | {"recorded_on": "2024-02-04"},
                PAYMENT | {"invoice_id": "A2", "kind": "credit_note", "amount": "10"},
                PAYMENT | {"invoice_id": None, "amount": "5"},
            ],
        ),
        reporting_currency="EUR",
    )
    summary = json.loads(json.dumps(ledger.summary()))
    assert summary["tables"]["invoices"] == {"read": 3, "used": 2, "refused": {"amount_not_positive": 1}}
    assert summary["tables"]["rates"] == {"read": 1, "used": 1, "refused": {}}
    assert summary["period"] == {
        "first_issue_date": "2024-01-02",
        "last_issue_date": "2024-01-02",
        "first_payment_date": "2024-02-03",
        "last_payment_date": "2024-02-03",
    }
    assert summary["customers"] == 1
    assert summary["currencies"] == {
        "EUR": {"count": 1, "amount": 100.0},
        "USD": {"count": 1, "amount": 100.0},
    }
    assert summary["payments_by_kind"] == {
        "credit_note": {"count": 1, "amount": {"USD": 10.0}},
        "payment": {"count": 2, "amount": {"EUR": 45.0}},
    }
    assert summary["cash_on_account"] == {"count": 1, "amount": {"EUR": 5.0}}
    assert summary["events_by_type"] == {"reminder_sent": 1}
    assert summary["share_without_recorded_on"]["payments"] == pytest.approx(2 / 3)
    assert summary["notes"] == list(ledger.notes)


def test_a_bad_cell_is_told_of_by_rule_and_never_by_content():
    bad = dict.fromkeys(["issue_date", "amount", "currency", "terms_days", "vat_amount"], SECRET)
    rows = [INVOICE] + [INVOICE | {"invoice_id": f"B{place}", name: SECRET} for place, name in enumerate(bad)]
    ledger = build(
        invoices=rows,
        payments=[PAYMENT | {"kind": SECRET}, PAYMENT | {"customer_id": SECRET}],
        customers=[CUSTOMER | {"credit_limit": SECRET}],
        events=[EVENT | {"event_type": SECRET}, EVENT | {"customer_id": SECRET, "invoice_id": None}],
        rates=[RATE | {"rate": SECRET}],
    )
    assert ledger.refusals.height == 5 + 1 + 1 + 2 + 1
    shown = [str(ledger.refusals.rows()), " ".join(ledger.notes), repr(ledger), json.dumps(ledger.summary())]
    assert not any(SECRET in text for text in shown)
