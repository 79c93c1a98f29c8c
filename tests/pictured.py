"""Recipes with pictures, for tests that drive the engine itself."""

from __future__ import annotations

from collections.abc import Mapping

from ltx_ui.inputs import ImageInput, InputData, Inputs, Picture, Place, digest_of
from ltx_ui.recipe import Recipe


def pictured(
    recipe: Recipe, pictures: Mapping[Place, Picture], strength: float = 1.0
) -> tuple[Recipe, InputData]:
    """The recipe with pictures at these frames, and what it then needs beside it."""
    named = {place: digest_of(picture.tobytes()) for place, picture in pictures.items()}
    images = tuple(
        ImageInput(digest=digest, at=place, strength=strength) for place, digest in named.items()
    )
    return recipe.model_copy(update={"inputs": Inputs(images=images)}), InputData(pictures)
