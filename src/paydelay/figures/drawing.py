"""Sheets to draw on and the SVG they become; the one module that imports matplotlib."""

from __future__ import annotations

import hashlib
import io
import re
import textwrap
import warnings
from collections.abc import Callable
from datetime import date
from html import escape
from typing import TYPE_CHECKING, Any

from paydelay.language import format_share, phrase
from paydelay.preflight import importing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

# The page's own colours, told apart with any kind of sight; the dark ones come from its style sheet.
INK, SOFT, LINE, CARD = "#17212b", "#56636f", "#dde2e7", "#ffffff"
OURS, THEIRS, THIRD, FOURTH = "#0b5c6b", "#a63a12", "#bd8416", "#6f879a"
_VARIABLES = {
    INK: "--ink",
    SOFT: "--soft",
    LINE: "--line",
    CARD: "--card",
    OURS: "--accent",
    THEIRS: "--late",
    THIRD: "--age-1",
    FOURTH: "--age-0",
}
_WIDTH = 5.6
_TITLE_LETTERS = 66
TEXT_SIZE = 9.0
_FONT = "DejaVu Sans"
# What a page is set in; narrower than the font that the places are measured with.
_PAGE_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', Arial, sans-serif"
_DATES_MAX = 6


def check_drawing() -> None:
    """Say what to install where matplotlib is missing, before any work is done for a figure.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    with importing("Drawing a figure"):
        import matplotlib.figure  # noqa: F401 - only whether it is there


def sheet(title: str, height: float, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """An empty figure with its title, and its axes from the top.

    Parameters
    ----------
    title : str
        What is to be seen, in words.
    height : float
        Inches; every sheet is 5.6 wide.
    rows : int
        Axes one below the other, which share what is across.

    Returns
    -------
    (matplotlib.figure.Figure, list of matplotlib.axes.Axes)
    """
    with importing("Drawing a figure"):
        from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, height), layout="constrained", facecolor="none")
    lines = textwrap.wrap(title, _TITLE_LETTERS)
    figure.suptitle(
        "\n".join(lines), x=0.01, ha="left", fontsize=TEXT_SIZE + 1.5, color=INK, parse_math=False
    )
    axes = [axis for (axis,) in figure.subplots(rows, 1, sharex=True, squeeze=False)]
    for axis in axes:
        axis.set_facecolor("none")
        axis.tick_params(colors=SOFT, labelsize=TEXT_SIZE, length=0)
        axis.grid(color=LINE, linewidth=0.6)
        axis.set_axisbelow(True)
        for side, spine in axis.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(LINE)
    return figure, axes


def label(axis: Axes, across: str = "", up: str = "") -> None:
    """Say what the axes are and in which unit."""
    axis.set_xlabel(across, fontsize=TEXT_SIZE, color=SOFT, parse_math=False)
    axis.set_ylabel(up, fontsize=TEXT_SIZE, color=SOFT, parse_math=False)


def below(figure: Figure, across: str) -> None:
    """Say what is across below the whole sheet, where names leave the axes little room."""
    figure.supxlabel(across, fontsize=TEXT_SIZE, color=SOFT, parse_math=False)


def in_percent(language: str) -> Callable[[float, Any], str]:
    """How ticks that are shares are written."""
    return lambda value, _position: format_share(value, language, 0)


def write(axis: Axes, across: float, up: float, text: str, color: str = INK, **more: Any) -> Text:
    """A text on a sheet; a dollar in it is a dollar and no formula."""
    given = {"fontsize": TEXT_SIZE, "va": "center", **more}
    return axis.text(across, up, text, color=color, parse_math=False, **given)


def days_across(axis: Axes, days: list[date], language: str) -> None:
    """Mark at most six of the days, by month and year where they span more than one year."""
    chosen = sorted({days[round(at * (len(days) - 1) / max(_DATES_MAX - 1, 1))] for at in range(_DATES_MAX)})
    long = bool(days) and (days[-1] - days[0]).days > 366
    names = []
    for day in chosen:
        month = phrase(f"month_short.{day.month}", language)
        names.append(f"{month} {day.year}" if long else f"{day.day} {month}")
    axis.set_xticks([float(day.toordinal()) for day in chosen], names)


def svg(figure: Figure) -> str:
    """A figure as SVG to stand in an HTML page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        One of this package's.

    Returns
    -------
    str
        An ``svg`` element: the same figure gives the same text, its texts are texts, it
        loads nothing, its title is there for those who cannot see it, and its colours
        follow the page's where that has a dark side.

    Examples
    --------
    >>> from paydelay.figures.drawing import sheet, svg
    >>> text = svg(sheet("Nothing yet", 1.0)[0])
    >>> text[:27], text.count("Nothing yet")
    ('<svg class="drawing" role="', 2)
    """
    with importing("Drawing a figure"):
        from matplotlib import rc_context

    title = " ".join(figure.get_suptitle().split())
    # Two figures of a page must not share the names of their parts.
    salt = hashlib.sha256(title.encode("utf-8")).hexdigest()[:12]
    drawn = io.StringIO()
    settings: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": salt,
        "font.family": "sans-serif",
        "font.sans-serif": [_FONT],
        "axes.unicode_minus": True,
    }
    with rc_context(settings), warnings.catch_warnings():
        # A browser has letters that the font lacks which the places are measured with.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        figure.savefig(drawn, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return _inline(drawn.getvalue(), title, salt)


def _inline(text: str, title: str, salt: str) -> str:
    """What a page needs of an SVG file: no namespaces, names or styles that reach beyond it."""
    view = re.search(r'viewBox="([^"]*)"', text)
    inside = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    for pattern, put in (
        (r"<metadata>.*?</metadata>", ""),
        (r"<style[^>]*>.*?</style>", ""),
        (r"<!--.*?-->", ""),
        (r"<defs>\s*</defs>", ""),
        (r'<g id="[^"]*"', "<g"),
        (r"xlink:href", "href"),
        (r"font-family: [^;\"]*;? ?", ""),
        (r"#[0-9a-f]{6}\b", _themed),
        (r">\s*\n\s*<", ">\n<"),
    ):
        inside = re.sub(pattern, put, inside, flags=re.DOTALL)
    # Names of clip paths come from where an object lies in memory: numbers are the same every time.
    for number, name in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]*)"', inside))):
        inside = inside.replace(f'id="{name}"', f'id="d{salt}-{number}"').replace(
            f"#{name}", f"#d{salt}-{number}"
        )
    head = (
        f'<svg class="drawing" role="img" viewBox="{view[1] if view else ""}" '
        f'style="stroke-linejoin: round; stroke-linecap: butt; font-family: {_PAGE_FONT}">'
    )
    return f"{head}<title>{escape(title)}</title>{inside.strip()}</svg>"


def _themed(colour: re.Match[str]) -> str:
    """The page's variable of a colour, and the colour itself where there is no such page."""
    name = _VARIABLES.get(colour[0])
    return f"var({name}, {colour[0]})" if name else colour[0]
