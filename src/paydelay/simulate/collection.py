"""The seller's evening: reminders, promises, plans, the agency and giving up."""

from __future__ import annotations

import numpy as np

from paydelay.simulate.days import Array
from paydelay.simulate.pool import NEVER
from paydelay.simulate.scene import INSOLVENT, WRITTEN_OFF, Scene

# Days past due that stand for "no further reminder".
_UNREACHED = 1_000_000
_PROMISE_SHARE = 0.25
_PLAN_CHANCE, _PLAN_AFTER_DAYS, _PLAN_MIN_CENTS = 0.03, 40, 50_000
_AGENCY_CHANCE, _AGENCY_AFTER_DAYS = 0.05, 75
_GIVE_UP_CHANCE, _GIVE_UP_AFTER_DAYS = 0.012, 270
_DEDUCTION_GIVE_UP_CHANCE, _DEDUCTION_GIVE_UP_AFTER_DAYS = 0.03, 90
# After a failure the seller writes off within about a hundred business days.
_FAILED_WRITE_OFF_CHANCE = 1 / 100


def do_collection(scene: Scene, day: int) -> None:
    """One business day of collection, after the payments; it acts from the next day on.

    Parameters
    ----------
    scene : Scene
        State, changed in place.
    day : int
        Today.
    """
    pool = scene.pool
    pool.promise_day[(pool.promise_day != NEVER) & (pool.promise_day <= day)] = NEVER
    pool.plan_left[(pool.plan_left > 0) & (pool.plan_day <= day)] = 0
    overdue = np.flatnonzero(~pool.closed & (pool.due < day))
    if not len(overdue):
        return
    insolvent = scene.world.insolvent[pool.customer[overdue]]
    draw = scene.rng.random(len(overdue))
    _give_up(scene, overdue, insolvent, draw, day)
    rows = overdue[~insolvent & ~pool.closed[overdue]]
    # Nobody chases what looks paid, what is disputed, or what a promise or a plan is running for.
    paid = (pool.bounce_day[rows] != NEVER) | pool.on_account[rows]
    excused = pool.disputed[rows] | (pool.promise_day[rows] != NEVER) | (pool.plan_left[rows] > 0)
    rows = rows[~paid & ~excused]
    sent = _remind(scene, rows, day)
    _hear_promises(scene, sent, day)
    rows = rows[(pool.promise_day[rows] == NEVER) & ~pool.deducted[rows]]
    _escalate(scene, rows, day)


def _remind(scene: Scene, rows: Array, day: int) -> Array:
    """Send the reminders that have fallen due; the rows reminded today."""
    pool, settings = scene.pool, scene.settings
    steps = np.array([*settings.reminder_steps_days, _UNREACHED], dtype=np.int64)
    ripe = day - pool.due[rows] >= steps[pool.reminder_level[rows]]
    rows = rows[ripe & scene.agents.reminded[pool.customer[rows]]]
    rows = rows[scene.rng.random(len(rows)) < settings.reminder_daily_share]
    scene.witness.event("reminder_sent", pool, rows, day)
    pool.reminder_day[rows] = day
    pool.reminder_level[rows] += 1
    return rows


def _hear_promises(scene: Scene, rows: Array, day: int) -> None:
    """From the second reminder on, some customers name a day."""
    pool = scene.pool
    rows = rows[(pool.reminder_level[rows] >= 2) & ~pool.deducted[rows]]
    rows = rows[scene.rng.random(len(rows)) < _PROMISE_SHARE]
    if len(rows):
        pool.promise_day[rows] = scene.business_day_after(day, 4, 14, len(rows))
        new_day = pool.promise_day[rows]
        scene.witness.event("promise_to_pay", pool, rows, day, cents=pool.unpaid[rows], new_day=new_day)


def _escalate(scene: Scene, rows: Array, day: int) -> None:
    """Plans for those short of cash, the agency for the rest."""
    pool, agents = scene.pool, scene.agents
    overdue = day - pool.due[rows]
    draw = scene.rng.random(len(rows))
    ripe = (overdue >= _PLAN_AFTER_DAYS) & (pool.unpaid[rows] >= _PLAN_MIN_CENTS)
    short = scene.world.liquidity[pool.customer[rows]] < -0.8
    planned = rows[short & ripe & (draw < _PLAN_CHANCE)]
    if len(planned):
        count = scene.rng.integers(3, 7, len(planned))
        pool.plan_left[planned] = count
        pool.plan_day[planned] = scene.days.next_business[day + 15]
        cents = pool.unpaid[planned] // count
        # Instalments follow every 30 days, each moved to a business day.
        until = scene.days.next_business[pool.plan_day[planned] + 32 * (count - 1)]
        scene.witness.event("payment_plan", pool, planned, day, cents=cents, new_day=until)
    key = agents.segment[pool.customer[rows]] == 0
    ripe = ~key & (overdue >= _AGENCY_AFTER_DAYS) & ~pool.with_agency[rows]
    handed = rows[ripe & (draw > 1 - _AGENCY_CHANCE)]
    scene.witness.event("handed_to_agency", pool, handed, day, cents=pool.unpaid[handed])
    pool.with_agency[handed] = True


def _give_up(scene: Scene, rows: Array, insolvent: Array, draw: Array, day: int) -> None:
    pool = scene.pool
    overdue = day - pool.due[rows]
    deducted = pool.deducted[rows] & (overdue >= _DEDUCTION_GIVE_UP_AFTER_DAYS)
    old = (overdue >= _GIVE_UP_AFTER_DAYS) & (pool.plan_left[rows] == 0) & ~pool.on_account[rows]
    rate = np.where(deducted, _DEDUCTION_GIVE_UP_CHANCE, np.where(old, _GIVE_UP_CHANCE, 0.0))
    rate = np.where(insolvent, _FAILED_WRITE_OFF_CHANCE, rate)
    # Money on its way, or here without a reference, is not given up.
    rate = np.where((pool.bounce_day[rows] != NEVER) | pool.on_account[rows], 0.0, rate)
    gone = draw < rate
    for state, which in ((INSOLVENT, gone & insolvent), (WRITTEN_OFF, gone & ~insolvent)):
        if which.any():
            scene.witness.written_off(pool, rows[which], day)
            scene.finish(rows[which], day, state)
