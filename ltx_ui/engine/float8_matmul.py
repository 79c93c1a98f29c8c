"""Lossy speed: the blocks' large matrices multiplied in float8, which tensor cores do twice as fast
as bfloat16.

Weights are rounded once, with a scale for each row, and inputs at each call, with a scale for each
token. The sums are kept in float32. Everything else stays as it is.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import ScalingType, scaled_mm

from ltx_ui.engine.quantization import large_matrices, unpack
from ltx_ui.errors import ModelUnavailable

FLOAT8 = torch.float8_e4m3fn
LARGEST = torch.finfo(FLOAT8).max
CAPABILITY = (8, 9)
"""The first CUDA compute capability whose tensor cores multiply float8."""
_SIDE = 16
"""Both sides of a matrix have to be multiples of this."""


class Float8Product(nn.Linear):
    """A linear layer that multiplies in float8.

    Attributes:
        weight: float8, outputs×inputs.
        scale: float32, 1×outputs: what each row of the weight is multiplied by.
    """

    scale: Tensor

    def forward(self, input: Tensor) -> Tensor:
        """As ``nn.Linear``, rounded to bfloat16, which is all that CUDA gives, in the input's
        dtype."""
        rows, scale = rounded(input.flatten(0, -2))
        found: Tensor = scaled_mm(
            rows,
            self.weight.t(),
            scale,
            ScalingType.RowWise,
            self.scale,
            ScalingType.RowWise,
            bias=None if self.bias is None else self.bias.to(torch.bfloat16),
            output_dtype=torch.bfloat16,
            use_fast_accum=True,
        )
        return torch.unflatten(found, 0, input.shape[:-1]).to(input.dtype)


def rounded(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows in float8, each scaled so that its largest number is float8's largest.

    Args:
        rows: N×channels.

    Returns:
        float8, N×channels, and float32, N×1: what each row is to be multiplied by.
    """
    scale = rows.abs().amax(dim=1, keepdim=True).float().clamp(min=1e-12) / LARGEST
    return (rows / scale).to(FLOAT8), scale


def check(device: torch.device) -> None:
    """Hold a device to what float8 products need.

    Raises:
        ModelUnavailable: it can't multiply float8.
    """
    if device.type == "cuda" and torch.cuda.get_device_capability(device) >= CAPABILITY:
        return
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "a CPU"
    raise ModelUnavailable(
        "--lossy fp8-matmul needs an NVIDIA GPU of compute capability 8.9 or newer (Ada, Hopper, "
        f"Blackwell), and this is {name}. Leave fp8-matmul out."
    )


def multiply_in_float8(transformer: Any) -> None:
    """Let the blocks' large matrices be multiplied in float8 from now on. Weights that are stored
    in float8 already are taken as they are.

    Args:
        transformer: an ``LTX2VideoTransformer3DModel`` whose blocks are on their device for good.
    """
    for block in transformer.transformer_blocks:
        unpack(block, torch.bfloat16)
        for layer in large_matrices(block):
            if not (layer.in_features % _SIDE or layer.out_features % _SIDE):
                _convert(layer)
            elif layer.weight.dtype == FLOAT8:
                layer.to(layer.bias.dtype)


def _convert(layer: nn.Linear) -> None:
    if isinstance(layer, Float8Product):
        return
    weight, scale = layer.weight.detach(), torch.ones(1)
    if weight.dtype != FLOAT8:
        weight, scale = rounded(weight)
    scale = scale.to(weight.device).flatten().repeat(len(weight) // len(scale)).unsqueeze(0)
    layer.weight = nn.Parameter(weight, requires_grad=False)
    layer.register_buffer("scale", scale, persistent=False)
    layer.__class__ = Float8Product
