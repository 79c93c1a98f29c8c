"""What the studio says about time comes from what it measured."""

from __future__ import annotations

import pytest

from ltx_ui.engine.models import CARDS
from ltx_ui.recipe import Recipe
from ltx_ui.studio.pace import STAGES, Pace, fraction, seconds_left

SECONDS = {"text": 1.0, "sampling": 20.0, "decoding": 2.0, "saving": 1.0}


def recipe(**fields: object) -> Recipe:
    return Recipe.model_validate({"prompt": "a fox", "num_inference_steps": 10, **fields})


def test_nothing_is_promised_before_anything_was_measured() -> None:
    assert Pace(CARDS["demo"]).expect(recipe()) == {}
    assert seconds_left("sampling", 3, 10, 5.0, {}) is None


@pytest.mark.parametrize(
    ("change", "sampling", "decoding"),
    [
        ({}, 20, 2),
        ({"num_inference_steps": 20}, 40, 2),
        ({"guidance_scale": 1.0}, 10, 2),
        ({"width": 576}, 40, 4),
        ({"num_frames": 9}, 20 * 2 / 7, 2 * 9 / 49),
    ],
)
def test_time_follows_steps_guidance_size_and_length(
    change: dict[str, object], sampling: float, decoding: float
) -> None:
    pace = Pace(CARDS["demo"])
    pace.learn(recipe(), SECONDS)
    expected = pace.expect(recipe(**change))
    assert expected["sampling"] == pytest.approx(sampling)
    assert expected["decoding"] == pytest.approx(decoding)


def test_a_distilled_model_takes_the_same_time_whatever_steps_are_asked_for() -> None:
    pace = Pace(CARDS["ltx-2-distilled"])
    pace.learn(recipe(), SECONDS)
    asked = recipe(num_inference_steps=40, guidance_scale=1.0)
    assert pace.expect(asked)["sampling"] == pytest.approx(20)


def test_one_slow_clip_does_not_spoil_the_estimate() -> None:
    pace = Pace(CARDS["demo"])
    for slow in (10, 1, 1):
        pace.learn(recipe(), {stage: seconds * slow for stage, seconds in SECONDS.items()})
    assert pace.expect(recipe())["sampling"] == pytest.approx(20)


def test_the_bar_goes_from_empty_to_full_without_stepping_back() -> None:
    for expected in ({}, SECONDS):
        marks = [fraction(stage, step, 4, expected) for stage in STAGES for step in range(5)]
        assert marks[0] == 0
        assert marks == sorted(marks)
        assert marks[-1] == pytest.approx(1)


def test_the_rest_of_a_stage_follows_its_own_pace_once_it_has_one() -> None:
    assert seconds_left("sampling", 0, 10, 0.0, SECONDS) == pytest.approx(23)
    assert seconds_left("sampling", 5, 10, 20.0, SECONDS) == pytest.approx(23)
    assert seconds_left("saving", 0, 0, 3.0, SECONDS) == 0
