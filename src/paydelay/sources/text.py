"""Delimited text as accounting packages really write it, line by line and in bounded memory.

The encoding and the separator are found out; every line keeps its number in the
file, and a line that cannot be split into the header's cells is marked, not lost.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from paydelay.errors import ConfigError, LedgerError
from paydelay.sources.encoding import LINE_BYTES_MAX, Block, Writing, line_blocks, writing_of
from paydelay.sources.rows import CELL_FLAW, LINE_NUMBER, RECORD_LINES_MAX, SEPARATORS, RowReader

__all__ = [
    "CELL_FLAW",
    "LINE_BYTES_MAX",
    "LINE_NUMBER",
    "SEPARATORS",
    "DelimitedText",
    "open_text",
    "refuse_disguise",
    "told_apart",
]

_HEADER_LINES_MAX = 1_000
"""Lines in which a header is looked for."""

_DISGUISES = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a rar archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"%PDF", "a PDF document"),
    (b"PAR1", "a Parquet file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"SQLite format 3", "an SQLite database"),
)
_MARKUP = re.compile(rb"\s*(?:<!doctype\s|<html|<\?xml|<table|<head|<body)", re.IGNORECASE)
_SEPARATOR_HINT = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""What Excel takes for a line that names the separator."""
_JSON = re.compile(rb"\s*[\[{]\s*[\"{\[]")


