"""Wherever the weights live, the clip is the same; where memory runs out, they move."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from weakref import ref

import numpy as np
import pytest
import torch

from ltx_ui.clip import Clip, Stage
from ltx_ui.engine import loading
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.optimizations import Optimizations
from ltx_ui.engine.placement import KEEPS_TEXT, Placement, Quantize
from ltx_ui.errors import ModelUnavailable, OutOfMemory
from ltx_ui.recipe import Recipe
from training.measure import psnr

RECIPE = Recipe(prompt="A fox.", width=128, height=128, num_frames=9, num_inference_steps=2, seed=1)


IN_8_BITS = "Kept the transformer in 8 bits, which changes the picture slightly: less memory."


class Stages:
    """Writes down the stages that it hears of."""

    def __init__(self) -> None:
        self.heard: list[Stage] = []

    def progress(self, stage: Stage, step: int = 0, steps: int = 0) -> None:
        self.heard.append(stage)


def loaded(models_dir: Path, placement: Placement | None = None) -> Engine:
    engine = Engine("demo", models_dir, placement=placement)
    engine.load(lambda message, fraction: None)
    return engine


def full(*_: Any) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory.")


@pytest.fixture(scope="module")
def usual(engine: Engine) -> Clip:
    return engine.generate(RECIPE, Stages())


@pytest.mark.parametrize("placement", ["free-text", "offload"])
def test_weights_that_wait_in_host_memory_give_the_same_clip(
    models_dir: Path, usual: Clip, placement: Placement
) -> None:
    engine = loaded(models_dir, placement)
    clip = engine.generate(RECIPE, Stages())
    assert engine.placement == placement
    assert clip.notes == ()
    assert (engine.optimized.text_bytes > 0) == (placement in KEEPS_TEXT)
    assert clip.waveform is not None and usual.waveform is not None
    # Channels last, which only a decoder that stays in place gets, rounds otherwise.
    assert np.abs(clip.frames.astype(int) - usual.frames).max() <= 1
    assert np.allclose(clip.waveform, usual.waveform, atol=1e-5)


def test_the_first_placement_is_the_one_where_everything_stays(engine: Engine) -> None:
    assert engine.placement == "resident"


def test_8_bit_weights_nearly_give_the_same_clip_and_the_text_is_kept_beside_them(
    models_dir: Path, usual: Clip
) -> None:
    engine = loaded(models_dir, "fp8")
    clip = engine.generate(RECIPE, Stages())
    assert psnr(clip.frames, usual.frames) > 20
    assert engine.optimized.text_bytes > 0
    assert not np.array_equal(clip.frames, usual.frames)
    assert np.array_equal(engine.generate(RECIPE, Stages()).frames, clip.frames)
    streamed = loaded(models_dir, "fp8-streamed")
    again = streamed.generate(RECIPE, Stages()).frames
    assert streamed.optimized.text_bytes == 0
    # As above, the decoder that stays in place rounds otherwise.
    assert np.abs(again.astype(int) - clip.frames).max() <= 1


@pytest.mark.parametrize(
    ("quantize", "placement"),
    [("text", None), ("all", None), ("all", "offload"), ("text", "fp8-streamed")],
)
def test_4_bit_weights_nearly_give_the_same_clip_wherever_they_wait(
    models_dir: Path, usual: Clip, quantize: Quantize, placement: Placement | None
) -> None:
    engine = Engine("demo", models_dir, placement=placement, quantize=quantize)
    engine.load(lambda message, fraction: None)
    clip = engine.generate(RECIPE, Stages())
    assert 30 < psnr(clip.frames, usual.frames) < 60
    assert "in 4 bits" in engine.device
    assert np.array_equal(engine.generate(RECIPE, Stages()).frames, clip.frames)


def test_a_missing_package_is_named_before_anything_is_loaded(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(ModelUnavailable, match="pip install 'bitsandbytes"):
        Engine("demo", models_dir, quantize="text")


def test_after_a_passing_shortage_the_same_clip_is_sampled_again(
    engine: Engine, usual: Clip
) -> None:
    def full_once(*_: Any) -> None:
        handle.remove()
        full()

    handle = engine.pipe.transformer.register_forward_pre_hook(full_once)
    clip = engine.generate(RECIPE, Stages())
    assert clip.notes == ("Freed memory and sampled again.",)
    assert np.array_equal(clip.frames, usual.frames)
    assert engine.placement == "resident"


def test_the_weights_are_gone_before_they_are_loaded_in_another_placement(
    models_dir: Path,
) -> None:
    optimizations = Optimizations(compile=True, backend="eager")
    engine = Engine("demo", models_dir, optimizations=optimizations)
    engine.load(lambda message, fraction: None)
    engine.pipe.transformer.register_forward_pre_hook(full)
    block = ref(engine.pipe.transformer.transformer_blocks[0])
    alive = []

    class Looks(Stages):
        def progress(self, stage: Stage, step: int = 0, steps: int = 0) -> None:
            super().progress(stage, step, steps)
            alive.append(block() is not None)

    engine.generate(RECIPE, Looks())
    assert engine.placement == "fp8"
    assert alive[0] and not alive[-1]


@pytest.fixture(scope="module")
def short(models_dir: Path) -> Engine:
    """An engine that ran out of memory with a clip of RECIPE's size."""
    engine = loaded(models_dir)
    # The weights loaded next are others, without this hook.
    engine.pipe.transformer.register_forward_pre_hook(full)
    clip = engine.generate(RECIPE, Stages())
    assert clip.notes == (IN_8_BITS,)
    assert engine.placement == "fp8"
    return engine


