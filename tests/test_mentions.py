"""``@Aiko`` is found in any script, and stands for her words."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltx_ui.mentions import mentioned, spelled_out
from ltx_ui.presets import load_presets
from ltx_ui.prompting import compile_prompt
from ltx_ui.recipe import PromptFields

PRESETS = load_presets()
AIKO = " young woman in a red coat"
CAST = {
    "Aiko": f"a{AIKO}",
    "Aiko-San": "an old woman",
    "Ben": "",
    "小明": "一个男孩",
    "아이코": "빨간 코트를 입은 여자",
    "O'Brien\\1": "a man with a \\g<0> tattoo",
    "Straße": "a street",
    "José": "a boy",
    "🦊": "a fox",
}


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("@Aiko waves. Then @AIKO's dog.", f"A{AIKO} waves. Then a{AIKO}'s dog."),
        ("“Hi!” @Aiko. @Aiko", f"“Hi!” A{AIKO}. A{AIKO}"),
        ("@aiko-san, @Aiko-chan", "An old woman, @Aiko-chan"),
        ("@Ben and @Nobody", "Ben and @Nobody"),
        ("me@Aiko.com @Aikos @Aiko_2", "me@Aiko.com @Aikos @Aiko_2"),
        ("红色的@小明在跑", "红色的一个男孩在跑"),
        ("@아이코가 걷는다", "빨간 코트를 입은 여자가 걷는다"),
        ("@o'brien\\1!", "A man with a \\g<0> tattoo!"),
        ("@STRASSE, @straße", "A street, a street"),
        ("@Jose\u0301 @José", "A boy a boy"),
        ("@🦊@🦊", "A foxa fox"),
        ("(@Aiko)", f"({CAST['Aiko']})"),
        ("@ Aiko @", "@ Aiko @"),
    ],
)
def test_what_stands_for_a_name(typed: str, read: str) -> None:
    assert spelled_out(typed, CAST) == read


@given(text=st.text(), names=st.lists(st.text(min_size=1)))
def test_no_text_and_no_name_is_an_error(text: str, names: list[str]) -> None:
    cast = dict.fromkeys(names, "somebody")
    assert set(mentioned(text, names)) <= set(names)
    assert bool(mentioned(text, names)) == (spelled_out(text, cast) != text)


def test_those_who_are_named_come_in_their_order() -> None:
    typed = "@ben with @aiko, @Ben and @JOSÉ"
    for written in (typed, unicodedata.normalize("NFD", typed)):
        assert mentioned(written, CAST) == ["Ben", "Aiko", "José"]


def test_the_model_reads_the_words_among_those_of_the_helpers() -> None:
    fields = PromptFields(prompt="@Aiko waves", camera="slow dolly-in")
    assert compile_prompt(fields, PRESETS, CAST) == (
        "A young woman in a red coat waves. Slow dolly-in."
    )
    assert "@Aiko" in compile_prompt(fields, PRESETS)
