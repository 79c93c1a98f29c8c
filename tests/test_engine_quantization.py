"""Weights in 8 and 4 bits: the blocks' large matrices and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from families import Family, pipeline
from torch import nn

from ltx_ui.engine.machine import CPU
from ltx_ui.engine.optimizations import Optimizations, OptimizedTransformer
from ltx_ui.engine.quantization import (
    Float8,
    Nf4,
    Packed,
    PackedLinear,
    quantize_text_encoder,
    quantize_transformer,
)

FLOAT8 = torch.float8_e4m3fn


def quantized(packing: type[Packed] = Float8, family: Family = "2.0") -> Any:
    transformer = pipeline(family).transformer.bfloat16()
    quantize_transformer(transformer, packing, CPU)
    return transformer


@pytest.fixture(scope="module", params=[Float8, Nf4])
def rounded(request: pytest.FixtureRequest) -> Any:
    return quantized(request.param)


def packed_layers(module: nn.Module) -> dict[str, PackedLinear]:
    return {n: m for n, m in module.named_modules() if isinstance(m, PackedLinear)}


def test_queries_keys_values_outputs_and_feed_forwards_of_the_blocks_are_rounded(
    rounded: Any,
) -> None:
    attentions = ["attn1", "attn2", "audio_attn1", "audio_attn2"]
    attentions += ["audio_to_video_attn", "video_to_audio_attn"]
    parts = [f"{a}.{p}" for a in attentions for p in ("to_q", "to_k", "to_v", "to_out.0")]
    parts += [f"{ff}.net.{layer}" for ff in ("ff", "audio_ff") for layer in ("0.proj", "2")]
    blocks = range(len(rounded.transformer_blocks))
    assert set(packed_layers(rounded)) == {
        f"transformer_blocks.{b}.{part}" for b in blocks for part in parts
    }
    others = {p.dtype for name, p in rounded.named_parameters() if ".packed." not in name}
    assert others == {torch.bfloat16}
    assert rounded.dtype == torch.bfloat16


def test_gates_of_later_families_stay_exact() -> None:
    transformer = quantized(family="2.5")
    gates = [m for n, m in transformer.named_modules() if n.endswith("to_gate_logits")]
    assert gates and not any(isinstance(gate, PackedLinear) for gate in gates)


def test_a_layer_in_8_bits_computes_with_what_it_stores_and_stores_it_still() -> None:
    layer = quantized().transformer_blocks[0].attn1.to_v
    stored, given = layer.weight.clone(), torch.randn(3, layer.in_features, dtype=torch.bfloat16)
    exact = nn.functional.linear(given, stored.to(torch.bfloat16), layer.bias)
    assert stored.dtype == FLOAT8 and stored.shape == (layer.out_features, layer.in_features)
    assert torch.equal(layer(given), exact)
    assert torch.equal(layer.weight.view(torch.uint8), stored.view(torch.uint8))


@pytest.mark.parametrize(("packing", "bits"), [(Float8, 8), (Nf4, 4.5)])
def test_a_number_takes_so_many_bits_and_comes_back_nearly_as_it_was(
    packing: type[Packed], bits: float
) -> None:
    weights = [torch.randn(64, 128), torch.randn(32, 128), torch.randn(128, 96)]
    packed = packing(weights)
    stored = sum(p.nbytes for p in packed.parameters())
    assert 8 * stored == bits * sum(w.numel() for w in weights)
    for index, weight in enumerate(weights):
        back = packed.weight(index, torch.float32)
        assert torch.nn.functional.cosine_similarity(back, weight).min() > 0.98


def test_an_attention_turns_its_weights_back_once_and_keeps_none(
    rounded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    attention = rounded.transformer_blocks[0].attn1
    given = torch.randn(1, 5, attention.query_dim, dtype=torch.bfloat16)
    decode = type(attention.packed).decode
    spans: list[tuple[int, int]] = []

    def counted(packed: Packed, begin: int, end: int, dtype: torch.dtype) -> Any:
        spans.append((begin, end))
        return decode(packed, begin, end, dtype)

    monkeypatch.setattr(type(attention.packed), "decode", counted)
    layers = (attention.to_q, attention.to_k, attention.to_v, attention.to_out[0])
    with torch.inference_mode():
        attention(given)
        assert len(spans) == 1
        attention.to_q(given)
    assert spans[0] == (0, sum(m.in_features * m.out_features for m in layers))
    assert spans[1] == (0, attention.to_q.in_features * attention.to_q.out_features)


def test_cached_text_is_computed_with_the_same_weights(rounded: Any) -> None:
    attention = rounded.transformer_blocks[0].attn2
    given = torch.randn(1, 5, attention.query_dim, dtype=torch.bfloat16)
    text = torch.randn(1, 7, attention.cross_attention_dim, dtype=torch.bfloat16)
    optimized = OptimizedTransformer(rounded, Optimizations(plain_attention=False))
    with torch.inference_mode():
        plain = attention(given, text)
        heads = (attention.heads, -1)
        key, value = attention.norm_k(attention.to_k(text)), attention.to_v(text)
        attention.processor.kept = key.unflatten(2, heads), value.unflatten(2, heads)
        assert torch.equal(attention(given, text), plain)
    optimized.remove()


@pytest.mark.parametrize("part", ["ff", "attn1"])
def test_the_blocks_can_be_compiled(rounded: Any, part: str) -> None:
    module = rounded.transformer_blocks[0].get_submodule(part)
    given = torch.randn(1, 5, rounded.transformer_blocks[0].attn1.query_dim, dtype=torch.bfloat16)
    with torch.inference_mode():
        compiled: Any = torch.compile(module, fullgraph=True, backend="eager")
        assert torch.equal(compiled(given), module(given))


@pytest.mark.parametrize("packing", [Float8, Nf4])
def test_the_layers_of_a_text_encoder_are_rounded_and_nothing_else(packing: type[Packed]) -> None:
    encoder = pipeline("2.0").text_encoder
    exact = {name: p.clone() for name, p in encoder.named_parameters()}
    quantize_text_encoder(encoder, packing, CPU)
    layers = packed_layers(encoder)
    assert layers and all(".language_model.layers." in name for name in layers)
    for name, parameter in encoder.named_parameters():
        assert ".packed." in name or torch.equal(parameter, exact[name])
    assert len(exact) == len(dict(encoder.named_parameters())) - (packing is Nf4) * len(layers)
