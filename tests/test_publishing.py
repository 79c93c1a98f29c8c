"""A clip that its platform does not take is told of, with the size and length that are right."""

from dataclasses import replace
from typing import Any

import pytest

from ltx_ui.advice import Finding
from ltx_ui.presets import Format, Presets, load_presets
from ltx_ui.publishing import falls_short
from ltx_ui.recipe import MAX_FRAMES, Recipe
from ltx_ui.request import parse_recipe
from ltx_ui.web.form import Form

PRESETS = load_presets()
HD: Any = {"has_upsampler": True}


def told(width: int, height: int, num_frames: int, fps: int = 24, **more: Any) -> Finding | None:
    fields = {"width": width, "height": height, "num_frames": num_frames, "fps": fps}
    return falls_short(parse_recipe({"prompt": "a cat", **fields}), PRESETS, **more)


def fields(found: Finding | None) -> dict[str, Any]:
    assert found is not None
    return dict(found.fix.fields) if found.fix else {}


def test_each_platform_that_does_not_take_the_clip_is_named_with_what_it_takes() -> None:
    found = told(288, 512, 49)
    assert found is not None
    assert found.sentence == ("At least: TikTok 360x360; Reels 540x960, 3 s.")


def test_the_hd_format_and_three_seconds_are_offered_where_the_model_can() -> None:
    assert fields(told(288, 512, 49, **HD)) == {"size": "704x1280 hd", "num_frames": 73}
    assert told(704, 1280, 73, **HD) is None


def test_without_an_upsampler_the_format_that_most_platforms_take_is_offered() -> None:
    assert fields(told(288, 512, 121)) == {"size": "384x672"}
    assert fields(told(384, 672, 121)) == {}


def test_it_is_told_in_the_readers_language() -> None:
    found = falls_short(sized(288, 512, 49), PRESETS, language="de-AT", **HD)
    assert found is not None and found.fix is not None
    assert found.sentence == "Mindestens: TikTok 360x360; Reels 540x960, 3 s."
    assert found.fix.label == "704x1280, 3 Sekunden"
    short = falls_short(sized(512, 512, 49), PRESETS, language="zh")
    assert short is not None and short.fix is not None
    assert short.fix.label == "改为 3 秒"


def test_a_clip_that_is_only_too_short_keeps_its_size() -> None:
    assert fields(told(512, 512, 49)) == {"num_frames": 73}
    assert fields(told(512, 512, 81, fps=30)) == {"num_frames": 97}
    assert told(512, 512, 73) is None


def test_a_fix_makes_a_form_that_is_taken() -> None:
    form = replace(Form.initial(PRESETS), prompt="a cat", **fields(told(288, 512, 49, **HD)))
    recipe = parse_recipe(form.recipe_data(PRESETS))
    assert recipe.two_stage
    assert falls_short(recipe, PRESETS, **HD) is None


def test_a_platform_that_asks_for_nothing_and_a_size_of_ones_own_are_left_alone() -> None:
    assert told(768, 432, 9) is None
    assert told(300, 300, 9) is None
    assert told(704, 1280, 9) is None  # No format of a model without an upsampler.


def of_ones_own(*sizes: tuple[int, int], least: dict[str, Any]) -> Presets:
    """Presets with formats of an operator's own, all of which name the same platform."""
    shared: Any = {"name": "Own", "least": [{"platform": "Cinema", **least}]}
    formats = tuple(
        Format(width=w, height=h, aspect="wide" if w > h else "tall", **shared) for w, h in sizes
    )
    return PRESETS.model_copy(update={"formats": formats})


def sized(width: int, height: int, num_frames: int = 25) -> Recipe:
    size = {"width": width, "height": height, "num_frames": num_frames}
    return parse_recipe({"prompt": "a cat", **size})


def test_the_smallest_format_of_the_same_shape_that_is_enough_is_offered() -> None:
    sizes = [(288, 512), (640, 384), (704, 1280), (384, 672)]
    presets = of_ones_own(*sizes, least={"width": 360})
    assert fields(falls_short(sized(288, 512), presets)) == {"size": "384x672"}


def test_a_format_that_is_as_little_taken_is_not_offered() -> None:
    presets = of_ones_own((384, 672), (288, 512), least={"width": 2000})
    assert fields(falls_short(sized(384, 672), presets)) == {}


def test_a_length_that_no_clip_has_is_not_offered() -> None:
    presets = of_ones_own((288, 512), least={"seconds": 3600})
    assert fields(falls_short(sized(288, 512, MAX_FRAMES), presets)) == {}


@pytest.mark.parametrize(
    "least", [least for each in PRESETS.formats for least in each.least], ids=lambda x: x.platform
)
def test_whatever_a_platform_is_said_to_take_has_its_source(least: Any) -> None:
    assert least.source.startswith("https://")
