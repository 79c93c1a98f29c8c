"""Pictures at other frames than the first and the last one, under a creator's hands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from chromium import (
    MISSING,
    arrived,
    choose,
    fast_preview,
    opened,
    serious,
    slide,
    wait_for_the_clip,
    write_prompt,
)
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from running import RunningApp

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)


ADD = "+ picture in between"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "between.png"
    Image.linear_gradient("L").convert("RGB").save(path)
    return path


def add(page: Page, picture: Path) -> Locator:
    """A further row with the picture; it is there once the studio has it."""
    rows = page.locator("#keyframes .keyframe")
    count = rows.count()
    page.get_by_role("button", name=ADD).click()
    expect(rows).to_have_count(count + 1)
    row = rows.nth(count)
    row.locator("input[type=file]").set_input_files(picture)
    expect(row.locator("img")).to_be_visible()
    return row


def test_a_picture_in_between_is_kept_made_use_of_and_brought_back(
    page: Page, picture: Path
) -> None:
    write_prompt(page, "A ball passes a picture")
    fast_preview(page)
    row = add(page, picture)
    expect(row).to_contain_text("0.17 s (frame 4)")
    slide(row, "frame", 6)
    slide(row, "strength", 0.6)
    expect(row).to_contain_text("0.25 s (frame 6)")
    expect(row).to_contain_text("Image strength: 60%")
    page.locator("#generate").click()
    arrived(page, "A ball passes a picture")
    wait_for_the_clip(page)
    src = page.locator("#player video").get_attribute("src") or ""
    take = src.removeprefix("takes/").removesuffix(".mp4")
    ((digest, told),) = [
        (each["image"], (each["frame"], each["strength"]))
        for each in page.request.get(f"{page.url}jobs/{take}").json()["recipe"]["keyframes"]
    ]
    assert told == (6, 0.6)
    slide(row, "strength", 0.5)
    expect(page.locator("#since")).to_contain_text(re.compile(r"frame 6 \(60\s?%\) → frame 6"))
    page.reload()
    expect(row.locator("img")).to_be_visible()
    expect(row).to_contain_text("0.25 s (frame 6)")
    expect(row).to_contain_text("Image strength: 50%")
    row.get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)
    expect(page.locator("#since")).to_contain_text(re.compile(r"frame 6 \(60\s?%\) → none"))
    page.locator("#takes .take").first.press("o")
    line = page.locator("#opened dl div", has=page.locator(f"img[src='inputs/{digest}']"))
    expect(line).to_contain_text("0.25 s (frame 6)")
    expect(line).to_contain_text(re.compile(r"60\s?%"))
    page.get_by_role("button", name="Use all", exact=True).click()
    page.get_by_role("button", name="Fill in").click()
    expect(row).to_contain_text("0.25 s (frame 6)")
    expect(row.locator("img")).to_have_attribute("src", f"inputs/{digest}")
    page.locator("#undo button").click()
    expect(row).to_have_count(0)


def test_what_is_wrong_with_one_is_said_and_goes(page: Page, picture: Path, tmp_path: Path) -> None:
    write_prompt(page, "A ball")
    choose(page, "length", "2")
    row = add(page, picture)
    expect(row).to_contain_text("frame 24")
    slide(row, "frame", 40)
    other = add(page, picture)
    expect(other).to_contain_text("frame 20")
    choose(page, "length", "1")
    expect(row.locator(".wrong")).to_contain_text("frame 40")
    page.locator("#generate").click()
    expect(page.locator("#problem")).to_contain_text("frame is 40; the clip has 25")
    expect(page.locator("#keyframes")).to_have_class(re.compile("has-problem"))
    row.get_by_role("button", name="Remove").click()
    expect(page.locator("#problem")).to_be_hidden()
    (tmp_path / "notes.png").write_text("not a picture")
    page.get_by_role("button", name=ADD).click()
    waiting = page.locator("#keyframes .keyframe").last
    waiting.locator("input[type=file]").set_input_files(tmp_path / "notes.png")
    expect(waiting.get_by_role("status")).to_contain_text("not a PNG")
    page.locator("#generate").click()
    expect(page.locator("#problem")).to_contain_text("could not be used")


def test_a_draft_without_one_asks_for_nothing(context: BrowserContext, app: RunningApp) -> None:
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(app.url)
    expect(page.get_by_role("button", name=ADD)).to_be_visible()
    expect(page.locator("#estimate")).to_contain_text("frames")
    assert not [url for url in asked if "keyframes" in url]


def test_on_a_phone_nothing_of_it_is_cut_off(
    browser: Browser, app: RunningApp, picture: Path
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = opened(context, app)
    page.locator("[data-opens=pictures]").click()
    row = add(page, picture)
    wide = "e => e.scrollWidth <= e.clientWidth && e.getBoundingClientRect().right <= innerWidth"
    assert row.evaluate(wide)
    assert not serious(page)
    context.close()
