"""Samples of real warehouses, where they are at hand: each line is told, and balances agree."""

import os
from pathlib import Path

import pytest

from paydelay.sources import import_ledger

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("PAYDELAY_DATA", ROOT.parent / "shared" / "data"))
HEADERS = DATA / "erp_headers"

pytestmark = pytest.mark.skipif(not HEADERS.is_dir(), reason="the samples are not at hand (PAYDELAY_DATA)")


def account(kind, *files, **options):
    ledger = import_ledger(kind, files, **options)
    told = {
        file.label: (file.read, file.used, file.refused, dict(file.out_of_scope))
        for file in ledger.report.files
    }
    return ledger, told


def test_xero_reconciles_to_the_cent_in_both_currencies_of_its_receivables():
    ledger, told = account("xero", DATA / "xero" / "xero_invoice.csv")
    assert told == {"xero_invoice.csv": (601, 116, 0, {"erp.payable": 484, "erp.void": 1})}
    assert ledger.reporting_currency == "CAD"
    assert ledger.report.reconciled
    sums = {(found.key, found.currency): found.source_amount for found in ledger.report.agreements}
    assert sums["erp.documents", "USD"] == 308484.09
    assert sums["erp.open_balance", "GBP"] == 12735.0


def test_sap_refuses_the_made_up_rows_and_leaves_out_general_ledger_lines():
    files = [HEADERS / f"sap_{name}.csv" for name in ("bsad", "bkpf", "bseg", "kna1")]
    ledger, told = account("sap", *files)
    assert told == {
        "sap_bsad.csv": (2, 0, 2, {}),
        "sap_bkpf.csv": (3, 0, 0, {"erp.not_receivable": 3}),
        "sap_bseg.csv": (3, 0, 0, {"erp.not_receivable": 3}),
        "sap_kna1.csv": (3, 3, 0, {}),
    }
    assert ledger.invoices.height == 0


def test_quickbooks_tells_that_the_payments_of_its_invoice_are_elsewhere():
    files = [HEADERS / f"quickbooks_{name}.csv" for name in ("invoice", "payment", "payment_line")]
    ledger, told = account("quickbooks", *files)
    assert told == {
        "quickbooks_invoice.csv": (12, 1, 0, {"erp.deleted": 11}),
        "quickbooks_payment.csv": (11, 0, 0, {"erp.document_not_in_books": 11}),
        "quickbooks_payment_line.csv": (11, 0, 0, {"erp.document_not_in_books": 11}),
    }
    assert ledger.report.agreements[1].difference == 509564.0
    assert not ledger.report.reconciled


def test_samples_without_a_receivable_end_as_an_empty_ledger():
    _, told = account("sage-intacct", HEADERS / "sage_intacct_ar_invoice.csv")
    assert told == {"sage_intacct_ar_invoice.csv": (10, 0, 0, {"erp.deleted": 10})}
    _, told = account("netsuite", HEADERS / "netsuite2_transaction.csv")
    assert told == {"netsuite2_transaction.csv": (3, 0, 0, {"erp.payable": 3})}


def test_the_column_names_of_odoo_and_dynamics_are_known(tmp_path):
    section, files = "", []
    for line in (HEADERS / "odoo_headers.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif section and line.startswith("id,") and section not in [path.stem for path in files]:
            files.append(tmp_path / f"{section}.csv")
            files[-1].write_text(line + "\n", "utf-8")
    assert len(files) == 7
    assert import_ledger("odoo", files).invoices.height == 0
    text = (HEADERS / "xero_and_dynamics_headers.txt").read_text("utf-8")
    names = next(line for line in text.splitlines() if "Document_Type" in line).rpartition(": ")[2]
    entries = tmp_path / "entries.csv"
    entries.write_text(names + "\n", "utf-8")
    assert import_ledger("dynamics-bc", entries).invoices.height == 0
    for place, line in enumerate(text.splitlines()):
        if line.startswith("*"):
            template = tmp_path / f"template{place}.csv"
            template.write_text(line + "\n", "utf-8")
            assert import_ledger("xero", template).invoices.height == 0
