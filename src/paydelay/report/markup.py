"""HTML in which nothing can be forgotten to be escaped: a text is escaped unless it is Markup."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from paydelay.report.content import clean

# Whatever a name from a file would smuggle in, a browser loads and runs nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_EMPTY_TAGS = frozenset({"br", "col", "hr", "meta"})


class Markup(str):
    """HTML that is ready to stand in a page."""

    __slots__ = ()


Inside = str | None


def tag(name: str, /, *inside: Inside, **attributes: str | None) -> Markup:
    """An element with what is inside it; every text that is not Markup is escaped.

    Parameters
    ----------
    name : str
        Of the element.
    *inside : str, Markup or None
        Texts and elements; None is nothing.
    **attributes : str or None
        Underscores stand for dashes and a last one is dropped (``class_``,
        ``aria_label``); None leaves the attribute out.

    Returns
    -------
    Markup

    Examples
    --------
    >>> tag("td", "<b>", tag("bdi", "Dupont & fils"), class_="name")
    '<td class="name">&lt;b&gt;<bdi>Dupont &amp; fils</bdi></td>'
    """
    given = "".join(
        f' {key.removesuffix("_").replace("_", "-")}="{escape(clean(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _EMPTY_TAGS:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{together(inside)}</{name}>")


def together(parts: Iterable[Inside]) -> Markup:
    """Texts and elements one after the other, escaped where they are not Markup."""
    return Markup(
        "".join(
            part if isinstance(part, Markup) else escape(clean(part)) for part in parts if part is not None
        )
    )


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    heading : str
        Shown on top, and beside each cell where the page is as narrow as a phone.
    number : bool
        Whether its cells stand to the right.
    """

    heading: str
    number: bool = False


def cell(column: Column, *inside: Inside, first: bool = False) -> Markup:
    """A cell of a row; the first one names the row."""
    # The roles keep it a table for a screen reader where style.css lays it out as cards.
    return tag(
        "th" if first else "td",
        *inside,
        role="rowheader" if first else "cell",
        scope="row" if first else None,
        class_="number" if column.number else None,
        data_label=column.heading,
    )


def table(caption: str, columns: list[Column], body: Iterable[Markup], class_: str | None = None) -> Markup:
    """A table with a caption for those who cannot see what stands above it.

    Parameters
    ----------
    caption : str
        What the table shows.
    columns : list of Column
        From the left.
    body : iterable of Markup
        Rows, or groups of rows.
    class_ : str, optional
        How style.css knows it.

    Returns
    -------
    Markup
    """
    headings = [
        tag(
            "th",
            column.heading,
            scope="col",
            role="columnheader",
            class_="number" if column.number else None,
        )
        for column in columns
    ]
    return tag(
        "table",
        tag("caption", caption, class_="unseen"),
        tag("thead", tag("tr", *headings, role="row"), role="rowgroup"),
        *body,
        class_=class_,
        role="table",
    )


def row(*cells: Markup, class_: str | None = None) -> Markup:
    """A row of a table."""
    return tag("tr", *cells, role="row", class_=class_)


def bar(share: float, class_: str | None = None) -> Markup:
    """A bar as long as a share of its cell; its figure stands beside it, so it is hidden from speech."""
    width = f"{100.0 * min(max(share, 0.0), 1.0):.1f}%"
    filled = tag("span", class_=class_, style=f"width:{width}")
    return tag("span", filled, class_="bar", aria_hidden="true")


def section(name: str, heading: str, *inside: Inside) -> Markup:
    """A part of a page that can be linked to, named by its heading."""
    return tag("section", tag("h2", heading, id=f"{name}-h"), *inside, id=name, aria_labelledby=f"{name}-h")


def links(label: str, headings: dict[str, str]) -> Markup:
    """Links to the sections of a page, by their names."""
    items = [tag("li", tag("a", heading, href=f"#{name}")) for name, heading in headings.items()]
    return tag("nav", tag("ul", *items), aria_label=label)


def document(title: str, body: Markup, language: str) -> str:
    """A whole page that needs nothing else: no network, no script, no other file.

    Parameters
    ----------
    title : str
        Shown by the browser.
    body : Markup
        The element of that name.
    language : str
        Of the texts.

    Returns
    -------
    str
    """
    style = (files("paydelay.report") / "style.css").read_text("utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("title", title),
        tag("style", Markup(style)),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang=language)}\n"
