"""From whole lines of delimited text to rows, each with the number of its line.

Lines without quotes are taken apart by polars once numpy has counted their cells.
So are lines with quotes as long as every quote opens, closes or is doubled as it
should; from the first one that does not, cells with quotes are read one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter

import numpy as np
import polars as pl
from numpy.typing import NDArray

from paydelay.errors import LedgerError
from paydelay.sources.encoding import Block

LINE_NUMBER = "__paydelay_line_number"
"""1-based number of a row's first line in its file, the header counted."""
CELL_FLAW = "__paydelay_cell_flaw"
"""Rule a line breaks before any cell is read, or null."""
SEPARATORS = ("\t", "|", ";", ",")

RECORD_LINES_MAX = 50
"""Lines a row may take up; a quote that is not closed by then is a flaw of its line alone."""
_EXTRA_CELLS_MAX = 50
_LF, _CR, _QUOTE, _BLANK = 10, 13, 34, 32
_BLANKS = "".join(map(chr, range(_BLANK + 1)))

Places = NDArray[np.int64]


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


@dataclass(frozen=True)
class RowReader:
    """Takes lines apart by the columns of their header.

    Parameters
    ----------
    label : str
        What messages call the file.
    separator : str
        What parts the cells.
    header : tuple of str
        Names of the columns, unnamed ones as empty text.
    quoted : bool
        Whether cells may stand in double quotes.
    places : dict of str to int
        The columns wanted and where they stand.
    """

    label: str
    separator: str
    header: tuple[str, ...]
    quoted: bool
    places: dict[str, int]

    def rows(self, blocks: Iterable[Block], first_line: int) -> Iterator[pl.DataFrame]:
        """The rows of a file.

        Parameters
        ----------
        blocks : iterable of Block
            Its lines below the header.
        first_line : int
            Number of the first of them.

        Yields
        ------
        polars.DataFrame
            The columns wanted as text (null where empty), ``LINE_NUMBER`` and
            ``CELL_FLAW``; blank lines are left out.

        Raises
        ------
        LedgerError
            If the last line breaks off, or a line has another separator.
        """
        line, rest, unfinished = first_line, b"", False
        for block in blocks:
            content = rest + block.content if rest else block.content
            rows, used = self._of_block(content, line, last=block.unfinished)
            rest, unfinished = content[used:], block.unfinished
            line += content.count(b"\n", 0, used)
            if unfinished:
                self._refuse_torn_end(rows, line)
            if rows.height:
                yield rows
        if rest:
            rows, _ = self._of_block(rest, line, last=True)
            yield rows

    def _of_block(self, content: bytes, line: int, *, last: bool) -> tuple[pl.DataFrame, int]:
        """Rows of a block and the bytes they take: a row may go on in the next block."""
        if not (self.quoted and b'"' in content):
            return self._framed(content, self._plain_spans(content), line, []), len(content)
        if spans := self._quoted_spans(content, last):
            return self._framed(content, spans, line, [], quotes=True), int(spans.ends[-1]) + 1
        return self._careful(content, line, last)

    # ---- Where rows stand ------------------------------------------------------------------

    def _plain_spans(self, content: bytes) -> Spans:
        """Lines as rows: one pass over the bytes finds separators and line ends alike."""
        data = np.frombuffer(content, dtype=np.uint8)
        at = np.flatnonzero((data == _LF) | (data == ord(self.separator)))
        return _spans(at, np.flatnonzero(data[at] == _LF))

    def _quoted_spans(self, content: bytes, last: bool) -> Spans | None:
        """Rows of a block whose quotes are all sound; None where one is not."""
        data = np.frombuffer(content, dtype=np.uint8)
        mark = ord(self.separator)
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
        if longest > RECORD_LINES_MAX or rest >= (1 if last else RECORD_LINES_MAX):
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

    def _careful(self, content: bytes, line: int, last: bool) -> tuple[pl.DataFrame, int]:
        """A block of which some quote is not as it should be: a malformed line costs that line only."""
        spans = self._plain_spans(content)
        data = np.frombuffer(content, dtype=np.uint8)
        with_quotes = np.unique(np.searchsorted(spans.ends, np.flatnonzero(data == _QUOTE)))
        plain = np.ones(len(spans.ends), dtype=np.bool_)
        records: list[tuple[int, list[str], str | None]] = []
        count = beyond = len(spans.ends)
        at = 0
        for place in with_quotes.tolist():
            if place < at:
                continue
            until = min(place + RECORD_LINES_MAX, count)
            cells, taken = self._record(content, spans, place, until)
            if cells is None and until < place + RECORD_LINES_MAX and not last:
                beyond = place
                break
            at = place + taken
            plain[place:at] = False
            if cells is None:
                records.append((line + place, [], "quote_not_closed"))
            elif any(cell.strip(_BLANKS + '"' + self.separator) for cell in cells):
                records.append((line + place, cells, None))
        plain[beyond:] = False
        used = int(spans.starts[beyond]) if beyond < count else len(content)
        return self._framed(content, spans.only(plain), line, records), used

    def _record(self, content: bytes, spans: Spans, place: int, until: int) -> tuple[list[str] | None, int]:
        """Cells of the row that begins at a line and the lines it takes; None where a quote stays open."""
        start = int(spans.starts[place])
        # Most rows end on their line: only those that do not are looked at beyond it.
        for end in (place, until - 1):
            text = content[start : int(spans.ends[end]) + 1].decode("utf-8")
            if found := self.record(text):
                cells, length = found
                return cells, text.count("\n", 0, length)
        return None, 1

    def record(self, text: str) -> tuple[list[str], int] | None:
        """Cells of the row a text begins with.

        Parameters
        ----------
        text : str
            Lines, each with its line feed.

        Returns
        -------
        tuple of list of str and int, or None
            The cells and the characters they take with the line feed; None where a
            quote is not closed or text follows it.
        """
        cells: list[str] = []
        at = 0
        while match := self._cell.match(text, at):
            quoted, plain, mark = match.groups()
            cells.append(plain if quoted is None else quoted.replace('""', '"'))
            at = match.end()
            if mark != self.separator:
                cells[-1] = cells[-1].removesuffix("\r") if quoted is None else cells[-1]
                return cells, at
        return None

    @cached_property
    def _cell(self) -> re.Pattern[str]:
        mark = re.escape(self.separator)
        # A quote inside a cell that does not begin with one, as in 12" pipe, is a character like any other.
        return re.compile(rf'(?:"([^"]*+(?:""[^"]*+)*+)"|((?!")[^{mark}\n]*+))({mark}|\r?\n)')

    # ---- From places to frames ---------------------------------------------------------------

    def _framed(
        self,
        content: bytes,
        spans: Spans,
        line: int,
        records: list[tuple[int, list[str], str | None]],
        *,
        quotes: bool = False,
    ) -> pl.DataFrame:
        """Rows by the number of their cells, which is nearly always one number, in their order."""
        spans = spans.only(~_blank(content, spans, self.separator, quotes))
        frames = []
        for width in np.unique(spans.cells).tolist():
            same = spans.only(spans.cells == width)
            if self._width_named <= width <= len(self.header) + _EXTRA_CELLS_MAX:
                frames.append(self._parsed(_joined(content, same), same.lines + line, width, quotes))
            else:
                records = records + self._ragged(content, same, line, quotes)
        if records:
            frames.append(self._from_records(sorted(records, key=itemgetter(0))))
        if not frames:
            return pl.DataFrame(schema=self._schema)
        return frames[0] if len(frames) == 1 else pl.concat(frames).sort(LINE_NUMBER)

    def _parsed(self, content: bytes, number: Places, width: int, quotes: bool) -> pl.DataFrame:
        names = [f"column_{place}" for place in range(width)]
        rows = pl.scan_csv(
            content,
            has_header=False,
            separator=self.separator,
            quote_char='"' if quotes else None,
            schema=dict.fromkeys(names, pl.String()),
        )
        lacking = pl.lit(None, dtype=pl.String)
        cells = [
            (pl.col(names[place]) if place < width else lacking).alias(name)
            for name, place in self.places.items()
        ]
        flaw = lacking
        if more := names[len(self.header) :]:
            written = pl.any_horizontal(pl.col(more).str.strip_chars(_BLANKS) != "")
            flaw = pl.when(written).then(pl.lit("too_many_cells"))
        found = rows.select(
            *cells, pl.lit(pl.Series(LINE_NUMBER, number, dtype=pl.Int64)), flaw.alias(CELL_FLAW)
        )
        if quotes:
            # An empty cell in quotes comes as empty text.
            found = found.with_columns(pl.col(list(self.places)).replace("", None))
        return found.collect()

    def _ragged(
        self, content: bytes, spans: Spans, line: int, quotes: bool
    ) -> list[tuple[int, list[str], str | None]]:
        found: list[tuple[int, list[str], str | None]] = []
        for start, end, place in zip(
            spans.starts.tolist(), spans.ends.tolist(), spans.lines.tolist(), strict=True
        ):
            text = content[start:end].decode("utf-8")
            read = self.record(text + "\n") if quotes else None
            found.append(
                (line + place, read[0] if read else text.removesuffix("\r").split(self.separator), None)
            )
        return found

    def _from_records(self, records: list[tuple[int, list[str], str | None]]) -> pl.DataFrame:
        """Rows of any number of cells; those with another number than the header are marked."""
        data: dict[str, list[str | None]] = {name: [] for name in self.places}
        numbers, flaws = [], []
        for number, cells, flaw in records:
            numbers.append(number)
            flaws.append(flaw or self._misfit(cells, number))
            for name, place in self.places.items():
                data[name].append((cells[place] or None) if place < len(cells) else None)
        return pl.DataFrame({**data, LINE_NUMBER: numbers, CELL_FLAW: flaws}, schema=self._schema)

    @cached_property
    def _schema(self) -> pl.Schema:
        return pl.Schema(
            {**dict.fromkeys(self.places, pl.String()), LINE_NUMBER: pl.Int64(), CELL_FLAW: pl.String()}
        )

    @cached_property
    def _width_named(self) -> int:
        """Cells a row needs: closing separators may be on the header and not on the line."""
        return max((place for place, name in enumerate(self.header, 1) if name), default=0)

    def _misfit(self, cells: list[str], number: int) -> str | None:
        if len(cells) > len(self.header):
            more = any(cell.strip(_BLANKS) for cell in cells[len(self.header) :])
            return "too_many_cells" if more else None
        if len(cells) < self._width_named:
            self._refuse_another_separator(cells, number)
            return "too_few_cells"
        return None

    def _refuse_another_separator(self, cells: list[str], number: int) -> None:
        text = self.separator.join(cells)
        for mark in SEPARATORS:
            if mark != self.separator and text.count(mark) >= max(2, self._width_named - 1):
                raise LedgerError(
                    f"Line {number} of {self.label} parts its cells otherwise than its header does; export "
                    "the file again with one separator throughout."
                )

    def _refuse_torn_end(self, rows: pl.DataFrame, line_after: int) -> None:
        """Refuse a file that ends within a row: what follows may be lacking, too."""
        short = rows.filter(pl.col(CELL_FLAW).is_in(["too_few_cells", "quote_not_closed"]))
        if short.height and short[LINE_NUMBER][-1] == line_after - 1:
            raise LedgerError(
                f"{self.label} breaks off in the middle of its last line, {line_after - 1}; export it again, "
                "or delete that line if it is only a note below the rows."
            )


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


