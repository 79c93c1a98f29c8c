"""Advice names what a draft leaves out or says twice over, and its fixes settle that."""

from dataclasses import replace
from typing import Any

import pytest

from ltx_ui.advice import MOST, Finding, advise
from ltx_ui.engine.models import CARDS, ModelCard
from ltx_ui.presets import load_presets
from ltx_ui.recipe import DEFAULT_NEGATIVE_PROMPT, MAX_FRAMES
from ltx_ui.request import parse_recipe
from ltx_ui.web.form import Form
from training import captions

PRESETS = load_presets()
DEMO, FULL, DISTILLED = CARDS["demo"], CARDS["ltx-2"], CARDS["ltx-2-distilled"]
PICTURE = "0" * 64
GOOD = "A cat sits on a cushion, soft lighting, gentle purring sounds, static shot"
SILENT = "A cat sits on a cushion, soft lighting, static shot"
ROUND_TRIP = "A cat sits on a rug by lamp light, purring"


def draft(prompt: str = "", **fields: Any) -> Form:
    return replace(Form.initial(PRESETS), prompt=prompt, **fields)


def findings(prompt: str = "", card: ModelCard | None = None, **fields: Any) -> list[Finding]:
    return advise(draft(prompt, **fields), PRESETS, card)


def names(prompt: str = "", card: ModelCard | None = None, **fields: Any) -> list[str]:
    return [found.name for found in findings(prompt, card, **fields)]


def fixed(form: Form, name: str, card: ModelCard | None = None) -> Form:
    """The form after the fix of a finding, which is gone then."""
    fix = next(found.fix for found in advise(form, PRESETS, card) if found.name == name)
    assert fix is not None
    after = replace(form, **fix.fields)
    assert name not in [found.name for found in advise(after, PRESETS, card)]
    return after


def test_a_whole_prompt_needs_no_advice() -> None:
    assert names(GOOD) == []


def test_nothing_written_is_not_lectured() -> None:
    assert names("", image_start=PICTURE, negative_prompt="rain", guidance_scale=1.0) == []


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A cat", "short_prompt"),
        (SILENT, "no_sound"),
        ("A cat sits on a cushion, soft lighting, gentle purring", "no_camera"),
        ("A cat sits on a cushion, gentle purring, static shot", "no_lighting"),
    ],
)
def test_what_is_left_out_is_named(prompt: str, name: str) -> None:
    assert findings(prompt) != []
    assert {found.name: found.sentence for found in findings(prompt)}[name] == getattr(
        PRESETS.advice, name
    )


def test_the_three_most_useful_findings_are_told_and_no_more() -> None:
    assert names("A cat") == ["short_prompt", "no_sound", "no_camera"]
    assert len(names("A cat", image_start=PICTURE, negative_prompt="x", guidance_scale=1.0)) == MOST


def test_a_word_is_not_found_within_another() -> None:
    quiet = "A single human sits by the window, soft light, static shot"
    assert names(quiet, image_start=PICTURE) == ["no_motion", "no_sound"]
    assert names(f"{quiet}, humming, wind, she runs", image_start=PICTURE) == []


def test_a_helper_field_speaks_of_its_own_thing_in_any_words() -> None:
    typed: Any = {"camera": "Dutch angle", "lighting": "overcast", "sound": "a kettle boils"}
    assert names("A cat sits on a cushion in the house", **typed) == []


def test_a_phrase_that_fits_the_prompt_is_offered_as_its_sound() -> None:
    assert "purring" in fixed(draft(SILENT), "no_sound").sound
    assert (
        "ocean waves" in fixed(draft("A ball rests on the beach. Static shot."), "no_sound").sound
    )


def test_where_no_phrase_fits_the_sound_track_can_be_turned_off() -> None:
    form = fixed(draft("A chair stands in a red house, soft light, static shot"), "no_sound")
    assert not form.include_audio and not form.sound


