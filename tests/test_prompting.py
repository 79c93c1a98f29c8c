"""Helper fields become one paragraph, and advice names what it leaves out."""

import pytest

from ltx_ui.presets import load_presets
from ltx_ui.prompting import PromptFields, advise, compile_prompt

PRESETS = load_presets()


def compiled(**fields: str) -> str:
    return compile_prompt(PromptFields(**fields), PRESETS)


def test_all_fields_become_one_paragraph() -> None:
    assert compiled(
        prompt="the speaker stands in a modern office",
        camera="static shot, focused on the subject",
        lighting="studio lighting, bright and clean",
        sound="quiet conversation",
        speech="Hello and welcome.",
    ) == (
        "A person speaking: Hello and welcome. The speaker stands in a modern office. "
        "Studio lighting, bright and clean. Quiet conversation. "
        "Static shot, focused on the subject."
    )


def test_the_creators_own_words_are_kept() -> None:
    assert compiled(prompt="  A cat \n asleep…  ") == "A cat asleep…"
    assert compiled(prompt="a {speech} bubble") == "A {speech} bubble."


def test_spoken_braces_are_only_words() -> None:
    assert compiled(speech="say {this}") == "A person speaking: say {this}."


def test_a_phrase_the_prompt_already_has_is_not_said_twice() -> None:
    assert compiled(prompt="A cat, gentle purring sounds", sound="gentle purring sounds") == (
        "A cat, gentle purring sounds."
    )


def test_nothing_makes_nothing() -> None:
    assert compiled() == ""


def advice_for(
    prompt: str, *, has_reference: bool = False, include_audio: bool = True
) -> list[str]:
    return advise(
        PromptFields(prompt), PRESETS, has_reference=has_reference, include_audio=include_audio
    )


GOOD = "A cat sits on a cushion, soft lighting, gentle purring sounds, static shot"


def test_a_word_is_not_found_within_another() -> None:
    quiet = "A single human sits by the window, soft light, static shot"
    assert advice_for(quiet, has_reference=True) == [
        PRESETS.advice.no_sound,
        PRESETS.advice.no_motion,
    ]
    assert advice_for(f"{quiet}, humming, wind, she runs", has_reference=True) == []


def test_a_whole_prompt_needs_no_advice() -> None:
    assert advice_for(GOOD) == []


@pytest.mark.parametrize(
    ("prompt", "finding"),
    [
        ("A cat", PRESETS.advice.short_prompt),
        ("A cat sits on a cushion in soft lighting, static shot", PRESETS.advice.no_sound),
        ("A cat sits on a cushion, soft lighting, gentle purring", PRESETS.advice.no_camera),
        ("A cat sits on a cushion, gentle purring, static shot", PRESETS.advice.no_lighting),
    ],
)
def test_what_is_left_out_is_named(prompt: str, finding: str) -> None:
    assert finding in advice_for(prompt)
    assert finding not in advice_for(GOOD)


def test_a_reference_image_wants_a_motion() -> None:
    assert advice_for(GOOD, has_reference=True) == [PRESETS.advice.no_motion]
    assert advice_for(GOOD + ", the cat turns its head", has_reference=True) == []


@pytest.mark.parametrize("sound", ["A high tone", "One clear high note", "Ocean waves"])
def test_the_words_for_a_sound_are_known(sound: str) -> None:
    assert PRESETS.advice.no_sound not in advice_for(f"A red ball rests on the table. {sound}.")


def test_a_silent_clip_needs_no_sound() -> None:
    assert PRESETS.advice.no_sound not in advice_for("A cat sits still", include_audio=False)


def test_an_empty_prompt_is_not_lectured() -> None:
    assert advice_for("") == []
