"""A large gallery in a real browser: a wall of which little is on the page, found by words, filters
and keys; what is chosen there is changed, and what is deleted comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from chromium import MISSING, open_gallery, opened, serious
from kept import fill
from playwright.sync_api import (
    APIResponse,
    Browser,
    BrowserContext,
    Locator,
    Page,
    Response,
    Route,
    expect,
)
from running import RunningApp

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)

TAKES = 300
LARGEST = 60_000
"""Bytes of a page of takes at most."""
MOST = 130
"""Cards that are on the page at most, in a window of the tests' size."""
INSIDE = "part => part.getBoundingClientRect().bottom <= innerHeight"
WIDE = {"width": 256, "height": 128}


def prompt(number: int) -> str:
    """Every 30th take shows foxes."""
    return f"A {'fox' if number % 30 == 0 else 'hen'} in garden {number}. Wind in the trees. " * 3


def settings(number: int) -> dict[str, Any]:
    """Every third take is wide; take90 is long and of another model."""
    if number == 90:
        return {"num_frames": 193, "model": "another"}
    return WIDE if number % 3 == 0 else {}


@pytest.fixture(scope="module")
def library_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """The app with a large library: takes 0…299."""
    folder = tmp_path_factory.mktemp("data")
    library = fill(folder, map(prompt, range(TAKES)), settings=settings)
    library.set_favourite("take30", "local", True)
    library.set_tags(["take60", "take61"], "local", add=["garden <b>"])
    with RunningApp(folder, "--model", "demo") as app:
        yield app


@pytest.fixture
def gallery(context: BrowserContext, library_app: RunningApp) -> Page:
    page = opened(context, library_app)
    open_gallery(page, at_least=20)
    return page


def cards(page: Page) -> Locator:
    return page.locator("#gallery .card")


def shown(page: Page) -> list[str]:
    ids: list[str] = cards(page).evaluate_all("all => all.map(card => card.dataset.take)")
    return ids


def begin_with(page: Page, ids: list[str]) -> None:
    """Waits until the first cards are these."""
    for place, take in enumerate(ids):
        expect(cards(page).nth(place)).to_have_attribute("data-take", take)


def search(page: Page) -> Locator:
    return page.get_by_role("searchbox", name="Search prompts and notes")


def choose(page: Page, menu: str, option: str) -> None:
    page.get_by_role("combobox", name=menu).select_option(option)


def scroll(page: Page, screens: float = 1) -> None:
    page.evaluate("by => scrollBy(0, by * innerHeight)", screens)
    page.evaluate("() => new Promise(requestAnimationFrame)")


def heard(page: Page, name: str) -> None:
    """Writes down what an event of the page tells."""
    page.evaluate("name => document.addEventListener(name, e => { window.told = e.detail; })", name)


def told(page: Page) -> Any:
    return page.wait_for_function("() => window.told").json_value()


def test_clips_are_found_as_one_types_and_a_reload_keeps_what_is_sought(gallery: Page) -> None:
    search(gallery).press_sequentially("GARD fox", delay=20)
    expect(cards(gallery)).to_have_count(10)
    expect(gallery.locator("#gallery-count")).to_have_text("10 clips found")
    assert shown(gallery)[:2] == ["take270", "take240"]
    gallery.get_by_label("Favourites").check()
    expect(cards(gallery)).to_have_count(1)
    expect(gallery.locator("#gallery-count")).to_have_text("1 clip found")
    expect(gallery).to_have_url(re.compile(r"#gallery\?search=GARD\+fox&favourites"))
    gallery.reload()
    expect(cards(gallery)).to_have_count(1)
    expect(search(gallery)).to_have_value("GARD fox")
    expect(gallery.get_by_label("Favourites")).to_be_checked()
    gallery.get_by_role("radio", name="All").check()
    search(gallery).fill('"fox* OR <b>')
    expect(gallery.locator("#gallery")).to_contain_text("No clip has these words")
    expect(gallery.locator("#gallery-count")).to_have_text("0 clips found")
    search(gallery).press("Escape")
    expect(cards(gallery).nth(20)).to_be_visible()
    expect(gallery.locator("#gallery-count")).to_contain_text("300 clips")
    gallery.get_by_role("tab", name="Create").click()
    expect(gallery).not_to_have_url(re.compile("#"))


