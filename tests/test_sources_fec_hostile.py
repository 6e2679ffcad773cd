"""Files that are damaged or no FEC at all: a ledger with refusals, or one sentence; never more."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl
import pytest
from fec_books import HEADER, PLAIN, Style, jotted, spelled
from hypothesis import given, settings
from hypothesis import strategies as st

from paydelay.errors import PaydelayError
from paydelay.ledger import RULES
from paydelay.sources import ImportedLedger, import_ledger

BOOK = jotted(
    """
    AN 2023-01-01 F0: 411000/C9 +75.40 A, 110000 -75.40
    VE 2023-01-10 F1: 411000/C1 +120 A, 707000 -100, 445710 -20 "Facture échéance 28/02/2023"
    VE 2023-01-12 F2: 411000/Ç2 +60, 707000 -50, 445710 -10 "Facture 30 jours"
    BQ 2023-02-01 R0: 512000 +75.40, 411000/C9 -75.40 A
    BQ 2023-03-01 R1: 512000 +117.60, 665000 +2, 445710 +0.40, 411000/C1 -120 A
    VE 2023-03-05 A1: 411000/Ç2 -12, 709700 +10, 445710 +2
    OD 2023-06-30 F2: 416000/Ç2 +48, 411000/Ç2 -48
    BQ 2023-07-01 AC1: 512000 +30, 4191/C3 -30
    """
)
STYLES = {
    "utf-8": PLAIN,
    "utf-8-sig": Style(encoding="utf-8-sig"),
    "cp1252": Style(encoding="cp1252", separator="|", trailing=1),
    "iso8859-15": Style(encoding="iso8859-15", separator="|", padded=True),
    "utf-16": Style(encoding="utf-16"),
    "Montant and Sens": Style(amounts="D/C", line_end="\n"),
}
VALID = {name: spelled(BOOK, style).encode(style.encoding) for name, style in STYLES.items()}
SOURCE_RULES = {*RULES, "too_few_cells", "quote_not_closed", "amount_finer_than_cents"}


def owed_by_the_bytes(content: bytes, style: Style, refused: set[int]) -> int | None:
    """Cents on customers' lines that are not refused, by plain splitting; None where that may not do."""
    encoding = "utf-16" if style.encoding == "utf-16" else "latin-1"
    try:
        text = content.decode(encoding).removeprefix("\u00ef\u00bb\u00bf")
    except UnicodeDecodeError:
        return None
    rows = [row.removesuffix("\r") for row in text.split("\n")]
    if rows[0] != spelled([], style).split(style.line_end)[0] or any("\r" in row for row in rows):
        return None
    numbered = enumerate(rows[1:], 2)
    parts = [cents_of_row(row, style) for number, row in numbered if number not in refused and row.strip()]
    return None if None in parts else sum(filter(None, parts))


def cents_of_row(row: str, style: Style) -> int | None:
    cells = row.split(style.separator)
    if len(cells) != len(HEADER) + style.trailing or any(cells[len(HEADER) :]):
        return None
    account, first, second = cells[4], cells[11], cells[12]
    # The account of closing balances takes its entry out of the books.
    if account != account.strip() or not account or account.startswith("891"):
        return None
    if not account.startswith(("411", "416", "4191")):
        return 0
    if style.amounts == "columns" and all(re.fullmatch(r"\d+,\d\d", cell) for cell in (first, second)):
        return int(first.replace(",", "")) - int(second.replace(",", ""))
    if style.amounts == "D/C" and re.fullmatch(r"\d+,\d\d", first) and second in ("D", "C"):
        return int(first.replace(",", "")) * (1 if second == "D" else -1)
    return None


