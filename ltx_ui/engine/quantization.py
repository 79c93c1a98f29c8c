"""Weights in 8 or 4 bits: a half or a quarter of the memory, and a slightly different picture.

As LTX-2's authors do it in float8 (``fp8_cast`` in Lightricks/LTX-2, ``packages/ltx-core``): only
the large matrices are stored in few bits, and turned back into the input's dtype for the time of
their computation. So blocks can be compiled, and the text's keys and values cached, as usual.
Biases, norms and what is outside the blocks stay exact.

The matrices of an attention are stored as one tensor, so that one launch turns back all four.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from itertools import accumulate, pairwise
from typing import Any, cast

import torch
from diffusers.models.transformers.transformer_ltx2 import LTX2Attention
from torch import Tensor, nn
from torch.nn import functional

from ltx_ui.errors import ModelUnavailable

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
"""Name endings of an attention's layers: queries, keys, values and output."""
FEED_FORWARD = ("ff.net.0.proj", "ff.net.2")
"""Name endings of a feed-forward's layers, for video and for sound."""
NF4_BLOCK = 64
"""Numbers that share a scale in 4 bits: bitsandbytes' default."""


class Packed(nn.Module):
    """The weights of one or more layers, stored in few bits in one tensor.

    Args:
        weights: out×in each, of one floating-point dtype, on the device to convert them on.
    """

    codes: nn.Parameter

    def __init__(self, weights: Sequence[Tensor]) -> None:
        super().__init__()
        self.shapes = [weight.shape for weight in weights]
        self.spans = list(pairwise(accumulate((w.numel() for w in weights), initial=0)))
        self._decoded: list[Tensor] | None = None
        flat = [weight.detach().flatten() for weight in weights]
        self.encode(flat[0] if len(flat) == 1 else torch.cat(flat))

    def weight(self, index: int, dtype: torch.dtype) -> Tensor:
        """A layer's weight, out×in, to compute with."""
        if self._decoded is not None:
            return self._decoded[index]
        return self.decode(*self.spans[index], dtype).view(self.shapes[index])

    def open(self, dtype: torch.dtype) -> None:
        """Turn all weights back at once, and keep them so until :meth:`close`."""
        flat = self.decode(0, self.spans[-1][1], dtype)
        parts = zip(self.spans, self.shapes, strict=True)
        self._decoded = [flat[begin:end].view(shape) for (begin, end), shape in parts]

    def close(self) -> None:
        """Drop what :meth:`open` keeps."""
        self._decoded = None

    def stored(self, index: int) -> Tensor:
        """What is stored of a layer's weight."""
        raise NotImplementedError

    def single(self, index: int, dtype: torch.dtype) -> Tensor:
        """A layer's weight, out×in, as it can be kept without the others."""
        return self.decode(*self.spans[index], dtype).view(self.shapes[index])

    def encode(self, flat: Tensor) -> None:
        """Store all weights, N numbers in a row, in few bits."""
        raise NotImplementedError

    def decode(self, begin: int, end: int, dtype: torch.dtype) -> Tensor:
        """The numbers from one place to another, in a row, to compute with."""
        raise NotImplementedError

    def _keep(self, stored: Tensor) -> nn.Parameter:
        return nn.Parameter(stored, requires_grad=False)


class Float8(Packed):
    """Weights in float8 (e4m3), without scales."""

    def encode(self, flat: Tensor) -> None:
        self.codes = self._keep(flat.to(torch.float8_e4m3fn))

    def decode(self, begin: int, end: int, dtype: torch.dtype) -> Tensor:
        return self.codes[begin:end].to(dtype)

    def stored(self, index: int) -> Tensor:
        """The float8 numbers, out×in."""
        begin, end = self.spans[index]
        return self.codes[begin:end].view(self.shapes[index])

    def single(self, index: int, dtype: torch.dtype) -> Tensor:
        """The float8 numbers, out×in, whatever ``dtype`` is."""
        return self.stored(index)


