"""Several takes in one job: each is the one that its seed makes alone, and is kept at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from families import pipeline
from pictured import pictured
from streams import packets
from studios import PATIENCE, OpenStudio, leave

from ltx_ui.clip import Silent
from ltx_ui.engine.models import CARDS
from ltx_ui.engine.sampling import sample, sample_together, takes_at_once
from ltx_ui.engine.text import PromptEncoder
from ltx_ui.media.metadata import read_metadata
from ltx_ui.recipe import MAX_SEED, Recipe
from ltx_ui.studio.jobs import CancelledJob, Done, Failed, Job, Running
from ltx_ui.studio.studio import Studio

if TYPE_CHECKING:
    from ltx_ui.engine.engine import Engine


def recipe(**fields: Any) -> Recipe:
    small = {"width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 2, "seed": 7}
    return Recipe.model_validate({"prompt": "a red ball rolls", **small, **fields})


def picture() -> Any:
    return np.random.default_rng(1).integers(0, 256, (128, 128, 3)).astype(np.uint8)


def test_each_take_is_bit_for_bit_the_one_made_alone(engine: Engine) -> None:
    wanted, data = pictured(recipe(num_takes=3, seed=MAX_SEED), {0: picture()})
    takes = wanted.takes()
    together = list(engine.generate_many(takes, Silent(), data))
    assert len(together) == 3
    for take, clip in zip(takes, together, strict=True):
        alone = engine.generate(take, Silent(), data)
        assert np.array_equal(clip.frames, alone.frames)
        assert clip.waveform is not None
        assert alone.waveform is not None
        assert np.array_equal(clip.waveform, alone.waveform)
    assert not np.array_equal(together[0].frames, together[1].frames)


def test_a_take_is_there_before_the_next_one_is_begun(engine: Engine) -> None:
    clips = engine.generate_many(recipe(num_takes=2).takes(), Silent())
    calls = []
    hook = engine.pipe.transformer.register_forward_pre_hook(lambda *_: calls.append(1))
    try:
        next(clips)
        first = len(calls)
        next(clips)
    finally:
        hook.remove()
    assert (first, len(calls)) == (2, 4)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("with_pictures", [False, True])
def test_takes_in_one_batch_equal_the_ones_made_alone_but_for_rounding(
    engine: Engine, guidance: float, with_pictures: bool
) -> None:
    pictures = dict.fromkeys((0, -1), picture()) if with_pictures else {}
    wanted, data = pictured(recipe(num_takes=3, guidance_scale=guidance), pictures)
    takes = wanted.takes()
    context = (engine.pipe, engine.card, engine.encoder)
    with torch.inference_mode():
        batch = sample_together(*context, takes, Silent(), data)
        for take, latents in zip(takes, batch, strict=True):
            alone = sample(*context, take, Silent(), data)
            torch.testing.assert_close(latents.video, alone.video, rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(latents.audio, alone.audio, rtol=1e-5, atol=1e-5)


def test_a_batch_passes_through_the_transformer_as_one(engine: Engine) -> None:
    seen: list[int] = []
    hook = engine.pipe.transformer.register_forward_pre_hook(
        lambda _, __, kwargs: seen.append(len(kwargs["hidden_states"])), with_kwargs=True
    )
    try:
        with torch.inference_mode():
            sample_together(
                engine.pipe, engine.card, engine.encoder, recipe(num_takes=4).takes(), Silent()
            )
    finally:
        hook.remove()
    assert seen == [8, 8]


def test_the_high_mode_can_be_batched_too() -> None:
    card, pipe = CARDS["ltx-2.3"], pipeline("2.3", perturbed_attn=True)
    encoder = PromptEncoder(pipe)
    takes = recipe(num_takes=2, mode="high").takes()
    with torch.inference_mode():
        batch = sample_together(pipe, card, encoder, takes, Silent())
        alone = sample(pipe, card, encoder, takes[1], Silent())
    torch.testing.assert_close(batch[1].video, alone.video, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("fields", "cuda", "at_once"),
    [
        ({"width": 288, "height": 512}, False, 1),
        ({"width": 288, "height": 512, "num_frames": 9}, True, 5),
        ({"width": 288, "height": 512, "num_frames": 9, "guidance_scale": 1.0}, True, 10),
        ({"width": 288, "height": 512, "num_frames": 49}, True, 1),
        ({"width": 768, "height": 432, "num_frames": 121}, True, 1),
        ({"width": 128, "height": 128, "two_stage": True}, True, 1),
    ],
)
def test_takes_are_batched_only_on_cuda_and_only_while_they_are_small(
    fields: dict[str, Any], cuda: bool, at_once: int
) -> None:
    assert takes_at_once(recipe(**fields), CARDS["ltx-2"], cuda) == at_once


@pytest.fixture
def studio(open_studio: OpenStudio) -> Studio:
    return open_studio()


def when(studio: Studio, job: Job, reached: Callable[[Running], bool]) -> Running:
    """The state of a job once it is as wanted."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        state = studio.job(job.id, "ada").state
        if isinstance(state, Running) and reached(state):
            return state
        time.sleep(0.01)
    raise AssertionError(f"this was not reached: {studio.job(job.id, 'ada')}")


