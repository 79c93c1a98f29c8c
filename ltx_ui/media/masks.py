"""Masks: pictures that are white where a part of a film is made again."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import MASK
from ltx_ui.media.images import read_reference

SOFT = 12
"""Pixels around what is made again in which it passes over into the film."""


def read_mask(data: bytes, width: int, height: int) -> NDArray[np.bool_]:
    """Where a picture is made again: bool, H×W. A mask of another size is stretched.

    Args:
        data: a stored picture, white or transparent there, and black elsewhere.

    Raises:
        InvalidRecipe: it is white everywhere or nowhere, or was damaged since.
    """
    grey = read_reference(data, len(data), MASK).convert("L")
    painted = np.asarray(grey.resize((width, height), Image.Resampling.BILINEAR)) >= 128
    if painted.any() and not painted.all():
        return painted
    where = "everywhere" if painted.any() else "nowhere"
    raise InvalidRecipe.because(
        MASK,
        f"{MASK}: is white {where}. Paint white, or cut out, what is to be made again, and leave "
        "the rest black; or leave the mask out, for all of the picture.",
    )


def softened(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How much of each pixel is made again, H×W: 1 in the mask, and less up to :data:`SOFT` pixels
    beside it."""
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    share: NDArray[np.float32] = np.clip(1 - away / SOFT, 0, 1, dtype=np.float32)
    return share
