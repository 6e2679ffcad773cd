"""Books read by a declared mapping: every line used, refused or counted, every assumption told."""

import datetime as dt
import os
from pathlib import Path

import polars as pl
import pytest

from paydelay.errors import ConfigError, LedgerError
from paydelay.language import phrase
from paydelay.sources import conversion, import_ledger
from paydelay.sources.conversion import Batch, convert
from paydelay.sources.mapped_account import stated_cents
from paydelay.sources.mapping import TableMapping
from paydelay.sources.mapping_file import load_mapping

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("PAYDELAY_DATA", ROOT.parent / "shared" / "data"))
B2B = DATA / "b2b_ledger" / "closed_and_open_2019-11-30.csv"
IBM = DATA / "ibm_late_payment" / "WA_Fn-UseC_-Accounts-Receivable.csv"

HEADER = "No;Client;Date;Echeance;Total;Regle le\n"
MAPPING = """
date_format: DD/MM/YYYY
decimal: ","
invoices:
  columns:
    invoice_id: No
    customer_id: Client
    issue_date: Date
    due_date: Echeance
    amount: Total
    currency: {constant: EUR}
payments:
  lines_of: invoices
  keep: [{column: Regle le, present: true}]
  columns: {invoice_id: No, payment_date: Regle le, amount: Total}
"""


def book(folder, lines, mapping=MAPPING, header=HEADER, name="book.csv", **options):
    (folder / name).write_text(header + lines, "utf-8")
    (folder / "book.yaml").write_text(mapping, "utf-8")
    return import_ledger("csv", folder / name, mapping=folder / "book.yaml", **options)


def assumed(ledger):
    return {said.key.removeprefix("mapped."): dict(said.values) for said in ledger.report.assumptions}


def agreed(ledger):
    return {
        (a.key.removeprefix("mapped."), a.currency): (a.source_amount, a.ledger_amount)
        for a in ledger.report.agreements
    }


def test_a_line_makes_an_invoice_and_where_it_was_settled_a_payment(tmp_path):
    ledger = book(
        tmp_path, "F1;C1;02/01/2024;01/02/2024;1 250,50;05/02/2024\nF2;C1;03/01/2024;02/02/2024;80;\n"
    )
    assert ledger.invoices["invoice_id", "due_date", "amount"].rows() == [
        ("F1", dt.date(2024, 2, 1), 1250.5),
        ("F2", dt.date(2024, 2, 2), 80.0),
    ]
    assert ledger.payments["invoice_id", "payment_date", "amount", "kind"].rows() == [
        ("F1", dt.date(2024, 2, 5), 1250.5, "payment")
    ]
    file = ledger.report.files[0]
    assert (file.read, file.used, file.refused, dict(file.out_of_scope)) == (2, 2, 0, {})
    assert agreed(ledger) == {("invoices", "EUR"): (1330.5, 1330.5), ("payments", "EUR"): (1250.5, 1250.5)}
    assert ledger.report.reconciled
    assert assumed(ledger)["paid_in_full"] == {"n": 1}
    assert assumed(ledger)["currency_constant"] == {"n": 2, "currency": "EUR"}


@pytest.mark.parametrize(
    ("line", "column", "rule"),
    [
        ("F2;C1;30/02/2024;01/03/2024;80;", "Date", "date_unreadable"),
        ("F2;C1;2024-01-02;01/03/2024;80;", "Date", "date_unreadable"),
        ("F2;C1;02/01/2024;01/03/2024;eighty;", "Total", "amount_unreadable"),
        ("F2;C1;02/01/2024;01/03/2024;80;soon", "Regle le", "date_unreadable"),
        ("F2;C1;02/01/2024;;80;", "Echeance", "missing_value"),
        ("F2;;02/01/2024;01/03/2024;80;", "Client", "missing_value"),
        (";C1;02/01/2024;01/03/2024;80;", "No", "missing_value"),
        ("F2;C1;02/01/2024;01/03/2024;;", "Total", "missing_value"),
        ("F2;C1;02/01/2024;01/03/2024;-80;", "amount", "amount_not_positive"),
        ("F2;C1;02/01/2024;01/01/2024;80;", "due_date", "due_before_issue"),
        ("F2;C1;02/01/2024;01/03/2024;80", None, "too_few_cells"),
    ],
)
def test_a_flaw_refuses_its_whole_line_and_is_told_by_line_column_and_rule(tmp_path, line, column, rule):
    ledger = book(
        tmp_path, f"F1;C1;02/01/2024;01/02/2024;100;05/02/2024\n{line}\nF3;C1;02/01/2024;01/02/2024;7;\n"
    )
    refused = ledger.report.refusals.rows(named=True)
    number = line.partition(";")[0] or None
    assert refused == [
        {
            "file": "book.csv",
            "line": 3,
            "column": column,
            "rule": rule,
            "identifier": number if rule != "too_few_cells" else None,
        }
    ]
    assert ledger.invoices["invoice_id"].to_list() == ["F1", "F3"]
    assert ledger.payments["invoice_id"].to_list() == ["F1"]
    assert ledger.report.reconciled
    file = ledger.report.files[0]
    assert (file.read, file.used, file.refused) == (3, 2, 1)


