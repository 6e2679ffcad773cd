"""What each line of a customer account is: told by the accounts it is booked against."""

from __future__ import annotations

import polars as pl

from paydelay.sources.draft import LINE
from paydelay.sources.fec.advances import ADVANCE, INVOICED_ADVANCE, invoiced
from paydelay.sources.fec.bills import with_moved
from paydelay.sources.fec.lines import Books

# Accounts of the Plan comptable general (ANC 2014-03), by their first digits.
_TREASURY = r"^5[1348]"
_BILL = r"^413"
# The balance sheet as an account: some packages empty all others into it at the year's end.
_CLOSING = r"^891"
_REOPENING = r"^890"
_WRITTEN_OFF = r"^(?:654|6714)"
_DISCOUNT = r"^(?:665|666|658|678|758|766|768|778)"
_ROUNDING_CENTS_MAX = 100
_SALES = r"^(?:7|4457|487|4458)"
_OPENING_CODE = r"^(?:AN|RAN|ANO|ANX|AND|RN|ANV|ANOUV)\d*$"
_OPENING_LABEL = r"NOUVEAU|A[ .-]?NOUV|REPORT|OUVERTURE|OPENING"
_TRADING_SHARE_MIN = 0.1
_SALES_SHARE_MIN = 1 / 3
"""Sales have a line of tax or two beside them; year-end entries touch class 70 among much else."""
_OPENING_WORDS = r"A[ -]?NOUVEAU|À[ -]?NOUVEAU|SOLDE (?:D'OUVERTURE|INITIAL)"
_TREASURY_LABEL = r"BANQ|CAISSE|TRESOR|BANK|CASH|ENCAISS|CREDIT (?:AGRIC|MUT|LYON)|CIC|BNP|LCL|SOCIETE GEN"
_SALES_LABEL = r"VENTE|SALES|FACTUR"

PLACE = "__paydelay_place_of_line"

KINDS = (
    "opening",
    "closing",
    "transfer",
    INVOICED_ADVANCE,
    "invoice",
    "reversal",
    "payment",
    "credit_note",
    "discount",
    "write_off",
)
"""What a line may be; debits are those down to reversals."""


def classify(books: Books) -> pl.DataFrame:
    """Customer lines with their kind.

    An entry is told from the next by its journal, number and date, and, since some
    packages number none, by its lines in order: as soon as they balance, it ends.

    Parameters
    ----------
    books : Books
        Lines of all files.

    Returns
    -------
    polars.DataFrame
        The customer lines with customer_id, entry (number of the balanced entry), kind and
        counterpart (``treasury``, ``bill``, ``written_off``, ``discount``, ``sales``,
        ``other`` or ``none``); a line that settles by cash and discount at once comes in two parts.
    """
    journals = journal_natures(books)
    lines = segmented(books)
    against = _counterparts(lines.filter(~pl.col("customer")))
    ours = (
        books.customers.with_row_index(PLACE)
        .join(lines.filter("customer").select(PLACE, "entry"), on=PLACE, how="left")
        .join(against, on="entry", how="left")
        .join(journals, on=["file", "journal"], how="left")
        .with_columns(customer_id=pl.coalesce("auxiliary", "account"))
        .sort(LINE, PLACE)
        .drop(PLACE)
    )
    ours = one_customer_per_debtor(ours).with_columns(counterpart=_counterpart(), moves=_moves())
    ours = with_moved(ours.with_columns(kind=_kind()), ADVANCE)
    advance = pl.lit(INVOICED_ADVANCE)
    ours = ours.with_columns(kind=pl.when(invoiced()).then(advance).otherwise("kind"))
    return _split(ours).drop(
        "treasury",
        "bill",
        "closing",
        "reopening",
        "written_off",
        "discount",
        "sales",
        "revenue",
        "entry_size_others",
        "nature",
        "moves",
    )


