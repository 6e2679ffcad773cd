"""Simulated books written as a FEC and read back; the written text is checked by itself first."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from fec_books import CASH_BASIS, HEADER, assert_accounted, month_end

from paydelay.ledger import Ledger
from paydelay.simulate import SimulationSettings, simulate
from paydelay.sources import import_ledger
from paydelay.sources.fec import FecLayout, write_fec

SEEDS = [pytest.param(seed, marks=pytest.mark.slow if seed > 1 else ()) for seed in range(20)]
ENCODINGS = ["utf-8", "utf-8-sig", "cp1252", "iso8859-15", "utf-16"]
LAYOUTS = {
    "pipes": FecLayout(separator="|"),
    "plain line ends": FecLayout(line_end="\n"),
    "a closing separator": FecLayout(trailing_separator=True),
    "22 columns": FecLayout(column_count=22),
    "22 columns, closing pipe, cp1252": FecLayout(
        column_count=22, separator="|", trailing_separator=True, encoding="cp1252"
    ),
    "Montant and Sens": FecLayout(amounts="montant_sens"),
    "filled up": FecLayout(padded=True, separator="|", line_end="\n", trailing_separator=True),
    "Montant and +1 or -1": FecLayout(amounts="montant_sign"),
    "decimal points": FecLayout(decimal="."),
    "capitals": FecLayout(header="capitals"),
    "small letters": FecLayout(header="small"),
    "blanks around names": FecLayout(header="blanks"),
    "accents": FecLayout(header="accents", encoding="cp1252"),
    "names in words": FecLayout(header="words", encoding="utf-8-sig"),
    "names in words, 22 columns": FecLayout(header="words", column_count=22, amounts="montant_sens"),
    "neither advances nor bills": FecLayout(advances=False, bills=False),
    "all at once": FecLayout(
        encoding="iso8859-15",
        separator="|",
        line_end="\n",
        trailing_separator=True,
        column_count=22,
        amounts="montant_sens",
        padded=True,
        header="accents",
    ),
}
NAMES = {
    "law": {},
    "capitals": {name: name.upper() for name in [*HEADER, *CASH_BASIS, "Montant", "Sens"]},
    "small": {name: name.lower() for name in [*HEADER, *CASH_BASIS, "Montant", "Sens"]},
    "blanks": {name: f" {name} " for name in [*HEADER, *CASH_BASIS, "Montant", "Sens"]},
    "accents": {
        "EcritureNum": "ÉcritureNum",
        "EcritureDate": "ÉcritureDate",
        "PieceRef": "PièceRef",
        "PieceDate": "PièceDate",
        "EcritureLib": "ÉcritureLib",
        "Debit": "Débit",
        "Credit": "Crédit",
        "EcritureLet": "ÉcritureLet",
        "Montantdevise": "MontantDevise",
        "Idevise": "IDevise",
    },
    "words": {
        "JournalCode": "Code Journal",
        "JournalLib": "Libellé Journal",
        "EcritureNum": "N° Écriture",
        "EcritureDate": "Date Écriture",
        "CompteNum": "N° Compte",
        "CompteLib": "Libellé Compte",
        "CompAuxNum": "Compte Aux Num",
        "CompAuxLib": "Compte Aux Lib",
        "PieceRef": "Réf. Pièce",
        "PieceDate": "Date Pièce",
        "EcritureLib": "Libellé Écriture",
        "Debit": "Montant Débit",
        "Credit": "Montant Crédit",
        "EcritureLet": "Lettrage",
        "DateLet": "Date Lettrage",
        "ValidDate": "Date Validation",
        "Montantdevise": "Montant Devise",
        "Idevise": "Id Devise",
    },
}
"""How the columns are called besides what the law calls them."""


@cache
def simulated(seed: int) -> Ledger:
    """A small book over the turn of a year with all that goes wrong in books, and often."""
    book = simulate(
        SimulationSettings(
            customer_count=12,
            month_count=14,
            seed=seed,
            invoices_per_customer_month=2,
            deduction_share=0.05,
            on_account_share=0.05,
            double_payment_share=0.04,
            residual_share=0.03,
            cancelled_share=0.05,
            insolvency_yearly_share=0.2,
            daily_truth=False,
        )
    )
    return Ledger.from_frames(book.invoices, _prepaid(book.invoices, book.payments))


def _prepaid(invoices: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    """Payments of which some came before their invoices, over the turn of the year too."""
    rows = payments.with_row_index("row").join(
        invoices.select("invoice_id", "issue_date"), on="invoice_id", how="left", maintain_order="left"
    )
    alone = (pl.len().over("invoice_id") == 1) & (pl.col("kind") == "payment") & (pl.col("amount") > 0)
    alone &= pl.col("issue_date").is_between(date(2023, 1, 15), date(2024, 3, 1))
    january = pl.col("issue_date").is_between(date(2024, 1, 1), date(2024, 1, 10))
    early = alone & ((pl.col("row") % 9 == 0) | january)
    day = pl.when(early).then(pl.col("issue_date").dt.offset_by("-11d")).otherwise("payment_date")
    recorded = pl.when(early).then(None).otherwise("recorded_on")
    moved = rows.with_columns(payment_date=day, recorded_on=recorded)
    return moved.select(payments.columns).with_columns(
        pl.col("recorded_on").fill_null(pl.col("payment_date"))
    )


def invoices_of(ledger: Ledger) -> dict[str, tuple[str, date, date, int]]:
    rows = ledger.invoices.select("invoice_id", "customer_id", "issue_date", "due_date", "amount").iter_rows()
    return {
        name: (customer, issued, due, round(amount * 100)) for name, customer, issued, due, amount in rows
    }


def payments_of(ledger: Ledger) -> Counter[tuple[str, str | None, date, str, int]]:
    rows = ledger.payments.select("customer_id", "invoice_id", "payment_date", "kind", "amount").iter_rows()
    return Counter((*row[:4], round(row[4] * 100)) for row in rows)


def open_of(ledger: Ledger) -> dict[str, int]:
    cents = {name: row[3] for name, row in invoices_of(ledger).items()}
    for (_, name, _, kind, amount), count in payments_of(ledger).items():
        if name is not None and kind != "write_off":
            cents[name] -= amount * count
    return cents


def balance_of(ledger: Ledger) -> Counter[str]:
    cents: Counter[str] = Counter()
    for customer, _, _, amount in invoices_of(ledger).values():
        cents[customer] += amount
    for (customer, _, _, _, amount), count in payments_of(ledger).items():
        cents[customer] -= amount * count
    return cents


def assert_same_books(ledger: Ledger, other: Ledger, prefix: str = "") -> None:
    assert {name: (prefix + row[0], *row[1:]) for name, row in invoices_of(ledger).items()} == invoices_of(
        other
    )
    expected = Counter({(prefix + row[0], *row[1:]): count for row, count in payments_of(ledger).items()})
    assert payments_of(other) == expected
    assert open_of(other) == open_of(ledger)


def raw_lines(path: Path, layout: FecLayout) -> list[dict[str, str]]:
    """The lines of a written file, split by nothing but Python's own text functions."""
    text = path.read_bytes().decode(layout.encoding)
    assert text.endswith(layout.line_end)
    rows = text.removesuffix(layout.line_end).split(layout.line_end)
    end = layout.separator if layout.trailing_separator else ""
    cells = [row.removesuffix(end).split(layout.separator) for row in rows]
    expected = list(HEADER)
    if layout.amounts != "debit_credit":
        expected[11:13] = ["Montant", "Sens"]
    expected += CASH_BASIS if layout.column_count == 22 else []
    assert cells[0] == [NAMES[layout.header].get(name, name) for name in expected]
    assert {len(row) for row in cells} == {layout.column_count}
    return [dict(zip(expected, (cell.strip() for cell in row), strict=True)) for row in cells[1:]]


