"""Debian's or the system's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    TimeoutError,
    expect,
    sync_playwright,
)
from running import RunningApp

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
"""The first is the same browser without what shows windows, and takes a third less of a core."""
MISSING = CHROMIUM is None and os.environ.get("CI") != "true"
"""Whether browser tests are skipped: never in CI, where a missing browser is a failure."""

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    # A context's pages share a process, in which a script that was compiled once stays so.
    "--process-per-site",
    # Compilers and threads that pay where a page is used for longer than a test.
    "--js-flags=--no-opt --no-maglev",
    "--num-raster-threads=1",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A microphone that beeps, and that every page may use whose own policy lets it.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]

PATIENCE = 120_000
"""Milliseconds after which a test gives up on something that is to be seen: far beyond what a slow,
busy machine takes. Playwright's own 5 s are less than a Fast preview takes beside two processes."""

expect.set_options(timeout=PATIENCE)

POLLING = 100.0
"""Milliseconds between two looks at what is waited for. Playwright looks in every frame otherwise,
and so has the page draw sixty of them a second."""

STARTING = 180_000
"""Milliseconds that a process may take to import its libraries beside others that do so."""

FORGET = "() => { localStorage.clear(); sessionStorage.clear(); }"
"""What makes a browser a new visitor, once the page is loaded again."""

_DRAFT = "(localStorage.getItem('ltx-2-studio-draft') ?? '')"
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


class Desktop:
    """One browser at a desktop that is a new visitor's for each test, and cheaper than a new one.

    A page of it costs half of what the first page of a new context does: what was fetched and
    compiled is still there, since an empty page of the same site keeps their process.

    Scripts and listeners that are added to the context stay in it, which takes a context of the
    test's own.
    """

    def __init__(self, browser: Browser) -> None:
        self._context = browser.new_context(viewport={"width": 1440, "height": 900})
        self._anchor = self._context.new_page()
        self._anchor.route("**", lambda route: route.fulfill(body=""))
        self._anchor.goto("http://127.0.0.1/")
        self._origins = set[str]()
        self._context.on("page", self._remember)

    @contextmanager
    def visit(self) -> Iterator[BrowserContext]:
        """The context, without a page; afterwards it has forgotten all that this visit brought."""
        self._context.set_default_timeout(PATIENCE)
        yield self._context
        for page in self._context.pages:
            if page != self._anchor:
                page.close()
        self._context.unroute_all()
        self._context.clear_permissions()
        self._context.clear_cookies()
        session = self._context.new_cdp_session(self._anchor)
        while self._origins:
            asked = {"origin": self._origins.pop(), "storageTypes": "all"}
            session.send("Storage.clearDataForOrigin", asked)
        session.detach()

    def close(self) -> None:
        """Give the context up."""
        self._context.close()

    def _remember(self, page: Page) -> None:
        page.on("framenavigated", lambda frame: self._origins.add(_origin(frame.url)))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def choose(page: Page, field: str, option: str) -> None:
    """Picks one of the segments of a choice, by the text on it; on a phone, on its sheet."""
    phone = page.evaluate("innerWidth < 768")
    if phone:
        page.locator(f"[data-opens='{field}']").click()
    page.locator(f"#{field} label", has_text=option).first.click()
    if phone:
        page.keyboard.press("Escape")


def fast_preview(page: Page) -> None:
    """Chooses the preset of the quickest clips; its settings are in their fields afterwards."""
    choose(page, "preset", "Preview")
    expect(page.locator("#length p.small")).to_contain_text("9 frames")


def chosen(page: Page, field: str) -> Locator:
    """The segment of a choice that is chosen."""
    return page.locator(f"#{field} label:has(input:checked)")


def open_advanced(page: Page) -> None:
    """Shows the settings below "Advanced"."""
    lid = page.locator("#advanced .disclose")
    if lid.get_attribute("aria-expanded") == "false":
        lid.click()


def set_steps(page: Page, steps: int) -> None:
    """Types a number of steps and leaves the field."""
    open_advanced(page)
    page.locator("#steps input[type=number]").fill(str(steps))
    page.locator("#steps input[type=number]").press("Tab")


def slide(part: Locator, name: str, value: float) -> None:
    """Moves a slider of our own to a value, as a finger that lets go of it there does."""
    part.locator(f"input[name={name}]").evaluate(
        "(slider, value) => { slider.value = value; ['input', 'change'].forEach("
        "type => slider.dispatchEvent(new Event(type, {bubbles: true}))); }",
        value,
    )


