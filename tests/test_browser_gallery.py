"""The gallery in a real browser: what was made is found, kept, used again and deleted."""

from pathlib import Path

import pytest
from chromium import (
    FORGET,
    MISSING,
    choose,
    chosen,
    generate,
    make_a_preview,
    open_advanced,
    open_gallery,
    open_menu,
    plays,
    say,
    seed_of,
    set_steps,
    wait_for_the_clip,
)
from playwright.sync_api import Locator, Page, Route, expect
from streams import packets

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)


LOADS = 20_000
"""Milliseconds that a picture may take to reach the page of a busy machine."""


def test_a_poster_is_dragged_from_the_gallery_or_the_strip_into_a_picture_field(page: Page) -> None:
    make_a_preview(page, "A white box rolls")
    page.locator("#takes .take img").first.drag_to(page.locator("#end-image"))
    expect(page.locator("#end-image img")).to_be_visible()
    open_gallery(page, at_least=1)
    page.locator("#gallery .card .open").first.hover(position={"x": 60, "y": 60})
    page.mouse.down()
    for _ in range(2):  # The first movement begins the drag.
        page.get_by_role("tab", name="Create").hover()
    expect(page.locator("#reference-image")).to_be_visible()
    for _ in range(2):
        page.locator("#reference-image").hover()
    page.mouse.up()
    expect(page.locator("#reference-image img")).to_be_visible()


def test_a_favourite_is_found_in_the_gallery_and_locked_by_use_seed(page: Page) -> None:
    seed = make_a_preview(page, "A lighthouse in the fog, waves crash")
    with page.expect_response("**/run/**"):
        page.locator("#save-seed").click()
    page.locator("#prompt textarea").fill("Something else")
    page.get_by_role("tab", name="Gallery").click()
    page.get_by_label("Favourites").check()
    menu = open_menu(page, page.locator("#gallery .card").first)
    expect(menu).to_contain_text(seed)
    menu.get_by_role("button", name="Use seed").click()
    expect(page.locator("#seed input")).to_have_value(seed)
    expect(page.locator("#seed-lock input")).to_be_checked()
    expect(page.locator("#prompt textarea")).to_have_value("Something else")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#seed-lock input")).not_to_be_checked()
    expect(page.locator("#prompt textarea")).to_have_value("Something else")


def test_filters_are_there_whichever_script_runs_first(page: Page) -> None:
    make_a_preview(page, "A lighthouse in the fog")
    page.evaluate("""() => {
      const run = studio.run;
      studio.run = async (file, ...more) => {
        const late = ['sought.js', 'along.js'].includes(file);
        if (late) await new Promise(go => document.addEventListener('test:go', go));
        return run(file, ...more);
      };
    }""")
    open_gallery(page, at_least=1)
    expect(page.locator("#gallery-filters select")).to_have_count(0)
    page.evaluate("document.dispatchEvent(new Event('test:go'))")
    expect(page.locator("#gallery-filters select").first).to_be_visible()


def test_use_all_brings_the_whole_recipe_back(page: Page, tmp_path: Path) -> None:
    from PIL import Image

    Image.linear_gradient("L").convert("RGB").save(tmp_path / "start.png")
    choose(page, "format", "512×512")
    page.locator("#reference-image input[type=file]").set_input_files(tmp_path / "start.png")
    expect(page.locator("#reference-image img")).to_be_visible(timeout=LOADS)
    set_steps(page, 2)
    page.locator("#prompt textarea").fill("A paper boat drifts, water sounds")
    say(page, "camera", "held by hand")
    generate(page)
    wait_for_the_clip(page)
    seed = seed_of(page)
    page.evaluate(FORGET)
    page.reload()
    expect(page.locator("#prompt textarea")).to_have_value("")
    page.get_by_role("tab", name="Gallery").click()
    card = page.locator("#gallery .card").first
    expect(card).to_be_visible(timeout=LOADS)
    take = card.get_attribute("data-take") or ""
    open_menu(page, card).get_by_role("button", name="Use all").click()
    expect(page.locator("#prompt textarea")).to_have_value("A paper boat drifts, water sounds")
    expect(page.locator("#camera .chip")).to_contain_text("held by hand")
    expect(chosen(page, "format")).to_contain_text("512×512")
    open_advanced(page)
    expect(page.locator("#steps input[type=number]")).to_have_value("2")
    expect(page.locator("#seed input")).to_have_value(seed)
    expect(page.locator("#reference-image img")).to_be_visible(timeout=LOADS)
    generate(page)
    wait_for_the_clip(page)
    open_gallery(page, at_least=1)
    expect(card).not_to_have_attribute("data-take", take)
    again = card.get_attribute("data-take")
    takes = page.url.partition("#")[0].rstrip("/") + "/takes"
    assert packets(f"{takes}/{take}.mp4") == packets(f"{takes}/{again}.mp4")


def test_a_poster_plays_under_the_pointer_and_no_video_is_loaded_before(page: Page) -> None:
    for prompt in ("Leaves rustle", "Reeds sway"):
        make_a_preview(page, prompt)
    page.reload()
    plays(page, "#player video")  # The one on the stage is loaded.
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    open_gallery(page, at_least=2)
    page.wait_for_timeout(500)  # in which a browser that wanted the videos would have asked
    assert not [url for url in fetched if url.endswith(".mp4")]
    card = page.locator("#gallery .card").nth(1)
    card.hover()
    plays(page, "#gallery .card video")
    assert not card.locator("video").evaluate("clip => clip.muted")  # The tab was clicked.
    card.get_by_role("button", name="Sound on or off").click()
    assert card.locator("video").evaluate("clip => clip.muted")
    page.get_by_role("tab", name="Gallery").hover()
    expect(page.locator("#gallery video")).to_have_count(0)
    assert {url for url in fetched if url.endswith(".mp4")} == {card_video(card)}


def card_video(card: Locator) -> str:
    """The address of a card's clip."""
    return str(card.evaluate("c => new URL(`takes/${c.dataset.take}.mp4`, document.baseURI).href"))


def test_hearts_and_notes_in_quick_succession_are_all_kept(page: Page) -> None:
    for prompt in ("A kettle sings", "A clock ticks"):
        make_a_preview(page, prompt)
    open_gallery(page, at_least=2)
    cards = page.locator("#gallery .card")
    held: list[Route] = []

    def hold(route: Route) -> None:
        """The others wait for the first one's answer; menus come at once."""
        asked = route.request.post_data or ""
        hearts = '"takes"' in asked and '"on"' in asked
        held.append(route) if hearts and not held else route.continue_()

    page.route("**/run/**", hold)
    for index, note in enumerate(("tea", "time")):
        cards.nth(index).hover()
        cards.nth(index).get_by_role("button", name="Favourite").click()
        menu = open_menu(page, cards.nth(index))
        menu.locator(".note").fill(note)
        page.keyboard.press("Escape")
    with page.expect_response(lambda response: '"on"' in (response.request.post_data or "")):
        held[0].continue_()
    # The newest is in the player; the other one's heart is none of its business.
    expect(page.locator("#save-seed")).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(600)  # in which the notes were sent
    page.reload()
    open_gallery(page, at_least=2)
    for index, note in enumerate(("tea", "time")):
        heart = cards.nth(index).get_by_role("button", name="Favourite")
        expect(heart).to_have_attribute("aria-pressed", "true")
        expect(open_menu(page, cards.nth(index)).locator(".note")).to_have_value(note)
        page.keyboard.press("Escape")
