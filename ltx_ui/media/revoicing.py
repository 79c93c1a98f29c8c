"""A film that keeps its picture and gets another sound, or none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ltx_ui.clip import Clip
from ltx_ui.inputs import PictureInput
from ltx_ui.media.films import can_be_copied, frames_of


def picture_of(path: Path, count: int) -> NDArray[np.uint8]:
    """So many of a film's frames, or all that it has and its last one after them: uint8, F×H×W×3.

    Raises:
        MediaError: the file can't be read.
    """
    found = list(islice(frames_of(path), count))
    return np.stack(found + found[-1:] * (count - len(found)))


@dataclass(frozen=True)
class Revoiced:
    """A film whose picture a clip has; see :class:`ltx_ui.clip.Joint`.

    Attributes:
        path: the film's file.
        sampled: frames that the clip has.
    """

    path: Path
    film: PictureInput
    sampled: int

    @property
    def added(self) -> int:
        """Frames that the film has besides those of the clip; below 0 where the clip is longer, for
        films have any length."""
        return self.film.frames - self.sampled

    @property
    def copied(self) -> Path | None:
        """The film, where its picture can be taken over as it is."""
        return self.path if can_be_copied(self.path) else None

    def frames(self, clip: Clip) -> Iterator[NDArray[np.uint8]]:
        """All frames of the film: uint8, H×W×3.

        Raises:
            MediaError: the film can't be read.
        """
        return frames_of(self.path)

    def sound(self, clip: Clip) -> NDArray[np.float32] | None:
        """The clip's, C×T; None where it has none."""
        return clip.waveform
