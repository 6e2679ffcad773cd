"""One simulated day, in the order in which things happen."""

from __future__ import annotations

from paydelay.simulate.collection import do_collection
from paydelay.simulate.paperwork import do_paperwork, fail, return_bounced
from paydelay.simulate.payments import do_payments
from paydelay.simulate.scene import Scene


def advance(scene: Scene, day: int) -> None:
    """Carry a scene through one day.

    Liquidity moves and customers fail; then the day's paperwork, its payments,
    and the seller's collection in the evening. The book and the re-simulated
    paths behind its truth both come through here: they cannot differ.

    Parameters
    ----------
    scene : Scene
        State at the close of the day before, changed in place.
    day : int
        The day, counted from the first day of the book.
    """
    failed = scene.world.advance(day, scene.rng)
    fail(scene, failed, day)
    if scene.days.business[day] and len(scene.pool):
        do_paperwork(scene, day)
        do_payments(scene, day)
        return_bounced(scene, day)
        do_collection(scene, day)
        scene.pool = scene.pool.cleared()
