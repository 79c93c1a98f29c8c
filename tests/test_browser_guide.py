"""The Guide in a real browser: its search, lines that are applied, workflows; and alternatives."""

import re
from pathlib import Path

import pytest
from chromium import (
    MISSING,
    arrived,
    draft_kept,
    fast_preview,
    generate,
    make_a_preview,
    write_prompt,
)
from PIL import Image
from playwright.sync_api import Page, expect

from ltx_ui.presets import load_presets

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)

DRAGS = """(picture, [by, ends]) => {
  const {left, top} = picture.getBoundingClientRect();
  const at = x => ({clientX: left + x, clientY: top + 20, pointerId: 1, bubbles: true});
  picture.setPointerCapture = () => {};
  picture.dispatchEvent(new PointerEvent('pointerdown', at(10)));
  picture.dispatchEvent(new PointerEvent('pointermove', at(10 + by)));
  picture.dispatchEvent(new PointerEvent(ends, at(10 + by)));
}"""


def open_guide(page: Page) -> None:
    page.get_by_role("tab", name="Guide").click()


def test_a_search_leaves_what_has_its_words_and_says_when_there_is_nothing(page: Page) -> None:
    open_guide(page)
    search, lines = page.locator("#guide input[type=search]"), page.locator("#guide li:visible")
    expect(lines.first).to_be_visible()  # It comes when the tab is first opened.
    everything = lines.count()
    search.fill("sound")
    expect(page.locator("#guide details[open]", has_text="No sound")).to_be_visible()
    assert 0 < lines.count() < everything
    search.fill("xylophone quartet")
    expect(page.locator("#guide .nothing")).to_be_visible()
    expect(page.locator("#guide section:visible")).to_have_count(0)
    search.fill("")
    expect(lines).to_have_count(everything)


def test_a_line_is_applied_to_the_fields_and_undone(page: Page) -> None:
    fast_preview(page)
    open_guide(page)
    page.get_by_role("button", name="Apply: More steps").click()
    expect(page.locator("#undo")).to_contain_text("Applied")
    expect(page.locator("#steps input[type=number]")).to_have_value("40")
    page.locator("#undo button").click()
    expect(page.locator("#steps input[type=number]")).to_have_value("5")


def test_a_workflow_asks_for_what_it_needs_and_goes_on_with_the_seed_of_its_draft(
    page: Page, tmp_path: Path
) -> None:
    open_guide(page)
    page.get_by_role("button", name="Start: Product").click()
    path = page.locator("#workflow")
    expect(path.locator("[aria-current=step]")).to_contain_text("Test")
    expect(path.locator(".needs")).to_be_visible()
    Image.new("RGB", (288, 512), "red").save(tmp_path / "product.png")
    page.locator("#reference-image input[type=file]").set_input_files(tmp_path / "product.png")
    expect(path.locator(".needs")).to_be_hidden()
    expect(page.locator("#steps input[type=number]")).to_have_value("5")
    write_prompt(page, "The red box turns slowly")
    page.locator("#generate").click()
    arrived(page, "The red box turns slowly")
    seed = page.locator("#take-facts dd").first
    path.locator("[data-do=next]").click()
    expect(path.locator("[aria-current=step]")).to_contain_text("Scale up")
    expect(page.locator("#seed input")).to_have_value(seed.inner_text())
    expect(page.locator("#steps input[type=number]")).to_have_value("40")
    expect(page.locator("#reference-image img")).to_be_visible()
    path.locator("[data-do=end]").click()
    expect(path).to_be_hidden()


def test_every_workflow_can_be_begun(page: Page) -> None:
    for workflow in load_presets().workflows:
        open_guide(page)
        page.get_by_role("button", name=f"Start: {workflow.name}").click()
        expect(page.locator("#workflow")).to_contain_text(workflow.name)
        expect(page.locator("#undo")).to_contain_text(workflow.stages[0].name)


def test_a_prompt_with_alternatives_makes_a_clip_of_each_with_one_seed(page: Page) -> None:
    fast_preview(page)
    page.locator("#prompt textarea").fill("A {red|blue} ball bounces by the sea, thumps")
    expect(page.locator("#estimate")).to_contain_text("2 × 9 frames")
    generate(page)
    expect(page.locator("#progress .working")).to_have_count(0)
    titles = page.locator("#takes .tile.take").evaluate_all("all => all.map(t => t.title)")[:2]
    assert sorted(titles) == [f"A {c} ball bounces by the sea, thumps" for c in ("blue", "red")]
    seeds = set()
    for number in range(2):
        page.locator("#takes .tile.take").nth(number).click()
        expect(page.locator("#player video")).to_be_visible()
        seeds.add(page.locator("#take-facts dd").first.inner_text())
    assert len(seeds) == 1


def test_an_alternative_that_is_empty_is_refused_and_nothing_is_queued(page: Page) -> None:
    page.locator("#prompt textarea").fill("{|A red ball bounces}")
    page.locator("#generate").click()
    expect(page.locator("#problem")).to_contain_text("Prompt is empty")
    expect(page.locator("#takes .tile.job")).to_have_count(0)


def test_drafts_of_several_seeds_are_of_one_prompt(page: Page) -> None:
    page.locator("#prompt textarea").fill("A {red|blue} ball bounces")
    page.get_by_role("tab", name="Seeds").click()
    page.locator("#seeds").click()
    expect(page.locator("#seeds-problem")).to_contain_text("stands for several")
    expect(page.locator("#contact-sheet figure")).to_have_count(0)


def test_an_earlier_prompt_comes_back_from_the_history(page: Page) -> None:
    make_a_preview(page, "A yellow star spins at night, beeps")
    write_prompt(page, "Something else entirely, a hum")
    page.locator("#history button").first.click()
    page.locator("#earlier button", has_text="A yellow star").first.click()
    expect(page.locator("#prompt textarea")).to_have_value("A yellow star spins at night, beeps")


def test_the_part_of_a_picture_that_is_used_is_moved_by_hand_and_by_keys(
    page: Page, tmp_path: Path
) -> None:
    Image.linear_gradient("L").resize((800, 400)).save(tmp_path / "wide.png")
    page.locator("#reference-image input[type=file]").set_input_files(tmp_path / "wide.png")
    picture = page.locator("#reference-image img")
    expect(picture).to_be_visible()
    picture.evaluate("picture => picture.decode()")  # Its size tells how far it can be moved.
    picture.evaluate(DRAGS, [40, "pointerup"])
    expect(picture).to_have_css("object-position", re.compile(r"^[0-4]?\d(\.\d+)?% 50%$"))
    picture.evaluate(DRAGS, [400, "pointercancel"])
    picture.dispatch_event("pointermove", {"clientX": 0, "clientY": 0})
    expect(picture).to_have_css("object-position", "0% 50%")
    picture.focus()
    page.wait_for_timeout(1000)
    with draft_kept(page):
        page.keyboard.press("ArrowRight")
    expect(picture).to_have_css("object-position", "5% 50%")
    page.reload()
    expect(picture).to_have_css("object-position", "5% 50%")


def test_a_picture_smaller_than_the_clip_is_said_to_look_soft(page: Page, tmp_path: Path) -> None:
    Image.new("RGB", (100, 150)).save(tmp_path / "small.png")
    page.locator("#reference-image input[type=file]").set_input_files(tmp_path / "small.png")
    expect(page.locator("#platform")).to_contain_text("100x150 pixels, and the clip 288x512")