def test_filters_offer_what_there_is_and_stay_in_the_address(gallery: Page) -> None:
    names = gallery.locator("#gallery-filters select").evaluate_all("all => all.map(m => m.name)")
    assert names == ["tag", "model", "format", "length", "order"]
    choose(gallery, "Any tag", "garden <b>")
    expect(cards(gallery)).to_have_count(2)
    assert shown(gallery) == ["take61", "take60"]
    choose(gallery, "Any format", "256x128")
    expect(cards(gallery)).to_have_count(1)
    expect(gallery).to_have_url(re.compile(r"#gallery\?tag=garden\+%3Cb%3E&format=256x128$"))
    gallery.goto("about:blank")
    gallery.go_back()
    expect(cards(gallery)).to_have_count(1)
    expect(gallery.get_by_role("combobox", name="Any format")).to_have_value("256x128")
    gallery.get_by_role("button", name="Clear filters").click()
    expect(cards(gallery).nth(20)).to_be_visible()
    choose(gallery, "Any length", "long")
    expect(cards(gallery)).to_have_count(1)
    choose(gallery, "Any length", "")
    choose(gallery, "Newest first", "oldest")
    expect(cards(gallery).first).to_have_attribute("data-take", "take0")
    expect(gallery).to_have_url(re.compile(r"#gallery\?order=oldest$"))


def test_what_makes_no_sense_in_the_address_is_left_out(
    context: BrowserContext, library_app: RunningApp
) -> None:
    page = context.new_page()
    page.goto(f"{library_app.url}/#gallery?model=none&format=9x&length=%00&order=up&zone=x&a=b")
    expect(cards(page).nth(20)).to_be_visible()
    expect(page).not_to_have_url(re.compile("="))


def test_only_what_is_near_the_view_is_on_the_page_and_each_take_is_sent_once(
    gallery: Page,
) -> None:
    answers: list[Response] = []
    gallery.on("response", lambda told: answers.append(told) if "/run/" in told.url else None)
    seen = {*shown(gallery)}
    while "take0" not in seen:
        scroll(gallery)
        seen |= {*shown(gallery)}
        assert cards(gallery).count() <= MOST
        gallery.wait_for_timeout(20)
    assert seen == {f"take{n}" for n in range(TAKES)}
    sent = [answer.text() for answer in answers if '"words"' in answer.text()]
    assert sum(text.count('"words"') for text in sent) < TAKES
    assert max(len(text.encode()) for text in sent) <= LARGEST
    expect(gallery.get_by_role("button", name="Show more")).to_be_hidden()
    scroll(gallery, -100)
    expect(cards(gallery).first).to_have_attribute("data-take", f"take{TAKES - 1}")


def test_the_wall_does_not_shift_and_fetches_small_posters_near_the_view(gallery: Page) -> None:
    fetched: list[str] = []
    gallery.on("request", lambda asked: fetched.append(asked.url))
    shifts = "window.shifted = 0; new PerformanceObserver(all => all.getEntries().forEach(each => {"
    shifts += "window.shifted += each.value; })).observe({type: 'layout-shift'}); undefined"
    gallery.evaluate(shifts)
    for _ in range(4):
        scroll(gallery, 0.5)
        gallery.wait_for_timeout(100)
    assert gallery.evaluate("window.shifted") == 0
    posters = [url for url in fetched if "/poster" in url]
    assert posters and all(url.endswith(("?w=320", "?w=640")) for url in posters)
    assert len(posters) < TAKES / 2


def test_a_click_opens_a_take_among_the_others(gallery: Page) -> None:
    heard(gallery, "studio:open")
    cards(gallery).nth(1).locator(".open").click()
    opened = told(gallery)
    assert opened["take"] == f"take{TAKES - 2}"
    assert opened["among"][:2] == [f"take{TAKES - 1}", f"take{TAKES - 2}"]


