"""What holds of any FEC, however senseless its entries and letters."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from fec_books import (
    Line,
    Style,
    assert_accounted,
    balances,
    is_bill,
    is_customers,
    ledger_moves,
    month_end,
    write_books,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from paydelay.sources import ImportedLedger, import_ledger

DAYS_OF_LETTERING = date(2091, 1, 1)
"""No entry is of these years: a payment dated in them would be dated by its lettering."""

letters = st.sampled_from(["", "", "A", "A", "B", "C", "a"])
letter_days = st.sampled_from(["", "20910101", "20910615"])
customers = st.sampled_from(["C1", "C2", "C3"])
documents = st.sampled_from(["", "F1", "F2", "F3", "R1"])
amounts = st.sampled_from([100, 100, 1, 2_50, 120_00, 120_00, 117_60, 2_40, 50_00, 999_999_99])
accounts = st.sampled_from(["411000", "411000", "411000", "411700", "413000", "413000", "416000", "4191"])
beside = st.sampled_from(
    [
        "512000",
        "512000",
        "530000",
        "707000",
        "707000",
        "445710",
        "665000",
        "654000",
        "401000",
        "413000",
        "471000",
    ]
)
journals = st.sampled_from(["VE", "BQ", "BQ", "OD", "CA"])
labels = st.sampled_from(["Facture", "Règlement", "ECH 31/03/2022", "30 jours fin de mois"])


@st.composite
def entries(draw, year: int, number: int) -> list[Line]:
    """Some lines of customers and what balances them, which may be forgotten."""
    day = date(year, 1, 1) + timedelta(draw(st.integers(0, 364)))
    journal, document, label = draw(journals), draw(documents), draw(labels)

    def line(account: str, customer: str, cents: int, letter: str = "") -> Line:
        letter_day = draw(letter_days) if letter else ""
        return Line(
            journal, str(number), day, account, customer, document, day, label, cents, letter, letter_day
        )

    ours = []
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 2, 3]))):
        cents = draw(amounts) * draw(st.sampled_from([1, -1]))
        account = draw(accounts)
        alone = draw(st.integers(0, 5)) == 0
        if alone:
            ours.append(line(account + draw(customers), "", cents, draw(letters)))
        else:
            ours.append(line(account, draw(customers), cents, draw(letters)))
    rest = -sum(row.cents for row in ours)
    others = []
    while rest and draw(st.integers(0, 4)) and len(others) < 3:
        part = rest if draw(st.booleans()) else draw(amounts) * (1 if rest > 0 else -1)
        others.append(line(draw(beside), "", part))
        rest -= part
    if rest and draw(st.integers(0, 9)):
        others.append(line(draw(beside), "", rest))
    return draw(st.permutations([*ours, *others]))


@st.composite
def opening(draw, year: int) -> list[Line]:
    """An opening balance that may have nothing to do with the year before."""
    day = date(year, 1, 1)
    lines = [
        Line(
            "AN",
            "0",
            day,
            draw(accounts),
            draw(customers),
            draw(documents),
            day,
            "A nouveau",
            draw(amounts) * draw(st.sampled_from([1, 1, 1, -1])),
            draw(letters),
            "",
        )
        for _ in range(draw(st.integers(0, 4)))
    ]
    total = sum(line.cents for line in lines)
    return [*lines, Line("AN", "0", day, "110000", "", "", day, "A nouveau", -total)] if total else lines


@st.composite
def books(draw, years: int | None = None) -> list[list[Line]]:
    count = years or draw(st.integers(1, 3))
    files = []
    for year in range(2021, 2021 + count):
        size = draw(st.integers(0, 8))
        numbered = [row for number in range(1, size + 1) for row in draw(entries(year, number))]
        # What marks the first and the last day of the year touches no customer.
        ends = [
            Line("OD", str(900 + place), day, account, "", "", day, "Dotation", cents)
            for place, day in enumerate((date(year, 1, 1), date(year, 12, 31)))
            for account, cents in (("681000", 100), ("281000", -100))
        ]
        opened = draw(opening(year))
        # An export of January may hold the opening alone.
        alone = opened and draw(st.integers(0, 4)) == 0
        files.append(opened if alone else [*opened, ends[0], ends[1], *numbered, *ends[2:]])
    return files


def read(files: list[list[Line]], style: Style = Style(), **options) -> ImportedLedger:  # noqa: B008
    with tempfile.TemporaryDirectory() as folder:
        ledger = import_ledger("fec", write_books(Path(folder), *files, style=style), **options)
    assert_accounted(ledger)
    return ledger


def owner_of(line: Line, lines: list[Line]) -> str:
    """The debtor: an auxiliary, else the account; a doubtful one is its ordinary account's."""
    if line.customer:
        return line.customer
    if line.account.startswith("411"):
        return line.account
    suffix = line.account.removeprefix("4191").removeprefix("416").removeprefix("413")
    twin = f"411{suffix}"
    return (
        twin if any(row.account == twin and not row.customer and row.cents for row in lines) else line.account
    )


