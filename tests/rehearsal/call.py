"""One call of an operator, and what CUDA's kernels are like."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from .compat import (
    EFFICIENT_ATTENTION,
    FLASH_ATTENTION,
    FUSED_RMS_NORM,
    MOVES,
    FakeTensor,
    has_kernel,
    operator_name,
    tree_flatten,
    tree_unflatten,
)

aten = torch.ops.aten
CUDA = torch.device("cuda", 0)
SMALL = 2**18
"""Numbers of which a tensor's values are kept, and the CPU may compute with."""
SECTOR = 512
"""Bytes that CUDA's allocator rounds up to."""

ONE_TYPE = {
    aten.mm.default,
    aten.addmm.default,
    aten.bmm.default,
    aten.baddbmm.default,
    aten.convolution.default,
    aten.native_layer_norm.default,
    aten.native_group_norm.default,
    FUSED_RMS_NORM,
    FLASH_ATTENTION,
    EFFICIENT_ATTENTION,
}
"""On CUDA all floating arguments of these need one type."""
FLOAT8 = (torch.float8_e4m3fn, torch.float8_e5m2)
HALF = (torch.float16, torch.bfloat16)
FLOAT8_KNOWS = (*MOVES, "clone", "detach", "alias", "empty", "new_empty", "set_", "lift_fresh")
"""What there is for float8; everything else wants another type first."""
FILLS = ("uniform_", "normal_", "random_", "bernoulli_", "exponential_")


class Call:
    """One operator and what it is called with; CUDA without a number is the first device."""

    def __init__(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        flat, spec = tree_flatten((args, kwargs))
        bare = [i for i, a in enumerate(flat) if _is_cuda(a) and a.index is None]
        for index in bare:
            flat[index] = CUDA
        self.func = func
        self.name: str = operator_name(func).removeprefix("aten::")
        self.args: tuple[Any, ...] = args
        self.kwargs: dict[str, Any] = kwargs
        if bare:
            self.args, self.kwargs = tree_unflatten(flat, spec)
        self.pinned = bool(self.kwargs.pop("pin_memory", None))
        self.tensors = [a for a in flat if isinstance(a, Tensor)]
        self.fakes = [t for t in self.tensors if isinstance(t, FakeTensor)]
        self.to_cuda = any(_is_cuda(a) for a in flat)
        self.to_meta = any(isinstance(a, torch.device) and a.type == "meta" for a in flat)

    @property
    def on_cuda(self) -> bool:
        """Whether an argument lives there."""
        return any(t.device.type == "cuda" for t in self.tensors)

    def named(self, *names: str) -> bool:
        """Whether the operator's name begins with one of these."""
        return self.name.startswith(names)


def _is_cuda(value: Any) -> bool:
    return isinstance(value, torch.device) and value.type == "cuda"


def on_the_cpu(device: torch.device) -> torch.device:
    return torch.device("cpu") if device.type == "cuda" else device


def shape_asked_for(args: tuple[Any, ...]) -> tuple[int, ...]:
    """The size among an operator's arguments."""
    lists = (a for a in args if isinstance(a, list | tuple))
    return next((tuple(a) for a in lists if all(isinstance(n, int) for n in a)), ())


def numbers_asked_for(args: tuple[Any, ...]) -> int:
    """Numbers in the tensor that an operator is to make."""
    count = 1
    for side in shape_asked_for(args):
        count *= side
    return count


@cache
def is_composite(func: Any) -> bool:
    """Whether an operator is nothing but others, so that only those are to be counted."""
    keys = ("CompositeImplicitAutograd", "CPU", "Meta")
    composite, cpu, meta = (has_kernel(func, key) for key in keys)
    return composite and not cpu and not meta