def _moves() -> pl.Expr:
    """Whether a line only moves a debt from one account of its customer to another."""
    entry = ["entry", "customer_id"]
    even = (pl.col("cents").sum().over(entry) == 0) & (pl.len().over(entry) > 1)
    # An advance that no letter ties to its payment is taken from what is on account.
    taken_up = (ADVANCE & (pl.col("cents") > 0) & pl.col("letter").is_null()).any().over(entry)
    # A journal of sales moves nothing: it invoices an advance on which no tax is due yet.
    billed = (ADVANCE & (pl.col("cents") < 0) & (pl.col("nature") == "sales")).any().over(entry)
    alone = pl.col("entry_size_others").fill_null(0) == 0
    return even & alone & ~taken_up & ~billed.fill_null(False)


def _counterpart() -> pl.Expr:
    """What a line is booked against, as far as its entry or else its journal says."""
    # Money that came in explains no debit: a sale that is paid at once holds both.
    cash = (pl.col("treasury").sign() != pl.col("cents").sign()) | (
        pl.col("sales").sign() == pl.col("cents").sign()
    )
    return (
        pl.when(pl.col("treasury").is_not_null() & (cash | pl.col("sales").is_null()))
        .then(pl.lit("treasury"))
        .when(pl.col("bill").is_not_null())
        .then(pl.lit("bill"))
        .when(pl.col("written_off").is_not_null())
        .then(pl.lit("written_off"))
        .when(pl.col("discount").is_not_null() & pl.col("revenue").is_null())
        .then(pl.lit("discount"))
        .when(pl.col("sales").is_not_null())
        .then(pl.lit("sales"))
        .when(pl.col("entry_size_others").fill_null(0) > 0)
        .then(pl.lit("other"))
        .when(pl.col("nature").is_in(["treasury", "sales"]))
        .then(pl.col("nature"))
        .otherwise(pl.lit("none"))
    )


def _kind() -> pl.Expr:
    """One of :data:`KINDS`."""
    debit, against = pl.col("cents") > 0, pl.col("counterpart")
    # What a customer paid a few cents too much is cleared by a debit that nobody owes.
    rounding = (against == "discount") & (pl.col("cents") <= _ROUNDING_CENTS_MAX)
    # Where no journal is kept for it, the year is opened on its first day, and the lines say so.
    opened = (
        pl.col("label").str.to_uppercase().str.contains(_OPENING_WORDS).fill_null(False)
        & (pl.col("day") == pl.col("day").min().over("file"))
        # The balance of a year has no account of profit or loss.
        & ~pl.col("trading").fill_null(False)
    )
    return (
        pl.when((pl.col("nature") == "opening") | opened | pl.col("reopening").is_not_null())
        .then(pl.lit("opening"))
        .when(pl.col("closing").is_not_null())
        .then(pl.lit("closing"))
        .when("moves")
        .then(pl.lit("transfer"))
        # An advance that an invoice takes up lowers what the customer has on account.
        .when(debit & (ADVANCE | against.is_in(["treasury", "bill"]) | rounding))
        .then(pl.lit("reversal"))
        .when(debit)
        .then(pl.lit("invoice"))
        .when(ADVANCE)
        .then(pl.lit("payment"))
        .when(against == "written_off")
        .then(pl.lit("write_off"))
        .when(against == "discount")
        .then(pl.lit("discount"))
        .when(against == "sales")
        .then(pl.lit("credit_note"))
        .otherwise(pl.lit("payment"))
    )


