"""Tables of a foreign system: told apart by their columns and read as text.

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
from paydelay.sources.cells import as_key, is_true
from paydelay.sources.draft import LINE, Draft, file_of
from paydelay.sources.opening import OpenTable, open_table, read_rows
from paydelay.sources.values import as_text

_DELETED = "_fivetran_deleted"


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
