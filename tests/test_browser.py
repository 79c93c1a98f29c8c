"""The page as a creator meets it: a real browser, a real app, the demo model."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chromium import (
    MISSING,
    arrived,
    ask_for_a_preview,
    begin_a_long_one,
    cancel,
    choose,
    chosen,
    fast_preview,
    generate,
    make_a_preview,
    open_advanced,
    open_gallery,
    open_menu,
    opened,
    say,
    seed_of,
    set_steps,
    wait_for_the_clip,
    write_prompt,
)
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from running import RunningApp

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)


READS = "A cat on a cushion. Drone shot from above. Golden hour sunset lighting."
"""What the model is given where prompt, lighting and camera are filled in."""

SHOWS_ALL_OF_ITS_TEXT = """field => {
  const style = getComputedStyle(field), pen = document.createElement('canvas').getContext('2d');
  pen.font = style.font;
  const room = field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  return pen.measureText(field.value).width <= room;
}"""


def test_a_prompt_becomes_a_clip_that_plays_over_and_over_and_is_heard(page: Page) -> None:
    ask_for_a_preview(page, "A kettle whistles in a bright kitchen, static shot")
    page.locator("#generate").click()
    expect(page.locator("#progress [role=progressbar]")).to_be_visible()
    wait_for_the_clip(page)
    video = page.locator("#player video")
    assert video.evaluate("v => [v.videoWidth, v.videoHeight]") == [288, 512]
    page.wait_for_function(
        """() => {
          const video = document.querySelector('#player video');
          return !video.paused && !video.muted && video.webkitAudioDecodedByteCount > 0;
        }"""
    )
    assert video.evaluate("v => v.loop && v.playsInline")


def test_progress_moves_and_the_tabs_title_tells_of_it(page: Page) -> None:
    title = page.title()
    begin_a_long_one(page, "A river runs through a forest")
    bar = page.locator("#progress [role=progressbar]")
    expect(page.locator("#progress")).to_contain_text(re.compile(r"step \d+ of 40"))
    seen = float(bar.get_attribute("aria-valuenow") or 0)
    page.wait_for_function(
        """seen => Number(document.querySelector('#progress [role=progressbar]')
                   ?.getAttribute('aria-valuenow')) > seen""",
        arg=seen,
    )
    expect(page).to_have_title(re.compile(r"\d+ % · Studio"))
    cancel(page)
    expect(page).to_have_title(title)


def test_a_reload_in_mid_job_still_gets_the_take(page: Page) -> None:
    choose(page, "preset", "Best")
    set_steps(page, 15)
    write_prompt(page, "Snow falls on a quiet street at night")
    generate(page)
    expect(page.locator("#progress")).to_contain_text("step")
    page.reload()
    expect(page.locator("#progress [role=progressbar]")).to_be_visible()
    expect(page.locator("#prompt textarea")).to_have_value(re.compile("Snow falls"))
    wait_for_the_clip(page)
    assert page.locator("#player video").evaluate("v => v.duration") == pytest.approx(2.04, abs=0.1)


def test_a_poll_that_is_never_answered_is_not_the_last(page: Page) -> None:
    choose(page, "preset", "Best")
    set_steps(page, 10)
    write_prompt(page, "Rain falls on a tin roof")
    generate(page)
    expect(page.locator("#progress")).to_contain_text("step")
    held: list[Route] = []
    page.route("**/run/**", lambda route: route.continue_() if held else held.append(route))
    wait_for_the_clip(page)
    assert held


def test_cancel_goes_at_once_past_a_poll_that_is_not_answered(page: Page) -> None:
    begin_a_long_one(page, "A clock ticks in an empty hall")
    held: list[Route] = []
    page.route("**/run/**", lambda route: route.continue_() if held else held.append(route))
    page.wait_for_event("request", lambda request: "/run/" in request.url)
    answered: list[str] = []
    page.on("response", lambda answer: answered.append(answer.url))
    page.locator("#cancel").click()
    expect(page.locator("#progress")).to_contain_text("Cancelled", timeout=30_000)
    assert held and answered


def hold(page: Page, held: list[Route], which: Callable[[dict[str, Any]], bool]) -> None:
    """Lets these calls of the page wait until the test continues them."""

    def sort(route: Route) -> None:
        if which(route.request.post_data_json or {}):
            held.append(route)
        else:
            route.continue_()

    page.route("**/run/**", sort)


def test_a_late_answer_to_a_poll_changes_nothing_that_generate_has_changed(page: Page) -> None:
    choose(page, "preset", "Best")
    write_prompt(page, "A moth circles a lamp")
    held: list[Route] = []
    hold(page, held, lambda event: event["session_hash"] == "late")
    page.evaluate(
        """() => {
          const poll = gradio_config.dependencies.find(d => d.targets.some(t => t[1] === 'due'));
          const data = poll.inputs.map(() => null);
          const body = JSON.stringify({fn_index: poll.id, data, session_hash: 'late'});
          const headers = {'content-type': 'application/json'};
          const address = location.origin + '/gradio_api/run/predict';
          window.late = fetch(address, {method: 'POST', headers, body});
        }"""
    )
    page.locator("#generate").click()
    expect(page.locator("#progress [role=progressbar]")).to_be_visible()
    held[0].continue_()
    said = page.evaluate("async () => (await (await window.late).json()).data")
    cancel(page)
    assert said and all(value == {"__type__": "update"} for value in said)


def test_an_early_calls_late_answer_changes_nothing_that_came_after_it(page: Page) -> None:
    # The event of the fields that are chosen; that of typing is another one.
    chosen = page.evaluate("gradio_config.dependencies.find(d => d.api_name === 'describe').id")
    held: list[Route] = []
    hold(page, held, lambda event: event["fn_index"] == chosen)
    choose(page, "num-takes", "2")
    write_prompt(page, "A wind harp hums")
    with page.expect_response("**/run/**"):
        held[0].continue_()
    page.wait_for_timeout(300)
    expect(page.locator("#compiled-prompt q")).to_have_text("A wind harp hums")


def lose_the_next_answer(page: Page) -> None:
    """The studio gets the page's next call, and its answer never arrives."""

    def lose(route: Route) -> None:
        route.fetch()
        route.abort("connectionreset")

    page.route("**/run/**", lose, times=1)