def cents_of(line: dict[str, str]) -> int:
    def cents(name: str) -> int:
        return int(line[name].replace(",", "").replace(".", ""))

    if "Montant" in line:
        return cents("Montant") * {"D": 1, "+1": 1, "C": -1, "-1": -1}[line["Sens"]]
    return cents("Debit") - cents("Credit")


def moves_of(lines: list[dict[str, str]]) -> dict[str, list[tuple[str, int, bool]]]:
    """By entry: account, cents and whether there is a letter."""
    entries: dict[str, list[tuple[str, int, bool]]] = defaultdict(list)
    for line in lines:
        account = next(
            (start for start in ("4191", "411", "413", "416") if line["CompteNum"].startswith(start)),
            line["CompteNum"][:3],
        )
        entries[line["EcritureNum"]].append((account, cents_of(line), bool(line["EcritureLet"])))
    return entries


HARD_CASES = {
    "an advance received": ("512 +", "4191 -"),
    "an advance taken up": ("411 - lettered", "4191 + lettered"),
    "money on account that is found to be an invoice's": ("411 - lettered", "4191 + bare"),
    "a bill accepted": ("411 - lettered", "413 +"),
    "a bill cashed": ("413 - lettered", "512 +"),
    "a debt that becomes doubtful": ("411 -", "416 +"),
    "a doubtful debt that is lost": ("416 -", "654 +"),
    "a credit note": ("411 -", "709 +"),
    "a payment": ("411 - lettered", "512 +"),
    "a payment that comes back": ("411 +", "512 -"),
}


