"""Another sound for a take by the API and on the page, and how loud it is."""

from __future__ import annotations

import base64
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
import imageio_ffmpeg
import numpy as np
import pytest
from chromium import MISSING, arrived, make_a_preview, serious
from films import moving
from numpy.typing import NDArray
from playwright.sync_api import Page, expect
from sounds import RATE, beats, sound_file
from test_visitors import press
from v1 import JOBS, SMALL, ended, problem, submit

from ltx_ui.clip import Clip
from ltx_ui.media.mp4 import write_mp4
from ltx_ui.recipe import Recipe
from ltx_ui.request import parse_recipe, request_data

QUICK = {"prompt": "a ball", "num_inference_steps": 1}


@pytest.fixture(scope="module")
def first(ada: httpx.Client) -> dict[str, Any]:
    """A take of Ada's, of 25 frames."""
    (take,) = ended(ada, submit(ada, SMALL | {"num_frames": 25}))["takes"]
    return dict(take)


def test_a_take_gets_another_sound_over_http(ada: httpx.Client, first: dict[str, Any]) -> None:
    sound = base64.b64encode(sound_file(0.1 * beats(2.0))).decode()
    asked = QUICK | {"picture_of": {"take": first["id"]}, "audio": sound, "loudness": -16}
    job = ended(ada, submit(ada, asked))
    assert job["state"] == "done", job
    recipe = job["recipe"]
    assert (recipe["width"], recipe["num_frames"], recipe["loudness"]) == (128, 25, True)
    take = ada.get(job["takes"][0]["href"]).json()
    assert take["relation"] == "revoiced"
    assert any("turned up by" in note and "-16 LUFS" in note for note in take["notes"])
    # What an answer has as the recipe is a request for the same again.
    again = ended(ada, submit(ada, recipe))
    assert again["recipe"] == recipe


def test_a_film_of_full_quality_is_as_long_as_it_was(
    ada: httpx.Client, first: dict[str, Any]
) -> None:
    draft = ended(ada, submit(ada, QUICK | {"picture_of": {"take": first["id"]}}))
    config = ada.get("/config").json()
    stage = next(c["id"] for c in config["components"] if c["props"].get("elem_id") == "take")
    event = next(e for e in config["dependencies"] if [stage, "act"] in e["targets"])
    answer = press(ada, config, event, do="full", take=draft["takes"][0]["id"])
    assert answer.status_code == 200, answer.text
    raised = ended(ada, ada.get(JOBS).json()["items"][0])
    assert raised["state"] == "done", raised
    recipe = raised["recipe"]
    assert (recipe["num_frames"], recipe["num_inference_steps"]) == (25, 40)


def test_what_can_not_be_heard_is_told(ada: httpx.Client, first: dict[str, Any]) -> None:
    def told(**fields: Any) -> str:
        answer = ada.post(JOBS, json=QUICK | {"picture_of": {"take": first["id"]}} | fields)
        return str(problem(answer, 422, "invalid-recipe")["detail"])

    assert "the picture is the film" in told(image_end="sha256:" + "1" * 64)
    assert "is -14; allowed is true, for -16 LUFS, or false" in told(loudness=-14)
    assert "has 'id', which it can't have" in told(audio={"id": first["id"]})
    assert "is no JSON object" in told(audio="{")
    for fields in ({"picture_of": {"take": "0" * 32}}, {"audio": {"take": "0" * 32}}):
        assert ada.post(JOBS, json=QUICK | fields).status_code == 404
    assert ada.get(f"/takes/{'0' * 32}/sound").status_code == 404


def loudness(path: Path) -> tuple[float, float]:
    """LUFS and the true peak in dB, as ffmpeg's meter tells them."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", "-i", str(path)]
    command += ["-af", "ebur128=peak=true:framelog=quiet", "-f", "null", "-"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    lufs, peak = (re.findall(rf"{name}:\s+(\S+) ", told)[-1] for name in ("I", "Peak"))
    return float(lufs), float(peak)


def written(path: Path, sound: NDArray[np.float32]) -> tuple[str, ...]:
    """What was done to a clip's sound to make it as loud as others."""
    return write_mp4(Clip(moving(48), 24, sound, RATE, lufs=-16.0), path, {})


@pytest.mark.parametrize("volume", [0.1, 1.0, 5.0])
def test_sound_is_made_as_loud_as_others(tmp_path: Path, volume: float) -> None:
    path = tmp_path / "clip.mp4"
    notes = written(path, volume * beats(2.0))
    lufs, peak = loudness(path)
    assert lufs == pytest.approx(-16, abs=0.7)
    assert peak <= -1
    assert ("The sound was too loud" in notes[0]) == (volume == 5.0)
    way = "up" if volume < 1 else "down"
    assert re.fullmatch(rf"The sound was turned {way} by [\d.]+ dB, to -16 LUFS\.", notes[-1])


def test_quiet_sound_is_raised_by_no_more_than_would_make_it_hiss(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    (note,) = written(path, 0.02 * beats(2.0))
    assert note.startswith("The sound was turned up by 20.0 dB, and is still quieter than -16")
    assert loudness(path)[0] < -20


def test_silence_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    (note,) = written(path, np.zeros((2, 2 * RATE), np.float32))
    assert "too quiet or too short" in note
    assert loudness(path)[0] <= -70


@pytest.mark.parametrize("given", [True, "true", -16, -16.0, "-16"])
def test_there_is_one_loudness_to_ask_for(given: Any) -> None:
    recipe = parse_recipe({"prompt": "a cat", "loudness": given})
    assert recipe.loudness
    assert request_data(recipe)["loudness"] is True
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


@pytest.mark.skipif(MISSING, reason="no Chromium here; in CI that is a failure")
def test_a_take_gets_another_sound_on_the_page(page: Page, tmp_path: Path) -> None:
    file, broken = tmp_path / "beats.wav", tmp_path / "broken.wav"
    file.write_bytes(sound_file(beats(3.0)))
    broken.write_bytes(b"not a sound at all" * 20)
    make_a_preview(page, "A blue star waits for another sound")
    page.locator("[popovertarget=more-of-take]").click()
    page.locator("#more-of-take").get_by_role("button", name="New sound").click()
    sheet = page.get_by_role("dialog", name="New sound")
    expect(sheet.get_by_label("Prompt")).to_have_value(re.compile("A blue star waits"))
    assert serious(page) == []
    sheet.get_by_label("Or from a file").set_input_files(broken)
    expect(sheet.get_by_role("alert")).to_contain_text("WAV, MP3, FLAC, M4A or OGG")
    sheet.get_by_label("Or from a file").set_input_files(file)
    expect(sheet.get_by_role("combobox", name="Sound")).to_have_value(re.compile("sha256:"))
    sheet.get_by_label("Prompt").fill("A blue star has another sound")
    sheet.get_by_label("Loudness").select_option("true")
    sheet.get_by_role("button", name="Change the sound").click()
    expect(sheet).to_contain_text("Queued")
    sheet.get_by_role("button", name="Close").click()
    arrived(page, "A blue star has another sound")
    page.locator("#open-take").click()
    opened = page.get_by_role("dialog").filter(has=page.locator("#opened-title"))
    expect(opened.locator(".lineage")).to_contain_text("With another sound")
    expect(opened).to_contain_text("Of a film, with a given sound")
    opened.get_by_role("button", name="New sound").click()
    sheet.get_by_role("button", name="Take the sound away").click()
    expect(sheet).to_contain_text("Queued")
