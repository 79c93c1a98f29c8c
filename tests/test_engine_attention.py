"""Attention in bfloat16 on a CPU: the same within its rounding, and only where it may be."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from families import pipeline
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.profiler import profile

from ltx_ui.clip import Silent
from ltx_ui.engine import attention as plain
from ltx_ui.engine.attention import attention
from ltx_ui.engine.models import CARDS
from ltx_ui.engine.optimizations import Optimizations, OptimizedTransformer
from ltx_ui.engine.sampling import sample
from ltx_ui.engine.text import PromptEncoder
from ltx_ui.recipe import Recipe
from tests.rehearsal.compat import function_modes

RECIPE = Recipe(
    prompt="a red ball", width=128, height=128, num_frames=9, num_inference_steps=2, seed=5
)
FUSED = "aten::_scaled_dot_product_flash_attention_for_cpu"


def queries(places: int, dtype: torch.dtype, seed: int) -> Tensor:
    """2 clips, 3 heads of 16 channels."""
    noise = torch.Generator().manual_seed(seed)
    return torch.randn(2, places, 3, 16, generator=noise).permute(0, 2, 1, 3).to(dtype)


def of(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    return queries(40, dtype, 1), queries(70, dtype, 2), queries(70, dtype, 3)


@pytest.mark.parametrize("at_once", [1, 4 * 40 * 70, 1_000_000])
@pytest.mark.parametrize("learning", [False, True])
def test_a_few_heads_at_a_time_are_attention_within_the_rounding(
    monkeypatch: pytest.MonkeyPatch, at_once: int, learning: bool
) -> None:
    monkeypatch.setattr(plain, "SCORES", at_once)
    monkeypatch.setattr(plain, "LEARNT_SCORES", at_once)
    exact = scaled_dot_product_attention(*of(torch.float32))
    with torch.set_grad_enabled(learning):
        made = attention(*of(torch.bfloat16))
    assert made.dtype == torch.bfloat16 and made.shape == exact.shape
    assert (made.float() - exact).abs().max() < 0.03 < exact.abs().max() / 10


@pytest.mark.parametrize(
    ("dtype", "asked"),
    [
        (torch.float32, {}),
        (torch.bfloat16, {"scale": 0.5}),
        (torch.bfloat16, {"is_causal": True}),
        (torch.bfloat16, {"attn_mask": torch.ones(2, 1, 40, 70, dtype=torch.bool).tril()}),
    ],
)
def test_whatever_else_is_asked_for_is_left_to_pytorch(
    dtype: torch.dtype, asked: dict[str, Any]
) -> None:
    assert torch.equal(
        attention(*of(dtype), **asked), scaled_dot_product_attention(*of(dtype), **asked)
    )


def test_it_is_learnt_through_under_autocast() -> None:
    parts = [part.requires_grad_() for part in of(torch.float32)]
    with torch.autocast("cpu", torch.bfloat16):
        made = attention(*parts)
    assert made.dtype == torch.bfloat16
    made.float().square().sum().backward()
    found = [part.grad.clone() for part in parts if part.grad is not None]
    for part in parts:
        part.grad = None
    query, key, value = parts
    scaled_dot_product_attention(query, key, value).square().sum().backward()
    for part, gradient in zip(parts, found, strict=True):
        assert part.grad is not None
        torch.testing.assert_close(gradient, part.grad, rtol=0, atol=0.03)


@torch.inference_mode()
def fused_calls(pipe: Any, encoder: PromptEncoder) -> int:
    with profile() as seen:
        sample(pipe, CARDS["ltx-2"], encoder, RECIPE, Silent())
    return sum(event.count for event in seen.key_averages() if event.key == FUSED)


@pytest.mark.skipif(torch.cuda.is_available(), reason="it is for machines without CUDA")
def test_the_picture_attends_so_while_the_optimization_is_on() -> None:
    pipe = pipeline("2.0")
    # Of all thirty blocks the profiler sorts its events for a minute.
    pipe.transformer.transformer_blocks = pipe.transformer.transformer_blocks[:4]
    pipe.to(torch.bfloat16)
    encoder = PromptEncoder(pipe)
    fused_calls(pipe, encoder)
    stock = fused_calls(pipe, encoder)
    taken = OptimizedTransformer(pipe.transformer, Optimizations(drop_masks=True))
    fewer = stock - fused_calls(pipe, encoder)
    taken.remove()
    assert fused_calls(pipe, encoder) == stock
    forwards = RECIPE.num_inference_steps
    assert fewer == 2 * len(pipe.transformer.transformer_blocks) * forwards > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="it is for machines without CUDA")
def test_nothing_is_left_behind_when_a_layer_fails() -> None:
    pipe = pipeline("2.0")
    pipe.to(torch.bfloat16)
    taken = OptimizedTransformer(pipe.transformer, Optimizations())

    def fail(*_: Any) -> None:
        raise torch.OutOfMemoryError("no room")

    pipe.transformer.transformer_blocks[1].attn1.to_q.register_forward_hook(fail)
    with pytest.raises(torch.OutOfMemoryError):
        fused_calls(pipe, PromptEncoder(pipe))
    assert function_modes() == []
    taken.remove()
