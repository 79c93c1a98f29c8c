"""What can be done with the clip on the stage, in a real browser."""

import re

import pytest
from chromium import (
    MISSING,
    arrived,
    begin_a_long_one,
    cancel,
    chosen,
    make_a_preview,
    open_gallery,
    open_menu,
    plays,
    seed_of,
    set_steps,
    wait_for_the_clip,
    write_prompt,
)
from playwright.sync_api import Page, Route, expect
from running import RunningApp
from studios import until

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)


def more(page: Page) -> None:
    """Opens the sheet behind ⋯."""
    page.locator("[popovertarget=more-of-take]").click()
    expect(page.locator("#more-of-take")).to_be_visible()


def test_full_quality_makes_the_clips_seed_again_with_all_steps_and_frames(page: Page) -> None:
    seed = make_a_preview(page, "A red ball bounces by the sea")
    page.locator("#full-quality").click()
    working = page.locator("#progress .working")
    expect(working).to_contain_text("of 40")
    job = page.request.get(f"{page.url}jobs/{working.get_attribute('data-job')}").json()
    asked = job["recipe"]
    assert (asked["seed"], asked["num_frames"], asked["num_inference_steps"]) == (int(seed), 49, 40)
    cancel(page)
    expect(page.locator("#take-facts dd").first).to_have_text(seed)


def test_full_quality_is_not_offered_for_a_clip_that_has_it(page: Page, app: RunningApp) -> None:
    asked = {"prompt": "A full ball", "num_frames": 49, "num_inference_steps": 40}
    page.request.post(f"{app.url}/generate", data={**asked, "width": 128, "height": 128})
    page.reload()
    arrived(page, "A full ball")
    page.locator("#takes .take").first.click()
    expect(page.locator("#vary")).to_be_visible()
    expect(page.locator("#full-quality")).to_have_count(0)


def test_vary_makes_four_takes_with_the_next_seeds(page: Page) -> None:
    seed = int(make_a_preview(page, "A blue box slides in a studio"))
    page.locator("#vary").click()
    expect(page.locator("#progress")).to_contain_text("of 4")
    expect(page.locator("#progress .working")).to_have_count(0)
    tiles = page.locator("#takes .take")
    for place, after in enumerate((4, 3, 2, 1, 0)):
        named = f"Clip with seed {(seed + after) % 2**32}"
        expect(tiles.nth(place)).to_have_attribute("aria-label", named)
    assert seed_of(page) == str((seed + 1) % 2**32)


def test_a_clip_that_is_pinned_plays_beside_the_next_one_until_the_comparison_ends(
    page: Page,
) -> None:
    first = make_a_preview(page, "A green star rises")
    page.locator("#compare").click()
    expect(page.locator("#takes .take em")).to_have_text("A")
    second = make_a_preview(page, "A green star sinks")
    plays(page, "#player video.pinned")
    expect(page.locator("#player .compare")).to_contain_text(f"A {first}")
    expect(page.locator("#player .compare")).to_contain_text(f"B {second}")
    sound = "all => all.map(video => video.muted)"
    assert page.locator("#player video").evaluate_all(sound) == [False, True]
    page.get_by_role("button", name="Sound of A").click()
    assert page.locator("#player video").evaluate_all(sound) == [True, False]
    page.get_by_role("button", name="End", exact=True).click()
    expect(page.locator("#player video")).to_have_count(1)
    page.wait_for_function("() => !document.querySelector('#player video').muted")
    expect(page.locator("#takes .take em")).to_have_count(0)


def test_same_again_fills_the_fields_with_the_clips_recipe_and_undo_takes_it_back(
    page: Page,
) -> None:
    seed = make_a_preview(page, "A purple ring turns")
    prompt = page.locator("#prompt textarea")
    write_prompt(page, "Something else")
    set_steps(page, 9)
    more(page)
    page.get_by_role("button", name="Same again with").click()
    expect(prompt).to_have_value("A purple ring turns")
    expect(page.locator("#steps input[type=number]")).to_have_value("5")
    expect(page.locator("#seed input")).to_have_value(seed)
    page.locator("#undo button").click()
    expect(prompt).to_have_value("Something else")
    expect(page.locator("#steps input[type=number]")).to_have_value("9")
    expect(page.locator("#seed input")).to_have_value("")


