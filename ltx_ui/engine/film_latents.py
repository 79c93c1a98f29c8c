"""Films as latents: what a clip is refined from that makes one larger."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ltx_ui.engine import compat
from ltx_ui.engine.models import ModelCard
from ltx_ui.geometry import margins
from ltx_ui.recipe import Recipe


def film_latents(pipe: Any, card: ModelCard, recipe: Recipe, frames: NDArray[np.uint8]) -> Tensor:
    """The latents that a recipe's clip is to have once its first stage is done.

    Args:
        frames: F×H×W×3, with half of the clip's width and height.

    Returns:
        Denormalised, 1×128×F'×H'×W', float32.
    """
    # Half of what is cropped from the finished clip: its sides are multiples of 4, so whole pixels.
    around = margins(recipe.width, recipe.height, card.grid_of(recipe))
    rows, columns = (around.top // 2, around.bottom // 2), (around.left // 2, around.right // 2)
    whole = np.pad(frames, ((0, 0), rows, columns, (0, 0)), mode="edge")
    vae = pipe.vae
    film = torch.from_numpy(whole).permute(3, 0, 1, 2)[None]
    film = film.to(compat.execution_device(pipe), vae.dtype) / 127.5 - 1
    latents: Tensor = vae.encode(film).latent_dist.mode().float()
    return latents