def outcome(content: bytes, name: str = "123456789FEC20231231.txt") -> ImportedLedger | PaydelayError:
    """A ledger whose lines are all accounted for, or the one error; anything else is raised."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            ledger = import_ledger("fec", path)
        except PaydelayError as error:
            text = str(error)
            assert "\n" not in text
            assert text.endswith(".")
            assert len(text) < 400
            assert folder not in text
            return error
    (file,) = ledger.report.files
    assert file.read == file.used + file.refused + sum(file.out_of_scope.values())
    refusals = ledger.report.refusals
    assert file.refused == refusals.height
    assert refusals["line"].is_unique().all()
    assert refusals.filter(pl.col("line") < 2).height == 0
    assert ledger.report.reconciled
    json.dumps(ledger.report.to_dict())
    return ledger


def assert_owed(content: bytes, style: Style) -> bool:
    """Whether the bytes could be summed apart from the reader; then its balance is theirs."""
    result = outcome(content)
    if isinstance(result, PaydelayError):
        return False
    cents = owed_by_the_bytes(content, style, set(result.report.refusals["line"]))
    if cents is None:
        return False
    balance = {one.key: one.source_amount for one in result.report.agreements}.get("accounts", 0)
    assert round(balance * 100) == cents
    return True


@pytest.mark.parametrize("name", STYLES)
def test_the_balance_is_that_of_the_bytes(name):
    assert assert_owed(VALID[name], STYLES[name])
    text = VALID[name].decode(STYLES[name].encoding).replace("120,00", "125,00", 1)
    assert assert_owed(text.encode(STYLES[name].encoding), STYLES[name])


@st.composite
def mutations(draw):
    name = draw(st.sampled_from(list(VALID)))
    content = bytearray(VALID[name])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        size = draw(st.sampled_from([1, 1, 2, 7, 60, 400]))
        kind = draw(st.sampled_from(["flip", "delete", "insert", "duplicate", "truncate", "replace"]))
        if kind == "flip" and content:
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "delete":
            del content[at : at + size]
        elif kind == "insert":
            content[at:at] = draw(
                st.one_of(
                    st.binary(min_size=1, max_size=12),
                    st.sampled_from(
                        [b'"', b"\t", b"|", b"\n", b"\r", b"\0", b";;;;", b"\xff\xfe", b"-", b"9" * 30]
                    ),
                )
            )
        elif kind == "duplicate":
            content[at:at] = content[at : at + size]
        elif kind == "truncate":
            del content[at:]
        elif content:
            content[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
    return bytes(content), STYLES[name]


@settings(max_examples=100)
@given(mutated=mutations())
def test_damaged_bytes_end_in_a_ledger_or_one_sentence(mutated):
    assert_owed(*mutated)


@pytest.mark.slow
@settings(max_examples=2000)
@given(mutated=mutations())
def test_damaged_bytes_end_in_a_ledger_or_one_sentence_however_many(mutated):
    assert_owed(*mutated)


@settings(max_examples=100)
@given(content=st.binary(max_size=400))
def test_any_bytes_end_in_one_sentence(content):
    assert isinstance(outcome(content), PaydelayError)


@settings(max_examples=80)
@given(content=st.binary(max_size=200), style=st.sampled_from(list(STYLES)))
def test_any_bytes_after_a_good_beginning(content, style):
    assert isinstance(outcome(VALID[style] + content), ImportedLedger | PaydelayError)


CELLS = st.sampled_from(
    [
        "411",
        "4111",
        "416",
        "4191",
        "411000000000000000000",
        "512",
        "0",
        "120,00",
        "-120,00",
        "20230110",
        "00010101",
        "99991231",
        "20230230",
        "F1",
        "D",
        "C",
        "-",
        "1e30",
        "-1e30",
        "1e-30",
        "NaN",
        "inf",
        "٣",
        "'",
        "=1+1",
        "999999999999999,99",
        "0,004",
        "0,005",
        "",
        " ",
        '"',
        "é" * 50,
        "\u0085",
        "\u2028",
        "\ufeff",
        "\x1a",
        "a\x0bb",
    ]
)


@settings(max_examples=100)
@given(rows=st.lists(st.lists(CELLS, min_size=18, max_size=18), min_size=1, max_size=6))
def test_any_cells_in_the_right_number_are_used_refused_or_out_of_scope(rows):
    text = "\n".join("\t".join(row) for row in [HEADER, *rows]) + "\n"
    ledger = outcome(text.encode())
    if isinstance(ledger, ImportedLedger):
        assert set(ledger.report.refusals["rule"]) <= SOURCE_RULES


# ---- Files that are something else -----------------------------------------------------------------


HEADER_LINE = "\t".join(HEADER)
LINES = spelled(BOOK).split("\r\n")
NO_FEC = {
    "nothing": b"",
    "blanks": b" \r\n\t\r\n",
    "a page": b"<!DOCTYPE html><html><body>Session expir\xe9e</body></html>",
    "a page after blanks": b"\n\n  <html><table><tr><td>JournalCode</td></tr></table>",
    "an archive": b"PK\x03\x04" + b"\0" * 100,
    "a PDF": b"%PDF-1.7\n",
    "JSON": b'{"JournalCode": "VE"}',
    "NULs": HEADER_LINE.encode() + b"\n" + b"\0" * 500,
    "NULs far into the file": (spelled(BOOK) * 300).encode() + b"VE\t\0\0\0\n",
    "half of the columns": "\n".join("\t".join(line.split("\t")[:10]) for line in LINES).encode(),
    "another table": b"invoice_id,customer_id,amount\nF1,C1,12.5\n",
    "300 columns of something": ("\t".join(f"c{place}" for place in range(300)) + "\n").encode(),
    "a line of two million letters": HEADER_LINE.encode() + b"\n" + b"x" * 2_000_000,
    "a header of two million letters": b"JournalCode\t" * 200_000,
    "cut in the middle of a line": spelled(BOOK).encode()[:-60],
    "another separator in its midst": (
        "\r\n".join([*LINES[:3], *(line.replace("\t", "|") for line in LINES[3:])])
    ).encode(),
}


@pytest.mark.parametrize("name", NO_FEC)
def test_what_is_no_fec_ends_in_one_sentence(name):
    assert isinstance(outcome(NO_FEC[name]), PaydelayError)


@pytest.mark.parametrize("name", ["a header alone", "a header and blank lines"])
def test_a_fec_without_lines_says_so(name):
    content = HEADER_LINE + ("\r\n\r\n\r\n" if "blank" in name else "")
    result = outcome(content.encode())
    assert isinstance(result, PaydelayError)
    assert "no line" in str(result)


def test_a_fec_that_moves_no_customer_is_an_empty_ledger_or_one_sentence():
    result = outcome(spelled(jotted("AC 2023-01-10 X: 607 +10, 401/S1 -10")).encode())
    if isinstance(result, ImportedLedger):
        assert result.invoices.height == 0
        assert result.report.files[0].out_of_scope == {"fec.other_account": 2}


def test_columns_beyond_those_of_the_law_are_passed_over():
    wide = [line + "\tx" * 282 for line in LINES if line]
    wide[0] = HEADER_LINE + "".join(f"\tExtra{place}" for place in range(282))
    ledger = outcome("\n".join(wide).encode())
    assert isinstance(ledger, ImportedLedger)
    assert ledger.invoices.height == 2


def test_a_line_with_too_many_cells_costs_that_line():
    broken = [*LINES[:3], LINES[3] + "\tmore\tcells", *LINES[4:]]
    ledger = outcome("\r\n".join(broken).encode())
    assert isinstance(ledger, ImportedLedger)
    assert ledger.report.refusals.select("line", "rule").rows() == [(4, "too_many_cells")]


def test_a_line_with_too_few_cells_costs_that_line():
    broken = [*LINES[:3], "VE\tVentes\t7", *LINES[4:]]
    ledger = outcome("\r\n".join(broken).encode())
    assert isinstance(ledger, ImportedLedger)
    assert ledger.report.refusals.select("line", "rule").rows() == [(4, "too_few_cells")]


def test_quotes_in_a_text_are_letters_like_any_other():
    text = spelled(jotted("VE 2023-01-10 F1: 411/C1 +120, 707 -120\nVE 2023-01-11 F2: 411/C1 +60, 707 -60"))
    ledger = outcome(text.replace("Piece F1", 'Tube 12" "inox').encode())
    assert isinstance(ledger, ImportedLedger)
    assert ledger.invoices.height == 2


def test_no_cell_of_a_customer_stands_in_a_message(tmp_path):
    secret = "Boulangerie Dupont"
    for content in (
        spelled(BOOK).replace("Sté Cœur", secret)[:-60],
        spelled(BOOK).replace("CompteNum", secret),
        secret + "\n" + spelled(BOOK),
        f"{secret}|{secret}\n{secret}|{secret}\n",
    ):
        result = outcome(content.encode())
        if isinstance(result, PaydelayError):
            assert secret not in str(result)


@pytest.mark.parametrize(
    "days", [("00010101", "20230110"), ("99991231", "20230110"), ("20230110", "99991231")]
)
def test_days_at_the_ends_of_time_are_refused_or_passed_over(days):
    text = (
        spelled(BOOK)
        .replace("\t20230110\t411000\t", f"\t{days[0]}\t411000\t")
        .replace("\t20230110\tFacture", f"\t{days[1]}\tFacture")
    )
    result = outcome(text.encode())
    assert isinstance(result, ImportedLedger)
    assert (result.invoices["due_date"].dt.year() < 2101).all()


@pytest.mark.parametrize("amount", ["1e30", "999999999999999999999", "10000000000000,01", "9" * 400])
def test_amounts_beyond_all_books_are_refused(amount):
    result = outcome(spelled(BOOK).replace("120,00\t0,00", f"{amount}\t0,00", 1).encode())
    assert isinstance(result, ImportedLedger)
    assert result.report.refusals["line"].to_list() == [4]


def test_a_folder_and_a_file_that_is_not_there_end_in_one_sentence(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere.txt"):
        with pytest.raises(PaydelayError) as raised:
            import_ledger("fec", path)
        assert str(tmp_path) not in str(raised.value)


# ---- Size ------------------------------------------------------------------------------------------

MEASURE = """
import json, resource, sys, time
from paydelay.sources import import_ledger
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.monotonic()
ledger = import_ledger("fec", sys.argv[1])
print(json.dumps({
    "seconds": time.monotonic() - start,
    "megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) / 1024,
    "read": ledger.report.files[0].read,
    "invoices": ledger.invoices.height,
    "payments": ledger.payments.height,
}))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "lettering", ["a letter each", "one letter for all", "no letters", "one entry number"]
)
def test_memory_and_time_stay_bounded_on_a_large_file(tmp_path, lettering):
    count = 40_000
    rows = [HEADER_LINE]
    for number in range(count):
        customer = "C1" if lettering == "one letter for all" else f"C{number % 500}"
        letter = {"a letter each": f"L{number}", "one letter for all": "A"}.get(lettering, "")
        entry = "0" if lettering == "one entry number" else str(2 * number)
        day = f"2023{number % 12 + 1:02}{number % 28 + 1:02}"
        tail = f"F{number}\t{day}\tFacture\t{{}}\t{letter}\t\t20231231\t\t"
        head = f"VE\tVentes\t{entry}\t{day}"
        rows.append(f"{head}\t411000\tClients\t{customer}\tNom\t" + tail.format("100,00\t0,00"))
        rows.append(f"{head}\t707000\tVentes\t\t\t" + tail.format("0,00\t100,00"))
        head = f"BQ\tBanque\t{entry}\t{day}"
        rows.append(f"{head}\t512000\tBanque\t\t\t" + tail.format("100,00\t0,00"))
        rows.append(f"{head}\t411000\tClients\t{customer}\tNom\t" + tail.format("0,00\t100,00"))
    path = tmp_path / "123456789FEC20231231.txt"
    path.write_text("\r\n".join(rows) + "\r\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, timeout=120, check=True
    )
    measured = json.loads(done.stdout)
    assert measured["read"] == 4 * count
    assert measured["invoices"] == count
    # The file is 13 MB; what is held of it is some columns of it several times over.
    assert measured["megabytes"] < 700
    assert measured["seconds"] < 60