def test_the_last_frame_becomes_the_first_one_of_the_next_clip(page: Page) -> None:
    make_a_preview(page, "A yellow triangle climbs")
    more(page)
    page.get_by_role("button", name="Use the last frame").click()
    expect(page.locator("#reference-image img")).to_be_visible()
    expect(page.locator("#image-strength")).to_be_visible()
    page.locator("#undo button").click()
    expect(page.locator("#reference-image img")).to_have_count(0)


def test_what_the_fields_change_against_the_clip_is_told_and_goes_when_it_is_undone(
    page: Page,
) -> None:
    make_a_preview(page, "A red ball bounces by the sea")
    since = page.locator("#since")
    expect(since).to_be_empty()
    set_steps(page, 9)
    expect(since).to_contain_text("steps 5 → 9")
    write_prompt(page, "A red ball rolls by the sea")
    expect(since.locator("del", has_text="bounces")).to_be_visible()
    expect(since.locator("ins", has_text="rolls")).to_be_visible()
    set_steps(page, 5)
    write_prompt(page, "A red ball bounces by the sea")
    expect(since).to_be_hidden()


def test_a_note_is_kept_and_a_deleted_clip_can_be_brought_back(page: Page) -> None:
    older = make_a_preview(page, "A white box waits")
    newer = make_a_preview(page, "A black box waits")
    more(page)
    with page.expect_response("**/run/**"):
        page.locator("#note").fill("for the intro")
        page.locator("#note").press("Tab")
    page.keyboard.press("Escape")
    page.reload()
    expect(page.locator("#note")).to_have_value("for the intro")
    more(page)
    page.locator("#more-of-take").get_by_role("button", name="Delete").click()
    expect(page.locator("#take-facts dd").first).to_have_text(older)
    gone = page.get_by_label(f"Clip with seed {newer}")
    expect(gone).to_have_count(0)
    expect(page.locator("#undo")).to_contain_text("The clip was deleted.")
    page.locator("#undo button").click()
    expect(page.locator("#take-facts dd").first).to_have_text(newer)
    expect(page.locator("#note")).to_have_value("for the intro")
    expect(page.locator("#undo .undo")).to_be_hidden()
    expect(gone).not_to_have_count(0)


def test_a_note_belongs_to_the_clip_that_it_was_begun_for(page: Page) -> None:
    older = make_a_preview(page, "A grey box waits")
    make_a_preview(page, "A pink box waits")
    more(page)
    page.locator("#note").press_sequentially("pink", delay=10)
    page.evaluate("document.querySelectorAll('#takes .take')[1].click()")  # Within the pause.
    expect(page.locator("#take-facts dd").first).to_have_text(older)
    expect(page.locator("#note")).to_have_value("")
    newest = f"{page.url}api/v1/takes?limit=1"
    until(lambda: page.request.get(newest).json()["items"][0]["note"] == "pink")
    page.locator("#takes .take").first.click()
    expect(page.locator("#note")).to_have_value("pink")


def test_a_note_of_several_lines_keeps_them_where_it_is_written_on(page: Page) -> None:
    make_a_preview(page, "A red box waits")
    take = page.locator("#more-of-take").get_attribute("data-take")
    page.request.patch(f"{page.url}takes/{take}", data={"note": "one\ntwo"})
    page.reload()
    more(page)
    expect(page.locator("#note")).to_have_value("one\ntwo")
    page.locator("#note").press("Control+End")
    page.locator("#note").press_sequentially("\nthree", delay=10)
    told = f"{page.url}api/v1/takes/{take}"
    until(lambda: page.request.get(told).json()["note"] == "one\ntwo\nthree")