def customers_lines(files: list[list[Line]]) -> list[Line]:
    return [line for lines in files for line in lines if is_customers(line)]


def bills_by_owner(files: list[list[Line]]) -> tuple[list[Line], list[Line]]:
    """Lines of bills that name their customer, by auxiliary or account; then those that name nobody."""
    every = customers_lines(files)
    bills = [line for lines in files for line in lines if is_bill(line)]
    bare = {line.account for line in every if not line.customer} - {
        line.account for line in every if line.customer
    }
    own = [
        line
        for line in bills
        if line.customer or ("411" + line.account[3:] in bare and line.account[3:].strip("0"))
    ]
    return own, [line for line in bills if line not in own]


def tables_of(ledger: ImportedLedger) -> dict[str, pl.DataFrame]:
    return {
        "invoices": ledger.invoices.sort(pl.all()),
        "payments": ledger.payments.sort(pl.all()),
        "customers": ledger.customers.sort(pl.all()),
    }


def assert_same(one: ImportedLedger, other: ImportedLedger) -> None:
    for name, rows in tables_of(one).items():
        assert rows.equals(tables_of(other)[name]), name
    assert one.report.detail.equals(other.report.detail)


@settings(max_examples=60)
@given(files=books(), fifo=st.booleans())
def test_the_ledger_owes_at_every_month_end_what_that_year_s_accounts_say(files, fifo):
    ledger = read(files, match_unlettered="fifo" if fifo else None)
    debts = customers_lines(files)
    bills, collective = bills_by_owner(files)
    every = [*debts, *bills]
    accounts, opened = _accounts(files, debts, every)
    held, opened_bills = _accounts(files, bills, every)
    for key, cents in opened_bills.items():
        opened[key] = opened.get(key, 0) + cents
    ours = balances(ledger_moves(ledger), {end for _, end in {*accounts, *held}})
    invoiced, on_bills = (_measured(ledger, name) for name in ("invoiced_advances", "bills_held"))
    for owner, end in {*accounts, *held, *ours}:
        settled = opened.get((owner, end), 0) + ours.get((owner, end), 0) - accounts.get((owner, end), 0)
        # An advance that was invoiced is owed in full: what it credits to 4191 pays nothing.
        advanced = _last_told(invoiced[owner], end)
        assert 0 <= advanced <= _may_be_invoiced(every, owner, end)
        # A debt that stands on a bill is still owed. Of bills on an account for all customers,
        # those alone may be a customer's that an entry drew on it.
        standing = _last_told(on_bills[owner], end)
        assert 0 <= standing - held.get((owner, end), 0) <= _may_be_drawn(every, collective, owner, end)
        settled -= advanced + standing
        # What is paid of debts from before the books is all that may stand between, and only as
        # much as they are; a debt that a later opening brings to light was owed before it, too.
        # Money that went back later came a second time meanwhile.
        assert 0 <= settled <= _all_opened(opened, owner) + _goes_back(files, every, owner, end)
    _assert_detail(ledger, accounts, opened, lambda *at: _goes_back(files, every, *at))
    agreed = {agreement.key: agreement.difference for agreement in ledger.report.agreements}
    assert (agreed.get("fec.openings", 0) == 0) == _opens_as_it_closed(files, every)


def _measured(ledger, name):
    """By customer: month ends, and what a measure of the reconciliation is then."""
    told = defaultdict(list)
    for owner, end, amount in ledger.report.detail.select("customer_id", "month_end", name).iter_rows():
        told[owner].append((end, round(amount * 100)))
    return told


def _last_told(told, end):
    return max((row for row in told if row[0] <= end), default=(end, 0))[1]


def _may_be_drawn(every, collective, owner, end):
    """Debits of bills without a name until a day, in entries that credit the customer."""
    credited = {
        (line.day.year, line.number)
        for line in every
        if line.cents < 0 and not is_bill(line) and owner_of(line, every) == owner
    }
    return sum(
        line.cents
        for line in collective
        if line.cents > 0 and line.day <= end and (line.day.year, line.number) in credited
    )


def _may_be_invoiced(every, owner, end):
    """Credits on 4191 in entries that debit a customer, whose invoice they may be."""
    debited = {(line.day.year, line.number) for line in every if line.journal != "AN" and line.cents > 0}
    return sum(
        -line.cents
        for line in every
        if line.account.startswith("4191")
        and line.cents < 0
        and line.journal != "AN"
        and line.day <= end
        and (line.day.year, line.number) in debited
        and owner_of(line, every) == owner
    )


def _goes_back(files, every, owner, end):
    """Debits of a customer after a day, in entries that credit money: payments that may have bounced."""
    lines = [line for lines in files for line in lines]
    paid_out = {
        (line.day.year, line.number)
        for line in lines
        if line.account.startswith(("5", "413")) and line.cents < 0
    }
    return sum(
        line.cents
        for line in every
        if line.cents > 0
        and line.day > end
        and (line.day.year, line.number) in paid_out
        and owner_of(line, every) == owner
    )


