"""Sampling: a recipe becomes latents by one run of the stock pipeline, which can be cancelled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ltx_ui.clip import Listener
from ltx_ui.controlling import tokens_beside
from ltx_ui.engine.compat import index_of
from ltx_ui.engine.film import film_condition, film_in_place
from ltx_ui.engine.models import Guidance, ModelCard
from ltx_ui.engine.noise import Noise
from ltx_ui.engine.preview import Previews
from ltx_ui.engine.reference import followed
from ltx_ui.engine.sound_in import following, kept_sound
from ltx_ui.engine.text import PromptEncoder
from ltx_ui.geometry import latent_frame_of, margins, video_tokens
from ltx_ui.inputs import NO_INPUTS, InputData, Picture, Sound
from ltx_ui.lossy import EXACT, Lossy
from ltx_ui.recipe import Recipe

LAUNCH_BOUND_TOKENS = 3000
"""Video tokens up to which a forward of the 19B is bound by launching its kernels: about 10 000 of
them, estimated to take 0.12 s in eager mode, the time an H200 would need to compute 3000 tokens.
Counted, not measured."""

StepDone = Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Latents:
    """A sampled clip before decoding.

    Attributes:
        video: float32, 1×128×F'×H'×W', denormalised, on the model's grid (not cropped).
        audio: float32, 1×C×L×M, denormalised.
        given: the sound that the clip was made to and has in place of that; None where it has that.
        picture: the frames, F×H×W×3, that the clip has in place of what ``video`` holds; None where
            it has that.
    """

    video: Tensor
    audio: Tensor
    given: Sound | None = None
    picture: NDArray[np.uint8] | None = None


def guidance_arguments(recipe: Recipe, card: ModelCard) -> dict[str, Any]:
    """All guidance arguments of the pipeline; its defaults would run four forwards per step. At
    guidance 1.0 the sound is not guided either, and a step in the standard mode is one forward."""
    guided = card.guided(recipe)
    return {
        "guidance_scale": recipe.guidance_scale if guided else 1.0,
        "audio_guidance_scale": card.audio_guidance_scale if guided else 1.0,
        **extra_arguments(card.extra_guidance(recipe), card),
    }


def extra_arguments(extra: Guidance, card: ModelCard) -> dict[str, Any]:
    """The pipeline's arguments for guidance in addition to classifier-free guidance."""
    return {
        "stg_scale": extra.stg_scale,
        "audio_stg_scale": extra.audio_stg_scale,
        "modality_scale": extra.modality_scale,
        "audio_modality_scale": extra.audio_modality_scale,
        "guidance_rescale": extra.guidance_rescale,
        "audio_guidance_rescale": extra.audio_guidance_rescale,
        "spatio_temporal_guidance_blocks": list(extra.spatio_temporal_guidance_blocks),
        "use_cross_timestep": card.use_cross_timestep,
    }


def sample(
    pipe: Any,
    card: ModelCard,
    encoder: PromptEncoder,
    recipe: Recipe,
    listener: Listener,
    inputs: InputData = NO_INPUTS,
) -> Latents:
    """Denoise one clip in one stage.

    Args:
        inputs: what the files hold that the recipe names.

    Raises:
        Cancelled: the listener stopped it; the pipeline can be used again at once.
    """
    return sample_together(pipe, card, encoder, [recipe], listener, inputs)[0]


def sample_together(
    pipe: Any,
    card: ModelCard,
    encoder: PromptEncoder,
    takes: Sequence[Recipe],
    listener: Listener,
    inputs: InputData = NO_INPUTS,
) -> list[Latents]:
    """Denoise takes that differ only in their seeds, in one stage and one batch. Each starts from
    the same noise as if it were made alone; the results differ only by rounding.

    Args and errors as :func:`sample`.
    """
    recipe = takes[0]
    picture = inputs.film if recipe.inputs.picture else None
    if recipe.as_given:
        nothing = torch.empty(0)
        return [Latents(nothing, nothing, inputs.sound, picture) for _ in takes]
    listener.progress("text")
    text = text_arguments(encoder, recipe, guided=card.guided(recipe))
    steps = card.steps(recipe.num_inference_steps)
    listener.progress("sampling", 0, steps)
    width, height = card.sampled_size(recipe)
    kept = kept_sound(pipe, card, recipe, inputs)
    with (
        reference(pipe, recipe, card, inputs) as film,
        Noise(takes).drawn(pipe) as generator,
        following(pipe, kept),
    ):
        batch = denoise(
            pipe,
            recipe,
            inputs,
            counting(listener, 0, steps),
            width=width,
            height=height,
            conditions=conditions(recipe, card, inputs),
            num_inference_steps=steps,
            sigmas=list(card.sigmas) or None,
            generator=generator,
            **film,
            **guidance_arguments(recipe, card),
            **{name: value.expand(len(takes), *value.shape[1:]) for name, value in text.items()},
        )
    if kept is not None and kept.frozen:
        return [
            Latents(batch.video[i : i + 1], kept.latents, kept.sound) for i in range(len(takes))
        ]
    return [
        Latents(batch.video[i : i + 1], batch.audio[i : i + 1], picture=picture)
        for i in range(len(takes))
    ]


