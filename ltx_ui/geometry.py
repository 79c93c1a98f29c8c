"""A clip's size in pixels, on the model's grid and in latents: whole numbers only, without torch.

LTX-2's video VAE packs 32×32 pixels × 8 frames into one latent; the first latent frame holds a
single frame. So clips have 8k+1 frames, and their sides are made in multiples of the grid.
"""

from __future__ import annotations

from typing import NamedTuple

SPATIAL_COMPRESSION = 32
"""Pixels that one latent covers, across and down (``vae.spatial_compression_ratio``)."""
TEMPORAL_COMPRESSION = 8
"""Frames that each latent frame after the first covers (``vae.temporal_compression_ratio``)."""


class Margins(NamedTuple):
    """Pixels between a picture's edges and those of the larger picture on the grid."""

    left: int
    top: int
    right: int
    bottom: int


def latent_frames(num_frames: int) -> int:
    """Latent frames of a clip of 8k+1 frames; those after its last whole eight are left out."""
    return (num_frames - 1) // TEMPORAL_COMPRESSION + 1


def latent_frame_of(frame: int) -> int:
    """The latent frame that holds a frame; both are counted from 0."""
    return -(-frame // TEMPORAL_COMPRESSION)


def whole_frames(num_frames: int) -> int:
    """The largest number of the form 8k+1 that is not above ``num_frames``."""
    return (num_frames - 1) // TEMPORAL_COMPRESSION * TEMPORAL_COMPRESSION + 1


def latent_size(width: int, height: int) -> tuple[int, int]:
    """Columns and rows of latents that cover a picture of so many pixels."""
    return -(-width // SPATIAL_COMPRESSION), -(-height // SPATIAL_COMPRESSION)


def video_tokens(width: int, height: int, num_frames: int) -> int:
    """Tokens of a clip's picture in the transformer: one for each latent."""
    columns, rows = latent_size(width, height)
    return columns * rows * latent_frames(num_frames)


def followed_tokens(width: int, height: int, num_frames: int, factor: int) -> int:
    """Tokens of a film that a clip of this size follows.

    Args:
        factor: how many times as wide and as high as the film the clip is; 0 without a film.
    """
    return video_tokens(width // factor, height // factor, num_frames) if factor else 0


def on_grid(side: int, grid: int) -> int:
    """The smallest multiple of ``grid`` pixels that is not below ``side``."""
    return -(-side // grid) * grid


def grid_size(width: int, height: int, grid: int) -> tuple[int, int]:
    """Width and height of the picture on the grid that holds a picture of this size."""
    return on_grid(width, grid), on_grid(height, grid)


def margins(width: int, height: int, grid: int) -> Margins:
    """What the picture on the grid has around a picture of this size in its centre; where an odd
    number of pixels is left over, the right and the bottom have one more."""
    grid_width, grid_height = grid_size(width, height, grid)
    left, top = (grid_width - width) // 2, (grid_height - height) // 2
    return Margins(left, top, grid_width - width - left, grid_height - height - top)
