"""A cache of values that were read lately, for a page that asks for them twice a second."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

CAPACITY = 500

T = TypeVar("T")


class ReadCache(Generic[T]):
    """The latest :data:`CAPACITY` values, by id. Safe to call from any thread.

    A value may change while it is being read. So a reader first calls :meth:`get`, then reads what
    is missing, and gives the version it got to :meth:`add`, which drops what was read before a
    change.

    Args:
        version: tells another value when somebody else may have changed something; then all values
            are dropped.
    """

    def __init__(self, version: Callable[[], str]) -> None:
        self._lock = threading.Lock()
        self._values: OrderedDict[str, T] = OrderedDict()
        self._version = 0
        self._told_version = version
        self._told = ""

    def get(self, ids: Iterable[str]) -> tuple[dict[str, T], int]:
        """The cached values among these ids, and the cache's present version.

        Raises:
            MediaError: the database can't be reached.
        """
        told = self._told_version()
        with self._lock:
            if told != self._told:
                self._told = told
                self._version += 1
                self._values.clear()
            return {id_: self._values[id_] for id_ in ids if id_ in self._values}, self._version

    def or_read(self, id_: str, read: Callable[[], T]) -> T:
        """A value from the cache; read, if it is not there."""
        known, version = self.get([id_])
        if id_ not in known:
            known = {id_: read()}
            self.add(known, version)
        return known[id_]

    def add(self, values: Mapping[str, T], version: int) -> None:
        """Cache values that were read after :meth:`get` gave ``version``, unless some value was
        dropped since."""
        with self._lock:
            if version != self._version:
                return
            for id_, value in values.items():
                self._values[id_] = value
                self._values.move_to_end(id_)
            while len(self._values) > CAPACITY:
                self._values.popitem(last=False)

    def drop(self, id_: str) -> None:
        """Drop a value that has changed."""
        with self._lock:
            self._version += 1
            self._values.pop(id_, None)
