"""Optimizations make a clip faster and leave it as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from families import pipeline
from torch import Tensor

from ltx_ui.clip import Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.kept_text import TEXT_LENGTH, kept_text_bytes
from ltx_ui.engine.models import CARDS, ModelCard
from ltx_ui.engine.optimizations import (
    Optimizations,
    OptimizedTransformer,
    default_optimizations,
)
from ltx_ui.engine.sampling import sample, texts_kept
from ltx_ui.engine.text import PromptEncoder
from ltx_ui.recipe import Recipe

RECIPE = Recipe(
    prompt="a red ball", width=128, height=128, num_frames=9, num_inference_steps=2, seed=5
)


@contextmanager
def optimized(transformer: Any, optimizations: Optimizations) -> Iterator[OptimizedTransformer]:
    taken = OptimizedTransformer(transformer, optimizations)
    try:
        yield taken
    finally:
        taken.remove()


@pytest.fixture(scope="module")
def family() -> tuple[Any, PromptEncoder]:
    pipe = pipeline("2.0", perturbed_attn=True)
    return pipe, PromptEncoder(pipe)


@torch.inference_mode()
def latents(
    pipe: Any, encoder: PromptEncoder, recipe: Recipe = RECIPE, card: ModelCard = CARDS["ltx-2"]
) -> tuple[Tensor, Tensor]:
    made = sample(pipe, card, encoder, recipe, Silent())
    return made.video, made.audio


def same(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("optimizations", "guidance", "mode"),
    [
        (Optimizations(keep_text=False), 3.0, "standard"),
        (Optimizations(), 1.0, "standard"),
        (Optimizations(), 3.0, "standard"),
        (Optimizations(), 3.0, "high"),
    ],
)
def test_a_lossless_optimization_changes_no_bit(
    family: tuple[Any, PromptEncoder], optimizations: Optimizations, guidance: float, mode: str
) -> None:
    recipe = Recipe.model_validate(
        {**RECIPE.model_dump(), "guidance_scale": guidance, "mode": mode}
    )
    plain = latents(*family, recipe)
    with optimized(family[0].transformer, optimizations):
        assert same(latents(*family, recipe), plain)
    assert same(latents(*family, recipe), plain)


def calls(module: Any) -> list[int]:
    """Counts a module's calls."""
    counted: list[int] = []
    module.register_forward_hook(lambda *_: counted.append(1))
    return counted


@pytest.mark.parametrize(("family_", "times"), [("2.0", 1), ("2.3", 2), ("2.5", 1)])
def test_the_text_is_projected_once_a_clip_where_it_is_the_same_at_every_step(
    family_: Any, times: int
) -> None:
    pipe = pipeline(family_)
    counted = calls(pipe.transformer.transformer_blocks[7].attn2.to_k)
    encoder = PromptEncoder(pipe)
    with optimized(pipe.transformer, Optimizations()) as taken:
        latents(pipe, encoder)
        assert len(counted) == times
        taken.forget()
        latents(pipe, encoder)
    assert len(counted) == 2 * times


def test_another_text_is_not_answered_with_the_first_ones_keys(
    family: tuple[Any, PromptEncoder],
) -> None:
    other = RECIPE.model_copy(update={"prompt": "a blue square on a hill"})
    plain = latents(*family, other)
    with optimized(family[0].transformer, Optimizations()):
        assert not same(latents(*family), plain)
        assert same(latents(*family, other), plain)


def test_no_mask_reaches_the_attention(family: tuple[Any, PromptEncoder]) -> None:
    seen: list[Any] = []
    block = family[0].transformer.transformer_blocks[0]
    hook = block.register_forward_pre_hook(
        lambda _, __, kwargs: seen.append(kwargs["encoder_attention_mask"]), with_kwargs=True
    )
    with optimized(family[0].transformer, Optimizations()):
        latents(*family)
    hook.remove()
    assert seen == [None] * 2


