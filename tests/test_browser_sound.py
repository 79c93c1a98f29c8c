"""A sound that the clip is made to, under a creator's hands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from chromium import (
    MISSING,
    arrived,
    fast_preview,
    open_menu,
    serious,
    slide,
    wait_for_the_clip,
    write_prompt,
)
from playwright.sync_api import Locator, Page, expect
from sounds import beats, sound_file

if MISSING:
    pytest.skip("no Chromium here; in CI that is a failure", allow_module_level=True)


def chosen(page: Page, file: Path) -> Locator:
    """The field with a sound in it; it is there once the studio has said what it thinks of it."""
    page.get_by_role("button", name="+ sound file").click()
    field = page.locator("#given-sound .heard")
    field.locator("input[type=file]").set_input_files(file)
    return field


def test_a_clip_is_made_to_a_part_of_a_sound_and_the_sound_is_kept(
    page: Page, tmp_path: Path
) -> None:
    file = tmp_path / "beats.wav"
    file.write_bytes(sound_file(beats(3.0)))
    write_prompt(page, "A ball hears beats")
    fast_preview(page)
    field = chosen(page, file)
    expect(field.locator("audio")).to_be_visible()
    expect(field.locator("canvas")).to_be_visible()
    slide(field, "start", 1.5)
    expect(field).to_contain_text("The clip begins at 1.5 s")
    assert serious(page) == []
    page.locator("#generate").click()
    arrived(page, "A ball hears beats")
    wait_for_the_clip(page)
    src = page.locator("#player video").get_attribute("src") or ""
    take = src.removeprefix("takes/").removesuffix(".mp4")
    recipe = page.request.get(f"{page.url}jobs/{take}").json()["recipe"]
    assert (recipe["audio_start"], recipe["audio_strength"]) == (1.5, 1.0)
    heard = page.request.get(f"{page.url}inputs/{recipe['audio']}/sound")
    assert heard.body() == file.read_bytes()
    slide(field, "strength", 0.5)
    expect(page.locator("#since")).to_contain_text("From 1.50 s")
    page.reload()
    expect(page.locator("#given-sound .heard")).to_contain_text("The clip begins at 1.5 s")
    page.get_by_role("button", name="Remove the sound").click()
    expect(page.locator("#given-sound .heard")).to_have_count(0)
    page.get_by_role("tab", name="Gallery").click()
    menu = open_menu(page, page.locator(f"#gallery .card[data-take='{take}']"))
    menu.get_by_role("button", name="Use all").click()
    expect(field).to_contain_text("The clip begins at 1.5 s")
    expect(field.locator("[name=start]")).to_have_attribute("max", re.compile(r"2\.6[23]"))
    expect(page.locator("#since")).not_to_contain_text("Made to a sound")


def test_a_sound_is_recorded_and_gives_the_clip_its_length(page: Page) -> None:
    write_prompt(page, "A ball hears me")
    fast_preview(page)
    page.get_by_role("button", name="+ sound file").click()
    field = page.locator("#given-sound .heard")
    field.get_by_role("button", name="Record").click()
    stop = field.get_by_role("button", name="Stop recording")
    expect(stop).to_have_attribute("aria-pressed", "true")
    expect(field.locator(".small")).to_be_empty()
    page.evaluate("window.since = performance.now()")
    page.wait_for_function("performance.now() - window.since > 1500")
    stop.click()
    expect(field.locator("audio")).to_be_visible()
    expect(stop).to_have_count(0)
    source = field.locator("audio").get_attribute("src") or ""
    assert page.request.get(page.url + source).body().startswith(b"\x1aE\xdf\xa3")
    field.get_by_role("button", name="As long as the sound").click()
    expect(page.locator("#undo")).to_contain_text("The clip now lasts")
    expect(page.locator("#length p.small")).not_to_contain_text("9 frames")
    assert serious(page) == []


def test_why_nothing_can_be_recorded_is_said(page: Page) -> None:
    page.evaluate("Object.defineProperty(window, 'isSecureContext', {value: false})")
    page.get_by_role("button", name="+ sound file").click()
    field = page.locator("#given-sound .heard")
    field.get_by_role("button", name="Record").click()
    expect(field.locator(".small")).to_contain_text("pages at https:// or on this computer")
    page.evaluate("Object.defineProperty(window, 'isSecureContext', {value: true})")
    refusal = "() => Promise.reject(new DOMException('', 'NotAllowedError'))"
    page.evaluate(f"() => {{ navigator.mediaDevices.getUserMedia = {refusal}; }}")
    field.get_by_role("button", name="Record").click()
    expect(field.locator(".small")).to_contain_text("doesn’t let this page use the microphone")
    page.evaluate("window.MediaRecorder = undefined")
    field.get_by_role("button", name="Record").click()
    expect(field.locator(".small")).to_contain_text("can’t record a sound that is taken here")


def test_what_is_no_sound_is_said_and_keeps_generate_back(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "words.wav"
    file.write_bytes(b"not a sound at all" * 20)
    write_prompt(page, "A ball hears words")
    fast_preview(page)
    field = chosen(page, file)
    expect(field.locator(".small")).to_contain_text("WAV, MP3, FLAC, M4A or OGG")
    page.locator("#generate").click()
    expect(page.locator("#problem")).to_contain_text("Choose another sound")
