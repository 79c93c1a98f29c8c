"""The fields of the Create tab under a creator's hands: keys, numbers, words and pictures."""

import re
from pathlib import Path

import pytest
from chromium import (
    MISSING,
    arrived,
    calls_of,
    choose,
    chosen,
    draft_kept,
    fast_preview,
    make_a_preview,
    open_advanced,
    opened,
    say,
    wait_for_the_clip,
    write_prompt,
)
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect
from running import RunningApp

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)

PASTES_A_PICTURE = """async () => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 96, height: 128});
  canvas.getContext('2d').fillRect(8, 8, 40, 40);
  const blob = await new Promise(done => canvas.toBlob(done, 'image/png'));
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([blob], 'copied.png', {type: 'image/png'}));
  document.querySelector('#prompt textarea').dispatchEvent(
    new ClipboardEvent('paste', {clipboardData, bubbles: true}));
}"""


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "start.png"
    Image.linear_gradient("L").convert("RGB").save(path)
    return path


def number(page: Page, field: str) -> Locator:
    return page.locator(f"#{field} input[type=number]")


def test_a_preset_chosen_by_keyboard_fills_its_fields_and_keeps_the_focus(page: Page) -> None:
    choose(page, "preset", "Best")
    chosen(page, "preset").locator("input").focus()
    for key in ("ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.locator("#length p.small")).to_contain_text("9 frames")
    expect(chosen(page, "preset")).to_contain_text("Preview")
    expect(chosen(page, "preset").locator("input")).to_be_focused()
    open_advanced(page)
    expect(number(page, "steps")).to_have_value("5")


def test_every_length_that_a_clip_may_have_is_in_the_list_after_the_segments(page: Page) -> None:
    page.locator("#length select").select_option(label="33 frames · 1.38 s")
    expect(chosen(page, "length")).to_have_count(0)
    expect(page.locator("#length p.small")).to_contain_text("33 frames")
    expect(page.locator("#estimate")).to_contain_text("33 frames, 1.38 s")
    choose(page, "length", "5")
    expect(page.locator("#length select")).to_have_value("")
    expect(page.locator("#estimate")).to_contain_text("121 frames")


def test_a_chip_takes_own_words_and_gives_them_up_again(page: Page) -> None:
    chip = page.locator("#sound .chip")
    expect(chip).to_contain_text("+ sound")
    with draft_kept(page):
        say(page, "sound", "a cello hums")
    expect(chip).to_contain_text("a cello hums")
    page.reload()
    expect(chip).to_contain_text("a cello hums")
    page.locator("#sound .clear").click()
    expect(chip).to_contain_text("+ sound")
    expect(chip.locator("button").first).to_be_focused()


def test_what_the_studio_filled_in_can_be_undone(page: Page) -> None:
    write_prompt(page, "A red ball bounces by the sea.")
    say(page, "sound", "a cello hums")
    page.get_by_role("button", name="Edit as one text").click()
    prompt, undo = page.locator("#prompt textarea"), page.locator("#undo")
    expect(prompt).to_have_value("A red ball bounces by the sea. A cello hums.")
    expect(page.locator("#sound .chip")).to_contain_text("+ sound")
    expect(undo).to_contain_text("All is one text now.")
    undo.get_by_role("button", name="Undo").click()
    expect(prompt).to_have_value("A red ball bounces by the sea.")
    expect(page.locator("#sound .chip")).to_contain_text("a cello hums")
    expect(undo.get_by_role("button")).to_be_hidden()


def test_advice_is_settled_by_a_press_that_can_be_undone(page: Page) -> None:
    write_prompt(page, "A red ball bounces up and down by the sea, static camera.")
    advice = page.locator("#prompt-advice")
    expect(advice).to_contain_text("Nothing here can be heard")
    advice.locator("[data-name]").first.click()
    expect(page.locator("#sound .chip")).to_contain_text("Thumps")
    expect(advice).not_to_contain_text("Nothing here can be heard")
    page.locator("#undo button").click()
    expect(page.locator("#sound .chip")).to_contain_text("+ sound")
    expect(advice).to_contain_text("Nothing here can be heard")


def test_a_preset_with_a_seed_gives_ones_own_back_with_the_next_preset(page: Page) -> None:
    seed, lock = page.locator("#seed input"), page.locator("#seed-lock input")
    seed.fill("42")
    expect(lock).to_be_checked()
    choose(page, "preset", "Character")
    expect(seed).to_have_value("1234567890")
    fast_preview(page)
    expect(seed).to_have_value("42")
    expect(lock).to_be_checked()
    seed.fill("")
    expect(lock).not_to_be_checked()
    choose(page, "preset", "Character")
    expect(lock).to_be_checked()
    fast_preview(page)
    expect(seed).to_have_value("")
    expect(lock).not_to_be_checked()


def test_a_number_is_held_to_its_bounds_at_once_and_says_so(page: Page) -> None:
    open_advanced(page)
    steps = number(page, "steps")
    steps.fill("500")
    expect(steps).to_have_value("100")
    expect(page.locator("#steps")).to_contain_text("100 is the most")
    expect(page.locator("#quality-note")).to_contain_text("100 steps")
    number(page, "guidance").fill("0")
    number(page, "guidance").press("Tab")
    expect(number(page, "guidance")).to_have_value("1")
    expect(page.locator("#guidance")).to_contain_text("1 is the least")


@pytest.mark.parametrize("field", ["steps", "guidance"])
def test_a_number_that_was_emptied_comes_back_with_a_hint(page: Page, field: str) -> None:
    open_advanced(page)
    before = number(page, field).input_value()
    number(page, field).fill("")
    number(page, field).press("Tab")
    expect(number(page, field)).to_have_value(before)
    expect(page.locator(f"#{field}")).to_contain_text(f"Back to {before}")


def test_typing_asks_the_studio_only_in_a_pause(page: Page) -> None:
    fast_preview(page)
    page.wait_for_timeout(500)
    calls = calls_of(page)
    sentence = "A red ball bounces up and down on the beach, and the camera moves."
    page.locator("#prompt textarea").press_sequentially(sentence)
    expect(page.locator("#compiled-prompt q")).to_have_text(sentence)
    page.wait_for_timeout(500)
    # One at the end; each pause of a busy machine between two keys may be one more.
    assert 1 <= len(calls) <= len(sentence) // 6


def test_what_is_typed_before_the_pages_first_answer_stays(page: Page) -> None:
    with draft_kept(page):
        write_prompt(page, "What was here before")
    held: list[Route] = []
    page.route("**/gradio_api/run/**", lambda route: held.append(route))
    page.reload()
    page.locator("#prompt textarea").fill("A quick word")
    while not held:
        page.wait_for_timeout(50)
    with page.expect_response("**/gradio_api/run/**"):
        page.unroute("**/gradio_api/run/**")  # Goes on with what was held.
    expect(page.locator("#model-status")).to_contain_text("Demo model")
    expect(page.locator("#compiled-prompt q")).to_contain_text("A quick word")
    expect(page.locator("#prompt textarea")).to_have_value("A quick word")


def test_the_kept_fields_come_back_also_after_the_models_choices(page: Page) -> None:
    with draft_kept(page):
        choose(page, "preset", "Best")
    expect(page.locator("#summary")).to_contain_text("Best")
    expect(page.locator("#estimate")).to_contain_text("49 frames")
    page.wait_for_timeout(1_500)  # Until the last of it is kept.
    held: list[Route] = []

    def hold_the_draft(route: Route) -> None:
        if "num_inference_steps" in (route.request.post_data or "") and not held:
            held.append(route)
        else:
            route.continue_()

    page.route("**/gradio_api/run/**", hold_the_draft)
    page.reload()
    expect(page.locator("#model-status")).to_contain_text("Demo model")
    expect(page.locator("#preset label").first).to_be_visible()
    while not held:
        page.wait_for_timeout(50)
    page.wait_for_timeout(2_000)  # For the answer about the model's choices.
    held[0].continue_()
    expect(chosen(page, "preset")).to_contain_text("Best")
    expect(page.locator("#length p.small")).to_contain_text("49 frames")


def test_what_is_wrong_goes_as_soon_as_it_no_longer_holds(page: Page) -> None:
    page.locator("#generate").click()
    expect(page.locator("#problem")).to_contain_text("Prompt is empty")
    page.locator("#prompt textarea").fill("A red ball")
    expect(page.locator("#problem")).to_be_hidden()
    expect(page.locator("#prompt")).not_to_have_class(re.compile("has-problem"))


def test_a_negative_seed_says_how_one_is_drawn(page: Page) -> None:
    page.locator("#seed input").fill("-1")
    expect(page.locator("#seed")).to_contain_text("Leave it empty")
    page.locator("#seed input").press("Tab")
    expect(page.locator("#seed input")).to_have_value("")
    expect(page.locator("#seed")).to_contain_text("a seed is drawn")
    expect(page.locator("#seed-lock input")).not_to_be_checked()


def test_words_run_in_their_own_direction(page: Page) -> None:
    open_advanced(page)
    for field in ("prompt", "camera", "sound", "negative-prompt"):
        expect(page.locator(f"#{field} textarea")).to_have_attribute("dir", "auto")
    expect(page.locator("#compiled-prompt q")).to_have_attribute("dir", "auto")
    write_prompt(page, "כדור אדום LTX-2!")
    shown = page.locator("#prompt textarea").evaluate("e => getComputedStyle(e).direction")
    assert shown == "rtl"


def test_a_picture_is_kept_through_a_reload_and_is_seen(page: Page, picture: Path) -> None:
    page.locator("#reference-image input[type=file]").set_input_files(picture)
    expect(page.locator("#reference-image img")).to_be_visible()
    expect(page.locator("#image-strength")).to_be_visible()
    page.wait_for_function("Object.keys(localStorage).some(key => key.endsWith('draft'))")
    page.wait_for_timeout(500)
    page.reload()
    expect(page.locator("#reference-image img")).to_be_visible()
    page.locator("#reference-image [data-do=remove]").click()
    expect(page.locator("#reference-image img")).to_have_count(0)
    expect(page.locator("#image-strength")).to_be_hidden()


def test_a_refused_picture_is_gone_and_generate_waits_for_another(
    page: Page, picture: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.png").write_text("not a picture")
    field = page.locator("#reference-image")
    field.locator("input[type=file]").set_input_files(tmp_path / "notes.png")
    expect(field.get_by_role("status")).to_contain_text("not a PNG")
    expect(field.locator("img")).to_have_count(0)
    write_prompt(page, "A red ball")
    page.locator("#generate").click()
    expect(page.locator("#problem")).to_contain_text("First frame could not be used")
    expect(field).to_have_class(re.compile("has-problem"))
    field.locator("input[type=file]").set_input_files(picture)
    expect(field.locator("img")).to_be_visible()
    expect(page.locator("#problem")).to_be_hidden()


def test_generate_waits_for_a_picture_that_is_on_its_way(page: Page, picture: Path) -> None:
    fast_preview(page)
    write_prompt(page, "A picture on its way")

    def slowly(route: Route) -> None:
        page.wait_for_timeout(1000)
        route.continue_()

    page.route("**/inputs", slowly)
    page.locator("#reference-image input[type=file]").set_input_files(picture)
    page.locator("#generate").click()
    arrived(page, "A picture on its way")
    wait_for_the_clip(page)
    expect(page.locator("#reference-image img")).to_be_visible()
    take = (page.locator("#player video").get_attribute("src") or "").removesuffix(".mp4")
    job = page.request.get(f"{page.url}{take.replace('takes', 'jobs')}").json()
    assert job["recipe"]["image_start"].startswith("sha256:")


def test_a_copied_picture_is_pasted_anywhere_into_the_first_free_field(page: Page) -> None:
    page.evaluate(PASTES_A_PICTURE)
    expect(page.locator("#reference-image img")).to_be_visible()
    page.evaluate(PASTES_A_PICTURE)
    expect(page.locator("#end-image img")).to_be_visible()


def test_the_paste_button_says_that_there_is_no_picture_to_paste(
    context: BrowserContext, app: RunningApp
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = opened(context, app)
    page.evaluate("navigator.clipboard.writeText('only words')")
    page.locator("#reference-image [data-do=paste]").click()
    expect(page.locator("#reference-image")).to_contain_text("no picture in the clipboard")
    make_a_preview(page, "A red ball")
