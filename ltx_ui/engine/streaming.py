"""Streaming: weights stay in host memory, and each layer's come to the device when it is computed.

Done by diffusers' group offloading. On CUDA, a stream of its own copies a layer's weights while the
layer before is computed; it learns the order of the layers in the first forward.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKLLTX2Audio, AutoencoderKLLTX2Video
from diffusers.hooks import apply_group_offloading

from ltx_ui.engine import compat

_AUTOENCODERS = (AutoencoderKLLTX2Video, AutoencoderKLLTX2Audio)


def stream(module: Any, device: torch.device, *, blocks: bool) -> None:
    """Stream a part's weights to a device.

    Args:
        blocks: bring whole transformer blocks at a time, not single layers, and keep what is
            outside the blocks on the device.
    """
    if blocks and device.type == "cuda":
        _pin(module)
    for entry in _entries(module):
        apply_group_offloading(
            entry,
            onload_device=device,
            offload_type="block_level" if blocks else "leaf_level",
            num_blocks_per_group=1 if blocks else None,
            use_stream=device.type == "cuda",
        )
    if blocks:
        settle(module)


def renew(transformer: Any) -> None:
    """Stream the layers too that were added to a streamed transformer. Does nothing for one that is
    not streamed."""
    compat.offload_anew(transformer)
    settle(transformer)


def settle(transformer: Any) -> None:
    """Keep what a streamed transformer has outside its blocks (0.69 GB of the 19B) on the device.
    To be called whenever its hooks were made anew, such as by loading or unloading a LoRA.

    Otherwise diffusers would copy these layers both ways in every forward, through memory that is
    not pinned.
    """
    compat.keep_outside_blocks(transformer)


def _pin(transformer: Any) -> None:
    """Pin the blocks' weights, one after the other. Group offloading would pin a copy of every one
    before it lets go of the first, and need twice the host memory meanwhile."""
    for parameter in transformer.transformer_blocks.parameters():
        parameter.data = parameter.data.pin_memory()


def _entries(module: Any) -> list[Any]:
    """The modules to apply offloading to: those whose ``forward`` is called. An autoencoder's own
    is not; applied to it as a whole, offloading would never learn the order of its layers and copy
    each only when it is needed."""
    return [module.encoder, module.decoder] if isinstance(module, _AUTOENCODERS) else [module]
