"""The mapping file: what it may say, and that every slip is told by the name of its key."""

import pytest

from paydelay.errors import ConfigError
from paydelay.sources.mapping import REASONS, Cell, type_of
from paydelay.sources.mapping_file import load_mapping, parse_mapping

INVOICES = """
invoices:
  columns: {invoice_id: No, customer_id: Client, issue_date: Date, amount: Total}
"""


def told(text):
    """The one sentence that a mapping which cannot be used ends in."""
    with pytest.raises(ConfigError) as caught:
        parse_mapping(text, "book.yaml")
    message = str(caught.value)
    assert message.startswith(("In book.yaml ", "book.yaml "))
    assert "\n" not in message
    assert message.endswith((".", "?"))
    assert caught.value.exit_code == 2
    return message


def invoices(**more):
    lines = "".join(f"  {key}: {value}\n" for key, value in more.items())
    return INVOICES + lines


def test_a_name_alone_is_a_column_and_a_cell_may_say_more():
    mapping = parse_mapping(
        """
date_format: [DD/MM/YYYY, YYYY-MM-DD]
decimal: ","
invoices:
  columns:
    invoice_id: No
    customer_id: {column: Client}
    issue_date: {column: Date, format: DD.MM.YYYY, not_after: due_date}
    due_date: {column: Date, plus_days: 30, end_of_month: true}
    amount: {column: Total, decimal: ".", sign: -1}
    currency: {column: Cur, values: {"€": EUR}}
  extras: {channel: {column: Channel, type: text}}
  check: {open_amount: Solde}
  keep:
    - {column: Type, in: [A, B], reason: other_document}
    - {column: Void, absent: true, reason: void}
"""
    )
    table = mapping.tables["invoices"]
    assert mapping.date_format == ("DD/MM/YYYY", "YYYY-MM-DD")
    assert table.columns["invoice_id"] == Cell(column="No")
    assert table.columns["issue_date"].format == ("DD.MM.YYYY",)
    assert (table.columns["due_date"].plus_days, table.columns["due_date"].end_of_month) == (30, True)
    assert (table.columns["amount"].sign, table.columns["amount"].decimal) == (-1, ".")
    assert table.columns["currency"].values == {"€": "EUR"}
    assert [condition.reason for condition in table.keep] == ["other_document", "void"]
    assert table.keep[0].among == ("A", "B")


def test_days_to_add_may_stand_in_a_column():
    text = INVOICES.replace("amount: Total", "amount: Total, due_date: {column: Date, plus_days: Terms}")
    assert parse_mapping(text).invoices.columns["due_date"].plus_days == "Terms"


@pytest.mark.parametrize("word", ["Yes", "No", "on", "NO", "null", "1e3", "2024-01-02", "0x10", "007"])
def test_words_that_yaml_has_a_meaning_for_stay_words(word):
    text = invoices(keep=f"[{{column: Kind, equals: {word}}}]")
    assert parse_mapping(text).invoices.keep[0].equals == word


