"""A take opened over the page: what is told of it, what is made of it, and how one gets about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import MISSING, generate, opened, serious, set_steps, wait_for_the_clip, write_prompt
from kept import keep, open_library
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from running import RunningApp

from ltx_ui.studio.jobs import Origin

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)

GARDEN = "Bob's garden"
PHONE = {"width": 390, "height": 844}
WIDER = """() => [...document.querySelectorAll('dialog[open] *')].filter(part =>
  part.checkVisibility() && !part.closest('.scrolls')
  && part.getBoundingClientRect().right > innerWidth + 1)
  .map(part => part.outerHTML.slice(0, 90))"""
"""What a dialog has beyond the window's right edge."""


def fill(folder: Path) -> None:
    """Six takes of the visitor's, the third of which came of the second, and one of Bob's."""
    library = open_library(folder)
    keep(library, "bobs", "bob", prompt=GARDEN)
    keep(library, "deleted", "local")
    for number in range(6):
        origin = {
            2: Origin("take1", "variation"),
            4: Origin("deleted", "finished"),
            5: Origin("bobs", "again"),
        }.get(number)
        findings = ("silent",) if number == 3 else ()
        keep(library, f"take{number}", "local", seed=number, origin=origin, findings=findings)
    library.delete(["deleted"], "local")


@pytest.fixture(scope="module")
def takes_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    folder = tmp_path_factory.mktemp("data")
    fill(folder)
    with RunningApp(folder, "--model", "demo") as app:
        yield app.wait_ready()


@pytest.fixture
def page(context: BrowserContext, takes_app: RunningApp) -> Page:
    page = opened(context, takes_app)
    expect(page.locator("#takes .take").nth(5)).to_be_visible()
    return page


def dialog(page: Page) -> Locator:
    return page.locator("dialog.opened")


def title(page: Page) -> Locator:
    return page.locator("#opened-title")


def tile(page: Page, number: int) -> Locator:
    return page.locator(f'#takes .take[data-take="take{number}"]')


def open_take(page: Page, number: int) -> None:
    tile(page, number).focus()
    page.keyboard.press("Enter")
    expect(title(page)).to_have_text(f"A clip called take{number}")


def told(page: Page, label: str) -> Locator:
    return page.locator(".told > div", has=page.locator("dt", has_text=label)).locator("dd").first


def test_a_take_opens_by_double_click_enter_and_o_and_escape_gives_the_focus_back(
    page: Page,
) -> None:
    tile(page, 3).dblclick()
    expect(title(page)).to_have_text("A clip called take3")
    expect(page).to_have_url(re.compile("#take=take3$"))
    page.wait_for_function("() => !document.querySelector('dialog.opened video').paused")
    page.keyboard.press("Escape")
    expect(dialog(page)).to_be_hidden()
    expect(page).not_to_have_url(re.compile("#"))
    expect(tile(page, 3)).to_be_focused()
    open_take(page, 2)
    page.keyboard.press("Escape")
    expect(tile(page, 2)).to_be_focused()
    page.keyboard.press("o")
    expect(title(page)).to_have_text("A clip called take3")
    page.get_by_role("button", name="Close", exact=True).click()
    page.locator("#open-take").click()
    expect(title(page)).to_have_text("A clip called take3")


def test_it_tells_the_recipe_in_words_and_as_json_that_the_page_reads(
    page: Page, context: BrowserContext, takes_app: RunningApp
) -> None:
    open_take(page, 3)
    expect(told(page, "Prompt")).to_have_text("A clip called take3")
    expect(told(page, "Seed")).to_have_text("3")
    expect(told(page, "Length")).to_have_text("9 frames · 0.38 s")
    expect(told(page, "Format")).to_have_text("128×128")
    expect(page.locator(".about .notes")).to_contain_text("Nothing can be heard")
    page.get_by_text("How it was made").click()
    expect(told(page, "torch")).to_have_text("2.13.0")
    expect(told(page, "Making the clip")).to_have_text("2.0 s")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_text("As JSON").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert json.loads(copied)["recipe"]["seed"] == 3
    answer = context.request.post(
        f"{takes_app.url}/recipe", data=copied, headers={"Content-Type": "application/json"}
    )
    assert answer.json()["recipe"]["prompt"] == "A clip called take3"


def test_arrows_lead_to_the_neighbours_a_reload_keeps_them_and_back_closes(page: Page) -> None:
    open_take(page, 3)
    expect(page.locator("dialog.opened .place")).to_have_text("3 / 6")
    page.keyboard.press("ArrowRight")
    expect(title(page)).to_have_text("A clip called take2")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(title(page)).to_have_text("A clip called take4")
    page.reload()
    expect(title(page)).to_have_text("A clip called take4")
    expect(page.locator("dialog.opened .place")).to_have_text("2 / 6")
    page.keyboard.press("ArrowLeft")
    expect(title(page)).to_have_text("A clip called take5")
    expect(page.get_by_role("button", name="Clip before")).to_be_disabled()
    page.go_back()
    expect(dialog(page)).to_be_hidden()
    expect(page.locator("#generate")).to_be_visible()
    page.go_forward()
    expect(title(page)).to_have_text("A clip called take5")


