"""The doctor: finds in a finished clip what its maker would rather not have had.

It looks at some hundred pixels a side of each frame, and takes a few milliseconds a second of clip.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from ltx_ui.clip import Clip, Finding

SILENT_DB = -60.0
"""RMS in dBFS below which nothing is heard: the default of ffmpeg's ``silencedetect``."""
FULL_SCALE = 32767 / 32768
"""The largest value of 16 bits."""
CLIPPED_RUN = 3
"""Samples at full scale in a row that count as clipped: the default of Audacity's "Find Clipping".
"""
CLIPPED_SHARE = 0.001
"""Share of clipped samples from which they are heard as more than a click. Our own choice."""
BLACK_LUMA, BLACK_SHARE = 0.10, 0.98
"""A frame is black if so many of its pixels have at most this luma: the defaults of ffmpeg's
``blackdetect``."""
FROZEN_DIFFERENCE = 0.001
"""Mean difference from the first frame, of 1, up to which a frame is the same picture: the default
of ffmpeg's ``freezedetect``, -60 dB. Decoded latents differ by more, however still the scene."""
FADED = 0.25
"""The last frame's brightness as a part of the clip's median, from which on down the clip has faded
out: two stops. Our own choice."""
FADES_FROM = 0.05
"""The median luma of a clip that is bright enough to fade."""
FLASH_CHANGE, FLASH_DARKER, FLASH_AREA, FLASHES = 0.1, 0.8, 0.25, 3
"""WCAG 2.2's general flash: two opposing changes of relative luminance by at least 0.1, the darker
below 0.8; more than three in a second, in a quarter of the picture."""

_SIDE, _BLOCKS = 96, 8
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""BT.709, which relative luminance has too."""


def examine(clip: Clip, *, wants_sound: bool) -> tuple[Finding, ...]:
    """What is wrong with a clip, by name; empty for a healthy one.

    Args:
        wants_sound: whether something should be heard.
    """
    pixels = _few(clip.frames)
    luma = pixels.astype(np.float32) @ _LUMA / np.float32(255)
    black = ((luma <= BLACK_LUMA).mean(axis=(1, 2)) >= BLACK_SHARE).mean() > 0.5
    found: Mapping[Finding, Callable[[], bool]] = {
        "silent": lambda: wants_sound and _is_silent(clip.waveform),
        "clipped": lambda: clip.waveform is not None and _is_clipped(clip.waveform),
        "black": lambda: bool(black),
        "frozen": lambda: not black and _is_frozen(luma),
        "flashing": lambda: _flashes(_luminance(pixels), clip.fps),
        "fades_out": lambda: not black and _fades_out(luma),
    }
    return tuple(name for name, holds in found.items() if holds())


def _few(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Some of the pixels of each frame, evenly spread."""
    step = max(1, min(frames.shape[1:3]) // _SIDE)
    return frames[:, step // 2 :: step, step // 2 :: step]


def _is_silent(waveform: NDArray[np.float32] | None) -> bool:
    if waveform is None or not waveform.size:
        return True
    power = float(np.mean(np.square(waveform, dtype=np.float64)))
    return 10 * math.log10(max(power, 1e-20)) < SILENT_DB


def _is_clipped(waveform: NDArray[np.float32]) -> bool:
    if waveform.shape[1] < CLIPPED_RUN:
        return False
    loud = np.abs(waveform) >= FULL_SCALE
    runs = np.lib.stride_tricks.sliding_window_view(loud, CLIPPED_RUN, axis=1).all(axis=2)
    inside = np.zeros_like(loud)
    for offset in range(CLIPPED_RUN):
        inside[:, offset : offset + runs.shape[1]] |= runs
    return bool(inside.mean() >= CLIPPED_SHARE)


def _is_frozen(luma: NDArray[np.float32]) -> bool:
    return bool(np.abs(luma - luma[0]).mean(axis=(1, 2)).max() <= FROZEN_DIFFERENCE)


def _fades_out(luma: NDArray[np.float32]) -> bool:
    brightness = luma.mean(axis=(1, 2))
    usual = float(np.median(brightness))
    return usual >= FADES_FROM and float(brightness[-1]) <= FADED * usual


def _luminance(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Relative luminance of sRGB pixels, as means of 8×8 parts of the picture: F×8×8."""
    level = np.arange(256) / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    light = linear.astype(np.float32)[pixels] @ _LUMA
    rows = [part.mean(axis=1) for part in np.array_split(light, _BLOCKS, axis=1)]
    parts = [part.mean(axis=2) for part in np.array_split(np.stack(rows, 1), _BLOCKS, axis=2)]
    return np.stack(parts, axis=2)


def _flashes(light: NDArray[np.float32], fps: int) -> bool:
    """Whether parts of a quarter of the picture flash too often in some second."""
    turns = _turns(light)
    counts = np.concatenate([np.zeros_like(turns[:1]), turns.cumsum(axis=0)])
    span = min(fps, len(turns))
    flashes = (counts[span:] - counts[:-span]) // 2
    return bool((flashes > FLASHES).mean(axis=(1, 2)).max() >= FLASH_AREA)


def _turns(light: NDArray[np.float32]) -> NDArray[np.int64]:
    """In which frames each part of the picture has become brighter after it was darker, or the
    other way round, by as much as counts for a flash."""
    low = high = light[0]
    way = np.zeros(light[0].shape, np.int64)
    turned = []
    for now in light:
        low, high = np.minimum(low, now), np.maximum(high, now)
        rises = (way <= 0) & (now - low >= FLASH_CHANGE) & (low < FLASH_DARKER)
        falls = (way >= 0) & (high - now >= FLASH_CHANGE) & (now < FLASH_DARKER)
        turns = rises | falls
        way = np.where(turns, np.where(rises, 1, -1), way)
        low, high = np.where(turns, now, low), np.where(turns, now, high)
        turned.append(turns)
    return np.array(turned, np.int64)
