"""The undistilled LTX-2 refines with its authors' LoRA, and is itself again afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import LTX2ConditionPipeline
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from families import VIDEO, save, save_lora
from lora_files import lora_weights
from lora_files import save_lora as save_own
from stock import two_stages

from ltx_ui.engine.engine import Engine
from ltx_ui.engine.models import CARDS, SCHEDULES
from ltx_ui.engine.optimizations import Optimizations
from ltx_ui.engine.placement import Placement
from ltx_ui.engine.sampling import Latents
from ltx_ui.engine.text import PromptEncoder
from ltx_ui.engine.twostage import TwoStage
from ltx_ui.errors import Cancelled, InvalidRecipe, ModelUnavailable
from ltx_ui.inputs import InputData, Inputs, LoraData
from ltx_ui.loras import LoraInput
from ltx_ui.recipe import Recipe

LORA = CARDS["ltx-2"].distilled_lora
STEPS = 2


class Log:
    """A listener that stops the clip after a step."""

    def __init__(self, stop_after: int | None = None) -> None:
        self._stop_after = stop_after

    def progress(self, stage: str, step: int = 0, steps: int = 0) -> None:
        if stage == "sampling" and step == self._stop_after:
            raise Cancelled


def recipe(**fields: Any) -> Recipe:
    base = {"width": 256, "height": 128, "num_frames": 9, "seed": 7, "two_stage": True}
    steps = {"num_inference_steps": STEPS, "guidance_scale": 3.0}
    return Recipe.model_validate({"prompt": "a red ball rolls", **base, **steps, **fields})


def loaded(folder: Path, placement: Placement | None = None) -> Engine:
    engine = Engine(str(folder), folder.parent, placement=placement)
    engine.load(lambda message, fraction: None)
    # Held against stock diffusers, so with its schedule.
    own = engine.pipe.scheduler
    engine.pipe.scheduler = type(own).from_config(own.config, **SCHEDULES["diffusers"])
    return engine


@torch.inference_mode()
def sampled(engine: Engine) -> Latents:
    return TwoStage(engine.pipe, engine.card).sample(engine.encoder, recipe(), Log())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save("2.0", tmp_path_factory.mktemp("models") / "ltx-2", with_upsampler=True)
    save_lora(folder / LORA)
    return folder


@pytest.fixture(scope="module")
def engine(folder: Path) -> Engine:
    return loaded(folder)


@pytest.fixture(scope="module")
def usual(engine: Engine) -> Latents:
    return sampled(engine)


@contextmanager
def loras(engine: Engine) -> Iterator[list[int]]:
    """How many layers have a LoRA, at each call of the transformer."""
    seen: list[int] = []

    def note(transformer: Any, *_: Any) -> None:
        seen.append(sum(hasattr(m, "lora_A") for m in transformer.modules()))

    hook = engine.pipe.transformer.register_forward_pre_hook(note)
    try:
        yield seen
    finally:
        hook.remove()


def test_the_two_stages_are_the_stock_pipelines_two_calls_with_the_lora_in_the_second(
    folder: Path, usual: Latents
) -> None:
    refined, plain = stock_two_stage(folder)
    assert torch.equal(usual.video, refined[0])
    assert torch.equal(usual.audio, refined[1])
    assert not torch.allclose(usual.video, plain[0], atol=1e-3)


@torch.inference_mode()
def stock_two_stage(folder: Path) -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]:
    """Video and audio latents of the second stage with the LoRA, and without it."""
    with torch.inference_mode(False):  # Files are read by threads, which are outside of it.
        pipe = LTX2ConditionPipeline.from_pretrained(folder)
        upsampler = LTX2LatentUpsamplerModel.from_pretrained(folder, subfolder="latent_upsampler")
    pipe.set_progress_bar_config(disable=True)
    second = two_stages(pipe, upsampler, PromptEncoder(pipe), recipe(), audio_guidance_scale=7.0)
    plain = second()
    weights = pipe.lora_state_dict(folder, weight_name=LORA)
    for_transformer = {k: v for k, v in weights.items() if k.startswith("transformer.")}
    assert len(for_transformer) == len(weights) - 2, "the connectors' part is there to be left out"
    pipe.load_lora_weights(for_transformer, adapter_name="refine")
    pipe.set_adapters("refine", 1.0)
    return second(), plain


def test_only_the_second_stage_runs_through_the_lora(engine: Engine, usual: Latents) -> None:
    with loras(engine) as seen:
        assert torch.equal(sampled(engine).video, usual.video)
    assert seen[:STEPS] == [0] * STEPS
    assert seen[STEPS:] == [3 + 4 * 30] * 3


@pytest.mark.parametrize("stop_after", [STEPS, STEPS + 1, STEPS + 3])
def test_wherever_a_clip_is_stopped_the_transformer_is_as_it_was(
    engine: Engine, stop_after: int
) -> None:
    transformer = engine.pipe.transformer
    modules, one_stage = list(transformer.modules()), recipe(two_stage=False)
    before = engine.generate(one_stage, Log())
    with pytest.raises(Cancelled):
        engine.generate(recipe(), Log(stop_after))
    assert list(transformer.modules()) == modules
    assert np.array_equal(engine.generate(one_stage, Log()).frames, before.frames)


def test_an_error_in_the_second_stage_leaves_the_transformer_as_it_was(
    engine: Engine, usual: Latents
) -> None:
    transformer = engine.pipe.transformer
    modules = list(transformer.modules())

    def fail(block: Any, *_: Any) -> None:
        if hasattr(block.attn1.to_q, "lora_A"):
            raise ZeroDivisionError

    hook = transformer.transformer_blocks[3].register_forward_pre_hook(fail)
    with pytest.raises(ZeroDivisionError):
        engine.generate(recipe(), Log())
    hook.remove()
    assert list(transformer.modules()) == modules
    assert torch.equal(sampled(engine).video, usual.video)


@pytest.mark.parametrize("placement", [None, "offload", "fp8-streamed"])
def test_it_stands_beside_the_loras_of_a_recipe(
    folder: Path, engine: Engine, tmp_path: Path, placement: Placement | None
) -> None:
    engine = loaded(folder, placement) if placement else engine
    width = {f"diffusion_model.transformer_blocks.{n}.attn1.to_q": VIDEO for n in (1, 2)}
    width["diffusion_model.transformer_blocks.1.attn1.to_v"] = VIDEO
    file = save_own(tmp_path / "own.safetensors", weights=lora_weights(layers=width))
    own = LoraData("own", file, "a" * 64, 0.7, 1)
    hd, plain = recipe(), engine.generate(recipe(), Log()).frames
    with_own = hd.model_copy(update={"inputs": Inputs(loras=(LoraInput(name="own"),))})
    active: list[set[str]] = []

    def note(transformer: Any, *_: Any) -> None:
        layer = transformer.transformer_blocks[1].attn1.to_q
        active.append(set(layer.active_adapters) if hasattr(layer, "lora_A") else set())

    hook = engine.pipe.transformer.register_forward_pre_hook(note)
    first = engine.generate(with_own, Log(), InputData(loras=(own,))).frames
    hook.remove()
    assert active[:STEPS] == [{"lora_0"}] * STEPS
    assert active[STEPS:] == [{"lora_0", "stage_2_distilled"}] * 3
    again = engine.generate(with_own, Log(), InputData(loras=(own,))).frames
    assert np.array_equal(again, first)
    assert not np.array_equal(first, plain)
    assert np.array_equal(engine.generate(hd, Log()).frames, plain)


@pytest.mark.parametrize("placement", ["free-text", "offload"])
def test_weights_that_wait_in_host_memory_refine_to_the_same_clip(
    folder: Path, usual: Latents, placement: Placement
) -> None:
    engine = loaded(folder, placement)
    for _ in range(2):
        latents = sampled(engine)
        assert torch.equal(latents.video, usual.video)
        assert torch.equal(latents.audio, usual.audio)


@pytest.mark.parametrize("placement", ["fp8", "fp8-streamed"])
def test_beside_weights_in_8_bits_the_lora_is_exact(
    folder: Path, usual: Latents, placement: Placement
) -> None:
    engine = loaded(folder, placement)
    transformer = engine.pipe.transformer
    layer = "transformer_blocks.0.attn2.to_k"
    expected = engine.pipe.lora_state_dict(folder, weight_name=LORA)
    seen = []

    def note(*_: Any) -> None:
        wrapped = transformer.get_submodule(layer)
        if hasattr(wrapped, "lora_A"):
            seen.append(wrapped.base_layer.weight.dtype)
            for part in (wrapped.lora_A, wrapped.lora_B):
                name = "lora_A" if part is wrapped.lora_A else "lora_B"
                (weight,) = part.parameters()
                assert torch.equal(weight, expected[f"transformer.{layer}.{name}.weight"].float())

    transformer.register_forward_pre_hook(note)
    latents = sampled(engine)
    assert seen == [torch.float8_e4m3fn] * 3
    assert not torch.equal(latents.video, usual.video)
    assert torch.nn.functional.cosine_similarity(latents.video, usual.video, dim=1).mean() > 0.9
    assert torch.equal(sampled(engine).video, latents.video)


def test_blocks_are_not_compiled_for_the_few_calls_with_the_lora(folder: Path) -> None:
    engine = loaded(folder)
    tracked = [p.requires_grad for p in engine.pipe.transformer.parameters()]
    engine.use(Optimizations(compile=True, backend="eager"))
    sampled(engine)
    engine.finish_compiling()
    compiled = engine.optimized.compiled
    assert compiled is not None
    assert [kind.batch for kind in compiled.asked] == [2], "the guided first stage alone"
    # What is compiled for weights that are tracked would not fit weights that are not.
    assert [p.requires_grad for p in engine.pipe.transformer.parameters()] == tracked


def test_without_room_for_the_lora_the_weights_move_and_the_take_says_so(folder: Path) -> None:
    engine = loaded(folder)

    def full(block: Any, *_: Any) -> None:
        if hasattr(block.attn1.to_q, "lora_A"):
            raise torch.OutOfMemoryError("CUDA out of memory.")

    # The weights loaded next are others, without this hook.
    engine.pipe.transformer.transformer_blocks[0].register_forward_pre_hook(full)
    clip = engine.generate(recipe(), Log())
    assert engine.placement == "fp8"
    assert clip.notes == (
        "Kept the transformer in 8 bits, which changes the picture slightly: less memory.",
    )
    assert clip.frames.shape == (9, 128, 256, 3)


def test_without_the_lora_the_undistilled_model_offers_no_two_stages(tmp_path: Path) -> None:
    folder = save("2.0", tmp_path / "ltx-2", with_upsampler=True)
    without = loaded(folder)
    assert not without.card.has_upsampler
    with pytest.raises(InvalidRecipe, match=f"without its latent upsampler or without {LORA}"):
        without.generate(recipe(), Log())


def test_a_damaged_lora_is_named_and_clips_in_one_stage_go_on(tmp_path: Path) -> None:
    folder = save("2.0", tmp_path / "ltx-2", with_upsampler=True)
    (folder / LORA).write_bytes(b"half a file")
    damaged = loaded(folder)
    with pytest.raises(ModelUnavailable, match=rf"{LORA} can't be read .*Delete it"):
        damaged.generate(recipe(), Log())
    assert len(damaged.generate(recipe(two_stage=False), Log()).frames) == 9
