"""What an Excel workbook really holds, counted before any of it is expanded in memory.

A workbook is a zip archive of XML. The sizes an archive states of itself may be made
up, and two cells in opposite corners make a table of millions: what counts is the
unpacked bytes themselves.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from paydelay.errors import LedgerError

ZIP_MAGIC = b"PK\x03\x04"
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
UNPACKED_BYTES_MAX = 1_500_000_000
"""Twice what the longest sheet of twenty columns of invoices takes."""
CELLS_MAX = 50_000_000
"""Of the rectangle around all cells that hold anything: a reader keeps every cell of it."""
TEXT_BYTES_MAX = 1_000_000_000
"""Of all cells together, each with its own copy of a shared text."""
_MEMBERS_MAX = 10_000
_STRINGS_MAX = 20_000_000
_END_BYTES_MAX = 100
_RATIO_MAX, _RATIO_FROM_BYTES = 300, 50_000_000
_BLOCK_BYTES = 4_000_000
_TAG_BYTES_MAX = 100_000
_ROW_MAX, _COLUMN_MAX = 1_048_576, 16_384

_ROW_OR_CELL = re.compile(
    rb"<(?:\w+:)?(?:(row)|(c))(\s[^<>]*?)?(/)?>(?:\s*<(?:\w+:)?v(?:\s[^<>]*)?>\s*(\d{1,9})\s*</)?"
)
_PLACE = re.compile(rb'\br\s*=\s*["\']([A-Za-z]{0,3})(\d{1,10})["\']')
_PLACED = re.compile(rb'<(?:\w+:)?(?:c|row)\b(?:\s+r="([A-Za-z]{0,3})(\d{1,10})")?')
_SHARED = re.compile(rb'\bt\s*=\s*["\']s["\']')
_STRING_END = re.compile(rb"</(?:\w+:)?si>|<(?:\w+:)?si\s*/>")


def look_through(path: Path) -> None:
    """Count what a workbook really holds and refuse one that is damaged or would fill the memory.

    Parameters
    ----------
    path : Path
        A file that begins with :data:`ZIP_MAGIC`.

    Raises
    ------
    LedgerError
        If it is no workbook, or is damaged, encrypted or too large.
    """
    label = path.name
    try:
        contents = _Contents(label, max(path.stat().st_size, 1))
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _refuse_other_archives(label, members)
            # Texts that cells share come first: the cells say which of them they show.
            members.sort(key=lambda member: "sharedstrings" not in member.filename.lower())
            for member in members:
                _look_into(archive, member, contents)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise LedgerError(
            f"{label} is not a whole Excel workbook ({type(error).__name__}); save or send it again."
        ) from None
    except RuntimeError:
        raise _protected(label) from None


def refuse_old_workbook(path: Path) -> None:
    """Refuse a file in the container of old Excel workbooks and of encrypted new ones.

    Parameters
    ----------
    path : Path
        A file that begins with :data:`OLE_MAGIC`.

    Raises
    ------
    LedgerError
        Always, with what it is and what to do.
    """
    marker = "EncryptedPackage".encode("utf-16-le")
    before = b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            if marker in before + block:
                raise _protected(path.name)
            before = block[-len(marker) :]
    raise LedgerError(f"{path.name} is an old Excel workbook (.xls); save it as .xlsx or CSV.")


def _protected(label: str) -> LedgerError:
    return LedgerError(f"{label} is protected by a password; save it without one, or as CSV.")


@dataclass
class _Contents:
    """What has been counted of a workbook so far.

    Parameters
    ----------
    label : str
        What messages call it.
    packed : int
        Bytes of the file.
    unpacked : int
        Bytes of its members.
    strings : list of int
        Bytes of each shared text.
    longest : int
        Bytes of the longest of them.
    """

    label: str
    packed: int
    unpacked: int = 0
    strings: list[int] = field(default_factory=list)
    longest: int = 0

    def add(self, size: int) -> None:
        """Count unpacked bytes and refuse what explodes."""
        self.unpacked += size
        explodes = self.unpacked > _RATIO_FROM_BYTES and self.unpacked > _RATIO_MAX * self.packed
        if self.unpacked > UNPACKED_BYTES_MAX or explodes:
            raise LedgerError(
                f"{self.label} unpacks to more than {self.unpacked // 1_000_000:,} MB from "
                f"{self.packed / 1e6:,.1f} MB, as no workbook of rows does; export the rows as CSV."
            )

    def refuse_size(self, what: str) -> None:
        raise LedgerError(f"{self.label} holds {what} than can be read safely; export its rows as CSV.")


def _refuse_other_archives(label: str, members: list[zipfile.ZipInfo]) -> None:
    names = {member.filename for member in members}
    if len(members) > _MEMBERS_MAX:
        raise LedgerError(f"{label} is an archive of {len(members):,} files and no workbook of rows.")
    if any(member.flag_bits & 1 for member in members):
        raise _protected(label)
    if "xl/workbook.xml" in names:
        return
    if "xl/workbook.bin" in names:
        raise LedgerError(f"{label} is a binary Excel workbook (.xlsb); save it as .xlsx or CSV.")
    if "content.xml" in names:
        raise LedgerError(f"{label} is an OpenDocument file; save its sheet as .xlsx or CSV.")
    raise LedgerError(f"{label} is a zip archive and not an Excel workbook; unpack it first.")


def _look_into(archive: zipfile.ZipFile, member: zipfile.ZipInfo, contents: _Contents) -> None:
    """Count what a member holds: an archive may keep its texts and sheets under any name."""
    bounds, texts = _SheetBounds(), _SharedTexts(contents)
    with archive.open(member) as file:
        while block := file.read(_BLOCK_BYTES):
            contents.add(len(block))
            texts.count(block)
            bounds.count(block)
    if bounds.are_safe(contents):
        return
    # Only what may be too large, or does not say where its cells are, is counted cell by cell.
    sheet = _SheetSize(contents)
    rest = b""
    with archive.open(member) as file:
        while block := file.read(_BLOCK_BYTES):
            rest = sheet.count(rest + block)
    sheet.count(rest, whole=True)


class _SheetBounds:
    """A quick upper bound of the size of a sheet, of all places that its rows and cells name."""

    def __init__(self) -> None:
        self.tail = b""
        self.places_known = True
        self.shared = 0
        self.last_row = 0
        self.columns: set[bytes] = set()

    def count(self, block: bytes) -> None:
        """Look at a piece of XML."""
        text = self.tail + block
        # A tag may be torn apart: the last one is left for the next piece.
        cut = max(text.rfind(b"<"), len(text) - _TAG_BYTES_MAX, 0)
        self.tail = text[cut:]
        found = _PLACED.findall(text[:cut])
        if found:
            letters, numbers = zip(*found, strict=True)
            self.columns.update(letters)
            rows = set(numbers)
            self.places_known &= b"" not in rows
            self.last_row = max(self.last_row, *map(int, rows - {b""}), 0)
        self.shared += text.count(b't="s"', 0, cut) + text.count(b"t='s'", 0, cut)

    def are_safe(self, contents: _Contents) -> bool:
        """Whether even the largest sheet and the longest texts they allow can be read."""
        self.count(b"<")
        last_column = max(map(_column_number, self.columns), default=0)
        return (
            self.places_known
            and self.last_row <= _ROW_MAX
            and self.last_row * last_column <= CELLS_MAX
            and self.shared * contents.longest <= TEXT_BYTES_MAX
        )


class _SharedTexts:
    """The bytes of each text that cells may share.

    Parameters
    ----------
    contents : _Contents
        The workbook so far.
    """

    def __init__(self, contents: _Contents) -> None:
        self.contents = contents
        self.tail = b""
        self.begun = 0

    def count(self, block: bytes) -> None:
        """Count the texts that end in a piece of XML."""
        text = self.tail + block
        start = len(self.tail) - self.begun
        strings = self.contents.strings
        for end in _STRING_END.finditer(text):
            strings.append(end.start() - start)
            self.contents.longest = max(self.contents.longest, strings[-1])
            start = end.end()
        # The end of a text may be torn apart; what has been counted is not looked at again.
        keep = max(len(text) - _END_BYTES_MAX, start, 0)
        self.tail, self.begun = text[keep:], len(text) - start
        if len(strings) > _STRINGS_MAX:
            self.contents.refuse_size("more texts")


class _SheetSize:
    """The rectangle of a sheet's cells that hold anything, and the bytes of their texts.

    Parameters
    ----------
    contents : _Contents
        The workbook so far.
    """

    def __init__(self, contents: _Contents) -> None:
        self.contents = contents
        self.row = self.column = 0
        self.last_row = self.last_column = self.text_bytes = 0

    def count(self, text: bytes, *, whole: bool = False) -> bytes:
        """Count the cells of a piece of XML and give back what may go on in the next."""
        # A cell and its value may be torn apart: the last one is left for the next piece.
        cut = max(text.rfind(b"<c"), text.rfind(b"<row"), len(text) - _TAG_BYTES_MAX, 0)
        cut = len(text) if whole else cut
        strings = self.contents.strings
        for is_row, _, attributes, empty, value in _ROW_OR_CELL.findall(text[:cut]):
            place = _PLACE.search(attributes)
            if is_row:
                self.row, self.column = (int(place[2]) if place else self.row + 1), 0
                continue
            if place:
                self.column, self.row = _column_number(place[1]), int(place[2])
            else:
                self.column += 1
            if empty:
                continue
            self.last_row = max(self.last_row, self.row)
            self.last_column = max(self.last_column, self.column)
            if strings and value and int(value) < len(strings) and _SHARED.search(attributes):
                self.text_bytes += strings[int(value)]
        self.check()
        return text[cut:]

    def check(self) -> None:
        """Refuse a sheet whose cells would fill the memory."""
        if self.last_row > _ROW_MAX or self.last_column > _COLUMN_MAX:
            self.contents.refuse_size("cells farther out")
        if self.last_row * self.last_column > CELLS_MAX:
            self.contents.refuse_size(
                f"a sheet of {self.last_row:,} rows by {self.last_column:,} columns, more"
            )
        if self.text_bytes > TEXT_BYTES_MAX:
            self.contents.refuse_size("cells with more text")


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
