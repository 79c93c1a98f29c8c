"""A transformer's weights in float8: half the memory, and a slightly different picture.

Done as LTX-2's authors do it (``fp8_cast`` in Lightricks/LTX-2, ``packages/ltx-core``): only the
large matrices of the blocks are stored in float8, and each layer casts its weight back for the time
of its computation. So blocks can be compiled, and the text's keys and values cached, as usual. The
biases, a ten-thousandth of the weights, stay exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

ROUNDED = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2")
"""Name endings of the layers stored in float8: queries, keys, values and output of each attention,
and both layers of each feed-forward."""


class Float8Linear(nn.Linear):
    """A linear layer whose weight is stored in float8."""

    def forward(self, input: Tensor) -> Tensor:
        """As ``nn.Linear``, computed in the input's dtype."""
        return functional.linear(input, self.weight.to(input.dtype), self.bias)


def keep_in_8_bits(transformer: Any, device: torch.device) -> None:
    """Bring a transformer to a device with the blocks' large matrices in float8. They are converted
    there, block by block, so that the device never holds more than one unconverted block.

    Args:
        transformer: an ``LTX2VideoTransformer3DModel``, with its weights in host memory.
    """
    for block in transformer.transformer_blocks:
        block.to(device)
        for layer in large_matrices(block):
            weight = layer.weight.to(torch.float8_e4m3fn)
            layer.weight = nn.Parameter(weight, requires_grad=False)
            layer.__class__ = Float8Linear
    transformer.to(device)


def large_matrices(block: nn.Module) -> Iterator[nn.Linear]:
    """The layers of a block that 8 bits suffice for, by :data:`ROUNDED`."""
    for name, layer in block.named_modules():
        if isinstance(layer, nn.Linear) and name.endswith(ROUNDED):
            yield layer
