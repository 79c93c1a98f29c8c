"""A first step without a job: it loads CUDA's libraries and kernels, for which the first clip would
wait for seconds, and tells what to compile."""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import Tensor

from ltx_ui.clip import Stage
from ltx_ui.engine import compat
from ltx_ui.engine.memory_fallback import free_caches
from ltx_ui.engine.models import ModelCard
from ltx_ui.engine.sampling import sample
from ltx_ui.engine.text import PromptEncoder
from ltx_ui.errors import Cancelled
from ltx_ui.recipe import Recipe

USUAL = Recipe(prompt="A first step.")
"""The clip that the page offers first."""

_log = logging.getLogger(__name__)


class _OneStep:
    """A listener that stops the clip after its first step."""

    def progress(self, stage: Stage, step: int = 0, steps: int = 0) -> None:
        if step:
            raise Cancelled


class _NoText:
    """Stands for an encoder, whose prompts are all zeros: encoding one takes seconds where the text
    encoder waits in host memory.

    Args:
        encoder: whose embeddings it is like.
    """

    def __init__(self, encoder: PromptEncoder) -> None:
        connectors, device = encoder.connectors, compat.execution_device(encoder.pipe)
        width = connectors.video_connector.inner_dim + connectors.audio_connector.inner_dim
        shape = (1, encoder.max_sequence_length, width)
        self._embeds = torch.zeros(shape, dtype=connectors.dtype, device=device)

    def encode(self, prompt: str) -> Tensor:
        """Embeddings of the usual shape, 1×L×(video+audio)."""
        return self._embeds


@torch.inference_mode()
def warm_up(pipe: Any, card: ModelCard, encoder: PromptEncoder) -> None:
    """Make one step of the usual clip. If that fails, say so in the log alone: the first job will
    tell what is wrong, or do with less memory."""
    silent: Any = _NoText(encoder)
    try:
        sample(pipe, card, silent, USUAL, _OneStep())
    except Cancelled:
        return
    except Exception:
        _log.warning("A first step failed; nothing is compiled before a job", exc_info=True)
    free_caches()
