"""A visitor reads the page in the language of their browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from chromium import MISSING, generate, wait_for_the_clip
from playwright.sync_api import Browser, Page, expect
from running import RunningApp

pytestmark = pytest.mark.skipif(MISSING, reason="there is no chromium")

SAID = {
    "de-AT": {
        "#model-status": "Demo-Modell",
        ".queue-button": "Warteschlange 0",
        "#camera .chip": "+ Kamera",
        "#which-seed": "Festhalten",
        "#advanced": "Erweitert",
        "#preset": "Ausgewogen",
        "#length": "Schnelle Vorschau",
        "#quality-note": "Nur für schnelle Vorschauen",
        "#estimate": "9 Bilder, 0,38 s",
        "#generate": "Erzeugen",
    },
    "zh-CN": {
        "#model-status": "演示模型",
        ".queue-button": "队列 0",
        "#camera .chip": "+ 镜头",
        "#which-seed": "锁定",
        "#advanced": "高级",
        "#preset": "均衡",
        "#length": "快速预览",
        "#quality-note": "仅用于快速预览",
        "#estimate": "9 帧, 0.38 秒",
        "#generate": "生成",
    },
}
"""What the page says once it is loaded: words, plurals and numbers."""
TABS = {
    "de-AT": ["Erstellen", "Galerie", "Seeds", "Film", "Anleitung"],
    "zh-CN": ["创作", "图库", "种子", "短片", "指南"],
}
MADE = {
    "de-AT": ("Abbrechen", "0,38 s", "Gemacht in", "Volle Qualität"),
    "zh-CN": ("取消", "0.38 秒", "用时", "完整质量"),
}
"""What it says of a clip that is made, then of one that was made."""
LOST = """() => [...document.querySelectorAll('#top *, [role=tab], #recipe *, #result *')]
  .filter(part => part.clientWidth > 1 && part.scrollWidth > part.clientWidth + 1
    && ['hidden', 'clip'].includes(getComputedStyle(part).overflowX)
    && part.innerText && part.checkVisibility({visibilityProperty: true}))
  .map(part => part.innerText)"""
"""Words that are cut off on Create."""
OVERLAP = """() => {
  const parts = [...document.querySelectorAll('#model-status button, .queue-button, [role=tab]'
    + ', .picture > .name, .picture > button, .picture .drop span, .helpers .chip, .segments b')]
    .filter(part => part.checkVisibility({visibilityProperty: true}));
  const boxes = parts.map(part => {
    const words = document.createRange();
    words.selectNodeContents(part);
    return (part.matches('button') ? part : words).getBoundingClientRect();
  });
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
  return boxes.flatMap((box, at) => boxes.slice(at + 1).flatMap((other, after) =>
    meet(box, other) ? [`${parts[at].innerText} | ${parts[at + 1 + after].innerText}`] : []));
}"""
"""Words that lie on other words or buttons; lines may touch, as their boxes are higher than ink."""


def visit(browser: Browser, app: RunningApp, locale: str, width: int, height: int) -> Page:
    """A new visitor's page, filled with what the studio answered."""
    context = browser.new_context(
        locale=locale, viewport={"width": width, "height": height}, has_touch=width < 768
    )
    page = context.new_page()
    with page.expect_response("**/gradio_api/run/**"):
        page.goto(app.url)
    expect(page.locator("#estimate p")).to_be_visible()
    return page


@pytest.fixture(params=SAID)
def visitor(request: pytest.FixtureRequest, browser: Browser, app: RunningApp) -> Iterator[Page]:
    """A German's and a Chinese's page."""
    page = visit(browser, app, request.param, 1440, 900)
    yield page
    page.context.close()


def spoken(page: Page) -> str:
    """The language of the visitor's browser."""
    return str(page.evaluate("navigator.language"))


def test_a_visitor_reads_their_language_from_the_first_paint_on(visitor: Page) -> None:
    for part, words in SAID[spoken(visitor)].items():
        expect(visitor.locator(part).first).to_contain_text(words)
    expect(visitor.get_by_role("tab")).to_have_text(TABS[spoken(visitor)])
    assert visitor.evaluate("document.documentElement.lang") == spoken(visitor)[:2]


def test_a_visitor_of_another_language_reads_english(browser: Browser, app: RunningApp) -> None:
    page = visit(browser, app, "fr-FR", 1440, 900)
    expect(page.locator("#generate")).to_have_text("Generate")
    assert page.evaluate("document.documentElement.lang") == "en"
    page.context.close()


def test_a_visitor_reads_their_language_while_a_clip_is_made_and_afterwards(visitor: Page) -> None:
    cancel, length, made_in, full = MADE[spoken(visitor)]
    visitor.locator("#prompt textarea").fill("A red ball bounces by the sea")
    visitor.locator("#preset label").nth(2).click()
    expect(visitor.locator("#estimate")).to_contain_text(length)
    generate(visitor)
    expect(visitor.locator("#cancel")).to_have_text(cancel)
    wait_for_the_clip(visitor)
    for words in (length, made_in, full):
        expect(visitor.locator("#take")).to_contain_text(words)


@pytest.mark.parametrize("locale", SAID)
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_no_word_on_create_is_cut_off_or_lies_on_another(
    browser: Browser, app: RunningApp, locale: str, width: int, height: int
) -> None:
    page = visit(browser, app, locale, width, height)
    assert page.evaluate(LOST) == []
    assert page.evaluate(OVERLAP) == []
    page.context.close()


@pytest.mark.parametrize(("accepted", "language"), [("de", "de"), ("zh-TW", "zh"), ("fr", "en")])
def test_the_page_is_marked_with_its_language(
    app: RunningApp, accepted: str, language: str
) -> None:
    answer = httpx.get(app.url, headers={"Accept-Language": accepted}, timeout=60)
    assert re.findall(r'<html\s+lang="(\w+)"', answer.text) == [language]
    assert "Accept-Language" in answer.headers["vary"]
