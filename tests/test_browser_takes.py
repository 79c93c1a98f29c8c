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
from chromium import MISSING, choose, fast_preview, plays, set_steps
from diffusers.models.autoencoders.autoencoder_kl_ltx2 import LTX2VideoDecoder3d
from playwright.sync_api import Browser, BrowserContext, Page, expect
from running import RunningApp, free_port
from studios import OpenStudio
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from ltx_ui.engine.loading import DEMO_FOLDER
from ltx_ui.engine.memory_fallback import TILE
from ltx_ui.engine.models import CARDS
from ltx_ui.presets import load_presets
from ltx_ui.settings import Settings
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
    page = context.new_page()
    page.goto(app.url)
    expect(page.locator("#mode")).to_be_visible(timeout=60_000)
    return page


def test_three_takes_can_be_chosen_from_and_their_time_is_known_afterwards(page: Page) -> None:
    expect(page.locator("#estimate")).to_contain_text("No time known yet")
    fast_preview(page)
    page.locator("#prompt textarea").fill("A red ball bounces at night, static shot, thumps")
    choose(page, "num-takes", "3")
    expect(page.locator("#preset input")).to_have_value("Fast preview")
    page.locator("#generate").click()
    expect(page.locator("#takes button")).to_have_count(3, timeout=60_000)
    first = page.locator("#player video").get_attribute("src")
    seed = int(page.locator("#take-facts dd").first.inner_text())
    page.locator("#takes button").nth(2).click()
    expect(page.locator("#take-facts dd").first).to_have_text(str((seed + 2) % 2**32))
    expect(page.locator("#takes button").nth(2)).to_have_attribute("aria-pressed", "true")
    plays(page, "#player video")
    assert page.locator("#player video").get_attribute("src") != first
    expect(page.locator("#estimate")).to_contain_text(re.compile(r"About \d"))


def test_a_take_is_in_the_strip_as_soon_as_it_is_kept_and_plays_on_while_others_are_made(
    page: Page,
) -> None:
    fast_preview(page)
    set_steps(page, 40)
    page.locator("#prompt textarea").fill("A green star spins around in a studio")
    choose(page, "num-takes", "4")
    page.locator("#generate").click()
    # Both in one look: between two looks the last take could be kept.
    page.wait_for_function(
        """document.querySelectorAll('#takes button').length === 2
           && document.querySelector('#progress [role=progressbar]')"""
    )
    page.locator("#takes button").nth(1).click()
    plays(page, "#player video")
    chosen = page.locator("#player video").get_attribute("src")
    page.locator("#player video").evaluate("video => { video.mark = 'the same element' }")
    expect(page.locator("#generate")).to_be_disabled()
    expect(page.locator("#generate")).to_be_enabled(timeout=60_000)
    expect(page.locator("#takes button")).to_have_count(4)
    assert page.locator("#player video").evaluate("video => video.mark") == "the same element"
    assert page.locator("#player video").get_attribute("src") == chosen


def test_the_strip_of_takes_is_there_again_after_a_reload(page: Page) -> None:
    fast_preview(page)
    page.locator("#prompt textarea").fill("A cyan ring falls downwards in the desert")
    choose(page, "num-takes", "2")
    page.locator("#generate").click()
    expect(page.locator("#generate")).to_be_enabled(timeout=60_000)
    expect(page.locator("#takes button")).to_have_count(2)
    posters = page.locator("#takes img").evaluate_all("all => all.map(img => img.src)")
    page.reload()
    expect(page.locator("#takes button")).to_have_count(2)
    assert page.locator("#takes img").evaluate_all("all => all.map(img => img.src)") == posters
    expect(page.locator("#takes button").first).to_have_attribute("aria-pressed", "true")
    video = page.locator("#player video")
    before = video.get_attribute("src") or ""
    page.locator("#takes button").nth(1).click()
    expect(page.locator("#takes button").nth(1)).to_have_attribute("aria-pressed", "true")
    expect(video).not_to_have_attribute("src", before)
    # A deleted take leaves the strip as well, and the one in the player stays.
    shown = video.get_attribute("src")
    first = page.locator("#takes button").first.get_attribute("data-take")
    page.get_by_role("tab", name="Gallery").click()
    card = page.locator(f"#gallery [data-take='{first}']")
    card.get_by_text("Delete", exact=True).click()
    card.get_by_role("button", name="Yes, delete").click()
    expect(card).to_have_count(0)
    page.get_by_role("tab", name="Create").click()
    expect(page.locator("#takes button")).to_have_count(1)
    assert video.get_attribute("src") == shown