def hard_cases_of(lines: list[dict[str, str]]) -> set[str]:
    """Which of the cases the entries of a file show."""
    found = set()
    for moves in moves_of(lines).values():
        signed = [(f"{account} {'+' if cents > 0 else '-'}", letter) for account, cents, letter in moves]
        marked = {f"{move} {'lettered' if letter else 'bare'}" for move, letter in signed}
        for name, case in HARD_CASES.items():
            plain = sorted(" ".join(move.split()[:2]) for move in case)
            marks = {move for move in case if len(move.split()) > 2}
            if sorted(move for move, _ in signed) == plain and marks <= marked:
                found.add(name)
    return found


# ---- The text ----------------------------------------------------------------------------------------


def test_a_book_worked_by_hand_is_written_as_an_accountant_would(tmp_path):
    invoices = pl.DataFrame(
        {
            "invoice_id": ["F1", "F2"],
            "customer_id": ["C1", "C1"],
            "issue_date": ["2023-12-01", "2023-12-15"],
            "due_date": ["2023-12-31", "2024-01-14"],
            "amount": [120.0, 60.5],
            "currency": ["EUR", "EUR"],
            "vat_amount": [20.0, None],
        }
    )
    payments = pl.DataFrame(
        {"invoice_id": ["F1", "F2"], "payment_date": ["2023-12-28", "2024-02-01"], "amount": [120.0, 60.5]}
    )
    first, later = write_fec(Ledger.from_frames(invoices, payments), tmp_path)
    shown = ["JournalCode", "EcritureDate", "CompteNum", "CompAuxNum", "PieceRef", "Debit", "Credit"]

    def told(path):
        return [tuple(line[name] for name in shown) for line in raw_lines(path, FecLayout())]

    assert told(first) == [
        ("VE", "20231201", "411000", "C1", "F1", "120,00", "0,00"),
        ("VE", "20231201", "445710", "", "F1", "0,00", "20,00"),
        ("VE", "20231201", "707000", "", "F1", "0,00", "100,00"),
        ("VE", "20231215", "411000", "C1", "F2", "60,50", "0,00"),
        ("VE", "20231215", "707000", "", "F2", "0,00", "60,50"),
        ("BQ", "20231228", "411000", "C1", "F1", "0,00", "120,00"),
        ("BQ", "20231228", "512000", "", "F1", "120,00", "0,00"),
    ]
    assert told(later) == [
        ("AN", "20240101", "411000", "C1", "F2", "60,50", "0,00"),
        ("AN", "20240101", "110000", "", "F2", "0,00", "60,50"),
        ("BQ", "20240201", "411000", "C1", "F2", "0,00", "60,50"),
        ("BQ", "20240201", "512000", "", "F2", "60,50", "0,00"),
    ]
    letters = [
        (line["EcritureLet"], line["DateLet"])
        for path in (first, later)
        for line in raw_lines(path, FecLayout())
        if line["CompAuxNum"]
    ]
    assert letters == [
        ("AA", "20231231"),
        ("", ""),
        ("AA", "20231231"),
        ("AA", "20241231"),
        ("AA", "20241231"),
    ]
    texts = [line["EcritureLib"] for line in raw_lines(first, FecLayout()) if line["CompAuxNum"]]
    assert texts == ["Facture F1 ECH 31/12/2023", "Facture F2 ECH 14/01/2024", "Règlement"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_is_written_is_a_sound_fec(tmp_path, name):
    layout = LAYOUTS[name]
    carried: dict[tuple[str, str], int] = {}
    paths = write_fec(simulated(0), tmp_path, layout)
    assert [path.name for path in paths] == ["123456782FEC20231231.txt", "123456782FEC20241231.txt"]
    for path in paths:
        year = path.name[12:16]
        entries: dict[tuple[str, str], int] = defaultdict(int)
        standing: dict[tuple[str, str], int] = defaultdict(int)
        opened: dict[tuple[str, str], int] = defaultdict(int)
        letters: dict[tuple[str, str, str], int] = defaultdict(int)
        for line in raw_lines(path, layout):
            cents = cents_of(line)
            assert cents
            assert line["EcritureDate"].startswith(year)
            assert bool(line["EcritureLet"]) == bool(line["DateLet"])
            entries[line["JournalCode"], line["EcritureNum"]] += cents
            if line["CompteNum"].startswith(("411", "413", "416", "4191")):
                key = line["CompteNum"], line["CompAuxNum"]
                standing[key] += cents
                letters[(*key, line["EcritureLet"])] += cents
                if line["JournalCode"] == "AN":
                    opened[key] += cents
        assert not any(entries.values())
        assert len({number for _, number in entries}) == len(entries)
        assert {key: cents for key, cents in opened.items() if cents} == carried
        carried = {key: cents for key, cents in standing.items() if cents}
        for (*_, letter), cents in letters.items():
            assert not letter or (cents == 0) == letter.isupper()


WITHOUT_BILLS_AT_THE_YEAR_END = {3}


def written(seed: int, folder: Path, layout: FecLayout) -> list[list[dict[str, str]]]:
    return [raw_lines(path, layout) for path in write_fec(simulated(seed), folder, layout)]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_hard_case_is_in_the_files_that_are_read_back(tmp_path, seed):
    first, later = written(seed, tmp_path, FecLayout())
    assert hard_cases_of(first) | hard_cases_of(later) == set(HARD_CASES)
    # Advances stand over the turn of the year, and bills do in most books.
    opened = {line["CompteNum"] for line in later if line["JournalCode"] == "AN" and line["CompAuxNum"]}
    assert {"411000", "419100"} <= opened
    assert "413000" in opened or seed in WITHOUT_BILLS_AT_THE_YEAR_END
    # Letters begin again each year and with each customer; some groups do not balance.
    letters = [{(line["CompAuxNum"], line["EcritureLet"]) for line in lines} for lines in (first, later)]
    assert "AA" in {letter for _, letter in letters[0] & letters[1]}
    assert len({customer for customer, letter in letters[0] if letter == "AA"}) > 1
    assert any(letter.islower() for _, letter in letters[0] | letters[1])
    assert any(line["PieceRef"].startswith("VIR ") for line in [*first, *later])


def test_a_bill_is_accepted_after_its_invoice_and_cashed_when_the_ledger_says_so(tmp_path):
    lines = [line for year in written(0, tmp_path, FecLayout()) for line in year]
    ledger = simulated(0)
    issued = {name: row[1] for name, row in invoices_of(ledger).items()}
    paid = defaultdict(set)
    for _, name, day, kind, _ in payments_of(ledger):
        paid[name].add(day if kind == "payment" else None)
    bills = [line for line in lines if line["CompteNum"] == "413000" and line["JournalCode"] != "AN"]
    for line in bills:
        day, name = date.fromisoformat(line["EcritureDate"]), line["PieceRef"]
        if name in issued and cents_of(line) > 0:
            assert issued[name] <= day
            assert not paid[name] or day <= max(paid[name])
        elif name in issued:
            assert day in paid[name]
    accepted, cashed = ({line["PieceRef"] for line in bills if side * cents_of(line) > 0} for side in (1, -1))
    # Some are held at the end, and one was dishonoured after it was cashed.
    assert cashed < accepted
    assert cashed & {
        line["PieceRef"] for line in lines if line["CompteNum"] == "512000" and cents_of(line) < 0
    }


def test_without_advances_and_bills_all_money_goes_through_the_bank(tmp_path):
    years = written(0, tmp_path, FecLayout(advances=False, bills=False))
    assert not {line["CompteNum"] for lines in years for line in lines} & {"413000", "419100"}


@pytest.mark.parametrize(
    ("encoding", "start"),
    [("utf-8", b"Jou"), ("utf-8-sig", b"\xef\xbb\xbfJou"), ("cp1252", b"Jou"), ("utf-16", b"\xff\xfeJ\x00")],
)
def test_a_file_is_in_the_encoding_that_was_asked_for(tmp_path, encoding, start):
    path = write_fec(simulated(0), tmp_path, FecLayout(encoding=encoding))[0]
    assert path.read_bytes().startswith(start)
    assert "Société Cœur & Fils" in path.read_bytes().decode(encoding)


# ---- There and back -----------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("seed", SEEDS)
def test_books_come_back_to_the_cent_in_every_encoding(tmp_path, seed, encoding):
    ledger = simulated(seed)
    back = import_ledger("fec", write_fec(ledger, tmp_path, FecLayout(encoding=encoding)))
    assert_accounted(back)
    assert_same_books(ledger, back)
    names = dict(back.customers.select("customer_id", "customer_name").iter_rows())
    assert names == {customer: f"Société Cœur & Fils {customer}" for customer in names}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("seed", SEEDS)
def test_books_come_back_to_the_cent_in_every_layout(tmp_path, seed, name):
    back = import_ledger("fec", write_fec(simulated(seed), tmp_path, LAYOUTS[name]))
    assert_accounted(back)
    assert_same_books(simulated(seed), back)


@pytest.mark.parametrize("seed", SEEDS)
def test_customers_with_an_account_each_come_back_under_its_number(tmp_path, seed):
    back = import_ledger("fec", write_fec(simulated(seed), tmp_path, FecLayout(accounts="individual")))
    assert_accounted(back)
    assert_same_books(simulated(seed), back, prefix="411")


@pytest.mark.parametrize("seed", SEEDS)
def test_without_due_dates_only_those_are_lost(tmp_path, seed):
    ledger = simulated(seed)
    back = import_ledger("fec", write_fec(ledger, tmp_path, FecLayout(due_dates=False)), terms_days=17)
    assert payments_of(back) == payments_of(ledger)
    assert (back.invoices["due_date"] - back.invoices["issue_date"]).dt.total_days().unique().to_list() == [
        17
    ]
    assert set(back.invoices["invoice_id"]) == set(ledger.invoices["invoice_id"])


@pytest.mark.parametrize("seed", SEEDS)
def test_sums_carried_over_keep_all_that_can_be_known(tmp_path, seed):
    ledger = simulated(seed)
    back = import_ledger("fec", write_fec(ledger, tmp_path, FecLayout(opening="summed")))
    assert_accounted(back)
    assert invoices_of(back) == invoices_of(ledger)
    assert balance_of(back) == balance_of(ledger)

    # Of an advance that is carried over in a sum nobody can tell what it is for.
    issued = {name: row[1] for name, row in invoices_of(ledger).items()}

    def first_year(books):
        rows: Counter[tuple[str, str | None, date, str, int]] = Counter()
        for (customer, name, day, kind, cents), count in payments_of(books).items():
            if day.year == 2023:
                later = name is not None and issued[name].year > 2023
                rows[customer, None if later else name, day, kind, cents] += count
        return rows

    def by_day(books):
        cents: Counter[tuple[str, date]] = Counter()
        for (customer, _, day, _, amount), count in payments_of(books).items():
            cents[customer, day] += amount * count
        return cents

    assert first_year(back) == first_year(ledger)
    assert by_day(back) == by_day(ledger)


def credit_from_before(ledger: Ledger, lines: list[dict[str, str]]) -> Counter[str]:
    """By customer: credit lines of the opening, and what came beyond what was open of older invoices."""
    credit: Counter[str] = Counter()
    for line in lines:
        if line["JournalCode"] == "AN" and line["CompAuxNum"]:
            credit[line["CompAuxNum"]] += max(-cents_of(line), 0)
    older = {name: row for name, row in invoices_of(ledger).items() if row[1].year < 2024}
    left = {name: row[3] for name, row in older.items()}
    paid: Counter[str] = Counter()
    for (_, name, day, _, amount), count in payments_of(ledger).items():
        if name in older and day.year < 2024:
            left[name] -= amount * count
        elif name in older:
            paid[name] += max(amount, 0) * count
    for name, cents in paid.items():
        credit[older[name][0]] += max(cents - max(left[name], 0), 0)
    return credit


@pytest.mark.parametrize("seed", SEEDS)
def test_the_later_year_alone_tells_of_its_own_invoices_and_nothing_else(tmp_path, seed):
    ledger = simulated(seed)
    path = write_fec(ledger, tmp_path)[-1]
    back = import_ledger("fec", path)
    assert_accounted(back)
    own = {name: row for name, row in invoices_of(ledger).items() if row[1].year == 2024}
    assert invoices_of(back) == own
    # An advance from the year before stands in the opening balance, and has its day.
    first = date(2024, 1, 1)
    named = Counter(
        (row[0], row[1], max(row[2], first), *row[3:])
        for row in payments_of(ledger).elements()
        if row[1] in own
    )
    assert Counter({row: n for row, n in payments_of(back).items() if row[1] is not None}) == named
    # Money on account is the year's own, what was to customers' credit when it began, and what
    # they paid beyond what was open of an older invoice.
    mine = Counter(
        {row: n for row, n in payments_of(ledger).items() if row[1] is None and row[2].year == 2024}
    )
    assert not mine - payments_of(back)
    allowed = credit_from_before(ledger, raw_lines(path, FecLayout()))
    beside: Counter[str] = Counter()
    for (customer, name, _, _, amount), count in (payments_of(back) - mine).items():
        if name is None and amount > 0:
            beside[customer] += amount * count
    assert all(cents <= allowed[customer] for customer, cents in beside.items())


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_an_import_written_to_disk_and_to_a_fec_again_is_a_fixed_point(tmp_path, seed):
    once = import_ledger("fec", write_fec(simulated(seed), tmp_path / "once"))
    twice = import_ledger("fec", write_fec(once, tmp_path / "twice"))
    assert_same_books(once, twice)


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_balances_at_each_month_end_are_those_of_the_simulated_book(tmp_path, seed):
    ledger = simulated(seed)
    back = import_ledger("fec", write_fec(ledger, tmp_path))
    moves = [(row[0], row[1], row[3]) for row in invoices_of(ledger).values()]
    moves += [(row[0], row[2], -row[4] * count) for row, count in payments_of(ledger).items()]
    # What stands on bills is still owed.
    owed = back.report.detail.select("customer_id", "month_end", pl.col("accounts") + pl.col("bills_held"))
    for customer, end, accounts in owed.iter_rows():
        assert end == month_end(end)
        expected = sum(cents for owner, day, cents in moves if owner == customer and day <= end)
        assert round(accounts * 100) == expected