def test_what_was_done_is_not_done_again_when_its_answer_was_lost(
    page: Page, app: RunningApp
) -> None:
    ask_for_a_preview(page, "A gong is struck once")
    page.wait_for_timeout(500)
    takes = len(list((app.data_dir / "takes").glob("*.mp4")))
    lose_the_next_answer(page)
    page.locator("#generate").click()
    arrived(page, "A gong is struck once")
    assert len(list((app.data_dir / "takes").glob("*.mp4"))) == takes + 1
    assert app.health()["queue_length"] == 0
    lose_the_next_answer(page)
    with page.expect_response("**/run/**"):
        page.locator("#save-seed").click()
    page.reload()
    expect(page.locator("#save-seed")).to_have_attribute("aria-pressed", "true")


def test_what_is_never_answered_is_sent_again_and_happens_once(page: Page, app: RunningApp) -> None:
    ask_for_a_preview(page, "A lone drum rolls")
    page.wait_for_timeout(500)
    takes = len(list((app.data_dir / "takes").glob("*.mp4")))
    page.route("**/run/**", lambda route: route.fetch() and None, times=1)
    page.locator("#generate").click()
    expect(page.locator("#recipe").get_by_text("The studio does not answer")).to_be_visible()
    arrived(page, "A lone drum rolls")
    assert len(list((app.data_dir / "takes").glob("*.mp4"))) == takes + 1


