"""One promotion at a time: whoever comes second is told."""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager

from paydelay.errors import ConcurrentPromotionError, TrackingError
from paydelay.tracking.store import Store, asking, is_sqlite, place_of, sqlite_file

CLAIM = "paydelay.promotion_claim"
"""Tag of the registered model that a promotion takes hold of: a token and when it was taken."""
_SETTLE_SECONDS = 0.5
_STALE_SECONDS = 60.0
_LOCK_SECONDS = 10.0


@contextmanager
def alone(store: Store, name: str) -> Iterator[None]:
    """Keep other promotions of a registered model away while the champion is moved.

    Parameters
    ----------
    store : Store
    name : str
        Of the registered model.

    Yields
    ------
    None
        What is done inside has to look again at what it relies on: another promotion may
        have come before.

    Raises
    ------
    ConcurrentPromotionError
        If another promotion is at it.
    """
    keep = _locked(store) if is_sqlite(store.uri) else _claimed(store, name)
    with keep:
        yield


def lost(name: str) -> ConcurrentPromotionError:
    """What whoever was slower is told."""
    return ConcurrentPromotionError(
        f"Another promotion of {name} came first, so that this one was given up and changed nothing; look "
        "at the champion there is now, and promote again if it is still wanted."
    )


@contextmanager
def _locked(store: Store) -> Iterator[None]:
    """A lock of SQLite's own on a file beside the store, which the system lets go of if we die."""
    file = sqlite_file(store.uri)
    beside = file.with_name(f"{file.name}.promotion")
    try:
        with closing(sqlite3.connect(beside, timeout=_LOCK_SECONDS, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        raise TrackingError(
            f"The lock beside the tracking store at {place_of(store.uri)} cannot be taken ({error}); wait "
            "until the other promotion is over, and check that the folder can be written to."
        ) from None


@contextmanager
def _claimed(store: Store, name: str) -> Iterator[None]:
    """A tag as a claim: stores behind a server have no lock, but they keep the last word said."""
    token = uuid.uuid4().hex
    if _taken(_claim(store, name)):
        raise lost(name)
    with asking(store.uri):
        store.client.set_registered_model_tag(name, CLAIM, f"{token} {time.time():.0f}")
    # Two that found it free both wrote; after a moment all see the same one.
    time.sleep(_SETTLE_SECONDS)
    if _claim(store, name).partition(" ")[0] != token:
        raise lost(name)
    try:
        yield
    finally:
        if _claim(store, name).partition(" ")[0] == token:
            with asking(store.uri):
                store.client.delete_registered_model_tag(name, CLAIM)


def _claim(store: Store, name: str) -> str:
    with asking(store.uri):
        return str(store.client.get_registered_model(name).tags.get(CLAIM, ""))


def _taken(claim: str) -> bool:
    """Whether somebody holds it: one that is a minute old was left by a promotion that died."""
    _, _, since = claim.partition(" ")
    return since.isdigit() and abs(time.time() - int(since)) < _STALE_SECONDS
