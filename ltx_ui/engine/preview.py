"""A small moving picture of the clip while it is sampled, without running the VAE's decoder.

A linear map takes a latent's 128 channels to the mean colour of its 32×32 pixels × 8 frames. It is
fitted to the loaded VAE itself, so that it serves every checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ltx_ui.clip import Listener, PreviewListener, Stage
from ltx_ui.geometry import (
    SPATIAL_COMPRESSION,
    TEMPORAL_COMPRESSION,
    grid_size,
    latent_frames,
    latent_size,
)
from ltx_ui.recipe import Recipe

INTERVAL = 0.5
"""Least seconds between two previews."""
SCENES = ((16, 128, 1), (16, 64, 1 + TEMPORAL_COMPRESSION))
"""Synthetic clips that the map is fitted on: how many, pixels a side, frames. The first latent
frame stands for one frame and the others for eight, so both kinds are shown."""
RIDGE = 0.03
"""Weight of the penalty, in mean variances of a channel: channels that the scenes leave at rest
must not take part."""


@dataclass(frozen=True, eq=False)
class Colours:
    """The linear map from normalised latents to colours in -1…1.

    Attributes:
        weights: float32, channels×3.
        offset: float32, 3.
    """

    weights: Tensor
    offset: Tensor

    def paint(self, latents: Tensor) -> NDArray[np.uint8]:
        """Colours of normalised latents …×channels: uint8, …×3."""
        colours = latents.float() @ self.weights.to(latents.device)
        colours = colours.add_(self.offset.to(latents.device)).mul_(127.5).add_(127.5)
        return colours.round_().clamp_(0, 255).to(torch.uint8).cpu().numpy()


def colours_of(vae: Any, folder: Path) -> Colours:
    """The map of a VAE: read from ``folder``, or fitted (a second or two on a CPU) and kept."""
    path = folder / f"preview-{_digest(vae)}.npz"
    if path.is_file():
        with np.load(path) as kept:
            return Colours(torch.from_numpy(kept["weights"]), torch.from_numpy(kept["offset"]))
    colours = fit(vae)
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.npz")
    np.savez(unfinished, weights=colours.weights.numpy(), offset=colours.offset.numpy())
    unfinished.replace(path)
    return colours


@torch.inference_mode()
def fit(vae: Any) -> Colours:
    """Least squares, with a penalty, from a VAE's latents of synthetic scenes to their colours."""
    samples = [latents_and_colours(vae, scenes(*shape, seed=0)) for shape in SCENES]
    latents = torch.cat([latents for latents, _ in samples])
    colours = torch.cat([colours for _, colours in samples])
    centre, mean = latents.mean(0), colours.mean(0)
    spread = latents - centre
    covariance = spread.T @ spread
    penalty = RIDGE * covariance.diagonal().mean() * torch.eye(len(covariance))
    weights = torch.linalg.solve(covariance + penalty, spread.T @ (colours - mean))
    return Colours(weights, mean - centre @ weights)


def scenes(count: int, side: int, frames: int, seed: int) -> Tensor:
    """Smooth moving fields of colour with some detail: count×3×frames×side×side, in -1…1."""
    generator = torch.Generator().manual_seed(seed)
    size = (frames, side, side)
    clips = torch.zeros(count, 3, *size)
    for cells, share in ((1, 1.0), (2, 1.0), (4, 0.5), (8, 0.5)):
        knots = torch.rand(count, 3, min(frames, 2), cells, cells, generator=generator) * 2 - 1
        clips += share * functional.interpolate(knots, size, mode="trilinear")
    return clips.clamp_(-1, 1)


