"""A film of which a part was made again: its own frames and sound, and the new ones in their place.

Beside the part the film's pixels pass over into the clip's of the same frames, which no clip has
exactly as the film, and the sound passes over at equal power. Everything else is the film's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ltx_ui.clip import Clip
from ltx_ui.inputs import SOUND_RATE, RetakeInput, Sound
from ltx_ui.media.films import frames_in, frames_of, sound_of
from ltx_ui.media.joining import exactly, mixed
from ltx_ui.media.masks import SOFT, softened
from ltx_ui.recipe import Recipe
from ltx_ui.retaking import JOINT, Span, frames_again

PASSING = 0.05
"""Seconds beside the part in which one sound passes over into the other."""


def sampled_part(path: Path, recipe: Recipe, film: RetakeInput) -> tuple[NDArray[np.uint8], Sound]:
    """What is seen and heard of a film in the frames that are sampled: uint8, F×H×W×3, and a sound
    that is empty where the film has none.

    Raises:
        MediaError: the file can't be read.
    """
    seen = frames_in(path, recipe.num_frames, film.first)
    heard = sound_of(path, SOUND_RATE)
    if heard is None:
        return seen, Sound(np.zeros((2, 0), np.float32))
    start = round(film.first / recipe.fps * SOUND_RATE)
    samples = round(recipe.num_frames / recipe.fps * SOUND_RATE)
    return seen, Sound(heard[:, start : start + samples])


@dataclass(frozen=True)
class Remade:
    """A film of which a clip is a part; see :class:`ltx_ui.clip.Joint`.

    Attributes:
        path: the film's file.
        sampled: frames that the clip has.
        mask: where in the picture the part is, H×W; None for the film's region.
    """

    path: Path
    film: RetakeInput
    sampled: int
    mask: NDArray[np.bool_] | None = None

    @property
    def added(self) -> int:
        """Frames that the film has besides those that were sampled."""
        return self.film.frames - self.sampled

    @property
    def copied(self) -> None:
        """Nothing: frames are made anew."""
        return None

    def frames(self, clip: Clip) -> Iterator[NDArray[np.uint8]]:
        """All frames of the film: uint8, H×W×3.

        Raises:
            MediaError: the film can't be read.
        """
        around = self._around(*clip.frames.shape[1:3])
        for number, frame in enumerate(frames_of(self.path)):
            share, place = self._share(number), number - self.film.first
            if share and 0 <= place < len(clip.frames):
                yield mixed(frame, clip.frames[place], share * around)
            else:
                yield frame

    def sound(self, clip: Clip) -> NDArray[np.float32] | None:
        """The film's sound with the clip's in the part, C×T; the film's alone where the clip has
        none, or it is kept. None where the film has none and no other is made.

        Raises:
            MediaError: the film can't be read.
        """
        rate = clip.sample_rate
        whole = round(self.film.frames / clip.fps * rate)
        of_film = sound_of(self.path, rate)
        if clip.waveform is None or self.film.sound == "keep":
            return None if of_film is None else exactly(of_film, len(of_film), whole)
        joined = exactly(of_film, len(clip.waveform), whole)
        first = round(self.film.first / clip.fps * rate)
        new = np.zeros_like(joined)
        there = clip.waveform[:, : whole - first]
        new[:, first : first + there.shape[1]] = there
        start, end = (frame / clip.fps * rate for frame in self._again)
        times = np.arange(whole, dtype=np.float32)
        # Beyond the film's own ends there is nothing to pass over from.
        before = 1 if self._again.start == 0 else 1 - (start - times) / (PASSING * rate)
        after = 1 if self._again.end == self.film.frames else 1 - (times - end) / (PASSING * rate)
        turn = np.clip(np.minimum(before, after), 0, 1).astype(np.float32) * (math.pi / 2)
        passed: NDArray[np.float32] = joined * np.cos(turn) + new * np.sin(turn)
        return passed

    @cached_property
    def _again(self) -> Span:
        return frames_again(self.film)

    def _share(self, number: int) -> float:
        """How much of a frame is the clip's."""
        start, end = self._again
        away = max(start - number, number - end + 1, 0)
        return max(0.0, 1 - away / (JOINT + 1))

    def _around(self, height: int, width: int) -> NDArray[np.float32]:
        """How much of each pixel is the clip's in the part, H×W×1."""
        if self.mask is not None:
            return softened(self.mask)[..., None]
        x, y, across, down = self.film.region or (0.0, 0.0, 1.0, 1.0)
        columns = _within(width, x, x + across)
        rows = _within(height, y, y + down)
        return (rows[:, None] * columns[None, :])[..., None]


def _within(pixels: int, start: float, end: float) -> NDArray[np.float32]:
    """1 within two shares of a side, and less up to :data:`SOFT` pixels beside them."""
    places = np.arange(pixels, dtype=np.float32) + 0.5
    away = np.maximum(np.maximum(start * pixels - places, places - end * pixels), 0)
    share: NDArray[np.float32] = np.clip(1 - away / SOFT, 0, 1)
    return share
