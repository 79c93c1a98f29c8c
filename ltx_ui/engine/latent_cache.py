"""Sampled latents kept until their clip is saved: small to keep, and by far the costliest to make.

A clip whose decoding or writing failed can then be finished without sampling it again.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from ltx_ui.engine.sampling import Latents, Picture
from ltx_ui.recipe import Recipe

Images = tuple[Picture | None, Picture | None]
"""The start image and the end image of a clip."""

CAPACITY = 8
"""Clips whose latents are kept: as many as a job has takes. An HD clip's latents are some 8 MB."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """The latents of a clip, with all that they were made from.

    Attributes:
        notes: what sampling did otherwise than usual, as :class:`~ltx_ui.clip.Clip` has them.
    """

    recipe: Recipe
    images: Images
    latents: Latents
    notes: tuple[str, ...]

    def is_for(self, recipe: Recipe, images: Images) -> bool:
        """Whether sampling this recipe would give these latents."""
        pairs = zip(self.images, images, strict=True)
        return recipe == self.recipe and all(
            one is other or (one is not None and other is not None and np.array_equal(one, other))
            for one, other in pairs
        )


class LatentCache:
    """The latents of the latest :data:`CAPACITY` clips. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cached: list[Sampled] = []

    def add(self, sampled: Sampled) -> None:
        """Keep a clip's latents; beyond the capacity the oldest are dropped."""
        with self._lock:
            self._cached = [*self._cached, sampled][-CAPACITY:]

    def find(self, recipe: Recipe, images: Images) -> Sampled | None:
        """The latents that sampling this recipe would give; None if they are not cached."""
        with self._lock:
            return next((each for each in self._cached if each.is_for(recipe, images)), None)

    def drop(self, recipe: Recipe) -> None:
        """Forget a recipe's latents."""
        with self._lock:
            self._cached = [each for each in self._cached if each.recipe != recipe]
