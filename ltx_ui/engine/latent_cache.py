"""Sampled latents kept until their clip is saved: small to keep, and by far the costliest to make.

A clip whose decoding or writing failed can then be finished without sampling it again.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from ltx_ui.engine.sampling import Latents
from ltx_ui.recipe import MAX_TAKES, Recipe

CAPACITY = MAX_TAKES
"""Clips whose latents are kept: a job has no more takes. An HD clip's latents are some 8 MB."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """The latents of a clip, with all that they were made from: the recipe names its pictures.

    Attributes:
        notes: what sampling did otherwise than usual, as :class:`~ltx_ui.clip.Clip` has them.
    """

    recipe: Recipe
    latents: Latents
    notes: tuple[str, ...]


class LatentCache:
    """The latents of the latest :data:`CAPACITY` clips. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cached: list[Sampled] = []

    def add(self, sampled: Sampled) -> None:
        """Keep a clip's latents; beyond the capacity the oldest are dropped."""
        with self._lock:
            self._cached = [*self._cached, sampled][-CAPACITY:]

    def find(self, recipe: Recipe) -> Sampled | None:
        """The latents that sampling this recipe would give; None if they are not cached."""
        with self._lock:
            return next((each for each in self._cached if each.recipe == recipe), None)

    def drop(self, recipe: Recipe) -> None:
        """Forget a recipe's latents."""
        with self._lock:
            self._cached = [each for each in self._cached if each.recipe != recipe]