def test_the_event_names_a_take_and_its_neighbours(page: Page) -> None:
    page.get_by_role("tab", name="Gallery").click()
    page.evaluate(
        "document.dispatchEvent(new CustomEvent('studio:open', {detail:"
        " {take: 'take1', among: ['take5', 'take1', 'take0']}}))"
    )
    expect(title(page)).to_have_text("A clip called take1")
    expect(page.locator("dialog.opened .place")).to_have_text("2 / 3")
    page.keyboard.press("ArrowLeft")
    expect(title(page)).to_have_text("A clip called take5")


@pytest.mark.parametrize("take", ["deleted", "f" * 32])
def test_what_is_deleted_or_never_was_is_said_not_to_be_here(
    page: Page, takes_app: RunningApp, take: str
) -> None:
    answers: list[str] = []
    page.on("response", lambda got: answers.append(got.text()) if "/run/" in got.url else None)
    page.evaluate(f"location.hash = '#take={take}'")
    expect(title(page)).to_have_text("This clip is not here")
    assert "A clip called deleted" not in "".join(answers)
    page.keyboard.press("Escape")
    expect(dialog(page)).to_be_hidden()
    expect(page).not_to_have_url(re.compile("#"))


def test_the_owner_opens_somebody_elses_by_its_address(page: Page) -> None:
    assert GARDEN not in page.content()
    page.evaluate("location.hash = '#take=bobs'")
    expect(title(page)).to_have_text(GARDEN)


def test_filling_the_fields_first_tells_what_it_changes_and_can_be_undone(page: Page) -> None:
    write_prompt(page, "Something else entirely here")
    set_steps(page, 9)
    open_take(page, 3)
    page.get_by_role("button", name="Use prompt").click()
    changes = page.locator(".weighed li")
    expect(changes).to_have_count(1)
    expect(changes).to_have_text("Prompt Something else entirely here → A clip called take3")
    page.get_by_role("button", name="Use all", exact=True).click()
    expect(page.locator(".weighed")).to_contain_text("Steps 9 → 40")
    expect(page.locator(".weighed")).to_contain_text("Seed none → 3")
    expect(page.locator("#prompt textarea")).to_have_value("Something else entirely here")
    page.get_by_role("button", name="Leave it").click()
    expect(page.locator(".weighed")).to_be_empty()
    page.get_by_role("button", name="Remix").click()
    expect(page.locator(".weighed")).not_to_contain_text("Seed")
    page.get_by_role("button", name="Fill in").click()
    expect(dialog(page)).to_be_hidden()
    expect(page.locator("#prompt textarea")).to_have_value("A clip called take3")
    expect(page.locator("#steps input[type=number]")).to_have_value("40")
    expect(page.locator("#seed input")).to_have_value("")
    page.locator("#undo button").click()
    expect(page.locator("#prompt textarea")).to_have_value("Something else entirely here")
    expect(page.locator("#steps input[type=number]")).to_have_value("9")
    open_take(page, 3)
    page.get_by_role("button", name="Use seed").click()
    page.get_by_role("button", name="Fill in").click()
    expect(page.locator("#seed input")).to_have_value("3")
    expect(page.locator("#prompt textarea")).to_have_value("Something else entirely here")


def test_relatives_open_in_turn_and_back_leads_back(page: Page) -> None:
    open_take(page, 2)
    lineage = page.locator(".lineage")
    expect(lineage).to_contain_text("Came from · Variation")
    lineage.get_by_role("button", name="Seed 1").click()
    expect(title(page)).to_have_text("A clip called take1")
    expect(lineage).to_contain_text("What came of it")
    expect(lineage.locator("li")).to_have_text(re.compile("Variation.*Seed 2"))
    page.go_back()
    expect(title(page)).to_have_text("A clip called take2")
    lineage.get_by_role("button", name="Seed 1").click()
    expect(title(page)).to_have_text("A clip called take1")
    page.keyboard.press("Escape")
    expect(page).not_to_have_url(re.compile("#"))
    open_take(page, 4)
    expect(lineage).to_have_text(re.compile("It came from a clip that was deleted"))
    page.keyboard.press("Escape")
    open_take(page, 0)
    expect(lineage).to_have_count(0)


def test_a_take_is_named_tagged_and_noted_where_it_is_opened(page: Page) -> None:
    open_take(page, 0)
    for field, words in (("Name", "  The  opening "), ("Tags", "sea, red"), ("Note", "again")):
        with page.expect_response("**/takes/take0"):
            page.get_by_label(field).last.fill(words)
            page.keyboard.press("Tab")
    expect(page.get_by_label("Tags")).to_have_value("red, sea")
    page.reload()
    expect(title(page)).to_have_text("The opening")
    expect(page.locator(".marks [name=note]")).to_have_value("again")
    with page.expect_response("**/takes/take0"):
        page.get_by_label("Tags").fill("x" * 41)
        page.keyboard.press("Tab")
    expect(page.locator(".marks .wrong")).to_contain_text("tags")


