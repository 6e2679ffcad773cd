"""Cells of a foreign system as keys, flags, days and amounts, in the one way that its file writes them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from paydelay.sources.draft import Draft
from paydelay.sources.values import as_amount, as_date, as_text, given

_AMOUNTS_LOOKED_AT = 20_000
_TRUE = ("true", "t", "yes", "y", "1", "x", "oui", "vrai", "ja", "wahr", "si", "sí", "verdadero")


def typed(
    draft: Draft,
    rows: pl.DataFrame,
    identifier: str,
    *,
    days: Sequence[str] = (),
    amounts: Sequence[str] = (),
    day_formats: str | tuple[str, ...] = "YYYY-MM-DD",
    decimal: str = ".",
) -> pl.DataFrame:
    """Rows with days and amounts in place of their text; those that hold something else are refused.

    Parameters
    ----------
    draft : Draft
        Gets the refused lines.
    rows : polars.DataFrame
        Columns of text, and ``LINE``.
    identifier : str
        Column that names the document.
    days, amounts : sequence of str
        Columns to convert.
    day_formats : str or tuple of str
        How days are written; see :func:`paydelay.sources.values.as_date`.
    decimal : {".", ","}
        The decimal mark.

    Returns
    -------
    polars.DataFrame
        The rows that could be converted.

    Examples
    --------
    >>> from paydelay.sources.draft import LINE
    >>> draft = Draft("demo")
    >>> rows = pl.DataFrame({"id": ["1", "2"], "total": ["5.00", "five"], LINE: [2, 3]})
    >>> typed(draft, rows, "id", amounts=["total"])["total"].to_list()
    [5.0]
    >>> draft.refused[0]["rule"].to_list()
    ['amount_not_understood']
    """
    values = {name: as_date(name, day_formats) for name in days} | {
        name: as_amount(name, decimal) for name in amounts
    }
    flawed = {name: given(name) & value.is_null() for name, value in values.items()}
    checked = rows.with_columns(
        __flaw=pl.coalesce(
            [
                *(pl.when(flaw).then(pl.lit(name)) for name, flaw in flawed.items()),
                pl.lit(None, dtype=pl.String),
            ]
        )
    )
    for name in flawed:
        rule = "date_not_understood" if name in days else "amount_not_understood"
        draft.refuse(checked.filter(pl.col("__flaw") == name), rule, name, identifier)
    sound = checked.filter(pl.col("__flaw").is_null()).drop("__flaw")
    return sound.with_columns(value.alias(name) for name, value in values.items())


def day_formats_of(draft: Draft, rows: pl.DataFrame, columns: Sequence[str], formats: Sequence[str]) -> str:
    """The one way in which a file writes its days: that which reads most of them.

    Tried cell by cell, 03/04/2024 and 23/04/2024 of one column would be read in two
    ways. Where two ways read all, the first is taken and told.

    Parameters
    ----------
    draft : Draft
        Gets the assumption.
    rows : polars.DataFrame
        Columns of text.
    columns : sequence of str
        Those that hold days.
    formats : sequence of str
        Keys of ``DATE_FORMATS``, the likeliest first.

    Returns
    -------
    str

    Examples
    --------
    >>> rows = pl.DataFrame({"due": ["03/04/2024", "04/23/2024"]})
    >>> day_formats_of(Draft("demo"), rows, ["due"], ["DD/MM/YYYY", "MM/DD/YYYY"])
    'MM/DD/YYYY'
    """
    counts = {
        form: sum(int(rows.select(as_date(name, form).is_not_null().sum()).item()) for name in columns)
        for form in formats
    }
    best = max(formats, key=lambda form: (counts[form], -formats.index(form)))
    rivals = [form for form in formats if counts[form] == counts[best] and form != best]
    if rivals and counts[best]:
        draft.assume("erp.day_before_month", n=counts[best], format=best, other=rivals[0])
    return best


def decimal_mark_of(rows: pl.DataFrame, columns: Sequence[str]) -> str:
    """The decimal mark of a file: that which reads most amounts, fewest of them with three decimals.

    Parameters
    ----------
    rows : polars.DataFrame
        Columns of text.
    columns : sequence of str
        Those that hold amounts.

    Returns
    -------
    str

    Examples
    --------
    >>> decimal_mark_of(pl.DataFrame({"a": ["1.250", "99,5"]}), ["a"])
    ','
    >>> decimal_mark_of(pl.DataFrame({"a": ["1.250"]}), ["a"])
    ','
    """
    # Whole numbers tell nothing, and some thousands of the others tell enough.
    marked = {
        name: rows.select(name).filter(pl.col(name).str.contains(r"[.,]")).head(_AMOUNTS_LOOKED_AT)
        for name in columns
    }

    def fit(mark: str) -> tuple[int, int]:
        read = odd = 0
        for name in columns:
            value = as_amount(name, mark)
            three = value.is_not_null() & as_text(name).str.contains(rf"\d\{mark}\d{{3}}\D*$")
            counted = marked[name].select(value.is_not_null().sum().alias("read"), three.sum().alias("odd"))
            read, odd = read + counted.item(0, 0), odd + counted.item(0, 1)
        return read, -odd

    return max((".", ","), key=fit)


def as_key(column: str | pl.Expr) -> pl.Expr:
    """An identifier as text; 4783.0, as a column with gaps is exported, is 4783.

    Parameters
    ----------
    column : str or polars.Expr
        A column of text.

    Returns
    -------
    polars.Expr

    Examples
    --------
    >>> pl.DataFrame({"id": ["4783.0", " A-1 "]}).select(as_key("id"))["id"].to_list()
    ['4783', 'A-1']
    """
    return as_text(column).str.replace(r"^(\d+)\.0+$", "$1")


def is_true(column: str) -> pl.Expr:
    """Whether a cell says yes, in the ways systems write it; an empty one does not.

    Parameters
    ----------
    column : str
        A column of text.

    Returns
    -------
    polars.Expr
        Of type Boolean.

    Examples
    --------
    >>> pl.DataFrame({"open": ["TRUE", "F", None]}).select(is_true("open"))["open"].to_list()
    [True, False, False]
    """
    return as_text(column).str.to_lowercase().is_in(_TRUE).fill_null(False)
