"""The payments of one business day: every chance is stated to the witness before it is drawn."""

from __future__ import annotations

import numpy as np

from paydelay.simulate.choice import chance, choice_log_odds, payment_ways, run_chance
from paydelay.simulate.days import Array
from paydelay.simulate.pool import NEVER
from paydelay.simulate.scene import Scene

# Chances per business day that the seller matches cash without a reference; one in ten gets stuck.
_MATCH_CHANCE, _STUCK_MATCH_CHANCE, _STUCK_SHARE = 0.15, 0.005, 0.1
# A deduction ends by a credit note, or the customer pays the difference after all.
_DEDUCTION_END_CHANCE, _DEDUCTION_CREDITED_SHARE = 0.05, 0.75


def do_payments(scene: Scene, day: int) -> None:
    """All payments of a business day.

    Parameters
    ----------
    scene : Scene
        State, changed in place.
    day : int
        Today.
    """
    pool = scene.pool
    live = scene.live() & (pool.bounce_day == NEVER)
    matching, deducted = live & pool.on_account, live & pool.deducted
    free = live & pool.approved & ~pool.disputed & ~pool.on_account & ~pool.deducted
    in_plan = pool.plan_left > 0
    _pay_by_run(scene, free & ~in_plan, day)
    _pay_instalments(scene, np.flatnonzero(free & in_plan & (pool.plan_day == day)), day)
    _match_cash(scene, np.flatnonzero(matching), day)
    _end_deductions(scene, np.flatnonzero(deducted), day)


def _pay_by_run(scene: Scene, free: Array, day: int) -> None:
    """Payment runs, direct debits and promised days."""
    pool, agents, days = scene.pool, scene.agents, scene.days
    on_debit = agents.debit[pool.customer] & ~pool.debited
    promised = free & (pool.promise_day == day)
    idle = free & (pool.promise_day < day)
    collected = idle & on_debit & (day >= days.next_business[pool.agreed])
    ordinary = idle & ~on_debit & days.runs[day, agents.calendar][pool.customer]
    rows = np.flatnonzero(promised | collected | ordinary)
    if not len(rows):
        return
    liquidity, customer = scene.world.liquidity, pool.customer[rows]
    log_odds = choice_log_odds(agents, pool, rows, liquidity, day, float(days.slack[day]))
    last = pool.reminder_day[rows]
    reminded = (last != NEVER) & (day - last <= scene.settings.reminder_effect_days)
    run = run_chance(liquidity, float(days.run_factor[day]))[customer]
    kept = chance(agents.reliability[customer] + 0.7 * liquidity[customer])
    by_run = ordinary[rows]
    fixed = np.where(collected[rows], 1.0, kept)
    taken = np.where(by_run, chance(log_odds + np.log(scene.settings.reminder_odds) * reminded), fixed)
    run = np.where(by_run, run, 1.0)
    ways = payment_ways(agents, pool, rows, liquidity, collected[rows])
    if scene.witness.keeps_books:
        unreminded = np.where(by_run, chance(log_odds), fixed)
        scene.witness.hazard(pool, rows, day, run * taken * ways.good, run * unreminded * ways.good)
    # One draw per customer and run: its invoices are paid together or not at all.
    held = scene.rng.random(len(agents))[customer] < run
    hit = np.flatnonzero(held & (scene.rng.random(len(rows)) < taken))
    bounds = np.cumsum(np.stack([ways.good, ways.partial, ways.deducted, ways.unreferenced])[:, hit], axis=0)
    way = (scene.rng.random(len(hit)) >= bounds).sum(axis=0)
    _carry_out(scene, rows[hit], way, day)


def _carry_out(scene: Scene, rows: Array, way: Array, day: int) -> None:
    """Book payments by the way drawn: 0 good, 1 partial, 2 deducted, 3 unreferenced, 4 bounced."""
    pool, witness, rng = scene.pool, scene.witness, scene.rng
    good, partial, short, cash, bounced = (rows[way == code] for code in range(5))
    witness.paid_in_full(pool, good, day)
    scene.settle(good, day)

    cents = (pool.unpaid[partial] * rng.uniform(0.3, 0.7, len(partial))).astype(np.int64)
    witness.paid(pool, partial, day, cents)
    pool.unpaid[partial] -= cents

    cents = (pool.unpaid[short] * rng.uniform(0.88, 0.98, len(short))).astype(np.int64)
    witness.paid(pool, short, day, cents)
    pool.unpaid[short] -= cents
    pool.deducted[short] = True

    witness.cash_arrived(pool, cash, day)
    pool.on_account[cash] = True
    pool.on_account_stuck[cash] = rng.random(len(cash)) < _STUCK_SHARE

    witness.paid(pool, bounced, day, pool.unpaid[bounced])
    pool.bounce_day[bounced] = scene.business_day_after(day, 3, 8, len(bounced))
    # A promise ends with the day it was given for, kept or not.
    pool.promise_day[rows] = NEVER


def _pay_instalments(scene: Scene, rows: Array, day: int) -> None:
    if not len(rows):
        return
    pool, witness = scene.pool, scene.witness
    keep = chance(1.6 + 0.7 * scene.world.liquidity[pool.customer[rows]])
    last = pool.plan_left[rows] == 1
    witness.hazard(pool, rows, day, np.where(last, keep, 0.0))
    kept = scene.rng.random(len(rows)) < keep
    done = rows[kept & last]
    witness.paid_in_full(pool, done, day)
    scene.settle(done, day)
    going = rows[kept & ~last]
    cents = pool.unpaid[going] // pool.plan_left[going]
    witness.paid(pool, going, day, cents)
    pool.unpaid[going] -= cents
    pool.plan_left[going] -= 1
    pool.plan_day[going] = scene.days.next_business[day + 30]
    # A missed instalment ends the plan.
    pool.plan_left[rows[~kept]] = 0


def _match_cash(scene: Scene, rows: Array, day: int) -> None:
    if not len(rows):
        return
    pool = scene.pool
    match = np.where(pool.on_account_stuck[rows], _STUCK_MATCH_CHANCE, _MATCH_CHANCE)
    scene.witness.hazard(pool, rows, day, match)
    matched = rows[scene.rng.random(len(rows)) < match]
    scene.witness.cash_matched(pool, matched, day)
    scene.settle(matched, day)


def _end_deductions(scene: Scene, rows: Array, day: int) -> None:
    if not len(rows):
        return
    pool = scene.pool
    scene.witness.hazard(pool, rows, day, np.full(len(rows), _DEDUCTION_END_CHANCE))
    ended = rows[scene.rng.random(len(rows)) < _DEDUCTION_END_CHANCE]
    credit = scene.rng.random(len(ended)) < _DEDUCTION_CREDITED_SHARE
    scene.witness.credited(pool, ended[credit], day, pool.unpaid[ended[credit]])
    scene.witness.paid_in_full(pool, ended[~credit], day)
    scene.settle(ended, day)
