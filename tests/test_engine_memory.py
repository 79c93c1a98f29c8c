"""The memory figures of the placement plan are what the real configuration allocates. Counted on
the meta device: every operator runs on shapes alone, and what is alive is added up."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import pytest
import torch
import torch.nn.functional as functional
from diffusers import AutoencoderKLLTX2Video, LTX2VideoTransformer3DModel
from torch.overrides import TorchFunctionMode

from ltx_ui.engine.placement import (
    DECODED_BYTES,
    OUTSIDE_BLOCKS,
    SAMPLING_BYTES,
    TILED_DECODING_BYTES,
)
from ltx_ui.geometry import video_tokens
from tests.rehearsal.checkpoint import VIDEO_VAE
from tests.rehearsal.compat import TorchDispatchMode, tree_leaves

WIDTH, HEIGHT, FRAMES = 288, 512, 49


class FusedAttention(TorchFunctionMode):
    """On a GPU a fused kernel computes attention without the score matrix."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> torch.Tensor:
        if func is functional.scaled_dot_product_attention:
            return torch.empty_like(kwargs["query"])
        result: torch.Tensor = func(*args, **(kwargs or {}))
        return result


class Peak(TorchDispatchMode):
    """Adds up the storages that operators made and that are still alive."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.alive: WeakKeyDictionary[torch.UntypedStorage, int] = WeakKeyDictionary()
        self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage not in self.alive:
                    self.alive[storage] = storage.nbytes()
        self.bytes = max(self.bytes, sum(self.alive.values()))
        return result


def empty(*shape: int, dtype: torch.dtype = torch.bfloat16) -> torch.Tensor:
    return torch.empty(*shape, dtype=dtype, device="meta")


def transformer(layers: int) -> LTX2VideoTransformer3DModel:
    with torch.device("meta"):
        return LTX2VideoTransformer3DModel(num_layers=layers, rope_type="split").bfloat16()


def size(module: torch.nn.Module) -> int:
    return sum(p.numel() * 2 for p in module.parameters())


@torch.inference_mode()
def test_a_forward_with_guidance_allocates_what_the_plan_allows_for_each_token() -> None:
    model, batch, audio = transformer(2), 2, 51
    count = video_tokens(WIDTH, HEIGHT, FRAMES)
    with FusedAttention(), Peak() as peak:
        model(
            hidden_states=empty(batch, count, 128),
            audio_hidden_states=empty(batch, audio, 128),
            encoder_hidden_states=empty(batch, 1024, 3840),
            audio_encoder_hidden_states=empty(batch, 1024, 3840),
            timestep=empty(batch, count, dtype=torch.float32),
            audio_timestep=empty(batch, dtype=torch.float32),
            num_frames=7,
            height=16,
            width=9,
            fps=24.0,
            audio_num_frames=audio,
            return_dict=False,
        )
    assert peak.bytes == pytest.approx(batch * count * SAMPLING_BYTES, rel=0.1)


@pytest.mark.parametrize(
    ("framewise", "least", "most"),
    [(False, 0.95 * DECODED_BYTES, DECODED_BYTES), (True, 12, TILED_DECODING_BYTES)],
)
@pytest.mark.parametrize("config", [{}, VIDEO_VAE], ids=["2.0", "2.3"])
@torch.inference_mode()
def test_decoding_allocates_what_the_plan_allows_for_each_pixel(
    config: dict[str, Any], framewise: bool, least: float, most: float
) -> None:
    with torch.device("meta"):
        vae = AutoencoderKLLTX2Video(
            spatial_compression_ratio=32, temporal_compression_ratio=8, **config
        ).bfloat16()
    if framewise:
        vae.enable_tiling(256, 256, 16, 192, 192, 8)
        vae.use_framewise_decoding = True
    with Peak() as peak:
        vae.decode(empty(1, 128, 7, 16, 9), None, return_dict=False)
    pixels = WIDTH * HEIGHT * FRAMES
    assert least * pixels <= peak.bytes <= most * 1.02 * pixels


def test_there_is_room_for_what_a_streamed_transformer_has_outside_its_blocks() -> None:
    one, two = size(transformer(1)), size(transformer(2))
    outside = 2 * one - two
    assert 0.5 * OUTSIDE_BLOCKS < outside < OUTSIDE_BLOCKS
