"""What the fields of the Create tab offer, and what a preset puts into them."""

from dataclasses import replace
from typing import Any

import pytest
from studios import PATIENCE, OpenStudio, quick

from ltx_ui.engine.models import CARDS
from ltx_ui.inputs import FilmInput, Inputs, RetakeInput, SoundInput
from ltx_ui.media.metadata import read_metadata
from ltx_ui.presets import Preset, Presets, load_presets
from ltx_ui.prompting import compile_prompt
from ltx_ui.recipe import PromptFields, Recipe, Typed
from ltx_ui.request import parse_recipe, request_data
from ltx_ui.studio.guard import Limits
from ltx_ui.studio.jobs import Done
from ltx_ui.web import limited
from ltx_ui.web.choices import (
    Choice,
    length_choices,
    other_lengths,
    preset_choices,
    size_choices,
    take_choices,
)
from ltx_ui.web.form import Form, preset_fields
from ltx_ui.web.recipe_words import differences, recipe_lines

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


def by_value(choices: list[Choice]) -> dict[Any, Choice]:
    """The choices by their values, none of which is offered twice."""
    found = {each["value"]: each for each in choices}
    assert len(found) == len(choices)
    return found


def test_whatever_a_preset_chooses_can_be_chosen(presets: Presets) -> None:
    form = Form.initial(presets)
    sizes = by_value(size_choices(form, presets))
    assert sizes["640x160"]["note"] == "Own size 640x160"
    assert len(sizes) == len(presets.formats_for(has_upsampler=False)) + 1
    assert by_value(take_choices(form, presets)).keys() >= {1, 3}
    lengths = by_value([*length_choices(form, presets), *other_lengths(form, presets)])
    assert lengths[33]["long"] == "33 frames · 1.38 s"
    assert set(lengths) == set(range(9, 258, 8))


def test_a_length_of_the_form_that_no_clip_may_have_is_still_shown(presets: Presets) -> None:
    form = replace(Form.initial(presets), num_frames=34, size="100x50", num_takes=7)
    assert 34 in by_value(other_lengths(form, presets))
    assert by_value(size_choices(form, presets))["100x50"]["label"] == "2:1"
    assert 7 in by_value(take_choices(form, presets))


def test_a_preset_tells_its_seconds_here_or_that_it_was_changed(presets: Presets) -> None:
    form = Form.initial(presets)
    seconds: dict[str, float | None] = {form.preset: 12.0, "fast-preview": None}
    said = by_value(preset_choices(form, presets, seconds))
    assert (said[form.preset]["small"], said["fast-preview"]["small"]) == ("12 s", "")
    changed = by_value(preset_choices(replace(form, num_inference_steps=7), presets, seconds))
    assert changed[form.preset]["small"] == "changed"


def test_a_visitor_may_choose_what_their_limits_allow(presets: Presets) -> None:
    limits = Limits(640 * 160 * 33, steps=30, clips=2, minutes=1, minutes_left=1)
    form = Form.initial(presets).with_preset("wide", presets)
    within = limited.lengths(other_lengths(form, presets), form, limits)
    assert [each["value"] for each in within if "closed" not in each] == [17, 33]
    assert "up to 1.38 s" in by_value(within)[41]["note"]
    offered = by_value(limited.sizes(size_choices(form, presets), limits))
    assert {size for size, each in offered.items() if "closed" not in each} == {
        "288x512", "384x672", "768x432", "512x512", "640x160"
    }  # fmt: skip
    small = Limits(640 * 160 * 9, steps=30, clips=2, minutes=1, minutes_left=1)
    offered = by_value(limited.sizes(size_choices(form, presets), small))
    assert {size for size, each in offered.items() if "closed" not in each} == {"640x160"}
    assert "0.9 million" in offered["288x512"]["note"]
    found = limited.finding(form, limits)
    assert found is not None and found.fix is not None
    assert found.fix.fields == {"num_inference_steps": 30, "num_takes": 2}
    assert limited.finding(replace(form, **found.fix.fields), limits) is None
    too_large = limited.finding(replace(form, size="512x512"), small)
    assert too_large is not None and too_large.fix is None
    marked = by_value(limited.presets(preset_choices(form, presets), form, presets, limits))
    assert {each for each, told in marked.items() if "beyond" not in told} == {"fast-preview"}
    assert limited.finding(form, None) is None


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
        1e300,
        float("inf"),
        float("nan"),
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


def test_a_recipe_with_all_of_a_presets_settings_comes_back_with_the_preset(
    presets: Presets,
) -> None:
    for preset in presets.presets:
        if preset.needs_reference:
            continue
        form = replace(Form.initial(presets), prompt="a ball").with_preset(preset.id, presets)
        recipe = parse_recipe(form.recipe_data(presets) | {"seed": form.seed or 7})
        back = Form.from_recipe(recipe, presets)
        assert preset_fields(back.preset, presets) == preset_fields(preset.id, presets)
        assert not replace(back, seed_locked=True).is_modified(presets)


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


def test_what_a_clip_was_made_from_is_told_and_compared(presets: Presets) -> None:
    plain = parse_recipe({"prompt": "a cat", "seed": 1})
    film = FilmInput(digest="sha256:" + "1" * 64, frames=48, overlap=17)
    sound = SoundInput(digest="sha256:" + "2" * 64, start=1.5, strength=0.8)
    inputs = Inputs(film=film, audio=sound)
    fuller = plain.model_copy(update={"inputs": inputs})
    told = {line.label: line.words for line in recipe_lines(fuller, presets)}
    assert told["Goes on"] == "After a film of 2.00 s, with sound of its own"
    assert told["Made to a sound"] == "From 1.50 s, kept at 80 %"
    found = differences([plain, fuller], presets)
    assert [each.label for each in found] == ["Made to a sound", "Goes on"]
    assert [each.cells[0] for each in found] == [None, None]


def test_where_a_film_was_made_again_is_told_and_compared(presets: Presets) -> None:
    plain = parse_recipe({"prompt": "a cat", "seed": 1})
    part = RetakeInput(digest="sha256:" + "1" * 64, frames=48, start=9, end=24)
    there = part.model_copy(update={"region": (0.0, 0.5, 1.0, 0.5), "sound": "keep"})
    again = [
        plain.model_copy(update={"inputs": Inputs(retake=each)}) for each in (part, there, part)
    ]
    (found,) = differences(again[:2], presets)
    everywhere, below = (cell.words for cell in found.cells if cell)
    told = f"{everywhere} · Where in the picture: 0 %, 50 %, 100 % × 50 % · Sound: Leave it"
    assert below == told
    assert differences([again[0], again[2]], presets) == []
