"""Large matrices multiplied in 8 bits: by the real product, which a CPU has too, only slowly."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from families import pipeline
from torch import nn

from ltx_ui.engine.float8_matmul import FLOAT8, Float8Product, multiply_in_float8, rounded
from ltx_ui.engine.machine import CPU
from ltx_ui.engine.quantization import ATTENTION, FEED_FORWARD, Float8, quantize_transformer

ROUNDED = (*ATTENTION, *FEED_FORWARD)
STEP = 2.0**-4
"""The most by which rounding to float8 (three bits after the first) changes a number."""


@pytest.fixture
def transformer() -> Any:
    made = pipeline("2.0").transformer.bfloat16()
    multiply_in_float8(made)
    return made


def test_each_row_is_scaled_to_the_whole_of_float8() -> None:
    rows = torch.randn(7, 64) * torch.logspace(-6, 6, 7)[:, None]
    small, scale = rounded(rows)
    assert small.dtype == FLOAT8 and scale.shape == (7, 1)
    assert torch.equal(small.float().abs().amax(1), torch.full((7,), 448.0))
    off = (small.float() * scale - rows).abs()
    assert (off <= STEP * rows.abs() + 1e-3 * scale).all()
    assert torch.isfinite(rounded(torch.zeros(2, 16))[0].float()).all()


def test_the_blocks_large_matrices_are_converted_and_nothing_else(transformer: Any) -> None:
    converted = {n for n, m in transformer.named_modules() if isinstance(m, Float8Product)}
    linear = {n for n, m in transformer.named_modules() if isinstance(m, nn.Linear)}
    wanted = {n for n in linear if n.startswith("transformer_blocks") and n.endswith(ROUNDED)}
    assert converted == wanted and len(wanted) > 100
    assert transformer.dtype == torch.bfloat16


def test_a_layer_multiplies_what_it_stores(transformer: Any) -> None:
    layer = transformer.transformer_blocks[0].attn1.to_q
    given = torch.randn(2, 5, layer.in_features, dtype=torch.bfloat16)
    small, scale = rounded(given.flatten(0, 1))
    exact = (small.double() * scale) @ (layer.weight.double() * layer.scale.mT).mT + layer.bias
    found = layer(given)
    assert found.shape == (2, 5, layer.out_features) and found.dtype == torch.bfloat16
    # Half a step of bfloat16, and float32 sums.
    assert ((found.flatten(0, 1) - exact).abs() <= 2.0**-8 * exact.abs() + 1e-4).all()


def test_it_is_near_the_exact_layer(transformer: Any) -> None:
    exact = pipeline("2.0").transformer.transformer_blocks[3].ff.net[0].proj
    given = torch.randn(50, exact.in_features)
    found = transformer.transformer_blocks[3].ff.net[0].proj(given.bfloat16()).float()
    off = (found - exact(given)).norm() / exact(given).norm()
    assert 0 < off < 0.06


def test_weights_stored_in_8_bits_are_taken_as_they_are() -> None:
    stored = pipeline("2.0").transformer.bfloat16()
    quantize_transformer(stored, Float8, CPU)
    layer = stored.transformer_blocks[0].attn1.to_k
    before = layer.weight.detach().view(torch.uint8).clone()
    given = torch.randn(4, layer.in_features, dtype=torch.bfloat16)
    usual = layer(given)
    multiply_in_float8(stored)
    multiply_in_float8(stored)  # A second time changes nothing.
    assert isinstance(layer, Float8Product)
    assert torch.equal(layer.weight.view(torch.uint8), before)
    assert torch.allclose(layer(given), usual, rtol=0.1, atol=0.05)


def test_it_can_be_compiled(transformer: Any) -> None:
    layer = transformer.transformer_blocks[0].ff
    given = torch.randn(1, 5, layer.net[2].out_features, dtype=torch.bfloat16)
    with torch.inference_mode():
        compiled: Any = torch.compile(layer, fullgraph=True, backend="aot_eager")
        assert torch.equal(compiled(given), layer(given))
