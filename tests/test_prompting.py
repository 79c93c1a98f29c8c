"""Helper fields become one paragraph."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltx_ui.errors import InvalidRecipe
from ltx_ui.presets import load_presets
from ltx_ui.prompting import compile_prompt
from ltx_ui.recipe import PromptFields
from ltx_ui.request import parse_recipe
from ltx_ui.words import squeeze, tidy_lines

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
        "Static shot, focused on the subject. Studio lighting, bright and clean. "
        "Quiet conversation."
    )


def test_the_creators_own_words_are_kept() -> None:
    assert compiled(prompt="  A  cat \r\n asleep…  ") == "A cat\nasleep…"
    assert compiled(prompt="a {speech} bubble", sound="Rain") == "A {speech} bubble. Rain."


def test_a_prompt_alone_is_what_the_api_makes_of_it() -> None:
    typed = "a red ball on a beach\n\nIt bounces up and down "
    assert compiled(prompt=typed) == parse_recipe({"prompt": typed}).prompt
    assert compiled(prompt=typed) == "a red ball on a beach\n\nIt bounces up and down"
    assert compiled(prompt=typed, sound="it BOUNCES\nup") == compiled(prompt=typed)
    assert compiled(prompt=typed, sound="rain\n falling") == (
        "A red ball on a beach\n\nIt bounces up and down. Rain falling."
    )


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


def test_named_speakers_speak_in_turn_at_the_end() -> None:
    speech = "Anna: We made it.\n\n  Ben (whispering): Not yet.\nThe old man: “Stop!”"
    assert compiled(prompt="a dim room", camera="slow pan", sound="rain", speech=speech) == (
        "A dim room. Slow pan. Rain. Anna: “We made it.” Ben (whispering): “Not yet.” "
        "The old man: “Stop!”"
    )


def test_a_line_without_a_name_keeps_the_pattern_in_its_turn() -> None:
    assert compiled(prompt="a dim room", speech="Anna: Hello!\nHello there\nBen: Bye.") == (
        "A dim room. Anna: “Hello!” A person speaking: Hello there. Ben: “Bye.”"
    )


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("安娜（低声）：我们到了。", "安娜（低声）：“我们到了。”"),
        ("アンナ：着いたよ", "アンナ：「着いたよ」"),
        ("アンナ：『着いた』", "アンナ：『着いた』"),
        ("Анна: Мы дошли!", "Анна: «Мы дошли!»"),
        ("آنا: وصلنا", "آنا: «وصلنا»"),
        ("Anna: »Wir sind da.«", "Anna: »Wir sind da.«"),
        ("O'Brien: 'It's late.'", "O'Brien: 'It's late.'"),
        ('Man 2:"Go on."', 'Man 2: "Go on."'),
    ],
)
def test_what_is_said_keeps_its_scripts_quotes_and_punctuation(line: str, sentence: str) -> None:
    assert compiled(speech=line) == sentence


@pytest.mark.parametrize(
    "speech",
    [
        "We leave at 10:30 sharp",
        "and then he said: no",
        "See http://example.com",
        "I told you once and for all: no.",
        "Anna:",
    ],
)
def test_a_colon_alone_makes_no_speaker(speech: str) -> None:
    assert compiled(speech=speech).startswith("A person speaking: ")


def test_lines_in_which_nobody_is_named_are_one_speech() -> None:
    assert compiled(speech="One line\nand another") == "A person speaking: One line and another."


def test_nothing_makes_nothing() -> None:
    assert compiled() == ""


@given(st.text(st.sampled_from("a水。 \0\a\n\r\t\x1c\x85\u2028\u3000\u200d")))
def test_what_was_tidied_stays_the_same(text: str) -> None:
    assert squeeze(squeeze(text)) == squeeze(text)
    lines = tidy_lines(text)
    assert tidy_lines(lines) == lines


@pytest.mark.parametrize(
    "unseen", ["\u200b", "\ufeff \u2060", "\u3164", "\u200e\ufe0f", "\x00\x1f"]
)
def test_a_prompt_in_which_nothing_can_be_seen_is_empty(unseen: str) -> None:
    with pytest.raises(InvalidRecipe, match="is empty"):
        parse_recipe({"prompt": unseen})
    assert compiled(prompt="A fox", camera=unseen) == "A fox"
    assert squeeze(f"{unseen} 🦊") != ""
