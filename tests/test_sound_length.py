"""A clip is as long as the sound that it is made to, where that is asked for."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest
from running import RunningApp
from sounds import beats, sound_file
from studios import OpenStudio

from ltx_ui.errors import InvalidRecipe
from ltx_ui.request import parse_request, request_data
from ltx_ui.sound_length import frames_for

SMALL: dict[str, Any] = {"prompt": "A red ball bounces.", "width": 128, "height": 128}


def as_text(seconds: float, kind: str = "wav", codec: str = "pcm_s16le") -> str:
    return base64.b64encode(sound_file(beats(seconds), kind, codec)).decode()


@pytest.mark.parametrize(
    ("seconds", "fps", "most", "frames"),
    [
        (2.0, 24, 257, 49),
        (1.88, 24, 257, 49),
        (1.88, 24, 47, 41),
        (1.87, 24, 257, 41),
        (2.0, 30, 257, 57),
        (0.1, 24, 257, 9),
        (600.0, 24, 999, 257),
        (5.0, 24, 3, 9),
    ],
)
def test_the_nearest_possible_length_is_taken(
    seconds: float, fps: int, most: int, frames: int
) -> None:
    assert frames_for(seconds, fps, most) == frames


def test_a_recipe_has_its_sounds_length_from_where_the_clip_begins(
    open_studio: OpenStudio,
) -> None:
    studio = open_studio(start=False, max_volume=128 * 128 * 60)
    sent = SMALL | {"audio": as_text(2.0, "webm", "libopus"), "fit_audio": True}

    def length(owner: str = "", **fields: Any) -> int:
        asked = parse_request(sent | fields, max_volume=128 * 128 * 60)
        return studio.recipe_of(asked, owner).num_frames

    assert length() == 49
    assert length(audio_start=1.0) == 25
    assert length(fps=30) == 57
    assert length(num_frames=33) == 33
    assert length(audio=as_text(3.0)) == 57
    assert length(audio_start=50) == 9  # Submitted, it is told that the sound has ended by then.
    assert length(width=256) == 25
    recipe = studio.recipe_of(parse_request(sent))
    assert "fit_audio" not in request_data(recipe)
    assert parse_request(request_data(recipe)).recipe() == recipe
    at = [{"image": "sha256:" + "1" * 64, "frame": 48}]
    with pytest.raises(InvalidRecipe, match=r"after the clip's end: .* it has 25 frames"):
        length(keyframes=at, audio_start=1.0)
    with pytest.raises(InvalidRecipe, match=r"^audio: "):
        length(audio="sha256:" + "2" * 64)


def test_visitors_get_no_longer_clips_by_it(open_studio: OpenStudio) -> None:
    studio = open_studio(start=False, visitor_volume=128 * 128 * 20)
    sent = SMALL | {"audio": as_text(2.0), "fit_audio": True}
    assert studio.recipe_of(parse_request(sent), "visitor-1-2").num_frames == 17


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "fit_audio: is for clips that are made to a sound"),
        (
            {"audio": "sha256:" + "2" * 64, "extend": {"take": "1" * 32}},
            "can't stand beside extend",
        ),
        ({"audio": "sha256:" + "2" * 64, "fit_audio": "maybe"}, "fit_audio: is 'maybe'"),
    ],
)
def test_what_has_no_sounds_length_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRecipe, match=said):
        parse_request(SMALL | {"fit_audio": True} | fields)


def test_a_clip_is_as_long_as_its_sound_over_http(app: RunningApp, http: httpx.Client) -> None:
    sent = SMALL | {"audio": as_text(0.85), "fit_audio": True, "num_inference_steps": 2, "seed": 4}
    answer = http.post("/generate", json=sent)
    assert answer.status_code == 200, answer.text
    assert "heard but for its last 0.14 s: a clip's length" in answer.json()["notes"][0]
    assert answer.json()["duration_seconds"] == pytest.approx(17 / 24, abs=0.01)
    recorded = {"Content-Type": "audio/webm;codecs=opus"}
    data = sound_file(beats(0.5), "webm", "libopus")
    stored = http.post("/inputs/sound", content=data, headers=recorded)
    assert stored.status_code == 201 and stored.json()["seconds"] == pytest.approx(0.5, abs=0.05)
    alone = http.post("/jobs", json=SMALL | {"fit_audio": True})
    assert alone.status_code == 422 and "Send audio" in alone.text