def test_a_silent_clip_needs_no_sound() -> None:
    assert "no_sound" not in names("A cat sits still on a rug", include_audio=False)


def test_a_static_shot_is_offered_where_no_camera_is_named() -> None:
    form = fixed(draft("A cat sits on a cushion, soft lighting, gentle purring"), "no_camera")
    assert form.camera == "static shot, focused on the subject"


def test_a_light_that_fits_is_offered() -> None:
    form = draft("A ball on a beach with ocean waves, static shot")
    assert fixed(form, "no_lighting").lighting == "golden hour sunset lighting"


@pytest.mark.parametrize("camera", [phrase.text for phrase in PRESETS.phrases.camera])
def test_each_camera_phrase_stands_still_or_moves(camera: str) -> None:
    static, moving = "static shot", "the camera pans slowly"
    others = [
        other
        for other in (static, moving)
        if "two_cameras" in names(f"{ROUND_TRIP}, {other}", camera=camera)
    ]
    assert len(others) == 1


def test_a_camera_field_that_contradicts_the_prompt_can_be_dropped() -> None:
    form = draft(f"{ROUND_TRIP}, the camera pans slowly", camera="static shot")
    assert fixed(form, "two_cameras").camera == ""


def test_a_static_shot_within_the_prompt_can_be_dropped() -> None:
    form = draft(f"{ROUND_TRIP}, static shot, the camera zooms in")
    assert fixed(form, "two_cameras").prompt == f"{ROUND_TRIP}, the camera zooms in"


def test_words_about_more_than_the_camera_are_left_to_their_author() -> None:
    (found,) = findings("A static shot of a cat on a rug by lamp light, purring, slow pan")
    assert found.name == "two_cameras"
    assert found.fix is None


@pytest.mark.parametrize(
    "prompt",
    [
        f"{ROUND_TRIP}, static shot, then the camera pans slowly",
        f"{ROUND_TRIP}, static shot of a frying pan",
        f"{ROUND_TRIP}, static shot, the cat tilts its head",
    ],
)
def test_a_camera_that_first_stands_still_or_a_pan_on_the_stove_is_no_contradiction(
    prompt: str,
) -> None:
    assert "two_cameras" not in names(prompt)


def test_speech_is_given_the_shortest_length_that_is_enough() -> None:
    speech = "We made it all the way up here, and now I want to go home again."
    form = draft("A woman on a mountain.", speech=speech, num_frames=49, fps=24)
    (found, *_) = advise(form, PRESETS)
    assert "6.4 s, and the clip lasts 2 s" in found.sentence
    longer = fixed(form, "speech_too_long")
    assert longer.num_frames == 161
    assert parse_recipe(longer.recipe_data(PRESETS)).num_frames == 161


def test_speech_for_which_no_length_is_enough_gets_no_fix() -> None:
    (found, *_) = findings("A man.", speech="word " * 90, num_frames=MAX_FRAMES, fps=24)
    assert found.name == "speech_too_long"
    assert found.fix is None


@pytest.mark.parametrize(
    ("prompt", "speech"),
    [
        ("", "我们终于到了山顶，现在我想回家，因为天快黑了，而且我很累。"),
        ("A man says: “We made it all the way up here, and now I want to go home again.”", ""),
    ],
)
def test_what_is_said_is_counted_in_every_script_and_within_the_prompt(
    prompt: str, speech: str
) -> None:
    assert names(prompt, speech=speech, num_frames=49)[0] == "speech_too_long"
    assert "speech_too_long" not in names(prompt, speech=speech, num_frames=241)


def test_the_names_of_who_speaks_are_not_said() -> None:
    one: Any = {"speech": "The old man (in a very low and tired voice): Not yet.", "num_frames": 49}
    assert "speech_too_long" not in names("A dim room.", **one)


@pytest.mark.parametrize("example", PRESETS.examples)
def test_an_example_fits_into_the_default_length(example: Any) -> None:
    typed = example.model_dump()
    assert "speech_too_long" not in names(typed.pop("prompt"), **typed)