def test_lines_left_out_are_counted_under_the_reason_of_the_first_condition_they_fail(tmp_path):
    mapping = MAPPING.replace(
        "    currency: {constant: EUR}\n",
        "    currency: {constant: EUR}\n"
        "  keep:\n"
        "    - {column: Client, not_in: [X, Y], reason: other_company}\n"
        "    - {column: No, present: true, reason: draft}\n"
        "    - {column: Total, equals: '100'}\n",
    )
    dates = "02/01/2024;01/02/2024"
    ledger = book(
        tmp_path,
        f"F1;C1;{dates};100;\nF2;X;{dates};100;\n;C1;{dates};100;\n;Y;{dates};1;\nF5;C1;{dates};99;\n",
        mapping,
    )
    assert ledger.invoices["invoice_id"].to_list() == ["F1"]
    file = ledger.report.files[0]
    assert dict(file.out_of_scope) == {"mapped.other_company": 2, "mapped.draft": 1, "mapped.filtered": 1}
    assert file.read == file.used + file.refused + sum(file.out_of_scope.values())


def test_a_flaw_in_what_is_left_out_refuses_nothing(tmp_path):
    mapping = MAPPING.replace("invoices:\n", "invoices:\n  keep: [{column: Client, not_in: [X]}]\n", 1)
    ledger = book(tmp_path, "F1;C1;02/01/2024;01/02/2024;100;\nF2;X;whenever;never;much;\n", mapping)
    assert ledger.report.refusals.is_empty()
    assert ledger.report.files[0].out_of_scope["mapped.filtered"] == 1


def test_what_is_no_invoice_has_no_payment_either(tmp_path):
    mapping = MAPPING.replace("invoices:\n", "invoices:\n  keep: [{column: Client, not_in: [X]}]\n", 1)
    dates = "02/01/2024;01/02/2024"
    ledger = book(tmp_path, f"F1;C1;{dates};10;03/02/2024\nF2;X;{dates};10;03/02/2024\n", mapping)
    assert ledger.payments["invoice_id"].to_list() == ["F1"]


def test_tables_may_come_from_several_files_by_the_names_of_these(tmp_path):
    (tmp_path / "fac_2023.csv").write_text("No;Client;Date;Due;Total\nF1;C1;2023-12-01;2023-12-31;100\n")
    (tmp_path / "FAC_2024.CSV").write_text("No;Client;Date;Due;Total\nF2;C2;2024-01-02;2024-02-01;50\n")
    (tmp_path / "paid.csv").write_text(
        "Facture;Le;Montant\nF1;2024-01-05;60\nF1;2024-01-09;40\nF9;2024-01-09;40\n"
    )
    (tmp_path / "clients.csv").write_text("Client;Pays\nC1;FR\nC2;DE\n")
    (tmp_path / "book.yaml").write_text(
        """
invoices:
  file: fac_*.csv
  columns: {invoice_id: No, customer_id: Client, issue_date: Date, due_date: Due, amount: Total,
            currency: {constant: EUR}}
payments:
  file: paid.csv
  columns: {invoice_id: Facture, payment_date: Le, amount: Montant}
customers:
  file: clients.csv
  columns: {customer_id: Client, country: Pays}
"""
    )
    files = [tmp_path / name for name in ("clients.csv", "paid.csv", "fac_2023.csv", "FAC_2024.CSV")]
    ledger = import_ledger("csv", files, mapping=tmp_path / "book.yaml", export_date=dt.date(2024, 3, 1))
    assert ledger.invoices["invoice_id"].to_list() == ["F1", "F2"]
    assert ledger.payments["amount"].to_list() == [60.0, 40.0]
    assert ledger.customers["customer_id", "country", "valid_from"].rows() == [
        ("C1", "FR", dt.date(2024, 3, 1)),
        ("C2", "DE", dt.date(2024, 3, 1)),
    ]
    assert ledger.report.refusals.rows() == [("paid.csv", 4, "invoice_id", "unknown_party", "F9")]
    assert [(file.label, file.read, file.used) for file in ledger.report.files] == [
        ("clients.csv", 2, 2),
        ("paid.csv", 3, 2),
        ("fac_2023.csv", 1, 1),
        ("FAC_2024.CSV", 1, 1),
    ]
    assert agreed(ledger)["payments", "EUR"] == (100.0, 100.0)
    assert assumed(ledger)["customers_known_from"] == {"n": 2, "date": dt.date(2024, 3, 1)}


