"""Due dates, which a FEC does not hold: from the text of an entry or from payment terms."""

from __future__ import annotations

import polars as pl

from paydelay.sources.draft import Draft
from paydelay.sources.options import ImportOptions
from paydelay.sources.terms import NO_TERMS, due_after, read_terms

LEGAL_TERMS_DAYS = 30
"""Where nothing is agreed, payment is due thirty days after receipt (Code de commerce, L441-10)."""

_DATE = r"\b(?:ECH|ECHEANCE|ECHE|DUE|PAYABLE LE|A PAYER LE)\.?\s*(?:LE|AU|DU|DATE|ON)?\s*:?\s*"
_DAY = rf"{_DATE}(\d{{1,2}})[/.\- ]?(\d{{1,2}})[/.\- ]?(\d{{4}}|\d{{2}})\b"
_MONTH_END = r"(?:FDM|F\.D\.M|FIN DE MOIS|EOM)"
_TERMS = rf"\b(\d{{1,3}})\s*(?:J|JR|JRS|JOUR|JOURS|DAYS)\b\.?\s*(?:(NETS?|DATE DE FACTURE)|({_MONTH_END}))?"
_PAID_IN = (
    r"(?:PAIEMENT|REGLEMENT|REGLT|REGL|ECHEANCE|ECH|PAYABLE|TERMS?|DELAI)\W{1,3}(?:A|SOUS|DE)?\s*\d{1,3}\s*J"
)
# "Formation 2 jours" is no payment term: a bare number of days is one only if it is usual.
_USUAL_TERMS_DAYS = (30, 45, 60, 75, 90, 120)
_TERMS_DAYS_MAX = 400


def with_due_dates(draft: Draft, invoices: pl.DataFrame, options: ImportOptions) -> pl.DataFrame:
    """Invoices with their due dates, and a word on where those come from.

    In turn: a date in the entry's text, the customer's terms of the table, terms in the
    entry's text, the terms given for all, a bare number of days in the text that is a usual
    term, the legal thirty days.

    Parameters
    ----------
    draft : Draft
        Gets the assumptions.
    invoices : polars.DataFrame
        With customer_id, issue_date and label.
    options : ImportOptions
        Terms for all and by customer.

    Returns
    -------
    polars.DataFrame
        The invoices with due_date, without label.

    Raises
    ------
    LedgerError
        If the table of terms cannot be read.
    """
    told = _with_terms_of_text(invoices, bare=options.terms_days is None)
    table = (read_terms(options.terms) if options.terms else NO_TERMS).rename(
        {"terms_days": "customer_days", "end_of_month": "customer_end_of_month"}
    )
    told = told.join(table, on="customer_id", how="left", maintain_order="left")
    days, month_end = options.terms_days, options.terms_end_of_month
    issued = pl.col("issue_date")
    fallback = pl.lit(days if days is not None else LEGAL_TERMS_DAYS)
    source = (
        pl.when(pl.col("written").is_not_null())
        .then(pl.lit("written"))
        .when(pl.col("customer_days").is_not_null())
        .then(pl.lit("customer"))
        .when(pl.col("days").is_not_null())
        .then(pl.lit("text"))
        .otherwise(pl.lit("given" if days is not None else "legal"))
    )
    due = (
        pl.when(pl.col("written").is_not_null())
        .then("written")
        .when(pl.col("customer_days").is_not_null())
        .then(due_after(issued, pl.col("customer_days"), pl.col("customer_end_of_month")))
        .when(pl.col("days").is_not_null())
        .then(due_after(issued, pl.col("days"), pl.col("end_of_month")))
        .otherwise(due_after(issued, fallback, month_end))
    )
    dated = told.with_columns(due_date=due, due_from=source)
    _tell(draft, dated, days)
    return dated.drop(
        "written",
        "days",
        "said",
        "end_of_month",
        "customer_days",
        "customer_end_of_month",
        "label",
        "due_from",
    )


def _with_terms_of_text(invoices: pl.DataFrame, *, bare: bool) -> pl.DataFrame:
    """Invoices with the due date or the terms that their text holds, if any.

    Where a bare number of days counts, "Location 30 jours" is taken for a term: better than
    nothing, and worse than what the user says.
    """
    plain = pl.col("label").fill_null("").str.to_uppercase()
    label = plain.str.replace_many(["É", "È", "À"], ["E", "E", "A"])
    issued = pl.col("issue_date")
    return invoices.with_columns(
        written=_written_day(label),
        days=label.str.extract(_TERMS, 1).cast(pl.Int32, strict=False),
        end_of_month=label.str.extract(_TERMS, 3).is_not_null(),
        said=label.str.extract(_TERMS, 2).is_not_null() | label.str.contains(_PAID_IN),
    ).with_columns(
        # A year mistyped would be a due date years away; a term of 2023 days is no term.
        written=pl.when(
            pl.col("written").is_between(issued, issued.dt.offset_by(f"{_TERMS_DAYS_MAX}d"))
        ).then("written"),
        days=pl.when(
            (pl.lit(bare) & pl.col("days").is_in(_USUAL_TERMS_DAYS))
            | ((pl.col("days") <= _TERMS_DAYS_MAX) & (pl.col("end_of_month") | pl.col("said")))
        ).then("days"),
    )


def _written_day(label: pl.Expr) -> pl.Expr:
    day, month, year = (label.str.extract(_DAY, group).cast(pl.Int32, strict=False) for group in (1, 2, 3))
    year = pl.when(year < 100).then(year + 2000).otherwise(year)
    text = pl.format("{}-{}-{}", year, month.cast(pl.String).str.zfill(2), day.cast(pl.String).str.zfill(2))
    return text.str.to_date("%Y-%m-%d", strict=False)


def _tell(draft: Draft, dated: pl.DataFrame, days: int | None) -> None:
    counts = dict(dated.group_by("due_from").len().iter_rows())
    for source in ("written", "customer", "text", "given", "legal"):
        count = counts.get(source, 0)
        if count:
            draft.assume(
                f"fec.due_{source}",
                n=count,
                invoice_share=round(count / dated.height, 3),
                days=days if days is not None else LEGAL_TERMS_DAYS,
            )
