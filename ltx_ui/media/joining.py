"""A film and the clip that goes on from it, joined into one: frame by frame, so that the film is
never in memory as a whole.

In the frames that both have, the one passes over into the other: each has a little of the clip's
own colours, which no clip has exactly as the film.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ltx_ui.clip import Clip
from ltx_ui.inputs import SOUND_RATE, FilmInput, Sound
from ltx_ui.media.films import frames_of, sound_of
from ltx_ui.media.passing import passed
from ltx_ui.recipe import Recipe

SILENT_FILM = "The film that it goes on from has no sound: the sound begins with the new part."


def shared_sound(path: Path, recipe: Recipe, film: FilmInput) -> Sound | None:
    """What is heard of a film in the frames that a clip shares with it, where they stand in the
    clip, with silence in its others; None where the film has no sound, or its sound does not go on.

    Raises:
        MediaError: the film can't be read.
    """
    heard = sound_of(path, SOUND_RATE) if film.sound == "continue" else None
    if heard is None:
        return None

    def samples(frames: int) -> int:
        return round(frames / recipe.fps * SOUND_RATE)

    if film.direction == "after":
        return Sound(heard[:, samples(film.frames - film.overlap) : samples(film.frames)])
    silence = np.zeros((len(heard), samples(recipe.num_frames - film.overlap)), np.float32)
    return Sound(np.concatenate([silence, heard[:, : samples(film.overlap)]], axis=1))


@dataclass(frozen=True)
class Joint:
    """A film that a clip goes on from; see :class:`ltx_ui.clip.Joint`.

    Attributes:
        path: the film's file.
    """

    path: Path
    film: FilmInput

    @property
    def added(self) -> int:
        """Frames that the film has besides those that the clip shares with it."""
        return self.film.frames - self.film.overlap

    @property
    def copied(self) -> None:
        """Nothing: frames are made anew."""
        return None

    def frames(self, clip: Clip) -> Iterator[NDArray[np.uint8]]:
        """All frames of the film and the clip, in their order: uint8, H×W×3.

        Raises:
            MediaError: the film can't be read.
        """
        overlap, after = self.film.overlap, self.film.direction == "after"
        if not after:
            yield from clip.frames[:-overlap]
        shared = clip.frames[:overlap] if after else clip.frames[-overlap:]
        first = self.added if after else 0
        for number, frame in enumerate(frames_of(self.path)):
            place = number - first
            if 0 <= place < overlap:
                share = (place + 1) / (overlap + 1)
                yield mixed(frame, shared[place], share if after else 1 - share)
            else:
                yield frame
        if after:
            yield from clip.frames[overlap:]

    def sound(self, clip: Clip) -> NDArray[np.float32] | None:
        """The sound of both, C×T, which passes over from one to the other, at equal power, in the
        frames that both have: in all of them, or in their middle where it is the same in both.
        None where neither has any.

        Raises:
            MediaError: the film can't be read.
        """
        rate, fps = clip.sample_rate, clip.fps
        of_film = sound_of(self.path, rate)
        if of_film is None and clip.waveform is None:
            return None

        def samples(frames: int) -> int:
            return round(frames / fps * rate)

        channels = 2 if clip.waveform is None else len(clip.waveform)
        whole = samples(self.added + len(clip.frames))
        first, over = samples(self.added), samples(self.film.overlap)
        after = self.film.direction == "after"
        if not after:
            first = samples(len(clip.frames) - self.film.overlap)
            earlier, later = clip.waveform, of_film
        else:
            earlier, later = of_film, clip.waveform
        if self.film.sound == "continue" and earlier is not None and later is not None:
            late = np.zeros((channels, whole), np.float32)
            late[:, first:] = exactly(later, channels, whole - first)
            early = exactly(earlier, channels, whole)
            return passed(early, late, first + over // 2, rate, moves=after)
        joined = np.zeros((channels, whole), np.float32)
        turn = np.linspace(0, math.pi / 2, over, dtype=np.float32)
        joined[:, : first + over] = exactly(earlier, channels, first + over)
        joined[:, first : first + over] *= np.cos(turn)
        coming = exactly(later, channels, whole - first)
        coming[:, :over] *= np.sin(turn)
        joined[:, first:] += coming
        return joined


def mixed(
    one: NDArray[np.uint8], other: NDArray[np.uint8], share: float | NDArray[np.float32]
) -> NDArray[np.uint8]:
    """A picture with so much of another one in it, in all of it or pixel by pixel (H×W×1)."""
    between = one.astype(np.float32) * (1 - share) + other.astype(np.float32) * share
    return np.rint(between).astype(np.uint8)


def exactly(sound: NDArray[np.float32] | None, channels: int, samples: int) -> NDArray[np.float32]:
    """A copy of exactly so many samples, with silence behind it."""
    exact = np.zeros((channels, samples), np.float32)
    if sound is not None:
        exact[:, : sound.shape[1]] = sound[:channels, :samples]
    return exact
