"""SAP: what cleared items settled and when, open items, and the list in several languages."""

import pytest
from extracts import (
    EDITS,
    SAP,
    SAP_ITEM,
    adds_up,
    differences,
    imported,
    invoiced,
    left_out,
    mutated,
    refused,
    settled,
    survives,
    told,
)
from hypothesis import given, settings

from paydelay.errors import LedgerError

COLUMNS = SAP_ITEM.strip().split(",")
BKPF = """\
belnr,bukrs,gjahr,mandt,blart,bldat,budat,cpudt,waers,hwaer,stblg
0090000001,1000,2024,800,RV,20240105,20240105,20240105,EUR,EUR,
1400000001,1000,2024,800,DZ,20240212,20240212,20240213,EUR,EUR,
0100000001,1000,2024,800,SA,20240212,20240212,20240213,EUR,EUR,
"""


def item(**cells):
    """One customer item: an invoice of 100.00 EUR unless said otherwise."""
    usual = {
        "bukrs": "1000", "gjahr": "2024", "buzei": "001", "kunnr": "0000000100", "blart": "RV", "bschl": "01",
        "shkzg": "S", "bldat": "20240105", "budat": "20240105", "zfbdt": "20240105", "zbd1t": "30",
        "zbd2t": "0", "zbd3t": "0", "wrbtr": "100.00", "dmbtr": "100.00", "waers": "EUR", "augdt": "00000000",
    }  # fmt: skip
    values = {**usual, **{name: str(cell) for name, cell in cells.items()}}
    values.setdefault("dmbtr", values["wrbtr"])
    if "wrbtr" in cells and "dmbtr" not in cells:
        values["dmbtr"] = values["wrbtr"]
    return ",".join(values.get(column, "") for column in COLUMNS) + "\n"


def payment(**cells):
    return item(**{"blart": "DZ", "bschl": "15", "shkzg": "H", "zbd1t": "0", "zfbdt": "00000000", **cells})


def of_items(folder, *items, **options):
    return imported("sap", folder, {"items": SAP_ITEM + "".join(items)}, **options)


def test_invoices_have_their_key_their_net_due_date_and_their_currency(tmp_path):
    ledger = imported("sap", tmp_path, SAP)
    assert invoiced(ledger) == [
        ("1000/90000001/2024/1", "100", "2024-01-05", "2024-02-04", 100.0, "EUR"),
        ("1000/90000002/2024/1", "100", "2024-01-10", "2024-02-09", 200.0, "EUR"),
        ("1000/90000003/2024/1", "200", "2024-01-15", "2024-02-29", 500.0, "EUR"),
        ("1000/90000004/2024/1", "200", "2024-02-01", "2024-03-02", 70.0, "EUR"),
        ("1000/90000005/2024/1", "100", "2024-03-01", "2024-03-31", 1000.0, "USD"),
    ]
    assert ledger.customers.select("customer_id", "country").rows() == [("100", "FR"), ("200", "DE")]
    assert ledger.reporting_currency == "EUR"
    assert ledger.rates["rate"].to_list() == [0.9, 0.9]


def test_settlements_are_dated_by_the_payment_and_not_by_the_clearing(tmp_path):
    ledger = imported("sap", tmp_path, SAP)
    assert settled(ledger) == [
        # Open: a payment and a down payment that name no invoice.
        (None, "2024-04-10", 55.0, "payment"),
        (None, "2024-04-11", 33.0, "payment"),
        # 300.00 for two invoices, 6.00 of it waived.
        ("1000/90000001/2024/1", "2024-02-12", 2.0, "discount"),
        ("1000/90000001/2024/1", "2024-02-12", 98.0, "payment"),
        ("1000/90000002/2024/1", "2024-02-12", 4.0, "discount"),
        ("1000/90000002/2024/1", "2024-02-12", 196.0, "payment"),
        ("1000/90000003/2024/1", "2024-02-15", 120.0, "credit_note"),
        ("1000/90000003/2024/1", "2024-03-25", 380.0, "payment"),
        # Nothing in the files says what cleared it.
        ("1000/90000004/2024/1", "2024-06-30", 70.0, "payment"),
        ("1000/90000005/2024/1", "2024-04-05", 400.0, "payment"),
    ]
    said = told(ledger)
    assert said["sap.settled_at_clearing_date"] == 1
    assert said["sap.discounts"] == 2
    assert said["sap.from_documentation"] == 6
    assert left_out(ledger) == {"erp.noted_item": 1, "erp.special_gl": 1}
    found = differences(ledger)
    assert found.pop(("sap.cleared_items", "EUR")) == -70.0
    assert set(found.values()) == {0.0}
    assert adds_up(ledger)