def test_a_file_that_no_table_takes_and_a_table_without_its_file_are_refused(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(HEADER + "F1;C1;02/01/2024;01/02/2024;1;\n")
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    (tmp_path / "m.yaml").write_text(MAPPING)
    with pytest.raises(LedgerError, match="does not say which of the files it is from; add 'file:'"):
        import_ledger("csv", files, mapping=tmp_path / "m.yaml")
    (tmp_path / "m.yaml").write_text(MAPPING.replace("invoices:\n", "invoices:\n  file: a*\n", 1))
    with pytest.raises(LedgerError, match=r"No table of the mapping takes b\.csv"):
        import_ledger("csv", files, mapping=tmp_path / "m.yaml")
    (tmp_path / "m.yaml").write_text(MAPPING.replace("invoices:\n", "invoices:\n  file: c*\n", 1))
    with pytest.raises(LedgerError, match=r"is from files 'c\*', and none of those given"):
        import_ledger("csv", files, mapping=tmp_path / "m.yaml")


def test_a_column_that_is_not_there_is_told_with_the_nearest_and_letter_case_does_not_matter(tmp_path):
    with pytest.raises(LedgerError, match=r"has no column 'Totl', .* \(the nearest there is 'Total'\)"):
        book(
            tmp_path, "F1;C1;02/01/2024;01/02/2024;1;\n", MAPPING.replace("amount: Total", "amount: Totl", 1)
        )
    ledger = book(
        tmp_path, "F1;C1;02/01/2024;01/02/2024;1;\n", MAPPING.replace("issue_date: Date", "issue_date: DATE")
    )
    assert ledger.invoices.height == 1


def test_a_first_line_that_is_no_header_is_not_repeated(tmp_path):
    with pytest.raises(LedgerError, match=r"book\.csv has no column 'No'") as caught:
        book(tmp_path, "F2;Clients;02/01/2024;01/02/2024;1;\n", header="F1;Cliente;Dates;x;Totale;y\n")
    assert "nearest" not in str(caught.value)


def test_codes_are_translated_signs_turned_and_constants_set(tmp_path):
    header = "Kind;Doc;Cust;Date;Sum;Cur\n"
    mapping = """
invoices:
  keep: [{column: Kind, equals: I}]
  columns: {invoice_id: Doc, customer_id: Cust, issue_date: Date, due_date: {column: Date, plus_days: 30},
            amount: Sum, currency: {column: Cur, values: {"€": EUR, US$: USD}}}
payments:
  keep: [{column: Kind, in: [P, C, W]}]
  columns:
    invoice_id: Doc
    payment_date: Date
    amount: {column: Sum, sign: -1}
    kind: {column: Kind, values: {P: payment, C: credit_note, W: write_off}}
events:
  keep: [{column: Kind, equals: D}]
  columns: {event_type: {constant: dispute_opened}, event_date: Date, invoice_id: Doc}
"""
    lines = (
        "I;F1;C1;2024-01-02;100;€\nP;F1;C1;2024-02-02;-70;€\nC;F1;C1;2024-02-03;-20;€\n"
        "W;F1;C1;2024-02-04;-10;€\nD;F1;C1;2024-01-20;;€\nO;F1;C1;2024-01-20;;€\n"
    )
    ledger = book(tmp_path, lines, mapping, header)
    assert ledger.payments["kind", "amount"].rows() == [
        ("payment", 70.0),
        ("credit_note", 20.0),
        ("write_off", 10.0),
    ]
    assert ledger.events["event_type", "event_date"].rows() == [("dispute_opened", dt.date(2024, 1, 20))]
    assert ledger.invoices["due_date"].to_list() == [dt.date(2024, 2, 1)]
    assert dict(ledger.report.files[0].out_of_scope) == {"mapped.filtered": 1}
    assert "paid_in_full" not in assumed(ledger)
    assert assumed(ledger)["due_computed"] == {"n": 1, "invoice_share": 1.0}


def test_due_dates_come_from_the_line_then_the_terms_of_the_customer_then_those_given(tmp_path):
    (tmp_path / "terms.csv").write_text("customer_id,terms_days,end_of_month\nC2,45,yes\n")
    lines = (
        "F1;C1;10/01/2024;01/02/2024;1;\nF2;C2;10/01/2024;;1;\nF3;C3;10/01/2024;;1;\nF4;C3;10/01/2024;;1;\n"
    )
    ledger = book(tmp_path, lines, terms_days=30, terms=tmp_path / "terms.csv")
    assert ledger.invoices["due_date"].to_list() == [
        dt.date(2024, 2, 1),
        dt.date(2024, 2, 29),
        dt.date(2024, 2, 9),
        dt.date(2024, 2, 9),
    ]
    told = assumed(ledger)
    assert told["due_from_terms"] == {"n": 2, "invoice_share": 0.5, "days": 30}
    assert told["due_from_terms_table"] == {"n": 1, "invoice_share": 0.25}


def test_terms_to_the_end_of_the_month_and_a_due_date_that_is_mapped_nowhere(tmp_path):
    mapping = MAPPING.replace("    due_date: Echeance\n", "")
    with pytest.raises(ConfigError, match="names no due date; add its column"):
        book(tmp_path, "F1;C1;10/01/2024;;1;\n", mapping)
    ledger = book(tmp_path, "F1;C1;10/01/2024;;1;\n", mapping, terms_days=30, terms_end_of_month=True)
    assert ledger.invoices["due_date"].to_list() == [dt.date(2024, 2, 29)]
    assert assumed(ledger)["due_from_terms_end_of_month"] == {"n": 1, "invoice_share": 1.0, "days": 30}


def test_terms_in_a_column_may_be_absent_and_may_not_be_nonsense(tmp_path):
    header = "No;Client;Date;Jours;Total;Regle le\n"
    mapping = MAPPING.replace("due_date: Echeance", "due_date: {column: Date, plus_days: Jours}")
    lines = "F1;C1;10/01/2024;60;1;\nF2;C1;10/01/2024;;1;\nF3;C1;10/01/2024;net;1;\nF4;C1;10/01/2024;1,5;1;\n"
    ledger = book(tmp_path, lines, mapping, header, terms_days=10)
    assert ledger.invoices["due_date"].to_list() == [dt.date(2024, 3, 10), dt.date(2024, 1, 20)]
    assert ledger.report.refusals["line", "column", "rule"].rows() == [
        (4, "Jours", "number_unreadable"),
        (5, "Jours", "number_unreadable"),
    ]


def test_an_estimated_date_is_set_back_and_the_number_of_lines_is_told(tmp_path):
    mapping = MAPPING.replace("issue_date: Date", "issue_date: {column: Date, not_after: due_date}")
    ledger = book(tmp_path, "F1;C1;10/02/2024;01/02/2024;1;\nF2;C1;10/01/2024;01/02/2024;1;\n", mapping)
    assert ledger.invoices["issue_date"].to_list() == [dt.date(2024, 1, 10), dt.date(2024, 2, 1)]
    assert assumed(ledger)["date_set_back"] == {"n": 1, "column": "issue_date", "bound": "due_date"}


def test_the_currency_may_be_given_for_lines_that_have_none(tmp_path):
    header = "No;Client;Date;Echeance;Total;Regle le;Dev\n"
    mapping = MAPPING.replace("{constant: EUR}", "Dev")
    lines = "F1;C1;02/01/2024;01/02/2024;1;;eur\nF2;C1;02/01/2024;01/02/2024;2;;\n"
    ledger = book(tmp_path, lines, mapping, header, currency="EUR")
    assert ledger.invoices["currency"].to_list() == ["EUR", "EUR"]
    assert assumed(ledger)["currency_given"] == {"n": 1, "invoice_share": 0.5, "currency": "EUR"}
    refused = book(tmp_path, lines, mapping, header)
    assert refused.report.refusals["column", "rule"].rows() == [("Dev", "missing_value")]
    with pytest.raises(ConfigError, match="in which currency invoices are"):
        book(tmp_path, lines, mapping.replace("    currency: Dev\n", ""), header)


def test_the_open_balance_of_the_source_is_compared_with_the_ledgers(tmp_path):
    header = "No;Client;Date;Echeance;Total;Regle le;Paye;Solde\n"
    mapping = MAPPING.replace("payment_date: Regle le, amount: Total", "payment_date: Regle le, amount: Paye")
    mapping = mapping.replace("payments:\n", "  check: {open_amount: Solde}\npayments:\n", 1)
    lines = "F1;C1;02/01/2024;01/02/2024;100;03/02/2024;60;40\nF2;C1;02/01/2024;01/02/2024;7;;;7\n"
    ledger = book(tmp_path, lines, mapping, header)
    assert agreed(ledger)["open", "EUR"] == (47.0, 47.0)
    wrong = book(tmp_path, lines.replace(";60;40", ";60;39"), mapping, header)
    assert agreed(wrong)["open", "EUR"] == (46.0, 47.0)
    assert not wrong.report.reconciled


def test_extras_stay_as_covariates_of_their_type(tmp_path):
    header = "No;Client;Date;Echeance;Total;Regle le;Canal;Note\n"
    mapping = MAPPING.replace(
        "payments:\n",
        "  extras: {channel: Canal, score: {column: Note, type: number}}\npayments:\n",
        1,
    )
    ledger = book(tmp_path, "F1;C1;02/01/2024;01/02/2024;1;;web;3,5\n", mapping, header)
    assert ledger.invoices["channel", "score"].rows() == [("web", 3.5)]


def test_customers_on_lines_of_invoices_come_once_per_change(tmp_path):
    header = "No;Client;Date;Echeance;Total;Regle le;Pays\n"
    mapping = MAPPING + (
        "customers:\n  lines_of: invoices\n"
        "  columns: {customer_id: Client, valid_from: Date, country: Pays}\n"
    )
    lines = (
        "F1;C1;02/01/2024;01/02/2024;1;;FR\nF2;C1;03/01/2024;01/02/2024;1;;FR\nF3;C1;04/01/2024;01/02/2024;1;;BE\n"
        "F4;C2;04/01/2024;01/02/2024;1;;IT\nF5;C2;04/01/2024;01/02/2024;1;;ES\nF6;C2;05/01/2024;01/02/2024;x;;ES\n"
    )
    ledger = book(tmp_path, lines, mapping, header)
    assert ledger.customers["customer_id", "valid_from", "country"].rows() == [
        ("C1", dt.date(2024, 1, 2), "FR"),
        ("C1", dt.date(2024, 1, 4), "BE"),
        ("C2", dt.date(2024, 1, 4), "ES"),
    ]
    assert assumed(ledger)["customers_contradict"] == {"n": 2}
    file = ledger.report.files[0]
    assert (file.read, file.used, file.refused) == (6, 5, 1)


def test_cash_on_account_and_several_currencies_reconcile(tmp_path):
    header = "Typ;No;Client;Date;Due;Total;Cur\n"
    mapping = """
reporting_currency: EUR
invoices:
  keep: [{column: Typ, equals: I}]
  columns: {invoice_id: No, customer_id: Client, issue_date: Date, due_date: Due, amount: Total,
            currency: Cur}
payments:
  keep: [{column: Typ, equals: P}]
  columns: {invoice_id: No, customer_id: Client, payment_date: Date, amount: Total}
rates:
  keep: [{column: Typ, equals: R}]
  columns: {currency: Cur, rate_date: Date, rate: Total}
"""
    lines = (
        "I;F1;C1;2024-01-02;2024-02-01;100;EUR\nI;F2;C1;2024-01-02;2024-02-01;50;USD\nP;F2;C1;2024-02-02;;50;\n"
        "P;;C1;2024-02-02;;9;\nR;;;2024-01-01;;0.9;USD\n"
    )
    ledger = book(tmp_path, lines, mapping, header)
    assert agreed(ledger) == {
        ("invoices", "EUR"): (100.0, 100.0),
        ("invoices", "USD"): (50.0, 50.0),
        ("payments", "EUR"): (9.0, 9.0),
        ("payments", "USD"): (50.0, 50.0),
    }
    assert ledger.rates["rate"].to_list() == [0.9]
    assert ledger.report.reconciled


def test_lines_above_the_header_are_passed_over_and_line_numbers_stay_those_of_the_file(tmp_path):
    mapping = MAPPING.replace("invoices:\n", "invoices:\n  skip_lines: 2\n", 1)
    header = "Balance clients;;;\nau 31/12/2024;;;\n" + HEADER
    ledger = book(
        tmp_path, "F1;C1;02/01/2024;01/02/2024;1;\nF2;C1;02/01/2024;01/02/2024;x;\n", mapping, header
    )
    assert ledger.report.refusals["line"].to_list() == [5]


def test_typed_columns_of_parquet_come_as_they_are(tmp_path):
    rows = pl.DataFrame(
        {
            "No": [1001.0, 1002.0, None, 1004.0],
            "Client": [7, 7, 8, 9],
            "Date": [dt.datetime(2024, 1, 2, 23, 5)] * 4,
            "Echeance": ["01/02/2024", "20240201", "01/02/2024", "01/02/2024"],
            "Total": [10.5, 20.0, 5.0, float("nan")],
            "Regle le": [None, dt.date(2024, 2, 3), None, None],
        }
    )
    rows.write_parquet(tmp_path / "book.parquet")
    (tmp_path / "book.yaml").write_text(
        MAPPING.replace("date_format: DD/MM/YYYY", "date_format: [DD/MM/YYYY, YYYYMMDD]")
    )
    ledger = import_ledger("csv", tmp_path / "book.parquet", mapping=tmp_path / "book.yaml")
    assert ledger.invoices["invoice_id", "customer_id", "issue_date", "due_date", "amount"].rows() == [
        ("1001", "7", dt.date(2024, 1, 2), dt.date(2024, 2, 1), 10.5),
        ("1002", "7", dt.date(2024, 1, 2), dt.date(2024, 2, 1), 20.0),
    ]
    assert ledger.report.refusals["line", "column", "rule"].rows() == [
        (3, "No", "missing_value"),
        (4, "Total", "missing_value"),
    ]


def test_a_line_given_twice_is_refused_once_and_its_payment_with_it(tmp_path):
    line = "F1;C1;02/01/2024;01/02/2024;1;03/02/2024\n"
    ledger = book(tmp_path, line + line)
    assert (ledger.invoices.height, ledger.payments.height) == (1, 1)
    assert ledger.report.refusals["line", "rule"].rows() == [(3, "duplicate_invoice_id")]
    assert ledger.report.reconciled


def test_without_a_mapping_or_payments_it_is_said(tmp_path):
    ledger = book(tmp_path, "F1;C1;02/01/2024;01/02/2024;1;\n", MAPPING.partition("payments:")[0])
    with pytest.raises(ConfigError, match=r"needs a mapping .* --guess"):
        import_ledger("csv", tmp_path / "book.csv")
    assert assumed(ledger)["no_payments"] == {"n": 1}
    assert ledger.payments.is_empty()
    assert ledger.report.reconciled


def test_a_file_of_a_header_alone_has_no_lines_and_no_invoices(tmp_path):
    ledger = book(tmp_path, "")
    assert ledger.invoices.is_empty()
    assert ledger.report.files[0].read == 0


def test_columns_that_are_not_used_are_told(tmp_path):
    ledger = book(tmp_path, "F1;C1;02/01/2024;01/02/2024;1;;x\n", header=HEADER.replace("\n", ";Remarque\n"))
    assert assumed(ledger)["columns_unused"] == {"n": 1, "file": "book.csv", "columns": "Remarque"}


def test_everything_told_has_its_words_in_both_languages(tmp_path):
    values = {
        "n": 2, "invoice_share": 0.015, "days": 30, "column": "issue_date", "bound": "due_date",
        "date": dt.date(2024, 1, 2), "file": "book.csv", "columns": "A, B", "source": "rates.csv",
        "currency": "EUR", "currencies": "USD", "first": dt.date(2024, 1, 2), "last": dt.date(2024, 1, 9),
        "total": 3,
    }  # fmt: skip
    keys = [
        *("due_computed", "due_from_terms", "due_from_terms_end_of_month", "due_from_terms_table"),
        *("date_set_back", "currency_given", "currency_constant", "no_payments", "paid_in_full"),
        *("customers_contradict", "customers_known_from"),
    ]
    others = ("columns_unused", "rates.source", "rates.bank", "rates.older")
    for key in [*(f"mapped.{key}" for key in keys), *others]:
        for language in ("en", "fr"):
            for n in (1, 2):
                text = phrase(f"assumption.{key}", language, **{**values, "n": n})
                assert text.endswith(".")
                assert "{" not in text


# ---- The mappings that ship --------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs" / "sources").glob("*.yaml")), ids=lambda path: path.stem
)
def test_the_mappings_that_ship_can_be_used(path):
    assert load_mapping(path).tables["payments"].lines_of == "invoices"