def test_what_is_said_is_put_in_quotes() -> None:
    form = draft("A man in a hat says softly: We made it. Rain falls, static shot.")
    assert fixed(form, "speech_without_quotes").prompt == (
        "A man in a hat says softly: “We made it.” Rain falls, static shot."
    )
    assert "speech_without_quotes" in names("A man in a hat waves and says hello to the rain")


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("“We are home at last.” A dim room with soft light, static shot", True),
        ("An old man: “We are home at last.” A dim room with soft light", False),
        ("“We are home at last,” says an old man in a dim room with soft light", False),
        ("A door with a sign: “No way out”, in soft light with a static shot", False),
        ("The letters on the wall read “No way out”, soft light, static shot", False),
        ("It's the dog's bowl by the cat's bed, soft light, static shot", False),
    ],
)
def test_quoted_words_need_somebody_who_says_them(prompt: str, told: bool) -> None:
    assert ("speech_without_speaker" in names(prompt)) is told


def test_speech_needs_a_scene() -> None:
    assert names(speech="Hello and welcome to you all.")[0] == "speech_without_scene"
    assert "speech_without_scene" not in names("A man in a room.", speech="Hello and welcome.")


def test_a_picture_wants_a_motion_and_has_its_light() -> None:
    form = draft("A cat on a cushion, purring, static shot", image_start=PICTURE)
    assert names(form.prompt, image_start=PICTURE) == ["no_motion"]
    assert fixed(form, "no_motion").prompt == (
        "A cat on a cushion, purring, static shot. The scene comes alive with gentle movement."
    )


def test_a_negative_prompt_without_guidance_has_no_effect() -> None:
    form = draft(GOOD, negative_prompt="rain", guidance_scale=1.0)
    assert fixed(form, "negative_without_effect", FULL).guidance_scale == 3.0
    usual: Any = {"negative_prompt": DEFAULT_NEGATIVE_PROMPT, "guidance_scale": 1.0}
    assert names(GOOD, **usual) == []


def test_a_model_that_takes_no_negative_prompt_has_it_emptied() -> None:
    form = draft(GOOD, negative_prompt="rain", guidance_scale=3.0)
    assert fixed(form, "negative_without_effect", DISTILLED).negative_prompt == ""
    assert names(GOOD, FULL, negative_prompt="rain", guidance_scale=3.0) == []


@pytest.mark.parametrize(
    "sound",
    ["A high tone", "One clear high note", "Ocean waves", "Birdsong", "Footsteps", "Distant bells"],
)
def test_the_words_for_a_sound_are_known(sound: str) -> None:
    assert "no_sound" not in names(f"A red ball rests on the table. {sound}.")


WORDINGS = {
    "camera": captions.CAMERA_WORDS,
    "lighting": captions.LIGHT_WORDS,
    "sound": captions.SOUND_WORDS,
    "motion": captions.MOTION_WORDS,
}
"""What the demo model was trained on, by what a prompt speaks of."""


def wordings(kind: str) -> list[str]:
    table: Any = WORDINGS[kind]
    return [wording for each in table.values() for wording in each]


@pytest.mark.parametrize("kind", WORDINGS)
def test_whatever_the_demo_model_knows_counts_with_it(kind: str) -> None:
    for wording in wordings(kind):
        told = names(f"A red ball on the floor. {wording}.", DEMO, image_start=PICTURE)
        assert f"no_{kind}" not in told, wording
        assert f"no_{kind}" not in names(f"A red ball on the floor. {wording}.", DEMO), wording


@pytest.mark.parametrize("kind", WORDINGS)
def test_the_demo_model_is_offered_its_own_phrases_only(kind: str) -> None:
    assert DEMO.phrases is not None
    own = [phrase.text.removeprefix("It ") for phrase in getattr(DEMO.phrases, kind)]
    assert own
    assert set(own) <= set(wordings(kind))


