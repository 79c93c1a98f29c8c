"""What a loop may be asked for with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ltx_ui.errors import InvalidRecipe

LOOP = "loop"
"""What the API and errors call it."""


def check_loop(start: Any, end: Any, films: Iterable[str]) -> None:
    """Hold a request for a loop to what can be one.

    Args:
        start, end: the pictures that it begins and ends with, as they were sent; None without one.
        films: the fields that name a film.

    Raises:
        InvalidRecipe: it can't be one; says what to change.
    """
    if field := next(iter(films), None):
        raise InvalidRecipe.because(
            LOOP,
            f"{LOOP}: a clip that becomes a part of a film has the film's beginning and end. Leave "
            f"{LOOP} or {field} out.",
        )
    if start is not None and end is not None and start != end:
        raise InvalidRecipe.because(
            LOOP,
            f"{LOOP}: its last frame is its first, and two pictures are given for them. Leave one "
            "of them out.",
        )
