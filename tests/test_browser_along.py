"""Clips are taken along on the page, and recipes are shared by links."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import MISSING, open_gallery, open_menu, opened
from kept import fill
from playwright.sync_api import Browser, Page, expect
from running import RunningApp

pytestmark = pytest.mark.skipif(MISSING, reason="needs chromium")

PROMPTS = ['A `${x}` {{y}} "fox" <b>\\ 100% 🦊\u202eשלום', "A ball"]

DROP = """async ([name, bytes]) => {
  const carried = new DataTransfer();
  carried.items.add(new File([new Uint8Array(bytes)], name));
  for (const type of ['dragover', 'drop'])
    document.querySelector('#gallery').dispatchEvent(
      new DragEvent(type, {dataTransfer: carried, bubbles: true, cancelable: true}));
}"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    folder = tmp_path_factory.mktemp("along") / "data"
    folder.mkdir()
    fill(folder, PROMPTS)
    with RunningApp(folder, "--model", "demo") as app:
        yield app.wait_ready()


def test_all_clips_are_downloaded_and_brought_in_again(page: Page, tmp_path: Path) -> None:
    open_gallery(page, 2)
    page.get_by_role("button", name="Take along").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    with zipfile.ZipFile(file) as found:
        told = json.loads(found.read("library.json"))
        films = {take["video"]["file"] for take in told["takes"]}
        new = tmp_path / "new.zip"
        for take in told["takes"]:
            take["id"] = f"{take['id']}x"
            take["recipe"]["prompt"] = "Brought along"
            take["video"]["bytes"] += 1
        with zipfile.ZipFile(new, "w") as changed:
            for name in films:
                changed.writestr(name, found.read(name))
                changed.writestr(name[:-3] + "jpg", found.read(name[:-3] + "jpg"))
            changed.writestr("library.json", json.dumps(told))
    page.evaluate(DROP, [new.name, list(new.read_bytes())])
    expect(page.locator("#along .said")).to_have_text("2 clips came.")
    expect(page.locator("#gallery .card")).to_have_count(4)
    expect(page.locator("#gallery .prompt", has_text="Brought along")).to_have_count(2)
    page.evaluate(DROP, ["words.zip", [1, 2, 3]])
    expect(page.locator("#along .said.wrong")).to_contain_text("unknown kind")


def test_chosen_clips_alone_are_downloaded(page: Page, tmp_path: Path) -> None:
    open_gallery(page, 2)
    with page.expect_download() as download:
        page.evaluate(
            "document.dispatchEvent(new CustomEvent('studio:export', {detail: {takes: ['take1']}}))"
        )
    download.value.save_as(tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as found:
        [take] = json.loads(found.read("library.json"))["takes"]
    assert take["recipe"]["prompt"] == "A ball"


def test_a_recipe_is_shared_and_fills_the_fields_of_who_opens_the_link(
    page: Page, browser: Browser, app: RunningApp
) -> None:
    open_gallery(page, 2)
    menu = open_menu(page, page.locator("#gallery .card[data-take=take0]"))
    menu.get_by_role("button", name="Share recipe").click()
    expect(page.locator("#link-sheet .code svg")).to_be_visible()
    link = page.locator("#link-sheet input").input_value()
    page.locator("#link-sheet [data-copy]").click()
    expect(page.get_by_text("Copied.")).to_be_visible()

    visitor = opened(browser.new_context(), app)
    visitor.locator("#prompt textarea").fill("My own words")
    asked: list[str] = []
    visitor.on("request", lambda request: asked.append(request.url))
    visitor.goto(link)  # The same page: only what stands behind # changes.
    expect(visitor.locator("#link-sheet .told")).to_have_text(PROMPTS[0])
    assert not [url for url in asked if "recipe=" in url]
    assert "#" not in visitor.url
    expect(visitor.locator("#prompt textarea")).to_have_value("My own words")
    visitor.get_by_role("button", name="Use this recipe").click()
    expect(visitor.locator("#undo")).to_contain_text("Filled with the recipe of the link")
    expect(visitor.locator("#prompt textarea")).to_have_value(PROMPTS[0])
    visitor.locator("#undo button").click()
    expect(visitor.locator("#prompt textarea")).to_have_value("My own words")
    visitor.context.close()


@pytest.mark.parametrize("fragment", ["1abc", "", "9", "1" + "A" * 200_000, "<img src=x>"])
def test_a_damaged_link_says_so(page: Page, fragment: str) -> None:
    page.evaluate("hash => { location.hash = hash; }", f"recipe={fragment}")
    expect(page.locator("#link-sheet .wrong")).to_contain_text("This link")
    assert "recipe=" not in page.url