@pytest.mark.parametrize(
    ("place", "sound"),
    [
        ("by the sea", "the sound of waves"),
        ("in a green forest", "the sound of rain"),
        ("in an empty room", "beeps"),
    ],
)
def test_the_demo_model_is_offered_the_sound_of_the_place(place: str, sound: str) -> None:
    form = draft(f"A red ball drifts slowly to the left {place}.")
    assert fixed(form, "no_sound", DEMO).sound == sound


def test_the_demo_model_moves_a_picture_in_its_own_words() -> None:
    form = draft("A red ball. A low hum. Static camera.", image_start=PICTURE)
    assert fixed(form, "no_motion", DEMO).prompt.endswith("It drifts slowly to the left.")


def test_the_demo_model_is_not_said_to_speak() -> None:
    form = draft("A red ball by the sea. Waves.", speech="Hello " * 30)
    assert "speech_unheard" in [found.name for found in advise(form, PRESETS, DEMO)]
    assert fixed(form, "speech_unheard", DEMO).speech == ""
    assert not [name for name in names(form.prompt, DEMO, speech="Hello.") if "scene" in name]


@pytest.mark.parametrize("example", DEMO.examples)
def test_an_example_of_the_demo_model_leaves_neither_sound_nor_motion_out(example: str) -> None:
    assert not {"no_sound", "no_motion", "short_prompt"} & set(
        names(example, DEMO, image_start=PICTURE)
    )


def test_advice_and_fixes_are_told_in_the_readers_language() -> None:
    form = draft("A man.", speech="We made it all the way here, and now I want to go home.")
    (german, *_), (chinese, *_) = (advise(form, PRESETS, None, tag) for tag in ("de", "zh-Hans"))
    assert "etwa 5,6 s, der Clip 2 s" in german.sentence
    assert german.fix is not None and german.fix.label == "Auf 5,7 Sekunden bringen"
    assert chinese.sentence.startswith("台词大约需要 5.6 秒")


def test_a_fix_has_a_label_that_says_what_it_does() -> None:
    labels = [found.fix.label for found in findings("A cat") if found.fix]
    assert labels == ["Add “gentle purring sounds”", "Add “static shot, focused on the subject”"]


CHINESE = "一只猫安静地坐在垫子上，柔和的光线，轻柔的呼噜声，固定镜头。" * 7
ELSEWHERE = [
    CHINESE,
    "猫がクッションの上に静かに座っている、柔らかい光、優しい喉の音、固定カメラ。",
    "قطة تجلس بهدوء على وسادة، إضاءة ناعمة، صوت خرخرة لطيف، لقطة ثابتة.",
    "Кошка спокойно сидит на подушке, мягкий свет, тихое мурлыканье, статичный кадр.",
    "แมวนั่งอย่างสงบบนเบาะ แสงนุ่มนวล เสียงครางเบาๆ กล้องนิ่ง",
    "Eine Katze sitzt ruhig auf einem Kissen, sanfte Beleuchtung, leises Schnurren",
    "Un gato camina a la orilla del mar con luz suave y un sonido tranquilo",
]


@pytest.mark.parametrize("prompt", ELSEWHERE)
def test_a_prompt_in_another_language_gets_no_advice_from_an_english_vocabulary(
    prompt: str,
) -> None:
    assert names(prompt, image_start=PICTURE) == []


def test_a_short_prompt_is_short_in_any_script() -> None:
    assert names("一只猫") == ["short_prompt"]
    assert names("แมว") == ["short_prompt"]


def test_english_is_told_without_a_word_of_the_vocabulary() -> None:
    assert "no_camera" in names("A cat sits on a cushion in the house")


def test_a_sentence_that_a_file_does_not_have_is_not_said() -> None:
    advice = PRESETS.advice.model_copy(update={"negative_without_effect": ""})
    quiet = PRESETS.model_copy(update={"advice": advice})
    form = draft(GOOD, negative_prompt="rain", guidance_scale=1.0)
    assert advise(form, quiet) == []