def _accounts(files, chosen, every):
    """What each year's file alone says stands on some accounts, and the debt from before that is in it."""
    accounts, opened = {}, {}
    standing, before = defaultdict(int), defaultdict(int)
    for place, lines in enumerate(files):
        ours = [line for line in lines if line in chosen]
        opens = [line for line in ours if line.journal == "AN"]
        if not place or any(line.journal == "AN" for line in lines if line in every):
            # A year's own opening balance counts, whatever the year before closed with.
            carried = defaultdict(int)
            for line in opens:
                carried[owner_of(line, every)] += line.cents
                if not place and line.cents > 0:
                    before[owner_of(line, every)] += line.cents
            for owner in {*carried, *standing} if place else ():
                before[owner] += max(carried[owner] - standing[owner], 0)
            standing = carried
        for month in range(1, 13):
            end = month_end(date(2021 + place, month, 1))
            for line in ours:
                if line.journal != "AN" and (line.day.year, line.day.month) == (end.year, end.month):
                    standing[owner_of(line, every)] += line.cents
            for owner in {*standing, *before}:
                accounts[owner, end] = standing[owner]
                opened[owner, end] = before[owner]
    return accounts, opened


def _opens_as_it_closed(files, every):
    closing = defaultdict(int)
    for place, lines in enumerate(files):
        carried = defaultdict(int)
        opens = False
        for line in lines:
            if line in every and line.journal == "AN":
                opens = True
                carried[owner_of(line, every)] += line.cents
        if place and opens and any(carried[owner] != closing[owner] for owner in {*carried, *closing}):
            return False
        if opens:
            closing = carried
        for line in lines:
            if line in every and line.journal != "AN":
                closing[owner_of(line, every)] += line.cents
    return True


def _assert_detail(ledger, accounts, opened, goes_back):
    detail = ledger.report.detail
    assert (detail["difference"] == 0).all()
    for row in detail.iter_rows(named=True):
        key = row["customer_id"], row["month_end"]
        assert round(row["accounts"] * 100) == accounts.get(key, 0)
        assert round(row["opening"] * 100) == opened.get(key, 0)
        paid = round(row["payments_on_opening"] * 100)
        assert 0 <= paid <= _all_opened(opened, row["customer_id"]) + goes_back(*key)


def _all_opened(opened, owner):
    return max((cents for (name, _), cents in opened.items() if name == owner), default=0)


@settings(max_examples=30)
@given(files=books())
def test_no_payment_is_dated_by_its_lettering_and_none_is_of_a_day_without_entry(files):
    ledger = read(files)
    days = {line.day for lines in files for line in lines if is_customers(line) or is_bill(line)}
    assert set(ledger.payments["payment_date"]) <= days
    assert ledger.payments.filter(pl.col("payment_date") >= DAYS_OF_LETTERING).height == 0
    assert set(ledger.invoices["issue_date"]) <= days
    assert (ledger.invoices["due_date"] >= ledger.invoices["issue_date"]).all()


@settings(max_examples=30)
@given(files=books())
def test_each_debit_is_one_invoice_at_most_and_each_payment_names_one_of_its_customer(files):
    ledger = read(files)
    bills, collective = bills_by_owner(files)
    every = [*customers_lines(files), *bills]
    debits = [line for line in every if line.cents > 0 and line.journal != "AN"]
    drawn = [line.cents for line in collective if line.cents > 0]
    for owner, rows in ledger.invoices.group_by("customer_id"):
        theirs = [line.cents for line in debits if owner_of(line, every) == owner[0]] + drawn
        assert rows.height <= len(theirs)
        assert round(rows["amount"].sum() * 100) <= sum(theirs)
    assert ledger.invoices["invoice_id"].is_unique().all()
    named = ledger.payments.drop_nulls("invoice_id").join(
        ledger.invoices.select("invoice_id", owner="customer_id"), on="invoice_id", how="left"
    )
    assert named.select((pl.col("owner") == pl.col("customer_id")).fill_null(False).all()).item()


@settings(max_examples=20)
@given(files=books(years=3), order=st.permutations(range(3)))
def test_the_order_of_the_files_changes_nothing(files, order):
    with tempfile.TemporaryDirectory() as folder:
        paths = write_books(Path(folder), *files)
        one, other = (import_ledger("fec", [paths[at] for at in places]) for places in (range(3), order))
    assert_same(one, other)


styles = st.builds(
    Style,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "iso8859-15", "utf-16"]),
    separator=st.sampled_from(["\t", "|"]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    trailing=st.integers(0, 2),
    cash_basis=st.booleans(),
    amounts=st.sampled_from(["columns", "D/C", "+1/-1"]),
    padded=st.booleans(),
    decimal=st.sampled_from([",", "."]),
    days=st.sampled_from(["%Y%m%d", "%d/%m/%Y"]),
    final_line_end=st.booleans(),
)


@settings(max_examples=20)
@given(files=books(), style=styles)
def test_the_same_books_in_another_spelling_give_the_same_ledger(files, style):
    assert_same(read(files), read(files, style))