@pytest.mark.skipif(not B2B.is_file(), reason="the real ledger is not at hand (PAYDELAY_DATA)")
def test_the_real_ledger_reads_by_its_mapping():
    ledger = import_ledger("csv", B2B, mapping=ROOT / "configs" / "sources" / "b2b_ledger.yaml")
    file = ledger.report.files[0]
    assert (file.read, file.used, file.refused) == (32_697, 32_697, 0)
    assert (ledger.invoices.height, ledger.payments.height) == (32_697, 31_157)
    rows = pl.read_csv(B2B, try_parse_dates=True)
    assert agreed(ledger)["invoices", "USD"][1] == pytest.approx(rows["amount"].sum(), abs=0.005)
    assert (
        assumed(ledger)["date_set_back"]["n"]
        == rows.filter(pl.col("issue_date_est") > pl.col("due_date")).height
    )
    assert ledger.report.reconciled


@pytest.mark.skipif(not IBM.is_file(), reason="the tutorial set is not at hand (PAYDELAY_DATA)")
def test_the_tutorial_set_reads_by_its_mapping():
    ledger = import_ledger("csv", IBM, mapping=ROOT / "configs" / "sources" / "ibm_late_payment.yaml")
    assert (ledger.invoices.height, ledger.payments.height, ledger.customers.height) == (2_466, 2_466, 100)
    late = ledger.invoices.join(ledger.payments, on="invoice_id").select(
        (pl.col("payment_date") > pl.col("due_date")).mean()
    )
    assert late.item() == pytest.approx(0.356, abs=0.0005)
    assert ledger.report.reconciled
    assert "Disputed" in assumed(ledger)["columns_unused"]["columns"]


