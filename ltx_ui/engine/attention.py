"""Attention in bfloat16 on a CPU, by plain matrix products, a few heads at a time.

On a CPU, PyTorch's fused attention kernel multiplies bfloat16 no faster than float32. Plain matrix
products are several times as fast where the CPU has bfloat16 instructions. A few heads at a time,
so that the attention scores fit into one small buffer that is used again and stays in the cache.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

SCORES = 2_000_000
"""Attention scores computed at a time (4 MB in bfloat16), but always at least one head's. Measured
in docs/benchmarks.md."""
LEARNT_SCORES = 8_000_000
"""Attention scores computed at a time while gradients are recorded. All scores are kept then, so
a small buffer saves nothing, and more heads at a time are faster."""


def plain_attention(transformer: Any) -> list[RemovableHandle]:
    """Let the video self-attention and video-to-text attention of a transformer's blocks be
    computed by :func:`attention`.

    Returns:
        Hook handles; removing them all restores the transformer.
    """
    mode: Any = _PlainAttention()

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


class _PlainAttention(TorchFunctionMode):
    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        called = attention if func is scaled_dot_product_attention else func
        return called(*args, **(kwargs or {}))


def attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, **others: Any
) -> Tensor:
    """A drop-in for ``scaled_dot_product_attention``. It computes by plain matrix products for
    bfloat16 on a CPU, also under autocast, without a mask or another option, and calls the original
    otherwise. The plain way rounds scores and weights to bfloat16, which the fused kernel keeps in
    float32.

    Args:
        query, key, value: B×heads×S×channels each.

    Returns:
        B×heads×S×channels, in bfloat16 where it was computed by plain products.
    """
    autocast = torch.is_autocast_enabled("cpu")
    dtype = torch.get_autocast_dtype("cpu") if autocast else query.dtype
    plain = attn_mask is None and not any(others.values()) and query.shape[:2] == key.shape[:2]
    if not plain or dtype != torch.bfloat16 or query.device.type != "cpu":
        return scaled_dot_product_attention(query, key, value, attn_mask, **others)
    with torch.autocast("cpu", enabled=False):
        scaled = (query * query.shape[-1] ** -0.5, key, value)
        heads = [part.to(dtype).flatten(0, 1) for part in scaled]
        found = _learnt(*heads) if torch.is_grad_enabled() else _found(*heads)
    return found.view(*query.shape[:3], -1)


def _found(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention of heads×S×channels without gradients, a few heads at a time in one buffer."""
    few = min(len(query), max(1, SCORES // (query.shape[1] * key.shape[1])))
    room = query.new_empty(few, query.shape[1], key.shape[1])
    found = query.new_empty(*query.shape[:2], value.shape[2])
    for first in range(0, len(query), few):
        some = slice(first, first + few)
        scores = room[: len(query[some])]
        torch.bmm(query[some], key[some].mT, out=scores)
        torch.softmax(scores, dim=-1, out=scores)
        torch.bmm(scores, value[some], out=found[some])
    return found


def _learnt(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention of heads×S×channels, differentiable."""
    few = max(1, LEARNT_SCORES // (query.shape[1] * key.shape[1]))
    some = zip(*(torch.split(part, few) for part in (query, key, value)), strict=True)
    return torch.cat([(q @ k.mT).softmax(dim=-1) @ v for q, k, v in some])
