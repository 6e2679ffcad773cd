"""Tables of a foreign system: told apart by their columns, read as text, and typed.

Files come in any order and under any name; what a file holds is known by its
header, whatever its case, its blanks and its marks (``Customer_No_`` is
``Customer No.``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from paydelay.errors import LedgerError
from paydelay.sources.draft import LINE, Draft, file_of
from paydelay.sources.opening import OpenTable, open_table, read_rows
from paydelay.sources.values import as_amount, as_date, as_text, given

_AMOUNTS_LOOKED_AT = 20_000
_DELETED = "_fivetran_deleted"
_TRUE = ("true", "t", "yes", "y", "1", "x", "oui", "vrai", "ja", "wahr", "si", "sí", "verdadero")


@dataclass(frozen=True)
class Layout:
    """Columns of one table of a foreign system.

    Parameters
    ----------
    table : str
        What the system calls it.
    columns : tuple of str
        Those that are read, as the system names them.
    required : tuple of str
        Those without which a file is not this table.
    spellings : mapping of str to tuple of str
        Other headers a column goes by.
    either : tuple of tuple of str
        Of each of these groups a file must have at least one column.
    key : tuple of str
        Columns that name one row; none where an adapter has to settle them first.
    identifier : str or None
        Column that names the document in messages; the last of the key if None.
    """

    table: str
    columns: tuple[str, ...]
    required: tuple[str, ...]
    spellings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    either: tuple[tuple[str, ...], ...] = ()
    key: tuple[str, ...] = ()
    identifier: str | None = None

    def places(self, header: Sequence[str]) -> dict[str, str]:
        """Header of each column that a file has.

        Parameters
        ----------
        header : sequence of str
            Names in the file.

        Returns
        -------
        dict of str to str
            By the system's name of the column.

        Examples
        --------
        >>> layout = Layout("entries", ("customer_no", "amount"), ("amount",))
        >>> layout.places(["Customer No.", "AMOUNT"])
        {'customer_no': 'Customer No.', 'amount': 'AMOUNT'}
        """
        found: dict[str, str] = {}
        for name in header:
            found.setdefault(_letters(name), name)
        places = {}
        for column in self.columns:
            for spelling in (column, *self.spellings.get(column, ())):
                if _letters(spelling) in found:
                    places[column] = found[_letters(spelling)]
                    break
        return places

    def lacking(self, places: Mapping[str, str]) -> list[str]:
        """Columns without which a file is not this table.

        Parameters
        ----------
        places : mapping of str to str
            As :meth:`places` gives them.

        Returns
        -------
        list of str
        """
        missing = [column for column in self.required if column not in places]
        return missing + [" or ".join(group) for group in self.either if not places.keys() & set(group)]


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())


def read_tables(
    draft: Draft, files: Sequence[Path], layouts: Sequence[Layout], system: str
) -> dict[str, pl.DataFrame]:
    r"""Rows of all files, by the table they belong to.

    Parameters
    ----------
    draft : Draft
        Gets the files and the lines that cannot be read.
    files : sequence of Path
        In any order; several of one table are joined.
    layouts : sequence of Layout
        The tables of the system; of those that a file fits, the one with most of its
        columns there.
    system : str
        What messages call the system.

    Returns
    -------
    dict of str to polars.DataFrame
        The tables there are: their columns as text, null where empty or absent, and
        ``LINE``; each key once, see :func:`unique_by`.

    Raises
    ------
    LedgerError
        If a file fits no table.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "export.csv"
    >>> _ = path.write_text("ID;Total\n7;12.50\n")
    >>> layout = Layout("invoice", ("id", "total", "status"), ("id", "total"))
    >>> read_tables(Draft("demo"), [path], [layout], "Demo")["invoice"].drop(LINE).rows()
    [('7', '12.50', None)]
    """
    frames: dict[str, list[pl.DataFrame]] = {}
    # All headers first: a wrong file is told before minutes are spent on a large one.
    opened = [(table, *_recognised(table, layouts, system)) for table in map(open_table, files)]
    for table, layout, places in opened:
        rows = read_rows(draft, table, list(places.values()))
        cells = [
            as_text(places[name]).alias(name) if name in places else pl.lit(None, dtype=pl.String).alias(name)
            for name in layout.columns
        ]
        frames.setdefault(layout.table, []).append(rows.select(*cells, LINE))
    whole = {layout.table: layout for layout in layouts}
    return {
        table: unique_by(draft, pl.concat(parts), whole[table].key, whole[table].identifier)
        for table, parts in frames.items()
    }


def _recognised(table: OpenTable, layouts: Sequence[Layout], system: str) -> tuple[Layout, dict[str, str]]:
    fits = [(layout, layout.places(table.header)) for layout in layouts]
    whole = [(layout, places) for layout, places in fits if not layout.lacking(places)]
    if whole:
        return max(whole, key=lambda fit: len(fit[1]))
    names = ", ".join(layout.table for layout in layouts)
    nearest, places = max(
        fits, key=lambda fit: len(set(fit[0].required) & fit[1].keys()) / len(fit[0].required)
    )
    if set(nearest.required) & places.keys():
        raise LedgerError(
            f"{table.label} fits no table of {system}: taken for {nearest.table} it lacks "
            f"{', '.join(nearest.lacking(places))}; export it with the column names of the system."
        )
    raise LedgerError(
        f"{table.label} fits no table of {system}; give files with the columns of {names}, named as the "
        "system does."
    )


def require(tables: Mapping[str, pl.DataFrame], names: Sequence[str], system: str, why: str) -> None:
    """Refuse books that lack a table.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        Those that were given.
    names : sequence of str
        Those that must be.
    system : str
        What messages call the system.
    why : str
        What is only in them, the end of a sentence.

    Raises
    ------
    LedgerError
        If one is not there.

    Examples
    --------
    >>> require({}, ["invoice"], "Demo", "it holds the amounts")
    Traceback (most recent call last):
        ...
    paydelay.errors.LedgerError: The books of Demo lack the table invoice: it holds the amounts; give it too.
    """
    missing = [name for name in names if name not in tables]
    if missing:
        what = "the table" if len(missing) == 1 else "the tables"
        these = "it" if len(missing) == 1 else "them"
        raise LedgerError(
            f"The books of {system} lack {what} {' and '.join(missing)}: {why}; give {these} too."
        )


def unique_by(
    draft: Draft, rows: pl.DataFrame, key: Sequence[str], identifier: str | None = None
) -> pl.DataFrame:
    """Rows whose key names one row only.

    Extracts that overlap repeat rows: of identical ones the first is kept. Rows that
    share a key and differ contradict each other and are refused. Without a key the
    rows of one file are each what they are, and those of another file that repeat
    them are not counted again.

    Parameters
    ----------
    draft : Draft
        Gets the others.
    rows : polars.DataFrame
        With ``LINE``.
    key : sequence of str
        Columns of the key; ``4783.0`` is ``4783`` there. Rows marked as deleted have none.
    identifier : str, optional
        Column that names the document; the last of the key if None.

    Returns
    -------
    polars.DataFrame

    Examples
    --------
    >>> draft = Draft("demo")
    >>> number = draft.add_file("demo.csv")
    >>> rows = pl.DataFrame({"id": ["1", "1", "2", "2"], "a": [5, 5, 6, 7], LINE: [2, 3, 4, 5]})
    >>> unique_by(draft, rows, ["id"], "id")["id"].to_list(), draft.refused[0]["rule"].to_list()
    (['1'], ['key_repeated', 'key_repeated'])
    """
    live = ~is_true(_DELETED) if _DELETED in rows.columns else pl.lit(True)
    keyed = live & pl.all_horizontal(pl.col(list(key)).is_not_null()) if key else pl.lit(False)
    cells = pl.struct(pl.exclude(LINE, "__keyed"))
    rows = rows.with_columns(__keyed=keyed)
    copies = rows.filter("__keyed").filter(~cells.is_first_distinct())
    loose = rows.filter(~pl.col("__keyed"))
    if loose.select(file_of(pl.col(LINE)).n_unique()).item() > 1:
        # The second of two equal rows of one file repeats the second of another file.
        names = [name for name in loose.columns if name != LINE]
        turn = pl.int_range(pl.len()).over(*names, file_of(pl.col(LINE)))
        again = loose.with_columns(__turn=turn).filter(~pl.struct(*names, "__turn").is_first_distinct())
        copies = pl.concat([copies, again.drop("__turn")])
    draft.leave_out(copies, "erp.repeated_row")
    rest = rows.join(copies.select(LINE), on=LINE, how="anti", maintain_order="left")
    if not key:
        return rest.drop("__keyed")
    named = pl.struct(as_key(name) if rows.schema[name] == pl.String else pl.col(name) for name in key)
    twice = rest.filter("__keyed").filter(named.is_duplicated())
    draft.refuse(twice, "key_repeated", key[-1], identifier or key[-1])
    return rest.join(twice.select(LINE), on=LINE, how="anti", maintain_order="left").drop("__keyed")


# ---- Cells -------------------------------------------------------------------------------------


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
