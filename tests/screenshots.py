"""Pictures of the page in every state: ``PYTHONPATH=.:tests python tests/screenshots.py FOLDER``.

Starts the studio with the demo model on an empty data folder, works as a visitor does, and writes
one PNG for each state, window and colour scheme; with ``--docs`` those that the README shows, and
the tour, into ``docs``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Literal, NamedTuple

import httpx
import pictured_sheets as sheets
from chromium import FORGET, choose, generate, launched, opened, plays, write_prompt
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect
from running import RunningApp
from sources import ROOT

DOCS = ROOT / "docs"
PROMPT = "A red ball bounces up and down by the sea. A thump at each bounce."
OTHERS = (
    "In a green forest, a blue box drifts slowly to the left. The sound of rain.",
    "A yellow star spins around at night. Beeps. Static camera.",
    "A cyan ring rises slowly over desert dunes. Golden hour light. A low hum.",
)
SMALL = {"num_frames": 9, "num_inference_steps": 5, "width": 288, "height": 512}
MANY = 16
TOUR_SIZE, TOUR_MS = (960, 600), 700


class Look(NamedTuple):
    """A window and a colour scheme."""

    width: int
    height: int
    scheme: Literal["light", "dark"]

    @property
    def name(self) -> str:
        """As it stands in the pictures' names."""
        return f"{self.width}x{self.height}-{self.scheme}"

    @property
    def phone(self) -> bool:
        """Whether the fields are sheets."""
        return self.width < 768


LOOKS = (
    Look(1440, 900, "light"),
    Look(1440, 900, "dark"),
    Look(1024, 768, "light"),
    Look(390, 844, "light"),
    Look(390, 844, "dark"),
)


def empty(page: Page, look: Look) -> None:
    """Nothing was made yet."""
    expect(page.locator("#player")).to_contain_text("Or start from one of these")


def typing(page: Page, look: Look) -> None:
    """A prompt with advice, and an open picker."""
    write_prompt(page, "A red ball bounces at the sea")
    page.locator("#sound .chip button").first.click()
    page.wait_for_timeout(300)


def wrong(page: Page, look: Look) -> None:
    """Something has to change before a clip can be made."""
    page.keyboard.press("Escape")
    page.locator("#prompt textarea").fill("")
    page.locator("#generate").click()
    expect(page.locator("#problem")).to_contain_text("is empty")


def running(page: Page, look: Look) -> None:
    """A clip that is being made, with its preview, and others behind it."""
    choose(page, "preset", "Best")
    write_prompt(page, PROMPT)
    generate(page)
    page.locator("#generate").click()
    expect(page.locator("#takes .tile.job")).to_have_count(2)
    page.wait_for_selector("#player .preview img", timeout=120_000)


def queue(page: Page, look: Look) -> None:
    """The open queue."""
    page.locator(".queue-button").click()
    page.wait_for_timeout(300)


def cancelled(page: Page, look: Look) -> None:
    """Jobs that were cancelled."""
    page.keyboard.press("Escape")
    for _ in range(2):
        page.locator("#takes .tile.job .clear").first.click()
        page.wait_for_timeout(1500)
    expect(page.locator("#progress .working")).to_have_count(0)


def done(page: Page, look: Look) -> None:
    """A finished clip."""
    choose(page, "preset", "Preview")
    write_prompt(page, PROMPT)
    page.locator("#generate").click()
    plays(page, "#player video")
    expect(page.locator("#progress .working")).to_have_count(0)
    page.wait_for_timeout(500)


def many(page: Page, look: Look) -> None:
    """Sixteen clips."""
    cookies = {each["name"]: each["value"] for each in page.context.cookies()}
    with httpx.Client(base_url=page.url, cookies=cookies, timeout=120) as http:
        have = page.locator("#takes .tile.take").count()
        for number in range(MANY - have):
            words = {"prompt": OTHERS[number % len(OTHERS)], **SMALL}
            http.post("/generate", json=words).raise_for_status()
    page.reload()
    expect(page.locator("#takes .tile.take")).to_have_count(MANY)
    page.wait_for_timeout(800)


def tab(name: str) -> Callable[[Page, Look], None]:
    """A tab of the page."""

    def show(page: Page, look: Look) -> None:
        page.get_by_role("tab", name=name).click()
        page.wait_for_timeout(1200)

    return show


def seeds(page: Page, look: Look) -> None:
    """A contact sheet."""
    page.get_by_role("tab", name="Seeds").click()
    page.locator("#seeds-count label", has_text="4").first.click()
    page.locator("#seeds-way label", has_text="9 frames").click()
    page.locator("#seeds").click()
    expect(page.locator("#contact-sheet video")).to_have_count(4)
    page.wait_for_timeout(800)


def offline(page: Page, look: Look) -> None:
    """The studio does not answer."""
    page.get_by_role("tab", name="Create").click()
    page.context.set_offline(True)
    page.locator("#generate").click()
    page.wait_for_selector("body[data-offline]")
    page.wait_for_timeout(300)


