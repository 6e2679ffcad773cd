"""Under a key no number or name of a customer is left in any file, and the books stay the same."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date
from pathlib import Path

import extracts
import fec_books
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paydelay.errors import LedgerError
from paydelay.sources import import_ledger, pseudonyms
from paydelay.sources.draft import LINE, Draft, line_of
from paydelay.sources.imported import ImportedLedger, to_ledger
from paydelay.sources.options import ImportOptions
from paydelay.sources.pseudonyms import pseudonymise

KEY, OTHER_KEY = "a key of some length", "another one of some length"


def drafted(customers: list[tuple[str, str]], parents: bool = False) -> Draft:
    """A draft with customers in every place there is for them: three invoices each, one refused."""
    draft = Draft("csv")
    draft.add_file("books.csv")
    invoices = [
        (3 * place + number, f"{start}{place}{number}", customer, name, 100.0 if number else -1.0)
        for place, (customer, name) in enumerate(customers, 1)
        for number, start in enumerate(["F", f"{customer}/", f"F-{name}-"])
    ]
    columns = {"n": pl.Int64, "invoice_id": pl.String, "customer_id": pl.String, "remark": pl.String}
    rows = pl.DataFrame(invoices, schema={**columns, "amount": pl.Float64}, orient="row")
    lines = rows.with_columns(line_of(0, "n")).drop("n")
    draft.tables["invoices"] = lines.with_columns(
        issue_date=date(2024, 1, 2), due_date=date(2024, 2, 1), currency=pl.lit("EUR"), entity=pl.lit("Us")
    )
    paid = rows.select("invoice_id", "customer_id", n=pl.col("n") + 1000).with_columns(line_of(0, "n"))
    draft.tables["payments"] = paid.drop("n").with_columns(payment_date=date(2024, 2, 3), amount=40.0)
    draft.tables["customers"] = pl.DataFrame(
        {
            "customer_id": [customer for customer, _ in customers],
            "customer_name": [name for _, name in customers],
            "parent_id": [customers[0][0] if parents else None for _ in customers],
            "country": ["FR" for _ in customers],
        },
        schema_overrides={"parent_id": pl.String},
    ).with_columns(pl.lit(None, dtype=pl.Int64).alias(LINE))
    flawed = pl.DataFrame(
        {"n": [9000 + place for place, _ in enumerate(customers)], "id": [c for c, _ in customers]}
    )
    draft.refuse(flawed.with_columns(line_of(0, "n")), "missing_value", "KUNNR", "id")
    names = pl.DataFrame(
        {"n": [9500 + place for place, _ in enumerate(customers)], "id": [n for _, n in customers]}
    )
    draft.refuse(names.with_columns(line_of(0, "n")), "missing_value", "NAME1", "id")
    draft.assume("collective_account", name=customers[0][1], day=date(2024, 1, 1))
    draft.files[0].read = 2 * rows.height + 2 * len(customers)
    return draft


def imported(customers: list[tuple[str, str]], key: str | None = KEY, **options: bool) -> ImportedLedger:
    ledger = to_ledger(drafted(customers, **options))
    return pseudonymise(ledger, key) if key else ledger


WORD = st.text(st.sampled_from("QXZJKÉß."), min_size=4, max_size=8)
CUSTOMERS = st.lists(st.tuples(WORD, WORD), min_size=1, max_size=4, unique_by=lambda pair: pair[0])


@settings(max_examples=25)
@given(CUSTOMERS, st.sampled_from(["csv", "parquet"]))
def test_no_number_or_name_is_left_in_any_file(
    tmp_path_factory: pytest.TempPathFactory, customers: list[tuple[str, str]], kind: str
) -> None:
    # Letters that no hash and no word of ours has next to each other.
    customers = [(f"?{number}!", f"?{name}!") for number, name in customers]
    folder: Path = tmp_path_factory.mktemp("hidden") / "ledger"
    imported(customers).write(folder, kind)
    texts = []
    for path in folder.iterdir():
        texts.append(path.read_bytes().decode("utf-8", "replace"))
        if kind == "parquet" and path.suffix == ".parquet":
            texts.append(pl.read_parquet(path).write_csv())
    found = [word for pair in customers for word in pair if any(word in text for text in texts)]
    assert found == []
    # The test is able to fail: without a key they are there.
    imported(customers, key=None).write(folder, "csv")
    plain = (folder / "invoices.csv").read_text("utf-8")
    assert all(number in plain or number.replace('"', '""') in plain for number, _ in customers)


CLIENTS = [("C100", "Dupont SA"), ("C200", "Durand"), ("C300", "dupont sa")]


def test_the_books_stay_the_same_but_for_who_it_is() -> None:
    plain, hidden = imported(CLIENTS, key=None, parents=True), imported(CLIENTS, parents=True)
    for name in ("invoices", "payments", "customers"):
        rows, others = plain.tables[name], hidden.tables[name]
        kept = [
            other
            for other in ("issue_date", "due_date", "amount", "country", "entity", "known_on")
            if other in rows
        ]
        assert Counter(rows.select(kept).iter_rows()) == Counter(others.select(kept).iter_rows())
    # Who is one stays one: as many invoices per customer, and payments go to the same ones.
    for ledger in (plain, hidden):
        joined = ledger.payments.join(ledger.invoices, on="invoice_id")
        assert joined.height == 6
        assert (joined["customer_id"] == joined["customer_id_right"]).all()
        assert ledger.invoices["customer_id"].n_unique() == 3
    assert set(hidden.customers["parent_id"]) < set(hidden.customers["customer_id"])
    assert plain.report.files[0].used == hidden.report.files[0].used
    assert plain.report.files[0].refused == hidden.report.files[0].refused


def test_the_same_key_gives_the_same_pseudonyms_and_another_key_others() -> None:
    first, again = imported(CLIENTS), imported([("C999", "New"), *reversed(CLIENTS)])
    ids = set(first.customers["customer_id"])
    assert len(ids) == 3
    assert ids < set(again.customers["customer_id"])
    assert ids.isdisjoint(imported(CLIENTS, OTHER_KEY).customers["customer_id"])
    # Nor are a name and a number that are the same text given away by each other.
    same = imported([("Dupont", "Dupont")]).customers
    assert same["customer_id"][0] != same["customer_name"][0]


HASH = re.compile("[A-Z2-7]{16}")


def numbered(*invoices: tuple[str, str, str], entity: str | None = None) -> list[str]:
    """What invoices are called under the key: number, customer, customer's name."""
    draft = Draft("csv")
    columns = ["invoice_id", "customer_id", "customer_name"]
    draft.tables["invoices"] = pl.DataFrame(invoices, schema=columns, orient="row").with_columns(
        pl.lit(None, dtype=pl.Int64).alias(LINE),
        issue_date=date(2024, 1, 2),
        due_date=date(2024, 2, 1),
        amount=pl.int_range(1, len(invoices) + 1).cast(pl.Float64),
        currency=pl.lit("EUR"),
        entity=pl.lit(entity, dtype=pl.String),
    )
    made = pseudonymise(to_ledger(draft), KEY).invoices.sort("amount")["invoice_id"].to_list()
    return ["hash" if HASH.fullmatch(number) else number for number in made]