def test_the_keys_go_through_the_wall_and_do_what_the_list_of_keys_says(gallery: Page) -> None:
    first = cards(gallery).first
    first.locator(".open").focus()
    rows = cards(gallery).evaluate_all("all => all.map(card => card.style.top)")
    gallery.keyboard.press("ArrowDown")
    focused = "document.activeElement.closest('.card')?.dataset.take"
    below = gallery.evaluate(focused)
    assert rows[shown(gallery).index(below)] != rows[0]
    for key in ("ArrowUp", "ArrowRight", "ArrowLeft", "ArrowRight"):
        gallery.keyboard.press(key)
    assert gallery.evaluate(focused) == f"take{TAKES - 2}"
    assert gallery.locator("#gallery .open[tabindex='0']").count() == 1
    gallery.keyboard.press("h")
    second = cards(gallery).nth(1)
    expect(second.locator(".heart")).to_have_attribute("aria-pressed", "true")
    gallery.keyboard.press("h")
    expect(second.locator(".heart")).to_have_attribute("aria-pressed", "false")
    gallery.keyboard.press(" ")
    expect(second.locator("video")).to_have_count(1)
    heard(gallery, "studio:open")
    gallery.keyboard.press("Enter")
    assert told(gallery)["take"] == f"take{TAKES - 2}"
    expect(gallery.locator("#opened dialog")).to_be_visible()
    gallery.keyboard.press("Escape")
    expect(gallery.locator("#opened dialog")).to_be_hidden()
    gallery.keyboard.press("Delete")
    expect(gallery.locator(f"[data-take=take{TAKES - 2}]")).to_have_count(0)
    assert gallery.evaluate(focused) == f"take{TAKES - 3}"
    search(gallery).focus()
    gallery.keyboard.press("Delete")
    gallery.keyboard.press("h")
    assert shown(gallery)[:2] == [f"take{TAKES - 1}", f"take{TAKES - 3}"]
    search(gallery).fill("")
    cards(gallery).first.locator(".open").focus()
    gallery.keyboard.press("Control+z")
    expect(cards(gallery).nth(1)).to_have_attribute("data-take", f"take{TAKES - 2}")
    gallery.locator("[popovertarget=keys]").click()
    expect(gallery.locator("#keys")).to_contain_text("Gallery: delete, and bring back")


def test_what_is_chosen_is_loved_tagged_taken_along_compared_and_deleted(gallery: Page) -> None:
    bar = gallery.get_by_role("toolbar", name="For the selected clips")
    cards(gallery).nth(0).locator(".open").click(modifiers=["Control"])
    cards(gallery).nth(2).locator(".open").click(modifiers=["Shift"])
    expect(bar).to_contain_text("3 selected")
    ids = shown(gallery)[:3]
    heard(gallery, "studio:compare")
    bar.get_by_role("button", name="Compare").click()
    assert told(gallery) == {"takes": ids}
    expect(gallery.locator("#compared dialog")).to_be_visible()
    gallery.keyboard.press("Escape")
    expect(gallery.locator("#compared dialog")).to_be_hidden()
    heard(gallery, "studio:export")
    gallery.evaluate("window.told = null")
    bar.get_by_role("button", name="Download").click()
    assert told(gallery) == {"takes": ids}
    bar.get_by_role("button", name="Favourite").click()
    for index in range(3):
        expect(cards(gallery).nth(index).locator(".heart")).to_have_attribute(
            "aria-pressed", "true"
        )
    bar.get_by_role("button", name="Favourite").click()
    bar.get_by_role("button", name="Tags").click()
    gallery.get_by_label("New tag").fill("spring, late, early")
    gallery.get_by_role("button", name="Add", exact=True).click()
    tag = gallery.get_by_role("combobox", name="Any tag")
    expect(tag).to_contain_text("spring (3)")
    expect(tag).to_contain_text("early (3)")
    assert gallery.locator("#gallery-tags").evaluate(INSIDE)
    gallery.get_by_role("button", name="Remove the tag spring").click()
    expect(tag).not_to_contain_text("spring")
    gallery.keyboard.press("Escape")
    expect(bar).to_be_visible()
    bar.get_by_role("button", name="Delete").click()
    for take in ids:
        expect(gallery.locator(f"[data-take='{take}']")).to_have_count(0)
    expect(bar).to_be_hidden()
    gallery.reload()
    open_gallery(gallery, at_least=20)
    assert not {*ids} & {*shown(gallery)}


def test_escape_ends_selecting_and_undo_brings_back_what_was_deleted(gallery: Page) -> None:
    before = shown(gallery)
    cards(gallery).nth(3).hover()
    cards(gallery).nth(3).get_by_role("checkbox", name="Select").check()
    bar = gallery.get_by_role("toolbar", name="For the selected clips")
    expect(bar.get_by_role("button", name="Compare")).to_be_disabled()
    gallery.keyboard.press("Escape")
    expect(bar).to_be_hidden()
    expect(gallery.locator(".card.chosen")).to_have_count(0)
    for index in (1, 2):
        cards(gallery).nth(index).locator(".open").click(modifiers=["Control"])
    gallery.locator(".card.chosen .open").first.focus()
    gallery.keyboard.press("Delete")
    notice = gallery.locator(".undo-bar")
    expect(notice).to_contain_text("2 clips deleted")
    with gallery.expect_response(lambda answer: '"back":true' in (answer.request.post_data or "")):
        notice.get_by_role("button", name="Undo").click()
    expect(notice).to_be_hidden()
    begin_with(gallery, before[:10])
    gallery.reload()
    open_gallery(gallery, at_least=20)
    begin_with(gallery, before[:10])


