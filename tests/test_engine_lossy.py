"""Lossy speed does what its name says, no more, and says so in the take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from families import pipeline
from studios import PATIENCE, OpenStudio

from ltx_ui.clip import Silent
from ltx_ui.engine import compat, loading
from ltx_ui.engine.choosing import choose
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.lossy import LossySpeed, StepCache
from ltx_ui.engine.models import CARDS
from ltx_ui.engine.optimizations import Optimizations, OptimizedTransformer
from ltx_ui.engine.placement import Placement, Working
from ltx_ui.engine.sampling import Latents, clips_cached, sample, texts_kept
from ltx_ui.engine.streaming import stream
from ltx_ui.engine.text import PromptEncoder
from ltx_ui.errors import Cancelled, ModelUnavailable
from ltx_ui.lossy import EXACT, Lossy
from ltx_ui.recipe import Recipe
from training.measure import psnr

STEPS = 5
RECIPE = Recipe(
    prompt="A red ball in a studio. It stays still.",
    width=128,
    height=128,
    num_frames=9,
    num_inference_steps=STEPS,
    seed=5,
)
HIGH = RECIPE.model_copy(update={"mode": "high"})
PLAIN = RECIPE.model_copy(update={"guidance_scale": 1.0})
NEAR = 1e9
"""A threshold with which every step is near an earlier one."""
EVERYTHING = Lossy(skip_guidance=0.5, step_cache=0.2)


@pytest.fixture(scope="module")
def model() -> tuple[Any, PromptEncoder]:
    pipe = pipeline("2.0", perturbed_attn=True)
    return pipe, PromptEncoder(pipe)


@contextmanager
def lossy(pipe: Any, chosen: Lossy) -> Iterator[LossySpeed]:
    speed = LossySpeed(pipe, chosen)
    try:
        yield speed
    finally:
        speed.remove()


@torch.inference_mode()
def latents(model: tuple[Any, PromptEncoder], recipe: Recipe = RECIPE) -> Latents:
    return sample(model[0], CARDS["ltx-2"], model[1], recipe, Silent())


def same(one: Latents, other: Latents) -> bool:
    return torch.equal(one.video, other.video) and torch.equal(one.audio, other.audio)


@contextmanager
def batches(module: Any) -> Iterator[list[int]]:
    """The batch of each of a module's computations."""
    seen: list[int] = []
    handle = module.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(len(kwargs["hidden_states"])), with_kwargs=True
    )
    yield seen
    handle.remove()


@pytest.mark.parametrize(
    ("share", "computed"),
    [
        (1.0, [2] * 5),
        (0.6, [2] * 3 + [1] * 2),
        (0.5, [2] * 3 + [1] * 2),
        (0.7, [2] * 4 + [1]),
        (0.0, [1] * 5),
    ],
)
def test_from_its_share_of_the_steps_on_one_forward_with_the_prompt_is_left(
    model: tuple[Any, PromptEncoder], share: float, computed: list[int]
) -> None:
    with lossy(model[0], Lossy(skip_guidance=share)), batches(model[0].transformer) as seen:
        latents(model)
    assert seen == computed


def test_the_extra_guidance_of_the_high_mode_is_skipped_too(
    model: tuple[Any, PromptEncoder],
) -> None:
    with lossy(model[0], Lossy(skip_guidance=0.6)), batches(model[0].transformer) as seen:
        latents(model, HIGH)
    assert seen == [2, 1, 1] * 3 + [1] * 2


@pytest.mark.parametrize("mode", ["standard", "high"])
def test_a_step_without_guidance_is_a_step_at_guidance_1(
    model: tuple[Any, PromptEncoder], mode: str
) -> None:
    """Skipped in every step, guidance leaves the same clip as switched off."""
    with lossy(model[0], Lossy(skip_guidance=0.0)):
        skipped = latents(model, RECIPE.model_copy(update={"mode": mode}))
    plain = latents(model, PLAIN)
    assert torch.allclose(skipped.video, plain.video, atol=1e-4)
    assert torch.allclose(skipped.audio, plain.audio, atol=1e-4)
    assert not torch.allclose(latents(model).video, plain.video, atol=1e-2)


@pytest.mark.parametrize("recipe", [RECIPE, HIGH, PLAIN], ids=["guided", "high", "plain"])
def test_switched_on_without_effect_it_changes_no_bit(
    model: tuple[Any, PromptEncoder], recipe: Recipe
) -> None:
    exact = latents(model, recipe)
    with lossy(model[0], Lossy(skip_guidance=1.0, step_cache=0.0)):
        assert same(latents(model, recipe), exact)
    with lossy(model[0], EVERYTHING):
        assert not same(latents(model, recipe), exact)
    assert same(latents(model, recipe), exact)