def takes_at_once(recipe: Recipe, card: ModelCard, cuda: bool) -> int:
    """How many takes of a recipe are sampled faster in one batch than one after the other.

    One on the CPU, where a batch takes as long as its takes by themselves, and of loops, which have
    a picture each. On CUDA, as many as have
    no more than :data:`LAUNCH_BOUND_TOKENS` together.
    """
    if not cuda or recipe.two_stage or recipe.loop:
        return 1
    tokens = video_tokens(recipe.width, recipe.height, recipe.num_frames) + tokens_beside(recipe)
    return max(1, LAUNCH_BOUND_TOKENS // (tokens * (2 if card.guided(recipe) else 1)))


def texts_kept(recipe: Recipe, card: ModelCard, lossy: Lossy = EXACT) -> int:
    """How many texts have keys and values of their own while a clip is sampled. Prompt and negative
    prompt in one batch count as two; the prompt alone is another one. STG and modality guidance,
    steps that skip guidance and the second of two stages use that, one after the other."""
    guided = card.guided(recipe)
    skips = lossy.skip_guidance is not None
    alone = card.forwards(recipe) > 2 or recipe.two_stage or skips
    return 1 + guided + (guided and alone)


def clips_cached(recipe: Recipe, card: ModelCard, lossy: Lossy = EXACT) -> int:
    """Clips whose forwards a step cache keeps while a clip is sampled, in the first of two stages;
    0 without one. Each kind of forward is kept by itself: that with the prompt and the negative one
    counts as two, STG, modality guidance and the steps that skip guidance have one each."""
    if lossy.step_cache is None:
        return 0
    skips = card.guided(recipe) and lossy.skip_guidance is not None
    return card.forwards(recipe) + skips


def counting(listener: Listener, before: int, steps: int) -> StepDone:
    """A step callback for the pipeline that reports to a listener.

    Args:
        before: steps made in an earlier stage.
        steps: steps of all stages.
    """

    def step_done(pipe: Any, step: int, _: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        listener.progress("sampling", before + step + 1, steps)
        if isinstance(listener, Previews):
            listener.see(step, tensors["latents"], pipe.scheduler.sigmas)
        return {}

    return step_done


def denoise(
    pipe: Any, recipe: Recipe, inputs: InputData, step_done: StepDone, **arguments: Any
) -> Latents:
    """Call the pipeline once.

    Args:
        inputs: what the files hold that the recipe names.
        arguments: of the pipeline, in addition to those that every call has.

    Raises:
        Cancelled: the step callback stopped it; the pipeline can be used again at once.
    """
    try:
        with film_in_place(pipe, recipe, inputs.mask):
            video, audio = pipe(
                num_frames=recipe.num_frames,
                frame_rate=float(recipe.fps),
                motion_speed=recipe.motion_speed,
                output_type="latent",
                return_dict=False,
                callback_on_step_end=step_done,
                **arguments,
            )
    except BaseException:
        pipe.maybe_free_model_hooks()
        raise
    return Latents(video, audio)


def text_arguments(encoder: PromptEncoder, recipe: Recipe, guided: bool) -> dict[str, Tensor]:
    """The pipeline's arguments for the prompt and, if it is guided, for the negative prompt."""
    positive = encoder.encode(recipe.prompt)
    mask = torch.ones(positive.shape[:2], dtype=torch.int64, device=positive.device)
    arguments = {"prompt_embeds": positive, "prompt_attention_mask": mask}
    if guided:
        arguments["negative_prompt_embeds"] = encoder.encode(recipe.negative_prompt)
        arguments["negative_prompt_attention_mask"] = mask
    return arguments


def conditions(
    recipe: Recipe, card: ModelCard, inputs: InputData
) -> list[LTX2VideoCondition] | None:
    """The reference images as conditions of the pipeline, in the order of their frames, whatever
    their order in the recipe; None without any."""
    grid, last = card.grid_of(recipe), recipe.num_frames - 1
    at = {image: last if image.at == -1 else image.at for image in recipe.inputs.images}
    found = [
        LTX2VideoCondition(
            frames=Image.fromarray(pad_to_grid(inputs.pictures[image.at], recipe, grid)),
            index=_index(at[image], last, card),
            strength=image.strength,
            crf=card.image_crf,
        )
        for image in sorted(at, key=at.__getitem__)
    ]
    of_film = film_condition(inputs, lambda frame: pad_to_grid(frame, recipe, grid))
    return [*found, *of_film] or None


def reference(
    pipe: Any, recipe: Recipe, card: ModelCard, inputs: InputData
) -> AbstractContextManager[dict[str, Any]]:
    """:func:`~ltx_ui.engine.reference.followed` with the film on the model's grid."""
    grid = card.grid_of(recipe)
    return followed(pipe, recipe, inputs, lambda frame: pad_to_grid(frame, recipe, grid))


def _index(frame: int, last: int, card: ModelCard) -> float:
    """Where the pipeline is to have a picture of a frame."""
    if card.end_image_on_last_frame or frame in (0, last):
        return index_of(frame)
    # The demo has learnt the ends alone. Between them it heeds a picture most that stands in the
    # middle of a latent frame: by 0.8 to 1.3 dB more than one where that begins or ends.
    return latent_frame_of(frame) + 0.5


def pad_to_grid(picture: Picture, recipe: Recipe, grid: int) -> Picture:
    """A reference image padded to the grid by repeating its edges, by the same margins as the
    finished clip is cropped by.

    Args:
        picture: uint8, H×W×3, of exactly the recipe's size.
        grid: pixels; the result's sides are multiples of it.
    """
    if picture.shape != (recipe.height, recipe.width, 3):
        raise ValueError(f"a reference of {recipe.resolution} is needed, not {picture.shape}")
    around = margins(recipe.width, recipe.height, grid)
    rows, columns = (around.top, around.bottom), (around.left, around.right)
    return np.pad(picture, (rows, columns, (0, 0)), mode="edge")
