"""A preview's frames as a small animated WebP, which a page shows as it shows a picture."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LARGEST_SIDE = 256
"""Pixels; a preview has one colour for each 32 pixels, and is smoothed up to this."""
QUALITY = 70


def animated_webp(frames: NDArray[np.uint8], fps: float) -> bytes:
    """An endless animation of frames.

    Args:
        frames: uint8, F×H×W×3, at most a few dozen pixels a side.
        fps: frames a second.
    """
    _, height, width, _ = frames.shape
    scale = max(1, LARGEST_SIDE // max(height, width))
    size = (width * scale, height * scale)
    first, *rest = (
        Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC) for frame in frames
    )
    target = io.BytesIO()
    first.save(
        target,
        "WEBP",
        save_all=True,
        append_images=rest,
        duration=round(1000 / fps),
        loop=0,
        quality=QUALITY,
        method=0,
    )
    return target.getvalue()
