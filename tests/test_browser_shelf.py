"""The shelf on the Seeds tab in a real browser: favourite seeds and characters, and @Aiko."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from chromium import (
    MISSING,
    fast_preview,
    generate,
    opened,
    serious,
    wait_for_the_clip,
    write_prompt,
)
from kept import fill
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect
from running import RunningApp
from test_visitors import happened

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)

TAKES = 30
PAGE = 24
ODD = '"it\'s" \\ 100%_ `x` ${y} <b> 🦊 שלום 雨'


@contextmanager
def with_favourites(folder: Path) -> Iterator[RunningApp]:
    """The app with a library of takes 0…29, all of them favourites of their own seeds."""
    library = fill(folder, [f"Garden {n}" for n in range(TAKES)])
    for number in range(TAKES):
        library.set_favourite(f"take{number}", "local", True)
    with RunningApp(folder, "--model", "demo") as app:
        yield app.wait_ready()


@pytest.fixture(scope="module")
def shelf_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """What tests of this file share, with what those before have made and changed."""
    with with_favourites(tmp_path_factory.mktemp("data")) as app:
        yield app


@pytest.fixture
def untouched_app(tmp_path: Path) -> Iterator[RunningApp]:
    """One of a test's own, which knows what is in it."""
    with with_favourites(tmp_path) as app:
        yield app


@pytest.fixture
def page(context: BrowserContext, shelf_app: RunningApp) -> Page:
    return opened(context, shelf_app)


def favourites(page: Page) -> Locator:
    page.get_by_role("tab", name="Seeds").click()
    cards = page.locator("#shelf .seed")
    expect(cards.first).to_be_visible()
    return cards


def characters(page: Page) -> Locator:
    page.get_by_role("tab", name="Seeds").click()
    page.locator("#shelf label", has_text="Characters").click()
    expect(page.get_by_role("button", name="New character")).to_be_visible()
    return page.locator("#shelf .character")


def add_character(page: Page, folder: Path, name: str, words: str, seed: str = "") -> None:
    picture = folder / f"{name}.png"
    Image.linear_gradient("L").convert("RGB").save(picture)
    characters(page)
    page.get_by_role("button", name="New character").click()
    form = page.locator("#shelf form")
    form.get_by_label("Name, one word").fill(name)
    form.get_by_label("Describing words").fill(words)
    form.get_by_label("Seed").fill(seed)
    form.get_by_label("Add pictures").set_input_files(picture)
    expect(form.locator("[data-image] img")).to_have_count(1)
    form.get_by_role("button", name="Save").click()
    expect(page.locator("#shelf dialog")).to_be_hidden()


def test_what_is_written_on_a_favourite_is_there_after_a_reload(page: Page) -> None:
    card = favourites(page).first
    card.locator(".name").fill(ODD)
    card.locator(".note").fill(f"note {ODD}")
    for tag in (ODD[:30], "night", "rain"):
        card.locator(".new-tag").fill(tag)
        card.locator(".new-tag").press("Enter")
    with page.expect_response(lambda answer: '"remove"' in (answer.request.post_data or "")):
        card.get_by_role("button", name="Remove the tag rain").click()
    expect(card.locator(".tag")).to_have_count(2)
    page.reload()
    card = favourites(page).first
    expect(card.locator(".name")).to_have_value(ODD)
    expect(card.locator(".note")).to_have_value(f"note {ODD}")
    expect(card.locator(".tag bdi")).to_have_text([ODD[:30].strip(), "night"])


def answered(page: Page, words: str) -> AbstractContextManager[object]:
    """The block ends once the studio has answered to an event with these words."""
    return page.expect_response(lambda answer: words in (answer.request.post_data or ""))


