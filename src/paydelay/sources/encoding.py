"""Bytes of any encoding to blocks of whole lines in UTF-8, in bounded memory."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from paydelay.errors import LedgerError

LINE_BYTES_MAX = 1_000_000
"""No row of a ledger is longer; what is, is no table of rows."""
BLOCK_BYTES = 4_000_000
"""Bytes read at a time: larger blocks leave the caches of the processor and are slower."""

_LINE_ENDS_AS_ASCII = frozenset({"utf-8", "utf-8-sig", "cp1252", "iso8859-15", "iso8859-1", "cp850", "ascii"})
"""Encodings whose bytes can be parted into lines before they are letters."""
# Bytes at which ISO-8859-15 has other letters than cp1252 has.
_LATIN9_LETTERS = frozenset(b"\xa6\xa8\xb4\xb8\xbc\xbd\xbe")
# Not 0xB4: in cp1252 it is the accent that some type for an apostrophe.
_LATIN9_IN_WORD = re.compile(rb"(?<=[A-Za-z'\xc0-\xff])[\xa6\xa8\xb8\xbc\xbd\xbe](?=[A-Za-z\xc0-\xff])")


@dataclass(frozen=True)
class Writing:
    r"""How the letters and line ends of a file are written.

    Parameters
    ----------
    encoding : str
        As Python names it.
    line_end : {"\\n", "\\r"}
        What ends its lines; a carriage return before a line feed is passed over.
    """

    encoding: str
    line_end: str = "\n"


@dataclass(frozen=True)
class Block:
    """Whole lines of a file.

    Parameters
    ----------
    content : bytes
        UTF-8; every line ends with a line feed.
    unfinished : bool
        Whether the file ends here, and its last line without a line end.
    """

    content: bytes
    unfinished: bool = False


def writing_of(path: Path, label: str, encoding: str | None = None) -> Writing:
    """How a text file is written: UTF-8 where it nearly is, else the page its bytes point to.

    Parameters
    ----------
    path : Path
        The file.
    label : str
        What messages call it.
    encoding : str, optional
        As Python names it, where it is known.

    Returns
    -------
    Writing

    Raises
    ------
    LedgerError
        If it is not text, or holds a line longer than any row.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(LINE_BYTES_MAX)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding = "utf-16"
        elif head.startswith(codecs.BOM_UTF8):
            encoding = "utf-8-sig"
        text = head.decode(encoding or "latin-1", "replace")
        line_end = "\r" if "\r" in text and "\n" not in text else "\n"
        if encoding is None:
            file.seek(0)
            encoding = _encoding_of(_raw_blocks(file, line_end.encode(), label))
        return Writing(encoding, line_end)


def _encoding_of(blocks: Iterator[Block]) -> str:
    valid = words = 0
    odd = np.zeros(256, dtype=np.int64)
    for block in blocks:
        content = block.content
        if content.isascii():
            continue
        data = np.frombuffer(content, dtype=np.uint8)
        begins, within = _letters_in_utf8(data)
        valid += int(begins.sum())
        damaged = np.bincount(data[(data >= 0x80) & ~within], minlength=256)
        odd += damaged
        if damaged[list(_LATIN9_LETTERS)].any():
            words += len(_LATIN9_IN_WORD.findall(content))
    if odd.sum() <= valid:
        return "utf-8"
    # 0x80-0x9F are letters and signs in cp1252 and nothing in ISO-8859-15; where the two
    # differ otherwise, the latter has French letters inside words.
    if not odd[0x80:0xA0].any() and (words or (odd[0xA4] and not odd[list(_LATIN9_LETTERS)].any())):
        return "iso8859-15"
    return "cp1252"


