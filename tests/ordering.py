"""The order of the tests' files where several run side by side: the longest ones first, so that at
the end no core waits for another that began with a long one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest

_BY_FIXTURE = {"browser": 6.0, "open_studio": 2.0, "engine": 2.0, "postgres": 1.0, "app": 0.5}
_BY_FILE = {
    "test_studio_kills": 40.0,
    "test_studio_survival": 10.0,
    "test_workers": 12.0,
    "test_engine_compiling": 8.0,
    "test_benchmarks": 5.0,
    "test_demo_follows": 5.0,
    "test_studio_shared": 5.0,
    "test_app": 5.0,
    "test_package": 5.0,
    "test_training": 2.0,
    "test_engine": 1.0,
}
"""About how many seconds a test takes that has a fixture, or is in a file whose name begins so."""


def longest_first(items: list[pytest.Item]) -> None:
    """Sort tests by what all of their file may take; within a file they stay as they are."""
    seconds = defaultdict[str, float](float)
    for item in items:
        seconds[item.path.stem] += sum(_seconds(item), 0.05)
    items.sort(key=lambda item: -seconds[item.path.stem])


def _seconds(item: pytest.Item) -> Iterator[float]:
    if item.get_closest_marker("skip"):
        return
    fixtures: tuple[str, ...] = getattr(item, "fixturenames", ())
    yield from (_BY_FIXTURE[name] for name in _BY_FIXTURE.keys() & set(fixtures))
    yield next((_BY_FILE[name] for name in _BY_FILE if item.path.stem.startswith(name)), 0)
