"""The gallery in a real browser: what was made is found, kept, used again and deleted."""

from pathlib import Path

import pytest
from chromium import (
    FORGET,
    MISSING,
    choose,
    make_a_preview,
    open_gallery,
    plays,
    seed_of,
    set_steps,
    wait_for_the_clip,
)
from playwright.sync_api import Page, Route, expect
from running import RunningApp
from streams import packets

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)


LOADS = 20_000
"""Milliseconds that a picture may take to reach the page of a busy machine."""


def test_a_saved_seed_is_found_in_the_gallery_and_locked_by_use_seed(page: Page) -> None:
    seed = make_a_preview(page, "A lighthouse in the fog, waves crash")
    page.locator("#save-seed").click()
    expect(page.locator("#save-seed")).to_contain_text("Seed saved")
    page.locator("#prompt textarea").fill("Something else")
    page.get_by_role("tab", name="Gallery").click()
    page.get_by_label("Favourites").check()
    card = page.locator("#gallery .card").first
    expect(card).to_contain_text(seed)
    card.get_by_role("button", name="Use seed").click()
    expect(page.locator("#seed input")).to_have_value(seed)
    expect(page.locator("#seed-lock input")).to_be_checked()
    expect(page.locator("#prompt textarea")).to_have_value("Something else")


def test_use_all_brings_the_whole_recipe_back(page: Page, tmp_path: Path) -> None:
    from PIL import Image

    Image.linear_gradient("L").convert("RGB").save(tmp_path / "start.png")
    choose(page, "format", "Instagram 512x512")
    page.locator("#reference-image input[type=file]").set_input_files(tmp_path / "start.png")
    expect(page.locator("#reference-image img")).to_be_visible(timeout=LOADS)
    set_steps(page, 2)
    page.locator("#prompt textarea").fill("A paper boat drifts, water sounds")
    page.locator("#camera input").fill("held by hand")
    page.locator("#camera input").press("Tab")
    page.locator("#generate").click()
    wait_for_the_clip(page)
    seed = seed_of(page)
    page.evaluate(FORGET)
    page.reload()
    expect(page.locator("#prompt textarea")).to_have_value("")
    page.get_by_role("tab", name="Gallery").click()
    cards = page.locator("#gallery .card")
    cards.first.get_by_role("button", name="Use all").click()
    before = cards.count()
    expect(page.locator("#prompt textarea")).to_have_value("A paper boat drifts, water sounds")
    expect(page.locator("#camera input")).to_have_value("held by hand")
    expect(page.locator("#format input")).to_have_value("Instagram 512x512")
    expect(page.locator("#steps input[type=number]")).to_have_value("2")
    expect(page.locator("#seed input")).to_have_value(seed)
    # It pushes the button down when it comes, from under a click.
    expect(page.locator("#reference-image img")).to_be_visible(timeout=LOADS)
    page.locator("#generate").click()
    wait_for_the_clip(page)
    open_gallery(page, at_least=before + 1)
    sources = [
        page.locator(f"#gallery .card video >> nth={index}").get_attribute("src")
        for index in range(2)
    ]
    first, second = (f"{page.url.rstrip('/')}/{source}" for source in sources)
    assert packets(first) == packets(second)


def test_the_gallery_loads_no_video_until_one_is_played(page: Page, app: RunningApp) -> None:
    make_a_preview(page, "Leaves rustle")
    page.evaluate(FORGET)
    fetched: list[str] = []
    page.reload()
    page.on("request", lambda request: fetched.append(request.url))
    with page.expect_response(lambda response: response.url.endswith("/poster")):
        open_gallery(page, at_least=1)
    page.wait_for_timeout(500)  # in which a browser that wanted the videos would have asked
    assert not [url for url in fetched if url.endswith(".mp4")]
    page.locator("#gallery video").first.evaluate("v => { v.muted = true; return v.play(); }")
    plays(page, "#gallery video")
    assert [url for url in fetched if url.endswith(".mp4")]


def test_a_take_is_deleted_only_after_a_question(page: Page) -> None:
    make_a_preview(page, "A door closes slowly")
    open_gallery(page, at_least=1)
    cards = page.locator("#gallery .card")
    before, first = cards.count(), cards.first
    taken = first.get_attribute("data-take")
    expect(first.get_by_role("button", name="Yes, delete")).to_be_hidden()
    first.get_by_text("Delete", exact=True).click()
    first.get_by_role("button", name="Yes, delete").click()
    expect(page.locator(f"[data-take='{taken}']")).to_have_count(0)
    assert cards.count() == before - 1


def test_hearts_and_notes_in_quick_succession_are_all_kept(page: Page) -> None:
    for prompt in ("A kettle sings", "A clock ticks"):
        make_a_preview(page, prompt)
    open_gallery(page, at_least=2)
    cards = page.locator("#gallery .card")
    held: list[Route] = []
    # The others wait for the first one's answer.
    page.route("**/run/**", lambda route: route.continue_() if held else held.append(route))
    for index, note in enumerate(("tea", "time")):
        cards.nth(index).get_by_role("button", name="Favourite").click()
        cards.nth(index).locator(".note").fill(note)
        cards.nth(index).locator(".note").press("Tab")
    with page.expect_response(lambda response: '"time"' in (response.request.post_data or "")):
        held[0].continue_()
    # The newest is in the player; the other one's heart is none of its business.
    expect(page.locator("#save-seed")).to_have_text("♥ Seed saved")
    page.reload()
    open_gallery(page, at_least=2)
    for index, note in enumerate(("tea", "time")):
        heart = cards.nth(index).get_by_role("button", name="Favourite")
        expect(heart).to_have_attribute("aria-pressed", "true")
        expect(cards.nth(index).locator(".note")).to_have_value(note)
