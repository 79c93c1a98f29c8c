"""How an open page learns what is new: by its stream, and by asking where there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from chromium import (
    MISSING,
    ask_for_a_preview,
    calls_of,
    cancel,
    generate,
    make_a_preview,
    serious,
    wait_for_the_clip,
)
from playwright.sync_api import Page, Request, Response, Route, expect
from v1 import SLOW, submit

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)

STREAM = "**/session/events"
HIDE = """hidden => {
  Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def is_stream(asked: Request) -> bool:
    return asked.url.endswith("/session/events")


def wait_behind(ada: httpx.Client, page: Page) -> str:
    """A clip of the page's waits for somebody else's, whose address is returned."""
    before = str(submit(ada, SLOW | {"num_takes": 4})["href"])
    ask_for_a_preview(page, "A lamp swings in the wind")
    with page.expect_request(STREAM):
        generate(page)
    expect(page.locator("#progress")).to_contain_text("Next")
    return before


def test_a_page_that_waits_asks_for_nothing_until_it_is_told(page: Page, ada: httpx.Client) -> None:
    before = wait_behind(ada, page)
    page.wait_for_timeout(2000)
    calls = calls_of(page)
    page.wait_for_timeout(9000)
    assert len(calls) <= 2  # Without the stream it asks every three seconds.
    ada.delete(before)
    wait_for_the_clip(page)
    # Nothing is on its way any more.
    calls.clear()
    page.wait_for_timeout(3000)
    assert len(calls) <= 1


def refuse(route: Route) -> None:
    route.fulfill(status=429, body="{}")


def say_nothing(route: Route) -> None:
    """A proxy that keeps what the studio says."""


@pytest.mark.parametrize("does", [refuse, say_nothing])
def test_a_page_without_a_stream_asks_for_itself(page: Page, does: Callable[[Route], Any]) -> None:
    tried: list[Request] = []
    page.on("request", lambda asked: tried.append(asked) if is_stream(asked) else None)
    page.route(STREAM, does)
    ask_for_a_preview(page, "A kite climbs over dunes")
    generate(page)
    wait_for_the_clip(page)
    assert 1 <= len(tried) <= 5


def test_a_page_without_a_stream_looks_only_when_there_is_something_new(
    page: Page, ada: httpx.Client
) -> None:
    page.route(STREAM, refuse)
    before = wait_behind(ada, page)
    with page.expect_response(is_no_news):
        pass
    calls = calls_of(page)
    with page.expect_response(is_no_news):
        pass
    assert not calls
    ada.delete(before)
    wait_for_the_clip(page)


def is_no_news(answer: Response) -> bool:
    return answer.url.endswith("/session/version") and answer.status == 304


def test_a_hidden_tab_has_no_stream_and_has_one_again_when_it_is_seen(
    page: Page, ada: httpx.Client
) -> None:
    before = wait_behind(ada, page)
    with page.expect_event("requestfailed", is_stream):
        page.evaluate(HIDE, True)
    with page.expect_request(STREAM):
        page.evaluate(HIDE, False)
    cancel(page)
    ada.delete(before)


def test_what_the_studio_refuses_is_said(page: Page) -> None:
    make_a_preview(page, "A blue star that is lost")
    take = (page.locator("#player video").get_attribute("src") or "").removesuffix(".mp4")
    answer = page.request.delete(
        f"{page.url}api/v1/{take}", headers={"Origin": page.url.rstrip("/")}
    )
    assert answer.ok, answer.text()
    page.locator(".take-row .heart").click()
    expect(page.get_by_role("alert").filter(visible=True)).to_have_text(
        "This take is not here. It may have been deleted."
    )
    assert serious(page) == []
