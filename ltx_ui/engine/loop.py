"""Loops: a clip begins and ends with one picture.

Where no picture is given, it is the first frame of the shortest clip that can be made of the same
recipe and seed: models have learnt to lead to a picture, and follow one much more closely than
anything else that ties the end to the beginning.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ltx_ui.clip import Listener, Stage
from ltx_ui.engine.decoding import first_frame
from ltx_ui.engine.models import ModelCard
from ltx_ui.engine.sampling import Latents
from ltx_ui.inputs import ImageInput, InputData
from ltx_ui.recipe import MIN_FRAMES, Recipe

_UNNAMED = f"sha256:{'0' * 64}"


class _First:
    """Hears of the first frame's sampling, which has no steps of its own, and may stop it."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def progress(self, stage: Stage, step: int = 0, steps: int = 0) -> None:
        """As of a listener."""
        self._listener.progress("text" if stage == "text" else "sampling", 0, steps)


def with_ends(
    pipe: Any,
    card: ModelCard,
    sample: Callable[[Recipe, Listener, InputData], Latents],
    recipe: Recipe,
    listener: Listener,
    inputs: InputData,
) -> tuple[Recipe, InputData]:
    """A loop's recipe with one picture at both ends, and what its files hold then; both as they are
    for any other clip.

    Args:
        sample: makes a clip's latents.
    """
    if not recipe.loop:
        return recipe, inputs
    images = {image.at: image for image in recipe.inputs.images}
    end = next((at for at in (-1, recipe.num_frames - 1) if at in images), -1)
    given = images.get(0) or images.get(end)
    if given is None:
        sketch = _shortest(recipe, [image for image in images.values() if image.at < MIN_FRAMES])
        latents = sample(sketch, _First(listener), inputs)
        picture, given = first_frame(pipe, card, latents, sketch), ImageInput(digest=_UNNAMED)
    else:
        picture = inputs.pictures[given.at]
    for place in (0, end):
        images[place] = given.model_copy(update={"at": place})
    return (
        _with_images(recipe, list(images.values())),
        replace(inputs, pictures={**inputs.pictures, 0: picture, end: picture}),
    )


def _shortest(recipe: Recipe, images: list[ImageInput]) -> Recipe:
    """As much of a clip as its first frame needs."""
    short = {"num_frames": MIN_FRAMES, "loop": False}
    return _with_images(recipe, images).model_copy(update=short)


def _with_images(recipe: Recipe, images: list[ImageInput]) -> Recipe:
    inputs = recipe.inputs.model_copy(update={"images": tuple(images)})
    return recipe.model_copy(update={"inputs": inputs})
