"""Helper fields become one paragraph, and advice names what it leaves out."""

import pytest

from ltx_ui.presets import load_presets
from ltx_ui.prompting import advise, compile_prompt
from ltx_ui.recipe import PromptFields
from ltx_ui.request import parse_recipe

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
    assert compiled(prompt="a {speech} bubble", sound="Rain") == "A {speech} bubble. Rain."


def test_a_prompt_alone_is_what_the_api_makes_of_it() -> None:
    typed = "a red ball on a beach\n\nIt bounces up and down "
    assert compiled(prompt=typed) == parse_recipe({"prompt": typed}).prompt
    assert compiled(prompt=typed) == "a red ball on a beach It bounces up and down"


def test_spoken_braces_are_only_words() -> None:
    assert compiled(speech="say {this} now") == "A person speaking: say {this} now."


def test_a_phrase_the_prompt_already_has_is_not_said_twice() -> None:
    assert compiled(prompt="A cat, gentle purring sounds", sound="gentle purring sounds") == (
        "A cat, gentle purring sounds"
    )


@pytest.mark.parametrize(
    ("prompt", "sound", "paragraph"),
    [
        ("红球在海滩上", "海浪声", "红球在海滩上。海浪声。"),
        ("红球在海滩上！", "海浪声…", "红球在海滩上！海浪声…"),
        ("彼は「やあ」", "波の音", "彼は「やあ」波の音。"),
        ("كرة حمراء؟", "صوت البحر", "كرة حمراء؟ صوت البحر."),
        ("एक लाल गेंद", "बारिश।", "एक लाल गेंद। बारिश।"),
        ("красный мяч", "шум моря", "Красный мяч. Шум моря."),
        ("ลูกบอลสีแดง", "เสียงคลื่น", "ลูกบอลสีแดง เสียงคลื่น"),
        ("a sign »Hallo«", "rain (soft)", "A sign »Hallo« Rain (soft)"),
        ("红球在海滩上", "rain falling", "红球在海滩上。Rain falling."),
    ],
)
def test_sentences_end_and_follow_each_other_as_their_script_has_it(
    prompt: str, sound: str, paragraph: str
) -> None:
    assert compiled(prompt=prompt, sound=sound) == paragraph


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


@pytest.mark.parametrize(
    "sound", ["A high tone", "A steady low tone", "One clear high note", "Ocean waves"]
)
def test_the_words_for_a_sound_are_known(sound: str) -> None:
    assert PRESETS.advice.no_sound not in advice_for(f"A red ball rests on the table. {sound}.")


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
    assert advice_for(prompt, has_reference=True) == []


def test_a_short_prompt_is_short_in_any_script() -> None:
    assert advice_for("一只猫") == [PRESETS.advice.short_prompt]
    assert advice_for("แมว") == [PRESETS.advice.short_prompt]


def test_english_is_told_without_a_word_of_the_vocabulary() -> None:
    assert PRESETS.advice.no_camera in advice_for("A cat sits on a cushion in the house")


def test_a_silent_clip_needs_no_sound() -> None:
    assert PRESETS.advice.no_sound not in advice_for("A cat sits still", include_audio=False)


def test_an_empty_prompt_is_not_lectured() -> None:
    assert advice_for("") == []
