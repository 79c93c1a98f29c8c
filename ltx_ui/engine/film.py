"""Going on from a film: some of its frames stand at the beginning or the end of the clip's latents.

They are put in place, with the mask of pictures, and not appended as keyframes are: the transformer
then sees one film. After a film its last frames begin the clip, which is what the stock pipeline
does. Before one its first frames end it: the video VAE is causal, and encodes the first frame by
itself, the others by eights, so all but that first latent stand where the clip's last ones do. So
do the authors where a span of a clip is made again (``VideoConditionByLatentIndex`` in
Lightricks/LTX-2, ``packages/ltx-core``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition
from PIL import Image
from torch import Tensor

from ltx_ui.engine.remade import Mask, place_around
from ltx_ui.inputs import FilmInput, InputData, Picture
from ltx_ui.recipe import Recipe


def film_condition(
    inputs: InputData, on_grid: Callable[[Picture], Picture]
) -> list[LTX2VideoCondition]:
    """The film that a clip goes on from as a condition of the pipeline, to be called within
    :func:`film_in_place`; empty without one.

    Args:
        on_grid: pads a frame to the size that the clip is sampled in.
    """
    if inputs.film is None:
        return []
    frames = [Image.fromarray(on_grid(frame)) for frame in inputs.film]
    return [LTX2VideoCondition(frames=frames, index=0, strength=1.0)]


def shared_sound(recipe: Recipe, film: FilmInput, latents: Tensor) -> Tensor:
    """Which of a clip's latent frames of sound are the film's that it goes on from, and stay as
    they are: 1 or 0 for each, 1×L×1.

    Args:
        latents: the film's sound where the clip has its frames, 1×C×L×M.
    """
    length = latents.shape[2]
    whole = math.floor(length * film.overlap / recipe.num_frames)
    stays = torch.zeros(1, length, 1)
    if film.direction == "after":
        stays[:, :whole] = 1
    else:
        # The audio VAE is causal as well: the first one has heard the silence before the film.
        stays[:, length - whole + 1 :] = 1
    return stays


@contextmanager
def film_in_place(pipe: Any, recipe: Recipe, painted: Mask | None) -> Iterator[None]:
    """Let the pipeline put a film that the clip leads to at the clip's end, inside the block, and
    one of which a part is made again around that part. Does nothing for other recipes.

    Args:
        painted: where in the picture that part is; None for the recipe's region.
    """
    film, again = recipe.inputs.film, recipe.inputs.retake
    if again is None and (film is None or film.direction == "after"):
        yield
        return
    stock = pipe.apply_first_frame_conditioning

    def in_place(
        latents: Tensor,
        mask: Tensor,
        encoded: list[Tensor],
        strengths: list[float],
        indices: list[int],
        **size: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The film is the last condition; pictures are placed as in the stock pipeline."""
        placed: tuple[Tensor, Tensor, Tensor] = stock(
            latents, mask, encoded[:-1], strengths[:-1], indices[:-1], **size
        )
        if again is not None:
            place_around(placed, encoded[-1], recipe, painted, **size)
            return placed
        tokens = encoded[-1][:, size["latent_height"] * size["latent_width"] :]
        for each, value in zip(
            placed, (tokens, torch.ones_like(mask[:1, :1]), tokens), strict=True
        ):
            each[:, -tokens.shape[1] :] = value
        return placed

    pipe.apply_first_frame_conditioning = in_place
    try:
        yield
    finally:
        del pipe.apply_first_frame_conditioning
