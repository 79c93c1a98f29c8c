"""Attention in bfloat16 on a CPU, by plain matrix products, a few heads at a time.

PyTorch's fused kernel multiplies bfloat16 there no faster than float32, while plain matrix products
are several times as fast on a CPU that knows the type. The scores of a few heads are small enough
to be written where those of the last few were, instead of into memory fetched anew.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

SCORES = 2_000_000
"""Scores that are computed at once, 4 MB; at least those of one head. 1008 places with 10 heads of
32 channels took 7.1 ms with as many, 8.9 with one head at a time, 8.7 with all at once, and the
fused kernel 11.4 (two cores with avx512_bf16)."""
LEARNT_SCORES = 8_000_000
"""The same while gradients are wanted, which keep every head's scores: with a head at a time a
training step took a fifth longer."""


def plain_attention(transformer: Any) -> list[RemovableHandle]:
    """Let the picture in a transformer's blocks attend so to itself and to the text, wherever
    :func:`attention` can.

    Returns:
        What takes it off again when it is removed.
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
        scaled = (query * query.shape[-1] ** -0.5, key, value)
        heads = [part.to(dtype).flatten(0, 1) for part in scaled]
        found = _learnt(*heads) if torch.is_grad_enabled() else _found(*heads)
    return found.view(*query.shape[:3], -1)


def _found(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """What heads×S×channels attend to, each few heads' scores written over those before."""
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
    """The same, where gradients are wanted."""
    few = max(1, LEARNT_SCORES // (query.shape[1] * key.shape[1]))
    some = zip(*(torch.split(part, few) for part in (query, key, value)), strict=True)
    return torch.cat([(q @ k.mT).softmax(dim=-1) @ v for q, k, v in some])
