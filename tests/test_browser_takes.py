"""Several takes, previews and times on the page, in a real browser with the demo model."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import MISSING, PLAYS, launched
from playwright.sync_api import Browser, Page, expect
from running import RunningApp

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with RunningApp(tmp_path_factory.mktemp("takes") / "data", "--model", "demo") as app:
        yield app.wait_ready()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, app: RunningApp) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(app.url)
    expect(page.locator("#mode")).to_be_visible(timeout=60_000)
    yield page
    context.close()


def choose(page: Page, field: str, option: str) -> None:
    page.locator(f"#{field} input").click()
    page.get_by_role("option", name=option).click()


def test_three_takes_can_be_chosen_from_and_their_time_is_known_afterwards(page: Page) -> None:
    expect(page.locator("#estimate")).to_contain_text("No time known yet")
    choose(page, "preset", "Fast preview")
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
    page.wait_for_function(PLAYS, arg="#player video")
    assert page.locator("#player video").get_attribute("src") != first
    expect(page.locator("#estimate")).to_contain_text(re.compile(r"About \d"))


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
    choose(page, "mode", "High quality")
    page.reload()
    expect(page.locator("#mode input")).to_have_value("High quality")


def test_a_distilled_model_leaves_no_steps_guidance_or_mode_to_choose_and_says_why(
    browser: Browser, tmp_path: Path, demo_models_dir: Path
) -> None:
    model = tmp_path / "small"
    index = next(demo_models_dir.rglob("model_index.json"))
    shutil.copytree(index.parent, model)
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
        page.close()
