"""What becomes of rows: each one that is not kept is told to the draft."""

import polars as pl

from paydelay.sources.draft import LINE, Draft
from paydelay.sources.scope import keep_known, let_go, let_go_where, refuse_where, split_off

ROWS = pl.DataFrame({"id": ["A", "B", "C"], "amount": [5.0, 0.0, None], LINE: [2, 3, 4]})


def demo():
    draft = Draft("demo")
    draft.add_file("books.csv")
    return draft


def test_a_row_of_which_a_test_says_nothing_is_kept():
    draft = demo()
    assert split_off(draft, ROWS, pl.col("amount") == 0, "erp.zero_amount")["id"].to_list() == ["A", "C"]
    assert draft.files[0].out_of_scope == {"erp.zero_amount": 1}
    kept = refuse_where(draft, ROWS, pl.col("amount") > 1, "amount_too_large", "amount", "id")
    assert kept["id"].to_list() == ["B", "C"]
    assert pl.concat(draft.refused).rows() == [(2, "amount", "amount_too_large", "A")]


def test_a_type_is_kept_left_out_or_refused_whatever_its_case():
    draft = demo()
    rows = ROWS.with_columns(type=pl.Series(["inv", "BILL", "what"]))
    kept = keep_known(draft, rows, "type", ("INV",), {"BILL": "erp.payable"}, "type_unknown", "id")
    assert kept["id"].to_list() == ["A"]
    assert draft.files[0].out_of_scope == {"erp.payable": 1}
    assert pl.concat(draft.refused).rows() == [(4, "type", "type_unknown", "C")]


def test_a_line_that_makes_another_payment_too_is_not_let_go():
    draft = demo()
    payments = pl.DataFrame({"amount": [1.0, 2.0, 3.0], LINE: [2, 2, 3]})
    kept = let_go_where(draft, payments, pl.col("amount") > 1, "erp.document_not_in_books")
    assert kept.rows() == [(1.0, 2)]
    assert draft.files[0].out_of_scope == {"erp.document_not_in_books": 1}


def test_lines_go_with_the_line_they_belong_to_alone():
    draft = demo()
    lines = pl.DataFrame({LINE: [3, 4, 5, 4], "owner": [2, 3, 2, 9]})
    draft.belong(lines, "owner")
    draft.used_besides.append(pl.Series(LINE, [5]))
    # 3 belongs to 2 alone; 4 to 3, but to 9 too; 5 is used besides.
    let_go(draft, pl.Series(LINE, [2]), "erp.void")
    assert draft.files[0].out_of_scope == {"erp.void": 2}
    assert pl.concat(draft.belonging)[LINE].to_list() == [4]