def test_cancel_stops_within_a_step_and_keeps_nothing(page: Page, app: RunningApp) -> None:
    takes = set((app.data_dir / "takes").iterdir())
    begin_a_long_one(page, "A train crosses a bridge")
    page.locator("#cancel").click()
    expect(page.locator("#progress")).to_contain_text("Cancelled")
    expect(page.locator("#generate")).to_be_enabled()
    assert app.health()["queue_length"] == 0
    assert set((app.data_dir / "takes").iterdir()) == takes


def test_a_cancelled_job_is_told_of_once_and_not_after_a_reload(page: Page) -> None:
    begin_a_long_one(page, "Smoke curls from a chimney")
    cancel(page)
    page.wait_for_timeout(500)
    page.reload()
    expect(page.locator("#prompt textarea")).to_have_value(re.compile("Smoke curls"))
    page.wait_for_timeout(1500)
    expect(page.locator("#progress")).not_to_contain_text("Cancelled")


def test_a_typed_seed_is_locked_and_an_emptied_one_is_drawn(page: Page) -> None:
    lock = page.locator("#seed-lock input")
    page.locator("#seed input").fill("42")
    expect(lock).to_be_checked()
    assert make_a_preview(page, "A red ball rolls") == "42"
    page.locator("#seed input").fill("")
    expect(lock).not_to_be_checked()
    generate(page)
    wait_for_the_clip(page)
    assert seed_of(page) != "42"


def test_an_unlocked_seed_is_drawn_anew_and_lock_seed_keeps_the_clips(page: Page) -> None:
    field, lock = page.locator("#seed input"), page.locator("#seed-lock input")
    first = make_a_preview(page, "A candle flickers")
    expect(field).to_have_value("")
    page.locator("#lock-seed").click()
    expect(field).to_have_value(first)
    expect(lock).to_be_checked()
    generate(page)
    wait_for_the_clip(page)
    assert seed_of(page) == first
    lock.uncheck()
    expect(field).to_have_value("")
    generate(page)
    wait_for_the_clip(page)
    assert seed_of(page) != first


def test_a_lock_on_an_empty_field_locks_the_seed_of_the_clip_on_the_stage(page: Page) -> None:
    seed = make_a_preview(page, "A lantern sways")
    page.locator("#seed-lock input").check()
    expect(page.locator("#seed input")).to_have_value(seed)


def test_what_a_creator_writes_stays_text(page: Page) -> None:
    nasty = '<img src=x onerror="window.hacked=1"> ${window.hacked=2} {{hacked}} purrs'
    make_a_preview(page, nasty)
    expect(page.locator("#takes .take").first).to_have_attribute("title", nasty)
    page.locator("[popovertarget=more-of-take]").click()
    with page.expect_response("**/run/**"):
        page.locator("#note").fill(nasty)
        page.locator("#note").press("Tab")
    page.keyboard.press("Escape")
    open_gallery(page, at_least=1)
    expect(page.locator("#gallery .card .prompt").first).to_contain_text(nasty)
    menu = open_menu(page, page.locator("#gallery .card").first)
    expect(menu.locator(".note")).to_have_value(nasty)
    assert page.evaluate("window.hacked") is None


def test_a_changed_preset_says_so_and_choosing_it_again_restores_it(page: Page) -> None:
    fast_preview(page)
    set_steps(page, 7)
    expect(chosen(page, "preset")).to_contain_text("Preview")
    expect(chosen(page, "preset")).to_contain_text("changed")
    fast_preview(page)
    expect(chosen(page, "preset")).not_to_contain_text("changed")


def test_a_preset_needs_no_answer_and_undoes_nothing_that_is_chosen_after_it(page: Page) -> None:
    held: list[Route] = []
    page.route("**/run/**", lambda route: route.continue_() if held else held.append(route))
    fast_preview(page)
    choose(page, "num-takes", "2")
    choose(page, "format", "512×512")
    open_advanced(page)
    held[0].continue_()
    expect(chosen(page, "preset")).to_contain_text("changed")
    expect(chosen(page, "preset")).to_contain_text("Preview")
    expect(page.locator("#quality-note")).to_contain_text("5 steps")
    expect(chosen(page, "num-takes")).to_have_text("2")
    expect(chosen(page, "format")).to_contain_text("512×512")
    expect(page.locator("#seed input")).to_have_value("")