def test_two_tabs_write_on_a_favourite_and_neither_replaces_what_it_has_not_seen(
    page: Page, context: BrowserContext, shelf_app: RunningApp
) -> None:
    other = opened(context, shelf_app)
    first, second = (favourites(each).nth(5) for each in (page, other))
    take = first.get_attribute("data-take")

    def kept() -> dict[str, Any]:
        told: dict[str, Any] = httpx.patch(f"{shelf_app.url}/takes/{take}", json={}).json()
        return told

    for words in ("by the first", "by the first, and more"):
        with answered(page, words):
            first.locator(".note").fill(words)
    second.locator(".note").fill("by the second")
    expect(other.locator("#refused")).to_contain_text("changed elsewhere meanwhile")
    assert kept()["note"] == "by the first, and more"
    for card, tag in ((first, "one"), (second, "two")):
        with answered(card.page, f'"{tag}"'):
            card.locator(".new-tag").fill(tag)
            card.locator(".new-tag").press("Enter")
    assert kept()["tags"] == ["one", "two"]
    other.reload()
    second = favourites(other).nth(5)
    expect(second.locator(".note")).to_have_value("by the first, and more")
    with answered(other, "by both"):
        second.locator(".note").fill("by both")
    assert kept()["note"] == "by both"


def test_the_shelf_comes_by_pages_and_a_poster_opens_its_clip(page: Page) -> None:
    cards = favourites(page)
    expect(page.locator("#shelf .seeds > .small")).to_have_text(f"{TAKES} favourite seeds")
    expect(cards).to_have_count(PAGE)
    page.locator("#shelf .shelf-row").first.evaluate("row => row.scrollTo(row.scrollWidth, 0)")
    expect(cards).to_have_count(TAKES)
    ids = cards.evaluate_all("all => all.map(card => card.dataset.take)")
    assert ids == [f"take{number}" for number in reversed(range(TAKES))]
    page.evaluate("document.addEventListener('studio:open', e => { window.told = e.detail; })")
    cards.nth(2).locator(".pic button").first.click()
    assert page.evaluate("window.told") == {"take": "take27", "among": ids}


def test_favourite_seeds_are_tried_on_the_present_prompt(page: Page) -> None:
    fast_preview(page)
    write_prompt(page, "A yellow box waits by the sea")
    cards = favourites(page)
    page.locator("#seeds-way label", has_text="9 frames").click()
    seed = cards.first.get_attribute("data-seed")
    cards.first.get_by_role("button", name="Try on the present prompt").click()
    tiles = page.locator("#contact-sheet figure")
    expect(page.locator("#contact-sheet video")).to_have_count(1)
    cards.first.get_by_role("button", name="This seed's clips").click()
    clips = page.locator("#shelf dialog figure")
    expect(clips.first).to_contain_text("A yellow box waits by the sea")
    expect(clips.first).to_contain_text(f"Seed {seed}")
    expect(clips.nth(1)).to_contain_text("Garden")
    page.keyboard.press("Escape")
    expect(page.locator("#shelf dialog")).to_be_hidden()
    assert tiles.count() == 1


def test_a_take_without_a_heart_leaves_the_shelf_only_when_it_is_drawn_again(page: Page) -> None:
    last = favourites(page).nth(3)
    taken = last.get_attribute("data-take")
    for pressed in ("false", "true", "false"):
        with page.expect_response("**/run/**"):
            last.locator(".heart").click()
        expect(last.locator(".heart")).to_have_attribute("aria-pressed", pressed)
    page.reload()
    favourites(page)
    expect(page.locator(f"#shelf [data-take='{taken}']")).to_have_count(0)


def test_nothing_can_be_pressed_until_its_script_is_there(page: Page) -> None:
    held: list[Route] = []
    page.route("**/seeds.js*", lambda route: held.append(route))
    with page.expect_request("**/seeds.js*"):
        page.get_by_role("tab", name="Seeds").click()
    expect(page.locator("#shelf [inert], #shelf[inert]")).to_have_count(1)
    while not held:
        page.wait_for_timeout(50)
    held[0].continue_()
    characters(page)


