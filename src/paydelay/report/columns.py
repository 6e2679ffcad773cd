"""Columns and lines of a terminal that are laid out here, since rich breaks lines at no-break spaces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

GAP = "  "
_NAME_WIDTH_MIN = 8
_RULE = "─"
# What stands in where a terminal does not write UTF-8.
_PLAIN = str.maketrans({"\u202f": " ", "\u00a0": " ", "–": "-", "’": "'", _RULE: "-"})


@dataclass(frozen=True)
class Column:
    """A column of texts.

    Parameters
    ----------
    cells : sequence of str
        One per row; folded on to several lines where they are too wide.
    heading : str
        Broken between its words.
    left : bool
        Whether the cells stand to the left: names do, figures do not.
    spare : int
        Where the terminal is narrow, the column with the largest number goes
        first; 0 stays.
    width_max : int
        Widest that the cells may make the column.
    """

    cells: Sequence[str]
    heading: str = ""
    left: bool = False
    spare: int = 0
    width_max: int = 1000

    @property
    def width(self) -> int:
        """Cells of the terminal it takes."""
        widest = min(max(map(text_width, self.cells), default=0), self.width_max)
        return max(widest, *map(text_width, [*self.heading.split(" "), ""]))


class Lines:
    """Writes lines that are as wide as the terminal at most, in characters it can show.

    Parameters
    ----------
    console : rich.console.Console
        Where they are written to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self.width = console.width

    def text(self, text: str, style: str = "", indent: str = "", hanging: str = "") -> None:
        """Write a text broken between words; further lines stand under what hangs before the first."""
        for number, part in enumerate(wrapped(text, self.width - len(indent) - len(hanging))):
            self.line(indent + (" " * len(hanging) if number else hanging) + part, style)

    def line(self, text: str = "", style: str = "") -> None:
        """Write one line as it is."""
        from rich.text import Text

        # A Text, because in a str rich looks for markup and emoji: names from files may look like both.
        self._console.print(Text(_writable(text, self._console.encoding), style), soft_wrap=True)

    def rule(self, columns: Sequence[Column]) -> None:
        """Write a line as long as the columns are wide."""
        self.line(_RULE * min(self.width, _total_width(columns)), "dim")

    def grid(self, columns: Sequence[Column], indent: str = "") -> None:
        """Write columns, with their headings where they have any."""
        kept = fitting(columns, self.width - len(indent))
        if any(column.heading for column in kept):
            for line in heading_lines(kept):
                self.line(indent + line, "dim")
        for number in range(len(columns[0].cells)):
            for line in row_lines(kept, number):
                self.line(indent + line)


def _writable(text: str, encoding: str) -> str:
    """The text in an encoding that may lack French spaces or a customer's letters."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    return text


def text_width(text: str) -> int:
    """Cells of the terminal that a text takes: wide characters take two."""
    from rich.cells import cell_len

    return cell_len(text)


def wrapped(text: str, width: int) -> list[str]:
    """Lines broken at plain spaces only; a word wider than a line is folded.

    Parameters
    ----------
    text : str
        One paragraph.
    width : int
        Cells of a line.

    Returns
    -------
    list of str
        At least one line.

    Examples
    --------
    >>> wrapped("Pays on average 23 days late", 12)
    ['Pays on', 'average 23', 'days late']
    """
    lines = [""]
    for word in text.split(" "):
        for piece in _folded(word, max(width, 1)):
            joined = f"{lines[-1]} {piece}" if lines[-1] else piece
            if text_width(joined) <= width:
                lines[-1] = joined
            else:
                lines.append(piece)
    return lines


def _folded(word: str, width: int) -> Iterator[str]:
    part = ""
    for character in word:
        if part and text_width(part + character) > width:
            yield part
            part = ""
        part += character
    yield part


def _total_width(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + len(GAP) * (len(columns) - 1)


def fitting(columns: Sequence[Column], width: int) -> list[Column]:
    """The columns that fit side by side: some can be spared, then names are folded.

    Parameters
    ----------
    columns : sequence of Column
        All there are.
    width : int
        Of the terminal.

    Returns
    -------
    list of Column
        In the same order.
    """
    kept = list(columns)
    while _total_width(kept) > width and any(column.spare for column in kept):
        kept.remove(max(kept, key=lambda column: column.spare))
    surplus = _total_width(kept) - width
    if surplus > 0:
        name = max((column for column in kept if column.left), key=lambda column: column.width)
        narrow = max(name.width - surplus, _NAME_WIDTH_MIN)
        kept[kept.index(name)] = replace(name, width_max=narrow)
    return kept


def heading_lines(columns: Sequence[Column]) -> list[str]:
    """The headings, standing on the line below them."""
    words = [wrapped(column.heading, column.width) for column in columns]
    height = max(map(len, words))
    padded = [[""] * (height - len(lines)) + lines for lines in words]
    return [_joined(columns, line) for line in zip(*padded, strict=True)]


def row_lines(columns: Sequence[Column], number: int) -> list[str]:
    """One row: a line, or more where a name is folded."""
    cells = [wrapped(column.cells[number], column.width) for column in columns]
    return [_joined(columns, line) for line in zip_longest(*cells, fillvalue="")]


def _joined(columns: Sequence[Column], cells: Sequence[str]) -> str:
    padded = []
    for column, cell in zip(columns, cells, strict=True):
        space = " " * (column.width - text_width(cell))
        padded.append(cell + space if column.left else space + cell)
    return GAP.join(padded).rstrip()
