"""Following a film by the API, by the studio and on the page."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from chromium import (
    MISSING,
    arrived,
    make_a_preview,
    open_advanced,
    open_menu,
    serious,
    slide,
    wait_for_the_clip,
    write_prompt,
)
from films import encoded, moving, seen
from lora_files import save_lora
from PIL import Image
from playwright.sync_api import Page, expect
from running import RunningApp
from studios import OpenStudio, quick, until
from v1 import JOBS, SMALL, ended, problem, submit, visitor

from ltx_ui.recipe import Recipe
from ltx_ui.request import parse_request, request_data
from ltx_ui.settings import LOCAL
from ltx_ui.studio.studio import Studio

EDGES, SAME = {"reference_downscale_factor": "2"}, {"reference_downscale_factor": "1"}


@pytest.fixture(scope="module")
def folder(app: RunningApp) -> Iterator[Path]:
    """The app's folder with two IC-LoRAs that take films in different sizes, and a plain LoRA."""
    folder = app.data_dir / "loras" / "leads"
    save_lora(folder / "edges.safetensors", 1, metadata=EDGES)
    save_lora(folder / "same.safetensors", 2, metadata=SAME)
    save_lora(folder / "grain.safetensors", 3)
    yield folder
    for file in folder.glob("*.safetensors"):
        file.unlink()


@pytest.fixture(scope="module")
def first(ada: httpx.Client, folder: Path) -> dict[str, Any]:
    """A take of Ada's, of 9 frames."""
    assert folder.is_dir()
    (take,) = ended(ada, submit(ada, SMALL))["takes"]
    return dict(take)


def test_a_take_is_followed_over_http(ada: httpx.Client, first: dict[str, Any]) -> None:
    listed = {each["name"]: each for each in ada.get("/api/v1/loras").json()["items"]}
    assert listed["edges"]["follows_film"] and not listed["grain"]["follows_film"]
    assert listed["edges"]["reference_downscale_factor"] == 2
    control = {"take": first["id"], "kind": "canny", "strength": "0.8"}
    asked = SMALL | {"seed": 5, "loras": ["grain", "edges"], "control": control}
    job = ended(ada, submit(ada, asked))
    assert job["state"] == "done", job
    told = job["recipe"]["control"]
    assert (told["kind"], told["strength"], told["start"]) == ("canny", 0.8, 0)
    again = ended(ada, submit(ada, job["recipe"]))
    assert again["recipe"] == job["recipe"]
    take = ada.get(job["takes"][0]["href"]).json()
    assert (take["made_from"], take["relation"]) == (first["id"], "followed")


FILM = {"video": "data:video/mp4;base64," + base64.b64encode(encoded(moving(9, 128, 128))).decode()}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"control": {"kind": "canny"}}, "names no film. Send an object"),
        ({"control": {"kind": "depth"}}, 'allowed are "given", for a film'),
        ({"control": {"strength": "nan"}}, "allowed is a number from 0 to 1. Leave it out for 1"),
        ({"control": {"strength": 1e308}}, "allowed is a number from 0 to 1"),
        ({"control": {"strength": True}}, "allowed is a number from 0 to 1"),
        ({"control": {"start": -1}}, "allowed is a number from 0 to 60. Leave it out for 0"),
        ({"control": {"start": 0.4}}, "the film has 0.00 s from second 0.4 on"),
        ({"control": {"path": "/etc"}}, "which it can't have"),
        ({"num_frames": 25}, "the clip lasts 1.04 s. Ask for at most 17 frames, take a longer"),
        ({"loras": []}, "control: needs an IC-LoRA in loras"),
        ({"loras": ["grain"]}, "control: needs an IC-LoRA in loras"),
        ({"loras": [{"name": "edges", "strength": 0}]}, "with a strength other than 0"),
        ({"loras": ["edges", "same"]}, "edges and same take the film in different sizes"),
        ({"control": None}, "loras: edges is an IC-LoRA, which follows a film. Name the film as"),
    ],
)
def test_what_cannot_be_followed_is_refused(
    ada: httpx.Client, first: dict[str, Any], fields: dict[str, Any], said: str
) -> None:
    asked = SMALL | {"loras": ["edges"], "control": {"take": first["id"]}} | fields
    if isinstance(given := fields.get("control"), dict):
        asked["control"] = given if "no film" in said else {"take": first["id"], **given}
    assert said in problem(ada.post(JOBS, json=asked), 422, "invalid-recipe")["detail"]


def picture() -> str:
    stream = io.BytesIO()
    Image.new("RGB", (128, 128), "navy").save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


