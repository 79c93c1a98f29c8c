"""Recipes name LoRAs by what lies in the operator's folder, through the studio and over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from lora_files import LAYERS, lora_weights, save_lora
from running import RunningApp
from studios import OpenStudio, quick, until
from v1 import SMALL, ended, problem, submit

from ltx_ui.errors import InvalidRecipe
from ltx_ui.link import as_fragment
from ltx_ui.recall import recall_link
from ltx_ui.recipe import Recipe
from ltx_ui.request import parse_recipe, request_data
from ltx_ui.settings import LOCAL
from ltx_ui.studio.jobs import Failed

LORAS = "/api/v1/loras"


@pytest.fixture(scope="module")
def folder(app: RunningApp) -> Iterator[Path]:
    """The app's folder with a LoRA, one of another family and one that is damaged."""
    folder = app.data_dir / "loras"
    told = {"trigger_words": "neon rain"}
    save_lora(folder / "neon.safetensors", 1, metadata=told)
    wide = dict.fromkeys(LAYERS, 4096)
    save_lora(folder / "sub" / "wide.safetensors", weights=lora_weights(layers=wide))
    spoilt = lora_weights()
    next(iter(spoilt.values()))[0, 0] = float("nan")
    save_lora(folder / "spoilt.safetensors", weights=spoilt)
    (folder / "broken.safetensors").write_bytes(b"half a file")
    (folder / "outside.safetensors").symlink_to("/etc/hostname")
    yield folder
    for file in folder.rglob("*.safetensors"):
        file.unlink()


@pytest.mark.usefixtures("folder")
def test_the_folder_is_listed_with_why_a_file_cannot_be_used(ada: httpx.Client) -> None:
    found = {each["name"]: each for each in ada.get(LORAS).json()["items"]}
    assert found.keys() == {"neon", "wide", "broken", "spoilt"}
    neon = found["neon"]
    assert (neon["rank"], neon["trigger_words"], neon["why_not"]) == (2, ["neon rain"], None)
    assert neon["fits"] == ["demo"] and neon["usable"] and neon["matched_layers"] == len(LAYERS)
    assert "wide was made for another family than" in found["wide"]["why_not"]
    assert "holds numbers that are none" in found["spoilt"]["why_not"]
    assert found["broken"]["why_not"].startswith("broken is damaged, or no safetensors file")
    assert not found["wide"]["usable"] and not found["broken"]["usable"]


@pytest.mark.usefixtures("folder")
def test_a_clip_made_with_a_lora_tells_which_file_it_was(ada: httpx.Client) -> None:
    recipe = SMALL | {"seed": 11}
    jobs = [
        ended(ada, submit(ada, recipe | more))
        for more in (
            {},
            {"loras": [{"name": "neon", "strength": 1.5}]},
            {"loras": [{"name": "neon", "strength": 0}]},
        )
    ]
    assert [job["state"] for job in jobs] == ["done"] * 3
    [sha256] = [e["sha256"] for e in ada.get(LORAS).json()["items"] if e["name"] == "neon"]
    used = jobs[1]["recipe"]["loras"]
    assert used == [{"name": f"neon@{sha256}", "strength": 1.5}]
    plain, changed, none = (
        ada.get(job["takes"][0]["poster"]).content.partition(b"\xff\xdb")[2] for job in jobs
    )
    assert plain != changed
    assert plain == none
    again = ended(ada, submit(ada, jobs[1]["recipe"]))
    assert again["recipe"]["loras"] == used


@pytest.mark.parametrize(
    ("loras", "said"),
    [
        (["nowhere"], "there is no LoRA 'nowhere' in this studio's folder. There are: neon."),
        (["wide"], "wide was made for another family"),
        ([f"neon@{'0' * 64}"], "neon is another file here than the one that is asked for"),
        (["../neon"], "without its ending and without a path"),
        (["outside"], "there is no LoRA 'outside'"),
        ([{"name": "neon", "strength": 2.5}], "a number from -2 to 2"),
        ([{"name": "neon", "strength": "nan"}], "a number from -2 to 2"),
        (["a", "b", "c", "d", "e"], "a list of up to 4 LoRAs"),
        (["neon", {"name": "neon"}], "names 'neon' twice"),
        ({"name": "neon"}, "a list of up to 4 LoRAs"),
        ([{"name": "neon", "path": "/etc"}], "which is no LoRA"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_used_is_refused_before_it_is_queued(
    ada: httpx.Client, loras: Any, said: str
) -> None:
    told = problem(ada.post("/api/v1/jobs", json=SMALL | {"loras": loras}), 422, "invalid-recipe")
    assert said in told["detail"]


def test_a_file_that_changed_or_went_is_told(open_studio: OpenStudio, data_dir: Path) -> None:
    studio = open_studio()
    file = save_lora(data_dir / "loras" / "neon.safetensors", 1)
    until(lambda: studio.model_status().state == "ready")
    recipe = quick(loras=["neon"])
    made = studio.submit(recipe, LOCAL)
    studio.wait(made.id, LOCAL)
    save_lora(file, 2)
    with pytest.raises(InvalidRecipe, match="neon is another file here"):
        studio.again(made.id, LOCAL)
    assert studio.submit(recipe, LOCAL).recipe.inputs.loras != made.recipe.inputs.loras
    save_lora(file.with_name("sub") / file.name, 2)
    with pytest.raises(InvalidRecipe, match=r"2 files have this name: neon.* Rename all but one"):
        studio.submit(recipe, LOCAL)
    (file.with_name("sub") / file.name).unlink()
    # It goes while its job waits.
    studio.hold(True)
    waiting = studio.submit(recipe, LOCAL)
    file.unlink()
    studio.hold(False)
    ended = studio.wait(waiting.id, LOCAL).state
    assert isinstance(ended, Failed) and "there is no LoRA 'neon'" in ended.message


def test_a_recipe_without_any_is_as_it_was() -> None:
    recipe = quick(seed=1)
    assert recipe.model_dump()["inputs"] == {"images": ()}
    assert "loras" not in request_data(recipe)


def test_links_and_json_keep_them() -> None:
    recipe = quick(seed=1, loras=[f"neon@{'a' * 64}", {"name": "rain", "strength": -0.5}])
    assert parse_recipe(request_data(recipe)) == recipe
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    told = recall_link(as_fragment(recipe)).recipe
    assert told.inputs.loras == recipe.inputs.loras and not told.inputs.images
