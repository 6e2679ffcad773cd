from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paydelay.config import LossSettings
from paydelay.errors import LedgerError, ModelError
from paydelay.loss import (
    LossTable,
    allocate_cash_on_account,
    allocate_cover,
    cost_of_delay,
    expected_days_open,
    expected_loss,
    exposure_at_default,
    fit_loss_table,
)

AS_OF = date(2025, 4, 1)
NO_PRIOR = LossSettings(lgd_prior_count=0, annual_cost_of_capital=0)
CUSTOMERS = ["A", "B", "C", "D"]


def open_invoices(*lines):
    """Rows from (invoice_id, customer_id, due in days from as_of, open amount)."""
    return pl.DataFrame(
        {
            "invoice_id": [line[0] for line in lines],
            "customer_id": [line[1] for line in lines],
            "issue_date": [AS_OF + timedelta(days=line[2] - 30) for line in lines],
            "due_date": [AS_OF + timedelta(days=line[2]) for line in lines],
            "open_amount_reporting": [float(line[3]) for line in lines],
        },
        schema_overrides={"invoice_id": pl.String, "customer_id": pl.String},
    )


def cash_held(**amounts):
    return pl.DataFrame({"customer_id": list(amounts), "cash_on_account": list(amounts.values())})


def covers(*lines):
    """Customers from (customer_id, parent_id, insured_limit, insured_share, guarantee_amount)."""
    schema = {
        "customer_id": pl.String,
        "parent_id": pl.String,
        "insured_limit": pl.Float64,
        "insured_share": pl.Float64,
        "guarantee_amount": pl.Float64,
    }
    return pl.DataFrame(list(lines), schema=schema, orient="row")


def by_invoice(rows, values):
    return dict(zip(rows["invoice_id"].to_list(), list(values), strict=True))


# ---- cash on account


def test_cash_goes_to_the_oldest_invoice_first_and_the_rest_is_left_over():
    rows = open_invoices(("new", "A", 10, 100), ("old", "A", -40, 60), ("b", "B", -5, 30))
    allocation = allocate_cash_on_account(rows, cash_held(A=75.0, B=50.0, Z=9.0))
    assert by_invoice(rows, allocation.allocated) == {"new": 15.0, "old": 60.0, "b": 30.0}
    assert dict(allocation.left_over.iter_rows()) == {"A": 0.0, "B": 20.0, "Z": 9.0}


def test_same_due_date_is_settled_by_issue_date_then_by_id():
    rows = open_invoices(("b", "A", 0, 10), ("a", "A", 0, 10), ("z", "A", 0, 10))
    earlier = pl.when(pl.col("invoice_id") == "z").then(pl.col("issue_date").dt.offset_by("-1d"))
    rows = rows.with_columns(earlier.otherwise("issue_date").alias("issue_date"))
    allocation = allocate_cash_on_account(rows, cash_held(A=15.0))
    assert by_invoice(rows, allocation.allocated) == {"b": 0.0, "a": 5.0, "z": 10.0}


def test_cash_of_a_customer_in_several_rows_adds_up():
    cash = pl.DataFrame({"customer_id": ["A", "A"], "cash_on_account": [0.1, 0.2]})
    rows = open_invoices(("a", "A", 0, 0.3))
    assert exposure_at_default(rows, cash, LossSettings()).to_list() == [0.0]


@pytest.mark.parametrize("amount", [-1.0, float("nan"), float("inf"), None])
def test_unusable_amounts_are_refused_without_naming_anyone(amount):
    rows = open_invoices(("secret-invoice", "secret-customer", 0, 10))
    cash = pl.DataFrame({"customer_id": ["secret-customer"], "cash_on_account": [amount]})
    with pytest.raises(LedgerError, match="cash on account") as caught:
        allocate_cash_on_account(rows, cash)
    assert "secret" not in str(caught.value)


def test_a_missing_column_is_named():
    with pytest.raises(LedgerError, match="lack issue_date"):
        allocate_cash_on_account(open_invoices(("a", "A", 0, 1)).drop("issue_date"), cash_held(A=1.0))


# ---- exposure