def test_helpers_go_into_what_the_model_reads_which_is_told_only_where_it_differs(
    page: Page,
) -> None:
    reads = page.locator("#compiled-prompt .reads")
    write_prompt(page, "A cat on a cushion.")
    expect(reads).to_be_hidden()
    say(page, "camera", "drone shot from above")
    page.locator("#lighting .chip button").first.click()
    page.locator("#lighting [data-phrase]", has_text="Golden hour").click()
    expect(reads.locator("q")).to_have_text(READS)
    expect(reads).to_be_visible()
    page.locator("#lighting .clear").click()
    page.locator("#camera .clear").click()
    expect(reads).to_be_hidden()


def test_an_empty_prompt_is_a_calm_sentence_beside_the_button(page: Page) -> None:
    page.locator("#generate").click()
    expect(page.locator("#problem")).to_contain_text("Prompt is empty")
    expect(page.locator("#prompt")).to_have_class(re.compile("has-problem"))


def test_character_consistency_asks_for_a_picture(page: Page) -> None:
    choose(page, "preset", "Character")
    expect(page.locator("#seed input")).to_have_value("1234567890")
    expect(page.locator("#reference-image")).to_be_visible()
    page.locator("#prompt textarea").fill("She smiles")
    page.locator("#generate").click()
    expect(page.locator("#problem")).to_contain_text("First frame is missing")


def test_a_text_file_named_png_is_refused_in_words(page: Page, tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("not a picture")
    page.locator("#reference-image input[type=file]").set_input_files(tmp_path / "notes.png")
    expect(page.locator("#reference-image")).to_contain_text("not a PNG, JPEG, WebP, HEIC or AVIF")


def test_control_enter_generates(page: Page) -> None:
    ask_for_a_preview(page, "Bees hum")
    page.locator("#prompt textarea").press("Control+Enter")
    wait_for_the_clip(page)


def test_two_devices_of_a_person_show_one_queue_and_each_clip_where_it_was_asked_for(
    page: Page, browser: Browser, app: RunningApp
) -> None:
    other_context = browser.new_context()
    other = opened(other_context, app)
    begin_a_long_one(page, "First in line")
    ask_for_a_preview(other, "Second in line")
    other.locator("#generate").click()
    expect(other.locator("#queue .queue-button b")).to_have_text("2")
    expect(page.locator("#queue .queue-button b")).to_have_text("2")
    expect(other.locator("#queue-list li").nth(1)).to_contain_text("Next in the queue")
    page.locator("#cancel").click()
    arrived(other, "Second in line")
    other_context.close()


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_nothing_is_wider_than_the_window_and_generate_is_in_reach(
    browser: Browser, app: RunningApp, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844})
    page = opened(context, app)
    for tab in ("Gallery", "Seeds", "Film", "Guide", "Create"):
        page.get_by_role("tab", name=tab).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.locator("#generate")).to_be_in_viewport()
    if width < 768:
        page.locator("[data-opens=which-seed]").click()
    page.locator("#seed input").fill("4294967295")
    assert page.locator("#seed input").evaluate(SHOWS_ALL_OF_ITS_TEXT)
    context.close()


def test_takes_and_drafts_are_still_there_after_a_restart(
    context: BrowserContext, app: RunningApp
) -> None:
    page = opened(context, app)
    seed = make_a_preview(page, "A bell rings over the valley")
    page.close()
    code = app.stop()
    assert code == 0
    app.start().wait_ready()
    page = opened(context, app)
    expect(page.locator("#prompt textarea")).to_have_value("A bell rings over the valley")
    wait_for_the_clip(page)
    open_gallery(page, at_least=1)
    expect(open_menu(page, page.locator("#gallery .card").first)).to_contain_text(seed)
