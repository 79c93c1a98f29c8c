"""A shared studio in the browser: who one is, the licence, what the owner decides, links."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from chromium import MISSING, PATIENCE, choose, fast_preview, plays, serious, write_prompt
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from running import RunningApp
from sources import ROOT

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)

PUBLIC = "studio.gradio.live"
TUNNEL = f"""#!/bin/sh
echo "start proxy success: http://{PUBLIC}"
exec sleep 3600
"""
"""In the place of Gradio's tunnel: it says where it leads, and runs until it is closed."""
PROMPT = "A red ball bounces by the sea"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """A studio with a public link, whose model's licence restricts its use."""
    from gradio.tunneling import BINARY_FILENAME

    folder = tmp_path_factory.mktemp("shared")
    program = folder / "huggingface" / "gradio" / "frpc" / BINARY_FILENAME
    program.parent.mkdir(parents=True)
    program.write_text(TUNNEL)
    program.chmod(0o700)
    environment = {"GRADIO_SHARE_SERVER_ADDRESS": "127.0.0.1:7000"}
    environment |= {"HF_HOME": str(folder / "huggingface")}
    flags: tuple[str, ...] = (
        "--share",
        "--auth",
        "guest:come in",
        "--model",
        str(ROOT / "ltx_ui/engine/demo"),
    )
    flags += ("--visitor-volume", "8000000", "--visitor-steps", "35", "--visitor-clips", "2")
    with RunningApp(folder / "data", *flags, **environment) as app:
        yield app.wait_ready()


def entered(browser: Browser, shared: RunningApp, **look: object) -> BrowserContext:
    """A visitor's browser, who has the password."""
    context = browser.new_context(**look)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE)
    answer = context.request.post(
        f"{shared.url}/login",
        form={"username": "guest", "password": "come in"},
        headers={"Origin": shared.url},
    )
    assert answer.ok, answer.text()
    return context


def owning(browser: Browser, shared: RunningApp, **look: object) -> BrowserContext:
    """The owner's browser, by the link that was printed last."""
    context = browser.new_context(**look)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE)
    token = re.findall(r"Owner link: \S+token=(\S+)", shared.output)[-1]
    headers = {"Origin": shared.url}
    answer = context.request.post(f"{shared.url}/owner", form={"token": token}, headers=headers)
    assert answer.ok, answer.text()
    return context


def at(context: BrowserContext, shared: RunningApp) -> Page:
    """The page, once it is answered."""
    page = context.new_page()
    with page.expect_response("**/gradio_api/run/**"):
        page.goto(shared.url)
    return page


def sheet(page: Page) -> Locator:
    """The account menu, opened."""
    page.locator("#you button").click()
    expect(page.locator("#account")).to_be_visible()
    return page.locator("#account")


def sure(button: Locator, words: str) -> None:
    """Presses what asks back first, and then what it asks."""
    button.click()
    button.page.locator("#account").get_by_role("button", name=words).click()


def accept_and_make(page: Page) -> None:
    """Asks for a clip, is shown the licence, accepts it and has the clip made."""
    fast_preview(page)
    write_prompt(page, PROMPT)
    page.locator("#generate").click()
    problem = page.locator("#problem")
    expect(problem).to_contain_text("LTX-2 Community License")
    problem.get_by_role("button", name="I have read it").click()
    expect(problem.locator(".problem")).to_have_count(0)
    page.locator("#generate").click()
    plays(page, "#player video")


