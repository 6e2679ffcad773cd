from datetime import date, timedelta
from types import SimpleNamespace

import polars as pl
import pytest
from books import START, ledgers
from hypothesis import given, settings
from hypothesis import strategies as st

from paydelay.config import LedgerSettings, WorklistSettings
from paydelay.errors import ConfigError, LedgerError, MissingDependencyError
from paydelay.features import CATALOGUE, Catalogue
from paydelay.history import History, cut_ledger
from paydelay.panel import build_panel
from paydelay.worklist import (
    SET_ASIDE_REASONS,
    agreements,
    claims_to_declare,
    priority_rank,
    rank,
    scope,
    set_aside_reason,
)

AS_OF = date(2025, 4, 1)
REASONS = pl.List(
    pl.Struct({"cause": pl.String, "direction": pl.Int8, "contribution": pl.Float64, "text": pl.String})
)
MONEY = ("ead", "covered_amount", "expected_loss", "cost_of_delay", "value_at_stake")


def scored(*rows):
    """A score table; what a row leaves out is plain: 100 open, 10 days late, nothing at stake."""
    lines = []
    for number, row in enumerate(rows):
        line = {
            "invoice_id": f"i{number:02d}",
            "customer_id": "A",
            "as_of": AS_OF,
            "days_past_due": 10,
            "prob_late": 0.5,
            "prob_unpaid": 0.1,
            "open_amount_reporting": 100.0,
            "covered_amount": 0.0,
            "expected_loss": 0.0,
            "cost_of_delay": 0.0,
            "set_aside": None,
            "reasons_late": [],
            "reasons_unpaid": [],
            **row,
        }
        line.setdefault("ead", line["open_amount_reporting"])
        line["due_date"] = line.get("due_date", AS_OF - timedelta(days=line["days_past_due"]))
        line["value_at_stake"] = line["expected_loss"] + line["cost_of_delay"]
        lines.append(line)
    types = {"set_aside": pl.String, "reasons_late": REASONS, "reasons_unpaid": REASONS}
    return pl.DataFrame(lines, schema_overrides=types).with_columns(scope(7))


def reason(cause, contribution, text="text"):
    direction = 1 if contribution is None or contribution > 0 else -1
    return {"cause": cause, "direction": direction, "contribution": contribution, "text": text}


def ids(frame):
    return frame["invoice_id"].to_list()


# ---- what is set aside


def state(**changes):
    plain = {
        "disputed": False,
        "promised_until": None,
        "promise_covers": False,
        "plan_until": None,
        "insolvent_on": None,
        "with_agency": False,
        "written_off": False,
        "open_amount_reporting": 100.0,
        "cash_allocated": 0.0,
        "ead": 100.0,
        "covered_amount": 0.0,
    }
    types = dict.fromkeys(("promised_until", "plan_until", "insolvent_on"), pl.Date)
    return pl.DataFrame([{**plain, **changes}], schema_overrides={**types, "disputed": pl.Boolean})


HOLDING = {
    "dispute": {"disputed": True},
    "promise": {"promised_until": AS_OF, "promise_covers": True},
    "payment_plan": {"plan_until": AS_OF},
    "insolvency": {"insolvent_on": AS_OF},
    "agency": {"with_agency": True},
    "covered": {"covered_amount": 100.0},
    "written_off": {"written_off": True},
    "paid_on_account": {"cash_allocated": 100.0, "ead": 0.0},
}


def test_every_reason_has_its_case():
    assert tuple(HOLDING) == SET_ASIDE_REASONS


@pytest.mark.parametrize("name", SET_ASIDE_REASONS)
def test_each_reason_is_found(name):
    assert state(**HOLDING[name]).select(set_aside_reason()).item() == name


def test_the_first_reason_that_holds_is_given():
    held = {key: value for case in HOLDING.values() for key, value in case.items() if key != "ead"}
    for name, case in HOLDING.items():
        assert state(**held).select(set_aside_reason()).item() == name
        held = {key: value for key, value in held.items() if key not in case}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"promised_until": AS_OF},
        {"covered_amount": 99.99},
        {"cash_allocated": 99.99, "ead": 0.01},
        {"disputed": None},
    ],
)
def test_what_is_not_wholly_covered_or_paid_stays_in_the_queue(changes):
    assert state(**changes).select(set_aside_reason()).item() is None


