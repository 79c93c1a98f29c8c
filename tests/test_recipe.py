"""A recipe keeps its rules, and says what to do when something breaks them."""

import base64
import math
from typing import Any

import pytest
from pydantic import ValidationError

from ltx_ui.errors import InvalidRecipe
from ltx_ui.recipe import MAX_SEED, Recipe, nearest_frames, parse_recipe

PNG_HEADER = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8)).decode()


def problems(**fields: Any) -> dict[str, str]:
    with pytest.raises(InvalidRecipe) as caught:
        parse_recipe({"prompt": "a cat", **fields})
    return {problem.field: problem.message for problem in caught.value.problems}


def test_a_prompt_alone_makes_a_recipe_with_the_documented_defaults() -> None:
    recipe = parse_recipe({"prompt": "a cat"})
    assert recipe.model_dump(exclude={"seed"}) == {
        "prompt": "a cat",
        "negative_prompt": "blurry, low quality, distorted, glitchy, watermark",
        "width": 288,
        "height": 512,
        "num_frames": 49,
        "fps": 24,
        "num_inference_steps": 40,
        "guidance_scale": 3.0,
        "image_start": None,
        "image_end": None,
        "image_strength": 1.0,
        "include_audio": True,
        "mode": "standard",
        "two_stage": False,
        "num_takes": 1,
        "model": None,
    }
    assert recipe.duration == pytest.approx(49 / 24)
    assert recipe.resolution == "288x512"


def test_a_seed_that_is_not_given_is_drawn_and_kept() -> None:
    seeds = {parse_recipe({"prompt": "a cat", "seed": None}).seed for _ in range(8)}
    assert len(seeds) > 1
    assert all(0 <= seed <= MAX_SEED for seed in seeds)


def test_each_of_several_takes_is_a_recipe_of_its_own_with_the_next_seed() -> None:
    takes = parse_recipe({"prompt": "a cat", "seed": MAX_SEED - 1, "num_takes": 3}).takes()
    assert [take.seed for take in takes] == [MAX_SEED - 1, MAX_SEED, 0]
    assert {take.num_takes for take in takes} == {1}
    assert {take.prompt for take in takes} == {"a cat"}


def test_one_take_is_the_recipe_itself() -> None:
    recipe = parse_recipe({"prompt": "a cat", "seed": 7})
    assert recipe.takes() == [recipe]


def test_a_mode_that_is_not_known_is_answered_with_those_that_are() -> None:
    assert problems(mode="best")["mode"] == "mode: is 'best'; allowed are standard, high."


@pytest.mark.parametrize("count", [0, 9, 2.5])
def test_one_to_eight_takes_can_be_made_at_once(count: float) -> None:
    assert problems(num_takes=count)["num_takes"].endswith("allowed is a whole number from 1 to 8.")


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        parse_recipe({"prompt": "a cat"}).seed = 1  # type: ignore[misc]


def test_a_recipe_survives_json() -> None:
    recipe = parse_recipe({"prompt": "a cat", "seed": 7})
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"prompt": "  "}, "prompt", "Describe what should be seen and heard"),
        ({"prompt": "x" * 100_000}, "prompt", "at most 4000"),
        ({"num_frames": 120}, "num_frames", "113 and 121"),
        ({"num_frames": 8}, "num_frames", "9 and 17"),
        ({"num_frames": 300}, "num_frames", "249 and 257"),
        ({"num_frames": True}, "num_frames", "a whole number"),
        ({"guidance_scale": math.nan}, "guidance_scale", "from 1.0 to 20.0"),
        ({"guidance_scale": 0.5}, "guidance_scale", "from 1.0 to 20.0"),
        ({"num_inference_steps": 101}, "num_inference_steps", "from 1 to 100"),
        ({"seed": -1}, "seed", "from 0 to 4294967295"),
        ({"seed": 2**32}, "seed", "from 0 to 4294967295"),
        ({"width": 127}, "width", "from 128 to 2048"),
        ({"height": 433}, "height", "Use 432 or 434"),
        ({"fps": 23}, "fps", "24, 25, 30"),
        ({"image_strength": 1.5}, "image_strength", "from 0.0 to 1.0"),
        ({"image_start": "not base64!"}, "image_start", "not valid base64"),
        ({"image_start": "/etc/passwd"}, "image_start", "not a path"),
        ({"image_start": "https://example.com/cat.png"}, "image_start", "not a path or an address"),
        ({"image_end": base64.b64encode(b"hello").decode()}, "image_end", "PNG, JPEG or WebP"),
        ({"include_audio": "maybe"}, "include_audio", "true or false"),
        ({"stepz": 4}, "stepz", "not a field of a recipe"),
    ],
)
def test_bad_input_names_the_field_and_what_is_allowed(
    fields: dict[str, Any], field: str, says: str
) -> None:
    found = problems(**fields)
    assert list(found) == [field]
    assert found[field].startswith(f"{field}: ")
    assert says in found[field]


def test_every_problem_is_named_at_once() -> None:
    assert set(problems(num_frames=120, seed=-1, fps=12)) == {"num_frames", "seed", "fps"}


def test_a_missing_prompt_says_what_to_write() -> None:
    with pytest.raises(InvalidRecipe, match="prompt: is missing"):
        parse_recipe({})


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_an_image_comes_as_base64_or_as_a_data_uri(prefix: str) -> None:
    assert parse_recipe({"prompt": "a cat", "image_start": prefix + PNG_HEADER}).image_start


@pytest.mark.parametrize("frames", range(9, 258))
def test_the_nearest_frame_counts_are_valid_and_enclose(frames: int) -> None:
    below, above = nearest_frames(frames)
    assert below <= frames <= above
    for count in (below, above):
        assert parse_recipe({"prompt": "a cat", "num_frames": count}).num_frames == count


def test_a_clip_over_the_operators_cap_is_told_the_longest_that_fits() -> None:
    with pytest.raises(InvalidRecipe, match="up to 25 frames fit"):
        parse_recipe({"prompt": "a cat"}, max_volume=288 * 512 * 30)
    with pytest.raises(InvalidRecipe, match="Choose a smaller format"):
        parse_recipe({"prompt": "a cat"}, max_volume=288 * 512)
