"""Every language says all that English says, with the same values and its own plurals."""

import json
import re
from collections.abc import Iterator
from string import Formatter
from typing import Any

import pytest
from babel import Locale
from sources import ROOT, sources

from ltx_ui.engine.demo_words import DEMO_PHRASES
from ltx_ui.errors import InvalidRecipe
from ltx_ui.presets import Advice, load_presets
from ltx_ui.request import parse_recipe
from ltx_ui.texts import LANGUAGES, catalogue, language_of, said, translate
from ltx_ui.web.language import in_language
from ltx_ui.web.page import WORDS
from ltx_ui.web.views import problem

OF_PRESETS = {f"advice.{name}" for name in Advice.model_fields}
"""Texts that stand in presets.json in English."""
OTHERS = LANGUAGES[1:]


IN_ENGLISH = {"prompt", "text", "apply", "vocabulary", "fits", "examples", "advice", "least"}
"""What presets.json has under these names is written into prompts, or said by other means."""
SHOWN = {"name", "short", "note", "use", "aspect", "quality", "problem", "sentence"}
LINES = {"steps", "stages", "cures", "reference_tips", "seed_tips", "takeaways"}


def forms(language: str, text_id: str) -> Iterator[str]:
    text = catalogue(language)[text_id]
    yield from [text] if isinstance(text, str) else text.values()


def values_of(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("language", OTHERS)
def test_no_language_lacks_a_text_or_has_one_that_is_gone(language: str) -> None:
    assert catalogue(language).keys() == catalogue("en").keys() | OF_PRESETS


def test_every_text_is_used_and_every_text_that_is_used_is_there() -> None:
    files = [*sources(".py", ".html")]
    code = "\n".join(file.read_text("utf-8") for file in files if "ltx_ui" in file.parts)
    quoted = set(re.findall(r'"([a-z]+\.[a-z_]+)"', code))
    rooms = {text_id.partition(".")[0] for text_id in catalogue("en")}
    used = {name for name in quoted if re.fullmatch(r"(\w+)\.(?!html$|js$|css$)\w+", name)}
    assert catalogue("en").keys() <= used
    assert {name for name in used if name.partition(".")[0] in rooms} <= catalogue("en").keys()


def test_the_scripts_say_only_what_the_page_gives_them() -> None:
    scripts = [file.read_text("utf-8") for file in (ROOT / "ltx_ui/web/assets").glob("*.js")]
    assert set(re.findall(r"WORDS\.(\w+)", "\n".join(scripts))) == WORDS.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_has_a_sign_that_means_something_to_html_or_a_script(language: str) -> None:
    texts = "".join(text for text_id in catalogue(language) for text in forms(language, text_id))
    assert not set(texts) & set('<>&"$`\\')


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_form_of_a_text_takes_the_same_values_as_in_english(language: str) -> None:
    for text_id in catalogue("en"):
        wanted = set.union(*map(values_of, forms("en", text_id)))
        assert [values_of(text) for text in forms(language, text_id)] == [
            wanted for _ in forms(language, text_id)
        ]


@pytest.mark.parametrize("language", OTHERS)
def test_a_sentence_of_presets_takes_the_same_values_in_every_language(language: str) -> None:
    advice = load_presets().advice
    for name in Advice.model_fields:
        (text,) = forms(language, f"advice.{name}")
        assert values_of(text) == values_of(getattr(advice, name)), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_that_counts_has_every_plural_of_its_language(language: str) -> None:
    plurals = Locale(language).plural_form.tags | {"other"}
    counting = [text for text in catalogue(language).values() if not isinstance(text, str)]
    assert counting
    assert all(text.keys() == plurals for text in counting)


@pytest.mark.parametrize(
    ("language", "count", "text"),
    [
        ("en", 1, "Make it 1 second long"),
        ("en", 2.7, "Make it 2.7 seconds long"),
        ("de", 1, "Auf 1 Sekunde bringen"),
        ("de", 2.7, "Auf 2,7 Sekunden bringen"),
        ("zh", 1, "改为 1 秒"),
    ],
)
def test_a_count_chooses_the_plural_and_is_written_as_the_language_does(
    language: str, count: float, text: str
) -> None:
    assert translate("fix.length", language, count=count) == text


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("de-AT", "de"),
        ("DE", "de"),
        ("zh-Hans-CN", "zh"),
        ("zh_TW", "zh"),
        ("fr", "en"),
        ("", "en"),
    ],
)
def test_a_tag_is_answered_in_the_nearest_language_or_in_english(tag: str, language: str) -> None:
    assert language_of(tag) == language


