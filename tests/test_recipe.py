"""A recipe keeps its rules, and says what to do when something breaks them."""

import base64
import math
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import ImageInput, digest_of
from ltx_ui.recipe import MAX_SEED, Recipe, nearest_frames
from ltx_ui.request import Request, parse_recipe, parse_request, request_data
from ltx_ui.sent_files import PICTURE, decode_file

PNG_BYTES = b"\x89PNG\r\n\x1a\n\x00\xfb\xef\xbe\xff\xff\xff" + bytes(4)
PNG = base64.b64encode(PNG_BYTES).decode()


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
        "include_audio": True,
        "mode": "standard",
        "two_stage": False,
        "motion_speed": 1.0,
        "num_takes": 1,
        "noise": "frame",
        "model": None,
        "inputs": {"images": ()},
        "typed": None,
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
    assert (
        problems(mode="best")["mode"]
        == "mode: is 'best'; allowed are standard, high. Leave it out for standard."
    )


@pytest.mark.parametrize("count", [0, 9, 2.5])
def test_one_to_eight_takes_can_be_made_at_once(count: float) -> None:
    assert "allowed is a whole number from 1 to 8." in problems(num_takes=count)["num_takes"]


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
        ({"motion_speed": 0.1}, "motion_speed", "from 0.2 to 2.0"),
        ({"motion_speed": "quick"}, "motion_speed", "from 0.2 to 2.0"),
        ({"num_inference_steps": 101}, "num_inference_steps", "from 1 to 100"),
        ({"seed": -2}, "seed", "from 0 to 4294967295. Leave it out, or send null or -1, to draw"),
        ({"seed": 2**32}, "seed", "from 0 to 4294967295"),
        ({"width": 127}, "width", "from 128 to 2048"),
        ({"height": 433}, "height", "Use 432 or 434"),
        ({"fps": 23}, "fps", "24, 25, 30"),
        ({"image_strength": 1.5}, "image_strength", "from 0.0 to 1.0"),
        ({"image_start": "not base64!"}, "image_start", "not valid base64"),
        ({"image_start": "/etc/passwd"}, "image_start", "not a path"),
        ({"image_start": "https://example.com/cat.png"}, "image_start", "not a path or an address"),
        ({"image_end": base64.b64encode(b"hello").decode()}, "image_end", "JPEG, WebP, HEIC"),
        ({"image_end": "data:image/png,hello"}, "image_end", "data URI without base64"),
        ({"include_audio": "maybe"}, "include_audio", "true or false"),
        ({"num_frames": 9.5}, "num_frames", "is 9.5; allowed is a whole number from 9 to 257"),
        ({"num_frames": "9.5"}, "num_frames", "from 9 to 257 in steps of 8"),
        ({"num_frames": math.nan}, "num_frames", "from 9 to 257"),
        ({"width": "٢٨٨"}, "width", "from 128 to 2048"),
        ({"width": {"pixels": [288] * 1000}}, "width", "an object with 1 fields"),
        ({"seed": 10**400}, "seed", "more than 300 digits"),
        ({"seed": 10**5000}, "seed", "more than 300 digits"),
        ({"guidance_scale": 10**400}, "guidance_scale", "from 1.0 to 20.0"),
        ({"guidance_scale": "1e400"}, "guidance_scale", "from 1.0 to 20.0"),
        ({"fps": [24] * 100_000}, "fps", "a list of 100000 values; allowed are 24, 25, 30"),
        ({"mode": "x" * 100_000}, "mode", "allowed are standard, high"),
        ({"include_audio": 1}, "include_audio", "true or false"),
        ({"loudness": 0}, "loudness", "is 0; allowed is true, for -16 LUFS, or false"),
        ({"prompt": "\ud800"}, "prompt", "not Unicode"),
        ({"image_start": 5}, "image_start", "as base64"),
    ],
)
def test_bad_input_names_the_field_and_what_is_allowed(
    fields: dict[str, Any], field: str, says: str
) -> None:
    found = problems(**fields)
    assert list(found) == [field]
    assert found[field].startswith(f"{field}: ")
    assert says in found[field]
    assert len(found[field]) < 300


def test_every_problem_is_named_at_once() -> None:
    assert set(problems(num_frames=120, seed=-2, fps=12)) == {"num_frames", "seed", "fps"}