# ---- What checks the amounts -----------------------------------------------------------------


def test_an_amount_that_was_converted_wrongly_no_longer_agrees(tmp_path, monkeypatch):
    lines = "F1;C1;02/01/2024;01/02/2024;1 250,50;05/02/2024\nF2;C1;03/01/2024;02/02/2024;80;\n"
    assert book(tmp_path, lines).report.reconciled
    honest = conversion.as_amount
    monkeypatch.setattr(
        conversion, "as_amount", lambda text, decimal, **more: honest(text, decimal, **more) * 10
    )
    ledger = book(tmp_path, lines)
    assert not ledger.report.reconciled
    assert agreed(ledger) == {
        ("invoices", "EUR"): (1330.5, 13305.0),
        ("payments", "EUR"): (1250.5, 12505.0),
    }


@pytest.mark.parametrize(
    ("written", "cents"),
    [
        ("1 234,5", 123450),
        ("1.234,56", 123456),
        (",5", 50),
        ("12,", 1200),
        ("12,00-", -1200),
        ("(3,07)", -307),
        ("\u22124,10", -410),
        ("+7", 700),
        ("1e3", 100000),
        ("0,125", 12),
    ],
)
def test_cents_are_read_from_the_digits_as_they_stand(written, cents):
    rows = pl.DataFrame({"Total": [written]})
    batch = Batch(rows.schema, {"Total": "Total"}, iso_dates=False)
    for sign in (1, -1):
        table = TableMapping(columns={"amount": {"column": "Total", "sign": sign}}, decimal=",")
        converted = convert("amount", table.columns["amount"], table, batch).value
        assert rows.select(stated_cents(table, batch, converted)).item() == cents * sign