class Nf4(Packed):
    """Weights in 4 bits by bitsandbytes: each :data:`NF4_BLOCK` numbers have a scale in float32 and
    are rounded to sixteen values that suit a normal distribution (arXiv:2305.14314). The scales
    themselves are not rounded, which would take two more launches a layer for 0.06 GB in each."""

    def encode(self, flat: Tensor) -> None:
        from bitsandbytes.functional import quantize_4bit

        codes, state = quantize_4bit(flat, blocksize=NF4_BLOCK, quant_type="nf4")
        self.codes, self.scales = self._keep(codes), self._keep(state.absmax)

    def decode(self, begin: int, end: int, dtype: torch.dtype) -> Tensor:
        from bitsandbytes.functional import QuantState, dequantize_4bit

        scales = self.scales[begin // NF4_BLOCK : end // NF4_BLOCK]
        shape = (len(scales), NF4_BLOCK)  # On a CPU a single dimension would come back as two.
        kind: Any = QuantState
        state = kind(scales, shape=shape, dtype=dtype, blocksize=NF4_BLOCK, quant_type="nf4")
        weights: Tensor = dequantize_4bit(self.codes[begin // 2 : end // 2], state)
        return weights.view(-1)

    def stored(self, index: int) -> Tensor:
        """Pairs of 4-bit codes as uint8, N×1."""
        begin, end = self.spans[index]
        return self.codes[begin // 2 : end // 2]


class PackedLinear(nn.Linear):
    """A linear layer whose weight is in a :class:`Packed`."""

    packed: Packed
    index: int

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        """What is stored of the weight: its device is where the layer computes."""
        return self.packed.stored(self.index)

    def forward(self, input: Tensor) -> Tensor:
        """As ``nn.Linear``, computed in the input's dtype."""
        return functional.linear(input, self.packed.weight(self.index, input.dtype), self.bias)


class PackedAttention(LTX2Attention):  # type: ignore[misc]
    """An attention whose queries', keys', values' and output's weights are one :class:`Packed`."""

    packed: Packed

    def forward(self, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """As the stock attention, with all four weights turned back at once. Where keys and values
        are cached, only the two weights that take part are, each by its layer."""
        if getattr(self.processor, "kept", None) is None:
            self.packed.open(hidden_states.dtype)
        try:
            found: Tensor = super().forward(hidden_states, *args, **kwargs)
        finally:
            self.packed.close()
        return found


def large_matrices(block: nn.Module) -> list[nn.Linear]:
    """The layers of a transformer's block that few bits suffice for."""
    endings = (*ATTENTION, *FEED_FORWARD)
    named = block.named_modules()
    return [m for name, m in named if isinstance(m, nn.Linear) and name.endswith(endings)]


def unpack(block: nn.Module, dtype: torch.dtype) -> None:
    """Let each layer of a block have its weight by itself again: float8 as it is stored, 4 bits
    turned back.

    Args:
        dtype: of weights that are turned back.
    """
    for layer in large_matrices(block):
        if isinstance(layer, PackedLinear):
            weight = nn.Parameter(layer.packed.single(layer.index, dtype), requires_grad=False)
            del layer.packed
            plain = cast(nn.Linear, layer)
            plain.__class__ = nn.Linear
            plain.weight = weight
    for module in block.modules():
        if isinstance(module, PackedAttention):
            del module.packed
            module.__class__ = LTX2Attention


def quantize_transformer(
    transformer: Any, packing: type[Packed], device: torch.device, *, waits: bool = False
) -> None:
    """Store the large matrices of a transformer's blocks in few bits: queries, keys, values and
    output of each attention, and both layers of each feed-forward. They are converted on the
    device, block by block, so that it never holds more than one unconverted block.

    Args:
        transformer: an ``LTX2VideoTransformer3DModel``, with its weights in host memory.
        waits: bring each block back to host memory; otherwise all of it ends on the device.
    """
    for block in transformer.transformer_blocks:
        block.to(device)
        for name, module in list(block.named_modules()):
            if isinstance(module, LTX2Attention):
                layers = (module.to_q, module.to_k, module.to_v, module.to_out[0])
                module.packed = _pack(layers, packing)
                module.__class__ = PackedAttention
            elif name.endswith(FEED_FORWARD):
                _pack((module,), packing)
        if waits:
            block.to("cpu")
    if not waits:
        transformer.to(device)


def quantize_text_encoder(
    text_encoder: Any, packing: type[Packed], device: torch.device, *, waits: bool = False
) -> None:
    """Store the matrices of a text encoder's layers in few bits; its word embeddings stay exact.

    Args:
        text_encoder: a Gemma of transformers, with its weights in host memory.
        waits: as for :func:`quantize_transformer`.
    """
    for layer in text_encoder.model.language_model.layers:
        layer.to(device)
        for module in list(layer.modules()):
            if isinstance(module, nn.Linear):
                _pack((module,), packing)
        if waits:
            layer.to("cpu")
    if not waits:
        text_encoder.to(device)


def _pack(layers: Sequence[nn.Linear], packing: type[Packed]) -> Packed:
    packed = packing([layer.weight for layer in layers])
    for index, layer in enumerate(layers):
        del layer.weight
        layer.__class__ = PackedLinear
        made = cast(PackedLinear, layer)
        made.packed, made.index = packed, index
    return packed


def require_bitsandbytes() -> None:
    """See that what 4 bits need is installed.

    Raises:
        ModelUnavailable: it is not; says how to install it.
    """
    try:
        import_module("bitsandbytes")
    except ImportError as error:
        raise ModelUnavailable(
            f"--quantize needs the package bitsandbytes, which can't be imported ({error}). "
            "Install it with pip install 'bitsandbytes>=0.50.2,<0.51', or leave --quantize out."
        ) from None
