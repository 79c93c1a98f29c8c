"""What a studio has done since it was started, in numbers."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Tally:
    """Counts of one moment.

    Attributes:
        ended: jobs that have ended, by the name of the state they ended in.
        takes: takes that were kept.
        stage_seconds: seconds that those took, by stage.
    """

    ended: Mapping[str, int]
    takes: int
    stage_seconds: Mapping[str, float]


class Counts:
    """Counts that only grow. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended: Counter[str] = Counter()
        self._takes = 0
        self._seconds: dict[str, float] = {}

    def ended(self, state: str) -> None:
        """A job has ended in a state of this name."""
        with self._lock:
            self._ended[state] += 1

    def took(self, timings: Mapping[str, float]) -> None:
        """A take was kept that took so many seconds, by stage."""
        with self._lock:
            self._takes += 1
            for stage, seconds in timings.items():
                self._seconds[stage] = self._seconds.get(stage, 0.0) + seconds

    def now(self) -> Tally:
        """The counts of this moment."""
        with self._lock:
            return Tally(dict(self._ended), self._takes, dict(self._seconds))
