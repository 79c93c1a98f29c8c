"""Prompt embeddings, computed once per text and cached.

The stock pipeline encodes both prompts for every clip, with the language-model head on all 1024
tokens, and runs the connectors on the result. Here the connectors' output is cached, and a small
module in their place splits it into video and audio. The values are bit-identical to the stock
pipeline's.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from ltx_ui.engine import compat
from ltx_ui.engine.kept_text import TEXT_LENGTH

PADDING_SIDE = "left"
"""LTX-2 was trained with padding on this side, whatever a tokenizer's files say."""


def text_length(pipe: Any) -> int:
    """Tokens that a pipeline pads or cuts a prompt to; at most LTX-2's 1024."""
    return min(TEXT_LENGTH, int(pipe.tokenizer.model_max_length))


class Splitter(nn.Module):
    """Takes the connectors' place in the pipeline and splits what :class:`PromptEncoder` joined.

    Args:
        video_width: channels of the video part; the audio part is the rest.
    """

    def __init__(self, video_width: int, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__()
        self.video_width = video_width
        self.device = device
        self.dtype = dtype

    def forward(
        self, embeds: Tensor, mask: Tensor, padding_side: str = "left"
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Split joined embeddings.

        Args:
            embeds: B×L×(video+audio).

        Returns:
            The video part, the audio part, and the mask as it was given.
        """
        video, audio = embeds[..., : self.video_width], embeds[..., self.video_width :]
        return video.contiguous(), audio.contiguous(), mask


class PromptEncoder:
    """Encodes prompts with a pipeline's text encoder and connectors.

    Args:
        pipe: an ``LTX2ConditionPipeline``; its ``connectors`` are replaced by a :class:`Splitter`.
        capacity: prompts cached; each takes 12.6 MB of host memory with LTX-2.
    """

    def __init__(self, pipe: Any, capacity: int = 64) -> None:
        self.pipe = pipe
        self.connectors = connectors = pipe.connectors
        width = connectors.video_connector.inner_dim
        pipe.connectors = Splitter(width, compat.execution_device(pipe), connectors.dtype)
        self.capacity = capacity
        self.max_sequence_length = text_length(pipe)
        self._kept: OrderedDict[str, Tensor] = OrderedDict()

    def encode(self, prompt: str) -> Tensor:
        """Video and audio embeddings of a prompt, joined: 1×L×(video+audio), on the device.

        Each prompt is encoded by itself: in a batch, rounding could depend on the other prompt, and
        the same recipe would not give the same clip.
        """
        text = prompt.strip()
        if text in self._kept:
            self._kept.move_to_end(text)
        else:
            self._kept[text] = self._encode(text).cpu()
            if len(self._kept) > self.capacity:
                self._kept.popitem(last=False)
        return self._kept[text].to(compat.execution_device(self.pipe))

    def _encode(self, text: str) -> Tensor:
        pipe = self.pipe
        device = compat.execution_device(pipe)
        tokens = pipe.tokenizer(
            [text],
            padding="max_length",
            max_length=self.max_sequence_length,
            padding_side=PADDING_SIDE,
            truncation=True,
            add_special_tokens=True,
            return_tensors="pt",
        ).to(device)
        hidden = pipe.text_encoder(
            input_ids=tokens.input_ids,
            attention_mask=tokens.attention_mask,
            output_hidden_states=True,
            use_cache=False,
            logits_to_keep=1,
        ).hidden_states
        stacked = torch.stack(hidden, dim=-1).flatten(2, 3).to(pipe.text_encoder.dtype)
        del hidden  # Frees 0.4 GB of LTX-2's just before the peak.
        video, audio, _ = self.connectors(stacked, tokens.attention_mask, padding_side=PADDING_SIDE)
        return torch.cat([video, audio], dim=-1)
