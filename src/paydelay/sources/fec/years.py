"""Which fiscal year each file is, which company's, and which follows which."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

import polars as pl

from paydelay.errors import LedgerError
from paydelay.sources.draft import Draft
from paydelay.sources.fec.entries import journal_natures
from paydelay.sources.fec.lines import Books

_NAME = re.compile(r"^(\d{9})FEC(\d{4})(\d{2})(\d{2})", re.IGNORECASE)
_GAP_DAYS_MAX = 45
_YEAR_DAYS_MAX = 366
_COMPANY_STEP = 1_000
_APART_DAYS = 31
"""No month of a fiscal year is without entries: a day farther off than that is mistyped."""


@dataclass(frozen=True)
class Years:
    """Files in the order of their years.

    Parameters
    ----------
    rank : dict of int to int
        By file number: its place in time, a thousand apart for another company.
    company : dict of int to str
        By file number: the SIREN of its name, empty where the name has none.
    continued : list of int
        Ranks of files whose year before is given too.
    """

    rank: dict[int, int]
    company: dict[int, str]
    continued: list[int]

    @property
    def several_companies(self) -> bool:
        """Whether the files are of more than one company."""
        return len(set(self.company.values())) > 1

    def reranked(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows whose column ``file`` is their year's place in time."""
        return rows.with_columns(
            company=pl.col("file").replace_strict(self.company, return_dtype=pl.String),
            file=pl.col("file").replace_strict(self.rank, return_dtype=pl.Int32),
        )


def order_years(draft: Draft, books: Books) -> Years:
    """Put the files in order; years that overlap or leave one out are refused.

    Parameters
    ----------
    draft : Draft
        Gets what was noticed of names and years.
    books : Books
        Lines of all files.

    Returns
    -------
    Years

    Raises
    ------
    LedgerError
        If two files cover the same days, or a year between two is not given.
    """
    columns = ["file", "journal", "day"]
    opens = journal_natures(books).filter(pl.col("nature") == "opening")
    days = pl.concat([books.customers.select(columns), books.others.select(columns)]).drop_nulls()
    # A detailed opening balance bears the dates of its documents, which are of earlier years.
    periods = _bulk(days.join(opens, on=["file", "journal"], how="anti"))
    # A year that was opened and no more has a day: without one its opening would count as new debt.
    opened = {
        file: _day_opened(draft.files[file].label, last)
        for file, (_, last) in _bulk(days).items()
        if file not in periods
    }
    periods |= {file: (day, day) for file, day in opened.items()}
    company = {}
    for number, source in enumerate(draft.files):
        named = _NAME.match(source.label)
        company[number] = named.group(1) if named else ""
        if number in periods:
            first, last = periods[number]
            begin, end = _span(days.filter(pl.col("file") == number)["day"], first, last, number in opened)
            source.details |= {"first_day": begin.isoformat(), "last_day": end.isoformat()}
            # Of a year that was only opened the name may be that of the next one, in which it closes.
            if named and number not in opened and int(named.group(2)) not in (first.year, last.year):
                draft.assume("fec.name_of_another_year", file=source.label, first=first, last=last)
    named_companies = set(company.values()) - {""}
    if len(named_companies) == 1:
        # A file that was renamed is the same company's: as another's, its year would count twice.
        company = dict.fromkeys(company, *named_companies)
    several = sorted(set(company.values()))
    if len(several) > 1:
        # One whose file bears no number has none to be told.
        names = ", ".join(filter(None, several))
        draft.assume("fec.several_companies", n=len(several), companies=names)
    rank, continued = {number: _COMPANY_STEP * 900 + number for number in company}, []
    for place, owner in enumerate(several):
        own = sorted((file for file in periods if company[file] == owner), key=lambda file: periods[file])
        for position, file in enumerate(own):
            rank[file] = place * _COMPANY_STEP + position
            if position:
                _check_adjacent(draft, own[position - 1], file, periods)
                continued.append(rank[file])
    _refuse_repeated(draft, books, opens, company)
    return Years(rank, company, continued)


def _bulk(days: pl.DataFrame) -> dict[int, tuple[date, date]]:
    """By file the first and last of most of its days: one mistyped date is no other year."""
    ends = (
        pl.col("day").quantile(share, "nearest").cast(pl.Date).alias(name)
        for name, share in (("first", 0.005), ("last", 0.995))
    )
    return {file: (first, last) for file, first, last in days.group_by("file").agg(*ends).iter_rows()}


def _span(days: pl.Series, first: date, last: date, opened: bool) -> tuple[date, date]:
    """First and last day as they are told: all but mistyped ones, which lie apart from the others."""
    if opened:
        return first, last
    # As numbers: the year of a mistyped date may be the first or the last that there is.
    number, ends = days.to_physical(), pl.Series([first, last]).to_physical()
    near = days.filter((number >= ends[0] - _APART_DAYS) & (number <= ends[1] + _APART_DAYS))
    begin, end = near.min(), near.max()
    return (begin, end) if isinstance(begin, date) and isinstance(end, date) else (first, last)


def _refuse_repeated(draft: Draft, books: Books, opens: pl.DataFrame, company: dict[int, str]) -> None:
    """Refuse files that share entries: what stands in two of them would count twice."""
    owner = pl.col("file").replace_strict(company, return_dtype=pl.String)
    lines = books.customers.join(opens, on=["file", "journal"], how="anti").with_columns(company=owner)
    key = ["company", "journal", "entry_number", "day", "account", "auxiliary", "document", "cents"]
    repeated = lines.group_by(key).agg(pl.col("file").unique().sort(), pl.len())
    repeated = repeated.filter(pl.col("file").list.len() > 1).sort("day", "entry_number")
    if repeated.height:
        first, second = (draft.files[number].label for number in repeated["file"][0][:2])
        raise LedgerError(
            f"{first} and {second} share {repeated.height} lines of customers, the first of "
            f"{repeated['day'][0]}, which would count twice; give one file per fiscal year."
        )


def _check_adjacent(draft: Draft, before: int, after: int, periods: dict[int, tuple[date, date]]) -> None:
    labels = draft.files[before].label, draft.files[after].label
    gap_days = (periods[after][0] - periods[before][1]).days
    if gap_days <= 0:
        raise LedgerError(
            f"{labels[0]} and {labels[1]} cover the same days, so that their entries would count twice; give "
            "one file per fiscal year."
        )
    # Books that rest in winter have no entries there; their names say when a year closed.
    closings = [_closing_day(label) for label in labels]
    if closings[0] and closings[1] and 0 < (closings[1] - closings[0]).days <= _YEAR_DAYS_MAX:
        return
    if gap_days > _GAP_DAYS_MAX:
        raise LedgerError(
            f"{labels[0]} ends on {periods[before][1]} and {labels[1]} begins on {periods[after][0]}; give "
            "the fiscal year between them, or the later one alone."
        )


def _day_opened(label: str, last: date) -> date:
    """The day of an opening, whose documents may be of the year before: then the name says it."""
    closing = _closing_day(label)
    if closing is None or closing.year <= last.year - 1:
        return last
    month = closing.year * 12 + closing.month - 12
    first = date(month // 12, month % 12 + 1, 1)
    return first if 0 < (first - last).days < _YEAR_DAYS_MAX - 1 else last


def _closing_day(label: str) -> date | None:
    """The day in a file's name on which its year closed."""
    named = _NAME.match(label)
    try:
        return date(*map(int, named.groups()[1:])) if named else None
    except ValueError:
        return None