def test_a_note_that_is_left_at_once_stands_wherever_it_is_shown_next(page: Page) -> None:
    make_a_preview(page, "An orange box waits")
    take = page.locator("#more-of-take").get_attribute("data-take")
    on_stage, opened = page.locator("#note"), page.locator("dialog.opened [name=note]")
    menu = page.locator("#take-menu .note")
    card = page.locator(f'#gallery .card[data-take="{take}"]')
    held: list[Route] = []

    def hold(route: Route) -> None:
        """What writes a note arrives late."""
        writes = '"text"' in (route.request.post_data or "") or route.request.method == "PATCH"
        held.append(route) if writes else route.continue_()

    def let_go() -> None:
        until(lambda: page.evaluate("true") and bool(held))
        held.pop().continue_()

    page.route(re.compile(rf"/run/|/takes/{take}$"), hold)
    more(page)
    on_stage.fill("tea")
    page.keyboard.press("Escape")
    page.locator("#open-take").click()
    let_go()
    expect(opened).to_have_value("tea")
    opened.fill("time")
    page.keyboard.press("Escape")
    expect(opened).to_have_count(0)
    let_go()
    expect(on_stage).to_have_value("time")
    open_gallery(page, at_least=1)
    open_menu(page, card)
    menu.fill("clock")
    page.keyboard.press("Escape")
    card.hover()
    card.locator(".dots").click()
    let_go()
    expect(menu).to_have_value("clock")
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Create").click()
    expect(on_stage).to_have_value("clock")


def test_the_heart_is_the_same_on_the_stage_in_the_strip_and_in_the_gallery(page: Page) -> None:
    make_a_preview(page, "A cello plays")
    page.locator("#save-seed").click()
    expect(page.locator("#takes .take").first.locator("span")).to_have_text("♥")
    open_gallery(page, at_least=1)
    heart = page.locator("#gallery .card").first.get_by_role("button", name="Favourite")
    expect(heart).to_have_attribute("aria-pressed", "true")
    heart.click()
    page.get_by_role("tab", name="Create").click()
    expect(page.locator("#save-seed")).to_have_attribute("aria-pressed", "false")


def test_keys_play_step_lock_and_favour_where_nothing_is_written(page: Page) -> None:
    seed = make_a_preview(page, "A clock ticks")
    video = page.locator("#player video")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowRight")
    assert video.evaluate("v => v.paused")
    page.keyboard.press("Space")
    page.wait_for_function("() => !document.querySelector('#player video').paused")
    page.keyboard.press("l")
    expect(page.locator("#seed input")).to_have_value(seed)
    page.keyboard.press("s")
    expect(page.locator("#save-seed")).to_have_attribute("aria-pressed", "true")
    page.locator("#prompt textarea").press("s")
    expect(page.locator("#save-seed")).to_have_attribute("aria-pressed", "true")
    page.locator("#vary").focus()  # As after a click on it.
    page.keyboard.press("ArrowLeft")
    assert video.evaluate("v => v.paused")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()


def test_the_preset_of_an_earlier_prompt_stays_while_its_words_come_back(page: Page) -> None:
    make_a_preview(page, "A lone drum rolls")
    begin_a_long_one(page, "Something else")
    cancel(page)
    page.get_by_role("button", name="Earlier prompts").click()
    page.locator("#earlier button", has_text="A lone drum rolls").first.click()
    expect(page.locator("#prompt textarea")).to_have_value("A lone drum rolls")
    expect(chosen(page, "preset")).to_contain_text("Best")
    page.locator("#undo button").click()
    expect(page.locator("#prompt textarea")).to_have_value("Something else")
    wait_for_the_clip(page)


def test_a_clip_is_made_fit_for_posting_and_fetched(page: Page) -> None:
    make_a_preview(page, "A red box waits for its post")
    more(page)
    page.locator("#more-of-take").get_by_role("button", name="Fit for posting").click()
    form = page.locator("form.posting")
    expect(form.get_by_label("If it is too short")).to_have_value("loop")
    form.locator("[name=for]").select_option("x")
    with page.expect_download() as downloading:
        form.get_by_role("button", name="Make and download").click()
    assert downloading.value.suggested_filename.endswith("-x.mp4")
    assert downloading.value.path().read_bytes()[4:8] == b"ftyp"
