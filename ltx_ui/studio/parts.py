"""Many values in parts: statements take only so many, and other writers are to have their turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def in_parts(values: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """The values in their order, at most so many at once."""
    for start in range(0, len(values), most):
        yield values[start : start + most]
