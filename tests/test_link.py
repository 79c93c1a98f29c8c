"""A recipe goes into a link and comes out of it, and nothing else does."""

from __future__ import annotations

import base64
import string
import zlib

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from told import ODD, typed

from ltx_ui.inputs import digest_of
from ltx_ui.link import MOST_CHARACTERS, as_fragment
from ltx_ui.media.metadata import NoRecipe
from ltx_ui.recall import recall_link
from ltx_ui.recipe import MAX_PROMPT, MAX_SEED, Recipe, Typed

WORDS = st.text(max_size=MAX_PROMPT)
PROMPTS = st.text(min_size=1, max_size=MAX_PROMPT).filter(str.strip)


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """Any recipe without pictures."""
    return Recipe(
        prompt=draw(PROMPTS),
        negative_prompt=draw(WORDS),
        width=2 * draw(st.integers(64, 1024)),
        height=2 * draw(st.integers(64, 1024)),
        num_frames=8 * draw(st.integers(1, 32)) + 1,
        fps=draw(st.sampled_from([24, 25, 30])),
        num_inference_steps=draw(st.integers(1, 100)),
        guidance_scale=draw(st.floats(1, 20)),
        seed=draw(st.integers(0, MAX_SEED)),
        include_audio=draw(st.booleans()),
        mode=draw(st.sampled_from(["standard", "high"])),
        two_stage=draw(st.booleans()),
        num_takes=draw(st.integers(1, 8)),
        noise=draw(st.sampled_from(["frame", "clip"])),
        typed=draw(st.none() | st.builds(Typed, *[st.text(max_size=99)] * 5, st.none() | WORDS)),
    )


@given(recipe=recipes())
def test_a_recipe_is_the_same_as_json_and_in_a_link(recipe: Recipe) -> None:
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    fragment = as_fragment(recipe)
    assert set(fragment) <= {*string.ascii_letters, *string.digits, *"=-_"}
    assert recall_link(f"#{fragment}").recipe == recipe


def test_a_link_of_some_words_is_short() -> None:
    words = "An old fisherman looks at the sea while gulls cry and the wind moves his coat. " * 2
    recipe = Recipe(prompt=words, seed=4_000_000_000, typed=Typed(words, negative_prompt=""))
    assert len(as_fragment(recipe)) < 250


def test_a_link_names_neither_pictures_nor_a_model_of_ones_own() -> None:
    images = {"images": [{"digest": digest_of(b"a face")}]}
    recipe = typed(prompt=ODD).model_dump() | {"inputs": images, "model": "/home/ada/model"}
    found = recall_link(as_fragment(Recipe.model_validate(recipe), "demo"))
    assert found.recipe == typed(prompt=ODD) and found.making.model == "demo"


def test_a_link_that_was_made_by_this_version_is_read_by_later_ones() -> None:
    made = "recipe=1ePlw9ZaNq8YWa44KafkVVI8BIwsLRASYGhqhRoCJJYXhb0718E_OySxABH9eaU5ObS0AypZnQg"
    fox = Recipe(prompt="A fox", seed=7, width=288, height=512)
    assert recall_link(made).recipe == fox


def packed(text: bytes) -> str:
    """A link whose text is compressed without a dictionary."""
    return "recipe=1" + base64.urlsafe_b64encode(zlib.compress(text)).decode().rstrip("=")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("recipe=", "damaged"),
        ("recipe=1", "Copy it again"),
        ("recipe=1!!", "Copy it again"),
        ("recipe=2abc", "newer version"),
        ("recipe=<script>", "damaged"),
        ("recipe=1" + "A" * MOST_CHARACTERS, "longer than any"),
        (packed(b'{"recipe": {"prompt": "a"}}' + b" " * 50_000_000), "Copy it again"),
        (packed(b'{"recipe": {"prompt": "a", "width": 1}}'), "can't be used here"),
        (packed(b'{"recipe": {"flour": 500}}'), "can't be used here"),
        (packed(b'{"prompt": "a"}'), "can't be used here"),
        (packed(b"[]"), "Copy it again"),
        (as_fragment(typed())[:-4], "Copy it again"),
    ],
)
def test_a_link_that_tells_no_recipe_gets_a_sentence(text: str, says: str) -> None:
    with pytest.raises(NoRecipe, match=says) as caught:
        recall_link(text)
    assert str(caught.value).startswith("This link ") and str(caught.value).endswith(".")


@limits(max_examples=300)
@given(data=st.data())
def test_a_damaged_link_tells_a_recipe_or_says_that_it_cannot(data: st.DataObject) -> None:
    whole = as_fragment(typed(prompt=ODD))
    at = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.characters() | st.just(""))
    try:
        assert recall_link(whole[:at] + other + whole[at + 1 :]).recipe
    except NoRecipe as error:
        assert str(error).endswith(".")
