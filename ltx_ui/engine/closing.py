"""A loop's end: its last frame becomes its first, and its sound passes over into its beginning."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

CLOSING = 8
"""Frames in which what the last one still differs by from the first is taken away."""
PASSING = 0.1
"""Seconds in which the sound passes over into its own beginning, played backwards: so it ends where
it begins."""


def close(frames: NDArray[np.uint8]) -> None:
    """Make the last of a loop's frames, F×H×W×3, the first, and bring those before it closer."""
    count = min(CLOSING, len(frames) - 1)
    missing = frames[0].astype(np.float32) - frames[-1]
    for number in range(count):
        share = (number + 1) / count
        mended = frames[number - count] + missing * share
        frames[number - count] = np.rint(np.clip(mended, 0, 255)).astype(np.uint8)


def close_sound(waveform: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """A loop's sound, C×T, whose end passes over, at equal power, into what its beginning is when
    played backwards."""
    over = min(round(PASSING * sample_rate), waveform.shape[1] // 2)
    turn = np.linspace(0, math.pi / 2, over, dtype=np.float32)
    closed = waveform.copy()
    ending = waveform[:, waveform.shape[1] - over :] * np.cos(turn)
    closed[:, waveform.shape[1] - over :] = ending + waveform[:, :over][:, ::-1] * np.sin(turn)
    return closed