def test_a_missing_prompt_says_what_to_write() -> None:
    with pytest.raises(InvalidRecipe, match="prompt: is missing"):
        parse_recipe({})


@pytest.mark.parametrize(
    ("field", "forms", "value"),
    [
        ("num_frames", (17, 17.0, "17", "17.0", " 17 "), 17),
        ("width", (128.0, "128"), 128),
        ("fps", (25, 25.0, "25"), 25),
        ("seed", (12, 12.0, "12"), 12),
        ("guidance_scale", (2, 2.0, "2", "2.0"), 2.0),
        ("two_stage", (True, "true", "True"), True),
        ("include_audio", (False, "false"), False),
    ],
)
def test_a_value_is_taken_in_any_form_json_has_for_it(
    field: str, forms: tuple[Any, ...], value: Any
) -> None:
    for form in forms:
        taken = getattr(parse_recipe({"prompt": "a cat", field: form}), field)
        assert (type(taken), taken) == (type(value), value)


def test_null_is_not_given_for_every_field_that_has_a_default() -> None:
    nothing = dict.fromkeys(Request.model_fields.keys() - {"prompt", "seed"})
    given = parse_recipe({"prompt": "a cat", "seed": 7, **nothing})
    assert given == parse_recipe({"prompt": "a cat", "seed": 7})


def test_an_empty_model_or_picture_is_none() -> None:
    empty = parse_recipe({"prompt": "a cat", "model": "", "image_start": "", "image_end": " "})
    assert (empty.model, empty.inputs.images) == (None, ())


@pytest.mark.parametrize("seed", [-1, "-1", -1.0])
def test_minus_one_draws_a_seed(seed: Any) -> None:
    drawn = {parse_recipe({"prompt": "a cat", "seed": seed}).seed for _ in range(8)}
    assert len(drawn) > 1


def test_a_million_unknown_fields_are_answered_with_ten_and_their_number() -> None:
    many = {f"{index}" + "x" * 100: None for index in range(1_000_000)}
    with pytest.raises(InvalidRecipe) as caught:
        parse_recipe({"prompt": "a cat", "fps": 1, **many})
    first, *unknown, rest = caught.value.problems
    assert (first.field, len(unknown)) == ("fps", 9)
    assert "999991 more" in rest.message
    assert len(str(caught.value)) < 5000


def test_an_unknown_field_is_named_whatever_it_is_called() -> None:
    [(field, message)] = problems(**{"\ud800": 4}).items()
    assert field.encode() == b"?"
    assert "is not a field of a recipe" in message


@pytest.mark.parametrize("focus", [[2, 0], [0, -0.1], [0.5], [0.5] * 3, 0.5, "0,0", [True, 0], {}])
def test_a_focus_that_is_none_says_what_one_is(focus: object) -> None:
    told = problems(image_end_focus=focus)["image_end_focus"]
    assert "allowed are two numbers from 0 to 1, as in [0.5, 0.5]" in told


def test_a_focus_that_is_wrong_twice_is_told_of_once() -> None:
    with pytest.raises(InvalidRecipe) as caught:
        parse_recipe({"prompt": "a cat", "image_start_focus": [2, 3]})
    assert [each.field for each in caught.value.problems] == ["image_start_focus"]


def test_a_focus_belongs_to_its_picture_and_comes_back_as_it_was_asked_for() -> None:
    start, end = ("sha256:" + digit * 64 for digit in "01")
    asked = {"prompt": "a cat", "image_start": start, "image_end": end, "seed": 1}
    recipe = parse_recipe(asked | {"image_end_focus": ["0", 0.25]})
    focuses = {image.at: image.focus for image in recipe.inputs.images}
    assert focuses == {0: (0.5, 0.5), -1: (0.0, 0.25)}
    assert request_data(recipe)["image_end_focus"] == [0.0, 0.25]
    assert parse_recipe(request_data(recipe)) == recipe
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


SENT = {"prompt": "a cat"}


