"""A Clip: what the engine hands to the media room, and what it says on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Stage = Literal["loading", "text", "sampling", "decoding", "saving"]

Finding = Literal["silent", "clipped", "black", "frozen", "flashing", "fades_out"]
"""What can be wrong with a finished clip."""


class Joint(Protocol):
    """A film that a clip becomes a part of, which is joined to it when it is written."""

    @property
    def added(self) -> int:
        """Frames that the film has besides those that the clip shares with it."""

    @property
    def copied(self) -> Path | None:
        """A film whose picture is taken over as it is, in place of frames; None to encode them."""

    def frames(self, clip: Clip) -> Iterator[NDArray[np.uint8]]:
        """All frames of the film and the clip, in their order: uint8, H×W×3."""

    def sound(self, clip: Clip) -> NDArray[np.float32] | None:
        """The sound of both, C×T; None where neither has any."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A finished clip in memory.

    Attributes:
        frames: uint8, F×H×W×3, RGB.
        fps: frames a second.
        waveform: float32, C×T, where 1 is full scale; ``None`` for a clip without an audio track.
        sample_rate: samples a second of ``waveform``, in Hz.
        notes: what had to be done otherwise than usual, a sentence each, such as "Decoded in tiles:
            less memory."
        joint: the film that it becomes a part of; None for a clip by itself.
        lufs: how loud its sound is made when it is written; None: as it is.
    """

    frames: NDArray[np.uint8]
    fps: int
    waveform: NDArray[np.float32] | None
    sample_rate: int
    notes: tuple[str, ...] = ()
    joint: Joint | None = None
    lufs: float | None = None

    @property
    def duration(self) -> float:
        """Length in seconds, with the film that it goes on from."""
        return (len(self.frames) + (self.joint.added if self.joint else 0)) / self.fps


class Listener(Protocol):
    """Hears how far a clip is, and may stop it."""

    def progress(self, stage: Stage, step: int = 0, steps: int = 0) -> None:
        """Called when a stage begins, and after each of its ``steps`` where it has some.

        Raises:
            Cancelled: to stop the clip here; the engine lets it through and stays usable.
        """


class Silent:
    """A listener that lets every clip through and tells nobody."""

    def progress(self, stage: Stage, step: int = 0, steps: int = 0) -> None:
        """Nothing to say."""


@runtime_checkable
class PreviewListener(Listener, Protocol):
    """A listener that also wants to see the clip while it is sampled."""

    def preview(self, frames: NDArray[np.uint8], fps: float) -> None:
        """Called twice a second at most, between two steps.

        Args:
            frames: uint8, F'×h×w×3, RGB: the present estimate of the clip, one frame for eight of
                its own and one pixel for 32×32 of its own.
            fps: frames a second at which they move as fast as the clip will.
        """
