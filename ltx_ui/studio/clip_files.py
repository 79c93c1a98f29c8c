"""The files of a clip in the library: its mp4 and its poster."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ltx_ui.clip import Clip
from ltx_ui.errors import DiskFull, NotFound
from ltx_ui.media.files import free_bytes, remove
from ltx_ui.media.mp4 import write_mp4, write_poster
from ltx_ui.recipe import Recipe

LEAST_BYTES_A_PIXEL = 0.01
"""Least size of an mp4, in bytes per pixel and frame. Smoothly moving colours take 0.06, noise
0.56."""
SOUND_BYTES_A_SECOND = 24_000 * 2 * 4
"""Size of the uncompressed sound, which is on disk while the mp4 is encoded: float32, stereo, at
least 24 kHz."""


@dataclass(frozen=True)
class Files:
    """The files of a clip that is not in the library yet, and notes about writing them."""

    video: Path
    poster: Path
    notes: tuple[str, ...] = ()

    @classmethod
    def write(cls, folder: Path, clip: Clip, metadata: Mapping[str, Any]) -> Files:
        """Write a clip's mp4 and poster under names that nobody can guess.

        Raises:
            MediaError: they could not be written; neither is left on the disk.
        """
        name = secrets.token_hex(16)
        files = cls(folder / f"{name}.mp4", folder / f"{name}.jpg")
        try:
            notes = write_mp4(clip, files.video, metadata)
            write_poster(clip, files.poster, metadata)
        except BaseException:
            files.remove()
            raise
        return replace(files, notes=notes)

    @property
    def bytes(self) -> int:
        """Size of both together; a file that is gone has none."""
        return sum(file.stat().st_size for file in (self.video, self.poster) if file.is_file())

    def remove(self) -> None:
        """Delete both files, as far as possible."""
        remove(self.video)
        remove(self.poster)


def check_room(folder: Path, recipe: Recipe) -> None:
    """Refuse a recipe whose clip surely won't fit on the disk.

    Raises:
        DiskFull: there is no room even for a clip that compresses well.
    """
    need = recipe.width * recipe.height * recipe.film_frames * LEAST_BYTES_A_PIXEL
    if recipe.include_audio:
        need += recipe.duration * SOUND_BYTES_A_SECOND
    if free_bytes(folder) < need:
        raise DiskFull(folder)


def present(file: Path) -> Path:
    """A file of a take.

    Raises:
        NotFound: it was deleted from outside.
    """
    if not file.is_file():
        raise NotFound(
            "The file of this take was removed from the disk. Its recipe is kept: make it again."
        )
    return file
