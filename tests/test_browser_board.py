"""Storyboards in a real browser: written, made, joined, changed and made again."""

from __future__ import annotations

import pytest
from chromium import (
    MISSING,
    calls_of,
    fast_preview,
    make_a_preview,
    open_gallery,
    open_menu,
    plays,
    serious,
)
from playwright.sync_api import Locator, Page, expect

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)

BALL = "A red ball bounces up and down by the sea. A thump at each bounce."
COME_BACK = """first => {
  dispatchEvent(new Event('focus'));
  return document.querySelector('.shot textarea').value === first;
}"""
"""Somebody comes back to a page, which looks every two seconds, until its first shot says this."""
CUBE = "A blue cube turns slowly. A hum."


def open_board(page: Page) -> None:
    page.locator("[role=tab][data-tab-id=board]").first.click()


def begin(page: Page, *prompts: str) -> Locator:
    """A storyboard with a shot for each prompt."""
    open_board(page)
    form = page.locator(".begin-board")
    form.get_by_label("first shot").fill(prompts[0])
    form.get_by_role("button").click()
    shots = page.locator(".shot")
    for number, prompt in enumerate(prompts[1:], 2):
        expect(shots).to_have_count(number - 1)
        form = page.locator(".add-shot form")
        form.get_by_label("Begins").select_option("last_frame")
        form.get_by_label(f"Shot {number}").fill(prompt)
        form.get_by_label(f"Shot {number}").press("Control+Enter")
    expect(shots).to_have_count(len(prompts))
    return shots


def make(page: Page, label: str) -> None:
    """Has shots made, and waits until there is nothing left to make."""
    page.get_by_role("button", name=label).click()
    expect(page.locator("[data-do=stop]")).to_have_count(1)
    expect(page.locator("[data-do=stop], [data-do=make]")).to_have_count(0)


def test_shots_are_made_joined_changed_and_made_again(page: Page) -> None:
    fast_preview(page)
    shots = begin(page, BALL, CUBE)
    page.get_by_label("Name this storyboard").fill("The ball")
    page.get_by_label("Name this storyboard").press("Enter")
    make(page, "Make 2 shots")
    expect(shots.locator("video")).to_have_count(2)
    expect(page.locator(".board-state")).to_contain_text("all made")
    # Nothing is on its way any more.
    calls = calls_of(page)
    page.get_by_role("button", name="Join into a film").click()
    plays(page, ".film-dialog video")
    with page.expect_download() as loaded:
        page.locator(".film-dialog").get_by_role("link", name="Download").click()
    assert loaded.value.suggested_filename == "The ball.mp4"
    page.keyboard.press("Escape")
    assert calls == []
    # The second starts where the first ends, and says so once that is another clip.
    shots.first.get_by_label("Prompt of shot 1").fill("A green ball rolls. A whoosh.")
    expect(shots.first.locator(".outdated")).to_contain_text("Its words or settings are others")
    shots.first.get_by_role("button", name="Make again").click()
    expect(shots.first.locator(".shot-takes button")).to_have_count(2)
    expect(shots.nth(1).locator(".outdated")).to_contain_text("Shot 1 has another clip now.")
    assert serious(page) == []
    shots.first.get_by_role("button", name="Take 1,").click()
    expect(shots.nth(1).locator(".outdated")).to_have_count(0)
    # All of it is there after a reload.
    page.reload()
    open_board(page)
    expect(shots).to_have_count(2)
    expect(page.get_by_label("Name this storyboard")).to_have_value("The ball")
    expect(shots.first.get_by_label("Prompt of shot 1")).to_have_value(
        "A green ball rolls. A whoosh."
    )


def test_what_is_typed_stays_is_moved_with_the_keys_and_deleted_after_a_question(
    page: Page,
) -> None:
    shots = begin(page, BALL, CUBE)
    seconds = shots.nth(1).get_by_label("Seconds")
    seconds.fill("99")
    expect(shots.nth(1).locator(".wrong-shot")).to_contain_text("allowed are 0.38 to 10.71")
    shots.nth(1).get_by_label("Prompt of shot 2").fill("A blue cube by the sea")
    expect(seconds).to_have_value("99")
    with page.expect_response(lambda answer: '"seconds"' in (answer.request.post_data or "")):
        seconds.fill("0.7")
    expect(shots.nth(1).locator(".wrong-shot .problem")).to_have_count(0)
    # Another page of theirs has it as well, and shows what is done here when one comes back to it.
    other = page.context.new_page()
    other.goto(page.url)
    open_board(other)
    expect(other.get_by_label("Prompt of shot 2")).to_have_value("A blue cube by the sea")
    page.get_by_role("button", name="Move shot 2 earlier").press("Enter")
    expect(shots.first.get_by_label("Prompt of shot 1")).to_have_value("A blue cube by the sea")
    expect(page.get_by_role("button", name="Move shot 1 later")).to_be_enabled()
    assert page.evaluate("document.activeElement.closest('.board') !== null")
    expect(shots.first.get_by_label("Seconds")).to_have_value("0.71")
    other.wait_for_function(COME_BACK, arg="A blue cube by the sea")
    other.close()
    shots.nth(1).get_by_label("Remove shot 2").click()
    shots.nth(1).get_by_role("button", name="Remove the shot").click()
    expect(shots).to_have_count(1)
    page.locator(".board-top").get_by_text("Delete", exact=True).click()
    page.get_by_role("button", name="Delete the storyboard").click()
    expect(page.locator(".begin-board")).to_be_visible()
    assert serious(page) == []