def test_recoverable_vat_comes_off_what_remains_open():
    # 1,200 incl. 200 VAT, in a currency worth 0.5; half is paid, then 60 of cash on account:
    # (300 - 60) x (1 - 100 / 600) = 200.
    rows = open_invoices(("a", "A", 0, 300)).with_columns(
        amount=pl.lit(1200.0), open_amount=pl.lit(600.0), vat_amount_reporting=pl.lit(100.0)
    )
    deducted = LossSettings(recoverable_vat_deducted=True)
    assert exposure_at_default(rows, cash_held(A=60.0), deducted).to_list() == [200.0]
    assert exposure_at_default(rows, cash_held(A=60.0), LossSettings()).to_list() == [240.0]
    unknown = rows.with_columns(vat_amount_reporting=pl.lit(None, pl.Float64))
    assert exposure_at_default(unknown, cash_held(A=60.0), deducted).to_list() == [240.0]


def test_vat_of_an_invoice_without_open_amount_is_no_division_by_zero():
    rows = open_invoices(("a", "A", 0, 0)).with_columns(
        amount=pl.lit(1200.0), open_amount=pl.lit(0.0), vat_amount_reporting=pl.lit(100.0)
    )
    deducted = LossSettings(recoverable_vat_deducted=True)
    assert exposure_at_default(rows, cash_held(A=60.0), deducted).to_list() == [0.0]


def test_an_allocation_of_other_rows_is_refused():
    rows = open_invoices(("a", "A", 0, 10), ("b", "A", 1, 10))
    allocation = allocate_cash_on_account(rows, cash_held(A=1.0))
    with pytest.raises(LedgerError, match="2 rows but 1"):
        exposure_at_default(rows.head(1), allocation, LossSettings())


# ---- cover


def test_insurance_pays_its_share_then_the_guarantee_the_rest():
    # Limit 1,500 at 90 %: 1,000 of the old and 500 of the new invoice are insured, 900 and 450 paid.
    # The guarantee of 200 takes the old one's remaining 100, then 100 of the new one's 550.
    rows = open_invoices(("new", "A", 5, 1000), ("old", "A", -5, 1000))
    covered = allocate_cover(rows, rows["open_amount_reporting"], covers(("A", None, 1500.0, 0.9, 200.0)))
    assert by_invoice(rows, covered) == {"old": 1000.0, "new": 550.0}


def test_the_cover_of_a_parent_is_one_pool_for_its_group():
    # B's own 100 first; then the parent A's 250 by age: b2 (100), a1 (100), b1's rest (50).
    rows = open_invoices(
        ("b1", "B", 0, 180), ("b2", "B", -20, 200), ("a1", "A", -10, 100), ("c1", "C", -90, 100)
    )
    customers = covers(
        ("A", None, None, None, 250.0), ("B", "A", None, None, 100.0), ("C", None, None, None, None)
    )
    covered = allocate_cover(rows, rows["open_amount_reporting"], customers)
    assert by_invoice(rows, covered) == {"b2": 200.0, "a1": 100.0, "b1": 50.0, "c1": 0.0}


def test_the_cover_of_a_parent_without_open_items_still_counts():
    rows = open_invoices(("b", "B", 0, 100))
    customers = covers(("P", None, 50.0, 0.8, None), ("B", "P", None, None, None))
    assert allocate_cover(rows, [100.0], customers).to_list() == [40.0]


def test_of_three_generations_only_the_direct_parent_helps():
    rows = open_invoices(("c", "C", -30, 100), ("b", "B", -20, 100), ("a", "A", -10, 100))
    customers = covers(
        ("A", None, None, None, 150.0), ("B", "A", None, None, 120.0), ("C", "B", None, None, None)
    )
    covered = allocate_cover(rows, [100.0] * 3, customers)
    # B's 120: c 100, b 20. A's 150: b's rest 80, a 70; nothing of A's for its grandchild.
    assert by_invoice(rows, covered) == {"c": 100.0, "b": 100.0, "a": 70.0}


