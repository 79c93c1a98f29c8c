"""Attention in bfloat16 on a CPU, one head after the other.

PyTorch's fused kernel multiplies bfloat16 there no faster than float32, while plain matrix products
are several times as fast on a CPU that knows the type. The scores of one head at a time are few
enough to be written where the last head's were, instead of into memory fetched anew.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle


def head_by_head(transformer: Any) -> list[RemovableHandle]:
    """Let the picture in a transformer's blocks attend so to itself and to the text, wherever
    :func:`attention` can.

    Returns:
        What takes it off again when it is removed.
    """
    mode: Any = _HeadByHead()

    def enter(*_: Any) -> None:
        mode.__enter__()

    def leave(*_: Any) -> None:
        mode.__exit__(None, None, None)

    handles = []
    for block in transformer.transformer_blocks:
        for layer in (block.attn1, block.attn2):
            handles.append(layer.register_forward_pre_hook(enter))
            handles.append(layer.register_forward_hook(leave, always_call=True))
    return handles


class _HeadByHead(TorchFunctionMode):
    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        called = attention if func is scaled_dot_product_attention else func
        return called(*args, **(kwargs or {}))


def attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, **others: Any
) -> Tensor:
    """As ``scaled_dot_product_attention``, and by it, unless this is bfloat16 on a CPU (also where
    autocast makes it that) with no mask and nothing else asked for. Scores and weights are rounded
    to bfloat16 then, which the fused kernel keeps in float32.

    Args:
        query, key, value: B×heads×S×channels each.
    """
    autocast = torch.is_autocast_enabled("cpu")
    dtype = torch.get_autocast_dtype("cpu") if autocast else query.dtype
    plain = attn_mask is None and not any(others.values()) and query.shape[:2] == key.shape[:2]
    if not plain or dtype != torch.bfloat16 or query.device.type != "cpu":
        return scaled_dot_product_attention(query, key, value, attn_mask, **others)
    with torch.autocast("cpu", enabled=False):
        query = query * query.shape[-1] ** -0.5
        heads = zip(*(x.to(dtype).flatten(0, 1) for x in (query, key, value)), strict=True)
        found = torch.stack([(q @ k.T).softmax(dim=-1) @ v for q, k, v in heads])
    return found.view(*query.shape[:3], -1)
