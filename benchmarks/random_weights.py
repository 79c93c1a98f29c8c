"""The real LTX-2 19B with random weights, made on the device: its speed and its memory are those of
the published one, because neither depends on the values."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from diffusers import (
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    FlowMatchEulerDiscreteScheduler,
    LTX2ConditionPipeline,
    LTX2VideoTransformer3DModel,
)
from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors
from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder
from torch import Tensor, nn
from transformers import Gemma3Config, Gemma3ForConditionalGeneration, GemmaTokenizer

from ltx_ui.engine.kept_text import TEXT_LENGTH

GEMMA_3_12B: dict[str, Any] = {
    "vocab_size": 262208,
    "hidden_size": 3840,
    "intermediate_size": 15360,
    "num_hidden_layers": 48,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 256,
    "query_pre_attn_scalar": 256,
    "sliding_window": 1024,
}
SIGLIP: dict[str, Any] = {
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "image_size": 896,
    "patch_size": 14,
}

DRAWN = 2**22
"""Numbers that are drawn for each part, and repeated."""


def ltx_2(
    device: str,
    tokenizer: Path,
    blocks: int = 48,
    layers: int = 48,
    dtype: torch.dtype = torch.bfloat16,
) -> LTX2ConditionPipeline:
    """LTX-2 19B with random weights.

    Args:
        device: where the weights are made; ``meta`` for none at all.
        tokenizer: a saved Gemma tokenizer; the demo model's will do. It gets LTX-2's places.
        blocks: of the transformer; fewer than 48 are a smaller model.
        layers: of the text encoder; likewise.
    """
    with torch.device("meta"):
        components = {
            "text_encoder": Gemma3ForConditionalGeneration(
                Gemma3Config(
                    text_config={**GEMMA_3_12B, "num_hidden_layers": layers}, vision_config=SIGLIP
                )
            ),
            # The other classes' defaults are LTX-2's own numbers.
            "connectors": LTX2TextConnectors(rope_type="split", text_proj_in_factor=layers + 1),
            **_parts(blocks),
        }
    for part in components.values():
        fill(part.to(dtype), device)
    pipe = LTX2ConditionPipeline(
        scheduler=_scheduler(),
        tokenizer=GemmaTokenizer.from_pretrained(tokenizer, model_max_length=TEXT_LENGTH),
        **components,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _parts(blocks: int) -> dict[str, nn.Module]:
    """What a clip is made with once its text is encoded."""
    return {
        "transformer": LTX2VideoTransformer3DModel(rope_type="split", num_layers=blocks),
        "vae": AutoencoderKLLTX2Video(
            decoder_causal=False, spatial_compression_ratio=32, temporal_compression_ratio=8
        ),
        "audio_vae": AutoencoderKLLTX2Audio(),
        "vocoder": LTX2Vocoder(),
    }


def _scheduler() -> FlowMatchEulerDiscreteScheduler:
    return FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True,
        base_shift=0.95,
        max_shift=2.05,
        base_image_seq_len=1024,
        max_image_seq_len=4096,
        shift_terminal=0.1,
    )


class RandomText(nn.Module):
    """A text encoder and connectors at once, of so many channels: random numbers for any text."""

    def __init__(self, channels: int, device: str, dtype: torch.dtype) -> None:
        super().__init__()
        self.device, self.dtype = torch.device(device), dtype
        self.video_connector = SimpleNamespace(inner_dim=channels)

    def forward(self, states: Tensor | None = None, mask: Any = None, **arguments: Any) -> Any:
        """Random numbers as a text encoder makes them of tokens, and as connectors make them of its
        states."""
        if states is None:
            length = arguments["input_ids"].shape[1]
            states = torch.zeros(1, length, 1, device=self.device, dtype=self.dtype)
            return SimpleNamespace(hidden_states=(states,))
        shape = (1, states.shape[1], self.video_connector.inner_dim)
        video, audio = (torch.randn(shape, device=self.device, dtype=self.dtype) for _ in range(2))
        return video, audio, mask


def ltx_2_without_text(
    device: str, tokenizer: Path, blocks: int = 48, dtype: torch.dtype = torch.bfloat16
) -> LTX2ConditionPipeline:
    """LTX-2 with random weights, and with random numbers in place of what the text encoder and the
    connectors make of a prompt, which saves 27 GB. Arguments as of :func:`ltx_2`."""
    with torch.device("meta"):
        parts = _parts(blocks)
    for part in parts.values():
        fill(part.to(dtype), device)
    text = RandomText(GEMMA_3_12B["hidden_size"], device, dtype)
    pipe = LTX2ConditionPipeline(
        scheduler=_scheduler(),
        tokenizer=GemmaTokenizer.from_pretrained(tokenizer, model_max_length=TEXT_LENGTH),
        text_encoder=text,
        connectors=text,
        **parts,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


@torch.no_grad()
def fill(part: nn.Module, device: str) -> None:
    """Give a part on the meta device random weights, small enough that nothing overflows."""
    if device == "meta":
        return
    part.to_empty(device=device)
    drawn: dict[torch.dtype, Tensor] = {}
    for parameter in part.parameters():
        if parameter.dtype not in drawn:
            values = torch.randn(DRAWN, device=device) * 0.02
            drawn[parameter.dtype] = values.to(parameter.dtype)
        # One core draws a hundred million numbers a second, and there are 35 000 million.
        for piece in parameter.view(-1).split(DRAWN):
            piece.copy_(drawn[parameter.dtype][: len(piece)])
    for buffer in part.buffers():
        # Frequencies and statistics; ones keep every value finite.
        buffer.fill_(1)
    part.eval()
