"""A prompt with {one|another} stands for several."""

import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltx_ui.alternatives import MOST_ALTERNATIVES, alternatives
from ltx_ui.errors import InvalidRecipe

PLAIN = st.text(st.characters(exclude_characters="{|}\\"))
GROUP = st.lists(PLAIN, min_size=2, max_size=4)
SIGNS = st.text("{|}\\ab") | st.text()


def group(choices: list[str]) -> str:
    return "{" + "|".join(choices) + "}"


@pytest.mark.parametrize(
    ("text", "prompts"),
    [
        ("a {red|blue} ball", ["a red ball", "a blue ball"]),
        ("{a|b} and {c|d}", ["a and c", "a and d", "b and c", "b and d"]),
        ("a {|very }red ball", ["a red ball", "a very red ball"]),
        ("a {red} ball", ["a {red} ball"]),
        (r"a \{red|blue\} ball", ["a {red|blue} ball"]),
        (r"{a|b\} ball", ["{a|b} ball"]),
        (r"{\||\}} ball", ["| ball", "} ball"]),
        ("one | two, {open", ["one | two, {open"]),
        ("{红|蓝}球", ["红球", "蓝球"]),
        ("a {red|red|blue} ball", ["a red ball", "a blue ball"]),
        ("{a|{b|c}} ball", ["a ball", "b ball", "c ball"]),
        ("{a {b|c}|d}", ["a b", "a c", "d"]),
        ("{a|{b}}", ["a", "{b}"]),
        ("{{a|b}", ["{a", "{b"]),
        ("{a|{b|c} d", ["{a|b d", "{a|c d"]),
        ("", [""]),
    ],
)
def test_each_choice_makes_a_prompt(text: str, prompts: list[str]) -> None:
    assert alternatives(text) == prompts


@settings(deadline=None)
@given(PLAIN, st.lists(st.tuples(GROUP, PLAIN), max_size=2))
def test_groups_multiply_in_the_order_they_are_written(
    start: str, rest: list[tuple[list[str], str]]
) -> None:
    text = start + "".join(group(choices) + plain for choices, plain in rest)
    parts = [[start]] + [part for choices, plain in rest for part in (choices, [plain])]
    assert alternatives(text) == list(dict.fromkeys("".join(c) for c in product(*parts)))


@settings(deadline=None)
@given(SIGNS)
def test_whatever_is_written_with_backslashes_before_its_signs_stands_for_itself(text: str) -> None:
    assert alternatives(re.sub(r"([{|}])", r"\\\1", text)) == [text]


@settings(deadline=None)
@given(SIGNS)
def test_no_text_makes_more_than_the_limit_or_another_error(text: str) -> None:
    try:
        assert 1 <= len(alternatives(text)) <= MOST_ALTERNATIVES
    except InvalidRecipe as error:
        assert "allowed are up to 16" in str(error)


def test_too_many_alternatives_are_refused_with_their_number() -> None:
    assert len(alternatives("{a|b}" * 4)) == MOST_ALTERNATIVES
    with pytest.raises(InvalidRecipe, match=r"32 prompts .* allowed are up to 16") as caught:
        alternatives("{a|b}" * 5)
    assert caught.value.problems[0].field == "prompt"


def test_groups_in_groups_are_counted_before_they_are_written_out() -> None:
    with pytest.raises(InvalidRecipe, match="32 prompts"):
        alternatives("{" + "{a|b}" * 4 + "|" + "{c|d}" * 4 + "}")
    with pytest.raises(InvalidRecipe, match="1000 or more"):
        alternatives("{a|" * 1000 + "{b|c}" * 100 + "}" * 1000)


def test_a_very_large_number_of_alternatives_is_only_counted() -> None:
    with pytest.raises(InvalidRecipe, match="stands for 1000 or more prompts"):
        alternatives("{a|b}" * 500)
