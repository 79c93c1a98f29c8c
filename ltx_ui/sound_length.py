"""Clips that are as long as the sound that they are made to."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Annotated

from pydantic import BeforeValidator, Field

from ltx_ui.errors import InvalidRecipe
from ltx_ui.geometry import TEMPORAL_COMPRESSION, whole_frames
from ltx_ui.inputs import AUDIO, FIELDS, FILMS, MOST_START, name_at
from ltx_ui.recipe import MAX_FRAMES, MIN_FRAMES, Recipe
from ltx_ui.values import Truth, real

FIT = "fit_audio"
"""What the API and errors call the wish for it."""

FitAudio = Annotated[
    Truth,
    Field(
        description="Make the clip as long as audio, from audio_start on: the nearest possible "
        "number of frames. At most num_frames where that is given, and never more than are allowed."
    ),
]
# The bounds before what reads a number, or the schema has other words for them.
AudioStrength = Annotated[
    float,
    Field(
        ge=0.0,
        le=1.0,
        description="How closely that sound is kept; at 1 the clip has it as it is.",
    ),
    BeforeValidator(real),
]
AudioStart = Annotated[
    float,
    Field(ge=0.0, le=MOST_START, description="Seconds into that sound where the clip begins."),
    BeforeValidator(real),
]


def frames_for(seconds: float, fps: int, most: int = MAX_FRAMES) -> int:
    """The possible number of frames that is nearest to a sound's length; the greater one where two
    are as near.

    Args:
        most: frames that the clip may have; the fewest that are possible, if it is less.
    """
    parts = math.floor((seconds * fps - 1) / TEMPORAL_COMPRESSION + 0.5)
    nearest = parts * TEMPORAL_COMPRESSION + 1
    return max(MIN_FRAMES, min(nearest, whole_frames(min(most, MAX_FRAMES))))


def check_fit(given: Collection[str]) -> None:
    """Hold a request whose clip is to be as long as its sound to what goes with that.

    Args:
        given: the request's fields that name a file.

    Raises:
        InvalidRecipe: it names no sound, or a film that has a length of its own.
    """
    if AUDIO not in given:
        raise InvalidRecipe.because(
            FIT, f"{FIT}: is for clips that are made to a sound, and there is none. Send {AUDIO}."
        )
    if film := next((name for name in FILMS if name in given), None):
        raise InvalidRecipe.because(
            FIT, f"{FIT}: can't stand beside {film}, whose film has its own length. Leave it out."
        )


def as_long(recipe: Recipe, seconds: float, most: int) -> Recipe:
    """A recipe whose clip is as long as its sound.

    Args:
        seconds: how long the sound is.
        most: as :func:`frames_for` takes it.

    Raises:
        InvalidRecipe: a picture stands after the clip's end then.
    """
    start = recipe.inputs.audio.start if recipe.inputs.audio else 0.0
    frames = frames_for(seconds - start, recipe.fps, most)
    for image in recipe.inputs.images:
        if image.at not in FIELDS and image.at >= frames:
            raise InvalidRecipe.because(
                name_at(image.at),
                f"{name_at(image.at)}: is after the clip's end: as long as its sound it has "
                f"{frames} frames. Choose a frame before {frames}.",
            )
    return recipe.model_copy(update={"num_frames": frames})