@pytest.mark.parametrize(
    ("days", "due"),
    [(("14", "30", "0"), "2024-02-04"), (("14", "30", "45"), "2024-02-19"), (("0", "0", "0"), "2024-01-05")],
)
def test_the_longest_term_that_is_filled_in_gives_the_net_due_date(tmp_path, days, due):
    terms = dict(zip(("zbd1t", "zbd2t", "zbd3t"), days, strict=True))
    assert invoiced(of_items(tmp_path, item(belnr="1", **terms)))[0][3] == due


def test_without_a_baseline_date_terms_run_from_the_document_date(tmp_path):
    ledger = of_items(tmp_path, item(belnr="1", zfbdt="00000000"))
    assert invoiced(ledger)[0][3] == "2024-02-04"
    assert told(ledger)["sap.baseline_is_document_date"] == 1


def test_of_several_payments_the_oldest_goes_to_what_is_due_first(tmp_path):
    cleared = {"augbl": "77", "augdt": "20240401"}
    ledger = of_items(
        tmp_path,
        item(belnr="1", **cleared),
        item(belnr="2", zbd1t="60", **cleared),
        payment(belnr="70", budat="20240210", wrbtr="130.00", **cleared),
        payment(belnr="77", budat="20240401", wrbtr="70.00", **cleared),
    )
    assert settled(ledger) == [
        ("1000/1/2024/1", "2024-02-10", 100.0, "payment"),
        ("1000/2/2024/1", "2024-02-10", 30.0, "payment"),
        ("1000/2/2024/1", "2024-04-01", 70.0, "payment"),
    ]
    assert told(ledger)["sap.groups_by_age"] == 1


def test_a_credit_that_names_its_invoice_goes_to_it_whatever_is_due_first(tmp_path):
    cleared = {"augbl": "77", "augdt": "20240401"}
    ledger = of_items(
        tmp_path,
        item(belnr="1", **cleared),
        item(belnr="2", zbd1t="60", **cleared),
        payment(belnr="70", budat="20240210", wrbtr="40.00", rebzg="2", rebzj="2024", rebzz="001", **cleared),
        payment(belnr="77", budat="20240401", wrbtr="160.00", **cleared),
    )
    assert settled(ledger) == [
        ("1000/1/2024/1", "2024-04-01", 100.0, "payment"),
        ("1000/2/2024/1", "2024-02-10", 40.0, "payment"),
        ("1000/2/2024/1", "2024-04-01", 60.0, "payment"),
    ]


def test_a_residual_item_stays_with_the_invoice_it_is_left_of(tmp_path):
    named = {"rebzg": "1", "rebzj": "2024", "rebzz": "001"}
    first, second = (
        {"augbl": "77", "augdt": "20240210"},
        {"augbl": "88", "augdt": "20240501"},
    )
    paid_short = [
        item(belnr="1", **first),
        payment(belnr="77", budat="20240210", wrbtr="100.00", **first),
    ]
    left = {
        "belnr": "77",
        "buzei": "003",
        "blart": "DZ",
        "bschl": "06",
        "budat": "20240210",
        "wrbtr": "30.00",
    }
    still_open = of_items(tmp_path, *paid_short, item(**left, **named))
    assert settled(still_open) == [
        ("1000/1/2024/1", "2024-02-10", -30.0, "payment"),
        ("1000/1/2024/1", "2024-02-10", 100.0, "payment"),
    ]
    assert still_open.invoices.height == 1
    assert still_open.report.agreements[1].source_amount == 30.0
    assert still_open.report.reconciled
    assert told(still_open)["sap.residuals"] == 1
    paid_up = of_items(
        tmp_path,
        *paid_short,
        item(**left, **named, **second),
        payment(belnr="88", budat="20240430", wrbtr="30.00", **second),
    )
    assert ("1000/1/2024/1", "2024-04-30", 30.0, "payment") in settled(paid_up)
    assert paid_up.report.agreements[1].source_amount == 0.0
    assert paid_up.report.reconciled


def test_a_reference_is_followed_to_the_item_it_fits_and_to_no_other(tmp_path):
    named = {"belnr": "70", "wrbtr": "40.00", "rebzg": "1"}
    first, second = item(belnr="1", gjahr="2023"), item(belnr="1", gjahr="2024")
    of_2023 = of_items(tmp_path, first, second, payment(**named, rebzj="2023", rebzz="001"))
    assert settled(of_2023)[0][0] == "1000/1/2023/1"
    # Of another year, and one of several: nobody can tell which is meant.
    other_year = of_items(tmp_path, second, payment(**named, rebzj="2023", rebzz="001"))
    either = of_items(tmp_path, first, second, payment(**named))
    assert [settled(ledger)[0][0] for ledger in (other_year, either)] == [None, None]
    # A number of the item or the year that is empty fits, and only where it fits one item.
    bare = of_items(
        tmp_path, item(belnr="1", gjahr="", buzei=""), item(belnr="2", gjahr="", buzei=""), payment(**named)
    )
    assert settled(bare)[0][0] == "1000/1"
    halves = [item(belnr="1", gjahr="", buzei="", wrbtr=amount) for amount in ("60.00", "50.00")]
    assert settled(of_items(tmp_path, *halves, payment(**named)))[0][0] is None


