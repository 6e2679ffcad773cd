"""Amounts of a FEC as whole cents, in the one decimal mark of each file."""

from __future__ import annotations

import polars as pl

from paydelay.sources.text import DelimitedText
from paydelay.sources.values import as_amount

_AMOUNTS_LOOKED_AT = 20_000
_NOUGHT = r"^[+-]?0*[.,]0*$"
_NOISE_CENTS_MAX = 1e-6
"""What sums of a package that counts in binary fractions may leave behind a cent."""
_ROUNDING_MAX = 4e-16
"""Share of an amount that its own storing as a number, and a hundred times it, may be off."""


def decimal_mark_of(text: DelimitedText, columns: list[str]) -> str:
    r"""The decimal mark of a file: that which reads most of its amounts.

    Tried cell by cell, 12.5 and 12.500 of one column would be read in two ways. Noughts
    decide only between marks that read as many other amounts; then that counts which
    leaves fewer amounts with three decimals, and at last the comma of the law.

    Parameters
    ----------
    text : DelimitedText
        The file.
    columns : list of str
        Those that hold amounts.

    Returns
    -------
    {",", "."}

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from paydelay.sources.text import open_text
    >>> path = Path(tempfile.mkdtemp()) / "amounts.txt"
    >>> _ = path.write_text("Debit|Credit\n12.500|0.00\n")
    >>> decimal_mark_of(open_text(path), ["Debit", "Credit"])
    '.'
    """
    counts: dict[str, tuple[int, ...]] = dict.fromkeys((",", "."), (0, 0, 0))
    looked_at = 0
    for batch in text.batches(columns):
        # Whole numbers tell nothing, and some thousands of the others tell enough.
        cells = pl.concat([batch[name].str.strip_chars().alias("cell") for name in columns]).to_frame()
        cells = cells.filter(pl.col("cell").str.contains("[.,]")).head(_AMOUNTS_LOOKED_AT - looked_at)
        nought = pl.col("cell").str.contains(_NOUGHT)
        for mark, before in counts.items():
            read = as_amount("cell", mark).is_not_null()
            three = pl.col("cell").str.contains(rf"\{mark}\d{{3}}\D*$")
            found = cells.select(
                (read & ~nought).sum(),
                (pl.col("cell").str.contains(mark, literal=True) & nought).sum().alias("noughts"),
                -(read & ~nought & three).sum().cast(pl.Int64).alias("three"),
            ).row(0)
            counts[mark] = tuple(map(sum, zip(before, found, strict=True)))
        looked_at += cells.height
        if looked_at >= _AMOUNTS_LOOKED_AT:
            break
    return max(counts, key=lambda mark: counts[mark])


def cents_of(name: str, mark: str) -> pl.Expr:
    """Whole cents, of which sums are exact; an empty cell is nothing, and so is a nought with any mark.

    Parameters
    ----------
    name : str
        A column of text.
    mark : {",", "."}
        The decimal mark of its file.

    Returns
    -------
    polars.Expr
        Of type Int64, rounded where there are parts of a cent, null where the text is no amount.

    Examples
    --------
    >>> amounts = pl.DataFrame({"a": ["12,50", "0.00", None, "12.5"]})
    >>> amounts.select(cents_of("a", ","))["a"].to_list()
    [1250, 0, 0, None]
    """
    cents = (as_amount(name, mark) * 100).round().cast(pl.Int64, strict=False)
    nothing = pl.col(name).is_null() | pl.col(name).str.contains(_NOUGHT)
    return pl.when(nothing).then(0).otherwise(cents).alias(name)


def finer_than_cents(name: str, mark: str) -> pl.Expr:
    """Whether an amount has parts of a cent.

    Parameters
    ----------
    name : str
        A column of text.
    mark : {",", "."}
        The decimal mark of its file.

    Returns
    -------
    polars.Expr
        Of type Boolean, false where the text is no amount.

    Examples
    --------
    >>> amounts = pl.DataFrame({"a": ["12,500", "12,345", "99999999999,99", "12,5000000000001"]})
    >>> amounts.select(finer_than_cents("a", ","))["a"].to_list()
    [False, True, False, False]
    """
    hundredfold = as_amount(name, mark) * 100
    off = (hundredfold - hundredfold.round()).abs()
    allowed = pl.max_horizontal(hundredfold.abs() * _ROUNDING_MAX, pl.lit(_NOISE_CENTS_MAX))
    return (off > allowed).fill_null(False)
