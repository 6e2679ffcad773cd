"""Any files, sheets and database tables that a declared mapping describes.

Lines are converted to typed columns batch by batch: at no time are all cells there
as text. Tables that take the same lines are made of one reading of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from paydelay.errors import ConfigError, LedgerError
from paydelay.sources.conversion import MONEY_COLUMNS, Batch, Converted, convert, meets
from paydelay.sources.draft import LINE, Draft, line_of
from paydelay.sources.mapped_account import MARK, OPEN_AMOUNT, Progress, finish, stated_cents
from paydelay.sources.mapped_sources import Source, sources_of
from paydelay.sources.mapping import NEEDED, Mapping
from paydelay.sources.mapping_file import load_mapping
from paydelay.sources.opening import OpenTable, open_table
from paydelay.sources.options import ImportOptions
from paydelay.sources.terms import Terms, due_after, terms_of
from paydelay.sources.text import CELL_FLAW, LINE_NUMBER, DelimitedText
from paydelay.sources.values import as_text, bears_another, mark_of
from paydelay.sources.workbook import number_in

_KEPT = "__paydelay_kept"
_FLAW = "__paydelay_flaw"
_DUE_FROM = "__paydelay_due_from"
_NO_CURRENCY = "__paydelay_no_currency"


def read(files: Sequence[Path | str], options: ImportOptions) -> Draft:
    r"""Draft of a ledger as a mapping declares it.

    Parameters
    ----------
    files : sequence of Path or str
        Files; text is the address of a database.
    options : ImportOptions
        ``mapping`` is needed; ``terms_days``, ``terms``, ``currency`` and
        ``export_date`` fill in what the source does not say.

    Returns
    -------
    Draft

    Raises
    ------
    ConfigError
        If there is no mapping, or it cannot be used.
    LedgerError
        If a file is not what the mapping says, or lacks a column.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "book.csv").write_text("No;Client;Date;Due;Total\nF1;C1;02/01/2024;01/02/2024;99,50\n")
    >>> _ = (folder / "book.yaml").write_text('''
    ... date_format: DD/MM/YYYY
    ... decimal: ","
    ... invoices:
    ...   columns:
    ...     invoice_id: No
    ...     customer_id: Client
    ...     issue_date: Date
    ...     due_date: Due
    ...     amount: Total
    ...     currency: {constant: EUR}
    ... ''')
    >>> draft = read([folder / "book.csv"], ImportOptions(mapping=folder / "book.yaml"))
    >>> draft.tables["invoices"]["invoice_id", "due_date", "amount"].row(0)
    ('F1', datetime.date(2024, 2, 1), 99.5)
    """
    if options.mapping is None:
        raise ConfigError(
            "The kind csv needs a mapping that says which column is which: give --mapping FILE, and let "
            "--guess propose one."
        )
    mapping = load_mapping(options.mapping)
    terms = terms_of(options)
    _check_options(mapping, options, terms)
    draft = Draft("csv", reporting_currency=options.reporting_currency or mapping.reporting_currency)
    progress = Progress()
    for source in sources_of(files, mapping):
        _read_source(draft, source, options, terms, progress)
    finish(draft, mapping, options, terms, progress)
    return draft


def _check_options(mapping: Mapping, options: ImportOptions, terms: Terms) -> None:
    columns = mapping.invoices.columns
    if "currency" not in columns and options.currency is None:
        raise ConfigError(
            "The mapping does not say in which currency invoices are; add 'currency: {constant: EUR}' or "
            "its column to invoices.columns, or give --currency."
        )
    if "due_date" not in columns and not terms.known:
        raise ConfigError(
            "The mapping names no due date; add its column, or {column: ISSUE_DATE, plus_days: 30}, to "
            "invoices.columns, or give --terms-days or --terms."
        )


def _read_source(
    draft: Draft,
    source: Source,
    options: ImportOptions,
    terms: Terms,
    progress: Progress,
) -> None:
    opened = open_table(source.path, source.place)
    names = source.columns(opened.header, opened.label)
    number = draft.add_file(opened.label, **_details(opened))
    used = set(names.values())
    progress.unused[opened.label] = [name for name in opened.header if name and name not in used]
    progress.shares_customers |= "customers" in source.tables and len(source.tables) > 1
    asked = sorted(used) + [number_in(name) for name in sorted(used)]
    # An address without a column of its own would give no lines at all.
    for batch in opened.batches(asked if used else None):
        draft.files[number].read += batch.height
        rows = _plain_types(batch, used, opened.label).with_columns(line_of(number, LINE_NUMBER))
        draft.refuse(rows.filter(pl.col(CELL_FLAW).is_not_null()), pl.col(CELL_FLAW), None, None)
        # Once here, not in every expression that looks at a cell.
        texts = [name for name in rows.columns if rows.schema[name] == pl.String and name != CELL_FLAW]
        sound = rows.filter(pl.col(CELL_FLAW).is_null()).with_columns(
            as_text(name).alias(name) for name in texts
        )
        at_hand = Batch(sound.schema, names, iso_dates=not isinstance(opened, DelimitedText))
        _take(draft, source, _in_scope(draft, sound, source, at_hand), at_hand, options, terms, progress)


def _plain_types(batch: pl.DataFrame, used: set[str], label: str) -> pl.DataFrame:
    """The rows, bytes as the text they are; other types that hold no single value are refused."""
    for name in sorted(used):
        kind = batch.schema[name]
        try:
            # Some writers of Parquet do not say that their bytes are text.
            batch = batch.cast({name: pl.String}) if kind == pl.Binary else batch
            usable = not kind.is_nested() and kind != pl.Object
        except pl.exceptions.PolarsError:
            usable = False
        if not usable:
            raise LedgerError(
                f"The column '{name}' of {label} is of type {kind.base_type()}; a ledger is made of text, "
                "numbers and days."
            )
    return batch


def _details(opened: OpenTable) -> dict[str, str]:
    # Text files tell how they are written.
    return dict(getattr(opened, "details", {}))


def _in_scope(draft: Draft, rows: pl.DataFrame, source: Source, batch: Batch) -> pl.DataFrame:
    """Lines that some table keeps, with which; the others are counted under their reason."""
    kept = {
        name: pl.all_horizontal([meets(condition, batch) for condition in table.keep])
        if table.keep
        else pl.lit(True)
        for name, table in source.tables.items()
    }
    rows = rows.with_columns(*(keeps.alias(f"{_KEPT}.{name}") for name, keeps in kept.items()))
    any_of = pl.any_horizontal([pl.col(f"{_KEPT}.{name}") for name in kept])
    out = rows.filter(~any_of)
    if not out.height:
        return rows
    # What the first table, the invoices where they come from here, says of them.
    for condition in next(iter(source.tables.values())).keep:
        failed = ~meets(condition, batch)
        draft.leave_out(out.filter(failed), f"mapped.{condition.reason}")
        out = out.filter(~failed)
    return rows.filter(any_of)


def _take(
    draft: Draft,
    source: Source,
    rows: pl.DataFrame,
    batch: Batch,
    options: ImportOptions,
    terms: Terms,
    progress: Progress,
) -> None:
    """Typed rows of every table; a line with a flaw in any of them is refused as a whole."""
    converted = {
        name: {
            column: convert(column, cell, table, batch)
            for column, cell in (*table.columns.items(), *table.extras.items(), *table.check.items())
        }
        for name, table in source.tables.items()
    }
    lacks_currency = pl.lit(False)
    if "invoices" in converted:
        lacks_currency = _fill_currency(converted["invoices"], options)
        _compare_currency(converted, batch)
    typed = _typed(rows, converted).with_columns(lacks_currency.alias(_NO_CURRENCY))
    flaws = [flaw for name, columns in converted.items() for flaw in _flaws(name, columns)]
    typed = typed.with_columns(
        pl.coalesce(
            *(pl.when(broken).then(pl.lit(at, pl.Int16)) for at, (_, _, broken) in enumerate(flaws)),
            pl.lit(None, pl.Int16),
        ).alias(_FLAW),
    )
    reasons = [(rule, column) for rule, column, _ in flaws]
    if "invoices" in converted:
        due = converted["invoices"].get("due_date")
        typed = _with_due_date(typed, terms, len(reasons))
        reasons.append(("missing_value", (due.column if due else None) or "due_date"))
    typed = _set_back(typed, source, progress)
    identifier = next((_own(t, "invoice_id") for t in converted if "invoice_id" in converted[t]), None)
    broken_lines = typed.filter(pl.col(_FLAW).is_not_null())
    for at in broken_lines[_FLAW].unique().sort():
        rule, column = reasons[at]
        draft.refuse(broken_lines.filter(pl.col(_FLAW) == at), rule, column or None, identifier)
    _keep(typed.filter(pl.col(_FLAW).is_null()), source, batch, progress)


def _own(table: str, column: str) -> str:
    """Name of a typed column beside those of the source."""
    return f"__paydelay_{table}.{column}"


def _typed(rows: pl.DataFrame, converted: dict[str, dict[str, Converted]]) -> pl.DataFrame:
    """The lines with their typed columns; what two tables take alike is converted once."""
    first: dict[str, str] = {}
    values, repeated = [], []
    for name, columns in converted.items():
        for column, cell in columns.items():
            key = cell.value.meta.serialize(format="json") if cell.column else ""
            if key and key in first:
                repeated.append(pl.col(first[key]).alias(_own(name, column)))
            else:
                first[key] = _own(name, column)
                values.append(cell.value.alias(_own(name, column)))
    return rows.with_columns(values).with_columns(repeated)


def _fill_currency(columns: dict[str, Converted], options: ImportOptions) -> pl.Expr:
    """Put the currency of the options where there is none, and tell which lines that concerns."""
    if options.currency is None:
        return pl.lit(False)
    own = columns.get("currency")
    filled = pl.lit(options.currency)
    if own is None:
        columns["currency"] = Converted(filled, None)
        return pl.lit(True)
    columns["currency"] = Converted(own.value.fill_null(filled), own.column)
    return own.value.is_null()


def _compare_currency(converted: dict[str, dict[str, Converted]], batch: Batch) -> None:
    """Make a flaw of amounts that bear the sign of another currency than the line's own."""
    if "currency" not in converted["invoices"]:
        return
    for columns in converted.values():
        for name in MONEY_COLUMNS & columns.keys():
            amount = columns[name]
            if amount.column is not None:
                other = bears_another(batch.text(amount.column), pl.col(_own("invoices", "currency")))
                flaw = ("currency_contradicted", amount.column, other)
                columns[name] = replace(amount, flaws=(*amount.flaws, flaw))


