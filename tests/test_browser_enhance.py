"""The prompt in more words, under a creator's hands and a program's."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from chromium import MISSING, opened, serious
from playwright.sync_api import BrowserContext, Page, expect
from running import RunningApp
from writers import save_writer

from ltx_ui.engine.writers import DEMO

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)

SPEECH = 'A baker opens the shop and says: "Fresh bread!"'
BUTTON = "#enhance .chip button"
SHEET = "#enhanced"
TYPED = "#prompt textarea"


@pytest.fixture(scope="module")
def writing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """The app with a model that writes."""
    folder = tmp_path_factory.mktemp("writing")
    model = save_writer(folder / "writes")
    with RunningApp(folder / "data", "--model", str(model)) as app:
        yield app.wait_ready()


def test_the_demo_tells_why_it_can_not(page: Page) -> None:
    expect(page.locator(BUTTON)).to_have_attribute("aria-disabled", "true")
    page.locator(BUTTON).click(force=True)  # Playwright would wait until it is enabled.
    expect(page.locator(SHEET)).to_contain_text(DEMO)
    assert serious(page) == []


def test_a_suggestion_is_marked_edited_used_and_undone(
    context: BrowserContext, writing: RunningApp
) -> None:
    page = opened(context, writing, "writes")
    page.locator(TYPED).fill(SPEECH)
    expect(page.locator(BUTTON)).not_to_have_attribute("aria-disabled", "true")
    page.locator(BUTTON).click()
    suggestion = page.locator(f"{SHEET} textarea")
    expect(suggestion).to_have_value(re.compile("Fresh bread"))
    assert page.locator(f"{SHEET} ins").count()
    expect(page.locator(f"{SHEET} .changes")).to_contain_text("Fresh bread!")
    assert serious(page) == []
    first = suggestion.input_value()
    assert '"Fresh bread!"' in first
    page.keyboard.press("Escape")
    page.locator(BUTTON).click()
    expect(suggestion).to_have_value(first)
    page.get_by_role("button", name="Another").click()
    expect(suggestion).not_to_have_value(first)
    suggestion.fill('He says: "Fresh bread!" Steam rises.')
    page.get_by_role("button", name="Use it").click()
    expect(page.locator(TYPED)).to_have_value('He says: "Fresh bread!" Steam rises.')
    expect(page.locator(SHEET)).to_be_hidden()
    page.locator(".undo button").click()
    expect(page.locator(TYPED)).to_have_value(SPEECH)


def test_programs_get_a_suggestion_with_its_difference(writing: RunningApp) -> None:
    with httpx.Client(base_url=writing.url, timeout=120) as client:
        asked = {"prompt": SPEECH, "seed": 3}
        told, again = (
            client.post("/api/v1/enhance", json=asked | more) for more in ({}, {"image_start": ""})
        )
        assert told.status_code == 200, told.text
        found = told.json()
        assert found == again.json()
        assert (found["before"], found["seed"]) == (SPEECH, 3)
        assert found["prompt"] == "".join(
            each["text"] for each in found["difference"] if each["kind"] != "removed"
        )
