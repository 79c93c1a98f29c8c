"""Two stages as stock diffusers makes them, with nothing of ours but the encoded text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffusers import LTX2LatentUpsamplePipeline
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from diffusers.pipelines.ltx2.utils import STAGE_2_DISTILLED_SIGMA_VALUES

from ltx_ui.engine.text import PromptEncoder
from ltx_ui.recipe import Recipe

_OFF = {
    "stg_scale": 0.0,
    "audio_stg_scale": 0.0,
    "modality_scale": 1.0,
    "audio_modality_scale": 1.0,
    "guidance_rescale": 0.0,
    "audio_guidance_rescale": 0.0,
    "use_cross_timestep": False,
}
"""No guidance but the classifier-free one."""


def two_stages(
    pipe: Any,
    upsampler: LTX2LatentUpsamplerModel,
    encoder: PromptEncoder,
    wanted: Recipe,
    audio_guidance_scale: float,
) -> Callable[[], tuple[torch.Tensor, torch.Tensor]]:
    """The second stage of a clip whose first stage is made at once: each call makes the picture
    anew, from the same noise, and gives the first stage's sound with it, as the authors keep that.
    Leaves the pipeline with the second's scheduler."""
    positive, negative = (encoder.encode(text) for text in (wanted.prompt, wanted.negative_prompt))
    mask = torch.ones(positive.shape[:2], dtype=torch.int64)
    generator = torch.Generator().manual_seed(wanted.seed)
    shared = {
        "prompt_embeds": positive,
        "prompt_attention_mask": mask,
        "negative_prompt_embeds": negative,
        "negative_prompt_attention_mask": mask,
        "num_frames": wanted.num_frames,
        "frame_rate": float(wanted.fps),
        "generator": generator,
        "output_type": "latent",
        "return_dict": False,
        **_OFF,
    }
    video, audio = pipe(
        width=wanted.width // 2,
        height=wanted.height // 2,
        num_inference_steps=wanted.num_inference_steps,
        guidance_scale=wanted.guidance_scale,
        audio_guidance_scale=audio_guidance_scale,
        **shared,
    )
    upsample = LTX2LatentUpsamplePipeline(vae=pipe.vae, latent_upsampler=upsampler)
    large = upsample(latents=video, output_type="latent", return_dict=False)[0]
    pipe.scheduler = type(pipe.scheduler).from_config(
        pipe.scheduler.config, use_dynamic_shifting=False, shift_terminal=None
    )
    noise = generator.get_state()

    def second() -> tuple[torch.Tensor, torch.Tensor]:
        generator.set_state(noise)
        refined, _ = pipe(
            width=wanted.width,
            height=wanted.height,
            latents=large,
            audio_latents=audio,
            num_inference_steps=len(STAGE_2_DISTILLED_SIGMA_VALUES),
            sigmas=STAGE_2_DISTILLED_SIGMA_VALUES,
            noise_scale=STAGE_2_DISTILLED_SIGMA_VALUES[0],
            guidance_scale=1.0,
            audio_guidance_scale=1.0,
            **shared,
        )
        return refined, audio

    return second