@pytest.mark.parametrize(
    ("number", "customer", "name"),
    [
        ("DUPONT2024A", "C1", "Dupont SA"),
        ("F-elec2024", "C1", "Élec du Sud"),
        ("C1042-7", "123456789:C1042", "x"),
        ("C1042A", "C-1042", "x"),
        ("ACME", "ACME", "x"),
        ("X-C.4", "c.4", "x"),
    ],
)
def test_a_number_that_holds_a_word_of_its_customer_is_replaced_as_a_whole(number, customer, name):
    assert numbered((number, customer, name), ("F1", customer, name)) == ["hash", "F1"]


def test_a_number_keeps_what_happens_to_be_another_customer_s_or_the_company_s():
    first, second = ("1000/90/2024", "200", "x"), ("1000/91/2024", "1000", "x")
    assert numbered(first, second) == ["1000/90/2024", "hash"]
    assert numbered(("123456789/F1", "123456789:C1", "x"), entity="123456789") == ["123456789/F1"]


def test_a_short_number_is_not_sought_in_the_numbers_of_invoices() -> None:
    assert numbered(("12-11", "12", "x"), ("F-x-12", "12", "x")) == ["12-11", "F-x-12"]


def test_a_number_is_hashed_as_the_ledger_would_write_it() -> None:
    found = set()
    for numbers in ([" 1001 "], [1001], [1001.0]):
        draft = drafted([("1001", "x")])
        draft.tables["customers"] = draft.tables["customers"].with_columns(customer_id=pl.Series(numbers))
        found |= set(pseudonymise(to_ledger(draft), KEY).customers["customer_id"])
    assert len(found) == 1