def test_kept_text_and_compiled_blocks_stay_what_they_were(
    model: tuple[Any, PromptEncoder],
) -> None:
    torch.compiler.reset()
    pipe = model[0]
    with lossy(pipe, EVERYTHING) as speed:
        alone = latents(model)
        speed.forget()
    projections: list[int] = []
    handle = pipe.transformer.transformer_blocks[0].attn2.to_k.register_forward_hook(
        lambda *_: projections.append(1)
    )
    optimizations = Optimizations(compile=True, backend="eager")
    taken = OptimizedTransformer(pipe.transformer, optimizations)
    assert taken.compiled is not None
    for _ in range(2):
        with lossy(pipe, EVERYTHING):
            made = latents(model)
        taken.compiled.wait()
        taken.forget()
        assert torch.allclose(made.video, alone.video, atol=1e-4)
    taken.remove()
    handle.remove()
    # Once for both texts and once for the prompt alone, in each clip.
    assert len(projections) == 4


@pytest.mark.parametrize("recipe", [RECIPE, HIGH, PLAIN], ids=["guided", "high", "plain"])
@pytest.mark.parametrize("skip", [None, 0.5])
def test_each_kind_of_forward_counts_in_what_a_step_cache_keeps(
    model: tuple[Any, PromptEncoder], recipe: Recipe, skip: float | None
) -> None:
    chosen, kinds = Lossy(skip_guidance=skip, step_cache=0.0), set()

    def see(_: Any, __: Any, kwargs: dict[str, Any]) -> None:
        extra = kwargs["isolate_modalities"], bool(kwargs["spatio_temporal_guidance_blocks"])
        kinds.add((len(kwargs["hidden_states"]), *extra))

    with lossy(model[0], chosen):
        handle = model[0].transformer.register_forward_pre_hook(see, with_kwargs=True)
        latents(model, recipe)
        handle.remove()
    assert sum(batch for batch, *_ in kinds) == clips_cached(recipe, CARDS["ltx-2"], chosen)


class Counting:
    """The forwards in which a block was computed."""

    def __init__(self, pipe: Any, *blocks: int) -> None:
        self.counts = dict.fromkeys(blocks, 0)
        for number in blocks:
            pipe.transformer.transformer_blocks[number].register_forward_hook(self._hook(number))

    def _hook(self, number: int) -> Any:
        def count(*_: Any) -> None:
            self.counts[number] += 1

        return count


def test_blocks_are_left_out_where_the_first_hardly_changes() -> None:
    pipe = pipeline("2.0", perturbed_attn=True)
    model = pipe, PromptEncoder(pipe)
    counting = Counting(pipe, 0, 1, 29)
    StepCache(pipe.transformer, NEAR)
    latents(model, HIGH)
    # Each of the three kinds of forward is computed once in full.
    assert counting.counts == {0: 3 * STEPS, 1: 3, 29: 3}


def test_a_forward_that_is_left_out_adds_what_the_last_one_added() -> None:
    pipe = pipeline("2.0")
    model = pipe, PromptEncoder(pipe)
    cache = StepCache(pipe.transformer, NEAR)
    blocks = pipe.transformer.transformer_blocks
    after: list[torch.Tensor] = []
    for block in (blocks[0], blocks[-1]):
        note_answers(block, after)
    latents(model, RECIPE.model_copy(update={"num_inference_steps": 2}))
    first, last, other_first, other_last = after
    assert torch.allclose(other_last - other_first, last - first, atol=1e-5)
    assert not torch.equal(first, other_first)
    assert (cache.forwards, cache.reused) == (2, 1)


def note_answers(block: Any, after: list[torch.Tensor]) -> None:
    """Note the video that a block's call answers with."""
    answering = compat.answering_call(block)
    assert answering is not None

    def call(**kwargs: Any) -> Any:
        found = answering(**kwargs)
        after.append(found[0])
        return found

    compat.call_instead(block, call)


def test_nothing_of_a_clip_is_used_in_the_next(model: tuple[Any, PromptEncoder]) -> None:
    other = RECIPE.model_copy(update={"prompt": "A blue box.", "seed": 9})
    with lossy(model[0], EVERYTHING) as speed:
        alone = latents(model, other)
        speed.forget()
        latents(model)
        speed.forget()
        assert same(latents(model, other), alone)