STATES: tuple[tuple[str, Callable[[Page, Look], None]], ...] = (
    ("empty", empty),
    ("typing", typing),
    ("wrong", wrong),
    ("running", running),
    ("queue", queue),
    ("cancelled", cancelled),
    ("done", done),
    ("many", many),
    ("gallery", tab("Gallery")),
    ("seeds", seeds),
    ("guide", tab("Guide")),
    ("offline", offline),
)


SHEETS: tuple[tuple[str, Callable[[Page], None]], ...] = (
    ("account", sheets.account),
    ("taken", sheets.taken),
    ("give", sheets.give),
    ("compared", sheets.compared),
    ("characters", sheets.characters),
    ("character", sheets.character),
)
"""What lies over the page, after the last of the other states with clips."""


def new_context(browser: Browser, look: Look, locale: str = "en-US") -> BrowserContext:
    """A browser of its own, of this look."""
    return browser.new_context(
        locale=locale,
        viewport={"width": look.width, "height": look.height},
        color_scheme=look.scheme,
        has_touch=look.phone,
        is_mobile=look.phone,
    )


@contextmanager
def visiting(
    browser: Browser, app: RunningApp, look: Look, locale: str = "en-US"
) -> Iterator[Page]:
    """A new visitor's page; it fails on a script's error."""
    context = new_context(browser, look, locale)
    page = opened(context, app, "Demo model" if locale.startswith("en") else "")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.evaluate(FORGET)
    yield page
    context.close()
    assert not errors, errors


def take_all(folder: Path, looks: tuple[Look, ...] = LOOKS) -> None:
    """Write a picture of each state in each look."""
    folder.mkdir(parents=True, exist_ok=True)

    def keep(page: Page, name: str, look: Look) -> None:
        page.screenshot(path=folder / f"{name}-{look.name}.png")
        print(f"{name}-{look.name}.png", flush=True)

    for look in looks:
        with running_app() as app, launched() as browser, visiting(browser, app, look) as page:
            for name, bring_about in STATES:
                bring_about(page, look)
                keep(page, name, look)
        with running_app() as app, launched() as browser, visiting(browser, app, look) as page:
            done(page, look)
            many(page, look)
            for name, show in SHEETS:
                show(page)
                page.wait_for_timeout(400)
                keep(page, name, look)
    with sheets.shared_app() as app, launched() as browser:
        for look in looks:
            for name, page in sheets.of_a_shared_one(app, new_context(browser, look)):
                keep(page, name, look)


def take_docs() -> None:
    """Write the README's pictures and its tour."""
    desktop, phone = LOOKS[0], LOOKS[4]
    frames: list[Image.Image] = []

    def keep(page: Page) -> None:
        picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
        frames.append(picture.resize(TOUR_SIZE, Image.Resampling.LANCZOS))

    with running_app() as app, launched() as browser:
        with visiting(browser, app, desktop) as page:
            empty(page, desktop)
            keep(page)
            for end in range(10, len(PROMPT) + 10, 10):
                page.locator("#prompt textarea").fill(PROMPT[:end])
                keep(page)
            page.wait_for_timeout(700)
            keep(page)
            generate(page)
            while page.locator("#progress .working").count():
                keep(page)
                page.wait_for_timeout(1500)
            plays(page, "#player video")
            for _ in range(4):
                keep(page)
                page.wait_for_timeout(400)
            many(page, desktop)
            page.screenshot(path=DOCS / "screenshot.png")
            keep(page)
            seeds(page, desktop)
            keep(page)
        with visiting(browser, app, phone) as page:
            done(page, phone)
            page.screenshot(path=DOCS / "phone.png")
    shown = frames if len(frames) <= 40 else frames[:: len(frames) // 40 + 1]
    first, *others = shown
    first.save(
        DOCS / "tour.webp",
        save_all=True,
        append_images=others,
        duration=TOUR_MS,
        loop=0,
        quality=70,
        method=6,
    )


@contextmanager
def running_app() -> Iterator[RunningApp]:
    """The studio with the demo model on an empty data folder."""
    with tempfile.TemporaryDirectory() as folder, _demo(Path(folder) / "data") as app:
        yield app.wait_ready()


def _demo(folder: Path) -> RunningApp:
    return RunningApp(folder, "--model", "demo")


def main() -> int:
    """Take the pictures that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="where to put a picture of each state")
    parser.add_argument("--docs", action="store_true", help="write the README's pictures too")
    parser.add_argument("--look", help="only this one, such as 390x844-dark")
    asked = parser.parse_args()
    if asked.folder:
        take_all(asked.folder, tuple(look for look in LOOKS if asked.look in (None, look.name)))
    if asked.docs:
        take_docs()
    return 0


if __name__ == "__main__":
    sys.exit(main())
