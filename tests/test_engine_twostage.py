"""HD in two stages: half size, enlarged, refined; the pipeline is as before afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from diffusers import LTX2ConditionPipeline
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from diffusers.pipelines.ltx2.utils import STAGE_2_DISTILLED_SIGMA_VALUES
from families import save
from pictured import pictured
from stock import two_stages

from ltx_ui.engine.engine import Engine as LoadedEngine
from ltx_ui.engine.loading import DEMO_FOLDER
from ltx_ui.engine.models import CARDS, STAGE_2_SIGMAS
from ltx_ui.engine.sampling import sample
from ltx_ui.engine.twostage import TwoStage
from ltx_ui.errors import Cancelled, InvalidRecipe
from ltx_ui.recipe import Recipe

if TYPE_CHECKING:
    from ltx_ui.engine.engine import Engine

STEPS = 4


class Log:
    """A listener that writes down the steps, and stops the clip after one of them."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.steps: list[tuple[int, int]] = []
        self._stop_after = stop_after

    def progress(self, stage: str, step: int = 0, steps: int = 0) -> None:
        if stage == "sampling":
            self.steps.append((step, steps))
            if step == self._stop_after:
                raise Cancelled


def recipe(**fields: Any) -> Recipe:
    base = {"width": 256, "height": 128, "num_frames": 9, "seed": 7, "two_stage": True}
    steps = {"num_inference_steps": STEPS, "guidance_scale": 3.0}
    return Recipe.model_validate({"prompt": "a red ball rolls", **base, **steps, **fields})


@contextmanager
def calls(engine: Engine) -> Iterator[list[tuple[int, int, float]]]:
    """Batch, tokens and noise level of each call of the transformer."""
    seen: list[tuple[int, int, float]] = []

    def note(_: Any, __: Any, kwargs: Any) -> None:
        batch, tokens = kwargs["hidden_states"].shape[:2]
        seen.append((batch, tokens, round(float(kwargs["sigma"][0]) / 1000, 4)))

    hook = engine.pipe.transformer.register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield seen
    finally:
        hook.remove()


def test_the_first_stage_is_half_as_large_and_the_second_refines_with_its_own_sigmas(
    engine: Engine,
) -> None:
    log = Log()
    with calls(engine) as seen:
        clip = engine.generate(recipe(), log)
    assert clip.frames.shape == (9, 128, 256, 3)
    small, large = 2 * 4 * 2, 4 * 8 * 2
    assert [call[:2] for call in seen] == [(2, small)] * STEPS + [(1, large)] * 3
    assert [sigma for *_, sigma in seen[STEPS:]] == [0.9094, 0.725, 0.4219]
    assert log.steps == [*((i, 7) for i in range(5)), (4, 7), *((i, 7) for i in range(5, 8))]


def test_the_second_stages_sigmas_are_those_of_diffusers() -> None:
    assert list(STAGE_2_SIGMAS) == STAGE_2_DISTILLED_SIGMA_VALUES


def test_a_two_stage_clip_repeats_and_differs_from_one_in_one_stage(engine: Engine) -> None:
    first, second = (engine.generate(recipe(), Log()) for _ in range(2))
    assert np.array_equal(first.frames, second.frames)
    assert first.waveform is not None
    assert second.waveform is not None
    assert np.array_equal(first.waveform, second.waveform)
    one_stage = engine.generate(recipe(two_stage=False), Log())
    assert not np.array_equal(first.frames, one_stage.frames)


@pytest.mark.parametrize(("width", "height"), [(256, 128), (288, 160), (200, 130)])
def test_a_two_stage_clip_has_exactly_the_recipes_size(
    engine: Engine, width: int, height: int
) -> None:
    clip = engine.generate(recipe(width=width, height=height, num_inference_steps=2), Log())
    assert clip.frames.shape == (9, height, width, 3)


@pytest.mark.parametrize("step", [0, 2, STEPS, STEPS + 1, STEPS + 3])
def test_the_schedule_is_restored_wherever_a_two_stage_clip_is_stopped(
    engine: Engine, step: int
) -> None:
    before = engine.generate(recipe(two_stage=False), Log())
    scheduler = engine.pipe.scheduler
    with pytest.raises(Cancelled):
        engine.generate(recipe(), Log(stop_after=step))
    assert engine.pipe.scheduler is scheduler
    after = engine.generate(recipe(two_stage=False), Log())
    assert np.array_equal(before.frames, after.frames)


