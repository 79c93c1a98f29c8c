"""Latents to train on: a pool of encoded batches of many sizes that is slowly renewed.

Drawing and encoding a batch costs about as much as a training step, and a batch is worth several:
each time it is used it gets other captions, other noise and other conditions.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from diffusers import LTX2ConditionPipeline
from torch import Tensor

from ltx_ui.geometry import video_tokens
from training import compat
from training.audio import audio_latents, mel, samples_of
from training.pictures import Size, clips
from training.run import autocast
from training.sounds import waveforms
from training.world import Scene, draw_scene

SIZES = (
    (Size(288, 512, 25), 20),
    (Size(288, 512, 9), 4),
    (Size(288, 512, 49), 22),
    (Size(160, 288, 25), 3),
    (Size(160, 288, 9), 1),
    (Size(512, 288, 25), 4),
    (Size(256, 256, 25), 1),
    (Size(384, 672, 9), 1),
)
"""What the page offers, and smaller ones that cost less; with how often each is drawn."""

_AT_ONCE = 8
_BEGINNING = 16
"""Batches that are made one after the other at the start; from then on one every ``uses`` picks."""
_TEXT_COST = 60
"""What a caption costs the transformer, in tokens of the picture; estimated from measured steps."""
_RATES = (24.0, 24.0, 24.0, 25.0, 30.0)


@dataclass(frozen=True)
class Batch:
    """Encoded clips of one size, as the transformer sees them: mean 0 and spread 1.

    Attributes:
        video: (B, 128, f, h, w).
        last: the last frame encoded as a picture of its own, (B, 128, 1, h, w).
        audio: packed, (B, L, 32).
    """

    size: Size
    scenes: tuple[Scene, ...]
    video: Tensor
    last: Tensor
    audio: Tensor

    def some(self, rng: random.Random, count: int) -> Batch:
        """``count`` of its clips at random."""
        which = rng.sample(range(len(self.scenes)), count)
        return Batch(
            self.size,
            tuple(self.scenes[index] for index in which),
            self.video[which],
            self.last[which],
            self.audio[which],
        )


class Pool:
    """Batches that fit ``tokens``; one is renewed every ``uses`` picks."""

    def __init__(
        self,
        pipe: LTX2ConditionPipeline,
        device: torch.device,
        *,
        tokens: int,
        uses: int,
        room: int,
        sizes: Sequence[tuple[Size, int]] = SIZES,
    ) -> None:
        self.pipe, self.device, self.tokens = pipe, device, tokens
        self.uses, self.room, self.sizes = uses, room, sizes
        self._batches: list[Batch] = []
        self._picks = 0

    def pick(self, rng: random.Random) -> Batch:
        """A batch at random, after renewing the oldest where it is time to."""
        filling = len(self._batches) < min(_BEGINNING, self.room)
        if not self._batches or self._picks % (1 if filling else self.uses) == 0:
            self._batches.append(self.make(rng))
            self._batches = self._batches[-self.room :]
        self._picks += 1
        # While the pool fills, the newest counts most, so that no early batch is learnt by heart.
        return self._batches[-1] if filling else rng.choice(self._batches)

    @torch.no_grad()
    def make(self, rng: random.Random) -> Batch:
        """Draw and encode a batch."""
        size = rng.choices([s for s, _ in self.sizes], [weight for _, weight in self.sizes])[0]
        size = replace(size, fps=rng.choice(_RATES))
        latents = audio_latents(size.seconds)
        cost = video_tokens(size.width, size.height, size.frames) + latents
        scenes = tuple(draw_scene(rng) for _ in range(max(2, self.tokens // (cost + _TEXT_COST))))
        groups = [scenes[i : i + _AT_ONCE] for i in range(0, len(scenes), _AT_ONCE)]
        videos, lasts = zip(*(self._encode(group, size) for group in groups), strict=True)
        sound = waveforms(scenes, samples_of(latents), self.device)
        audio = self.pipe.audio_vae.encode(mel(sound)).latent_dist.mode()
        packed = compat.pack_and_normalise_audio(self.pipe, audio.float())
        return Batch(size, scenes, torch.cat(videos), torch.cat(lasts), packed)

    def _encode(self, scenes: Sequence[Scene], size: Size) -> tuple[Tensor, Tensor]:
        """Latents of clips and of their last frames, normalised."""
        frames = clips(scenes, size, self.device)
        vae = self.pipe.vae
        with autocast(self.device):
            pair = [vae.encode(f).latent_dist.mode() for f in (frames, frames[:, :, -1:])]
        video, last = (compat.normalise_video(self.pipe, latents.float()) for latents in pair)
        return video, last
