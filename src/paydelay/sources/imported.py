"""From a draft to a ledger, with an account of every line and of every amount."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import polars as pl

from paydelay.config import LedgerSettings
from paydelay.errors import LedgerError
from paydelay.ledger import Ledger
from paydelay.ledger.spreadsheets import no_formula
from paydelay.ledger.tables import CENT_HALF
from paydelay.sources.draft import (
    LINE,
    OWNER,
    REFUSED,
    Agreement,
    Assumption,
    Draft,
    SourceFile,
    file_of,
    number_of,
)

REPORT_FILE, REFUSED_FILE, DETAIL_FILE = "import.json", "import_refused.csv", "import_reconciliation.csv"


@dataclass(frozen=True, eq=False)
class ImportReport:
    """What could be known of foreign books, what was assumed and what was refused.

    Parameters
    ----------
    kind : str
        The kind of source, such as ``fec``.
    files : tuple of SourceFile
        Every file with its lines read, used, refused and out of scope, which add up.
    refusals : polars.DataFrame
        Columns file, line (1-based, the header counted), column, rule and identifier.
    assumptions : tuple of Assumption
        What the books do not say.
    agreements : tuple of Agreement
        Amounts according to the source and to the ledger.
    detail : polars.DataFrame or None
        The reconciliation by customer and month, where the source allows one.
    balance_parts : mapping of str to float
        Where the source keeps accounts of its customers, what their balance on the last day
        is made of: open_invoices, of which written_off, remainders, paid_over, cash_on_account,
        invoiced_advances, bills_held (open, but on another account) and before_books (debts that
        are no invoice of the ledger), which add up to it.
    """

    kind: str
    files: tuple[SourceFile, ...]
    refusals: pl.DataFrame
    assumptions: tuple[Assumption, ...]
    agreements: tuple[Agreement, ...]
    detail: pl.DataFrame | None
    balance_parts: Mapping[str, float]

    @property
    def reconciled(self) -> bool:
        """Whether every compared amount agrees to the cent."""
        months = self.detail is None or not (self.detail["difference"] != 0).any()
        return months and all(agreement.holds for agreement in self.agreements)

    def to_dict(self) -> dict[str, Any]:
        """The report without its frames, as plain data.

        Returns
        -------
        dict
            Keys kind, files, assumptions, agreements, balance_parts and reconciled; all of
            it can be written as JSON.
        """
        return {
            "kind": self.kind,
            "files": [
                {
                    "file": file.label,
                    **file.details,
                    "read": file.read,
                    "used": file.used,
                    "refused": file.refused,
                    "out_of_scope": dict(sorted(file.out_of_scope.items())),
                }
                for file in self.files
            ],
            "assumptions": [
                {
                    "key": said.key,
                    **{name: v.isoformat() if isinstance(v, date) else v for name, v in said.values.items()},
                }
                for said in self.assumptions
            ],
            "agreements": [
                {
                    "key": agreement.key,
                    "currency": agreement.currency,
                    "source_amount": agreement.source_amount,
                    "ledger_amount": agreement.ledger_amount,
                    "difference": agreement.difference,
                    "apart_count": agreement.apart_count,
                }
                for agreement in self.agreements
            ],
            "balance_parts": dict(self.balance_parts),
            "reconciled": self.reconciled,
        }


@dataclass(frozen=True, eq=False, repr=False)
class ImportedLedger(Ledger, beside=(REPORT_FILE, REFUSED_FILE, DETAIL_FILE)):
    """A ledger made of foreign books, with the report of how.

    Parameters
    ----------
    report : ImportReport
        What was read, assumed, refused and reconciled.
    """

    report: ImportReport

    def _beside(self) -> dict[str, bytes]:
        """The report of the import, which is written with the tables or not at all."""
        text = json.dumps(self.report.to_dict(), ensure_ascii=False, indent=2) + "\n"
        written = {REPORT_FILE: text.encode()}
        for name, rows in ((REFUSED_FILE, self.report.refusals), (DETAIL_FILE, self.report.detail)):
            if rows is not None and rows.height:
                # Labels and identifiers are another's, and the file is one to open in a spreadsheet.
                written[name] = rows.with_columns(no_formula(pl.col(pl.String))).write_csv().encode()
        return written


def to_ledger(draft: Draft) -> ImportedLedger:
    """Apply the ledger's contract to a draft and account for every line.

    A line that makes several rows is used with all of them or refused: an invoice
    whose settlement was refused would look open.

    Parameters
    ----------
    draft : Draft
        What an adapter made of the files.

    Returns
    -------
    ImportedLedger

    Raises
    ------
    LedgerError
        If there is nothing to make a ledger of, or the lines do not add up.
    CurrencyError
        If there are amounts that cannot be converted.
    """
    if "invoices" not in draft.tables:
        raise LedgerError("The files hold no table of invoices, without which there is no ledger.")
    tables = dict(draft.tables)
    if "payments" not in tables:
        nothing = {"invoice_id": pl.String, "payment_date": pl.Date, "amount": pl.Float64, LINE: pl.Int64}
        tables["payments"] = pl.DataFrame(schema=nothing)
    if "invoice_id" not in tables["payments"].columns:
        # Credit notes listed by customer, or takings: all of it is on account.
        nameless = pl.lit(None, dtype=pl.String).alias("invoice_id")
        tables["payments"] = tables["payments"].with_columns(nameless)
    refused = list(draft.refused)
    while True:
        given = {name: rows.drop(LINE) for name, rows in tables.items()}
        ledger = Ledger.from_frames(
            given["invoices"],
            given["payments"],
            given.get("customers"),
            given.get("events"),
            given.get("rates"),
            reporting_currency=draft.reporting_currency,
        )
        found = _refused_lines(ledger, tables)
        if not found.height:
            break
        refused.append(found)
        lines = found[LINE].implode()
        tables = {
            name: rows.filter(~pl.col(LINE).is_in(lines).fill_null(False)) for name, rows in tables.items()
        }
    refusals = pl.concat([REFUSED.to_frame(), *refused]).unique(LINE, keep="first").sort(LINE)
    refusals = _with_belonging(draft, refusals, tables)
    _count(draft, tables, refusals)
    if draft.reconcile is not None:
        for found_out in draft.reconcile(ledger, refusals[LINE]):
            if isinstance(found_out, Agreement):
                draft.agreements.append(found_out)
            else:
                draft.assume(found_out.key, **found_out.values)
    agreements, detail = _reconciled(draft, ledger)
    listed = refusals.select(
        file_of(pl.col(LINE))
        .replace_strict(dict(enumerate(file.label for file in draft.files)), return_dtype=pl.String)
        .alias("file"),
        number_of(pl.col(LINE)).alias("line"),
        "column",
        "rule",
        "identifier",
    )
    report = ImportReport(
        draft.kind,
        tuple(draft.files),
        listed,
        tuple(draft.assumptions),
        (*draft.agreements, *agreements),
        detail,
        {} if detail is None else _balance_parts(ledger, detail),
    )
    return ImportedLedger(**{f.name: getattr(ledger, f.name) for f in fields(Ledger)}, report=report)


def _refused_lines(ledger: Ledger, tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Lines of the rows that the ledger's contract refused."""
    found = [REFUSED.to_frame()]
    for name, rows in tables.items():
        refused = ledger.refusals.filter(pl.col("table") == name)
        if refused.height:
            lines = rows[LINE][refused["row"].to_numpy() - 1]
            found.append(
                refused.select(pl.Series(LINE, lines), "column", "rule", "identifier").filter(
                    pl.col(LINE).is_not_null()
                )
            )
    return pl.concat(found)