def test_it_is_told_as_an_assumption_and_refused_lines_keep_only_known_invoices() -> None:
    report = imported(CLIENTS).report
    assert (report.assumptions[-1].key, report.assumptions[-1].values["n"]) == ("pseudonyms", 3)
    # Of a refused invoice the ledger does not tell whose it is: its number may be a customer's.
    hidden = report.refusals["identifier"]
    assert hidden.str.contains("^[A-Z2-7]{16}$").all()
    assert hidden.n_unique() == 9


def test_a_refused_line_keeps_the_number_of_an_invoice_that_keeps_it() -> None:
    draft = drafted([("12", "x")])
    lines = pl.DataFrame({"n": [9901, 9902], "id": ["12/11", "F-9"]}).with_columns(line_of(0, "n"))
    draft.refuse(lines, "missing_value", "KUNNR", "id")
    draft.files[0].read += 2
    told = dict(pseudonymise(to_ledger(draft), KEY).report.refusals.select("line", "identifier").iter_rows())
    assert told[9901] == "12/11"
    assert HASH.fullmatch(told[9902])


def test_two_customers_under_one_pseudonym_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pseudonyms, "_LETTERS", 1)
    many = [(f"C{number}", f"N{number}") for number in range(100, 140)]
    with pytest.raises(LedgerError, match="the same pseudonym under this key; choose another key") as caught:
        imported(many)
    assert KEY not in str(caught.value)


def test_a_key_is_never_shown() -> None:
    assert KEY not in repr(ImportOptions(pseudonym_key=KEY))


def test_an_identifier_nobody_knows_may_be_a_customer_s_and_is_hashed() -> None:
    draft = drafted(CLIENTS)
    stray = pl.DataFrame({"n": [9900], "id": ["C777 Martin"]}).with_columns(line_of(0, "n"))
    draft.refuse(stray, "missing_value", "KUNNR", "id")
    draft.files[0].read += 1
    told = (
        pseudonymise(to_ledger(draft), KEY)
        .report.refusals.filter(pl.col("line") == 9900)["identifier"]
        .item()
    )
    assert "C777" not in told
    assert len(told) == 16


# ---- Every kind ------------------------------------------------------------------------------

SALES = """
VE 2024-01-05 C1042-7: 411000/C1042 +120 A@20240301, 707000 -120
VE 2024-01-09 DUPONT2024A: 411000/DUPONT +80, 707000 -80
BQ 2024-03-01 R1: 512000 +120, 411000/C1042 -120 A@20240301
"""
MAPPED = """
date_format: DD/MM/YYYY
decimal: ","
invoices:
  columns: {invoice_id: number, customer_id: customer, issue_date: issued, due_date: due, amount: total,
            currency: {constant: EUR}}
  extras: {customer_name: name}
"""


def books_of(kind: str, folder: Path) -> tuple[list[Path], dict[str, object]]:
    """Files of a kind whose customers' numbers also stand in the numbers of their invoices."""
    options: dict[str, object] = {"currency": "EUR"} if kind.startswith("dynamics") else {}
    if kind == "fec":
        first = fec_books.write_books(folder, SALES)
        return first, options
    if kind == "fec of two companies":
        second = fec_books.write_books(folder, SALES, siren="987654321")
        return [*fec_books.write_books(folder, SALES), *second], options
    if kind == "csv":
        (folder / "map.yaml").write_text(MAPPED, "utf-8")
        (folder / "book.csv").write_text(
            "number;customer;name;issued;due;total\n"
            "KLM77-1;KLM77;Nordwind;05/01/2024;04/02/2024;120,00\n"
            "NORDWIND2;KLM77;Nordwind;05/01/2024;04/02/2024;80,00\n"
            "KLM77;;Nordwind;05/01/2024;04/02/2024;80,00\n",
            "utf-8",
        )
        return [folder / "book.csv"], {"mapping": folder / "map.yaml"}
    paths = []
    for name, text in EXTRACTS[kind].items():
        paths.append(folder / f"{name}.csv")
        paths[-1].write_text(text, "utf-8")
    return paths, options


