"""Loops: what is seen and heard where the end meets the beginning."""

from __future__ import annotations

import re
from typing import Any

import httpx
import numpy as np
import pytest
from chromium import MISSING, ask_for_a_preview, generate, open_advanced, wait_for_the_clip
from films import psnr, steps
from playwright.sync_api import Page, expect
from v1 import JOBS, SMALL, ended, problem, submit

from ltx_ui.clip import Clip, Silent
from ltx_ui.engine.closing import close_sound
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.models import CARDS
from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import InputData, Picture
from ltx_ui.recipe import Recipe
from ltx_ui.request import parse_recipe, request_data
from ltx_ui.studio.takes import read_settings, settings_of

ONE, OTHER = (f"sha256:{digit * 64}" for digit in "12")
FIELDS: dict[str, Any] = {
    "prompt": "A yellow star spins around at night. Beeps. Static camera.",
    "seed": 2,
    "width": 132,
    "height": 128,
    "num_frames": 33,
    "num_inference_steps": 8,
}


def looped(engine: Engine, inputs: InputData | None = None, **fields: Any) -> Clip:
    recipe = parse_recipe(FIELDS | {"loop": True} | fields)
    return engine.generate(recipe, Silent(), inputs or InputData())


@pytest.mark.parametrize("two_stage", [False, True])
def test_the_end_meets_the_beginning(engine: Engine, two_stage: bool) -> None:
    clip = looped(engine, two_stage=two_stage)
    frames, sound = clip.frames.astype(np.float32), clip.waveform
    assert frames.shape == (33, 128, 132, 3) and sound is not None
    assert np.array_equal(frames[0], frames[-1])
    changes = steps(frames)
    assert changes[-8:].max() <= 1.5 * changes[:-8].max()
    # It is no still picture: it goes away from there and comes back.
    assert changes.mean() > 0.1 and psnr(frames[16], frames[0]) < 45
    # The sound ends as it begins, backwards, and passes over to there without a click.
    assert sound[:, :40].std() > 0
    assert np.allclose(sound[:, -40:], sound[:, 39::-1], atol=0.03 * np.abs(sound).max())
    assert np.allclose(sound[:, -1], sound[:, 0], atol=1e-6)
    jumps, last = np.abs(np.diff(sound)).max(axis=0), round(0.1 * clip.sample_rate)
    assert jumps[-last - 10 :].max() <= 1.5 * jumps[: -last - 10].max()
    # Any other clip ends elsewhere.
    plain = looped(engine, two_stage=two_stage, loop=False).frames
    assert not np.array_equal(plain[0], plain[-1])


def test_the_sound_passes_over_at_equal_power() -> None:
    noise = np.random.default_rng(1).normal(size=(2, 4800)).astype(np.float32)
    closed = close_sound(noise, 4800)
    last = closed[:, -480:]
    assert np.array_equal(closed[:, :-480], noise[:, :-480])
    assert np.allclose(last[:, :20], noise[:, -480:-460], atol=0.4)
    assert np.allclose(last[:, -20:], noise[:, 19::-1], atol=0.4)
    assert last.std() == pytest.approx(noise.std(), rel=0.1)


def test_each_take_of_a_loop_is_what_it_is_alone(engine: Engine) -> None:
    recipe = parse_recipe(FIELDS | {"loop": True, "num_takes": 2})
    one, other = engine.generate_many(recipe.takes(), Silent())
    assert not np.array_equal(one.frames, other.frames)
    assert np.array_equal(one.frames, looped(engine).frames)
    # Each has a first frame of its own seed.
    assert psnr(one.frames[0].astype(np.float32), other.frames[0].astype(np.float32)) < 30
    assert np.array_equal(other.frames[0], other.frames[-1])


def flat(value: int) -> Picture:
    return np.full((128, 132, 3), value, np.uint8)


