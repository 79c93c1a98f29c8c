"""What the tests use of torch beyond what it documents.

An imitation of CUDA stands between torch's dispatcher and its kernels, where hardly anything has a
documented name. Each name is looked up when this module is imported. What says nothing else can be
removed when there is a fake CUDA device in torch itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
)
from torch.overrides import _get_current_function_mode_stack
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map_only, tree_unflatten

from ltx_ui.errors import require

__all__ = [
    "DataDependentOutputException",
    "DynamicOutputShapeException",
    "FakeTensor",
    "FakeTensorMode",
    "TorchDispatchMode",
    "tree_flatten",
    "tree_leaves",
    "tree_map_only",
    "tree_unflatten",
]

aten = torch.ops.aten

FUSED_RMS_NORM = aten._fused_rms_norm.default
FLASH_ATTENTION = aten._scaled_dot_product_flash_attention.default
EFFICIENT_ATTENTION = aten._scaled_dot_product_efficient_attention.default
PLAIN_ATTENTION = aten._scaled_dot_product_attention_math.default
"""The operators that ``scaled_dot_product_attention`` chooses from, and that of ``rms_norm``."""

MOVES = ("_to_copy", "copy_")
"""Operators that bring a tensor to another device or type."""
LAUNCHES_NOTHING = (
    "empty",
    "new_empty",
    "lift_fresh",
    "detach",
    "alias",
    "set_",
    "_unsafe_view",
    "_reshape_alias",
    "resize_",
)
"""Operators that run no kernel."""
READS = ("_local_scalar_dense", "is_nonzero", "equal")
"""Operators that bring a value to the host, and so wait for the device."""
PINS = ("pin_memory", "_pin_memory")
"""Operators that copy a tensor into pinned memory."""
_NAMED = (*MOVES, *LAUNCHES_NOTHING, *READS, *PINS)
require(all(hasattr(aten, name) for name in _NAMED), f"one of torch.ops.aten's {_NAMED}")

INITIALISE = "_lazy_init"
"""The function of ``torch.cuda`` that looks for a driver. Remove when torch can be told not to."""
require(callable(getattr(torch.cuda, INITIALISE, None)), "torch.cuda._lazy_init")


def without_modes() -> AbstractContextManager[Any]:
    """Within it tensors are what they are outside of every dispatch mode."""
    found: AbstractContextManager[Any] = _disable_current_modes()
    return found


def function_modes() -> list[Any]:
    """The ``TorchFunctionMode`` objects that are active now. Remove when they can be listed."""
    found: list[Any] = _get_current_function_mode_stack()
    return found


def operator_name(func: Any) -> str:
    """An operator's name without its overload: ``aten::add`` of ``aten.add.Tensor``."""
    return str(func._schema.name)


def is_mutable(func: Any) -> bool:
    """Whether an operator writes into one of its arguments."""
    return bool(func._schema.is_mutable)


_schema = aten.add_.Tensor._schema
require(_schema.name == "aten::add_" and _schema.is_mutable, "torch._ops.OpOverload._schema")


def has_kernel(func: Any, key: str) -> bool:
    """Whether an operator has a kernel of its own for a key of the dispatcher, such as ``CPU``."""
    return bool(torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key))


require(
    callable(getattr(torch._C, "_dispatch_has_kernel_for_dispatch_key", None)),
    "torch._C._dispatch_has_kernel_for_dispatch_key",
)


def keep_parameters_when_moved() -> None:
    """Let moving a module (``to``, ``cuda``, ``half``) leave its parameters the objects that they
    are, as between a CPU and CUDA. torch makes new ones of fake tensors."""

    def apply(self: nn.Module, fn: Callable[[Any], Any], recurse: bool = True) -> nn.Module:
        for child in self.children() if recurse else ():
            child._apply(fn)
        for name, param in self._parameters.items():
            if param is None:
                continue
            with torch.no_grad():
                applied = fn(param)
            if isinstance(param, FakeTensor) == isinstance(applied, FakeTensor):
                param.data = applied
            else:
                self._parameters[name] = nn.Parameter(applied, param.requires_grad)
        for name, kept in self._buffers.items():
            if kept is not None:
                self._buffers[name] = fn(kept)
        return self

    module: Any = nn.Module
    module._apply = apply


require(
    callable(getattr(nn.Module, "_apply", None))
    and {"_parameters", "_buffers"} <= set(vars(nn.Identity())),
    "torch.nn.Module._apply, _parameters and _buffers",
)
