"""What was read lately, so that a page that asks twice a second needs no database."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

LIMIT = 500

T = TypeVar("T")


class Recent(Generic[T]):
    """Values by id, the latest few hundred. Safe to call from any thread.

    Whoever reads values that may change meanwhile asks :meth:`look` first and hands its moment to
    :meth:`remember`, which then leaves out what was read before a change.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: OrderedDict[str, T] = OrderedDict()
        self._moment = 0

    def look(self, ids: Iterable[str]) -> tuple[dict[str, T], int]:
        """Those of these that are known, and the present moment."""
        with self._lock:
            return {id_: self._values[id_] for id_ in ids if id_ in self._values}, self._moment

    def remember(self, values: Mapping[str, T], moment: int) -> None:
        """Keep values that were read since ``moment``, unless something was forgotten since."""
        with self._lock:
            if moment != self._moment:
                return
            for id_, value in values.items():
                self._values[id_] = value
                self._values.move_to_end(id_)
            while len(self._values) > LIMIT:
                self._values.popitem(last=False)

    def forget(self, id_: str) -> None:
        """Let go of a value that has changed."""
        with self._lock:
            self._moment += 1
            self._values.pop(id_, None)
