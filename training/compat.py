"""Undocumented methods of diffusers' LTX-2 pipeline that training relies on.

The model is trained on latents as the pipeline itself packs, normalises and places them. All these
methods can be removed here when diffusers documents how to prepare latents. Each is checked when
this module is imported.
"""

from __future__ import annotations

import inspect
from typing import Any

from diffusers import LTX2ConditionPipeline
from torch import Tensor

from ltx_ui.errors import require


def pack_video(pipe: Any, latents: Tensor) -> Tensor:
    """Latents of a video, (B, C, f, h, w), as the transformer's tokens, (B, f·h·w, C)."""
    tokens: Tensor = pipe._pack_latents(latents)
    return tokens


def pack_and_normalise_audio(pipe: Any, latents: Tensor) -> Tensor:
    """Latents of sound, (B, C, L, M), as the transformer's tokens, (B, L, C·M), normalised with the
    statistics of the pipeline's audio VAE."""
    tokens: Tensor = pipe._pack_audio_latents(latents)
    vae = pipe.audio_vae
    normal: Tensor = pipe._normalize_audio_latents(tokens, vae.latents_mean, vae.latents_std)
    return normal


def normalise_video(pipe: Any, latents: Tensor) -> Tensor:
    """Latents of a video, (B, C, f, h, w), normalised with the statistics of the pipeline's VAE."""
    normal: Tensor = pipe._normalize_latents(latents, pipe.vae.latents_mean, pipe.vae.latents_std)
    return normal


def keyframe_positions(
    pipe: Any, height: int, width: int, frame: int, fps: float, device: Any
) -> Tensor:
    """Positions of the tokens of a picture that a frame is conditioned on, (1, 3, h·w, 2).

    Args:
        height, width: of the picture's latents.
        frame: the pixel frame at which the picture's latent frame begins.
        fps: frames a second of the clip.
        device: where the positions are computed.
    """
    positions: Tensor = pipe._prepare_keyframe_coords(
        keyframe_latent_num_frames=1,
        keyframe_latent_height=height,
        keyframe_latent_width=width,
        pixel_frame_idx=frame,
        num_pixel_frames=1,
        fps=fps,
        device=device,
    )
    return positions


def _takes(method: str, *parameters: str) -> bool:
    known = inspect.signature(getattr(LTX2ConditionPipeline, method)).parameters
    return set(parameters) <= set(known)


require(_takes("_pack_latents", "latents"), "LTX2ConditionPipeline._pack_latents")
require(_takes("_pack_audio_latents", "latents"), "LTX2ConditionPipeline._pack_audio_latents")
require(
    _takes("_normalize_latents", "latents", "latents_mean", "latents_std"),
    "LTX2ConditionPipeline._normalize_latents",
)
require(
    _takes("_normalize_audio_latents", "latents", "latents_mean", "latents_std"),
    "LTX2ConditionPipeline._normalize_audio_latents",
)
require(
    _takes("_prepare_keyframe_coords", "keyframe_latent_num_frames", "pixel_frame_idx", "fps"),
    "LTX2ConditionPipeline._prepare_keyframe_coords",
)
