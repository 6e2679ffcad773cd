"""Where the rows of a block of delimited text stand, found in its bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
BLANK = 32
"""This byte and those below it are blanks."""
_LF, _CR, _QUOTE = 10, 13, 34


@dataclass(frozen=True)
class Spans:
    """Where rows stand in a block.

    Parameters
    ----------
    starts, ends : numpy.ndarray
        Bytes, without the line feed that ends the row.
    cells : numpy.ndarray
        Cells of each row.
    lines : numpy.ndarray
        0-based number of each row's first line in the block.
    """

    starts: Places
    ends: Places
    cells: Places
    lines: Places

    def only(self, chosen: NDArray[np.bool_]) -> Spans:
        """Some of the rows."""
        if chosen.all():
            return self
        return Spans(self.starts[chosen], self.ends[chosen], self.cells[chosen], self.lines[chosen])


def plain_spans(content: bytes, separator: str) -> Spans:
    r"""Lines as rows: one pass over the bytes finds separators and line ends alike.

    Parameters
    ----------
    content : bytes
        Whole lines, in which quotes mean nothing.
    separator : str
        What parts the cells.

    Returns
    -------
    Spans

    Examples
    --------
    >>> plain_spans(b"F1;12\n\nF2\n", ";").cells.tolist()
    [2, 1, 1]
    """
    data = np.frombuffer(content, dtype=np.uint8)
    at = np.flatnonzero((data == _LF) | (data == ord(separator)))
    return _spans(at, np.flatnonzero(data[at] == _LF))


def quoted_spans(content: bytes, separator: str, lines_max: int, *, last: bool) -> Spans | None:
    r"""Rows of a block whose quotes are all sound.

    Parameters
    ----------
    content : bytes
        Lines; the last row may go on in the next block.
    separator : str
        What parts the cells.
    lines_max : int
        Lines a row may take up.
    last : bool
        Whether no other block follows.

    Returns
    -------
    Spans or None
        None where some quote is not as it should be.

    Examples
    --------
    >>> spans = quoted_spans(b'F1;"a\nb"\nF2;c\n', ";", 50, last=True)
    >>> spans.cells.tolist(), spans.lines.tolist()
    ([2, 2], [0, 2])
    """
    data = np.frombuffer(content, dtype=np.uint8)
    mark = ord(separator)
    at = np.flatnonzero((data == _LF) | (data == mark) | (data == _QUOTE))
    kind = data[at]
    # After an odd number of quotes one stands inside of a cell, where marks are text.
    inside = (np.cumsum(kind == _QUOTE) & 1).astype(np.bool_)
    ends = np.flatnonzero((kind == _LF) & ~inside)
    lines = np.cumsum(kind == _LF)
    if not len(ends):
        return None
    longest = np.diff(lines[ends], prepend=0).max()
    rest = lines[-1] - lines[ends[-1]]
    if longest > lines_max or rest >= (1 if last else lines_max):
        return None
    whole = slice(0, int(ends[-1]) + 1)
    at, kind, inside, lines = at[whole], kind[whole], inside[whole], lines[whole]
    if not _quotes_are_sound(data, at, kind, inside, mark):
        return None
    outer = (kind != _QUOTE) & ~inside
    outer_ends = np.flatnonzero(kind[outer] == _LF)
    spans = _spans(at[outer], outer_ends)
    first = np.concatenate([[0], lines[outer][outer_ends][:-1]])
    return Spans(spans.starts, spans.ends, spans.cells, first)


def filled(content: bytes, spans: Spans, separator: str, *, quotes: bool) -> Spans:
    """Rows that hold something besides separators, spaces, tabs and empty quotes.

    Parameters
    ----------
    content : bytes
        The block.
    spans : Spans
        Its rows.
    separator : str
        What parts the cells.
    quotes : bool
        Whether cells stand in quotes.

    Returns
    -------
    Spans
    """
    data = np.frombuffer(content, dtype=np.uint8)
    # Only a row that begins and ends with nothing can be one.
    ends = np.maximum(spans.ends - 1, spans.starts)
    blank = _nothing(data[spans.starts], separator, quotes) & _nothing(data[ends], separator, quotes)
    if blank.any():
        marked = ~_nothing(data, separator, quotes)
        some = np.flatnonzero(blank)
        # Two bounds a row: what lies between rows is looked at and passed over.
        bounds = np.stack([spans.starts[some], spans.ends[some]], axis=1).ravel()
        blank[some] = ~np.logical_or.reduceat(marked, bounds)[::2]
    return spans.only(~blank)


def _nothing(data: NDArray[np.uint8], separator: str, quotes: bool) -> NDArray[np.bool_]:
    marks = [ord(separator), _QUOTE] if quotes else [ord(separator)]
    found: NDArray[np.bool_] = data <= BLANK
    for mark in marks:
        found |= data == mark
    return found


def joined(content: bytes, spans: Spans) -> bytes:
    """The rows alone, copied in as few pieces as they stand together in.

    Parameters
    ----------
    content : bytes
        The block.
    spans : Spans
        Rows of it, in their order.

    Returns
    -------
    bytes
    """
    if not len(spans.starts):
        return b""
    breaks = np.flatnonzero(spans.starts[1:] != spans.ends[:-1] + 1)
    first = spans.starts[np.concatenate([[0], breaks + 1])].tolist()
    last = spans.ends[np.concatenate([breaks, [len(spans.ends) - 1]])].tolist()
    if len(first) == 1 and first[0] == 0 and last[0] == len(content) - 1:
        return content
    return b"".join(content[start : end + 1] for start, end in zip(first, last, strict=True))


def _spans(at: Places, ends: Places) -> Spans:
    """Rows from the places of their separators and line ends, and from which of these are line ends."""
    stops = at[ends]
    starts = np.concatenate([[0], stops[:-1] + 1])
    return Spans(starts, stops, np.diff(ends, prepend=-1), np.arange(len(stops)))


def _quotes_are_sound(
    data: NDArray[np.uint8],
    at: Places,
    kind: NDArray[np.uint8],
    inside: NDArray[np.bool_],
    mark: int,
) -> bool:
    """Whether every quote opens or closes a cell or is doubled inside one.

    A stray one makes polars merge lines without a word: it takes all up to the next
    quote for one cell.
    """
    opening = at[(kind == _QUOTE) & inside]
    closing = at[(kind == _QUOTE) & ~inside]
    before = data[opening - 1]
    after = data[closing + 1]
    ends_line = (after == _CR) & (data[np.minimum(closing + 2, len(data) - 1)] == _LF)
    opens = (before == _LF) | (before == mark) | (before == _QUOTE) | (opening == 0)
    closes = (after == _LF) | (after == mark) | (after == _QUOTE) | ends_line
    return bool(opens.all() and closes.all())
