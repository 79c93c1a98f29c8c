"""The queue in the page's top line and the strip below the stage, in a real browser."""

from collections.abc import Iterator

import pytest
from chromium import (
    MISSING,
    ask_for_a_preview,
    begin_a_long_one,
    cancel,
    make_a_preview,
    opened,
    plays,
    seed_of,
    set_steps,
    wait_for_the_clip,
    write_prompt,
)
from playwright.sync_api import Browser, Locator, Page, expect
from running import RunningApp

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)


@pytest.fixture(autouse=True)
def nothing_is_left(page: Page) -> Iterator[None]:
    """Cancels what a test left in the queue."""
    yield
    ids = page.locator("#takes .job").evaluate_all("tiles => tiles.map(tile => tile.dataset.job)")
    for job in ids:
        page.request.delete(f"{page.url}jobs/{job}")
    waits(page, 0)


def waits(page: Page, jobs: int) -> None:
    """Waits until the queue's button shows so many jobs."""
    expect(page.locator("#queue .queue-button b")).to_have_text(str(jobs))


def press_generate(page: Page, *prompts: str) -> None:
    """Presses Generate for each prompt, whatever is being made."""
    for prompt in prompts:
        write_prompt(page, prompt)
        jobs = int(page.locator("#queue .queue-button b").inner_text())
        page.locator("#generate").click()
        waits(page, jobs + 1)


def open_queue(page: Page) -> Locator:
    """Opens the queue's sheet; gives the words of the jobs in it."""
    page.locator("#queue .queue-button").click()
    expect(page.locator("#queue-list")).to_be_visible()
    return page.locator("#queue-list ol:nth-of-type(1) .words")


def test_several_recipes_wait_and_each_can_go_earlier_later_or_away(page: Page) -> None:
    begin_a_long_one(page, "The first")
    press_generate(page, "The second", "The third")
    words = open_queue(page)
    expect(words).to_have_text(["The first", "The second", "The third"])
    page.get_by_role("button", name="Earlier: The third").click()
    expect(words).to_have_text(["The first", "The third", "The second"])
    expect(page.get_by_role("button", name="Earlier: The third")).to_be_disabled()
    page.get_by_role("button", name="Later: The third").click()
    expect(words).to_have_text(["The first", "The second", "The third"])
    page.get_by_role("button", name="Cancel: The second").click()
    expect(words).to_have_text(["The first", "The third"])
    waits(page, 2)


def test_generate_pressed_again_queues_another_clip_and_is_never_out_of_reach(page: Page) -> None:
    begin_a_long_one(page, "A bell rings")
    for jobs in (2, 3):
        expect(page.locator("#generate")).to_be_enabled()
        page.locator("#generate").click()
        waits(page, jobs)
    expect(page.locator("#takes .job")).to_have_count(3)


def test_a_queue_that_is_paused_begins_nothing_until_it_goes_on(page: Page) -> None:
    begin_a_long_one(page, "A river runs")
    ask_for_a_preview(page, "A pond lies still")
    page.locator("#generate").click()
    waits(page, 2)
    open_queue(page)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#queue-list")).to_contain_text("then nothing is begun")
    page.get_by_role("button", name="Cancel: A river runs").click()
    waits(page, 1)
    expect(page.locator("#progress")).to_contain_text("Begins when you go on")
    page.get_by_role("button", name="Go on").click()
    page.keyboard.press("Escape")
    wait_for_the_clip(page)
    expect(page.locator("#takes .take").first).to_have_attribute("title", "A pond lies still")


def test_what_was_cancelled_is_made_again_from_the_queue(page: Page) -> None:
    begin_a_long_one(page, "A flute plays")
    cancel(page)
    open_queue(page)
    page.get_by_role("button", name="Again: A flute plays").first.click()
    waits(page, 1)
    expect(page.locator("#progress .working")).to_be_visible()


def test_the_strip_has_a_tile_for_each_job_that_cancels_it_and_then_the_newest_clips(
    page: Page,
) -> None:
    made = [make_a_preview(page, prompt) for prompt in ("An owl calls", "A cricket chirps")]
    begin_a_long_one(page, "A long one runs")
    press_generate(page, "A short one waits")
    tiles = page.locator("#takes .tile")
    expect(tiles.nth(1)).to_contain_text("%")
    for place, seed in ((2, made[1]), (3, made[0])):
        expect(tiles.nth(place)).to_have_attribute("aria-label", f"Clip with seed {seed}")
    page.get_by_role("button", name="Cancel A short one waits").click()
    waits(page, 1)
    expect(page.locator("#progress")).to_contain_text("step")


def test_a_clip_that_arrives_leaves_the_stage_to_the_one_that_was_chosen_meanwhile(
    page: Page,
) -> None:
    chosen = make_a_preview(page, "A red ball bounces")
    set_steps(page, 40)
    press_generate(page, "A blue box slides")
    page.locator("#takes .take").first.click()
    plays(page, "#player video")
    waits(page, 0)
    expect(page.locator("#takes .take").first).to_have_attribute("title", "A blue box slides")
    assert seed_of(page) == chosen
    expect(page.locator("#takes .take").nth(1)).to_have_attribute("aria-pressed", "true")


def test_every_device_lists_the_jobs_and_what_one_does_the_other_sees(
    page: Page, browser: Browser, app: RunningApp
) -> None:
    begin_a_long_one(page, "A drum beats")
    context = browser.new_context()
    other = opened(context, app)
    expect(other.locator("#progress")).to_contain_text("step")
    expect(open_queue(other)).to_have_text(["A drum beats"])
    other.get_by_role("button", name="Cancel: A drum beats").click()
    waits(page, 0)
    context.close()
