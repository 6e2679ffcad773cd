"""From grouped lines to what settles what: claims, payments, and payments that bounce."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from paydelay.sources.fec.advances import ADVANCE, INVOICED_ADVANCE
from paydelay.sources.fec.allocation import allocate, by_document, less, oldest_first
from paydelay.sources.fec.bills import BILL, CHAIN

ROW = "__paydelay_row"
"""Number of a line among those of all files."""
PARTS = pl.Schema({"claim": pl.Int64, "settlement": pl.Int64, "reversal": pl.Int64, "cents": pl.Int64})
"""Part of a settlement that falls to a claim; with a reversal, one that was taken back."""
_COPIES_MAX = 20
"""Payments alike that each settle more claims than this are laid on them this many times at most."""
_CHARGES_CENTS_MAX = 10_000
"""No bank charges more for a payment that bounced; what is above it is another matter."""
_LOOK_BACK = 50
_LETTERED = pl.col("letter").is_not_null()

Step = Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]
"""What lays settlements on claims and gives the parts."""


class Clearing:
    """Claims and settlements that are taken from step by step until nothing fits.

    Parameters
    ----------
    lines : polars.DataFrame
        Lines by number ``ROW``: customer_id, account, group, kind, document, letter, day
        and cents, debits above zero.
    bounced : polars.DataFrame
        Columns reversal and payment, numbers of lines: they cancel each other.
    """

    def __init__(self, lines: pl.DataFrame, bounced: pl.DataFrame) -> None:
        moved = pl.col("kind").is_in(["transfer", INVOICED_ADVANCE])
        self._all_lines = lines
        live = lines.filter(~moved).with_columns(pl.col(ROW).cast(pl.Int64))
        self._all_claims = live.filter(pl.col("cents") > 0).rename({ROW: "claim"})
        self._all_settlements = (
            live.filter(pl.col("cents") < 0).with_columns(cents=-pl.col("cents")).rename({ROW: "settlement"})
        )
        self.bounced = bounced
        self.claims = self._all_claims.filter(~pl.col("claim").is_in(bounced["reversal"].implode()))
        self.settlements = self._all_settlements.filter(
            ~pl.col("settlement").is_in(bounced["payment"].implode())
        )
        self._parts = [PARTS.to_frame()]

    @property
    def parts(self) -> pl.DataFrame:
        """All parts so far, one row for each claim, settlement and reversal."""
        merged = pl.concat(self._parts).group_by("claim", "settlement", "reversal").agg(pl.col("cents").sum())
        return merged.sort("settlement", "claim", "reversal")

    def clear_groups(self) -> None:
        """Settle within each group, then give over-payments to the claim of it they name."""
        self._take(allocate(self.claims, self.settlements))
        self._overpay(_named_once(self._owed, ["group", "document"]), ["group", "document"])

    def clear_lettered(self) -> None:
        """Place what is left of settlements with a letter.

        By document with whatever the customer owes, then with debts from before the
        files; what is over then is an over-payment of the claim that the document or
        the group leaves no doubt about.
        """
        self._clear_by_customer(_LETTERED, by_document)
        self.clear_customers(_LETTERED, owed=pl.col("kind") == "opening")
        self._overpay(_named_once(self._owed, ["customer_id", "document"]), ["customer_id", "document"])
        self._overpay(self._owed.filter(pl.len().over("group") == 1), ["group"])

    def clear_bills_before(self) -> None:
        """Cash of bills that no line of the books accepted is that of bills from before them."""
        accepted = BILL & (pl.col("kind") != "opening")
        known = self._all_lines.filter(accepted & (pl.col("cents") > 0))["group"].unique().implode()
        unknown = BILL & ~pl.col("group").is_in(known)
        self.clear_customers(unknown, owed=BILL & (pl.col("kind") == "opening"))

    def clear_openings(self) -> None:
        """Credits of an opening balance take its debits first: only what is over is cash on account."""
        opening = pl.col("kind") == "opening"
        self.clear_customers(opening, owed=opening)

    @property
    def _owed(self) -> pl.DataFrame:
        invoices = self._all_claims.filter(pl.col("kind") == "invoice")
        return invoices.select("group", "customer_id", "document", "claim")

    def _overpay(self, owed: pl.DataFrame, key: list[str]) -> None:
        """What is left of settlements goes to the one claim they name, beyond what it asks."""
        excess = self.settlements.filter(_LETTERED).join(owed.select(*key, "claim"), on=key)
        self._take(excess.select("claim", "settlement", "cents"), beyond=True)

    def clear_customers(
        self, chosen: pl.Expr, *, owed: pl.Expr | None = None, by_document_first: bool = False
    ) -> int:
        """Let settlements take the customer's oldest claims, whatever their group.

        Parameters
        ----------
        chosen : polars.Expr
            Which settlements.
        owed : polars.Expr, optional
            Which claims they may take; all by default.
        by_document_first : bool
            Let them take those of their own document before.

        Returns
        -------
        int
            How many settlements took something.
        """
        named = self._clear_by_customer(chosen, by_document, owed) if by_document_first else set[int]()
        return len(named | self._clear_by_customer(chosen, oldest_first, owed))

    def _clear_by_customer(self, chosen: pl.Expr, step: Step, owed: pl.Expr | None = None) -> set[int]:
        """Settlements that took something."""
        debts = pl.col("kind").is_in(["invoice", "opening"])
        claims = self.claims.filter(debts if owed is None else debts & owed)
        claims = claims.with_columns(group=pl.col("customer_id"))
        settlements = self.settlements.filter(chosen).with_columns(group=pl.col("customer_id"))
        found = step(claims, settlements)
        self._take(found)
        return set(found["settlement"])

    def clear_earlier_years(self, sums: pl.DataFrame) -> int:
        """Let settlements with a letter take claims that an opening balance carries in one sum.

        By document, then by equal amount, then the oldest first. What names one claim is that
        one's, paid or not: a second payment of it settles nothing else.

        Parameters
        ----------
        sums : polars.DataFrame
            Columns customer_id, file and alone of such opening balances: whether only
            settlements can be meant that are lettered with no claim of their year.

        Returns
        -------
        int
            How many settlements took something.
        """
        count = 0
        with_claim = self._all_claims["group"].unique().implode()
        debts = self._all_claims.filter(pl.col("kind").is_in(["invoice", "opening"]))
        key = ["customer_id", "document"]
        naming = self.settlements.join(_named_once(debts, key), on=key, how="semi")["settlement"]
        names_none = ~pl.col("settlement").is_in(naming.implode())
        by_year = sums.sort("file", "alone").group_by("file", "alone", maintain_order=True)
        for (file, alone), customers in by_year:
            theirs = pl.col("customer_id").is_in(customers["customer_id"].implode())
            theirs &= (pl.col("file") == file) & _LETTERED & names_none
            if alone:
                theirs &= ~pl.col("group").is_in(with_claim)
            count += len(self._clear_by_customer(theirs, allocate, pl.col("file") < pl.lit(file)))
        return count

    def take_back_bounced(self) -> None:
        """Payments that bounced settle what they named and are taken back from it.

        Each is laid on the claims as they stood: the money came twice, and went once.
        """
        back = self._all_settlements.join(self.bounced.rename({"payment": "settlement"}), on="settlement")
        debts = self._all_claims.filter(pl.col("kind").is_in(["invoice", "opening"]))
        invoices = debts.filter(pl.col("kind") == "invoice")
        key = ["customer_id", "document"]
        known = debts.select(key).unique().with_columns(named="document")
        back = back.join(known, on=key, how="left").sort("settlement")
        # What bounces again goes where it went the first time: a round for each would be too many.
        alike = ["group", "cents", "named"]
        first = back.unique(alike, keep="first", maintain_order=True)
        for names_debt in (False, True):
            paid = first.filter(pl.col("named").is_not_null() == names_debt)
            parts = allocate(debts, paid)
            rest = less(paid, parts, "settlement").join(_named_once(invoices, key), on=key)
            parts = pl.concat([parts, rest.select("claim", "settlement", "cents")])
            laid = parts.with_columns(width=pl.len().over("settlement"), part="cents").drop("cents")
            copied = paid.select("settlement", *alike).join(laid, on="settlement").drop("settlement")
            twins = back.with_columns(turn=pl.int_range(pl.len()).over(alike))
            again = twins.join(copied, on=alike, nulls_equal=True)
            again = again.filter(pl.min_horizontal("turn", "width") < _COPIES_MAX)
            self._parts.append(again.select("claim", "settlement", "reversal", cents="part"))

    def on_account(self) -> pl.DataFrame:
        """What names no claim: columns settlement, reversal (or null) and cents.

        Returns
        -------
        polars.DataFrame
            Left of the settlements, what refunds paid out, and bounced payments
            that named no invoice.
        """
        none = pl.lit(None, dtype=pl.Int64).alias("reversal")
        taken = (
            self.parts.filter(pl.col("reversal").is_not_null())
            .group_by("settlement")
            .agg(taken=pl.col("cents").sum())
        )
        back = (
            self._all_settlements.join(self.bounced.rename({"payment": "settlement"}), on="settlement")
            .join(taken, on="settlement", how="left")
            .select("settlement", "reversal", cents=pl.col("cents") - pl.col("taken").fill_null(0))
            .filter(pl.col("cents") > 0)
        )
        return pl.concat([self.settlements.select("settlement", none, "cents"), back])

    def _take(self, found: pl.DataFrame, *, beyond: bool = False) -> None:
        """Take parts from both sides; beyond what is claimed, from the settlements alone."""
        none = pl.lit(None, dtype=pl.Int64).alias("reversal")
        self._parts.append(found.with_columns(none).select(PARTS.names()))
        self.settlements = less(self.settlements, found, "settlement")
        if not beyond:
            self.claims = less(self.claims, found, "claim")


def _named_once(owed: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Claims that a document names and no other; packages number whole months alike."""
    named = owed.filter(pl.col("document").is_not_null())
    return named.filter(pl.len().over(key) == 1).select(*key, "claim")


