"""Mappings proposed from headers in four languages and from the cells below them."""

import datetime as dt
import os
import re
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
import yaml
from hypothesis import given
from hypothesis import strategies as st

from paydelay.errors import ConfigError, LedgerError
from paydelay.sources import import_ledger
from paydelay.sources.guess import guess_mapping
from paydelay.sources.headers import NAMES
from paydelay.sources.mapping_file import parse_mapping
from paydelay.sources.opening import open_table

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
    assert "# No table is made of notes.csv; leave it out of the import." in text
    (tmp_path / "m.yaml").write_text(text, "utf-8")
    ledger = import_ledger("csv", [files[0], *files[2:]], mapping=tmp_path / "m.yaml", currency="EUR")
    assert (ledger.invoices.height, ledger.payments.height, ledger.customers.height) == (1, 1, 1)
    assert ledger.report.reconciled


def imported(folder, path, text, **options):
    (folder / "proposal.yaml").write_text(text, "utf-8")
    return import_ledger("csv", path, mapping=folder / "proposal.yaml", **options)


def sheets(path, **pages):
    book = xlsxwriter.Workbook(path, {"default_date_format": "dd/mm/yyyy"})
    for name, rows in pages.items():
        page = book.add_worksheet(name)
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, dt.date):
                    page.write_datetime(number, column, cell)
                elif cell is not None:
                    page.write(number, column, cell)
    book.close()
    return path


DAY = dt.datetime(2024, 1, 25)
INVOICE_SHEET = [
    ["SARL Exemple"],
    [],
    ["N° pièce", "Client", "Date facture", "Échéance", "Montant TTC", "Commentaire"],
    ["FA1", "Dupont", DAY, DAY + dt.timedelta(30), 1234.5, "x"],
    ["FA2", "Durand", DAY, DAY + dt.timedelta(30), 250, None],
]


def test_every_sheet_of_a_workbook_is_looked_at_and_the_title_above_a_header_skipped(tmp_path):
    path = sheets(
        tmp_path / "book.xlsx",
        Notice=[["Export du 31/03/2024"], ["Ne pas diffuser"]],
        Vide=[],
        Factures=INVOICE_SHEET,
        Encaissements=[["N° pièce", "Encaissé le", "Montant encaissé"], ["FA1", DAY, 1234.5]],
        Clients=[["Code client", "Pays"], ["Dupont", "FR"]],
        Anciens=[["Code client", "Pays"], ["Martin", "FR"]],
    )
    text = guess_mapping([path])
    mapping = parse_mapping(text)
    assert (mapping.invoices.sheet, mapping.invoices.skip_lines) == ("Factures", 2)
    assert (mapping.payments.sheet, mapping.payments.skip_lines) == ("Encaissements", 0)
    assert mapping.customers.sheet == "Clients"
    for name in ("Notice", "Anciens"):
        assert f"# No table is made of book.xlsx [{name}].\n" in text
    assert "# Not used of book.xlsx [Factures]: Commentaire" in text
    ledger = imported(tmp_path, path, text, currency="EUR")
    assert (ledger.invoices.height, ledger.payments.height, ledger.customers.height) == (2, 1, 1)
    assert ledger.report.reconciled


def test_sheets_and_files_of_the_same_columns_are_no_payments(tmp_path):
    path = sheets(tmp_path / "book.xlsx", A2023=INVOICE_SHEET[:4], A2024=INVOICE_SHEET)
    text = guess_mapping([path])
    assert parse_mapping(text).invoices.sheet == "A2024"
    assert "# book.xlsx [A2023] has the columns of book.xlsx [A2024]: it is not used." in text
    head = "Facture;Client;Date facture;Échéance;Montant\n"
    for year in (2023, 2024):
        row = f"F{year};7;31/01/{year};28/02/{year};5,5\n"
        (tmp_path / f"fact[{year}].csv").write_text(head + row, "utf-8")
    files = [tmp_path / f"fact[{year}].csv" for year in (2023, 2024)]
    text = guess_mapping(files)
    assert parse_mapping(text).payments is None
    assert imported(tmp_path, files, text, currency="EUR").invoices["invoice_id"].to_list() == [
        "F2023",
        "F2024",
    ]