@dataclass(frozen=True)
class DelimitedText:
    r"""A text file whose header has been read.

    Parameters
    ----------
    path : Path
        The file.
    encoding : str
        As Python names it.
    separator : str
        What parts the cells.
    header : tuple of str
        Names of the columns, unnamed ones as empty text.
    header_lines : int
        Lines up to and including the header.
    quoted : bool
        Whether cells may stand in double quotes.
    line_end : {"\n", "\r"}
        What ends the lines.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "invoices.csv"
    >>> _ = path.write_text("Numéro;Montant\nF1;12,50\nF2;7\n", encoding="cp1252")
    >>> text = open_text(path)
    >>> text.encoding, text.separator, text.header
    ('cp1252', ';', ('Numéro', 'Montant'))
    >>> [batch["Montant"].to_list() for batch in text.batches()]
    [['12,50', '7']]
    """

    path: Path
    encoding: str
    separator: str
    header: tuple[str, ...]
    header_lines: int
    quoted: bool
    line_end: str = "\n"

    @property
    def label(self) -> str:
        """What messages call the file."""
        return self.path.name

    @property
    def details(self) -> dict[str, str]:
        """How it is written, for the report of an import."""
        return {"encoding": self.encoding, "separator": "tab" if self.separator == "\t" else self.separator}

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows, some ten thousands at a time.

        Parameters
        ----------
        columns : sequence of str, optional
            Those wanted; all by default.

        Yields
        ------
        polars.DataFrame
            The columns as text (null where empty), ``LINE_NUMBER`` and ``CELL_FLAW``.
            Blank lines are left out.

        Raises
        ------
        LedgerError
            If the file stops being text, or holds a line longer than any row.
        """
        wanted = [name for name in self.header if name and (columns is None or name in set(columns))]
        places = {name: self.header.index(name) for name in wanted}
        reader = RowReader(self.label, self.separator, self.header, self.quoted, places)
        yield from reader.rows(self._below_header(), self.header_lines + 1)

    def _below_header(self) -> Iterator[Block]:
        skipped = 0
        for block in line_blocks(self.path, Writing(self.encoding, self.line_end), self.label):
            rest = block.content
            while skipped < self.header_lines and rest:
                rest = rest.partition(b"\n")[2]
                skipped += 1
            if rest:
                yield Block(rest, block.unfinished)


def open_text(
    path: Path,
    *,
    separators: Sequence[str] = SEPARATORS,
    quoted: bool = True,
    skip_lines: int = 0,
    encoding: str | None = None,
) -> DelimitedText:
    """Find out how a text file is written and read its header.

    Parameters
    ----------
    path : Path
        The file.
    separators : sequence of str
        What may part the cells.
    quoted : bool
        Whether double quotes enclose cells; in some formats they are plain characters.
    skip_lines : int
        Lines above the header, such as a title.
    encoding : str, optional
        As Python names it; found out by default.

    Returns
    -------
    DelimitedText

    Raises
    ------
    LedgerError
        If it is no text, or has no header.
    ConfigError
        If the encoding is not known.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "page.csv"
    >>> _ = path.write_text("<!DOCTYPE html><title>Session expired</title>")
    >>> open_text(path)
    Traceback (most recent call last):
        ...
    paydelay.errors.LedgerError: page.csv is a web page and not a text file of rows; export it again as text.
    """
    label = path.name
    try:
        with path.open("rb") as file:
            head = file.read(65_536)
        if not head.removeprefix(codecs.BOM_UTF8).strip():
            raise LedgerError(f"{label} is empty; it needs a header and one line per row.")
        refuse_disguise(head, label, "a text file of rows")
        writing = writing_of(path, label, encoding and _known_encoding(encoding))
    except OSError as error:
        raise LedgerError(f"{label} cannot be opened ({type(error).__name__}).") from error
    lines, above, separators = _header_lines(path, writing, label, skip_lines, separators)
    bare = re.sub(r'"[^"]*"', "", lines[0]) if quoted else lines[0]
    separator = max(separators, key=lambda mark: (bare.count(mark), -separators.index(mark)))
    names, taken = _header_cells(label, lines, separator, quoted)
    return DelimitedText(
        path, writing.encoding, separator, told_apart(names), above + taken, quoted, writing.line_end
    )


def _header_lines(
    path: Path, writing: Writing, label: str, skip_lines: int, separators: Sequence[str]
) -> tuple[list[str], int, Sequence[str]]:
    """Lines from the header on, how many there are above it, and what may part its cells."""
    found: list[str] = []
    above = 0
    last = skip_lines + _HEADER_LINES_MAX
    for number, line in enumerate(islice(_lines(path, writing, label), last), 1):
        if not found and (number <= skip_lines or not line.strip()):
            above = number
        else:
            found.append(line)
        if len(found) > RECORD_LINES_MAX:
            break
    if found and (hint := _SEPARATOR_HINT.fullmatch(found[0])):
        separators, found, above = (hint[1],), found[1:], above + 1
    if not found:
        raise LedgerError(f"{label} has no header; its first line must name the columns.")
    return found, above, separators


def _lines(path: Path, writing: Writing, label: str) -> Iterator[str]:
    for block in line_blocks(path, writing, label):
        for content in block.content.split(b"\n")[:-1]:
            yield content.decode("utf-8").removesuffix("\r")


def _header_cells(label: str, lines: list[str], separator: str, quoted: bool) -> tuple[list[str], int]:
    """Names of the columns, and the lines they take: a name in quotes may have a line end."""
    names, taken = lines[0].split(separator), 1
    if quoted:
        reader = RowReader(label, separator, (), quoted, {})
        text = "\n".join(lines) + "\n"
        found = reader.record(text.partition("\n")[0] + "\n") or reader.record(text)
        if not found:
            raise LedgerError(f"The header of {label} opens a quote that is not closed; export it again.")
        names, taken = found[0], text.count("\n", 0, found[1])
    names = [" ".join(name.strip("\ufeff").split()) for name in names]
    if not any(names):
        raise LedgerError(f"{label} has no header; its first line must name the columns.")
    return names, taken


def told_apart(names: Sequence[str]) -> tuple[str, ...]:
    """Names of columns, the later ones of those that repeat numbered.

    Exports join tables that share names.

    Parameters
    ----------
    names : sequence of str
        Names, unnamed columns as empty text.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> told_apart(["id", "name", "id", "id_2", ""])
    ('id', 'name', 'id_3', 'id_2', '')
    """
    # Columns of the reader's own are no place for those of a file.
    found = ["" if name.startswith("__paydelay_") else name for name in names]
    known = set(found)
    seen: Counter[str] = Counter()
    for place, name in enumerate(found):
        seen[name] += 1
        if name and seen[name] > 1:
            while (numbered := f"{name}_{seen[name]}") in known:
                seen[name] += 1
            known.add(numbered)
            found[place] = numbered
    return tuple(found)


def _known_encoding(name: str) -> str:
    try:
        # Some codecs of Python, such as base64, are no encodings of text.
        "".encode(name)
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        raise ConfigError(
            f"The encoding '{name}' is not known; leave it out, or give one such as utf-8 or cp1252."
        ) from None


def refuse_disguise(head: bytes, label: str, expected: str) -> None:
    """Refuse a file whose first bytes say that it is something else.

    Parameters
    ----------
    head : bytes
        The beginning of the file.
    label : str
        What messages call it.
    expected : str
        What it was taken for.

    Raises
    ------
    LedgerError
        If it is an archive, a document, a database or a web page.

    Examples
    --------
    >>> refuse_disguise(b"F1;12,50", "invoices.csv", "a text file of rows")
    """
    for magic, what in _DISGUISES:
        if head.startswith(magic):
            how = "unpack it first" if "archive" in what else "export it again as text"
            raise LedgerError(f"{label} is {what} and not {expected}; {how}.")
    if _MARKUP.match(head.removeprefix(codecs.BOM_UTF8)):
        raise LedgerError(f"{label} is a web page and not {expected}; export it again as text.")
    if _JSON.match(head.removeprefix(codecs.BOM_UTF8)):
        raise LedgerError(f"{label} is JSON and not {expected}; export it again as text.")
    if b"\0" in head and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise LedgerError(f"{label} is binary and not {expected}; export it again as text.")
