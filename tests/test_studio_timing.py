"""What the studio says about time comes from what it measured."""

from __future__ import annotations

from typing import Any

import pytest

from ltx_ui.engine.models import CARDS
from ltx_ui.recipe import Recipe
from ltx_ui.studio.timing import STAGES, Measurement, TimingModel, fraction, guess, seconds_left

SECONDS: dict[Any, float] = {"text": 1.0, "sampling": 20.0, "decoding": 2.0, "saving": 1.0}


def recipe(**fields: object) -> Recipe:
    return Recipe.model_validate({"prompt": "a fox", "num_inference_steps": 10, **fields})


def test_nothing_is_promised_before_anything_was_measured() -> None:
    assert TimingModel(CARDS["demo"]).expect(recipe()) == {}
    assert seconds_left("text", 0, 0, 5.0, {}) is None


def test_from_sampling_alone_the_rest_is_guessed() -> None:
    guessed = guess(30.0)
    assert guessed["sampling"] == 30.0
    assert seconds_left("sampling", 3, 10, 9.0, guessed) == pytest.approx(
        21.0 + guessed["decoding"] + guessed["saving"]
    )
    assert 1.0 < guessed["decoding"] < 10.0


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
    model = TimingModel(CARDS["demo"])
    model.learn(recipe(), SECONDS)
    expected = model.expect(recipe(**change))
    assert expected["sampling"] == pytest.approx(sampling)
    assert expected["decoding"] == pytest.approx(decoding)


def test_a_distilled_model_takes_the_same_time_whatever_steps_are_asked_for() -> None:
    model = TimingModel(CARDS["ltx-2-distilled"])
    model.learn(recipe(), SECONDS)
    asked = recipe(num_inference_steps=40, guidance_scale=1.0)
    assert model.expect(asked)["sampling"] == pytest.approx(20)


def test_one_slow_clip_does_not_spoil_the_estimate() -> None:
    model = TimingModel(CARDS["demo"])
    for slow in (10, 1, 1):
        model.learn(recipe(), {stage: seconds * slow for stage, seconds in SECONDS.items()})
    assert model.expect(recipe())["sampling"] == pytest.approx(20)


def test_the_bar_goes_from_empty_to_full_without_stepping_back() -> None:
    nothing: dict[Any, float] = {}
    for expected in (nothing, SECONDS):
        marks = [fraction(stage, step, 4, expected) for stage in STAGES for step in range(5)]
        assert marks[0] == 0
        assert marks == sorted(marks)
        assert marks[-1] == pytest.approx(1)


def test_the_rest_of_a_stage_follows_its_own_pace_once_it_has_one() -> None:
    assert seconds_left("sampling", 0, 10, 0.0, SECONDS) == pytest.approx(23)
    assert seconds_left("sampling", 5, 10, 20.0, SECONDS) == pytest.approx(23)
    assert seconds_left("saving", 0, 0, 3.0, SECONDS) == 0


def test_a_kind_that_was_made_before_is_not_scaled_from_another() -> None:
    model = TimingModel(CARDS["demo"])
    long = recipe(num_frames=121)
    model.learn(recipe(), SECONDS)
    for seconds in (70.0, 75.0, 80.0):
        model.learn(long, {**SECONDS, "sampling": seconds})
    assert model.expect(long)["sampling"] == 75
    assert model.expect(recipe())["sampling"] == 20


def test_an_estimate_says_what_it_rests_on() -> None:
    model = TimingModel(CARDS["demo"])
    assert model.estimate(recipe()) is None
    model.learn(recipe(), SECONDS)
    model.learn(recipe(), SECONDS)
    known, scaled = model.estimate(recipe()), model.estimate(recipe(num_frames=9))
    assert known is not None and scaled is not None
    assert known.seconds == pytest.approx(sum(SECONDS.values()))
    assert known.takes == 2
    assert scaled.takes == 0


def test_a_text_is_expected_to_take_its_time_only_once() -> None:
    model = TimingModel(CARDS["demo"])
    model.learn(recipe(), {**SECONDS, "text": 2.0})
    model.learn(recipe(), {**SECONDS, "text": 0.02})
    assert model.expect(recipe())["text"] == pytest.approx(0.02)
    assert model.expect(recipe(prompt="an owl"))["text"] == pytest.approx(1.0, rel=0.1)


def test_after_a_start_the_text_is_encoded_anew() -> None:
    model = TimingModel(CARDS["demo"])
    new, again = {**SECONDS, "text": 2.0}, {**SECONDS, "text": 0.02}
    model.recall([Measurement(recipe(), 2, new), Measurement(recipe(), 0, again)])
    assert model.expect(recipe())["text"] == pytest.approx(2.0)


def test_several_takes_take_their_time_and_are_saved_while_the_next_is_made() -> None:
    model = TimingModel(CARDS["demo"])
    model.learn(recipe(), {**SECONDS, "text": 0.02})
    model.learn(recipe(), {**SECONDS, "text": 0.02})
    estimate = model.estimate(recipe(num_takes=3))
    assert estimate is not None
    assert estimate.by_stage == {
        "text": pytest.approx(0.02),
        "sampling": pytest.approx(60),
        "decoding": pytest.approx(6),
        "saving": pytest.approx(1),
    }
    first = model.expect(recipe())
    assert model.each_further(recipe(num_takes=3), first) == pytest.approx(22)


def test_where_saving_takes_longest_the_takes_wait_for_it() -> None:
    model = TimingModel(CARDS["demo"])
    model.learn(recipe(), {"text": 0.0, "sampling": 1.0, "decoding": 1.0, "saving": 5.0})
    estimate = model.estimate(recipe(num_takes=4))
    assert estimate is not None
    assert estimate.seconds - estimate.by_stage["text"] == pytest.approx(2 + 4 * 5)


def test_takes_that_are_sampled_in_one_batch_are_sampled_once() -> None:
    model = TimingModel(CARDS["demo"], at_once=lambda _: 3)
    model.learn(recipe(), SECONDS)
    for takes, batches in ((1, 1), (3, 1), (4, 2), (8, 3)):
        estimate = model.estimate(recipe(num_takes=takes))
        assert estimate is not None
        assert estimate.by_stage["sampling"] == pytest.approx(20 * batches)


# Seconds of text and sampling: the first take is slow, the others waver by a tenth.
WAVERING = (0.3, 2.1), (0.01, 1.2), (0.01, 1.4), (0.01, 1.25), (0.01, 1.35)


def test_after_three_takes_of_a_kind_the_next_is_within_a_quarter() -> None:
    model = TimingModel(CARDS["demo"])
    for number, (text, sampling) in enumerate(WAVERING):
        made = {"text": text, "sampling": sampling, "decoding": 0.2, "saving": 0.2}
        if number >= 3:
            estimate = model.estimate(recipe())
            assert estimate is not None
            assert estimate.seconds == pytest.approx(sum(made.values()), rel=0.25)
        model.learn(recipe(), made)