def journal_natures(books: Books) -> pl.DataFrame:
    """Whether a journal opens the year, holds cash or holds sales.

    Its names say; a journal that they leave open holds sales where the files' entries in
    journals of its code are mostly of class 70, and none of bank or cash.

    Parameters
    ----------
    books : Books
        Lines of all files.

    Returns
    -------
    polars.DataFrame
        Columns file, journal and nature: ``opening``, ``treasury``, ``sales`` or null.
    """
    label = pl.concat_str(pl.col("journal_label").fill_null("")).str.to_uppercase()
    plain = label.str.replace_many(["É", "È", "À", "Ê"], ["E", "E", "A", "E"])
    code = pl.col("journal").str.to_uppercase()
    # A year is opened by balances, and profit and loss have none: a journal that books them
    # sells new things or openings, whatever its name says.
    result = pl.col("account").str.contains("^[67]")
    trading = books.others.group_by("file", "journal").agg(trades=result.mean() > _TRADING_SHARE_MIN)
    opens = plain.str.contains(_OPENING_LABEL) | code.str.contains(_OPENING_CODE)
    nature = (
        pl.when(opens & ~pl.col("trades").fill_null(False) & ~plain.str.contains(_TREASURY_LABEL))
        .then(pl.lit("opening"))
        .when(plain.str.contains(_TREASURY_LABEL))
        .then(pl.lit("treasury"))
        .when(plain.str.contains(_SALES_LABEL))
        .then(pl.lit("sales"))
    )
    known = books.journals.join(trading, on=["file", "journal"], how="left")
    named = known.select("file", "journal", nature=nature)
    told = named.group_by("file", "journal").agg(pl.col("nature").drop_nulls().min())
    account = pl.col("account")
    sells = (account.str.contains("^70").mean() >= _SALES_SHARE_MIN) & ~account.str.contains(_TREASURY).any()
    selling = books.others.group_by("journal").agg(booked=pl.when(sells).then(pl.lit("sales")))
    booked = told.join(selling, on="journal", how="left")
    return booked.select("file", "journal", nature=pl.coalesce("nature", "booked"))


def segmented(books: Books) -> pl.DataFrame:
    """All lines with the number of their entry: it ends where its lines balance.

    Parameters
    ----------
    books : Books
        Lines of all files.

    Returns
    -------
    polars.DataFrame
        With entry, customer (whether the line is a customer's) and, of those,
        :data:`PLACE`, their place in ``books.customers``.
    """
    columns = [LINE, PLACE, "file", "journal", "entry_number", "day", "account", "cents"]
    owner = pl.coalesce("auxiliary", "account").alias("owner")
    nobody = pl.lit(None, dtype=pl.String).alias("owner")
    lines = pl.concat(
        [
            books.customers.with_row_index(PLACE).select(*columns, owner, pl.lit(True).alias("customer")),
            books.others.with_columns(pl.lit(None, dtype=pl.UInt32).alias(PLACE)).select(
                *columns, nobody, pl.lit(False).alias("customer")
            ),
        ]
    ).sort("file", "journal", "entry_number", "day", LINE, PLACE)
    key = ["file", "journal", "entry_number", "day"]
    first = pl.struct(key).rle_id() != pl.struct(key).rle_id().shift(1)
    running = pl.col("cents").cum_sum().over(key)
    ended = (running == 0).shift(1).fill_null(True)
    parted = lines.with_columns(key=first.fill_null(True).cast(pl.UInt32).cum_sum()).with_columns(
        entry=(first.fill_null(True) | ended).cast(pl.UInt32).cum_sum()
    )
    return _counter_sales_joined(parted)


def _counter_sales_joined(lines: pl.DataFrame) -> pl.DataFrame:
    """A sale paid at once, whose two customer lines stand together, is still one entry.

    What is booked and taken back on one account balances by itself; so do the sale and
    the cash beside it, in which there is no customer then.
    """
    pieces = (
        lines.group_by("entry")
        .agg(
            pl.col("key").first(),
            ours=pl.col("customer").all() & (pl.struct("account", "owner").n_unique() == 1),
            others=~pl.col("customer").any(),
        )
        .sort("entry")
    )

    def beside(step: int) -> pl.Expr:
        return pl.col("others").shift(step) & (pl.col("key").shift(step) == pl.col("key"))

    joined = (
        pl.when(pl.col("ours") & beside(-1).fill_null(False))
        .then(pl.col("entry").shift(-1))
        .when(pl.col("ours") & beside(1).fill_null(False))
        .then(pl.col("entry").shift(1))
        .otherwise("entry")
    )
    return lines.with_columns(pl.col("entry").replace_strict(pieces["entry"], pieces.select(joined)["entry"]))


