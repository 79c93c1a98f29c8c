"""The Seeds tab in a real browser: contact sheets and grids."""

import pytest
from chromium import (
    MISSING,
    fast_preview,
    make_a_preview,
    open_menu,
    wait_for_the_clip,
    write_prompt,
)
from playwright.sync_api import Page, expect
from running import RunningApp

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)

PLAY_IN_STEP = """() => {
  const clips = [...document.querySelectorAll('#contact-sheet video')];
  const times = clips.map(clip => clip.currentTime);
  return clips.every(clip => !clip.paused) && Math.max(...times) - Math.min(...times) < 0.25;
}"""


def draw(page: Page, prompt: str, count: int = 4) -> None:
    """Draws some of the cheapest drafts."""
    write_prompt(page, prompt)
    page.get_by_role("tab", name="Seeds").click()
    page.locator("#seeds-count label", has_text=str(count)).first.click()
    page.locator("#seeds-way label", has_text="9 frames").click()
    page.locator("#seeds").click()


def test_a_sheet_fills_plays_in_step_and_one_of_it_is_kept_and_finished(page: Page) -> None:
    fast_preview(page)
    make_a_preview(page, "A box waits")
    newest = page.locator("#takes .tile.take").first.get_attribute("data-take")
    draw(page, "A red ball bounces by the sea, thumps, static shot")
    tiles = page.locator("#contact-sheet figure")
    expect(tiles).to_have_count(4)
    expect(page.locator("#contact-sheet video")).to_have_count(4)
    page.wait_for_function(PLAY_IN_STEP)
    second = tiles.nth(1)
    seed = second.locator("b").inner_text().removeprefix("Seed ")
    assert int(seed) == int(tiles.nth(0).locator("b").inner_text().removeprefix("Seed ")) + 1
    assert page.locator("#contact-sheet video").evaluate_all("all => all.every(v => v.muted)")
    second.locator("video").click(position={"x": 20, "y": 20})
    second.locator("video").hover(position={"x": 30, "y": 30})
    assert not second.locator("video").evaluate("clip => clip.muted")
    page.get_by_role("tab", name="Create").click()
    expect(page.locator("#takes .tile.take").first).to_have_attribute("data-take", newest or "")
    page.get_by_role("tab", name="Seeds").click()
    second.locator(".heart").click()
    expect(page.locator("#contact-sheet .heart[aria-pressed=true]")).to_have_count(1)
    second.get_by_role("button", name="Finish").click()
    expect(page.get_by_role("tab", name="Create")).to_have_attribute("aria-selected", "true")
    wait_for_the_clip(page)
    expect(page.locator("#take-facts dd").first).to_have_text(seed)
    page.get_by_role("tab", name="Gallery").click()
    # The finished one, and the draft that became a take by its heart.
    for number in range(2):
        card = page.locator("#gallery .card").nth(number)
        expect(open_menu(page, card)).to_contain_text(f"Seed {seed}")
        page.keyboard.press("Escape")


def test_stop_keeps_what_is_there_and_a_reload_still_shows_it(page: Page) -> None:
    draw(page, "A blue star spins at night, beeps", count=16)  # Not all made before Stop.
    expect(page.locator("#contact-sheet video")).not_to_have_count(0)
    page.locator("#contact-sheet [data-do=stop]").click()
    expect(page.locator("#contact-sheet .coming.none")).not_to_have_count(0)
    expect(page.locator("#contact-sheet [data-do=stop]")).to_have_count(0)
    made = page.locator("#contact-sheet video").count()
    page.reload()
    page.get_by_role("tab", name="Seeds").click()
    expect(page.locator("#contact-sheet video")).to_have_count(made)


def test_a_grid_is_labelled_and_one_that_is_too_large_is_refused(
    page: Page, app: RunningApp
) -> None:
    fast_preview(page)
    write_prompt(page, "A green ring rises in a forest")
    page.get_by_role("tab", name="Seeds").click()
    page.locator("#grid .disclose").first.click()
    values = page.locator("#grid textarea, #grid input[type=text]")
    values.nth(0).fill("1,2,3,4,5")
    values.nth(1).fill("1,2,3,4")
    page.locator("#make-grid").click()
    expect(page.locator("#seeds-problem")).to_contain_text("20 clips are too many")
    values.nth(0).fill("1, 2")
    values.nth(1).fill("1")
    page.locator("#make-grid").click()
    expect(page.locator("#contact-sheet video")).to_have_count(2)
    labels = page.locator("#contact-sheet b").all_inner_texts()
    assert labels == ["Guidance 1 · Steps 1", "Guidance 1 · Steps 2"]
    expect(page.locator("#seeds-problem")).not_to_contain_text("too many")
