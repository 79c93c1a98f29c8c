"""What the Guide says can be done for the person, where it is a setting or a way of working."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ltx_ui.bundles import form_fields
from ltx_ui.errors import SettingsError
from ltx_ui.guide import Advised, Workflow
from ltx_ui.presets import DEFAULT_FILE, Presets, load_presets
from ltx_ui.request import parse_recipe
from ltx_ui.web.form import Form

PRESETS = load_presets()
CHARACTER, PRODUCT, SCENERY = PRESETS.workflows


def told() -> Iterator[Advised]:
    """Every line of the Guide."""
    for group in (PRESETS.takeaways, PRESETS.reference_tips, PRESETS.seed_tips):
        yield from group
    for workflow in PRESETS.workflows:
        yield from workflow.steps
    for trouble in PRESETS.troubleshooting:
        yield from trouble.cures


def staged() -> Iterator[tuple[Workflow, dict[str, Any]]]:
    """Every workflow with what each of its stages sets."""
    for workflow in PRESETS.workflows:
        for stage in workflow.stages:
            yield workflow, PRESETS.stage_settings(workflow, stage)


def in_form(settings: dict[str, Any]) -> Form:
    return replace(Form.initial(PRESETS), prompt="a cat", seed=5, **form_fields(settings))


@pytest.mark.parametrize(
    "settings",
    [line.apply for line in told() if line.apply] + [settings for _, settings in staged()],
)
def test_whatever_the_guide_applies_is_in_the_recipe_that_is_made(settings: dict[str, Any]) -> None:
    form = in_form(settings)
    recipe = parse_recipe(form.recipe_data(PRESETS)).model_dump()
    assert {name: recipe[name] for name in settings.keys() & recipe.keys()} == {
        name: settings[name] for name in settings.keys() & recipe.keys()
    }
    assert form.seed_locked is settings.get("seed_locked", False)


def test_most_troubles_have_a_cure_that_is_a_setting() -> None:
    cured = [any(cure.apply for cure in trouble.cures) for trouble in PRESETS.troubleshooting]
    assert cured == [True] * 6


def test_a_workflow_asks_for_the_picture_that_it_needs() -> None:
    assert [PRESETS.needs(each) for each in (CHARACTER, PRODUCT, SCENERY)] == [
        {"image_start"},
        {"image_start"},
        set(),
    ]
    assert PRESETS.needs(CHARACTER.model_copy(update={"needs": ()})) == {"image_start"}


def test_the_three_workflows_go_as_the_guide_says() -> None:
    wanted = ("num_frames", "num_inference_steps", "num_takes", "seed_locked", "image_strength")
    stages = [
        (workflow.short_name, *(settings.get(name) for name in wanted))
        for workflow, settings in staged()
    ]
    assert stages == [
        ("Character", 9, 20, 4, False, 1.0),
        ("Character", 49, 40, 1, True, 1.0),
        ("Product", 9, 5, 1, None, 1.0),
        ("Product", 49, 40, 1, True, 1.0),
        ("Scenery", 9, 5, 4, False, 1.0),
        ("Scenery", 121, 40, 1, True, 1.0),
    ]


def test_a_stage_leaves_the_seed_that_was_found() -> None:
    assert "seed" in PRESETS.preset_settings(CHARACTER.preset)
    assert all(in_form(settings).seed == 5 for _, settings in staged())


def changed(tmp_path: Path, line: Any) -> Presets:
    """Presets with another line as the first cure."""
    data = json.loads(DEFAULT_FILE.read_text("utf-8"))
    data["troubleshooting"][0]["cures"][0] = line
    file = tmp_path / "presets.json"
    file.write_text(json.dumps(data), "utf-8")
    return load_presets(file)


def test_a_plain_text_is_a_line_that_applies_nothing(tmp_path: Path) -> None:
    cure = changed(tmp_path, "Have a rest.").troubleshooting[0].cures[0]
    assert (cure.text, cure.apply) == ("Have a rest.", {})


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (" ", "text: is empty"),
        ({"text": "x", "apply": {"num_frames": 10}}, "apply: num_frames: is 10"),
        ({"text": "x", "apply": {"prompt": "a cat"}}, "prompt belongs to one clip"),
        ({"text": "x", "apply": {"colour": "red"}}, "colour"),
        ({"text": "x", "apply": {"seed_locked": "yes"}}, "seed_locked must be true or false"),
        ({"text": "x", "apply": {"width": 288}}, "width and height belong together"),
        ({"text": "x", "apply": 3}, "apply: must be an object"),
        (7, "cures.0"),
    ],
)
def test_a_line_that_can_not_be_applied_is_a_mistake_with_its_place(
    tmp_path: Path, line: Any, says: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        changed(tmp_path, line)
    assert "troubleshooting.0.cures.0" in str(caught.value)
    assert says in str(caught.value)