def test_one_wrong_tag_is_told_and_leaves_the_others(
    browser: Browser, takes_app: RunningApp
) -> None:
    context = browser.new_context(viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{takes_app.url}#take=take1")
    wrong = "x" * 41
    with page.expect_response("**/takes/take1"):
        page.get_by_label("Tags").fill(f"sky, {wrong}, blue")
        page.keyboard.press("Tab")
    told = page.locator(".marks .wrong")
    expect(told).to_contain_text("tags.1")
    expect(told).to_be_in_viewport()
    expect(page.get_by_label("Tags")).to_have_value(f"blue, sky, {wrong}")
    with page.expect_response("**/takes/take1"):
        page.locator(".marks [name=name]").fill("Skies")
        page.keyboard.press("Tab")
    expect(title(page)).to_have_text("Skies")
    expect(told).to_contain_text("tags.1")
    page.reload()
    expect(page.get_by_label("Tags")).to_have_value("blue, sky")
    context.request.patch(f"{takes_app.url}/takes/take1", data={"name": "", "tags": []})
    context.close()


def test_its_recipe_is_shared_and_it_is_deleted_from_there(page: Page) -> None:
    open_take(page, 4)
    dialog(page).get_by_role("button", name="Share recipe").click()
    link = page.locator("#link-sheet")
    expect(link.locator("input")).to_have_value(re.compile("#recipe="))
    link.get_by_role("button", name="Copy").click()
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    dialog(page).get_by_role("button", name="Delete").click()
    expect(dialog(page)).to_be_hidden()
    expect(tile(page, 4)).to_have_count(0)
    page.locator("#undo button").click()
    expect(tile(page, 4)).to_be_visible()


def test_keys_step_the_opened_clip_and_never_what_is_below(page: Page) -> None:
    open_take(page, 3)
    clip = page.locator("dialog.opened video")
    page.wait_for_function("() => document.querySelector('dialog.opened video').readyState > 1")
    page.keyboard.press(" ")
    clip.evaluate("clip => { clip.pause(); clip.currentTime = 0; }")
    below = page.locator("#player video").evaluate("clip => clip.currentTime")
    page.keyboard.press(".")
    page.keyboard.press(".")
    page.keyboard.press(",")
    assert clip.evaluate("clip => clip.currentTime") == pytest.approx(1 / 24, abs=1e-3)
    page.locator("dialog.opened .speed").select_option("0.25")
    assert clip.evaluate("clip => clip.playbackRate") == 0.25
    page.keyboard.press("Escape")
    assert page.locator("#player video").evaluate("clip => clip.currentTime") == below


def test_the_focus_stays_inside(page: Page) -> None:
    open_take(page, 3)
    for _ in range(40):
        page.keyboard.press("Tab")
        where = page.evaluate("document.activeElement.closest('dialog, body').tagName")
        assert where == "DIALOG" or page.evaluate("document.activeElement === document.body")


def test_variations_that_are_made_of_it_tell_where_they_came_from(page: Page) -> None:
    open_take(page, 1)
    dialog(page).get_by_role("button", name="Vary").click()
    expect(dialog(page)).to_be_hidden()
    expect(page.locator("#takes .take").nth(9)).to_be_visible()
    open_take(page, 1)
    expect(page.locator(".lineage li", has_text="Variation")).to_have_count(5)


def test_a_take_that_is_cured_comes_from_the_one_that_was_ill(page: Page) -> None:
    open_take(page, 3)
    dialog(page).get_by_role("button", name="Set it so").click()
    expect(page.locator("#prompt textarea")).to_have_value("A clip called take3")
    generate(page)
    wait_for_the_clip(page)
    mended = page.locator(".lineage li", has_text="Mended")
    open_take(page, 3)
    expect(mended).to_have_count(1)
    page.keyboard.press("Escape")
    generate(page)  # This one comes from nowhere.
    wait_for_the_clip(page)
    open_take(page, 3)
    expect(mended).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_cut_off_and_nothing_bars_the_way(
    browser: Browser, takes_app: RunningApp, scheme: str
) -> None:
    context = browser.new_context(viewport=PHONE, has_touch=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{takes_app.url}?__theme={scheme}#take=take2")
    expect(title(page)).to_have_text("A clip called take2")
    page.get_by_role("button", name="Use all", exact=True).click()
    expect(page.get_by_role("button", name="Fill in")).to_be_in_viewport()
    page.get_by_text("As JSON").click()
    assert page.evaluate(WIDER) == []
    assert serious(page) == []
    page.evaluate(
        """() => {
          const target = document.querySelector('.about');
          const at = clientX => [new Touch({identifier: 1, target, clientX, clientY: 300})];
          const send = (kind, x) => target.dispatchEvent(
            new TouchEvent(kind, {bubbles: true, touches: at(x), changedTouches: at(x)}));
          send('touchstart', 300);
          send('touchend', 100);
        }"""
    )
    expect(title(page)).to_have_text("A clip called take1")
    context.close()
