"""Previews of a clip while it is sampled, without running the VAE's decoder.

A linear map takes a latent's 128 channels to the mean colour of its 32×32 pixels × 8 frames. It is
fitted to the VAE that is loaded, so that it works for every checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ltx_ui.clip import Listener, PreviewListener, Stage
from ltx_ui.engine.machine import CPU, multiplies_bfloat16
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
"""Synthetic clips that the map is fitted to: how many, pixels per side, and frames. Clips of one
frame and of more: the first latent frame covers one frame, the others cover eight."""
RIDGE = 0.03
"""Weight of the ridge penalty, relative to the mean variance of a channel. It keeps channels that
hardly vary in the scenes from having an effect."""


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
        """Colours of normalised latents.

        Args:
            latents: …×channels.

        Returns:
            uint8, …×3, RGB.
        """
        colours = latents.float() @ self.weights.to(latents.device)
        colours = colours.add_(self.offset.to(latents.device)).mul_(127.5).add_(127.5)
        return colours.round_().clamp_(0, 255).to(torch.uint8).cpu().numpy()


def colours_of(vae: Any, folder: Path, device: torch.device = CPU) -> Colours:
    """The map of a VAE that computes on ``device``: read from ``folder`` or, the first time, fitted
    and saved there. Fitting takes a second or two on a CPU."""
    path = folder / f"preview-{_digest(vae)}.npz"
    if path.is_file():
        with np.load(path) as kept:
            return Colours(torch.from_numpy(kept["weights"]), torch.from_numpy(kept["offset"]))
    with nullcontext() if multiplies_bfloat16(device) else _in_float32(vae.encoder):
        colours = fit(vae)
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.npz")
    np.savez(unfinished, weights=colours.weights.numpy(), offset=colours.offset.numpy())
    unfinished.replace(path)
    return colours


@contextmanager
def _in_float32(module: nn.Module) -> Iterator[None]:
    """The way to float32 and back changes no weight. It must not be gone in inference mode, which
    would mark them."""
    stored = next(module.parameters()).dtype
    module.float()
    try:
        yield
    finally:
        module.to(stored)


@torch.inference_mode()
def fit(vae: Any) -> Colours:
    """Fit the map by ridge regression from a VAE's latents of synthetic scenes to their colours."""
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
    """Synthetic clips of smoothly moving colours with some detail: count×3×frames×side×side, in
    -1…1."""
    generator = torch.Generator().manual_seed(seed)
    size = (frames, side, side)
    clips = torch.zeros(count, 3, *size)
    for cells, share in ((1, 1.0), (2, 1.0), (4, 0.5), (8, 0.5)):
        knots = torch.rand(count, 3, min(frames, 2), cells, cells, generator=generator) * 2 - 1
        clips += share * functional.interpolate(knots, size, mode="trilinear")
    return clips.clamp_(-1, 1)


def latents_and_colours(vae: Any, clips: Tensor) -> tuple[Tensor, Tensor]:
    """Normalised latents of clips, and the mean colour of the pixels that each latent covers.

    Args:
        clips: B×3×F×H×W in -1…1.

    Returns:
        N×channels and N×3, float32, on the CPU.
    """
    weight = next(vae.encoder.parameters())
    latents = vae.encode(clips.to(weight.device, weight.dtype)).latent_dist.mode().float().cpu()
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
    """A listener that passes progress on to another, with previews at most twice a second.

    Args:
        grid: pixels; width and height are sampled in multiples of it.
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
        """Implements :class:`ltx_ui.clip.Listener`."""
        self._listener.progress(stage, step, steps)

    def see(self, step: int, latents: Tensor, sigmas: Tensor) -> None:
        """Note the latents after a step, and show a preview if :data:`INTERVAL` has passed.

        Args:
            step: counted from 0 in each run of the pipeline.
            latents: B×tokens×channels, packed and normalised; the first of a batch is shown.
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
        """Rows and columns of these latents; the first of two stages is sampled at half size."""
        full, half = self._sizes
        return full if latents.shape[1] >= self._frames * full[0] * full[1] else half

    def _tokens(self, latents: Tensor) -> Tensor:
        """The first clip's own tokens: tokens×channels. An end image's come after them."""
        rows, columns = self._size(latents)
        return latents[0, : self._frames * rows * columns]


def estimate(before: Tensor, after: Tensor, start: float, end: float) -> Tensor:
    """Clean latents, extrapolated from a step between the noise levels ``start`` and ``end``.

    An Euler step moves on a straight line from noise to clean latents; two points of the line give
    its end.
    """
    return after - end / (end - start) * (after - before)


def with_previews(
    listener: Listener, colours: Colours | None, recipe: Recipe, grid: int
) -> Listener:
    """A listener that shows previews, if the given one takes them; otherwise the given one."""
    if colours is None or not isinstance(listener, PreviewListener):
        return listener
    return Previews(listener, colours, recipe, grid)


def _digest(vae: Any) -> str:
    """A digest of a VAE's configuration and of its encoder's last weights, to tell VAEs apart."""
    digest = hashlib.sha256(json.dumps([dict(vae.config), SCENES, RIDGE], default=str).encode())
    for values in (vae.latents_mean, vae.latents_std, vae.encoder.conv_out.conv.weight):
        digest.update(values.detach().float().cpu().contiguous().numpy().data)
    return digest.hexdigest()[:16]