def test_a_header_without_a_year_is_nobody_s(tmp_path):
    headers = BKPF.replace(",2024,", ",,")
    ledger = imported(
        "sap", tmp_path, {"items": SAP_ITEM + item(belnr="90000001", gjahr=""), "bkpf": headers}
    )
    assert left_out(ledger) == {"erp.not_receivable": 3}
    assert ledger.invoices.height == 1


def test_a_residual_of_an_unknown_invoice_is_a_claim(tmp_path):
    ledger = of_items(tmp_path, item(belnr="77", blart="DZ", bschl="06", rebzg="1", rebzj="2024", rebzz="1"))
    assert invoiced(ledger)[0][0] == "1000/77/2024/1"
    assert told(ledger)["sap.residuals_as_claims"] == 1


def test_more_credit_than_invoices_is_told_and_not_put_on_account(tmp_path):
    cleared = {"augbl": "77", "augdt": "20240401"}
    ledger = of_items(
        tmp_path,
        item(belnr="1", **cleared),
        payment(belnr="77", budat="20240401", wrbtr="150.00", **cleared),
    )
    assert settled(ledger) == [("1000/1/2024/1", "2024-04-01", 100.0, "payment")]
    assert told(ledger)["sap.surplus_credits"] == 1
    assert differences(ledger)["sap.cleared_items", "EUR"] == -50.0


def test_an_outgoing_payment_lowers_what_is_on_account(tmp_path):
    back = {"belnr": "9", "blart": "DZ", "bschl": "05"}
    ledger = of_items(tmp_path, item(belnr="1"), payment(belnr="8"), item(**back, wrbtr="40.00"))
    assert [row[2] for row in settled(ledger)] == [-40.0, 100.0]
    assert told(ledger)["sap.debits_on_account"] == 1


def test_headers_fill_what_items_lack_and_reversed_documents_are_out(tmp_path):
    bseg = (
        "belnr,bukrs,buzei,gjahr,koart,shkzg,bschl,dmbtr,wrbtr,kunnr,zfbdt,zbd1t,augbl,augdt\n"
        "0090000001,3000,001,2024,d,s,01,100.00,100.00,0000000100,20240105,30,1400000001,20240212\n"
        "0090000001,3000,002,2024,s,h,50,100.00,100.00,,00000000,0,,00000000\n"
        "1400000001,3000,002,2024,d,h,15,100.00,100.00,0000000100,00000000,0,1400000001,20240212\n"
    )
    headers = BKPF.replace(",1000,", ",3000,")
    ledger = imported("sap", tmp_path, {"bseg": bseg, "bkpf": headers})
    assert settled(ledger) == [("3000/90000001/2024/1", "2024-02-12", 100.0, "payment")]
    assert left_out(ledger) == {"erp.not_receivable": 2}
    assert adds_up(ledger)
    undone = headers.replace(
        "RV,20240105,20240105,20240105,EUR,EUR,", "RV,20240105,20240105,20240105,EUR,EUR,9"
    )
    ledger = imported("sap", tmp_path, {"bseg": bseg, "bkpf": undone})
    assert ledger.invoices.height == 0
    assert left_out(ledger)["erp.reversed"] == 1
    with pytest.raises(LedgerError, match=r"carry no posting date .BUDAT., as in BSEG; give BKPF too"):
        imported("sap", tmp_path, {"bseg": bseg})


def test_an_item_in_two_tables_counts_once(tmp_path):
    bseg = (
        "belnr,bukrs,buzei,gjahr,koart,shkzg,bschl,dmbtr,wrbtr,kunnr,zfbdt,zbd1t,augbl,augdt\n"
        "0090000001,1000,001,2024,D,S,01,100.00,100.00,0000000100,20240105,30,1400000001,20240212\n"
    )
    ledger = imported("sap", tmp_path, {**SAP, "bseg": bseg})
    assert ledger.equals(imported("sap", tmp_path, SAP))
    assert left_out(ledger)["erp.repeated_row"] == 1