def test_a_failure_in_the_second_stage_restores_the_schedule_too(engine: Engine) -> None:
    scheduler, transformer = engine.pipe.scheduler, engine.pipe.transformer

    def fail_when_large(_: Any, __: Any, kwargs: Any) -> None:
        if kwargs["hidden_states"].shape[1] > 16:
            raise RuntimeError("the device fell off")

    hook = transformer.register_forward_pre_hook(fail_when_large, with_kwargs=True)
    try:
        with pytest.raises(RuntimeError, match="fell off"):
            engine.generate(recipe(), Log())
    finally:
        hook.remove()
    assert engine.pipe.scheduler is scheduler


def test_references_guide_both_stages(engine: Engine) -> None:
    generator = np.random.default_rng(1)
    picture = np.asarray(generator.integers(0, 256, (128, 256, 3)), dtype=np.uint8)
    sizes: list[tuple[int, ...]] = []
    hook = engine.pipe.vae.encoder.register_forward_pre_hook(
        lambda _, inputs: sizes.append(tuple(inputs[0].shape[-2:]))
    )
    try:
        wanted, data = pictured(recipe(), {0: picture, -1: picture})
        engine.generate(wanted, Log(), data)
    finally:
        hook.remove()
    assert sizes == [(64, 128)] * 2 + [(128, 256)] * 2


def test_a_first_frame_at_full_strength_is_kept_exactly_in_the_latents(engine: Engine) -> None:
    generator = np.random.default_rng(1)
    picture = np.asarray(generator.integers(0, 256, (128, 256, 3)), dtype=np.uint8)
    wanted, data = pictured(recipe(), {0: picture})
    single = wanted.model_copy(update={"two_stage": False})
    with torch.inference_mode():
        two = TwoStage(engine.pipe, engine.card).sample(engine.encoder, wanted, Log(), data)
        one = sample(engine.pipe, engine.card, engine.encoder, single, Log(), data)
    assert torch.equal(two.video[:, :, 0], one.video[:, :, 0])
    assert not torch.equal(two.video[:, :, 1], one.video[:, :, 1])


def test_the_two_stages_are_those_of_stock_diffusers(engine: Engine) -> None:
    """Held against the documented calls, made one by one with the stock pipelines."""
    wanted, pipe = recipe(), LTX2ConditionPipeline(**engine.pipe.components)
    pipe.set_progress_bar_config(disable=True)
    upsampler = LTX2LatentUpsamplerModel.from_pretrained(DEMO_FOLDER, subfolder="latent_upsampler")
    guidance = engine.card.audio_guidance_scale
    with torch.inference_mode():
        ours = TwoStage(engine.pipe, engine.card).sample(engine.encoder, wanted, Log())
        stock = two_stages(pipe, upsampler, engine.encoder, wanted, guidance)()
    assert torch.equal(ours.video, stock[0])
    assert torch.equal(ours.audio, stock[1])


def test_only_a_checkpoint_with_an_upsampler_offers_it(tmp_path: Path) -> None:
    without = LoadedEngine(str(save("2.0", tmp_path / "without")), tmp_path)
    without.load(lambda message, fraction: None)
    with pytest.raises(InvalidRecipe, match="without its latent upsampler"):
        without.generate(recipe(), Log())


def test_a_distilled_checkpoint_with_an_upsampler_makes_hd_in_eleven_forwards(
    tmp_path: Path,
) -> None:
    folder = save("2.0", tmp_path / "ltx-2", with_upsampler=True)
    config = folder / "scheduler" / "scheduler_config.json"
    config.write_text(
        config.read_text().replace('"use_dynamic_shifting": true', '"use_dynamic_shifting": false')
    )
    distilled = LoadedEngine(str(folder), tmp_path)
    distilled.load(lambda message, fraction: None)
    assert distilled.card.sigmas == CARDS["ltx-2-distilled"].sigmas
    with calls(distilled) as seen:
        clip = distilled.generate(recipe(), Log())
    assert [call[:2] for call in seen] == [(1, 16)] * 8 + [(1, 64)] * 3
    assert clip.frames.shape == (9, 128, 256, 3)
