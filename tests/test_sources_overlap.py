"""Extracts that overlap: whatever table stands there twice, the ledger is the same."""

import pytest
from extracts import (
    DYNAMICS_BC_DETAILED,
    NETSUITE,
    NETSUITE_ACCOUNTING,
    NETSUITE_LINK,
    ODOO,
    ODOO_ACCOUNT,
    ODOO_PAYMENT,
    QUICKBOOKS,
    QUICKBOOKS_CREDIT_MEMO,
    QUICKBOOKS_TERM,
    SAGE_INTACCT,
    SAP,
    XERO,
    XERO_CREDIT_NOTE,
    XERO_PAYMENT,
    adds_up,
    cells_told,
    imported,
    left_out,
    refused,
)

SYSTEMS = {
    "xero": {**XERO, "payment": XERO_PAYMENT, "credit_note": XERO_CREDIT_NOTE},
    "odoo": {**ODOO, "account": ODOO_ACCOUNT, "payment": ODOO_PAYMENT},
    "sap": SAP,
    "quickbooks": {**QUICKBOOKS, "term": QUICKBOOKS_TERM, "credit_memo": QUICKBOOKS_CREDIT_MEMO},
    "sage-intacct": SAGE_INTACCT,
    "netsuite": {**NETSUITE, "link": NETSUITE_LINK, "accounting": NETSUITE_ACCOUNTING},
    "dynamics-bc": DYNAMICS_BC_DETAILED,
}
OPTIONS = {"dynamics-bc": {"currency": "EUR"}}
TABLES = [(kind, name) for kind, texts in SYSTEMS.items() for name in texts]
SETTLEMENTS = [
    ("xero", "payment", "p1,i1,2024-02-14,1200,", "p1,i1,2024-02-14,1201,"),
    ("quickbooks", "payment_line", "1,11,60,", "1,11,61,"),
    ("odoo", "account_partial_reconcile", "2024-02-10,30.00,30.00,", "2024-02-10,31.00,31.00,"),
    ("netsuite", "link", "CustPymt,Payment,60.00", "CustPymt,Payment,61.00"),
    ("dynamics-bc", "detailed", "PAY-1;-60,00;", "PAY-1;-61,00;"),
]


@pytest.mark.parametrize("apart", [True, False], ids=["two files", "one file"])
@pytest.mark.parametrize(("kind", "name"), TABLES)
def test_a_table_that_stands_twice_changes_no_sum_and_no_number(tmp_path, kind, name, apart):
    texts, options = SYSTEMS[kind], OPTIONS.get(kind, {})
    text = texts[name]
    rows = text[text.index("\n") + 1 :]
    more = {**texts, "again": text} if apart else {**texts, name: text + rows}
    once, twice = imported(kind, tmp_path, texts, **options), imported(kind, tmp_path, more, **options)
    assert twice.equals(once)
    assert refused(twice) == refused(once)
    assert twice.report.agreements == once.report.agreements
    assert left_out(twice)["erp.repeated_row"] > left_out(once).get("erp.repeated_row", 0)
    assert adds_up(twice)


@pytest.mark.parametrize(("kind", "name", "cells", "others"), SETTLEMENTS)
def test_settlements_that_contradict_each_other_are_refused(tmp_path, kind, name, cells, others):
    texts, options = SYSTEMS[kind], OPTIONS.get(kind, {})
    head, *lines = texts[name].splitlines()
    line = next(line for line in lines if cells in line)
    later = f"{head}\n{line.replace(cells, others)}\n"
    ledger = imported(kind, tmp_path, {**texts, "later": later}, **options)
    assert [rule for _, _, rule, _ in refused(ledger)].count("key_repeated") == 2
    assert not ledger.report.reconciled
    assert adds_up(ledger)


def test_a_sentence_that_tells_a_cell_is_found_out():
    data = [text.encode() for text in SAP.values()]
    assert cells_told("The item 0090000001 of Alder is wrong.", data) == {"0090000001", "Alder"}
    assert cells_told("2 items of 2024-01-05 have no currency; name it with --currency.", data) == set()