LISTS = {
    "en": (
        "Company Code;Customer;Document Number;Document Type;Document Date;Posting Date;Net due date;"
        "Amount in doc. curr.;Document currency;Amount in local currency;Local Currency;Clearing Document;"
        "Clearing date;Special G/L ind.;Invoice reference",
        ("01/25/2024", "02/24/2024", "03/05/2024", "1,234.50", "1,234.50-"),
    ),
    "de": (
        "Buchungskreis;Debitor;Belegnummer;Belegart;Belegdatum;Buchungsdatum;Nettofälligkeit;"
        "Betrag in Belegwährung;Belegwährung;Betrag in Hauswährung;Hauswährung;Ausgleichsbeleg;"
        "Ausgleichsdatum;Sonderhauptbuch-Kz.;Rechnungsbezug",
        ("25.01.2024", "24.02.2024", "05.03.2024", "1.234,50", "1.234,50-"),
    ),
    "fr": (
        "Société;Client;Numéro de pièce;Type de pièce;Date pièce;Date comptable;Échéance nette;"
        "Montant en devise pièce;Devise pièce;Montant en devise interne;Devise interne;"
        "Pièce de rapprochement;Date rapprochement;Code CGS;Référence facture",
        ("25.01.2024", "24.02.2024", "05.03.2024", "1 234,50", "1 234,50-"),
    ),
    "es": (
        "Sociedad;Cliente;Número de documento;Clase de documento;Fecha de documento;"
        "Fecha de contabilización;Vencimiento neto;Importe en moneda doc.;Moneda documento;"
        "Importe en moneda local;Moneda local;Doc.compensación;Fecha compensación;Indicador CME;"
        "Referencia a factura",
        ("25.01.2024", "24.02.2024", "05.03.2024", "1.234,50", "1.234,50-"),
    ),
    "technical": (
        "BUKRS;KONTO;BELNR;BLART;BLDAT;BUDAT;FAEDT;WRSHB;WAERS;DMSHB;HWAER;AUGBL;AUGDT;UMSKZ;REBZG",
        ("20240125", "20240224", "20240305", "1234.50", "-1234.50"),
    ),
}


@pytest.mark.parametrize("language", LISTS)
def test_the_list_is_read_in_its_languages(tmp_path, language):
    header, (issued, due, paid, debit, credit) = LISTS[language]
    text = (
        f"{header}\n"
        f"1000;100;90000001;RV;{issued};{issued};{due};{debit};EUR;{debit};EUR;1400000001;{paid};;\n"
        f"1000;100;1400000001;DZ;{paid};{paid};;{credit};EUR;{credit};EUR;1400000001;{paid};;\n"
        f";100;;;;;;{debit};EUR;{debit};EUR;;;;\n"
    )
    ledger = imported("sap", tmp_path, {"list": text})
    assert invoiced(ledger) == [("1000/90000001", "100", "2024-01-25", "2024-02-24", 1234.5, "EUR")]
    assert settled(ledger) == [("1000/90000001", "2024-03-05", 1234.5, "payment")]
    assert left_out(ledger) == {"erp.subtotal": 1}
    assert told(ledger)["sap.from_documentation"] == 2


def test_company_codes_become_entities(tmp_path):
    ledger = of_items(tmp_path, item(belnr="1"), item(belnr="2", bukrs="2000"))
    assert sorted(ledger.invoices["entity"].to_list()) == ["1000", "2000"]


def test_what_cannot_be_read_is_refused_with_its_column(tmp_path):
    ledger = of_items(
        tmp_path,
        item(belnr="1", shkzg="X"),
        item(belnr="2", wrbtr="12 OO"),
        item(belnr="3", budat="20241399"),
        item(belnr="4", zfbdt="20231201", zbd1t="0"),
        item(belnr="5"),
    )
    assert refused(ledger) == [
        (2, "shkzg", "sign_unknown", "1"),
        (3, "wrbtr", "amount_not_understood", "2"),
        (4, "budat", "date_not_understood", "3"),
        (5, "due_date", "due_before_issue", "1000/4/2024/1"),
    ]
    assert adds_up(ledger)


def test_a_refused_invoice_takes_its_share_of_a_payment_and_leaves_the_rest(tmp_path):
    cleared = {"augbl": "77", "augdt": "20240401"}
    ledger = of_items(
        tmp_path,
        item(belnr="1", **cleared),
        item(belnr="2", zfbdt="20231201", zbd1t="0", **cleared),
        payment(belnr="77", budat="20240401", wrbtr="200.00", **cleared),
    )
    assert settled(ledger) == [("1000/1/2024/1", "2024-04-01", 100.0, "payment")]
    assert ledger.report.files[0].used == 2
    assert ledger.report.agreements[0].source_amount == 100.0
    assert ledger.report.reconciled


@settings(max_examples=40)
@given(edits=EDITS)
def test_damaged_files_end_as_a_ledger_or_as_one_sentence(tmp_path_factory, edits):
    assert survives("sap", tmp_path_factory.mktemp("s"), mutated(SAP, edits))
