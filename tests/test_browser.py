"""The page as a creator meets it: a real browser, a real app, the demo model."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chromium import (
    MISSING,
    ask_for_a_preview,
    choose,
    fast_preview,
    make_a_preview,
    open_gallery,
    opened,
    seed_of,
    set_steps,
    wait_for_the_clip,
    write_prompt,
)
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from running import RunningApp

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)


SHOWS_ALL_OF_ITS_TEXT = """field => {
  const style = getComputedStyle(field), pen = document.createElement('canvas').getContext('2d');
  pen.font = style.font;
  const room = field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  return pen.measureText(field.value).width <= room;
}"""


def ask_for_a_long_one(page: Page, prompt: str) -> None:
    choose(page, "preset", "Best quality")
    write_prompt(page, prompt)


def test_a_prompt_becomes_a_clip_that_is_seen_and_heard(page: Page) -> None:
    ask_for_a_preview(page, "A kettle whistles in a bright kitchen, static shot")
    page.locator("#generate").click()
    expect(page.locator("#progress [role=progressbar]")).to_be_visible()
    wait_for_the_clip(page)
    video = page.locator("#player video")
    assert video.evaluate("v => [v.videoWidth, v.videoHeight]") == [288, 512]
    video.evaluate("v => { v.muted = true; return v.play(); }")
    page.wait_for_function(
        "document.querySelector('#player video').webkitAudioDecodedByteCount > 0"
    )
    assert video.evaluate("v => v.playsInline")


def test_progress_moves(page: Page) -> None:
    ask_for_a_long_one(page, "A river runs through a forest")
    page.locator("#generate").click()
    bar = page.locator("#progress [role=progressbar]")
    expect(page.locator("#progress")).to_contain_text(re.compile(r"step \d+ of 40"))
    seen = float(bar.get_attribute("aria-valuenow") or 0)
    page.wait_for_function(
        """seen => Number(document.querySelector('#progress [role=progressbar]')
                   ?.getAttribute('aria-valuenow')) > seen""",
        arg=seen,
    )
    page.locator("#cancel").click()
    expect(page.locator("#progress")).to_contain_text("Cancelled")


def test_a_reload_in_mid_job_still_gets_the_take(page: Page) -> None:
    ask_for_a_long_one(page, "Snow falls on a quiet street at night")
    set_steps(page, 15)
    page.locator("#generate").click()
    expect(page.locator("#progress")).to_contain_text("step")
    page.reload()
    expect(page.locator("#progress [role=progressbar]")).to_be_visible()
    expect(page.locator("#prompt textarea")).to_have_value(re.compile("Snow falls"))
    wait_for_the_clip(page)
    assert page.locator("#player video").evaluate("v => v.duration") == pytest.approx(2.04, abs=0.1)


def test_a_poll_that_is_never_answered_is_not_the_last(page: Page) -> None:
    ask_for_a_long_one(page, "Rain falls on a tin roof")
    set_steps(page, 10)
    page.locator("#generate").click()
    expect(page.locator("#progress")).to_contain_text("step")
    held: list[Route] = []
    page.route("**/run/**", lambda route: route.continue_() if held else held.append(route))
    wait_for_the_clip(page)
    assert held


def test_cancel_goes_at_once_past_a_poll_that_is_not_answered(page: Page) -> None:
    ask_for_a_long_one(page, "A clock ticks in an empty hall")
    page.locator("#generate").click()
    expect(page.locator("#progress")).to_contain_text("step")
    held: list[Route] = []
    page.route("**/run/**", lambda route: route.continue_() if held else held.append(route))
    page.wait_for_event("request", lambda request: "/run/" in request.url)
    answered: list[str] = []
    page.on("response", lambda answer: answered.append(answer.url))
    page.locator("#cancel").click()
    expect(page.locator("#progress")).to_contain_text("Cancelled", timeout=10_000)
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
    ask_for_a_long_one(page, "A moth circles a lamp")
    held: list[Route] = []
    hold(page, held, lambda event: event["session_hash"] == "late")
    page.evaluate(
        """() => {
          const poll = gradio_config.dependencies.find(d => d.targets.some(t => t[1] === 'tick'));
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
    page.locator("#cancel").click()
    expect(page.locator("#progress")).to_contain_text("Cancelled")
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
    expect(page.locator("#compiled-prompt textarea")).to_have_value("A wind harp hums")


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
    wait_for_the_clip(page)
    assert len(list((app.data_dir / "takes").glob("*.mp4"))) == takes + 1
    assert app.health()["queue_length"] == 0
    lose_the_next_answer(page)
    page.locator("#save-seed").click()
    expect(page.locator("#save-seed")).to_contain_text("Seed saved")


def test_what_is_never_answered_is_sent_again_and_happens_once(page: Page, app: RunningApp) -> None:
    ask_for_a_preview(page, "A lone drum rolls")
    page.wait_for_timeout(500)
    takes = len(list((app.data_dir / "takes").glob("*.mp4")))
    page.route("**/run/**", lambda route: route.fetch() and None, times=1)
    page.locator("#generate").click()
    expect(page.locator("#recipe").get_by_text("The studio does not answer")).to_be_visible()
    wait_for_the_clip(page)
    assert len(list((app.data_dir / "takes").glob("*.mp4"))) == takes + 1


def test_cancel_stops_within_a_step_and_keeps_nothing(page: Page, app: RunningApp) -> None:
    takes = set((app.data_dir / "takes").iterdir())
    ask_for_a_long_one(page, "A train crosses a bridge")
    page.locator("#generate").click()
    expect(page.locator("#progress")).to_contain_text("step")
    page.locator("#cancel").click()
    expect(page.locator("#progress")).to_contain_text("Cancelled", timeout=5_000)
    expect(page.locator("#generate")).to_be_enabled()
    assert app.health()["queue_length"] == 0
    assert set((app.data_dir / "takes").iterdir()) == takes


def test_a_cancelled_job_is_told_of_once_and_not_after_a_reload(page: Page) -> None:
    ask_for_a_long_one(page, "Smoke curls from a chimney")
    page.locator("#generate").click()
    expect(page.locator("#progress")).to_contain_text("step")
    page.locator("#cancel").click()
    expect(page.locator("#progress")).to_contain_text("Cancelled")
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
    page.locator("#generate").click()
    expect(page.locator("#take-facts dd").first).not_to_have_text("42")


def test_a_locked_seed_stays_and_an_unlocked_one_is_drawn_anew(page: Page) -> None:
    first = make_a_preview(page, "A candle flickers")
    expect(page.locator("#seed input")).to_have_value(first)
    page.locator("#seed-lock input").check()
    page.locator("#seed input").fill("42")
    page.locator("#generate").click()
    expect(page.locator("#take-facts dd").first).to_have_text("42")
    page.locator("#seed-lock input").uncheck()
    page.locator("#generate").click()
    expect(page.locator("#take-facts dd").first).not_to_have_text("42")
    drawn = seed_of(page)
    expect(page.locator("#seed input")).to_have_value(drawn)


def test_what_a_creator_writes_stays_text(page: Page) -> None:
    nasty = '<img src=x onerror="window.hacked=1"> ${window.hacked=2} {{hacked}} purrs'
    make_a_preview(page, nasty)
    page.locator("#note textarea, #note input").first.fill(nasty)
    page.locator("#note textarea, #note input").first.press("Tab")
    open_gallery(page, at_least=1)
    expect(page.locator("#gallery .card .prompt").first).to_contain_text(nasty)
    expect(page.locator("#gallery .card .note").first).to_have_value(nasty)
    assert page.evaluate("window.hacked") is None


def test_a_modified_preset_says_so_and_choosing_it_again_restores_it(page: Page) -> None:
    fast_preview(page)
    set_steps(page, 7)
    expect(page.locator("#preset input")).to_have_value("Fast preview (modified)")
    fast_preview(page)
    expect(page.locator("#preset input")).to_have_value("Fast preview")


def test_a_preset_needs_no_answer_and_undoes_nothing_that_is_chosen_after_it(page: Page) -> None:
    held: list[Route] = []
    page.route("**/run/**", lambda route: route.continue_() if held else held.append(route))
    fast_preview(page)
    choose(page, "num-takes", "2")
    choose(page, "format", "Instagram 512x512")
    held[0].continue_()
    expect(page.locator("#preset input")).to_have_value("Fast preview (modified)")
    expect(page.locator("#quality-note")).to_contain_text("5 steps")
    expect(page.locator("#num-takes input")).to_have_value("2")
    expect(page.locator("#format input")).to_have_value("Instagram 512x512")
    expect(page.locator("#seed input")).to_have_value("")


def test_helper_fields_and_phrases_go_into_the_compiled_prompt(page: Page) -> None:
    page.locator("#prompt textarea").fill("a cat on a cushion")
    page.locator("#camera input").fill("drone shot from above")
    page.locator("#camera input").press("Tab")
    choose(page, "lighting", "golden hour sunset lighting")
    expect(page.locator("#compiled-prompt textarea")).to_have_value(
        "A cat on a cushion. Golden hour sunset lighting. Drone shot from above."
    )


def test_an_empty_prompt_is_a_calm_sentence_beside_the_button(page: Page) -> None:
    page.locator("#generate").click()
    expect(page.locator("#problem")).to_contain_text("Prompt is empty")
    expect(page.locator("#prompt")).to_have_class(re.compile("has-problem"))


def test_character_consistency_asks_for_a_picture(page: Page) -> None:
    choose(page, "preset", "Character consistency")
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


def test_two_visitors_wait_in_one_queue(page: Page, browser: Browser, app: RunningApp) -> None:
    other_context = browser.new_context()
    other = opened(other_context, app)
    ask_for_a_long_one(page, "First in line")
    ask_for_a_preview(other, "Second in line")
    page.locator("#generate").click()
    expect(page.locator("#progress")).to_contain_text("step")
    other.locator("#generate").click()
    expect(other.locator("#progress")).to_contain_text("Next in the queue")
    page.locator("#cancel").click()
    wait_for_the_clip(other)
    other_context.close()


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_nothing_is_wider_than_the_window_and_generate_is_in_reach(
    browser: Browser, app: RunningApp, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844})
    page = opened(context, app)
    for tab in ("Gallery", "Guide", "Create"):
        page.get_by_role("tab", name=tab).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.locator("#generate")).to_be_in_viewport()
    page.locator("#seed input").fill("4294967295")
    assert page.locator("#seed input").evaluate(SHOWS_ALL_OF_ITS_TEXT)
    context.close()


def test_the_page_asks_nobody_else_for_anything(context: BrowserContext, app: RunningApp) -> None:
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = opened(context, app)
    for tab in ("Gallery", "Guide"):
        page.get_by_role("tab", name=tab).click()
        expect(page.locator(f"#{tab.lower()}")).to_be_visible()
    assert asked
    assert not [url for url in asked if not url.startswith((app.url, "data:", "blob:"))]


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
    expect(page.locator("#gallery .card").first).to_contain_text(seed)
