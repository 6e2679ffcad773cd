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

from paydelay.errors import LedgerError
from paydelay.sources.encoding import Block
from paydelay.sources.spans import BLANK, Places, Spans, filled, joined, plain_spans, quoted_spans

LINE_NUMBER = "__paydelay_line_number"
"""1-based number of a row's first line in its file, the header counted."""
CELL_FLAW = "__paydelay_cell_flaw"
"""Rule a line breaks before any cell is read, or null."""
SEPARATORS = ("\t", "|", ";", ",")

RECORD_LINES_MAX = 50
"""Lines a row may take up; a quote that is not closed by then is a flaw of its line alone."""
_EXTRA_CELLS_MAX = 50
_QUOTE = ord('"')
_BLANKS = "".join(map(chr, range(BLANK + 1)))


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
            return self._framed(content, plain_spans(content, self.separator), line, []), len(content)
        if spans := quoted_spans(content, self.separator, RECORD_LINES_MAX, last=last):
            return self._framed(content, spans, line, [], quotes=True), int(spans.ends[-1]) + 1
        return self._careful(content, line, last)

    # ---- Rows read one by one -----------------------------------------------------------------

    def _careful(self, content: bytes, line: int, last: bool) -> tuple[pl.DataFrame, int]:
        """A block of which some quote is not as it should be: a malformed line costs that line only."""
        spans = plain_spans(content, self.separator)
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
        spans = filled(content, spans, self.separator, quotes=quotes)
        frames = []
        for width in np.unique(spans.cells).tolist():
            same = spans.only(spans.cells == width)
            if self._width_named <= width <= len(self.header) + _EXTRA_CELLS_MAX:
                frames.append(self._parsed(joined(content, same), same.lines + line, width, quotes))
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
