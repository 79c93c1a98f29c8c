"""Debian's or the system's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, Page, TimeoutError, expect, sync_playwright
from running import RunningApp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = CHROMIUM is None and os.environ.get("CI") != "true"
"""Whether browser tests are skipped: never in CI, where a missing browser is a failure."""

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

expect.set_options(timeout=30_000)
"""Playwright's own 5 s are less than a Fast preview takes beside two busy processes (4.5-5.1 s)."""

FORGET = "() => { localStorage.clear(); sessionStorage.clear(); }"
"""What makes a browser a new visitor, once the page is loaded again."""

_PLAYS = "(selector) => document.querySelector(selector)?.readyState >= 3"
_STATE = """selector => {
  const video = document.querySelector(selector);
  const {readyState, networkState, currentSrc, error} = video ?? {};
  return [document.visibilityState, document.querySelector('#progress')?.innerText,
          readyState, networkState, currentSrc, error?.message];
}"""


@contextmanager
def launched() -> Iterator[Browser]:
    """A headless browser that asks nobody outside for anything."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def choose(page: Page, field: str, option: str) -> None:
    """Picks an option of a list."""
    page.locator(f"#{field} input").click()
    page.get_by_role("option", name=option).click()


def fast_preview(page: Page) -> None:
    """Chooses the preset of the quickest clips; its settings are in their fields afterwards."""
    choose(page, "preset", "Fast preview")
    expect(page.locator("#steps input[type=number]")).to_have_value("5")


def set_steps(page: Page, steps: int) -> None:
    """Types a number of steps and leaves the field."""
    page.locator("#steps input[type=number]").fill(str(steps))
    page.locator("#steps input[type=number]").press("Tab")


def plays(page: Page, selector: str) -> None:
    """Waits until a video could play; where it never could, says how far the page had come."""
    try:
        page.wait_for_function(_PLAYS, arg=selector, timeout=120_000)
    except TimeoutError as late:
        raise AssertionError(f"no clip plays: {page.evaluate(_STATE, selector)}") from late


def opened(context: BrowserContext, app: RunningApp) -> Page:
    """A tab on Create whose kept fields have arrived."""
    page = context.new_page()
    with page.expect_response("**/gradio_api/run/**"):
        page.goto(app.url)
    expect(page.locator("#model-status")).to_contain_text("Demo model", timeout=60_000)
    return page


def calls_of(page: Page) -> list[str]:
    """The page's calls to the studio from now on; it grows as they are made."""
    calls: list[str] = []
    page.on("request", lambda asked: calls.append(asked.url) if "/run/" in asked.url else None)
    return calls


def write_prompt(page: Page, prompt: str) -> None:
    """Fills in a prompt, and waits until the page says that the model will read it."""
    page.locator("#prompt textarea").fill(prompt)
    expect(page.locator("#compiled-prompt textarea")).to_have_value(re.compile(re.escape(prompt)))


def ask_for_a_preview(page: Page, prompt: str) -> None:
    """Fills in what makes the quickest clip of a prompt."""
    fast_preview(page)
    write_prompt(page, prompt)


def wait_for_the_clip(page: Page) -> None:
    """Waits until the clip is done and could play."""
    plays(page, "#player video")
    expect(page.locator("#generate")).to_be_enabled()


def seed_of(page: Page) -> str:
    """The seed of the clip in the player."""
    return page.locator("#take-facts dd").first.inner_text()


def make_a_preview(page: Page, prompt: str) -> str:
    """Makes a clip and returns its seed."""
    ask_for_a_preview(page, prompt)
    page.locator("#generate").click()
    expect(page.locator("#generate")).to_be_disabled()
    wait_for_the_clip(page)
    return seed_of(page)


def open_gallery(page: Page, at_least: int) -> range:
    """Shows the gallery with its newest cards, and counts those."""
    page.get_by_role("tab", name="Gallery").click()
    expect(page.locator("#gallery .card").nth(at_least - 1)).to_be_visible()
    return range(at_least)
