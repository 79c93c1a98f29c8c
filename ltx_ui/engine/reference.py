"""A film that a clip follows: its latents stand beside the clip's, for an IC-LoRA to look at.

They are tokens after the clip's own, at the same places and times; where the IC-LoRA has learnt
from smaller films, fewer tokens that are further apart. They have 1 - strength of the noise of what
is sampled, and are held to that in every step, as pictures are. At the end they are dropped. The
authors do so too (``VideoConditionByReferenceLatent`` in Lightricks/LTX-2, ``packages/ltx-core``).

diffusers can also weaken the attention between the film and the clip. That is left alone: it needs
a mask as large as all tokens squared, which most attention kernels don't take, and diffusers 0.42
makes of any share below 1 a mask that hides the film.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from diffusers.pipelines.ltx2.pipeline_ltx2_ic_lora import LTX2ReferenceCondition
from PIL import Image

from ltx_ui.engine.compat import in_context
from ltx_ui.inputs import InputData, Picture
from ltx_ui.recipe import Recipe


@contextmanager
def followed(
    pipe: Any, recipe: Recipe, inputs: InputData, on_grid: Callable[[Picture], Picture]
) -> Iterator[dict[str, Any]]:
    """Let the pipeline take the film that a clip follows inside the block. Does nothing for other
    recipes.

    To be entered before what draws the noise.

    Args:
        on_grid: pads a frame to the size that the clip is sampled in. The pipeline scales it down
            to that of the stage and of the IC-LoRA.

    Yields:
        The pipeline's arguments for it.
    """
    control = recipe.inputs.control
    if control is None or inputs.control is None:
        yield {}
        return
    frames = [Image.fromarray(on_grid(frame)) for frame in inputs.control]
    film = LTX2ReferenceCondition(frames=frames, strength=control.strength)
    with in_context(pipe):
        yield {"reference_conditions": film, "reference_downscale_factor": control.factor}
