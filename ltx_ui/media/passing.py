"""Sound that passes over from one recording of it into another, which sounds the same and has other
phases: as a vocoder makes of what it has heard.

Two tones that are out of step would cancel each other while one fades into the other. So one of
them is moved by what no ear hears, to where both are most alike, and what is still lost or gained
of their power is made good.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SECONDS = 0.1
"""How long it takes, where there is room."""
_FARTHEST = 0.012
"""Seconds by which the second sound is moved at most: a period of 83 Hz. Sound that comes so much
earlier or later than its picture is not noticed (ITU-R BT.1359: from 45 ms)."""

Sound = NDArray[np.float32]


def passed(one: Sound, other: Sound, middle: int, rate: int, *, moves: int) -> Sound:
    """The first of two sounds up to a place, and the second one from there on.

    Args:
        one, other: both C×T, the same sound around ``middle``.
        middle: the sample at the middle of the passage; there are some on both sides of it.
        moves: which of them is moved, 0 or 1.
    """
    length = one.shape[1]
    half = min(round(SECONDS / 2 * rate), middle, length - middle)
    start, stop = middle - half, middle + half
    lag = _lag(one, other, start, stop, rate)
    one, moved = (one, _moved(other, lag)) if moves else (_moved(one, -lag), other)
    turn = np.linspace(0, math.pi / 2, stop - start, dtype=np.float32)
    before, after = np.cos(turn), np.sin(turn)
    alike = _alike(one[:, start:stop], moved[:, start:stop])
    power = np.sqrt(1 + 2 * before * after * max(alike, -0.5))
    joined = np.concatenate([one[:, :start], moved[:, start:]], axis=1)
    joined[:, start:stop] = (one[:, start:stop] * before + moved[:, start:stop] * after) / power
    return joined


def _lag(one: Sound, other: Sound, start: int, stop: int, rate: int) -> int:
    """By how many samples the second sound comes too late there, as far as it may be moved."""
    most = min(round(_FARTHEST * rate), start, one.shape[1] - stop)
    first, second = one.mean(axis=0)[start:stop], other.mean(axis=0)[start - most : stop + most]
    if not (first.any() and second.any()):
        return 0
    windows = np.lib.stride_tricks.sliding_window_view(second, stop - start)
    likeness = windows @ first / (np.linalg.norm(windows, axis=1) + 1e-9)
    lag: int = int(np.argmax(likeness)) - most
    return lag


def _moved(sound: Sound, lag: int) -> Sound:
    """The sound so many samples earlier, mirrored where it has none."""
    padded = np.pad(sound, ((0, 0), (max(0, -lag), max(0, lag))), "reflect")
    first = max(0, lag)
    return padded[:, first : first + sound.shape[1]]


def _alike(one: Sound, other: Sound) -> float:
    """How alike two sounds are, -1…1."""
    scale = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.vdot(one, other)) / scale if scale else 0.0
