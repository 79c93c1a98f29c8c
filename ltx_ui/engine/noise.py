"""The noise that clips begin with: that of each frame has its own place in a stream of its seed.

A longer clip, or one with more steps, of the same seed and size then begins with the same noise: in
each latent frame of the picture, in each frame of the sound, and in the picture that it ends with.
Stock diffusers draws all of a clip's noise from one stream, in which the sound's comes after that
of the last frame, and so depends on how many frames there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from diffusers.utils.torch_utils import randn_tensor
from torch import Generator, Tensor

from ltx_ui.recipe import Recipe

_PICTURE, _SOUND, _KEYFRAMES = range(3)
"""The streams of each stage: of the clip's latent frames, of its sound, of the tokens of pictures
at other frames than the first and of a film that is followed."""

Generators = Generator | list[Generator]
"""A clip's generator, or one for each clip of a batch. On the CPU, so that the noise is the same on
every device."""


class Noise:
    """Noise of takes that are sampled in one batch, as their recipes' field ``noise`` says.

    Args:
        takes: differ only in their seeds.
    """

    def __init__(self, takes: Sequence[Recipe]) -> None:
        self._seeds = [take.seed for take in takes]
        self._by_frame = takes[0].noise == "frame"
        self._of_clip = _generators(self._seeds)

    @contextmanager
    def drawn(self, pipe: Any, stage: int = 0) -> Iterator[Generators]:
        """Let the pipeline draw this noise inside the block.

        Args:
            pipe: an ``LTX2ConditionPipeline``.
            stage: counts the calls of the pipeline for one clip from 0. Streams by frame are other
                ones in each; the stream of a clip goes on.

        Yields:
            The pipeline's argument ``generator``.
        """
        if not self._by_frame:
            yield self._of_clip
            return
        streams = _Streams(pipe, self._seeds, stage)
        pipe.prepare_latents, pipe.prepare_audio_latents = streams.picture, streams.sound
        try:
            yield self._of_clip
        finally:
            del pipe.prepare_latents, pipe.prepare_audio_latents


class _Streams:
    """A pipeline's two methods that draw noise, with another generator for each kind.

    Both draw token by token, frame after frame, and a frame's values are a multiple of the 16 that
    torch's generator makes at a time: the first frames' noise is the same however many follow.
    """

    def __init__(self, pipe: Any, seeds: Sequence[int], stage: int) -> None:
        self._picture, self._sound = pipe.prepare_latents, pipe.prepare_audio_latents
        self._seeds = seeds
        self._stage = stage

    def picture(self, **arguments: Any) -> tuple[Any, ...]:
        """``prepare_latents``. Tokens of pictures at other frames than the first, and of a film
        that is followed, come after the clip's own; their noise is drawn once more, from their own
        stream."""
        arguments["generator"] = self._generators(_PICTURE)
        latents, mask, clean, coords, *more = self._picture(**arguments)
        if coords is not None:
            added = coords.shape[2]
            kept, pictures = latents.split([latents.shape[1] - added, added], dim=1)
            share = (1.0 - mask[:, -added:]) * arguments["noise_scale"]
            noise = randn_tensor(
                tuple(pictures.shape),
                generator=self._generators(_KEYFRAMES),
                device=latents.device,
                dtype=latents.dtype,
            )
            pictures = noise * share + clean[:, -added:] * (1 - share)
            latents = torch.cat([kept, pictures], dim=1)
        return latents, mask, clean, coords, *more

    def sound(self, *arguments: Any, **named: Any) -> Tensor:
        """``prepare_audio_latents``."""
        named["generator"] = self._generators(_SOUND)
        sound: Tensor = self._sound(*arguments, **named)
        return sound

    def _generators(self, kind: int) -> Generators:
        return _generators([_seed(seed, self._stage, kind) for seed in self._seeds])


def _seed(seed: int, stage: int, kind: int) -> int:
    """The seed of a stream. The first stage's picture has the recipe's own, as it would in stock
    diffusers."""
    if (stage, kind) == (0, _PICTURE):
        return seed
    return int(np.random.SeedSequence((seed, stage, kind)).generate_state(1, np.uint32)[0])


def _generators(seeds: Sequence[int]) -> Generators:
    each = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    return each if len(each) > 1 else each[0]