def test_on_a_phone_a_tap_plays_a_second_opens_and_a_long_press_selects(
    browser: Browser, library_app: RunningApp
) -> None:
    phone = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = opened(phone, library_app)
    open_gallery(page, at_least=5)
    expect(page.locator("#gallery-filters")).to_be_hidden()
    held: list[Route] = []
    goes: list[bool] = []
    page.route("**/run/**", lambda route: route.continue_() if goes else held.append(route))
    page.get_by_role("button", name="Filters").tap()
    choose(page, "Any format", "256x128")
    expect(page.locator(".filters-button")).to_have_text("Filters1")
    page.keyboard.press("Escape")
    take = next(take for take in shown(page) if int(take.removeprefix("take")) % 3 == 0)
    wide = page.locator(f"#gallery .card[data-take='{take}']")
    link = wide.locator(".open")
    heard(page, "studio:open")
    link.tap()
    expect(wide.locator("video")).to_have_count(1)
    goes.append(True)
    for route in held:  # What was sought comes while a clip plays.
        route.continue_()
    expect(cards(page).first).to_have_attribute("data-take", take)
    expect(wide.locator("video")).to_have_count(1)
    assert page.evaluate("window.told") is None
    link.tap()
    assert told(page)["take"] == take
    link.dispatch_event("pointerdown", {"pointerType": "touch", "clientX": 9, "clientY": 9})
    expect(page.get_by_role("toolbar")).to_contain_text("1 selected")
    phone.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_reader_of_screens_finds_nothing_serious_on_the_wall(
    browser: Browser, library_app: RunningApp, scheme: Any
) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = opened(context, library_app)
    open_gallery(page, at_least=20)
    cards(page).nth(1).locator(".open").click(modifiers=["Control"])
    cards(page).nth(2).hover()
    page.wait_for_timeout(400)
    assert serious(page) == []
    context.close()


def test_what_is_changed_where_a_clip_is_opened_is_on_the_wall_where_it_was_scrolled(
    gallery: Page,
) -> None:
    scroll(gallery, 2)
    below = "[...document.querySelectorAll('#gallery .card')].find(card =>"
    below += " card.getBoundingClientRect().top > 100).dataset.take"
    take, place = gallery.evaluate(below), gallery.evaluate("scrollY")
    card = gallery.locator(f"#gallery .card[data-take='{take}']")
    card.locator(".open").click()
    expect(gallery.locator(".marks [name=name]")).to_be_visible()
    late: list[tuple[Route, APIResponse]] = []
    gallery.route("**/run/**", lambda route: late.append((route, route.fetch())), times=1)
    with gallery.expect_response(f"**/takes/{take}"):
        gallery.locator(".marks [name=name]").fill("The end")
        gallery.keyboard.press("Tab")
    expect(gallery.locator("#opened-title")).to_have_text("The end")
    gallery.locator("dialog.opened .heart").click()
    gallery.keyboard.press("Escape")
    expect(card.locator(".about b")).to_have_text("The end")
    expect(card.locator(".heart")).to_have_attribute("aria-pressed", "true")
    heard(gallery, "studio:menus")
    while not late:
        gallery.wait_for_timeout(50)
    [(route, answer)] = late  # Of the wall, asked for before there was a heart.
    route.fulfill(response=answer)
    told(gallery)
    expect(card.locator(".heart")).to_have_attribute("aria-pressed", "true", timeout=1)
    assert place > 0 and gallery.evaluate("scrollY") == place


def test_a_clip_that_is_deleted_where_it_is_opened_leaves_the_wall_and_can_come_back(
    gallery: Page,
) -> None:
    first = shown(gallery)[0]
    gallery.locator(f"#gallery .card[data-take='{first}'] .open").click()
    gallery.locator("dialog.opened").get_by_role("button", name="Delete").click()
    expect(gallery.locator("dialog.opened")).to_be_hidden()
    expect(gallery.locator(f"#gallery .card[data-take='{first}']")).to_have_count(0)
    gallery.locator(".undo-bar").get_by_role("button", name="Undo").click()
    expect(gallery.locator(f"#gallery .card[data-take='{first}']")).to_be_visible()
