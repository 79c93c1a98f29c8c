"""The video VAE: clips of the world to latents and back.

It learns on small windows of full-size clips: an edge looks the same in a window as in the frame,
and a window costs a fortieth.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from diffusers import AutoencoderKLLTX2Video
from torch import Tensor

from training import pictures
from training.pictures import Size, render, subject_centres
from training.run import Run
from training.world import Scene, draw_scene, draw_scenes

LATENT_NOISE = 0.1
"""Added to the latents before decoding, so that the decoder forgives the transformer its small
errors; `LATENT_WEIGHT` keeps the encoder from outgrowing it."""

LATENT_WEIGHT = 3e-4

_SIZES = (
    Size(288, 512, 25),
    Size(288, 512, 49),
    Size(512, 288, 25),
    Size(160, 288, 17),
    Size(288, 512, 9),
)
_WINDOWS = ((64, 64, 9), (64, 64, 9), (96, 96, 9), (64, 64, 17))


def train(run: Run) -> None:
    """Spend the run's budget."""
    vae: AutoencoderKLLTX2Video = run.model
    for rng in run.steps():
        clips = windows(rng, run.budget.batch, run.device)
        with run.autocast():
            latents = vae.encode(clips).latent_dist.mode()
            noise = LATENT_NOISE * torch.randn_like(latents)
            seen = vae.decode(latents + noise).sample
        error = seen.float() - clips
        squared = error.square().mean()
        size = latents.float().square().mean()
        run.learn(squared + 0.5 * error.abs().mean() + LATENT_WEIGHT * size, mse=squared, size=size)


def windows(rng: random.Random, count: int, device: torch.device) -> Tensor:
    """Windows of clips, half of them on a subject: float32 in -1…1, (B, 3, F, H, W)."""
    size, (width, height, length) = rng.choice(_SIZES), rng.choice(_WINDOWS)
    length = min(length, size.frames)
    batch = [draw_scene(rng) for _ in range(count)]
    first = rng.randrange(size.frames - length + 1)
    corners = _corners(rng, batch, size, first + length // 2, width, height)
    left, top = corners.unbind(1)
    frames = range(first, first + length)
    drawn = render(batch, size, window=(left, top, width, height), frames=frames, device=device)
    return drawn * 2 - 1


def _corners(
    rng: random.Random, batch: Sequence[Scene], size: Size, frame: int, width: int, height: int
) -> Tensor:
    most = torch.tensor([size.width - width, size.height - height])
    centres = subject_centres(batch, size, frame)
    spread = 0.25 * min(size.width, size.height)
    rows = []
    for centre in centres:
        if rng.random() < 0.5:
            x, y = (float(c) + rng.uniform(-spread, spread) for c in centre)
        else:
            x, y = rng.uniform(0, size.width), rng.uniform(0, size.height)
        rows.append([x - width / 2, y - height / 2])
    return torch.tensor(rows).round().long().clamp(min=0).minimum(most)


@torch.no_grad()
def normalise(vae: AutoencoderKLLTX2Video, device: torch.device, *, clips: int) -> None:
    """Set the VAE's ``latents_mean`` and ``latents_std`` from clips of the world, channel by
    channel, so that the transformer sees latents of mean 0 and spread 1."""
    parts = []
    for scene in draw_scenes(7, clips):
        frames = pictures.clips([scene], Size(288, 512, 25), device)
        parts.append(vae.encode(frames).latent_dist.mode().float().flatten(2).squeeze(0))
    latents = torch.cat(parts, dim=1)
    vae.latents_mean.copy_(latents.mean(dim=1))
    vae.latents_std.copy_(latents.std(dim=1).clamp(min=1e-3))


@torch.no_grad()
def reconstruction(vae: AutoencoderKLLTX2Video, device: torch.device, *, clips: int = 16) -> float:
    """Mean PSNR in dB over whole held-out clips of 288x512, 25 frames."""
    total = 0.0
    for scene in draw_scenes(11, clips, benchmark=True):
        frames = pictures.clips([scene], Size(288, 512, 25), device)
        seen = vae.decode(vae.encode(frames).latent_dist.mode()).sample
        error = (seen.float().clamp(-1, 1) - frames) / 2
        total += float(-10 * error.square().mean().log10())
    return total / clips