def _flaws(name: str, columns: dict[str, Converted]) -> list[tuple[str, str, pl.Expr]]:
    """Rules that cells of a table may break: what is unreadable, then what is missing."""
    kept = pl.col(f"{_KEPT}.{name}")
    found = []
    for column, cell in columns.items():
        if cell.needs is not None:
            unreadable = cell.needs & pl.col(_own(name, column)).is_null()
            found.append((cell.rule, cell.column or column, kept & unreadable.fill_null(False)))
        found += [(rule, at, kept & broken.fill_null(False)) for rule, at, broken in cell.flaws]
    for column in (*NEEDED[name], *(["currency"] if name == "invoices" else [])):
        if column in columns:
            missing = pl.col(_own(name, column)).is_null()
            found.append(("missing_value", columns[column].column or column, kept & missing))
    return found


def _with_due_date(typed: pl.DataFrame, terms: Terms, missing: int) -> pl.DataFrame:
    """Due dates, of terms where none is given; a line left without one has a flaw."""
    own_due = _own("invoices", "due_date")
    due, issue = pl.col(own_due), pl.col(_own("invoices", "issue_date"))
    if own_due not in typed.columns:
        typed = typed.with_columns(pl.lit(None, pl.Date).alias(own_due))
    typed = typed.with_columns(pl.when(due.is_not_null()).then(pl.lit("given")).alias(_DUE_FROM))
    standing_in: list[tuple[str, pl.Expr]] = []
    if terms.by_customer is not None:
        days, month_end = "__paydelay_terms_days", "__paydelay_end_of_month"
        table = terms.by_customer.select(
            pl.col("customer_id").alias(_own("invoices", "customer_id")),
            pl.col("terms_days").alias(days),
            pl.col("end_of_month").alias(month_end),
        )
        typed = typed.join(table, on=_own("invoices", "customer_id"), how="left", maintain_order="left")
        standing_in.append(("terms_table", due_after(issue, pl.col(days), pl.col(month_end))))
    if terms.days is not None:
        standing_in.append(("terms_days", due_after(issue, pl.lit(terms.days), terms.end_of_month)))
    for whence, day in standing_in:
        typed = typed.with_columns(
            pl.coalesce(due, day).alias(own_due),
            pl.coalesce(_DUE_FROM, pl.when(day.is_not_null()).then(pl.lit(whence))).alias(_DUE_FROM),
        )
    lacking = pl.col(f"{_KEPT}.invoices") & due.is_null()
    return typed.with_columns(
        pl.coalesce(_FLAW, pl.when(lacking).then(pl.lit(missing, pl.Int16))).alias(_FLAW)
    )


