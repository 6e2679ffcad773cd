"""What happens to an invoice apart from payment: disputes, credit notes, new dates, approval, failures."""

from __future__ import annotations

import numpy as np

from paydelay.simulate.days import Array
from paydelay.simulate.pool import NEVER
from paydelay.simulate.scene import CANCELLED, Scene

# Business days in which a young invoice is usually disputed, cancelled or rescheduled.
_EXPOSED_BUSINESS_DAYS = 30
_DISPUTE_DAYS, _APPROVAL_DAYS = 25, 22
_REJECTED, _PARTLY_CREDITED = 0.50, 0.83


def fail(scene: Scene, failed: Array, day: int) -> None:
    """Insolvency stops plans and promises; its invoices stay unpaid.

    Parameters
    ----------
    scene : Scene
        State, changed in place.
    failed : ndarray of int
        Agents that became insolvent today.
    day : int
        Today.
    """
    if len(failed):
        scene.witness.failed(failed, scene.pool, day)


def do_paperwork(scene: Scene, day: int) -> None:
    """One business day of everything but payments and reminders, before both.

    Parameters
    ----------
    scene : Scene
        State, changed in place.
    day : int
        Today.
    """
    pool = scene.pool
    quiet = scene.live() & (pool.bounce_day == NEVER) & ~pool.on_account & ~pool.deducted
    draw = scene.rng.random(len(pool), dtype=np.float32)
    _close_disputes(scene, np.flatnonzero(quiet & pool.disputed & (draw < 1 / _DISPUTE_DAYS)), day)
    approvals = quiet & ~pool.approved & ~pool.disputed & (draw > 1 - 1 / _APPROVAL_DAYS)
    pool.approved[approvals] = True
    young = quiet & ~pool.disputed & (pool.plan_left == 0) & (day <= pool.due + 20)
    _open_matters(scene, young, draw, day)


def _close_disputes(scene: Scene, rows: Array, day: int) -> None:
    if not len(rows):
        return
    pool, witness = scene.pool, scene.witness
    witness.event("dispute_closed", pool, rows, day)
    pool.disputed[rows] = False
    verdict = scene.rng.random(len(rows))
    untouched = pool.unpaid[rows] == pool.amount[rows]
    whole = rows[(verdict >= _PARTLY_CREDITED) & untouched]
    _cancel(scene, whole, day)
    partly = rows[(verdict >= _REJECTED) & (verdict < _PARTLY_CREDITED) & untouched]
    share = scene.rng.uniform(0.08, 0.5, len(partly))
    cents = np.maximum((pool.unpaid[partly] * share).astype(np.int64), 1)
    witness.credited(pool, partly, day, cents)
    pool.unpaid[partly] -= cents


def _cancel(scene: Scene, rows: Array, day: int) -> None:
    if len(rows):
        scene.witness.credited(scene.pool, rows, day, scene.pool.unpaid[rows])
        scene.finish(rows, day, CANCELLED)


def _open_matters(scene: Scene, young: Array, draw: Array, day: int) -> None:
    """New disputes, cancellations and later dates; one draw decides between them."""
    pool, settings, witness = scene.pool, scene.settings, scene.witness
    dispute = settings.dispute_share / _EXPOSED_BUSINESS_DAYS
    cancel = 0.8 * settings.cancelled_share / _EXPOSED_BUSINESS_DAYS
    # Only near the due date, and more often where cash is short.
    later = settings.rescheduled_share / 8
    level = 0.3 + dispute + cancel + later * 3
    candidates = np.flatnonzero(young & (draw >= 0.3) & (draw < level))
    if not len(candidates):
        return
    place = draw[candidates] - 0.3
    opened = candidates[(place < dispute) & ~pool.was_disputed[candidates]]
    witness.event("dispute_opened", pool, opened, day, cents=pool.unpaid[opened])
    pool.disputed[opened] = pool.was_disputed[opened] = True
    untouched = pool.unpaid[candidates] == pool.amount[candidates]
    _cancel(scene, candidates[(place >= dispute) & (place < dispute + cancel) & untouched], day)
    cash = scene.world.liquidity[pool.customer[candidates]]
    near = (np.abs(day - pool.due[candidates]) <= 8) & ~pool.rescheduled[candidates]
    wanted = place < dispute + cancel + later * np.where(cash < -0.5, 3.0, 0.6)
    rows = candidates[(place >= dispute + cancel) & wanted & near & (pool.promise_day[candidates] == NEVER)]
    moved = scene.days.next_business[pool.due[rows] + scene.rng.integers(12, 46, len(rows))]
    witness.event("due_date_changed", pool, rows, day, new_day=moved)
    pool.agreed[rows] = moved
    pool.rescheduled[rows] = True


def return_bounced(scene: Scene, day: int) -> None:
    """Take back the payments that bounce today, after the day's other payments.

    Coming last, an invoice is seen open at the close of the day and not paid
    again before the next.

    Parameters
    ----------
    scene : Scene
        State, changed in place.
    day : int
        Today.
    """
    pool = scene.pool
    # The bank takes the money back even where the customer has failed meanwhile.
    rows = np.flatnonzero((pool.bounce_day == day) & ~pool.closed)
    if len(rows):
        scene.witness.returned(pool, rows, day)
        pool.bounce_day[rows] = NEVER
        pool.debited[rows] = True
