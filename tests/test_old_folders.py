"""A data folder that an earlier version left opens with everything in it.

``tests/folders/VERSION/data`` is such a folder, without its cache: takes by the page and by the
API, with and without pictures, one of them a favourite with a note; a job that was cancelled and
one that waits. ``browser.json`` beside it is what that version's page had kept in a browser. Both
were made by the released program; they are never changed.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from chromium import MISSING, opened
from playwright.sync_api import Browser, expect
from running import RunningApp
from studios import PATIENCE, OpenStudio, leave, put_back_to

from ltx_ui.media.metadata import read_metadata
from ltx_ui.presets import load_presets
from ltx_ui.recipe import Recipe
from ltx_ui.request import parse_recipe
from ltx_ui.studio.jobs import CancelledJob, Done
from ltx_ui.studio.studio import Studio
from ltx_ui.web.form import Form

FOLDERS = Path(__file__).parent / "folders"
OWNER = "local"
CUBE = (
    "A person speaking: Hello there. A green cube turns slowly. Golden hour sunset lighting. "
    "Rain on a roof. Static shot, focused on the subject."
)
RED, BLUE, GREEN, ORANGE, YELLOW = (
    "sha256:" + name
    for name in (
        "e98b54557ebc2cf975bda10000afd12dfb9fd0d8efedf4863824a469fa2db27b",
        "f2e78dc55bd8e44fd42919e450d8f322205b6dad7eea19237e971178c9e3efb7",
        "5d1f22395cd728d5565bcdce101dc04cfe0bfad44bcee628a66e1a9b2cce53ff",
        "cda29a0c7aa1f3e3651e862657b673073ffb9e9cb3d39de7cb0981f981d49d0e",
        "6c2b6af245f9638e93bc1f9d0790afee6d40599864bd41a7cfa1e2614915c92b",
    )
)
SMALL = {"width": 128, "height": 128, "num_frames": 9, "num_inference_steps": 1}
EARLIER = {"noise": "clip"}
"""What its recipes don't tell, because there was no choice."""
TAKES: tuple[dict[str, Any], ...] = (
    {**SMALL, "prompt": CUBE, "seed": 4, "image_start": ORANGE, "width": 288, "height": 512},
    *(
        {
            **SMALL,
            "prompt": "A blue star grows.",
            "seed": seed,
            "image_start": BLUE,
            "image_end": GREEN,
            "include_audio": False,
        }
        for seed in (4, 3)
    ),
    {
        **SMALL,
        "prompt": "A red ball bounces on a beach. Waves.",
        "seed": 2,
        "image_start": RED,
        "image_strength": 0.8,
    },
    {**SMALL, "prompt": "A fox in the rain. It looks up.", "seed": 1},
)
"""The recipes of the takes, newest first, by the API's names."""
RECIPES = [parse_recipe(asked | EARLIER) for asked in TAKES]
KEPT_HELPERS = {"camera": "static shot, focused on the subject", "speech": "Hello there"}
"""The helper fields of the draft in the browser."""
CANCELLED, WAITING = "d35d4a8a69cf43d294ae06e187cd5ab6", "ec29b0234a034ff9bf4c794170e70515"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A copy of the folder that 0.2.0 left."""
    return shutil.copytree(FOLDERS / "0.2.0" / "data", tmp_path / "data")


@pytest.fixture
def studio(open_studio: OpenStudio) -> Studio:
    return open_studio(start=False)


def test_its_takes_are_in_the_gallery_with_their_recipes_and_files(studio: Studio) -> None:
    takes = studio.library.takes(OWNER)
    assert [take.recipe for take in takes] == RECIPES
    assert [(take.favourite, take.note) for take in takes] == [
        (True, "The one for the intro"),
        *[(False, "")] * 4,
    ]
    assert not any(take.missing for take in takes)
    assert all(take.poster.is_file() for take in takes)


def test_a_step_back_to_its_version_and_forth_again_changes_nothing(
    open_studio: OpenStudio, data_dir: Path
) -> None:
    studio = open_studio(start=False)
    leave(studio)
    put_back_to("0004", data_dir / "library.sqlite3")
    with sqlite3.connect(data_dir / "library.sqlite3") as old:
        [(recipe,)] = old.execute("SELECT recipe FROM takes WHERE number = 2")
    assert json.loads(recipe).items() >= TAKES[3].items()
    takes = open_studio(start=False).library.takes(OWNER)
    assert [take.recipe for take in takes] == RECIPES


def test_its_pictures_are_all_there(studio: Studio) -> None:
    assert all(studio.thumbnail(digest) for digest in (RED, BLUE, GREEN, ORANGE, YELLOW))


def test_its_films_tell_their_recipes(studio: Studio) -> None:
    takes = studio.library.takes(OWNER)
    assert len(takes) == len(TAKES)
    told = [Recipe.model_validate(read_metadata(take.video)["recipe"]) for take in takes]
    assert told == [take.recipe for take in takes]


def test_the_fields_make_its_recipes_again(studio: Studio) -> None:
    presets, takes = load_presets(), studio.library.takes(OWNER)
    assert len(takes) == len(TAKES)
    for take in takes:
        form = Form.from_recipe(take.recipe, presets)
        assert parse_recipe(form.recipe_data(presets)) == take.recipe


def test_what_waited_is_made_with_its_picture_and_the_cancelled_stays_so(
    open_studio: OpenStudio,
) -> None:
    studio = open_studio()
    assert studio.job(CANCELLED, OWNER).state == CancelledJob()
    assert studio.wait(WAITING, OWNER, PATIENCE).state == Done(WAITING)
    asked = {**SMALL, "prompt": "A yellow ring waits", "seed": 6, "image_end": YELLOW}
    assert studio.library.take(WAITING, OWNER).recipe == parse_recipe(asked | EARLIER)
    again = studio.submit(studio.library.takes(OWNER)[1].recipe, OWNER)
    assert studio.wait(again.id, OWNER, PATIENCE).state == Done(again.id)


def test_its_pictures_stay_while_takes_use_them(studio: Studio, data_dir: Path) -> None:
    newest, *_ = studio.library.takes(OWNER)
    for path in (data_dir / "references").iterdir():
        os.utime(path, (0, 0))
    studio.library.delete([newest.id], OWNER)
    studio.library.purge()
    kept = {f"sha256:{path.stem}" for path in (data_dir / "references").iterdir()}
    assert kept == {RED, BLUE, GREEN, YELLOW}


@pytest.mark.skipif(MISSING, reason="no Chromium here; in CI that is a failure")
def test_the_draft_in_a_browser_is_still_there(browser: Browser, data_dir: Path) -> None:
    context = browser.new_context()
    kept = json.loads((FOLDERS / "0.2.0" / "browser.json").read_text())
    context.add_init_script(
        f"for (const [name, value] of Object.entries({json.dumps(kept)}))"
        " localStorage.setItem(name, value);"
    )
    with RunningApp(data_dir, "--model", "demo") as app:
        page = opened(context, app)
        expect(page.locator("#prompt textarea")).to_have_value("A green cube turns quickly")
        for helper, words in KEPT_HELPERS.items():
            expect(page.locator(f"#{helper} textarea")).to_have_value(words)
        expect(page.locator("#seed input")).to_have_value("4")
        expect(page.locator("#reference-image img")).to_be_visible()
        expect(page.locator("#note")).to_have_value("The one for the intro")
    context.close()