def test_a_job_that_ends_its_step_before_it_stops_says_so(page: Page) -> None:
    choose(page, "format", "YouTube / Landscape 768x432")
    choose(page, "length", "121 frames")
    page.locator("#prompt textarea").fill("A violet box glides right by the sea")
    page.locator("#generate").click()
    expect(page.locator("#progress")).to_contain_text("step 1 of 40", timeout=60_000)
    page.evaluate(
        """() => {
          const progress = document.querySelector('#progress');
          const look = () => (window.seen ??= []).push(
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
    seen = page.evaluate("window.seen")
    end = seen.index("Cancelled. Nothing was kept.")
    assert seen[end - 1] == "Cancelling…", seen


def test_a_preview_is_seen_while_the_clip_is_made_and_goes_with_it(page: Page) -> None:
    choose(page, "preset", "Best quality")
    page.locator("#prompt textarea").fill("A blue box spins in a forest")
    page.locator("#generate").click()
    picture = page.locator("#player .preview img")
    expect(picture).to_be_visible(timeout=60_000)
    assert picture.evaluate("i => i.decode().then(() => i.naturalWidth)") > 0
    page.locator("#cancel").click()
    expect(page.locator("#progress")).to_contain_text("Cancelled")
    expect(picture).to_have_count(0)


def test_a_model_with_an_upsampler_offers_hd_and_two_modes(page: Page) -> None:
    page.locator("#format input").click()
    expect(page.get_by_role("option", name="HD portrait 704x1280")).to_be_visible()
    page.keyboard.press("Escape")
    draft = "localStorage.getItem('ltx-2-studio-draft')"
    before = page.evaluate(draft)
    choose(page, "mode", "High quality")
    page.wait_for_function(f"before => {draft} !== before", arg=before)
    page.reload()
    expect(page.locator("#mode input")).to_have_value("High quality")


def test_an_hd_clip_is_made_from_the_page_in_two_stages(page: Page, app: RunningApp) -> None:
    fast_preview(page)
    choose(page, "format", "HD portrait 704x1280")
    set_steps(page, 1)
    page.locator("#prompt textarea").fill("A white triangle climbs up in a forest")
    page.locator("#generate").click()
    expect(page.locator("#take-facts")).to_contain_text("704x1280", timeout=120_000)
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
    choose(page, "num-takes", "5")
    page.get_by_role("tab", name="Gallery").click()
    card = page.locator(f"#gallery [data-take='{takes[1]['id']}']")
    card.get_by_role("button", name="Use all").click()
    expect(page.locator("#prompt textarea")).to_have_value("A red box is bouncing.")
    expect(page.locator("#format input")).to_have_value(re.compile("HD landscape 1280x704"))
    expect(page.locator("#mode input")).to_have_value("High quality")
    expect(page.locator("#num-takes input")).to_have_value("1")
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
    expect(page.locator("#take-facts").locator(note)).to_be_visible(timeout=120_000)


def test_a_clip_that_fails_says_what_to_do(trouble: Callable[[Exception], Page]) -> None:
    page = trouble(ValueError("a bug"))
    expect(page.get_by_text("Generate it again")).to_be_visible(timeout=120_000)
    expect(page.locator("#generate")).to_be_enabled()


def test_the_demo_model_says_what_it_knows_and_an_example_fills_the_prompt(page: Page) -> None:
    card = CARDS["demo"]
    examples = page.locator("#examples button")
    expect(examples).to_have_count(len(card.examples))
    expect(page.locator("#examples")).to_contain_text(card.knows)
    examples.nth(1).click()
    expect(page.locator("#prompt textarea")).to_have_value(card.examples[1])
    expect(page.locator("#compiled-prompt textarea")).to_have_value(card.examples[1])


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
        expect(page.locator("#quality-note")).to_contain_text("is distilled", timeout=60_000)
        expect(page.locator("#steps input[type=number]")).to_be_disabled()
        expect(page.locator("#guidance input[type=number]")).to_be_disabled()
        page.get_by_role("button", name="More settings").click()
        expect(page.locator("#negative-prompt textarea")).to_be_disabled()
        expect(page.locator("#mode")).to_be_hidden()
        expect(page.locator("#examples")).to_contain_text(load_presets().examples[0].prompt)
        expect(page.locator("#examples")).not_to_contain_text("knows")
        assert CARDS["demo"].examples[0] not in page.locator("#examples").inner_text()
        page.close()