def test_a_size_that_ran_out_of_memory_is_made_where_it_fitted_and_each_take_says_so(
    short: Engine, usual: Clip
) -> None:
    for seed in (1, 2):
        clip = short.generate(RECIPE.model_copy(update={"seed": seed}), Stages())
        assert clip.notes == (IN_8_BITS,)
        assert short.placement == "fp8"
    assert psnr(short.generate(RECIPE, Stages()).frames, usual.frames) > 20


def test_one_clips_shortage_changes_no_other_clip(short: Engine, engine: Engine) -> None:
    smaller = RECIPE.model_copy(update={"num_frames": 17, "seed": 4})
    clip = short.generate(smaller, Stages())
    assert (short.placement, clip.notes) == ("resident", ())
    assert np.array_equal(clip.frames, engine.generate(smaller, Stages()).frames)
    assert short.generate(RECIPE, Stages()).notes == (IN_8_BITS,)
    takes = [smaller, smaller.model_copy(update={"seed": 5})]
    assert [clip.notes for clip in short.generate_many(takes, Stages())] == [()] * 2


def test_where_the_first_placement_has_no_room_any_more_clips_are_made_below(
    short: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert short.generate(RECIPE, Stages()).notes == (IN_8_BITS,)
    load = loading.load

    def only_fp8(*arguments: Any, **named: Any) -> loading.Loaded:
        if arguments[3] != "fp8":
            raise ModelUnavailable("There was not enough memory to load the demo.")
        return load(*arguments, **named)

    monkeypatch.setattr(loading, "load", only_fp8)
    longer = RECIPE.model_copy(update={"num_frames": 25})
    assert short.generate(longer, Stages()).notes == (IN_8_BITS,)


def test_after_a_lower_placement_could_not_be_loaded_the_first_one_is_back(
    models_dir: Path, usual: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, load = loaded(models_dir), loading.load
    engine.pipe.transformer.register_forward_pre_hook(full)

    def only_resident(*arguments: Any, **named: Any) -> loading.Loaded:
        if arguments[3] != "resident":
            raise ModelUnavailable("There was not enough memory to load the demo.")
        return load(*arguments, **named)

    monkeypatch.setattr(loading, "load", only_resident)
    with pytest.raises(ModelUnavailable):
        engine.generate(RECIPE, Stages())
    clip = engine.generate(RECIPE, Stages())
    assert (engine.placement, clip.notes) == ("resident", ())
    assert np.array_equal(clip.frames, usual.frames)


def test_sampling_that_fits_nowhere_is_refused_before_anything_is_loaded_again(
    models_dir: Path, usual: Clip
) -> None:
    engine = loaded(models_dir, "fp8")
    transformer = engine.pipe.transformer
    handle = transformer.register_forward_pre_hook(full)
    large = RECIPE.model_copy(update={"width": 256, "height": 192, "num_frames": 17})
    with pytest.raises(OutOfMemory) as error:
        engine.generate(large, Stages())
    assert str(error.value) == (
        "There was not enough memory for 256x192 with 17 frames. "
        "What should fit: 256x192 with 9 frames or 224x160 with 17 frames."
    )
    handle.remove()
    assert engine.pipe.transformer is transformer
    assert psnr(engine.generate(RECIPE, Stages()).frames, usual.frames) > 20


def test_a_clip_that_could_not_be_decoded_is_not_sampled_again(engine: Engine, usual: Clip) -> None:
    handle = engine.pipe.vae.decoder.register_forward_pre_hook(full)
    with pytest.raises(OutOfMemory):
        engine.generate(RECIPE, Stages())
    handle.remove()
    stages = Stages()
    assert np.array_equal(engine.generate(RECIPE, stages).frames, usual.frames)
    assert set(stages.heard) == {"decoding"}
    again = Stages()
    engine.generate(RECIPE, again)
    assert "sampling" in again.heard