def test_a_visitor_is_offered_what_they_may_have(browser: Browser, shared: RunningApp) -> None:
    page, owner = at(entered(browser, shared), shared), at(owning(browser, shared), shared)
    expect(page.locator("#num-takes input[aria-disabled]")).to_have_count(2)
    expect(page.locator("#num-takes label").nth(2)).to_have_attribute(
        "title", re.compile("2 clips")
    )
    expect(page.locator("#length input[aria-disabled]")).to_have_count(1)
    page.locator("#num-takes label").nth(2).click(force=True)  # Told, not done.
    expect(page.locator("#num-takes p.small")).to_contain_text("2 clips")
    expect(page.locator("#num-takes input").nth(2)).not_to_be_checked()
    expect(page.locator("#num-takes input").first).to_be_checked()
    expect(page.locator("#preset label.beyond")).to_have_count(3)
    choose(page, "preset", "Long")
    told = page.locator("#platform")
    expect(told).to_contain_text("may have up to 2.04 s at 288×512, 35 steps; these settings")
    assert not serious(page)
    told.get_by_role("button", name="Keep to that").click()
    expect(told).not_to_contain_text("Visitors")
    expect(page.locator("#steps input[type=number]")).to_have_value("35")
    expect(page.locator("#length p.small")).to_contain_text("49 frames")
    choose(page, "format", "16:9")
    expect(page.locator("#length input[aria-disabled]")).to_have_count(3)
    expect(told).to_contain_text("at 768×432")
    expect(owner.locator("#preset label")).to_have_count(5)
    expect(owner.locator("#recipe .beyond, #num-takes input[aria-disabled]")).to_have_count(0)


def test_sharing_from_the_licence_to_the_closed_link(browser: Browser, shared: RunningApp) -> None:
    visits, owns = entered(browser, shared), owning(browser, shared)
    visitor, owner = at(visits, shared), at(owns, shared)
    expect(sheet(visitor)).to_contain_text("60 minutes of work, of which 60 are left")
    assert not serious(visitor)
    visitor.keyboard.press("Escape")
    accept_and_make(visitor)

    # The clip is given away, and the link taken back.
    visitor.locator("#open-take").click()
    visitor.locator("#opened [data-give]").click()
    links = visitor.locator("#account")
    links.get_by_role("spinbutton").fill("7")
    links.get_by_role("button", name="Make a link").click()
    url = links.locator("li input").input_value()
    given = httpx.get(url, trust_env=False)
    assert given.status_code == 200 and PROMPT in given.text
    sure(links.get_by_role("button", name="Take back"), "Really take back?")
    expect(links.locator("li")).to_have_count(0)
    assert httpx.get(url, trust_env=False).status_code == 404

    # A token is shown once.
    sheet(owner).get_by_role("button", name="API tokens").click()
    menu = owner.locator("#account")
    menu.get_by_label("What you call it").fill("My script")
    menu.get_by_role("button", name="Make a token").click()
    secret = menu.locator("[data-new] input")
    expect(secret).to_have_value(re.compile("ltx_.{43}"))
    bearer = {"Authorization": f"Bearer {secret.input_value()}"}
    assert httpx.get(f"{shared.url}/api/v1/takes", headers=bearer).status_code == 200
    menu.get_by_role("button", name="Back", exact=True).click()

    # The owner sees the visitor, and lets them in no more.
    menu.get_by_role("button", name="People").click()
    expect(menu.get_by_label("Public link")).to_have_value(f"https://{PUBLIC}")
    expect(menu.locator("time[data-local]")).to_have_count(1)
    expect(menu).not_to_contain_text("UTC")
    expect(menu.locator("li", has_text="Visitor")).to_contain_text("1 clip")
    assert not serious(owner)
    sure(menu.get_by_role("button", name="Ban", exact=True), "Really ban?")
    expect(menu).to_contain_text("Let in again")
    visitor.reload()
    expect(visitor.locator("body")).to_contain_text("lets you in no more")
    menu.get_by_role("button", name="Let in again").click()
    expect(menu).not_to_contain_text("Let in again")

    # The link is closed, and the studio goes on.
    outside = {"Host": PUBLIC, "Accept": "text/html"}
    assert httpx.get(f"{shared.url}/login", headers=outside).status_code == 200
    sure(menu.get_by_role("button", name="Close the link"), "Really close it?")
    expect(menu).to_contain_text("Nobody comes in by it now")
    closed = httpx.get(f"{shared.url}/login", headers=outside)
    assert closed.status_code == 403 and "has closed its public link" in closed.text
    menu.get_by_role("button", name="Open the link").click()
    expect(menu.get_by_label("Public link")).to_have_value(f"https://{PUBLIC}")
    assert httpx.get(f"{shared.url}/login", headers=outside).status_code == 200
    owner.reload()
    expect(sheet(owner)).to_contain_text("You are the owner")
    visits.close()
    owns.close()
