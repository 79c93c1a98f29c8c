"""Weights that wait in host memory and come to the device when it is their turn.

diffusers' group offloading brings them, on CUDA in a stream of their own while the layer before is
computed. The order in which layers follow each other is learnt in the first forward.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKLLTX2Audio, AutoencoderKLLTX2Video
from diffusers.hooks import apply_group_offloading

from ltx_ui.engine import compat

_AUTOENCODERS = (AutoencoderKLLTX2Video, AutoencoderKLLTX2Audio)


def stream(module: Any, device: torch.device, *, blocks: bool) -> None:
    """Let a part's weights wait in host memory.

    Args:
        blocks: whole transformer blocks at a time instead of single layers; what stands outside the
            blocks stays on the device.
    """
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
    """Take in layers that were added to a streamed transformer; nothing for one that is not."""
    compat.offload_anew(transformer)
    settle(transformer)


def settle(transformer: Any) -> None:
    """Keep on the device what a streamed transformer has outside its blocks (0.69 GB of the 19B).
    Belongs after all that makes its hooks anew, adding or dropping a LoRA above all.

    diffusers would move these parts both ways in every forward, through memory that is not pinned.
    """
    compat.keep_outside_blocks(transformer)


def _entries(module: Any) -> list[Any]:
    """The modules whose forward is called. An autoencoder's own never is: hooked as a whole, it
    would bring each layer only when it waits for it, and go on learning the order for ever."""
    return [module.encoder, module.decoder] if isinstance(module, _AUTOENCODERS) else [module]