def test_a_character_is_offered_while_it_is_typed_and_brings_all_it_has(
    page: Page, tmp_path: Path, shelf_app: RunningApp
) -> None:
    add_character(page, tmp_path, "Aiko", f"a woman in a red coat {ODD}", "42")
    add_character(page, tmp_path, "Ben", "an old man", "7")
    page.get_by_role("tab", name="Create").click()
    fast_preview(page)
    prompt = page.locator("#prompt textarea")
    prompt.press_sequentially("On a pier, @")
    offers = page.locator("#cast").get_by_role("option")
    expect(offers).to_have_count(2)
    expect(prompt).to_have_attribute("aria-activedescendant", "cast-0")
    assert serious(page) == []
    prompt.press_sequentially("AI")
    expect(offers).to_have_count(1)
    prompt.press("Enter")
    expect(prompt).to_have_value("On a pier, @Aiko ")
    expect(offers).to_have_count(0)
    prompt.press_sequentially("waves")
    expect(page.locator("#seed input")).to_have_value("42")
    expect(page.locator("#seed-lock input")).to_be_checked()
    expect(page.locator("#reference-image img")).to_be_visible()
    expect(page.locator("#compiled-prompt q")).to_have_text(
        f"On a pier, a woman in a red coat {ODD} waves"
    )
    expect(page.locator("#undo")).to_contain_text("Aiko brings: describing words, first frame")
    expect(prompt).to_have_value("On a pier, @Aiko waves")
    page.locator("#undo button").click()
    expect(page.locator("#reference-image img")).to_have_count(0)
    expect(page.locator("#seed input")).to_have_value("")
    expect(prompt).to_have_value("On a pier, @Aiko waves")
    prompt.press("End")
    prompt.press_sequentially(" to @Ben, to @Nobody.")  # Typed in full, and not the first one.
    expect(page.locator("#undo")).to_contain_text("First frame and seed are those of Aiko.")
    expect(page.locator("#compiled-prompt q")).to_contain_text("waves to an old man, to @Nobody.")
    expect(page.locator("#seed input")).to_have_value("")
    generate(page)
    wait_for_the_clip(page)
    take = page.locator("#takes .take").first.get_attribute("data-take")
    told = page.request.post(
        f"{shelf_app.url}/recipe",
        headers={"Content-Type": "image/jpeg"},
        data=page.request.get(f"{shelf_app.url}/takes/{take}/poster").body(),
    ).json()
    assert told["typed"]["prompt"] == "On a pier, @Aiko waves to @Ben, to @Nobody."
    assert told["recipe"]["prompt"].endswith(f"red coat {ODD} waves to an old man, to @Nobody.")
    her = characters(page).filter(has_text="@Aiko")
    her.get_by_role("button", name="Clips with Aiko").click()
    expect(page.locator("#shelf dialog figure")).to_have_count(1)
    expect(page.locator("#shelf dialog figure")).to_contain_text("@Aiko waves to @Ben")


