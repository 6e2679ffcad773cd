"""What becomes of the rows of foreign tables: kept, refused, or told as no matter of the ledger.

Every function gives back the rows to go on with and tells the draft of the others, so
that no row is dropped by a filter alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from paydelay.sources.draft import LINE, OWNER, Draft


def keep_known(
    draft: Draft,
    rows: pl.DataFrame,
    column: str,
    kept: Sequence[str],
    others: dict[str, str],
    rule: str,
    identifier: str,
) -> pl.DataFrame:
    """Rows of the kept types; those of a known other type are left out, unknown ones refused.

    Parameters
    ----------
    draft : Draft
        Gets the others.
    rows : polars.DataFrame
        With ``LINE``.
    column : str
        Column of the type, compared in capitals.
    kept : sequence of str
        Types to keep.
    others : dict of str to str
        Other types and why they are no matter of the ledger.
    rule : str
        Rule under which an unknown type is refused.
    identifier : str
        Column that names the document.

    Returns
    -------
    polars.DataFrame
    """
    word = pl.col(column).str.to_uppercase()
    marked = rows.with_columns(
        __reason=word.replace_strict(
            {**dict.fromkeys(kept, ""), **others}, default=None, return_dtype=pl.String
        )
    )
    for reason in dict.fromkeys(others.values()):
        draft.leave_out(marked.filter(pl.col("__reason") == reason), reason)
    draft.refuse(marked.filter(pl.col("__reason").is_null()), rule, column, identifier)
    return marked.filter(pl.col("__reason") == "").drop("__reason")


def split_off(draft: Draft, rows: pl.DataFrame, test: pl.Expr, reason: str) -> pl.DataFrame:
    """Rows of which a test does not hold; the others are left out.

    Parameters
    ----------
    draft : Draft
        Gets the others.
    rows : polars.DataFrame
        With ``LINE``.
    test : polars.Expr
        Which rows are no matter of the ledger.
    reason : str
        Why; a key below ``out_of_scope``.

    Returns
    -------
    polars.DataFrame
    """
    marked = test.fill_null(False)
    draft.leave_out(rows.filter(marked), reason)
    return rows.filter(~marked)


def refuse_where(
    draft: Draft, rows: pl.DataFrame, test: pl.Expr, rule: str, column: str, identifier: str
) -> pl.DataFrame:
    """Rows of which a test does not hold; the others are refused.

    Parameters
    ----------
    draft : Draft
        Gets the others.
    rows : polars.DataFrame
        With ``LINE``.
    test : polars.Expr
        Which rows have the flaw.
    rule : str
        Why; a key below ``rule``.
    column : str
        Column in which the flaw is.
    identifier : str
        Column that names the document.

    Returns
    -------
    polars.DataFrame
    """
    flawed = test.fill_null(False)
    draft.refuse(rows.filter(flawed), rule, column, identifier)
    return rows.filter(~flawed)


def let_go(draft: Draft, lines: pl.Series, reason: str) -> None:
    """Leave lines out, and with them what belonged to them alone.

    Parameters
    ----------
    draft : Draft
        With the lines that belong to others.
    lines : polars.Series
        ``LINE`` of lines of which no row is made.
    reason : str
        Why; a key below ``out_of_scope``.
    """
    counted = [*draft.used_besides, *(rows[LINE] for rows in draft.refused)]
    held = pl.concat([pl.Series(LINE, [], dtype=pl.Int64), *counted])
    gone = lines.unique()
    while True:
        orphans = [rows.filter(pl.col(OWNER).is_in(gone.implode()))[LINE] for rows in draft.belonging]
        draft.belonging = [rows.filter(~pl.col(OWNER).is_in(gone.implode())) for rows in draft.belonging]
        owned = pl.concat([held, *(rows[LINE] for rows in draft.belonging)])
        more = pl.concat([gone, *orphans]).unique()
        more = more.filter(~more.is_in(owned.implode()))
        if len(more) == len(gone.filter(~gone.is_in(owned.implode()))):
            break
        gone = more
    draft.gone.append(more)
    draft.leave_out(more.alias(LINE).to_frame(), reason)


def let_go_where(draft: Draft, payments: pl.DataFrame, test: pl.Expr, reason: str) -> pl.DataFrame:
    """Payments of which a test does not hold; a line is out of scope where nothing else is made of it.

    Parameters
    ----------
    draft : Draft
        Gets the lines.
    payments : polars.DataFrame
        All there are.
    test : polars.Expr
        Which of them are no matter of the ledger.
    reason : str
        Why; a key below ``out_of_scope``.

    Returns
    -------
    polars.DataFrame
    """
    kept, left = payments.filter(~test), payments.filter(test)
    if not left.height:
        return payments
    gone = left[LINE].drop_nulls().unique()
    let_go(draft, gone.filter(~gone.is_in(kept[LINE].drop_nulls().implode())), reason)
    return kept