def test_nothing_exposed_is_paid_rather_than_covered():
    paid = state(cash_allocated=100.0, ead=0.0, covered_amount=0.0)
    assert paid.select(set_aside_reason()).item() == "paid_on_account"


def test_claims_of_all_insolvent_customers_by_deadline():
    rows = pl.DataFrame(
        {
            "as_of": [AS_OF] * 4,
            "invoice_id": ["late", "soon", "sound", "last"],
            "customer_id": ["D", "C", "B", "A"],
            "open_amount_reporting": [1.0, 2.0, 3.0, 4.0],
            "insolvent_on": [date(2025, 1, 1), date(2025, 2, 1), None, AS_OF],
            "disputed": [True, False, False, False],
        }
    )
    claims = claims_to_declare(rows, WorklistSettings())
    assert claims.select("invoice_id", "claim_deadline", "days_left").rows() == [
        ("late", date(2025, 3, 1), -31),
        ("soon", date(2025, 4, 1), 0),
        ("last", date(2025, 6, 1), 61),
    ]
    with pytest.raises(LedgerError, match="insolvent_on"):
        claims_to_declare(rows.drop("insolvent_on"), WorklistSettings())


@pytest.mark.parametrize(
    ("published", "months", "deadline"),
    [
        (date(2025, 7, 15), 2, date(2025, 9, 15)),  # 62 days
        (date(2025, 12, 31), 2, date(2026, 2, 28)),  # there is no 31 February
        (date(2023, 12, 30), 2, date(2024, 2, 29)),
        (date(2025, 1, 31), 4, date(2025, 5, 31)),  # creditors abroad have two months more
    ],
)
def test_months_to_declare_a_claim_are_those_of_the_calendar(published, months, deadline):
    rows = pl.DataFrame(
        {
            "as_of": [deadline],
            "invoice_id": ["a"],
            "customer_id": ["C"],
            "open_amount_reporting": [1.0],
            "insolvent_on": [published],
        }
    )
    claim = claims_to_declare(rows, WorklistSettings(claim_months=months)).row(0, named=True)
    assert (claim["claim_deadline"], claim["days_left"]) == (deadline, 0)


def test_scope_by_days_past_due():
    rows = pl.DataFrame({"days_past_due": [1, 0, -7, -8]})
    assert rows.select(scope(7)).to_series().to_list() == ["overdue", "due_soon", "due_soon", "not_due"]
    assert rows.select(scope(0)).to_series().to_list() == ["overdue", "due_soon", "not_due", "not_due"]


# ---- the queue by invoice


def test_orders_by_expected_loss_value_at_stake_and_late_value():
    scores = scored(
        {"expected_loss": 3.0, "cost_of_delay": 0.0, "prob_late": 0.9},
        {"expected_loss": 2.0, "cost_of_delay": 5.0, "prob_late": 0.1},
        {"expected_loss": 1.0, "cost_of_delay": 3.0, "prob_late": 0.4, "open_amount_reporting": 1000.0},
    )
    assert ids(rank(scores).frame) == ["i00", "i01", "i02"]
    assert ids(rank(scores, order="value-at-stake").frame) == ["i01", "i02", "i00"]
    assert ids(rank(scores, order="late-value").frame) == ["i02", "i00", "i01"]


def test_ties_go_to_the_larger_then_the_older_then_the_smaller_id():
    scores = scored(
        {"invoice_id": "b"},
        {"invoice_id": "a"},
        {"invoice_id": "older", "days_past_due": 11},
        {"invoice_id": "larger", "open_amount_reporting": 101.0},
    )
    assert ids(rank(scores).frame) == ["larger", "older", "a", "b"]


def test_rank_counts_over_the_whole_actionable_book_whatever_the_scope():
    scores = scored(
        {"expected_loss": 9.0, "days_past_due": -3},
        {"expected_loss": 8.0, "set_aside": "dispute"},
        {"expected_loss": 7.0},
        {"expected_loss": 6.0, "days_past_due": -30},
    )
    overdue = rank(scores, scope="overdue")
    assert overdue.frame.select("invoice_id", "priority_rank").rows() == [("i02", 2)]
    assert overdue.out_of_scope.select("invoice_id", "priority_rank").rows() == [("i00", 1), ("i03", 3)]
    assert overdue.set_aside.select("invoice_id", "priority_rank").rows() == [("i01", None)]
    assert ids(rank(scores, scope="due-soon").frame) == ["i00"]
    assert ids(rank(scores).frame) == ["i00", "i02", "i03"]


