"""Values in requests: also in quotes, and truths are no numbers, wherever they stand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import FILMS
from ltx_ui.request import Request, parse_request


@pytest.mark.parametrize("quoted", [False, True])
def test_fields_within_fields_are_taken_in_the_same_forms(quoted: bool) -> None:
    def form(value: Any) -> Any:
        return str(value) if quoted else value

    film = "sha256:" + "1" * 64
    asked = parse_request(
        {
            "prompt": "a cat",
            "keyframes": [{"frame": form(8), "image": film, "strength": form(0.5)}],
            "loras": [{"name": "grain", "strength": form(0.5)}],
            "retake": {
                "video": film,
                "start_frame": form(8),
                "end_frame": form(16),
                "region": [form(0), form(0), form(0.5), form(1)],
            },
            "control": {"video": film, "strength": form(0.5), "start": form(2)},
        }
    )
    assert (asked.keyframes[0].frame, asked.keyframes[0].strength) == (8, 0.5)
    assert asked.loras[0].strength == 0.5
    retake, control = asked.retake, asked.control
    assert retake is not None and control is not None
    assert (retake.start_frame, retake.end_frame, retake.region) == (8, 16, (0, 0, 0.5, 1))
    assert (control.strength, control.start) == (0.5, 2)
    extended = parse_request(
        {"prompt": "a cat", "extend": {"video": film, "overlap": form(9)}}
    ).extend
    assert extended is not None and extended.overlap == 9


ONE = "sha256:" + "1" * 64


@pytest.mark.parametrize("empty", [None, "", " \n"])
def test_an_empty_text_names_no_file_no_take_and_no_model(empty: str | None) -> None:
    def same(given: dict[str, Any], **fields: Any) -> None:
        asked = parse_request({"prompt": "a cat", "seed": 1} | given | fields)
        assert asked == parse_request({"prompt": "a cat", "seed": 1} | given)

    for name in ("image_start", "image_end", "audio", "model", *FILMS):
        same({}, **{name: empty})
        schema = Draft202012Validator(Request.model_json_schema())
        assert schema.is_valid({"prompt": "a cat", name: empty})
    for name in FILMS:
        same({name: {"video": ONE}}, **{name: {"video": ONE, "take": empty}})
    part = {"video": ONE, "region": [0, 0, 0.5, 1]}
    same({"retake": part}, retake=part | {"mask": empty})


@pytest.mark.parametrize("empty", [None, "", " \n"])
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"keyframes": [{"image": "EMPTY", "frame": 8}]}, "image is missing; allowed is a PNG"),
        ({"audio": {"take": "EMPTY"}}, "audio: names no take"),
        *(({name: {"video": "EMPTY"}}, f"{name}: names no film") for name in FILMS),
    ],
)
def test_where_a_file_is_needed_an_empty_text_is_none(
    fields: dict[str, Any], said: str, empty: str | None
) -> None:
    sent = json.loads(json.dumps(fields).replace('"EMPTY"', json.dumps(empty)))
    with pytest.raises(InvalidRecipe, match=said):
        parse_request({"prompt": "a cat", **sent})


@pytest.mark.parametrize(
    "fields",
    [
        {"num_frames": True},
        {"loop": 1},
        {"loop": "1"},
        {"two_stage": 0},
        {"retake": {"video": "sha256:" + "1" * 64, "start_frame": True}},
        {"retake": {"video": "sha256:" + "1" * 64, "region": [True, 0, 1, 1]}},
        {"extend": {"video": "sha256:" + "1" * 64, "overlap": True}},
        {"control": {"video": "sha256:" + "1" * 64, "strength": True}},
        {"loras": [{"name": "grain", "strength": True}]},
        {"keyframes": [{"frame": False, "image": "sha256:" + "1" * 64}]},
    ],
)
def test_truths_are_no_numbers_and_numbers_no_truths(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecipe) as caught:
        parse_request({"prompt": "a cat", **fields})
    (problem,) = caught.value.problems
    assert problem.field.startswith(tuple(fields))
    assert "allowed" in problem.message or "is a " in problem.message
