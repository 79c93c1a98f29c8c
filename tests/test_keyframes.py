"""Keyframes: pictures at any frame, from what is asked for to the pixels of the clip."""

from __future__ import annotations

import base64
import io
import json
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from families import family_of, save
from numpy.typing import NDArray
from pictured import pictured
from PIL import Image
from pydantic import ValidationError

from ltx_ui.clip import Silent
from ltx_ui.engine.engine import Engine
from ltx_ui.engine.loading import load
from ltx_ui.engine.models import CARDS
from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import Picture
from ltx_ui.recall import recall
from ltx_ui.recipe import Recipe
from ltx_ui.request import parse_recipe, parse_request, request_data
from training import measure
from training.captions import caption
from training.pictures import Size, film
from training.world import draw_scenes

ONE, OTHER = (f"sha256:{digit * 64}" for digit in "12")
QUICK = {"width": 128, "height": 128, "num_frames": 17, "num_inference_steps": 2, "seed": 1}


def asked(*keyframes: Any, **fields: Any) -> Recipe:
    return parse_recipe({"prompt": "a cat", "seed": 1, "keyframes": list(keyframes), **fields})


def refused(keyframes: Any, **fields: Any) -> str:
    with pytest.raises(InvalidRecipe) as caught:
        parse_request({"prompt": "a cat", "keyframes": keyframes, **fields})
    return str(caught.value)


def png(colour: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (160, 160), colour).save(file, "PNG")
    return file.getvalue()


def test_each_picture_tells_its_frame_its_strength_and_its_focus() -> None:
    recipe = asked(
        {"image": ONE, "frame": "24", "strength": "0.8", "focus": [0, 1]},
        {"image": OTHER, "frame": 7, "strength": None},
        image_start=ONE,
        image_strength=0.5,
    )
    told = [(each.digest, each.at, each.strength, each.focus) for each in recipe.inputs.images]
    assert told == [
        (ONE, 0, 0.5, (0.5, 0.5)),
        (ONE, 24, 0.8, (0.0, 1.0)),
        (OTHER, 7, 1.0, (0.5, 0.5)),
    ]
    assert parse_recipe(request_data(recipe)) == recipe


def test_the_last_frame_is_the_same_by_either_number() -> None:
    assert asked({"image": ONE, "frame": 48}) == asked({"image": ONE, "frame": -1})
    assert asked({"image": ONE, "frame": -1}) == asked(image_end=ONE)


def test_ends_of_other_strengths_are_told_as_keyframes() -> None:
    recipe = asked({"image": OTHER, "frame": -1, "strength": 0.3}, image_start=ONE)
    told = request_data(recipe)
    assert (told["image_start"], told["image_end"], told["image_strength"]) == (ONE, None, 1.0)
    assert [(each["frame"], each["strength"]) for each in told["keyframes"]] == [(-1, 0.3)]
    assert parse_recipe(told) == recipe


def test_what_was_kept_before_there_were_keyframes_reads_and_is_written_as_before() -> None:
    kept = asked(image_start=ONE, image_end=OTHER).model_dump(mode="json")
    assert list(kept["inputs"]) == ["images"]
    assert [each["at"] for each in kept["inputs"]["images"]] == [0, -1]
    assert Recipe.model_validate(kept) == asked(image_start=ONE, image_end=OTHER)


@pytest.mark.parametrize(
    ("keyframes", "said"),
    [
        ([{"image": ONE, "frame": 60}], r"keyframes\[0\]: frame is 60; the clip has 49.* 0 to 48"),
        ([{"image": ONE, "frame": -2}], r"keyframes\[0\]: frame is -2; allowed is a whole number"),
        ([{"image": ONE, "frame": 1.5}], r"keyframes\[0\]: frame is 1.5; allowed"),
        (
            [{"image": ONE, "frame": 8}, {"image": OTHER, "frame": 8}],
            r"keyframes\[1\]: frame is 8, where keyframes\[0\] stands too",
        ),
        ([{"image": ONE, "frame": 0}], r"keyframes\[0\]: frame is 0, where image_start stands too"),
        ([{"image": ONE, "frame": n} for n in range(1, 9)], "9 pictures.*at most 8"),
        ([{}] * 9, "9 entries.*at most 8"),
        ([{"frame": 8}], r"keyframes\[0\]: image is missing; allowed is a PNG"),
        ([{"image": ONE}], r"keyframes\[0\]: frame is missing; allowed is a whole number"),
        ([{"image": "cat.png", "frame": 8}], r"keyframes\[0\]: image is not valid base64"),
        ([{"image": 3, "frame": 8}], r"keyframes\[0\]: image is 3; allowed is a PNG"),
        ([{"image": ONE, "frame": 8, "strength": 2}], "strength is 2; allowed is a number from 0"),
        ([{"image": ONE, "frame": 8, "focus": [1]}], "focus is a list of 1 .*two numbers"),
        ([{"image": ONE, "frame": 8, "at": 1}], "'at' is no part .* image, frame, strength, focus"),
        (["x"], r"keyframes\[0\]: is 'x'; allowed is an object"),
        ({"image": ONE, "frame": 8}, "keyframes: is an object.*; allowed is a list"),
    ],
)
def test_what_is_wrong_is_said_of_the_entry(keyframes: Any, said: str) -> None:
    with pytest.raises(InvalidRecipe, match=said):
        parse_request({"prompt": "a cat", "image_start": ONE, "keyframes": keyframes})