def bounced_payments(lines: pl.DataFrame) -> pl.DataFrame:
    """Reversals and the payments they take back.

    The latest payment of the same customer and amount on or before the day, of the
    same document where there is one, else of the same letter or by the same bill; a bill
    that was cashed for just this amount needs no other sign.

    Parameters
    ----------
    lines : polars.DataFrame
        Classified lines by number ``ROW``.

    Returns
    -------
    polars.DataFrame
        Columns reversal and payment, numbers of lines.
    """
    return _taken_back(lines, ["cents"], charges_max=0)


def with_charges_apart(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines, with what a bank charged for a bounced payment as a claim of its own.

    The customer's account is then debited by the payment and the charge in one sum. As
    one line it would take back no payment, and the invoice would stay settled.

    Parameters
    ----------
    lines : polars.DataFrame
        Classified lines in the order of their numbers, without ``ROW``.

    Returns
    -------
    polars.DataFrame
        A line with a charge comes in two parts: the payment taken back, and an invoice.
    """
    numbered = lines.with_row_index(ROW)
    plain = bounced_payments(numbered)
    left = numbered.filter(
        ~pl.col(ROW).is_in(plain["reversal"].implode()) & ~pl.col(ROW).is_in(plain["payment"].implode())
    )
    charged = _taken_back(left, [], charges_max=_CHARGES_CENTS_MAX)
    if not charged.height:
        return lines
    paid = numbered.select(pl.col(ROW).cast(pl.Int64).alias("payment"), paid=-pl.col("cents"))
    parts = numbered.with_columns(reversal=pl.col(ROW).cast(pl.Int64)).join(
        charged.join(paid, on="payment"), on="reversal"
    )
    rest = parts.with_columns(cents=pl.col("cents") - pl.col("paid"), kind=pl.lit("invoice"))
    back = parts.with_columns(cents=pl.col("paid"))
    whole = numbered.filter(~pl.col(ROW).is_in(charged["reversal"].implode()))
    split = pl.concat([rows.select(numbered.columns) for rows in (whole, back, rest)])
    return split.sort(ROW, maintain_order=True).drop(ROW)


def _taken_back(lines: pl.DataFrame, same: list[str], *, charges_max: int) -> pl.DataFrame:
    """Reversals and the latest payment before each that has what is the same, and a fitting amount."""
    found = [pl.DataFrame(schema={"reversal": pl.Int64, "payment": pl.Int64})]
    reversals = lines.filter((pl.col("kind") == "reversal") & ~ADVANCE)
    payments = lines.filter(pl.col("kind") == "payment").with_columns(cents=-pl.col("cents"))
    by_bill = pl.when((pl.col("kind") == "reversal") | BILL).then(True).alias("by_bill")
    reversals, payments = reversals.with_columns(by_bill), payments.with_columns(by_bill)
    keys = [["document", "letter", "file"], ["document"], ["letter", "file"], [CHAIN]]
    for key in keys if charges_max else [*keys, ["by_bill"]]:
        matched = _latest_before(reversals, payments, ["customer_id", *same, *key], charges_max)
        found.append(matched)
        reversals = reversals.filter(~pl.col(ROW).is_in(matched["reversal"].implode()))
        payments = payments.filter(~pl.col(ROW).is_in(matched["payment"].implode()))
    return pl.concat(found)


def _latest_before(
    reversals: pl.DataFrame, payments: pl.DataFrame, key: list[str], charges_max: int
) -> pl.DataFrame:
    """Reversals and payments of a key, the latest that no reversal before it took.

    A loop over the few keys that have reversals: to join the two sides would make as many
    rows as the product of both, where a book has one document for all of them.
    """
    pairs: list[tuple[int, int]] = []
    found = pl.Schema({"reversal": pl.Int64, "payment": pl.Int64})
    if not reversals.height or not payments.height:
        return found.to_frame()
    known = ~pl.any_horizontal(pl.col(key).is_null())
    sides = [rows.filter(known).select(*key, ROW, "day", amount="cents") for rows in (payments, reversals)]
    sides[0] = sides[0].join(sides[1], on=key, how="semi")
    events = pl.concat([rows.with_columns(side=pl.lit(side)) for side, rows in enumerate(sides)])
    events = events.sort(*key, "day", "side", ROW)
    before, standing = None, list[tuple[int, int]]()
    chosen = events.select(pl.struct(key).rle_id(), "side", ROW, "amount")
    for place, side, number, amount in chosen.iter_rows():
        if place != before:
            before, standing = place, []
        if side == 0:
            standing.append((number, amount))
            continue
        for depth in range(1, min(len(standing), _LOOK_BACK) + 1):
            payment, paid = standing[-depth]
            if (0 < amount - paid <= charges_max) if charges_max else (amount == paid):
                pairs.append((number, payment))
                del standing[-depth]
                break
    return pl.DataFrame(pairs, schema=found, orient="row")