def test_it_is_told_that_nothing_checks_the_payments_unless_what_is_open_is_mapped(tmp_path):
    lines = "F1;C1;02/01/2024;01/02/2024;99,50;05/02/2024\n"
    assert assumed(book(tmp_path, lines))["payments_unchecked"] == {"n": 1}
    checked = MAPPING.replace("payments:", "  check: {open_amount: Solde}\npayments:")
    header = HEADER.replace("\n", ";Solde\n")
    ledger = book(tmp_path, lines.replace("\n", ";0\n"), checked, header)
    assert ledger.report.reconciled
    assert "payments_unchecked" not in assumed(ledger)


def test_credit_notes_among_the_invoices_are_known_by_their_sign(tmp_path: Path) -> None:
    (tmp_path / "book.csv").write_text(
        "No;Client;Date;Due;Total\n"
        "F1;C1;02/01/2024;01/02/2024;100,00\n"
        "A1;C1;10/01/2024;;-30,00\n"
        "A2;C1;11/01/2024;;(5,00)\n"
        "F2;C2;05/01/2024;04/02/2024;abc\n",
        "utf-8",
    )
    (tmp_path / "map.yaml").write_text(
        'date_format: DD/MM/YYYY\ndecimal: ","\n'
        "invoices:\n"
        "  keep: [{column: Total, negative: false, reason: other_document}]\n"
        "  columns: {invoice_id: No, customer_id: Client, issue_date: Date, due_date: Due, amount: Total,\n"
        "    currency: {constant: EUR}}\n"
        "payments:\n"
        "  keep: [{column: Total, negative: true, reason: other_document}]\n"
        "  columns: {customer_id: Client, payment_date: Date, amount: {column: Total, sign: -1},\n"
        "    kind: {constant: credit_note}}\n",
        "utf-8",
    )
    ledger = import_ledger("csv", tmp_path / "book.csv", mapping=tmp_path / "map.yaml")
    assert ledger.invoices["invoice_id"].to_list() == ["F1"]
    assert ledger.payments["amount", "kind", "invoice_id"].rows() == [
        (30.0, "credit_note", None),
        (5.0, "credit_note", None),
    ]
    # An amount that cannot be read is refused, and not taken for another kind of document.
    assert ledger.report.refusals["line", "rule"].rows() == [(5, "amount_unreadable")]
    assert ledger.report.files[0].out_of_scope.total() == 0


