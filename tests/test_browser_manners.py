"""The page where things go wrong or stand side by side: tabs, lost servers, phones, readers."""

import shutil
from pathlib import Path

import pytest
from chromium import (
    MISSING,
    PATIENCE,
    STARTING,
    arrived,
    ask_for_a_preview,
    begin_a_long_one,
    calls_of,
    cancel,
    choose,
    chosen,
    draft_kept,
    fast_preview,
    generate,
    make_a_preview,
    open_gallery,
    opened,
    seed_of,
    serious,
    set_steps,
    wait_for_the_clip,
    write_prompt,
)
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect
from running import RunningApp

from ltx_ui.engine.loading import DEMO_FOLDER

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)

COUNT_FRAMES = """window.asked = 0;
const frame = window.requestAnimationFrame;
window.requestAnimationFrame = drawn => { window.asked += 1; return frame(drawn); };"""
DRAWS_NOTHING = "() => window.asked > 0 && window.before === (window.before = window.asked)"
"""Whether no frame was asked for between two looks."""

PHONE: ViewportSize = {"width": 390, "height": 844}


def test_two_tabs_keep_each_its_own_prompt_job_and_clip(
    context: BrowserContext, app: RunningApp
) -> None:
    first, second = opened(context, app), opened(context, app)
    seeds = [
        make_a_preview(page, prompt)
        for page, prompt in ((first, "A red ball"), (second, "A blue star"))
    ]
    for page, prompt, seed in ((first, "A red ball", seeds[0]), (second, "A blue star", seeds[1])):
        page.reload()
        expect(page.locator("#prompt textarea")).to_have_value(prompt)
        expect(page.locator("#take-facts dd").first).to_have_text(seed)


def test_a_new_tab_begins_with_what_the_browser_kept(
    context: BrowserContext, app: RunningApp
) -> None:
    page = opened(context, app)
    make_a_preview(page, "A green box")
    page.close()
    expect(opened(context, app).locator("#prompt textarea")).to_have_value("A green box")


def test_a_first_visit_to_the_demo_begins_with_its_quickest_preset_and_a_later_one_as_it_was_left(
    browser: Browser, app: RunningApp
) -> None:
    context = browser.new_context()
    context.add_init_script(COUNT_FRAMES)
    page = context.new_page()
    page.goto(app.url)
    page.locator("#prompt textarea").fill("A quick ball")  # Before the page knows the model.
    expect(chosen(page, "preset")).to_contain_text("Preview")
    expect(page.locator("#length p.small")).to_contain_text("9 frames")
    expect(page.locator("#prompt textarea")).to_have_value("A quick ball")
    page.wait_for_timeout(1_500)  # Until what came before is kept.
    page.wait_for_function(DRAWS_NOTHING, polling=300, timeout=PATIENCE)
    with draft_kept(page):
        choose(page, "preset", "Best")
    expect(page.locator("#summary")).to_contain_text("Best")  # In the answer with the last draft.
    expect(page.locator("#estimate")).to_contain_text("49 frames")
    page.wait_for_timeout(1_500)
    page.reload()
    expect(page.locator("#prompt textarea")).to_have_value("A quick ball")
    page.wait_for_timeout(1_500)
    expect(chosen(page, "preset")).to_contain_text("Best")
    context.close()


def test_a_page_at_rest_asks_for_nothing_until_somebody_comes_back_to_it(
    page: Page, browser: Browser, app: RunningApp
) -> None:
    other_context = browser.new_context()
    other = opened(other_context, app)
    begin_a_long_one(other, "A violet ring glides by the sea")
    page.wait_for_timeout(500)
    calls = calls_of(page)
    page.wait_for_timeout(3_000)
    assert calls == []
    expect(page.locator("#progress .working")).to_have_count(0)
    page.evaluate("window.dispatchEvent(new Event('focus'))")  # Somebody has come back to it.
    expect(page.locator("#progress")).to_contain_text("step")
    cancel(other)
    expect(page.locator("#progress .working")).to_have_count(0)
    other_context.close()


