"""A film is made larger: refined from its own latents, with its own sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
from chromium import MISSING, arrived, make_a_preview, serious
from films import film, psnr, seen
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect
from studios import OpenStudio, take_of
from v1 import JOBS, SMALL, ended, problem, submit

from ltx_ui.engine.decoding import about_sound
from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import Sound
from ltx_ui.request import parse_request, request_data
from ltx_ui.studio.studio import Studio
from ltx_ui.studio.takes import Take

PROMPT = "A red ball bounces up and down by the sea. A thump at each bounce."
SIDES = {"width": 148, "height": 256}
"""Off the grid, so that what is cropped from the finished clip counts."""
FILM = "data:video/mp4;base64,"


def made(studio: Studio, **fields: Any) -> Take:
    recipe = studio.recipe_of(parse_request({"prompt": PROMPT, "seed": 5} | fields), "ada")
    return take_of(studio, recipe, "ada")


def scaled(frames: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    pictures = [Image.fromarray(frame.clip(0, 255).astype(np.uint8)) for frame in frames]
    return np.stack([np.asarray(each.resize((width, height)), np.float32) for each in pictures])


def sound(path: Path) -> NDArray[np.float32]:
    """The sound of a film at 48 kHz, one channel."""
    with av.open(str(path)) as container:
        turned = av.AudioResampler(format="flt", layout="mono", rate=48_000)
        parts = [part for frame in container.decode(audio=0) for part in turned.resample(frame)]
    return np.concatenate([part.to_ndarray()[0] for part in parts])


def test_a_film_is_made_larger_and_stays_what_it_is(open_studio: OpenStudio) -> None:
    studio = open_studio()
    small = made(studio, **SIDES, num_frames=17, num_inference_steps=20)
    large = made(studio, seed=9, upscale={"take": small.id})
    before, after = seen(small.video), seen(large.video)
    assert after.shape == (17, 512, 296, 3)
    alone = made(studio, seed=9, width=296, height=512, num_frames=17, two_stage=True)
    alike = psnr(scaled(after, 148, 256), before)
    assert alike > 18
    assert alike > psnr(scaled(seen(alone.video), 148, 256), before) + 3
    # Moved by a pixel it would be less like it: nothing was cropped from one side only.
    for axis in (1, 2):
        moved = np.roll(scaled(after, 148, 256), 4, axis)
        assert psnr(moved[:, 8:-8, 8:-8], before[:, 8:-8, 8:-8]) < alike
    # It is no enlarged picture: there is more in it than there was.
    assert np.abs(after - scaled(before, 296, 512)).mean() > 1
    # Its seed decides on what is more.
    other = made(studio, seed=10, upscale={"take": small.id})
    assert psnr(seen(other.video), after) < 40
    heard, given = sound(large.video), sound(small.video)
    both = min(len(heard), len(given)) - 4096
    assert np.corrcoef(heard[:both], given[:both])[0, 1] > 0.98
    assert "The film keeps its sound." in large.notes
    assert not any("given sound" in note for note in large.notes)
    # What it was made by makes it again, and tells of no sound that was given.
    assert "audio" not in request_data(large.recipe)
    again = parse_request(request_data(large.recipe)).recipe()
    assert again == large.recipe.model_copy(update={"inputs": again.inputs})
    assert np.array_equal(seen(made(studio, **request_data(large.recipe)).video), after)


def test_a_silent_film_stays_silent_and_another_sound_may_be_given(
    open_studio: OpenStudio, tmp_path: Path
) -> None:
    studio = open_studio()
    silent = film(tmp_path / "silent.mp4", 12, sound=False)
    digest = studio.add_file(silent, "upscale", "ada")
    large = made(studio, upscale={"video": digest})
    # Of twelve frames nine are of the form 8k+1.
    assert seen(large.video).shape == (9, 256, 256, 3)
    assert not large.recipe.include_audio
    other = studio.add_file(film(tmp_path / "heard.mp4", 33), "audio", "ada")
    with_sound = made(studio, upscale={"video": digest}, audio=other, audio_strength=0.5)
    assert with_sound.recipe.inputs.audio is not None
    told = about_sound(Sound(np.zeros((2, 18_000), np.float32)), with_sound.recipe)
    assert told == "The film has the given sound."
    assert len(sound(with_sound.video)) > 9 / 24 * 48_000 - 2048


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"width": 512}, "width: is 512, and 256 for this film. Leave it out"),
        ({"two_stage": False}, "two_stage: is False, and True"),
        ({"num_frames": 17}, "num_frames: is 17, and 33 for this film"),
    ],
)
def test_what_does_not_go_with_the_film_is_refused(
    fields: dict[str, Any], words: str, open_studio: OpenStudio, tmp_path: Path
) -> None:
    studio = open_studio(start=False)
    digest = studio.add_file(film(tmp_path / "a.mp4", 33), "upscale", "ada")
    asked = parse_request({"prompt": PROMPT, "upscale": {"video": digest}, **fields})
    with pytest.raises(InvalidRecipe) as refused:
        studio.recipe_of(asked, "ada")
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("frames", "size", "words"),
    [
        (33, {"width": 1280, "height": 128}, "would be 2560x256"),
        (258, {}, "has 258 frames; at most 257"),
    ],
)
def test_films_that_are_too_large_or_too_long_are_refused(
    frames: int, size: dict[str, Any], words: str, open_studio: OpenStudio, tmp_path: Path
) -> None:
    studio = open_studio(start=False)
    digest = studio.add_file(film(tmp_path / "a.mp4", frames, **size), "upscale", "ada")
    with pytest.raises(InvalidRecipe, match=words):
        studio.recipe_of(parse_request({"prompt": PROMPT, "upscale": {"video": digest}}), "ada")


def test_a_take_is_made_larger_over_http(ada: httpx.Client) -> None:
    (take,) = ended(ada, submit(ada, SMALL))["takes"]
    job = ended(ada, submit(ada, {"prompt": "a ball", "upscale": {"take": take["id"]}}))
    assert job["state"] == "done", job
    recipe = job["recipe"]
    assert (recipe["width"], recipe["height"], recipe["two_stage"]) == (256, 256, True)
    assert set(recipe["upscale"]) == {"video"}
    both = {"prompt": "a ball", "upscale": {"take": take["id"], "direction": "after"}}
    told = problem(ada.post(JOBS, json=both), 422, "invalid-recipe")["detail"]
    assert "'direction', which it can't have" in told
    strange = {"prompt": "a ball", "upscale": {"take": "0" * 32}}
    assert ada.post(JOBS, json=strange).status_code == 404
    assert ada.get(f"/takes/{'0' * 32}/upscale").status_code == 404


@pytest.mark.skipif(MISSING, reason="no Chromium here; in CI that is a failure")
def test_a_clip_is_made_larger_on_the_page(page: Page) -> None:
    make_a_preview(page, "A blue star waits to grow")
    page.locator("[popovertarget=more-of-take]").click()
    page.locator("#more-of-take").get_by_role("button", name="Upscale").click()
    sheet = page.get_by_role("dialog", name="Upscale")
    expect(sheet).to_contain_text("576x1024")
    assert serious(page) == []
    sheet.get_by_label("Prompt").fill("A blue star has grown")
    sheet.get_by_role("button", name="Make it larger").click()
    expect(sheet).to_contain_text("Queued")
    sheet.get_by_role("button", name="Close").click()
    arrived(page, "A blue star has grown")