TITLED = (
    "Martin & Fils;;;;;;;\nBalance clients au 31/03/2024;;;;;;;\n\n"
    "N° pièce;Client;Date facture;Échéance;Montant TTC;Reste dû;Encaissé le;Mode\n"
    "FA1;Dupont;05/01/2024;14/02/2024;1 234,50 €;0,00 €;10/02/2024;VIR\n"
    "FA2;Durand;15/01/2024;14/02/2024;250,00 €;250,00 €;;\n"
    "FA3;Durand;15/01/2024;14/02/2024;-5,00 €;0,00 €;;\n"
)


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
def test_a_french_export_with_a_title_and_signs_of_the_euro_imports_as_proposed(tmp_path, encoding, ends):
    path = tmp_path / "balance.csv"
    path.write_bytes(TITLED.replace("\n", ends).encode(encoding))
    text = guess_mapping([path])
    mapping = parse_mapping(text)
    assert mapping.invoices.skip_lines == 3
    assert mapping.invoices.columns["currency"].constant == "EUR"
    assert mapping.payments.columns["payment_date"].column == "Encaissé le"
    assert '# Lines below zero in "Montant TTC": 1.' in text
    ledger = imported(tmp_path, path, text)
    assert ledger.invoices["amount"].to_list() == [1234.5, 250.0]
    # The line below zero is a credit note of its customer.
    assert ledger.payments.filter(kind="credit_note")["customer_id"].to_list() == ["Durand"]
    assert ledger.report.refusals.is_empty()
    assert ledger.report.reconciled


def test_currencies_come_from_signs_or_headers_and_several_need_a_column(tmp_path):
    head = "Invoice #,Customer,Invoice date,{}\n"
    dollars = guessed(tmp_path, head.format("Total") + "1,7,2024-01-31,$5.00\n")
    assert parse_mapping(dollars).invoices.columns["currency"].constant == "USD"
    named = guessed(tmp_path, head.format("Total (GBP)") + "1,7,2024-01-31,5.00\n")
    assert parse_mapping(named).invoices.columns["amount"].column == "Total (GBP)"
    assert parse_mapping(named).invoices.columns["currency"].constant == "GBP"
    both = guessed(tmp_path, head.format("Total") + "1,7,2024-01-31,$5.00\n2,7,2024-01-31,£5.00\n")
    assert "currency" not in parse_mapping(both).invoices.columns
    assert "# currency: COLUMN  # GBP, USD stand beside the amounts" in both


STATEMENTS = [
    (
        "Compte;Date;N° pièce;Libellé;Échéance;Débit;Crédit;Solde\n"
        "411DUP;15/01/2024;FA1;Facture;14/02/2024;1 234,50;0,00;1 234,50\n"
        "411DUP;10/02/2024;R1;Virement;;0,00;1 234,50;0,00\n"
        "411DUR;15/01/2024;FA2;Facture;14/02/2024;250,00;;250,00\n",
        [None],
        '"Libellé", Solde',
    ),
    (
        "Konto;Belegnr.;Belegdatum;Nettofällig am;Soll;Haben;Text\n"
        "10001;R1;31.01.2024;01.03.2024;1.234,50;;x\n10001;R1;05.03.2024;;;1.234,50;x\n"
        "10002;R2;02.02.2024;03.03.2024;250,00;;x\n",
        ["R1"],
        "Text",
    ),
    (
        "Debitor;Belegnr.;Belegdatum;Nettofällig am;Betrag HWähr;S/H;Währg\n"
        "10001;R1;31.01.2024;01.03.2024;1.234,50;S;EUR\n10001;R1;05.03.2024;;-1.234,50;H;EUR\n"
        "10002;R2;02.02.2024;03.03.2024;250,00;S;EUR\n",
        ["R1"],
        None,
    ),
    (
        "Cliente;Documento;Fecha;Vencimiento;Debe;Haber\nACME;F1;31/01/2024;01/03/2024;1.234,50 €;\n"
        "ACME;C1;05/03/2024;;;1.234,50 €\nBETA;F2;02/02/2024;03/03/2024;250,00 €;\n",
        [None],
        None,
    ),
]