def test_a_page_with_a_job_on_its_way_asks_at_most_once_a_second(page: Page) -> None:
    begin_a_long_one(page, "A violet ring glides through a forest")
    page.wait_for_timeout(500)
    calls = calls_of(page)
    page.wait_for_timeout(4_000)
    assert 1 <= len(calls) <= 5
    cancel(page)


def test_generate_says_that_nobody_answers_and_is_sent_once_somebody_does(
    context: BrowserContext, app: RunningApp
) -> None:
    page = opened(context, app)
    ask_for_a_preview(page, "A white triangle climbs")
    page.wait_for_timeout(500)
    app.stop()
    page.locator("#generate").click()
    said = page.locator("#recipe").get_by_text("The studio does not answer")
    expect(said).to_be_visible()
    page.get_by_role("tab", name="Gallery").click()
    expect(page.locator("#gallery")).not_to_contain_text("No clips yet")
    page.get_by_role("tab", name="Create").click()
    app.start().wait_ready()
    expect(said).to_be_hidden()
    wait_for_the_clip(page)


def test_what_was_said_of_a_cancelled_job_goes_with_the_next_action(page: Page) -> None:
    begin_a_long_one(page, "A red box spins")
    cancel(page)
    page.locator("#prompt textarea").press("End")
    expect(page.locator("#progress")).to_be_hidden()


def test_what_is_pressed_below_a_notice_is_hit_though_the_notice_goes(
    browser: Browser, app: RunningApp
) -> None:
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    page = opened(context, app)
    begin_a_long_one(page, "A grey box spins")
    cancel(page)
    page.locator("[data-opens=preset]").click()
    expect(page.locator("#preset")).to_be_visible()
    expect(page.locator("#progress")).to_be_hidden()
    context.close()


def test_all_of_advanced_can_be_reached_on_a_phone(browser: Browser, app: RunningApp) -> None:
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    page = opened(context, app)
    page.locator("[data-opens=advanced]").click()
    expect(page.locator("#motion-speed input[type=range]")).to_be_visible()
    tall = page.locator("#advanced .form > *").evaluate_all(
        "all => all.map(each => each.clientHeight)"
    )
    assert min(tall) > 20  # Pressed together, they are cut off.
    context.close()


def test_the_seed_of_the_take_that_is_looked_at_is_the_one_that_is_locked(page: Page) -> None:
    fast_preview(page)
    write_prompt(page, "A yellow star spins at night")
    choose(page, "num-takes", "2")
    generate(page)
    wait_for_the_clip(page)
    expect(page.locator("#progress .working")).to_have_count(0)
    before = seed_of(page)
    page.locator("#takes .take").first.click()
    expect(page.locator("#take-facts dd").first).not_to_have_text(before)
    looked_at = seed_of(page)
    page.locator("#seed-lock input").check()
    expect(page.locator("#seed input")).to_have_value(looked_at)
    choose(page, "num-takes", "1")
    generate(page)
    wait_for_the_clip(page)
    assert seed_of(page) == looked_at


def test_the_row_of_the_take_before_goes_while_the_next_clip_is_seen(page: Page) -> None:
    make_a_preview(page, "A cyan ball hops")
    set_steps(page, 60)
    choose(page, "length", "2")
    generate(page)
    expect(page.locator("#player .preview img")).to_be_visible()
    expect(page.locator("#take .take-row")).to_have_count(0)
    page.locator("#cancel").click()
    expect(page.locator("#player video")).to_be_visible()
    expect(page.locator("#save-seed")).to_be_visible()


def test_a_card_whose_file_is_gone_says_so_and_has_it_made_again(
    page: Page, app: RunningApp
) -> None:
    seed = make_a_preview(page, "An orange ring rolls")
    for video in (app.data_dir / "takes").glob("*.mp4"):
        video.unlink()
    open_gallery(page, at_least=1)
    card = page.locator("#gallery .card").first
    expect(card).to_contain_text("The file is gone")
    card.get_by_role("button", name="Make it again").click()
    expect(page.locator("#generate")).to_be_visible()
    expect(page.locator("#player video")).to_be_visible()
    wait_for_the_clip(page)
    assert seed_of(page) == seed