def _blank(content: bytes, spans: Spans, separator: str, quotes: bool) -> NDArray[np.bool_]:
    """Rows that hold nothing besides separators, spaces, tabs and empty quotes."""
    data = np.frombuffer(content, dtype=np.uint8)
    # Only a row that begins and ends with nothing can be one.
    ends = np.maximum(spans.ends - 1, spans.starts)
    blank = _nothing(data[spans.starts], separator, quotes) & _nothing(data[ends], separator, quotes)
    if blank.any():
        written = ~_nothing(data, separator, quotes)
        some = np.flatnonzero(blank)
        # Two bounds a row: what lies between rows is looked at and passed over.
        bounds = np.stack([spans.starts[some], spans.ends[some]], axis=1).ravel()
        blank[some] = ~np.logical_or.reduceat(written, bounds)[::2]
    return blank


def _nothing(data: NDArray[np.uint8], separator: str, quotes: bool) -> NDArray[np.bool_]:
    marks = [ord(separator), _QUOTE] if quotes else [ord(separator)]
    found: NDArray[np.bool_] = data <= _BLANK
    for mark in marks:
        found |= data == mark
    return found


def _joined(content: bytes, spans: Spans) -> bytes:
    """The rows alone, copied in as few pieces as they stand together in."""
    if not len(spans.starts):
        return b""
    breaks = np.flatnonzero(spans.starts[1:] != spans.ends[:-1] + 1)
    first = spans.starts[np.concatenate([[0], breaks + 1])].tolist()
    last = spans.ends[np.concatenate([breaks, [len(spans.ends) - 1]])].tolist()
    if len(first) == 1 and first[0] == 0 and last[0] == len(content) - 1:
        return content
    return b"".join(content[start : end + 1] for start, end in zip(first, last, strict=True))
