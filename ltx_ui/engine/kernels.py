"""Triton kernels for what a transformer block computes between its matrix products.

To be imported only where Triton is installed: it comes with torch for CUDA on Linux. Each rounds
where the modules of diffusers and torch do, so that a kernel's result and theirs differ only where
the sum of the squares, taken in another order, falls on the other side of a rounding.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

WARPS = 8
"""For rows of 2048 and 4096 numbers, as LTX-2 has them."""


@triton.jit  # type: ignore[untyped-decorator]
def _norm_modulate(  # type: ignore[no-untyped-def]
    x, scale, shift, out, tokens, channels, scale_b, scale_s, shift_b, shift_s, eps,
    modulated: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0)
    batch, token = row // tokens, row % tokens
    at = tl.arange(0, block)
    inside = at < channels
    kind = out.dtype.element_ty
    given = tl.load(x + row * channels + at, mask=inside, other=0.0).to(tl.float32)
    found = given * tl.rsqrt(tl.sum(given * given, 0) / channels + eps)
    found = found.to(kind).to(tl.float32)
    if modulated:
        times = tl.load(scale + batch * scale_b + token * scale_s + at, mask=inside, other=0.0)
        plus = tl.load(shift + batch * shift_b + token * shift_s + at, mask=inside, other=0.0)
        times = (1.0 + times.to(tl.float32)).to(kind).to(tl.float32)
        found = (found * times).to(kind).to(tl.float32) + plus.to(tl.float32)
    tl.store(out + row * channels + at, found.to(kind), mask=inside)


@triton.jit  # type: ignore[untyped-decorator]
def _norm_rotate(  # type: ignore[no-untyped-def]
    x, weight, cos, sin, out, tokens, half, pairs, at_b, at_h, at_s, eps, block: tl.constexpr
):  # fmt: skip
    row = tl.program_id(0)
    batch, token = row // tokens, row % tokens
    at = tl.arange(0, block)
    inside = at < pairs
    head, place = at // half, at % half
    kind = out.dtype.element_ty
    first = head * half * 2 + place
    start = row * pairs * 2
    one = tl.load(x + start + first, mask=inside, other=0.0).to(tl.float32)
    two = tl.load(x + start + first + half, mask=inside, other=0.0).to(tl.float32)
    size = tl.rsqrt((tl.sum(one * one, 0) + tl.sum(two * two, 0)) / (pairs * 2) + eps)
    one = one * size * tl.load(weight + first, mask=inside, other=0.0).to(tl.float32)
    two = two * size * tl.load(weight + first + half, mask=inside, other=0.0).to(tl.float32)
    one, two = one.to(kind).to(tl.float32), two.to(kind).to(tl.float32)
    angle = batch * at_b + head * at_h + token * at_s + place
    c = tl.load(cos + angle, mask=inside, other=0.0)
    s = tl.load(sin + angle, mask=inside, other=0.0)
    tl.store(out + start + first, (one * c - two * s).to(kind), mask=inside)
    tl.store(out + start + first + half, (two * c + one * s).to(kind), mask=inside)


def norm_modulate(
    x: Tensor, eps: float, scale: Tensor | None = None, shift: Tensor | None = None
) -> Tensor:
    """``rms_norm(x) * (1 + scale) + shift``, in one kernel instead of ten.

    Args:
        x: B×S×channels.
        eps: added to the mean square.
        scale, shift: B×1×channels or B×S×channels, in x's dtype; None for the norm alone.

    Returns:
        B×S×channels, in x's dtype.
    """
    x = x.contiguous()
    batch, tokens, channels = x.shape
    out = torch.empty_like(x)
    # Without them, they are not read.
    times, plus = (
        x if part is None else _with_dense_rows(part).expand(x.shape) for part in (scale, shift)
    )
    call: Any = _norm_modulate[(batch * tokens,)]
    call(
        x, times, plus, out, tokens, channels, *times.stride()[:2], *plus.stride()[:2], eps,
        modulated=scale is not None, block=triton.next_power_of_2(channels), num_warps=WARPS,
    )  # fmt: skip
    return out


def norm_rotate(
    x: Tensor, weight: Tensor, eps: float, rotation: tuple[Tensor, Tensor], heads: int
) -> Tensor:
    """Queries or keys, normalised over all heads (RMS) and rotated by position, in one kernel.

    Args:
        x: B×S×(heads·channels).
        weight: of the norm, heads·channels.
        eps: added to the mean square.
        rotation: cosines and sines, float32, B×heads×S×(channels/2), for the halves of each head
            (``rope_type="split"``).

    Returns:
        B×S×heads×channels, in x's dtype.
    """
    x = x.contiguous()
    batch, tokens, width = x.shape
    half = width // heads // 2
    shape = (batch, heads, tokens, half)
    cos, sin = (_with_dense_rows(part).expand(shape) for part in rotation)
    out = torch.empty_like(x)
    call: Any = _norm_rotate[(batch * tokens,)]
    call(
        x, weight, cos, sin, out, tokens, half, width // 2, *cos.stride()[:3], eps,
        block=triton.next_power_of_2(width // 2), num_warps=WARPS,
    )  # fmt: skip
    return torch.unflatten(out, 2, (heads, -1))


def _with_dense_rows(part: Tensor) -> Tensor:
    return part if part.stride(-1) == 1 else part.contiguous()