def test_lines_of_takes_the_place_and_the_conditions_of_the_other_table():
    mapping = parse_mapping(
        invoices(sheet="Factures", skip_lines=2, keep="[{column: Type, equals: F}]")
        + "payments: {lines_of: invoices, keep: [{column: Paid, present: true}],"
        " columns: {invoice_id: No, payment_date: Paid, amount: Total}}"
    )
    payments = mapping.tables["payments"]
    assert payments.place == mapping.invoices.place
    assert (payments.place.sheet, payments.place.skip_lines) == ("Factures", 2)
    assert [condition.column for condition in payments.keep] == ["Type", "Paid"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("invoices: [", "book.yaml is no usable YAML at line 1"),
        ("- a\n- b", "book.yaml should hold keys such as 'invoices:'"),
        ("", "should hold keys such as 'invoices:'"),
        ("payments: {columns: {}}", "the key invoices is missing"),
        (INVOICES + "invoice: {}", "the key invoice is not known; did you mean invoices?"),
        (invoices(colums="{}"), "the key invoices.colums is not known; did you mean columns?"),
        (INVOICES.replace("Total", "{colum: Total}"), "the key invoices.columns.amount.colum is not known"),
        (
            INVOICES.replace("amount: Total", "amonut: Total"),
            "invoices.columns.amonut is no column of the ledger",
        ),
        (INVOICES.replace("amount: Total", "amonut: Total"), "did you mean amount?"),
        (INVOICES.replace(", amount: Total", ""), "invoices.columns lacks amount; name its column"),
        ("invoices:\n  columns:\n    # nothing yet\n", "it should hold keys of its own"),
        (INVOICES.replace("Total", "{decimal: ','}"), "give either the column of the source or a constant"),
        (INVOICES.replace("Total", "{column: T, constant: 1}"), "give either the column"),
        (
            INVOICES.replace("Total", "{column: T, decimal: ';'}"),
            "invoices.columns.amount.decimal is not usable",
        ),
        (INVOICES.replace("Total", "{column: T, sign: 2}"), "the sign should be 1 or -1"),
        (
            INVOICES.replace("Total", "{column: T, format: DD/MM/YYYY}"),
            "amount.format is for a date and this is",
        ),
        (INVOICES.replace("Total", "{column: T, type: text}"), "amount is a number in the ledger"),
        (
            INVOICES.replace("Date", "{column: D, format: DDMMYY}"),
            "the date format should be one of YYYY-MM-DD",
        ),
        (INVOICES.replace("Date", "{column: D, not_after: amount}"), "not_after should name another date"),
        (INVOICES.replace("Date", "{column: D, end_of_month: true}"), "end_of_month goes with plus_days"),
        (invoices(keep="[{column: T}]"), "give one of equals, in, not_in"),
        (invoices(keep="[{column: T, equals: a, in: [b]}]"), "give one of equals, in, not_in"),
        (invoices(keep="[{column: T, present: false}]"), "present is not usable"),
        (invoices(keep="[{column: T, equals: a, reason: because}]"), "reason is not usable: Input should be"),
        (invoices(keep="[{column: T, equal: a}]"), "keep.0.equal is not known; did you mean equals?"),
        (invoices(separator="'&'"), "invoices.separator is not usable"),
        (invoices(skip_lines=-1), "invoices.skip_lines is not usable"),
        (invoices(table="t", query="select 1"), "give a table or a query, not both"),
        (invoices(query="drop table invoices"), "a query should begin with select or with"),
        (invoices(extras="{amount: T}"), "extras names columns of the ledger"),
        (invoices(check="{balance: T}"), "check.balance"),
        (
            INVOICES + "payments: {lines_of: events, columns: {invoice_id: No, payment_date: P, amount: A}}",
            "payments.lines_of should name a table of the mapping",
        ),
        (
            INVOICES + "payments: {lines_of: invoices, file: f, columns: {invoice_id: N, payment_date: P,"
            " amount: A}}",
            "a table with lines_of takes file, sheet and the like from there",
        ),
        (INVOICES + "payments: {columns: {payment_date: P, amount: A}}", "payments.columns lacks invoice_id"),
        (INVOICES + "reporting_currency: euro", "reporting_currency is not usable"),
        ("a: &a [x]\nb: *a", "no usable YAML"),
        (INVOICES + INVOICES, "no usable YAML"),
    ],
)
def test_every_slip_is_told_by_its_key(text, said):
    assert said in told(text)


def test_references_that_stand_for_billions_are_refused_at_once():
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + level)}: &{chr(98 + level)} [{', '.join(['*' + chr(97 + level)] * 9)}]\n"
        for level in range(9)
    )
    assert "no usable YAML" in told(bomb)


def test_nesting_without_end_is_refused():
    assert "no usable YAML" in told("[" * 5000)


def test_a_file_that_is_none_or_too_large_or_no_text_is_refused(tmp_path):
    for name, content in (("large.yaml", b"#" * 1_000_001), ("picture.yaml", b"\x89PNG\xff")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigError, match=name):
            load_mapping(tmp_path / name)
    with pytest.raises(ConfigError, match=r"none\.yaml cannot be read"):
        load_mapping(tmp_path / "none.yaml")


def test_a_byte_order_mark_before_the_mapping_does_not_matter(tmp_path):
    (tmp_path / "book.yaml").write_text(INVOICES, "utf-8-sig")
    assert load_mapping(tmp_path / "book.yaml").invoices.columns["invoice_id"].column == "No"


def test_every_reason_has_its_words_in_both_languages():
    from paydelay.language import phrase

    for reason in REASONS:
        assert phrase(f"out_of_scope.mapped.{reason}", "en") != phrase(f"out_of_scope.mapped.{reason}", "fr")


def test_columns_of_the_ledger_have_their_own_type_and_extras_that_of_the_mapping():
    assert type_of("rate", Cell(column="r")) == "number"
    assert type_of("score", Cell(column="s", type="number")) == "number"
    assert type_of("score", Cell(column="s")) == "text"