def _with_belonging(draft: Draft, refusals: pl.DataFrame, tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Refusals, and the lines all of whose owners are refused, under the same rule."""
    if not draft.belonging:
        return refusals
    # A line that makes a row of its own is used by it, whoever else it belongs to.
    rows = pl.concat([rows[LINE] for rows in tables.values()]).drop_nulls()
    owned = pl.concat(draft.belonging).unique().sort(LINE, OWNER)
    owned = owned.filter(~pl.col(LINE).is_in(rows.implode()))
    while True:
        fates = owned.join(refusals.rename({LINE: OWNER}), on=OWNER, how="left", maintain_order="left")
        lost = fates.group_by(LINE).agg(
            pl.col("rule").is_null().any().alias("kept"), pl.col("column", "rule", "identifier").first()
        )
        shared = lost.filter(~pl.col("kept")).select(REFUSED.names())
        more = pl.concat([refusals, shared]).unique(LINE, keep="first").sort(LINE)
        if more.height == refusals.height:
            return more
        # A line may belong to one that itself belongs to another.
        refusals = more


def _count(draft: Draft, tables: dict[str, pl.DataFrame], refusals: pl.DataFrame) -> None:
    """Lines used, refused and out of scope per file; they must add up to those read."""
    lines = [rows[LINE].drop_nulls() for rows in tables.values()] + draft.used_besides
    lines += [rows[LINE] for rows in draft.belonging]
    used = pl.concat(
        [pl.Series(LINE, [], dtype=pl.Int64), *(series.alias(LINE) for series in lines)]
    ).unique()
    used = used.filter(~used.is_in(refusals[LINE].implode()))
    for counted, what in ((used, "used"), (refusals[LINE], "refused")):
        frame = counted.to_frame().group_by(file_of(pl.col(LINE)).alias("file")).len()
        for number, count in frame.iter_rows():
            setattr(draft.files[number], what, count)
    for file in draft.files:
        told = file.used + file.refused + sum(file.out_of_scope.values())
        if file.read != told:
            raise LedgerError(
                f"Of {file.read} lines of {file.label} {told} are accounted for, which does not add up; "
                "please report it."
            )


def _reconciled(draft: Draft, ledger: Ledger) -> tuple[list[Agreement], pl.DataFrame | None]:
    """The accounts of the source against the ledger, at every month end that something moved."""
    if draft.movements is None:
        return [], None
    taken = pl.when(pl.col("kind") == "payment").then(
        pl.when(pl.col("invoice_id").is_null()).then(pl.lit("cash_on_account")).otherwise(pl.lit("payments"))
    )
    moved = pl.concat(
        [
            draft.movements.select("customer_id", "day", "measure", "amount"),
            ledger.invoices.select(
                "customer_id", day=pl.col("known_on"), measure=pl.lit("invoices"), amount=pl.col("amount")
            ),
            ledger.payments.select(
                "customer_id",
                day=pl.col("known_on"),
                measure=taken.otherwise(pl.col("kind") + "s"),
                amount=pl.col("amount"),
            ),
        ]
    )
    monthly = (
        moved.group_by("customer_id", pl.col("day").dt.month_end().alias("month_end"), "measure")
        .agg(cents=(pl.col("amount") * 100).round().cast(pl.Int64).sum())
        .pivot("measure", index=["customer_id", "month_end"], values="cents")
        .sort("customer_id", "month_end")
    )
    lacking = [pl.lit(0, dtype=pl.Int64).alias(name) for name in _MEASURES if name not in monthly.columns]
    running = monthly.with_columns(*lacking).select(
        "customer_id", "month_end", pl.col(_MEASURES).fill_null(0).cum_sum().over("customer_id")
    )
    balance = pl.col("opening") + pl.col("invoices") - pl.sum_horizontal(_TAKEN_OFF)
    detail = running.with_columns(ledger_balance=balance).with_columns(
        difference=pl.col("ledger_balance") - pl.col("accounts")
    )
    amounts = [*_MEASURES, "ledger_balance", "difference"]
    last = detail.group_by("customer_id").agg(pl.col("accounts", "ledger_balance").last()).sum()
    agreements = [
        Agreement(
            "accounts",
            ledger.reporting_currency,
            (last["accounts"][0] or 0) / 100,
            (last["ledger_balance"][0] or 0) / 100,
        )
    ]
    return agreements, detail.with_columns((pl.col(amounts) / 100).round(2))


def _balance_parts(ledger: Ledger, detail: pl.DataFrame) -> dict[str, float]:
    """What the ledger's balance of all customers at the end is made of, signed as in that sum."""
    open_amount = open_amounts(ledger)["open_amount"]
    payments = ledger.payments.select("amount", "kind", "invoice_id")
    last = detail.group_by("customer_id").agg(
        (pl.col("opening") - pl.col("payments_on_opening")).last(),
        pl.col("invoiced_advances", "bills_held").last(),
    )
    settings = LedgerSettings()
    amount = ledger.invoices["amount"]
    # As history has it: an invoice below the tolerance is settled when half of it is paid.
    tolerance = pl.select(
        pl.min_horizontal(
            pl.max_horizontal(pl.lit(settings.tolerance_amount), amount * settings.tolerance_share),
            amount / 2,
        )
    ).to_series()
    small = open_amount <= tolerance + CENT_HALF
    parts = {
        "open_invoices": open_amount.filter(~small),
        "remainders": open_amount.filter(small).clip(lower_bound=0.0),
        "written_off": -payments.filter(kind="write_off")["amount"],
        "paid_over": open_amount.clip(upper_bound=0.0),
        "cash_on_account": -payments.join(ledger.invoices, on="invoice_id", how="anti")["amount"],
        "invoiced_advances": -last["invoiced_advances"],
        "bills_held": -last["bills_held"],
        "before_books": last["opening"],
    }
    # Adding zero makes of a negative zero one that is none.
    return {name: round(float(amounts.sum()), 2) + 0.0 for name, amounts in parts.items()}


_TAKEN_OFF = [
    "payments_on_opening",
    "payments",
    "cash_on_account",
    "credit_notes",
    "discounts",
    "write_offs",
    "invoiced_advances",
    "bills_held",
]
_MEASURES = ["accounts", "opening", "invoices", *_TAKEN_OFF]


def open_amounts(ledger: Ledger) -> pl.DataFrame:
    """What is open of each invoice once all that was recorded is taken off.

    Parameters
    ----------
    ledger : Ledger
        Books.

    Returns
    -------
    polars.DataFrame
        Columns invoice_id, currency and open_amount, which is negative where an
        invoice is over-paid; a write-off takes nothing off.
    """
    paid = (
        ledger.payments.filter(pl.col("kind") != "write_off")
        .group_by("invoice_id")
        .agg(pl.col("amount").sum())
    )
    return (
        ledger.invoices.select("invoice_id", "currency", "amount")
        .join(paid, on="invoice_id", how="left", suffix="_paid")
        .select(
            "invoice_id",
            "currency",
            open_amount=(pl.col("amount") - pl.col("amount_paid").fill_null(0.0)).round(2),
        )
    )