def test_parents_in_a_circle_and_oneself_as_parent_count_as_none():
    rows = open_invoices(("a", "A", -3, 100), ("b", "B", -2, 100), ("c", "C", -1, 100), ("d", "D", 0, 100))
    customers = covers(
        ("A", "B", None, None, 10.0),
        ("B", "A", None, None, 20.0),
        ("C", "C", None, None, 30.0),
        ("D", "A", None, None, None),
    )
    covered = allocate_cover(rows, [100.0] * 4, customers)
    assert by_invoice(rows, covered) == {"a": 10.0, "b": 20.0, "c": 30.0, "d": 0.0}


def test_a_limit_without_share_covers_nothing_and_no_customers_no_cover():
    rows = open_invoices(("a", "A", 0, 100), ("x", "X", 0, 100))
    assert allocate_cover(rows, [100.0, 100.0], covers(("A", None, 50.0, None, None))).to_list() == [0.0, 0.0]
    assert allocate_cover(rows, [100.0, 100.0], covers()).to_list() == [0.0, 0.0]
    assert allocate_cover(rows.head(0), [], covers(("A", None, 50.0, 0.5, 1.0))).to_list() == []


def test_a_limit_and_a_share_that_binary_fractions_miss_are_exact():
    rows = open_invoices(("a", "A", 0, 1e9))
    assert allocate_cover(rows, [1e9], covers(("A", None, 0.29, 1.0, None))).to_list() == [0.29]
    assert allocate_cover(rows, [1e9], covers(("A", None, 1e12, 0.29, None))).to_list() == [2.9e8]


def test_two_rows_of_a_customer_are_refused():
    twice = covers(("A", None, None, None, 1.0), ("A", None, None, None, 2.0))
    with pytest.raises(LedgerError, match="several rows"):
        allocate_cover(open_invoices(("a", "A", 0, 1)), [1.0], twice)


# ---- properties of the allocations

cents = st.integers(0, 300_000).map(lambda value: value / 100)
maybe_cents = st.none() | cents
books = st.lists(st.tuples(st.sampled_from([*CUSTOMERS, "E"]), st.integers(-5, 5), cents), max_size=14).map(
    lambda lines: open_invoices(*((f"i{n:02d}", *line) for n, line in enumerate(lines)))
)
customer_rows = st.tuples(
    st.none() | st.sampled_from(CUSTOMERS),
    maybe_cents,
    st.sampled_from([None, 0.0, 0.333, 0.9, 1.0]),
    maybe_cents,
)
customer_tables = st.lists(customer_rows, min_size=4, max_size=4).map(
    lambda lines: covers(*((name, *line) for name, line in zip(CUSTOMERS, lines, strict=True)))
)
cash_tables = st.dictionaries(st.sampled_from(CUSTOMERS), cents).map(
    lambda held: pl.DataFrame(
        {"customer_id": list(held), "cash_on_account": list(held.values())},
        schema={"customer_id": pl.String, "cash_on_account": pl.Float64},
    )
)


def one_by_one(rows, pools):
    """Cash in plain loops: the reference the vectorised allocation has to equal."""
    pools, granted = {name: round(amount * 100) for name, amount in pools.items()}, {}
    for row in rows.sort("due_date", "issue_date", "invoice_id").iter_rows(named=True):
        paid = min(pools.get(row["customer_id"], 0), round(row["open_amount_reporting"] * 100))
        pools[row["customer_id"]] = pools.get(row["customer_id"], 0) - paid
        granted[row["invoice_id"]] = paid / 100
    return granted


@given(books, cash_tables, st.randoms(use_true_random=False))
def test_cash_and_exposure_add_up_to_the_open_amount(rows, cash, random):
    allocation = allocate_cash_on_account(rows, cash)
    ead = exposure_at_default(rows, allocation, LossSettings())
    assert by_invoice(rows, allocation.allocated) == one_by_one(rows, dict(cash.iter_rows()))
    assert ead.ge(0).all()
    assert (ead + allocation.allocated).round(2).to_list() == rows["open_amount_reporting"].to_list()
    spent = allocation.allocated.sum() + allocation.left_over["cash_left"].sum()
    assert spent == pytest.approx(cash["cash_on_account"].sum())
    shuffled = rows[random.sample(range(rows.height), rows.height)]
    again = exposure_at_default(shuffled, cash.reverse(), LossSettings())
    assert by_invoice(shuffled, again) == by_invoice(rows, ead)