def test_a_character_is_used_changed_and_deleted_on_the_shelf(page: Page, tmp_path: Path) -> None:
    add_character(page, tmp_path, "Mori", "a deer", "9")
    card = characters(page).filter(has_text="@Mori")
    card.get_by_role("button", name="Use in the prompt").click()
    expect(page.get_by_role("tab", name="Create")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#prompt textarea")).to_have_value("@Mori ")
    expect(page.locator("#seed input")).to_have_value("9")
    expect(page.locator("#reference-image img")).to_be_visible()
    page.locator("#undo button").click()
    expect(page.locator("#prompt textarea")).to_have_value("")
    characters(page)
    card.get_by_role("button", name="Edit Mori").click()
    form = page.locator("#shelf form")
    form.get_by_label("Name, one word").fill("two words")
    form.get_by_role("button", name="Save").click()
    expect(form).to_contain_text("one word without spaces")
    assert serious(page) == []
    form.get_by_label("Name, one word").fill("森")
    form.get_by_role("button", name="Remove this picture").click()
    form.get_by_role("button", name="Save").click()
    changed = page.locator("#shelf .character").filter(has_text="森")
    expect(changed).to_have_count(1)
    expect(changed.locator("img")).to_have_count(0)
    known = page.evaluate("fetch('characters').then(answer => answer.json())")
    assert "森" in json.dumps(known, ensure_ascii=False) and "Mori" not in json.dumps(known)
    changed.get_by_role("button", name="Edit 森").click()
    form.get_by_text("Delete", exact=True).click()
    form.get_by_role("button", name="Yes, delete").click()
    expect(changed).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_reader_of_screens_finds_nothing_serious_on_the_shelf(
    page: Page, scheme: str, tmp_path: Path
) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.reload()
    cards = favourites(page)
    cards.first.locator(".pick input").check()
    assert serious(page) == []
    cards.first.get_by_role("button", name="This seed's clips").click()
    expect(page.locator("#shelf dialog")).to_be_visible()
    assert serious(page) == []
    page.keyboard.press("Escape")
    add_character(page, tmp_path, scheme.title(), "somebody")
    assert serious(page) == []


def test_what_is_deleted_or_marked_elsewhere_is_said_and_seen_in_every_part_of_the_page(
    context: BrowserContext, untouched_app: RunningApp
) -> None:
    page = opened(context, untouched_app)
    said = page.locator("#refused")

    def deleted_elsewhere(take: str) -> None:
        with httpx.Client(base_url=untouched_app.url, timeout=60) as other_tab:
            happened(other_tab, "remove", takes=[take])

    def refused_after(take: str, does: Callable[[], object]) -> None:
        """What is done with a take that was deleted meanwhile is answered in words."""
        said.evaluate_all("all => all.forEach(each => { each.textContent = ''; })")
        deleted_elsewhere(take)
        does()
        expect(said).to_have_text("This take is not here. It may have been deleted.")

    expect(page.locator("#take .take-row[data-take=take29]")).to_be_visible()
    refused_after("take29", page.locator("#save-seed").click)
    expect(page.locator("#take .take-row[data-take=take28]")).to_be_visible()
    expect(page.locator("#takes [data-take=take29]")).to_have_count(0)
    dialog = page.locator("dialog.opened")
    page.locator("#open-take").click()
    expect(page.locator("#opened-title")).to_have_text("Garden 28")
    refused_after("take28", dialog.get_by_role("button", name="Use all").click)
    expect(page.locator("#opened-title")).to_have_text("This clip is not here")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#opened-title")).to_have_text("Garden 27")
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Gallery").click()
    card = page.locator("#gallery .card[data-take=take27]")
    card.hover()
    refused_after("take27", card.locator(".heart").click)
    expect(card).to_have_count(0)
    for place in range(3):
        page.locator("#gallery .card .open").nth(place).click(modifiers=["Control"])
    page.locator("[data-bar=compare]").click()
    compared = page.locator("dialog.compared")
    expect(compared.locator("video")).to_have_count(3)
    deleted_elsewhere("take26")
    page.wait_for_function("() => document.querySelector('dialog.compared video').currentTime > 0")
    page.keyboard.press("Escape")
    page.locator("[data-bar=compare]").click()
    expect(compared.locator("video")).to_have_count(2)
    expect(compared).to_contain_text("are left out")
    page.keyboard.press("Escape")
    seed = favourites(page).and_(page.locator("[data-take=take25]"))
    refused_after("take25", lambda: seed.locator(".name").fill("Mine"))
    expect(seed).to_have_count(0)
    expect(page.locator("#shelf .seed").first).to_have_attribute("data-take", "take24")
    first = page.locator("#shelf .seed[data-take=take24]")
    first.locator(".pic button").first.click()
    page.locator(".marks [name=name]").fill("Opened here")
    page.keyboard.press("Tab")
    expect(first.locator(".name")).to_have_value("Opened here")
    dialog.locator(".heart").click()
    expect(first.locator(".heart")).to_have_attribute("aria-pressed", "false")