@pytest.mark.parametrize(
    ("fields", "valid"),
    [
        ({"num_frames": "17", "width": 288.0, "seed": -1, "fps": "25", "model": None}, True),
        ({"include_audio": "false", "guidance_scale": "2.5", "mode": None, "image_end": ""}, True),
        ({"negative_prompt": None, "num_takes": 8, "image_strength": 0.5}, True),
        ({"image_start_focus": [0, "0.25"], "image_end_focus": None}, True),
        ({"image_start_focus": [0.5, 1.5]}, False),
        ({"image_start_focus": [0.5]}, False),
        ({"image_start_focus": 0.5}, False),
        ({"num_frames": "many"}, False),
        ({"width": 2050}, False),
        ({"width": 129}, False),
        ({"fps": 23}, False),
        ({"seed": -2}, False),
        ({"include_audio": 1}, False),
        ({"guidance_scale": 0.5}, False),
        ({"mode": "best"}, False),
        ({"stepz": 1}, False),
    ],
)
def test_the_schema_says_what_is_taken(fields: dict[str, Any], valid: bool) -> None:
    schema = Draft202012Validator(Request.model_json_schema())
    assert schema.is_valid(SENT | fields) is valid
    if valid:
        assert parse_recipe(SENT | fields)
    else:
        assert problems(**fields)


@pytest.mark.parametrize(
    "sent",
    [
        PNG,
        f"data:image/png;base64,{PNG}",
        f"data:image/png;charset=utf-8;name=cat.png;base64,{PNG}",
        f"data:;base64,{PNG}",
        f"DATA:IMAGE/PNG;BASE64,{PNG}",
        f"data:image/png;base64,{PNG}".replace("=", "%3D"),
        f" {PNG[:9]}\n {PNG[9:]}\n",
        PNG.replace("+", "-").replace("/", "_"),
        PNG.rstrip("="),
    ],
)
def test_a_picture_comes_as_base64_or_as_a_data_uri_in_any_form(sent: str) -> None:
    assert "/" in PNG
    assert "+" in PNG
    assert PNG.endswith("=")
    asked = parse_request({"prompt": "a cat", "image_start": sent})
    assert asked.files == {"image_start": PNG_BYTES}


@pytest.mark.parametrize(
    "payload",
    ["%20" * 1_000_000 + PNG, "%" * 3_000_000, "=" * 3_000_000, " a" * 1_500_000, "é" * 1_000_000],
    ids=["escaped blanks", "signs", "padding", "blanks", "letters"],
)
def test_no_base64_takes_more_memory_than_a_few_copies_of_it(payload: str) -> None:
    sent = f"data:image/png;base64,{payload}"
    tracemalloc.start()
    try:
        with suppress(ValueError):
            assert decode_file(sent, PICTURE) == PNG_BYTES
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5 * len(sent.encode())


def test_a_prompt_keeps_its_lines_without_superfluous_space_and_a_stored_one_stays_as_it_is() -> (
    None
):
    wrapped = {
        "prompt": "\r\n A red ball.\r\n \r\n\t\r\nIt  bo\x00unces,\rhigher\u2028and\x07 up.\n\x00",
        "negative_prompt": "a\tb\nc ",
    }
    recipe = parse_recipe(wrapped)
    assert recipe.prompt == "A red ball.\n\nIt bounces,\nhigher\nand up."
    assert recipe.negative_prompt == "a b\nc"
    assert Recipe.model_validate(wrapped).prompt == wrapped["prompt"]


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


def test_pictures_become_inputs_by_digest_with_their_place_and_strength() -> None:
    first, last = digest_of(b"first"), digest_of(b"last")
    asked = parse_request(
        {"prompt": "a cat", "image_start": first, "image_end": PNG, "image_strength": 0.5}
    )
    recipe = asked.recipe({"image_end": last})
    assert recipe.model_dump()["inputs"] == {
        "images": (
            {"digest": first, "at": 0, "strength": 0.5, "focus": (0.5, 0.5)},
            {"digest": last, "at": -1, "strength": 0.5, "focus": (0.5, 0.5)},
        )
    }
    assert "image_start" not in recipe.model_dump()
    assert parse_recipe(request_data(recipe)) == recipe


def test_a_picture_that_was_not_stored_can_be_in_no_recipe() -> None:
    with pytest.raises(KeyError, match="image_start"):
        parse_recipe({"prompt": "a cat", "image_start": PNG})
    with pytest.raises(ValidationError, match="not a digest"):
        ImageInput(digest=PNG)