def test_one_far_down_the_list_opens_at_its_top_and_the_list_is_where_it_was(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 700})
    for number in range(8):
        shots = [{"prompt": f"{BALL} {number}"}] * 3
        page.request.post(
            f"{page.url}api/v1/storyboards", data={"shots": shots, "name": f"No. {number}"}
        )
    open_board(page)
    page.get_by_role("button", name="No. 0").scroll_into_view_if_needed()
    scrolled = page.evaluate("scrollY")
    assert scrolled > 300
    page.get_by_role("button", name="No. 0").click()
    expect(page.locator(".board-name")).to_be_in_viewport()
    page.locator("[data-do=list]").click()
    expect(page.get_by_role("button", name="No. 0")).to_be_in_viewport()
    assert page.evaluate("scrollY") == scrolled


def test_a_take_becomes_the_first_shot_of_a_storyboard(page: Page) -> None:
    seed = make_a_preview(page, "A yellow star spins around at night")
    open_gallery(page, 1)
    menu = open_menu(page, page.locator("#gallery .card").first)
    menu.get_by_role("button", name="Start a storyboard with this").click()
    shot = page.locator(".shot")
    expect(shot.get_by_label("Prompt of shot 1")).to_have_value(
        "A yellow star spins around at night"
    )
    expect(shot.get_by_label("Seed")).to_have_value(seed)
    expect(shot.locator("video")).to_have_count(1)
    expect(page.locator(".board-state")).to_contain_text("all made")


def test_who_would_replace_what_another_tab_wrote_sees_it_and_keeps_what_was_typed(
    page: Page,
) -> None:
    begin(page, BALL)
    other = page.context.new_page()
    other.goto(page.url)
    open_board(other)
    field, theirs = (each.get_by_label("Prompt of shot 1") for each in (page, other))
    expect(theirs).to_have_value(BALL)
    with page.expect_response(lambda answer: '"write"' in (answer.request.post_data or "")):
        field.fill("A red ball in the snow")
    theirs.fill("A red ball in the rain")
    wrong = other.locator(".shot .wrong-shot").first
    expect(wrong).to_contain_text("There it says now: A red ball in the snow")
    # What is drawn anew for something else leaves it where it is.
    other.get_by_label("Shot 2", exact=True).fill(CUBE)
    other.get_by_label("Shot 2", exact=True).press("Control+Enter")
    expect(other.locator(".shot")).to_have_count(2)
    expect(theirs).to_have_value("A red ball in the rain")
    assert serious(other) == []
    wrong.get_by_role("button", name="Take that instead").click()
    expect(theirs).to_have_value("A red ball in the snow")
    expect(wrong).to_be_empty()
    # And once more, the other way round.
    with page.expect_response(lambda answer: '"write"' in (answer.request.post_data or "")):
        field.fill("A red ball at night")
    theirs.fill("A red ball at noon")
    wrong.get_by_role("button", name="Keep what I wrote").click()
    expect(wrong).to_be_empty()
    page.reload()
    open_board(page)
    expect(field).to_have_value("A red ball at noon")
    # One that is deleted lets its words be copied, and nothing else be done.
    page.locator(".board-top").get_by_text("Delete", exact=True).click()
    page.get_by_role("button", name="Delete the storyboard").click()
    expect(page.locator(".begin-board")).to_be_visible()
    theirs.fill("Words that nobody has yet")
    expect(other.locator(".wrong-board")).to_contain_text("This storyboard is not here.")
    expect(theirs).to_have_value("Words that nobody has yet")
    expect(other.locator(".boards button:enabled")).to_have_count(1)
    other.get_by_role("button", name="Storyboards").click()
    expect(other.locator(".begin-board")).to_be_in_viewport()
    other.close()
