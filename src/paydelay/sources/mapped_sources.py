"""Which files and database tables a mapping's tables are made of, and under which headers."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from paydelay.errors import LedgerError
from paydelay.sources.mapping import Mapping, TableMapping
from paydelay.sources.opening import Place


@dataclass(frozen=True)
class Source:
    """A place that is read once, and the tables made of its lines.

    Parameters
    ----------
    path : Path or str
        A file, or the address of a database.
    place : Place
        Where in it.
    tables : dict of str to TableMapping
        By name, each with its date format and decimal mark.
    """

    path: Path | str
    place: Place
    tables: dict[str, TableMapping]

    def columns(self, header: tuple[str, ...], label: str) -> dict[str, str]:
        """Column of the source by each name in the mapping; letter case may differ.

        Parameters
        ----------
        header : tuple of str
            Names in the source.
        label : str
            What messages call it.

        Returns
        -------
        dict of str to str

        Raises
        ------
        LedgerError
            If the source lacks one.
        """
        exact = {name: name for name in header if name}
        loose: dict[str, str] = {}
        for name in header:
            loose.setdefault(_plain(name), name)
        asked = {name: table for table, one in self.tables.items() for name in _names_in(one)}
        found = {name: exact.get(name) or loose.get(_plain(name)) or "" for name in asked}
        lacking = [name for name, column in found.items() if not column]
        if lacking:
            # Where no name fits, the first line is more likely a row: its cells are not for a message.
            known = [plain for plain in loose if plain] if any(found.values()) else []
            near = difflib.get_close_matches(_plain(lacking[0]), known, n=1, cutoff=0.6)
            hint = f" (the nearest there is '{loose[near[0]]}')" if near else ""
            raise LedgerError(
                f"{label} has no column '{lacking[0]}', which the mapping's table {asked[lacking[0]]} is "
                f"made of{hint}; correct the mapping."
            )
        return found


def sources_of(files: Sequence[Path | str], mapping: Mapping) -> list[Source]:
    """Every place to read with the tables made of it.

    Parameters
    ----------
    files : sequence of Path or str
        Files; text is the address of a database.
    mapping : Mapping
        The mapping.

    Returns
    -------
    list of Source
        In the order of the files.

    Raises
    ------
    LedgerError
        If a table fits no file, or a file no table.

    Examples
    --------
    >>> mapping = Mapping.model_validate(
    ...     {
    ...         "invoices": {"file": "in*.csv", "columns": {"amount": "Total"}},
    ...         "payments": {"lines_of": "invoices", "columns": {"amount": "Paid"}},
    ...     }
    ... )
    >>> [list(source.tables) for source in sources_of([Path("invoices.csv")], mapping)]
    [['invoices', 'payments']]
    """
    found: dict[tuple[Path | str, Place], dict[str, TableMapping]] = {}
    for name, table in mapping.tables.items():
        for path in _files_of(name, table, files):
            settled = table.model_copy(
                update={
                    "date_format": table.date_format or mapping.date_format,
                    "decimal": table.decimal or mapping.decimal,
                }
            )
            found.setdefault((path, table.place), {})[name] = settled
    taken = {path for path, _ in found}
    left = [path for path in files if path not in taken]
    if left:
        name = _name_of(left[0]) or "the database"
        raise LedgerError(f"No table of the mapping takes {name}; give the files that the mapping is for.")
    order = {path: at for at, path in enumerate(files)}
    return [
        Source(path, place, tables)
        for (path, place), tables in sorted(found.items(), key=lambda item: order[item[0][0]])
    ]


def _files_of(name: str, table: TableMapping, files: Sequence[Path | str]) -> list[Path | str]:
    in_database = table.table is not None or table.query is not None
    databases = [file for file in files if isinstance(file, str)]
    if table.file is None:
        on_disk = [file for file in files if isinstance(file, Path)]
        fit: list[Path | str] = [*databases] if in_database or not on_disk else [*on_disk]
        if len(fit) == 1:
            return fit
        what = "is from no file that was given" if not fit else "does not say which of the files it is from"
        raise LedgerError(
            f"The mapping's table {name} {what}; add 'file:' with the name or a pattern of the names."
        )
    pattern = table.file.casefold()
    fit = [file for file in files if fnmatchcase(_name_of(file).casefold(), pattern)]
    if not fit:
        raise LedgerError(
            f"The mapping's table {name} is from files '{table.file}', and none of those given is called so."
        )
    return fit


def _name_of(path: Path | str) -> str:
    return path.name if isinstance(path, Path) else path.partition("#")[2]


def _names_in(table: TableMapping) -> Iterable[str]:
    for cell in (*table.columns.values(), *table.extras.values(), *table.check.values()):
        if cell.column is not None:
            yield cell.column
        if isinstance(cell.plus_days, str):
            yield cell.plus_days
    for condition in table.keep:
        yield condition.column


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(letters.split())
