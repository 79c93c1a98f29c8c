"""Decoding: latents become a Clip, its frames as uint8 and its sound cut to their length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ltx_ui.clip import Clip, Listener
from ltx_ui.engine.closing import close, close_sound
from ltx_ui.engine.memory_fallback import Exhausted, Fallback, attempt, on_the_cpu, tiled
from ltx_ui.engine.models import ModelCard
from ltx_ui.engine.sampling import Latents
from ltx_ui.geometry import TEMPORAL_COMPRESSION, margins
from ltx_ui.inputs import SOUND_RATE, Picture, Sound
from ltx_ui.recipe import LOUDNESS, Recipe
from ltx_ui.upscaling import given_sound

FREED = Fallback("Freed memory and decoded again.")


def decode(
    pipe: Any,
    card: ModelCard,
    latents: Latents,
    recipe: Recipe,
    listener: Listener,
    *,
    has_spare_cpu: bool = False,
    pinned: bool = True,
    free: Callable[[], None] | None = None,
) -> Clip:
    """The finished clip, exactly as large and as long as the recipe says. Where memory runs out, it
    is decoded with fallbacks that need less; the clip's notes say with which.

    Args:
        has_spare_cpu: whether the model is on another device, so that the CPU is the last fallback.
        pinned: copy the frames from a CUDA device into pinned memory, which is faster.
        free: frees memory when it runs out, as of :func:`ltx_ui.engine.memory_fallback.attempt`.

    Raises:
        Cancelled: the listener stopped it before the frames or before the sound were decoded.
        Exhausted: memory ran out with every fallback.
    """
    listener.progress("decoding", 0, 2)
    crop = _seen(card, recipe)
    frames, notes = latents.picture, tuple[str, ...]()
    if frames is None:
        frames, notes = _frames(pipe.vae, latents.video, crop, has_spare_cpu, pinned, free)
    listener.progress("decoding", 1, 2)
    sample_rate = int(pipe.vocoder.config.output_sampling_rate)
    waveform = None
    if recipe.include_audio and latents.given is not None:
        sample_rate = SOUND_RATE
        waveform = fit_length(latents.given.waveform, round(recipe.sound_seconds * sample_rate))
    elif recipe.include_audio:
        sound, more = _waveform(pipe, latents.audio, has_spare_cpu, free)
        waveform = fit_length(sound, round(recipe.num_frames / recipe.fps * sample_rate))
        notes += more
    if recipe.loop:
        close(frames)
        waveform = None if waveform is None else close_sound(waveform, sample_rate)
    listener.progress("decoding", 2, 2)
    if latents.given is not None:
        notes += (about_sound(latents.given, recipe),)
    lufs = LOUDNESS if recipe.loudness else None
    return Clip(frames, recipe.fps, waveform, sample_rate, notes, lufs=lufs)


def first_frame(pipe: Any, card: ModelCard, latents: Latents, recipe: Recipe) -> Picture:
    """A sampled clip's first frame alone, of exactly the recipe's size: the first latent frame has
    no other."""
    decoded = decode_video(pipe.vae, latents.video[:, :, :1])
    picture: Picture = to_uint8(decoded[:, :, *_seen(card, recipe)], pinned=False)[0]
    return picture


def _seen(card: ModelCard, recipe: Recipe) -> tuple[slice, slice]:
    """The rows and columns of what was sampled that the clip has."""
    left, top, _, _ = margins(recipe.width, recipe.height, card.grid_of(recipe))
    return slice(top, top + recipe.height), slice(left, left + recipe.width)


def about_sound(sound: Sound, recipe: Recipe) -> str:
    """A sentence on how a clip and the sound that it was made to go together."""
    if recipe.inputs.upscale is not None and given_sound(recipe.inputs) is None:
        return "The film keeps its sound."
    if not recipe.include_audio:
        return "The clip was made to the given sound, and is silent."
    seconds = sound.waveform.shape[1] / SOUND_RATE
    of_film = recipe.inputs.picture is not None or recipe.inputs.upscale is not None
    step = TEMPORAL_COMPRESSION / recipe.fps
    if sound.beyond >= step:
        return f"The given sound is longer than the clip and was cut after {seconds:.2f} s."
    steps = f"a clip's length goes in steps of {TEMPORAL_COMPRESSION} frames, {step:.2f} s"
    if sound.beyond:
        why = "the film ends there" if of_film else steps
        return f"The given sound is heard but for its last {sound.beyond:.2f} s: {why}."
    silent = recipe.sound_seconds - seconds
    if 0.02 < silent < step and not of_film:
        return f"The clip is silent for {silent:.2f} s after the given sound: {steps}."
    if silent > 0.02:
        return f"The given sound ends after {seconds:.2f} s; the rest of the clip is silent."
    if of_film:
        return "The film has the given sound."
    return "The clip was made to the given sound."


def _frames(
    vae: Any,
    latents: Tensor,
    crop: tuple[slice, slice],
    has_spare_cpu: bool,
    pinned: bool,
    free: Callable[[], None] | None,
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    def work(vae: Any = vae, latents: Tensor = latents) -> NDArray[np.uint8]:
        return to_uint8(decode_video(vae, latents)[:, :, *crop], pinned)

    size = latents.shape[-2:]
    fallbacks = (
        FREED,
        Fallback("Decoded in tiles: less memory.", lambda: tiled(vae, *size)),
        Fallback(
            "Decoded in tiles, a few frames at a time: less memory.",
            lambda: tiled(vae, *size, framewise=True),
        ),
    )
    try:
        return attempt(work, fallbacks, free)
    except Exhausted:
        if not has_spare_cpu:
            raise
    spare = on_the_cpu(vae)
    # In tiles on the CPU too: a long HD clip decoded whole could take more than the host has.
    with tiled(spare, *size, framewise=True):
        return work(spare, latents.cpu()), ("Decoded on the CPU: the device was full.",)


def _waveform(
    pipe: Any, latents: Tensor, has_spare_cpu: bool, free: Callable[[], None] | None
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    try:
        return attempt(lambda: decode_audio(pipe.audio_vae, pipe.vocoder, latents), (FREED,), free)
    except Exhausted:
        if not has_spare_cpu:
            raise
    vae, vocoder = on_the_cpu(pipe.audio_vae), on_the_cpu(pipe.vocoder)
    note = "Decoded the sound on the CPU: the device was full."
    return decode_audio(vae, vocoder, latents.cpu()), (note,)


def decode_video(vae: Any, latents: Tensor) -> Tensor:
    """Decode denormalised video latents, 1×128×F'×H'×W'.

    Returns:
        3×F×H×W in about -1…1, in the VAE's dtype.
    """
    timestep = None
    if vae.config.timestep_conditioning:
        timestep = torch.zeros(1, device=latents.device, dtype=vae.dtype)
    decoded: Tensor = vae.decode(latents.to(vae.dtype), timestep, return_dict=False)[0]
    return decoded[0]


def decode_audio(vae: Any, vocoder: Any, latents: Tensor) -> NDArray[np.float32]:
    """Decode denormalised audio latents, 1×C×L×M.

    Returns:
        float32, C×T, where 1 is full scale.
    """
    mel = vae.decode(latents.to(vae.dtype), return_dict=False)[0]
    waveform: Tensor = vocoder(mel.to(vocoder.dtype))
    return waveform[0].float().cpu().numpy()


def to_uint8(video: Tensor, pinned: bool = True) -> NDArray[np.uint8]:
    """Frames as uint8, rounded to the nearest level.

    Rounding is done in float32, because bfloat16's 8 bits of precision can't represent every level,
    and frame by frame, because a float32 copy of a long clip would take gigabytes.

    Args:
        video: 3×F×H×W in -1…1.
        pinned: as in :func:`decode`.

    Returns:
        F×H×W×3.
    """
    _, frames, height, width = video.shape
    pictures = torch.empty((frames, height, width, 3), dtype=torch.uint8, device=video.device)
    for index in range(frames):
        frame = video[:, index].float().mul_(127.5).add_(127.5).round_().clamp_(0, 255)
        pictures[index].copy_(frame.to(torch.uint8).permute(1, 2, 0))
    if not (pinned and pictures.is_cuda):
        return pictures.cpu().numpy()
    kept = torch.empty(pictures.shape, dtype=torch.uint8, pin_memory=True)
    return kept.copy_(pictures).numpy()


def fit_length(waveform: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    """A waveform, C×T, cut or padded with silence to exactly ``samples`` samples."""
    missing = max(0, samples - waveform.shape[1])
    return np.ascontiguousarray(np.pad(waveform, ((0, 0), (0, missing)))[:, :samples])
