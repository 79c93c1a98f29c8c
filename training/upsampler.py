"""The latent upsampler: latents of a small clip to those of the same clip at twice the size."""

from __future__ import annotations

import random

import torch
from diffusers import AutoencoderKLLTX2Video
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from torch import Tensor

from training.pictures import Size, clips
from training.run import Run
from training.world import draw_scene

_SIZES = (Size(160, 288, 9), Size(288, 160, 9), Size(192, 192, 9))
_ROOM, _USES = 96, 12
_FEW = 4


def train(run: Run, vae: AutoencoderKLLTX2Video) -> None:
    """Spend the run's budget on pairs of latents, as the VAE gives them (not normalised); each pair
    is used about twelve times."""
    upsampler: LTX2LatentUpsamplerModel = run.model
    spread = vae.latents_std.view(1, -1, 1, 1, 1)
    pairs: list[tuple[Tensor, Tensor]] = []
    for rng in run.steps():
        if len(pairs) < _FEW or rng.random() < 1 / _USES:
            pairs.append(_pair(rng, vae, run.device))
            pairs = pairs[-_ROOM:]
        small, large = rng.choice(pairs)
        error = (upsampler(small) - large) / spread
        run.learn(error.square().mean())


@torch.no_grad()
def _pair(
    rng: random.Random, vae: AutoencoderKLLTX2Video, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Latents of a few scenes, drawn at one size and at twice that: (B, 128, f, h, w) and
    (B, 128, f, 2h, 2w)."""
    size = rng.choice(_SIZES)
    scenes = [draw_scene(rng) for _ in range(_FEW)]
    sizes = size, Size(2 * size.width, 2 * size.height, size.frames)
    small, large = (vae.encode(clips(scenes, s, device)).latent_dist.mode().float() for s in sizes)
    return small, large