def pool_amounts(customers):
    """The most each customer's cover can pay."""
    return {
        row["customer_id"]: (row["insured_limit"] or 0) * (row["insured_share"] or 0)
        + (row["guarantee_amount"] or 0)
        for row in customers.iter_rows(named=True)
    }


@given(books, customer_tables, st.randoms(use_true_random=False))
def test_cover_stays_within_the_exposure_and_every_limit(rows, customers, random):
    ead = rows["open_amount_reporting"]
    covered = allocate_cover(rows, ead, customers)
    assert covered.is_between(0.0, ead).all()
    pools, parents = pool_amounts(customers), dict(customers.select("customer_id", "parent_id").iter_rows())
    total = {name: covered.filter(rows["customer_id"] == name).sum() for name in [*CUSTOMERS, "E"]}
    dust = 1e-6
    assert total["E"] == 0
    assert covered.sum() <= sum(pools.values()) + dust
    for name in CUSTOMERS:
        assert total[name] <= pools[name] + pools.get(parents[name], 0) + dust
        group = [other for other in CUSTOMERS if name in (other, parents[other])]
        helpers = {*group, *(parents[other] for other in group if parents[other])}
        assert sum(total[other] for other in group) <= sum(pools[other] for other in helpers) + dust
    shuffled = rows[random.sample(range(rows.height), rows.height)]
    again = allocate_cover(shuffled, shuffled["open_amount_reporting"], customers.reverse())
    assert by_invoice(shuffled, again) == by_invoice(rows, covered)


@given(books, st.lists(customer_rows, min_size=4, max_size=4))
def test_cover_without_parents_equals_the_allocation_worked_row_by_row(rows, lines):
    customers = covers(*((name, None, *line[1:]) for name, line in zip(CUSTOMERS, lines, strict=True)))
    state = {row["customer_id"]: row for row in customers.iter_rows(named=True)}
    expected = {}
    limits = {name: round((row["insured_limit"] or 0) * 100) for name, row in state.items()}
    guarantees = {name: round((row["guarantee_amount"] or 0) * 100) for name, row in state.items()}
    for row in rows.sort("due_date", "issue_date", "invoice_id").iter_rows(named=True):
        name, exposed = row["customer_id"], round(row["open_amount_reporting"] * 100)
        insured = min(limits.get(name, 0), exposed)
        paid = insured * round(((state.get(name) or {}).get("insured_share") or 0) * 1000) // 1000
        guaranteed = min(guarantees.get(name, 0), exposed - paid)
        if name in state:
            limits[name] -= insured
            guarantees[name] -= guaranteed
        expected[row["invoice_id"]] = (paid + guaranteed) / 100
    assert by_invoice(rows, allocate_cover(rows, rows["open_amount_reporting"], customers)) == expected


# ---- loss given default


def defaulted(*lines, age=90):
    """Defaults from (invoice_id, balance, days observed), all on the same day."""
    return pl.DataFrame(
        {
            "invoice_id": [line[0] for line in lines],
            "default_on": [AS_OF] * len(lines),
            "age_days_at_default": [age] * len(lines),
            "balance": [float(line[1]) for line in lines],
            "observed_until": [AS_OF + timedelta(days=line[2]) for line in lines],
        },
        schema={
            "invoice_id": pl.String,
            "default_on": pl.Date,
            "age_days_at_default": pl.Int32,
            "balance": pl.Float64,
            "observed_until": pl.Date,
        },
    )


def received(*lines):
    """Recoveries from (invoice_id, days after default, amount)."""
    return pl.DataFrame(
        [(name, AS_OF + timedelta(days=day), float(amount)) for name, day, amount in lines],
        schema={"invoice_id": pl.String, "received_on": pl.Date, "amount": pl.Float64},
        orient="row",
    )


def test_finished_recoveries_give_one_less_discounted_cash_over_balance():
    # 600 after 73 days at 8 %: 600 / 1.08^0.2 = 590.84; 100 after 365 days: 92.59. Balance 2,000.
    settings = LossSettings(lgd_prior_count=0, annual_cost_of_capital=0.08)
    table = fit_loss_table(
        defaulted(("a", 1000, 400), ("b", 1000, 400)), received(("a", 73, 600), ("b", 365, 100)), settings
    )
    assert table.lgd[0] == pytest.approx(1 - (590.8354 + 92.5926) / 2000, abs=1e-7)
    assert table.default_count == 2
    assert table.effective_default_count == pytest.approx(2)
    assert table.recovered_share_by_month[-1] == pytest.approx(700 / 2000)