def _letters_in_utf8(data: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Bytes that begin a letter of several bytes in UTF-8, and all bytes of such letters."""
    follows = (data & 0xC0) == 0x80
    begins = np.zeros(len(data), dtype=np.bool_)
    within = np.zeros(len(data), dtype=np.bool_)
    for first, last, more in ((0xC2, 0xDF, 1), (0xE0, 0xEF, 2), (0xF0, 0xF4, 3)):
        at = np.flatnonzero((data >= first) & (data <= last))
        at = at[at + more < len(data)]
        for place in range(1, more + 1):
            at = at[follows[at + place]]
        begins[at] = True
        for place in range(more + 1):
            within[at + place] = True
    return begins, within


def line_blocks(path: Path, writing: Writing, label: str) -> Iterator[Block]:
    """The lines of a text file.

    Parameters
    ----------
    path : Path
        The file.
    writing : Writing
        As :func:`writing_of` found it.
    label : str
        What messages call the file.

    Yields
    ------
    Block
        At least one line each.

    Raises
    ------
    LedgerError
        If it stops being text, holds a line longer than any row, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            if writing.encoding not in _LINE_ENDS_AS_ASCII:
                yield from _decoded_blocks(file, writing, label)
                return
            mark = codecs.BOM_UTF8 if writing.encoding == "utf-8-sig" else b""
            for block in _raw_blocks(file, writing.line_end.encode(), label):
                content = _in_utf8(block.content.removeprefix(mark), writing.encoding)
                mark = b""
                if writing.line_end == "\r":
                    content = content.replace(b"\r", b"\n")
                yield Block(content, block.unfinished)
    except OSError as error:
        raise LedgerError(f"{label} cannot be read ({type(error).__name__}).") from error


def _raw_blocks(file: BinaryIO, line_end: bytes, label: str) -> Iterator[Block]:
    """Bytes in blocks of whole lines; the last one gets the line end it may lack."""
    rest = b""
    while raw := file.read(BLOCK_BYTES):
        if b"\0" in raw:
            raise _not_text(label)
        content = rest + raw if rest else raw
        cut = content.rfind(line_end) + 1
        _refuse_long_line(content, line_end, label)
        rest = content[cut:]
        if cut:
            yield Block(content if cut == len(content) else content[:cut])
    if rest:
        yield Block(rest + line_end, unfinished=True)


def _decoded_blocks(file: BinaryIO, writing: Writing, label: str) -> Iterator[Block]:
    """The same where a letter may take several bytes, between which a block may end."""
    decoder = codecs.getincrementaldecoder(writing.encoding)("replace")
    rest = b""
    while raw := file.read(BLOCK_BYTES):
        text = decoder.decode(raw)
        if "\0" in text:
            raise _not_text(label)
        if writing.line_end == "\r":
            text = text.replace("\r", "\n")
        content = rest + text.encode("utf-8", "replace")
        cut = content.rfind(b"\n") + 1
        _refuse_long_line(content, b"\n", label)
        rest = content[cut:]
        if cut:
            yield Block(content[:cut])
    rest += decoder.decode(b"", final=True).encode("utf-8", "replace")
    if rest:
        yield Block(rest + b"\n", unfinished=True)


def _in_utf8(content: bytes, encoding: str) -> bytes:
    if content.isascii():
        return content
    if encoding.startswith("utf-8"):
        try:
            content.decode("utf-8")
        except UnicodeDecodeError:
            return content.decode("utf-8", "replace").encode()
        return content
    return content.decode(encoding, "replace").encode()


def _not_text(label: str) -> LedgerError:
    return LedgerError(f"{label} is not text throughout; it is binary or damaged: export it again.")


def _refuse_long_line(content: bytes, line_end: bytes, label: str) -> None:
    """Refuse a block with a line above the bound, whole lines and what follows them."""
    if len(content) <= LINE_BYTES_MAX:
        return
    at = 0
    # From one line end to the last one within the bound: a few steps, however many lines there are.
    while len(content) - at > LINE_BYTES_MAX:
        found = content.rfind(line_end, at, at + LINE_BYTES_MAX + 1)
        if found < 0:
            raise LedgerError(
                f"{label} holds a line of more than {LINE_BYTES_MAX:,} characters, which no row of a ledger "
                "is; export it again."
            )
        at = found + 1