def test_all_that_is_wrong_is_said_at_once() -> None:
    said = refused([{"image": ONE, "frame": "x"}, {"image": 1, "frame": 2}], fps=7)
    assert all(each in said for each in ("keyframes[0]: frame", "keyframes[1]: image", "fps: "))


@pytest.mark.parametrize("at", [[16, 16], [-1, 16], [17], [-2], list(range(9))])
def test_a_stored_recipe_can_have_no_pictures_outside_or_twice(at: list[int]) -> None:
    images = [{"digest": ONE, "at": place} for place in at]
    with pytest.raises(ValidationError):
        Recipe.model_validate({"prompt": "a cat", **QUICK, "inputs": {"images": images}})


def test_a_file_tells_its_keyframes_pictures(tmp_path: Path) -> None:
    data, path = png((200, 0, 0)), tmp_path / "recipe.json"
    sent = [{"image": base64.b64encode(data).decode(), "frame": 8}]
    path.write_text(json.dumps({"prompt": "a cat", "keyframes": sent}))
    found = recall(path)
    assert found.pictures == {"keyframes[0]": data}
    stored = found.with_pictures({"keyframes[0]": OTHER})
    assert request_data(stored.recipe)["keyframes"][0]["image"] == OTHER


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Engine]:
    """Engines with small weights of real families."""
    made: dict[str, Engine] = {}
    for card_id in ("ltx-2", "ltx-2.5"):
        folder = tmp_path_factory.mktemp("family")
        card = replace(CARDS[card_id], source=str(save(family_of(card_id), folder / "model")))
        made[card_id] = Engine("demo", folder)
        made[card_id].adopt(load(card, folder, lambda message, fraction: None))
    return made


def grey(size: int = 128) -> Picture:
    return np.full((size, size, 3), 120, np.uint8)


