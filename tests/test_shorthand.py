"""Recipes in fewer words."""

from __future__ import annotations

from typing import Any

import pytest

from ltx_ui.errors import InvalidRecipe
from ltx_ui.presets import load_presets
from ltx_ui.request import parse_recipe
from ltx_ui.shorthand import spelled_out

PRESETS = load_presets()


@pytest.mark.parametrize(
    ("seconds", "fps", "frames"),
    [("4", 24, 97), (8, 24, 193), (8, 30, 241), (0.01, 24, 9), (1.2, "24", 25), (10.8, 24, 257)],
)
def test_seconds_are_the_nearest_number_of_frames(seconds: Any, fps: Any, frames: int) -> None:
    fields = spelled_out({"prompt": "a", "seconds": seconds, "fps": fps}, PRESETS)
    assert parse_recipe(fields).num_frames == frames


def test_a_size_is_numbers_or_a_formats_name() -> None:
    assert spelled_out({"size": "1280x720"}, PRESETS) == {"width": 1280, "height": 720}
    named = spelled_out({"size": "youtube / landscape"}, PRESETS)
    assert named == {"width": 768, "height": 432, "two_stage": False}
    assert spelled_out({"size": "hd l"}, PRESETS)["two_stage"] is True


def test_what_is_said_itself_counts_more_than_what_a_preset_says() -> None:
    said = {"preset": "Best quality", "seconds": 1, "size": "512x512", "num_inference_steps": 3}
    fields = spelled_out(said, PRESETS)
    expected = {"num_frames": 25, "width": 512, "num_inference_steps": 3, "guidance_scale": 3.0}
    assert fields == fields | expected
    assert spelled_out({"seconds": 4, "num_frames": 9}, PRESETS)["num_frames"] == 9
    quick = spelled_out({"preset": "fast-preview"}, PRESETS)
    assert (quick["num_frames"], quick["num_inference_steps"]) == (9, 5)


def test_what_is_not_said_is_left_to_the_request() -> None:
    assert spelled_out({"prompt": "a", "preset": None, "size": "", "seconds": None}, PRESETS) == {
        "prompt": "a"
    }


@pytest.mark.parametrize(
    ("sent", "allowed"),
    [
        ({"seconds": "12"}, "0.38 to 10.71"),
        ({"seconds": 12, "fps": 30}, "0.30 to 8.57 at 30 frames a second"),
        ({"seconds": -1}, "0.38 to 10.71"),
        ({"seconds": [4]}, "a list of 1 values"),
        ({"seconds": "1e999"}, "0.38 to 10.71"),
        ({"size": "wide"}, "as in 768x432"),
        ({"size": "hd"}, "HD mobile, "),
        ({"preset": "b"}, "none of: best-quality, balanced."),
        ({"preset": " "}, "none of: best-quality, "),
        ({"size": {"width": 1}}, "an object with 1 fields"),
        ({"preset": "finest"}, "none of: best-quality, "),
        ({"preset": 7}, "preset: is 7"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(
    sent: dict[str, Any], allowed: str
) -> None:
    with pytest.raises(InvalidRecipe) as refused:
        spelled_out(sent, PRESETS)
    assert allowed in str(refused.value)
    assert refused.value.problems[0].field == next(iter(sent))


@pytest.mark.parametrize("fps", [0, -1, 10**200, "x", 23])
def test_a_wrong_fps_is_left_to_the_requests_rules(fps: Any) -> None:
    fields = spelled_out({"prompt": "a", "seconds": 4, "fps": fps}, PRESETS)
    with pytest.raises(InvalidRecipe, match="fps"):
        parse_recipe(fields)
