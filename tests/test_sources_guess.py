"""Mappings proposed from headers in four languages and from the cells below them."""

import os
from pathlib import Path

import polars as pl
import pytest

from paydelay.errors import ConfigError, LedgerError
from paydelay.sources import import_ledger
from paydelay.sources.guess import guess_mapping
from paydelay.sources.mapping_file import parse_mapping

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("PAYDELAY_DATA", ROOT.parent / "shared" / "data"))
REAL = sorted(DATA.rglob("*.csv"))

EXPORTS = [
    (
        "Invoice No.,Customer,Invoice Date,Due Date,Amount,Open Amount,Currency",
        "INV-1,Dupont,01/31/2024,02/29/2024,\"1,250.00\",0.00,USD",
        ("Invoice No.", "Customer", "Invoice Date", "Due Date", "Amount"),
        {"open": "Open Amount", "format": "MM/DD/YYYY", "decimal": "."},
    ),
    (
        "Invoice number;Account number;Customer name;Document date;Net due date;Gross amount;Net amount;"
        "Payment date;Amount paid",
        "900001;C100;Dupont;2024-01-31;2024-02-29;120.00;100.00;2024-03-01;120.00",
        ("Invoice number", "Account number", "Document date", "Net due date", "Gross amount"),
        {"paid": ("Payment date", "Amount paid"), "format": "YYYY-MM-DD", "decimal": "."},
    ),
    (
        "invoice_id\tclient_id\tissued_on\tdue_on\ttotal\tbalance\tccy\tpaid_on",
        "1\t7\t2024-01-31\t2024-02-29\t12.5\t0\tGBP\t2024-03-01",
        ("invoice_id", "client_id", "issued_on", "due_on", "total"),
        {"open": "balance", "paid": ("paid_on", "total"), "format": "YYYY-MM-DD", "decimal": "."},
    ),
    (
        "N° facture;Code client;Nom client;Date facture;Date d'échéance;Montant HT;Montant TTC;Solde;Devise",
        "FA001;C1;Dupont;31/01/2024;29/02/2024;100,00;120,00;0,00;EUR",
        ("N° facture", "Code client", "Date facture", "Date d'échéance", "Montant TTC"),
        {"open": "Solde", "format": "DD/MM/YYYY", "decimal": ","},
    ),
    (
        "Numéro de pièce;Tiers;Date de pièce;Échéance;Total TTC;Reste à payer;"
        "Date de règlement;Montant réglé",
        "FA001;C1;31/01/2024;29/02/2024;1 250,00;0,00;05/03/2024;1 250,00",
        ("Numéro de pièce", "Tiers", "Date de pièce", "Échéance", "Total TTC"),
        {
            "open": "Reste à payer",
            "paid": ("Date de règlement", "Montant réglé"),
            "format": "DD/MM/YYYY",
            "decimal": ",",
        },
    ),
    (
        "Réf. facture,Compte client,Date d'émission,Délai de paiement,Net à payer",
        "FA001,411DUP,31/01/2024,45,\"1250,00\"",
        ("Réf. facture", "Compte client", "Date d'émission", None, "Net à payer"),
        {"terms": "Délai de paiement", "format": "DD/MM/YYYY", "decimal": ","},
    ),
    (
        "Rechnungsnr.;Kundennr.;Kundenname;Rechnungsdatum;Fällig am;Bruttobetrag;Offener Betrag;Währung",
        "RE-1;10001;Dupont;31.01.2024;29.02.2024;1.190,00;0,00;EUR",
        ("Rechnungsnr.", "Kundennr.", "Rechnungsdatum", "Fällig am", "Bruttobetrag"),
        {"open": "Offener Betrag", "format": "DD.MM.YYYY", "decimal": ","},
    ),
    (
        "Belegnummer;Debitor;Belegdatum;Nettofälligkeit;Betrag;Belegwährung;Ausgleichsdatum;Belegart",
        "1800001;10001;31.01.2024;29.02.2024;1190,00;EUR;01.03.2024;RV",
        ("Belegnummer", "Debitor", "Belegdatum", "Nettofälligkeit", "Betrag"),
        {"paid": ("Ausgleichsdatum", "Betrag"), "format": "DD.MM.YYYY", "decimal": ","},
    ),
    (
        "Rechnung Nr;Kunde;Datum;Zahlungsziel (Tage);Gesamtbetrag;Bezahlt am;Bezahlter Betrag",
        "1;Dupont;31.01.2024;30;119,00;01.03.2024;119,00",
        ("Rechnung Nr", "Kunde", "Datum", None, "Gesamtbetrag"),
        {
            "terms": "Zahlungsziel (Tage)",
            "paid": ("Bezahlt am", "Bezahlter Betrag"),
            "format": "DD.MM.YYYY",
            "decimal": ",",
        },
    ),
    (
        "Nº Factura;Código cliente;Fecha factura;Fecha vencimiento;Importe total;Pendiente;Moneda",
        "F1;430001;31/01/2024;29/02/2024;1.210,00;0,00;EUR",
        ("Nº Factura", "Código cliente", "Fecha factura", "Fecha vencimiento", "Importe total"),
        {"open": "Pendiente", "format": "DD/MM/YYYY", "decimal": ","},
    ),
    (
        "Número de factura;Cliente;Fecha de emisión;Vencimiento;Importe;"
        "Fecha de cobro;Importe cobrado;Divisa",
        "F1;430001;31-01-2024;29-02-2024;121,00;01-03-2024;121,00;EUR",
        ("Número de factura", "Cliente", "Fecha de emisión", "Vencimiento", "Importe"),
        {"paid": ("Fecha de cobro", "Importe cobrado"), "format": "DD-MM-YYYY", "decimal": ","},
    ),
    (
        "FACTURA;COD CLIENTE;F. FACTURA;F. VENCIMIENTO;IMPORTE CON IVA;PLAZO",
        "F1;430001;20240131;20240229;121,00;30",
        ("FACTURA", "COD CLIENTE", "F. FACTURA", "F. VENCIMIENTO", "IMPORTE CON IVA"),
        {"format": "YYYYMMDD", "decimal": ","},
    ),
    (
        "invoiceNumber,customerCode,InvoiceDate,DueDate,InvoiceAmount,currencyCode,SettledDate",
        "1,7,1/31/2024,2/29/2024,12.50,USD,3/1/2024",
        ("invoiceNumber", "customerCode", "InvoiceDate", "DueDate", "InvoiceAmount"),
        {"paid": ("SettledDate", "InvoiceAmount"), "format": "MM/DD/YYYY", "decimal": "."},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("header", "line", "columns", "more"), EXPORTS, ids=[row[0][:24] for row in EXPORTS])
def test_headers_of_four_languages_are_known(tmp_path, header, line, columns, more):
    path = tmp_path / "export.csv"
    path.write_text(f"{header}\n{line}\n", "utf-8")
    text = guess_mapping([path])
    mapping = parse_mapping(text)
    found = mapping.invoices.columns
    names = ("invoice_id", "customer_id", "issue_date", "due_date", "amount")
    due = found.get("due_date")
    assert (
        tuple(None if name == "due_date" and due and due.plus_days else found[name].column for name in names)
        == columns
    )
    assert mapping.date_format == (more["format"],)
    assert mapping.decimal == more["decimal"]
    check = mapping.invoices.check
    assert (check["open_amount"].column if check else None) == more.get("open")
    assert (due.plus_days if due else None) == more.get("terms")
    paid = mapping.payments
    got = (paid.columns["payment_date"].column, paid.columns["amount"].column) if paid else None
    assert got == more.get("paid")
    options = {} if "currency" in found else {"currency": "EUR"}
    (tmp_path / "m.yaml").write_text(text, "utf-8")
    ledger = import_ledger("csv", path, mapping=tmp_path / "m.yaml", **options)
    assert (ledger.invoices.height, ledger.report.refusals.height) == (1, 0)


def guessed(tmp_path, text, name="book.csv"):
    (tmp_path / name).write_text(text, "utf-8")
    return guess_mapping([tmp_path / name])


def test_days_above_twelve_decide_between_day_and_month_and_nothing_else_does(tmp_path):
    head = "Invoice no,Customer,Invoice date,Due date,Amount\n"
    doubtful = guessed(tmp_path, head + "1,7,02/01/2024,03/01/2024,5\n")
    assert doubtful.count("no day above 12 tells whether it is DD/MM/YYYY or MM/DD/YYYY") == 2
    assert parse_mapping(doubtful).date_format == ("DD/MM/YYYY",)
    told = guessed(tmp_path, head + "1,7,02/01/2024,03/31/2024,5\n")
    assert "doubtful" not in told
    assert parse_mapping(told).date_format == ("MM/DD/YYYY",)
    mixed = guessed(tmp_path, head + "1,7,13/01/2024,03/31/2024,5\n2,7,14/01/2024,31/03/2024,5\n")
    assert "both DD/MM/YYYY and MM/DD/YYYY occur: some days will be refused" in mixed


def test_years_of_two_digits_are_seen(tmp_path):
    text = guessed(tmp_path, "Invoice no,Customer,Invoice date,Amount\n1,7,31/01/24,5\n")
    assert parse_mapping(text).date_format == ("DD/MM/YY",)


@pytest.mark.parametrize(
    ("amounts", "mark"),
    [
        (("1.250", "2.500"), ","),
        (("1.250", "12.5"), "."),
        (("1,250", "3,999"), "."),
        (("1 250,5", "2"), ","),
        (("1,250.00", "3"), "."),
        (("12", "7"), "."),
    ],
)
def test_the_decimal_mark_is_the_one_that_reads_all_amounts_with_cents(tmp_path, amounts, mark):
    lines = "".join(f"{at};7;2024-01-31;{amount}\n" for at, amount in enumerate(amounts))
    text = guessed(tmp_path, "Invoice no;Customer;Invoice date;Amount\n" + lines)
    assert parse_mapping(text).decimal == mark


def test_what_is_not_found_is_left_as_a_remark(tmp_path):
    text = guessed(tmp_path, "A,B,Due date\nx,y,2024-01-31\n")
    for name in ("invoice_id", "customer_id", "issue_date", "amount", "currency"):
        assert f"    # {name}: " in text
    assert "# payments: no date of payment was found" in text
    assert "# Not used of book.csv: A, B" in text
    with pytest.raises(ConfigError, match="lacks invoice_id, customer_id, issue_date, amount"):
        parse_mapping(text)


def test_a_column_whose_cells_are_something_else_is_not_taken_for_its_name(tmp_path):
    text = guessed(
        tmp_path, "Invoice no,Customer,Date,Invoice date,Total,Amount\n1,7,soon,2024-01-31,many,5\n"
    )
    columns = parse_mapping(text).invoices.columns
    assert (columns["issue_date"].column, columns["amount"].column) == ("Invoice date", "Amount")


def test_of_two_numbers_the_one_that_tells_invoices_apart_is_taken(tmp_path):
    lines = "".join(f"A,{at},7,2024-01-31,5\n" for at in range(20))
    text = guessed(tmp_path, "Invoice no,Invoice id,Customer,Invoice date,Amount\n" + lines)
    assert parse_mapping(text).invoices.columns["invoice_id"].column == "Invoice id"


def test_several_files_become_several_tables(tmp_path):
    (tmp_path / "fact[1].csv").write_text(
        "Facture;Client;Date facture;Échéance;Montant\n1;7;31/01/2024;29/02/2024;5,5\n"
    )
    (tmp_path / "regl.csv").write_text("Facture;Date règlement;Montant réglé\n1;01/03/2024;5,5\n")
    (tmp_path / "tiers.csv").write_text("Code client;Pays\n7;FR\n")
    (tmp_path / "notes.csv").write_text("A;B\n7;FR\n")
    files = [tmp_path / name for name in ("regl.csv", "notes.csv", "tiers.csv", "fact[1].csv")]
    text = guess_mapping(files)
    assert "# Nothing was recognised in notes.csv" in text
    (tmp_path / "m.yaml").write_text(text, "utf-8")
    ledger = import_ledger("csv", [files[0], *files[2:]], mapping=tmp_path / "m.yaml", currency="EUR")
    assert (ledger.invoices.height, ledger.payments.height, ledger.customers.height) == (1, 1, 1)
    assert ledger.report.reconciled


def test_kinds_of_documents_are_remarked_on(tmp_path):
    lines = "1,7,2024-01-31,5,Invoice\n2,7,2024-01-31,5,Credit note\n"
    text = guessed(tmp_path, "Invoice no,Customer,Invoice date,Amount,Type\n" + lines)
    assert "# Type holds 2 kinds of documents" in text
    assert "Credit note" not in text


def test_names_that_yaml_would_trip_over_are_quoted(tmp_path):
    awkward = 'Invoice no: "A" #1 \u2028{x}'
    rows = pl.DataFrame({awkward: ["1"], "Customer": ["7"], "Invoice date": ["2024-01-31"], "Amount": [5.0]})
    rows.write_parquet(tmp_path / "book.parquet")
    text = guess_mapping([tmp_path / "book.parquet"])
    assert parse_mapping(text).invoices.columns["invoice_id"].column == awkward


def test_typed_days_need_no_format(tmp_path):
    rows = pl.DataFrame({"Invoice no": [1], "Customer": [7], "Invoice date": ["2024-01-31"], "Amount": [5.5]})
    rows.with_columns(pl.col("Invoice date").str.to_date()).write_parquet(tmp_path / "book.parquet")
    text = guess_mapping([tmp_path / "book.parquet"])
    assert "date_format" not in text
    (tmp_path / "m.yaml").write_text(text, "utf-8")
    ledger = import_ledger(
        "csv", tmp_path / "book.parquet", mapping=tmp_path / "m.yaml", currency="EUR", terms_days=30
    )
    assert ledger.invoices.height == 1


def test_without_files_there_is_nothing_to_propose():
    with pytest.raises(LedgerError, match="No file was given"):
        guess_mapping([])


@pytest.mark.skipif(not REAL, reason="the data folder is not at hand (PAYDELAY_DATA)")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_real_exports_get_a_proposal(path):
    text = guess_mapping([path])
    assert "invoices:" in text
    if path.parent.name in ("b2b_ledger", "ibm_late_payment", "xero"):
        mapping = parse_mapping(text)
        assert {"due_date", "amount"} <= mapping.invoices.columns.keys()
        assert mapping.payments is not None
    if path.parent.name in ("b2b_ledger", "ibm_late_payment"):
        assert "doubtful" not in text
