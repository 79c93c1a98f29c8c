"""A part of a film made again: which of the clip's latents are the film's and stay so.

As the authors do it (``TemporalRegionMask`` in Lightricks/LTX-2, ``packages/ltx-core``): the film
is encoded whole, what stays is clean in every step and has timestep 0, and what is made again
begins with noise. Of picture and sound alike, so that both are continued.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ltx_ui.geometry import SPATIAL_COMPRESSION
from ltx_ui.inputs import RetakeInput
from ltx_ui.recipe import Recipe
from ltx_ui.retaking import frames_again, latents_again

Mask = NDArray[np.bool_]
"""Where a picture is made again, H×W, of the recipe's size."""


def staying_tokens(
    recipe: Recipe, film: RetakeInput, height: int, width: int, mask: Mask | None = None
) -> Tensor:
    """Which tokens of a clip's picture stay as they are: bool, one for each, frame after frame.

    Args:
        height, width: latents of a frame; half as many in the first of two stages.
        mask: None for the film's region.
    """
    start, end = latents_again(film)
    frames = latents_again(film.model_copy(update={"end": film.first + recipe.num_frames})).end
    again = torch.zeros(frames, height, width, dtype=torch.bool)
    if mask is not None:
        again[start:end] = _painted(mask, height, width)
        return ~again.flatten()
    x, y, across, down = film.region or (0.0, 0.0, 1.0, 1.0)
    rows = _cells(recipe.height, height, y, y + down)
    columns = _cells(recipe.width, width, x, x + across)
    again[start:end, rows, columns] = True
    return ~again.flatten()


def _painted(mask: Mask, height: int, width: int) -> Tensor:
    """The latents of a frame that have something of a mask."""
    sizes = [_cell(pixels, each) for pixels, each in zip(mask.shape, (height, width), strict=True)]
    margins = [
        divmod(each * size - pixels, 2)
        for pixels, each, size in zip(mask.shape, (height, width), sizes, strict=True)
    ]
    # The margins go with the edges that they lie at.
    whole = np.pad(mask, [(half, half + odd) for half, odd in margins], mode="edge")
    cells = whole.reshape(height, sizes[0], width, sizes[1])
    return torch.from_numpy(cells.any(axis=(1, 3)))


def _cell(pixels: int, latents: int) -> int:
    """The pixels of a latent's side: a clip in two stages is half as large in its first one."""
    return SPATIAL_COMPRESSION * (1 if latents * SPATIAL_COMPRESSION >= pixels else 2)


def _cells(pixels: int, latents: int, start: float, end: float) -> slice:
    """The latents of a side that have something of it from one share to another."""
    size = _cell(pixels, latents)
    margin = (latents * size - pixels) // 2
    first, last = (margin + share * pixels for share in (start, end))
    # All of the picture has its margins with it.
    low = 0 if start == 0 else math.floor(first / size)
    high = latents if end >= 1 else math.ceil(last / size)
    return slice(low, max(high, low + 1))


def staying_sound(recipe: Recipe, film: RetakeInput, latents: Tensor) -> Tensor:
    """Which of a clip's latent frames of sound stay as they are: 1 or 0 for each, 1×L×1.

    Args:
        latents: the film's, 1×C×L×M.
    """
    length = latents.shape[2]
    rate = length / recipe.num_frames
    start, end = (rate * (frame - film.first) for frame in frames_again(film))
    stays = torch.ones(1, length, 1)
    stays[:, max(0, math.floor(start)) : math.ceil(end)] = 0
    return stays


def place_around(
    placed: tuple[Tensor, Tensor, Tensor],
    tokens: Tensor,
    recipe: Recipe,
    mask: Mask | None,
    **size: Any,
) -> None:
    """Put a film's tokens, clean, where a clip stays as the film is.

    Args:
        placed: latents, the mask of what is clean, and the clean latents; they are changed.
        tokens: all of the film's, 1×L×C.
        mask: as :func:`staying_tokens` takes it.
        size: ``latent_height`` and ``latent_width``.
    """
    film = recipe.inputs.retake
    assert film is not None
    height, width = size["latent_height"], size["latent_width"]
    stays = staying_tokens(recipe, film, height, width, mask).to(tokens.device)[None, :, None]
    clean = torch.ones_like(placed[1][:1, :1])
    for each, value in zip(placed, (tokens, clean, tokens), strict=True):
        each.copy_(torch.where(stays, value.to(each.dtype), each))
