"""Latents → Clip: pictures straight to uint8, sound cut to the pictures' length."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ltx_ui.clip import Clip, Listener
from ltx_ui.engine.models import ModelCard
from ltx_ui.engine.sampling import Latents, offsets
from ltx_ui.recipe import Recipe


def decode(
    pipe: Any, card: ModelCard, latents: Latents, recipe: Recipe, listener: Listener
) -> Clip:
    """The finished clip, exactly as large and as long as the recipe says.

    Raises:
        Cancelled: the listener stopped it between pictures and sound, or before either.
    """
    listener.progress("decoding", 0, 2)
    left, top = offsets(recipe, card.grid)
    video = decode_video(pipe, latents.video)
    crop = video[:, :, top : top + recipe.height, left : left + recipe.width]
    frames = to_uint8(crop)
    del video, crop
    listener.progress("decoding", 1, 2)
    sample_rate = int(pipe.vocoder.config.output_sampling_rate)
    waveform = None
    if recipe.include_audio:
        waveform = fit_length(
            decode_audio(pipe, latents.audio), round(recipe.duration * sample_rate)
        )
    listener.progress("decoding", 2, 2)
    return Clip(frames=frames, fps=recipe.fps, waveform=waveform, sample_rate=sample_rate)


def decode_video(pipe: Any, latents: Tensor) -> Tensor:
    """Pictures of denormalised latents: 3×F×H×W in about -1…1, in the VAE's dtype."""
    vae = pipe.vae
    timestep = None
    if vae.config.timestep_conditioning:
        timestep = torch.zeros(1, device=latents.device, dtype=vae.dtype)
    decoded: Tensor = vae.decode(latents.to(vae.dtype), timestep, return_dict=False)[0]
    return decoded[0]


def decode_audio(pipe: Any, latents: Tensor) -> NDArray[np.float32]:
    """Waveform of denormalised audio latents: float32, C×T, in -1…1."""
    mel = pipe.audio_vae.decode(latents.to(pipe.audio_vae.dtype), return_dict=False)[0]
    waveform: Tensor = pipe.vocoder(mel.to(pipe.vocoder.dtype))
    return waveform[0].float().clamp(-1, 1).cpu().numpy()


def to_uint8(video: Tensor) -> NDArray[np.uint8]:
    """Pictures 3×F×H×W in -1…1 as uint8 F×H×W×3, rounded to the nearest level.

    Overwrites ``video``, frame by frame: a float copy of a long clip would cost gigabytes.
    """
    _, frames, height, width = video.shape
    pictures = torch.empty((frames, height, width, 3), dtype=torch.uint8, device=video.device)
    for index in range(frames):
        frame = video[:, index].mul_(127.5).add_(127.5).round_().clamp_(0, 255)
        pictures[index].copy_(frame.to(torch.uint8).permute(1, 2, 0))
    return pictures.cpu().numpy()


def fit_length(waveform: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    """A waveform C×T cut, or filled with silence, to exactly ``samples``."""
    missing = max(0, samples - waveform.shape[1])
    return np.ascontiguousarray(np.pad(waveform, ((0, 0), (0, missing)))[:, :samples])