def test_unfinished_recoveries_are_developed_neither_lost_nor_dropped():
    # a, finished: 1,000 -> 600 open after day 50 -> 300 after day 200. b, observed 100 days:
    # 1,000 -> 800 after day 50. Development: 1400/2000, then of a alone 300/600: LGD = 0.7 x 0.5.
    table = fit_loss_table(
        defaulted(("a", 1000, 500), ("b", 1000, 100)),
        received(("a", 50, 400), ("b", 50, 200), ("a", 200, 300)),
        NO_PRIOR,
    )
    assert table.lgd[0] == pytest.approx(0.35)
    as_lost, dropped = 1 - 900 / 2000, 1 - 700 / 1000
    assert table.lgd[0] not in (pytest.approx(as_lost), pytest.approx(dropped))


def test_the_first_payment_of_a_still_running_month_counts():
    table = fit_loss_table(
        defaulted(("a", 1000, 500), ("b", 1000, 10)), received(("b", 9, 1000), ("a", 50, 0)), NO_PRIOR
    )
    assert table.lgd[0] == pytest.approx(0.5)


def test_cash_after_observation_after_the_window_or_on_the_day_itself_is_left_out():
    out = [("a", 0, 100), ("a", -3, 100), ("a", 366, 100), ("b", 21, 100), ("unknown", 5, 100)]
    defaults = defaulted(("a", 1000, 500), ("b", 1000, 20))
    assert fit_loss_table(defaults, received(*out), NO_PRIOR).lgd[0] == 1.0
    table = fit_loss_table(defaults, received(*out, ("a", 10, 500)), NO_PRIOR)
    assert table.lgd[0] == pytest.approx(0.75)


def test_the_last_day_of_a_bucket_belongs_to_it():
    table = LossTable((0, 30), (0.25, 0.5, 1.0), (30,), (0.9, 1.0), (0.5,), 1, 1.0, 30)
    assert table.lgd_at(pl.Series([-9, 0, 1, 30, 31])).tolist() == [0.25, 0.25, 0.5, 0.5, 1.0]


def test_a_reversal_takes_back_and_an_overpayment_recovers_no_more_than_the_balance():
    reversal = received(("a", 10, 1000), ("a", 20, -1000), ("a", 30, 250))
    assert fit_loss_table(defaulted(("a", 1000, 400), ("b", 1, 400)), reversal, NO_PRIOR).lgd[
        0
    ] == pytest.approx(751 / 1001)
    over = received(("a", 10, 5000), ("b", 10, 0))
    both = defaulted(("a", 1000, 400), ("b", 1000, 400))
    assert fit_loss_table(both, over, NO_PRIOR).lgd[0] == pytest.approx(0.5)


def test_lgd_of_what_remains_grows_with_age():
    # Half comes on day 100, a quarter on day 250. Of what is open at age 105 (15 days in default)
    # a quarter of the whole is lost; from age 195 (day 105) half of the rest; from age 345 (255) all.
    table = fit_loss_table(defaulted(("a", 1000, 400)), received(("a", 100, 500), ("a", 250, 250)), NO_PRIOR)
    assert table.lgd_at([-20, 0, 1, 90, 105]).tolist() == pytest.approx([0.25] * 5)
    assert table.lgd_at([195, 300]).tolist() == pytest.approx([0.5, 0.5])
    assert table.lgd_at([361, 455, 5000]).tolist() == pytest.approx([1.0, 1.0, 1.0])


def lost(defaults, **on):
    """The same defaults with the day of loss of some, in days after the default."""
    days = [on.get(name) for name in defaults["invoice_id"]]
    dates = [None if day is None else AS_OF + timedelta(days=day) for day in days]
    return defaults.with_columns(pl.Series("lost_on", dates, pl.Date))


