"""Several takes, previews, times and what a model offers on the page, in a real browser."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import torch
from chromium import (
    MISSING,
    STARTING,
    choose,
    chosen,
    fast_preview,
    generate,
    open_advanced,
    open_menu,
    opened,
    plays,
    seed_of,
    set_steps,
    write_prompt,
)
from diffusers.models.autoencoders.autoencoder_kl_ltx2 import LTX2VideoDecoder3d
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from running import RunningApp, free_port
from studios import OpenStudio
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from ltx_ui.engine.loading import DEMO_FOLDER
from ltx_ui.engine.memory_fallback import TILE
from ltx_ui.engine.models import CARDS
from ltx_ui.presets import load_presets
from ltx_ui.settings import Settings
from ltx_ui.web.examples import examples
from ltx_ui.web.server import serve

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """An app that has not made a clip yet."""
    with RunningApp(tmp_path_factory.mktemp("takes") / "data", "--model", "demo") as app:
        yield app.wait_ready()


@pytest.fixture
def page(context: BrowserContext, app: RunningApp) -> Page:
    return opened(context, app)


def ask_for_takes(page: Page, prompt: str, takes: int) -> None:
    """Presses Generate for several takes of a preview, with as many steps as the fields say."""
    write_prompt(page, prompt)
    choose(page, "num-takes", str(takes))
    generate(page)


def strip(page: Page) -> Locator:
    return page.locator("#takes .take")


def made(page: Page) -> None:
    """Waits until nothing is being made."""
    expect(page.locator("#queue .queue-button b")).to_have_text("0")


# The first of this file: examples are shown where no clip is.
def test_the_demo_model_says_what_it_knows_and_an_example_fills_the_prompt(page: Page) -> None:
    clips, tiles = examples(), page.locator("#player .examples button")
    expect(tiles).to_have_count(len(clips))
    expect(page.locator("#player .examples")).to_contain_text(CARDS["demo"].knows)
    tiles.nth(1).hover()
    plays(page, "#player .examples button:nth-of-type(2) video")
    tiles.nth(1).click()
    expect(page.locator("#prompt textarea")).to_have_value(clips[1].recipe.prompt)
    expect(page.locator("#seed input")).to_have_value(str(clips[1].recipe.seed))
    page.locator("#undo button").click()
    expect(page.locator("#prompt textarea")).to_have_value("")


def test_the_first_of_four_takes_is_shown_and_their_time_is_known_afterwards(page: Page) -> None:
    expect(page.locator("#estimate")).to_contain_text("no time known yet")
    fast_preview(page)
    ask_for_takes(page, "A red ball bounces at night, static shot, thumps", 4)
    made(page)
    expect(strip(page)).to_have_count(4)
    expect(chosen(page, "preset")).to_contain_text("Preview")
    expect(strip(page).last).to_have_attribute("aria-pressed", "true")
    seed, first = seed_of(page), page.locator("#player video").get_attribute("src")
    strip(page).first.click()
    expect(page.locator("#take-facts dd").first).to_have_text(str((int(seed) + 3) % 2**32))
    expect(strip(page).first).to_have_attribute("aria-pressed", "true")
    plays(page, "#player video")
    assert page.locator("#player video").get_attribute("src") != first
    expect(page.locator("#estimate")).to_contain_text(re.compile(r"about \d"))
    expect(chosen(page, "preset")).to_contain_text(re.compile(r"\d s"))


def test_a_take_is_shown_as_soon_as_it_is_kept_and_plays_on_while_others_are_made(
    page: Page,
) -> None:
    fast_preview(page)
    set_steps(page, 40)
    before = strip(page).count()
    ask_for_takes(page, "A green star spins around in a studio", 4)
    # All in one look: between two looks the last take could be kept.
    page.wait_for_function(
        """takes => document.querySelectorAll('#takes .take').length === takes
           && document.querySelector('#progress [role=progressbar]')
           && document.querySelector('#player video')""",
        arg=before + 2,
    )
    video = page.locator("#player video")
    plays(page, "#player video")
    source = video.get_attribute("src")
    video.evaluate("video => { video.mark = 'the same element' }")
    made(page)
    expect(strip(page)).to_have_count(before + 4)
    assert video.evaluate("video => video.mark") == "the same element"
    assert video.get_attribute("src") == source
    assert not video.evaluate("video => video.paused")


def test_the_strip_of_takes_is_there_again_after_a_reload(page: Page) -> None:
    fast_preview(page)
    ask_for_takes(page, "A cyan ring falls downwards in the desert", 2)
    made(page)
    takes = strip(page).count()
    posters = strip(page).locator("img").evaluate_all("all => all.map(img => img.src)")
    page.reload()
    expect(strip(page)).to_have_count(takes)
    assert strip(page).locator("img").evaluate_all("all => all.map(img => img.src)") == posters
    expect(strip(page).nth(1)).to_have_attribute("aria-pressed", "true")
    video = page.locator("#player video")
    before = video.get_attribute("src") or ""
    strip(page).first.click()
    expect(video).not_to_have_attribute("src", before)
    # A deleted take leaves the strip as well, and the one on the stage stays.
    shown = video.get_attribute("src")
    other = strip(page).nth(1).get_attribute("data-take")
    page.get_by_role("tab", name="Gallery").click()
    card = page.locator(f"#gallery [data-take='{other}']")
    open_menu(page, card).get_by_role("button", name="Delete").click()
    expect(card).to_have_count(0)
    page.get_by_role("tab", name="Create").click()
    expect(strip(page)).to_have_count(takes - 1)
    assert video.get_attribute("src") == shown


def test_a_job_that_ends_its_step_before_it_stops_says_so(page: Page) -> None:
    choose(page, "preset", "Best")
    choose(page, "format", "768×432")
    choose(page, "length", "5")
    page.locator("#prompt textarea").fill("A violet box glides right by the sea")
    page.locator("#generate").click()
    expect(page.locator("#progress")).to_contain_text("step 1 of 40")
    page.evaluate(
        """() => {
          const progress = document.querySelector('#progress');
          const look = () => (window.toldOfProgress ??= []).push(
            progress.querySelector('.working strong, .notice')?.textContent);
          new MutationObserver(look).observe(
            progress, {childList: true, characterData: true, subtree: true});
        }"""
    )
    page.locator("#cancel").click()
    expect(page.locator("#cancel")).to_have_text("Cancelling…")
    expect(page.locator("#cancel")).to_be_disabled()
    expect(page.get_by_text("Cancelled. Nothing was kept.")).to_be_visible()
    expect(page.locator("#cancel")).to_be_hidden()
    seen = page.evaluate("window.toldOfProgress")
    end = seen.index("Cancelled. Nothing was kept.")
    assert seen[end - 1] == "Cancelling…", seen


def test_a_preview_is_seen_while_the_clip_is_made_and_goes_with_it(page: Page) -> None:
    choose(page, "preset", "Best")
    page.locator("#prompt textarea").fill("A blue box spins in a forest")
    page.locator("#generate").click()
    picture = page.locator("#player .preview img")
    expect(picture).to_be_visible()
    assert picture.evaluate("i => i.decode().then(() => i.naturalWidth)") > 0
    page.locator("#cancel").click()
    expect(page.locator("#progress")).to_contain_text("Cancelled")
    expect(picture).to_have_count(0)


def test_a_model_with_an_upsampler_offers_hd_and_two_modes(page: Page) -> None:
    expect(page.locator("#format label", has_text="704×1280")).to_be_visible()
    open_advanced(page)
    draft = "localStorage.getItem('ltx-2-studio-draft')"
    before = page.evaluate(draft)
    choose(page, "mode", "High quality")
    page.wait_for_function(f"before => {draft} !== before", arg=before)
    page.reload()
    open_advanced(page)
    expect(chosen(page, "mode")).to_have_text("High quality")


def test_an_hd_clip_is_made_from_the_page_in_two_stages(page: Page, app: RunningApp) -> None:
    fast_preview(page)
    choose(page, "format", "704×1280")
    set_steps(page, 1)
    page.locator("#prompt textarea").fill("A white triangle climbs up in a forest")
    page.locator("#generate").click()
    expect(page.locator("#take-facts")).to_contain_text("704x1280")
    plays(page, "#player video")
    size = page.locator("#player video").evaluate("v => [v.videoWidth, v.videoHeight]")
    assert size == [704, 1280]
    take = page.locator("#player video").get_attribute("src") or ""
    job = httpx.get(f"{app.url}/{take.replace('takes', 'jobs').removesuffix('.mp4')}").json()
    assert job["recipe"]["two_stage"] is True


def test_use_all_brings_mode_and_both_stages_back_and_the_one_take_it_was(
    page: Page, app: RunningApp
) -> None:
    asked = {"prompt": "A red box is bouncing.", "width": 1280, "height": 704, "num_frames": 9}
    asked |= {"num_inference_steps": 1, "mode": "high", "two_stage": True, "num_takes": 2}
    with httpx.Client(base_url=app.url, timeout=120) as http:
        takes = http.post("/generate", json=asked | {"seed": 70}).json()["takes"]
    choose(page, "num-takes", "8")
    page.get_by_role("tab", name="Gallery").click()
    card = page.locator(f"#gallery [data-take='{takes[1]['id']}']")
    open_menu(page, card).get_by_role("button", name="Use all").click()
    expect(page.locator("#prompt textarea")).to_have_value("A red box is bouncing.")
    open_advanced(page)
    expect(chosen(page, "format")).to_contain_text("1280×704")
    expect(chosen(page, "mode")).to_have_text("High quality")
    expect(chosen(page, "num-takes")).to_have_text("1")
    expect(page.locator("#seed input")).to_have_value("71")
    expect(page.locator("#steps input[type=number]")).to_have_value("1")


@pytest.fixture
def trouble(
    browser: Browser, open_studio: OpenStudio, tmp_path: Path
) -> Iterator[Callable[[Exception], Page]]:
    """Asks for a preview of 288x512 on a page of its own, where the picture's decoder raises this
    error whenever it is given more rows of latents than a tile has."""
    settings = Settings(model="demo", data_dir=tmp_path / "data", port=free_port())
    served = serve(open_studio(), settings, load_presets())
    page = browser.new_page()
    with ExitStack() as stack:

        def ask(error: Exception) -> Page:
            def hook(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
                if isinstance(module, LTX2VideoDecoder3d) and inputs[0].shape[-2] > TILE:
                    raise error

            stack.callback(register_module_forward_pre_hook(hook).remove)
            page.goto(served.url)
            fast_preview(page)
            page.locator("#prompt textarea").fill("A yellow ball hops up and down at night")
            page.locator("#generate").click()
            return page

        yield ask
    page.close()
    served.close()


def test_a_take_that_had_to_be_decoded_in_tiles_says_so_below_it(
    trouble: Callable[[Exception], Page],
) -> None:
    page = trouble(torch.OutOfMemoryError("CUDA out of memory."))
    note = page.get_by_text("Decoded in tiles: less memory.")
    expect(page.locator("#take").locator(note)).to_be_visible()


def test_a_clip_that_fails_says_what_to_do(trouble: Callable[[Exception], Page]) -> None:
    page = trouble(ValueError("a bug"))
    said = page.locator("#progress .problem")
    expect(said.get_by_text("Generate it again")).to_be_visible()
    said.get_by_role("button", name="Try again").click()
    expect(page.locator("#progress .working")).to_be_visible()
    said.get_by_role("button", name="Dismiss").click()
    expect(said).to_have_count(0)
    page.wait_for_timeout(1_500)  # in which it could come back
    expect(said).to_have_count(0)


def test_a_distilled_model_leaves_no_steps_guidance_or_mode_to_choose_and_says_why(
    browser: Browser, tmp_path: Path
) -> None:
    model = tmp_path / "small"
    shutil.copytree(DEMO_FOLDER, model)
    schedule = model / "scheduler" / "scheduler_config.json"
    schedule.write_text(
        json.dumps(json.loads(schedule.read_text()) | {"use_dynamic_shifting": False})
    )
    with RunningApp(tmp_path / "data", "--model", str(model)) as app:
        app.wait_ready()
        page = browser.new_page()
        page.goto(app.url)
        open_advanced(page)
        expect(page.locator("#quality-note")).to_contain_text("is distilled", timeout=STARTING)
        expect(page.locator("#steps input[type=number]")).to_be_disabled()
        expect(page.locator("#guidance input[type=number]")).to_be_disabled()
        expect(page.locator("#negative-prompt textarea")).to_be_disabled()
        expect(page.locator("#mode")).to_be_hidden()
        expect(page.locator("#player .examples")).to_contain_text(load_presets().examples[0].prompt)
        expect(page.locator("#player .examples")).not_to_contain_text("knows")
        assert CARDS["demo"].examples[0] not in page.locator("#player .examples").inner_text()
        page.close()
