"""Things built once, by whichever thread asks first."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock, RLock
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class BuiltOnce(Generic[Key, Value]):
    """Values by key, each built when first asked for.

    Threads that ask for one value wait for the one that builds it; others build
    other values meanwhile.

    Examples
    --------
    >>> squares: BuiltOnce[int, int] = BuiltOnce()
    >>> squares.get(3, lambda: 3 * 3)
    9
    >>> squares.get(3, lambda: 1 // 0)
    9
    """

    def __init__(self) -> None:
        self._values: dict[Key, Value] = {}
        self._building: dict[Key, RLock] = {}
        self._lock = Lock()

    def get(self, key: Key, build: Callable[[], Value]) -> Value:
        """Value of a key, built now if it is not there yet."""
        if key in self._values:
            return self._values[key]
        with self._lock:
            building = self._building.setdefault(key, RLock())
        with building:
            if key not in self._values:
                self._values[key] = build()
            return self._values[key]

    def clear(self) -> None:
        """Drop all values, to give the memory back."""
        self._values.clear()
