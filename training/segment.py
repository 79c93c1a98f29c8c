"""A second question for the transformer while it learns: where is the subject, and what is it?

The picture's error says little about an outline that falls apart from one frame to the next: what
counts in it is every pixel alike. A linear layer on the middle of the transformer therefore has to
tell the subject from the rest, which nobody can without looking at all tokens and all frames
together. The layer is thrown away afterwards. The idea is that of Yu et al. 2024 (REPA), with the
world's own truth in place of another model's features.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ltx_ui.geometry import SPATIAL_COMPRESSION, TEMPORAL_COMPRESSION, latent_frames
from training.model import WIDTH
from training.pictures import Size, subject_cover
from training.world import MOTIONS, SUBJECTS, Scene

BLOCK = 2
"""After which of the transformer's five layers it is asked."""
_CELLS = 4
"""Cells along each side of a token's 32 pixels."""
_WORDS_WEIGHT = 0.05
"""The loss of the subject's and the motion's names, which a caption mostly says, beside the
outline's."""


class Segmenter(nn.Module):
    """One linear layer on the picture's tokens. It begins at zero, so that beside a transformer
    that has learnt already it does not pull at anything before it knows something itself."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.out = nn.Linear(WIDTH, _CELLS**2 + len(SUBJECTS) + len(MOTIONS))
        nn.init.zeros_(self.out.weight)

    def forward(self, states: Tensor, scenes: Sequence[Scene], size: Size) -> Tensor:
        """How wrong it is about which cells the subject covers, and which subject and motion these
        are.

        Args:
            states: a layer's output, (B, S, WIDTH); the clip's own tokens come first.
        """
        frames = [max(0, TEMPORAL_COMPRESSION * k - 4) for k in range(latent_frames(size.frames))]
        cover = subject_cover(scenes, size, frames, SPATIAL_COMPRESSION // _CELLS).to(states.device)
        cells = cover.unflatten(3, (-1, _CELLS)).unflatten(2, (-1, _CELLS))
        cells = cells.permute(0, 1, 2, 4, 3, 5).flatten(4).flatten(1, 3)
        said = self.out(self.norm(states[:, : cells.shape[1]].float()))
        found, subject, motion = said.split((_CELLS**2, len(SUBJECTS), len(MOTIONS)), dim=-1)
        error: Tensor = nn.functional.binary_cross_entropy_with_logits(found, cells)
        for logits, names, attribute in (
            (subject, SUBJECTS, "subject"),
            (motion, MOTIONS, "motion"),
        ):
            truth = [names.index(getattr(scene, attribute)) for scene in scenes]
            target = torch.tensor(truth, device=states.device).view(-1, 1).expand(logits.shape[:2])
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())
            error = error + _WORDS_WEIGHT * loss
        return error


@contextmanager
def listening(block: nn.Module) -> Iterator[list[Tensor]]:
    """The picture's tokens as a layer leaves them, one entry for each call."""
    heard: list[Tensor] = []
    hook = block.register_forward_hook(lambda module, given, made: heard.append(made[0]))
    try:
        yield heard
    finally:
        hook.remove()
