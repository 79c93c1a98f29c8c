"""Weights that wait in host memory and come to the device when it is their turn.

diffusers' group offloading brings them, on CUDA in a stream of their own while the layer before is
computed. The order in which layers follow each other is learnt in the first forward.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKLLTX2Audio, AutoencoderKLLTX2Video
from diffusers.hooks import HookRegistry, apply_group_offloading
from diffusers.hooks.group_offloading import (
    _GROUP_OFFLOADING,
    ModuleGroup,
    _maybe_remove_and_reapply_group_offloading,
)

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
    _maybe_remove_and_reapply_group_offloading(transformer)
    settle(transformer)


def settle(transformer: Any) -> None:
    """Keep on the device what a streamed transformer has outside its blocks (0.69 GB of the 19B).
    Belongs after all that makes its hooks anew, adding or dropping a LoRA above all.

    diffusers moves these parts both ways in every forward, through memory that is not pinned, and
    has no setting against it: here they are taken out of the group that it makes of them. To go
    when ``apply_group_offloading`` can leave modules out.
    """
    hook = HookRegistry.check_if_exists_or_initialize(transformer).get_hook(_GROUP_OFFLOADING)
    if hook is None:
        return
    group: ModuleGroup = hook.group
    for module in group.modules:
        module.to(group.onload_device)
    for tensor in (*group.parameters, *group.buffers):
        tensor.data = tensor.data.to(group.onload_device)
    group.modules, group.parameters, group.buffers = [], [], []


def _entries(module: Any) -> list[Any]:
    """The modules whose forward is called. An autoencoder's own never is: hooked as a whole, it
    would bring each layer only when it waits for it, and go on learning the order for ever."""
    return [module.encoder, module.decoder] if isinstance(module, _AUTOENCODERS) else [module]
