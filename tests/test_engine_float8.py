"""Weights in 8 bits, as the authors keep them: the blocks' large matrices and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from families import Family, pipeline
from torch import nn

from ltx_ui.engine.float8 import Float8Linear, keep_in_8_bits
from ltx_ui.engine.machine import CPU

FLOAT8 = torch.float8_e4m3fn


def in_8_bits(family: Family = "2.0") -> Any:
    transformer = pipeline(family).transformer.bfloat16()
    keep_in_8_bits(transformer, CPU)
    return transformer


@pytest.fixture(scope="module")
def rounded() -> Iterator[Any]:
    yield in_8_bits()


def test_queries_keys_values_outputs_and_feed_forwards_of_the_blocks_are_rounded(
    rounded: Any,
) -> None:
    names = {name for name, p in rounded.named_parameters() if p.dtype == FLOAT8}
    attentions = ["attn1", "attn2", "audio_attn1", "audio_attn2"]
    attentions += ["audio_to_video_attn", "video_to_audio_attn"]
    parts = [f"{a}.{p}" for a in attentions for p in ("to_q", "to_k", "to_v", "to_out.0")]
    parts += [f"{ff}.net.{layer}" for ff in ("ff", "audio_ff") for layer in ("0.proj", "2")]
    blocks = range(len(rounded.transformer_blocks))
    assert names == {f"transformer_blocks.{b}.{part}.weight" for b in blocks for part in parts}
    others = {p.dtype for name, p in rounded.named_parameters() if name not in names}
    assert others == {torch.bfloat16}
    assert rounded.dtype == torch.bfloat16


def test_gates_of_later_families_stay_exact() -> None:
    transformer = in_8_bits("2.5")
    gates = [m for n, m in transformer.named_modules() if n.endswith("to_gate_logits")]
    assert gates and not any(isinstance(gate, Float8Linear) for gate in gates)


def test_a_rounded_layer_computes_with_what_it_stores_and_stores_it_still(rounded: Any) -> None:
    layer = rounded.transformer_blocks[0].attn1.to_q
    stored, given = layer.weight.clone(), torch.randn(3, layer.in_features, dtype=torch.bfloat16)
    exact = nn.functional.linear(given, stored.to(torch.bfloat16), layer.bias)
    assert torch.equal(layer(given), exact)
    assert layer.weight.dtype == FLOAT8
    assert torch.equal(layer.weight.view(torch.uint8), stored.view(torch.uint8))


def test_the_blocks_can_be_compiled_in_8_bits(rounded: Any) -> None:
    layer = rounded.transformer_blocks[0].ff
    given = torch.randn(1, 5, layer.net[2].out_features, dtype=torch.bfloat16)
    with torch.inference_mode():
        compiled: Any = torch.compile(layer, fullgraph=True, backend="eager")
        assert torch.equal(compiled(given), layer(given))
