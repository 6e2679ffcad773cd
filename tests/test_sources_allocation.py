"""Dividing credits among claims: the same as paying them off one by one."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from paydelay.sources.allocation import divide

SIDE = st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 9)), max_size=8)


def side(rows, name):
    return pl.DataFrame(
        {
            "group": [group for group, _ in rows],
            name: list(range(len(rows))),
            "cents": [cents for _, cents in rows],
        },
        schema={"group": pl.String, name: pl.Int64, "cents": pl.Int64},
    )


def one_by_one(credit_rows, claims):
    """The same with queues and a loop."""
    found = {}
    for group in "ab":
        paying = [[place, cents] for place, (name, cents) in enumerate(credit_rows) if name == group]
        owing = [[place, cents] for place, (name, cents) in enumerate(claims) if name == group]
        while paying or owing:
            payer = paying[0] if paying else [None, owing[0][1]]
            debt = owing[0] if owing else [None, payer[1]]
            cents = min(payer[1], debt[1])
            found[group, payer[0], debt[0]] = found.get((group, payer[0], debt[0]), 0) + cents
            payer[1] -= cents
            debt[1] -= cents
            paying = [row for row in paying if row[1]]
            owing = [row for row in owing if row[1]]
    return found


@given(credit_rows=SIDE, claims=SIDE)
def test_it_equals_paying_one_by_one(credit_rows, claims):
    found = divide(side(credit_rows, "credit"), side(claims, "claim"))
    assert {row[:3]: row[3] for row in found.iter_rows()} == one_by_one(credit_rows, claims)


def test_nothing_comes_of_nothing():
    assert divide(side([], "credit"), side([], "claim")).height == 0