def when_running(studio: Studio, job: Job, take: int) -> Running:
    """The state of a job once a take of it (from 1) is sampled."""
    return when(studio, job, lambda state: state.take == take and state.stage == "sampling")


def when_kept(studio: Studio, job: Job) -> Running:
    """The state of a job once its first take is kept; the second is being made by then."""
    return when(studio, job, lambda state: state.take_ids != ())


def test_a_job_keeps_every_take_with_a_recipe_of_its_own(studio: Studio) -> None:
    job = studio.submit(recipe(num_takes=3), "ada")
    ended = studio.wait(job.id, "ada", PATIENCE)
    assert isinstance(ended.state, Done)
    assert ended.state.take_id == job.id
    assert ended.state.take_ids == job.take_ids
    takes = [studio.library.take(take_id, "ada") for take_id in ended.state.take_ids]
    assert [take.recipe.seed for take in takes] == [7, 8, 9]
    assert {take.recipe.num_takes for take in takes} == {1}
    assert [read_metadata(take.video)["recipe"]["seed"] for take in takes] == [7, 8, 9]
    assert all(take.timings["sampling"] > 0 and take.timings["text"] >= 0 for take in takes)
    alone = studio.submit(recipe(seed=9), "ada")
    studio.wait(alone.id, "ada", PATIENCE)
    again = studio.library.take(alone.id, "ada")
    assert packets(again.video) == packets(takes[2].video)


def test_progress_tells_the_take_and_only_grows(studio: Studio) -> None:
    job = studio.submit(recipe(num_takes=2, num_inference_steps=20), "ada")
    first, second = when_running(studio, job, 1), when_kept(studio, job)
    assert (first.take_ids, second.take_ids) == ((), (job.id,))
    assert first.fraction < 0.5 <= second.fraction
    assert studio.library.take(job.id, "ada").recipe.seed == 7


def test_a_job_that_is_cancelled_half_way_keeps_what_was_finished(
    studio: Studio, open_studio: OpenStudio
) -> None:
    job = studio.submit(recipe(num_takes=8, num_inference_steps=20), "ada")
    when_running(studio, job, 2)
    studio.cancel(job.id, "ada")
    ended = studio.wait(job.id, "ada", PATIENCE)
    assert ended.state == CancelledJob((job.id,))
    assert [take.id for take in studio.library.takes("ada")] == [job.id]
    leave(studio)
    assert open_studio(start=False).job(job.id, "ada").state == ended.state


def test_a_restart_makes_only_the_takes_that_are_missing(
    studio: Studio, open_studio: OpenStudio
) -> None:
    job = studio.submit(recipe(num_takes=3, num_inference_steps=20), "ada")
    when_running(studio, job, 2)
    leave(studio)
    before = studio.library.take(job.id, "ada")
    again = open_studio()
    assert again.wait(job.id, "ada", PATIENCE).state == Done(job.id, job.take_ids[1:])
    assert again.library.take(job.id, "ada") == before
    seeds = [take.recipe.seed for take in again.library.takes("ada")]
    assert seeds == [9, 8, 7]


def test_a_failure_half_way_names_the_takes_that_are_kept(studio: Studio, data_dir: Path) -> None:
    job = studio.submit(recipe(num_takes=3, num_inference_steps=20), "ada")
    when_kept(studio, job)
    (data_dir / "takes").rename(data_dir / "elsewhere")
    (data_dir / "takes").touch()
    ended = studio.wait(job.id, "ada", PATIENCE)
    assert isinstance(ended.state, Failed)
    assert replace(ended.state, message="") == Failed("", (job.id,))
