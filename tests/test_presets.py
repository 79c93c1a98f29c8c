"""presets.json holds every choice of the guide, and a mistake in it is a clear error."""

import json
from pathlib import Path
from typing import Any

import pytest

from ltx_ui.errors import SettingsError
from ltx_ui.presets import DEFAULT_FILE, load_presets, rounded_seconds
from ltx_ui.request import parse_recipe


@pytest.fixture
def data() -> Any:
    return json.loads(DEFAULT_FILE.read_text("utf-8"))


def test_the_five_presets_set_what_the_guide_says() -> None:
    presets = load_presets()
    frames_and_steps = {
        preset.name: (preset.settings["num_frames"], preset.settings["num_inference_steps"])
        for preset in presets.presets
    }
    assert frames_and_steps == {
        "Best quality": (49, 40),
        "Long video": (121, 40),
        "Fast preview": (9, 5),
        "Balanced": (49, 30),
        "Character consistency": (49, 40),
    }


def test_every_choice_of_the_guide_is_there() -> None:
    presets = load_presets()
    assert [(f.width, f.height) for f in presets.formats_for(has_upsampler=False)] == [
        (288, 512),
        (384, 672),
        (768, 432),
        (512, 512),
    ]
    assert [length.num_frames for length in presets.lengths] == [9, 25, 49, 121]
    assert [level.num_inference_steps for level in presets.steps] == [5, 20, 30, 40, 50]
    assert len(presets.workflows) == 3
    assert len(presets.troubleshooting) == 6
    assert len(presets.takeaways) == 8
    assert all(len(getattr(presets.phrases, kind)) >= 4 for kind in ("camera", "lighting", "sound"))


def test_hd_formats_are_offered_where_the_model_has_an_upsampler_and_made_in_two_stages() -> None:
    presets = load_presets()
    hd = presets.formats_for(has_upsampler=True)[4:]
    assert [(f.width, f.height) for f in hd] == [(704, 1280), (1280, 704)]
    for choice in hd:
        assert parse_recipe({"prompt": "a cat", **choice.settings}).two_stage
    assert not parse_recipe({"prompt": "a cat", **presets.formats[0].settings}).two_stage


def test_every_preset_makes_a_recipe() -> None:
    presets = load_presets()
    for preset in presets.presets:
        fields = presets.preset_settings(preset.id)
        assert parse_recipe({"prompt": "a cat", **fields}).width == 288


def test_a_preset_leaves_what_belongs_to_one_session_alone() -> None:
    fields = load_presets().preset_settings("fast-preview")
    assert fields.keys().isdisjoint({"prompt", "negative_prompt", "seed", "num_takes"})


@pytest.mark.parametrize(
    ("num_frames", "fps", "seconds"),
    [(9, 24, 0.4), (25, 24, 1.0), (49, 24, 2.0), (65, 24, 2.7), (121, 25, 4.8)],
)
def test_a_duration_is_told_to_a_tenth(num_frames: int, fps: int, seconds: float) -> None:
    assert rounded_seconds(num_frames, fps) == seconds


def test_a_preset_has_a_short_name_and_a_format_its_use() -> None:
    presets = load_presets()
    short = ["Best", "Long", "Preview", "Balanced", "Character"]
    assert [preset.short_name for preset in presets.presets] == short
    assert presets.presets[0].model_copy(update={"short": ""}).short_name == "Best quality"
    assert all(choice.use for choice in presets.formats)


@pytest.mark.parametrize(
    ("guidance", "words"),
    [(1.0, "Off"), (2.0, "Low"), (3.0, "sweet spot"), (12.0, "over-processed")],
)
def test_guidance_is_explained(guidance: float, words: str) -> None:
    assert words in load_presets().guidance_note(guidance)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("presets", 0, "settings", "num_frames"), 120, "presets.0.settings"),
        (("presets", 0, "settings", "prompt"), "a cat", "belongs to one clip"),
        (("presets", 1, "id"), "best-quality", "same id"),
        (("default_preset",), "nonsense", "nonsense"),
        (("formats", 2, "width"), 5000, "formats.2"),
        (("formats", 4, "width"), 720, "multiples of 64"),
        (("lengths", 0, "num_frames"), 10, "lengths.0.num_frames"),
        (("workflows", 1, "preset"), "gone", "workflows.1.preset"),
        (("speech_pattern",), "Somebody speaks", "{speech}"),
        (("phrases", "camera", 0, "text"), " ", "phrases.camera.0.text"),
        (("vocabulary", "sound", 0), "*", "vocabulary.sound.0"),
        (("vocabulary", "sound"), [], "vocabulary.sound: has too few entries (at least 1)"),
        (("steps", 0, "num_inference_steps"), 101, "steps.0.num_inference_steps: is 101; allowed"),
        (("guidance", 0, "from"), 0.5, "allowed is a number from 1.0 to 20.0"),
        (("guidance", 0, "from"), "x", "guidance.0.from: must be a number"),
        (("formats", 0, "hd"), "maybe", "formats.0.hd: must be true or false"),
        (("formats", 0, "least", 0, "seconds"), -1, "formats.0.least.0.seconds"),
        (("presets", 1, "id"), 5, "presets.1.id: must be a text"),
        (("advice",), [], "advice: must be an object"),
        (("nonsense",), 1, "nonsense: is not known here"),
    ],
)
def test_a_mistake_names_its_place(
    data: Any, tmp_path: Path, path: tuple[str | int, ...], value: object, says: str
) -> None:
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    file = tmp_path / "presets.json"
    file.write_text(json.dumps(data), "utf-8")
    with pytest.raises(SettingsError) as caught:
        load_presets(file)
    assert says in str(caught.value)
    assert "Value error" not in str(caught.value)


def test_a_file_that_is_not_json_or_not_there_is_a_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "presets.json"
    with pytest.raises(SettingsError, match="can't be read"):
        load_presets(file)
    file.write_text("{", "utf-8")
    with pytest.raises(SettingsError, match="file: is not JSON"):
        load_presets(file)