def test_blocks_run_as_they_are_until_they_are_compiled(family: tuple[Any, PromptEncoder]) -> None:
    traced = 0

    def backend(graph: Any, _: Any) -> Callable[..., Any]:
        nonlocal traced
        traced += 1
        return graph.forward  # type: ignore[no-any-return]

    torch.compiler.reset()
    plain = latents(*family)
    longer = RECIPE.model_copy(update={"num_frames": 25, "width": 160})
    plain_longer = latents(*family, longer)
    optimizations = Optimizations(compile=True, backend=backend)
    with optimized(family[0].transformer, optimizations) as taken:
        assert taken.compiled is not None
        assert same(latents(*family), plain)
        taken.compiled.wait()
        assert len(taken.compiled.ready) == 1
        before = traced
        assert same(latents(*family), plain)
        assert same(latents(*family, longer), plain_longer)
        # One graph serves all thirty blocks and every size.
        assert traced - before <= 1


def test_what_can_not_be_compiled_goes_on_as_it_is(family: tuple[Any, PromptEncoder]) -> None:
    def refuse(graph: Any, _: Any) -> Callable[..., Any]:
        raise RuntimeError("no compiler here")

    torch.compiler.reset()
    plain = latents(*family)
    optimizations = Optimizations(compile=True, backend=refuse)
    with optimized(family[0].transformer, optimizations) as taken:
        assert taken.compiled is not None
        latents(*family)
        taken.compiled.wait()
        assert not taken.compiled.ready
        assert same(latents(*family), plain)


def test_compiling_is_asked_for() -> None:
    assert not default_optimizations().compile
    assert default_optimizations(compile=True).compile


def test_the_engine_uses_the_optimizations(engine: Engine) -> None:
    counted = calls(engine.pipe.transformer.transformer_blocks[0].attn2.to_k)
    engine.generate(RECIPE, Silent())
    assert len(counted) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"guidance_scale": 1.0},
        {"mode": "high"},
        {"mode": "high", "guidance_scale": 1.0},
        {"two_stage": True},
        {"two_stage": True, "guidance_scale": 1.0},
        {"two_stage": True, "mode": "high"},
    ],
    ids=str,
)
def test_the_kept_text_takes_as_many_bytes_as_the_plan_counts(
    engine: Engine, fields: dict[str, Any]
) -> None:
    held = [0]
    transformer = engine.pipe.transformer

    def count(*_: Any) -> None:
        held.append(engine.optimized.text.nbytes if engine.optimized.text else 0)

    recipe = RECIPE.model_copy(update=fields)
    handle = transformer.register_forward_hook(count)
    try:
        engine.generate(recipe, Silent())
    finally:
        handle.remove()
    assert engine.optimized.text_bytes > 0
    share = engine.encoder.max_sequence_length / TEXT_LENGTH
    counted = texts_kept(recipe, engine.card) * engine.optimized.text_bytes
    assert max(held) == counted * share


def test_the_kept_text_of_ltx_2_5_changes_no_bit_though_each_block_has_its_own() -> None:
    pipe = pipeline("2.5", perturbed_attn=True)
    encoder, card = PromptEncoder(pipe), CARDS["ltx-2.5-full"]
    assert len(pipe.transformer.transformer_blocks) > 0
    for block in pipe.transformer.transformer_blocks:
        for table in (block.prompt_scale_shift_table, block.audio_prompt_scale_shift_table):
            assert table.abs().min() > 0, "a table of zeros would hide a mistake"
    plain = latents(pipe, encoder, card=card)
    with optimized(pipe.transformer, Optimizations()) as taken:
        assert same(latents(pipe, encoder, card=card), plain)
        assert taken.text_bytes > 0


def test_where_the_text_changes_from_step_to_step_nothing_is_kept_or_counted() -> None:
    transformer = pipeline("2.3").transformer
    assert kept_text_bytes(transformer.config, 2) == 0
    with optimized(transformer, Optimizations()) as taken:
        assert taken.text_bytes == 0
