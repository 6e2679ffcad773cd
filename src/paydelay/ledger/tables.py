"""The contract: what each table of a ledger holds, and by which rule a row is refused.

The schemas are the single statement of it. A constraint that a row breaks is
reported under a rule of :data:`RULES`, the first of them in that order where a
row breaks several.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import dataframely as dy
import polars as pl

from paydelay.ledger.currencies import ISO_4217

ROW = "__paydelay_row"
"""1-based number of a row in its source; the header is not counted."""
FLAW = "__paydelay_flaw"
"""Rule already known to be broken when the cells were converted, and in which column."""

DATE_FIRST, DATE_LAST = date(1990, 1, 1), date(2100, 12, 31)
CENT_HALF = 0.005
"""Below half a cent an amount is nothing: balances are kept in whole cents."""
AMOUNT_MAX = 1e13
"""Above it sums of cents could leave the 64-bit integers; no invoice is so large."""

PAYMENT_KINDS = ("payment", "discount", "credit_note", "write_off")
EVENT_TYPES = (
    "dispute_opened",
    "dispute_closed",
    "promise_to_pay",
    "due_date_changed",
    "payment_plan",
    "reminder_sent",
    "insolvency",
    "handed_to_agency",
)

RULES: dict[str, str] = {
    "too_many_cells": "the line has more cells than the header has names",
    "date_unreadable": "a date is not written YYYY-MM-DD",
    "amount_unreadable": "an amount is not a number with a decimal point",
    "number_unreadable": "a number is not one, or not a whole one where days are counted",
    "missing_value": "a required cell is empty",
    "date_out_of_range": "a date lies outside 1990-2100",
    "amount_not_finite": "an amount is infinite or not a number",
    "amount_not_positive": "an amount is not above zero",
    "amount_zero": "a payment of nothing",
    "amount_too_large": "an amount is above 10,000,000,000,000",
    "vat_out_of_range": "the VAT is negative or above the amount of the invoice",
    "unknown_currency": "the currency is not an ISO 4217 code",
    "unknown_kind": "the kind is none of " + ", ".join(PAYMENT_KINDS),
    "unknown_event_type": "the event type is none of " + ", ".join(EVENT_TYPES),
    "due_before_issue": "the invoice falls due before it is issued",
    "terms_negative": "the payment terms are below zero days",
    "missing_new_date": "a promise, a plan or a changed due date without its new date",
    "new_date_before_event": "a promise or a plan for a day that is already over",
    "limit_negative": "a limit or guarantee is below zero or not finite",
    "share_out_of_range": "a share lies outside 0 to 1",
    "rate_not_positive": "a rate is not above zero, or not finite",
    "unknown_party": "the row names neither a known invoice nor a known customer",
    "unknown_invoice": "an event about an invoice that is not in the ledger",
    "invoice_not_named": "a write-off or a changed due date that belongs to no known invoice",
    "duplicate_invoice_id": "another row has this invoice id; of identical rows the first is kept",
    "duplicate_customer": "another row has this customer and valid_from; of identical rows the first is kept",
    "duplicate_rate": "another row has this currency and date; of identical rows the first is kept",
}
"""Every rule and what a row that breaks it looks like, in the order they are reported."""

_RULE_COLUMNS = {
    "vat_out_of_range": "vat_amount",
    "due_before_issue": "due_date",
    "missing_new_date": "new_date",
    "new_date_before_event": "new_date",
    "amount_zero": "amount",
    "unknown_party": "invoice_id",
    "unknown_invoice": "invoice_id",
    "invoice_not_named": "invoice_id",
}
_IN = "|"


def _day(**settings: Any) -> dy.Date:
    names = {"unreadable": "date_unreadable", "range": "date_out_of_range"}
    return dy.Date(min=DATE_FIRST, max=DATE_LAST, metadata=names, **settings)


def _number(range_rule: str, *, money: bool = True, **settings: Any) -> dy.Float64:
    names = {
        "unreadable": "amount_unreadable" if money else "number_unreadable",
        "not_finite": "amount_not_finite" if money else range_rule,
        "range": range_rule,
    }
    if money:
        settings.setdefault("check", {"amount_too_large": lambda amount: amount.abs() <= AMOUNT_MAX})
    return dy.Float64(metadata=names, **settings)


def _limit() -> dy.Float64:
    # A limit may be "without bound" in a policy, hence larger than any invoice.
    return _number("limit_negative", nullable=True, min=0, check={})


def _currency(**settings: Any) -> dy.String:
    codes = sorted(ISO_4217)
    check = {"unknown_currency": lambda code: code.is_in(codes)}
    return dy.String(check=check, metadata={"letters": "upper"}, **settings)


def _word(rule: str, words: tuple[str, ...], **metadata: str) -> dy.String:
    check = {rule: lambda word: word.is_in(words)}
    return dy.String(check=check, metadata={"letters": "lower", **metadata})


class Invoices(dy.Schema):
    """Invoices as first agreed; what changed later is an event or a payment."""

    invoice_id = dy.String(primary_key=True)
    customer_id = dy.String()
    issue_date = _day()
    due_date = _day()
    amount = _number("amount_not_positive", min_exclusive=CENT_HALF)
    currency = _currency()
    entity = dy.String(nullable=True)
    terms_days = dy.Int32(min=0, metadata={"unreadable": "number_unreadable", "range": "terms_negative"})
    vat_amount = _number("vat_out_of_range", nullable=True, min=0)
    recorded_on = _day(nullable=True)
    known_on = _day()

    @dy.rule()
    def due_before_issue(cls) -> pl.Expr:
        """The due date is not before the issue date."""
        return pl.col("due_date") >= pl.col("issue_date")

    @dy.rule()
    def vat_out_of_range(cls) -> pl.Expr:
        """The VAT is part of the amount."""
        return pl.col("vat_amount") <= pl.col("amount")


class Payments(dy.Schema):
    """What settles, lowers or gives up a claim; without an invoice, cash on account."""

    customer_id = dy.String(metadata={"missing": "unknown_party"})
    invoice_id = dy.String(nullable=True)
    payment_date = _day()
    amount = _number("amount_zero")
    kind = _word("unknown_kind", PAYMENT_KINDS, default="payment")
    recorded_on = _day(nullable=True)
    known_on = _day()

    @dy.rule()
    def amount_zero(cls) -> pl.Expr:
        """A payment moves at least a cent, in either direction."""
        return pl.col("amount").abs() > CENT_HALF

    @dy.rule()
    def invoice_not_named(cls) -> pl.Expr:
        """A write-off gives up a named claim; on account it would read as cash."""
        return (pl.col("kind") != "write_off") | pl.col("invoice_id").is_not_null()


class Customers(dy.Schema):
    """What was known of a customer from a day on."""

    customer_id = dy.String(primary_key=True)
    valid_from = _day(primary_key=True)
    country = dy.String(nullable=True)
    sector = dy.String(nullable=True)
    segment = dy.String(nullable=True)
    parent_id = dy.String(nullable=True)
    external_rating = dy.String(nullable=True)
    credit_limit = _limit()
    insured_limit = _limit()
    insured_share = _number("share_out_of_range", money=False, nullable=True, min=0, max=1)
    guarantee_amount = _limit()


class Events(dy.Schema):
    """What happened to a claim or a customer, other than money."""

    event_type = _word("unknown_event_type", EVENT_TYPES)
    event_date = _day()
    invoice_id = dy.String(nullable=True)
    customer_id = dy.String(metadata={"missing": "unknown_party"})
    amount = _number("amount_not_positive", nullable=True, min=CENT_HALF)
    new_date = _day(nullable=True)
    recorded_on = _day(nullable=True)
    known_on = _day()

    @dy.rule()
    def missing_new_date(cls) -> pl.Expr:
        """What moves a date says to when."""
        dated = ("promise_to_pay", "payment_plan", "due_date_changed")
        return ~pl.col("event_type").is_in(dated) | pl.col("new_date").is_not_null()

    @dy.rule()
    def new_date_before_event(cls) -> pl.Expr:
        """A promise or a plan looks ahead; a due date may be corrected backwards."""
        ahead = pl.col("event_type").is_in(("promise_to_pay", "payment_plan"))
        return ~ahead | (pl.col("new_date") >= pl.col("event_date"))

    @dy.rule()
    def invoice_not_named(cls) -> pl.Expr:
        """A due date belongs to an invoice."""
        return (pl.col("event_type") != "due_date_changed") | pl.col("invoice_id").is_not_null()


class Rates(dy.Schema):
    """Units of the reporting currency for one unit of a currency, from a day on."""

    currency = _currency(primary_key=True)
    rate_date = _day(primary_key=True)
    rate = _number("rate_not_positive", money=False, min_exclusive=0)


class _Intake(dy.Schema):
    row = dy.UInt32(alias=ROW)
    flaw = dy.String(alias=FLAW, nullable=True, check={"flaw": lambda flaw: flaw.is_null()})


class _InvoiceIntake(Invoices, _Intake):
    pass


class _PaymentIntake(Payments, _Intake):
    pass


class _CustomerIntake(Customers, _Intake):
    pass


class _EventIntake(Events, _Intake):
    pass


class _RateIntake(Rates, _Intake):
    pass


@dataclass(frozen=True)
class Table:
    """One table of a ledger: its contract and how it is read.

    Parameters
    ----------
    name : str
        Name of the table, and of its file without the ending.
    contract : type of dataframely.Schema
        What the table holds after reading.
    intake : type of dataframely.Schema
        The contract plus the row number and the flaw found on conversion.
    required : tuple of str
        Columns a source must have.
    either : tuple of str
        Columns of which a source must have at least one.
    own_date : str or None
        The date of the fact itself, from which it is known at the earliest.
    sorted_by : tuple of str
        Order of the rows after reading.
    duplicate_rule : str or None
        Rule under which a second row with the same key is refused.
    extras_kept : bool
        Whether columns outside the contract stay, as external covariates.
    """

    name: str
    contract: type[dy.Schema]
    intake: type[dy.Schema]
    required: tuple[str, ...]
    either: tuple[str, ...] = ()
    own_date: str | None = None
    sorted_by: tuple[str, ...] = ()
    duplicate_rule: str | None = None
    extras_kept: bool = False

    @property
    def columns(self) -> list[str]:
        """Columns after reading, in order."""
        return self.contract.column_names()

    @property
    def source_columns(self) -> list[str]:
        """Columns a source may give: all but the one that is derived."""
        return [name for name in self.columns if name != "known_on"]

    @property
    def key(self) -> list[str]:
        """Columns that name a row, empty where rows may repeat."""
        return self.contract.primary_key()


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            name="invoices",
            contract=Invoices,
            intake=_InvoiceIntake,
            required=("invoice_id", "customer_id", "issue_date", "due_date", "amount", "currency"),
            own_date="issue_date",
            sorted_by=("known_on", "invoice_id"),
            duplicate_rule="duplicate_invoice_id",
            extras_kept=True,
        ),
        Table(
            name="payments",
            contract=Payments,
            intake=_PaymentIntake,
            required=("invoice_id", "payment_date", "amount"),
            own_date="payment_date",
            sorted_by=(
                "known_on",
                "invoice_id",
                "customer_id",
                "payment_date",
                "amount",
                "kind",
                "recorded_on",
            ),
        ),
        Table(
            name="customers",
            contract=Customers,
            intake=_CustomerIntake,
            required=("customer_id",),
            sorted_by=("customer_id", "valid_from"),
            duplicate_rule="duplicate_customer",
            extras_kept=True,
        ),
        Table(
            name="events",
            contract=Events,
            intake=_EventIntake,
            required=("event_type", "event_date"),
            either=("invoice_id", "customer_id"),
            own_date="event_date",
            sorted_by=(
                "known_on",
                "event_type",
                "customer_id",
                "invoice_id",
                "event_date",
                "new_date",
                "amount",
                "recorded_on",
            ),
        ),
        Table(
            name="rates",
            contract=Rates,
            intake=_RateIntake,
            required=("currency", "rate_date", "rate"),
            sorted_by=("currency", "rate_date"),
            duplicate_rule="duplicate_rate",
        ),
    )
}
"""The five tables by name, in the order they are read."""


def rule_of(table: Table, constraint: str) -> str:
    """Rule under which a broken constraint of a schema is reported.

    Parameters
    ----------
    table : Table
        The table the constraint belongs to.
    constraint : str
        Its name in the schema, ``column|constraint`` for those of one column.

    Returns
    -------
    str
        A key of :data:`RULES`.

    Examples
    --------
    >>> rule_of(TABLES["invoices"], "due_date|min")
    'date_out_of_range'
    >>> rule_of(TABLES["payments"], "customer_id|nullability")
    'unknown_party'
    """
    if constraint == "primary_key":
        return str(table.duplicate_rule)
    column, _, broken = constraint.rpartition("|")
    if not column:
        return broken
    if broken.startswith("check__"):
        return broken.removeprefix("check__")
    names = table.contract.columns()[column].metadata or {}
    if broken == "nullability":
        return str(names.get("missing", "missing_value"))
    return str(names["not_finite" if broken in ("nan", "inf") else "range"])


def column_of(table: Table, constraint: str) -> str:
    """Column in which a broken constraint of a schema is to be mended.

    Parameters
    ----------
    table : Table
        The table the constraint belongs to.
    constraint : str
        Its name in the failures that dataframely reports.

    Returns
    -------
    str
        Of several columns that a rule compares, the one that is wrong most often.

    Examples
    --------
    >>> column_of(TABLES["invoices"], "amount|min_exclusive")
    'amount'
    >>> column_of(TABLES["invoices"], "due_before_issue")
    'due_date'
    """
    if constraint == "primary_key":
        return table.key[0]
    rule = rule_of(table, constraint)
    return _RULE_COLUMNS.get(rule) or constraint.rpartition("|")[0]


def flaw_in(rule: str, column: str) -> str:
    """A flaw of a cell: the rule it breaks and its column, in one text.

    Parameters
    ----------
    rule : str
        A key of :data:`RULES`.
    column : str
        Name of the cell's column.

    Returns
    -------
    str
        As :func:`reason_of_flaw` reads it.

    Examples
    --------
    >>> reason_of_flaw(flaw_in("date_unreadable", "due_date"))
    ('date_unreadable', 'due_date')
    """
    return f"{rule}{_IN}{column}"


def reason_of_flaw(flaw: str) -> tuple[str, str | None]:
    """The rule that a flaw breaks, and the column where it is one cell's.

    Parameters
    ----------
    flaw : str
        Of :func:`flaw_in`, or a rule alone.

    Returns
    -------
    tuple of str and (str or None)
        None where the whole line is at fault.

    Examples
    --------
    >>> reason_of_flaw("too_many_cells"), reason_of_flaw("unknown_invoice")
    (('too_many_cells', None), ('unknown_invoice', 'invoice_id'))
    """
    rule, _, column = flaw.partition(_IN)
    return rule, column or _RULE_COLUMNS.get(rule)