def test_capacity_and_top_bound_the_queue_and_the_rest_waits():
    scores = scored(*({"expected_loss": float(9 - n)} for n in range(5)))
    queue = rank(scores, capacity=2)
    assert (ids(queue.frame), ids(queue.waiting)) == (["i00", "i01"], ["i02", "i03", "i04"])
    assert queue.capacity == 2
    assert queue.totals["queued"]["expected_loss"] == 17.0
    assert rank(scores, capacity=2, top=1).frame.height == 1
    assert rank(scores, capacity=2, top=4).frame.height == 2
    assert rank(scores, capacity=0).frame.height == 0


def test_what_is_set_aside_stays_in_the_totals():
    scores = scored(
        {"expected_loss": 4.0, "open_amount_reporting": 300.0},
        {"expected_loss": 3.0, "set_aside": "dispute"},
        {"expected_loss": 2.0, "set_aside": "promise", "days_past_due": 0},
        {"expected_loss": 1.0, "set_aside": "dispute", "cost_of_delay": 0.5},
    )
    totals = rank(scores).totals
    assert (totals["invoice_count"], totals["open_amount"], totals["overdue_amount"]) == (4, 600.0, 500.0)
    assert totals["expected_loss"] == 10.0
    assert totals["value_at_stake"] == 10.5
    assert totals["actionable"]["expected_loss"] == 4.0
    assert {name: part["expected_loss"] for name, part in totals["by_set_aside"].items()} == {
        "dispute": 4.0,
        "promise": 2.0,
    }


def test_the_columns_of_the_score_table_keep_their_places():
    scores = scored({}, {"set_aside": "agency"}).with_columns(priority_rank().alias("priority_rank"))
    scores = scores.select("invoice_id", "priority_rank", pl.exclude("invoice_id", "priority_rank"))
    queue = rank(scores)
    assert queue.frame.columns == queue.set_aside.columns == scores.columns


def test_an_object_with_a_frame_brings_its_cash_and_claims():
    claims = pl.DataFrame({"invoice_id": ["x"]})
    cash = pl.DataFrame({"customer_id": ["A", "Z"], "cash_on_account": [7.0, 9.0]})
    queue = rank(SimpleNamespace(frame=scored({}), cash=cash, claims=claims), by="customer")
    assert queue.claims is claims
    assert queue.frame["cash_on_account"].to_list() == [7.0]


def test_an_empty_book_gives_an_empty_queue():
    empty = scored({}).head(0)
    for by in ("invoice", "customer"):
        queue = rank(empty, by=by)
        assert queue.frame.height == queue.set_aside.height == 0
        assert queue.totals["open_amount"] == 0