class Stopping(Silent):
    """Stops a clip in the middle."""

    def progress(self, stage: Any, step: int = 0, steps: int = 0) -> None:
        if step == 3:
            raise Cancelled


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    engine = Engine("demo", tmp_path_factory.mktemp("models"), lossy=EVERYTHING)
    engine.load(lambda message, fraction: None)
    return engine


NOTE = "Lossy speed: skip-guidance=0.5, step-cache=0.2. Without it this seed gives another clip."


def test_a_take_says_what_it_was_made_with(engine: Engine, fast: Engine) -> None:
    assert engine.generate(RECIPE, Silent()).notes == ()
    assert fast.generate(RECIPE, Silent()).notes == (NOTE,)
    assert all(name in fast.device for name in EVERYTHING.names)
    assert next(fast.generate_many([RECIPE], Silent())).notes == (NOTE,)
    plain = fast.generate(PLAIN, Silent()).notes
    assert plain == (NOTE.replace("skip-guidance=0.5, ", ""),)


def test_a_clip_after_a_cancelled_one_is_the_same(fast: Engine) -> None:
    before = fast.generate(RECIPE, Silent()).frames
    with pytest.raises(Cancelled):
        fast.generate(RECIPE.model_copy(update={"seed": 6}), Stopping())
    assert (fast.generate(RECIPE, Silent()).frames == before).all()


def test_lossy_is_near_and_not_the_same(engine: Engine, fast: Engine) -> None:
    exact, made = engine.generate(RECIPE, Silent()), fast.generate(RECIPE, Silent())
    assert 25 < psnr(made.frames, exact.frames) < 60


def test_other_optimizations_leave_it_on(fast: Engine) -> None:
    before = fast.generate(RECIPE, Silent()).frames
    fast.use(Optimizations(keep_text=False))
    made = fast.generate(RECIPE, Silent())
    fast.use(Optimizations())
    assert (made.frames == before).all() and made.notes == (NOTE,)


def test_the_plan_counts_the_text_that_steps_without_guidance_keep() -> None:
    card = CARDS["ltx-2"]
    assert texts_kept(RECIPE, card, EVERYTHING) == texts_kept(RECIPE, card) + 1
    for recipe in (HIGH, PLAIN):
        assert texts_kept(recipe, card, EVERYTHING) == texts_kept(recipe, card)


def test_the_choice_at_start_counts_what_lossy_speed_takes_and_saves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[Working] = []

    def seen(title: str, weights: Any, free: Any, beside: Working, *rest: Any) -> Placement:
        counted.append(beside)
        return choose(title, weights, free, beside, *rest)

    monkeypatch.setattr(loading, "choose", seen)
    for speed in (EXACT, Lossy(fp8_matmul=True, skip_guidance=0.5, step_cache=0.1)):
        loading.load(CARDS["demo"], tmp_path, lambda message, fraction: None, lossy=speed)
    exact, fast = counted
    assert (exact.rounded, fast.rounded) == (False, True)
    assert fast.text == exact.text * 3 // 2
    assert exact.cached == 0 < fast.cached


def test_streamed_blocks_are_left_alone_and_the_note_does_not_claim_otherwise() -> None:
    pipe = pipeline("2.0")
    stream(pipe.transformer, torch.device("cpu"), blocks=True)
    with lossy(pipe, Lossy(fp8_matmul=True, skip_guidance=0.5, step_cache=0.2)) as speed:
        assert speed.lossy == Lossy(skip_guidance=0.5)
        assert speed.notes(guided=False) == ()
        latents((pipe, PromptEncoder(pipe)))


def test_products_in_8_bits_are_refused_where_there_are_none(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"8\.9 or newer .* this is a CPU\. Leave"):
        Engine("demo", tmp_path, lossy=Lossy(fp8_matmul=True))


def test_a_lossy_attention_kernel_is_named_too(model: tuple[Any, PromptEncoder]) -> None:
    speed = LossySpeed(model[0], EXACT)
    assert speed.notes(guided=True) == ()
    assert "Lossy speed: attention sage." in speed.notes(guided=True, others=["attention sage"])[0]


def test_the_library_keeps_the_note(open_studio: OpenStudio) -> None:
    studio = open_studio(lossy="skip-guidance=0.5,step-cache=0.2")
    job = studio.submit(RECIPE, "ada")
    studio.wait(job.id, "ada", PATIENCE)
    assert NOTE in studio.library.take(job.id, "ada").notes