def latents_and_colours(vae: Any, clips: Tensor) -> tuple[Tensor, Tensor]:
    """Normalised latents of clips, and the mean colour of what each of them covers: N×channels and
    N×3, float32, on the CPU."""
    device = next(vae.parameters()).device
    latents = vae.encode(clips.to(device, vae.dtype)).latent_dist.mode().float().cpu()
    shape = (1, -1, 1, 1, 1)
    mean, std = (v.float().cpu().view(shape) for v in (vae.latents_mean, vae.latents_std))
    latents = (latents - mean) * vae.config.scaling_factor / std
    first, rest = clips[:, :, :1], clips[:, :, 1:]
    area = (SPATIAL_COMPRESSION, SPATIAL_COMPRESSION)
    means = [functional.avg_pool3d(first, (1, *area))]
    if rest.shape[2]:
        means.append(functional.avg_pool3d(rest, (TEMPORAL_COMPRESSION, *area)))
    colours = torch.cat(means, dim=2)
    return latents.movedim(1, -1).flatten(0, -2), colours.movedim(1, -1).flatten(0, -2)


class Previews:
    """Passes progress on to a listener, and shows it what is being sampled, twice a second at most.

    Args:
        grid: width and height are sampled in multiples of this many pixels.
    """

    def __init__(
        self, listener: PreviewListener, colours: Colours, recipe: Recipe, grid: int
    ) -> None:
        self._listener = listener
        self._colours = colours
        self._frames = latent_frames(recipe.num_frames)
        columns, rows = latent_size(*grid_size(recipe.width, recipe.height, grid))
        self._sizes = ((rows, columns), (rows // 2, columns // 2))
        self._fps = recipe.fps / TEMPORAL_COMPRESSION
        self._before: Tensor | None = None
        self._shown_at = -INTERVAL

    def progress(self, stage: Stage, step: int = 0, steps: int = 0) -> None:
        """As :class:`ltx_ui.clip.Listener` says."""
        self._listener.progress(stage, step, steps)

    def see(self, step: int, latents: Tensor, sigmas: Tensor) -> None:
        """Take in what a step left behind, and show an estimate when it is time for one.

        Args:
            step: counted from 0 within this run of the pipeline.
            latents: B×tokens×channels, packed and normalised; of a batch, the first is shown.
            sigmas: the schedule; the step went from ``sigmas[step]`` to ``sigmas[step + 1]``.
        """
        before, self._before = self._before, latents
        now = time.monotonic()
        if step == 0 or before is None or now - self._shown_at < INTERVAL:
            return
        self._shown_at = now
        start, end = float(sigmas[step]), float(sigmas[step + 1])
        tokens = self._tokens(latents)
        count = len(tokens)
        clean = estimate(before[0, :count], tokens, start, end)
        rows, columns = self._size(latents)
        pictures = self._colours.paint(clean).reshape(self._frames, rows, columns, 3)
        self._listener.preview(pictures, self._fps)

    def _size(self, latents: Tensor) -> tuple[int, int]:
        """Rows and columns: the first of two stages is sampled at half size."""
        full, half = self._sizes
        return full if latents.shape[1] >= self._frames * full[0] * full[1] else half

    def _tokens(self, latents: Tensor) -> Tensor:
        """The first clip's own tokens; those of an end image stand behind them."""
        rows, columns = self._size(latents)
        return latents[0, : self._frames * rows * columns]


def estimate(before: Tensor, after: Tensor, start: float, end: float) -> Tensor:
    """The clean latents that a step from noise level ``start`` to ``end`` was heading for.

    An Euler step follows a straight line from the noise to them, so two of its points give its end.
    """
    return after - end / (end - start) * (after - before)


def with_previews(
    listener: Listener, colours: Colours | None, recipe: Recipe, grid: int
) -> Listener:
    """The listener itself, or around it what shows it previews where it wants to see them."""
    if colours is None or not isinstance(listener, PreviewListener):
        return listener
    return Previews(listener, colours, recipe, grid)


def _digest(vae: Any) -> str:
    """Names a VAE by its configuration and the weights that its latents come from last."""
    digest = hashlib.sha256(json.dumps([dict(vae.config), SCENES, RIDGE], default=str).encode())
    for values in (vae.latents_mean, vae.latents_std, vae.encoder.conv_out.conv.weight):
        digest.update(values.detach().float().cpu().contiguous().numpy().data)
    return digest.hexdigest()[:16]