def test_a_failed_customer_and_a_slow_one_lose_apart():
    # a fails ten days after the due date and pays 100 of 1,000; b is merely slow and pays all.
    both = pl.concat([defaulted(("a", 1000, 400), age=10), defaulted(("b", 1000, 400))])
    table = fit_loss_table(lost(both, a=0), received(("a", 200, 100), ("b", 40, 1000)), NO_PRIOR)
    # Not yet due it may still become either; past the day of the failure only b is left.
    assert table.lgd_at([-5, 0, 45, 90]).tolist() == pytest.approx([0.45, 0.45, 0.0, 0.0])
    assert table.lgd_at([45, 45], [3.0, 220.0]).tolist() == pytest.approx([0.9, 1.0])
    assert table.recovered_share_by_month[-1] == pytest.approx(1100 / 2000)


def test_a_debt_lost_on_the_way_keeps_what_it_paid_and_what_it_still_brings():
    # 400 of 1,000 on day 50, failed on day 100, a dividend of 300 on day 200.
    table = fit_loss_table(
        lost(defaulted(("a", 1000, 400)), a=100), received(("a", 50, 400), ("a", 200, 300)), NO_PRIOR
    )
    assert table.lgd_at([-20, 90]).tolist() == pytest.approx([0.3, 0.3])
    # On day 75 in default 600 are open, of which half is to come; whoever failed today brings the same.
    assert table.lgd_at([165])[0] == pytest.approx(0.5)
    # The window ends 265 days after the failure; the hundred days that nobody has seen are the prior's.
    assert table.lost_lgd[0] == pytest.approx(0.5 * 0.9 ** (100 / 365))


def test_without_losses_the_lost_are_given_their_own_prior():
    settings = LossSettings(lgd_prior=0.6, lgd_lost_prior=0.95, annual_cost_of_capital=0.08)
    table = fit_loss_table(defaulted(("a", 1000, 400)), received(("a", 30, 1000)), settings)
    assert table.lost_lgd[0] == pytest.approx(0.95)
    assert table.lgd[0] < 0.6


def test_the_age_at_default_decides_how_much_of_the_window_is_left():
    # Same recovery, 100 days after default; insolvent 30 days before due, the debt is past it at age 90.
    cash = received(("a", 100, 500))
    late = fit_loss_table(defaulted(("a", 1000, 400)), cash, NO_PRIOR).lgd_at([90])
    early = fit_loss_table(defaulted(("a", 1000, 400), age=-30), cash, NO_PRIOR).lgd_at([90])
    assert (late[0], early[0]) == (pytest.approx(0.5), pytest.approx(1.0))


@pytest.mark.parametrize("count", [0.0, 20.0])
def test_without_defaults_the_table_is_the_prior(count):
    settings = LossSettings(lgd_prior=0.6, lgd_prior_count=count, annual_cost_of_capital=0.08)
    table = fit_loss_table(defaulted(), received(), settings)
    assert table.lgd[0] == pytest.approx(0.6, abs=1e-9)
    assert table.default_count == 0


def test_thin_history_leans_on_the_prior_by_its_count():
    # 5 defaults of 100 that lose all, 20 pseudo-defaults that lose 60 %.
    lost = defaulted(*((f"i{n}", 100, 400) for n in range(5)))
    settings = LossSettings(lgd_prior=0.6, lgd_prior_count=20, annual_cost_of_capital=0)
    assert fit_loss_table(lost, received(), settings).lgd[0] == pytest.approx((5 * 1 + 20 * 0.6) / 25)


def test_one_giant_among_dwarfs_counts_as_about_one_default():
    lost = defaulted(("giant", 100_000, 400), *((f"i{n}", 1, 400) for n in range(50)))
    table = fit_loss_table(lost, received(), LossSettings(annual_cost_of_capital=0))
    assert table.effective_default_count == pytest.approx(1, abs=0.01)
    assert table.lgd[0] < 0.65


def test_beyond_the_longest_observation_the_prior_decides():
    # Observed 100 of 365 days, nothing received: neither wholly lost nor the whole prior.
    young = defaulted(*((f"i{n}", 100, 100) for n in range(1000)))
    settings = LossSettings(lgd_prior=0.6, lgd_prior_count=20, annual_cost_of_capital=0)
    expected = 0.6 ** (265 / 365)  # the prior's constant rate over the days nobody has seen
    assert fit_loss_table(young, received(), settings).lgd[0] == pytest.approx(expected, abs=0.01)