def _set_back(typed: pl.DataFrame, source: Source, progress: Progress) -> pl.DataFrame:
    """Estimated dates that lie after another date of their line, set back to it."""
    for name, table in source.tables.items():
        for column, cell in table.columns.items():
            if cell.not_after is None:
                continue
            own, bound = pl.col(_own(name, column)), pl.col(_own(name, cell.not_after))
            later = pl.col(f"{_KEPT}.{name}") & pl.col(_FLAW).is_null() & (own > bound)
            count = int(typed.select(later.fill_null(False).sum()).item())
            progress.changed_dates[column, cell.not_after] += count
            if count:
                typed = typed.with_columns(pl.min_horizontal(own, bound).alias(_own(name, column)))
    return typed


def _keep(typed: pl.DataFrame, source: Source, batch: Batch, progress: Progress) -> None:
    """Rows of the tables out of the sound lines, and counts of what had to be settled."""
    for name, table in source.tables.items():
        rows = typed.filter(pl.col(f"{_KEPT}.{name}"))
        mine = {c: c.removeprefix(_own(name, "")) for c in rows.columns if c.startswith(_own(name, ""))}
        frame = rows.select(*(pl.col(old).alias(new) for old, new in mine.items()), LINE)
        if name == "invoices":
            progress.counts["invoices"] += rows.height
            progress.counts["empty_currency"] += int(rows[_NO_CURRENCY].sum())
            for whence, count in rows.group_by(_DUE_FROM).len().iter_rows():
                progress.counts[str(whence)] += count
            if OPEN_AMOUNT in frame.columns:
                checked = frame.select(LINE, "currency", OPEN_AMOUNT).filter(
                    pl.col(OPEN_AMOUNT).is_not_null()
                )
                progress.checks.append(checked)
                frame = frame.drop(OPEN_AMOUNT)
        goes_to = "payments" if name == "credit_notes" else name
        if goes_to == "payments":
            amount = table.columns["amount"].column
            marked = mark_of(batch.text(amount)) if amount else pl.lit(None, pl.String)
            frame = frame.with_columns(rows.select(marked.alias(MARK)))
        if name == "credit_notes" and "kind" not in frame.columns:
            frame = frame.with_columns(kind=pl.lit("credit_note"))
        if goes_to in ("invoices", "payments"):
            stated = stated_cents(table, batch, pl.col(_own(name, "amount")))
            progress.stated.setdefault(goes_to, []).append(rows.select(stated).to_series())
        progress.frames.setdefault(goes_to, []).append(frame)
