"""What a loop may be asked for with, and what it costs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ltx_ui.errors import InvalidRecipe
from ltx_ui.geometry import latent_frames
from ltx_ui.inputs import CONTROL, FIELDS
from ltx_ui.recipe import MIN_FRAMES, Recipe

LOOP = "loop"
"""What the API and errors call it."""


def check_loop(start: Any, end: Any, films: Collection[str]) -> None:
    """Hold a request for a loop to what can be one.

    Args:
        start, end: the pictures that it begins and ends with, as they were sent; None without one.
        films: the fields that name a film.

    Raises:
        InvalidRecipe: it can't be one; says what to change.
    """
    if CONTROL in films:
        raise InvalidRecipe.because(
            LOOP,
            f"{LOOP}: its first frame is made before it, by itself, and follows no film. Leave "
            f"{LOOP} or {CONTROL} out.",
        )
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


def times_sampled(recipe: Recipe) -> float:
    """How much is sampled of a clip: 1, and for a loop as much again as its first frame takes, for
    which the shortest clip is made before; unless that frame is given. Next to nothing of one that
    is given whole; not 0, for a logarithm of it is needed."""
    if recipe.as_given:
        return 0.001
    if not recipe.loop or any(recipe.inputs.image_at(place) for place in FIELDS):
        return 1.0
    return 1.0 + latent_frames(MIN_FRAMES) / latent_frames(recipe.num_frames)