@given(
    st.lists(st.tuples(st.integers(-30, 120), st.integers(1, 10**6), st.integers(-5, 500)), max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.integers(-5, 500), st.integers(-1000, 10**6)), max_size=20),
    st.floats(0, 1),
    st.sampled_from([0.0, 1.0, 20.0]),
)
def test_lgd_is_a_share_that_never_falls_once_every_debt_is_in_default(debts, payments, prior, count):
    defaults = defaulted(*((f"i{n}", balance, days) for n, (_, balance, days) in enumerate(debts)))
    defaults = defaults.with_columns(pl.Series("age_days_at_default", [debt[0] for debt in debts], pl.Int32))
    cash = received(*((f"i{n}", day, amount) for n, day, amount in payments))
    settings = LossSettings(lgd_prior=prior, lgd_prior_count=count)
    table = fit_loss_table(defaults, cash, settings)
    lgd = np.asarray(table.lgd)
    assert np.all((lgd >= 0) & (lgd <= 1))
    defaulted_by = np.searchsorted(np.asarray(table.age_to_days), 90) + 1
    assert np.all(np.diff(lgd[defaulted_by:]) >= 0)
    assert np.all(np.diff(table.lost_lgd) >= 0)
    assert lgd[-1] == 1.0
    assert LossTable.from_dict(table.to_dict()) == table
    mixed = fit_loss_table(defaults.reverse(), cash.reverse(), settings)
    assert mixed.lgd == pytest.approx(table.lgd)


@pytest.mark.parametrize(
    "change",
    [
        {"lost_lgd": [0.5]},
        {"lost_lgd": [0.9, 1.1]},
        {"lgd": [0.5]},
        {"lgd": [0.5, 1.2]},
        {"lgd": ["half", 1]},
        {"lgd": [0.5, float("nan")]},
        {"age_to_days": None},
    ],
)
def test_an_altered_table_is_refused(change):
    data = LossTable((0,), (0.5, 1.0), (30,), (0.9, 1.0), (0.5,), 1, 1.0, 365).to_dict()
    with pytest.raises(ModelError, match="loss table"):
        LossTable.from_dict({**data, **change})
    with pytest.raises(ModelError, match="incomplete"):
        LossTable.from_dict({})


def test_unusable_defaults_and_recoveries_are_refused():
    with pytest.raises(LedgerError, match="defaults twice"):
        fit_loss_table(defaulted(("a", 1, 10), ("a", 1, 10)), received(), NO_PRIOR)
    with pytest.raises(LedgerError, match="defaults hold missing"):
        fit_loss_table(defaulted(("a", float("nan"), 10)), received(), NO_PRIOR)
    with pytest.raises(LedgerError, match="recoveries hold missing"):
        fit_loss_table(defaulted(("a", 1, 10)), received(("a", 1, float("inf"))), NO_PRIOR)
    with pytest.raises(LedgerError, match="recoveries lack amount"):
        fit_loss_table(defaulted(("a", 1, 10)), received().drop("amount"), NO_PRIOR)


# ---- expected loss and cost of delay


def test_expected_loss_is_additive_and_zero_where_covered():
    loss = expected_loss([0.1, 1.0, 0.5], [0.6, 0.5, 0.6], [1000.0, 200.0, 80.0], [400.0, 0.0, 80.0])
    assert loss.tolist() == pytest.approx([36.0, 100.0, 0.0])
    assert expected_loss([0.1] * 2, [0.6] * 2, [700.0, 300.0], [400.0, 0.0]).sum() == pytest.approx(36.0)


def test_days_open_worked_by_hand():
    # Due in 2 days; S(0) = 0.8, S(10) = 0. Days: 0.9, 0.8, then 0.72, 0.64 .. 0.08, 0 (sum 3.6).
    assert expected_days_open(np.array([[0.8, 0.0]]), [0, 10], [-2], 180).tolist() == pytest.approx([5.3])
    # Capped after 4 days: 0.9 + 0.8 + 0.72 + 0.64.
    assert expected_days_open(np.array([[0.8, 0.0]]), [0, 10], [-2], 4).tolist() == pytest.approx([3.06])