@pytest.mark.parametrize(
    "wrong",
    [{"by": "debtor"}, {"order": "alphabet"}, {"scope": "due_soon"}, {"capacity": -1}, {"top": -2}],
)
def test_a_wrong_call_names_what_is_wrong(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        rank(scored({}), **wrong)


def test_unusable_scores_are_refused():
    with pytest.raises(LedgerError, match="several rows"):
        rank(scored({"invoice_id": "a"}, {"invoice_id": "a"}))
    with pytest.raises(LedgerError, match="several rows"):
        rank(scored({}, {"as_of": AS_OF + timedelta(days=1)}))
    with pytest.raises(LedgerError, match="lack expected_loss"):
        rank(scored({}).drop("expected_loss"))
    with pytest.raises(LedgerError, match="cannot be ranked"):
        rank(scored({"expected_loss": float("nan")}))


def test_to_pandas_holds_the_queue():
    frame = rank(scored({"expected_loss": 1.0}, {"expected_loss": 2.0})).to_pandas()
    assert frame["invoice_id"].tolist() == ["i01", "i00"]


def test_to_pandas_without_pandas_says_what_to_install(monkeypatch):
    def absent(_):
        raise ModuleNotFoundError("pandas")

    monkeypatch.setattr(pl.DataFrame, "to_pandas", absent)
    with pytest.raises(MissingDependencyError, match=r"paydelay\[train\]"):
        rank(scored({})).to_pandas()


# ---- the queue by customer


def test_a_customer_sums_its_actionable_invoices():
    scores = scored(
        {"customer_id": "A", "expected_loss": 2.0, "cost_of_delay": 1.0, "days_past_due": 40},
        {"customer_id": "A", "expected_loss": 3.0, "days_past_due": -5, "open_amount_reporting": 50.0},
        {"customer_id": "A", "expected_loss": 9.0, "set_aside": "dispute", "days_past_due": 99},
        {"customer_id": "B", "expected_loss": 6.0},
        {"customer_id": "C", "set_aside": "agency"},
    )
    cash = pl.DataFrame({"customer_id": ["A"], "cash_on_account": [12.5]})
    queue = rank(scores, by="customer", cash=cash)
    assert queue.frame["customer_id"].to_list() == ["B", "A"]
    assert queue.frame["priority_rank"].to_list() == [1, 2]
    a = queue.frame.row(1, named=True)
    assert (a["invoice_count"], a["open_amount"], a["overdue_amount"]) == (2, 150.0, 100.0)
    assert (a["cash_on_account"], a["set_aside_amount"], a["oldest_days_past_due"]) == (12.5, 100.0, 40)
    assert (a["expected_loss"], a["cost_of_delay"], a["value_at_stake"]) == (5.0, 1.0, 6.0)
    assert queue.frame["cash_on_account"].to_list() == [0.0, 12.5]
    assert ids(queue.set_aside) == ["i02", "i04"]


def test_cash_nobody_gave_is_unknown_rather_than_none():
    assert rank(scored({}), by="customer").frame["cash_on_account"].to_list() == [None]


def test_scope_keeps_customers_with_such_an_invoice_and_all_they_owe():
    scores = scored(
        {"customer_id": "A", "expected_loss": 1.0, "days_past_due": 5},
        {"customer_id": "A", "expected_loss": 5.0, "days_past_due": -50},
        {"customer_id": "B", "expected_loss": 9.0, "days_past_due": -50},
    )
    queue = rank(scores, by="customer", scope="overdue")
    assert queue.frame.select("customer_id", "priority_rank", "expected_loss").rows() == [("A", 2, 6.0)]
    assert queue.out_of_scope["customer_id"].to_list() == ["B"]
    assert queue.totals["queued"]["invoice_count"] == 2


def test_customers_tie_by_open_amount_then_age_then_id():
    scores = scored(
        {"customer_id": "B"},
        {"customer_id": "A"},
        {"customer_id": "old", "days_past_due": 60},
        {"customer_id": "big", "open_amount_reporting": 200.0},
    )
    assert rank(scores, by="customer").frame["customer_id"].to_list() == ["big", "old", "A", "B"]


def test_reasons_of_a_customer_are_weighted_by_money():
    # 300 and 100 open, so weights 0.75 and 0.25. habit: 0.75 x 0.4 - 0.25 x 0.8 = 0.1, said by the
    # first; weekday: 0.25 x 2 = 0.5, though only the small invoice has it; size cancels out.
    scores = scored(
        {
            "open_amount_reporting": 300.0,
            "reasons_late": [reason("habit", 0.4, "big habit"), reason("size", -0.1)],
        },
        {
            "reasons_late": [
                reason("weekday", 2.0, "small weekday"),
                reason("habit", -0.8, "small habit"),
                reason("size", 0.3),
            ]
        },
    )
    reasons = rank(scores, by="customer").frame["reasons_late"].item().to_list()
    assert [(r["cause"], r["direction"], r["text"]) for r in reasons] == [
        ("weekday", 1, "small weekday"),
        ("habit", 1, "big habit"),
    ]
    assert [r["contribution"] for r in reasons] == pytest.approx([0.5, 0.1])


def test_the_text_never_contradicts_the_direction():
    # 0.2 + 0.2 - 0.3: the single largest part points the other way.
    scores = scored(
        *({"reasons_late": [reason("habit", 0.6, f"habit {n}")]} for n in (1, 2)),
        {"reasons_late": [reason("habit", -0.9, "other habit")]},
    )
    (only,) = rank(scores, by="customer").frame["reasons_late"].item().to_list()
    assert (only["direction"], only["text"]) == (1, "habit 1")


def test_a_reason_by_rule_leads_and_speaks_for_the_oldest_then_the_weightiest_invoice():
    scores = scored(
        {"reasons_late": [reason("rule_overdue", None, "10 days overdue")]},
        {"open_amount_reporting": 500.0, "reasons_late": [reason("rule_overdue", None, "38 days overdue")]},
        {"open_amount_reporting": 900.0, "reasons_late": [reason("habit", 3.0)]},
    )
    reasons = rank(scores, by="customer").frame["reasons_late"].item().to_list()
    assert reasons[0] == reason("rule_overdue", None, "38 days overdue")
    assert [r["cause"] for r in reasons] == ["rule_overdue", "habit"]
    scores = scores.with_columns(days_past_due=pl.Series([60, 38, 0]))
    reasons = rank(scores, by="customer").frame["reasons_late"].item().to_list()
    assert reasons[0]["text"] == "10 days overdue"


def test_what_is_stated_of_one_invoice_is_not_told_of_a_customer_with_others():
    today = {"reasons_late": [reason("age", 0.5, "Falls due the same day"), reason("habit", 0.1)]}
    scores = scored({**today, "days_past_due": 0}, {"days_past_due": 31}, {**today, "customer_id": "B"})
    told = dict(rank(scores, by="customer").frame.select("customer_id", "reasons_late").iter_rows())
    assert [r["cause"] for r in told["A"]] == ["habit"]
    assert [r["cause"] for r in told["B"]] == ["age", "habit"]


def test_a_lowering_reason_keeps_its_sign_and_no_more_than_asked_are_given():
    scores = scored({"reasons_unpaid": [reason(f"c{n}", -1.0 - n) for n in range(5)]})
    customers = rank(scores, by="customer", settings=WorklistSettings(reasons_max=2)).frame
    reasons = customers["reasons_unpaid"].item().to_list()
    assert [(r["cause"], r["direction"], r["contribution"]) for r in reasons] == [
        ("c4", -1, -5.0),
        ("c3", -1, -4.0),
    ]


def test_customers_without_reasons_get_an_empty_list():
    scores = scored({"reasons_late": None}, {"customer_id": "B", "reasons_late": []})
    assert rank(scores, by="customer").frame["reasons_late"].to_list() == [[], []]
    assert rank(scores, by="customer").frame.schema["reasons_late"] == REASONS


def test_reasons_are_asked_of_the_scores_for_the_customers_of_the_queue_alone():
    asked = []

    def reasons_by_customer(customer_ids):
        asked.append(customer_ids)
        told = [[reason("habit", 0.5)] * 4 for _ in customer_ids]
        rows = {"customer_id": customer_ids, "reasons_late": told, "reasons_unpaid": told}
        return pl.DataFrame(rows, schema_overrides={"reasons_late": REASONS, "reasons_unpaid": REASONS})

    losses = {"A": 1, "B": 3, "C": 2}
    frame = scored(*({"customer_id": name, "expected_loss": loss} for name, loss in losses.items()))
    scores = SimpleNamespace(frame=frame, reasons_by_customer=reasons_by_customer)
    queue = rank(scores, by="customer", top=2, settings=WorklistSettings(reasons_max=3))
    assert asked == [["B", "C"]]
    assert queue.frame["reasons_late"].list.len().to_list() == [3, 3]
    assert queue.waiting["reasons_late"].to_list() == [[]]
    assert queue.waiting.schema == queue.frame.schema
    rank(scores)
    assert len(asked) == 1


def test_a_customers_probabilities_are_weighted_by_money():
    scores = scored(
        {"prob_late": 1.0, "prob_unpaid": 0.4, "open_amount_reporting": 300.0},
        {"prob_late": 0.2, "prob_unpaid": 0.0},
        {"prob_late": 1.0, "prob_unpaid": 1.0, "set_aside": "insolvency", "open_amount_reporting": 9000.0},
        *({"customer_id": "B", "prob_late": p, "open_amount_reporting": 0.0} for p in (0.2, 0.4)),
    )
    customers = rank(scores, by="customer").frame
    assert customers["prob_late"].to_list() == pytest.approx([0.8, 0.3])
    assert customers["prob_unpaid"].to_list() == pytest.approx([0.3, 0.1])


def test_a_customers_rate_is_the_books_where_that_of_any_invoice_to_chase_is():
    scores = scored({}, {}, {"customer_id": "B"}, {"customer_id": "B", "set_aside": "dispute"})
    scores = scores.with_columns(prob_unpaid_pooled=pl.Series([False, True, False, True]))
    told = rank(scores, by="customer").frame.select("customer_id", "prob_unpaid_pooled")
    assert dict(told.iter_rows()) == {"A": True, "B": False}


def test_a_customers_promises_add_up():
    scores = scored({}, {}, {"customer_id": "B"}).with_columns(promised_amount=pl.Series([40.0, 2.5, None]))
    promised = rank(scores, by="customer").frame.select("customer_id", "promised_amount")
    assert dict(promised.iter_rows()) == {"A": 42.5, "B": 0.0}


def test_the_whole_is_what_is_actionable_and_what_is_set_aside():
    scores = scored(
        {"expected_loss": 4.0},
        {"expected_loss": 3.0, "set_aside": "dispute"},
        {"expected_loss": 2.0, "set_aside": "promise"},
    )
    totals = rank(scores).totals
    assert (totals["set_aside"]["expected_loss"], totals["set_aside"]["invoice_count"]) == (5.0, 2)
    for name in totals["set_aside"]:
        assert totals["actionable"][name] + totals["set_aside"][name] == totals[name]


def test_sums_of_cents_are_cents():
    scores = scored(*({"open_amount_reporting": 0.1, "customer_id": "A"} for _ in range(3)), {})
    assert 0.1 + 0.1 + 0.1 != 0.3
    assert rank(scores, by="customer").frame["open_amount"].to_list() == [100.3]
    assert rank(scores.head(3)).totals["open_amount"] == 0.3
    assert rank(scores.head(3)).totals["ead"] == 0.3


# ---- what is agreed


def agreed(events, *rows, payments=(), settings=None):
    """Promises and new due dates of open invoices: 1000 open since a month, unless they say otherwise."""
    lines = [
        {
            "as_of": AS_OF,
            "invoice_id": f"i{number}",
            "customer_id": "C",
            "issue_date": date(2025, 2, 1),
            "due_date": date(2025, 3, 1),
            "amount": 1000.0,
            "open_amount": 1000.0,
            **row,
        }
        for number, row in enumerate(rows or [{}])
    ]
    table = pl.DataFrame(lines)
    if "open_amount_reporting" not in table.columns:
        table = table.with_columns(open_amount_reporting="open_amount")
    known = pl.DataFrame(
        [
            {
                "event_type": "promise_to_pay",
                "event_date": date(2025, 3, 20),
                "known_on": date(2025, 3, 20),
                "invoice_id": None,
                "customer_id": "C",
                "amount": None,
                "new_date": date(2025, 4, 10),
                **event,
            }
            for event in events
        ],
        schema={
            "event_type": pl.String,
            "event_date": pl.Date,
            "known_on": pl.Date,
            "invoice_id": pl.String,
            "customer_id": pl.String,
            "amount": pl.Float64,
            "new_date": pl.Date,
        },
    )
    paid = pl.DataFrame(
        [{"customer_id": "C", "kind": "payment", **row} for row in payments],
        schema={
            "customer_id": pl.String,
            "invoice_id": pl.String,
            "kind": pl.String,
            "payment_date": pl.Date,
            "amount": pl.Float64,
            **(
                {"amount_reporting": pl.Float64} if any("amount_reporting" in row for row in payments) else {}
            ),
        },
    )
    return agreements(table, known, paid, settings or LedgerSettings())


OWN = {"invoice_id": "i0"}


@pytest.mark.parametrize(
    ("promise", "amount", "covers"),
    [
        ({**OWN}, 1000.0, True),  # without an amount: all that is open
        ({**OWN, "amount": 1000.0}, 1000.0, True),
        ({**OWN, "amount": 995.0}, 995.0, True),  # what is left is within what counts as settled
        ({**OWN, "amount": 994.0}, 994.0, False),
        ({**OWN, "amount": 50.0}, 50.0, False),
        ({**OWN, "amount": 5000.0}, 1000.0, True),
        ({**OWN, "new_date": AS_OF}, 1000.0, True),
        ({**OWN, "new_date": AS_OF - timedelta(1)}, None, False),  # its day is over
        ({"customer_id": "D"}, None, False),
        ({"amount": 600.0}, 600.0, False),
        ({}, 1000.0, True),
    ],
)
def test_a_promise_sets_aside_what_it_covers(promise, amount, covers):
    (found,) = agreed([promise]).to_dicts()
    until = promise.get("new_date", date(2025, 4, 10)) if amount is not None else None
    assert (found["promised_until"], found["promised_amount"]) == (until, amount)
    assert found["promise_covers"] is covers


def test_a_promise_that_was_kept_does_not_hide_the_rest():
    promise = {**OWN, "amount": 600.0}
    payment = {"invoice_id": "i0", "payment_date": date(2025, 3, 25), "amount": 600.0}
    (found,) = agreed([promise], {"open_amount": 400.0}, payments=[payment]).to_dicts()
    assert (found["promised_until"], found["promised_amount"], found["promise_covers"]) == (None, None, False)
    # What had been paid before is no part of it.
    before = {**payment, "payment_date": date(2025, 3, 20)}
    assert agreed([promise], {"open_amount": 400.0}, payments=[before])["promise_covers"].to_list() == [True]
    half = {**payment, "amount": 250.0}
    found = agreed([promise], {"open_amount": 750.0}, payments=[half])
    assert found["promised_amount"].to_list() == [350.0]


def test_a_payment_that_bounces_makes_no_promise_larger():
    promise = {**OWN, "amount": 500.0}
    payments = [
        {"invoice_id": "i0", "payment_date": date(2025, 3, 10), "amount": 300.0},
        {"invoice_id": "i0", "payment_date": date(2025, 3, 25), "amount": -300.0},
    ]
    found = agreed([promise], {"open_amount": 800.0}, payments=payments)
    assert found["promised_amount"].to_list() == [500.0]
    assert found["promise_covers"].to_list() == [False]


def test_what_was_paid_of_a_promise_for_all_counts_in_the_reporting_currency():
    payment = {
        "invoice_id": "i9",
        "payment_date": date(2025, 3, 25),
        "amount": 200.0,
        "amount_reporting": 20.0,
    }
    found = agreed([{"amount": 150.0}], payments=[payment])
    assert found["promised_amount"].to_list() == [130.0]
    # One on an invoice is in that invoice's own.
    own = {**payment, "invoice_id": "i0"}
    assert agreed([{**OWN, "amount": 250.0}], payments=[own])["promised_amount"].to_list() == [50.0]


def test_a_sum_promised_for_all_goes_to_the_oldest_first():
    rows = [{"due_date": date(2025, 3, 9)}, {"due_date": date(2025, 3, 1)}, {"due_date": date(2025, 3, 20)}]
    found = agreed([{"amount": 1400.0}], *rows)
    assert found["promised_amount"].to_list() == [400.0, 1000.0, None]
    assert found["promise_covers"].to_list() == [False, True, False]
    # A promise on one invoice is its own, and takes nothing from the one for all.
    found = agreed([{"amount": 1400.0}, {"invoice_id": "i1"}], *rows)
    assert found["promised_amount"].to_list() == [1000.0, 1000.0, 400.0]


def test_the_latest_promise_counts_and_amounts_are_in_reporting_currency():
    first, then = {**OWN, "amount": 1000.0}, {**OWN, "amount": 100.0, "known_on": date(2025, 3, 22)}
    found = agreed([then, first], {"open_amount_reporting": 900.0})
    assert found["promised_amount"].to_list() == pytest.approx([90.0])
    assert found["promise_covers"].to_list() == [False]


def test_a_due_date_agreed_later_is_the_last_one_known():
    changes = [
        {**OWN, "event_type": "due_date_changed", "known_on": known, "new_date": day}
        for known, day in ((date(2025, 3, 5), date(2025, 4, 30)), (date(2025, 3, 2), date(2025, 5, 31)))
    ]
    assert agreed(changes, {}, {})["agreed_due_date"].to_list() == [date(2025, 4, 30), None]
    back = {**changes[0], "new_date": date(2025, 3, 1), "known_on": date(2025, 3, 9)}
    assert agreed([*changes, back])["agreed_due_date"].to_list() == [None]
    assert agreed(changes)["promise_covers"].to_list() == [False]


@settings(max_examples=40)
@given(ledgers(), st.integers(20, 200))
def test_a_running_promise_is_the_one_the_history_knows(ledger, age):
    when = START + timedelta(age)
    rows = build_panel(History.build(ledger), [when], Catalogue([CATALOGUE["days_past_due"]])).rows
    known = cut_ledger(ledger, when)
    found = agreements(rows, known.events, known.payments, LedgerSettings())
    assert found.height == rows.height
    sums = ledger.events.filter(pl.col("event_type") == "promise_to_pay")["amount"].count()
    if not sums:
        assert found["promised_until"].equals(rows["promised_until"])
    for ours, theirs, row in zip(
        found["promised_until"], rows["promised_until"], found.with_columns(rows).to_dicts(), strict=True
    ):
        # One that was kept since runs no longer; and none is made up.
        assert ours in (theirs, None)
        assert (ours is None) == (row["promised_amount"] is None)
        if ours is not None:
            assert 0 < row["promised_amount"] <= row["open_amount_reporting"]
    assert found.filter(pl.col("promise_covers"))["promised_until"].null_count() == 0


# ---- properties

amounts = st.integers(0, 400).map(lambda value: value / 4)  # sums of quarters are exact
reason_lists = st.lists(
    st.builds(reason, st.sampled_from("xyz"), st.none() | st.sampled_from([-1.5, -0.25, 0.5, 2.0])),
    max_size=3,
    unique_by=lambda item: item["cause"],
)
score_rows = st.fixed_dictionaries(
    {
        "customer_id": st.sampled_from("ABC"),
        "days_past_due": st.integers(-20, 20),
        "prob_late": st.sampled_from([0.25, 0.5, 1.0]),
        "open_amount_reporting": amounts,
        "expected_loss": amounts,
        "cost_of_delay": amounts,
        "set_aside": st.none() | st.sampled_from(SET_ASIDE_REASONS),
        "reasons_late": reason_lists,
    }
)
tables = st.lists(score_rows, min_size=1, max_size=12).map(lambda rows: scored(*rows))
calls = st.fixed_dictionaries(
    {
        "order": st.sampled_from(["expected-loss", "value-at-stake", "late-value"]),
        "scope": st.sampled_from(["all", "overdue", "due-soon"]),
        "capacity": st.none() | st.integers(0, 6),
        "top": st.none() | st.integers(0, 6),
    }
)


@given(tables, calls)
def test_no_invoice_vanishes_and_ranks_are_a_permutation(scores, call):
    queue = rank(scores, **call)
    parts = [queue.frame, queue.waiting, queue.out_of_scope, queue.set_aside]
    assert sorted(name for part in parts for name in ids(part)) == sorted(ids(scores))
    ranked = pl.concat(parts[:3])["priority_rank"].to_list()
    assert sorted(ranked) == list(range(1, len(ranked) + 1))
    assert queue.frame["priority_rank"].is_sorted()
    assert queue.set_aside["priority_rank"].null_count() == queue.set_aside.height
    for bound in (call["capacity"], call["top"]):
        assert bound is None or queue.frame.height <= bound
    if queue.waiting.height and queue.frame.height:
        assert queue.frame["priority_rank"].max() < queue.waiting["priority_rank"].min()


@given(tables, calls)
def test_no_customer_vanishes_and_sums_add_up(scores, call):
    queue = rank(scores, by="customer", **call)
    customers = pl.concat([queue.frame, queue.waiting, queue.out_of_scope])
    assert customers["invoice_count"].sum() + queue.set_aside.height == scores.height
    assert sorted(customers["priority_rank"]) == list(range(1, customers.height + 1))
    for name in MONEY:
        aside = sum(part[name] for part in queue.totals["by_set_aside"].values())
        assert customers[name].sum() == queue.totals["actionable"][name]
        assert queue.totals["actionable"][name] + aside == queue.totals[name] == scores[name].sum()
    assert queue.totals["queued"]["expected_loss"] == queue.frame["expected_loss"].sum()
    assert call["capacity"] is None or queue.frame.height <= call["capacity"]


@given(tables, calls, st.sampled_from(["invoice", "customer"]), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(scores, call, by, random):
    shuffled = scores[random.sample(range(scores.height), scores.height)]
    one, other = rank(scores, by=by, **call), rank(shuffled, by=by, **call)
    assert one.totals == other.totals
    for name in ("frame", "waiting", "out_of_scope", "set_aside"):
        assert getattr(one, name).equals(getattr(other, name))


@given(tables)
def test_values_never_rise_down_the_queue(scores):
    late = pl.col("prob_late") * pl.col("open_amount_reporting")
    assert rank(scores).frame["expected_loss"].is_sorted(descending=True)
    assert rank(scores, order="value-at-stake").frame["value_at_stake"].is_sorted(descending=True)
    queue = rank(scores, order="late-value").frame
    assert queue.select(late).to_series().is_sorted(descending=True)
    customers = rank(scores, by="customer", order="late-value").frame
    assert customers["late_value"].is_sorted(descending=True)
