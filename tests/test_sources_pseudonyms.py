"""Under a key no number or name of a customer is left in any file, and the books stay the same."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paydelay.errors import LedgerError
from paydelay.sources import pseudonyms
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
    draft = drafted(customers, **options)
    if key:
        pseudonymise(draft, key)
    return to_ledger(draft)


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


def test_an_invoice_keeps_its_number_but_for_the_customer_in_it() -> None:
    numbers = imported(CLIENTS).invoices["invoice_id"].sort().to_list()
    hidden = dict(
        zip(*imported(CLIENTS).customers.select("customer_id", "customer_name").get_columns(), strict=True)
    )
    expected = [f"{number}/{place}1" for place, number in zip((1, 2, 3), _in_order(CLIENTS), strict=True)]
    expected += [
        f"F-{hidden[number]}-{place}2" for place, number in zip((1, 2, 3), _in_order(CLIENTS), strict=True)
    ]
    assert numbers == sorted(expected)


def _in_order(customers: list[tuple[str, str]]) -> list[str]:
    hashes = pseudonyms._Pseudonyms(KEY, "customer")
    return [hashes.of(number) for number, _ in customers]


def test_a_short_number_is_not_sought_in_the_numbers_of_invoices() -> None:
    numbers = imported([("12", "x")]).invoices["invoice_id"].to_list()
    assert sorted(numbers) == ["12/11", "F-x-12"]


def test_a_number_is_hashed_as_the_ledger_would_write_it() -> None:
    frames = [
        pl.DataFrame({"customer_id": [" 1001 "]}),
        pl.DataFrame({"customer_id": [1001]}),
        pl.DataFrame({"customer_id": [1001.0]}),
    ]
    found = set()
    for frame in frames:
        draft = Draft("csv")
        draft.tables["customers"] = frame
        pseudonymise(draft, KEY)
        found |= set(draft.tables["customers"]["customer_id"])
    assert len(found) == 1


def test_it_is_told_as_an_assumption_and_refused_lines_keep_only_known_invoices() -> None:
    report = imported(CLIENTS).report
    assert (report.assumptions[-1].key, report.assumptions[-1].values["n"]) == ("pseudonyms", 3)
    kept = report.refusals.filter(pl.col("rule") == "amount_not_positive")["identifier"].to_list()
    assert kept == ["F10", "F20", "F30"]
    hidden = report.refusals.filter(pl.col("rule") == "missing_value")["identifier"]
    assert hidden.str.contains("^[A-Z2-7]{16}$").all()
    assert hidden.n_unique() == 6


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
    pseudonymise(draft, KEY)
    told = to_ledger(draft).report.refusals.filter(pl.col("line") == 9900)["identifier"].item()
    assert "C777" not in told
    assert len(told) == 16