def _counterparts(others: pl.DataFrame) -> pl.DataFrame:
    """Debits (in cents) against which an entry's customer lines are booked, by nature."""
    account = pl.col("account")
    vat = account.str.starts_with("4457")

    def of(pattern: str) -> pl.Expr:
        chosen = account.str.contains(pattern)
        return pl.when(chosen.any()).then(pl.col("cents").filter(chosen).sum())

    return others.group_by("entry").agg(
        treasury=of(_TREASURY),
        bill=of(_BILL),
        closing=of(_CLOSING),
        reopening=of(_REOPENING),
        written_off=of(_WRITTEN_OFF),
        discount=of(_DISCOUNT),
        sales=of(_SALES),
        revenue=pl.when((account.str.contains("^70")).any()).then(1),
        tax=pl.col("cents").filter(vat).sum(),
        trading=account.str.contains("^[67]").any(),
        entry_size_others=pl.len(),
    )


def one_customer_per_debtor(lines: pl.DataFrame) -> pl.DataFrame:
    """A doubtful, bill or advance account without auxiliary is the customer's of the same name.

    Parameters
    ----------
    lines : polars.DataFrame
        Customer lines with customer_id.

    Returns
    -------
    polars.DataFrame
    """
    bare = pl.col("auxiliary").is_null()
    suffix = pl.col("account").str.replace(CUSTOMER_PREFIX, "")
    ordinary = (
        lines.filter(bare & pl.col("account").str.starts_with("411"))
        .select(suffix.alias("suffix"), pl.col("account").alias("owner"))
        .unique("suffix")
    )
    joined = lines.with_columns(suffix=pl.when(bare).then(suffix)).join(ordinary, on="suffix", how="left")
    special = bare & ~pl.col("account").str.starts_with("411")
    return joined.with_columns(
        customer_id=pl.when(special).then(pl.coalesce("owner", "customer_id")).otherwise("customer_id")
    ).drop("suffix", "owner")


CUSTOMER_PREFIX = r"^4(?:11|13|16|191)"
"""What comes before a customer's own number in an account of its own."""


def _split(lines: pl.DataFrame) -> pl.DataFrame:
    """A line that settles by cash and by discount or loss at once, in parts by kind."""
    alone = (pl.col("cents") < 0).sum().over("entry") == 1
    discount, lost, tax = (pl.col(name).fill_null(0) for name in ("discount", "written_off", "tax"))
    # Tax that is taken back belongs to whichever of the two is there.
    discount_part = discount + pl.when(discount > 0).then(tax).otherwise(0)
    lost_part = lost + pl.when(discount > 0).then(0).otherwise(tax)
    mixed = (
        (pl.col("kind") == "payment")
        & alone
        & (pl.col("treasury") > 0)
        & ((discount > 0) | (lost > 0))
        # An entry that sells something besides can have parts below zero: it stays whole.
        & (discount_part >= 0)
        & (lost_part >= 0)
        & (pl.col("treasury") + discount_part + lost_part == -pl.col("cents"))
    ).fill_null(False)
    whole, parts = lines.filter(~mixed), lines.filter(mixed)
    pieces = [
        parts.with_columns(cents=-pl.col("treasury")),
        parts.filter(discount_part > 0).with_columns(cents=-discount_part, kind=pl.lit("discount")),
        parts.filter(lost_part > 0).with_columns(cents=-lost_part, kind=pl.lit("write_off")),
    ]
    return pl.concat([whole, *pieces]).drop("tax").sort(LINE)