def test_the_first_tag_that_is_known_decides() -> None:
    assert language_of("fr", "zh-TW", "de") == "zh"


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "1 of 1,024 tokens"), ("de", "1 von 1.024 Tokens"), ("zh", "1/1,024 个词元")],
)
def test_a_number_is_written_as_the_language_does(language: str, text: str) -> None:
    assert translate("tokens.count", language, count=1, limit=1024) == text


def test_a_value_is_only_a_value() -> None:
    assert translate("fix.add", phrase="{count} <b>") == "Add “{count} <b>”"


def test_an_unknown_text_or_a_missing_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        translate("fix.nothing")
    with pytest.raises(KeyError):
        translate("fix.add", "de")


def shown(value: object, name: str = "") -> Iterator[str]:
    """The words of presets.json that the page shows, by the names that they have there."""
    match value:
        case dict():
            for key, each in value.items():
                if key not in IN_ENGLISH or (key == "text" and name in LINES):
                    yield from shown(each, key if key in SHOWN | LINES else "")
        case list():
            for each in value:
                yield from shown(each, name)
        case str() if name and re.search("[A-Za-z]{3}", value):
            yield value


@pytest.mark.parametrize("language", OTHERS)
def test_all_that_the_page_shows_of_presets_and_of_the_demo_is_said_in_every_language(
    language: str,
) -> None:
    presets = json.loads((ROOT / "presets.json").read_text("utf-8"))
    phrases = [phrase.name for _, kind in DEMO_PHRASES for phrase in kind]
    words = {*shown(presets), *phrases}
    assert len(words) > 100
    texts = json.loads((ROOT / f"ltx_ui/texts/said.{language}.json").read_text("utf-8"))
    assert words - texts.keys() == {"TikTok / Shorts", "Instagram"}


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_said_of_english_words_has_their_values_and_no_sign_of_html(language: str) -> None:
    texts = json.loads((ROOT / f"ltx_ui/texts/said.{language}.json").read_text("utf-8"))
    assert list(texts) == sorted(texts)
    assert {words: values_of(text) for words, text in texts.items()} == {
        words: values_of(words) for words in texts
    }
    assert not set("".join(texts.values())) & set('<>&"$`\\')


def test_an_operators_own_words_stay_as_they_are() -> None:
    own = "For the lobby's screen {wide}"
    assert {said(own, language) for language in LANGUAGES} == {own}


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Prompt is empty. Describe what should be seen and heard."),
        ("de", "Prompt ist leer. Beschreibe, was zu sehen und zu hören sein soll."),
        ("zh", "提示词 为空。请描述要看到和听到的内容。"),
    ],
)
def test_the_page_says_what_is_wrong_in_the_visitors_language(language: str, sentence: str) -> None:
    with pytest.raises(InvalidRecipe) as empty, in_language(language):
        parse_recipe({"prompt": " "})
    with in_language(language):
        assert sentence in problem(empty.value)
    assert "prompt: is empty." in str(empty.value)


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        ({"num_inference_steps": 900}, "ist 900; erlaubt ist eine ganze Zahl von 1 bis"),
        ({"prompt": "a" * 9000}, "hat 9000 Zeichen; erlaubt sind höchstens"),
        ({"width": 1280, "height": 1280, "num_frames": 121}, "Bilder."),
    ],
)
def test_an_error_with_values_is_said_with_them(recipe: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRecipe) as wrong:
        parse_recipe({"prompt": "a ball"} | recipe, max_volume=50_000_000)
    with in_language("de"):
        assert sentence in problem(wrong.value)