@pytest.mark.parametrize("name", ["image_start", "image_end"])
def test_a_given_picture_is_at_both_ends(engine: Engine, name: str) -> None:
    place = 0 if name == "image_start" else -1
    clip = looped(engine, InputData(pictures={place: flat(200)}), **{name: ONE})
    assert np.array_equal(clip.frames[0], clip.frames[-1])
    assert abs(clip.frames[0].mean() - 200) < 25
    # The model leads to it: but for what is taken away at the end, it is the clip between the two.
    ends = InputData(pictures={0: flat(200), -1: flat(200)})
    between = looped(engine, ends, loop=False, image_start=ONE, image_end=ONE).frames
    assert np.array_equal(clip.frames[:-8], between[:-8])


def test_pictures_in_between_stay(engine: Engine) -> None:
    keyframes = [{"image": ONE, "frame": 16}]
    inputs = InputData(pictures={16: flat(230)})
    clip = looped(engine, inputs, keyframes=keyframes)
    plain = looped(engine)
    assert np.array_equal(clip.frames[0], clip.frames[-1])
    assert clip.frames[16].mean() > plain.frames[16].mean() + 20


def refused(**fields: Any) -> str:
    with pytest.raises(InvalidRecipe) as caught:
        parse_recipe({"prompt": "a cat", "loop": True, **fields})
    return str(caught.value)


def test_what_can_be_no_loop_is_refused() -> None:
    assert parse_recipe({"prompt": "a", "loop": True, "image_start": ONE, "image_end": ONE}).loop
    assert "its last frame is its first" in refused(image_start=ONE, image_end=OTHER)
    last = [{"image": OTHER, "frame": -1}]
    assert "its last frame is its first" in refused(image_start=ONE, keyframes=last)
    for name in ("extend", "retake"):
        assert "has the film's beginning and end" in refused(**{name: {"video": ONE}})
    assert "allowed is true or false" in refused(loop=7)


def test_a_recipe_that_is_no_loop_is_written_as_before() -> None:
    plain, loop = (parse_recipe(FIELDS | {"loop": on}) for on in (False, True))
    assert "loop" not in plain.model_dump() and "loop" not in request_data(plain)
    assert parse_recipe(request_data(loop)) == loop
    assert Recipe.model_validate(loop.model_dump(mode="json")) == loop
    assert "loop" not in settings_of(plain)
    assert read_settings(settings_of(plain))["loop"] is False
    assert read_settings(settings_of(loop))["loop"] is True


def test_its_first_frame_counts_in_what_it_costs() -> None:
    card = CARDS["demo"]
    plain, loop, given = (
        card.passes(parse_recipe(FIELDS | more))
        for more in ({}, {"loop": True}, {"loop": True, "image_start": ONE})
    )
    assert plain == given < loop < 1.5 * plain


def test_a_loop_is_made_over_http(ada: httpx.Client) -> None:
    job = ended(ada, submit(ada, SMALL | {"num_frames": 9, "loop": "true"}))
    assert job["state"] == "done" and job["recipe"]["loop"] is True
    answer = ada.post(JOBS, json=SMALL | {"loop": True, "extend": {"take": "0" * 32}})
    assert "has the film's beginning and end" in problem(answer, 422, "invalid-recipe")["detail"]


@pytest.mark.skipif(MISSING, reason="no Chromium here; in CI that is a failure")
def test_a_loop_in_slow_motion_is_asked_for_on_the_page(page: Page) -> None:
    ask_for_a_preview(page, "A ball goes round and round")
    open_advanced(page)
    page.get_by_role("checkbox", name="Loop").check()
    page.locator("#motion-speed input[type=number]").fill("0.5")
    page.locator("#motion-speed input[type=number]").press("Tab")
    generate(page)
    wait_for_the_clip(page)
    page.locator("#open-take").click()
    opened = page.get_by_role("dialog").filter(has=page.locator("#opened-title"))
    told = opened.locator("dl.told").first
    expect(told).to_contain_text("Loop")
    expect(told).to_contain_text(re.compile(r"Speed of motion\s*0\.5"))