def test_past_days_are_sunk_and_known_horizons_are_one():
    # 5 days late: what the curve says of horizons up to 5 is of no account.
    known = expected_days_open(np.array([[0.1, 0.1, 0.0]]), [0, 5, 7], [5], 180)
    assert known.tolist() == pytest.approx([0.5])


def test_beyond_the_last_horizon_the_curve_stays_flat():
    assert expected_days_open(np.array([[0.5]]), [1], [0], 11).tolist() == pytest.approx([0.5 * 11])
    assert expected_days_open(np.array([[0.5]]), [1], [400], 30).tolist() == [30.0]


def test_the_tail_decays_day_by_day():
    # At ln 2 a day half of what is open stays: due today, S(1) = 0.4, then 0.2 + 0.1 + 0.05.
    rate = float(np.log(2))
    assert expected_days_open(np.array([[0.4]]), [1], [0], 4, rate).tolist() == pytest.approx([0.75])
    # Late beyond the last horizon, it decays from as_of on: 0.5 + 0.25 + 0.125.
    assert expected_days_open(np.array([[0.4]]), [1], [9], 3, rate).tolist() == pytest.approx([0.875])
    # The cap comes first; and a debt that is never paid stays open.
    assert expected_days_open(np.array([[0.4]]), [2], [0], 1, rate).tolist() == pytest.approx([0.7])
    assert expected_days_open(np.array([[1.0]]), [1], [0], 7, rate).tolist() == [7.0]


@pytest.mark.parametrize("rate", [-0.1, float("nan"), float("inf")])
def test_a_tail_that_rises_is_refused(rate):
    with pytest.raises(ModelError, match="rate"):
        expected_days_open(np.array([[0.4]]), [1], [0], 4, rate)


@given(
    st.lists(st.integers(-30, 180), min_size=1, max_size=12, unique=True).map(sorted),
    st.lists(st.integers(-60, 220), min_size=1, max_size=6),
    st.integers(1, 200),
    st.sampled_from([0.0, 1e-9, 0.004, 0.7]),
    st.integers(0, 2**32 - 1),
)
def test_days_open_equal_the_sum_over_every_day(grid, late, cap, rate, seed):
    curve = -np.sort(-np.random.default_rng(seed).random((len(late), len(grid))), axis=1)
    days = expected_days_open(curve.astype(np.float32), grid, late, cap, rate)
    for row, start in enumerate(late):
        knots = [(start, 1.0)] + [(h, s) for h, s in zip(grid, curve[row], strict=True) if h > start]
        each = np.arange(start + 1, start + cap + 1)
        daily = np.interp(each, *zip(*knots, strict=True)) * np.exp(
            -rate * np.maximum(each - knots[-1][0], 0)
        )
        assert days[row] == pytest.approx(daily.sum(), abs=1e-4)


def test_many_rows_cross_the_chunks_unchanged():
    late = np.arange(40_000) % 90 - 30
    curve = np.tile(np.linspace(0.9, 0.1, 5), (len(late), 1))
    days = expected_days_open(curve, [-10, 0, 10, 30, 90], late, 180)
    assert days[:90].tolist() == days[90:180].tolist() == days[36_000:36_090].tolist()
    assert curve[0, 0] == 0.9  # the caller's curve is left as it was


def test_a_curve_of_another_shape_is_refused():
    with pytest.raises(ModelError, match="does not fit"):
        expected_days_open(np.ones((2, 3)), [0, 1], [0, 0], 10)
    with pytest.raises(ModelError, match="increasing"):
        expected_days_open(np.ones((1, 2)), [1, 0], [0], 10)


def test_cost_of_delay_worked_by_hand():
    # 30 days x (1 - 0.5 x 0.6) x 10,000 x 7.3 % / 365 = 42.
    settings = LossSettings(annual_cost_of_capital=0.073)
    assert cost_of_delay([30.0], [0.5], [0.6], [10_000.0], settings).tolist() == pytest.approx([42.0])
