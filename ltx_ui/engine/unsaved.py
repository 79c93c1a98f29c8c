"""Sampled latents that are kept until their clip is safe: they are small, and cost the most."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from ltx_ui.engine.sampling import Latents
from ltx_ui.recipe import Recipe

LIMIT = 8
"""Clips whose latents are kept: as many as a job has takes. Those of an HD clip are some 8 MB."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """Latents of a clip, with all that they were made from: a recipe names its pictures."""

    recipe: Recipe
    latents: Latents
    notes: tuple[str, ...]


class Unsaved:
    """The latest :data:`LIMIT` of them. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[Sampled] = []

    def add(self, sampled: Sampled) -> None:
        """Keep these; beyond the limit the oldest are let go."""
        with self._lock:
            self._kept = [*self._kept, sampled][-LIMIT:]

    def find(self, recipe: Recipe) -> Sampled | None:
        """Latents that need not be sampled again, if they are here."""
        with self._lock:
            return next((kept for kept in self._kept if kept.recipe == recipe), None)

    def drop(self, recipe: Recipe) -> None:
        """Let go of a recipe's latents."""
        with self._lock:
            self._kept = [kept for kept in self._kept if kept.recipe != recipe]