def test_amounts_with_the_sign_of_their_currency_are_read_and_agree(tmp_path: Path) -> None:
    (tmp_path / "book.csv").write_text(
        "No;Client;Date;Due;Total\n"
        "F1;C1;02/01/2024;01/02/2024;1 234,50 €\n"
        "A1;C1;10/01/2024;;€ -30,00\n"
        "A2;C1;11/01/2024;;5,00- EUR\n",
        "utf-8",
    )
    (tmp_path / "map.yaml").write_text(
        'date_format: DD/MM/YYYY\ndecimal: ","\n'
        "invoices:\n"
        "  keep: [{column: Total, negative: false}]\n"
        "  columns: {invoice_id: No, customer_id: Client, issue_date: Date, due_date: Due, amount: Total,\n"
        "    currency: {constant: EUR}}\n"
        "payments:\n"
        "  keep: [{column: Total, negative: true}]\n"
        "  columns: {customer_id: Client, payment_date: Date, amount: {column: Total, sign: -1},\n"
        "    kind: {constant: credit_note}}\n",
        "utf-8",
    )
    ledger = import_ledger("csv", tmp_path / "book.csv", mapping=tmp_path / "map.yaml")
    assert ledger.invoices["amount"].to_list() == [1234.5]
    assert ledger.payments["amount"].to_list() == [30.0, 5.0]
    assert {one.source_amount for one in ledger.report.agreements} == {1234.5, 35.0}
    assert ledger.report.reconciled


