"""What the fields of the Create tab offer, and what a preset puts into them."""

from typing import Any

import pytest
from studios import PATIENCE, OpenStudio, quick

from ltx_ui.engine.models import CARDS
from ltx_ui.media.mp4 import read_metadata
from ltx_ui.presets import Preset, Presets, load_presets
from ltx_ui.prompting import compile_prompt
from ltx_ui.recipe import PromptFields, Recipe, Typed
from ltx_ui.request import parse_recipe, request_data
from ltx_ui.studio.jobs import Done
from ltx_ui.web.form import Form, length_choices, preset_fields, size_choices

WIDE = Preset(
    id="wide",
    name="Wide",
    note="A banner",
    settings={"width": 640, "height": 160, "num_frames": 33, "num_takes": 3, "seed": 7},
)


@pytest.fixture
def presets() -> Presets:
    known = load_presets()
    return known.model_copy(update={"presets": (*known.presets, WIDE)})


def test_whatever_a_preset_chooses_can_be_chosen(presets: Presets) -> None:
    form = Form.initial(presets)
    assert ("Own size 640x160", "640x160") in size_choices(form, presets)
    assert ("33 frames · 1.38 s", 33) in length_choices(form, presets)
    sizes = [size for _, size in size_choices(form, presets)]
    assert len(sizes) == len(set(sizes)) == len(presets.formats_for(has_upsampler=False)) + 1


def test_a_preset_sets_the_seed_and_the_takes_only_if_it_names_them(presets: Presets) -> None:
    wide = preset_fields("wide", presets)
    assert (
        wide.items() >= {"size": "640x160", "seed": 7, "seed_locked": True, "num_takes": 3}.items()
    )
    assert not preset_fields("fast-preview", presets).keys() & {"seed", "seed_locked", "num_takes"}


def test_whatever_a_browser_sends_becomes_a_form(presets: Presets) -> None:
    initial = Form.initial(presets)
    nonsense: tuple[Any, ...] = (
        None,
        True,
        -1,
        10**400,
        1.5,
        "x",
        "9" * 100,
        [],
        [[]],
        {"path": "/etc/passwd"},
    )
    for name in initial.as_draft():
        for value in nonsense:
            form = Form.read(initial.as_draft() | {name: value}, presets)
            kinds = {type(each) for each in (getattr(form, name), getattr(initial, name))}
            assert kinds <= {int, float, type(None)} or len(kinds) == 1
            form.recipe_data(presets)


@pytest.mark.parametrize("draft", [None, "text", 5, [], [1], {"unknown": 1}])
def test_a_draft_that_is_none_is_the_initial_form(draft: object, presets: Presets) -> None:
    assert Form.read(draft, presets) == Form.initial(presets)


def test_an_emptied_number_is_the_presets_own(presets: Presets) -> None:
    sent = {"preset": "fast-preview", "num_inference_steps": None, "prompt": None}
    form = Form.read(sent, presets)
    assert (form.num_inference_steps, form.prompt) == (5, "")


def test_a_recipe_comes_back_as_the_form_that_makes_it(presets: Presets) -> None:
    asked = {"prompt": "A ball.", "width": 704, "height": 1280, "two_stage": True, "seed": 3}
    recipe = parse_recipe(asked | {"image_end": "sha256:" + "0" * 64, "num_takes": 2})
    form = Form.from_recipe(recipe, presets)
    assert parse_recipe(form.recipe_data(presets)) == recipe


TYPED = Typed(
    "A cube.\nIt turns.", "static shot", "", "rain on a roof", "Hello", negative_prompt="fog,\nrain"
)


def from_typed(presets: Presets) -> Recipe:
    recipe = quick(prompt=compile_prompt(TYPED, presets), negative_prompt=TYPED.negative_prompt)
    return recipe.model_copy(update={"typed": TYPED})


def test_the_words_come_back_as_they_were_typed_from_take_and_film(
    presets: Presets, open_studio: OpenStudio
) -> None:
    studio = open_studio()
    job = studio.submit(from_typed(presets), "ada")
    assert studio.wait(job.id, "ada", PATIENCE).state == Done(job.id)
    take = studio.library.take(job.id, "ada")
    told = Recipe.model_validate(read_metadata(take.video)["recipe"])
    for recipe in (take.recipe, told):
        form = Form.from_recipe(recipe, presets)
        assert (form.typed, form.authors_negative) == (TYPED, False)
    assert "typed" not in request_data(take.recipe)


def test_a_prompt_that_was_sent_as_it_is_or_joined_otherwise_stays_one_paragraph(
    presets: Presets,
) -> None:
    recipe = from_typed(presets)
    sent = Form.from_recipe(recipe.model_copy(update={"typed": None}), presets)
    assert sent.prompt_fields == PromptFields(recipe.prompt)
    changed = presets.model_copy(update={"speech_pattern": "Somebody says: {speech}"})
    assert Form.from_recipe(recipe, changed).prompt_fields == PromptFields(recipe.prompt)


def test_the_authors_negative_prompt_is_asked_for_where_the_model_has_one(
    presets: Presets,
) -> None:
    form = Form.read({"negative_prompt": "rain", "authors_negative": True}, presets)
    asked = form.made_with(CARDS["ltx-2"]).recipe_data(presets, CARDS["ltx-2"])
    recipe = parse_recipe(asked | {"prompt": "a cat"})
    assert recipe.negative_prompt == CARDS["ltx-2"].authors_negative_prompt != ""
    again = Form.from_recipe(recipe.model_copy(update={"typed": form.typed}), presets)
    assert (again.negative_prompt, again.authors_negative) == ("rain", True)
    sent = Form.from_recipe(recipe, presets)
    assert (sent.negative_prompt, sent.authors_negative) == (recipe.negative_prompt, False)
    for card in (CARDS["demo"], CARDS["ltx-2-distilled"]):
        assert form.made_with(card).recipe_data(presets, card)["negative_prompt"] == "rain"