@pytest.mark.parametrize(
    "fields",
    [
        {"two_stage": True},
        {"keyframes": [{"frame": 4, "image": picture()}]},
        {"audio": "first"},
        {"extend": "first", "num_frames": 17},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_film_is_followed_beside_what_else_a_clip_is_made_from(
    ada: httpx.Client, first: dict[str, Any], fields: dict[str, Any]
) -> None:
    take = {"take": first["id"]}
    asked = {name: take if value == "first" else value for name, value in fields.items()}
    leads = {"num_inference_steps": 1, "loras": ["edges"], "control": take}
    job = ended(ada, submit(ada, SMALL | leads | asked))
    assert job["state"] == "done", job
    assert job["recipe"]["control"]["video"]
    assert job["recipe"][next(iter(fields))]


def test_a_loop_follows_no_film(ada: httpx.Client, first: dict[str, Any]) -> None:
    asked = SMALL | {"loras": ["edges"], "control": {"take": first["id"]}, "loop": True}
    assert "follows no film" in problem(ada.post(JOBS, json=asked), 422, "invalid-recipe")["detail"]


def test_other_kinds_of_files_and_others_takes_are_refused(
    app: RunningApp, ada: httpx.Client, http: httpx.Client, first: dict[str, Any]
) -> None:
    asked = SMALL | {"loras": ["edges"]}
    gone = ada.post(JOBS, json=asked | {"control": {"take": "0" * 32}})
    assert gone.status_code == 404
    with visitor(app) as stranger:
        theirs = stranger.post(JOBS, json=asked | {"control": {"take": first["id"]}})
    assert theirs.status_code == 404
    for data, said in ((b"no film", "base64"), (b"\0\0\0\x18ftypmp42" * 9, "is damaged")):
        video = base64.b64encode(data).decode()
        told = problem(
            ada.post(JOBS, json=asked | {"control": {"video": video}}), 422, "invalid-recipe"
        )
        assert "control" in told["detail"], said
    assert http.post("/generate", json=asked | {"control": FILM}).status_code == 200


def follow(studio: Studio, **fields: Any) -> np.ndarray:
    asked = parse_request(request_data(quick(seed=7)) | fields)
    job = studio.submit(studio.recipe_of(asked, LOCAL), LOCAL)
    studio.wait(job.id, LOCAL)
    return seen(studio.library.take(job.id, LOCAL).video)


def test_a_film_of_strength_0_is_not_followed_at_all(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    studio = open_studio()
    save_lora(data_dir / "loras" / "edges.safetensors", 1, metadata=EDGES)
    until(lambda: studio.model_status().state == "ready")
    plain = follow(studio)
    film = base64.b64encode(encoded(moving(9, 192, 128))).decode()
    by_kind = [
        follow(studio, loras=["edges"], control={"video": film, "kind": kind, "strength": strength})
        for kind, strength in (("given", 0), ("given", 1), ("canny", 1))
    ]
    assert np.array_equal(by_kind[0], plain)
    assert not np.array_equal(by_kind[1], plain)
    assert not np.array_equal(by_kind[1], by_kind[2])


def test_a_recipe_without_one_is_as_it_was_and_one_with_it_comes_back() -> None:
    assert quick(seed=1).model_dump()["inputs"] == {"images": ()}
    digest = f"sha256:{'a' * 64}"
    control = {"video": digest, "kind": "canny", "strength": 0.5, "start": 1.25}
    fields = request_data(quick(seed=1)) | {"loras": ["edges"], "control": control}
    asked = parse_request(fields).recipe({})
    assert asked.inputs.control is not None and asked.inputs.control.digest == digest
    assert request_data(asked)["control"] == control
    assert Recipe.model_validate_json(asked.model_dump_json()) == asked


@pytest.mark.skipif(MISSING, reason="no Chromium here; in CI that is a failure")
@pytest.mark.usefixtures("folder")
def test_a_clip_is_followed_on_the_page(page: Page, tmp_path: Path) -> None:
    make_a_preview(page, "A blue star goes first")
    open_advanced(page)
    field = page.locator("#followed")
    expect(field).to_be_hidden()
    page.locator("#loras select").select_option("edges")
    expect(field).to_be_visible()
    page.locator("#generate").click()
    expect(page.locator("#problem")).to_contain_text("edges is an IC-LoRA, which follows a film")
    # What is no film is said; one that is is shown with its edges.
    for data in (b"no film" * 20, encoded(moving(33, 128, 128))):
        file = tmp_path / f"film{len(data)}.mp4"
        file.write_bytes(data)
        field.locator("input[type=file]").set_input_files(file)
        if data.startswith(b"no"):
            expect(field.get_by_role("status")).to_contain_text("is damaged")
    expect(field.locator("[name=kind]")).to_be_visible()
    field.locator("[name=kind]").select_option(label="Its edges")
    expect(field.locator("img")).to_have_attribute("src", re.compile("followed.kind=canny"))
    picture = page.request.get(f"{page.url}{field.locator('img').get_attribute('src')}")
    assert picture.headers["content-type"] == "image/webp"
    slide(field, "strength", 0.5)
    assert serious(page) == []
    write_prompt(page, "A blue star follows")
    page.locator("#generate").click()
    arrived(page, "A blue star follows")
    wait_for_the_clip(page)
    src = page.locator("#player video").get_attribute("src") or ""
    take = src.removeprefix("takes/").removesuffix(".mp4")
    recipe = page.request.get(f"{page.url}jobs/{take}").json()["recipe"]
    assert (recipe["control"]["kind"], recipe["control"]["strength"]) == ("canny", 0.5)
    # Without it the LoRA alone is refused; the take brings both back, and can be followed itself.
    field.get_by_role("button", name="Remove the film").click()
    expect(page.locator("#since")).to_contain_text("Its edges, 50")
    page.locator("[popovertarget=more-of-take]").click()
    page.locator("#more-of-take [data-do=follow]").click()
    expect(page.locator("#undo")).to_contain_text("The next clip follows this one")
    expect(field.locator("select")).to_have_value("given")
    # So it can in the gallery.
    field.get_by_role("button", name="Remove the film").click()
    expect(field.locator("select")).to_be_hidden()
    page.get_by_role("tab", name="Gallery").click()
    menu = open_menu(page, page.locator("#gallery .card").first)
    menu.get_by_role("button", name="Follow this clip").click()
    expect(page.get_by_role("tab", name="Create")).to_have_attribute("aria-selected", "true")
    expect(field.locator("select")).to_have_value("given")
