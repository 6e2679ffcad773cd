"""Texts that a spreadsheet would not take for what they are."""

from __future__ import annotations

import polars as pl

# A spreadsheet takes a text that begins so for a formula, and runs it when the file is opened.
_FORMULA_START = r"^([=+\-@\t\r\n＝＋－＠])"


def no_formula(text: pl.Expr) -> pl.Expr:
    """Texts with an apostrophe before what a spreadsheet would run as a formula.

    Parameters
    ----------
    text : polars.Expr
        Text.

    Returns
    -------
    polars.Expr

    Examples
    --------
    >>> pl.DataFrame({"a": ["=1+1", "F1", None]}).select(no_formula(pl.col("a")))["a"].to_list()
    ["'=1+1", 'F1', None]
    """
    return text.str.replace(_FORMULA_START, "'${1}")
