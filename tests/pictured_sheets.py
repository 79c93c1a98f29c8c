"""States of the page for :mod:`screenshots` in which a sheet or a dialog lies over it, and what
people see of a studio that is shared."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chromium import fast_preview, write_prompt
from playwright.sync_api import BrowserContext, Page, expect
from running import RunningApp
from sources import ROOT

PASSWORD = "come in"
LOOKS_LIKE = "the lighthouse keeper, in a yellow coat"


def account(page: Page) -> None:
    """The account menu."""
    page.locator("#you button").click()
    expect(page.locator("#account .title")).to_be_visible()


def taken(page: Page) -> None:
    """A take opened over the page."""
    page.keyboard.press("Escape")
    page.locator("#open-take").click()
    expect(page.locator("#opened dialog")).to_contain_text("How it was made")


def give(page: Page) -> None:
    """The sheet on which a link to a take is made."""
    page.locator("#opened [data-give]").click()
    page.locator("#account").get_by_role("button", name="Make a link").click()
    expect(page.locator("#account li input")).to_be_visible()


def compared(page: Page) -> None:
    """Two takes in step."""
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.locator("#opened dialog")).to_be_hidden()
    takes = page.locator("#takes .tile.take").evaluate_all(
        "tiles => tiles.slice(0, 2).map(tile => tile.dataset.take)"
    )
    page.evaluate(
        "takes => document.dispatchEvent(new CustomEvent('studio:compare', {detail: {takes}}))",
        takes,
    )
    expect(page.locator("dialog.compared video")).to_have_count(2)
    page.wait_for_timeout(500)


def characters(page: Page) -> None:
    """A character on the shelf."""
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Seeds").click()
    page.locator("#shelf label", has_text="Characters").click()
    page.get_by_role("button", name="New character").click()
    page.locator("#shelf [name=name]").fill("Aiko")
    page.locator("#shelf [name=words]").fill(LOOKS_LIKE)
    page.locator("#shelf").get_by_role("button", name="Save").click()
    expect(page.locator("#shelf dialog")).to_be_hidden()
    expect(page.locator("#shelf .character").first).to_contain_text(LOOKS_LIKE)


def character(page: Page) -> None:
    """The form of a character."""
    page.get_by_role("button", name="New character").click()
    expect(page.locator("#shelf [name=name]")).to_be_visible()


def enter(page: Page) -> None:
    """Sign in with the studio's password."""
    page.locator("[name=username]").fill("guest")
    page.locator("[name=password]").fill(PASSWORD)
    with page.expect_response("**/gradio_api/run/**"):
        page.keyboard.press("Enter")


def licence(page: Page) -> None:
    """The notice of a licence that has to be accepted first."""
    fast_preview(page)
    write_prompt(page, "A red ball bounces by the sea")
    page.locator("#generate").click()
    expect(page.locator("#problem")).to_contain_text("Community License")


def people(page: Page) -> None:
    """The owner's panel."""
    account(page)
    page.locator("#account").get_by_role("button", name="People").click()
    expect(page.locator("#account li").first).to_be_visible()


@contextmanager
def shared_app() -> Iterator[RunningApp]:
    """A studio with a password, whose model's licence restricts its use."""
    with tempfile.TemporaryDirectory() as folder, _shared(Path(folder) / "data") as app:
        yield app.wait_ready()


def _shared(folder: Path) -> RunningApp:
    known = ("--auth", f"guest:{PASSWORD}", "--allowed-host", "studio.example")
    return RunningApp(folder, *known, "--model", str(ROOT / "ltx_ui/engine/demo"))


def of_a_shared_one(app: RunningApp, context: BrowserContext) -> Iterator[tuple[str, Page]]:
    """What a visitor sees of a shared studio, and then its owner, with its name."""
    page = context.new_page()
    page.goto(f"{app.url}/login")
    expect(page.locator("[name=password]")).to_be_visible()
    yield "login", page
    enter(page)
    licence(page)
    yield "licence", page
    account(page)
    yield "visitor", page
    context.clear_cookies()
    people(owning(app, context))
    yield "people", context.pages[-1]
    context.close()


def owning(app: RunningApp, context: BrowserContext) -> Page:
    """The owner's page, by the link that was printed."""
    token = re.findall(r"Owner link: \S+token=(\S+)", app.output)[-1]
    headers = {"Origin": app.url}
    context.request.post(f"{app.url}/owner", form={"token": token}, headers=headers)
    page = context.new_page()
    with page.expect_response("**/gradio_api/run/**"):
        page.goto(app.url)
    return page