EXTRACTS = {
    "xero": {
        "invoice": extracts.XERO["invoice"].replace("C1", "KLM77").replace("INV-1,", "KLM77-1,"),
        "payment": extracts.XERO_PAYMENT,
        "credit_note": extracts.XERO_CREDIT_NOTE.replace("C1", "KLM77"),
    },
    "odoo": extracts.ODOO,
    "sap": {name: text.replace("0000000100", "0000001000") for name, text in extracts.SAP.items()},
    "quickbooks": extracts.QUICKBOOKS,
    "sage-intacct": extracts.SAGE_INTACCT,
    "netsuite": {**extracts.NETSUITE, "link": extracts.NETSUITE_LINK},
    "dynamics-bc": {
        name: "".join(line for line in text.splitlines(keepends=True) if ",USD," not in line)
        for name, text in extracts.DYNAMICS_BC.items()
    },
    "dynamics-bc detailed": extracts.DYNAMICS_BC_DETAILED,
}


@pytest.mark.parametrize("kind", ["fec", "fec of two companies", "csv", *EXTRACTS])
def test_every_kind_agrees_with_its_books_as_well_under_other_names(kind: str, tmp_path: Path) -> None:
    paths, options = books_of(kind, tmp_path)
    of = kind.split(" ", maxsplit=1)[0]
    plain = import_ledger(of, paths, **options)
    hidden = import_ledger(of, paths, **options, pseudonym_key=KEY)
    assert hidden.report.agreements == plain.report.agreements
    assert hidden.report.reconciled == plain.report.reconciled
    assert [vars(file) for file in hidden.report.files] == [vars(file) for file in plain.report.files]
    same = ["file", "line", "column", "rule"]
    assert hidden.report.refusals.select(same).equals(plain.report.refusals.select(same))
    assert Counter(said.key for said in hidden.report.assumptions) == Counter(
        ["pseudonyms", *(said.key for said in plain.report.assumptions)]
    )
    for name, kept in (("invoices", ["issue_date", "due_date", "amount"]), ("payments", ["amount", "kind"])):
        rows, others = plain.tables[name], hidden.tables[name]
        assert Counter(rows.select(kept).iter_rows()) == Counter(others.select(kept).iter_rows())
    if plain.report.detail is not None and hidden.report.detail is not None:
        amounts = plain.report.detail.drop("customer_id")
        assert Counter(amounts.iter_rows()) == Counter(hidden.report.detail.drop("customer_id").iter_rows())
    _no_word_is_left(plain, hidden, tmp_path)


def _no_word_is_left(plain: ImportedLedger, hidden: ImportedLedger, folder: Path) -> None:
    rows = [plain.invoices, plain.payments, plain.customers]
    words = {
        str(word)
        for table in rows
        for name in table.columns
        if name == "customer_id" or "name" in name
        for word in table[name].drop_nulls().cast(pl.String)
    }
    words |= {word.partition(":")[2] for word in words if ":" in word}
    # The number of SAP's customer is that of a company too, which is told as it is.
    words = {word for word in words if len(word) >= 3} - {"1000"}
    hidden.write(folder / "out", "csv")
    for path in (folder / "out").iterdir():
        text = path.read_text("utf-8")
        if path.name == "import.json":
            text = json.dumps({name: value for name, value in json.loads(text).items() if name != "files"})
        # Within the digits of an amount or a hash it is nobody.
        alone = (
            rf"(?<![A-Z0-9.]){re.escape(word)}" + (r"(?![0-9.])" if word.isdigit() else "") for word in words
        )
        found = [word for word in alone if re.search(word, text)]
        assert found == []


def test_the_hiding_of_every_kind_is_able_to_fail(tmp_path: Path) -> None:
    paths, options = books_of("csv", tmp_path)
    plain = import_ledger("csv", paths, **options)
    with pytest.raises(AssertionError, match="KLM77"):
        _no_word_is_left(plain, plain, tmp_path)