@pytest.mark.parametrize(("text", "paid", "unused"), STATEMENTS, ids=["fr", "de", "sap", "es"])
def test_debits_of_a_statement_are_its_invoices_and_credits_its_payments(tmp_path, text, paid, unused):
    (tmp_path / "statement.csv").write_text(text, "utf-8")
    proposed = guess_mapping([tmp_path / "statement.csv"])
    options = {} if "currency" in parse_mapping(proposed).invoices.columns else {"currency": "EUR"}
    ledger = imported(tmp_path, tmp_path / "statement.csv", proposed, **options)
    assert ledger.invoices["amount"].to_list() == [1234.5, 250.0]
    assert ledger.payments["amount"].to_list() == [1234.5]
    assert ledger.payments["invoice_id"].to_list() == paid
    assert ledger.report.reconciled
    assert ledger.report.files[0].used == 3
    assert (
        (f"# Not used of statement.csv: {unused}\n" in proposed) if unused else "# Not used" not in proposed
    )


def test_credits_that_name_neither_customer_nor_invoice_are_a_remark(tmp_path):
    text = guessed(tmp_path, "Date;Pièce;Débit;Crédit\n05/01/2024;F1;5,00;\n15/01/2024;R1;;5,00\n")
    assert "# payments: the credits of this statement are they" in text
    assert "    # customer_id: COLUMN  # not found among the headers; or {constant: NAME}" in text


def test_a_column_whose_name_stands_in_a_remark_is_still_told_as_not_used(tmp_path):
    words = ["date", "the", "Type", "amount_2", "found", "invoices", "COLUMN", "EUR", "Notes"]
    head = "Invoice no,Customer,Invoice date,Total," + ",".join(words)
    rows = "".join(f"{at},7,2024-01-31,5,x{at},x,T{at},x,x,x,x,x,x\n" for at in range(2))
    text = guessed(tmp_path, f"{head}\n{rows}")
    _, _, left = text.partition("# Not used of book.csv: ")
    assert left.replace("\n#   ", ", ").rstrip().split(", ") == words


HEADERS = st.one_of(
    st.sampled_from([word for words in NAMES.values() for word in words]),
    st.sampled_from([word.title() for words in NAMES.values() for word in words]),
    st.text(st.characters(codec="utf-8", exclude_characters='\r\n;"\t|,'), min_size=1, max_size=8),
)
CELLS = st.sampled_from(
    [
        "",
        "F1",
        "C7",
        "31/01/2024",
        "2024-01-31",
        "12.02.2024",
        "1 234,50 €",
        "-5,00",
        "0",
        "EUR",
        "S",
        "H",
        "30",
    ]
)


@given(
    st.lists(HEADERS, min_size=2, max_size=9, unique=True),
    st.lists(st.lists(CELLS, min_size=9, max_size=9), max_size=4),
    st.lists(st.sampled_from(["", "Export du 31/03/2024", "SARL Martin"]), max_size=2),
)
def test_a_proposal_is_a_mapping_once_what_it_asks_for_is_filled_in(tmp_path_factory, header, rows, titles):
    folder = tmp_path_factory.mktemp("guess")
    lines = [*titles, ";".join(header), *(";".join(row[: len(header)]) for row in rows)]
    (folder / "book.csv").write_text("\n".join(lines) + "\n", "utf-8")
    try:
        text = guess_mapping([folder / "book.csv"])
    except LedgerError:
        # What is no table of rows is told so, by the reader of text.
        return
    if "Nothing was recognised in book.csv" in text:
        # What may be no header is not repeated.
        assert not any(name in text for name in (*titles, *header) if len(name) > 8)
        return
    filled = re.sub(r"^    # (\w+): COLUMN.*$", r"    \1: X", text, flags=re.MULTILINE)
    mapping = parse_mapping(filled)
    used = {
        name
        for table in mapping.tables.values()
        for cell in (*table.columns.values(), *table.check.values(), *table.keep)
        for name in (cell.column, getattr(cell, "plus_days", None))
    }
    _, _, left = text.partition("# Not used of book.csv:")
    names = ",".join(line.removeprefix("#").strip(" ,") for line in left.splitlines())
    table = open_table(folder / "book.csv", mapping.invoices.place)
    assert {*yaml.load(f"[{names}]", yaml.BaseLoader), *used} - {None, "X"} == {*table.header} - {"", "X"}


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
