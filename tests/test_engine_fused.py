"""Triton kernels compute what the blocks' own modules do, up to rounding.

Where there is no GPU, they are run by Triton's interpreter. It cuts numbers off where it turns them
into bfloat16, and a GPU rounds them.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch import Tensor, nn

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
if find_spec("triton") is None:
    pytest.skip("Triton comes with torch for CUDA; pip install triton", allow_module_level=True)
if DEVICE == "cpu" and not os.environ.get("TRITON_INTERPRET"):
    pytest.skip("without a GPU Triton needs TRITON_INTERPRET=1", allow_module_level=True)

from diffusers.models.normalization import RMSNorm
from diffusers.models.transformers.transformer_ltx2 import apply_split_rotary_emb
from families import Family, pipeline

from ltx_ui.clip import Silent
from ltx_ui.engine.fused import can_fuse, fuse
from ltx_ui.engine.kernels import norm_modulate, norm_rotate
from ltx_ui.engine.machine import CPU
from ltx_ui.engine.models import CARDS
from ltx_ui.engine.optimizations import Optimizations, OptimizedTransformer
from ltx_ui.engine.sampling import sample
from ltx_ui.engine.text import PromptEncoder
from ltx_ui.recipe import Recipe

EPS = 1e-6
TOLERANCE = {torch.float32: 2e-6, torch.bfloat16: 2.0**-7 if DEVICE == "cuda" else 2.0**-5}
"""Of the largest number: some roundings of float32, and one step of bfloat16; four steps where each
of four roundings cuts off."""
RECIPE = Recipe(
    prompt="a red ball", width=128, height=128, num_frames=9, num_inference_steps=2, seed=5
)
DTYPES = [torch.float32, torch.bfloat16]


def near(found: Tensor, exact: Tensor) -> bool:
    assert found.shape == exact.shape and found.dtype == exact.dtype
    off = (found.float() - exact.float()).abs().max()
    return bool(off <= TOLERANCE[exact.dtype] * exact.float().abs().max())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tokens", [1, 7], ids=["one timestep", "a timestep for each token"])
@pytest.mark.parametrize("channels", [48, 64])
def test_a_norm_with_its_modulation(dtype: torch.dtype, tokens: int, channels: int) -> None:
    x = 3 * torch.randn(2, 7, channels).to(DEVICE, dtype)
    # As the block has them: slices of one tensor.
    table = torch.randn(2, tokens, 6, channels).to(DEVICE, dtype)
    shift, scale, *_ = table.unbind(dim=2)
    normed = RMSNorm(channels, EPS, elementwise_affine=False)(x)
    assert near(norm_modulate(x, EPS, scale, shift), normed * (1 + scale) + shift)
    assert near(norm_modulate(x, EPS), normed)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", [1, 2], ids=["positions for all", "positions for each"])
def test_a_norm_with_its_rotation(dtype: torch.dtype, batch: int) -> None:
    heads, channels, tokens = 3, 16, 5
    norm = nn.RMSNorm(heads * channels, eps=EPS, device=DEVICE, dtype=dtype)
    nn.init.normal_(norm.weight)
    x = 3 * torch.randn(2, tokens, heads * channels).to(DEVICE, dtype)
    angles = torch.randn(batch, tokens, heads, channels // 2, device=DEVICE)
    angles = angles.swapaxes(1, 2)
    rotation = angles.cos(), angles.sin()
    everywhere = tuple(part.expand(2, -1, -1, -1) for part in rotation)
    exact = apply_split_rotary_emb(norm(x), everywhere).unflatten(2, (heads, -1))
    found = norm_rotate(x, norm.weight.detach(), EPS, rotation, heads)
    assert near(found, exact.detach())


def one_call(family: Family) -> tuple[Any, dict[str, Any]]:
    """A transformer with two blocks, and what its second one is called with."""
    pipe = pipeline(family, perturbed_attn=True).to(DEVICE)
    del pipe.transformer.transformer_blocks[2:]
    with torch.no_grad():
        for name, weight in pipe.transformer.named_parameters():
            if "norm_q" in name or "norm_k" in name:
                weight.normal_()
    seen: list[dict[str, Any]] = []
    handle = pipe.transformer.transformer_blocks[1].register_forward_pre_hook(
        lambda _, __, kwargs: seen.append(kwargs), with_kwargs=True
    )
    with torch.inference_mode():
        sample(pipe, CARDS["ltx-2"], PromptEncoder(pipe), RECIPE, Silent())
    handle.remove()
    return pipe.transformer, {**seen[0], "encoder_attention_mask": None}


@pytest.mark.parametrize(
    ("family", "given"),
    [
        ("2.0", {}),
        ("2.3", {}),
        ("2.5", {}),
        ("2.0", {"use_a2v_cross_attention": False, "use_v2a_cross_attention": False}),
        ("2.0", {"perturbation_mask": torch.zeros(2, 1, 1), "all_perturbed": True}),
        ("2.3", {"perturbation_mask": torch.eye(2, 1)[:, None], "all_perturbed": False}),
    ],
    ids=["2.0", "2.3", "2.5", "isolated", "perturbed", "half perturbed"],
)
@torch.inference_mode()
def test_a_block_with_the_kernels(family: Family, given: dict[str, Any]) -> None:
    transformer, usual = one_call(family)
    block = transformer.transformer_blocks[1]
    given = {n: v.to(DEVICE) if isinstance(v, Tensor) else v for n, v in given.items()}
    exact = block(**usual | given)
    undo = fuse(transformer)
    assert all(near(a, b) for a, b in zip(block(**usual | given), exact, strict=True))
    undo()
    assert all(torch.equal(a, b) for a, b in zip(block(**usual | given), exact, strict=True))


@torch.inference_mode()
def test_a_block_heeds_a_mask() -> None:
    transformer, usual = one_call("2.0")
    block, tokens = transformer.transformer_blocks[1], usual["hidden_states"].shape[1]
    usual["self_attention_mask"] = -10.0 * torch.eye(tokens, device=DEVICE).expand(2, -1, -1)
    exact = block(**usual)
    fuse(transformer)
    assert all(near(a, b) for a, b in zip(block(**usual), exact, strict=True))
    without = block(**{**usual, "self_attention_mask": None})
    assert not near(without[0], exact[0])


def test_blocks_are_fused_on_cuda_alone_and_where_nothing_is_compiled() -> None:
    transformer = pipeline("2.0").transformer
    block = transformer.transformer_blocks[0]
    assert can_fuse(transformer)
    for optimizations, device, fused in (
        (Optimizations(), torch.device("cuda"), True),
        (Optimizations(fused_kernels=False), torch.device("cuda"), False),
        (Optimizations(compile=True, backend="eager"), torch.device("cuda"), False),
        (Optimizations(), CPU, False),
    ):
        taken = OptimizedTransformer(transformer, optimizations, device)
        assert ("forward" in vars(block)) == fused
        taken.remove()
        assert "forward" not in vars(block)
