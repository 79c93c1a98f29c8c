"""Takes compared: in step, heard one at a time, with a border between, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from chromium import MISSING, opened, serious
from kept import keep, open_library
from playwright.sync_api import BrowserContext, Locator, Page, expect
from running import RunningApp

from ltx_ui.clip import Clip

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)

OPENING = "A red ball bounces by the sea while the sun goes down and the wind blows"
TIMES = (
    "() => [...document.querySelectorAll('dialog.compared video')].map(clip => clip.currentTime)"
)
MOST_APART = 0.15
"""Seconds that clips which play may be apart when a script looks at them one after the other."""


def fill(folder: Path) -> None:
    """Takes of one and of two seconds, at 24 and 12 frames a second, and one of Bob's."""
    library = open_library(folder)

    def add(name: str, prompt: str, frames: int, fps: int) -> None:
        clip = Clip(np.full((frames, 128, 128, 3), 90, np.uint8), fps, None, 24000)
        keep(library, name, "local", prompt=prompt, seed=7, files=library.write(clip, {}))

    add("long", f"{OPENING}. A gull cries.", 48, 24)
    add("short", f"{OPENING}. A bell rings.", 12, 12)
    add("third", "A box", 24, 24)
    add("same", f"{OPENING}. A gull cries.", 24, 24)


@pytest.fixture(scope="module")
def takes_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    folder = tmp_path_factory.mktemp("data")
    fill(folder)
    with RunningApp(folder, "--model", "demo") as app:
        yield app


@pytest.fixture
def page(context: BrowserContext, takes_app: RunningApp) -> Page:
    return opened(context, takes_app)


def compare(page: Page, *takes: str) -> Locator:
    page.evaluate(
        "takes => document.dispatchEvent(new CustomEvent('studio:compare', {detail: {takes}}))",
        list(takes),
    )
    expect(page.locator("dialog.compared")).to_be_visible()
    return page.locator("dialog.compared")


def times(page: Page) -> list[float]:
    found: list[float] = page.evaluate(TIMES)
    return found


def seek(page: Page, time: float) -> None:
    page.locator("dialog.compared .time").fill(str(time))


def test_clips_of_different_lengths_play_in_step_and_a_short_one_waits(page: Page) -> None:
    shown = compare(page, "short", "long", "third")
    expect(shown.locator("video")).to_have_count(3)
    page.wait_for_function(
        "() => document.querySelectorAll('dialog.compared video')[1].currentTime > 0.2"
    )
    page.wait_for_function(
        "() => document.querySelectorAll('dialog.compared video')[1].currentTime > 1.2"
    )
    short, long, third = times(page)
    assert [short, third] == pytest.approx([0.98, 0.98], abs=0.05) and long > 1.2
    page.wait_for_function(
        f"most => {{ const [a, b, c] = ({TIMES})(); return b > 0.1 && b < 0.8"
        " && Math.abs(a - b) < most && Math.abs(c - b) < most; }",
        arg=MOST_APART,
    )
    page.keyboard.press(" ")
    page.wait_for_function(
        "() => [...document.querySelectorAll('dialog.compared video')].every(clip => clip.paused)"
    )
    seek(page, 0.5)
    page.wait_for_function(f"() => ({TIMES})().every(time => Math.abs(time - 0.5) < 0.001)")
    page.locator("dialog.compared .wipes, dialog.compared .close").first.focus()
    page.keyboard.press(".")
    page.wait_for_function(
        f"() => ({TIMES})().every(time => Math.abs(time - 0.5 - 1 / 24) < 0.001)"
    )


def test_one_is_heard_at_a_time_and_none_at_first(page: Page) -> None:
    shown = compare(page, "long", "short")
    expect(shown.locator("video")).to_have_count(2)
    muted = "all => all.map(clip => clip.muted)"
    assert shown.locator("video").evaluate_all(muted) == [True, True]
    page.get_by_role("radio", name="Sound of B").check(force=True)
    assert shown.locator("video").evaluate_all(muted) == [True, False]
    page.get_by_role("radio", name="Sound of A").check(force=True)
    assert shown.locator("video").evaluate_all(muted) == [False, True]


def test_a_border_between_two_is_moved_by_keys(page: Page) -> None:
    shown = compare(page, "long", "short")
    expect(shown.locator(".border")).to_be_hidden()
    page.get_by_role("button", name="Wipe").click()
    page.get_by_label("Where A ends and B begins").press("ArrowRight")
    last = shown.locator("figure").last
    assert "51%" in last.evaluate("figure => getComputedStyle(figure).clipPath")
    first, other = (shown.locator("figure").nth(n).bounding_box() for n in (0, 1))
    assert first == other
    page.keyboard.press("Escape")
    expect(shown).to_be_hidden()
    shown = compare(page, "long", "short", "third")
    expect(shown.locator("video")).to_have_count(3)
    expect(page.get_by_role("button", name="Wipe")).to_have_count(0)


def test_only_what_differs_is_told(page: Page) -> None:
    shown = compare(page, "long", "short")
    rows = shown.locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(rows.locator("th")).to_have_text("Prompt")
    expect(rows.locator("mark")).to_have_text(["gull cries.", "bell rings."])
    expect(rows.locator("td").first).to_have_text("… wind blows. A gull cries.")
    page.keyboard.press("Escape")
    compare(page, "long", "same")
    expect(shown).to_contain_text("Their recipes are the same.")


def test_what_is_not_here_is_left_out_and_one_alone_is_no_comparison(page: Page) -> None:
    shown = compare(page, "long", "gone", "short")
    expect(shown.locator("video")).to_have_count(2)
    expect(shown).to_contain_text("are left out")
    page.keyboard.press("Escape")
    compare(page, "long", "gone")
    expect(shown).to_contain_text("There is nothing to compare")


def test_nothing_bars_the_way(page: Page) -> None:
    shown = compare(page, "long", "short", "third", "same")
    expect(shown.locator("video")).to_have_count(4)
    assert serious(page) == []