def test_on_a_phone_the_clip_is_in_view_once_it_is_there(browser: Browser, app: RunningApp) -> None:
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    page = opened(context, app)
    make_a_preview(page, "A blue ball bounces")
    page.wait_for_timeout(1_000)  # in which it has scrolled
    expect(page.locator("#player video")).to_be_in_viewport(ratio=0.9)
    context.close()


def test_nothing_moves_by_itself_for_who_wants_less_motion(
    browser: Browser, app: RunningApp
) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = opened(context, app)
    make_a_preview(page, "A calm ring rests")
    page.wait_for_timeout(500)
    assert page.locator("#player video").evaluate("video => video.paused")
    page.locator("#player video").evaluate("video => video.play()")
    page.wait_for_function("() => !document.querySelector('#player video').paused")
    context.close()


def test_a_key_that_is_held_down_asks_for_one_clip(page: Page) -> None:
    ask_for_a_preview(page, "A held key rings")
    prompt = page.locator("#prompt textarea")
    for repeat in (False, True, True):
        prompt.dispatch_event(
            "keydown", {"key": "Enter", "ctrlKey": True, "repeat": repeat, "bubbles": True}
        )
    arrived(page, "A held key rings")
    titles = page.locator("#takes .take").evaluate_all("all => all.map(tile => tile.title)")
    assert titles.count("A held key rings") == 1


def test_the_strip_shows_the_tile_of_what_has_come_onto_the_stage(
    browser: Browser, app: RunningApp
) -> None:
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    page = opened(context, app)
    for number in range(8):
        asked = {"prompt": f"ball {number}", "num_frames": 9, "num_inference_steps": 1}
        page.request.post(f"{app.url}/generate", data={**asked, "width": 128, "height": 128})
    page.reload()
    last = page.locator("#takes .take").last
    last.scroll_into_view_if_needed()
    last.click()
    expect(last).to_have_attribute("aria-pressed", "true")
    expect(last).to_be_in_viewport(ratio=0.9)
    make_a_preview(page, "A newer ball rolls")
    expect(page.locator("#takes .take").first).to_be_in_viewport(ratio=0.9)
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_reader_of_screens_finds_nothing_serious(
    browser: Browser, app: RunningApp, scheme: str
) -> None:
    context = browser.new_context(color_scheme=scheme)  # type: ignore[arg-type]
    page = opened(context, app)
    for tab in ("Gallery", "Seeds", "Film", "Guide", "Create"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(300)
        assert serious(page) == [], tab
    context.close()


def test_a_job_of_another_model_waits_until_it_is_to_be_made_with_this_one(
    browser: Browser, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(DEMO_FOLDER, other)
    with RunningApp(tmp_path / "data", "--model", str(other)) as app:
        app.wait_ready()
        page = browser.new_page()
        page.goto(app.url)
        expect(page.locator("#generate")).to_be_enabled()
        write_prompt(page, "A red star falls")
        generate(page)
        expect(page.locator("#progress")).to_contain_text("step")
        app.stop()
        app.start("--model", "demo").wait_ready()
        page.reload()
        expect(page.locator("#progress")).to_contain_text("which is not loaded now")
        fast_preview(page)
        page.get_by_role("button", name="Make it with Demo").click()
        expect(page.locator("#progress")).to_contain_text("step")
        cancel(page)
        page.close()


def test_without_a_model_generate_is_out_of_reach_and_says_why(
    browser: Browser, tmp_path: Path
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model_index.json").write_text("{}")
    with RunningApp(tmp_path / "data", "--model", str(tmp_path / "broken")) as app:
        page = browser.new_page()
        page.goto(app.url)
        expect(page.locator("#model-status")).to_contain_text("can't be used", timeout=STARTING)
        expect(page.locator("#generate")).to_be_disabled()
        expect(page.locator("#estimate")).to_contain_text("No clip can be made")
        page.close()
