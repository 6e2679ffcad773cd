"""What settles what, against plain loops that take one cent's worth after the other."""

from datetime import date, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from paydelay.sources.fec.allocation import allocate, less, oldest_first

CLAIMS = {"claim": pl.Int64, "group": pl.Int64, "document": pl.String, "day": pl.Date, "cents": pl.Int64}
SETTLEMENTS = {"settlement" if name == "claim" else name: kind for name, kind in CLAIMS.items()}

side = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["F1", "F2", "F3", None]),
        st.integers(0, 4).map(lambda days: date(2023, 1, 1) + timedelta(days)),
        st.one_of(st.integers(1, 6), st.sampled_from([100, 100, 250, 10**14])),
    ),
    max_size=9,
)


def numbered(rows, schema):
    return pl.DataFrame([(number, *row) for number, row in enumerate(rows)], schema=schema, orient="row")


def loops(claims, settlements, *, steps=("document", "amount", "age"), in_time=False):
    """The same three steps, one claim and one settlement at a time."""
    owed = dict(enumerate(claims))
    came = dict(enumerate(settlements))
    left = {number: row[3] for number, row in owed.items()}
    money = {number: row[3] for number, row in came.items()}
    parts: dict[tuple[int, int], int] = {}

    def give(claim, settlement):
        cents = min(left[claim], money[settlement])
        if cents:
            parts[claim, settlement] = parts.get((claim, settlement), 0) + cents
            left[claim] -= cents
            money[settlement] -= cents

    def in_one_group(claim, settlement):
        early = in_time and came[settlement][2] < owed[claim][2]
        return owed[claim][0] == came[settlement][0] and not early

    def by_age(rows):
        return sorted(rows, key=lambda number: (rows[number][2], number))

    for step in steps:
        if step == "amount":
            for settlement in by_age(came):
                for claim in by_age(owed):
                    same = in_one_group(claim, settlement) and left[claim] == money[settlement]
                    if same and money[settlement]:
                        give(claim, settlement)
                        break
            continue
        for settlement in by_age(came):
            for claim in by_age(owed):
                same = in_one_group(claim, settlement)
                if step == "document":
                    same &= owed[claim][1] is not None and owed[claim][1] == came[settlement][1]
                if same:
                    give(claim, settlement)
    return {(claim, settlement, cents) for (claim, settlement), cents in parts.items()}


@settings(max_examples=300)
@given(claims=side, settlements=side)
def test_parts_are_those_of_plain_loops(claims, settlements):
    found = allocate(numbered(claims, CLAIMS), numbered(settlements, SETTLEMENTS))
    assert found.height == len(set(found.rows()))
    assert set(found.rows()) == loops(claims, settlements)
    assert found.equals(found.sort("settlement", "claim"))


@settings(max_examples=300)
@given(claims=side, settlements=side)
def test_parts_in_time_are_those_of_plain_loops(claims, settlements):
    found = allocate(numbered(claims, CLAIMS), numbered(settlements, SETTLEMENTS), in_time=True)
    assert set(found.rows()) == loops(claims, settlements, in_time=True)


@settings(max_examples=200)
@given(claims=side, settlements=side)
def test_first_in_first_out_is_that_of_plain_loops(claims, settlements):
    found = oldest_first(numbered(claims, CLAIMS), numbered(settlements, SETTLEMENTS))
    assert set(found.rows()) == loops(claims, settlements, steps=("age",))


@settings(max_examples=100)
@given(claims=side, settlements=side, seed=st.integers(0, 9))
def test_the_order_of_the_rows_changes_nothing(claims, settlements, seed):
    owed, came = numbered(claims, CLAIMS), numbered(settlements, SETTLEMENTS)
    mixed = [rows.sample(fraction=1, shuffle=True, seed=seed) for rows in (owed, came)]
    assert allocate(*mixed).equals(allocate(owed, came))


@settings(max_examples=100)
@given(claims=side, settlements=side)
def test_no_cent_is_made_or_lost_and_nothing_fits_afterwards(claims, settlements):
    owed, came = numbered(claims, CLAIMS), numbered(settlements, SETTLEMENTS)
    found = allocate(owed, came)
    assert (found["cents"] > 0).all()
    rest_owed, rest_came = less(owed, found, "claim"), less(came, found, "settlement")
    assert rest_owed["cents"].sum() == owed["cents"].sum() - found["cents"].sum()
    assert rest_came["cents"].sum() == came["cents"].sum() - found["cents"].sum()
    assert not set(rest_owed["group"]) & set(rest_came["group"])