def plays(page: Page, selector: str) -> None:
    """Waits until a video could play; where it never could, says how far the page had come."""
    try:
        page.wait_for_function(_PLAYS, arg=selector, timeout=PATIENCE, polling=POLLING)
    except TimeoutError as late:
        raise AssertionError(f"no clip plays: {page.evaluate(_STATE, selector)}") from late


def opened(context: BrowserContext, app: RunningApp, model: str = "Demo model") -> Page:
    """A tab on Create whose kept fields have arrived, once it says the model's name."""
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    with page.expect_response("**/gradio_api/run/**"):
        page.goto(app.url)
    page.locator("#model-status").filter(has_text=model).wait_for(timeout=STARTING)
    # What has arrived is in the fields by then.
    page.wait_for_function(f"() => {_DRAFT} !== ''", polling=POLLING)
    return page


def calls_of(page: Page) -> list[str]:
    """The page's calls to the studio from now on; it grows as they are made."""
    calls: list[str] = []
    page.on("request", lambda asked: calls.append(asked.url) if "/run/" in asked.url else None)
    return calls


def write_prompt(page: Page, prompt: str) -> None:
    """Fills in a prompt, and waits until the page says that the model will read it."""
    page.locator("#prompt textarea").fill(prompt)
    expect(page.locator("#compiled-prompt q")).to_contain_text(prompt)


def ask_for_a_preview(page: Page, prompt: str) -> None:
    """Fills in what makes the quickest clip of a prompt."""
    fast_preview(page)
    write_prompt(page, prompt)


def say(page: Page, helper: str, words: str) -> None:
    """Writes own words into the picker of one of the chips below the prompt, and closes it."""
    page.locator(f"#{helper} .chip button").first.click()
    page.locator(f"#{helper} textarea").fill(words)
    page.keyboard.press("Escape")


def generate(page: Page) -> None:
    """Presses Generate, and waits until the page says that the clip is being made."""
    page.locator("#generate").click()
    expect(page.locator("#progress .working")).to_be_visible()


def begin_a_long_one(page: Page, prompt: str) -> None:
    """Asks for a clip that takes a while, and waits for its first steps."""
    choose(page, "preset", "Best")
    write_prompt(page, prompt)
    generate(page)
    expect(page.locator("#progress")).to_contain_text("step")


@contextmanager
def draft_kept(page: Page) -> Iterator[None]:
    """Waits until the browser has kept the fields anew after what is done meanwhile."""
    # A new visitor's own first ones.
    page.wait_for_function(f"() => {_DRAFT} !== ''", polling=POLLING)
    before = page.evaluate(_DRAFT)
    yield
    page.wait_for_function(f"before => {_DRAFT} !== before", arg=before, polling=POLLING)


def cancel(page: Page) -> None:
    """Cancels what is being made, and waits until the page says so."""
    page.locator("#cancel").click()
    expect(page.locator("#progress")).to_contain_text("Cancelled")


def wait_for_the_clip(page: Page) -> None:
    """Waits until the clip is done and could play."""
    plays(page, "#player video")
    expect(page.locator("#progress .working")).to_have_count(0)


def arrived(page: Page, prompt: str) -> None:
    """Waits until the clip of a prompt is the newest one in the strip, and nothing is made."""
    expect(page.locator("#takes .take").first).to_have_attribute("title", prompt)
    expect(page.locator("#progress .working")).to_have_count(0)


def seed_of(page: Page) -> str:
    """The seed of the clip in the player."""
    return page.locator("#take-facts dd").first.inner_text()


def make_a_preview(page: Page, prompt: str) -> str:
    """Makes a clip and returns its seed."""
    ask_for_a_preview(page, prompt)
    generate(page)
    wait_for_the_clip(page)
    return seed_of(page)


def serious(page: Page) -> list[tuple[str, list[str]]]:
    """What bars the way for a reader of screens: the rules that are broken, and where."""
    return [
        (each["id"], [node["html"][:200] for node in each["nodes"]])
        for each in Axe().run(page).response["violations"]
        if each["impact"] in ("serious", "critical")
    ]


def open_menu(page: Page, card: Locator) -> Locator:
    """Opens the menu of a card in the gallery, and waits for what can be done."""
    card.hover()
    card.locator(".dots").click()
    menu = page.locator("#take-menu")
    expect(menu.get_by_role("button", name="Use all")).to_be_visible()
    return menu


def open_gallery(page: Page, at_least: int) -> range:
    """Shows the gallery with its newest cards, and counts those."""
    page.get_by_role("tab", name="Gallery").click()
    expect(page.locator("#gallery .card").nth(at_least - 1)).to_be_visible()
    return range(at_least)