def places(engine: Engine, recipe: Recipe, pictures: Mapping[int, Picture]) -> list[float]:
    """Where the transformer is told that pictures stand, in frames; those that were appended."""
    coords: list[torch.Tensor] = []

    def note(_: Any, __: Any, inputs: dict[str, Any]) -> None:
        coords.append(inputs["video_coords"])

    handle = engine.pipe.transformer.register_forward_pre_hook(note, with_kwargs=True)
    try:
        wanted, data = pictured(recipe, pictures)
        engine.generate(wanted, Silent(), data)
    finally:
        handle.remove()
    own = ((recipe.num_frames - 1) // 8 + 1) * 16
    added = coords[0][0, 0, own:, 0].reshape(-1, 16) * recipe.fps
    assert (added == added[:, :1]).all()
    return added[:, 0].tolist()


@pytest.mark.parametrize("card_id", ["ltx-2", "ltx-2.5"])
def test_real_checkpoints_have_each_picture_at_its_own_frame(
    seen: Mapping[str, Engine], card_id: str
) -> None:
    """By the authors' coordinates, also off the grid of latent frames; in the order of the frames,
    whatever their order in the recipe."""
    recipe = parse_recipe({"prompt": "a cat", **QUICK, "num_inference_steps": 1})
    found = places(seen[card_id], recipe, {at: grey() for at in (-1, 12, 3, 0)})
    assert found == pytest.approx([3, 12, 16], abs=1e-3)


def test_the_demo_has_them_in_the_middle_of_latent_frames(engine: Engine) -> None:
    recipe = parse_recipe({"prompt": "a cat", **QUICK, "num_inference_steps": 1})
    found = places(engine, recipe, {at: grey() for at in (3, 12, -1)})
    assert found == pytest.approx([5, 13, 9], abs=1e-3)


def psnr_at(engine: Engine, at: int, strength: float | None, **fields: Any) -> float:
    """How near the clip comes there to the picture; None: without it."""
    scene = draw_scenes(21, 2, benchmark=True)[1]
    width, height, frames = fields["width"], fields["height"], fields["num_frames"]
    picture: NDArray[np.uint8] = film(scene, Size(width, height, frames))[at].numpy()
    prompt = caption(scene, random.Random(1), whole=True)
    recipe = parse_recipe({"prompt": prompt, "seed": 5, "num_inference_steps": 12, **fields})
    wanted, data = pictured(recipe, {} if strength is None else {at: picture}, strength or 1.0)
    return float(measure.psnr(engine.generate(wanted, Silent(), data).frames[at], picture))


@pytest.mark.parametrize("at", [16, 12])
def test_the_clip_comes_near_a_picture_in_its_middle(engine: Engine, at: int) -> None:
    size = {"width": 192, "height": 320, "num_frames": 33}
    plain, hinted, held = (psnr_at(engine, at, strength, **size) for strength in (None, 0.3, 1.0))
    assert held > plain + 1
    assert held > hinted


def test_so_does_one_in_two_stages(engine: Engine) -> None:
    size = {"width": 384, "height": 640, "num_frames": 17, "two_stage": True}
    plain, held = (psnr_at(engine, 8, strength, **size) for strength in (None, 1.0))
    assert held > plain + 1


def test_a_clip_with_many_pictures_is_counted_with_them(engine: Engine) -> None:
    plain = parse_recipe({"prompt": "a cat", **QUICK})
    full, _ = pictured(plain, {at: grey() for at in range(1, 8)})
    assert engine.memory.working(full).sampling > engine.memory.working(plain).sampling
    assert engine.memory.size(full) != engine.memory.size(plain)


PNG = {"Content-Type": "image/png"}
SMALL = {"prompt": "a cat", **QUICK, "num_inference_steps": 1}


def test_a_request_carries_them_and_the_clip_tells_them(http: httpx.Client) -> None:
    sent = base64.b64encode(png((0, 160, 0))).decode()
    stored = http.post("/inputs", content=png((0, 0, 160)), headers=PNG).json()["digest"]
    keyframes = [
        {"image": f"data:image/png;base64,{sent}", "frame": 5, "strength": 0.7},
        {"image": stored, "frame": 11, "focus": [1, 0]},
    ]
    answer = http.post("/generate", json={**SMALL, "keyframes": keyframes})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["has_image_start"], answer.json()["has_image_end"]) == (False, False)
    mp4 = base64.b64decode(answer.json()["video"].partition(",")[2])
    told = http.post("/recipe", content=mp4, headers={"Content-Type": "video/mp4"}).json()[
        "recipe"
    ]["keyframes"]
    assert [(each["frame"], each["strength"], each["focus"]) for each in told] == [
        (5, 0.7, [0.5, 0.5]),
        (11, 1.0, [1.0, 0.0]),
    ]
    assert told[1]["image"] == stored
    assert http.get(f"/inputs/{told[0]['image']}").status_code == 200


def test_the_versioned_api_says_what_is_wrong_with_an_entry(ada: httpx.Client) -> None:
    def problems(*keyframes: Any) -> list[tuple[str, str]]:
        answer = ada.post("/api/v1/jobs", json={**SMALL, "keyframes": list(keyframes)})
        assert answer.status_code == 422, answer.text
        return [(each["field"], each["message"]) for each in answer.json()["errors"]]

    text = base64.b64encode(b"plain text").decode()
    wrong = [{"image": text, "frame": 3}, {"image": ONE, "frame": 4, "strength": -1}]
    assert [field for field, _ in problems(*wrong)] == ["keyframes[0]", "keyframes[1]"]
    ((field, said),) = problems({"image": ONE, "frame": 3})
    assert field == "keyframes[frame=3]"
    assert "not here any more" in said
    broken = base64.b64encode(png((1, 2, 3))[:60]).decode()
    ((field, said),) = problems({"image": broken, "frame": 3})
    assert field == "keyframes[0]"
    assert said.startswith("keyframes[0]: ")


def test_a_job_tells_them_as_it_takes_them(ada: httpx.Client) -> None:
    stored = ada.post("/api/v1/images", content=png((9, 9, 9)), headers=PNG).json()["digest"]
    keyframes = [{"image": stored, "frame": 8, "strength": 0.5, "focus": [0.5, 0.5]}]
    job = ada.post("/api/v1/jobs", json={**SMALL, "keyframes": keyframes}).json()
    assert job["recipe"]["keyframes"] == keyframes