def test_an_amount_in_another_currency_than_its_line_is_refused(tmp_path: Path) -> None:
    ledger = book(
        tmp_path,
        "F1;C1;02/01/2024;01/02/2024;100,00 €;\n"
        "F2;C1;02/01/2024;01/02/2024;100,00 $;01/02/2024\n"
        "F3;C1;02/01/2024;01/02/2024;100,00;\n",
    )
    assert ledger.invoices["invoice_id"].to_list() == ["F1", "F3"]
    assert ledger.payments.is_empty()
    assert ledger.report.refusals["line", "column", "rule"].rows() == [(3, "Total", "currency_contradicted")]


def test_a_payment_in_another_currency_than_its_invoice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "factures.csv").write_text(
        "No;Client;Date;Due;Total;Reste\nF1;C1;02/01/2024;01/02/2024;100,00;$50,00\n"
        "F2;C1;02/01/2024;01/02/2024;100,00 €;100,00 EUR\n",
        "utf-8",
    )
    (tmp_path / "banque.csv").write_text(
        "Facture;Le;Montant\nF2;03/02/2024;$10,00\nF2;04/02/2024;20,00 €\n"
        ";05/02/2024;£5,00\n;06/02/2024;5,00\n",
        "utf-8",
    )
    (tmp_path / "map.yaml").write_text(
        'date_format: DD/MM/YYYY\ndecimal: ","\n'
        "invoices:\n  file: factures.csv\n"
        "  columns: {invoice_id: No, customer_id: Client, issue_date: Date,\n"
        "    due_date: Due, amount: Total, currency: {constant: EUR}}\n  check: {open_amount: Reste}\n"
        "payments:\n  file: banque.csv\n  columns: {invoice_id: Facture, payment_date: Le, amount: Montant,\n"
        "    customer_id: {constant: C1}}\n",
        "utf-8",
    )
    files = [tmp_path / "factures.csv", tmp_path / "banque.csv"]
    ledger = import_ledger("csv", files, mapping=tmp_path / "map.yaml")
    assert ledger.report.refusals["file", "line", "column", "rule"].rows() == [
        ("factures.csv", 2, "Reste", "currency_contradicted"),
        ("banque.csv", 2, "Montant", "currency_contradicted"),
        ("banque.csv", 4, "Montant", "currency_contradicted"),
    ]
    assert ledger.payments["invoice_id", "amount"].rows() == [("F2", 20.0), (None, 5.0)]
    assert [(file.read, file.used, file.refused) for file in ledger.report.files] == [(2, 1, 1), (4, 2, 2)]


def test_open_balances_that_only_agree_in_their_sum_do_not_agree(tmp_path: Path) -> None:
    mapping = MAPPING.replace("payments:", "  check: {open_amount: Reste}\npayments:")
    header = "No;Client;Date;Echeance;Total;Regle le;Reste\n"
    lines = "F1;C1;02/01/2024;01/02/2024;100;03/02/2024;40\nF2;C1;03/01/2024;01/02/2024;100;;60\n"
    ledger = book(tmp_path, lines, mapping, header)
    opened = ledger.report.agreements[-1]
    assert (opened.key, opened.difference, opened.apart_count) == ("mapped.open", 0.0, 2)
    assert not ledger.report.reconciled


def test_credit_notes_among_the_invoices_go_beside_payments_of_another_file(tmp_path: Path) -> None:
    (tmp_path / "ventes.csv").write_text(
        "No;Client;Date;Due;Total\nF1;C1;02/01/2024;01/02/2024;100,00\nA1;C1;10/01/2024;;-30,00\n"
        "A2;C1;11/01/2024;;n/c\n",
        "utf-8",
    )
    (tmp_path / "banque.csv").write_text("Facture;Le;Montant\nF1;03/02/2024;60,00\n", "utf-8")
    (tmp_path / "map.yaml").write_text(
        'date_format: DD/MM/YYYY\ndecimal: ","\n'
        "invoices:\n  file: ventes.csv\n  keep: [{column: Total, negative: false}]\n"
        "  columns: {invoice_id: No, customer_id: Client, issue_date: Date, due_date: Due, amount: Total,\n"
        "    currency: {constant: EUR}}\n"
        "payments:\n  file: banque.csv\n"
        "  columns: {invoice_id: Facture, payment_date: Le, amount: Montant}\n"
        "credit_notes:\n  file: ventes.csv\n  keep: [{column: Total, negative: true}]\n"
        "  columns: {customer_id: Client, payment_date: Date, amount: {column: Total, sign: -1}}\n",
        "utf-8",
    )
    files = [tmp_path / "ventes.csv", tmp_path / "banque.csv"]
    ledger = import_ledger("csv", files, mapping=tmp_path / "map.yaml")
    assert ledger.payments.sort("payment_date")["customer_id", "invoice_id", "amount", "kind"].rows() == [
        ("C1", None, 30.0, "credit_note"),
        ("C1", "F1", 60.0, "payment"),
    ]
    assert [(file.read, file.used, file.refused) for file in ledger.report.files] == [(3, 2, 1), (1, 1, 0)]
    assert ledger.report.reconciled
